"""Sweeps and walk-forwards as the command line shows them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from backtests.document.terminal import Terminal
from backtests.settings.run_file import ConfigError, RunConfig, load
from backtests.sweeps.execution import Interrupted, Standing, Watch
from backtests.sweeps.report import PAGE as SWEEP_PAGE
from backtests.sweeps.report import chosen_sentence
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.walk_forward import walk_forward
from backtests.sweeps.walk_forward_report import PAGE as WALK_FORWARD_PAGE
from backtests.sweeps.walk_forward_report import outcome, stability, write
from backtests.sweeps.wording import label, listed, number
from backtests.tearsheet.provenance import knows_future, lookahead


def config_of(file: str, overrides: list[str]) -> RunConfig:
    """Read a run file, refusing to set a key that it sweeps.

    Raises
    ------
    ConfigError
        As `backtests.settings.run_file.load`; or for such a key.
    """
    config = load(file, overrides)
    swept = config.sweep.parameters if config.sweep else {}
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key in swept:
            raise ConfigError(
                f"--set {override}: {key} is swept by {file}; set what is tried: sweep.parameters.{key}=[...]"
            )
    return config


def worker_count(workers: int | None, cluster: str = "") -> int:
    """As many as there are cores for this process, if not given.

    Raises
    ------
    ConfigError
        For none, or where a cluster has workers of its own.
    """
    if workers is not None and cluster:
        raise ConfigError(
            f"--workers {workers} and --cluster {cluster} contradict one another: give one of them"
        )
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 1:
        raise ConfigError(f"--workers {workers}: at least one is needed")
    return workers


@contextmanager
def watching(config: RunConfig, console: Terminal) -> Iterator[Watch]:
    """A progress bar with the time left; each new best is a line of its own."""
    metric = config.sweep.rank_by if config.sweep else "sharpe"
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False),
    )
    best: list[int] = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("sweeping", total=None, note="", start=False)

        def watch(standing: Standing) -> None:
            if not bar.tasks[0].started:
                bar.update(task, completed=standing.done, total=standing.total)
                bar.start_task(task)
            failed = f"{standing.failed} failed" if standing.failed else ""
            bar.update(task, completed=standing.done + standing.failed, note=failed)
            if standing.best is not None and standing.best.number not in best:
                best.append(standing.best.number)
                words = listed(standing.best.parameters)
                bar.console.print(
                    f"{standing.done} of {standing.total}, best so far: {label(metric)} "
                    f"{number(standing.score, metric)} with {words}",
                    soft_wrap=True,
                )

        yield watch


@contextmanager
def stopping(console: Terminal) -> Iterator[None]:
    """Say how to go on after Ctrl-C; the command then ends with status 130."""
    try:
        yield
    except Interrupted as stop:
        console.print(
            f"Stopped: {stop.done} of {stop.total} configurations are done and kept. "
            "Run the same command again to go on from there.",
        )
        raise SystemExit(130) from None
    except KeyboardInterrupt:
        console.print("Stopped before any configuration was run.")
        raise SystemExit(130) from None


def sweep_command(config: RunConfig, results: Path, workers: int, cluster: str) -> bool:
    """Run a sweep, print what it says, and say whether its best may know the future."""
    console = Terminal(stderr=True)
    with stopping(console), watching(config, console) as watch:
        done = sweep(config, Workplace(results, workers, cluster, check=True), watch=watch)
    found = done.surroundings
    for sentence in done.manifest.get("unread", ()):
        console.print(sentence, soft_wrap=True)
    row = done.finished.iloc[found.best]
    out = Terminal()
    _print_lookahead(done.manifest, out)
    out.print(
        f"{len(done.table):,} configurations, {len(done.manifest['failed'])} failed. "
        f"Best {label(done.metric)}: {number(found.value, done.metric)} with "
        f"{listed({key: row[key] for key in done.keys})}",
        soft_wrap=True,
    )
    out.print(found.sentence(), soft_wrap=True)
    if scored := done.manifest.get("holdout"):
        out.print(chosen_sentence(scored), soft_wrap=True)
    out.print(f"Report: {done.folder / SWEEP_PAGE}", soft_wrap=True)
    return knows_future(done.manifest)


def _print_lookahead(manifest: Mapping[str, Any], console: Terminal) -> None:
    style = "bold red" if knows_future(manifest) else None
    console.print(lookahead(manifest), style=style, soft_wrap=True)


def walk_forward_command(config: RunConfig, results: Path, workers: int, cluster: str) -> bool:
    """Run a walk-forward, print what it says, and say whether a choice may know the future."""
    console = Terminal(stderr=True)
    with stopping(console), watching(config, console) as watch:
        found = walk_forward(config, Workplace(results, workers, cluster, check=True), watch=watch)
    folder = write(found, results)
    out = Terminal()
    checked = {"lookahead": found.lookahead} if found.lookahead else {}
    _print_lookahead(checked, out)
    scored = (chosen_sentence(found.scored),) if found.scored else ()
    for sentence in (*outcome(found), *stability(found), *scored):
        out.print(sentence, soft_wrap=True)
    out.print(f"Report: {folder / WALK_FORWARD_PAGE}", soft_wrap=True)
    return knows_future(checked)
