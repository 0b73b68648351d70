"""The scoreboard as a section of a document, and as text for the project's pages."""

from __future__ import annotations

import math
from itertools import groupby

from backtests.document.blocks import Block, Bullets, Cell, Column, Details, Paragraph, Row, Section, Table
from backtests.research.claims.claim import Judged
from backtests.research.claims.evidence import shown
from backtests.research.claims.scoreboard import Scoreboard


def span_of(board: Scoreboard) -> str:
    """What market the claims were tested on, in words."""
    market = board.market
    stocks = int((market.kinds == "stock").sum())
    return f"{stocks} stocks, {market.sessions[0]} to {market.sessions[-1]}"


def section(board: Scoreboard, key: str = "claims") -> Section:
    """The scoreboard of one market: a short table, then each claim's evidence by theme."""
    blocks: list[Block] = [
        Paragraph(board.headline(), "lead"),
        Paragraph(board.method()),
        *(Paragraph(line) for line in board.listed()),
        *([Bullets("Limits of the data", board.market.limits, "warning")] if board.market.limits else []),
        _short_table(board),
        *(
            Details(f"{theme}: the evidence", (_evidence_table(theme, list(rows)),))
            for theme, rows in groupby(
                enumerate(board.rows, start=1), lambda numbered: numbered[1].claim.theme
            )
        ),
    ]
    return Section(key, f"Claims on {board.market.name}: {span_of(board)}", tuple(blocks))


def numbers(row: Judged) -> tuple[str, str, str]:
    """Estimate, interval and adjusted p-value as readers see them."""
    finding = row.finding
    estimate, low, high = shown((finding.estimate, finding.low, finding.high), row.claim.unit)
    interval = "" if math.isnan(finding.low) else f"{low} to {high}"
    return estimate, interval, "" if math.isnan(row.q_value) else f"{row.q_value:.3f}"


def _short_table(board: Scoreboard) -> Table:
    columns = (
        Column("No.", "left"),
        Column("Claim", "left"),
        Column("Verdict", "left", strong=True),
        Column("Estimate"),
        Column("95% interval"),
        Column("Adjusted p"),
    )
    rows = tuple(
        Row(
            tuple(
                Cell(text) for text in (str(number), row.claim.statement, verdict_words(row), *numbers(row))
            )
        )
        for number, row in enumerate(board.rows, start=1)
    )
    note = "A claim that was doubted before it was tested is marked so. A dash: no estimate."
    return Table("Verdicts", columns, rows, note)


def verdict_words(row: Judged) -> str:
    """The verdict, with a mark where the claim was doubted beforehand."""
    return f"{row.verdict} (doubted)" if row.claim.expected_to_fail else row.verdict


def _evidence_table(theme: str, judged: list[tuple[int, Judged]]) -> Table:
    columns = (
        Column("No.", "left"),
        Column("Claim", "left"),
        Column("Model", "left"),
        Column("Data and finding", "left"),
        Column("What would change it", "left"),
    )
    rows = tuple(
        Row(
            (
                Cell(str(number)),
                Cell(row.claim.statement),
                Cell(row.claim.model),
                Cell(evidence_words(row)),
                Cell(row.claim.would_change),
            )
        )
        for number, row in judged
    )
    return Table(f"{theme}: the evidence", columns, rows)


def evidence_words(row: Judged) -> str:
    """Data, span and what else there is to know."""
    hindsight = "All names here survived, which pushes the estimate this way: it is set aside"
    parts = (
        row.finding.data.rstrip("."),
        row.finding.note.rstrip("."),
        hindsight if row.discounted else "",
    )
    return ". ".join(part[0].upper() + part[1:] for part in parts if part) + "."


INTRODUCTION = """\
# Claims

The analysis behind the blueprint makes claims about causes. Each is tested here on each market, by one small
function in `backtests/research/claims/`. Written by `backtest claims`; don't edit.

- **Verdict.** Supported or contradicted where the estimate differs from nothing, in the claim's direction or
  against it; otherwise can't tell. What moves together fits a claim about a cause, or does not fit it; it can
  support none. Facts are judged by comparison, without a p-value.
- **Many tests.** The p-values of a market are adjusted for one another (Benjamini and Yekutieli 2001): the
  claims share their returns, so nothing is assumed of how their errors depend on one another. The false
  discovery rate is 5%.
- **Overlap.** Months end on every session, so that no verdict hangs on where they begin; Newey-West errors
  allow for the overlap. What foretells is tested on single returns (Hodrick 1992), what follows single days
  against the same days shifted round the calendar, and a predictor that returns themselves move, as a
  multiple of sales is, against drawn histories in which nothing is foretold.
- **Power and size.** What each test finds where its claim is true, and where nothing of the kind goes on:
  `docs/claims-tests.md`, with what each test was before.
- **Point in time.** What foretells is used as it was known that day: figures from the session after filing,
  series from their publication. What explains a month uses the month's own values.
- **Survivors.** A market of companies chosen today flatters hardware, equal weight and small companies, and
  no test here can undo it. Where hindsight pushes an estimate the way it points, the verdict is can't tell.
"""


def markdown(boards: tuple[Scoreboard, ...]) -> str:
    """The scoreboards as Markdown."""
    return INTRODUCTION + "".join(_market_page(board) for board in boards)


def _market_page(board: Scoreboard) -> str:
    lines = [f"\n## {board.market.name}: {span_of(board)}\n", f"{board.headline()} {board.method()}", ""]
    lines += [f"{line}\n" for line in board.listed()]
    lines += [f"- {limit}" for limit in board.market.limits] + ([""] if board.market.limits else [])
    lines += ["| Claim | Verdict | Estimate | 95% interval | Adjusted p |", "|---|---|---:|---:|---:|"]
    for row in board.rows:
        cells = (row.claim.statement, verdict_words(row), *numbers(row))
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    for theme, rows in groupby(board.rows, lambda row: row.claim.theme):
        lines += ["", f"### {theme}", ""]
        for row in rows:
            lines += [
                f"**{row.claim.statement}** {verdict_words(row).capitalize()}.",
                "",
                f"- Model: {row.claim.model}",
                f"- Measurement: {evidence_words(row)}",
                f"- What would change it: {row.claim.would_change}",
                "",
            ]
        lines.pop()
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
