"""Signals: small pure functions of what is known today."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from datafeeds.asof import AsOf


def universe(see: AsOf, group: str | None = None) -> list[str]:
    """Symbols to choose from: the stocks that trade today, or the stocks and funds of one group.

    Parameters
    ----------
    see : AsOf
    group : str, optional
        Name of a group; every stock if not given.

    Raises
    ------
    MarketError
        If no instrument ever belongs to `group`.
    """
    return see.members(kind="stock") if group is None else see.members(group)


def cap_weights(see: AsOf, symbols: Iterable[str] | None = None) -> pd.Series[float]:
    """Weights in proportion to market capitalisation.

    Parameters
    ----------
    see : AsOf
    symbols : iterable of str, optional
        Only these; `universe` if not given.

    Returns
    -------
    Series
        Indexed by symbol, adds to 1. Symbols whose market cap is unknown are left out; empty if none is
        known.
    """
    caps = see.latest("market_cap", symbols=universe(see) if symbols is None else symbols)
    known = caps[caps > 0]
    return (known / known.sum()).rename("weight")


def equal_weights(symbols: Iterable[str]) -> pd.Series[float]:
    """The same weight for each of `symbols`, adding to 1."""
    names = list(symbols)
    return pd.Series(1.0 / len(names) if names else 0.0, index=names, name="weight", dtype=float)


def listed(symbols: Iterable[str], most: int = 6) -> str:
    """The symbols as text, no more than `most` of them.

    Examples
    --------
    >>> listed(["AMD", "NVDA", "MU"], most=2)
    'AMD, NVDA and 1 more'
    """
    names = list(symbols)
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
