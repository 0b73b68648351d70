"""Claims about banks' and healthcare companies' own figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Missing
from backtests.research.claims.measurement import Measurement
from datafeeds.facts import names
from datafeeds.market import Array
from strategies.signals import YEAR, pricing_power

QUARTER = 63
MARGIN_QUARTERS = 20


def forward_of_each(evidence: Evidence, sessions: int) -> Array:
    """Return of each symbol over the sessions after each month's end, shape (months, symbols)."""
    growth = np.cumsum(np.log1p(np.nan_to_num(evidence.returns)), axis=0)
    rows = evidence.months
    ahead = np.full((len(rows), growth.shape[1]), np.nan)
    whole = rows + sessions < len(growth)
    ahead[whole] = growth[rows[whole] + sessions] - growth[rows[whole]]
    traded = np.isfinite(evidence.returns[rows])
    return np.where(traded, np.expm1(ahead), np.nan)


def _ranked(evidence: Evidence, scores: Array, group: str, what: str, note: str = "") -> Measurement:
    """Mean rank correlation of a score with the next quarter's return among a group's members."""
    rows = evidence.months
    inside = evidence.belongs(group)[rows]
    scored = np.where(inside, scores[rows], np.nan)
    most = int(np.isfinite(scored).sum(axis=1).max(initial=0))
    if most < 5:
        raise Missing(f"{what} is known of {most} companies at most, fewer than five")
    correlations = inference.rank_correlations(scored, forward_of_each(evidence, QUARTER))
    spread = np.full(len(evidence.market.sessions), np.nan)
    spread[rows] = correlations
    estimate = inference.mean(correlations, lags=3)
    return evidence.finding(f"{group} by {what}, monthly, {evidence.span(spread)}", estimate, note)


def shareholder_yield(evidence: Evidence) -> Measurement:
    """Rank correlation of the financials' shareholder yield with their next quarter."""
    if "shareholder_yield" in names(evidence.market):
        return _ranked(evidence, evidence.fact("shareholder_yield"), "financials", "shareholder yield")
    market = evidence.market
    if market.adjustment == "total_return":
        raise Missing("neither dividends nor repurchases are on file")
    shares = evidence.fact("shares")
    paid = pd.DataFrame(market.dividend).rolling(YEAR).sum().to_numpy() / market.mark
    bought = np.full(shares.shape, np.nan)
    bought[YEAR:] = 1.0 - shares[YEAR:] / shares[:-YEAR]
    # A merger changes the count by more than any buyback.
    bought[np.abs(bought) > 0.25] = np.nan
    return _ranked(
        evidence,
        paid + bought,
        "financials",
        "dividends of a year / price + fall of the share count",
        "Repurchases are not filed: the fall of the diluted share count stands in.",
    )


def free_cash_flow_yield(evidence: Evidence) -> Measurement:
    """Rank correlation of healthcare's free cash flow yield with the next quarter."""
    return _ranked(evidence, evidence.fact("free_cash_flow_yield"), "healthcare", "free cash flow yield")


def interest_kept(evidence: Evidence) -> Measurement:
    """Rank correlation of the share of interest that banks keep with their next quarter."""
    income, expense = evidence.fact("interest_income_ttm"), evidence.fact("interest_expense_ttm")
    kept = np.where(income > 0, (income - expense) / np.where(income > 0, income, 1.0), np.nan)
    change = np.full(kept.shape, np.nan)
    change[YEAR:] = kept[YEAR:] - kept[:-YEAR]
    return _ranked(evidence, change, "financials", "change of the share of interest kept")


def strong_margins(evidence: Evidence) -> Measurement:
    """Next month's return of healthcare companies with pricing power, less of those without."""
    evidence.require_groups("healthcare")
    filed = "gross_margin" in names(evidence.market)
    if filed:
        margins, what = evidence.fact("gross_margin"), "gross margin"
    else:
        revenue = evidence.fact("revenue_ttm")
        profit = evidence.fact("net_income_ttm")
        margins = np.where(revenue > 0, profit / np.where(revenue > 0, revenue, 1.0), np.nan)
        what = "net margin"
    ahead = forward_of_each(evidence, MONTH)
    belongs = evidence.belongs("healthcare")
    gained = np.full(len(evidence.months), np.nan)
    for place, row in enumerate(evidence.months):
        quarters = row - 63 * np.arange(MARGIN_QUARTERS)[::-1]
        if quarters[0] < 0:
            continue
        members = np.flatnonzero(belongs[row])
        power = pricing_power(pd.DataFrame(margins[np.ix_(quarters, members)])).to_numpy()
        returns = ahead[place, members]
        known = np.isfinite(power) & np.isfinite(returns)
        strong, weak = known & (power == 1), known & (power == 0)
        if strong.sum() >= 2 and weak.sum() >= 2:
            gained[place] = returns[strong].mean() - returns[weak].mean()
    spread = np.full(len(evidence.market.sessions), np.nan)
    spread[evidence.months] = gained
    note = "A year." if filed else "A year. Gross profit is not filed: the net margin stands in."
    return evidence.finding(
        f"healthcare by {MARGIN_QUARTERS} quarters of {what}, monthly, {evidence.span(spread)}",
        inference.mean(gained, lags=3).times(12),
        note,
    )


def healthcare_defends(evidence: Evidence) -> Measurement:
    """Healthcare's relative return in months in which the market falls, less that in the others."""
    label, market = evidence.standing_for("market")
    rows = evidence.every(MONTH)
    whole = evidence.trailing(market, MONTH)[rows]
    relative = evidence.trailing(evidence.group("healthcare") - market, MONTH)[rows]
    known = np.isfinite(whole) & np.isfinite(relative)
    estimate = inference.difference(relative, whole < 0, known, lags=3)
    falling, rising = relative[known & (whole < 0)], relative[known & (whole >= 0)]
    note = f"A month: {falling.mean():+.1%} when the market falls, {rising.mean():+.1%} when it rises."
    return evidence.finding(
        f"healthcare less {label}, {evidence.span(market, evidence.group('healthcare'))}", estimate, note
    )


CLAIMS = (
    Claim(
        "interest_kept",
        "Banks",
        "Banks whose deposits reprice slowly keep more of their interest, and do better.",
        "Mean rank correlation, a month, of the year's change of the share of interest kept with the next 63 "
        "sessions' return; Newey-West errors with 3 lags.",
        1,
        "number",
        "Filed interest income and expense.",
        interest_kept,
    ),
    Claim(
        "shareholder_yield",
        "Banks",
        "Among financials, a higher shareholder yield foretells higher returns.",
        "Mean rank correlation, a month, of the yield with the next 63 sessions' return; Newey-West errors "
        "with 3 lags.",
        1,
        "number",
        "Filed dividends and repurchases, and the banks that failed.",
        shareholder_yield,
    ),
    Claim(
        "strong_margins",
        "Healthcare",
        "Healthcare companies with pricing power outperform the others.",
        "Those with a high and steady margin over 20 quarters less the rest over the next 21 sessions, mean; "
        "Newey-West errors with 3 lags.",
        1,
        "percent",
        "Filed gross profit over more than five years.",
        strong_margins,
    ),
    Claim(
        "healthcare_defends",
        "Healthcare",
        "Healthcare holds up when the market falls.",
        "Mean relative return over the 21-session months in which the market falls, less that over the "
        "others; Newey-West errors with 3 lags.",
        1,
        "percent",
        "A fall that begins in healthcare, as price regulation could bring.",
        healthcare_defends,
    ),
    Claim(
        "free_cash_flow_yield",
        "Healthcare",
        "Among healthcare companies, a higher free cash flow yield foretells higher returns.",
        "Mean rank correlation, a month, of the yield with the next 63 sessions' return; Newey-West errors "
        "with 3 lags.",
        1,
        "number",
        "Filed operating cash flow and capital expenditure of five companies or more.",
        free_cash_flow_yield,
    ),
)
