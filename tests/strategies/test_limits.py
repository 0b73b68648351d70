"""Limits around a strategy: what they change, what they leave alone, and the reasons they give."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.authoring.lookahead import recipe_of
from backtests.authoring.sealed.plain import revived
from backtests.provenance import run_hash
from backtests.runner import run
from backtests.settings.run_file import ConfigError, load, parse
from backtests.sweeps.plan import plan
from datafeeds.market import Market
from strategies import (
    AsOf,
    Blueprint,
    BuyAndHold,
    Capped,
    EqualWeighted,
    Hedged,
    MinimumTrade,
    Monthly,
    NoTradeBand,
    StrategyError,
    Target,
    TrackingErrorLimit,
    TurnoverLimit,
    VolatilityTarget,
)
from strategies.limits import _Bound, _filled, yearly_volatility
from strategies.schedule import Weekly

SYMBOLS = ("A", "B", "C", "D")
SECTORS = ("chips", "chips", "banks", "banks")
GROUPS = ("new", "old", "old", "old")


@pytest.fixture(scope="module")
def market() -> Market:
    days = pd.bdate_range("2021-01-04", periods=120)
    noise = np.random.default_rng(3).normal(0, [0.04, 0.03, 0.01, 0.01], (len(days), 4))
    close = pd.DataFrame(50 * np.exp(noise.cumsum(axis=0)), index=days, columns=list(SYMBOLS))
    instruments = pd.DataFrame({"symbol": SYMBOLS, "kind": "stock", "sector": SECTORS, "group": GROUPS})
    sessions = days[~days.isin(pd.to_datetime(["2021-01-18", "2021-02-15", "2021-04-02", "2021-05-31"]))]
    return Market.from_wide("limits", close.loc[sessions], instruments=instruments)


def buys(*weights: float) -> BuyAndHold:
    return BuyAndHold(symbols=SYMBOLS, weights=weights)


def at_end(market: Market, *held: float, previous: Target | None = None) -> AsOf:
    weights = np.array(held) if held else None
    return AsOf(market, len(market.sessions) - 1, weights, previous)


def later(market: Market, *held: float) -> AsOf:
    return at_end(market, *held, previous=Target(dict(zip(SYMBOLS, held, strict=True)), why="held"))


class Wanting(EqualWeighted):
    """Want the same weights at every decision; for a test."""

    shares: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)

    def decide(self, see: AsOf) -> Target | None:
        """The shares."""
        return Target(dict(zip(SYMBOLS, self.shares, strict=True)), why="wanted").remember(count=1)


def wanting(*shares: float) -> Wanting:
    return Wanting(shares=shares)


def weights_of(target: Target | None) -> list[float]:
    assert target is not None
    return [target.weights.get(symbol, 0.0) for symbol in SYMBOLS]


def test_a_name_is_capped_and_the_others_take_what_it_frees(market):
    target = Capped(wanting(0.6, 0.2, 0.1, 0.1), name=0.3).decide(at_end(market))
    # 0.3 freed: B would rise to 0.35, is held at 0.3, and C and D share the rest.
    assert weights_of(target) == pytest.approx([0.3, 0.3, 0.2, 0.2])
    assert target.changes[-1].why == "capped: A 60.0% to 30.0%"
    assert target.state == {"count": 1}
    to_cash = Capped(wanting(0.6, 0.2, 0.1, 0.1), name=0.3, freed="cash").decide(at_end(market))
    assert weights_of(to_cash) == pytest.approx([0.3, 0.2, 0.1, 0.1])
    assert "30.0% stays in cash" in to_cash.changes[-1].why


def test_sectors_and_groups_are_capped_and_one_by_its_name(market):
    by_sector = Capped(wanting(0.5, 0.3, 0.1, 0.1), sector=0.6).decide(at_end(market))
    assert weights_of(by_sector) == pytest.approx([0.375, 0.225, 0.2, 0.2])
    by_name = Capped(wanting(0.5, 0.3, 0.1, 0.1), new=0.2).decide(at_end(market))
    assert weights_of(by_name) == pytest.approx([0.2, 0.48, 0.16, 0.16])
    assert by_name.changes[-1].why == "capped: group new 50.0% to 20.0%"
    both = Capped(wanting(0.5, 0.3, 0.1, 0.1), name=0.25, group=0.7).decide(at_end(market))
    assert weights_of(both)[0] == pytest.approx(0.25)
    assert sum(weights_of(both)[1:]) == pytest.approx(0.7)
    assert "5.0% stays in cash" in both.changes[-1].why


def test_a_cap_that_does_not_bind_changes_nothing(market):
    inner = wanting(0.25, 0.25, 0.25, 0.25)
    assert Capped(inner, name=0.3, sector=0.6).decide(at_end(market)) == inner.decide(at_end(market))
    assert Capped(inner).decide(at_end(market)) == inner.decide(at_end(market))


def test_what_has_drifted_above_its_cap_is_cut_back_where_the_strategy_holds(market):
    capped = Capped(buys(0.25, 0.25, 0.25, 0.25), name=0.3)
    assert capped.schedule == Monthly()
    assert weights_of(capped.decide(at_end(market))) == pytest.approx([0.25] * 4)
    assert capped.decide(later(market, 0.25, 0.25, 0.2, 0.3)) is None
    assert weights_of(capped.decide(later(market, 0.4, 0.2, 0.2, 0.2))) == pytest.approx(
        [0.3, 0.7 / 3, 0.7 / 3, 0.7 / 3]
    )


@given(
    st.lists(st.just(0.0) | st.floats(0.01, 1), min_size=4, max_size=4),
    st.floats(0.05, 1),
    st.floats(0.05, 1),
)
def test_no_cap_is_ever_broken_and_room_is_used(raw, name, sector):
    weights = np.array(raw) / max(1.0, sum(raw))
    bounds = [_Bound(symbol, [place], name) for place, symbol in enumerate(SYMBOLS)]
    bounds += [_Bound("chips", [0, 1], sector), _Bound("banks", [2, 3], sector)]
    cut = weights.copy()
    for bound in bounds:
        together = cut[bound.places].sum()
        cut[bound.places] *= min(1.0, bound.cap / together) if together > 0 else 1.0
    filled = _filled(cut, float(weights.sum()), bounds)
    assert all(filled[bound.places].sum() <= bound.cap + 1e-8 for bound in bounds)
    assert (filled >= cut - 1e-12).all()
    if filled.sum() < weights.sum() - 1e-8:  # every symbol that could grow is held by a cap
        for place in np.flatnonzero(filled > 0):
            mine = [bound for bound in bounds if place in bound.places]
            assert any(filled[bound.places].sum() > bound.cap - 1e-8 for bound in mine)


def test_volatility_is_scaled_to_the_target_and_never_up(market):
    inner = wanting(0.5, 0.5, 0.0, 0.0)
    see = at_end(market)
    returns = see.returns(63, symbols=["A", "B"])
    found = float((returns @ [0.5, 0.5]).std() * np.sqrt(252))
    target = VolatilityTarget(inner, target=0.1).decide(see)
    assert weights_of(target)[:2] == pytest.approx([0.05 / found, 0.05 / found])
    assert yearly_volatility(see, target.weights, 63) == pytest.approx(0.1)
    assert f"volatility {found:.1%} against a target of 10.0%" in target.changes[-1].why
    assert VolatilityTarget(inner, target=1.0).decide(see) == inner.decide(see)
    assert VolatilityTarget(inner).decide(AsOf(market, 0)).cash == 1


def test_tracking_error_is_brought_to_its_limit(market):
    inner, tracked = wanting(1.0, 0.0, 0.0, 0.0), wanting(0.25, 0.25, 0.25, 0.25)
    see = at_end(market)
    target = TrackingErrorLimit(inner, benchmark=tracked, most=0.1, sessions=63).decide(see)
    active = pd.Series(weights_of(target), index=SYMBOLS) - 0.25
    assert yearly_volatility(see, active, 63) == pytest.approx(0.1)
    assert sum(weights_of(target)) == pytest.approx(1)
    assert "to Wanting, at most 10.0%" in target.changes[-1].why
    near = TrackingErrorLimit(tracked, benchmark=tracked)
    assert near.decide(see) == tracked.decide(see)


def test_turnover_goes_part_of_the_way_but_builds_the_first_portfolio_at_once(market):
    limited = TurnoverLimit(wanting(0.0, 0.0, 0.5, 0.5), most=0.25)
    assert weights_of(limited.decide(at_end(market))) == [0, 0, 0.5, 0.5]
    target = limited.decide(later(market, 0.5, 0.5, 0.0, 0.0))
    assert weights_of(target) == pytest.approx([0.375, 0.375, 0.125, 0.125])
    assert target.changes[-1].why == "turnover 100.0% limited to 25.0%: 25% of the way"
    assert TurnoverLimit(buys(1, 0, 0, 0)).decide(later(market, 0.5, 0.5, 0.0, 0.0)) is None


def test_a_band_leaves_alone_what_is_near_and_trades_the_rest_to_its_edge(market):
    banded = NoTradeBand(wanting(0.4, 0.4, 0.2, 0.0), width=0.05)
    target = banded.decide(later(market, 0.42, 0.3, 0.2, 0.03))
    assert weights_of(target) == pytest.approx([0.42, 0.35, 0.2, 0.0])
    assert target.changes[-1].why.endswith(": A, B")
    # What is left alone is worth more than its target: purchases make do with the rest.
    full = NoTradeBand(wanting(0.5, 0.5, 0.0, 0.0), width=0.04).decide(later(market, 0.54, 0.40, 0.0, 0.0))
    assert weights_of(full) == pytest.approx([0.54, 0.46, 0, 0])
    tight = NoTradeBand(wanting(0.5, 0.5, 0.0, 0.0), width=0.01).decide(later(market, 0.51, 0.40, 0, 0))
    assert weights_of(tight) == pytest.approx([0.51, 0.49, 0, 0])


def test_small_trades_are_left_out(market):
    target = MinimumTrade(wanting(0.4, 0.4, 0.2, 0.0), least=0.03).decide(later(market, 0.42, 0.3, 0.2, 0.01))
    assert weights_of(target) == pytest.approx([0.42, 0.38, 0.2, 0.0])  # cash pays for no more of B
    assert "trades below 3.00% left out" in target.changes[-1].why


class LongShort(EqualWeighted):
    """Two held, two short."""

    long_only = False
    longs: tuple[float, float] = (0.7, 0.3)
    shorts: tuple[float, float] = (-0.6, -0.1)

    def decide(self, see):
        """As given."""
        return Target(dict(zip(SYMBOLS, self.longs + self.shorts, strict=True)), why="two and two")


def test_limits_around_shorts_keep_their_sides(market):
    see = AsOf(market, 100)
    capped = Capped(LongShort(), name=0.4).decide(see)
    assert dict(capped.weights) == pytest.approx({"A": 0.4, "B": 0.3, "C": -0.4, "D": -0.1})
    wide = Capped(LongShort(longs=(0.9, 0.4), shorts=(-0.5, 0.0)), banks=0.1).decide(see)
    assert dict(wide.weights) == pytest.approx({"A": 0.9 * 1.1 / 1.3, "B": 0.4 * 1.1 / 1.3, "C": -0.1})
    now, before = np.array([0.6, 0.35, -0.58, -0.3]), LongShort().decide(see)
    held = AsOf(market, 100, now, before)
    banded = NoTradeBand(LongShort(), width=0.05).decide(held)
    assert dict(banded.weights) == pytest.approx({"A": 0.65, "B": 0.35, "C": -0.58, "D": -0.15})
    halfway = TurnoverLimit(LongShort(), most=0.15).decide(held)
    assert halfway.weights["D"] == pytest.approx(-0.3 + 0.2 * 0.15 / 0.3)


def test_limits_go_around_one_another_and_travel(market):
    both = TurnoverLimit(Capped(Blueprint(norm_years=7), name=0.05), most=0.2)
    assert both.of.of.norm_years == 7
    assert both.schedule == Blueprint().schedule
    assert pickle.loads(pickle.dumps(both)) == both
    assert hash(both) == hash(TurnoverLimit(Capped(Blueprint(norm_years=7), name=0.05), most=0.2))
    assert both != TurnoverLimit(Capped(Blueprint(norm_years=7), name=0.06), most=0.2)
    written = json.loads(json.dumps(both.values()))
    assert (written["of"]["name"], written["of"]["caps"]) == ("Capped", {"name": 0.05})
    assert TurnoverLimit(**written) == both
    assert Capped(EqualWeighted(schedule="weekly")).schedule == Weekly()
    with pytest.raises(StrategyError, match="hedged already"):
        Hedged(of=Capped(Hedged()))


def test_a_cap_of_what_does_not_exist_names_the_nearest(market):
    with pytest.raises(StrategyError, match=r"no cap 'chip'.*did you mean 'chips'"):
        Capped(wanting(1.0, 0, 0, 0), chip=0.2).decide(at_end(market))


DOCUMENT = {
    "name": "limited",
    "strategy": {
        "name": "Blueprint",
        "norm_years": 7,
        "limits": {"turnover": {"most": 0.2}, "cap": {"name": 0.05}},
    },
    "benchmarks": [{"name": "EqualWeighted", "limits": {"band": {"width": 0.02}}}],
}


def test_a_run_file_limits_a_strategy_in_the_order_of_the_list():
    config = parse(DOCUMENT, "limited.toml")
    strategy = config.build_strategy()
    assert strategy == TurnoverLimit(Capped(Blueprint(norm_years=7), name=0.05), most=0.2)
    assert config.labels == ("Blueprint, limited", "EqualWeighted, limited")
    assert config.benchmarks[0].build("benchmarks[0]") == NoTradeBand(EqualWeighted(), width=0.02)
    assert revived(recipe_of(config)) == strategy


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"caps": {}}, r"no key 'caps' in \[strategy.limits\]; did you mean 'cap'"),
        ({"cap": {"name": 2}}, "strategy.limits.cap.caps"),
        ({"turnover": {"most": 0}}, r"strategy.limits.turnover.most = 0: "),
        ({"turnover": {"mots": 0.1}}, "no parameter 'mots' in strategy TurnoverLimit; did you mean 'most'"),
    ],
)
def test_a_wrong_limit_is_named_with_its_place(limits, message):
    with pytest.raises(ConfigError, match=message):
        parse({"name": "x", "strategy": {"name": "Blueprint", "limits": limits}}, "x").build_strategy()


def test_a_sweep_and_a_command_line_reach_the_limits_and_the_strategy_inside():
    keys = {"strategy.limits.cap.name": [0.05, 0.1], "strategy.norm_years": [5, 7]}
    swept = plan(parse({**DOCUMENT, "sweep": {"parameters": keys}}, "limited.toml"))
    assert [(each.of.caps["name"], each.of.of.norm_years) for each in swept.strategies] == [
        (0.05, 5),
        (0.05, 7),
        (0.1, 5),
        (0.1, 7),
    ]
    changed = load("blueprint_limited", ["strategy.limits.cap.name=0.07", "strategy.norm_years=7"])
    assert changed.build_strategy().of.caps["name"] == 0.07
    assert changed.build_strategy().of.of.norm_years == 7


def test_a_limit_is_part_of_a_runs_hash_and_its_decisions_are_replayed(sample):
    document = {
        "name": "limited",
        "market": "sample",
        "start": "2022-01-03",
        "engine": "ledger",
        "strategy": {
            "name": "EqualWeighted",
            "limits": {"cap": {"sector": 0.15}, "turnover": {"most": 0.05}},
        },
    }
    config = parse(document, "limited.toml")
    other = parse({**document, "strategy": {"name": "EqualWeighted"}}, "limited.toml")
    assert run_hash(config, sample) != run_hash(other, sample)
    result = run(config, market=sample, check=True)
    found = result.manifest["lookahead"]
    assert found["passed"], found
    whys = [change.why for each in result.book.ledger.decisions for change in each.target.changes]
    assert any(why.startswith("capped: sector") for why in whys)


def test_a_strategy_goes_around_one_other():
    with pytest.raises(StrategyError, match="Capped is given two strategies to go around: take of out"):
        Capped(BuyAndHold(), of=BuyAndHold(), name=0.1)
