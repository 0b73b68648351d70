"""Decisions with all that went into them, as they are made."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter as elapsed  # its own: a strategy that replaces time's changes nothing here
from typing import Any

import numpy as np

from backtests.authoring.report import Offence
from backtests.authoring.sealed.plain import plain_target, revived_target, target_text
from backtests.engine.books import Decide
from backtests.engine.decisions import Recorder
from backtests.engine.lines import said_by
from backtests.engine.tables import tables_of
from datafeeds.market import Array, Market
from strategies.asof import AsOf
from strategies.strategy import Strategy

Plain = Mapping[str, Any]

MOST = 1_000
"""Characters of an answer that are shown."""

GROWN = 3
"""One of so many decisions that are drawn is drawn since it says much that was not said before it."""

SLOW = 0.05
"""Share of the decisions, the slowest, that say nothing about how long one takes."""

SHOWN = 60
"""Characters that are shown on either side of where two long texts part."""


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
    seconds : float
        Time that it took.
    more : int
        Characters that it remembers beyond what was remembered before it.
    """

    session: int
    weights: Array
    before: bytes
    after: bytes
    seconds: float = 0.0
    more: int = 0

    @property
    def grown(self) -> int:
        """Bytes by which it says more than the one before: in memory, reasons, hedges or weights."""
        return len(self.after) - len(self.before)

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
    kept = 0

    def decide(session: int, weights: Array) -> Array | None:
        nonlocal previous, kept
        held = weights.copy()
        began = elapsed()
        row = recorder(session, weights)
        seconds = elapsed() - began
        said, remembered = nothing, kept
        if row is not None:
            target = recorder.decisions[-1].target
            bought = np.flatnonzero(row[: len(market.symbols)])
            traded = {market.symbols[column]: float(row[column]) for column in bought}
            same = traded == dict(target.weights)
            said = zlib.compress(target_text(target, None if same else traded).encode(), 1)
            remembered = len(json.dumps(dict(target.state))) if target.state else 0
        moments.append(Moment(session, held, previous, said, seconds, remembered - kept))
        previous, kept = previous if row is None else said, remembered
        return row

    return decide


def drawn(moments: Sequence[Moment], most: int, seed: int) -> tuple[Moment, ...]:
    """At most `most` of `moments`: the first, the last, those that said most anew, others by chance.

    A plan that one decision leaves to all later ones comes out in that one alone.
    """
    if len(moments) <= most:
        return tuple(moments)
    always = {0, len(moments) - 1, *_planted(moments, most // GROWN)}
    others = [place for place in range(len(moments)) if place not in always]
    chance = np.random.default_rng(seed).choice(others, max(0, most - len(always)), replace=False)
    return tuple(moments[place] for place in sorted(always | set(chance.tolist())))


def _planted(moments: Sequence[Moment], count: int) -> set[int]:
    """Places of the `count` decisions that remember, or say, most beyond the one before."""
    places = range(len(moments))
    memory = sorted(places, key=lambda place: -moments[place].more)[: count - count // 2]
    return {*memory, *sorted(places, key=lambda place: -moments[place].grown)[: count // 2]}


def typical_seconds(moments: Sequence[Moment]) -> float:
    """Time that one of `moments` takes, without the slowest of them: one that waits says nothing."""
    taken = sorted(moment.seconds for moment in moments)
    kept = taken[: len(taken) - int(SLOW * len(taken) + 0.999)] or [0.0]
    return sum(kept) / len(kept)


def day_of(market: Market, moment: Moment) -> str:
    """The date of `moment`."""
    return str(market.sessions[moment.session])


def decided(strategy: Strategy, market: Market, moment: Moment) -> Plain:
    """What `strategy` decides at `moment` if the market is `market`: a ``target``, or an ``error``."""
    try:
        previous = revived_target(moment.previous)
        see = AsOf(market, moment.session, moment.weights.copy(), previous, tables_of(strategy))
        return {"target": plain_target(strategy.decide(see))}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {said_by(error)}"}


def changes(
    strategy: Strategy, market: Market, moments: Iterable[Moment], where: Market, what: str
) -> list[Offence]:
    """The decisions that come out otherwise when they are made on the market `where`."""
    found = (difference(market, moment, decided(strategy, where, moment), what) for moment in moments)
    return [offence for offence in found if offence is not None]


def difference(market: Market, moment: Moment, answer: Plain, what: str) -> Offence | None:
    """How an answer differs from the decision that was recorded; None if it doesn't."""
    before, day = moment.target, day_of(market, moment)
    # As text: 1, 1.0 and True are equal, and dicts in any order, yet each could tell later ones something.
    if "target" in answer and json.dumps(answer["target"]) == json.dumps(before):
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
        if _in_order(before[key]) != _in_order(now[key]):
            ours, theirs = _around(json.dumps(before[key]), json.dumps(now[key]))
            return Offence(what, day, value=f"{words} {ours}, then {theirs}")
    if _in_order(before) != _in_order(now):
        return Offence(what, day, value="its first reason")
    return Offence(what, day, value=_reordered(before, now))


def _in_order(content: Any) -> str:
    """`content` as text that is the same whatever the order of the words in its dicts."""
    return json.dumps(content, sort_keys=True)


def _around(one: str, other: str) -> tuple[str, str]:
    """Both texts, from shortly before they part where they are long."""
    if max(len(one), len(other)) <= MOST // 2:
        return one, other
    parted = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    some = slice(max(0, parted - SHOWN), parted + SHOWN)
    return f"...{one[some]}", f"...{other[some]}"


def _reordered(before: Plain, now: Plain) -> str:
    """What of two targets differs by its order alone, in words, and what to do."""
    named = {"weights": "weights", "changes": "weights of a step", "state": "memory", "hedges": "hedges"}
    which = next(
        (words for key, words in named.items() if json.dumps(before[key]) != json.dumps(now[key])), "target"
    )
    return (
        f"the same {which} in another order: sort what comes from a set, whose order is another in each run"
    )


def _named(target: Plain | None) -> str:
    return "hold" if target is None else "a target"
