"""Claims about SKEW and what hedges cost."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from backtests.options.surface import VIX_TENOR, calibrate, put_prices
from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import Evidence, Missing
from backtests.research.claims.measurement import Measurement
from strategies.signals import percentile_of

LEVEL = 142.0
"""SKEW on 2026-06-04."""

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
    extreme = min(known) > 0.9
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


def foretells_drawdown(evidence: Evidence) -> Measurement:
    """Worst fall of the market in the next quarter after a high trailing percentile of SKEW, less others."""
    skew = pd.Series(evidence.series("skew"))
    label, market = evidence.standing_for("market")
    share = skew.rolling(252 * 5, min_periods=252 * 5).rank(pct=True).to_numpy()
    level = np.cumsum(np.log1p(np.nan_to_num(market)))
    rows = evidence.months[evidence.months + AHEAD < len(level)]
    worst = np.array([np.expm1((level[row : row + AHEAD + 1] - level[row]).min()) for row in rows])
    worst[~np.isfinite(market[rows])] = np.nan
    estimate = inference.difference(worst, share[rows] > 0.9, np.isfinite(share[rows]), lags=3)
    return evidence.finding(
        f"{label}, monthly, {evidence.span(share, market)}",
        estimate,
        "Lowest point of the next 63 sessions below the close.",
    )


def spreads_cheaper(evidence: Evidence) -> Measurement:
    """Cost of a 95/85 put spread over that of the outright put, by the surface, at several levels of SKEW."""
    vix, jump = 16.0, 0.08
    kappa = jump / (vix / 100 * math.sqrt(VIX_TENOR))
    levels = np.array([105.0, 120.0, 142.0, 150.0])
    surface = calibrate(np.full(4, vix), levels, kappa)
    prices = put_prices(surface, 100.0, np.array([95.0, 85.0]), VIX_TENOR)
    ratios = 1.0 - prices[:, 1] / prices[:, 0]
    falling = bool((np.diff(ratios) < 0).all())
    words = ", ".join(f"{ratio:.3f} at {level:.0f}" for level, ratio in zip(levels, ratios, strict=True))
    return Measurement(
        data="the option surface at VIX 16, 30 days; no market data",
        estimate=float(ratios[2] - ratios[0]),
        stated="supported" if falling else "contradicted",
        note=f"Cost of a 95/85 put spread over the outright 95 put by SKEW: {words}. The spread pays nothing "
        "more below 85, which is where SKEW says the risk lies.",
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
        "after other months; Newey-West errors with 3 lags.",
        -1,
        "percent",
        "Falls that SKEW preceded in more than one decade.",
        foretells_drawdown,
    ),
    Claim(
        "spreads_cheaper",
        "Hedging",
        "When SKEW is high, put spreads save more against outright puts.",
        "Cost of the spread over the outright put on the calibrated surface, at SKEW 142 less at 105.",
        -1,
        "percent",
        "Quoted option prices: half-spreads weigh twice on a spread.",
        spreads_cheaper,
    ),
)
