"""Could it be luck? Resampled histories, and a Sharpe ratio that knows how often one tried."""

from __future__ import annotations

import math

from backtests.analysis.definitions import DEFINITIONS
from backtests.analysis.significance import Interval, Significance
from backtests.document.blocks import Block, Bullets, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import Format, Value, formatted, typeset
from backtests.tearsheet.material import Material
from backtests.tearsheet.provenance import trials_on_record

FORMATS: dict[str, Format] = {
    "sharpe": "number",
    "max_drawdown": "percent",
    "growth_difference": "percent2",
    "information_ratio": "number",
}
TERMS = {
    "sharpe": "sharpe",
    "max_drawdown": "max_drawdown",
    "growth_difference": "excess_return",
    "information_ratio": "information_ratio",
}


def section(material: Material) -> Section:
    """Tests of luck in words and numbers."""
    title = "Could it be luck?"
    found = material.significance
    if found is None:
        text = "Not tested: it takes more than twenty sessions and equity above zero throughout."
        return Section("significance", title, (Paragraph(text, "note"),))
    blocks: list[Block] = [
        Bullets("", tuple(typeset(each) for each in _sentences(material, found))),
        _intervals(material, found),
        _sharpe(found),
        Paragraph(trials_on_record(material.result.manifest), "note"),
    ]
    return Section("significance", title, tuple(blocks))


def _sentences(material: Material, found: Significance) -> tuple[str, ...]:
    """All that the tests say; nothing of the number of trials where it is not known."""
    unknown = found.trials_sentence() if material.trials is None else ""
    return tuple(each for each in found.sentences() if each != unknown)


def _intervals(material: Material, found: Significance) -> Table:
    rows = [_interval(material, each, place) for place, each in enumerate(found.bootstrap.intervals)]
    return Table(
        f"{material.labels[0]} in {found.bootstrap.draws:,} resampled histories",
        (
            Column("Statistic", "left"),
            Column("Against", "left"),
            Column("As it was"),
            Column("95% interval", term="bootstrap_interval"),
            Column("Draws above zero", term="above_zero"),
        ),
        tuple(rows),
        f"Stationary bootstrap, blocks of {found.bootstrap.block_length:.0f} sessions on average, seed "
        f"{found.bootstrap.seed}.",
    )


def _interval(material: Material, interval: Interval, place: int) -> Row:
    form = FORMATS[interval.statistic]
    term = TERMS[interval.statistic]
    definition = DEFINITIONS[term]
    label = definition.term if material.annual or not definition.short_term else definition.short_term
    above: Value = None if interval.statistic == "max_drawdown" else interval.above_zero
    return Row(
        (
            Cell(label),
            Cell(interval.benchmark),
            Cell(interval.estimate, form),
            Cell(f"{formatted(interval.low, form)} to {formatted(interval.high, form)}"),
            Cell(above, "percent"),
        ),
        term=term,
        group=interval.statistic == "growth_difference" and place > 0,
    )


def _sharpe(found: Significance) -> Table:
    scale = math.sqrt(found.sessions_a_year)
    needed = found.least_sessions / found.returns.count * found.years
    values: tuple[tuple[str, Value, Format], ...] = (
        ("sharpe", found.sharpe, "number"),
        ("probabilistic_sharpe", found.probabilistic, "percent"),
        ("trials", found.trials, "integer"),
        ("expected_maximum", found.expected_maximum * scale, "number"),
        ("deflated_sharpe", found.deflated, "percent"),
        ("least_years", needed, "number"),
    )
    return Table(
        "The Sharpe ratio and the number of trials",
        (Column("Statistic", "left"), Column("Value")),
        tuple(Row((Cell(DEFINITIONS[key].term), Cell(value, form)), term=key) for key, value, form in values),
        f"Returns: {found.returns.count:,}, skewness {formatted(found.returns.skew, 'number')}, kurtosis "
        f"{found.returns.kurtosis:.1f} (3 for a normal distribution).",
    )
