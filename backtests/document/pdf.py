"""A document as a PDF, typeset by typst from the same blocks as the HTML.

The document goes in as data: no text in it can act as markup. Fonts are those inside typst and DejaVu Sans as
matplotlib brings it: the same document gives the same bytes wherever the versions are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import typst

from backtests.document.blocks import (
    Beside,
    Block,
    Bullets,
    DecisionLog,
    Details,
    Document,
    Facts,
    Figure,
    Glossary,
    HeatMap,
    Highlights,
    LogEntry,
    Paragraph,
    Scorecard,
    Section,
    Signature,
    Table,
    Unchanged,
    every_block,
)
from backtests.document.formats import formatted
from backtests.document.legend import legend
from backtests.document.palette import series_color
from backtests.document.svg import size_of, standalone_svg

Paper = Literal["a4", "letter"]
PAPERS: dict[Paper, str] = {"a4": "a4", "letter": "us-letter"}
TEMPLATE = Path(__file__).parent / "templates" / "document.typ"
WIDEST_CELL, WIDEST_OF_FEW, FEW = 34, 80, 4
"""Characters that a cell may ask for before it is broken into lines; more where there are few columns."""


def pdf(document: Document, paper: Paper = "a4") -> bytes:
    """Typeset the document.

    Parameters
    ----------
    document : Document
    paper : {"a4", "letter"}

    Returns
    -------
    bytes
        The same for the same document: the file carries no time of its making.
    """
    return typeset(content(document, paper))


def content(document: Document, paper: Paper = "a4") -> str:
    """What `typeset` sets, as JSON: all that needs Python, the charts too."""
    return json.dumps(plain(document, paper))


def typeset(content: str) -> bytes:
    """Typeset a document's `content`, without Python's lock: something else may run beside."""
    return typst.compile(
        TEMPLATE.read_bytes(),
        font_paths=load_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"content": content},
        timestamp=0,
    )


def plain(document: Document, paper: Paper = "a4") -> dict[str, Any]:
    """The document as what JSON knows, every value as readers see it.

    What is folded in a section stands behind the last one, among the appendices.
    """
    blocks = every_block(block for section in document.sections for block in section.blocks)
    explained = {
        definition.key for block in blocks if isinstance(block, Glossary) for definition in block.definitions
    }
    read = [section for section in document.sections if not section.appendix]
    folded = [
        Section(f"{section.key}-folded", f"{section.title}, in detail", details, appendix=True)
        for section in read
        if (details := tuple(each for each in section.blocks if isinstance(each, Details) and each.paper))
    ]
    looked_up = [*folded, *(section for section in document.sections if section.appendix)]
    return {
        "kind": document.kind,
        "title": document.title,
        "subtitle": document.subtitle,
        "footer": document.footer,
        "paper": PAPERS[paper],
        "glossary": sorted(explained),
        "sections": [_section(document, section) for section in read],
        "appendices": [_section(document, section) for section in looked_up],
    }


def _section(sheet: Document, section: Section) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    for block in section.blocks:
        if isinstance(block, Details) and block.paper and not section.appendix:
            blocks.append({"kind": "Reference", "text": block.summary, "key": f"{section.key}-folded"})
        else:
            blocks += _blocks(sheet, block)
    return {"key": section.key, "title": section.title, "blocks": blocks}


def _blocks(sheet: Document, block: Block) -> Iterator[dict[str, Any]]:
    match block:
        case Details() if not block.paper:
            yield {"kind": "Paragraph", "text": f"{block.summary}: on the screen's page.", "tone": "note"}
        case Details():
            yield {"kind": "Heading", "text": block.summary}
            for inner in block.blocks:
                yield from _blocks(sheet, inner)
        case HeatMap():
            yield from _blocks(sheet, block.table)
        case Beside():
            inside = [list(_blocks(sheet, inner)) for inner in block.blocks]
            yield {"kind": "Beside", "columns": inside}
        case _:
            yield {"kind": type(block).__name__, **_content(sheet, block)}


def _content(sheet: Document, block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"text": block.text, "tone": block.tone}
        case Bullets():
            return {"title": block.title, "items": list(block.items), "tone": block.tone}
        case Facts():
            return {"items": [{"name": item.name, "text": item.text} for item in block.items]}
        case Highlights():
            return {
                "items": [
                    {
                        "text": sheet.term(item.term),
                        "term": item.term,
                        "value": item.cell.text,
                        "comparison": item.comparison,
                    }
                    for item in block.items
                ]
            }
        case Scorecard():
            return {"title": block.title, "checks": [asdict(check) for check in block.checks]}
        case Signature():
            return asdict(block)
        case Table():
            return _table(sheet, block)
        case Figure():
            return {
                "caption": block.caption,
                "alt": block.alt,
                "svg": standalone_svg(block.chart, size_of(block)),
                "small": block.small,
                "legend": [
                    {
                        "label": each.label,
                        "shape": each.shape,
                        "color": series_color(each.slot),
                        "dashes": list(each.dashes),
                    }
                    for each in legend(block.chart)
                    if not each.on_request
                ],
            }
        case DecisionLog():
            return {"entries": [_log_entry(entry) for entry in block.entries]}
        case Glossary():
            return {
                "entries": [
                    {
                        "key": definition.key,
                        "term": sheet.term(definition.key),
                        "formula": definition.formula,
                        "source": definition.source,
                    }
                    for definition in block.definitions
                ]
            }
        case HeatMap() | Details() | Beside():
            raise AssertionError("blocks of blocks are taken apart before")


def _table(sheet: Document, block: Table) -> dict[str, Any]:
    labels = [sheet.heading(column) if column.term else column.label for column in block.columns]
    widest = WIDEST_OF_FEW if len(labels) <= FEW else WIDEST_CELL
    rows: list[dict[str, Any]] = [
        {
            "cells": [{"text": cell.text, "shade": cell.shade, "framed": cell.framed} for cell in row.cells],
            "term": row.term,
            "group": row.group,
        }
        for row in block.rows
    ]
    for row, source in zip(rows, block.rows, strict=True):
        if source.term:
            row["cells"][0]["text"] = sheet.term(source.term)
    return {
        "caption": block.caption,
        "columns": [
            {"text": label, "align": column.align, "term": column.term, "strong": column.strong}
            for column, label in zip(block.columns, labels, strict=True)
        ],
        "rows": rows,
        "widths": [
            column_width(label, [row["cells"][place]["text"] for row in rows], widest)
            for place, label in enumerate(labels)
        ],
        "note": block.note,
        "dense": block.dense,
        "long": block.long,
    }


def column_width(label: str, cells: list[str], widest: int = WIDEST_CELL) -> int:
    """Characters that a column asks for: its cells unbroken up to a limit, its label in two lines or so."""
    body = min(max((len(text) for text in cells), default=0), widest)
    word = max((len(part) for part in label.split()), default=0)
    return max(body, word, min(-(-len(label) // 2), 14)) + 2


def _log_entry(entry: LogEntry | Unchanged) -> dict[str, Any]:
    if isinstance(entry, Unchanged):
        return {"date": formatted(entry.first, "date"), "unchanged": entry.text}
    moves = [
        f"{move.symbol} {formatted(move.before, 'percent')} → {formatted(move.after, 'percent')}"
        for move in entry.moves
    ]
    return {
        "date": formatted(entry.session, "date"),
        "turnover": formatted(entry.turnover, "percent"),
        "moves": ", ".join(moves) or "none",
        "reasons": list(entry.reasons),
    }


@cache
def load_fonts() -> Any:
    """The fonts of the PDF, which come with matplotlib, read once a process."""
    spec = find_spec("matplotlib")  # a fifteenth of a second to import
    assert spec is not None
    fonts = Path(str(spec.origin)).with_name("mpl-data") / "fonts" / "ttf"
    return typst.Fonts(include_system_fonts=False, font_paths=[fonts])
