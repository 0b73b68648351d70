"""Whose lines an error came through: the program's, a library's, or an author's.

It imports nothing of the house, so that the command line can ask it for every end.
"""

from __future__ import annotations

import inspect
import os
import site
import sys
import sysconfig
import traceback
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

HOUSE = ("backtests", "datafeeds", "strategies")
"""The packages of the program."""

Line = tuple[str, int]
"""A file and the number of a line in it."""


def is_own(error: BaseException) -> bool:
    """Whether an error is one of the program's own, which are for people."""
    return isinstance(error, ValueError) and str(type(error).__module__).split(".")[0] in HOUSE


def said_by(error: BaseException) -> str:
    """The message of an error in one paragraph; empty where it can't even say it."""
    try:
        return " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def line_of(error: BaseException, cls: type) -> Line | None:
    """Where code of `cls` has raised `error`: the last line of its file, else of any that is an author's."""
    lines, file = lines_of(error), _file_of(cls)
    own = [line for line in lines if line[0] == file]
    authors = [line for line in lines if is_authors(line[0])]
    chosen = (own if is_authors(file) else authors) or authors or own
    return chosen[-1] if chosen else None


def written_at(function: object) -> str:
    """Where a function of an author's begins, for readers: `` at FILE, line 12``; empty if nowhere."""
    code = getattr(function, "__code__", None)
    return f" at {code.co_filename}, line {code.co_firstlineno}" if isinstance(code, CodeType) else ""


def replaced() -> str:
    """What of the program an author's code has put something else in the place of, with the line; else empty.

    Called as the program calls its own, that fails in the program's lines.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in HOUSE or not isinstance(module, ModuleType):
            continue
        values = list(vars(module).values())
        holders: list[Any] = [each for each in values if isinstance(each, type) and each.__module__ == name]
        for holder in (module, *holders):
            for key, value in list(vars(holder).items()):
                code = getattr(getattr(value, "__func__", value), "__code__", None)
                if isinstance(code, CodeType) and is_authors(code.co_filename):
                    whole = f"{holder.__name__}.{key}"
                    return f"{code.co_filename}, line {code.co_firstlineno}, stands for the program's {whole}"
    return ""


def authors_line(error: BaseException) -> Line | None:
    """The last line of an author's that an error came through; None if it came through none."""
    return next((line for line in reversed(lines_of(error)) if is_authors(line[0])), None)


@cache
def is_authors(file: str) -> bool:
    """Whether a file is neither the program's nor of an installed library nor of Python."""
    if not file or file.startswith("<"):
        return False
    path = Path(file)
    places = {*path.resolve().parents, *Path(os.path.abspath(path)).parents}
    home = Path(__file__).resolve().parents[2]
    return places.isdisjoint({*(home / name for name in HOUSE), *library_roots()})


@cache
def library_roots() -> tuple[Path, ...]:
    """Folders of Python's own library and of installed ones, as they are named and as they are kept."""
    paths = sysconfig.get_paths()
    names = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    names += [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    names += [site.getusersitepackages()]
    return tuple({place for name in names for place in (Path(name), Path(name).resolve())})


def _file_of(cls: type) -> str:
    try:
        return inspect.getsourcefile(cls) or ""
    except (TypeError, OSError, ValueError):  # a class that is in no file
        return ""


def lines_of(error: BaseException) -> list[Line]:
    """Files and lines that an error came through, the last one raised it."""
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
