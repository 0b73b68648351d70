"""The register of trials: every configuration tried on a market, because luck depends on how often one tried.

One file for each machine, a `Chain`: a changed, removed or inserted trial shows, and so does a register that
was cut off or begun anew, because each run's manifest has seen the hash of the last entry. A trial whose
results lie elsewhere or are deleted stays on record, and a market that was changed a little keeps its count
(`lineage`).

Where: ``$STYLE_ROTATION_REGISTER``, else ``register.sqlite`` in the user's data folder of the platform.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from backtests.analysis.significance import moments
from backtests.engine.books import returns_of
from backtests.provenance import trial_hash
from backtests.records import archive, first_edition, lineage
from backtests.records.chain import BEGINNING, Chain, Entry, Inspection, Recorded
from backtests.result import Result
from backtests.settings.run_file import RunConfig, StrategyChoice
from datafeeds.market import Array, Dates, Market
from strategies.hedges import Hedged

PLACE = "STYLE_ROTATION_REGISTER"
"""Environment variable with the register's path."""

SATURDAY = 2
"""Days from 1970-01-01 to the first day of a week that ends on Friday."""


@dataclass(frozen=True)
class Trial:
    """One configuration tried on one market.

    Attributes
    ----------
    run : str
        Hash of the configuration, or another name for what was tried.
    kind : str
        What tried it: ``"run"``, ``"sweep"`` ...
    sharpe : float
        Sharpe ratio per session above cash, not annualised; NaN where there is none.
    details : mapping
        Anything else worth keeping that JSON can hold.
    first_week : int
        Week of the first of `weekly`, counted from 1970; weeks end on Friday.
    weekly : ndarray, shape (weeks,)
        Logarithmic return of each week; empty where there is none.
    """

    run: str
    kind: str
    sharpe: float = math.nan
    details: Mapping[str, Any] = field(default_factory=dict)
    first_week: int = 0
    weekly: Array = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class Tried:
    """What is known of every configuration tried on a market.

    Attributes
    ----------
    runs, kinds : tuple of str
        Hash of each configuration, and what tried it.
    since : str
        Day of the first, ISO; empty without one.
    sharpes : ndarray, shape (configurations,)
        Sharpe ratio per session, the latest of each, in order of first trial; NaN where there is none.
    weeks : ndarray of datetime64[D], shape (weeks,)
        Fridays.
    returns : ndarray, shape (configurations, weeks)
        Logarithmic return of each week, to three digits; NaN outside a configuration's sessions, and in all
        weeks of one that has no returns.
    """

    runs: tuple[str, ...]
    kinds: tuple[str, ...]
    since: str
    sharpes: Array
    weeks: Dates
    returns: Array


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


def sharpe_per_session(returns: Array, cash: Array) -> float:
    """The Sharpe ratio that goes on record.

    Parameters
    ----------
    returns, cash : ndarray, shape (sessions - 1,)
        Returns net of costs, and those of cash, which are subtracted.

    Returns
    -------
    float
        Not annualised; NaN with fewer than two returns, or where they don't vary.
    """
    if len(returns) < 2 or not np.isfinite(returns).all():
        return math.nan
    return moments(returns - cash).sharpe


def of_returns(
    kind: str,
    config: RunConfig,
    market: Market,
    sessions: Dates,
    returns: Array,
    cash: Array,
    outside: Sequence[str] | None = None,
    **details: Any,
) -> Trial:
    """The trial that a run of `config` is.

    Parameters
    ----------
    kind : str
    config : RunConfig
    market : Market
    sessions : ndarray of datetime64[D], shape (sessions,)
    returns, cash : ndarray, shape (sessions - 1,)
        Of the configuration, and of cash.
    outside : sequence of str, optional
        See `trial_hash`.
    **details
        Anything else worth keeping that JSON can hold.
    """
    week = (sessions[1:].astype("datetime64[D]").astype(np.int64) - SATURDAY) // 7
    first = int(week[0]) if len(week) else 0
    logarithms = np.log1p(np.maximum(returns, -0.999))
    return Trial(
        run=trial_hash(config, market, outside),
        kind=kind,
        sharpe=sharpe_per_session(returns, cash),
        details={"name": config.name, "sessions": len(returns), **details},
        first_week=first,
        weekly=np.asarray(np.bincount(week - first, weights=logarithms), dtype=np.float64),
    )


def of_result(kind: str, result: Result) -> list[Trial]:
    """The trials that a run is: itself, and each benchmark that is the same strategy otherwise, or hedged."""
    config, market = result.config, result.market
    chosen = [(config, result.book)]
    for choice, book in zip(config.benchmarks, result.benchmarks, strict=True):
        if isinstance(book.strategy, Hedged) or choice.name == config.strategy.name:
            strategy = StrategyChoice(name=choice.name, limits=choice.limits, **(choice.model_extra or {}))
            chosen.append((config.model_copy(update={"strategy": strategy, "hedge": None}), book))
    return [
        of_returns(kind, each, market, result.sessions, returns_of(book.ledger.equity), result.cash)
        for each, book in chosen
    ]


def record(market: Market, trials: Iterable[Trial]) -> None:
    """Add trials on a market, unless they are there already with the same Sharpe ratio.

    Raises
    ------
    RecordError
        If the register can't be written, or details are not for JSON.
    """
    entries = [_entry(market.hash, trial) for trial in trials]
    if entries:
        chain = _chain()
        chain.mend()
        known = chain.holds(_market_key(market.hash))
        chain.append(entries if known else [_market_entry(market, chain), *entries])


def _entry(market: str, trial: Trial) -> Entry:
    sharpe = float(trial.sharpe) if math.isfinite(trial.sharpe) else None
    content: dict[str, Any] = {"market": market, "run": trial.run, "kind": trial.kind, "sharpe": sharpe}
    content |= {"first_week": trial.first_week, "details": dict(trial.details)}
    return Entry(content, f"{market} {trial.run} {sharpe}", trial.weekly.astype(np.float16).tobytes())


def _market_key(market: str) -> str:
    return f"market {market}"


def _market_entry(market: Market, chain: Chain) -> Entry:
    """What says that trials on this market count with those on others that are the same."""
    ours = lineage.sketch(market)
    like, covered = [], False
    for entry in filter(_is_market, chain.entries()):
        theirs = lineage.read(str(entry.content["name"]), str(entry.content["source"]), entry.attachment)
        if theirs is not None and lineage.same_market(ours, theirs):
            like.append(entry.content["is_market"])
            covered |= theirs.covers(ours)
    content = {"is_market": market.hash, "name": market.name, "source": market.source, "like": like}
    return Entry(content, _market_key(market.hash), b"" if covered else ours.content())


def adopt(results: Path) -> None:
    """Take over the record of trials that version 0.1 kept in a results folder, once."""
    first_edition.migrate(
        results, "trials", _chain(), lambda old: {key: old[key] for key in ("market", "run", "sharpe")}
    )


def known(market: Market, results: Path) -> tuple[Tried, dict[str, Any]]:
    """What is known of the trials of a market, and of those that are the same (`lineage`), read once.

    Returns
    -------
    Tried
        Every configuration.
    dict
        The register's summary for a run's manifest, key ``"trials"``: `count` of configurations on this
        market and `since` when, `records` in all, `head`, the hash of the last one, `register` and `where`,
        which tell registers apart, whether it is `intact`, and the `verdict` on that in words.
    """
    found = _chain().inspect()
    verdict = _verified(found, results)
    tried = _tried(found.entries, market.hash)
    return tried, {
        "count": len(tried.runs),
        "since": tried.since,
        "records": found.number,
        "head": found.head,
        "register": _identity(found),
        "where": _where(),
        "intact": verdict.intact,
        "verdict": verdict.sentence(),
    }


def note(results: Path, found: Inspection) -> None:
    """Remember how far the record of a results folder has come."""
    noted = {"results": str(results.resolve()), "records": found.number, "head": found.head}
    _chain().append([Entry(noted)])


def lost(results: Path, found: Inspection) -> list[str]:
    """What the record of a results folder has lost by what was noted of it, in words."""
    noted = [
        each.content for each in _chain().entries() if each.content.get("results") == str(results.resolve())
    ]
    missing = [each for each in noted if each.get("head") not in found.heads]
    return [f"entries up to {each.get('records')}, a review among them, are gone" for each in missing[-1:]]


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
        said = archive.read_json(path).get("trials")
    except (ValueError, AttributeError):
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


def _is_market(entry: Recorded) -> bool:
    like = entry.content.get("like")
    return isinstance(entry.content.get("is_market"), str) and isinstance(like, list)


def _tried(entries: Iterable[Recorded], market: str) -> Tried:
    entries = list(entries)
    same = _lineage(entries, market)
    latest = {
        entry.content["run"]: entry
        for entry in entries
        if _is_trial(entry) and entry.content["market"] in same
    }
    found = list(latest.values())
    weekly = [np.frombuffer(each.attachment[: len(each.attachment) // 2 * 2], np.float16) for each in found]
    begins = [first if isinstance(first := each.content.get("first_week"), int) else 0 for each in found]
    spans = [(begin, begin + len(each)) for begin, each in zip(begins, weekly, strict=True) if len(each)]
    first, last = (min(spans)[0], max(end for _, end in spans)) if spans else (0, 0)
    returns = np.full((len(found), last - first), np.nan)
    for row, (begin, each) in enumerate(zip(begins, weekly, strict=True)):
        returns[row, begin - first : begin - first + len(each)] = each
    fridays = (np.arange(first, last) * 7 + SATURDAY + 6).astype("datetime64[D]")
    return Tried(
        runs=tuple(latest),
        kinds=tuple(str(each.content.get("kind", "run")) for each in found),
        since=min((entry.recorded for entry in found), default="")[:10],
        sharpes=np.array([_sharpe(each) for each in found], dtype=np.float64),
        weeks=fridays,
        returns=returns,
    )


def _lineage(entries: Iterable[Recorded], market: str) -> set[str]:
    """Hashes of every market that is the same as `market`, itself among them."""
    links = [{e.content["is_market"], *map(str, e.content["like"])} for e in entries if _is_market(e)]
    same, size = {market}, 0
    while len(same) > size:
        size = len(same)
        for link in links:
            if link & same:
                same |= link
    return same


def _sharpe(entry: Recorded) -> float:
    sharpe = entry.content.get("sharpe")
    return float(sharpe) if isinstance(sharpe, int | float) else math.nan


def _chain() -> Chain:
    given = place()
    # A register that is shared may lie on a network drive.
    return Chain(given, "trials", "DELETE" if os.environ.get(PLACE) else "WAL")
