"""Equity, drawdown and rolling risk of every book through time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtests.analysis.performance import (
    drawdown_series,
    rolling_beta,
    rolling_sharpe,
    rolling_volatility,
)
from backtests.analysis.registry import Figures
from backtests.document.blocks import Beside, Block, Figure, Line, LineChart, Paragraph, Section, lines
from backtests.document.formats import Format, formatted
from backtests.result import Book, Result
from datafeeds.market import Array

WINDOWS = ((252, "year"), (126, "half year"), (63, "quarter"))
"""Rolling windows in sessions, longest first; the first that fits three times into the run is used."""


def section(result: Result) -> Section:
    """Equity and drawdown."""
    return Section("growth", "Growth and drawdown", (_equity(result), _drawdown(result)))


def rolling_section(result: Result) -> Section:
    """Draw rolling volatility, Sharpe ratio and beta."""
    returns = list(result.daily.values())
    window = next((each for each in WINDOWS if each[0] * 3 <= len(returns[0])), None)
    if window is None:
        return Section(
            "rolling", "Rolling risk", (Paragraph("The run is too short for rolling statistics.", "note"),)
        )
    length, name = window
    dates = result.sessions[length:]
    cash = result.cash
    volatility = [rolling_volatility(each, length)[length - 1 :] for each in returns]
    sharpe = [rolling_sharpe(each, cash, length)[length - 1 :] for each in returns]
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
    ends = ", ".join(f"{line.label} {formatted(float(line.values[-1]), 'multiple')}" for line in every)
    figures = [
        Figure(
            "growth-first",
            LineChart(every, "multiple", log=True, rule=1.0),
            "Growth of 1 after costs",
            f"At the end: {ends}.",
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
                f"{ratio.label} {_range(ratio.values, 'multiple')}.",
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
