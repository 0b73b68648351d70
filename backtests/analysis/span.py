"""How long a run is, and whether its statistics may be annualised."""

from __future__ import annotations

from datafeeds.market import Dates

DAYS_A_YEAR = 365.25
LEAST_DAYS = 365
"""Calendar days from which on statistics are annualised."""


def span_in_years(sessions: Dates) -> float:
    """Calendar days from the first to the last session / 365.25."""
    return float((sessions[-1] - sessions[0]).astype(int)) / DAYS_A_YEAR


def spans_a_year(sessions: Dates) -> bool:
    """Whether statistics over `sessions` may be annualised."""
    return int((sessions[-1] - sessions[0]).astype(int)) >= LEAST_DAYS
