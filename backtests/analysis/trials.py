"""The record of trials: every configuration tried on a market, because luck depends on how often one tried.

The record is `trials.jsonl` in the results folder, one line a trial, only ever appended to. Each line carries
the hash of the line before, so a changed, removed or inserted line breaks the chain. Lines cut off at the
end, or a record begun anew, leave a chain that is whole in itself; two things outside it give that away: the
file `trials.head` with the hash of the last line, and the head that each run's manifest saw. The next line
then says what was lost before it. None of this stops someone who rewrites the record, the head and every
manifest; it does stop a record from shrinking quietly.

Writers lock the record, so several processes may write at once. A write that was cut short leaves a torn
line: it is no trial, it is reported, and the next line starts behind it. Locks need Linux or macOS.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datafeeds.market import Array

RECORD = "trials.jsonl"
HEAD = "trials.head"
BEGINNING = "0" * 64
"""What the first line carries as the hash of the line before."""

_OWN = ("n", "previous", "market", "run", "sharpe", "recorded", "hash")
_LOST = "lost"


class TrialsError(ValueError):
    """A trial that can't be recorded."""


@dataclass(frozen=True)
class Trial:
    """One configuration tried on one market.

    Attributes
    ----------
    market, run : str
        Hash of the market's content, and of the configuration.
    sharpe : float
        Sharpe ratio per session, not annualised; NaN where there is none.
    details : mapping
        Anything else worth keeping that JSON can hold: name, kind, sessions, parameters.
    recorded : str
        Time of writing, ISO, UTC; set when recorded.
    position : int
        Line number among the trials, from 1; set when recorded.
    hash : str
        Hash of the line; set when recorded.
    """

    market: str
    run: str
    sharpe: float
    details: Mapping[str, Any]
    recorded: str = ""
    position: int = 0
    hash: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with the record, if anything.

    Attributes
    ----------
    intact : bool
        Whether there are no problems. Torn lines are none.
    trials : int
        Lines that are trials.
    head : str
        Hash of the last one; `BEGINNING` where there is none.
    torn : int
        Lines that are no trial: writes cut short.
    problems : tuple of str
    """

    intact: bool
    trials: int
    head: str
    torn: int
    problems: tuple[str, ...]

    def sentence(self) -> str:
        """Say it in words."""
        torn = f" {self.torn} interrupted write(s) were left out." if self.torn else ""
        if self.intact:
            return f"The record of {self.trials:,} trials is unbroken and holds all that the runs saw.{torn}"
        return f"The record of trials can't be trusted: {'; '.join(self.problems)}.{torn}"


def record(
    results_dir: str | Path, market_hash: str, run_hash: str, sharpe_per_session: float, **details: Any
) -> dict[str, Any]:
    """Add a trial to the record, unless it is there already.

    Parameters
    ----------
    results_dir : path
        Results folder; made if missing.
    market_hash, run_hash : str
    sharpe_per_session : float
        Not annualised; NaN where there is none.
    **details
        Anything else worth keeping that JSON can hold.

    Returns
    -------
    dict
        For the manifest's key ``"trials"``, as from `stamp`.

    Raises
    ------
    TrialsError
        If a hash is empty or the details are not for JSON.
    """
    return record_all(results_dir, [Trial(market_hash, run_hash, sharpe_per_session, details)])


def record_all(results_dir: str | Path, trials: Iterable[Trial]) -> dict[str, Any]:
    """Add many trials at once, as a sweep does: one lock, one write to disk.

    A trial whose market, run and Sharpe ratio equal the latest record of that run is not written again.

    Parameters
    ----------
    results_dir : path
    trials : iterable of Trial

    Returns
    -------
    dict
        As from `stamp`, for the market of the last trial.

    Raises
    ------
    TrialsError
        If there is none, a hash is empty, or details are not for JSON.
    """
    wanted = list(trials)
    if not wanted:
        raise TrialsError("no trial to record")
    for trial in wanted:
        _check(trial)
    folder = Path(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RECORD
    with _locked(path) as file:
        content = _content(file)
        known = list(_trials(content))
        latest = {(each.market, each.run): _number(each.sharpe) for each in known}
        position, head = (known[-1].position, known[-1].hash) if known else (0, BEGINNING)
        lost = _lost(folder, known)
        lines = []
        for trial in wanted:
            key = (trial.market, trial.run)
            if key in latest and latest[key] == _number(trial.sharpe):
                continue
            latest[key] = _number(trial.sharpe)
            position += 1
            line, head = _line(trial, position, head, lost)
            lost = ""
            lines.append(line)
        if lines:
            # A torn line is closed first, in the same write.
            opening = b"" if not content or content.endswith(b"\n") else b"\n"
            _write(file, opening + b"".join(lines))
            _replace(folder / HEAD, f"{position} {head}\n")
        market = wanted[-1].market
        return {"count": sum(each == market for each, _ in latest), "records": position, "head": head}


def read(results_dir: str | Path) -> tuple[Trial, ...]:
    """Every trial on record, oldest first; empty without a record."""
    return tuple(_trials(_bytes(Path(results_dir) / RECORD)))


def count(results_dir: str | Path, market_hash: str) -> int:
    """Count the configurations tried on a market; running one again is not another trial."""
    return len({trial.run for trial in read(results_dir) if trial.market == market_hash})


def sharpes(results_dir: str | Path, market_hash: str) -> Array:
    """Sharpe ratio per session of each configuration tried on a market, shape (configurations,).

    The latest of each, in order of first trial; NaN where there is none.
    """
    latest = {trial.run: trial.sharpe for trial in read(results_dir) if trial.market == market_hash}
    return np.array(list(latest.values()), dtype=np.float64)


def stamp(results_dir: str | Path, market_hash: str) -> dict[str, Any]:
    """Summarise the record for a run's manifest, key ``"trials"``.

    Returns
    -------
    dict
        `count` of configurations on this market, `records` in all, and `head`, the hash of the last one.
    """
    known = read(results_dir)
    return {
        "count": len({trial.run for trial in known if trial.market == market_hash}),
        "records": len(known),
        "head": known[-1].hash if known else BEGINNING,
    }


def verify(results_dir: str | Path) -> Verdict:
    """Whether the record is unbroken, and as long as its head and every run's manifest have seen it.

    Parameters
    ----------
    results_dir : path
        Manifests are looked for in ``*/manifest.json``.

    Returns
    -------
    Verdict
    """
    folder = Path(results_dir)
    problems: list[str] = []
    torn = 0
    heads = [BEGINNING]
    for number, line in enumerate(_bytes(folder / RECORD).split(b"\n"), start=1):
        if not line:
            continue
        entry = _entry(line)
        if entry is None:
            torn += 1
            continue
        if _hash(entry) != entry["hash"]:
            problems.append(f"line {number} of {RECORD} was changed")
        if entry["previous"] != heads[-1] or entry["n"] != len(heads):
            problems.append(
                f"line {number} of {RECORD} does not follow the one before: lines are missing or moved"
            )
        if _LOST in entry:
            problems.append(f"trials up to {entry[_LOST]} were lost before line {number} of {RECORD}")
        heads.append(str(entry["hash"]))

    seen = _text(folder / HEAD).split()
    if len(heads) > 1 and not seen:
        problems.append(f"{HEAD} is missing")
    if seen and seen[-1] not in heads:
        problems.append(f"{RECORD} has lost trials: {HEAD} has seen number {seen[0]}")
    for manifest in sorted(folder.glob("*/manifest.json")):
        # Hidden folders are runs that are still being written.
        problem = "" if manifest.parent.name.startswith(".") else _manifest_problem(manifest, heads)
        if problem:
            problems.append(problem)
    return Verdict(not problems, len(heads) - 1, heads[-1], torn, tuple(problems))


def _manifest_problem(path: Path, heads: list[str]) -> str:
    name = path.parent.name
    try:
        stamped = json.loads(path.read_text(encoding="utf-8")).get("trials")
    except (OSError, ValueError, AttributeError):
        return f"the manifest of {name} can't be read"
    if stamped is None:
        return ""
    if not isinstance(stamped, dict) or "head" not in stamped:
        return f"the manifest of {name} has no head of the record"
    records = stamped.get("records")
    if stamped["head"] not in heads:
        return f"{RECORD} has lost or changed trials that run {name} has seen ({records} then)"
    place = heads.index(stamped["head"])
    if records not in (None, place):
        return f"run {name} has seen {records} trials where {RECORD} has {place}"
    return ""


def _lost(folder: Path, known: list[Trial]) -> str:
    """Name the last trial that the head has seen, if the record does not hold it any more."""
    seen = _text(folder / HEAD).split()
    held = not seen or any(trial.hash == seen[-1] for trial in known)
    return "" if held else f"number {' '.join(seen)}"


def _check(trial: Trial) -> None:
    if not trial.market or not trial.run:
        raise TrialsError("a trial needs the hash of its market and of its run")
    reserved = sorted(set(trial.details) & {*_OWN, _LOST})
    if reserved:
        raise TrialsError(f"details can't be named {', '.join(reserved)}: the record uses these itself")
    try:
        json.dumps(dict(trial.details), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TrialsError(f"details of a trial must be what JSON holds: {error}") from None


def _line(trial: Trial, position: int, previous: str, lost: str) -> tuple[bytes, str]:
    entry: dict[str, Any] = {
        "n": position,
        "previous": previous,
        "market": trial.market,
        "run": trial.run,
        "sharpe": _number(trial.sharpe),
        "recorded": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **trial.details,
        **({_LOST: lost} if lost else {}),
    }
    # As it will be read back: words for keys, lists for tuples.
    entry = json.loads(json.dumps(entry))
    entry["hash"] = _hash(entry)
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n", str(entry["hash"])


def _hash(entry: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _entry(line: bytes) -> dict[str, Any] | None:
    """Parse the entry in a line; None for a torn line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and all(key in entry for key in _OWN) else None


def _trials(content: bytes) -> Iterator[Trial]:
    for line in content.split(b"\n"):
        entry = _entry(line)
        if entry is not None:
            yield Trial(
                market=entry["market"],
                run=entry["run"],
                sharpe=math.nan if entry["sharpe"] is None else float(entry["sharpe"]),
                details={key: value for key, value in entry.items() if key not in (*_OWN, _LOST)},
                recorded=entry["recorded"],
                position=entry["n"],
                hash=entry["hash"],
            )


def _number(sharpe: float) -> float | None:
    return float(sharpe) if math.isfinite(sharpe) else None


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
