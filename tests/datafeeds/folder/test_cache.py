"""The cache: the same market in milliseconds, never a stale or a half-written one."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datafeeds import facts as fundamentals
from datafeeds.cache_home import cache_folder
from datafeeds.folder import cache
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import load_folder
from datafeeds.market import Market, MarketError
from tests.datafeeds.folders import price_rows, write_folder
from tests.places import HOUSE

sys.path.pop(0)

ARRAYS = ("open", "high", "low", "close", "volume", "dividend", "mark", "fill_price", "traded")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "market")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries(place: Path) -> list[Path]:
    return sorted(path for path in (place / "markets").iterdir() if not path.name.startswith("."))


def mapped(array: np.ndarray) -> bool:
    """Whether an array's numbers lie in a mapped file."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def assert_same(one: Market, other: Market) -> None:
    assert one.hash == other.hash
    assert one.content_hash() == other.content_hash() == one.hash
    for name in (
        "name",
        "source",
        "symbols",
        "next_session",
        "adjustment",
        "closes_only",
        "limits",
        "findings",
    ):
        assert getattr(one, name) == getattr(other, name), name
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name
    assert np.array_equal(one.sessions, other.sessions)
    for name in ("instruments", "facts", "splits", "series"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def test_the_same_market_cold_first_and_again(folder: Path, place: Path) -> None:
    cold = load_folder(folder)
    assert_same(open_folder(folder), cold)
    assert len(entries(place)) == 1
    again = open_folder(folder)
    assert_same(again, cold)
    for name in ARRAYS:
        array = getattr(again, name)
        assert mapped(array), name
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


def test_derived_facts_are_kept_and_mapped(folder: Path, place: Path) -> None:
    first = fundamentals.fact(open_folder(folder), "price_to_sales").copy()
    median = fundamentals.group_median(open_folder(folder), "price_to_sales", "ai_hardware").copy()
    market = open_folder(folder)
    assert not market.derived
    again = fundamentals.fact(market, "price_to_sales")
    assert mapped(again)
    assert np.array_equal(again, first, equal_nan=True)
    assert np.array_equal(again, fundamentals.fact(load_folder(folder), "price_to_sales"), equal_nan=True)
    known = fundamentals.group_median(market, "price_to_sales", "ai_hardware")
    assert np.array_equal(known, median, equal_nan=True)
    assert set(market.derived) == {"price_to_sales", "price_to_sales median of ai_hardware"}
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 1


def test_a_changed_copy_shares_nothing(folder: Path, place: Path) -> None:
    market = open_folder(folder)
    changed = replace(market, close=market.close * 2, derived={}, hash="")
    assert pickle.loads(pickle.dumps(changed)).hash == changed.hash != market.hash
    fundamentals.fact(changed, "market_cap")
    assert not list((entries(place)[0] / "derived").iterdir())


def test_a_market_pickles_as_its_entry(folder: Path, place: Path) -> None:
    market = open_folder(folder)
    body = pickle.dumps(market)
    assert len(body) < 500
    other = pickle.loads(body)
    assert_same(other, market)
    assert mapped(other.close)
    shutil.rmtree(place)
    with pytest.raises(MarketError, match="open the market folder again"):
        pickle.loads(body)


def settle(folder: Path) -> None:
    """Let the files look long untouched, as far as a program can: change times can't be set."""
    for path in folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))


def test_a_changed_file_is_noticed(folder: Path, place: Path) -> None:
    before = open_folder(folder).hash
    path = folder / "prices.csv"
    rows = price_rows()
    rows.loc[0, "close"] += 0.01
    rows.to_csv(path, index=False)
    after = open_folder(folder).hash
    assert after != before
    assert after == load_folder(folder).hash
    assert len(entries(place)) == 2


def test_an_edit_of_equal_size_and_time_is_noticed(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SETTLED", 0.05)
    path = folder / "facts.csv"
    body = path.read_bytes()
    settle(folder)
    time.sleep(0.2)
    before = open_folder(folder).hash
    assert open_folder(folder).hash == before
    path.write_bytes(body.replace(b"1100000000", b"1100000001"))
    settle(folder)
    assert path.stat().st_size == len(body)
    assert path.stat().st_mtime_ns == 10**18
    after = open_folder(folder).hash
    assert after != before
    # Written within the same tick as the hashing: the times say nothing, so the bytes are read again.
    path.write_bytes(body.replace(b"1100000000", b"1100000002"))
    settle(folder)
    one = open_folder(folder).hash
    path.write_bytes(body.replace(b"1100000000", b"1100000003"))
    settle(folder)
    assert open_folder(folder).hash not in (one, after, before)


def test_times_vouch_for_files_left_alone(folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SETTLED", 0.05)
    open_folder(folder)
    time.sleep(0.1)
    open_folder(folder)  # hashed again: the first hashing came too soon after the writing
    monkeypatch.setattr(cache.hashlib, "blake2b", _only_of_names(cache.hashlib.blake2b))
    assert mapped(open_folder(folder).close)


def _only_of_names(blake2b):  # type: ignore[no-untyped-def]
    """`blake2b` that can't be fed block by block, as files are."""
    return lambda data=b"", **settings: blake2b(data, **settings) if data else None


@pytest.mark.parametrize("file", ["splits.csv", "series.csv", "instruments.csv", "facts.csv", "source.json"])
def test_a_removed_file_is_noticed(file: str, folder: Path, place: Path) -> None:
    open_folder(folder)
    (folder / file).unlink()
    assert_same(open_folder(folder), load_folder(folder))
    assert len(entries(place)) == 2


def test_other_files_are_no_part_of_the_market(folder: Path, place: Path) -> None:
    open_folder(folder)
    (folder / "README.md").write_text("notes")
    (folder / "raw").mkdir()
    open_folder(folder)
    assert len(entries(place)) == 1


def test_changed_code_builds_anew(folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder(folder)
    monkeypatch.setattr(cache, "_code", lambda: "another version")
    open_folder(folder)
    assert len(entries(place)) == 2


@pytest.mark.parametrize("damage", ["market.json", "close.npy", "facts.arrow", "mark.npy"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut"])
def test_a_damaged_entry_is_built_again(damage: str, how: str, folder: Path, place: Path) -> None:
    open_folder(folder)
    file = entries(place)[0] / damage
    body = file.read_bytes()
    file.unlink()
    if how != "missing":
        file.write_bytes(body[: len(body) // 2] if how == "cut" else b"")
    assert_same(open_folder(folder), load_folder(folder))
    assert file.read_bytes() == body
    assert len(entries(place)) == 1


def test_a_damaged_derived_fact_is_computed_again(folder: Path, place: Path) -> None:
    expected = fundamentals.fact(open_folder(folder), "market_cap").copy()
    (file,) = (entries(place)[0] / "derived").glob("market_cap.*.npy")
    file.write_bytes(file.read_bytes()[:200])
    market = open_folder(folder)
    assert np.array_equal(fundamentals.fact(market, "market_cap"), expected, equal_nan=True)
    assert mapped(fundamentals.fact(open_folder(folder), "market_cap"))


def test_a_killed_build_leaves_nothing_that_is_used(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache, "_write_table", killed)
        patched.setattr(cache.shutil, "rmtree", lambda *arguments, **settings: None)
        with pytest.raises(KeyboardInterrupt):
            open_folder(folder)
    assert entries(place) == []
    (draft,) = (place / "markets").iterdir()
    assert_same(open_folder(folder), load_folder(folder))
    assert draft.exists()  # it may be another program's; it goes when it is an hour old
    os.utime(draft, (0, 0))
    (folder / "splits.csv").unlink()
    open_folder(folder)
    assert not draft.exists()


def test_old_entries_go(folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT", 1)
    open_folder(folder)
    (old,) = entries(place)
    os.utime(old, (0, 0))
    (folder / "splits.csv").unlink()
    open_folder(folder)
    assert old not in entries(place)
    assert len(entries(place)) == 1


def test_processes_build_at_once(folder: Path, place: Path) -> None:
    expected = load_folder(folder).hash
    program = (
        "import sys; from datafeeds.folder.cache import open_folder; print(open_folder(sys.argv[1]).hash)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], cwd=HOUSE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in started] == [expected] * 4
    assert len(entries(place)) == 1
    assert not [path for path in (place / "markets").iterdir() if path.name.startswith(".")]


def test_a_cache_that_is_no_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        market = open_folder(folder)
    assert_same(market, load_folder(folder))
    assert "held in memory" in caplog.text
    assert fundamentals.fact(market, "market_cap").shape == market.close.shape


def test_a_full_disk(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(cache.np, "save", full)
        market = open_folder(folder)
    assert_same(market, load_folder(folder))
    assert "No space left on device" in caplog.text
    assert list((place / "markets").iterdir()) == []
    market = open_folder(folder)
    with monkeypatch.context() as patched:
        patched.setattr(cache.np, "save", full)
        assert fundamentals.fact(market, "market_cap").shape == market.close.shape
    assert not list((entries(place)[0] / "derived").iterdir())


def test_broken_data_are_not_cached(folder: Path, place: Path) -> None:
    (folder / "prices.csv").write_text("symbol,date,close\nAAA,soon,1\n")
    for _ in range(2):
        with pytest.raises(MarketError, match="soon"):
            open_folder(folder)
    assert not (place / "markets").exists()


def test_a_folder_that_changes_while_it_is_read(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slowly(path: Path, *, part: bool) -> Market:
        market = load_folder(path, part=part)
        (path / "splits.csv").unlink()
        return market

    monkeypatch.setattr(cache, "load_folder", slowly)
    with caplog.at_level(logging.WARNING):
        open_folder(folder)
    assert "changed while it was read" in caplog.text
    assert not (place / "markets").exists()


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLE_ROTATION_CACHE", "/mine")
    assert cache_folder() == Path("/mine")
    monkeypatch.delenv("STYLE_ROTATION_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    if sys.platform == "linux":
        assert cache_folder() == Path("/x/style-rotation")


CHANGE = """
import sys
from datafeeds.folder.cache import open_folder
market = open_folder(sys.argv[1])
print(market.close[-1, 0])
"""


@pytest.mark.parametrize("name", ["close.npy", "mark.npy", "fill_price.npy", "sessions.npy", "facts.arrow"])
def test_a_changed_array_is_noticed_by_the_next_process(name: str, folder: Path, place: Path) -> None:
    truth = open_folder(folder)
    (entry,) = entries(place)
    content = bytearray((entry / name).read_bytes())
    content[-9] ^= 0x55
    (entry / name).write_bytes(content)
    command = [sys.executable, "-c", CHANGE, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE, check=True)
    assert float(said.stdout) == load_folder(folder).close[-1, 0]
    assert "was changed and is built again" in said.stderr
    assert open_folder(folder).hash == truth.hash


def test_a_changed_derived_fact_is_computed_again(folder: Path, place: Path) -> None:
    before = fundamentals.fact(open_folder(folder), "market_cap").copy()
    (file,) = (entries(place)[0] / "derived").glob("market_cap.*.npy")
    content = bytearray(file.read_bytes())
    content[-9] ^= 0x55
    file.write_bytes(content)
    assert np.array_equal(fundamentals.fact(open_folder(folder), "market_cap"), before, equal_nan=True)


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX systems")
def test_the_cache_is_for_its_user_alone(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    open_folder(folder)
    assert place.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with caplog.at_level(logging.WARNING):
        assert not mapped(open_folder(folder).close)
    assert "belongs to another user" in caplog.text
