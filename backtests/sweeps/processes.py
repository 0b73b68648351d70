"""Worker processes of this machine: starting, ending and losing them."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import parent_process
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from backtests.sweeps.tasks import Outcome, Task, run_here


@contextmanager
def local_outcomes(tasks: Sequence[Task], market: str, workers: int) -> Iterator[Iterator[list[Outcome]]]:
    """The outcomes of each task as they come, from processes that each open `market` once."""
    # One task at a time for each worker: a batch would be lost as a whole with a worker.
    parallel = Parallel(
        n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1, max_nbytes=None
    )
    found = parallel(delayed(_worker)(task, market) for task in tasks)
    whole = False
    try:
        yield found
        whole = True
    finally:
        if not whole:
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
            close(found)


def close(found: Iterator[list[Outcome]]) -> None:
    """End a joblib generator before it is through, which joblib takes for an oversight and warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.close()  # type: ignore[attr-defined]


def _worker(task: Task, market: str) -> list[Outcome]:
    if parent_process() is not None:
        # Ctrl-C reaches every process of the terminal; the first one decides what to do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return run_here(task, market)


def worker_deaths() -> tuple[type[BaseException], ...]:
    """What is raised when a worker process is gone."""
    deaths: list[Any] = [BrokenProcessPool]
    with suppress(ImportError):  # then there is no cluster
        deaths.append(import_module("distributed.scheduler").KilledWorker)
    return tuple(deaths)
