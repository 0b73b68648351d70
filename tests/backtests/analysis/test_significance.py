"""Sharpe ratios against published examples, the bootstrap against arch, overfitting against what is known."""

from __future__ import annotations

import gzip
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.analysis import significance as tested
from backtests.analysis.performance import performance, relative
from backtests.engine.books import returns_of
from backtests.tearsheet.wording import (
    lead_sentence,
    overfitting_sentence,
    sharpe_sentence,
    significance_sentences,
    trials_sentence,
)
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Array, Dates
from tests.places import answers

ANSWERS = answers("significance.json")


@pytest.fixture(scope="module")
def french() -> pd.DataFrame:
    """Monthly factors in percent; arch's own loader misreads the dates under pandas 3."""
    found = find_spec("arch")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "data" / "frenchdata" / "frenchdata.csv.gz"
    with gzip.open(path) as file:
        frame = pd.read_csv(file)
    frame.index = pd.to_datetime(frame.pop("Date").astype(str), format="%Y%m")
    return frame


def business_days(count: int) -> Dates:
    return np.busday_offset("1990-01-01", np.arange(count), roll="forward").astype("datetime64[D]")


def grown(returns: Array) -> Array:
    return 1e6 * np.concatenate([[1.0], np.cumprod(1 + returns)])


@pytest.fixture(scope="module")
def market_returns() -> Array:
    return np.random.default_rng(5).standard_t(5, 2000) * 0.008 + 0.0003


def test_probabilistic_sharpe() -> None:
    case = ANSWERS["probabilistic_sharpe"]
    ours = tested.probabilistic_sharpe(case["sharpe"], case["count"], case["skew"], case["kurtosis"])
    assert ours == pytest.approx(case["probability"], abs=5e-6)
    normal = tested.probabilistic_sharpe(case["sharpe"], case["count"])
    assert normal == pytest.approx(case["normal"], abs=5e-6)


def test_deflated_sharpe() -> None:
    case = ANSWERS["deflated_sharpe"]
    year = case["periods_a_year"]
    variance = case["variance_a_year"] / year
    shape = (case["sharpe_a_year"] / math.sqrt(year), case["count"], case["skew"], case["kurtosis"])
    maximum = tested.expected_maximum_sharpe(case["trials"], variance)
    assert maximum == pytest.approx(case["expected_maximum"], abs=5e-7)
    deflated = tested.probabilistic_sharpe(*shape, maximum)
    assert deflated == pytest.approx(case["deflated"], abs=5e-7)
    fewer = tested.probabilistic_sharpe(*shape, tested.expected_maximum_sharpe(46, variance))
    assert fewer == pytest.approx(case["deflated_of_46_trials"], abs=5e-5)


def test_one_trial_deflates_nothing() -> None:
    assert tested.expected_maximum_sharpe(1, 0.1) == 0
    with pytest.raises(ValueError, match="at least one trial"):
        tested.expected_maximum_sharpe(0, 0.1)


def test_expected_maximum_is_that_of_normal_draws() -> None:
    """The paper's formula is an approximation for many trials; at 50 it is 1.4% high."""
    draws = np.random.default_rng(1).normal(scale=0.3, size=(20_000, 50))
    assert tested.expected_maximum_sharpe(50, 0.09) == pytest.approx(draws.max(axis=1).mean(), rel=0.02)


def test_minimum_track_record() -> None:
    case = ANSWERS["minimum_track_record"]
    year = case["periods_a_year"]
    sharpe, threshold = case["sharpe_a_year"] / math.sqrt(year), case["threshold_a_year"] / math.sqrt(year)
    normal = tested.minimum_track_record(sharpe, threshold)
    assert normal / year == pytest.approx(case["years_normal"], abs=5e-5)
    skewed = tested.minimum_track_record(sharpe, threshold, case["skew"], case["kurtosis"])
    assert skewed / year == pytest.approx(case["years"], abs=5e-5)
    # With exactly that many returns the probability is the confidence asked for.
    assert tested.probabilistic_sharpe(
        sharpe, round(skewed), case["skew"], case["kurtosis"], threshold
    ) == pytest.approx(0.95, abs=2e-3)
    assert tested.minimum_track_record(threshold, sharpe) == math.inf
    assert tested.minimum_track_record(math.nan) == math.inf


def test_moments_agree_with_scipy(market_returns: Array) -> None:
    stats = pytest.importorskip("scipy.stats")
    ours = tested.moments(market_returns)
    assert ours.skew == pytest.approx(stats.skew(market_returns))
    assert ours.kurtosis == pytest.approx(stats.kurtosis(market_returns, fisher=False))
    assert math.isnan(tested.moments(np.full(50, 0.001)).sharpe)


def test_block_length_and_sharpe_of_the_french_market(french: pd.DataFrame) -> None:
    case = ANSWERS["french_market"]
    assert len(french) == case["months"]
    assert french.mean().to_numpy() == pytest.approx(case["means"], abs=5e-7)
    market = french["Mkt-RF"].to_numpy()
    assert tested.moments(market).sharpe * math.sqrt(12) == pytest.approx(case["sharpe_a_year"], abs=5e-7)
    stationary = tested.optimal_block_length(market)
    circular = tested.optimal_block_length(market, "circular")
    assert stationary == pytest.approx(case["block_stationary"], abs=5e-7)
    assert circular == pytest.approx(case["block_circular"], abs=5e-7)


@pytest.mark.parametrize("method", ["stationary", "circular"])
def test_intervals_are_those_of_arch(french: pd.DataFrame, method: tested.BlockMethod) -> None:
    """Same seed, same draws: each statistic as arch gives it when it calls a function a thousand times."""
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap

    ours = french["Mkt-RF"].to_numpy() / 100
    theirs = french["HML"].to_numpy() / 100

    def statistics(mine: Array, other: Array) -> Array:
        active = mine - other
        equity = np.concatenate([[1.0], np.cumprod(1 + mine)])
        growth, growth_other = (np.prod(1 + each) ** (12 / len(each)) - 1 for each in (mine, other))
        return np.array(
            [
                mine.mean() / mine.std(ddof=1) * math.sqrt(12),
                (equity / np.maximum.accumulate(equity) - 1).min(),
                growth - growth_other,
                active.mean() / active.std(ddof=1) * math.sqrt(12),
            ]
        )

    kind = StationaryBootstrap if method == "stationary" else CircularBlockBootstrap
    expected = kind(7, ours, theirs, seed=3).conf_int(statistics, reps=200, method="percentile", size=0.9)
    found = tested.block_bootstrap(
        ours, {"HML": theirs}, sessions_a_year=12, draws=200, level=0.9, seed=3, block_length=7, method=method
    )
    estimates = statistics(ours, theirs)
    for place, interval in enumerate(found.intervals):
        assert interval.estimate == pytest.approx(estimates[place], rel=1e-9)
        # arch takes its percentiles by another interpolation between the same draws.
        assert interval.low == pytest.approx(expected[0, place], rel=0.05, abs=0.005)
        assert interval.high == pytest.approx(expected[1, place], rel=0.05, abs=0.005)


@given(st.integers(20, 900), st.floats(1.0, 12.0), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_blocks_are_drawn_as_arch_draws_them(count: int, length: float, seed: int) -> None:
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap

    places = np.arange(count)
    stationary = StationaryBootstrap(length, places, seed=seed)  # type: ignore[arg-type]
    circular = CircularBlockBootstrap(math.ceil(length), places, seed=seed)
    for method, theirs in (("stationary", stationary), ("circular", circular)):
        for ours in tested.block_indices(count, length, 3, seed, method):
            np.testing.assert_array_equal(ours, theirs.update_indices())


@given(st.integers(20, 900), st.floats(-0.7, 0.95), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_block_lengths_are_those_of_arch(count: int, memory: float, seed: int) -> None:
    from arch.bootstrap import optimal_block_length

    series = np.random.default_rng(seed).normal(size=count)
    for place in range(1, count):
        series[place] += memory * series[place - 1]
    theirs = optimal_block_length(series)
    for method in ("stationary", "circular"):
        ours = tested.optimal_block_length(series, method)
        assert ours == pytest.approx(max(1.0, float(theirs[method].iloc[0])), rel=1e-9)


def test_each_draw_by_hand(market_returns: Array) -> None:
    """The sums over drawn sessions give what the resampled returns themselves give."""
    ours = market_returns[:300]
    theirs = ours[::-1] * 0.9
    cash = np.linspace(0, 1e-4, 300)
    draws = np.stack(list(tested.block_indices(300, 5.5, 70, seed=2)))
    assert draws.shape == (70, 300)
    found = tested.block_bootstrap(
        ours, {"other": theirs}, cash=cash, draws=70, seed=2, block_length=5.5, years=1.3
    )
    excess, active = (ours - cash)[draws], (ours - theirs)[draws]
    path = np.hstack([np.ones((70, 1)), np.cumprod(1 + ours[draws], axis=1)])
    by_hand = {
        "sharpe": excess.mean(axis=1) / excess.std(axis=1, ddof=1) * math.sqrt(252),
        "max_drawdown": (path / np.maximum.accumulate(path, axis=1) - 1).min(axis=1),
        "growth_difference": path[:, -1] ** (1 / 1.3) - np.prod(1 + theirs[draws], axis=1) ** (1 / 1.3),
        "information_ratio": active.mean(axis=1) / active.std(axis=1, ddof=1) * math.sqrt(252),
    }
    for interval in found.intervals:
        low, high = np.quantile(by_hand[interval.statistic], [0.025, 0.975])
        assert interval.low == pytest.approx(low, rel=1e-9)
        assert interval.high == pytest.approx(high, rel=1e-9)
        assert interval.above_zero == (by_hand[interval.statistic] > 0).mean()


def test_block_lengths_are_geometric() -> None:
    draws = np.stack(list(tested.block_indices(1000, 8.0, 200, seed=0)))
    follows = (np.diff(draws, axis=1) % 1000) == 1
    assert 1 - follows.mean() == pytest.approx(1 / 8, rel=0.02)
    assert np.bincount(draws.ravel(), minlength=1000).std() / 200 < 0.3


def test_interval_covers_the_truth() -> None:
    """Of independent histories with a known Sharpe ratio, about nine in ten intervals of 90% hold it."""
    random = np.random.default_rng(11)
    held = 0
    for seed in range(60):
        returns = random.normal(0.0005, 0.01, 500)
        found = tested.block_bootstrap(returns, {}, draws=200, level=0.9, seed=seed, sessions_a_year=1)
        interval = found.interval("sharpe")
        held += interval.low <= 0.05 <= interval.high
    assert 46 <= held <= 60


def test_seeded(market_returns: Array) -> None:
    first, again = (tested.block_bootstrap(market_returns, {}, draws=50, seed=9) for _ in range(2))
    other = tested.block_bootstrap(market_returns, {}, draws=50, seed=10)
    assert first == again
    assert first != other


def test_without_variation_there_is_no_ratio(market_returns: Array) -> None:
    found = tested.block_bootstrap(market_returns, {"itself": market_returns}, draws=20)
    assert math.isnan(found.interval("information_ratio", "itself").low)
    lead = found.interval("growth_difference", "itself")
    assert (lead.estimate, lead.low, lead.high) == (0, 0, 0)
    flat = tested.block_bootstrap(np.zeros(100), {}, draws=20)
    assert math.isnan(flat.interval("sharpe").estimate)
    assert flat.interval("max_drawdown").low == 0
    with pytest.raises(KeyError, match="nobody"):
        found.interval("growth_difference", "nobody")


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (np.zeros(19), "at least 20"),
        (np.append(np.zeros(30), np.nan), "finite"),
        (np.append(np.zeros(30), -1.0), "-100%"),
    ],
)
def test_unusable_returns_are_refused(returns: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tested.block_bootstrap(returns, {})


def test_lengths_must_agree(market_returns: Array) -> None:
    with pytest.raises(ValueError, match="'short' has 1000 returns"):
        tested.block_bootstrap(market_returns, {"short": market_returns[:1000]})


def test_overfitting_of_noise_is_even() -> None:
    random = np.random.default_rng(0)
    found = [tested.overfitting_probability(random.normal(size=(640, 12))) for _ in range(25)]
    assert found[0].splits == 12_870
    assert np.mean([each.probability for each in found]) == pytest.approx(0.5, abs=0.08)


def test_overfitting_of_skill_is_nought() -> None:
    returns = np.random.default_rng(0).normal(size=(800, 10))
    returns[:, 3] += 0.5
    found = tested.overfitting_probability(returns)
    assert found.probability == 0
    assert found.loss == 0
    assert "carried over" in overfitting_sentence(found)


def test_overfitting_by_hand() -> None:
    """The splits one by one, as the paper describes them."""
    from itertools import combinations, pairwise

    returns = np.random.default_rng(4).normal(0.01, 1, size=(103, 5))
    starts = np.linspace(0, 103, 7).astype(int)
    blocks = [np.arange(a, b) for a, b in pairwise(starts)]
    logits = []
    for half in combinations(range(6), 3):
        known = returns[np.concatenate([blocks[i] for i in half])]
        hidden = returns[np.concatenate([blocks[i] for i in range(6) if i not in half])]
        best = int(np.argmax(known.mean(axis=0) / known.std(axis=0, ddof=1)))
        ratios = hidden.mean(axis=0) / hidden.std(axis=0, ddof=1)
        share = pd.Series(ratios).rank().iloc[best] / 6
        logits.append(math.log(share / (1 - share)))
    found = tested.overfitting_probability(returns, blocks=6)
    assert found.logits == pytest.approx(logits)
    assert found.probability == np.mean(np.array(logits) <= 0)


def test_overfitting_refuses_what_it_cannot_split() -> None:
    with pytest.raises(ValueError, match="two configurations"):
        tested.overfitting_probability(np.zeros((100, 1)))
    with pytest.raises(ValueError, match="even number"):
        tested.overfitting_probability(np.zeros((100, 2)), blocks=7)
    with pytest.raises(ValueError, match="finite"):
        tested.overfitting_probability(np.full((100, 2), np.nan))
    flat = tested.overfitting_probability(np.zeros((64, 3)))
    assert flat.probability == 1.0


def test_significance_uses_the_definitions_of_the_performance_page(market_returns: Array) -> None:
    sessions = business_days(2001)
    equity, benchmark = grown(market_returns), grown(market_returns[::-1] * 0.8)
    found = tested.significance(equity, {"B": benchmark}, sessions, cash=0.02, draws=60)
    alone = performance(equity, sessions, cash=0.02)
    against = relative(equity, benchmark, sessions, cash=0.02)
    assert found.sharpe == pytest.approx(alone.sharpe)
    assert found.bootstrap.interval("sharpe").estimate == pytest.approx(alone.sharpe)
    assert found.bootstrap.interval("max_drawdown").estimate == pytest.approx(alone.max_drawdown)
    lead = found.bootstrap.interval("growth_difference", "B").estimate
    assert lead == pytest.approx(against.excess_return)
    ratio = found.bootstrap.interval("information_ratio", "B").estimate
    assert ratio == pytest.approx(against.information_ratio)


def test_nothing_is_annualised_under_a_year(market_returns: Array) -> None:
    sessions = business_days(101)
    equity, benchmark = grown(market_returns[:100]), grown(market_returns[100:200])
    found = tested.significance(equity, {"B": benchmark}, sessions, draws=20)
    assert found.sharpe == found.alone.returns.sharpe
    against = relative(equity, benchmark, sessions)
    lead = found.bootstrap.interval("growth_difference", "B").estimate
    assert lead == pytest.approx(against.excess_return)
    assert "a year" not in " ".join(significance_sentences(found))


def lead_over(market_returns: Array, found: tested.Trials) -> tested.Significance:
    """A portfolio that is a little ahead of its benchmark."""
    ahead = market_returns + np.random.default_rng(5).normal(0.0003, 0.004, len(market_returns))
    sessions = business_days(len(ahead) + 1)
    return tested.significance(grown(ahead), {"B": grown(market_returns)}, sessions, draws=40).among(found)


def test_luck_is_asked_about_the_lead(market_returns: Array) -> None:
    found = lead_over(market_returns, tested.ONE_TRIAL)
    assert found.judged is found.lead
    assert found.lead is not None
    against = found.bootstrap.interval("information_ratio", "B").estimate
    assert found.lead.returns.sharpe * 252**0.5 == pytest.approx(against)
    assert found.lead.deflated == found.lead.probabilistic
    assert "only" not in trials_sentence(found)
    assert "nothing was chosen" not in trials_sentence(found)


def test_trials_deflate(market_returns: Array) -> None:
    alone = lead_over(market_returns, tested.ONE_TRIAL)
    many = lead_over(market_returns, tested.trials_of(np.full(146, np.nan), 1 / 1999))
    assert many.trials.hurdle == tested.expected_maximum_sharpe(146, 1 / 1999)
    assert many.lead is not None
    assert alone.lead is not None
    assert many.lead.deflated < alone.lead.deflated
    assert "With 146 trials on this market, worth about 146.0 independent ones" in trials_sentence(many)
    assert "worthless ones would" in trials_sentence(many)
    measured = lead_over(market_returns, tested.trials_of(np.linspace(-0.1, 0.1, 146), 1 / 1999))
    assert "worthless ones would" not in trials_sentence(measured)


ratios = st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=30)


@given(ratios, st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(-0.2, 0.2))
def test_adding_a_trial_never_raises_the_deflated_ratio(
    made: list[float], seed: int, alike: float, added: float
) -> None:
    random = np.random.default_rng(seed)
    common = random.normal(size=60)
    returns = alike * common + (1 - alike) * random.normal(size=(len(made) + 1, 60))
    returns[random.random(returns.shape) < 0.05] = np.nan
    values = np.array([*made, added])
    before = tested.trials_of(values[:-1], 1 / 500, returns[:-1])
    after = tested.trials_of(values, 1 / 500, returns)
    assert after.recorded == before.recorded + 1
    assert after.effective >= before.effective - 1e-12
    assert after.hurdle >= before.hurdle - 1e-12  # a trial of the average Sharpe ratio leaves it as it was
    judged = (0.1, 500, -0.5, 6.0)
    ratios = [tested.probabilistic_sharpe(*judged, each.hurdle) for each in (before, after)]
    assert ratios[1] <= ratios[0] + 1e-12


def test_near_identical_trials_count_little_and_never_help() -> None:
    """144 configurations of one idea lowered the hurdle to 0.00; nine trials gave .44 where ten gave .18."""
    random = np.random.default_rng(1)
    idea = random.normal(size=500)
    alike = idea + 0.01 * random.normal(size=(144, 500))
    found = tested.trials_of(np.full(144, 0.03), 1 / 2999, alike)
    assert 1 < found.effective < 2
    assert found.hurdle >= 0
    fresh = tested.trials_of(np.full(144, 0.03), 1 / 2999, random.normal(size=(144, 500)))
    assert fresh.effective > 130
    assert fresh.hurdle == pytest.approx(tested.expected_maximum_sharpe(fresh.effective, 1 / 2999))
    nine = random.normal(0, 0.05, 12)
    with_an_average_one = np.append(nine, nine.mean())
    assert tested.trials_of(with_an_average_one, 1e-4).hurdle >= tested.trials_of(nine, 1e-4).hurdle


def test_a_plateau_needs_a_spread_above_noise() -> None:
    random = np.random.default_rng(6)
    common = random.normal(0.0004, 0.01, 2500)
    alike = common + random.normal(0, 0.001, (50, 2500))
    assert not tested.spread_exceeds_noise(alike)
    better = alike + np.linspace(0, 0.0004, 50)[:, None]
    assert tested.spread_exceeds_noise(better)
    assert not tested.spread_exceeds_noise(np.tile(common, (3, 1)))


def test_a_copy_is_no_new_trial() -> None:
    random = np.random.default_rng(2)
    returns = random.normal(size=(3, 200))
    returns[1] = returns[0]
    assert tested.novelties(returns) == pytest.approx([1, 0, 1], abs=0.05)
    returns[1] = -returns[0]
    assert tested.novelties(returns)[1] == pytest.approx(1)
    returns[1, 10:] = np.nan
    assert tested.novelties(returns)[1] == 1


def test_weekly_leads_are_returns_above_the_benchmark_of_the_week() -> None:
    sessions = exchange_sessions("2015-01-02", "2016-12-30")
    benchmark = grown(np.random.default_rng(0).normal(0.0005, 0.01, len(sessions) - 1))
    fridays = np.arange("2015-01-02", "2017-01-06", 7, dtype="datetime64[D]")
    weeks = pd.Series(np.log(benchmark), index=pd.DatetimeIndex(sessions)).resample("W-FRI").last()
    theirs = weeks.diff().reindex(pd.DatetimeIndex(fridays)).to_numpy()
    ratios, leads = tested.weekly_leads(np.stack([theirs + 0.001, theirs]), fridays, benchmark, sessions)
    assert leads[0, 2:-1] == pytest.approx(0.001)
    assert leads[1, 2:-1] == pytest.approx(0, abs=1e-12)
    assert np.isnan(ratios[1]) or abs(ratios[1]) < 10


def test_sentences_say_when_it_did_not(market_returns: Array) -> None:
    sessions = business_days(2001)
    loser, winner = grown(-np.abs(market_returns) / 50), grown(np.abs(market_returns))
    found = tested.significance(loser, {"winner": winner}, sessions, draws=50)
    text = significance_sentences(found)
    assert len(text) == 6
    assert "It trailed winner" in text[0]
    assert "the whole interval is below zero" in text[0]
    assert "less than 1%" in text[1]
    assert "a record of any length" in text[2]
    assert "no lead over winner that luck" in text[3]
    flat = tested.significance(np.full(2001, 1e6), {"itself": np.full(2001, 1e6)}, sessions, draws=20)
    assert "don't vary" in sharpe_sentence(flat)
    assert "nothing to deflate" in trials_sentence(flat)
    assert "moved together" in lead_sentence(flat, "itself")


def test_equity_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        tested.significance(np.zeros(100), {}, business_days(100))


def test_returns_of_equity_are_what_is_resampled(market_returns: Array) -> None:
    assert returns_of(grown(market_returns)) == pytest.approx(market_returns)


def test_the_table_of_trials_in_the_docs() -> None:
    """What a lead of .8 a year over twelve years is worth after so many trials, alike or not."""
    count, ratio = 12 * 252, 0.8 / math.sqrt(252)
    random = np.random.default_rng(0)
    common, own = random.normal(size=626), random.normal(size=(1_000, 626))
    kinds = {"unlike": own, "alike": math.sqrt(0.95) * common + math.sqrt(0.05) * own}
    rows, before = [], dict.fromkeys(kinds, 1.0)
    for trials in (1, 2, 5, 10, 25, 50, 100, 144, 500, 1_000):
        cells = [f"{trials:,}"]
        for kind, returns in kinds.items():
            found = tested.trials_of(np.full(trials, np.nan), 1 / (count - 1), returns[:trials])
            after = tested.probabilistic_sharpe(ratio, count, 0.0, 3.0, found.hurdle)
            assert after <= before[kind]
            before[kind] = after
            cells += [f"{found.effective:.1f}", f"{found.hurdle * math.sqrt(252):.2f}", f"{after:.3f}"]
        rows.append(f"| {' | '.join(cells)} |")
    page = (Path(tested.__file__).parents[2] / "docs" / "verification.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in page, "\n".join(rows)


def test_a_trial_without_returns_counts_whole() -> None:
    """A claim or a checked strategy leaves no returns: it must raise what luck shows like any other."""
    random = np.random.default_rng(1)
    returns = np.vstack([random.normal(size=(3, 300)), np.full((31, 300), np.nan)])
    ratios = np.append(np.full(3, 0.02), np.full(31, np.nan))
    before, after = (tested.trials_of(ratios[:n], 1 / 2999, returns[:n]) for n in (3, 34))
    assert after.effective - before.effective == pytest.approx(31)
    assert after.hurdle > before.hurdle > 0
