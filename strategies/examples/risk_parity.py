"""Risk parity by skfolio's optimiser, of which only the weights are used."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from datafeeds.extras import not_installed
from strategies import AsOf, Strategy, Target


class RiskParity(Strategy):
    """Hold every stock so that each adds the same to the portfolio's variance.

    Attributes
    ----------
    sessions : int
        Over which covariances are measured.
    """

    sessions: Annotated[int, Field(ge=63, le=1260)] = 252

    def decide(self, see: AsOf) -> Target | None:
        """Every stock at the same share of the variance."""
        try:
            from skfolio.optimization import RiskBudgeting  # takes seconds to import
        except ImportError as error:
            raise ImportError(not_installed("RiskParity", f"skfolio ({error})", "optimiser")) from None
        returns = see.returns(self.sessions, symbols=see.members(kind="stock")).dropna(axis=1)
        if len(returns) < self.sessions or returns.shape[1] < 2:
            return Target({}, why=f"{len(returns)} sessions known, {self.sessions} needed: all cash")
        weights = RiskBudgeting().fit(returns).weights_
        held = dict(zip(returns.columns, weights / max(1.0, weights.sum()), strict=True))
        most = max(held, key=lambda symbol: held[symbol])
        return Target(held, why=f"equal shares of variance, most in the calm {most}: {held[most]:.1%}")
