"""Figures quarter by quarter, each as it was known when the quarter ended."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from strategies.asof import AsOf

Array = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

LONGEST_QUARTER = 66
"""No calendar quarter has more sessions."""

KNOWN_SHARE = 0.8
"""A statistic over a window of quarters needs this share of them."""


def quarter_ends(days: pd.Index | Dates) -> npt.NDArray[np.intp]:
    """Positions of the sessions that end a calendar quarter.

    Parameters
    ----------
    days : DatetimeIndex or ndarray of datetime64[D]
        Consecutive sessions; the last is today.

    Returns
    -------
    ndarray of int
        Today counts when the next weekday lies in another quarter. (When a holiday ends the quarter, as Good
        Friday did on 2024-03-29, that quarter counts from the first session of the next.)
    """
    dates = np.asarray(days, dtype="datetime64[D]")
    tomorrow = np.busday_offset(dates[-1] + np.timedelta64(1, "D"), 0, roll="forward")
    quarter = np.append(dates, tomorrow).astype("datetime64[M]").astype(np.int64) // 3
    return np.flatnonzero(quarter[:-1] != quarter[1:])


def quarterly_history(see: AsOf, fact: str, quarters: int, symbols: Iterable[str]) -> Array:
    """A fact at the latest `quarters` quarter ends, each row as it was known then.

    Returns
    -------
    ndarray, shape (quarters, symbols)
        Oldest first; the rows that the market does not reach back to are NaN.
    """
    sessions = LONGEST_QUARTER * (quarters + 1)
    known = see.arrays.history(fact, sessions, symbols)
    ends = quarter_ends(see.arrays.sessions(sessions))[-quarters:]
    values = np.full((quarters, known.shape[1]), np.nan)
    values[quarters - len(ends) :] = known[ends]
    return values


def row_medians(values: Array) -> Array:
    """Median of each row, leaving NaN out; NaN for a row without any number.

    The same numbers as ``np.nanmedian(values, axis=1)``, without its loop over rows.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)

    Returns
    -------
    ndarray, shape (rows,)
    """
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = np.isfinite(ordered).sum(axis=1)
    row = np.arange(len(values))
    low = ordered[row, np.maximum(count - 1, 0) // 2]
    high = ordered[row, np.minimum(count // 2, values.shape[1] - 1)]
    medians: Array = np.where(count > 0, (low + high) / 2.0, np.nan)
    return medians
