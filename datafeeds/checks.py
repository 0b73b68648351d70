"""What is wrong with this data."""

from __future__ import annotations

import pandas as pd

from datafeeds.market import Array, Dates, Finding


def check_facts(facts: pd.DataFrame, splits: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Facts that can be used, and a finding for each that can't."""
    return facts, ()


def check_prices(sessions: Dates, symbols: tuple[str, ...], close: Array) -> tuple[Finding, ...]:
    """Findings about prices."""
    return ()
