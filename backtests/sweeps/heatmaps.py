"""What two parameters do together: the slices through the best configuration that move the metric most."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.document.blocks import HeatMap
from backtests.settings.sweep import RankedBy
from backtests.sweeps.measures import table_metrics
from backtests.sweeps.plateau import is_ordered
from backtests.sweeps.wording import number, plain, short
from datafeeds.market import Array

MOST_SLICES = 3
"""Maps on the page."""

MOST_PARAMETERS = 6
"""Pairs are made of so many parameters: those whose values matter most."""

LEAST_SPAN = 0.1
"""Span of the scale of shades, at least, as a share of the largest value."""

MOST_VALUES = 10
"""More values than these are gathered into bins of about as many configurations each."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The values of a parameter along a side of a map.

    Attributes
    ----------
    key : str
    labels : tuple of str
        Low to high; one each place.
    place : ndarray of int, shape (configurations,)
        Where each configuration stands.
    """

    key: str
    labels: tuple[str, ...]
    place: Any

    def medians(self, values: Array) -> Array:
        """Median of `values` at each place, shape (places,); NaN where there is none."""
        found = pd.Series(values).groupby(self.place).median()
        return found.reindex(range(len(self.labels))).to_numpy(dtype=np.float64)


def axis(column: pd.Series[Any]) -> Axis:
    """The places of a parameter: its values, or bins of them where there are many."""
    key = str(column.name)
    known = sorted(column.unique()) if is_ordered(column) else list(dict.fromkeys(column))
    if not is_ordered(column) or len(known) <= MOST_VALUES:
        position = {value: place for place, value in enumerate(known)}
        return Axis(key, tuple(plain(value) for value in known), column.map(position).to_numpy(dtype=np.intp))
    bins, bounds = pd.qcut(column, MOST_VALUES - 2, labels=False, retbins=True, duplicates="drop")
    labels = tuple(f"{plain(float(low))} to {plain(float(high))}" for low, high in itertools.pairwise(bounds))
    return Axis(key, labels, bins.to_numpy(dtype=np.intp))


def effects(axes: Sequence[Axis], values: Array) -> dict[str, tuple[float, float]]:
    """Lowest and highest median of the metric over each parameter's places, widest first."""
    found = {}
    for each in axes:
        medians = each.medians(values)
        if np.isfinite(medians).any():
            found[each.key] = (float(np.nanmin(medians)), float(np.nanmax(medians)))
    return dict(sorted(found.items(), key=lambda item: item[1][0] - item[1][1]))


def grid_of(across: Axis, up: Axis, values: Array) -> Array:
    """Median of `values` by the places of two parameters, shape (places up, places across)."""
    table = pd.Series(values).groupby([up.place, across.place]).median().unstack()
    return table.reindex(index=range(len(up.labels)), columns=range(len(across.labels))).to_numpy(
        dtype=np.float64
    )


def slices(
    parameters: pd.DataFrame, values: Array, metric: RankedBy, best: int, is_grid: bool
) -> tuple[HeatMap, ...]:
    """Maps of the pairs of parameters that move the metric most, the widest range first.

    Parameters
    ----------
    parameters : DataFrame
        A row each configuration, a column each swept parameter.
    values : ndarray, shape (configurations,)
        The metric; NaN is left out.
    metric : RankedBy
    best : int
        Row of the best configuration, framed on each map.
    is_grid : bool
        Whether every other parameter is held at the best configuration's value; else, as draws rarely
        share a value, a place shows the median over all others.

    Returns
    -------
    tuple of HeatMap
        At most `MOST_SLICES`, on one scale; a single parameter gives one row, none gives none.
    """
    varying = {key: axis(parameters[key]) for key in parameters if parameters[key].nunique() > 1}
    axes = [varying[key] for key in effects(list(varying.values()), values)][:MOST_PARAMETERS]
    if not axes:
        return ()
    alone = Axis("", ("",), np.zeros(len(values), dtype=np.intp))
    found = []
    for across, down in itertools.combinations(axes, 2) if len(axes) > 1 else [(axes[0], alone)]:
        others = [varying[key] for key in varying if key not in (across.key, down.key)] if is_grid else []
        through = np.all([each.place == each.place[best] for each in others], axis=0) if others else True
        found.append((across, down, grid_of(across, down, np.where(through, values, np.nan))))
    found.sort(key=lambda each: float(np.nanmin(each[2]) - np.nanmax(each[2])))
    shown = found[:MOST_SLICES]
    low, high = _scale([grid for _, _, grid in shown])
    return tuple(_map(across, down, grid, metric, (low, high), best) for across, down, grid in shown)


def _map(
    across: Axis, down: Axis, grid: Array, metric: RankedBy, scale: tuple[float, float], best: int
) -> HeatMap:
    label, form = table_metrics()[metric].term, table_metrics()[metric].form
    by = " and ".join(short(key) for key in (across.key, down.key) if key)
    span = f"{number(float(np.nanmin(grid)), metric)} to {number(float(np.nanmax(grid)), metric)}"
    return HeatMap(
        caption=f"{label} by {by}: {span}",
        across=short(across.key),
        down=short(down.key),
        columns=across.labels,
        rows=down.labels,
        values=grid,
        form=form,
        low=scale[0],
        high=scale[1],
        framed=(int(down.place[best]), int(across.place[best])),
    )


def _scale(grids: Sequence[Array]) -> tuple[float, float]:
    """Ends of the scale of shades: never so narrow that differences too small to matter look large."""
    known = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
    low, high = float(known.min()), float(known.max())
    missing = LEAST_SPAN * max(abs(low), abs(high)) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)
