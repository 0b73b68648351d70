"""Style momentum: small against large, whichever has led."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Strategy, Target


class SizeMomentum(Strategy):
    """Hold the smaller or the larger half of the stocks, whichever rose more over the trailing months.

    The last month is left out: over so short a time returns tend to turn.

    Attributes
    ----------
    months : int
        Length of the comparison, the skipped month included.
    """

    months: Annotated[int, Field(ge=2, le=36)] = 12

    def decide(self, see: AsOf) -> Target | None:
        """Small companies that rose most."""
        caps = see.latest("market_cap", symbols=see.members(kind="stock")).dropna().sort_values()
        if len(caps) < 2:
            return None
        middle = len(caps) // 2
        halves = {"smaller": list(caps.index[:middle]), "larger": list(caps.index[middle:])}
        rise = (1 + see.returns(21 * self.months, symbols=caps.index).iloc[:-21]).prod() - 1
        led = {name: float(rise[half].mean()) for name, half in halves.items()}
        half = max(led, key=lambda name: led[name])
        why = f"the {half} half leads: smaller {led['smaller']:+.1%}, larger {led['larger']:+.1%}"
        return Target(dict.fromkeys(halves[half], 1 / len(halves[half])), why=why)
