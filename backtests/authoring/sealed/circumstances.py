"""What a process is given from outside: limits, priorities, processors.

A parent's are its children's, and any process of the same owner may set them while others wait. So they could
say something to a process that is told nothing else.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}

_ASK = 0xFFFFFFFF
"""Given as a personality, it asks for the one that there is."""

_TIMER_SLACK = 30

_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""As Python itself does."""


def circumstances() -> dict[str, str]:
    """What of this process others can set, by name and in words."""
    return dict(_circumstances())


def _circumstances() -> Iterator[tuple[str, str]]:
    for name in sorted(dir(resource)):
        if name.startswith("RLIMIT_"):
            with suppress(OSError, ValueError):
                soft, hard = resource.getrlimit(getattr(resource, name))
                yield f"limit {name.removeprefix('RLIMIT_')}", f"{soft} of {hard}"
    yield "nice value", str(os.getpriority(os.PRIO_PROCESS, 0))
    if not sys.platform.startswith("linux"):
        return
    yield "processors", ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    priority = os.sched_getparam(0).sched_priority
    yield "scheduler", f"{os.sched_getscheduler(0)} with priority {priority}"
    libc = ctypes.CDLL(None)
    if platform.machine() in _IOPRIO_GET:
        yield "priority for files", str(libc.syscall(_IOPRIO_GET[platform.machine()], 1, 0))
    yield "timer slack", str(libc.prctl(_TIMER_SLACK, 0, 0, 0, 0))
    yield "personality", str(libc.personality(ctypes.c_ulong(_ASK)))


def changes_since(given: Mapping[str, str]) -> str:
    """How `circumstances` differ from what they were, in words; empty if they don't."""
    now = circumstances()
    return "; ".join(
        f"{name} {given.get(name, 'none')}, then {now.get(name, 'none')}"
        for name in dict.fromkeys([*given, *now])
        if given.get(name) != now.get(name)
    )


def settle() -> None:
    """Put aside what only a parent can say: which signals are blocked or ignored, the mask of new files."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError):  # some are the system's own
            signal.signal(number, signal.SIG_IGN if number in _IGNORED else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(0o077)
