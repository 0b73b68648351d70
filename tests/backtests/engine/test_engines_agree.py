"""The event engine and the ledger engine keep the same books, to the last bit, whatever the market does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings

from backtests.engine import backtrader as event
from backtests.engine import kernel as ledger
from backtests.engine.books import Ledger
from backtests.engine.second_opinion import differences
from backtests.engine.terms import Margin
from tests.backtests.random_markets import Scenario, hedged_scenarios, scenarios, short_scenarios


def by_both(scenario: Scenario) -> tuple[Ledger, Ledger]:
    given = scenario.market, scenario.decide, scenario.deciding, scenario.account
    return event.run(*given), ledger.run(*given)


def check_identical(one: Ledger, other: Ledger) -> None:
    for name in ("equity", "cash", "dividends", "interest", "positions"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    pd.testing.assert_frame_equal(one.fills, other.fills, check_exact=True)
    pd.testing.assert_frame_equal(one.unfilled, other.unfilled, check_exact=True)
    assert differences(one, other) == []


@settings(max_examples=max(80, settings().max_examples))
@given(scenarios())
def test_books_are_identical(scenario: Scenario) -> None:
    check_identical(*by_both(scenario))


@settings(max_examples=max(80, settings().max_examples))
@given(hedged_scenarios())
def test_hedged_books_are_identical(scenario: Scenario) -> None:
    one, other = by_both(scenario)
    assert one.hedge is not None
    assert other.hedge is not None
    pd.testing.assert_frame_equal(one.hedge, other.hedge, check_exact=True)
    check_identical(one, other)
    rows, decided = scenario.decisions
    check_identical(one, ledger.replay(scenario.market, rows, decided, scenario.account))
    assert (one.cash >= 0).all()


@settings(max_examples=max(60, settings().max_examples))
@given(short_scenarios())
def test_books_with_shorts_are_identical(scenario: Scenario) -> None:
    check_shorts(scenario)


@pytest.mark.slow
@settings(max_examples=3000)
@given(short_scenarios())
def test_thousands_of_books_with_shorts_are_identical(scenario: Scenario) -> None:
    check_shorts(scenario)


def check_shorts(scenario: Scenario) -> None:
    one, other = by_both(scenario)
    check_identical(one, other)
    assert one.borrow is not None
    assert other.borrow is not None
    np.testing.assert_array_equal(one.borrow, other.borrow)
    assert one.sold is not None
    values = one.positions * np.nan_to_num(
        scenario.market.mark[scenario.account.first : scenario.account.last + 1]
    )
    np.testing.assert_allclose(one.sold, -np.minimum(values, 0.0).sum(axis=1), rtol=1e-9, atol=1e-6)
    rows, decided = scenario.decisions
    check_identical(one, ledger.replay(scenario.market, rows, decided, scenario.account))


@given(scenarios())
def test_a_margin_account_without_shorts_keeps_the_books_of_a_cash_account(scenario: Scenario) -> None:
    # The house asks for next to nothing and costs leave something: else margin scales before cash does.
    given = scenario.account.costs
    costs = given.model_copy(update={"commission_per_share": 0.0, "impact": min(given.impact, 1.0)})
    bare = dataclasses.replace(
        scenario.account, costs=costs, margin=Margin(initial_long=1e-6, maintenance_long=1e-6)
    )
    cash = by_both(Scenario(scenario.market, bare, scenario.targets))[1]
    paid = cash.fills[["commission", "spread", "impact"]].sum(axis=1).groupby(cash.fills["session"]).sum()
    assume(not len(paid) or paid.max() <= 0.1 * cash.equity.min())
    account = dataclasses.replace(bare, long_only=False)
    margin = by_both(Scenario(scenario.market, account, scenario.targets))[1]
    check_identical(cash, dataclasses.replace(margin, borrow=None, sold=None))


@given(hedged_scenarios())
def test_equity_is_cash_plus_shares_plus_options(scenario: Scenario) -> None:
    books = by_both(scenario)[1]
    first, last = scenario.account.first, scenario.account.last
    held = np.where(books.positions > 0, books.positions * scenario.market.mark[first : last + 1], 0.0)
    value = books.hedge_total("value")
    np.testing.assert_allclose(books.equity, books.cash + held.sum(axis=1) + value, rtol=1e-12)
    earned = np.cumsum(books.hedge_total("pnl"))
    paid, received = (np.cumsum(books.hedge_total(column)) for column in ("premium", "payoff"))
    np.testing.assert_allclose(earned, value + received - paid, rtol=1e-9, atol=1e-6)


@given(hedged_scenarios())
def test_an_overlay_that_no_target_uses_changes_nothing(scenario: Scenario) -> None:
    symbols = len(scenario.market.symbols)
    bare = {
        session: None if row is None else np.concatenate([row[:symbols], np.zeros(len(row) - symbols)])
        for session, row in scenario.targets.items()
    }
    with_overlay = by_both(Scenario(scenario.market, scenario.account, bare))
    account = dataclasses.replace(scenario.account, overlay=None)
    short = {session: None if row is None else row[:symbols] for session, row in bare.items()}
    for one, other in zip(with_overlay, by_both(Scenario(scenario.market, account, short)), strict=True):
        assert one.hedge is not None
        assert one.hedge.empty
        assert other.hedge is None
        check_identical(dataclasses.replace(one, hedge=None), other)
