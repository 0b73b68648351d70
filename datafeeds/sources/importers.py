"""Files of other programs and data vendors as a market folder.

| format | files |
|---|---|
| yahoo-csv | ``SYMBOL.csv`` as Yahoo's pages gave them: Date, Open, High, Low, Close, Adj Close, Volume |
| yfinance | frames that were saved with ``to_csv``, one symbol or two header rows with many |
| stooq | ``<TICKER>,<PER>,<DATE>,...`` or Date, Open, ...; prices adjusted for splits and dividends |
| tiingo | ``SYMBOL.csv`` of the end-of-day API, as traded, with divCash and splitFactor |
| zipline-csvdir | ``SYMBOL.csv`` as traded, with dividend and split |
| fred | series files: observation_date and a column for each series |

What was renamed, rescaled or dropped is listed. Prices as traded are carried to the basis of the last day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.market import SERIES_COLUMNS, Adjustment, MarketError
from datafeeds.names import unknown_name
from datafeeds.sources.switch import replace_files
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


def _frame(path: Path, **options: object) -> pd.DataFrame:
    try:
        return pd.read_csv(path, encoding="utf-8-sig", **options)  # type: ignore[call-overload, no-any-return]
    except (OSError, ValueError) as error:
        raise MarketError(f"{path}: can't be read as CSV: {error}") from None


def _lower(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """A CSV file with its column names in small letters, without angle brackets and spaces."""
    frame = _frame(path, dtype=str)
    frame.columns = pd.Index(
        [str(name).strip().strip("<>").lower().replace(" ", "_") for name in frame.columns]
    )
    missing = [name for name in needed if name not in frame]
    if missing:
        raise MarketError(f"{path}: no column {', '.join(missing)}; found {', '.join(frame.columns)}")
    return frame


def _add(out: Imported, symbol: str, dates: pd.Series, frame: pd.DataFrame, place: str) -> pd.DataFrame:
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


def _keep(out: Imported, symbol: str, table: pd.DataFrame) -> None:
    full = table.assign(symbol=symbol).reindex(columns=list(PRICE_COLUMNS))
    out.prices[symbol] = full.assign(dividend=full["dividend"].fillna(0.0))


def _as_traded(out: Imported, symbol: str, table: pd.DataFrame) -> None:
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
    _keep(out, symbol, carried)


def _yahoo_csv(path: Path, out: Imported) -> None:
    frame = _lower(path, ("date", *BARS))
    symbol = path.stem.upper()
    if "adj_close" in frame:
        out.note("Adj Close is dropped: dividends are unknown, returns are price returns", symbol)
    _keep(out, symbol, _add(out, symbol, frame["date"], frame[list(BARS)], str(path)))


def _yfinance(path: Path, out: Imported) -> None:
    head = _frame(path, nrows=2, header=None, dtype=str)
    several = str(head.iloc[0, 0]).strip() in ("Price", "Ticker")
    frame = _frame(path, header=[0, 1] if several else [0], index_col=0, dtype=str)
    frame = frame[[pd.notna(label) and str(label) != "Date" for label in frame.index]]
    if several:
        level = 1 if "Close" in frame.columns.get_level_values(0) else 0
        symbols = sorted(set(frame.columns.get_level_values(level)))
        each = {
            str(symbol): frame.loc[:, frame.columns.get_level_values(level) == symbol].droplevel(
                level, axis=1
            )
            for symbol in symbols
        }
    else:
        each = {path.stem.upper(): frame}
    for symbol, columns in each.items():
        columns.columns = pd.Index([str(name).lower().replace(" ", "_") for name in columns.columns])
        if "adj_close" not in columns:
            raise MarketError(
                f"{path}: {symbol}: no column Adj Close, so the prices are adjusted for dividends; download "
                "them with auto_adjust=False"
            )
        names = {"dividends": "dividend", "stock_splits": "split"}
        missing = [name for name in BARS if name not in columns]
        if missing:
            raise MarketError(f"{path}: {symbol}: no column {', '.join(missing)}")
        dates = pd.Series(columns.index.astype(str), index=columns.index)
        table = _add(out, symbol, dates, columns.rename(columns=names), f"{path} {symbol}")
        if "dividend" not in table:
            out.note("there are no dividends: returns are price returns", symbol)
        if "split" in table:
            split = table["split"].fillna(0.0).ne(0.0)
            out.splits.append(
                pd.DataFrame({"symbol": symbol, "date": table["date"][split], "ratio": table["split"][split]})
            )
        _keep(out, symbol, table.drop(columns="split", errors="ignore"))


def _stooq(path: Path, out: Imported) -> None:
    frame = _lower(path, ("date", "open", "high", "low", "close")).rename(columns={"vol": "volume"})
    tickers = frame["ticker"] if "ticker" in frame else pd.Series(path.stem, index=frame.index)
    for ticker, rows in frame.groupby(tickers):
        symbol = str(ticker).upper().removesuffix(".US").replace(".", "-")
        if symbol != str(ticker):
            out.note("tickers are renamed without .US", f"{ticker} to {symbol}")
        kept = [name for name in BARS if name in rows]
        _keep(out, symbol, _add(out, symbol, rows["date"], rows[kept], f"{path} {ticker}"))


def _tiingo(path: Path, out: Imported) -> None:
    frame = _lower(path, ("date", *BARS, "divcash", "splitfactor"))
    symbol = path.stem.upper()
    out.note("adjusted columns are dropped: they are worked out from divCash and splitFactor", symbol)
    renamed = frame.rename(columns={"divcash": "dividend", "splitfactor": "split"})
    _as_traded(out, symbol, _add(out, symbol, frame["date"], renamed[list(NUMBERS)], str(path)))


def _zipline_csvdir(path: Path, out: Imported) -> None:
    frame = _lower(path, ("date", *BARS))
    symbol = path.stem.upper()
    kept = [name for name in NUMBERS if name in frame]
    _as_traded(out, symbol, _add(out, symbol, frame["date"], frame[kept], str(path)))


def _fred(path: Path, out: Imported) -> None:
    frame = _frame(path, dtype=str)
    date = str(frame.columns[0])
    if date.lower() not in ("observation_date", "date") or len(frame.columns) < 2:
        raise MarketError(
            f"{path}: the columns are {', '.join(frame.columns)}, not observation_date and a series"
        )
    days = pd.to_datetime(frame[date], errors="coerce", format="ISO8601")
    if days.isna().any():
        raise MarketError(
            f"{path}, line {int(days.isna().argmax()) + 2}: {frame[date][days.isna()].iloc[0]!r} is no date"
        )
    for name in map(str, frame.columns[1:]):
        values = pd.to_numeric(frame[name].replace(".", ""), errors="coerce")
        known = values.notna()
        table = pd.DataFrame({"series": name.lower(), "date": days[known], "value": values[known]})
        table["available"] = table["date"] + pd.offsets.BDay(1)
        text = table.assign(**{key: table[key].dt.strftime("%Y-%m-%d") for key in ("date", "available")})
        out.series.append(text[list(SERIES_COLUMNS)])
        out.note("series are taken as published on the next business day; correct `available` if later", name)


@dataclass(frozen=True)
class Format:
    """How files of one kind are read.

    Attributes
    ----------
    read : callable
        From a file to what it adds.
    adjustment : {"split", "total_return"}
        What its prices are adjusted for.
    endings : tuple of str
        Of the files that are read from a folder.
    """

    read: Callable[[Path, Imported], None]
    adjustment: Adjustment = "split"
    endings: tuple[str, ...] = (".csv",)


FORMATS: Mapping[str, Format] = {
    "yahoo-csv": Format(_yahoo_csv),
    "yfinance": Format(_yfinance),
    "stooq": Format(_stooq, "total_return", (".csv", ".txt")),
    "tiingo": Format(_tiingo),
    "zipline-csvdir": Format(_zipline_csvdir),
    "fred": Format(_fred),
}


def import_files(kind: str, path: Path, folder: Path) -> Imported:
    """Read files of one kind and write a market folder of them; another import adds to it.

    Parameters
    ----------
    kind : str
        A key of `FORMATS`.
    path : Path
        A file, or a folder of files.
    folder : Path
        The market folder. Prices replace those of an earlier import; series are added to those it has.

    Raises
    ------
    MarketError
        For an unknown format, a file that can't be read (naming file and column), or a folder whose prices
        come from elsewhere; nothing is written then.
    """
    if kind not in FORMATS:
        raise MarketError(unknown_name("format", kind, FORMATS))
    form = FORMATS[kind]
    files = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
    files = [file for file in files if file == path or file.suffix.lower() in form.endings]
    if not files:
        raise MarketError(f"{path}: no file {' or '.join(form.endings)} there")
    out = Imported()
    for file in files:
        form.read(file, out)
    content = {
        **{f"prices/{symbol}.csv": _csv(table) for symbol, table in out.prices.items()},
        **({"series.csv": _csv(_with_earlier(folder, out.series))} if out.series else {}),
    }
    if out.prices:
        _require_imported(folder)
        none = pd.DataFrame(columns=["symbol", "date", "ratio"])
        content["splits.csv"] = _csv(pd.concat(out.splits) if out.splits else none)
        source = {
            "name": folder.resolve().name,
            "source": f"imported from {kind} files",
            "imported": kind,
            "adjustment": form.adjustment,
            "limits": out.sentences(),
        }
        content["source.json"] = (json.dumps(source, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        replace_files(folder, content)
    except OSError as error:
        raise MarketError(f"{folder}: can't be written: {error.strerror or error}; it is as it was") from None
    return out


def _require_imported(folder: Path) -> None:
    """Refuse a folder whose prices come from elsewhere: they would be replaced."""
    if not any((folder / name).exists() for name in ("prices", "prices.csv", "prices.parquet")):
        return
    try:
        imported = "imported" in json.loads((folder / "source.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        imported = False
    if not imported:
        raise MarketError(
            f"{folder}: its prices come from elsewhere and would be replaced; choose another folder"
        )


def _with_earlier(folder: Path, series: list[pd.DataFrame]) -> pd.DataFrame:
    new = pd.concat(series)
    path = folder / "series.csv"
    if not path.is_file():
        return new
    before = _frame(path, dtype={"series": str, "date": str, "available": str})
    return pd.concat([before[~before["series"].isin(new["series"])], new])


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
