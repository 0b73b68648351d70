"""Daily series from FRED and Cboe, each value with the day on which it became public.

FRED (Federal Reserve Bank of St. Louis) serves a header ``observation_date,DGS10`` (``DATE,DGS10`` until
2024), ISO dates and a value, ``.`` or nothing; Cboe ``DATE,OPEN,HIGH,LOW,CLOSE`` or ``DATE,SKEW`` and US
dates. When a value became public is in neither; ``daily_series.toml`` says how each series is published.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from datafeeds.market import SERIES_COLUMNS, Dates, MarketError
from datafeeds.toml_files import read_toml

DATE_HEADERS = ("OBSERVATION_DATE", "DATE")


@dataclass(frozen=True)
class DailySeries:
    """A daily series, where it comes from and how late it is published; see ``daily_series.toml``.

    Attributes
    ----------
    name : str
        Its name in ``series.csv``.
    publisher, site, path : str
    columns : tuple of str
        Columns that may hold the value, in order of preference.
    dates : str
        How dates are written, for ``strptime``.
    days, business_days : int
        Calendar days, then business days, that pass before publication.
    positive : bool
        Whether a value of 0 or less is a mistake.
    """

    name: str
    publisher: str
    site: str
    path: str
    columns: tuple[str, ...]
    dates: str = "%Y-%m-%d"
    days: int = 0
    business_days: int = 0
    positive: bool = False

    @property
    def stored(self) -> str:
        """Name of the stored response under ``raw/``."""
        return f"{self.site}/{self.name}.csv"

    def rows(self, text: str) -> pd.DataFrame:
        """Read the series as it is served.

        Parameters
        ----------
        text : str
            Content of the CSV file. Lines before the header and dates without a value are skipped; of two
            rows for a date the later counts.

        Returns
        -------
        DataFrame
            Columns series, date, available, value, by date; dates are ISO text. Yields and spreads are in
            percent, oil in dollars a barrel, indices in points.

        Raises
        ------
        MarketError
            If there is no header with the columns expected, a line can't be read, or there is no value at
            all; names series and line.
        """
        lines = csv.reader(StringIO(text.removeprefix("\ufeff")))
        column = -1
        values: dict[dt.date, float] = {}
        try:
            for line in lines:
                cells = [cell.strip() for cell in line]
                if column < 0:
                    column = self._column(cells)
                elif len(cells) > column and cells[column] not in ("", "."):
                    date, value = self._entry(cells[0], cells[column], lines.line_num)
                    values[date] = value
        except csv.Error as error:
            raise MarketError(f"{self.name}, line {lines.line_num}: not a CSV file: {error}") from None
        if not values:
            raise MarketError(
                f"{self.name}: no values under a header DATE, {self.columns[0]}; "
                f"the file begins {text[:60]!r}"
            )
        dates = sorted(values)
        known = self.available(np.array(dates, dtype="datetime64[D]"))
        table = [
            (self.name, date.isoformat(), str(day), values[date])
            for date, day in zip(dates, known, strict=True)
        ]
        return pd.DataFrame(table, columns=list(SERIES_COLUMNS))

    def _column(self, cells: list[str]) -> int:
        """Where a header has the values; -1 for a line that is no header."""
        header = [cell.upper() for cell in cells]
        if not header or header[0] not in DATE_HEADERS:
            return -1
        column = next((header.index(name) for name in self.columns if name in header), -1)
        if column < 0:
            raise MarketError(
                f"{self.name}: the columns are {', '.join(cells)[:80]}; {' or '.join(self.columns)} is "
                "needed: the address no longer gives this series"
            )
        return column

    def _entry(self, date: str, value: str, line: int) -> tuple[dt.date, float]:
        place = f"{self.name}, line {line}"
        try:
            day = dt.datetime.strptime(date, self.dates).date()
            number = float(value)
        except ValueError:
            written = self.dates.replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")
            raise MarketError(f"{place}: {date!r}, {value!r} is not a date {written} and a number") from None
        if not math.isfinite(number):
            raise MarketError(f"{place}: the value of {date} is {value}, not a finite number")
        if self.positive and number <= 0:
            raise MarketError(f"{place}: {date} has the value {value}; an index level is more than 0")
        return day, number

    def available(self, dates: Dates) -> Dates:
        """The day on which the value of each date became public.

        Parameters
        ----------
        dates : ndarray of datetime64[D]
            Dates that the values describe.

        Returns
        -------
        ndarray of datetime64[D], same shape
            Business days, or the dates themselves for what is known at once.
        """
        if not (self.days or self.business_days):
            return dates
        due = dates + np.timedelta64(self.days, "D")
        holidays = _federal_holidays(int(str(due.min())[:4]), int(str(due.max())[:4]) + 1)
        # A holiday's value counts from the business day before, so that its next business day is not skipped.
        roll: Literal["backward", "forward"] = "backward" if self.business_days else "forward"
        return np.busday_offset(due, self.business_days, roll=roll, holidays=holidays)


@lru_cache(maxsize=8)
def _federal_holidays(first: int, last: int) -> Dates:
    days = USFederalHolidayCalendar().holidays(f"{first}-01-01", f"{last}-12-31")
    return days.to_numpy().astype("datetime64[D]")


DAILY_SERIES: Mapping[str, DailySeries] = {
    name: DailySeries(name, **{**table, "columns": tuple(table["columns"])})
    for name, table in read_toml(Path(__file__).with_name("daily_series.toml"), MarketError).items()
}
"""Series name to series, as in ``daily_series.toml``; another one is one entry there."""
