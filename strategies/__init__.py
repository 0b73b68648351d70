"""Strategies: what to hold, and why. Pure decisions, which see only an `AsOf` and return a `Target`."""

from strategies.asof import AsOf, Panel, once_a_session
from strategies.benchmarks import BuyAndHold, CapWeighted, EqualWeighted, FundamentalWeighted, PriceWeighted
from strategies.blueprint import Blueprint, ValuationCut
from strategies.exhibit import Exhibit, Listing, Scenario
from strategies.hedges import Hedged, OutrightPut, PutSpread
from strategies.limits import (
    LIMITS,
    Capped,
    MinimumTrade,
    NoTradeBand,
    TrackingErrorLimit,
    TurnoverLimit,
    VolatilityTarget,
)
from strategies.rotation import PillarTilt, RotationRegime
from strategies.schedule import SCHEDULES, Daily, Expiry, Monthly, Once, Quarterly, Schedule, Weekly
from strategies.strategy import REGISTRY, Strategy, strategy_named, summary_of
from strategies.target import Change, Hedge, StrategyError, Target
from strategies.wrapped import Wrapped, parts_of

__all__ = [
    "LIMITS",
    "REGISTRY",
    "SCHEDULES",
    "AsOf",
    "Blueprint",
    "BuyAndHold",
    "CapWeighted",
    "Capped",
    "Change",
    "Daily",
    "EqualWeighted",
    "Exhibit",
    "Expiry",
    "FundamentalWeighted",
    "Hedge",
    "Hedged",
    "Listing",
    "MinimumTrade",
    "Monthly",
    "NoTradeBand",
    "Once",
    "OutrightPut",
    "Panel",
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
    "TrackingErrorLimit",
    "TurnoverLimit",
    "ValuationCut",
    "VolatilityTarget",
    "Weekly",
    "Wrapped",
    "once_a_session",
    "parts_of",
    "strategy_named",
    "summary_of",
]
