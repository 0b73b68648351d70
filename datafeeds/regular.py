"""Files that are files: a pipe, a socket or a device in the place of one would be read without an end."""

from __future__ import annotations

from pathlib import Path


class NotAFileError(ValueError):
    """Something else stands where a file belongs: a pipe, a socket, a device or a folder."""


def regular(path: Path) -> Path:
    """`path`, if a file is there or nothing: to read a pipe would never end.

    Raises
    ------
    NotAFileError
        If something else is.
    """
    if path.exists() and not path.is_file():
        raise NotAFileError(f"{path} is {kind_of(path)}, not a file")
    return path


def kind_of(path: Path) -> str:
    """What is at a path, in words."""
    kinds = ((path.is_dir, "a folder"), (path.is_fifo, "a pipe"), (path.is_socket, "a socket"))
    return next((word for there, word in kinds if there()), "a device")
