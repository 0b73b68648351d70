"""How good a business is: pricing power, and what a bank's margin and deposits are worth."""

from __future__ import annotations

import numpy as np

from strategies.signals.quarters import KNOWN_SHARE, Array


def median(values: Array) -> float:
    """Median of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def pricing_power(margins: Array) -> Array:
    """Which companies hold a high gross margin steadily.

    Pricing power = mean gross margin over the window at or above the sector's median, and its coefficient of
    variation (standard deviation / mean) at or below the sector's median.

    Parameters
    ----------
    margins : ndarray, shape (quarters, companies)
        Gross margin of the companies of one sector, a row each quarter, NaN where unknown.

    Returns
    -------
    ndarray, shape (companies,)
        1 where a company has pricing power, 0 where it does not, NaN where more than a fifth of its quarters
        is unknown. The medians are those of the known companies.
    """
    level, variation = _level_and_variation(margins)
    strong = (level >= median(level)) & (variation <= median(variation))
    return np.where(np.isnan(level), np.nan, strong)


def steadiness(margins: Array) -> Array:
    """Which companies hold a positive margin steadily: coefficient of variation at or below the median.

    Parameters
    ----------
    margins : ndarray, shape (quarters, companies)
        As for `pricing_power`; that of a loss-maker is not steady.

    Returns
    -------
    ndarray, shape (companies,)
        1 or 0; NaN where more than a fifth of the quarters is unknown.
    """
    level, variation = _level_and_variation(margins)
    return np.where(np.isnan(level), np.nan, variation <= median(variation))


def _level_and_variation(margins: Array) -> tuple[Array, Array]:
    """Mean of each column of which enough is known, and standard deviation over it where it is positive."""
    known = ~np.isnan(margins)
    count = known.sum(axis=0)
    enough = count >= max(2, KNOWN_SHARE * len(margins))
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.where(enough, np.where(known, margins, 0.0).sum(axis=0) / count, np.nan)
        spread = np.where(known, level - margins, 0.0) ** 2
        variation = np.where(level > 0, np.sqrt(spread.sum(axis=0) / (count - 1)) / level, np.nan)
    return level, variation


def expense_beta(expense_rate: Array, policy_rate: Array, lags: int = 3) -> float:
    """How much of a change of the policy rate reaches a bank's interest expense within a year.

    Sum of the coefficients of the quarterly change of `expense_rate` on the policy rate's change of that
    quarter and of the `lags` before (ordinary least squares with a constant). The same on interest income
    gives the income beta; a bank with both alike is hedged.

    Parameters
    ----------
    expense_rate, policy_rate : ndarray, shape (quarters,)
        In the same unit.
    lags : int

    Returns
    -------
    float
        NaN with fewer than three quarters for each coefficient, or where the policy rate did not move.

    Notes
    -----
    Drechsler, Savov and Schnabl, "Banking on Deposits", Journal of Finance 2021, equation 14.
    """
    passed, policy = np.diff(expense_rate)[lags:], np.diff(policy_rate)
    lagged = [policy[lags - lag : len(policy) - lag] for lag in range(lags + 1)]
    table = np.column_stack([passed, *lagged])
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 3 * (lags + 2):
        return float("nan")
    causes = np.column_stack([np.ones(len(table)), table[:, 1:]])
    coefficients, _, rank, _ = np.linalg.lstsq(causes, table[:, 0], rcond=None)
    return float(coefficients[1:].sum()) if rank == causes.shape[1] else float("nan")


def matching_score(traits: Array) -> Array:
    """How well each bank's liabilities match its assets: mean z-score of the traits that are known.

    Parameters
    ----------
    traits : ndarray, shape (banks, traits)
        Each signed so that more is better: -|income beta - expense beta|, -deposit beta,
        -unrealised loss / tangible equity, -|one-year gap|. NaN where unknown.

    Returns
    -------
    ndarray, shape (banks,)
        NaN for a bank of which no trait is known. A trait known of fewer than three banks, or the same for
        all, is passed over.
    """
    known = ~np.isnan(traits)
    count = known.sum(axis=0)
    traits, known, count = (part[..., count >= 3] for part in (traits, known, count))
    mean = np.where(known, traits, 0.0).sum(axis=0) / count
    away = np.where(known, traits - mean, 0.0)
    spread = np.sqrt((away**2).sum(axis=0) / (count - 1))
    varies = spread > 0
    scores = away[:, varies] / spread[varies]
    of = known[:, varies].sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(of > 0, scores.sum(axis=1) / of, np.nan)
