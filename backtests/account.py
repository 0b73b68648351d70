"""What a run starts with and what trading costs: the arithmetic that both engines share.

The functions work on floats in a fixed order, without powers or transcendental functions, so that compiled
code gives the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from datafeeds.market import Array, Market

if TYPE_CHECKING:
    from backtests.overlay import Overlay

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

IMPACT_SESSIONS = 21
"""Sessions over which volatility and volume are averaged for market impact."""

LARGEST_IMPACT = 0.5
"""The square-root law is cut off here: it was never fitted to trades that halve the price."""


LARGEST_COMMISSION = 0.9
"""Share of a trade's value that a commission is cut off at, so that every sell brings in cash."""


class Costs(BaseModel):
    """What trading and holding cost.

    Attributes
    ----------
    commission_bps : float
        Commission in hundredths of a percent of the traded value.
    commission_per_share : float
        Commission in money per share, in addition.
    half_spread_bps : float
        Half the quoted spread: buys fill that much above the reference price, sells below.
    impact : float
        Square-root market impact: the price moves by ``impact * daily volatility * sqrt(shares / average
        daily volume)``, both over the 21 sessions before. 0 turns it off; where volume is unknown
        there is none, and the tearsheet says so.
    max_participation : float
        Largest share of a session's volume that one order may take; the rest is carried to the next
        session. 0 means no cap. Where volume is unknown there is no cap.
    dividend_withholding : float
        Tax withheld from cash dividends, as a share.
    cash_rate : float
        Yearly simple interest on cash (actual/365).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    commission_bps: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1.0
    commission_per_share: NonNegative = 0.0
    half_spread_bps: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.0
    impact: NonNegative = 0.0
    max_participation: Share = 0.0
    dividend_withholding: Share = 0.0
    cash_rate: NonNegative = 0.0

    @property
    def commission_rate(self) -> float:
        """Commission as a fraction of value."""
        return self.commission_bps / 10_000.0

    @property
    def half_spread(self) -> float:
        """Half-spread as a fraction of the price."""
        return self.half_spread_bps / 10_000.0


@dataclass(frozen=True)
class Account:
    """What an engine needs to know besides market and decisions.

    Attributes
    ----------
    capital : float
        Cash at the start.
    costs : Costs
    lag : int
        Sessions of delay beyond the next one.
    fractional_shares : bool
    first, last : int
        The run's first and last session, as positions in the market; `last` is included.
    overlay : Overlay or None
        Prices of the options that targets may hedge with; None where there are none.
    """

    capital: float
    costs: Costs
    lag: int
    fractional_shares: bool
    first: int
    last: int
    overlay: Overlay | None = None


def interest_factors(market: Market, account: Account) -> Array:
    """Interest per unit of cash for each of the run's sessions, shape (run sessions,); first is 0."""
    days = np.diff(market.sessions[account.first : account.last + 1]).astype(np.float64)
    return np.concatenate([[0.0], account.costs.cash_rate * days / 365.0])


def impact_inputs(market: Market) -> tuple[Array, Array]:
    """Daily volatility and average volume over the 21 sessions before each session.

    Returns
    -------
    volatility, average_volume : ndarray, shape (sessions, symbols)
        NaN until 21 sessions are known, and where a value is missing among them.
    """
    returns = np.full(market.mark.shape, np.nan)
    returns[1:] = market.mark[1:] / market.mark[:-1] - 1.0
    volatility = pd.DataFrame(returns).rolling(IMPACT_SESSIONS).std().shift(1).to_numpy()
    volume = pd.DataFrame(market.volume).rolling(IMPACT_SESSIONS).mean().shift(1).to_numpy()
    return volatility, volume


def impact_fraction(shares: float, impact: float, volatility: float, average_volume: float) -> float:
    """Relative price move that trading `shares` (unsigned) causes: the square-root law.

    0 where volume or volatility are unknown; at most `LARGEST_IMPACT`.
    """
    if impact <= 0.0 or not (average_volume > 0.0) or not (volatility > 0.0):
        return 0.0
    return min(impact * volatility * math.sqrt(shares / average_volume), LARGEST_IMPACT)


def commission(shares: float, price: float, rate: float, per_share: float) -> float:
    """Commission in money for `shares` (unsigned) at `price`; at most `LARGEST_COMMISSION` of the trade."""
    return min(shares * rate * price + shares * per_share, shares * price * LARGEST_COMMISSION)


def wanted_shares(weight: float, equity: float, price: float, fractional: bool) -> float:
    """Shares that `weight` of `equity` buys at `price`, whole unless `fractional`."""
    shares = weight * equity / price
    return shares if fractional else float(math.floor(shares))


def capped_shares(shares: float, volume: float, participation: float, fractional: bool) -> float:
    """`shares` (unsigned), but no more than `participation` of the session's `volume`."""
    if participation <= 0.0 or math.isnan(volume):
        return shares
    most = participation * volume
    if not fractional:
        most = float(math.floor(most))
    return min(shares, most)


def shrunk_shares(shares: float, step: int, fractional: bool) -> float:
    """The next smaller size to try for a buy that the cash does not quite cover.

    Parameters
    ----------
    shares : float
        Size that was too large.
    step : int
        How often it was shrunk before; steps grow fourfold from one part in 10^12.
    fractional : bool
        Otherwise one share less.
    """
    if not fractional:
        return shares - 1.0
    if step >= 20:
        return 0.0
    cut = 1e-12
    for _ in range(step):
        cut *= 4.0
    return shares * (1.0 - cut)


def hedge_units(ratio: float, equity: float, price: float) -> float:
    """Units of a structure whose notional at the underlying's `price` is `ratio` of `equity`."""
    return ratio * equity / price


def payable_units(units: float, ask: float, money: float) -> float:
    """`units`, but no more than `money` pays for at `ask` each."""
    return money / ask if units * ask > money else units
