"""The event engine and the ledger engine keep the same books, to the last bit, whatever the market does."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings

from backtests.engines import event, ledger
from tests.backtests.random_markets import Scenario, scenarios


@settings(max_examples=max(250, settings().max_examples))
@given(scenarios())
def test_books_are_identical(scenario: Scenario) -> None:
    by_event = event.run(scenario.market, scenario.decide, scenario.deciding, scenario.account)
    by_ledger = ledger.run(scenario.market, scenario.decide, scenario.deciding, scenario.account)
    for name in ("equity", "cash", "dividends", "interest", "positions"):
        np.testing.assert_array_equal(getattr(by_event, name), getattr(by_ledger, name), err_msg=name)
    pd.testing.assert_frame_equal(by_event.fills, by_ledger.fills, check_exact=True)
    pd.testing.assert_frame_equal(by_event.unfilled, by_ledger.unfilled, check_exact=True)
