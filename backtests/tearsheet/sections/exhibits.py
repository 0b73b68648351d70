"""Charts and tables that the strategy brings for its own tearsheet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from backtests.document.blocks import (
    Block,
    Dash,
    Figure,
    Line,
    LineChart,
    Marks,
    Paragraph,
    Section,
    Shade,
)
from backtests.document.formats import typeset
from backtests.metrics import exhibit_words
from backtests.result import Result
from backtests.tearsheet.layout import OWN
from backtests.tearsheet.listing import listed
from strategies.exhibit import Exhibit


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


def _blocks(key: str, exhibit: Exhibit) -> Iterator[Block]:
    if exhibit.series:
        yield Figure(key, _chart(exhibit), exhibit.caption, exhibit.text)
    elif exhibit.text:
        yield Paragraph(typeset(exhibit.text), "plain" if exhibit.table else "note")
    if exhibit.table:
        yield listed(exhibit_words(exhibit)["table"])


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
