"""The rules of `backtests.engine.rules` for a margin account as one compiled loop over (sessions, symbols).

Apart from `backtests.engine.compiled`, so that books without shorts cost what they did.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backtests.engine import compiled, rules
from backtests.engine.compiled import (
    FILLS,
    HELD,
    ORDER,
    ORDERS,
    SUPERSEDED,
    TARGETS,
    UNFILLED,
    AccountState,
    Curves,
    Flags,
    Log,
    Plan,
    Prices,
    Terms,
    buy,
    called,
    capped,
    commission,
    compile_kept,
    impact_of,
    inline,
    list_holdings,
    log_fill,
    log_unfilled,
    receive_dividends,
    replace_orders,
    sell,
    settle_delisted,
    shrunk_shares,
)
from datafeeds.market import Array

RECALL, CALL, CLOSED_OUT = range(2, 5)
"""Kinds of fill beside those of a cash account; see `backtests.engine.books.KINDS`."""

NOT_BORROWED, INITIAL, ACCOUNT_CLOSED = range(3, 6)
"""Reasons beside those of a cash account; see `backtests.engine.compiled.REASONS`."""

CALLED, CLOSED = range(2)
"""Flags of an account: a margin call is out, and trading has stopped."""

MOST_ROWS = 5
"""Rows of a log that a session may add for each symbol."""


class MarginTerms(NamedTuple):
    """What shorts and loans cost by session of the run, whether a symbol can be borrowed, and the rates."""

    loan: Array
    borrow: Array
    available: Flags
    initial_long: float
    initial_short: float
    maintenance_long: float
    maintenance_short: float


class MarginState(NamedTuple):
    """What an account needs beside `AccountState`.

    By symbol what today's order closes and opens, in shares without sign, on which side, and whether it was
    refused a loan or cut for margin; `flags` as `CALLED` and `CLOSED` name them; `borrow`, what the loans
    cost, and `sold`, what the shorts were worth at the close, by session of the run.
    """

    closing: Array
    opening: Array
    buys: Flags
    refused: Flags
    cut: Flags
    flags: Flags
    borrow: Array
    sold: Array


_signed_shares = inline(rules.signed_shares)
_margin_required = inline(rules.margin_required)
_opened_share = inline(rules.opened_share)
_kept_share = inline(rules.kept_share)
_kept_shares = inline(rules.kept_shares)


@inline
def _known_price(prices: Prices, session: int, column: int) -> float:
    """Fill price of a symbol, or its last close where it does not trade."""
    price: float = prices.fill[session, column]
    if np.isnan(price):
        price = prices.mark[session - 1, column]
    return price


@called
def _quoted(
    prices: Prices, terms: Terms, session: int, column: int, size: float, buys: bool
) -> tuple[float, float]:
    """Price after costs of an order over `size` shares, without sign, and its impact."""
    impact = impact_of(prices, terms, session, column, size)
    slip = terms.half_spread + impact
    price = prices.fill[session, column]
    return (price * (1.0 + slip) if buys else price * (1.0 - slip)), impact


@called
def _record(
    prices: Prices,
    state: AccountState,
    terms: Terms,
    log: Log,
    session: int,
    column: int,
    change: float,
    paid: float,
    fee: float,
    impact: float,
    kind: int,
) -> None:
    price = prices.fill[session, column]
    value = abs(change) * price
    spread = value * terms.half_spread
    log_fill(log, state, session, column, change, paid, price, fee, spread, value * impact, kind)


@called
def _reduce(
    prices: Prices,
    state: AccountState,
    terms: Terms,
    log: Log,
    session: int,
    column: int,
    change: float,
    kind: int,
) -> None:
    """A trade that only closes, whatever the volume."""
    size = abs(change)
    paid, impact = _quoted(prices, terms, session, column, size, change > 0.0)
    fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
    sell(state, column, -change, paid, fee)
    _record(prices, state, terms, log, session, column, change, paid, fee, impact, kind)


@inline
def _pay_for_loans(prices: Prices, state: AccountState, margin: MarginTerms, session: int, row: int) -> float:
    """Rule 1, the second half."""
    total = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        if state.shares[column] < 0.0:
            fee = -state.shares[column] * prices.mark[session - 1, column] * margin.borrow[row, column]
            state.cash[0] -= fee
            total += fee
    return total


@inline
def _is_forced(state: AccountState, margin: MarginTerms, flags: Flags, session: int) -> bool:
    """Whether rule 9 may ask for a trade."""
    forced = flags[CLOSED] | flags[CALLED]
    for place in range(state.counts[HELD]):
        column = state.held[place]
        forced |= (state.shares[column] < 0.0) & (not margin.available[session - 1, column])
    return bool(forced)


@called
def _force(
    prices: Prices,
    state: AccountState,
    terms: Terms,
    margin: MarginTerms,
    log: Log,
    flags: Flags,
    session: int,
) -> None:
    """Rule 9."""
    if flags[CLOSED]:
        for place in range(state.counts[ORDERS]):
            log_unfilled(log, state, session, state.orders[place], ACCOUNT_CLOSED)
        state.counts[ORDERS] = 0
        for place in range(state.counts[HELD]):
            column = state.held[place]
            if not np.isnan(prices.fill[session, column]):
                change = -state.shares[column]
                _reduce(prices, state, terms, log, session, column, change, CLOSED_OUT)
        list_holdings(state)
        return
    for place in range(state.counts[HELD]):
        column = state.held[place]
        recalled = state.shares[column] < 0.0 and not margin.available[session - 1, column]
        if recalled and not np.isnan(prices.fill[session, column]):
            _reduce(prices, state, terms, log, session, column, -state.shares[column], RECALL)
    list_holdings(state)
    if flags[CALLED]:
        flags[CALLED] = False
        _meet_call(prices, state, terms, margin, log, session)
        list_holdings(state)


@called
def _meet_call(
    prices: Prices, state: AccountState, terms: Terms, margin: MarginTerms, log: Log, session: int
) -> None:
    worth = 0.0
    required = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        value = state.shares[column] * _known_price(prices, session, column)
        worth += value
        required += _margin_required(value, margin.initial_long, margin.initial_short)
    share = _kept_share(state.cash[0] + worth, required)
    if share >= 1.0:
        return
    for place in range(state.counts[HELD]):
        column = state.held[place]
        change = _kept_shares(state.shares[column], share, terms.fractional) - state.shares[column]
        if change != 0.0 and not np.isnan(prices.fill[session, column]):
            _reduce(prices, state, terms, log, session, column, change, CALL)


@called
def _refuse_orders(state: AccountState, log: Log, target: Array, session: int) -> None:
    """Rule 4 once the account is closed."""
    for place in range(state.counts[ORDERS]):
        log_unfilled(log, state, session, state.orders[place], SUPERSEDED)
    for column in range(state.shares.shape[0]):
        state.weight[column] = target[column]
        if target[column] != 0.0:
            log_unfilled(log, state, session, column, ACCOUNT_CLOSED)
    state.counts[ORDERS] = 0


@called
def _fill_orders(
    prices: Prices,
    state: AccountState,
    orders: MarginState,
    terms: Terms,
    margin: MarginTerms,
    log: Log,
    session: int,
) -> None:
    """Rule 5."""
    worth = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        worth += state.shares[column] * _known_price(prices, session, column)
    equity = state.cash[0] + worth
    if not equity > 0.0:
        equity = 0.0
    waiting = _size_orders(prices, state, orders, terms, margin, equity, session)
    _keep_margin(prices, state, orders, terms, margin, equity, waiting, session)
    _send_sells(prices, state, orders, terms, log, session)
    _send_buys(prices, state, orders, terms, log, waiting, session)
    list_holdings(state)
    still_open = 0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        orders.closing[column] = 0.0
        if state.stays[column]:
            state.orders[still_open] = column
            still_open += 1
        elif orders.refused[column]:
            log_unfilled(log, state, session, column, NOT_BORROWED)
        elif orders.cut[column]:
            log_unfilled(log, state, session, column, INITIAL)
    state.counts[ORDERS] = still_open


@called
def _size_orders(
    prices: Prices,
    state: AccountState,
    orders: MarginState,
    terms: Terms,
    margin: MarginTerms,
    equity: float,
    session: int,
) -> bool:
    """Split each order into what closes and what opens; whether one that frees money stays open."""
    waiting = False
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        orders.closing[column] = 0.0
        orders.opening[column] = 0.0
        orders.buys[column] = False
        orders.refused[column] = False
        orders.cut[column] = False
        held = state.shares[column]
        price = prices.fill[session, column]
        if np.isnan(price):
            state.stays[column] = True
            if session > 0 and not np.isnan(prices.mark[session - 1, column]):
                mark = prices.mark[session - 1, column]
                wanted = _signed_shares(state.weight[column], equity, mark, terms.fractional)
                if wanted < held or (wanted > held and held < 0.0):
                    waiting = True
            continue
        wanted = _signed_shares(state.weight[column], equity, price, terms.fractional)
        if wanted < min(held, 0.0) and not margin.available[session, column]:
            wanted = min(held, 0.0)
            orders.refused[column] = True
        difference = abs(wanted - held)
        size = capped(prices, terms, session, column, difference)
        state.stays[column] = size < difference
        buys = wanted > held
        orders.buys[column] = buys
        if size < difference and (not buys or held < 0.0):
            waiting = True
        closing = 0.0
        if (held > 0.0 and not buys) or (held < 0.0 and buys):
            closing = min(size, abs(held))
        orders.closing[column] = closing
        orders.opening[column] = size - closing
    return waiting


@called
def _keep_margin(
    prices: Prices,
    state: AccountState,
    orders: MarginState,
    terms: Terms,
    margin: MarginTerms,
    equity: float,
    waiting: bool,
    session: int,
) -> None:
    """Scale what opens to the initial margin."""
    costs = 0.0
    opened = 0.0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        size = orders.closing[column] + orders.opening[column]
        if np.isnan(prices.fill[session, column]) or not size > 0.0:
            continue
        buys = orders.buys[column]
        price = prices.fill[session, column]
        paid, _ = _quoted(prices, terms, session, column, size, buys)
        fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
        cost = size * abs(paid - price) + fee
        costs += cost * (orders.closing[column] / size)
        opened += cost * (orders.opening[column] / size)
        value = orders.opening[column] * price
        if not buys:
            value = -value
        opened += _margin_required(value, margin.initial_long, margin.initial_short)
    kept = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        price = _known_price(prices, session, column)
        shares = state.shares[column]
        left = shares - orders.closing[column] if shares > 0.0 else shares + orders.closing[column]
        kept += _margin_required(left * price, margin.initial_long, margin.initial_short)
    share = _opened_share(equity - costs - kept, opened)
    if share >= 1.0:
        return
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        if orders.opening[column] > 0.0:
            size = orders.opening[column] * share
            orders.opening[column] = size if terms.fractional else np.floor(size)
            orders.cut[column] = True
            if waiting:
                state.stays[column] = True


@called
def _send_sells(
    prices: Prices, state: AccountState, orders: MarginState, terms: Terms, log: Log, session: int
) -> None:
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        closing = orders.closing[column]
        opening = orders.opening[column]
        if orders.buys[column] or not closing + opening > 0.0:
            continue
        paid, impact = _quoted(prices, terms, session, column, closing + opening, False)
        if closing > 0.0:
            fee = commission(closing, paid, terms.commission_rate, terms.commission_per_share)
            sell(state, column, closing, paid, fee)
            _record(prices, state, terms, log, session, column, -closing, paid, fee, impact, ORDER)
        if opening > 0.0:
            fee = commission(opening, paid, terms.commission_rate, terms.commission_per_share)
            buy(state, column, -opening, paid, fee)
            _record(prices, state, terms, log, session, column, -opening, paid, fee, impact, ORDER)


@called
def _send_buys(
    prices: Prices,
    state: AccountState,
    orders: MarginState,
    terms: Terms,
    log: Log,
    waiting: bool,
    session: int,
) -> None:
    covers = 0.0
    needed = 0.0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        size = orders.closing[column] + orders.opening[column]
        if not orders.buys[column] or not size > 0.0:
            continue
        paid, _ = _quoted(prices, terms, session, column, size, True)
        fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
        money = size * paid + fee
        covers += money * (orders.closing[column] / size)
        needed += money * (orders.opening[column] / size)
    room = state.cash[0] - covers
    scaled = needed > room
    share = _opened_share(room, needed)
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        closing = orders.closing[column]
        opening = orders.opening[column]
        if not orders.buys[column] or not closing + opening > 0.0:
            continue
        if scaled and opening > 0.0:
            opening = opening * share
            if not terms.fractional:
                opening = np.floor(opening)
            if waiting:
                state.stays[column] = True
        if closing > 0.0:
            paid, impact = _quoted(prices, terms, session, column, closing + opening, True)
            fee = commission(closing, paid, terms.commission_rate, terms.commission_per_share)
            sell(state, column, -closing, paid, fee)
            _record(prices, state, terms, log, session, column, closing, paid, fee, impact, ORDER)
        step = 0
        while opening > 0.0:
            paid, impact = _quoted(prices, terms, session, column, closing + opening, True)
            fee = commission(opening, paid, terms.commission_rate, terms.commission_per_share)
            left = state.cash[0] - opening * paid
            if left - fee >= 0.0:
                buy(state, column, opening, paid, fee)
                _record(prices, state, terms, log, session, column, opening, paid, fee, impact, ORDER)
                break
            opening = shrunk_shares(opening, step, terms.fractional)
            step += 1


def _kernel(version: int) -> Callable[..., int]:
    """Compile the loop over sessions; `version` as in `backtests.engine.compiled`."""

    @compile_kept
    def advance(
        start: int,
        stop: int,
        target_count: int,
        given_prices: tuple[Any, ...],
        given_terms: tuple[Any, ...],
        given_plan: tuple[Any, ...],
        given_margin: tuple[Any, ...],
        given_orders: tuple[Any, ...],
        given_state: tuple[Any, ...],
        given_log: tuple[Any, ...],
        given_curves: tuple[Any, ...],
    ) -> int:
        _ = version
        prices, terms, plan = Prices(*given_prices), Terms(*given_terms), Plan(*given_plan)
        margin, orders = MarginTerms(*given_margin), MarginState(*given_orders)
        state, log, curves = AccountState(*given_state), Log(*given_log), Curves(*given_curves)
        counts, flags = state.counts, orders.flags
        most, rows = MOST_ROWS * state.shares.shape[0], log.unfilled.shape[0]
        for session in range(start, stop + 1):
            if counts[FILLS] + most > rows or counts[UNFILLED] + most > rows:
                return session
            row = session - terms.first
            factor = terms.growth[row]
            if state.cash[0] < 0.0:
                factor += margin.loan[row]
            earned = state.cash[0] * factor
            state.cash[0] += earned
            curves.interest[row] = earned
            orders.borrow[row] = _pay_for_loans(prices, state, margin, session, row)
            if prices.pays[session]:
                curves.dividends[row] = receive_dividends(prices, state, terms, session)
            if prices.ends[session]:
                settle_delisted(prices, state, log, session)
            if _is_forced(state, margin, flags, session):
                _force(prices, state, terms, margin, log, flags, session)
            if counts[TARGETS] < target_count:
                turn = counts[TARGETS] % plan.targets.shape[0]
                if plan.effective[turn] == session:
                    counts[TARGETS] += 1
                    if flags[CLOSED]:
                        _refuse_orders(state, log, plan.targets[turn], session)
                    else:
                        replace_orders(prices, state, log, plan.targets[turn], session)
            if counts[ORDERS] > 0:
                _fill_orders(prices, state, orders, terms, margin, log, session)
            # Rule 6.
            worth = 0.0
            required = 0.0
            for place in range(counts[HELD]):
                column = state.held[place]
                price = prices.mark[session, column]
                value = state.shares[column] * price
                if value > 0.0:
                    gain = state.shares[column] * (price - state.average[column])
                    worth += value - gain
                    worth += gain
                else:
                    worth += value
                    orders.sold[row] -= value
                required += _margin_required(value, margin.maintenance_long, margin.maintenance_short)
            equity = state.cash[0] + worth
            flags[CLOSED] = flags[CLOSED] or not equity > 0.0
            flags[CALLED] = equity < required
            curves.cash[row] = state.cash[0]
            curves.equity[row] = equity
        return stop + 1

    return advance


advance = _kernel(zlib.crc32(b"".join(Path(str(room.__file__)).read_bytes() for room in (rules, compiled))))
