"""Options beside a portfolio: prices, rule 8 by hand, refusals, and Cboe's put protection index."""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine import backtrader as event
from backtests.engine import kernel as ledger
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import differences, recomputed
from backtests.engine.terms import Account, Costs
from backtests.options.overlay import (
    HEDGE_COLUMNS,
    SLOTS,
    Overlay,
    OverlayError,
    OverlaySettings,
    UnitPrices,
    hedge_lines,
    open_overlay,
    option_market,
    trailing_yield,
)
from backtests.options.surface import calibrate, put_prices
from backtests.records.results import log_lines
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import ConfigError, parse
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies import Strategy, StrategyError, Target
from strategies.expiries import monthly_expiries
from strategies.hedges import OutrightPut, PutSpread
from strategies.target import Hedge
from tests.backtests.options.test_surface import (
    ANSWERS,
    MARKET,
    annual_pput,
    sp500,
    sp500_total_return,
)

FREE = Costs(commission_bps=0, half_spread_bps=0)
ENGINES = pytest.mark.parametrize("engine", [event, ledger], ids=["event", "ledger"])

# --- prices ---------------------------------------------------------------------------------------------


def quoted(first: str = "2019-01-02", last: str = "2019-06-28", **series: Any) -> Market:
    """An index on exchange sessions, with daily series; those given as None are left out."""
    days = pd.DatetimeIndex(exchange_sessions(first, last))
    random = np.random.default_rng(3)
    close = pd.DataFrame({"SP500": 2500 * np.cumprod(1 + random.normal(0, 0.012, len(days)))}, index=days)
    quotes = {"vix": 16.0, "skew": 130.0, "us2y": 2.5} | series
    tables = [
        pd.DataFrame({"series": name, "date": days, "available": days, "value": value})
        for name, value in quotes.items()
        if value is not None
    ]
    instruments = pd.DataFrame({"symbol": ["SP500"], "kind": ["index"]})
    return Market.from_wide("quoted", close, series=pd.concat(tables), instruments=instruments)


SETTINGS = OverlaySettings(underlying="SP500", dividend_yield=0.02)


def test_a_put_is_bought_at_the_ask_marked_daily_and_pays_at_expiry() -> None:
    market = quoted()
    unit = option_market(market, SETTINGS).unit_prices(OutrightPut(1.0))
    close = market.close[:, 0]
    rolls = np.searchsorted(market.sessions, monthly_expiries(market.sessions))
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(unit.ask)), rolls)
    assert np.isnan(unit.mark[: rolls[0]]).all()
    assert not np.isnan(unit.mark[rolls[0] :]).any()
    np.testing.assert_allclose(unit.ask[rolls], 1.05 * unit.mark[rolls])
    np.testing.assert_allclose(unit.receive[rolls[1:]], np.maximum(close[rolls[:-1]] - close[rolls[1:]], 0.0))
    assert (unit.receive[rolls[1:]] > 0).any()
    assert unit.expired[rolls[1:]].all()
    for session in (rolls[0], rolls[0] + 7, rolls[1] - 1):
        years = (market.sessions[rolls[1]] - market.sessions[session]).astype(float) / 365
        forward = close[session] * math.exp(0.005 * years)
        by_hand = put_prices(
            calibrate(16.0, 130.0), forward, close[rolls[0]], years, math.exp(-0.025 * years)
        )
        assert unit.mark[session] == pytest.approx(float(by_hand[0, 0]))
    np.testing.assert_array_equal(unit.days[rolls[:-1]], np.diff(market.sessions[rolls]).astype(float))


def test_a_spread_buys_at_the_ask_and_sells_at_the_bid() -> None:
    market = option_market(quoted(), SETTINGS)
    spread, high, low = (
        market.unit_prices(structure) for structure in (PutSpread(), OutrightPut(), OutrightPut(0.85))
    )
    np.testing.assert_allclose(spread.mark, high.mark - low.mark)
    np.testing.assert_allclose(spread.ask, high.ask - low.mark * 0.95)
    np.testing.assert_allclose(spread.receive, high.receive - low.receive)


def test_decay_is_what_passing_time_takes() -> None:
    market = quoted()
    flat = Market.from_wide(
        "flat",
        pd.DataFrame(100.0, index=pd.DatetimeIndex(market.sessions), columns=["SP500"]),
        series=market.series,
    )
    unit = option_market(flat, SETTINGS).unit_prices(OutrightPut())
    rolls = np.flatnonzero(~np.isnan(unit.ask))
    inside = np.setdiff1d(np.arange(rolls[0] + 1, rolls[-1]), rolls)
    np.testing.assert_allclose(unit.decay[inside], np.diff(unit.mark)[inside - 1], atol=1e-12)
    assert (unit.decay[inside] < 0).all()


def test_an_option_that_is_rolled_before_it_expires_is_sold_at_the_bid() -> None:
    market = quoted(last="2019-12-31")
    options = option_market(market, SETTINGS)
    unit = options.unit_prices(OutrightPut(tenor=3, roll=1))
    rolls = np.flatnonzero(~np.isnan(unit.ask))
    before, now = rolls[1], rolls[2]
    assert not unit.expired.any()
    assert unit.expiry[before] == monthly_expiries(market.sessions)[4]
    old = options.puts_on(
        np.array([now]),
        np.array([now]),
        unit.strikes[[before]],
        unit.expiry[[before]],
        market.sessions[[now]],
    )
    assert unit.receive[now] == pytest.approx(0.95 * float(old[0, 0]))
    quarterly = options.unit_prices(OutrightPut(tenor=3, roll=3))
    months = pd.DatetimeIndex(market.sessions[~np.isnan(quarterly.ask)]).month
    assert months.tolist() == [3, 6, 9, 12]
    worthless = options.unit_prices(PutSpread(0.5, 0.4, tenor=2, roll=1)).receive
    assert (worthless[~np.isnan(worthless)] >= 0).all()


def test_greeks_of_a_structure_are_those_of_its_legs() -> None:
    options = option_market(quoted(), SETTINGS)
    spread, high, low = (
        options.greeks(structure) for structure in (PutSpread(), OutrightPut(), OutrightPut(0.85))
    )
    np.testing.assert_allclose(spread.delta, high.delta - low.delta)
    np.testing.assert_allclose(spread.vega, high.vega - low.vega)
    known = ~np.isnan(high.delta)
    assert (high.delta[known] <= 0).all()
    assert (spread.delta[known] >= high.delta[known]).all()


def test_quotes_are_those_known_at_the_close() -> None:
    market = quoted()
    late = market.series.copy()
    late.loc[late["series"] == "vix", "available"] += pd.Timedelta(days=4)
    rising = late["series"] == "vix"
    late.loc[rising, "value"] = np.arange(rising.sum(), dtype=float) + 10
    frame = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=["SP500"])
    delayed = option_market(Market.from_wide("late", frame, series=late), SETTINGS)
    today = 20
    known = np.flatnonzero(market.sessions + np.timedelta64(4, "D") <= market.sessions[today])[-1]
    assert delayed.vix[today] == 10 + known
    with pytest.raises(OverlayError, match=r"2019-01-02: series 'vix'.*begins on 2019-01-06.*3 of the run"):
        delayed.require(0, 50)


def test_calibrated_once_for_a_market_and_each_settings() -> None:
    market = quoted()
    assert option_market(market, SETTINGS) is option_market(market, SETTINGS.model_copy())
    options = option_market(market, SETTINGS)
    assert options.unit_prices(PutSpread()) is options.unit_prices(PutSpread())


def test_trailing_yield() -> None:
    days = pd.DatetimeIndex(exchange_sessions("2018-01-02", "2020-01-31"))
    paid = pd.DataFrame({"SPY": 0.0}, index=days)
    paid.loc[["2018-03-16", "2018-06-15", "2018-09-21", "2018-12-21", "2019-03-15"], "SPY"] = 0.5
    market = Market.from_wide("paying", pd.DataFrame({"SPY": 100.0}, index=days), dividend=paid)
    found = pd.Series(trailing_yield(market, 0), index=days)
    assert found["2018-03-19"] == 0.0
    assert found["2018-06-29"] == pytest.approx(0.01 * 365 / 178)
    assert found["2019-03-14"] == pytest.approx(0.02)
    assert found["2019-03-18"] == pytest.approx(0.02)
    assert found["2020-01-31"] == pytest.approx(0.005)


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("market", "settings", "message"),
    [
        (quoted(skew=None), {}, r"overlay.skew: no series 'skew'.*overlay.flat_volatility = true"),
        (quoted(vix=None), {"flat_volatility": True}, r"overlay.vix: no series 'vix'"),
        (quoted(us2y=None), {}, r"overlay.rate: no series 'us2y'.*overlay.rate = 0.02"),
        (quoted(), {"underlying": "SP50"}, r"overlay.underlying: .*did you mean 'SP500'"),
        (quoted(skew=99.0), {}, r"series 'skew' is 99 as known on 2019-01-02"),
    ],
)
def test_what_can_not_be_priced_is_refused(market: Market, settings: Any, message: str) -> None:
    with pytest.raises(OverlayError, match=message):
        open_overlay(market, SETTINGS.model_copy(update=settings), 0, 50)


def test_missing_skew_is_named_with_its_first_date() -> None:
    market = quoted("1989-06-01", "1990-06-29")
    old = market.series.query("series != 'skew' or date >= '1990-01-02'")
    frame = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=["SP500"])
    early = Market.from_wide("early", frame, series=old)
    with pytest.raises(OverlayError, match=r"1989-06-01: series 'skew' .*begins on 1990-01-02.*flat_vol"):
        open_overlay(early, SETTINGS, 0, 200)
    flat = open_overlay(early, SETTINGS.model_copy(update={"flat_volatility": True}), 0, 200)
    assert any("flat volatility (SKEW 100)" in limit for limit in flat.limits)
    assert open_overlay(early, SETTINGS, early.index_of("1990-01-02"), 200).limits


def test_flat_volatility_is_cheaper_below_the_market() -> None:
    market = quoted()
    skewed = option_market(market, SETTINGS).unit_prices(OutrightPut(0.9))
    flat = option_market(market, SETTINGS.model_copy(update={"flat_volatility": True}))
    rolls = ~np.isnan(skewed.ask)
    assert (flat.unit_prices(OutrightPut(0.9)).ask[rolls] < 0.5 * skewed.ask[rolls]).all()


def test_a_ninth_hedge_is_one_too_many() -> None:
    overlay = open_overlay(quoted(), SETTINGS, 0, 50)
    for step in range(SLOTS):
        assert overlay.slot(Hedge(OutrightPut(0.9 + step / 100), 1.0)) == step
        assert overlay.slot(Hedge(OutrightPut(0.9 + step / 100), 0.3)) == step
    with pytest.raises(OverlayError, match="80% put: a run can hold 8 different hedges"):
        overlay.slot(Hedge(OutrightPut(0.8), 1.0))


def test_a_hedge_without_an_overlay_is_refused() -> None:
    market = quoted()
    with pytest.raises(StrategyError, match=r"95% put.*no table \[overlay\]"):
        Recorder(market, Always(), may_hold_index=True)(0, np.zeros(1))


class Always(Strategy):
    """Half in the index, hedged; for a test."""

    def decide(self, see: Any) -> Target:
        return Target({"SP500": 0.5}, why="x").hedge(OutrightPut(), why="x")


# --- rule 8 by hand -------------------------------------------------------------------------------------


def made(**prices: list[float]) -> Overlay:
    """An overlay whose only slot has these prices; an ask of nan is no roll."""
    columns = {name: np.array(values, dtype=float) for name, values in prices.items()}
    count = len(columns["ask"])
    given = {
        "mark": np.full(count, 1.0),
        "receive": np.zeros(count),
        "close": np.full(count, 100.0),
    } | columns
    unit = UnitPrices(
        expired=np.ones(count, dtype=bool),
        forgone=np.where(np.isnan(given["ask"]), np.nan, 0.0),
        decay=np.full(count, -0.1),
        days=np.where(np.isnan(given["ask"]), np.nan, 36.5),
        strikes=np.full((count, 1), 95.0),
        expiry=np.full(count, np.datetime64("2030-01-18")),
        **given,
    )
    return Overlay(lambda structure: unit, count)


def played(
    engine: Any, overlay: Overlay, ratios: dict[int, float], weight: float = 0.5, budget: float | None = None
) -> Ledger:
    """1,000, of it `weight` in a stock at 10, and a hedge of these ratios decided at these sessions."""
    count = overlay.inputs.shape[2]
    days = pd.bdate_range(end="2020-01-13", periods=count)
    market = Market.from_wide("flat", pd.DataFrame(10.0, index=days, columns=["A"]))
    rows = {
        session: np.concatenate([[weight], overlay.ratios([Hedge(OutrightPut(), ratio, budget)])])
        for session, ratio in ratios.items()
    }
    account = Account(1000.0, FREE, 0, True, 0, count - 1, overlay)
    deciding = np.isin(np.arange(count), list(rows))
    found: Ledger = engine.run(market, lambda session, weights: rows.get(session), deciding, account)
    return found


NAN = math.nan


@ENGINES
def test_bought_marked_settled_and_dropped_at_rolls_only(engine: Any) -> None:
    overlay = made(
        ask=[NAN, 1.1, NAN, NAN, 1.1, NAN, 1.1],
        mark=[9.0, 1.0, 2.0, 3.0, 1.0, 0.5, 1.0],
        receive=[NAN, 0.0, NAN, NAN, 4.0, NAN, 0.0],
    )
    books = played(engine, overlay, {0: 1.0, 2: 0.5, 5: 0.0})
    # 500 is invested, so 5 units at the first roll. At session 3 half of 994.5 is invested; the new ratio
    # waits for the next roll, where 5 * 4 is paid first.
    second = 0.5 * (994.5 / 2) / 100
    after = 994.5 + 20 - second * 1.1
    value = np.array([0, 5, 10, 15, second, second * 0.5, 0])
    assert books.equity - value == pytest.approx([1000, 994.5, 994.5, 994.5, after, after, after])
    assert books.cash + 10 * books.positions[:, 0] == pytest.approx(books.equity - value)
    assert books.hedge is not None
    table = books.hedge.set_index(np.searchsorted(books.sessions, books.hedge["session"].to_numpy("M8[D]")))
    assert list(books.hedge) == list(HEDGE_COLUMNS)
    assert table.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert table["units"].tolist() == pytest.approx([5, 5, 5, second, second, 0])
    assert table["premium"].tolist() == pytest.approx([5.5, 0, 0, second * 1.1, 0, 0])
    assert table["spread"].tolist() == pytest.approx([0.5, 0, 0, second * 0.1, 0, 0])
    assert table["payoff"].tolist() == pytest.approx([0, 0, 0, 20, 0, 0])
    assert table["decay"].tolist() == pytest.approx([0, -0.5, -0.5, -0.5, -0.1 * second, -0.1 * second])
    np.testing.assert_allclose(books.hedge_total("pnl"), np.diff(books.equity, prepend=1000.0), atol=1e-9)


@ENGINES
def test_the_budget_caps_what_a_roll_spends(engine: Any) -> None:
    books = played(engine, made(ask=[NAN, 2.0, NAN]), {0: 1.0}, budget=100.0)
    # 1% a year of 1000, for a tenth of a year.
    assert books.cash.tolist() == pytest.approx([1000.0, 499.0, 499.0])
    assert books.hedge is not None
    assert books.hedge["limit"].tolist() == ["budget", ""]
    assert hedge_lines(books.hedge) == ["2020-01-10 95% put cut to 0.5 of 5 units: budget"]


@ENGINES
def test_the_cash_at_hand_caps_it_too_and_never_falls_below_zero(engine: Any) -> None:
    books = played(engine, made(ask=[NAN, NAN, 3.0, NAN]), {0: 1.0}, weight=0.99)
    assert books.cash.tolist() == pytest.approx([1000.0, 10.0, 0.0, 0.0], abs=1e-9)
    assert books.cash.min() >= 0.0
    assert books.hedge is not None
    assert books.hedge["units"].tolist() == pytest.approx([10 / 3, 10 / 3])
    assert books.hedge["wanted"].tolist() == pytest.approx([9.9, 0.0])
    assert books.hedge["limit"].tolist() == ["cash", ""]


@ENGINES
def test_shares_are_sized_without_the_hedge_and_weights_shown_with_it(engine: Any) -> None:
    overlay = made(ask=[1.0, 2.0, NAN, NAN, NAN], mark=[100.0] * 5)
    count = 5
    days = pd.bdate_range(end="2020-01-13", periods=count)
    market = Market.from_wide("flat", pd.DataFrame(10.0, index=days, columns=["A"]))
    shown = []

    def decide(session: int, weights: np.ndarray) -> np.ndarray:
        shown.append(weights.tolist())
        return np.concatenate([[0.5], overlay.ratios([Hedge(OutrightPut(), 1.0)])])

    account = Account(1000.0, FREE, 0, True, 0, count - 1, overlay)
    books = engine.run(market, decide, np.ones(count, dtype=bool), account)
    # 990 without the five options, which are worth 500.
    assert books.positions[2:].tolist() == [[49.5]] * 3
    assert books.equity[2:] == pytest.approx([990.0 + 500.0] * 3)
    assert shown[3] == pytest.approx([495.0 / 1490.0])


@ENGINES
def test_a_lagged_target_hedges_when_it_takes_effect(engine: Any) -> None:
    overlay = made(ask=[NAN, 1.0, NAN, 1.0, NAN])
    days = pd.bdate_range(end="2020-01-13", periods=5)
    market = Market.from_wide("flat", pd.DataFrame(10.0, index=days, columns=["A"]))
    row = np.concatenate([[0.5], overlay.ratios([Hedge(OutrightPut(), 1.0)])])
    account = Account(1000.0, FREE, 2, True, 0, 4, overlay)
    books = engine.run(market, lambda session, weights: row, np.arange(5) == 0, account)
    assert np.flatnonzero(books.hedge_total("premium")).tolist() == [3]


# --- runs -----------------------------------------------------------------------------------------------


def hedged_run(market: Market, **others: Any) -> Result:
    document = {
        "name": "hedged",
        "market": "given",
        "capital": 1e7,
        "engine": "ledger",
        "fractional_shares": True,
        "strategy": {"name": "Always"},
        "overlay": {"underlying": "SP500", "dividend_yield": 0.02},
        "costs": {"half_spread_bps": 0, "commission_bps": 0},
        "benchmarks": [{"name": "BuyAndHold", "symbols": ["SP500"]}],
    }
    return run(parse(document | others, "run.toml"), market=market, verify=True)


@pytest.fixture(scope="module")
def fund() -> Market:
    """An index that may be bought, to hold what options are written on."""
    market = quoted(last="2020-12-31")
    frame = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=["SP500"])
    return Market.from_wide("fund", frame, series=market.series)


def test_a_hedged_run_is_recomputed_and_tells_its_limits(fund: Market) -> None:
    result = hedged_run(fund)
    assert result.manifest["verification"]["identical"]
    assert result.book.ledger.hedge is not None
    assert len(result.book.ledger.hedge)
    limits = result.manifest["limits"]
    assert any("Option prices are a model's, not quotes" in limit for limit in limits)
    assert set(limits) <= set(log_lines(result))
    benchmark = result.benchmarks[0].ledger
    assert benchmark.hedge is not None
    assert benchmark.hedge.empty


def test_the_table_hedge_wraps_the_strategy(fund: Market) -> None:
    plain = {"name": "BuyAndHold", "symbols": ["SP500"]}
    result = hedged_run(fund, strategy=plain, hedge={"structure": "spread", "short": 0.9, "ratio": 0.5})
    assert result.book.ledger.hedge is not None
    assert set(result.book.ledger.hedge["structure"]) == {"95/90% put spread"}
    again = recomputed(
        result.book.ledger,
        fund,
        Account(
            1e7,
            result.config.costs,
            0,
            True,
            0,
            len(fund.sessions) - 1,
            open_overlay(fund, result.config.overlay or SETTINGS, 0, 10),
        ),
        "event",
    )
    assert differences(result.book.ledger, again) == []


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"hedge": {}, "overlay": None}, r"\[hedge\] needs a table \[overlay\]"),
        (
            {"overlay": {"half_spreat": 0.1}},
            r"no key 'half_spreat' in \[overlay\]; did you mean 'half_spread'",
        ),
        ({"overlay": {"half_spread": 2}}, r"overlay.half_spread = 2"),
        ({"hedge": {"ratioo": 1}}, r"\[hedge\] no parameter 'ratioo'.*did you mean 'ratio'"),
        ({"hedge": {"short": 3.0}}, r"\[hedge\] hedge.short = 3.0"),
    ],
)
def test_run_files_with_mistakes(fund: Market, tables: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hedged_run(fund, **tables)


# --- Cboe's put protection index, by the whole engine ---------------------------------------------------


@lru_cache
def index_market() -> tuple[Market, tuple[pd.Series, pd.Series, pd.DataFrame]]:
    """The S&P 500 with dividends from 1990 on, with VIX, SKEW and the two-year yield."""
    if not MARKET.exists():
        pytest.skip("needs ../shared/market")
    closes = sp500()
    prices = pd.read_parquet(
        MARKET / "prices.parquet",
        columns=["symbol", "date", "close", "dividend"],
        filters=[("symbol", "==", "SPY")],
    )
    spy = prices.set_index(pd.DatetimeIndex(prices["date"]))
    series = pd.read_csv(MARKET / "series.csv", parse_dates=["date", "available"])
    wide = series.pivot(index="date", columns="series", values="value")
    quotes = wide[["vix", "skew", "us2y"]].ffill().reindex(closes.index, method="ffill")
    total = sp500_total_return(closes, spy, ANSWERS["sp500_dividends"])
    paid = ((total / total.shift(1) - closes / closes.shift(1)) * closes.shift(1)).fillna(0.0).clip(lower=0.0)
    market = Market.from_wide(
        "index",
        closes.to_frame("SP500"),
        dividend=paid.to_frame("SP500"),
        series=series[series["series"].isin(["vix", "skew", "us2y"])],
    )
    return market, (closes, total, quotes)


def put_protection_of(market: Market, **hedge: Any) -> float:
    """Annual return in percent of the index with a put, from the first roll to the last of Cboe's record."""
    answer = ANSWERS["pput"]
    result = hedged_run(
        market,
        strategy={"name": "BuyAndHold", "symbols": ["SP500"]},
        start=dt.date(1990, 1, 17),
        end=answer["last"],
        overlay={"underlying": "SP500", "half_spread": answer["half_spread"]},
        hedge={"structure": "outright", "schedule": "expiry", **hedge},
    )
    assert result.manifest["verification"]["identical"]
    ledger_ = result.book.ledger
    equity = pd.Series(ledger_.equity, index=pd.DatetimeIndex(ledger_.sessions))[str(answer["first"]) :]
    return float(
        100 * ((equity.iloc[-1] / equity.iloc[0]) ** (365.25 / (equity.index[-1] - equity.index[0]).days) - 1)
    )


def test_cboe_put_protection_index_by_the_whole_engine() -> None:
    """Unlike Cboe's index this pays premiums out of 2% kept in cash, which earns nothing here."""
    market, inputs = index_market()
    found = put_protection_of(market)
    assert found == pytest.approx(ANSWERS["pput"]["annual_return"], abs=ANSWERS["pput"]["tolerance"])
    assert found == pytest.approx(annual_pput(inputs, ANSWERS["pput"]["half_spread"]), abs=0.4)
    assert put_protection_of(market, structure="spread") > found
