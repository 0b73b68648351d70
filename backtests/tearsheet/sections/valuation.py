"""Price-to-sales of AI hardware against the software norm, with the decisions that changed the cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.document.blocks import Block, Figure, Line, LineChart, Marks, Paragraph, Section
from backtests.document.formats import formatted
from backtests.engine.books import Decision
from backtests.tearsheet.material import Material
from datafeeds import facts as fundamentals
from datafeeds.market import Array
from strategies.signals import NORM_YEARS, YEAR, row_medians, software_norms
from strategies.strategy import Strategy

FACT = "price_to_sales"
FEW = 4
"""Members of the hardware group that are drawn one by one if there are no more of them."""

STEP = 0.01
"""Change of the kept share from which on a decision is marked."""


@dataclass(frozen=True)
class _Rule:
    hardware: str
    software: str
    years: int
    least: int


def section(material: Material) -> Section:
    """Price-to-sales against the norm, or a sentence that says why it is missing."""
    title = "Valuation"
    market = material.result.market
    rule = _rule_of(material.result.book.strategy)
    missing = [group for group in (rule.hardware, rule.software) if group not in market.groups]
    if missing or FACT not in fundamentals.names(market):
        why = (
            f"no group {' or '.join(missing)}" if missing else "no price-to-sales: filed figures are missing"
        )
        return Section("valuation", title, (Paragraph(f"Not shown: the market has {why}.", "note"),))
    return Section("valuation", title, _blocks(material, rule))


def _rule_of(strategy: Strategy) -> _Rule:
    """Take the rule from the strategy's parameters; one without them is shown against the usual rule."""
    given = strategy.values()
    return _Rule(
        hardware=str(given.get("hardware", "ai_hardware")),
        software=str(given.get("software", "software")),
        years=int(given.get("norm_years", NORM_YEARS)),
        least=int(given.get("norm_sessions", YEAR)),
    )


def _blocks(material: Material, rule: _Rule) -> tuple[Block, ...]:
    hardware, software, years = rule.hardware, rule.software, rule.years
    market, sessions = material.result.market, material.sessions
    first = market.index_of(sessions[0])
    run = slice(first, first + len(sessions))
    ratios = fundamentals.fact(market, FACT)
    norm = software_norms(fundamentals.group_median(market, FACT, software), years, rule.least)[run]
    members = market.memberships(hardware)[run]
    own = np.where(members, ratios[run], np.nan)
    median = row_medians(own)
    if not (np.isfinite(median) & np.isfinite(norm)).any():
        text = "Not shown: price-to-sales and its norm are never known on the same session of this run."
        return (Paragraph(text, "note"),)
    columns = np.flatnonzero(np.isfinite(own).any(axis=0))
    lines = [Line(f"{hardware} (median)", sessions, median, 0), Line("norm", sessions, norm, 1, "dashed")]
    if 1 < len(columns) <= FEW:
        lines += [
            Line(market.symbols[column], sessions, own[:, column], slot, "dotted")
            for slot, column in enumerate(columns, start=2)
        ]
    symbols = [market.symbols[column] for column in np.flatnonzero(members.any(axis=0))]
    dates = changed_cuts(material.result.book.ledger.decisions, symbols)
    marks = Marks("decision that changed the cut", dates, median[np.searchsorted(sessions, dates)], 3)
    figure = Figure(
        "price-to-sales",
        LineChart(tuple(lines), "number", log=True, marks=(marks,) if len(dates) else ()),
        f"Price-to-sales of {hardware} and the norm: median over {years} years of the median of "
        f"{software}, as known each day, logarithmic scale",
        _alt(hardware, median, norm, len(dates)),
    )
    return (figure,)


def _alt(hardware: str, median: Array, norm: Array, decisions: int) -> str:
    both = np.isfinite(median) & np.isfinite(norm)
    above = float((median[both] > norm[both]).mean())
    return (
        f"The median price-to-sales of {hardware} was above the norm on "
        f"{formatted(above, 'percent')} of the sessions on which both are known; at the last of them it was "
        f"{formatted(float(median[both][-1]), 'number')} against "
        f"{formatted(float(norm[both][-1]), 'number')}. {decisions} decisions changed the cut."
    )


def changed_cuts(decisions: Sequence[Decision], symbols: list[str]) -> npt.NDArray[np.datetime64]:
    """Sessions of the decisions whose target keeps another share of `symbols` than the one before.

    The share kept is the weight of `symbols` in the target / their weight in its starting weights.
    """
    dates = []
    before = 1.0
    for decision in decisions:
        start = _weight(decision.target.changes[0].weights, symbols)
        if start <= 0:
            continue
        kept = _weight(decision.target.weights, symbols) / start
        if abs(kept - before) >= STEP:
            dates.append(decision.session)
        before = kept
    return np.array(dates, dtype="datetime64[D]")


def _weight(weights: Mapping[str, float], symbols: list[str]) -> float:
    return sum(weights.get(symbol, 0.0) for symbol in symbols)
