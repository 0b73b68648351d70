"""One function an engine: run a workload and return the final equity.

Each is written as that engine's users would write it. Where a peer can't do what the workload asks, its
function says what it does instead, and the results page repeats it. Each function imports its engine: peers
are optional, and memory is measured with one engine loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.engine.books import Ledger
from backtests.engine.terms import Account, Costs, Engine
from benchmarks.apart import Apart
from benchmarks.workloads import CAPITAL, COMMISSION_BPS, LOOKBACKS, BestHalf, Workload
from datafeeds.market import Array, Market
from strategies import AsOf, Strategy, Target

RATE = COMMISSION_BPS / 10_000.0
OURS = "ledger engine (ours)"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """An engine under test.

    Attributes
    ----------
    name : str
    run : callable
        From a workload to final equity. One that is `Apart` is slow.
    needs : tuple of str
        Distributions that must be installed, where it runs; their versions are printed.
    note : str
        How its final equity can differ.
    slow : bool
        Whether it takes seconds; it is run once a workload then, in a process of its own.
    deciding : callable or None
        The same from a workload of which nothing is decided yet; `run` itself if not given.
    """

    name: str
    run: Callable[[Workload], float]
    needs: tuple[str, ...]
    note: str = ""
    slow: bool = False
    deciding: Callable[[Workload], float] | None = None

    @property
    def environment(self) -> Path | None:
        """Where it runs, if not beside this project."""
        return self.run.environment if isinstance(self.run, Apart) else None


def account(market: Market) -> Account:
    """The account that our engines keep."""
    costs = Costs(commission_bps=COMMISSION_BPS, half_spread_bps=0.0)
    return Account(CAPITAL, costs, 0, False, 0, len(market.sessions) - 1)


def ledger_engine(workload: Workload) -> float:
    """Our compiled engine: the whole call, books and tables included."""
    from backtests.engine import kernel as ledger

    books = ledger.replay(workload.market, workload.targets, workload.sessions, account(workload.market))
    return float(books.equity[-1])


class OneByOne(BestHalf):
    """The workload's rule, without a way to say it all at once."""

    def decide(self, see: AsOf) -> Target | None:
        """As its parent."""
        return super().decide(see)


def asked(market: Market, strategy: Strategy, engine: Engine = "ledger") -> Ledger:
    """Books of one of our engines, which asks a class as sweeps do and keeps its reasons."""
    from backtests.sweeps.tasks import SharedDecisions

    return SharedDecisions(market, strategy, may_hold_index=False).ledger(account(market), engine)


def engine_deciding(workload: Workload, rule: type[BestHalf], engine: Engine = "ledger") -> float:
    """One of our engines, and a rule that decides."""
    return float(asked(workload.market, rule(), engine).equity[-1])


def event_engine(workload: Workload) -> float:
    """Our engine on backtrader."""
    from backtests.engine import backtrader as event

    rows = dict(zip(workload.sessions.tolist(), workload.targets, strict=True))
    deciding = np.zeros(len(workload.market.sessions), dtype=bool)
    deciding[workload.sessions] = True
    books = event.run(
        workload.market, lambda session, weights: rows.get(session), deciding, account(workload.market)
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


def vectorbt_library(workload: Workload, engine: str) -> float:
    """The library vectorbt, on numba or on its Rust kernels."""
    return float(np.ravel(_vectorbt(workload, [workload], engine).final_value())[0])


def _vectorbt(
    workload: Workload, decided: Sequence[Workload], engine: str, rates: Sequence[float] = (RATE,)
) -> Any:
    """Portfolios of several sets of decisions, or at several commissions, a group each.

    Target percent orders at the next open, one cash pool a group, sells first.
    """
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    closes, opens = workload.frame("close"), workload.frame("open")
    sessions, symbols = closes.shape
    size = np.full((sessions, len(decided) * symbols), np.nan)
    for place, each in enumerate(decided):
        fills = each.sessions + 1
        inside = fills < sessions
        size[fills[inside], place * symbols : (place + 1) * symbols] = each.targets[inside]
    groups = pd.Index(np.repeat(np.arange(len(decided)), symbols), name="group")
    columns = pd.MultiIndex.from_arrays([groups, np.tile(closes.columns, len(decided))])

    def tiled(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(np.tile(frame.to_numpy(), len(decided)), frame.index, columns)

    return vbt.Portfolio.from_orders(
        tiled(closes),
        size=pd.DataFrame(size, closes.index, columns),
        size_type="targetpercent",
        price=tiled(opens),
        val_price=tiled(opens),
        fees=np.repeat(rates, symbols) if len(rates) > 1 else RATE,
        size_granularity=1.0,
        init_cash=CAPITAL,
        cash_sharing=True,
        group_by=groups,
        call_seq="auto",
        freq="1D",
    )


def polars_backtest_library(workload: Workload) -> float:
    """The library polars-backtest: weights on the decision sessions, in wide frames."""
    import polars
    import polars_backtest

    days = workload.index.to_numpy().astype("datetime64[ms]")

    def wide(rows: Any, values: Any) -> Any:
        columns = dict(zip(workload.market.symbols, values.T, strict=True))
        return polars.DataFrame({"date": days[rows], **columns})

    grown = polars_backtest.backtest_wide(
        wide(slice(None), workload.market.close),
        wide(workload.sessions, workload.targets),
        rebalance_indices=workload.sessions.tolist(),
        fee_ratio=RATE,
        tax_ratio=0.0,
    )
    return CAPITAL * float(grown["creturn"][-1])


def nanobook_library(workload: Workload) -> float:
    """The library nanobook: a bar for each decision, at the price at which it fills, and the last close."""
    import nanobook

    market = workload.market
    fills, targets = _filled(workload)
    prices = np.vstack([market.fill_price[fills], market.close[-1:]])
    cents = np.where(np.isfinite(prices), np.rint(100 * prices), 0).astype(int)
    bars = [
        [
            (symbol, nanobook.BarPrices(*[price] * 4))
            for symbol, price in zip(market.symbols, row, strict=True)
        ]
        for row in cents.tolist()
    ]
    weights = [
        [(symbol, weight) for symbol, weight in zip(market.symbols, row, strict=True) if weight]
        for row in targets.tolist()
    ]
    ended = nanobook.backtest_weights(
        [*weights, weights[-1]],
        bars,
        int(100 * CAPITAL),
        nanobook.CostModel(commission_bps=COMMISSION_BPS),
        nanobook.FillPolicy.SignalBarClose,
    )
    return float(ended["equity_curve"][-1]) / 100


def raptorbt_library(workload: Workload) -> float:
    """The library raptorbt: its simulation of a rebalance policy, which takes a price and a weight a date.

    It rebalances every so many dates. So each decision gets as many as the longest stretch between two: the
    price at which it fills, the closes from that day on, and the last of them again until there are enough.
    Its orders can't say the workload: they can't add to a position that is open.
    """
    market = workload.market
    fills, weights = _filled(workload)
    ends = np.append(fills[1:], len(market.sessions))
    dates = int((ends - fills).max()) + 1
    closes = np.minimum(fills[:, None] + np.maximum(np.arange(dates) - 1, 0), ends[:, None] - 1)
    prices = market.close[closes.ravel()]
    prices[::dates] = market.fill_price[fills]
    return _raptorbt(prices, np.repeat(weights, dates, axis=0), every=dates)


def raptorbt_at_rebalances(workload: Workload) -> float:
    """The same with the dates of fills alone, and the last close: less than the workload asks for."""
    market = workload.market
    fills, weights = _filled(workload)
    prices = np.vstack([market.fill_price[fills], market.close[-1:]])
    return _raptorbt(prices, np.vstack([weights, weights[-1:]]), every=1)


def _filled(workload: Workload) -> tuple[npt.NDArray[np.int64], Array]:
    """Sessions at which decisions fill, and their weights."""
    fills = workload.sessions[workload.sessions < len(workload.market.sessions) - 1] + 1
    return fills, workload.targets[: len(fills)]


def _raptorbt(prices: Array, weights: Array, every: int) -> float:
    import raptorbt

    ended = raptorbt.simulate_rebalance_policy(
        prices, weights, CAPITAL, "calendar", every, dp_charge_per_isin=0.0
    )
    return float(ended.equity_curve()[-1])


def akquant_library(workload: Workload) -> float:
    """The library akquant: arrays as the feed, `rebalance_weights` on a timer at the decision's close.

    With its check of cash, orders that cash does not cover at the open are dropped.
    """
    import akquant

    akquant.register_logger(level="CRITICAL")  # it words every order that waits
    market, zone = workload.market, "America/New_York"
    symbols = list(market.symbols)
    days = workload.index.tz_localize(zone)
    closing = days[workload.sessions] + pd.Timedelta(hours=16)
    plan = {str(place): row for place, row in enumerate(workload.targets)}

    class Rotation(akquant.Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            for place, time in zip(plan, closing, strict=True):
                self.schedule(time, place)

        def on_timer(self, payload: str) -> None:
            row = plan[payload]
            held = {symbols[column]: row[column] for column in np.flatnonzero(row).tolist()}
            self.rebalance_weights(held, liquidate_unmentioned=True)

    feed = akquant.DataFeed()
    times = days.as_unit("ns").asi8
    fields = (market.open, market.high, market.low, market.close, market.volume)
    for column, symbol in enumerate(symbols):
        bars = [np.ascontiguousarray(field[:, column]) for field in fields]
        feed.add_arrays(times, *bars, symbol=symbol, symbols=None, extra=None)
    feed.sort()
    ended = akquant.run_backtest(
        data=feed,
        strategy=Rotation,
        symbols=symbols,
        initial_cash=CAPITAL,
        commission_rate=RATE,
        fill_policy=akquant.NextOpen(),
        volume_limit_pct=1.0,
        risk_config={"check_cash": False},
        timezone=zone,
        show_progress=False,
    )
    return float(ended.equity_curve.iloc[-1])


def nautilus_library(workload: Workload) -> float:
    """The library nautilus_trader: a quote at each open and close, market orders a minute after the open.

    On bars a market order fills at the close that it was decided on. Its limit of orders a second is lifted.
    """
    from nautilus_trader.accounting.factory import AccountFactory
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.trading.strategy import Strategy as NautilusStrategy

    market, venue, digits = workload.market, Venue("EXCHANGE"), 6
    names = [InstrumentId(Symbol(symbol), venue) for symbol in market.symbols]
    midnight = workload.index.tz_localize("America/New_York")
    opening, closing = midnight + pd.Timedelta(hours=9.5), midnight + pd.Timedelta(hours=16)
    rows = workload.sessions[workload.sessions < len(opening) - 1] + 1
    plan = {str(place): (opening[row], workload.targets[place]) for place, row in enumerate(rows)}

    class Rotation(NautilusStrategy):  # type: ignore[misc]
        def on_start(self) -> None:
            for place, (time, _) in plan.items():
                self.clock.set_time_alert(place, time + pd.Timedelta(minutes=1), self.rebalance)

        def rebalance(self, event: Any) -> None:
            price = np.array([self.cache.quote_tick(name).ask_price.as_double() for name in names])
            held = np.array([float(self.portfolio.net_position(name)) for name in names])
            value = self.portfolio.account(venue).balance_total(USD).as_double() + held @ price
            change = np.floor(plan[event.name][1] * value / price) - held
            for column in np.argsort(change, kind="stable").tolist():  # sells first
                if size := int(change[column]):
                    side = OrderSide.BUY if size > 0 else OrderSide.SELL
                    order = self.order_factory.market(names[column], side, Quantity.from_int(abs(size)))
                    self.submit_order(order)

    quiet = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(
        BacktestEngineConfig(logging=quiet, risk_engine=RiskEngineConfig(bypass=True), run_analysis=False)
    )
    engine.add_venue(
        venue,
        OmsType.NETTING,
        AccountType.CASH,
        [Money(CAPITAL, USD)],
        base_currency=USD,
        allow_cash_borrowing=True,
    )
    tick, lot, fee = Price(10.0**-digits, digits), Quantity.from_int(1), Decimal(str(RATE))
    times = np.column_stack([day.as_unit("ns").asi8 for day in (opening, closing)]).ravel().astype(np.uint64)
    deep = np.full(len(times), 1e9)
    for column, name in enumerate(names):
        engine.add_instrument(
            Equity(name, name.symbol, USD, digits, tick, lot, 0, 0, maker_fee=fee, taker_fee=fee)
        )
        price = np.column_stack([market.open[:, column], market.close[:, column]]).ravel()
        quotes = QuoteTick.from_raw_arrays_to_list(name, digits, 0, price, price, deep, deep, times, times)
        engine.add_data(quotes, sort=False)
    engine.sort_data()
    engine.add_strategy(Rotation())
    engine.run()
    ended = float(next(iter(engine.portfolio.equity(venue).values())))
    engine.dispose()
    AccountFactory.deregister_cash_borrowing(venue.value)  # or it refuses a second run
    return ended


PEERS = (
    Peer(OURS, ledger_engine, ("numba",), deciding=partial(engine_deciding, rule=OneByOne)),
    Peer(
        "ledger engine (ours), all at once",
        ledger_engine,
        ("numba",),
        deciding=partial(engine_deciding, rule=BestHalf),
    ),
    Peer(
        "event engine (ours, on backtrader)",
        event_engine,
        ("backtrader",),
        deciding=partial(engine_deciding, rule=OneByOne, engine="event"),
    ),
    Peer(
        "raptorbt",
        raptorbt_library,
        ("raptorbt",),
        "Fees are India's, 12 bps on buys and 10 on sells, and cannot be set; fractions of shares; totals "
        "of costs, no fills.",
    ),
    Peer(
        "raptorbt, valued at rebalances only",
        raptorbt_at_rebalances,
        ("raptorbt",),
        "As above, and less than the workload: a value at each rebalance, not at each session; a last "
        "rebalance at the end.",
    ),
    Peer(
        "polars-backtest",
        polars_backtest_library,
        ("polars-backtest",),
        "Fills at the close after the decision, fractions of shares; returns only, no books.",
    ),
    Peer(
        "nanobook",
        nanobook_library,
        ("nanobook",),
        "Prices in cents; a value at each rebalance only; a last rebalance at the end.",
    ),
    Peer(
        "vectorbt, rust",
        partial(vectorbt_library, engine="rust"),
        ("vectorbt", "vectorbt-rust"),
        "Sizes before fees, and fills buys with the cash left rather than scaling all.",
    ),
    Peer("vectorbt, numba", partial(vectorbt_library, engine="numba"), ("vectorbt",), "As above."),
    Peer("bt", bt_library, ("bt",), "Fills at the close of the decision session itself."),
    Peer(
        "backtrader, usual way",
        stock_backtrader,
        ("backtrader",),
        "Sizes on the decision's close; orders that the cash does not cover at the open are dropped.",
        slow=True,
    ),
    Peer(
        "akquant",
        akquant_library,
        ("akquant",),
        "Sizes on the decision's close; where that costs more at the open, cash falls below zero.",
        slow=True,
    ),
    Peer(
        "nautilus_trader",
        nautilus_library,
        ("nautilus_trader",),
        "Sizes before fees, by which cash may fall below zero.",
        slow=True,
    ),
    Peer(
        "zipline-reloaded",
        Apart(HERE.parent / ".venv-zipline", HERE / "zipline_alone.py"),
        ("zipline-reloaded", "pandas"),
        "In an environment of its own, with pandas 2. Sizes on the decision's close and fills at the close "
        "after it; where that costs more, cash falls below zero. Rounds orders towards zero and prices to "
        "tenths of a cent. Its bundle is ingested in its time.",
        slow=True,
    ),
)

LEFT_OUT = (
    "Left out on Python 3.11: nautilus_trader, of which 1.221.0, the last one for it, requires pandas below "
    "3 and this project 3.1. On Python 3.12 and later it is measured."
)
"""Peers that cannot be installed beside this project, for the results page."""


# --- Sweeps: the final equity of each configuration -----------------------------------------------

RATES_BPS = [0.1 * step for step in range(1, 101)]
"""Commissions of the sweep in which configurations differ by their account."""


def over_lookbacks(workload: Workload, rule: type[BestHalf]) -> Array:
    """Our sweep over look-backs: statistics, books and a log of fills of each."""
    return _swept(workload, [(rule(lookback=back), account(workload.market)) for back in LOOKBACKS])


def over_commissions(workload: Workload, rates_bps: Sequence[float] = RATES_BPS) -> Array:
    """Our sweep over commissions."""
    kept = account(workload.market)
    accounts = [
        replace(kept, costs=kept.costs.model_copy(update={"commission_bps": bps})) for bps in rates_bps
    ]
    return _swept(workload, [(BestHalf(), each) for each in accounts])


def _swept(workload: Workload, configurations: Sequence[tuple[Strategy, Account]]) -> Array:
    from backtests.sweeps.measures import row_of
    from backtests.sweeps.tasks import SharedDecisions

    ended = []
    for strategy, alike in groupby(configurations, key=lambda each: each[0]):
        shared = SharedDecisions(workload.market, strategy, may_hold_index=False)
        ended += [row_of(shared.ledger(kept, "ledger"))["final_equity"] for _, kept in alike]
    return np.array(ended)


def vectorbt_over_lookbacks(workload: Workload, engine: str) -> Array:
    """Vectorbt's sweep over look-backs, in one call, and the Sharpe ratio of each."""
    return _measured(_vectorbt(workload, [workload.undecided(back) for back in LOOKBACKS], engine))


def vectorbt_over_commissions(workload: Workload, engine: str) -> Array:
    """Vectorbt's sweep over commissions, in one call, and the Sharpe ratio of each."""
    rates = [bps / 10_000.0 for bps in RATES_BPS]
    return _measured(_vectorbt(workload, [workload.undecided()] * len(rates), engine, rates))


def _measured(portfolio: Any) -> Array:
    portfolio.sharpe_ratio()
    return np.asarray(portfolio.final_value(), dtype=np.float64)


@dataclass(frozen=True)
class SweepPeer:
    """A way to sweep.

    Attributes
    ----------
    name : str
    run : callable
        From a workload to the final equity of each configuration.
    needs : tuple of str
        As of `Peer`.
    """

    name: str
    run: Callable[[Workload], Array]
    needs: tuple[str, ...]


SWEEPS = {
    f"{len(LOOKBACKS)} look-backs, decisions included": (
        SweepPeer("ours, all weights at once", partial(over_lookbacks, rule=BestHalf), ("numba",)),
        SweepPeer("ours, decisions one by one", partial(over_lookbacks, rule=OneByOne), ("numba",)),
        SweepPeer(
            "vectorbt, rust", partial(vectorbt_over_lookbacks, engine="rust"), ("vectorbt", "vectorbt-rust")
        ),
        SweepPeer("vectorbt, numba", partial(vectorbt_over_lookbacks, engine="numba"), ("vectorbt",)),
    ),
    f"{len(RATES_BPS)} commissions, the same decisions": (
        SweepPeer("ours", over_commissions, ("numba",)),
        SweepPeer(
            "vectorbt, rust", partial(vectorbt_over_commissions, engine="rust"), ("vectorbt", "vectorbt-rust")
        ),
        SweepPeer("vectorbt, numba", partial(vectorbt_over_commissions, engine="numba"), ("vectorbt",)),
    ),
}
"""Ours write down twenty statistics and every fill of each configuration; vectorbt a value and a ratio."""
