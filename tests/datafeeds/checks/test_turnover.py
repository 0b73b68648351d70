"""Share counts that trading volume contradicts are left out; the others stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.checks import Trading, judged_facts
from datafeeds.market import Finding
from tests.datafeeds.folders import NO_BASIS, NO_SPLITS

SESSIONS = exchange_sessions("2015-01-02", "2019-12-31")
QUARTERS = 18
NOISE = np.exp(np.random.default_rng(4).normal(0, 0.05, QUARTERS))
"""Changes from quarter to quarter such as shareholders' equity has."""

STEADY = 1e8 * np.linspace(1.0, 0.97, QUARTERS)


def filed(values: np.ndarray) -> pd.DataFrame:
    """Counts filed quarter by quarter from May 2015 on."""
    days = pd.date_range("2015-05-05", periods=len(values), freq="91D").astype("datetime64[s]")
    return pd.DataFrame(
        {
            "symbol": "AAA",
            "concept": "diluted_shares",
            "fiscal_year": [2015 + place // 4 for place in range(len(values))],
            "fiscal_period": [f"Q{place % 4 + 1}" for place in range(len(values))],
            "filed": days,
            "value": values,
        }
    )


def judged(values: np.ndarray, daily: float | np.ndarray) -> tuple[pd.DataFrame, list[Finding]]:
    """Counts used at some time, and findings, of a company of whose shares so many trade a day."""
    wobble = np.exp(np.random.default_rng(5).normal(0, 0.3, len(SESSIONS)))
    volume = (daily * wobble)[:, None]
    trading = Trading(SESSIONS, ("AAA",), np.ones(volume.shape, bool), volume, NO_SPLITS, NO_BASIS)
    used, findings = judged_facts(filed(values), trading)
    return used, list(findings)


def at_last(values: np.ndarray, daily: float | np.ndarray) -> list[float]:
    """The counts that count in the end."""
    used, _ = judged(values, daily)
    return used["value"][used["withdrawn"].isna()].tolist()


def test_steady_counts_stay() -> None:
    used, findings = judged(STEADY, 5e5)
    assert used["value"].tolist() == STEADY.tolist()
    assert (used["known"] == used["filed"]).all()
    assert findings == []


def test_equity_for_years_on_end_is_left_out() -> None:
    used, findings = judged(STEADY * 40 * NOISE, 5e5)
    assert used.empty
    assert len(findings) == QUARTERS
    assert "trades in a year, so it is another line of the report" in findings[0].message


def test_the_count_of_a_receipt_stays_once_it_hardly_changes() -> None:
    """A foreign company's shares trade at home; that its count is none can be ruled out at the third."""
    steady = 5e9 * np.linspace(1.0, 1.001, QUARTERS)
    assert at_last(steady, 5e5) == steady[2:].tolist()


@pytest.mark.parametrize("factor", [2.8, 4.5])
def test_another_line_between_is_left_out(factor: float) -> None:
    values = STEADY.copy()
    values[6:8] *= factor * NOISE[6:8]
    assert at_last(values, 5e5) == [*STEADY[:6], *STEADY[8:]]


@pytest.mark.parametrize(("factor", "agreeing"), [(1.7, 1), (2.4, 2), (5.0, 2), (0.3, 2)])
def test_a_step_that_the_volume_shows_is_believed_when_a_second_agrees(factor: float, agreeing: int) -> None:
    values = STEADY.copy()
    values[9:] *= factor
    since = filed(values)["filed"].iloc[8].to_datetime64().astype("datetime64[D]")
    used, _ = judged(values, np.where(since <= SESSIONS, 5e5 * factor, 5e5))
    assert used["value"].tolist() == values.tolist()
    assert used["known"].iloc[9] == used["filed"].iloc[8 + agreeing]
    assert (used["known"] == used["filed"]).sum() == QUARTERS + 1 - agreeing


@pytest.mark.parametrize("factor", [1.7, 2.4, 3.3, 0.4])
def test_a_step_that_it_does_not_show_is_withheld_until_three_agree(factor: float) -> None:
    values = STEADY.copy()
    values[9:] *= factor
    used, _ = judged(values, 5e5)
    assert used["value"].tolist() == values.tolist()
    later = used.iloc[9:]
    assert (later["known"].iloc[:3] == later["filed"].iloc[2]).all()
    assert (later["known"].iloc[3:] == later["filed"].iloc[3:]).all()


def test_counts_in_thousands_throughout_are_mended() -> None:
    used, findings = judged(STEADY / 1e3, 5e5)
    assert used["value"].tolist() == pytest.approx(STEADY.tolist())
    assert {(finding.severity, finding.check) for finding in findings} == {("note", "share count scale")}


def test_a_placeholder_is_no_share_count() -> None:
    values = np.full(QUARTERS, 100.0)
    used, findings = judged(values, 5e5)
    assert used.empty
    assert "times as many trade in a year" in findings[0].message


def test_a_whole_company_that_changes_hands_each_week_is_a_suspicion() -> None:
    (finding,) = judged(STEADY / 80, 5e5)[1]
    assert (finding.severity, finding.check) == ("suspicion", "high turnover")


def test_without_volume_nothing_is_said() -> None:
    values = STEADY * 40 * NOISE
    assert at_last(values, np.nan) == values.tolist()


def test_counts_from_before_the_first_trade_wait_for_the_fifth() -> None:
    wobble = np.random.default_rng(5).uniform(4e5, 6e5, (len(SESSIONS), 1))
    traded = np.ones(wobble.shape, bool)
    traded[:200] = False
    trading = Trading(SESSIONS, ("AAA",), traded, np.where(traded, wobble, np.nan), NO_SPLITS, NO_BASIS)
    used, _ = judged_facts(filed(STEADY), trading)
    assert used["known"].iloc[0] == pd.Timestamp(SESSIONS[204])
