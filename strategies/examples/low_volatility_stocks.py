"""Low volatility: the calmer half, the calmest of it most."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target


class LowVolatilityStocks(Strategy):
    """Hold the calmest stocks, each in proportion to one over its volatility.

    Attributes
    ----------
    share : float
        Share of the stocks that is held, at least one.
    sessions : int
        Over which volatility is measured.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    sessions: Annotated[int, Field(ge=21, le=1260)] = 252

    def decide(self, see: AsOf) -> Target | None:
        """The calmest stocks."""
        returns = see.returns(self.sessions, symbols=see.members(kind="stock")).dropna(axis=1)
        volatility = returns.std() * see.sessions_a_year**0.5
        volatility = volatility[volatility > 0]
        if len(returns) < self.sessions or volatility.empty:
            return Target({}, why=f"{len(returns)} sessions known, {self.sessions} needed: all cash")
        calm = volatility.nsmallest(max(1, round(self.share * len(volatility))))
        why = f"the {len(calm)} calmest, volatility up to {calm.max():.1%}"
        return Target((1 / calm) / (1 / calm).sum(), why=why)
