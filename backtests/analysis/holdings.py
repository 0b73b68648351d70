"""What was held: how much of each, how concentrated, what it earned, who made each fall, and at what risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.analysis.attribution import symbol_returns
from backtests.analysis.performance import Drawdown, deviation
from backtests.engine.books import Ledger, returns_of
from backtests.engine.rules import impact_inputs
from datafeeds.market import Array, Market

TOP = 10
"""Holdings counted in the concentration, falls looked at, and names listed of each."""

RISK_SESSIONS = 504
"""Sessions behind a covariance."""

LIQUIDATION = 0.1
"""Share of average daily volume at which a position is sold."""


# --- What was held --------------------------------------------------------------------------------


def holdings(weights: pd.DataFrame, ledger: Ledger, market: Market) -> pd.DataFrame:
    """Every symbol ever held.

    Parameters
    ----------
    weights : DataFrame
        Share of equity by session and symbol, see `Ledger.weights`.
    ledger : Ledger
    market : Market

    Returns
    -------
    DataFrame
        Indexed by symbol, the largest at the end first: `end` and `largest`, shares of equity at the last
        close and at the highest, `largest_on`, `held`, the share of the sessions, and `days_to_sell`, the
        sessions that selling the last position takes at a tenth of the average volume of 21 sessions (NaN
        where volume is unknown).
    """
    last = market.index_of(ledger.sessions[-1])
    columns = market.columns_of(map(str, weights.columns))
    _, volume = impact_inputs(market)
    shares = np.abs(ledger.positions[-1, columns])
    known = volume[last, columns]
    days = np.divide(shares, LIQUIDATION * known, out=np.full(len(columns), np.nan), where=known > 0)
    table = pd.DataFrame(
        {
            "end": weights.iloc[-1],
            "largest": weights.max(),
            "largest_on": weights.idxmax(),
            "held": (weights != 0).mean(),
            "days_to_sell": np.where(shares > 0, days, 0.0),
        }
    )
    return table.sort_values(["end", "largest"], ascending=False, kind="stable").rename_axis("symbol")


@dataclass(frozen=True)
class Concentration:
    """How few holdings carry a portfolio.

    Attributes
    ----------
    top : float
        Share of equity in the ten largest holdings.
    effective : float
        Effective number of holdings, 1 / sum of squared shares of what is invested.
    """

    top: float
    effective: float


def concentration(weights: Array) -> Concentration:
    """Concentration of one session's weights, shape (symbols,); zero and NaN where nothing is held."""
    held = np.abs(weights[weights != 0])
    if not len(held):
        return Concentration(0.0, float("nan"))
    shares = held / held.sum()
    return Concentration(float(np.sort(held)[-TOP:].sum()), float(1.0 / (shares**2).sum()))


def round_trips(ledger: Ledger) -> pd.DataFrame:
    """Positions from the close at which they were opened to the one at which they were gone.

    Returns
    -------
    DataFrame
        One row a position, closed ones first, then by opening: `symbol`, `opened`, `closed` (NaT while it is
        held), `sessions` held.
    """
    held = np.pad(ledger.positions != 0, ((1, 1), (0, 0)))
    change = np.diff(held.astype(np.int8), axis=0)
    opened, closed = (np.argwhere(sign == change.T) for sign in (1, -1))
    ends = closed[:, 1]
    still = ends >= len(ledger.sessions)
    dates = pd.DatetimeIndex(ledger.sessions)
    table = pd.DataFrame(
        {
            "symbol": [ledger.symbols[column] for column in opened[:, 0]],
            "opened": dates[opened[:, 1]],
            "closed": dates[np.minimum(ends, len(dates) - 1)].where(~still),
            "sessions": np.minimum(ends, len(dates)) - opened[:, 1],
        }
    )
    return table.sort_values(["closed", "opened"], na_position="last", kind="stable").reset_index(drop=True)


# --- Who made each fall ---------------------------------------------------------------------------


@dataclass(frozen=True)
class FallMakers:
    """One fall and who made it.

    Attributes
    ----------
    fall : Drawdown
    by_symbol : mapping of str to float
        Gain from the peak to the trough as a share of equity at the peak, worst first.
    rest : float
        What they leave: costs, trading within a session, options, interest.
    """

    fall: Drawdown
    by_symbol: dict[str, float]
    rest: float


def fall_makers(ledger: Ledger, market: Market, falls: Sequence[Drawdown]) -> tuple[FallMakers, ...]:
    """Who made each of the falls of a portfolio.

    Parameters
    ----------
    ledger : Ledger
    market : Market
    falls : sequence of Drawdown
    """
    first = market.index_of(ledger.sessions[0])
    marks = market.mark[first : first + len(ledger.sessions)]
    paid = market.dividend[first : first + len(ledger.sessions)]
    found = []
    for fall in falls:
        start, end = np.searchsorted(ledger.sessions, np.array([fall.peak, fall.trough]))
        rows = slice(start + 1, end + 1)
        held = ledger.positions[start:end]
        gains = held * (marks[rows] - marks[start:end] + np.nan_to_num(paid[rows]))
        shares = np.where(held != 0, np.nan_to_num(gains), 0.0).sum(axis=0) / ledger.equity[start]
        order = np.argsort(shares, kind="stable")
        by_symbol = {ledger.symbols[place]: float(shares[place]) for place in order if shares[place]}
        found.append(FallMakers(fall, by_symbol, fall.depth - float(shares.sum())))
    return tuple(found)


# --- Risk -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HoldingRisk:
    """Risk of the last holdings by a shrunk covariance of the last two years.

    Attributes
    ----------
    volatility : float
        A year, of the last weights.
    tracking_error : float
        A year, against the last weights of the benchmark; NaN without one.
    table : DataFrame
        Indexed by symbol, the largest first: `weight`, `risk` (part of the volatility; they add to it) and
        `active_risk` (part of the tracking error).
    shrinkage : float
        Share of the covariance that is taken from equal variances without correlation.
    sessions : int
    """

    volatility: float
    tracking_error: float
    table: pd.DataFrame
    shrinkage: float
    sessions: int


def shrunk_covariance(returns: Array) -> tuple[Array, float]:
    """Covariance of session returns shrunk towards equal variances without correlation, and by how much [1]_.

    Parameters
    ----------
    returns : ndarray, shape (sessions, symbols)
        Finite.

    References
    ----------
    .. [1] Ledoit and Wolf (2004), "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices".
       The tests hold it to scikit-learn, which takes too long to import.
    """
    sessions, symbols = returns.shape
    centred = returns - returns.mean(axis=0)
    covariance: Array = centred.T @ centred / sessions
    variance = float(np.trace(covariance)) / symbols
    size = float(np.square(covariance).sum())
    distance = size / symbols - variance**2
    error = (float(np.square(np.square(centred).sum(axis=1)).mean()) - size) / (sessions * symbols)
    shrinkage = min(error / distance, 1.0) if symbols > 1 and distance > 0 and error > 0 else 0.0
    covariance *= 1.0 - shrinkage
    covariance[np.diag_indices(symbols)] += shrinkage * variance
    return covariance, shrinkage


def risk_by_holding(
    weights: pd.Series[float], benchmark: pd.Series[float] | None, market: Market, last: int
) -> HoldingRisk | None:
    """Ex-ante risk of weights, by holding.

    Parameters
    ----------
    weights, benchmark : Series
        Share of equity by symbol at session `last`; the rest is cash, without risk.
    market : Market
    last : int
        Position of the session; the 504 sessions up to it are used, a missing return counting as none.

    Returns
    -------
    HoldingRisk or None
        None where nothing is held or fewer than 63 sessions are known.
    """
    theirs = pd.Series(dtype=float) if benchmark is None else benchmark
    symbols = [str(symbol) for symbol in weights.index.union(theirs.index, sort=False)]
    first = max(0, last - RISK_SESSIONS)
    if not symbols or last - first < 63:
        return None
    returns = np.nan_to_num(symbol_returns(market, market.sessions[first : last + 1], symbols))
    covariance, shrinkage = shrunk_covariance(returns)
    covariance *= market.sessions_a_year
    ours, beside = (
        np.asarray(each.reindex(symbols, fill_value=0.0), dtype=np.float64) for each in (weights, theirs)
    )
    active = ours - beside
    volatility, risk = _parts(ours, covariance)
    tracking, active_risk = _parts(active, covariance)
    table = pd.DataFrame(
        {"weight": ours, "risk": risk, "active_risk": active_risk if benchmark is not None else np.nan},
        index=pd.Index(symbols, name="symbol"),
    )
    held = table[table["weight"] != 0].sort_values("risk", ascending=False, kind="stable")
    error = tracking if benchmark is not None else float("nan")
    return HoldingRisk(volatility, error, held, shrinkage, len(returns))


def _parts(weights: Array, covariance: Array) -> tuple[float, Array]:
    """Volatility of weights, and each holding's part of it."""
    marginal: Array = covariance @ weights
    volatility = math.sqrt(max(float(weights @ marginal), 0.0))
    return volatility, weights * marginal / volatility if volatility > 0 else np.zeros(len(weights))


def predicted_and_realised(ledger: Ledger, market: Market, weights: pd.DataFrame) -> pd.DataFrame:
    """Volatility predicted at the end of each calendar year against that of the year after.

    Returns
    -------
    DataFrame
        Indexed by the year predicted: `predicted` and `realised`, a year. Years with fewer than 63 sessions
        are left out.
    """
    years = ledger.sessions.astype("datetime64[Y]").astype(int) + 1970
    returns = returns_of(ledger.equity)
    rows = []
    for year in np.unique(years)[1:]:
        inside = np.flatnonzero(years == year)
        before = int(inside[0]) - 1
        held = weights.iloc[before]
        found = risk_by_holding(held[held != 0], None, market, market.index_of(ledger.sessions[before]))
        if found is not None and len(inside) >= 63:
            realised = float(deviation(returns[inside - 1])) * math.sqrt(market.sessions_a_year)
            rows.append((int(year), found.volatility, realised))
    return pd.DataFrame(rows, columns=["year", "predicted", "realised"]).set_index("year")


# --- What the rule changed ------------------------------------------------------------------------


@dataclass(frozen=True)
class RuleChanges:
    """What a strategy's decisions made of the weights that they start from.

    Attributes
    ----------
    decisions : int
    started : int
        Decisions that start from weights and not from cash.
    changed : int
        Those of them that left their starting weights.
    moved : float
        Weight moved by these on average, half the sum of absolute changes, cash included.
    lowered : tuple of str
        Symbols that were lowered, most often first.
    usually : int
        How many were lowered at once, in the middle of these decisions.
    """

    decisions: int
    started: int
    changed: int
    moved: float
    lowered: tuple[str, ...]
    usually: int


def rule_changes(ledger: Ledger) -> RuleChanges:
    """What the decisions of a book changed of their starting weights."""
    moved: list[float] = []
    counts: list[int] = []
    times: dict[str, int] = {}
    started = [decision for decision in ledger.decisions if decision.target.changes[0].weights]
    for decision in started:
        start, end = decision.target.changes[0].weights, decision.target.weights
        steps = {
            symbol: end.get(symbol, 0.0) - start.get(symbol, 0.0) for symbol in dict.fromkeys((*start, *end))
        }
        size = (sum(abs(step) for step in steps.values()) + abs(sum(steps.values()))) / 2
        if size < 1e-9:
            continue
        down = [symbol for symbol, step in steps.items() if step < -1e-9]
        moved.append(size)
        counts.append(len(down))
        for symbol in down:
            times[symbol] = times.get(symbol, 0) + 1
    return RuleChanges(
        decisions=len(ledger.decisions),
        started=len(started),
        changed=len(moved),
        moved=float(np.mean(moved)) if moved else 0.0,
        lowered=tuple(sorted(times, key=lambda symbol: (-times[symbol], symbol))),
        usually=int(np.median(counts)) if counts else 0,
    )
