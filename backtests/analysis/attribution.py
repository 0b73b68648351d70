"""Where the return came from: groups, symbols, and what trading took away.

Weights are those at the close before a session; returns are those of the session. What these leave
unexplained (trading at the open, rounding, withheld tax) is shown as a residual, never spread over the rest.

References
----------
.. [1] Brinson and Fachler (1985); arithmetic effects as in Bacon (2008), "Practical Portfolio Performance
   Measurement and Attribution", chapter 5.
.. [2] Carino (1999), "Combining Attribution Effects Over Time".
.. [3] Menchero (2000), "An Optimized Approach to Linking Attribution Effects Over Time".
.. [4] Cremers and Petajisto (2009), "How Active Is Your Fund Manager?".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.exposure import CASH, named_groups
from backtests.analysis.span import spans_a_year
from backtests.analysis.trading import (
    BORROW,
    COSTS,
    OPTIONS,
    costs_by_session,
    paid,
    traded_after_building,
    years_of,
)
from backtests.engine.books import Ledger, returns_of
from datafeeds.market import Array, Dates, Market
from datafeeds.membership import Grouping

Codes = npt.NDArray[np.intp]
Linking = Literal["carino", "menchero"]
NOTHING = 1e-12
"""Weights smaller than this are rounding."""


# --- Brinson-Fachler ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Effects:
    """Brinson-Fachler effects, each of shape (groups,) or (periods, groups).

    Attributes
    ----------
    allocation : ndarray
        From weighting a group unlike the benchmark.
    selection : ndarray
        From holding a group's members unlike the benchmark.
    interaction : ndarray
        From both at once.
    """

    allocation: Array
    selection: Array
    interaction: Array

    @property
    def total(self) -> Array:
        """The sum of the three, by group."""
        return self.allocation + self.selection + self.interaction


def brinson_effects(
    weights: Array, benchmark_weights: Array, returns: Array, benchmark_returns: Array
) -> Effects:
    """Arithmetic Brinson-Fachler effects [1]_.

    Parameters
    ----------
    weights, benchmark_weights : ndarray, shape (groups,) or (periods, groups)
        Weights at the start of each period; each adds to 1, cash being a group.
    returns, benchmark_returns : ndarray, same shape
        Return of each group in each portfolio. Where a portfolio does not hold a group its return there is
        unknown (NaN) and the other's is used: the whole effect is then allocation.

    Returns
    -------
    Effects
        Allocation ``(w - b)(B_g - B)``, selection ``b (R_g - B_g)``, interaction ``(w - b)(R_g - B_g)``.
    """
    theirs = np.where(np.isnan(benchmark_returns), np.nan_to_num(returns), benchmark_returns)
    ours = np.where(np.isnan(returns), theirs, returns)
    total = (benchmark_weights * theirs).sum(axis=-1, keepdims=True)
    over = weights - benchmark_weights
    return Effects(
        allocation=over * (theirs - total),
        selection=benchmark_weights * (ours - theirs),
        interaction=over * (ours - theirs),
    )


def linking_factors(portfolio: Array, benchmark: Array, method: Linking = "carino") -> Array:
    """Factor of each period that makes differences of returns add to the difference of compound returns.

    Parameters
    ----------
    portfolio, benchmark : ndarray, shape (periods,)
        Returns; above -100%.
    method : {"carino", "menchero"}
        Carino's logarithmic factors [2]_, or Menchero's closest to one another [3]_.

    Returns
    -------
    ndarray, shape (periods,)
        ``sum(factor * (portfolio - benchmark))`` is the difference of the compound returns.

    Raises
    ------
    ValueError
        For an unknown method, or a return of -100% or less.
    """
    if (portfolio <= -1).any() or (benchmark <= -1).any():
        raise ValueError("a return of -100% or less can't be linked")
    difference = portfolio - benchmark
    ours, theirs = math.expm1(np.log1p(portfolio).sum()), math.expm1(np.log1p(benchmark).sum())
    if method == "carino":
        whole = _carino(np.array([ours]), np.array([theirs]))[0]
        factors: Array = _carino(portfolio, benchmark) / whole
        return factors
    if method == "menchero":
        count = len(portfolio)
        roots = (1 + ours) ** (1 / count) - (1 + theirs) ** (1 / count)
        alike = abs(roots) <= NOTHING
        level = (1 + ours) ** ((count - 1) / count) if alike else (ours - theirs) / count / roots
        square = float(difference @ difference)
        tilt = (ours - theirs - level * difference.sum()) / square if square > 0 else 0.0
        linear: Array = level + tilt * difference
        return linear
    raise ValueError(f"no linking method {method!r}; known: carino, menchero")


def _carino(portfolio: Array, benchmark: Array) -> Array:
    difference = portfolio - benchmark
    logs = np.log1p(portfolio) - np.log1p(benchmark)
    alike = np.abs(difference) < NOTHING
    factors: Array = np.divide(logs, difference, out=1 / (1 + portfolio), where=~alike)
    return factors


def group_totals(weights: Array, returns: Array, codes: Codes, groups: int) -> tuple[Array, Array]:
    """Weight and return of each group in each period.

    Parameters
    ----------
    weights, returns : ndarray, shape (periods, symbols)
        A symbol that is not held may have a return of NaN; where one is held, NaN counts as 0.
    codes : ndarray of int, shape (symbols,) or (periods, symbols)
        Position of the group of each symbol.
    groups : int
        Number of groups.

    Returns
    -------
    weights, returns : ndarray, shape (periods, groups)
        The return is NaN where nothing of the group is held.
    """
    periods = len(weights)
    place = (np.arange(periods)[:, None] * groups + codes).ravel()

    def by_group(values: Array) -> Array:
        summed: Array = np.bincount(place, values.ravel(), minlength=periods * groups).astype(np.float64)
        return summed.reshape(periods, groups)

    held = by_group(weights)
    gained = by_group(weights * np.nan_to_num(returns))
    empty = np.abs(held) < NOTHING
    return held, np.divide(gained, held, out=np.full(held.shape, np.nan), where=~empty)


@dataclass(frozen=True, eq=False)
class BrinsonFachler:
    """Why a portfolio's compound return differs from its benchmark's. Arrays of shape (groups,).

    Attributes
    ----------
    groups : tuple of str
    method : {"carino", "menchero"}
        How periods were linked.
    periods : int
    weights, benchmark_weights : ndarray
        Averages over the periods.
    effects : Effects
        Linked over the periods.
    costs : float
        Linked effect of trading costs, the portfolio's less the benchmark's; negative if it paid more.
    hedge : float
        Linked effect of the options' profit before their half-spread, the portfolio's less the benchmark's.
    residual : float
        What neither groups, costs nor options explain: trading at the open, rounding, withheld tax.
    portfolio, benchmark : float
        Compound returns.
    """

    groups: tuple[str, ...]
    method: Linking
    periods: int
    weights: Array
    benchmark_weights: Array
    effects: Effects
    costs: float
    hedge: float
    residual: float
    portfolio: float
    benchmark: float

    @property
    def excess(self) -> float:
        """Difference of the compound returns; what all effects, costs and residual add to."""
        return self.portfolio - self.benchmark

    def table(self) -> pd.DataFrame:
        """One row a group: average weights, allocation, selection, interaction and their total."""
        return pd.DataFrame(
            {
                "weight": self.weights,
                "benchmark_weight": self.benchmark_weights,
                "allocation": self.effects.allocation,
                "selection": self.effects.selection,
                "interaction": self.effects.interaction,
                "total": self.effects.total,
            },
            index=pd.Index(self.groups, name="group"),
        )


def brinson_fachler(
    weights: Array,
    benchmark_weights: Array,
    returns: Array,
    benchmark_returns: Array,
    groups: Sequence[str],
    *,
    realised: Array | None = None,
    benchmark_realised: Array | None = None,
    costs: Array | None = None,
    hedge: Array | None = None,
    method: Linking = "carino",
) -> BrinsonFachler:
    """Brinson-Fachler attribution by group, linked over periods.

    Parameters
    ----------
    weights, benchmark_weights, returns, benchmark_returns : ndarray, shape (periods, groups)
        As for `brinson_effects`.
    groups : sequence of str
    realised, benchmark_realised : ndarray, shape (periods,), optional
        What the portfolios really returned; what their groups explain if not given.
    costs : ndarray, shape (periods,), optional
        Trading costs as a share of equity, the portfolio's less the benchmark's; zero if not given.
    hedge : ndarray, shape (periods,), optional
        Profit of options before costs as a share of equity, likewise.
    method : {"carino", "menchero"}

    Returns
    -------
    BrinsonFachler
        Everything adds to the difference of the realised compound returns, residual included.
    """
    ours, theirs = (np.atleast_2d(each) for each in (weights, benchmark_weights))
    our_returns, their_returns = (np.atleast_2d(each) for each in (returns, benchmark_returns))
    effects = brinson_effects(ours, theirs, our_returns, their_returns)
    total = _known(ours * np.nan_to_num(our_returns), realised)
    benchmark_total = _known(theirs * np.nan_to_num(their_returns), benchmark_realised)
    spent, gained = (np.zeros(len(total)) if each is None else each for each in (costs, hedge))
    factors = linking_factors(total, benchmark_total, method)
    unexplained = total - benchmark_total - effects.total.sum(axis=1) + spent - gained
    return BrinsonFachler(
        groups=tuple(groups),
        method=method,
        periods=len(total),
        weights=ours.mean(axis=0),
        benchmark_weights=theirs.mean(axis=0),
        effects=Effects(
            allocation=factors @ effects.allocation,
            selection=factors @ effects.selection,
            interaction=factors @ effects.interaction,
        ),
        costs=-float(factors @ spent),
        hedge=float(factors @ gained),
        residual=float(factors @ unexplained),
        portfolio=math.expm1(np.log1p(total).sum()),
        benchmark=math.expm1(np.log1p(benchmark_total).sum()),
    )


def _known(gained: Array, realised: Array | None) -> Array:
    summed: Array = gained.sum(axis=1)
    return summed if realised is None else realised


def attribute_groups(
    ledger: Ledger, other: Ledger, market: Market, by: Grouping = "group", method: Linking = "carino"
) -> BrinsonFachler:
    """Brinson-Fachler attribution of one portfolio against another, session by session.

    Parameters
    ----------
    ledger, other : Ledger
        Over the same sessions.
    market : Market
    by : {"group", "sector", "industry"}
        Column of `Market.instruments`. Dated; a symbol in several groups counts in the first by row, one in
        none under ``"no group"``. Cash is a group; its return is the interest.
    method : {"carino", "menchero"}

    Returns
    -------
    BrinsonFachler
        Groups that neither book ever held are left out.

    Raises
    ------
    ValueError
        If their sessions differ.
    """
    if not np.array_equal(ledger.sessions, other.sessions):
        raise ValueError("a portfolio and its benchmark must share their sessions")
    ours, theirs = ledger.weights(market), other.weights(market)
    symbols = [symbol for symbol in market.symbols if symbol in ours.columns or symbol in theirs.columns]
    names, codes = named_groups(market, ledger.sessions[:-1], by)
    codes = codes[:, market.columns_of(symbols)]
    returns = symbol_returns(market, ledger.sessions, symbols)
    labels = (*names, CASH)

    def totals(frame: pd.DataFrame, books: Ledger) -> tuple[Array, Array]:
        held = frame.reindex(columns=symbols, fill_value=0.0).to_numpy()[:-1]
        weights, gained = group_totals(held, returns, codes, len(names))
        cash = 1.0 - held.sum(axis=1)
        cash[np.abs(cash) < NOTHING] = 0.0
        interest = books.interest[1:] / books.equity[:-1]
        rate = np.divide(interest, cash, out=np.full(len(cash), np.nan), where=cash != 0)
        return np.column_stack([weights, cash]), np.column_stack([gained, rate])

    weights, gained = totals(ours, ledger)
    benchmark_weights, benchmark_gained = totals(theirs, other)
    kept = (weights != 0).any(axis=0) | (benchmark_weights != 0).any(axis=0)
    return brinson_fachler(
        weights[:, kept],
        benchmark_weights[:, kept],
        gained[:, kept],
        benchmark_gained[:, kept],
        [labels[place] for place in np.flatnonzero(kept)],
        realised=returns_of(ledger.equity),
        benchmark_realised=returns_of(other.equity),
        costs=cost_share(ledger) - cost_share(other),
        hedge=hedge_share(ledger) - hedge_share(other),
        method=method,
    )


def symbol_returns(market: Market, sessions: Dates, symbols: Sequence[str]) -> Array:
    """Total return of each symbol in each session after the first, shape (sessions - 1, symbols).

    Last known close to last known close, cash dividends included before tax; NaN before the first close.
    """
    first = market.index_of(sessions[0])
    columns = market.columns_of(symbols)
    marks = market.mark[first : first + len(sessions), columns]
    dividends = market.dividend[first + 1 : first + len(sessions), columns]
    returns: Array = (marks[1:] + dividends) / marks[:-1] - 1.0
    return returns


# --- Symbols --------------------------------------------------------------------------------------


def profit_by_symbol(ledger: Ledger, market: Market, fees: pd.Series[float] | None = None) -> pd.DataFrame:
    """Money gained or lost on each symbol, exactly: the profits and the interest add to the change of equity.

    Parameters
    ----------
    ledger : Ledger
    market : Market
    fees : Series, optional
        What borrowing each symbol cost, see `backtests.analysis.shorts.loan_fees`.

    Returns
    -------
    DataFrame
        Indexed by symbol, best first. `price` is the gain on prices before costs, `dividends` cash received,
        `commission`, `spread` and `impact` what trading it cost, `borrow` the fees where there are any, and
        `profit` what is left. Money of the day, not compounded.
    """
    first = market.index_of(ledger.sessions[0])
    window = slice(first, first + len(ledger.sessions))
    positions = ledger.positions
    held = np.flatnonzero(positions.any(axis=0))
    symbols = [ledger.symbols[place] for place in held]
    last = np.nan_to_num(market.mark[window][-1, held])

    fills = ledger.fills
    paid = (fills["shares"].astype(float) * fills["price"].astype(float)).groupby(fills["symbol"]).sum()
    costs = fills[["symbol", *COSTS]].astype(dict.fromkeys(COSTS, float)).groupby("symbol").sum()
    table = pd.DataFrame(index=pd.Index(symbols, name="symbol"))
    spent = costs.reindex(symbols, fill_value=0.0)
    bought = paid.reindex(symbols, fill_value=0.0).to_numpy()
    # Fill prices contain spread and impact but not commission.
    table["price"] = positions[-1, held] * last - bought + (spent["spread"] + spent["impact"]).to_numpy()
    table["dividends"] = _dividends(ledger, market.dividend[window][:, held], positions[:, held])
    for kind in COSTS:
        table[kind] = spent[kind].to_numpy()
    table["profit"] = table["price"] + table["dividends"] - table[list(COSTS)].sum(axis=1)
    if fees is not None and len(fees):
        table.insert(len(table.columns) - 1, BORROW, fees.reindex(table.index, fill_value=0.0))
        table["profit"] -= table[BORROW]
    return table.sort_values("profit", ascending=False, kind="stable")


def _dividends(ledger: Ledger, dividend: Array, positions: Array) -> Array:
    """Dividends by symbol; each session's are shared out so that they add to what the ledger received."""
    gross = np.zeros(positions.shape)
    gross[1:] = positions[:-1] * dividend[1:]
    earned, owed = np.maximum(gross, 0.0), np.minimum(gross, 0.0)
    total = earned.sum(axis=1)
    received = ledger.dividends - owed.sum(axis=1)
    kept = np.divide(received, total, out=np.zeros(len(total)), where=total > 0)
    shared: Array = kept @ earned + owed.sum(axis=0)
    return shared


def active_share(weights: Array, benchmark_weights: Array) -> Array:
    """Half the sum of absolute differences of weights, cash included [4]_.

    Parameters
    ----------
    weights, benchmark_weights : ndarray, shape (symbols,) or (periods, symbols)
        What is missing to 1 is cash.

    Returns
    -------
    ndarray, shape () or (periods,)
        0 is the benchmark itself, 1 has nothing in common with it.

    Examples
    --------
    >>> round(float(active_share(np.array([0.4, 0.3, 0.3]), np.array([0.4, 0.2, 0.4]))), 3)
    0.1
    """
    over = weights - benchmark_weights
    share: Array = (np.abs(over).sum(axis=-1) + np.abs(over.sum(axis=-1))) / 2
    return share


def active_share_of(ledger: Ledger, other: Ledger, market: Market) -> pd.Series[float]:
    """Active share of one portfolio against another at each close, indexed by session."""
    ours, theirs = ledger.weights(market), other.weights(market)
    symbols = ours.columns.union(theirs.columns)
    share = active_share(
        ours.reindex(columns=symbols, fill_value=0.0).to_numpy(),
        theirs.reindex(columns=symbols, fill_value=0.0).to_numpy(),
    )
    return pd.Series(share, index=ours.index, name="active share")


# --- Trading --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CostAttribution:
    """What trading took away. Money of the day; rates as fractions of average equity.

    Attributes
    ----------
    commission, spread, impact, options, borrow : float
        Money; `options` is half the bid-ask spread of options, `borrow` the fees for borrowed stock.
    drag : float
        Gross less net compound return, a year (over the run if it spans less than a year).
    annual : bool
        Whether `drag` is a year's.
    by_year : DataFrame
        Indexed by calendar year: `commission`, `spread`, `impact`, `options`, in a margin account `borrow`,
        their `total`, and `rate`, the total over the year's average equity.
    by_symbol : DataFrame
        Indexed by symbol, dearest first: the three kinds, their `total`, and the `traded` value.
    """

    commission: float
    spread: float
    impact: float
    options: float
    drag: float
    annual: bool
    by_year: pd.DataFrame
    by_symbol: pd.DataFrame
    borrow: float = 0.0

    @property
    def total(self) -> float:
        """Everything that trading and borrowing cost."""
        return self.commission + self.spread + self.impact + self.options + self.borrow


def cost_share(ledger: Ledger) -> Array:
    """Costs of each session after the first, options' included, over equity before, shape (sessions - 1,)."""
    return costs_by_session(ledger)[1:] / ledger.equity[:-1]


def hedge_share(ledger: Ledger) -> Array:
    """Profit of the hedge before its half-spread, over equity before, shape (sessions - 1,)."""
    profit = ledger.hedge_total("pnl") + ledger.hedge_total("spread")
    share: Array = profit[1:] / ledger.equity[:-1]
    return share


def gross_returns(ledger: Ledger) -> pd.Series[float]:
    """Return of each session after the first before trading costs: net plus costs over equity before."""
    return (ledger.returns + cost_share(ledger)).rename("gross return")


def cost_attribution(ledger: Ledger) -> CostAttribution:
    """Trading costs by kind, year and symbol.

    Parameters
    ----------
    ledger : Ledger

    Returns
    -------
    CostAttribution
    """
    fills = ledger.fills.astype(dict.fromkeys((*COSTS, "shares", "price"), float))
    kinds = list(COSTS)
    years = ledger.sessions.astype("datetime64[Y]").astype(int) + 1970
    equity = pd.Series(ledger.equity).groupby(years).mean()
    all_kinds = (*COSTS, OPTIONS) if ledger.borrow is None else (*COSTS, OPTIONS, BORROW)
    by_year = pd.DataFrame(
        {kind: pd.Series(costs_by_session(ledger, kind)).groupby(years).sum() for kind in all_kinds}
    )
    by_year["total"] = by_year.sum(axis=1)
    by_year["rate"] = by_year["total"] / equity
    by_symbol = fills[kinds].groupby(fills["symbol"]).sum()
    by_symbol["total"] = by_symbol.sum(axis=1)
    by_symbol["traded"] = (fills["shares"] * fills["price"]).abs().groupby(fills["symbol"]).sum()
    annual, span = spans_a_year(ledger.sessions), years_of(ledger)
    net = np.log(ledger.equity[-1] / ledger.equity[0])
    gross = np.log1p(gross_returns(ledger).to_numpy()).sum()
    return CostAttribution(
        commission=float(fills["commission"].sum()),
        spread=float(fills["spread"].sum()),
        impact=float(fills["impact"].sum()),
        options=paid(ledger, OPTIONS),
        drag=math.expm1(gross / span) - math.expm1(net / span),
        annual=annual,
        by_year=by_year.rename_axis("year"),
        by_symbol=by_symbol.sort_values("total", ascending=False, kind="stable"),
        borrow=paid(ledger, BORROW),
    )


def turnover_by_year(ledger: Ledger) -> pd.Series[float]:
    """Lesser of purchases and sales in each calendar year over the year's average equity.

    Building the first portfolio is no turnover and payments for delisted shares are no sales. As in SEC Form
    N-1A, item 13; the first and last year may be part of one, and nothing is annualised.
    """
    bought, sold = traded_after_building(ledger)
    years = ledger.sessions.astype("datetime64[Y]").astype(int) + 1970
    equity = pd.Series(ledger.equity).groupby(years).mean()
    least = pd.DataFrame({"bought": bought, "sold": sold}).groupby(years).sum().min(axis=1)
    return (least / equity).rename("turnover").rename_axis("year")
