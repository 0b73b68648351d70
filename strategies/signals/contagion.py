"""A guidance shock in one company, and how far it spreads: abnormal returns of a market model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.weights import listed

Array = npt.NDArray[np.float64]

ESTIMATION_FIRST, ESTIMATION_LAST = 280, 31
"""The estimation window: 280 to 31 sessions before the event."""

ESTIMATION_SHARE = 0.8
"""Share of the window that must be known."""


@dataclass(frozen=True, eq=False)
class MarketModel:
    """A security's ordinary return, given the market's: ``alpha + beta * market``.

    Attributes
    ----------
    alpha, beta : float
    deviation : float
        Standard deviation of the residual (n - 2), in units of the sessions' scale.
    count : int
        Sessions of the estimation window.
    covariance : ndarray, shape (2, 2)
        Of the two estimates, divided by the residual's variance.
    """

    alpha: float
    beta: float
    deviation: float
    count: int
    covariance: Array

    @overload
    def abnormal(self, actual: float, market: float) -> float: ...
    @overload
    def abnormal(self, actual: Array, market: Array) -> Array: ...
    def abnormal(self, actual: float | Array, market: float | Array) -> float | Array:
        """Return beyond what the market explains."""
        return actual - self.alpha - self.beta * market

    @overload
    def error(self, market: float, scale: float = 1.0) -> float: ...
    @overload
    def error(self, market: Array, scale: Array | float = 1.0) -> Array: ...
    def error(self, market: float | Array, scale: float | Array = 1.0) -> float | Array:
        """Standard error of an abnormal return outside the window, the error of the estimates included."""
        (own, both), (_, slope) = self.covariance.tolist()
        estimates = own + 2 * both * market + slope * market**2
        error: float | Array = self.deviation * (scale**2 + estimates) ** 0.5
        return error

    def error_of_sum(self, market: Array, scale: Array) -> float:
        """Standard error of the sum of the abnormal returns of several sessions."""
        total = np.array([len(market), market.sum()])
        return self.deviation * math.sqrt(float((scale**2).sum() + total @ self.covariance @ total))


def fitted_market_model(returns: Array, market: Array, scale: Array | None = None) -> MarketModel | None:
    """Least squares of a security's returns on the market's.

    Parameters
    ----------
    returns, market : ndarray, shape (sessions,)
        Of the estimation window, NaN where unknown.
    scale : ndarray, shape (sessions,), optional
        What each session's residual is expected to be in proportion to, as known before it; equal if not
        given. A session counts by 1 / scale^2, so that a crisis in the window neither sets the beta nor
        makes everything after it look ordinary.

    Returns
    -------
    MarketModel or None
        None if less than four fifths of the window is known.

    Notes
    -----
    MacKinlay, "Event Studies in Economics and Finance", Journal of Economic Literature 1997; Campbell, Lo and
    MacKinlay (1997), chapter 4; with a scale, weighted least squares.
    """
    sizes = np.ones(len(returns)) if scale is None else scale
    known = np.isfinite(returns) & np.isfinite(market) & np.isfinite(sizes)
    count = int(known.sum())
    if count < max(10, ESTIMATION_SHARE * len(returns)):
        return None
    weight = 1.0 / sizes[known]
    design = np.column_stack([weight, weight * market[known]])
    response = weight * returns[known]
    products = design.T @ design
    if np.linalg.det(products) <= 1e-12 * products[0, 0] * products[1, 1]:
        return None
    covariance: Array = np.asarray(np.linalg.inv(products), dtype=np.float64)
    alpha, beta = covariance @ (design.T @ response)
    residual = response - design @ np.array([alpha, beta])
    deviation = math.sqrt(float(residual @ residual) / (count - 2))
    return MarketModel(float(alpha), float(beta), deviation, count, covariance)


def turbulence(market: Array, decay: float = 0.94) -> Array:
    """The market's volatility as known before each session, from exponentially weighted squares.

    Parameters
    ----------
    market : ndarray, shape (sessions,)
        Returns; an unknown one changes nothing.
    decay : float
        Weight of the past, session by session.

    Returns
    -------
    ndarray, shape (sessions,)
        NaN until 21 sessions are known.

    Notes
    -----
    J.P. Morgan, *RiskMetrics Technical Document* (1996), decay 0.94 for daily returns.
    """
    squares = pd.Series(market**2).ewm(alpha=1 - decay, min_periods=21, ignore_na=True).mean()
    return np.asarray(np.sqrt(squares.shift(1)), dtype=np.float64)


@dataclass(frozen=True)
class Shock:
    """Companies of a group that fell far beyond what the market explains today, and what the others did.

    Attributes
    ----------
    names : tuple of str
        Companies with a shock, the worst first.
    peers : float
        Abnormal return of the others in equal weight, NaN if unknown.
    error : float
        Its standard error.
    why : str
        The finding in words.
    """

    names: tuple[str, ...]
    peers: float
    error: float
    why: str

    @property
    def spread(self) -> bool | None:
        """Whether the others fell beyond two standard errors; None without a shock or if unknown."""
        if not self.names or not math.isfinite(self.peers):
            return None
        return self.peers < -2 * self.error


def peers_reaction(returns: Array, market: Array, shocked: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Abnormal return of the portfolio of those not shocked, and its standard error.

    Parameters
    ----------
    returns : ndarray, shape (sessions, members)
        Of the estimation window, the sessions between and the event, which is the last row.
    market : ndarray, shape (sessions,)
    shocked : ndarray of bool, shape (members,)

    Returns
    -------
    tuple of float
        NaN where unknown. One portfolio instead of a mean of single abnormal returns, so that the error
        contains how the members move together (Brown and Warner 1985, crude dependence adjustment).
    """
    others = returns[:, ~shocked]
    known = np.isfinite(others)
    counts = known.sum(axis=1)
    total = np.where(known, others, 0.0).sum(axis=1)
    portfolio = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    model = fitted_market_model(
        portfolio[: ESTIMATION_FIRST - ESTIMATION_LAST + 1],
        market[: ESTIMATION_FIRST - ESTIMATION_LAST + 1],
    )
    if model is None or not np.isfinite(portfolio[-1]):
        return float("nan"), float("nan")
    today = float(market[-1])
    return model.abnormal(float(portfolio[-1]), today), model.error(today)


def guidance_shock(
    see: AsOf, group: str = "ai_hardware", market: str = "cap_weighted", fall: float = 0.10
) -> Shock:
    """Whether a company of `group` had a shock today, and whether it spread to the others.

    Prices stand in for guidance, which no filing carries in a form to be read: a shock is an abnormal return
    of ``-fall`` or worse and beyond three standard errors.

    Parameters
    ----------
    see : AsOf
    group : str
    market : str
        Group whose mean return is the market's; every stock in equal weight where the market lacks it.
    fall : float

    Returns
    -------
    Shock
    """
    sessions = ESTIMATION_FIRST + 1
    members = see.members(group) if group in see.groups else []
    if not members:
        return Shock((), float("nan"), float("nan"), f"shock unknown: nothing trades in {group!r}")
    if see.sessions_seen <= sessions:
        return Shock((), float("nan"), float("nan"), f"shock unknown: fewer than {sessions} sessions")
    whole = see.members(market) if market in see.groups else see.members(kind="stock")
    index = see.returns(sessions, symbols=whole).mean(axis=1).to_numpy()
    returns = see.returns(sessions, symbols=members).to_numpy()
    abnormal = np.full(len(members), np.nan)
    errors = np.full(len(members), np.nan)
    window = slice(0, ESTIMATION_FIRST - ESTIMATION_LAST + 1)
    for column in range(len(members)):
        model = fitted_market_model(returns[window, column], index[window])
        if model is not None:
            abnormal[column] = model.abnormal(returns[-1, column], index[-1])
            errors[column] = model.error(index[-1])
    if not np.isfinite(abnormal).any():
        return Shock((), float("nan"), float("nan"), f"shock unknown: too little history of {group!r}")
    shocked = (abnormal <= -fall) & (abnormal <= -3 * errors)
    if not shocked.any():
        return Shock((), float("nan"), float("nan"), f"no shock in {group}")
    order = np.argsort(np.where(shocked, abnormal, np.inf))[: int(shocked.sum())]
    names = tuple(members[column] for column in order)
    peers, error = peers_reaction(returns, index, shocked)
    falls = listed(f"{members[column]} {abnormal[column]:+.1%}" for column in order)
    return Shock(
        names, peers, error, f"{falls} beyond the market; the other members {peers:+.1%} ({error:.1%})"
    )
