"""The body of ``backtest claims``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from backtests.document.blocks import Section, Table, Tearsheet
from backtests.document.html import write_html
from backtests.document.terminal import print_block
from backtests.records import register
from backtests.records.results import ResultsError
from backtests.research.claims.report import EVIDENCE, markdown, section
from backtests.research.claims.scoreboard import scoreboard
from backtests.settings.markets import open_market


def claims_command(markets: list[str], html: Path | None, text: Path | None) -> None:
    """Test every claim on each market, print the verdicts, and write the pages asked for."""
    errors = Console(stderr=True)
    console = Console()
    boards = []
    for name in markets:
        with errors.status(f"testing claims on {name}") as status:
            boards.append(
                scoreboard(open_market(name), progress=lambda what: status.update(f"testing: {what}"))
            )
        tried = [register.Trial(f"claim {row.claim.key}", "claim") for row in boards[-1].rows]
        register.record(boards[-1].market, tried)
    sections: list[Section] = [
        section(board, f"claims-{position}") for position, board in enumerate(boards, start=1)
    ]
    for each in sections:
        console.rule(each.title, align="left")
        for block in each.blocks:
            if not (isinstance(block, Table) and block.caption.endswith(EVIDENCE)):
                print_block(console, block)
    try:
        if html is not None:
            html.parent.mkdir(parents=True, exist_ok=True)
            sheet = Tearsheet("Claims", "The source analysis's claims, each tested", tuple(sections))
            console.print(f"Written: {write_html(sheet, html)}", soft_wrap=True)
        if text is not None:
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(markdown(tuple(boards)), encoding="utf-8", newline="\n")
            console.print(f"Written: {text}", soft_wrap=True)
    except OSError as error:
        raise ResultsError(f"{error.filename}: can't be written: {error.strerror}") from None
