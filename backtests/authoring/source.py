"""What the source of a strategy does that a decision must not: files, network, clock, chance, engines."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from backtests.authoring.report import Check, Offence, judged

KIND = "purity"

OUTSIDE = frozenset(
    {
        *("os", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "mmap", "zipfile", "tarfile"),
        *("gzip", "bz2", "lzma", "csv", "pickle", "shelve", "sqlite3", "dbm", "marshal", "configparser"),
        *("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "yfinance"),
        *("subprocess", "threading", "multiprocessing", "concurrent", "asyncio", "signal", "ctypes", "cffi"),
        *("time", "sched", "platform", "getpass", "uuid", "random", "secrets", "atexit", "webbrowser"),
        *("sys", "gc", "inspect", "builtins", "importlib", "pkgutil", "runpy", "code", "linecache"),
        *("traceback", "tracemalloc", "joblib", "pyarrow", "exchange_calendars", "pandas_datareader"),
    }
)
"""Modules that lead out of what a decision may see."""

ENGINES = frozenset({"backtests", "backtrader", "pyfolio", "empyrical"})

SEEN = {"strategies.asof": {"AsOf"}, "datafeeds.names": {"unknown_name"}}
"""All that a strategy may import from where numbers come from."""

CALLS = frozenset(
    {"open", "exec", "eval", "compile", "__import__", "input", "breakpoint", "globals", "locals", "vars"}
)

FILES = frozenset(
    {
        *("read_csv", "read_parquet", "read_pickle", "read_table", "read_excel", "read_feather", "read_hdf"),
        *("read_json", "read_sql", "read_html", "read_xml", "read_text", "read_bytes", "read_fwf"),
        *("to_csv", "to_parquet", "to_pickle", "to_excel", "to_feather", "to_hdf", "to_sql"),
        *("write_text", "write_bytes", "fromfile", "tofile", "loadtxt", "savetxt", "genfromtxt", "memmap"),
    }
)

CLOCK = frozenset({"now", "utcnow"})

INSIDES = frozenset(
    {
        *("__globals__", "__closure__", "__code__", "__subclasses__", "__builtins__", "__loader__"),
        *("f_back", "f_globals", "f_locals", "tb_frame", "gi_frame", "modules"),
    }
)

SEEDED = frozenset({"default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "RandomState"})

_FRAMEWORK = frozenset(
    {"strategies", *(f"strategies.{name}" for name in ("asof", "target", "schedule", "strategy", "expiries"))}
)
"""Modules whose insides are the framework's own affair."""


def source_check(cls: type) -> Check:
    """Read the modules that `cls` is written in."""
    modules = own_modules(cls)
    offences = [Offence(what, value=where) for module in modules for what, where in read_module(module)]
    fine = f"nothing in {', '.join(module.name for module in modules)}"
    return judged(KIND, "source", offences, fine)


def own_modules(cls: type) -> list[Path]:
    """Files of the strategy: its own, its bases' and those it imports from its own folder or package."""
    files: list[Path] = []
    waiting = [
        sys.modules[base.__module__]
        for base in cls.__mro__
        if base.__module__ in sys.modules and base.__module__ not in _FRAMEWORK
    ]
    waiting = [module for module in waiting if _is_source(module) and not _is_library(module)]
    while waiting:
        module = waiting.pop(0)
        file = Path(inspect.getfile(module))
        if file in files:
            continue
        files.append(file)
        package = module.__name__.partition(".")[0]
        for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            beside = sys.modules.get(name)
            if beside is None or name in _FRAMEWORK or not _is_source(beside):
                continue
            near = Path(inspect.getfile(beside)).parent == file.parent and not _is_library(beside)
            if near or (name.partition(".")[0] == package and package != "datafeeds"):
                waiting.append(beside)
    return files


def _is_source(module: ModuleType) -> bool:
    return str(getattr(module, "__file__", None) or "").endswith(".py")


def _is_library(module: ModuleType) -> bool:
    name = module.__name__.partition(".")[0]
    return name in sys.stdlib_module_names or name in {"datafeeds", "backtests", "pydantic", "backtrader"}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read_module(file: Path) -> list[tuple[str, str]]:
    """What the source in `file` must not do, each with its file and line."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {name.id for name in ast.walk(tree) if isinstance(name, ast.Name)}
    found = []
    for node in _run_time(tree):
        what = _offence(node, defined)
        if what:
            found.append((what, f"{file.name}:{getattr(node, 'lineno', 0)}"))
    return found


def _run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers see."""
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        children: list[ast.AST] = list(node.orelse)
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _run_time(child)


def _offence(node: ast.AST, defined: set[str]) -> str:
    if isinstance(node, ast.Import):
        return next((said for alias in node.names if (said := _of_import(alias.name, None))), "")
    if isinstance(node, ast.ImportFrom):
        return next((said for alias in node.names if (said := _of_import(node.module or "", alias.name))), "")
    if isinstance(node, ast.Global):
        return f"keeps {', '.join(node.names)} between decisions (global); use Target.remember"
    if isinstance(node, ast.Attribute):
        return _of_attribute(node, node.attr, defined)
    if isinstance(node, ast.Call):
        return _of_call(node, defined)
    return ""


def _of_import(module: str, name: str | None) -> str:
    top = module.partition(".")[0]
    if top in OUTSIDE:
        return f"imports {module}: a decision depends only on what is seen"
    if top in ENGINES:
        return f"imports {module}: a strategy does not know the engine"
    if (top == "datafeeds" or module == "strategies.asof") and (
        name is None or name not in SEEN.get(module, ())
    ):
        return f"imports {module}{f'.{name}' if name else ''}: the market is seen through AsOf only"
    if "datasets" in (*module.split("."), name):
        return f"imports {module}: data comes from the market only"
    if name is not None and name.startswith("_") and top not in ("strategies", "__future__", ""):
        return f"imports the private {module}.{name}"
    return ""


def _of_attribute(node: ast.Attribute, name: str, defined: set[str]) -> str:
    if name in FILES:
        return f"reads or writes a file: {name}"
    if name in CLOCK:
        return f"reads the clock: {name}; today is see.today"
    if name in INSIDES:
        return f"reaches into the interpreter: {name}"
    whose = node.value.id if isinstance(node.value, ast.Name) else ""
    private = name.startswith("_") and not name.endswith("__") and name not in ("_replace", "_asdict")
    if private and whose not in ("self", "cls") and name not in defined:
        return f"reaches into private parts: {name}"
    if _is_numpy_random(node.value) and name not in SEEDED:
        return f"draws from numpy.random.{name}, which has no seed of its own; use default_rng(seed)"
    return ""


def _of_call(node: ast.Call, defined: set[str]) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        if function.id in CALLS:
            return f"calls {function.id}"
        if function.id in ("getattr", "setattr", "delattr") and len(node.args) > 1:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                reached = ast.Attribute(node.args[0], name.value, ast.Load())
                return _of_attribute(reached, name.value, defined)
    if isinstance(function, ast.Name | ast.Attribute):
        called = function.id if isinstance(function, ast.Name) else function.attr
        if called in ("default_rng", "RandomState", "SeedSequence") and not node.args and not node.keywords:
            return f"draws at random without a seed: {called}()"
    if isinstance(function, ast.Attribute) and function.attr == "today":
        return "reads the clock: today(); today is see.today"
    return ""


def _is_numpy_random(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "random"
        and isinstance(node.value, ast.Name)
        and node.value.id in ("np", "numpy")
    )


def fresh_module(file: Path, like: ModuleType) -> ModuleType:
    """A second copy of the module in `file`, not executed yet."""
    package = like.__name__.rpartition(".")[0]
    name = f"{package}.{file.stem}_read_again" if package else f"{file.stem}_read_again"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise ImportError(str(file))
    return importlib.util.module_from_spec(spec)
