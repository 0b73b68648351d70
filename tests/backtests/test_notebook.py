"""Runs from Python: what is asked for is what is run, or it is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from backtests.notebook import run
from backtests.settings.strategies import build, class_named, registered
from backtests.tearsheet.sections.summary import limits_of
from strategies import REGISTRY, Blueprint, EqualWeighted, Strategy, StrategyError, Target, TurnoverLimit
from strategies.strategy import _TAKEN

CELL = """
class {name}(Strategy):
    {inside}
    def decide(self, see):
        return Target({{"{symbol}": 0.5}}, why="held")
"""
SHORT: dict[str, Any] = {"start": "2019-01-03", "end": "2019-03-29", "benchmarks": ()}


@pytest.fixture(autouse=True)
def names() -> Iterator[None]:
    registered()  # whatever a test imports of the house stays
    kept = [(whole, dict(whole)) for whole in (REGISTRY, _TAKEN)]
    yield
    for whole, before in kept:
        whole.clear()
        whole.update(before)


def cell(name: str, symbol: str = "AAPL", inside: str = "", home: str = "a_notebook") -> type[Strategy]:
    """The class that a notebook's cell defines."""
    scope: dict[str, Any] = {"__name__": home, "Strategy": Strategy, "Target": Target}
    exec(CELL.format(name=name, symbol=symbol, inside=inside or "pass"), scope)
    return scope[name]  # type: ignore[no-any-return]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_notebook", ModuleType("a_notebook"))


@pytest.mark.usefixtures("notebook")
def test_an_instance_of_a_class_that_was_defined_anew_is_refused() -> None:
    first = cell("Held")()
    cell("Held")
    assert set(next(iter(run(strategy=first, **SHORT).targets.values())).weights) == {"AAPL"}
    second = cell("Held", "MSFT")()
    with pytest.raises(StrategyError, match=r"Held now means a class of a_notebook.*make the strategy anew"):
        run(strategy=first, **SHORT)
    assert set(next(iter(run(strategy=second, **SHORT).targets.values())).weights) == {"MSFT"}


@pytest.mark.usefixtures("notebook")
def test_a_parameter_that_the_table_takes_for_its_own_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"Held.name: \[strategy\] means something else by it"):
        run(strategy=cell("Held", inside="name: str = 'CapWeighted'")(), **SHORT)


def test_a_class_outside_the_house_does_not_take_the_name_of_one_in_it() -> None:
    with pytest.raises(StrategyError, match=r"Blueprint is a strategy of the house \(strategies.blueprint\)"):
        cell("Blueprint", home="__main__")
    assert class_named("Blueprint") is Blueprint
    mine = cell("Blueprint", home="a_module")
    assert REGISTRY["Blueprint"] is Blueprint
    for ask in (lambda: class_named("Blueprint"), lambda: run(strategy=mine(), **SHORT)):
        with pytest.raises(StrategyError, match="the class of this name in a_module needs another one"):
            ask()


def test_a_file_or_a_module_may_call_its_class_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from strategies import Strategy, Target\n" + CELL.format(
        name="Blueprint", symbol="GE", inside="pass"
    )
    (tmp_path / "of_mine.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (f"{tmp_path / 'of_mine.py'}:Blueprint", "of_mine:Blueprint"):
        assert build(name, {}).decide(None).weights == {"GE": 0.5}  # type: ignore[arg-type, union-attr]
    assert class_named("Blueprint") is Blueprint


def test_a_table_that_is_given_changes_its_keys_and_leaves_the_others(tmp_path: Any) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\n[strategy]\nname = 'Blueprint'\nnorm_years = 7\nlimits.turnover.most = 0.1\n"
        "[costs]\nimpact = 0.5\ncommission_bps = 2"
    )
    ran = run(file, costs={"commission_bps": 5}, strategy="EqualWeighted", **SHORT)
    assert (ran.config.costs.impact, ran.config.costs.commission_bps) == (0.5, 5.0)
    assert ran.book.strategy == TurnoverLimit(EqualWeighted(), most=0.1)


def test_what_is_set_and_changes_nothing_is_on_page_one_and_the_rest_is_silent(tmp_path: Any) -> None:
    quiet = run("blueprint", **SHORT)
    assert quiet.manifest["unread"] == []
    said = run(
        "hedged_sample",
        strategy=Blueprint(realign_z=1.0),
        hedge=None,
        costs={"participation_volume": "session", "borrow_rate": 0.1},
        margin={"initial_short": 1.0},
        start="2015-01-02",
        end="2015-03-31",
        benchmarks=(),
    )
    keys = ("Blueprint.realign_z", "costs.participation_volume", "costs.borrow_rate", "[margin]", "[overlay]")
    assert [each.partition(" ")[0] for each in said.manifest["unread"]] == list(keys)
    assert set(said.manifest["unread"]) <= set(limits_of(said))
    short = run(strategy="HardwareShort", costs={"borrow_rate": 0.1}, margin={"initial_short": 1.0}, **SHORT)
    assert short.manifest["unread"] == []


def test_what_a_file_imports_of_the_house_keeps_its_name(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(REGISTRY, "HardwareShort")
    monkeypatch.delitem(sys.modules, "strategies.examples.hardware_short")
    (tmp_path / "of_mine.py").write_text(
        "from strategies.examples.hardware_short import HardwareShort\nclass Mine(HardwareShort):\n    pass\n"
    )
    build(f"{tmp_path / 'of_mine.py'}:Mine", {})
    assert "Mine" not in REGISTRY
    assert class_named("HardwareShort").__module__ == "strategies.examples.hardware_short"
