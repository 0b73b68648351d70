"""What was read of others' files, and how their bars become rows of a market folder."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from datafeeds.market import MarketError
from datafeeds.sources.yahoo import PRICE_COLUMNS

BARS = ("open", "high", "low", "close", "volume")
NUMBERS = (*BARS, "dividend", "split")


@dataclass
class Imported:
    """What was read.

    Attributes
    ----------
    prices : dict of str to DataFrame
        Columns `PRICE_COLUMNS` by symbol; dates are ISO text.
    splits : list of DataFrame
        Columns symbol, date, ratio.
    series : list of DataFrame
        Columns `SERIES_COLUMNS`.
    notes : dict of str to list of str
        What was renamed, rescaled or dropped, and the files or symbols that it was done to.
    """

    prices: dict[str, pd.DataFrame] = field(default_factory=dict)
    splits: list[pd.DataFrame] = field(default_factory=list)
    series: list[pd.DataFrame] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, where: str) -> None:
        """Add to the list of what was done."""
        places = self.notes.setdefault(what, [])
        if where not in places:
            places.append(where)

    def sentences(self) -> list[str]:
        """The notes, a sentence each."""
        return [
            f"{what}: {', '.join(places[:5])}{f' and {len(places) - 5} more' if len(places) > 5 else ''}"
            for what, places in self.notes.items()
        ]


def read_csv(path: Path, **options: object) -> pd.DataFrame:
    """A CSV file as a frame."""
    try:
        return pd.read_csv(path, encoding="utf-8-sig", **options)  # type: ignore[call-overload, no-any-return]
    except (OSError, ValueError) as error:
        raise MarketError(f"{path}: can't be read as CSV: {error}") from None


def small_letters(
    path: Path, needed: tuple[str, ...], names: Mapping[str, str] = MappingProxyType({})
) -> pd.DataFrame:
    """A CSV file with its column names in small letters, without angle brackets and spaces.

    Names that stand in `names` are replaced by theirs.
    """
    frame = read_csv(path, dtype=str)
    said = [str(name).strip().strip("<>").lower().replace(" ", "_") for name in frame.columns]
    frame.columns = pd.Index([names.get(name, name) for name in said])
    refuse_twins(frame, str(path))
    missing = [name for name in needed if name not in frame]
    if missing:
        raise MarketError(f"{path}: no column {', '.join(missing)}; found {', '.join(frame.columns)}")
    return frame


def refuse_twins(frame: pd.DataFrame, place: str) -> None:
    """Refuse a table in which two columns mean the same."""
    twins = frame.columns[frame.columns.duplicated()]
    if len(twins):
        raise MarketError(f"{place}: several columns mean {twins[0]}; keep one of them")


def add_rows(out: Imported, symbol: str, dates: pd.Series, frame: pd.DataFrame, place: str) -> pd.DataFrame:
    """Rows of one symbol with numbers and ISO dates; those without a close are left out and noted."""
    days = pd.to_datetime(dates.str[:10], errors="coerce", format="mixed")
    table = pd.DataFrame(
        {name: pd.to_numeric(frame[name], errors="coerce") for name in frame if name in NUMBERS}
    )
    good = (days.notna() & table["close"].notna()).to_numpy()
    if not good.all():
        out.note("rows without a date or a close are dropped", f"{place} ({int((~good).sum())})")
    table = table[good].astype(np.float64)
    table.insert(0, "date", days[good].dt.strftime("%Y-%m-%d"))
    table = table.drop_duplicates("date", keep="last").sort_values("date").reset_index(drop=True)
    if table.empty:
        raise MarketError(f"{place}: no row has a date and a close")
    if symbol in out.prices:
        raise MarketError(f"{place}: {symbol} is in another file too; keep one")
    return table


def keep(out: Imported, symbol: str, table: pd.DataFrame) -> None:
    """Prices of a symbol that stand on the basis of their last day."""
    full = table.assign(symbol=symbol).reindex(columns=list(PRICE_COLUMNS))
    out.prices[symbol] = full.assign(dividend=full["dividend"].fillna(0.0))


def keep_as_traded(out: Imported, symbol: str, table: pd.DataFrame) -> None:
    """Carry prices as traded to the basis of their last day, by the splits that stand in the table."""
    ratio = (
        table["split"].fillna(1.0).replace(0.0, 1.0).to_numpy() if "split" in table else np.ones(len(table))
    )
    later = np.append(np.cumprod(ratio[::-1])[::-1][1:], 1.0)
    carried = table.drop(columns="split", errors="ignore")
    for name in ("open", "high", "low", "close", "dividend"):
        if name in carried:
            carried[name] = carried[name] / later
    if "volume" in carried:
        carried["volume"] = carried["volume"] * later
    split = ratio != 1.0
    if split.any():
        out.note("prices as traded are carried over the splits in the file", symbol)
        out.splits.append(
            pd.DataFrame({"symbol": symbol, "date": table["date"][split], "ratio": ratio[split]})
        )
    keep(out, symbol, carried)


LARGEST_MEMBER = 1_000_000_000
"""Bytes that a packed file may have when unpacked."""


def text_in(path: Path) -> str:
    """The text of a file, or of the one file in a zip.

    Raises
    ------
    MarketError
        If it can't be read or unpacked.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                inside = [each for each in packed.infolist() if not each.is_dir()]
                if len(inside) != 1 or inside[0].file_size > LARGEST_MEMBER:
                    raise MarketError(f"{path}: the zip holds {len(inside)} files; one CSV is expected")
                content = packed.read(inside[0])
        return content.decode("utf-8-sig", "replace")
    except OSError as error:
        raise MarketError(f"{path}: can't be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        if isinstance(error, MarketError):
            raise
        raise MarketError(f"{path}: can't be unpacked: {error}") from None


def require_daily(dates: pd.Series, place: str) -> None:
    """Refuse bars of less than a day.

    Raises
    ------
    MarketError
    """
    days = dates.astype(str).str[:10]
    if (days.duplicated() & days.ne("NaT")).any():
        again = days[days.duplicated()].iloc[0]
        raise MarketError(f"{place}: {again} has several bars; bars of one day are expected")
