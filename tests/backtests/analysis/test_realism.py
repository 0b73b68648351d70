"""Fills against their bars, and the same decisions filled otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.analysis import realism as tested
from backtests.engine.terms import Costs
from backtests.runner import run
from backtests.settings.run_file import RunConfig
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market


@pytest.fixture(scope="module")
def market() -> Market:
    """Two symbols with bars of their own."""
    dates = pd.DatetimeIndex(exchange_sessions("2018-01-02", "2019-12-31"))
    random = np.random.default_rng(8)
    close = pd.DataFrame(
        50 * np.cumprod(1 + random.normal(0.0005, 0.01, (len(dates), 2)), axis=0), dates, ["A", "B"]
    )
    open_ = close.shift(1).fillna(50.0) * (1 + random.normal(0, 0.002, close.shape))
    return Market.from_wide(
        "bars",
        close,
        open=open_,
        high=np.maximum(open_, close) * 1.001,
        low=np.minimum(open_, close) * 0.999,
        volume=close * 0 + 1e6,
    )


def ran(market: Market, **costs: float):  # type: ignore[no-untyped-def]
    config = RunConfig(
        name="made",
        strategy={"name": "EqualWeighted"},
        benchmarks=({"name": "BuyAndHold", "symbols": ["A"]},),
        engine="ledger",
        costs=costs,
    )
    return run(config, market=market, check=True)


def test_fills_lie_inside_their_bars(market: Market) -> None:
    result = ran(market)
    found = result.fill_check
    assert found.fills == found.known == len(result.book.ledger.fills)
    assert found.outside == 0
    shares = result.book.ledger.fills["shares"].abs()
    assert found.participation == pytest.approx(shares.max() / 1e6)
    narrow = replace(market, high=market.low)
    assert tested.fill_check(result.book.ledger, narrow).outside > 0
    dear = ran(market, half_spread_bps=500.0)
    assert dear.fill_check.outside == 0
    assert dear.fill_check.beyond > 0


def test_closes_alone_say_nothing_of_bars(market: Market) -> None:
    closes = pd.DataFrame(market.close, pd.DatetimeIndex(market.sessions), list(market.symbols))
    assert ran(Market.from_wide("closes", closes)).fill_check.known == 0


def test_reruns_are_runs_under_other_terms(market: Market) -> None:
    result = ran(market)
    names = [each.name for each in result.reruns]
    assert names == ["As it was", "One session later", "At the close", "At twice the cost"]
    was, later, _, dear = result.reruns
    assert was.ours == pytest.approx(result.performances[0].cagr)
    assert was.lead == pytest.approx(result.relatives[0].excess_return)
    config = result.config.model_copy(update={"lag": 1})
    assert later.ours == pytest.approx(run(config, market=market).performances[0].cagr)
    assert dear.ours < was.ours


def test_twice_the_cost_doubles_what_is_charged_and_nothing_else() -> None:
    found = tested.doubled(Costs(commission_bps=1.0, half_spread_bps=2.0, impact=0.5, cash_rate=0.03))
    assert (found.commission_bps, found.half_spread_bps, found.impact) == (2.0, 4.0, 1.0)
    assert found.cash_rate == 0.03
