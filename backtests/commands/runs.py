"""The commands `run` and `show`: a run's numbers as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from backtests.analysis.definitions import METRICS
from backtests.document.blocks import Paragraph
from backtests.document.formats import formatted
from backtests.document.pdf import PAPERS, Paper
from backtests.document.terminal import Terminal, print_block
from backtests.records import archive
from backtests.records.results import find, reading, write
from backtests.runner import run
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.tearsheet import held_out
from backtests.tearsheet.provenance import (
    author_knew,
    caution,
    knows_future,
    lookahead,
    rewound,
    too_good,
    trials_on_record,
    verification,
)
from backtests.tearsheet.sections.exhibits import first_blocks
from datafeeds.names import printable

FIRST_COLUMN, PADDING, NARROWEST = 24, 1, 8
"""Characters of a table's first column, between two columns, and that a number takes."""

PARTS = {"portfolio": "performance", "trading": "trading", "relative": "relative"}
"""Where the metrics of each scope stand in ``metrics.json``."""


def run_command(config: RunConfig, results: Path, paper: str, verify: bool) -> bool:
    """Run a backtest, write its folder, print its numbers, and say whether it may know the future."""
    papers: dict[str, Paper] = {name: name for name in PAPERS}
    if paper not in papers:
        raise ConfigError(f"--paper {paper!r}: write {' or '.join(papers)}")
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
        steps = bar.add_task("starting", total=len(config.benchmarks) + 4 + verify)

        def progress(what: str) -> None:
            bar.update(steps, description=what, advance=1)

        result = run(config, verify=verify, check=True, progress=progress)
        progress("writing the tearsheet")
        written = write(result, results, papers[paper])
    _print_summary(written.folder, written.metrics, written.manifest)
    return knows_future(written.manifest)


def show_command(run: str, results: Path) -> None:
    """Print the numbers of a finished run, and which of its files are not as they were written."""
    folder = find(results, run)
    altered = archive.altered(folder)
    if altered:
        said = f"NOT as it was written: {', '.join(altered)} changed since."
        Terminal().print(said, style="bold red")
    with reading(folder):
        metrics, manifest = (archive.read_json(folder / name) for name in ("metrics.json", "manifest.json"))
        _print_summary(folder, metrics, manifest)


def _print_summary(folder: Path, metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
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
    if held := metrics.get("holdout"):
        print_held_out(console, held)
    tell = (verification, lookahead, rewound, author_knew, trials_on_record)
    for sentence in (*filter(None, (say(manifest) for say in tell)), *too_good(manifest)):
        console.print(sentence)
    seconds = ", ".join(f"{phase} {value:.2f}" for phase, value in manifest["seconds"].items())
    console.print(f"Seconds: {seconds}", style="dim")
    console.print(f"Tearsheet: {folder / 'tearsheet.html'}", soft_wrap=True)


def print_held_out(console: Terminal, held: Mapping[str, Any]) -> None:
    """Figures before and after the holdout began."""
    print_block(console, held_out.table(held) or Paragraph(held_out.sentence(held)))


def summary_table(metrics: Mapping[str, Any], width: int = 80) -> Table:
    """The strategy beside its benchmarks; the last rows are the strategy measured against each.

    Labels are broken into lines that fit a terminal of `width`.
    """
    books = [metrics["strategy"], *metrics["benchmarks"]]
    span = f"{metrics['first_session']} to {metrics['last_session']}"
    table = Table(
        title=span, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, PADDING, 0, 0)
    )
    table.add_column("", no_wrap=True)
    each = max(NARROWEST, (width - FIRST_COLUMN) // len(books) - PADDING)
    for book in books:
        lines = textwrap.wrap(printable(book["label"]), each)
        table.add_column(Text("\n".join(lines)), justify="right", overflow="fold")
    for scope, part in PARTS.items():
        for metric in METRICS.values():
            if metric.scope == scope and "terminal" in metric.shown:
                values = [book.get(part, {}).get(metric.key) for book in books]
                cells = ("" if value is None else formatted(value, metric.form) for value in values)
                table.add_row(metric.label(metrics["annual"]), *cells)
    return table
