"""The blueprint with tilts and gates: plain when all is off, and honest about what can't be read."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies import Blueprint, PillarTilt, RotationRegime, Target
from strategies.asof import AsOf
from strategies.rotation import tilted
from strategies.signals import Reading, guidance_shock
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
    sleeve = Sleeve("financials", 0.4, {"JPM": 1.0}, "by yield")
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


def world(
    closes: dict[str, Any] | None = None,
    series: dict[str, tuple[float, float]] | None = None,
    spending: float = 1.0,
    debts: dict[str, float] | None = None,
) -> Market:
    """Four years of a dear chip, software, a bank, a drug maker, industries and two small caps.

    `closes` replaces prices; `series` step from one number to another ten sessions before the end; `spending`
    is what Amazon's capital expenditure is multiplied by each quarter; `debts` are over assets of 100.
    """
    days = pd.DatetimeIndex(exchange_sessions("2015-01-02", "2018-12-31"))
    members = {
        "CHIP": ("ai_hardware", "Semiconductors"),
        "SOFT": ("software", "Systems Software"),
        "BANK": ("financials", "Diversified Banks"),
        "LOCAL": ("", "Regional Banks"),
        "DRUG": ("healthcare", "Pharmaceuticals"),
        "RAIL": ("", "Rail Transportation"),
        "MAKER": ("", "Industrial Machinery & Supplies & Components"),
        "AMZN": ("", "Broadline Retail"),
        "LIGHT": ("small_cap", ""),
        "HEAVY": ("small_cap", ""),
    }
    instruments = pd.DataFrame(
        [(name, "stock", *where) for name, where in members.items()],
        columns=["symbol", "kind", "group", "industry"],
    )
    rows = []
    for name in members:
        for number, filed in enumerate(pd.date_range("2014-02-03", "2018-11-05", freq="QS-FEB")):
            stated = {"revenue": 10.0 if name == "CHIP" else 60.0, "shares_outstanding": 10.0}
            if name == "AMZN":
                stated["capital_expenditure"] = 5.0 * spending**number
            if debts is not None and name in debts:
                stated |= {"long_term_debt": debts[name], "total_assets": 100.0}
            end = filed - pd.Timedelta(days=33)
            when = (end.year, f"Q{end.quarter}", filed, end)
            rows += [(name, concept, *when, value) for concept, value in stated.items()]
    columns = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "period_end", "value"]
    close = pd.DataFrame(50.0, index=days, columns=list(members))
    wiggle = np.random.default_rng(0).normal(0, 0.005, close.shape)
    close = (close * np.exp(np.cumsum(wiggle, axis=0))).round(4)
    for name, path in (closes or {}).items():
        close[name] = close[name] * path
    daily = []
    for name, (before, after) in (series or {}).items():
        values = np.where(np.arange(len(days)) < len(days) - 10, before, after)
        daily.append(pd.DataFrame({"series": name, "date": days, "available": days, "value": values}))
    return Market.from_wide(
        "made by hand",
        close,
        instruments=instruments,
        facts=pd.DataFrame(rows, columns=columns),
        series=pd.concat(daily) if daily else None,
    )


LAST = "2018-12-31"


def only(**gates: Any) -> RotationRegime:
    """A gated blueprint with these gates and no pillar; none of its cuts are carried out against them."""
    return RotationRegime(**{**OFF, **gates})


def cut_of(strategy: Blueprint, market: Market, date: str = LAST) -> float:
    """Weight that is taken out of the chip on `date`."""
    target = decided(strategy, market, date)
    return target.changes[0].weights["CHIP"] - target.weights.get("CHIP", 0.0)


@pytest.mark.parametrize(("spending", "open_"), [(1.2, True), (0.9, False)])
def test_the_spending_gate_decides_whether_cuts_are_carried_out(spending: float, open_: bool) -> None:
    market = world(spending=spending)
    whole = cut_of(Blueprint(), market)
    assert whole > 0.05
    assert cut_of(only(capex=True), market) == pytest.approx(whole if open_ else 0.0)
    words = " ".join(change.why for change in decided(only(capex=True), market, LAST).changes)
    assert "capital expenditure of AMZN" in words


def test_a_guidance_shock_opens_its_gate_for_a_quarter() -> None:
    days = pd.DatetimeIndex(exchange_sessions("2015-01-02", LAST))
    fell = np.where(days >= "2018-09-17", 0.8, 1.0)
    market, calm = world(closes={"CHIP": fell}), world()
    gated = only(guidance=True)
    assert cut_of(gated, calm) == 0.0
    assert cut_of(gated, market, "2018-09-14") == 0.0, "the shock was known before it came"
    for date in ("2018-09-17", "2018-10-31"):
        assert cut_of(gated, market, date) > 0
        assert cut_of(gated, market, date) == pytest.approx(cut_of(Blueprint(), market, date))
    assert cut_of(gated, market, LAST) == 0.0
    assert cut_of(only(guidance=True, shock_sessions=100), market, LAST) > 0
    shock = guidance_shock(AsOf(market, market.index_of("2018-10-31")), "ai_hardware")
    assert shock.seen
    assert shock.why.startswith("CHIP fell ")
    assert shock.why.endswith("beyond the market on 2018-09-17")


def test_a_guidance_shock_needs_a_record() -> None:
    market = world()
    shock = guidance_shock(AsOf(market, 300), "ai_hardware")
    assert shock.seen is None
    assert "no 343 sessions" in shock.why
    assert cut_of(only(guidance=True), market, "2016-03-01") == pytest.approx(
        cut_of(Blueprint(), market, "2016-03-01")
    )


@pytest.mark.parametrize(("path", "open_"), [((2.0, 1.5), True), ((2.0, 2.0), True), ((2.0, 2.5), False)])
def test_a_rising_short_rate_shuts_the_gate_of_floating_debt(path: tuple[float, float], open_: bool) -> None:
    market = world(series={"us3m": path})
    whole = cut_of(Blueprint(), market)
    assert cut_of(only(floating_debt=True), market) == pytest.approx(whole if open_ else 0.0)
    before = str(market.sessions[-11])  # the rate moves on the next session
    assert cut_of(only(floating_debt=True), market, before) == pytest.approx(
        cut_of(Blueprint(), market, before)
    )


@pytest.mark.parametrize(
    ("pillar", "series", "gains", "sleeve"),
    [
        ("oil", {"brent": (80.0, 60.0)}, ("RAIL", "MAKER"), ("LIGHT", "HEAVY")),
        ("curve", {"us10y": (3.0, 3.0), "us2y": (2.5, 1.5)}, ("LOCAL",), ("BANK",)),
        ("rates", {"us10y": (3.0, 2.5)}, ("LOCAL", "HEAVY"), ("LIGHT", "HEAVY")),
        ("short_rate", {"us3m": (2.0, 1.5)}, ("HEAVY",), ("LIGHT", "HEAVY")),
    ],
)
def test_half_of_a_favoured_sleeve_goes_to_those_whom_the_pillar_helps(
    pillar: str, series: dict[str, tuple[float, float]], gains: tuple[str, ...], sleeve: tuple[str, ...]
) -> None:
    market = world(series=series, debts={"LIGHT": 10.0, "HEAVY": 60.0})
    strategy = PillarTilt(**{**PILLARS_OFF, pillar: True})
    freed = cut_of(Blueprint(), market)
    share = (0.4 if pillar == "curve" else 0.3) * 1.5
    share = share / (share + (0.6 if pillar == "curve" else 0.7))
    base = decided(strategy, market, LAST).changes[0].weights
    added = {
        name: weight - base[name]
        for name, weight in decided(strategy, market, LAST).weights.items()
        if weight > base[name] + 1e-12
    }
    part = freed * share * strategy.beneficiary_share
    for name in gains:
        own = freed * share * (1 - strategy.beneficiary_share) / len(sleeve) if name in sleeve else 0.0
        assert added[name] == pytest.approx(part / len(gains) + own)
    assert sum(added.values()) == pytest.approx(freed)
    turned = {name: (after, before) for name, (before, after) in series.items()}
    against = decided(strategy, world(series=turned, debts={"LIGHT": 10.0, "HEAVY": 60.0}), LAST)
    outside = set(gains) - set(sleeve)
    assert all(against.weights[name] <= against.changes[0].weights[name] + 1e-12 for name in outside)
    # Ten sessions before the end nobody could know of it.
    before = str(market.sessions[-11])
    plain, tilted_ = (decided(each, market, before) for each in (Blueprint(), strategy))
    assert dict(tilted_.weights) == pytest.approx(dict(plain.weights))


def test_every_gate_leaves_later_data_out() -> None:
    days = pd.DatetimeIndex(exchange_sessions("2015-01-02", LAST))
    series = {"us3m": (2.0, 1.5)}
    cut = "2018-11-30"
    later = np.where(days > cut, 0.5, 1.0)
    one, other = world(series=series), world(closes={"CHIP": later, "AMZN": later}, series=series)
    strategy = only(capex=True, guidance=True, floating_debt=True)
    assert decided(strategy, one, cut) == decided(strategy, other, cut)
    assert decided(strategy, one, LAST) != decided(strategy, other, LAST)
