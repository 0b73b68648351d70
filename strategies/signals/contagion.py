"""A guidance shock in one company, and how far it spreads: abnormal returns of a market model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strategies.asof import AsOf
from strategies.signals.weights import listed

Array = npt.NDArray[np.float64]

ESTIMATION_FIRST, ESTIMATION_LAST = 280, 31
"""The estimation window: 280 to 31 sessions before the event."""

ESTIMATION_SHARE = 0.8
"""Share of the window that must be known."""


@dataclass(frozen=True)
class MarketModel:
    """A security's ordinary return, given the market's: ``alpha + beta * market``.

    Attributes
    ----------
    alpha, beta : float
    deviation : float
        Standard deviation of the residual (n - 2).
    count : int
        Sessions of the estimation window.
    mean, spread : float
        Mean of the market's return in the window, and the sum of squared deviations from it.
    """

    alpha: float
    beta: float
    deviation: float
    count: int
    mean: float
    spread: float

    def abnormal(self, actual: float, market: float) -> float:
        """Return beyond what the market explains."""
        return float(actual - self.alpha - self.beta * market)

    def error(self, market: float) -> float:
        """Standard error of an abnormal return outside the window, the error of the estimates included."""
        scale = 1 + 1 / self.count + (market - self.mean) ** 2 / self.spread
        return self.deviation * math.sqrt(scale)


def fitted_market_model(returns: Array, market: Array) -> MarketModel | None:
    """Least squares of a security's returns on the market's.

    Parameters
    ----------
    returns, market : ndarray, shape (sessions,)
        Of the estimation window, NaN where unknown.

    Returns
    -------
    MarketModel or None
        None if less than four fifths of the window is known.

    Notes
    -----
    MacKinlay, "Event Studies in Economics and Finance", Journal of Economic Literature 1997; Campbell, Lo and
    MacKinlay (1997), chapter 4.
    """
    known = np.isfinite(returns) & np.isfinite(market)
    count = int(known.sum())
    if count < max(10, ESTIMATION_SHARE * len(returns)):
        return None
    x, y = market[known], returns[known]
    mean = float(x.mean())
    spread = float(((x - mean) ** 2).sum())
    if spread <= 0:
        return None
    beta = float(((x - mean) * y).sum() / spread)
    alpha = float(y.mean()) - beta * mean
    residual = y - alpha - beta * x
    deviation = math.sqrt(float((residual**2).sum()) / (count - 2))
    return MarketModel(alpha, beta, deviation, count, mean, spread)


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
    return model.abnormal(portfolio[-1], market[-1]), model.error(market[-1])


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
