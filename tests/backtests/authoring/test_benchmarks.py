"""Benchmarks of somebody's own class are made to decide again; those of the program are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backtests.authoring.sealed.code import SHIPPED, are_shipped
from backtests.settings.strategies import class_named
from strategies import BuyAndHold, CapWeighted, Hedged
from strategies.examples.risk_parity import RiskParity
from tests.command import backtest

STRAW = """import numpy as np
import strategies.asof
from strategies import Strategy, Target


class Straw(Strategy):
    \"\"\"Reads the future in order to lose.\"\"\"

    def decide(self, see):
        moment = strategies.asof._MOMENTS[see]
        market, at = moment.market, moment.at
        stocks = sorted(see.members(kind="stock"))
        columns = [market.column[each] for each in stocks]
        ahead = min(at + 21, len(market.mark) - 1)
        worst = np.nanargmin(market.mark[ahead, columns] / market.mark[at, columns])
        return Target({stocks[int(worst)]: 1.0}, why="broad")


class Plain(Strategy):
    \"\"\"Holds one stock.\"\"\"

    def decide(self, see):
        return Target({"KO": 1.0}, why="one")
"""

NATIVE = """import backtrader as bt


class Idle(bt.Strategy):
    \"\"\"Does nothing.\"\"\"
"""

RUN = """name = "bench"
market = "sample"
start = 2016-01-04
end = 2016-12-30
[strategy]
name = "EqualWeighted"
[[benchmarks]]
label = "Broad market"
"""


def _run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], benchmark: str
) -> tuple[int, str, dict[str, Any], str]:
    """Exit status, what is printed, the manifest and the page."""
    monkeypatch.chdir(folder)
    (folder / "straw.py").write_text(STRAW, encoding="utf-8")
    (folder / "idle.py").write_text(NATIVE, encoding="utf-8")
    (folder / "run.toml").write_text(RUN + benchmark, encoding="utf-8")
    status = backtest(monkeypatch, "run", "run.toml", "--no-verify")
    (place,) = folder.glob("results/bench-*")
    page = (place / "tearsheet.html").read_text(encoding="utf-8")
    printed = " ".join(capsys.readouterr().out.split())
    return status, printed, json.loads((place / "manifest.json").read_text(encoding="utf-8")), page


@pytest.mark.parametrize(
    "benchmark",
    [
        'name = "straw.py:Straw"\n',
        'name = "straw.py:Straw"\n[benchmarks.limits.turnover]\nmost = 1.0\n',
    ],
)
def test_one_that_reads_the_future_is_told(
    benchmark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, manifest, page = _run(tmp_path, monkeypatch, capsys, benchmark)
    assert status == 3
    assert not manifest["lookahead"]["passed"]
    assert manifest["lookahead"]["benchmarks"]["Broad market"]["passed"] is False
    assert "Look-ahead check FAILED: the benchmark Broad market, later data absent" in printed
    for text in (printed, page):
        assert "what is compared with it proves nothing about the strategy" in text


def test_an_honest_one_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, manifest, page = _run(tmp_path, monkeypatch, capsys, 'name = "straw.py:Plain"\n')
    assert status == 0
    said = manifest["lookahead"]["benchmarks"]["Broad market"]
    assert said["passed"]
    assert said["sampled"] == said["decisions"]
    assert "decisions of the benchmark Broad market, none changed." in printed
    assert "proves nothing" not in page


def test_a_native_one_of_somebody_s_own_can_t_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, manifest, page = _run(tmp_path, monkeypatch, capsys, 'name = "idle.py:Idle"\n')
    assert status == 0
    assert manifest["lookahead"]["benchmarks"] == {"Broad market": {"passed": None}}
    for text in (printed, page):
        assert "proves nothing about the strategy" in text


def test_those_of_the_program_are_left_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, manifest, _ = _run(tmp_path, monkeypatch, capsys, 'name = "BuyAndHold"\nsymbols = ["KO"]\n')
    assert "benchmarks" not in manifest["lookahead"]


def test_what_comes_with_the_program() -> None:
    root = Path(__file__).parents[3]
    for module in SHIPPED:
        path = root / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    assert are_shipped([BuyAndHold, CapWeighted, Hedged])
    assert not are_shipped([BuyAndHold, RiskParity])  # it might have been written beside them
    assert class_named("BuyAndHold") is BuyAndHold
