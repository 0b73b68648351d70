"""Code that decides: the strategy's module, those it imports, and the libraries they want."""

from __future__ import annotations

import ast
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from backtests.authoring.sealed.program import GIVEN, Library, Source
from backtests.settings.strategies import name_of_file
from backtests.stamp import Stamp, stamp_of
from strategies.strategy import Strategy
from strategies.wrapped import parts_of

HOUSE = ("strategies", "datafeeds", "backtests")

FRAMEWORK = frozenset(
    {"strategies", *(f"strategies.{name}" for name in ("asof", "target", "schedule", "strategy", "expiries"))}
)
"""Modules that are the same for every strategy."""

Classes = Sequence[type]

_ZONE = re.compile(r"[A-Z]\w*(/[A-Z][\w+-]*){1,2}", re.ASCII)
"""What names of time zones look like, such as Asia/Seoul and Etc/GMT+3."""

ALWAYS = ("numpy", "pandas", "pydantic")
"""Libraries of which everything that the run has imported is imported."""


def own_modules(classes: Classes) -> dict[str, ModuleType]:
    """Every module that is imported by now and belongs to no installed library, by name.

    A package that was installed for the strategy in it is the author's own.
    """
    owners = _owners(classes)
    return {
        name: module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
        and name != "__main__"
        and (name.partition(".")[0] in owners or _is_own(module))
    }


def classes_of(strategy: Strategy) -> list[type]:
    """The classes that decide: of a strategy, and of those that it is made of."""
    return [type(part) for part in parts_of(strategy)]


def _bases(classes: Classes) -> list[type]:
    return list(dict.fromkeys(base for cls in classes for base in cls.__mro__))


def _owners(classes: Classes) -> set[str]:
    bases = (base for base in _bases(classes) if issubclass(base, Strategy))
    return {*HOUSE, *(base.__module__.partition(".")[0] for base in bases)}


def sources(classes: Classes, modules: Iterable[ModuleType], since: float) -> dict[str, Source]:
    """The text of the house and of `modules`, but of files that changed after `since`.

    Parameters
    ----------
    classes : sequence of type
        As from `classes_of`.
    modules : iterable of ModuleType
        What `deciding_modules` finds for them.
    since : float
        Seconds since 1970. Code written while a run goes on could hold what the run has seen.
    """
    found = {}
    own = {name: module for name, module in own_modules(classes).items() if name.partition(".")[0] in HOUSE}
    own |= {module.__name__: module for module in modules}
    for name, module in own.items():
        file = _file(module)
        if file is not None and file.stat().st_ctime <= since and _is_called(name, file):
            found[name] = Source(file.read_text(encoding="utf-8"), str(file), hasattr(module, "__path__"))
    without_file = {parent for name in found for parent in _with_parents(name)} - {*found}
    return found | {name: Source("", "", True) for name in without_file}


def _is_called(name: str, file: Path) -> bool:
    """Whether a module in `file` can be called `name`: any other name could be a message."""
    return name == name_of_file(file.resolve(), file.read_bytes()) or _is_called_like(name, str(file))


@cache
def _is_called_like(name: str, path: str) -> bool:
    parts, file = name.split("."), Path(path)
    place = file.parent.parts if file.stem == "__init__" else (*file.parent.parts, file.name.split(".")[0])
    return list(place[-len(parts) :]) == parts


def deciding_modules(classes: Classes) -> list[ModuleType]:
    """The modules of `classes`, of their bases, and all of one's own that these import, directly or not.

    A word that is a module's name counts as an import: it may be given to `importlib`.
    """
    own = own_modules(classes)
    waiting = [name for base in _bases(classes) for name in _with_parents(base.__module__)]
    found: dict[str, ModuleType] = {}
    while waiting:
        name = waiting.pop()
        module = own.get(name)
        if module is None or name in found or name.partition(".")[0] in GIVEN:
            continue
        found[name] = module
        if name != "strategies":  # which imports every strategy there is
            waiting += [*_imported(module), *_words(module)]
    return list(found.values())


def library_of(classes: Classes, modules: Iterable[ModuleType]) -> Library:
    """What `modules`, which `deciding_modules` finds for `classes`, need of installed libraries.

    That is all that they import, also inside functions, and what of the same libraries has been imported in
    this process: libraries import parts of themselves late.
    """
    asked: set[str] = set()
    zones: set[str] = set()
    for module in modules:
        asked |= set(_imported(module))
        zones |= {word for word in _words(module) if _ZONE.fullmatch(word)}
    own, owners = own_modules(classes), _owners(classes)
    tops = {name.partition(".")[0] for name in asked if name not in own} | set(ALWAYS)
    tops -= {*owners, "__main__", "__future__"}
    known = [name for name in list(sys.modules) if _is_real(name)]
    installed = {name.partition(".")[0] for name in known} - {*owners, *sys.stdlib_module_names}
    # Python's own library may be read whole, so what a strategy asks of it needs no process of its own.
    outside = {*installed, *tops} - sys.stdlib_module_names
    folders = {folder for name in outside if (folder := _library_folder(name))}
    loaded = [
        name
        for name in known
        if (top := name.partition(".")[0]) in tops or top in sys.stdlib_module_names
        if top not in ("__main__", "test", "idlelib")
    ]
    late = [name for name in asked if name.partition(".")[0] in tops and _may_be_module(name)]
    roots = {Path(folder).parent for folder in folders}
    shared = {
        str(path) for root in roots for kind in ("libs", "dist-info") for path in root.glob(f"*.{kind}")
    }
    also = [name for name in known if name.partition(".")[0] in installed]
    return Library(
        tuple(sorted({*loaded, *late})),
        tuple(also),
        tuple(sorted(folders | shared)),
        "numba" in tops,
        zones=tuple(sorted(zones)),
    )


def _is_real(name: str) -> bool:
    """Whether `name` is a module of an installed library, or of Python; code can write any name there."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str):
        return name in sys.builtin_module_names
    inside = file.startswith(_root_names()) and os.path.isfile(file)
    return inside and _is_called_like(name, file)


def _may_be_module(name: str) -> bool:
    """Whether `name`, of which nothing is imported yet, could be a module rather than what a module holds."""
    parent, _, last = name.rpartition(".")
    holder = sys.modules.get(parent)
    return holder is None or (hasattr(holder, "__path__") and not hasattr(holder, last))


def _is_own(module: ModuleType) -> bool:
    name = getattr(module, "__file__", None)
    if isinstance(name, str) and _is_installed_source(name):
        return False  # as `_installed` would say; nearly all modules end here
    file = _file(module)
    if file is None:
        paths = list(getattr(module, "__path__", ()))
        return bool(paths) and not any(_installed(Path(path)) for path in paths)
    return not _installed(file)


def _file(module: ModuleType) -> Path | None:
    name = getattr(module, "__file__", None)
    return Path(name) if isinstance(name, str) and _is_source(name) else None


@cache
def _is_installed_source(name: str) -> bool:
    return name.startswith(_root_names()) and ".." not in name and _is_source(name)


def _is_source(name: str) -> bool:
    return name.endswith(".py") and os.path.isfile(name)


@cache
def _library_roots() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    names = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    names += [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    names += [site.getusersitepackages()]
    return tuple({Path(name).resolve() for name in names})


@cache
def _root_names() -> tuple[str, ...]:
    given = (sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple(f"{root}{os.sep}" for root in (*map(str, _library_roots()), *given))


@cache
def _installed(path: Path) -> bool:
    """Whether `path` lies in an installed library, which may itself be a link to where it is kept."""
    places = {*path.resolve().parents, *Path(os.path.abspath(path)).parents}
    return any(Path(root) in places for root in _root_names())


def _library_folder(name: str) -> str:
    """The folder, or the file, of an installed library; empty for what belongs to none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str) or not _installed(Path(file)):
        return ""
    path = Path(file)
    return str(path.parent if path.stem == "__init__" else path)


def tree_of(module: ModuleType) -> ast.Module | None:
    """The syntax tree of a module written in Python; None for any other."""
    file = _file(module)
    return None if file is None else _tree(file, stamp_of(file))


@cache
def _tree(file: Path, changed: Stamp) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imported(module: ModuleType) -> tuple[str, ...]:
    """Names of modules that `module` may import; of ``from a import b`` both ``a`` and ``a.b``."""
    file = _file(module)
    return () if file is None else _names_in(file, stamp_of(file), module.__package__ or "")[0]


def _words(module: ModuleType) -> tuple[str, ...]:
    """Words in `module` that may be names of modules."""
    file = _file(module)
    return () if file is None else _names_in(file, stamp_of(file), module.__package__ or "")[1]


@cache
def _names_in(file: Path, changed: Stamp, package: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    imported: list[str] = []
    words: list[str] = []
    for node in ast.walk(_tree(file, changed)):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                words += _with_parents(node.value)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                imported += _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [base])])
            imported += _with_parents(base)
            imported += (f"{base}.{alias.name}" for alias in node.names)
    return tuple(dict.fromkeys(imported)), tuple(dict.fromkeys(words))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
