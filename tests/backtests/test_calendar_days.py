"""Days on which prices and the calendar of the exchange differ stop a run that holds them, and no other."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.runner import run
from backtests.settings.run_file import RunConfig, parse
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.rewind import rewind
from datafeeds.market import MarketError
from tests.datafeeds.folders import SESSIONS, price_rows, write_folder

HOLIDAY, MISSING = "2020-01-20", "2020-02-04"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prices on Martin Luther King's day, and none on a Tuesday in February."""
    prices = price_rows()
    extra = prices[prices["date"] == "2020-01-17"].assign(date=HOLIDAY)
    prices = pd.concat([prices[prices["date"] != MISSING], extra], ignore_index=True)
    return write_folder(tmp_path / "m", prices)


def configuration(folder: Path, start: str | None, end: str | None) -> RunConfig:
    days = {name: dt.date.fromisoformat(day) for name, day in (("start", start), ("end", end)) if day}
    document = {"name": "days", "market": str(folder), "strategy": {"name": "EqualWeighted"}, **days}
    return parse(document, "run.toml")


@pytest.mark.parametrize(
    ("start", "end"), [("2020-02-05", None), ("2020-01-21", "2020-02-03"), (None, "2020-01-17")]
)
def test_a_run_beside_them_is_the_run_without_them(
    folder: Path, tmp_path: Path, start: str | None, end: str | None
) -> None:
    found = run(configuration(folder, start, end))
    whole = run(configuration(write_folder(tmp_path / "whole"), start, end))
    np.testing.assert_array_equal(found.book.ledger.equity, whole.book.ledger.equity)
    assert any(f"differ on {HOLIDAY} and 1 more days" in limit for limit in found.market.limits)


@pytest.mark.parametrize(
    ("start", "end", "day"),
    [
        (None, None, HOLIDAY),
        ("2020-01-20", "2020-01-31", HOLIDAY),
        ("2020-02-04", None, MISSING),
        ("2020-01-21", "2020-02-04", MISSING),
    ],
)
def test_a_run_over_them_stops(folder: Path, start: str | None, end: str | None, day: str) -> None:
    with pytest.raises(MarketError, match=day):
        run(configuration(folder, start, end))


def test_what_uses_the_whole_folder_stops(folder: Path) -> None:
    checked = check_folder(folder)
    assert {finding.date for finding in checked.errors} == {HOLIDAY, MISSING}
    for opened in (load_folder, open_folder):
        with pytest.raises(MarketError, match=HOLIDAY):
            opened(folder)
    sessions = load_folder(folder, part=True).sessions
    np.testing.assert_array_equal(sessions, SESSIONS[np.datetime64(MISSING) != SESSIONS])


def test_a_cut_before_them_changes_nothing(folder: Path) -> None:
    whole = load_folder(folder, part=True)
    (rewound,) = rewind(folder, whole, [np.datetime64("2020-01-24")])
    assert not rewound.differences
