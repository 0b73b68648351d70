"""The record of trials survives what befalls files, and does not shrink quietly."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backtests.records import trials as tested
from tests.places import HOUSE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five trials on one market, one on another, and a run that saw the first three."""
    for number in range(3):
        stamp = tested.record(tmp_path, "market", f"run{number}", 0.01 * number, name="sweep")
    run = tmp_path / "blueprint-abc"
    run.mkdir()
    (run / "manifest.json").write_text(json.dumps({"trials": stamp}))
    tested.record(tmp_path, "market", "run3", math.nan)
    tested.record(tmp_path, "other", "run0", 0.5)
    tested.record(tmp_path, "market", "run4", 0.04)
    return tmp_path


def lines(folder: Path) -> list[bytes]:
    return (folder / tested.RECORD).read_bytes().splitlines(keepends=True)


def rewrite(folder: Path, content: list[bytes]) -> None:
    (folder / tested.RECORD).write_bytes(b"".join(content))


def test_counts_and_sharpes(folder: Path) -> None:
    assert tested.count(folder, "market") == 5
    assert tested.count(folder, "other") == 1
    assert tested.count(folder, "third") == 0
    found = tested.sharpes(folder, "market")
    assert found[[0, 1, 2, 4]] == pytest.approx([0, 0.01, 0.02, 0.04])
    assert np.isnan(found[3])
    first = tested.read(folder)[0]
    assert (first.market, first.run, first.position) == ("market", "run0", 1)
    assert first.details == {"name": "sweep"}
    assert first.recorded.endswith("+00:00")
    verdict = tested.verify(folder)
    assert verdict.intact, verdict.problems
    assert verdict.trials == 6
    assert "6 trials is unbroken" in verdict.sentence()
    assert tested.stamp(folder, "market") == {"count": 5, "records": 6, "head": verdict.head}


def test_the_same_configuration_is_one_trial(folder: Path) -> None:
    before = lines(folder)
    stamp = tested.record(folder, "market", "run0", 0.0)
    assert lines(folder) == before
    assert stamp["count"] == 5
    # Another result of the same configuration is kept, and still one trial.
    stamp = tested.record(folder, "market", "run0", 0.07)
    assert stamp["count"] == 5
    assert stamp["records"] == 7
    assert tested.sharpes(folder, "market")[0] == 0.07


def test_no_record_yet(tmp_path: Path) -> None:
    assert tested.count(tmp_path / "nowhere", "market") == 0
    assert tested.verify(tmp_path).intact
    assert tested.stamp(tmp_path, "market") == {"count": 0, "records": 0, "head": tested.BEGINNING}


def test_a_torn_last_line_is_left_out_and_reported(folder: Path) -> None:
    whole = lines(folder)
    rewrite(folder, [*whole, whole[-1][:40]])
    assert tested.count(folder, "market") == 5
    verdict = tested.verify(folder)
    assert verdict.intact
    assert verdict.torn == 1
    assert "1 interrupted write" in verdict.sentence()
    tested.record(folder, "market", "run5", 0.05)
    assert tested.count(folder, "market") == 6
    verdict = tested.verify(folder)
    assert verdict.intact, verdict.problems
    assert (verdict.trials, verdict.torn) == (7, 1)


def test_a_line_without_its_end_counts(folder: Path) -> None:
    whole = lines(folder)
    rewrite(folder, [*whole[:-1], whole[-1].rstrip()])
    tested.record(folder, "market", "run5", 0.05)
    verdict = tested.verify(folder)
    assert verdict.intact, verdict.problems
    assert verdict.trials == 7


def test_a_write_killed_before_the_head_is_no_crime(folder: Path) -> None:
    head = (folder / tested.HEAD).read_text()
    tested.record(folder, "market", "run5", 0.05)
    (folder / tested.HEAD).write_text(head)
    assert tested.verify(folder).intact


def test_a_changed_line_shows(folder: Path) -> None:
    whole = lines(folder)
    rewrite(folder, [whole[0], whole[1].replace(b"0.01", b"0.00"), *whole[2:]])
    verdict = tested.verify(folder)
    assert verdict.problems == ("line 2 of trials.jsonl was changed",)
    assert "can't be trusted" in verdict.sentence()


@pytest.mark.parametrize(
    "kept", [[1, 2, 3, 4, 5], [0, 2, 3, 4, 5], [0, 1, 2, 4, 3, 5], [0, 0, 1, 2, 3, 4, 5]]
)
def test_missing_moved_or_doubled_lines_show(folder: Path, kept: list[int]) -> None:
    whole = lines(folder)
    rewrite(folder, [whole[place] for place in kept])
    assert any("does not follow" in problem for problem in tested.verify(folder).problems)


def test_lines_cut_off_the_end_show_by_the_head(folder: Path) -> None:
    rewrite(folder, lines(folder)[:4])
    assert tested.verify(folder).problems == ("trials.jsonl has lost trials: trials.head has seen number 6",)
    # Going on does not hide it.
    tested.record(folder, "market", "run9", 0.05)
    verdict = tested.verify(folder)
    assert len(verdict.problems) == 1
    assert "trials up to number 6" in verdict.problems[0]


def test_beginning_anew_shows_by_the_manifests(folder: Path) -> None:
    (folder / tested.RECORD).unlink()
    (folder / tested.HEAD).unlink()
    problems = tested.verify(folder).problems
    assert problems == ("trials.jsonl has lost or changed trials that run blueprint-abc has seen (3 then)",)
    tested.record(folder, "market", "fresh", 0.1)
    assert not tested.verify(folder).intact


def test_the_head_must_be_there(folder: Path) -> None:
    (folder / tested.HEAD).unlink()
    assert tested.verify(folder).problems == ("trials.head is missing",)


def test_manifests_that_say_nothing_of_trials_are_left_alone(folder: Path) -> None:
    for name, content in (("old", "{}"), ("odd", "not json"), ("bad", '{"trials": 3}'), (".draft", "")):
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text(content)
    problems = tested.verify(folder).problems
    assert problems == (
        "the manifest of bad has no head of the record",
        "the manifest of odd can't be read",
    )


def test_a_manifest_with_another_number(folder: Path) -> None:
    path = folder / "blueprint-abc" / "manifest.json"
    stamp = json.loads(path.read_text())["trials"]
    path.write_text(json.dumps({"trials": {**stamp, "records": 2}}))
    assert tested.verify(folder).problems == ("run blueprint-abc has seen 2 trials where trials.jsonl has 3",)


def test_a_sweep_is_recorded_at_once(tmp_path: Path) -> None:
    sweep = [
        tested.Trial("m", f"r{number}", number / 1000, {"grid": (number, {"a": 1})}) for number in range(500)
    ]
    assert tested.record_all(tmp_path, [*sweep, sweep[0]])["count"] == 500
    assert tested.verify(tmp_path).intact
    assert tested.read(tmp_path)[7].details == {"grid": [7, {"a": 1}]}
    assert tested.sharpes(tmp_path, "m") == pytest.approx(np.arange(500) / 1000)


WRITER = """
import sys
from backtests.records.trials import record
for number in range(15):
    record(sys.argv[1], "m", f"{sys.argv[2]}-{number}", number / 100)
"""


def test_many_writers(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(writer)], cwd=HOUSE)
        for writer in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    verdict = tested.verify(tmp_path)
    assert verdict.intact, verdict.problems
    assert (verdict.trials, verdict.torn) == (60, 0)
    assert tested.count(tmp_path, "m") == 60


def test_what_can_not_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(tested.TrialsError, match="hash"):
        tested.record(tmp_path, "", "run", 0.1)
    with pytest.raises(tested.TrialsError, match="JSON"):
        tested.record(tmp_path, "m", "run", 0.1, when=object())
    with pytest.raises(tested.TrialsError, match="named previous"):
        tested.record(tmp_path, "m", "run", 0.1, previous="x")
    with pytest.raises(tested.TrialsError, match="no trial"):
        tested.record_all(tmp_path, [])
    assert not (tmp_path / tested.RECORD).exists()
