"""Configurations of a sweep run again, alone and sealed: nothing of the future, nothing left over.

A worker runs many configurations in one process. What a strategy keeps there, the next configuration finds:
the first has seen the whole market. Run alone such a configuration earns something else, or decides otherwise
where nothing was run before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from backtests.authoring.lookahead import SealedCheck, recipe_of
from backtests.authoring.report import CheckReport, Offence, judged
from backtests.authoring.sealed.replay import SealedProcesses
from backtests.engine.books import returns_of
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.second_opinion import engine_named
from backtests.runner import account_of
from backtests.settings.run_file import RunConfig
from datafeeds.market import Array, Market

BEST = 3
"""Configurations of a sweep that are run again."""


def checked_again(
    configs: Mapping[int, RunConfig],
    returns: Mapping[int, Array],
    market: Market,
    numbers: Iterable[int],
    processes: SealedProcesses,
) -> dict[str, Any]:
    """Run configurations again, each alone, and make their decisions again without the future.

    Parameters
    ----------
    configs, returns
        Run and daily returns of each configuration, by number.
    market : Market
    numbers : iterable of int
        The configurations to run again.
    processes : SealedProcesses

    Returns
    -------
    dict
        For the manifest, as `CheckReport.record` of the first that failed, else of the last;
        ``configurations`` lists what was run again. Empty if there was nothing to check.
    """
    record: dict[str, Any] = {}
    again = []
    for number in dict.fromkeys(numbers):
        report = _again(configs[number], returns[number], market, processes)
        if report is None:
            continue
        again.append(number)
        if record.get("passed", True):
            record = {**report.record(), "configuration": number}
    return {**record, "configurations": again} if again else {}


def _again(
    config: RunConfig, earned: Array, market: Market, processes: SealedProcesses
) -> CheckReport | None:
    recipe = recipe_of(config)
    strategy = config.build_strategy()
    if isinstance(strategy, NativeStrategy):
        return None
    account = account_of(config, market).held_by(strategy)
    engine = engine_named(config.engine)
    with SealedCheck(processes) as sealed:
        sealed.expect(market, recipe)
        recorder = Recorder(market, strategy, overlay=account.overlay)
        deciding = decision_sessions(strategy, market)
        decide = sealed.watch(market, strategy, deciding, recorder)
        ledger = engine(market, decide, deciding, account)
        sealed.begin(market.hash)
        report = sealed.report()
    alone = returns_of(ledger.equity)
    found = []
    if not np.array_equal(alone, earned):
        first = int(np.argmax(alone != earned))
        day = str(ledger.sessions[first + 1])
        said = f"{earned[first]:.6f}, alone {alone[first]:.6f}"
        found.append(Offence("earned otherwise in the sweep:", day, value=said))
    leaked = judged("look-ahead", "run alone", found, "the same returns as in the sweep")
    return replace(report, checks=(leaked, *report.checks))
