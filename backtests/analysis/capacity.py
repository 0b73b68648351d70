"""How much money the strategy can carry: participation in daily volume, and cost that grows with size.

Trades of a run scale with its capital, so participation grows in proportion and market impact, by the
square-root law, with the root. The law is an average of many markets, not a promise for one trade.

References
----------
.. [1] Almgren, Thum, Hauptmann and Li (2005), "Direct Estimation of Equity Market Impact".
.. [2] Toth et al. (2011), "Anomalous Price Impact and the Critical Nature of Liquidity in Financial Markets".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.trading import paid, years_of
from backtests.engine.books import Ledger
from backtests.engine.rules import LARGEST_IMPACT, impact_inputs
from backtests.engine.terms import Costs
from datafeeds.market import Array, Market

TYPICAL_IMPACT = 1.0
"""Coefficient of the square-root law: of the order of one in every market measured [2]_."""


PARTICIPATION = 0.05
"""Share of daily volume that one trade may take where the run file does not say."""


@dataclass(frozen=True, eq=False)
class Trades:
    """Executed orders, one a symbol and session, with what is needed to scale them. Shape (trades,).

    Attributes
    ----------
    year : ndarray of int
        Calendar year.
    value : ndarray
        Traded value, unsigned, in money.
    participation : ndarray
        Shares / average daily volume of the 21 sessions before; NaN where volume is unknown.
    volatility : ndarray
        Daily, over the same sessions; NaN where unknown.
    equity : ndarray
        The portfolio's equity at the close before.
    """

    year: npt.NDArray[np.int64]
    value: Array
    participation: Array
    volatility: Array
    equity: Array

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether the participation of each trade is known, shape (trades,)."""
        return np.isfinite(self.participation)


def trades_of(ledger: Ledger, market: Market, inputs: tuple[Array, Array] | None = None) -> Trades:
    """Trades of a run with the volume and volatility before them; payments for delisted shares left out.

    Parameters
    ----------
    ledger : Ledger
    market : Market
    inputs : tuple of ndarray, optional
        `backtests.engine.terms.impact_inputs` of the market, where it is already known.
    """
    volatility, average_volume = impact_inputs(market) if inputs is None else inputs
    orders = ledger.fills[ledger.fills["kind"] == "order"]
    signed = orders["shares"].to_numpy(dtype=np.float64)
    amounts = pd.DataFrame(
        {
            "session": orders["session"].to_numpy().astype("datetime64[s]"),
            "symbol": orders["symbol"].to_numpy(),
            "shares": np.abs(signed),
            "value": np.abs(signed) * orders["price"].to_numpy(dtype=np.float64),
        }
    )
    daily = amounts.groupby(["session", "symbol"], sort=False, as_index=False)[["shares", "value"]].sum()
    days = daily["session"].to_numpy().astype("datetime64[D]")
    rows = np.searchsorted(market.sessions, days)
    columns = market.columns_of(daily["symbol"])
    volume = average_volume[rows, columns]
    shares = daily["shares"].to_numpy()
    before = np.maximum(np.searchsorted(ledger.sessions, days) - 1, 0)
    return Trades(
        year=days.astype("datetime64[Y]").astype(np.int64) + 1970,
        value=daily["value"].to_numpy(),
        participation=np.divide(shares, volume, out=np.full(len(shares), np.nan), where=volume > 0),
        volatility=volatility[rows, columns],
        equity=ledger.equity[before],
    )


@dataclass(frozen=True)
class YearCapacity:
    """Capacity by the trades of one calendar year.

    Attributes
    ----------
    year : int
    trades : int
        Those whose volume is known.
    equity : float
        Equity at which the given share of that year's traded value stays within the participation.
    largest : float
        Equity at which every trade does.
    """

    year: int
    trades: int
    equity: float
    largest: float


@dataclass(frozen=True)
class Capacity:
    """Capital that the strategy can carry within a participation of average daily volume.

    Attributes
    ----------
    participation : float
        Largest share of average daily volume that one trade may take.
    share : float
        Share of traded value that must stay within it; the rest would take longer than a day.
    capital : float
        What the run started with.
    starting_capital : float
        Capital at the start at which `share` of all traded value stays within the participation; infinite
        without trades, NaN where no volume is known.
    largest_trade : float
        Capital at the start at which every trade does.
    years : tuple of YearCapacity
        In equity of the year, which says more about today than the whole run does.
    unknown : float
        Share of traded value whose volume is unknown.
    """

    participation: float
    share: float
    capital: float
    starting_capital: float
    largest_trade: float
    years: tuple[YearCapacity, ...]
    unknown: float


def capacity(trades: Trades, capital: float, participation: float = 0.05, share: float = 0.95) -> Capacity:
    """Capital at which the run's trades reach a participation of average daily volume.

    Parameters
    ----------
    trades : Trades
    capital : float
        What the run started with.
    participation : float
        Share of average daily volume, above 0.
    share : float
        Share of traded value that must stay within it, between 0 and 1.

    Returns
    -------
    Capacity

    Raises
    ------
    ValueError
        If `participation` is not above 0 or `share` not between 0 and 1.
    """
    if not participation > 0 or not 0 < share <= 1:
        raise ValueError(f"need a participation above 0 and a share up to 1, got {participation} and {share}")
    known = trades.known
    value = trades.value[known]
    # Participation per unit of money, of starting capital and of equity at the time.
    of_capital = trades.participation[known] / capital
    of_equity = trades.participation[known] / trades.equity[known]
    years = []
    for year in np.unique(trades.year[known]):
        rows = trades.year[known] == year
        years.append(
            YearCapacity(
                year=int(year),
                trades=int(rows.sum()),
                equity=participation / _weighted_quantile(of_equity[rows], value[rows], share),
                largest=participation / float(of_equity[rows].max()),
            )
        )
    traded = float(trades.value.sum())
    limits = (math.inf, math.inf) if not traded else (math.nan, math.nan)
    if len(value):
        limits = (
            participation / _weighted_quantile(of_capital, value, share),
            participation / float(of_capital.max()),
        )
    return Capacity(
        participation=participation,
        share=share,
        capital=capital,
        starting_capital=limits[0],
        largest_trade=limits[1],
        years=tuple(years),
        unknown=float(trades.value[~known].sum()) / traded if traded else 0.0,
    )


def _weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """Smallest of `values` that at least `share` of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
    return float(values[order][min(int(place), len(values) - 1)])


@dataclass(frozen=True)
class CostAtSize:
    """Market impact if the run had started with another capital.

    Attributes
    ----------
    capital : float
        At the start.
    impact_rate : float
        Impact as a fraction of equity, a year (over the run if it spans less than a year).
    capped : float
        Share of traded value where the law was cut off at a move of `backtests.engine.terms.LARGEST_IMPACT`.
    """

    capital: float
    impact_rate: float
    capped: float


def cost_growth(
    trades: Trades,
    ledger: Ledger,
    impact: float = TYPICAL_IMPACT,
    multiples: Iterable[float] = (1, 3, 10, 30, 100, 300, 1000),
) -> tuple[CostAtSize, ...]:
    """Market impact as the capital grows, by the square-root law.

    The price moves by ``impact * daily volatility * sqrt(shares / average daily volume)`` [1]_ [2]_.
    Commission and spread grow in proportion to capital and so leave the rate as it is.

    Parameters
    ----------
    trades : Trades
    ledger : Ledger
        Of the same run: its first equity is the capital that is multiplied.
    impact : float
        Coefficient of the law.
    multiples : iterable of float
        Of the run's capital, each above 0.

    Returns
    -------
    tuple of CostAtSize
        Trades with unknown volume or volatility count as free; `Capacity.unknown` says how many those are.
    """
    years = years_of(ledger)
    move = impact * trades.volatility * np.sqrt(trades.participation)
    traded = float(trades.value.sum())
    sizes = []
    for multiple in multiples:
        moved = np.nan_to_num(move * math.sqrt(multiple))
        capped = moved > LARGEST_IMPACT
        lost = np.minimum(moved, LARGEST_IMPACT) * trades.value / trades.equity
        sizes.append(
            CostAtSize(
                capital=float(ledger.equity[0]) * multiple,
                impact_rate=float(lost.sum()) / years,
                capped=float(trades.value[capped].sum()) / traded if traded else 0.0,
            )
        )
    return tuple(sizes)


def break_even_capital(trades: Trades, ledger: Ledger, lead: float, impact: float = TYPICAL_IMPACT) -> float:
    """Find the starting capital at which impact, by the square-root law, would eat a lead.

    Parameters
    ----------
    trades : Trades
    ledger : Ledger
    lead : float
        Return a year above the benchmark before impact (over the run if it spans less than a year).
    impact : float
        Coefficient of the law.

    Returns
    -------
    float
        0 without a lead; infinite where impact can't be told, costs nothing, or, cut off as in
        `cost_growth`, never costs as much as the lead.
    """
    if lead <= 0:
        return 0.0
    years = years_of(ledger)
    move = np.nan_to_num(impact * trades.volatility * np.sqrt(trades.participation))
    order = np.argsort(-move, kind="stable")[: np.count_nonzero(move)]
    move, share = move[order], (trades.value / trades.equity)[order] / years
    # In the root of the multiple the cost is linear between the roots at which one more trade is cut off.
    roots = LARGEST_IMPACT / move
    still_linear = (move * share).sum() - np.cumsum(move * share) + move * share
    costs = roots * still_linear + LARGEST_IMPACT * (np.cumsum(share) - share)
    if not len(costs) or lead > costs[-1]:
        return math.inf
    root = np.interp(lead, np.append(0.0, costs), np.append(0.0, roots))
    return float(ledger.equity[0]) * float(root) ** 2


@dataclass(frozen=True, eq=False)
class Sizing:
    """How much money a run could carry, and what more of it would cost.

    Attributes
    ----------
    capacity : Capacity
    impact : float
        Coefficient of the square-root law.
    sizes : tuple of CostAtSize
        Empty where no volume is known.
    break_even : float or None
        Starting capital at which impact eats the lead; None without a benchmark.
    """

    capacity: Capacity
    impact: float
    sizes: tuple[CostAtSize, ...]
    break_even: float | None


def sizing(ledger: Ledger, market: Market, costs: Costs, lead: float | None) -> Sizing:
    """How much money a run could carry.

    Parameters
    ----------
    ledger : Ledger
    market : Market
    costs : Costs
        Participation and impact are taken from it, `PARTICIPATION` and `TYPICAL_IMPACT` where it has none.
    lead : float, optional
        Return a year above the benchmark after costs.
    """
    trades = trades_of(ledger, market)
    capital = float(ledger.equity[0])
    impact = costs.impact or TYPICAL_IMPACT
    found = capacity(trades, capital, costs.max_participation or PARTICIPATION)
    if not trades.known.any():
        return Sizing(found, impact, (), None)
    paid_for_impact = paid(ledger, "impact") / float(ledger.equity.mean()) / years_of(ledger)
    break_even = None if lead is None else break_even_capital(trades, ledger, lead + paid_for_impact, impact)
    return Sizing(found, impact, cost_growth(trades, ledger, impact), break_even)
