"""The `backtest data` commands: look at a market folder before running on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(help="Market folders: what is in them and what is wrong.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="A market folder.")]


@data.command()
def check(
    path: Folder,
    every: Annotated[
        bool, typer.Option("--all", help="Print every finding, not the first of each check.")
    ] = False,
) -> None:
    """Check a market folder; exit status 1 if a run would refuse it."""
    from rich.console import Console

    from backtests.commands.data_report import lines
    from datafeeds.folder.layout import check_folder

    checked = check_folder(path)
    console = Console(highlight=False)
    for line in lines(checked, every):
        console.print(line, soft_wrap=True)
    if checked.errors:
        raise typer.Exit(1)


@data.command()
def report(
    path: Folder,
    html: Annotated[Path, typer.Option("--html", help="File to write.")] = Path("data_report.html"),
) -> None:
    """Write the check of a market folder as a page with pictures."""
    from backtests.commands.data_report import page, verdict
    from backtests.document.html import write_html
    from backtests.settings.run_file import ConfigError
    from datafeeds.folder.layout import check_folder

    checked = check_folder(path)
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        write_html(page(checked), html)
    except OSError as problem:
        raise ConfigError(f"--html {html}: {(problem.strerror or str(problem)).lower()}") from None
    typer.echo(verdict(checked))
    typer.echo(f"Report: {html}")
    if checked.errors:
        raise typer.Exit(1)


@data.command()
def fetch(
    universe: Annotated[str, typer.Option(help="A universe file, or the name of a shipped one.")] = "ai_era",
    start: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day of prices: a year or an ISO date.")
    ] = "2005",
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Market folder; data/UNIVERSE if not given.")
    ] = None,
    contact: Annotated[
        str,
        typer.Option(
            envvar="STYLE_ROTATION_CONTACT", help="Your name and e-mail address: the SEC wants both."
        ),
    ] = "",
) -> None:
    """Download a universe into a market folder, or bring one up to date; run it again to go on."""
    from rich.console import Console
    from rich.progress import Progress

    from backtests.settings.markets import DOWNLOADS
    from datafeeds.sources.fetch import fetch as fetch_universe
    from datafeeds.universe import load

    first = _day(start)
    wanted = load(universe)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        steps = bar.add_task("starting", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(steps, description=what, completed=done, total=total)

        fetched = fetch_universe(wanted, folder or DOWNLOADS / wanted.name, first, contact, progress)
    for finding in fetched.findings:
        if finding.severity == "suspicion":
            typer.echo(str(finding))
    typer.echo(
        f"{len(fetched.symbols)} symbols, {fetched.sessions} sessions, {fetched.figures} filed figures, "
        f"{fetched.values} values of series"
    )
    typer.echo(f"Market folder: {fetched.folder}")


def _day(text: str) -> dt.date:
    """First day that `text` means, a year or an ISO date."""
    from backtests.settings.run_file import ConfigError

    try:
        return dt.date(int(text), 1, 1) if text.isdigit() and len(text) == 4 else dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--from {text!r}: write a year or a date, as in 2005 or 2005-03-31") from None
