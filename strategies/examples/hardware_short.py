"""Hardware above the norm short against the sleeves: the blueprint's view without owning what it doubts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target
from strategies.signals import software_norm, valuation_cut


class HardwareShort(Strategy):
    """Hold the sleeves, and go short AI hardware as its price-to-sales rises above the software norm.

    Attributes
    ----------
    sleeves : tuple of str
        Groups that are held alike, each in equal weight.
    most : float
        Largest short, as a share of equity: what is sold when every hardware name is at twice the norm.
    """

    long_only = False
    max_gross = 1.5
    sleeves: tuple[str, ...] = ("financials", "healthcare", "small_cap")
    most: Annotated[float, Field(ge=0, le=0.5)] = 0.5

    def decide(self, see: AsOf) -> Target | None:
        """The sleeves, and a short in each hardware name by how far it is above the norm."""
        target = Target({}, why="sleeves held, dear hardware sold short")
        held = {group: see.members(group) for group in self.sleeves if group in see.groups}
        held = {group: members for group, members in held.items() if members}
        for group, members in held.items():
            target = target.add(dict.fromkeys(members, 1 / len(held) / len(members)), why=f"{group} held")
        multiples = see.latest("price_to_sales", group="ai_hardware")
        short = valuation_cut(multiples, software_norm(see)).dropna() * (-self.most / max(len(multiples), 1))
        return target.add(short, why=f"short above the norm: {', '.join(short.index[short < 0]) or 'none'}")
