"""What hurts: episodes of history, shocks to the last weights, worst stretches, regimes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtests.analysis.attribution import symbol_returns
from backtests.analysis.performance import returns_of, rolling_volatility
from backtests.analysis.stress import (
    Labels,
    RegimeOutcome,
    ShockOutcome,
    WorstWindow,
    episodes_sentence,
    leadership_regime,
    rate_regime,
    regime_outcomes,
    regimes_sentence,
    volatility_regime,
    worst_windows,
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
from backtests.document.formats import typeset
from backtests.tearsheet.material import Material
from backtests.tearsheet.sections.calendar import shade
from backtests.tearsheet.wording import listed
from datafeeds.market import Array
from datafeeds.series import series_names, series_table

RATES = ("us10y", "us2y")
"""Series that tell whether rates rise, the first that the market has."""

VOLATILITY = "vix"
TRAILING = 63
"""Sessions of trailing volatility where there is no index of it, and of trailing return."""

KNOWN = 0.8
"""Share of the sessions on which an index must be known to be used."""

LENGTHS = {21: "month", 63: "quarter", 252: "year"}
SCALE = 6.0
"""An episode's return is shaded like a month's of a sixth of its size."""


def section(material: Material) -> Section:
    """Episodes, scenarios, worst stretches and regimes, every book side by side."""
    blocks: list[Block] = [
        *_episodes(material),
        *_shocks(material),
        *_worst(material),
        *_regimes(material),
    ]
    return Section("stress", "What hurts it", tuple(blocks))


def _episodes(material: Material) -> list[Block]:
    if not material.episodes:
        return [Paragraph("The run covers none of the named episodes of history.", "note")]
    rows = tuple(
        Row(
            (
                Cell(each.episode.name + ("" if each.whole else " (part)")),
                Cell(each.start, "date"),
                Cell(each.end, "date"),
                *(
                    Cell(each.returns[label], "percent", shade(each.returns[label], SCALE))
                    for label in material.labels
                ),
            )
        )
        for each in material.episodes
    )
    table = Table(
        "Return in named episodes",
        (Column("Episode", "left"), Column("From", "left"), Column("To", "left"), *material.columns),
        rows,
        "From the close before an episode to its last close; dates are those of the index, not of this run. "
        "Rallies are among them: who cuts technology is hurt by missing one.",
    )
    said = (
        [Paragraph(typeset(episodes_sentence(material.episodes, *material.labels[:2])))]
        if material.primary
        else []
    )
    return [*said, table]


def _shocks(material: Material) -> list[Block]:
    rows = tuple(
        Row(
            (
                Cell(outcomes[0].scenario.name),
                *(Cell(each.total, "percent2", shade(each.total)) for each in outcomes),
                Cell(outcomes[0].guessed, "percent"),
            )
        )
        for outcomes in material.shocks
    )
    table = Table(
        f"Shocks of one day applied to the weights of {material.sessions[-1]}",
        (Column("Scenario", "left"), *material.columns, Column("", term="guessed_weight")),
        rows,
        f"The last column is the weight of {material.labels[0]} for which the scenario names neither symbol "
        "nor group. Cash does not move.",
    )
    return [table, _by_group(material), Details("Where the shocks come from", (_notes(material),))]


def _by_group(material: Material) -> Table:
    ours = [outcomes[0] for outcomes in material.shocks]
    groups = list(dict.fromkeys(group for each in ours for group in each.by_group))
    return Table(
        f"What each group of {material.labels[0]} would contribute",
        (Column("Group", "left"), *(Column(each.scenario.name) for each in ours)),
        tuple(
            Row((Cell(group), *(Cell(each.by_group.get(group), "percent2") for each in ours)))
            for group in groups
        ),
    )


def _notes(material: Material) -> Bullets:
    notes = [
        f"{note}"
        if outcome.scenario.notes[0] != "From the run file."
        else f"{outcome.scenario.name}: {_own(outcome)}"
        for outcome in (outcomes[0] for outcomes in material.shocks)
        for note in outcome.scenario.notes
    ]
    return Bullets("", tuple(dict.fromkeys(typeset(note) for note in notes)))


def _own(outcome: ShockOutcome) -> str:
    """A scenario of the run file in words."""
    scenario = outcome.scenario
    parts = [f"{key} {shock:+.1%}" for key, shock in (*scenario.groups.items(), *scenario.symbols.items())]
    return f"from the run file: {', '.join(parts)}, the rest {scenario.rest:+.1%}."


def _worst(material: Material) -> list[Block]:
    found = worst_windows(material.equities, material.sessions, LENGTHS)
    if not found:
        return []
    same: dict[tuple[int, np.datetime64], list[WorstWindow]] = {}
    for window in found:
        same.setdefault((window.sessions, window.start), []).append(window)
    rows = []
    for windows in same.values():
        window = windows[0]
        of = _whose([each.label for each in windows], material.labels)
        rows.append(
            Row(
                (
                    Cell(f"{LENGTHS[window.sessions]}, of {of}"),
                    Cell(window.start, "date"),
                    Cell(window.end, "date"),
                    *(Cell(window.returns[label], "percent") for label in material.labels),
                ),
                group=window is next(each for each in found if each.sessions == window.sessions),
            )
        )
    return [
        Table(
            "The worst month, quarter and year of each, and what the others did in it",
            (Column("Worst", "left"), Column("From", "left"), Column("To", "left"), *material.columns),
            tuple(rows),
            "Rolling stretches of 21, 63 and 252 sessions, from close to close.",
        )
    ]


def _whose(owners: list[str], labels: tuple[str, ...]) -> str:
    """Name the books whose worst stretch it is, briefly."""
    others = [label for label in labels if label not in owners]
    if len(labels) > 1 and not others:
        return "all"
    return f"all but {others[0]}" if len(others) == 1 and len(owners) > 1 else listed(owners)


def _regimes(material: Material) -> list[Block]:
    returns = {label: returns_of(equity) for label, equity in material.equities.items()}
    known = {name: labels for name, labels in _labels(material).items() if (labels != "").any()}
    outcomes = [regime_outcomes(returns, labels) for labels in known.values()]
    flat = [each for group in outcomes for each in group]
    if not flat:
        return []
    rows = [row for group in outcomes for row in _regime_rows(group, material.labels)]
    table = Table(
        "Return by regime, as the regime was known at the close before",
        (Column("Regime", "left"), Column("Sessions"), Column("Return", "left"), *material.columns),
        tuple(rows),
        f"{' '.join(f'{name}.' for name in known)} A year where a regime has 252 sessions or more, else in "
        f"total.",
    )
    said = [Paragraph(typeset(regimes_sentence(flat, *material.labels[:2])))] if material.primary else []
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


def _labels(material: Material) -> dict[str, Labels]:
    """Regime of each session after the first, by what tells it."""
    market, sessions = material.result.market, material.sessions
    have = series_names(market)
    reference = material.books[1 if material.primary else 0].ledger.equity
    name = material.labels[1 if material.primary else 0]
    found: dict[str, Labels] = {}
    rate = next((each for each in RATES if each in have), "")
    if rate:
        found[f"Rates: {rate} against three months before"] = rate_regime(
            series_table(market, rate).at_close(sessions, stale_days=None)
        )
    index = (
        series_table(market, VOLATILITY).at_close(sessions, stale_days=None)
        if VOLATILITY in have
        else np.full(len(sessions), np.nan)
    )
    if np.isfinite(index).mean() >= KNOWN and not _stale(index):
        found["Volatility: VIX against its median of five years"] = volatility_regime(index)
    else:
        trailing = np.append(np.nan, rolling_volatility(returns_of(reference), TRAILING))
        found[f"Volatility: of {name} over three months against its median of five years"] = (
            volatility_regime(trailing)
        )
    technology = _technology(material)
    if technology is not None:
        found[f"Leadership: ai_hardware and software, equally weighted, against {name} over three months"] = (
            leadership_regime(technology, reference)
        )
    return found


def _stale(index: Array) -> bool:
    """Whether the index has stopped moving: it ends long before the run."""
    last = index[-TRAILING:]
    return bool(len(last) > 1 and np.ptp(last) == 0)


def _technology(material: Material) -> Array | None:
    """Growth of 1 in the technology groups, equally weighted each session; None where there are none."""
    market, sessions = material.result.market, material.sessions
    groups = [group for group in ("ai_hardware", "software") if group in market.groups]
    if not groups:
        return None
    members = np.any([market.memberships(group, sessions) for group in groups], axis=0)
    columns = np.flatnonzero(members.any(axis=0))
    returns = symbol_returns(market, sessions, [market.symbols[column] for column in columns])
    inside = np.where(members[:-1, columns], returns, np.nan)
    mean = pd.DataFrame(inside).mean(axis=1).fillna(0.0).to_numpy()
    growth: Array = np.cumprod(np.append(1.0, 1.0 + mean))
    return growth
