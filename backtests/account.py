"""What trading costs and how much of it the cash allows: the rules both engines follow.

The functions are plain arithmetic on floats in a fixed order, so that compiled code gives the same bits.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


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
        Square-root market impact: the price moves by ``impact x daily volatility x sqrt(shares / average
        daily volume)``, both over the trailing 21 sessions. 0 turns it off; where volume is unknown
        there is none, and the tearsheet says so.
    max_participation : float
        Largest share of a session's volume that one order may take; the rest is carried to the next
        session. 0 means no cap. Without volume there is no cap.
    dividend_withholding : float
        Tax withheld from cash dividends, as a share.
    cash_rate : float
        Yearly interest on cash (actual/365), never negative.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    commission_bps: NonNegative = 1.0
    commission_per_share: NonNegative = 0.0
    half_spread_bps: NonNegative = 2.0
    impact: NonNegative = 0.0
    max_participation: Share = 0.0
    dividend_withholding: Share = 0.0
    cash_rate: NonNegative = 0.0


def impact_fraction(shares: float, impact: float, volatility: float, average_volume: float) -> float:
    """Relative price move that trading `shares` causes: the square-root law.

    Parameters
    ----------
    shares : float
        Unsigned number of shares.
    impact : float
        Coefficient, see `Costs.impact`.
    volatility : float
        Standard deviation of daily returns; NaN if unknown.
    average_volume : float
        Average shares traded a day; NaN if unknown.

    Returns
    -------
    float
        0 where volume or volatility are unknown.
    """
    if impact <= 0.0 or not (average_volume > 0.0) or not (volatility > 0.0):
        return 0.0
    return impact * volatility * math.sqrt(shares / average_volume)


def commission(shares: float, price: float, rate: float, per_share: float) -> float:
    """Commission in money for `shares` (unsigned) at `price`; `rate` is a fraction of value."""
    return shares * rate * price + shares * per_share


def wanted_shares(weight: float, equity: float, price: float, fractional: bool) -> float:
    """Shares that `weight` of `equity` buys at `price`, whole unless `fractional`."""
    shares = weight * equity / price
    return shares if fractional else math.floor(shares)


def capped_shares(shares: float, volume: float, participation: float, fractional: bool) -> float:
    """`shares` (unsigned), but no more than `participation` of the session's `volume`."""
    if participation <= 0.0 or math.isnan(volume):
        return shares
    most = participation * volume
    if not fractional:
        most = math.floor(most)
    return min(shares, most)
