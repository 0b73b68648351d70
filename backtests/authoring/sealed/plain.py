"""Strategies, targets and structures as JSON: all that passes between a run and a sealed process.

Nothing is pickled on the way back: what a process that ran a stranger's code answers is read as text. Floats
keep every bit, since JSON writes the shortest number that reads back the same.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from strategies.schedule import SCHEDULES, Schedule
from strategies.strategy import Strategy
from strategies.target import Change, Hedge, StrategyError, Target

CLASS = "class of this"
"""Key under which an object says what it is; no parameter has such a name."""


def plain(value: Any, what: str = "a value") -> Any:
    """`value` in what JSON knows; objects of dataclasses and strategies with their class.

    Raises
    ------
    StrategyError
        If it is something that no run file could say.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value, what)
    if isinstance(value, np.generic):
        return plain(value.item(), what)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Schedule) and value in SCHEDULES.values():
        return next(name for name, schedule in SCHEDULES.items() if schedule == value)
    if isinstance(value, Strategy):
        return {CLASS: named(type(value)), **plain(given(value), what)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return {CLASS: named(type(value)), **plain(fields, what)}
    if hasattr(value, "model_dump"):
        return {CLASS: named(type(value)), **value.model_dump(mode="json")}
    if isinstance(value, Mapping):
        return {str(key): plain(each, f"{what}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [plain(each, what) for each in parts]
    raise StrategyError(f"{what} is a {type(value).__name__}; write it as a run file could")


def given(strategy: Strategy) -> dict[str, Any]:
    """Parameters of `strategy` that are not the class's own defaults."""
    values = {key: getattr(strategy, key) for key in strategy.parameters}
    return {key: value for key, value in values.items() if value is not getattr(type(strategy), key)}


def named(cls: type) -> str:
    """Where a class is: module and name.

    Raises
    ------
    StrategyError
        If it is made inside a function or typed into a prompt, so that no other process can make it.
    """
    if "<locals>" in cls.__qualname__ or cls.__module__ == "__main__":
        raise StrategyError(
            f"{cls.__name__} is in no module of its own: write it at the top of a file, where a fresh "
            "process can find it"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def class_at(name: str) -> Any:
    """The class that `named` gave this name, imported."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def revived(value: Any) -> Any:
    """What `plain` was given, made anew; tuples come back as lists."""
    if isinstance(value, dict):
        parts = {key: revived(each) for key, each in value.items() if key != CLASS}
        return class_at(value[CLASS])(**parts) if CLASS in value else parts
    if isinstance(value, list):
        return [revived(each) for each in value]
    return value


def plain_target(target: Target | None) -> dict[str, Any] | None:
    """A target with its reasons, its hedges and what it remembers."""
    said: dict[str, Any] | None = json.loads(target_text(target))
    return said


def target_text(target: Target | None, traded: Mapping[str, float] | None = None) -> str:
    """`plain_target` as JSON; with the weights `traded`, if given, in place of those that it asks for."""
    if target is None:
        return "null"
    hedges = [[plain(hedge.structure), hedge.ratio, hedge.budget_bps] for hedge in target.hedges]
    changes = [[change.why, dict(change.weights)] for change in target.changes]
    whole = {
        "weights": dict(target.weights if traded is None else traded),
        "why": target.why,
        "changes": changes,
        "state": dict(target.state),
        "hedges": hedges,
    }
    return json.dumps(whole)


def revived_target(content: Mapping[str, Any] | None) -> Target | None:
    """The target that `plain_target` wrote."""
    if content is None:
        return None
    return Target(
        content["weights"],
        content["why"],
        tuple(Change(why, weights) for why, weights in content["changes"]),
        content["state"],
        tuple(Hedge(revived(structure), ratio, budget) for structure, ratio, budget in content["hedges"]),
    )
