"""Whether the best configuration stands among others as good, or alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.significance import spread_exceeds_noise
from backtests.settings.sweep import RankedBy
from backtests.sweeps.measures import best_of, score
from backtests.sweeps.wording import label, number, short
from datafeeds.market import Array

BROAD, NARROW = 2 / 3, 1 / 3
"""Shares of close neighbours from which on, and up to which, the best is called a plateau or a spike."""

LEAST_NEIGHBOURS = 8
"""How many of the nearest draws count as neighbours, at least."""

MOST_COMPARED = 1000
"""Configurations whose returns are compared with one another; of more, evenly spaced ones and the best."""


@dataclass(frozen=True)
class Plateau:
    """The surroundings of the best configuration.

    Attributes
    ----------
    best : int
        Its row.
    value : float
        Its value of the metric.
    metric : RankedBy
    within : float
        How far below the best a close one may be, as a share of it.
    neighbours, close, identical : int
        Configurations next to it; those that come within; those with the same returns to the last bit.
    edges : tuple of str
        Keys of which it has the first or last value that was tried.
    lowest, highest : float
        Of the metric over all configurations.
    differ : bool
        Whether the results differ by more than noise; else nothing can be said of where the best stands.
    """

    best: int
    value: float
    metric: RankedBy
    within: float
    neighbours: int
    close: int
    identical: int
    edges: tuple[str, ...]
    lowest: float
    highest: float
    differ: bool

    @property
    def share(self) -> float:
        """Close neighbours among all; NaN without neighbours."""
        return self.close / self.neighbours if self.neighbours else float("nan")

    @property
    def verdict(self) -> str:
        """One of: a plateau, a slope, a spike, alone, no difference."""
        if not self.neighbours:
            return "alone"
        if not self.differ:
            return "no difference"
        return "a plateau" if self.share >= BROAD else "a spike" if self.share <= NARROW else "a slope"

    def sentence(self) -> str:
        """Say it in words."""
        if not self.neighbours:
            return (
                "The best configuration has no neighbours: nothing says whether it is a plateau or a spike."
            )
        meaning = {
            "a plateau": "The best configuration is a plateau: what is near it does about as well.",
            "a slope": "The best configuration lies on a slope: some of what is near it does about as well.",
            "a spike": "The best configuration is a spike: what is near it does worse, as with luck.",
            "no difference": "These parameters do not matter: the results differ by no more than noise would "
            "make them.",
        }[self.verdict]
        counted = (
            f" {self.close} of its {self.neighbours} neighbours ({self.share:.0%}) come within "
            f"{self.within:.0%} of its {label(self.metric)} of {number(self.value, self.metric)}; "
            f"all configurations lie between {number(self.lowest, self.metric)} and "
            f"{number(self.highest, self.metric)}."
        )
        same = (
            f" {self.identical} of them {'holds' if self.identical == 1 else 'hold'} exactly the same "
            "portfolio, so a parameter there has no effect."
            if self.identical
            else ""
        )
        edge = (
            f" It has the first or last value tried of {', '.join(map(short, self.edges))}; better ones "
            "may lie beyond."
            if self.edges
            else ""
        )
        return meaning + counted + same + edge


def plateau(
    parameters: pd.DataFrame, values: Array, returns: Array, metric: RankedBy, within: float, is_grid: bool
) -> Plateau:
    """Look around the best configuration.

    Parameters
    ----------
    parameters : DataFrame
        A row each configuration, a column each swept parameter.
    values : ndarray, shape (configurations,)
        The metric.
    returns : ndarray, shape (configurations, n)
        Daily returns.
    metric : RankedBy
    within : float
    is_grid : bool
        Whether neighbours are one step away in any of the parameters (another word or yes/no is one step);
        else they are the nearest draws.

    Returns
    -------
    Plateau
    """
    best = best_of(values, metric)
    columns = [parameters[key] for key in parameters]
    near = _steps_away(columns, best) if is_grid else _nearest(columns, best)
    ours = score(values, metric)
    close = ours[near] >= ours[best] - within * abs(ours[best])
    same = sum(bool(np.array_equal(returns[row], returns[best])) for row in near)
    edges = tuple(str(column.name) for column in columns if is_grid and _at_edge(column, best))
    return Plateau(
        best=best,
        value=float(values[best]),
        metric=metric,
        within=within,
        neighbours=len(near),
        close=int(close.sum()),
        identical=same,
        edges=edges,
        lowest=float(np.nanmin(values)),
        highest=float(np.nanmax(values)),
        differ=spread_exceeds_noise(_compared(returns, best)),
    )


def _compared(returns: Array, best: int) -> Array:
    rows = np.linspace(0, len(returns) - 1, min(len(returns), MOST_COMPARED)).astype(np.intp)
    return np.asarray(returns[np.unique(np.append(rows, best))])


def is_ordered(column: pd.Series[Any]) -> bool:
    """Whether a parameter's values are numbers, so that some lie between others."""
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _ranks(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    return column.rank(method="dense").to_numpy().astype(np.int64)


def _steps_away(columns: Sequence[pd.Series[Any]], best: int) -> npt.NDArray[np.intp]:
    near = np.ones(len(columns[0]), dtype=np.bool_)
    for column in columns:
        if is_ordered(column):
            ranks = _ranks(column)
            near &= np.abs(ranks - ranks[best]) <= 1
    near[best] = False
    return np.flatnonzero(near)


def _nearest(columns: Sequence[pd.Series[Any]], best: int) -> npt.NDArray[np.intp]:
    distance = np.zeros(len(columns[0]))
    for column in columns:
        if is_ordered(column):
            share = column.rank(pct=True).to_numpy(dtype=np.float64)
            distance += (share - share[best]) ** 2
        else:
            distance += (column != column.iloc[best]).to_numpy(dtype=np.float64)
    order = np.argsort(distance, kind="stable")
    order = order[order != best]
    nearest: npt.NDArray[np.intp] = order[: max(2 * len(columns), LEAST_NEIGHBOURS)]
    return nearest


def _at_edge(column: pd.Series[Any], best: int) -> bool:
    if not is_ordered(column):
        return False
    ranks = _ranks(column)
    return bool(ranks.max() > 1 and ranks[best] in (1, ranks.max()))
