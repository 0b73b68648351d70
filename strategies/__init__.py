"""Strategies: what to hold, and why. Pure decisions, which see only an `AsOf` and return a `Target`."""

from datafeeds.asof import AsOf
from strategies.base import (
    REGISTRY,
    SCHEDULES,
    Change,
    Daily,
    Expiry,
    Hedge,
    Monthly,
    Once,
    Quarterly,
    Schedule,
    Strategy,
    StrategyError,
    Target,
    Weekly,
    strategy_named,
    summary_of,
)
from strategies.benchmarks import BuyAndHold, CapWeighted, EqualWeighted, PriceWeighted
from strategies.blueprint import Blueprint, ValuationCut
from strategies.hedges import Hedged, OutrightPut, PutSpread
from strategies.rotation import PillarTilt, RotationRegime

__all__ = [
    "REGISTRY",
    "SCHEDULES",
    "AsOf",
    "Blueprint",
    "BuyAndHold",
    "CapWeighted",
    "Change",
    "Daily",
    "EqualWeighted",
    "Expiry",
    "Hedge",
    "Hedged",
    "Monthly",
    "Once",
    "OutrightPut",
    "PillarTilt",
    "PriceWeighted",
    "PutSpread",
    "Quarterly",
    "RotationRegime",
    "Schedule",
    "Strategy",
    "StrategyError",
    "Target",
    "ValuationCut",
    "Weekly",
    "strategy_named",
    "summary_of",
]
