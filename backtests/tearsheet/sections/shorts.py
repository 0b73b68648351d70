"""Long and short: how much of either, what each side earned, what loans cost, and what the house forced."""

from __future__ import annotations

from backtests.analysis.shorts import Side
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
from backtests.engine.books import HOUSE_CALLS, Ledger
from backtests.result import Result
from datafeeds.market import Array

SHOWN = 20
"""Forced trades that the page lists."""


def sections(result: Result) -> tuple[Section, ...]:
    """Both sides of the book, or nothing where nothing was sold short."""
    found, ledger = result.sides, result.book.ledger
    if found is None or ledger.sold is None:
        return ()
    blocks: list[Block] = [
        Paragraph(_sentence(found, ledger), "lead"),
        _exposure(ledger, ledger.sold),
        _earned(found, ledger),
        *_forced(ledger),
    ]
    return (Section("shorts", "Long and short", tuple(blocks)),)


def _sentence(found: tuple[Side, Side], ledger: Ledger) -> str:
    long, short = found
    start = ledger.equity[0]
    return (
        f"The longs earned {long.profit / start:+.1%} of the starting equity, the shorts "
        f"{short.profit / start:+.1%}, of it {-short.borrow / start:.1%} for the loans and "
        f"{short.dividends / start:.1%} for dividends owed to the lenders."
    )


def _exposure(ledger: Ledger, sold: Array) -> Figure:
    net = (ledger.equity - ledger.cash) / ledger.equity
    gross = net + 2.0 * sold / ledger.equity
    lines = (Line("gross", ledger.sessions, gross, 0), Line("net", ledger.sessions, net, 1, "dashed"))
    return Figure(
        "exposure",
        LineChart(lines, "percent", rule=0.0),
        "Gross and net exposure at each close, as shares of equity",
        f"Gross {gross.min():.0%} to {gross.max():.0%}, net {net.min():.0%} to {net.max():.0%}.",
    )


def _earned(found: tuple[Side, Side], ledger: Ledger) -> Table:
    interest = float(ledger.interest.sum())
    rows = [
        Row(
            (
                Cell(f"{side.name.capitalize()} side"),
                Cell(side.price, "money"),
                Cell(side.dividends, "money"),
                Cell(side.trading_costs, "money"),
                Cell(side.borrow, "money"),
                Cell(side.profit, "money"),
                Cell(side.profit / ledger.equity[0], "percent"),
            )
        )
        for side in found
    ]
    total = float(ledger.equity[-1] - ledger.equity[0])
    for label, value in (("Interest on cash, proceeds included", interest), ("Change of equity", total)):
        share = value / ledger.equity[0]
        blank = Cell("")
        cells = (Cell(label), blank, blank, blank, blank, Cell(value, "money"), Cell(share, "percent"))
        rows.append(Row(cells, group=label == "Change of equity"))
    labels = ("Price gain", "Dividends", "Trading costs", "Borrowing")
    return Table(
        "What either side earned, in money of the day",
        (
            Column("", "left"),
            *(Column(label) for label in labels),
            Column("Profit", strong=True),
            Column("Of starting equity"),
        ),
        tuple(rows),
    )


def _forced(ledger: Ledger) -> tuple[Block, ...]:
    fills = ledger.fills[ledger.fills["kind"].isin(HOUSE_CALLS)]
    if not len(fills):
        return (Paragraph("No loan was recalled, and no margin call came."),)
    last = fills.tail(SHOWN)
    days = last["session"].to_numpy().astype("datetime64[D]")
    words = zip(days, last["symbol"], last["kind"], strict=True)
    numbers = last[["shares", "price"]].to_numpy(dtype=float).tolist()
    rows = tuple(
        Row(
            (
                Cell(day, "date"),
                Cell(str(symbol)),
                Cell(str(kind)),
                *(Cell(number, "number") for number in told),
            )
        )
        for (day, symbol, kind), told in zip(words, numbers, strict=True)
    )
    which = f"the last {len(rows)} of {len(fills):,}" if len(fills) > SHOWN else f"{len(fills):,}"
    return (
        Table(
            f"Trades that the house forced: {which}",
            (
                Column("Session", "left"),
                Column("Symbol", "left"),
                Column("Why", "left"),
                Column("Shares"),
                Column("Price"),
            ),
            rows,
        ),
    )
