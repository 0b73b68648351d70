"""Whether a strategy touches anything but what it sees: watch it run, and look at what it holds."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from backtests.authoring.guard import guarded
from backtests.authoring.replay import Moment, day_of, decided
from backtests.authoring.report import Check, Offence, judged
from backtests.authoring.source import fresh_module, own_modules, source_check
from backtests.engine.failures import problem_in
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.strategy import REGISTRY, Strategy

KIND = "purity"

MUCH = 500
"""Numbers that a module may hold: more are data."""

_STATE = (bool, int, float, str, bytes, list, dict, set, deque, np.ndarray, pd.Series, pd.DataFrame)


def state_of(strategy: Strategy) -> dict[str, str]:
    """All that could keep something from one decision to the next, by name, as digests."""
    return _state(_modules(_own(strategy)))


def purity_checks(
    market: Market, strategy: Strategy, moments: Sequence[Moment], before: Mapping[str, str]
) -> list[Check]:
    """Read the source, import it again and run it with the world shut off, and look for data and state.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    moments : sequence of Moment
        Decisions to make under guard.
    before : mapping
        `state_of` the strategy before it first decided.
    """
    cls = type(strategy)
    own = _own(strategy)
    modules = _modules(own)
    ran = _ran(market, strategy, moments, own)
    now = _state(modules)
    changed = sorted(name for name, value in now.items() if before.get(name) != value)
    return [
        source_check(cls),
        judged(KIND, "imported with the world shut off", _imported(modules, own), "reached for nothing"),
        judged(KIND, "run with the world shut off", ran, f"{len(moments)} decisions, reached for nothing"),
        judged(KIND, "data held", _held(modules, cls), "neither a market nor a table"),
        judged(
            KIND,
            "state kept",
            [Offence(f"{name} changed while deciding; use Target.remember") for name in changed],
            "nothing changed but targets",
        ),
    ]


def _own(strategy: Strategy) -> frozenset[str]:
    return frozenset(str(file) for file in own_modules(type(strategy)))


def _modules(own: frozenset[str]) -> list[ModuleType]:
    loaded = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    return [module for module in loaded if str(getattr(module, "__file__", "")) in own]


def _ran(market: Market, strategy: Strategy, moments: Sequence[Moment], own: frozenset[str]) -> list[Offence]:
    found = []
    for moment in moments:
        with guarded(own) as watch:
            decided(strategy, market, moment)
        found += [Offence(breach, day_of(market, moment)) for breach in watch.breaches]
    return found


def _imported(modules: Sequence[ModuleType], own: frozenset[str]) -> list[Offence]:
    """Execute the strategy's modules again under guard; what they define is thrown away."""
    found: list[Offence] = []
    for module in modules:
        again = fresh_module(Path(str(module.__file__)), module)
        loader = again.__spec__.loader if again.__spec__ else None
        if loader is None:
            continue
        registry = dict(REGISTRY)
        sys.modules[again.__name__] = again
        failure = ""
        try:
            with guarded(own) as watch:
                try:
                    loader.exec_module(again)
                except Exception as error:
                    failure = problem_in(error, module.__name__)
        finally:
            sys.modules.pop(again.__name__, None)
            REGISTRY.clear()
            REGISTRY.update(registry)
        found += [Offence(breach) for breach in watch.breaches]
        if failure and not watch.breaches:
            found.append(Offence(f"can't be imported twice: {failure}"))
    return found


def _held(modules: Sequence[ModuleType], cls: type[Strategy]) -> list[Offence]:
    places = [(f"{module.__name__}.{name}", value) for module in modules for name, value in _values(module)]
    return [
        Offence(f"{place} holds {what}: what a decision needs, it must see")
        for place, value in places
        if (what := _data(value))
    ]


def _values(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Values of a module, of its classes, and those that its functions close over or default to."""
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        yield name, value
        if not isinstance(value, type | FunctionType) or value.__module__ != module.__name__:
            continue
        for key, part in _parts(name, value):
            if not key.startswith("__"):
                yield f"{name}.{key}", part
            if isinstance(part, FunctionType):
                for default in part.__defaults__ or ():
                    yield f"{name}.{key} default", default
                for free, cell in zip(part.__code__.co_freevars, part.__closure__ or (), strict=True):
                    if cell is not None and free != "__class__":
                        yield f"{name}.{free}", cell.cell_contents


def _parts(name: str, value: type | FunctionType) -> Iterator[tuple[str, Any]]:
    """A function, or all that a class and its bases from the same module hold."""
    if isinstance(value, FunctionType):
        yield name, value
        return
    for base in value.__mro__:
        if base.__module__ == value.__module__:
            yield from list(vars(base).items())


def _data(value: Any) -> str:
    if isinstance(value, Market):
        return f"the market {value.name!r}"
    if isinstance(value, AsOf):
        return "what was seen at an earlier decision"
    if isinstance(value, np.ndarray | pd.Series | pd.DataFrame) and value.size > MUCH:
        return f"a table of {value.size} numbers"
    if isinstance(value, list | tuple | dict | set | Mapping) and len(value) > MUCH:
        return f"{len(value)} values"
    return ""


def _state(modules: Sequence[ModuleType]) -> dict[str, str]:
    """What could keep something from one decision to the next, by name, as a digest."""
    return {
        f"{module.__name__}.{name}": _digest(value)
        for module in modules
        for name, value in _values(module)
        if isinstance(value, _STATE) and not isinstance(value, MappingProxyType)
    }


def _digest(value: Any) -> str:
    try:
        content = pickle.dumps(value)
    except Exception:  # whatever can't be pickled is told apart by its words
        content = repr(value).encode()
    return hashlib.sha256(content).hexdigest()
