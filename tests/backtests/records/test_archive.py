"""Whatever happens while something is written: whole or not there, and the next one puts it right."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.records import archive, finished, register, results, reviews
from backtests.records.chain import Chain, RecordError
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import ConfigError, RunConfig, parse
from backtests.sweeps import sweep as sweeps
from backtests.sweeps import walk_forward_report
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.walk_forward import walk_forward
from datafeeds.folder import cache
from datafeeds.market import Market
from tests.datafeeds.folders import write_folder

SESSIONS = 600


@contextmanager
def _writing_plain_pages(sheet: object, folder: Path, paper: str) -> Iterator[None]:
    yield
    for name in ("tearsheet.html", "tearsheet.pdf"):
        (folder / name).write_text("page")


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(register.PLACE, str(tmp_path / "register.sqlite"))
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path / "cache"))
    # Pages take seconds to draw and are files like others.
    monkeypatch.setattr(results, "build", lambda result: None)
    monkeypatch.setattr(results, "writing_pages", _writing_plain_pages)


@pytest.fixture(scope="module")
def market() -> Market:
    random = np.random.default_rng(4)
    days = pd.bdate_range("2018-01-01", periods=SESSIONS)
    walk = 50 * np.exp(np.cumsum(random.normal(0.0004, 0.02, (SESSIONS, 3)), axis=0))
    close = pd.DataFrame(walk, index=days, columns=list("ABC"))
    return Market.from_wide("walks", close, open=close.shift(1).bfill(), volume=close * 1e4)


def config(**more: object) -> RunConfig:
    document = {"name": "test", "market": "walks", "engine": "ledger", "strategy": {"name": "EqualWeighted"}}
    return parse(document | more, "test.toml")


SWEPT = {"sweep": {"parameters": {"strategy.schedule": ["weekly", "monthly"]}}}
WALKED = {**SWEPT, "walk_forward": {"train_years": 1}}


@pytest.fixture(scope="module")
def result(market: Market) -> Result:
    return run(config(benchmarks=[{"name": "BuyAndHold", "symbols": ["A"]}]), market=market)


def folders(place: Path) -> list[Path]:
    return sorted(path.parent for path in place.glob("[!.]*/manifest.json"))


def hidden(place: Path) -> list[str]:
    return sorted(path.name for path in place.glob(".*"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# The kill matrix -------------------------------------------------------------------------------------

WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect", "shutil.rmtree")


def killed_at(event: int, action: Callable[[], object]) -> bool:
    """Run an action in a child that is killed at its n-th write event; False if it got through before."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(name: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            writes = name in WRITES or (name == "open" and isinstance(arguments[2], int) and arguments[2] & 3)
            seen += bool(writes)
            if seen > event:
                os._exit(9)

        sys.addaudithook(hook)
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def deaths(action: Callable[[], object], every: int = 1) -> Iterator[int]:
    """Kill an action at each of its write events, or at every so many, one after the other."""
    for event in range(0, 300, every):
        if not killed_at(event, action):
            assert event > 3
            return
        yield event
    raise AssertionError("it never got through")


def sound(place: Path) -> None:
    assert register.verify(place).intact, register.verify(place).problems
    assert "can't be trusted" not in reviews.record_sentence(place)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_killed_anywhere(result: Result, tmp_path: Path, every: int) -> None:
    place = tmp_path / "results"
    for event in deaths(lambda: results.write(result, place), every):
        archive.restore(place)
        for folder in folders(place):
            assert not archive.altered(folder), event
            assert len(content(folder)) == 11
        sound(place)
    for left in place.glob(f"{archive.DRAFT}*"):
        os.utime(left, (0, 0))
    folder = results.write(result, place).folder
    assert folders(place) == [folder]
    assert hidden(place) == []
    assert register.known(result.market, place)[1]["count"] == 1
    sound(place)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_run_written_again_and_killed_anywhere_is_never_lost(result: Result, tmp_path: Path) -> None:
    place = tmp_path / "results"
    first = results.write(result, place).folder
    for event in deaths(lambda: results.write(result, place)):
        assert finished.find(place, "test") == first, event
        assert not archive.altered(first), event
        sound(place)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_sweep_killed_anywhere(market: Market, tmp_path: Path) -> None:
    whole = sweep(config(**SWEPT), Workplace(tmp_path / "whole"), market=market)
    place = tmp_path / "pieces"
    for event in deaths(lambda: sweep(config(**SWEPT), Workplace(place), market=market)):
        sound(place)
        if event % 4 == 0:  # else the next goes on from there
            done = sweep(config(**SWEPT), Workplace(place), market=market)
            assert np.array_equal(done.returns, whole.returns)
            shutil.rmtree(place)
    done = sweep(config(**SWEPT), Workplace(place), market=market)
    assert np.array_equal(done.returns, whole.returns)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_walk_forward_killed_anywhere(market: Market, tmp_path: Path) -> None:
    found = walk_forward(config(**WALKED), Workplace(tmp_path), market=market)
    first = walk_forward_report.write(found, tmp_path)
    before = content(first)
    for event in deaths(lambda: walk_forward_report.write(found, tmp_path)):
        archive.restore(tmp_path)
        assert set(content(first)) == set(before), event
        assert not archive.altered(first)
        sound(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_review_killed_anywhere(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    for number, _ in enumerate(deaths(lambda: reviews.review(folder, "approve", "Ann"))):
        assert len(reviews.read(tmp_path)) <= number + 1
        sound(tmp_path)
    assert reviews.read(tmp_path)
    assert not reviews.read(tmp_path)[-1].changed(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_cache_killed_anywhere(tmp_path: Path) -> None:
    market = write_folder(tmp_path / "market")
    truth = cache.load_folder(market)
    for event in deaths(lambda: cache.open_folder(market)):
        if event % 6 == 0:
            assert cache.open_folder(market).hash == truth.hash
            shutil.rmtree(tmp_path / "cache")
    assert cache.open_folder(market).hash == truth.hash


# Left over, and two at once --------------------------------------------------------------------------


def test_a_run_caught_between_two_renames_is_moved_back(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    before = content(folder)
    folder.rename(tmp_path / f"{archive.ASIDE}0f-{folder.name}")
    assert finished.find(tmp_path, "test") == folder
    assert content(folder) == before


def test_drafts_that_are_old_go_and_fresh_ones_stay(result: Result, tmp_path: Path) -> None:
    for name in (".draft-1-test", ".draft-2-test", ".sweep-old", ".sweep-new", ".mine"):
        (tmp_path / name).mkdir()
    for name in (".draft-1-test", ".sweep-old", ".mine"):
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / ".sweep-new", (time.time() - 86_400,) * 2)
    results.write(result, tmp_path)
    assert hidden(tmp_path) == [".draft-2-test", ".mine", ".sweep-new"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_same_run_six_times_at_once(result: Result, tmp_path: Path) -> None:
    place = tmp_path / "results"
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                results.write(result, place)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    (folder,) = folders(place)
    assert not archive.altered(folder)
    assert hidden(place) == []
    assert register.known(result.market, place)[1]["count"] == 1
    sound(place)


# A full disk -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["to_parquet", "write_text", "mkdir", "rename"])
def test_a_full_disk_is_one_sentence(
    broken: str, result: Result, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = results.write(result, tmp_path).folder
    before = content(first)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame if broken == "to_parquet" else Path, broken, full)
    with pytest.raises(finished.ResultsError, match=r"can't be used: No space left on device$"):
        results.write(result, tmp_path)
    with pytest.raises(RecordError, match=r"can't be used: No space left on device$"):
        sweep(config(**SWEPT), Workplace(tmp_path), market=market)
    monkeypatch.undo()
    assert content(first) == before
    assert folders(tmp_path) == [first]


def test_a_full_disk_under_the_records_is_one_sentence(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write(result, tmp_path)
    begun = Chain._begun

    def limited(chain: Chain) -> sqlite3.Connection:
        database = begun(chain)
        database.execute("PRAGMA max_page_count = 1")
        return database

    monkeypatch.setattr(Chain, "_begun", limited)
    with pytest.raises(RecordError, match=r"register.sqlite: can't be used: database or disk is full"):
        register.record(result.market, [register.Trial("x" * 99_000, "run")])
    monkeypatch.setattr(Chain, "_begun", begun)
    sound(tmp_path)


# What was signed, and what was written ---------------------------------------------------------------


def test_a_reviewed_run_is_never_replaced(result: Result, tmp_path: Path) -> None:
    first = results.write(result, tmp_path).folder
    before = content(first)
    reviews.review(first, "approve", "Ann")
    second = results.write(result, tmp_path).folder
    assert second.name == f"{first.name}-2"
    assert results.write(result, tmp_path).folder == second
    reviews.review(second, "reject", "Bo", "no")
    assert results.write(result, tmp_path).folder.name == f"{first.name}-3"
    assert content(first) == before
    assert not reviews.read(tmp_path)[0].changed(tmp_path)
    sound(tmp_path)


FILES = (
    "manifest.json", "metrics.json", "returns.parquet", "positions.parquet", "fills.parquet",
    "unfilled.parquet", "decisions.jsonl", "run.toml", "log.txt", "tearsheet.html", "tearsheet.pdf",
)  # fmt: skip
TAMPERED: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_file_of_a_run_that_is_not_what_was_written(
    name: str, tamper: Callable[[Path], object], result: Result, tmp_path: Path
) -> None:
    folder = results.write(result, tmp_path).folder
    said = reviews.review(folder, "approve", "Ann")
    tamper(folder / name)
    assert said.changed(tmp_path) == (name,)
    assert f"changed since: {name}" in said.sentence(tmp_path)
    assert archive.altered(folder) == (name,)
    with pytest.raises(reviews.ReviewError, match=f"not as it was written: {name}"):
        reviews.review(folder, "approve", "Bo")
    if name == "manifest.json":
        assert "manifest" in reviews.record_sentence(tmp_path)
        assert "can't be trusted" in reviews.record_sentence(tmp_path)


def test_a_manifest_that_is_forged_whole(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**said, "trials": {**said["trials"], "count": 1}}))
    assert "the manifest of" in reviews.record_sentence(tmp_path)
    del said["trials"], said["entries"]
    (folder / "manifest.json").write_text(json.dumps(said))
    assert "was changed since it was written" in reviews.record_sentence(tmp_path)


def rolled_back(place: Path, change: Callable[[Path], object]) -> str:
    """What is said after something was done to the record of a results folder."""
    with closing(sqlite3.connect(place / archive.RECORD)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    change(place / archive.RECORD)
    return reviews.record_sentence(place)


def test_a_review_rolled_back_shows(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    before = (tmp_path / archive.RECORD).read_bytes()
    reviews.review(folder, "reject", "Bo", "no")
    assert "a review among them, are gone" in rolled_back(tmp_path, lambda path: path.write_bytes(before))


def test_a_deleted_record_shows(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    reviews.review(folder, "reject", "Bo", "no")
    assert "a review among them, are gone" in rolled_back(tmp_path, Path.unlink)
    results.write(result, tmp_path)
    assert "a review among them, are gone" in reviews.record_sentence(tmp_path)


def test_a_rollback_shows_by_the_manifests_alone(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = results.write(result, tmp_path).folder
    before = (tmp_path / archive.RECORD).read_bytes()
    reviews.review(folder, "reject", "Bo", "no")
    results.write(result, tmp_path)
    monkeypatch.setenv(register.PLACE, str(tmp_path / "another.sqlite"))
    said = rolled_back(tmp_path, lambda path: path.write_bytes(before))
    assert "records.sqlite has lost or changed entries that" in said


def test_a_review_taken_out_of_the_record_shows(result: Result, tmp_path: Path) -> None:
    folder = results.write(result, tmp_path).folder
    reviews.review(folder, "reject", "Bo", "no")
    with closing(sqlite3.connect(tmp_path / archive.RECORD)) as database, database:
        database.execute("DELETE FROM chain WHERE content LIKE '%reject%'")
    assert "has lost entries" in reviews.record_sentence(tmp_path)


def test_a_sweep_that_was_changed_is_not_taken_for_done(market: Market, tmp_path: Path) -> None:
    done = sweep(config(**SWEPT), Workplace(tmp_path), market=market)
    (done.folder / "table.parquet").write_bytes(b"")
    with pytest.raises(sweeps.SweepError, match=r"changed since it was written \(table.parquet\)"):
        sweep(config(**SWEPT), Workplace(tmp_path), market=market)


def test_two_books_of_one_label_are_refused(market: Market) -> None:
    with pytest.raises(ConfigError, match="another book has this label"):
        config(benchmarks=[{"name": "BuyAndHold", "label": "EqualWeighted", "symbols": ["A"]}])
