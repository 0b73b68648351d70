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

SCALED = f"decided otherwise with its prices times {FACTOR:g}"

COUNTS = ("shares_outstanding", "diluted_shares")


def scale_check(market: Market, strategy: Strategy, moments: Sequence[Moment]) -> list[Check]:
    """Decide again where one company's prices are multiplied and its shares divided.

    It fails where prices are of total returns; elsewhere prices of the day are known, and it informs.
    """
    held = {symbol for moment in moments for symbol in (moment.target or {}).get("weights", ())}
    others = [symbol for symbol in market.symbols if symbol not in held]
    chosen = [*_spread(sorted(held), SYMBOLS - 2), *_spread(others, 2)]
    found = []
    for symbol in chosen:
        where = scaled(market, symbol, FACTOR)
        for moment in moments:
            answer = decided(strategy, where, moment)
            if _weights(answer.get("target")) != _weights(moment.target):
                found.append(Offence(SCALED, day_of(market, moment), symbol, str(answer.get("error", ""))))
                break
    fine = f"{len(moments)} decisions with {len(chosen)} companies, none changed"
    if market.adjustment == "total_return":
        return [judged(KIND, NAME, found, fine)]
    return [note(KIND, NAME, f"{found[0]}; prices of the day are public" if found else fine)]


def scaled(market: Market, symbol: str, factor: float) -> Market:
    """`market` with the prices of `symbol` multiplied and its shares divided by `factor`."""
    column = market.column[symbol]
    prices = {name: getattr(market, name).copy() for name in PRICES}
    for name, array in prices.items():
        array[:, column] *= 1 / factor if name == "volume" else factor
    counts = (market.facts["symbol"] == symbol) & market.facts["concept"].isin(COUNTS)
    values = market.facts["value"].to_numpy(dtype=np.float64, copy=True)
    values[counts.to_numpy()] /= factor
    return replace(
        market,
        **prices,
        facts=market.facts.assign(value=values),
        derived={},
        hash=f"{market.hash} with {symbol} times {factor}",
    )


def _weights(target: Plain | None) -> Mapping[str, float]:
    weights: Mapping[str, float] = (target or {}).get("weights", {})
    return weights


def _spread(symbols: Sequence[str], most: int) -> list[str]:
    places = np.linspace(0, len(symbols) - 1, min(most, len(symbols))).astype(int)
    return [symbols[place] for place in places]
