"""One function an engine: run a workload and return the final equity.

Each is written as that engine's users would write it. Where a peer can't do what the workload asks, its
function says what it does instead, and the results page repeats it. Each function imports its engine: peers
are optional, and memory is measured with one engine loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.terms import Account, Costs
from benchmarks.workloads import CAPITAL, COMMISSION_BPS, Workload

RATE = COMMISSION_BPS / 10_000.0


@dataclass(frozen=True)
class Peer:
    """An engine under test.

    Attributes
    ----------
    name : str
    run : callable
        From a workload to final equity.
    needs : str
        Module that must be installed.
    runs : int
        Timed runs: fewer for the slow.
    note : str
        How its final equity can differ.
    """

    name: str
    run: Callable[[Workload], float]
    needs: str
    runs: int
    note: str


def account(workload: Workload) -> Account:
    """The account that our engines keep."""
    costs = Costs(commission_bps=COMMISSION_BPS, half_spread_bps=0.0)
    return Account(CAPITAL, costs, 0, False, 0, len(workload.market.sessions) - 1)


def ledger_engine(workload: Workload) -> float:
    """Our compiled engine: the whole call, books and tables included."""
    from backtests.engine import kernel as ledger

    books = ledger.replay(workload.market, workload.targets, workload.sessions, account(workload))
    return float(books.equity[-1])


def event_engine(workload: Workload) -> float:
    """Our engine on backtrader."""
    from backtests.engine import backtrader as event

    rows = dict(zip(workload.sessions.tolist(), workload.targets, strict=True))
    deciding = np.zeros(len(workload.market.sessions), dtype=bool)
    deciding[workload.sessions] = True
    books = event.run(
        workload.market, lambda session, weights: rows.get(session), deciding, account(workload)
    )
    return float(books.equity[-1])


def stock_backtrader(workload: Workload) -> float:
    """Backtrader the usual way: PandasData feeds, `order_target_percent` in `next`, sells first."""
    import backtrader as bt

    days = [day.date() for day in workload.index]
    plan = {
        days[session]: row for session, row in zip(workload.sessions.tolist(), workload.targets, strict=True)
    }

    class Rotation(bt.Strategy):  # type: ignore[misc]
        def next(self) -> None:
            row = plan.get(self.data.datetime.date(0))
            if row is None:
                return
            value = self.broker.getvalue()
            held = [self.getposition(data).size * data.close[0] / value for data in self.datas]
            for column in sorted(range(len(row)), key=lambda column: row[column] - held[column]):
                if row[column] > 0 or held[column] > 0:
                    self.order_target_percent(self.datas[column], row[column])

    cerebro = bt.Cerebro(stdstats=False)
    fields = {field: workload.frame(field) for field in ("open", "high", "low", "close", "volume")}
    for symbol in workload.market.symbols:
        bars = {field: frame[symbol] for field, frame in fields.items()}
        cerebro.adddata(bt.feeds.PandasData(dataname=pd.DataFrame(bars), name=symbol))
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission=RATE)
    cerebro.addstrategy(Rotation)
    cerebro.run()
    return float(cerebro.broker.getvalue())


def bt_library(workload: Workload) -> float:
    """The library bt: target weights given on the decision sessions."""
    import bt

    closes = workload.frame("close")
    weights = pd.DataFrame(workload.targets, workload.index[workload.sessions], list(workload.market.symbols))
    algos = [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
    test = bt.Backtest(
        bt.Strategy("rotation", algos),
        closes,
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: abs(quantity) * price * RATE,
        integer_positions=True,
        progress_bar=False,
    )
    bt.run(test)
    return float(test.strategy.values.iloc[-1])


def vectorbt_library(workload: Workload) -> float:
    """The library vectorbt: target percent orders at the next open, one cash pool, sells first."""
    import vectorbt as vbt

    closes, opens = workload.frame("close"), workload.frame("open")
    size = pd.DataFrame(np.nan, closes.index, closes.columns)
    fills = workload.sessions + 1
    inside = fills < len(size)
    size.iloc[fills[inside]] = workload.targets[inside]
    portfolio: Any = vbt.Portfolio.from_orders(
        closes,
        size=size,
        size_type="targetpercent",
        price=opens,
        val_price=opens,
        fees=RATE,
        size_granularity=1.0,
        init_cash=CAPITAL,
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )
    return float(portfolio.value().iloc[-1])


PEERS = (
    Peer("ledger engine (ours)", ledger_engine, "numba", 15, ""),
    Peer("event engine (ours, on backtrader)", event_engine, "backtrader", 3, ""),
    Peer(
        "vectorbt",
        vectorbt_library,
        "vectorbt",
        5,
        "Sizes before fees, and fills buys with the cash left rather than scaling all.",
    ),
    Peer("bt", bt_library, "bt", 3, "Fills at the close of the decision session itself."),
    Peer(
        "backtrader, usual way",
        stock_backtrader,
        "backtrader",
        1,
        "Sizes on the decision's close; orders that the cash does not cover at the open are dropped.",
    ),
)
