"""Figures before and after a holdout began, side by side, from what ``metrics.json`` holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.analysis.definitions import METRICS
from backtests.analysis.registry import Metric
from backtests.document.blocks import Cell, Column, Row, Table
from backtests.document.formats import formatted

COMPARED = ("cagr", "sharpe", "max_drawdown", "excess_return")
SHORT = ("total_return", "max_drawdown")
"""What is compared where a part spans less than a year, so that nothing is annualised on either side."""


def sentence(holdout: Mapping[str, Any]) -> str:
    """What the strategy did before and after, against its first benchmark; or why that can't be told."""
    if "why" in holdout:
        return str(holdout["why"])
    before, after = (_growth(holdout, part) for part in ("before", "after"))
    return (
        f"Out of sample: parameters were fixed on what was known before {holdout['begins']}. Until then "
        f"{before}; from then to {holdout['after']['last_session']}, scored apart, {after}."
    )


def _growth(holdout: Mapping[str, Any], part: str) -> str:
    """Return of the strategy and the first benchmark in one part."""
    metric = METRICS["cagr" if _annual(holdout) else "total_return"]
    how = " a year" if _annual(holdout) else " in all"
    books = _books(holdout, part)
    ours, *others = (formatted(book["performance"][metric.key], metric.form) for book in books)
    beside = f" against {others[0]} of {books[1]['label']}" if others else ""
    return f"{ours}{how}{beside}"


def table(holdout: Mapping[str, Any]) -> Table | None:
    """Strategy and first benchmark, before and after; None where the run can't be taken apart."""
    if "why" in holdout:
        return None
    parts = ("before", "after")
    labels = [(book["label"], part) for part in parts for book in _books(holdout, part)]
    keys = COMPARED if _annual(holdout) else SHORT
    rows = tuple(_row(METRICS[key], holdout) for key in keys)
    return Table(
        f"Out of sample: parameters fixed before {holdout['begins']}, and what came from then to "
        f"{holdout['after']['last_session']}",
        (Column("Statistic", "left"), *(Column(f"{label}, {part}") for label, part in labels)),
        tuple(row for row in rows if any(cell.value is not None for cell in row.cells[1:])),
        "" if _annual(holdout) else "One part spans less than a year, so neither is annualised.",
    )


def _row(metric: Metric, holdout: Mapping[str, Any]) -> Row:
    cells = []
    for part in ("before", "after"):
        ours, *others = _books(holdout, part)
        if metric.scope == "relative":
            cells += [Cell(others[0]["relative"][metric.key], metric.form)] if others else []
            cells += [Cell("")] if others else [Cell(None)]
        else:
            cells += [Cell(book["performance"][metric.key], metric.form) for book in (ours, *others)]
    return Row((Cell(metric.term), *cells), term=metric.key)


def _books(holdout: Mapping[str, Any], part: str) -> list[Any]:
    """The strategy's book, and the first benchmark's where there is one."""
    return list(holdout[part]["books"][:2])


def _annual(holdout: Mapping[str, Any]) -> bool:
    return bool(holdout["before"]["annual"] and holdout["after"]["annual"])
