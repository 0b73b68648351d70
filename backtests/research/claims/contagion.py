"""Claims about one semiconductor's fall and the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Missing
from backtests.research.claims.measurement import Measurement
from datafeeds.market import Array
from strategies.signals import (
    ESTIMATION_FIRST,
    ESTIMATION_LAST,
    FALL,
    fitted_market_model,
    is_shock,
    row_medians,
)

GROUP = "ai_hardware"
BLOCK = 63
"""Sessions that share a market model, and within which a company's own news is dealt anew."""

LEAST_MEMBERS = 5
"""With fewer companies there is no industry beside the one that falls."""

DEALS = 199


@dataclass(frozen=True, eq=False)
class Panel:
    """The members' abnormal returns, taken apart.

    Attributes
    ----------
    abnormal, error : ndarray, shape (sessions, members)
        Beyond what the market explains, and its standard error; NaN where unknown.
    industry : ndarray, shape (sessions,)
        What the members share: their median.
    loading : ndarray, shape (members,)
        How much of it each takes.
    """

    abnormal: Array
    error: Array
    industry: Array
    loading: Array

    def shocked(self, abnormal: Array) -> npt.NDArray[np.bool_]:
        """Who was shocked, as the strategies' own gate tells it."""
        return is_shock(abnormal, self.error)

    def reaction(self, abnormal: Array) -> Array:
        """Mean of those not shocked on each day on which someone was."""
        shocked = self.shocked(abnormal)
        rows = shocked.any(axis=1)
        others = np.where(shocked[rows], np.nan, abnormal[rows])
        known = np.isfinite(others)
        return np.asarray(np.where(known, others, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))

    def dealt(self, generator: np.random.Generator) -> Array:
        """Abnormal returns in which no company's own news meets the others' any more.

        Each company's own part is dealt anew among the days of its block; the industry's part stays.
        """
        own = self.abnormal - self.loading * self.industry[:, None]
        moved = np.empty_like(own)
        for start in range(0, len(own), BLOCK):
            moved[start : start + BLOCK] = generator.permuted(own[start : start + BLOCK], axis=0)
        return np.asarray(self.loading * self.industry[:, None] + moved, dtype=np.float64)


def panel(evidence: Evidence) -> tuple[str, Panel]:
    """Abnormal returns of the group's members, and what stands for the market.

    Raises
    ------
    Missing
        If the group never has `LEAST_MEMBERS` members.
    """
    belongs = evidence.belongs(GROUP) & np.isfinite(evidence.returns)
    most = int(belongs.sum(axis=1).max(initial=0))
    if most < LEAST_MEMBERS:
        raise Missing(f"{most} company in {GROUP}: no others to fall with it")
    label, market = evidence.standing_for("market")
    columns = np.flatnonzero(belongs.any(axis=0))
    returns = np.where(belongs, evidence.returns, np.nan)[:, columns]
    abnormal, errors = np.full(returns.shape, np.nan), np.full(returns.shape, np.nan)
    for start in range(ESTIMATION_FIRST, len(returns), BLOCK):
        window = slice(start - ESTIMATION_FIRST, start - ESTIMATION_LAST + 1)
        days = slice(start, start + BLOCK)
        for column in range(len(columns)):
            model = fitted_market_model(returns[window, column], market[window])
            if model is not None:
                abnormal[days, column] = model.abnormal(returns[days, column], market[days])
                errors[days, column] = model.error(market[days])
    whole = np.isfinite(abnormal).sum(axis=1) >= LEAST_MEMBERS
    abnormal[~whole] = np.nan
    industry = row_medians(abnormal)
    known = np.isfinite(abnormal)
    shared = np.where(known, industry[:, None], 0.0)
    spread = (shared**2).sum(axis=0)
    loading = (shared * np.nan_to_num(abnormal)).sum(axis=0) / np.where(spread > 0, spread, 1.0)
    return label, Panel(abnormal, errors, industry, loading)


def spreads(evidence: Evidence) -> Measurement:
    """Mean abnormal return of the other members on the day, less what their industry alone explains."""
    label, found = panel(evidence)
    reactions = found.reaction(found.abnormal)
    data = (
        f"days with a shock in {GROUP}, market {label}, "
        f"{evidence.span(evidence.standing_for('market')[1], found.industry)}"
    )
    if len(reactions) < inference.LEAST:
        return Measurement.unknown(f"{data}: {len(reactions)}, fewer than {inference.LEAST}")
    generator = np.random.default_rng(0)
    alone = np.array([found.reaction(found.dealt(generator)).mean() for _ in range(DEALS)])
    estimate = inference.against(float(reactions.mean()), alone, len(reactions))
    return evidence.finding(
        data,
        estimate,
        f"On such days the others lose {-reactions.mean():.1%} beyond the market; {-alone.mean():.1%} is "
        f"what a bad day of the whole industry explains, without contagion. A shock is an abnormal fall of "
        f"{FALL:.0%} or more; filings don't say which were about guidance.",
    )


def goes_on(evidence: Evidence) -> Measurement:
    """What the group did, relative to the market, over the month after a shock."""
    label, market = evidence.standing_for("market")
    found = panel(evidence)[1]
    days = np.asarray(found.shocked(found.abnormal).any(axis=1), dtype=np.bool_)
    relative = evidence.group(GROUP) - market
    estimate = inference.after(relative, days, MONTH)
    return evidence.finding(
        f"{int(days.sum())} days with a shock in {GROUP}, group less {label}, {evidence.span(relative)}",
        estimate,
        f"Over {MONTH} sessions, less after other days.",
    )


CLAIMS = (
    Claim(
        "shock_spreads",
        "Contagion",
        "A guidance shock at one semiconductor company drags the others down the same day.",
        "Mean abnormal return of the other members on days with a shock (market model, the year before), "
        "less its mean on histories in which each company's own news is dealt anew within a quarter while "
        "the industry's common part stays where it was.",
        -1,
        "percent",
        "Dates of guidance, to tell shocks to one company from bad news about the industry.",
        spreads,
        causal=True,
    ),
    Claim(
        "shock_goes_on",
        "Contagion",
        "After a shock at one semiconductor company the whole group goes on falling behind.",
        "Relative return over the next 21 sessions against the same pattern of days shifted round the "
        "calendar.",
        -1,
        "percent",
        "Dates of guidance; more shocks outside 2000-2002 and 2008.",
        goes_on,
        hindsight=1,
    ),
)
