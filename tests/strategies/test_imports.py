"""Imports point one way: datafeeds <- strategies <- backtests."""

import ast
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PACKAGES = ("datafeeds", "strategies", "backtests")
OUTSIDE_WORLD = {
    "os", "pathlib", "io", "shutil", "tempfile", "glob", "socket", "ssl", "http", "urllib", "ftplib",
    "smtplib", "requests", "subprocess", "time", "threading", "multiprocessing", "asyncio", "ctypes",
    "importlib", "pickle", "shelve", "sqlite3", "random", "secrets",
}  # fmt: skip
"""What a decision may not depend on."""

ALLOWED = {"datafeeds.asof", "datafeeds.names"}
LIBRARIES = {"numpy", "pandas", "pydantic", "skfolio"}


def modules(package):
    return sorted((HOUSE / package).rglob("*.py"))


def imports(path, typing_too=False):
    """Full names of the modules that a file imports, those for type checkers only if asked for."""
    names = []

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing_too:
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            package = node.module or ""
            names.extend(
                f"{package}.{alias.name}" if package in PACKAGES else package for alias in node.names
            )
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return names


def where(path):
    return str(path.relative_to(HOUSE))


@pytest.mark.parametrize("path", modules("datafeeds"), ids=where)
def test_datafeeds_import_nothing_from_above(path):
    assert [name for name in imports(path) if name.split(".")[0] in ("strategies", "backtests")] == []


@pytest.mark.parametrize("path", modules("strategies"), ids=where)
def test_strategies_see_the_market_through_asof_only(path):
    for name in imports(path, typing_too=True):
        top = name.split(".")[0]
        assert top != "backtests", f"{name}: a strategy does not know the engine"
        assert top not in OUTSIDE_WORLD, f"{name}: a decision depends only on what is seen"
        if top == "datafeeds":
            assert name in ALLOWED, f"{name}: strategies import only {ALLOWED}"
        else:
            assert top in LIBRARIES | {"strategies"} or top in sys.stdlib_module_names, name


@pytest.mark.parametrize("path", modules("strategies"), ids=where)
def test_strategies_open_no_file(path):
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert not {"open", "exec", "eval", "__import__", "input"} & set(calls)
    attributes = {
        node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }
    assert not {"read_csv", "read_parquet", "to_csv", "to_parquet", "now", "utcnow"} & attributes


def test_no_import_goes_round_in_a_circle():
    files = {
        ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in modules(package)
    }
    # A package's __init__ re-exports what its modules define, and they never import from it.
    inits = {name for name, path in files.items() if path.name == "__init__.py"}
    edges = {
        name: {other for other in imports(path) if other in files and other not in inits}
        for name, path in files.items()
        if name not in inits
    }
    done, under_way = set(), []

    def visit(name):
        assert name not in under_way, " -> ".join([*under_way, name])
        if name in done:
            return
        under_way.append(name)
        for other in edges.get(name, ()):
            visit(other)
        under_way.pop()
        done.add(name)

    for name in edges:
        visit(name)


def test_no_strategy_module_imports_from_its_own_package_front():
    for path in modules("strategies"):
        assert not any(
            name == "strategies" or name.startswith("strategies.__init__") for name in imports(path)
        )
