"""Checked market folders as memory-mapped arrays: opening one again takes milliseconds and copies nothing.

Where
-----
``$STYLE_ROTATION_CACHE``, else ``style-rotation`` in the user's cache folder of the platform. Anything in it
may be deleted at any time. Where it can't be written, or the disk is full, markets are held in memory and a
line in the log says so.

When an entry is used
---------------------
An entry's name is a hash of the bytes of every input file, of the folder's name, of the code that reads and
checks, and of the versions of the packages that it uses. So a changed file, check or package never meets an
old entry. Hashing is left out only where it can't matter: when size, modification time, *change* time and
inode of every file are those of the last hashing, and the newest of these times lay more than `SETTLED`
seconds before it. The system sets the change time at each write, programs can't set it back, and a write too
close to the hashing to be told by it makes the files be hashed again. Systems without change times (Windows)
always hash.

How an entry is written
-----------------------
Into a folder of its own, renamed when whole. A killed program leaves a folder that nothing looks at; of two
programs that build the same entry one wins, and the other takes the winner's. The first time that a process
opens an entry it hashes every file of it, and so it does with derived facts: one that was changed, is missing
or was cut short, as after a crash of the machine, is built again. The cache is for its user alone; one that
belongs to another user is not used.

What an entry holds
-------------------
Prices, what every run derives from them (last closes, fill prices), and tables. Derived facts, such as
price-to-sales, are added when they are first asked for. Arrays are mapped read-only, so all processes share
one copy in memory, and a market that was opened from an entry pickles as the entry's path.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import xxhash

from datafeeds.cache_home import cache_folder, private
from datafeeds.checks import raise_errors
from datafeeds.folder.layout import input_files, load_folder, require_folder
from datafeeds.market import Array, DerivedFacts, Finding, Market, MarketError
from datafeeds.regular import regular

LOG = logging.getLogger(__name__)

FORMAT = 4
"""Version of the layout of an entry."""

SETTLED = 2.0
"""Seconds that a file must have been left alone before its times can vouch for its content."""

KEPT = 4
"""Entries that are kept however old; further ones go when unused for `UNUSED` seconds."""

UNUSED = 3_600.0
"""Seconds after which a further entry, or a half-written one, is removed."""

ARRAYS = ("open", "high", "low", "close", "volume", "dividend")
DERIVED_FROM_PRICES = ("traded", "mark", "fill_price", "traded_factor", "gone")
TABLES = ("instruments", "facts", "splits", "series", "basis", "borrow")
READERS = ("market.py", "calendars.py", "membership.py", "series.py", "facts.py", "folder", "checks")
"""The code on which the content of an entry depends."""


def open_folder(path: Path | str, *, part: bool = False) -> Market:
    """The market in a folder, from the cache where it is known there.

    Parameters
    ----------
    path : Path or str
        A market folder; see `datafeeds.folder.layout`.
    part : bool
        See `load_folder`.

    Returns
    -------
    Market
        The same market, with the same hash, as `load_folder` gives. Its arrays are read-only maps of files
        if a cache could be used.

    Raises
    ------
    MarketError
        If the folder does not exist or its data can't be used.
    """
    folder = Path(path)
    require_folder(folder)
    market = _cached(folder)
    if not part:
        raise_errors(folder.name, market.findings)
    return market


def _cached(folder: Path) -> Market:
    """The market in a folder, from the cache if possible, whatever days of the calendar are wrong."""
    try:
        place = private(cache_folder())
        before = _signature(folder)
        entry = place / "markets" / _key(folder, _content(folder, before, place))
        known = _opened(entry)
    except OSError as problem:
        LOG.warning("no cache, the market is held in memory: %s", problem)
        return load_folder(folder, part=True)
    if known is not None:
        return known
    market = load_folder(folder, part=True)
    if _signature(folder) != before:
        LOG.warning("%s changed while it was read, so it is not cached", folder)
        return market
    try:
        _write(market, entry)
        _remove_old(entry.parent)
        known = _opened(entry)
    except OSError as problem:
        LOG.warning("the market can't be cached and is held in memory: %s", problem)
    return market if known is None else known


def open_entry(entry: str) -> Market:
    """The market of one entry of the cache: what a market that came from there pickles as.

    Raises
    ------
    MarketError
        If the entry is gone.
    """
    market = _opened(Path(entry))
    if market is None:
        raise MarketError(
            f"the cached market {entry} is gone, or this is another machine; open the market folder again"
        )
    return market


def entry_of(market: Market) -> Path | None:
    """Where the cache keeps a market that was opened from it; None for any other."""
    opened = market.__dict__.get("pickled_as")
    return Path(opened[1][0]) if opened else None


Signature = dict[str, tuple[int, int, int, int]]
"""Of each input file: size, modification time, change time (nanoseconds) and inode."""


def _signature(folder: Path) -> Signature:
    files = {}
    for path in input_files(folder):
        found = path.stat()
        name = path.relative_to(folder).as_posix()
        files[name] = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return files


def _content(folder: Path, signature: Signature, place: Path) -> str:
    """Hash of the bytes of all input files, or what it was if nothing can have changed since."""
    note = place / "hashed" / f"{_hash(str(folder.resolve()).encode())}.json"
    files = {name: list(numbers) for name, numbers in signature.items()}
    if os.name == "posix":
        try:
            known = json.loads(regular(note).read_text(encoding="utf-8"))
            newest = max((max(numbers[1:3]) for numbers in signature.values()), default=0)
            if known["files"] == files and newest < known["taken"] - SETTLED * 1e9:
                return str(known["content"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
    taken = time.time_ns()
    digest = hashlib.blake2b(digest_size=20)
    for name in sorted(signature):
        digest.update(f"{name}\0{signature[name][0]}\0".encode())
        with (folder / name).open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    content = digest.hexdigest()
    with suppress(OSError):
        text = json.dumps({"files": files, "taken": taken, "content": content})
        note.parent.mkdir(exist_ok=True)
        draft = note.with_name(f".{uuid4().hex}.json")
        draft.write_text(text, encoding="utf-8")
        draft.replace(note)
    return content


def _key(folder: Path, content: str) -> str:
    return _hash(f"{FORMAT}\0{folder.resolve().name}\0{content}\0{_code()}".encode())


def _hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=20).hexdigest()


@cache
def _code() -> str:
    """Hash of the code and the packages that make a market of files."""
    digest = hashlib.blake2b(digest_size=20)
    here = Path(__file__).parents[1]
    for reader in READERS:
        path = here / reader
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(here).as_posix().encode())
            digest.update(source.read_bytes())
    versions = (sys.version_info[:2], np.__version__, pd.__version__, pa.__version__)
    digest.update(repr((*versions, metadata.version("exchange_calendars"))).encode())
    return digest.hexdigest()


def _write(market: Market, entry: Path) -> None:
    """Write an entry beside its place and rename it when whole."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = entry.with_name(f".{entry.name}-{uuid4().hex}")
    draft.mkdir()
    try:
        np.save(draft / "sessions.npy", market.sessions)
        for name in ARRAYS:
            np.save(draft / f"{name}.npy", getattr(market, name))
        for name in DERIVED_FROM_PRICES:
            known = name in vars(market)
            np.save(draft / f"{name}.npy", getattr(market, name))
            if not known:  # it is read from the file from now on
                del vars(market)[name]
        for name in TABLES:
            _write_table(getattr(market, name), draft / f"{name}.arrow")
        said = {
            "name": market.name,
            "source": market.source,
            "next_session": str(market.next_session),
            "symbols": market.symbols,
            "calendar": market.calendar,
            "currency": market.currency,
            "adjustment": market.adjustment,
            "closes_only": market.closes_only,
            "stale_after": market.stale_after,
            "limits": market.limits,
            "findings": [asdict(finding) for finding in market.findings],
            "hash": market.hash,
            "files": {path.name: _digest(path) for path in sorted(draft.iterdir())},
        }
        (draft / "market.json").write_text(json.dumps(said), encoding="utf-8")
        (draft / "derived").mkdir()
        try:
            draft.rename(entry)
        except OSError:
            if _opened(entry) is not None:
                return  # another program was faster
            # What stands there is damaged: out of the way with it.
            entry.rename(entry.with_name(f".{entry.name}-{uuid4().hex}"))
            draft.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_table(table: pd.DataFrame, path: Path) -> None:
    arrow = pa.table({str(name): _as_arrow(column) for name, column in table.items()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as writer:
        writer.write_table(arrow)


def _as_arrow(column: pd.Series[Any]) -> pa.Array:
    """A column as it is mapped back without a copy: what is missing is NaN or NaT, not a mask beside it."""
    if column.dtype == "str":
        return pa.array(column)
    values = column.to_numpy()
    if values.dtype.kind == "M":
        return pa.array(values.view(np.int64)).view(pa.timestamp(np.datetime_data(values.dtype)[0]))
    return pa.array(values, from_pandas=False)


def _read_table(path: Path) -> pd.DataFrame:
    with pa.memory_map(str(regular(path))) as source:
        table: pd.DataFrame = pa.ipc.open_file(source).read_all().to_pandas(split_blocks=True)
        return table


def _mapped(path: Path) -> Array:
    """An array file as a read-only map; a plain array, which is faster to slice than `memmap` itself."""
    return np.asarray(np.load(regular(path), mmap_mode="r"))


def _opened(entry: Path) -> Market | None:
    """The market of an entry; None if there is none, or it is damaged."""
    try:
        said: dict[str, Any] = json.loads(regular(entry / "market.json").read_text("utf-8"))
        if not _is_sound(entry, said["files"]):
            return None
        market = Market(
            name=said["name"],
            source=said["source"],
            sessions=np.asarray(np.load(entry / "sessions.npy", mmap_mode="r"), dtype="datetime64[D]"),
            next_session=np.datetime64(said["next_session"], "D"),
            symbols=tuple(said["symbols"]),
            open=_mapped(entry / "open.npy"),
            high=_mapped(entry / "high.npy"),
            low=_mapped(entry / "low.npy"),
            close=_mapped(entry / "close.npy"),
            volume=_mapped(entry / "volume.npy"),
            dividend=_mapped(entry / "dividend.npy"),
            instruments=_read_table(entry / "instruments.arrow"),
            facts=_read_table(entry / "facts.arrow"),
            splits=_read_table(entry / "splits.arrow"),
            series=_read_table(entry / "series.arrow"),
            basis=_read_table(entry / "basis.arrow"),
            calendar=said["calendar"],
            currency=said["currency"],
            borrow=_read_table(entry / "borrow.arrow"),
            adjustment=said["adjustment"],
            closes_only=said["closes_only"],
            stale_after=said["stale_after"],
            limits=tuple(said["limits"]),
            findings=tuple(Finding(**finding) for finding in said["findings"]),
            hash=said["hash"],
            derived=StoredFacts(entry / "derived"),
        )
        # `cached_property` looks here first.
        for name in DERIVED_FROM_PRICES:
            market.__dict__[name] = _mapped(entry / f"{name}.npy")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, EOFError, pa.ArrowException) as problem:
        LOG.warning("the cached market %s is damaged and is built again: %s", entry, problem)
        return None
    market.__dict__["pickled_as"] = (open_entry, (str(entry),))
    with suppress(OSError):
        os.utime(entry)
    return market


_SOUND: dict[Path, list[tuple[int, int]]] = {}
"""Entries whose files this process has hashed, and their sizes and times then."""


def _is_sound(entry: Path, files: dict[str, str]) -> bool:
    """Whether every file of an entry is what was written."""
    stats = [(entry / name).stat() for name in files]
    times = [(each.st_size, each.st_mtime_ns) for each in stats]
    if _SOUND.get(entry) == times:
        return True
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(lambda name: _digest(entry / name), files))
    if found != list(files.values()):
        LOG.warning("the cached market %s was changed and is built again", entry)
        return False
    _SOUND[entry] = times
    return True


def _digest(path: Path) -> str:
    """Tells a file that was changed or cut short from the one that was written, at the speed of reading it.

    Whoever can write into an entry can write its digests too, so a slower hash would keep nobody out.
    """
    digest = xxhash.xxh3_128()
    with regular(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class StoredFacts(DerivedFacts):
    """Derived facts that are kept on disk when computed, and mapped from there afterwards.

    Parameters
    ----------
    folder : Path
        Holds one file a fact.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def look_up(self, name: str) -> Array | None:
        """What is kept of `name` in the entry, mapped from disk; None if nothing is."""
        known = self.get(name)
        if known is not None:
            return known
        try:
            for path in self.folder.glob(f"{_file_name(name)}.*.npy"):
                if _digest(path) == path.name.split(".")[-2]:
                    self[name] = _mapped(path)
                    return self[name]
        except (OSError, ValueError, EOFError):
            pass
        return None

    def keep(self, name: str, values: Array) -> Array:
        """Keep `values` in the entry and return them mapped from disk."""
        draft = self.folder / f".{uuid4().hex}.npy"
        try:
            # An entry that was removed must not come back as a folder of facts alone.
            if self.folder.is_dir():
                np.save(draft, values)
                path = self.folder / f"{_file_name(name)}.{_digest(draft)}.npy"
                draft.replace(path)
                self[name] = _mapped(path)
                return self[name]
        except (OSError, ValueError) as problem:
            draft.unlink(missing_ok=True)
            LOG.info("%s is not cached: %s", name, problem)
        return super().keep(name, values)


def _file_name(fact: str) -> str:
    return quote(fact, safe=" ").replace(".", "%2E")


def _remove_old(markets: Path) -> None:
    """Remove entries that were not opened for long, the newest excepted, and half-written ones."""
    now = time.time()
    with suppress(OSError):
        used = sorted(((path.stat().st_mtime, path) for path in markets.iterdir()), reverse=True)
        whole = [path for _, path in used if not path.name.startswith(".")][:KEPT]
        for when, path in used:
            if path not in whole and now - when > UNUSED:
                shutil.rmtree(path, ignore_errors=True)
