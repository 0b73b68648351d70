"""Factor regressions against values from outside."""

from __future__ import annotations

import bz2
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.analysis import factors as tested
from backtests.tearsheet.wording import factor_sentence
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from tests.places import answers

ANSWERS = answers("attribution.json")


@pytest.fixture(scope="module")
def french() -> pd.DataFrame:
    found = find_spec("linearmodels")
    if found is None or found.origin is None:
        pytest.skip("needs the data of linearmodels")
    path = Path(found.origin).parent / "datasets" / "french" / "french.csv.bz2"
    with bz2.open(path) as file:
        return pd.read_csv(file, index_col="dates")


def test_money_on_four_factors(french: pd.DataFrame) -> None:
    case = ANSWERS["french_money"]
    factors = {name: french[name].to_numpy() for name in case["factors"]}
    cash = french["RF"].to_numpy()
    found = tested.factor_regression(french["Money"].to_numpy(), factors, cash=cash, periods_a_year=12)
    assert found.coefficients[0] == pytest.approx(case["alpha"], abs=5e-6)
    assert found.coefficients[1:] == pytest.approx(case["betas"], abs=5e-7)
    assert found.names == ("alpha", *case["factors"])
    assert found.alpha_a_year == pytest.approx(12 * found.coefficients[0])
    assert "can't be told from zero" in factor_sentence(found)
    small = tested.factor_regression(french["S1V5"].to_numpy(), factors, cash=cash)
    assert small.r_squared == pytest.approx(case["r_squared_small_value"], abs=5e-6)
    assert small.lags == tested.newey_west_lags(819) == 6
    assert small.t_values[1] > 50
    assert small.table()["t"].to_numpy() == pytest.approx(small.t_values)


@given(st.integers(0, 10_000), st.integers(40, 900), st.integers(1, 5), st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_regression_is_that_of_statsmodels(seed: int, count: int, terms: int, lags: int) -> None:
    from statsmodels.regression.linear_model import OLS

    random = np.random.default_rng(seed)
    factors = {f"f{place}": random.normal(0.0, 0.01, count) for place in range(terms)}
    noise = np.convolve(random.normal(0.0, 0.01, count + 4), np.ones(5) / 5, mode="valid")
    explained = 0.0002 + 0.7 * factors["f0"] + noise
    found = tested.factor_regression(explained, factors, lags=lags)
    design = np.column_stack([np.ones(count), *factors.values()])
    fit = OLS(explained, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    for ours, theirs in (
        (found.coefficients, fit.params),
        (found.errors, fit.bse),
        (found.t_values, fit.tvalues),
        (found.p_values, fit.pvalues),
        (found.r_squared, fit.rsquared),
        (found.adjusted_r_squared, fit.rsquared_adj),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-13)


def test_unknown_periods_are_dropped_and_counted(french: pd.DataFrame) -> None:
    explained = french["Money"].to_numpy().copy()
    explained[:100] = np.nan
    found = tested.factor_regression(explained, {"MktRF": french["MktRF"].to_numpy()})
    assert (found.observations, found.dropped) == (719, 100)


def test_factors_that_say_the_same_are_refused(french: pd.DataFrame) -> None:
    money, market = french["Money"].to_numpy(), french["MktRF"].to_numpy()
    with pytest.raises(ValueError, match="leave one out"):
        tested.factor_regression(money, {"a": market, "b": 2 * market})
    with pytest.raises(ValueError, match="leave one out"):
        tested.factor_regression(money, {"constant": np.ones(len(money))})
    with pytest.raises(ValueError, match="at least one"):
        tested.factor_regression(money, {})
    with pytest.raises(ValueError, match="observations"):
        tested.factor_regression(money[:5], {"a": market[:5]})


def test_the_market_on_itself_has_no_alpha() -> None:
    """A fund that is the market earned 1.28% of alpha, t 14.69, while the bill's rate was left in it."""
    sessions = exchange_sessions("2012-01-03", "2016-12-30")
    random = np.random.default_rng(3)
    bill = np.full(len(sessions), 1.28 / 252)
    excess = random.normal(0.04, 1.0, len(sessions))
    fund = 100 * np.cumprod(np.append(1.0, 1 + (excess + bill)[1:] / 100))
    dates = pd.DatetimeIndex(sessions)
    series = pd.concat(
        pd.DataFrame({"series": name, "date": dates, "available": dates, "value": values})
        for name, values in {"mkt_rf": excess, "rf": bill}.items()
    )
    market = Market.from_wide("made", pd.DataFrame({"SPY": fund}, index=dates), series=series)
    found = tested.factors_of(market, sessions, np.zeros(len(sessions) - 1))
    assert found.above == "rf"
    fitted = tested.factor_regression(fund[1:] / fund[:-1] - 1, found.returns, cash=found.cash)
    assert fitted.alpha_a_year == pytest.approx(0.0, abs=1e-9)
    assert fitted.coefficients[1] == pytest.approx(1.0)
    left_in = tested.factor_regression(fund[1:] / fund[:-1] - 1, found.returns)
    assert left_in.alpha_a_year == pytest.approx(0.0128, abs=1e-6)


def test_dividends_that_an_index_lacks_stay_in_alpha_with_their_sign() -> None:
    """`index` without 2% a year of dividends, and a portfolio that is the index with them."""
    random = np.random.default_rng(4)
    whole = random.normal(0.0004, 0.01, 2000)
    index, fund = whole - 0.02 / 252, whole + random.normal(0, 0.003, 2000)
    factors = {"index": index, "fund": fund - index}
    assert tested.factor_regression(whole, factors).alpha_a_year == pytest.approx(0.02, abs=2e-3)
    held = tested.factor_regression(fund, factors)
    assert held.coefficients[1:] == pytest.approx([1, 1])
    assert held.alpha_a_year == pytest.approx(0.0, abs=1e-9)
