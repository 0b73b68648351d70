"""Return and risk of a portfolio, alone and against a benchmark: pure functions on equity and returns.

Most formulas are empyrical's. They stand here because it takes half a second to import, a sixth of a run; the
tests hold them to it. Where a span is under a year nothing is annualised: metrics then are the
statistic a session, or None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from backtests.analysis.registry import SHORT, Figures, figures, metric
from backtests.analysis.span import sessions_a_year as counted
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.engine.books import returns_of
from backtests.engine.rules import simple_interest

if TYPE_CHECKING:  # pandas takes a fifth of a second to import, which a metric's words do without
    from datafeeds.market import Array, Dates

EMPYRICAL = "empyrical-reloaded"
LEDGER = "the run's ledger"

NOISE = 1e-12
"""Standard deviations of returns below this are rounding, not risk."""


@dataclass(frozen=True)
class Drawdown:
    """A fall of equity below its high.

    Attributes
    ----------
    peak : datetime64[D]
        Last session at the high.
    trough : datetime64[D]
        Session of the lowest close.
    recovery : datetime64[D] or None
        First session at or above the high again; None if that has not happened.
    depth : float
        Trough / peak - 1, negative.
    sessions : int
        Sessions from the peak to the recovery, or to the last session.
    """

    peak: np.datetime64
    trough: np.datetime64
    recovery: np.datetime64 | None
    depth: float
    sessions: int


@dataclass(frozen=True, eq=False)
class Track:
    """Closes of one portfolio, or of many over the same sessions.

    Attributes
    ----------
    equity : ndarray, shape (..., sessions)
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : ndarray, shape (..., sessions - 1)
        Return of cash in each session after the first.
    returns : ndarray, shape (..., sessions - 1)
    annual : bool
        Whether ratios are annualised.
    periods : float
        Sessions a year by which they are; 1 where they are not.
    """

    equity: Array
    sessions: Dates
    cash: Array
    returns: Array
    annual: bool
    periods: float

    @classmethod
    def of(
        cls,
        equity: Array,
        sessions: Dates,
        cash: Array | float = 0.0,
        sessions_a_year: float | None = None,
        returns: Array | None = None,
        annual: bool | None = None,
    ) -> Track:
        """A track from equity.

        Parameters
        ----------
        equity : ndarray, shape (..., sessions)
            At each close; at least two.
        sessions : ndarray of datetime64[D], shape (sessions,)
        cash : float or ndarray
            Yearly rate, actual/365, or the return of each session after the first.
        sessions_a_year : float
            By which ratios are annualised, such as 12 for monthly data; if not given 252 or 365, as the
            sessions say.
        returns : ndarray, shape (..., sessions - 1), optional
            Where they are known already.
        annual : bool, optional
            Whether ratios are annualised; if the sessions span a year, when not given.
        """
        whole = spans_a_year(sessions) if annual is None else annual
        return cls(
            equity=equity,
            sessions=sessions,
            cash=cash if isinstance(cash, np.ndarray) else simple_interest(cash, sessions),
            returns=returns_of(equity) if returns is None else returns,
            annual=whole,
            periods=(sessions_a_year or counted(sessions)) if whole else 1.0,
        )

    @cached_property
    def excess(self) -> Array:
        """Returns above cash."""
        excess: Array = self.returns - self.cash
        return excess

    @cached_property
    def fall(self) -> Drawdown | None:
        """The deepest fall of one portfolio, None if there was none."""
        return next(iter(drawdowns(self.equity, self.sessions)), None)


def drawdowns(equity: Array, sessions: Dates) -> tuple[Drawdown, ...]:
    """Every fall below the running high, deepest first.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
    sessions : ndarray of datetime64[D], shape (sessions,)

    Returns
    -------
    tuple of Drawdown
        Falls don't overlap: each one ends where equity is back at the old high.
    """
    depth = drawdown_series(equity)
    highs = np.flatnonzero(depth >= 0.0)
    ends = np.append(highs[1:], len(equity))
    falls = np.flatnonzero(ends - highs > 1)
    found = []
    for peak, end in zip(highs[falls], ends[falls], strict=True):
        trough = peak + int(np.argmin(depth[peak:end]))
        recovered = end < len(equity)
        found.append(
            Drawdown(
                peak=sessions[peak],
                trough=sessions[trough],
                recovery=sessions[end] if recovered else None,
                depth=float(depth[trough]),
                sessions=int((end if recovered else len(equity) - 1) - peak),
            )
        )
    return tuple(sorted(found, key=lambda fall: fall.depth))


def drawdown_series(equity: Array) -> Array:
    """Equity / highest equity so far - 1, shape (..., sessions)."""
    series: Array = equity / np.maximum.accumulate(equity, axis=-1) - 1.0
    return series


def period_closes(sessions: Dates, period: Literal["M", "Y"]) -> npt.NDArray[np.intp]:
    """Positions of the first session, and of the last one of each calendar month or year after it."""
    periods = sessions.astype(f"datetime64[{period}]")
    last = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
    return np.concatenate(([0], last[last > 0]))


def compound_returns(equity: Array, sessions: Dates, period: Literal["M", "Y"]) -> Array:
    """Compound return of each calendar month or year; the first and last may be part of one."""
    return returns_of(equity[period_closes(sessions, period)])


def performance(
    equity: Array,
    sessions: Dates,
    cash: Array | float = 0.0,
    sessions_a_year: float | None = None,
) -> Figures:
    """Return and risk of one portfolio: every metric of the scope ``"portfolio"``.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
        Equity at each close; at least two.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : float or ndarray, shape (sessions - 1,)
        Yearly return of cash, actual/365, or its return in each session after the first.
    sessions_a_year : float
        See `Track.of`.

    Raises
    ------
    ValueError
        If there are fewer than two sessions.
    """
    if len(equity) < 2:
        raise ValueError(f"performance needs at least two sessions, got {len(equity)}")
    track = Track.of(equity, sessions, cash, sessions_a_year)
    return figures("portfolio", track.annual, track)


def relative(
    equity: Array,
    benchmark: Array,
    sessions: Dates,
    cash: Array | float = 0.0,
    sessions_a_year: float | None = None,
) -> Figures:
    """Compare a portfolio with a benchmark: every metric of the scope ``"relative"``.

    Parameters
    ----------
    equity, benchmark : ndarray, shape (sessions,)
        Equity at each close.
    sessions, cash, sessions_a_year
        As for `performance`.
    """
    ours, theirs = (Track.of(each, sessions, cash, sessions_a_year) for each in (equity, benchmark))
    return figures("relative", ours.annual, ours, theirs)


# --- Metrics of one portfolio ---------------------------------------------------------------------


@metric(
    "Return a year (CAGR)",
    "(Last equity / first equity)^(1 / years) - 1; years = calendar days / 365.25. "
    "Not stated when the run spans less than a year.",
    f"GIPS (2020): nothing annualised under a year; {EMPYRICAL} cagr, by calendar instead of sessions",
    form="percent2",
    group="return",
    stacked=True,
)
def cagr(track: Track) -> Any:
    """Compound return a year by the calendar; None under a year."""
    if not spans_a_year(track.sessions):
        return None
    grown = track.equity[..., -1] / track.equity[..., 0]
    return grown ** (1.0 / span_in_years(track.sessions)) - 1.0


@metric(
    "Total return",
    "Last equity / first equity - 1, after all costs.",
    f"{EMPYRICAL} cum_returns_final",
    form="percent",
    group="return",
    shown=("terminal", "compare", "sweep"),
    stacked=True,
)
def total_return(track: Track) -> Any:
    """Return over the whole span."""
    return track.equity[..., -1] / track.equity[..., 0] - 1.0


@metric(
    "Volatility a year",
    "Standard deviation (n - 1) of session returns x sqrt(sessions a year)." + SHORT,
    f"{EMPYRICAL} annual_volatility",
    form="percent2",
    group="risk",
    short_term="Volatility a session",
    shown=("terminal", "compare", "sweep"),
    stacked=True,
)
def volatility(track: Track) -> Any:
    """Standard deviation of returns."""
    return deviation(track.returns) * np.sqrt(track.periods)


@metric(
    "Sharpe ratio",
    "Mean of (session return - cash return) / its standard deviation (n - 1) x sqrt(sessions a year). "
    "The cash return is the run's cash rate, actual/365." + SHORT,
    f"Sharpe (1994); {EMPYRICAL} sharpe_ratio",
    form="number",
    group="risk",
    short_term="Sharpe ratio, a session",
    stacked=True,
)
def sharpe(track: Track) -> Any:
    """Mean excess return over its deviation."""
    return ratio(track.excess, track.returns) * np.sqrt(track.periods)


@metric(
    "Sortino ratio",
    "Mean session return x sessions a year / (root mean square of the returns below 0, over all sessions, x "
    "sqrt(sessions a year)). The target is 0." + SHORT,
    f"Sortino and Price (1994); {EMPYRICAL} sortino_ratio",
    form="number",
    group="risk",
    short_term="Sortino ratio, a session",
    shown=("terminal", "compare"),
)
def sortino(track: Track) -> float:
    """Mean return over downside deviation."""
    downside = math.sqrt(np.square(np.minimum(track.returns, 0.0)).mean())
    if not track.returns.std() > NOISE or not downside:
        return math.nan
    return float(track.returns.mean() / downside * math.sqrt(track.periods))


@metric(
    "Maximum drawdown",
    "Lowest value of equity / highest equity so far - 1, at closes.",
    f"{EMPYRICAL} max_drawdown",
    form="percent2",
    group="drawdown",
    stacked=True,
)
def max_drawdown(track: Track) -> Any:
    """Depth of the deepest fall, negative."""
    return drawdown_series(track.equity).min(axis=-1)


@metric(
    "Peak before it",
    "Last session at the high from which the maximum drawdown fell.",
    "pyfolio gen_drawdown_table",
    form="date",
    group="drawdown",
    shown=(),
)
def drawdown_peak(track: Track) -> np.datetime64 | None:
    """Where the deepest fall began."""
    return track.fall.peak if track.fall else None


@metric(
    "Trough",
    "Session of the lowest close of the maximum drawdown.",
    "pyfolio gen_drawdown_table",
    form="date",
    group="drawdown",
    shown=(),
)
def drawdown_trough(track: Track) -> np.datetime64 | None:
    """Where the deepest fall ended."""
    return track.fall.trough if track.fall else None


@metric(
    "Recovery",
    "First session at or above the old high; a dash if that has not happened by the end of the run.",
    "pyfolio gen_drawdown_table",
    form="date",
    group="drawdown",
    shown=(),
)
def drawdown_recovery(track: Track) -> np.datetime64 | None:
    """When the deepest fall was made good."""
    return track.fall.recovery if track.fall else None


@metric(
    "Calmar ratio",
    "Return a year / |maximum drawdown|, over the whole run.",
    f"Young (1991); {EMPYRICAL} calmar_ratio, with this page's return a year",
    form="number",
    group="drawdown",
    shown=("terminal", "compare"),
)
def calmar(track: Track) -> float | None:
    """Return a year over the deepest fall."""
    growth, fall = cagr(track), float(max_drawdown(track))
    return None if growth is None or fall == 0.0 else float(growth) / -fall


@metric(
    "Value at risk, 5%, a session",
    "5th percentile of session returns, linear between observations (historical, not a model).",
    f"{EMPYRICAL} value_at_risk",
    form="percent2",
    group="tail",
    shown=("compare",),
)
def value_at_risk(track: Track) -> float:
    """5th percentile of returns; negative for a loss."""
    return float(np.percentile(track.returns, 5))


@metric(
    "Expected shortfall, 5%, a session",
    "Mean of the worst 5% of session returns: the lowest floor(0.05 x (n - 1)) + 1 of n.",
    f"{EMPYRICAL} conditional_value_at_risk",
    form="percent2",
    group="tail",
    shown=("compare",),
)
def expected_shortfall(track: Track) -> float:
    """Mean of the worst twentieth of returns."""
    last = int(0.05 * (len(track.returns) - 1))
    return float(np.partition(track.returns, last)[: last + 1].mean())


def _period(name: str, track: Track) -> Array:
    return compound_returns(track.equity, track.sessions, "M" if name == "month" else "Y")


for _key, _term, _formula, _pick in (
    ("best_day", "Best session", "Highest session return.", lambda track: track.returns.max()),
    ("worst_day", "Worst session", "Lowest session return.", lambda track: track.returns.min()),
    (
        "best_month",
        "Best month",
        "Highest calendar-month return; the first and last month may be part of one.",
        lambda track: _period("month", track).max(),
    ),
    (
        "worst_month",
        "Worst month",
        "Lowest calendar-month return; the first and last month may be part of one.",
        lambda track: _period("month", track).min(),
    ),
    (
        "best_year",
        "Best calendar year",
        "Highest calendar-year return; the first and last year may be part of one.",
        lambda track: _period("year", track).max(),
    ),
    (
        "worst_year",
        "Worst calendar year",
        "Lowest calendar-year return; the first and last year may be part of one.",
        lambda track: _period("year", track).min(),
    ),
):
    metric(
        _term,
        _formula,
        LEDGER if _key.endswith("day") else f"{EMPYRICAL} aggregate_returns",
        form="percent2",
        group="extremes",
        shown=("compare",) if _key in ("worst_month", "worst_year") else (),
        key=_key,
    )(_pick)


# --- Metrics against a benchmark ------------------------------------------------------------------


@metric(
    "Return a year above it",
    "Strategy's return a year - benchmark's return a year, arithmetic.",
    "Bacon (2008), arithmetic excess return",
    scope="relative",
    form="percent2",
    short_term="Total return above it",
    stacked=True,
)
def excess_return(ours: Track, theirs: Track) -> Any:
    """Difference of the returns a year, or of the total returns under a year."""
    growth = cagr if spans_a_year(ours.sessions) else total_return
    return growth(ours) - growth(theirs)


@metric(
    "Tracking error a year",
    "Standard deviation (n - 1) of (strategy's - benchmark's session return) x sqrt(sessions a year)."
    + SHORT,
    f"{EMPYRICAL} annual_volatility of the difference",
    scope="relative",
    form="percent2",
    short_term="Tracking error a session",
    shown=("terminal", "compare", "sweep"),
)
def tracking_error(ours: Track, theirs: Track) -> Any:
    """Deviation of the active return."""
    return deviation(ours.returns - theirs.returns) * np.sqrt(ours.periods)


@metric(
    "Information ratio",
    "Mean of (strategy's - benchmark's session return) / its standard deviation (n - 1) x "
    "sqrt(sessions a year)." + SHORT,
    f"Grinold and Kahn (1999); {EMPYRICAL} excess_sharpe x sqrt(sessions a year)",
    scope="relative",
    form="number",
    short_term="Information ratio, a session",
    shown=("terminal", "compare", "sweep"),
    stacked=True,
)
def information_ratio(ours: Track, theirs: Track) -> Any:
    """Mean active return over its deviation."""
    active = ours.returns - theirs.returns
    return ratio(active, active) * np.sqrt(ours.periods)


@metric(
    "Worst calendar year against it",
    "Lowest of (strategy's return - benchmark's return) of a calendar year; the first and the last may be "
    "part of one. Not stated when the run spans less than a year.",
    "arithmetic, by the returns of the calendar table",
    scope="relative",
    form="percent2",
    shown=("compare", "sweep"),
    stacked=True,
)
def worst_lead(ours: Track, theirs: Track) -> Any:
    """Deepest that a calendar year fell behind, or the smallest lead."""
    if not spans_a_year(ours.sessions):
        return None
    closes = period_closes(ours.sessions, "Y")
    years, others = (returns_of(each.equity[..., closes]) for each in (ours, theirs))
    return (years - others).min(axis=-1)


@metric(
    "Beta",
    "Covariance of the session returns above cash / variance of the benchmark's.",
    f"{EMPYRICAL} beta",
    scope="relative",
    form="number",
    shown=("terminal", "compare"),
)
def beta(ours: Track, theirs: Track) -> float:
    """Slope on the benchmark."""
    moved = theirs.excess - theirs.excess.mean()
    variance = np.square(moved).mean()
    return float((moved * ours.excess).mean() / variance) if variance > NOISE**2 else math.nan


@metric(
    "Alpha a year",
    "a = mean of (strategy's return above cash - beta x benchmark's return above cash); "
    "(1 + a)^(sessions a year) - 1." + SHORT,
    f"Jensen (1968); {EMPYRICAL} alpha",
    scope="relative",
    form="percent2",
    short_term="Alpha a session",
    shown=(),
)
def alpha(ours: Track, theirs: Track) -> float:
    """What beta leaves of the return."""
    left = (ours.excess - beta(ours, theirs) * theirs.excess).mean()
    return float((1.0 + left) ** ours.periods - 1.0)


@metric(
    "Correlation",
    "Pearson correlation of session returns.",
    "numpy corrcoef",
    scope="relative",
    form="number",
    shown=(),
)
def correlation(ours: Track, theirs: Track) -> float:
    """Pearson correlation; NaN where either does not vary."""
    if ours.returns.std() < NOISE or theirs.returns.std() < NOISE:
        return math.nan
    return float(np.corrcoef(ours.returns, theirs.returns)[0, 1])


@metric(
    "Up capture",
    "Over the calendar months in which the benchmark rose: the strategy's compound return a year / "
    "the benchmark's.",
    f"Morningstar; {EMPYRICAL} up_capture on monthly returns",
    scope="relative",
    form="percent",
    shown=(),
)
def up_capture(ours: Track, theirs: Track) -> float | None:
    """Share of the benchmark's good months; None under a year."""
    return _capture(ours, theirs, 1.0)


@metric(
    "Down capture",
    "Over the calendar months in which the benchmark fell: the strategy's compound return a year / "
    "the benchmark's.",
    f"Morningstar; {EMPYRICAL} down_capture on monthly returns",
    scope="relative",
    form="percent",
    shown=(),
)
def down_capture(ours: Track, theirs: Track) -> float | None:
    """Share of the benchmark's bad months; None under a year."""
    return _capture(ours, theirs, -1.0)


def _capture(ours: Track, theirs: Track, sign: float) -> float | None:
    if not ours.annual:
        return None
    months = compound_returns(ours.equity, ours.sessions, "M")
    against = compound_returns(theirs.equity, theirs.sessions, "M")
    counted = sign * against > 0
    if not counted.any():
        return math.nan
    years = counted.sum() / 12
    beside = _compound(against[counted], years)
    return _compound(months[counted], years) / beside if beside else math.nan


def return_between(equity: Array, sessions: Dates, start: np.datetime64, end: np.datetime64) -> float:
    """Return from the close of session `start` to the close of session `end`."""
    first, last = np.searchsorted(sessions, np.array([start, end]))
    return float(equity[last] / equity[first] - 1.0)


def annual_growth(returns: Array, sessions: Dates) -> float:
    """Compound return a year by the calendar: (product of 1 + return)^(365.25 / days) - 1."""
    return _compound(returns, span_in_years(sessions))


def _compound(returns: npt.NDArray[Any], years: float) -> float:
    return float(np.prod(returns + 1.0) ** (1.0 / years) - 1.0)


def deviation(returns: Array) -> Array:
    """Standard deviation (n - 1) along the last axis; NaN for fewer than two returns."""
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    return np.asarray(returns.std(axis=-1, ddof=1), dtype=np.float64)


def ratio(excess: Array, returns: Array) -> Array:
    """Mean over standard deviation along the last axis; NaN where `returns` only vary by rounding."""
    spread = deviation(excess)
    found = np.full(spread.shape, np.nan)
    varies = (returns.std(axis=-1) > NOISE) & (spread > 0.0)
    np.divide(excess.mean(axis=-1), spread, out=found, where=varies)
    return found
