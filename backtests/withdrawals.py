"""Filed figures that were shown wrong between two decisions, of symbols whose weight the second one moved."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from backtests.result import Result

LEAST = 0.001
"""Changes of weight from here on (10 bps) are worth a word."""


def withdrawals(result: Result) -> tuple[tuple[str, ...], ...]:
    """What was withdrawn before each decision of the strategy and may have moved a weight.

    A figure withdrawn on a day is unknown from the next session on. It is told at the first decision that did
    without it, if that moves the symbol's weight by `LEAST` or more from what was held. The sentence says
    what came together, not what caused it.

    Returns
    -------
    tuple of tuple of str
        Sentences for each decision, in order of time.
    """
    facts = result.market.facts
    gone = facts[facts["withdrawn"].notna()]
    days = gone["withdrawn"].to_numpy().astype("datetime64[D]")
    symbols = gone["symbol"].tolist()
    held = result.weights
    decisions = result.book.ledger.decisions
    told: list[tuple[str, ...]] = []
    for number, decision in enumerate(decisions):
        since = decisions[number - 1].session if number else decision.session
        rows = np.flatnonzero((days >= since) & (days < decision.session))
        if not len(rows):
            told.append(())
            continue
        before = held.iloc[int(np.searchsorted(result.sessions, decision.session))].to_dict()
        after = decision.target.weights
        moved = [
            row
            for row in rows.tolist()
            if abs(after.get(symbols[row], 0.0) - before.get(symbols[row], 0.0)) >= LEAST
        ]
        told.append(tuple(_sentence(one) for one in gone.iloc[moved].to_dict(orient="records")))
    return tuple(told)


def _sentence(one: Mapping[Hashable, Any]) -> str:
    return (
        f"{one['symbol']}: {one['concept']} of fiscal {one['fiscal_year']} {one['fiscal_period']}, "
        f"filed {one['filed']:%Y-%m-%d}, was withdrawn on {one['withdrawn']:%Y-%m-%d}"
    )
