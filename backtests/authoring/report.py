"""What a check of a strategy found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["pass", "fail", "note"]


@dataclass(frozen=True)
class Offence:
    """One thing that a strategy must not do.

    Attributes
    ----------
    what : str
        In words.
    date, symbol, value : str
        Decision session, symbol, and what came out instead of what; empty where they don't apply.
    """

    what: str
    date: str = ""
    symbol: str = ""
    value: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.date, self.symbol, self.what, self.value) if part)


@dataclass(frozen=True)
class Check:
    """One line of a report.

    Attributes
    ----------
    kind : str
        Look-ahead, determinism, source, sanity, robustness or delay.
    name : str
        What was tried.
    outcome : {"pass", "fail", "note"}
        A note informs and fails nothing.
    summary : str
        What came out, in words.
    offences : tuple of Offence
        In order of date; the first ones.
    count : int
        How many there were.
    """

    kind: str
    name: str
    outcome: Outcome
    summary: str
    offences: tuple[Offence, ...] = ()
    count: int = 0

    @property
    def first(self) -> Offence | None:
        """The first offence."""
        return self.offences[0] if self.offences else None


MOST = 5
"""Offences that a check keeps."""


def judged(kind: str, name: str, offences: list[Offence], fine: str) -> Check:
    """A check that passes with the words `fine` if nothing was found."""
    found = sorted(offences, key=lambda offence: offence.date)
    if not found:
        return Check(kind, name, "pass", fine)
    return Check(kind, name, "fail", str(found[0]), tuple(found[:MOST]), len(found))


def note(kind: str, name: str, summary: str) -> Check:
    """A check that only informs."""
    return Check(kind, name, "note", summary)


@dataclass(frozen=True)
class CheckReport:
    """Every check of one strategy on one market.

    Attributes
    ----------
    strategy : str
        The strategy with its parameters.
    market : str
        Name of the market.
    decisions, sampled : int
        How many decisions were made, and how many of them replayed.
    seed : int
        With which they were drawn.
    checks : tuple of Check
    walls : tuple of str
        What closed files and network while decisions were replayed, the strongest first.
    """

    strategy: str
    market: str
    decisions: int
    sampled: int
    seed: int
    checks: tuple[Check, ...]
    walls: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == "fail")

    def record(self) -> dict[str, Any]:
        """The report as JSON knows it, for a manifest."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"passed": self.passed, **plain}
