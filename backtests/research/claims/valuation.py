"""Claims about what hardware costs, and what is spent on it."""

from __future__ import annotations

import numpy as np

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Missing
from backtests.research.claims.measurement import Measurement
from backtests.research.events import forward_sums
from datafeeds.market import Array
from strategies.signals import HYPERSCALERS, YEAR, software_norms

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
    """Forward relative return of hardware on the log of its median multiple over the norm."""
    label, market = evidence.standing_for("market")
    relative = forward_sums(evidence.group("ai_hardware") - market, YEAR)
    gap = np.log(evidence.median("price_to_sales", "ai_hardware") / norms(evidence))
    rows = evidence.months
    estimate = inference.slope(relative[rows], gap[rows], lags=12)
    return evidence.finding(f"hardware less {label}, monthly, {evidence.span(relative, gap)}", estimate)


def dear_names_lag(evidence: Evidence) -> Measurement:
    """Next month's return of the hardware names above the norm, less the cap-weighted universe's."""
    norm = norms(evidence)
    dear = evidence.belongs("ai_hardware") & (evidence.fact("price_to_sales") > norm[:, None])
    count = dear.sum(axis=1)
    # Chosen at a close, held from the next session on.
    held = np.zeros_like(dear)
    rows = evidence.months
    spans = np.searchsorted(rows, np.arange(len(dear)), side="left") - 1
    held[spans >= 0] = dear[rows[spans[spans >= 0]]]
    known = held & np.isfinite(evidence.returns)
    gained = np.where(known, np.nan_to_num(evidence.returns), 0.0).sum(axis=1)
    names = known.sum(axis=1)
    daily = np.where(names > 0, gained / np.maximum(names, 1), np.nan) - evidence.cap_weighted
    monthly = forward_sums(daily, MONTH)[rows]
    estimate = inference.mean(monthly, lags=3).times(12)
    typical = int(np.median(count[count > 0])) if (count > 0).any() else 0
    return evidence.finding(
        f"names above the norm less the cap-weighted universe, monthly, {evidence.span(daily)}",
        estimate,
        f"A year. Names above the norm in the median month with any: {typical}.",
    )


def spending_boundary(evidence: Evidence) -> Measurement:
    """Forward relative return of hardware after spending has outgrown software revenue, less otherwise."""
    evidence.require_groups("ai_hardware", "software")
    spent = evidence.fact("capital_expenditure_ttm")
    columns = [evidence.market.column[name] for name in HYPERSCALERS if name in evidence.market.column]
    filed = [column for column in columns if np.isfinite(spent[:, column]).any()]
    if len(filed) < 3:
        raise Missing(f"hyperscalers with filed capital expenditure: {len(filed)}, fewer than three")
    total = spent[:, filed].sum(axis=1)
    growth = np.full(len(total), np.nan)
    growth[YEAR:] = total[YEAR:] / total[:-YEAR] - 1.0
    earned = evidence.median("revenue_growth", "software")
    faster = growth > earned
    both = np.zeros_like(faster)
    both[63:] = faster[63:] & faster[:-63]
    known = np.isfinite(growth) & np.isfinite(earned)
    label, market = evidence.standing_for("market")
    relative = forward_sums(evidence.group("ai_hardware") - market, YEAR)
    rows = evidence.months
    estimate = inference.difference(relative[rows], both[rows], known[rows], lags=12)
    return evidence.finding(f"hardware less {label}, monthly, {evidence.span(relative, growth)}", estimate)


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
        "Regression of the next 252 sessions' relative return on log(hardware's median P/S / norm), monthly; "
        "Newey-West errors with 12 lags.",
        -1,
        "number",
        "More than one valuation cycle on file: the figures begin in 2009.",
        gap_predicts,
    ),
    Claim(
        "dear_names_lag",
        "Valuation",
        "Hardware names above the software norm underperform the index.",
        "Each month the names above the norm, equal weight, over the next 21 sessions, less the cap-weighted "
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
        "Next 252 sessions' relative return after such quarters less after others, monthly; Newey-West "
        "errors with 12 lags.",
        -1,
        "percent",
        "Filed capital expenditure of Amazon, Alphabet, Meta, Microsoft and Oracle.",
        spending_boundary,
    ),
)
