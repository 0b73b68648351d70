"""Signals: small pure functions of what is known today.

Functions that take `see` read it through `AsOf` only; the others take plain numbers, so that each formula
can be checked by hand. Unknown is NaN throughout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.asof import AsOf

Array = npt.NDArray[np.float64]

YEAR = 252
"""Sessions in a year."""

LONGEST_QUARTER = 66
"""No calendar quarter has more sessions."""

KNOWN_SHARE = 0.8
"""A statistic over a window of quarters needs this share of them."""


def universe(see: AsOf) -> list[str]:
    """The stocks that trade today, of whatever group."""
    return see.members(kind="stock")


def cap_weights(see: AsOf, symbols: Iterable[str] | None = None) -> pd.Series[float]:
    """Weights in proportion to market capitalisation.

    Parameters
    ----------
    see : AsOf
    symbols : iterable of str, optional
        Only these; `universe` if not given.

    Returns
    -------
    Series
        Indexed by symbol, adds to 1. Symbols whose market cap is unknown are left out; empty if none is
        known.
    """
    caps = see.latest("market_cap", symbols=universe(see) if symbols is None else symbols)
    known = caps[caps > 0]
    return (known / known.sum()).rename("weight")


def equal_weights(symbols: Iterable[str]) -> pd.Series[float]:
    """The same weight for each of `symbols`, adding to 1."""
    names = list(symbols)
    return pd.Series(1.0 / len(names) if names else 0.0, index=names, name="weight", dtype=float)


def yield_weights(yields: pd.Series[float]) -> pd.Series[float]:
    """Weights in proportion to a yield, adding to 1.

    A symbol whose yield is unknown gets the equal share; the others divide the rest in proportion to their
    yields, a negative yield counting as zero. If no known yield is positive, all get the equal share.

    Examples
    --------
    >>> yield_weights(pd.Series({"JNJ": 0.06, "PFE": 0.02, "UNH": float("nan")})).round(3).to_dict()
    {'JNJ': 0.5, 'PFE': 0.167, 'UNH': 0.333}
    """
    weights = equal_weights(yields.index)
    known = yields.notna().to_numpy()
    earned = np.maximum(yields.to_numpy()[known], 0.0)
    if earned.sum() > 0:
        weights[known] = earned / earned.sum() * known.mean()
    return weights


def row_medians(values: Array) -> Array:
    """Median of each row, leaving NaN out; NaN for a row without any number.

    The same numbers as ``np.nanmedian(values, axis=1)``, without its loop over rows.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)

    Returns
    -------
    ndarray, shape (rows,)
    """
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = np.isfinite(ordered).sum(axis=1)
    row = np.arange(len(values))
    low = ordered[row, np.maximum(count - 1, 0) // 2]
    high = ordered[row, np.minimum(count // 2, values.shape[1] - 1)]
    medians: Array = np.where(count > 0, (low + high) / 2.0, np.nan)
    return medians


def software_norm(see: AsOf, years: int = 5, group: str = "software", least: int = YEAR) -> float:
    """What the market usually pays for a dollar of software revenue.

    Median over the trailing `years` of the group's cross-sectional median price-to-sales, each day's as it
    was known that day, over the members that the group had that day.

    Parameters
    ----------
    see : AsOf
    years : int
        Length of the trailing window, in years of 252 sessions.
    group : str
        The software group.
    least : int
        Sessions with a known median that it takes to speak of a norm.

    Returns
    -------
    float
        A multiple of sales; NaN while fewer than `least` sessions are known.

    Notes
    -----
    The median of Damodaran's software industry was 8.2 in January 2020 and 11.2 in January 2025.
    """
    daily = see.group_median("price_to_sales", YEAR * years, group).to_numpy()
    known = daily[np.isfinite(daily)]
    return float(np.median(known)) if len(known) >= least else float("nan")


def valuation_cut(price_to_sales: pd.Series[float], norm: float, most: float = 1.0) -> pd.Series[float]:
    """Share of each holding to cut: ``clip(price_to_sales / norm - 1, 0, most)``.

    Parameters
    ----------
    price_to_sales : Series
        Multiples of sales by symbol, NaN where unknown.
    norm : float
        The software norm, NaN if unknown.
    most : float
        Largest cut.

    Returns
    -------
    Series
        Between 0 (at or below the norm) and `most` (at twice the norm, if `most` is 1); NaN where either
        number is unknown.

    Examples
    --------
    >>> valuation_cut(pd.Series({"AMD": 11.2, "MU": 3.0}), norm=8.4).round(3).to_dict()
    {'AMD': 0.333, 'MU': 0.0}
    """
    cut = np.clip(price_to_sales.to_numpy() / norm - 1.0, 0.0, most)
    return pd.Series(cut, index=price_to_sales.index, name="cut")


@dataclass(frozen=True)
class Realignment:
    """Whether hardware's growth premium over software is back to normal.

    Attributes
    ----------
    scores : tuple of float
        z-score of the growth gap at each of the latest quarter ends, oldest first; NaN where history is too
        short.
    realigned : bool
        Whether all of them lie within the limit. Unknown is not realigned.
    why : str
        The finding in words.
    """

    scores: tuple[float, ...]
    realigned: bool
    why: str


def realignment(
    see: AsOf,
    hardware: str = "ai_hardware",
    software: str = "software",
    *,
    window: int = 20,
    quarters: int = 2,
    limit: float = 0.5,
) -> Realignment:
    """Compare hardware's expected growth with software's, quarter by quarter.

    The growth gap of a quarter is hardware's median revenue growth (consensus ``forward_revenue_growth`` for
    the companies that have it, trailing-twelve-month ``revenue_growth`` for the rest) minus software's median
    trailing growth, both as known at the quarter's last session.

    Parameters
    ----------
    see : AsOf
    hardware, software : str
        Names of the two groups.
    window : int
        Quarters over which a gap is standardised.
    quarters : int
        Consecutive quarters that must lie within `limit`.
    limit : float
        Largest absolute z-score that counts as normal.

    Returns
    -------
    Realignment
    """
    sessions = LONGEST_QUARTER * (window + quarters)
    growth = see.history("revenue_growth", sessions, group=hardware)
    ends = quarter_ends(growth.index)
    expected = growth.to_numpy()[ends]
    if see.has("forward_revenue_growth"):
        forward = see.history("forward_revenue_growth", sessions, group=hardware).to_numpy()[ends]
        expected = np.where(np.isfinite(forward), forward, expected)
    realised = see.history("revenue_growth", sessions, group=software).to_numpy()[ends]
    gaps = row_medians(expected) - row_medians(realised)
    scores = gap_scores(gaps, window, quarters)
    return _verdict(gaps, scores, window, limit)


def _verdict(gaps: Array, scores: tuple[float, ...], window: int, limit: float) -> Realignment:
    if not np.isfinite(scores).all():
        known = int(np.isfinite(gaps[-window:]).sum())
        return Realignment(scores, False, f"growth gap unknown: {known} of {window} quarters on record")
    realigned = all(abs(score) < limit for score in scores)
    words = "realigned" if realigned else "not realigned"
    latest = ", ".join(f"{score:.2f}" for score in scores)
    return Realignment(scores, realigned, f"growth gap {gaps[-1]:+.0%}, z by quarter {latest}: {words}")


def gap_scores(gaps: Array, window: int = 20, quarters: int = 2) -> tuple[float, ...]:
    """z-score of each of the last `quarters` gaps among the `window` gaps that end with it.

    Parameters
    ----------
    gaps : ndarray, shape (n,)
        One number a quarter, oldest first, NaN where unknown.

    Returns
    -------
    tuple of float
        Sample standard deviation in the denominator; 0 if the gap never changed; NaN where the gap itself or
        more than a fifth of its window is unknown.
    """
    return tuple(_last_score(gaps[: len(gaps) - back], window) for back in reversed(range(quarters)))


def _last_score(gaps: Array, window: int) -> float:
    known = gaps[-window:]
    known = known[np.isfinite(known)]
    if len(known) < max(2, KNOWN_SHARE * window) or not np.isfinite(gaps[-1]):
        return float("nan")
    spread = float(known.std(ddof=1))
    distance = float(gaps[-1] - known.mean())
    return distance / spread if spread > 1e-12 else 0.0


def quarter_ends(days: pd.Index) -> npt.NDArray[np.intp]:
    """Positions of the sessions that end a calendar quarter.

    Parameters
    ----------
    days : DatetimeIndex
        Consecutive sessions; the last is today.

    Returns
    -------
    ndarray of int
        Today counts when the next weekday lies in another quarter. (When a holiday ends the quarter, as Good
        Friday did on 2024-03-29, that quarter counts from the first session of the next.)
    """
    dates = np.asarray(days, dtype="datetime64[D]")
    tomorrow = np.busday_offset(dates[-1] + 1, 0, roll="forward")
    quarter = np.append(dates, tomorrow).astype("datetime64[M]").astype(np.int64) // 3
    return np.flatnonzero(quarter[:-1] != quarter[1:])


def pricing_power(margins: pd.DataFrame) -> pd.Series[float]:
    """Which companies hold a high gross margin steadily.

    Pricing power = mean gross margin over the window at or above the sector's median, and its coefficient of
    variation (standard deviation / mean) at or below the sector's median.

    Parameters
    ----------
    margins : DataFrame, shape (quarters, symbols)
        Gross margin of the companies of one sector, a row each quarter, NaN where unknown.

    Returns
    -------
    Series
        1 where a company has pricing power, 0 where it does not, NaN where more than a fifth of its quarters
        is unknown. The medians are those of the known companies.
    """
    enough = margins.notna().sum() >= max(2, KNOWN_SHARE * len(margins))
    level = margins.mean().where(enough)
    variation = (margins.std(ddof=1) / level).where(level > 0)
    strong = (level >= level.median()) & (variation <= variation.median())
    return strong.astype(float).where(enough)


def quarterly_history(see: AsOf, fact: str, quarters: int, symbols: Iterable[str]) -> pd.DataFrame:
    """A fact at the latest `quarters` quarter ends, each row as it was known then.

    Returns
    -------
    DataFrame, shape (quarters, symbols)
        The rows that the market does not reach back to are NaN.
    """
    frame = see.history(fact, LONGEST_QUARTER * (quarters + 1), symbols=symbols)
    ends = quarter_ends(frame.index)[-quarters:]
    values = np.full((quarters, frame.shape[1]), np.nan)
    values[quarters - len(ends) :] = frame.to_numpy()[ends]
    return pd.DataFrame(values, columns=frame.columns)


def listed(words: Iterable[str], most: int = 6) -> str:
    """Some words in a row, no more than `most` of them.

    Examples
    --------
    >>> listed(["AMD", "NVDA", "MU"], most=2)
    'AMD, NVDA and 1 more'
    """
    rest = list(words)
    more = f" and {len(rest) - most} more" if len(rest) > most else ""
    return ", ".join(islice(rest, most)) + more
