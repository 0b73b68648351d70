"""What survives an interruption: a journal of finished configurations, and their returns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from backtests.sweeps.tasks import Outcome, SweepError
from datafeeds.market import Array, Dates

JOURNAL = "journal.jsonl"
RETURNS = "returns.npy"
SESSIONS = "sessions.npy"


class Store:
    """The folder of a sweep in progress. One process at a time.

    A configuration counts as finished once its line stands in the journal; the line is written, and forced to
    disk, after its returns are. A line cut short by a crash is ignored, and its configuration run again.

    Parameters
    ----------
    folder : Path
        Made if missing.
    configurations : int
        Rows of the array of returns.
    sessions : ndarray of datetime64[D], shape (sessions,)
        The run's sessions; there is a return for each after the first.

    Attributes
    ----------
    rows : dict of int to dict
        Statistics of each finished configuration, by number.
    errors : dict of int to str
        Why a configuration failed in this attempt. Failed ones are tried again at the next.

    Raises
    ------
    SweepError
        If another process has the folder.
    """

    def __init__(self, folder: Path, configurations: int, sessions: Dates) -> None:
        self.folder = folder
        self.rows: dict[int, dict[str, float]] = {}
        self.errors: dict[int, str] = {}
        self._shape = (configurations, len(sessions) - 1)
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            _lock(self._journal, folder)
            self._array = self._open_array()
            np.save(folder / SESSIONS, sessions)
            self._read_journal()
        except BaseException:
            os.close(self._journal)
            raise

    @property
    def returns(self) -> Array:
        """Daily returns, shape (configurations, sessions - 1), memory-mapped; NaN where not finished."""
        return self._array

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the outcomes of one task, for good."""
        finished = [outcome for outcome in outcomes if not outcome.error]
        self.errors |= {outcome.number: outcome.error for outcome in outcomes if outcome.error}
        if not finished:
            return
        for outcome in finished:
            self._array[outcome.number] = outcome.returns
        _force(self._array)
        lines = [_line(outcome.number, outcome.row) for outcome in finished]
        _write(self._journal, b"".join(lines))
        self.rows |= {outcome.number: outcome.row for outcome in finished}

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._journal)

    def _open_array(self) -> Array:
        path = self.folder / RETURNS
        if path.exists():
            try:
                array: Array = np.lib.format.open_memmap(path, mode="r+")
                if array.shape == self._shape:
                    return array
            except ValueError:
                pass
        os.ftruncate(self._journal, 0)  # without their returns the lines are worth nothing
        draft = path.with_name(RETURNS + ".new")
        array = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float64, shape=self._shape)
        array[:] = np.nan
        _force(array)
        draft.replace(path)
        return array

    def _read_journal(self) -> None:
        content = (self.folder / JOURNAL).read_bytes()
        for line in content.split(b"\n"):
            entry = _entry(line)
            if entry is not None and 0 <= entry["configuration"] < self._shape[0]:
                row = {name: np.nan if value is None else value for name, value in entry["row"].items()}
                self.rows[entry["configuration"]] = row
        if content and not content.endswith(b"\n"):
            _write(self._journal, b"\n")


def _line(number: int, row: dict[str, float]) -> bytes:
    plain = {name: value if np.isfinite(value) else None for name, value in row.items()}
    return json.dumps({"configuration": number, "row": plain}).encode() + b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    """Read a line of the journal; None for a torn one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(entry, dict) and isinstance(entry.get("configuration"), int) and "row" in entry
    return entry if whole else None


def _force(array: Array) -> None:
    if isinstance(array, np.memmap):
        array.flush()


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)


def _lock(file: int, folder: Path) -> None:
    """Lock until the file is closed, or its process is gone."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SweepError(f"{folder}: another process is running this sweep") from None
