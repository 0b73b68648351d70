"""Claims about one semiconductor's fall and the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtests.research.claims import inference
from backtests.research.claims.claim import Claim
from backtests.research.claims.evidence import MONTH, Evidence, Missing
from backtests.research.claims.measurement import Measurement
from backtests.research.events import aftermath
from strategies.signals import fitted_market_model, peers_reaction

GROUP = "ai_hardware"
FALL = 0.10
"""Abnormal fall that counts as a guidance shock."""

WINDOW = 281
"""Sessions of the estimation window, the gap and the event."""


def shocks(evidence: Evidence) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    """Days on which some member fell by `FALL` or more beyond the market, and who did.

    Returns
    -------
    list of (int, ndarray of bool)
        Session and, for each symbol, whether it was shocked.

    Raises
    ------
    Missing
        If the group never has five members.
    """
    belongs = evidence.belongs(GROUP) & np.isfinite(evidence.returns)
    if belongs.sum(axis=1).max(initial=0) < 5:
        raise Missing(f"{belongs.sum(axis=1).max(initial=0)} company in {GROUP}: nobody to infect")
    market = evidence.standing_for("market")[1]
    found = []
    for day in np.flatnonzero((belongs & (evidence.returns <= -FALL / 2)).any(axis=1)):
        if day < WINDOW:
            continue
        window = slice(day - WINDOW + 1, day - 30)
        shocked = np.zeros(belongs.shape[1], dtype=bool)
        for column in np.flatnonzero(belongs[day] & (evidence.returns[day] <= -FALL / 2)):
            model = fitted_market_model(evidence.returns[window, column], market[window])
            if model is not None:
                abnormal = model.abnormal(evidence.returns[day, column], market[day])
                shocked[column] = abnormal <= min(-FALL, -3 * model.error(market[day]))
        if shocked.any():
            found.append((int(day), shocked))
    return found


def spreads(evidence: Evidence) -> Measurement:
    """Mean abnormal return of the other members on the day."""
    label, market = evidence.standing_for("market")
    reactions = []
    for day, shocked in shocks(evidence):
        rows = slice(day - WINDOW + 1, day + 1)
        members = np.flatnonzero(evidence.belongs(GROUP)[day] & np.isfinite(evidence.returns[day]))
        reaction, _ = peers_reaction(evidence.returns[rows][:, members], market[rows], shocked[members])
        reactions.append(reaction)
    estimate = inference.mean(np.array(reactions), lags=4)
    return evidence.finding(
        f"days with a shock in {GROUP}, market {label}, {evidence.span(market, evidence.group(GROUP))}",
        estimate,
        f"A day's reaction. A shock is an abnormal fall of {FALL:.0%} or more; filings don't say which were "
        "about guidance.",
    )


def goes_on(evidence: Evidence) -> Measurement:
    """What the group did, relative to the market, over the month after a shock."""
    label, market = evidence.standing_for("market")
    days: npt.NDArray[np.intp] = np.array([day for day, _ in shocks(evidence)], dtype=np.intp)
    after = aftermath(evidence.group(GROUP) - market, days, MONTH)
    if after.days < inference.LEAST:
        return Measurement.unknown(f"{after.days} shocks, fewer than {inference.LEAST}")
    return Measurement(
        f"{after.days} days with a shock in {GROUP}, group less {label}",
        after.mean - after.ordinary,
        after.mean - after.high,
        after.mean - after.low,
        after.p_value,
        note=f"After a shock {after.mean:+.1%}, after ordinary days {after.ordinary:+.1%}.",
    )


CLAIMS = (
    Claim(
        "shock_spreads",
        "Contagion",
        "A guidance shock at one semiconductor company drags the others down the same day.",
        "Abnormal return of the other members as one portfolio (market model, sessions -280 to -31), mean "
        "over shock days; Newey-West errors with 4 lags.",
        -1,
        "percent",
        "Dates of guidance, to tell shocks to one company from bad news about the industry.",
        spreads,
    ),
    Claim(
        "shock_goes_on",
        "Contagion",
        "After a shock at one semiconductor company the whole group goes on falling behind.",
        "Relative return over the next 21 sessions against the same pattern of days shifted round the "
        "calendar.",
        -1,
        "percent",
        "Dates of guidance; more shocks outside 2000-2002 and 2008.",
        goes_on,
        hindsight=1,
    ),
)
