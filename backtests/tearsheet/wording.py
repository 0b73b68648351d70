"""Sentences made from the numbers: what happened, said plainly, also when it is not welcome."""

from __future__ import annotations

import numpy as np

from backtests.analysis.attribution import gross_returns
from backtests.analysis.performance import Performance, period_returns
from backtests.analysis.span import span_in_years
from backtests.analysis.stress import episodes_sentence, worst_windows
from backtests.document.formats import formatted, typeset
from backtests.engine.terms import Costs
from backtests.tearsheet.material import Material
from backtests.tearsheet.provenance import lookahead, trials_on_record, verification
from strategies.strategy import summary_of

EVEN = 0.001
"""Returns closer than this (0.1 points) are called the same."""

CLOSE = 0.01
"""Tracking errors a year below this are called hardly different."""


def headline(material: Material) -> str:
    """Say in one sentence whether the strategy beat its primary benchmark after costs."""
    return _return(material)


def answers(material: Material) -> tuple[tuple[str, str], ...]:
    """Answer what a reader asks first; a question and its answer each.

    Parameters
    ----------
    material : Material

    Returns
    -------
    tuple of (str, str)
    """
    said = (
        ("What was run", [_run(material)]),
        ("Did it win", [_closeness(material), *_others(material), *_worst_year(material)]),
        ("At what risk", [_risk(material)]),
        ("At what cost", [_cost(material), _gross(material)]),
        ("Is it luck", _luck(material)),
        ("What hurts it", _hurts(material)),
        ("Who checked", [verification(material.result.manifest), lookahead(material.result.manifest)]),
        ("How often tried", [trials_on_record(material.result.manifest)]),
    )
    whole = ((question, " ".join(part for part in parts if part)) for question, parts in said)
    return tuple((question, typeset(answer)) for question, answer in whole if answer)


def _run(material: Material) -> str:
    result, market = material.result, material.result.market
    strategy = type(result.book.strategy)
    adjusted = ", closes adjusted for dividends" if market.adjustment == "total_return" else ""
    span = f"{material.sessions[0]} to {material.sessions[-1]}, {len(material.sessions):,} sessions"
    return (
        f"{strategy.__name__}: {summary_of(strategy).rstrip('.')}. On {market.name}"
        f"{' (' + market.source.rstrip('.') + ')' if market.source else ''}{adjusted}; {span}, starting with "
        f"{result.config.capital:,.0f}."
    )


def _gross(material: Material) -> str:
    """Gross against net, and that both are time-weighted."""
    ledger = material.result.book.ledger
    grown = float(np.log1p(gross_returns(ledger).to_numpy()).sum())
    years = span_in_years(material.sessions) if material.annual else 1.0
    gross = float(np.expm1(grown / years))
    unit = " a year" if material.annual else ""
    return (
        f"Before trading costs it returned {formatted(gross, 'percent2')}{unit} (gross), after them "
        f"{formatted(_growth(material.performances[0]), 'percent2')} (net); both time-weighted."
    )


def _luck(material: Material) -> list[str]:
    """Deflated Sharpe ratio, and the interval of the lead over each benchmark."""
    found = material.significance
    if found is None:
        return ["Not tested: the run is too short."]
    said = [found.trials_sentence() if material.trials else found.sharpe_sentence()]
    if material.primary is not None:
        said.append(found.benchmark_sentence(material.labels[1]).split(" Information ratio")[0])
    clear: list[str] = []
    unclear: list[str] = []
    for label in material.labels[2:]:
        lead = found.bootstrap.interval("growth_difference", label)
        (unclear if lead.low <= 0 <= lead.high else clear).append(label)
    if unclear:
        said.append(f"The interval includes zero against {listed(unclear)} too.")
    if clear:
        said.append(f"It leaves zero out against {listed(clear)}.")
    return said


def _hurts(material: Material) -> list[str]:
    said = _worst_stretch(material)
    if material.primary is not None and material.episodes:
        said.append(episodes_sentence(material.episodes, material.labels[0], material.labels[1]))
    if material.shocks:
        worst = min((outcomes[0] for outcomes in material.shocks), key=lambda each: each.total)
        name, hit = worst.scenario.name, f"{worst.total:+.2%}"
        said.append(
            f"Of the shocks of one day, {name} would cost most: {hit} on the last weights."
            if worst.total < 0
            else f"None of the shocks of one day would cost anything on the last weights; least, {hit}, "
            f"comes from {name}."
        )
    return said


def _worst_stretch(material: Material) -> list[str]:
    """The worst year, or the longest stretch that the run has room for."""
    found = worst_windows(material.equities, material.sessions)
    if not found:
        return []
    window = next(
        each for each in found if each.sessions == found[-1].sessions and each.label == material.labels[0]
    )
    length = {21: "month", 63: "quarter", 252: "year"}[window.sessions]
    return [
        f"Its worst {length} was {window.returns[window.label]:+.1%}, from {window.start} to {window.end}."
    ]


def _growth(numbers: Performance) -> float:
    """Return what is compared: the return a year if annualised, else in total."""
    return numbers.total_return if numbers.cagr is None else numbers.cagr


def points(difference: float) -> str:
    """Write a difference of returns in percentage points, unsigned."""
    return f"{abs(difference) * 100:,.1f} points"


def listed(names: list[str]) -> str:
    """Names joined as in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _return(material: Material) -> str:
    label = material.result.book.label
    ours = material.performances[0]
    a_year = " a year" if material.annual else ""
    how = "a year" if material.annual else "in total, over less than a year,"
    growth = formatted(_growth(ours), "percent")
    said = (
        f"After costs, {label} returned {growth} {how} from {material.sessions[0]} to {material.sessions[-1]}"
    )
    if material.primary is None:
        return f"{said}. No benchmark was run, so this does not say whether the market did better."
    theirs = material.performances[1]
    name, difference = material.primary.label, material.relatives[0].excess_return
    if abs(difference) < EVEN:
        exact = formatted(_growth(ours), "percent2"), formatted(_growth(theirs), "percent2")
        beat = "clearly beat" if difference > 0 else "beat"
        close = f"practically the same as {name} ({exact[0]} against {exact[1]})"
        return f"{said}, {close}. It did not {beat} {name}."
    more, beat = ("more", "beat") if difference > 0 else ("less", "did not beat")
    other = formatted(_growth(theirs), "percent")
    return f"{said}, {points(difference)}{a_year} {more} than {name} ({other}). It {beat} {name}."


def _others(material: Material) -> list[str]:
    """Say how it did against the further benchmarks."""
    further = list(zip(material.result.benchmarks, material.relatives, strict=True))[1:]
    said: dict[str, list[str]] = {"beat": [], "trailed": [], "did about the same as": []}
    for book, numbers in further:
        difference = numbers.excess_return
        if abs(difference) < EVEN:
            said["did about the same as"].append(book.label)
        else:
            said["beat" if difference > 0 else "trailed"].append(f"{book.label} by {points(difference)}")
    return [f"It {verb} {listed(names)}." for verb, names in said.items() if names]


def _closeness(material: Material) -> str:
    """Say so where the portfolio hardly differed from the primary benchmark."""
    if material.primary is None or not material.annual or not material.relatives[0].tracking_error < CLOSE:
        return ""
    error = formatted(material.relatives[0].tracking_error, "percent2")
    return f"It hardly differed from {material.primary.label}: the tracking error is {error} a year."


def _risk(material: Material) -> str:
    ours = material.performances[0]
    if ours.drawdown_peak is None:
        return "Its equity never fell below an earlier close."
    fall = (
        f"Its worst fall was {formatted(ours.max_drawdown, 'percent')}, "
        f"from {ours.drawdown_peak} to {ours.drawdown_trough}, "
    )
    fall += (
        "not recovered by the end of the run"
        if ours.drawdown_recovery is None
        else f"recovered on {ours.drawdown_recovery}"
    )
    if material.primary is None:
        return f"{fall}."
    theirs = material.performances[1]
    return (
        f"{fall}; that of {material.primary.label} was {formatted(theirs.max_drawdown, 'percent')}. "
        f"{_reward(ours, theirs, material.primary.label)}"
    ).strip()


def _reward(ours: Performance, theirs: Performance, name: str) -> str:
    """Return per unit of risk against the benchmark's."""
    if not (np.isfinite(ours.sharpe) and np.isfinite(theirs.sharpe)):
        return ""
    ratios = f"(Sharpe ratio {formatted(ours.sharpe, 'number')} against {formatted(theirs.sharpe, 'number')})"
    if round(ours.sharpe, 2) == round(theirs.sharpe, 2):
        return f"For the risk taken it earned as much as {name} {ratios}."
    more = "more" if ours.sharpe > theirs.sharpe else "less"
    return f"For the risk taken it earned {more} than {name} {ratios}."


def _worst_year(material: Material) -> list[str]:
    """Name the calendar year in which it trailed the primary benchmark most."""
    if material.primary is None or not material.annual:
        return []
    ours = period_returns(material.result.book.ledger.equity, material.sessions, "Y")
    theirs = period_returns(material.primary.ledger.equity, material.sessions, "Y")
    gap = (ours - theirs).to_numpy()
    worst = int(gap.argmin())
    if gap[worst] >= 0:
        return []
    year = ours.index[worst].year
    pair = [formatted(float(each.iloc[worst]), "signed") for each in (ours, theirs)]
    return [f"It hurt most against {material.primary.label} in {year}: {pair[0]} against {pair[1]}."]


def _cost(material: Material) -> str:
    ours = material.tradings[0]
    if ours.fills == 0:
        return "It never traded: there is not one fill in its ledger."
    over = "a year" if material.annual else "over the run"
    return (
        f"Trading cost {formatted(ours.cost_bps, 'bps')} bps of equity {over} "
        f"at a turnover of {formatted(ours.turnover, 'percent')}."
    )


PARTICIPATION = {"known": "the volume of the month before", "session": "a session's volume"}
"""What orders are capped at a share of, by `Costs.participation_volume`."""


def costs_in_words(costs: Costs) -> str:
    """Write the run's cost assumptions as a sentence."""
    parts = [
        f"commission {costs.commission_bps:g} bps of value" if costs.commission_bps else "",
        f"{costs.commission_per_share:g} a share" if costs.commission_per_share else "",
        f"half-spread {costs.half_spread_bps:g} bps" if costs.half_spread_bps else "",
        f"square-root market impact with coefficient {costs.impact:g}"
        if costs.impact
        else "no market impact",
        f"orders capped at {costs.max_participation:.0%} of {PARTICIPATION[costs.participation_volume]}"
        if costs.max_participation
        else "",
        f"{costs.dividend_withholding:.0%} of dividends withheld" if costs.dividend_withholding else "",
        f"interest on cash {costs.cash_rate:.2%} a year" if costs.cash_rate else "no interest on cash",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{said[0].upper()}{said[1:]}; the same for the strategy and every benchmark."
