"""Could it have been traded so? Every fill against its bar, and the same decisions filled otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from backtests.analysis.performance import annual_growth
from backtests.analysis.span import spans_a_year
from backtests.engine.books import Ledger, returns_of
from backtests.engine.second_opinion import recomputed
from backtests.engine.terms import Account, Costs
from datafeeds.market import Array, Market

TOLERANCE = 1e-9
"""Relative, for prices that went through a split or a file."""


@dataclass(frozen=True)
class FillCheck:
    """Fills against the bars of their sessions.

    Attributes
    ----------
    fills : int
        Orders filled; payments for delisted shares are none.
    known : int
        Those whose bar has a high and a low.
    outside : int
        Those whose price before costs lies outside the bar.
    beyond : int
        Those whose price with spread and impact does.
    participation : float
        Largest share of the session's volume; NaN where no volume is known.
    typical : float
        The middle one.
    """

    fills: int
    known: int
    outside: int
    beyond: int
    participation: float
    typical: float


def fill_check(ledger: Ledger, market: Market) -> FillCheck:
    """Hold every fill against its bar."""
    done = ledger.executions
    ordered = done.said("order")
    rows, columns = market.index_of(ledger.sessions[0]) + done.session[ordered], done.symbol[ordered]
    low, high = market.low[rows, columns], market.high[rows, columns]
    known = np.isfinite(low) & np.isfinite(high) & np.bool_(not market.closes_only)

    def out(prices: Array) -> int:
        slack = TOLERANCE * np.abs(prices)
        return int(((prices < low - slack) | (prices > high + slack))[known].sum())

    volume = market.volume[rows, columns]
    shares = np.abs(done["shares"][ordered])
    part = shares[volume > 0] / volume[volume > 0]
    return FillCheck(
        fills=len(rows),
        known=int(known.sum()),
        outside=out(done["reference"][ordered]),
        beyond=out(done["price"][ordered]),
        participation=float(part.max()) if len(part) else float("nan"),
        typical=float(np.median(part)) if len(part) else float("nan"),
    )


@dataclass(frozen=True)
class Rerun:
    """The same decisions filled otherwise.

    Attributes
    ----------
    name : str
    ours, theirs : float
        Return a year (in total under a year) of the strategy and of the first benchmark; the latter NaN
        without one.
    """

    name: str
    ours: float
    theirs: float

    @property
    def lead(self) -> float:
        """What is left of the lead."""
        return self.ours - self.theirs


AS_IT_WAS = "As it was"


def reruns(ours: Ledger, theirs: Ledger | None, market: Market, account: Account) -> tuple[Rerun, ...]:
    """The run as it was, then its decisions filled a session later, at the close, and at twice the cost.

    Parameters
    ----------
    ours, theirs : Ledger
        Books of the strategy and of the first benchmark.
    market : Market
    account : Account

    Returns
    -------
    tuple of Rerun
        By the compiled engine. Decisions stay as they were made.
    """
    at_close = replace(market, open=market.close, closes_only=True)
    others: dict[str, Callable[[Ledger], Ledger]] = {
        AS_IT_WAS: lambda ledger: ledger,
        "One session later": lambda ledger: recomputed(
            ledger, market, replace(account, lag=account.lag + 1), "ledger"
        ),
        "At the close": lambda ledger: recomputed(ledger, at_close, account, "ledger"),
        "At twice the cost": lambda ledger: recomputed(
            ledger, market, replace(account, costs=doubled(account.costs)), "ledger"
        ),
    }
    return tuple(
        Rerun(name, _growth(fill(ours)), float("nan") if theirs is None else _growth(fill(theirs)))
        for name, fill in others.items()
    )


def doubled(costs: Costs) -> Costs:
    """Costs with commission, spread and impact twice as high."""
    twice = ("commission_bps", "commission_per_share", "half_spread_bps", "impact")
    return costs.model_copy(update={name: 2 * getattr(costs, name) for name in twice})


def _growth(ledger: Ledger) -> float:
    if spans_a_year(ledger.sessions):
        return annual_growth(returns_of(ledger.equity), ledger.sessions)
    return float(ledger.equity[-1] / ledger.equity[0] - 1.0)
