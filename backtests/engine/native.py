"""A native ``bt.Strategy``: backtrader runs it as it is, and its broker's notifications become a ledger.

It holds its feeds, so nothing keeps it from looking ahead (``data.close[1]`` is tomorrow), and its orders are
its own, so no second engine can recompute them. Both stand in the manifest.
"""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import numpy.typing as npt

from backtests.engine.backtrader_cash import CostScheme
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Ledger, Rows
from backtests.engine.failures import problem_in
from backtests.engine.feed import EPOCH_ORDINAL, feeds
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.rules import interest_factors, tradable
from backtests.engine.terms import Account
from datafeeds.market import Market
from strategies.target import StrategyError


class Broker(bt.brokers.BackBroker):  # type: ignore[misc]
    """Backtrader's broker; dividends and interest come in before a session's orders fill."""

    params = (("coc", False), ("checksubmit", True))

    def prepare(self, market: Market, account: Account, columns: list[int]) -> None:
        """Take the starting cash, costs and payments."""
        window = slice(account.first, account.last + 1)
        self._payments = market.dividend[window][:, columns]
        self._traded = tradable(market)[window][:, columns]
        self._gone = market.gone[window][:, columns]
        self._growth = interest_factors(market, account)
        self._kept = 1.0 - account.costs.dividend_withholding
        self.dividends, self.interest = np.zeros(len(self._growth)), np.zeros(len(self._growth))
        self.set_cash(account.capital)
        costs = account.costs
        self.addcommissioninfo(CostScheme(rate=costs.commission_rate, per_share=costs.commission_per_share))
        self.set_slippage_perc(costs.half_spread, slip_open=True, slip_limit=False, slip_out=True)

    def _try_exec(self, order: Any) -> None:
        """Fill an order unless its symbol is halted or has no bar; once delisted it is settled."""
        session, position = len(self.cerebro.datas[0]) - 1, self.cerebro.datas.index(order.data)
        if self._traded[session, position] or self._gone[session, position]:
            super()._try_exec(order)

    def next(self) -> None:
        """Receive, then fill."""
        session = len(self.cerebro.datas[0]) - 1
        held = np.array([self.getposition(data).size for data in self.cerebro.datas])
        self.dividends[session] = float((held * self._payments[session]).sum()) * self._kept
        self.interest[session] = self.cash * self._growth[session]
        self.cash += self.dividends[session] + self.interest[session]
        super().next()


class Bookkeeper(bt.Analyzer):  # type: ignore[misc]
    """Writes down what the broker reports, and closes positions in symbols that have stopped trading."""

    params = (("market", None), ("account", None), ("columns", None))

    def start(self) -> None:
        """Begin with empty books."""
        account: Account = self.p.account
        count = account.last + 1 - account.first
        self.sessions = self.p.market.sessions[account.first : account.last + 1]
        self.gone = self.p.market.gone[account.first : account.last + 1, self.p.columns]
        self.equity, self.cash = np.zeros(count), np.zeros(count)
        self.fills: list[tuple[Any, ...]] = []
        self.unfilled: list[tuple[Any, ...]] = []
        self.settling: set[int] = set()

    def prenext(self) -> None:
        """Keep the books while indicators warm up, too."""
        self.next()

    def next(self) -> None:
        """Write down the close."""
        session = len(self.data) - 1
        broker = self.strategy.broker
        self.equity[session], self.cash[session] = broker.getvalue(), broker.getcash()
        for position, data in enumerate(self.datas):
            if self.gone[session, position] and broker.getposition(data).size:
                self.settling.add(self.strategy.close(data=data).ref)

    def notify_order(self, order: Any) -> None:
        """Write down a fill, or the end of an order that was not filled."""
        column = self.p.columns[self.datas.index(order.data)]
        if order.status == order.Completed:
            done = order.executed
            session = int(np.searchsorted(self.sessions, _day(done.dt)))
            market_order = order.exectype == order.Market
            reference = float(order.data.open[0]) if market_order else done.price
            spread = abs(done.size) * abs(done.price - reference)
            kind = "delisting" if order.ref in self.settling else "order"
            row = (session, column, done.size, done.price, reference, done.comm, spread, 0.0, kind)
            self.fills.append(row)
        elif not order.alive():
            self.unfilled.append((len(self.data) - 1, column, np.nan, order.getstatusname().lower()))


def _day(number: float) -> np.datetime64:
    return np.datetime64(int(number) - EPOCH_ORDINAL, "D")


def run(market: Market, native: NativeStrategy, cls: type[bt.Strategy], account: Account) -> Ledger:
    """Run a native strategy, an instance of `cls`, on the feeds of `market`.

    Orders fill at the next session's open by backtrader's rules (a buy that the cash does not cover is
    rejected, and listed among the unfilled).

    Raises
    ------
    StrategyError
        If the account asks for what backtrader's broker does not do, or the strategy's code fails.
    """
    _check_account(account)
    columns = _columns(market, native, account)
    cerebro = bt.Cerebro(stdstats=False)
    for feed in feeds(market, account.first, account.last, columns):
        cerebro.adddata(feed)
    broker = Broker()
    broker.prepare(market, account, columns)
    cerebro.setbroker(broker)
    cerebro.addstrategy(cls, **native.settings)
    cerebro.addanalyzer(Bookkeeper, _name="books", market=market, account=account, columns=columns)
    try:
        (ran,) = cerebro.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise StrategyError(f"{cls.__name__}: {problem_in(error, native.name)}") from error
    books = ran.analyzers.books
    return Ledger(
        sessions=books.sessions,
        symbols=market.symbols,
        equity=books.equity,
        cash=books.cash,
        dividends=broker.dividends,
        interest=broker.interest,
        executions=Rows.of(FILL_COLUMNS, books.fills),
        endings=Rows.of(UNFILLED_COLUMNS, books.unfilled),
        decisions=(),
    )


def _check_account(account: Account) -> None:
    asked = {
        "lag": account.lag,
        "fractional_shares": account.fractional_shares,
        "overlay": account.overlay is not None,
        "costs.impact": account.costs.impact,
        "costs.max_participation": account.costs.max_participation,
    }
    refused = [f"{key} = {value}" for key, value in asked.items() if value]
    if refused:
        raise StrategyError(f"a native strategy sends its own orders: {', '.join(refused)} can't be kept")


def _columns(market: Market, native: NativeStrategy, account: Account) -> list[int]:
    priced: npt.NDArray[np.bool_] = np.isfinite(market.mark[account.first])
    if not native.symbols:
        return [int(column) for column in np.flatnonzero(priced & np.isin(market.kinds, ("stock", "etf")))]
    columns = [int(column) for column in market.columns_of(native.symbols)]
    late = [market.symbols[column] for column in columns if not priced[column]]
    if late:
        raise StrategyError(
            f"{', '.join(late)} had no price by {market.sessions[account.first]}; backtrader's indicators "
            "would start from nothing: begin later or leave them out"
        )
    return columns
