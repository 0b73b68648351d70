"""The pillars behind the rotation: oil, the discount rate, the curve, credit, and short rates.

Each compares the newest value that was public today with the one `window` values before, so a publication
lag (a week for spot oil at FRED, a session for yields) is honoured by construction.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.reading import Reading, lean_of, recent

CALM_VIX = 20.0
"""VIX below which the source analysis expects deals and offerings to come back."""


def oil_pillar(
    see: AsOf, names: tuple[str, ...] = ("brent", "wti"), window: int = 20, least: float = 0.05
) -> Reading:
    """Whether oil has become cheaper: relative change of the spot price over `window` values.

    Parameters
    ----------
    see : AsOf
    names : tuple of str
        Series to read, the first that is usable; the words say which.
    window : int
        Values between the two prices.
    least : float
        Smallest relative change that leans either way.

    Returns
    -------
    Reading
        Leans for the rotation when oil has fallen.

    Notes
    -----
    Spot prices of the US Energy Information Administration by way of FRED. Differs from futures.
    """
    missing = []
    for name in names:
        prices = recent(see, name, window + 1)
        if isinstance(prices, str):
            missing.append(prices)
            continue
        if not (prices.to_numpy() > 0).all():  # WTI was negative on 2020-04-20
            missing.append(f"{name} was not positive")
            continue
        change = float(prices.iloc[-1] / prices.iloc[0] - 1.0)
        return Reading("oil", change, lean_of(change, least), f"{name} {change:+.1%} over {window} values")
    return Reading.unknown("oil", "; ".join(missing))


def _rate_change(see: AsOf, pillar: str, name: str, window: int, least: float) -> Reading:
    """Change of a yield in percentage points; a fall leans for the rotation."""
    yields = recent(see, name, window + 1)
    if isinstance(yields, str):
        return Reading.unknown(pillar, yields)
    change = float(yields.iloc[-1] - yields.iloc[0])
    return Reading(
        pillar, change, lean_of(change, least), f"{name} {change:+.2f} points over {window} values"
    )


def discount_rate_pillar(see: AsOf, name: str = "us10y", window: int = 20, least: float = 0.10) -> Reading:
    """Whether the discount rate has fallen: change of the 10-year yield over `window` values.

    Parameters
    ----------
    see : AsOf
    name : str
        Series of the yield, in percent.
    window : int
    least : float
        Smallest change, in percentage points, that leans either way.

    Returns
    -------
    Reading
        Leans for the rotation when the yield has fallen. It says nothing about bank margins (`curve_pillar`)
        nor about floating-rate debt (`short_rate_pillar`).
    """
    return _rate_change(see, "discount rate", name, window, least)


def short_rate_pillar(
    see: AsOf, names: tuple[str, ...] = ("us3m", "us2y"), window: int = 20, least: float = 0.10
) -> Reading:
    """Whether the short rate, on which floating-rate debt resets, has fallen.

    Parameters
    ----------
    see : AsOf
    names : tuple of str
        Series to read, the first that is usable. The 2-year yield is a stand-in: it moves ahead of the
        policy rate to which loans are tied.
    window : int
    least : float
        In percentage points.

    Returns
    -------
    Reading
        Leans for the rotation (into small caps) when the rate has fallen.
    """
    readings = [_rate_change(see, "short rate", name, window, least) for name in names]
    known = [reading for reading in readings if reading.known]
    if known:
        return known[0]
    return Reading.unknown("short rate", "; ".join(reading.why.split(": ", 1)[1] for reading in readings))


def curve_pillar(
    see: AsOf, long: str = "us10y", short: str = "us2y", window: int = 20, least: float = 0.10
) -> Reading:
    """Whether the yield curve has steepened, which is what widens bank margins.

    Parameters
    ----------
    see : AsOf
    long, short : str
        Series of the two yields, in percent.
    window : int
    least : float
        Smallest change of the slope, in percentage points, that leans either way.

    Returns
    -------
    Reading
        Leans for the rotation (into banks) when the slope has risen. Kept apart from `discount_rate_pillar`:
        a 10-year yield that falls alone flattens the curve.
    """
    slopes = []
    for name in (long, short):
        yields = recent(see, name, window + 1)
        if isinstance(yields, str):
            return Reading.unknown("curve", yields)
        slopes.append(yields)
    both = pd.concat(slopes, axis=1, join="inner")
    if len(both) < 2:
        return Reading.unknown("curve", f"{long} and {short} share no dates")
    slope = (both[long] - both[short]).to_numpy()
    change = float(slope[-1] - slope[0])
    return Reading(
        "curve",
        change,
        lean_of(-change, least),
        f"slope {long} less {short} {change:+.2f} points to {slope[-1]:.2f}",
    )


def thaw_pillar(
    see: AsOf, vix: str = "vix", spread: str = "hy_oas", window: int = 20, calm: float = CALM_VIX
) -> Reading:
    """Whether investment banking may thaw: VIX below `calm` and the high-yield spread narrower.

    Parameters
    ----------
    see : AsOf
    vix, spread : str
        Series of the VIX and of the high-yield option-adjusted spread in percent (ICE BofA by way of FRED).
    window : int
        Values over which the spread's change is taken.
    calm : float

    Returns
    -------
    Reading
        Leans for the rotation (into banks) when both hold, against it when neither does.
    """
    level = recent(see, vix, 1)
    if isinstance(level, str):
        return Reading.unknown("thaw", level)
    spreads = recent(see, spread, window + 1)
    if isinstance(spreads, str):
        return Reading.unknown("thaw", spreads)
    now = float(level.iloc[-1])
    change = float(spreads.iloc[-1] - spreads.iloc[0])
    holding = (now < calm) + (change < 0)
    why = f"VIX {now:.1f}, high-yield spread {change:+.2f} points over {window} values"
    return Reading("thaw", change, 1 if holding == 2 else -1 if holding == 0 else 0, why)


def rate_betas(
    see: AsOf, symbols: Iterable[str], name: str = "us10y", sessions: int = 504
) -> pd.Series[float]:
    """Return of each symbol in a session in which the yield rises by one percentage point.

    Parameters
    ----------
    see : AsOf
    symbols : iterable of str
    name : str
        Series of the yield, in percent.
    sessions : int
        Trailing sessions of the regression (ordinary least squares on the session's change of yield and on
        the mean return of all stocks, which yields move with).

    Returns
    -------
    Series
        NaN where fewer than half of the sessions are known, or the yield did not change.
    """
    names = list(symbols)
    betas = np.full(len(names), np.nan)
    if see.has_series(name) and see.sessions_seen >= 3:
        earned = see.arrays.returns(sessions, see.members(kind="stock"))
        counted = np.isfinite(earned)
        with np.errstate(invalid="ignore"):
            market = np.where(counted, earned, 0.0).sum(axis=1) / counted.sum(axis=1)
        days = pd.DatetimeIndex(see.arrays.sessions(len(market)))
        changes = see.series(name, sessions + 30).diff().reindex(days)
        causes = np.column_stack([np.ones(len(market)), market, changes.to_numpy()])
        returns = see.arrays.returns(sessions, names)
        known = np.isfinite(causes).all(axis=1)
        for column in range(len(names)):
            rows = known & np.isfinite(returns[:, column])
            if np.count_nonzero(rows) >= max(4, sessions // 2):
                found, _, rank, _ = np.linalg.lstsq(causes[rows], returns[rows, column], rcond=None)
                betas[column] = found[2] if rank == causes.shape[1] else np.nan
    return pd.Series(betas, index=names, name="rate beta")
