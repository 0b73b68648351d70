"""Compiled code from disk is loaded without all that Numba can compile, and compiled where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from tests.places import HOUSE

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")

PROGRAM = """
import sys
import numba
import numpy as np
from backtests.engine import compiled, compiled_margin
from backtests.engine.kernel import warm_up
loop = {"True": compiled.advance, "False": compiled_margin.advance}[sys.argv[1]]
warm_up(long_only=sys.argv[1] == "True")
hits, misses = (sum(counts.values()) for counts in (loop.stats.cache_hits, loop.stats.cache_misses))
print(hits, misses, "numba.np.arraymath" in sys.modules)
print(numba.njit(lambda values: np.dot(values, values))(np.ones(2)))
"""


def loaded(long_only: bool, **more: str) -> list[str]:
    """Hits, misses, whether all was registered, and what other code computes that is compiled after it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(long_only)],
        cwd=HOUSE,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("long_only", [True, False], ids=["cash", "margin"])
def test_code_that_is_kept_is_loaded_lightly(long_only: bool) -> None:
    loaded(long_only)  # compiles it where it is not kept yet
    assert loaded(long_only) == ["1", "0", "False", "2.0"]


@pytest.mark.slow
def test_code_that_is_not_kept_is_compiled(tmp_path: Path) -> None:
    assert loaded(True, NUMBA_CACHE_DIR=str(tmp_path)) == ["0", "1", "True", "2.0"]
    assert loaded(True, NUMBA_CACHE_DIR=str(tmp_path)) == ["1", "0", "False", "2.0"]
