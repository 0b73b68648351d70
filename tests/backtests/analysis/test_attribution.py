"""Attribution: Bacon's example, what must add up, and a real run taken apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.analysis import attribution as tested
from backtests.analysis.exposure import group_weights
from backtests.engine import backtrader as event
from backtests.engine.books import FILL_COLUMNS, Ledger
from backtests.engine.terms import Account, Costs
from backtests.result import Book
from backtests.tearsheet.wording import attribution_sentence, cost_sentence
from datafeeds.market import Array, Market
from strategies import BuyAndHold
from tests.places import answers

ANSWERS = answers("attribution.json")
BACON = {key: np.array(value) for key, value in ANSWERS["bacon"].items() if isinstance(value, list)}
LINKINGS: tuple[tested.Linking, ...] = ("carino", "menchero")


def test_bacon_effects() -> None:
    found = tested.brinson_effects(
        BACON["weights"], BACON["benchmark_weights"], BACON["returns"], BACON["benchmark_returns"]
    )
    assert found.allocation == pytest.approx(BACON["allocation"], abs=1e-15)
    assert found.selection == pytest.approx(BACON["selection"], abs=1e-15)
    assert found.interaction == pytest.approx(BACON["interaction"], abs=1e-15)
    case = ANSWERS["bacon"]
    assert found.total.sum() == pytest.approx(case["portfolio"] - case["benchmark"])


@pytest.mark.parametrize("method", LINKINGS)
def test_one_period_needs_no_linking(method: tested.Linking) -> None:
    found = tested.brinson_fachler(
        BACON["weights"],
        BACON["benchmark_weights"],
        BACON["returns"],
        BACON["benchmark_returns"],
        ["UK", "Japan", "US"],
        method=method,
    )
    assert (found.portfolio, found.benchmark) == pytest.approx((0.083, 0.064))
    assert found.table()["allocation"].to_numpy() == pytest.approx(BACON["allocation"], abs=1e-12)
    assert found.residual == pytest.approx(0, abs=1e-15)
    assert "UK added most (+4.00), Japan least (-1.34)" in attribution_sentence(found, "it")
    assert "+1.90 percentage points" in attribution_sentence(found, "it")


def test_active_share() -> None:
    share = tested.active_share(BACON["weights"], BACON["benchmark_weights"])
    assert float(share) == pytest.approx(ANSWERS["bacon"]["active_share"])
    # Half in cash against the whole in one name: the cash is the difference.
    assert float(tested.active_share(np.array([0.5]), np.array([1.0]))) == 0.5
    assert tested.active_share(np.eye(2), np.eye(2)[::-1]) == pytest.approx([1, 1])


@pytest.mark.parametrize("method", LINKINGS)
def test_linked_differences_add_up(method: tested.Linking) -> None:
    random = np.random.default_rng(0)
    portfolio, benchmark = random.normal(0.001, 0.02, (2, 500))
    portfolio[:50] = benchmark[:50]
    factors = tested.linking_factors(portfolio, benchmark, method)
    whole = np.prod(1 + portfolio) - np.prod(1 + benchmark)
    assert factors @ (portfolio - benchmark) == pytest.approx(whole, rel=1e-9)
    alike = tested.linking_factors(benchmark, benchmark, method)
    assert np.isfinite(alike).all()


def test_linking_refuses() -> None:
    with pytest.raises(ValueError, match="no linking method 'grap'"):
        tested.linking_factors(np.zeros(2), np.zeros(2), "grap")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="can't be linked"):
        tested.linking_factors(np.array([-1.0]), np.zeros(1))


def test_carino_by_hand() -> None:
    portfolio, benchmark = np.array([0.10, -0.05]), np.array([0.04, 0.02])
    ours, theirs = 1.10 * 0.95 - 1, 1.04 * 1.02 - 1
    whole = (math.log1p(ours) - math.log1p(theirs)) / (ours - theirs)
    first = (math.log(1.10) - math.log(1.04)) / 0.06
    second = (math.log(0.95) - math.log(1.02)) / -0.07
    assert tested.linking_factors(portfolio, benchmark) == pytest.approx([first / whole, second / whole])


def test_group_not_in_the_benchmark_is_allocation() -> None:
    found = tested.brinson_effects(
        np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([0.1, 0.3]), np.array([0.1, np.nan])
    )
    assert found.allocation == pytest.approx([0, 0.5 * 0.2])
    assert found.selection == pytest.approx([0, 0])
    assert found.interaction == pytest.approx([0, 0])
    left_out = tested.brinson_effects(
        np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.1, np.nan]), np.array([0.1, 0.3])
    )
    assert left_out.total == pytest.approx([0.5 * (0.1 - 0.2), -0.5 * (0.3 - 0.2)])


def test_group_totals_by_hand() -> None:
    weights = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    returns = np.array([[0.1, -0.1, 0.2], [np.nan, 0.5, 0.01]])
    codes = np.array([[0, 0, 1], [0, 1, 1]])
    held, gained = tested.group_totals(weights, returns, codes, 3)
    assert held == pytest.approx(np.array([[0.5, 0.5, 0], [0, 1, 0]]))
    assert gained[0, :2] == pytest.approx([-0.02, 0.2])
    assert gained[1, 1] == pytest.approx(0.01)
    assert np.isnan(gained[[0, 1, 1], [2, 0, 2]]).all()


# --- A run taken apart ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market() -> Market:
    random = np.random.default_rng(8)
    days = pd.bdate_range("2018-01-02", periods=330)
    days = days[~days.isin(pd.to_datetime(["2018-01-15", "2018-02-19"]))]
    symbols = list("ABCDEF")
    close = pd.DataFrame(
        50 * np.cumprod(1 + random.normal(0.0003, 0.015, (len(days), 6)), axis=0), days, symbols
    )
    close.iloc[200:, 5] = np.nan
    dividend = pd.DataFrame(0.0, days, symbols)
    dividend.iloc[60::63, [0, 2]] = 0.4
    instruments = pd.DataFrame(
        {
            "symbol": ["A", "A", "B", "C", "D", "F"],
            "kind": "stock",
            "group": ["chips", "banks", "chips", "banks", "banks", "chips"],
            "from": [pd.NaT, pd.Timestamp("2018-07-02"), pd.NaT, pd.NaT, pd.NaT, pd.NaT],
            "to": [pd.Timestamp("2018-06-29"), pd.NaT, pd.NaT, pd.NaT, pd.NaT, pd.NaT],
        }
    )
    return Market.from_wide(
        "small",
        close,
        open=close * (1 + random.normal(0, 0.003, close.shape)),
        volume=close * 0 + 1e5,
        dividend=dividend,
        instruments=instruments,
    )


def book_of(market: Market, label: str, targets: list[list[float]]) -> Book:
    costs = Costs(commission_bps=2, half_spread_bps=5, impact=0.5, dividend_withholding=0.15, cash_rate=0.03)
    wanted: Iterator[Array] = iter(np.array(targets))
    deciding = np.zeros(len(market.sessions), dtype=bool)
    deciding[: 70 * len(targets) : 70] = True

    def decide(session: int, weights: Array) -> Array | None:
        return next(wanted)

    account = Account(1e6, costs, 0, False, 0, len(market.sessions) - 1)
    return Book(label, BuyAndHold(symbols=("A",)), event.run(market, decide, deciding, account))


@pytest.fixture(scope="module")
def book(market: Market) -> Book:
    targets = [
        [0.3, 0.2, 0.1, 0.1, 0.1, 0.1],
        [0.1, 0.1, 0.3, 0.3, 0.0, 0.2],
        [0.5, 0.0, 0.2, 0.2, 0.1, 0.0],
        [0.0, 0.3, 0.3, 0.1, 0.1, 0.0],
    ]
    return book_of(market, "ours", targets)


@pytest.fixture(scope="module")
def benchmark(market: Market) -> Book:
    return book_of(market, "equal", [[0.15] * 6, [0.16] * 6])


@pytest.mark.parametrize("method", LINKINGS)
def test_attribution_adds_to_the_books(
    market: Market, book: Book, benchmark: Book, method: tested.Linking
) -> None:
    found = tested.attribute_groups(book.ledger, benchmark.ledger, market, method=method)
    ours, theirs = (each.ledger.equity[-1] / 1e6 - 1 for each in (book, benchmark))
    assert (found.portfolio, found.benchmark) == pytest.approx((ours, theirs))
    assert found.effects.total.sum() + found.costs + found.residual == pytest.approx(found.excess)
    assert found.costs < 0
    assert abs(found.residual) < 0.01
    assert found.groups == ("banks", "chips", "no group", "cash")
    assert found.weights.sum() == pytest.approx(1)


def test_attribution_without_trading_leaves_no_residual(market: Market, book: Book) -> None:
    """After the last decision, without dividends withheld, weights and closes explain everything."""
    late = slice(240, 300)
    weights = book.ledger.weights(market)
    symbols = list(weights.columns)
    returns = tested.symbol_returns(market, market.sessions[late], symbols)
    explained = (weights.to_numpy()[late][:-1] * np.nan_to_num(returns)).sum(axis=1)
    interest = book.ledger.interest[late][1:] / book.ledger.equity[late][:-1]
    equity = book.ledger.equity[late]
    paid = book.ledger.dividends[late][1:] > 0
    realised = equity[1:] / equity[:-1] - 1
    assert (explained + interest)[~paid] == pytest.approx(realised[~paid], abs=1e-12)


def test_groups_are_dated(market: Market, book: Book) -> None:
    names, codes = market.first_groups(market.sessions)
    assert names == ("banks", "chips", "no group")
    first_july = market.index_of("2018-07-02")
    assert codes[:, 0].tolist() == [1] * first_july + [0] * (len(market.sessions) - first_july)
    assert (codes[:, 4] == 2).all()
    weights = book.ledger.weights(market)
    places = [list("ABCDEF").index(symbol) for symbol in weights.columns]
    held, _ = tested.group_totals(weights.to_numpy(), weights.to_numpy() * 0, codes[:, places], 3)
    known = group_weights(weights, market)
    for name, column in zip(names, held.T, strict=True):
        assert column == pytest.approx(known[name].to_numpy())


def test_books_must_share_their_sessions(market: Market, book: Book) -> None:
    ledger = book.ledger
    shorter = Ledger(
        ledger.sessions[:-1],
        ledger.symbols,
        ledger.equity[:-1],
        ledger.cash[:-1],
        ledger.dividends[:-1],
        ledger.interest[:-1],
        ledger.executions,
        ledger.endings,
        (),
    )
    with pytest.raises(ValueError, match="must share"):
        tested.attribute_groups(book.ledger, shorter, market)


def test_profits_add_to_the_change_of_equity(market: Market, book: Book) -> None:
    found = tested.profit_by_symbol(book.ledger, market)
    change = book.ledger.equity[-1] - book.ledger.equity[0]
    assert found["profit"].sum() + book.ledger.interest.sum() == pytest.approx(change, abs=1e-4)
    assert found["dividends"].sum() == pytest.approx(book.ledger.dividends.sum())
    for kind in tested.COSTS:
        assert found[kind].sum() == pytest.approx(book.ledger.fills[kind].sum())
        assert (found[kind] > 0).all()
    assert found["profit"].is_monotonic_decreasing


def test_costs_and_gross_returns(book: Book) -> None:
    ledger = book.ledger
    found = tested.cost_attribution(ledger)
    assert found.total == pytest.approx(ledger.fills[list(tested.COSTS)].to_numpy().sum())
    assert found.by_year["total"].sum() == pytest.approx(found.total)
    assert found.by_symbol["total"].sum() == pytest.approx(found.total)
    assert found.by_symbol["traded"].sum() == pytest.approx(
        (ledger.fills["shares"] * ledger.fills["price"]).abs().sum()
    )
    gross = tested.gross_returns(ledger)
    assert (gross >= ledger.returns).all()
    years = (ledger.sessions[-1] - ledger.sessions[0]).astype(int) / 365.25
    by_hand = np.prod(1 + gross) ** (1 / years) - (ledger.equity[-1] / 1e6) ** (1 / years)
    assert found.drag == pytest.approx(by_hand)
    assert found.annual
    assert "hundredths of a percent of average equity a year" in cost_sentence(found, 1.0)


def test_free_trading_is_said_to_be_unreal(market: Market, book: Book) -> None:
    ledger = book.ledger
    done = ledger.executions
    costs = np.isin(FILL_COLUMNS[2:-1], tested.COSTS)
    free = replace(ledger, executions=replace(done, numbers=np.where(costs[:, None], 0.0, done.numbers)))
    assert "no real portfolio enjoys" in cost_sentence(tested.cost_attribution(free), 0.0)
    assert tested.cost_share(free) == pytest.approx(np.zeros(len(ledger.sessions) - 1))


def test_turnover_by_year(book: Book) -> None:
    found = tested.turnover_by_year(book.ledger)
    assert list(found.index) == [2018, 2019]
    orders = book.ledger.fills[book.ledger.fills["kind"] == "order"]
    value = orders["shares"] * orders["price"]
    early = orders["session"].to_numpy() < np.datetime64("2019-01-01")
    equity = book.ledger.equity[book.ledger.sessions < np.datetime64("2019-01-01")].mean()
    least = min(value[early & (value > 0)].sum(), -value[early & (value < 0)].sum())
    assert found[2018] == pytest.approx(least / equity)


def test_active_share_of_books(market: Market, book: Book, benchmark: Book) -> None:
    found = tested.active_share_of(book.ledger, benchmark.ledger, market)
    assert found.iloc[0] == 0
    assert found.between(0, 1).all()
    assert tested.active_share_of(book.ledger, book.ledger, market).max() == 0
