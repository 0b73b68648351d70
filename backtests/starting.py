"""Ctrl-C while something is being imported.

A library that is interrupted half imported may swallow that, or call it something else. While the command
line itself is imported nothing has begun: the program ends at once. Later the interruption waits until what
is being imported is there.
"""

from __future__ import annotations

import _thread
import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # these take longer to import than all of this module
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

AGAIN = 0.01
"""Seconds until it is looked again whether an import is over."""

LONGEST = 5.0
"""Seconds that an interruption waits at most: an author's file may never end."""

_since: list[float] = []


def begin() -> None:
    """Let Ctrl-C end the program at once, until `begun`; but not where somebody else handles it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _handle(_end)


def begun() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, at once."""
    if signal.getsignal(signal.SIGINT) in (_end, _wait):
        _handle(signal.default_int_handler)


def wait_for_imports() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` when nothing is being imported, until `begun`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _handle(_wait)


def _handle(how: Callable[[int, FrameType | None], None]) -> None:
    try:  # noqa: SIM105
        signal.signal(signal.SIGINT, how)
    except ValueError:  # not the main thread, to which alone Ctrl-C is told
        pass


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _wait(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    _since.append(now)
    if _is_importing(frame) and now - _since[0] < LONGEST:
        _thread.start_new_thread(_interrupt_again, ())
        return
    _since.clear()
    raise KeyboardInterrupt


def _interrupt_again() -> None:
    time.sleep(AGAIN)
    _thread.interrupt_main()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
