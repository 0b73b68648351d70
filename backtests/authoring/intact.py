"""Whether a run left things as they were: the market, and functions that are not the strategy's.

Sealed processes are told of the market's past, which could hold a message.
"""

from __future__ import annotations

import ast
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any, cast

import numpy as np
import pandas as pd

from backtests.authoring.report import Check, Offence, judged
from backtests.authoring.sealed.code import FRAMEWORK, Deciding
from backtests.authoring.sealed.market import PRICES
from backtests.authoring.sealed.program import Source
from datafeeds import facts
from datafeeds.folder.cache import entry_of, open_entry
from datafeeds.market import Array, DerivedFacts, Market, MarketError


def fingerprint(market: Market) -> str:
    """All that sealed processes are told of `market`, but for facts worked out on the way."""
    return f"{market.name}, {', '.join(market.groups)}: {market.content_hash()}"


def apart(market: Market) -> Market:
    """A market of the same content, which nobody that knows `market` changes with it.

    One from the cache is opened there again, in place of a copy of gigabytes: its arrays are maps of files
    that can't be written to. Whether both still hold the same is for `intact` to say.
    """
    entry = entry_of(market)
    if entry is not None:
        with suppress(MarketError):  # removed meanwhile
            again = open_entry(str(entry))
            for name, values in dict(market.derived).items():
                if cast(DerivedFacts, again.derived).look_up(name) is None:
                    again.derived[name] = values.copy()
            return again
    arrays = {name: getattr(market, name).copy() for name in PRICES}
    tables = {name: getattr(market, name).copy() for name in TABLES}
    derived = {name: values.copy() for name, values in dict(market.derived).items()}
    return replace(market, **arrays, **tables, derived=derived)


def intact(market: Market, told: Market, before: str) -> Check:
    """Judge whether `market` holds what it held before the run, and no fact that does not follow from it.

    Parameters
    ----------
    market : Market
        After the run.
    told : Market
        What sealed processes are told of it, from `apart`.
    before : str
        The market's `fingerprint` before the strategy was made.
    """
    found = []
    if fingerprint(told) != before or not _alike(market, told):
        found.append(Offence("the run changed the data of market", value=repr(market.name[:40])))
    kept = {name: (values, told.derived.get(name)) for name, values in dict(market.derived).items()}
    made_up = _made_up(told, kept)
    found += [Offence("the run made up a fact:", value=repr(name[:40])) for name in kept if name in made_up]
    return judged("look-ahead", "the same market", found, "nothing in it was changed by the run")


def _made_up(told: Market, kept: Mapping[str, Sequence[Array | None]]) -> set[str]:
    """Facts, and medians, of which an array that is kept is not what follows from what `told` holds."""
    medians = {name: values for name, values in kept.items() if facts.is_median(name)}
    whole = {name: values for name, values in kept.items() if name not in medians}
    wrong = {
        name
        for name, values in whole.items()
        if any(array is not None and array.shape != told.close.shape for array in values)
    }
    concepts = told.facts["concept"].isin(facts.concepts_behind(whole))
    filed = told.facts[concepts] if len(whole) else told.facts[:0]
    step = max(1, CELLS // len(told.sessions))
    for first in range(0, len(told.symbols), step):
        some = slice(first, first + step)
        part = _part(told, filed, some)
        for name in whole.keys() - wrong:
            cut = [None if array is None else array[:, some] for array in whole[name]]
            if not _follows(part, name, cut):
                wrong.add(name)
    # From the facts that they are medians of, which are judged above: nothing is worked out twice.
    anew = replace(told, derived={name: values for name, (values, _) in whole.items() if values is not None})
    return wrong | {name for name, values in medians.items() if not _follows(anew, name, values)}


def _part(market: Market, filed: pd.DataFrame, columns: slice) -> Market:
    """What facts of some symbols follow from: their closes, splits and figures."""
    symbols = market.symbols[columns]
    tables = {"facts": filed, **{name: getattr(market, name) for name in ("splits", "basis", "instruments")}}
    held: dict[str, Any] = {name: table[table["symbol"].isin(symbols)] for name, table in tables.items()}
    held["close"] = np.ascontiguousarray(market.close[:, columns])
    held |= {name: np.broadcast_to(np.nan, held["close"].shape) for name in PRICES if name != "close"}
    part = replace(market, symbols=symbols, **held, derived={}, hash="part")
    vars(part)["concepts"] = market.concepts  # a fact exists though none of these symbols files it
    return part


def _follows(market: Market, name: str, arrays: Iterable[Array | None]) -> bool:
    try:
        expected = facts.worked_out(market, name)
        return all(_same_bits(values, expected) for values in arrays if values is not None)
    except (MarketError, TypeError, ValueError):
        return False


def _alike(market: Market, told: Market) -> bool:
    return all(_same_bits(getattr(market, name), getattr(told, name)) for name in PRICES) and all(
        getattr(market, name).equals(getattr(told, name)) for name in TABLES
    )


def _same_bits(one: Array, other: Array) -> bool:
    """Bit by bit: a value that is missing has bits to spare, and equals any other."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    first, second = (np.ascontiguousarray(each).view(np.uint64) for each in (one, other))
    return bool((first == second).all())


CELLS = 2_000_000
"""Closes of the symbols whose facts are worked out at once: of a wide market all would take gigabytes."""

TABLES = ("facts", "series", "instruments", "splits", "basis")

GUARDED = ("backtests", "datafeeds", "strategies", "json", "numpy", "builtins", "time", "zlib")
"""Packages whose functions a strategy must leave alone: the run and its check rest on them."""

Functions = Mapping[tuple[str, str], tuple[Any, Any]]
"""By module and name: what can be called, and its code."""


def functions_now() -> Functions:
    """What can be called in `GUARDED`, with its insides; take it before the strategy is made."""
    return {
        (key, name): (value, getattr(value, "__code__", None))
        for key, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and key.partition(".")[0] in GUARDED
        for name, value in _called(key, module)
    }


def untouched(deciding: Deciding, before: Functions) -> Check:
    """Judge whether something that can be called in `GUARDED` is the strategy's own, or was exchanged.

    Parameters
    ----------
    deciding : Deciding
        The strategy's code.
    before : mapping
        From `functions_now`, before the strategy was made.
    """
    now = functions_now()
    modules = {*deciding.modules} - FRAMEWORK
    own = {
        place
        for place, (value, _) in now.items()
        if place[0] not in modules and _files_of(value) & deciding.files
        if not _is_imported(place[1], value, deciding.sources.get(place[0]))
    }
    other = {
        place
        for place, (value, insides) in now.items()
        if place in before and (before[place][0] is not value or before[place][1] is not insides)
    }
    found = [
        Offence("was replaced since the strategy was loaded:", value=".".join(place))
        for place in now
        if place in own or place in other
    ]
    return judged("look-ahead", "functions of others", found, "none was replaced")


def at_rest(deciding: Deciding) -> Check:
    """Judge whether a thread of the strategy's goes on after its last decision, with the check beside it.

    Parameters
    ----------
    deciding : Deciding
        The strategy's code.
    """
    mine = deciding.files
    frames = sys._current_frames()
    waiting = {thread.ident for thread in threading.enumerate() if isinstance(thread, threading.Timer)}
    found = []
    for thread, frame in frames.items():
        code = {each.f_code.co_filename for each, _ in traceback.walk_stack(frame)}
        if thread != threading.get_ident() and (code & mine or thread in waiting):
            where = ", ".join(sorted(code & mine)) or "a timer"
            found.append(
                Offence("a thread goes on after the last decision; end it where it is started:", value=where)
            )
    return judged("look-ahead", "threads", found, "none was left running")


def _called(key: str, module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What can be called in a module, and in the classes that are made in it."""
    for name, value in list(vars(module).items()):
        if callable(value):
            yield name, value
        if isinstance(value, type) and value.__module__ == key:
            yield from (
                (f"{name}.{each}", held)
                for each, held in list(vars(value).items())
                if callable(held) or isinstance(held, property | staticmethod | classmethod)
            )


def _files_of(value: Any) -> set[str]:
    """Files of the code that is run when `value` is called."""
    for name in ("func", "__func__", "fget"):  # of a partial, a method, a property
        if isinstance(value, partial | MethodType | property | staticmethod | classmethod):
            value = getattr(value, name, value)
    return {value.__code__.co_filename} if isinstance(value, FunctionType) else set()


def _is_imported(name: str, function: Any, source: Source | None) -> bool:
    """Whether the text of a module imports `function` under this name."""
    return source is not None and any(
        getattr(sys.modules.get(node.module or ""), alias.name, None) is function
        for node in ast.walk(ast.parse(source.text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (alias.asname or alias.name) == name
    )
