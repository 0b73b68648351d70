"""An event study as sections of a document."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from backtests.analysis.stress import apply_scenario, groups_today
from backtests.document.blocks import (
    Block,
    Bullets,
    Cell,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
)
from backtests.document.formats import Format, Value, typeset
from backtests.research.events import (
    JUNE_2026_DATE,
    JUNE_2026_REPORTED,
    Abnormal,
    Aftermath,
    Indices,
    Own,
    Study,
)
from datafeeds.market import Market
from datafeeds.names import named
from strategies.asof import AsOf
from strategies.benchmarks import CapWeighted
from strategies.blueprint import Blueprint
from strategies.june_2026 import JUNE_2026_SCENARIOS
from strategies.strategy import Strategy


def event_sections(market: Market, found: Study) -> tuple[Section, ...]:
    """What a study found, in sections; those without content are left out."""
    event = found.event
    blocks: dict[str, list[Block]] = {"The day": [], "Days like it": [], "As a scenario": []}
    blocks["The day"] += [Paragraph(note, "note") for note in found.notes]
    if found.session is not None:
        blocks["The day"].append(_abnormal_table(found))
        blocks["The day"] += [
            _leaders_table("Leaders", found.leaders),
            _leaders_table("Laggards", found.laggards),
        ]
    if found.indices is not None:
        blocks["The day"] += _indices_blocks(found.indices)
    if event.date == JUNE_2026_DATE:
        blocks["The day"].append(_reported_table(found))
    if found.following:
        blocks["Days like it"] += [_similar_words(found), _following_table(found)]
    if found.session is None and event.date == JUNE_2026_DATE:
        blocks["As a scenario"] += _scenario_blocks(market)
    return tuple(
        Section(
            title.lower().replace(" ", "-"),
            f"{title}: {event.date}" if title == "The day" else title,
            tuple(inner),
        )
        for title, inner in blocks.items()
        if inner
    )


def _row(*cells: tuple[Value, Format] | str) -> Row:
    return Row(tuple(Cell(cell) if isinstance(cell, str) else Cell(*cell) for cell in cells))


def _columns(first: str, *others: str) -> tuple[Column, ...]:
    return (Column(first, "left"), *(Column(label) for label in others))


def _abnormal_row(name: str, row: Abnormal, *middle: tuple[Value, Format]) -> Row:
    return _row(
        name,
        *middle,
        (row.actual, "percent2"),
        (row.day, "percent2"),
        (row.day_error, "percent2"),
        (row.t, "number"),
        (row.window, "percent2"),
        (row.window_error, "percent2"),
    )


def _abnormal_table(found: Study) -> Table:
    event = found.event
    return Table(
        f"Abnormal returns by group on {found.session}",
        _columns(
            "Group",
            "Members",
            "Return",
            "Abnormal",
            "Std. error",
            "t",
            f"Days -{event.before} to +{event.after}",
            "Std. error",
        ),
        tuple(_abnormal_row(named(row.name), row, (row.members, "integer")) for row in found.groups),
        f"Market model on {found.market_label}, sessions -280 to -31. A group is one equal-weighted "
        "portfolio, so its error contains how its members move together.",
    )


def _leaders_table(caption: str, rows: Iterable[Abnormal]) -> Table:
    return Table(
        caption,
        _columns("Symbol", "Return", "Abnormal", "Std. error", "t", "Window", "Std. error"),
        tuple(_abnormal_row(row.name, row) for row in rows),
    )


def _indices_blocks(indices: Indices) -> list[Block]:
    price = indices.price
    rows = (
        _row("Price-weighted", (price.change, "percent2")),
        _row("Cap-weighted", (indices.cap, "percent2")),
        _row("Equal-weighted", (indices.equal, "percent2")),
    )
    missing = f" Not in this market: {', '.join(indices.missing)}." if indices.missing else ""
    ordered = sorted(price.points.items(), key=lambda pair: -abs(pair[1]))[:5]
    most = ", ".join(f"{symbol} {points:+.2f}" for symbol, points in ordered)
    table = Table(
        f"The same {indices.members} members, weighted three ways",
        _columns("Index", "Return"),
        rows,
        typeset(
            f"Price-weighted at the prices of the day, divisor {price.divisor:.8g}; most points: "
            f"{most}.{missing}"
        ),
    )
    return [table]


def _reported_table(found: Study) -> Table:
    def ours(own: Own) -> str:
        if own.date is None:
            return "–"
        change = "" if math.isnan(own.change) else f"{own.change:+.2%}"
        level = "" if math.isnan(own.level) else f"{own.level:g}"
        day = "" if own.date == np.datetime64(found.event.date) else f"on {own.date}"
        return " ".join(part for part in (level, f"({change})" if level and change else change, day) if part)

    return Table(
        "As published, beside this market's own record",
        (
            Column("What", "left"),
            Column("Change"),
            Column("Words", "left"),
            Column("This market's own", "left"),
        ),
        tuple(
            _row(
                each.what,
                (None if math.isnan(each.change) else each.change, "percent2"),
                each.words,
                ours(own),
            )
            for each, own in zip(JUNE_2026_REPORTED, found.own, strict=True)
        ),
        "A dash: nothing on record. A series that ends before the day shows its latest value, with its date; "
        "funds stand for the indices, the spot price for the future.",
    )


def _similar_words(found: Study) -> Paragraph:
    days = found.similar
    when = f"; the latest on {', '.join(str(day) for day in days[-5:])}" if len(days) else ""
    early = int((days < days.dtype.type("2004-01-01")).sum()) if len(days) else 0
    signature = found.signature.words() if found.signature is not None else "no signature"
    return Paragraph(f"{len(days)} earlier days are like it: {signature}. {early} fall before 2004{when}.")


def _following_table(found: Study) -> Table:
    def row(name: str, after: Aftermath) -> Row:
        return _row(
            name,
            (after.horizon, "integer"),
            (after.days, "integer"),
            (after.mean, "percent2"),
            (after.ordinary, "percent2"),
            (after.low, "percent2"),
            (after.high, "percent2"),
            "–" if math.isnan(after.p_value) else f"{after.p_value:.3f}",
        )

    return Table(
        "What followed, against ordinary days",
        _columns("Relative return", "Sessions", "Days", "After them", "Ordinary", "2.5%", "97.5%", "p"),
        tuple(row(name, after) for name, each in found.following.items() for after in each),
        "Ordinary: the same pattern of days put elsewhere in the calendar (circular shifts), which keeps how "
        "the days cluster and how windows overlap. The p-values are not adjusted for the number of rows.",
    )


def _scenario_blocks(market: Market) -> list[Block]:
    """What the published moves would do to the blueprint and the index as they stood when the market ends."""
    end = len(market.sessions) - 1
    groups = groups_today(market, end)
    chosen: tuple[Strategy, ...] = (Blueprint(), CapWeighted())
    rows = []
    for strategy in chosen:
        target = strategy.decide(AsOf(market, end))
        weights = dict(target.weights) if target is not None else {}
        for scenario in JUNE_2026_SCENARIOS:
            outcome = apply_scenario(scenario, weights, groups)
            rows.append(
                _row(
                    f"{type(strategy).__name__}, {scenario.name}",
                    (outcome.total, "percent2"),
                    (outcome.guessed, "percent"),
                )
            )
    moved = _moved()
    return [
        Paragraph(
            f"The published moves applied to the weights that each strategy, begun that day, would hold on "
            f"{market.sessions[end]}, the market's last session. A scenario, not a measurement."
        ),
        Table(
            "One day at the published moves",
            _columns("Portfolio and scenario", "Return", "Share by rule for the rest"),
            tuple(rows),
        ),
        moved,
        Bullets("Where the numbers come from", JUNE_2026_SCENARIOS[0].notes),
    ]


def _moved() -> Paragraph:
    """What a percent moved out of hardware earned on the day, by the blueprint's shares."""
    gained = []
    for scenario in JUNE_2026_SCENARIOS:
        moves = scenario.symbols
        financials = (moves["GS"] + moves["JPM"]) / 2
        healthcare = (moves["UNH"] + moves["JNJ"]) / 2
        bought = 0.4 * financials + 0.3 * healthcare + 0.3 * scenario.groups["small_cap"]
        gained.append(f"{bought - moves['AVGO']:.2%} ({scenario.name})")
    return Paragraph(
        f"Each dollar moved from hardware to 40% financials, 30% healthcare and 30% small caps gained "
        f"{' or '.join(gained)} on the day, taking Broadcom for hardware, Goldman Sachs and JPMorgan for "
        "financials, UnitedHealth and Johnson & Johnson for healthcare."
    )
