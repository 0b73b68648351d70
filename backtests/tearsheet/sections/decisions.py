"""The decision log: what was decided on each date, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

import numpy as np

from backtests.document.blocks import (
    Block,
    DecisionLog,
    Details,
    LogEntry,
    Move,
    Paragraph,
    Section,
    Unchanged,
)
from backtests.engine.books import Decision
from backtests.result import Result
from backtests.withdrawals import LEAST, withdrawals


def section(result: Result) -> Section:
    """Every decision with its largest moves and its reasons, latest year first."""
    entries = log_entries(result)
    if not entries:
        return Section("decisions", "Decision log", (Paragraph("The strategy gave no target."),))
    blocks: list[Block] = [
        Paragraph(
            "Each date is the close at which the decision was made; its orders fill later. Moves go from the "
            "weight held at that close to the weight asked for; those of 10 bps of equity and more are "
            "listed, and with them the symbols' filed figures that were shown wrong since the last "
            "decision. Turnover is half the sum of all moves, cash included.",
            "note",
        )
    ]
    for year, group in groupby(reversed(entries), key=lambda entry: int(str(entry.session)[:4])):
        decisions = tuple(group)
        moved = sum(bool(entry.moves) for entry in decisions)
        count = f"{len(decisions)} decision{'' if len(decisions) == 1 else 's'}, {moved} of 10 bps or more"
        log = DecisionLog(f"Decisions of {year}", folded(decisions))
        blocks.append(Details(f"{year}: {count}", (log,)))
    return Section("decisions", "Decision log", tuple(blocks), appendix=True)


def folded(entries: Iterable[LogEntry]) -> tuple[LogEntry | Unchanged, ...]:
    """Decisions in a row without a move become one line."""
    found: list[LogEntry | Unchanged] = []
    for has_moves, group in groupby(entries, key=lambda entry: bool(entry.moves)):
        run = tuple(group)
        sessions = [entry.session for entry in run]
        found += run if has_moves else [Unchanged(min(sessions), max(sessions), len(run))]
    return tuple(found)


def log_entries(result: Result) -> tuple[LogEntry, ...]:
    """One entry a decision, in order of time."""
    held = result.weights
    symbols = [str(symbol) for symbol in held.columns]
    values = held.to_numpy()
    decisions = result.book.ledger.decisions
    rows = np.searchsorted(
        result.sessions, np.array([each.session for each in decisions], dtype="datetime64[D]")
    )
    return tuple(
        _entry(decision, dict(zip(symbols, values[row].tolist(), strict=True)), withdrawn)
        for decision, row, withdrawn in zip(decisions, rows, withdrawals(result), strict=True)
    )


def _entry(decision: Decision, before: Mapping[str, float], withdrawn: tuple[str, ...]) -> LogEntry:
    after = decision.target.weights
    moves = [
        Move(symbol, before.get(symbol, 0.0), after.get(symbol, 0.0))
        for symbol in dict.fromkeys((*before, *after))
        if abs(after.get(symbol, 0.0) - before.get(symbol, 0.0)) >= LEAST
    ]
    moves.sort(key=lambda move: -abs(move.after - move.before))
    cash_move = abs(sum(after.values()) - sum(before.values()))
    every = sum(abs(after.get(symbol, 0.0) - before.get(symbol, 0.0)) for symbol in {*before, *after})
    return LogEntry(
        session=decision.session,
        turnover=(every + cash_move) / 2,
        moves=tuple(moves),
        reasons=(*dict.fromkeys(change.why for change in decision.target.changes), *withdrawn),
    )
