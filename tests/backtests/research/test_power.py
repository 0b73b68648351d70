"""Each claim's test where the claim is true, and where nothing of the kind goes on.

A finding is judged as on a scoreboard of twenty-five tested claims of which the others are about nothing. The
table that the slow test prints is the one in ``docs/claims.md``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from backtests.research.claims.claim import Claim, judge
from backtests.research.claims.evidence import Evidence
from backtests.research.claims.measurement import Measurement
from backtests.research.claims.scoreboard import CLAIMS
from tests.backtests.research.worlds import WORLDS

AMONG = 24
"""Other claims that are tested beside it."""


@dataclass(frozen=True)
class Draw:
    """One world, and what the test made of it."""

    verdict: str
    estimate: float
    p_value: float

    @property
    def found(self) -> bool:
        """Whether the claim was held to be true."""
        return self.verdict in ("supported", "fits")


def draws(claim: Claim, true: bool, count: Iterable[int]) -> list[Draw]:
    # Hindsight is set aside: every company of a world survives.
    plain = replace(claim, hindsight=0)
    found = []
    for number in count:
        generator = np.random.default_rng([zlib.crc32(claim.key.encode()), number, true])
        finding = claim.measure(Evidence(WORLDS[claim.key](generator, true)))
        others = [Measurement("", 0.0, 0.0, 0.0, float(value)) for value in generator.random(AMONG)]
        verdict = judge((plain,) * (AMONG + 1), [finding, *others])[0].verdict
        found.append(Draw(verdict, finding.estimate, finding.p_value))
    return found


def row(claim: Claim, true: list[Draw], null: list[Draw]) -> str:
    share = 100 / len(true)
    effect = np.nanmean([draw.estimate for draw in true])
    wrong = sum(draw.verdict != "can't tell" for draw in null) if claim_is_tested(null) else found(null)
    nominal = sum(draw.p_value < 0.05 for draw in null) if claim_is_tested(null) else 0
    return (
        f"| {claim.key} | {effect:+.3f} | {found(true) * share:.0f} | {found(null) * share:.0f} | "
        f"{wrong * share:.0f} | {nominal * share:.0f} |"
    )


def found(drawn: list[Draw]) -> int:
    return sum(draw.found for draw in drawn)


def claim_is_tested(drawn: list[Draw]) -> bool:
    return any(np.isfinite(draw.p_value) for draw in drawn)


def test_every_claim_has_a_world() -> None:
    assert set(WORLDS) == {claim.key for claim in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_a_true_claim_is_found_and_nothing_is_not(claim: Claim) -> None:
    assert found(draws(claim, True, range(2))) >= 1
    assert found(draws(claim, False, range(2))) == 0


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
def test_ninety_of_a_hundred_true_ones_and_five_of_nothing(claim: Claim) -> None:
    true, null = (draws(claim, each, range(100)) for each in (True, False))
    print(row(claim, true, null))
    assert found(true) >= 90
    assert found(null) <= 5
    if claim_is_tested(null):
        assert sum(draw.verdict != "can't tell" for draw in null) <= 5
