"""Claims about the blueprint as a whole, and about the day itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np

from backtests.engine.books import Decision
from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import Evidence, Missing
from backtests.research.claims.measurement import Measurement
from backtests.research.claims.pillars import receivers
from backtests.runner import run
from backtests.settings.run_file import parse
from datafeeds.market import Array

START = dt.date(2011, 3, 1)
"""A full year of filed figures is public for every company by then."""

REPORTED, RECORDED = 0.046, 0.0221
"""Johnson & Johnson on 2026-06-04, as reported and by three price records."""


def blueprint_beats(evidence: Evidence) -> Measurement:
    """The blueprint's monthly return less the cap-weighted universe's, after the same costs."""
    evidence.fact("price_to_sales")
    costs = {"commission_bps": 1.0, "half_spread_bps": 2.0}
    document = {
        "name": "claims",
        "engine": "ledger",
        "start": max(START, evidence.market.sessions[0].astype(object)),
        "capital": 10_000_000.0,
        "strategy": {"name": "Blueprint"},
        "benchmarks": [{"name": "CapWeighted"}],
        "costs": costs,
    }
    result = run(parse(document, "the claims"), market=evidence.market)
    ours, theirs = (book.ledger.equity for book in result.books)
    sessions = result.book.ledger.sessions
    month = sessions.astype("datetime64[M]")
    ends = np.flatnonzero(month[1:] != month[:-1])
    monthly = np.diff(np.log(ours[ends])) - np.diff(np.log(theirs[ends]))
    years = float((sessions[-1] - sessions[0]).astype(int)) / 365.25
    yearly = [float((equity[-1] / equity[0]) ** (1 / years) - 1) for equity in (ours, theirs)]
    return evidence.finding(
        f"ledger engine, {sessions[0]} to {sessions[-1]}",
        inference.mean(monthly, lags=3).times(12),
        f"A year. {yearly[0]:.2%} a year against {yearly[1]:.2%}, 1 bp commission and 2 bp half-spread each. "
        f"On average {freed_weight(result.book.ledger.decisions):.2%} of the portfolio was moved.",
    )


def freed_weight(decisions: Iterable[Decision]) -> float:
    """Mean over decisions of the weight that the rotation had taken out of hardware."""
    freed = []
    for decision in decisions:
        start = decision.target.changes[0].weights
        cut = decision.target.state.get("rotation", {}).get("cut", {})
        freed.append(sum(start.get(name, 0.0) * share for name, share in cut.items()))
    return float(np.mean(freed)) if freed else 0.0


def technology_won(evidence: Evidence) -> Measurement:
    """Hardware less the receivers, March 2009 to March 2017."""
    return _between(
        evidence,
        "2009-03-01",
        "2017-03-31",
        evidence.group("ai_hardware") - receivers(evidence),
        "hardware less receivers",
        "A year. On Ken French's portfolios, without hindsight in the names: technology 20.70% a year, the "
        "blueprint's receivers 20.05%.",
    )


def receivers_protected(evidence: Evidence) -> Measurement:
    """The receivers less the market, March 2000 to September 2002."""
    label, market = evidence.standing_for("market")
    return _between(
        evidence,
        "2000-03-01",
        "2002-09-30",
        receivers(evidence) - market,
        f"receivers less {label}",
        "A year. On Ken French's portfolios: receivers +2.11% a year, technology -45.10% a year.",
    )


def _between(evidence: Evidence, start: str, end: str, relative: Array, label: str, note: str) -> Measurement:
    sessions = evidence.market.sessions
    inside = (sessions >= np.datetime64(start)) & (sessions <= np.datetime64(end))
    if not inside.any() or sessions[0] > np.datetime64(start) or sessions[-1] < np.datetime64(end):
        raise Missing(f"the market does not span {start[:7]} to {end[:7]}")
    month = sessions[inside].astype("datetime64[M]").astype(int)
    values = relative[inside]
    monthly = np.array([values[month == each].sum() for each in np.unique(month)])
    return evidence.finding(
        f"{label}, {start[:7]} to {end[:7]}", inference.mean(monthly, lags=3).times(12), note
    )


def johnson_and_johnson(evidence: Evidence) -> Measurement:
    """What is on record of the share on the day; the market's own record if it has one."""
    market = evidence.market
    day = np.datetime64("2026-06-04")
    index = market.index_of(day)
    change, source = RECORDED, "three price records, as the reference page gives them"
    if "JNJ" in market.column and index > 0 and market.sessions[index] == day:
        change, source = float(evidence.returns[index, market.column["JNJ"]]), "this market's own prices"
    return Measurement(
        data=source,
        estimate=change,
        stated="contradicted" if abs(change - REPORTED) > 0.005 else "supported",
        note=f"Reported at {REPORTED:+.1%}; on record {change:+.2%}. Both are kept, also in the stress test.",
    )


CLAIMS = (
    Claim(
        "blueprint_beats",
        "The whole",
        "The blueprint beats the cap-weighted index after costs.",
        "Monthly log return of the blueprint less that of the cap-weighted universe at the same costs, mean; "
        "Newey-West errors with 3 lags.",
        1,
        "percent",
        "A sample in which hardware is dear more often, and a universe without hindsight.",
        blueprint_beats,
    ),
    Claim(
        "technology_won",
        "The whole",
        "Money moved out of hardware, whatever it cost, would have earned less from 2009 to 2017.",
        "Monthly return of hardware less the receivers, mean; Newey-West errors with 3 lags. The years were "
        "chosen knowing them, which the interval does not.",
        1,
        "percent",
        "Hardware names of each day: those of today include the winners only.",
        technology_won,
        hindsight=1,
    ),
    Claim(
        "receivers_protected",
        "The whole",
        "What the blueprint buys protected when hardware last deflated, from 2000 to 2002.",
        "Monthly return of the receivers less the market, mean; Newey-West errors with 3 lags. Hardware "
        "itself fell by the choice of the years.",
        1,
        "percent",
        "Companies that did not survive, in hardware and elsewhere.",
        receivers_protected,
        hindsight=1,
    ),
    Claim(
        "johnson_and_johnson",
        "The day",
        "Johnson & Johnson rose 4.6% on 2026-06-04.",
        "Comparison with the price records.",
        1,
        "percent",
        "A price record with +4.6%.",
        johnson_and_johnson,
        expected_to_fail=True,
    ),
)
