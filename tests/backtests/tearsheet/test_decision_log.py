"""The decision log: months that changed nothing are folded, changes of 10 bps and more are listed."""

from __future__ import annotations

import numpy as np

from backtests.document.blocks import LogEntry, Move, Unchanged
from backtests.tearsheet.sections.decisions import folded


def entry(month: str, *moves: Move) -> LogEntry:
    return LogEntry(np.datetime64(f"{month}-28"), 0.0, moves, ("as before",))


def test_decisions_in_a_row_without_a_move_are_one_line() -> None:
    moved = entry("2020-03", Move("NVDA", 0.05, 0.04))
    quiet = [entry(month) for month in ("2020-06", "2020-05", "2020-04")]
    before = entry("2020-02")
    lines = folded([*quiet, moved, before])
    assert lines == (
        Unchanged(np.datetime64("2020-04-28"), np.datetime64("2020-06-28"), 3),
        moved,
        Unchanged(np.datetime64("2020-02-28"), np.datetime64("2020-02-28"), 1),
    )
    assert isinstance(lines[0], Unchanged)
    assert lines[0].text == "to 2020-06-28: 3 decisions changed no weight to speak of"
