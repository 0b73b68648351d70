import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Blueprint, Hedged, StrategyError, Target, ValuationCut
from strategies.asof import AsOf
from strategies.effects import MOST_CHARTS, effects, effects_exhibits
from strategies.phases import Rotation, higher_of, months_between
from strategies.signals import Ladder

NAN = np.nan
SYMBOLS = ["AMD", "NVDA", "MSFT", "BAC", "JPM", "JNJ", "PFE", "KO", "IWM"]
GROUPS = {
    "AMD": "ai_hardware",
    "NVDA": "ai_hardware",
    "MSFT": "software",
    "BAC": "financials",
    "JPM": "financials",
    "JNJ": "healthcare",
    "PFE": "healthcare",
    "IWM": "small_cap",
}
CAPS = [20.0, 10, 30, 10, 10, 5, 5, 10, NAN]
HELD = {"exit": "z", "ratchet": True}
"""Cuts that are held until the gap's z-score is normal."""

MULTIPLES = [10.0, 4.0, 8.0, 2, 2, 4, 4, 5, NAN]


@pytest.fixture(scope="module")
def days(make_sessions):
    return make_sessions("2012-01-03", "2021-06-30")


def number_of_quarter(days):
    return np.asarray(days.year * 4 + days.quarter - (2012 * 4 + 1), dtype=float)


@pytest.fixture(scope="module")
def build(make_market, days):
    """A market of nine symbols; facts and prices may be replaced column by column."""

    def make(*, without=(), listed=None, **facts):
        close = pd.DataFrame(1.0, index=days, columns=SYMBOLS)
        for symbol, date in (listed or {}).items():
            close.loc[days < date, symbol] = NAN
        # Hardware's growth gap swings between 0 and 0.4, so that it is never near its mean of 0.2.
        swing = np.where(number_of_quarter(days) % 2 == 0, 0.1, 0.5)
        growth = np.full((len(days), len(SYMBOLS)), 0.1)
        growth[:, :2] = swing[:, None]
        stated = {"market_cap": CAPS, "price_to_sales": MULTIPLES, "revenue_growth": growth} | facts
        groups = {symbol: group for symbol, group in GROUPS.items() if group not in without}
        return make_market(close, stated, groups, {"IWM": "etf"})

    return make


def daily(days, values):
    """The base values for every day, as an array that may be changed."""
    return np.tile(np.asarray(values, dtype=float), (len(days), 1))


def decide(market, date, strategy=None, previous=None):
    return (strategy or Blueprint()).decide(AsOf(market, market.index_of(date), previous=previous))


def months(market, start, end, strategy=None):
    """Decisions at the end of each month, each handed to the next."""
    strategy = strategy or Blueprint()
    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    found, previous = {}, None
    for index in np.flatnonzero(deciding):
        day = str(market.sessions[index])
        if start <= day <= end:
            previous = found[day] = strategy.decide(AsOf(market, index, previous=previous))
    return found


def reasons(target):
    return [change.why for change in target.changes]


def rotation(target):
    return Rotation.remembered(target)


def test_the_cut_and_the_sleeves_are_exact(build):
    target = decide(build(), "2014-06-30")
    # AMD sells for 10 times sales, the norm is 8: a quarter of its 20% goes.
    freed = 0.20 * 0.25
    assert target.weights["AMD"] == pytest.approx(0.15)
    assert target.weights["NVDA"] == pytest.approx(0.10)
    assert target.weights["BAC"] == target.weights["JPM"] == pytest.approx(0.10 + 0.40 * freed / 2)
    assert target.weights["JNJ"] == target.weights["PFE"] == pytest.approx(0.05 + 0.30 * freed / 2)
    assert target.weights["IWM"] == pytest.approx(0.30 * freed)
    assert target.weights["KO"] == pytest.approx(0.10)
    assert target.cash == pytest.approx(0.0)
    assert "AMD at 10.0 times sales against a software norm of 8.0: cut 25%" in reasons(target)
    assert "30% of the 5.00% freed to small caps: IWM" in reasons(target)


def test_several_cuts_stand_in_one_line_dearest_first(build):
    target = decide(build(price_to_sales=[10.0, 12, 8, 2, 2, 4, 4, 5, NAN]), "2014-06-30")
    assert "against a software norm of 8.0 times sales: NVDA at 12.0 cut 50%, AMD at 10.0 cut 25%" in reasons(
        target
    )


def test_nothing_is_cut_below_the_norm(build):
    target = decide(build(price_to_sales=[7.9, 4, 8, 2, 2, 4, 4, 5, NAN]), "2014-06-30")
    assert target.weights["AMD"] == pytest.approx(0.2)
    assert "no cut: AMD at 7.9 times sales, software norm 8.0" in reasons(target)
    assert rotation(target) == Rotation()


def test_max_cut_limits_the_cut(build):
    market = build(price_to_sales=[99.0, 4, 8, 2, 2, 4, 4, 5, NAN])
    assert "AMD" not in decide(market, "2014-06-30").weights
    assert decide(market, "2014-06-30", Blueprint(max_cut=0.6)).weights["AMD"] == pytest.approx(0.08)


def test_sleeves_follow_the_yields_where_they_are_known(build):
    target = decide(
        build(
            shareholder_yield=[NAN, NAN, NAN, 0.06, 0.02, NAN, NAN, NAN, NAN],
            free_cash_flow_yield=[NAN, NAN, NAN, NAN, NAN, 0.03, 0.09, NAN, NAN],
        ),
        "2014-06-30",
    )
    assert target.weights["BAC"] == pytest.approx(0.10 + 0.40 * 0.05 * 0.75)
    assert target.weights["JPM"] == pytest.approx(0.10 + 0.40 * 0.05 * 0.25)
    assert target.weights["JNJ"] == pytest.approx(0.05 + 0.30 * 0.05 * 0.25)
    assert target.weights["PFE"] == pytest.approx(0.05 + 0.30 * 0.05 * 0.75)
    words = "most to BAC, JPM; by filed dividends and repurchases (BAC, JPM); screened by unknown (BAC, JPM)"
    assert f"40% of the 5.00% freed to financials: {words}" in reasons(target)


def test_missing_yields_are_named(build):
    target = decide(build(free_cash_flow_yield=[NAN, NAN, NAN, NAN, NAN, 0.03, NAN, NAN, NAN]), "2014-06-30")
    text = " | ".join(reasons(target))
    assert "BAC, JPM in equal weight; by unknown (BAC, JPM)" in text
    assert "JNJ, PFE in equal weight; by free cash flow yield (JNJ); unknown (PFE)" in text


def test_healthcare_without_pricing_power_is_passed_over(build, days):
    margins = daily(days, [NAN, NAN, NAN, NAN, NAN, 0.8, 0.3, NAN, NAN])
    margins[:, 6] += np.where(number_of_quarter(days) % 2 == 0, 0.1, -0.1)
    market = build(gross_margin=margins)
    target = decide(market, "2019-06-28")
    assert target.weights["JNJ"] == pytest.approx(0.05 + 0.30 * 0.05)
    assert target.weights["PFE"] == pytest.approx(0.05)
    assert "1 passed over for lack of pricing power" in " ".join(reasons(target))
    unscreened = decide(market, "2019-06-28", Blueprint(margin_screen=False))
    assert unscreened.weights["PFE"] == pytest.approx(0.05 + 0.30 * 0.05 / 2)


def test_before_the_small_cap_vehicle_trades_its_money_goes_to_all_other_stocks(build):
    market = build(listed={"IWM": "2016-01-04"})
    before, after = decide(market, "2014-06-30"), decide(market, "2016-06-30")
    each = 0.30 * 0.05 / 6
    assert before.weights["KO"] == pytest.approx(0.10 + each)
    assert before.weights["MSFT"] == pytest.approx(0.30 + each)
    assert before.weights["NVDA"] == pytest.approx(0.10)
    assert "no small-cap vehicle trades, so 6 stocks outside AI hardware in equal weight" in " ".join(
        reasons(before)
    )
    assert after.weights["IWM"] == pytest.approx(0.30 * 0.05)
    assert decide(market, "2016-06-30", Blueprint(small_cap="")).weights == pytest.approx(before.weights)


def test_what_configurations_share_of_a_sleeve_cannot_be_changed(build):
    see = AsOf(build(without=["IWM"]), 700)
    first, other = (
        Blueprint().sleeves(see),
        Blueprint(financials_share=0.5, healthcare_share=0.2).sleeves(see),
    )
    for sleeve, same in zip(first, other, strict=True):
        assert sleeve.weights is same.weights
        assert isinstance(sleeve.members, tuple)
        with pytest.raises(TypeError):
            sleeve.weights["AMD"] = 1.0
        with pytest.raises(TypeError):
            sleeve.sources["yield"] = {}
        for counted in sleeve.sources.values():
            with pytest.raises(TypeError):
                counted["filed"] = 99
    assert [sleeve.share for sleeve in other] == [0.5, 0.2, 0.3]


def test_a_sleeve_in_which_nothing_trades_leaves_its_share_to_the_others(build):
    market = build(
        listed={"BAC": "2016-01-04", "JPM": "2016-01-04"}, market_cap=[20, 10, 50, NAN, NAN, 5, 5, 10, NAN]
    )
    target = decide(market, "2014-06-30")
    assert target.weights["IWM"] == pytest.approx(0.05 / 2)
    assert target.cash == pytest.approx(0.0)
    assert "nothing trades in financials: that part is shared by the others" in reasons(target)


def test_unknown_multiples_are_not_cut_and_noted_once(build):
    market = build(price_to_sales=[10.0, NAN, 8, 2, 2, 4, 4, 5, NAN])
    decisions = list(months(market, "2014-05-01", "2014-07-31").values())
    note = "price-to-sales unknown, so not cut: NVDA"
    assert decisions[0].weights["NVDA"] == pytest.approx(0.10)
    assert [note in reasons(target) for target in decisions] == [True, False, False]


def test_without_a_norm_nothing_is_cut(build, days):
    multiples = daily(days, MULTIPLES)
    multiples[days < "2014-01-02", 2] = NAN
    decisions = months(build(price_to_sales=multiples), "2014-06-01", "2015-01-31")
    assert "the software norm is not known yet: no cut by valuation" in reasons(decisions["2014-06-30"])
    assert decisions["2014-06-30"].weights["AMD"] == pytest.approx(0.20)
    assert decisions["2015-01-30"].weights["AMD"] == pytest.approx(0.15)


def test_without_any_market_cap_the_money_stays_in_cash(build):
    target = decide(build(market_cap=NAN), "2014-06-30")
    assert target.cash == 1.0
    assert reasons(target)[0] == "no market cap is known yet: all cash"
    assert decide(build(market_cap=NAN), "2014-06-30", previous=Target({"KO": 1.0}, why="all")) is None


@pytest.mark.parametrize(
    ("without", "parameters", "words"),
    [
        ((), {"hardware": "ai_hardwre"}, r"strategy.hardware = 'ai_hardwre': .*did you mean 'ai_hardware'"),
        (("software",), {}, r"strategy.software = 'software': no group"),
        (("financials",), {}, r"strategy.financials = 'financials': no group"),
        (("small_cap",), {}, r"strategy.small_cap = 'small_cap': .*leave it empty"),
    ],
)
def test_a_group_that_the_market_does_not_have_names_the_key(build, without, parameters, words):
    with pytest.raises(StrategyError, match=words):
        decide(build(without=without), "2014-06-30", Blueprint(**parameters))


def test_a_sleeve_without_share_needs_no_group(build):
    market = build(without=("financials",))
    strategy = Blueprint(financials_share=0.0, healthcare_share=0.5, small_cap_share=0.5)
    assert decide(market, "2014-06-30", strategy).weights["IWM"] == pytest.approx(0.025)


def test_a_cut_holds_when_the_multiple_dips_and_rises_with_it(build, days):
    multiples = daily(days, MULTIPLES)
    multiples[days >= "2014-07-01", 0] = 3.0
    multiples[days >= "2014-10-01", 0] = 12.0
    market = build(price_to_sales=multiples)
    decisions = months(market, "2014-06-01", "2014-12-31", Blueprint(ratchet=True))
    cuts = [rotation(target).cut["AMD"] for target in decisions.values()]
    assert cuts == pytest.approx([0.25] * 4 + [0.5] * 3)
    july = decisions["2014-07-31"]
    assert july.weights["AMD"] == pytest.approx(0.15)
    assert july.weights["IWM"] == pytest.approx(0.30 * 0.05)
    assert any(
        why.startswith("cuts held until realigned: AMD cut 25%, now AMD at 3.0 (times sales; norm 8.0)")
        for why in reasons(july)
    )


def test_without_the_ratchet_a_cut_follows_the_multiple_both_ways(build, days):
    multiples = daily(days, MULTIPLES)
    multiples[days >= "2014-07-01", 0] = 9.0
    multiples[days >= "2014-10-01", 0] = NAN
    decisions = months(build(price_to_sales=multiples), "2014-06-01", "2014-11-30", Blueprint(ratchet=False))
    cuts = [rotation(target).cut["AMD"] for target in decisions.values()]
    # An unknown multiple changes nothing.
    assert cuts == pytest.approx([0.25] + [0.125] * 5)


@pytest.mark.parametrize(("base", "amd"), [("cap", 0.2), ("equal", 1 / 9), ("fundamental", 0.5)])
def test_hardware_is_cut_from_the_base_that_was_asked_for(build, base, amd):
    revenue = [4.0, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.5, NAN]
    target = decide(build(revenue_ttm=revenue), "2014-06-30", Blueprint(base=base))
    start = target.changes[0].weights["AMD"]
    if base == "equal":
        assert start == pytest.approx(1 / 8)  # the fund is no stock
    else:
        assert start == pytest.approx(amd)
    assert target.weights["AMD"] == pytest.approx(start * 0.75)


def test_floors_are_filled_from_the_rest_even_when_nothing_is_cut(build):
    market = build(price_to_sales=[7.0, 4, 8, 2, 2, 4, 4, 5, NAN])
    strategy = Blueprint(financials_floor=0.1, healthcare_floor=0.2, small_cap_floor=0.1)
    target = decide(market, "2014-06-30", strategy)
    # Financials hold 20% already; healthcare lacks 10% and small caps 10%, from the 70% that are neither.
    assert target.weights["BAC"] + target.weights["JPM"] == pytest.approx(0.20)
    assert target.weights["JNJ"] + target.weights["PFE"] == pytest.approx(0.20)
    assert target.weights["IWM"] == pytest.approx(0.10)
    assert target.weights["AMD"] == pytest.approx(0.20 * (0.7 - 0.2) / 0.7)
    assert sum(target.weights.values()) == pytest.approx(1.0)
    assert "small caps to their floor of 10% of equity: IWM" in reasons(target)
    with pytest.raises(StrategyError, match="more than all of equity"):
        Blueprint(financials_floor=0.6, healthcare_floor=0.6)


def test_badly_matched_banks_are_passed_over(build, days, make_market):
    generator = np.random.default_rng(3)
    changes = generator.normal(0, 0.05, len(days))
    steps = generator.normal(0, 0.01, (len(days), len(SYMBOLS)))
    steps[:, SYMBOLS.index("BAC")] += 0.08 * changes
    close = pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), index=days, columns=SYMBOLS)
    series = pd.DataFrame(
        {"series": "us2y", "date": days, "available": days, "value": 3 + np.cumsum(changes)}
    )
    stated = {"market_cap": CAPS, "price_to_sales": MULTIPLES, "revenue_growth": 0.1}
    market = replace(make_market(close, stated, GROUPS, {"IWM": "etf"}), series=series)
    for name, values in build().derived.items():
        market.derived.setdefault(name, values)
    target = decide(market, "2016-06-30")
    assert target.weights["BAC"] == pytest.approx(target.changes[0].weights["BAC"])
    assert target.weights["JPM"] > target.changes[0].weights["JPM"]
    words = " ".join(reasons(target))
    assert "1 passed over for a poor match; screened by rate beta of the share (BAC, JPM)" in words


def test_the_effect_of_each_cut_by_hand(build, days, make_market):
    # AMD stands still, JPM and the others double over the two months after the first decision.
    close = pd.DataFrame(100.0, index=days, columns=SYMBOLS)
    close.loc[days > "2014-06-30", ["BAC", "JPM", "JNJ", "PFE", "IWM"]] = 200.0
    groups, kinds = GROUPS, {"IWM": "etf"}
    facts = {"market_cap": CAPS, "price_to_sales": MULTIPLES, "revenue_growth": 0.1}
    market = make_market(close, facts, groups, kinds)
    first = decide(market, "2014-06-30")
    see = AsOf(market, market.index_of("2014-08-29"))
    (effect,) = effects(see, {pd.Timestamp("2014-06-30"): first})
    sessions = market.index_of("2014-08-29") - market.index_of("2014-06-30")
    assert effect.symbol == "AMD"
    assert effect.freed == pytest.approx(0.05)
    assert effect.months == pytest.approx(sessions / 21)
    assert effect.own == pytest.approx(0.0)
    assert effect.instead == pytest.approx(1.0)
    assert effect.points == pytest.approx(0.05 / ((sessions + 1) / 252))
    # With a floor for small caps hardware is smaller before it is cut.
    floored = decide(market, "2014-06-30", Blueprint(small_cap_floor=0.1))
    (smaller,) = effects(see, {pd.Timestamp("2014-06-30"): floored})
    assert smaller.freed == pytest.approx(0.05 * 0.9)
    norm = pd.Series(8.0, index=days)
    table, chart = effects_exhibits(see, {pd.Timestamp("2014-06-30"): first}, norm)
    assert table.first
    assert table.text.startswith("The rule cut AMD, on 1 of 1 decisions. The money did better elsewhere: +")
    (row,) = table.table.rows
    assert row[:2] == ("AMD", "2014-06 to 2014-08")
    assert row[2:] == pytest.approx((effect.months, 0.05, 0.0, 1.0, 100 * effect.points))
    assert list(chart.series) == ["AMD", "norm"]
    assert chart.shaded == ((pd.Timestamp("2014-06-30"), pd.Timestamp("2014-08-29")),)
    assert effects_exhibits(see, {}, norm)[0].text == "The rule cut nothing."


def test_the_charts_are_those_of_the_names_of_which_most_was_freed(days, make_market):
    symbols = [f"CHIP{number}" for number in range(8)] + ["SOFT", "JPM", "JNJ", "IWM"]
    groups = dict.fromkeys(symbols[:8], "ai_hardware") | {
        "SOFT": "software",
        "JPM": "financials",
        "JNJ": "healthcare",
        "IWM": "small_cap",
    }
    multiples = [12.0] * 8 + [8.0, 2.0, 2.0, NAN]
    caps = [*range(1, 9), 20.0, 20.0, 20.0, NAN]
    facts = {"market_cap": caps, "price_to_sales": multiples, "revenue_growth": 0.1}
    market = make_market(pd.DataFrame(1.0, index=days, columns=symbols), facts, groups, {"IWM": "etf"})
    # Cut from January, but for February.
    cut = pd.DataFrame(multiples, index=symbols).T.loc[[0] * len(days)].set_axis(days)
    cut.loc["2014-02", symbols[:8]] = 4.0
    market.derived["price_to_sales"] = cut.to_numpy()
    made = {pd.Timestamp(each): decide(market, each) for each in ("2014-01-31", "2014-02-28", "2014-03-31")}
    see = AsOf(market, market.index_of("2014-04-30"))
    table, *charts = effects_exhibits(see, made, pd.Series(8.0, index=days))
    assert len(table.table.rows) == 8
    assert [next(iter(chart.series)) for chart in charts] == [f"CHIP{7 - number}" for number in range(6)]
    assert len(charts) == MOST_CHARTS
    spells = [(f"{begin:%m-%d}", f"{end:%m-%d}") for begin, end in charts[0].shaded]
    assert spells == [("01-31", "02-28"), ("03-31", "04-30")]
    assert table.table.rows[0][1] == "2014-01 to 2014-04, 2 spells"


def test_the_source_of_each_figure_is_counted(build, days):
    market = build(shareholder_yield=[NAN, NAN, NAN, 0.05, NAN, NAN, NAN, NAN, NAN])
    made = {pd.Timestamp(each): decide(market, each) for each in ("2014-06-30", "2014-07-31")}
    for target in made.values():
        assert target.state["sources"]["financials: yield"] == {
            "filed dividends and repurchases": 1,
            "unknown": 1,
        }
        words = " ".join(reasons(target))
        assert "by filed dividends and repurchases (BAC); unknown (JPM)" in words
    exhibit = Blueprint().exhibits(AsOf(market, market.index_of("2014-08-29")), made)[-1]
    rows = {row[:2]: row[2:] for row in exhibit.table.rows}
    assert rows["financials: yield", "filed dividends and repurchases"] == (2, 0.5)
    assert rows["financials: yield", "unknown"] == (2, 0.5)
    assert rows["healthcare: pricing power", "unknown"] == (4, 1.0)
    assert "over 2 decisions" in exhibit.table.caption


def test_of_many_companies_the_log_names_those_that_another_source_served():
    names = tuple(f"B{number}" for number in range(9))
    rungs = ["rate beta of the share"] * 9
    rungs[3], rungs[7] = "filed interest", ""
    ladder = Ladder(names, np.ones(9), tuple(rungs))
    assert ladder.words() == "rate beta of the share (the other 7); filed interest (B3); unknown (B7)"
    alike = Ladder(names, np.ones(9), ("filed",) * 9)
    assert alike.words() == "filed (all 9)"
    few = Ladder(names[:2], np.ones(2), tuple(rungs[:2]))
    assert few.words() == "rate beta of the share (B0, B1)"


def test_page_one_is_told_that_trailing_growth_stands_in(build, days):
    market = build()
    made = {pd.Timestamp("2014-06-30"): decide(market, "2014-06-30")}
    see = AsOf(market, market.index_of("2015-06-30"))
    (said,) = Blueprint().limits(see, made)
    assert said.startswith("Forward revenue growth, which the rule asks for, is missing (no estimates.csv)")
    assert "growth over the past year stands in for it" in said
    assert Hedged(of=Blueprint()).limits(see, made) == (said,)
    assert Blueprint(exit="norm").limits(see, made) == ()
    # Half a year of estimates for one of the two names: a quarter of what is known.
    estimated = build(forward_revenue_growth=0.2)
    first, last = market.index_of("2014-06-30"), market.index_of("2015-06-30")
    partly = estimated.derived["forward_revenue_growth"].copy()
    partly[:, 1] = NAN
    partly[: (first + last + 1) // 2, 0] = NAN
    estimated.derived["forward_revenue_growth"] = partly
    (said,) = Blueprint().limits(AsOf(estimated, last), made)
    assert "is missing on 75% of the days on which a company's growth is known" in said
    whole = build(forward_revenue_growth=0.2)
    assert Blueprint().limits(AsOf(whole, last), made) == ()


@pytest.fixture(scope="module")
def realigning(build, days):
    """Dear throughout; the growth gap stands at its mean from the first quarter of 2018 on (quarter 24)."""

    def make(breaks="2099-01-01"):
        number = number_of_quarter(days)
        growth = daily(days, np.full(len(SYMBOLS), 0.1))
        hardware = 0.1 + np.where(number >= 24, 0.2, np.where(number % 2 == 0, 0.0, 0.4))
        growth[:, :2] = np.where(days >= breaks, 0.9, hardware)[:, None]
        return build(revenue_growth=growth)

    return make


def test_after_two_quarters_of_realignment_the_cut_is_lifted_by_equal_steps(realigning):
    decisions = months(realigning(), "2018-03-01", "2019-06-30", Blueprint(**HELD))
    phases = {day[:7]: rotation(target).phase for day, target in decisions.items()}
    cuts = {day[:7]: rotation(target).cut.get("AMD", 0.0) for day, target in decisions.items()}
    assert phases["2018-03"] == "rotated"  # one quarter within the limit
    assert phases["2018-05"] == "rotated"
    assert phases["2018-06"] == "gliding"  # the second
    assert [cuts[f"2018-{month:02d}"] for month in range(6, 13)] == pytest.approx(
        [0.25 * left / 6 for left in (6, 5, 4, 3, 2, 1, 0)]
    )
    assert phases["2018-12"] == "settled"
    assert phases["2019-06"] == "settled"  # still dear, and still realigned
    assert decisions["2019-06-28"].weights["AMD"] == pytest.approx(0.20)
    assert any(
        "lifted month by month since 2018-06-29; left: AMD cut 21%" in why
        for why in reasons(decisions["2018-07-31"])
    )


def test_glide_months_zero_lifts_cuts_at_once(realigning):
    decisions = months(realigning(), "2018-05-01", "2018-07-31", Blueprint(glide_months=0, **HELD))
    assert [rotation(target).phase for target in decisions.values()] == ["rotated", "settled", "settled"]


def test_realignment_lost_on_the_way_stops_the_glide(realigning):
    # Growth breaks away in September 2018; today's multiple alone calls for 25% again.
    decisions = months(realigning(breaks="2018-09-04"), "2018-03-01", "2018-12-31", Blueprint(**HELD))
    assert rotation(decisions["2018-08-31"]).cut["AMD"] == pytest.approx(0.25 * 4 / 6)
    september = rotation(decisions["2018-09-28"])
    assert september.phase == "rotated"
    assert september.cut["AMD"] == pytest.approx(0.25)


def test_settled_is_left_when_realignment_ends(realigning):
    decisions = months(realigning(breaks="2019-05-01"), "2018-03-01", "2019-06-30", Blueprint(**HELD))
    assert rotation(decisions["2019-05-31"]).phase == "settled"
    june = decisions["2019-06-28"]
    assert rotation(june).phase == "rotated"
    assert june.weights["AMD"] == pytest.approx(0.15)


def test_state_is_json_and_survives_it(realigning):
    for target in months(realigning(), "2018-05-01", "2018-08-31", Blueprint(**HELD)).values():
        assert json.loads(json.dumps(dict(target.state))) == dict(target.state)
        assert Rotation.remembered(Target({}, why="none", state=dict(target.state))) == rotation(target)


names = st.sampled_from(["AMD", "NVDA", "MU"])
some_cuts = st.dictionaries(names, st.floats(0, 1))


@settings(max_examples=60)
@given(st.lists(st.tuples(some_cuts, st.booleans()), max_size=40), st.integers(0, 7))
def test_cuts_never_fall_but_in_a_glide_and_stay_in_range(history, glide_months):
    now = Rotation()
    for month, (called_for, realigned) in enumerate(history):
        today = pd.Timestamp("2020-01-31") + pd.offsets.MonthEnd(month)
        after = now.next(called_for, realigned, today, glide_months)
        assert all(0 < cut <= 1 for cut in after.cut.values())
        if after.phase == "rotated":
            assert all(after.cut[name] >= cut for name, cut in now.cut.items())
            assert all(after.cut.get(name, 0.0) >= cut for name, cut in called_for.items())
        elif after.phase == "gliding":
            assert realigned
            assert all(cut <= now.cut[name] + 1e-12 for name, cut in after.cut.items())
        else:
            assert not after.cut
            assert after.phase == "watch" or realigned
        now = after


def test_a_glide_that_breaks_off_holds_at_the_cut_in_force():
    gliding = Rotation("gliding", {"AMD": 0.2}, {"AMD": 0.3}, "2020-01-31")
    after = gliding.next({"NVDA": 0.1}, False, pd.Timestamp("2020-04-30"), 6)
    assert after == Rotation("rotated", {"AMD": 0.2, "NVDA": 0.1})


def test_higher_of_and_months_between():
    assert higher_of({"A": 0.2, "B": 0.3}, {"A": 0.5, "C": 0.0}) == {"A": 0.5, "B": 0.3}
    assert months_between("2019-11-29", pd.Timestamp("2020-02-28")) == 3


@pytest.mark.parametrize(("freed", "cash", "msft"), [("rest", 0.0, 0.30 * 0.75 / 0.70), ("cash", 0.05, 0.30)])
def test_valuation_cut_alone(build, freed, cash, msft):
    target = decide(build(), "2014-06-30", ValuationCut(freed=freed))
    assert target.weights["AMD"] == pytest.approx(0.15)
    assert target.weights["NVDA"] == pytest.approx(0.10)
    assert target.weights["MSFT"] == pytest.approx(msft)
    assert target.cash == pytest.approx(cash)


def test_valuation_cut_alone_does_not_hold(build, days):
    multiples = daily(days, MULTIPLES)
    multiples[days >= "2014-07-01", 0] = 3.0
    decisions = months(build(price_to_sales=multiples), "2014-06-01", "2014-07-31", ValuationCut())
    assert [target.weights["AMD"] for target in decisions.values()] == pytest.approx([0.15, 0.20])
