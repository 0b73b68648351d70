"""What became of an order list: fills beside what the backtest assumes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.desk.orders import DeskError, OrderList, read_table
from backtests.engine import rules
from backtests.settings.run_file import RunConfig
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from datafeeds.names import unknown_name

FILLED = ("symbol", "date", "shares", "price")
"""Columns of a file of fills; `commission` may follow."""


@dataclass(frozen=True)
class Fill:
    """One fill of the desk's; `shares` without a sign."""

    symbol: str
    date: str
    shares: float
    price: float
    commission: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """One order beside its fills.

    Attributes
    ----------
    symbol, side : str
    ordered, filled, missed : float
        Shares.
    price : float or None
        Mean price of the fills; None where there are none.
    reference : float
        The open that the backtest fills at, or the close of the decision where the market does not have it.
    slippage_bps, assumed_bps : float or None
        By how much fills were worse than `reference`, and by how much the backtest assumes them to be.
    commission, assumed_commission : float
        In money; the latter on the shares that were filled.
    sessions_late : int or None
        From the session that the backtest fills on to the last fill.
    """

    symbol: str
    side: str
    ordered: float
    filled: float
    missed: float
    price: float | None
    reference: float
    slippage_bps: float | None
    assumed_bps: float | None
    commission: float
    assumed_commission: float
    sessions_late: int | None


@dataclass(frozen=True)
class LiveCheck:
    """An order list beside its fills.

    Attributes
    ----------
    outcomes : tuple of Outcome
        In the order of the list.
    unordered : tuple of Fill
        Fills that no order asked for.
    session : str
        On which the backtest fills.
    opens : bool
        Whether the market has that session's prices.
    """

    outcomes: tuple[Outcome, ...]
    unordered: tuple[Fill, ...]
    session: str
    opens: bool


def read_fills(path: Path) -> list[Fill]:
    """Fills from a CSV file with columns `symbol`, `date`, `shares`, `price` and, if known, `commission`.

    Raises
    ------
    DeskError
        Naming the file, the line and what was found.
    """
    table = read_table(path, FILLED)
    fills = []
    for row, given in enumerate(table.to_dict("records")):
        where = f"{path}, line {row + 2}"
        numbers = {}
        for column in ("shares", "price", "commission"):
            text = str(given.get(column, "")) or "0"
            number = pd.to_numeric(text, errors="coerce")
            if not math.isfinite(number) or (column == "price" and not number > 0):
                raise DeskError(f"{where}: {column} = {text!r}: write a number")
            numbers[column] = float(number)
        day = pd.to_datetime(str(given["date"]), format="%Y-%m-%d", errors="coerce")
        if pd.isna(day):
            raise DeskError(f"{where}: date = {given['date']!r}: write 2020-01-31")
        numbers["shares"] = abs(numbers["shares"])
        fills.append(Fill(str(given["symbol"]), f"{day:%Y-%m-%d}", **numbers))
    if not fills:
        raise DeskError(f"{path}: holds no fills")
    return fills


def live_check(listed: OrderList, fills: Sequence[Fill], config: RunConfig, market: Market) -> LiveCheck:
    """Compare the fills of an order list with what the backtest assumes of its orders.

    Parameters
    ----------
    listed : OrderList
    fills : sequence of Fill
    config : RunConfig
        Whose costs are assumed.
    market : Market
        The same market, by now with the session that the list is for, if there is one.

    Raises
    ------
    DeskError
        If it is another market, or does not have the list's session or a symbol of it.
    """
    if market.name != listed.market:
        raise DeskError(
            f"the orders of {listed.session} were made on market {listed.market!r}, not on {market.name!r}: "
            f"say --market, or compare them with fills there"
        )
    decided = market.index_of(listed.session)
    if decided < 0 or str(market.sessions[decided]) != listed.session:
        raise DeskError(
            f"market {market.name!r} has no session {listed.session}, on which the orders were made"
        )
    for order in listed.orders:
        if order.symbol not in market.column:
            there = unknown_name("symbol", order.symbol, market.symbols, f"market {market.name!r}")
            raise DeskError(f"the orders of {listed.session}: {there}")
    row = int(np.searchsorted(market.sessions, np.datetime64(listed.next_session)))
    opens = row < len(market.sessions)
    session = market.sessions[row] if opens else np.datetime64(listed.next_session)
    volatility, volume = rules.coming_inputs(market, min(row, len(market.sessions)) - 1)
    ordered = {order.symbol for order in listed.orders}
    outcomes = []
    for order in listed.orders:
        own = [fill for fill in fills if fill.symbol == order.symbol and fill.shares > 0]
        filled = sum(fill.shares for fill in own)
        column, sign = market.column[order.symbol], 1.0 if order.side == "buy" else -1.0
        reference = order.price
        if opens and np.isfinite(market.fill_price[row, column]):
            reference = float(market.fill_price[row, column] * market.traded_factor[row, column])
        known = float(volume[column] / market.traded_factor[min(row, len(market.sessions)) - 1, column])
        size = filled if own else order.shares
        assumed, fee, _ = rules.quoted(sign * size, reference, config.costs, float(volatility[column]), known)
        price = sum(fill.shares * fill.price for fill in own) / filled if own else None
        last = max((np.datetime64(fill.date) for fill in own), default=None)
        outcomes.append(
            Outcome(
                order.symbol,
                order.side,
                order.shares,
                filled,
                max(0.0, order.shares - filled),
                price,
                reference,
                None if price is None else sign * (price / reference - 1) * 1e4,
                sign * (assumed / reference - 1) * 1e4,
                sum(fill.commission for fill in own),
                fee if own else 0.0,
                None
                if last is None
                else len(exchange_sessions(str(session + 1), str(last), market.calendar))
                if last > session
                else 0,
            )
        )
    unordered = tuple(fill for fill in fills if fill.symbol not in ordered)
    return LiveCheck(tuple(outcomes), unordered, str(session), opens)
