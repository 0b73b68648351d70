"""Statistics of many return series at once, as `backtests.analysis.performance` defines them for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from backtests.analysis.definitions import metrics
from backtests.analysis.performance import Track
from backtests.analysis.registry import Metric, Scope
from backtests.engine.books import Ledger, returns_of
from backtests.engine.rules import simple_interest
from backtests.settings.sweep import RankedBy
from datafeeds.market import Array, Dates

LOWER_IS_BETTER: frozenset[RankedBy] = frozenset({"volatility"})


NAMES = {"excess_return": "excess_cagr"}
"""What run files call a metric, where that differs from its key."""


@dataclass(frozen=True, eq=False)
class Measures:
    """Return and risk of each configuration, also as attributes: ``measures.sharpe``.

    Attributes
    ----------
    values_by_name : mapping of str to ndarray, shape (configurations,)
        Every metric of a sweep's table that follows from returns; NaN where there is none. Without a
        benchmark those against it are NaN.
    """

    values_by_name: Mapping[str, Array]

    def columns(self) -> Mapping[str, Array]:
        """Every statistic by name."""
        return self.values_by_name

    def __getattr__(self, name: str) -> Array:
        if name == "values_by_name" or name not in self.values_by_name:
            raise AttributeError(f"no measure {name!r}")
        return self.values_by_name[name]


def table_metrics() -> Mapping[str, Metric]:
    """Metrics of a sweep's table by the name of their column, in order."""
    every = (*metrics("portfolio", "sweep"), *metrics("relative", "sweep"), *metrics("trading", "sweep"))
    return {NAMES.get(each.key, each.key): each for each in every}


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
    cash_rate : float or ndarray, shape (configurations,) or (n,)
        Yearly return of cash, actual/365; or, as long as the returns, its return in each session.
    benchmark : ndarray, shape (n,) or (configurations, n), optional
        Returns to compare with; NaN statistics without it.
    annual : bool, optional
        Whether ratios and volatility are annualised; if they span a year, when not given.

    Returns
    -------
    Measures
    """
    ours, theirs = _track(returns, sessions, cash_rate, annual), None
    if benchmark is not None:
        theirs = _track(np.broadcast_to(benchmark, returns.shape), sessions, cash_rate, annual)
    count = len(returns)
    return Measures(_measured("portfolio", count, ours) | _measured("relative", count, ours, theirs))


def _track(daily: Array, sessions: Dates, cash_rate: Array | float, annual: bool | None = None) -> Track:
    """Growth of 1 by returns of shape (configurations, n); the rest as for `measures`."""
    cash = np.asarray(cash_rate, dtype=np.float64)
    if cash.shape != daily.shape[1:]:
        cash = simple_interest(cash[..., None], sessions)
    grown = np.concatenate([np.ones((*daily.shape[:-1], 1)), np.cumprod(1.0 + daily, axis=-1)], axis=-1)
    return Track.of(grown, sessions, cash, returns=daily, annual=annual)


def _measured(scope: Scope, count: int, *tracks: Track | None) -> dict[str, Array]:
    """The metrics of a scope that a sweep shows, by the name of their column."""
    return {NAMES.get(each.key, each.key): _values(each, count, *tracks) for each in metrics(scope, "sweep")}


def row_of(
    ledger: Ledger, cash: Array | float = 0.0, benchmarks: Mapping[str, Array] = MappingProxyType({})
) -> dict[str, float]:
    """The row of one configuration in a sweep's table.

    Parameters
    ----------
    ledger : Ledger
    cash
        As for `measures`.
    benchmarks : mapping of str to ndarray, shape (n,)
        Returns to compare with, by label, the primary ones first.

    Returns
    -------
    dict of str to float
        The columns of `table_metrics`, then those of `against` for each further benchmark.
    """
    ours = _track(returns_of(ledger.equity)[None], ledger.sessions, cash)
    theirs: dict[str, Track | None] = {
        label: _track(returns[None], ledger.sessions, cash) for label, returns in benchmarks.items()
    }
    beside = {label: _measured("relative", 1, ours, track) for label, track in (theirs or {"": None}).items()}
    first, *others = beside
    found = _measured("portfolio", 1, ours) | beside[first]
    row = {name: float(values[0]) for name, values in found.items()}
    row |= {each.key: float(each.compute(ledger)) for each in metrics("trading", "sweep")}
    for label in others:
        row |= {column: float(beside[label][name][0]) for name, column in against(label).items()}
    return row


def against(label: str) -> Mapping[str, str]:
    """Columns of what is measured against a further benchmark, by the name that the primary one's has."""
    names = (NAMES.get(each.key, each.key) for each in metrics("relative", "sweep"))
    return {name: f"{name} against {label}" for name in names}


def _values(each: Metric, count: int, *tracks: Track | None) -> Array:
    """A metric of every configuration; NaN where it does not exist."""
    known = [track for track in tracks if track is not None]
    if len(known) < len(tracks):
        return np.full(count, np.nan)
    found = (
        each.compute(*known)
        if each.stacked
        else [each.compute(*(_one(track, place) for track in known)) for place in range(count)]
    )
    if found is None:
        return np.full(count, np.nan)
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def _one(track: Track, place: int) -> Track:
    """One portfolio of many."""
    cash = track.cash if track.cash.ndim == 1 else track.cash[place]
    return replace(track, equity=track.equity[place], returns=track.returns[place], cash=cash)


def score(values: Array, metric: RankedBy) -> Array:
    """Values of a metric such that higher is better; what is unknown is worst."""
    signed = -values if metric in LOWER_IS_BETTER else values
    return np.where(np.isfinite(signed), signed, -np.inf)


def best_of(values: Array, metric: RankedBy) -> int:
    """Position of the best; the first of several."""
    return int(np.argmax(score(values, metric)))


def ranking(values: Array, metric: RankedBy) -> npt.NDArray[np.intp]:
    """Positions from best to worst; ties in their order."""
    return np.argsort(-score(values, metric), kind="stable")
