"""The verdict in numbers: each book alone, and the strategy against each benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backtests.analysis.definitions import metrics
from backtests.analysis.registry import Figures, Metric
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.result import Result


def section(result: Result) -> Section:
    """Make the verdict tables."""
    blocks: list[Block] = [_alone(result)]
    if result.relatives:
        blocks.append(_against(result))
    if not result.annual:
        blocks.append(
            Paragraph(
                "The run spans less than a year, so nothing is annualised: ratios are a session.", "note"
            )
        )
    return Section("verdict", "Verdict", tuple(blocks))


def columns(result: Result) -> tuple[Column, ...]:
    """A table's column for each book."""
    return tuple(Column(label, strong=position == 0) for position, label in enumerate(result.labels))


def metric_rows(every: Iterable[Metric], holders: Sequence[Figures]) -> tuple[Row, ...]:
    """A row for each metric with the value of each holder; a rule where another group begins."""
    rows = []
    group: str | None = None
    for each in every:
        if each.optional and all(holder[each.key] is None for holder in holders):
            continue
        cells = (Cell(holder[each.key], each.form) for holder in holders)
        label = Cell(each.label(holders[0].annual))
        rows.append(Row((label, *cells), term=each.key, group=each.group != group))
        group = each.group
    return tuple(rows)


def _alone(result: Result) -> Table:
    rows = metric_rows(metrics("portfolio"), result.performances)
    traded = metric_rows(metrics("trading", "terminal"), result.tradings)
    return Table(
        "Return and risk after costs", (Column("Statistic", "left"), *columns(result)), (*rows, *traded)
    )


def _against(result: Result) -> Table:
    return Table(
        f"{result.book.label} against each benchmark",
        (Column("Statistic", "left"), *(Column(label) for label in result.labels[1:])),
        metric_rows(metrics("relative"), result.relatives),
    )
