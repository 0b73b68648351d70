"""Every claim tested on one market."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backtests.research.claims import contagion, outcome, pillars, quality, skewness, style, valuation
from backtests.research.claims.claim import LEVEL, Claim, Judged, judge
from backtests.research.claims.evidence import Evidence, Missing
from backtests.research.claims.measurement import VERDICTS, Measurement
from datafeeds.market import Market

CLAIMS: tuple[Claim, ...] = (
    *valuation.CLAIMS,
    *contagion.CLAIMS,
    *pillars.CLAIMS,
    *quality.CLAIMS,
    *style.CLAIMS,
    *skewness.CLAIMS,
    *outcome.CLAIMS,
)
"""Every claim, by theme; a new one is one entry in its theme's file."""


@dataclass(frozen=True)
class Scoreboard:
    """All claims judged on one market.

    Attributes
    ----------
    market : Market
    rows : tuple of Judged
    """

    market: Market
    rows: tuple[Judged, ...]

    def of(self, key: str) -> Judged:
        """The row of one claim."""
        return next(row for row in self.rows if row.claim.key == key)

    @property
    def tested(self) -> int:
        """How many claims were tested statistically, and so count for multiple testing."""
        return sum(row.q_value == row.q_value for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each verdict."""
        verdicts = [row.verdict for row in self.rows]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS}

    def listed(self) -> tuple[str, ...]:
        """The claims with a verdict, a line for each kind of verdict."""
        lines = []
        for verdict in VERDICTS[:-1]:
            found = [row.claim.statement.rstrip(".") for row in self.rows if row.verdict == verdict]
            lines.append(f"{verdict.capitalize()}: {'; '.join(found) or 'none'}.")
        return tuple(lines)

    def headline(self) -> str:
        """How many claims have each verdict."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        lacking = sum(not row.finding.data for row in self.rows)
        return f"{len(self.rows)} claims: {counts} ({lacking} of them for want of data)."

    def method(self) -> str:
        """How the verdicts were reached."""
        return (
            f"{self.tested} claims were tested statistically; their p-values are adjusted for one another "
            "(Benjamini and Yekutieli 2001), and there is a verdict where the adjusted value is "
            f"{LEVEL:.0%} or less. What moves together fits a claim about a cause or does not; it can't "
            "support one. The others are facts, or lack data."
        )


def scoreboard(
    market: Market, claims: tuple[Claim, ...] = CLAIMS, progress: Callable[[str], None] = lambda what: None
) -> Scoreboard:
    """Test every claim on `market`.

    Parameters
    ----------
    market : Market
    claims : tuple of Claim
    progress : callable
        Told which claim is being tested.

    Returns
    -------
    Scoreboard
        A claim whose data the market lacks is "can't tell", with what is missing.
    """
    evidence = Evidence(market)
    findings = []
    for claim in claims:
        progress(claim.statement)
        try:
            findings.append(claim.measure(evidence))
        except Missing as missing:
            findings.append(Measurement.unknown(str(missing)))
    return Scoreboard(market, judge(claims, findings, evidence.survivors_only))
