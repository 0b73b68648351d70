"""Momentum across stocks: last year's winners, without the last month (Jegadeesh and Titman 1993)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target


class CrossSectionalMomentum(Strategy):
    """Hold the stocks that rose most over twelve months without the last one, in equal weight.

    Attributes
    ----------
    months, skip : int
        Length of the window, and of its end that is left out: over so short a time returns tend to turn.
    share : float
        Share of the stocks that is held, at least one.
    """

    months: Annotated[int, Field(ge=2, le=36)] = 12
    skip: Annotated[int, Field(ge=1, le=6)] = 1
    share: Annotated[float, Field(gt=0, le=1)] = 0.3

    def decide(self, see: AsOf) -> Target | None:
        """The strongest stocks."""
        returns = see.returns(21 * self.months, symbols=see.members(kind="stock")).iloc[: -21 * self.skip]
        rose = ((1 + returns).prod(min_count=21 * (self.months - self.skip)) - 1).dropna()
        if rose.empty:
            return Target({}, why=f"nothing has {self.months} months of prices yet: all cash")
        held = rose.nlargest(max(1, round(self.share * len(rose))))
        why = f"rose most in {self.months} months without the last {self.skip}: {', '.join(held.index)}"
        return Target(dict.fromkeys(held.index, 1 / len(held)), why=why)
