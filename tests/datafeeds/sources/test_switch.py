"""A folder replaced at once, whatever ends the program when."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datafeeds.sources import switch
from datafeeds.sources.switch import finish, replace_files

OLD = {"prices/A.csv": b"old", "prices/GONE.csv": b"old", "splits.csv": b"old", "source.json": b"old"}
NEW = {"prices/A.csv": b"new", "splits.csv": b"new", "source.json": b"new"}
MINE = {"raw/manifest.json": b"raw", "corrections.csv": b"mine"}


class Killed(BaseException):
    """The program ends here: nothing that it would still have done happens."""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (OLD | MINE).items():
        (tmp_path / "market" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "market" / name).write_bytes(content)
    return tmp_path / "market"


def killed_at(event: int, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> bool:
    """Do the work up to the given change of the disk; whether it came that far."""
    count = [0]

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*given: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] > event:
                raise Killed
            return change(*given, **options)

        return changing

    with monkeypatch.context() as patched:
        for name in ("rename", "write_bytes", "mkdir", "chmod"):
            patched.setattr(Path, name, counted(getattr(Path, name)))
        patched.setattr(shutil, "rmtree", counted(shutil.rmtree))
        try:
            work()
        except Killed:
            return True
    return False


def test_files_are_replaced_and_the_rest_stays(folder: Path) -> None:
    replace_files(folder, NEW)
    assert contents(folder) == NEW | MINE
    assert list(folder.parent.iterdir()) == [folder]


def test_a_new_folder(tmp_path: Path) -> None:
    replace_files(tmp_path / "data" / "market", NEW)
    assert contents(tmp_path / "data" / "market") == NEW


def test_an_end_at_any_moment_leaves_the_old_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shutil.copytree(folder, folder.with_name("before"))
    seen = []
    for event in range(100):
        if not killed_at(event, monkeypatch, lambda: replace_files(folder, NEW)):
            break
        finish(folder)
        found = contents(folder)
        assert found in (OLD | MINE, NEW | MINE)
        seen.append(found == NEW | MINE)
        replace_files(folder, NEW)
        assert contents(folder) == NEW | MINE
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
    assert seen == sorted(seen)
    assert set(seen) == {False, True}


def test_a_full_disk_leaves_the_folder_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        replace_files(folder, NEW)
    assert contents(folder) == OLD | MINE
    assert list(folder.parent.iterdir()) == [folder]


def test_only_drafts_left_behind_are_removed(folder: Path) -> None:
    left, running = (folder.with_name(f".market.draft-{name}") for name in ("left", "running"))
    left.mkdir()
    running.mkdir()
    os.utime(left, (0, 0))
    finish(folder)
    assert not left.exists()
    assert running.exists()
    assert switch.STALE > 60
