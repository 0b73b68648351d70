"""The commands `claims`, `event` and `ablation`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from backtests.commands.pages import MARK, write_page
from backtests.document.blocks import Document
from backtests.document.html import html as rendered
from backtests.document.terminal import Terminal, print_block, print_sections, working
from backtests.records import register
from backtests.research import ablation
from backtests.research.claims.report import markdown, section
from backtests.research.claims.scoreboard import scoreboard
from backtests.research.event_report import event_sections
from backtests.research.events import Event, EventError, load_event, study
from backtests.settings import run_file as run_files
from backtests.settings.markets import open_market

MARKED = f"<!-- {MARK} -->\n\n"
"""First line of a Markdown file."""


def claims_command(markets: Sequence[str], html: Path | None, text: Path | None) -> None:
    """Test every claim on each market, print the verdicts, and write the pages asked for."""
    boards = []
    for name in markets:
        with working(f"testing claims on {name}") as say:
            boards.append(scoreboard(open_market(name), progress=lambda what: say(f"testing: {what}")))
        claimed = [register.Trial(f"claim {row.claim.key}", "claim") for row in boards[-1].rows]
        register.record(boards[-1].market, claimed)
    sections = tuple(section(board, f"claims-{position}") for position, board in enumerate(boards, start=1))
    console = Terminal()
    print_sections(console, sections)
    page = Document("Claims", "The source analysis's claims, each tested", sections, kind="Claims")
    _write(console, html, rendered(page))
    _write(console, text, MARKED + markdown(tuple(boards)))


def event_command(market: str, date: str | None, file: Path | None, html: Path | None) -> None:
    """Study an event, print the tables, and write the page asked for.

    Raises
    ------
    EventError
        If neither a date nor a file is given, or both; if either can't be used.
    """
    if (date is None) == (file is None):
        raise EventError("give either --date or an event file")
    event = load_event(file) if file is not None else Event(date=_day(date or ""))
    traded = open_market(market)
    sections = event_sections(traded, study(traded, event))
    title = f"{event.name}, {event.date}" if "name" in event.model_fields_set else f"Event of {event.date}"
    console = Terminal()
    console.print(title, style="bold")
    print_sections(console, sections)
    page = Document(title, f"On market {traded.name}", sections, kind="Event study")
    _write(console, html, rendered(page))


def ablation_command(file: str, overrides: Sequence[str], text: Path | None) -> None:
    """Run a strategy with its elements on and off, print the table, and write the file asked for."""
    config = run_files.load(file, overrides)
    elements = ablation.elements_of(config)
    market = open_market(config.market, part=True)
    with working("starting") as say:
        outcomes = ablation.ablate(config, market, lambda what: say(f"running: {what}"))
    until = f", on the sessions before {config.holdout} alone" if config.reaches_holdout else ""
    caption = f"{config.strategy.name} on {market.name}, {', '.join(elements)}{until}"
    console = Terminal()
    print_block(console, ablation.table(outcomes, caption))
    _write(console, text, MARKED + ablation.markdown(outcomes, caption))


def _day(date: str) -> dt.date:
    try:
        return dt.date.fromisoformat(date)
    except ValueError:
        raise EventError(f"--date {date!r}: write it as 2026-06-04") from None


def _write(console: Terminal, path: Path | None, content: str) -> None:
    """Write `content` where a path is given, and say so."""
    if path is None:
        return
    write_page(path, content)
    console.print(f"Written: {path}", soft_wrap=True)
