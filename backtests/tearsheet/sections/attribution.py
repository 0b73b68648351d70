"""Where the return came from: groups, factors, symbols, and what trading took away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.analysis.attribution import (
    BrinsonFachler,
    FactorRegression,
    active_share_of,
    attribute_groups,
    cost_attribution,
    factor_regression,
    profit_by_symbol,
    symbol_returns,
    turnover_by_year,
)
from backtests.analysis.performance import cash_returns, returns_of
from backtests.document.blocks import Block, Cell, Column, Details, Paragraph, Row, Section, Table
from backtests.document.formats import Format, typeset
from backtests.tearsheet.material import Material
from backtests.tearsheet.wording import listed
from datafeeds.market import Array
from datafeeds.series import series_names

FAMA_FRENCH = ("mkt_rf", "smb", "hml", "rmw", "cma", "mom")
"""Series that are taken as Fama-French factors: daily returns in percent, as in the French data library."""

FACTOR_GROUP = "factor"
SHOWN = 10
"""Symbols listed at each end; the rest opens on demand."""


def section(material: Material) -> Section:
    """Every attribution that the run and its market allow."""
    title = "Where the return came from"
    ledger = material.result.book.ledger
    if not len(ledger.fills):
        return Section("attribution", title, (Paragraph("Nothing was ever held.", "note"),))
    blocks: list[Block] = [*_groups(material), *_factors(material), *_symbols(material), *_trading(material)]
    return Section("attribution", title, tuple(blocks))


def _groups(material: Material) -> list[Block]:
    result = material.result
    found = [attribute_groups(result.book, benchmark, result.market) for benchmark in result.benchmarks]
    if not found:
        return []
    place = next(
        (
            place
            for place, benchmark in enumerate(result.benchmarks)
            if len(set(benchmark.ledger.fills["symbol"])) > 1
        ),
        0,
    )
    first, name = found[place], material.labels[1 + place]
    against = first.sentence().replace("against the benchmark", f"against {name}")
    single = [
        label
        for label, benchmark in zip(material.labels[1:], result.benchmarks, strict=True)
        if len(set(benchmark.ledger.fills["symbol"])) == 1
    ]
    note = (
        f"{listed(single)} {'is' if len(single) == 1 else 'are'} held as one instrument, so its groups are "
        "not seen: the whole difference counts as allocation."
        if single
        else ""
    )
    return [Paragraph(typeset(against)), _group_table(first, name), _benchmarks_table(material, found, note)]


def _group_table(found: BrinsonFachler, benchmark: str) -> Table:
    table = found.table()
    kinds = ("allocation", "selection", "interaction")
    rows = [
        Row(
            (
                Cell(str(group)),
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


def _benchmarks_table(material: Material, found: list[BrinsonFachler], note: str) -> Table:
    def row(label: str, values: list[float], term: str = "", group: bool = False) -> Row:
        return Row((Cell(label), *(Cell(value * 100, "number") for value in values)), term, group)

    effects = ("allocation", "selection", "interaction")
    rows = [
        row(kind.capitalize(), [float(getattr(each.effects, kind).sum()) for each in found], kind)
        for kind in effects
    ]
    rows += [
        row("Trading costs", [each.costs for each in found]),
        row("Residual", [each.residual for each in found], "residual"),
        row("Difference of the total returns", [each.excess for each in found], group=True),
    ]
    shares = [
        active_share_of(material.result.book, book, material.result.market)
        for book in material.result.benchmarks
    ]
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
        (Column("Effect", "left"), *(Column(label) for label in material.labels[1:])),
        tuple(rows),
        note,
    )


def _factors(material: Material) -> list[Block]:
    factors, note = factor_returns(material)
    if not factors:
        return [Paragraph(note, "note")]
    ledger = material.result.book.ledger
    cash = cash_returns(material.sessions, material.result.config.costs.cash_rate)
    try:
        found = factor_regression(returns_of(ledger.equity), factors, cash=cash)
    except ValueError as error:
        return [Paragraph(f"No factor regression: {error}.", "note")]
    return [Paragraph(typeset(found.sentence())), _factor_table(material, found, note)]


def factor_returns(material: Material) -> tuple[Mapping[str, Array], str]:
    """Daily returns of the factors that the market supplies, and a sentence about them.

    Series named as in `FAMA_FRENCH` come first. Without ``mkt_rf`` the funds of the group `FACTOR_GROUP` are
    used, each less the market's index, which is a factor of its own; empty where there are none either.
    """
    market, sessions = material.result.market, material.sessions
    have = series_names(market)
    if "mkt_rf" in have:
        names = [name for name in FAMA_FRENCH if name in have]
        return (
            {name: _daily(material, name) for name in names},
            f"Fama-French factors from the market's series {', '.join(names)}.",
        )
    table = market.instruments
    funds = list(dict.fromkeys(table.loc[table["group"] == FACTOR_GROUP, "symbol"]))
    if not funds:
        return {}, (
            "No factor regression: the market supplies neither Fama-French factors (series "
            f"{', '.join(FAMA_FRENCH)}) nor funds of the group {FACTOR_GROUP!r}."
        )
    cash = cash_returns(sessions, material.result.config.costs.cash_rate)
    returns = dict(zip(funds, symbol_returns(market, sessions, funds).T, strict=True))
    indices = [symbol for symbol, kind in zip(market.symbols, market.kinds, strict=True) if kind == "index"]
    if not indices:
        return (
            {fund: values - cash for fund, values in returns.items()},
            f"Factor funds {', '.join(funds)}, each above cash, in place of Fama-French factors.",
        )
    index = symbol_returns(market, sessions, indices[:1])[:, 0]
    factors = {indices[0]: index - cash} | {fund: values - index for fund, values in returns.items()}
    return factors, (
        f"In place of Fama-French factors, which the market does not supply: {indices[0]} above cash, and "
        f"the factor funds {', '.join(funds)} each less {indices[0]}. Where the "
        "index is without dividends, about 2% a year times the sum of the coefficients of the funds, less "
        "that of the index, stays in alpha."
    )


def _daily(material: Material, name: str) -> Array:
    """A factor's returns on the run's sessions after the first; NaN where it has none."""
    table = material.result.market.series
    rows = table[table["series"] == name]
    values = pd.Series(rows["value"].to_numpy(dtype=np.float64), index=rows["date"].to_numpy())
    days = pd.DatetimeIndex(material.sessions[1:])
    return np.asarray(values[~values.index.duplicated(keep="last")].reindex(days) / 100.0, dtype=np.float64)


def _factor_table(material: Material, found: FactorRegression, note: str) -> Table:
    rows = [
        Row(
            (
                Cell("Alpha a year"),
                Cell(found.alpha_a_year, "percent2"),
                Cell(float(found.errors[0]) * 252, "percent2"),
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
        f"Regression of {material.labels[0]} on factors",
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


def _symbols(material: Material) -> list[Block]:
    profits = profit_by_symbol(material.result.book.ledger, material.result.market)
    caption = f"Profit of {material.labels[0]} by symbol, in money of the day, after costs"
    if len(profits) <= 3 * SHOWN:
        return [_profit_table(caption, profits)]
    ends = pd.concat([profits.head(SHOWN), profits.tail(SHOWN)])
    shown = _profit_table(f"{caption}: the best and the worst {SHOWN}", ends, SHOWN)
    return [shown, Details(f"All {len(profits):,} symbols", (_profit_table(caption, profits),), paper=False)]


def _profit_table(caption: str, profits: pd.DataFrame, rule: int = -1) -> Table:
    kinds = ("price", "dividends", "commission", "spread", "impact", "profit")
    labels = ("Price gain", "Dividends", "Commission", "Spread", "Impact", "Profit")
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


def _trading(material: Material) -> list[Block]:
    ledger = material.result.book.ledger
    costs = cost_attribution(ledger)
    turnover = turnover_by_year(ledger).to_numpy()
    columns: tuple[tuple[str, Format], ...] = (
        ("commission", "money"),
        ("spread", "money"),
        ("impact", "money"),
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
    table = Table(
        f"What trading cost {material.labels[0]} by year",
        (
            Column("Year", "left"),
            Column("Commission"),
            Column("Spread"),
            Column("Impact"),
            Column("Total", strong=True),
            Column("bps of equity"),
            Column("Turnover"),
        ),
        rows,
        "Nothing annualised: the first and the last year may be part of one.",
    )
    return [Paragraph(costs.sentence()), table]
