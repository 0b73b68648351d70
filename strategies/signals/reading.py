"""What a signal says today: a number, which way it leans, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from strategies.asof import AsOf

Lean = Literal[-1, 0, 1]
"""Against the rotation, neither, or for it."""

STALE_DAYS = 30
"""Calendar days after which the newest value of a daily series no longer says anything about today."""


@dataclass(frozen=True)
class Reading:
    """What one signal says at one close.

    Attributes
    ----------
    name : str
    value : float
        The number behind it, NaN if unknown.
    lean : {-1, 0, 1} or None
        Against the rotation, neither, for it; None if unknown. Unknown is never taken for neutral.
    why : str
        The finding in words; if unknown, what is missing.
    """

    name: str
    value: float
    lean: Lean | None
    why: str

    @property
    def known(self) -> bool:
        """Whether the signal could be read."""
        return self.lean is not None

    @classmethod
    def unknown(cls, name: str, why: str) -> Reading:
        """A reading that could not be had, with the reason."""
        return cls(name, float("nan"), None, f"{name} unknown: {why}")


def lean_of(value: float, threshold: float) -> Lean:
    """1 where `value` is below ``-threshold`` (a fall helps), -1 above `threshold`, else 0.

    Examples
    --------
    >>> lean_of(-0.12, 0.05), lean_of(0.01, 0.05), lean_of(0.3, 0.05)
    (1, 0, -1)
    """
    return 1 if value < -threshold else -1 if value > threshold else 0


def recent(see: AsOf, name: str, values: int) -> pd.Series[float] | str:
    """The last `values` numbers of a daily series known today, or why there are none to use.

    Returns
    -------
    Series or str
        Words if the market lacks the series, has too few values of it, or the newest is older than
        `STALE_DAYS`.
    """
    if not see.has_series(name):
        return f"the market has no series {name!r}"
    known = see.series(name, values)
    if len(known) < values:
        return f"{len(known)} of {values} values of {name} on record"
    latest = pd.Timestamp(np.asarray(known.index, dtype="datetime64[ns]")[-1])
    if (see.today - latest).days > STALE_DAYS:
        return f"the newest value of {name} is of {latest:%Y-%m-%d}"
    return known
