"""Code that decides: the strategy's module, those it imports, and the libraries they want."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from backtests.authoring.sealed.program import GIVEN, Library, Source
from backtests.engine.lines import HOUSE
from backtests.engine.lines import library_roots as _library_roots
from backtests.settings.strategies import PROGRAM, name_of_file
from backtests.stamp import Stamp, stamp_of
from strategies.strategy import Strategy
from strategies.wrapped import parts_of

FRAMEWORK = frozenset(
    {"strategies", *(f"strategies.{name}" for name in ("asof", "target", "schedule", "strategy", "expiries"))}
)
"""Modules that are the same for every strategy."""

SHIPPED = FRAMEWORK | {
    f"strategies.{name}"
    for name in ("wrapped", "limits", "hedges", "benchmarks", "blueprint", "rotation", "effects", "exhibit")
}
"""Modules that come with the program and that others are compared with or wrapped in.

It is no list of all: a file that somebody writes beside them must not pass for one of them.
"""

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


def are_shipped(classes: Classes) -> bool:
    """Whether classes, with all that they inherit of strategies, come with the program."""
    return all(base.__module__ in SHIPPED for base in _bases(classes) if issubclass(base, Strategy))


def _bases(classes: Classes) -> list[type]:
    return list(dict.fromkeys(base for cls in classes for base in cls.__mro__))


def _owners(classes: Classes) -> set[str]:
    bases = (base for base in _bases(classes) if issubclass(base, Strategy))
    return {*HOUSE, *(base.__module__.partition(".")[0] for base in bases)}


@dataclass(frozen=True)
class Deciding:
    """Code that decides, as it was at one moment, whatever a strategy does to modules and files later.

    Attributes
    ----------
    modules : tuple of str
        Names of the modules of a strategy's classes, of their bases, and all of one's own that these import,
        directly or not, whether or not they have been imported by then.
    sources : mapping of str to Source
        All that a sealed process may import besides libraries: the whole house, and `modules`, but of files
        that changed too late.
    asked : tuple of str
        Names that `modules` import.
    own : frozenset of str
        Names of modules that belong to no installed library.
    owners : frozenset of str
        Names of packages that are the house's or the author's own.
    files : frozenset of str
        Files of `modules` that are the strategy's alone, as Python names them.
    zones : tuple of str
        Words in `modules` that may be time zones.
    """

    modules: tuple[str, ...]
    sources: Mapping[str, Source]
    asked: tuple[str, ...]
    own: frozenset[str]
    owners: frozenset[str]
    files: frozenset[str]
    zones: tuple[str, ...]

    @property
    def read(self) -> dict[str, Source]:
        """The text of `modules`; empty of those whose file changed too late."""
        return {name: self.sources.get(name, Source("", "", False)) for name in self.modules}


@dataclass(frozen=True)
class _Place:
    """Where a module lies, imported or not.

    Attributes
    ----------
    file : Path or None
        None of a package without one.
    folders : tuple of str
        Where modules below it lie; empty if it is no package.
    package : str
        To which relative names are relative.
    """

    file: Path | None
    folders: tuple[str, ...]
    package: str


def deciding_code(classes: Classes, since: float) -> Deciding:
    """The code behind `classes` as it is now; take it before a strategy is made, which may change it.

    Parameters
    ----------
    classes : sequence of type
        As from `classes_of`.
    since : float
        Seconds since 1970. What was written later could hold what the run has seen: a file that changed, or
        one to which a link leads that did.
    """
    places = _places(classes)
    found = _house(since)
    for name, place in places.items():
        if place.file is None or not unchanged(place.file, since) or not _is_called(name, place.file):
            found.pop(name, None)
        else:
            text = place.file.read_text(encoding="utf-8")
            found[name] = Source(text, str(place.file), bool(place.folders))
    without_file = {parent for name in found for parent in _with_parents(name)} - {*found}
    files = {str(place.file) for name, place in places.items() if place.file and name not in FRAMEWORK}
    words = {word for place in places.values() for word in _names(place)[1]}
    return Deciding(
        tuple(places),
        found | {name: Source("", "", True) for name in without_file},
        tuple(dict.fromkeys(word for place in places.values() for word in _names(place)[0])),
        frozenset({*own_modules(classes), *places}),
        frozenset(_owners(classes)),
        frozenset({*files, *map(os.path.realpath, files)}),
        tuple(sorted(filter(_ZONE.fullmatch, words))),
    )


def unchanged(file: Path, since: float) -> bool:
    """Whether neither `file` nor a link on the way to it was written after `since`."""
    return all(os.lstat(step).st_ctime <= since for step in _way(file))


def _way(file: Path, most: int = 40) -> Iterator[Path]:
    """The links that lead to `file`, and the file that they lead to."""
    path = Path(os.path.abspath(file))
    for link in (*reversed(path.parents), path):
        if link.is_symlink() and most:
            yield link
            beyond = link.parent / os.readlink(link) / path.relative_to(link)
            yield from _way(beyond, most - 1)
            return
    yield path


def _house(since: float) -> dict[str, Source]:
    """The text of the whole house: which of its modules a run has imported could be a message."""
    found = {}
    for file in (file for package in HOUSE for file in (PROGRAM / package).rglob("*.py")):
        parts = file.relative_to(PROGRAM).with_suffix("").parts
        package = parts[-1] == "__init__"
        known = file.stat()
        if known.st_ctime <= since:
            name = ".".join(parts[:-1] if package else parts)
            found[name] = Source(_text(file, known.st_mtime_ns), str(file), package)
    return found


@cache
def _text(file: Path, changed: int) -> str:
    return file.read_text(encoding="utf-8")


def _is_called(name: str, file: Path) -> bool:
    """Whether a module in `file` can be called `name`: any other name could be a message."""
    return name == name_of_file(file.resolve(), file.read_bytes()) or _is_called_like(name, str(file))


@cache
def _is_called_like(name: str, path: str) -> bool:
    parts, file = name.split("."), Path(path)
    place = file.parent.parts if file.stem == "__init__" else (*file.parent.parts, file.name.split(".")[0])
    return list(place[-len(parts) :]) == parts


def deciding_modules(classes: Classes) -> list[ModuleType]:
    """The modules of `deciding_code` that are imported by now."""
    found = (sys.modules.get(name) for name in _places(classes))
    return [module for module in found if isinstance(module, ModuleType)]


def _places(classes: Classes) -> dict[str, _Place]:
    """Where the modules of `classes`, of their bases, and all of one's own that these import lie.

    A word that is a module's name counts as an import: it may be given to `importlib`.
    """
    own = own_modules(classes)
    beside = _importable()
    # A module counts as imported though it is not by now where it is written to be; by a word, only if it is.
    waiting = [(name, False) for base in _bases(classes) for name in _with_parents(base.__module__)]
    found: dict[str, _Place] = {}
    for name, written in waiting:  # which grows; parents come first
        if name in found or name.partition(".")[0] in GIVEN:
            continue
        place = _read(own[name]) if name in own else None
        if place is None and written and name not in sys.modules:
            place = _unread(name, found, beside)
        if place is None:
            continue
        found[name] = place
        if name != "strategies":  # which imports every strategy there is
            imported, words = _names(place)
            waiting += [*((each, True) for each in imported), *((each, False) for each in words)]
    return found


def _read(module: ModuleType) -> _Place:
    folders = tuple(map(str, getattr(module, "__path__", ())))
    return _Place(_file(module), folders, module.__package__ or "")


def _importable() -> dict[str, str]:
    """Modules that could be imported and belong to no library, by name, with the folder where each lies."""
    found: dict[str, str] = {}
    for folder in sys.path:
        if os.path.isdir(folder) and not _installed(Path(folder, "any.py")):
            for entry in sorted(os.listdir(folder)):
                found.setdefault(entry.removesuffix(".py"), folder)
    return found


def _unread(name: str, found: Mapping[str, _Place], beside: Mapping[str, str]) -> _Place | None:
    """Where a module lies that is not imported yet; None if it is in no folder of one's own."""
    parent, _, last = name.rpartition(".")
    if parent:
        folders = found[parent].folders if parent in found else ()
    else:
        folders = (beside[name],) if name in beside and name not in sys.stdlib_module_names else ()
    for folder in folders:
        path = Path(folder, last)
        if path.is_dir():
            file = path / "__init__.py"
            return _Place(file if file.is_file() else None, (str(path),), name)
        if (file := path.with_name(f"{last}.py")).is_file():
            return _Place(file, (), parent)
    return None


def library_of(deciding: Deciding) -> Library:
    """What `deciding` needs of installed libraries.

    That is all that its modules import, also inside functions, and what of the same libraries has been
    imported in this process: libraries import parts of themselves late.
    """
    asked, owners = deciding.asked, deciding.owners
    tops = {name.partition(".")[0] for name in asked if name not in deciding.own} | set(ALWAYS)
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
        zones=deciding.zones,
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
def _root_names() -> tuple[str, ...]:
    return tuple(f"{root}{os.sep}" for root in _library_roots())


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


def _names(place: _Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of modules that a module may import, and words in it that may be some.

    Of ``from a import b`` both ``a`` and ``a.b`` are.
    """
    file = place.file
    return ((), ()) if file is None else _names_in(file, stamp_of(file), place.package)


@cache
def _names_in(file: Path, changed: Stamp, package: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    imported: list[str] = []
    words: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
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
