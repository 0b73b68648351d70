"""What to hold from the next session on, with the reason for every change."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import pandas as pd

Frozen = TypeVar("Frozen")

TOLERANCE = 1e-9
"""How far weights may stray by rounding."""


class StrategyError(ValueError):
    """A strategy or its parameters can't be used; the message names the parameter and what to do."""


class ParameterError(StrategyError):
    """A parameter of a strategy can't be used.

    Attributes
    ----------
    key : str
        Its name.
    problem : str
        What is wrong with it, such as ``" = 0: must be at least 1"``.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"strategy.{key}{problem}")
        self.key, self.problem = key, problem

    def __reduce__(self) -> tuple[Any, ...]:
        return ParameterError, (self.key, self.problem)


@dataclass(frozen=True)
class Change:
    """One step on the way to a target, as it stands in the decision log.

    Attributes
    ----------
    why : str
        The reason in words.
    weights : mapping of str to float
        The weights after the step, only where the step changed them.
    """

    why: str
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Change, (self.why, dict(self.weights))


@dataclass(frozen=True)
class Leg:
    """One put of a structure.

    Attributes
    ----------
    moneyness : float
        Strike over the underlying's close on the day it is bought.
    quantity : float
        Puts per unit of the structure; negative if sold.
    """

    moneyness: float
    quantity: float


class Structure(Protocol):
    """What a hedge buys: a frozen dataclass such as `strategies.hedges.PutSpread`. It must hash."""

    @property
    def tenor(self) -> int:
        """Monthly expiries from the purchase to expiry."""

    @property
    def roll(self) -> int:
        """Monthly expiries from one purchase to the next, at most `tenor`."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The puts of one unit."""

    @property
    def name(self) -> str:
        """What readers see."""


@dataclass(frozen=True)
class Hedge:
    """A standing instruction to hold a structure from each roll to the next, while its target is in effect.

    Attributes
    ----------
    structure : Structure
    ratio : float
        Notional as a share of what is invested when it is bought: ``units * close of the underlying`` over
        the worth of the holdings, without cash and hedge.
    budget_bps : float or None
        Most that may be spent on premiums, in hundredths of a percent of equity a year; None for no cap.
    """

    structure: Structure
    ratio: float
    budget_bps: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.ratio < math.inf:
            raise StrategyError(f"hedge ratio is {self.ratio}; it must be finite and at least 0")
        if self.budget_bps is not None and not 0 <= self.budget_bps < math.inf:
            raise StrategyError(f"hedge budget_bps is {self.budget_bps}; it must be finite and at least 0")


@dataclass(frozen=True)
class Target:
    """Weights to hold from the next session on, with the reason for each change. Immutable.

    Parameters
    ----------
    weights : mapping or Series of float
        Share of equity by symbol, together at most 1; the rest is cash. A weight below zero is a short, which
        only a strategy with ``long_only = False`` may ask for.
    why : str
        Reason for the starting weights; must be given.

    Attributes
    ----------
    changes : tuple of Change
        Every step since construction, with its reason.
    state : mapping
        What the strategy wants to know at its next decision; reaches it as ``see.previous.state``. It goes
        into the decision log, so it holds only what JSON does: numbers, words, lists, dicts with word keys.
    hedges : tuple of Hedge
        Options to hold beside the weights, as `hedge` adds them.

    Raises
    ------
    StrategyError
        If a weight is not finite, or the weights add to more than 1; if `why` is empty; if `state` holds
        something that JSON does not.

    Examples
    --------
    >>> target = Target({"AMD": 0.5, "JPM": 0.5}, why="equal").scale({"AMD": 0.2}, why="dear")
    >>> round(target.weights["AMD"], 3), round(target.cash, 3)
    (0.1, 0.4)
    """

    weights: Mapping[str, float]
    why: str = ""
    changes: tuple[Change, ...] = ()
    state: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    hedges: tuple[Hedge, ...] = ()

    if TYPE_CHECKING:  # accepts a Series, always gives back a mapping

        def __init__(
            self,
            weights: Mapping[str, float] | pd.Series[float],
            why: str,
            changes: tuple[Change, ...] = (),
            state: Mapping[str, Any] = ...,
            hedges: tuple[Hedge, ...] = (),
        ) -> None: ...

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise StrategyError("a target needs a reason: pass why=")
        weights = _plain(self.weights)
        _refuse_weights(weights)
        if min(weights.values(), default=1.0) <= 0:
            weights = {symbol: weight for symbol, weight in weights.items() if _is_held(weight)}
        object.__setattr__(self, "weights", MappingProxyType(weights))
        object.__setattr__(self, "state", MappingProxyType(_json_copy(self.state)))
        if not self.changes:
            # Thousands of symbols are held once.
            first = _unchecked(Change, {"why": self.why, "weights": self.weights})
            object.__setattr__(self, "changes", (first,))

    def __reduce__(self) -> tuple[Any, ...]:
        return Target, (dict(self.weights), self.why, self.changes, dict(self.state), self.hedges)

    @property
    def cash(self) -> float:
        """Share of equity left in cash, the proceeds of shorts included."""
        return 1.0 - sum(self.weights.values())

    @property
    def gross(self) -> float:
        """Sum of the weights, those of shorts without their sign."""
        return sum(abs(weight) for weight in self.weights.values())

    @property
    def net(self) -> float:
        """Sum of the weights, those of shorts below zero."""
        return sum(self.weights.values())

    def weight_of(self, symbols: Iterable[str]) -> float:
        """Total weight of `symbols`."""
        return sum(self.weights.get(symbol, 0.0) for symbol in symbols)

    def scale(self, factors: Mapping[str, float] | pd.Series[float], why: str) -> Target:
        """Multiply the weights of the symbols in `factors`; what is freed goes to cash.

        A factor that is NaN (nothing known) leaves its symbol as it is.
        """
        changed = {
            symbol: self.weights[symbol] * factor
            for symbol, factor in _plain(factors).items()
            if symbol in self.weights and factor != 1.0 and not math.isnan(factor)
        }
        return self._with(changed, why)

    def add(self, weights: Mapping[str, float] | pd.Series[float], why: str) -> Target:
        """Add to the weights, out of cash."""
        changed = {
            symbol: self.weights.get(symbol, 0.0) + weight
            for symbol, weight in _plain(weights).items()
            if weight != 0
        }
        return self._with(changed, why)

    def put(self, weights: Mapping[str, float] | pd.Series[float], why: str) -> Target:
        """Put symbols at these weights, whatever they were; what is over goes to cash."""
        changed = {
            symbol: weight
            for symbol, weight in _plain(weights).items()
            if abs(weight - self.weights.get(symbol, 0.0)) > TOLERANCE
        }
        return self._with(changed, why)

    def note(self, why: str) -> Target:
        """Record a reason that changes no weight, such as a screen that could not be applied."""
        return self._with({}, why)

    def hedge(
        self,
        structure: Structure,
        why: str,
        *,
        ratio: float = 1.0,
        reserve: float = 0.02,
        budget_bps: float | None = None,
    ) -> Target:
        """Hold `structure` beside the weights, bought at the next roll and renewed at each.

        Parameters
        ----------
        structure : Structure
            Such as ``PutSpread(0.95, 0.85)``; see `strategies.hedges`.
        why : str
            The reason in words.
        ratio : float
            Notional as a share of what is invested.
        reserve : float
            Share of equity that must be left in cash, to pay premiums from: weights that leave less are
            scaled down alike.
        budget_bps : float, optional
            Most that may be spent on premiums, in hundredths of a percent of equity a year.

        Examples
        --------
        >>> from strategies.hedges import PutSpread
        >>> target = Target({"SPY": 1.0}, why="all in").hedge(PutSpread(0.95, 0.85), why="a tail to insure")
        >>> dict(target.weights), target.hedges[0].ratio
        ({'SPY': 0.98}, 1.0)
        """
        if not why:
            raise StrategyError("every change to a target needs a reason: pass why=")
        if not 0 <= reserve < 1:
            raise StrategyError(f"reserve is {reserve}; it must be a share of equity, at least 0 and below 1")
        added = Hedge(structure, ratio, budget_bps)
        reason = f"{why}: {structure.name} on {ratio:.0%} of what is invested"
        if budget_bps is not None:
            reason += f", for at most {budget_bps:g} bps a year"
        scaled: dict[str, float] = {}
        invested = sum(self.weights.values())
        if invested > 1 - reserve:
            share = (1 - reserve) / invested
            scaled = {symbol: weight * share for symbol, weight in self.weights.items()}
            reason += f"; weights scaled by {share:.4g} to keep {reserve:.1%} in cash for premiums"
        return self._with(scaled, reason)._replaced(hedges=(*self.hedges, added))

    def remember(self, **state: Any) -> Target:
        """Keep `state` for the next decision, where it is ``see.previous.state``."""
        return self._replaced(state=MappingProxyType({**self.state, **_json_copy(state)}))

    def _with(self, changed: dict[str, float], why: str) -> Target:
        """The target after a step; `changed` is handed over."""
        if not why:
            raise StrategyError("every change to a target needs a reason: pass why=")
        weights = self.weights
        if changed:
            # Two dicts at once: through the view it would be symbol by symbol.
            held = cast("MappingProxyType[str, float]", weights) | changed
            _refuse_weights(held)
            if min(changed.values()) <= 0:
                for symbol in [symbol for symbol, weight in changed.items() if not _is_held(weight)]:
                    del held[symbol]
            weights = MappingProxyType(held)
        step = _unchecked(Change, {"why": why, "weights": MappingProxyType(changed)})
        return self._replaced(weights=weights, changes=(*self.changes, step))

    def _replaced(self, **fields: Any) -> Target:
        """A copy with other fields: what has been checked once is not checked at every step."""
        return _unchecked(type(self), {**vars(self), **fields})


def _unchecked(cls: type[Frozen], fields: Mapping[str, Any]) -> Frozen:
    """An object of a frozen class, of fields that need no checking and are nobody else's."""
    made = object.__new__(cls)
    vars(made).update(fields)
    return made


def _plain(weights: Mapping[str, float] | pd.Series[float]) -> dict[str, float]:
    """A dict of words and Python's own numbers; one that is that already is copied, four times as fast."""
    if type(weights) is dict and {*map(type, weights)} <= {str} and {*map(type, weights.values())} <= {float}:
        return weights.copy()
    return {str(symbol): float(weight) for symbol, weight in weights.items()}


def _is_held(weight: float) -> bool:
    """Whether a weight is more than the rounding of nothing."""
    return weight > 0 or weight < -TOLERANCE


def _refuse_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights that are not finite or add to more than there is."""
    total = sum(weights.values())
    if not math.isfinite(total):
        for symbol, weight in weights.items():
            if not math.isfinite(weight):
                raise StrategyError(
                    f"the target's weight of {symbol} is {weight}; weights must be finite numbers"
                )
    if total > 1 + TOLERANCE:
        raise StrategyError(
            f"the target's weights add to {total:.6f} ({total:.1%} of equity); they must add to at most "
            "1, the rest is cash"
        )


def _json_copy(state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `state`, as JSON gives it back, that shares nothing with it."""
    if not state:
        return {}
    given = dict(state)
    copy: dict[str, Any]
    try:
        copy = _plain_copy(given)
    except (TypeError, RecursionError):  # JSON has the last word
        copy = _through_text(given)
    return copy


def _through_text(state: dict[str, Any]) -> dict[str, Any]:
    try:
        copy: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"state {state!r} can't go into the decision log: {error}; "
            "keep finite numbers, words, lists and dicts"
        ) from None
    return copy


def _plain_copy(value: Any) -> Any:
    """A copy of what JSON gives back as it is, in half the time that the way through text takes.

    Raises
    ------
    TypeError
        If anything in it is not one of Python's own dicts with words as keys, lists, words in plain letters,
        numbers of no more than 300 digits, truth values and None.
    """
    kind = type(value)
    if kind is dict and all(type(word) is str and word.isascii() for word in value):
        return {word: _plain_copy(each) for word, each in value.items()}
    if kind is list:
        return [_plain_copy(each) for each in value]
    if kind is str and value.isascii():
        return value
    if (kind is float or kind is int) and -1e300 < value < 1e300:
        return value
    if kind is bool or value is None:
        return value
    raise TypeError(f"{kind.__name__} is left to JSON")
