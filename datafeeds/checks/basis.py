"""The split basis of prices, read from the prices themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from datafeeds.market import Array, Dates, Finding

CENTS_SESSIONS = 60
"""Sessions whose closes show the split basis; see `check_split_basis`."""


def check_split_basis(
    sessions: Dates, symbols: tuple[str, ...], close: Array, splits: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Find splits after the last session that prices are adjusted for but the table does not list.

    Prices downloaded later than their last session are adjusted for splits in between too. Filed share
    counts are not, and the market value would be off by the ratio. But US stocks trade in whole cents, so
    where a symbol's last `CENTS_SESSIONS` adjusted closes are whole cents only after multiplying by some
    whole number, that number is the ratio of the splits that came later.

    Parameters
    ----------
    sessions, symbols, close
        As for `check_prices`; closes adjusted for splits, not for dividends.
    splits : DataFrame
        Columns symbol, date, ratio.

    Returns
    -------
    splits : DataFrame
        With one row added for every ratio found beyond the listed splits, dated the day after the last
        session.
    findings : tuple of Finding
        One suspicion for each row added.
    """
    listed = splits.assign(date=pd.to_datetime(splits["date"]))
    day = pd.Timestamp(sessions[-1]) + pd.Timedelta(days=1)
    known = listed[listed["date"] >= day].groupby("symbol")["ratio"].prod()
    newest = listed[listed["date"] < day].groupby("symbol")["date"].max()
    added, findings = [], []
    for column, symbol in enumerate(symbols):
        last = np.datetime64(newest.get(symbol, pd.Timestamp(sessions[0])), "D")
        recent = close[max(len(sessions) - CENTS_SESSIONS, int(np.searchsorted(sessions, last))) :, column]
        later = whole_cents_ratio(recent[np.isfinite(recent)])
        ratio = later / float(known.get(symbol, 1.0))
        if later > 1 and ratio != 1.0:
            added.append((symbol, day, ratio))
            findings.append(
                Finding(
                    "suspicion",
                    "split basis",
                    f"the closes are whole cents only when multiplied by {later}, so they are adjusted for a "
                    f"later split that the splits table does not list; shares are carried by {ratio:g} to "
                    "match",
                    symbol=symbol,
                    date=str(sessions[-1]),
                )
            )
    extra = pd.DataFrame(added, columns=["symbol", "date", "ratio"])
    return (pd.concat([listed, extra], ignore_index=True) if added else listed), tuple(findings)


def whole_cents_ratio(close: Array, largest: int = 60) -> int:
    """Smallest whole number that makes all `close` whole cents, up to the precision of 32-bit prices.

    Parameters
    ----------
    close : ndarray, shape (sessions,)
    largest : int
        Largest ratio to try.

    Returns
    -------
    int
        1 if the closes are whole cents already, or if no ratio fits (prices adjusted for a spin-off, say).
    """
    if len(close) < CENTS_SESSIONS // 2:
        return 1
    cents = close[:, None] * np.arange(1, largest + 1) * 100.0
    # A 32-bit price is good to 6e-8 of itself; sources also round to six decimals.
    tolerance = 2e-7 * cents + 1e-4 * np.arange(1, largest + 1)
    whole = np.abs(cents - np.round(cents)) <= tolerance
    usable = tolerance.max(axis=0) < 0.1
    fits = np.flatnonzero(usable & (whole.mean(axis=0) > 0.98))
    ratio = int(fits[0]) + 1 if len(fits) else 1
    # After a split of n for one, only one close in n is whole cents by itself. More are, where now and then a
    # price is quoted in parts of a cent, as under a dollar or at the midpoint.
    return ratio if whole[:, 0].mean() < 1.0 / ratio + 0.2 else 1
