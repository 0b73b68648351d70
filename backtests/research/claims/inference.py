"""Estimates whose errors hold for overlapping windows, persistent conditions and correlated days."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from backtests.analysis.factors import newey_west
from datafeeds.market import Array

LEAST = 24
"""Fewest observations from which anything is concluded."""

DRAWS = 499
"""Histories without a relation that are drawn."""


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
        Newey-West lags: twice the overlap of neighbouring windows where they overlap.

    Returns
    -------
    list of Estimate
        `NOTHING` for each with fewer than `LEAST` rows.

    Notes
    -----
    Newey and West (1987), Bartlett kernel with small-sample correction and Student's t. The tests hold it to
    statsmodels.
    """
    design = np.column_stack([np.ones(len(response)), *causes])
    whole = np.isfinite(response) & np.isfinite(design).all(axis=1)
    y, x = response[whole], design[whole]
    if len(y) < max(LEAST, 3 * x.shape[1]) or np.linalg.matrix_rank(x) < x.shape[1]:
        return [Estimate(math.nan, math.nan, math.nan, math.nan, len(y)) for _ in causes]
    return _estimates(y, x, lags)[1:]


def slope(response: Array, cause: Array, lags: int) -> Estimate:
    """Coefficient of one cause; see `regression`."""
    return regression(response, [cause], lags)[0]


def mean(values: Array, lags: int) -> Estimate:
    """Mean with a Newey-West interval; see `regression`."""
    known = values[np.isfinite(values)]
    if len(known) < LEAST or known.std() < 1e-15:
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(known))
    return _estimates(known, np.ones((len(known), 1)), lags)[0]


def _estimates(y: Array, x: Array, lags: int) -> list[Estimate]:
    count, free = len(y), len(y) - x.shape[1]
    inverse = np.linalg.pinv(x)
    values, bread = inverse @ y, inverse @ inverse.T
    covariance = bread @ newey_west(x * (y - x @ values)[:, None], lags) @ bread.T * (count / free)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(np.diag(covariance))
        p_values = 2 * student.sf(np.abs(values / errors), free)
    margins = student.ppf(0.975, free) * errors
    return [
        Estimate(float(value), float(value - margin), float(value + margin), float(p_value), count)
        for value, margin, p_value in zip(values, margins, p_values, strict=True)
    ]


def ahead(returns: Array, condition: Array, horizon: int, lags: int = 5) -> Estimate:
    """What a condition says about the sum of the next `horizon` returns, per unit of it.

    Parameters
    ----------
    returns : ndarray, shape (n,)
        Of each period, NaN where unknown.
    condition : ndarray, shape (n,)
        As known at the end of each period; 0 and 1 for a state, which gives the difference of the sums after
        periods with and without it.
    horizon : int
        Periods.
    lags : int
        For what correlation the returns themselves have.

    Notes
    -----
    Instead of overlapping sums on the condition, the next single return on the condition's mean over the last
    `horizon` periods, times `horizon`. The two have the same numerator, but here no errors overlap, so that
    the test keeps its size where the sums' does not (Hodrick, Review of Financial Studies 1992, 1B). Every
    period takes part: nothing hangs on where windows begin.
    """
    return slope(_next(returns), trailing_mean(condition, horizon), lags).times(horizon)


def foretold(
    returns: Array,
    predictor: Array,
    horizon: int,
    rule: Callable[[Array], Array] = lambda path: path,
    seed: int = 0,
) -> Estimate:
    """As `ahead`, for a predictor that the returns themselves move, such as a price over sales.

    Such a predictor makes the slope lean to one side where there is nothing to foretell (Stambaugh, Journal
    of Financial Economics 1999), the more so the longer it remembers. So the whole is repeated on histories
    without a relation, in which the predictor's changes are drawn together with the returns of the same
    period. How long it remembers is hard to tell from one history, so it is done twice: as estimated, and as
    a random walk, which is what a price is if nothing foretells it. The weaker of the two findings counts.

    Parameters
    ----------
    returns, predictor : ndarray, shape (n,)
        The periods at which both are known; gaps are left out.
    horizon : int
    rule : callable
        From paths of the predictor, shape (paths, n), to the condition.
    seed : int

    Returns
    -------
    Estimate
        Less what the drawn histories have on average; the interval and the p-value are those of the
        histories.

    Notes
    -----
    Bootstrap of Goyal and Welch, Review of Financial Studies 2008.
    """
    known = np.isfinite(returns) & np.isfinite(predictor)
    r, x = returns[known], predictor[known]
    if len(r) < LEAST + horizon or x.std() < 1e-15:
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(r))
    (found,), (error,) = _slopes(r[None, :], rule(x[None, :]), horizon)
    if math.isnan(found):
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(r))
    generator = np.random.default_rng(seed)
    past, present = x[:-1] - x[:-1].mean(), x[1:] - x[1:].mean()
    estimated = float(past @ present / (past @ past))
    # The estimate is too low by this much (Kendall, Biometrika 1954).
    estimated = min(estimated + (1 + 3 * estimated) / len(x), 1.0)
    findings = []
    for memory in (estimated, 1.0):
        shocks, moves = x[1:] - memory * x[:-1], r[1:]
        drawn = generator.integers(0, len(shocks), size=(DRAWS, len(r)))
        paths = lfilter([1.0], [1.0, -memory], (shocks - shocks.mean())[drawn], axis=1)
        slopes, errors = _slopes((moves - moves.mean())[drawn], rule(paths), horizon)
        ratios = slopes / errors
        findings.append(against(float(found / error), ratios[np.isfinite(ratios)], len(r)))
    return max(findings, key=lambda finding: finding.p_value).times(float(error) * horizon)


def against(found: float, without: Array, count: int) -> Estimate:
    """A number against those of histories without the relation, less what these have on average.

    Their spread gives the interval and the p-value, as if they were normal: to count how many lie beyond
    would take thousands of them to reach the level that some thirty claims ask for.
    """
    value, spread = found - float(without.mean()), float(without.std(ddof=1))
    if not spread > 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, count)
    margin = float(norm.ppf(0.975)) * spread
    return Estimate(value, value - margin, value + margin, float(2 * norm.sf(abs(value) / spread)), count)


def _slopes(returns: Array, condition: Array, horizon: int) -> tuple[Array, Array]:
    """Slope of the next return on the condition's trailing mean, and its error, path by path.

    NaN where the condition never varies. The errors are those of least squares: single returns don't overlap.
    """
    sums = np.cumsum(np.nan_to_num(condition), axis=1)
    unknown = np.cumsum(~np.isfinite(condition), axis=1)
    whole = unknown[:, horizon:-1] == unknown[:, : -horizon - 1]
    count = np.maximum(whole.sum(axis=1, keepdims=True), 1)

    def centred(values: Array) -> Array:
        means = np.where(whole, values, 0.0).sum(axis=1, keepdims=True) / count
        return np.where(whole, values - means, 0.0)

    cause = centred((sums[:, horizon:-1] - sums[:, : -horizon - 1]) / horizon)
    effect = centred(returns[:, horizon + 1 :])
    spread = (cause**2).sum(axis=1)
    varies = spread > 1e-9
    slopes = np.where(varies, (cause * effect).sum(axis=1) / np.where(varies, spread, 1.0), np.nan)
    residual = ((effect - slopes[:, None] * cause) ** 2).sum(axis=1) / np.maximum(count[:, 0] - 2, 1)
    return slopes, np.sqrt(residual / np.where(varies, spread, np.nan))


def shifted(outcomes: Array, when: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> Estimate:
    """Mean of `outcomes` where `when` holds less the mean where it does not, against shifts of the calendar.

    Both may be as persistent as they like, and windows may overlap: the condition is moved round the calendar
    against the outcomes, which keeps what each is in itself (a circular block permutation, as in Politis and
    Romano 1992).

    Parameters
    ----------
    outcomes : ndarray, shape (n,)
    when : ndarray of bool, shape (n,)
    known : ndarray of bool, shape (n,)
        Where the condition is known; rows without an outcome are left out too.
    """
    rows = known & np.isfinite(outcomes)
    y, state = outcomes[rows], when[rows].astype(float)
    count, on = len(y), float(state.sum())
    if count < LEAST or not 0 < on < count:
        return Estimate(math.nan, math.nan, math.nan, math.nan, count)
    # Sums over all shifts at once: a circular correlation.
    sums = np.fft.irfft(np.fft.rfft(y) * np.conj(np.fft.rfft(state)), count)
    differences = sums / on - (y.sum() - sums) / (count - on)
    return against(float(differences[0]), differences[1:], count)


def after(returns: Array, days: npt.NDArray[np.bool_], horizon: int) -> Estimate:
    """Sum of the `horizon` returns after some days, less that after other days; see `shifted`."""
    sums = np.full(len(returns), np.nan)
    sums[: len(returns) - horizon] = horizon * trailing_mean(returns, horizon)[horizon:]
    return shifted(sums, days, np.ones(len(days), dtype=bool))


def trailing_mean(values: Array, periods: int) -> Array:
    """Mean of the last `periods` values at each place; NaN where one of them is unknown."""
    sums = np.cumsum(np.concatenate([[0.0], np.nan_to_num(values)]))
    gaps = np.cumsum(np.concatenate([[0], ~np.isfinite(values)]))
    result = np.full(len(values), np.nan)
    whole = gaps[periods:] == gaps[:-periods]
    result[periods - 1 :] = np.where(whole, (sums[periods:] - sums[:-periods]) / periods, np.nan)
    return result


def _next(values: Array) -> Array:
    return np.append(values[1:], np.nan)


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
