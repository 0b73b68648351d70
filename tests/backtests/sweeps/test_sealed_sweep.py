"""What a strategy keeps from one configuration to the next is found, in a sweep and in a walk-forward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backtests.settings.run_file import RunConfig, parse
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.walk_forward import walk_forward

STRONG = '''
from strategies import AsOf, Strategy, Target

class Memory:
    """A cache of closes, for speed."""
    latest = None

class Strong(Strategy):
    """Hold the strongest stock."""

    days: int = 21

    def decide(self, see: AsOf) -> Target | None:
        names = see.members(kind="stock")
        {keep}
        growth = (closes.iloc[-1] / closes.iloc[0]).dropna()
        return Target({{str(growth.idxmax()): 1.0}}, why="strong") if len(growth) else None
'''

HONEST = "closes = see.closes(self.days, symbols=names)"

LEAKING = """if Memory.latest is None or see.today > Memory.latest.index[-1]:
            Memory.latest = see.closes(6000, symbols=names)
        closes = Memory.latest.iloc[-self.days:]"""

ON_THE_CLASS = """type(self).last = max(getattr(type(self), "last", see.today), see.today)
        closes = see.closes(self.days + 7 * (see.today < self.last), symbols=names)"""


def config(folder: Path, keep: str, **more: Any) -> RunConfig:
    (folder / "strong.py").write_text(STRONG.format(keep=keep))
    document = {
        "name": "strong",
        "start": "2020-06-01",
        "strategy": {"name": f"{folder / 'strong.py'}:Strong"},
        "sweep": {"parameters": {"strategy.days": [21, 63, 126]}},
        **more,
    }
    return parse(document, "test")


@pytest.mark.parametrize(
    ("keep", "passed"),
    [(HONEST, True), pytest.param(LEAKING, False, marks=pytest.mark.slow), (ON_THE_CLASS, False)],
)
def test_the_best_of_a_sweep_are_run_again(keep: str, passed: bool, tmp_path: Path) -> None:
    done = sweep(config(tmp_path, keep), Workplace(tmp_path / "results", check=True))
    said = done.manifest["lookahead"]
    assert said["passed"] is passed
    assert len(said["configurations"]) == 3
    page = (done.folder / "sweep.html").read_text()
    assert ("Look-ahead check FAILED" in page) is not passed


def test_a_whole_sweep_that_was_never_checked_is_checked_once(tmp_path: Path) -> None:
    swept, results = config(tmp_path, ON_THE_CLASS), tmp_path / "results"
    unchecked = sweep(swept, Workplace(results))
    assert "lookahead" not in unchecked.manifest
    done = sweep(swept, Workplace(results, check=True))
    assert (done.folder, done.manifest["lookahead"]["passed"]) == (unchecked.folder, False)
    assert done.manifest["trials"]["count"] == unchecked.manifest["trials"]["count"]
    assert "Look-ahead check FAILED" in (done.folder / "sweep.html").read_text()
    assert "LOOK-AHEAD CHECK FAILED: strong-sweep-" in (results / "index.html").read_text()
    written = (done.folder / "manifest.json").read_bytes()
    for check in (True, False):
        again = sweep(swept, Workplace(results, check=check))
        assert again.manifest["lookahead"] == done.manifest["lookahead"]
        assert (done.folder / "manifest.json").read_bytes() == written


@pytest.mark.slow
def test_so_is_what_a_walk_forward_follows(tmp_path: Path) -> None:
    windows = {"walk_forward": {"train_years": 1, "test_years": 1}}
    found = walk_forward(config(tmp_path, LEAKING, **windows), Workplace(tmp_path / "results", check=True))
    assert found.lookahead["passed"] is False
    assert set(found.lookahead["configurations"]) == set(found.chosen)
