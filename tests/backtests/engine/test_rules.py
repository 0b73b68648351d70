"""Rules that both engines read from one place: what cash returns, what trades, and which volume counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.rules import average_volume, cash_limits, cash_returns, terms_without_effect, tradable
from backtests.engine.terms import Account, Costs
from datafeeds.market import Market, MarketError

DAYS = pd.bdate_range("2020-01-06", periods=30)
"""From a Monday on."""


def market(**tables: Any) -> Market:
    return Market.from_wide("small", pd.DataFrame({"A": 10.0, "B": 10.0}, index=DAYS), **tables)


def bills(values: dict[str, float]) -> pd.DataFrame:
    """A series us3m by date, each value public on the business day after."""
    dates = pd.DatetimeIndex(list(values))
    return pd.DataFrame(
        {"series": "us3m", "date": dates, "available": dates + pd.offsets.BDay(), "value": values.values()}
    )


def account(**costs: Any) -> Account:
    return Account(1000.0, Costs(**costs), 0, False, 0, len(DAYS) - 1)


def test_a_rate_in_numbers_is_simple_interest_by_calendar_days() -> None:
    earned = cash_returns(market(), market().sessions[:6], 0.0365)
    assert earned == pytest.approx([0.0, 1e-4, 1e-4, 1e-4, 1e-4, 3e-4])


def test_a_series_pays_what_was_known_at_the_close_before() -> None:
    quoted = market(series=bills({"2020-01-03": 3.65, "2020-01-07": 7.3}))
    earned = cash_returns(quoted, quoted.sessions[:6], "us3m")
    # 3.65% is public on Monday; 7.3%, of Tuesday, on Wednesday, so that Thursday is the first to earn it.
    assert earned == pytest.approx([0.0, 1e-4, 1e-4, 2e-4, 2e-4, 6e-4])


def test_cash_earns_nothing_where_the_rate_is_stale_or_unknown_and_the_reader_is_told() -> None:
    quoted = market(series=bills({"2020-01-07": 3.65}))
    earned = cash_returns(quoted, quoted.sessions, "us3m")
    paid = np.flatnonzero(earned)
    assert (paid[0], paid[-1]) == (3, 12)
    (limit,) = cash_limits(quoted, account(cash_rate="us3m"))
    assert limit.startswith("Cash earned nothing in 19 sessions, first after 2020-01-06")


def test_an_unknown_series_names_the_nearest() -> None:
    with pytest.raises(MarketError, match="did you mean 'us3m'"):
        cash_returns(market(series=bills({"2020-01-03": 1.0})), market().sessions, "us3n")


def test_no_interest_is_a_limit_that_says_what_it_flatters() -> None:
    assert "flatters" in cash_limits(market(), account())[0]
    assert cash_limits(market(), account(cash_rate=0.01)) == ()


def test_volume_of_zero_halts_all_but_an_index() -> None:
    volume = pd.DataFrame({"A": 0.0, "B": 0.0}, index=DAYS)
    volume.iloc[1] = np.nan
    volume.iloc[2] = 1.0
    kinds = pd.DataFrame({"symbol": ["A", "B"], "kind": ["etf", "index"]})
    found = tradable(market(volume=volume, instruments=kinds))
    assert found[:4, 0].tolist() == [False, True, True, False]
    assert found[:, 1].all()


def test_average_volume_is_of_what_is_known_before() -> None:
    volume = pd.DataFrame({"A": np.arange(30.0), "B": np.nan}, index=DAYS)
    volume.iloc[4, 0] = np.nan
    found = average_volume(market(volume=volume))
    assert np.isnan(found[0]).all()
    assert np.isnan(found[:, 1]).all()
    assert found[5, 0] == pytest.approx((0 + 1 + 2 + 3) / 4)
    assert found[26, 0] == pytest.approx(np.arange(5, 26).mean())


def test_terms_that_a_market_leaves_nothing_to_are_said() -> None:
    asked = Costs(dividend_withholding=0.3, impact=0.1, max_participation=0.1)
    ones = pd.DataFrame({"A": 1.0, "B": 1.0}, index=DAYS)
    assert terms_without_effect(asked, market(volume=ones, dividend=ones)) == {}
    assert terms_without_effect(Costs(), market()) == {}
    said = terms_without_effect(asked, market())
    assert list(said) == ["dividend_withholding", "impact", "max_participation"]
    assert said["dividend_withholding"].startswith("The market lists no dividend: costs.dividend_withholding")
    assert (
        said["impact"] == "The market knows no volume: costs.impact = 0.1 has no effect: no price is moved."
    )
    adjusted = market(volume=ones, adjustment="total_return")
    (inside,) = terms_without_effect(asked, adjusted).values()
    assert inside == "Dividends are inside the prices: costs.dividend_withholding = 0.3 has no effect."
