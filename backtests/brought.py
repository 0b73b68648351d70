"""What a strategy brings for its own page: its hooks, called, and what they give held to their promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import pandas as pd

from backtests.engine.failures import authors_code
from backtests.engine.lines import written_at
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.exhibit import Exhibit, Scenario
from strategies.strategy import Strategy
from strategies.target import StrategyError, Target

Kind = TypeVar("Kind")

Targets = Mapping[pd.Timestamp, Target]


def exhibits_of(strategy: Strategy, market: Market, last: int, targets: Targets) -> tuple[Exhibit, ...]:
    """What `Strategy.exhibits` gives, as of session `last` of `market`.

    Raises
    ------
    StrategyError
        Naming the hook, if it fails or gives something else.
    """
    return _several(strategy, "exhibits", Exhibit, lambda: strategy.exhibits(AsOf(market, last), targets))


def limits_of(strategy: Strategy, market: Market, last: int, targets: Targets) -> tuple[str, ...]:
    """What `Strategy.limits` gives; raises as `exhibits_of` does."""
    return _several(strategy, "limits", str, lambda: strategy.limits(AsOf(market, last), targets))


def scenarios_of(strategy: Strategy) -> tuple[Scenario, ...]:
    """What `Strategy.scenarios` gives; raises as `exhibits_of` does."""
    return _several(strategy, "scenarios", Scenario, lambda: strategy.scenarios())


def leaders_of(strategy: Strategy) -> dict[str, tuple[str, ...]]:
    """What `Strategy.leaders` gives; raises as `exhibits_of` does."""
    with authors_code(f"{type(strategy).__name__}.leaders", type(strategy)):
        given: Any = strategy.leaders()
        pairs = list(given.items()) if isinstance(given, Mapping) else [("", given)]
    return {
        _one(strategy, "leaders", str, key): _all(strategy, "leaders", str, groups) for key, groups in pairs
    }


def _several(
    strategy: Strategy, hook: str, kind: type[Kind], call: Callable[[], Iterable[Any]]
) -> tuple[Kind, ...]:
    with authors_code(f"{type(strategy).__name__}.{hook}", type(strategy)):
        # A generator does its work here, not where the page is written.
        given = call()
        found = tuple(given) if _holds_several(given) else given
    return _all(strategy, hook, kind, found)


def _all(strategy: Strategy, hook: str, kind: type[Kind], given: Any) -> tuple[Kind, ...]:
    if not _holds_several(given):
        raise _other(strategy, hook, kind, given)
    return tuple(_one(strategy, hook, kind, each) for each in given)


def _one(strategy: Strategy, hook: str, kind: type[Kind], given: Any) -> Kind:
    """`given`, of this very kind: a subclass could say one thing now and another on the page."""
    if type(given) is not kind:
        raise _other(strategy, hook, kind, given)
    return given


def _holds_several(given: Any) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)


def _other(strategy: Strategy, hook: str, kind: type[Any], given: Any) -> StrategyError:
    name, where = type(strategy).__name__, written_at(getattr(type(strategy), hook, None))
    return StrategyError(f"{name}.{hook}{where} gave {type(given).__name__}; it must give {PROMISES[hook]}")


PROMISES: Mapping[str, str] = MappingProxyType(
    {
        "exhibits": "a tuple of Exhibit",
        "limits": "a tuple of sentences (str)",
        "scenarios": "a tuple of Scenario",
        "leaders": "a mapping of names (str) to tuples of groups (str)",
    }
)
"""What each hook gives, in words."""
