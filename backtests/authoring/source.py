"""What the author knew: names, dates and tables in the source and in the parameters of a strategy.

No machine can tell hindsight from insight. It can count what hindsight is made of.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from backtests.authoring.report import Check, note
from backtests.authoring.sealed.code import deciding_modules, tree_of

KIND = "source"

LONG = 40
"""Entries of a list, or words and numbers in a text, that make a table."""

FRAMEWORK = frozenset(
    {"strategies", *(f"strategies.{name}" for name in ("asof", "target", "schedule", "strategy", "expiries"))}
)
"""Modules that are the same for every strategy."""

_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d(?:-[0-3]\d)?(?!\d)")
_WORD = re.compile(r"[A-Za-z]+(?:[.-][A-Za-z]+)?|\d+(?:\.\d+)?")


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
    """

    modules: tuple[str, ...]
    symbols: tuple[str, ...]
    dates: tuple[str, ...]
    tables: tuple[str, ...]


def read_source(cls: type, parameters: Mapping[str, Any], symbols: Collection[str]) -> Reading:
    """Read the modules that decide, and the parameters.

    Parameters
    ----------
    cls : type
        The strategy's class.
    parameters : mapping
        As a run file says them.
    symbols : collection of str
        Of the market.
    """
    modules = [module for module in deciding_modules(cls) if module.__name__ not in FRAMEWORK]
    said: list[tuple[str, Any]] = []
    for module in modules:
        tree = tree_of(module)
        if tree is not None:
            name = (
                module.__name__.rpartition("_")[2] if "strategy_file_" in module.__name__ else module.__name__
            )
            said += [(f"{name}:{line}", value) for line, value in _values(tree)]
    for key, value in parameters.items():
        said += [(key, part) for part in _parts(value)]
    texts = [str(value) for _, value in said if not isinstance(value, _Long)]
    named = {word for text in texts for word in _words(text)} & set(symbols)
    dates = {date for text in texts for date in _dates(text)}
    tables = tuple(dict.fromkeys(place for place, value in said if _is_table(value)))
    return Reading(
        tuple(sorted(module.__name__ for module in modules)),
        tuple(sorted(named)),
        tuple(sorted(dates)),
        tables,
    )


def in_words(reading: Reading) -> str:
    """What was found, in half a sentence."""
    counts = (
        (len(reading.symbols), "symbol"),
        (len(reading.dates), "date"),
        (len(reading.tables), "long table"),
    )
    parts = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count]
    if not parts:
        return "the source and its parameters name no symbol and no date"
    return f"the source and its parameters hold {', '.join(parts)}"


def source_check(cls: type, parameters: Mapping[str, Any], symbols: Collection[str]) -> Check:
    """Count what the author knew; information, no fault."""
    reading = read_source(cls, parameters, symbols)
    shown = [*reading.symbols[:8], *reading.dates[:4], *reading.tables[:4]]
    return note(
        KIND, "names, dates and tables", in_words(reading) + (f": {', '.join(shown)}" if shown else "")
    )


class _Long:
    """A list with many entries."""


def _values(tree: ast.Module) -> Iterator[tuple[int, Any]]:
    """Constants with their lines, docstrings left out, and a mark for each long list."""
    words = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in words:
            yield node.lineno, node.value
        elif (isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > LONG) or (
            isinstance(node, ast.Dict) and len(node.keys) > LONG
        ):
            yield node.lineno, _Long()
        elif isinstance(node, ast.Call) and len(node.args) == 3:
            year, month, day = (getattr(part, "value", None) for part in node.args)
            if (
                isinstance(year, int)
                and isinstance(month, int)
                and isinstance(day, int)
                and 1900 < year < 2100
            ):
                yield node.lineno, f"{year}-{month:02}-{day:02}"


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set):
        if len(value) > LONG:
            yield _Long()
        for each in value:
            yield from _parts(each)
    else:
        yield value


def _is_table(value: Any) -> bool:
    if isinstance(value, _Long):
        return True
    if isinstance(value, bytes):
        return len(value) > 4 * LONG
    if isinstance(value, int):
        return value.bit_length() > 128
    return isinstance(value, str) and (
        len(_words(value)) > LONG or any(len(word) > 4 * LONG for word in value.split())
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _dates(text: str) -> list[str]:
    found = _DATE.findall(text)
    if re.fullmatch(r"(19|20)\d{6}", text):
        with suppress(ValueError):
            found.append(dt.datetime.strptime(text, "%Y%m%d").date().isoformat())
    return found
