"""The thirty members of the Dow Jones Industrial Average by date, and what a price-weighted day is."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datafeeds.market import Array, Market
from strategies.benchmarks import adjusted_divisor

_TABLE = tomllib.loads(Path(__file__).with_name("dow.toml").read_text(encoding="utf-8"))

LEAST_MEMBERS = 20
"""With fewer of the thirty in a market their price-weighted return is not that of the Dow."""


def dow_members(date: np.datetime64) -> list[str]:
    """Symbols of the members on `date` (``dow.toml``); none before the day on which the table begins."""
    if date < np.datetime64(_TABLE["since"]):
        return []
    members: list[str] = _TABLE["members"]
    for change in _TABLE["changes"]:
        if np.datetime64(change["day"]) <= date:
            members = [symbol for symbol in members if symbol not in change["left"]] + change["entered"]
    return members


@dataclass(frozen=True)
class PriceWeightedDay:
    """One day of a price-weighted index.

    Attributes
    ----------
    change : float
        Its return.
    divisor : float
        In force that day: the one given, or adjusted for the day's splits.
    points : dict of str to float
        What each member added, in points of the index: change of price / divisor.
    """

    change: float
    divisor: float
    points: dict[str, float]


def split_factor(market: Market, symbols: list[str], index: int) -> Array:
    """Factor from split-adjusted closes to the prices of session `index`, shape (symbols,).

    The product of the ratios of all splits after that session.
    """
    later = market.splits[market.splits["date"].to_numpy().astype("datetime64[D]") > market.sessions[index]]
    product = later.groupby("symbol")["ratio"].prod()
    return np.asarray(product.reindex(symbols).fillna(1.0), dtype=np.float64)


def price_weighted_day(
    market: Market, index: int, symbols: list[str], divisor: float | None = None
) -> PriceWeightedDay:
    """Return of one share of each of `symbols`, at the prices of the day.

    Parameters
    ----------
    market : Market
        With split-adjusted closes; its splits turn them back into the prices of the day.
    index : int
        The session, at least 1.
    symbols : list of str
        Those without a close on it or on the session before are left out.
    divisor : float, optional
        In force the day before; the number of members if not given.

    Returns
    -------
    PriceWeightedDay

    Raises
    ------
    ValueError
        If no symbol traded on both days.

    Notes
    -----
    S&P Dow Jones Indices, *Index Mathematics Methodology*: a split changes the divisor so that it does not
    move the index.
    """
    columns = market.columns_of(symbols)
    both = np.asarray(np.isfinite(market.close[index - 1 : index + 1, columns]).all(axis=0))
    present = [symbol for symbol, known in zip(symbols, both, strict=True) if known]
    if not present:
        raise ValueError(f"none of the members traded on {market.sessions[index]} and the session before")
    columns = columns[both]
    now_basis = split_factor(market, present, index)
    yesterday = market.close[index - 1, columns]
    before = yesterday * split_factor(market, present, index - 1)
    restated = yesterday * now_basis
    today = market.close[index, columns] * now_basis
    start = float(len(present)) if divisor is None else divisor
    used = adjusted_divisor(start, float(before.sum()), float(restated.sum()))
    points = dict(zip(present, ((today - restated) / used).tolist(), strict=True))
    return PriceWeightedDay(float(today.sum() / restated.sum() - 1.0), used, points)
