"""Where the money was: weights by group through time."""

from __future__ import annotations

import numpy as np

from backtests.analysis.exposure import CASH, group_weights
from backtests.document.blocks import AreaChart, Figure, Line, Paragraph, Section
from backtests.document.formats import formatted
from backtests.tearsheet.material import Material


def section(material: Material) -> Section:
    """Weights by group, stacked, cash on top."""
    title = "Weights by group"
    if not len(material.result.book.ledger.fills):
        return Section("weights", title, (Paragraph("Nothing was ever held: all of the equity was cash."),))
    weights = group_weights(material.weights, material.result.market)
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
        f"Share of {material.result.book.label}'s equity at each close",
        f"Average weights: {averages}.",
    )
    return Section("weights", title, (figure,))
