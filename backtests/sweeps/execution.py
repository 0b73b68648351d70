"""Running every configuration of a plan: on the cores of this machine or on a cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backtests.engine.lines import said_by
from backtests.provenance import code_hash
from backtests.sweeps.cluster import outcomes_of
from backtests.sweeps.measures import LOWER_IS_BETTER
from backtests.sweeps.plan import Configuration, Plan
from backtests.sweeps.processes import local_outcomes, worker_deaths
from backtests.sweeps.store import Store
from backtests.sweeps.tasks import Outcome, SweepError, Task, run_task
from datafeeds.market import Market

LARGEST_TASK = 64
"""Configurations that share decisions in one task; more would leave other workers idle and lose more work."""

MOST_BREAKDOWNS = 3
"""Times in a row that workers may die before any task has finished."""

BATCH = 0.25
"""Seconds of a sweep whose outcomes are kept and counted together."""

HOPELESS = 10
"""Failures without any success after which a sweep stops."""


class Interrupted(Exception):  # noqa: N818 (nothing is wrong)
    """A sweep stopped by the user.

    Attributes
    ----------
    done, total : int
        Configurations finished, and planned.
    """

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"{done} of {total} configurations are done")
        self.done = done
        self.total = total


@dataclass(frozen=True)
class Standing:
    """How far a sweep has come.

    Attributes
    ----------
    done, failed, total : int
    best : Configuration or None
        The best so far.
    score : float
        Its value of the plan's metric.
    """

    done: int
    failed: int
    total: int
    best: Configuration | None
    score: float


Watch = Callable[[Standing], None]


def execute(
    plan: Plan,
    market: Market,
    store: Store,
    *,
    workers: int = 1,
    cluster: str = "",
    share: bool = True,
    record: Callable[[Sequence[int]], None] = lambda numbers: None,
    watch: Watch = lambda standing: None,
) -> None:
    """Run what the store does not hold yet.

    Parameters
    ----------
    plan : Plan
    market : Market
        Other processes open it by the plan's name and must find the same data.
    store : Store
        Each finished configuration is in it before `watch` hears of it.
    workers : int
        Processes; with 1 everything runs in this one.
    cluster : str
        Address of a Dask scheduler, instead of processes of this machine.
    share : bool
        Whether configurations that differ only in their account share decisions; the outcome is the same.
    record : callable
        Told the numbers of the configurations that were finished, once the store has them.
    watch : callable
        Told the standing a few times a second.

    Raises
    ------
    SweepError
        If workers keep dying, have other code or data, or nothing but failures comes back.
    """
    breakdowns = 0
    tally = Tally(plan, store)
    watch(tally.standing())
    while tasks := _open_tasks(plan, market, store, share):
        before = len(store.rows) + len(store.errors)
        try:
            with _outcomes(tasks, market, plan.base.market, workers, cluster) as found:
                for batch in batches(found):
                    store.add(batch)
                    finished = [outcome.number for outcome in batch if not outcome.error]
                    record(finished)
                    tally.count(finished)
                    watch(tally.standing())
                    _check_hope(store)
        except worker_deaths() as error:
            breakdowns = breakdowns + 1 if len(store.rows) + len(store.errors) == before else 1
            if breakdowns >= MOST_BREAKDOWNS:
                raise SweepError(
                    f"workers died {breakdowns} times before finishing anything ({_told(error)}); "
                    "is there enough memory for each? Try fewer --workers"
                ) from None
            time.sleep(0.1 * breakdowns)


def batches(found: Iterator[list[Outcome]]) -> Iterator[list[Outcome]]:
    """Outcomes as they come, those of `BATCH` seconds together: keeping them for good takes milliseconds."""
    batch: list[Outcome] = []
    since = time.monotonic()
    while True:
        try:
            outcomes = next(found, None)
        except BaseException:  # of a worker, or of the user: what came before is kept
            if batch:
                yield batch
            raise
        batch += outcomes or []
        if batch and (outcomes is None or time.monotonic() - since >= BATCH):
            yield batch
            batch, since = [], time.monotonic()
        if outcomes is None:
            return


class Tally:
    """Keeps the standing up to date without looking at every row again.

    Parameters
    ----------
    plan : Plan
    store : Store
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self._store = store
        self._metric = plan.settings.rank_by
        self._sign = -1.0 if self._metric in LOWER_IS_BETTER else 1.0
        self._planned = plan.configurations
        self._best: Configuration | None = None
        self._score = -math.inf
        self.count(sorted(store.rows))

    def count(self, numbers: Iterable[int]) -> None:
        """Take note of finished configurations."""
        for number in numbers:
            signed = self._sign * self._store.rows[number][self._metric]
            if signed > self._score:
                self._best, self._score = self._planned[number], signed

    def standing(self) -> Standing:
        """How far the sweep has come."""
        return Standing(
            len(self._store.rows),
            len(self._store.errors),
            len(self._planned),
            self._best,
            self._sign * self._score,
        )


def _open_tasks(plan: Plan, market: Market, store: Store, share: bool) -> list[Task]:
    beside = plan.known.built_benchmarks
    tasks = []
    for group in plan.groups():
        missing = [number for number in group if number not in store.rows and number not in store.errors]
        for start in range(0, len(missing), LARGEST_TASK):
            numbers = missing[start : start + LARGEST_TASK]
            tasks.append(
                Task(
                    strategy=plan.strategies[numbers[0]],
                    benchmarks=beside,
                    configurations=tuple(plan.configurations[number] for number in numbers),
                    market_hash=market.hash,
                    code=code_hash(),
                    share=share,
                )
            )
    return tasks


def _told(error: BaseException) -> str:
    """What became of a worker, in one line: with what it raised, where it could say that."""
    cause = "" if error.__cause__ is None else said_by(error.__cause__)
    last = cause.rpartition(" File ")[2].replace('"', "")
    return f"{type(error).__name__}" + (f": {last}" if last else "")


def _check_hope(store: Store) -> None:
    if len(store.errors) >= HOPELESS and not store.rows:
        number, error = min(store.errors.items())
        raise SweepError(f"the first {len(store.errors)} configurations all failed; number {number}: {error}")


@contextmanager
def _outcomes(
    tasks: Sequence[Task], market: Market, name: str, workers: int, cluster: str
) -> Iterator[Iterator[list[Outcome]]]:
    """The outcomes of each task as they come; no process is left behind."""
    if cluster:
        with outcomes_of(tasks, name, cluster) as found:
            yield found
    elif workers == 1:
        yield (run_task(task, market) for task in tasks)
    else:
        with local_outcomes(tasks, name, workers) as found:
            yield found
