"""How good a business is: pricing power, and what a bank's margin and deposits are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from strategies.signals.quarters import KNOWN_SHARE


def pricing_power(margins: pd.DataFrame) -> pd.Series[float]:
    """Which companies hold a high gross margin steadily.

    Pricing power = mean gross margin over the window at or above the sector's median, and its coefficient of
    variation (standard deviation / mean) at or below the sector's median.

    Parameters
    ----------
    margins : DataFrame, shape (quarters, symbols)
        Gross margin of the companies of one sector, a row each quarter, NaN where unknown.

    Returns
    -------
    Series
        1 where a company has pricing power, 0 where it does not, NaN where more than a fifth of its quarters
        is unknown. The medians are those of the known companies.
    """
    enough = margins.notna().sum() >= max(2, KNOWN_SHARE * len(margins))
    level = margins.mean().where(enough)
    variation = (margins.std(ddof=1) / level).where(level > 0)
    strong = (level >= level.median()) & (variation <= variation.median())
    return strong.astype(float).where(enough)


def steadiness(margins: pd.DataFrame) -> pd.Series[float]:
    """Which companies hold a positive margin steadily: coefficient of variation at or below the median.

    Parameters
    ----------
    margins : DataFrame, shape (quarters, symbols)
        As for `pricing_power`; that of a loss-maker is not steady.

    Returns
    -------
    Series
        1 or 0; NaN where more than a fifth of the quarters is unknown.
    """
    enough = margins.notna().sum() >= max(2, KNOWN_SHARE * len(margins))
    level = margins.mean().where(enough)
    variation = (margins.std(ddof=1) / level).where(level > 0)
    return (variation <= variation.median()).astype(float).where(enough)


def expense_beta(expense_rate: pd.Series[float], policy_rate: pd.Series[float], lags: int = 3) -> float:
    """How much of a change of the policy rate reaches a bank's interest expense within a year.

    Sum of the coefficients of the quarterly change of `expense_rate` on the policy rate's change of that
    quarter and of the `lags` before (ordinary least squares with a constant). The same on interest income
    gives the income beta; a bank with both alike is hedged.

    Parameters
    ----------
    expense_rate, policy_rate : Series
        A number each quarter, same index, in the same unit.
    lags : int

    Returns
    -------
    float
        NaN with fewer than three quarters for each coefficient, or where the policy rate did not move.

    Notes
    -----
    Drechsler, Savov and Schnabl, "Banking on Deposits", Journal of Finance 2021, equation 14.
    """
    changes = pd.concat(
        [expense_rate.diff(), *(policy_rate.diff().shift(lag) for lag in range(lags + 1))], axis=1
    ).dropna()
    table = changes.to_numpy(dtype=np.float64)
    if len(table) < 3 * (lags + 2):
        return float("nan")
    causes = np.column_stack([np.ones(len(table)), table[:, 1:]])
    if np.linalg.matrix_rank(causes) < causes.shape[1]:
        return float("nan")
    coefficients = np.linalg.lstsq(causes, table[:, 0], rcond=None)[0]
    return float(coefficients[1:].sum())


def matching_score(traits: pd.DataFrame) -> pd.Series[float]:
    """How well each bank's liabilities match its assets: mean z-score of the traits that are known.

    Parameters
    ----------
    traits : DataFrame, shape (banks, traits)
        Each signed so that more is better: -|income beta - expense beta|, -deposit beta,
        -unrealised loss / tangible equity, -|one-year gap|. NaN where unknown.

    Returns
    -------
    Series
        NaN for a bank of which no trait is known. A trait known of fewer than three banks, or the same for
        all, is passed over.
    """
    spread = traits.std(ddof=1)
    usable = traits.columns[(traits.notna().sum() >= 3).to_numpy() & (spread > 0).to_numpy()]
    kept = traits[usable]
    return ((kept - kept.mean()) / kept.std(ddof=1)).mean(axis=1).rename("matching score")
