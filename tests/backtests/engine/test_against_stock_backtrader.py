"""The event engine's curve is stock backtrader's, bit for bit, when both are given the same orders."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd

from backtests.engine import backtrader as event
from backtests.engine.terms import Account, Costs
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market


def random_walk_market(symbols: int, seed: int) -> Market:
    generator = np.random.default_rng(seed)
    sessions = exchange_sessions("2019-01-01", "2020-12-31")
    index = pd.DatetimeIndex(sessions)
    names = [f"S{position:02d}" for position in range(symbols)]
    steps = generator.normal(0.0003, 0.02, (len(sessions), symbols))
    close = pd.DataFrame(generator.uniform(5, 400, symbols) * np.exp(steps.cumsum(axis=0)), index, names)
    open_ = close.shift(1, fill_value=50.0) * np.exp(generator.normal(0, 0.005, close.shape))
    high = np.maximum(open_, close) * 1.01
    low = np.minimum(open_, close) * 0.99
    volume = close * 0 + 1e6
    return Market.from_wide("walk", close, open=open_, high=high, low=low, volume=volume)


class SendFills(bt.Strategy):
    """Sends given orders at the open of their session, sells first, and notes the value at every close."""

    params = (("orders", {}),)

    def __init__(self) -> None:
        self.curve: list[float] = []
        self.refused = 0

    def start(self) -> None:
        # Stock backtrader sums holdings in the order in which positions are first asked for.
        for data in self.datas:
            self.getposition(data)

    def next_open(self) -> None:
        for column, size in self.p.orders.get(self.data.datetime.date(0), []):
            (self.buy if size > 0 else self.sell)(data=self.datas[column], size=abs(size))

    def notify_order(self, order: bt.Order) -> None:
        self.refused += order.status in (order.Margin, order.Rejected)

    def next(self) -> None:
        self.curve.append(self.broker.getvalue())


def stock_backtrader(market: Market, fills: pd.DataFrame, capital: float, commission: float) -> SendFills:
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
    names = ("open", "high", "low", "close", "volume")
    for column, symbol in enumerate(market.symbols):
        bars = {name: getattr(market, name)[:, column] for name in names}
        frame = pd.DataFrame(bars, index=pd.DatetimeIndex(market.sessions))
        cerebro.adddata(bt.feeds.PandasData(dataname=frame, name=symbol))
    cerebro.broker.setcash(capital)
    cerebro.broker.setcommission(commission=commission)
    cerebro.broker.set_checksubmit(False)
    orders: dict[object, list[tuple[int, float]]] = {}
    for fill in fills.itertuples():
        day = fill.session.date()
        orders.setdefault(day, []).append((market.column[fill.symbol], fill.shares))
    cerebro.addstrategy(SendFills, orders=orders)
    return cerebro.run()[0]


def test_a_curve_with_shorts_is_stock_backtraders_to_the_last_bit() -> None:
    market = random_walk_market(symbols=9, seed=22)
    generator = np.random.default_rng(23)
    deciding = np.arange(len(market.sessions)) % 13 == 5

    def decide(session: int, weights: np.ndarray) -> np.ndarray:
        raw = generator.normal(size=9) * (generator.random(9) < 0.7)
        return 0.9 * raw / max(np.abs(raw).sum(), 1e-9)

    costs = Costs(commission_bps=7.0, half_spread_bps=0.0, borrow_rate=0.0)
    account = Account(1_000_000.0, costs, 0, False, 0, len(market.sessions) - 1, long_only=False)
    ledger = event.run(market, decide, deciding, account)
    stock = stock_backtrader(market, ledger.fills, 1_000_000.0, costs.commission_rate)
    assert len(ledger.fills) > 200
    assert (ledger.positions < 0).any(axis=1).sum() > 300
    assert set(ledger.fills["kind"]) == {"order"}
    assert stock.refused == 0
    np.testing.assert_array_equal(ledger.equity, stock.curve)


def test_equity_curve_is_stock_backtraders_to_the_last_bit() -> None:
    market = random_walk_market(symbols=9, seed=20)
    generator = np.random.default_rng(21)
    deciding = np.arange(len(market.sessions)) % 13 == 5

    def decide(session: int, weights: np.ndarray) -> np.ndarray:
        raw = generator.exponential(size=9) * (generator.random(9) < 0.7)
        return 0.97 * raw / max(raw.sum(), 1e-9)

    costs = Costs(commission_bps=7.0, half_spread_bps=0.0)
    account = Account(1_000_000.0, costs, 0, False, 0, len(market.sessions) - 1)
    ledger = event.run(market, decide, deciding, account)
    stock = stock_backtrader(market, ledger.fills, 1_000_000.0, costs.commission_rate)
    assert len(ledger.fills) > 200
    assert stock.refused == 0
    np.testing.assert_array_equal(ledger.equity, stock.curve)
