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

Unit = Literal["text", "percent", "percent2", "signed", "number", "points", "integer"]
"""How a column of a `Listing` is written: ``percent`` with one decimal, ``percent2`` with two, ``signed`` and
``points`` with their sign."""


@dataclass(frozen=True)
class Listing:
    """A table of a strategy's own.

    Attributes
    ----------
    caption : str
    columns : tuple of (str, Unit)
        Label and unit of each; the first names the row.
    rows : tuple of tuple
        A word or number a column, the most important row first: page one may show the first few alone.
    note : str
        What a reader must know to read it.

    Raises
    ------
    StrategyError
        If a row has not as many cells as there are columns.
    """

    caption: str
    columns: tuple[tuple[str, Unit], ...]
    rows: tuple[tuple[str | float, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise StrategyError(
                    f"exhibit table {self.caption!r}: row {row} has {len(row)} cells for "
                    f"{len(self.columns)} columns"
                )


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A chart or table of a strategy's own; those of one title in a row are one section of its tearsheet.

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
    shaded : tuple of (Timestamp, Timestamp)
        First and last day of each stretch that is shaded behind the lines.
    shade : str
        What the shaded stretches are.
    table : Listing or None
        Stands below the text.
    first : bool
        Whether text and table stand on page one and in the terminal too.
    looked_up : bool
        Whether it is for looking up, not for reading: folded on screen, an appendix on paper.
    """

    title: str
    text: str
    series: Mapping[str, pd.Series[float]] = field(default_factory=dict)
    caption: str = ""
    unit: Literal["number", "percent"] = "number"
    log: bool = False
    marks: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))
    mark: str = ""
    shaded: tuple[tuple[pd.Timestamp, pd.Timestamp], ...] = ()
    shade: str = ""
    table: Listing | None = None
    first: bool = False
    looked_up: bool = False


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
