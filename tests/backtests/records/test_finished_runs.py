"""What can be done with finished runs: index, reviews, reproduction, comparison."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from backtests.document.blocks import Table
from backtests.provenance import trial_hash
from backtests.records import archive, register, reviews
from backtests.records.compare import comparison, read
from backtests.records.index import index, write_index
from backtests.records.results import write
from backtests.runner import run
from backtests.settings.run_file import load
from tests.command import backtest

SHORT = ("start=2020-06-01", "end=2021-07-30")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two short runs."""
    results = tmp_path_factory.mktemp("results")
    for extra in ((), ("strategy.max_cut=0.5", "end=2021-05-28")):
        write(run(load("blueprint", (*SHORT, *extra)), verify=True), results)
    return results


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    copy = tmp_path / "results"
    shutil.copytree(made, copy)
    return copy


def folders(results: Path) -> list[Path]:
    return sorted(path.parent for path in results.glob("*/manifest.json"))


def manifest(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "manifest.json").read_text())
    return content


def test_every_run_is_a_trial_and_knows_the_number(results: Path) -> None:
    counts = sorted(manifest(folder)["trials"]["count"] for folder in folders(results))  # type: ignore[index]
    assert counts == [1, 2]
    assert register.verify(results).intact
    pages = [(folder / "tearsheet.html").read_text() for folder in folders(results)]
    assert sum("2 trials on this market are recorded on this machine since" in page for page in pages) == 1
    assert sum("With 2 trials on this market" in page for page in pages) == 1


def test_names_and_benchmarks_make_no_other_trial(made: Path) -> None:
    first = load("blueprint", SHORT)
    market = run(first).market
    renamed = load("blueprint", (*SHORT, "name=other", "engine=ledger", "description=x"))
    lagged = load("blueprint", (*SHORT, "lag=1"))
    assert trial_hash(first, market) == trial_hash(renamed, market)
    assert trial_hash(first, market) != trial_hash(lagged, market)


def test_manifest_says_where_everything_comes_from(results: Path) -> None:
    said = manifest(folders(results)[0])
    assert {
        "run_hash", "config", "market", "engine", "code", "python", "packages", "seed", "started", "seconds",
        "verification", "trials",
    } <= set(said)  # fmt: skip
    assert all(version[0].isdigit() for version in said["packages"].values())  # type: ignore[attr-defined]


def test_the_same_run_gives_the_same_documents(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = next(each for each in folders(results) if manifest(each)["trials"]["count"] == 1)  # type: ignore[index]
    monkeypatch.setenv(register.PLACE, str(tmp_path / "register.sqlite"))
    again = write(run(load(folder / "run.toml"), verify=True), tmp_path / "elsewhere").folder
    for name in ("tearsheet.html", "tearsheet.pdf", "metrics.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_letter(tmp_path: Path) -> None:
    folder = write(run(load("blueprint", SHORT)), tmp_path, "letter").folder
    assert b"/MediaBox[0 0 612 792]" in (folder / "tearsheet.pdf").read_bytes()


def test_reproduce(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folders(results)[0]
    assert backtest(monkeypatch, "reproduce", folder.name, "--results", str(results)) == 0
    assert "all identical" in capsys.readouterr().out
    returns = pd.read_parquet(folder / "returns.parquet")
    returns.iloc[7, 0] += 1e-16 + 1e-15
    returns.to_parquet(folder / "returns.parquet")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["strategy"]["performance"]["sharpe"] += 0.01
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "fills.parquet").unlink()
    before = register.place().read_bytes()
    assert backtest(monkeypatch, "reproduce", folder.name, "--results", str(results)) == 3
    said = capsys.readouterr().out
    assert "NOT reproduced" in said
    assert f"{returns.columns[0]} {returns.index[7]:%Y-%m-%d}: " in said
    assert "strategy performance sharpe: " in said
    assert "fills.parquet is missing" in said
    assert register.place().read_bytes() == before


def test_compare(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = [folder.name for folder in folders(results)]
    assert backtest(monkeypatch, "compare", *names, "--results", str(results)) == 0
    (page,) = results.glob("compare-*.html")
    text = page.read_text()
    assert all(f'href="{name}/tearsheet.html"' in text for name in names)
    assert "strategy max cut" in text
    assert "different spans" in text
    assert "2020-06-01 to 2021-05-28" in text
    assert backtest(monkeypatch, "compare", names[0], names[0], "--results", str(results)) == 1
    assert "two different runs" in capsys.readouterr().err


def test_a_comparison_subtracts_what_cash_earned(tmp_path: Path) -> None:
    configs = [
        load("blueprint", (*SHORT, f"strategy.max_cut={cut}", "costs.cash_rate=0.05")) for cut in (0.2, 0.4)
    ]
    runs = [read(write(run(config), tmp_path).folder) for config in configs]
    (table,) = (each for each in comparison(runs, tmp_path).sections[0].blocks if isinstance(each, Table))
    (row,) = (row for row in table.rows if row.term == "sharpe")
    own = [each.metrics["strategy"]["performance"]["sharpe"] for each in runs]
    assert [cell.value for cell in row.cells[1:]] == pytest.approx(own, rel=1e-9)


def test_a_team_may_share_a_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(register.PLACE, "elsewhere")
    assert backtest(monkeypatch, "--register", str(tmp_path / "team.sqlite"), "list") == 0
    assert register.place() == tmp_path / "team.sqlite"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"strategy": 3}', "[" * 50_000])
def test_a_damaged_run_is_one_line(
    content: str, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folders(results)[0]
    (folder / "metrics.json").write_text(content)
    assert backtest(monkeypatch, "show", folder.name, "--results", str(results)) == 1
    said = capsys.readouterr()
    assert "NOT as it was written: metrics.json changed since." in said.out.replace("\n", " ")
    assert said.err.count("\n") == 1
    assert "not a finished run: " in said.err
    assert "Error" not in said.err


def test_reviews_are_kept_and_shown(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = folders(results)[0].name
    said = ("review", name, "--results", str(results))
    assert backtest(monkeypatch, *said, "--verdict", "approve", "--by", "<b>Ann</b>", "--note", "sound") == 0
    assert backtest(monkeypatch, *said, "--verdict", "reject", "--by", "Bo", "--note", "too short") == 0
    page = (results / "index.html").read_text()
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page
    assert "<b>Ann" not in page
    assert "too short" in page
    assert "The record of runs and 2 reviews is unbroken" in page
    assert backtest(monkeypatch, *said, "--verdict", "reject", "--by", "Bo") == 1
    assert backtest(monkeypatch, *said, "--verdict", "maybe", "--by", "Bo") == 1
    assert backtest(monkeypatch, *said, "--verdict", "approve", "--by", " ") == 1
    assert len(reviews.read(results)) == 2
    (results / name / "metrics.json").write_text("{}")
    assert "changed since: metrics.json" in reviews.read(results)[0].sentence(results)


def test_a_review_that_was_changed_shows(results: Path) -> None:
    reviews.review(folders(results)[0], "reject", "Bo", "no")
    with closing(sqlite3.connect(results / archive.RECORD)) as record, record:
        record.execute("UPDATE chain SET content = replace(content, 'reject', 'approve')")
    assert "can't be trusted" in reviews.record_sentence(results)
    assert "can&#39;t be trusted" in write_index(results).read_text()


def test_index_lists_every_run(results: Path) -> None:
    (results / "broken").mkdir()
    (results / "broken" / "manifest.json").write_text("not json")
    (results / "x-sweep-1").mkdir()
    (results / "x-sweep-1" / "manifest.json").write_text('{"kind": "sweep", "configurations": 9}')
    (results / "x-sweep-1" / "sweep.html").write_text("")
    sheet = index(results)
    tables = [block for section in sheet.sections for block in section.blocks if isinstance(block, Table)]
    assert {row.cells[0].text for row in tables[0].rows} == {folder.name for folder in folders(results)} - {
        "broken", "x-sweep-1",
    }  # fmt: skip
    assert all((results / row.cells[0].link).is_file() for row in tables[0].rows)
    assert tables[1].rows[0].cells[0].link == "x-sweep-1/sweep.html"
    assert "There are no runs yet." in write_index(results / "broken").read_text()


def test_scenarios_of_the_run_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shocks = 'scenarios={"AI winter" = {ai_hardware = -0.4, MSFT = -0.1, rest = -0.05}}'
    folder = write(run(load("blueprint", (*SHORT, shocks))), tmp_path).folder
    page = (folder / "tearsheet.html").read_text()
    assert "AI winter" in page
    assert "ai_hardware −40.0%" in page
    written = load(folder / "run.toml")
    assert written.scenarios["AI winter"]["MSFT"] == -0.1
    wrong = ("run", "blueprint", "--results", str(tmp_path), "--set", "scenarios={x = {ai_hardwear = -0.4}}")
    assert backtest(monkeypatch, *wrong) == 1
    assert "did you mean 'ai_hardware'" in capsys.readouterr().err
