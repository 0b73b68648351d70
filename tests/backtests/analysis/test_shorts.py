"""Both sides of a book with shorts, and what its loans cost, add up; and the tearsheet shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from backtests.analysis.attribution import cost_attribution, profit_by_symbol
from backtests.analysis.shorts import loan_fees, sides
from backtests.analysis.trading import trading
from backtests.document.blocks import Table
from backtests.engine.kernel import run
from backtests.engine.second_opinion import differences
from backtests.runner import account_of
from backtests.runner import run as whole_run
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.sweeps.tasks import SharedDecisions
from backtests.tearsheet.assembly import build
from backtests.tearsheet.sections.shorts import _forced
from strategies import Strategy, Target
from tests.backtests.random_markets import Scenario, short_scenarios
from tests.backtests.tearsheet.test_committee_sections import made


@given(short_scenarios())
def test_both_sides_and_the_interest_are_the_change_of_equity(scenario: Scenario) -> None:
    market, account = scenario.market, scenario.account
    books = run(market, scenario.decide, scenario.deciding, account)
    assert books.borrow is not None
    change, interest = books.equity[-1] - account.capital, books.interest.sum()
    traded = (books.fills["shares"] * books.fills["price"]).astype(float).abs().sum()
    near = {"rel": 0, "abs": 1e-9 * (traded + account.capital + np.abs(books.equity).max())}
    long, short = sides(books, market)
    assert long.profit + short.profit + interest == pytest.approx(change, **near)
    assert short.borrow == pytest.approx(books.borrow.sum())
    fees = loan_fees(books, market, account)
    assert fees.sum() == pytest.approx(books.borrow.sum(), **near)
    profits = profit_by_symbol(books, market, fees)
    assert profits["profit"].sum() + interest == pytest.approx(change, **near)


class Pair(Strategy):
    """One against the other."""

    long_only = False
    weights: ClassVar[Mapping[str, float]] = {"CHIP": -0.4, "BANK": 0.8}

    def decide(self, see: Any) -> Target:
        return Target(self.weights, why="one against the other")


def config(**others: Any) -> RunConfig:
    given = {"name": "pair", "strategy": {"name": "Pair"}, "benchmarks": [{"name": "EqualWeighted"}]}
    return RunConfig(**(given | {"start": "2019-01-02", "engine": "ledger"} | others))


def test_the_tearsheet_shows_both_sides_where_there_are_shorts_only() -> None:
    costs = {"commission_bps": 1.0, "half_spread_bps": 2.0, "borrow_rate": 0.036}
    result = whole_run(config(costs=costs), market=made())
    (section,) = (each for each in build(result).sections if each.title == "Long and short")
    assert section.key == "shorts"
    ours, theirs = result.tradings
    assert ours.gross_exposure == pytest.approx(1.2, abs=0.06)
    assert ours.net_exposure == pytest.approx(0.4, abs=0.06)
    # 3.6% a year on 360 days, on some 40% of equity.
    assert ours.borrow_bps == pytest.approx(360 * 0.4 * 365 / 360, rel=0.15)
    assert theirs.gross_exposure is None
    costs_of = cost_attribution(result.book.ledger)
    assert costs_of.total == pytest.approx(costs_of.by_year["total"].sum())
    assert costs_of.borrow == pytest.approx(costs_of.by_year["borrow"].sum())
    assert any("CHIP, which were sold short" in line for line in result.manifest["limits"])
    plain = whole_run(config(strategy={"name": "EqualWeighted"}, benchmarks=[]), market=made())
    assert not [each for each in build(plain).sections if each.title == "Long and short"]
    assert "borrow" not in cost_attribution(plain.book.ledger).by_year
    assert trading(plain.book.ledger).net_exposure is None


def test_a_lost_account_ends_the_run_with_a_sentence() -> None:
    market = made()
    close = market.close.copy()
    close[900:, 0] *= 4.0
    dear = replace(market, close=close, open=close, high=close, low=close, hash="", derived={})
    with pytest.raises(ConfigError, match=r"\[strategy\] Pair: the account was lost: .* with CHIP, BANK h"):
        whole_run(config(start="2018-01-02"), market=dear)


def test_accounts_that_share_decisions_each_keep_their_own_loans() -> None:
    market = made()
    shared = SharedDecisions(market, Pair(), may_hold_index=False)
    for rate in (0.0, 0.05):
        account = account_of(config(costs={"borrow_rate": rate}), market)
        alone = SharedDecisions(market, Pair(), may_hold_index=False).ledger(account, "event")
        assert differences(shared.ledger(account, "ledger"), alone) == []
        assert alone.borrow is not None
        assert bool(alone.borrow.any()) == bool(rate)


def test_a_hedge_around_shorts_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[hedge\] Pair may go short"):
        config(hedge={}, overlay={"underlying": "BANK"}).build_strategy()


def test_what_the_house_forced_is_listed() -> None:
    fills = pd.DataFrame(
        {
            "session": pd.bdate_range("2020-01-02", periods=60),
            "symbol": "AAA",
            "kind": ["recall", "order", "margin call"] * 20,
            "shares": 5.0,
            "price": 10.0,
        }
    )
    (table,) = _forced(SimpleNamespace(fills=fills))
    assert isinstance(table, Table)
    assert table.caption == f"Trades that the house forced: the last {len(table.rows)} of 40"
    assert {str(row.cells[2].value) for row in table.rows} == {"recall", "margin call"}
    (few,) = _forced(SimpleNamespace(fills=fills.iloc[:3]))
    assert few.caption == "Trades that the house forced: 2"
    (none,) = _forced(SimpleNamespace(fills=fills.iloc[1:2]))
    assert "no margin call came" in none.text
