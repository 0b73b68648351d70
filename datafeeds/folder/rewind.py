"""A market folder as it stood on some day: the rows that came later are cut from a copy of it.

What is cut: prices after the day, figures filed after it, values of series available after it, memberships
that begin after it, and symbols first traded after it. The split table stays, because the prices stand on its
basis; `rebased` gives the copy whose prices stand on the basis of the day, as if downloaded then.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.folder.layout import ENDINGS
from datafeeds.market import MarketError

Cut = Callable[[pd.DataFrame], pd.DataFrame]


def cut_folder(folder: Path, day: np.datetime64, to: Path, *, rebased: bool = False) -> Path:
    """Write the copy of a market folder that ends on `day`.

    Parameters
    ----------
    folder : Path
    day : datetime64
    to : Path
        A new folder.
    rebased : bool
        Bring prices, volumes and dividends to the split basis of `day`, and leave later splits out.

    Returns
    -------
    Path
        `to`.

    Raises
    ------
    MarketError
        If nothing is left, or a table can't be read.
    """
    last = pd.Timestamp(day)
    to.mkdir(parents=True)
    splits = _read(folder, "splits")
    later = None
    if rebased and splits is not None:
        after = splits[_days(splits["date"]) > last]
        later = after.groupby("symbol")["ratio"].prod()
    symbols: set[str] = set()
    for path in _files(folder, "prices"):
        prices = _table(path)
        prices = prices[_days(prices["date"]) <= last]
        own = (
            pd.Series(path.stem, index=prices.index)
            if "symbol" not in prices
            else prices["symbol"].astype(str)
        )
        if later is not None:
            factor = own.map(later).fillna(1.0).to_numpy(dtype=np.float64)
            for column in ("open", "high", "low", "close", "dividend"):
                if column in prices:
                    prices = prices.assign(**{column: prices[column] * factor})
            if "volume" in prices:
                prices = prices.assign(volume=prices["volume"] / factor)
        if len(prices):
            symbols |= set(own)
            _write(prices, to / path.relative_to(folder))
    if not symbols:
        raise MarketError(f"{folder} has no prices up to {day}; choose a later day")
    cuts: dict[str, Cut] = {
        "facts": lambda table: table[_days(table["filed"]) <= last],
        "series": lambda table: table[_days(table["available"]) <= last],
        "splits": lambda table: table[_days(table["date"]) <= last] if rebased else table,
        "instruments": lambda table: _instruments(table[table["symbol"].isin(symbols)], last),
        "corrections": lambda table: table[_days(table["filed"]) <= last],
    }
    for name, cut in cuts.items():
        for path in _files(folder, name):
            _write(cut(_table(path)), to / path.name)
    if (folder / "source.json").is_file():
        (to / "source.json").write_bytes((folder / "source.json").read_bytes())
    return to


def _instruments(table: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Instruments without what is said of later memberships; each symbol keeps its kind."""
    if "from" not in table:
        return table
    later = (_days(table["from"]) > last).to_numpy()
    begun = set(table["symbol"][~later])
    hidden = table[later & ~table["symbol"].isin(begun)].drop_duplicates("symbol")
    blank = {name: "" for name in ("group", "to") if name in table}
    hidden = hidden.assign(**blank, **{"from": f"{last + pd.Timedelta(days=1):%Y-%m-%d}"})
    return pd.concat([table[~later], hidden], ignore_index=True)


def _files(folder: Path, name: str) -> list[Path]:
    single = [folder / f"{name}{ending}" for ending in ENDINGS]
    found = [path for path in single if path.is_file()]
    if name == "prices" and (folder / name).is_dir():
        found += sorted(path for path in (folder / name).iterdir() if path.suffix in ENDINGS)
    return found


def _read(folder: Path, name: str) -> pd.DataFrame | None:
    found = _files(folder, name)
    return _table(found[0]) if found else None


def _table(path: Path) -> pd.DataFrame:
    """A table as it stands in its file: words stay words, in a CSV everything but numbers does."""
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(
            path, keep_default_na=False, na_values=[""], float_precision="round_trip", dtype=WORDS
        )
    except (OSError, ValueError) as problem:
        raise MarketError(f"{path} can't be cut: {problem}") from None


WORDS = dict.fromkeys(
    (
        "symbol",
        "series",
        "concept",
        "fiscal_period",
        "accession",
        "group",
        "kind",
        "name",
        "sector",
        "industry",
    ),
    "str",
)
"""Columns that are never numbers, whatever stands in them."""


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)


def _days(dates: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Dates of whatever form; what is none is never later."""
    return pd.to_datetime(dates, errors="coerce", format="ISO8601" if dates.dtype == object else None)
