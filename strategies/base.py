"""What a strategy is: a class that turns what is known today into a target."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ConfigDict, PlainValidator, PydanticUserError, TypeAdapter, ValidationError

from datafeeds.asof import AsOf
from datafeeds.names import unknown_name
from strategies.expiries import monthly_expiries

TOLERANCE = 1e-9
"""How far weights may stray from [0, 1] by rounding."""


class StrategyError(ValueError):
    """A strategy or its parameters can't be used; the message names the parameter and what to do."""


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
        Notional as a share of equity without the hedge: ``units * close of the underlying / equity``.
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
        Share of equity by symbol, each between 0 and 1, together at most 1; the rest is cash.
    why : str
        Reason for the starting weights.

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
        If a weight is not finite, is negative, or the weights add to more than 1; if `why` is empty; if
        `state` holds something that JSON does not.

    Examples
    --------
    >>> target = Target({"AMD": 0.5, "JPM": 0.5}, why="equal").scale({"AMD": 0.2}, why="dear")
    >>> round(target.weights["AMD"], 3), round(target.cash, 3)
    (0.1, 0.4)
    """

    weights: Mapping[str, float]
    why: str = "starting weights"
    changes: tuple[Change, ...] = ()
    state: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    hedges: tuple[Hedge, ...] = ()

    if TYPE_CHECKING:  # accepts a Series, always gives back a mapping

        def __init__(
            self,
            weights: Mapping[str, float] | pd.Series[float],
            why: str = "starting weights",
            changes: tuple[Change, ...] = (),
            state: Mapping[str, Any] = ...,
            hedges: tuple[Hedge, ...] = (),
        ) -> None: ...

    def __post_init__(self) -> None:
        if not self.why:
            raise StrategyError("a target needs a reason: pass why=")
        weights = {str(symbol): float(weight) for symbol, weight in self.weights.items()}
        for symbol, weight in weights.items():
            if not -TOLERANCE <= weight < math.inf:
                raise StrategyError(
                    f"target weight of {symbol} is {weight}; weights must be finite and at least 0"
                )
        total = sum(weights.values())
        if total > 1 + TOLERANCE:
            raise StrategyError(
                f"target weights add to {total:.6f}; they must add to at most 1, the rest is cash"
            )
        kept = {symbol: weight for symbol, weight in weights.items() if weight > 0}
        object.__setattr__(self, "weights", MappingProxyType(kept))
        object.__setattr__(self, "state", MappingProxyType(_json_copy(self.state)))
        if not self.changes:
            object.__setattr__(self, "changes", (Change(self.why, self.weights),))

    def __reduce__(self) -> tuple[Any, ...]:
        return Target, (dict(self.weights), self.why, self.changes, dict(self.state), self.hedges)

    @property
    def cash(self) -> float:
        """Share of equity left in cash."""
        return 1.0 - sum(self.weights.values())

    def weight_of(self, symbols: Iterable[str]) -> float:
        """Total weight of `symbols`."""
        return sum(self.weights.get(symbol, 0.0) for symbol in symbols)

    def scale(self, factors: Mapping[str, float] | pd.Series[float], why: str) -> Target:
        """Multiply the weights of the symbols in `factors`; what is freed goes to cash.

        A factor that is NaN (nothing known) leaves its symbol as it is.
        """
        known = {str(symbol): float(factor) for symbol, factor in factors.items() if not math.isnan(factor)}
        changed = {
            symbol: self.weights[symbol] * factor
            for symbol, factor in known.items()
            if symbol in self.weights and factor != 1.0
        }
        return self._with(changed, why)

    def add(self, weights: Mapping[str, float] | pd.Series[float], why: str) -> Target:
        """Add to the weights, out of cash."""
        changed = {
            str(symbol): self.weights.get(str(symbol), 0.0) + float(weight)
            for symbol, weight in weights.items()
            if weight != 0
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
            Notional as a share of equity.
        reserve : float
            Share of equity that must be left in cash, to pay premiums from: weights that leave less are
            scaled down alike.
        budget_bps : float, optional
            Most that may be spent on premiums, in hundredths of a percent of equity a year.

        Examples
        --------
        >>> from strategies.hedges import PutSpread
        >>> target = Target({"SPY": 1.0}).hedge(PutSpread(0.95, 0.85), why="a tail to insure")
        >>> dict(target.weights), target.hedges[0].ratio
        ({'SPY': 0.98}, 1.0)
        """
        if not why:
            raise StrategyError("every change to a target needs a reason: pass why=")
        if not 0 <= reserve < 1:
            raise StrategyError(f"reserve is {reserve}; it must be a share of equity, at least 0 and below 1")
        added = Hedge(structure, ratio, budget_bps)
        reason = f"{why}: {structure.name} on {ratio:.0%} of equity"
        if budget_bps is not None:
            reason += f", for at most {budget_bps:g} bps a year"
        scaled: dict[str, float] = {}
        invested = sum(self.weights.values())
        if invested > 1 - reserve:
            share = (1 - reserve) / invested
            scaled = {symbol: weight * share for symbol, weight in self.weights.items()}
            reason += f"; weights scaled by {share:.4g} to keep {reserve:.1%} in cash for premiums"
        return replace(self._with(scaled, reason), hedges=(*self.hedges, added))

    def remember(self, **state: Any) -> Target:
        """Keep `state` for the next decision, where it is ``see.previous.state``."""
        return replace(self, state={**self.state, **state})

    def _with(self, changed: Mapping[str, float], why: str) -> Target:
        if not why:
            raise StrategyError("every change to a target needs a reason: pass why=")
        return replace(
            self,
            weights={**self.weights, **changed},
            changes=(*self.changes, Change(why, changed)),
        )


def _json_copy(state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `state` that shares nothing with it."""
    if not state:
        return {}
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(state), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"state {dict(state)!r} can't go into the decision log: {error}; "
            "keep finite numbers, words, lists and dicts"
        ) from None
    return copy


Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Schedule:
    """When a strategy decides: at the close of the last session of each period.

    A schedule defines `period`; which session ends a period follows from the exchange calendar alone.
    """

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Number of the period that each day belongs to, shape (days,)."""
        raise NotImplementedError

    def decides(self, sessions: Days, next_session: np.datetime64) -> npt.NDArray[np.bool_]:
        """Which of `sessions` are decision sessions, shape (sessions,).

        Parameters
        ----------
        sessions : ndarray of datetime64[D]
            Exchange sessions in order, without gaps.
        next_session : datetime64[D]
            The exchange session after the last of them.
        """
        periods = self.period(np.append(sessions, next_session).astype("datetime64[D]"))
        ends: npt.NDArray[np.bool_] = periods[:-1] != periods[1:]
        return ends


@dataclass(frozen=True)
class Daily(Schedule):
    """Decide at the close of every session."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        return days.astype(np.int64)


@dataclass(frozen=True)
class Weekly(Schedule):
    """Decide at the close of the last session of each week."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        # 1970-01-01 was a Thursday; adding 3 days makes weeks begin on Monday.
        return (days.astype(np.int64) + 3) // 7


@dataclass(frozen=True)
class Monthly(Schedule):
    """Decide at the close of the last session of each month."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        return days.astype("datetime64[M]").astype(np.int64)


@dataclass(frozen=True)
class Quarterly(Schedule):
    """Decide at the close of the last session of each calendar quarter."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        return days.astype("datetime64[M]").astype(np.int64) // 3


@dataclass(frozen=True)
class Expiry(Schedule):
    """Decide at the close of the session before monthly options expire, in time for a hedge's roll."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        return np.searchsorted(monthly_expiries(days), days, side="right").astype(np.int64)


@dataclass(frozen=True)
class Once(Schedule):
    """Decide only when the run begins."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """See `Schedule.period`."""
        return np.zeros(len(days), dtype=np.int64)


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "daily": Daily(),
        "weekly": Weekly(),
        "monthly": Monthly(),
        "quarterly": Quarterly(),
        "expiry": Expiry(),
        "once": Once(),
    }
)
"""The schedules that a run file can name."""


def schedule_named(name: Schedule | str) -> Schedule:
    """The schedule called `name` in a run file; a schedule itself is returned as it is.

    Raises
    ------
    StrategyError
        If there is none, naming the nearest.
    """
    if isinstance(name, Schedule):
        return name
    if name not in SCHEDULES:
        raise StrategyError(unknown_name("schedule", str(name), SCHEDULES))
    return SCHEDULES[name]


REGISTRY: dict[str, type[Strategy]] = {}
"""Every strategy class by name, in order of definition."""


class Strategy:
    """What to hold, and why: subclass it, set parameters as class attributes, write `decide`.

    Class attributes with a type hint are the parameters. They can be given to the constructor or in a run
    file, are checked against their hints, and unknown names are refused with the nearest match. A subclass
    registers itself under its class name. Instances pickle and compare by their parameters.

    Attributes
    ----------
    schedule : Schedule
        When `decide` is called; besides, it is called once at the first session of a run. A parameter of
        every strategy: ``schedule="weekly"`` replaces what the class says (see `SCHEDULES`).

    Examples
    --------
    >>> class Half(Strategy):
    ...     '''Keep half the money in one symbol.'''
    ...     symbol: str = "SPY"
    ...     def decide(self, see):
    ...         return Target({self.symbol: 0.5}, why="half")
    >>> Half(symbol="IWM").decide(None).cash
    0.5
    """

    schedule: Annotated[Schedule, PlainValidator(schedule_named)] = Monthly()
    parameters: ClassVar[Mapping[str, TypeAdapter[Any]]] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.parameters = MappingProxyType(_parameters(cls))
        REGISTRY[cls.__name__] = cls

    def __init__(self, **parameters: Any) -> None:
        name = type(self).__name__
        for key in parameters:
            if key not in self.parameters:
                raise StrategyError(unknown_name("parameter", key, self.parameters, f"strategy {name}"))
        for key, adapter in self.parameters.items():
            given = parameters.get(key, getattr(type(self), key))
            try:
                value = adapter.validate_python(given)
            except ValidationError as error:
                problem = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise StrategyError(f"strategy.{key} = {given!r}: {problem}") from None
            object.__setattr__(self, key, value)
        self.check()

    def __setattr__(self, name: str, value: Any) -> None:
        raise StrategyError(
            f"{type(self).__name__}.{name} can't be changed: a decision may depend only on what is seen; "
            "carry state with Target.remember"
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.values().items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strategy) and type(self) is type(other) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.values())

    def values(self) -> dict[str, Any]:
        """The parameters and their values, as a run file writes them."""
        names = {schedule: name for name, schedule in SCHEDULES.items()}
        values = {key: getattr(self, key) for key in self.parameters}
        return {
            key: names.get(value, value) if isinstance(value, Schedule) else value
            for key, value in values.items()
        }

    def check(self) -> None:
        """Raise `StrategyError` if the parameters contradict one another; subclasses may override it."""

    def decide(self, see: AsOf) -> Target | None:
        """What to hold from the next session on, given what is known at today's close.

        Parameters
        ----------
        see : AsOf
            The market up to today.

        Returns
        -------
        Target or None
            None means: hold, let the weights drift.
        """
        raise NotImplementedError(f"{type(self).__name__} must define decide(self, see)")


def _parameters(cls: type[Strategy]) -> dict[str, TypeAdapter[Any]]:
    """The checkable parameters of `cls`: its public hinted class attributes that are not ClassVar."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if name.startswith("_") or get_origin(hint) is ClassVar or hint is ClassVar:
            continue
        if not hasattr(cls, name):
            raise StrategyError(f"{cls.__name__}.{name} needs a default value: every parameter has one")
        adapters[name] = _adapter(hint)
    # Inherited first by get_type_hints, read last by people.
    if "schedule" in adapters:
        adapters["schedule"] = adapters.pop("schedule")
    return adapters


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # dataclasses and models bring their own configuration
        return TypeAdapter(hint)


def _rebuild(cls: type[Strategy], values: dict[str, Any]) -> Strategy:
    return cls(**values)


def require_group(see: AsOf, key: str, group: str) -> None:
    """Refuse a group that the market does not have.

    Parameters
    ----------
    see : AsOf
    key : str
        The parameter that names the group.
    group : str

    Raises
    ------
    StrategyError
        Naming the run file's key and the nearest group.
    """
    if group not in see.groups:
        raise StrategyError(f"strategy.{key} = {group!r}: {unknown_name('group', group, see.groups)}")


def strategy_named(name: str) -> type[Strategy]:
    """The registered strategy class called `name`.

    Raises
    ------
    StrategyError
        If there is none, naming the nearest.
    """
    if name not in REGISTRY:
        raise StrategyError(unknown_name("strategy", name, REGISTRY))
    return REGISTRY[name]


def summary_of(cls: type[Strategy]) -> str:
    """First line of the class's docstring."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]
