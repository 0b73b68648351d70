"""Volatility targeting: less of everything when markets shake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pandas as pd
from pydantic import Field

from strategies import AsOf, Exhibit, Strategy, Target, Weekly


class TargetVolatility(Strategy):
    """Hold every stock in equal weight, scaled down to cash when their volatility is above a target.

    Attributes
    ----------
    target : float
        Volatility a year to aim at; below it the portfolio is fully invested and never more.
    sessions : int
        Over which volatility is measured.
    """

    schedule = Weekly()
    target: Annotated[float, Field(gt=0, le=1)] = 0.12
    sessions: Annotated[int, Field(ge=10, le=756)] = 42

    def decide(self, see: AsOf) -> Target | None:
        """Equities scaled to the volatility wanted; the rest is cash."""
        symbols = see.members(kind="stock")
        volatility = float(see.returns(self.sessions, symbols=symbols).mean(axis=1).std() * 252**0.5)
        if not volatility > 0:
            return Target({}, why="volatility is not known yet: all cash")
        share = min(1.0, self.target / volatility)
        why = f"volatility {volatility:.1%} against a target of {self.target:.1%}: {share:.0%} invested"
        return Target(dict.fromkeys(symbols, share / len(symbols)), why=why)

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """The volatility seen at each decision, beside the one wanted."""
        invested = pd.Series({session: sum(target.weights.values()) for session, target in targets.items()})
        text = f"Of equity {invested.min():.0%} to {invested.max():.0%} was to be invested."
        return (Exhibit("Share invested", text, {"asked for": invested}, text, unit="percent"),)
