"""Was it earned evenly: in both halves, without the best days and months, and by changing weights at all.

A lead that one half, ten days or an average mix explains is a lead of that half, those days or that mix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from backtests.analysis.holdout import Holdout, held_out
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.engine.books import Ledger
from backtests.engine.terms import Account
from datafeeds.market import Array, Dates, Market
from strategies.schedule import Monthly

Unit = Literal["days", "months"]

BEST: dict[Unit, tuple[int, ...]] = {"days": (5, 10, 20), "months": (3, 6, 12)}
"""How many of the best are left out."""

TIMES = 10
"""A number is left out only of a run that has this many times as many."""

ROUNDING = 1e-12
"""Log returns below this are none."""


def halves(equities: tuple[Array, ...], sessions: Dates, cash: Array) -> Holdout | str:
    """Score both halves of a run, or say why that can't be done.

    Parameters
    ----------
    equities : tuple of ndarray, shape (sessions,)
        Of each book, the strategy's first.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : ndarray, shape (sessions - 1,)
        Return of cash in each session after the first.
    """
    return held_out(equities, sessions, cash, sessions[len(sessions) // 2].item())


# --- Without the best -----------------------------------------------------------------------------


@dataclass(frozen=True)
class WithoutBest:
    """What is left of a run without some of its best days or months.

    Attributes
    ----------
    unit : {"days", "months"}
    count : int
        How many are left out; 0 for the run as it was.
    ours, theirs : float
        Return a year (in total under a year) of the strategy and of the first benchmark, each without its
        own best, in cash instead; the latter NaN without a benchmark.
    lead : float
        Of the strategy over the benchmark, without those in which it gained most on it; NaN without one.
    """

    unit: Unit
    count: int
    ours: float
    theirs: float
    lead: float


@dataclass(frozen=True)
class Steadiness:
    """On how few days and months a run rests.

    Attributes
    ----------
    days, months : int
        How many the run has.
    without : tuple of WithoutBest
        The run as it was, then days, then months.
    return_days, lead_days : int or None
        Fewest days without which nothing would be left above cash, or of the lead; None where there is
        nothing to begin with.
    """

    days: int
    months: int
    without: tuple[WithoutBest, ...]
    return_days: int | None
    lead_days: int | None


def steadiness(ours: Array, theirs: Array | None, sessions: Dates, cash: Array) -> Steadiness | None:
    """Leave out the best days and months; None where equity was lost, so that nothing compounds.

    Parameters
    ----------
    ours, theirs : ndarray, shape (sessions,)
        Equity of the strategy and of the first benchmark.
    sessions : ndarray of datetime64[D], shape (sessions,)
    cash : ndarray, shape (sessions - 1,)
        Return of cash in each session after the first.
    """
    books = (ours,) if theirs is None else (ours, theirs)
    if any((book <= 0).any() for book in books):
        return None
    years = span_in_years(sessions) if spans_a_year(sessions) else 1.0
    months = sessions[1:].astype("datetime64[M]")
    begins = np.flatnonzero(np.append(True, months[1:] != months[:-1]))
    daily = [np.diff(np.log(book)) for book in books]
    safe = np.log1p(cash)
    monthly = [np.add.reduceat(each, begins) for each in (*daily, safe)]
    grown: dict[Unit, list[Array]] = {"days": [*daily, safe], "months": monthly}
    rows = [_without("days", 0, grown["days"], years)]
    for unit, counts in BEST.items():
        rows += [
            _without(unit, count, grown[unit], years)
            for count in counts
            if len(grown[unit][0]) >= TIMES * count
        ]
    return Steadiness(
        days=len(safe),
        months=len(begins),
        without=tuple(rows),
        return_days=fewest(daily[0] - safe),
        lead_days=None if theirs is None else fewest(daily[0] - daily[1]),
    )


def _without(unit: Unit, count: int, grown: list[Array], years: float) -> WithoutBest:
    """Leave out the best `count` of log returns, the strategy's first and those of cash last."""
    ours, *others, safe = grown

    def growth(book: Array, instead: Array) -> float:
        return float(np.expm1((book.sum() - best(book - instead, count)) / years))

    theirs = growth(others[0], safe) if others else float("nan")
    lead = growth(ours, others[0]) - np.expm1(others[0].sum() / years) if others else float("nan")
    return WithoutBest(unit, count, growth(ours, safe), theirs, float(lead))


def best(gains: Array, count: int) -> float:
    """Sum of the `count` largest."""
    return float(np.sort(gains)[len(gains) - count :].sum())


def fewest(gains: Array) -> int | None:
    """How few of `gains` can be left out so that nothing is left of their sum; None where there is none.

    Examples
    --------
    >>> fewest(np.array([3.0, -1.0, 2.0, -1.0, 1.0]))
    2
    """
    if gains.sum() <= ROUNDING:
        return None
    left = gains.sum() - np.cumsum(np.sort(gains)[::-1])
    return int(np.argmax(left <= ROUNDING)) + 1


# --- The average mix ------------------------------------------------------------------------------


@dataclass(frozen=True)
class AverageMix:
    """A book, and its own average weights held all along.

    Attributes
    ----------
    growth : float
        Return a year (in total under a year) of the book.
    held : float
        That of its average weights.
    """

    growth: float
    held: float

    @property
    def timing(self) -> float:
        """What changing the weights added."""
        return self.growth - self.held


def average_mix(ledger: Ledger, market: Market, account: Account) -> AverageMix | None:
    """Hold a book's average weights from its first to its last session, rebalanced each month.

    At each rebalancing what does not trade yet, or no longer, is spread over the others. Filled as the run
    was and at its costs, by the compiled engine.

    Parameters
    ----------
    ledger : Ledger
    market : Market
    account : Account

    Returns
    -------
    AverageMix or None
        None for a book that was short or held options, whose average is no portfolio.
    """
    if ledger.hedge is not None and not ledger.hedge.empty:
        return None
    first, last = account.first, account.last
    marks = np.nan_to_num(market.mark[first : last + 1])
    weights = (ledger.positions * marks / ledger.equity[:, None])[1:].mean(axis=0)
    if (weights < 0).any() or not weights.any():
        return None
    from backtests.engine.kernel import replay  # numba: half a second to import

    days = market.sessions[first : last + 1]
    decided = np.flatnonzero(Monthly().decides(days, days[-1] + 1)) + first
    decided = np.union1d([first], decided[decided < last])
    there = np.isfinite(market.mark[decided]) & ~market.gone[decided]
    targets = np.where(there, weights, 0.0)
    spread = np.divide(
        min(weights.sum(), 1.0), targets.sum(axis=1), out=np.zeros(len(decided)), where=targets.any(axis=1)
    )
    mixed = replay(market, targets * spread[:, None], decided, replace(account, overlay=None))
    years = span_in_years(days) if spans_a_year(days) else 1.0
    return AverageMix(
        *(float((each.equity[-1] / each.equity[0]) ** (1 / years) - 1) for each in (ledger, mixed))
    )
