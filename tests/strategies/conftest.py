"""Markets made by hand, whose facts are stated outright."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

SOME_DAY = "2000-01-03"


def stated_market(
    close: pd.DataFrame,
    facts: Mapping[str, Any] | None = None,
    groups: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Market:
    """A market with closes only whose facts, derived ones too, are given day by day.

    `facts` maps a name to what broadcasts to (sessions, symbols). Beside the derived arrays a filed row of
    each name is put down, so that the market says that it has the fact.
    """
    symbols = [str(symbol) for symbol in close.columns]
    stated = facts or {}
    rows = pd.DataFrame(
        {
            "symbol": symbols[0],
            "concept": list(stated),
            "fiscal_year": 1999,
            "fiscal_period": "FY",
            "filed": SOME_DAY,
            "value": 1.0,
        }
    )
    instruments = pd.DataFrame(
        {
            "symbol": symbols,
            "kind": [(kinds or {}).get(symbol, "stock") for symbol in symbols],
            "group": [(groups or {}).get(symbol, "") for symbol in symbols],
        }
    )
    market = Market.from_wide("made by hand", close, facts=rows, instruments=instruments)
    for name, values in stated.items():
        array = np.broadcast_to(np.asarray(values, dtype=float), close.shape).copy()
        array.setflags(write=False)
        market.derived[name] = array
    return market


def sessions_between(start: str, end: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(exchange_sessions(start, end))


@pytest.fixture(scope="session")
def make_market() -> Any:
    return stated_market


@pytest.fixture(scope="session")
def make_sessions() -> Any:
    return sessions_between
