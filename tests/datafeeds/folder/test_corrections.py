"""What a person corrected by hand stands above the checks, is counted, and is never followed halfway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datafeeds import facts as fundamentals
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.rewind import compared, cut_folder
from tests.datafeeds.folders import FACTS, write_folder

HEADER = "symbol,concept,filed,value,reason\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


def correct(folder: Path, rows: str, header: str = HEADER) -> Path:
    (folder / "corrections.csv").write_text(header + rows, encoding="utf-8")
    return folder


def test_a_value_a_drop_and_their_sentence(folder: Path) -> None:
    before = load_folder(folder)
    rows = "AAA,revenue,2020-02-20,1200000000,typed wrong\n"
    rows += "BBB,shares_outstanding,2019-02-25,Drop,another class\n"
    market = load_folder(correct(folder, rows))
    assert market.hash != before.hash
    day = market.index_of("2020-02-21")
    assert fundamentals.fact(before, "revenue_ttm")[day, 0] == 1.1e9
    assert fundamentals.fact(market, "revenue_ttm")[day, 0] == 1.2e9
    assert np.isfinite(fundamentals.fact(before, "shares")[day, 1])
    assert np.isnan(fundamentals.fact(market, "shares")[day, 1])
    assert (
        "2 figures were corrected by hand: AAA revenue filed 2020-02-20 (1,200,000,000: typed wrong), "
        "BBB shares_outstanding filed 2019-02-25 (dropped: another class)."
    ) in market.limits
    assert not any("can't be right" in limit for limit in market.limits)


def test_a_person_overrules_a_verdict(folder: Path) -> None:
    facts = FACTS.replace("2020-02-20,41000000,", "2020-02-20,41000000000,")
    assert facts != FACTS
    (folder / "facts.csv").write_text(facts, encoding="utf-8")
    day = load_folder(folder).index_of("2020-02-21")
    assert fundamentals.fact(load_folder(folder), "shares")[day, 0] != 41e9
    market = load_folder(correct(folder, "AAA,shares_outstanding,2020-02-20,41000000000,it is so\n"))
    assert fundamentals.fact(market, "shares")[day, 0] == 41e9


def test_the_cache_sees_a_correction(folder: Path) -> None:
    before = open_folder(folder)
    after = open_folder(correct(folder, "AAA,revenue,2020-02-20,1200000000,typed wrong\n"))
    assert before.hash != after.hash
    assert open_folder(folder).limits == after.limits == load_folder(folder).limits


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("AAB,revenue,2020-02-20,1,why", "line 2: no symbol 'AAB'; did you mean 'AAA'?"),
        ("AAA,revenu,2020-02-20,1,why", "line 2: no concept 'revenu' in the facts; did you mean 'revenue'?"),
        (
            "AAA,revenue,2020-02-21,1,why",
            "no revenue of AAA was filed on 2020-02-21; the nearest were filed 2019-02-20, 2020-02-20",
        ),
        ("AAA,revenue,2020-02-20,much,why", "line 2: the value is 'much'; write a number, or drop"),
        ("AAA,revenue,2020-02-20,-5,why", "line 2: revenue can't be -5: revenue is at least 0"),
        (
            "AAA,revenue,2020-02-20,5,why\nAAA,revenue,2020-02-20,drop,why",
            "line 3: this figure is corrected on line 2 already",
        ),
        ("AAA,revenue,20 May,5,why", "column filed"),
        ("AAA,revenue,2020-02-20,5,", "column reason"),
    ],
)
def test_what_can_not_be_followed_stops_by_line(folder: Path, row: str, message: str) -> None:
    checked = check_folder(correct(folder, row + "\n"))
    assert checked.market is None
    (error,) = checked.errors
    assert message in str(error)


def test_one_of_several_figures_of_a_filing(folder: Path) -> None:
    (folder / "facts.csv").write_text(
        FACTS + "AAA,revenue,2019,Q4,2020-02-20,300000000,2019-12-31\n", encoding="utf-8"
    )
    (error,) = check_folder(correct(folder, "AAA,revenue,2020-02-20,5,why\n")).errors
    assert "is there for 2019 FY, 2019 Q4; say which one in columns fiscal_year and fiscal_period" in str(
        error
    )
    header = "symbol,concept,filed,value,reason,fiscal_year,fiscal_period\n"
    rows = "AAA,revenue,2020-02-20,1200000000,typed wrong,,FY\nAAA,revenue,2019-02-20,drop,why,2018,\n"
    market = load_folder(correct(folder, rows, header))
    assert list(market.facts.query("symbol == 'AAA' and concept == 'revenue'")["value"]) == [1.2e9, 3e8]


def test_a_cut_folder_keeps_the_corrections_of_its_time(folder: Path, tmp_path: Path) -> None:
    rows = "AAA,revenue,2019-02-20,900000000,typed wrong\nAAA,revenue,2020-02-20,drop,why\n"
    whole = load_folder(correct(folder, rows))
    cut = load_folder(cut_folder(folder, np.datetime64("2020-02-10"), tmp_path / "cut"))
    assert any(limit.startswith("1 figure was corrected by hand: AAA") for limit in cut.limits)
    assert not compared(whole, cut)[1]
