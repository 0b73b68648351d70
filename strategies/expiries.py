"""When monthly options expire: the third Friday, or the session before where that is a holiday."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Dates = npt.NDArray[np.datetime64]

_FRIDAY = 4
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.


def third_fridays(first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the third Friday of every month between two dates, both included.

    Parameters
    ----------
    first, last : datetime64
        Dates without a time zone.

    Returns
    -------
    ndarray of datetime64[D], shape (months,)
        In order; holidays are not looked at.
    """
    start, end = np.array([first, last], dtype="datetime64[D]")
    month = np.timedelta64(1, "M")
    months = np.arange(start.astype("datetime64[M]"), end.astype("datetime64[M]") + month)
    firsts: Dates = months.astype("datetime64[D]")
    weekday = (firsts.astype(np.int64) + _EPOCH_WEEKDAY) % 7
    fridays: Dates = firsts + ((_FRIDAY - weekday) % 7 + 14).astype("timedelta64[D]")
    within: Dates = fridays[(fridays >= start) & (fridays <= end)]
    return within


def monthly_expiries(sessions: Dates) -> Dates:
    """Return the sessions on which monthly options expire.

    Parameters
    ----------
    sessions : ndarray of datetime64, shape (sessions,)
        All sessions of the exchange calendar, in order and without gaps. To know the expiries of options that
        outlive a market's last session, pass the calendar's sessions beyond it.

    Returns
    -------
    ndarray of datetime64[D], shape (expiries,)
        The third Fridays from the first session to the last, each moved to the last session on or before it.

    Raises
    ------
    ValueError
        If the sessions are empty or not in order.
    """
    days = np.asarray(sessions).astype("datetime64[D]")
    if not len(days):
        raise ValueError("there are no sessions")
    if np.any(np.diff(days) <= np.timedelta64(0, "D")):
        raise ValueError("sessions must be in order, each once")
    fridays = third_fridays(days[0], days[-1])
    position = np.searchsorted(days, fridays, side="right") - 1
    return days[position]
