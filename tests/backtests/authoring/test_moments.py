"""Decisions as they are kept, drawn and compared."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pytest

from backtests.authoring.moments import Moment, difference, drawn, typical_seconds
from tests.backtests.authoring.cheaters import small_market

TARGET: dict[str, Any] = {
    "weights": {"AAA": 0.5, "BBB": 0.5},
    "why": "equal",
    "changes": [["equal", {"AAA": 0.5, "BBB": 0.5}]],
    "state": {"one": 1, "two": {"x": 0.0, "y": 2}},
    "hedges": [],
}


def moment(target: Any = None, seconds: float = 0.0, more: int = 0, session: int = 3) -> Moment:
    nothing = zlib.compress(b"null")
    said = zlib.compress(json.dumps(target).encode())
    return Moment(session, np.zeros(6), nothing, said, seconds, more)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("state", {"one": True, "two": {"x": 0.0, "y": 2}}, "what it remembers"),
        ("state", {"one": 1.0, "two": {"x": 0.0, "y": 2}}, "what it remembers"),
        ("state", {"one": 1, "two": {"x": -0.0, "y": 2}}, "what it remembers"),
        ("state", {"one": 1, "two": {"y": 2, "x": 0.0}}, "the same memory in another order: sort"),
        ("weights", {"BBB": 0.5, "AAA": 0.5}, "the same weights in another order: sort"),
        (
            "changes",
            [["equal", {"BBB": 0.5, "AAA": 0.5}]],
            "the same weights of a step in another order: sort",
        ),
        ("why", "other", "its first reason"),
    ],
)
def test_an_answer_must_be_the_same_text(key: str, value: Any, words: str) -> None:
    """What is equal may still tell the next decision something."""
    market = small_market()
    assert difference(market, moment(TARGET), {"target": dict(TARGET)}, "changed:") is None
    found = difference(market, moment(TARGET), {"target": {**TARGET, key: value}}, "changed:")
    assert found is not None
    assert words in str(found)


def test_of_long_memories_the_place_where_they_part_is_shown() -> None:
    plan = {**TARGET, "state": {"plan": [0] * 5_000}}
    other = {**TARGET, "state": {"plan": [0] * 4_000 + [1] * 1_000}}
    found = difference(small_market(), moment(plan), {"target": other}, "changed:")
    assert found is not None
    assert "1, 1" in found.value
    assert len(found.value) < 500


def test_decisions_that_say_much_anew_are_always_drawn() -> None:
    quiet = [moment(TARGET, session=each) for each in range(500)]
    quiet[77] = moment(TARGET, session=77, more=900)
    quiet[177] = moment({**TARGET, "why": "".join(map(str, range(300)))}, session=177)
    for seed in range(5):
        sessions = [each.session for each in drawn(quiet, 12, seed)]
        assert len(sessions) == 12
        assert sessions == sorted(sessions)
        assert {0, 77, 177, 499} <= {*sessions}
    assert drawn(quiet[:12], 12, 1) == tuple(quiet[:12])
    assert len(drawn(quiet, 2, 1)) == 2


def test_a_decision_that_waits_says_nothing_of_the_time_that_one_takes() -> None:
    usual = [moment(seconds=0.001) for _ in range(99)]
    assert typical_seconds([*usual, moment(seconds=40.0)]) == pytest.approx(0.001)
    assert typical_seconds([moment(seconds=40.0)]) == 0.0
    assert typical_seconds([]) == 0.0
