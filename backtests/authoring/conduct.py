"""Whether what a strategy asks for is in order, also where the market lacks what it would like to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.authoring.moments import Moment, Plain, day_of
from backtests.authoring.report import Check, Offence, judged, note
from backtests.engine.decisions import Recorder
from backtests.options.overlay import Overlay, OverlayError
from datafeeds.market import Market, MarketError
from strategies.strategy import Strategy
from strategies.target import StrategyError


def sanity_checks(market: Market, strategy: Strategy, moments: Sequence[Moment]) -> list[Check]:
    """Weights finite and in range, symbols known; these and the reasons are enforced on the way."""
    most = (1.0 if strategy.long_only else strategy.max_gross) + 1e-9
    least = 0.0 if strategy.long_only else -most
    asked = [(moment, said) for moment in moments if (said := moment.target) is not None]
    fine = f"{len(asked)} targets, each finite, in range and of known symbols"
    checks = [
        judged(
            "sanity",
            "weights and symbols",
            [
                offence
                for moment, target in asked
                for offence in _weights(market, moment, target, least, most)
            ],
            fine,
        ),
    ]
    if not asked:
        checks.append(note("sanity", "decisions", "it never asked for anything: every decision was to hold"))
    absent = [
        (day_of(market, moment), symbol)
        for moment, target in asked
        for symbol in target["weights"]
        if not market.traded[moment.session, market.column[symbol]]
    ]
    if absent:
        day, symbol = absent[0]
        checks.append(
            note(
                "sanity",
                "symbols without a price",
                f"{len(absent)} weights of symbols that did not trade that day, first {symbol} on {day}",
            )
        )
    return checks


def _weights(market: Market, moment: Moment, target: Plain, least: float, most: float) -> list[Offence]:
    day = day_of(market, moment)
    found = []
    for symbol, weight in target["weights"].items():
        if symbol not in market.column:
            found.append(Offence("is no symbol of the market", day, symbol))
        elif not least <= weight <= most:
            found.append(Offence("weight out of range:", day, symbol, f"{weight:.6g}"))
    if sum(target["weights"].values()) > 1 + 1e-9:
        found.append(Offence("weights add to", day, value=f"{sum(target['weights'].values()):.6f}"))
    return found


def robustness_checks(
    market: Market, strategy: Strategy, moments: Sequence[Moment], overlay: Overlay | None = None
) -> list[Check]:
    """Decide where something is missing: a clear error or holding is fine, an unexpected exception is not."""
    sessions = [moment.session for moment in moments]
    first = list(range(min(5, len(market.sessions))))
    return [
        _tried("first sessions", market, strategy, first, overlay),
        *(_tried(name, make(market), strategy, sessions, overlay) for name, make in SCENARIOS.items()),
    ]


def _tried(
    name: str, market: Market, strategy: Strategy, sessions: Sequence[int], overlay: Overlay | None
) -> Check:
    offences: list[Offence] = []
    refused = ""
    decide = Recorder(market, strategy, may_hold_index=True, overlay=overlay)
    for session in sessions:
        weights = np.zeros(len(market.symbols))
        if decide.decisions:
            held = decide.decisions[-1].target.weights
            weights[market.columns_of(held)] = list(held.values())
        try:
            decide(session, weights)
        except Exception as error:
            # An author's own exception arrives as a StrategyError that names its cause.
            cause = error if error.__cause__ is None else error.__cause__
            if isinstance(cause, StrategyError | MarketError | OverlayError):
                refused = refused or str(error)
                continue
            said = f"{type(cause).__name__}: {cause}"
            offences.append(Offence("unexpected exception:", str(market.sessions[session]), value=said))
    fine = f"{len(decide.decisions)} targets on {len(sessions)} sessions"
    return judged("robustness", name, offences, f"{fine}; says: {refused}" if refused else fine)


def _without_facts(market: Market) -> Market:
    return replace(market, facts=market.facts.iloc[:0], derived={}, hash=f"{market.hash} without facts")


def _without_series(market: Market) -> Market:
    return replace(market, series=market.series.iloc[:0], hash=f"{market.hash} without series")


def _half_delisted(market: Market) -> Market:
    """Every second symbol stops trading halfway."""
    return _without_prices(market, slice(len(market.sessions) // 2, None), slice(None, None, 2))


def _one_left(market: Market) -> Market:
    """One symbol alone ever trades."""
    return _without_prices(market, slice(None), slice(1, None))


def _nothing_trades(market: Market) -> Market:
    """All trading has stopped halfway."""
    return _without_prices(market, slice(len(market.sessions) // 2, None), slice(None))


def _without_prices(market: Market, rows: slice, columns: slice) -> Market:
    prices = {}
    for name in ("open", "high", "low", "close", "volume"):
        array = getattr(market, name).copy()
        array[rows, columns] = np.nan
        prices[name] = array
    return replace(market, **prices, derived={}, hash=f"{market.hash} without some prices")


def _empty_groups(market: Market) -> Market:
    """Every group exists and nobody is in it."""
    left = market.instruments.assign(to=pd.Timestamp("1900-01-01"))
    alone = market.instruments.drop_duplicates("symbol").assign(group="")
    alone[["from", "to"]] = np.datetime64("NaT", "s")
    table = pd.concat([alone, left], ignore_index=True)
    return replace(market, instruments=table, derived={}, hash=f"{market.hash} with empty groups")


SCENARIOS: dict[str, Callable[[Market], Market]] = {
    "no filed figures": _without_facts,
    "no series": _without_series,
    "half of the symbols delisted": _half_delisted,
    "one symbol alone": _one_left,
    "nothing trades any more": _nothing_trades,
    "empty groups": _empty_groups,
}
"""Markets that lack something, by what they lack."""
