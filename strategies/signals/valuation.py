"""What hardware costs against the software norm, and when its growth premium is back to normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.quarters import KNOWN_SHARE, LONGEST_QUARTER, Array, quarter_ends, row_medians

YEAR = 252
"""Sessions in a year."""


NORM_YEARS = 5
"""Years behind the software norm, unless a strategy asks for others."""


def software_norm(see: AsOf, years: int = NORM_YEARS, group: str = "software", least: int = YEAR) -> float:
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
    medians = see.group_median("price_to_sales", YEAR * years, group)
    return norm_of(np.asarray(medians, dtype=np.float64), least)


def norm_of(medians: Array, least: int = YEAR) -> float:
    """The norm of one window of daily medians, NaN while fewer than `least` of them are known."""
    known = medians[np.isfinite(medians)]
    return float(np.median(known)) if len(known) >= least else float("nan")


def software_norms(medians: Array, years: int = NORM_YEARS, least: int = YEAR) -> Array:
    """The norm at every session, for those who look back on a whole market; see `software_norm`.

    Parameters
    ----------
    medians : ndarray, shape (sessions,)
        The software group's median price-to-sales as known each day, NaN where unknown.
    years, least : int

    Returns
    -------
    ndarray, shape (sessions,)
    """
    window = YEAR * years
    ends = range(1, len(medians) + 1)
    return np.array([norm_of(medians[max(0, end - window) : end], least) for end in ends])


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
