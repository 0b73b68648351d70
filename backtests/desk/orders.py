"""Today's orders: what a strategy decides on the newest data, beside what is held."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine import rules
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.provenance import run_hash
from backtests.runner import account_of
from backtests.settings.run_file import RunConfig
from datafeeds.calendars import calendar_span, exchange_sessions
from datafeeds.market import Array, Market
from datafeeds.names import unknown_name
from strategies.target import Target

STALE_AFTER = 2
"""Sessions that may have closed since the data's last one."""

HELD = ("symbol", "shares")
"""Columns of a file of holdings; any others are ignored."""


class DeskError(ValueError):
    """Orders that can't be made or compared; the message says which file and what to do."""


@dataclass(frozen=True)
class Order:
    """One order, for the open that its list is for.

    Attributes
    ----------
    symbol : str
    side : {"buy", "sell"}
    shares : float
        To trade on that session.
    later : float
        Wanted besides, but left for later sessions by `costs.max_participation`.
    price : float
        The last close, which it is sized on.
    estimated_cost : float
        Spread, impact and commission in money, by the run file's costs.
    share_of_volume : float or None
        Of the mean volume of 21 sessions; None where that is unknown.
    weight_held, weight_wanted : float
        Shares of equity.
    reason : str
        The strategy's reasons for this symbol.
    """

    symbol: str
    side: str
    shares: float
    later: float
    price: float
    estimated_cost: float
    share_of_volume: float | None
    weight_held: float
    weight_wanted: float
    reason: str


@dataclass(frozen=True)
class OrderList:
    """The orders of one day.

    Attributes
    ----------
    name : str
        The run file's.
    session, next_session : str
        The decision's day, and the day that it would trade on: the next one, or `lag` sessions later.
    due : bool
        Whether the strategy's schedule decides on this session; a backtest would hold if not.
    equity, cash : float
        Before the orders, at the last closes.
    orders : tuple of Order
        Sells first, as they trade.
    reasons : tuple of str
        Every reason of the decision, in order; empty where the strategy holds.
    notes : tuple of str
        What a reader must know besides.
    run, market : str
        Hash of run file, market and code; name of the market.
    """

    name: str
    session: str
    next_session: str
    due: bool
    equity: float
    cash: float
    orders: tuple[Order, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    run: str
    market: str

    @property
    def hash(self) -> str:
        """SHA-256 of all of it: the same input gives the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """``<name>-<session>-<first eight characters of the hash>``."""
        return f"{self.name}-{self.session}-{self.hash[:8]}"


def read_holdings(path: Path) -> dict[str, float]:
    """Shares by symbol from a CSV file with columns `symbol` and `shares`.

    Raises
    ------
    DeskError
        Naming the file, the line and what was found.
    """
    table = read_table(path, HELD)
    numbers = pd.to_numeric(table["shares"], errors="coerce")
    held: dict[str, float] = {}
    for row, (symbol, text, shares) in enumerate(zip(table["symbol"], table["shares"], numbers, strict=True)):
        if not 0 <= shares < math.inf:
            raise DeskError(f"{path}, line {row + 2}: shares = {text!r}: write a number, at least 0")
        if symbol in held:
            raise DeskError(f"{path}, line {row + 2}: {symbol} is there twice; add the two up")
        held[symbol] = float(shares)
    return held


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV file of words with at least these columns.

    Raises
    ------
    DeskError
        If it can't be read, or lacks one of them.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DeskError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    for column in columns:
        if column not in table:
            raise DeskError(
                f"{path}: has columns {', '.join(map(str, table))} and no {column!r}; "
                f"its first line must be {','.join(columns)}"
            )
    return table


def require_fresh(market: Market, today: dt.date) -> None:
    """Refuse a market whose newest data is too old to trade on.

    Parameters
    ----------
    market : Market
    today : date
        Sessions before this day have closed.

    Raises
    ------
    DeskError
        If more than `STALE_AFTER` sessions have closed since the last one.
    """
    last = market.sessions[-1]
    before = str(today - dt.timedelta(days=1))
    closed = exchange_sessions(str(last + 1), before, market.calendar) if today > last + 1 else ()
    if len(closed) > STALE_AFTER:
        raise DeskError(
            f"market {market.name!r} ends on {last}: {len(closed):,} sessions have closed since, and no more "
            f"than {STALE_AFTER} may have. Bring the data up to date (`backtest data fetch`), or say --stale"
        )


def todays_orders(config: RunConfig, market: Market, held: dict[str, float], cash: float) -> OrderList:
    """What to trade at the next open to follow the strategy of `config` from these holdings.

    The strategy decides at the market's last close, on the weights that are held. What it remembers is what
    it would remember in a backtest up to the session before. Sizes, caps and costs follow
    `backtests.engine.rules`, with the last close in place of the open that is not known yet, and the volume
    that is known by then in place of that session's. With a `lag` the orders are for an open that much later.

    Parameters
    ----------
    config : RunConfig
    market : Market
    held : dict of str to float
        Shares by symbol, as the account shows them today.
    cash : float

    Raises
    ------
    DeskError
        For a symbol that the market does not have, an account worth nothing, or a `lag` beyond what the
        calendar knows.
    ConfigError, StrategyError
        As `backtests.runner.run` raises them.
    """
    config = config.model_copy(update={"end": None})
    strategy = config.build_strategy()
    if isinstance(strategy, NativeStrategy):
        raise DeskError(
            f"{strategy.name} is a native backtrader strategy: it has no decision to compare with"
        )
    if not strategy.long_only:
        raise DeskError(
            f"{type(strategy).__name__} may go short: order lists are written for cash accounts only; its "
            "targets stand in the decision log of a run"
        )
    account = account_of(config, market)
    trades_on = _trades_on(market, config.lag)
    last = len(market.sessions) - 1
    prices = market.mark[last] * market.traded_factor[last]
    shares = np.zeros(len(market.symbols))
    for symbol, count in held.items():
        if symbol not in market.column:
            known = unknown_name("symbol", symbol, market.symbols, f"market {market.name!r}")
            raise DeskError(f"holdings: {known}")
        shares[market.column[symbol]] = count
        if count > 0 and math.isnan(prices[market.column[symbol]]):
            raise DeskError(f"holdings: {symbol} has no price up to {market.sessions[last]}")
    worth = np.where(shares > 0, shares * np.nan_to_num(prices), 0.0)
    equity = cash + float(worth.sum())
    if not equity > 0:
        raise DeskError("holdings and cash are worth nothing: give --cash, or holdings with shares above 0")
    deciding = decision_sessions(strategy, market)
    recorder = Recorder(
        market, strategy, previous=_remembered(config, market, account), overlay=account.overlay
    )
    row = recorder(last, worth / equity)
    notes = [] if row is not None else ["The strategy holds: it asks for no change."]
    target = recorder.decisions[-1].target if row is not None else None
    orders: list[Order] = []
    if target is not None and row is not None:
        weights = row[: len(market.symbols)]
        orders, waiting = _sized(market, account, weights, shares, prices, cash, target)
        notes += _cap_notes(orders, waiting, account.costs)
        if target.hedges:
            names = ", ".join(hedge.structure.name for hedge in target.hedges)
            notes.append(f"The strategy also asks for options ({names}), which are not in the list.")
        still = np.flatnonzero(((weights > 0) | (shares > 0)) & ~market.traded[last])
        notes += [f"{market.symbols[each]} did not trade that session: its price is older." for each in still]
    if not deciding[last]:
        notes.append(
            f"The schedule does not decide on {market.sessions[last]}: a backtest would hold until it does."
        )
    if config.lag:
        notes.append(
            f"The run waits {config.lag} session{'s' * (config.lag > 1)} more (lag): a backtest trades this "
            f"at the open of {trades_on}, not of {market.next_session}."
        )
    if market.adjustment == "total_return":
        notes.append("Prices of this market are adjusted for dividends; the newest stand as they were paid.")
    return OrderList(
        config.name,
        str(market.sessions[last]),
        trades_on,
        bool(deciding[last]),
        equity,
        cash,
        tuple(orders),
        () if target is None else tuple(change.why for change in target.changes),
        tuple(notes),
        run_hash(config, market),
        market.name,
    )


def _trades_on(market: Market, lag: int) -> str:
    """The session at whose open a backtest trades what it decides at the newest close."""
    until = min(market.next_session + 30 + 2 * lag, calendar_span(market.calendar)[1])
    coming = exchange_sessions(str(market.next_session), str(until), market.calendar)
    if lag >= len(coming):
        raise DeskError(
            f"lag = {lag}: the calendar {market.calendar} is known up to {until}, before the session that "
            f"these orders are for; take a smaller lag"
        )
    return str(coming[lag])


def _cap_notes(orders: Sequence[Order], waiting: Sequence[str], costs: Costs) -> list[str]:
    """What a reader must know of the cap on volume, if the run has one."""
    share = f"{costs.max_participation:.4g}"
    if not costs.max_participation:
        return []
    notes = []
    unknown = [order.symbol for order in orders if order.share_of_volume is None]
    if orders and len(unknown) == len(orders):
        notes.append(f"Nothing is capped (max_participation = {share}): no volume is known of these symbols.")
    elif unknown:
        notes.append(
            f"Not capped (max_participation = {share}), since no volume is known: {', '.join(unknown)}."
        )
    if costs.participation_volume == "session" and len(unknown) < len(orders) + len(waiting):
        notes.append(
            f"The cap (max_participation = {share}) is a share of the coming session's own volume, which is "
            "not known yet: orders are capped by the mean volume of the 21 sessions before."
        )
    if waiting:
        notes.append(
            f"Wanted, but nothing can be traded within the cap (max_participation = {share}): "
            f"{', '.join(waiting)}."
        )
    return notes


def _remembered(config: RunConfig, market: Market, account: Account) -> Target | None:
    """What the strategy asked for last in a backtest that ends before the newest session."""
    before = replace(account, last=account.last - 1)
    strategy = config.build_strategy()
    recorder = Recorder(market, strategy, overlay=account.overlay)
    deciding = decision_sessions(strategy, market)
    engine_named("ledger")(market, recorder, deciding, before)
    return recorder.decisions[-1].target if recorder.decisions else None


def _sized(
    market: Market,
    account: Account,
    weights: Array,
    shares: Array,
    prices: Array,
    cash: float,
    target: Target,
) -> tuple[list[Order], list[str]]:
    """Orders by rule 5: sells, then buys scaled to the cash that there is then.

    Returns
    -------
    list of Order
    list of str
        Symbols of which something is wanted and the cap on volume lets nothing trade.
    """
    costs, fractional = account.costs, account.fractional_shares
    last = len(market.sessions) - 1
    volatility, volume = rules.coming_inputs(market, last)
    volume = volume / market.traded_factor[last]
    held = np.where(shares > 0, shares * np.nan_to_num(prices), 0.0)
    equity = cash + float(held.sum())
    orders: list[Order] = []
    buys: list[tuple[int, float, float]] = []
    waiting: list[str] = []

    def quote(column: int, size: float) -> tuple[float, float]:
        reference = float(prices[column])
        price, fee, _ = rules.quoted(size, reference, costs, float(volatility[column]), float(volume[column]))
        return price, fee

    def add(column: int, size: float, later: float) -> None:
        price, fee = quote(column, size)
        symbol, reference = market.symbols[column], float(prices[column])
        known = volume[column] > 0
        orders.append(
            Order(
                symbol,
                "buy" if size > 0 else "sell",
                abs(size),
                later,
                reference,
                abs(size) * abs(price - reference) + fee,
                abs(size) / float(volume[column]) if known else None,
                float(held[column]) / equity,
                float(weights[column]),
                _reason(target, symbol),
            )
        )

    for column in np.flatnonzero((weights > 0) | (shares > 0)).tolist():
        if math.isnan(prices[column]):
            continue
        wanted = rules.wanted_shares(float(weights[column]), equity, float(prices[column]), fractional)
        whole = abs(wanted - shares[column])
        size = rules.capped_shares(whole, float(volume[column]), costs.max_participation, fractional)
        if whole > 0 and not size > 0:
            waiting.append(market.symbols[column])
        elif wanted > shares[column]:
            buys.append((column, size, whole - size))
        elif size > 0:
            price, fee = quote(column, -size)
            cash += size * price - fee
            add(column, -size, whole - size)
    quotes = [(size, *quote(column, size)) for column, size, _ in buys]
    needed = sum(size * price + fee for size, price, fee in quotes)
    share = cash / needed if needed > cash else 1.0
    for column, size, later in buys:
        if share < 1:
            size *= share
            size = size if fractional else float(math.floor(size))
        price, fee = quote(column, size)
        step = 0
        while size > 0 and not cash - size * price - fee >= 0.0:
            size = rules.shrunk_shares(size, step, fractional)
            price, fee = quote(column, size)
            step += 1
        if size > 0:
            cash -= size * price + fee
            add(column, size, later)
    return orders, waiting


def _reason(target: Target, symbol: str) -> str:
    """The reasons of the changes that concern a symbol; of one that is not wanted, that."""
    said = [change.why for change in target.changes if symbol in change.weights]
    return "; ".join(said) if said else "not wanted any more"


def as_csv(listed: OrderList) -> str:
    """The orders as a CSV file."""
    rows: list[dict[str, Any]] = [asdict(order) for order in listed.orders]
    columns = list(Order.__dataclass_fields__)
    return pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n", float_format="%.10g")
