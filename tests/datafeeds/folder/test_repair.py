"""A repaired copy: the folder stays, the copy passes, and decisions on it are the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtests.cli import app
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.repair import LIST, repair_folder
from datafeeds.folder.rewind import compared
from datafeeds.market import MarketError
from tests.datafeeds.folder.test_kinds import paying
from tests.datafeeds.folder.test_rewind import dirty_tables, written
from tests.datafeeds.folders import FACTS, SERIES, SESSIONS, SPLITS, price_rows, write_folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with one fault of each kind that can be repaired."""
    prices = price_rows().astype({"volume": object})
    prices.loc[4, "volume"] = -5
    prices.loc[5, "volume"] = "many"
    prices.loc[6, "open"] = 1e-12
    extra = prices.iloc[[8, 8, 8, 9]].copy()
    extra.iloc[1, 1], extra.iloc[2, 1] = "2020-01-20", "2098-12-31"
    folder = write_folder(tmp_path / "m", pd.concat([prices, extra], ignore_index=True))
    more = (
        "AAA,revenue,2017,Q9,2018-02-20,9e8,\n"
        "AAA,revenue,2019,FY,2020-02-20,1100000000,2019-12-31\n"
        "AAA,revenue,2019,Q1,2019-04-20,soon,2019-03-31\n"
        "AAA,revenue,2091,FY,2018-02-20,9e8,2017-12-31\n"
        "ZZZ,revenue,2018,FY,2019-02-25,500000000,2018-12-31\n"
        "BBB,shares_outstanding,2017,FY,2018-02-25,29000,2017-12-31\n"
    )
    (folder / "facts.csv").write_text(FACTS + more, encoding="utf-8")
    (folder / "splits.csv").write_text(SPLITS + "AAA,2019-06-03,2\nZZZ,2019-06-03,2\n", encoding="utf-8")
    (folder / "series.csv").write_text(
        SERIES + "vix,2020-01-07,2020-01-06,13\nvix,2020-01-08,2020-01-08,\n", encoding="utf-8"
    )
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_broken_folder_becomes_the_whole_one(broken: Path, tmp_path: Path) -> None:
    before = content(broken)
    assert check_folder(broken).errors
    done = repair_folder(broken, tmp_path / "copy")
    assert content(broken) == before
    assert done.folder == tmp_path / "copy"
    told = {(repair.file, repair.row, repair.column, repair.was, repair.now) for repair in done.repairs}
    rows = len(price_rows())
    assert {row for file, row, column, _, _ in told if file == "prices.csv" and not column} == {
        *range(rows + 1, rows + 5)
    }
    assert ("prices.csv", 5, "volume", "-5", "") in told
    assert ("prices.csv", 6, "volume", "many", "") in told
    assert ("prices.csv", 7, "open", "1e-12", "") in told
    assert {row for file, row, _, _, _ in told if file == "facts.csv"} >= {7, 8, 9, 10, 11}
    assert ("splits.csv", 2, "", "", "row dropped") in told
    assert sum(file == "series.csv" for file, *_ in told) == 2
    assert not [finding for finding in done.checked.findings if finding.severity in ("error", "quarantined")]
    # What is left is the folder without faults, the blanked cells aside.
    whole = load_folder(write_folder(tmp_path / "whole"))
    assert done.checked.market is not None
    np.testing.assert_array_equal(done.checked.market.close, whole.close)
    listed = pd.read_csv(tmp_path / "copy" / LIST, keep_default_na=False)
    assert len(listed) == len(done.repairs)
    assert listed["why"].ne("").all()
    said = " ".join(done.checked.market.limits)
    assert f"repaired copy of m: {len(done.repairs)} repairs" in said


def test_what_the_loader_mended_is_mended_in_the_copy(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m")
    text = FACTS.replace("2019-02-25,30000000,", "2019-02-25,30000,")
    (folder / "facts.csv").write_text(text, encoding="utf-8")
    whole = load_folder(folder)
    done = repair_folder(folder, tmp_path / "copy")
    (repair,) = done.repairs
    assert (repair.file, repair.symbol, repair.column) == ("facts.csv", "BBB", "value")
    assert (repair.was, repair.now) == ("30000", "30000000")
    assert done.checked.market is not None
    assert not [finding for finding in done.checked.findings if finding.check == "share count scale"]
    assert not compared(whole, done.checked.market)[1]


@pytest.mark.parametrize("seed", [0, 2, 9])
def test_decisions_on_the_copy_see_what_those_on_the_folder_saw(tmp_path: Path, seed: int) -> None:
    """In seed 2 a count off by a thousand, put right for good, would lead to another verdict: it stays."""
    tables = dirty_tables(seed, cents=seed % 2 == 0)
    folder = written(tables, tmp_path / "m")
    whole = load_folder(folder)
    done = repair_folder(folder, tmp_path / "copy")
    assert sum("off by a" in repair.why for repair in done.repairs) >= 4
    assert done.checked.market is not None
    figures, differences = compared(whole, done.checked.market)
    assert figures > 20
    assert list(map(str, differences)) == []


def test_dividends_before_a_split_are_divided(tmp_path: Path) -> None:
    prices, paid, _, splits = paying(4.0)
    folder = tmp_path / "m"
    (folder / "prices").mkdir(parents=True)
    prices.drop(columns="symbol").to_parquet(folder / "prices" / "DIV.parquet", index=False)
    (folder / "splits.csv").write_text(f"symbol,date,ratio\n{splits}\n", encoding="utf-8")
    done = repair_folder(folder, tmp_path / "copy")
    assert {repair.file for repair in done.repairs} == {"prices/DIV.parquet"}
    assert done.checked.market is not None
    np.testing.assert_allclose(done.checked.market.dividend[paid, 0], 0.2)
    assert "dividends not split-adjusted" not in {finding.check for finding in done.checked.findings}


def test_a_figure_that_a_person_decided_on_stays(broken: Path, tmp_path: Path) -> None:
    (broken / "corrections.csv").write_text(
        "symbol,concept,filed,value,reason\nBBB,shares_outstanding,2018-02-25,29000,a small company\n",
        encoding="utf-8",
    )
    done = repair_folder(broken, tmp_path / "copy")
    assert not [repair for repair in done.repairs if repair.symbol == "BBB" and repair.column == "value"]
    assert not done.checked.errors


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("source.json", "{"),
        ("corrections.csv", "symbol,value\nBBB,1\n"),
        ("facts.csv", "symbol,value\nBBB,1\n"),
    ],
)
def test_what_can_not_be_read_stays_as_it_is(broken: Path, tmp_path: Path, name: str, text: str) -> None:
    (broken / name).write_text(text, encoding="utf-8")
    done = repair_folder(broken, tmp_path / "copy")
    assert (tmp_path / "copy" / name).read_text(encoding="utf-8") == text
    assert {repair.file for repair in done.repairs} >= {"prices.csv", "splits.csv"}


def test_a_place_that_is_taken_is_refused(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(MarketError, match="is there already"):
        repair_folder(broken, tmp_path / "there")
    with pytest.raises(MarketError, match="lies in"):
        repair_folder(broken, broken / "copy")


def test_nothing_to_repair_leaves_nothing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m")
    done = repair_folder(folder, tmp_path / "copy")
    assert (done.folder, done.repairs) == (folder, ())
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_what_needs_a_person_stays(tmp_path: Path) -> None:
    prices = price_rows()
    other = prices.iloc[[3]].assign(close=prices["close"][3] + 1)
    folder = write_folder(tmp_path / "m", pd.concat([prices, other], ignore_index=True))
    done = repair_folder(folder, tmp_path / "copy")
    assert done.repairs == ()
    (error,) = done.checked.errors
    assert error.message.startswith("different rows for one date")
    assert error.date == str(SESSIONS[3])


def test_the_command_prints_what_it_did(broken: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["data", "check", str(broken)]).exit_code == 3
    shown = runner.invoke(app, ["data", "check", str(broken), "--repair", str(tmp_path / "copy")])
    assert shown.exit_code == 0
    assert "prices.csv row 5 AAA" in shown.output
    assert "row dropped (the New York Stock Exchange was closed)" in shown.output
    assert "can be used" in shown.output
    said = json.loads((tmp_path / "copy" / "source.json").read_text(encoding="utf-8"))
    assert said["source"] == "made up"
