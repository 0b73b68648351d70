"""Claims about what hardware costs, and what is spent on it."""

from __future__ import annotations

import numpy as np

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import Evidence, Missing
from backtests.research.claims.measurement import Measurement
from backtests.research.indices import mean_return
from datafeeds.market import Array
from strategies.signals import HYPERSCALERS, YEAR, software_norms

QUARTER = 63

CLAIMED = np.datetime64("2026-06-04")
"""The day of which hardware's multiple is claimed."""


def norms(evidence: Evidence) -> Array:
    """The software norm at every close."""
    return software_norms(evidence.median("price_to_sales", "software"))


def hardware_above_software(evidence: Evidence) -> Measurement:
    """The newest hardware median over the highest software median on record."""
    hardware = evidence.median("price_to_sales", "ai_hardware")
    software = evidence.median("price_to_sales", "software")
    known = np.flatnonzero(np.isfinite(hardware) & np.isfinite(software))
    if not len(known):
        raise Missing("no day with both price-to-sales medians")
    last = known[-1]
    highest = float(np.nanmax(software[: last + 1]))
    norm = float(norms(evidence)[last])
    multiples = evidence.fact("price_to_sales")[last, evidence.belongs("ai_hardware")[last]]
    multiples = multiples[np.isfinite(multiples)]
    ratio = float(hardware[last]) / highest
    stale = bool(evidence.market.sessions[last] < CLAIMED - np.timedelta64(365, "D"))
    return Measurement(
        data=f"hardware on {evidence.market.sessions[last]}, names known: {len(multiples)}",
        estimate=ratio - 1.0,
        stated="can't tell" if stale else "supported" if ratio > 1 else "contradicted",
        note=("The claim is about 2026; by the market's end it did not hold. " if stale and ratio < 1 else "")
        + f"Hardware's median is {hardware[last]:.1f} times sales, the five-year software norm "
        f"{norm:.1f}, software's highest median on record {highest:.1f}; {int((multiples > norm).sum())} of "
        f"{len(multiples)} names are above the norm. Damodaran's industry medians for January 2025 are 14.3 "
        "for semiconductors and 11.2 for software: by then the claim holds against the software of the day.",
    )


def gap_predicts(evidence: Evidence) -> Measurement:
    """Hardware's relative return of the next year on the log of its median multiple over the norm."""
    label, market = evidence.standing_for("market")
    relative = evidence.group("ai_hardware") - market
    gap = np.log(evidence.median("price_to_sales", "ai_hardware") / norms(evidence))
    estimate = inference.foretold(evidence.monthly(relative), gap[evidence.months], 12)
    return evidence.finding(f"hardware less {label}, monthly, {evidence.span(relative, gap)}", estimate)


def dear_names_lag(evidence: Evidence) -> Measurement:
    """Return of the hardware names above the norm at each month's end, less the cap-weighted universe's."""
    norm = norms(evidence)
    dear = evidence.belongs("ai_hardware") & (evidence.fact("price_to_sales") > norm[:, None])
    count = dear.sum(axis=1)
    # Chosen at a close, held from the next session on.
    held = np.zeros_like(dear)
    rows = evidence.months
    spans = np.searchsorted(rows, np.arange(len(dear)), side="left") - 1
    held[spans >= 0] = dear[rows[spans[spans >= 0]]]
    daily = mean_return(evidence.returns, held) - evidence.cap_weighted
    estimate = inference.mean(evidence.monthly(daily), lags=3).times(12)
    typical = int(np.median(count[count > 0])) if (count > 0).any() else 0
    return evidence.finding(
        f"names above the norm less the cap-weighted universe, monthly, {evidence.span(daily)}",
        estimate,
        f"A year. Names above the norm in the median month with any: {typical}.",
    )


def spending_boundary(evidence: Evidence) -> Measurement:
    """Hardware's relative return of a year after spending has outgrown software revenue, less otherwise."""
    evidence.require_groups("ai_hardware", "software")
    spent = evidence.fact("capital_expenditure_ttm")
    columns = [evidence.market.column[name] for name in HYPERSCALERS if name in evidence.market.column]
    filed = [column for column in columns if np.isfinite(spent[:, column]).any()]
    if len(filed) < 3:
        raise Missing(f"hyperscalers with filed capital expenditure: {len(filed)}, fewer than three")
    total = spent[:, filed].sum(axis=1)
    growth = np.full(len(total), np.nan)
    growth[YEAR:] = total[YEAR:] / total[:-YEAR] - 1.0
    ahead = growth - evidence.median("revenue_growth", "software")
    before = np.full(len(ahead), np.nan)
    before[QUARTER:] = ahead[:-QUARTER]
    known = np.isfinite(ahead) & np.isfinite(before)
    crossed = np.where(known, ((ahead > 0) & (before > 0)).astype(float), np.nan)
    label, market = evidence.standing_for("market")
    relative = evidence.group("ai_hardware") - market
    estimate = inference.ahead(relative, crossed, YEAR)
    return evidence.finding(f"hardware less {label}, {evidence.span(relative, crossed)}", estimate)


CLAIMS = (
    Claim(
        "hardware_above_software",
        "Valuation",
        "AI hardware sells for more, per dollar of sales, than software ever did.",
        "Median price-to-sales of the hardware group on the last day known, over the highest daily median of "
        "the software group.",
        1,
        "percent",
        "Figures from 2024 on; the claim is about 2026.",
        hardware_above_software,
    ),
    Claim(
        "gap_predicts",
        "Valuation",
        "The higher hardware's price-to-sales stands over the software norm, the worse it does afterwards.",
        "Regression of the next twelve months' relative return on log(hardware's median P/S / norm), against "
        "histories without a relation in which the multiple moves with the returns as it does here.",
        -1,
        "number",
        "More than one valuation cycle on file: the figures begin in 2009.",
        gap_predicts,
    ),
    Claim(
        "dear_names_lag",
        "Valuation",
        "Hardware names above the software norm underperform the index.",
        "Each month the names above the norm at the last one's end, in equal weight, less the cap-weighted "
        "universe; mean, Newey-West errors with 3 lags.",
        -1,
        "percent",
        "A list of companies that includes those that failed.",
        dear_names_lag,
        hindsight=1,
    ),
    Claim(
        "spending_boundary",
        "Valuation",
        "When hyperscalers' capital expenditure outgrows software revenue for two quarters, hardware falls "
        "behind.",
        "Next 252 sessions' relative return after such quarters less after others; every day takes part "
        "(Hodrick 1992, 1B).",
        -1,
        "percent",
        "Filed capital expenditure of Amazon, Alphabet, Meta, Microsoft and Oracle.",
        spending_boundary,
    ),
)
