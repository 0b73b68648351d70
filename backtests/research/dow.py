"""The thirty members of the Dow Jones Industrial Average by date, and what a price-weighted day is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datafeeds.market import Array, Market
from strategies.benchmarks import adjusted_divisor

MEMBERS_SINCE_2004 = (
    *("MMM", "HWM", "MO", "AXP", "AIG", "BA", "CAT", "C", "KO", "DIS", "DD", "XOM", "GE", "GM", "HPQ"),
    *("HD", "HON", "INTC", "IBM", "JNJ", "JPM", "MCD", "MRK", "MSFT", "PFE", "PG", "T", "RTX", "VZ", "WMT"),
)
"""From 2004-04-08, by today's symbols: HWM for Alcoa, HPQ for Hewlett-Packard, RTX for United Technologies,
T for SBC."""

CHANGES: tuple[tuple[str, str, str], ...] = (
    ("2008-02-19", "BAC CVX", "MO HON"),
    ("2008-09-22", "MDLZ", "AIG"),
    ("2009-06-08", "CSCO TRV", "C GM"),
    ("2012-09-24", "UNH", "MDLZ"),
    ("2013-09-23", "GS NKE V", "HWM BAC HPQ"),
    ("2015-03-19", "AAPL", "T"),
    ("2018-06-26", "WBA", "GE"),
    ("2019-04-02", "DOW", "DD"),
    ("2020-08-31", "CRM AMGN HON", "XOM PFE RTX"),
    ("2024-02-26", "AMZN", "WBA"),
    ("2024-11-08", "NVDA SHW", "INTC DOW"),
)
"""Day, who entered, who left, from the announcements of S&P Dow Jones Indices up to 2024-11-08. MDLZ stands
for Kraft Foods, DD for DuPont and DowDuPont."""

LEAST_MEMBERS = 20
"""With fewer of the thirty in a market their price-weighted return is not that of the Dow."""


def dow_members(date: np.datetime64) -> list[str]:
    """Symbols of the members on `date`; none before 2004-04-08, where this table begins."""
    if date < np.datetime64("2004-04-08"):
        return []
    members = list(MEMBERS_SINCE_2004)
    for day, entered, left in CHANGES:
        if np.datetime64(day) <= date:
            members = [symbol for symbol in members if symbol not in left.split()] + entered.split()
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
