"""Where the money was: by group through time, and what a holder asks of each name."""

from __future__ import annotations

import numpy as np

from backtests.analysis.exposure import CASH, group_weights
from backtests.document.blocks import (
    AreaChart,
    Block,
    Cell,
    Column,
    Details,
    Figure,
    Line,
    LineChart,
    Paragraph,
    Row,
    Section,
    Table,
)
from backtests.document.formats import formatted, typeset
from backtests.result import Result
from backtests.tearsheet.wording import holdings_sentence, risk_sentence
from datafeeds.names import named

NOTHING = 1e-6
"""Share of equity below zero that is rounding."""

SHOWN = 15
"""Holdings listed; the rest opens on demand."""


def section(result: Result) -> Section:
    """Weights by group, the holdings, how long they were held, and their risk."""
    title = "What was held"
    if not len(result.book.ledger.executions):
        return Section("weights", title, (Paragraph("Nothing was ever held: all of the equity was cash."),))
    blocks: list[Block] = [
        _groups(result),
        Paragraph(typeset(holdings_sentence(result))),
        *_holdings(result),
        *_risk(result),
        *_predicted(result),
        *_closed(result),
    ]
    return Section("weights", title, tuple(blocks))


def _groups(result: Result) -> Figure:
    weights = group_weights(result.weights, result.market)
    dates = weights.index.to_numpy().astype("datetime64[D]")
    layers = tuple(
        Line(
            named(str(group)),
            dates,
            weights[group].to_numpy(dtype=np.float64),
            -1 if group == CASH else slot,
        )
        for slot, group in enumerate(weights.columns)
    )
    averages = ", ".join(
        f"{layer.label} {formatted(float(layer.values.mean()), 'percent')}" for layer in layers
    )
    return Figure(
        "weights",
        # Areas below zero would lie on those above.
        LineChart(layers, "percent", rule=0.0) if _below_zero(layers) else AreaChart(layers),
        f"Share of {result.book.label}'s equity at each close",
        f"Average weights: {averages}.",
    )


def _below_zero(layers: tuple[Line, ...]) -> bool:
    return any(layer.values.min() < -NOTHING for layer in layers)


def _holdings(result: Result) -> list[Block]:
    table = result.holdings
    profits = result.profits["profit"]
    shown = [
        Row(
            (
                Cell(str(symbol)),
                Cell(float(line["end"]), "percent2"),
                Cell(float(line["largest"]), "percent2"),
                Cell(line["largest_on"].date().isoformat()),
                Cell(float(line["held"]), "percent"),
                Cell(float(profits.get(symbol, 0.0)), "money"),
                Cell(float(line["days_to_sell"]), "number"),
            )
        )
        for symbol, line in table.iterrows()
    ]
    columns = (
        Column("Symbol", "left"),
        Column("At the end", strong=True),
        Column("At its largest"),
        Column("On", "left"),
        Column("Held"),
        Column("Profit"),
        Column("Sessions to sell"),
    )
    note = (
        "Shares of equity. Held: share of the sessions. Sessions to sell: the last position at a tenth of "
        "the average volume of 21 sessions; a dash where volume is unknown."
    )
    caption = f"Holdings of {result.book.label}, the largest at the end first"
    first = Table(caption, columns, tuple(shown[:SHOWN]), note)
    if len(shown) <= SHOWN:
        return [first]
    rest = Table(f"{caption}: all", columns, tuple(shown), note)
    return [first, Details(f"All {len(shown):,} symbols ever held", (rest,), paper=False)]


def _risk(result: Result) -> list[Block]:
    found = result.risk
    if found is None:
        return []
    rows = tuple(
        Row(
            (
                Cell(str(symbol)),
                Cell(float(line["weight"]), "percent2"),
                Cell(float(line["risk"]), "percent2"),
                Cell(float(line["risk"]) / found.volatility if found.volatility else None, "percent"),
                Cell(float(line["active_risk"]), "percent2"),
            )
        )
        for symbol, line in found.table.head(SHOWN).iterrows()
    )
    table = Table(
        "Risk by holding, the largest first",
        (
            Column("Symbol", "left"),
            Column("Weight"),
            Column("Part of volatility"),
            Column("Share of it", strong=True),
            Column("Part of tracking error"),
        ),
        rows,
        f"Covariance of {found.sessions:,} sessions, shrunk by {found.shrinkage:.0%} (Ledoit and Wolf 2004); "
        "the parts of all holdings add to the whole.",
    )
    return [Paragraph(typeset(risk_sentence(result, found))), table]


def _predicted(result: Result) -> list[Block]:
    table = result.predicted
    if table.empty:
        return []
    return [
        Table(
            "Volatility predicted at each year's end, and that of the year after",
            (Column("Year", "left"), Column("Predicted"), Column("Realised", strong=True)),
            tuple(
                Row(
                    (
                        Cell(str(year)),
                        Cell(float(line["predicted"]), "percent"),
                        Cell(float(line["realised"]), "percent"),
                    )
                )
                for year, line in table.iterrows()
            ),
            "By the same covariance, from the weights and the returns known at the end of the year before.",
        )
    ]


def _closed(result: Result) -> list[Block]:
    trips = result.round_trips
    closed = trips[trips["closed"].notna()]
    if closed.empty:
        return [Paragraph("No position was ever closed.", "note")]
    rows = tuple(
        Row(
            (
                Cell(str(row["symbol"])),
                Cell(np.datetime64(row["opened"], "D"), "date"),
                Cell(np.datetime64(row["closed"], "D"), "date"),
                Cell(int(row["sessions"]), "integer"),
            )
        )
        for row in closed.tail(SHOWN).to_dict("records")
    )
    table = Table(
        f"The last {len(rows)} of {len(closed):,} closed positions",
        (
            Column("Symbol", "left"),
            Column("Opened", "left"),
            Column("Closed", "left"),
            Column("Sessions held"),
        ),
        rows,
    )
    return [Details(f"Closed positions: {len(closed):,}", (table,))]
