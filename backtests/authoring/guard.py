"""A guard that stops a strategy's own code from reaching files, network, clock and other objects' insides."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

EVENTS = (
    *("open", "os.", "shutil.", "glob.", "pathlib.", "tempfile.", "mmap.", "fcntl.", "sqlite3."),
    *("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "ssl.", "webbrowser.", "subprocess.", "pty."),
    *("gc.", "sys._getframe", "sys._current_frames", "ctypes.", "code.__new__", "marshal.", "pickle."),
    "object.__getattr__",
)
"""Beginnings of the interpreter's audit events that a decision must not raise."""

CLOCKS = frozenset(
    {
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "Timestamp.now"),
        *("time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime", "urandom", "getrandom"),
    }
)

FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "__globals__", "__closure__", "__code__"})
"""Attributes that lead from an object to what its maker meant to keep."""

_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd")


class ForbiddenError(Exception):
    """A strategy tried what a decision must not do."""


@dataclass
class Watch:
    """What a guard has seen.

    Attributes
    ----------
    own : frozenset of str
        File names of the strategy's code.
    breaches : list of str
        What was tried, with file and line.
    """

    own: frozenset[str]
    breaches: list[str] = field(default_factory=list)


class _Switch(threading.local):
    """The guard of this thread, if one is up: audit hooks can't be taken down again."""

    watch: Watch | None = None
    hooked = False


_SWITCH = _Switch()
_INSTALLED: list[bool] = []


@contextmanager
def guarded(own: frozenset[str]) -> Iterator[Watch]:
    """Block what code in the files `own` must not do, in this thread.

    What a library does while it is being imported is its own affair.
    """
    if not _INSTALLED:
        sys.addaudithook(_on_event)
        _INSTALLED.append(True)
    watch = Watch(own)
    before, profiler = _SWITCH.watch, sys.getprofile()
    _SWITCH.watch = watch
    sys.setprofile(_on_call)
    try:
        yield watch
    finally:
        sys.setprofile(profiler if callable(profiler) else None)
        _SWITCH.watch = before


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _SWITCH.watch
    if watch is None or not event.startswith(EVENTS):
        return
    if event == "object.__getattr__" and arguments[1] not in FRAMES:
        return
    if event == "open" and str(arguments[0]).endswith(_CODE):
        return
    _SWITCH.watch = None  # what follows may raise events itself
    try:
        frame = sys._getframe(1)
        place = _blamed(frame, watch.own, direct=event.startswith(("sys.", "object.")))
        if place:
            said = next((each for each in arguments if isinstance(each, str | bytes)), "")
            subject = f" {said!r}" if said else ""
            watch.breaches.append(f"{event}{subject} at {place}")
            raise ForbiddenError(watch.breaches[-1])
    finally:
        _SWITCH.watch = watch


def _blamed(frame: FrameType | None, own: frozenset[str], direct: bool) -> str:
    """File and line of the strategy's code that led here; empty if it was a library's import."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file in own:
            return f"{Path(file).name}:{frame.f_lineno}"
        if direct or file.startswith("<frozen importlib"):
            return ""
        frame = frame.f_back
    return ""


def _on_call(frame: FrameType, event: str, function: Any) -> None:
    watch = _SWITCH.watch
    if watch is None or event != "c_call" or frame.f_code.co_filename not in watch.own:
        return
    name = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", None)
    if name in CLOCKS and (module in (None, "time", "posix") or "." in name):
        place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        watch.breaches.append(f"{name} read the clock at {place}")
        raise ForbiddenError(watch.breaches[-1])
