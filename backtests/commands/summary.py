"""A run's numbers in the terminal: what `run` ends with, and the command `show`.

It reads what the run wrote, so it imports neither pandas nor what runs: that would take four times as long.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from backtests.analysis.definitions import METRICS
from backtests.analysis.registry import Metric
from backtests.document.blocks import Paragraph
from backtests.document.formats import formatted
from backtests.document.terminal import Terminal, print_block
from backtests.records import archive
from backtests.records.finished import find, reading
from backtests.tearsheet import held_out
from backtests.tearsheet.listing import first_blocks
from backtests.tearsheet.provenance import (
    author_knew,
    caution,
    lookahead,
    rewound,
    too_good,
    trials_on_record,
    verification,
)
from datafeeds.names import printable

FIRST_COLUMN, EDGE = 24, 1
"""Characters of a table's first column and at its right; between two columns stand one, or two with room."""

PARTS = {"portfolio": "performance", "trading": "trading", "relative": "relative"}
"""Where the metrics of each scope stand in ``metrics.json``."""


def show_command(run: str, results: Path) -> None:
    """Print the numbers of a finished run, and which of its files are not as they were written."""
    folder = find(results, run)
    altered = archive.altered(folder)
    if altered:
        said = f"NOT as it was written: {', '.join(altered)} changed since."
        Terminal().print(said, style="bold red")
    with reading(folder):
        metrics, manifest = (archive.read_json(folder / name) for name in ("metrics.json", "manifest.json"))
        print_summary(folder, metrics, manifest)


def print_summary(folder: Path, metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Print what a run's ``metrics.json`` and ``manifest.json`` hold."""
    console = Terminal()
    if first := caution(manifest):
        console.print(first, style="bold red")
    if said := manifest.get("headline"):
        console.print(said, style="bold")
    for exhibit in metrics.get("exhibits", ()):
        if exhibit["first"]:
            for block in first_blocks(exhibit):
                print_block(console, block)
    console.print(summary_table(metrics, console.width))
    if said := last_weights(metrics):
        console.print(said)
    if held := metrics.get("holdout"):
        print_held_out(console, held)
    tell = (verification, lookahead, rewound, author_knew, trials_on_record)
    told = (*filter(None, (say(manifest) for say in tell)), *too_good(manifest))
    for sentence in (*told, *manifest.get("unread", ())):
        console.print(sentence)
    seconds = ", ".join(f"{phase} {value:.2f}" for phase, value in manifest["seconds"].items())
    console.print(f"Seconds: {seconds}", style="dim")
    console.print(f"Tearsheet: {folder / 'tearsheet.html'}", soft_wrap=True)


NAMED = 5
"""Holdings that a terminal names."""


def last_weights(metrics: Mapping[str, Any]) -> str:
    """What the strategy held at the last close, in a sentence; empty where a run's record does not say."""
    rows = [row for row in metrics.get("holdings", {}).get("table", ()) if row.get("end")]
    if "holdings" not in metrics:
        return ""
    if not rows:
        return "Held at the end: cash alone."
    rows.sort(key=lambda row: -row["end"])
    named = ", ".join(
        f"{printable(row['symbol'])} {formatted(row['end'], 'percent')}" for row in rows[:NAMED]
    )
    rest = sum(row["end"] for row in rows[NAMED:])
    more = f", {len(rows) - NAMED} more {formatted(rest, 'percent')}" if rows[NAMED:] else ""
    cash = formatted(1.0 - sum(row["end"] for row in rows), "percent")
    return f"Held at the end: {named}{more}, cash {cash}."


def print_held_out(console: Terminal, held: Mapping[str, Any]) -> None:
    """Figures before and after the holdout began."""
    print_block(console, held_out.table(held) or Paragraph(held_out.sentence(held)))


def summary_table(metrics: Mapping[str, Any], width: int = 80) -> Table:
    """The strategy beside its benchmarks; the last rows are the strategy measured against each.

    Labels are broken between words into lines that fit a terminal of `width`; where their words don't fit,
    letters head the columns and a key stands above them.
    """
    books = [metrics["strategy"], *metrics["benchmarks"]]
    rows = [
        (
            metric.label(metrics["annual"]),
            [_cell(book.get(part, {}).get(metric.key), metric) for book in books],
        )
        for scope, part in PARTS.items()
        for metric in METRICS.values()
        if metric.scope == scope and "terminal" in metric.shown
    ]
    least = [max(len(cells[place]) for _, cells in rows) for place in range(len(books))]
    labels = [printable(book["label"]) for book in books]
    room = width - FIRST_COLUMN - EDGE - len(books)
    loose = label_widths(labels, least, room - len(books))
    widths = loose or label_widths(labels, least, room)
    title = f"{metrics['first_session']} to {metrics['last_session']}"
    if widths is None:
        letters = [chr(ord("A") + place) if place < 26 else str(place + 1) for place in range(len(books))]
        title = "\n".join((title, *(f"{key}: {label}" for key, label in zip(letters, labels, strict=True))))
        labels, widths = letters, least
    table = Table(
        title=Text(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1 if loose else 0, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for label, each in zip(labels, widths, strict=True):
        lines = textwrap.wrap(label, each, break_long_words=False)
        table.add_column(Text("\n".join(lines)), justify="right", overflow="fold")
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def _cell(value: Any, metric: Metric) -> str:
    return "" if value is None else formatted(value, metric.form)


def label_widths(labels: Sequence[str], least: Sequence[int], room: int) -> list[int] | None:
    """Characters for each column so that its label breaks between words, into few lines; None without room.

    Parameters
    ----------
    labels : sequence of str
    least : sequence of int
        What the cells of each column take.
    room : int
        Characters of all columns together.

    Examples
    --------
    >>> label_widths(["Blueprint", "Equal-weighted universe"], [7, 7], 20)
    [9, 11]
    >>> label_widths(["Blueprint", "Equal-weighted universe"], [7, 7], 16) is None
    True
    """
    widths = [
        max(fewest, *(len(part) for part in textwrap.wrap(label, 1, break_long_words=False)), 1)
        for label, fewest in zip(labels, least, strict=True)
    ]
    if sum(widths) > room:
        return None
    lines = [len(textwrap.wrap(label, each)) for label, each in zip(labels, widths, strict=True)]
    while sum(widths) < room and max(lines) > 1:
        place = lines.index(max(lines))
        widths[place] += 1
        lines[place] = len(textwrap.wrap(labels[place], widths[place]))
    return widths
