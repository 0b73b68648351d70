"""Running a finished run again and comparing every number."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.provenance import code_hash
from backtests.records import archive
from backtests.records.finished import reading
from backtests.records.results import write_numbers
from backtests.runner import run
from backtests.settings.markets import open_market
from backtests.settings.run_file import load

MOST = 5
"""Differences named of each file; the rest is counted."""


@dataclass(frozen=True)
class Comparison:
    """What came out for one file of a run.

    Attributes
    ----------
    file : str
    numbers : int
        Values compared.
    differences : tuple of str
        The first ones in words.
    count : int
        How many values differ.
    """

    file: str
    numbers: int
    differences: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Reproduction:
    """A run made again.

    Attributes
    ----------
    comparisons : tuple of Comparison
        One a file.
    notes : tuple of str
        What else is not as it was: data, code, versions.
    altered : tuple of str
        Files of the run that were changed since they were written.
    """

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    altered: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every number is the same to the last bit, and every file as it was written."""
        return not self.altered and not any(each.count for each in self.comparisons)

    def sentence(self) -> str:
        """Say it in words."""
        if self.altered:
            return f"NOT as it was written: {', '.join(self.altered)} changed since. {self._numbers()}"
        return self._numbers()

    def _numbers(self) -> str:
        numbers = sum(each.numbers for each in self.comparisons)
        differing = [each.file for each in self.comparisons if each.count]
        if not differing:
            return f"Reproduced: {numbers:,} values in {len(self.comparisons)} files, all identical."
        count = sum(each.count for each in self.comparisons)
        return f"NOT reproduced: {count:,} of {numbers:,} values differ, in {', '.join(differing)}."


def reproduce(folder: Path, progress: Callable[[str], None] = lambda what: None) -> Reproduction:
    """Run the run file of `folder` again and compare with what stands there. Nothing is written.

    Parameters
    ----------
    folder : Path
        Of a finished run.
    progress : callable
        Told what begins.
    """
    config = load(folder / "run.toml")
    # The market comes from its source files, not from the cache.
    result = run(config, market=open_market(config.market, cached=False, part=True), progress=progress)
    with reading(folder):
        manifest = archive.read_json(folder / "manifest.json")
        # Luck depends on how often one had tried by then; trials since are no difference in the numbers.
        tried = {"trials": manifest["trials"]} if "trials" in manifest else {}
        result = result.recorded(tried)
        progress("comparing")
        with tempfile.TemporaryDirectory() as place:
            again = Path(place)
            write_numbers(again, result)
            names = sorted(path.name for path in again.iterdir())
            comparisons = tuple(compared(folder / name, again / name) for name in names)
        notes = tuple(_notes(manifest, dict(result.manifest)))
        return Reproduction(comparisons, notes, archive.altered(folder))


def compared(before: Path, after: Path) -> Comparison:
    """Compare two files of numbers: Parquet, JSON or lines of JSON."""
    if not before.is_file():
        return Comparison(after.name, 1, (f"{after.name} is missing in the folder",), 1)
    if after.suffix == ".parquet":
        return _tables(after.name, archive.read_parquet(before), archive.read_parquet(after))
    then, now = (dict(_leaves(_json(path))) for path in (before, after))
    places = list(dict.fromkeys((*then, *now)))
    wrong = [place for place in places if then.get(place, _ABSENT) != now.get(place, _ABSENT)]
    said = tuple(
        f"{place}: {then.get(place, _ABSENT)} then, {now.get(place, _ABSENT)} now" for place in wrong[:MOST]
    )
    return Comparison(after.name, len(places), said, len(wrong))


_ABSENT = "nothing"


def _tables(name: str, then: pd.DataFrame, now: pd.DataFrame) -> Comparison:
    """Compare two tables column by column."""
    for what, before, after in (
        ("columns", list(then.columns), list(now.columns)),
        ("rows", list(then.index), list(now.index)),
    ):
        if before != after:
            return Comparison(
                name, now.size, (f"{len(before)} {what} then, {len(after)} now, or others",), now.size
            )
    said: list[str] = []
    count = 0
    dated = isinstance(now.index, pd.DatetimeIndex)
    for column in now.columns:
        old, new = then[column], now[column]
        differs = ~((old == new) | (old.isna() & new.isna())).to_numpy(dtype=bool)
        count += int(differs.sum())
        for row in np.flatnonzero(differs)[: MOST - len(said)]:
            where = str(now.index[row])[:10] if dated else f"row {row + 1}"
            said.append(f"{column} {where}: {old.iloc[row]} then, {new.iloc[row]} now")
    return Comparison(name, now.size, tuple(said), count)


def _json(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


def _leaves(content: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested JSON, by its path."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(value, f"{place} {key}".strip())
    elif isinstance(content, list):
        for position, value in enumerate(content, start=1):
            yield from _leaves(value, f"{place} {position}".strip())
    else:
        yield place, content


def _notes(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """What the run hung on that is not as it was."""
    if then.get("market", {}).get("hash") != now["market"]["hash"]:
        yield f"The data of market {now['market']['name']!r} changed since."
    if then.get("code", {}).get("hash") != code_hash():
        yield "The code changed since."
    versions = then.get("packages", {})
    for name, version in now["packages"].items():
        if name in versions and versions[name] != version:
            yield f"{name} was {versions[name]} then, is {version} now."
    if then.get("python") != now["python"]:
        yield f"Python was {then.get('python')} then, is {now['python']} now."
