"""Value within sectors: cheap against peers, so that no sector is bet on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target
from strategies.strategy import require_group


class SectorValue(Strategy):
    """Hold the cheapest stocks of each group by price-to-sales, each group at the weight of its size.

    Attributes
    ----------
    groups : tuple of str
        The sectors.
    share : float
        Share of each sector's stocks that is held, at least one.
    """

    groups: tuple[str, ...] = ("financials", "healthcare", "other")
    share: Annotated[float, Field(gt=0, le=1)] = 0.4

    def decide(self, see: AsOf) -> Target | None:
        """The cheapest company of each sector."""
        target = Target({}, why="value within sectors")
        for group in self.groups:
            require_group(see, "groups", group)
        members = {group: see.latest("price_to_sales", group=group).dropna() for group in self.groups}
        count = sum(len(multiples) for multiples in members.values())
        for group, multiples in members.items():
            if len(multiples):
                cheap = multiples.nsmallest(max(1, round(self.share * len(multiples)))).index
                each = len(multiples) / count / len(cheap)
                target = target.add(dict.fromkeys(cheap, each), why=f"{group}: {', '.join(cheap)} cheapest")
        return target
