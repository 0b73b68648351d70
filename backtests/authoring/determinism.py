"""Whether a decision is the same whenever, wherever and in whatever order it is made."""

from __future__ import annotations

from collections.abc import Sequence

from backtests.authoring.process import decided_elsewhere
from backtests.authoring.replay import Moment, changes, difference
from backtests.authoring.report import Check, Offence, judged
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import StrategyError

KIND = "determinism"


def determinism_checks(
    market: Market, strategy: Strategy, moments: Sequence[Moment], *, elsewhere: bool = True
) -> list[Check]:
    """Make `moments` again: in order, backwards, and (if `elsewhere`) backwards in another process."""
    fine = f"{len(moments)} decisions, none changed"
    again = changes(strategy, market, moments, market, "decided again:")
    backwards = changes(strategy, market, moments[::-1], market, "decided in reverse order:")
    checks = [
        judged(KIND, "decided again", again, fine),
        judged(KIND, "decided in reverse order", backwards, fine),
    ]
    if elsewhere:
        found = _elsewhere(market, strategy, moments)
        checks.append(judged(KIND, "another process, hash seed and order", found, fine))
    return checks


def _elsewhere(market: Market, strategy: Strategy, moments: Sequence[Moment]) -> list[Offence]:
    try:
        made = decided_elsewhere(strategy, market, moments[::-1])[::-1]
    except StrategyError as error:
        return [Offence(str(error))]
    found = (
        difference(market, moment, target, "decided in another process:")
        for moment, target in zip(moments, made, strict=True)
    )
    return [offence for offence in found if offence is not None]
