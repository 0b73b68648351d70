"""Who is in the universe, and plain ways to weight it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

import numpy as np
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.quarters import Array


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
    names = universe(see) if symbols is None else list(symbols)
    caps = see.arrays.latest("market_cap", names)
    places = np.flatnonzero(caps > 0).tolist()
    known = [names[place] for place in places]
    # Filings count the company's shares, so each class has the whole company's market cap.
    sizes = _shared_by_classes(see, known, caps[places])
    # Of Python's own words, which are made and read many times as fast as pandas'.
    labels = pd.Index(known, dtype=object)
    return pd.Series(sizes / sizes.sum(), index=labels, name="weight", dtype=float)


def _shared_by_classes(see: AsOf, names: Sequence[str], sizes: Array) -> Array:
    """Sizes of companies, each split evenly over those of its classes of shares whose size is known."""
    companies = see.arrays.companies(names)
    known = Counter(who for who, size in zip(companies, sizes.tolist(), strict=True) if size == size)
    classes: Array = np.array([known[who] or np.nan for who in companies], dtype=np.float64)
    return sizes / classes


FUNDAMENTALS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sales": ("revenue_ttm",),
        "cash flow": ("operating_cash_flow_ttm",),
        "dividends and buybacks": ("dividends_paid_ttm", "share_repurchases_ttm"),
        "book": ("stockholders_equity",),
    }
)
"""What measures a company's size without its price, and the facts that add up to it."""

QUARTER_SESSIONS = 63


def fundamental_weights(
    see: AsOf, symbols: Iterable[str] | None = None, years: int = 5
) -> tuple[pd.Series[float], tuple[str, ...]]:
    """Weights in proportion to the size of the business, a company with several classes counted once.

    Each measure is averaged over the trailing years and turned into a share of all companies that have it; a
    company's weight is the mean of its shares in the measures that it has.

    Parameters
    ----------
    see : AsOf
    symbols : iterable of str, optional
        Only these; `universe` if not given.
    years : int

    Returns
    -------
    weights : Series
        Adds to 1; companies of which no measure is known are left out, and empty if none is.
    measures : tuple of str
        Keys of `FUNDAMENTALS` that the market has.

    Notes
    -----
    Arnott, Hsu and Moore, "Fundamental Indexation", Financial Analysts Journal 2005. A measure that some
    companies lack adds up to those companies' share of the first measure, so that it is no one's advantage to
    be among the few that have it.
    """
    names = universe(see) if symbols is None else list(symbols)
    shares: dict[str, pd.Series[float]] = {}
    for measure, facts in FUNDAMENTALS.items():
        filed = [fact for fact in facts if see.has(fact)]
        sizes = [_trailing_mean(see, fact, names, years) for fact in filed]
        if not sizes:
            continue
        whole = pd.concat(sizes, axis=1).sum(axis=1, min_count=1).clip(lower=0.0)
        size = pd.Series(_shared_by_classes(see, names, whole.to_numpy()), index=names)
        total = float(size.sum())
        if total > 0:
            first = next(iter(shares.values()), size / total)
            shares[measure] = size / total * float(first[size.notna()].sum())
    if not shares:
        return pd.Series(dtype=float, name="weight"), ()
    mean = pd.concat(shares, axis=1).mean(axis=1)
    known = mean[mean > 0]
    return (known / known.sum()).rename("weight"), tuple(shares)


def _trailing_mean(see: AsOf, fact: str, symbols: list[str], years: int) -> pd.Series[float]:
    history = see.history(fact, 4 * QUARTER_SESSIONS * years, symbols=symbols)
    return history.iloc[::-QUARTER_SESSIONS].mean()


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
    values = yields.to_numpy()
    weights = np.full(len(values), 1.0 / len(values) if len(values) else 0.0)
    known = ~np.isnan(values)
    earned = np.maximum(values[known], 0.0)
    if earned.sum() > 0:
        weights[known] = earned / earned.sum() * known.mean()
    return pd.Series(weights, index=yields.index, name="weight")


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
