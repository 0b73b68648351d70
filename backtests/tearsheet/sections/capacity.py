"""How much money the strategy can carry."""

from __future__ import annotations

from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.result import Result
from backtests.tearsheet.wording import capacity_sentence, impact_sentence


def section(result: Result) -> Section:
    """Capital at a participation in volume, and impact as it grows."""
    found = result.sizing
    limit = found.capacity
    blocks: list[Block] = [Paragraph(capacity_sentence(limit))]
    if found.break_even is not None:
        blocks.append(Paragraph(impact_sentence(found.sizes, found.break_even)))
    if found.sizes:
        blocks += [
            Table(
                f"Market impact by starting capital, square-root law with coefficient {found.impact:g}",
                (Column("Starting capital"), Column("Impact a year (bps)"), Column("Traded value cut off")),
                tuple(
                    Row(
                        (
                            Cell(size.capital, "money"),
                            Cell(size.impact_rate * 1e4, "bps"),
                            Cell(size.capped, "percent"),
                        )
                    )
                    for size in found.sizes
                ),
                "Where the law gives a move of half the price or more it is cut off there.",
            ),
            Table(
                f"Equity at which {limit.share:.0%} of a year's traded value stays within "
                f"{limit.participation:.0%} of average daily volume",
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
                    for year in limit.years
                ),
            ),
        ]
    return Section("capacity", "Capacity", tuple(blocks))
