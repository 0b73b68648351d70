"""A run's numbers as a table in the terminal, from its ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from backtests.analysis.definitions import METRICS
from backtests.document.formats import formatted

PARTS = {"portfolio": "performance", "trading": "trading", "relative": "relative"}
"""Where the metrics of each scope stand in ``metrics.json``."""


def summary_table(metrics: Mapping[str, Any]) -> Table:
    """The strategy beside its benchmarks; the last rows are the strategy measured against each."""
    books = [metrics["strategy"], *metrics["benchmarks"]]
    span = f"{metrics['first_session']} to {metrics['last_session']}"
    table = Table(title=span, title_justify="left")
    table.add_column("", no_wrap=True)
    for book in books:
        table.add_column(book["label"], justify="right", overflow="fold")
    for scope, part in PARTS.items():
        for metric in METRICS.values():
            if metric.scope == scope and "terminal" in metric.shown:
                values = [book.get(part, {}).get(metric.key) for book in books]
                cells = ("" if value is None else formatted(value, metric.form) for value in values)
                table.add_row(metric.label(metrics["annual"]), *cells)
    return table
