"""Who reviewed a run, and what they said: a record that does not change quietly.

Reviews stand in `reviews.jsonl` in the results folder, a `Chain`. Each carries the hash of
every document that was reviewed, so that one written anew is not taken for the one that was signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backtests.records.chain import Chain, Entry

RECORD = "reviews.jsonl"
HEAD = "reviews.head"
DOCUMENTS = (
    "tearsheet.html",
    "tearsheet.pdf",
    "metrics.json",
    "returns.parquet",
    "fills.parquet",
    "run.toml",
)
"""Files of a run that a review vouches for."""

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
        SHA-256 of each document reviewed.
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
        """Documents that are not, or no longer, what was reviewed."""
        now = hashes(results / self.run)
        return tuple(name for name, digest in self.documents.items() if now.get(name) != digest)

    def sentence(self, results: Path) -> str:
        """Say who came to what verdict, and whether the documents are still the same."""
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
    """
    if not by.strip():
        raise ReviewError("a review needs a name: --by NAME")
    if verdict == "reject" and not note.strip():
        raise ReviewError("a rejection needs a reason: --note TEXT")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    entry = {
        "run": folder.resolve().name,
        "run_hash": manifest.get("run_hash", ""),
        "verdict": verdict,
        "by": by.strip(),
        "note": note.strip(),
        "documents": hashes(folder),
    }
    entries, _ = _chain(folder.resolve().parent).append(lambda known: [entry])
    return _review(entries[-1])


def read(results: Path) -> tuple[Review, ...]:
    """Every review on record, oldest first."""
    return tuple(_review(entry) for entry in _chain(results).entries())


def record_sentence(results: Path) -> str:
    """Whether the record is unbroken, in words; empty without one."""
    found = _chain(results).inspect()
    count = len(found.heads) - 1
    if found.problems:
        return f"The record of reviews can't be trusted: {'; '.join(found.problems)}."
    if not count:
        return ""
    return f"The record of {count:,} review{'s' if count > 1 else ''} is unbroken."


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each of `DOCUMENTS` that the folder has."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in DOCUMENTS
        if (folder / name).is_file()
    }


def _chain(results: Path) -> Chain:
    return Chain(results, RECORD, HEAD, "reviews", _FIELDS)


def _review(entry: Entry) -> Review:
    return Review(**{key: entry[key] for key in _FIELDS}, recorded=entry["recorded"])
