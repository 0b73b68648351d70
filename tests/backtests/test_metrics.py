"""Every number of a run stands in metrics.json, with its unit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backtests.metrics import metrics
from backtests.notebook import Study, run


@pytest.fixture(scope="module")
def study() -> Study:
    shocks = {"AI winter": {"ai_hardware": -0.4, "rest": -0.05}}
    return run("blueprint", end="2014-12-31", engine="ledger", scenarios=shocks)


def without_unit(node: Any, units: dict[str, str], key: str = "") -> list[str]:
    """Keys of numbers that have no unit; a number under a label has that of the key above it."""
    if isinstance(node, dict):
        inner = [without_unit(value, units, name if name in units else key) for name, value in node.items()]
        return [each for found in inner for each in found]
    if isinstance(node, list):
        return [each for value in node for each in without_unit(value, units, key)]
    is_number = isinstance(node, (int, float)) and not isinstance(node, bool)
    return [key] if is_number and key not in units else []


def test_every_number_has_a_unit(study: Study) -> None:
    found = metrics(study)
    units = found.pop("units")
    assert without_unit(found, units) == []
    assert without_unit({"mystery": 1.0}, units) == [""]
    json.dumps(found, allow_nan=False)


def test_every_table_is_there(study: Study) -> None:
    found = metrics(study)
    for part in ("luck", "stress", "costs_by_year", "symbols", "capacity"):
        assert found[part], part
    assert {each["name"] for each in found["stress"]["shocks"]} >= {"AI winter"}
    against = found["benchmarks"][0]["attribution"]
    explained = sum(group["total"] for group in against["groups"])
    rest = against["costs"] + against["hedge"] + against["residual"]
    assert explained + rest == pytest.approx(against["excess"])
    assert sum(each["profit"] for each in found["symbols"]) == pytest.approx(
        study.book.ledger.equity[-1] - study.book.ledger.equity[0], rel=1e-6
    )
