"""A results folder: what is written there is whole or not there, and what was written is remembered.

A folder is written as a draft with a random name, hidden and ours by that name from its first byte, and then
switched into its place. The switch moves an older folder aside first; a program killed in between leaves that
folder aside, and whoever comes next moves it back. Switches wait for one another. Drafts that nobody touches
go in time.

`records.sqlite`, a `Chain`, holds the hashes of every file that was written and what reviewers said. A
reviewed run is never replaced: the same run again gets a name of its own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from backtests.records.chain import Chain, Entry, Inspection, RecordError, told

if TYPE_CHECKING:
    import pandas as pd

RECORD = "records.sqlite"
MANIFEST = "manifest.json"
DRAFT, ASIDE, SWEEP = ".draft-", ".aside-", ".sweep-"
"""What the hidden folders begin with: one that is written, one that was moved aside, a sweep that goes on."""

STALE = {DRAFT: 3_600.0, SWEEP: 30 * 86_400.0}
"""Seconds after which one that nobody touches is left over."""


def chain(results: Path) -> Chain:
    """The record of a results folder."""
    return Chain(results / RECORD, "entries")


@contextmanager
def draft(results: Path, name: str) -> Iterator[Path]:
    """A new folder to fill and `publish`; it is gone after the block in any case.

    Raises
    ------
    RecordError
        If the system refuses to write, as on a full disk.
    """
    with told(results / name):
        results.mkdir(parents=True, exist_ok=True)
        place = results / f"{DRAFT}{uuid4().hex}-{name}"
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def write_file(path: Path, text: str) -> None:
    """Write a file of a results folder, whole or not at all."""
    left = path.with_name(f"{DRAFT}{uuid4().hex}-{path.name}")
    with told(path):
        try:
            left.write_text(text, encoding="utf-8", newline="\n")
            left.replace(path)
        finally:
            left.unlink(missing_ok=True)


def publish(place: Path, name: str) -> Path:
    """Put a folder that is whole into its place below the same results folder, and return where that is.

    Parameters
    ----------
    place : Path
        A draft, or another hidden folder.
    name : str
        What it is to be called; a number is added if a reviewed run has that name.
    """
    results = place.parent
    record = chain(results)
    record.append([Entry({"name": name, "written": hashes(place)})])
    with record.writing():
        _tidy(results)
        reviewed = {entry.content.get("run") for entry in record.entries()}
        names = (f"{name}-{number}" if number > 1 else name for number in range(1, len(reviewed) + 2))
        final = results / next(each for each in names if each not in reviewed)
        aside = results / f"{ASIDE}{uuid4().hex}-{final.name}"
        if final.exists():
            final.rename(aside)
        place.rename(final)
        shutil.rmtree(aside, ignore_errors=True)
    return final


def restore(results: Path) -> None:
    """Move back what a killed program left aside, if there is anything."""
    if any(results.glob(f"{ASIDE}*")):
        with chain(results).writing():
            _tidy(results)


def _tidy(results: Path) -> None:
    for aside in results.glob(f"{ASIDE}*"):
        final = results / aside.name.removeprefix(ASIDE).partition("-")[2]
        if (final / MANIFEST).exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(final)
    for beginning, seconds in STALE.items():
        for left in results.glob(f"{beginning}*"):
            with suppress(OSError):
                found = left.stat()
                # A draft of the record that was already linked into place is as young as the record.
                linked = left.is_file() and found.st_nlink > 1
                if linked or time.time() - found.st_mtime > seconds:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()


def read_json(path: Path) -> Any:
    """What a JSON file of a results folder holds.

    Raises
    ------
    RecordError
        If it is no file, or no JSON that can be read.
    """
    try:
        if not path.is_file():  # a pipe would never end
            raise RecordError(f"{path}: no such file")
        return json.loads(path.read_text(encoding="utf-8"))
    except RecordError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path}: {error}") from None


def read_parquet(path: Path) -> pd.DataFrame:
    """What a Parquet file of a results folder holds.

    Raises
    ------
    RecordError
        If it can't be read.
    """
    # Takes a quarter of a second with pandas, which hashes and JSON files do without.
    import pyarrow as pa
    import pyarrow.parquet

    try:
        if not path.is_file():
            raise RecordError(f"{path}: no such file")
        # In one thread: Arrow's own may still be at it as the program ends, which then aborts.
        content = pa.BufferReader(path.read_bytes())
        table = pyarrow.parquet.ParquetFile(content, pre_buffer=False).read(use_threads=False)
        frame: pd.DataFrame = table.to_pandas(use_threads=False)
    except RecordError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RecordError(f"{path}: {error}") from None
    return frame


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("[!.]*"))
        if path.is_file()
    }


def changed(folder: Path, written: Mapping[str, str]) -> tuple[str, ...]:
    """Files of a folder that are not, or no longer, what `written` says."""
    now = hashes(folder)
    return tuple(name for name, digest in written.items() if now.get(name) != digest)


def problems(results: Path, found: Inspection) -> list[str]:
    """What is wrong with the runs below `results` by the record of what was written, in words.

    A folder that the record has never seen, as of version 0.1, is not judged.
    """
    written: dict[str, set[str]] = {}
    for entry in found.entries:
        if isinstance(files := entry.content.get("written"), dict):
            written.setdefault(str(entry.content.get("name")), set()).add(str(files.get(MANIFEST)))
    wrong = [
        f"the manifest of {name} is gone"
        for name in written
        if (results / name).is_dir() and not (results / name / MANIFEST).exists()
    ]
    for path in sorted(results.glob(f"[!.]*/{MANIFEST}")):
        name = path.parent.name
        try:
            seen = read_json(path).get("entries")
            content = path.read_bytes()
        except (OSError, ValueError, AttributeError):
            wrong.append(f"the manifest of {name} can't be read")
            continue
        known = written.get(name) or written.get(name.rpartition("-")[0])
        if isinstance(seen, dict) and seen.get("head") not in found.heads:
            wrong.append(f"{RECORD} has lost or changed entries that {name} has seen")
        elif known and hashlib.sha256(content).hexdigest() not in known:
            wrong.append(f"the manifest of {name} was changed since it was written")
    return wrong


def altered(folder: Path) -> tuple[str, ...]:
    """Files of a run that are not what was written; none where the record has never seen the run."""
    name = folder.resolve().name
    versions = [
        files
        for entry in chain(folder.resolve().parent).entries()
        if isinstance(files := entry.content.get("written"), dict)
        and entry.content.get("name") in (name, name.rpartition("-")[0])
    ]
    return min((changed(folder, files) for files in versions), key=len, default=())


def stamp(results: Path) -> dict[str, Any]:
    """How long the record is, for the manifest of what is written next, key ``"entries"``."""
    found = chain(results).inspect()
    return {"records": found.number, "head": found.head}
