"""Return and risk of a portfolio, alone and against a benchmark: pure functions on equity and returns.

Statistics come from empyrical; `backtests.analysis.definitions` states each one in words. Where a span is
under a year nothing is annualised: the fields then hold the statistic a session, or None.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import empyrical
import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.span import span_in_years as span_in_years
from backtests.analysis.span import spans_a_year as spans_a_year
from backtests.analysis.trading import Trading, trading
from backtests.result import Result
from datafeeds.market import Array, Dates

SESSIONS_A_YEAR = 252.0

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


@dataclass(frozen=True)
class Performance:
    """Return and risk of one portfolio. Ratios and returns as fractions, dates as sessions.

    Attributes
    ----------
    annual : bool
        Whether the statistics are annualised: the run spans a year or more.
    total_return, cagr, volatility, sharpe, sortino, max_drawdown, calmar : float or None
    drawdown_peak, drawdown_trough, drawdown_recovery : datetime64[D] or None
    value_at_risk, expected_shortfall : float
        At 5%, a session; negative for a loss.
    best_day, worst_day, best_month, worst_month, best_year, worst_year : float
    """

    annual: bool
    total_return: float
    cagr: float | None
    volatility: float
    sharpe: float
    sortino: float
    max_drawdown: float
    drawdown_peak: np.datetime64 | None
    drawdown_trough: np.datetime64 | None
    drawdown_recovery: np.datetime64 | None
    calmar: float | None
    value_at_risk: float
    expected_shortfall: float
    best_day: float
    worst_day: float
    best_month: float
    worst_month: float
    best_year: float
    worst_year: float


@dataclass(frozen=True)
class Relative:
    """A portfolio against a benchmark over the same sessions.

    Attributes
    ----------
    excess_return : float
        Difference of the returns a year, or of the total returns under a year.
    tracking_error, information_ratio, beta, alpha, correlation, up_capture, down_capture : float or None
        None where the span is under a year and the statistic needs one.
    """

    excess_return: float
    tracking_error: float
    information_ratio: float
    beta: float
    alpha: float
    correlation: float
    up_capture: float | None
    down_capture: float | None


def returns_of(equity: Array) -> Array:
    """Return each session's simple return after the first, shape (sessions - 1,)."""
    return equity[1:] / equity[:-1] - 1.0


def cash_returns(sessions: Dates, cash_rate: float) -> Array:
    """Return of cash in each session after the first at a yearly rate, actual/365, shape (sessions - 1,)."""
    return cash_rate * np.diff(sessions).astype(np.float64) / 365.0


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
    """Equity / highest equity so far - 1, shape (sessions,)."""
    series: Array = equity / np.maximum.accumulate(equity) - 1.0
    return series


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
    periods = sessions.astype(f"datetime64[{period}]")
    last = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
    last = last[last > 0]
    bounds = np.concatenate(([0], last))
    values = equity[bounds[1:]] / equity[bounds[:-1]] - 1.0
    return pd.Series(values, index=pd.DatetimeIndex(periods[last].astype("datetime64[s]")), name="return")


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


def performance(
    equity: Array, sessions: Dates, cash_rate: float = 0.0, sessions_a_year: float = SESSIONS_A_YEAR
) -> Performance:
    """Return and risk of one portfolio.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
        Equity at each close; at least two.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash_rate : float
        Yearly return of cash for the Sharpe ratio, actual/365.
    sessions_a_year : float
        252 for daily data, 12 for monthly.

    Returns
    -------
    Performance

    Raises
    ------
    ValueError
        If there are fewer than two sessions.
    """
    if len(equity) < 2:
        raise ValueError(f"performance needs at least two sessions, got {len(equity)}")
    annual = spans_a_year(sessions)
    periods = sessions_a_year if annual else 1.0
    returns = returns_of(equity)
    falls = drawdowns(equity, sessions)
    worst = falls[0] if falls else None
    cagr = annual_growth(returns, sessions) if annual else None
    months = period_returns(equity, sessions, "M")
    years = period_returns(equity, sessions, "Y")
    return Performance(
        annual=annual,
        total_return=float(empyrical.cum_returns_final(returns)),
        cagr=cagr,
        volatility=float(empyrical.annual_volatility(returns, annualization=periods)),
        sharpe=_ratio(
            empyrical.sharpe_ratio(
                returns, risk_free=cash_returns(sessions, cash_rate), annualization=periods
            ),
            returns,
        ),
        sortino=_ratio(empyrical.sortino_ratio(returns, annualization=periods), returns),
        max_drawdown=worst.depth if worst else 0.0,
        drawdown_peak=worst.peak if worst else None,
        drawdown_trough=worst.trough if worst else None,
        drawdown_recovery=worst.recovery if worst else None,
        calmar=cagr / -worst.depth if worst and cagr is not None else None,
        value_at_risk=float(empyrical.value_at_risk(returns)),
        expected_shortfall=float(empyrical.conditional_value_at_risk(returns)),
        best_day=float(returns.max()),
        worst_day=float(returns.min()),
        best_month=float(months.max()),
        worst_month=float(months.min()),
        best_year=float(years.max()),
        worst_year=float(years.min()),
    )


def annual_growth(returns: Array, sessions: Dates) -> float:
    """Compound return a year by the calendar: (product of 1 + return)^(365.25 / days) - 1."""
    return float(empyrical.cagr(returns, annualization=len(returns) / span_in_years(sessions)))


def relative(
    equity: Array,
    benchmark: Array,
    sessions: Dates,
    cash_rate: float = 0.0,
    sessions_a_year: float = SESSIONS_A_YEAR,
) -> Relative:
    """Compare a portfolio with a benchmark.

    Parameters
    ----------
    equity, benchmark : ndarray, shape (sessions,)
        Equity at each close.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash_rate : float
        Yearly return of cash for alpha and beta, actual/365.
    sessions_a_year : float
        252 for daily data, 12 for monthly.

    Returns
    -------
    Relative
    """
    annual = spans_a_year(sessions)
    periods = sessions_a_year if annual else 1.0
    ours, theirs = returns_of(equity), returns_of(benchmark)
    active = ours - theirs
    cash = cash_returns(sessions, cash_rate)
    beta = float(empyrical.beta_aligned(ours - cash, theirs - cash))
    growth = annual_growth if annual else _total
    up, down = _captures(equity, benchmark, sessions) if annual else (None, None)
    return Relative(
        excess_return=growth(ours, sessions) - growth(theirs, sessions),
        tracking_error=float(empyrical.annual_volatility(active, annualization=periods)),
        information_ratio=_ratio(empyrical.excess_sharpe(ours, theirs) * np.sqrt(periods), active),
        beta=beta,
        alpha=float(empyrical.alpha_aligned(ours - cash, theirs - cash, annualization=periods, _beta=beta)),
        correlation=correlation(ours, theirs),
        up_capture=up,
        down_capture=down,
    )


def metrics(result: Result) -> dict[str, Any]:
    """Every statistic of a run, for ``metrics.json``.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
        ``strategy`` and each of ``benchmarks`` with label, performance and trading; a benchmark also holds
        the strategy's statistics ``relative`` to it. Dates are ISO text; what is not known is None.
    """
    rate = result.config.costs.cash_rate
    ours = result.book.ledger
    books = [
        {
            "label": book.label,
            "performance": _plain(performance(book.ledger.equity, book.ledger.sessions, rate)),
            "trading": _plain(trading(book.ledger)),
        }
        for book in result.books
    ]
    for entry, book in zip(books[1:], result.benchmarks, strict=True):
        entry["relative"] = _plain(relative(ours.equity, book.ledger.equity, ours.sessions, rate))
    return {
        "first_session": str(ours.sessions[0]),
        "last_session": str(ours.sessions[-1]),
        "sessions": len(ours.sessions),
        "strategy": books[0],
        "benchmarks": books[1:],
    }


def correlation(ours: Array, theirs: Array) -> float:
    """Pearson correlation; NaN where either does not vary."""
    if ours.std() < NOISE or theirs.std() < NOISE:
        return float("nan")
    return float(np.corrcoef(ours, theirs)[0, 1])


def rolling_volatility(returns: Array, window: int) -> Array:
    """Volatility a year over the trailing `window` sessions, NaN before the first whole window."""
    deviation = pd.Series(returns).rolling(window).std().to_numpy()
    return np.asarray(deviation * np.sqrt(SESSIONS_A_YEAR), dtype=np.float64)


def rolling_sharpe(returns: Array, cash: Array, window: int) -> Array:
    """Sharpe ratio over the trailing `window` sessions, NaN where returns don't vary."""
    rolling = pd.Series(returns - cash).rolling(window)
    deviation = rolling.std()
    ratio = rolling.mean() / deviation.where(deviation > NOISE) * np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(ratio.to_numpy(), dtype=np.float64)


def rolling_beta(returns: Array, benchmark: Array, window: int) -> Array:
    """Beta over the trailing `window` sessions, NaN where the benchmark does not vary."""
    theirs = pd.Series(benchmark)
    variance = theirs.rolling(window).var()
    beta = pd.Series(returns).rolling(window).cov(theirs) / variance.where(variance > NOISE**2)
    return np.asarray(beta.to_numpy(), dtype=np.float64)


def return_between(equity: Array, sessions: Dates, start: np.datetime64, end: np.datetime64) -> float:
    """Return from the close of session `start` to the close of session `end`."""
    first, last = np.searchsorted(sessions, np.array([start, end]))
    return float(equity[last] / equity[first] - 1.0)


def _ratio(value: float | npt.NDArray[np.float64], returns: Array) -> float:
    """`value`, or NaN where `returns` only vary by rounding or the ratio has no finite value."""
    return float(value) if returns.std() > NOISE and np.isfinite(value) else float("nan")


def _plain(statistics: Performance | Relative | Trading) -> dict[str, Any]:
    """Turn the fields into what JSON knows."""
    plain: dict[str, Any] = {}
    for name, value in asdict(statistics).items():
        if isinstance(value, np.datetime64):
            plain[name] = str(value)
        elif isinstance(value, float) and not np.isfinite(value):
            plain[name] = None
        else:
            plain[name] = value
    return plain


def _total(returns: Array, sessions: Dates) -> float:
    return float(empyrical.cum_returns_final(returns))


def _captures(equity: Array, benchmark: Array, sessions: Dates) -> tuple[float, float]:
    ours = period_returns(equity, sessions, "M")
    theirs = period_returns(benchmark, sessions, "M")
    up = empyrical.up_capture(ours, theirs, period="monthly") if (theirs > 0).any() else np.nan
    down = empyrical.down_capture(ours, theirs, period="monthly") if (theirs < 0).any() else np.nan
    return float(up), float(down)
