"""Memory of large arrays goes back to the system as soon as nobody holds them."""

from __future__ import annotations

import ctypes
from contextlib import suppress

MMAP_THRESHOLD = -3
"""Of ``mallopt``, in ``malloc.h``."""

LARGE = 1 << 22
"""Bytes from which an allocation is one by itself."""


def trim() -> None:
    """Give back what was let go of in smaller pieces."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def give_back() -> None:
    """Keep glibc from raising that size with each array that is let go, which makes it keep the next ones."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)
