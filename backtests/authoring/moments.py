"""Decisions with all that went into them, as they are made."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtests.authoring.report import Offence
from backtests.authoring.sealed.plain import plain_target, revived_target, target_text
from backtests.engine.books import Decide
from backtests.engine.decisions import Recorder
from backtests.engine.tables import tables_of
from datafeeds.market import Array, Market
from strategies.asof import AsOf
from strategies.strategy import Strategy

Plain = Mapping[str, Any]

MOST = 1_000
"""Characters of an answer that are shown."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One decision.

    Attributes
    ----------
    session : int
        Position of its session in the market.
    weights : ndarray, shape (symbols,)
        The portfolio at its close.
    before, after : bytes
        `previous` and `target` as JSON, compressed: of thousands of symbols they are gigabytes else.
    """

    session: int
    weights: Array
    before: bytes
    after: bytes

    @property
    def previous(self) -> Plain | None:
        """What the strategy asked for before, as `plain_target` says it; None if nothing yet."""
        said: Plain | None = json.loads(zlib.decompress(self.before))
        return said

    @property
    def target(self) -> Plain | None:
        """What it decided, with the weights that went to the engine; None to hold."""
        said: Plain | None = json.loads(zlib.decompress(self.after))
        return said


def keeping(recorder: Recorder, market: Market, moments: list[Moment]) -> Decide:
    """`recorder`, with all that goes into and comes out of each decision written to `moments` at once.

    What is compared later must be what was traded: it is read off the row that the engine gets, before the
    strategy runs again.
    """
    nothing = previous = zlib.compress(target_text(None).encode())

    def decide(session: int, weights: Array) -> Array | None:
        nonlocal previous
        held = weights.copy()
        row = recorder(session, weights)
        said = nothing
        if row is not None:
            target = recorder.decisions[-1].target
            bought = np.flatnonzero(row[: len(market.symbols)])
            traded = {market.symbols[column]: float(row[column]) for column in bought}
            same = traded == dict(target.weights)
            said = zlib.compress(target_text(target, None if same else traded).encode(), 1)
        moments.append(Moment(session, held, previous, said))
        previous = previous if row is None else said
        return row

    return decide


def drawn(moments: Sequence[Moment], most: int, seed: int) -> tuple[Moment, ...]:
    """At most `most` of `moments`, the first and the last among them, in order."""
    if len(moments) <= most:
        return tuple(moments)
    middle = np.random.default_rng(seed).choice(len(moments) - 2, max(0, most - 2), replace=False) + 1
    chosen = sorted({0, len(moments) - 1, *middle.tolist()})
    return tuple(moments[position] for position in chosen)


def day_of(market: Market, moment: Moment) -> str:
    """The date of `moment`."""
    return str(market.sessions[moment.session])


def decided(strategy: Strategy, market: Market, moment: Moment) -> Plain:
    """What `strategy` decides at `moment` if the market is `market`: a ``target``, or an ``error``."""
    try:
        previous = revived_target(moment.previous)
        see = AsOf(market, moment.session, moment.weights.copy(), previous, tables_of(strategy))
        return {"target": plain_target(strategy.decide(see))}
    except (Exception, SystemExit) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def changes(
    strategy: Strategy, market: Market, moments: Iterable[Moment], where: Market, what: str
) -> list[Offence]:
    """The decisions that come out otherwise when they are made on the market `where`."""
    found = (difference(market, moment, decided(strategy, where, moment), what) for moment in moments)
    return [offence for offence in found if offence is not None]


def difference(market: Market, moment: Moment, answer: Plain, what: str) -> Offence | None:
    """How an answer differs from the decision that was recorded; None if it doesn't."""
    before, day = moment.target, day_of(market, moment)
    if "target" in answer and answer["target"] == before:
        return None
    try:
        return _told(before, answer, day, what)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Offence(what, day, value="a target, then something else")


def _told(before: Plain | None, answer: Plain, day: str, what: str) -> Offence:
    if "target" not in answer:
        return Offence(
            what, day, value=f"decision, then {answer.get('error', 'the end of the process')}"[:MOST]
        )
    now = answer["target"]
    if now is None or before is None:
        return Offence(what, day, value=f"{_named(before)}, then {_named(now)}")
    for symbol in dict.fromkeys([*before["weights"], *now["weights"]]):
        ours, theirs = before["weights"].get(symbol, 0.0), now["weights"].get(symbol, 0.0)
        if ours != theirs:
            return Offence(what, day, symbol, f"weight {ours:.6g}, then {theirs:.6g}")
    for (why, _), (other, _) in zip(before["changes"], now["changes"], strict=False):
        if why != other:
            return Offence(what, day, value=f"reason {why!r}, then {other!r}"[:MOST])
    for key, words in (("hedges", "hedges"), ("state", "what it remembers:"), ("changes", "steps")):
        if before[key] != now[key]:
            return Offence(what, day, value=f"{words} {before[key]}, then {now[key]}"[:MOST])
    return Offence(what, day, value="its first reason")


def _named(target: Plain | None) -> str:
    return "hold" if target is None else "a target"
