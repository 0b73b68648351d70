"""What a strategy is: a class that turns what is known today into a target."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ConfigDict, PlainValidator, PydanticUserError, TypeAdapter, ValidationError

from datafeeds.names import unknown_name
from strategies.asof import AsOf, Panel
from strategies.exhibit import Exhibit, Scenario
from strategies.schedule import SCHEDULES, Monthly, Schedule, schedule_named
from strategies.target import TOLERANCE, ParameterError, StrategyError, Target

REGISTRY: dict[str, type[Strategy]] = {}
"""Every strategy class by name, in order of definition; a name of the house means the house's own."""

_TAKEN: dict[str, type[Strategy]] = {}
"""Classes outside the house that have the name of one of its own."""

_HOUSE = ("strategies", "backtests")


ReadWith = Mapping[str, Mapping[str, tuple[Any, ...]]]
"""What other parameters must be for some to be read; see `Strategy.read_with`."""


class Strategy:
    """What to hold, and why: subclass it, set parameters as class attributes, write `decide`.

    Class attributes with a type hint are the parameters; a number, a word or a truth value without one is of
    its own type. They can be given to the constructor or in a run file, are checked against their types, and
    unknown names are refused with the nearest match. A subclass registers itself under its class name, unless
    a strategy of the house has it. Instances pickle and compare by their parameters.

    Attributes
    ----------
    schedule : Schedule
        When `decide` is called; besides, it is called once at the first session of a run. A parameter of
        every strategy: ``schedule="weekly"`` replaces what the class says (see `SCHEDULES`).

    long_only : bool
        Whether weights below zero are refused. With ``long_only = False`` the strategy may go short, in a
        margin account (see ``[margin]`` of a run file); it can't hold options then.
    max_gross, max_net : float
        Most that the weights of a strategy that may go short add to, without and with their signs. Net is at
        most 1: no money is borrowed to buy.
    read_with : mapping of str to mapping of str to tuple
        Parameters that are read only where another one has one of these values: by name, then by the other's
        name, of which one is enough. A run says which were set and not read.
    tables : mapping of str to str
        Files of the strategy's own, by the name that ``see.table`` knows them by: CSV beside the strategy's
        file, with a column `available` that says on which day each row became public.

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
    long_only: ClassVar[bool] = True
    max_gross: ClassVar[float] = 2.0
    max_net: ClassVar[float] = 1.0
    tables: ClassVar[Mapping[str, str]] = MappingProxyType({})
    read_with: ClassVar[ReadWith] = MappingProxyType({})
    parameters: ClassVar[Mapping[str, TypeAdapter[Any]]] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.parameters = MappingProxyType(_parameters(cls))
        if cls.decide is not Strategy.decide:  # else it is what others are made of
            _register(cls)

    def __init__(self, /, **parameters: Any) -> None:
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
                raise ParameterError(key, f" = {given!r}: {problem}") from None
            # Words are read as a command line gives them; a truth value is no number.
            if isinstance(given, bool) and not isinstance(value, bool):
                raise ParameterError(key, f" = {str(given).lower()}: must not be true or false")
            object.__setattr__(self, key, value)
        self.check()

    def __setattr__(self, name: str, value: Any) -> None:
        raise StrategyError(
            f"{type(self).__name__}.{name} can't be changed: a decision may depend only on what is seen; "
            "carry state with Target.remember"
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self._given().items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strategy) and type(self) is type(other) and self._given() == other._given()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._given())

    def values(self) -> dict[str, Any]:
        """The parameters and their values, as a run file writes them."""
        return {key: _written(value) for key, value in self._given().items()}

    def unread(self) -> dict[str, str]:
        """Why parameters that are not at their defaults are not read: a sentence by the name of each."""
        return {
            key: f"{type(self).__name__}.{key} = {_as_toml(getattr(self, key))} changes nothing: {why}."
            for key in self.read_with
            if getattr(self, key) != getattr(type(self), key) and (why := self.why_unread(key))
        }

    def why_unread(self, key: str) -> str:
        """With what a parameter would be read that is not, in words; empty for one that is."""
        others = {name: each for name, each in self.read_with.get(key, {}).items() if name in self.parameters}
        if not others or any(getattr(self, name) in values for name, values in others.items()):
            return ""
        wanted = (f"{name} = {' or '.join(map(_as_toml, values))}" for name, values in others.items())
        return f"it is read only with {' or '.join(wanted)}"

    def _given(self) -> dict[str, Any]:
        """The parameters and their values, as they are."""
        return {key: getattr(self, key) for key in self.parameters}

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

    def decide_all(self, panel: Panel) -> npt.NDArray[np.float64]:
        """The weights of many decisions at once, where they hang on the market alone: sweeps ask for it.

        A subclass may write it beside `decide` and must say the same: each row from the same row of what it
        is shown. A sweep compares some of the decisions with `decide`, to the last bit, and asks it for the
        reasons of each that somebody looks at; the run itself and its replay always come from `decide`.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        ndarray, shape (decisions, symbols)
            Weights; a row of NaN means: hold.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no decide_all(self, panel)")

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """Charts of the strategy's own for its tearsheet; none unless a subclass makes some.

        Parameters
        ----------
        see : AsOf
            The market as of the run's last session.
        targets : mapping of Timestamp to Target
            What was decided, by session.
        """
        return ()

    def limits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[str, ...]:
        """What the strategy had to do without, a sentence each for page one; nothing unless overridden.

        Parameters
        ----------
        see, targets
            As for `exhibits`.
        """
        return ()

    def scenarios(self) -> tuple[Scenario, ...]:
        """Shocks that the strategy's tearsheet applies to its last weights, besides the usual ones."""
        return ()

    def leaders(self) -> Mapping[str, tuple[str, ...]]:
        """Sets of groups by name; the tearsheet tells the sessions in which each led the first benchmark."""
        return {}


def _parameters(cls: type[Strategy]) -> dict[str, TypeAdapter[Any]]:
    """The checkable parameters of `cls`: its public hinted class attributes that are not ClassVar."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if name.startswith("_") or get_origin(hint) is ClassVar or hint is ClassVar:
            continue
        if not hasattr(cls, name):
            raise StrategyError(f"{cls.__name__}.{name} needs a default value: every parameter has one")
        adapters[name] = _adapter(hint)
    for name, value in _unhinted(cls, adapters):
        if not isinstance(value, (bool, int, float, str)):
            raise StrategyError(
                f"{cls.__name__}.{name}, a {type(value).__name__}, has no type hint: with one it is a "
                "parameter; with ClassVar, or an underscore before its name, it is none"
            )
        adapters[name] = _adapter(type(value))
    # Inherited first by get_type_hints, read last by people.
    if "schedule" in adapters:
        adapters["schedule"] = adapters.pop("schedule")
    return adapters


def _unhinted(cls: type[Strategy], hinted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Public class attributes without a hint that hold a value, the nearest class first."""
    seen = {*hinted, *get_type_hints(Strategy)}
    for each in cls.__mro__:
        if not (issubclass(each, Strategy) and each is not Strategy):
            continue
        hints = getattr(each, "__annotations__", {})
        for name, value in vars(each).items():
            if name in seen or name in hints or name.startswith("_"):
                continue
            seen.add(name)
            if not (callable(value) or hasattr(type(value), "__get__")):
                yield name, value


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # dataclasses and models bring their own configuration
        return TypeAdapter(hint)


def _as_toml(value: Any) -> str:
    """A value in a sentence, as a run file writes it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _written(value: Any) -> Any:
    """A parameter's value as a run file writes it."""
    if isinstance(value, Schedule):
        return next((name for name, schedule in SCHEDULES.items() if schedule == value), value)
    if isinstance(value, Strategy):
        return {"name": type(value).__name__, **value.values()}
    return dict(value) if isinstance(value, Mapping) else value


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
        raise ParameterError(key, f" = {group!r}: {unknown_name('group', group, see.groups)}")


def refuse_beyond(strategy: Strategy, target: Target, today: pd.Timestamp | np.datetime64) -> None:
    """Refuse a target that its strategy has not said it may have.

    Raises
    ------
    StrategyError
        Naming strategy, date and, of a short that may not be, the symbol.
    """
    if problem := _beyond(strategy, target):
        raise StrategyError(f"{type(strategy).__name__} on {pd.Timestamp(today):%Y-%m-%d}: {problem}")


def _beyond(strategy: Strategy, target: Target) -> str:
    """What a target has that its strategy has not said it may have; empty if nothing."""
    if strategy.long_only:
        if min(target.weights.values(), default=0.0) >= 0:
            return ""
        symbol, weight = next((each, size) for each, size in target.weights.items() if size < 0)
        return (
            f"target weight of {symbol} is {weight:g} ({weight:.1%} of equity), and the "
            "strategy may only be long; say long_only = False in its class if it is to go short"
        )
    if target.hedges:
        return (
            f"the target hedges with a {target.hedges[0].structure.name}, and a strategy that may go "
            "short can't hold options: its margin would not know them; hedge with a short position instead"
        )
    for what, size, most in (
        ("gross", target.gross, strategy.max_gross),
        ("net", abs(target.net), strategy.max_net),
    ):
        if size > most + TOLERANCE:
            return (
                f"target weights add to {size:.6f} {what}, more than the strategy's max_{what} = "
                f"{most:g}; scale them, or raise max_{what} in its class"
            )
    return ""


def _register(cls: type[Strategy]) -> None:
    name, known = cls.__name__, REGISTRY.get(cls.__name__)
    if known is None or is_shipped(known) == is_shipped(cls):
        REGISTRY[name] = cls
    elif is_shipped(cls):
        REGISTRY[name], _TAKEN[name] = cls, known
    elif cls.__module__ == "__main__":  # no file by which it could be named
        raise StrategyError(_two_of(name, cls, known))
    else:
        _TAKEN[name] = cls


def is_shipped(cls: type[Strategy]) -> bool:
    """Whether a class is one of the house's own."""
    return cls.__module__.partition(".")[0] in _HOUSE


def _two_of(name: str, cls: type[Strategy], shipped: type[Strategy]) -> str:
    return (
        f"{name} is a strategy of the house ({shipped.__module__}), and run files mean that by it; the class "
        f"of this name in {cls.__module__} needs another one"
    )


@contextmanager
def names_left_alone(anew: bool = True) -> Iterator[None]:
    """What is defined inside is named by its place, and takes no name of the house.

    Parameters
    ----------
    anew : bool
        Whether it takes no name that nobody has, either.
    """
    before, taken = dict(REGISTRY), dict(_TAKEN)
    try:
        yield
    finally:
        if not anew:
            shipped = {name: cls for name, cls in REGISTRY.items() if is_shipped(cls)}
            REGISTRY.clear()
            REGISTRY.update(before | shipped)
        _TAKEN.clear()
        _TAKEN.update(taken)


def strategy_named(name: str) -> type[Strategy]:
    """The registered strategy class called `name`.

    Raises
    ------
    StrategyError
        If there is none, naming the nearest; or if a class outside the house has the name of one in it.
    """
    if name in _TAKEN:
        raise StrategyError(_two_of(name, _TAKEN[name], REGISTRY[name]))
    if name not in REGISTRY:
        raise StrategyError(unknown_name("strategy", name, REGISTRY))
    return REGISTRY[name]


def summary_of(cls: type[Strategy]) -> str:
    """First line of the class's docstring."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]
