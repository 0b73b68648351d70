"""Ctrl-C while something is imported: status 130, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = (
    # Whoever runs the tests in the background may have had it ignored.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from backtests.cli import main; main()"
)

HIT = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    sum(range(100))\n"
"""A module that is interrupted while it is imported."""


def _run(folder: Path, *arguments: str) -> tuple[int, str]:
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    ran = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return ran.returncode, ran.stderr


def test_while_the_command_line_is_imported(tmp_path: Path) -> None:
    text = (
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nfinally:\n    raise ImportError\n"
    )
    (tmp_path / "typer.py").write_text(text, encoding="utf-8")
    assert _run(tmp_path, "list") == (130, "")


def test_while_a_library_is_imported_that_swallows_it(tmp_path: Path) -> None:
    """As the compiled parts of pandas and NumPy do."""
    (tmp_path / "library_of_ours.py").write_text(f"{HIT}except BaseException:\n    pass\n", encoding="utf-8")
    (tmp_path / "s.py").write_text(
        "import library_of_ours\nfrom strategies import Strategy, Target\n\n\n"
        'class Held(Strategy):\n    """Holds."""\n\n'
        '    def decide(self, see):\n        return Target({"MSFT": 1.0}, why="held")\n',
        encoding="utf-8",
    )
    status, error = _run(tmp_path, "run", "blueprint", "--strategy", "s.py:Held", "--no-verify")
    assert status == 130
    assert "Traceback" not in error


def test_an_import_that_never_ends_is_interrupted_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n", encoding="utf-8"
    )
    status, error = _run(tmp_path, "run", "blueprint", "--strategy", "s.py:Held", "--no-verify")
    assert status == 130
    assert "Traceback" not in error


def test_the_end_of_a_command_imports_nothing(tmp_path: Path) -> None:
    """An end is told from one that an author's code asked for, which must not take a second."""
    code = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {PROGRAM}"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0
    assert not {"numpy", "pandas", "strategies"} & {*ran.stdout.split()}
