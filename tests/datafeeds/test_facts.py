"""Facts as they were known: filing dates, trailing sums, splits, and the reference's price-to-sales."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeeds import facts as fundamentals
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market, MarketError, standard_tables
from datafeeds.series import series_names, series_table
from tests.places import SHARED

FOLDER = SHARED / "market"


FACTS = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]


def market(figures, *, start="2020-01-02", end="2022-12-30", splits=(), symbols=("AAA",), close=None):
    """A market of `figures`: (symbol, concept, year, period, filed, value)."""
    sessions = pd.DatetimeIndex(exchange_sessions(start, end))
    prices = pd.DataFrame(10.0, index=sessions, columns=list(symbols)) if close is None else close
    return Market.from_wide(
        "toy",
        prices,
        facts=pd.DataFrame(list(figures), columns=FACTS),
        splits=pd.DataFrame(list(splits), columns=["symbol", "date", "ratio"]),
    )


def on(toy, name, day, symbol="AAA"):
    """Value of a fact at the close of the last session up to `day`."""
    return fundamentals.fact(toy, name)[toy.index_of(day), toy.column[symbol]]


def revenue(year, period, filed, value, symbol="AAA"):
    return (symbol, "revenue", year, period, filed, float(value))


def test_a_figure_is_invisible_on_its_filing_day_and_visible_the_session_after():
    toy = market([revenue(2019, "FY", "2020-02-14", 400)])  # a Friday before a long weekend
    assert np.isnan(on(toy, "revenue_ttm", "2020-02-14"))
    assert on(toy, "revenue_ttm", "2020-02-18") == 400


def test_a_filing_on_a_weekend_counts_from_monday():
    toy = market([revenue(2019, "FY", "2020-03-07", 400)])
    assert np.isnan(on(toy, "revenue_ttm", "2020-03-06"))
    assert on(toy, "revenue_ttm", "2020-03-09") == 400


# A history worked out by hand.
#   fiscal 2019: 80 + 90 + 110 + 120 = 400; 2020: 100 + 95 + (Q3 never filed) + ..., year 430.
HISTORY = [
    revenue(2019, "Q1", "2019-05-01", 80),
    revenue(2019, "Q2", "2019-08-01", 90),
    revenue(2019, "Q3", "2019-11-01", 110),
    revenue(2019, "FY", "2020-02-03", 400),
    revenue(2020, "Q1", "2020-05-01", 100),
    revenue(2020, "Q2", "2020-08-03", 95),
    revenue(2019, "FY", "2020-09-01", 410),  # amended: 10 more, so Q4 2019 is 130
    revenue(2020, "FY", "2021-02-01", 430),  # Q3 was not filed
    revenue(2021, "Q1", "2021-05-03", 120),
    revenue(2021, "Q2", "2021-08-02", 125),
    revenue(2021, "Q3", "2021-11-01", 130),
]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2020-02-03", np.nan),  # the annual report is filed today
        ("2020-02-04", 400.0),
        ("2020-05-04", 420.0),  # 400 + 100 - 80
        ("2020-08-04", 425.0),  # 400 + 195 - 170
        ("2020-09-01", 425.0),  # the amendment is filed today
        ("2020-09-02", 435.0),  # 410 + 195 - 170
        ("2021-02-02", 430.0),  # the new fiscal year
        ("2021-05-04", 450.0),  # 430 + 120 - 100
        ("2021-08-03", 480.0),  # 430 + 245 - 195
        # Q3 2020 is unknown (two quarters of 2020 are missing, so it can't be had by subtraction): neither
        # the year ahead and back nor four quarters can be summed, and the twelve months to Q2 2021 stay.
        ("2021-11-02", 480.0),
        # Q2 2021 was filed 2021-08-02, so it is taken to have ended 45 days before; 200 days on it is stale.
        ("2022-01-04", 480.0),
        ("2022-01-05", np.nan),
    ],
)
def test_trailing_twelve_months_by_hand(day, expected):
    np.testing.assert_equal(on(market(HISTORY), "revenue_ttm", day), expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2020-05-04", 100.0),
        ("2020-02-04", 120.0),  # Q4 is 400 - 80 - 90 - 110
        ("2021-01-05", 95.0),  # the newest known alone is Q2 of 2020, filed 2020-08-03
        ("2021-01-06", np.nan),  # 200 days after its end
    ],
)
def test_a_flow_by_its_name_is_the_newest_quarter_alone(day, expected):
    np.testing.assert_equal(on(market(HISTORY), "revenue", day), expected)


def test_growth_compares_sums_known_the_same_day():
    toy = market(HISTORY)
    assert np.isnan(on(toy, "revenue_growth", "2020-09-02"))  # nothing is known of the year to Q2 2019
    assert on(toy, "revenue_growth", "2021-02-02") == pytest.approx(430 / 410 - 1)  # against the amended year
    # To Q1 2020: 410 + 100 - 80 = 430; to Q1 2021: 450.
    assert on(toy, "revenue_growth", "2021-05-04") == pytest.approx(450 / 430 - 1)


def test_four_quarters_are_summed_where_no_year_is_known():
    quarters = [
        ("Q1", "2020-05-01", 1),
        ("Q2", "2020-08-03", 2),
        ("Q3", "2020-11-02", 3),
        ("Q4", "2021-02-01", 4),
    ]
    toy = market([revenue(2020, period, filed, value) for period, filed, value in quarters])
    assert np.isnan(on(toy, "revenue_ttm", "2020-11-03"))
    assert on(toy, "revenue_ttm", "2021-02-02") == 10


def test_an_explicit_fourth_quarter_is_used():
    toy = market([*HISTORY[:4], revenue(2019, "Q4", "2020-02-05", 118)])
    assert on(toy, "revenue", "2020-02-05") == 120
    assert on(toy, "revenue", "2020-02-06") == 118


def test_a_late_quarter_of_an_old_year_does_not_displace_a_newer_sum():
    toy = market([*HISTORY, revenue(2018, "Q4", "2020-08-20", 9999)])
    assert on(toy, "revenue_ttm", "2020-08-21") == 425


def test_of_two_figures_filed_the_same_day_the_later_row_counts():
    toy = market([revenue(2019, "FY", "2020-02-03", 400), revenue(2019, "FY", "2020-02-03", 401)])
    assert on(toy, "revenue_ttm", "2020-02-04") == 401


def test_an_amendment_does_not_prolong_the_life_of_a_figure():
    toy = market([revenue(2019, "FY", "2020-02-03", 400), revenue(2019, "FY", "2021-04-01", 404)])
    # Fiscal years only: 200 and 274 days after 2019-12-20.
    assert on(toy, "revenue_ttm", "2021-04-07") == 404
    assert np.isnan(on(toy, "revenue_ttm", "2021-04-08"))


def test_the_period_s_end_counts_where_it_is_known():
    table = pd.DataFrame(HISTORY[:2], columns=FACTS).assign(period_end=["2019-03-31", "2019-06-30"])
    toy = replace(market([]), facts=standard_tables(("AAA",), facts=table)["facts"], hash="other")
    assert on(toy, "revenue", "2020-01-16") == 90
    assert np.isnan(on(toy, "revenue", "2020-01-17"))
    assert fundamentals.age(toy, "revenue")[toy.index_of("2020-01-16"), 0] == 200


def test_a_figure_counts_from_the_day_it_is_known_until_it_is_withdrawn():
    table = pd.DataFrame(HISTORY[:5], columns=FACTS)
    table["known"] = table["filed"].replace("2020-05-01", "2020-06-01")
    table["withdrawn"] = [None, None, None, None, "2020-07-01"]
    toy = replace(market([]), facts=standard_tables(("AAA",), facts=table)["facts"], hash="other")
    assert on(toy, "revenue_ttm", "2020-06-01") == 400
    assert on(toy, "revenue_ttm", "2020-06-02") == 420
    assert on(toy, "revenue_ttm", "2020-07-01") == 420
    assert on(toy, "revenue_ttm", "2020-07-02") == 400


def test_an_unknown_fiscal_period_names_the_row():
    with pytest.raises(MarketError, match="AAA revenue filed 2020-02-03 has fiscal period 'H1'"):
        fundamentals.fact(market([revenue(2019, "H1", "2020-02-03", 400)]), "revenue_ttm")


def shares(filed, value, year=2020, period="Q2", concept="shares_outstanding", symbol="AAA"):
    return (symbol, concept, year, period, filed, float(value))


FOUR_FOR_ONE = [("AAA", "2020-08-31", 4.0)]


def test_a_count_filed_before_a_split_is_multiplied():
    toy = market([shares("2020-05-01", 100)], splits=FOUR_FOR_ONE)
    assert on(toy, "shares", "2020-05-04") == 100
    assert on(toy, "shares", "2020-08-28") == 100
    assert on(toy, "shares", "2020-08-31") == 400


@pytest.mark.parametrize(
    ("filed", "count", "expected"),
    [
        ("2020-08-28", 101, 404),  # the day before: on the old basis
        ("2020-08-28", 404, 404),  # the day before, but the report anticipates the split
        ("2020-08-31", 404, 404),  # the day itself: effective at the open
        ("2020-09-10", 404, 404),  # after: on the new basis
        ("2020-09-10", 101, 404),  # after, but the cover still quotes the old basis
        ("2020-11-01", 404, 404),
    ],
)
def test_counts_filed_around_a_split(filed, count, expected):
    toy = market([shares("2020-05-01", 100, period="Q1"), shares(filed, count)], splits=FOUR_FOR_ONE)
    assert on(toy, "shares", pd.Timestamp(filed) + pd.Timedelta(days=5)) == expected


def test_ordinary_issuance_near_a_split_is_not_taken_for_one():
    toy = market([shares("2020-07-01", 100, period="Q1"), shares("2020-08-10", 180)], splits=FOUR_FOR_ONE)
    assert on(toy, "shares", "2020-08-12") == 180
    assert on(toy, "shares", "2020-08-31") == 720


def test_the_cover_count_comes_before_the_diluted_average():
    figures = [
        shares("2020-05-01", 100, period="Q1"),
        shares("2020-05-01", 107, period="Q1", concept="diluted_shares"),
        shares("2020-08-03", 106, concept="diluted_shares"),
    ]
    toy = market(figures)
    assert on(toy, "shares", "2020-05-04") == 100
    assert on(toy, "shares", "2020-08-04") == 106  # the newer report has no cover count


def test_an_amended_old_report_does_not_displace_a_newer_count():
    toy = market(
        [shares("2020-05-01", 100, period="Q1"), shares("2020-08-03", 98), shares("2020-08-20", 55, 2019)]
    )
    assert on(toy, "shares", "2020-08-21") == 98


def test_market_cap_and_price_to_sales():
    toy = market([shares("2020-02-03", 50, 2019, "FY"), revenue(2019, "FY", "2020-02-03", 200)])
    assert on(toy, "market_cap", "2020-02-04") == 500
    assert on(toy, "price_to_sales", "2020-02-04") == 2.5


def test_price_to_sales_is_unknown_without_revenue():
    toy = market([shares("2020-02-03", 50, 2019, "FY"), revenue(2019, "FY", "2020-02-03", 0)])
    assert np.isnan(on(toy, "price_to_sales", "2020-02-04"))


def test_yields_and_margin():
    filed = "2020-02-03"
    figures = [
        shares(filed, 100, 2019, "FY"),
        revenue(2019, "FY", filed, 500),
        ("AAA", "operating_cash_flow", 2019, "FY", filed, 90.0),
        ("AAA", "capital_expenditure", 2019, "FY", filed, 40.0),
        ("AAA", "dividends_paid", 2019, "FY", filed, 20.0),
        ("BBB", "share_repurchases", 2019, "FY", filed, 5.0),
        ("AAA", "gross_profit", 2019, "FY", filed, 200.0),
    ]
    toy = market(figures, symbols=("AAA", "BBB"))
    assert on(toy, "free_cash_flow_yield", "2020-02-04") == pytest.approx(0.05)
    assert on(toy, "shareholder_yield", "2020-02-04") == pytest.approx(
        0.02
    )  # no repurchases filed: none made
    assert np.isnan(on(toy, "shareholder_yield", "2020-02-04", "BBB"))  # no shares known
    assert on(toy, "gross_margin", "2020-02-04") == pytest.approx(0.4)


def test_derived_facts_exist_only_where_their_inputs_do():
    toy = market([revenue(2019, "FY", "2020-02-03", 400)])
    assert set(fundamentals.names(toy)) == {"revenue", "revenue_ttm", "revenue_growth"}
    with pytest.raises(MarketError, match="did you mean 'revenue_ttm'"):
        fundamentals.fact(toy, "revenue_tmm")


def test_facts_are_the_same_however_many_symbols_are_laid_out_at_once(sample, monkeypatch):
    def all_facts():
        anew = replace(sample, derived={})
        return {name: fundamentals.fact(anew, name).tobytes() for name in fundamentals.names(anew)}

    whole = all_facts()
    monkeypatch.setattr(fundamentals, "TOGETHER", 3)
    assert len(sample.symbols) > 6
    assert all_facts() == whole


def test_facts_are_read_only_and_kept():
    toy = market([revenue(2019, "FY", "2020-02-03", 400)])
    known = fundamentals.fact(toy, "revenue_ttm")
    assert known is fundamentals.fact(toy, "revenue_ttm")
    with pytest.raises(ValueError, match="read-only"):
        known[0, 0] = 1.0


def test_series_in_order_of_availability():
    sessions = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-01-31"))
    rows = [("oil", "2020-01-03", "2020-01-10", 2.0), ("oil", "2020-01-02", "2020-01-10", 1.0)]
    rows += [("vix", "2020-01-02", "2020-01-02", 12.0), ("oil", "2020-01-06", "2020-01-13", np.nan)]
    toy = Market.from_wide(
        "toy",
        pd.DataFrame(1.0, index=sessions, columns=["AAA"]),
        series=pd.DataFrame(rows, columns=["series", "date", "available", "value"]),
    )
    assert sorted(series_names(toy)) == ["oil", "vix"]
    oil = series_table(toy, "oil")
    assert oil.values.tolist() == [1.0, 2.0]
    assert oil.available.astype(str).tolist() == ["2020-01-10", "2020-01-10"]
    with pytest.raises(MarketError, match="did you mean 'vix'"):
        series_table(toy, "vixx")


DAYS = st.integers(0, 500).map(lambda days: date(2020, 1, 2) + timedelta(days=days))
FIGURES = st.lists(
    st.tuples(
        st.sampled_from(["AAA", "BBB"]),
        st.sampled_from(["revenue", "shares_outstanding", "diluted_shares"]),
        st.integers(2019, 2021),
        st.sampled_from(["Q1", "Q2", "Q3", "Q4", "FY"]),
        DAYS.map(str),
        st.floats(1, 1e6),
    ),
    min_size=1,
    max_size=25,
)
ANCHORS = [revenue(2010, "FY", "2011-01-03", 1), shares("2011-01-03", 1, 2010, "FY")]


@settings(max_examples=40, deadline=None)
@given(figures=FIGURES, later=FIGURES, day=DAYS)
def test_nothing_filed_on_a_day_or_later_changes_what_was_known_at_its_close(figures, later, day):
    """Any figures filed on `day` or after may be changed or added: rows up to `day` stay as they were."""
    before = [row for row in figures if row[4] < str(day)]
    after = [row for row in later if row[4] >= str(day)]
    splits = [("AAA", "2020-06-15", 2.0), ("BBB", "2021-02-01", 0.1)]
    settings_ = {"splits": splits, "symbols": ("AAA", "BBB"), "end": "2021-05-20"}
    one = market(ANCHORS + figures, **settings_)
    other = market(ANCHORS + before + after, **settings_)
    row = one.index_of(str(day)) + 1
    for name in ("revenue", "revenue_ttm", "revenue_growth", "shares", "diluted_shares", "price_to_sales"):
        if name in fundamentals.names(one) and name in fundamentals.names(other):
            np.testing.assert_array_equal(
                fundamentals.fact(one, name)[:row], fundamentals.fact(other, name)[:row]
            )


@settings(max_examples=12, deadline=None)
@given(row=st.integers(0, 250), poison=st.floats(0.01, 1e6))
def test_poisoned_future_prices_change_no_market_cap_before(row, poison):
    sessions = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-12-31"))
    clean = pd.DataFrame(np.linspace(10, 20, len(sessions))[:, None], index=sessions, columns=["AAA"])
    poisoned = clean.copy()
    poisoned.iloc[row + 1 :] = poison
    figures = [shares("2020-02-03", 50, 2019, "FY"), revenue(2019, "FY", "2020-02-03", 200)]
    for name in ("market_cap", "price_to_sales"):
        one, other = (fundamentals.fact(market(figures, close=close), name) for close in (clean, poisoned))
        np.testing.assert_array_equal(one[: row + 1], other[: row + 1])
