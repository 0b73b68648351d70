"""Imports point one way: datafeeds <- strategies <- backtests."""

import ast
import sys

import pytest

from tests.places import HOUSE

PACKAGES = ("datafeeds", "strategies", "backtests")
OUTSIDE_WORLD = {
    "os", "pathlib", "io", "shutil", "tempfile", "glob", "socket", "ssl", "http", "urllib", "ftplib",
    "smtplib", "requests", "subprocess", "time", "threading", "multiprocessing", "asyncio", "ctypes",
    "importlib", "pickle", "shelve", "sqlite3", "random", "secrets",
}  # fmt: skip
"""What a decision may not depend on."""

ALLOWED = {"strategies.asof", "datafeeds.extras", "datafeeds.names"}
LIBRARIES = {"numpy", "pandas", "pydantic", "skfolio"}


ASOF_ONLY = {"datafeeds.market", "datafeeds.facts", "datafeeds.series"}
"""What the market as of today is made of; no other file of `strategies/` may touch it."""


def modules(package):
    return sorted((HOUSE / package).rglob("*.py"))


def modules_of(root):
    """Every module below `root` by its full name; a package goes by its own name."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }


def imports(path, known=()):
    """Full names of what a file imports, for type checkers too; a name that is a module counts as one."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            package = node.module or ""
            for alias in node.names:
                full = f"{package}.{alias.name}"
                names.append(full if full in known or package in PACKAGES else package)
    return names


def room(name):
    """The folder that a module stands in; a module at the top of a package is a room of its own."""
    parts = name.split(".")
    return ".".join(parts[:2])


def circle(edges):
    """A way that leads back to where it began, as names; empty if there is none."""
    done, under_way = set(), []

    def visit(name):
        if name in under_way:
            return [*under_way[under_way.index(name) :], name]
        if name in done:
            return []
        under_way.append(name)
        for other in sorted(edges.get(name, ())):
            found = visit(other)
            if found:
                return found
        under_way.pop()
        done.add(name)
        return []

    for name in sorted(edges):
        found = visit(name)
        if found:
            return found
    return []


def edges_between(root, of=lambda name: name):
    """Who imports whom below `root`: files, or what `of` makes of their names."""
    files = modules_of(root)
    edges = {}
    for name, path in files.items():
        for other in imports(path, files):
            if other in files and of(other) != of(name):
                edges.setdefault(of(name), set()).add(of(other))
    return edges


def where(path):
    return str(path.relative_to(HOUSE))


@pytest.mark.parametrize("path", modules("datafeeds"), ids=where)
def test_datafeeds_import_nothing_from_above(path):
    assert [name for name in imports(path) if name.split(".")[0] in ("strategies", "backtests")] == []


@pytest.mark.parametrize("path", modules("strategies"), ids=where)
def test_strategies_see_the_market_through_asof_only(path):
    for name in imports(path):
        top = name.split(".")[0]
        assert top != "backtests", f"{name}: a strategy does not know the engine"
        assert top not in OUTSIDE_WORLD, f"{name}: a decision depends only on what is seen"
        if top == "datafeeds":
            allowed = ALLOWED | (ASOF_ONLY if path.name == "asof.py" else set())
            assert name in allowed, f"{name}: strategies import only {allowed}"
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


@pytest.mark.parametrize("of", [str, room], ids=["files", "rooms"])
def test_no_import_goes_round_in_a_circle(of):
    found = circle(edges_between(HOUSE, of))
    assert not found, " -> ".join(found)


def test_a_circle_is_found_even_where_only_a_type_checker_goes_round(tmp_path):
    room_a, room_b = tmp_path / "backtests" / "a", tmp_path / "backtests" / "b"
    for folder in (room_a, room_b):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    (room_a / "one.py").write_text("from backtests.b import two\n")
    (room_b / "two.py").write_text("X = 1\n")
    (room_b / "three.py").write_text("X = 1\n")
    assert not circle(edges_between(tmp_path, room))
    (room_b / "three.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from backtests.a.one import X\n"
    )
    assert circle(edges_between(tmp_path, room)) == ["backtests.a", "backtests.b", "backtests.a"]
    assert not circle(edges_between(tmp_path))
    (room_b / "two.py").write_text("def late():\n    import backtests.a.one\n")
    assert circle(edges_between(tmp_path)) == ["backtests.a.one", "backtests.b.two", "backtests.a.one"]


@pytest.mark.parametrize("path", modules("strategies"), ids=where)
def test_only_examples_import_from_the_package_front(path):
    """`from strategies import Target` is how authors write; within the house it would be a circle."""
    files = modules_of(HOUSE)
    front = {
        name for name in imports(path, files) if name.split(".")[0] == "strategies" and name not in files
    }
    if "examples" in path.parts:
        assert front or path.name == "__init__.py"
    elif path != HOUSE / "strategies" / "__init__.py":
        assert not front


LATE = {"backtests/cli.py"}
"""Every import inside a function is of one kind, which the module's first lines explain."""


def late_imports_without_a_word(source):
    """Lines of imports inside functions that no comment, there or just above, gives a reason for."""
    lines = source.splitlines()
    inside = {
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    explained = {line for line in inside if "#" in lines[line - 1] or lines[line - 2].strip().startswith("#")}
    # One comment serves the imports that follow each other.
    for line in sorted(inside):
        if line - 1 in explained:
            explained.add(line)
    return sorted(inside - explained)


def test_imports_inside_functions_say_why():
    every = {where(path): path.read_text() for each in PACKAGES for path in modules(each)}
    found = {name: late_imports_without_a_word(source) for name, source in every.items() if name not in LATE}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_an_unexplained_late_import_is_found():
    bare = "def f():\n    import scipy\n    # Takes a second.\n    import arch\n    import statsmodels\n"
    assert late_imports_without_a_word(bare) == [2]
