"""The rules of `backtests.engine.rules` as one compiled loop over (sessions, symbols).

The compiled code is kept on disk; a fresh process loads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from backtests.engine import rules
from backtests.engine.kept_code import load_lightly
from backtests.options import overlay
from backtests.options.overlay import (
    ALLOWANCE,
    ALLOWED,
    ASK,
    CLOSE,
    MARK,
    PREMIUM,
    RECEIVE,
    RECEIVED,
    UNITS,
    VALUE,
    WANTED,
)
from datafeeds.market import Array

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Columns = npt.NDArray[np.uint32]
Function = TypeVar("Function", bound=Callable[..., Any])

REASONS = (
    "delisted",
    "superseded",
    "run ended",
    "can't be borrowed",
    "initial margin",
    "account closed",
)
ORDER, DELISTING = range(2)
DELISTED, SUPERSEDED = range(2)

HELD, ORDERS, SELLS, BUYS, TARGETS, FILLS, UNFILLED = range(7)
"""Where `AccountState.counts` keeps each count."""

RATIO, HOLDING = range(2)
"""Planes of what stands by slot: the hedge ratio in effect, and the units held."""


class Prices(NamedTuple):
    """The market as the kernel reads it: (sessions, symbols) unless said otherwise.

    `fill` is NaN where a symbol does not trade. `volume` is what participation is a share of, empty without a
    cap, as `volatility` and `average_volume` are without impact. `pays` and `ends` flag the sessions on which
    some symbol pays a dividend, and those on which one is first taken as delisted.
    """

    fill: Array
    mark: Array
    volume: Array
    dividend: Array
    volatility: Array
    average_volume: Array
    gone: Flags
    pays: Flags
    ends: Flags


class Terms(NamedTuple):
    """The run's first session, the interest per unit of cash of each, and what trading and holding cost."""

    first: int
    growth: Array
    commission_rate: float
    commission_per_share: float
    half_spread: float
    impact: float
    participation: float
    kept_dividend: float
    fractional: bool


class Plan(NamedTuple):
    """Target rows, and the session on which each takes effect; a ring if there are fewer than decisions."""

    targets: Array
    effective: Integers


class AccountState(NamedTuple):
    """The account between two sessions; arrays, so that a call of the kernel goes on where another stopped.

    `shares`, `average` (price paid), `weight` (wish of the open order), `size` (of today's order) and `stays`
    (whether the order stays open) have an element for each symbol. The first ``counts[HELD]`` of `held` are
    the columns held, the first ``counts[ORDERS]`` of `orders` those with an open order, the first
    ``counts[SELLS]`` of `sells` and ``counts[BUYS]`` of `buys` those that trade today: all in column order.

    The lists are written without branches: each column is put down, and counted only if it belongs there.
    Which ones do can't be foreseen, and a branch that a processor guesses wrongly costs more than the rest.
    Columns have no sign, so that no access asks whether one counts from the end.
    """

    cash: Array
    shares: Array
    average: Array
    weight: Array
    size: Array
    stays: Flags
    held: Columns
    orders: Columns
    sells: Columns
    buys: Columns
    counts: Integers


class Hedges(NamedTuple):
    """Options: `prices` as `Overlay.inputs`, `standing` ratios and units by slot, and the `record`."""

    prices: Array
    standing: Array
    record: Array


class Curves(NamedTuple):
    """What the account was worth and took in, by session of the run."""

    equity: Array
    cash: Array
    dividends: Array
    interest: Array


class Log(NamedTuple):
    """What happened, one column a fill or ended order; labels are session, symbol and kind or reason."""

    fills: Array
    fill_labels: Integers
    unfilled: Array
    unfilled_labels: Integers


_njit: Any = partial(numba.njit, error_model="numpy", _nrt=False)
"""How Numba compiles all of it.

NumPy's error model leaves out the check of each division for zero: prices are checked once
(`backtests.engine.kernel`), and nothing else divides. Without Numba's runtime no references are counted,
which takes half the time on few symbols: naming an array of a tuple, such as ``state.cash``, counts up and
down. None of it is needed: the caller holds every array, and code that would make one does not compile.
"""


def compile_kept(function: Function) -> Function:
    """Compile and keep on disk; only compile where there is no place to keep it."""
    try:
        kept = _njit(cache=True)(function)
        load_lightly(kept)
        return cast(Function, kept)
    except RuntimeError:
        return cast(Function, _njit()(function))


def inline(function: Function) -> Function:
    """Compile as part of the kernel, with which it is kept on disk."""
    return cast(Function, _njit(forceinline=True)(function))


def called(function: Function) -> Function:
    """Compile as a function of its own, which is kept with what calls it: sooner done than inlined."""
    return cast(Function, _njit()(function))


commission = inline(rules.commission)
_wanted_shares = inline(rules.wanted_shares)
_capped_shares = inline(rules.capped_shares)
shrunk_shares = inline(rules.shrunk_shares)
_impact_fraction = inline(rules.impact_fraction)
_hedge_units = inline(rules.hedge_units)
_payable_units = inline(rules.payable_units)


@inline
def log_fill(
    log: Log,
    state: AccountState,
    session: int,
    column: int,
    shares: float,
    price: float,
    reference: float,
    commission: float,
    spread: float,
    impact: float,
    kind: int,
) -> None:
    """Write down a fill; `kind` is a position in `backtests.engine.books.KINDS`."""
    row = state.counts[FILLS]
    log.fill_labels[0, row] = session
    log.fill_labels[1, row] = column
    log.fill_labels[2, row] = kind
    log.fills[0, row] = shares
    log.fills[1, row] = price
    log.fills[2, row] = reference
    log.fills[3, row] = commission
    log.fills[4, row] = spread
    log.fills[5, row] = impact
    state.counts[FILLS] = row + 1


@inline
def log_unfilled(log: Log, state: AccountState, session: int, column: int, reason: int) -> None:
    """Write down an order that ends; `reason` is a position in `REASONS`."""
    row = state.counts[UNFILLED]
    log.unfilled_labels[0, row] = session
    log.unfilled_labels[1, row] = column
    log.unfilled_labels[2, row] = reason
    log.unfilled[row] = state.weight[column]
    state.counts[UNFILLED] = row + 1


@inline
def sell(state: AccountState, column: int, size: float, price: float, commission: float) -> None:
    """Close `size` shares of a holding; below zero they are bought back."""
    average = state.average[column]
    paid = size * average
    gain = size * (price - average)
    cash = state.cash[0] + (paid + gain)
    state.cash[0] = cash - commission
    left = state.shares[column] - size
    state.shares[column] = left
    state.average[column] = average if left != 0.0 else 0.0


@inline
def buy(state: AccountState, column: int, size: float, price: float, commission: float) -> None:
    """Open or enlarge a holding by `size` shares; below zero they are sold short."""
    cash = state.cash[0] - size * price
    state.cash[0] = cash - commission
    before = state.shares[column]
    after = before + size
    if before == 0.0:
        state.average[column] = price
    else:
        state.average[column] = (state.average[column] * before + size * price) / after
    state.shares[column] = after


@inline
def list_holdings(state: AccountState) -> None:
    """Write down which columns are held."""
    count = 0
    for column in range(state.shares.shape[0]):
        state.held[count] = column
        count += state.shares[column] != 0.0
    state.counts[HELD] = count


@inline
def receive_dividends(prices: Prices, state: AccountState, terms: Terms, session: int) -> float:
    """Rule 2."""
    received = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        dividend = prices.dividend[session, column]
        if dividend > 0.0:
            amount = state.shares[column] * dividend
            if amount > 0.0:  # a short owes all of it
                amount *= terms.kept_dividend
            state.cash[0] += amount
            received += amount
    return received


@inline
def settle_delisted(prices: Prices, state: AccountState, log: Log, session: int) -> None:
    """Rule 3."""
    for place in range(state.counts[HELD]):
        column = state.held[place]
        if prices.gone[session, column]:
            price = prices.mark[session - 1, column]
            size = state.shares[column]
            sell(state, column, size, price, 0.0)
            log_fill(log, state, session, column, -size, price, price, 0.0, 0.0, 0.0, DELISTING)
    list_holdings(state)
    still_open = 0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        if prices.gone[session, column]:
            log_unfilled(log, state, session, column, DELISTED)
        else:
            state.orders[still_open] = column
            still_open += 1
    state.counts[ORDERS] = still_open


@inline
def replace_orders(prices: Prices, state: AccountState, log: Log, target: Array, session: int) -> None:
    """Rule 4."""
    for place in range(state.counts[ORDERS]):
        log_unfilled(log, state, session, state.orders[place], SUPERSEDED)
    count = 0
    for column in range(state.shares.shape[0]):
        wish = target[column]
        state.weight[column] = wish
        ordered = (wish != 0.0) | (state.shares[column] != 0.0)
        if prices.gone[session, column]:
            if ordered:
                log_unfilled(log, state, session, column, DELISTED)
            continue
        state.orders[count] = column
        count += ordered
    state.counts[ORDERS] = count


@inline
def impact_of(prices: Prices, terms: Terms, session: int, column: int, size: float) -> float:
    """Relative price move that an order over `size` shares causes."""
    if terms.impact <= 0.0:
        return 0.0
    volatility = prices.volatility[session, column]
    return _impact_fraction(size, terms.impact, volatility, prices.average_volume[session, column])


@inline
def capped(prices: Prices, terms: Terms, session: int, column: int, size: float) -> float:
    """`size`, but no more than the largest share of volume."""
    if terms.participation <= 0.0:
        return size
    return _capped_shares(size, prices.volume[session, column], terms.participation, terms.fractional)


@inline
def _fill_orders(prices: Prices, state: AccountState, terms: Terms, log: Log, session: int) -> None:
    """Rule 5."""
    worth = 0.0
    for place in range(state.counts[HELD]):
        column = state.held[place]
        price = prices.fill[session, column]
        if np.isnan(price):
            price = prices.mark[session - 1, column]
        worth += state.shares[column] * price
    sell_open = _size_orders(prices, state, terms, state.cash[0] + worth, session)
    _fill_sells(prices, state, terms, log, session)
    _fill_buys(prices, state, terms, log, sell_open, session)
    list_holdings(state)
    still_open = 0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        if state.stays[column]:
            state.orders[still_open] = column
            still_open += 1
    state.counts[ORDERS] = still_open


@inline
def _size_orders(prices: Prices, state: AccountState, terms: Terms, equity: float, session: int) -> bool:
    """Size the orders, and list what sells and what buys; whether a sell stays open."""
    sell_open = False
    sells = 0
    buys = 0
    for place in range(state.counts[ORDERS]):
        column = state.orders[place]
        held = state.shares[column]
        price = prices.fill[session, column]
        if np.isnan(price):
            state.stays[column] = True
            mark = prices.mark[session - 1, column]
            if held > 0.0 and _wanted_shares(state.weight[column], equity, mark, terms.fractional) < held:
                sell_open = True
            continue
        wanted = _wanted_shares(state.weight[column], equity, price, terms.fractional)
        difference = abs(wanted - held)
        size = capped(prices, terms, session, column, difference)
        state.size[column] = size
        state.stays[column] = size < difference
        sell_open |= (wanted < held) & (size < difference)
        state.sells[sells] = column
        sells += (wanted < held) & (size > 0.0)
        state.buys[buys] = column
        buys += (wanted > held) & (size > 0.0)
    state.counts[SELLS] = sells
    state.counts[BUYS] = buys
    return sell_open


@inline
def _fill_sells(prices: Prices, state: AccountState, terms: Terms, log: Log, session: int) -> None:
    for place in range(state.counts[SELLS]):
        column = state.sells[place]
        size = state.size[column]
        price = prices.fill[session, column]
        impact = impact_of(prices, terms, session, column, size)
        paid = price * (1.0 - (terms.half_spread + impact))
        fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
        sell(state, column, size, paid, fee)
        value = size * price
        spread = value * terms.half_spread
        log_fill(log, state, session, column, -size, paid, price, fee, spread, value * impact, ORDER)


@inline
def _fill_buys(
    prices: Prices, state: AccountState, terms: Terms, log: Log, sell_open: bool, session: int
) -> None:
    needed = 0.0
    for place in range(state.counts[BUYS]):
        column = state.buys[place]
        size = state.size[column]
        impact = impact_of(prices, terms, session, column, size)
        paid = prices.fill[session, column] * (1.0 + (terms.half_spread + impact))
        fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
        needed += size * paid + fee
    cash = state.cash[0]
    short = needed > cash
    for place in range(state.counts[BUYS]):
        column = state.buys[place]
        size = state.size[column]
        if short:
            size = size * (cash / needed)
            if not terms.fractional:
                size = np.floor(size)
            if sell_open:
                state.stays[column] = True
        price = prices.fill[session, column]
        step = 0
        while size > 0.0:
            impact = impact_of(prices, terms, session, column, size)
            paid = price * (1.0 + (terms.half_spread + impact))
            fee = commission(size, paid, terms.commission_rate, terms.commission_per_share)
            left = state.cash[0] - size * paid
            if left - fee >= 0.0:
                buy(state, column, size, paid, fee)
                value = size * price
                spread = value * terms.half_spread
                log_fill(log, state, session, column, size, paid, price, fee, spread, value * impact, ORDER)
                break
            size = shrunk_shares(size, step, terms.fractional)
            step += 1


@inline
def _roll_hedges(hedges: Hedges, state: AccountState, worth: float, session: int, row: int) -> None:
    """Rule 8, but for the marking."""
    prices, standing, record = hedges
    slots = standing.shape[1]
    for slot in range(slots):
        if standing[HOLDING, slot] > 0.0 and not np.isnan(prices[ASK, slot, session]):
            received = standing[HOLDING, slot] * prices[RECEIVE, slot, session]
            state.cash[0] += received
            record[RECEIVED, slot, row] = received
            standing[HOLDING, slot] = 0.0
    equity = state.cash[0] + worth
    for slot in range(slots):
        ask = prices[ASK, slot, session]
        if not standing[RATIO, slot] > 0.0 or np.isnan(ask):
            continue
        wanted = _hedge_units(standing[RATIO, slot], worth, prices[CLOSE, slot, session])
        allowed = _payable_units(wanted, ask, prices[ALLOWANCE, slot, session] * equity)
        units = _payable_units(allowed, ask, state.cash[0])
        step = 0
        while units > 0.0 and state.cash[0] - units * ask < 0.0:
            units = shrunk_shares(units, step, True)
            step += 1
        premium = units * ask
        state.cash[0] -= premium
        standing[HOLDING, slot] = units
        record[WANTED, slot, row] = wanted
        record[ALLOWED, slot, row] = allowed
        record[PREMIUM, slot, row] = premium


@inline
def _mark_hedges(hedges: Hedges, session: int, row: int) -> float:
    prices, standing, record = hedges
    total = 0.0
    for slot in range(standing.shape[1]):
        units = standing[HOLDING, slot]
        if units > 0.0:
            value = units * prices[MARK, slot, session]
            record[UNITS, slot, row] = units
            record[VALUE, slot, row] = value
            total += value
    return total


def _kernel(version: int) -> Callable[..., int]:
    """Compile the loop over sessions.

    Numba looks for changes of this file only, and would go on with an outdated commission after a change in
    `backtests.engine.rules`. Variables of an enclosing function are part of its key: hence `version`, a
    checksum of the files whose functions and constants are compiled in.
    """

    @compile_kept
    def advance(
        start: int,
        stop: int,
        target_count: int,
        given_prices: tuple[Any, ...],
        given_terms: tuple[Any, ...],
        given_plan: tuple[Any, ...],
        given_hedges: tuple[Any, ...],
        given_state: tuple[Any, ...],
        given_log: tuple[Any, ...],
        given_curves: tuple[Any, ...],
    ) -> int:
        # Plain tuples come in, because Numba takes twice as long to recognise named ones.
        _ = version
        prices, terms, plan = Prices(*given_prices), Terms(*given_terms), Plan(*given_plan)
        hedges, state, log = Hedges(*given_hedges), AccountState(*given_state), Log(*given_log)
        curves = Curves(*given_curves)
        counts, slots = state.counts, hedges.standing.shape[1]
        symbols, rows = state.shares.shape[0], log.unfilled.shape[0]
        for session in range(start, stop + 1):
            # A session adds at most a fill for each symbol, and two orders that end.
            if counts[FILLS] + symbols > rows or counts[UNFILLED] + 2 * symbols > rows:
                return session
            row = session - terms.first
            earned = state.cash[0] * terms.growth[row]
            state.cash[0] += earned
            curves.interest[row] = earned
            if prices.pays[session]:
                curves.dividends[row] = receive_dividends(prices, state, terms, session)
            if prices.ends[session]:
                settle_delisted(prices, state, log, session)
            if counts[TARGETS] < target_count:
                turn = counts[TARGETS] % plan.targets.shape[0]
                if plan.effective[turn] == session:
                    counts[TARGETS] += 1
                    replace_orders(prices, state, log, plan.targets[turn], session)
                    for slot in range(slots):
                        hedges.standing[RATIO, slot] = plan.targets[turn, symbols + slot]
            if counts[ORDERS] > 0:
                _fill_orders(prices, state, terms, log, session)
            # Rule 6.
            worth = 0.0
            for place in range(counts[HELD]):
                column = state.held[place]
                price = prices.mark[session, column]
                gain = state.shares[column] * (price - state.average[column])
                worth += state.shares[column] * price - gain
                worth += gain
            hedge = 0.0
            if slots > 0:
                _roll_hedges(hedges, state, worth, session, row)
                hedge = _mark_hedges(hedges, session, row)
            curves.cash[row] = state.cash[0]
            curves.equity[row] = state.cash[0] + worth + hedge
        return stop + 1

    return advance


advance = _kernel(zlib.crc32(b"".join(Path(str(room.__file__)).read_bytes() for room in (rules, overlay))))
