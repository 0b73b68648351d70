"""The configuration that was chosen before a holdout, scored on what came after."""

from __future__ import annotations

from typing import Any

from backtests.metrics import holdout
from backtests.records import register
from backtests.runner import run
from backtests.sweeps.plan import Plan
from datafeeds.market import Market


def scored_once(planned: Plan, number: int, market: Market) -> dict[str, Any]:
    """Run one configuration to the run file's own end and take it apart at the holdout.

    Nothing is chosen by what comes out; it counts as one more trial on the market.

    Parameters
    ----------
    planned : Plan
    number : int
        The configuration that was chosen on the sessions before the holdout.
    market : Market

    Returns
    -------
    dict
        As `backtests.metrics.holdout`, with the number as ``configuration``; empty without a holdout.
    """
    if planned.base.holdout is None:
        return {}
    chosen = planned.configurations[number].config
    result = run(chosen.model_copy(update={"end": planned.base.end}), market=market)
    register.record(market, register.of_result("holdout", result))
    return {**holdout(result), "configuration": number}
