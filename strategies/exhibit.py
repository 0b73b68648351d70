"""What a strategy may add to its own tearsheet, as plain data: charts, scenarios, and what to tell apart.

`Strategy.exhibits`, `Strategy.scenarios` and `Strategy.leaders` return it; the tearsheet draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from strategies.target import StrategyError

Unit = Literal["text", "percent", "percent2", "signed", "number", "points", "integer"]
"""How a column of a `Listing` is written: ``percent`` with one decimal, ``percent2`` with two, ``signed`` and
``points`` with their sign."""

UNITS: tuple[str, ...] = get_args(Unit)

CELL = (str, Real, np.bool_, np.datetime64, pd.Timestamp, type(None))
"""What a cell of a `Listing` may hold."""


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
        If a row has not as many cells as there are columns, or a cell is no word or number.
    """

    caption: str
    columns: tuple[tuple[str, Unit], ...]
    rows: tuple[tuple[str | float, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        _refuse_other(self, ("caption", "note"), str)
        for label, unit in self.columns:
            if not isinstance(label, str) or unit not in UNITS:
                raise StrategyError(
                    f"exhibit table {self.caption!r}: a column is its label and one of {', '.join(UNITS)}, "
                    f"not {label!r} and {unit!r}"
                )
        for row in self.rows:
            if len(row) != len(self.columns):
                raise StrategyError(
                    f"exhibit table {self.caption!r}: row {row} has {len(row)} cells for "
                    f"{len(self.columns)} columns"
                )
            for cell, (label, unit) in zip(row, self.columns, strict=True):
                if not isinstance(cell, CELL):
                    raise StrategyError(
                        f"exhibit table {self.caption!r}, column {label!r}: {type(cell).__name__} can't be "
                        f"written as {unit}; give a word or a number"
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

    def __post_init__(self) -> None:
        _refuse_other(self, ("title", "text", "caption", "mark", "shade"), str)
        _refuse_other(self, ("series",), Mapping)
        _refuse_other(self, ("table",), (Listing, type(None)))
        _refuse_other(self, ("marks",), pd.DatetimeIndex)
        if self.unit not in ("number", "percent"):
            raise StrategyError(f"exhibit {self.title!r}: unit is {self.unit!r}; write number or percent")
        for label, line in self.series.items():
            if not (isinstance(label, str) and isinstance(line, pd.Series) and _is_drawn(line)):
                raise StrategyError(
                    f"exhibit {self.title!r}, line {label!r}: it must be a Series of numbers by session"
                )
        if self.series and len(self.marks) and not next(iter(self.series.values())).index.is_unique:
            raise StrategyError(f"exhibit {self.title!r}: the first line has a session twice, so no marks")
        for days in self.shaded:
            if not (len(days) == 2 and all(isinstance(day, pd.Timestamp) for day in days)):
                raise StrategyError(
                    f"exhibit {self.title!r}: shaded holds {days!r}; write pairs of first and last Timestamp"
                )


def _is_drawn(line: pd.Series[Any]) -> bool:
    dated = isinstance(line.index, pd.DatetimeIndex)
    return line.empty or (dated and bool(pd.api.types.is_numeric_dtype(line.dtype)))


def _refuse_other(owner: Any, names: tuple[str, ...], kind: Any) -> None:
    """Refuse fields of what a strategy brings that hold something else."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, kind):
            raise StrategyError(
                f"{type(owner).__name__}: {name} is {type(value).__name__}; it must be {_words(kind)}"
            )


def _words(kind: Any) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join("None" if each is type(None) else each.__name__ for each in kinds)


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
        _refuse_other(self, ("name",), str)
        _refuse_other(self, ("symbols", "groups"), Mapping)
        object.__setattr__(self, "symbols", MappingProxyType(dict(self.symbols)))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))
        for key, shock in (*self.symbols.items(), *self.groups.items(), ("rest", self.rest)):
            if not (isinstance(shock, Real) and np.isfinite(float(shock))) or float(shock) < -1:
                raise StrategyError(
                    f"scenario {self.name!r}: shock of {key} is {shock}; it must be -1 or more"
                )
        if not (isinstance(self.notes, tuple | list) and all(isinstance(note, str) for note in self.notes)):
            raise StrategyError(f"scenario {self.name!r}: notes must be a tuple of sentences")
