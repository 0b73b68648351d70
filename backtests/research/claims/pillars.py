"""Claims about oil, yields, the curve and credit."""

from __future__ import annotations

import numpy as np

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence
from backtests.research.claims.measurement import Measurement
from datafeeds.market import Array
from strategies.blueprint import Blueprint
from strategies.signals import CALM_VIX, YEAR, row_medians

SAME_MONTH = (
    "over the same 21 sessions, the market's own return held fixed; months ending on every session, "
    "Newey-West errors with 42 lags."
)
NEXT_MONTH = (
    "over the next 21 sessions; every day takes part (Hodrick 1992, 1B), Newey-West errors with 5 lags."
)

QUARTER = 63


def receivers(evidence: Evidence) -> Array:
    """Return of what receives the money, in the blueprint's shares: financials, healthcare, small caps.

    Before a small-cap fund trades, all stocks in equal weight, as in the blueprint.
    """
    fund = evidence.standing_for("small")[1]
    small = np.where(np.isfinite(fund), fund, evidence.equal)
    bought = (
        Blueprint.financials_share * evidence.group("financials")
        + Blueprint.healthcare_share * evidence.group("healthcare")
        + Blueprint.small_cap_share * small
    )
    return np.asarray(bought, dtype=np.float64)


def change(values: Array, *, relative: bool = False) -> Array:
    """Change over the month that ends at each session; of positive values only, where it is relative."""
    before = np.full(len(values), np.nan)
    before[MONTH:] = values[:-MONTH]
    if not relative:
        return np.asarray(values - before, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((values > 0) & (before > 0), values / before - 1.0, np.nan)


def beside(evidence: Evidence, relative: Array, cause: Array, *others: Array) -> list[inference.Estimate]:
    """A relative return on what changed over the same month, the market's own return held fixed.

    Every session ends a month, so nothing hangs on where months begin; the errors allow for the overlap.
    Without the market's return, whatever has a beta other than 1 would seem to be moved by everything that
    moves the market.

    Parameters
    ----------
    relative : ndarray, shape (sessions,)
        Daily return less another's.
    cause, *others : ndarray, shape (sessions,)
        Changes over the month that ends at each session.

    Returns
    -------
    list of Estimate
        Of the cause and the others.
    """
    market = evidence.trailing(evidence.standing_for("market")[1], MONTH)
    found = inference.regression(evidence.trailing(relative, MONTH), [cause, *others, market], lags=2 * MONTH)
    return found[:-1]


def oil_helps(evidence: Evidence) -> Measurement:
    """The receivers' relative return on oil's change over the same month."""
    name = evidence.oil()
    label, market = evidence.standing_for("market")
    oil = change(evidence.series_on_day(name), relative=True)
    estimate = beside(evidence, receivers(evidence) - market, oil)[0]
    betas = []
    for sector in evidence.sectors:
        beta = beside(evidence, evidence.sector(sector) - market, oil)[0]
        if beta.p_value < 0.05 / len(evidence.sectors):
            betas.append(f"{sector} {beta.value:+.2f}")
    note = "Beyond doubt by sector (Bonferroni): " + (", ".join(betas) or "none") + "."
    return evidence.finding(
        f"receivers less {label}, {name}, {evidence.span(receivers(evidence) - market, oil)}", estimate, note
    )


def oil_predicts(evidence: Evidence) -> Measurement:
    """The receivers' relative return of the next month on oil's change as known."""
    name = evidence.oil()
    label, market = evidence.standing_for("market")
    relative = receivers(evidence) - market
    oil = change(evidence.series(name), relative=True)
    estimate = inference.ahead(relative, oil, MONTH)
    return evidence.finding(f"receivers less {label}, {name}, {evidence.span(relative, oil)}", estimate)


def small_on_yield(evidence: Evidence) -> Measurement:
    """Small caps' relative return on the 10-year's change over the same month."""
    small, ours = evidence.standing_for("small")
    label, market = evidence.standing_for("market")
    return _on_yield(evidence, f"{small} less {label}", ours - market)


def growth_on_yield(evidence: Evidence) -> Measurement:
    """The Nasdaq's return less the Dow's on the 10-year's change over the same month."""
    growth, ours = evidence.standing_for("nasdaq")
    value, theirs = evidence.standing_for("dow")
    return _on_yield(evidence, f"{growth} less {value}", ours - theirs)


def banks_on_yield(evidence: Evidence) -> Measurement:
    """Banks' relative return on the 10-year's change over the same month."""
    label, market = evidence.standing_for("market")
    return _on_yield(evidence, f"banks less {label}", evidence.sector("Financials", "Bank") - market)


def _on_yield(evidence: Evidence, label: str, relative: Array) -> Measurement:
    yields = evidence.series_on_day("us10y")
    estimate = beside(evidence, relative, change(yields))[0]
    return evidence.finding(
        f"{label}, {evidence.span(relative, yields)}", estimate, "Per percentage point of the yield."
    )


def floating_debt(evidence: Evidence) -> Measurement:
    """Small caps' relative return on the 10-year's change, the short rate's held fixed."""
    small, ours = evidence.standing_for("small")
    label, market = evidence.standing_for("market")
    short_name = "us3m" if "us3m" in set(evidence.market.series["series"]) else "us2y"
    long, short = (change(evidence.series_on_day(name)) for name in ("us10y", short_name))
    of_long, of_short = beside(evidence, ours - market, long, short)
    fell = long < 0
    alone = float((short[fell & np.isfinite(short)] >= 0).mean()) if fell.any() else float("nan")
    note = (
        f"Per percentage point. The short rate's own coefficient ({short_name}) is {of_short.value:+.3f} "
        f"({of_short.low:+.3f} to {of_short.high:+.3f}). By contract floating debt resets on short rates; in "
        f"{alone:.0%} of the months in which the 10-year fell, the short rate did not."
    )
    return evidence.finding(
        f"{small} less {label}, {evidence.span(ours - market, long, short)}", of_long, note
    )


def margins_on_yield(evidence: Evidence) -> Measurement:
    """Change over a year of the share of interest that banks keep on the 10-year's change in that year."""
    evidence.require_groups("financials")
    income, expense = evidence.fact("interest_income_ttm"), evidence.fact("interest_expense_ttm")
    kept = np.where(income > 0, (income - expense) / np.where(income > 0, income, 1.0), np.nan)
    rows = evidence.months[11:]
    belongs = evidence.belongs("financials")
    margin = row_medians(np.where(belongs, kept, np.nan))
    # Figures of twelve months are filed a quarter after the months that they speak of.
    yields = evidence.series_on_day("us10y")
    smooth = inference.trailing_mean(yields, YEAR)
    changes = [np.full(len(yields), np.nan) for _ in range(2)]
    changes[0][YEAR:] = margin[YEAR:] - margin[:-YEAR]
    changes[1][YEAR + QUARTER :] = (smooth[YEAR:] - smooth[:-YEAR])[:-QUARTER]
    estimate = inference.slope(changes[0][rows], changes[1][rows], lags=24)
    return evidence.finding(
        f"median of financials, monthly, {evidence.span(*changes)}",
        estimate,
        "Points of interest kept per percentage point of the 10-year's mean over the year.",
    )


def thaw(evidence: Evidence) -> Measurement:
    """Investment banks' next month after VIX below 20 with a narrowing spread, less after other days."""
    vix, narrower = evidence.series("vix"), change(evidence.series("hy_oas"))
    label, market = evidence.standing_for("market")
    relative = evidence.sector("Financials", "Investment Banking") - market
    known = np.isfinite(vix) & np.isfinite(narrower)
    calm = np.where(known, ((vix < CALM_VIX) & (narrower < 0)).astype(float), np.nan)
    share = float(calm[known].mean()) if known.any() else float("nan")
    return evidence.finding(
        f"investment banks less {label}, {evidence.span(calm, relative)}",
        inference.ahead(relative, calm, MONTH),
        f"A month. The condition held on {share:.0%} of days. Fees are not filed here: returns stand in.",
    )


CLAIMS = (
    Claim(
        "oil_helps",
        "Pillars",
        "Falling oil helps what the blueprint buys: financials, healthcare and small caps.",
        f"Regression of their relative return (40/30/30) on oil's change {SAME_MONTH}",
        -1,
        "number",
        "A split of oil's moves into supply and demand.",
        oil_helps,
        causal=True,
    ),
    Claim(
        "oil_predicts",
        "Pillars",
        "A fall of oil over a month foretells that financials, healthcare and small caps lead in the next.",
        f"Regression of their relative return on oil's change as published (a week late), {NEXT_MONTH}",
        -1,
        "number",
        "A relation that holds outside the sample.",
        oil_predicts,
    ),
    Claim(
        "small_on_yield",
        "Pillars",
        "A lower 10-year yield helps small caps against the index.",
        f"Regression of the relative return on the yield's change {SAME_MONTH}",
        -1,
        "number",
        "A split of the yield's moves into growth and policy news.",
        small_on_yield,
        causal=True,
    ),
    Claim(
        "growth_on_yield",
        "Pillars",
        "A lower 10-year yield helps growth against value.",
        f"Regression of Nasdaq less Dow on the yield's change {SAME_MONTH}",
        -1,
        "number",
        "A relation that is the same before and after 2020.",
        growth_on_yield,
        causal=True,
    ),
    Claim(
        "floating_debt",
        "Pillars",
        "A falling 10-year yield relieves the floating-rate debt of small caps.",
        "Regression of small caps' relative return on the 10-year's change, the short rate's held fixed, "
        f"{SAME_MONTH}",
        -1,
        "number",
        "Debt contracts that reset on the 10-year; there are next to none.",
        floating_debt,
        expected_to_fail=True,
        causal=True,
    ),
    Claim(
        "margins_on_yield",
        "Banks",
        "Falling long yields widen bank margins.",
        "Regression of a year's change of the share of interest that the median bank keeps on the change of "
        "the 10-year's mean over that year; Newey-West errors with 24 lags.",
        -1,
        "number",
        "Filed interest income and expense of the banks.",
        margins_on_yield,
        expected_to_fail=True,
        causal=True,
    ),
    Claim(
        "banks_on_yield",
        "Banks",
        "Falling long yields help bank shares.",
        f"Regression of banks' relative return on the 10-year's change {SAME_MONTH}",
        -1,
        "number",
        "A sample in which yields fall without recession fears.",
        banks_on_yield,
        expected_to_fail=True,
        causal=True,
    ),
    Claim(
        "thaw",
        "Banks",
        "Investment banks do well once VIX is below 20 and high-yield spreads narrow.",
        f"Their relative return after days on which both hold less that after others, {NEXT_MONTH}",
        1,
        "percent",
        "Filed fees, and banks that did not survive 2008.",
        thaw,
    ),
)
