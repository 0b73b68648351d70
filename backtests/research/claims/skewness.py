"""Claims about SKEW and what hedges cost."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from backtests.options.overlay import OverlaySettings
from backtests.options.surface import VIX_TENOR, calibrate, put_prices
from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import Evidence, Missing
from backtests.research.claims.measurement import Measurement
from datafeeds.market import Array
from strategies.signals import YEAR, percentile_of

LEVEL = 142.0
"""SKEW on 2026-06-04."""

TRAILING_YEARS = 5
HIGH = 0.9
"""Percentile among the trailing years above which SKEW is extreme."""

DEAR = 0.75
"""Percentile above which the hedge that chooses (`strategies.hedges.chosen_structure`) takes spreads."""

HALF_SPREAD = float(OverlaySettings.model_fields["half_spread"].default)

AHEAD = 63
"""Sessions over which a drawdown is looked for."""


def level_is_extreme(evidence: Evidence) -> Measurement:
    """Percentile of 142 in all of the history, since 2021, and in the last five years on file."""
    try:
        values = evidence.series("skew")
    except Missing:
        raise Missing(
            "the market has no SKEW; by the reference figures 142 is the 92nd percentile since 1990 and the "
            "53rd since 2021"
        ) from None
    table = evidence.market.series[evidence.market.series["series"] == "skew"]
    dates, history = table["date"], table["value"].to_numpy()
    since = {
        f"since {dates.min():%Y}": history,
        "since 2021": history[(dates >= "2021-01-01").to_numpy()],
        "over the last five years on file": history[
            (dates > dates.max() - pd.DateOffset(years=5)).to_numpy()
        ],
    }
    shares = {span: percentile_of(LEVEL, part) for span, part in since.items() if len(part)}
    known = [share for share in shares.values() if math.isfinite(share)]
    extreme = min(known) > HIGH
    words = ", ".join(f"{share:.0%} {span}" for span, share in shares.items())
    return Measurement(
        data=f"SKEW, {len(history):,} days, {dates.min():%Y-%m} to {dates.max():%Y-%m}",
        estimate=min(known),
        low=min(known),
        high=max(known),
        stated="supported" if extreme else "contradicted",
        note=f"Percentile of 142: {words}. The interval is the range over windows, not a confidence interval."
        if np.isfinite(values).any()
        else "",
    )


def standing(evidence: Evidence) -> Array:
    """Percentile of SKEW among its trailing five years, as known at each close."""
    skew = pd.Series(evidence.series("skew"))
    years = YEAR * TRAILING_YEARS
    return np.asarray(skew.rolling(years, min_periods=years).rank(pct=True), dtype=np.float64)


def foretells_drawdown(evidence: Evidence) -> Measurement:
    """Worst fall of the market in the next quarter after a high trailing percentile of SKEW, less others."""
    share = standing(evidence)
    label, market = evidence.standing_for("market")
    level = np.cumsum(np.log1p(np.nan_to_num(market)))
    ahead = sliding_window_view(level, AHEAD + 1)
    worst = np.full(len(level), np.nan)
    worst[: len(ahead)] = np.expm1(ahead.min(axis=1) - level[: len(ahead)])
    worst[~np.isfinite(market)] = np.nan
    estimate = inference.shifted(worst, share > HIGH, np.isfinite(share))
    return evidence.finding(
        f"{label}, {evidence.span(share, market)}",
        estimate,
        "Lowest point of the next 63 sessions below the close.",
    )


def spreads_cheaper(evidence: Evidence) -> Measurement:
    """What a 95/85 put spread costs of the outright put at each month's VIX and SKEW, when SKEW is high."""
    share, vix, skew = standing(evidence), evidence.series("vix"), evidence.series("skew")
    rows = evidence.months[np.isfinite(share + vix)[evidence.months]]
    # The surface begins at a SKEW of 100.
    surface = calibrate(vix[rows], np.maximum(skew[rows], 100.0))
    prices = put_prices(surface, 100.0, np.array([95.0, 85.0]), VIX_TENOR)
    outright, sold = prices[:, 0] * (1 + HALF_SPREAD), prices[:, 1] * (1 - HALF_SPREAD)
    ratio, high = 1.0 - sold / outright, share[rows] > DEAR
    estimate = inference.shifted(ratio, high, np.isfinite(ratio))
    usual = (
        f"{ratio[high].mean():.1%} at a high SKEW, {ratio[~high].mean():.1%} otherwise"
        if np.isfinite(estimate.value)
        else "unknown"
    )
    return evidence.finding(
        f"the option surface at each month's VIX and SKEW, {evidence.span(share, vix)}",
        estimate,
        f"The spread's offer over the outright put's: {usual}. At one VIX the model lets it fall with SKEW, "
        "but SKEW is high when VIX is low, and then the put sold is worth less. Model prices.",
    )


CLAIMS = (
    Claim(
        "skew_extreme",
        "Hedging",
        "SKEW at 142 is extreme.",
        "Its percentile in the whole history, since 2021, and in the last five years on file; extreme if "
        "above the 90th in each.",
        1,
        "percent",
        "A SKEW index that is stationary; its level has drifted upward.",
        level_is_extreme,
        expected_to_fail=True,
    ),
    Claim(
        "skew_drawdown",
        "Hedging",
        "A high SKEW foretells a worse fall of the market.",
        "Lowest point of the next 63 sessions after a SKEW in the top tenth of its trailing five years, less "
        "after other days, against the same days shifted round the calendar.",
        -1,
        "percent",
        "Falls that SKEW preceded in more than one decade.",
        foretells_drawdown,
    ),
    Claim(
        "spreads_cheaper",
        "Hedging",
        "When SKEW is high, put spreads save more against outright puts.",
        "Offer of a 95/85 spread over that of the outright 95 put, by the surface at each month's VIX and "
        "SKEW, with SKEW above the 75% percentile of its trailing five years (where the hedge takes spreads) "
        "less otherwise, against the same months shifted.",
        -1,
        "percent",
        "Quoted option prices: half-spreads weigh twice on a spread.",
        spreads_cheaper,
    ),
)
