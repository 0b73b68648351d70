"""A strategy that fails: one paragraph with class, session, file and line."""

from __future__ import annotations

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
