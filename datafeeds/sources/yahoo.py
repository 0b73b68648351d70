"""Daily prices, cash dividends and splits from Yahoo, through the `yfinance` package (extra ``live``).

With ``auto_adjust=False`` Yahoo's open, high, low, close and volume are adjusted for every split up to the
day of the download and for no dividend; dividends are per share on that same basis. ``Adj Close`` is
adjusted for both and is not used, except that its absence shows that the prices were adjusted for
dividends.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from datafeeds.extras import not_installed
from datafeeds.market import Finding, MarketError
from datafeeds.sources.transport import NotThere

PRICE_COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume", "dividend")

History = Callable[[str, dt.date, dt.date], pd.DataFrame]
"""From symbol, first day and day after the last to a frame as `yfinance` returns it."""


class NoPrices(NotThere):
    """Yahoo has no prices for a symbol."""


class TooManyRequests(OSError):  # noqa: N818  (reads as what it says)
    """Yahoo asks to wait."""


@dataclass(frozen=True)
class Prices:
    """One symbol's history.

    Attributes
    ----------
    table : DataFrame
        Columns `PRICE_COLUMNS`, by date; dates are ISO text. Prices are dollars per share on the split
        basis of the day of the download, `dividend` is cash per such share on its ex-date.
    splits : DataFrame
        Columns symbol, date, ratio: new shares per old share, effective at the open of `date`.
    findings : tuple of Finding
        What was left out or moved.
    """

    table: pd.DataFrame
    splits: pd.DataFrame
    findings: tuple[Finding, ...]


def history(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
    """Download one symbol's daily history with `yfinance`.

    Parameters
    ----------
    symbol : str
        As Yahoo writes it: ``"BRK-B"``.
    start, stop : date
        First day, and the day after the last.

    Returns
    -------
    DataFrame
        As `yfinance` returns it with ``auto_adjust=False``; see `prices`.

    Raises
    ------
    NoPrices
        If Yahoo does not know the symbol or has no prices for it.
    TooManyRequests
        If Yahoo asks to wait.
    MarketError
        If `yfinance` is not installed.
    OSError
        If Yahoo can't be reached.
    """
    try:
        yfinance: Any = importlib.import_module("yfinance")
    except ImportError as error:
        raise MarketError(not_installed("downloading prices", f"yfinance ({error})", "live")) from None
    # Otherwise yfinance prints what went wrong and returns an empty frame.
    yfinance.config.debug.hide_exceptions = False
    try:
        frame: pd.DataFrame = yfinance.Ticker(symbol).history(
            start=start.isoformat(),
            end=stop.isoformat(),
            interval="1d",
            auto_adjust=False,
            actions=True,
            keepna=True,
        )
    except Exception as error:
        kind = type(error).__name__
        if kind == "YFRateLimitError":
            raise TooManyRequests("Yahoo: too many requests") from error
        if kind in ("YFPricesMissingError", "YFTzMissingError", "YFTickerMissingError"):
            raise NoPrices(f"Yahoo has no prices for {symbol!r}: {error}") from None
        if kind.startswith("YF"):
            raise OSError(f"Yahoo: {error}") from error
        raise
    return frame


def prices(
    frame: pd.DataFrame, symbol: str, start: dt.date | None = None, end: dt.date | None = None
) -> Prices:
    """Turn a frame as `yfinance` returns it into rows of a market folder.

    Parameters
    ----------
    frame : DataFrame
        Columns Open, High, Low, Close, Adj Close, Volume, Dividends, Stock Splits, alone or as one level of
        two beside the symbol. Index: session dates, tz-naive, in the exchange's zone, or as text that
        begins with the date.
    symbol : str
    start, end : date, optional
        Keep prices and dividends from `start` to `end`, both inclusive. Splits are all kept: share counts
        filed earlier, and prices adjusted later, need them.

    Returns
    -------
    Prices
        Rows without a close are left out; a dividend on such a day moves to the next day with one. Of rows
        with the same date the last with a close counts: during a session Yahoo adds the price of the moment
        to the day's own row.

    Raises
    ------
    NoPrices
        If no row has a close.
    MarketError
        If columns are missing, or the prices were adjusted for dividends.
    """
    flat = _columns_of(frame, symbol)
    flat.index = pd.Index(_dates(flat.index, symbol), name="date")
    priced = np.isfinite(flat["Close"].to_numpy())
    if not priced.any():
        raise NoPrices(f"Yahoo has no prices for {symbol!r}: {len(flat)} rows, none with a close")
    actions = flat[["Dividends", "Stock Splits"]].fillna(0.0).groupby(level="date").max()
    bars = flat[priced].groupby(level="date").tail(1).sort_index()
    kept = bars[_within(bars.index, start, end)]
    findings: list[Finding] = []
    dividend = pd.Series(0.0, index=kept.index)
    paid = actions["Dividends"][actions["Dividends"] != 0.0]
    for date, cash in paid[_within(paid.index, start, end)].items():
        later = kept.index[kept.index >= date]
        if len(later) == 0:
            findings.append(
                _finding(symbol, str(date), "dividend without price", f"{cash:g} a share is left out")
            )
            continue
        dividend[later[0]] += cash
        if later[0] != date:
            findings.append(
                _finding(symbol, str(date), "dividend without price", f"{cash:g} a share moved to {later[0]}")
            )
    if "Capital Gains" in flat and flat["Capital Gains"].fillna(0.0).ne(0.0).any():
        findings.append(
            _finding(
                symbol, "", "capital gains", "distributions of capital gains are not among the dividends"
            )
        )
    table = pd.DataFrame(
        {
            "symbol": symbol,
            "date": kept.index,
            **{name.lower(): kept[name].to_numpy() for name in ("Open", "High", "Low", "Close", "Volume")},
            "dividend": dividend.to_numpy(),
        },
        columns=list(PRICE_COLUMNS),
    )
    ratios = actions["Stock Splits"]
    ratios = ratios[(ratios > 0.0) & (ratios != 1.0)]
    splits = pd.DataFrame({"symbol": symbol, "date": ratios.index, "ratio": ratios.to_numpy()})
    return Prices(table, splits, tuple(findings))


def _finding(symbol: str, date: str, check: str, message: str) -> Finding:
    return Finding("note", check, f"Yahoo: {message}", symbol=symbol, date=date)


def _columns_of(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The symbol's columns as numbers, with dividends and splits even where there were none."""
    flat: pd.DataFrame = frame
    if frame.columns.nlevels == 2:
        level = next((level for level in (0, 1) if symbol in frame.columns.get_level_values(level)), None)
        if level is None:
            raise MarketError(f"Yahoo: the frame has no columns for {symbol!r}")
        flat = frame.loc[:, frame.columns.get_level_values(level) == symbol].droplevel(level, axis=1)
    missing = [name for name in ("Open", "High", "Low", "Close", "Volume") if name not in flat]
    if missing:
        raise MarketError(
            f"Yahoo: {symbol}: no column {', '.join(missing)}; found {', '.join(map(str, flat.columns))}"
        )
    if "Adj Close" not in flat:
        raise MarketError(
            f"Yahoo: {symbol}: no column Adj Close, so the prices are adjusted for dividends; "
            "download them with auto_adjust=False"
        )
    numbers = pd.DataFrame(index=flat.index)
    for name in flat.columns:
        numbers[name] = pd.to_numeric(flat[name], errors="coerce").astype(np.float64)
    for name in ("Dividends", "Stock Splits"):
        if name not in numbers:
            numbers[name] = 0.0
    return numbers


def _dates(index: pd.Index[Any], symbol: str) -> list[str]:
    """ISO dates in the zone of the exchange."""
    try:
        if isinstance(index, pd.DatetimeIndex):
            return [f"{moment:%Y-%m-%d}" for moment in index.tz_localize(None)]
        return [dt.date.fromisoformat(str(label)[:10]).isoformat() for label in index]
    except ValueError as error:
        raise MarketError(f"Yahoo: {symbol}: the index does not hold dates: {error}") from None


def _within(dates: pd.Index[Any], start: dt.date | None, end: dt.date | None) -> Any:
    kept = np.ones(len(dates), dtype=bool)
    if start is not None:
        kept &= dates >= start.isoformat()
    if end is not None:
        kept &= dates <= end.isoformat()
    return kept
