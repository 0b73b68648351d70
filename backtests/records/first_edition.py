"""Records as version 0.1 kept them, a JSON object a line with a head beside, read once and taken over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backtests.records.chain import BEGINNING, LOST, WAS, Chain, Entry

OWN = ("n", "previous", "recorded", "hash")
"""Keys that the old record wrote into each line itself."""


def migrate(
    results: Path, noun: str, chain: Chain, content: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> None:
    """Take the entries of ``<noun>.jsonl`` over into `chain` and put the file aside as ``.migrated``.

    Parameters
    ----------
    results : Path
    noun : str
        Name of the old record.
    chain : Chain
    content : callable
        Of an old line, what the new entry holds.

    Raises
    ------
    RecordError
        If `chain` can't be written; the old record is then left as it is.
    """
    old, head = results / f"{noun}.jsonl", results / f"{noun}.head"
    if not old.is_file():
        return
    lines = [line for text in old.read_bytes().split(b"\n") if (line := _line(text)) is not None]
    wanted = []
    for line in lines:
        try:
            kept = content(line)
        except (KeyError, TypeError, ValueError):
            continue
        wanted.append(Entry({**kept, "recorded": line["recorded"], WAS: line["hash"]}, f"was {line['hash']}"))
    seen = head.read_text(encoding="utf-8", errors="replace").split() if head.is_file() else []
    if not _unbroken(lines) or len(wanted) < len(lines) or seen[-1:] != [line["hash"] for line in lines][-1:]:
        lost = f"{old} was not whole when it was taken over"
        wanted.append(Entry({LOST: lost}, lost))
    chain.append(wanted)
    old.replace(old.with_name(old.name + ".migrated"))
    head.unlink(missing_ok=True)


def _line(text: bytes) -> dict[str, Any] | None:
    """Parse one line; None for one that was cut short."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and all(key in line for key in OWN) else None


def _unbroken(lines: list[dict[str, Any]]) -> bool:
    previous = BEGINNING
    for number, line in enumerate(lines, start=1):
        kept = {key: value for key, value in line.items() if key != "hash"}
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
        if (line["n"], line["previous"], line["hash"]) != (number, previous, digest):
            return False
        previous = digest
    return True
