"""The scoreboard: how a verdict comes about, and that no claim looks ahead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from backtests.document.blocks import Details, Table
from backtests.research.claims import inference
from backtests.research.claims.claim import Claim, adjusted, judge, verdict_of
from backtests.research.claims.evidence import Evidence, Missing, shown
from backtests.research.claims.measurement import Measurement
from backtests.research.claims.report import markdown, section
from backtests.research.claims.scoreboard import CLAIMS, Scoreboard, scoreboard
from backtests.research.claims.valuation import norms
from datafeeds.market import Market
from strategies.asof import AsOf
from tests.command import backtest
from tests.places import SHARED

FOLDER = SHARED / "market"
NAN = float("nan")


@pytest.fixture(scope="module")
def board(sample: Market) -> Scoreboard:
    return scoreboard(sample)


def claim(direction: int = 1, hindsight: int = 0) -> Claim:
    return replace(CLAIMS[0], direction=direction, hindsight=hindsight)  # type: ignore[arg-type]


def finding(estimate: float, p_value: float) -> Measurement:
    return Measurement("data", estimate, estimate - 1, estimate + 1, p_value)


# --- Verdicts ------------------------------------------------------------------------------------


def test_benjamini_yekutieli_by_hand() -> None:
    # n p / rank times 1 + 1/2 + 1/3, then the running minimum from the largest down
    assert adjusted([0.01, NAN, 0.04, 0.03]) == pytest.approx(
        [0.055, NAN, 0.04 * 11 / 6, 0.04 * 11 / 6], nan_ok=True
    )
    assert all(np.isnan(adjusted([NAN, NAN])))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_values_are_those_of_statsmodels(p_values: list[float]) -> None:
    theirs = multipletests(p_values, method="fdr_by")[1]
    np.testing.assert_allclose(adjusted(p_values), theirs, rtol=1e-13)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_values_never_fall_below_and_keep_their_order(p_values: list[float]) -> None:
    values = np.array(adjusted(p_values))
    assert (values >= np.array(p_values) - 1e-12).all()
    assert (values <= 1).all()
    assert (np.diff(values[np.argsort(p_values)]) >= -1e-12).all()


def test_a_verdict_needs_the_sign_and_the_adjusted_p_value() -> None:
    assert verdict_of(claim(1), finding(0.1, 0.001), 0.01) == "supported"
    assert verdict_of(claim(-1), finding(0.1, 0.001), 0.01) == "contradicted"
    assert verdict_of(claim(1), finding(0.1, 0.001), 0.06) == "can't tell"
    causal = replace(claim(1), causal=True)
    assert verdict_of(causal, finding(0.1, 0.001), 0.01) == "fits"
    assert verdict_of(causal, finding(-0.1, 0.001), 0.01) == "does not fit"
    assert verdict_of(claim(1), finding(NAN, NAN), NAN) == "can't tell"
    assert verdict_of(claim(1), Measurement("fact", stated="contradicted"), NAN) == "contradicted"


def test_many_claims_raise_the_bar() -> None:
    alone = judge((claim(),), [finding(0.1, 0.04)])
    among = judge((claim(),) * 20, [finding(0.1, 0.04)] + [finding(0.1, 0.5)] * 19)
    assert alone[0].verdict == "supported"
    assert among[0].verdict == "can't tell"


def test_hindsight_is_no_evidence() -> None:
    found = [finding(0.1, 0.001)]
    assert judge((claim(-1, hindsight=1),), found, survivors_only=False)[0].verdict == "contradicted"
    set_aside = judge((claim(-1, hindsight=1),), found, survivors_only=True)[0]
    assert set_aside.verdict == "can't tell"
    assert set_aside.discounted
    # Against the push the estimate stands.
    against = judge((claim(-1, hindsight=-1),), found, survivors_only=True)[0]
    assert against.verdict == "contradicted"


# --- Inference -----------------------------------------------------------------------------------


def test_errors_hold_for_overlapping_windows() -> None:
    generator = np.random.default_rng(9)

    def rejected(lags: int, draws: int = 150) -> float:
        """How often sums of 12 of nothing seem to have a mean."""
        sums = (np.convolve(generator.normal(0, 1, 400), np.ones(12), "valid") for _ in range(draws))
        return float(np.mean([inference.mean(each, lags).p_value < 0.05 for each in sums]))

    assert rejected(lags=24) < 0.16
    assert rejected(lags=0) > 0.4


def test_a_slope_without_lags_is_least_squares() -> None:
    generator = np.random.default_rng(10)
    x = generator.normal(size=200)
    y = 0.5 * x + generator.normal(size=200)
    estimate = inference.slope(y, x, lags=0)
    assert estimate.value == pytest.approx(np.polyfit(x, y, 1)[0])
    assert estimate.low < 0.5 < estimate.high
    assert estimate.count == 200
    y[:190] = NAN
    assert np.isnan(inference.slope(y, x, lags=0).value)  # ten are too few
    assert inference.slope(y, x, lags=0).count == 10


@given(st.integers(0, 10_000), st.integers(30, 400), st.integers(1, 3), st.integers(0, 24))
def test_regressions_are_those_of_statsmodels(seed: int, count: int, terms: int, lags: int) -> None:
    generator = np.random.default_rng(seed)
    causes = [np.convolve(generator.normal(size=count + 4), np.ones(5), "valid") for _ in range(terms)]
    response = 0.1 * causes[0] + np.convolve(generator.normal(size=count + 11), np.ones(12), "valid")
    design = np.column_stack([np.ones(count), *causes])
    kwds = {"maxlags": lags, "use_correction": True}
    fit = OLS(response, design).fit(cov_type="HAC", cov_kwds=kwds, use_t=True)
    found = inference.regression(response, causes, lags)
    ours = [(each.value, each.low, each.high, each.p_value) for each in found]
    theirs = np.column_stack([fit.params, fit.conf_int(), fit.pvalues])[1:]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_every_day_taking_part_gives_the_difference_of_overlapping_sums() -> None:
    generator = np.random.default_rng(12)
    state = np.repeat(generator.integers(0, 2, 40), 60).astype(float)
    returns = 0.01 * np.concatenate([[0.0], state[:-1]]) + generator.normal(0, 0.01, len(state))
    found = inference.ahead(returns, state, 5)
    assert found.value == pytest.approx(0.05, abs=0.005)
    assert found.low < 0.05 < found.high


def test_a_ratio_that_its_own_returns_move_foretells_nothing() -> None:
    generator = np.random.default_rng(13)
    plain, allowed = [], []
    for _ in range(60):
        returns = generator.normal(0, 0.05, 150)
        ratio = np.cumsum(returns)
        plain.append(inference.slope(returns[1:], ratio[:-1], 0).p_value < 0.05)
        allowed.append(inference.foretold(returns, ratio, 1).p_value < 0.05)
    assert np.mean(plain) > 0.2
    assert np.mean(allowed) <= 0.1


def test_shifts_allow_for_persistence_on_both_sides() -> None:
    generator = np.random.default_rng(15)
    wrong = []
    for _ in range(100):
        states = np.cumsum(generator.random(2000) < 0.01) % 2 == 0
        returns = generator.normal(0, 0.01, 2000)
        wrong.append(inference.after(returns, states, 63).p_value < 0.05)
    assert np.mean(wrong) <= 0.1
    values = np.arange(100.0) % 7
    when = values == 3
    found = inference.shifted(values, when, np.ones(100, dtype=bool))
    moved = [values[np.roll(when, k)].mean() - values[~np.roll(when, k)].mean() for k in range(1, 100)]
    assert found.value == pytest.approx(3 - values[~when].mean() - np.mean(moved))


def test_rank_correlations_are_those_of_scipy() -> None:
    generator = np.random.default_rng(11)
    scores = np.round(generator.normal(size=(5, 12)), 1)
    outcomes = generator.normal(size=(5, 12))
    scores[0, :3] = NAN
    found = inference.rank_correlations(scores, outcomes)
    for row in range(5):
        known = np.isfinite(scores[row])
        assert found[row] == pytest.approx(spearmanr(scores[row, known], outcomes[row, known]).statistic)
    assert np.isnan(inference.rank_correlations(scores[:, :4], outcomes[:, :4])).all()


# --- What is known when --------------------------------------------------------------------------


def test_a_series_is_used_from_its_publication_and_until_it_is_stale(sample: Market) -> None:
    evidence = Evidence(sample)
    known, on_day = evidence.series("wti"), evidence.series_on_day("wti")
    row = sample.index_of("2015-06-30")
    see = AsOf(sample, row)
    assert known[row] == see.series("wti").iloc[-1]
    assert known[row] == on_day[sample.index_of("2015-06-23")]
    assert np.isnan(known[sample.index_of("2020-06-30")])
    with pytest.raises(Missing, match="no series skew"):
        evidence.series("skew")


def test_what_a_claim_finds_does_not_depend_on_days_after_the_market(sample: Market) -> None:
    """Cut at a day, the known side of every input is the same."""
    end = sample.index_of("2018-12-31")
    close = pd.DataFrame(sample.close, index=pd.DatetimeIndex(sample.sessions), columns=list(sample.symbols))
    cut = Market.from_wide(
        "cut",
        close.iloc[: end + 1],
        instruments=sample.instruments,
        facts=sample.facts[sample.facts["filed"] <= "2018-12-31"],
        splits=sample.splits,
        series=sample.series[sample.series["available"] <= "2018-12-31"],
        adjustment=sample.adjustment,
    )
    whole, part = Evidence(sample), Evidence(cut)
    for name in ("equal", "cap_weighted"):
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[: end + 1], equal_nan=True)
    np.testing.assert_allclose(part.series("wti"), whole.series("wti")[: end + 1], equal_nan=True)
    np.testing.assert_allclose(norms(part), norms(whole)[: end + 1], equal_nan=True)
    assert part.months.tolist() == [row for row in whole.months if row <= end]


# --- The scoreboard ------------------------------------------------------------------------------


def test_claims_are_about_thirty_with_unique_keys_and_all_words() -> None:
    assert len({each.key for each in CLAIMS}) == len(CLAIMS) >= 20
    for each in CLAIMS:
        assert each.statement.endswith(".")
        assert each.model.endswith(".")
        assert each.would_change.endswith(".")
    doubted = {each.key for each in CLAIMS if each.expected_to_fail}
    assert {"floating_debt", "skew_extreme", "margins_on_yield", "johnson_and_johnson"} <= doubted


def test_every_row_on_the_sample_has_a_verdict_and_evidence(board: Scoreboard) -> None:
    assert len(board.rows) == len(CLAIMS)
    assert sum(board.counts.values()) == len(CLAIMS)
    for row in board.rows:
        assert row.finding.data or row.finding.note, row.claim.key
        if row.verdict != "can't tell":
            assert np.isfinite(row.finding.estimate), row.claim.key
        if np.isfinite(row.finding.low):
            assert row.finding.low <= row.finding.estimate <= row.finding.high, row.claim.key


def test_what_the_sample_lacks_is_said(board: Scoreboard) -> None:
    assert board.of("floating_debt").finding.note == "the market has no series us10y"
    assert "92nd percentile since 1990" in board.of("skew_extreme").finding.note
    assert "no others to fall with it" in board.of("shock_spreads").finding.note
    assert board.of("johnson_and_johnson").verdict == "contradicted"


def test_the_pages_have_a_row_a_claim(board: Scoreboard) -> None:
    page = markdown((board,))
    assert page.count("\n| ") == len(CLAIMS) + 1
    assert page.count("- What would change it:") == len(CLAIMS)
    document = section(board)
    (verdicts,) = (block for block in document.blocks if isinstance(block, Table))
    assert len(verdicts.rows) == len(CLAIMS)
    folded = [table for block in document.blocks if isinstance(block, Details) for table in block.blocks]
    assert sum(len(table.rows) for table in folded if isinstance(table, Table)) == len(CLAIMS)


def test_numbers_of_a_row_share_their_decimals() -> None:
    assert shown((0.0001, -0.0013, 0.0015), "percent") == ("+0.01%", "−0.13%", "+0.15%")
    assert shown((0.1, NAN, 0.2), "percent") == ("+10.0%", "–", "+20.0%")
    assert shown((0.02, -0.01, 0.05), "number") == ("+0.0200", "−0.0100", "+0.0500")


def test_the_command_writes_the_pages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, page = tmp_path / "claims.md", tmp_path / "claims.html"
    arguments = ["claims", "--market", "sample", "--text", str(text), "--html", str(page)]
    assert backtest(monkeypatch, *arguments) == 0
    assert "Benjamini" in capsys.readouterr().out
    assert "\n# Claims" in text.read_text()
    assert "Johnson &amp; Johnson rose 4.6%" in page.read_text()


@pytest.mark.slow
def test_what_the_market_folder_says() -> None:
    if not FOLDER.is_dir():
        pytest.skip("the shared market folder is not there")
    from backtests.settings.markets import open_market

    board = scoreboard(open_market(str(FOLDER)))
    verdicts = {row.claim.key: row.verdict for row in board.rows}
    assert verdicts["skew_extreme"] == "contradicted"
    assert verdicts["johnson_and_johnson"] == "contradicted"
    assert "supported" not in {
        verdicts[key] for key in ("blueprint_beats", "spreads_cheaper", "dear_names_lag")
    }
    tilted = {row.claim.key for row in board.rows if row.claim.causal}
    assert not {verdicts[key] for key in tilted} & {"supported", "contradicted"}
