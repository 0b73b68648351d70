"""An append-only record, one line of JSON an entry, that does not shrink or change quietly.

Each line carries the hash of the line before, so a changed, removed or inserted line breaks the chain. Lines
cut off at the end, or a record begun anew, leave a chain that is whole in itself; two things outside it give
that away: a file with the hash of the last line, and whatever else has noted a head (a run's manifest, for
example). The next line then says what was lost before it. None of this stops someone who rewrites the record,
the head and every note of it; it does stop a record from shrinking quietly.

Writers lock the record, so several processes may write at once. A write that was cut short leaves a torn
line: it is no entry, it is reported, and the next line starts behind it. Locks need Linux or macOS.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGINNING = "0" * 64
"""What the first line carries as the hash of the line before."""

OWN = ("n", "previous", "recorded", "hash")
"""Keys that the chain itself writes into each entry."""

LOST = "lost"
"""Key of an entry that found earlier ones missing."""

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Inspection:
    """What is wrong with a record, if anything.

    Attributes
    ----------
    heads : tuple of str
        `BEGINNING`, then the hash of each entry.
    torn : int
        Lines that are no entry: writes cut short.
    problems : tuple of str
    """

    heads: tuple[str, ...]
    torn: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """A record in a folder.

    Attributes
    ----------
    folder : Path
    record : str
        Name of the file with the entries.
    head : str
        Name of the file with the hash of the last one.
    noun : str
        What an entry is called, in the plural, for messages.
    fields : tuple of str
        Keys that every entry has besides `OWN`; a line without them is torn.
    """

    folder: Path
    record: str
    head: str
    noun: str
    fields: tuple[str, ...] = ()

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry, oldest first; empty without a record."""
        return tuple(self._entries(_bytes(self.folder / self.record)))

    def append(
        self, choose: Callable[[Sequence[Entry]], Iterable[Entry]]
    ) -> tuple[tuple[dict[str, Any], ...], int]:
        """Add entries under one lock, in one write.

        Parameters
        ----------
        choose : callable
            Given the entries on record, returns the new ones.

        Returns
        -------
        tuple
            All entries, old and new, and how many of them are new.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.record
        with _locked(path) as file:
            content = _content(file)
            known = list(self._entries(content))
            position, previous = (known[-1]["n"], known[-1]["hash"]) if known else (0, BEGINNING)
            lost = self._lost(known)
            added: list[dict[str, Any]] = []
            for wanted in choose(known):
                position += 1
                entry = _chained(wanted, position, previous, lost)
                previous, lost = entry["hash"], ""
                added.append(entry)
            if added:
                # A torn line is closed first, in the same write.
                opening = b"" if not content or content.endswith(b"\n") else b"\n"
                lines = [json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in added]
                _write(file, opening + b"".join(lines))
                _replace(self.folder / self.head, f"{position} {previous}\n")
        return (*known, *added), len(added)

    def inspect(self) -> Inspection:
        """Whether every entry follows the one before, and the record is as long as its head has seen."""
        problems: list[str] = []
        torn = 0
        heads = [BEGINNING]
        for number, line in enumerate(_bytes(self.folder / self.record).split(b"\n"), start=1):
            if not line:
                continue
            entry = self._entry(line)
            if entry is None:
                torn += 1
                continue
            if _hash(entry) != entry["hash"]:
                problems.append(f"line {number} of {self.record} was changed")
            if entry["previous"] != heads[-1] or entry["n"] != len(heads):
                problems.append(
                    f"line {number} of {self.record} does not follow the one before: "
                    "lines are missing or moved"
                )
            if LOST in entry:
                problems.append(
                    f"{self.noun} up to {entry[LOST]} were lost before line {number} of {self.record}"
                )
            heads.append(str(entry["hash"]))
        seen = _text(self.folder / self.head).split()
        if len(heads) > 1 and not seen:
            problems.append(f"{self.head} is missing")
        if seen and seen[-1] not in heads:
            problems.append(f"{self.record} has lost {self.noun}: {self.head} has seen number {seen[0]}")
        return Inspection(tuple(heads), torn, tuple(problems))

    def _lost(self, known: Sequence[Entry]) -> str:
        """Name the last entry that the head has seen, if the record does not hold it any more."""
        seen = _text(self.folder / self.head).split()
        held = not seen or any(entry["hash"] == seen[-1] for entry in known)
        return "" if held else f"number {' '.join(seen)}"

    def _entries(self, content: bytes) -> Iterator[dict[str, Any]]:
        for line in content.split(b"\n"):
            entry = self._entry(line)
            if entry is not None:
                yield entry

    def _entry(self, line: bytes) -> dict[str, Any] | None:
        """Parse the entry in a line; None for a torn line."""
        try:
            entry = json.loads(line)
        except ValueError:
            return None
        whole = isinstance(entry, dict) and all(key in entry for key in (*OWN, *self.fields))
        return entry if whole else None


def _chained(wanted: Entry, position: int, previous: str, lost: str) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    entry: dict[str, Any] = {
        "n": position,
        "previous": previous,
        **wanted,
        "recorded": now,
        **({LOST: lost} if lost else {}),
    }
    # As it will be read back: words for keys, lists for tuples.
    entry = json.loads(json.dumps(entry))
    entry["hash"] = _hash(entry)
    return entry


def _hash(entry: Entry) -> str:
    kept = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the record for appending and lock it; the system lets go if the writer is killed."""
    import fcntl

    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _content(file: int) -> bytes:
    parts = []
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", errors="replace")
