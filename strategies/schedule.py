"""When a strategy decides: on which sessions, by the exchange calendar alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from datafeeds.names import unknown_name
from strategies.expiries import monthly_expiries
from strategies.target import StrategyError

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Schedule:
    """When a strategy decides: at the close of the last session of each period.

    A schedule defines `period`; which session ends a period follows from the exchange calendar alone.
    """

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Number of the period that each day belongs to, shape (days,)."""
        raise NotImplementedError

    def decides(self, sessions: Days, next_session: np.datetime64) -> npt.NDArray[np.bool_]:
        """Which of `sessions` are decision sessions, shape (sessions,).

        Parameters
        ----------
        sessions : ndarray of datetime64[D]
            Exchange sessions in order, without gaps.
        next_session : datetime64[D]
            The exchange session after the last of them.
        """
        periods = self.period(np.append(sessions, next_session).astype("datetime64[D]"))
        ends: npt.NDArray[np.bool_] = periods[:-1] != periods[1:]
        return ends


@dataclass(frozen=True)
class Daily(Schedule):
    """Decide at the close of every session."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Each day is a period."""
        return days.astype(np.int64)


@dataclass(frozen=True)
class Weekly(Schedule):
    """Decide at the close of the last session of each week."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Weeks, from Monday on."""
        # 1970-01-01 was a Thursday; adding 3 days makes weeks begin on Monday.
        return (days.astype(np.int64) + 3) // 7


@dataclass(frozen=True)
class Monthly(Schedule):
    """Decide at the close of the last session of each month."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Calendar months."""
        return days.astype("datetime64[M]").astype(np.int64)


@dataclass(frozen=True)
class Quarterly(Schedule):
    """Decide at the close of the last session of each calendar quarter."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """Calendar quarters."""
        return days.astype("datetime64[M]").astype(np.int64) // 3


@dataclass(frozen=True)
class Expiry(Schedule):
    """Decide at the close of the session before monthly options expire, in time for a hedge's roll."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """From one monthly expiry of options to the next."""
        return np.searchsorted(monthly_expiries(days), days, side="right").astype(np.int64)


@dataclass(frozen=True)
class Once(Schedule):
    """Decide only when the run begins."""

    def period(self, days: Days) -> npt.NDArray[np.int64]:
        """One period for all time."""
        return np.zeros(len(days), dtype=np.int64)


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "daily": Daily(),
        "weekly": Weekly(),
        "monthly": Monthly(),
        "quarterly": Quarterly(),
        "expiry": Expiry(),
        "once": Once(),
    }
)
"""The schedules that a run file can name."""


def schedule_named(name: Schedule | str) -> Schedule:
    """The schedule called `name` in a run file; a schedule itself is returned as it is.

    Raises
    ------
    StrategyError
        If there is none, naming the nearest.
    """
    if isinstance(name, Schedule):
        return name
    if name not in SCHEDULES:
        raise StrategyError(unknown_name("schedule", str(name), SCHEDULES))
    return SCHEDULES[name]
