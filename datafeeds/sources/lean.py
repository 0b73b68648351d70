"""Daily bars of QuantConnect's LEAN: ``equity/usa/daily/aapl.zip``, in hundredths of a cent, as traded.

What is paid and split stands in ``equity/usa/factor_files/aapl.csv``: date, price factor, split factor and,
in newer files, the close of that date. A line holds up to and including its date; where the next one differs,
the session after the date is the day of a split or ex a dividend.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.market import MarketError
from datafeeds.sources.imported import (
    BARS,
    Imported,
    add_rows,
    keep_as_traded,
    require_daily,
    text_in,
)

SCALE = 10_000.0
"""What LEAN multiplies prices of equities by."""

LEAST_RATIO = 1e-3
"""Relative changes of a split factor below this are rounding of its digits."""

LEAST_DIVIDEND = 2e-6
"""Changes of a price factor below this are rounding of its digits."""


def read_lean(path: Path, out: Imported) -> None:
    """Read the daily bars of one symbol, and its factor file if there is one.

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
    symbol = path.stem.upper()
    try:
        bars = pd.read_csv(io.StringIO(text_in(path)), header=None, dtype=str)
    except (ValueError, OverflowError) as error:
        if isinstance(error, MarketError):
            raise
        raise MarketError(f"{path}: can't be read as CSV: {error}") from None
    dates = bars[0].astype(str).str.strip()
    if len(bars.columns) != 6 or not dates.str.fullmatch(r"\d{8} \d\d:\d\d").all():
        raise MarketError(
            f"{path}: lines are not those of LEAN's daily equities, such as "
            "20131001 00:00,4832600,4884400,4831000,4880000,9988000"
        )
    days = dates.str[:4] + "-" + dates.str[4:6] + "-" + dates.str[6:8]
    require_daily(days, str(path))
    table = add_rows(out, symbol, days, bars.set_axis(["date", *BARS], axis=1)[list(BARS)], str(path))
    prices = ["open", "high", "low", "close"]
    table[prices] = table[prices] / SCALE
    out.note("prices are divided by 10,000", symbol)
    factors = path.parent.parent / "factor_files" / f"{path.stem.lower()}.csv"
    if factors.is_file():
        table = _with_factors(table, factors, out, symbol)
    else:
        out.note(
            "there is no factor file: prices stay as traded, splits and dividends are unknown; keep the "
            "folder factor_files beside daily",
            symbol,
        )
    keep_as_traded(out, symbol, table)


def _with_factors(table: pd.DataFrame, path: Path, out: Imported, symbol: str) -> pd.DataFrame:
    """Columns `split` and `dividend` from a factor file."""
    lines = [line.split(",") for line in text_in(path).splitlines() if re.match(r"\d{8},", line)]
    try:
        rows = np.array([[float(cell) for cell in line[1:3]] for line in lines], dtype=np.float64)
        days = [f"{line[0][:4]}-{line[0][4:6]}-{line[0][6:]}" for line in lines]
    except ValueError as error:
        raise MarketError(f"{path}: a factor is no number: {error}") from None
    if not len(lines) or rows.shape[1:] != (2,) or not (np.isfinite(rows).all() and (rows > 0).all()):
        raise MarketError(f"{path}: no lines of date, price factor, split factor")
    dates, close = table["date"].to_numpy(dtype=str), table["close"].to_numpy(dtype=np.float64)
    split, dividend = np.ones(len(table)), np.zeros(len(table))
    for place, day in enumerate(days[:-1]):
        row = int(np.searchsorted(dates, day, side="right"))  # the session after it
        if not 0 < row < len(dates):
            continue
        (price, ratio), (price_then, ratio_then) = rows[place], rows[place + 1]
        if abs(ratio_then / ratio - 1) > LEAST_RATIO:
            split[row] *= _whole(ratio_then / ratio)
        if price_then - price > LEAST_DIVIDEND:
            # The factor is 1 - dividend / close; after a split of the same day it is per new share.
            dividend[row] += close[row - 1] * (1 - price / price_then) / split[row]
    out.note("splits and dividends come from LEAN's factor file, rounded as it rounds", symbol)
    return table.assign(split=split, dividend=dividend)


def _whole(ratio: float) -> float:
    """A ratio of splits as whole numbers say it, where it is one up to the digits of the file."""
    for below in (1, 2, 3, 4, 5, 10):
        near = round(ratio * below) / below
        if near > 0 and abs(near / ratio - 1) < LEAST_RATIO:
            return near
    if ratio < 1:
        return 1 / _whole(1 / ratio)
    return ratio
