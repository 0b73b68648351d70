"""The concepts of `facts.csv` and the SEC tags that each is made of, from ``concepts.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from datafeeds.market import MarketError
from datafeeds.toml_files import read_toml

Kind = Literal["flow", "average", "level", "cover"]
Reported = Mapping[str, float]
"""Tag to value, of one report and one period."""

Part = str | Mapping[str, Any]
"""A tag, or a table with one of ``sum``, ``largest`` (of tags) and ``less`` (of two concepts)."""


@dataclass(frozen=True)
class Concept:
    """What a concept of `facts.csv` is made of.

    Attributes
    ----------
    kind : {"flow", "average", "level", "cover"}
        ``flow`` adds up over time, ``average`` describes a period without adding up, ``level`` holds at a
        date, ``cover`` is counted for the cover page, days or weeks after the period's end.
    unit : str
        Unit in company facts: ``"USD"`` or ``"shares"``.
    of : tuple of Part
        In order of preference.
    """

    kind: Kind
    unit: str
    of: tuple[Part, ...]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Every tag that the value may come from, once each, in order of preference."""
        return tuple(dict.fromkeys(tag for part in self.of for tag in _tags(part)))

    def value(self, reported: Reported) -> float | None:
        """The value from the tags of one report and period, None if it can't be had."""
        return next((value for part in self.of if (value := _value(part, reported)) is not None), None)


def _tags(part: Part) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif "less" in part:
        for concept in part["less"]:
            yield from CONCEPTS[concept].tags
    else:
        yield from next(iter(part.values()))


def _value(part: Part, reported: Reported) -> float | None:
    if isinstance(part, str):
        return reported.get(part)
    if "less" in part:
        whole, taken = (CONCEPTS[concept].value(reported) for concept in part["less"])
        return None if whole is None or taken is None else whole - taken
    values = [reported[tag] for tag in _tags(part) if tag in reported]
    if "largest" in part:
        return max(values, default=None)
    return sum(values) if len(values) == len(part["sum"]) else None


CONCEPTS: Mapping[str, Concept] = {
    name: Concept(table["kind"], table.get("unit", "USD"), tuple(table["of"]))
    for name, table in read_toml(Path(__file__).with_name("concepts.toml"), MarketError).items()
}
"""Concept of `facts.csv` to the tags it is made of."""
