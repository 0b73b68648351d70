"""Statistics of many return series at once, as `backtests.analysis.performance` defines them for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.analysis.performance import NOISE, SESSIONS_A_YEAR
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.settings.sweep import Metric
from datafeeds.market import Array, Dates

LOWER_IS_BETTER: frozenset[Metric] = frozenset({"volatility"})


@dataclass(frozen=True, eq=False)
class Measures:
    """Return and risk of each configuration, shape (configurations,); NaN where there is none.

    Attributes
    ----------
    total_return, cagr, volatility, sharpe, max_drawdown, excess_cagr, information_ratio : ndarray
        Fractions; the last two against the benchmark. Under a year `cagr` is NaN, `excess_cagr` the
        difference of the total returns, and ratios are not annualised unless asked for.
    """

    total_return: Array
    cagr: Array
    volatility: Array
    sharpe: Array
    max_drawdown: Array
    excess_cagr: Array
    information_ratio: Array

    def columns(self) -> Mapping[str, Array]:
        """Every statistic by name."""
        return dict(vars(self))


def measures(
    returns: Array,
    sessions: Dates,
    cash_rate: Array | float = 0.0,
    benchmark: Array | None = None,
    annual: bool | None = None,
) -> Measures:
    """Statistics of return series over the same sessions.

    Parameters
    ----------
    returns : ndarray, shape (configurations, n)
        Simple returns.
    sessions : ndarray of datetime64[D], shape (n + 1,)
        The session before the first return, then the session of each.
    cash_rate : float or ndarray, shape (configurations,)
        Yearly return of cash, actual/365.
    benchmark : ndarray, shape (n,) or (configurations, n), optional
        Returns to compare with; NaN statistics without it.
    annual : bool, optional
        Whether ratios and volatility are annualised; if they span a year, when not given.

    Returns
    -------
    Measures
    """
    long = spans_a_year(sessions)
    scale = np.sqrt(SESSIONS_A_YEAR if (long if annual is None else annual) else 1.0)
    days = np.diff(sessions).astype(np.float64)
    cash = np.asarray(cash_rate, dtype=np.float64)[..., None] * days / 365.0
    growth = np.asarray(np.cumprod(1.0 + returns, axis=1), dtype=np.float64)
    total = growth[:, -1] - 1.0
    cagr = _yearly(growth[:, -1], sessions) if long else np.full(len(returns), np.nan)
    highest = np.maximum.accumulate(np.maximum(growth, 1.0), axis=1)
    excess = ratio = np.full(len(returns), np.nan)
    if benchmark is not None:
        theirs = np.broadcast_to(benchmark, returns.shape)
        final = np.prod(1.0 + theirs, axis=1)
        excess = cagr - _yearly(final, sessions) if long else total - (final - 1.0)
        ratio = _ratio(returns - theirs) * scale
    return Measures(
        total_return=total,
        cagr=cagr,
        volatility=_deviation(returns) * scale,
        sharpe=_ratio(returns - cash, returns) * scale,
        max_drawdown=(growth / highest - 1.0).min(axis=1),
        excess_cagr=excess,
        information_ratio=ratio,
    )


def score(values: Array, metric: Metric) -> Array:
    """Values of a metric such that higher is better; what is unknown is worst."""
    signed = -values if metric in LOWER_IS_BETTER else values
    return np.where(np.isfinite(signed), signed, -np.inf)


def best_of(values: Array, metric: Metric) -> int:
    """Position of the best; the first of several."""
    return int(np.argmax(score(values, metric)))


def ranking(values: Array, metric: Metric) -> npt.NDArray[np.intp]:
    """Positions from best to worst; ties in their order."""
    return np.argsort(-score(values, metric), kind="stable")


def _yearly(growth: Array, sessions: Dates) -> Array:
    return np.asarray(growth ** (1.0 / span_in_years(sessions)) - 1.0, dtype=np.float64)


def _deviation(returns: Array) -> Array:
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    return np.asarray(returns.std(axis=1, ddof=1), dtype=np.float64)


def _ratio(excess: Array, returns: Array | None = None) -> Array:
    """Mean over standard deviation; NaN where returns only vary by rounding."""
    varies = (excess if returns is None else returns).std(axis=1) > NOISE
    deviation = _deviation(excess)
    ratio = np.full(len(excess), np.nan)
    np.divide(excess.mean(axis=1), deviation, out=ratio, where=varies & (deviation > 0.0))
    return ratio
