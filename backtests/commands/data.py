"""The `backtest data` commands: look at a market folder before running on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from backtests.commands.pages import write_page
from backtests.document.html import html as rendered
from backtests.document.terminal import Terminal, print_block
from backtests.research.market_report import by_check, findings_table, page, verdict
from backtests.rewound import rewound_books
from backtests.settings.markets import BUILT_IN, DOWNLOADS
from backtests.settings.run_file import ConfigError
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import Checked, check_folder
from datafeeds.folder.repair import LIST, repair_folder
from datafeeds.folder.rewind import days_between, rewind
from datafeeds.sources.fetch import fetch
from datafeeds.sources.importers import import_files
from datafeeds.sources.sample import write_sample
from datafeeds.sources.switch import finish
from datafeeds.universe import load

LISTED = 30
"""Repairs that are printed unless all are asked for."""

QUOTED = {"error": 20, "quarantined": 3, "suspicion": 3, "note": 10}
"""Findings of one check that are printed unless all are asked for, by severity."""


def check_command(path: Path, every: bool) -> bool:
    """Print what is wrong with a market folder, worst first; True if a run can use it.

    Parameters
    ----------
    path : Path
    every : bool
        Whether each finding has its line, or each check its number and first few findings.
    """
    finish(path)
    return _told(check_folder(path), every)


def _told(checked: Checked, every: bool) -> bool:
    """Print what was found in a folder; True if a run can use it."""
    console = Terminal(soft_wrap=True)
    print_block(console, findings_table(checked.findings))
    for (severity, check), findings in by_check(checked.findings).items():
        shown = findings if every else findings[: QUOTED[severity]]
        for finding in shown:
            console.print(str(finding))
        if len(findings) > len(shown):
            console.print(f"{severity}: {check}: and {len(findings) - len(shown):,} more; --all shows them")
    console.print(f"{checked.path}: {verdict(checked)}")
    return not checked.errors


def repair_command(path: Path, target: Path, every: bool) -> bool:
    """Write a repaired copy of a market folder and print what was done; True if a run can use what there is.

    Parameters
    ----------
    path, target : Path
    every : bool
        Whether each repair has its line, or the first few of each reason.
    """
    finish(path)
    done = repair_folder(path, target)
    console = Terminal(soft_wrap=True)
    if not done.repairs:
        console.print(f"{path}: nothing can be repaired without a person's word; no copy was written")
    for repair in done.repairs if every else done.repairs[:LISTED]:
        console.print(str(repair))
    if not every and len(done.repairs) > LISTED:
        console.print(f"and {len(done.repairs) - LISTED:,} more; --all shows them")
    if done.repairs:
        console.print(f"{len(done.repairs):,} repairs, listed in {target / LIST}")
    return _told(done.checked, every)


def rewind_command(path: Path, dates: str, run: str) -> bool:
    """Print what changes when a market folder is cut at some days; True if nothing does.

    Parameters
    ----------
    path : Path
        A market folder, or the name of the embedded market.
    dates : str
        ISO dates parted by commas; three days of the folder if empty.
    run : str
        A run file whose decisions and books are compared too, or nothing.
    """
    if str(path) in BUILT_IN:
        with TemporaryDirectory() as place:
            return rewind_command(write_sample(Path(place) / path), dates, run)
    whole = open_folder(path, part=True)
    days = [_date(text) for text in dates.split(",")] if dates else days_between(whole, 3)
    console = Terminal(soft_wrap=True)
    kept = True
    for rebased in (False, True):
        for found in rewind(path, whole, days, rebased=rebased):
            console.print(str(found))
            for difference in found.differences[1:]:
                console.print(f"  {difference}")
            kept &= not found.differences
    for line, same in rewound_books(run, path, days) if run else ():
        console.print(line)
        kept &= same
    return kept


def report_command(path: Path, html: Path) -> bool:
    """Write the page about a market folder; True if a run can use the folder."""
    finish(path)
    checked = check_folder(path)
    write_page(html, rendered(page(checked)))
    console = Terminal(soft_wrap=True)
    console.print(f"{path}: {verdict(checked)}")
    console.print(f"Report: {html}")
    return not checked.errors


def import_command(kind: str, path: Path, folder: Path, calendar: str = "", currency: str = "") -> bool:
    """Make a market folder of other files, print what was done to them, and check it."""
    imported = import_files(kind, path, folder, calendar=calendar, currency=currency)
    console = Terminal(soft_wrap=True)
    for sentence in imported.sentences():
        console.print(sentence)
    rows = sum(map(len, imported.series))
    console.print(f"{len(imported.prices)} symbols, {rows} values of series; market folder: {folder}")
    if not imported.prices:
        return True
    return check_command(folder, every=False)


def fetch_command(universe: str, start: str, folder: Path | None, contact: str) -> None:
    """Download a universe into a market folder and print what came."""
    first = _day(start)
    wanted = load(universe)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
        steps = bar.add_task("starting", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(steps, description=what, completed=done, total=total)

        fetched = fetch(wanted, folder or DOWNLOADS / wanted.name, first, contact, progress)
    console = Terminal(soft_wrap=True)
    for finding in fetched.findings:
        if finding.severity == "suspicion":
            console.print(str(finding))
    console.print(
        f"{len(fetched.symbols)} symbols, {fetched.sessions} sessions, {fetched.figures} filed figures, "
        f"{fetched.values} values of series"
    )
    console.print(f"Market folder: {fetched.folder}")


def _date(text: str) -> np.datetime64:
    """The ISO date that `text` writes."""
    try:
        return np.datetime64(dt.date.fromisoformat(text.strip()), "D")
    except ValueError:
        raise ConfigError(f"--dates {text!r}: write dates as in 2017-12-29, parted by commas") from None


def _day(text: str) -> dt.date:
    """First day that `text` means, a year or an ISO date."""
    try:
        return dt.date(int(text), 1, 1) if text.isdigit() and len(text) == 4 else dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--from {text!r}: write a year or a date, as in 2005 or 2005-03-31") from None
