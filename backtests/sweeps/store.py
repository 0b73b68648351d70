"""What survives an interruption: finished configurations of a sweep with their returns, in an SQLite file.

Each has a digest; one that is not as it was written is run again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xxhash

from backtests.records.chain import RecordError, refuse_irregular, told
from backtests.sweeps.tasks import Outcome, SweepError
from datafeeds.market import Array, Dates

FINISHED = ".finished.sqlite"
RETURNS = "returns.npy"
SESSIONS = "sessions.npy"

TABLE = "CREATE TABLE IF NOT EXISTS kept (number INTEGER PRIMARY KEY, row BLOB, returns BLOB, digest BLOB)"


class Store:
    """The folder of a sweep in progress. One process at a time.

    Parameters
    ----------
    folder : Path
        Made if missing.
    configurations : int
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
    RecordError
        If the file in it can't be used.
    """

    def __init__(self, folder: Path, configurations: int, sessions: Dates) -> None:
        self.folder = folder
        self.rows: dict[int, dict[str, float]] = {}
        self.errors: dict[int, str] = {}
        self._sessions = sessions
        self._shape = (configurations, len(sessions) - 1)
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            refuse_irregular(folder / FINISHED)
            self._database = self._opened()

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the outcomes of one task, for good.

        Raises
        ------
        RecordError
            If they can't be written, as on a full disk.
        """
        finished = [outcome for outcome in outcomes if not outcome.error]
        self.errors |= {outcome.number: outcome.error for outcome in outcomes if outcome.error}
        with told(self.folder), self._database:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)",
                [_written(each) for each in finished],
            )
        self.rows |= {outcome.number: outcome.row for outcome in finished}

    def returns(self, number: int) -> Array:
        """Daily returns of a finished configuration, shape (sessions - 1,)."""
        with told(self.folder):
            (content,) = self._database.execute(
                "SELECT returns FROM kept WHERE number = ?", (number,)
            ).fetchone()
        return np.frombuffer(content, dtype=np.float64)

    def write_arrays(self) -> None:
        """Write all returns, NaN where a configuration is not finished, and the sessions as array files."""
        missing = np.full(self._shape[1], np.nan)
        header = {"descr": "<f8", "fortran_order": False, "shape": self._shape}
        with told(self.folder):
            np.save(self.folder / SESSIONS, self._sessions)
            with (self.folder / RETURNS).open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for number in range(self._shape[0]):
                    file.write((self.returns(number) if number in self.rows else missing).tobytes())

    def close(self) -> None:
        """Let another process have the folder."""
        self._database.close()

    def _opened(self) -> sqlite3.Connection:
        """The file, locked until it is closed; one that can't be read is worth nothing and begun anew."""
        try:
            return self._begun()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise RecordError(f"{self.folder}: can't be used: {error}") from None
            raise SweepError(f"{self.folder}: another process is running this sweep") from None
        except (sqlite3.DatabaseError, ValueError, TypeError, AttributeError):
            for path in self.folder.glob(f"{FINISHED}*"):
                path.unlink()
            return self._begun()

    def _begun(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.folder / FINISHED, timeout=1.0, isolation_level=None)
        try:
            for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
                database.execute(f"PRAGMA {setting}")
            database.execute(TABLE)
            database.text_factory = bytes  # a damaged row may be text that is none
            self.rows, damaged = {}, []
            for number, words, returns, digest in database.execute("SELECT * FROM kept ORDER BY number"):
                whole = isinstance(words, bytes) and isinstance(returns, bytes)
                if not whole or digest != _digest(number, words, returns) or number >= self._shape[0]:
                    damaged.append((number,))
                elif len(returns) == 8 * self._shape[1]:
                    self.rows[number] = _row(words)
            database.executemany("DELETE FROM kept WHERE number = ?", damaged)
            return database
        except BaseException:
            database.close()
            raise


def _written(outcome: Outcome) -> tuple[int, bytes, bytes, bytes]:
    words, returns = _words(outcome.row), outcome.returns.tobytes()
    return outcome.number, words, returns, _digest(outcome.number, words, returns)


def _digest(number: int, words: bytes, returns: bytes) -> bytes:
    """By it a row is known whole: the file's own format has no checksums."""
    return xxhash.xxh3_128_digest(b"%d %s " % (number, words) + returns)


def _words(row: dict[str, float]) -> bytes:
    return json.dumps({name: value if np.isfinite(value) else None for name, value in row.items()}).encode()


def _row(words: bytes) -> dict[str, float]:
    return {name: np.nan if value is None else value for name, value in json.loads(words).items()}
