"""Where the money was: weights by group through time."""

from __future__ import annotations

import numpy as np

from backtests.analysis.exposure import CASH, group_weights
from backtests.document.blocks import AreaChart, Figure, Line, Paragraph, Section
from backtests.document.formats import formatted
from backtests.result import Result


def section(result: Result) -> Section:
    """Weights by group, stacked, cash on top."""
    title = "Weights by group"
    if not len(result.book.ledger.fills):
        return Section("weights", title, (Paragraph("Nothing was ever held: all of the equity was cash."),))
    weights = group_weights(result.weights, result.market)
    dates = weights.index.to_numpy().astype("datetime64[D]")
    layers = tuple(
        Line(str(group), dates, weights[group].to_numpy(dtype=np.float64), -1 if group == CASH else slot)
        for slot, group in enumerate(weights.columns)
    )
    averages = ", ".join(
        f"{layer.label} {formatted(float(layer.values.mean()), 'percent')}" for layer in layers
    )
    figure = Figure(
        "weights",
        AreaChart(layers),
        f"Share of {result.book.label}'s equity at each close",
        f"Average weights: {averages}.",
    )
    return Section("weights", title, (figure,))
