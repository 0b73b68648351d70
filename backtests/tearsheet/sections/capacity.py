"""How much money the strategy can carry."""

from __future__ import annotations

from backtests.analysis.capacity import (
    TYPICAL_IMPACT,
    break_even_capital,
    capacity,
    cost_growth,
    growth_sentence,
    trades_of,
)
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.tearsheet.material import Material

PARTICIPATION = 0.05
"""Share of daily volume that one trade may take where the run file does not say."""


def section(material: Material) -> Section:
    """Capital at a participation in volume, and impact as it grows."""
    config, ledger = material.result.config, material.result.book.ledger
    trades = trades_of(ledger, material.result.market)
    found = capacity(trades, config.capital, config.costs.max_participation or PARTICIPATION)
    blocks: list[Block] = [Paragraph(found.sentence())]
    if trades.known.any():
        impact = config.costs.impact or TYPICAL_IMPACT
        sizes = cost_growth(trades, ledger, impact)
        if material.relatives:
            before = material.relatives[0].excess_return + material.tradings[0].impact_bps / 1e4
            blocks.append(
                Paragraph(growth_sentence(sizes, break_even_capital(trades, ledger, before, impact)))
            )
        blocks.append(
            Table(
                f"Market impact by starting capital, square-root law with coefficient {impact:g}",
                (Column("Starting capital"), Column("Impact a year (bps)"), Column("Traded value cut off")),
                tuple(
                    Row(
                        (
                            Cell(size.capital, "money"),
                            Cell(size.impact_rate * 1e4, "bps"),
                            Cell(size.capped, "percent"),
                        )
                    )
                    for size in sizes
                ),
                "Where the law gives a move of half the price or more it is cut off there.",
            )
        )
        blocks.append(
            Table(
                f"Equity at which {found.share:.0%} of a year's traded value stays within "
                f"{found.participation:.0%} of average daily volume",
                (Column("Year", "left"), Column("Trades"), Column("Equity"), Column("Every trade up to")),
                tuple(
                    Row(
                        (
                            Cell(str(year.year)),
                            Cell(year.trades, "integer"),
                            Cell(year.equity, "money"),
                            Cell(year.largest, "money"),
                        )
                    )
                    for year in found.years
                ),
            )
        )
    return Section("capacity", "Capacity", tuple(blocks))
