"""Strategy classes by the names that run files and commands give.

A name is, in this order:

1.  a path and a class, ``"path/to/file.py:Class"``, or a module and a class, ``"package.module:Class"``;
2.  the name of a class in `strategies/`: each module there is found by itself, nothing lists them;
3.  the name of an entry point in the group `ENTRY_POINTS` of an installed package.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import pkgutil
import re
import sys
import sysconfig
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import strategies
from backtests.engine.failures import authors_code, problem_in
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.tables import table_files
from backtests.stamp import Stamp, stamp_of
from datafeeds.names import unknown_name
from strategies.strategy import REGISTRY, Strategy, is_shipped, names_left_alone, strategy_named
from strategies.target import StrategyError

ENTRY_POINTS = "style_rotation.strategies"
"""Entry point group under which an installed package offers strategies."""


def class_named(name: str) -> type[Any]:
    """The class that `name` stands for: a `Strategy`, or a native ``bt.Strategy``.

    Raises
    ------
    StrategyError
        If a file, module or class does not exist, or the code fails while it is imported; the message
        names the file and line, and the nearest class.
    """
    where, separator, cls = name.rpartition(":")
    if separator and where:
        return _class_in(_module(where), cls, where)
    if name not in REGISTRY or not is_shipped(REGISTRY[name]):
        registered()  # one of the house that was not imported yet comes first
    if name in REGISTRY:
        return strategy_named(name)
    found = _installed(name)
    if found is not None:
        return found
    known = [*registered(), *(point.name for point in metadata.entry_points(group=ENTRY_POINTS))]
    broken = "".join(f"; {problem}" for problem in broken_modules())
    raise StrategyError(unknown_name("strategy", name, known) + broken)


def build(name: str, parameters: Mapping[str, Any]) -> Strategy:
    """The strategy called `name` with these parameters; a native one in its `NativeStrategy`.

    Raises
    ------
    StrategyError
        If it does not exist, a parameter does not exist or is out of range, or its own code fails.
    """
    cls = class_named(name)
    label = label_of(name)
    with authors_code(f"{label}, when it was made,", cls, refusing=True):
        made = cls(**parameters) if issubclass(cls, Strategy) else NativeStrategy.made(name, cls, parameters)
        if not isinstance(made, Strategy):
            raise StrategyError(f"{label} makes {type(made).__name__} of itself, which is no strategy")
        _refuse_words(made)
    return made


def _refuse_words(strategy: Strategy) -> None:
    """Refuse limits of a class that are no truth values and numbers."""
    if not isinstance(strategy.long_only, bool | np.bool_):
        raise StrategyError(f"{type(strategy).__name__}.long_only must be True or False")
    for key in ("max_gross", "max_net"):
        if not isinstance(getattr(strategy, key), Real):
            raise StrategyError(f"{type(strategy).__name__}.{key} must be a number")


def names_in(name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Names of a strategy and of those inside it, as a run file gives them."""
    yield name
    for inside in inner(class_named(name), parameters).values():
        yield from names_in(*inside)


def inner(cls: type, parameters: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The strategies that `parameters` of a class name: by key, each one's name and parameters."""
    found = {}
    for key in getattr(cls, "parameters", ()):
        if key in parameters and isinstance(getattr(cls, key), Strategy):
            given = parameters[key]
            table = {"name": given} if isinstance(given, str) else dict(given)
            if "name" in table:  # one without is refused where it is built
                found[key] = (str(table.pop("name")), table)
    return found


def locate(document: dict[str, Any], folder: Path) -> None:
    """Let paths of strategies in a run file stand relative to its `folder`; changes `document`.

    A path that leads to a file from where the command runs is left as it is.
    """
    tables = [document.get("strategy"), *_list(document.get("benchmarks"))]
    for table in tables:
        name = table.get("name") if isinstance(table, dict) else None
        path, separator, cls = str(name or "").rpartition(":")
        if separator and path.endswith(".py") and not Path(path).exists() and (folder / path).exists():
            table["name"] = f"{folder / path}:{cls}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def label_of(name: str) -> str:
    """What readers see of a strategy's name: the class alone."""
    return name.rpartition(":")[2]


def snake_case(name: str) -> str:
    """A class name as a module is called.

    Examples
    --------
    >>> snake_case("MomentumCut"), snake_case("VIXTiming")
    ('momentum_cut', 'vix_timing')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def registered() -> dict[str, type[Strategy]]:
    """Every strategy class that is defined by now, and all of `strategies/` but the files that fail."""
    for name in _module_names():
        if name not in sys.modules and name not in _BROKEN:
            try:
                importlib.import_module(name)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                _BROKEN[name] = problem_in(error, name)
    return dict(REGISTRY)


def broken_modules() -> tuple[str, ...]:
    """What is wrong with the files of `strategies/` that can't be imported."""
    registered()
    return tuple(_BROKEN.values())


_BROKEN: dict[str, str] = {}


def _module_names() -> list[str]:
    found = pkgutil.walk_packages(strategies.__path__, f"{strategies.__name__}.", onerror=lambda name: None)
    return [module.name for module in found]


def _installed(name: str) -> type[Any] | None:
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            module, _, cls = point.value.partition(":")
            return _class_in(_module(module.strip()), cls.strip(), module.strip())
    return None


def _module(where: str) -> ModuleType:
    if where.endswith(".py"):
        return load_file(Path(where))
    try:
        with names_left_alone():
            return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and where.startswith(error.name):
            raise StrategyError(f"no module {where!r}; for a file write path/to/file.py:Class") from None
        raise StrategyError(problem_in(error, where)) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise StrategyError(problem_in(error, where)) from None


def name_of_file(file: Path, content: bytes) -> str:
    """The module that a strategy's file becomes; another content is another module."""
    digest = hashlib.sha256(str(file).encode() + content).hexdigest()[:12]
    return f"strategy_file_{digest}_{file.stem}"


def load_file(path: Path) -> ModuleType:
    """The module in `path`; the same module as long as the file does not change, see `read_again`.

    Raises
    ------
    StrategyError
        If there is no such file, or its code fails.
    """
    try:
        file = path.resolve(strict=True)
        if not file.is_file():  # a pipe would never end
            raise StrategyError(f"{path}: not a file; write path/to/file.py:Class")
        content = file.read_bytes()
    except OSError as error:
        raise StrategyError(f"{path}: {error.strerror}; write path/to/file.py:Class") from None
    name = name_of_file(file, content)
    if name in sys.modules:
        return sys.modules[name]
    _LOADED[name] = time.time()
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    imported = {*sys.modules}
    importlib.invalidate_caches()  # a helper may be newer than what Python knows of its folder
    sys.path.insert(0, str(file.parent))  # for helpers beside it
    try:
        # What was read and hashed is what is run: Python's cache knows an edited file by second and size.
        with names_left_alone(anew=False):
            exec(compile(content, str(file), "exec", dont_inherit=True), vars(module))
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        raise StrategyError(problem_in(error, str(path))) from None
    finally:
        sys.path.remove(str(file.parent))
    for cls in vars(module).values():
        if isinstance(cls, type) and issubclass(cls, Strategy) and cls.__module__ == name:
            _pickle_by_path(cls, f"{file}:{cls.__name__}")
    _keep_helpers(file.parent, {*sys.modules} - imported)
    return module


_LOADED: dict[str, float] = {}


class _Kept(NamedTuple):
    """A module of one's own, as it was when it was first met."""

    module: ModuleType
    file: Path
    stamp: Stamp
    content: bytes

    @property
    def changed(self) -> bool:
        """Whether its file holds something else now."""
        try:
            return stamp_of(self.file) != self.stamp and self.file.read_bytes() != self.content
        except OSError:
            return True


_KEPT: dict[str, _Kept] = {}
_HELPERS: set[str] = set()
"""Names of the kept modules that files of strategies have imported."""


def source_of(module: ModuleType) -> bytes:
    """The text of a module as it was imported, whatever its file holds by now.

    Raises
    ------
    OSError
        If it has no file.
    """
    kept = _KEPT.get(module.__name__)
    if kept is None or kept.module is not module:
        file = Path(str(module.__file__))
        kept = _KEPT[module.__name__] = _Kept(module, file, stamp_of(file), file.read_bytes())
    return kept.content


def _keep_helpers(folder: Path, imported: Collection[str]) -> None:
    """Remember what a strategy's file in `folder` has imported, and what else of it lies there."""
    for name, module in list(sys.modules.items()):
        file = Path(str(getattr(module, "__file__", None) or ""))
        if file.suffix != ".py" or not (name in imported or folder in file.parents) or not is_outside(file):
            continue
        if name in _LOADED or name == "__main__" or not file.is_file():
            continue
        source_of(module)
        if name in imported or not any(_runs(each) for each in vars(module).values()):
            _HELPERS.add(name)


def read_again() -> None:
    """Let files of strategies be loaded again whose helpers or tables have changed since.

    A run from a notebook begins with it, as a new process would begin. It is not for the inside of a run or a
    sweep: what is written while decisions are made may hold what they have seen.
    """
    if not (any(_KEPT[name].changed for name in _HELPERS if name in _KEPT) or any(map(_is_stale, _LOADED))):
        return
    for name in _HELPERS & _KEPT.keys():  # all of them: they may hold parts of one another
        kept = _KEPT.pop(name)
        if sys.modules.get(name) is kept.module:
            del sys.modules[name]
            # Python's cache of what is compiled knows an edited file by second and size.
            Path(importlib.util.cache_from_source(str(kept.file))).unlink(missing_ok=True)
    for name in _LOADED:
        sys.modules.pop(name, None)
    _HELPERS.clear()
    _LOADED.clear()


def _is_stale(name: str) -> bool:
    """Whether a table of a loaded file was written after that."""
    classes = [each for each in vars(sys.modules.get(name, ModuleType(name))).values() if _runs(each)]
    files: list[Path] = []
    for cls in classes:
        with suppress(StrategyError):  # who names that class is told what is wrong with it
            files += filter(Path.is_file, table_files(cls).values())
    return any(file.stat().st_ctime > _LOADED[name] for file in files)


STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
PROGRAM = Path(__file__).resolve().parents[2]


def is_outside(path: Path) -> bool:
    """Whether a file is neither of this program nor of an installed library."""
    folders = path.resolve().parents
    program = any(PROGRAM / package in folders for package in ("datafeeds", "strategies", "backtests"))
    installed = any(folder.name in ("site-packages", "dist-packages") for folder in folders)
    return not (program or installed or STANDARD in folders)


def loaded_at(cls: type) -> float:
    """When the file of `cls` was first run, in seconds since 1970; never, for a class of no such file.

    What is written to disk after that may have been written by it.
    """
    return _LOADED.get(cls.__module__, math.inf)


def _pickle_by_path(cls: type[Strategy], name: str) -> None:
    """Let instances travel to worker processes, which do not have this module.

    What the class says itself, such as a schedule of its own, is there where the class is made.
    """

    def reduce(self: Strategy) -> tuple[Any, ...]:
        values = {key: getattr(self, key) for key in self.parameters}
        return build, (
            name,
            {key: value for key, value in values.items() if value is not getattr(type(self), key)},
        )

    cls.__reduce__ = reduce  # type: ignore[method-assign]


def _class_in(module: ModuleType, name: str, where: str) -> type[Any]:
    runnable = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and _runs(value)
    }
    if name not in runnable:
        if name in vars(module):
            raise StrategyError(f"{where}: {name} is neither a Strategy nor a backtrader strategy made there")
        raise StrategyError(unknown_name("strategy", name, runnable, where))
    return runnable[name]


def _runs(cls: object) -> bool:
    if not isinstance(cls, type):
        return False
    if issubclass(cls, Strategy):
        return True
    engine = sys.modules.get("backtrader")  # whoever subclasses it has imported it
    return engine is not None and issubclass(cls, engine.Strategy)
