"""Hedges: specifications, the choice by SKEW's percentile, ratios, and any strategy hedged."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from backtests.engine.books import Decision
from backtests.records.results import _decision_record
from datafeeds.market import Market
from strategies import BuyAndHold, EqualWeighted, Strategy, StrategyError, Target
from strategies.asof import AsOf
from strategies.expiries import monthly_expiries
from strategies.hedges import (
    Hedged,
    OutrightPut,
    PutSpread,
    chosen_structure,
    group_weight,
    portfolio_beta,
    skew_standing,
)
from strategies.schedule import Expiry, Monthly
from strategies.target import Hedge, Leg


def priced(sessions: pd.DatetimeIndex, skew=None, groups=None) -> Market:
    """SPY, a stock with twice its returns, and one with none; SKEW of each day if given."""
    market = np.random.default_rng(1).normal(0, 0.01, len(sessions))
    close = pd.DataFrame(
        {
            "SPY": 100 * np.cumprod(1 + market),
            "TWICE": 50 * np.cumprod(1 + 2 * market),
            "CALM": np.full(len(sessions), 20.0),
        },
        index=sessions,
    )
    series = None
    if skew is not None:
        values = np.broadcast_to(np.asarray(skew, dtype=float), len(sessions))
        series = pd.DataFrame({"series": "skew", "date": sessions, "available": sessions, "value": values})
    instruments = pd.DataFrame(
        {
            "symbol": list(close),
            "kind": ["etf", "stock", "stock"],
            "group": [(groups or {}).get(symbol, "") for symbol in close],
        }
    )
    return Market.from_wide("hedged", close, series=series, instruments=instruments)


@pytest.fixture
def sessions(make_sessions):
    return make_sessions("2019-01-02", "2020-12-31")


def last_day(market: Market, **others) -> AsOf:
    return AsOf(market, len(market.sessions) - 1, **others)


def test_structures_are_plain_specifications():
    assert OutrightPut().legs == (Leg(0.95, 1.0),)
    assert PutSpread(0.95, 0.85).legs == (Leg(0.95, 1.0), Leg(0.85, -1.0))
    assert PutSpread().name == "95/85% put spread"
    assert OutrightPut(0.9, tenor=3, roll=3).name == "90% put, 3 months"
    assert OutrightPut(0.9, tenor=3).name == "90% put, 3 months rolled after 1"
    assert len({OutrightPut(), OutrightPut(), PutSpread()}) == 2
    assert pickle.loads(pickle.dumps(PutSpread())) == PutSpread()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OutrightPut(95), "0.95 is 5% below"),
        (lambda: PutSpread(0.85, 0.95), "must lie below the put bought"),
        (lambda: PutSpread(0.95, -1), "short"),
        (lambda: OutrightPut(roll=2), "no later than expiry"),
        (lambda: Hedge(OutrightPut(), -0.1), "ratio is -0.1"),
        (lambda: Hedge(OutrightPut(), 1.0, float("nan")), "budget_bps"),
        (lambda: Target({}, why="none").hedge(OutrightPut(), why=""), "needs a reason"),
        (lambda: Target({}, why="none").hedge(OutrightPut(), why="x", reserve=1.0), "reserve"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(StrategyError, match=message):
        make()


def test_a_target_carries_hedges_and_keeps_cash_for_them():
    target = Target({"SPY": 0.5, "TLT": 0.5}, why="half each").hedge(
        PutSpread(0.95, 0.85), why="SKEW is high", ratio=0.7, budget_bps=120, reserve=0.03
    )
    assert dict(target.weights) == pytest.approx({"SPY": 0.485, "TLT": 0.485})
    assert target.hedges == (Hedge(PutSpread(0.95, 0.85), 0.7, 120),)
    assert target.changes[-1].why == (
        "SKEW is high: 95/85% put spread on 70% of what is invested, for at most 120 bps a year; "
        "weights scaled by 0.97 to keep 3.0% in cash for premiums"
    )
    assert pickle.loads(pickle.dumps(target)) == target
    again = target.hedge(OutrightPut(0.8), why="and the far tail", ratio=0.2, reserve=0.03)
    assert dict(again.weights) == dict(target.weights)
    assert [hedge.ratio for hedge in again.hedges] == [0.7, 0.2]
    assert again.note("x").scale({"SPY": 0.5}, why="y").remember(z=1).hedges == again.hedges
    record = json.loads(json.dumps(_decision_record(Decision(np.datetime64("2020-01-03"), again))))
    assert record["hedges"][0] == {
        "structure": "95/85% put spread",
        "ratio": 0.7,
        "budget_bps": 120,
        "tenor": 1,
        "roll": 1,
        "legs": [{"moneyness": 0.95, "quantity": 1.0}, {"moneyness": 0.85, "quantity": -1.0}],
    }


def test_cash_that_is_there_already_is_not_doubled():
    target = Target({"SPY": 0.6}, why="start").hedge(OutrightPut(), why="x")
    assert dict(target.weights) == {"SPY": 0.6}
    assert "scaled" not in target.changes[-1].why


def test_skew_stands_by_percentile_of_what_was_known(sessions):
    skew = np.linspace(110, 150, len(sessions))
    skew[-1] = 130.0
    standing = skew_standing(last_day(priced(sessions, skew)), years=1)
    assert standing.value == 130.0
    assert standing.full == pytest.approx(0.5, abs=0.01)
    assert standing.trailing == pytest.approx(0.0, abs=0.01)
    assert "0% percentile of the trailing 1 years and at the 50% percentile since 2019" in str(standing)
    middle = AsOf(priced(sessions, skew), 100)
    assert skew_standing(middle).full == pytest.approx(1.0, abs=0.01)
    assert skew_standing(last_day(priced(sessions))) is None


def test_the_spread_is_chosen_while_skew_is_high(sessions):
    rising = last_day(priced(sessions, np.linspace(110, 150, len(sessions))))
    falling = last_day(priced(sessions, np.linspace(150, 110, len(sessions))))
    spread, why = chosen_structure(rising, threshold=0.9)
    assert spread == PutSpread()
    assert "so the spread" in why
    assert "100% percentile of the trailing 5 years and at the 100% percentile since 2019" in why
    outright, why = chosen_structure(falling, threshold=0.9)
    assert outright == OutrightPut()
    assert "so the outright put" in why
    assert chosen_structure(last_day(priced(sessions)))[1] == "series 'skew' is not known, so no spread"


def test_beta_and_group_weight(sessions):
    see = last_day(priced(sessions, groups={"TWICE": "ai_hardware"}))
    assert portfolio_beta(see, {"TWICE": 0.5, "CALM": 0.5}) == pytest.approx(1.0)
    assert portfolio_beta(see, {"SPY": 0.3}) == pytest.approx(0.3)
    assert np.isnan(portfolio_beta(AsOf(priced(sessions), 20), {"SPY": 1.0}))
    assert group_weight(see, {"TWICE": 0.4, "CALM": 0.6}, ["ai_hardware", "ai_hardware"]) == 0.4


def test_expiry_schedule_decides_the_session_before(sessions):
    days = sessions.to_numpy().astype("datetime64[D]")
    deciding = Expiry().decides(days, np.datetime64("2021-01-04"))
    expiries = monthly_expiries(days)
    np.testing.assert_array_equal(days[1:][deciding[:-1]], expiries)
    assert not deciding[-1]
    # Good Friday 2019 was the third Friday of April: options expired on Thursday.
    assert deciding[days == np.datetime64("2019-04-17")]


def test_any_strategy_can_be_hedged(sessions):
    market = priced(sessions, 130.0)
    hedged = Hedged(of="EqualWeighted", structure="spread", ratio=0.5, reserve=0.04, budget_bps=100)
    target = hedged.decide(last_day(market))
    assert dict(target.weights) == pytest.approx({"TWICE": 0.48, "CALM": 0.48})
    assert target.hedges == (Hedge(PutSpread(), 0.5, 100),)
    assert "100% invested" in target.changes[-1].why
    assert hedged.schedule == EqualWeighted().schedule
    assert Hedged(of="BuyAndHold").schedule == Monthly()
    assert Hedged(of="BuyAndHold", schedule="expiry").schedule == Expiry()
    assert pickle.loads(pickle.dumps(hedged)) == hedged == Hedged(**hedged.values())
    assert json.loads(json.dumps(hedged.values()))["of"]["name"] == "EqualWeighted"


def test_cash_needs_no_hedge(sessions):
    market = priced(sessions, 130.0)
    half = Hedged(of={"name": "BuyAndHold", "symbols": ["SPY"], "weights": [0.5]}, structure="outright")
    # The notional is a share of what is invested, so cash needs none whatever the ratio.
    target = half.decide(last_day(market))
    assert target.hedges[0].ratio == 1.0
    assert "50% invested" in target.changes[-1].why
    nothing = Hedged(of={"name": "BuyAndHold", "symbols": ["SPY"], "weights": [0.0]})
    target = nothing.decide(last_day(market))
    assert target.hedges == ()
    assert target.changes[-1].why == "no hedge: 0% invested"


def test_what_is_held_keeps_its_proportions_and_the_reserve_is_filled_up(sessions):
    market = priced(sessions, 130.0)
    hedged = Hedged(of={"name": "BuyAndHold", "symbols": ["SPY", "CALM"]}, structure="outright")
    first = hedged.decide(AsOf(market, 0))
    assert dict(first.weights) == pytest.approx({"SPY": 0.49, "CALM": 0.49})
    drifted = np.array([0.66, 0.0, 0.33])
    later = hedged.decide(last_day(market, weights=drifted, previous=first))
    assert dict(later.weights) == pytest.approx({"SPY": 0.98 * 2 / 3, "CALM": 0.98 / 3})
    assert hedged.decide(last_day(market, weights=np.zeros(3), previous=first)) is None


class Remembering(Strategy):
    """Count decisions; for a test."""

    def decide(self, see):
        count = see.previous.state["count"] + 1 if see.previous else 0
        return Target({"SPY": 1.0}, why="x").remember(count=count)


def test_the_hedged_strategy_keeps_its_memory(sessions):
    market, previous = priced(sessions, 130.0), None
    for index in (10, 20, 30):
        previous = Hedged(of=Remembering()).decide(AsOf(market, index, previous=previous))
    assert previous.state["count"] == 2


def test_ratio_by_beta_and_by_technology(sessions):
    market = priced(sessions, 130.0, groups={"TWICE": "ai_hardware", "CALM": "software"})
    twice = {"name": "BuyAndHold", "symbols": ["TWICE"]}
    by_beta = Hedged(of=twice, ratio_by="beta", structure="outright", reserve=0.0)
    assert by_beta.decide(last_day(market)).hedges[0].ratio == pytest.approx(2.0)
    early = by_beta.decide(AsOf(market, 5))
    assert early.hedges[0].ratio == 1.0
    assert "not known yet" in early.changes[-1].why
    half = {"name": "BuyAndHold", "symbols": ["TWICE", "SPY"]}
    by_weight = Hedged(of=half, ratio_by="technology", ratio=0.5, structure="outright", reserve=0.0)
    target = by_weight.decide(last_day(market))
    assert target.hedges[0].ratio == pytest.approx(0.25)
    assert "50.0% of it in ai_hardware, software" in target.changes[-1].why
    with pytest.raises(StrategyError, match=r"strategy.technology = 'hardware'"):
        Hedged(of=half, ratio_by="technology", technology=("hardware",)).decide(last_day(market))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"of": "Bluprint"}, "did you mean 'Blueprint'"),
        ({"of": {"symbols": ["SPY"]}}, "needs a name"),
        ({"of": {"name": "BuyAndHold", "simbols": []}}, "did you mean 'symbols'"),
        ({"of": Hedged()}, "hedged already"),
        ({"short": 0.96}, "must lie below"),
        ({"structure": "collar"}, "structure"),
        ({"tenor": 1, "roll": 2}, "roll"),
    ],
)
def test_hedged_refuses(parameters, message):
    with pytest.raises(StrategyError, match=message):
        Hedged(**parameters)


def test_a_low_put_needs_no_spread_to_make_sense():
    assert Hedged(of=BuyAndHold(), structure="outright", moneyness=0.8).moneyness == 0.8
