"""What the test of a claim measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal["supported", "contradicted", "fits", "does not fit", "can't tell"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Unit = Literal["percent", "number"]


@dataclass(frozen=True)
class Measurement:
    """What a test found.

    Attributes
    ----------
    data : str
        On what, over which span, how many observations.
    estimate, low, high : float
        With a 95% interval; NaN where there is none.
    p_value : float
        Two-sided, against no effect; NaN where nothing was tested.
    stated : Verdict or None
        Given where the claim is about a fact or a rule, not about chance; then no p-value is used.
    note : str
        What a reader must know beside the number.
    """

    data: str
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    stated: Verdict | None = None
    note: str = ""

    @classmethod
    def unknown(cls, why: str) -> Measurement:
        """A finding that can't be had, with what is missing."""
        return cls(data="", stated="can't tell", note=why)
