"""Engines turn decisions into books: `event` runs backtrader, `ledger` a compiled kernel.

Both follow these rules, in this order, to the last bit. They share the arithmetic of `backtests.account` and
the prices of the `Market`; the book-keeping is written twice, so that one can check the other.

A session t, symbols always in column order:

1.  Interest. From the run's second session on, cash earns ``cash * (cash_rate * days / 365)`` for the
    calendar days since the session before.
2.  Dividends. Each holding of the previous close earns ``shares * dividend * (1 - withholding)``.
3.  Delistings. A symbol whose last bar was session t-1 is closed at its last close, without costs, and the
    fill says ``delisting``. An open order in it ends, unfilled, reason ``delisted``.
4.  A target decided on session t-1-lag takes effect: orders still open end, unfilled, reason ``superseded``,
    and every symbol that is held or wanted has a new open order, a wish for a weight. A wish for a symbol
    whose bars have ended is unfilled at once, reason ``delisted``.
5.  Orders fill. The equity they are sized on is cash plus ``shares * price``, at the fill price of session t
    (the open; the close where no open is known) or, without a bar, at the last close.
    An order in a symbol without a bar waits. First the sells, then the buys:
    *   wanted shares are ``wanted_shares(weight, equity, price)``; their difference to the holding is the
        order;
    *   `capped_shares` limits it to a share of the session's volume; a capped order stays open;
    *   a sell fills at ``price * (1 - slip)``, a buy at ``price * (1 + slip)``, where slip is the half-spread
        plus `impact_fraction`;
    *   if the buys, costs included, need more than the cash at hand, each is scaled by cash / needed. While
        a sell is still open (no bar, or capped) such a buy stays open too. A last guard shrinks a buy that
        rounding would let overdraw, by `shrunk_shares`: cash never falls below zero.
    An order that is not kept open by one of these has ended.
6.  Close. With ``value = shares * close`` and ``gain = shares * (close - average price)`` the holdings are
    summed in column order, in two separate additions each, ``total += value - gain; total += gain``, and
    cash is added last: this is how backtrader sums. The close of a symbol without a bar is its last one.
7.  Decision, at the close, if the schedule says so; always at the run's first session.
8.  Hedges, where the account has an overlay: after the marking of rule 6 and before the decision of rule 7.
    The hedge ratios of a target take effect with its weights (rule 4) and stand until the next target's.
    Options change hands only at rolls, at the close; prices per unit are the overlay's. At a roll of its
    slot, slots in order:
    *   first what is held is settled: cash gains ``units * receive``, payoff or proceeds;
    *   then, if the standing ratio is above 0, ``hedge_units(ratio, equity, close of the underlying)`` are
        wanted, where equity is cash plus the holdings of rule 6 once everything is settled, without options;
        `payable_units` cuts them to the budget, ``allowance * equity``, and then to the cash at hand, and
        `shrunk_shares` guards against rounding as for a buy: cash never falls below zero;
    *   cash pays ``units * ask``.
    After that each slot's ``units * mark`` is summed in order, and equity is ``(cash + holdings) + hedge``.
    Orders are sized (rule 5) on cash and holdings alone; weights shown to strategies are shares of all
    equity. What is held when the run ends is marked, not sold.

After the last session open orders end, unfilled, reason ``run ended``.
"""
