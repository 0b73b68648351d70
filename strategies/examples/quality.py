"""Quality: companies whose sales have held up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target
from strategies.strategy import require_group


class Quality(Strategy):
    """Hold the companies whose yearly sales never fell over the trailing years, in equal weight.

    A company with less than a year of known growth is passed over. While none passes, all are held.

    Attributes
    ----------
    group : str, optional
        Only the members of this group; every stock if not given.
    years : int
        Length of the window.
    """

    group: str | None = None
    years: Annotated[int, Field(ge=1, le=10)] = 3

    def decide(self, see: AsOf) -> Target | None:
        """The companies of the best quality in equal weight."""
        if self.group is not None:
            require_group(see, "group", self.group)
        members = see.members(self.group, kind="stock")
        growth = see.history("revenue_growth", 252 * self.years, symbols=members)
        passed = list(growth.columns[(growth.min() >= 0) & (growth.count() >= 252)])
        held = passed or members
        why = f"sales never fell in {self.years} years: {', '.join(passed)}" if passed else "none passes: all"
        return Target(dict.fromkeys(held, 1 / len(held)) if held else {}, why=why)
