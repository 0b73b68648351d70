"""The terms of a run: capital, what trading and holding cost, and the sessions it spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from backtests.options.overlay import Overlay
from datafeeds.validation import TomlTable

Engine = Literal["event", "ledger"]
"""Backtrader, or the compiled kernel: the same books either way."""

NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Costs(TomlTable):
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
        daily volume)``, both over the 21 sessions before. 0 turns it off; where either is unknown
        there is none, and the tearsheet says so.
    max_participation : float
        Largest share of volume that one order may take in a session; the rest is carried to the next.
        0 means no cap. Where volume is unknown there is no cap.
    participation_volume : {"known", "session"}
        That volume: the average of the 21 sessions before, which is known before the open, or the session's
        own, which is not.
    dividend_withholding : float
        Tax withheld from cash dividends, as a share.
    cash_rate : float or str
        Yearly simple interest on cash (actual/365) as a fraction, or the name of a series of the market in
        percent, such as ``"us3m"``: each session then earns the rate known at the close before.
    """

    commission_bps: Annotated[float, Field(ge=0, le=1000)] = 1.0
    commission_per_share: NonNegative = 0.0
    half_spread_bps: Annotated[float, Field(ge=0, le=1000)] = 2.0
    impact: NonNegative = 0.0
    max_participation: Share = 0.0
    participation_volume: Literal["known", "session"] = "known"
    dividend_withholding: Share = 0.0
    cash_rate: NonNegative | str = 0.0

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
