"""A market from frames in memory, through the same checks as a folder."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from datafeeds.folder.layout import load_folder
from datafeeds.market import Adjustment, Market, MarketError


def market_from_frames(
    prices: pd.DataFrame,
    *,
    facts: pd.DataFrame | None = None,
    splits: pd.DataFrame | None = None,
    series: pd.DataFrame | None = None,
    instruments: pd.DataFrame | None = None,
    borrow: pd.DataFrame | None = None,
    name: str = "frames",
    source: str = "frames in memory",
    adjustment: Adjustment = "split",
) -> Market:
    """Make a market of frames, with the checks, repairs and limits that a folder of them would get.

    Parameters
    ----------
    prices : DataFrame
        One of: rows with columns symbol, date, close (open, high, low, volume, dividend); closes with
        dates as index and symbols as columns; two levels of columns, one of them Open, High, Low, Close,
        Volume, the other symbols, as `yfinance` gives them.
    facts, splits, series, instruments, borrow : DataFrame, optional
        With the columns that the tables of a market folder have.
    name, source : str
        For readers; `name` is letters, digits and underscores.
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
    tables = {"facts": facts, "splits": splits, "series": series, "instruments": instruments}
    tables["borrow"] = borrow
    if not name.isidentifier():
        raise MarketError(f"name {name!r}: write letters, digits and underscores")
    said = {"source": source, "adjustment": adjustment}
    with TemporaryDirectory() as place:
        folder = Path(place) / name
        folder.mkdir()
        (folder / "source.json").write_text(json.dumps(said), encoding="utf-8")
        for table, frame in {"prices": _rows(prices), **tables}.items():
            if frame is not None:
                frame.to_csv(folder / f"{table}.csv", index=False, date_format="%Y-%m-%d")
        return load_folder(folder)


def _rows(prices: pd.DataFrame) -> pd.DataFrame:
    """Prices as rows of symbol, date and the rest."""
    if {"symbol", "date", "close"} <= set(prices.columns):
        return prices
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
    rows.columns = pd.Index([str(column).lower() for column in rows.columns])
    kept = [column for column in ("open", "high", "low", "close", "volume") if column in rows]
    return rows[kept].dropna(subset=["close"]).reset_index()
