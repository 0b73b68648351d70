"""How long a run is, and whether its statistics may be annualised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datafeeds.calendars import DAYS_A_YEAR as EVERY_DAY
from datafeeds.calendars import SESSIONS_A_YEAR

if TYPE_CHECKING:  # it takes time to import, which a metric's words do without
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


WEEKEND = 0.1
"""Share of sessions on Saturdays, and on Sundays, from which on every day counts as one."""


def sessions_a_year(sessions: Dates) -> float:
    """Sessions by which ratios are annualised: 365 where trading goes on through weekends, else 252."""
    # 1970-01-01 was a Thursday; Monday is 0.
    weekday = (sessions.astype("datetime64[D]").astype(np.int64) + 3) % 7
    through = all((weekday == day).mean() > WEEKEND for day in (5, 6))
    return EVERY_DAY if through else SESSIONS_A_YEAR
