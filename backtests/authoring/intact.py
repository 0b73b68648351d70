"""Whether a run left the market as it was: sealed processes are told its past, which could hold a message."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtests.authoring.report import Check, Offence, judged
from datafeeds import facts
from datafeeds.market import Array, Market, MarketError


def fingerprint(market: Market) -> str:
    """All that sealed processes are told of `market`, but for facts worked out on the way."""
    return f"{market.name}, {', '.join(market.groups)}: {market.content_hash()}"


def intact(market: Market, before: str) -> Check:
    """Judge whether `market` holds what it held before the run, and no fact that does not follow from it.

    Parameters
    ----------
    market : Market
        After the run.
    before : str
        Its `fingerprint` before the strategy was made.
    """
    found = []
    if fingerprint(market) != before:
        found.append(Offence("the run changed the data of market", value=repr(market.name[:40])))
    anew = replace(market, derived={})
    for name, kept in dict(market.derived).items():
        try:
            same = np.array_equal(kept, _worked_out(anew, name), equal_nan=True)
        except MarketError:
            same = False
        if not same:
            found.append(Offence("the run made up a fact:", value=repr(name[:40])))
    return judged("look-ahead", "the same market", found, "nothing in it was changed by the run")


def _worked_out(market: Market, name: str) -> Array:
    fact, found, group = name.partition(" median of ")
    return facts.group_median(market, fact, group) if found else facts.fact(market, name)
