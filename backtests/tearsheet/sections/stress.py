"""What hurts: episodes of history, shocks to the last weights, worst stretches, regimes."""

from __future__ import annotations

import numpy as np

from backtests.analysis.stress import (
    BetaOutcome,
    Regime,
    RegimeOutcome,
    ShockOutcome,
    WorstWindow,
    stretches,
)
from backtests.document.blocks import (
    Block,
    Bullets,
    Cell,
    Column,
    Details,
    Paragraph,
    Row,
    Section,
    Table,
)
from backtests.document.formats import formatted, typeset
from backtests.result import Result
from backtests.tearsheet.sections.calendar import shade
from backtests.tearsheet.sections.verdict import columns
from backtests.tearsheet.wording import episodes_sentence, listed, regimes_sentence
from datafeeds.names import SERIES, named

SCALE = 6.0
"""An episode's return is shaded like a month's of a sixth of its size."""


def section(result: Result) -> Section:
    """Episodes, scenarios, worst stretches and regimes, every book side by side."""
    blocks: list[Block] = [
        *_episodes(result),
        *_by_beta(result),
        *_shocks(result),
        *_worst(result),
        *_regimes(result),
    ]
    return Section("stress", "What hurts it", tuple(blocks))


def _episodes(result: Result) -> list[Block]:
    if not result.episodes:
        return [Paragraph("The run covers none of the named episodes of history.", "note")]
    rows = tuple(
        Row(
            (
                Cell(each.episode.name + ("" if each.whole else " (part)")),
                Cell(each.start, "date"),
                Cell(each.end, "date"),
                *(
                    Cell(each.returns[label], "percent", shade(each.returns[label], SCALE))
                    for label in result.labels
                ),
            )
        )
        for each in result.episodes
    )
    table = Table(
        "Return in named episodes",
        (Column("Episode", "left"), Column("From", "left"), Column("To", "left"), *columns(result)),
        rows,
        "From the close before an episode to its last close; dates are those of the index, not of this run. "
        "Rallies are among them: whoever holds less of what leads is hurt by missing one.",
    )
    said = (
        [Paragraph(typeset(episodes_sentence(result.episodes, *result.labels[:2])))] if result.primary else []
    )
    return [*said, table]


def _by_beta(result: Result) -> list[Block]:
    if not result.beta_outcomes:
        return [Paragraph("Shocks by beta: too few weeks of prices to measure any.", "note")]
    rows = tuple(
        Row(
            (
                Cell(each.shock.name),
                Cell(SERIES.get(each.beta.of, each.beta.of)),
                Cell(each.beta.value * (100 if each.shock.factor == "rates" else 1), "number"),
                Cell(each.beta.error * (100 if each.shock.factor == "rates" else 1), "number"),
                Cell(each.total, "percent", shade(each.total, SCALE)),
                Cell(each.error, "percent"),
                Cell(_reverse(each), "text"),
            )
        )
        for each in result.beta_outcomes
    )
    weeks = max(each.beta.observations for each in result.beta_outcomes)
    table = Table(
        f"Usual shocks to the weights of {result.sessions[-1]}, by beta",
        (
            Column("Shock", "left"),
            Column("Told by", "left"),
            Column("Beta"),
            Column("Its error"),
            Column("Would return", strong=True),
            Column("Error"),
            Column("Would lose 20% at", "left"),
        ),
        rows,
        f"Betas of constant last weights over up to {weeks} weeks, one factor at a time, with Newey-West "
        "errors; for rates in percent a point. A beta of calm years can't tell what a crash does: betas rise "
        "in one. The last column is the reverse: the move that would lose a fifth.",
    )
    sources = tuple(f"{each.shock.name}: {each.shock.source}" for each in result.beta_outcomes)
    return [table, Details("Where the sizes come from", (Bullets("", sources),))]


def _reverse(outcome: BetaOutcome) -> str:
    move = outcome.beta.reverse(0.2)
    if outcome.shock.factor == "rates":
        return f"{move:+.1f} points" if abs(move) < 20 else "no move in sight"
    return formatted(move, "signed") if -1 < move < 10 else "no move in sight"


def _shocks(result: Result) -> list[Block]:
    if not result.shocks:
        return [Paragraph("No shocks of one day: neither the run file nor the strategy names any.", "note")]
    rows = tuple(
        Row(
            (
                Cell(outcomes[0].scenario.name),
                *(Cell(each.total, "percent2", shade(each.total)) for each in outcomes),
                Cell(outcomes[0].guessed, "percent"),
            )
        )
        for outcomes in result.shocks
    )
    table = Table(
        f"Shocks of one day applied to the weights of {result.sessions[-1]}",
        (Column("Scenario", "left"), *columns(result), Column("", term="guessed_weight")),
        rows,
        f"The last column is the weight of {result.labels[0]} for which the scenario names neither symbol "
        "nor group. Cash does not move.",
    )
    return [table, _by_group(result), Details("Where the shocks come from", (_notes(result),))]


def _by_group(result: Result) -> Table:
    ours = [outcomes[0] for outcomes in result.shocks]
    groups = list(dict.fromkeys(group for each in ours for group in each.by_group))
    return Table(
        f"What each group of {result.labels[0]} would contribute",
        (Column("Group", "left"), *(Column(each.scenario.name) for each in ours)),
        tuple(
            Row((Cell(named(group)), *(Cell(each.by_group.get(group), "percent2") for each in ours)))
            for group in groups
        ),
    )


def _notes(result: Result) -> Bullets:
    notes = [
        f"{note}"
        if outcome.scenario.notes[0] != "From the run file."
        else f"{outcome.scenario.name}: {_own(outcome)}"
        for outcome in (outcomes[0] for outcomes in result.shocks)
        for note in outcome.scenario.notes
    ]
    return Bullets("", tuple(dict.fromkeys(typeset(note) for note in notes)))


def _own(outcome: ShockOutcome) -> str:
    """A scenario of the run file in words."""
    scenario = outcome.scenario
    parts = [f"{key} {shock:+.1%}" for key, shock in (*scenario.groups.items(), *scenario.symbols.items())]
    return f"from the run file: {', '.join(parts)}, the rest {scenario.rest:+.1%}."


def _worst(result: Result) -> list[Block]:
    found = result.worst_windows
    if not found:
        return []
    lengths = stretches(result.periods)
    same: dict[tuple[int, np.datetime64], list[WorstWindow]] = {}
    for window in found:
        same.setdefault((window.sessions, window.start), []).append(window)
    rows = []
    for windows in same.values():
        window = windows[0]
        of = _whose([each.label for each in windows], result.labels)
        rows.append(
            Row(
                (
                    Cell(f"{lengths[window.sessions]}, of {of}"),
                    Cell(window.start, "date"),
                    Cell(window.end, "date"),
                    *(Cell(window.returns[label], "percent") for label in result.labels),
                ),
                group=window is next(each for each in found if each.sessions == window.sessions),
            )
        )
    return [
        Table(
            "The worst month, quarter and year of each, and what the others did in it",
            (Column("Worst", "left"), Column("From", "left"), Column("To", "left"), *columns(result)),
            tuple(rows),
            f"Rolling stretches of {listed([str(each) for each in lengths])} sessions, from close to close.",
        )
    ]


def _whose(owners: list[str], labels: tuple[str, ...]) -> str:
    """Name the books whose worst stretch it is, briefly."""
    others = [label for label in labels if label not in owners]
    if len(labels) > 1 and not others:
        return "all"
    return f"all but {others[0]}" if len(others) == 1 and len(owners) > 1 else listed(owners)


def _regimes(result: Result) -> list[Block]:
    flat = [each for group in result.regime_outcomes for each in group]
    if not flat:
        return []
    rows = [row for group in result.regime_outcomes for row in _regime_rows(group, result.labels)]
    reference = result.labels[1 if result.benchmarks else 0]
    table = Table(
        "Return by regime, as the regime was known at the close before",
        (Column("Regime", "left"), Column("Sessions"), Column("Return", "left"), *columns(result)),
        tuple(rows),
        f"{' '.join(_told_by(each, reference) for each in result.regimes)} A year where a regime has "
        f"{result.periods:.0f} sessions or more, else in total.",
    )
    said = [Paragraph(typeset(regimes_sentence(flat, *result.labels[:2])))] if result.primary else []
    return [*said, table]


def _regime_rows(outcomes: tuple[RegimeOutcome, ...], labels: tuple[str, ...]) -> list[Row]:
    rows = []
    for place, regime in enumerate(dict.fromkeys(each.regime for each in outcomes)):
        books = {each.label: each for each in outcomes if each.regime == regime}
        first = books[labels[0]]
        yearly = first.annual_return is not None
        rows.append(
            Row(
                (
                    Cell(regime),
                    Cell(first.sessions, "integer"),
                    Cell("a year" if yearly else "in total"),
                    *(
                        Cell(books[label].annual_return if yearly else books[label].total_return, "percent")
                        for label in labels
                    ),
                ),
                group=place == 0,
            )
        )
    return rows


def _told_by(regime: Regime, reference: str) -> str:
    """What tells a regime."""
    match regime.kind:
        case "rates":
            return f"Rates: {named(regime.of)} against three months before."
        case "index":
            return f"Volatility: {SERIES.get(regime.of, regime.of.upper())} against its median of five years."
        case "volatility":
            return f"Volatility: of {regime.of} over three months against its median of five years."
        case _:
            return f"Leadership: {regime.of}, equally weighted, against {reference} over three months."
