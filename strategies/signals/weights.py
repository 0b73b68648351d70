"""Who is in the universe, and plain ways to weight it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np
import pandas as pd

from strategies.asof import AsOf


def universe(see: AsOf) -> list[str]:
    """The stocks that trade today, of whatever group."""
    return see.members(kind="stock")


def cap_weights(see: AsOf, symbols: Iterable[str] | None = None) -> pd.Series[float]:
    """Weights in proportion to market capitalisation, a company with several classes of shares counted once.

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
    # Filings count the company's shares, so each class has the whole company's market cap.
    known = known / known.groupby(see.companies(known.index)).transform("size")
    return (known / known.sum()).rename("weight")


def equal_weights(symbols: Iterable[str]) -> pd.Series[float]:
    """The same weight for each of `symbols`, adding to 1."""
    names = list(symbols)
    return pd.Series(1.0 / len(names) if names else 0.0, index=names, name="weight", dtype=float)


def yield_weights(yields: pd.Series[float]) -> pd.Series[float]:
    """Weights in proportion to a yield, adding to 1.

    A symbol whose yield is unknown gets the equal share; the others divide the rest in proportion to their
    yields, a negative yield counting as zero. If no known yield is positive, all get the equal share.

    Examples
    --------
    >>> yield_weights(pd.Series({"JNJ": 0.06, "PFE": 0.02, "UNH": float("nan")})).round(3).to_dict()
    {'JNJ': 0.5, 'PFE': 0.167, 'UNH': 0.333}
    """
    weights = equal_weights(yields.index)
    known = yields.notna().to_numpy()
    earned = np.maximum(yields.to_numpy()[known], 0.0)
    if earned.sum() > 0:
        weights[known] = earned / earned.sum() * known.mean()
    return weights


def listed(words: Iterable[str], most: int = 6) -> str:
    """Some words in a row, no more than `most` of them.

    Examples
    --------
    >>> listed(["AMD", "NVDA", "MU"], most=2)
    'AMD, NVDA and 1 more'
    """
    rest = list(words)
    more = f" and {len(rest) - most} more" if len(rest) > most else ""
    return ", ".join(islice(rest, most)) + more
