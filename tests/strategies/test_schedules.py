import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeeds.calendars import exchange_sessions, next_exchange_session
from strategies import Daily, Monthly, Once, Quarterly, Weekly

SESSIONS = exchange_sessions("1995-01-03", "2024-12-31")
PERIODS = [(Weekly(), "W-SUN"), (Monthly(), "M"), (Quarterly(), "Q")]


def decision_days(schedule, sessions):
    return sessions[schedule.decides(sessions, next_exchange_session(sessions[-1]))]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PERIODS), st.integers(0, len(SESSIONS) - 400), st.integers(2, 390))
def test_decisions_fall_on_the_last_session_of_each_period_as_pandas_counts_them(case, first, length):
    schedule, period = case
    sessions = SESSIONS[first : first + length]
    days = pd.DatetimeIndex(np.append(sessions, next_exchange_session(sessions[-1])))
    last = pd.Series(days, index=days).groupby(days.to_period(period)).max()
    expected = [day for day in last if day != days[-1]]
    assert list(pd.DatetimeIndex(decision_days(schedule, sessions))) == expected


@pytest.mark.parametrize(
    ("start", "end", "schedule", "expected"),
    [
        ("2024-03-25", "2024-04-02", Monthly(), ["2024-03-28"]),  # Good Friday ends the month
        ("2024-03-25", "2024-04-02", Weekly(), ["2024-03-28"]),
        ("2023-12-27", "2023-12-29", Monthly(), ["2023-12-29"]),  # the data end with the month
        ("2023-12-26", "2023-12-28", Monthly(), []),  # the data end a day early
        ("2001-09-04", "2001-09-18", Weekly(), ["2001-09-07", "2001-09-10"]),  # closed 11 to 14 September
        ("2020-03-30", "2020-04-01", Quarterly(), ["2020-03-31"]),
        ("2020-04-29", "2020-05-04", Quarterly(), []),
        ("2020-01-02", "2020-03-03", Once(), []),
        ("2020-07-01", "2020-07-07", Daily(), ["2020-07-01", "2020-07-02", "2020-07-06", "2020-07-07"]),
    ],
)
def test_holidays_and_the_end_of_the_data(start, end, schedule, expected):
    assert [str(day) for day in decision_days(schedule, exchange_sessions(start, end))] == expected
