"""Whether a strategy reads what only later splits and dividends tell: the level of an adjusted price.

A source of total returns has no prices of the day, only closes scaled so that the last one is right. How far
an early close lies below what was paid is the growth by dividends and splits to come. A decision that hangs
on returns, ratios and ranks of ratios does not change when all prices of one company are multiplied and its
shares divided; one that hangs on the level does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from backtests.authoring.moments import Moment, Plain, day_of, decided
from backtests.authoring.report import Check, Offence, judged, note
from backtests.authoring.sealed.market import PRICES
from datafeeds.market import Market
from strategies.strategy import Strategy

KIND = "look-ahead"

NAME = "price of one company scaled"

FACTOR = 8.0
"""A power of two, so that ratios keep every bit."""

SYMBOLS = 6
"""Companies that are tried, spread over those that the decisions hold or could hold."""

SCALED = "decided otherwise with prices scaled"

COUNTS = ("shares_outstanding", "diluted_shares")


def scale_check(market: Market, strategy: Strategy, moments: Sequence[Moment]) -> list[Check]:
    """Decide again where one company's prices are multiplied and its shares divided.

    It fails where prices are of total returns; elsewhere prices of the day are known, and it informs.
    """
    held = {symbol for moment in moments for symbol in (moment.target or {}).get("weights", ())}
    others = [symbol for symbol in market.symbols if symbol not in held]
    chosen = [*_spread(sorted(held), SYMBOLS - 2), *_spread(others, 2)]
    # All at once by factors of their own; one by one only where that shows something, to name whose it is.
    factors = {symbol: FACTOR ** (place + 1) for place, symbol in enumerate(chosen)}
    found = _changed(market, strategy, moments, factors)
    if found:
        alone = [_changed(market, strategy, moments, {symbol: FACTOR}) for symbol in chosen]
        found = [offence for each in alone for offence in each] or found
    fine = f"{len(moments)} decisions with {len(chosen)} companies, none changed"
    if market.adjustment == "total_return":
        return [judged(KIND, NAME, found, fine)]
    return [note(KIND, NAME, f"{found[0]}; prices of the day are public" if found else fine)]


def _changed(
    market: Market, strategy: Strategy, moments: Sequence[Moment], factors: Mapping[str, float]
) -> list[Offence]:
    """The first decision that comes out otherwise where prices are scaled; empty if none does."""
    where = scaled(market, factors)
    for moment in moments:
        answer = decided(strategy, where, moment)
        if _weights(answer.get("target")) == _weights(moment.target):
            continue
        again = decided(strategy, market, moment)  # what is otherwise each time is another fault
        if _weights(again.get("target")) == _weights(moment.target):
            named = ", ".join(factors)
            return [Offence(SCALED, day_of(market, moment), named, str(answer.get("error", "")))]
    return []


def scaled(market: Market, factors: Mapping[str, float]) -> Market:
    """`market` with prices multiplied and shares divided by a factor of each symbol."""
    columns = [market.column[symbol] for symbol in factors]
    by = np.array(list(factors.values()))
    prices = {name: getattr(market, name).copy() for name in PRICES}
    for name, array in prices.items():
        array[:, columns] *= 1 / by if name == "volume" else by
    counts = market.facts["concept"].isin(COUNTS)
    shares = market.facts["symbol"].map(factors).where(counts).fillna(1.0).to_numpy(dtype=np.float64)
    return replace(
        market,
        **prices,
        facts=market.facts.assign(value=market.facts["value"] / shares),
        derived={},
        hash=f"{market.hash} with {', '.join(factors)} scaled",
    )


def _weights(target: Plain | None) -> Mapping[str, float]:
    weights: Mapping[str, float] = (target or {}).get("weights", {})
    return weights


def _spread(symbols: Sequence[str], most: int) -> list[str]:
    places = np.linspace(0, len(symbols) - 1, min(most, len(symbols))).astype(int)
    return [symbols[place] for place in places]
