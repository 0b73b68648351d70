"""What was held, who made each fall, at what risk, and what the rule changed: worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.analysis import holdings as tested
from backtests.analysis.performance import drawdowns
from backtests.engine.books import Decision, Ledger
from backtests.notebook import Study, run
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.target import Target


@pytest.fixture(scope="module")
def study() -> Study:
    return run("blueprint", end="2014-12-31", engine="ledger")


def test_concentration_by_hand() -> None:
    found = tested.concentration(np.array([0.4, 0.2, 0.2, 0.0]))
    assert found.top == pytest.approx(0.8)
    assert found.effective == pytest.approx(0.8**2 / (0.16 + 0.04 + 0.04))
    assert tested.concentration(np.full(20, 0.05)).effective == pytest.approx(20)
    assert np.isnan(tested.concentration(np.zeros(3)).effective)


def test_round_trips_by_hand(study: Study) -> None:
    ledger = study.book.ledger
    held = np.zeros_like(ledger.positions)
    held[2:5, 0], held[7:, 0], held[3:, 1] = 10.0, 5.0, 1.0
    made = replace(ledger)
    made.__dict__["positions"] = held
    found = tested.round_trips(made)
    days = pd.DatetimeIndex(ledger.sessions)
    assert found["symbol"].tolist() == [ledger.symbols[0], ledger.symbols[1], ledger.symbols[0]]
    assert found["opened"].tolist() == [days[2], days[3], days[7]]
    assert found["closed"][0] == days[5]
    assert found["closed"][1:].isna().all()
    assert found["sessions"].tolist() == [3, len(days) - 3, len(days) - 7]


def test_holdings_at_the_end_and_at_their_largest(study: Study) -> None:
    weights = study.weights
    found = study.holdings
    assert found["end"].to_numpy() == pytest.approx(weights.iloc[-1][found.index].to_numpy())
    assert found["largest"].to_numpy() == pytest.approx(weights.max()[found.index].to_numpy())
    assert found["end"].is_monotonic_decreasing
    assert found["days_to_sell"].isna().any(), "the sample has no volume"


def test_days_to_sell_by_hand() -> None:
    sessions = exchange_sessions("2020-01-02", "2020-12-31")
    dates = pd.DatetimeIndex(sessions)
    price = pd.DataFrame(10.0, index=dates, columns=["A"])
    market = Market.from_wide("made", price, open=price, volume=price * 100)
    ledger = run(
        "blueprint", strategy="EqualWeighted", market=market, start=None, benchmarks=(), engine="ledger"
    ).book.ledger
    found = tested.holdings(ledger.weights(market), ledger, market)
    assert found.loc["A", "days_to_sell"] == pytest.approx(ledger.positions[-1, 0] / 100)


def test_who_made_a_fall_adds_to_it(study: Study) -> None:
    falls = drawdowns(study.book.ledger.equity, study.sessions)[:5]
    for each in tested.fall_makers(study.book.ledger, study.market, falls):
        assert sum(each.by_symbol.values()) + each.rest == pytest.approx(each.fall.depth)
        assert abs(each.rest) < 0.01
        assert list(each.by_symbol.values()) == sorted(each.by_symbol.values())


def test_parts_of_risk_add_to_the_whole(study: Study) -> None:
    found = study.risk
    assert found is not None
    assert found.table["risk"].sum() == pytest.approx(found.volatility)
    assert found.sessions == tested.RISK_SESSIONS
    assert 0.05 < found.volatility < 0.3
    assert 0 < found.shrinkage < 1
    assert found.tracking_error < found.volatility
    itself = tested.risk_by_holding(
        pd.Series(study.last_weights[0]), pd.Series(study.last_weights[0]), study.market, study.account.last
    )
    assert itself is not None
    assert itself.tracking_error == pytest.approx(0.0, abs=1e-12)


def test_shrinking_comes_closer_to_the_truth() -> None:
    """Two hundred sessions of forty symbols."""
    random = np.random.default_rng(0)
    truth = 0.3 * np.ones((40, 40)) + 0.7 * np.eye(40)
    returns = random.multivariate_normal(np.zeros(40), truth, 200)
    shrunk, share = tested.shrunk_covariance(returns)
    assert 0 < share < 1
    sample = np.cov(returns.T, ddof=0)
    assert np.linalg.norm(shrunk - truth) < np.linalg.norm(sample - truth)


@given(st.integers(2, 400), st.integers(1, 60), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_shrinkage_is_that_of_scikit_learn(sessions: int, symbols: int, seed: int) -> None:
    from sklearn.covariance import LedoitWolf

    random = np.random.default_rng(seed)
    returns = random.normal(0.0, 0.02, (sessions, symbols)) + random.normal(0.0, 0.01, (sessions, 1))
    theirs = LedoitWolf(store_precision=False).fit(returns)
    shrunk, share = tested.shrunk_covariance(returns)
    assert share == pytest.approx(float(theirs.shrinkage_), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(shrunk, theirs.covariance_, rtol=1e-9, atol=1e-16)


def test_prediction_comes_from_before_the_year(study: Study) -> None:
    found = study.predicted
    assert found.index.tolist() == [2012, 2013, 2014]
    before = tested.predicted_and_realised(study.book.ledger, study.market, study.weights)
    assert before["predicted"].to_numpy() == pytest.approx(found["predicted"].to_numpy())
    years = pd.DatetimeIndex(study.sessions[1:]).year
    daily = study.daily[study.labels[0]]
    assert found.loc[2013, "realised"] == pytest.approx(daily[years == 2013].std(ddof=1) * 252**0.5)


def test_what_the_rule_changed_by_hand(study: Study) -> None:
    days = study.sessions
    base = Target({"A": 0.5, "B": 0.5}, why="base")
    targets = [base, base.scale({"A": 0.8}, why="cut"), base.scale({"A": 0.6, "B": 0.9}, why="cut")]
    made: Ledger = replace(
        study.book.ledger,
        decisions=tuple(Decision(day, target) for day, target in zip(days, targets, strict=False)),
    )
    found = tested.rule_changes(made)
    assert (found.decisions, found.started, found.changed) == (3, 3, 2)
    assert found.moved == pytest.approx((0.1 + 0.25) / 2)
    assert found.lowered == ("A", "B")
    assert found.usually == 1
    short = Target({}, why="cash").add({"A": 0.9, "B": -0.1}, why="long and short")
    alone = tested.rule_changes(replace(made, decisions=(Decision(days[0], short),)))
    assert (alone.decisions, alone.started, alone.changed, alone.lowered) == (1, 0, 0, ())
