from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.signals import (
    YEAR,
    Terms,
    cap_weights,
    fundamental_weights,
    gap_scores,
    known_cuts,
    listed,
    pricing_power,
    quarter_ends,
    quarterly_history,
    realignment,
    row_medians,
    software_norm,
    software_norms,
    valuation_cut,
    yield_weights,
)
from strategies.signals.realignment import growth_gaps, weighted_mean
from strategies.signals.skewness import percentile_of, skew_percentile
from strategies.signals.valuation import norm_of
from tests.places import answers

NAN = np.nan

sometimes_unknown = arrays(
    float, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-1e6, 1e6) | st.just(NAN)
)


shares = arrays(float, 30, elements=st.floats(0, 1))


@given(sometimes_unknown | arrays(float, (3, 30), elements=st.floats(-1e6, 1e6)), shares, st.integers(0, 4))
def test_a_mean_by_weight_is_what_is_known_of_each_row(values, shares, least):
    weights = shares[: values.shape[1]]
    expected = []
    for row in values:
        known = np.isfinite(row) & (weights > 0)
        counted = np.where(known, weights, 0.0)
        enough = known.sum() >= max(least, 1)
        total = np.add.reduce(counted * np.where(known, row, 0.0))
        expected.append(total / np.add.reduce(counted) if enough else NAN)
    np.testing.assert_array_equal(weighted_mean(values, weights, least), expected)


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@given(sometimes_unknown)
def test_row_medians_are_those_of_numpy(values):
    np.testing.assert_array_equal(row_medians(values), np.nanmedian(values, axis=1))


def test_row_medians_without_columns_are_unknown():
    assert np.isnan(row_medians(np.empty((3, 0)))).all()


def test_the_rule_sleeps_for_the_median_semiconductor_of_2020_and_wakes_in_2025():
    answer = answers("damodaran_price_to_sales.json")
    cut = {
        year: valuation_cut(pd.Series({"median": answer["semiconductor"][year]}), norm)["median"]
        for year, norm in answer["software"].items()
    }
    assert cut["2020"] == 0.0
    assert cut["2025"] == pytest.approx(14.257 / 11.2 - 1)


@given(
    arrays(float, st.integers(1, 600), elements=st.floats(0.1, 100) | st.sampled_from([NAN, np.inf, 8.0])),
    st.integers(1, 2),
    st.integers(1, 600),
)
def test_the_norm_at_every_session_is_the_norm_of_its_window(medians, years, least):
    windows = (medians[max(0, end - YEAR * years) : end] for end in range(1, len(medians) + 1))
    expected = [norm_of(window, least) for window in windows]
    np.testing.assert_array_equal(software_norms(medians, years, least), expected)


@given(st.floats(0, 1e4), st.floats(0.01, 1e3), st.floats(0.01, 1))
def test_a_cut_lies_between_nothing_and_the_most(multiple, norm, most):
    assert 0 <= valuation_cut(pd.Series([multiple]), norm, most)[0] <= most


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.floats(0, 1e4) | st.sampled_from([NAN, np.inf])),
    st.floats(0.01, 1e3) | st.just(NAN),
    st.floats(0.01, 1),
)
def test_known_cuts_are_those_of_the_labelled_ones(multiples, norm, most):
    labelled = valuation_cut(pd.Series(multiples, dtype=float), norm, most).dropna()
    assert known_cuts(multiples, norm, most) == labelled.to_dict()


@given(
    st.lists(st.floats(0, 1e4) | st.sampled_from([NAN, np.inf, 8.0])),
    st.floats(0.01, 1e3) | st.sampled_from([NAN, 8.0]),
    st.floats(0.01, 1),
)
def test_cuts_are_those_of_arrays_to_the_last_bit(multiples, norm, most):
    expected = np.clip(np.array(multiples, dtype=float) / norm - 1.0, 0.0, most)
    np.testing.assert_array_equal(valuation_cut(pd.Series(multiples, dtype=float), norm, most), expected)


def test_against_a_norm_of_nothing_the_most_is_cut():
    np.testing.assert_array_equal(valuation_cut(pd.Series([0.0, 3.0, NAN]), 0.0, 0.5), [0.0, 0.5, NAN])


def test_a_cut_is_unknown_where_either_number_is():
    assert valuation_cut(pd.Series([NAN, 9.0]), 8.0).isna().tolist() == [True, False]
    assert valuation_cut(pd.Series([9.0]), NAN).isna().all()


def test_software_norm_is_the_median_of_daily_medians(make_market, make_sessions):
    days = make_sessions("2018-01-02", "2020-12-31")
    ramp = np.arange(len(days), dtype=float)
    multiples = np.column_stack([ramp, ramp + 1, ramp + 20, np.full(len(days), 1e6)])
    close = pd.DataFrame(1.0, index=days, columns=["A", "B", "C", "HARD"])
    groups = dict.fromkeys("ABC", "software") | {"HARD": "ai_hardware"}
    market = make_market(close, {"price_to_sales": multiples}, groups)
    # Daily median is B's ramp + 1; over the last 252 sessions its median is that of their middle.
    today = 700
    assert software_norm(AsOf(market, today), years=1) == np.median(ramp[today - 251 : today + 1] + 1)
    assert software_norm(AsOf(market, 300), years=5) == np.median(ramp[:301] + 1)
    assert np.isnan(software_norm(AsOf(market, 250), years=5))
    assert software_norm(AsOf(market, 250), years=5, least=200) == np.median(ramp[:251] + 1)
    whole = software_norms(ramp + 1, years=1)
    assert np.isnan(whole[:251]).all()
    assert whole[[251, today]].tolist() == [np.median(ramp[:252] + 1), np.median(ramp[449:701] + 1)]


def test_cap_weights_add_to_one(make_market, make_sessions):
    close = pd.DataFrame(1.0, index=make_sessions("2020-01-02", "2020-01-06"), columns=list("ABC"))
    see = AsOf(make_market(close, {"market_cap": [30.0, 10.0, NAN]}), 1)
    assert cap_weights(see).to_dict() == {"A": 0.75, "B": 0.25}
    assert cap_weights(see, ["C"]).empty


def test_cap_weights_count_a_company_once(make_market, make_sessions):
    close = pd.DataFrame(1.0, index=make_sessions("2020-01-02", "2020-01-06"), columns=list("ABC"))
    market = make_market(close, {"market_cap": [30.0, 30.0, 10.0]})
    classes = market.instruments.assign(company=["Both", "Both", ""])
    see = AsOf(replace(market, instruments=classes, hash=""), 1)
    assert see.companies(["C", "A"]).to_dict() == {"C": "C", "A": "Both"}
    assert cap_weights(see).to_dict() == {"A": 0.375, "B": 0.375, "C": 0.25}
    assert cap_weights(see, ["A", "C"]).to_dict() == {"A": 0.75, "C": 0.25}


@pytest.mark.parametrize(
    ("yields", "expected"),
    [
        ([0.06, 0.02], [0.75, 0.25]),
        ([0.06, 0.02, NAN], [0.5, 1 / 6, 1 / 3]),
        ([0.06, -0.02], [1.0, 0.0]),
        ([-0.06, -0.02], [0.5, 0.5]),
        ([NAN, NAN], [0.5, 0.5]),
        ([], []),
    ],
)
def test_yield_weights(yields, expected):
    assert yield_weights(pd.Series(yields, dtype=float)).tolist() == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1) | st.just(NAN), min_size=1, max_size=8))
def test_yield_weights_add_to_one(yields):
    weights = yield_weights(pd.Series(yields))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()


def test_gap_scores_by_hand():
    # 1..5: mean 3, sample deviation sqrt(2.5); the window before is 0..4.
    gaps = np.array([0.0, 1, 2, 3, 4, 5])
    assert gap_scores(gaps, window=5, quarters=2) == pytest.approx((2 / 2.5**0.5, 2 / 2.5**0.5))
    assert gap_scores(np.full(6, 0.1), window=5, quarters=2) == (0.0, 0.0)


def test_gap_scores_need_four_fifths_of_the_window_and_the_quarter_itself():
    gaps = np.arange(10.0)
    gaps[5] = NAN
    assert np.isfinite(gap_scores(gaps, window=5, quarters=1)).all()
    gaps[6] = NAN
    assert np.isnan(gap_scores(gaps, window=5, quarters=1)).all()
    assert np.isnan(gap_scores(np.array([1.0, 2, 3, 4, NAN]), window=5, quarters=1)).all()
    assert np.isnan(gap_scores(np.array([]), window=5, quarters=2)).all()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2023-01-03", "2023-09-29", ["2023-03-31", "2023-06-30", "2023-09-29"]),  # today ends a quarter
        ("2023-01-03", "2023-09-28", ["2023-03-31", "2023-06-30"]),
        ("2024-01-02", "2024-03-28", []),  # Good Friday follows: seen one session later
        ("2024-01-02", "2024-04-01", ["2024-03-28"]),
    ],
)
def test_quarter_ends(make_sessions, start, end, expected):
    days = make_sessions(start, end)
    assert [str(day.date()) for day in days[quarter_ends(days)]] == expected


def growth_market(make_market, days, hardware, software=0.1, **more):
    close = pd.DataFrame(1.0, index=days, columns=["H1", "H2", "S1"])
    growth = np.column_stack([hardware, hardware, np.full(len(days), software)])
    groups = {"H1": "ai_hardware", "H2": "ai_hardware", "S1": "software"}
    return make_market(close, {"revenue_growth": growth, **more}, groups)


def quarter_number(days):
    return np.asarray((days.year * 4 + days.quarter) - (days[0].year * 4 + days[0].quarter), dtype=float)


HARDWARE = {"H1": 0.2, "H2": 0.1}


def realigned(see, **terms):
    return realignment(see, HARDWARE, "software", Terms(least=1, **terms))


def test_realignment_is_unknown_while_history_is_short(make_market, make_sessions):
    days = make_sessions("2015-01-02", "2018-08-31")
    found = realigned(AsOf(growth_market(make_market, days, np.full(len(days), 0.3)), len(days) - 1))
    assert not found.realigned
    assert found.why == "growth gap unknown: 14 of 20 quarters on record"


def test_realignment_needs_two_quarters_running(make_market, make_sessions):
    days = make_sessions("2012-01-03", "2020-12-31")
    # The gap swings between 0 and 0.4 for 30 quarters, then stands at its mean 0.2 from quarter 30 on.
    number = quarter_number(days)
    hardware = 0.1 + np.where(number >= 30, 0.2, np.where(number % 2 == 0, 0.0, 0.4))
    market = growth_market(make_market, days, hardware)

    def on(date):
        return realigned(AsOf(market, market.index_of(date)))

    assert not on("2019-06-28").realigned  # quarter 29 ends
    assert abs(on("2019-06-28").scores[1]) > 0.9
    first = on("2019-09-30")  # quarter 30 ends: within the limit once
    assert abs(first.scores[1]) < 0.1
    assert not first.realigned
    assert not on("2019-12-30").realigned
    second = on("2019-12-31")  # quarter 31 ends
    assert second.realigned
    assert second.why.endswith("realigned")
    assert realigned(AsOf(market, market.index_of("2019-09-30")), quarters=1).realigned


def test_consensus_growth_is_preferred_where_a_company_has_it(make_market, make_sessions):
    days = make_sessions("2012-01-03", "2018-12-31")
    forward = np.column_stack([np.full(len(days), 0.9), np.full(len(days), NAN), np.full(len(days), NAN)])
    market = growth_market(make_market, days, np.full(len(days), 0.3), forward_revenue_growth=forward)
    # Two thirds of 0.9 (consensus) and a third of 0.3 (trailing), by weight, less software's 0.1.
    assert "growth gap (trailing growth for forward of 1) +60%" in realigned(AsOf(market, len(days) - 1)).why


def test_the_four_exits_on_one_gap(make_market, make_sessions):
    days = make_sessions("2012-01-03", "2020-12-31")
    number = quarter_number(days)
    # Far above software for years, then three points above; dear all the while.
    hardware = 0.1 + np.where(number >= 30, 0.03, np.where(number % 2 == 0, 0.3, 0.5))
    market = growth_market(make_market, days, hardware, price_to_sales=[12.0, 12.0, 8.0])
    see = AsOf(market, market.index_of("2019-12-31"))
    assert realigned(see, exit="level").realigned
    assert not realigned(see, exit="level", points=0.02).realigned
    assert not realigned(see, exit="z").realigned  # below its own mean by more than half a deviation
    assert realigned(see, exit="one_sided").realigned
    assert not realigned(see, exit="norm").realigned
    cheap = growth_market(make_market, days, hardware, price_to_sales=[9.0, 4.0, 8.0])
    found = realigned(AsOf(cheap, cheap.index_of("2019-12-31")), exit="norm")
    assert found.realigned
    assert found.scores == pytest.approx(((0.2 * 9 + 0.1 * 4) / 0.3 / 8,) * 2)


def test_a_gap_needs_companies_that_have_reported(make_market, make_sessions):
    days = make_sessions("2012-01-03", "2018-12-31")
    market = growth_market(make_market, days, np.full(len(days), 0.3))
    see = AsOf(market, len(days) - 1)
    assert realignment(see, HARDWARE, "software", Terms(exit="level", points=1.0, least=1)).realigned
    # A side that has fewer companies than asked for needs all of them.
    assert realignment(see, HARDWARE, "software", Terms(exit="level", points=1.0, least=5)).realigned
    half = growth_market(make_market, days, np.full(len(days), 0.3))
    silent = half.derived["revenue_growth"].copy()
    silent[:, 1] = NAN
    half.derived["revenue_growth"] = silent
    few = realignment(AsOf(half, len(days) - 1), HARDWARE, "software", Terms(exit="level", points=1.0))
    assert not few.realigned
    assert "too few reported" in few.why
    assert realignment(see, {}, "software", Terms()).why == "nothing to measure"


def test_pricing_power_needs_level_and_steadiness():
    margins = pd.DataFrame(
        {
            "high and steady": [0.80, 0.81] * 10,
            "high, jumping": [0.60, 0.99] * 10,
            "low and steady": [0.30, 0.301] * 10,
            "low, jumping": [0.10, 0.50] * 10,
            "young": [NAN] * 5 + [0.9] * 15,
        }
    )
    power = dict(zip(margins.columns, pricing_power(margins.to_numpy()), strict=True))
    assert np.isnan(power.pop("young"))
    assert power == {
        "high and steady": 1.0,
        "high, jumping": 0.0,
        "low and steady": 0.0,
        "low, jumping": 0.0,
    }


def test_quarterly_history_takes_quarter_ends_and_pads_the_past(make_market, make_sessions):
    days = make_sessions("2020-01-02", "2020-10-15")
    close = pd.DataFrame(1.0, index=days, columns=["A"])
    market = make_market(close, {"gross_margin": np.arange(len(days), dtype=float)[:, None]})
    rows = quarterly_history(AsOf(market, len(days) - 1), "gross_margin", 5, ["A"])[:, 0]
    ends = [days.get_loc(day) for day in ("2020-03-31", "2020-06-30", "2020-09-30")]
    assert np.isnan(rows).tolist() == [True, True, False, False, False]
    assert rows[2:].tolist() == ends


def test_listed():
    assert listed([]) == ""
    assert listed("ABC", most=3) == "A, B, C"
    assert listed("ABCD", most=3) == "A, B, C and 1 more"


def test_fundamental_weights_average_the_measures_that_each_company_has(make_market, make_sessions):
    close = pd.DataFrame(1.0, index=make_sessions("2020-01-02", "2021-06-30"), columns=list("ABC"))
    facts = {"revenue_ttm": [60.0, 20.0, 20.0], "stockholders_equity": [10.0, 30.0, NAN]}
    weights, measures = fundamental_weights(AsOf(make_market(close, facts), 300))
    assert measures == ("sales", "book")
    # Book adds up to the 80% of sales of those who have it: 20% and 60%.
    expected = np.array([(0.6 + 0.2) / 2, (0.2 + 0.6) / 2, 0.2])
    assert weights.tolist() == pytest.approx((expected / expected.sum()).tolist())
    assert fundamental_weights(AsOf(make_market(close), 300))[0].empty


# Skewness --------------------------------------------------------------------------------------------


def test_a_percentile_without_history_is_unknown() -> None:
    assert percentile_of(3.0, [1.0, 2.0, 3.0, 4.0]) == 0.625
    assert np.isnan(percentile_of(3.0, [np.nan]))
    assert np.isnan(percentile_of(np.nan, [1.0]))


@pytest.mark.parametrize(("last", "leaning"), [(160.0, -1), (120.0, 0)])
def test_skew_leans_against_risk_where_it_is_high_among_recent_years(last: float, leaning: int) -> None:
    days = pd.bdate_range("2018-01-02", "2020-12-31")
    table = pd.DataFrame({"series": "skew", "date": days, "available": days, "value": 130.0})
    table.loc[len(days) - 1, "value"] = last
    market = Market.from_wide("skewed", pd.DataFrame({"AAA": 100.0}, index=days), series=table)
    reading = skew_percentile(AsOf(market, len(days) - 1), years=2)
    assert reading.lean == leaning
    assert f"SKEW {last:.1f} is the" in reading.why
    assert skew_percentile(AsOf(market, len(days) - 1), name="nothing").lean is None


@pytest.mark.parametrize("date", ["2011-06-30", "2016-02-10", "2019-08-30", "2021-12-31"])
@pytest.mark.parametrize("quarters", [1, 2, 5])
def test_a_level_exit_looks_at_the_latest_of_the_quarters_that_others_standardise(sample, date, quarters):
    see = AsOf(sample, sample.index_of(date))
    hardware = dict.fromkeys(see.members("ai_hardware"), 0.1)
    level, words = growth_gaps(see, hardware, "software", Terms(exit="level", quarters=quarters))
    longer, same = growth_gaps(see, hardware, "software", Terms(exit="z", quarters=quarters))
    assert (len(level), words) == (quarters, same)
    np.testing.assert_array_equal(level, longer[-quarters:])
