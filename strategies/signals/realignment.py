"""When hardware's premium is back to what it should be: four ways to say so, two quarters running."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from strategies.asof import AsOf, once_a_session
from strategies.signals.quarters import KNOWN_SHARE, LONGEST_QUARTER, Array, quarter_ends, row_medians
from strategies.signals.valuation import YEAR, software_norms

Exit = Literal["level", "z", "one_sided", "norm"]
"""How realignment is told; see `Terms`."""


@dataclass(frozen=True)
class Terms:
    """What counts as realigned.

    Attributes
    ----------
    exit : {"level", "z", "one_sided", "norm"}
        ``level``: hardware's growth is within `points` of software's. ``z``: the gap between them is within
        `limit` standard deviations of its own mean over `window` quarters. ``one_sided``: it is no more than
        that above it. ``norm``: price-to-sales itself is back at or below the software norm.
    points : float
        As a fraction: 0.05 is five percentage points of growth a year.
    limit : float
    window : int
        Quarters over which a gap is standardised.
    quarters : int
        Consecutive quarters in which it must hold.
    least : int
        Companies of each side that must have reported; all of them where a side has fewer.
    norm_years, norm_sessions : int
        Of the software norm.
    """

    exit: Exit = "z"
    points: float = 0.05
    limit: float = 0.5
    window: int = 20
    quarters: int = 2
    least: int = 3
    norm_years: int = 5
    norm_sessions: int = YEAR

    @property
    def latest(self) -> int:
        """Quarters of growth that the exit looks at."""
        return self.quarters if self.exit == "level" else self.window + self.quarters - 1


@dataclass(frozen=True)
class Realignment:
    """Whether hardware's premium is back to normal.

    Attributes
    ----------
    scores : tuple of float
        What the exit looks at, at each of the latest quarter ends, oldest first; NaN where unknown.
    realigned : bool
        Whether it holds for all of them. Unknown is not realigned.
    why : str
        The finding in words.
    """

    scores: tuple[float, ...]
    realigned: bool
    why: str


def realignment(see: AsOf, weights: Mapping[str, float], software: str, terms: Terms) -> Realignment:
    """Whether hardware's premium has been normal for some quarters, as each of them was known at its end.

    Parameters
    ----------
    see : AsOf
    weights : mapping of str to float
        Hardware names that are measured, with the weight of each: what is cut of it.
    software : str
        Name of the group.
    terms : Terms
    """
    if not weights:
        return Realignment((), False, "nothing to measure")
    if terms.exit == "norm":
        return _back_at_norm(see, weights, software, terms)
    gaps, stand_in = growth_gaps(see, weights, software, terms)
    if terms.exit == "level":
        latest = gaps.tolist()
        level = [abs(gap) <= terms.points for gap in latest]
        return _verdict(latest, level, f"growth gap{stand_in} by quarter", "{:+.0%}", terms.quarters)
    scores = gap_scores(gaps, terms.window, terms.quarters)
    if not all(map(math.isfinite, scores)):
        known = int(np.isfinite(gaps[-terms.window :]).sum())
        return Realignment(scores, False, f"growth gap unknown: {known} of {terms.window} quarters on record")
    measured = scores if terms.exit == "one_sided" else map(abs, scores)
    within = [score < terms.limit for score in measured]
    return _verdict(scores, within, f"growth gap{stand_in} {gaps[-1]:+.0%}, z by quarter", "{:.2f}")


def growth_gaps(see: AsOf, weights: Mapping[str, float], software: str, terms: Terms) -> tuple[Array, str]:
    """Hardware's expected growth of revenue less software's realised, at each quarter end, and a remark.

    Hardware's is the mean by weight of consensus ``forward_revenue_growth`` where a company has it, and of
    trailing ``revenue_growth`` where it stands in; software's is the median of trailing growth. NaN where
    fewer than `Terms.least` of either side have reported.

    Returns
    -------
    ndarray, shape (quarters,)
    str
        Says so where trailing growth stands in today.
    """
    expected, stand_in = _expected(see, tuple(weights), terms.latest)
    ours = weighted_mean(expected, np.array(list(weights.values())), min(terms.least, len(weights)))
    theirs = _realised(see, software, terms.latest, terms.least)
    return np.asarray(ours - theirs, dtype=np.float64), stand_in


@once_a_session
def _expected(see: AsOf, names: tuple[str, ...], quarters: int) -> tuple[Array, str]:
    """Growth expected of each name at the latest quarter ends, and what stood in for it today."""
    sessions = LONGEST_QUARTER * (quarters + 1)
    ends = quarter_ends(see.arrays.sessions(sessions))[-quarters:]
    expected = see.arrays.history("revenue_growth", sessions, names)[ends]
    stand_in = " (trailing growth for forward)"
    if see.has("forward_revenue_growth"):
        forward = see.arrays.history("forward_revenue_growth", sessions, names)[ends]
        expected = np.where(np.isfinite(forward), forward, expected)
        lacking = int((~np.isfinite(forward[-1:])).sum())
        stand_in = f" (trailing growth for forward of {lacking})" if lacking else ""
    expected.setflags(write=False)
    return expected, stand_in


@once_a_session
def _realised(see: AsOf, software: str, quarters: int, least: int) -> Array:
    """Median growth of software at the latest quarter ends; NaN where fewer than `least` reported."""
    sessions = LONGEST_QUARTER * (quarters + 1)
    ends = quarter_ends(see.arrays.sessions(sessions))[-quarters:]
    growth = see.arrays.history("revenue_growth", sessions, see.members(software))[ends]
    enough = np.isfinite(growth).sum(axis=1) >= min(least, growth.shape[1])
    medians = np.where(enough, row_medians(growth), np.nan)
    medians.setflags(write=False)
    return medians


def forward_limits(see: AsOf, sessions: int, group: str) -> tuple[str, ...]:
    """That trailing growth stands in for forward revenue growth, and how often, over the trailing sessions.

    Returns
    -------
    tuple of str
        One sentence; empty where every growth that is known is forward.
    """
    why = (
        "Forward revenue growth, which the rule asks for, is missing{where}: growth over the past year "
        "stands in for it, so the exit looks back where the rule looks ahead."
    )
    if not see.has("forward_revenue_growth"):
        return (why.format(where=" (no estimates.csv)"),)
    trailing, forward = (
        see.history(fact, sessions, group=group).notna().to_numpy()
        for fact in ("revenue_growth", "forward_revenue_growth")
    )
    known = int((trailing | forward).sum())
    missing = int((trailing & ~forward).sum())
    if not missing:
        return ()
    return (why.format(where=f" on {missing / known:.0%} of the days on which a company's growth is known"),)


def weighted_mean(values: Array, weights: Array, least: int) -> Array:
    """Mean of each row by weight over what is known; NaN where less than `least` are."""
    known = np.isfinite(values) & (weights > 0)
    if known.shape[1] >= max(least, 1) and known.all():  # nothing to leave out
        whole = np.add.reduce(weights * values, axis=1) / np.add.reduce(weights)
        return np.asarray(whole, dtype=np.float64)
    counted = np.where(known, weights, 0.0)
    total = np.add.reduce(counted, axis=1)
    mean = np.add.reduce(counted * np.where(known, values, 0.0), axis=1)
    enough = np.add.reduce(known, axis=1) >= max(least, 1)
    return np.asarray(np.where(enough, mean / np.where(enough, total, 1.0), np.nan), dtype=np.float64)


def _back_at_norm(see: AsOf, weights: Mapping[str, float], software: str, terms: Terms) -> Realignment:
    sessions = LONGEST_QUARTER * (terms.quarters + 1)
    multiples = see.history("price_to_sales", sessions, symbols=weights)
    ends = quarter_ends(multiples.index)[-terms.quarters :]
    daily = see.group_median("price_to_sales", sessions + YEAR * terms.norm_years, software)
    norms = software_norms(np.asarray(daily, dtype=np.float64), terms.norm_years, terms.norm_sessions)
    norm = pd.Series(norms, index=daily.index).reindex(multiples.index).to_numpy()[ends]
    sizes = np.array(list(weights.values()))
    ratios = weighted_mean(multiples.to_numpy()[ends] / norm[:, None], sizes, min(terms.least, len(sizes)))
    back = [ratio <= 1.0 for ratio in ratios.tolist()]
    return _verdict(ratios.tolist(), back, "P/S over the norm by quarter", "{:.2f}", terms.quarters)


def _verdict(
    values: Sequence[float], holds: Sequence[bool], what: str, form: str, quarters: int = 1
) -> Realignment:
    if len(values) < quarters or not all(map(math.isfinite, values)):
        return Realignment(tuple(values), False, f"{what} unknown: too few reported")
    realigned = all(holds)
    latest = ", ".join(form.format(value) for value in values)
    words = "realigned" if realigned else "not realigned"
    return Realignment(tuple(values), realigned, f"{what} {latest}: {words}")


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
    # By hand: NumPy's own std and mean take six times as long on so few numbers, and add in the same order.
    mean = np.add.reduce(known) / len(known)
    away = known - mean
    spread = math.sqrt(np.add.reduce(away * away) / (len(known) - 1))
    return float(gaps[-1] - mean) / spread if spread > 1e-12 else 0.0
