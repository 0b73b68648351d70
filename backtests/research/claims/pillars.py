"""Claims about oil, yields, the curve and credit."""

from __future__ import annotations

import numpy as np

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Positions
from backtests.research.claims.measurement import Measurement
from backtests.research.events import forward_sums
from datafeeds.market import Array
from strategies.blueprint import Blueprint


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


def change(values: Array, rows: Positions, *, relative: bool = False) -> Array:
    """Change over the month that ends at each of `rows`."""
    now, before = values[rows], values[rows - MONTH]
    if not relative:
        return now - before
    positive = (now > 0) & (before > 0)
    ratio: Array = np.where(positive, now / np.where(positive, before, 1.0) - 1.0, np.nan)
    return ratio


def oil_helps(evidence: Evidence) -> Measurement:
    """The receivers' relative return on oil's change over the same month."""
    name = evidence.oil()
    label, market = evidence.standing_for("market")
    rows = evidence.every(MONTH)
    oil = change(evidence.series_on_day(name), rows, relative=True)
    relative = evidence.trailing(receivers(evidence) - market, MONTH)[rows]
    estimate = inference.slope(relative, oil, lags=3)
    betas = []
    for sector in evidence.sectors:
        sums = evidence.trailing(evidence.sector(sector) - market, MONTH)[rows]
        beta = inference.slope(sums, oil, lags=3)
        if beta.p_value < 0.05 / len(evidence.sectors):
            betas.append(f"{sector} {beta.value:+.2f}")
    note = "Beyond doubt by sector (Bonferroni): " + (", ".join(betas) or "none") + "."
    return evidence.finding(
        f"receivers less {label}, {name}, months of {MONTH} sessions, "
        f"{evidence.span(receivers(evidence), market, evidence.series_on_day(name))}",
        estimate,
        note,
    )


def oil_predicts(evidence: Evidence) -> Measurement:
    """The receivers' relative return of the next month on oil's change as known."""
    name = evidence.oil()
    label, market = evidence.standing_for("market")
    rows = evidence.every(MONTH)
    oil = change(evidence.series(name), rows, relative=True)
    ahead = forward_sums(receivers(evidence) - market, MONTH)[rows]
    estimate = inference.slope(ahead, oil, lags=3)
    return evidence.finding(
        f"receivers less {label}, {name}, {evidence.span(receivers(evidence), evidence.series(name))}",
        estimate,
    )


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
    rows = evidence.every(MONTH)
    estimate = inference.slope(evidence.trailing(relative, MONTH)[rows], change(yields, rows), lags=3)
    return evidence.finding(
        f"{label}, months of {MONTH} sessions, {evidence.span(relative, yields)}",
        estimate,
        "Per percentage point of the yield.",
    )


def floating_debt(evidence: Evidence) -> Measurement:
    """Small caps' relative return on the 10-year's change, the short rate's held fixed."""
    small, ours = evidence.standing_for("small")
    label, market = evidence.standing_for("market")
    rows = evidence.every(MONTH)
    short_name = "us3m" if "us3m" in set(evidence.market.series["series"]) else "us2y"
    long, short = evidence.series_on_day("us10y"), evidence.series_on_day(short_name)
    relative = evidence.trailing(ours - market, MONTH)[rows]
    changes = [change(long, rows), change(short, rows)]
    of_long, of_short = inference.regression(relative, changes, lags=3)
    fell = changes[0] < 0
    alone = float((changes[1][fell & np.isfinite(changes[1])] >= 0).mean()) if fell.any() else float("nan")
    note = (
        f"Per percentage point. The short rate's own coefficient ({short_name}) is {of_short.value:+.3f} "
        f"({of_short.low:+.3f} to {of_short.high:+.3f}). By contract floating debt resets on short rates; in "
        f"{alone:.0%} of the months in which the 10-year fell, the short rate did not."
    )
    return evidence.finding(
        f"{small} less {label}, {evidence.span(ours, market, long, short)}", of_long, note
    )


def curve_flattens(evidence: Evidence) -> Measurement:
    """Change of the slope, 10-year less 2-year, on the 10-year's change over the same month."""
    rows = evidence.every(MONTH)
    long, short = evidence.series_on_day("us10y"), evidence.series_on_day("us2y")
    estimate = inference.slope(change(long - short, rows), change(long, rows), lags=3)
    return evidence.finding(
        f"months of {MONTH} sessions, {evidence.span(long, short)}",
        estimate,
        "Points of slope per point of the 10-year: above zero, a falling 10-year flattens the curve. Bank "
        "margins themselves are not filed here.",
    )


def thaw(evidence: Evidence) -> Measurement:
    """Investment banks' next month after VIX below 20 with a narrowing spread, less after other days."""
    vix, spread = evidence.series("vix"), evidence.series("hy_oas")
    label, market = evidence.standing_for("market")
    relative = evidence.sector("Financials", "Investment Banking") - market
    rows = evidence.every(MONTH)
    narrower = change(spread, rows)
    known = np.isfinite(vix[rows]) & np.isfinite(narrower)
    on = (vix[rows] < 20) & (narrower < 0)
    estimate = inference.difference(forward_sums(relative, MONTH)[rows], on, known, lags=3)
    share = float(on[known].mean()) if known.any() else float("nan")
    return evidence.finding(
        f"investment banks less {label}, {evidence.span(vix, spread, relative)}",
        estimate,
        f"A month. The condition held in {share:.0%} of months. Fees are not filed here: returns stand in.",
    )


CLAIMS = (
    Claim(
        "oil_helps",
        "Pillars",
        "Falling oil helps what the blueprint buys: financials, healthcare and small caps.",
        "Regression of their relative return (40/30/30) on oil's change over the same 21 sessions; "
        "Newey-West errors with 3 lags.",
        -1,
        "number",
        "A split of oil's moves into supply and demand.",
        oil_helps,
    ),
    Claim(
        "oil_predicts",
        "Pillars",
        "A fall of oil over a month foretells that financials, healthcare and small caps lead in the next.",
        "The same on the next 21 sessions, oil as published (a week late).",
        -1,
        "number",
        "A relation that holds outside the sample.",
        oil_predicts,
    ),
    Claim(
        "small_on_yield",
        "Pillars",
        "A lower 10-year yield helps small caps against the index.",
        "Regression of the relative return on the yield's change over the same 21 sessions; Newey-West "
        "errors with 3 lags.",
        -1,
        "number",
        "A split of the yield's moves into growth and policy news.",
        small_on_yield,
    ),
    Claim(
        "growth_on_yield",
        "Pillars",
        "A lower 10-year yield helps growth against value.",
        "Regression of Nasdaq less Dow on the yield's change over the same 21 sessions; Newey-West errors "
        "with 3 lags.",
        -1,
        "number",
        "A relation that is the same before and after 2020.",
        growth_on_yield,
    ),
    Claim(
        "floating_debt",
        "Pillars",
        "A falling 10-year yield relieves the floating-rate debt of small caps.",
        "Regression of small caps' relative return on the 10-year's change with the short rate's held fixed; "
        "Newey-West errors with 3 lags.",
        -1,
        "number",
        "Debt contracts that reset on the 10-year; there are next to none.",
        floating_debt,
        expected_to_fail=True,
    ),
    Claim(
        "curve_flattens",
        "Banks",
        "Falling long yields widen bank margins, because the curve steepens.",
        "Regression of the change of the slope (10-year less 2-year) on the 10-year's change over the same "
        "21 sessions; Newey-West errors with 3 lags.",
        -1,
        "number",
        "Filed net interest margins that rise when long yields fall.",
        curve_flattens,
        expected_to_fail=True,
    ),
    Claim(
        "banks_on_yield",
        "Banks",
        "Falling long yields help bank shares.",
        "Regression of banks' relative return on the 10-year's change over the same 21 sessions; Newey-West "
        "errors with 3 lags.",
        -1,
        "number",
        "A sample in which yields fall without recession fears.",
        banks_on_yield,
        expected_to_fail=True,
    ),
    Claim(
        "thaw",
        "Banks",
        "Investment banks do well once VIX is below 20 and high-yield spreads narrow.",
        "Their relative return over the next 21 sessions when both hold, less when not; Newey-West errors "
        "with 3 lags.",
        1,
        "percent",
        "Filed fees, and banks that did not survive 2008.",
        thaw,
    ),
)
