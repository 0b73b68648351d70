"""What factors explain of a return: the factors that a market supplies, and a regression on them.

References
----------
.. [1] Newey and West (1987, 1994).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from backtests.analysis.attribution import symbol_returns
from backtests.engine.rules import simple_interest
from datafeeds.calendars import SESSIONS_A_YEAR
from datafeeds.market import Array, Dates, Market
from datafeeds.series import series_names, series_table

FAMA_FRENCH = ("mkt_rf", "smb", "hml", "rmw", "cma", "mom")
"""Series that are taken as Fama-French factors: daily returns in percent, as in the French data library."""

RISK_FREE = ("rf", "us3m", "us1m")
"""Series that say what the market factor is above: its authors' own, daily in percent, or a bill's yield."""

FACTOR_GROUP = "factor"


@dataclass(frozen=True, eq=False)
class Factors:
    """Daily returns of the factors that a market supplies.

    Attributes
    ----------
    kind : {"series", "funds", "funds above index", "none"}
        Fama-French series; funds of the group ``"factor"`` above cash; an index above cash and the funds less
        the index, so that each adds to what the index explains.
    returns : mapping of str to ndarray, shape (sessions - 1,)
        NaN where a factor is unknown.
    cash : ndarray, shape (sessions - 1,)
        What is to be taken off a portfolio's returns: the rate that the factors are above.
    above : str
        Series that it comes from; empty for the run's own cash.
    index : str
        Symbol of the index, or empty.
    """

    kind: Literal["series", "funds", "funds above index", "none"]
    returns: Mapping[str, Array]
    cash: Array
    above: str = ""
    index: str = ""


def factors_of(market: Market, sessions: Dates, cash: Array) -> Factors:
    """The factors that `market` supplies on `sessions`.

    Parameters
    ----------
    market : Market
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : ndarray, shape (sessions - 1,)
        Return of cash in each session after the first.
    """
    have = series_names(market)
    if "mkt_rf" in have:
        names = [name for name in FAMA_FRENCH if name in have]
        returns = {name: _daily(market, sessions, name) for name in names}
        above = next((name for name in RISK_FREE if name in have), "")
        if above == "rf":
            return Factors("series", returns, _daily(market, sessions, above), above)
        return Factors("series", returns, _bill(market, sessions, above) if above else cash, above)
    table = market.instruments
    funds = list(dict.fromkeys(table.loc[table["group"] == FACTOR_GROUP, "symbol"]))
    if not funds:
        return Factors("none", {}, cash)
    returns = dict(zip(funds, symbol_returns(market, sessions, funds).T, strict=True))
    indices = [symbol for symbol, kind in zip(market.symbols, market.kinds, strict=True) if kind == "index"]
    if not indices:
        return Factors("funds", {fund: values - cash for fund, values in returns.items()}, cash)
    index = symbol_returns(market, sessions, indices[:1])[:, 0]
    over = {fund: values - index for fund, values in returns.items()}
    return Factors("funds above index", {indices[0]: index - cash} | over, cash, index=indices[0])


def _bill(market: Market, sessions: Dates, name: str) -> Array:
    """Return of a bill in each session after the first, from its yearly yield in percent, actual/365."""
    known = series_table(market, name).at_close(sessions[:-1], stale_days=None)
    return simple_interest(known / 100.0, sessions)


def _daily(market: Market, sessions: Dates, name: str) -> Array:
    """A factor's returns on the sessions after the first; NaN where it has none."""
    rows = market.series[market.series["series"] == name]
    values = pd.Series(rows["value"].to_numpy(dtype=np.float64), index=rows["date"].to_numpy())
    days = pd.DatetimeIndex(sessions[1:])
    return np.asarray(values[~values.index.duplicated(keep="last")].reindex(days) / 100.0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class FactorRegression:
    """Ordinary least squares of returns on factors, with errors robust to autocorrelation [1]_.

    Arrays of shape (factors + 1,), the intercept (alpha) first.

    Attributes
    ----------
    names : tuple of str
        ``"alpha"``, then the factors.
    coefficients, errors, t_values, p_values : ndarray
        Alpha is per period.
    alpha_a_year : float
        Alpha x periods a year.
    r_squared, adjusted_r_squared : float
    lags : int
        Newey-West lags.
    observations : int
        Periods in which everything was known.
    dropped : int
        Periods in which something was missing.
    """

    names: tuple[str, ...]
    coefficients: Array
    errors: Array
    t_values: Array
    p_values: Array
    alpha_a_year: float
    r_squared: float
    adjusted_r_squared: float
    lags: int
    observations: int
    dropped: int

    def table(self) -> pd.DataFrame:
        """One row a coefficient: estimate, standard error, t and p value."""
        return pd.DataFrame(
            {
                "coefficient": self.coefficients,
                "error": self.errors,
                "t": self.t_values,
                "p": self.p_values,
            },
            index=pd.Index(self.names, name="factor"),
        )


def newey_west_lags(observations: int) -> int:
    """Lags by the usual rule, ``floor(4 (n / 100)^(2/9))``."""
    return math.floor(4.0 * math.pow(observations / 100, 2 / 9))


def newey_west(scores: Array, lags: int) -> Array:
    """Covariance of the sums of serially correlated rows, with the Bartlett kernel [1]_.

    Parameters
    ----------
    scores : ndarray, shape (periods, terms)
        Of a regression: each period's causes times what it left unexplained.
    lags : int

    Returns
    -------
    ndarray, shape (terms, terms)
    """
    found: Array = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        found += (1.0 - lag / (lags + 1)) * (cross + cross.T)
    return found


def factor_regression(
    returns: Array,
    factors: Mapping[str, Array],
    *,
    cash: Array | float = 0.0,
    lags: int | None = None,
    periods_a_year: float = SESSIONS_A_YEAR,
) -> FactorRegression:
    """Regress a portfolio's returns above cash on factor returns.

    Parameters
    ----------
    returns : ndarray, shape (periods,)
    factors : mapping of str to ndarray, shape (periods,)
        Returns of each factor; a long-only factor must already be above cash or another leg.
    cash : ndarray, shape (periods,), or float
        Return of cash, taken off `returns`.
    lags : int, optional
        Newey-West lags; `newey_west_lags` if not given.
    periods_a_year : float
        For alpha a year.

    Returns
    -------
    FactorRegression
        Ordinary least squares; errors after Newey and West (Bartlett kernel, small-sample correction),
        p-values of the normal distribution. The tests hold it to statsmodels, which takes too long to import.

    Raises
    ------
    ValueError
        Without factors, with fewer observations than three times the coefficients, or with factors that are
        constant or add up to one another.
    """
    if not factors:
        raise ValueError("a factor regression needs at least one factor")
    explained = np.asarray(returns - cash, dtype=np.float64)
    design = np.column_stack([np.ones(len(explained)), *factors.values()])
    whole = np.isfinite(explained) & np.isfinite(design).all(axis=1)
    explained, design = explained[whole], design[whole]
    names = ("alpha", *factors)
    if len(explained) < 3 * len(names):
        raise ValueError(f"{len(names) - 1} factors need {3 * len(names)} observations, got {len(explained)}")
    scale = design.std(axis=0)
    scale[0] = 1.0
    if (scale == 0).any() or np.linalg.matrix_rank(design / scale) < len(names):
        raise ValueError(f"factors {', '.join(factors)} are constant or add up to one another; leave one out")
    used = newey_west_lags(len(explained)) if lags is None else lags
    coefficients = np.asarray(np.linalg.lstsq(design, explained, rcond=None)[0], dtype=np.float64)
    left = explained - design @ coefficients
    free = len(explained) - len(names)
    bread = np.linalg.inv(design.T @ design)
    covariance = bread @ newey_west(design * left[:, None], used) @ bread * len(explained) / free
    errors = np.sqrt(np.diag(covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        t_values = coefficients / errors
    varied = float(np.square(explained - explained.mean()).sum())
    unexplained = float(left @ left) / varied if varied else math.nan
    return FactorRegression(
        names=names,
        coefficients=coefficients,
        errors=errors,
        t_values=t_values,
        p_values=np.array([math.erfc(abs(t) / math.sqrt(2.0)) for t in t_values]),
        alpha_a_year=float(coefficients[0]) * periods_a_year,
        r_squared=1.0 - unexplained,
        adjusted_r_squared=1.0 - unexplained * (len(explained) - 1) / free,
        lags=used,
        observations=len(explained),
        dropped=int((~whole).sum()),
    )
