"""The rules of trading, in words, and the arithmetic that both engines share.

Both follow these rules, in this order, to the last bit. They share the arithmetic below and the prices of
the `Market`; the book-keeping is written twice, so that one can check the other.

A symbol trades on a session if it has a bar then and is not halted: a volume of exactly 0 is a halt, except
of an index, which has none. An unknown volume is no halt.

A session t, symbols always in column order:

1.  Interest. From the run's second session on, cash earns ``cash * (rate * days / 365)`` for the calendar
    days since the session before, at the yearly rate known at that session's close: `cash_returns`.
2.  Dividends. Each holding of the previous close earns ``shares * dividend * (1 - withholding)``.
3.  Delistings. A symbol that counts as delisted (`Market.gone`: no bar on the last ten sessions, t-1 the
    last of them, while others traded) is closed at its last close, without costs, and the fill says
    ``delisting``. An open order in it ends, unfilled, reason ``delisted``. That a symbol ends can't be known
    on its last bar; until it is, a holding stands at its last close and an order waits.
4.  A target decided on session t-1-lag takes effect: orders still open end, unfilled, reason ``superseded``,
    and every symbol that is held or wanted has a new open order, a wish for a weight. A wish for a symbol
    that counts as delisted is unfilled at once, reason ``delisted``.
5.  Orders fill. The equity they are sized on is cash plus ``shares * price``, at the fill price of session t
    (the open; the close where no open is known) or, for a symbol that does not trade, at its last close
    before it. An order in a symbol that does not trade waits. First the sells, then the buys:
    *   wanted shares are ``wanted_shares(weight, equity, price)``; their difference to the holding is the
        order;
    *   `capped_shares` limits it to a share of volume (`PARTICIPATION_VOLUME`); a capped order stays open;
    *   a sell fills at ``price * (1 - slip)``, a buy at ``price * (1 + slip)``, where slip is the half-spread
        plus `impact_fraction`;
    *   if the buys, costs included, need more than the cash at hand, each is scaled by cash / needed. While
        a sell is still open (not traded, or capped) such a buy stays open too. A last guard shrinks a buy
        that rounding would let overdraw, by `shrunk_shares`: cash never falls below zero.
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
    *   then, if the standing ratio is above 0, ``hedge_units(ratio, invested, close of the underlying)`` are
        wanted, where invested is the worth of the holdings of rule 6: cash needs no hedge. `payable_units`
        cuts them to the budget, ``allowance * equity``, where equity is cash plus those holdings once
        everything is settled, and then to the cash at hand, and `shrunk_shares` guards against rounding as
        for a buy: cash never falls below zero;
    *   cash pays ``units * ask``.
    After that each slot's ``units * mark`` is summed in order, and equity is ``(cash + holdings) + hedge``.
    Orders are sized (rule 5) on cash and holdings alone; weights shown to strategies are shares of all
    equity. What is held when the run ends is marked, not sold.

After the last session open orders end, unfilled, reason ``run ended``.

A strategy that may go short has a margin account. Without a short its books are those of a cash account. The
rules above hold with these changes:

1.  Cash below zero pays ``cash * (rate + loan_spread) * days / 365``. Cash earns its rate on the proceeds of
    shorts, too: they stay in the account. Then each short of the previous close pays for what it borrows,
    ``value at the previous close * yearly rate * days / 360`` (stock loans are charged actual/360), at the
    rate in force at that close: `borrow_factors`.
2.  A short owes the whole dividend; nothing is withheld from it.
3.  A short in a delisted symbol is bought back at the last close, and the fill says ``delisting``.
4.  A weight below zero is a wish, too.
5.  Equity below zero counts as zero. Wanted shares are rounded towards zero. An order whose holding lies on
    the other side closes first and opens then: two fills. Sells that open a short are sells. Before anything
    fills:
    *   a short can't be opened or enlarged in a symbol that can't be borrowed (`borrowable`): that part of
        the order is unfilled, reason ``can't be borrowed``;
    *   what would open or enlarge positions is scaled alike (`opened_share`), so that the equity at the fill
        prices, less what the session's orders cost, is at least `margin_required` of what is then held, at
        the initial rates: unfilled, reason ``initial margin``. What closes positions is never scaled.
    If the buys need more cash than there is, those that buy back shorts come first, whole, and what is left
    is shared among the rest. An order scaled for cash or margin stays open while a sell, or an order that
    buys back a short, is still open (does not trade, or is capped). Buying back may bring cash below zero.
6.  A short is added in one addition, its value below zero.
9.  Forced trades, after rule 3 and before rule 4, in column order, at the fill prices of symbols that trade,
    with all costs, but whatever the volume; the fill says why. What does not trade waits.
    *   ``recall``: a short in a symbol that could not be borrowed on the session before is bought back.
    *   ``margin call``: if at the close before equity was less than `margin_required` at the maintenance
        rates, every position is cut to the share `kept_share` of it that the initial rates allow at today's
        fill prices.
    *   ``closed out``: once equity was not above zero at a close, trading has stopped. Every position is
        closed as soon as it trades; open orders and later wishes are unfilled, reason ``account closed``.

The functions work on floats in a fixed order, without powers or transcendental functions, so that compiled
code gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # they take a third of a second to import, which a rule about plain numbers does without
    import pandas as pd

    from backtests.engine.books import Ledger
    from backtests.engine.terms import Account, Costs
    from datafeeds.market import Array, Dates, Market

AVERAGE_SESSIONS = 21
"""Sessions before a session over which its volatility and average volume are taken."""

STALE_DAYS = 14
"""Calendar days after which a yearly rate no longer counts as known."""

LARGEST_IMPACT = 0.5
"""The square-root law is cut off here: it was never fitted to trades that halve the price."""


LOAN_DAYS = 360.0
"""Days of a year by which stock loans are charged."""

LARGEST_COMMISSION = 0.9
"""Share of a trade's value that a commission is cut off at, so that every sell brings in cash."""


def cash_returns(market: Market, sessions: Dates, cash_rate: float | str) -> Array:
    """What cash returns in each session: the one owner of this, for books and for what is measured on them.

    Parameters
    ----------
    market : Market
    sessions : ndarray of datetime64[D]
        A stretch of sessions, such as ``ledger.sessions``.
    cash_rate : float or str
        Yearly rate as a fraction, or the name of a series of the market in percent, such as ``"us3m"``: a
        session earns the rate that was known at the close before it.

    Returns
    -------
    ndarray, shape (sessions,)
        Simple interest, actual/365, since the session before. 0 in the first session, and where no value of
        the last 14 days was known.

    Raises
    ------
    MarketError
        If the market has no such series, naming the nearest.
    """
    rate = _yearly_rate(market, sessions[:-1], cash_rate) if isinstance(cash_rate, str) else cash_rate
    return np.concatenate([[0.0], np.nan_to_num(simple_interest(rate, sessions))])


def asked_at(deciding: npt.NDArray[np.bool_], account: Account) -> npt.NDArray[np.int64]:
    """Positions of the sessions at whose close an engine asks: the run's decision sessions, and its first."""
    within = np.arange(account.first, account.last + 1)
    asked: npt.NDArray[np.int64] = within[deciding[within] | (within == account.first)]
    return asked


def simple_interest(yearly: Array | float, sessions: Dates) -> Array:
    """Interest of each session after the first at a yearly rate, actual/365, shape (..., sessions - 1)."""
    interest: Array = yearly * np.diff(sessions).astype(np.float64) / 365.0
    return interest


def _yearly_rate(market: Market, sessions: Dates, series: str) -> Array:
    """A series in percent as a fraction, as known at each close; NaN where it is not."""
    from datafeeds.series import series_table  # see above

    return series_table(market, series).at_close(sessions, stale_days=STALE_DAYS) / 100.0


def interest_factors(market: Market, account: Account) -> Array:
    """Interest per unit of cash for each of the run's sessions, shape (run sessions,); first is 0."""
    sessions = market.sessions[account.first : account.last + 1]
    return cash_returns(market, sessions, account.costs.cash_rate)


def loan_factors(market: Market, account: Account) -> Array:
    """What a unit of cash below zero pays beside the cash rate in each of the run's sessions; first is 0."""
    sessions = market.sessions[account.first : account.last + 1]
    return np.concatenate([[0.0], simple_interest(account.margin.loan_spread, sessions)])


def borrow_factors(market: Market, account: Account) -> Array:
    """Fee per unit of a short's value at the close before, shape (run sessions, symbols); first row is 0."""
    sessions = market.sessions[account.first : account.last + 1]
    days = np.diff(sessions).astype(np.float64)
    known = _in_force(market, "rate", account.costs.borrow_rate)
    rates = known[account.first : account.last + 1]
    factors = np.zeros_like(rates)
    factors[1:] = rates[:-1] * (days / LOAN_DAYS)[:, None]
    return factors


def borrowable(market: Market) -> npt.NDArray[np.bool_]:
    """Whether each symbol can be borrowed on each session, shape (sessions, symbols)."""
    found: npt.NDArray[np.bool_] = _in_force(market, "available", 1.0) > 0.0
    return found


def _in_force(market: Market, column: str, default: float) -> Array:
    """What the table of borrowing says on each session; a blank says nothing new."""
    values = np.full(market.close.shape, default)
    table = market.borrow[market.borrow[column].notna() & market.borrow["symbol"].isin(market.symbols)]
    begins = np.searchsorted(market.sessions, table["date"].to_numpy().astype("datetime64[D]"))
    said = table[column].to_numpy(dtype=np.float64)
    for begin, symbol, value in zip(begins.tolist(), table["symbol"], said.tolist(), strict=True):
        values[begin:, market.column[symbol]] = value
    return values


def cash_limits(market: Market, account: Account) -> tuple[str, ...]:
    """What a reader must know of the interest that the run's cash earns."""
    rate = account.costs.cash_rate
    if not rate:
        return (
            "Cash earns nothing (costs.cash_rate = 0). This flatters portfolios that hold little of it, and "
            "every Sharpe ratio and alpha: no return of cash is subtracted.",
        )
    if not isinstance(rate, str):
        return ()
    unknown = np.isnan(_yearly_rate(market, market.sessions[account.first : account.last], rate))
    if not unknown.any():
        return ()
    day = market.sessions[account.first + int(np.argmax(unknown))]
    return (
        f"Cash earned nothing in {int(unknown.sum())} sessions, first after {day}: series {rate!r} had no "
        f"value of the last {STALE_DAYS} days.",
    )


def terms_without_effect(costs: Costs, market: Market) -> dict[str, str]:
    """Why terms that a run sets can do nothing on its market: a sentence by the name of each."""
    found = {}
    if costs.dividend_withholding:
        listed = any((row > 0.0).any() for row in market.dividend)
        adjusted = market.adjustment == "total_return"
        if adjusted or not listed:
            why = "Dividends are inside the prices" if adjusted else "The market lists no dividend"
            said = f"costs.dividend_withholding = {costs.dividend_withholding:g} has no effect"
            found["dividend_withholding"] = f"{why}: {said}."
    for name, effect in (("impact", "no price is moved"), ("max_participation", "no order is capped")):
        if (given := getattr(costs, name)) and not any(np.isfinite(row).any() for row in market.volume):
            found[name] = f"The market knows no volume: costs.{name} = {given:g} has no effect: {effect}."
    return found


def lost_account(ledger: Ledger) -> str:
    """When an account was lost, in a sentence; empty if it was not."""
    lost = np.flatnonzero(~(ledger.equity > 0.0))
    if not len(lost):
        return ""
    day, worth = ledger.sessions[lost[0]], float(ledger.equity[lost[0]])
    held = np.flatnonzero(ledger.positions[max(lost[0] - 1, 0)])
    names = ", ".join(ledger.symbols[column] for column in held[:5])
    return (
        f"the account was lost: at the close of {day} equity was {worth:,.0f}, not above zero, with {names} "
        "held the day before. Everything was closed as soon as it traded and trading stopped; there are no "
        "returns to measure after that. Ask for smaller shorts, or for more [margin]"
    )


def margin_limits(ledger: Ledger, market: Market, account: Account) -> tuple[str, ...]:
    """What a reader must know of a book that went short."""
    if not ledger.went_short:
        return ()
    said = set(market.borrow["symbol"])
    short = [ledger.symbols[column] for column in np.flatnonzero((ledger.positions < 0).any(axis=0))]
    assumed = [symbol for symbol in short if symbol not in said]
    if not assumed:
        return ()
    more = f" and {len(assumed) - 5} more" if len(assumed) > 5 else ""
    return (
        f"Nothing is known of loans of {', '.join(assumed[:5])}{more}, which were sold short: they "
        f"are taken to be there at {account.costs.borrow_rate:.2%} a year (costs.borrow_rate).",
    )


def tradable(market: Market) -> npt.NDArray[np.bool_]:
    """Whether each symbol trades on each session: it has a bar and is not halted."""
    trades: npt.NDArray[np.bool_] = market.traded & ~halted(market)
    return trades


def halted(market: Market) -> npt.NDArray[np.bool_]:
    """Whether a stock or fund has a volume of exactly 0 on each session, shape (sessions, symbols)."""
    still: npt.NDArray[np.bool_] = (market.volume == 0.0) & (market.kinds != "index")
    return still


def last_known(market: Market, session: int) -> Array:
    """Last close before a session, shape (symbols,); NaN before the second."""
    return market.mark[session - 1] if session else np.full(len(market.symbols), np.nan)


def average_volume(market: Market) -> Array:
    """Mean of the known volumes of the 21 sessions before each session; NaN where none is known."""
    return _before(_mean_volume(market.volume))


def _mean_volume(volume: Array) -> pd.DataFrame:
    """Mean of the known volumes of 21 sessions, by the last of them."""
    import pandas as pd  # see above

    return pd.DataFrame(volume).rolling(AVERAGE_SESSIONS, min_periods=1).mean()


def _before(known: pd.DataFrame) -> Array:
    """What was known before each session, of what is known at its close."""
    return known.shift(1).to_numpy()


def session_volume(market: Market) -> Array:
    """Volume of each session itself."""
    return market.volume


PARTICIPATION_VOLUME: Mapping[str, Callable[[Market], Array]] = MappingProxyType(
    {"known": average_volume, "session": session_volume}
)
"""What `Costs.max_participation` is a share of, by `Costs.participation_volume`."""


def volatility(market: Market) -> Array:
    """Standard deviation of the returns of the 21 sessions before each session; NaN until there are 21."""
    return _before(_deviation(market.mark))


def _deviation(mark: Array) -> pd.DataFrame:
    """Standard deviation of 21 sessions' returns, by the last of them."""
    import pandas as pd  # see above

    returns = np.full(mark.shape, np.nan)
    returns[1:] = mark[1:] / mark[:-1] - 1.0
    return pd.DataFrame(returns).rolling(AVERAGE_SESSIONS).std()


_WORKED_OUT: WeakKeyDictionary[Market, dict[Callable[[Market], Array], Array]] = WeakKeyDictionary()


def worked_out(market: Market, rule: Callable[[Market], Array]) -> Array:
    """What `rule` makes of a market, once for all books that are kept on it; nobody may write to it."""
    known = _WORKED_OUT.setdefault(market, {})
    if rule not in known:
        known[rule] = np.ascontiguousarray(rule(market)).view()
        known[rule].setflags(write=False)
    return known[rule]


def impact_inputs(market: Market) -> tuple[Array, Array]:
    """`volatility` and `average_volume`, both of shape (sessions, symbols)."""
    return worked_out(market, volatility), worked_out(market, average_volume)


def coming_inputs(market: Market, session: int) -> tuple[Array, Array]:
    """`volatility` and `average_volume` for the session after `session`, which need not be known yet."""
    rows = slice(max(0, session - AVERAGE_SESSIONS), session + 1)
    deviation, volume = _deviation(market.mark[rows]), _mean_volume(market.volume[rows])
    return deviation.iloc[-1].to_numpy(), volume.iloc[-1].to_numpy()


def quoted(
    shares: float, reference: float, costs: Costs, volatility: float, average_volume: float
) -> tuple[float, float, float]:
    """What an order over `shares`, signed, costs: price after spread and impact, commission, impact."""
    impact = 0.0
    if costs.impact > 0:
        impact = impact_fraction(abs(shares), costs.impact, volatility, average_volume)
    slip = costs.half_spread + impact
    price = reference * (1.0 + slip) if shares > 0 else reference * (1.0 - slip)
    return price, commission(abs(shares), price, costs.commission_rate, costs.commission_per_share), impact


def impact_fraction(shares: float, impact: float, volatility: float, average_volume: float) -> float:
    """Relative price move that trading `shares` (unsigned) causes: the square-root law.

    0 where volume or volatility are unknown; at most `LARGEST_IMPACT`.
    """
    if impact <= 0.0 or not (average_volume > 0.0) or not (volatility > 0.0):
        return 0.0
    return min(impact * volatility * math.sqrt(shares / average_volume), LARGEST_IMPACT)


def commission(shares: float, price: float, rate: float, per_share: float) -> float:
    """Commission in money for `shares` (unsigned) at `price`; at most `LARGEST_COMMISSION` of the trade."""
    return min(shares * rate * price + shares * per_share, shares * price * LARGEST_COMMISSION)


def wanted_shares(weight: float, equity: float, price: float, fractional: bool) -> float:
    """Shares that `weight` of `equity` buys at `price`, whole unless `fractional`."""
    shares = weight * equity / price
    return shares if fractional else float(math.floor(shares))


def capped_shares(shares: float, volume: float, participation: float, fractional: bool) -> float:
    """`shares` (unsigned), but no more than `participation` of `volume`."""
    if participation <= 0.0 or math.isnan(volume):
        return shares
    most = participation * volume
    if not fractional:
        most = float(math.floor(most))
    return min(shares, most)


def shrunk_shares(shares: float, step: int, fractional: bool) -> float:
    """The next smaller size to try for a buy that the cash does not quite cover.

    Parameters
    ----------
    shares : float
        Size that was too large.
    step : int
        How often it was shrunk before; steps grow fourfold from one part in 10^12.
    fractional : bool
        Otherwise one share less, from the ninth step on four, sixteen, ...: beyond 2^53 shares one less is
        the same number.
    """
    if not fractional:
        fewer = 1.0
        for _ in range(8, step):
            fewer *= 4.0
        return shares - fewer
    if step >= 20:
        return 0.0
    cut = 1e-12
    for _ in range(step):
        cut *= 4.0
    return shares * (1.0 - cut)


def hedge_units(ratio: float, invested: float, price: float) -> float:
    """Units of a structure whose notional at the underlying's `price` is `ratio` of what is `invested`."""
    return ratio * invested / price


def payable_units(units: float, ask: float, money: float) -> float:
    """`units`, but no more than `money` pays for at `ask` each."""
    return money / ask if units * ask > money else units


def signed_shares(weight: float, equity: float, price: float, fractional: bool) -> float:
    """`wanted_shares`, of a weight that may be below zero: rounded towards zero."""
    shares = weight * equity / price
    if fractional:
        return shares
    return float(math.floor(shares)) if shares >= 0.0 else -float(math.floor(-shares))


def margin_required(value: float, long: float, short: float) -> float:
    """Equity that must stand behind a position of this value, signed, at the rates of each side."""
    return value * long if value > 0.0 else -value * short


def opened_share(room: float, needed: float) -> float:
    """Share of what would be opened that `room` allows, where it asks for `needed`."""
    if needed <= room:
        return 1.0
    return room / needed if room > 0.0 else 0.0


def kept_share(equity: float, required: float) -> float:
    """Share of all positions that `equity` allows to keep, where they ask for `required`."""
    if not equity > 0.0:
        return 0.0
    return 1.0 if required <= equity else equity / required


def kept_shares(shares: float, share: float, fractional: bool) -> float:
    """What is left of `shares`, signed, if `share` of them is kept: whole unless `fractional`."""
    kept = shares * share
    if fractional:
        return kept
    return float(math.floor(kept)) if kept > 0.0 else -float(math.floor(-kept))
