"""The compiled engine: each rule worked by hand, and what must hold on any market."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Ledger
from backtests.engine.kernel import replay, run
from backtests.engine.rules import commission
from backtests.engine.second_opinion import OrderError, engine_named
from backtests.engine.terms import Account, Costs
from datafeeds.market import DELISTED_AFTER, Array, Market, MarketError
from tests.backtests.random_markets import Scenario, scenarios
from tests.places import HOUSE

NAN = np.nan
FREE = Costs(commission_bps=0, half_spread_bps=0)


def market(close: Any, **others: Any) -> Market:
    """A market of weekdays until Monday 2020-01-13, columns A, B, ...; opens equal closes unless given."""
    values = np.array(close, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    labels = {
        "index": pd.bdate_range(end="2020-01-13", periods=len(values)),
        "columns": list("ABCDEFGH"[: values.shape[1]]),
    }
    frames = {"open": values} | others
    tables = {
        name: pd.DataFrame(np.reshape(np.array(table, dtype=float), values.shape), **labels)
        for name, table in frames.items()
    }
    return Market.from_wide("small", pd.DataFrame(values, **labels), **tables)


def account(market: Market, capital: float = 1000.0, costs: Costs = FREE, **others: Any) -> Account:
    given = {"lag": 0, "fractional_shares": False, "first": 0, "last": len(market.sessions) - 1}
    return Account(capital, costs, **(given | others))


def played(market: Market, targets: dict[int, list[float]], **others: Any) -> Ledger:
    rows = np.array(list(targets.values()), dtype=float).reshape(len(targets), len(market.symbols))
    return replay(market, rows, list(targets), account(market, **others))


def orders(ledger: Ledger) -> list[tuple[int, str, float, float]]:
    """The fills in short: session, symbol, shares, price."""
    sessions = np.searchsorted(ledger.sessions, ledger.fills["session"].to_numpy().astype("datetime64[D]"))
    fills = ledger.fills
    return list(zip(sessions.tolist(), fills["symbol"], fills["shares"], fills["price"], strict=True))


def endings(ledger: Ledger) -> list[tuple[int, str, float, str]]:
    """The unfilled orders in short: session, symbol, weight, reason."""
    rows = ledger.unfilled
    sessions = np.searchsorted(ledger.sessions, rows["session"].to_numpy().astype("datetime64[D]"))
    return list(zip(sessions.tolist(), rows["symbol"], rows["weight"], rows["reason"], strict=True))


def test_buys_at_the_next_open_and_is_worth_the_close() -> None:
    ledger = played(market([10.0, 11.0, 12.0], open=[10.0, 10.5, 12.0]), {0: [1.0]})
    assert orders(ledger) == [(1, "A", 95.0, 10.5)]
    assert ledger.cash.tolist() == [1000.0, 2.5, 2.5]
    assert ledger.equity.tolist() == [1000.0, 2.5 + 95 * 11, 2.5 + 95 * 12]
    assert ledger.positions.tolist() == [[0.0], [95.0], [95.0]]
    assert ledger.decisions == ()


def test_fills_at_the_close_where_no_open_is_known() -> None:
    ledger = played(market([10.0, 11.0, 12.0], open=[10.0, NAN, 12.0]), {0: [1.0]})
    assert orders(ledger) == [(1, "A", 90.0, 11.0)]


def test_cash_earns_interest_for_calendar_days_from_the_second_session_on() -> None:
    sessions = market([10.0] * 6)
    ledger = played(sessions, {}, costs=Costs(cash_rate=0.365))
    rates = [0.0, 0.001, 0.001, 0.001, 0.001, 0.003]
    assert ledger.interest[0] == 0.0
    assert ledger.cash == pytest.approx(1000.0 * np.cumprod(1 + np.array(rates)))
    assert ledger.interest == pytest.approx(np.diff(ledger.cash, prepend=1000.0))


def test_holdings_of_the_previous_close_earn_dividends_after_tax() -> None:
    prices = market([10.0] * 4, dividend=[0.0, 9.0, 0.5, 0.0])
    ledger = played(prices, {0: [1.0]}, costs=FREE.model_copy(update={"dividend_withholding": 0.2}))
    assert ledger.dividends.tolist() == [0.0, 0.0, 100 * 0.5 * 0.8, 0.0]
    assert ledger.cash[-1] == 40.0


def test_a_delisted_holding_is_closed_at_its_last_close_without_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("datafeeds.market.DELISTED_AFTER", 2)
    prices = market([[10.0, 5.0], [10.0, 5.0], [8.0, 5.0], *[[NAN, 5.0]] * 4])
    ledger = played(prices, {0: [0.5, 0.0]}, costs=Costs(commission_per_share=0.5, half_spread_bps=0))
    last = ledger.fills.iloc[-1]
    assert orders(ledger)[-1] == (5, "A", -50.0, 8.0)
    assert (last["kind"], last["commission"], last["spread"], last["reference"]) == ("delisting", 0, 0, 8.0)
    assert ledger.equity[2:].tolist() == [ledger.equity[2]] * 5
    assert ledger.cash[-1] == ledger.equity[-1]


def test_a_symbol_that_trades_again_is_another_holding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datafeeds.market.DELISTED_AFTER", 2)
    ledger = played(market([10.0, 10.0, NAN, NAN, 50.0, 50.0]), {0: [1.0]})
    assert orders(ledger) == [(1, "A", 100.0, 10.0), (4, "A", -100.0, 10.0)]
    assert ledger.equity[-1] == 1000.0


def test_a_feed_that_ends_for_all_is_no_delisting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datafeeds.market.DELISTED_AFTER", 2)
    ledger = played(market([10.0, 10.0, 9.0, NAN]), {0: [1.0]})
    assert orders(ledger) == [(1, "A", 100.0, 10.0)]
    assert ledger.equity[-1] == 900.0


def test_orders_and_wishes_of_delisted_symbols_end_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datafeeds.market.DELISTED_AFTER", 2)
    closes = [[10.0, 5.0], [NAN, 5.0], [10.0, 5.0], *[[NAN, 5.0]] * 4]
    prices = market(closes, volume=[[10.0, 1e6]] * 7)
    capped = FREE.model_copy(update={"max_participation": 0.5})
    ledger = played(prices, {0: [0.5, 0.0], 5: [0.6, 0.1]}, costs=capped)
    assert orders(ledger)[:2] == [(2, "A", 5.0, 10.0), (5, "A", -5.0, 10.0)]
    assert endings(ledger) == [(5, "A", 0.5, "delisted"), (6, "A", 0.6, "delisted")]


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_lag_delays_orders_and_decisions_may_overlap(lag: int) -> None:
    ledger = played(market([10.0] * 9), {0: [0.5], 1: [1.0], 2: [0.1]}, lag=lag)
    assert orders(ledger) == [
        (1 + lag, "A", 50.0, 10.0),
        (2 + lag, "A", 50.0, 10.0),
        (3 + lag, "A", -90.0, 10.0),
    ]


def test_a_decision_whose_orders_would_come_after_the_run_has_none() -> None:
    ledger = played(market([10.0] * 3), {1: [1.0], 2: [0.5]}, lag=1)
    assert orders(ledger) == []
    assert endings(ledger) == []


def test_a_missing_bar_waits_for_the_next() -> None:
    prices = market([[10.0, NAN], [10.0, NAN], [NAN, 4.0], [5.0, 4.0]])
    ledger = played(prices, {0: [0.5, 0.5], 1: [0.0, 0.5]})
    assert orders(ledger) == [(1, "A", 50.0, 10.0), (2, "B", 125.0, 4.0), (3, "A", -50.0, 5.0)]
    assert endings(ledger) == [(2, "B", 0.5, "superseded")]
    assert ledger.equity.tolist() == [1000.0, 1000.0, 1000.0, 750.0]


def test_an_order_for_a_symbol_without_bars_ends_with_the_run() -> None:
    prices = market([[10.0, NAN], [10.0, NAN], [10.0, NAN], [10.0, 7.0]])
    ledger = played(prices, {0: [0.0, 0.5]}, last=2)
    assert endings(ledger) == [(2, "B", 0.5, "run ended")]


def test_participation_is_capped_and_the_rest_carried_until_superseded() -> None:
    prices = market([10.0] * 6, volume=[1e6, 300.0, 0.0, 155.0, NAN, 1e6])
    costs = FREE.model_copy(update={"max_participation": 0.1, "participation_volume": "session"})
    ledger = played(prices, {0: [1.0], 3: [0.9]}, costs=costs)
    assert orders(ledger) == [(1, "A", 30.0, 10.0), (3, "A", 15.0, 10.0), (4, "A", 45.0, 10.0)]
    assert endings(ledger) == [(4, "A", 1.0, "superseded")]


def test_participation_is_of_the_volume_known_before_the_open() -> None:
    prices = market([10.0] * 5, volume=[300.0, 1e6, 100.0, NAN, 1e6])
    ledger = played(prices, {0: [1.0]}, costs=FREE.model_copy(update={"max_participation": 0.1}))
    # A tenth of 300, then of the average of 300 and a million.
    assert [shares for _, _, shares, _ in orders(ledger)] == [30.0, 70.0]


@pytest.mark.parametrize("known", [NAN, 200.0])
def test_a_volume_of_zero_is_a_halt(known: float) -> None:
    """Sold in a halt at 100 before, though it reopens at 60: a fifth of the money gone."""
    prices = market(
        [[100.0, 50.0]] * 3 + [[100.0, 50.0]] * 2 + [[60.0, 50.0]] * 2,
        volume=[[known, 1e6]] * 3 + [[0.0, 1e6]] * 2 + [[known, 1e6]] * 2,
    )
    ledger = played(prices, {0: [0.5, 0.0], 3: [0.0, 0.5]})
    assert orders(ledger) == [(1, "A", 5.0, 100.0), (4, "B", 10.0, 50.0), (5, "A", -5.0, 60.0)]
    assert ledger.equity.tolist() == [1000.0] * 5 + [800.0] * 2


def test_a_halted_holding_is_sized_at_its_last_close_before() -> None:
    """A halt's own close, which some sources print, is not known at its open."""
    prices = market([[10.0, 10.0]] * 2 + [[20.0, 10.0]], volume=[[9.0, 9.0]] * 2 + [[0.0, 9.0]])
    ledger = played(prices, {0: [0.5, 0.0], 1: [0.5, 0.5]})
    assert orders(ledger) == [(1, "A", 50.0, 10.0), (2, "B", 50.0, 10.0)]


def test_an_index_has_no_volume_and_is_never_halted() -> None:
    close = pd.DataFrame(10.0, index=pd.bdate_range(end="2020-01-13", periods=3), columns=["A"])
    index = pd.DataFrame({"symbol": ["A"], "kind": ["index"]})
    prices = Market.from_wide("index", close, open=close, volume=close * 0, instruments=index)
    assert orders(played(prices, {0: [1.0]})) == [(1, "A", 100.0, 10.0)]


@pytest.mark.parametrize("engine", ["event", "ledger"])
def test_a_price_next_to_nothing_ends_at_once(engine: Any) -> None:
    """A whole share less is no change at 10^18 shares: shrinking a buy ends all the same, and is refused."""
    prices = market([10.0, 10.0, 10.0], open=[10.0, 1e-12, 10.0])
    given = account(prices, capital=1e6, costs=Costs(commission_bps=1, half_spread_bps=2))
    deciding = np.array([True, False, False])
    with pytest.raises(OrderError, match=r"A 2020-01-\d\d: an order of 1e\+18 shares at 1e-12"):
        engine_named(engine)(prices, lambda session, weights: np.array([1.0]), deciding, given)


def test_buys_beyond_the_cash_are_scaled_alike() -> None:
    prices = market([[10.0, 10.0]] * 2)
    costs = Costs(commission_bps=1000, half_spread_bps=0)
    whole = played(prices, {0: [0.5, 0.5]}, costs=costs)
    assert [shares for _, _, shares, _ in orders(whole)] == [45.0, 45.0]
    fractional = played(prices, {0: [0.5, 0.5]}, costs=costs, fractional_shares=True)
    assert [shares for _, _, shares, _ in orders(fractional)] == pytest.approx([50 / 1.1] * 2)
    assert 0.0 <= fractional.cash[-1] < 1e-9


def test_a_scaled_buy_stays_open_while_a_sell_is() -> None:
    prices = market([[10.0, 5.0]] * 3 + [[NAN, 5.0], [10.0, 5.0]])
    ledger = played(prices, {0: [1.0, 0.0], 2: [0.0, 1.0]})
    assert orders(ledger) == [(1, "A", 100.0, 10.0), (4, "A", -100.0, 10.0), (4, "B", 200.0, 5.0)]
    assert endings(ledger) == []


def test_sells_come_before_buys_each_in_column_order() -> None:
    prices = market([[10.0] * 4] * 4)
    ledger = played(prices, {0: [0.5, 0.0, 0.5, 0.0], 1: [0.0, 0.5, 0.0, 0.5]})
    assert [(symbol, shares) for _, symbol, shares, _ in orders(ledger)[2:]] == [
        ("A", -50.0),
        ("C", -50.0),
        ("B", 50.0),
        ("D", 50.0),
    ]


@pytest.mark.parametrize(("fractional", "shares"), [(False, 3.0), (True, 1000 / 300)])
def test_whole_or_fractional_shares(fractional: bool, shares: float) -> None:
    ledger = played(market([300.0, 300.0]), {0: [1.0]}, fractional_shares=fractional)
    assert ledger.positions[-1, 0] == shares


def test_spread_and_commission_are_paid_and_recorded() -> None:
    costs = Costs(commission_bps=10, commission_per_share=0.01, half_spread_bps=50)
    ledger = played(market([10.0] * 3), {0: [0.5], 1: [0.0]}, costs=costs)
    bought, sold = ledger.fills.iloc[0], ledger.fills.iloc[1]
    assert (bought["shares"], sold["shares"]) == (50.0, -50.0)
    assert bought["price"] == pytest.approx(10.05)
    assert sold["price"] == pytest.approx(9.95)
    assert bought["spread"] == sold["spread"] == pytest.approx(50 * 0.05)
    assert bought["commission"] == pytest.approx(50 * 10.05 * 0.001 + 0.5)
    assert ledger.cash[-1] == pytest.approx(1000 - 2 * 2.5 - bought["commission"] - sold["commission"])


def test_commission_is_cut_off_below_the_value_of_the_trade() -> None:
    ledger = played(
        market([1.0] * 3), {0: [0.4], 1: [0.0]}, costs=Costs(commission_per_share=5, half_spread_bps=0)
    )
    assert ledger.fills["commission"].tolist() == [360.0, 360.0]
    assert ledger.cash.tolist() == [1000.0, 240.0, 280.0]


def test_absurd_commissions_never_take_cash_or_holdings_below_zero() -> None:
    prices = market(np.linspace(0.7, 0.5, 30))
    targets = {session: [float(session % 2)] for session in range(29)}
    costs = Costs(commission_per_share=40, half_spread_bps=2)
    ledger = played(prices, targets, costs=costs, fractional_shares=True)
    assert (ledger.cash >= 0).all()
    assert (ledger.positions >= 0).all()


def test_impact_follows_the_square_root_of_shares_over_volume() -> None:
    closes = np.where(np.arange(24) % 2 == 0, 10.0, 10.2)
    prices = market(closes, open=[10.0] * 24, volume=[400.0] * 24)
    ledger = played(prices, {22: [1.0]}, costs=FREE.model_copy(update={"impact": 0.5}))
    volatility = np.std(closes[2:23] / closes[1:22] - 1, ddof=1)
    fill = ledger.fills.iloc[0]
    move = 0.5 * volatility * np.sqrt(fill["shares"] / 400.0)
    assert fill["price"] == pytest.approx(10.0 * (1 + move))
    assert fill["impact"] == pytest.approx(fill["shares"] * 10.0 * move)
    assert ledger.cash[-1] >= 0


def test_decides_at_the_first_session_and_on_schedule_with_the_weights_of_the_close() -> None:
    seen: list[tuple[int, list[float]]] = []

    def decide(session: int, weights: Array) -> Array | None:
        seen.append((session, weights.tolist()))
        return np.array([0.5, 0.0]) if session == 1 else None

    prices = market([[10.0, 5.0], [10.0, 5.0], [20.0, NAN], [30.0, 5.0]])
    deciding = np.array([True, False, False, True])
    ledger = run(prices, decide, deciding, account(prices, first=1))
    assert seen == [(1, [0.0, 0.0]), (3, [25 * 30 / (500 + 25 * 30), 0.0])]
    assert orders(ledger) == [(1, "A", 25.0, 20.0)]
    assert ledger.sessions.tolist() == prices.sessions[1:].tolist()


def test_tables_have_the_same_columns_and_types_with_and_without_rows() -> None:
    prices = market([[10.0, NAN], [10.0, NAN], [10.0, 5.0]])
    empty = played(prices, {})
    full = played(prices, {0: [0.5, 0.5]}, last=1)
    assert len(full.fills) == len(full.unfilled) == 1
    for ledger in (empty, full):
        assert tuple(ledger.fills.columns) == FILL_COLUMNS
        assert tuple(ledger.unfilled.columns) == UNFILLED_COLUMNS
    assert (empty.fills.dtypes == full.fills.dtypes).all()
    assert (empty.unfilled.dtypes == full.unfilled.dtypes).all()


def test_the_log_grows_with_the_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtests.engine.kernel.FIRST_LOG", 16)
    count = 300
    prices = market([[10.0, 10.0, NAN]] * (count - 1) + [[10.0] * 3])
    targets = {day: [1.0, 0.0, 0.5] if day % 2 else [0.0, 1.0, 0.5] for day in range(count - 1)}
    ledger = played(prices, targets)
    assert len(ledger.fills) == 2 * count - 2
    assert endings(ledger) == [(day, "C", 0.5, "superseded") for day in range(2, count)]


@pytest.mark.parametrize(
    ("targets", "sessions", "message"),
    [
        ([[0.5]], [3], "not within the run's sessions 0 to 2"),
        ([[0.5], [0.1]], [1, 1], "increasing"),
        ([[0.5, 0.5]], [1], r"shape \(1, 2\), expected \(1, 1\)"),
        ([[-0.1]], [1], "at least 0"),
        ([[NAN]], [1], "finite"),
        ([[np.inf]], [1], "finite"),
        ([[-np.inf]], [1], "finite"),
    ],
)
def test_replay_says_what_is_wrong(targets: Any, sessions: list[int], message: str) -> None:
    prices = market([10.0] * 3)
    with pytest.raises(ValueError, match=message):
        replay(prices, np.array(targets), sessions, account(prices))


def test_run_says_what_is_wrong() -> None:
    prices = market([10.0] * 3)
    with pytest.raises(ValueError, match="not within the market's 3"):
        run(prices, lambda *_: None, np.ones(3, dtype=bool), account(prices, last=3))
    with pytest.raises(ValueError, match="expected"):
        run(prices, lambda *_: np.zeros(2), np.ones(3, dtype=bool), account(prices))


def test_prices_of_zero_are_refused() -> None:
    with pytest.raises(MarketError, match="above zero"):
        played(market([10.0, 0.0, 10.0]), {0: [1.0]})


# On any market --------------------------------------------------------------------------------------


def ledger_of(scenario: Scenario) -> Ledger:
    return run(scenario.market, scenario.decide, scenario.deciding, scenario.account)


def assert_same(one: Ledger, other: Ledger) -> None:
    for name in ("equity", "cash", "dividends", "interest", "positions"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    pd.testing.assert_frame_equal(one.fills, other.fills, check_exact=True)
    pd.testing.assert_frame_equal(one.unfilled, other.unfilled, check_exact=True)


@given(scenarios())
def test_replay_equals_run(scenario: Scenario) -> None:
    assert_same(ledger_of(scenario), replay(scenario.market, *scenario.decisions, scenario.account))


@given(scenarios())
def test_the_books_balance(scenario: Scenario) -> None:
    ledger = ledger_of(scenario)
    size = scenario.account.capital
    assert (ledger.cash >= 0).all()
    assert (ledger.positions >= 0).all()

    marks = scenario.market.mark[scenario.account.first : scenario.account.last + 1]
    worth = np.where(ledger.positions > 0, ledger.positions * np.nan_to_num(marks), 0.0).sum(axis=1)
    assert ledger.equity == pytest.approx(ledger.cash + worth, rel=1e-9, abs=1e-9 * size)

    paid = ledger.fills["shares"] * ledger.fills["price"] + ledger.fills["commission"]
    spent = paid.groupby(ledger.fills["session"]).sum()
    spent = spent.reindex(pd.DatetimeIndex(ledger.sessions), fill_value=0.0).to_numpy()
    change = np.diff(ledger.cash, prepend=scenario.account.capital)
    assert change == pytest.approx(ledger.dividends + ledger.interest - spent, abs=1e-9 * size)


@given(scenarios())
def test_fills_keep_to_the_rules(scenario: Scenario) -> None:
    market, account = scenario.market, scenario.account
    ledger = ledger_of(scenario)
    fills = ledger.fills[ledger.fills["kind"] == "order"]
    rows = np.searchsorted(market.sessions, fills["session"].to_numpy().astype("datetime64[D]"))
    columns = fills["symbol"].map(market.column).to_numpy(dtype=int)
    size = fills["shares"].abs().to_numpy()
    assert (fills["reference"].to_numpy() == market.fill_price[rows, columns]).all()
    assert (size > 0).all()
    assert account.fractional_shares or (size == np.floor(size)).all()
    assert not fills.duplicated(["session", "symbol"]).any()
    assert not (market.volume[rows, columns] == 0).any()
    if account.costs.max_participation > 0:
        for row, column, shares in zip(rows, columns, size, strict=True):
            window = market.volume[max(row - 21, 0) : row, column]
            if account.costs.participation_volume == "session":
                window = market.volume[row : row + 1, column]
            known = window[~np.isnan(window)]
            assert not len(known) or shares <= account.costs.max_participation * known.mean() * (1 + 1e-12)
    for fill, shares in zip(fills.itertuples(), size, strict=True):
        assert fill.commission == commission(
            float(shares), fill.price, account.costs.commission_rate, account.costs.commission_per_share
        )
    if len(rows):
        assert rows[0] > scenario.decisions[1][0] + account.lag

    closed = ledger.fills[ledger.fills["kind"] == "delisting"]
    for fill in closed.itertuples():
        row, column = market.index_of(fill.session), market.column[fill.symbol]
        ended = row - DELISTED_AFTER - 1
        assert not market.traded[ended + 1 : row, column].any()
        assert fill.price == market.close[ended, column]


def test_without_decisions_nothing_happens() -> None:
    ledger = played(market([10.0, NAN, 11.0], dividend=[1.0] * 3), {})
    assert ledger.fills.empty
    assert ledger.unfilled.empty
    assert ledger.equity.tolist() == ledger.cash.tolist() == [1000.0] * 3


def test_the_compiled_loops_let_go_of_what_they_were_given() -> None:
    small = market([10.0, 11.0, 12.0])
    targets = np.full((1, 1), 0.5)
    before = sys.getrefcount(targets)
    for long_only in (True, False):
        replay(small, targets, [0], account(small, long_only=long_only))
    assert sys.getrefcount(targets) == before


PROGRAM = """
import hashlib
from hypothesis import HealthCheck, given, settings
from backtests.engine.kernel import run
from random_markets import scenarios

digest = hashlib.sha256()

@settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(scenarios())
def collect(scenario):
    ledger = run(scenario.market, scenario.decide, scenario.deciding, scenario.account)
    for values in (ledger.equity, ledger.cash, ledger.positions, ledger.fills.to_csv().encode()):
        digest.update(values)

collect()
print(digest.hexdigest())
"""


def test_compiled_code_gives_the_bits_of_plain_python() -> None:
    """Numba's own switch runs the kernel as Python."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "NUMBA_DISABLE_JIT": switch, "PYTHONPATH": str(HOUSE / "tests" / "backtests")},
            cwd=HOUSE,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for switch in ("0", "1")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == 64
