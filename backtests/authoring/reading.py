"""What was read in a strategy's source, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """What the code that decides, and its parameters, say of particular companies and days.

    Attributes
    ----------
    modules : tuple of str
        What was read.
    symbols, dates : tuple of str
        Symbols of the market and dates that are named, sorted.
    tables : tuple of str
        Where long tables stand: module and line, or the parameter.
    declared : tuple of str
        The strategy's own tables (`Strategy.tables`).
    by : str
        By what, and where, the code can read its own text, if by anything: ``"__doc__ at plan:12"``.
    text_symbols, text_dates : tuple of str
        Symbols and dates that stand in that text alone, its docstrings, comments and names, sorted; empty
        where it can't read them and they are few.
    """

    modules: tuple[str, ...]
    symbols: tuple[str, ...]
    dates: tuple[str, ...]
    tables: tuple[str, ...]
    declared: tuple[str, ...]
    by: str = ""
    text_symbols: tuple[str, ...] = ()
    text_dates: tuple[str, ...] = ()


def in_words(reading: Reading) -> str:
    """What was found, in one sentence; in two where the code's own text holds some of it."""
    parts = [part for part in (_of_values(reading), _of_text(reading)) if part]
    if not parts:
        return "The source and its parameters name no symbol and no date."
    return f"{'. '.join(parts)}; whether that was known at the time no machine can tell."


def _of_values(reading: Reading) -> str:
    counts = (
        (len(reading.symbols), "symbol", "symbols"),
        (len(reading.dates), "date", "dates"),
        (len(reading.tables), "long table", "long tables"),
        (len(reading.declared), "declared table", "declared tables"),
    )
    some = (reading.symbols[:6], reading.dates[:3], reading.tables[:3], reading.declared[:3])
    found = _counted(counts)
    return f"The source and its parameters hold {', '.join(found)} ({_shown(some)})" if found else ""


def _of_text(reading: Reading) -> str:
    counts = (
        (len(reading.text_symbols), "symbol", "symbols"),
        (len(reading.text_dates), "date", "dates"),
    )
    found = _counted(counts)
    if not found:
        return ""
    how = f"The source can read its own text ({reading.by})" if reading.by else "Code can read its own text"
    shown = _shown((reading.text_symbols[:6], reading.text_dates[:3]))
    return f"{how}, whose docstrings, comments and names hold {' and '.join(found)} ({shown})"


Counts = Sequence[tuple[int, str, str]]


def _counted(counts: Counts) -> list[str]:
    return [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]


def _shown(parts: Iterable[tuple[str, ...]]) -> str:
    return ", ".join(each for part in parts for each in part)
