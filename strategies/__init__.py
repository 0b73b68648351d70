"""Strategies: what to hold, and why. Pure decisions, which see only an `AsOf` and return a `Target`."""

from strategies.asof import AsOf
from strategies.benchmarks import BuyAndHold, CapWeighted, EqualWeighted, FundamentalWeighted, PriceWeighted
from strategies.blueprint import Blueprint, ValuationCut
from strategies.exhibit import Exhibit, Listing, Scenario
from strategies.hedges import Hedged, OutrightPut, PutSpread
from strategies.rotation import PillarTilt, RotationRegime
from strategies.schedule import SCHEDULES, Daily, Expiry, Monthly, Once, Quarterly, Schedule, Weekly
from strategies.strategy import REGISTRY, Strategy, strategy_named, summary_of
from strategies.target import Change, Hedge, StrategyError, Target

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
    "Exhibit",
    "Expiry",
    "FundamentalWeighted",
    "Hedge",
    "Hedged",
    "Listing",
    "Monthly",
    "Once",
    "OutrightPut",
    "PillarTilt",
    "PriceWeighted",
    "PutSpread",
    "Quarterly",
    "RotationRegime",
    "Scenario",
    "Schedule",
    "Strategy",
    "StrategyError",
    "Target",
    "ValuationCut",
    "Weekly",
    "strategy_named",
    "summary_of",
]
