"""What is measured ahead rests on books and market alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from backtests.result import MEASURED, Result
from backtests.runner import run
from backtests.settings.run_file import load
from strategies.blueprint import Blueprint


class Silent(Mapping[str, Any]):
    """A manifest that nobody may read."""

    def __getitem__(self, key: str) -> Any:
        raise AssertionError(f"the manifest was asked for {key}")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the manifest was read")

    def __len__(self) -> int:
        raise AssertionError("the manifest was measured")


def asked(strategy: Blueprint) -> Any:
    raise AssertionError("the strategy was asked")


@pytest.fixture(scope="module")
def result() -> Result:
    return run(load("blueprint", ("start=2020-06-01", "end=2021-07-30")))


def test_measuring_ahead_reads_no_manifest_and_asks_no_strategy(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("exhibits", "limits", "scenarios", "leaders", "decide"):
        monkeypatch.setattr(Blueprint, name, property(asked))
    silent = replace(result, manifest=Silent())
    silent.measure()
    assert set(MEASURED) <= set(silent.__dict__)


def test_what_was_measured_is_kept_when_more_is_recorded(result: Result) -> None:
    fresh = replace(result)
    first = MEASURED[0]
    fresh.measure(lambda: first in fresh.__dict__)
    assert [name for name in MEASURED if name in fresh.__dict__][:1] == [first]
    assert "rule_changes" not in fresh.__dict__  # stopped when it was told that it is enough
    again = fresh.recorded({"more": 1})
    assert getattr(again, first) is getattr(fresh, first)
    assert again.manifest["more"] == 1
    assert again.trials is not None
