"""A native ``bt.Strategy`` as a run names it: no backtrader here, which the settings would import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datafeeds.names import unknown_name
from strategies.asof import AsOf
from strategies.schedule import Once
from strategies.strategy import REGISTRY, Strategy
from strategies.target import StrategyError, Target

UNCHECKED = (
    "a native backtrader strategy sends its own orders: no second engine can recompute its books, "
    "and whether it looks ahead can't be checked"
)
"""What a reader of its results must know."""


class NativeStrategy(Strategy):
    """A backtrader strategy, run on the event engine by backtrader's own broker.

    Attributes
    ----------
    name : str
        Where its class is: ``"path/to/file.py:Class"`` or ``"package.module:Class"``.
    symbols : tuple of str
        Symbols that it is fed, in this order; every stock and fund with a price at the first session if not
        given.
    settings : mapping
        Its ``params``.
    """

    schedule = Once()
    name: str = ""
    symbols: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}

    @classmethod
    def made(cls, name: str, native: type[Any], given: Mapping[str, Any]) -> NativeStrategy:
        """Take what a run file gives `native`, the class of that name: `symbols` and its own ``params``."""
        settings = {key: value for key, value in given.items() if key != "symbols"}
        known = native.params._getkeys()
        for key in ("strategy", "symbols"):  # which backtrader, and the house, take for something else
            if key in given and key in known:
                raise StrategyError(f"strategy {name}: its parameter {key} can't be given; call it otherwise")
        for key in settings:
            if key not in known:
                raise StrategyError(unknown_name("parameter", key, known, f"strategy {name}"))
        return cls(name=name, symbols=given.get("symbols", ()), settings=settings)

    def decide(self, see: AsOf) -> Target | None:
        """A native strategy asks for no targets."""
        raise StrategyError(f"{self.name} is a native backtrader strategy: it runs on the event engine only")


del REGISTRY["NativeStrategy"]  # it is found by its path, not by name
