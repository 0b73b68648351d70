"""A document's sections in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
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


def print_sections(console: Console, sections: Iterable[Section]) -> None:
    """Print the words and tables of `sections`; charts are left out."""
    for section in sections:
        console.rule(section.title, align="left")
        for block in section.blocks:
            print_block(console, block)


def print_block(console: Console, block: Block) -> None:
    """Print one block; texts are never read as markup, details stay folded."""
    match block:
        case Paragraph():
            console.print(block.text, markup=False, highlight=False)
        case Bullets():
            console.print(block.title, markup=False, highlight=False)
            for item in block.items:
                console.print(f"- {item}", markup=False, highlight=False)
        case Table():
            console.print(_table(block))
            if block.note:
                console.print(block.note, markup=False, highlight=False, style="dim")
        case Scorecard():
            for check in block.checks:
                line = f"{check.outcome:>4}  {check.what}: {check.said}"
                console.print(line, markup=False, highlight=False, style=OUTCOMES[check.outcome])
        case HeatMap():
            print_block(console, block.table)
        case Facts():
            for fact in block.items:
                console.print(f"{fact.name}: {fact.text}", markup=False, highlight=False)
        case Details():
            console.print(f"{block.summary}: on the page.", markup=False, highlight=False, style="dim")
        case Beside():
            for inner in block.blocks:
                print_block(console, inner)
        case _:
            pass


def _table(block: Table) -> RichTable:
    table = RichTable(
        title=Text(printable(block.caption)), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in block.columns:
        table.add_column(Text(printable(column.label)), justify=column.align)
    for row in block.rows:
        table.add_row(*(Text(printable(cell.text)) for cell in row.cells), end_section=row.group)
    return table
