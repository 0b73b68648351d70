"""Where a rotation stands: what a blueprint remembers between two decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from strategies.target import Target

Phase = Literal["watch", "rotated", "gliding", "settled"]
"""Where a rotation stands; see `Rotation`."""


@dataclass(frozen=True)
class Rotation:
    """Where the rotation stands.

    Attributes
    ----------
    phase : {"watch", "rotated", "gliding", "settled"}
        ``watch``: nothing is cut. It becomes ``rotated`` as soon as a name is dear. There cuts follow the
        valuation (or only rise, with a ratchet) until growth is realigned: then ``gliding``, in which they
        shrink by equal monthly steps. If realignment is lost on the way it is ``rotated`` again, from the
        cuts in force. After the last step it is ``settled``: dear or not, nothing is cut while growth stays
        realigned; then ``watch`` again.
    cut : mapping of str to float
        Share of each name that is cut now; names without a cut are absent.
    glide_start : mapping of str to float
        The cuts when the glide began.
    glide_since : str
        ISO date of the decision at which the glide began.
    """

    phase: Phase = "watch"
    cut: Mapping[str, float] = field(default_factory=dict)
    glide_start: Mapping[str, float] = field(default_factory=dict)
    glide_since: str = ""

    @classmethod
    def remembered(cls, previous: Target | None) -> Rotation:
        """The rotation that `previous` carries in its state; a fresh one if there is none."""
        state = previous.state.get("rotation") if previous is not None else None
        return cls(**state) if state else cls()

    def state(self) -> dict[str, Any]:
        """The rotation as JSON knows it."""
        return {
            "phase": self.phase,
            "cut": dict(self.cut),
            "glide_start": dict(self.glide_start),
            "glide_since": self.glide_since,
        }

    def next(
        self,
        called_for: Mapping[str, float],
        realigned: bool,
        today: pd.Timestamp,
        glide_months: int,
        ratchet: bool = True,
    ) -> Rotation:
        """The rotation after one more decision.

        Parameters
        ----------
        called_for : mapping of str to float
            Cut that today's valuation calls for, of each name where it is known.
        realigned : bool
            Whether the realignment signal has held.
        today : Timestamp
            The decision session.
        glide_months : int
            Months from realignment until the cuts are gone; 0 lifts them at once.
        ratchet : bool
            Whether a cut never falls before realignment. Without, it follows the valuation both ways; that of
            a name whose valuation is unknown stays.
        """
        again = (today, glide_months, ratchet)
        if self.phase == "settled":
            return self if realigned else Rotation().next(called_for, False, *again)
        if self.phase == "watch" or not realigned:
            cut = higher_of(self.cut, called_for) if ratchet else positive({**self.cut, **called_for})
            return Rotation("rotated", cut) if cut else Rotation()
        if self.phase == "rotated":
            start = Rotation("gliding", self.cut, self.cut, today.date().isoformat())
            return start.next(called_for, True, *again)
        left = 1.0 - months_between(self.glide_since, today) / glide_months if glide_months else 0.0
        if left <= 0:
            return Rotation("settled")
        cut = positive({name: start * left for name, start in self.glide_start.items()})
        return Rotation("gliding", cut, self.glide_start, self.glide_since)


def higher_of(held: Mapping[str, float], called_for: Mapping[str, float]) -> dict[str, float]:
    """The higher of two cuts by name, names without a cut left out."""
    names = {**held, **called_for}
    return positive({name: max(held.get(name, 0.0), called_for.get(name, 0.0)) for name in names})


def positive(cuts: Mapping[str, float]) -> dict[str, float]:
    """Names that are cut at all."""
    return {name: cut for name, cut in cuts.items() if cut > 0}


def months_between(start: str | pd.Timestamp, end: pd.Timestamp) -> int:
    """Calendar months from `start` to `end`, by the calendar's page and not by the day."""
    first = pd.Timestamp(start)
    return 12 * (end.year - first.year) + end.month - first.month
