"""The deepest falls of the strategy, and what the benchmarks did meanwhile."""

from __future__ import annotations

from backtests.analysis.performance import drawdowns, return_between
from backtests.document.blocks import Cell, Column, Paragraph, Row, Section, Table
from backtests.result import Result

TOP = 10


def section(result: Result) -> Section:
    """List the ten deepest drawdowns."""
    ledger = result.book.ledger
    falls = drawdowns(ledger.equity, ledger.sessions)[:TOP]
    title = "Deepest drawdowns"
    if not falls:
        return Section("drawdowns", title, (Paragraph("Equity never fell below an earlier close."),))
    rows = tuple(
        Row(
            (
                Cell(fall.peak, "date"),
                Cell(fall.trough, "date"),
                Cell(fall.recovery, "date"),
                Cell(fall.sessions, "integer"),
                Cell(fall.depth, "percent"),
                *(
                    Cell(
                        return_between(book.ledger.equity, ledger.sessions, fall.peak, fall.trough), "percent"
                    )
                    for book in result.benchmarks
                ),
            )
        )
        for fall in falls
    )
    table = Table(
        f"The {len(falls)} deepest drawdowns of {result.book.label}, and the benchmarks' return "
        "from its peak to its trough",
        (
            Column("Peak", "left", "drawdown_peak"),
            Column("Trough", "left", "drawdown_trough"),
            Column("Recovery", "left", "drawdown_recovery"),
            Column("Sessions"),
            Column("Depth", term="max_drawdown"),
            *(Column(label) for label in result.labels[1:]),
        ),
        rows,
        "Sessions are counted from the peak to the recovery, or to the end of the run.",
    )
    return Section("drawdowns", title, (table,))
