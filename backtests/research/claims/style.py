"""Claims about styles: concentration, rotation days, and whether a style that leads goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Positions
from backtests.research.claims.measurement import Measurement
from backtests.research.events import Signature, aftermath, forward_sums, similar_days
from datafeeds.market import Array
from strategies.signals import YEAR, style_states

TOP = 5
"""The largest companies whose share measures concentration."""

EXTREME = 0.8
"""Percentile of the concentration on record above which it is extreme."""


def equal_when_concentrated(evidence: Evidence) -> Measurement:
    """Next year's equal less cap weight after extreme concentration, less after other months."""
    caps = evidence.caps
    largest = -np.sort(-np.nan_to_num(caps), axis=1)[:, :TOP].sum(axis=1)
    total = np.nansum(caps, axis=1)
    rows = evidence.months
    share = pd.Series(np.where(total > 0, largest / np.where(total > 0, total, 1.0), np.nan)[rows])
    # The first two years only set the scale.
    rank = share.expanding(min_periods=24).rank(pct=True).to_numpy()
    ahead = forward_sums(evidence.equal - evidence.cap_weighted, YEAR)[rows]
    estimate = inference.difference(ahead, rank > EXTREME, np.isfinite(rank), lags=12)
    latest = share.dropna()
    note = (
        f"The {TOP} largest are {latest.iloc[-1]:.0%} of the known market value at the end. Equal weight of "
        "companies chosen today flatters the small ones that grew."
        if len(latest)
        else ""
    )
    filled = np.full(len(evidence.market.sessions), np.nan)
    filled[rows] = rank
    return evidence.finding(f"equal less cap weight, monthly, {evidence.span(filled)}", estimate, note)


def _signature_days(evidence: Evidence) -> tuple[str, Array, Array, Positions]:
    """What stands for the indices, their returns, and the days with the signature of 2026-06-04."""
    dow_label, dow = evidence.standing_for("dow")
    nasdaq_label, nasdaq = evidence.standing_for("nasdaq")
    belongs = evidence.belongs("ai_hardware") & np.isfinite(evidence.returns)
    worst = np.where(belongs, evidence.returns, np.inf).min(axis=1)
    days = similar_days(dow, nasdaq, worst, Signature())
    return f"{dow_label} against {nasdaq_label}", dow, nasdaq, days


def _after_rotation(
    evidence: Evidence, label: str, returns: Array, days: Positions, horizon: int
) -> Measurement:
    after = aftermath(returns, days, horizon)
    if after.days < 10:
        return Measurement.unknown(f"{label}: {after.days} days like it, fewer than 10")
    years = evidence.market.sessions[days].astype("datetime64[Y]").astype(int) + 1970
    return Measurement(
        f"{label}, {after.days} days, {evidence.span(returns)}",
        after.mean - after.ordinary,
        after.mean - after.high,
        after.mean - after.low,
        after.p_value,
        note=f"Over {horizon} sessions {after.mean:+.1%} after such days, {after.ordinary:+.1%} after "
        f"ordinary ones. {int((years <= 2003).sum())} of {len(days)} such days fall before 2004.",
    )


def rotation_persists(evidence: Evidence) -> Measurement:
    """The Dow less the Nasdaq over the month after days like 2026-06-04."""
    label, dow, nasdaq, days = _signature_days(evidence)
    return _after_rotation(evidence, label, dow - nasdaq, days, MONTH)


def hardware_lags_on(evidence: Evidence) -> Measurement:
    """Hardware less the Dow over the quarter after days like 2026-06-04."""
    label, dow, _, days = _signature_days(evidence)
    return _after_rotation(
        evidence, f"hardware after {label}", evidence.group("ai_hardware") - dow, days, 3 * MONTH
    )


def dow_momentum(evidence: Evidence) -> Measurement:
    """The Dow less the Nasdaq in the next month when the Dow leads, less when it does not."""
    dow_label, dow = evidence.standing_for("dow")
    nasdaq_label, nasdaq = evidence.standing_for("nasdaq")
    return _momentum(evidence, f"{dow_label} less {nasdaq_label}", dow - nasdaq)


def small_momentum(evidence: Evidence) -> Measurement:
    """Small caps less the market in the next month when they lead, less when they don't."""
    small_label, small = evidence.standing_for("small")
    label, market = evidence.standing_for("market")
    return _momentum(evidence, f"{small_label} less {label}", small - market)


def _momentum(evidence: Evidence, label: str, relative: Array) -> Measurement:
    known = np.isfinite(relative)
    price = np.where(known, np.exp(np.cumsum(np.nan_to_num(relative))), np.nan)
    states = style_states(price)
    rows = evidence.every(MONTH)
    estimate = inference.difference(
        forward_sums(relative, MONTH)[rows], states[rows] == 1, np.isfinite(states[rows]), lags=3
    )
    changes = int((np.diff(states[np.isfinite(states)]) != 0).sum())
    return evidence.finding(
        f"{label}, {evidence.span(states)}", estimate, f"A month. The regime changed {changes} times."
    )


CLAIMS = (
    Claim(
        "equal_when_concentrated",
        "Style",
        "When the index is extremely concentrated, equal weight beats cap weight over the next year.",
        f"Next 252 sessions' equal less cap weight when the {TOP} largest companies' share is in the top "
        "fifth of what was on record, less otherwise; Newey-West errors with 12 lags.",
        1,
        "percent",
        "The members of each day, with those that left, and the years 1965 to 1975 and 1998 to 2002.",
        equal_when_concentrated,
    ),
    Claim(
        "rotation_persists",
        "Style",
        "Days on which the Dow rises over 1% while the Nasdaq falls mark rotations that go on.",
        "The Dow less the Nasdaq over the 21 sessions after such days (with a semiconductor down 5% or more) "
        "against the same pattern shifted round the calendar.",
        1,
        "percent",
        "More such days outside 2000 to 2002.",
        rotation_persists,
    ),
    Claim(
        "hardware_lags_on",
        "Style",
        "After such days, with a semiconductor down 5% or more, hardware goes on lagging the Dow.",
        "Hardware less the Dow over the 63 sessions after such days against the same pattern shifted.",
        -1,
        "percent",
        "Hardware names of each day, not those known to have survived.",
        hardware_lags_on,
        hindsight=1,
    ),
    Claim(
        "dow_momentum",
        "Style",
        "The leadership of Dow over Nasdaq persists: in its regime the Dow goes on leading.",
        "Next 21 sessions' Dow less Nasdaq when the regime (63-session change and 200-session mean, with "
        "hysteresis) is on, less when off; Newey-West errors with 3 lags.",
        1,
        "percent",
        "A longer history: regimes last years, so there are few.",
        dow_momentum,
    ),
    Claim(
        "small_momentum",
        "Style",
        "When small caps lead the index, they go on leading.",
        "Next 21 sessions' small caps less the market when their regime (as above) is on, less when off.",
        1,
        "percent",
        "A longer history.",
        small_momentum,
    ),
)
