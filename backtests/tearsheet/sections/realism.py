"""Could it have been traded like this: fills against their bars, and the same decisions filled otherwise."""

from __future__ import annotations

from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import typeset
from backtests.result import Result
from backtests.tearsheet.wording import fills_sentence, survival_sentence


def section(result: Result) -> Section:
    """Fills against their bars, and the reruns."""
    blocks: list[Block] = [Paragraph(typeset(fills_sentence(result.fill_check)))]
    if result.reruns:
        against = f"Lead over {result.labels[1]}" if result.benchmarks else "Lead"
        first = result.reruns[0]
        blocks += [
            Paragraph(typeset(survival_sentence(result))),
            Table(
                "The same decisions filled otherwise, strategy and first benchmark alike",
                (
                    Column("Filled", "left"),
                    Column("Return a year" if result.annual else "Return"),
                    Column(against),
                    Column("Change"),
                ),
                tuple(
                    Row(
                        (
                            Cell(each.name),
                            Cell(each.ours, "percent2"),
                            Cell(each.lead, "percent2"),
                            Cell(None if each is first else each.lead - first.lead, "percent2"),
                        )
                    )
                    for each in result.reruns
                ),
                "By the compiled engine. Twice the cost: commission, spread and impact.",
            ),
        ]
    return Section("realism", "Could it have been traded like this?", tuple(blocks))
