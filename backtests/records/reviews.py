"""Who reviewed a run, and what they said: a record that does not change quietly.

Reviews stand in the record of the results folder (`archive`), and the register of trials notes each, so that
one that is taken back shows. Each carries the hash of every file of the run, so that one written anew is not
taken for the one that was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backtests.records import archive, first_edition, register
from backtests.records.archive import chain, hashes
from backtests.records.chain import Entry, Recorded

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
        return archive.changed(results / self.run, self.documents)

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
        Without a name, for a rejection without a reason, or of files that are not what was written.
    RecordError
        If the record can't be written.
    """
    if not by.strip():
        raise ReviewError("a review needs a name: --by NAME")
    if verdict == "reject" and not note.strip():
        raise ReviewError("a rejection needs a reason: --note TEXT")
    if altered := archive.altered(folder):
        raise ReviewError(f"{folder}: not as it was written: {', '.join(altered)}; run it again")
    manifest = archive.read_json(folder / "manifest.json")
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
    register.note(results, chain(results).inspect())
    return read(results)[-1]


def read(results: Path) -> tuple[Review, ...]:
    """Every review on record, oldest first."""
    return _reviews(chain(results).entries())


def record_sentence(results: Path) -> str:
    """Whether the record is unbroken and the runs are what was written, in words; empty without a record."""
    found = chain(results).inspect()
    problems = [*found.problems, *archive.problems(results, found), *register.lost(results, found)]
    if problems:
        return f"The record of runs and reviews can't be trusted: {'; '.join(problems)}."
    if not found.entries:
        return ""
    count = len(_reviews(found.entries))
    reviews = f"{count:,} review{'s' if count != 1 else ''}"
    return f"The record of runs and {reviews} is unbroken, and every manifest is what was written."


def _reviews(entries: Iterable[Recorded]) -> tuple[Review, ...]:
    return tuple(said for entry in entries if (said := _review(entry)) is not None)


def _adopt(results: Path) -> None:
    first_edition.migrate(results, "reviews", chain(results), lambda old: {key: old[key] for key in _FIELDS})


def _review(entry: Recorded) -> Review | None:
    """The review in an entry; None for an entry that is none."""
    said: dict[str, Any] = {key: entry.content.get(key) for key in _FIELDS}
    whole = isinstance(said["documents"], dict) and said["verdict"] in ("approve", "reject")
    return Review(**said, recorded=entry.recorded) if whole else None
