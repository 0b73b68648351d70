"""Episodes, shocks, worst stretches and regimes, worked by hand and on the S&P 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.analysis import stress as tested
from backtests.tearsheet.wording import episodes_sentence, regimes_sentence
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Array, Dates, Market, MarketError
from datafeeds.series import series_table
from datafeeds.sources.sample import sample_market
from strategies.june_2026 import JUNE_2026_SCENARIOS
from strategies.target import StrategyError

JUNE, RECORD = JUNE_2026_SCENARIOS


@pytest.fixture(scope="module")
def index() -> tuple[Array, Dates]:
    """Closes of the S&P 500, 1990 to 2022."""
    market = sample_market()
    return market.close[:, market.column["SP500"]], market.sessions


# --- Episodes ------------------------------------------------------------------------------------


def test_episodes_are_in_order_and_on_sessions() -> None:
    starts = [episode.start for episode in tested.EPISODES]
    assert starts == sorted(starts)
    assert len({episode.name for episode in tested.EPISODES}) == len(tested.EPISODES)
    sessions = {str(day) for day in exchange_sessions("1987-01-01", "2026-12-31")}
    for episode in tested.EPISODES:
        assert episode.start < episode.end
        assert episode.source
        assert {episode.start, episode.end} <= sessions, episode.name


def test_falls_of_the_sp500(index: tuple[Array, Dates]) -> None:
    """Falls as generally published; those from peak to trough are the whole drawdown."""
    closes, sessions = index
    found = {each.episode.name: each for each in tested.episode_outcomes({"index": closes}, sessions)}
    published = {
        "Gulf war": -19.9,
        "Russia and LTCM": -19.3,
        "Dot-com bust": -49.1,
        "Financial crisis": -56.8,
        "Flash crash and euro crisis": -16.0,
        "Fourth quarter of 2018": -19.8,
        "Covid-19": -33.9,
        "Rate rise of 2022": -25.4,
    }
    for name, fall in published.items():
        assert 100 * found[name].returns["index"] == pytest.approx(fall, abs=0.06)
        assert found[name].whole
    for name, outcome in found.items():
        if "peak to trough" in outcome.episode.source:
            assert outcome.drawdowns["index"] == pytest.approx(outcome.returns["index"]), name
        if outcome.episode.rally:
            assert outcome.returns["index"] > 0.2
    assert found["Financial crisis"].returns["index"] == pytest.approx(-0.567753889, abs=1e-9)
    assert "Crash of 1987" not in found
    assert "Silicon Valley Bank" not in found


def test_part_of_an_episode_is_said_to_be_one() -> None:
    sessions = exchange_sessions("2020-03-02", "2020-06-30")
    equity = np.linspace(100, 90, len(sessions))
    covid, rally = tested.episode_outcomes({"a": equity}, sessions)
    assert (covid.episode.name, covid.whole, str(covid.start)) == ("Covid-19", False, "2020-03-02")
    assert (str(covid.end), rally.whole) == ("2020-03-23", False)
    assert covid.returns["a"] == covid.drawdowns["a"] == pytest.approx(equity[15] / 100 - 1)
    assert "none of the named" in episodes_sentence([covid, rally], "a", "a")


def test_episodes_in_words() -> None:
    sessions = exchange_sessions("2019-12-31", "2020-12-31")
    fall = np.interp(np.arange(len(sessions)), [0, 57, len(sessions) - 1], [100, 50, 150])
    calm = np.linspace(100, 110, len(sessions))
    outcomes = tested.episode_outcomes({"calm": calm, "market": fall}, sessions)
    text = episodes_sentence(outcomes, "calm", "market")
    assert text.startswith("In 1 of 3 named episodes calm did better than market; its worst was ")
    assert "it fell furthest behind in Lockdown technology rally" in text
    assert "fell behind in none" in episodes_sentence(outcomes[:1], "calm", "market")


# --- Scenarios -----------------------------------------------------------------------------------


def test_june_2026_by_group() -> None:
    weights = {"AVGO": 0.2, "NVDA": 0.1, "GS": 0.1, "BAC": 0.1, "PFE": 0.2, "IWM": 0.1, "X": 0.1}
    groups = {
        "AVGO": "ai_hardware",
        "NVDA": "ai_hardware",
        "GS": "financials",
        "BAC": "financials",
        "PFE": "healthcare",
        "IWM": "small_cap",
    }
    found = tested.apply_scenario(JUNE, weights, groups)
    by_hand = 0.2 * -0.126 + 0.1 * -0.0009 + 0.1 * 0.049 + 0.4 * 0.0173 + 0.1 * 0.014
    assert found.total == pytest.approx(by_hand)
    assert sum(found.by_symbol.values()) == pytest.approx(found.total)
    assert sum(found.by_group.values()) == pytest.approx(found.total)
    assert next(iter(found.by_group)) == "ai_hardware"


def test_johnson_and_johnson_is_kept_both_ways() -> None:
    weights, groups = {"JNJ": 0.5, "PFE": 0.5}, {"JNJ": "healthcare", "PFE": "healthcare"}
    reported = tested.apply_scenario(JUNE, weights, groups)
    priced = tested.apply_scenario(RECORD, weights, groups)
    assert reported.by_symbol["JNJ"] == pytest.approx(0.5 * 0.046)
    assert priced.by_symbol["JNJ"] == pytest.approx(0.5 * 0.0221)
    assert reported.by_symbol["PFE"] == priced.by_symbol["PFE"] == pytest.approx(0.5 * 0.0173)
    assert any("+2.21%" in note for note in JUNE.notes)
    assert any("+4.6%" in note for note in RECORD.notes)


def test_cash_does_not_move() -> None:
    found = tested.apply_scenario(JUNE, {"AVGO": 0.0}, {})
    assert found.total == 0
    assert not found.by_group


def test_custom_scenarios() -> None:
    shocks = {"winter": {"ai_hardware": -0.4, "MSFT": -0.1, "rest": -0.05}, "calm": {}}
    winter, calm = tested.custom_scenarios(shocks, ["ai_hardware"], ["MSFT", "NVDA", "KO"])
    groups = {"NVDA": "ai_hardware", "MSFT": "software"}
    found = tested.apply_scenario(winter, {"NVDA": 0.5, "MSFT": 0.25, "KO": 0.25}, groups)
    assert found.total == pytest.approx(-0.2 - 0.025 - 0.0125)
    assert found.by_group["no group"] == pytest.approx(-0.0125)
    assert tested.apply_scenario(calm, {"NVDA": 1.0}, groups).total == 0


@pytest.mark.parametrize(
    ("shocks", "message"),
    [
        ({"ai_hardwear": -0.4}, r"'winter': no group or symbol 'ai_hardwear'; did you mean 'ai_hardware'\?"),
        ({"ai_hardware": -1.4}, "shock of ai_hardware is -1.4"),
        ({"MSFT": float("nan")}, "shock of MSFT is nan"),
        ({"rest": -2.0}, "shock of rest"),
    ],
)
def test_unusable_scenarios_are_refused(shocks: dict[str, float], message: str) -> None:
    with pytest.raises((tested.StressError, StrategyError), match=message):
        tested.custom_scenarios({"winter": shocks}, ["ai_hardware"], ["MSFT"])


def market(**tables: Any) -> Market:
    days = pd.bdate_range("2019-01-02", periods=5)
    return Market.from_wide("small", pd.DataFrame(1.0, days, ["A", "B", "C"]), **tables)


def test_groups_of_today_are_dated() -> None:
    instruments = pd.DataFrame(
        {
            "symbol": ["A", "A", "B", "B"],
            "group": ["x", "y", "x", "z"],
            "from": [pd.NaT, pd.Timestamp("2019-01-04"), pd.NaT, pd.NaT],
            "to": [pd.Timestamp("2019-01-03"), pd.NaT, pd.NaT, pd.NaT],
        }
    )
    small = market(instruments=instruments)
    assert tested.groups_today(small, 1) == {"A": "x", "B": "x"}
    assert tested.groups_today(small, 2) == {"A": "y", "B": "x"}


# --- Worst windows -------------------------------------------------------------------------------


def test_worst_windows() -> None:
    sessions = exchange_sessions("2020-01-02", "2020-01-31")
    ours = np.full(len(sessions), 100.0)
    ours[5], ours[6:] = 80, 90
    theirs = np.linspace(100, 80, len(sessions))
    found = tested.worst_windows({"a": ours, "b": theirs}, sessions, lengths=(1, 3, 500))
    assert [(each.label, each.sessions) for each in found] == [("a", 1), ("b", 1), ("a", 3), ("b", 3)]
    first = found[0]
    assert (first.start, first.end) == (sessions[4], sessions[5])
    assert first.returns == pytest.approx({"a": -0.2, "b": theirs[5] / theirs[4] - 1})


def test_worst_year_of_the_sp500(index: tuple[Array, Dates]) -> None:
    (worst,) = tested.worst_windows({"index": index[0]}, index[1], lengths=(252,))
    assert str(worst.end) == "2009-03-05"
    assert worst.returns["index"] < -0.47


# --- Regimes -------------------------------------------------------------------------------------


def test_labels_use_only_what_was_known_before() -> None:
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(size=600)) + 100
    other = np.cumsum(random.normal(size=600)) + 100
    changed = walk.copy()
    changed[400:] = random.normal(size=200) + 50
    labellers: list[Callable[[Array], tested.Labels]] = [
        lambda series: tested.rate_regime(series, 20),
        lambda series: tested.volatility_regime(series, 100),
        lambda series: tested.leadership_regime("technology", series, other, 20),
    ]
    for label in labellers:
        before, after = label(walk), label(changed)
        assert len(before) == 599
        # Label i is for the return from close i to close i + 1 and is known at close i.
        assert (before[:400] == after[:400]).all()
        assert (before[400:] != after[400:]).any()
        assert before[0] == tested.UNKNOWN
        assert len(set(before)) == 3


def test_labels_by_hand() -> None:
    rate = np.array([1.0, 2.0, 3.0, 2.0, 2.0])
    assert tested.rate_regime(rate, 1).tolist() == ["", "rates up", "rates up", "rates down"]
    assert tested.leadership_regime("technology", rate, np.ones(5), 1).tolist() == [
        "",
        "technology leads",
        "technology leads",
        "technology lags",
    ]
    labels = tested.volatility_regime(rate, 5)
    assert labels.tolist() == ["low volatility", "high volatility", "high volatility", "low volatility"]


def test_regime_outcomes() -> None:
    labels = np.array(["", *["up"] * 252, *["down"] * 10], dtype=object)
    ours = np.array([0.5, *[0.001, 0.0] * 126, *[-0.01] * 10])
    up, up_other, down, _ = tested.regime_outcomes({"a": ours, "b": ours * 0}, labels)
    assert (up.regime, up.label, up.sessions) == ("up", "a", 252)
    assert up.annual_return == up.total_return == pytest.approx(1.001**126 - 1)
    assert up.annual_volatility == pytest.approx(np.std(ours[1:253], ddof=1) * np.sqrt(252))
    assert up_other.total_return == 0
    assert (down.sessions, down.annual_return, down.annual_volatility) == (10, None, None)
    assert down.total_return == pytest.approx(0.99**10 - 1)
    with pytest.raises(ValueError, match="263 regime labels"):
        tested.regime_outcomes({"a": ours[1:]}, labels)


def test_regimes_in_words() -> None:
    labels = np.array(["up"] * 252 + ["down"] * 10, dtype=object)
    outcomes = tested.regime_outcomes({"a": np.full(262, 0.0004), "b": np.full(262, 0.0002)}, labels)
    text = regimes_sentence(outcomes, "b", "a")
    assert "up: behind by" in text
    assert "a year; down: behind by 0.2 points over 10 sessions" in text
    assert regimes_sentence([], "a", "b") == "No regime could be told from the data."


def test_series_as_known() -> None:
    series = pd.DataFrame(
        {
            "series": "us10y",
            "date": ["2018-12-31", "2019-01-03"],
            "available": ["2019-01-03", "2019-01-07"],
            "value": [2.7, 2.6],
        }
    )
    small = market(series=series)
    known = series_table(small, "us10y").at_close(small.sessions, stale_days=None)
    assert known == pytest.approx([np.nan, 2.7, 2.7, 2.6, 2.6], nan_ok=True)
    with pytest.raises(MarketError, match="did you mean 'us10y'"):
        series_table(small, "us10")


def test_sp500_is_calmer_when_the_volatility_before_was_low(index: tuple[Array, Dates]) -> None:
    closes, _ = index
    returns = closes[1:] / closes[:-1] - 1
    trailing = pd.Series(np.append(np.nan, returns)).rolling(21).std().to_numpy()
    outcomes = tested.regime_outcomes({"index": returns}, tested.volatility_regime(trailing))
    volatility = {each.regime: each.annual_volatility or 0.0 for each in outcomes}
    assert volatility["high volatility"] > 1.4 * volatility["low volatility"] > 0.1
    assert all(each.sessions > 3000 for each in outcomes)


# --- Shocks by beta ------------------------------------------------------------------------------


def hanging_on_oil() -> Market:
    """A stock that moves half as much as the index, and against oil."""
    sessions = exchange_sessions("2015-01-02", "2019-12-31")
    random = np.random.default_rng(2)
    index, oil = random.normal(0, 0.01, len(sessions)), random.normal(0, 0.02, len(sessions))
    stock = 0.5 * index - 0.2 * oil + random.normal(0, 0.001, len(sessions))
    dates = pd.DatetimeIndex(sessions)
    close = pd.DataFrame({"STOCK": stock, "INDEX": index}, dates).add(1).cumprod()
    series = pd.DataFrame(
        {"series": "brent", "date": dates, "available": dates, "value": 50 * np.cumprod(1 + oil)}
    )
    instruments = pd.DataFrame({"symbol": ["STOCK", "INDEX"], "kind": ["stock", "index"], "group": ""})
    return Market.from_wide("made", close, instruments=instruments, series=series)


def test_betas_come_from_the_data_with_their_errors() -> None:
    market = hanging_on_oil()
    found = {each.factor: each for each in tested.betas({"STOCK": 0.8}, market, len(market.sessions) - 1)}
    assert set(found) == {"market", "oil"}
    assert found["market"].of == "INDEX"
    for factor, beta in (("market", 0.4), ("oil", -0.16)):
        assert found[factor].value == pytest.approx(beta, abs=4 * found[factor].error)
        assert 0 < found[factor].error < 0.1
    outcomes = {each.shock.name: each for each in tested.beta_outcomes(found.values())}
    crash = outcomes["As in 2008"]
    assert crash.total == pytest.approx(found["market"].value * -0.57)
    assert crash.error == pytest.approx(found["market"].error * 0.57)
    assert outcomes["Oil up 50%"].total < 0


def test_the_reverse_of_a_shock_loses_what_was_asked() -> None:
    beta = tested.Beta("market", "INDEX", 0.8, 0.02, 200)
    assert beta.value * beta.reverse(0.2) == pytest.approx(-0.2)
    assert np.isnan(tested.Beta("market", "INDEX", 0.0, 0.1, 200).reverse(0.2))


def test_too_short_a_market_has_no_betas() -> None:
    assert tested.betas({"STOCK": 1.0}, hanging_on_oil(), 100) == ()


def test_other_is_told_apart_by_sector() -> None:
    instruments = pd.DataFrame(
        {
            "symbol": ["A", "B", "C"],
            "kind": "stock",
            "group": ["other", "banks", "other"],
            "sector": ["Energy", "Financials", ""],
        }
    )
    found = tested.shown_groups(market(instruments=instruments), 4)
    assert found == {"A": "Energy", "B": "banks", "C": "other"}
