"""Every statistic against a value from outside, or one worked by hand."""

from __future__ import annotations

import warnings
from importlib.resources import files

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.analysis.definitions import DEFINITIONS, METRICS
from backtests.analysis.performance import drawdowns, performance, relative, return_between
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.analysis.through_time import (
    period_returns,
    rolling_beta,
    rolling_sharpe,
    rolling_volatility,
)
from backtests.analysis.trading import trading
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Ledger, Rows
from datafeeds.sources.sample import sample_market
from tests.places import answers

ANSWERS = answers("performance.json")


@pytest.fixture(scope="module")
def index():
    market = sample_market()
    level = market.close[:, market.column["SP500"]]
    known = np.isfinite(level)
    return level[known], market.sessions[known]


def sessions_of(count, start="2020-01-02"):
    return pd.bdate_range(start, periods=count).to_numpy().astype("datetime64[D]")


def walk(count, seed, drift=0.0004):
    returns = np.random.default_rng(seed).normal(drift, 0.01, count - 1)
    return 100.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))


def test_index_drawdown(index):
    level, sessions = index
    answer = ANSWERS["sp500"]
    numbers = performance(level, sessions)
    assert numbers.max_drawdown == pytest.approx(answer["max_drawdown"], abs=1e-9)
    assert str(numbers.drawdown_peak) == answer["peak"]
    assert str(numbers.drawdown_trough) == answer["trough"]
    year = (sessions >= np.datetime64("2019-12-31")) & (sessions <= np.datetime64("2020-12-31"))
    assert performance(level[year], sessions[year]).max_drawdown == pytest.approx(
        answer["max_drawdown_2020"], abs=5e-7
    )


def test_index_tail(index):
    level, sessions = index
    numbers = performance(level, sessions)
    assert numbers.value_at_risk == pytest.approx(ANSWERS["sp500"]["value_at_risk"], abs=5e-7)
    assert numbers.expected_shortfall == pytest.approx(ANSWERS["sp500"]["expected_shortfall"], abs=5e-7)


def test_index_years(index):
    level, sessions = index
    years = period_returns(level, sessions, "Y")
    by_year = {str(date.year): value for date, value in years.items()}
    for year, answer in ANSWERS["sp500"]["years"].items():
        assert by_year[year] == pytest.approx(answer, abs=5e-5), year


def test_sharpe_of_the_market_since_1926():
    path = files("arch") / "data" / "frenchdata" / "frenchdata.csv.gz"
    table = pd.read_csv(str(path), index_col=0, compression="gzip")
    excess = table["Mkt-RF"].to_numpy() / 100
    answer = ANSWERS["french"]
    assert len(excess) == answer["months"]
    assert excess.mean() * 100 == pytest.approx(answer["mean"], abs=1e-6)
    months = np.arange("1926-06", "2018-12", dtype="datetime64[M]")
    equity = np.cumprod(np.concatenate(([1.0], 1.0 + excess)))
    numbers = performance(equity, months.astype("datetime64[D]"), sessions_a_year=12)
    assert numbers.sharpe == pytest.approx(answer["sharpe"], abs=1e-6)


def test_growth_is_by_the_calendar():
    sessions = np.array(["2020-01-01", "2020-06-30", "2024-01-01"], dtype="datetime64[D]")
    numbers = performance(np.array([100.0, 90.0, 200.0]), sessions)
    assert span_in_years(sessions) == pytest.approx(1461 / 365.25)
    assert numbers.cagr == pytest.approx(2.0**0.25 - 1)
    assert numbers.calmar == pytest.approx((2.0**0.25 - 1) / 0.1)


def test_cash_rate_lowers_sharpe_by_the_calendar():
    sessions = np.array(["2020-01-03", "2020-01-06", "2020-01-07", "2021-01-08"], dtype="datetime64[D]")
    equity = np.array([100.0, 101.0, 100.0, 103.0])
    returns = equity[1:] / equity[:-1] - 1 - 0.0365 / 365 * np.array([3, 1, 367])
    expected = returns.mean() / returns.std(ddof=1) * np.sqrt(252)
    assert performance(equity, sessions, cash=0.0365).sharpe == pytest.approx(expected)


def test_sortino_worked_by_hand():
    returns = np.tile([0.02, -0.01, 0.01, -0.02], 70)
    equity = np.cumprod(np.concatenate(([1.0], 1.0 + returns + 0.001)))
    below = np.sqrt((0.009**2 + 0.019**2) / 4)
    numbers = performance(equity, sessions_of(281))
    assert numbers.sortino == pytest.approx(0.001 * 252 / (below * np.sqrt(252)))


def test_best_and_worst_periods():
    sessions = np.array(["2020-12-30", "2020-12-31", "2021-01-29", "2021-02-26", "2022-01-31"], dtype="M8[D]")
    numbers = performance(np.array([100.0, 110.0, 99.0, 99.0, 148.5]), sessions)
    assert (numbers.best_day, numbers.worst_day) == pytest.approx((0.5, -0.1))
    assert (numbers.best_month, numbers.worst_month) == pytest.approx((0.5, -0.1))
    assert (numbers.best_year, numbers.worst_year) == pytest.approx((0.5, -0.1))


def test_the_worst_year_against_a_benchmark_by_hand():
    sessions = np.array(["2020-12-30", "2020-12-31", "2021-01-29", "2021-12-31", "2022-01-31"], dtype="M8[D]")
    ours, theirs = np.array([100.0, 110.0, 99.0, 99.0, 148.5]), np.array([100.0, 100.0, 110.0, 110.0, 110.0])
    # +10% against 0, -10% against +10%, +50% against 0.
    assert relative(ours, theirs, sessions).worst_lead == pytest.approx(-0.2)
    assert relative(ours[:3], theirs[:3], sessions[:3]).worst_lead is None


def test_period_returns_agree_with_empyrical():
    equity, sessions = walk(900, seed=3), sessions_of(900)
    returns = pd.Series(equity[1:] / equity[:-1] - 1, index=pd.DatetimeIndex(sessions[1:]))
    for period, name in (("M", "monthly"), ("Y", "yearly")):
        ours = period_returns(equity, sessions, period)
        np.testing.assert_allclose(ours.to_numpy(), empyrical.aggregate_returns(returns, name).to_numpy())


@given(st.integers(0, 10_000), st.integers(300, 900), st.floats(-0.002, 0.002))
@settings(max_examples=40, deadline=None)
def test_what_is_written_here_agrees_with_empyrical(seed, count, drift):
    ours, theirs, sessions = walk(count, seed, drift), walk(count, seed + 1), sessions_of(count)
    returns, beside = (equity[1:] / equity[:-1] - 1 for equity in (ours, theirs))
    alone, against = performance(ours, sessions), relative(ours, theirs, sessions)
    months, their_months = (period_returns(equity, sessions, "M") for equity in (ours, theirs))
    for found, wanted in (
        (alone.cagr, empyrical.cagr(returns, annualization=len(returns) / span_in_years(sessions))),
        (alone.sharpe, empyrical.sharpe_ratio(returns)),
        (alone.sortino, empyrical.sortino_ratio(returns)),
        (alone.volatility, empyrical.annual_volatility(returns)),
        (alone.max_drawdown, empyrical.max_drawdown(returns)),
        (alone.value_at_risk, empyrical.value_at_risk(returns)),
        (alone.expected_shortfall, empyrical.conditional_value_at_risk(returns)),
        (against.beta, empyrical.beta_aligned(returns, beside)),
        (against.alpha, empyrical.alpha_aligned(returns, beside)),
        (against.up_capture, empyrical.up_capture(months, their_months, period="monthly")),
        (against.down_capture, empyrical.down_capture(months, their_months, period="monthly")),
    ):
        assert found == pytest.approx(wanted, rel=1e-9)


def test_drawdowns_agree_with_pyfolio():
    equity, sessions = walk(1500, seed=11), sessions_of(1500)
    returns = pd.Series(np.append(0.0, equity[1:] / equity[:-1] - 1), index=pd.DatetimeIndex(sessions))
    ours = drawdowns(equity, sessions)[:6]
    with warnings.catch_warnings():
        # pyfolio warns that zipline is absent, not needed here, and calls what pandas 4 will drop.
        warnings.simplefilter("ignore")
        from pyfolio.timeseries import get_top_drawdowns

        theirs = get_top_drawdowns(returns, top=6)
    for fall, (peak, trough, recovery) in zip(ours, theirs, strict=True):
        assert (fall.peak, fall.trough) == (np.datetime64(peak, "D"), np.datetime64(trough, "D"))
        assert fall.recovery is None if pd.isna(recovery) else fall.recovery == np.datetime64(recovery, "D")
    assert ours[0].depth == pytest.approx(empyrical.max_drawdown(returns))


def test_drawdown_from_the_first_session_and_unrecovered():
    sessions = sessions_of(6)
    falls = drawdowns(np.array([100.0, 90.0, 100.0, 110.0, 99.0, 104.5]), sessions)
    assert [(fall.depth, fall.sessions) for fall in falls] == [
        (pytest.approx(-0.1), 2),
        (pytest.approx(-0.1), 2),
    ]
    assert {(str(fall.peak), str(fall.recovery)) for fall in falls} == {
        ("2020-01-02", "2020-01-06"),
        ("2020-01-07", "None"),
    }
    assert drawdowns(np.array([1.0, 2.0, 2.0, 3.0]), sessions_of(4)) == ()


def test_relative_worked_by_hand():
    benchmark = walk(600, seed=5)
    theirs = benchmark[1:] / benchmark[:-1] - 1
    equity = np.cumprod(np.concatenate(([1.0], 1.0 + 0.0002 + 0.5 * theirs)))
    sessions = sessions_of(600)
    numbers = relative(equity, benchmark, sessions)
    active = 0.0002 - 0.5 * theirs
    assert numbers.beta == pytest.approx(0.5)
    assert numbers.alpha == pytest.approx(1.0002**252 - 1)
    assert numbers.correlation == pytest.approx(1.0)
    assert numbers.tracking_error == pytest.approx(active.std(ddof=1) * np.sqrt(252))
    assert numbers.information_ratio == pytest.approx(active.mean() / active.std(ddof=1) * np.sqrt(252))
    growth = [performance(each, sessions).cagr for each in (equity, benchmark)]
    assert numbers.excess_return == pytest.approx(growth[0] - growth[1])


def test_captures_compound_the_months_by_sign_of_the_benchmark():
    sessions = np.arange("2020-01", "2021-03", dtype="datetime64[M]").astype("datetime64[D]")
    theirs = np.array([0.02, -0.02] * 6 + [0.02])
    ours = np.where(theirs > 0, 0.01, -0.03)
    benchmark, equity = (np.cumprod(np.concatenate(([1.0], 1.0 + each))) for each in (theirs, ours))
    numbers = relative(equity, benchmark, sessions)
    assert numbers.up_capture == pytest.approx((1.01**12 - 1) / (1.02**12 - 1))
    assert numbers.down_capture == pytest.approx((0.97**12 - 1) / (0.98**12 - 1))


def test_nothing_is_annualised_under_a_year():
    equity, sessions = walk(120, seed=9), sessions_of(120)
    returns = equity[1:] / equity[:-1] - 1
    numbers = performance(equity, sessions)
    assert not numbers.annual
    assert not spans_a_year(sessions)
    assert numbers.cagr is None
    assert numbers.calmar is None
    assert numbers.volatility == pytest.approx(returns.std(ddof=1))
    assert numbers.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    against = relative(equity, walk(120, seed=10), sessions)
    assert against.up_capture is None
    assert against.excess_return == pytest.approx(equity[-1] / equity[0] - walk(120, seed=10)[-1] / 100)


def test_equity_that_never_moves_has_no_ratios():
    numbers = performance(np.full(300, 100.0), sessions_of(300))
    assert numbers.volatility == 0
    assert np.isnan(numbers.sharpe)
    assert np.isnan(numbers.sortino)
    assert numbers.max_drawdown == 0
    assert numbers.drawdown_peak is None
    against = relative(np.full(300, 100.0), np.full(300, 1.0), sessions_of(300))
    assert np.isnan(against.information_ratio)
    assert np.isnan(against.correlation)
    assert np.isnan(against.beta)


def test_one_session_is_refused():
    with pytest.raises(ValueError, match="at least two sessions, got 1"):
        performance(np.array([1.0]), sessions_of(1))


def test_rolling_statistics_equal_those_of_each_window():
    equity, benchmark = walk(400, seed=1), walk(400, seed=2)
    ours, theirs = (each[1:] / each[:-1] - 1 for each in (equity, benchmark))
    cash = np.full(399, 0.0001)
    end = 300
    window = slice(end - 126, end)
    excess = ours[window] - cash[window]
    assert rolling_volatility(ours, 126)[end - 1] == pytest.approx(ours[window].std(ddof=1) * np.sqrt(252))
    assert rolling_sharpe(ours, cash, 126)[end - 1] == pytest.approx(
        excess.mean() / excess.std(ddof=1) * np.sqrt(252)
    )
    covariance = np.cov(ours[window], theirs[window])
    assert rolling_beta(ours, theirs, 126)[end - 1] == pytest.approx(covariance[0, 1] / covariance[1, 1])
    assert np.isnan(rolling_beta(ours, theirs, 126)[124])
    assert not np.isnan(rolling_beta(ours, theirs, 126)[125])


def test_return_between_sessions():
    sessions = sessions_of(4)
    assert return_between(
        np.array([1.0, 2.0, 3.0, 4.0]), sessions, sessions[1], sessions[3]
    ) == pytest.approx(1.0)


def test_turnover_and_costs_worked_by_hand():
    sessions = np.array(["2020-01-01", "2020-07-01", "2022-01-01"], dtype="datetime64[D]")
    rows = [
        (0, 0, 100.0, 10.0, 10.0, 1.0, 2.0, 3.0, "order"),
        (1, 0, -40.0, 12.5, 12.5, 1.0, 0.0, 0.0, "order"),
        (1, 1, 30.0, 10.0, 10.0, 1.0, 2.0, 0.0, "order"),
        (2, 1, -30.0, 9.0, 9.0, 0.0, 0.0, 0.0, "delisting"),
    ]
    ledger = Ledger(
        sessions=sessions,
        symbols=("A", "B"),
        equity=np.array([1000.0, 1100.0, 900.0]),
        cash=np.zeros(3),
        dividends=np.array([0.0, 5.0, 2.0]),
        interest=np.array([0.0, 1.0, 0.5]),
        executions=Rows.of(FILL_COLUMNS, rows),
        endings=Rows.of(UNFILLED_COLUMNS, [(1, 0, 0.1, "no bar")]),
        decisions=(),
    )
    numbers = trading(ledger)
    years = 731 / 365.25
    # 1,000 built the first portfolio: of 300 bought and 500 sold after it the lesser counts.
    assert numbers.turnover == pytest.approx(300 / 1000 / years)
    assert numbers.cost == pytest.approx(10)
    assert numbers.cost_bps == pytest.approx(10 / 1000 / years * 1e4)
    parts = (numbers.commission_bps, numbers.spread_bps, numbers.impact_bps)
    assert parts == pytest.approx([part / 1000 / years * 1e4 for part in (3, 4, 3)])
    assert (numbers.fills, numbers.delistings, numbers.unfilled) == (3, 1, 1)
    assert (numbers.dividends, numbers.interest) == (7, 1.5)


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_has_one_definition(metric):
    assert metric.term
    assert metric.formula
    assert metric.source
    assert DEFINITIONS[metric.key] is metric
    assert metric.unit
