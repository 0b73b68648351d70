"""The record of order lists: what was asked for, on what day, so that fills can be held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from backtests.desk.orders import DeskError, Order, OrderList
from backtests.records.chain import Chain, Entry, Recorded


def _chain(results: Path) -> Chain:
    return Chain(results / "orders.sqlite", "order lists", "DELETE")


def record(results: Path, listed: OrderList) -> bool:
    """Add an order list to the record of a results folder, unless it is the newest of its session there.

    Returns
    -------
    bool
        Whether it was added. One that an other list of the session followed is added again: it is the newest.
    """
    results.mkdir(parents=True, exist_ok=True)
    before = of_session(results, listed)
    if before and before[-1] == listed:
        return False
    again = f":{len(before)}" if listed in before else ""
    return _chain(results).append([Entry(asdict(listed), f"{listed.hash}{again}")]) > 0


def recorded(results: Path) -> Iterator[OrderList]:
    """Every order list on record, oldest first."""
    return map(_listed, _chain(results).entries())


def _listed(entry: Recorded) -> OrderList:
    content: dict[str, Any] = {field.name: entry.content[field.name] for field in fields(OrderList)}
    content["orders"] = tuple(Order(**order) for order in content["orders"])
    content |= {key: tuple(content[key]) for key in ("reasons", "notes")}
    return OrderList(**content)


def of_session(results: Path, listed: OrderList) -> list[OrderList]:
    """Every list on record of the same run file, market and session as `listed`, oldest first."""
    made_of = (listed.name, listed.market, listed.session)
    return [each for each in recorded(results) if (each.name, each.market, each.session) == made_of]


def newest(results: Path, name: str, before: str, market: str = "") -> OrderList:
    """The last list on record for the run file `name` that was decided before a day.

    One that is for an open on that day or before goes before one that is for a later open, and of one
    session that which was recorded last.

    Parameters
    ----------
    results : Path
    name : str
    before : str
        The day, ISO: of the first fill.
    market : str, optional
        Name of the market that it must have been made on.

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
    there = [each for each in found if market in ("", each.market)]
    if not there:
        raise DeskError(
            f"{results / 'orders.sqlite'}: order lists of {name!r} from before {before} were made on market "
            f"{', '.join(sorted({repr(each.market) for each in found}))}, not on {market!r}; say --market"
        )
    # Of equals `max` takes the first, so the list that was recorded last comes first.
    return max(reversed(there), key=lambda each: (each.next_session <= before, each.session))
