"""Compiling the kernel beside a run, once an installation: it takes seconds that nobody needs to wait for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).parent
SOURCES = (ENGINE / "compiled.py", ENGINE / "rules.py", ENGINE.parent / "options" / "overlay.py")
"""Files whose code is compiled into the kernel."""


def is_kept() -> bool:
    """Whether compiled code of the present sources is on disk, where Numba looks first."""
    kept = [file.stat().st_mtime for file in (ENGINE / "__pycache__").glob("compiled.*.nbi")]
    return bool(kept) and max(kept) >= max(file.stat().st_mtime for file in SOURCES)


def begin() -> subprocess.Popen[bytes] | None:
    """Start compiling in a process of its own, which keeps the code on disk; None if that is done already.

    Whoever needs the kernel waits for it; if it fails the kernel is compiled where it is used.
    """
    if is_kept():
        return None
    program = "from backtests.engine.kernel import warm_up; warm_up()"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ENGINE.parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
