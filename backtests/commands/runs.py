"""The command `run`."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from backtests.commands.summary import print_summary
from backtests.document.drawing import DrawingProcess
from backtests.document.pdf import PAPERS, Paper
from backtests.document.terminal import Terminal
from backtests.records.results import write
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.tearsheet.assembly import build
from backtests.tearsheet.pages import get_ready
from backtests.tearsheet.provenance import knows_future


def run_command(config: RunConfig, results: Path, paper: str, verify: bool, drawing: DrawingProcess) -> bool:
    """Run a backtest, write its folder, print its numbers, and say whether it may know the future.

    Charts are drawn by `drawing`, while decisions are replayed if they are waited for.
    """
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

        def draw(result: Result) -> None:
            if not drawing.begun:
                drawing.begin(build(result))
                get_ready()

        result = run(config, verify=verify, check=True, progress=progress, meanwhile=draw)
        progress("writing the tearsheet")
        draw(result)
        drawing.finish()
        written = write(result, results, papers[paper])
    print_summary(written.folder, written.metrics, written.manifest)
    return knows_future(written.manifest)
