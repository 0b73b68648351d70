"""Returns of the market, the Dow, the Nasdaq and small companies, or of what stands in for them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from datafeeds.market import Array, Market
from strategies.signals import listed

Index = Literal["market", "dow", "nasdaq", "small"]

GROUPS: dict[Index, str] = {
    "market": "cap_weighted",
    "dow": "dow",
    "nasdaq": "nasdaq",
    "small": "small_cap",
}
"""The group whose members follow an index, where a market has one."""

TECHNOLOGY = "Information Technology"


class NoIndex(ValueError):  # noqa: N818
    """A market without an index, and without anything to stand in for it."""


def session_returns(market: Market) -> Array:
    """Total return of each symbol in each session, shape (sessions, symbols).

    NaN where it did not trade, or had no price before.
    """
    returns = np.full(market.close.shape, np.nan)
    before = market.mark[:-1]
    returns[1:] = (market.close[1:] + market.dividend[1:]) / before - 1.0
    return returns


def mean_return(returns: Array, belongs: npt.NDArray[np.bool_]) -> Array:
    """Mean of each row over the symbols that belong and have a return; NaN without any."""
    known = belongs & np.isfinite(returns)
    count = known.sum(axis=1)
    total = np.where(known, returns, 0.0).sum(axis=1)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def group_returns(market: Market, returns: Array, group: str) -> Array:
    """Equal-weighted return of the members that a group has on each day, shape (sessions,); NaN without any.

    An empty `group` means every stock.
    """
    belongs = market.memberships(group) if group else np.broadcast_to(market.kinds == "stock", returns.shape)
    return mean_return(returns, belongs)


def price_weighted_returns(market: Market, returns: Array) -> Array:
    """Return of one share of each stock, at split-adjusted prices, shape (sessions,)."""
    before = market.mark[:-1]
    known = (market.kinds == "stock") & np.isfinite(returns[1:]) & np.isfinite(before)
    prices = np.where(known, before, 0.0)
    total = prices.sum(axis=1)
    gained = (prices * np.nan_to_num(returns[1:])).sum(axis=1)
    result = np.full(len(market.sessions), np.nan)
    result[1:] = np.where(total > 0, gained / np.where(total > 0, total, 1.0), np.nan)
    return result


def market_returns(market: Market, returns: Array, group: str) -> tuple[str, Array]:
    """Returns of a group, or of every stock where there is no such group, and a name that says which."""
    if group in market.groups:
        table = market.instruments
        label = listed(map(str, table.loc[table["group"] == group, "symbol"]), most=3)
        return label, group_returns(market, returns, group)
    count = int((market.kinds == "stock").sum())
    return f"{count} stocks in equal weight", group_returns(market, returns, "")


def index_returns(market: Market, returns: Array, index: Index) -> tuple[str, Array]:
    """Returns of an index and a name that says what was taken for it.

    Parameters
    ----------
    market : Market
    returns : ndarray, shape (sessions, symbols)
        `session_returns`.
    index : {"market", "dow", "nasdaq", "small"}
        The members of its group (see `GROUPS`), usually one fund. Without them: for the market all stocks in
        equal weight, for the Dow all stocks in price weight, for the Nasdaq the technology stocks in equal
        weight.

    Raises
    ------
    NoIndex
        If nothing can stand in.
    """
    group = GROUPS[index]
    if index == "market" or group in market.groups:
        return market_returns(market, returns, group)
    table = market.instruments
    count = int((market.kinds == "stock").sum())
    if index == "dow":
        return f"{count} stocks in price weight (for the Dow)", price_weighted_returns(market, returns)
    technology = sorted(table.loc[table["sector"] == TECHNOLOGY, "symbol"])
    if index == "nasdaq" and technology:
        chosen = np.isin(np.array(market.symbols), technology)
        more = f" and {len(technology) - 4} more" if len(technology) > 4 else ""
        label = f"{'/'.join(technology[:4])}{more} in equal weight (for the Nasdaq)"
        return label, mean_return(returns, np.broadcast_to(chosen, returns.shape))
    raise NoIndex(f"the market has no group {group}, and nothing to stand in for it")
