"""Finished runs: found by their names, and read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backtests.records import archive
from datafeeds.names import unknown_name

_FOLDER = re.compile(r"(.*)-[0-9a-f]{8}(-\d+)?", re.DOTALL)


class ResultsError(ValueError):
    """A results folder that can't be read or written; the message says which and what to do."""


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """While the files of a run are read and used: what fails there is their fault.

    Raises
    ------
    ResultsError
    """
    try:
        yield
    except ResultsError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ResultsError(f"{folder}: not a finished run: {_fault(error)}") from error


def _fault(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"one of its files lacks {error}"
    if isinstance(error, (OSError, ValueError, RecursionError)):
        return str(error)
    return "one of its files holds something else than a run writes"


def find(results: Path, run: str) -> Path:
    """A run's folder: given by its own name, by path, by the run's name, or by a beginning that only one has.

    Whatever is exact wins: a folder's name over everything, a run's name over the beginning of another's.

    Raises
    ------
    ResultsError
        If there is none, or if more than one fits and none of them exactly.
    """
    archive.restore(results)
    folders = {path.parent.name: path.parent for path in sorted(results.glob("[!.]*/manifest.json"))}
    if run in folders:
        return folders[run]
    direct = Path(run)
    if run and (direct / "manifest.json").is_file():
        return direct
    # A run's name may be the beginning of another's: blueprint, blueprint_sweep.
    named = [name for name in folders if run_name(name) == run]
    fitting = named or [name for name in folders if run and name.startswith(run)]
    if len(fitting) == 1:
        return folders[fitting[0]]
    if fitting:
        raise ResultsError(f"{run!r} fits {', '.join(fitting)}; give more of it")
    raise ResultsError(unknown_name("result", run, folders, str(results)))


def run_name(folder: str) -> str:
    """The run's name in that of its folder; a name that no run's folder would have, as it is.

    A folder adds a hash to it and, beside a reviewed run, a number.

    Examples
    --------
    >>> run_name("blueprint-8ae5515d"), run_name("blueprint-8ae5515d-2"), run_name("compare")
    ('blueprint', 'blueprint', 'compare')
    """
    found = _FOLDER.fullmatch(folder)
    return found[1] if found else folder
