"""TOML files given by path, or by the name of one that comes with the program."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from datafeeds.names import unknown_name

LARGEST = 1_000_000
"""Bytes of the largest TOML file that is read; a larger one is something else."""

MOST_DOTS = 200
"""On one line: the time that tomllib takes for a dotted key grows with their square."""


def toml_names(folder: Path) -> tuple[str, ...]:
    """Names of the TOML files in `folder`, without their ending."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def find_toml(given: str | Path, folder: Path, kind: str, error: type[ValueError]) -> Path:
    """Path of a file given by path, or by the name of one in `folder`.

    Parameters
    ----------
    given : str or Path
    folder : Path
        Where the named ones are.
    kind : str
        What the file is, for the message: ``"run file"``.
    error : exception class
        Raised if there is none, naming the nearest.
    """
    path = Path(given)
    if path.is_file():
        return path
    if str(given) in toml_names(folder):
        return folder / f"{given}.toml"
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise error(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    raise error(unknown_name(kind, str(given), toml_names(folder)))


def read_toml(path: Path, error: type[ValueError]) -> dict[str, Any]:
    """Content of a TOML file; `error` names the file if it can't be read or parsed."""
    try:
        if not path.is_file():  # a pipe would never end
            raise error(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST else b""
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}") from None
    if size > LARGEST:
        raise error(f"{path}: {size:,} bytes, where files of this kind have {LARGEST:,} at most")
    try:
        return parsed(content.decode("utf-8-sig"))
    except ValueError as problem:
        raise error(f"{path}: not a TOML file: {problem}") from None


def parsed(text: str) -> dict[str, Any]:
    """What TOML says.

    Raises
    ------
    ValueError
        If it is none, or one that takes for ever.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"line {number} has more than {MOST_DOTS} points; write it on several lines")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
