"""Charts that the strategy brings for its own tearsheet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtests.document.blocks import Block, Dash, Figure, Line, LineChart, Marks, Paragraph, Section
from backtests.result import Result
from strategies.asof import AsOf
from strategies.exhibit import Exhibit


def sections(result: Result) -> tuple[Section, ...]:
    """A section for each exhibit; see `strategies.strategy.Strategy.exhibits`."""
    strategy = result.book.strategy
    targets = {pd.Timestamp(each.session): each.target for each in result.book.ledger.decisions}
    see = AsOf(result.market, result.account.last)
    return tuple(
        Section(f"exhibit-{number}", exhibit.title, (_block(exhibit, f"exhibit-chart-{number}"),))
        for number, exhibit in enumerate(strategy.exhibits(see, targets), start=1)
    )


def _block(exhibit: Exhibit, key: str) -> Block:
    if not exhibit.series:
        return Paragraph(exhibit.text, "note")
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
    chart = LineChart(lines, exhibit.unit, log=exhibit.log, marks=marks)
    return Figure(key, chart, exhibit.caption, exhibit.text)
