"""Sweeps and walk-forwards as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import backtest

RUN = """
name = "test"
market = "sample"
start = 2017-01-03
end = 2020-12-31
strategy.name = "EqualWeighted"
benchmarks = [{ name = "EqualWeighted", label = "Equal weights" }]
[sweep.parameters]
strategy.schedule = ["monthly", "quarterly"]
[walk_forward]
train_years = 1
embargo = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    return path


def test_a_sweep_says_what_was_best_and_where_its_page_is(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sweep", str(file), "--workers", "1", "--results", str(tmp_path / "results")]
    assert backtest(monkeypatch, *asked) == 0
    said = capsys.readouterr()
    assert "2 configurations, 0 failed. Best Sharpe ratio:" in said.out
    assert "Look-ahead check passed" in said.out
    assert "best so far: Sharpe ratio" in said.err
    (page,) = (tmp_path / "results").glob("*/sweep.html")
    assert str(page) in said.out


def test_a_walk_forward_says_what_came_of_its_choices(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["walk-forward", str(file), "--workers", "1", "--results", str(tmp_path / "results")]
    assert backtest(monkeypatch, *asked) == 0
    said = capsys.readouterr().out
    assert "Look-ahead check passed" in said
    (page,) = (tmp_path / "results").glob("*/walk-forward.html")
    assert str(page) in said


def test_no_worker_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "sweep", str(file), "--workers", "0") == 1
    assert "--workers 0: at least one is needed" in capsys.readouterr().err
