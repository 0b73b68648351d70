"""Which style leads: Dow against Nasdaq, small companies against large ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from strategies.asof import AsOf

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StyleRegime:
    """Whether one style leads another.

    Attributes
    ----------
    leading : bool or None
        None if unknown.
    momentum : float
        Change of the relative price over the window, NaN if unknown.
    distance : float
        Relative price / its trailing mean - 1, NaN if unknown.
    why : str
        The finding in words; if unknown, what is missing.
    """

    leading: bool | None
    momentum: float
    distance: float
    why: str


def style_states(relative: Array, window: int = 63, trend: int = 200) -> Array:
    """State of a style regime at each session, from what was known by then.

    The regime begins when the relative price has risen over `window` sessions and stands above its mean over
    `trend` sessions. It ends when neither holds; in between it stays as it is. That is the hysteresis: one
    condition alone changes nothing.

    Parameters
    ----------
    relative : ndarray, shape (sessions,)
        Price of the one style over that of the other; NaN where unknown.
    window, trend : int

    Returns
    -------
    ndarray, shape (sessions,)
        1 leading, 0 not, NaN until the first session at which both conditions agree. Filtered: a state
        depends on that session and earlier ones only, and is never revised.
    """
    price = pd.Series(np.asarray(relative, dtype=np.float64))
    rising = price / price.shift(window) - 1.0
    above = price / price.rolling(trend).mean() - 1.0
    known = rising.notna() & above.notna()
    agreed = pd.Series(np.nan, index=price.index)
    agreed[known & (rising > 0) & (above > 0)] = 1.0
    agreed[known & (rising <= 0) & (above <= 0)] = 0.0
    return np.asarray(agreed.ffill(), dtype=np.float64)


MEMORY = 1260
"""Sessions within which the conditions of a regime must have agreed once; older ones are forgotten."""


def style_price(see: AsOf, group: str, sessions: int = MEMORY) -> pd.Series[float] | str:
    """Growth of one unit in a group over the trailing sessions, or why there is none.

    Parameters
    ----------
    see : AsOf
    group : str
        A group: its members of today in equal weight, each session (a group of one fund is that fund). Empty:
        every stock.
    sessions : int
        Fewer where the market has not had so many.
    """
    if group and group not in see.groups:
        return f"the market has no group {group!r}"
    members = see.members(group) if group else see.members(kind="stock")
    if not members:
        return f"nothing trades in {group!r}"
    if see.sessions_seen < 2:
        return "the market has one session"
    mean = see.returns(min(sessions, see.sessions_seen - 1), symbols=members).mean(axis=1)
    return (1.0 + mean).cumprod()


def style_regime(
    see: AsOf, leaders: str = "dow", laggards: str = "nasdaq", window: int = 63, trend: int = 200
) -> StyleRegime:
    """Whether `leaders` lead `laggards` today.

    Parameters
    ----------
    see : AsOf
    leaders, laggards : str
        Groups, each its members in equal weight; empty for every stock.
    window : int
        Sessions of the change that must be above zero.
    trend : int
        Sessions of the mean that the relative price must stand above.

    Returns
    -------
    StyleRegime
        See `style_states` for the rule.

    Notes
    -----
    Time-series momentum with a trend filter, as in Moskowitz, Ooi and Pedersen (2012) and Faber (2007), on
    the relative price of two styles.
    """
    pair = f"{leaders or 'all stocks'} against {laggards or 'all stocks'}"
    prices = []
    for group in (leaders, laggards):
        price = style_price(see, group, MEMORY + trend)
        if isinstance(price, str):
            return StyleRegime(None, float("nan"), float("nan"), f"style {pair} unknown: {price}")
        prices.append(price)
    relative = np.asarray(prices[0] / prices[1], dtype=np.float64)
    relative = relative[np.isfinite(relative)]
    states = style_states(relative, window, trend)
    if not len(states) or np.isnan(states[-1]):
        return StyleRegime(
            None,
            float("nan"),
            float("nan"),
            f"style {pair} unknown: {len(relative)} sessions on record, {max(window + 1, trend)} needed",
        )
    momentum = float(relative[-1] / relative[-1 - window] - 1.0)
    distance = float(relative[-1] / relative[-trend:].mean() - 1.0)
    leading = bool(states[-1])
    words = "leads" if leading else "does not lead"
    return StyleRegime(
        leading,
        momentum,
        distance,
        f"{pair}: {momentum:+.1%} over {window} sessions, {distance:+.1%} from the {trend}-session mean: "
        f"{words}",
    )
