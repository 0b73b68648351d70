"""What two parameters do together: heat maps of any pair, medians over the others."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from backtests.document.palette import INK_LIGHT
from backtests.settings.sweep import Metric
from backtests.sweeps.plateau import is_ordered
from backtests.sweeps.wording import LABELS, number, plain, short
from datafeeds.market import Array

MOST_PARAMETERS = 6
"""Pairs are made of so many parameters: those whose values matter most. Six make fifteen maps."""

LEAST_SPAN = 0.1
"""Span of the colour scale, at least, as a share of the largest value."""

MOST_VALUES = 10
"""More values than these are gathered into bins of about as many configurations each."""

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sweep",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 8,
    "text.color": INK_LIGHT,
    "axes.labelcolor": INK_LIGHT,
    "axes.edgecolor": INK_LIGHT,
    "xtick.color": INK_LIGHT,
    "ytick.color": INK_LIGHT,
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


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


def heatmaps(parameters: pd.DataFrame, values: Array, metric: Metric, best: int) -> str:
    """Small maps of every pair of parameters as one SVG element.

    Parameters
    ----------
    parameters : DataFrame
        A row each configuration, a column each swept parameter.
    values : ndarray, shape (configurations,)
        The metric; NaN is left out.
    metric : Metric
    best : int
        Row of the best configuration, marked on each map.

    Returns
    -------
    str
        Markup; names and values in it are escaped. A single parameter gives one row of cells.
    """
    varying = [axis(parameters[key]) for key in parameters if parameters[key].nunique() > 1]
    order = effects(varying, values)
    axes = sorted(varying, key=lambda each: list(order).index(each.key) if each.key in order else len(order))
    axes = axes[:MOST_PARAMETERS]
    if not axes or not np.isfinite(values).any():
        return ""
    pairs = list(itertools.combinations(axes, 2)) or [(axes[0], Axis("", ("",), np.zeros(len(values), int)))]
    grids = [grid_of(across, up, values) for across, up in pairs]
    with mpl.rc_context(SETTINGS):
        figure = _figure(pairs, grids, metric, best)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata=NO_METADATA)
    return inline(target.getvalue(), f"Heat maps: {LABELS[metric]} by pairs of parameters", "maps")


def _figure(pairs: Sequence[tuple[Axis, Axis]], grids: Sequence[Array], metric: Metric, best: int) -> Figure:
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    height = 2.9 if pairs[0][1].key else 1.5
    figure = Figure(figsize=(3.4 * columns, height * rows + 0.2), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    known = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
    low, high = _scale(float(known.min()), float(known.max()))
    for panel, pair, grid in itertools.zip_longest(panels.flat, pairs, grids):
        if pair is None:
            panel.set_axis_off()
            continue
        mesh = panel.pcolormesh(grid, vmin=low, vmax=high, cmap="cividis", edgecolors="face", linewidth=0.2)
        _label(panel, pair, best)
        if grid.size <= 36:
            _write_values(panel, grid, metric, (low + high) / 2)
    bar = figure.colorbar(mesh, ax=panels, shrink=0.8, aspect=30)
    bar.ax.yaxis.set_major_formatter(lambda value, position: number(value, metric))
    bar.set_label(LABELS[metric])
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")
    return figure


def _scale(low: float, high: float) -> tuple[float, float]:
    """Ends of the colour scale: never so narrow that differences too small to matter look large."""
    missing = LEAST_SPAN * max(abs(low), abs(high)) - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)


def _label(panel: Any, pair: tuple[Axis, Axis], best: int) -> None:
    across, up = pair
    turned = sum(len(text) for text in across.labels) > 34
    panel.set_xticks(
        np.arange(len(across.labels)) + 0.5,
        across.labels,
        rotation=40 if turned else 0,
        ha="right" if turned else "center",
    )
    panel.set_yticks(np.arange(len(up.labels)) + 0.5, up.labels)
    panel.tick_params(length=0)
    panel.set_xlabel(short(across.key))
    panel.set_ylabel(short(up.key))
    for side in panel.spines.values():
        side.set_visible(False)
    corner = (across.place[best], up.place[best])
    panel.add_patch(
        mpl.patches.Rectangle(corner, 1, 1, fill=False, edgecolor="#d1590a", linewidth=2, zorder=3)
    )


def _write_values(panel: Any, grid: Array, metric: Metric, middle: float) -> None:
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            color = "#1b2129" if value > middle else "#ffffff"
            panel.text(
                column + 0.5, row + 0.5, number(float(value), metric), ha="center", va="center", color=color
            )


def inline(document: str, title: str, key: str) -> str:
    """An SVG document as an element that takes its text colour and font from the page.

    Parameters
    ----------
    document : str
    title : str
        What it shows, without names from outside.
    key : str
        Letters; makes the ids unique in the page.
    """
    body = document[document.index("<svg") :]
    size = re.search(r'viewBox="([^"]+)"', body)
    inner = body[body.index(">") + 1 :]
    inner = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", inner, flags=re.S)
    inner = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", inner).replace(INK_LIGHT, "var(--ink)")
    inner = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{key}-", inner)
    return f'<svg class="maps" viewBox="{size[1] if size else ""}" role="img" aria-label="{title}">{inner}'
