"""Daily bars of Alpaca's market data API, saved as JSON or CSV.

JSON is ``{"bars": {"AAPL": [{"t": ..., "o": ...}]}}``, ``{"symbol": "AAPL", "bars": [...]}`` or the bars
alone in a file that is named after the symbol; CSV has one bar a line, with a column symbol where there are
several. A day is stamped with its midnight in New York, in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from datafeeds.market import MarketError
from datafeeds.sources.imported import (
    BARS,
    Imported,
    add_rows,
    keep,
    refuse_twins,
    require_daily,
    small_letters,
    text_in,
)

NAMES = {
    "t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "n": "trade_count",
    "vw": "vwap", "s": "symbol",
}  # fmt: skip


def read_alpaca(path: Path, out: Imported) -> None:
    """Read a file of bars.

    Parameters
    ----------
    path : Path
    out : Imported
        Gets what is read.

    Raises
    ------
    MarketError
        If the file holds no daily bars.
    """
    found = _of_csv(path) if path.suffix.lower() == ".csv" else _of_json(path, out)
    for name, bars in found:
        missing = [column for column in ("timestamp", *BARS) if column not in bars]
        if missing:
            raise MarketError(f"{path}: {name}: no {', '.join(missing)} in its bars")
        symbol = name.upper().replace("/", "-")
        if symbol != name:
            out.note("symbols are renamed", f"{name} to {symbol}")
        for dropped in ("vwap", "trade_count"):
            if dropped in bars:
                out.note(f"{dropped} is dropped", symbol)
        dates = bars["timestamp"].astype(str)
        require_daily(dates, f"{path} {name}")
        out.note(
            "prices are taken as adjusted for splits (adjustment=split); dividends are unknown, returns are "
            "price returns",
            symbol,
        )
        keep(out, symbol, add_rows(out, symbol, dates, bars[list(BARS)], f"{path} {name}"))


def _of_csv(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    bars = small_letters(path, (), NAMES)
    if "symbol" not in bars:
        yield path.stem.upper(), bars
        return
    for symbol, rows in bars.groupby("symbol"):
        yield str(symbol), rows.reset_index(drop=True)


def _of_json(path: Path, out: Imported) -> Iterator[tuple[str, pd.DataFrame]]:
    try:
        said: Any = json.loads(text_in(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, MarketError):
            raise
        raise MarketError(f"{path}: not JSON, or cut short: {error}") from None
    if isinstance(said, dict) and said.get("next_page_token"):
        out.note("there are further pages that are not in the file; import them in one file", path.name)
    bars = said.get("bars", said) if isinstance(said, dict) else said
    own = said.get("symbol") if isinstance(said, dict) else None
    every = bars if isinstance(bars, dict) else {str(own or path.stem.upper()): bars}
    for symbol, rows in every.items():
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise MarketError(f"{path}: {symbol}: no list of bars such as {{'t': ..., 'o': ..., 'c': ...}}")
        table = pd.DataFrame(rows)
        table = table.rename(columns={key: NAMES.get(str(key), str(key)) for key in table.columns})
        refuse_twins(table, f"{path}: {symbol}")
        yield str(symbol), table.astype(str)
