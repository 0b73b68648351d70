"""Price-to-sales of hardware against the software norm, with the decisions that changed the cut."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from datafeeds.names import named
from strategies.asof import AsOf
from strategies.exhibit import Exhibit
from strategies.signals.valuation import software_norms
from strategies.target import Target

FACT = "price_to_sales"
TITLE = "Valuation"
EVER = 1_000_000
"""More sessions than any market has."""

FEW = 4
"""Members of the hardware group that are drawn one by one if there are no more of them."""

STEP = 0.01
"""Change of the kept share from which on a decision is marked."""


def valuation_exhibit(
    see: AsOf,
    targets: Mapping[pd.Timestamp, Target],
    hardware: str,
    software: str,
    norm_years: int,
    norm_sessions: int,
) -> Exhibit:
    """The chart, from the first decision on, or a sentence that says why it is missing.

    Parameters
    ----------
    see : AsOf
        As of the last session of the run.
    targets : mapping of Timestamp to Target
        What was decided, by session.
    hardware, software : str
        Names of the groups.
    norm_years : int
        Length of the norm's trailing window.
    norm_sessions : int
        Sessions of it that must be known.
    """
    if not targets or not see.has(FACT):
        why = "nothing was decided" if not targets else "filed figures are missing"
        return Exhibit(TITLE, f"Not shown: no price-to-sales, {why}.")
    since = min(targets)
    median = see.group_median(FACT, EVER, hardware)[since:]
    norm = norm_line(see, software, norm_years, norm_sessions).reindex(median.index)
    both = median.notna() & norm.notna()
    if not both.any():
        text = "Not shown: price-to-sales and its norm are never known on the same session of this run."
        return Exhibit(TITLE, text)
    words, normal = named(hardware), named(software)
    lines = {f"{words} (median)": median, "norm": norm}
    own = see.history(FACT, EVER, group=hardware)[since:].dropna(axis=1, how="all")
    if 1 < own.shape[1] <= FEW:
        lines |= {str(symbol): own[symbol] for symbol in own}
    marks = changed_cuts(targets, [str(symbol) for symbol in own.columns])
    at_end = f"{median[both].iloc[-1]:,.2f} against {norm[both].iloc[-1]:,.2f}"
    return Exhibit(
        TITLE,
        f"The median price-to-sales of {words} was above the norm on "
        f"{(median[both] > norm[both]).mean():.1%} of the sessions on which both are known; at the last of "
        f"them it was {at_end}. {len(marks)} decisions changed the cut.",
        lines,
        f"Price-to-sales of {words} and the norm: median over {norm_years:g} years of the median of "
        f"{normal[:1].lower()}{normal[1:]}, as known each day, logarithmic scale",
        log=True,
        marks=marks,
        mark="decision that changed the cut",
    )


def norm_line(see: AsOf, software: str, norm_years: int, norm_sessions: int) -> pd.Series[float]:
    """The software norm at every session, as it was known then."""
    daily = see.group_median(FACT, EVER, software)
    norms = software_norms(np.asarray(daily, dtype=np.float64), norm_years, norm_sessions)
    return pd.Series(norms, index=daily.index)


def changed_cuts(targets: Mapping[pd.Timestamp, Target], symbols: list[str]) -> pd.DatetimeIndex:
    """Sessions of the targets that keep another share of `symbols` than the one before.

    The share kept is the weight of `symbols` in the target / their weight in its starting weights.
    """
    dates = []
    before = 1.0
    for session, target in targets.items():
        start = _weight(target.changes[0].weights, symbols)
        if start <= 0:
            continue
        kept = _weight(target.weights, symbols) / start
        if abs(kept - before) >= STEP:
            dates.append(session)
        before = kept
    return pd.DatetimeIndex(np.array(dates, dtype="datetime64[s]"))


def _weight(weights: Mapping[str, float], symbols: list[str]) -> float:
    return sum(weights.get(symbol, 0.0) for symbol in symbols)
