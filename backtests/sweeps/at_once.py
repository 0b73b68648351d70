"""Decisions that a strategy makes all at once (`Strategy.decide_all`), held to what it decides one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import numpy.typing as npt

from backtests.engine.books import Decision
from backtests.engine.decisions import Recorder, refuse_index
from backtests.engine.failures import authors_code
from datafeeds.market import Array, Market
from strategies.asof import Panel
from strategies.strategy import Strategy, refuse_beyond
from strategies.target import TOLERANCE, StrategyError, Target

COMPARED = 5
"""Decisions, evenly spread, that are made one by one too."""


@dataclass(frozen=True, eq=False)
class AtOnce(Sequence[Decision]):
    """Decisions by their weights; who asks for one gets what the strategy decides on that day, and why.

    Attributes
    ----------
    market : Market
    strategy : Strategy
    sessions : ndarray of int, shape (decisions,)
        Positions in the market of the sessions at whose close each was made; those to hold are left out.
    weights : ndarray, shape (decisions, symbols)
    may_hold_index : bool
    """

    market: Market
    strategy: Strategy
    sessions: npt.NDArray[np.int64]
    weights: Array
    may_hold_index: bool = False

    def __len__(self) -> int:
        return len(self.sessions)

    @overload
    def __getitem__(self, place: int) -> Decision: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Decision]: ...

    def __getitem__(self, place: int | slice) -> Decision | Sequence[Decision]:
        if isinstance(place, slice):
            return replace(self, sessions=self.sessions[place], weights=self.weights[place])
        decision = self.checked(int(self.sessions[place]), self.weights[place])
        assert decision is not None  # no row is NaN
        return decision

    def checked(self, session: int, given: Array) -> Decision | None:
        """What the strategy decides at one session, asked alone; None to hold.

        Raises
        ------
        StrategyError
            If that is not what was given for it, to the last bit.
        """
        market = self.market
        # Anew for each, so that none knows what was decided before.
        recorder = Recorder(market, self.strategy, may_hold_index=self.may_hold_index)
        decided = recorder(session, np.zeros(len(market.symbols)))
        who = f"{type(self.strategy).__name__} on {market.sessions[session]}"
        if recorder.read_account:
            raise StrategyError(
                f"{who}: decide looks at the account's weights, which decide_all can't know; leave out either"
            )
        row = np.full(len(market.symbols), np.nan) if decided is None else decided
        differs = ~_same(row, given)
        if differs.any():
            column = int(differs.argmax())
            raise StrategyError(
                f"{who}: decide_all gives {market.symbols[column]} a weight of {given[column]} and decide "
                f"one of {row[column]} (nan is to hold); they must say the same to the last bit"
            )
        return recorder.decisions[0] if recorder.decisions else None


def gives_all(strategy: Strategy) -> bool:
    """Whether a strategy has a `decide_all` of its own, written with or after its `decide`."""
    for cls in type(strategy).__mro__:
        if "decide_all" in vars(cls):
            return cls is not Strategy
        if "decide" in vars(cls):  # a subclass that decides otherwise
            return False
    return False


def decided_at_once(
    market: Market, strategy: Strategy, sessions: npt.NDArray[np.int64], *, may_hold_index: bool = False
) -> AtOnce:
    """All decisions of a strategy that `gives_all`.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    sessions : ndarray of int, shape (decisions,)
        Positions in the market of the sessions to decide at, increasing.
    may_hold_index : bool
        See `backtests.engine.decisions.Recorder`.

    Raises
    ------
    StrategyError
        If the strategy fails, its weights can't be held, change with decisions that come later, or are not
        those that it decides one by one.
    """
    name = type(strategy).__name__
    given = _asked(market, strategy, sessions)
    half = sessions[: len(sessions) // 2 + 1]
    moved = ~_same(given[: len(half)], _asked(market, strategy, half)).all(axis=1)
    if moved.any():
        day = market.sessions[half[moved.argmax()]]
        raise StrategyError(
            f"{name}.decide_all: the weights of {day} change with decisions that come later; take each row "
            "from the same row of what the panel shows"
        )
    every = AtOnce(market, strategy, sessions, given, may_hold_index)
    for place in np.unique(np.linspace(0, len(sessions) - 1, COMPARED).astype(int)).tolist():
        every.checked(int(sessions[place]), given[place])
    held = np.isnan(given).all(axis=1)
    made = replace(every, sessions=sessions[~held], weights=given[~held])
    _refuse(made)
    return made


def _asked(market: Market, strategy: Strategy, sessions: npt.NDArray[np.int64]) -> Array:
    name = f"{type(strategy).__name__}.decide_all"
    with authors_code(name, type(strategy)):
        given = np.array(strategy.decide_all(Panel(market, sessions)), dtype=np.float64)
    wanted = (len(sessions), len(market.symbols))
    if given.shape != wanted:
        raise StrategyError(f"{name} gave shape {given.shape}; decisions and symbols are {wanted}")
    given[(given < 0) & (given >= -TOLERANCE)] = 0.0  # as a target takes them
    return given


def _same(one: Array, other: Array) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _refuse(made: AtOnce) -> None:
    """Refuse weights that one decision could not ask for, as if it had."""
    market, strategy, weights = made.market, made.strategy, made.weights
    gross, net = np.abs(weights).sum(axis=1), weights.sum(axis=1)
    wrong = ~(net <= 1 + TOLERANCE)
    if strategy.long_only:
        wrong |= (weights < 0).any(axis=1)
    else:
        wrong |= (gross > strategy.max_gross) | (np.abs(net) > strategy.max_net)
    for place in np.flatnonzero(wrong).tolist():
        held = np.flatnonzero(weights[place])
        asked = dict(zip(market.labels[held], weights[place, held].tolist(), strict=True))
        target = Target(asked, why="decided with all others")
        refuse_beyond(strategy, target, market.sessions[made.sessions[place]])
    if not made.may_hold_index:
        try:
            refuse_index(market, market.labels[(weights != 0).any(axis=0)].tolist())
        except StrategyError as error:
            raise StrategyError(f"{type(strategy).__name__}: {error}") from None
