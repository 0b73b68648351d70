"""Every check of a strategy, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from backtests.authoring.conduct import robustness_checks, sanity_checks
from backtests.authoring.delay import delay_cost
from backtests.authoring.determinism import determinism_checks
from backtests.authoring.lookahead import delayed_filings, poison_checks
from backtests.authoring.purity import purity_checks, state_of
from backtests.authoring.replay import drawn, recorded
from backtests.authoring.report import Check, CheckReport, Offence, judged
from backtests.engine.terms import Account, Costs
from backtests.options.overlay import OverlayError
from datafeeds.market import Market, MarketError
from strategies.strategy import Strategy
from strategies.target import StrategyError

DECISIONS = 100
"""Decisions that are replayed under each poison."""

WATCHED = 24
"""Decisions that are made under guard and where the market lacks something."""


def check_strategy(
    strategy: Strategy,
    market: Market,
    account: Account | None = None,
    *,
    decisions: int = DECISIONS,
    seed: int = 0,
    may_hold_index: bool = False,
    elsewhere: bool = True,
    progress: Callable[[str], None] = lambda what: None,
) -> CheckReport:
    """Check that a strategy can't look ahead and can be relied on.

    Parameters
    ----------
    strategy : Strategy
    market : Market
    account : Account, optional
        Capital, costs and the sessions of the run; a million on the whole market if not given.
    decisions : int
        How many decisions are replayed under each poison, drawn at random.
    seed : int
        Of that draw and of the shuffling.
    may_hold_index : bool
        Whether it may hold an index, as benchmarks may.
    elsewhere : bool
        Whether decisions are also made in another process, which takes seconds.
    progress : callable
        Told what begins.

    Returns
    -------
    CheckReport
    """
    kept = account or Account(1_000_000.0, Costs(), 0, False, 0, len(market.sessions) - 1)
    progress("running it once")
    before = state_of(strategy)
    try:
        recording = recorded(market, strategy, kept, may_hold_index=may_hold_index)
    except (StrategyError, MarketError, OverlayError) as error:
        return _refused(strategy, market, seed, str(error))
    except Exception as error:
        return _refused(strategy, market, seed, f"unexpected exception: {type(error).__name__}: {error}")
    moments = drawn(recording.moments, decisions, seed)
    watched = drawn(moments, WATCHED, seed)
    checks: list[Check] = []
    progress("reading its source and watching it run")
    checks += purity_checks(market, strategy, watched, before)
    progress("replacing the future")
    checks += poison_checks(market, strategy, moments, seed)
    checks += delayed_filings(market, strategy, watched)
    progress("deciding again")
    checks += determinism_checks(market, strategy, moments, elsewhere=elsewhere)
    progress("taking things away")
    checks += sanity_checks(market, recording.moments)
    checks += robustness_checks(market, strategy, watched, kept.overlay)
    progress("acting later")
    checks.append(delay_cost(market, strategy, kept, recording, may_hold_index=may_hold_index))
    order = ("look-ahead", "determinism", "purity", "sanity", "robustness", "delay")
    ordered = sorted(checks, key=lambda check: order.index(check.kind))
    return CheckReport(
        repr(strategy), market.name, len(recording.moments), len(moments), seed, tuple(ordered)
    )


def _refused(strategy: Strategy, market: Market, seed: int, said: str) -> CheckReport:
    check = judged("sanity", "a run from the first session to the last", [Offence(said)], "")
    return CheckReport(repr(strategy), market.name, 0, 0, seed, (check,))
