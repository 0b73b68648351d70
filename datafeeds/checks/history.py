"""The reading of a history of figures that is most consistent with itself, as it stood after each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from datafeeds.market import Array

Costs = Callable[[int, int], Array]
"""From the place of a figure, and a place before it, to what a step costs from each figure between them."""


NO_DAY = int(np.iinfo(np.int64).min)
"""Stands among days for none, as NaT does among dates."""

Penalty = Callable[[int, tuple[int, ...]], float]
"""From the place of a figure and the reading before it to what keeping the figure costs."""


def readings(penalty: Penalty, costs: Costs, plain: npt.NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Which figures the most consistent reading keeps, after each figure.

    A reading keeps some of the figures known so far. It costs one for each figure left out, the penalty of
    each kept, and the surprise at each step between neighbours kept; the cheapest counts (found by dynamic
    programming, so each new figure adds to what was worked out before and changes none of it). Of readings
    equally cheap the one that ends with the earlier figure counts: what is in force stays until disproved.

    Parameters
    ----------
    penalty : callable
        Infinite for a figure that can't be kept. Asked for each figure in turn.
    costs : callable
    plain : ndarray of bool, shape (figures,)
        Whether the step to each figure from the one before it costs nothing.

    Returns
    -------
    list of tuple of int
        Places of the figures kept, ascending, after each figure. Empty while none can be kept.
    """
    count = len(plain)
    best = np.full(count, np.inf)
    kept: list[tuple[int, ...]] = [()] * count
    after: list[tuple[int, ...]] = []
    places = np.arange(count)
    for place in range(count):
        least = penalty(place, after[-1] if after else ())
        if np.isfinite(least):
            if after and after[-1][-1:] == (place - 1,) and least == 0 and plain[place]:
                # Nothing speaks against the figure, so no reading can be cheaper.
                best[place], kept[place] = best[place - 1], (*after[-1], place)
                after.append(kept[place])
                continue
            reached = best[:place] + costs(place, 0) + (place - 1 - places[:place])
            before = int(np.argmin(reached)) if place else -1
            best[place] = place + least
            kept[place] = (place,)
            if before >= 0 and reached[before] + least <= best[place]:
                best[place] = reached[before] + least
                kept[place] = (*kept[before], place)
        total = best[: place + 1] + (place - places[: place + 1])
        end = int(np.argmin(total))
        after.append(kept[end] if np.isfinite(total[end]) else ())
    return after


def intervals(
    days: npt.NDArray[np.int64], after: list[tuple[int, ...]], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """From which day each figure is kept, and from which no longer.

    Parameters
    ----------
    days : ndarray of int, shape (readings,)
        Day of each reading, ascending.
    after : list of tuple of int
        The readings.
    count : int
        Number of figures.

    Returns
    -------
    known, withdrawn : ndarray of int, shape (figures,)
        `NO_DAY` for never. A figure once withdrawn stays so.
    """
    known, withdrawn = np.full((2, count), NO_DAY)
    held: set[int] = set()
    before: tuple[int, ...] = ()
    for day, reading in zip(days.tolist(), after, strict=True):
        longer = reading[: len(before)] == before  # nearly always: only what is new needs a look
        new = {place for place in reading[len(before) * longer :] if withdrawn[place] == NO_DAY} - held
        gone = set() if longer else held - set(reading)
        known[list(new)] = day
        withdrawn[list(gone)] = day
        held, before = (held | new) - gone, reading
    return known, withdrawn


def step_costs(sizes: Array, steps: tuple[tuple[float, float], ...]) -> Array:
    """What steps of some size cost, by a table of ratios up to which a step costs so much; beyond, infinite.

    Parameters
    ----------
    sizes : ndarray
        Absolute differences of logarithms.
    steps : tuple of (float, float)
        Ratio and cost, ascending.
    """
    ratios, costs = np.array(steps).T
    return np.append(costs, np.inf)[np.searchsorted(np.log(ratios), sizes)]
