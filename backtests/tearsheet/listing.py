"""What a strategy brings for its own tearsheet, as ``metrics.json`` holds it: for pages and the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Table
from backtests.document.formats import typeset

FIRST_ROWS = 3
"""Rows of a table on page one and in the terminal."""


def first_blocks(content: Mapping[str, Any]) -> Iterator[Block]:
    """Text and table of one exhibit as ``metrics.json`` holds it, for page one and the terminal."""
    yield Paragraph(typeset(content["text"]))
    if listing := content["table"]:
        yield listed(listing, FIRST_ROWS)


def listed(listing: Mapping[str, Any], most: int | None = None) -> Table:
    """A listing; of a longer one the first `most` rows."""
    columns = tuple(
        Column(each["label"], "left" if each["unit"] == "text" else "right") for each in listing["columns"]
    )
    units = [each["unit"] for each in listing["columns"]]
    rows = tuple(
        Row(tuple(Cell(value, unit) for value, unit in zip(row, units, strict=True)))
        for row in listing["rows"][:most]
    )
    left = len(listing["rows"]) - len(rows)
    caption = (
        f"{listing['caption']}: the first {len(rows)}, {left} more further on" if left else listing["caption"]
    )
    return Table(caption, columns, rows, "" if most else listing["note"])
