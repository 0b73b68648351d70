"""Return and risk by calendar period and over trailing sessions, as pandas computes them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from backtests.analysis.performance import NOISE, period_closes
from backtests.engine.books import returns_of
from datafeeds.calendars import SESSIONS_A_YEAR
from datafeeds.market import Array, Dates


def period_returns(equity: Array, sessions: Dates, period: Literal["M", "Y"]) -> pd.Series[float]:
    """Compound return of each calendar month or year; the first and last may be part of one.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
        The first value is the base of the first period.
    sessions : ndarray of datetime64[D], shape (sessions,)
    period : {"M", "Y"}

    Returns
    -------
    Series
        Indexed by the first day of each calendar period that has a session after the first one.
    """
    closes = period_closes(sessions, period)
    days = sessions[closes[1:]].astype(f"datetime64[{period}]").astype("datetime64[s]")
    return pd.Series(returns_of(equity[closes]), index=pd.DatetimeIndex(days), name="return")


def three_year_deviation(equity: Array, sessions: Dates) -> pd.Series[float]:
    """Standard deviation a year of the trailing 36 monthly returns, at the end of each calendar year.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
    sessions : ndarray of datetime64[D], shape (sessions,)

    Returns
    -------
    Series
        Indexed by the first day of each calendar year; NaN while there are fewer than 36 whole months. By
        n - 1, times the root of 12. A month of which the run has only the end is left out.
    """
    months = period_returns(equity, sessions, "M")
    if len(months) and sessions[0].astype("datetime64[M]") == months.index.to_numpy()[0].astype(
        "datetime64[M]"
    ):
        months = months.iloc[1:]
    deviation = months.rolling(36).std() * np.sqrt(12.0)
    years = pd.DatetimeIndex(period_returns(equity, sessions, "Y").index)
    last = deviation.groupby(pd.DatetimeIndex(deviation.index).year).last()
    found = last.reindex(years.year).to_numpy(dtype=np.float64)
    return pd.Series(found, index=years, name="three-year deviation")


def rolling_volatility(returns: Array, window: int, sessions_a_year: float = SESSIONS_A_YEAR) -> Array:
    """Volatility a year over the trailing `window` sessions, NaN before the first whole window."""
    deviation = pd.Series(returns).rolling(window).std().to_numpy()
    return np.asarray(deviation * np.sqrt(sessions_a_year), dtype=np.float64)


def rolling_sharpe(
    returns: Array, cash: Array, window: int, sessions_a_year: float = SESSIONS_A_YEAR
) -> Array:
    """Sharpe ratio over the trailing `window` sessions, NaN where returns don't vary."""
    rolling = pd.Series(returns - cash).rolling(window)
    deviation = rolling.std()
    ratio = rolling.mean() / deviation.where(deviation > NOISE) * np.sqrt(sessions_a_year)
    return np.asarray(ratio.to_numpy(), dtype=np.float64)


def rolling_beta(returns: Array, benchmark: Array, window: int) -> Array:
    """Beta over the trailing `window` sessions, NaN where the benchmark does not vary."""
    theirs = pd.Series(benchmark)
    variance = theirs.rolling(window).var()
    beta = pd.Series(returns).rolling(window).cov(theirs) / variance.where(variance > NOISE**2)
    return np.asarray(beta.to_numpy(), dtype=np.float64)


def rolling_excess(returns: Array, benchmark: Array, window: int) -> Array:
    """Compound return over the trailing `window` sessions less the benchmark's, NaN before the first."""
    growth = pd.DataFrame({"ours": np.log1p(returns), "theirs": np.log1p(benchmark)}).rolling(window).sum()
    excess = np.expm1(growth["ours"]) - np.expm1(growth["theirs"])
    return np.asarray(excess.to_numpy(), dtype=np.float64)
