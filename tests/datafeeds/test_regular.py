"""What is no file is not read: a pipe in the place of one would never end."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from backtests.engine.tables import tables_of
from backtests.records.chain import Chain, Entry, RecordError
from backtests.settings.strategies import build
from backtests.sweeps.store import FINISHED, Store
from datafeeds.cache_home import keep, kept
from datafeeds.folder.cache import entry_of, open_folder
from datafeeds.folder.rewind import promise
from datafeeds.regular import NotAFileError, kind_of, regular
from strategies.target import StrategyError
from tests.datafeeds.folders import write_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def test_kinds(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    (tmp_path / "file").touch()
    assert regular(tmp_path / "file") == tmp_path / "file"
    assert regular(tmp_path / "nothing") == tmp_path / "nothing"
    for name, word in (("pipe", "a pipe"), ("socket", "a socket"), (".", "a folder")):
        with pytest.raises(NotAFileError, match=f"is {word}, not a file"):
            regular(tmp_path / name)
    assert kind_of(Path(os.devnull)) == "a device"


def test_small_things_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path))
    keep("things", "one", b"content")
    _piped(tmp_path / "things" / "one")
    assert kept("things", "one") is None
    keep("things", "one", b"content")
    assert kept("things", "one") == b"content"


def test_every_file_of_a_cached_market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path / "cache"))
    folder = write_folder(tmp_path / "market")
    market = open_folder(folder, part=True)
    promise(folder, market)
    entry = entry_of(market)
    assert entry is not None
    said = promise(folder, market)
    for file in [*(tmp_path / "cache").rglob("*.*")]:
        if file.is_file():
            _piped(file)
            again = open_folder(folder, part=True)
            assert again.hash == market.hash
            assert promise(folder, again) == said
            assert np.array_equal(again.close, market.close, equal_nan=True)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_a_record_is_refused_in_words(beside: str, tmp_path: Path) -> None:
    record = Chain(tmp_path / "record.sqlite", "entries")
    record.append([Entry({"a": 1})])
    for place in tmp_path.glob("record.sqlite-*"):
        place.unlink()
    place = tmp_path / f"record.sqlite{beside}"
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    for use in (record.mend, record.entries, lambda: record.append([Entry({"a": 2})])):
        with pytest.raises(RecordError, match="is a pipe, not a file: remove it"):
            use()
    assert record.inspect().problems
    assert place.is_fifo()  # a device, such as /dev/null, may be needed where it is


def test_a_sweep_is_refused_in_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FINISHED)
    with pytest.raises(RecordError, match="is a pipe, not a file"):
        Store(tmp_path, 2, np.arange(3).astype("datetime64[D]"))


def test_a_table_of_a_strategy_s_own(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "from strategies import Strategy\n\n\nclass Own(Strategy):\n"
        '    """Has a table."""\n\n    tables = {"scores": "scores.csv"}\n\n'
        "    def decide(self, see):\n        return None\n"
    )
    os.mkfifo(tmp_path / "scores.csv")
    with pytest.raises(StrategyError, match=r"scores.csv is a pipe, not a file; tables = {'scores'"):
        tables_of(build(f"{tmp_path / 's.py'}:Own", {}))


def test_a_damaged_record_is_set_aside_as_before(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite").write_bytes(b"no database" * 100)
    Chain(tmp_path / "record.sqlite", "entries").append([Entry({"a": 1})])
    assert list(tmp_path.glob("*damaged*"))
    with sqlite3.connect(tmp_path / "record.sqlite") as database:
        assert database.execute("SELECT count(*) FROM chain").fetchone() == (2,)
    shutil.rmtree(tmp_path, ignore_errors=True)
