"""Training and test windows of a walk-forward, and what is chosen in each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.settings.run_file import ConfigError
from backtests.settings.sweep import RankedBy, WalkForwardSettings
from backtests.sweeps.measures import Measures, measures, score
from datafeeds.market import Array, Dates

LEAST_TRAINING = 21
"""Sessions of training without which no statistic means anything."""


@dataclass(frozen=True)
class Window:
    """Positions among the run's sessions, both ends included.

    Attributes
    ----------
    train_first, train_last : int
        Sessions whose returns the choice goes by.
    test_first, test_last : int
        Sessions that follow after the embargo. The choice takes effect at the close before the first.
    is_whole : bool
        Whether the run goes on to the end of the test.
    """

    train_first: int
    train_last: int
    test_first: int
    test_last: int
    is_whole: bool


def windows(sessions: Dates, settings: WalkForwardSettings) -> tuple[Window, ...]:
    """Lay the windows over the run's sessions.

    The first test begins `train_years` after the run; training ends `embargo` sessions before each test.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    settings : WalkForwardSettings

    Raises
    ------
    ConfigError
        If no session is left to test on, or fewer than 21 to train on.
    """
    train, test, step = settings.months
    start = pd.Timestamp(sessions[0])
    found = []
    for place in range(10_000):
        begin = start + pd.DateOffset(months=train + place * step)
        first = _position(sessions, begin)
        if first >= len(sessions):
            break
        end = _position(sessions, begin + pd.DateOffset(months=test))
        rolled = _position(sessions, begin - pd.DateOffset(months=train))
        train_first = 1 if settings.window == "anchored" else max(1, rolled)
        # Whether the last test is whole can't be told from a run that ends with it.
        found.append(
            Window(
                train_first,
                first - 1 - settings.embargo,
                first,
                min(end, len(sessions)) - 1,
                end < len(sessions),
            )
        )
    span = f"the run has {sessions[0]} to {sessions[-1]}"
    if not found:
        raise ConfigError(
            f"[walk_forward] train_years = {settings.train_years:g} leaves nothing to test: {span}"
        )
    shortest = min(window.train_last - window.train_first + 1 for window in found)
    if shortest < LEAST_TRAINING:
        raise ConfigError(
            f"[walk_forward] embargo = {settings.embargo} and train_years = {settings.train_years:g} leave "
            f"{max(shortest, 0)} sessions to train on; at least {LEAST_TRAINING} are needed"
        )
    return tuple(found)


def _position(sessions: Dates, date: pd.Timestamp) -> int:
    return int(np.searchsorted(sessions, np.datetime64(date.date(), "D")))


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen in one window, and what became of all configurations after.

    Attributes
    ----------
    window : Window
    position : int
        Row of the chosen configuration.
    trained, tested : Measures
        Of every configuration, in training and test, each as if it had been running since the run's start.
        Ratios are annualised whatever the length.
    tied : int
        Configurations that were as good in training but for rounding, the chosen one not counted.
    rank : float
        Place of the chosen one among all in the test, from 1; ties share the mean of their places.
    """

    window: Window
    position: int
    trained: Measures
    tested: Measures
    tied: int
    rank: float

    @property
    def outdone(self) -> float:
        """Share of the other configurations that the chosen one outdid in the test, those as good by half.

        By luck alone it is one half on average, with ties or without; NaN where there are no others.
        """
        count = len(self.tested.sharpe)
        return (count - self.rank) / (count - 1) if count > 1 else math.nan


def choose(
    returns: Array,
    sessions: Dates,
    benchmark: Array | None,
    window: Window,
    metric: RankedBy,
    cash: Array | None = None,
    held: int | None = None,
) -> Choice:
    """Choose the best configuration of a window's training.

    Slicing the returns of whole runs looks at no later data: what a configuration earned in the window came
    from decisions made on what was known then, with the memory that it had by then.

    Parameters
    ----------
    returns : ndarray, shape (configurations, n)
        Daily returns of whole runs.
    sessions : ndarray of datetime64[D], shape (n + 1,)
    benchmark : ndarray, shape (n,), optional
    window : Window
    metric : RankedBy
    cash : ndarray, shape (n,), optional
        Return of cash in each session; 0 without it.
    held : int, optional
        Row chosen before: it stays if it is among the best. Else the first of the best is taken.

    Returns
    -------
    Choice
    """
    trained = _between(returns, sessions, benchmark, window.train_first, window.train_last, cash)
    tested = _between(returns, sessions, benchmark, window.test_first, window.test_last, cash)
    earlier = score(trained.columns()[metric], metric)
    later = score(tested.columns()[metric], metric)
    best = np.flatnonzero(_as_good(earlier, earlier.max()))
    position = held if held is not None and held in best else int(best[0])
    tied = _as_good(later, later[position])
    rank = ((later > later[position]) & ~tied).sum() + (tied.sum() + 1) / 2
    return Choice(window, position, trained, tested, len(best) - 1, float(rank))


def _as_good(scores: Array, one: float) -> npt.NDArray[np.bool_]:
    """Which scores equal one of them but for rounding."""
    return np.isclose(scores, one, rtol=1e-9, atol=1e-12)


def _between(
    returns: Array, sessions: Dates, benchmark: Array | None, first: int, last: int, cash: Array | None
) -> Measures:
    part = slice(first - 1, last)  # return i is that of session i + 1
    theirs = None if benchmark is None else benchmark[part]
    earned = 0.0 if cash is None else cash[part]
    return measures(np.asarray(returns[:, part]), sessions[first - 1 : last + 1], earned, theirs, annual=True)
