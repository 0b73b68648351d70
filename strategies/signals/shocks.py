"""Guidance shocks: a company that falls in a session far beyond what the market explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strategies.asof import AsOf
from strategies.signals.abnormal import ESTIMATION_FIRST, ESTIMATION_LAST, fitted_market_model
from strategies.signals.quarters import Array

FALL = 0.10
"""Abnormal fall that counts as a guidance shock."""

ERRORS = 3.0
"""Standard errors that it must be besides, so that a restless share's ordinary day is none."""


@dataclass(frozen=True)
class GuidanceShock:
    """Whether a company of a group was shocked lately.

    Attributes
    ----------
    seen : bool or None
        None if unknown.
    why : str
        The latest shock in words; if unknown, what is missing.
    """

    seen: bool | None
    why: str


def is_shock(abnormal: Array, error: Array) -> npt.NDArray[np.bool_]:
    """Which abnormal returns are falls of `FALL` or more, and of `ERRORS` standard errors."""
    return np.asarray(abnormal <= np.minimum(-FALL, -ERRORS * error), dtype=np.bool_)


def guidance_shock(see: AsOf, group: str, sessions: int = 63) -> GuidanceShock:
    """Whether a member of `group` had a shock within the trailing `sessions`, as far as prices tell.

    What a fall was about is not on file; a fall of that size in one session mostly is about guidance. The
    market is the mean of all stocks; a member's ordinary return is fitted on the 250 sessions that end 31
    before the trailing ones (`fitted_market_model`).

    Parameters
    ----------
    see : AsOf
    group : str
    sessions : int
    """
    members = see.members(group)
    needed = ESTIMATION_FIRST + sessions
    if not members or see.sessions_seen <= needed:
        return GuidanceShock(None, f"guidance shock unknown: no {needed} sessions of {group} on record")
    market = see.returns(needed, symbols=see.members(kind="stock")).mean(axis=1)
    returns = see.returns(needed, symbols=members)
    index, fitted = market.to_numpy(), 0
    latest: tuple[int, str, float] | None = None
    for symbol in members:
        own = returns[symbol].to_numpy()
        window = slice(0, ESTIMATION_FIRST - ESTIMATION_LAST + 1)
        model = fitted_market_model(own[window], index[window])
        if model is None:
            continue
        fitted += 1
        days = slice(ESTIMATION_FIRST, None)
        abnormal = model.abnormal(own[days], index[days])
        for place in np.flatnonzero(is_shock(abnormal, model.error(index[days])))[-1:].tolist():
            if latest is None or place > latest[0]:
                latest = place, str(symbol), float(abnormal[place])
    if latest is None:
        if not fitted:
            return GuidanceShock(None, f"guidance shock unknown: too few returns of {group} on record")
        return GuidanceShock(False, f"no guidance shock in {group} within {sessions} sessions")
    place, symbol, fall = latest
    day = returns.index[ESTIMATION_FIRST + place]
    return GuidanceShock(True, f"{symbol} fell {-fall:.0%} beyond the market on {day:%Y-%m-%d}")
