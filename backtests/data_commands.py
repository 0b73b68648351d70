"""The `backtest data` commands: look at a market folder before running on it."""

from __future__ import annotations

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

    from backtests.data_report import lines
    from datafeeds.folder import check_folder

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
    from backtests.config import ConfigError
    from backtests.data_report import page, verdict
    from backtests.tearsheet.html import write_html
    from datafeeds.folder import check_folder

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
