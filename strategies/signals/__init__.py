"""Signals: small pure functions of what is known today.

Functions that take `see` read it through `AsOf` only; the others take plain numbers, so that each formula
can be checked by hand. An unknown number is NaN, and a `Reading` that can't be had says so in words.
"""

from strategies.signals.abnormal import (
    ESTIMATION_FIRST,
    ESTIMATION_LAST,
    MarketModel,
    fitted_market_model,
    turbulence,
)
from strategies.signals.capex import (
    HYPERSCALERS,
    CapexBoundary,
    capex_boundary,
    grows_faster,
    incremental_return,
)
from strategies.signals.ladders import (
    MARGIN_QUARTERS,
    UNKNOWN,
    Ladder,
    cash_yield,
    leveraged,
    margin_power,
    payout_yield,
    preferred,
    well_matched,
)
from strategies.signals.pillars import (
    CALM_VIX,
    curve_pillar,
    discount_rate_pillar,
    oil_pillar,
    rate_betas,
    short_rate_pillar,
    thaw_pillar,
)
from strategies.signals.quality import expense_beta, matching_score, pricing_power, steadiness
from strategies.signals.quarters import (
    KNOWN_SHARE,
    LONGEST_QUARTER,
    Array,
    quarter_ends,
    quarterly_history,
    row_medians,
)
from strategies.signals.reading import Reading
from strategies.signals.realignment import Exit, Realignment, Terms, forward_limits, gap_scores, realignment
from strategies.signals.shocks import FALL, GuidanceShock, guidance_shock, is_shock
from strategies.signals.skewness import percentile_of, skew_percentile
from strategies.signals.style import StyleRegime, style_regime, style_states
from strategies.signals.valuation import (
    NORM_YEARS,
    YEAR,
    known_cuts,
    software_norm,
    software_norms,
    valuation_cut,
)
from strategies.signals.weights import (
    cap_weights,
    equal_weights,
    fundamental_weights,
    listed,
    universe,
    yield_weights,
)

__all__ = [
    "CALM_VIX",
    "ESTIMATION_FIRST",
    "ESTIMATION_LAST",
    "FALL",
    "HYPERSCALERS",
    "KNOWN_SHARE",
    "LONGEST_QUARTER",
    "MARGIN_QUARTERS",
    "NORM_YEARS",
    "UNKNOWN",
    "YEAR",
    "Array",
    "CapexBoundary",
    "Exit",
    "GuidanceShock",
    "Ladder",
    "MarketModel",
    "Reading",
    "Realignment",
    "StyleRegime",
    "Terms",
    "cap_weights",
    "capex_boundary",
    "cash_yield",
    "curve_pillar",
    "discount_rate_pillar",
    "equal_weights",
    "expense_beta",
    "fitted_market_model",
    "forward_limits",
    "fundamental_weights",
    "gap_scores",
    "grows_faster",
    "guidance_shock",
    "incremental_return",
    "is_shock",
    "known_cuts",
    "leveraged",
    "listed",
    "margin_power",
    "matching_score",
    "oil_pillar",
    "payout_yield",
    "percentile_of",
    "preferred",
    "pricing_power",
    "quarter_ends",
    "quarterly_history",
    "rate_betas",
    "realignment",
    "row_medians",
    "short_rate_pillar",
    "skew_percentile",
    "software_norm",
    "software_norms",
    "steadiness",
    "style_regime",
    "style_states",
    "thaw_pillar",
    "turbulence",
    "universe",
    "valuation_cut",
    "well_matched",
    "yield_weights",
]
