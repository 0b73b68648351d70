"""Strategies around another strategy: they ask it, and change what it decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

import pandas as pd
from pydantic import BeforeValidator

from strategies.asof import AsOf
from strategies.benchmarks import BuyAndHold
from strategies.exhibit import Exhibit, Scenario
from strategies.schedule import Monthly, Once
from strategies.strategy import Strategy, refuse_beyond, strategy_named
from strategies.target import StrategyError, Target


def _as_strategy(value: Any) -> Any:
    """A strategy given by name, or as a table with its name and parameters."""
    if isinstance(value, str):
        return strategy_named(value)()
    if isinstance(value, Mapping):
        parameters = dict(value)
        name = parameters.pop("name", None)
        if not isinstance(name, str):
            raise StrategyError("the strategy inside needs a name: of = { name = 'Blueprint' }")
        return strategy_named(name)(**parameters)
    return value


Inner = Annotated[Strategy, BeforeValidator(_as_strategy)]
"""A strategy; a run file writes its name, or a table with `name` and parameters."""


class Wrapped(Strategy):
    """Changes what another strategy decides.

    It decides when the other does, and is asked as if there were nothing around it; what it sees as
    ``see.previous`` is what was asked for in the end. One that decides only once is asked once, and what it
    bought is looked at each month.

    Attributes
    ----------
    of : Strategy
        The strategy inside; in a run file its name, or a table with `name` and parameters.
    """

    of: Inner = BuyAndHold()

    def __init__(self, of: Any = None, /, **parameters: Any) -> None:
        if of is not None and "of" in parameters:
            raise StrategyError(f"{type(self).__name__} is given two strategies to go around: take of out")
        super().__init__(**({} if of is None else {"of": of}), **parameters)
        if "schedule" not in parameters:
            once = isinstance(self.of.schedule, Once)
            object.__setattr__(self, "schedule", Monthly() if once else self.of.schedule)
        # What the strategy inside asks for is held to its own limits; what is left alone may drift past them.
        limits = {"long_only": self.of.long_only, "max_gross": math.inf, "max_net": math.inf}
        for key, value in limits.items():
            object.__setattr__(self, key, value)

    def asked(self, see: AsOf) -> Target | None:
        """What the strategy inside decides."""
        if see.previous is not None and isinstance(self.of.schedule, Once):
            return None
        target = self.of.decide(see)
        if target is not None:
            refuse_beyond(self.of, target, see.today)
        return target

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """Those of the strategy inside."""
        return self.of.exhibits(see, targets)

    def limits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[str, ...]:
        """Those of the strategy inside."""
        return self.of.limits(see, targets)

    def scenarios(self) -> tuple[Scenario, ...]:
        """Those of the strategy inside."""
        return self.of.scenarios()

    def leaders(self) -> Mapping[str, tuple[str, ...]]:
        """Those of the strategy inside."""
        return self.of.leaders()


def parts_of(strategy: Strategy) -> Iterator[Strategy]:
    """`strategy`, and every strategy inside it, however deep."""
    yield strategy
    for key in strategy.parameters:
        yield from _parts_in(getattr(strategy, key))


def _parts_in(value: Any) -> Iterator[Strategy]:
    """The strategies in a parameter's value: itself, or those that it lists."""
    if isinstance(value, Strategy):
        yield from parts_of(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _parts_in(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _parts_in(each)


def held(see: AsOf) -> Target | None:
    """What is held as it has drifted, with its hedges and its memory; None where nothing is."""
    before, weights = see.previous, see.weights
    if before is None or weights.empty:
        return None
    over = max(1.0, float(weights.sum()))  # a hedge that is sold short is worth less than nothing
    target = Target(weights / over, why="held as it has drifted", state=before.state)
    return replace(target, hedges=before.hedges)
