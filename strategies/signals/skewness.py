"""SKEW as a percentile of its own past: a level alone says nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strategies.asof import AsOf
from strategies.signals.reading import Reading, recent

OBSERVATIONS = 252
"""Observations of SKEW in a year."""


def percentile_of(value: float, history: npt.ArrayLike) -> float:
    """Share of `history` below `value`, ties counting half.

    Parameters
    ----------
    value : float
    history : array_like
        NaN is left out.

    Returns
    -------
    float
        Between 0 and 1; NaN without history.

    Examples
    --------
    >>> percentile_of(3.0, [1.0, 2.0, 3.0, 4.0])
    0.625
    """
    known = np.asarray(history, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known) or not np.isfinite(value):
        return float("nan")
    return float(((known < value).sum() + 0.5 * (known == value).sum()) / len(known))


def skew_percentile(see: AsOf, years: int = 5, name: str = "skew", extreme: float = 0.9) -> Reading:
    """Percentile of today's SKEW among the trailing `years`.

    Parameters
    ----------
    see : AsOf
    years : int
    name : str
        Series of the index.
    extreme : float
        Percentile above which the reading leans against holding risk unhedged.

    Returns
    -------
    Reading

    Notes
    -----
    Cboe SKEW Index. Its level has drifted upward: 142 is the 92nd percentile of all days since 1990 and the
    53rd of those since 2021, so only a trailing percentile tells what is unusual.
    """
    history = recent(see, name, OBSERVATIONS * years)
    if isinstance(history, str):
        return Reading.unknown("skew", history)
    share = percentile_of(float(history.iloc[-1]), history.to_numpy())
    why = f"SKEW {history.iloc[-1]:.1f} is the {share:.0%} percentile of {years} years"
    return Reading("skew", share, -1 if share > extreme else 0, why)
