from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from datafeeds.market import MarketError
from strategies import (
    BuyAndHold,
    CapWeighted,
    EqualWeighted,
    FundamentalWeighted,
    PriceWeighted,
    StrategyError,
    Target,
)
from strategies.asof import AsOf
from strategies.benchmarks import adjusted_divisor
from tests.places import answers

NAN = np.nan


@pytest.fixture
def market(make_market, make_sessions):
    days = make_sessions("2020-01-02", "2020-01-10")
    close = pd.DataFrame(
        {"AMD": 10.0, "JPM": 30.0, "NEW": [NAN] * 3 + [20.0] * 4, "IWM": 50.0, "SP500": 3000.0}, index=days
    )
    caps = [100.0, 300.0, NAN, NAN, NAN]
    return make_market(
        close,
        {"market_cap": np.vstack([np.full((1, 5), NAN), np.tile(caps, (6, 1))])},
        groups={"AMD": "ai_hardware", "JPM": "financials", "NEW": "financials", "IWM": "small_cap"},
        kinds={"IWM": "etf", "SP500": "index"},
    )


def test_cap_weights_leave_out_the_unknown_and_say_so(market):
    target = CapWeighted().decide(AsOf(market, 5))
    assert dict(target.weights) == {"AMD": 0.25, "JPM": 0.75}
    assert target.why == "market-cap weights of 2 stocks; market cap unknown, so left out: NEW"


def test_cap_weights_before_the_first_filing_are_cash_and_say_so(market):
    target = CapWeighted().decide(AsOf(market, 0))
    assert target.cash == 1.0
    assert target.why == "no market cap is known yet: all cash"


def test_cap_weights_hold_what_is_held_when_all_becomes_unknown(market):
    assert CapWeighted().decide(AsOf(market, 0, previous=Target({"AMD": 1.0}, why="all"))) is None


def test_equal_weights_follow_the_universe(market):
    assert dict(EqualWeighted().decide(AsOf(market, 0)).weights) == {"AMD": 0.5, "JPM": 0.5}
    assert dict(EqualWeighted().decide(AsOf(market, 5)).weights) == pytest.approx(
        {"AMD": 1 / 3, "JPM": 1 / 3, "NEW": 1 / 3}
    )


def test_a_group_may_hold_funds(market):
    assert dict(EqualWeighted(group="small_cap").decide(AsOf(market, 0)).weights) == {"IWM": 1.0}


def test_an_unknown_group_names_the_key_and_the_nearest(market):
    with pytest.raises(StrategyError, match=r"strategy.group = 'smallcap': .* did you mean 'small_cap'"):
        EqualWeighted(group="smallcap").decide(AsOf(market, 0))


def test_price_weights_are_one_share_each(market):
    target = PriceWeighted().decide(AsOf(market, 5))
    assert dict(target.weights) == pytest.approx({"AMD": 10 / 60, "JPM": 30 / 60, "NEW": 20 / 60})


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"symbols": "SP500"}, {"SP500": 1.0}),
        ({"symbols": ["AMD", "IWM"], "weights": [0.6, 0.3]}, {"AMD": 0.6, "IWM": 0.3}),
        ({"group": "financials"}, {"JPM": 1.0}),
        ({}, {"AMD": 0.5, "JPM": 0.5}),
    ],
)
def test_buy_and_hold(market, parameters, expected):
    assert dict(BuyAndHold(**parameters).decide(AsOf(market, 0)).weights) == expected


def test_buy_and_hold_leaves_the_share_of_the_unlisted_in_cash(market):
    target = BuyAndHold(symbols=["AMD", "NEW"]).decide(AsOf(market, 0))
    assert target.cash == 0.5
    assert target.changes[-1].why == "no price today, so left in cash: NEW"


def test_buy_and_hold_of_an_unknown_symbol_names_the_nearest(market):
    with pytest.raises(MarketError, match="did you mean 'SP500'"):
        BuyAndHold(symbols="SP50").decide(AsOf(market, 0))


def test_reinvesting_on_ex_dates_decides_daily():
    assert BuyAndHold(symbols="IWM", reinvest="ex-date").values()["schedule"] == "daily"
    with pytest.raises(StrategyError, match="looks for dividends every session"):
        BuyAndHold(symbols="IWM", reinvest="ex-date", schedule="monthly")


def test_dow_divisor_through_a_split():
    answer = answers("dow_divisor.json")
    before = round(answer["level_before"] * answer["divisor_before"], 2)
    after = before - answer["nike_before"] + answer["nike_after"]
    divisor = adjusted_divisor(answer["divisor_before"], before, after)
    assert divisor == pytest.approx(answer["divisor_after"], rel=1e-9)
    assert after / divisor == pytest.approx(answer["level_before"], abs=0.005)


@pytest.mark.parametrize("sums", [(0.0, 1.0), (1.0, 0.0), (NAN, 1.0)])
def test_divisor_refuses_sums_without_meaning(sums):
    with pytest.raises(ValueError, match="must be positive"):
        adjusted_divisor(1.0, *sums)


def test_fundamental_weights_by_hand(make_market, make_sessions):
    # Arnott, Hsu and Moore (2005): the mean of a company's shares of sales, cash flow, payout and book, each
    # averaged over five years. B has two classes of shares, each filed with the figures of the whole company.
    days = make_sessions("2014-01-02", "2019-12-31")[:1261]
    names = ["A", "B1", "B2", "C"]
    sales = np.tile([100.0, 600.0, 600.0, 200.0], (len(days), 1))
    sales[631:, 0] = 300.0  # 100 for half of the five years, 300 for the other: 200 of 1,000
    stated = {
        "revenue_ttm": sales,  # shares: 0.2, 0.6, 0.2
        "operating_cash_flow_ttm": [50.0, 30.0, 30.0, 20.0],  # 0.5, 0.3, 0.2
        "dividends_paid_ttm": [0.0, 20.0, 20.0, 10.0],
        "share_repurchases_ttm": [10.0, 10.0, 10.0, NAN],  # with dividends 10, 30, 10: 0.2, 0.6, 0.2
        "stockholders_equity": [100.0, 100.0, 100.0, -40.0],  # 0.5, 0.5, and nothing for a deficit
    }
    market = make_market(pd.DataFrame(1.0, index=days, columns=names), stated)
    companies = market.instruments.assign(company=["A", "B", "B", "C"])
    known = replace(market, instruments=companies)
    target = FundamentalWeighted().decide(AsOf(known, 1260))
    assert dict(target.weights) == pytest.approx({"A": 0.35, "B1": 0.25, "B2": 0.25, "C": 0.15})
    assert "by sales, cash flow, dividends and buybacks, book, five-year averages" in target.why


def test_fundamental_weights_know_only_what_was_filed(make_market, make_sessions):
    days = make_sessions("2018-01-02", "2018-12-31")
    late = np.full((len(days), 2), NAN)
    late[:, 0], late[100:, 1] = 10.0, 30.0
    market = make_market(pd.DataFrame(1.0, index=days, columns=["OLD", "NEW"]), {"revenue_ttm": late})
    before, after = (FundamentalWeighted().decide(AsOf(market, place)) for place in (99, 163))
    assert dict(before.weights) == {"OLD": 1.0}
    assert before.why.endswith("unknown, so left out: NEW")
    assert dict(after.weights) == pytest.approx({"OLD": 0.25, "NEW": 0.75})
