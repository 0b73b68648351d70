"""What stands open, what is folded, what is for looking up, and which charts stand side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from backtests.document.blocks import Beside, Block, Details, Figure, Paragraph, Section, Table

LOOKED_UP = frozenset({"setup", "capacity", "decisions", "definitions", "provenance"})
"""Sections that nobody reads from start to end: appendices on paper."""

OPEN: Mapping[str, int] = {"verdict": 2, "stress": 2, "significance": 0, "costs": 0, "hedge": 0}
"""Tables and rows of charts that stand open, where it is not one; the rest of a section is folded."""

OWN = "exhibit-"
"""How the keys of the strategy's own sections begin: they stand open, but for charts after the first row."""

MOST_BESIDE = 3
"""Charts side by side."""


def laid_out(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The same sections for readers in a hurry: the first as it is, of the others the first evidence."""
    first, *others = sections
    return (first, *map(_laid_out, others))


def _laid_out(section: Section) -> Section:
    if section.key in LOOKED_UP or section.appendix:
        return replace(section, blocks=_folded(section), appendix=True)
    if section.key.startswith(OWN):
        return replace(section, blocks=_one_row_of_charts(section.blocks))
    stays: list[Block] = []
    folded: list[Block] = []
    seen = 0
    for block in _beside(section.blocks):
        seen += isinstance(block, Table | Figure | Beside)
        behind = seen > OPEN.get(section.key, 1) and not isinstance(block, Details)
        (folded if behind else stays).append(block)
    if folded:
        stays.append(Details(f"More: {'; '.join(_captions(folded))}", tuple(folded)))
    return replace(section, blocks=tuple(stays))


def _one_row_of_charts(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """What a strategy made, with the charts side by side, and rows of them after the first folded."""
    stays: list[Block] = []
    folded: list[Block] = []
    for block in _beside(blocks):
        further = isinstance(block, Beside) and any(isinstance(each, Beside) for each in stays)
        (folded if further else stays).append(block)
    if folded:
        count = sum(len(block.blocks) for block in folded if isinstance(block, Beside))
        stays.append(Details(f"{count} more charts" if count > 1 else "1 more chart", tuple(folded)))
    return tuple(stays)


def _folded(section: Section) -> tuple[Block, ...]:
    """An appendix stays folded on screen until it is looked up."""
    words = tuple(block for block in section.blocks if isinstance(block, Paragraph))
    folded = tuple(block for block in section.blocks if isinstance(block, Details))
    rest = tuple(block for block in section.blocks if not isinstance(block, Paragraph | Details))
    return (*words, *((Details("Show all", rest),) if rest else ()), *folded)


def _beside(blocks: Iterable[Block]) -> Iterator[Block]:
    """Charts that follow each other, side by side."""
    for are_charts, run in groupby(blocks, key=lambda block: isinstance(block, Figure)):
        if not are_charts:
            yield from run
            continue
        charts = [each for each in run if isinstance(each, Figure)]
        for begin in range(0, len(charts), MOST_BESIDE):
            row = charts[begin : begin + MOST_BESIDE]
            yield Beside(tuple(replace(each, small=True) for each in row)) if len(row) > 1 else row[0]


def _captions(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Table() | Figure():
                yield block.caption
            case Beside():
                yield from _captions(block.blocks)
