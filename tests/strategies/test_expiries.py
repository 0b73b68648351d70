"""Third Fridays and the sessions that stand in for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datafeeds.calendars import exchange_sessions
from strategies.expiries import monthly_expiries, third_fridays


def dates(*days: str) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]")


def weekdays(first: str, last: str, holidays: tuple[str, ...] = ()) -> np.ndarray:
    days = np.arange(np.datetime64(first), np.datetime64(last) + np.timedelta64(1, "D"))
    return days[np.is_busday(days, holidays=list(holidays))]


@given(st.dates(min_value=np.datetime64("1950-01-01").item(), max_value=np.datetime64("2150-01-01").item()))
def test_a_third_friday_is_a_friday_from_the_15th_to_the_21st(day):
    first = np.datetime64(day.replace(day=1))
    (friday,) = third_fridays(first, first + np.timedelta64(27, "D"))
    assert friday.item().weekday() == 4
    assert 15 <= friday.item().day <= 21
    assert friday.item().month == day.month


def test_both_ends_are_included():
    fridays = dates("1990-01-19", "1990-02-16", "1990-03-16")
    np.testing.assert_array_equal(third_fridays(fridays[0], fridays[-1]), fridays)
    assert len(third_fridays(fridays[0] + np.timedelta64(1, "D"), fridays[-1] - np.timedelta64(1, "D"))) == 1


def test_a_holiday_moves_the_expiry_to_the_session_before():
    sessions = weekdays("2019-04-01", "2019-05-31", holidays=("2019-04-19",))
    np.testing.assert_array_equal(monthly_expiries(sessions), dates("2019-04-18", "2019-05-17"))


def test_the_exchange_calendar_gives_the_good_fridays():
    sessions = exchange_sessions("1990-01-02", "2023-12-29")
    expiries = monthly_expiries(sessions)
    assert len(expiries) == 34 * 12
    assert np.isin(expiries, sessions).all()
    moved = np.setdiff1d(expiries, third_fridays(sessions[0], sessions[-1]))
    good_fridays = dates("1992-04-16", "2000-04-20", "2003-04-17", "2008-03-20", "2014-04-17", "2019-04-18")
    np.testing.assert_array_equal(np.intersect1d(moved, good_fridays), good_fridays)
    assert (np.busday_count(moved, moved + np.timedelta64(1, "D")) == 1).all()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="no sessions"):
        monthly_expiries(dates())
    with pytest.raises(ValueError, match="in order"):
        monthly_expiries(dates("2020-01-03", "2020-01-02"))
