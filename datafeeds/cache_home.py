"""Where this machine keeps what takes time to make again: markets and calendars."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """``$STYLE_ROTATION_CACHE``, else a folder of the platform's; all in it may be deleted at any time."""
    given = os.environ.get("STYLE_ROTATION_CACHE")
    return (
        Path(given).expanduser() if given else platformdirs.user_cache_path("style-rotation", appauthor=False)
    )


def private(place: Path) -> Path:
    """Make a folder of the cache, or see that nobody else can write into it.

    Raises
    ------
    PermissionError
        If it belongs to another user.
    """
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix":
        found = place.stat()
        if found.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, f"{place} belongs to another user")
        if found.st_mode & 0o077:
            place.chmod(0o700)
    return place
