"""Decisions with all that went into them, to be made again elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backtests.authoring.report import Offence
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account
from datafeeds.market import Array, Market
from strategies.asof import AsOf
from strategies.strategy import Strategy
from strategies.target import Target


@dataclass(frozen=True, eq=False)
class Moment:
    """One decision.

    Attributes
    ----------
    session : int
        Position of its session in the market.
    weights : ndarray, shape (symbols,)
        The portfolio at its close.
    previous : Target or None
        What the strategy asked for before.
    target : Target or None
        What it decided.
    """

    session: int
    weights: Array
    previous: Target | None
    target: Target | None


@dataclass(frozen=True)
class Failed:
    """A decision that ended in an exception."""

    said: str


@dataclass(frozen=True, eq=False)
class Recording:
    """A run, decision by decision.

    Attributes
    ----------
    ledger : Ledger
    moments : tuple of Moment
    read_account : bool
        Whether a decision looked at the portfolio.
    """

    ledger: Ledger
    moments: tuple[Moment, ...]
    read_account: bool


def recorded(market: Market, strategy: Strategy, account: Account, *, may_hold_index: bool) -> Recording:
    """Run `strategy` on the ledger engine and keep what went into each decision."""
    recorder = Recorder(market, strategy, may_hold_index=may_hold_index, overlay=account.overlay)
    moments: list[Moment] = []

    def decide(session: int, weights: Array) -> Array | None:
        previous = recorder.decisions[-1].target if recorder.decisions else None
        count = len(recorder.decisions)
        row = recorder(session, weights)
        target = recorder.decisions[-1].target if len(recorder.decisions) > count else None
        moments.append(Moment(session, weights.copy(), previous, target))
        return row

    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    ledger = engine_named("ledger")(market, decide, deciding, account)
    whole = replace(ledger, decisions=tuple(recorder.decisions))
    return Recording(whole, tuple(moments), recorder.read_account)


def moments_of(ledger: Ledger, market: Market) -> tuple[Moment, ...]:
    """The decisions of a finished run that asked for something, with what went into them."""
    first = market.index_of(ledger.sessions[0])
    positions = ledger.positions
    moments = []
    previous: Target | None = None
    for decision in ledger.decisions:
        session = market.index_of(decision.session)
        shares = positions[session - first]
        held = shares != 0
        weights = np.zeros(len(shares))
        weights[held] = shares[held] * market.mark[session][held] / ledger.equity[session - first]
        moments.append(Moment(session, weights, previous, decision.target))
        previous = decision.target
    return tuple(moments)


def drawn(moments: Sequence[Moment], most: int, seed: int) -> tuple[Moment, ...]:
    """At most `most` of `moments`, the first and the last among them, in order."""
    if len(moments) <= most:
        return tuple(moments)
    middle = np.random.default_rng(seed).choice(len(moments) - 2, max(0, most - 2), replace=False) + 1
    chosen = sorted({0, len(moments) - 1, *middle.tolist()})
    return tuple(moments[position] for position in chosen)


def decided(strategy: Strategy, market: Market, moment: Moment) -> Target | Failed | None:
    """What `strategy` decides at `moment` if the market is `market`."""
    try:
        return strategy.decide(AsOf(market, moment.session, moment.weights.copy(), moment.previous))
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


def day_of(market: Market, moment: Moment) -> str:
    """The date of `moment`."""
    return str(market.sessions[moment.session])


def changes(
    strategy: Strategy, market: Market, moments: Iterable[Moment], where: Market, what: str
) -> list[Offence]:
    """The decisions that come out otherwise when they are made on the market `where`."""
    found = (difference(market, moment, decided(strategy, where, moment), what) for moment in moments)
    return [offence for offence in found if offence is not None]


def difference(market: Market, moment: Moment, now: Target | Failed | None, what: str) -> Offence | None:
    """How the decision `now` differs from the one that was recorded; None if it doesn't."""
    before = moment.target
    day = day_of(market, moment)
    if isinstance(now, Failed):
        return Offence(what, day, value=f"decision, then {now.said}")
    if now is None or before is None:
        return None if now is before else Offence(what, day, value=f"{_named(before)}, then {_named(now)}")
    for symbol in dict.fromkeys([*before.weights, *now.weights]):
        ours, theirs = before.weights.get(symbol, 0.0), now.weights.get(symbol, 0.0)
        if ours != theirs:
            return Offence(what, day, symbol, f"weight {ours:.6g}, then {theirs:.6g}")
    if before == now:
        return None
    for one, other in zip(before.changes, now.changes, strict=False):
        if one != other:
            return Offence(what, day, value=f"reason {one.why!r}, then {other.why!r}")
    if before.hedges != now.hedges:
        return Offence(what, day, value=f"hedges {before.hedges}, then {now.hedges}")
    return Offence(what, day, value=f"what it remembers: {dict(before.state)}, then {dict(now.state)}")


def _named(target: Target | None) -> str:
    return "hold" if target is None else "a target"
