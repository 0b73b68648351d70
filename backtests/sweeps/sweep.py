"""A sweep from run file to folder: run what is missing, then write what it says."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backtests.authoring.sealed.replay import SealedProcesses
from backtests.engine.rules import interest_factors
from backtests.engine.terms import Account
from backtests.provenance import made_of, outside_code
from backtests.records import archive, register
from backtests.records.chain import told
from backtests.records.index import write_index
from backtests.records.register import Trial
from backtests.runner import account_of
from backtests.settings.markets import open_market
from backtests.settings.run_file import RunConfig
from backtests.sweeps.chosen import scored_once
from backtests.sweeps.execution import Interrupted, Watch, execute
from backtests.sweeps.measures import ranking
from backtests.sweeps.plan import Plan, plan
from backtests.sweeps.report import MANIFEST, Sweep, drafted, write
from backtests.sweeps.sealed import BEST, checked_again
from backtests.sweeps.store import FINISHED, Store
from backtests.sweeps.tasks import SweepError
from datafeeds.market import Market


@dataclass(frozen=True)
class Workplace:
    """Where the work is done.

    Attributes
    ----------
    results : Path
        Folder that holds one folder a run.
    workers : int
        Processes on this machine.
    cluster : str
        Address of a Dask scheduler, instead; empty for none.
    share : bool
        Whether decisions are shared; the outcome is the same.
    check : bool
        Whether the best configurations, and each that a walk-forward follows, are run again, alone and in
        sealed processes; the manifest says what came out.
    """

    results: Path
    workers: int = 1
    cluster: str = ""
    share: bool = True
    check: bool = False


def sweep(
    config: RunConfig,
    place: Workplace,
    *,
    market: Market | None = None,
    watch: Watch = lambda standing: None,
) -> Sweep:
    """Run every configuration of a run file's `[sweep]` that has not been run yet, and write the folder.

    The folder is ``<name>-sweep-<hash>``. Until it is whole it is hidden; an interrupted sweep goes on from
    there. A sweep that is whole is not run again; where the run file now ranks by another statistic, or
    calls something else near the best, its configurations are judged by that and the folder is written anew;
    so it is where its best are to be run again and never were. ``index.html`` is written anew with it.

    Parameters
    ----------
    config : RunConfig
    place : Workplace
    market : Market, optional
        Used instead of opening ``config.market``; only with one worker, as others open it by name.
    watch : callable
        Told how far the sweep has come.

    Raises
    ------
    ConfigError
        If a configuration is not a valid run.
    Interrupted
        On Ctrl-C; what is finished is kept.
    SweepError
        See `execute`; or if no configuration finished at all.
    """
    planned = plan(config)
    traded = open_market(config.market, part=True) if market is None else market
    if market is not None and (place.workers != 1 or place.cluster):
        raise SweepError("a market that is not opened by name can't be shared with other processes")
    account = account_of(planned.known, traded)
    final = place.results / f"{config.name}-sweep-{planned.hash(traded)[:8]}"
    archive.restore(place.results)
    if (done := _whole(final)) and _says_all(done, planned, place):
        return done
    partial = place.results / f"{archive.SWEEP}{final.name}"
    sessions = traded.sessions[account.first : account.last + 1]
    began = time.perf_counter()
    register.adopt(place.results)
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(partial, len(planned.configurations), sessions)))
        if done := _whole(final):  # another process may have been faster
            if _says_all(done, planned, place):
                shutil.rmtree(partial)
                return done
            store.add(done.outcomes())
        sealed = stack.enter_context(SealedProcesses()) if place.check else None

        code: dict[tuple[Any, ...], list[str]] = {}

        def record(numbers: Iterable[int]) -> None:
            trials = [_trial(planned, number, traded, account, store, code) for number in numbers]
            register.record(traded, trials)

        try:
            record(sorted(store.rows))  # in case it was stopped between the two
            execute(
                planned,
                traded,
                store,
                workers=place.workers,
                cluster=place.cluster,
                share=place.share,
                record=record,
                watch=watch,
            )
        except KeyboardInterrupt:
            raise Interrupted(len(store.rows), len(planned.configurations)) from None
        _check_any(store)
        store.write_arrays()
        _, trials = register.known(traded, place.results)
        draft = drafted(planned, traded, store)
        more: dict[str, Any] = {"trials": trials, "unread": list(planned.unread)}
        if checked := {} if sealed is None else _checked(planned, traded, store, sealed):
            more["lookahead"] = checked
        if scored := scored_once(planned, _order(planned, store)[0], traded):
            more["holdout"] = scored
        with told(partial):
            more["seconds"] = {"sweep": time.perf_counter() - began}
            written = draft.recorded(partial, more)
            write(written)
            final = archive.publish(partial, final.name)
    for left in final.glob(f"{FINISHED}*"):
        left.unlink()
    write_index(place.results)
    return written.recorded(final, {})


def _says_all(done: Sweep, planned: Plan, place: Workplace) -> bool:
    """Whether a finished sweep needs nothing more: judged as is asked now, and its best run again if wanted.

    Each has something to run again: a plan refuses native strategies, which alone have no decisions.
    """
    checked = "lookahead" in done.manifest or not place.check
    return bool(done.manifest["sweep"] == planned.asked) and checked


def _whole(folder: Path) -> Sweep | None:
    """The finished sweep in a folder, if there is one.

    Raises
    ------
    SweepError
        If it is not as it was written.
    """
    if not (folder / MANIFEST).is_file():
        return None
    if altered := archive.altered(folder):
        raise SweepError(f"{folder}: changed since it was written ({', '.join(altered)}): remove it")
    return Sweep.read(folder)


def _checked(planned: Plan, market: Market, store: Store, sealed: SealedProcesses) -> dict[str, Any]:
    best = _order(planned, store)[:BEST]
    configs = {number: planned.configurations[number].config for number in best}
    returns = {number: store.returns(number) for number in best}
    return checked_again(configs, returns, market, best, sealed)


def _order(planned: Plan, store: Store) -> list[int]:
    """Finished configurations from best to worst."""
    metric, numbers = planned.settings.rank_by, sorted(store.rows)
    values = np.array([store.rows[number][metric] for number in numbers])
    return [numbers[place] for place in ranking(values, metric).tolist()]


def _check_any(store: Store) -> None:
    if not store.rows:
        number, error = min(store.errors.items())
        raise SweepError(f"every configuration failed; number {number}: {error}")


def _trial(
    planned: Plan,
    number: int,
    market: Market,
    base: Account,
    store: Store,
    code: dict[tuple[Any, ...], list[str]],
) -> Trial:
    """What a finished configuration leaves in the register: who stops a sweep has seen it all the same.

    `code` keeps what `outside_code` says of strategies that have been met: it is asked once for each.
    """
    configuration = planned.configurations[number]
    config, returns = configuration.config, store.returns(number)
    met = made_of(config.strategy, planned.strategies[number])
    if met not in code:
        code[met] = outside_code(config.strategy)
    parameters = {
        key: value if isinstance(value, int | float | str) else str(value)
        for key, value in configuration.parameters.items()
    }
    account = replace(base, costs=config.costs)
    sessions = market.sessions[account.first : account.last + 1]
    cash = interest_factors(market, account)[1:]
    return register.of_returns(
        "sweep", config, market, sessions, returns, cash, code[met], parameters=parameters
    )
