"""Estimates with intervals that hold for overlapping windows and correlated days."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from statsmodels.regression.linear_model import OLS

from datafeeds.market import Array

LEAST = 24
"""Fewest observations from which anything is concluded."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval.

    Attributes
    ----------
    value, low, high : float
    p_value : float
        Two-sided, against zero.
    count : int
        Observations.
    """

    value: float
    low: float
    high: float
    p_value: float
    count: int

    def times(self, factor: float) -> Estimate:
        """The same in another unit; `factor` is positive."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.p_value, self.count)


NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 0)
"""No estimate: too few observations, or nothing varies."""


def regression(response: Array, causes: list[Array], lags: int) -> list[Estimate]:
    """Coefficients of a least-squares regression with a constant, which is left out of the result.

    Parameters
    ----------
    response : ndarray, shape (n,)
        Rows with NaN are left out.
    causes : list of ndarray, shape (n,)
    lags : int
        Newey-West lags: the overlap of neighbouring windows, at least.

    Returns
    -------
    list of Estimate
        `NOTHING` for each with fewer than `LEAST` rows.

    Notes
    -----
    Newey and West (1987), Bartlett kernel with small-sample correction and Student's t, by statsmodels.
    """
    design = np.column_stack([np.ones(len(response)), *causes])
    whole = np.isfinite(response) & np.isfinite(design).all(axis=1)
    y, x = response[whole], design[whole]
    if len(y) < max(LEAST, 3 * x.shape[1]) or np.linalg.matrix_rank(x) < x.shape[1]:
        return [Estimate(math.nan, math.nan, math.nan, math.nan, len(y)) for _ in causes]
    fit = OLS(y, x).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    bounds = np.asarray(fit.conf_int())
    return [
        Estimate(
            float(fit.params[i]), float(bounds[i, 0]), float(bounds[i, 1]), float(fit.pvalues[i]), len(y)
        )
        for i in range(1, x.shape[1])
    ]


def slope(response: Array, cause: Array, lags: int) -> Estimate:
    """Coefficient of one cause; see `regression`."""
    return regression(response, [cause], lags)[0]


def mean(values: Array, lags: int) -> Estimate:
    """Mean with a Newey-West interval; see `regression`."""
    known = values[np.isfinite(values)]
    if len(known) < LEAST or known.std() < 1e-15:
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(known))
    fit = OLS(known, np.ones(len(known))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    low, high = np.asarray(fit.conf_int())[0]
    return Estimate(float(fit.params[0]), float(low), float(high), float(fit.pvalues[0]), len(known))


def difference(
    values: Array, when: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], lags: int
) -> Estimate:
    """Mean where `when` holds less the mean where it does not, over the rows where `known`."""
    state = np.where(known, when.astype(float), np.nan)
    return slope(values, state, lags)


def rank_correlations(scores: Array, outcomes: Array, least: int = 5) -> Array:
    """Spearman correlation of each row's scores and outcomes: an information coefficient a date.

    Parameters
    ----------
    scores, outcomes : ndarray, shape (dates, symbols)
    least : int
        Symbols that must be known in a row.

    Returns
    -------
    ndarray, shape (dates,)
        NaN where too few are known or all are alike. Their mean over dates is judged as Fama and MacBeth
        (1973) judge theirs.
    """
    result = np.full(len(scores), np.nan)
    for row, (score, outcome) in enumerate(zip(scores, outcomes, strict=True)):
        known = np.isfinite(score) & np.isfinite(outcome)
        if known.sum() < least:
            continue
        ranks = rankdata(score[known]), rankdata(outcome[known])
        if ranks[0].std() > 0 and ranks[1].std() > 0:
            result[row] = np.corrcoef(*ranks)[0, 1]
    return result
