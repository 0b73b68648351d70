"""Where the money was: weights by group through time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Dates, Market
from datafeeds.membership import NO_GROUP, Grouping

CASH = "cash"

OTHER = "other"
"""The group of what is in no other, told apart by sector."""


def named_groups(
    market: Market, sessions: Dates, by: Grouping = "group"
) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
    """The group that each symbol counts in on each session; see `Market.first_groups`.

    Members of the group ``"other"`` count in their sector, where it is known, under its name.
    """
    names, codes = market.first_groups(sessions, by)
    if by != "group" or OTHER not in names:
        return names, codes
    sectors, inside = market.first_groups(sessions, "sector")
    place = {name: number for number, name in enumerate(dict.fromkeys((*names[:-1], *sectors)))}
    codes = np.array([place[name] for name in names])[codes]
    finer = np.array([place[OTHER] if name == NO_GROUP else place[name] for name in sectors])[inside]
    return tuple(place), np.where(codes == place[OTHER], finer, codes)


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
    values = weights.to_numpy()
    names, codes = named_groups(market, sessions)
    totals = {name: np.zeros(len(sessions)) for name in names}
    for column, mine in zip(values.T, codes[:, market.columns_of(map(str, weights.columns))].T, strict=True):
        for code in np.unique(mine):
            totals[names[code]] += np.where(mine == code, column, 0.0)
    rest = totals.pop(NO_GROUP)
    table = pd.DataFrame(totals, index=weights.index)
    table = table.loc[:, (table != 0).any()]
    table = table[table.mean().sort_values(ascending=False).index.tolist()]
    if rest.any():
        table[NO_GROUP] = rest
    table[CASH] = 1.0 - values.sum(axis=1)
    return table
