"""Order lists and live checks as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backtests.desk.live_check import LiveCheck
from backtests.desk.orders import OrderList
from backtests.document.blocks import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Fact,
    Facts,
    Paragraph,
    Row,
    Section,
    Table,
)
from backtests.document.formats import formatted


def order_page(listed: OrderList) -> Document:
    """The order list as a page."""
    sections = [Section("orders", "Orders", tuple(_orders(listed)))]
    if listed.reasons:
        sections.append(Section("reasons", "The decision", (Bullets("In order", listed.reasons),)))
    return Document(
        f"Orders of {listed.name}",
        decided(listed),
        tuple(sections),
        footer=f"Run {listed.run[:12]}, orders {listed.hash[:12]}",
        kind="Order list",
    )


def decided(listed: OrderList) -> str:
    """When an order list was decided, and what it is for."""
    return f"Decided at the close of {listed.session}, for the open of {listed.next_session}"


def _orders(listed: OrderList) -> Iterator[Block]:
    if listed.notes:
        yield Bullets("What to know first", listed.notes, tone="warning")
    costs = sum(order.estimated_cost for order in listed.orders)
    traded = sum(order.shares * order.price for order in listed.orders)
    yield Facts(
        (
            Fact("Equity", formatted(listed.equity, "money")),
            Fact("Cash before", formatted(listed.cash, "money")),
            Fact("To trade", f"{formatted(traded, 'money')}, {traded / listed.equity:.1%} of equity"),
            Fact("Estimated cost", formatted(costs, "money")),
            Fact("Market", listed.market),
        )
    )
    if not listed.orders:
        yield Paragraph("Nothing to trade.")
        return
    yield order_table(listed)
    yield Table(
        "Reasons",
        (Column("Symbol", "left"), Column("Reason", "left")),
        tuple(Row.of(order.symbol, order.reason) for order in listed.orders),
    )


def order_table(listed: OrderList) -> Table:
    """The orders without their reasons."""
    labels = ("Shares", "Later", "Close", "Cost", "Of volume", "Held", "Wanted")
    columns = (Column("Symbol", "left"), Column("Side", "left"), *(Column(label) for label in labels))
    rows = tuple(
        Row.of(
            order.symbol,
            order.side,
            Cell(order.shares, "integer" if order.shares == round(order.shares) else "number"),
            Cell(order.later or None, "integer"),
            Cell(order.price, "number"),
            Cell(order.estimated_cost, "number"),
            Cell(order.share_of_volume, "percent2"),
            Cell(order.weight_held, "percent"),
            Cell(order.weight_wanted, "percent"),
        )
        for order in listed.orders
    )
    note = (
        "Sized on the last close; the open will differ. Later: left for later sessions by the cap on volume. "
        "Cost: spread, impact and commission, estimated. Of volume: of the mean of 21 sessions."
    )
    return Table("Orders, sells first", columns, rows, note=note)


def check_table(checked: LiveCheck) -> Table:
    """Orders beside their fills."""
    labels = ("Ordered", "Filled", "Missed", "Price", "Open", "Slip", "Assumed", "Late")
    rows = tuple(
        Row.of(
            each.symbol,
            Cell(each.ordered if each.side == "buy" else -each.ordered, "integer"),
            Cell(each.filled, "integer"),
            Cell(each.missed or None, "integer"),
            Cell(each.price, "number"),
            Cell(each.reference, "number"),
            Cell(each.slippage_bps, "bps"),
            Cell(each.assumed_bps, "bps"),
            Cell(each.sessions_late, "integer"),
        )
        for each in checked.outcomes
    )
    where = "the open" if checked.opens else "the decision's close, since the market does not have the open"
    return Table(
        f"Orders beside fills, {checked.session}",
        (Column("Symbol", "left"), *(Column(label) for label in labels)),
        rows,
        note=f"Shares ordered, sales negative. Slip in bps, worse than {where}; assumed is what the run's "
        "costs say; late in sessions.",
    )


def list_sentence(listed: OrderList, made: Sequence[OrderList], first: str) -> str:
    """Which order list fills are compared with.

    Parameters
    ----------
    listed : OrderList
    made : sequence of OrderList
        Every one of its session, on record.
    first : str
        Day of the first fill, ISO.
    """
    count = len({each.hash for each in made})
    open_ = "" if made[-1:] == [listed] else " for that open"
    several = f"; the newest{open_} of {count} lists of that session on record" if count > 1 else ""
    early = "; the first fill came before that" if first < listed.next_session else ""
    return f"Compared with {listed.folder}, for the open of {listed.next_session}{early}{several}."


def check_sentences(checked: LiveCheck) -> Iterator[str]:
    """What came out, in words."""
    filled = [each for each in checked.outcomes if each.price is not None]
    worth = [each.filled * (each.price or 0.0) for each in filled]
    if sum(worth):
        real = np.average([each.slippage_bps or 0.0 for each in filled], weights=worth)
        assumed = np.average([each.assumed_bps or 0.0 for each in filled], weights=worth)
        yield f"Fills were {real:.1f} bps worse than the reference; the backtest assumes {assumed:.1f}."
    paid, expected = sum(each.commission for each in filled), sum(each.assumed_commission for each in filled)
    yield f"Commission {paid:,.2f}; the backtest assumes {expected:,.2f}."
    missed = [each.symbol for each in checked.outcomes if each.missed]
    late = [each.symbol for each in checked.outcomes if each.sessions_late]
    yield f"Not filled in full: {', '.join(missed) or 'none'}. Late: {', '.join(late) or 'none'}."
    if checked.unordered:
        yield f"Filled but not ordered: {', '.join(sorted({fill.symbol for fill in checked.unordered}))}."
