"""What was read in a strategy's source, and what is said of it."""

from __future__ import annotations

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
    """

    modules: tuple[str, ...]
    symbols: tuple[str, ...]
    dates: tuple[str, ...]
    tables: tuple[str, ...]
    declared: tuple[str, ...]


def in_words(reading: Reading) -> str:
    """What was found, in one sentence."""
    counts = (
        (len(reading.symbols), "symbol", "symbols"),
        (len(reading.dates), "date", "dates"),
        (len(reading.tables), "long table", "long tables"),
        (len(reading.declared), "declared table", "declared tables"),
    )
    parts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    if not parts:
        return "The source and its parameters name no symbol and no date."
    some = (reading.symbols[:6], reading.dates[:3], reading.tables[:3], reading.declared[:3])
    shown = ", ".join(each for part in some for each in part)
    return (
        f"The source and its parameters hold {', '.join(parts)} ({shown}); whether that was known at the "
        "time no machine can tell."
    )
