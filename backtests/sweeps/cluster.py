"""A sweep on a Dask cluster, through joblib's backend for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from joblib import Parallel, delayed, parallel_config

from backtests.settings.run_file import ConfigError
from backtests.sweeps.processes import close
from backtests.sweeps.tasks import Outcome, Task, run_here
from datafeeds.extras import not_installed

SECONDS_TO_CONNECT = 20


@contextmanager
def outcomes_of(tasks: Sequence[Task], market: str, address: str) -> Iterator[Iterator[list[Outcome]]]:
    """The outcomes of each task as they come.

    Every worker opens `market` itself, so a market folder must have the same path everywhere. A task whose
    worker is lost is run by another.

    Raises
    ------
    ConfigError
        If Dask is missing or no scheduler answers.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ConfigError(not_installed("--cluster", "Dask", "cluster")) from None
    try:
        client = distributed.Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--cluster {address}: no Dask scheduler answers there ({error})") from None
    with client, parallel_config(backend="dask"):
        parallel = Parallel(return_as="generator_unordered", batch_size=1)
        found = parallel(delayed(run_here)(task, market) for task in tasks)
        try:
            yield found
        finally:
            close(found)
