"""Charts and tables that the strategy brings for its own tearsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from backtests.document.blocks import (
    Block,
    Cell,
    Column,
    Dash,
    Figure,
    Line,
    LineChart,
    Marks,
    Paragraph,
    Row,
    Section,
    Shade,
    Table,
)
from backtests.document.formats import typeset
from backtests.metrics import exhibit_words
from backtests.result import Result
from backtests.tearsheet.layout import OWN
from strategies.exhibit import Exhibit

FIRST_ROWS = 3
"""Rows of a table on page one and in the terminal."""


def sections(result: Result) -> tuple[Section, ...]:
    """A section for each title; see `strategies.strategy.Strategy.exhibits`."""
    keys = (f"exhibit-chart-{number}" for number in range(1, len(result.exhibits) + 1))
    keyed = zip(keys, result.exhibits, strict=True)
    return tuple(
        _section(f"{OWN}{number}", title, list(alike))
        for number, (title, alike) in enumerate(groupby(keyed, key=lambda pair: pair[1].title), start=1)
    )


def _section(key: str, title: str, keyed: list[tuple[str, Exhibit]]) -> Section:
    blocks = tuple(block for each in keyed for block in _blocks(*each))
    return Section(key, title, blocks, appendix=all(exhibit.looked_up for _, exhibit in keyed))


def first_blocks(content: Mapping[str, Any]) -> Iterator[Block]:
    """Text and table of one exhibit as ``metrics.json`` holds it, for page one and the terminal."""
    yield Paragraph(typeset(content["text"]))
    if listing := content["table"]:
        yield _table(listing, FIRST_ROWS)


def _blocks(key: str, exhibit: Exhibit) -> Iterator[Block]:
    if exhibit.series:
        yield Figure(key, _chart(exhibit), exhibit.caption, exhibit.text)
    elif exhibit.text:
        yield Paragraph(typeset(exhibit.text), "plain" if exhibit.table else "note")
    if exhibit.table:
        yield _table(exhibit_words(exhibit)["table"])


def _table(listing: Mapping[str, Any], most: int | None = None) -> Table:
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


def _chart(exhibit: Exhibit) -> LineChart:
    dashes: tuple[Dash, ...] = ("solid", "dashed", "dotted")
    lines = tuple(
        Line(
            label,
            values.index.to_numpy().astype("datetime64[D]"),
            np.asarray(values, dtype=np.float64),
            slot,
            dashes[min(slot, 2)],
        )
        for slot, (label, values) in enumerate(exhibit.series.items())
    )
    first = next(iter(exhibit.series.values()))
    marks: tuple[Marks, ...] = ()
    if len(exhibit.marks):
        on_line = np.asarray(first.reindex(exhibit.marks), dtype=np.float64)
        marks = (Marks(exhibit.mark, exhibit.marks.to_numpy().astype("datetime64[D]"), on_line, 3),)
    spans = tuple(
        (np.datetime64(begin.date(), "D"), np.datetime64(end.date(), "D")) for begin, end in exhibit.shaded
    )
    shade = Shade(exhibit.shade, spans) if spans else None
    return LineChart(lines, exhibit.unit, log=exhibit.log, marks=marks, shade=shade)
