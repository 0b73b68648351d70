"""Yields, the high-yield spread and the oil price from FRED, each with the day on which it became public.

FRED (Federal Reserve Bank of St. Louis) serves a series as CSV at ``/graph/fredgraph.csv?id=SERIES``: a
header ``observation_date,SERIES`` (``DATE,SERIES`` until 2024), then ISO dates and values, ``.`` or nothing
where there is none.

When a value became public is not in the file; it follows from how each series is published:

- Treasury yields (Federal Reserve Board, release H.15): the next business day.
- ICE BofA high-yield spread: the next business day.
- Brent spot (Energy Information Administration): daily prices come out once a week, on Wednesday, through the
  Monday before. Tuesday's price waits longest, eight days, and every price is given eight.

Business days are Monday to Friday without US federal holidays.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Literal

import numpy as np
import pandas as pd

from datafeeds.market import SERIES_COLUMNS, Dates, MarketError

SITE = "https://fred.stlouisfed.org"

DATE_HEADERS = ("OBSERVATION_DATE", "DATE")


@dataclass(frozen=True)
class Release:
    """A series at FRED and how late it is published.

    Attributes
    ----------
    identifier : str
        FRED's name of the series.
    days : int
        Calendar days that pass before publication, ahead of `business_days`.
    business_days : int
        Business days that pass then; with 0 a date on a weekend or holiday moves to the next business day.
    publisher : str
        Who publishes it.
    """

    identifier: str
    days: int
    business_days: int
    publisher: str


RELEASES: Mapping[str, Release] = {
    "us10y": Release("DGS10", 0, 1, "Federal Reserve Board, H.15"),
    "us2y": Release("DGS2", 0, 1, "Federal Reserve Board, H.15"),
    "us3m": Release("DGS3MO", 0, 1, "Federal Reserve Board, H.15"),
    "brent": Release("DCOILBRENTEU", 8, 0, "US Energy Information Administration"),
    "hy_oas": Release("BAMLH0A0HYM2", 0, 1, "ICE Data Indices"),
}
"""Series name to release; another series of FRED's is one entry."""


def address(series: str, site: str = SITE) -> str:
    """Where the file of a series is."""
    return f"{site}/graph/fredgraph.csv?id={RELEASES[series].identifier}"


def rows(text: str, series: str) -> pd.DataFrame:
    """Read a series as FRED serves it.

    Parameters
    ----------
    text : str
        Content of the CSV file.
    series : str
        A key of `RELEASES`.

    Returns
    -------
    DataFrame
        Columns series, date, available, value, by date; dates are ISO text. Yields and spreads are in
        percent, oil in dollars a barrel. Dates without a value have no row.

    Raises
    ------
    MarketError
        If the header is not that of the series, a line can't be read, or there is no value at all; names
        series and line.
    """
    release = RELEASES[series]
    place = f"FRED {release.identifier}"
    lines = csv.reader(StringIO(text.removeprefix("\ufeff")))
    values: dict[dt.date, float] = {}
    try:
        header = [cell.strip().upper() for cell in next(lines, [])]
        if len(header) != 2 or header[0] not in DATE_HEADERS or header[1] != release.identifier:
            raise MarketError(
                f"{place}: the header is {','.join(header)[:80]!r}, "
                f"not 'observation_date,{release.identifier}'; the address no longer gives this series"
            )
        for line in lines:
            cells = [cell.strip() for cell in line]
            if not any(cells):
                continue
            if len(cells) != 2:
                raise MarketError(f"{place}, line {lines.line_num}: {len(cells)} values instead of 2")
            if cells[1] not in ("", "."):
                date, value = _entry(cells[0], cells[1], f"{place}, line {lines.line_num}")
                values[date] = value
    except csv.Error as error:
        raise MarketError(f"{place}, line {lines.line_num}: not a CSV file: {error}") from None
    if not values:
        raise MarketError(f"{place}: no values at all; try again later")
    dates = sorted(values)
    known = available(np.array(dates, dtype="datetime64[D]"), release)
    table = [
        (series, date.isoformat(), str(day), values[date]) for date, day in zip(dates, known, strict=True)
    ]
    return pd.DataFrame(table, columns=list(SERIES_COLUMNS))


def available(dates: Dates, release: Release) -> Dates:
    """The day on which the value of each date became public.

    Parameters
    ----------
    dates : ndarray of datetime64[D]
        Dates that the values describe.
    release : Release

    Returns
    -------
    ndarray of datetime64[D], same shape
        Business days.
    """
    due = dates + np.timedelta64(release.days, "D")
    holidays = _federal_holidays(int(str(due.min())[:4]), int(str(due.max())[:4]) + 1)
    # A value for a holiday counts from the business day before, so that its next business day is not skipped.
    roll: Literal["backward", "forward"] = "backward" if release.business_days else "forward"
    return np.busday_offset(due, release.business_days, roll=roll, holidays=holidays)


@lru_cache(maxsize=8)
def _federal_holidays(first: int, last: int) -> Dates:
    from pandas.tseries.holiday import USFederalHolidayCalendar

    days = USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31")
    return days.to_numpy().astype("datetime64[D]")


def _entry(date: str, value: str, place: str) -> tuple[dt.date, float]:
    try:
        day = dt.datetime.strptime(date, "%Y-%m-%d").date()
        number = float(value)
    except ValueError:
        raise MarketError(f"{place}: {date!r}, {value!r} is not a date YYYY-MM-DD and a number") from None
    if not math.isfinite(number):
        raise MarketError(f"{place}: the value of {date} is {value}, not a finite number")
    return day, number
