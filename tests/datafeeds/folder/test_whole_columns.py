"""Faults of a whole column or table: one error that says what to do, or a word on the first page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.folder.layout import check_folder
from tests.datafeeds.folders import FACTS, SERIES, price_rows, write_folder

Change = Callable[[pd.DataFrame], pd.DataFrame]

REFUSED: dict[str, tuple[Change, str]] = {
    "close and volume swapped": (
        lambda rows: rows.rename(columns={"close": "volume", "volume": "close"}),
        "columns close and volume seem to be swapped",
    ),
    "a dividend on every row": (
        lambda rows: rows.assign(dividend=0.5),
        "62 of 62 sessions have a dividend",
    ),
    "a split factor": (
        lambda rows: rows.assign(splitFactor=np.where(np.arange(len(rows)) == 30, 7.0, 1.0)),
        "column splitfactor holds 7",
    ),
    "one date of 2098": (
        lambda rows: pd.concat([rows, rows.tail(1).assign(date="2098-12-31")]),
        "1 dates lie after today",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_one_error_that_says_what_to_do(fault: str, tmp_path: Path) -> None:
    change, said = REFUSED[fault]
    checked = check_folder(write_folder(tmp_path / "small", change(price_rows())))
    assert checked.market is None
    errors = [str(error) for error in checked.errors if said in str(error)]
    assert errors
    assert len(checked.errors) <= 3  # one a symbol at most


def test_split_factors_of_one_are_no_fault(tmp_path: Path) -> None:
    assert check_folder(write_folder(tmp_path / "small", price_rows().assign(splitFactor=1.0))).market


def suspicions(folder: Path, check: str) -> list[str]:
    return [str(finding) for finding in check_folder(folder).findings if finding.check == check]


def test_timing_that_is_too_good(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    assert suspicions(folder, "timing too good") == []
    ends = pd.read_csv(folder / "facts.csv")
    ends.assign(filed=ends["period_end"]).to_csv(folder / "facts.csv", index=False)
    (folder / "series.csv").write_text(SERIES.replace("2020-01-03,1.88", "2020-01-02,1.88"), encoding="utf-8")
    filed, series = suspicions(folder, "timing too good")
    assert "within 0 days of their period" in filed
    assert "every value of series us10y is available on the date" in series


def test_an_unknown_concept_is_named_with_the_nearest(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    (folder / "facts.csv").write_text(FACTS.replace("AAA,revenue,2019", "AAA,revenu,2019"), encoding="utf-8")
    (said,) = suspicions(folder, "unknown concept")
    assert "did you mean 'revenue'" in said


def long_rows(names: list[str], last: dict[str, int]) -> pd.DataFrame:
    days = exchange_sessions("2015-01-02", "2019-12-31")
    return pd.concat(
        [
            pd.DataFrame({"symbol": name, "date": days[: last.get(name)].astype(str), "close": 10.0})
            for name in names
        ]
    )


@pytest.mark.parametrize(
    ("last", "said", "survivors"),
    [
        ({}, "None of 30 symbols were delisted in 5 years", True),
        ({"S00": 500}, "1 of 30 symbols were delisted in 5 years", True),
        ({f"S0{place}": 100 + 100 * place for place in range(6)}, "", False),
        ({f"S0{place}": 700 for place in range(6)}, "the feed stopped there", True),
    ],
)
def test_survivorship_is_a_share_and_a_feed_that_stops_no_delisting(
    last: dict[str, int], said: str, survivors: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    long_rows([f"S{place:02}" for place in range(30)], last).to_csv(folder / "prices.csv", index=False)
    market = check_folder(folder).market
    assert market is not None
    limits = " ".join(market.limits)
    assert said in limits
    assert ("carry survivorship bias" in limits) == survivors
