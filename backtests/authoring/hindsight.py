"""What no machine can prove: how much a strategy's author knew, and results too good to be taken on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.analysis.performance import performance
from backtests.authoring.reading import Reading
from backtests.authoring.sealed.code import classes_of
from backtests.authoring.sealed.program import Source
from backtests.authoring.source import read_source
from backtests.engine.books import Ledger
from datafeeds.market import Array, Market
from strategies.strategy import Strategy

SHARPE = 3.0
"""A Sharpe ratio above this asks for an explanation."""

SHARE = 0.9
"""Share of the months of perfect foresight that no month should beat."""


@dataclass(frozen=True)
class Hindsight:
    """Counts and comparisons that a reader should see before believing a result.

    Attributes
    ----------
    reading : Reading
        Names, dates and tables in the source and the parameters.
    sharpe : float or None
        The run's Sharpe ratio if it is above `SHARPE`.
    month : str
        The run's best month if it beats `SHARE` of all months of perfect foresight, else empty.
    earned, foreseen : float
        Its return, and the one that `SHARE` of those months stay below.
    """

    reading: Reading
    sharpe: float | None
    month: str
    earned: float
    foreseen: float


def hindsight(
    strategy: Strategy,
    parameters: Mapping[str, Any],
    ledger: Ledger,
    market: Market,
    cash: Array | float,
    sources: Mapping[str, Source],
) -> Hindsight:
    """Look at what the author knew, and at what came out.

    Parameters
    ----------
    strategy : Strategy
    parameters : mapping
        As the run file gives them.
    ledger : Ledger
        The run's books.
    market : Market
    cash : ndarray, shape (sessions - 1,), or float
        Return of cash, as `performance` takes it.
    sources : mapping of str to Source
        The code that decided, as it was replayed.
    """
    reading = read_source(classes_of(strategy), parameters, market.symbols, sources)
    sharpe = performance(ledger.equity, ledger.sessions, cash)["sharpe"]
    high = sharpe if sharpe is not None and sharpe > SHARPE else None
    earned = monthly(pd.Series(ledger.equity, pd.DatetimeIndex(ledger.sessions)))
    foreseen = perfect_months(ledger, market)
    if earned.empty or foreseen.empty:
        return Hindsight(reading, high, "", 0.0, 0.0)
    level, best = float(foreseen.quantile(SHARE)), earned.idxmax()
    return Hindsight(reading, high, f"{best}" if earned[best] > level else "", float(earned[best]), level)


def perfect_months(ledger: Ledger, market: Market) -> pd.Series[float]:
    """Return of the best stock or fund in each month of a run: what holding it alone would have earned."""
    first = market.index_of(ledger.sessions[0])
    columns = np.flatnonzero(np.isin(market.kinds, ("stock", "etf")))
    marks = market.mark[first : first + len(ledger.sessions)][:, columns]
    best: pd.Series[float] = monthly(pd.DataFrame(marks, pd.DatetimeIndex(ledger.sessions))).max(axis=1)
    return best.dropna()


def monthly(values: Any) -> Any:
    """Change over each month, from the last value of the month before; the first month is left out."""
    ends = values.groupby(values.index.to_period("M")).last()
    return (ends / ends.shift(1) - 1).iloc[1:]
