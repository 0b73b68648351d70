"""A strategy that fails: one paragraph with class, session, file and line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import backtest

FAILING = """from strategies import Strategy


class Failing(Strategy):
    \"\"\"Fails.\"\"\"

    def decide(self, see):
        {line}
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise RuntimeError('one [/red]\\ntwo')", "RuntimeError: one [/red] two"),
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_one_paragraph(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(FAILING.format(line=line), encoding="utf-8")
    run = 'name = "x"\nmarket = "sample"\n[strategy]\nname = "s.py:Failing"\n'
    (tmp_path / "run.toml").write_text(run, encoding="utf-8")
    for asked in ((), ("--traceback",)):
        assert backtest(monkeypatch, "run", "run.toml", "--no-verify", *asked) == 1
        error = capsys.readouterr().err
        assert ("Traceback" in error) == bool(asked)
        (sentence,) = [text for text in error.splitlines() if text.startswith("error: ")]
        for part in ("Failing.decide failed on 1990-01-02 at", "s.py, line 8", said):
            assert part in sentence
    assert not (tmp_path / "results").exists()


OWN_CODE = """import numpy as np
from typing import Annotated
from pydantic import AfterValidator
from strategies import Exhibit, Scenario, Schedule, Strategy, Target


class Stop(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def fails(value):
    raise KeyError("here")


class Days(Schedule):
    def decides(self, sessions, next_session):
        {days}


class Failing(Strategy):
    \"\"\"Fails.\"\"\"

    {body}

    def decide(self, see):
        return Target({{see.members()[0]: 1.0}}, why="one")
"""

HOOK = "def {}(self, *given):\n        {}"

FAILS = {
    "check": (HOOK.format("check", "{}['missing']"), "s.py, line 29: KeyError: 'missing'"),
    "check ends": (HOOK.format("check", "raise SystemExit(0)"), "s.py, line 29: SystemExit: 0"),
    "check stops": (HOOK.format("check", "raise Stop"), "s.py, line 29: Stop"),
    "check is mute": (HOOK.format("check", "raise Mute"), "s.py, line 29: Mute"),
    "validator": ("n: Annotated[int, AfterValidator(fails)] = 1", "s.py, line 17: KeyError: 'here'"),
    "made": ("def __init__(self, **given):\n        fails(1)", "s.py, line 17: KeyError: 'here'"),
    "made of another": ("def __new__(cls, **given):\n        return 5", "Failing makes int of itself"),
    "repr": ("def __repr__(self):\n        fails(1)", "Failing.__repr__ failed at"),
    "property": ("long_only = property(fails)", "s.py, line 17: KeyError: 'here'"),
    "no truth": ("long_only = np.ones(2)", "Failing.long_only must be True or False"),
    "no tables": ("tables = 5", "Failing.tables = int: it must map names to files"),
    "exhibits": (HOOK.format("exhibits", "fails(1)"), "Failing.exhibits failed at"),
    "exhibits ends": (HOOK.format("exhibits", "raise SystemExit(0)"), "s.py, line 29: SystemExit: 0"),
    "numbers": (HOOK.format("exhibits", "return (1, 2)"), "Failing.exhibits at"),
    "words": (HOOK.format("exhibits", "return (Exhibit(5, None),)"), "Exhibit: title is int; it must be str"),
    "lists": (HOOK.format("exhibits", "return [Exhibit('a', 'b', {'x': [1]})]"), "must be a Series"),
    "limits": (HOOK.format("limits", "return 5"), "Failing.limits at"),
    "limits late": (HOOK.format("limits", "yield fails(1)"), "Failing.limits failed at"),
    "a sentence": (HOOK.format("limits", "return 'abc'"), "gave str; it must give a tuple of sentences"),
    "scenarios": (HOOK.format("scenarios", "return ('a',)"), "Failing.scenarios at"),
    "shock": (HOOK.format("scenarios", "return [Scenario('a', {'AMD': 'x'})]"), "shock of AMD is x"),
    "leaders": (HOOK.format("leaders", "raise OSError('x')"), "Failing.leaders failed at"),
    "leader": (HOOK.format("leaders", "return {'banks': 'financials'}"), "Failing.leaders at"),
}


def _own_code(folder: Path, body: str, days: str = "return np.ones(len(sessions), bool)") -> None:
    text = OWN_CODE.replace("{days}", days).replace("{body}", body).replace("{{", "{").replace("}}", "}")
    (folder / "s.py").write_text(text, encoding="utf-8")
    run = 'name = "x"\nmarket = "sample"\nstart = 2016-01-04\nend = 2016-06-30\n'
    run += '[strategy]\nname = "s.py:Failing"\n'
    (folder / "run.toml").write_text(run, encoding="utf-8")


def _refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *asked: str) -> str:
    """The paragraph with which a command was refused, and nothing else."""
    assert backtest(monkeypatch, *asked) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("name", FAILS)
def test_whatever_the_author_s_code_raises_is_one_paragraph(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    body, said = FAILS[name]
    _own_code(tmp_path, body)
    error = _refused(monkeypatch, capsys, "run", "run.toml", "--no-verify")
    assert said in error
    assert "Failing" in error or "s.py" in error
    assert not list(tmp_path.glob("results/x-*"))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ("raise RuntimeError('boom')", "Days.decides failed at"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("return np.ones(3, bool)", "gave bool of shape (3,)"),
        ("return np.ones(len(sessions))", "gave float64 of shape"),
        ("return ['a'] * len(sessions)", "must give a truth value for each session"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check-strategy"])
def test_a_schedule_that_fails(
    days: str,
    said: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _own_code(tmp_path, "schedule = Days()", days)
    if command == "run":
        assert said in _refused(monkeypatch, capsys, command, "run.toml", "--no-verify")
    else:
        assert backtest(monkeypatch, command, "run.toml") == 3
        assert "Failing: Days.decides" in " ".join(capsys.readouterr().out.split())


def test_a_check_that_would_end_the_program_is_told_by_check_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _own_code(tmp_path, FAILS["check ends"][0])
    assert "s.py, line 29: SystemExit: 0" in _refused(monkeypatch, capsys, "check-strategy", "run.toml")


def test_what_a_benchmark_raises_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _own_code(tmp_path, FAILS["check ends"][0])
    run = (tmp_path / "run.toml").read_text(encoding="utf-8")
    run = run.replace("s.py:Failing", "BuyAndHold") + '[[benchmarks]]\nname = "s.py:Failing"\n'
    (tmp_path / "run.toml").write_text(run, encoding="utf-8")
    error = _refused(monkeypatch, capsys, "run", "run.toml", "--no-verify")
    assert "[benchmarks[0]] Failing, when it was made, failed at" in error


def test_a_strategy_with_a_schedule_of_its_own_reaches_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _own_code(tmp_path, "schedule = Days()")
    run = (tmp_path / "run.toml").read_text(encoding="utf-8")
    (tmp_path / "run.toml").write_text(run + "[sweep.parameters]\ncapital = [1e5, 1e6]\n", encoding="utf-8")
    assert backtest(monkeypatch, "sweep", "run.toml", "--workers", "2") == 0


def test_what_stands_for_the_program_s_own_is_named(tmp_path: Path) -> None:
    """In a process of its own: it changes the program."""
    text = (
        "from strategies import AsOf\n\n\ndef opened(self, market):\n    pass\n\n\nAsOf.__init__ = opened\n"
    )
    (tmp_path / "s.py").write_text(text + FAILING.format(line="return None"), encoding="utf-8")
    for command in (["run", "blueprint", "--no-verify", "--strategy"], ["check-strategy"]):
        ran = subprocess.run(
            [sys.executable, "-c", "from backtests.cli import main; main()", *command, "s.py:Failing"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
        )
        assert ran.returncode in (1, 3)
        assert "Traceback" not in ran.stderr
        said = " ".join((ran.stdout + ran.stderr).split())
        for part in ("Failing.decide failed on", "s.py, line 4", "AsOf.__init__"):
            assert part in said or command == ["check-strategy"]
