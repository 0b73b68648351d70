"""Charts drawn by matplotlib, without pyplot's global state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from backtests.document.blocks import AreaChart, Dash, Line, LineChart
from backtests.document.formats import Format, formatted
from backtests.document.palette import CASH, GRID_LIGHT, INK_LIGHT, PAGE_LIGHT, series_color

# Matplotlib is imported where something is drawn: a quarter of a second that whoever reads numbers saves. Who
# draws saves pandas, which markets need.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from datafeeds.market import Array, Dates

WIDE, SMALL = (560, 250), (330, 165)
"""Sizes of a chart in points, over the page's width and beside another; they scale with the page."""

MOST_POINTS = 1200
"""Points a line may have; extremes are kept."""

AREA_POINTS = 400
X_TICKS = 6
YEAR_STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
STYLES: dict[Dash, str | tuple[float, tuple[float, ...]]] = {
    "solid": "-",
    "dashed": (0.0, (6.0, 3.0)),
    "dotted": (0.0, (1.5, 2.5)),
    "dashdot": (0.0, (6.0, 2.5, 1.5, 2.5)),
    "longdash": (0.0, (11.0, 3.5)),
    "sparse": (0.0, (3.0, 5.0)),
}
LOG_STEPS = (1, 2, 5)


def draw(chart: LineChart | AreaChart, size: tuple[int, int] = WIDE) -> Canvas:
    """Draw the chart as a matplotlib figure in the light palette, `size` in points."""
    from matplotlib.figure import Figure as Canvas  # see above

    width, height = size
    canvas = Canvas(figsize=(width / 72, height / 72))
    axes = canvas.add_axes((45 / width, 22 / height, 1 - 53 / width, 1 - 28 / height))
    if isinstance(chart, AreaChart):
        _areas(axes, chart)
    else:
        _lines(axes, chart)
    _frame(axes)
    if size == SMALL:
        axes.set_xticks(axes.get_xticks()[::2], [label.get_text() for label in axes.get_xticklabels()[::2]])
    return canvas


def thinned(values: Array, most: int = MOST_POINTS) -> npt.NDArray[np.intp]:
    """Positions of at most about `most` points that keep the lowest and highest of every stretch.

    Parameters
    ----------
    values : ndarray, shape (points,)
        NaN are kept out of the extremes.
    most : int

    Returns
    -------
    ndarray of int
        In order, with the first and the last point.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, most // 2 + 1).astype(int)[:-1]
    width = np.diff(np.append(edges, count))
    owner = np.repeat(np.arange(len(edges)), width)
    low = np.minimum.reduceat(np.where(np.isnan(values), np.inf, values), edges)
    high = np.maximum.reduceat(np.where(np.isnan(values), -np.inf, values), edges)
    extreme = (values == low[owner]) | (values == high[owner])
    # A flat stretch has all its points at its extremes; its first and last suffice.
    flat = (low == high)[owner]
    ends = np.zeros(count, dtype=bool)
    ends[edges] = ends[edges + width - 1] = True
    gap = np.isnan(values)
    kept = np.where(flat | gap, ends, extreme)
    kept[0] = kept[-1] = True
    return np.flatnonzero(kept)


def year_ticks(first: np.datetime64, last: np.datetime64) -> tuple[Array, list[str]]:
    """Positions (days since 1970) and labels of at most `X_TICKS` round dates from `first` to `last`."""
    years = np.arange(first.astype("datetime64[Y]"), last.astype("datetime64[Y]")) + np.timedelta64(1, "Y")
    if len(years) < 2:
        begin, end = (int(date.astype("datetime64[M]").astype(int)) for date in (first, last))
        months = np.arange(begin + 1, end + 1).astype("datetime64[M]")
        chosen = months[:: max(1, -(-len(months) // X_TICKS))]
        return days(chosen), [str(month) for month in chosen]
    numbers = years.astype(int) + 1970
    round_years = next(chosen for step in YEAR_STEPS if len(chosen := years[numbers % step == 0]) <= X_TICKS)
    return days(round_years), [str(year) for year in round_years]


def days(dates: Dates) -> Array:
    """Dates as days since 1970."""
    return dates.astype("datetime64[D]").astype(np.float64)


def _lines(axes: Axes, chart: LineChart) -> None:
    if chart.log:
        axes.set_yscale("log")
    if chart.rule is not None:
        axes.axhline(chart.rule, color=INK_LIGHT, linewidth=0.6, zorder=1)
    for span in chart.shade.spans if chart.shade else ():
        begin, end = days(np.array(span))
        axes.axvspan(begin, end, color=series_color(CASH), alpha=0.45, linewidth=0, zorder=0)
    for position, line in enumerate(chart.shown):
        kept = thinned(line.values)
        axes.plot(
            days(line.dates[kept]),
            line.values[kept],
            color=series_color(line.slot),
            linestyle=STYLES[line.dash],
            linewidth=1.5 if position == 0 else 1.0,
            zorder=10 - position,
            solid_joinstyle="round",
            dash_joinstyle="round",
        )
    if chart.fill:
        first = chart.shown[0]
        kept = thinned(first.values)
        axes.fill_between(
            days(first.dates[kept]),
            first.values[kept],
            0,
            color=series_color(first.slot),
            alpha=0.14,
            linewidth=0,
        )
    for marks in chart.marks:
        axes.plot(
            days(marks.dates),
            marks.values,
            linestyle="none",
            marker="o",
            markersize=3.4,
            markeredgewidth=0.9,
            markerfacecolor="none",
            color=series_color(marks.slot),
            zorder=20,
        )
    low, high = axes.get_ylim()
    if high - low < chart.least:
        axes.set_ylim((low + high - chart.least) / 2, (low + high + chart.least) / 2)
    _dates(axes, chart.shown)
    _values(axes, chart.form, chart.log)


def _areas(axes: Axes, chart: AreaChart) -> None:
    count = len(chart.layers[0].values)
    kept = np.unique(np.linspace(0, count - 1, min(count, AREA_POINTS)).astype(int))
    axes.stackplot(
        days(chart.layers[0].dates[kept]),
        [layer.values[kept] for layer in chart.layers],
        colors=[series_color(layer.slot) for layer in chart.layers],
        linewidth=0.3,
        edgecolor=PAGE_LIGHT,
        alpha=0.82,
    )
    axes.set_ylim(0.0, 1.0)
    _dates(axes, chart.layers)
    _values(axes, "percent", log=False)


def _dates(axes: Axes, lines: Iterable[Line]) -> None:
    spans = [(line.dates[0], line.dates[-1]) for line in lines]
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    positions, labels = year_ticks(first, last)
    axes.set_xlim(float(days(np.array([first]))[0]), float(days(np.array([last]))[0]))
    axes.set_xticks(positions, labels)


def _values(axes: Axes, form: Format, log: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator  # see above

    if log:
        axes.yaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_ylim())))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(float(value), form)))


def log_ticks(low: float, high: float) -> list[float]:
    """Round values (1, 2, 5 times powers of ten) from `low` to `high`, thinned to about seven."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in (LOG_STEPS, (1, 3), (1,)):
        ticks = [
            step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high
        ]
        if len(ticks) <= 7:
            return (
                ticks
                if len(ticks) >= 2
                else [float(each) for each in np.linspace(low, high, 5)[1:-1].round(2)]
            )
    return ticks


def _tick(value: float, form: Format) -> str:
    """Label a tick with no more decimals than it needs."""
    if form == "percent":
        return formatted(round(value * 100, 6), "text") + "%"
    return f"{formatted(round(value, 6), 'text')}{'×' if form == 'multiple' else ''}"


def _frame(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID_LIGHT)
    axes.grid(axis="y", color=GRID_LIGHT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.tick_params(colors=INK_LIGHT, labelsize=8.5, length=0, pad=5, which="both")
