"""The terminal, and a document's sections in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from backtests.document.blocks import (
    Beside,
    Block,
    Bullets,
    Details,
    Facts,
    HeatMap,
    Outcome,
    Paragraph,
    Scorecard,
    Section,
    Table,
)
from datafeeds.names import printable

OUTCOMES: dict[Outcome, str] = {"pass": "", "warn": "yellow", "fail": "bold red"}


LONGEST_WORD = 16
"""Characters of a word that a column of a table makes room for; a longer one is broken, never cut off."""


PADDING = 1
"""Characters between two columns."""


class Terminal(Console):
    """A console that shows every text as it is: no markup in it, and control characters as escapes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, highlight=False, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as every console does, then escape what a terminal would obey."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


@contextmanager
def working(first: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error; call what is yielded to say what goes on now."""
    with Terminal(stderr=True).status(Text(first)) as status:
        yield lambda what: status.update(Text(what))


def print_sections(console: Console, sections: Iterable[Section]) -> None:
    """Print the words and tables of `sections`; charts are left out."""
    for section in sections:
        console.rule(section.title, align="left")
        for block in section.blocks:
            print_block(console, block)


def print_block(console: Console, block: Block) -> None:
    """Print one block; details stay folded."""
    match block:
        case Paragraph():
            console.print(block.text)
        case Bullets():
            console.print(block.title)
            for item in block.items:
                console.print(f"- {item}")
        case Table():
            console.print(_table(block, console.width))
            if block.note:
                console.print(block.note, style="dim")
        case Scorecard():
            for check in block.checks:
                line = f"{check.outcome:>4}  {check.what}: {check.said}"
                console.print(line, style=OUTCOMES[check.outcome])
        case HeatMap():
            print_block(console, block.table)
        case Facts():
            for fact in block.items:
                console.print(f"{fact.name}: {fact.text}")
        case Details():
            console.print(f"{block.summary}: on the page.", style="dim")
        case Beside():
            for inner in block.blocks:
                print_block(console, inner)
        case _:
            pass


def _table(block: Table, width: int) -> RichTable:
    table = RichTable(
        title=Text(printable(block.caption)),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, PADDING, 0, 0),
    )
    least = [_longest_word(block, place) for place in range(len(block.columns))]
    roomy = sum(least) + len(least) * (PADDING + 1) <= width
    for column, words in zip(block.columns, least, strict=True):
        label = Text(printable(column.label))
        table.add_column(label, justify=column.align, overflow="fold", min_width=words if roomy else None)
    for row in block.rows:
        table.add_row(*(Text(printable(cell.text)) for cell in row.cells), end_section=row.group)
    return table


def _longest_word(block: Table, place: int) -> int:
    """Characters that a column of a table needs so that no word is broken, `LONGEST_WORD` at most."""
    cells = (row.cells[place].text for row in block.rows if place < len(row.cells))
    texts = (block.columns[place].label, *cells)
    return min(
        max((len(word) for text in texts for word in printable(text).split()), default=0), LONGEST_WORD
    )
