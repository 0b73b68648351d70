"""Claims about banks' and healthcare companies' own figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Missing
from backtests.research.claims.measurement import Measurement
from datafeeds.market import Array
from strategies.asof import AsOf
from strategies.signals import (
    MARGIN_QUARTERS,
    Ladder,
    cash_yield,
    margin_power,
    payout_yield,
    well_matched,
)

Source = Callable[[AsOf, Sequence[str]], Ladder]

LEAST_COMPANIES = 5


def scores(evidence: Evidence, group: str, source: Source) -> tuple[Array, str]:
    """What the strategies' own ladder says of each member at each month's end, and the sources it took.

    Returns
    -------
    ndarray, shape (months, symbols)
    str

    Raises
    ------
    Missing
        If it never knows `LEAST_COMPANIES`.
    """
    market = evidence.market
    belongs = evidence.belongs(group) & market.traded
    found = np.full((len(evidence.months), len(market.symbols)), np.nan)
    rungs: dict[str, int] = {}
    for place, row in enumerate(evidence.months):
        columns = np.flatnonzero(belongs[row])
        if len(columns) < LEAST_COMPANIES:
            continue
        ladder = source(AsOf(market, int(row)), [market.symbols[column] for column in columns])
        found[place, columns] = ladder.values
        for rung in ladder.rungs:
            rungs[rung] = rungs.get(rung, 0) + 1
    rungs.pop("", None)
    if int(np.isfinite(found).sum(axis=1).max(initial=0)) < LEAST_COMPANIES:
        raise Missing(f"too little is filed of {group}: never {LEAST_COMPANIES} companies at once")
    total = sum(rungs.values())
    return found, ", ".join(f"{rung} ({count / total:.0%})" for rung, count in rungs.items())


def _forward(evidence: Evidence) -> Array:
    """Return of each symbol over the month after each month's end, shape (months, symbols)."""
    growth = np.cumsum(np.log1p(np.nan_to_num(evidence.returns)), axis=0)
    rows = evidence.months
    ahead = np.full((len(rows), growth.shape[1]), np.nan)
    whole = rows + MONTH < len(growth)
    ahead[whole] = growth[rows[whole] + MONTH] - growth[rows[whole]]
    return np.where(np.isfinite(evidence.returns[rows]), np.expm1(ahead), np.nan)


def _by_month(evidence: Evidence, values: Array) -> Array:
    """Monthly values at their sessions, for the span."""
    filled = np.full(len(evidence.market.sessions), np.nan)
    filled[evidence.months] = values
    return filled


def _ranked(evidence: Evidence, group: str, source: Source) -> Measurement:
    """Mean rank correlation of a score with the next month's return among a group's members."""
    scored, rungs = scores(evidence, group, source)
    correlations = inference.rank_correlations(scored, _forward(evidence), LEAST_COMPANIES)
    return evidence.finding(
        f"{group} by {rungs}, monthly, {evidence.span(_by_month(evidence, correlations))}",
        inference.mean(correlations, lags=3),
    )


def _split(evidence: Evidence, group: str, source: Source) -> Measurement:
    """Next month's return of the members that pass a screen, less that of those that don't, a year."""
    scored, rungs = scores(evidence, group, source)
    ahead = _forward(evidence)
    means = []
    for passed in (1.0, 0.0):
        chosen = (scored == passed) & np.isfinite(ahead)
        count = chosen.sum(axis=1)
        total = np.where(chosen, ahead, 0.0).sum(axis=1)
        means.append(np.where(count >= 2, total / np.maximum(count, 1), np.nan))
    gained = means[0] - means[1]
    return evidence.finding(
        f"{group} by {rungs}, monthly, {evidence.span(_by_month(evidence, gained))}",
        inference.mean(gained, lags=3).times(12),
        "A year.",
    )


def shareholder_yield(evidence: Evidence) -> Measurement:
    """Rank correlation of the financials' payout with their next month."""
    return _ranked(evidence, "financials", payout_yield)


def free_cash_flow_yield(evidence: Evidence) -> Measurement:
    """Rank correlation of healthcare's cash yield with the next month."""
    return _ranked(evidence, "healthcare", cash_yield)


def matched_banks(evidence: Evidence) -> Measurement:
    """Next month's return of well-matched financials, less the others'."""
    return _split(evidence, "financials", well_matched)


def strong_margins(evidence: Evidence) -> Measurement:
    """Next month's return of healthcare companies with pricing power, less of those without."""
    return _split(evidence, "healthcare", margin_power)


def healthcare_defends(evidence: Evidence) -> Measurement:
    """How much less healthcare gives up of a falling market than it takes part in a rising one."""
    label, market = evidence.standing_for("market")
    ours = evidence.group("healthcare")
    whole, defended = (evidence.trailing(returns, MONTH) for returns in (market, ours))
    spared, beta = inference.regression(defended, [np.maximum(-whole, 0.0), whole], lags=2 * MONTH)
    known = np.isfinite(whole) & np.isfinite(defended)
    falling = (defended - whole)[known & (whole < 0)]
    return evidence.finding(
        f"healthcare and {label}, {evidence.span(whole, defended)}",
        spared,
        f"Of a point by which the market rises it takes {beta.value:.2f}, of a point by which it falls "
        f"{beta.value - spared.value:.2f}. In months of falling markets it led by {falling.mean():+.1%}, "
        "which any holding with a low beta does, cash most of all.",
    )


CLAIMS = (
    Claim(
        "matched_banks",
        "Banks",
        "Financials whose liabilities match their assets do better than the others.",
        "Next month's return of the better-matched half, less the rest (interest betas from filings; else "
        "the share's own beta on the 2-year yield, small being matched), mean; Newey-West errors, 3 lags.",
        1,
        "percent",
        "Filed interest income and expense, and the banks that failed.",
        matched_banks,
    ),
    Claim(
        "shareholder_yield",
        "Banks",
        "Among financials, a higher shareholder yield foretells higher returns.",
        "Mean rank correlation, a month, of the yield (filed; else dividends per share over price and the "
        "fall of the share count) with the next 21 sessions' return; Newey-West errors with 3 lags.",
        1,
        "number",
        "Filed dividends and repurchases, and the banks that failed.",
        shareholder_yield,
    ),
    Claim(
        "strong_margins",
        "Healthcare",
        "Healthcare companies with pricing power outperform the others.",
        f"Those with a high and steady gross margin over {MARGIN_QUARTERS} quarters (else a steady net "
        "margin), less the rest, over the next 21 sessions, mean; Newey-West errors with 3 lags.",
        1,
        "percent",
        "Filed gross profit over more than five years.",
        strong_margins,
    ),
    Claim(
        "healthcare_defends",
        "Healthcare",
        "Healthcare holds up when the market falls, beyond what its beta explains.",
        "Regression of its return over a month on the market's and on the market's fall alone (Henriksson "
        "and Merton 1981); months ending on every session, Newey-West errors with 42 lags.",
        1,
        "number",
        "A fall that begins in healthcare, as price regulation could bring.",
        healthcare_defends,
    ),
    Claim(
        "free_cash_flow_yield",
        "Healthcare",
        "Among healthcare companies, a higher free cash flow yield foretells higher returns.",
        "Mean rank correlation, a month, of the yield (else of the earnings yield) with the next 21 "
        "sessions' return; Newey-West errors with 3 lags.",
        1,
        "number",
        "Filed operating cash flow and capital expenditure of five companies or more.",
        free_cash_flow_yield,
    ),
)
