"""Claims about styles: concentration, rotation days, and whether a style that leads goes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence
from backtests.research.claims.measurement import Measurement
from backtests.research.events import forward_sums
from datafeeds.market import Array
from strategies.signals import style_states

TOP = 5
"""The largest companies whose share measures concentration."""

SCALE_MONTHS = 24
"""Months that only set the scale of the concentration."""

ROSE, FELL = 0.01, 0.05
"""The Dow's rise, and a semiconductor's fall, on the days in question."""

LEAST_DAYS = 10

EXTREME = 0.8
"""Percentile of the concentration on record above which it is extreme."""


def equal_when_concentrated(evidence: Evidence) -> Measurement:
    """Next year's equal less cap weight after extreme concentration, less after other months."""
    caps = evidence.caps
    largest = -np.sort(-np.nan_to_num(caps), axis=1)[:, :TOP].sum(axis=1)
    total = np.nansum(caps, axis=1)
    rows = evidence.months
    share = np.where(total > 0, largest / np.where(total > 0, total, 1.0), np.nan)[rows]
    relative = evidence.monthly(evidence.equal - evidence.cap_weighted)
    estimate = inference.foretold(relative, share, 12, concentrated)
    known = share[np.isfinite(share)]
    note = (
        f"The {TOP} largest are {known[-1]:.0%} of the known market value at the end. Equal weight of "
        "companies chosen today flatters the small ones that grew."
        if len(known)
        else ""
    )
    filled = np.full(len(evidence.market.sessions), np.nan)
    filled[rows] = relative + share
    return evidence.finding(f"equal less cap weight, monthly, {evidence.span(filled)}", estimate, note)


def concentrated(shares: Array) -> Array:
    """Whether each share is extreme among those before it, path by path; NaN for the first two years."""
    count = shares.shape[1]
    rank = np.full(shares.shape, np.nan)
    for place in range(SCALE_MONTHS, count):
        rank[:, place] = (shares[:, :place] < shares[:, place, None]).mean(axis=1)
    return np.where(np.isfinite(rank), (rank > EXTREME).astype(float), np.nan)


def _dow_and_nasdaq(evidence: Evidence) -> tuple[str, Array, Array]:
    """What stands for the two indices, and their returns."""
    dow_label, dow = evidence.standing_for("dow")
    nasdaq_label, nasdaq = evidence.standing_for("nasdaq")
    return f"{dow_label} against {nasdaq_label}", dow, nasdaq


def _after_rotation(
    evidence: Evidence, label: str, relative: Array, days: npt.NDArray[np.bool_], horizon: int
) -> Measurement:
    years = evidence.market.sessions[days].astype("datetime64[Y]").astype(int) + 1970
    if len(years) < LEAST_DAYS:
        return Measurement.unknown(f"{label}: {len(years)} days like it, fewer than {LEAST_DAYS}")
    return evidence.finding(
        f"{label}, {len(years)} days, {evidence.span(relative)}",
        inference.after(relative, days, horizon),
        f"Over {horizon} sessions, less after other days. {int((years <= 2003).sum())} of {len(years)} such "
        "days fall before 2004.",
    )


def rotation_persists(evidence: Evidence) -> Measurement:
    """The Dow less the Nasdaq over the month after days on which the one rose and the other fell."""
    label, dow, nasdaq = _dow_and_nasdaq(evidence)
    days = (dow > ROSE) & (nasdaq < 0)
    return _after_rotation(evidence, label, dow - nasdaq, days, MONTH)


def hardware_lags_on(evidence: Evidence) -> Measurement:
    """Hardware less the Dow over the quarter after such days on which a semiconductor fell far."""
    label, dow, nasdaq = _dow_and_nasdaq(evidence)
    belongs = evidence.belongs("ai_hardware") & np.isfinite(evidence.returns)
    worst = np.where(belongs, evidence.returns, np.inf).min(axis=1)
    days = (dow > ROSE) & (nasdaq < 0) & (worst <= -FELL)
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
    states = style_states(np.where(known, np.exp(np.cumsum(np.nan_to_num(relative))), np.nan))
    estimate = inference.ahead(relative, states, MONTH)
    changes = int((np.diff(states[np.isfinite(states)]) != 0).sum())
    ahead = forward_sums(relative, MONTH)[states == 1]
    ahead = ahead[np.isfinite(ahead)]
    led = f" A month in the regime: {ahead.mean():+.2%}." if len(ahead) else ""
    return evidence.finding(
        f"{label}, {evidence.span(states)}",
        estimate,
        f"A month in the regime less one outside. It changed {changes} times.{led}",
    )


CLAIMS = (
    Claim(
        "equal_when_concentrated",
        "Style",
        "When the index is extremely concentrated, equal weight beats cap weight over the next year.",
        f"Next twelve months' equal less cap weight when the {TOP} largest companies' share is in the top "
        "fifth of what was on record, less otherwise, against histories without a relation in which the "
        "share moves with the returns as it does here.",
        1,
        "percent",
        "The members of each day, with those that left, and the years 1965 to 1975 and 1998 to 2002.",
        equal_when_concentrated,
    ),
    Claim(
        "rotation_persists",
        "Style",
        "Days on which the Dow rises over 1% while the Nasdaq falls mark rotations that go on.",
        "The Dow less the Nasdaq over the 21 sessions after such days against the same pattern shifted round "
        "the calendar.",
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
        "hysteresis) is on, less when off; every day takes part (Hodrick 1992, 1B).",
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
