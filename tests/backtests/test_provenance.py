"""A changed piece of code that decides makes another run and another trial."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backtests.provenance import outside_code, typed_alike
from backtests.settings.run_file import LimitChoices, StrategyChoice
from backtests.settings.strategies import registered
from strategies import REGISTRY, Blueprint, Strategy, Target

STRATEGY = """
from strategies import Strategy, Target
{extra}

class Helped(Strategy):
    def decide(self, see):
        {inside}
        return Target({{}}, why="x")
"""

WAYS = {
    "imported": ("import desk_rule", "pass"),
    "from it": ("from desk_rule import COUNT", "pass"),
    "when it decides": ("", "import desk_rule"),
    "by name": ("import importlib\nRULE = importlib.import_module('desk_rule')", "pass"),
    "by name when it decides": ("", "import importlib; importlib.import_module('desk_rule')"),
    "by another": ("import desk_other", "pass"),
    "of a package": ("import desk_package.inner", "pass"),
    "out of a package": ("from desk_package import inner", "pass"),
}


@pytest.fixture(autouse=True, scope="module")
def house() -> None:
    """Every strategy of the house is known before a test puts names back as they were."""
    registered()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "desk_other.py").write_text("import desk_rule\n")
    (tmp_path / "desk_package").mkdir()
    (tmp_path / "desk_package" / "__init__.py").write_text("")
    (tmp_path / "desk_package" / "inner.py").write_text("from . import leaf\n")
    (tmp_path / "desk_package" / "leaf.py").write_text("import desk_rule\n")
    return tmp_path


def code(folder: Path) -> list[str]:
    """What a fresh process would hash."""
    for name in [name for name in sys.modules if name.startswith(("desk_", "strategy_file_"))]:
        del sys.modules[name]
    importlib.invalidate_caches()
    importlib.import_module("desk_rule")
    return outside_code(StrategyChoice(name=f"{folder / 'mine.py'}:Helped"))


@pytest.mark.parametrize(("extra", "inside"), WAYS.values(), ids=WAYS)
def test_a_changed_helper_shows(extra: str, inside: str, folder: Path) -> None:
    (folder / "mine.py").write_text(STRATEGY.format(extra=extra, inside=inside))
    found = set()
    for count in range(5):
        (folder / "desk_rule.py").write_text(f"COUNT = {count}{'0' * count}\n")
        found.add(tuple(code(folder)))
        assert code(folder) == code(folder)
    assert len(found) == 5


def test_a_module_cannot_hide_where_it_lies(folder: Path) -> None:
    found = set()
    for count in range(2):
        (folder / "desk_rule.py").write_text("COUNT = 1\n")
        hidden = f"import importlib\n__file__ = importlib.__file__  # {count}"
        (folder / "mine.py").write_text(STRATEGY.format(extra=hidden, inside="pass"))
        found.add(tuple(code(folder)))
    assert len(found) == 2


def test_what_is_hedged_counts(folder: Path) -> None:
    (folder / "mine.py").write_text(STRATEGY.format(extra="", inside="pass"))
    hedged = StrategyChoice(name="Hedged", of=f"{folder / 'mine.py'}:Helped")
    assert len(outside_code(hedged)) == 1


def test_what_is_not_used_does_not_count(folder: Path) -> None:
    (folder / "mine.py").write_text(STRATEGY.format(extra="import numpy, pandas", inside="pass"))
    (folder / "desk_rule.py").write_text("COUNT = 1\n")
    before = code(folder)
    (folder / "desk_rule.py").write_text("COUNT = 22\n")
    assert code(folder) == before
    assert len(before) == 1
    assert outside_code(StrategyChoice(name="EqualWeighted"), StrategyChoice(name="Blueprint")) == []


CELL = """
class Half(Strategy):
    def decide(self, see):
        return Target({{"AAPL": {share}}}, why="half")
"""

INSIDE = """
from typing import ClassVar
from strategies import Strategy, Target
from strategies.wrapped import Wrapped

class Told(Strategy):
    tables: ClassVar = {"scores": "scores.csv"}
    def decide(self, see):
        return Target({}, why="x")

class Around(Wrapped):
    of = Told()
    def decide(self, see):
        return self.asked(see)

class Beside(Strategy):
    parts: tuple[Strategy, ...] = (Told(),)
    def decide(self, see):
        return self.parts[0].decide(see)
"""


@pytest.mark.parametrize("cls", ["Told", "Around", "Beside"])
def test_tables_of_strategies_inside_count_whether_a_file_names_them_or_not(cls: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(INSIDE)
    found = set()
    for count in range(2):
        (tmp_path / "scores.csv").write_text(f"available\n2020-01-0{count + 1}\n")
        found.add(tuple(outside_code(StrategyChoice(name=f"{tmp_path / 'mine.py'}:{cls}"))))
    assert [len(each) for each in found] == [2, 2]


def test_what_a_limit_tracks_counts() -> None:
    def limited(weight: float) -> list[str]:
        module = ModuleType("prompt")
        sys.modules["prompt"], known = module, dict(REGISTRY)
        source = f"""
from strategies import Strategy, Target
class Tracked(Strategy):
    def decide(self, see):
        return Target({{"AAA": {weight}}}, why="x")
"""
        try:
            exec(source, vars(module))
            limits = LimitChoices(tracking_error={"benchmark": "Tracked"})
            return outside_code(StrategyChoice(name="EqualWeighted", limits=limits))
        finally:
            del sys.modules["prompt"]
            REGISTRY.clear()
            REGISTRY.update(known)

    assert limited(0.5) == limited(0.5)
    assert limited(0.5) != limited(0.6)


def test_a_strategy_that_cannot_be_built_has_the_code_of_its_names(folder: Path) -> None:
    (folder / "mine.py").write_text(STRATEGY.format(extra="", inside="pass"))
    assert len(outside_code(StrategyChoice(name=f"{folder / 'mine.py'}:Helped", schedule="never"))) == 1


TYPED = {
    "a parameter": ("share: float = {n}", ""),
    "a constant of the class": ("_shares = {{'AAA': {n}}}", ""),
    "the class below": ("", "class Base(Strategy):\n    def rule(self):\n        return {n}"),
    "a static method": ("@staticmethod\n    def rule():\n        return {n}", ""),
    "a property": ("@property\n    def rule(self):\n        return {n}", ""),
    "a default": ("def rule(self, of={n}):\n        return of", ""),
    "in a comprehension": ("def rule(self):\n        return [COUNT for _ in 'x']", "COUNT = {n}"),
    "a table of numbers": ("def rule(self):\n        return TABLE", "TABLE = {{'AAA': [{n}]}}"),
    "an array": ("def rule(self):\n        return TABLE", "TABLE = np.array([{n}.0])"),
    "a frame": ("def rule(self):\n        return TABLE", "TABLE = pd.DataFrame({{'w': [{n}]}})"),
    "a class": ("def rule(self):\n        return Rule", "class Rule:\n    count = {n}"),
    "an instance": (
        "def rule(self):\n        return RULE",
        "class Rule:\n    def __init__(self, n):\n        self.n = n\nRULE = Rule({n})",
    ),
}


@pytest.mark.parametrize(("inside", "before"), TYPED.values(), ids=TYPED)
def test_all_that_a_typed_class_decides_by_counts(inside: str, before: str) -> None:
    def typed(n: int) -> list[str]:
        module = ModuleType("prompt")
        sys.modules["prompt"], known = module, dict(REGISTRY)
        source = f"""
import numpy as np
import pandas as pd
from strategies import Strategy, Target
class Base(Strategy):
    pass
{before.format(n=n)}
class Mine(Base):
    {inside.format(n=n) or "pass"}
    def decide(self, see):
        return Target({{}}, why=str(self.rule()))
"""
        try:
            exec(source, vars(module))
            return outside_code(StrategyChoice(name="prompt:Mine"))
        finally:
            del sys.modules["prompt"]
            REGISTRY.clear()
            REGISTRY.update(known)

    assert typed(1) == typed(1)
    assert typed(1) != typed(2)


def test_a_class_without_a_file_is_its_code_and_what_that_refers_to() -> None:
    def typed(source: str) -> list[str]:
        module = ModuleType("prompt")
        sys.modules["prompt"] = module
        try:
            exec(source, vars(module))
            return outside_code(StrategyChoice(name="prompt:Mine"))
        finally:
            del sys.modules["prompt"]

    body = """
from strategies import Strategy, Target
COUNT = {count}
def rule():
    return {rule}
class Mine(Strategy):
    def decide(self, see):
        return Target({{}}, why=str(rule() + COUNT))
"""
    first = typed(body.format(count=1, rule=2))
    assert typed("\n\n" + body.format(count=1, rule=2)) == first
    assert typed(body.format(count=3, rule=2)) != first
    assert typed(body.format(count=1, rule=3)) != first


def test_a_cell_that_was_run_again_is_told_from_one_that_was_edited() -> None:
    def typed(share: float) -> type:
        scope: dict[str, Any] = {"__name__": "a cell", "Strategy": Strategy, "Target": Target}
        exec(CELL.format(share=share), scope)
        return scope["Half"]  # type: ignore[no-any-return]

    known = dict(REGISTRY)
    try:
        assert typed_alike(typed(0.5), typed(0.5))
        assert not typed_alike(typed(0.5), typed(0.6))
        assert not typed_alike(Blueprint, Blueprint)
    finally:
        REGISTRY.clear()
        REGISTRY.update(known)
