"""Whole-engine checks against values that were computed outside this project."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtests.engine import kernel as engine
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.terms import Account, Costs
from datafeeds.market import Market
from strategies import BuyAndHold, EqualWeighted, PriceWeighted, Strategy

FREE = Costs(commission_bps=0, half_spread_bps=0)

SP500_YEARS = {2008: -38.49, 2009: 23.45, 2013: 29.60, 2018: -6.24, 2020: 16.26, 2021: 26.89}
"""Price returns of the S&P 500 in percent, as published for these calendar years."""


def run_free(market: Market, strategy: Strategy, capital: float, *, fractional: bool = False) -> Ledger:
    recorder = Recorder(market, strategy, may_hold_index=True)
    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    account = Account(capital, FREE, 0, fractional, 0, len(market.sessions) - 1)
    return engine.run(market, recorder, deciding, account)


def with_a_session_before(market: Market, symbols: list[str]) -> Market:
    """The symbols' closes, with the first session repeated a session earlier.

    Orders fill a session after their decision, so a portfolio that shall hold from the first close on must
    decide before it.
    """
    closes = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=market.symbols)
    closes = closes[symbols]
    before = closes.iloc[:1].set_axis(pd.DatetimeIndex(["1989-12-29"]))
    return Market.from_wide("twenty", pd.concat([before, closes]), adjustment="total_return")


def stocks_since_1990(sample: Market) -> list[str]:
    """All but NVIDIA, which was listed in 1999: the twenty that the outside values are about."""
    return [
        str(symbol)
        for symbol in sample.symbols
        if sample.kinds[sample.column[symbol]] == "stock" and symbol != "NVDA"
    ]


def test_index_returns_by_year(sample: Market) -> None:
    ledger = run_free(sample, BuyAndHold(symbols=("SP500",)), 1e10)
    index = pd.Series(sample.close[:, sample.column["SP500"]], index=pd.DatetimeIndex(sample.sessions))
    equity = pd.Series(ledger.equity, index=pd.DatetimeIndex(ledger.sessions))
    for year, published in SP500_YEARS.items():
        ours = equity[str(year)].iloc[-1] / equity[str(year - 1)].iloc[-1] - 1
        exact = index[str(year)].iloc[-1] / index[str(year - 1)].iloc[-1] - 1
        assert ours == pytest.approx(exact, abs=1e-6)
        assert 100 * ours == pytest.approx(published, abs=0.005)


def test_index_drawdowns(sample: Market) -> None:
    ledger = run_free(sample, BuyAndHold(symbols=("SP500",)), 1e10)
    equity = pd.Series(ledger.equity, index=pd.DatetimeIndex(ledger.sessions))
    drawdown = equity / equity.cummax() - 1
    assert 100 * drawdown.min() == pytest.approx(-56.7753889, abs=1e-4)
    assert str(drawdown.idxmin().date()) == "2009-03-09"
    assert str(equity[:"2009-03-09"].idxmax().date()) == "2007-10-09"
    assert 100 * drawdown["2020"].min() == pytest.approx(-33.9250, abs=1e-4)


@pytest.mark.parametrize(
    ("strategy", "total_return"),
    [
        (EqualWeighted(schedule="daily"), 247.4244),
        (EqualWeighted(schedule="once"), 201.6659),
        (PriceWeighted(), 42.6142),
    ],
    ids=["equal weight, daily", "equal weight, bought and held", "price-weighted"],
)
def test_three_weightings_of_the_twenty_stocks(
    sample: Market, strategy: Strategy, total_return: float
) -> None:
    market = with_a_session_before(sample, stocks_since_1990(sample))
    ledger = run_free(market, strategy, 1e9, fractional=True)
    # Given to four places; the first session buys at the very prices it measures from.
    assert ledger.equity[-1] / 1e9 - 1 == pytest.approx(total_return, abs=6e-5)


def test_a_fund_reinvested_on_ex_dates_loses_nothing_to_its_schedule() -> None:
    """Two percent a quarter on a price that grows 0.1% a session: total return compounds both."""
    days = pd.bdate_range("2020-01-01", periods=500)
    close = pd.DataFrame({"SPY": 100.0 * 1.001 ** np.arange(500)}, index=days)
    dividend = close * 0
    dividend.iloc[30::63] = 2.0
    market = Market.from_wide("fund", close, open=close, dividend=dividend)
    total_return = float(
        np.prod((close.iloc[2:] + dividend.iloc[2:]).to_numpy() / close.iloc[1:-1].to_numpy())
    )

    def lost(strategy: Strategy) -> float:
        ledger = run_free(market, strategy, 1e6, fractional=True)
        return 1 - ledger.equity[-1] / 1e6 / total_return

    waiting = lost(BuyAndHold(symbols="SPY", reinvest=True, schedule="quarterly"))
    at_once = lost(BuyAndHold(symbols="SPY", reinvest="ex-date"))
    # Eight dividends of two percent at most, each a session late.
    assert 0 < at_once < 8 * 0.02 * 0.001
    assert waiting > 20 * at_once


def test_whole_shares_cost_little_with_a_large_account(sample: Market) -> None:
    market = with_a_session_before(sample, stocks_since_1990(sample))
    ledger = run_free(market, EqualWeighted(schedule="once"), 1e10)
    assert ledger.equity[-1] / 1e10 - 1 == pytest.approx(201.6659, rel=1e-6)
    assert np.all(ledger.cash >= 0)
