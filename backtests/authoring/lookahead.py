"""The look-ahead check of a run: its decisions made again in sealed processes, beside other work."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future as Promise
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from backtests.authoring.intact import fingerprint, intact
from backtests.authoring.moments import Moment, day_of, difference, drawn, keeping
from backtests.authoring.report import Check, CheckReport, Offence, judged, note
from backtests.authoring.sealed.code import deciding_modules, library_of, sources
from backtests.authoring.sealed.market import Future
from backtests.authoring.sealed.plain import CLASS, named, plain
from backtests.authoring.sealed.program import Library, Source
from backtests.authoring.sealed.replay import Answered, Answers, SealedProcesses
from backtests.engine.books import Decide
from backtests.engine.decisions import Recorder
from backtests.engine.tables import tables_of
from backtests.settings.run_file import RunConfig
from backtests.settings.strategies import class_named, inner
from datafeeds.market import Market
from strategies.hedges import Hedged
from strategies.strategy import Strategy
from strategies.target import StrategyError
from strategies.wrapped import parts_of

KIND = "look-ahead"

SECONDS = 3.0
"""All decisions are replayed where that takes no longer; else as many as it allows."""

LEAST = 12
"""Decisions that are replayed at least."""

SECONDS_PER_NUMBER = 2e-8
"""Time to put one number of a market's prices in place for a decision."""

WORDS: dict[Future, str] = {
    "absent": "later data absent",
    "shuffled": "later data shuffled",
    "scaled": "later data scaled",
}


class Run:
    """A run to be checked: what was asked, from before the strategy first decided, and what was decided.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    deciding : ndarray of bool, shape (sessions,)
        What its schedule said.
    config : RunConfig, optional
        The run file that the strategy comes from, and is made from again. Without one it is made from its
        parameters, into which its constructor may have written the future.
    """

    def __init__(
        self,
        market: Market,
        strategy: Strategy,
        deciding: npt.NDArray[np.bool_],
        config: RunConfig | None = None,
    ) -> None:
        self.market = market
        self.classes = tuple(type(part) for part in parts_of(strategy))
        self.name = repr(strategy)
        self.deciding = deciding.copy()
        self.tables = tables_of(strategy)
        self.moments: list[Moment] = []
        self.problem = ""
        try:
            self.recipe = plain(strategy, self.classes[0].__name__) if config is None else recipe_of(config)
        except StrategyError as error:
            self.problem = str(error)


def recipe_of(config: RunConfig) -> dict[str, Any]:
    """How to make the strategy of a run from what its file says."""
    choice, hedge = config.strategy, config.hedge
    made = _recipe(choice.name, choice.model_extra or {})
    for _, cls, parameters in () if choice.limits is None else choice.limits.given():
        made = {CLASS: named(cls), "of": made, **_inside(cls, parameters)}
    return made if hedge is None else {CLASS: named(Hedged), "of": made, **(hedge.model_extra or {})}


def _recipe(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    cls = class_named(name)
    return {CLASS: named(cls), **_inside(cls, parameters)}


def _inside(cls: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`parameters`, with recipes of the strategies that they name."""
    return {**parameters, **{key: _recipe(*each) for key, each in inner(cls, parameters).items()}}


class SealedCheck:
    """Replays a run's decisions in sealed processes while the caller does something else.

    Use it as a context that is entered as early as can be: the processes take a second to start.

    Parameters
    ----------
    processes : SealedProcesses, optional
        Used instead of new ones; every replay gets fresh ones of theirs.
    """

    def __init__(self, processes: SealedProcesses | None = None) -> None:
        self._began = time.time()
        self._own = processes is None
        self._processes = processes or SealedProcesses()
        self._thread = ThreadPoolExecutor(2)
        self._before = ""
        self._report: Promise[CheckReport] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._processes.__exit__(kind, error, trace)
        self._thread.shutdown()

    def expect(self, market: Market) -> None:
        """Remember what is in `market`; call it before the strategy is made, which might change it.

        It is read to its end here: beside the run, the first decision could change what is still unread.
        """
        self._before = fingerprint(market)

    def watch(
        self,
        market: Market,
        strategy: Strategy,
        deciding: npt.NDArray[np.bool_],
        recorder: Recorder,
        config: RunConfig | None = None,
    ) -> Decide:
        """`recorder`, whose decisions will be replayed; call it before the strategy first decides.

        Parameters
        ----------
        market, strategy, deciding
            See `Run`.
        recorder : Recorder
        config : RunConfig, optional
            The run file that the strategy comes from.
        """
        self._run = Run(market, strategy, deciding, config)
        if not self._before:
            self.expect(market)
        return keeping(recorder, market, self._run.moments)

    def begin(self, seconds: float, run_hash: str, most: int | None = None) -> None:
        """Begin to replay what was watched.

        Parameters
        ----------
        seconds : float
            Time that the decisions took.
        run_hash : str
            Goes into the seed of what is drawn, beside chance that no source can know.
        most : int, optional
            How many decisions; as many as there is time for if not given.
        """
        count = affordable(self._run, seconds) if most is None else most
        self._report = self._thread.submit(self._checked, count, unpredictable(run_hash), self._code())

    def _code(self) -> tuple[Library, Mapping[str, Source]]:
        """What to import and what to run. Python reads source in one thread at a time only."""
        return library_of(deciding_modules(self._run.classes)), sources(self._began)

    def alone(self, most: int) -> Check:
        """Make every second decision again without those between: what is kept between decisions shows.

        Call it after `report`.
        """
        moments = drawn(self._run.moments[1::2], most, 0)
        checks, _ = self._replayed(moments, 0, self._code())
        found = [offence for check in checks for offence in check.offences]
        said = [replace(offence, what="decided otherwise without those before:") for offence in found[:1]]
        return judged(
            "determinism", "every second decision alone", said, f"{len(moments)} decisions, none changed"
        )

    @property
    def moments(self) -> Sequence[Moment]:
        """The decisions made so far."""
        return self._run.moments

    def report(self) -> CheckReport:
        """Wait for what came out."""
        assert self._report is not None
        return self._report.result()

    def _checked(self, most: int, seed: int, code: tuple[Library, Mapping[str, Source]]) -> CheckReport:
        run = self._run
        moments = drawn(run.moments, most, seed)
        kept = self._thread.submit(intact, run.market, self._before)
        checks, walls = self._replayed(moments, seed, code)
        if moments:
            checks = (*checks, kept.result())
        counts = len(run.moments), len(moments)
        return CheckReport(run.name, run.market.name, *counts, seed, checks, walls)

    def _replayed(
        self, moments: Sequence[Moment], seed: int, code: tuple[Library, Mapping[str, Source]]
    ) -> tuple[tuple[Check, ...], tuple[str, ...]]:
        """What came out, and the walls that stood."""
        run = self._run
        if not moments:
            return (note(KIND, "replay", "there was no decision to replay"),), ()
        answers = Answers((), {}, run.problem)
        if not run.problem:
            answers = self._processes.ask(run.market, run.tables, *code, run.recipe, moments, seed)
        return compared(run, answers), answers.walls


def unpredictable(run_hash: str) -> int:
    """A seed that no source can know: the run's hash, and chance."""
    return int.from_bytes(hashlib.sha256(run_hash.encode() + os.urandom(16)).digest()[:6], "big")


def affordable(run: Run, seconds: float) -> int:
    """How many decisions can be replayed in `SECONDS`, but at least `LEAST`."""
    once = seconds / max(1, len(run.moments)) + SECONDS_PER_NUMBER * run.market.close.size
    return max(LEAST, int(SECONDS / once))


def compared(run: Run, answers: Answers) -> tuple[Check, ...]:
    """The run's decisions beside the sealed processes' answers."""
    if answers.failure:
        what = "could not be loaded where no file can be opened:"
        return (judged(KIND, "replay", [Offence(what, value=answers.failure)], ""),)
    checks = [
        judged(KIND, WORDS[future], _changes(run, made), f"{len(made)} decisions, none changed")
        for future, made in answers.made.items()
    ]
    lying = _schedule(run, answers.made["absent"])
    return (*checks, judged(KIND, "schedule", lying, "the same days without the future"))


def _changes(run: Run, made: Sequence[Answered]) -> list[Offence]:
    found = (difference(run.market, moment, answer, "decided otherwise:") for moment, answer in made)
    return [offence for offence in found if offence is not None]


def _schedule(run: Run, made: Sequence[Answered]) -> list[Offence]:
    """Decision days that only the whole calendar, or something else, can have told."""
    found = []
    for moment, answer in made:
        said = np.packbits(run.deciding[: moment.session + 1]).tobytes().hex()
        if answer.get("decides", said) != said:
            found.append(Offence("other decision days without the future", day_of(run.market, moment)))
    return found
