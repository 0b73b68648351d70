"""Who belongs to which group, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Grouping = Literal["group", "sector", "industry"]

NO_GROUP = "no group"
"""Name of what belongs nowhere."""

_EVER = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")
"""What open ends stand for."""


class Memberships:
    """Rows of instruments as intervals: a membership holds from its `from` to its `to`, both inclusive.

    Parameters
    ----------
    instruments : DataFrame
        As `Market.instruments`; a blank date is an open end.
    column : mapping of str to int
        Position of each symbol.
    """

    def __init__(self, instruments: pd.DataFrame, column: Mapping[str, int]) -> None:
        start = instruments["from"].to_numpy().astype("datetime64[D]")
        stop = instruments["to"].to_numpy().astype("datetime64[D]")
        self._size = len(column)
        self._column = np.asarray(instruments["symbol"].map(column), dtype=np.intp)
        self._labels = {by: instruments[by].to_numpy(dtype=str) for by in ("group", "sector", "industry")}
        self._start = np.where(np.isnat(start), _EVER[0], start)
        self._stop = np.where(np.isnat(stop), _EVER[1], stop)
        self._companies = _Companies(instruments, self._column, self._start, self._stop, list(column))

    def on(self, day: np.datetime64, group: str | None = None) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to `group` on `day`, shape (symbols,).

        Without a group: whether any of its rows holds.
        """
        holds = self._hold(day)
        if group is not None:
            holds &= self._labels["group"] == group
        return self._of_rows(holds)

    def among(
        self, day: np.datetime64, names: Iterable[str], by: Grouping = "group"
    ) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to any of `names` on `day`, shape (symbols,)."""
        wanted = set(names)
        named = np.array([label in wanted for label in self._labels[by].tolist()], dtype=bool)
        return self._of_rows(named & self._hold(day))

    def names(
        self, day: np.datetime64, symbols: npt.NDArray[np.bool_], by: Grouping = "group"
    ) -> tuple[str, ...]:
        """What any of `symbols`, shape (symbols,), belongs to on `day`, sorted."""
        said = self._labels[by][self._hold(day) & symbols[self._column]]
        return tuple(sorted(set(said.tolist()) - {""}))

    def companies(self, day: np.datetime64) -> npt.NDArray[np.object_]:
        """Company of each symbol on `day`, shape (symbols,): its own name where none is known yet.

        Of rows that hold the first one says it; where none does, the last one that did. Read-only.
        """
        return self._companies.on(day)

    def _hold(self, day: np.datetime64) -> npt.NDArray[np.bool_]:
        held: npt.NDArray[np.bool_] = (self._start <= day) & (day <= self._stop)
        return held

    def _of_rows(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Whether each symbol has any of `rows`."""
        belongs = np.zeros(self._size, dtype=bool)
        belongs[self._column[rows]] = True
        return belongs

    def through(self, sessions: npt.NDArray[np.datetime64], group: str) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to `group` on each session, shape (sessions, symbols)."""
        belongs = np.zeros((len(sessions), self._size), dtype=bool)
        for row in np.flatnonzero(self._labels["group"] == group).tolist():
            belongs[self._inside(row, sessions), self._column[row]] = True
        return belongs

    def first(
        self, sessions: npt.NDArray[np.datetime64], by: Grouping = "group"
    ) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
        """The one group that each symbol counts in on each session: the first of its rows that holds.

        Returns
        -------
        names : tuple of str
            Sorted, ``"no group"`` last.
        codes : ndarray of int, shape (sessions, symbols)
            Positions in `names`.
        """
        labels = self._labels[by]
        names = (*sorted(set(labels) - {""}), NO_GROUP)
        position = {name: place for place, name in enumerate(names)}
        codes = np.full((len(sessions), self._size), len(names) - 1, dtype=np.intp)
        # Later rows first, so that the first row of a symbol has the last word.
        for row in np.flatnonzero(labels != "")[::-1].tolist():
            codes[self._inside(row, sessions), self._column[row]] = position[labels[row]]
        return tuple(map(str, names)), codes

    def _inside(self, row: int, sessions: npt.NDArray[np.datetime64]) -> slice:
        first = np.searchsorted(sessions, self._start[row], side="left")
        return slice(int(first), int(np.searchsorted(sessions, self._stop[row], side="right")))


class _Companies:
    """Which company each symbol is a share of, and when; worked out once for days between two changes.

    Parameters
    ----------
    instruments : DataFrame
    column, start, stop : ndarray, shape (rows,)
        Of each row its symbol's position, and the days from which and to which it holds.
    symbols : list of str
    """

    def __init__(
        self,
        instruments: pd.DataFrame,
        column: npt.NDArray[np.intp],
        start: npt.NDArray[np.datetime64],
        stop: npt.NDArray[np.datetime64],
        symbols: list[str],
    ) -> None:
        said = instruments["company"].to_numpy(dtype=object)
        rows = np.flatnonzero(said != "")
        self._said, self._column = said[rows], column[rows]
        self._start, self._stop = start[rows], stop[rows]
        self._symbols = np.array(symbols, dtype=object)
        self._changes = np.unique(np.concatenate([self._start, self._stop[self._stop < _EVER[1]] + 1]))
        self._found: dict[int, npt.NDArray[np.object_]] = {}

    def on(self, day: np.datetime64) -> npt.NDArray[np.object_]:
        """Company of each symbol on `day`, shape (symbols,)."""
        since = int(np.searchsorted(self._changes, day, side="right"))
        if since not in self._found:
            companies = self._on(day)
            companies.setflags(write=False)
            self._found[since] = companies
        return self._found[since]

    def _on(self, day: np.datetime64) -> npt.NDArray[np.object_]:
        begun = np.flatnonzero(self._start <= day)
        # The last row has the last word: one that holds after all that ended, and of such the first.
        order = begun[np.lexsort((-begun, np.minimum(self._stop[begun], day)))]
        companies = self._symbols.copy()
        companies[self._column[order]] = self._said[order]
        return companies
