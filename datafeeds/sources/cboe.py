"""Cboe's volatility index (VIX) and skew index (SKEW) as daily series.

The files are ``VIX_History.csv`` with columns DATE, OPEN, HIGH, LOW, CLOSE and ``SKEW_History.csv`` with
columns DATE, SKEW, dates as MM/DD/YYYY, on Cboe's public download site. Both indices are computed during
the session and known when it closes.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

import pandas as pd

from datafeeds.market import SERIES_COLUMNS, MarketError

SITE = "https://cdn.cboe.com"


@dataclass(frozen=True)
class Index:
    """One index file.

    Attributes
    ----------
    file : str
        Name of the file on the site.
    columns : tuple of str
        Columns that may hold the value, in order of preference.
    """

    file: str
    columns: tuple[str, ...]


INDICES: Mapping[str, Index] = {
    "vix": Index("VIX_History.csv", ("CLOSE", "VIX")),
    "skew": Index("SKEW_History.csv", ("SKEW", "CLOSE")),
}
"""Series name to file; another index of Cboe's is one entry."""


def address(series: str, site: str = SITE) -> str:
    """Where the file of a series is."""
    return f"{site}/api/global/us_indices/daily_prices/{INDICES[series].file}"


def rows(text: str, series: str) -> pd.DataFrame:
    """Read an index file.

    Parameters
    ----------
    text : str
        Content of the file. Lines before the header and blank values are skipped; of two rows for a date
        the later counts.
    series : str
        A key of `INDICES`.

    Returns
    -------
    DataFrame
        Columns series, date, available, value (index points), by date; dates are ISO text. `available` is
        the date itself: the value is known at that session's close.

    Raises
    ------
    MarketError
        If there is no header with the columns expected, or a line can't be read; names file and line.
    """
    index = INDICES[series]
    lines = csv.reader(StringIO(text.removeprefix("\ufeff")))
    column = -1
    values: dict[str, float] = {}
    try:
        for line in lines:
            cells = [cell.strip() for cell in line]
            if column < 0:
                header = [cell.upper() for cell in cells]
                if header[:1] == ["DATE"]:
                    column = next((header.index(name) for name in index.columns if name in header), -1)
                    if column < 0:
                        raise MarketError(
                            f"{index.file}: the columns are {', '.join(cells)}; "
                            f"one of {', '.join(index.columns)} is needed"
                        )
                continue
            if len(cells) <= column or not cells[column]:
                continue
            date, value = _entry(cells[0], cells[column], index.file, lines.line_num)
            values[date] = value
    except csv.Error as error:
        raise MarketError(f"{index.file}, line {lines.line_num}: not a CSV file: {error}") from None
    if not values:
        raise MarketError(
            f"{index.file}: no values under a header DATE, {index.columns[0]}; the file begins {text[:60]!r}"
        )
    table = [(series, date, date, value) for date, value in sorted(values.items())]
    return pd.DataFrame(table, columns=list(SERIES_COLUMNS))


def _entry(date: str, value: str, file: str, line: int) -> tuple[str, float]:
    try:
        day = dt.datetime.strptime(date, "%m/%d/%Y").date().isoformat()
        number = float(value)
    except ValueError:
        raise MarketError(
            f"{file}, line {line}: {date!r}, {value!r} is not a date MM/DD/YYYY and a number"
        ) from None
    if not (math.isfinite(number) and number > 0):
        raise MarketError(f"{file}, line {line}: {date} has the value {value}; an index level is more than 0")
    return day, number
