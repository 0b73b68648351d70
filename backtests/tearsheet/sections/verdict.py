"""The verdict in numbers: each book alone, and the strategy against each benchmark."""

from __future__ import annotations

from backtests.analysis.definitions import DEFINITIONS
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import Format
from backtests.tearsheet.material import Material

ALONE: tuple[tuple[tuple[str, Format], ...], ...] = (
    (("cagr", "percent2"), ("total_return", "percent")),
    (("volatility", "percent2"), ("sharpe", "number"), ("sortino", "number")),
    (
        ("max_drawdown", "percent2"),
        ("drawdown_peak", "date"),
        ("drawdown_trough", "date"),
        ("drawdown_recovery", "date"),
        ("calmar", "number"),
    ),
    (("value_at_risk", "percent2"), ("expected_shortfall", "percent2")),
    (
        ("best_day", "percent2"),
        ("worst_day", "percent2"),
        ("best_month", "percent2"),
        ("worst_month", "percent2"),
        ("best_year", "percent2"),
        ("worst_year", "percent2"),
    ),
)
TRADED: tuple[tuple[str, Format], ...] = (("turnover", "percent"), ("cost_bps", "bps"))
AGAINST: tuple[tuple[str, Format], ...] = (
    ("excess_return", "percent2"),
    ("tracking_error", "percent2"),
    ("information_ratio", "number"),
    ("beta", "number"),
    ("alpha", "percent2"),
    ("correlation", "number"),
    ("up_capture", "percent"),
    ("down_capture", "percent"),
)


def section(material: Material) -> Section:
    """Make the verdict tables."""
    blocks: list[Block] = [_alone(material)]
    if material.relatives:
        blocks.append(_against(material))
    if not material.annual:
        blocks.append(
            Paragraph(
                "The run spans less than a year, so nothing is annualised: ratios are a session.", "note"
            )
        )
    return Section("verdict", "Verdict", tuple(blocks))


def statistic_row(
    material: Material, key: str, form: Format, holders: tuple[object, ...], group: bool = False
) -> Row:
    """Put the statistic `key` of each holder in a row named by its definition."""
    definition = DEFINITIONS[key]
    label = definition.term if material.annual or not definition.short_term else definition.short_term
    return Row(
        (Cell(label), *(Cell(getattr(holder, key), form) for holder in holders)), term=key, group=group
    )


def _alone(material: Material) -> Table:
    rows = [
        statistic_row(material, key, form, material.performances, group=position == 0)
        for block in ALONE
        for position, (key, form) in enumerate(block)
    ]
    rows += [
        statistic_row(material, key, form, material.tradings, group=position == 0)
        for position, (key, form) in enumerate(TRADED)
    ]
    return Table(
        "Return and risk after costs",
        (Column("Statistic", "left"), *material.columns),
        tuple(rows),
    )


def _against(material: Material) -> Table:
    return Table(
        f"{material.result.book.label} against each benchmark",
        (Column("Statistic", "left"), *(Column(label) for label in material.labels[1:])),
        tuple(statistic_row(material, key, form, material.relatives) for key, form in AGAINST),
    )
