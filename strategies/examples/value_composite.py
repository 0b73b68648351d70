"""Value by several measures at once, since each alone is wrong about some companies."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from pydantic import Field

from strategies import AsOf, Strategy, Target


class ValueComposite(Strategy):
    """Hold the cheapest stocks by their mean rank in sales and cash flow to price, and five years' fall.

    Ranks are shares of the stocks whose measure is known; a stock counts by the measures that it has. That
    what has fallen for five years is cheap: Asness, Moskowitz and Pedersen 2013.

    Attributes
    ----------
    share : float
        Share of the stocks that is held, at least one.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.3

    def decide(self, see: AsOf) -> Target | None:
        """The cheapest stocks."""
        stocks = see.members(kind="stock")
        measures = {"sales": 1 / see.latest("price_to_sales", symbols=stocks)}
        for fact in filter(see.has, ("free_cash_flow_yield", "shareholder_yield")):
            measures[fact] = see.latest(fact, symbols=stocks)
        closes = see.closes(1260, symbols=stocks)
        measures["fall"] = closes.iloc[0] / closes.iloc[-1] if len(closes) == 1260 else measures["sales"]
        ranks = pd.DataFrame(measures).rank(pct=True).mean(axis=1).dropna()
        if ranks.empty:
            return Target({}, why="nothing is known of any price's worth yet: all cash")
        cheap = ranks.nlargest(max(1, round(self.share * len(ranks)))).index
        return Target(dict.fromkeys(cheap, 1 / len(cheap)), why=f"cheapest: {', '.join(cheap)}")
