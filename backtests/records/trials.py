"""The record of trials: every configuration tried on a market, because luck depends on how often one tried.

The record is `trials.jsonl` in the results folder, a `Chain`: a changed, removed or inserted
line shows, and so does a record that was cut off or begun anew, because the file `trials.head` and each run's
manifest have seen the hash of the last line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backtests.records.chain import BEGINNING as BEGINNING
from backtests.records.chain import LOST, OWN, Chain, Entry
from datafeeds.market import Array

RECORD = "trials.jsonl"
HEAD = "trials.head"

LEAST_KNOWN = 10
"""Sharpe ratios from which on their variance says something; a few alike ones would make luck look small."""
_FIELDS = ("market", "run", "sharpe")


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
            trials = f"{self.trials:,} trial{'s' if self.trials != 1 else ''}"
            return f"The record of {trials} is unbroken and holds all that the runs saw.{torn}"
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

    def new(known: Sequence[Entry]) -> Iterator[Entry]:
        latest = {(each["market"], each["run"]): each["sharpe"] for each in known}
        for trial in wanted:
            key = (trial.market, trial.run)
            if key not in latest or latest[key] != _number(trial.sharpe):
                latest[key] = _number(trial.sharpe)
                yield {
                    "market": trial.market,
                    "run": trial.run,
                    "sharpe": latest[key],
                    **trial.details,
                }

    entries, _ = _chain(results_dir).append(new)
    return _stamp(entries, wanted[-1].market)


def read(results_dir: str | Path) -> tuple[Trial, ...]:
    """Every trial on record, oldest first; empty without a record."""
    return tuple(_trial(entry) for entry in _chain(results_dir).entries())


def count(results_dir: str | Path, market_hash: str) -> int:
    """Count the configurations tried on a market; running one again is not another trial."""
    return len({trial.run for trial in read(results_dir) if trial.market == market_hash})


def sharpes(results_dir: str | Path, market_hash: str) -> Array:
    """Sharpe ratio per session of each configuration tried on a market, shape (configurations,).

    The latest of each, in order of first trial; NaN where there is none.
    """
    latest = {trial.run: trial.sharpe for trial in read(results_dir) if trial.market == market_hash}
    return np.array(list(latest.values()), dtype=np.float64)


def variance(results_dir: str | Path, market_hash: str) -> float | None:
    """Variance of a market's Sharpe ratios per session; None with fewer than `LEAST_KNOWN` on record."""
    known = sharpes(results_dir, market_hash)
    known = known[np.isfinite(known)]
    return float(known.var(ddof=1)) if len(known) >= LEAST_KNOWN else None


def stamp(results_dir: str | Path, market_hash: str) -> dict[str, Any]:
    """Summarise the record for a run's manifest, key ``"trials"``.

    Returns
    -------
    dict
        `count` of configurations on this market, `records` in all, and `head`, the hash of the last one.
    """
    return _stamp(_chain(results_dir).entries(), market_hash)


def _stamp(entries: Sequence[Entry], market_hash: str) -> dict[str, Any]:
    return {
        "count": len({entry["run"] for entry in entries if entry["market"] == market_hash}),
        "records": len(entries),
        "head": entries[-1]["hash"] if entries else BEGINNING,
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
    found = _chain(folder).inspect()
    problems = list(found.problems)
    for manifest in sorted(folder.glob("*/manifest.json")):
        # Hidden folders are runs that are still being written.
        problem = "" if manifest.parent.name.startswith(".") else _manifest_problem(manifest, found.heads)
        if problem:
            problems.append(problem)
    return Verdict(not problems, len(found.heads) - 1, found.heads[-1], found.torn, tuple(problems))


def _chain(results_dir: str | Path) -> Chain:
    return Chain(Path(results_dir), RECORD, HEAD, "trials", _FIELDS)


def _manifest_problem(path: Path, heads: Sequence[str]) -> str:
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


def _check(trial: Trial) -> None:
    if not trial.market or not trial.run:
        raise TrialsError("a trial needs the hash of its market and of its run")
    reserved = sorted(set(trial.details) & {*OWN, *_FIELDS, LOST})
    if reserved:
        raise TrialsError(f"details can't be named {', '.join(reserved)}: the record uses these itself")
    try:
        json.dumps(dict(trial.details), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TrialsError(f"details of a trial must be what JSON holds: {error}") from None


def _trial(entry: Entry) -> Trial:
    return Trial(
        market=entry["market"],
        run=entry["run"],
        sharpe=math.nan if entry["sharpe"] is None else float(entry["sharpe"]),
        details={key: value for key, value in entry.items() if key not in (*OWN, *_FIELDS, LOST)},
        recorded=entry["recorded"],
        position=entry["n"],
        hash=entry["hash"],
    )


def _number(sharpe: float) -> float | None:
    return float(sharpe) if math.isfinite(sharpe) else None
