"""A record survives what befalls files, and does not shrink quietly."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from backtests.records.chain import BEGINNING, COLUMNS, Chain, Entry, RecordError
from tests.places import HOUSE


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Six entries."""
    chain = Chain(tmp_path / "deep" / "record.sqlite", "notes")
    chain.append(Entry({"note": number}, f"key {number}", bytes([number])) for number in range(1, 6))
    chain.append([Entry({"note": 6})])
    return chain


def change(chain: Chain, *statements: str) -> None:
    """Change the file behind the record's back."""
    with closing(sqlite3.connect(chain.path)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_what_is_recorded_is_read(chain: Chain) -> None:
    assert [(entry.number, entry.content["note"]) for entry in chain.entries()] == [
        (n, n) for n in range(1, 7)
    ]
    assert chain.entries()[2].attachment == b"\x03"
    assert chain.entries()[0].recorded.endswith("+00:00")
    found = chain.inspect()
    assert not found.problems
    assert found.entries == tuple(chain.entries())
    assert list(found.heads.values()) == list(range(7))


def test_a_key_is_recorded_once(chain: Chain) -> None:
    assert chain.append([Entry({"note": "again"}, "key 3"), Entry({"note": 7}, "new"), Entry({}, "new")]) == 1
    assert chain.entries()[-1].content["note"] == 7
    assert not chain.inspect().problems


def test_no_record_yet(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "nowhere" / "record.sqlite", "notes")
    assert chain.entries() == []
    assert chain.inspect().heads == {BEGINNING: 0}
    assert not chain.path.parent.exists()


def test_who_reads_while_a_record_is_begun_meets_an_empty_one(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "record.sqlite", "notes")
    with chain.writing():
        reader = Chain(chain.path, "notes")
        assert reader.entries() == []
        assert not reader.holds("key")
        assert reader.inspect().problems == ()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_all_or_nothing(chain: Chain) -> None:
    with pytest.raises(RecordError, match="JSON"):
        chain.append([Entry({"note": 7}), Entry({"note": object()})])
    with pytest.raises(RecordError, match="JSON"):
        chain.append([Entry({"note": float("nan")})])
    assert len(chain.entries()) == 6
    assert chain.append([Entry({"note": 7})]) == 1
    assert not chain.inspect().problems


SWAP = "UPDATE chain SET n = CASE n WHEN {0} THEN -{1} ELSE -{0} END WHERE n IN ({0}, {1})"
BACK = "UPDATE chain SET n = -n WHERE n < 0"
TAMPERINGS = {
    "content changed": ("UPDATE chain SET content = replace(content, ': 3', ': 4') WHERE n = 3",),
    "attachment changed": ("UPDATE chain SET attachment = x'00' WHERE n = 3",),
    "attachment emptied": ("UPDATE chain SET attachment = NULL WHERE n = 3",),
    "attachment as text": ("UPDATE chain SET attachment = 'x' WHERE n = 3",),
    "time changed": ("UPDATE chain SET content = replace(content, '20', '19') WHERE n = 3",),
    "hash changed": ("UPDATE chain SET hash = 'x' WHERE n = 3",),
    "hash emptied": ("UPDATE chain SET hash = NULL WHERE n = 3",),
    "link changed": ("UPDATE chain SET previous = 'x' WHERE n = 3",),
    "link emptied": ("UPDATE chain SET previous = NULL WHERE n = 3",),
    "content emptied": ("UPDATE chain SET content = '' WHERE n = 3",),
    "content nulled": ("UPDATE chain SET content = NULL WHERE n = 3",),
    "content no JSON": ("UPDATE chain SET content = '{' WHERE n = 3",),
    "content a list": ("UPDATE chain SET content = '[]' WHERE n = 3",),
    "content no text": ("UPDATE chain SET content = x'ff00fe' WHERE n = 3",),
    "content too deep": (f"UPDATE chain SET content = '{'[' * 100_000}' WHERE n = 3",),
    "the last changed": ("UPDATE chain SET content = replace(content, '6', '5') WHERE n = 6",),
    "the first removed": ("DELETE FROM chain WHERE n = 1",),
    "one removed": ("DELETE FROM chain WHERE n = 3",),
    "the last removed": ("DELETE FROM chain WHERE n = 6",),
    "three removed": ("DELETE FROM chain WHERE n > 3",),
    "all removed": ("DELETE FROM chain",),
    "two swapped": (SWAP.format(2, 4), BACK),
    "one moved to the end": ("UPDATE chain SET n = 7 WHERE n = 3",),
    "renumbered": ("DELETE FROM chain WHERE n = 3", "UPDATE chain SET n = n - 1 WHERE n > 3"),
    "one doubled": (
        "INSERT INTO chain SELECT 7, NULL, content, attachment, previous, hash FROM chain WHERE n = 6",
    ),
    "one inserted": ("INSERT INTO chain VALUES (7, 'k', '{\"recorded\": \"2020\"}', x'', 'a', 'b')",),
    "one inserted before": ("INSERT INTO chain VALUES (0, 'k', '{\"recorded\": \"2020\"}', x'', 'a', 'b')",),
    "foreign": ("INSERT INTO chain VALUES (7, NULL, 5, 5, 5, 5)",),
    "foreign with the last number": ("INSERT INTO chain (n) VALUES (9223372036854775807)",),
    "foreign and empty": ("INSERT INTO chain DEFAULT VALUES",),
    "restored without the end": (
        "CREATE TABLE copy AS SELECT * FROM chain WHERE n < 4",
        "DELETE FROM chain",
        "INSERT INTO chain SELECT * FROM copy",
        "DROP TABLE copy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_shows_and_goes_on_showing(chain: Chain, statements: tuple[str, ...]) -> None:
    change(chain, *statements)
    before = chain.inspect().problems
    assert before
    assert len(chain.entries()) <= 8
    assert chain.append([Entry({"note": "after"})]) == 1
    assert chain.entries()[-1].content["note"] == "after"
    assert chain.inspect().problems


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "overwritten": lambda content: b"not a database, but long enough to be looked at" * 100,
    "header lost": lambda content: bytes(4096) + content[4096:],
    "pages lost": lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
    "another table": lambda content: content.replace(b"content TEXT", b"cantent TEXT"),
    "no text": lambda content: content.replace(b"CREATE TABLE", b"CREATE TABL\xf8"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_said_set_aside_and_no_end(chain: Chain, damage: Callable[[bytes], bytes]) -> None:
    content = chain.path.read_bytes()
    chain.path.write_bytes(damage(content))
    assert chain.inspect().problems
    assert chain.append([Entry({"note": "after"})]) == 1
    assert chain.entries()[-1].content["note"] == "after"
    assert "set aside as record.sqlite.damaged-" in chain.inspect().problems[0]
    (aside,) = chain.path.parent.glob("record.sqlite.damaged-*")
    assert aside.read_bytes() == damage(content)


NUMBERED = "n INTEGER PRIMARY KEY AUTOINCREMENT"


@pytest.mark.parametrize(
    ("table", "number"),
    [
        (NUMBERED.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGES"), "NULL"),
        (NUMBERED.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT"), "'one'"),
        (NUMBERED.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "REAL"), "1.5"),
    ],
)
def test_a_number_that_is_none_is_damage(chain: Chain, table: str, number: str) -> None:
    """A damaged description of the table lets SQLite hold anything; a fuzzer came upon NULL."""
    chain.append([Entry({"name": "x"})])
    with closing(sqlite3.connect(chain.path)) as database, database:
        database.execute("DROP TABLE chain")
        database.execute(f"CREATE TABLE chain ({table}, {', '.join(COLUMNS[1:])})")
        database.execute(f"INSERT INTO chain VALUES ({number}, 'k', '{{}}', x'', 'p', 'h')")
    is_set_aside(chain)


@pytest.mark.parametrize("highest", ["'many'", "1.5", "x'00'"])
def test_a_count_that_is_none_is_damage(chain: Chain, highest: str) -> None:
    chain.append([Entry({"name": "x"})])
    with closing(sqlite3.connect(chain.path)) as database, database:
        database.execute(f"UPDATE sqlite_sequence SET seq = {highest}")
    is_set_aside(chain)


def is_set_aside(chain: Chain) -> None:
    (problem,) = chain.inspect().problems
    assert problem.endswith("can't be used: an entry has a number that is none")
    assert chain.append([Entry({"name": "y"})]) == 1
    assert [entry.content.get("name") for entry in chain.entries()] == [None, "y"]
    assert "were damaged" in " ".join(chain.inspect().problems)
    assert list(chain.path.parent.glob("*.damaged-*"))


def test_an_emptied_file_is_a_record_begun_anew(chain: Chain) -> None:
    head = list(chain.inspect().heads)[-1]
    chain.path.write_bytes(b"")
    assert chain.append([Entry({"note": "after"})]) == 1
    assert head not in chain.inspect().heads


def test_what_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="can't be used"):
        Chain(tmp_path / "file" / "record.sqlite", "notes").append([Entry({})])
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(RecordError, match="can't be used"):
        Chain(tmp_path / "folder.sqlite", "notes").append([Entry({})])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_record_on_a_medium_that_is_only_read(chain: Chain) -> None:
    chain.path.parent.chmod(0o500)
    try:
        assert len(chain.entries()) == 6
        with pytest.raises(RecordError, match="can't be used"):
            chain.append([Entry({})])
    finally:
        chain.path.parent.chmod(0o700)


WRITER = """
import sys
from pathlib import Path
from backtests.records.chain import Chain, Entry
for number in range(15):
    Chain(Path(sys.argv[1]), "notes").append([Entry({"note": number}, f"{sys.argv[2]}-{number}")])
"""


def test_many_writers(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(writer)], cwd=HOUSE)
        for writer in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    found = Chain(path, "notes").inspect()
    assert not found.problems
    assert len(found.entries) == 60
