"""Quality within healthcare: companies whose sales have held up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target
from strategies.strategy import require_group


class QualityHealthcare(Strategy):
    """Hold the healthcare companies whose yearly sales never fell over the trailing years, in equal weight.

    A company with less than a year of known growth is passed over. While none passes, all are held.

    Attributes
    ----------
    group : str
        The healthcare group.
    years : int
        Length of the window.
    """

    group: str = "healthcare"
    years: Annotated[int, Field(ge=1, le=10)] = 3

    def decide(self, see: AsOf) -> Target | None:
        """Healthcare of the best quality in equal weight."""
        require_group(see, "group", self.group)
        growth = see.history("revenue_growth", 252 * self.years, group=self.group)
        grown = (growth.min() >= 0) & (growth.count() >= 252)
        passed = list(grown.index[grown])
        held = passed or list(growth.columns)
        why = f"sales never fell in {self.years} years: {', '.join(passed)}" if passed else "none passes: all"
        return Target(dict.fromkeys(held, 1 / len(held)) if held else {}, why=why)
