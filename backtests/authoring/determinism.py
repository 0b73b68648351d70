"""Whether a decision is the same whenever and in whatever order it is made.

That it is the same in another process, with another hash seed, the sealed replay shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from backtests.authoring.moments import Moment, changes
from backtests.authoring.report import Check, judged
from datafeeds.market import Market
from strategies.strategy import Strategy

KIND = "determinism"


def determinism_checks(
    market: Market, strategy: Strategy, moments: Sequence[Moment], few: Sequence[Moment]
) -> list[Check]:
    """Make `few` decisions again in order, and all `moments` backwards: what is kept between them shows."""
    again = changes(strategy, market, few, market, "decided again:")
    backwards = changes(strategy, market, moments[::-1], market, "decided in reverse order:")
    return [
        judged(KIND, "decided again", again, f"{len(few)} decisions, none changed"),
        judged(KIND, "decided in reverse order", backwards, f"{len(moments)} decisions, none changed"),
    ]
