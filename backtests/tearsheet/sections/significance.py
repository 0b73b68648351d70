"""Could it be luck? Resampled histories, and a lead that knows how often one tried."""

from __future__ import annotations

from backtests.analysis.definitions import DEFINITIONS, metrics
from backtests.analysis.registry import figures
from backtests.analysis.significance import Interval, Significance
from backtests.document.blocks import Block, Bullets, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import Format, Value, formatted, typeset
from backtests.result import Result
from backtests.tearsheet.provenance import trials_on_record
from backtests.tearsheet.sections.verdict import metric_rows
from backtests.tearsheet.wording import significance_sentences

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


def section(result: Result) -> Section:
    """Tests of luck in words and numbers."""
    title = "Could it be luck?"
    found = result.significance
    if found is None:
        text = "Not tested: it takes more than twenty sessions and equity above zero throughout."
        return Section("significance", title, (Paragraph(text, "note"),))
    blocks: list[Block] = [
        Bullets("", tuple(typeset(each) for each in significance_sentences(found, result.flattered))),
        _intervals(result, found),
        _table(result, found),
        Paragraph(trials_on_record(result.manifest), "note"),
    ]
    return Section("significance", title, tuple(blocks))


def _intervals(result: Result, found: Significance) -> Table:
    rows = [_interval(result, each, place) for place, each in enumerate(found.bootstrap.intervals)]
    return Table(
        f"{result.labels[0]} in {found.bootstrap.draws:,} resampled histories",
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


def _interval(result: Result, interval: Interval, place: int) -> Row:
    form = FORMATS[interval.statistic]
    term = TERMS[interval.statistic]
    definition = DEFINITIONS[term]
    above: Value = None if interval.statistic == "max_drawdown" else interval.above_zero
    return Row(
        (
            Cell(definition.label(result.annual)),
            Cell(interval.benchmark),
            Cell(interval.estimate, form),
            Cell(f"{formatted(interval.low, form)} to {formatted(interval.high, form)}"),
            Cell(above, "percent"),
        ),
        term=term,
        group=interval.statistic == "growth_difference" and place > 0,
    )


def _table(result: Result, found: Significance) -> Table:
    returns = found.judged.returns
    what = f"The lead over {found.benchmark}" if found.lead else "The Sharpe ratio"
    return Table(
        f"{what} and the number of trials",
        (Column("Statistic", "left"), Column("Value")),
        metric_rows(metrics("luck"), (figures("luck", result.annual, found),)),
        f"Returns: {returns.count:,}, skewness {formatted(returns.skew, 'number')}, kurtosis "
        f"{returns.kurtosis:.1f} (3 for a normal distribution).",
    )
