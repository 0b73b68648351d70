"""Writing the pages that a command is asked for."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from backtests.records.finished import ResultsError

MARK = "style-rotation"
"""What every page of ours has near its beginning."""


def write_page(path: Path, content: str) -> None:
    """Write a page whole or not at all.

    Raises
    ------
    ResultsError
        If something else stands there already, or it can't be written.
    """
    draft = path.with_name(f".{uuid4().hex}-{path.name}")
    try:
        if path.exists() and not path.is_dir() and not _is_ours(path):
            raise ResultsError(
                f"{path} is there already and was not written by this program: name another file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(content, encoding="utf-8", newline="\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ResultsError(f"{path}: can't be written: {error.strerror or error}") from None


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        beginning = file.read(2_000)
    return not beginning or MARK.encode() in beginning
