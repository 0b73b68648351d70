"""A run taken apart at a date: what its parameters could be chosen by, and what came after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backtests.analysis.performance import performance, relative
from backtests.analysis.registry import Figures
from datafeeds.market import Array, Dates

LEAST = 21
"""Sessions that it takes to score either part."""


@dataclass(frozen=True)
class Part:
    """What every book did in one part of a run.

    Attributes
    ----------
    first, last : datetime64[D]
        Sessions; what is measured begins at the close of the first.
    performances : tuple of Figures
        Of each book, the strategy's first.
    relatives : tuple of Figures
        The strategy against each of the others.
    """

    first: np.datetime64
    last: np.datetime64
    performances: tuple[Figures, ...]
    relatives: tuple[Figures, ...]


@dataclass(frozen=True)
class Holdout:
    """A run before and after the date from which its data were held out.

    Attributes
    ----------
    begins : date
    before, after : Part
    """

    begins: dt.date
    before: Part
    after: Part


def held_out(equities: Sequence[Array], sessions: Dates, cash: Array, begins: dt.date) -> Holdout | str:
    """Score both parts of a run, or say why that can't be done.

    Parameters
    ----------
    equities : sequence of ndarray, shape (sessions,)
        Of each book, the strategy's first.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : ndarray, shape (sessions - 1,)
        Return of cash in each session after the first.
    begins : date
        Sessions from it on are held out. Their part begins at the last close before it.
    """
    cut = int(np.searchsorted(sessions, np.datetime64(begins)))
    later = len(sessions) - cut
    if later == 0:
        return f"The run ends on {sessions[-1]}, before {begins}: nothing of it is held out."
    if min(cut, later) < LEAST:
        part = "before" if cut < LEAST else "from"
        said = f"{min(cut, later)} session{'' if min(cut, later) == 1 else 's'} {part} {begins}"
        return f"The run has {said}: too few to score that part, {LEAST} are needed."
    whole = slice(0, cut), slice(cut - 1, len(sessions))
    return Holdout(begins, *(_part(equities, sessions, cash, part) for part in whole))


def _part(equities: Sequence[Array], sessions: Dates, cash: Array, part: slice) -> Part:
    ours, *others = (each[part] for each in equities)
    days, earned = sessions[part], cash[part.start : part.stop - 1]
    return Part(
        days[0],
        days[-1],
        tuple(performance(each, days, earned) for each in (ours, *others)),
        tuple(relative(ours, each, days, earned) for each in others),
    )
