"""What the options cost, what they paid when it mattered, and whether they earned their keep."""

from __future__ import annotations

from backtests.analysis.hedging import HedgeCost, HedgeReport, SpreadHistory
from backtests.analysis.performance import return_between
from backtests.document.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Line,
    LineChart,
    Paragraph,
    Row,
    Section,
    Table,
)
from backtests.document.formats import formatted, typeset
from backtests.engine.books import Ledger
from backtests.result import Result
from backtests.tearsheet.wording import (
    chooser_sentence,
    hedge_answer,
    holding_less_sentence,
    sold_put_sentence,
)
from datafeeds.market import Dates


def sections(result: Result) -> tuple[Section, ...]:
    """The hedge, or nothing where there is none."""
    found, unhedged = result.hedge, result.unhedged
    if found is None or unhedged is None:
        return ()
    ledger = result.book.ledger
    rest = (holding_less_sentence(found.verdict) + chooser_sentence(found)).strip()
    blocks: list[Block] = [
        Paragraph(typeset(hedge_answer(found.verdict)), "lead"),
        *([Paragraph(typeset(rest))] if rest else []),
        Paragraph(unhedged.note, "note"),
        _curves(ledger, unhedged.ledger),
        _cost(found.cost),
        _cover(found, unhedged.ledger),
        _break_evens(found),
        *_spread_against_outright(found),
        *_greeks(found, ledger.sessions),
    ]
    return (Section("hedge", "The hedge", tuple(blocks)),)


def _curves(ledger: Ledger, unhedged: Ledger) -> Figure:
    lines = (
        Line("with the hedge", ledger.sessions, ledger.equity / ledger.equity[0], 0),
        Line("without", unhedged.sessions, unhedged.equity / unhedged.equity[0], 1, "dashed"),
    )
    ends = [formatted(float(line.values[-1]), "multiple") for line in lines]
    return Figure(
        "hedge-growth",
        LineChart(lines, "multiple", log=True),
        "Growth of 1 with and without the hedge, logarithmic scale",
        f"1 grew to {ends[0]} with the hedge and to {ends[1]} without.",
    )


def _cost(cost: HedgeCost) -> Table:
    rows = (
        ("Premiums paid", cost.premium),
        ("of it half the bid-ask spread", cost.spread),
        ("Payoffs received", cost.payoff),
        ("Profit, with what is still held", cost.pnl),
        ("Decay: what passing time took", cost.decay),
    )
    short = []
    if cost.short_of_cash:
        short.append(f"cash fell short at {cost.short_of_cash} of them")
    if cost.short_of_budget:
        short.append(f"the budget did at {cost.short_of_budget}")
    note = f"Bought at {cost.purchases} rolls" + (f"; {' and '.join(short)}" if short else "") + "."
    return Table(
        "The hedge's cost a year, as a share of equity",
        (Column("", "left"), Column("A year", strong=True)),
        tuple(Row((Cell(label), Cell(value, "percent2"))) for label, value in rows),
        note,
    )


def _cover(found: HedgeReport, unhedged: Ledger) -> Table:
    rows = tuple(
        Row(
            (
                Cell(each.fall.peak, "date"),
                Cell(each.fall.trough, "date"),
                Cell(
                    return_between(unhedged.equity, unhedged.sessions, each.fall.peak, each.fall.trough),
                    "percent",
                ),
                Cell(each.hedged, "percent"),
                Cell(each.pnl, "percent"),
                Cell(each.covered, "percent"),
            )
        )
        for each in found.falls
    )
    return Table(
        f"What the hedge paid in the {len(rows)} deepest falls of the portfolio without it",
        (
            Column("Peak", "left"),
            Column("Trough", "left"),
            Column("Without"),
            Column("With", strong=True),
            Column("Hedge's profit"),
            Column("Share made good"),
        ),
        rows,
        "The hedge's profit from peak to trough is a share of equity at the peak.",
    )


def _break_evens(found: HedgeReport) -> Table:
    rows = tuple(
        Row(
            (
                Cell(each.structure),
                Cell(each.rolls, "integer"),
                Cell(each.cost, "percent2"),
                Cell(each.move, "percent"),
                Cell(each.reached, "integer"),
            )
        )
        for each in found.break_evens
    )
    return Table(
        f"How far {found.underlying} had to fall by expiry for an option to pay for itself",
        (
            Column("Structure", "left"),
            Column("Expired"),
            Column("Price (median)"),
            Column("Break-even move (median)"),
            Column("Paid more than they cost"),
        ),
        rows,
    )


def _spread_against_outright(found: HedgeReport) -> tuple[Block, ...]:
    history = found.history
    if not len(history.sessions):
        return ()
    lines = (
        Line("cost of the 95/85% spread over the 95% put", history.sessions, history.ratio, 0),
        Line("SKEW, trailing five-year percentile", history.sessions, history.percentile, 1, "dotted"),
    )
    figure = Figure(
        "spread-cost",
        LineChart(lines, "percent"),
        "Cost of a put spread as a share of the outright put's at each roll, and SKEW's percentile",
        f"The spread cost {history.ratio.min():.0%} to {history.ratio.max():.0%} of the outright put.",
    )
    return figure, Paragraph(typeset(_timing(history))), Paragraph(sold_put_sentence(found.sold))


def _timing(history: SpreadHistory) -> str:
    """Whether the spread was really cheaper when SKEW was high."""
    high = history.percentile > 0.75
    said = f"The spread cost {history.ratio.mean():.1%} of the outright put on average"
    if high.any() and not high.all():
        said += (
            f": {history.ratio[high].mean():.1%} while SKEW was above the 75% percentile of its last five "
            f"years, {history.ratio[~high].mean():.1%} otherwise (rank correlation with SKEW "
            f"{history.slope:.2f})"
        )
    return f"{said}."


def _greeks(report: HedgeReport, days: Dates) -> tuple[Block, ...]:
    found = report.exposure
    delta = Figure(
        "hedge-delta",
        LineChart(
            (
                Line("delta", days, found.delta, 0),
                Line("gamma: change of delta by a rise of 1%", days, found.gamma, 1, "dotted"),
            ),
            "percent",
            rule=0.0,
        ),
        f"Delta of the hedge: what a rise of {report.underlying} by 1% brings, as a share of 1% of equity",
        typeset(
            f"Between {found.delta.min():.2f} and {found.delta.max():.2f}, "
            f"on average {found.delta.mean():.2f}."
        ),
    )
    others = Figure(
        "hedge-greeks",
        LineChart(
            (
                Line("vega, a point of VIX", days, 1e4 * found.vega, 0),
                Line("theta, a day", days, 1e4 * found.theta, 1, "dashed"),
            ),
            "bps",
            rule=0.0,
        ),
        "What a rise of VIX by a point and the passing of a day bring, in hundredths of a percent of equity",
        typeset(f"On average vega is {found.vega.mean():.3%} a point, theta {found.theta.mean():.3%} a day."),
    )
    return delta, others
