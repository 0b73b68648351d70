"""What trading cost, by kind; what was received; what could not be traded."""

from __future__ import annotations

from backtests.analysis.definitions import metrics
from backtests.analysis.trading import unfilled_by_reason
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.result import Result
from backtests.tearsheet.sections.verdict import columns, metric_rows
from backtests.tearsheet.wording import cost_sentence


def section(result: Result) -> Section:
    """Costs, income and order counts of every book."""
    table = Table(
        "Turnover, costs and income",
        (Column("Statistic", "left"), *columns(result)),
        metric_rows(metrics("trading"), result.tradings),
    )
    said = cost_sentence(result.costs, result.tradings[0].cost_bps)
    return Section("costs", "Costs and trading", (Paragraph(said), table, _unfilled(result)))


def _unfilled(result: Result) -> Block:
    counts = unfilled_by_reason(result.book.ledger)
    label = result.book.label
    if not len(counts):
        return Paragraph(f"Every order of {label} was filled in full.")
    return Table(
        f"Orders of {label} not or only partly filled",
        (Column("Reason", "left"), Column("Orders")),
        tuple(Row((Cell(str(reason)), Cell(int(count), "integer"))) for reason, count in counts.items()),
    )
