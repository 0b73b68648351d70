"""What the author knew: names, dates and tables in the source and in the parameters of a strategy.

No machine can tell hindsight from insight. It can count what hindsight is made of.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from backtests.authoring.own_text import PLAN, dates_in, mirrors, told_in_text
from backtests.authoring.reading import Reading, in_words
from backtests.authoring.report import Check, note
from backtests.authoring.sealed.code import FRAMEWORK, SHIPPED
from backtests.authoring.sealed.program import Source
from backtests.engine.tables import table_files

KIND = "source"

LONG = 40
"""Entries of a list, or words and numbers in a text, that make a table."""

WIDE = 4 * LONG
"""Characters of one word, or of all that one parameter holds, that make one."""

_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d(?:-[0-3]\d)?(?!\d)")
_WORD = re.compile(r"[A-Za-z]+(?:[.-][A-Za-z]+)?|\d+(?:\.\d+)?")


def read_source(
    classes: Sequence[type],
    parameters: Mapping[str, Any],
    symbols: Collection[str],
    sources: Mapping[str, Source],
) -> Reading:
    """Read the modules that decide, and the parameters.

    Parameters
    ----------
    classes : sequence of type
        As from `classes_of`.
    parameters : mapping
        As a run file says them.
    symbols : collection of str
        Of the market.
    sources : mapping of str to Source
        The modules that decide, as they were replayed: what is counted is what was run.
    """
    modules = sorted({*sources} - FRAMEWORK)
    said: list[tuple[str, Any]] = []
    read_by: list[str] = []
    in_text: tuple[set[str], set[str]] = set(), set()
    for module in modules:
        name = module.split("_", 3)[3] if module.startswith("strategy_file_") else module
        text = sources[module].text
        tree = ast.parse(text)
        said += [(f"{name}:{line}", value) for line, value in _values(tree)]
        if module not in SHIPPED:
            read_by += [f"{by} at {name}:{line}" for line, by in mirrors(tree)]
            for found, more in zip(in_text, told_in_text(tree, text, symbols), strict=True):
                found |= more
    for key, value in parameters.items():
        parts = list(_parts(value))
        wide = len(parts) > 1 and sum(len(str(part)) for part in parts) > WIDE
        said += [(key, part) for part in [*parts, *([_Long()] if wide else [])]]
    texts = [str(value) for _, value in said if not isinstance(value, _Long)]
    named = {word for text in texts for word in _words(text)} & set(symbols)
    dates = {date for text in texts for date in _dates(text)}
    tables = tuple(dict.fromkeys(place for place, value in said if _is_table(value)))
    alone = in_text[0] - named, in_text[1] - dates
    is_told = read_by or len(alone[1]) >= PLAN
    return Reading(
        tuple(modules),
        tuple(sorted(named)),
        tuple(sorted(dates)),
        tables,
        tuple(sorted(name for cls in classes for name in table_files(cls))),
        ", ".join(read_by[:2]),
        *(tuple(sorted(each)) if is_told else () for each in alone),
    )


def source_check(
    classes: Sequence[type],
    parameters: Mapping[str, Any],
    symbols: Collection[str],
    sources: Mapping[str, Source],
) -> Check:
    """Count what the author knew; information, no fault."""
    return note(KIND, "names, dates and tables", in_words(read_source(classes, parameters, symbols, sources)))


class _Long:
    """A list with many entries."""


def _values(tree: ast.Module) -> Iterator[tuple[int, Any]]:
    """Constants with their lines, docstrings and ``__all__`` left out, and a mark for each long list."""
    for statement in tree.body:
        if not (isinstance(statement, ast.Assign) and _is_named(statement.targets[0], "__all__")):
            yield from _constants(statement)


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _constants(statement: ast.stmt) -> Iterator[tuple[int, Any]]:
    nodes = list(ast.walk(statement))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value
        elif isinstance(node, ast.expr) and _entries(node) > LONG:
            yield node.lineno, _Long()
        elif isinstance(node, ast.keyword) and node.arg is not None:
            # `dict(NVDA=1)` holds a word, as if in quotes.
            for word in (node.arg, *dates_in(node.arg)):
                yield node.lineno, word
        elif isinstance(node, ast.Call) and len(node.args) == 3:
            parts = [getattr(part, "value", None) for part in node.args]
            if all(isinstance(part, int) for part in parts) and 1900 < (parts[0] or 0) < 2100:
                yield node.lineno, f"{parts[0]}-{parts[1]:02}-{parts[2]:02}"


def _entries(node: ast.expr) -> int:
    if isinstance(node, ast.Dict):
        return len(node.keys)
    return len(node.elts) if isinstance(node, ast.List | ast.Tuple | ast.Set) else 0


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
        return len(value) > WIDE
    if isinstance(value, int):
        return value.bit_length() > 128
    return isinstance(value, str) and (
        len(_words(value)) > LONG or any(len(word) > WIDE for word in value.split())
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _dates(text: str) -> list[str]:
    found = _DATE.findall(text)
    if re.fullmatch(r"(19|20)\d{6}", text):
        with suppress(ValueError):
            found.append(dt.datetime.strptime(text, "%Y%m%d").date().isoformat())
    return found
