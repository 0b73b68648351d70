"""Where the money was: weights by group through time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Dates, Market

UNGROUPED = "no group"
CASH = "cash"


def group_weights(weights: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Share of equity by group at each close, cash last.

    Membership is dated; a symbol in several groups at once counts in the first of them by row, a symbol in
    none under ``"no group"``.

    Parameters
    ----------
    weights : DataFrame
        Share of equity by session and symbol, see `Ledger.weights`.
    market : Market

    Returns
    -------
    DataFrame
        Indexed by session; one column a group that was ever held, in order of average weight, then
        ``"no group"`` and ``"cash"``. Rows add to one.
    """
    sessions = weights.index.to_numpy().astype("datetime64[D]")
    columns = {str(symbol): position for position, symbol in enumerate(weights.columns)}
    left = np.ones(weights.shape, dtype=bool)
    values = weights.to_numpy()
    totals: dict[str, npt.NDArray[np.float64]] = {}
    for symbol, group, start, stop in _membership(market, tuple(columns)):
        column = columns[symbol]
        days = _between(sessions, start, stop) & left[:, column]
        left[:, column] &= ~days
        totals.setdefault(group, np.zeros(len(sessions)))
        totals[group] += np.where(days, values[:, column], 0.0)
    table = pd.DataFrame(totals, index=weights.index)
    table = table.loc[:, (table != 0).any()]
    table = table[table.mean().sort_values(ascending=False).index.tolist()]
    rest = np.where(left, values, 0.0).sum(axis=1)
    if rest.any():
        table[UNGROUPED] = rest
    table[CASH] = 1.0 - values.sum(axis=1)
    return table


def group_members(market: Market, group: str, sessions: Dates) -> npt.NDArray[np.bool_]:
    """Whether each of the market's symbols belongs to `group` on each session, shape (sessions, symbols)."""
    member = np.zeros((len(sessions), len(market.symbols)), dtype=bool)
    for symbol, name, start, stop in _membership(market, market.symbols):
        if name == group:
            member[:, market.column[symbol]] |= _between(sessions, start, stop)
    return member


def _membership(
    market: Market, symbols: tuple[str, ...]
) -> list[tuple[str, str, np.datetime64, np.datetime64]]:
    """Symbol, group and dates of every row of the instruments that has a group and is in `symbols`."""
    table = market.instruments
    table = table[(table["group"] != "") & table["symbol"].isin(symbols)]
    return list(
        zip(
            table["symbol"],
            table["group"],
            table["from"].to_numpy().astype("datetime64[D]"),
            table["to"].to_numpy().astype("datetime64[D]"),
            strict=True,
        )
    )


def _between(sessions: Dates, start: np.datetime64, stop: np.datetime64) -> npt.NDArray[np.bool_]:
    """Which sessions lie between the dates, both inclusive; NaT is an open end."""
    after = np.isnat(start) | (sessions >= start)
    before = np.isnat(stop) | (sessions <= stop)
    return np.asarray(after & before, dtype=np.bool_)
