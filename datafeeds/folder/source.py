"""What a market folder says of itself: ``source.json``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from datafeeds.calendars import NEW_YORK, calendar_named
from datafeeds.market import Adjustment, Finding
from datafeeds.names import unknown_name
from datafeeds.toml_files import LARGEST
from datafeeds.validation import TomlTable, problems_in

FILE = "source.json"


def _currency(code: str) -> str:
    if code and not re.fullmatch(r"[A-Z]{3,5}", code):
        raise ValueError("write a currency as three to five capital letters, such as GBP")
    return code


class Source(TomlTable):
    """Where the numbers of a folder come from and how they are to be read; other keys belong to others.

    Attributes
    ----------
    source : str
        One sentence.
    calendar : str
        See `Market`; another name for an exchange, such as LSE, is taken for its code.
    currency : str
        Three to five capital letters, such as GBP; empty if not stated, which in New York means USD.
    adjustment : {"split", "total_return"}
        See `Market`.
    dividends : {"adjusted", "as_paid"}
        Whether dividends stand on the split basis of the prices, or are the cash that was paid a share.
    stale_after : int
        See `Market`.
    limits : tuple of str
        Sentences for page one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: str = ""
    calendar: Annotated[str, AfterValidator(calendar_named)] = NEW_YORK
    currency: Annotated[str, AfterValidator(_currency)] = ""
    adjustment: Adjustment = "split"
    dividends: Literal["adjusted", "as_paid"] = "adjusted"
    stale_after: Annotated[int, Field(ge=1, le=3_650)] = 200
    limits: tuple[str, ...] = ()


def read_source(folder: Path) -> tuple[Source, list[Finding]]:
    """What ``source.json`` says, or what holds without it, and what is wrong with it."""
    path = folder / FILE
    if not path.exists():
        return Source(), []
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return _refused(f"is no file of {LARGEST:,} bytes at most")
        said: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        return _refused(f"can't be read: {(problem.strerror or '').lower()}")
    except ValueError as problem:
        return _refused(f"is not JSON in UTF-8: {problem}")
    except RecursionError:
        return _refused("is nested too deeply; write a flat table")
    if not isinstance(said, dict):
        return _refused('holds no table of names and values, as in {"source": "..."}')
    try:
        return Source.model_validate(said), _misspelt(said)
    except ValidationError as problem:
        return _refused(problems_in(problem, Source, FILE))


def _refused(why: str) -> tuple[Source, list[Finding]]:
    return Source(), [Finding("error", FILE, f"{FILE}: {why}")]


def _misspelt(said: dict[str, Any]) -> list[Finding]:
    """Keys that are none of ours and nearly one."""
    strange = [key for key in said if key not in Source.model_fields]
    hints = [unknown_name("key", key, Source.model_fields, FILE) for key in strange]
    return [Finding("suspicion", FILE, f"{hint}; not used") for hint in hints if "did you mean" in hint]
