"""Share counts that trading volume contradicts are left out; the others stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from datafeeds.checks.turnover import Volumes, counts_hardly_traded, counts_off_level
from datafeeds.market import Finding, exchange_sessions

SESSIONS = exchange_sessions("2015-01-02", "2019-12-31")
QUARTERS = 18
NO_SPLITS = pd.DataFrame(
    {
        "symbol": pd.Series([], dtype=str),
        "date": pd.Series([], dtype="datetime64[s]"),
        "ratio": pd.Series([], dtype=float),
    }
)
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


def volumes(daily: float | np.ndarray) -> Volumes:
    wobble = np.exp(np.random.default_rng(5).normal(0, 0.3, len(SESSIONS)))
    return Volumes(SESSIONS, ("AAA",), (daily * wobble)[:, None])


def checked(
    values: np.ndarray, daily: float | np.ndarray
) -> tuple[list[float], dict[str, float], list[Finding]]:
    """What stays, the splits found by date, and the findings."""
    table = filed(values)
    kept, hardly = counts_hardly_traded(table, NO_SPLITS, volumes(daily))
    level, splits, off = counts_off_level(kept, NO_SPLITS, volumes(daily))
    left_out = [finding for finding in (*hardly, *off) if finding.severity == "quarantined"]
    assert len(left_out) == len(table) - len(level)
    found = {f"{date:%Y-%m-%d}": ratio for date, ratio in zip(splits["date"], splits["ratio"], strict=True)}
    return level["value"].tolist(), found, [*hardly, *off]


def test_steady_counts_stay() -> None:
    assert checked(STEADY, 5e5) == (STEADY.tolist(), {}, [])


def test_equity_for_years_on_end_is_left_out() -> None:
    kept, splits, findings = checked(STEADY * 40 * NOISE, 5e5)
    assert kept == []
    assert splits == {}
    assert len(findings) == QUARTERS
    assert "trades in a year, so it is another line of the report" in findings[0].message


def test_the_count_of_a_receipt_stays() -> None:
    """A foreign company's shares trade at home; its count hardly changes."""
    steady = 5e9 * np.linspace(1.0, 1.001, QUARTERS)
    assert checked(steady, 5e5)[0] == steady.tolist()


@pytest.mark.parametrize("factor", [2.8, 4.5])
def test_another_line_at_first_is_told_by_its_step(factor: float) -> None:
    values = STEADY.copy()
    values[:8] *= factor * NOISE[:8]
    kept, splits, findings = checked(values, 5e5)
    assert kept == STEADY[8:].tolist()
    assert splits == {}
    assert "the volume did not change with it" in findings[0].message


def test_another_line_between_is_told_too() -> None:
    values = STEADY.copy()
    values[6:11] *= 4 * NOISE[6:11]
    assert checked(values, 5e5)[0] == [*STEADY[:6], *STEADY[11:]]


@pytest.mark.parametrize("ratio", [10.0, 3.0, 1 / 3, 0.1])
def test_a_split_that_is_not_listed_is_found(ratio: float) -> None:
    values = STEADY.copy()
    values[:7] /= ratio
    kept, splits, (finding,) = checked(values, 5e5)
    assert kept == values.tolist()
    day = f"{filed(values)['filed'].iloc[7]:%Y-%m-%d}"
    assert splits == {day: pytest.approx(ratio)}
    assert (finding.severity, finding.check, finding.date) == ("suspicion", "split not listed", day)


@pytest.mark.parametrize("factor", [1.7, 2.4, 5.0, 0.3])
def test_a_step_that_the_volume_confirms_is_believed(factor: float) -> None:
    values = STEADY.copy()
    values[9:] *= factor
    since = filed(values)["filed"].iloc[8].to_datetime64().astype("datetime64[D]")
    daily = np.where(since <= SESSIONS, 5e5 * factor, 5e5)
    assert checked(values, daily) == (values.tolist(), {}, [])


@pytest.mark.parametrize("factor", [1.7, 2.4, 3.3, 0.4])
def test_a_merger_between_steady_counts_is_believed(factor: float) -> None:
    values = STEADY.copy()
    values[9:] *= factor
    assert checked(values, 5e5) == (values.tolist(), {}, [])


def test_without_volume_nothing_is_said() -> None:
    values = STEADY * 40 * NOISE
    assert checked(values, np.nan) == (values.tolist(), {}, [])
    assert counts_off_level(filed(values)[:0], NO_SPLITS, volumes(5e5))[2] == []
