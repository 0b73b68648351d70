"""Every check of a strategy, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from backtests.authoring.conduct import robustness_checks, sanity_checks
from backtests.authoring.delay import delay_cost
from backtests.authoring.determinism import determinism_checks
from backtests.authoring.lookahead import Recipe, SealedCheck
from backtests.authoring.moments import drawn
from backtests.authoring.report import Check, CheckReport, Offence, judged
from backtests.authoring.scale import scale_check
from backtests.authoring.sealed.code import classes_of
from backtests.authoring.sealed.replay import SealedProcesses
from backtests.authoring.source import source_check
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.failures import described
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.options.overlay import OverlayError
from datafeeds.market import Market, MarketError
from strategies.strategy import Strategy
from strategies.target import StrategyError

DECISIONS = 100
"""Decisions that are made again in sealed processes."""

WATCHED = 24
"""Decisions that are made where the market lacks something."""

ORDER = ("look-ahead", "determinism", "source", "sanity", "robustness", "delay")


def check_strategy(
    strategy: Strategy,
    market: Market,
    account: Account | None = None,
    *,
    recipe: Recipe | None = None,
    decisions: int = DECISIONS,
    seed: int = 0,
    may_hold_index: bool = False,
    processes: SealedProcesses | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> CheckReport:
    """Check that a strategy can't look ahead and can be relied on.

    Parameters
    ----------
    strategy : Strategy
    market : Market
    account : Account, optional
        Capital, costs and the sessions of the run; a million on the whole market if not given.
    recipe : dict, optional
        How to make the strategy again, as `recipe_of` said it before the strategy was made.
    decisions : int
        How many decisions are made again in sealed processes. Which, nobody can know ahead.
    seed : int
        Of the draw of decisions for the other checks.
    may_hold_index : bool
        Whether it may hold an index, as benchmarks may.
    processes : SealedProcesses, optional
        As in `SealedCheck`.
    progress : callable
        Told what begins.

    Returns
    -------
    CheckReport
    """
    kept = account or Account(1_000_000.0, Costs(), 0, False, 0, len(market.sessions) - 1)
    kept = kept.held_by(strategy)
    engine = engine_named("ledger")
    with SealedCheck(processes) as sealed:
        progress("running it once")
        recorder = Recorder(market, strategy, may_hold_index=may_hold_index, overlay=kept.overlay)
        sealed.expect(market, recipe)
        try:
            deciding = decision_sessions(strategy, market)
            decide = sealed.watch(market, strategy, deciding, recorder)
            ledger = engine(market, decide, deciding, kept)
        except (StrategyError, MarketError, OverlayError) as error:
            return _refused(strategy, market, str(error))
        except Exception as error:
            return _refused(strategy, market, f"unexpected exception: {type(error).__name__}: {error}")
        sealed.begin(market.hash, decisions, WATCHED)
        made = sealed.moments
        moments = drawn(made, decisions, seed)
        watched = drawn(moments, WATCHED, seed)
        progress("reading its source, and deciding again")
        checks: list[Check] = [
            source_check(classes_of(strategy), strategy.values(), market.symbols, sealed.sources),
            *scale_check(market, strategy, watched),
        ]
        checks += determinism_checks(market, strategy, moments, watched)
        progress("taking things away")
        checks += sanity_checks(market, strategy, made)
        checks += robustness_checks(market, strategy, watched, kept.overlay)
        progress("acting later")
        whole = replace(ledger, decisions=tuple(recorder.decisions))
        read = recorder.read_account
        checks.append(
            delay_cost(market, strategy, kept, whole, read_account=read, may_hold_index=may_hold_index)
        )
        progress("waiting for the decisions made without the future")
        report = sealed.report()
    ordered = sorted([*report.checks, *checks], key=lambda check: ORDER.index(check.kind))
    return replace(report, checks=tuple(ordered))


def _refused(strategy: Strategy, market: Market, said: str) -> CheckReport:
    check = judged("sanity", "a run from the first session to the last", [Offence(said)], "")
    return CheckReport(described(strategy), market.name, 0, 0, 0, (check,))
