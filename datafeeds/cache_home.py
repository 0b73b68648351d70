"""Where this machine keeps what takes time to make again: markets, and small things such as calendars.

A small thing is a file under a name that is a hash of all that it depends on, so it is used again for the
same of that only. It begins with a hash of the rest: one that was changed or cut short is made again.
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import platformdirs

from datafeeds.regular import NotAFileError, regular


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


DIGEST = 20
"""Bytes of a hash."""


def name_for(*made_of: object, code: Path) -> str:
    """The name of a small thing.

    Parameters
    ----------
    *made_of : object
        What it depends on: numbers, words, bytes, and tuples of these.
    code : Path
        The file that makes it.
    """
    return _hash(repr(made_of).encode(), code.read_bytes()).hex()


def kept(kind: str, name: str) -> bytes | None:
    """The small thing that `keep` wrote; None if there is none, or it is not as it was written."""
    try:
        content = regular(private(cache_folder()) / kind / name).read_bytes()
    except (OSError, NotAFileError):
        return None
    whole = content[:DIGEST] == _hash(name.encode(), content[DIGEST:])
    return content[DIGEST:] if whole else None


def keep(kind: str, name: str, content: bytes) -> None:
    """Write a small thing whole or not at all; where it can't be written it is made again next time."""
    with suppress(OSError):
        folder = private(cache_folder()) / kind
        folder.mkdir(exist_ok=True)
        draft = folder / f".{uuid4().hex}"
        try:
            draft.write_bytes(_hash(name.encode(), content) + content)
            draft.replace(folder / name)
        finally:
            draft.unlink(missing_ok=True)


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
