"""What a hedge cost, what it paid when it was needed, and whether it earned its keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.performance import (
    Drawdown,
    annual_growth,
    drawdown_series,
    drawdowns,
    return_between,
)
from backtests.analysis.trading import years_of
from backtests.engine.books import Ledger, returns_of
from backtests.engine.rules import simple_interest
from backtests.options.overlay import OptionMarket
from datafeeds.market import Array, Dates
from strategies.hedges import OutrightPut, PutSpread, standing_of
from strategies.target import TOLERANCE, Structure

TOP = 10
"""Drawdowns looked at."""

LIKE_NOTHING = 5e-4
"""Difference of yearly returns within which two portfolios did equally well."""


@dataclass(frozen=True)
class HedgeCost:
    """What the hedge took and gave, as shares of the equity of each session before, a year.

    Attributes
    ----------
    years : float
    premium, payoff, pnl : float
        Paid, received, and what is left with the value still held.
    decay : float
        What passing time took, as long as nothing else moved.
    spread : float
        Half the bid-ask spread, part of `premium`.
    purchases : int
        Rolls at which something was bought.
    short_of_cash, short_of_budget : int
        Rolls at which less than wanted was bought.
    """

    years: float
    premium: float
    payoff: float
    pnl: float
    decay: float
    spread: float
    purchases: int
    short_of_cash: int
    short_of_budget: int


@dataclass(frozen=True)
class FallCover:
    """One fall of the portfolio without its hedge, and what the hedge did from the peak to the trough.

    Attributes
    ----------
    fall : Drawdown
    hedged : float
        Return of the hedged portfolio meanwhile.
    pnl : float
        The hedge's profit meanwhile, as a share of the hedged equity at the peak.
    """

    fall: Drawdown
    hedged: float
    pnl: float

    @property
    def covered(self) -> float:
        """Share of the fall that the hedge's profit made good; negative where it added to the fall."""
        return self.pnl / -self.fall.depth


@dataclass(frozen=True, eq=False)
class SpreadHistory:
    """Cost of the spread against the outright put at each roll, each of shape (rolls,).

    Attributes
    ----------
    sessions : ndarray of datetime64[D]
    outright, spread : ndarray
        Ask as a share of the underlying.
    skew : ndarray
    percentile : ndarray
        Of SKEW, among its trailing five years.
    """

    sessions: Dates
    outright: Array
    spread: Array
    skew: Array
    percentile: Array

    @property
    def ratio(self) -> Array:
        """Cost of the spread over that of the outright put."""
        return self.spread / self.outright

    @property
    def slope(self) -> float:
        """Rank correlation of SKEW and `ratio`; negative where the spread is cheaper when SKEW is high."""
        return float(np.corrcoef(_ranks(self.skew), _ranks(self.ratio))[0, 1])


@dataclass(frozen=True)
class SoldPut:
    """What selling the lower put of a spread brought in, and what it gave back.

    Attributes
    ----------
    received, returned : float
        In money: the bid when it was sold, and its payoff to the buyer at expiry.
    rolls, struck : int
        Spreads that expired, and those in which the put sold ended in the money.
    worst : datetime64[D] or None
        Expiry at which it cost most.
    worst_loss : float
        What it gave back then, as a share of equity.
    """

    received: float
    returned: float
    rolls: int
    struck: int
    worst: np.datetime64 | None
    worst_loss: float


@dataclass(frozen=True)
class BreakEven:
    """How far the underlying had to fall for a structure to pay for itself.

    Attributes
    ----------
    structure : str
    rolls : int
        Purchases that have expired.
    cost : float
        Median ask as a share of the underlying.
    move : float
        Median move of the underlying to expiry at which the payoff is the premium.
    reached : int
        Purchases that paid more than they cost.
    """

    structure: str
    rolls: int
    cost: float
    move: float
    reached: int


@dataclass(frozen=True, eq=False)
class Exposure:
    """Sensitivities of the hedge at each close, as shares of equity, each of shape (sessions,).

    Attributes
    ----------
    delta : ndarray
        Profit if the underlying rises by 1%, per percent: -0.3 takes away three tenths of a fall.
    gamma : ndarray
        Change of `delta` if the underlying rises by 1%.
    vega : ndarray
        Profit if VIX rises by a point.
    theta : ndarray
        Profit if a calendar day passes and nothing else.
    """

    delta: Array
    gamma: Array
    vega: Array
    theta: Array


@dataclass(frozen=True)
class Mixture:
    """The unhedged portfolio and cash, rebalanced daily, with as much risk as the hedged one.

    Attributes
    ----------
    share : float
        Share of the unhedged portfolio.
    growth : float
        Return a year.
    """

    share: float
    growth: float


@dataclass(frozen=True)
class HedgeVerdict:
    """Whether a hedge earned its keep: against no hedge, and against holding less.

    Attributes
    ----------
    hedged, unhedged : float
        Return a year (over the whole run, where that is shorter).
    hedged_fall, unhedged_fall : float
        Maximum drawdowns, negative.
    by_fall, by_volatility : Mixture
        With the maximum drawdown and with the volatility of the hedged portfolio.
    """

    hedged: float
    unhedged: float
    hedged_fall: float
    unhedged_fall: float
    by_fall: Mixture
    by_volatility: Mixture

    @property
    def answer(self) -> Literal["yes", "unclear", "no"]:
        """Whether it earned its keep.

        Yes if it added to the return without a deeper fall, or if cash would have bought as much safety more
        dearly by either measure; unclear if only by one.
        """
        if self.hedged_fall < self.unhedged_fall:
            return "no"
        if self.hedged > self.unhedged + LIKE_NOTHING:
            return "yes"
        better = [self.hedged > cash.growth + LIKE_NOTHING for cash in (self.by_fall, self.by_volatility)]
        return "yes" if all(better) else "unclear" if any(better) else "no"


def hedge_cost(ledger: Ledger) -> HedgeCost:
    """What the hedge of a book took and gave.

    Raises
    ------
    ValueError
        If the book has no hedge.
    """
    table = _table(ledger)
    before = np.concatenate([ledger.equity[:1], ledger.equity[:-1]])
    years = years_of(ledger)

    def rate(column: str) -> float:
        return float((ledger.hedge_total(column) / before).sum() / years)

    return HedgeCost(
        years=years,
        premium=rate("premium"),
        payoff=rate("payoff"),
        pnl=rate("pnl"),
        decay=rate("decay"),
        spread=rate("spread"),
        purchases=int((table["premium"] > 0).sum()),
        short_of_cash=int((table["limit"] == "cash").sum()),
        short_of_budget=int((table["limit"] == "budget").sum()),
    )


def cover(ledger: Ledger, unhedged: Ledger, top: int = TOP) -> tuple[FallCover, ...]:
    """What the hedge paid in each of the worst falls of the same portfolio without it.

    Parameters
    ----------
    ledger, unhedged : Ledger
        The same sessions.
    top : int
        Number of falls, deepest first.
    """
    earned = np.cumsum(ledger.hedge_total("pnl"))
    found = []
    for fall in drawdowns(unhedged.equity, unhedged.sessions)[:top]:
        first, last = np.searchsorted(ledger.sessions, np.array([fall.peak, fall.trough]))
        found.append(
            FallCover(
                fall,
                return_between(ledger.equity, ledger.sessions, fall.peak, fall.trough),
                float((earned[last] - earned[first]) / ledger.equity[first]),
            )
        )
    return tuple(found)


def spread_history(
    options: OptionMarket,
    first: int,
    last: int,
    outright: OutrightPut | None = None,
    spread: PutSpread | None = None,
) -> SpreadHistory:
    """Cost of a spread against an outright put at each roll from session `first` to `last` of the market."""
    put, both = (options.unit_prices(each) for each in (outright or OutrightPut(), spread or PutSpread()))
    rolls = first + np.flatnonzero(~np.isnan((put.ask + both.ask)[first : last + 1]))
    history = options.skew_history()
    dates = history.index.to_numpy().astype("datetime64[D]")
    percentile = np.full(len(rolls), np.nan)
    for place, roll in enumerate(rolls):
        known = int(np.searchsorted(dates, options.sessions[roll], side="right"))
        if known:
            percentile[place] = standing_of(float(options.skew[roll]), history.iloc[:known]).trailing
    close = options.close[rolls]
    return SpreadHistory(
        options.sessions[rolls],
        put.ask[rolls] / close,
        both.ask[rolls] / close,
        options.skew[rolls],
        percentile,
    )


def sold_put(ledger: Ledger, options: OptionMarket) -> SoldPut:
    """What the sold puts of a book's spreads brought in and gave back, over the spreads that have expired."""
    received = returned = worst_loss = 0.0
    rolls = struck = 0
    worst: np.datetime64 | None = None
    for structure, bought, settled, units in _round_trips(ledger, options):
        sold = [(place, leg) for place, leg in enumerate(structure.legs) if leg.quantity < 0]
        unit = options.unit_prices(structure)
        if not sold or not unit.expired[settled]:
            continue
        rolls += 1
        back = 0.0
        for place, leg in sold:
            strike = unit.strikes[bought, place]
            puts = options.puts_on(
                np.array([bought]),
                np.array([bought]),
                np.array([[strike]]),
                unit.expiry[[bought]],
                options.sessions[[bought]],
            )
            received += units * -leg.quantity * float(puts[0, 0]) * (1.0 - options.settings.half_spread)
            back += units * -leg.quantity * max(float(strike - options.close[settled]), 0.0)
        returned += back
        struck += back > 0
        row = int(np.searchsorted(ledger.sessions, options.sessions[settled]))
        if back / ledger.equity[row - 1] > worst_loss:
            worst, worst_loss = options.sessions[settled], back / float(ledger.equity[row - 1])
    return SoldPut(received, returned, rolls, struck, worst, worst_loss)


def break_evens(ledger: Ledger, options: OptionMarket) -> tuple[BreakEven, ...]:
    """How far the underlying had to fall for each structure that a book held, and how often it did.

    Only structures that are held to expiry have a break-even; the payoff is that of the first put bought,
    and a spread that can never return its premium has none.
    """
    costs: dict[Structure, list[tuple[float, float, bool]]] = {}
    for structure, bought, settled, _ in _round_trips(ledger, options):
        unit = options.unit_prices(structure)
        if not unit.expired[settled]:
            continue
        close, ask = float(options.close[bought]), float(unit.ask[bought])
        move = (max(leg.moneyness for leg in structure.legs if leg.quantity > 0) * close - ask) / close - 1.0
        costs.setdefault(structure, []).append((ask / close, move, bool(unit.receive[settled] > ask)))
    return tuple(
        BreakEven(
            structure.name,
            len(rows),
            float(np.median([cost for cost, _, _ in rows])),
            float(np.median([move for _, move, _ in rows])),
            sum(reached for _, _, reached in rows),
        )
        for structure, rows in costs.items()
    )


def exposure(ledger: Ledger, options: OptionMarket) -> Exposure:
    """Sensitivities of a book's hedge at each close, as shares of equity."""
    table = _table(ledger)
    first = int(np.searchsorted(options.sessions, ledger.sessions[0]))
    run = slice(first, first + len(ledger.sessions))
    totals = np.zeros((4, len(ledger.sessions)))
    close = options.close[run]
    for structure in _structures(ledger):
        own = table[table["structure"] == structure.name]
        units = np.zeros(len(ledger.sessions))
        np.add.at(units, _rows(ledger, own["session"].to_numpy()), own["units"].to_numpy())
        greeks = options.greeks(structure)
        held = units > 0
        scaled = (
            greeks.delta[run] * close,
            greeks.gamma[run] * close * close / 100.0,
            greeks.vega[run],
            greeks.theta[run],
        )
        for total, values in zip(totals, scaled, strict=True):
            total[held] += units[held] * values[held]
    return Exposure(*(total / ledger.equity for total in totals))


def verdict(ledger: Ledger, unhedged: Ledger, cash: Array | float = 0.0) -> HedgeVerdict:
    """Whether the hedge earned its keep.

    Parameters
    ----------
    ledger, unhedged : Ledger
        The same portfolio with and without its hedge, over the same sessions.
    cash : float or ndarray, shape (sessions - 1,)
        Yearly return of cash, actual/365, or its return in each session after the first.

    Notes
    -----
    A hedge that makes falls smaller competes with the simplest way to make them smaller: holding less.
    """
    ours, theirs = returns_of(ledger.equity), returns_of(unhedged.equity)
    if not isinstance(cash, np.ndarray):
        cash = simple_interest(cash, unhedged.sessions)
    fall = float(drawdown_series(ledger.equity).min())

    def mixture(share: float) -> Mixture:
        return Mixture(share, annual_growth(share * theirs + (1 - share) * cash, unhedged.sessions))

    spread = float(theirs.std())
    return HedgeVerdict(
        hedged=annual_growth(ours, ledger.sessions),
        unhedged=annual_growth(theirs, unhedged.sessions),
        hedged_fall=fall,
        unhedged_fall=float(drawdown_series(unhedged.equity).min()),
        by_fall=mixture(_share_that_falls(theirs, cash, fall)),
        by_volatility=mixture(min(float(ours.std()) / spread, 1.0) if spread > 0 else 1.0),
    )


def _share_that_falls(returns: Array, cash: Array, depth: float) -> float:
    """Share of a portfolio that, beside cash, falls as far as `depth`; 1 if all of it falls no further."""

    def fall(share: float) -> float:
        growth = np.cumprod(1.0 + share * returns + (1.0 - share) * cash)
        return float(drawdown_series(np.concatenate([[1.0], growth])).min())

    if fall(1.0) >= depth - TOLERANCE:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if fall(middle) >= depth else (low, middle)
    return low


@dataclass(frozen=True, eq=False)
class HedgeReport:
    """Everything about the hedge of one book.

    Attributes
    ----------
    underlying : str
    verdict : HedgeVerdict
    cost : HedgeCost
    falls : tuple of FallCover
    break_evens : tuple of BreakEven
    history : SpreadHistory
        Without rows where nothing was rolled.
    sold : SoldPut
    exposure : Exposure
    parts : mapping of str to float
        Return of the same portfolio with each of the structures that the hedge chose between, by label; empty
        where they were not run.
    """

    underlying: str
    verdict: HedgeVerdict
    cost: HedgeCost
    falls: tuple[FallCover, ...]
    break_evens: tuple[BreakEven, ...]
    history: SpreadHistory
    sold: SoldPut
    exposure: Exposure
    parts: Mapping[str, float]

    @property
    def chose_badly(self) -> bool:
        """Whether choosing was worse than each of the structures alone."""
        return len(self.parts) > 1 and self.verdict.hedged < min(self.parts.values())


def hedge_report(
    ledger: Ledger, unhedged: Ledger, options: OptionMarket, cash: Array, parts: Mapping[str, Ledger]
) -> HedgeReport:
    """Everything about a book's hedge.

    Parameters
    ----------
    ledger, unhedged : Ledger
        The same portfolio with and without its hedge, over the same sessions.
    options : OptionMarket
    cash : ndarray, shape (sessions - 1,)
        Return of cash in each session after the first.
    parts : mapping of str to Ledger
        The same portfolio with each of the structures that the hedge chose between, by label.
    """
    first, last = (int(each) for each in np.searchsorted(options.sessions, ledger.sessions[[0, -1]]))
    return HedgeReport(
        underlying=options.settings.underlying,
        verdict=verdict(ledger, unhedged, cash),
        cost=hedge_cost(ledger),
        falls=cover(ledger, unhedged),
        break_evens=break_evens(ledger, options),
        history=spread_history(options, first, last),
        sold=sold_put(ledger, options),
        exposure=exposure(ledger, options),
        parts={label: _growth(part) for label, part in parts.items()},
    )


def _growth(ledger: Ledger) -> float:
    return annual_growth(returns_of(ledger.equity), ledger.sessions)


def _table(ledger: Ledger) -> pd.DataFrame:
    if ledger.hedge is None or ledger.hedge.empty:
        raise ValueError("the book has no hedge")
    return ledger.hedge


def _rows(ledger: Ledger, sessions: npt.NDArray[np.datetime64]) -> npt.NDArray[np.intp]:
    """Positions in the run of sessions of the hedge table."""
    return np.searchsorted(ledger.sessions, sessions.astype("datetime64[D]"))


def _structures(ledger: Ledger) -> tuple[Structure, ...]:
    """Every structure that a target of the book names."""
    named = (hedge.structure for decision in ledger.decisions for hedge in decision.target.hedges)
    return tuple(dict.fromkeys(named))


def _round_trips(ledger: Ledger, options: OptionMarket) -> list[tuple[Structure, int, int, float]]:
    """Structure, rolls of purchase and of settlement (positions in the market), and units of each trip."""
    table = _table(ledger)
    last = int(np.searchsorted(options.sessions, ledger.sessions[-1]))
    trips = []
    for structure in _structures(ledger):
        rolls = np.flatnonzero(~np.isnan(options.unit_prices(structure).ask))
        own = table[(table["structure"] == structure.name) & (table["premium"] > 0)]
        bought = np.searchsorted(options.sessions, own["session"].to_numpy().astype("datetime64[D]"))
        for start, units in zip(bought.tolist(), own["units"].tolist(), strict=True):
            later = rolls[rolls > start]
            if len(later) and later[0] <= last:
                trips.append((structure, start, int(later[0]), units))
    return sorted(trips, key=lambda trip: trip[1])


def _ranks(values: Array) -> Array:
    return np.argsort(np.argsort(values)).astype(np.float64)
