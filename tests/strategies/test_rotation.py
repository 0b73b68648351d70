"""The blueprint with tilts and gates: plain when all is off, and honest about what can't be read."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datafeeds.market import Market
from strategies import Blueprint, PillarTilt, RotationRegime, Target
from strategies.asof import AsOf
from strategies.rotation import tilted
from strategies.signals import Reading
from strategies.sleeves import Sleeve
from strategies.target import StrategyError

OFF: dict[str, Any] = dict.fromkeys(RotationRegime.ELEMENTS, False)
PILLARS_OFF = {name: False for name in OFF if name in PillarTilt.parameters}


def decided(strategy: Blueprint, market: Market, date: str) -> Target:
    """What is decided on `date`, from nothing remembered."""
    target = strategy.decide(AsOf(market, market.index_of(date)))
    assert target is not None
    return target


@pytest.mark.parametrize("date", ["2015-06-30", "2019-08-30", "2020-08-31", "2021-12-31"])
def test_with_everything_off_it_is_the_plain_blueprint(sample: Market, date: str) -> None:
    plain = decided(Blueprint(), sample, date)
    assert decided(PillarTilt(**PILLARS_OFF), sample, date) == plain
    assert decided(RotationRegime(**OFF), sample, date) == plain


def test_elements_are_switches_of_the_strategy() -> None:
    for element in RotationRegime.ELEMENTS:
        assert isinstance(getattr(RotationRegime, element), bool)


def test_a_tilt_multiplies_the_share_by_the_mean_lean_of_what_is_known() -> None:
    sleeve = Sleeve("financials", 0.4, pd.Series({"JPM": 1.0}), "by yield")
    readings = [
        Reading("curve", 0.2, 1, "steeper"),
        Reading("thaw", 0.1, 0, "neither"),
        Reading.unknown("oil", "no series"),
    ]
    more = tilted(sleeve, readings, 0.5)
    assert more.share == pytest.approx(0.4 * 1.25)
    assert "oil unknown: no series" in more.why
    assert tilted(sleeve, [readings[2]], 0.5).share == 0.4
    assert tilted(sleeve, [], 0.5) is sleeve


def test_an_unknown_pillar_tilts_nothing_and_says_so(sample: Market) -> None:
    plain = decided(Blueprint(), sample, "2020-08-31")
    tilted_ = decided(PillarTilt(), sample, "2020-08-31")  # the sample's series have ended by then
    assert dict(tilted_.weights) == pytest.approx(dict(plain.weights))
    words = " ".join(change.why for change in tilted_.changes)
    assert "oil unknown" in words
    assert "curve unknown: the market has no series 'us10y'" in words


def with_series(sample: Market, values: dict[str, tuple[float, float]]) -> Market:
    """The sample with series that step from one number to another ten sessions before 2020-08-31."""
    days = pd.DatetimeIndex(sample.sessions[: sample.index_of("2020-08-31") + 1])
    rows = []
    for name, (before, after) in values.items():
        path = np.full(len(days), before)
        path[-10:] = after
        rows.append(pd.DataFrame({"series": name, "date": days, "available": days, "value": path}))
    close = pd.DataFrame(sample.close, index=pd.DatetimeIndex(sample.sessions), columns=list(sample.symbols))
    return Market.from_wide(
        "sample with series",
        close,
        instruments=sample.instruments,
        facts=sample.facts,
        splits=sample.splits,
        series=pd.concat(rows),
        adjustment=sample.adjustment,
    )


def test_the_favoured_sleeve_gets_more_and_nothing_else_is_moved(sample: Market) -> None:
    market = with_series(sample, {"us10y": (3.0, 3.0), "us2y": (2.0, 1.0), "vix": (15, 15), "hy_oas": (5, 4)})
    financials = ("JPM", "BAC")

    def freed_to(strategy: Blueprint) -> tuple[float, float]:
        target = decided(strategy, market, "2020-08-31")
        return target.weight_of(financials), sum(target.weights.values())

    plain, whole = freed_to(Blueprint())
    steeper, same = freed_to(PillarTilt(**{**PILLARS_OFF, "curve": True}))
    assert steeper > plain
    assert same == pytest.approx(whole)
    base = decided(Blueprint(), market, "2020-08-31")
    freed = sum(base.changes[0].weights[name] - base.weights.get(name, 0.0) for name in ("AMD", "NVDA"))
    # 40 of 100 become 60 of 120
    assert steeper - plain == pytest.approx(freed * (0.5 - 0.4))


class FixedRegime(RotationRegime):
    """A regime that is told how much to carry out."""

    told: float = 0.5

    def carried_out(self, see: AsOf) -> tuple[float, str]:
        return self.told, "told so"


def test_a_gate_scales_the_cuts_and_remembers_them_whole(sample: Market) -> None:
    plain = decided(Blueprint(), sample, "2020-08-31")
    start = plain.changes[0].weights["AMD"]
    cut = start - plain.weights.get("AMD", 0.0)
    assert cut > 0
    for share in (0.0, 0.5, 1.0):
        gated = decided(FixedRegime(told=share), sample, "2020-08-31")
        assert start - gated.weights.get("AMD", 0.0) == pytest.approx(share * cut)
        assert gated.state["rotation"] == plain.state["rotation"]
        assert any("told so" in change.why for change in gated.changes)
        assert sum(gated.weights.values()) == pytest.approx(1.0)


def test_a_regime_that_cannot_be_read_does_not_gate(sample: Market) -> None:
    target = decided(RotationRegime(), sample, "2020-08-31")
    assert dict(target.weights) == pytest.approx(dict(decided(Blueprint(), sample, "2020-08-31").weights))
    assert any("not gated" in change.why for change in target.changes)


def test_the_share_carried_out_runs_from_off_share_to_all(sample: Market) -> None:
    groups = {"dow": "", "nasdaq": "software", "small": "small_cap", "large": ""}
    for date in ("2016-12-30", "2020-08-31", "2022-10-31"):
        see = AsOf(sample, sample.index_of(date))
        strategy = RotationRegime(**groups, off_share=0.2)
        share, why = strategy.carried_out(see)
        states = [state for state, _ in strategy.gates(see)]
        assert share == pytest.approx(0.2 + 0.8 * sum(map(bool, states)) / 2)
        assert "all stocks against software" in why


def test_no_decision_depends_on_what_came_later(sample: Market) -> None:
    from dataclasses import replace

    index = sample.index_of("2018-09-28")
    close = sample.close.copy()
    close[index + 1 :] = np.random.default_rng(0).uniform(1, 100, close[index + 1 :].shape)
    series = sample.series.copy()
    later = series["available"] > pd.Timestamp(sample.sessions[index])
    series.loc[later, "value"] = 1e6
    blind = replace(
        sample, close=close, open=close, high=close, low=close, series=series, derived={}, hash=""
    )
    strategy = RotationRegime(
        **dict.fromkeys(RotationRegime.ELEMENTS, True), dow="", nasdaq="software", large=""
    )
    assert strategy.decide(AsOf(sample, index)) == strategy.decide(AsOf(blind, index))


def test_strategies_pickle_and_refuse_nonsense() -> None:
    strategy = RotationRegime(strength=0.3, off_share=0.1)
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    with pytest.raises(StrategyError, match="strength"):
        PillarTilt(strength=2.0)
    with pytest.raises(StrategyError, match="did you mean 'off_share'"):
        RotationRegime(off_shares=0.2)
