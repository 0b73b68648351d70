"""Compiled code from disk is loaded without all that numba can compile, and compiled where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import HOUSE

PROGRAM = """
import sys
from backtests.engine import compiled, compiled_margin, second_opinion
from backtests.engine.kernel import warm_up
loop = {"True": compiled.advance, "False": compiled_margin.advance}[sys.argv[1]]
second_opinion.engine_named("ledger")
warm_up(long_only=sys.argv[1] == "True")
hits, misses = (sum(counts.values()) for counts in (loop.stats.cache_hits, loop.stats.cache_misses))
print(hits, misses, "numba.np.arraymath" in sys.modules)
"""


def loaded(long_only: bool) -> list[str]:
    """Hits, misses, and whether everything was registered, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(long_only)], cwd=HOUSE, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("long_only", [True, False], ids=["cash", "margin"])
def test_code_that_is_kept_is_loaded_lightly(long_only: bool) -> None:
    loaded(long_only)  # compiles it where it is not kept yet
    assert loaded(long_only) == ["1", "0", "False"]
