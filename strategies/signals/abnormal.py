"""Abnormal returns: what the market does not explain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import pandas as pd

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
