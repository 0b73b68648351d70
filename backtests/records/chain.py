"""An append-only record in an SQLite file that does not shrink or change quietly.

Each entry carries the hash of the one before, so a changed, removed or inserted entry breaks the chain.
SQLite remembers the highest number that it ever gave out, so entries cut off at the end leave a gap. A record
begun anew is whole in itself; whatever else has noted a head (a run's manifest, for example) gives that away.
None of this stops someone who rewrites the record and every note of it; it does stop a record from shrinking
quietly.

Several processes may write at once; one that is killed leaves the record as it was.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from datafeeds.regular import kind_of

BEGINNING = "0" * 64
"""What the first entry carries as the hash of the one before."""

LOST = "lost"
"""Key of an entry that says what happened to earlier ones."""

WAS = "was"
"""Key of an entry migrated from a record of version 0.1: its hash there."""

MOST = 1 << 53
"""Entries that nobody will ever make."""

PATIENCE = 60.0
"""Seconds to wait for another writer."""

TABLE = """
CREATE TABLE IF NOT EXISTS chain (
    n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE,
    content TEXT, attachment BLOB, previous TEXT, hash TEXT
)"""


COLUMNS = ("n", "key", "content", "attachment", "previous", "hash")
NUMBERED = ("n", "INTEGER", 1)
"""Name, type and place in the primary key of the column that SQLite lets hold nothing but whole numbers."""

NO_NUMBER = "an entry has a number that is none"


class RecordError(ValueError):
    """A record that can't be read or written; the message says which and why."""


@dataclass(frozen=True)
class Entry:
    """What is to be recorded.

    Attributes
    ----------
    content : mapping
        What JSON can hold.
    key : str
        An entry whose key is on record already is not written again; empty for one that always is.
    attachment : bytes
        Kept and hashed with it.
    """

    content: Mapping[str, Any]
    key: str = ""
    attachment: bytes = b""


@dataclass(frozen=True)
class Recorded:
    """An entry on record: its number from 1, its hash, and when it was written (ISO, UTC)."""

    number: int
    hash: str
    recorded: str
    content: Mapping[str, Any]
    attachment: bytes


@dataclass(frozen=True)
class Inspection:
    """What is wrong with a record, if anything.

    Attributes
    ----------
    entries : tuple of Recorded
        Those that can be read, oldest first.
    heads : dict of str to int
        The number of each entry by its hash; `BEGINNING` is 0. Hashes of version 0.1 count too.
    number, head : int, str
        Of the last entry; 0 and `BEGINNING` without one.
    problems : tuple of str
    """

    entries: tuple[Recorded, ...] = ()
    heads: Mapping[str, int] = field(default_factory=lambda: {BEGINNING: 0})
    problems: tuple[str, ...] = ()
    number: int = 0
    head: str = BEGINNING


@dataclass(frozen=True)
class Chain:
    """A record in a file.

    Attributes
    ----------
    path : Path
    noun : str
        What an entry is called, in the plural, for messages.
    journal : {"WAL", "DELETE"}
        SQLite's journal; only "DELETE" suits a network drive.
    """

    path: Path
    noun: str
    journal: str = "WAL"

    def entries(self) -> list[Recorded]:
        """Every entry that can be read, oldest first; none without a record."""
        return [entry for row in self._rows() if (entry := _read(row)) is not None]

    def holds(self, key: str) -> bool:
        """Whether an entry with this key is on record."""
        return bool(self._select("SELECT 1 FROM chain WHERE key = ?", key))

    def mend(self) -> None:
        """Set a damaged file aside and begin the record anew; one that is whole, or not there, stays so."""
        if self.path.exists():
            with self.writing():
                pass

    def append(self, wanted: Iterable[Entry]) -> int:
        """Add entries, all or none, and return how many are new.

        Raises
        ------
        RecordError
            If the record can't be written, or what it should hold is not for JSON.
        """
        with self.writing() as database:
            return add(database, wanted)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the record for one writer; what is added stands when the block ends well, else nothing does.

        Raises
        ------
        RecordError
            If the record can't be written.
        """
        with told(self.path), closing(self._writable()) as database:
            try:
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def inspect(self) -> Inspection:
        """Whether every entry follows the one before, and the record is as long as it ever was."""
        problems: list[str] = []
        heads = {BEGINNING: 0}
        number, previous = 0, BEGINNING
        entries = []
        try:
            rows = self._rows()
            highest = self._highest()
        except RecordError as error:
            return Inspection(problems=(str(error),))
        for row in rows:
            entry = _read(row)
            if entry is None:
                problems.append(f"entry {row['n']} of {self.path.name} can't be read")
            elif row["hash"] != _hash(row["n"], row["previous"], row["content"], row["attachment"]):
                problems.append(f"entry {row['n']} of {self.path.name} was changed")
            if (row["n"], row["previous"]) != (number + 1, previous):
                problems.append(
                    f"entry {row['n']} of {self.path.name} does not follow the one before: "
                    "entries are missing or moved"
                )
            number, previous = row["n"], row["hash"]
            heads[str(previous)] = number
            if entry is not None:
                entries.append(entry)
                if LOST in entry.content:
                    problems.append(str(entry.content[LOST]))
                if WAS in entry.content:
                    heads.setdefault(str(entry.content[WAS]), number)
        if highest > number:
            problems.append(
                f"{self.path.name} has lost {self.noun}: it had {highest:,}, the last is {number:,}"
            )
        return Inspection(tuple(entries), heads, tuple(problems), number, str(previous))

    def _rows(self, order: str = "ORDER BY n") -> list[sqlite3.Row]:
        rows = self._select(f"SELECT {', '.join(COLUMNS)} FROM chain {order}")
        self._refuse_unless_whole(row["n"] for row in rows)
        return rows

    def _highest(self) -> int:
        rows = self._select("SELECT max(seq) AS seq FROM sqlite_sequence WHERE name = 'chain'")
        highest: int = (rows[0]["seq"] or 0) if rows else 0
        self._refuse_unless_whole([highest])
        return highest

    def _refuse_unless_whole(self, numbers: Iterable[Any]) -> None:
        """Refuse what a damaged table may hold in place of an entry's number."""
        if not all(isinstance(number, int) for number in numbers):
            raise RecordError(f"{self.path}: can't be used: {NO_NUMBER}")

    def _select(self, query: str, *values: str) -> list[sqlite3.Row]:
        with told(self.path):
            refuse_irregular(self.path)
        if not self.path.is_file():
            return []
        mode = "mode=rw" if os.access(self.path.parent, os.W_OK) else "immutable=1"
        address = f"{self.path.absolute().as_uri()}?{mode}"
        with told(self.path), closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as database:
            database.row_factory = sqlite3.Row
            database.text_factory = _text
            return database.execute(query, values).fetchall()

    def _writable(self) -> sqlite3.Connection:
        """Open the record in a transaction; a damaged file is set aside and the record begun anew."""
        refuse_irregular(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._create()
        try:
            return self._begun()
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            aside = self.path.with_name(f"{self.path.name}.damaged-{uuid4().hex[:8]}")
            self.path.replace(aside)
            for leftover in ("-wal", "-shm"):
                self.path.with_name(self.path.name + leftover).unlink(missing_ok=True)
            database = self._begun()
            what = f"{self.noun} before {dt.datetime.now(dt.UTC):%Y-%m-%d} were damaged ({error})"
            add(database, [Entry({LOST: f"{what} and set aside as {aside.name}"})])
            return database

    def _create(self) -> None:
        """Put a record without entries into place, unless there is one: a reader never meets half of one."""
        if self.path.exists():
            return
        draft = self.path.with_name(f".draft-{uuid4().hex}-{self.path.name}")
        try:
            with closing(sqlite3.connect(draft)) as database:
                database.execute(TABLE)
            with suppress(OSError):  # another was first, or the drive knows no links: SQLite makes it then
                os.link(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)

    def _begun(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        try:
            database.row_factory = sqlite3.Row
            database.text_factory = _text
            with suppress(sqlite3.OperationalError):  # another writer is at it: it holds for all
                database.execute(f"PRAGMA journal_mode={self.journal}")
            database.execute("BEGIN IMMEDIATE")
            database.execute(TABLE)
            columns = database.execute("PRAGMA table_info(chain)").fetchall()
            first = tuple(columns[0][said] for said in ("name", "type", "pk")) if columns else ()
            if first != NUMBERED or tuple(column["name"] for column in columns) != COLUMNS:
                raise sqlite3.DatabaseError("its table is not that of a record")
            if database.execute(
                "SELECT 1 FROM chain WHERE n > ? UNION ALL "
                "SELECT 1 FROM sqlite_sequence WHERE typeof(seq) <> 'integer'",
                (MOST,),
            ).fetchone():
                raise sqlite3.DatabaseError(NO_NUMBER)
            return database
        except BaseException:
            database.close()
            raise


def add(database: sqlite3.Connection, wanted: Iterable[Entry]) -> int:
    """Add entries to a record that is held for writing, and return how many are new."""
    last = database.execute("SELECT n, hash FROM chain ORDER BY n DESC LIMIT 1").fetchone()
    highest = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'chain'").fetchone()[0] or 0
    number, previous = (last["n"], str(last["hash"])) if last else (0, BEGINNING)
    number = first = max(number, highest)
    for entry in wanted:
        if entry.key and database.execute("SELECT 1 FROM chain WHERE key = ?", (entry.key,)).fetchone():
            continue
        number += 1
        # The first says which record this is.
        content = _json(entry.content if number > 1 else {**entry.content, "begun": uuid4().hex})
        digest = _hash(number, previous, content, entry.attachment)
        database.execute(
            "INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?)",
            (number, entry.key or None, content, entry.attachment, previous, digest),
        )
        previous = digest
    return number - first


def refuse_irregular(path: Path) -> None:
    """Refuse a database that is no file, or that keeps what it writes in something else: a pipe never ends.

    It is not moved aside: a device may be needed where it is.

    Raises
    ------
    OSError
        Naming it and what it is.
    """
    for beside in ("", "-wal", "-shm", "-journal"):
        place = path.with_name(path.name + beside)
        if place.exists() and not place.is_file():
            raise OSError(errno.EINVAL, f"{place.name} is {kind_of(place)}, not a file: remove it")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say about a file into one sentence for people."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite may quote bytes of a damaged file
        raise RecordError(f"{path}: can't be used: {error}") from None
    except OSError as error:
        raise RecordError(f"{path}: can't be used: {error.strerror or error}") from None


def _json(content: Mapping[str, Any]) -> str:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    try:
        return json.dumps({"recorded": now, **content}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(f"a record holds what JSON can hold: {error}") from None


def _read(row: sqlite3.Row) -> Recorded | None:
    """Parse a row; None for one that is none of ours."""
    try:
        content = json.loads(row["content"])
        return Recorded(row["n"], str(row["hash"]), content["recorded"], content, bytes(row["attachment"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _hash(number: int, previous: Any, content: Any, attachment: Any) -> str:
    kept = attachment if isinstance(attachment, bytes) else repr(attachment).encode()
    return hashlib.sha256(f"{number}\n{previous}\n{content}\n".encode() + kept).hexdigest()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")
