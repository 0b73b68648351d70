"""Sentences say what was given, to the digit."""

from __future__ import annotations

import pytest

from backtests.engine.terms import Costs
from backtests.tearsheet.wording import costs_in_words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_participation": 0.0001}, "orders capped at 0.01% of"),
        ({"max_participation": 0.125}, "orders capped at 12.5% of"),
        ({"max_participation": 0.07}, "orders capped at 7% of"),
        ({"dividend_withholding": 0.005}, "0.5% of dividends withheld"),
        ({"cash_rate": 0.00001}, "interest on cash 0.001% a year"),
        ({"cash_rate": 0.02}, "interest on cash 2.00% a year"),
    ],
)
def test_costs_are_said_as_they_are_given(settings: dict[str, float], words: str) -> None:
    assert words in costs_in_words(Costs(**settings))  # type: ignore[arg-type]
