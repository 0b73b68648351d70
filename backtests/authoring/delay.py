"""What it costs to act later."""

from __future__ import annotations

from dataclasses import replace

from backtests.analysis.performance import performance
from backtests.authoring.replay import Recording, recorded
from backtests.authoring.report import Check, note
from backtests.engine.books import Ledger
from backtests.engine.rules import interest_factors
from backtests.engine.second_opinion import recomputed
from backtests.engine.terms import Account
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import StrategyError

LAGS = range(6)
"""Sessions of delay that are tried."""


def delay_cost(
    market: Market, strategy: Strategy, account: Account, recording: Recording, *, may_hold_index: bool
) -> Check:
    """Performance if orders go out 0 to 5 sessions later, on the ledger engine.

    A strategy that looks at its portfolio decides anew under each delay; any other's decisions stay.
    """
    parts = []
    for lag in LAGS:
        later = replace(account, lag=lag)
        try:
            ledger = _ledger(market, strategy, later, recording, may_hold_index)
        except StrategyError as error:
            parts.append(f"lag {lag}: {error}")
            continue
        found = performance(ledger.equity, ledger.sessions, interest_factors(market, later)[1:])
        growth = found.total_return if found.cagr is None else found.cagr
        ratio = "" if found.sharpe is None else f" (Sharpe {found.sharpe:.2f})"
        parts.append(f"lag {lag}: {growth:+.2%}{ratio}")
    return note("delay", "cost of acting later, growth a year", ", ".join(parts))


def _ledger(
    market: Market, strategy: Strategy, account: Account, recording: Recording, may_hold_index: bool
) -> Ledger:
    if recording.read_account:
        return recorded(market, strategy, account, may_hold_index=may_hold_index).ledger
    return recomputed(recording.ledger, market, account, "ledger")
