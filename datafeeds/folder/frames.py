"""A market from frames in memory, through the same checks as a folder."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from datafeeds.calendars import NEW_YORK
from datafeeds.folder.layout import load_folder
from datafeeds.market import Adjustment, Market, MarketError


def market_from_frames(
    prices: pd.DataFrame,
    *,
    facts: pd.DataFrame | None = None,
    estimates: pd.DataFrame | None = None,
    corrections: pd.DataFrame | None = None,
    splits: pd.DataFrame | None = None,
    series: pd.DataFrame | None = None,
    instruments: pd.DataFrame | None = None,
    borrow: pd.DataFrame | None = None,
    name: str = "frames",
    source: str = "frames in memory",
    calendar: str = NEW_YORK,
    currency: str = "",
    adjustment: Adjustment = "split",
) -> Market:
    """Make a market of frames, with the checks, repairs and limits that a folder of them would get.

    Parameters
    ----------
    prices : DataFrame
        One of: rows with columns symbol, date, close (open, high, low, volume, dividend); closes with
        dates as index and symbols as columns; two levels of columns, one of them Open, High, Low, Close,
        Volume, the other symbols, as `yfinance` gives them (with ``auto_adjust=False``, or say
        ``adjustment="total_return"``); its Dividends and Stock Splits are used.
    facts, estimates, corrections, splits, series, instruments, borrow : DataFrame, optional
        With the columns that the tables of a market folder have.
    name, source : str
        For readers; `name` is letters, digits and underscores.
    calendar, currency : str
        As in the ``source.json`` of a folder: a code such as XLON or 24/7, and one such as GBP.
    adjustment : {"split", "total_return"}
        What the prices are adjusted for.

    Returns
    -------
    Market

    Raises
    ------
    MarketError
        For frames of another shape, or data that a folder would be refused for.

    Examples
    --------
    >>> closes = pd.DataFrame({"AAA": [1.0, 1.1]}, index=pd.to_datetime(["2020-01-02", "2020-01-03"]))
    >>> market_from_frames(closes).symbols
    ('AAA',)
    """
    rows = _rows(prices)
    listed = rows.pop("stock_splits") if "stock_splits" in rows else pd.Series(dtype=float)
    if splits is None and listed.fillna(0.0).ne(0.0).any():
        kept = listed.fillna(0.0).ne(0.0)
        splits = rows.loc[kept, ["symbol", "date"]].assign(ratio=listed[kept])
    tables = {
        "facts": facts,
        "estimates": estimates,
        "splits": splits,
        "series": series,
        "instruments": instruments,
        "corrections": corrections,
        "borrow": borrow,
    }
    if not name.isidentifier():
        raise MarketError(f"name {name!r}: write letters, digits and underscores")
    said = {"source": source, "calendar": calendar, "currency": currency, "adjustment": adjustment}
    with TemporaryDirectory() as place:
        folder = Path(place) / name
        folder.mkdir()
        (folder / "source.json").write_text(json.dumps(said), encoding="utf-8")
        for table, frame in {"prices": rows, **tables}.items():
            if frame is not None:
                frame.to_csv(folder / f"{table}.csv", index=False, date_format="%Y-%m-%d")
        return load_folder(folder)


BARS = ("open", "high", "low", "close", "volume", "dividend", "stock_splits")


def _rows(prices: pd.DataFrame) -> pd.DataFrame:
    """Prices as rows of symbol, date and the rest."""
    if {"symbol", "date", "close"} <= set(prices.columns):
        return prices.copy(deep=False)
    dates = prices.index
    if not isinstance(dates, pd.DatetimeIndex):
        raise MarketError(
            "prices: give rows with columns symbol, date and close, or dates as index and symbols as "
            f"columns; the index is a {type(dates).__name__}, the columns are "
            f"{', '.join(map(str, prices.columns[:6]))}"
        )
    frame = prices.set_axis(dates.tz_localize(None).normalize().rename("date"), axis=0)
    if frame.columns.nlevels == 1:
        rows = frame.rename_axis(columns="symbol").melt(ignore_index=False, value_name="close")
        return rows.dropna(subset=["close"]).reset_index()
    level = next((level for level in (0, 1) if "Close" in frame.columns.get_level_values(level)), None)
    if level is None or frame.columns.nlevels != 2:
        raise MarketError("prices: of two levels of columns one must name Open, High, Low, Close and Volume")
    rows = pd.DataFrame(frame.stack(1 - level, future_stack=True))
    rows.index.names = ["date", "symbol"]
    names = {"dividends": "dividend", "stock splits": "stock_splits"}
    rows.columns = pd.Index([names.get(str(name).lower(), str(name).lower()) for name in rows.columns])
    kept = [column for column in BARS if column in rows]
    return rows[kept].dropna(subset=["close"]).reset_index()
