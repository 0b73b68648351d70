"""Running decisions against a market, and judging the outcome.

>>> from backtests import Market, run
>>> result = run("blueprint")  # doctest: +SKIP
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # without `typing`: the command line begins here, and handles Ctrl-C only after this
    from typing import Any

    from backtests.notebook import Market as Market
    from backtests.notebook import run as run

__all__ = ["Market", "run"]


def __getattr__(name: str) -> Any:
    """Import `run` and `Market` when they are first asked for."""
    if name in __all__:
        # Takes a second, which the command line starts without.
        from backtests import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'backtests' has no attribute {name!r}")
