"""Who reviewed a run, and what they said: a record that does not change quietly.

Reviews stand in `records.sqlite` in the results folder, a `Chain`. Each carries the hash of every file of the
run, so that one written anew is not taken for the one that was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backtests.records import first_edition
from backtests.records.chain import Chain, Entry, Recorded

RECORD = "records.sqlite"

Verdict = Literal["approve", "reject"]
_FIELDS = ("run", "run_hash", "verdict", "by", "note", "documents")


class ReviewError(ValueError):
    """A review that can't be recorded."""


@dataclass(frozen=True)
class Review:
    """One review of one run.

    Attributes
    ----------
    run, run_hash : str
        Name of the run's folder, and hash of the run.
    verdict : {"approve", "reject"}
    by, note : str
    documents : mapping of str to str
        SHA-256 of each file reviewed.
    recorded : str
        Time, ISO, UTC.
    """

    run: str
    run_hash: str
    verdict: Verdict
    by: str
    note: str
    documents: Mapping[str, str]
    recorded: str

    def changed(self, results: Path) -> tuple[str, ...]:
        """Files that are not, or no longer, what was reviewed."""
        now = hashes(results / self.run)
        return tuple(name for name, digest in self.documents.items() if now.get(name) != digest)

    def sentence(self, results: Path) -> str:
        """Say who came to what verdict, and whether the files are still the same."""
        done = {"approve": "Approved", "reject": "Rejected"}[self.verdict]
        changed = self.changed(results)
        since = f" (changed since: {', '.join(changed)})" if changed else ""
        return f"{done} by {self.by}{since}"


def review(folder: Path, verdict: Verdict, by: str, note: str = "") -> Review:
    """Record a review of the run in `folder`.

    Raises
    ------
    ReviewError
        Without a name, or for a rejection without a reason.
    RecordError
        If the record can't be written.
    """
    if not by.strip():
        raise ReviewError("a review needs a name: --by NAME")
    if verdict == "reject" and not note.strip():
        raise ReviewError("a rejection needs a reason: --note TEXT")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    content = {
        "run": folder.resolve().name,
        "run_hash": manifest.get("run_hash", ""),
        "verdict": verdict,
        "by": by.strip(),
        "note": note.strip(),
        "documents": hashes(folder),
    }
    results = folder.resolve().parent
    _adopt(results)
    chain(results).append([Entry(content)])
    return read(results)[-1]


def read(results: Path) -> tuple[Review, ...]:
    """Every review on record, oldest first."""
    return tuple(said for entry in chain(results).entries() if (said := _review(entry)) is not None)


def record_sentence(results: Path) -> str:
    """Whether the record is unbroken, in words; empty without one."""
    found = chain(results).inspect()
    count = len(found.entries)
    if found.problems:
        return f"The record of reviews can't be trusted: {'; '.join(found.problems)}."
    return f"The record of {count:,} review{'s' if count > 1 else ''} is unbroken." if count else ""


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a run."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("[!.]*"))
        if path.is_file()
    }


def chain(results: Path) -> Chain:
    """The record of a results folder."""
    return Chain(results / RECORD, "reviews")


def _adopt(results: Path) -> None:
    first_edition.migrate(results, "reviews", chain(results), lambda old: {key: old[key] for key in _FIELDS})


def _review(entry: Recorded) -> Review | None:
    """The review in an entry; None for an entry that is none."""
    try:
        return Review(**{key: entry.content[key] for key in _FIELDS}, recorded=entry.recorded)
    except KeyError:
        return None
