"""The ledger engine: decisions through the compiled loop of `backtests.engine.compiled`.

It keeps its own books: nothing but the arithmetic of `backtests.engine.rules` and the prices of the `Market`
is shared with the event engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.engine import compiled_margin, rules
from backtests.engine.books import FILL_COLUMNS, KINDS, UNFILLED_COLUMNS, Decide, Ledger, Rows
from backtests.engine.compiled import (
    FILLS,
    ORDERS,
    REASONS,
    UNFILLED,
    AccountState,
    Curves,
    Flags,
    Hedges,
    Integers,
    Log,
    Plan,
    Prices,
    Terms,
    advance,
)
from backtests.engine.compiled_margin import MarginState, MarginTerms
from backtests.engine.terms import Account, Costs
from backtests.options.overlay import hedge_table
from datafeeds.market import Array, Dates, Market, MarketError

FIRST_LOG = 1 << 15
"""Rows that the logs have room for at first (memory is taken as rows are written); they grow by doubling."""


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
        # A copy only where something is halted: fill prices are missing where nothing trades.
        halted = rules.halted(market)
        fill = np.where(halted, np.nan, market.fill_price) if halted.any() else market.fill_price
        self.fill = _frozen(fill)
        self.mark = _frozen(market.mark)
        self.dividend = _frozen(market.dividend)
        self.gone = _frozen(market.gone)
        self.pays = _frozen(np.any(market.dividend > 0.0, axis=1))
        first = market.gone & ~np.roll(market.gone, 1, axis=0)
        self.ends = _frozen(np.any(first, axis=1))


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
        volatility = average = volume = _NOTHING
        if costs.impact > 0.0:
            volatility, average = rules.impact_inputs(market)
        if costs.max_participation > 0.0:
            volume = rules.worked_out(market, rules.PARTICIPATION_VOLUME[costs.participation_volume])
        symbols, sessions = len(market.symbols), account.last + 1 - account.first
        self.market, self.account, self.reading = market, account, reading
        self.next_session = account.first
        self.curves = Curves(*np.zeros((4, sessions)))
        self.state = AccountState(
            cash=np.array([account.capital], dtype=np.float64),
            shares=np.zeros(symbols),
            average=np.zeros(symbols),
            weight=np.zeros(symbols),
            size=np.zeros(symbols),
            stays=np.zeros(symbols, dtype=np.bool_),
            held=np.zeros(symbols, dtype=np.uint32),
            orders=np.zeros(symbols, dtype=np.uint32),
            sells=np.zeros(symbols, dtype=np.uint32),
            buys=np.zeros(symbols, dtype=np.uint32),
            counts=np.zeros(7, dtype=np.int64),
        )
        self.log = _log(max(FIRST_LOG, 4 * symbols))
        # Not a copy: the prices of a hedge that a later target names are written into the same memory.
        options = _NO_OPTIONS if account.overlay is None else _frozen(account.overlay.inputs)
        slots = options.shape[1]
        self.hedges = Hedges(options, np.zeros((2, slots)), np.zeros((6, slots, sessions if slots else 0)))
        prices = Prices(
            fill=reading.fill,
            mark=reading.mark,
            volume=volume,
            dividend=reading.dividend,
            volatility=volatility,
            average_volume=average,
            gone=reading.gone,
            pays=reading.pays,
            ends=reading.ends,
        )
        terms = Terms(
            first=account.first,
            growth=rules.interest_factors(market, account),
            commission_rate=costs.commission_rate,
            commission_per_share=costs.commission_per_share,
            half_spread=costs.half_spread,
            impact=costs.impact,
            participation=costs.max_participation,
            kept_dividend=1.0 - costs.dividend_withholding,
            fractional=account.fractional_shares,
        )
        plan = Plan(_frozen(targets), _frozen(effective))
        self.orders = None if account.long_only else _orders(symbols, sessions)
        if self.orders is None:
            self._loop: Callable[..., int] = advance
            groups: tuple[Any, ...] = prices, terms, plan, self.hedges, self.state
        else:
            self._loop = compiled_margin.advance
            groups = prices, terms, plan, _margin_terms(market, account), self.orders, self.state
        self._given = tuple(tuple(group) for group in groups)

    def advance(self, stop: int, target_count: int) -> None:
        """Run to the close of session `stop`; `target_count` targets have been decided so far."""
        while self.next_session <= stop:
            self.next_session = self._loop(
                self.next_session, stop, target_count, *self._given, tuple(self.log), tuple(self.curves)
            )
            if self.next_session <= stop:
                self.log = _grown(self.log)

    def weights(self, session: int) -> Array:
        """Share of equity by symbol at the close of `session`, where the run now stands."""
        shares = self.state.shares
        weights = np.zeros(len(shares))
        equity = self.curves.equity[session - self.account.first]
        if equity > 0.0:
            np.multiply(shares, self.reading.mark[session], out=weights, where=shares != 0.0)
            weights /= equity
        return weights

    def ledger(self) -> Ledger:
        """Close the books, after the last session."""
        sessions = self.market.sessions[self.account.first : self.account.last + 1]
        return Ledger(
            sessions=sessions,
            symbols=self.market.symbols,
            **self.curves._asdict(),
            executions=self._executions(),
            endings=self._endings(),
            decisions=(),
            hedge=self._hedge(sessions),
            borrow=None if self.orders is None else self.orders.borrow,
            sold=None if self.orders is None else self.orders.sold,
        )

    def _hedge(self, sessions: Dates) -> pd.DataFrame | None:
        overlay, record = self.account.overlay, self.hedges.record
        return None if overlay is None else hedge_table(overlay, record, sessions, self.account.first)

    def _executions(self) -> Rows:
        count = self.state.counts[FILLS]
        session, column, kind = self.log.fill_labels[:, :count].copy()
        numbers = self.log.fills[:, :count].copy()
        return Rows(FILL_COLUMNS, session - self.account.first, column, numbers, kind, KINDS)

    def _endings(self) -> Rows:
        count = self.state.counts[UNFILLED]
        session, column, reason = self.log.unfilled_labels[:, :count]
        open_still = self.state.orders[: self.state.counts[ORDERS]]
        last, ended = np.full((2, len(open_still)), [[self.account.last], [REASONS.index("run ended")]])
        return Rows(
            UNFILLED_COLUMNS,
            np.concatenate([session, last]) - self.account.first,
            np.concatenate([column, open_still]),
            np.concatenate([self.log.unfilled[:count], self.state.weight[open_still]])[None],
            np.concatenate([reason, ended]),
            REASONS,
        )


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


def _width(market: Market, account: Account) -> int:
    """Length of a target row."""
    slots = 0 if account.overlay is None else account.overlay.inputs.shape[1]
    return len(market.symbols) + slots


def _orders(symbols: int, sessions: int) -> MarginState:
    """A margin account without positions."""
    return MarginState(
        closing=np.zeros(symbols),
        opening=np.zeros(symbols),
        buys=np.zeros(symbols, dtype=np.bool_),
        refused=np.zeros(symbols, dtype=np.bool_),
        cut=np.zeros(symbols, dtype=np.bool_),
        flags=np.zeros(2, dtype=np.bool_),
        borrow=np.zeros(sessions),
        sold=np.zeros(sessions),
    )


def _margin_terms(market: Market, account: Account) -> MarginTerms:
    return MarginTerms(
        rules.loan_factors(market, account),
        rules.borrow_factors(market, account),
        rules.borrowable(market),
        account.margin.initial_long,
        account.margin.initial_short,
        account.margin.maintenance_long,
        account.margin.maintenance_short,
    )


def _checked(targets: Array, shape: tuple[int, ...], long_only: bool) -> Array:
    weights = np.asarray(targets, dtype=np.float64)
    if weights.shape != shape:
        raise ValueError(f"target weights have shape {weights.shape}, expected {shape}")
    least, most = weights.min(initial=0.0), weights.max(initial=0.0)
    if not -np.inf < least <= most < np.inf:  # nor is either NaN
        raise ValueError("target weights must be finite")
    if long_only and least < 0.0:
        raise ValueError("target weights must be at least 0 in a cash account")
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
    count = 0
    for session in rules.asked_at(deciding, account).tolist():
        books.advance(session, count)
        target = decide(session, books.weights(session))
        if target is not None:
            targets[count % waiting] = _checked(target, (width,), account.long_only)
            effective[count % waiting] = session + 1 + account.lag
            count += 1
    books.advance(account.last, count)
    return books.ledger()


def warm_up(*, long_only: bool) -> None:
    """Load the compiled loop of an account, or compile and keep it, by a run over two sessions."""
    days = pd.DatetimeIndex(["2020-01-02", "2020-01-03"])
    market = Market.from_wide("two sessions", pd.DataFrame({"A": [1.0, 1.0]}, index=days))
    replay(market, np.ones((1, 1)), [0], Account(1.0, Costs(), 0, True, 0, 1, long_only=long_only))


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
    weights = _checked(targets, (len(decided), _width(market, account)), account.long_only)
    books = _Run(market, account, weights, decided + 1 + account.lag)
    books.advance(account.last, len(decided))
    return books.ledger()
