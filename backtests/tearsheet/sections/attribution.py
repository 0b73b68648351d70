"""Where the return came from: groups, factors, symbols, and what trading took away."""

from __future__ import annotations

import pandas as pd

from backtests.analysis.attribution import BrinsonFachler, turnover_by_year
from backtests.analysis.factors import FACTOR_GROUP, FAMA_FRENCH, FactorRegression, Factors
from backtests.document.blocks import Block, Cell, Column, Details, Paragraph, Row, Section, Table
from backtests.document.formats import Format, typeset
from backtests.result import Result
from backtests.tearsheet.wording import attribution_sentence, factor_sentence, listed
from datafeeds.names import named

SHOWN = 10
"""Symbols listed at each end; the rest opens on demand."""


def section(result: Result) -> Section:
    """Every attribution that the run and its market allow."""
    title = "Where the return came from"
    ledger = result.book.ledger
    if not len(ledger.executions):
        return Section("attribution", title, (Paragraph("Nothing was ever held.", "note"),))
    blocks: list[Block] = [*_groups(result), *_factors(result), *_symbols(result), *_trading(result)]
    return Section("attribution", title, tuple(blocks))


def _groups(result: Result) -> list[Block]:
    found = result.attributions
    if not found:
        return []
    place = next(
        (place for place, benchmark in enumerate(result.benchmarks) if benchmark.ledger.symbols_traded > 1),
        0,
    )
    first, name = found[place], result.labels[1 + place]
    against = attribution_sentence(first, name)
    single = [
        label
        for label, benchmark in zip(result.labels[1:], result.benchmarks, strict=True)
        if benchmark.ledger.symbols_traded == 1
    ]
    note = (
        f"{listed(single)} {'is' if len(single) == 1 else 'are'} held as one instrument, so its groups are "
        "not seen: the whole difference counts as allocation."
        if single
        else ""
    )
    return [Paragraph(typeset(against)), _group_table(first, name), _benchmarks_table(result, found, note)]


def _group_table(found: BrinsonFachler, benchmark: str) -> Table:
    table = found.table()
    kinds = ("allocation", "selection", "interaction")
    rows = [
        Row(
            (
                Cell(named(str(group))),
                Cell(float(line["weight"]), "percent"),
                Cell(float(line["benchmark_weight"]), "percent"),
                *(Cell(float(line[kind]) * 100, "number") for kind in kinds),
                Cell(float(line["total"]) * 100, "number"),
            )
        )
        for group, line in table.iterrows()
    ]

    def further(label: str, value: float, term: str = "", group: bool = False) -> Row:
        return Row((Cell(label), *(Cell("") for _ in range(5)), Cell(value * 100, "number")), term, group)

    rows += [
        further("Trading costs", found.costs, group=True),
        *([further("Options, before their half-spread", found.hedge)] if found.hedge else []),
        further("Residual", found.residual, "residual"),
        further("Difference of the total returns", found.excess, group=True),
    ]
    return Table(
        f"Brinson-Fachler attribution against {benchmark}, points of total return",
        (
            Column("Group", "left"),
            Column("Weight"),
            Column("Benchmark's"),
            *(Column(kind.capitalize(), term=kind) for kind in kinds),
            Column("Total", strong=True),
        ),
        tuple(rows),
        f"{found.periods:,} sessions linked by Carino's method; weights are averages. Everything adds to the "
        "last line, residual included.",
    )


def _benchmarks_table(result: Result, found: tuple[BrinsonFachler, ...], note: str) -> Table:
    def row(label: str, values: list[float], term: str = "", group: bool = False) -> Row:
        return Row((Cell(label), *(Cell(value * 100, "number") for value in values)), term, group)

    effects = ("allocation", "selection", "interaction")
    rows = [
        row(kind.capitalize(), [float(getattr(each.effects, kind).sum()) for each in found], kind)
        for kind in effects
    ]
    hedges = [each.hedge for each in found]
    rows += [
        row("Trading costs", [each.costs for each in found]),
        *([row("Options, before their half-spread", hedges)] if any(hedges) else []),
        row("Residual", [each.residual for each in found], "residual"),
        row("Difference of the total returns", [each.excess for each in found], group=True),
    ]
    shares = result.active_shares
    for label, values in (
        ("Active share, average", [float(share.mean()) for share in shares]),
        ("Active share, last", [float(share.iloc[-1]) for share in shares]),
    ):
        rows.append(
            Row(
                (Cell(label), *(Cell(value, "percent") for value in values)),
                "",
                group=label.endswith("average"),
            )
        )
    return Table(
        "The same against every benchmark, points of total return",
        (Column("Effect", "left"), *(Column(label) for label in result.labels[1:])),
        tuple(rows),
        note,
    )


def _factors(result: Result) -> list[Block]:
    note = _factors_note(result.factors)
    if not result.factors.returns:
        return [Paragraph(note, "note")]
    found = result.regression
    if isinstance(found, str):
        return [Paragraph(f"No factor regression: {found}.", "note")]
    return [Paragraph(typeset(factor_sentence(found))), _factor_table(result, found, note)]


def _factors_note(found: Factors) -> str:
    """What the factors are."""
    names = ", ".join(found.returns)
    funds = ", ".join(name for name in found.returns if name != found.index)
    match found.kind:
        case "series":
            rate = f"series {found.above}" if found.above else "the run's own cash, for want of a bill's rate"
            return f"Fama-French factors from the market's series {names}; returns are above {rate}."
        case "funds":
            return f"Factor funds {names}, each above cash, in place of Fama-French factors."
        case "funds above index":
            return (
                f"In place of Fama-French factors, which the market does not supply: {found.index} above "
                f"cash, and the factor funds {funds} each less {found.index}. Where the index is without "
                "dividends, about 2% a year times its coefficient, less the sum of those of the funds, stays "
                "in alpha."
            )
        case _:
            return (
                "No factor regression: the market supplies neither Fama-French factors (series "
                f"{', '.join(FAMA_FRENCH)}) nor funds of the group {FACTOR_GROUP!r}."
            )


def _factor_table(result: Result, found: FactorRegression, note: str) -> Table:
    rows = [
        Row(
            (
                Cell("Alpha a year"),
                Cell(found.alpha_a_year, "percent2"),
                Cell(float(found.errors[0]) * result.periods, "percent2"),
                Cell(float(found.t_values[0]), "number"),
                Cell(float(found.p_values[0]), "number"),
            ),
            term="factor_alpha",
        )
    ]
    rows += [
        Row(
            (
                Cell(name),
                Cell(float(found.coefficients[place]), "number"),
                Cell(float(found.errors[place]), "number"),
                Cell(float(found.t_values[place]), "number"),
                Cell(float(found.p_values[place]), "number"),
            )
        )
        for place, name in enumerate(found.names[1:], start=1)
    ]
    missing = f" {found.dropped:,} sessions without every factor are left out." if found.dropped else ""
    return Table(
        f"Regression of {result.labels[0]} on factors",
        (
            Column("Factor", "left"),
            Column("Coefficient"),
            Column("Standard error"),
            Column("t", term="t_value"),
            Column("p"),
        ),
        tuple(rows),
        f"{note} {found.observations:,} sessions, adjusted R² {found.adjusted_r_squared:.2f}.{missing}",
    )


def _symbols(result: Result) -> list[Block]:
    profits = result.profits
    caption = f"Profit of {result.labels[0]} by symbol, in money of the day, after costs"
    if len(profits) <= 3 * SHOWN:
        return [_profit_table(caption, profits)]
    ends = pd.concat([profits.head(SHOWN), profits.tail(SHOWN)])
    shown = _profit_table(f"{caption}: the best and the worst {SHOWN}", ends, SHOWN)
    return [shown, Details(f"All {len(profits):,} symbols", (_profit_table(caption, profits),), paper=False)]


def _profit_table(caption: str, profits: pd.DataFrame, rule: int = -1) -> Table:
    named = {
        "price": "Price gain",
        "dividends": "Dividends",
        "commission": "Commission",
        "spread": "Spread",
        "impact": "Impact",
        "borrow": "Borrowing",
        "profit": "Profit",
    }
    kinds = [kind for kind in named if kind in profits]
    labels = [named[kind] for kind in kinds]
    return Table(
        caption,
        (
            Column("Symbol", "left"),
            *(Column(label, strong=label == "Profit") for label in labels),
        ),
        tuple(
            Row(
                (Cell(str(symbol)), *(Cell(float(line[kind]), "money") for kind in kinds)),
                group=place == rule,
            )
            for place, (symbol, line) in enumerate(profits.iterrows())
        ),
    )


def _trading(result: Result) -> list[Block]:
    ledger = result.book.ledger
    costs = result.costs
    turnover = turnover_by_year(ledger).to_numpy()
    columns: tuple[tuple[str, Format], ...] = (
        ("commission", "money"),
        ("spread", "money"),
        ("impact", "money"),
        *((("options", "money"),) if costs.options else ()),
        *((("borrow", "money"),) if costs.borrow else ()),
        ("total", "money"),
    )
    rows = tuple(
        Row(
            (
                Cell(str(year)),
                *(Cell(float(line[kind]), form) for kind, form in columns),
                Cell(float(line["rate"]) * 1e4, "bps"),
                Cell(float(turnover[place]), "percent"),
            )
        )
        for place, (year, line) in enumerate(costs.by_year.iterrows())
    )
    unit = " a year" if costs.annual else ""
    table = Table(
        f"What trading cost {result.labels[0]} by year",
        (
            Column("Year", "left"),
            Column("Commission"),
            Column("Spread"),
            Column("Impact"),
            *((Column("Options"),) if costs.options else ()),
            *((Column("Borrowing"),) if costs.borrow else ()),
            Column("Total", strong=True),
            Column("bps of equity"),
            Column("Turnover"),
        ),
        rows,
        "Nothing annualised: the first and the last year may be part of one. Costs are shares of average "
        f"equity; compounded, they took {costs.drag * 1e4:,.1f} bps of return{unit}.",
    )
    return [table]
