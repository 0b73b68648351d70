"""The record of order lists: what was asked for, on what day, so that fills can be held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from backtests.desk.orders import DeskError, Order, OrderList
from backtests.records.chain import Chain, Entry


def _chain(results: Path) -> Chain:
    return Chain(results / "orders.sqlite", "order lists", "DELETE")


def record(results: Path, listed: OrderList) -> bool:
    """Add an order list to the record of a results folder; whether it was not there yet."""
    results.mkdir(parents=True, exist_ok=True)
    return _chain(results).append([Entry(asdict(listed), listed.hash)]) > 0


def recorded(results: Path) -> Iterator[OrderList]:
    """Every order list on record, oldest first."""
    for entry in _chain(results).entries():
        content: dict[str, Any] = {field.name: entry.content[field.name] for field in fields(OrderList)}
        content["orders"] = tuple(Order(**order) for order in content["orders"])
        content |= {key: tuple(content[key]) for key in ("reasons", "notes")}
        yield OrderList(**content)


def newest(results: Path, name: str, before: str) -> OrderList:
    """The last list on record for the run file `name` that was decided before a day.

    Raises
    ------
    DeskError
        If there is none.
    """
    found = [each for each in recorded(results) if each.name == name and each.session < before]
    if not found:
        raise DeskError(
            f"{results / 'orders.sqlite'}: no order list of {name!r} from before {before}; "
            "`backtest today` makes and records one"
        )
    return max(found, key=lambda each: each.session)
