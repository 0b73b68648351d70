"""When memory is given back: of large arrays at once; and Python seldom looks for what nobody holds."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Of ``mallopt``, in ``malloc.h``."""

LARGE = 1 << 23
"""Bytes from which an allocation is one by itself."""

KEPT = 1 << 24
"""Bytes that are kept for smaller ones, so that the system is not asked for each."""


def trim() -> None:
    """Give back what was let go of in smaller pieces."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def give_back() -> None:
    """Keep glibc from raising that size with each array that is let go, which makes it keep the next ones."""
    with suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGE)
        library.mallopt(TRIM_THRESHOLD, KEPT)


def collect_seldom() -> None:
    """Look for unreachable objects seldom, and never among what there is by now: a quarter of the time."""
    gc.set_threshold(20_000, 20, 10)
    gc.freeze()


@contextmanager
def importing() -> Iterator[None]:
    """Look for no unreachable objects while the block imports, nor ever after among what it made."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
