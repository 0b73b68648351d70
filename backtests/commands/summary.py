"""A run's numbers as a table in the terminal, from its ``metrics.json`` and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

ROWS = (
    ("CAGR", "performance", "cagr", "{:.2%}"),
    ("Total return", "performance", "total_return", "{:.1%}"),
    ("Volatility", "performance", "volatility", "{:.2%}"),
    ("Sharpe", "performance", "sharpe", "{:.2f}"),
    ("Sortino", "performance", "sortino", "{:.2f}"),
    ("Max drawdown", "performance", "max_drawdown", "{:.2%}"),
    ("Calmar", "performance", "calmar", "{:.2f}"),
    ("Turnover a year", "trading", "turnover", "{:.1%}"),
    ("Cost a year, bps", "trading", "cost_bps", "{:.1f}"),
    ("Tracking error", "relative", "tracking_error", "{:.2%}"),
    ("Information ratio", "relative", "information_ratio", "{:.2f}"),
    ("Beta", "relative", "beta", "{:.2f}"),
)
"""Label, table and key in ``metrics.json``, and format."""


def summary_table(metrics: Mapping[str, Any]) -> Table:
    """The strategy beside its benchmarks; the last rows are the strategy measured against each."""
    books = [metrics["strategy"], *metrics["benchmarks"]]
    span = f"{metrics['first_session']} to {metrics['last_session']}"
    table = Table(title=span, title_justify="left")
    table.add_column("", no_wrap=True)
    for book in books:
        table.add_column(book["label"], justify="right", overflow="fold")
    for label, part, key, form in ROWS:
        values = [book.get(part, {}).get(key) for book in books]
        table.add_row(label, *("" if value is None else form.format(value) for value in values))
    return table
