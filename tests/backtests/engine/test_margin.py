"""An account that may go short: each rule worked by hand on both engines, and what holds on any market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.engine import backtrader as event
from backtests.engine import rules
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.kernel import run
from backtests.engine.second_opinion import differences
from backtests.engine.terms import Costs, Margin
from datafeeds.market import DELISTED_AFTER, Market
from strategies import Strategy, StrategyError, Target
from strategies.benchmarks import EqualWeighted
from strategies.hedges import OutrightPut
from strategies.limits import Capped
from tests.backtests.engine.test_kernel import NAN, account, endings, market, orders
from tests.backtests.random_markets import LONGEST, Scenario, short_scenarios

FREE = Costs(commission_bps=0, half_spread_bps=0, borrow_rate=0)


def played(prices: Market, targets: dict[int, list[float]], costs: Costs = FREE, **others: Any) -> Ledger:
    """The books that both engines keep."""
    deciding = np.zeros(len(prices.sessions), dtype=bool)
    deciding[list(targets)] = True
    terms = account(prices, costs=costs, long_only=False, **others)

    def decide(session: int, weights: Any) -> Any:
        return np.array(targets[session], dtype=float) if session in targets else None

    books = run(prices, decide, deciding, terms)
    assert differences(books, event.run(prices, decide, deciding, terms)) == []
    return books


def kinds(ledger: Ledger) -> list[str]:
    return list(ledger.fills["kind"])


def test_proceeds_stay_in_the_account_and_a_rise_is_a_loss() -> None:
    books = played(market([10.0, 10.0, 12.0, 8.0]), {0: [-0.5]})
    assert orders(books) == [(1, "A", -50.0, 10.0)]
    assert books.cash.tolist() == [1000.0, 1500.0, 1500.0, 1500.0]
    assert books.equity.tolist() == [1000.0, 1000.0, 900.0, 1100.0]


def test_wanted_shares_are_rounded_towards_zero() -> None:
    assert orders(played(market([30.0, 30.0]), {0: [-0.5]})) == [(1, "A", -16.0, 30.0)]
    assert rules.signed_shares(-0.5, 1000.0, 30.0, fractional=True) == -500 / 30


def test_an_order_that_crosses_closes_first_and_opens_then() -> None:
    books = played(market([10.0] * 5), {0: [0.5], 1: [-0.3], 2: [0.2]})
    assert orders(books) == [
        (1, "A", 50.0, 10.0),
        (2, "A", -50.0, 10.0),
        (2, "A", -30.0, 10.0),
        (3, "A", 30.0, 10.0),
        (3, "A", 20.0, 10.0),
    ]


def test_a_loan_costs_by_calendar_days_on_the_close_before() -> None:
    # Wednesday to Monday: 50 shares at 10 and then at 20, a fee of 36% a year on 360 days.
    books = played(
        market([10.0, 10.0, 20.0, 20.0]), {0: [-0.5]}, FREE.model_copy(update={"borrow_rate": 0.36})
    )
    assert books.borrow is not None
    assert books.borrow == pytest.approx([0.0, 0.0, 0.5, 3.0])
    assert books.cash[-1] == pytest.approx(1500.0 - 3.5)


def test_a_rate_of_the_market_counts_from_the_session_after() -> None:
    prices = market([10.0] * 4)
    said = pd.DataFrame({"symbol": "A", "date": prices.sessions[[2]], "rate": [0.72], "available": [True]})
    priced = Market.from_wide(
        "small", pd.DataFrame(prices.close, pd.DatetimeIndex(prices.sessions), ["A"]), borrow=said
    )
    books = played(priced, {0: [-0.5]}, FREE.model_copy(update={"borrow_rate": 0.36}))
    assert books.borrow == pytest.approx([0.0, 0.0, 0.5, 3.0])


def test_a_short_owes_the_whole_dividend() -> None:
    prices = market([10.0] * 4, dividend=[0.0, 0.0, 1.0, 0.0])
    books = played(prices, {0: [-0.5]}, FREE.model_copy(update={"dividend_withholding": 0.5}))
    assert books.dividends.tolist() == [0.0, 0.0, -50.0, 0.0]
    assert books.cash[-1] == 1450.0


def test_a_delisted_short_is_bought_back_at_the_last_price() -> None:
    ends = [[10.0, 10.0], [10.0, 10.0], *([[NAN, 10.0]] * (DELISTED_AFTER + 1))]
    books = played(market(ends), {0: [-0.5, 0.0]})
    assert orders(books)[1] == (DELISTED_AFTER + 2, "A", 50.0, 10.0)
    assert kinds(books) == ["order", "delisting"]
    assert books.equity[-1] == 1000.0


def test_what_the_initial_margin_does_not_allow_is_left_out_with_a_reason() -> None:
    books = played(market([10.0, 10.0]), {0: [-3.0]})
    assert orders(books) == [(1, "A", -200.0, 10.0)]
    assert endings(books) == [(1, "A", -3.0, "initial margin")]


def test_a_margin_call_cuts_every_position_alike() -> None:
    # 150 short at 10, 50 long at 10: cash 2000. At 13 and 10 equity is 550, less than 585 + 125.
    books = played(market([[10.0, 10.0], [10.0, 10.0], [13.0, 10.0], [13.0, 10.0]]), {0: [-1.5, 0.5]})
    assert books.equity.tolist() == [1000.0, 1000.0, 550.0, 550.0]
    share = 550 / (0.5 * 1950 + 0.5 * 500)
    assert orders(books)[2:] == [
        (3, "A", 150.0 - np.floor(150 * share), 13.0),
        (3, "B", np.floor(50 * share) - 50.0, 10.0),
    ]
    assert kinds(books)[2:] == ["margin call", "margin call"]


def test_an_account_that_is_lost_stops_trading() -> None:
    prices = market([10.0, 10.0, 20.0, 20.0, 5.0])
    books = played(prices, {0: [-1.5], 3: [1.0]}, margin=Margin(loan_spread=0.0))
    assert books.equity.tolist() == [1000.0, 1000.0, -500.0, -500.0, -500.0]
    assert kinds(books) == ["order", "closed out"]
    assert endings(books) == [(4, "A", 1.0, "account closed")]


def test_cash_below_zero_pays_for_the_loan() -> None:
    costs = FREE.model_copy(update={"cash_rate": 0.0365})
    books = played(
        market([10.0, 10.0, 20.0, 20.0, 20.0]), {0: [-1.5]}, costs, margin=Margin(loan_spread=0.365)
    )
    assert books.cash[3] == pytest.approx(-500.0, abs=2.0)
    assert books.interest[4] == pytest.approx(3 * books.cash[3] * (1e-4 + 1e-3))


def test_a_loan_that_ends_is_recalled_and_none_is_given() -> None:
    prices = market([10.0] * 5)
    said = pd.DataFrame({"symbol": "A", "date": prices.sessions[[2]], "rate": NAN, "available": [False]})
    lent = Market.from_wide(
        "small", pd.DataFrame(prices.close, pd.DatetimeIndex(prices.sessions), ["A"]), borrow=said
    )
    books = played(lent, {0: [-0.5], 3: [-0.5]})
    assert orders(books) == [(1, "A", -50.0, 10.0), (3, "A", 50.0, 10.0)]
    assert kinds(books) == ["order", "recall"]
    assert endings(books) == [(4, "A", -0.5, "can't be borrowed")]


def test_a_house_that_calls_what_it_lets_open_is_refused() -> None:
    with pytest.raises(ValueError, match=r"maintenance_short = 0\.6 is above initial_short = 0\.5"):
        Margin(maintenance_short=0.6)


class Long(Strategy):
    """Says nothing of shorts."""

    weights: ClassVar[Mapping[str, float]] = {"A": 0.5, "B": -0.1}

    def decide(self, see: Any) -> Target:
        return Target(self.weights, why="given")


class Short(Long):
    """May go short."""

    long_only = False
    max_gross = 1.5


def asked(strategy: Strategy) -> Any:
    return Recorder(market([[10.0, 10.0]] * 2), strategy)(0, np.zeros(2))


def test_a_long_only_strategy_that_goes_short_is_named_with_date_and_symbol() -> None:
    with pytest.raises(StrategyError, match=r"Long on 2020-01-10: target weight of B is -0.1"):
        asked(Long())
    assert asked(Short()).tolist() == [0.5, -0.1]
    assert asked(Capped(Short(), name=0.4)).tolist() == [0.4, -0.1]


@pytest.mark.parametrize(
    ("weights", "said"),
    [({"A": 0.9, "B": -0.9}, "1.800000 gross, more than"), ({"B": -1.1}, "1.100000 net, more than")],
)
def test_more_than_a_strategy_says_is_refused(weights: dict[str, float], said: str) -> None:
    class Wide(Short):
        """Asks for too much."""

    Wide.weights = weights
    with pytest.raises(StrategyError, match=rf"Wide on 2020-01-10: target weights add to {said}"):
        asked(Wide())


def test_options_beside_shorts_are_refused() -> None:
    class WithPut(Short):
        """Hedges twice."""

        def decide(self, see: Any) -> Target:
            return Target({"A": 0.5}, why="half").hedge(OutrightPut(), "both")

    with pytest.raises(StrategyError, match="may go short can't hold options"):
        asked(WithPut())


def test_only_a_strategy_that_may_go_short_has_a_margin_account() -> None:
    terms = account(market([10.0] * 2))
    assert terms.held_by(EqualWeighted()) is terms
    assert not terms.held_by(Capped(Short())).long_only


@given(short_scenarios())
def test_what_is_opened_keeps_the_initial_margin(scenario: Scenario) -> None:
    books, terms = (
        run(scenario.market, scenario.decide, scenario.deciding, scenario.account),
        scenario.account,
    )
    window = slice(terms.first, terms.last + 1)
    known = np.stack([rules.last_known(scenario.market, each) for each in range(window.start, window.stop)])
    prices = np.where(rules.tradable(scenario.market)[window], scenario.market.fill_price[window], known)
    values = np.where(books.positions != 0, books.positions * np.nan_to_num(prices), 0.0)
    margin = terms.margin
    needed = np.where(values > 0, values * margin.initial_long, -values * margin.initial_short).sum(axis=1)
    equity = books.cash + values.sum(axis=1)
    before = np.vstack([np.zeros((1, values.shape[1])), books.positions[:-1]])
    opened = ((books.positions != before) & (np.abs(books.positions) > np.abs(before))).any(axis=1)
    scale = np.abs(values).sum(axis=1) + np.abs(books.cash) + 1.0
    assert (needed <= equity + 1e-9 * scale)[opened].all()


@given(short_scenarios())
def test_every_change_of_cash_has_its_cause(scenario: Scenario) -> None:
    books, terms = (
        run(scenario.market, scenario.decide, scenario.deciding, scenario.account),
        scenario.account,
    )
    marks = scenario.market.mark[terms.first : terms.last + 1]
    values = np.where(books.positions != 0, books.positions * np.nan_to_num(marks), 0.0)
    scale = np.abs(values).sum(axis=1).max() + np.abs(books.cash).max() + 1.0
    np.testing.assert_allclose(books.equity, books.cash + values.sum(axis=1), rtol=0, atol=1e-9 * scale)
    spent = np.zeros(len(books.sessions))
    rows = np.searchsorted(books.sessions, books.fills["session"].to_numpy().astype("datetime64[D]"))
    np.add.at(
        spent, rows, (books.fills["shares"] * books.fills["price"] + books.fills["commission"]).to_numpy()
    )
    assert books.borrow is not None
    change = books.dividends + books.interest - books.borrow - spent
    np.testing.assert_allclose(
        books.cash, terms.capital + np.cumsum(change), rtol=0, atol=1e-9 * scale * len(change)
    )
    lost = np.flatnonzero(~(books.equity > 0))
    if len(lost):
        later = books.fills[rows > lost[0]]
        assert set(later["kind"]) <= {"closed out", "delisting"}


@given(short_scenarios(), st.integers(0, LONGEST))
def test_what_comes_later_changes_no_book(scenario: Scenario, days: int) -> None:
    market, terms = scenario.market, scenario.account
    last = min(terms.first + days, terms.last)
    rows = slice(0, last + 1)
    names = ("open", "high", "low", "close", "volume", "dividend")
    known = market.borrow["date"].to_numpy().astype("datetime64[D]") <= market.sessions[last]
    cut = replace(
        market,
        sessions=market.sessions[rows],
        borrow=market.borrow[known],
        hash="cut",
        derived={},
        **{name: np.ascontiguousarray(getattr(market, name)[rows]) for name in names},
    )
    books = run(market, scenario.decide, scenario.deciding, terms)
    part = run(cut, scenario.decide, scenario.deciding[rows], replace(terms, last=last))
    for name in ("equity", "cash", "interest", "dividends", "borrow", "sold"):
        np.testing.assert_array_equal(getattr(books, name)[: len(part.equity)], getattr(part, name))
    until = books.fills[books.fills["session"] <= pd.Timestamp(market.sessions[last])]
    pd.testing.assert_frame_equal(until.reset_index(drop=True), part.fills, check_exact=True)
