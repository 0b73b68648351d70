"""Sentences made from the numbers: what happened, said plainly, also when it is not welcome.

First what each analysis says, then what page one answers.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from typing import Literal

import numpy as np

from backtests.analysis.attribution import BrinsonFachler, CostAttribution, gross_returns
from backtests.analysis.capacity import Capacity, CostAtSize
from backtests.analysis.factors import FactorRegression
from backtests.analysis.hedging import LIKE_NOTHING, HedgeReport, HedgeVerdict, SoldPut
from backtests.analysis.holdings import HoldingRisk
from backtests.analysis.realism import FillCheck
from backtests.analysis.registry import Figures
from backtests.analysis.significance import Overfitting, Significance
from backtests.analysis.span import span_in_years
from backtests.analysis.steadiness import AverageMix, Steadiness
from backtests.analysis.stress import EpisodeOutcome, RegimeOutcome, stretches
from backtests.analysis.through_time import period_returns
from backtests.document.formats import formatted, typeset
from backtests.engine.terms import Costs
from backtests.result import Result
from backtests.tearsheet.provenance import author_knew, lookahead, trials_on_record, verification
from datafeeds.names import named
from strategies.strategy import summary_of

EVEN = 0.001
"""Returns closer than this (0.1 points) are called the same."""

CLOSE = 0.01
"""Tracking errors a year below this are called hardly different."""


# --- What each analysis says ----------------------------------------------------------------------


def standing(difference: float) -> Literal["ahead", "level", "behind"]:
    """How a lead a year is called, in the headline and wherever else it is spoken of."""
    return "level" if abs(difference) < EVEN else "ahead" if difference > 0 else "behind"


def significance_sentences(found: Significance, survivors: Container[str] = ()) -> tuple[str, ...]:
    """Say all of it: each lead, what the trials take off, the record needed, the return alone, drawdown.

    Parameters
    ----------
    found : Significance
    survivors : container of str
        Benchmarks against which stocks that are known to have survived are no fair comparison.
    """
    leads = [each.benchmark for each in found.bootstrap.intervals if each.statistic == "growth_difference"]
    return (
        *(lead_sentence(found, each, each in survivors) + _ratio_sentence(found, each) for each in leads),
        trials_sentence(found),
        track_record_sentence(found),
        luck_verdict(found),
        sharpe_sentence(found),
        drawdown_sentence(found),
    )


def luck_verdict(found: Significance) -> str:
    """Whether luck explains the lead: the one place that says so."""
    if found.lead is None:
        return "Without a benchmark there is no lead that could be luck."
    lead = found.bootstrap.interval("growth_difference", found.benchmark).estimate
    if standing(lead) != "ahead":
        return f"There is no lead over {found.benchmark} that luck would have to explain."
    if found.is_clear:
        return f"Luck is an unlikely explanation of the lead over {found.benchmark}."
    return f"The lead over {found.benchmark} may be luck."


def sharpe_sentence(found: Significance) -> str:
    """Say, as a side remark, how sure it is that the portfolio earned anything."""
    if math.isnan(found.alone.returns.sharpe):
        return "The portfolio's returns don't vary, so there is no Sharpe ratio to test."
    interval = found.bootstrap.interval("sharpe")
    return (
        f"Besides: the Sharpe ratio is {found.sharpe:.2f}{_unit(found)}, between {interval.low:.2f} and "
        f"{interval.high:.2f} in {interval.level:.0%} of {found.bootstrap.draws:,} resampled histories, "
        f"above zero with a probability of {_percent(found.alone.probabilistic)}; any portfolio of stocks "
        "shows that in a rising market."
    )


def trials_sentence(found: Significance) -> str:
    """Say what the number of trials does to the lead, or to the Sharpe ratio without a benchmark."""
    judged, trials = found.judged, found.trials
    if math.isnan(judged.deflated):
        return "Without a ratio there is nothing to deflate."
    what = f"lead over {found.benchmark}" if found.lead else "Sharpe ratio"
    scale = math.sqrt(found.sessions_a_year)
    ratio = f"The {what} has {'an information' if found.lead else 'a'} ratio of "
    ratio += f"{judged.returns.sharpe * scale:.2f}{_unit(found)}"
    if trials.recorded == 1:
        return f"{ratio}, truly above zero with a probability of {_percent(judged.probabilistic)}."
    source = "" if trials.measured else ", taking them to vary as worthless ones would"
    return (
        f"{ratio}. With {trials.recorded:,} trials on this market, worth about {trials.effective:,.1f} "
        f"independent ones, the best worthless one would be expected to show {trials.hurdle * scale:.2f}"
        f"{source}; the ratio is truly above that with a probability of {_percent(judged.deflated)}."
    )


def odds_sentence(found: Significance) -> str:
    """How probable it is that the lead is more than the trials explain, for a reader in a hurry."""
    judged, trials = found.judged, found.trials
    if math.isnan(judged.deflated):
        return "Without a ratio there is nothing to deflate."
    scale = math.sqrt(found.sessions_a_year)
    ratio = f"{judged.returns.sharpe * scale:.2f}{_unit(found)}"
    if trials.recorded == 1:
        return (
            f"Its information ratio of {ratio} is truly above zero with a probability of "
            f"{_percent(judged.probabilistic)}."
        )
    return (
        f"Its information ratio of {ratio} is truly above what the best of {trials.recorded:,} worthless "
        f"trials would show ({trials.hurdle * scale:.2f}) with a probability of {_percent(judged.deflated)}."
    )


def track_record_sentence(found: Significance) -> str:
    """Say how long a record the lead needs, or the Sharpe ratio without a benchmark."""
    judged = found.judged
    what = f"A lead over {found.benchmark}" if found.lead else "A Sharpe ratio above zero"
    if math.isinf(judged.least_sessions):
        return f"{what} would not show in a record of any length, because the measured one is not above zero."
    needed = judged.least_sessions / judged.returns.count * found.years
    verdict = "long enough" if judged.least_sessions <= judged.returns.count else "too short"
    return (
        f"{what} of this ratio needs {needed:.1f} years of record at 95% confidence; there are "
        f"{found.years:.1f}, which is {verdict}."
    )


SURVIVORS = ", but every stock here is known to have survived, which lifts any portfolio of them above a fund"


def lead_sentence(found: Significance, benchmark: str, survivors: bool = False) -> str:
    """Say how sure the lead over one benchmark is.

    Parameters
    ----------
    found : Significance
    benchmark : str
        Its label.
    survivors : bool
        Whether the stocks are known to have survived and the benchmark is not made of them.
    """
    lead = found.bootstrap.interval("growth_difference", benchmark)
    if math.isnan(found.bootstrap.interval("information_ratio", benchmark).estimate):
        return f"The portfolio and {benchmark} moved together exactly; there is no lead to test."
    said = {"ahead": "It beat", "level": "It did about the same as", "behind": "It trailed"}
    includes = lead.low <= 0 <= lead.high
    sign = "above" if lead.low > 0 else "below"
    interval = "the interval includes zero" if includes else f"the whole interval is {sign} zero"
    period = " a year" if found.sessions_a_year > 1 else ""
    return (
        f"{said[standing(lead.estimate)]} {benchmark}: {lead.estimate * 100:+.2f} percentage points{period}, "
        f"between {lead.low * 100:+.2f} and {lead.high * 100:+.2f} in {lead.level:.0%} of resampled "
        f"histories, ahead in {_percent(lead.above_zero)} of them; {interval}"
        f"{SURVIVORS if survivors and not includes and lead.estimate > 0 else ''}."
    )


def _ratio_sentence(found: Significance, benchmark: str) -> str:
    ratio = found.bootstrap.interval("information_ratio", benchmark)
    if math.isnan(ratio.estimate):
        return ""
    return f" Information ratio {ratio.estimate:.2f} ({ratio.low:.2f} to {ratio.high:.2f})."


def drawdown_sentence(found: Significance) -> str:
    """Say what drawdowns other orders of the same blocks give."""
    interval = found.bootstrap.interval("max_drawdown")
    return (
        f"The maximum drawdown was {interval.estimate:.1%}; other orders of the same history give "
        f"{interval.low:.1%} to {interval.high:.1%} in {interval.level:.0%} of draws (blocks of "
        f"{found.bootstrap.block_length:.0f} sessions on average; bear markets longer than a block are "
        "broken up, so the true range may reach deeper)."
    )


def _unit(found: Significance) -> str:
    return " a year" if found.sessions_a_year > 1 else " a session"


def _percent(probability: float) -> str:
    """Word a probability without claiming certainty."""
    if probability > 0.995:
        return "more than 99%"
    if probability < 0.005:
        return "less than 1%"
    return f"{probability:.0%}"


def overfitting_sentence(found: Overfitting) -> str:
    """Say what the number means."""
    if found.probability >= 0.4:
        verdict = "choosing by backtest was about as good as chance"
        if found.probability > 0.6:
            verdict = "choosing by backtest was worse than chance"
    elif found.probability >= 0.1:
        verdict = "choosing by backtest helped, but overfitting is likely enough to matter"
    else:
        verdict = "choosing by backtest carried over"
    return (
        f"Of {found.splits:,} ways to split the history into halves, the best of {found.configurations:,} "
        f"configurations in one half was no better than the median in the other in "
        f"{found.probability:.0%}: {verdict}."
    )


def episodes_sentence(outcomes: Iterable[EpisodeOutcome], strategy: str, benchmark: str) -> str:
    """In how many episodes the strategy did better than a benchmark, and where it was hurt most.

    Parameters
    ----------
    outcomes : iterable of EpisodeOutcome
    strategy, benchmark : str
        Labels.
    """
    known = [each for each in outcomes if each.whole]
    if not known:
        return "The run covers none of the named episodes from start to end."
    better = sum(each.returns[strategy] > each.returns[benchmark] for each in known)
    worst = min(known, key=lambda each: each.returns[strategy])
    behind = min(known, key=lambda each: each.returns[strategy] - each.returns[benchmark])
    lag = behind.returns[strategy] - behind.returns[benchmark]
    missed = (
        f"it fell furthest behind in {behind.episode.name} ({lag * 100:+.1f} points)"
        if lag < 0
        else "it fell behind in none"
    )
    return (
        f"In {better} of {len(known)} named episodes {strategy} did better than {benchmark}; its worst was "
        f"{worst.episode.name} ({worst.returns[strategy]:+.1%}, {benchmark} "
        f"{worst.returns[benchmark]:+.1%}), and {missed}."
    )


def regimes_sentence(outcomes: Iterable[RegimeOutcome], strategy: str, benchmark: str) -> str:
    """In which regimes the strategy was ahead of a benchmark and in which behind.

    Parameters
    ----------
    outcomes : iterable of RegimeOutcome
    strategy, benchmark : str
        Labels.
    """
    known = {(each.regime, each.label): each for each in outcomes}
    lines = []
    for regime, label in known:
        if label != strategy or (regime, benchmark) not in known:
            continue
        ours, theirs = known[regime, strategy], known[regime, benchmark]
        if ours.annual_return is None or theirs.annual_return is None:
            lead, unit = ours.total_return - theirs.total_return, f"over {ours.sessions} sessions"
        else:
            lead, unit = ours.annual_return - theirs.annual_return, "a year"
        side = "ahead" if lead > 0 else "behind"
        lines.append(f"{regime}: {side} by {abs(lead) * 100:.1f} points {unit}")
    if not lines:
        return "No regime could be told from the data."
    return f"{strategy} against {benchmark} by regime: {'; '.join(lines)}."


def capacity_sentence(found: Capacity) -> str:
    """Say it in words."""
    if math.isnan(found.starting_capital):
        return "Capacity can't be told: the market has no volumes for the symbols that were traded."
    if math.isinf(found.starting_capital):
        return "The run made no trades, so nothing limits its size."
    last = found.years[-1]
    unknown = f" Volume is unknown for {found.unknown:.0%} of the traded value." if found.unknown > 0 else ""
    return (
        f"At {found.participation:.0%} of average daily volume {found.share:.0%} of the traded value would "
        f"fill in one session up to a starting capital of {_money(found.starting_capital)} (every trade "
        f"up to {_money(found.largest_trade)}). By the trades of {last.year} the limit is an equity of "
        f"{_money(last.equity)}.{unknown}"
    )


def impact_sentence(sizes: Iterable[CostAtSize], break_even: float) -> str:
    """How impact grows with size, and where it would eat the lead, in words.

    Parameters
    ----------
    sizes : iterable of CostAtSize
    break_even : float
        From `break_even_capital`.
    """
    each = tuple(sizes)
    rates = ", ".join(f"{size.impact_rate * 1e4:.0f} at {_money(size.capital)}" for size in each)
    if break_even == 0:
        end = "there was no lead over the benchmark to eat"
    elif math.isinf(break_even):
        end = "no size would eat the lead"
    else:
        end = f"a starting capital of {_money(break_even)} would eat the whole lead over the benchmark"
    return (
        f"Market impact by the square-root law, in hundredths of a percent a year: {rates}; {end}. "
        "An estimate from averages of many markets."
    )


def money(amount: float, currency: str) -> str:
    """An amount in full, with the code of its currency where that is known."""
    return f"{amount:,.0f} {currency}".rstrip()


def _money(amount: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if amount >= size:
            return f"{amount / size:,.1f} {word}"
    return f"{amount:,.0f}"


def chooser_sentence(found: HedgeReport) -> str:
    """Say so where choosing the structure was worse than each of them alone."""
    if not found.chose_badly:
        return ""
    parts = listed([f"{growth:.2%} as {label}" for label, growth in found.parts.items()])
    return (
        f" Choosing between the structures did worse than either: {found.verdict.hedged:.2%} a year against "
        f"{parts}."
    )


def sold_put_sentence(found: SoldPut) -> str:
    """What the sold put did, in words."""
    if not found.rolls:
        return "No put was sold."
    said = (
        f"The puts sold brought in {found.received:,.0f} and gave back {found.returned:,.0f}, "
        f"in {found.struck} of {found.rolls} months."
    )
    if found.worst is not None:
        said += f" The worst was the expiry of {found.worst}: {found.worst_loss:.1%} of equity given back."
    return said


def hedge_sentence(found: HedgeVerdict) -> str:
    """The answer in words, and what holding less would have done."""
    return " ".join(filter(None, (hedge_answer(found), holding_less_sentence(found))))


def hedge_answer(found: HedgeVerdict) -> str:
    """Whether the hedge earned its keep."""
    cost = found.unhedged - found.hedged
    price = f"cost {cost:.2%}" if cost >= 0 else f"added {-cost:.2%}"
    opening = {
        "yes": "The hedge earned its keep",
        "unclear": "Whether the hedge earned its keep depends on the measure",
        "no": "The hedge did not earn its keep",
    }[found.answer]
    return (
        f"{opening}: it {price} a year, and the deepest fall was {found.hedged_fall:.1%} instead of "
        f"{found.unhedged_fall:.1%}."
    )


def holding_less_sentence(found: HedgeVerdict) -> str:
    """What holding less, as safe, would have left; empty where the hedge cost or spared nothing."""
    if found.unhedged - found.hedged <= LIKE_NOTHING or found.hedged_fall < found.unhedged_fall:
        return ""
    return (
        f"The hedged portfolio returned {found.hedged:.2%} a year; holding less, with the rest in "
        f"cash, returned {found.by_fall.growth:.2%} with as deep a fall "
        f"({found.by_fall.share:.0%} held) and {found.by_volatility.growth:.2%} with the same volatility "
        f"({found.by_volatility.share:.0%} held)."
    )


def attribution_sentence(found: BrinsonFachler, benchmark: str) -> str:
    """Say what made the difference."""
    totals = found.effects.total
    best, worst = int(totals.argmax()), int(totals.argmin())
    parts = (
        f"allocation {_signed_points(found.effects.allocation.sum())}, "
        f"selection {_signed_points(found.effects.selection.sum())}, "
        f"interaction {_signed_points(found.effects.interaction.sum())}, "
        f"costs {_signed_points(found.costs)} and residual {_signed_points(found.residual)}"
    )
    method = {"carino": "Carino", "menchero": "Menchero"}[found.method]
    return (
        f"Of {_signed_points(found.excess)} percentage points of total return against {benchmark}, {parts} "
        f"({found.periods:,} periods linked by {method}'s method). {named(found.groups[best])} added most "
        f"({_signed_points(totals[best])}), {named(found.groups[worst])} least "
        f"({_signed_points(totals[worst])})."
    )


def _signed_points(value: float) -> str:
    return f"{value * 100:+.2f}"


def factor_sentence(found: FactorRegression) -> str:
    """Say what the factors explain."""
    known = "differs from" if found.p_values[0] < 0.05 else "can't be told from"
    strongest = 1 + int(np.abs(found.t_values[1:]).argmax())
    return (
        f"The factors explain {found.r_squared:.0%} of the variation. What they leave is "
        f"{found.alpha_a_year * 100:+.2f} percentage points a year, which {known} zero "
        f"(t {found.t_values[0]:.2f}, Newey-West errors with {found.lags} lags). The clearest exposure is "
        f"{found.coefficients[strongest]:+.2f} to {found.names[strongest]} "
        f"(t {found.t_values[strongest]:.1f})."
    )


def cost_sentence(found: CostAttribution, cost_bps: float) -> str:
    """Say what trading cost; `cost_bps` is the one figure that a page has for it."""
    if found.total == 0:
        return "Trading cost nothing in this run: no costs were charged, which no real portfolio enjoys."
    parts = {
        "commission": found.commission,
        "spread": found.spread,
        "impact": found.impact,
        "half-spread of options": found.options,
        "fees for borrowed stock": found.borrow,
    }
    shares = ", ".join(f"{name} {value / found.total:.0%}" for name, value in parts.items() if value)
    return (
        f"Trading cost {found.total:,.0f} in all, {cost_bps:.1f} hundredths of a percent of average equity"
        f"{' a year' if found.annual else ''}: {shares}."
    )


# --- Page one -------------------------------------------------------------------------------------


def headline(result: Result) -> str:
    """Say in one sentence whether the strategy beat its primary benchmark after costs."""
    return _return(result)


def page_one(result: Result) -> tuple[tuple[str, str], ...]:
    """What a reader who stops at page one must know; a heading and its answer each.

    What the rule changed is left to a strategy that tells it there itself.
    """
    told = any(exhibit.first for exhibit in result.exhibits)
    said = (
        ("What the rule changed", "" if told else rule_sentence(result)),
        ("Luck of the lead", typeset(" ".join(_luck(result)))),
        ("Worst case", worst_case(result)),
    )
    return tuple((heading, answer) for heading, answer in said if answer)


def answers(result: Result) -> tuple[tuple[str, str], ...]:
    """Answer what a reader asks next; a question and its answer each."""
    said = (
        ("What was run", [_run(result)]),
        ("Did it win", [_closeness(result), *_others(result), *_worst_year(result)]),
        ("Is that luck", [_luck_of_others(result)]),
        ("At what risk", [_risk(result)]),
        ("At what cost", [_cost(result), _gross(result)]),
        ("What hurts it", _hurts(result)),
        ("Who checked", [verification(result.manifest), lookahead(result.manifest)]),
        ("What the author knew", [author_knew(result.manifest)]),
        ("How often tried", [trials_on_record(result.manifest)]),
    )
    whole = ((question, " ".join(part for part in parts if part)) for question, parts in said)
    return tuple((question, typeset(answer)) for question, answer in whole if answer)


def _run(result: Result) -> str:
    market = result.market
    strategy = type(result.book.strategy)
    adjusted = ", closes adjusted for dividends" if market.adjustment == "total_return" else ""
    span = f"{result.sessions[0]} to {result.sessions[-1]}, {len(result.sessions):,} sessions"
    return (
        f"{strategy.__name__}: {summary_of(strategy).rstrip('.')}. On {market.name}"
        f"{' (' + market.source.rstrip('.') + ')' if market.source else ''}{adjusted}; {span}, starting with "
        f"{money(result.config.capital, market.currency)}."
    )


def _gross(result: Result) -> str:
    """Gross against net, and that both are time-weighted."""
    ledger = result.book.ledger
    grown = float(np.log1p(gross_returns(ledger).to_numpy()).sum())
    years = span_in_years(result.sessions) if result.annual else 1.0
    gross = float(np.expm1(grown / years))
    unit = " a year" if result.annual else ""
    return (
        f"Before trading costs it returned {formatted(gross, 'percent2')}{unit} (gross), after them "
        f"{formatted(_growth(result.performances[0]), 'percent2')} (net); both time-weighted."
    )


def _luck(result: Result) -> list[str]:
    """The lead over the first benchmark, and what the trials take off it."""
    found = result.significance
    if found is None:
        return ["Not tested: the run is too short."]
    if not result.benchmarks:
        return [sharpe_sentence(found)]
    flattered = result.labels[1] in result.flattered
    return [lead_sentence(found, result.labels[1], flattered), odds_sentence(found)]


def _luck_of_others(result: Result) -> str:
    """Whether luck explains what lies between the strategy and the benchmarks after the first."""
    found, unfair, said = result.significance, result.flattered, []
    if found is None:
        return ""
    clear: list[str] = []
    unclear: list[str] = []
    for label in result.labels[2:]:
        lead = found.bootstrap.interval("growth_difference", label)
        (unclear if lead.low <= 0 <= lead.high else clear).append(label)
    if unclear:
        said.append(f"The interval includes zero against {listed(unclear)}.")
    if clear:
        clause = SURVIVORS if any(label in unfair for label in clear) else ""
        said.append(f"The whole interval is on one side of zero against {listed(clear)}{clause}.")
    return " ".join(said)


def _hurts(result: Result) -> list[str]:
    said = _worst_stretch(result)
    if result.primary is not None and result.episodes:
        said.append(episodes_sentence(result.episodes, result.labels[0], result.labels[1]))
    return said


def _worst_stretch(result: Result) -> list[str]:
    """The worst year, or the longest stretch that the run has room for."""
    found = result.worst_windows
    if not found:
        return []
    window = next(
        each for each in found if each.sessions == found[-1].sessions and each.label == result.labels[0]
    )
    length = stretches(result.periods)[window.sessions]
    return [
        f"Its worst {length} was {window.returns[window.label]:+.1%}, from {window.start} to {window.end}."
    ]


def _growth(numbers: Figures) -> float:
    """Return what is compared: the return a year if annualised, else in total."""
    return float(numbers.total_return if numbers.cagr is None else numbers.cagr)


def points(difference: float) -> str:
    """Write a difference of returns in percentage points, unsigned."""
    return f"{abs(difference) * 100:,.1f} points"


def listed(names: list[str]) -> str:
    """Names joined as in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _return(result: Result) -> str:
    label = result.book.label
    ours = result.performances[0]
    a_year = " a year" if result.annual else ""
    how = "a year" if result.annual else "in total, over less than a year,"
    growth = formatted(_growth(ours), "percent")
    said = f"After costs, {label} returned {growth} {how} from {result.sessions[0]} to {result.sessions[-1]}"
    if result.primary is None:
        return f"{said}. No benchmark was run, so this does not say whether the market did better."
    theirs = result.performances[1]
    name, difference = result.labels[1], float(result.relatives[0].excess_return)
    if standing(difference) == "level":
        exact = formatted(_growth(ours), "percent2"), formatted(_growth(theirs), "percent2")
        return f"{said}, about the same as {name} ({exact[0]} against {exact[1]})."
    other = formatted(_growth(theirs), "percent")
    if standing(difference) == "behind":
        return f"{said}, {points(difference)}{a_year} less than {name} ({other}). It did not beat {name}."
    found = result.significance
    luck = (
        "; too short a run to tell from luck"
        if found is None
        else ", and luck is an unlikely explanation"
        if found.is_clear
        else ", but the lead may be luck"
    )
    return f"{said}, {points(difference)}{a_year} more than {name} ({other}). It beat {name}{luck}."


def _others(result: Result) -> list[str]:
    """Say how it did against the further benchmarks."""
    further = list(zip(result.benchmarks, result.relatives, strict=True))[1:]
    said: dict[str, list[str]] = {"beat": [], "trailed": [], "did about the same as": []}
    for book, numbers in further:
        difference = float(numbers.excess_return)
        if standing(difference) == "level":
            said["did about the same as"].append(book.label)
        else:
            verb = "beat" if standing(difference) == "ahead" else "trailed"
            said[verb].append(f"{book.label} by {points(difference)}")
    return [f"It {verb} {listed(names)}." for verb, names in said.items() if names]


def _closeness(result: Result) -> str:
    """Say so where the portfolio hardly differed from the primary benchmark."""
    if result.primary is None or not result.annual or not result.relatives[0].tracking_error < CLOSE:
        return ""
    error = formatted(result.relatives[0].tracking_error, "percent2")
    return f"It hardly differed from {result.primary.label}: the tracking error is {error} a year."


def _risk(result: Result) -> str:
    ours = result.performances[0]
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
    if result.primary is None:
        return f"{fall}."
    theirs = result.performances[1]
    return (
        f"{fall}; that of {result.primary.label} was {formatted(theirs.max_drawdown, 'percent')}. "
        f"{_reward(ours, theirs, result.primary.label)}"
    ).strip()


def _reward(ours: Figures, theirs: Figures, name: str) -> str:
    """Return per unit of risk against the benchmark's."""
    if not (np.isfinite(ours.sharpe) and np.isfinite(theirs.sharpe)):
        return ""
    ratios = f"(Sharpe ratio {formatted(ours.sharpe, 'number')} against {formatted(theirs.sharpe, 'number')})"
    if round(ours.sharpe, 2) == round(theirs.sharpe, 2):
        return f"For the risk taken it earned as much as {name} {ratios}."
    more = "more" if ours.sharpe > theirs.sharpe else "less"
    return f"For the risk taken it earned {more} than {name} {ratios}."


def _worst_year(result: Result) -> list[str]:
    """Name the calendar year in which it trailed the primary benchmark most."""
    if result.primary is None or not result.annual:
        return []
    ours = period_returns(result.book.ledger.equity, result.sessions, "Y")
    theirs = period_returns(result.primary.ledger.equity, result.sessions, "Y")
    gap = (ours - theirs).to_numpy()
    worst = int(gap.argmin())
    if gap[worst] >= 0:
        return []
    year = ours.index[worst].year
    pair = [formatted(float(each.iloc[worst]), "signed") for each in (ours, theirs)]
    return [f"It hurt most against {result.primary.label} in {year}: {pair[0]} against {pair[1]}."]


def _cost(result: Result) -> str:
    ours = result.tradings[0]
    if ours.fills == 0:
        return "It never traded: there is not one fill in its ledger."
    over = "a year" if result.annual else "over the run"
    return (
        f"Trading cost {formatted(ours.cost_bps, 'bps')} bps of equity {over} "
        f"at a turnover of {formatted(ours.turnover, 'percent')}."
    )


def rule_sentence(result: Result) -> str:
    """What the rule changed, and how often."""
    found = result.rule_changes
    if not found.decisions:
        return "The strategy gave no target."
    if not found.started:
        return "Every decision starts from cash; the log gives the reason for each weight."
    if not found.changed:
        return f"None of {found.decisions:,} decisions changed the weights that it started from."
    lowered = listed(
        [*found.lowered[:3], *([f"{len(found.lowered) - 3} more"] if len(found.lowered) > 3 else [])]
    )
    names = "no name" if not found.usually else "1 name" if found.usually == 1 else f"{found.usually} names"
    return (
        f"Cut {names} on {found.changed:,} of {found.decisions:,} decisions, "
        f"{found.moved:.1%} of the book on average"
        f"{f' (most often {lowered})' if found.lowered else ''}; the rest is what it started from."
    )


def worst_case(result: Result) -> str:
    """The worst that happened, and the worst of the shocks that were tried."""
    said = _worst_stretch(result)
    numbers = result.performances[0]
    if numbers.drawdown_peak is not None:
        said.append(f"Its deepest fall was {formatted(numbers.max_drawdown, 'percent')}.")
    tried = [(each.shock.name, each.total) for each in result.beta_outcomes]
    tried += [(outcomes[0].scenario.name, outcomes[0].total) for outcomes in result.shocks]
    if tried:
        name, hit = min(tried, key=lambda each: each[1])
        said.append(
            f"Of {len(tried)} shocks tried on the last weights, {name!r} would cost most: {hit:+.1%}."
            if hit < 0
            else f"None of {len(tried)} shocks tried on the last weights would cost anything."
        )
    return typeset(" ".join(said))


def holdings_sentence(result: Result) -> str:
    """How concentrated the portfolio was, and how long it held."""
    average, last = result.concentrations
    trips = result.round_trips
    closed = trips[trips["closed"].notna()]
    held = (
        f" The median closed position was held for {closed['sessions'].median():,.0f} sessions."
        if len(closed)
        else ""
    )
    return (
        f"The ten largest holdings were {last.top:.0%} of equity at the end ({average.top:.0%} on average), "
        f"worth {last.effective:.1f} equal ones ({average.effective:.1f}). {len(closed):,} positions were "
        f"closed, {len(trips) - len(closed):,} are open.{held}"
    )


def risk_sentence(result: Result, found: HoldingRisk) -> str:
    """The risk of the last holdings, and how good such predictions were."""
    said = f"By their covariance the last holdings have a volatility of {found.volatility:.1%} a year"
    if math.isfinite(found.tracking_error):
        said += f" and a tracking error of {found.tracking_error:.2%} against {result.labels[1]}"
    table = result.predicted
    if len(table):
        ratio = float((table["realised"] / table["predicted"]).median())
        said += f". In the median year what came was {ratio:.0%} of what was predicted"
    return f"{said}."


def fills_sentence(found: FillCheck) -> str:
    """Whether every fill lies inside its bar, and how much of the volume it took."""
    if not found.fills:
        return "There was no fill."
    inside = (
        "Highs and lows are unknown, so fills can't be held against their bars."
        if not found.known
        else f"All {found.known:,} fills with a known bar lie inside it before costs"
        if not found.outside
        else f"{found.outside:,} of {found.known:,} fills lie OUTSIDE their bar before costs"
    )
    if found.known:
        inside += (
            f"; with spread and impact {found.beyond:,} lie beyond it."
            if found.beyond
            else ", and with them."
        )
    if not math.isfinite(found.participation):
        return f"{inside} Volume is unknown."
    return (
        f"{inside} The largest took {found.participation:.1%} of its session's volume, the median one "
        f"{found.typical:.3%}."
    )


def survival_sentence(result: Result) -> str:
    """How much of the lead survives when the same decisions are filled otherwise."""
    first, *others = result.reruns
    if not result.benchmarks:
        return "Without a benchmark there is no lead that could survive."
    if standing(first.lead) != "ahead":
        return f"There is no lead over {result.labels[1]} that could survive other fills."
    parts = listed([f"{each.lead / first.lead:.0%} {each.name.lower()}" for each in others])
    return f"Of the lead over {result.labels[1]} of {points(first.lead)} there remains: {parts}."


def halves_sentence(result: Result) -> str:
    """Whether the lead was there in both halves."""
    found = result.halves
    if isinstance(found, str):
        return "The run is too short to be taken apart into halves."
    if not result.benchmarks:
        return ""
    name = result.labels[1]
    parts = (found.before, found.after)
    leads = [float(part.relatives[0].excess_return) for part in parts]
    sides = [standing(lead) for lead in leads]
    unit = " a year" if all(part.performances[0].annual for part in parts) else ""
    said = " and ".join(
        f"{formatted(lead * 100, 'points')} points{unit} in the {which} half"
        for lead, which in zip(leads, ("first", "second"), strict=True)
    )
    verdict = {
        ("ahead", "ahead"): f"It was ahead of {name} in both halves",
        ("ahead", "behind"): f"It was ahead of {name} in the first half only",
        ("behind", "ahead"): f"It was ahead of {name} in the second half only",
        ("behind", "behind"): f"It was behind {name} in both halves",
    }.get((sides[0], sides[1]), f"It did about the same as {name} in at least one half")
    return f"{verdict}: {said}."


def best_days_sentence(result: Result, found: Steadiness) -> str:
    """How few days made the return, and how few the lead."""
    said = []
    rows = [each for each in found.without if each.unit == "days"]
    if len(rows) > 1:
        whole, without = rows[0], next((each for each in rows if each.count == 10), rows[-1])
        unit = " a year" if result.annual else ""
        beside = (
            f" ({result.labels[1]} {formatted(without.theirs, 'percent')} without its own, instead of "
            f"{formatted(whole.theirs, 'percent')})"
            if result.benchmarks
            else ""
        )
        said.append(
            f"Without its {without.count} best days of {found.days:,} it would have returned "
            f"{formatted(without.ours, 'percent')}{unit} instead of "
            f"{formatted(whole.ours, 'percent')}{beside}."
        )
    if result.benchmarks and standing(float(result.relatives[0].excess_return)) == "ahead":
        days = found.lead_days
        if days is not None:
            made = "1 day made" if days == 1 else f"{days:,} days made"
            said.append(f"{made} the whole lead: without them none would be left.")
    elif result.benchmarks:
        said.append(f"There is no lead over {result.labels[1]} that a few days could have made.")
    return " ".join(said)


def mix_sentence(result: Result, mixes: Sequence[AverageMix]) -> str:
    """What of the lead the average weights made and what changing them; without a benchmark, of the return.

    Parameters
    ----------
    result : Result
    mixes : sequence of AverageMix
        Of the strategy, then of the first benchmark where there is one.
    """
    ours, *others = mixes
    unit = " a year" if result.annual else ""
    if not others:
        return (
            "Its own average weights, held all along at the same costs, would have returned "
            f"{formatted(ours.held, 'percent')}{unit} instead of {formatted(ours.growth, 'percent')}; they "
            "are known only afterwards, and weigh most what has risen."
        )
    (theirs,) = others
    held, timing = ours.held - theirs.held, ours.timing - theirs.timing
    return (
        f"Of its {_signed_points(held + timing)} points{unit} against {result.labels[1]} the average "
        f"weights, held all along, make {_signed_points(held)} and changing them {_signed_points(timing)}."
    )


def _interest(rate: float | str) -> str:
    if isinstance(rate, str):
        return f"interest on cash at the {rate} known the day before"
    return f"interest on cash {_as_given(rate, '.2%')} a year" if rate else "no interest on cash"


def _as_given(share: float, form: str) -> str:
    """A share in percent, with more digits than `form` has where those would make another number of it."""
    text = format(share, form)
    return text if math.isclose(float(text.rstrip("%")) / 100, share, rel_tol=1e-9) else f"{100 * share:g}%"


PARTICIPATION = {"known": "the volume of the month before", "session": "a session's volume"}
"""What orders are capped at a share of, by `Costs.participation_volume`."""


def costs_in_words(costs: Costs, short: bool = False) -> str:
    """Write the run's cost assumptions as a sentence; those of loans where something was sold `short`."""
    volume = PARTICIPATION[costs.participation_volume]
    parts = [
        f"commission {costs.commission_bps:g} bps of value" if costs.commission_bps else "",
        f"{costs.commission_per_share:g} a share" if costs.commission_per_share else "",
        f"half-spread {costs.half_spread_bps:g} bps" if costs.half_spread_bps else "",
        f"square-root market impact with coefficient {costs.impact:g}"
        if costs.impact
        else "no market impact",
        f"orders capped at {_as_given(costs.max_participation, '.0%')} of {volume}"
        if costs.max_participation
        else "",
        f"{_as_given(costs.dividend_withholding, '.0%')} of dividends withheld"
        if costs.dividend_withholding
        else "",
        _interest(costs.cash_rate),
        f"stock loans {_as_given(costs.borrow_rate, '.2%')} a year where the market says nothing of them"
        if short
        else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{said[0].upper()}{said[1:]}; the same for the strategy and every benchmark."
