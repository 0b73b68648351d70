"""The terms of a run: capital, what trading and holding cost, and the sessions it spans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from backtests.options.overlay import Overlay
from datafeeds.validation import TomlTable
from strategies.strategy import Strategy

Engine = Literal["event", "ledger"]
"""Backtrader, or the compiled kernel: the same books either way."""

NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=5)]


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
    borrow_rate : float
        Yearly fee for borrowing a stock that is sold short (actual/360) as a fraction of its value, where
        the market's table ``borrow`` says nothing of the symbol. The default is what stocks in plain supply
        cost on average (D'Avolio, Journal of Financial Economics 2002).
    """

    commission_bps: Annotated[float, Field(ge=0, le=1000)] = 1.0
    commission_per_share: NonNegative = 0.0
    half_spread_bps: Annotated[float, Field(ge=0, le=1000)] = 2.0
    impact: NonNegative = 0.0
    max_participation: Share = 0.0
    participation_volume: Literal["known", "session"] = "known"
    dividend_withholding: Share = 0.0
    cash_rate: NonNegative | str = 0.0
    borrow_rate: Annotated[float, Field(ge=0, le=10)] = 0.0025

    @property
    def commission_rate(self) -> float:
        """Commission as a fraction of value."""
        return self.commission_bps / 10_000.0

    @property
    def half_spread(self) -> float:
        """Half-spread as a fraction of the price."""
        return self.half_spread_bps / 10_000.0


class Margin(TomlTable):
    """What the house asks of an account that may go short. A strategy that may not is not touched by it.

    Attributes
    ----------
    initial_long, initial_short : float
        Equity that must stand behind a position when it is opened or enlarged, as a share of its value; of a
        short beyond the proceeds of its sale, which stay in the account. The defaults are the Federal
        Reserve's Regulation T (12 CFR 220.12): 50% of longs, and 150% of shorts, proceeds included.
    maintenance_long, maintenance_short : float
        Equity that must stand behind a position at each close; below it positions are cut back. The defaults
        are FINRA's rule 4210: 25% of longs, 30% of shorts, without its minima a share below $16.67.
    loan_spread : float
        What cash below zero pays beside the cash rate, yearly, as a fraction (actual/365).
    """

    initial_long: Positive = 0.5
    initial_short: Positive = 0.5
    maintenance_long: Positive = 0.25
    maintenance_short: Positive = 0.30
    loan_spread: Share = 0.015

    @model_validator(mode="after")
    def _initial_is_more(self) -> Self:
        for side in ("long", "short"):
            initial, kept = getattr(self, f"initial_{side}"), getattr(self, f"maintenance_{side}")
            if kept > initial:
                raise ValueError(
                    f"maintenance_{side} = {kept:g} is above initial_{side} = {initial:g}: what may be "
                    "opened would be called at once"
                )
        return self


HOUSE = Margin()
"""Regulation T at the opening, FINRA's rule 4210 at each close."""


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
    margin : Margin
        House rules, for strategies that may go short.
    long_only : bool
        A cash account; otherwise a margin account. See `held_by`.
    """

    capital: float
    costs: Costs
    lag: int
    fractional_shares: bool
    first: int
    last: int
    overlay: Overlay | None = None
    margin: Margin = HOUSE
    long_only: bool = True

    def held_by(self, strategy: Strategy) -> Account:
        """The account as this strategy has it: if it may go short, a margin account without options."""
        return self if strategy.long_only else replace(self, overlay=None, long_only=False)

    def unread(self, short: bool) -> tuple[str, ...]:
        """What is set and never read, a sentence each.

        Parameters
        ----------
        short : bool
            Whether a book of the run may go short.
        """
        costs, usual, found = self.costs, Costs(), []
        if costs.participation_volume != usual.participation_volume and not costs.max_participation:
            said = f"costs.participation_volume = {costs.participation_volume!r} changes nothing"
            found.append(f"{said}: it is read only with costs.max_participation.")
        if not short and costs.borrow_rate != usual.borrow_rate:
            found.append(f"costs.borrow_rate = {costs.borrow_rate:g} changes nothing: no book may go short.")
        if not short and self.margin != HOUSE:
            found.append("[margin] changes nothing: no book may go short.")
        if self.overlay is not None and not self.overlay.hedges:
            found.append("[overlay] changes nothing: no book holds an option.")
        return tuple(found)
