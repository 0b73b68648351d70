"""The blueprint's receivers on seventy years of portfolios without hindsight, through the whole engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtests.runner import run
from backtests.settings.run_file import parse
from datafeeds.market import Market
from strategies.schedule import Daily
from strategies.strategy import Strategy
from strategies.target import Target
from tests.places import answers

ANSWER = answers("blueprint_on_french_portfolios.json")


class FixedShares(Strategy):
    """The same weights at every close."""

    schedule = Daily()
    shares: tuple[tuple[str, float], ...] = ()

    def decide(self, see: object) -> Target:
        return Target(dict(self.shares), why="fixed")


@pytest.fixture(scope="module")
def french() -> pd.DataFrame:
    pytest.importorskip("linearmodels")
    from linearmodels.datasets import french as portfolios

    return portfolios.load().set_index("dates")


def yearly(returns: pd.Series[float]) -> tuple[float, float]:
    return float((1 + returns).prod()) ** (12 / len(returns)) - 1, float(returns.std() * 12**0.5)


def test_the_market_and_technology_are_those_of_the_answer(french: pd.DataFrame) -> None:
    stated = ANSWER["growth_and_volatility"]
    assert yearly(french["BusEq"]) == pytest.approx(tuple(stated["BusEq"]), abs=6e-6)
    assert yearly(french["MktRF"] + french["RF"]) == pytest.approx(tuple(stated["market"]), abs=6e-6)


@pytest.mark.parametrize("engine", ["ledger", "event"])
def test_forty_thirty_thirty_rebalanced_monthly(french: pd.DataFrame, engine: str) -> None:
    names = list(ANSWER["weights"])
    # One flat month first: a decision fills at the next close.
    months = pd.bdate_range("1948-11-30", periods=len(french) + 2, freq="BME")
    steps = np.vstack([np.ones((2, 3)), 1 + french[names].to_numpy()])
    close = pd.DataFrame(100 * np.cumprod(steps, axis=0), index=months, columns=names)
    market = Market.from_wide("French", close, adjustment="total_return")
    document = {
        "name": "french",
        "engine": engine,
        "fractional_shares": True,
        "capital": 1_000_000.0,
        "costs": {"commission_bps": 0.0, "half_spread_bps": 0.0},
        "strategy": {"name": "FixedShares", "shares": list(map(list, ANSWER["weights"].items()))},
    }
    ledger = run(parse(document, "test"), market=market).book.ledger
    returns = ledger.returns.iloc[1:]
    expected = french[names].to_numpy() @ np.array(list(ANSWER["weights"].values()))
    np.testing.assert_allclose(returns.to_numpy(), expected, atol=1e-12)
    blueprint = pd.Series(returns.to_numpy(), index=french.index)
    assert yearly(blueprint) == pytest.approx(tuple(ANSWER["growth_and_volatility"]["blueprint"]), abs=6e-6)
    bust, boom = slice("2000-03", "2002-09"), slice("2009-03", "2017-03")
    fell, rose = ANSWER["2000-03 to 2002-09, a year"], ANSWER["2009-03 to 2017-03, a year"]
    assert yearly(blueprint[bust])[0] == pytest.approx(fell["blueprint"], abs=6e-5)
    assert yearly(french["BusEq"][bust])[0] == pytest.approx(fell["BusEq"], abs=6e-5)
    # Technology won.
    assert yearly(blueprint[boom])[0] == pytest.approx(rose["blueprint"], abs=6e-5)
    assert yearly(french["BusEq"][boom])[0] == pytest.approx(rose["BusEq"], abs=6e-5)
