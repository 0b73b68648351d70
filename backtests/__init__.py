"""Running decisions against a market, and judging the outcome.

>>> from backtests import run
>>> result = run("blueprint")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtests.notebook import run as run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import `run` when it is first asked for."""
    if name == "run":
        # Takes a second, which the command line starts without.
        from backtests.notebook import run

        return run
    raise AttributeError(f"module 'backtests' has no attribute {name!r}")
