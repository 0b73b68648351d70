"""Charts that answer the pointer: their numbers as data in the page, and the script that draws them.

The script is uPlot (MIT licence), as the package uplot-python brings it; `templates/charts.js` tells it what
to draw. Without script, on paper and in tests the static drawing stands in the same place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from backtests.document.blocks import AreaChart, Figure, Line, LineChart, Marks
from backtests.document.figures import STYLES, days
from backtests.document.palette import variable_of
from datafeeds.market import Array, Dates

DIGITS = 5
"""Significant digits of the largest value of a line; more can't be seen."""


@cache
def library(name: str) -> str:
    """A file of uPlot as the installed package brings it.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed.
    """
    found = find_spec("uplot")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the charts of a page need uplot-python: pip install uplot-python")
    return (Path(found.origin).parent / "static" / name).read_text(encoding="utf-8")


def chart_data(figures: Iterable[Figure]) -> str:
    """What the script draws, as JSON that can stand inside a page.

    Every list of dates is there once. Dates and values are differences from the one before, values in units
    of a line's `step`; null where there is nothing to draw.
    """
    dates: list[Dates] = []
    charts = {figure.key: _chart(figure.chart, dates) for figure in figures}
    coded = [np.diff(days(each), prepend=0).astype(int).tolist() for each in dates]
    return json.dumps({"dates": coded, "charts": charts}, separators=(",", ":")).replace("<", "\\u003c")


def _chart(chart: LineChart | AreaChart, dates: list[Dates]) -> dict[str, Any]:
    if isinstance(chart, AreaChart):
        shared, place = _dates(chart.layers, dates)
        return {
            "dates": place,
            "form": "percent",
            "area": True,
            "lines": [_line(layer, shared) for layer in chart.layers],
        }
    parts: tuple[Line | Marks, ...] = (*chart.lines, *chart.marks)
    shared, place = _dates(parts, dates)
    return {
        "dates": place,
        "form": chart.form,
        "log": chart.log,
        "fill": chart.fill,
        "rule": chart.rule,
        "least": chart.least,
        "rebase": chart.rebase,
        "shade": [days(np.array(span)).tolist() for span in chart.shade.spans] if chart.shade else [],
        "lines": [_line(each, shared) for each in parts],
    }


def _dates(parts: Iterable[Line | Marks], dates: list[Dates]) -> tuple[Dates, int]:
    """All dates of a chart, and their place among those of the page."""
    shared = np.unique(np.concatenate([each.dates for each in parts]))
    for place, known in enumerate(dates):
        if np.array_equal(known, shared):
            return known, place
    dates.append(shared)
    return shared, len(dates) - 1


def _line(part: Line | Marks, dates: Dates) -> dict[str, Any]:
    values = np.full(len(dates), np.nan)
    values[np.searchsorted(dates, part.dates)] = part.values
    step, coded = coded_values(values)
    content = {"label": part.label, "color": variable_of(part.slot), "step": step, "values": coded}
    if isinstance(part, Marks):
        return {**content, "mark": True}
    style = STYLES[part.dash]
    return {**content, "dash": [] if isinstance(style, str) else style[1], "off": part.on_request}


def coded_values(values: Array) -> tuple[float, list[int | None]]:
    """Values as whole steps from the one before, and the size of a step.

    Examples
    --------
    >>> coded_values(np.array([1.0, 1.5, np.nan, 1.25]))
    (0.0001, [10000, 5000, None, -2500])
    """
    known = np.isfinite(values)
    largest = float(np.abs(values[known]).max(initial=0.0))
    power = int(np.floor(np.log10(largest))) + 1 - DIGITS if largest > 0 else 0
    steps = np.rint(values[known] * 10.0**-power).astype(np.int64)
    coded = np.full(len(values), None, dtype=object)
    coded[known] = np.diff(steps, prepend=0)
    return float(f"1e{power}"), coded.tolist()
