"""What a chart's legend says, for every rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backtests.document.blocks import AreaChart, LineChart
from backtests.document.figures import STYLES
from backtests.document.palette import CASH


@dataclass(frozen=True)
class LegendEntry:
    """One entry.

    Attributes
    ----------
    label : str
    shape : {"line", "area", "mark"}
    slot : int
        Position in the palette.
    dashes : tuple of float
        Lengths on and off in points; empty for a solid line.
    on_request : bool
        Whether its line is drawn only when a reader asks.
    """

    label: str
    shape: Literal["line", "area", "mark"]
    slot: int
    dashes: tuple[float, ...] = ()
    on_request: bool = False


def legend(chart: LineChart | AreaChart) -> tuple[LegendEntry, ...]:
    """Entries in the order of drawing."""
    if isinstance(chart, AreaChart):
        return tuple(LegendEntry(layer.label, "area", layer.slot) for layer in chart.layers)
    lines = []
    for line in chart.lines:
        style = STYLES[line.dash]
        dashes = () if isinstance(style, str) else style[1]
        lines.append(LegendEntry(line.label, "line", line.slot, dashes, line.on_request))
    shade = (LegendEntry(chart.shade.label, "area", CASH),) if chart.shade else ()
    return (*lines, *(LegendEntry(marks.label, "mark", marks.slot) for marks in chart.marks), *shade)
