"""What it costs to act later."""

from __future__ import annotations

from dataclasses import replace

from backtests.analysis.performance import performance
from backtests.authoring.report import Check, note
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.rules import interest_factors
from backtests.engine.second_opinion import engine_named, recomputed
from backtests.engine.terms import Account
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import StrategyError

LAGS = range(6)
"""Sessions of delay that are tried."""


def delay_cost(
    market: Market,
    strategy: Strategy,
    account: Account,
    ledger: Ledger,
    *,
    read_account: bool,
    may_hold_index: bool,
) -> Check:
    """Performance if orders go out 0 to 5 sessions later, on the ledger engine.

    A strategy that looks at its portfolio decides anew under each delay; any other's decisions stay.
    """
    parts = []
    for lag in LAGS:
        later = replace(account, lag=lag)
        try:
            if read_account:
                recorder = Recorder(market, strategy, may_hold_index=may_hold_index, overlay=later.overlay)
                deciding = decision_sessions(strategy, market)
                kept = engine_named("ledger")(market, recorder, deciding, later)
            else:
                kept = recomputed(ledger, market, later, "ledger")
        except StrategyError as error:
            parts.append(f"lag {lag}: {error}")
            continue
        found = performance(kept.equity, kept.sessions, interest_factors(market, later)[1:])
        growth = found.total_return if found.cagr is None else found.cagr
        ratio = "" if found.sharpe is None else f" (Sharpe {found.sharpe:.2f})"
        parts.append(f"lag {lag}: {growth:+.2%}{ratio}")
    return note("delay", "cost of acting later, growth a year", ", ".join(parts))
