"""What a chart's legend says, for every rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backtests.document.blocks import AreaChart, LineChart
from backtests.document.figures import STYLES
from backtests.document.palette import series_color


@dataclass(frozen=True)
class LegendEntry:
    """One entry.

    Attributes
    ----------
    label : str
    shape : {"line", "area", "mark"}
    color : str
        In the light palette.
    dashes : tuple of float
        Lengths on and off in points; empty for a solid line.
    """

    label: str
    shape: Literal["line", "area", "mark"]
    color: str
    dashes: tuple[float, ...] = ()


def legend(chart: LineChart | AreaChart) -> tuple[LegendEntry, ...]:
    """Entries in the order of drawing."""
    if isinstance(chart, AreaChart):
        return tuple(LegendEntry(layer.label, "area", series_color(layer.slot)) for layer in chart.layers)
    lines = []
    for line in chart.lines:
        style = STYLES[line.dash]
        dashes = () if isinstance(style, str) else style[1]
        lines.append(LegendEntry(line.label, "line", series_color(line.slot), dashes))
    return (*lines, *(LegendEntry(marks.label, "mark", series_color(marks.slot)) for marks in chart.marks))
