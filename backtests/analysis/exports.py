"""A run's books in the shapes that other libraries ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.engine.books import returns_of
from datafeeds.market import Array, Dates, Market


@dataclass(frozen=True, eq=False)
class PyfolioInput:
    """What pyfolio-reloaded takes. Dates are midnight UTC: without a time zone it drops its stress periods.

    Attributes
    ----------
    returns : Series
        Of each session after the first.
    positions : DataFrame
        Value of each holding at each close after the first, by symbol, and ``cash``.
    transactions : DataFrame
        One row a fill after the first session: `amount` (shares, signed), `price`, `symbol`.
    benchmark : Series or None
        Returns of the first benchmark.
    """

    returns: pd.Series[float]
    positions: pd.DataFrame
    transactions: pd.DataFrame
    benchmark: pd.Series[float] | None


def pyfolio_input(
    equity: Array,
    positions: pd.DataFrame,
    fills: pd.DataFrame,
    market: Market,
    benchmark: Array | None = None,
) -> PyfolioInput:
    """Books as pyfolio wants them.

    Parameters
    ----------
    equity : ndarray, shape (sessions,)
        At each close.
    positions : DataFrame
        Shares by session and symbol.
    fills : DataFrame
        See `backtests.engine.books.Ledger`.
    market : Market
    benchmark : ndarray, shape (sessions,), optional
        Equity of the first benchmark.
    """
    sessions: Dates = positions.index.to_numpy().astype("datetime64[D]")
    first = market.index_of(sessions[0])
    marks = market.mark[first : first + len(sessions), market.columns_of(map(str, positions.columns))]
    values = positions * np.nan_to_num(marks)
    values["cash"] = equity - values.sum(axis=1)
    dates = pd.DatetimeIndex(sessions).tz_localize("UTC")

    def daily(values: Array, name: str) -> pd.Series[float]:
        return pd.Series(returns_of(values), index=dates[1:], name=name)

    after = fills[fills["session"] > positions.index[0]]
    transactions = pd.DataFrame(
        {
            "amount": after["shares"].to_numpy(dtype=np.float64),
            "price": after["price"].to_numpy(dtype=np.float64),
            "symbol": after["symbol"].to_numpy(),
        },
        index=pd.DatetimeIndex(after["session"]).tz_localize("UTC"),
    )
    return PyfolioInput(
        returns=daily(equity, "returns"),
        positions=values.iloc[1:].set_axis(dates[1:]),
        transactions=transactions,
        benchmark=None if benchmark is None else daily(benchmark, "benchmark"),
    )
