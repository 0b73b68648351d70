"""Compiled code that is on disk is loaded without what only compiling needs.

Before it looks on disk, Numba imports and registers all that it can compile, SciPy's linear algebra too: that
takes 0.3 seconds, ten times as long as loading. It does the same before it compiles, and is left to it.
"""

from __future__ import annotations

from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

USED = ("_guard_against_spurious_io_errors", "_load_overload")
"""What is used of Numba that it does not document: without them everything is loaded its own way."""


class KeptCode(FunctionCache):
    """Numba's cache of one function, but for that."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function; None where it is not on disk, or is of other code or another Numba."""
        rtsys.initialize(target_context)  # compiled code calls it for the memory of arrays
        cache: Any = super()
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(sig, target_context)


def load_lightly(function: Any) -> None:
    """Let a compiled function be loaded so; one that can't be kept on disk stays as it is."""
    cache = getattr(function, "_cache", None)
    if type(cache) is FunctionCache and all(hasattr(cache, name) for name in USED):
        cache.__class__ = KeptCode
