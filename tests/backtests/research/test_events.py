"""Event studies: formulas against other calculations, the Dow against what was published."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.regression.linear_model import WLS
from statsmodels.tools import add_constant

from backtests.document.blocks import Table
from backtests.research.dow import dow_members, price_weighted_day
from backtests.research.event_report import event_sections
from backtests.research.events import (
    JUNE_2026_DATE,
    JUNE_2026_REPORTED,
    JUNE_2026_SIGNATURE,
    Event,
    EventError,
    Signature,
    abnormal_return,
    aftermath,
    compare_indices,
    forward_sums,
    load_event,
    own_record,
    parse_event,
    study,
)
from backtests.research.indices import group_returns, index_returns, price_weighted_returns, session_returns
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.june_2026 import JUNE_2026
from strategies.signals import turbulence
from tests.command import backtest
from tests.places import SHARED, answers

FOLDER = SHARED / "market"
NAN = float("nan")


@pytest.fixture(scope="module")
def folder() -> Market:
    if not FOLDER.is_dir():
        pytest.skip("the shared market folder is not there")
    from backtests.settings.markets import open_market

    return open_market(str(FOLDER))


def made_by_hand(close: dict[str, list[float]], splits: pd.DataFrame | None = None) -> Market:
    days = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-12-31"))[: len(next(iter(close.values())))]
    return Market.from_wide("made by hand", pd.DataFrame(close, index=days), splits=splits)


def test_the_dow_has_thirty_members_on_every_day_of_the_table() -> None:
    for year in range(2005, 2027):
        members = dow_members(np.datetime64(f"{year}-01-04"))
        assert len(members) == len(set(members)) == 30
    assert dow_members(np.datetime64("2003-01-02")) == []
    assert "AAPL" in dow_members(np.datetime64("2015-03-19"))
    assert "AAPL" not in dow_members(np.datetime64("2015-03-18"))


@pytest.mark.slow
def test_price_weighting_gives_the_published_days_of_the_dow(folder: Market) -> None:
    for day, change in answers("dow_days.json")["changes"].items():
        index = folder.index_of(day)
        members = [symbol for symbol in dow_members(folder.sessions[index]) if symbol in folder.column]
        found = price_weighted_day(folder, index, members).change
        # One to three of the thirty are missing from the folder.
        assert found == pytest.approx(change, abs=0.004), day


def test_a_split_moves_the_divisor_and_not_the_index() -> None:
    # B splits two for one on the third session; closes are split-adjusted.
    splits = pd.DataFrame({"symbol": ["B"], "date": [pd.Timestamp("2020-01-06")], "ratio": [2.0]})
    market = made_by_hand({"A": [10.0, 10.0, 11.0], "B": [20.0, 20.0, 20.0]}, splits)
    before = price_weighted_day(market, 1, ["A", "B"], divisor=0.5)
    assert before.divisor == 0.5
    day = price_weighted_day(market, 2, ["A", "B"], divisor=0.5)
    assert day.divisor == pytest.approx(0.5 * 30 / 50)  # prices 10 + 40 became 10 + 20
    assert day.change == pytest.approx(1 / 30)
    assert day.points == pytest.approx({"A": 1 / day.divisor, "B": 0.0})
    with pytest.raises(ValueError, match="none of the members traded"):
        price_weighted_day(made_by_hand({"A": [1.0, NAN], "B": [1.0, 1.0]}), 1, ["A"])


def test_three_weightings_of_the_same_members_by_hand() -> None:
    market = made_by_hand({"A": [10.0, 11.0], "B": [30.0, 30.0]})
    indices = compare_indices(market, session_returns(market), 1, ["A", "B", "GONE"])
    assert indices.price.change == pytest.approx(1 / 40)
    assert indices.equal == pytest.approx(0.05)
    assert np.isnan(indices.cap)  # nothing filed
    assert indices.missing == ("GONE",)
    returns = session_returns(market)
    assert price_weighted_returns(market, returns)[1] == pytest.approx(1 / 40)
    assert group_returns(market, returns, "")[1] == pytest.approx(0.05)


def test_an_abnormal_return_and_its_error_are_a_weighted_regression_forecast() -> None:
    generator = np.random.default_rng(4)
    market = generator.normal(0, 0.01, 400)
    returns = 0.001 + 0.8 * market + generator.normal(0, 0.015, 400)
    found = abnormal_return("X", returns, market, 350, 1, 3)
    window, scale = slice(350 - 280, 350 - 30), turbulence(market)
    fit = WLS(returns[window], add_constant(market[window]), weights=scale[window] ** -2).fit()
    forecast = fit.get_prediction([[1.0, market[350]]], weights=scale[350] ** -2)
    assert found.day == pytest.approx(returns[350] - float(forecast.predicted_mean[0]))
    assert found.day_error == pytest.approx(float(forecast.se_obs[0]))
    rows = slice(349, 354)
    causes = add_constant(market[rows])
    assert found.window == pytest.approx(float((returns[rows] - causes @ fit.params).sum()))
    # Variance of a sum of forecasts: s2 (sum of scale^2 + 1'X (X'WX)^-1 X'1)
    total = causes.sum(axis=0)
    variance = fit.mse_resid * (scale[rows] ** 2).sum() + float(total @ fit.cov_params() @ total)
    assert found.window_error == pytest.approx(np.sqrt(variance))
    assert found.t == pytest.approx(found.day / found.day_error)


def rejected(crisis: slice, effect: float = 0.0) -> float:
    """How often a day with `effect` beyond the market has |t| > 1.96, with a crisis in those sessions."""
    generator = np.random.default_rng(14)
    found = []
    for _ in range(300):
        scale = np.full(320, 0.01)
        scale[crisis] *= 5
        market = scale * generator.standard_normal(320)
        returns = market + 1.2 * scale * generator.standard_normal(320)
        returns[310] += effect
        found.append(abs(abnormal_return("X", returns, market, 310, 0, 0).t) > 1.96)
    return float(np.mean(found))


def test_a_crisis_in_the_window_hides_no_event_and_one_around_the_day_makes_none() -> None:
    calm, before, around = slice(0, 0), slice(100, 150), slice(285, 320)
    assert 0.02 <= rejected(calm) <= 0.09
    assert 0.02 <= rejected(before) <= 0.09
    # Least squares without weights rejects three of five days in a crisis.
    assert rejected(around) <= 0.12
    assert rejected(before, effect=0.05) > 0.95


def test_too_little_history_is_unknown() -> None:
    found = abnormal_return("X", np.zeros(100), np.zeros(100), 90, 1, 1)
    assert np.isnan(found.day)
    assert np.isnan(found.t)
    assert found.actual == 0.0


@given(arrays(float, st.integers(1, 60), elements=st.floats(-0.1, 0.1) | st.just(NAN)), st.integers(1, 20))
def test_forward_sums_are_rolling_sums_of_what_comes_after(returns: np.ndarray, horizon: int) -> None:
    expected = pd.Series(returns).rolling(horizon).sum().shift(-horizon).to_numpy()
    np.testing.assert_allclose(forward_sums(returns, horizon), expected, atol=1e-12)


def test_what_was_put_after_the_days_is_found() -> None:
    generator = np.random.default_rng(6)
    returns = generator.normal(0, 0.01, 3000)
    days = np.arange(100, 2900, 97)
    for day in days:
        returns[day + 1 : day + 6] += 0.01
    after = aftermath(returns, days, 5)
    assert after.days == len(days)
    assert after.mean - after.ordinary == pytest.approx(0.05, abs=0.01)
    assert after.p_value < 0.01
    assert aftermath(returns, days + 40, 5).p_value > 0.05


def test_without_a_relation_p_values_are_spread_evenly_even_where_days_cluster() -> None:
    generator = np.random.default_rng(8)
    values = []
    for _ in range(200):
        returns = generator.normal(0, 0.01, 600)
        start = generator.integers(0, 500)
        days = np.sort(start + generator.choice(60, 12, replace=False))  # windows of 21 overlap
        values.append(aftermath(returns, days, 21, draws=200).p_value)
    assert 0.02 <= np.mean(np.array(values) < 0.05) <= 0.09
    assert 0.42 <= np.mean(values) <= 0.58


def test_days_without_a_full_horizon_do_not_count() -> None:
    returns = np.zeros(100)
    assert aftermath(returns, np.array([10, 97]), 5).days == 1
    assert np.isnan(aftermath(returns, np.array([98]), 5).mean)


def test_a_signature_needs_half_of_every_move_and_unknown_is_not_alike() -> None:
    signature = Signature(dow=0.02, nasdaq=-0.01, worst=-0.06)
    dow = np.array([0.02, 0.02, 0.005, 0.02, NAN, 0.011, 0.02])
    nasdaq = np.array([-0.01, 0.01, -0.01, -0.01, -0.01, -0.006, -0.004])
    worst = np.array([-0.06, -0.06, -0.06, -0.01, -0.06, -0.031, -0.06])
    assert signature.like(dow, nasdaq, worst).tolist() == [0, 5]


def test_the_day_itself_has_the_signature_by_the_published_figures() -> None:
    change = {each.what: each.change for each in JUNE_2026_REPORTED}
    names = ("Dow Jones Industrial Average", "Nasdaq Composite", "Broadcom")
    dow, nasdaq, worst = (np.array([change[name]]) for name in names)
    assert JUNE_2026_SIGNATURE.like(dow, nasdaq, worst).tolist() == [0]
    assert change["Dow Jones Industrial Average"] == pytest.approx(874.86 / (51_561.93 - 874.86), abs=5e-5)
    assert change["Broadcom"] == JUNE_2026.symbols["AVGO"]  # one set of figures in the project
    assert change["Russell 2000"] == JUNE_2026.groups["small_cap"]


def test_the_signature_of_a_day_is_its_own(sample: Market) -> None:
    fall = study(sample, Event(date=dt.date(2020, 3, 16)))
    rise = study(sample, Event(date=dt.date(2020, 3, 24)))
    assert fall.signature is not None
    assert rise.signature is not None
    assert fall.signature.dow < -0.05
    assert rise.signature.dow > 0.02
    assert not set(fall.similar) & set(rise.similar)
    given = Signature(dow=0.0173, nasdaq=-0.0009, worst=-0.126)
    assert study(sample, Event(date=dt.date(2020, 11, 9), signature=given)).signature == given


def test_published_figures_stand_beside_the_markets_own() -> None:
    days = pd.DatetimeIndex(exchange_sessions("2026-06-01", "2026-06-04"))
    series = pd.DataFrame(
        {
            "series": ["brent", "brent", "skew"],
            "date": pd.to_datetime(["2026-06-03", "2026-06-04", "2026-06-02"]),
            "available": pd.to_datetime(["2026-06-10", "2026-06-11", "2026-06-02"]),
            "value": [98.0, 96.0, 141.0],
        }
    )
    close = pd.DataFrame({"JNJ": [100.0, 100.0, 100.0, 102.21]}, index=days)
    market = Market.from_wide("June", close, series=series)
    day = np.datetime64("2026-06-04")
    own = {each.what: own_record(market, each, day) for each in JUNE_2026_REPORTED}
    assert own["Johnson & Johnson"].change == pytest.approx(0.0221)
    assert own["Brent, futures"].level == 96.0
    assert own["Brent, futures"].change == pytest.approx(96 / 98 - 1)
    assert own["Cboe SKEW"].level == 141.0
    assert own["Cboe SKEW"].date == np.datetime64("2026-06-02")
    assert own["10-year Treasury yield"].date is None
    assert own["Broadcom"].date is None


def test_a_market_that_ends_before_the_day_says_so_and_shows_the_scenario(sample: Market) -> None:
    found = study(sample, Event(date=JUNE_2026_DATE))
    assert found.session is None
    assert found.groups == ()
    assert "ends on 2022-12-28, before 2026-06-04" in found.notes[0]
    captions = [
        block.caption
        for section in event_sections(sample, found)
        for block in section.blocks
        if isinstance(block, Table)
    ]
    assert captions == [
        "As published, beside this market's own record",
        "What followed, against ordinary days",
        "One day at the published moves",
    ]


def test_a_day_in_the_market_is_measured_and_later_days_do_not_count(sample: Market) -> None:
    found = study(sample, Event(date=dt.date(2020, 11, 9), most=3))
    assert str(found.session) == "2020-11-09"
    assert len(found.leaders) == len(found.laggards) == 3
    assert all(a.actual >= b.actual for a, b in zip(found.leaders, found.leaders[1:], strict=False))
    assert found.laggards[0].actual <= found.leaders[0].actual
    assert (found.similar < found.session).all()
    financials = next(row for row in found.groups if row.name == "financials")
    assert financials.members == 2
    assert financials.t > 3  # the vaccine day
    assert found.indices is not None
    assert any("too few for the Dow" in note for note in found.notes)


def test_a_weekend_moves_to_the_next_session(sample: Market) -> None:
    found = study(sample, Event(date=dt.date(2020, 11, 7)))
    assert str(found.session) == "2020-11-09"
    assert "2020-11-07 is no session" in found.notes[0]


def test_errors_say_what_to_do(sample: Market, tmp_path: Path) -> None:
    with pytest.raises(EventError, match="did you mean 'financials'"):
        study(sample, Event(date=dt.date(2020, 11, 9), groups=("financial",)))
    with pytest.raises(EventError, match="before market 'sample' begins"):
        study(sample, Event(date=dt.date(1980, 1, 2)))
    with pytest.raises(EventError, match="did you mean 'groups'"):
        parse_event({"date": "2020-11-09", "group": ["financials"]}, "x.toml")
    with pytest.raises(EventError, match="did you mean 'nasdaq'"):
        parse_event({"date": "2020-11-09", "signature": {"nasdak": 0.02}}, "x.toml")
    with pytest.raises(EventError, match="date"):
        parse_event({}, "x.toml")
    file = tmp_path / "event.toml"
    file.write_text("date = 2020-11-09\n[signature]\ndow = 0.02\nnasdaq = 0.01\nworst = -0.1\n")
    assert load_event(file).signature == Signature(dow=0.02, nasdaq=0.01, worst=-0.1)
    with pytest.raises(EventError, match=r"nothing\.toml: no such file"):
        load_event(tmp_path / "nothing.toml")


def test_stand_ins_are_named(sample: Market) -> None:
    returns = session_returns(sample)
    assert "for the Dow" in index_returns(sample, returns, "dow")[0]
    assert "AAPL/AMD/MSFT" in index_returns(sample, returns, "nasdaq")[0]
    assert index_returns(sample, returns, "small")[0] == "SIZE"


def test_the_command_prints_the_tables_and_writes_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "pages" / "event.html"
    assert backtest(monkeypatch, "event", "--date", "2026-06-04", "--html", str(page)) == 0
    printed = capsys.readouterr().out
    assert "As published" in printed
    assert "+2.21%" in printed
    assert printed.startswith("Event of 2026-06-04\n")
    assert "What followed" in page.read_text()


def test_the_name_of_an_event_file_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, page = tmp_path / "day.toml", tmp_path / "day.html"
    file.write_text('name = "The <vaccine> day"\ndate = 2020-11-09\n')
    assert backtest(monkeypatch, "event", str(file), "--html", str(page)) == 0
    assert capsys.readouterr().out.startswith("The <vaccine> day, 2020-11-09\n")
    assert "The &lt;vaccine&gt; day, 2020-11-09" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["event"], "give either --date or an event file"),
        (["event", "--date", "June"], "write it as 2026-06-04"),
        (["event", "--date", "2020-11-09", "--market", "sampel"], "did you mean 'sample'"),
    ],
)
def test_the_command_refuses_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert backtest(monkeypatch, *arguments) == 1
    assert message in capsys.readouterr().err


def test_the_page_of_a_day_shows_groups_leaders_and_indices(sample: Market) -> None:
    found = study(sample, Event(date=dt.date(2020, 11, 9), most=3))
    assert found.indices is not None
    blocks = [block for section in event_sections(sample, found) for block in section.blocks]
    tables = {block.caption: block for block in blocks if isinstance(block, Table)}
    abnormal = tables["Abnormal returns by group on 2020-11-09"]
    assert len(abnormal.rows) == len(found.groups)
    assert {len(tables[name].rows) for name in ("Leaders", "Laggards")} == {3}
    weighted = tables[f"The same {found.indices.members} members, weighted three ways"]
    assert [row.cells[0].value for row in weighted.rows] == [
        "Price-weighted",
        "Cap-weighted",
        "Equal-weighted",
    ]
    assert weighted.rows[1].cells[1].value == found.indices.cap
