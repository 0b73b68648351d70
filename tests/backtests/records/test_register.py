"""The register of trials counts every configuration once, and does not shrink quietly."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from backtests.records import register as tested
from backtests.records.chain import RecordError


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five trials on one market, one on another, and a run that saw the first three."""
    monkeypatch.setenv(tested.PLACE, str(tmp_path / "register.sqlite"))
    results = tmp_path / "results"
    for number in range(3):
        record("market", f"run{number}", 0.01 * number)
    keep(results, "blueprint-abc", {"trials": tested.stamp("market", results)})
    record("market", "run3", math.nan)
    record("other", "run0", 0.5)
    record("market", "run4", 0.04)
    return results


def record(market: str, run: str, sharpe: float) -> None:
    tested.record(market, [tested.Trial(run, sharpe, {"kind": "run"})])


def keep(results: Path, name: str, manifest: object) -> None:
    (results / name).mkdir(parents=True)
    (results / name / "manifest.json").write_text(json.dumps(manifest))


def problems(results: Path) -> tuple[str, ...]:
    return tested.verify(results).problems


def test_counts_and_sharpes(results: Path) -> None:
    assert tested.stamp("market", results)["count"] == 5
    assert tested.stamp("other", results)["count"] == 1
    assert tested.stamp("third", results)["count"] == 0
    found = tested.sharpes("market")
    assert found[[0, 1, 2, 4]] == pytest.approx([0, 0.01, 0.02, 0.04])
    assert np.isnan(found[3])
    verdict = tested.verify(results)
    assert verdict.intact, verdict.problems
    assert verdict.sentence() == "The register of 6 trials on this machine is unbroken."


def test_the_same_configuration_is_one_trial(results: Path) -> None:
    record("market", "run0", 0.0)
    assert tested.stamp("market", results)["records"] == 6
    # Another result of the same configuration is kept, and still one trial.
    record("market", "run0", 0.07)
    assert (tested.stamp("market", results)["count"], tested.stamp("market", results)["records"]) == (5, 7)
    assert tested.sharpes("market")[0] == 0.07


def test_beginning_anew_shows_by_the_manifests(results: Path) -> None:
    for path in results.parent.glob("register.sqlite*"):
        path.unlink()
    record("market", "fresh", 0.1)
    (said,) = problems(results)
    assert said == "the register was begun anew since run blueprint-abc, which has seen 3 entries"


def test_an_earlier_copy_shows_by_the_manifests(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tested.place()
    copy = path.read_bytes()
    record("market", "run5", 0.1)
    keep(results, "later-abc", {"trials": tested.stamp("market", results)})
    path.write_bytes(copy)
    (said,) = problems(results)
    assert said == "the register has lost or changed trials that run later-abc has seen (7 then)"


def test_another_register_is_no_crime(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tested.PLACE, str(results.parent / "shared.sqlite"))
    record("market", "run0", 0.1)
    found = tested.verify(results)
    assert found.intact
    assert "1 run here stands in another register." in found.sentence()


def test_manifests_that_say_nothing_of_trials_are_left_alone(results: Path) -> None:
    keep(results, "old", {})
    keep(results, "bad", {"trials": 3})
    keep(results, ".draft", 5)
    keep(results, "odd", {})
    (results / "odd" / "manifest.json").write_text("not json")
    assert problems(results) == (
        "the manifest of bad has no head of the register",
        "the manifest of odd can't be read",
    )


def test_a_manifest_with_another_number(results: Path) -> None:
    path = results / "blueprint-abc" / "manifest.json"
    stamp = json.loads(path.read_text())["trials"]
    path.write_text(json.dumps({"trials": {**stamp, "records": 2}}))
    assert problems(results) == ("run blueprint-abc has seen 2 entries where the register has 3",)


def test_a_foreign_entry_is_no_end(results: Path) -> None:
    with closing(sqlite3.connect(tested.place())) as database, database:
        for content in ("{}", '{"recorded": "2020", "market": "market", "run": 3}', "nonsense"):
            database.execute("INSERT INTO chain (content, attachment) VALUES (?, x'')", (content,))
    record("market", "run5", 0.1)
    assert tested.stamp("market", results)["count"] == 6
    assert not tested.verify(results).intact


def test_what_can_not_be_recorded(results: Path) -> None:
    with pytest.raises(RecordError, match="JSON"):
        tested.record("m", [tested.Trial("run", 0.1, {"when": object()})])
    assert tested.stamp("m", results)["count"] == 0


def old_record(results: Path, market: str, sharpes: list[float | None]) -> list[str]:
    """A record as version 0.1 wrote it, and the hash of each line."""
    previous, lines, heads = "0" * 64, [], []
    for number, sharpe in enumerate(sharpes, start=1):
        line = {"n": number, "previous": previous, "market": market, "run": f"r{number}", "sharpe": sharpe}
        line |= {"name": "sweep", "recorded": "2026-01-05T10:00:00+00:00"}
        previous = line["hash"] = hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps(line))
        heads.append(previous)
    results.mkdir(exist_ok=True)
    (results / "trials.jsonl").write_text("".join(line + "\n" for line in lines))
    (results / "trials.head").write_text(f"{len(lines)} {previous}\n")
    return heads


def test_the_record_of_the_first_edition_is_taken_over_once(results: Path) -> None:
    heads = old_record(results, "old", [0.1, None, 0.3])
    keep(results, "ancient-abc", {"trials": {"count": 2, "records": 2, "head": heads[1]}})
    for _ in range(2):
        tested.adopt(results)
        stamp = tested.stamp("old", results)
        assert (stamp["count"], stamp["since"], stamp["intact"]) == (3, "2026-01-05", True)
    assert np.array_equal(tested.sharpes("old"), [0.1, np.nan, 0.3], equal_nan=True)
    assert sorted(path.name for path in results.glob("trials.*")) == ["trials.jsonl.migrated"]
    keep(results, "forged-abc", {"trials": {"count": 2, "records": 2, "head": "f" * 64}})
    assert len(problems(results)) == 1


@pytest.mark.parametrize("damage", ["changed", "cut", "torn", "no head"])
def test_what_was_wrong_with_an_old_record_stays_wrong(results: Path, damage: str) -> None:
    old_record(results, "old", [0.1, 0.2, 0.3])
    path = results / "trials.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    if damage == "changed":
        path.write_text("".join(lines).replace("0.2", "0.1"))
    elif damage == "cut":
        path.write_text("".join(lines[:2]))
    elif damage == "torn":
        path.write_text("".join(lines)[:-30])
    else:
        (results / "trials.head").unlink()
    tested.adopt(results)
    (said,) = problems(results)
    assert "was not whole when it was taken over" in said
    assert tested.stamp("old", results)["count"] >= 2
