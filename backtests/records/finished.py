"""Finished runs: found by their names, and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backtests.records import archive
from datafeeds.names import unknown_name


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
    """A run's folder given by path, by full name, by the run's name, or by a beginning that only one has.

    Raises
    ------
    ResultsError
        If there is none or more than one.
    """
    direct = Path(run)
    archive.restore(results)
    if (direct / "manifest.json").is_file():
        return direct
    folders = sorted(path.parent for path in results.glob("[!.]*/manifest.json"))
    matches = [folder for folder in folders if folder.name.startswith(run)]
    # A run's name may be the beginning of another's: blueprint, blueprint_sweep.
    matches = [folder for folder in matches if folder.name.rpartition("-")[0] == run] or matches
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ResultsError(f"{run!r} fits {', '.join(folder.name for folder in matches)}; give more of it")
    raise ResultsError(unknown_name("result", run, [folder.name for folder in folders], str(results)))
