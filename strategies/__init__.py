"""Strategies: what to hold, and why. Pure decisions, which see only an `AsOf` and return a `Target`."""

from datafeeds.asof import AsOf
from strategies.base import (
    REGISTRY,
    SCHEDULES,
    Change,
    Daily,
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
    "Monthly",
    "Once",
    "PillarTilt",
    "PriceWeighted",
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
