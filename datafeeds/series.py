"""Daily numbers such as VIX or a yield, each with the date on which it became public."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from datafeeds.market import Array, Dates, Market, MarketError
from datafeeds.names import unknown_name


@dataclass(frozen=True)
class SeriesTable:
    """A daily series, ordered by when its values became public. Arrays are read-only.

    Attributes
    ----------
    dates : ndarray of datetime64[D], shape (values,)
        The date that each value describes.
    available : ndarray of datetime64[D], shape (values,)
        The date on which it became public, ascending.
    values : ndarray, shape (values,)
    """

    dates: Dates
    available: Dates
    values: Array

    def __post_init__(self) -> None:
        for array in (self.dates, self.available, self.values):
            array.setflags(write=False)

    def count(self, day: np.datetime64) -> int:
        """How many values were public on `day`."""
        return int(np.searchsorted(self.available, day, side="right"))

    def at_close(self, sessions: Dates, *, stale_days: int | None) -> Array:
        """Newest public value at the close of each session.

        Parameters
        ----------
        sessions : ndarray of datetime64[D], shape (sessions,)
        stale_days : int or None
            Calendar days after its own date up to which a value counts; None for ever.

        Returns
        -------
        ndarray, shape (sessions,)
            NaN before the first value and where the newest is stale.
        """
        if not len(self.values):
            return np.full(len(sessions), np.nan)
        newest = np.searchsorted(self.available, sessions, side="right") - 1
        place = np.maximum(newest, 0)
        counts = newest >= 0
        if stale_days is not None:
            counts &= sessions - self.dates[place] <= np.timedelta64(stale_days, "D")
        return np.where(counts, self.values[place], np.nan)

    def by_date(self) -> SeriesTable:
        """The series as if each value had been public on its own date: for explanations, never for a rule."""
        order = np.argsort(self.dates, kind="stable")
        dates = self.dates[order]
        return SeriesTable(dates, dates, self.values[order])


_TABLES: WeakKeyDictionary[Market, dict[str, SeriesTable | None]] = WeakKeyDictionary()
"""Tables by name; None for one that nobody has asked for yet."""


def series_names(market: Market) -> Collection[str]:
    """Names of the daily series of `market`, those without a value yet included."""
    return _tables(market).keys()


def series_table(market: Market, name: str) -> SeriesTable:
    """A daily series with the dates on which its values became public.

    Raises
    ------
    MarketError
        If the market has no such series, naming the nearest.
    """
    tables = _tables(market)
    if name not in tables:
        raise MarketError(unknown_name("series", name, tables, f"market {market.name!r}"))
    table = tables[name]
    if table is None:
        table = tables[name] = _table(market.series[market.series["series"] == name])
    return table


def _tables(market: Market) -> dict[str, SeriesTable | None]:
    tables = _TABLES.get(market)
    if tables is None:
        tables = dict.fromkeys(sorted(map(str, market.series["series"].unique())))
        _TABLES[market] = tables
    return tables


def _table(rows: pd.DataFrame) -> SeriesTable:
    finite = rows[np.isfinite(rows["value"])]
    ordered = finite.sort_values(["available", "date"], kind="stable")
    return SeriesTable(
        ordered["date"].to_numpy().astype("datetime64[D]"),
        ordered["available"].to_numpy().astype("datetime64[D]"),
        ordered["value"].to_numpy(dtype=np.float64, copy=True),
    )
