"""Where the money was: weights by group through time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from datafeeds.market import Market
from datafeeds.membership import NO_GROUP

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
    values = weights.to_numpy()
    names, codes = market.first_groups(sessions)
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
