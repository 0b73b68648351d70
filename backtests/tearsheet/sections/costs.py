"""What trading cost, by kind; what was received; what could not be traded."""

from __future__ import annotations

from backtests.analysis.trading import unfilled_by_reason
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import Format
from backtests.tearsheet.material import Material
from backtests.tearsheet.sections.verdict import statistic_row

ROWS: tuple[tuple[tuple[str, Format], ...], ...] = (
    (("turnover", "percent"),),
    (
        ("cost_bps", "bps"),
        ("commission_bps", "bps"),
        ("spread_bps", "bps"),
        ("impact_bps", "bps"),
        ("cost", "money"),
    ),
    (("dividends", "money"), ("interest", "money")),
    (("decisions", "integer"), ("fills", "integer"), ("unfilled", "integer"), ("delistings", "integer")),
)


def section(material: Material) -> Section:
    """Costs, income and order counts of every book."""
    rows = [
        statistic_row(material, key, form, material.tradings, group=position == 0)
        for block in ROWS
        for position, (key, form) in enumerate(block)
    ]
    table = Table(
        "Turnover, costs and income",
        (Column("Statistic", "left"), *material.columns),
        tuple(rows),
    )
    return Section("costs", "Costs and trading", (table, _unfilled(material)))


def _unfilled(material: Material) -> Block:
    counts = unfilled_by_reason(material.result.book.ledger)
    label = material.result.book.label
    if not len(counts):
        return Paragraph(f"Every order of {label} was filled in full.")
    return Table(
        f"Orders of {label} not or only partly filled",
        (Column("Reason", "left"), Column("Orders")),
        tuple(Row((Cell(str(reason)), Cell(int(count), "integer"))) for reason, count in counts.items()),
    )
