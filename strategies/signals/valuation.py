"""What hardware costs against the software norm, and when its growth premium is back to normal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from strategies.asof import AsOf, once_a_session
from strategies.signals.quarters import Array

YEAR = 252
"""Sessions in a year."""


NORM_YEARS = 5
"""Years behind the software norm, unless a strategy asks for others."""


@once_a_session
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
    known = pd.Series(np.where(np.isfinite(medians), medians, np.nan))
    if least > YEAR * years:
        return np.full(len(known), np.nan)
    return known.rolling(YEAR * years, min_periods=least).median().to_numpy()


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
    cuts = [_cut(multiple, norm, most) for multiple in price_to_sales.tolist()]
    return pd.Series(cuts, index=price_to_sales.index, name="cut", dtype=float)


def known_cuts(price_to_sales: Mapping[str, float], norm: float, most: float = 1.0) -> dict[str, float]:
    """The same numbers as `valuation_cut`, where they are known, without pandas."""
    return {
        name: cut for name, multiple in price_to_sales.items() if (cut := _cut(multiple, norm, most)) >= 0
    }


def _cut(price_to_sales: float, norm: float, most: float) -> float:
    if price_to_sales <= norm:
        return 0.0
    times = price_to_sales / norm if norm else price_to_sales * math.inf
    return min(times - 1.0, most)  # NaN stays, as the first of the two
