"""The event engine: backtrader, with a broker that fills by the rules and a loop that skips idle sessions.

Cerebro, Strategy, the execution of orders, positions and commission schemes are backtrader's own. By
subclassing:

*   `SessionBroker` fills an order the moment it is sent in ``next_open`` (cheat-on-open, at the fill price of
    that session), so that a buy is sized on the cash that the sells have really brought; `MarginBroker` does
    so for an account that may go short;
*   both value all holdings at once with NumPy, summing in the order in which backtrader does;
*   `SessionCerebro` visits only sessions on which something happens and fills in the books between them.
"""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt

from backtests.engine.backtrader_cash import Rebalancer, SessionBroker
from backtests.engine.backtrader_margin import MarginBroker, MarginRebalancer
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Decide, Ledger, Rows
from backtests.engine.feed import BarIndex, feeds
from backtests.engine.terms import Account
from backtests.options.overlay import hedge_table
from datafeeds.market import Market


class SessionCerebro(bt.Cerebro):  # type: ignore[misc]
    """Backtrader's Cerebro with a loop that visits only the sessions on which something happens."""

    def _runonce(self, runstrats: list[Any]) -> None:
        strategy = runstrats[0]
        strategy._once()
        strategy.reset()
        session, count, index = -1, len(strategy.equity), self.datas[0].p.index
        while (busy := strategy.next_busy(session)) < count:
            strategy.idle(session + 1, busy)
            index.position = session = busy
            strategy._oncepost_open()
            self._brokernotify()
            strategy._oncepost(self.datas[0].datetime[0])
        strategy.idle(session + 1, count)


def run(market: Market, decide: Decide, deciding: npt.NDArray[np.bool_], account: Account) -> Ledger:
    """Run decisions through backtrader.

    Parameters
    ----------
    market : Market
    decide : callable
        See `Decide`; called at the close of each decision session and of the run's first session.
    deciding : ndarray of bool, shape (market sessions,)
        Which sessions are decision sessions.
    account : Account

    Returns
    -------
    Ledger
        With ``decisions=()``: an engine knows weights, not reasons.
    """
    cerebro = SessionCerebro(stdstats=False, cheat_on_open=True, preload=True, runonce=True)
    datas = feeds(market, account.first, account.last, range(len(market.symbols)), BarIndex(), whole=False)
    for data in datas:
        cerebro.adddata(data)
    broker = SessionBroker() if account.long_only else MarginBroker()
    broker.prepare(market, account, datas)
    cerebro.setbroker(broker)
    keeper = Rebalancer if account.long_only else MarginRebalancer
    cerebro.addstrategy(keeper, market=market, account=account, decide=decide, deciding=deciding)
    (books,) = cerebro.run()
    for data in datas:
        data.release()
    sessions = market.sessions[account.first : account.last + 1]
    ledger = Ledger(
        sessions=sessions,
        symbols=market.symbols,
        equity=books.equity,
        cash=books.cash,
        dividends=books.dividends,
        interest=books.interest,
        executions=Rows.of(FILL_COLUMNS, books.fills),
        endings=Rows.of(UNFILLED_COLUMNS, books.unfilled),
        decisions=(),
        hedge=None
        if account.overlay is None
        else hedge_table(account.overlay, books.hedges.record, sessions, account.first),
        borrow=None if account.long_only else books.borrow,
        sold=None if account.long_only else books.sold,
    )
    # They name each other, and Python finds out much later that nobody else does.
    for each in (books, broker, cerebro):
        each.__dict__.clear()
    return ledger
