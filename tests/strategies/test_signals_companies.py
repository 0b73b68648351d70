"""Contagion, capital expenditure and banks: formulas against other calculations of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from strategies.asof import AsOf
from strategies.signals import (
    capex_boundary,
    expense_beta,
    fitted_market_model,
    grows_faster,
    incremental_return,
    matching_score,
)

NAN = np.nan


def test_the_market_model_is_least_squares_and_its_error_a_forecast_error() -> None:
    generator = np.random.default_rng(1)
    market = generator.normal(0, 0.01, 250)
    returns = 0.0002 + 1.3 * market + generator.normal(0, 0.02, 250)
    model = fitted_market_model(returns, market)
    assert model is not None
    fit = OLS(returns, add_constant(market)).fit()
    assert [model.alpha, model.beta] == pytest.approx(fit.params.tolist())
    forecast = fit.get_prediction([[1.0, -0.03]])
    assert model.error(-0.03) == pytest.approx(float(forecast.se_obs[0]))
    assert model.abnormal(-0.10, -0.03) == pytest.approx(-0.10 - float(forecast.predicted_mean[0]))


def test_a_thin_window_gives_no_model() -> None:
    returns = np.full(250, NAN)
    returns[:100] = 0.01
    assert fitted_market_model(returns, np.linspace(-0.01, 0.01, 250)) is None
    assert fitted_market_model(np.zeros(250), np.zeros(250)) is None


def test_grows_faster_only_if_it_did_in_every_quarter() -> None:
    assert grows_faster([0.3, 0.4], [0.1, 0.1]) is True
    assert grows_faster([0.3, 0.05], [0.1, 0.1]) is False
    assert grows_faster([0.3, NAN], [0.1, 0.1]) is None
    assert grows_faster([], []) is None


def test_incremental_return_by_hand() -> None:
    assert incremental_return(150, 100, 500, tax=0.2) == pytest.approx(0.08)
    assert np.isnan(incremental_return(150, 100, 0))


def boundary(make_market: Any, make_sessions: Any, spending: float, profit: float) -> Any:
    """Spending and operating profit that grow by these rates a year; software revenue by a tenth."""
    days = make_sessions("2015-01-02", "2018-12-31")
    years = np.arange(len(days))[:, None] / 252
    close = pd.DataFrame({"MSFT": 10.0, "AMZN": 20.0, "ADBE": 30.0}, index=days)
    facts = {
        "capital_expenditure_ttm": 100 * (1 + spending) ** years,
        "operating_income_ttm": 100 * (1 + profit) ** years,
        "revenue_growth": 0.10,
    }
    market = make_market(close, facts=facts, groups={"ADBE": "software"})
    return capex_boundary(AsOf(market, len(days) - 1), spenders=("MSFT", "AMZN", "META"))


def test_the_boundary_is_crossed_by_fast_spending_at_a_poor_return(
    make_market: Any, make_sessions: Any
) -> None:
    assert boundary(make_market, make_sessions, 0.4, 0.02).crossed is True
    assert boundary(make_market, make_sessions, 0.4, 0.50).crossed is False  # it pays
    assert boundary(make_market, make_sessions, 0.05, 0.02).crossed is False  # not faster
    fast = boundary(make_market, make_sessions, 0.4, 0.02)
    assert fast.spending_growth[-1] == pytest.approx(0.4, abs=0.02)
    assert fast.software_growth == (0.1, 0.1)


def test_the_boundary_says_what_is_missing(make_market: Any, make_sessions: Any) -> None:
    days = make_sessions("2015-01-02", "2015-12-31")
    bare = make_market(pd.DataFrame({"MSFT": 10.0}, index=days), groups={"MSFT": "software"})
    found = capex_boundary(AsOf(bare, 100))
    assert found.crossed is None
    assert "no capital_expenditure_ttm" in found.why
    assert "no spender" in capex_boundary(AsOf(bare, 100), spenders=("META",)).why


def test_expense_beta_adds_up_what_four_quarters_pass_on() -> None:
    generator = np.random.default_rng(5)
    policy = pd.Series(np.cumsum(generator.normal(0, 0.3, 60)))
    parts = (0.10, 0.15, 0.05, 0.02)
    passed = sum(part * policy.diff().shift(lag).fillna(0) for lag, part in enumerate(parts))
    expense, rate = passed.cumsum().to_numpy(), policy.to_numpy()
    assert expense_beta(expense, rate) == pytest.approx(0.32)
    assert np.isnan(expense_beta(expense[:10], rate[:10]))
    assert np.isnan(expense_beta(expense, np.ones(60)))


def test_matching_score_uses_what_is_known() -> None:
    traits = pd.DataFrame(
        {"gap": [-0.1, -0.2, -0.3, NAN], "loss": [NAN, NAN, NAN, -0.5], "flat": [1.0, 1.0, 1.0, 1.0]},
        index=list("ABCD"),
    )
    score = matching_score(traits.to_numpy())
    assert score[:3].tolist() == pytest.approx([1.0, 0.0, -1.0])
    assert np.isnan(score[3])
