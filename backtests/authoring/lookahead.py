"""Whether a decision depends on what came later: make it again where everything later is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backtests.authoring.poison import POISONS, Future, Poison, poisoned, unlike, with_filings_delayed
from backtests.authoring.replay import Failed, Moment, changes, decided, drawn, moments_of
from backtests.authoring.report import Check, CheckReport, Offence, judged, note
from backtests.engine.books import Ledger
from datafeeds import facts as fundamentals
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import Target

KIND = "look-ahead"

SAMPLE = 12
"""Decisions that every run replays."""

DELAYS = (5, 20)
"""Sessions by which filings are delayed, to see which decisions hang on their timing."""


def sampled_lookahead(
    market: Market, strategy: Strategy, ledger: Ledger, sample: int = SAMPLE, seed: int = 0
) -> CheckReport:
    """Replay a sample of a finished run's decisions with the future replaced.

    Parameters
    ----------
    market : Market
        The one that the run was made on.
    strategy : Strategy
    ledger : Ledger
        The run's books; its decisions are replayed, each from the recorded one before it.
    sample : int
        How many, drawn at random, the first and the last among them.
    seed : int

    Returns
    -------
    CheckReport
    """
    moments = drawn(moments_of(ledger, market), sample, seed)
    if not moments:
        nothing = note(KIND, "replay", "there was no decision to replay")
        return CheckReport(repr(strategy), market.name, 0, 0, seed, (nothing,))
    if _whole(ledger):
        again = changes(strategy, market, moments, market, "decided again:")
        checks: tuple[Check, ...] = (
            judged("determinism", "decided again", again, f"{len(moments)} decisions, none changed"),
        )
    else:
        # The portfolio of that day can't be had to the last bit from fractional fills.
        moments = tuple(replace(moment, target=_honest(strategy, market, moment)) for moment in moments)
        checks = ()
    checks += poison_checks(market, strategy, moments, seed)
    return CheckReport(repr(strategy), market.name, len(ledger.decisions), len(moments), seed, checks)


def poison_checks(
    market: Market, strategy: Strategy, moments: Sequence[Moment], seed: int
) -> tuple[Check, ...]:
    """Make `moments` again under each poison, and work the figures out again under one."""
    checks = [_poison_check(market, strategy, moments, poison, seed) for poison in POISONS]
    if moments and market.derived:
        checks.append(rebuilt_figures(market, moments[len(moments) // 2].session, seed))
    return tuple(checks)


def _poison_check(
    market: Market, strategy: Strategy, moments: Sequence[Moment], poison: Poison, seed: int
) -> Check:
    future = Future(market, poison, seed)
    offences: list[Offence] = []
    for moment in sorted(moments, key=lambda moment: -moment.session):
        where = future.after(moment.session)
        offences += changes(strategy, market, (moment,), where, f"changed with later data {poison}:")
    return judged(KIND, f"later data {poison}", offences, f"{len(moments)} decisions, none changed")


def rebuilt_figures(market: Market, session: int, seed: int) -> Check:
    """Work every derived fact out again from shuffled later filings: what was known before must stay."""
    other = poisoned(market, session, "shuffled", seed)
    names = [name for name in market.derived if name in fundamentals.names(market)]
    for name in names:
        fundamentals.fact(other, name)
    wrong = unlike({name: market.derived[name] for name in names}, other.derived, session + 1)
    offences = [
        Offence(f"fact {name} depends on a later filing", str(market.sessions[row])) for name, row in wrong
    ]
    fine = f"{len(names)} facts the same up to {market.sessions[session]}"
    return judged(KIND, "facts from shuffled later filings", offences, fine)


def delayed_filings(market: Market, strategy: Strategy, moments: Sequence[Moment]) -> list[Check]:
    """Which decisions hang on when figures were filed: information, no fault."""
    if market.facts.empty:
        return []
    checks = []
    for sessions in DELAYS:
        other = with_filings_delayed(market, sessions)
        found = changes(strategy, market, moments, other, "")
        first = f"; first: {found[0]}" if found else ""
        said = f"{len(found)} of {len(moments)} decisions would have been others{first}"
        checks.append(note(KIND, f"filings {sessions} sessions later", said))
    return checks


def _whole(ledger: Ledger) -> bool:
    shares = ledger.fills["shares"].to_numpy()
    return bool((shares == np.round(shares)).all())


def _honest(strategy: Strategy, market: Market, moment: Moment) -> Target | None:
    target = decided(strategy, market, moment)
    return moment.target if isinstance(target, Failed) else target
