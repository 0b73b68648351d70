"""The log says which figures were shown wrong before a decision moved their symbol's weight."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from backtests.records.results import write_numbers
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import load
from backtests.tearsheet.sections.decisions import log_entries
from backtests.withdrawals import withdrawals
from datafeeds.folder.layout import load_folder
from tests.datafeeds.folders import write_folder

RUN_FILE = """
name = "equal"
market = "small"
[strategy]
name = "EqualWeighted"
"""

SAID = "AAA: revenue of fiscal 2018 FY, filed 2019-02-20, was withdrawn on {day}"


def result_when(folder: Path, run_file: Path, day: str) -> Result:
    """Three months of equal weights, drifting in between, with one figure withdrawn on `day`."""
    run_file.write_text(RUN_FILE)
    market = load_folder(write_folder(folder))
    facts = market.facts.copy()
    first = (facts["symbol"] == "AAA") & (facts["concept"] == "revenue") & (facts["fiscal_year"] == 2018)
    facts.loc[first, "withdrawn"] = pd.Timestamp(day)
    return run(load(str(run_file)), market=replace(market, facts=facts, hash=""))


@pytest.mark.parametrize(
    ("day", "place"),
    [
        ("2020-02-20", 2),
        ("2020-01-31", 2),
        ("2020-02-28", 3),
        ("2020-01-15", None),
        ("2019-12-02", None),
        ("2020-03-31", None),
    ],
)
def test_a_withdrawal_is_told_at_the_first_decision_without_the_figure(
    tmp_path: Path, day: str, place: int | None
) -> None:
    result = result_when(tmp_path / "small", tmp_path / "equal.toml", day)
    decided = [str(decision.session) for decision in result.book.ledger.decisions]
    assert decided == ["2020-01-02", "2020-01-31", "2020-02-28", "2020-03-31"]
    moved = [any(move.symbol == "AAA" for move in entry.moves) for entry in log_entries(result)]
    assert moved == [True, False, True, True]
    expected = [()] * 4
    if place is not None:
        expected[place] = (SAID.format(day=day),)
    assert list(withdrawals(result)) == expected
    assert [SAID.format(day=day) in entry.reasons for entry in log_entries(result)] == [
        bool(said) for said in expected
    ]
    write_numbers(tmp_path, result)
    lines = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert [tuple(line.get("withdrawn", ())) for line in lines] == expected
