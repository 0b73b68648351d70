"""How the numbers of a sweep are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from backtests.settings.sweep import Metric
from backtests.sweeps.measures import shown

LABELS: Mapping[str, str] = {name: each.term for name, each in shown().items()}
"""Columns of the table, as readers know them."""

RATIOS = frozenset({"sharpe", "information_ratio"})
MONEY = frozenset({"cost", "fills", "final_equity"})


def number(value: float, column: str) -> str:
    """A statistic in the digits that its column deserves.

    Examples
    --------
    >>> number(0.91041, "sharpe"), number(-0.304, "max_drawdown"), number(float("nan"), "cagr")
    ('0.910', '-30.4%', '–')
    """
    if not math.isfinite(value):
        return "–"
    if column in RATIOS:
        return f"{value:.3f}"
    if column in MONEY:
        return f"{value:,.0f}"
    if column == "cost_bps":
        return f"{value:.1f}"
    return f"{value:.1%}"


def plain(value: Any) -> str:
    """A parameter's value: four significant digits, words as they are.

    Examples
    --------
    >>> plain(0.123456), plain(7), plain("rest"), plain(True)
    ('0.1235', '7', 'rest', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def listed(values: Mapping[str, Any]) -> str:
    """Parameters with their values, in one line."""
    return ", ".join(f"{key} = {plain(value)}" for key, value in values.items())


def short(key: str) -> str:
    """A dotted key as a label: parameters of the strategy without its table."""
    return key.removeprefix("strategy.")


def label(metric: Metric) -> str:
    """A metric inside a sentence."""
    text = LABELS[metric]
    return text if text.startswith("Sharpe") else text[0].lower() + text[1:]
