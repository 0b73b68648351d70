"""The ledger engine: the rules of `backtests.engine.rules` as one compiled loop over (sessions, symbols).

It keeps its own books: nothing but the arithmetic of `backtests.engine.rules` and the prices of the `Market`
is shared with the event engine. The compiled code is kept on disk; a fresh process loads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.engine import rules
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Decide, Ledger
from backtests.engine.terms import Account
from backtests.options.overlay import hedge_table
from datafeeds.market import Array, Dates, Market, MarketError

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = ("order", "delisting")
REASONS = ("delisted", "superseded", "run ended")
ORDER, DELISTING = range(2)
DELISTED, SUPERSEDED = range(2)

# Where the books keep their counts.
HELD, ORDERS, TARGETS, FILLS, UNFILLED = range(5)

# Planes of an overlay's prices, of standing instructions, and of what is recorded of hedges. The first and
# the last are those of `backtests.options.overlay`; taken from there, Numba would not notice a change.
MARK, ASK, RECEIVE, CLOSE, ALLOWANCE = range(5)
RATIO, HOLDING = range(2)
WANTED, ALLOWED, UNITS, PREMIUM, RECEIVED, VALUE = range(6)

FIRST_LOG = 1 << 15
"""Rows that the logs have room for at first (memory is taken as rows are written); they grow by doubling."""


class Prices(NamedTuple):
    """The market as the kernel reads it: (sessions, symbols) unless said otherwise."""

    fill: Array
    mark: Array
    volume: Array
    dividend: Array
    volatility: Array
    average_volume: Array
    last_bar: Integers


class Terms(NamedTuple):
    """What trading and holding cost."""

    commission_rate: float
    commission_per_share: float
    half_spread: float
    impact: float
    participation: float
    kept_dividend: float
    fractional: bool


class Books(NamedTuple):
    """The account between two sessions; arrays, so that a call of the kernel goes on where another stopped.

    `shares`, `average` (price paid), `weight` (wish of the open order), `size` (of today's buy) and `stays`
    (whether the order stays open) have an element for each symbol. The first ``counts[HELD]`` of `held` are
    the columns held, the first ``counts[ORDERS]`` of `orders` those with an open order, in column order.
    """

    cash: Array
    shares: Array
    average: Array
    weight: Array
    size: Array
    stays: Flags
    held: Integers
    orders: Integers
    counts: Integers


class Hedges(NamedTuple):
    """Options: `prices` as `Overlay.inputs`, `standing` ratios and units by slot, and the `record`."""

    prices: Array
    standing: Array
    record: Array


class Log(NamedTuple):
    """What happened, a column a row: numbers as in `FILL_COLUMNS`, labels as positions."""

    fills: Array
    fill_labels: Integers
    unfilled: Array
    unfilled_labels: Integers


def _compile(function: Function) -> Function:
    """Compile and keep on disk; only compile where there is no place to keep it.

    NumPy's error model leaves out the check of each division for zero, a quarter of the time: prices are
    checked once (`_Reading`), and nothing else divides.
    """
    try:
        return cast(Function, numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:
        return cast(Function, numba.njit(error_model="numpy")(function))


def _inline(function: Function) -> Function:
    """Compile as part of the kernel, with which it is kept on disk."""
    return cast(Function, numba.njit(forceinline=True, error_model="numpy")(function))


_commission = _inline(rules.commission)
_wanted_shares = _inline(rules.wanted_shares)
_capped_shares = _inline(rules.capped_shares)
_shrunk_shares = _inline(rules.shrunk_shares)
_impact_fraction = _inline(rules.impact_fraction)
_hedge_units = _inline(rules.hedge_units)
_payable_units = _inline(rules.payable_units)


@_inline
def _log_fill(
    log: Log,
    books: Books,
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
    row = books.counts[FILLS]
    log.fill_labels[0, row] = session
    log.fill_labels[1, row] = column
    log.fill_labels[2, row] = kind
    log.fills[0, row] = shares
    log.fills[1, row] = price
    log.fills[2, row] = reference
    log.fills[3, row] = commission
    log.fills[4, row] = spread
    log.fills[5, row] = impact
    books.counts[FILLS] = row + 1


@_inline
def _log_unfilled(log: Log, books: Books, session: int, column: int, reason: int) -> None:
    row = books.counts[UNFILLED]
    log.unfilled_labels[0, row] = session
    log.unfilled_labels[1, row] = column
    log.unfilled_labels[2, row] = reason
    log.unfilled[row] = books.weight[column]
    books.counts[UNFILLED] = row + 1


@_inline
def _sell(books: Books, column: int, size: float, price: float, commission: float) -> None:
    paid = size * books.average[column]
    gain = size * (price - books.average[column])
    cash = books.cash[0] + (paid + gain)
    books.cash[0] = cash - commission
    books.shares[column] -= size
    if books.shares[column] == 0.0:
        books.average[column] = 0.0


@_inline
def _buy(books: Books, column: int, size: float, price: float, commission: float) -> None:
    cash = books.cash[0] - size * price
    books.cash[0] = cash - commission
    before = books.shares[column]
    after = before + size
    if before == 0.0:
        books.average[column] = price
    else:
        books.average[column] = (books.average[column] * before + size * price) / after
    books.shares[column] = after


@_inline
def _list_holdings(books: Books) -> None:
    count = 0
    for column in range(books.shares.shape[0]):
        if books.shares[column] > 0.0:
            books.held[count] = column
            count += 1
    books.counts[HELD] = count


@_inline
def _receive_dividends(prices: Prices, books: Books, terms: Terms, session: int) -> float:
    """Rule 2."""
    received = 0.0
    for place in range(books.counts[HELD]):
        column = books.held[place]
        dividend = prices.dividend[session, column]
        if dividend > 0.0:
            amount = books.shares[column] * dividend * terms.kept_dividend
            books.cash[0] += amount
            received += amount
    return received


@_inline
def _settle_delisted(prices: Prices, books: Books, log: Log, session: int) -> None:
    """Rule 3."""
    for place in range(books.counts[HELD]):
        column = books.held[place]
        if prices.last_bar[column] == session - 1:
            price = prices.mark[session, column]
            size = books.shares[column]
            _sell(books, column, size, price, 0.0)
            _log_fill(log, books, session, column, -size, price, price, 0.0, 0.0, 0.0, DELISTING)
    _list_holdings(books)
    still_open = 0
    for place in range(books.counts[ORDERS]):
        column = books.orders[place]
        if prices.last_bar[column] == session - 1:
            _log_unfilled(log, books, session, column, DELISTED)
        else:
            books.orders[still_open] = column
            still_open += 1
    books.counts[ORDERS] = still_open


@_inline
def _replace_orders(prices: Prices, books: Books, log: Log, target: Array, session: int) -> None:
    """Rule 4."""
    for place in range(books.counts[ORDERS]):
        _log_unfilled(log, books, session, books.orders[place], SUPERSEDED)
    count = 0
    for column in range(books.shares.shape[0]):
        wish = target[column]
        books.weight[column] = wish
        if wish > 0.0 or books.shares[column] > 0.0:
            if prices.last_bar[column] < session:
                _log_unfilled(log, books, session, column, DELISTED)
            else:
                books.orders[count] = column
                count += 1
    books.counts[ORDERS] = count


@_inline
def _impact(prices: Prices, terms: Terms, session: int, column: int, size: float) -> float:
    if terms.impact <= 0.0:
        return 0.0
    volatility = prices.volatility[session, column]
    return _impact_fraction(size, terms.impact, volatility, prices.average_volume[session, column])


@_inline
def _fill_orders(prices: Prices, books: Books, terms: Terms, log: Log, session: int) -> None:
    """Rule 5."""
    worth = 0.0
    for place in range(books.counts[HELD]):
        column = books.held[place]
        price = prices.fill[session, column]
        if np.isnan(price):
            price = prices.mark[session, column]
        worth += books.shares[column] * price
    sell_open, needed = _fill_sells(prices, books, terms, log, books.cash[0] + worth, session)
    _fill_buys(prices, books, terms, log, sell_open, needed, session)
    _list_holdings(books)
    still_open = 0
    for place in range(books.counts[ORDERS]):
        column = books.orders[place]
        if books.stays[column]:
            books.orders[still_open] = column
            still_open += 1
    books.counts[ORDERS] = still_open


@_inline
def _fill_sells(
    prices: Prices, books: Books, terms: Terms, log: Log, equity: float, session: int
) -> tuple[bool, float]:
    """Fill the sells and size the buys: whether a sell stays open, and the cash that the buys need."""
    sell_open = False
    needed = 0.0
    for place in range(books.counts[ORDERS]):
        column = books.orders[place]
        books.size[column] = 0.0
        held = books.shares[column]
        price = prices.fill[session, column]
        if np.isnan(price):
            books.stays[column] = True
            mark = prices.mark[session, column]
            if held > 0.0 and _wanted_shares(books.weight[column], equity, mark, terms.fractional) < held:
                sell_open = True
            continue
        wanted = _wanted_shares(books.weight[column], equity, price, terms.fractional)
        difference = abs(wanted - held)
        volume = prices.volume[session, column]
        size = _capped_shares(difference, volume, terms.participation, terms.fractional)
        books.stays[column] = size < difference
        if wanted > held:
            impact = _impact(prices, terms, session, column, size)
            paid = price * (1.0 + (terms.half_spread + impact))
            fee = _commission(size, paid, terms.commission_rate, terms.commission_per_share)
            needed += size * paid + fee
            books.size[column] = size
            continue
        if size < difference:
            sell_open = True
        if size > 0.0:
            impact = _impact(prices, terms, session, column, size)
            paid = price * (1.0 - (terms.half_spread + impact))
            fee = _commission(size, paid, terms.commission_rate, terms.commission_per_share)
            _sell(books, column, size, paid, fee)
            value = size * price
            spread = value * terms.half_spread
            _log_fill(log, books, session, column, -size, paid, price, fee, spread, value * impact, ORDER)
    return sell_open, needed


@_inline
def _fill_buys(
    prices: Prices, books: Books, terms: Terms, log: Log, sell_open: bool, needed: float, session: int
) -> None:
    cash = books.cash[0]
    short = needed > cash
    for place in range(books.counts[ORDERS]):
        column = books.orders[place]
        size = books.size[column]
        if size <= 0.0:
            continue
        if short:
            size = size * (cash / needed)
            if not terms.fractional:
                size = np.floor(size)
            if sell_open:
                books.stays[column] = True
        price = prices.fill[session, column]
        step = 0
        while size > 0.0:
            impact = _impact(prices, terms, session, column, size)
            paid = price * (1.0 + (terms.half_spread + impact))
            fee = _commission(size, paid, terms.commission_rate, terms.commission_per_share)
            left = books.cash[0] - size * paid
            if left - fee >= 0.0:
                _buy(books, column, size, paid, fee)
                value = size * price
                spread = value * terms.half_spread
                _log_fill(log, books, session, column, size, paid, price, fee, spread, value * impact, ORDER)
                break
            size = _shrunk_shares(size, step, terms.fractional)
            step += 1


@_inline
def _roll_hedges(hedges: Hedges, books: Books, worth: float, session: int, row: int) -> None:
    """Rule 8, but for the marking."""
    prices, standing, record = hedges
    slots = standing.shape[1]
    for slot in range(slots):
        if standing[HOLDING, slot] > 0.0 and not np.isnan(prices[ASK, slot, session]):
            received = standing[HOLDING, slot] * prices[RECEIVE, slot, session]
            books.cash[0] += received
            record[RECEIVED, slot, row] = received
            standing[HOLDING, slot] = 0.0
    equity = books.cash[0] + worth
    for slot in range(slots):
        ask = prices[ASK, slot, session]
        if not standing[RATIO, slot] > 0.0 or np.isnan(ask):
            continue
        wanted = _hedge_units(standing[RATIO, slot], equity, prices[CLOSE, slot, session])
        allowed = _payable_units(wanted, ask, prices[ALLOWANCE, slot, session] * equity)
        units = _payable_units(allowed, ask, books.cash[0])
        step = 0
        while units > 0.0 and books.cash[0] - units * ask < 0.0:
            units = _shrunk_shares(units, step, True)
            step += 1
        premium = units * ask
        books.cash[0] -= premium
        standing[HOLDING, slot] = units
        record[WANTED, slot, row] = wanted
        record[ALLOWED, slot, row] = allowed
        record[PREMIUM, slot, row] = premium


@_inline
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

    Numba looks for stale code by the date of this file only, and would go on with an outdated commission
    after a change in `backtests.engine.rules`. Variables of an enclosing function are part of its key: hence
    `version`, a checksum of that file.
    """

    @_compile
    def advance(
        start: int,
        stop: int,
        first: int,
        fill: Array,
        mark: Array,
        volume: Array,
        dividend: Array,
        volatility: Array,
        average_volume: Array,
        last_bar: Integers,
        pays: Flags,
        ends: Flags,
        growth: Array,
        commission_rate: float,
        commission_per_share: float,
        half_spread: float,
        impact: float,
        participation: float,
        kept_dividend: float,
        fractional: bool,
        targets: Array,
        effective: Integers,
        option_prices: Array,
        standing: Array,
        record: Array,
        target_count: int,
        book_cash: Array,
        shares: Array,
        average: Array,
        weight: Array,
        size: Array,
        stays: Flags,
        held: Integers,
        orders: Integers,
        counts: Integers,
        fills: Array,
        fill_labels: Integers,
        unfilled: Array,
        unfilled_labels: Integers,
        equity: Array,
        cash: Array,
        dividends: Array,
        interest: Array,
    ) -> int:
        # Arguments are flat because a call with tuples of arrays takes ten times as long to dispatch.
        _ = version
        prices = Prices(fill, mark, volume, dividend, volatility, average_volume, last_bar)
        terms = Terms(
            commission_rate,
            commission_per_share,
            half_spread,
            impact,
            participation,
            kept_dividend,
            fractional,
        )
        books = Books(book_cash, shares, average, weight, size, stays, held, orders, counts)
        log = Log(fills, fill_labels, unfilled, unfilled_labels)
        hedges = Hedges(option_prices, standing, record)
        slots = standing.shape[1]
        symbols, rows = shares.shape[0], unfilled.shape[0]
        for session in range(start, stop + 1):
            # A session adds at most a fill for each symbol, and two orders that end.
            if counts[FILLS] + symbols > rows or counts[UNFILLED] + 2 * symbols > rows:
                return session
            row = session - first
            earned = book_cash[0] * growth[row]
            book_cash[0] += earned
            interest[row] = earned
            if pays[session]:
                dividends[row] = _receive_dividends(prices, books, terms, session)
            if ends[session]:
                _settle_delisted(prices, books, log, session)
            if counts[TARGETS] < target_count:
                turn = counts[TARGETS] % targets.shape[0]
                if effective[turn] == session:
                    counts[TARGETS] += 1
                    _replace_orders(prices, books, log, targets[turn], session)
                    for slot in range(slots):
                        standing[RATIO, slot] = targets[turn, symbols + slot]
            if counts[ORDERS] > 0:
                _fill_orders(prices, books, terms, log, session)
            # Rule 6.
            worth = 0.0
            for place in range(counts[HELD]):
                column = held[place]
                price = mark[session, column]
                gain = shares[column] * (price - average[column])
                worth += shares[column] * price - gain
                worth += gain
            hedge = 0.0
            if slots > 0:
                _roll_hedges(hedges, books, worth, session, row)
                hedge = _mark_hedges(hedges, session, row)
            cash[row] = book_cash[0]
            equity[row] = book_cash[0] + worth + hedge
        return stop + 1

    return advance


_advance = _kernel(zlib.crc32(Path(rules.__file__).read_bytes()))


def _frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """View `values` read-only in C order: one type for the kernel, wherever the market came from."""
    view = np.ascontiguousarray(values).view()
    view.setflags(write=False)
    return view


class _Reading:
    """What the kernel reads of a market, prepared once."""

    def __init__(self, market: Market) -> None:
        if np.any(market.fill_price <= 0.0) or np.any(market.close <= 0.0):
            raise MarketError(f"{market.name}: prices must be above zero; remove the bars that are not")
        self.fill = _frozen(market.fill_price)
        self.mark = _frozen(market.mark)
        self.volume = _frozen(market.volume)
        self.dividend = _frozen(market.dividend)
        self.last_bar = _frozen(market.last_bar)
        self.pays = _frozen(np.any(market.dividend > 0.0, axis=1))
        ends = np.zeros(len(market.sessions) + 1, dtype=np.bool_)
        ends[market.last_bar + 1] = True
        self.ends = _frozen(ends)
        self._impact: tuple[Array, Array] | None = None

    def impact(self, market: Market) -> tuple[Array, Array]:
        """Volatility and average volume."""
        if self._impact is None:
            volatility, average_volume = rules.impact_inputs(market)
            self._impact = _frozen(volatility), _frozen(average_volume)
        return self._impact


_readings: WeakKeyDictionary[Market, _Reading] = WeakKeyDictionary()
_NOTHING = _frozen(np.empty((0, 0)))
_NO_OPTIONS = _frozen(np.empty((5, 0, 0)))


class _Run:
    """One run in progress: the books, the log, and how far the kernel has come."""

    def __init__(self, market: Market, account: Account, targets: Array, effective: Integers) -> None:
        if not 0 <= account.first <= account.last < len(market.sessions):
            raise ValueError(
                f"the run's sessions {account.first} to {account.last} are not within the market's "
                f"{len(market.sessions)}"
            )
        reading = _readings.get(market)
        if reading is None:
            reading = _readings[market] = _Reading(market)
        costs = account.costs
        volatility, average_volume = reading.impact(market) if costs.impact > 0.0 else (_NOTHING, _NOTHING)
        symbols, sessions = len(market.symbols), account.last + 1 - account.first
        self.market, self.account, self.reading = market, account, reading
        self.next_session = account.first
        self.equity, self.cash, self.dividends, self.interest = np.zeros((4, sessions))
        self.books = Books(
            cash=np.array([account.capital], dtype=np.float64),
            shares=np.zeros(symbols),
            average=np.zeros(symbols),
            weight=np.zeros(symbols),
            size=np.zeros(symbols),
            stays=np.zeros(symbols, dtype=np.bool_),
            held=np.zeros(symbols, dtype=np.int64),
            orders=np.zeros(symbols, dtype=np.int64),
            counts=np.zeros(5, dtype=np.int64),
        )
        self.log = _log(max(FIRST_LOG, 4 * symbols))
        # A view: prices of a hedge that is named later are filled in underneath.
        options = _NO_OPTIONS if account.overlay is None else _frozen(account.overlay.inputs)
        slots = options.shape[1]
        standing = np.zeros((2, slots))
        self.hedged = np.zeros((6, slots, sessions if slots else 0))
        self._given = (
            account.first,
            reading.fill,
            reading.mark,
            reading.volume,
            reading.dividend,
            volatility,
            average_volume,
            reading.last_bar,
            reading.pays,
            reading.ends,
            rules.interest_factors(market, account),
            costs.commission_rate,
            costs.commission_per_share,
            costs.half_spread,
            costs.impact,
            costs.max_participation,
            1.0 - costs.dividend_withholding,
            bool(account.fractional_shares),
            _frozen(targets),
            _frozen(effective),
            options,
            standing,
            self.hedged,
        )

    def advance(self, stop: int, target_count: int) -> None:
        """Run to the close of session `stop`; `target_count` targets have been decided so far."""
        while self.next_session <= stop:
            self.next_session = _advance(
                self.next_session,
                stop,
                *self._given,
                target_count,
                *self.books,
                *self.log,
                self.equity,
                self.cash,
                self.dividends,
                self.interest,
            )
            if self.next_session <= stop:
                self.log = _grown(self.log)

    def weights(self, session: int) -> Array:
        """Share of equity by symbol at the close of `session`, where the run now stands."""
        held = self.books.held[: self.books.counts[HELD]]
        weights = np.zeros(len(self.market.symbols))
        value = self.books.shares[held] * self.reading.mark[session, held]
        weights[held] = value / self.equity[session - self.account.first]
        return weights

    def ledger(self) -> Ledger:
        """Close the books, after the last session."""
        sessions = self.market.sessions[self.account.first : self.account.last + 1]
        return Ledger(
            sessions=sessions,
            symbols=self.market.symbols,
            equity=self.equity,
            cash=self.cash,
            dividends=self.dividends,
            interest=self.interest,
            fills=self._fills(),
            unfilled=self._unfilled(),
            decisions=(),
            hedge=self._hedge(sessions),
        )

    def _hedge(self, sessions: Dates) -> pd.DataFrame | None:
        overlay = self.account.overlay
        return None if overlay is None else hedge_table(overlay, self.hedged, sessions, self.account.first)

    def _fills(self) -> pd.DataFrame:
        count = self.books.counts[FILLS]
        session, column, kind = self.log.fill_labels[:, :count]
        values = (
            self._dates(session),
            _words(self.market.symbols, column),
            *self.log.fills[:, :count],
            _words(KINDS, kind),
        )
        return pd.DataFrame(dict(zip(FILL_COLUMNS, values, strict=True)))

    def _unfilled(self) -> pd.DataFrame:
        count = self.books.counts[UNFILLED]
        open_still = self.books.orders[: self.books.counts[ORDERS]]
        ended = np.stack(
            [
                np.full(len(open_still), self.account.last),
                open_still,
                np.full(len(open_still), REASONS.index("run ended")),
            ]
        )
        labels = np.concatenate([self.log.unfilled_labels[:, :count], ended], axis=1)
        values = (
            self._dates(labels[0]),
            _words(self.market.symbols, labels[1]),
            np.concatenate([self.log.unfilled[:count], self.books.weight[open_still]]),
            _words(REASONS, labels[2]),
        )
        return pd.DataFrame(dict(zip(UNFILLED_COLUMNS, values, strict=True)))

    def _dates(self, sessions: Integers) -> npt.NDArray[np.datetime64]:
        return self.market.sessions[sessions].astype("datetime64[s]")


def _log(rows: int) -> Log:
    return Log(
        np.empty((6, rows)),
        np.empty((3, rows), dtype=np.int64),
        np.empty(rows),
        np.empty((3, rows), dtype=np.int64),
    )


def _grown(log: Log) -> Log:
    """Copy `log` into one of twice the size."""
    rows = len(log.unfilled)
    larger = _log(2 * rows)
    for new, old in zip(larger, log, strict=True):
        new[..., :rows] = old
    return larger


def _words(words: Sequence[str], positions: Integers) -> Any:
    return pd.array(list(words), dtype="str").take(positions)


def _width(market: Market, account: Account) -> int:
    """Length of a target row."""
    slots = 0 if account.overlay is None else account.overlay.inputs.shape[1]
    return len(market.symbols) + slots


def _checked(targets: Array, shape: tuple[int, ...]) -> Array:
    weights = np.asarray(targets, dtype=np.float64)
    if weights.shape != shape:
        raise ValueError(f"target weights have shape {weights.shape}, expected {shape}")
    if not (np.isfinite(weights) & (weights >= 0.0)).all():
        raise ValueError("target weights must be finite and at least 0")
    return weights


def run(market: Market, decide: Decide, deciding: Flags, account: Account) -> Ledger:
    """Run decisions through the compiled kernel.

    Parameters
    ----------
    market : Market
    decide : callable
        See `Decide`; called at the close of each decision session and of the run's first session.
    deciding : ndarray of bool, shape (market sessions,)
        Which sessions are decision sessions.
    account : Account

    Returns
    -------
    Ledger
        With ``decisions=()``: an engine knows weights, not reasons.
    """
    # A target waits `lag` sessions at most, so that there are never more than lag + 1 of them.
    width, waiting = _width(market, account), account.lag + 1
    targets, effective = np.zeros((waiting, width)), np.zeros(waiting, dtype=np.int64)
    books = _Run(market, account, targets, effective)
    within = np.arange(account.first, account.last + 1)
    count = 0
    for session in within[deciding[within] | (within == account.first)].tolist():
        books.advance(session, count)
        target = decide(session, books.weights(session))
        if target is not None:
            targets[count % waiting] = _checked(target, (width,))
            effective[count % waiting] = session + 1 + account.lag
            count += 1
    books.advance(account.last, count)
    return books.ledger()


def replay(market: Market, targets: Array, sessions: npt.ArrayLike, account: Account) -> Ledger:
    """Run decisions that are already made, in one call of the kernel.

    Parameters
    ----------
    market : Market
    targets : ndarray, shape (decisions, symbols) or, with an overlay, (decisions, symbols + SLOTS)
        Target rows, see `Decide`. A decision to hold has no row.
    sessions : array_like of int, shape (decisions,)
        Position in the market of the session at whose close each was decided, increasing.
    account : Account

    Returns
    -------
    Ledger
        The same as that of `run` with these decisions.
    """
    decided = np.asarray(sessions, dtype=np.int64)
    if decided.ndim != 1 or (np.diff(decided) <= 0).any():
        raise ValueError("decision sessions must be a row of increasing positions in the market")
    if len(decided) and not (account.first <= decided[0] and decided[-1] <= account.last):
        raise ValueError(
            f"decision sessions {decided[0]} to {decided[-1]} are not within the run's sessions "
            f"{account.first} to {account.last}"
        )
    weights = _checked(targets, (len(decided), _width(market, account)))
    books = _Run(market, account, weights, decided + 1 + account.lag)
    books.advance(account.last, len(decided))
    return books.ledger()
