"""Equity, drawdown and rolling risk of every book through time."""

from __future__ import annotations

import numpy as np

from backtests.analysis.performance import (
    Performance,
    cash_returns,
    drawdown_series,
    returns_of,
    rolling_beta,
    rolling_sharpe,
    rolling_volatility,
)
from backtests.document.blocks import Block, Figure, LineChart, Paragraph, Section, lines
from backtests.document.formats import Format, formatted
from backtests.tearsheet.material import Material
from datafeeds.market import Array

WINDOWS = ((252, "year"), (126, "half year"), (63, "quarter"))
"""Rolling windows in sessions, longest first; the first that fits three times into the run is used."""


def section(material: Material) -> Section:
    """Equity and drawdown."""
    return Section("growth", "Growth and drawdown", (_equity(material), _drawdown(material)))


def rolling_section(material: Material) -> Section:
    """Draw rolling volatility, Sharpe ratio and beta."""
    returns = [returns_of(book.ledger.equity) for book in material.books]
    window = next((each for each in WINDOWS if each[0] * 3 <= len(returns[0])), None)
    if window is None:
        return Section(
            "rolling", "Rolling risk", (Paragraph("The run is too short for rolling statistics.", "note"),)
        )
    length, name = window
    dates = material.sessions[length:]
    cash = cash_returns(material.sessions, material.result.config.costs.cash_rate)
    volatility = [rolling_volatility(each, length)[length - 1 :] for each in returns]
    sharpe = [rolling_sharpe(each, cash, length)[length - 1 :] for each in returns]
    label = material.result.book.label
    blocks: list[Block] = [
        Figure(
            "rolling-volatility",
            LineChart(lines(material.labels, dates, volatility), "percent"),
            f"Volatility a year over the trailing {name}",
            f"{label}'s trailing volatility {_range(volatility[0], 'percent')}.",
        ),
        Figure(
            "rolling-sharpe",
            LineChart(lines(material.labels, dates, sharpe), "number", rule=0.0),
            f"Sharpe ratio over the trailing {name}",
            f"{label}'s trailing Sharpe ratio {_range(sharpe[0], 'number')}.",
        ),
    ]
    if material.primary is not None:
        beta = rolling_beta(returns[0] - cash, returns[1] - cash, length)[length - 1 :]
        blocks.append(
            Figure(
                "rolling-beta",
                LineChart(lines((label,), dates, [beta]), "number", rule=1.0, least=0.2),
                f"Beta to {material.primary.label} over the trailing {name}",
                f"{label}'s trailing beta {_range(beta, 'number')}.",
            )
        )
    return Section("rolling", "Rolling risk", tuple(blocks))


def _equity(material: Material) -> Figure:
    growth = [book.ledger.equity / book.ledger.equity[0] for book in material.books]
    ends = ", ".join(
        f"{label} to {formatted(float(each[-1]), 'multiple')}"
        for label, each in zip(material.labels, growth, strict=True)
    )
    return Figure(
        "equity",
        LineChart(
            lines(material.labels, material.sessions, growth), "multiple", log=True, rule=1.0, rebase=True
        ),
        "Equity as a multiple of the start, after costs, logarithmic scale",
        f"From 1 at {material.sessions[0]}: {ends} at {material.sessions[-1]}.",
    )


def _drawdown(material: Material) -> Figure:
    falls = [drawdown_series(book.ledger.equity) for book in material.books]
    worst = ", ".join(
        f"{label} {_worst(numbers)}"
        for label, numbers in zip(material.labels, material.performances, strict=True)
    )
    return Figure(
        "drawdown",
        LineChart(lines(material.labels, material.sessions, falls), "percent", fill=True, rule=0.0),
        "Drawdown: equity below its high so far",
        f"Deepest: {worst}.",
    )


def _worst(numbers: Performance) -> str:
    depth = formatted(numbers.max_drawdown, "percent")
    return depth if numbers.drawdown_trough is None else f"{depth} on {numbers.drawdown_trough}"


def _range(values: Array, form: Format) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "is not known"
    low, high, last = (formatted(float(each), form) for each in (known.min(), known.max(), known[-1]))
    return f"ranges from {low} to {high} and ends at {last}"
