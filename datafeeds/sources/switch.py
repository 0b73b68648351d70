"""A market folder replaced whole: a draft beside it, one switch; what was interrupted is finished later."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

STALE = 3600.0
"""Seconds after which a draft was left behind by a program that ended."""


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Let a folder hold these files instead of those of the same top-level names; the rest of it stays.

    The files are written into a draft beside the folder. Renaming the draft is the switch: before it the
    folder is as it was, after it the new files count, whenever the program is ended.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    files : mapping
        Content by name; names may lead into folders.

    Raises
    ------
    OSError
        If a file can't be written; the folder is then as it was.
    """
    finish(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.draft-", dir=folder.parent))
    draft.chmod(0o755)
    try:
        for name, content in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(content)
        draft.rename(_switched(folder))
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finish(folder)


def finish(folder: Path) -> None:
    """Carry out what is left of a switch that was interrupted, and remove drafts that were left behind."""
    folder = folder.resolve()
    if not folder.name:
        return
    new, old = _switched(folder), folder.with_name(f".{folder.name}.replaced")
    # Whoever opens the folder finishes what is left, so that another program may be ahead of this one.
    with suppress(FileNotFoundError):
        if new.is_dir():
            if folder.is_dir():
                replaced = {entry.name for entry in new.iterdir()}
                for entry in folder.iterdir():
                    if entry.name not in replaced:
                        entry.rename(new / entry.name)
                shutil.rmtree(old, ignore_errors=True)
                folder.rename(old)
            new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
        for draft in folder.parent.glob(f".{folder.name}.draft-*"):
            if time.time() - draft.stat().st_mtime > STALE:
                shutil.rmtree(draft, ignore_errors=True)


def _switched(folder: Path) -> Path:
    """Where a draft stands from the switch until it has taken the folder's place."""
    return folder.with_name(f".{folder.name}.new")
