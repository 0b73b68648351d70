"""The register of trials: every configuration tried on a market, because luck depends on how often one tried.

One file for each machine, a `Chain`: a changed, removed or inserted trial shows, and so does a register that
was cut off or begun anew, because each run's manifest has seen the hash of the last entry. A trial that is
made elsewhere on this machine, or whose results are deleted, stays on record.

Where: ``$STYLE_ROTATION_REGISTER``, else ``register.sqlite`` in the user's data folder of the platform.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from backtests.analysis.performance import cash_returns
from backtests.analysis.significance import moments
from backtests.records import first_edition
from backtests.records.chain import BEGINNING, Chain, Entry, Inspection, Recorded
from datafeeds.market import Array, Dates

PLACE = "STYLE_ROTATION_REGISTER"
"""Environment variable with the register's path."""

LEAST_KNOWN = 10
"""Sharpe ratios from which on their variance says something; a few alike ones would make luck look small."""


@dataclass(frozen=True)
class Trial:
    """One configuration tried on one market.

    Attributes
    ----------
    run : str
        Hash of the configuration.
    sharpe : float
        Sharpe ratio per session above cash, not annualised; NaN where there is none.
    details : mapping
        Anything else worth keeping that JSON can hold: name, kind, sessions, parameters.
    """

    run: str
    sharpe: float
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Integrity:
    """What is wrong with the register, if anything.

    Attributes
    ----------
    trials : int
        Trials on record, on all markets.
    problems, notes : tuple of str
        What can't be trusted, and what is only worth saying.
    """

    trials: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def sentence(self) -> str:
        """Say it in words."""
        notes = "".join(f" {note}." for note in self.notes)
        if not self.intact:
            return f"The register of trials can't be trusted: {'; '.join(self.problems)}.{notes}"
        trials = f"{self.trials:,} trial{'s' if self.trials != 1 else ''}"
        return f"The register of {trials} on this machine is unbroken.{notes}"


def place() -> Path:
    """Where the register lies; see the module."""
    given = os.environ.get(PLACE)
    if given:
        return Path(given).expanduser()
    return platformdirs.user_data_path("style-rotation", appauthor=False) / "register.sqlite"


def sharpe_per_session(returns: Array, sessions: Dates, cash_rate: float) -> float:
    """The Sharpe ratio that goes on record.

    Parameters
    ----------
    returns : ndarray, shape (sessions - 1,)
        Net of costs.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash_rate : float
        Yearly return of cash, actual/365, which is subtracted.

    Returns
    -------
    float
        Not annualised; NaN with fewer than two returns, or where they don't vary.
    """
    if len(returns) < 2 or not np.isfinite(returns).all():
        return math.nan
    return moments(returns - cash_returns(sessions, cash_rate)).sharpe


def record(market: str, trials: Iterable[Trial]) -> None:
    """Add trials, unless they are there already with the same Sharpe ratio.

    Parameters
    ----------
    market : str
        Hash of the market's content.
    trials : iterable of Trial

    Raises
    ------
    RecordError
        If the register can't be written, or details are not for JSON.
    """
    entries = [_entry(market, trial) for trial in trials]
    if entries:
        _chain().append(entries)


def _entry(market: str, trial: Trial) -> Entry:
    sharpe = float(trial.sharpe) if math.isfinite(trial.sharpe) else None
    content = {"market": market, "run": trial.run, "sharpe": sharpe, "details": dict(trial.details)}
    return Entry(content, f"{market} {trial.run} {sharpe}")


def adopt(results: Path) -> None:
    """Take over the record of trials that version 0.1 kept in a results folder, once."""
    first_edition.migrate(
        results, "trials", _chain(), lambda old: {key: old[key] for key in ("market", "run", "sharpe")}
    )


def sharpes(market: str) -> Array:
    """Sharpe ratio per session of each configuration tried on a market, shape (configurations,)."""
    return _sharpes(_tried(_chain().entries(), market))


def stamp(market: str, results: Path) -> dict[str, Any]:
    """Summarise the register for a run's manifest, key ``"trials"``.

    Returns
    -------
    dict
        `count` of configurations on this market and `since` when, `variance` of their Sharpe ratios (None
        while there are few), `records` in all, `head`, the hash of the last one, `register` and `where`,
        which tell registers apart, whether it is `intact`, and the `verdict` on that in words.
    """
    found = _chain().inspect()
    verdict = _verified(found, results)
    tried = _tried(found.entries, market)
    known = _sharpes(tried)
    known = known[np.isfinite(known)]
    return {
        "count": len(tried),
        "since": min((each.recorded for each in tried), default="")[:10],
        "variance": float(known.var(ddof=1)) if len(known) >= LEAST_KNOWN else None,
        "records": len(found.heads) - 1,
        "head": list(found.heads)[-1],
        "register": _identity(found),
        "where": _where(),
        "intact": verdict.intact,
        "verdict": verdict.sentence(),
    }


def verify(results: Path) -> Integrity:
    """Whether the register is unbroken, and as long as the manifest of every run in `results` has seen it."""
    return _verified(_chain().inspect(), results)


def _verified(found: Inspection, results: Path) -> Integrity:
    problems, elsewhere = list(found.problems), 0
    for manifest in sorted(results.glob("[!.]*/manifest.json")):
        problem = _testimony(manifest, found)
        elsewhere += problem is None
        problems += [problem] if problem else []
    runs = f"{elsewhere:,} run{'s' if elsewhere != 1 else ''} here"
    notes = (f"{runs} stand{'' if elsewhere != 1 else 's'} in another register",) if elsewhere else ()
    return Integrity(sum(map(_is_trial, found.entries)), tuple(problems), notes)


def _testimony(path: Path, found: Inspection) -> str | None:
    """What is wrong by what a run's manifest has seen, or empty; None if it has seen another register."""
    name = path.parent.name
    try:
        said = json.loads(path.read_text(encoding="utf-8")).get("trials")
    except (OSError, ValueError, AttributeError, RecursionError):
        return f"the manifest of {name} can't be read"
    if said is None:
        return ""
    if not isinstance(said, dict) or not isinstance(said.get("head"), str):
        return f"the manifest of {name} has no head of the register"
    head: str = said["head"]
    register, records = said.get("register"), said.get("records")
    if register not in (None, _identity(found)):
        if said.get("where") != _where():
            return None
        return f"the register was begun anew since run {name}, which has seen {records} entries"
    if head not in found.heads:
        return f"the register has lost or changed trials that run {name} has seen ({records} then)"
    if register is not None and records != found.heads[head]:
        return f"run {name} has seen {records} entries where the register has {found.heads[head]}"
    return ""


def _identity(found: Inspection) -> str:
    """Hash of the register's first entry, which tells one from another."""
    return next((head for head, number in found.heads.items() if number == 1), BEGINNING)


def _where() -> str:
    return hashlib.sha256(f"{platform.node()} {place().absolute()}".encode()).hexdigest()[:16]


def _is_trial(entry: Recorded) -> bool:
    return all(isinstance(entry.content.get(key), str) for key in ("market", "run"))


def _tried(entries: Iterable[Recorded], market: str) -> list[Recorded]:
    """Latest record of each configuration tried on a market, in order of first trial."""
    latest = {
        entry.content["run"]: entry
        for entry in entries
        if _is_trial(entry) and entry.content["market"] == market
    }
    return list(latest.values())


def _sharpes(tried: Iterable[Recorded]) -> Array:
    said = [entry.content.get("sharpe") for entry in tried]
    return np.array(
        [float(each) if isinstance(each, int | float) else math.nan for each in said], dtype=np.float64
    )


def _chain() -> Chain:
    given = place()
    # A register that is shared may lie on a network drive.
    return Chain(given, "trials", "DELETE" if os.environ.get(PLACE) else "WAL")
