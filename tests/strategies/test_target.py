import json
import math
import pickle
import re
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import StrategyError, Target
from strategies.target import TOLERANCE

SYMBOLS = ["AMD", "NVDA", "JPM", "JNJ", "IWM"]


@st.composite
def weights(draw):
    raw = draw(st.lists(st.floats(0, 1), min_size=len(SYMBOLS), max_size=len(SYMBOLS)))
    invested = draw(st.floats(0, 1))
    total = sum(raw) or 1.0
    return {symbol: value / total * invested for symbol, value in zip(SYMBOLS, raw, strict=True)}


factors = st.dictionaries(st.sampled_from([*SYMBOLS, "absent"]), st.floats(0, 1) | st.just(math.nan))


@given(weights(), factors)
def test_scaling_down_keeps_weights_in_range_and_puts_what_is_freed_in_cash(start, by):
    before = Target(start, why="start")
    after = before.scale(by, why="dear")
    freed = sum(
        weight * (1 - by[symbol])
        for symbol, weight in before.weights.items()
        if symbol in by and not math.isnan(by[symbol])
    )
    assert all(0 <= weight <= 1 for weight in after.weights.values())
    assert after.cash == pytest.approx(before.cash + freed, abs=1e-12)
    assert sum(after.weights.values()) + after.cash == pytest.approx(1.0)


@given(weights(), factors, weights())
def test_money_moved_by_scale_and_add_is_conserved(start, by, sleeve):
    before = Target(start, why="start")
    cut = before.scale(by, why="dear")
    freed = max(cut.cash - before.cash, 0.0)
    total = sum(sleeve.values())
    if total == 0:
        return
    after = cut.add({symbol: weight / total * freed for symbol, weight in sleeve.items()}, why="moved")
    assert sum(after.weights.values()) == pytest.approx(sum(before.weights.values()), abs=1e-9)
    assert all(0 <= weight <= 1 + 1e-9 for weight in after.weights.values())


@given(weights())
def test_pickle_and_equality(start):
    target = Target(start, why="start").scale({"AMD": 0.5}, why="dear").remember(phase="rotated")
    copy = pickle.loads(pickle.dumps(target))
    assert copy == target
    assert copy.changes == target.changes
    assert copy.state == target.state


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"AMD": -math.inf}, "AMD is -inf"),
        ({"AMD": math.nan}, "AMD is nan"),
        ({"AMD": math.inf}, "AMD is inf"),
        ({"AMD": 0.6, "JPM": 0.5}, "add to 1.1"),
    ],
)
def test_weights_that_cannot_be_held_are_refused(bad, words):
    with pytest.raises(StrategyError, match=words):
        Target(bad, why="start")


def test_nothing_of_a_target_can_be_changed():
    given_weights, given_state = {"AMD": 0.5}, {"cut": {"AMD": 0.1}}
    target = Target(given_weights, why="start").remember(**given_state)
    given_weights["AMD"] = 0.9
    given_state["cut"]["AMD"] = 0.9
    assert target.weights["AMD"] == 0.5
    assert target.state["cut"]["AMD"] == 0.1
    with pytest.raises(TypeError):
        target.weights["AMD"] = 1.0
    with pytest.raises(TypeError):
        target.state["cut"] = {}
    with pytest.raises(TypeError):
        target.changes[0].weights["AMD"] = 1.0
    with pytest.raises(AttributeError):
        target.why = "other"


def test_each_step_is_logged_with_the_weights_it_changed():
    target = Target({"AMD": 0.5, "JPM": 0.5}, why="equal")
    moved = target.scale({"AMD": 0.2, "JPM": 1.0}, why="dear").add({"JPM": 0.4}, why="moved").note("done")
    assert [(change.why, dict(change.weights)) for change in moved.changes] == [
        ("equal", {"AMD": 0.5, "JPM": 0.5}),
        ("dear", {"AMD": 0.1}),
        ("moved", {"JPM": 0.9}),
        ("done", {}),
    ]
    assert len(target.changes) == 1


def test_a_target_can_start_from_a_series():
    assert dict(Target(pd.Series({"AMD": 0.25, "JPM": 0.0}), why="start").weights) == {"AMD": 0.25}


@pytest.mark.parametrize("step", [lambda t: t.scale({"AMD": 0.5}, why=""), lambda t: t.note("")])
def test_a_change_without_a_reason_is_refused(step):
    with pytest.raises(StrategyError, match="reason"):
        step(Target({"AMD": 0.5}, why="start"))


def test_a_target_without_a_reason_is_refused():
    with pytest.raises(StrategyError, match="reason"):
        Target({"AMD": 0.5}, why="")


@pytest.mark.parametrize("value", [math.nan, {1, 2}, pd.Timestamp("2020-01-01")])
def test_state_that_json_does_not_know_is_refused(value):
    with pytest.raises(StrategyError, match="decision log"):
        Target({}, why="start").remember(value=value)


def test_state_goes_through_json_unchanged():
    target = Target({}, why="start").remember(phase="rotated", cut={"AMD": 0.1 + 0.2}, months=3)
    assert json.loads(json.dumps(dict(target.state))) == dict(target.state)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["scale", "add", "put"]), factors | weights(), st.dictionaries(st.text(), st.none())
    ),
    max_size=5,
)


@given(weights(), STEPS)
def test_a_target_after_any_steps_is_the_one_that_starts_with_its_weights(start, steps):
    target, state = Target(start, why="start"), {}
    for step, by, remembered in steps:
        known = {symbol: value for symbol, value in by.items() if not math.isnan(value)}
        wanted = {**target.weights}
        for symbol, value in known.items():
            held = target.weights.get(symbol, 0.0)
            if step == "scale" and symbol in target.weights:
                wanted[symbol] = held * value
            elif step == "add":
                wanted[symbol] = held + value
            elif step == "put" and abs(value - held) > TOLERANCE:
                wanted[symbol] = value
        try:
            fresh = Target(wanted, why="afresh")
        except StrategyError as refused:
            with pytest.raises(StrategyError, match=re.escape(str(refused))):
                getattr(target, step)(known, why=step)
            return
        target = getattr(target, step)(known, why=step).remember(**remembered)
        state |= remembered
        assert dict(target.weights) == dict(fresh.weights)
        assert (target.cash, target.gross, dict(target.state)) == (fresh.cash, fresh.gross, state)
        assert pickle.loads(pickle.dumps(target)) == target


WORDS = st.text(st.characters(exclude_categories=()))
"""Halves of letters too."""

KEPT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.floats(0, 1).map(np.float64)
    | st.just(10**400)
    | st.tuples(st.integers(), st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.booleans(), inner),
    max_leaves=12,
)


@given(st.dictionaries(WORDS | st.integers(), KEPT, max_size=4))
def test_state_is_what_json_gives_back_whatever_it_holds(state):
    kept = Target({}, why="start", state=state).state
    assert repr(dict(kept)) == repr(json.loads(json.dumps(state)))


@pytest.mark.parametrize("outer", [dict, OrderedDict])  # copied as it is, and through text
def test_nothing_that_a_strategy_keeps_of_its_state_changes_what_is_remembered(outer):
    names, cut = ["AMD"], {"AMD": 0.5}
    target = Target({}, why="start").remember(rotation=outer(cut=cut, names=[names]), names=names, cut=cut)
    names.append("MU")
    cut["AMD"] = cut["MU"] = 0.9
    assert dict(target.state) == {
        "rotation": {"cut": {"AMD": 0.5}, "names": [["AMD"]]},
        "names": ["AMD"],
        "cut": {"AMD": 0.5},
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1.0, {"a": -math.inf}], "Out of range float values"),
        ({"a": [{1}]}, "Object of type set is not JSON serializable"),
        ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
        (MappingProxyType({"a": 1}), "Object of type mappingproxy is not JSON serializable"),
    ],
)
def test_what_json_refuses_is_refused_in_its_words(value, words):
    with pytest.raises((TypeError, ValueError), match=words):  # as JSON words it
        json.dumps(value, allow_nan=False)
    with pytest.raises(StrategyError, match=f"can't go into the decision log: {words}"):
        Target({}, why="start").remember(value=value)


def test_state_that_holds_itself_is_refused():
    circle = {"a": []}
    circle["a"].append(circle)
    with pytest.raises(StrategyError, match="decision log: Circular reference detected"):
        Target({}, why="start").remember(value=circle)
