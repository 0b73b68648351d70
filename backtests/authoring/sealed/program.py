"""The program of the sealed processes: import libraries, close every door, load the strategy, decide.

One process imports the libraries, which it may do while the run still decides, and never sees a market. It
splits into a process for each kind of future that is asked for; each closes its own doors before a line of
the strategy's code is run. What they are told comes one decision at a time, so that nothing of the next can
be there before the last is answered.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError
from zoneinfo._zoneinfo import ZoneInfo as PlainZoneInfo  # type: ignore[import-not-found]

import numpy as np

import datafeeds.facts  # noqa: F401 (read before the doors close)
from backtests.authoring.sealed.circumstances import changes_since, settle
from backtests.authoring.sealed.market import FUTURES, Future, Holder, News
from backtests.authoring.sealed.walls import Kind, allow_only_code, close_everything
from backtests.memory import give_back, trim
from datafeeds.calendars import TIME_ZONES
from datafeeds.market import Market

GIVEN = ("datafeeds", "backtests")
"""Packages that strategies are given and don't write."""

_ZONES: list[tzinfo] = []
"""Time zones that were read before the doors closed."""


@dataclass(frozen=True)
class Source:
    """A module of the house or of the author, as text.

    Attributes
    ----------
    text, file : str
    package : bool
        Whether modules lie below it.
    """

    text: str
    file: str
    package: bool


@dataclass(frozen=True)
class Library:
    """What is imported before the doors close.

    Attributes
    ----------
    modules : tuple of str
        Names of library modules that the strategy asks for.
    also : tuple of str
        What the run has imported: parts of the same libraries are imported too, since some import them late.
    folders : tuple of str
        Where they lie.
    compiles : bool
        Whether the strategy compiles functions with numba.
    without : tuple of str
        Walls to do without (`backtests.authoring.sealed.walls`).
    zones : tuple of str
        Words of the strategy's source that may be time zones, whose files are read beforehand.
    """

    modules: tuple[str, ...]
    also: tuple[str, ...]
    folders: tuple[str, ...]
    compiles: bool
    without: tuple[Kind, ...] = ()
    zones: tuple[str, ...] = ()


Code = Mapping[str, Source]
"""All that a sealed process may import besides libraries, by module."""


@dataclass(frozen=True)
class Setting:
    """What a sealed process is told before the first decision.

    Attributes
    ----------
    recipe : dict
        The strategy, as `plain` says it.
    shape : dict
        As from `Sender.shape`.
    seed : int
        Of a false future.
    """

    recipe: dict[str, Any]
    shape: dict[str, Any]
    seed: int


@dataclass(frozen=True, eq=False)
class Question:
    """One decision to make, on all news told so far.

    Attributes
    ----------
    session : int
    weights : ndarray, shape (symbols,)
    previous : dict or None
        The last target, as `plain_target` says it.
    from_filings : bool
        See `Holder.market`.
    """

    session: int
    weights: Any
    previous: Mapping[str, Any] | None
    from_filings: bool


def main(control: int, given: Mapping[str, str]) -> None:
    """Start a fresh process for each socket that comes in; this one imports nothing more.

    Parameters
    ----------
    control : int
    given : mapping of str to str
        The parent's `circumstances` before this process was there.
    """
    _end_with_parent()
    settle()
    give_back()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=control) as order:
        while True:
            _, ends, _, _ = socket.recv_fds(order, 1, 1)
            if not ends:
                return
            if os.fork() == 0:
                order.close()
                line = socket.socket(fileno=ends[0])
                try:
                    _prepare(line, given)
                except BaseException:
                    with suppress(OSError):
                        send(line, b"[]")  # nobody need wait for an answer
                finally:
                    os._exit(0)
            os.close(ends[0])


def _prepare(line: socket.socket, given: Mapping[str, str]) -> None:
    """Import libraries; then, each time that something is asked, split into one process a kind of future.

    What is asked wants parts of the same libraries at most. This process never sees a market, nor runs a
    strategy's code, so that all that it is asked begins alike.
    """
    _end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    library, code = _told(line)
    _read_time_zones((*TIME_ZONES, *library.zones))
    allow_only_code(map(Path, library.folders), library.without)
    _import(library)
    _warm(library)
    _compile_all(code)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        library, code = _told(line)
        asked, ends, _, _ = socket.recv_fds(line, len(FUTURES), len(FUTURES))
        _import(library)
        _compile_all(code)
        gc.freeze()
        children = [
            _split(line, ends, end, FUTURES[place], code, library.without, given)
            for place, end in zip(asked, ends, strict=True)
        ]
        for end in ends:
            os.close(end)
        send(line, json.dumps(children).encode())


def _told(line: socket.socket) -> tuple[Library, Code]:
    library, code = pickle.loads(receive(line))
    return library, code


def _split(
    line: socket.socket,
    ends: Sequence[int],
    mine: int,
    future: Future,
    code: Code,
    without: Collection[Kind],
    given: Mapping[str, str],
) -> int:
    """Start the process that answers for `future` on the socket `mine`, one of `ends`; its number."""
    child = os.fork()
    if child:
        return child
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line.close()
    for other in ends:
        if other != mine:
            os.close(other)
    try:
        _serve(socket.socket(fileno=mine), future, code, without, given)
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _import(library: Library) -> None:
    """Import what the strategy will want; what can't be imported here it will miss itself."""
    _import_all(library.modules)
    begun = {name.partition(".")[0] for name in list(sys.modules)}
    _import_all(name for name in library.also if name.partition(".")[0] in begun)


def _warm(library: Library) -> None:
    numba = sys.modules.get("numba")
    if library.compiles and numba is not None:
        # Compiling imports half of numba. Compiled code is kept in files, which there will be none of.
        numba.core.dispatcher.Dispatcher.enable_caching = lambda self: None
        numba.njit(lambda values: values.sum() + 1.0)(np.ones(2))


def _read_time_zones(names: Iterable[str]) -> None:
    """Read time zones, which Python knows by name as long as somebody holds them.

    pandas asks for their transitions, which only zones written in Python tell.
    """
    for name in names:
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            _ZONES.extend((ZoneInfo(name), PlainZoneInfo(name)))


def _import_all(names: Iterable[str]) -> None:
    for name in names:
        if name not in sys.modules:
            with suppress(Exception, SystemExit):
                importlib.import_module(name)


def _compile_all(code: Code) -> None:
    """Compile what strategies are made of, once for all kinds of future; what can't be says so when imported.

    Of what they are given next to nothing is still to be imported, and all of it takes four times as long.
    """
    for name, source in code.items():
        if name.partition(".")[0] not in GIVEN:
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                _compiled(source)


@cache
def _compiled(source: Source) -> CodeType:
    compiled: CodeType = compile(source.text, source.file, "exec", dont_inherit=True)
    return compiled


def _serve(
    connection: socket.socket,
    future: Future,
    code: Code,
    without: Collection[Kind],
    given: Mapping[str, str],
) -> None:
    _end_with_parent()
    os.environ.clear()  # what libraries wanted of it they have read
    try:
        setting: Setting = pickle.loads(receive(connection))
        if changed := changes_since(given):
            send(connection, json.dumps({"changed": changed}).encode())
            return
        walls = close_everything(without)
        strategy = _strategy(setting, code)
    except BaseException as error:
        send(connection, json.dumps({"error": _said(error)}).encode())
        return
    send(connection, json.dumps({"walls": walls}).encode())
    holder = Holder(setting.shape, future, setting.seed)
    while content := receive(connection):
        told: News | Question = pickle.loads(content)
        if isinstance(told, News):
            holder.add(told)
            continue
        if holder.limits is not None:  # of a wide market: what was told lay in pieces of megabytes
            trim()
        market = holder.market(from_filings=told.from_filings)
        answer = _answer(strategy, market, holder, told)
        del market  # before the next one is there
        send(connection, json.dumps(answer).encode())


def _strategy(setting: Setting, code: Code) -> Any:
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, FromMemory(code))
    # The house's decision code is read from memory, like the author's, after the doors have closed.
    from backtests.authoring.sealed.plain import revived

    return revived(setting.recipe)


def _answer(strategy: Any, market: Market, holder: Holder, question: Question) -> dict[str, Any]:
    # As in `_strategy`: found there by now.
    from backtests.authoring.sealed.plain import plain_target, revived_target
    from strategies.asof import AsOf, LookedAt, looked_at

    try:
        previous, earlier = revived_target(question.previous), holder.earlier
        today = question.session - len(earlier)
        see = AsOf(market, today, question.weights, previous, holder.own_tables(), earlier)
        target = plain_target(strategy.decide(see))
        limits, looked = holder.limits, looked_at(market)
        if limits is not None and (beyond := looked.beyond(LookedAt(**limits))):
            return {"error": f"it looked at {beyond}, at which it did not look in the run"}
        sessions = np.concatenate([earlier, market.sessions[: today + 1]])
        flags = strategy.schedule.decides(sessions, holder.next_session)
        decides = np.packbits(np.asarray(flags, dtype=bool)).tobytes().hex()
        return {"target": target, "decides": decides, "asked": sorted(looked.facts)}
    except BaseException as error:
        return {"error": _said(error)}


def _said(error: BaseException) -> str:
    """What went wrong, with the last line of code outside the libraries."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename and not frame.filename.startswith("<")
    ]
    ours = [frame for frame in frames if frame.filename != __file__] or frames
    where = f"{ours[-1].filename}:{ours[-1].lineno}: " if ours else ""
    return f"{where}{type(error).__name__}: {error}"


class FromMemory(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports modules from their text, so that no file need be opened.

    Parameters
    ----------
    sources : mapping of str to Source
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module, if its text is here."""
        source = self._sources.get(name)
        if source is None:
            return None
        spec = importlib.machinery.ModuleSpec(name, self, origin=source.file, is_package=source.package)
        spec.has_location = bool(source.file)
        return spec

    def get_source(self, fullname: str) -> str:
        """Its text."""
        return self._sources[fullname].text

    def get_code(self, fullname: str) -> CodeType:
        """Its text, compiled."""
        return _compiled(self._sources[fullname])

    def is_package(self, fullname: str) -> bool:
        """Whether it has modules below."""
        return self._sources[fullname].package


AT_ONCE = 1 << 20
"""Bytes that are sent or received in one call: after each the thread takes its turn for Python's lock."""


def send(connection: socket.socket, *messages: bytes) -> None:
    """Send messages, one after the other."""
    parts = [part for message in messages for part in (struct.pack("=Q", len(message)), message)]
    if sum(map(len, parts)) <= AT_ONCE:
        parts = [b"".join(parts)]
    for part in parts:
        connection.sendall(part)


def receive(connection: socket.socket, most: int = 1 << 34, alone: bool = False) -> bytes | bytearray:
    """The next message; empty when the other side is gone.

    Parameters
    ----------
    connection : socket
    most : int
        Bytes it may have.
    alone : bool
        Whether nothing can follow it yet, as an answer to what has been asked.
    """
    head = connection.recv(AT_ONCE) if alone else _exactly(connection, 8)
    if 0 < len(head) < 8:
        head += _exactly(connection, 8 - len(head))
    if len(head) < 8:
        return b""
    (length,) = struct.unpack("=Q", head[:8])
    if length > most:
        raise ConnectionError(f"a message of {length} bytes")
    missing = length - len(head) + 8
    rest = _exactly(connection, missing)
    return head[8:] + rest if len(rest) == missing else b""


def _exactly(connection: socket.socket, count: int) -> bytes | bytearray:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), AT_ONCE))
        if not part:
            return b""
        parts += part
    return parts
