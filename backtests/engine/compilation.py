"""Compiling the kernel beside a run, once an installation: it takes seconds that nobody needs to wait for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENGINE = Path(__file__).parent


@dataclass(frozen=True)
class Loop:
    """A compiled loop.

    Attributes
    ----------
    module : str
        Where it stands in this folder, and after which Numba names what it keeps.
    sources : tuple of Path
        Files whose code is compiled into it.
    warm_up : str
        What makes it be compiled.
    """

    module: str
    sources: tuple[Path, ...]
    warm_up: str


_SHARED = (ENGINE / "compiled.py", ENGINE / "rules.py")

CASH = Loop("compiled", (*_SHARED, ENGINE.parent / "options" / "overlay.py"), "warm_up(long_only=True)")
MARGIN = Loop("compiled_margin", (*_SHARED, ENGINE / "compiled_margin.py"), "warm_up(long_only=False)")
"""Loops of the two kinds of account; one on margin has no options."""


def is_kept(loop: Loop) -> bool:
    """Whether compiled code of the present sources is on disk, where Numba looks first."""
    kept = [file.stat().st_mtime for file in _kept(loop.module)]
    return bool(kept) and max(kept) >= max(file.stat().st_mtime for file in loop.sources)


def renew(module: str) -> None:
    """Date what is kept of a loop to now: Numba leaves it as it is where sources were only written again."""
    for file in _kept(module):
        file.touch()


def _kept(module: str) -> list[Path]:
    return list((ENGINE / "__pycache__").glob(f"{module}.*.nbi"))


def begin(loop: Loop) -> subprocess.Popen[bytes] | None:
    """Start compiling in a process of its own, which keeps the code on disk; None if that is done already.

    Whoever needs the loop waits for it; if it fails the loop is compiled where it is used.
    """
    if is_kept(loop):
        return None
    program = (
        f"from backtests.engine.kernel import warm_up; {loop.warm_up}; "
        f"from backtests.engine.compilation import renew; renew({loop.module!r})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ENGINE.parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
