"""Decisions that a strategy makes all at once (`Strategy.decide_all`), held to what it decides one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from backtests.engine.books import Decision
from backtests.engine.decisions import Recorder, refuse_index
from datafeeds.market import Array, Market
from strategies.asof import Panel
from strategies.strategy import Strategy, refuse_beyond
from strategies.target import TOLERANCE, StrategyError, Target

COMPARED = 5
"""Decisions, evenly spread, that are made one by one too."""

WHY = "decided with all others of the sweep; the run itself says why"


@dataclass(frozen=True, eq=False)
class AtOnce(Sequence[Decision]):
    """Weights of many decisions; each becomes a `Decision` when somebody asks for it.

    Attributes
    ----------
    market : Market
    sessions : ndarray of int, shape (decisions,)
        Positions in the market of the sessions at whose close each was made; those to hold are left out.
    weights : ndarray, shape (decisions, symbols)
    """

    market: Market
    sessions: npt.NDArray[np.int64]
    weights: Array

    def __len__(self) -> int:
        return len(self.sessions)

    @overload
    def __getitem__(self, place: int) -> Decision: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Decision]: ...

    def __getitem__(self, place: int | slice) -> Decision | Sequence[Decision]:
        if isinstance(place, slice):
            return AtOnce(self.market, self.sessions[place], self.weights[place])
        target = _target(self.market, self.weights[place])
        return Decision(self.market.sessions[self.sessions[place]], target)


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
    for place in np.unique(np.linspace(0, len(sessions) - 1, COMPARED).astype(int)).tolist():
        # Anew for each, so that none knows what was decided before.
        recorder = Recorder(market, strategy, may_hold_index=may_hold_index)
        decided = recorder(int(sessions[place]), np.zeros(len(market.symbols)))
        who = f"{name} on {market.sessions[sessions[place]]}"
        if recorder.read_account:
            raise StrategyError(
                f"{who}: decide looks at the account's weights, which decide_all can't know; leave out either"
            )
        _compare(market, who, decided, given[place])
    held = np.isnan(given).all(axis=1)
    made = AtOnce(market, sessions[~held], given[~held])
    _refuse(made, strategy, may_hold_index)
    return made


def _asked(market: Market, strategy: Strategy, sessions: npt.NDArray[np.int64]) -> Array:
    name = f"{type(strategy).__name__}.decide_all"
    try:
        given = np.array(strategy.decide_all(Panel(market, sessions)), dtype=np.float64)
    except (Exception, SystemExit) as error:
        raise StrategyError(f"{name} failed: {type(error).__name__}: {error}") from error
    wanted = (len(sessions), len(market.symbols))
    if given.shape != wanted:
        raise StrategyError(f"{name} gave shape {given.shape}; decisions and symbols are {wanted}")
    given[(given < 0) & (given >= -TOLERANCE)] = 0.0  # as a target takes them
    return given


def _compare(market: Market, who: str, decided: Array | None, given: Array) -> None:
    row = np.full(len(market.symbols), np.nan) if decided is None else decided
    differs = ~_same(row, given)
    if differs.any():
        column = int(differs.argmax())
        raise StrategyError(
            f"{who}: decide_all gives {market.symbols[column]} a weight of {given[column]} and decide one "
            f"of {row[column]} (nan is to hold); they must say the same to the last bit"
        )


def _same(one: Array, other: Array) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _refuse(made: AtOnce, strategy: Strategy, may_hold_index: bool) -> None:
    """Refuse weights that one decision could not ask for, as if it had."""
    weights = made.weights
    gross, net = np.abs(weights).sum(axis=1), weights.sum(axis=1)
    wrong = ~(net <= 1 + TOLERANCE)
    if strategy.long_only:
        wrong |= (weights < 0).any(axis=1)
    else:
        wrong |= (gross > strategy.max_gross) | (np.abs(net) > strategy.max_net)
    for place in np.flatnonzero(wrong).tolist():
        target = _target(made.market, weights[place])
        refuse_beyond(strategy, target, made.market.sessions[made.sessions[place]])
    if not may_hold_index:
        refuse_index(made.market, np.flatnonzero((weights != 0).any(axis=0)), type(strategy).__name__)


def _target(market: Market, row: Array) -> Target:
    held = np.flatnonzero(row)
    return Target(dict(zip(market.labels[held], row[held].tolist(), strict=True)), why=WHY)
