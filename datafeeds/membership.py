"""Who belongs to which group, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Grouping = Literal["group", "sector", "industry"]

NO_GROUP = "no group"
"""Name of what belongs nowhere."""


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
        self._start = np.where(np.isnat(start), np.datetime64("0001-01-01"), start)
        self._stop = np.where(np.isnat(stop), np.datetime64("9999-12-31"), stop)

    def on(self, day: np.datetime64, group: str | None = None) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to `group` on `day`, shape (symbols,).

        Without a group: whether any of its rows holds.
        """
        holds = (self._start <= day) & (day <= self._stop)
        if group is not None:
            holds &= self._labels["group"] == group
        belongs = np.zeros(self._size, dtype=bool)
        belongs[self._column[holds]] = True
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
