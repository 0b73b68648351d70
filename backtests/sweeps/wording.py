"""How the numbers of a sweep are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.document.blocks import Cell
from backtests.document.formats import formatted
from backtests.settings.sweep import RankedBy
from backtests.sweeps.measures import table_metrics


def title(column: str) -> str:
    """A statistic as the head of a column."""
    return table_metrics()[column].term


def cell(value: float, column: str) -> Cell:
    """A statistic in a table."""
    return Cell(value, table_metrics()[column].form)


def number(value: float, column: str) -> str:
    """A statistic in the digits that its column deserves.

    Examples
    --------
    >>> number(0.91041, "sharpe"), number(0.304, "max_drawdown"), number(float("nan"), "cagr")
    ('0.910', '30.4%', '–')
    """
    return formatted(value, table_metrics()[column].form)


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
    """Parameters with their values, in one line.

    Examples
    --------
    >>> listed({"strategy.norm_years": 5, "costs.half_spread_bps": 2.5})
    'norm years 5, costs: half spread bps 2.5'
    """
    return ", ".join(f"{short(key)} {plain(value)}" for key, value in values.items())


def short(key: str) -> str:
    """A dotted key as words: parameters of the strategy without its table."""
    return key.removeprefix("strategy.").replace("_", " ").replace(".", ": ")


def label(metric: RankedBy) -> str:
    """A metric inside a sentence."""
    text = title(metric)
    return text if text.startswith("Sharpe") else text[0].lower() + text[1:]
