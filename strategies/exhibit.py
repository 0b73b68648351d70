"""What a strategy may add to its own tearsheet, as plain data: charts, scenarios, and what to tell apart.

`Strategy.exhibits`, `Strategy.scenarios` and `Strategy.leaders` return it; the tearsheet draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from strategies.target import StrategyError


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A chart of a strategy's own, a section of its tearsheet.

    Attributes
    ----------
    title : str
        Heading of the section.
    series : mapping of str to Series
        Lines by label, each indexed by session; the first is drawn strongest. Empty where there is nothing
        to draw: the section then consists of `text`.
    caption : str
        What the chart shows, and in which unit.
    text : str
        What a reader who can't see it must know.
    unit : {"number", "percent"}
    log : bool
        Whether the vertical axis is logarithmic.
    marks : DatetimeIndex
        Sessions marked on the first line.
    mark : str
        What the marks are.
    """

    title: str
    text: str
    series: Mapping[str, pd.Series[float]] = field(default_factory=dict)
    caption: str = ""
    unit: Literal["number", "percent"] = "number"
    log: bool = False
    marks: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))
    mark: str = ""


@dataclass(frozen=True)
class Scenario:
    """Returns of one shock to apply to a portfolio.

    Attributes
    ----------
    name : str
    symbols : mapping of str to float
        Shock by symbol; goes before its group's.
    groups : mapping of str to float
        Shock by group.
    rest : float
        Shock of a symbol in neither. Cash is never shocked.
    notes : tuple of str
        Where each number comes from and what is disputed.
    """

    name: str
    symbols: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, float] = field(default_factory=dict)
    rest: float = 0.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", MappingProxyType(dict(self.symbols)))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))
        for key, shock in (*self.symbols.items(), *self.groups.items(), ("rest", self.rest)):
            if not np.isfinite(shock) or shock < -1:
                raise StrategyError(
                    f"scenario {self.name!r}: shock of {key} is {shock}; it must be -1 or more"
                )
