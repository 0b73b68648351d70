"""What tells a file from the one that was read before, without reading it."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int, int]
"""When content and inode changed, the size, and the inode: one of them differs after any edit."""


def stamp_of(file: Path) -> Stamp:
    """The stamp of a file as it is now.

    Its time of modification alone would not do: programs that copy or unpack files set that back.

    Raises
    ------
    OSError
        If there is none.
    """
    found = file.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
