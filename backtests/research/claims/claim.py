"""What a claim is, what testing it finds, and how a finding becomes a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backtests.research.claims.evidence import Evidence
from backtests.research.claims.measurement import Measurement, Unit, Verdict

LEVEL = 0.05
"""False discovery rate of the scoreboard."""


@dataclass(frozen=True)
class Claim:
    """One claim and how it is tested.

    Attributes
    ----------
    key : str
        Unique; letters and underscores.
    theme : str
    statement : str
        The claim in our words.
    model : str
        How it is tested.
    direction : {-1, 1}
        Sign of the estimate if the claim holds.
    unit : {"percent", "number"}
        Of the estimate: a fraction shown in percent, or a plain number.
    would_change : str
        What evidence would change the verdict.
    measure : callable
        From the evidence to a finding.
    expected_to_fail : bool
        Whether it was doubted before it was tested.
    hindsight : {-1, 0, 1}
        Which way the estimate is pushed by names that are known to have survived; 0 if neither, or if the
        push falls out of a difference.
    causal : bool
        Whether the claim is about a cause. What moves together then fits it or does not; it proves nothing.
    """

    key: str
    theme: str
    statement: str
    model: str
    direction: Literal[-1, 1]
    unit: Unit
    would_change: str
    measure: Callable[[Evidence], Measurement]
    expected_to_fail: bool = False
    hindsight: Literal[-1, 0, 1] = 0
    causal: bool = False


@dataclass(frozen=True)
class Judged:
    """A claim with its finding and verdict.

    Attributes
    ----------
    claim : Claim
    finding : Measurement
    q_value : float
        The p-value adjusted for all claims tested on the market; NaN where nothing was tested.
    verdict : Verdict
    discounted : bool
        Whether a clear estimate was set aside because hindsight alone may explain it.
    """

    claim: Claim
    finding: Measurement
    q_value: float
    verdict: Verdict
    discounted: bool = False


def adjusted(p_values: list[float]) -> list[float]:
    """Benjamini-Yekutieli adjusted p-values; those that are NaN stay NaN and don't count.

    The claims share their returns, so nothing may be assumed of how their errors depend on one another.

    Notes
    -----
    Benjamini and Yekutieli, Annals of Statistics 2001, theorem 1.3. The tests hold it to statsmodels.
    """
    found = np.array(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(found))
    rising = tested[np.argsort(found[tested])]
    ranks = np.arange(1, len(rising) + 1)
    raised = found[rising] / (ranks / len(rising) / np.sum(1.0 / ranks))
    found[rising] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return [float(value) for value in found]


def verdict_of(claim: Claim, finding: Measurement, q_value: float, level: float = LEVEL) -> Verdict:
    """Supported if the estimate differs from nothing in the claim's direction, contradicted if in the other.

    A claim about a cause fits, or does not fit. "Can't tell" if the adjusted p-value is above `level`, or
    there is no estimate.
    """
    if finding.stated is not None:
        return finding.stated
    if math.isnan(finding.estimate) or math.isnan(q_value) or q_value > level:
        return "can't tell"
    holds = finding.estimate * claim.direction > 0
    if claim.causal:
        return "fits" if holds else "does not fit"
    return "supported" if holds else "contradicted"


def judge(
    claims: tuple[Claim, ...], findings: list[Measurement], survivors_only: bool = False
) -> tuple[Judged, ...]:
    """The scoreboard: every claim's finding judged, multiple testing taken into account.

    Parameters
    ----------
    claims : tuple of Claim
    findings : list of Measurement
        One a claim.
    survivors_only : bool
        Whether every company of the market still trades at its end. A clear estimate that points where
        hindsight pushes it is then set aside: can't tell.
    """
    tested = [math.nan if finding.stated else finding.p_value for finding in findings]
    rows = []
    for claim, finding, q_value in zip(claims, findings, adjusted(tested), strict=True):
        verdict = verdict_of(claim, finding, q_value)
        pushed = survivors_only and finding.stated is None and finding.estimate * claim.hindsight > 0
        discounted = pushed and verdict != "can't tell"
        rows.append(Judged(claim, finding, q_value, "can't tell" if discounted else verdict, discounted))
    return tuple(rows)
