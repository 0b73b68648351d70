"""Files of other programs and data vendors as a market folder.

| format | files |
|---|---|
| yahoo-csv | ``SYMBOL.csv`` as Yahoo's pages gave them: Date, Open, High, Low, Close, Adj Close, Volume |
| yfinance | frames that were saved with ``to_csv``, one symbol or two header rows with many |
| stooq | ``<TICKER>,<PER>,<DATE>,...`` or Date, Open, ...; prices adjusted for splits and dividends |
| tiingo | ``SYMBOL.csv`` of the end-of-day API, as traded, with divCash and splitFactor |
| zipline-csvdir | ``SYMBOL.csv`` as traded, with dividend and split |
| alpaca | bars of the market data API as JSON, or as CSV: t, o, h, l, c, v, n, vw or their names in full |
| lean | ``equity/usa/daily/symbol.zip``, prices times 10,000, with ``factor_files`` beside ``daily`` |
| fred | series files: observation_date and a column for each series |
| ken-french | files of the data library, packed or not: returns in percent below a preamble |

What was renamed, rescaled or dropped is listed. Prices as traded are carried to the basis of the last day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from datafeeds.calendars import calendar_named
from datafeeds.market import SERIES_COLUMNS, Adjustment, MarketError
from datafeeds.names import unknown_name
from datafeeds.sources.alpaca import read_alpaca
from datafeeds.sources.imported import (
    BARS,
    NUMBERS,
    Imported,
    add_rows,
    keep,
    keep_as_traded,
    read_csv,
    refuse_twins,
    small_letters,
)
from datafeeds.sources.ken_french import read_ken_french
from datafeeds.sources.lean import read_lean
from datafeeds.sources.switch import replace_files


def _yahoo_csv(path: Path, out: Imported) -> None:
    frame = small_letters(path, ("date", *BARS))
    symbol = path.stem.upper()
    if "adj_close" in frame:
        out.note("Adj Close is dropped: dividends are unknown, returns are price returns", symbol)
    keep(out, symbol, add_rows(out, symbol, frame["date"], frame[list(BARS)], str(path)))


def _yfinance(path: Path, out: Imported) -> None:
    head = read_csv(path, nrows=2, header=None, dtype=str)
    several = str(head.iloc[0, 0]).strip() in ("Price", "Ticker")
    frame = read_csv(path, header=[0, 1] if several else [0], index_col=0, dtype=str)
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
        names = {"dividends": "dividend", "stock_splits": "split"}
        said = [str(name).lower().replace(" ", "_") for name in columns.columns]
        columns.columns = pd.Index([names.get(name, name) for name in said])
        refuse_twins(columns, f"{path} {symbol}")
        if "adj_close" not in columns:
            raise MarketError(
                f"{path}: {symbol}: no column Adj Close, so the prices are adjusted for dividends; download "
                "them with auto_adjust=False"
            )
        missing = [name for name in BARS if name not in columns]
        if missing:
            raise MarketError(f"{path}: {symbol}: no column {', '.join(missing)}")
        dates = pd.Series(columns.index.astype(str), index=columns.index)
        table = add_rows(out, symbol, dates, columns, f"{path} {symbol}")
        if "dividend" not in table:
            out.note("there are no dividends: returns are price returns", symbol)
        if "split" in table:
            split = table["split"].fillna(0.0).ne(0.0)
            out.splits.append(
                pd.DataFrame({"symbol": symbol, "date": table["date"][split], "ratio": table["split"][split]})
            )
        keep(out, symbol, table.drop(columns="split", errors="ignore"))


def _stooq(path: Path, out: Imported) -> None:
    frame = small_letters(path, ("date", "open", "high", "low", "close"), {"vol": "volume"})
    tickers = frame["ticker"] if "ticker" in frame else pd.Series(path.stem, index=frame.index)
    for ticker, rows in frame.groupby(tickers):
        symbol = str(ticker).upper().removesuffix(".US").replace(".", "-")
        if symbol != str(ticker):
            out.note("tickers are renamed without .US", f"{ticker} to {symbol}")
        kept = [name for name in BARS if name in rows]
        keep(out, symbol, add_rows(out, symbol, rows["date"], rows[kept], f"{path} {ticker}"))


def _tiingo(path: Path, out: Imported) -> None:
    frame = small_letters(path, ("date", *BARS, "divcash", "splitfactor"))
    frame = frame.rename(columns={"divcash": "dividend", "splitfactor": "split"})
    refuse_twins(frame, str(path))
    symbol = path.stem.upper()
    out.note("adjusted columns are dropped: they are worked out from divCash and splitFactor", symbol)
    keep_as_traded(out, symbol, add_rows(out, symbol, frame["date"], frame[list(NUMBERS)], str(path)))


def _zipline_csvdir(path: Path, out: Imported) -> None:
    frame = small_letters(path, ("date", *BARS))
    symbol = path.stem.upper()
    kept = [name for name in NUMBERS if name in frame]
    keep_as_traded(out, symbol, add_rows(out, symbol, frame["date"], frame[kept], str(path)))


def _fred(path: Path, out: Imported) -> None:
    frame = read_csv(path, dtype=str)
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
    "alpaca": Format(read_alpaca, endings=(".csv", ".json")),
    "lean": Format(read_lean, endings=(".zip", ".csv")),
    "fred": Format(_fred),
    "ken-french": Format(read_ken_french, endings=(".csv", ".zip", ".txt")),
}


def import_files(kind: str, path: Path, folder: Path, *, calendar: str = "", currency: str = "") -> Imported:
    """Read files of one kind and write a market folder of them; another import adds to it.

    Parameters
    ----------
    kind : str
        A key of `FORMATS`.
    path : Path
        A file, or a folder of files.
    folder : Path
        The market folder. Prices replace those of an earlier import; series are added to those it has.
    calendar, currency : str
        What ``source.json`` says of the prices; nothing if not given.

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
            **({"calendar": calendar_named(calendar)} if calendar else {}),
            **({"currency": currency} if currency else {}),
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
    before = read_csv(path, dtype={"series": str, "date": str, "available": str})
    return pd.concat([before[~before["series"].isin(new["series"])], new])


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
