"""Equity, drawdown and rolling risk of every book through time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from backtests.analysis.performance import drawdown_series
from backtests.analysis.registry import Figures
from backtests.analysis.through_time import (
    period_returns,
    rolling_beta,
    rolling_excess,
    rolling_sharpe,
    rolling_volatility,
)
from backtests.document.blocks import (
    Beside,
    Block,
    Cell,
    Column,
    Figure,
    Line,
    LineChart,
    Paragraph,
    Row,
    Section,
    Table,
    lines,
)
from backtests.document.formats import Format, formatted
from backtests.result import Book, Result
from datafeeds.market import Array

WINDOWS = ((1, "year"), (2, "half year"), (4, "quarter"))
"""Rolling windows as parts of a year, longest first; the first that fits three times into the run is used."""


def section(result: Result) -> Section:
    """Equity and drawdown."""
    blocks: list[Block] = [_equity(result)]
    if result.benchmarks:
        blocks.append(_relative(result))
    return Section("growth", "Growth and drawdown", (*blocks, _drawdown(result), _histogram(result)))


def rolling_section(result: Result) -> Section:
    """Draw rolling volatility, Sharpe ratio and beta."""
    returns = list(result.daily.values())
    periods = result.periods
    windows = ((int(periods / parts), name) for parts, name in WINDOWS)
    window = next((each for each in windows if each[0] * 3 <= len(returns[0])), None)
    if window is None:
        return Section(
            "rolling", "Rolling risk", (Paragraph("The run is too short for rolling statistics.", "note"),)
        )
    length, name = window
    dates = result.sessions[length:]
    cash = result.cash
    volatility = [rolling_volatility(each, length, periods)[length - 1 :] for each in returns]
    sharpe = [rolling_sharpe(each, cash, length, periods)[length - 1 :] for each in returns]
    label = result.book.label
    blocks: list[Block] = [
        Figure(
            "rolling-volatility",
            LineChart(lines(result.labels, dates, volatility), "percent"),
            f"Volatility a year over the trailing {name}",
            f"{label}'s trailing volatility {_range(volatility[0], 'percent')}.",
        ),
        Figure(
            "rolling-sharpe",
            LineChart(lines(result.labels, dates, sharpe), "number", rule=0.0),
            f"Sharpe ratio over the trailing {name}",
            f"{label}'s trailing Sharpe ratio {_range(sharpe[0], 'number')}.",
        ),
    ]
    if result.primary is not None:
        excess = rolling_excess(returns[0], returns[1], length)[length - 1 :]
        blocks.append(
            Figure(
                "rolling-excess",
                LineChart(lines((label,), dates, [excess]), "percent", rule=0.0, least=0.01),
                f"Return over the trailing {name} less that of {result.primary.label}",
                f"{label}'s trailing lead {_range(excess, 'percent')}.",
            )
        )
        beta = rolling_beta(returns[0] - cash, returns[1] - cash, length)[length - 1 :]
        blocks.append(
            Figure(
                "rolling-beta",
                LineChart(lines((label,), dates, [beta]), "number", rule=1.0, least=0.2),
                f"Beta to {result.primary.label} over the trailing {name}",
                f"{label}'s trailing beta {_range(beta, 'number')}.",
            )
        )
    return Section("rolling", "Rolling risk", tuple(blocks))


def first_look(result: Result) -> Beside:
    """Growth of the strategy and its first benchmark, and the one relative to the other."""
    every = lines(result.labels, result.sessions, [_growth(book) for book in result.books])[:2]
    ends = " against ".join(formatted(float(line.values[-1]), "multiple") for line in every)
    figures = [
        Figure(
            "growth-first",
            LineChart(every, "multiple", log=True, rule=1.0),
            "Growth of 1 after costs",
            f"At the end {ends}.",
            small=True,
        )
    ]
    if len(every) > 1:
        ours, theirs = every
        ratio = Line(f"{ours.label} over {theirs.label}", ours.dates, ours.values / theirs.values)
        figures.append(
            Figure(
                "relative-first",
                LineChart((ratio,), "multiple", rule=1.0),
                f"Relative to {theirs.label}",
                f"{_range(ratio.values, 'multiple').capitalize()}.",
                small=True,
            )
        )
    return Beside(tuple(figures))


def _growth(book: Book) -> Array:
    growth: Array = book.ledger.equity / book.ledger.equity[0]
    return growth


def _asked(every: tuple[Line, ...]) -> tuple[Line, ...]:
    """Two lines; the others wait until a reader asks."""
    return tuple(replace(line, on_request=place > 1) for place, line in enumerate(every))


def _equity(result: Result) -> Figure:
    growth = [_growth(book) for book in result.books]
    ends = ", ".join(
        f"{label} to {formatted(float(each[-1]), 'multiple')}"
        for label, each in zip(result.labels, growth, strict=True)
    )
    return Figure(
        "equity",
        LineChart(lines(result.labels, result.sessions, growth), "multiple", log=True, rule=1.0, rebase=True),
        "Equity as a multiple of the start, after costs, logarithmic scale",
        f"From 1 at {result.sessions[0]}: {ends} at {result.sessions[-1]}.",
    )


def _relative(result: Result) -> Figure:
    """Growth of the strategy over that of the first benchmark."""
    ours, theirs = list(result.equities.values())[:2]
    ratio = (ours / ours[0]) / (theirs / theirs[0])
    name = result.labels[1]
    last, low, high = (formatted(float(each), "multiple") for each in (ratio[-1], ratio.min(), ratio.max()))
    return Figure(
        "relative",
        LineChart(lines((result.labels[0],), result.sessions, [ratio]), "multiple", rule=1.0, least=0.02),
        f"Growth over that of {name}: above 1 it is ahead, rising it gains",
        f"From 1 to {last}; lowest {low}, highest {high}.",
    )


EDGES = (-np.inf, -0.10, -0.05, -0.02, 0.0, 0.02, 0.05, 0.10, np.inf)
"""Of the histogram's bins."""


def _histogram(result: Result) -> Table:
    """How often a month returned how much."""
    names = [f"{low:+.0%} to {high:+.0%}" for low, high in itertools.pairwise(EDGES[1:-1])]
    heads = [f"below {EDGES[1]:+.0%}", *names, f"above {EDGES[-2]:+.0%}"]
    rows = []
    for label, equity in result.equities.items():
        months = period_returns(equity, result.sessions, "M").to_numpy()
        counts, _ = np.histogram(months, EDGES)
        most = max(int(counts.max()), 1)
        cells = (Cell(int(count), "integer", round(4 * int(count) / most)) for count in counts)
        rows.append(Row((Cell(label), *cells)))
    return Table(
        "Months by their return",
        (Column("", "left"), *(Column(head) for head in heads)),
        tuple(rows),
        "The first and the last month may be part of one.",
    )


def _drawdown(result: Result) -> Figure:
    falls = [drawdown_series(book.ledger.equity) for book in result.books]
    worst = ", ".join(
        f"{label} {_worst(numbers)}"
        for label, numbers in zip(result.labels, result.performances, strict=True)
    )
    return Figure(
        "drawdown",
        LineChart(_asked(lines(result.labels, result.sessions, falls)), "percent", fill=True, rule=0.0),
        "Drawdown: equity below its high so far",
        f"Deepest: {worst}.",
    )


def _worst(numbers: Figures) -> str:
    depth = formatted(numbers.max_drawdown, "percent")
    return depth if numbers.drawdown_trough is None else f"{depth} on {numbers.drawdown_trough}"


def _range(values: Array, form: Format) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "is not known"
    low, high, last = (formatted(float(each), form) for each in (known.min(), known.max(), known[-1]))
    return f"ranges from {low} to {high} and ends at {last}"
