"""The deepest falls of the strategy, and what the benchmarks did meanwhile."""

from __future__ import annotations

from backtests.analysis.performance import return_between
from backtests.document.blocks import Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import formatted
from backtests.result import Result


def section(result: Result) -> Section:
    """List the ten deepest drawdowns."""
    ledger = result.book.ledger
    falls = result.falls
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
    return Section("drawdowns", title, (table, _makers(result)))


def _makers(result: Result) -> Table:
    """Who made each fall."""
    rows = []
    for each in result.fall_makers:
        gains = list(each.by_symbol.items())
        worst, best = gains[:3], [item for item in gains[::-1][:2] if item[1] > 0]
        rows.append(
            Row(
                (
                    Cell(each.fall.peak, "date"),
                    Cell(each.fall.depth, "percent"),
                    Cell(", ".join(f"{symbol} {formatted(gain, 'signed')}" for symbol, gain in worst)),
                    Cell(
                        ", ".join(
                            f"{symbol} {formatted(gain, 'signed')}" for symbol, gain in best if gain > 0
                        )
                        or "none rose"
                    ),
                    Cell(each.rest, "percent"),
                )
            )
        )
    return Table(
        "Who made each of them, from peak to trough, as shares of equity at the peak",
        (
            Column("Peak", "left"),
            Column("Depth"),
            Column("Lost most", "left"),
            Column("Gained most", "left"),
            Column("The rest"),
        ),
        tuple(rows),
        "The rest: costs, trading within a session, options and interest.",
    )
