"""Could it be luck? Resampled intervals, Sharpe ratios that know how often one tried, and overfitting.

References
----------
.. [1] Politis and Romano (1994), "The Stationary Bootstrap"; block length after Politis and White (2004) with
   the correction of Patton, Politis and White (2009). The tests hold both to ``arch``, draw by draw; it takes
   longer to import than to draw.
.. [2] Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier".
.. [3] Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio".
.. [4] Bailey, Borwein, Lopez de Prado and Zhu (2017), "The Probability of Backtest Overfitting".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from backtests.analysis.performance import (
    NOISE,
    drawdown_series,
)
from backtests.analysis.registry import Form, metric
from backtests.analysis.span import sessions_a_year as counted
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.engine.books import returns_of
from backtests.engine.rules import simple_interest
from datafeeds.calendars import SESSIONS_A_YEAR

if TYPE_CHECKING:  # it takes time to import, which a metric's words do without
    from datafeeds.market import Array, Dates

Indices = npt.NDArray[np.int64]
BlockMethod = Literal["stationary", "circular"]
Statistic = Literal["sharpe", "growth_difference", "max_drawdown", "information_ratio"]

EULER_MASCHERONI = float(np.euler_gamma)
LEAST_RETURNS = 20
"""Fewer returns than this are not resampled: the autocorrelations that set the block length mean nothing."""

_NORMAL = NormalDist()


# --- Sharpe ratios --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """What the Sharpe formulas need to know about a series of returns.

    Attributes
    ----------
    count : int
        Number of returns.
    sharpe : float
        Mean / standard deviation (n - 1), per period, not annualised; NaN where the returns don't vary.
    skew : float
        Third standardised moment (population).
    kurtosis : float
        Fourth standardised moment (population); 3 for a normal distribution.
    """

    count: int
    sharpe: float
    skew: float
    kurtosis: float


def moments(returns: Array) -> Moments:
    """Sharpe ratio per period, skewness and kurtosis of `returns` (above cash), shape (periods,).

    Raises
    ------
    ValueError
        With fewer than two returns, or one that is not finite.
    """
    values = _finite(returns, "returns", least=2)
    deviation = float(values.std(ddof=1))
    if deviation <= NOISE:
        return Moments(len(values), math.nan, 0.0, 3.0)
    standard = (values - values.mean()) / values.std()
    return Moments(
        count=len(values),
        sharpe=float(values.mean()) / deviation,
        skew=float((standard**3).mean()),
        kurtosis=float((standard**4).mean()),
    )


def probabilistic_sharpe(
    sharpe: float, count: int, skew: float = 0.0, kurtosis: float = 3.0, threshold: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above `threshold` [2]_.

    Parameters
    ----------
    sharpe, threshold : float
        Per period, not annualised.
    count : int
        Number of returns behind `sharpe`.
    skew, kurtosis : float
        Of the returns; kurtosis is 3 for a normal distribution.

    Returns
    -------
    float
        NaN where `sharpe` is.

    Examples
    --------
    >>> round(probabilistic_sharpe(0.458, 24, skew=-2.448, kurtosis=10.164), 5)
    0.91336
    """
    deviation = math.sqrt(_sharpe_variance(sharpe, skew, kurtosis))
    return _cumulative((sharpe - threshold) * math.sqrt(count - 1) / deviation)


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Sharpe ratio that the best of `trials` worthless trials is expected to show [3]_.

    Parameters
    ----------
    trials : float
        Number of independent trials, at least 1; it need not be whole.
    variance : float
        Variance of the trials' Sharpe ratios, per period.

    Returns
    -------
    float
        Per period, never below 0. 0 for a single trial.

    Raises
    ------
    ValueError
        If `trials` is below one or `variance` is negative.
    """
    if not trials >= 1 or not variance >= 0:
        raise ValueError(f"need at least one trial and a variance of at least 0, got {trials} and {variance}")
    if trials == 1:
        return 0.0
    ordinary = _NORMAL.inv_cdf(1 - 1 / trials)
    extreme = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return max(0.0, math.sqrt(variance) * ((1 - EULER_MASCHERONI) * ordinary + EULER_MASCHERONI * extreme))


def minimum_track_record(
    sharpe: float, threshold: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0, confidence: float = 0.95
) -> float:
    """Count the returns needed before `sharpe` is above `threshold` with `confidence` [2]_.

    Parameters
    ----------
    sharpe, threshold : float
        Per period, not annualised.
    skew, kurtosis : float
        Of the returns; kurtosis is 3 for a normal distribution.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    float
        Infinite if `sharpe` is not above `threshold`: no length would do.
    """
    if math.isnan(sharpe) or sharpe <= threshold:
        return math.inf
    quantile = _NORMAL.inv_cdf(confidence)
    return 1 + _sharpe_variance(sharpe, skew, kurtosis) * (quantile / (sharpe - threshold)) ** 2


def _sharpe_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of the Sharpe estimator, times (count - 1) [2]_.

    Never below 0: kurtosis >= 1 + skew^2 for any distribution, but rounded inputs may break it slightly.
    """
    return max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 1e-12)


def _cumulative(value: float) -> float:
    return math.nan if math.isnan(value) else _NORMAL.cdf(value)


# --- Trials ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trials:
    """How often one tried, and what luck alone would then show.

    Attributes
    ----------
    recorded : int
        Configurations tried, the judged one included.
    effective : float
        How many independent ones they amount to; see `novelties`.
    hurdle : float
        Ratio per session that the best of so many worthless trials is expected to show. It never falls when
        a trial is added.
    measured : bool
        Whether the trials' own ratios set the hurdle; else what worthless ones vary by, `1 / (returns - 1)`.
    """

    recorded: int
    effective: float
    hurdle: float
    measured: bool


ONE_TRIAL = Trials(1, 1.0, 0.0, False)
"""A run that is taken as the only attempt."""

LEAST_KNOWN = 10
"""Independent trials from which on the variance of their ratios says something."""

COMPARED = 1_000
"""Earlier trials, the first ones, that a trial is compared with; more would take minutes."""

LEAST_COMMON = 20
"""Periods that two trials must share for their correlation to count."""


def trials_of(ratios: Array, sampling: float, returns: Array | None = None) -> Trials:
    """What the trials on record ask of the one that is judged.

    Parameters
    ----------
    ratios : ndarray, shape (trials,)
        Ratio per session of each trial in the order in which they were made, NaN where unknown.
    sampling : float
        Variance of the ratio of a worthless trial, ``1 / (returns - 1)``: the variance of the ratios is
        never taken to be less, however alike the trials are.
    returns : ndarray, shape (trials, periods), optional
        Returns of each over the same periods, NaN where unknown; without them all count as independent.

    Returns
    -------
    Trials

    Notes
    -----
    The hurdle is the highest that any beginning of the record asked for, so that more trials never help: nine
    trials that vary much are not made harmless by a tenth that is average.
    """
    if not len(ratios):
        return ONE_TRIAL
    new = np.ones(len(ratios)) if returns is None else novelties(returns)
    effective = np.maximum(np.cumsum(new), 1.0)
    known = np.isfinite(ratios)
    weight, value = np.where(known, new, 0.0), np.where(known, ratios, 0.0)
    total = np.maximum(np.cumsum(weight), NOISE)
    mean = np.cumsum(weight * value) / total
    variance = np.maximum(np.cumsum(weight * value**2) / total - mean**2, 0.0)
    variance *= total / np.maximum(total - 1.0, 1.0)
    measured = (total >= LEAST_KNOWN) & (variance > sampling)
    variance = np.where(measured, variance, sampling)
    hurdles = np.array(list(map(expected_maximum_sharpe, effective.tolist(), variance.tolist())))
    highest = int(hurdles.argmax())
    return Trials(len(ratios), float(effective[-1]), float(hurdles[highest]), bool(measured[highest]))


def judged_trials(
    sharpes: Array, weekly: Array, weeks: Dates, sessions: Dates, benchmark: Array | None
) -> Trials:
    """What recorded trials ask of a run: of its lead, or without a benchmark of its Sharpe ratio.

    Parameters
    ----------
    sharpes : ndarray, shape (trials,)
        Sharpe ratio per session of each trial, in the order in which they were made; NaN where unknown.
    weekly, weeks
        As for `weekly_leads`.
    sessions : ndarray of datetime64[D], shape (sessions,)
        Of the run.
    benchmark : ndarray, shape (sessions,), optional
        Equity of its first benchmark.
    """
    sampling = 1.0 / max(len(sessions) - 2, 1)
    if benchmark is None:
        return trials_of(sharpes, sampling, weekly)
    ratios, leads = weekly_leads(weekly, weeks, benchmark, sessions)
    return trials_of(ratios, sampling, leads)


def novelties(returns: Array) -> Array:
    """How new each trial was: 1 - the square of its highest correlation with an earlier one.

    Parameters
    ----------
    returns : ndarray, shape (trials, periods)
        NaN where unknown.

    Returns
    -------
    ndarray, shape (trials,)
        1 for the first, for one that runs against the others and for one whose correlation is not known; 0
        for one that was there already. Adding a trial changes nothing for those before it.
    """
    known = np.isfinite(returns)
    filled = np.where(known, returns, 0.0)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    mask, squares = known.astype(np.float64), centred**2
    new = np.ones(len(returns))
    for start in range(1, len(returns), COMPARED):
        rows = slice(start, min(start + COMPARED, len(returns)))
        earlier = slice(0, min(rows.stop, COMPARED))
        scale = np.sqrt((squares[rows] @ mask[earlier].T) * (mask[rows] @ squares[earlier].T))
        common = mask[rows] @ mask[earlier].T
        product = centred[rows] @ centred[earlier].T
        alike = np.divide(
            product, scale, out=np.zeros_like(scale), where=(scale > NOISE**2) & (common >= LEAST_COMMON)
        )
        before = np.arange(earlier.stop)[None, :] < np.arange(rows.start, rows.stop)[:, None]
        new[rows] = 1.0 - np.clip(np.where(before, alike, 0.0).max(axis=1), 0.0, 1.0) ** 2
    return new


def weekly_leads(weekly: Array, weeks: Dates, benchmark: Array, sessions: Dates) -> tuple[Array, Array]:
    """Leads of recorded trials over a benchmark.

    Parameters
    ----------
    weekly : ndarray, shape (trials, weeks)
        Logarithmic return of each trial in each week, NaN where unknown.
    weeks : ndarray of datetime64[D], shape (weeks,)
        Fridays; a week is the seven days that end on it.
    benchmark : ndarray, shape (sessions,)
        Equity at each close.
    sessions : ndarray of datetime64[D], shape (sessions,)

    Returns
    -------
    ratios : ndarray, shape (trials,)
        Mean over deviation of the weekly leads, per session; NaN with fewer than `LEAST_COMMON` weeks.
    leads : ndarray, shape (trials, weeks)
        NaN where the benchmark is not known for the week.
    """
    place = np.searchsorted(weeks, sessions[1:])
    inside = place < len(weeks)
    growth = np.log(benchmark[1:] / benchmark[:-1])
    theirs = np.bincount(place[inside], weights=growth[inside], minlength=len(weeks))
    covered = np.bincount(place[inside], minlength=len(weeks)) > 0
    leads = np.where(covered, weekly - theirs, np.nan)
    count = np.isfinite(leads).sum(axis=1)
    enough = count >= LEAST_COMMON
    ratios = np.full(len(leads), np.nan)
    if enough.any():
        mean, spread = np.nanmean(leads[enough], axis=1), np.nanstd(leads[enough], axis=1, ddof=1)
        ratios[enough] = np.where(spread > NOISE, mean / np.maximum(spread, NOISE), np.nan)
    return ratios / math.sqrt(counted(sessions) / 52.0), leads


# --- Block bootstrap ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """A statistic and the range in which resampled histories put it.

    Attributes
    ----------
    statistic : {"sharpe", "growth_difference", "max_drawdown", "information_ratio"}
    benchmark : str
        Label of the benchmark for relative statistics, else empty.
    estimate : float
        On the history as it was.
    low, high : float
        Percentile interval.
    level : float
        Share of draws inside it, such as 0.95.
    above_zero : float
        Share of draws above zero.
    """

    statistic: Statistic
    benchmark: str
    estimate: float
    low: float
    high: float
    level: float
    above_zero: float


@dataclass(frozen=True)
class Bootstrap:
    """Intervals from resampling blocks of sessions, the same blocks for the strategy and every benchmark.

    Attributes
    ----------
    intervals : tuple of Interval
        Sharpe ratio and maximum drawdown of the strategy, then difference of growth and information ratio
        against each benchmark.
    block_length : float
        Average sessions a block.
    method : {"stationary", "circular"}
    draws, seed : int
    """

    intervals: tuple[Interval, ...]
    block_length: float
    method: BlockMethod
    draws: int
    seed: int

    def interval(self, statistic: Statistic, benchmark: str = "") -> Interval:
        """Look up the interval of one statistic.

        Raises
        ------
        KeyError
            If there is none for that statistic and benchmark.
        """
        for interval in self.intervals:
            if (interval.statistic, interval.benchmark) == (statistic, benchmark):
                return interval
        raise KeyError(f"no interval for {statistic!r} against {benchmark!r}")


def optimal_block_length(series: Array, method: BlockMethod = "stationary") -> float:
    """Longest of the block lengths that are optimal for the columns of `series` [1]_.

    Parameters
    ----------
    series : ndarray, shape (periods,) or (periods, columns)
        Columns that don't vary are left out.
    method : {"stationary", "circular"}

    Returns
    -------
    float
        At least 1.

    Raises
    ------
    ValueError
        With fewer than `LEAST_RETURNS` periods.
    """
    columns = series.reshape(len(series), -1)
    if len(columns) < LEAST_RETURNS:
        raise ValueError(f"a block length needs at least {LEAST_RETURNS} returns, got {len(columns)}")
    # The rule is free of scale but not of underflow: squared returns are tiny.
    lengths = [
        _optimal_block(column / spread, method)
        for column in columns.T
        if (spread := float(column.std())) > NOISE
    ]
    return max(1.0, *lengths) if lengths else 1.0


def _optimal_block(series: Array, method: BlockMethod) -> float:
    count = len(series)
    quiet = max(5, int(math.log10(count)))
    lags = math.ceil(math.sqrt(count)) + quiet
    centred = series - series.mean()
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    products = np.array([centred[lag:] @ centred[: count - lag] for lag in range(lags + 1)])
    skipped = np.arange(1, lags + 2)
    sizes = np.sqrt((squares[-1] - squares[skipped]) * squares[count - skipped])
    # From the first lag after which `quiet` autocorrelations in a row are none, twice as many count.
    none = np.abs(products) < 2.0 * math.sqrt(math.log10(count) / count) * sizes
    runs = (first for first in range(lags + 1 - quiet) if none[first : first + quiet].all())
    used = min(2 * max(next(runs, lags), 1), lags)
    lag = np.arange(1, used + 1)
    weighted = 2.0 * np.minimum(1.0, 2.0 * (1.0 - lag / used)) * products[1 : used + 1] / count
    spectrum = products[0] / count + weighted.sum()
    share = 2.0 if method == "stationary" else 4.0 / 3.0
    bend = float((lag * weighted).sum())
    length = (2.0 * bend**2 / (share * spectrum**2) * count) ** (1.0 / 3.0) if spectrum else math.inf
    return float(min(length, math.ceil(min(3.0 * math.sqrt(count), count / 3.0))))


def block_indices(
    count: int, block_length: float, draws: int, seed: int, method: BlockMethod = "stationary"
) -> Iterator[Indices]:
    """Resampled orders of `count` sessions: blocks of consecutive ones, the first following the last.

    Parameters
    ----------
    count : int
        Number of sessions.
    block_length : float
        Average block, of lengths drawn from the geometric distribution [1]_; with ``"circular"`` each block's
        length, rounded up.
    draws : int
    seed : int
    method : {"stationary", "circular"}

    Yields
    ------
    ndarray of int64, shape (count,)
    """
    random = np.random.default_rng(seed)
    places = np.arange(count)
    length = math.ceil(block_length)
    for _ in range(draws):
        if method == "stationary":
            starts = random.integers(count, size=count)
            begins = random.random(count) <= 1.0 / block_length
            begins[0] = True
            firsts = np.flatnonzero(begins)
            order = np.repeat(starts[firsts] - firsts, np.diff(firsts, append=count)) + places
        else:
            starts = random.integers(count, size=math.ceil(count / length))
            order = (starts[:, None] + np.arange(length)).ravel()[:count]
        order %= count
        yield order


def block_bootstrap(
    returns: Array,
    benchmarks: Mapping[str, Array],
    *,
    cash: Array | float = 0.0,
    years: float | None = None,
    sessions_a_year: float = SESSIONS_A_YEAR,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    block_length: float | None = None,
    method: BlockMethod = "stationary",
) -> Bootstrap:
    """Confidence intervals by resampling blocks of sessions jointly [1]_.

    Parameters
    ----------
    returns : ndarray, shape (periods,)
        The strategy's returns.
    benchmarks : mapping of str to ndarray, shape (periods,)
        Returns of each benchmark over the same periods.
    cash : ndarray, shape (periods,), or float
        Return of cash per period, for the Sharpe ratio.
    years : float, optional
        Years that the returns span, for growth a year; ``periods / sessions_a_year`` if not given. Pass 1 for
        growth over the whole span.
    sessions_a_year : float
        Scales Sharpe and information ratios by its root; 1 leaves them per period.
    draws : int
        Resampled histories.
    level : float
        Share of draws inside the interval.
    seed : int
    block_length : float, optional
        Average sessions a block. If not given, the longest of the lengths optimal for the strategy's returns,
        their squares (volatility clusters, and drawdowns hang on it) and the returns above each benchmark.
    method : {"stationary", "circular"}

    Returns
    -------
    Bootstrap
        Statistics that don't exist (no variation) are NaN.

    Raises
    ------
    ValueError
        If lengths differ, a return is not finite or is -100% or less, or there are too few.
    """
    ours = _growing(returns, "returns")
    theirs = {label: _growing(values, label) for label, values in benchmarks.items()}
    count = len(ours)
    for label, values in theirs.items():
        if len(values) != count:
            raise ValueError(f"{label!r} has {len(values)} returns, the strategy {count}")
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"need at least one draw and a level between 0 and 1, got {draws} and {level}")
    active = (
        np.column_stack([ours - values for values in theirs.values()]) if theirs else np.empty((count, 0))
    )
    if block_length is None:
        spread = ours - ours.mean()
        block_length = optimal_block_length(np.column_stack([ours, spread**2, active]), method)
    span = count / sessions_a_year if years is None else years
    growth = np.log1p(np.column_stack([ours, *theirs.values()]))
    ratios = np.column_stack([ours - cash, active])
    centre = ratios.mean(axis=0)
    features = np.hstack([growth, ratios - centre, (ratios - centre) ** 2])

    resampled = np.empty((draws, features.shape[1]))
    fall = np.empty(draws)
    path = np.ascontiguousarray(growth[:, 0])
    for draw, order in enumerate(block_indices(count, block_length, draws, seed, method)):
        # A sum over drawn sessions is the sum over all, each as often as it was drawn.
        resampled[draw] = np.bincount(order, minlength=count) @ features
        fall[draw] = _deepest(path[order])

    scale = math.sqrt(sessions_a_year)
    ratio_draws, rises = _from_sums(resampled, centre, count, scale, span)
    ratio_was, rises_were = _from_sums(features.sum(axis=0)[None, :], centre, count, scale, span)
    equity = np.concatenate([[1.0], np.cumprod(1 + ours)])

    def interval(statistic: Statistic, benchmark: str, estimate: float, values: Array) -> Interval:
        known = values[np.isfinite(values)] if math.isfinite(estimate) else np.empty(0)
        if not len(known):
            return Interval(statistic, benchmark, estimate, math.nan, math.nan, level, math.nan)
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
        return Interval(
            statistic, benchmark, estimate, float(low), float(high), level, float((known > 0).mean())
        )

    intervals = [
        interval("sharpe", "", float(ratio_was[0, 0]), ratio_draws[:, 0]),
        interval("max_drawdown", "", float(drawdown_series(equity).min()), fall),
    ]
    for place, label in enumerate(theirs, start=1):
        gain_was = float(rises_were[0, 0] - rises_were[0, place])
        gain = rises[:, 0] - rises[:, place]
        intervals += [
            interval("growth_difference", label, gain_was, gain),
            interval("information_ratio", label, float(ratio_was[0, place]), ratio_draws[:, place]),
        ]
    return Bootstrap(tuple(intervals), block_length, method, draws, seed)


def _from_sums(sums: Array, centre: Array, count: int, scale: float, years: float) -> tuple[Array, Array]:
    """Ratios (Sharpe, then information ratios) and growth a year from sums over the sessions of each draw."""
    series = len(centre)
    growth, first, second = sums[:, :series], sums[:, series : 2 * series], sums[:, 2 * series :]
    variance = np.maximum(second - first**2 / count, 0.0) / (count - 1)
    deviation = np.sqrt(variance)
    varies = deviation > NOISE
    mean = centre + first / count
    ratios = np.divide(mean, deviation, out=np.full(mean.shape, np.nan), where=varies) * scale
    return ratios, np.expm1(growth / years)


def _deepest(growth: Array) -> float:
    """Maximum drawdown of log returns."""
    path = np.cumsum(growth)
    path -= np.maximum.accumulate(np.maximum(path, 0.0))
    return math.expm1(path.min())


def _finite(values: Array, name: str, least: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"{name} must be at least {least} finite numbers in one dimension")
    return array


def _growing(values: Array, name: str) -> Array:
    array = _finite(values, name, least=LEAST_RETURNS)
    if (array <= -1).any():
        raise ValueError(f"{name}: a return of -100% or less leaves nothing to resample")
    return array


# --- Overfitting ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Overfitting:
    """Does choosing by backtest help? Combinatorially symmetric cross-validation [4]_.

    Attributes
    ----------
    probability : float
        Share of splits in which the best configuration of one half is at or below the median of the other.
    splits : int
    configurations : int
    logits : ndarray, shape (splits,)
        Log odds of its rank in the other half; above 0 is better than the median.
    chosen_in, chosen_out : ndarray, shape (splits,)
        Its Sharpe ratio per period in the half it was chosen on, and in the other.
    loss : float
        Share of splits in which it lost (Sharpe ratio below 0) in the other half.
    """

    probability: float
    splits: int
    configurations: int
    logits: Array
    chosen_in: Array
    chosen_out: Array
    loss: float


def overfitting_probability(trials: Array, blocks: int = 16) -> Overfitting:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation [4]_.

    Parameters
    ----------
    trials : ndarray, shape (periods, configurations)
        Returns of every configuration that was tried, over the same periods.
    blocks : int
        Even number of consecutive blocks; 16 gives 12,870 splits. Blocks differ by one period where
        `periods` is not a multiple.

    Returns
    -------
    Overfitting
        Sharpe ratio (n - 1) is the yardstick; a configuration that does not vary has 0.

    Raises
    ------
    ValueError
        With fewer than two configurations, an odd number of blocks, fewer than two periods a block, or a
        return that is not finite.
    """
    returns = np.asarray(trials, dtype=np.float64)
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError(
            "overfitting needs the returns of at least two configurations, (periods, configurations)"
        )
    if blocks < 2 or blocks % 2 or len(returns) < 2 * blocks:
        raise ValueError(
            f"need an even number of blocks of two periods or more, got {blocks} of {len(returns)}"
        )
    if not np.isfinite(returns).all():
        raise ValueError("every configuration needs a finite return in every period")
    centre = returns.mean(axis=0)
    offset = returns - centre
    starts = np.linspace(0, len(returns), blocks + 1).astype(int)[:-1]
    size = np.diff(np.append(starts, len(returns))).astype(np.float64)
    first, second = np.add.reduceat(offset, starts), np.add.reduceat(offset**2, starts)

    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    logits, chosen_in, chosen_out = (np.empty(len(halves)) for _ in range(3))
    step = max(1, 4_000_000 // returns.shape[1])
    for start in range(0, len(halves), step):
        rows = slice(start, start + step)
        known = _block_sharpes(inside[rows], size, first, second, centre)
        hidden = _block_sharpes(1.0 - inside[rows], size, first, second, centre)
        best = known.argmax(axis=1)[:, None]
        mine = np.take_along_axis(hidden, best, axis=1)
        rank = (hidden < mine).sum(axis=1) + ((hidden == mine).sum(axis=1) + 1) / 2
        share = rank / (returns.shape[1] + 1)
        logits[rows] = np.log(share / (1 - share))
        chosen_in[rows] = np.take_along_axis(known, best, axis=1)[:, 0]
        chosen_out[rows] = mine[:, 0]
    return Overfitting(
        probability=float((logits <= 0).mean()),
        splits=len(halves),
        configurations=returns.shape[1],
        logits=logits,
        chosen_in=chosen_in,
        chosen_out=chosen_out,
        loss=float((chosen_out < 0).mean()),
    )


def _block_sharpes(inside: Array, size: Array, first: Array, second: Array, centre: Array) -> Array:
    """Sharpe ratio of each configuration over the blocks marked in each row."""
    count = (inside @ size)[:, None]
    total = inside @ first
    variance = np.maximum(inside @ second - total**2 / count, 0.0) / (count - 1)
    deviation = np.sqrt(variance)
    mean = centre + total / count
    return np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > NOISE)


def spread_exceeds_noise(returns: Array, level: float = 0.95) -> bool:
    """Whether configurations differ by more than noise, so that speaking of a plateau means something.

    Parameters
    ----------
    returns : ndarray, shape (configurations, periods)
        Returns of each over the same periods.
    level : float

    Returns
    -------
    bool
        Whether the lead of the best by Sharpe ratio over the median configuration is further from zero than
        the best of so many equally good, independent ones would be by chance; see `trials_of`.
    """
    if len(returns) < 2:
        return False
    mean, deviation = returns.mean(axis=1), returns.std(axis=1, ddof=1)
    ratios = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > NOISE)
    order = np.argsort(ratios, kind="stable")
    found = moments(returns[order[-1]] - returns[order[len(order) // 2]])
    if math.isnan(found.sharpe):
        return False
    middle = returns[order[len(order) // 2]]
    independent = float(np.maximum(novelties(returns - middle).sum(), 1.0))
    hurdle = expected_maximum_sharpe(independent, 1.0 / (found.count - 1))
    return probabilistic_sharpe(found.sharpe, found.count, found.skew, found.kurtosis, hurdle) >= level


# --- All of it for one portfolio ------------------------------------------------------------------


@dataclass(frozen=True)
class Luck:
    """How likely it is that a series of returns is above zero by luck.

    Attributes
    ----------
    returns : Moments
    probabilistic : float
        Probability that the true ratio is above 0.
    deflated : float
        Probability that it is above the hurdle of the trials.
    least_sessions : float
        Returns needed for 95% confidence that it is above 0; infinite if none would do.
    """

    returns: Moments
    probabilistic: float
    deflated: float
    least_sessions: float

    def among(self, trials: Trials) -> Luck:
        """The same returns, as the best of `trials`."""
        return replace(self, deflated=_above(self.returns, trials.hurdle))


@dataclass(frozen=True)
class Significance:
    """How likely it is that a portfolio's lead over its benchmarks, or its own return, is luck.

    Attributes
    ----------
    benchmark : str
        Label of the first benchmark, empty without one.
    alone : Luck
        Of the session returns above cash: whether the portfolio earned anything, which most do.
    lead : Luck or None
        Of the session returns above the first benchmark's: whether it was worth the trouble.
    trials : Trials
    sessions_a_year : float
        Scale of the ratios; 1 where the span is under a year and nothing is annualised.
    years : float
        Calendar years of history.
    bootstrap : Bootstrap
    """

    benchmark: str
    alone: Luck
    lead: Luck | None
    trials: Trials
    sessions_a_year: float
    years: float
    bootstrap: Bootstrap

    def among(self, trials: Trials) -> Significance:
        """The same portfolio, as the best of `trials`."""
        lead = None if self.lead is None else self.lead.among(trials)
        return replace(self, alone=self.alone.among(trials), lead=lead, trials=trials)

    @property
    def judged(self) -> Luck:
        """The lead, or the portfolio alone where there is no benchmark."""
        return self.lead or self.alone

    @property
    def sharpe(self) -> float:
        """Sharpe ratio, a year where the span allows it."""
        return self.alone.returns.sharpe * math.sqrt(self.sessions_a_year)

    @property
    def is_clear(self) -> bool:
        """Whether luck is an unlikely explanation of the lead: by its interval and after every trial."""
        if self.lead is None:
            return self.alone.deflated >= CONFIDENT
        return self.bootstrap.interval("growth_difference", self.benchmark).low > 0 and (
            self.lead.deflated >= CONFIDENT
        )


CONFIDENT = 0.95
"""Probability from which on luck is called an unlikely explanation."""


def significance(
    equity: Array,
    benchmarks: Mapping[str, Array],
    sessions: Dates,
    *,
    cash: Array | float = 0.0,
    sessions_a_year: float | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Significance:
    """Every test of luck for one portfolio, as if it were the only trial; see `Significance.among`.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
        Equity at each close.
    benchmarks : mapping of str to ndarray, shape (sessions,)
        Equity of each benchmark, by label; the first is the one whose lead is judged.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : float or ndarray, shape (sessions - 1,)
        Yearly return of cash, actual/365, or its return in each session after the first, for the Sharpe
        ratio.
    sessions_a_year : float
        As for `performance`.
    draws, seed : int
    level : float
        Share of draws inside each interval.

    Returns
    -------
    Significance

    Raises
    ------
    ValueError
        If there are too few sessions, equity is not positive throughout, or lengths differ.
    """
    if not all((values > 0).all() for values in (equity, *benchmarks.values())):
        raise ValueError("equity must be positive throughout")
    annual = spans_a_year(sessions)
    scale = (sessions_a_year or counted(sessions)) if annual else 1.0
    returns = returns_of(equity)
    theirs = {label: returns_of(values) for label, values in benchmarks.items()}
    if not isinstance(cash, np.ndarray):
        cash = simple_interest(cash, sessions)
    first = next(iter(theirs), "")
    return Significance(
        benchmark=first,
        alone=_luck(returns - cash),
        lead=_luck(returns - theirs[first]) if theirs else None,
        trials=ONE_TRIAL,
        sessions_a_year=scale,
        years=span_in_years(sessions),
        bootstrap=block_bootstrap(
            returns,
            theirs,
            cash=cash,
            years=span_in_years(sessions) if annual else 1.0,
            sessions_a_year=scale,
            draws=draws,
            level=level,
            seed=seed,
        ),
    )


def _above(found: Moments, hurdle: float) -> float:
    """Probability that the true ratio of such returns is above `hurdle`."""
    return probabilistic_sharpe(found.sharpe, found.count, found.skew, found.kurtosis, hurdle)


def _luck(returns: Array) -> Luck:
    found = moments(returns)
    return Luck(
        returns=found,
        probabilistic=_above(found, 0.0),
        deflated=_above(found, ONE_TRIAL.hurdle),
        least_sessions=minimum_track_record(found.sharpe, 0.0, found.skew, found.kurtosis),
    )


# --- Metrics --------------------------------------------------------------------------------------


def _luck_metric(
    term: str, formula: str, source: str, form: Form
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return metric(term, formula, source, form=form, scope="luck", shown=())


@_luck_metric(
    "Probability that the lead is real",
    "Probability that the true information ratio over the first benchmark is above 0 (without a benchmark: "
    "the true Sharpe ratio), from the measured one, the number of returns, their skewness and kurtosis.",
    "Bailey and Lopez de Prado (2012), probabilistic Sharpe ratio",
    "percent",
)
def probabilistic_ratio(found: Significance) -> float:
    """Probability that the judged ratio is above zero."""
    return found.judged.probabilistic


@_luck_metric(
    "Trials on this market",
    "Different strategies, parameters, costs or dates ever run on this data, this one included, as kept in "
    "the register of trials. Running one again is no further trial.",
    "the register of trials",
    "integer",
)
def trials(found: Significance) -> int:
    """Configurations tried."""
    return found.trials.recorded


@_luck_metric(
    "Independent trials",
    "Sum over the trials, in the order in which they were made, of 1 - the square of the highest correlation "
    "of their weekly leads with those of an earlier one: a copy counts nothing, a new idea one.",
    "effective number of trials, after Lopez de Prado and Lewis (2019), by correlation",
    "number",
)
def independent_trials(found: Significance) -> float:
    """What the trials amount to."""
    return found.trials.effective


@_luck_metric(
    "Best ratio that luck gives",
    "Ratio that the best of so many independent, worthless trials is expected to show. The variance of their "
    "ratios is measured from ten independent ones on and never less than the sampling variance 1 / (returns "
    "- 1); the highest value that any beginning of the record asked for stands.",
    "Bailey and Lopez de Prado (2014)",
    "number",
)
def expected_maximum(found: Significance) -> float:
    """The hurdle, a year where the span allows it."""
    return found.trials.hurdle * math.sqrt(found.sessions_a_year)


@_luck_metric(
    "Probability after all trials",
    "Probability that the true ratio is above the best that luck gives: the deflated Sharpe ratio, of the "
    "lead over the first benchmark.",
    "Bailey and Lopez de Prado (2014), deflated Sharpe ratio",
    "percent",
)
def deflated_ratio(found: Significance) -> float:
    """Probability that the judged ratio is above the hurdle."""
    return found.judged.deflated


@_luck_metric(
    "Years of record needed",
    "Least length of record at which a ratio like this one is above 0 with 95% confidence.",
    "Bailey and Lopez de Prado (2012), minimum track record length",
    "number",
)
def least_years(found: Significance) -> float:
    """Length of record that the judged ratio needs."""
    return found.judged.least_sessions / found.judged.returns.count * found.years


@_luck_metric(
    "Probability of earning more than cash",
    "Probability that the true Sharpe ratio is above 0: a side remark, for any portfolio of stocks shows it "
    "in a rising market.",
    "Bailey and Lopez de Prado (2012), probabilistic Sharpe ratio",
    "percent",
)
def probabilistic_sharpe_alone(found: Significance) -> float:
    """Probability that the Sharpe ratio is above zero."""
    return found.alone.probabilistic
