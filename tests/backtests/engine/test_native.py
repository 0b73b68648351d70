"""A native backtrader strategy: its books are whole, and the reader is told what can't be known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.engine import native
from backtests.engine.native_strategy import UNCHECKED, NativeStrategy
from backtests.engine.terms import Account, Costs
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import ConfigError, load
from backtests.settings.strategies import build, class_named
from backtests.tearsheet.provenance import verification
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from datafeeds.sources.sample import sample_market
from strategies.target import StrategyError

SOURCE = """
import backtrader as bt

class Buyer(bt.Strategy):
    params = (("size", 10), ("greedy", False))
    def next(self):
        if len(self) == 2:
            for data in self.datas:
                self.buy(data=data, size=self.p.size)
            if self.p.greedy:
                self.buy(size=1_000_000)

class Broken(bt.Strategy):
    def next(self):
        self.oops()

class Fond(bt.Strategy):
    params = (("symbols", "all"),)
"""


@pytest.fixture(scope="module")
def golden() -> Result:
    return run(load("golden_cross"), market=sample_market(), verify=True)


def test_golden_cross(golden: Result) -> None:
    """Following a 50-session average above a 200-session one halved return and spared a fifth of the fall.

    Four stocks, each held about two thirds of the time: 6.6% a year against 10.5% for holding all four, at
    11.6% volatility against 17.1%. In March 2020 the averages crossed after the fall, so JPM and KO were sold
    near the low and bought back in autumn: the worst fall is 29%, against 37%.
    """
    ledger = golden.book.ledger
    assert ledger.equity[-1] == pytest.approx(2_140_815.54, rel=1e-6)
    assert len(ledger.fills) == 63
    assert len(ledger.unfilled) == 0
    year = ledger.fills[ledger.fills["session"].dt.year == 2020]
    assert list(year["symbol"]) == ["JPM", "KO", "KO", "JPM"]
    assert [f"{day:%m-%d}" for day in year["session"]] == ["03-30", "04-03", "10-12", "11-12"]


def test_the_books_balance(golden: Result) -> None:
    ledger, market = golden.book.ledger, golden.market
    first = market.index_of(ledger.sessions[0])
    marks = market.mark[first : first + len(ledger.sessions)]
    worth = np.where(ledger.positions != 0, ledger.positions * marks, 0.0).sum(axis=1)
    assert np.allclose(ledger.equity, ledger.cash + worth, rtol=1e-12)
    paid = (ledger.fills["shares"] * ledger.fills["price"] + ledger.fills["commission"]).sum()
    assert ledger.cash[-1] == pytest.approx(1_000_000 - paid)


def test_the_manifest_says_what_was_not_checked(golden: Result) -> None:
    assert golden.manifest["not_recomputed"] == UNCHECKED
    assert "verification" not in golden.manifest
    assert verification(golden.manifest) == f"Not recomputed by a second engine: {UNCHECKED}."


@pytest.fixture
def market() -> Market:
    days = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-01-31"))
    close = pd.DataFrame({"AAA": 10.0, "BBB": 20.0}, index=days)
    close.loc[days[12] :, "BBB"] = np.nan
    dividend = pd.DataFrame(0.0, days, close.columns)
    dividend.iloc[5, 0] = 0.5
    return Market.from_wide("two", close, dividend=dividend)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "buyer.py"
    path.write_text(SOURCE)
    return path


def account(market: Market, **changed: object) -> Account:
    costs = Costs(commission_bps=10, half_spread_bps=0, cash_rate=0.0)
    given = {"capital": 1000.0, "costs": costs, "lag": 0, "fractional_shares": False, "first": 0}
    return Account(**{**given, "last": len(market.sessions) - 1, **changed})  # type: ignore[arg-type]


def books_of(file: Path, cls: str, market: Market, **settings: object) -> native.Ledger:
    return run_native(file, cls, market, settings)


def run_native(
    file: Path, cls: str, market: Market, settings: dict[str, object] | None = None, **changed: object
) -> native.Ledger:
    strategy = build(f"{file}:{cls}", settings or {})
    assert isinstance(strategy, NativeStrategy)
    return native.run(market, strategy, class_named(strategy.name), account(market, **changed))


def test_fills_dividends_and_delistings(file: Path, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datafeeds.market.DELISTED_AFTER", 1)
    ledger = books_of(file, "Buyer", market)
    bought = ledger.fills[ledger.fills["kind"] == "order"]
    assert list(bought["symbol"]) == ["AAA", "BBB"]
    assert set(bought["session"]) == {pd.Timestamp(market.sessions[2])}
    assert list(bought["commission"]) == pytest.approx([0.1, 0.2])
    assert ledger.dividends[5] == pytest.approx(5.0)
    assert ledger.dividends.sum() == pytest.approx(5.0)
    (closed,) = ledger.fills[ledger.fills["kind"] == "delisting"].to_dict("records")
    assert (closed["symbol"], closed["shares"], closed["price"]) == ("BBB", -10.0, 20.0)
    assert ledger.positions[-1].tolist() == [10.0, 0.0]
    assert ledger.equity[-1] == pytest.approx(1000 + 5 - 0.1 - 0.2 - 0.2)


def test_orders_wait_while_a_symbol_is_halted(file: Path, market: Market) -> None:
    volume = pd.DataFrame(1e6, pd.DatetimeIndex(market.sessions), list(market.symbols))
    volume.iloc[2:5, 0] = 0.0
    close = pd.DataFrame(market.close, volume.index, volume.columns)
    ledger = books_of(file, "Buyer", Market.from_wide("halted", close, volume=volume))
    filled = dict(zip(ledger.fills["symbol"], ledger.fills["session"], strict=False))
    assert filled["AAA"] == pd.Timestamp(market.sessions[5])
    bought = ledger.fills[ledger.fills["symbol"] == "BBB"].iloc[0]
    assert bought["session"] == pd.Timestamp(market.sessions[2])


def test_rejected_orders_are_listed(file: Path, market: Market) -> None:
    ledger = books_of(file, "Buyer", market, greedy=True, symbols=["AAA"])
    assert ledger.unfilled["reason"].tolist() == ["margin"]
    assert (ledger.cash >= 0).all()


def test_mistakes_are_named(file: Path, market: Market) -> None:
    with pytest.raises(StrategyError, match="did you mean 'size'"):
        build(f"{file}:Buyer", {"sise": 3})
    with pytest.raises(StrategyError, match=r"buyer.py:15: AttributeError"):
        books_of(file, "Broken", market)
    with pytest.raises(StrategyError, match="lag = 2 can't be kept"):
        run_native(file, "Buyer", market, lag=2)
    with pytest.raises(ConfigError, match='runs with engine = "event"'):
        run(load("golden_cross", ["engine=ledger"]), market=sample_market())
    with pytest.raises(ConfigError, match="SIZE had no price"):
        run(load("golden_cross", ['strategy.symbols=["SIZE"]']), market=sample_market())


def test_a_parameter_that_the_house_takes_for_its_own_is_refused(file: Path) -> None:
    with pytest.raises(StrategyError, match="its parameter symbols can't be given; call it otherwise"):
        build(f"{file}:Fond", {"symbols": ["AAA"]})
