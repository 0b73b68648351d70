"""The look-ahead check of a run: its decisions made again in sealed processes, beside other work."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future as Promise
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.authoring.intact import (
    Functions,
    apart,
    at_rest,
    fingerprint,
    functions_now,
    intact,
    untouched,
)
from backtests.authoring.moments import Moment, day_of, difference, drawn, keeping, typical_seconds
from backtests.authoring.report import Check, CheckReport, Offence, judged, note
from backtests.authoring.scale import scale_check
from backtests.authoring.sealed.code import Deciding, classes_of, deciding_code, library_of, unchanged
from backtests.authoring.sealed.market import Future
from backtests.authoring.sealed.plain import CLASS, class_at, named, plain
from backtests.authoring.sealed.program import Code, Library, Source
from backtests.authoring.sealed.replay import Answered, Answers, SealedProcesses
from backtests.engine.books import Decide
from backtests.engine.decisions import Recorder
from backtests.engine.failures import described
from backtests.engine.tables import table_files, tables_in
from backtests.memory import trim
from backtests.settings.run_file import RunConfig, StrategyChoice
from backtests.settings.strategies import class_named, inner, loaded_at
from datafeeds.market import Market
from strategies.asof import looked_at
from strategies.hedges import Hedged
from strategies.strategy import Strategy
from strategies.target import StrategyError

KIND = "look-ahead"

SECONDS = 3.0
"""All decisions are replayed where that takes no longer; else as many as it allows."""

LEAST = 12
"""Decisions that are replayed at least."""

FEW = 24
"""Decisions that are made where prices are scaled."""

WIDE = 1 << 25
"""Bytes of closes above which a market is wide: what holds parts of it is done one after the other, and a
replay keeps to what the strategy looked at."""

STEP = 504
"""Sessions in steps of which a replay on a wide market looks back: their number could be a message."""

TURN = 0.0005
"""Seconds for which one thread of this process computes while another waits for its turn: answers come in one
by one, and at Python's 5 ms each would wait longer for its turn than it took to decide."""

SECONDS_PER_NUMBER = 2e-8
"""Time to put one number of a market's prices in place for a decision."""

Recipe = dict[str, Any]

WORDS: dict[Future, str] = {
    "absent": "later data absent",
    "shuffled": "later data shuffled",
    "scaled": "later data scaled",
}


@dataclass(frozen=True, eq=False)
class Before:
    """What a strategy is made of, as it was before it could see the market.

    Attributes
    ----------
    code : Deciding
    tables : dict of str to DataFrame
        Copies: what decisions write into those that they see must reach no sealed process.
    functions : mapping
        From `functions_now`.
    problem : str
        Why that can't be relied on, or empty.
    """

    code: Deciding
    tables: Mapping[str, pd.DataFrame]
    functions: Functions
    problem: str


def before_of(classes: Sequence[type], since: float) -> Before:
    """What `classes` are made of now, but for what was written after `since` (seconds since 1970)."""
    since = min(since, *map(loaded_at, classes))
    files = {name: file for cls in classes[::-1] for name, file in table_files(cls).items()}
    late = [file.name for file in files.values() if file.exists() and not unchanged(file, since)]
    problem = "".join(f"{name} was written after the strategy was loaded: run it again" for name in late[:1])
    tables = {name: table.copy() for name, table in tables_in(files).items()}
    return Before(deciding_code(classes, since), tables, functions_now(), problem)


def _classes_in(recipe: Any) -> list[type]:
    """The classes that a recipe names, those of strategies alone."""
    found = [class_at(recipe[CLASS])] if CLASS in recipe else []
    inside = [each for value in recipe.values() if isinstance(value, dict) for each in _classes_in(value)]
    return [cls for cls in (*found, *inside) if issubclass(cls, Strategy)]


class Run:
    """A run to be checked: what was asked, from before the strategy first decided, and what was decided.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    deciding : ndarray of bool, shape (sessions,)
        What its schedule said.
    before : Before
        What there was to be read.
    recipe : dict, optional
        How to make the strategy again, as `recipe_of` said it before the strategy was made. Without one it is
        made from its parameters, into which its constructor may have written the future.
    """

    def __init__(
        self,
        market: Market,
        strategy: Strategy,
        deciding: npt.NDArray[np.bool_],
        before: Before,
        recipe: Recipe | None = None,
    ) -> None:
        self.market = market
        self.strategy = strategy
        self.classes = classes_of(strategy)
        self.name = described(strategy)
        self.deciding = deciding.copy()
        self.before = before
        self.moments: list[Moment] = []
        self.problem = before.problem
        try:
            for cls in self.classes:
                named(cls)
            self.recipe = plain(strategy, type(strategy).__name__) if recipe is None else recipe
        except StrategyError as error:
            self.problem = str(error)


def recipe_of(config: RunConfig) -> Recipe:
    """How to make the strategy of a run from what its file says; a copy that stays as it is."""
    hedge, made = config.hedge, recipe_of_choice(config.strategy)
    whole = made if hedge is None else {CLASS: named(Hedged), "of": made, **hedge.said()}
    return deepcopy(whole)


def recipe_of_choice(choice: StrategyChoice) -> Recipe:
    """How to make one strategy that a run file names, within its limits; a copy that stays as it is."""
    made = _recipe(choice.name, choice.model_extra or {})
    for _, cls, parameters in () if choice.limits is None else choice.limits.given():
        made = {CLASS: named(cls), "of": made, **_inside(cls, parameters)}
    return deepcopy(made)


def _recipe(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    cls = class_named(name)
    return {CLASS: f"{cls.__module__}:{cls.__qualname__}", **_inside(cls, parameters)}


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
    after : SealedCheck, optional
        Another check of the same run, for whose end this one waits, to use its processes then.
    """

    def __init__(self, processes: SealedProcesses | None = None, *, after: SealedCheck | None = None) -> None:
        self._began = time.time()
        self._after = after
        if after is not None:
            processes = after.processes
        self._own = processes is None
        self._followers: list[SealedCheck] = []
        self.processes: SealedProcesses = processes or SealedProcesses()
        self._thread = ThreadPoolExecutor(3)
        self._market_before = ""
        self._before: Before | None = None
        self._recipe: Recipe | None = None
        self._report: Promise[CheckReport] | None = None
        self._alone: Promise[Check | None] | None = None
        self._turn = sys.getswitchinterval()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self.processes.__exit__(kind, error, trace)
        for each in (self, *self._followers):
            each._thread.shutdown()
        sys.setswitchinterval(self._turn)

    def follow(self) -> SealedCheck:
        """Another check of the same run, which begins when this one is through and ends with its context."""
        self._followers.append(SealedCheck(after=self))
        return self._followers[-1]

    def expect(self, market: Market, recipe: Recipe | None = None) -> None:
        """Remember the market and the code; call it before the strategy is made, which might change them.

        It is read to its end here: beside the run, the first decision could change what is still unread.

        Parameters
        ----------
        market : Market
        recipe : dict, optional
            As `recipe_of` says it.
        """
        after = self._after
        self._market_before = fingerprint(market) if after is None else after._market_before
        self._recipe = recipe
        # One that no other process could make has no file that could be read: `watch` says so.
        with suppress(ImportError, AttributeError, StrategyError):
            classes = [] if recipe is None else _classes_in(recipe)
            self._before = before_of(classes, self._began) if classes else None

    def watch(
        self,
        market: Market,
        strategy: Strategy,
        deciding: npt.NDArray[np.bool_],
        recorder: Recorder,
    ) -> Decide:
        """`recorder`, whose decisions will be replayed; call it before the strategy first decides.

        Import the engine first: a library that comes later makes the replay import all of them again.

        Parameters
        ----------
        market, strategy, deciding
            See `Run`.
        recorder : Recorder
        """
        if not self._market_before:
            self.expect(market)
        before = self._before or before_of(classes_of(strategy), self._began)
        self._run = Run(market, strategy, deciding, before, self._recipe)
        if not self._run.problem and self._after is None:
            self.processes.prepare(library_of(before.code), before.code.sources)
        return keeping(recorder, market, self._run.moments)

    @property
    def sources(self) -> Mapping[str, Source]:
        """The text of the modules that decide, as it is replayed."""
        return self._run.before.code.read

    def begin(self, run_hash: str, most: int | None = None, alone: int = 0) -> None:
        """Begin to replay what was watched.

        Parameters
        ----------
        run_hash : str
            Goes into the seed of what is drawn, beside chance that no source can know.
        most : int, optional
            How many decisions; as many as there is time for if not given.
        alone : int
            How many of every second decision are made again without those between: what is kept between
            decisions shows.
        """
        count = affordable(self._run) if most is None else most
        seed = self._seed = unpredictable(run_hash)
        before = self._run.before
        # Of libraries what has been imported by now: they import parts of themselves late.
        code = library_of(before.code), before.code.sources
        # What is told and judged is what there is now: while sealed processes decide, the strategy may too.
        self._told = apart(self._run.market)
        self._left = (untouched(before.code, before.functions), at_rest(before.code))
        sys.setswitchinterval(TURN)
        self._report = self._thread.submit(self._checked, count, seed, code)
        if alone:
            self._alone = self._thread.submit(self._every_second, alone, seed, code)

    def levels(self) -> Sequence[Check]:
        """Whether the strategy reads the level of adjusted prices; call it while sealed processes decide."""
        run = self._run
        return scale_check(run.market, run.strategy, drawn(run.moments, FEW, self._seed))

    @property
    def done(self) -> bool:
        """Whether `report` would not have to wait."""
        return all(promise is None or promise.done() for promise in (self._report, self._alone))

    @property
    def wide(self) -> bool:
        """Whether the market is so large that one thing after the other is done with it."""
        return self._run.market.close.nbytes > WIDE

    @property
    def moments(self) -> Sequence[Moment]:
        """The decisions made so far."""
        return self._run.moments

    def wait(self) -> None:
        """Wait until no sealed process decides any more, whatever came out."""
        promises: list[Promise[Any]] = [each for each in (self._report, self._alone) if each is not None]
        wait_for(promises)

    def report(self) -> CheckReport:
        """Wait for what came out."""
        assert self._report is not None
        if self.wide:  # what the books needed would lie beside what sealed processes hold
            trim()
        report = self._report.result()
        also = None if self._alone is None else self._alone.result()
        return report if also is None else replace(report, checks=(*report.checks, also))

    def _checked(self, most: int, seed: int, code: tuple[Library, Code]) -> CheckReport:
        run = self._run
        if self._after is not None:
            self._after.wait()
        moments = drawn(run.moments, most, seed)
        kept = self._thread.submit(intact, run.market, self._told, self._market_before)
        if self.wide:
            kept.result()
            trim()
        checks, walls = self._replayed(moments, seed, code)
        if moments:
            checks = (*checks, kept.result(), *self._left)
        counts = len(run.moments), len(moments)
        return CheckReport(run.name, run.market.name, *counts, seed, checks, walls)

    def _every_second(self, most: int, seed: int, code: tuple[Library, Code]) -> Check | None:
        """None where decisions changed already: after that it would say the same again."""
        assert self._report is not None
        if not self._report.result().passed:
            return None
        moments = drawn(self._run.moments[1::2], most, seed)
        checks, _ = self._replayed(moments, seed, code)
        found = [offence for check in checks for offence in check.offences]
        said = [replace(offence, what="decided otherwise without those before:") for offence in found[:1]]
        return judged(
            "determinism", "every second decision alone", said, f"{len(moments)} decisions, none changed"
        )

    def _replayed(
        self, moments: Sequence[Moment], seed: int, code: tuple[Library, Code]
    ) -> tuple[tuple[Check, ...], tuple[str, ...]]:
        """What came out, and the walls that stood."""
        run = self._run
        if not moments:
            return (note(KIND, "replay", "there was no decision to replay"),), ()
        answers = Answers((), {}, run.problem)
        if not run.problem:
            seen = looked_at(run.market)
            limits = seen.in_steps(STEP) if self.wide else None
            told = (self._told, run.before.tables, *code, run.recipe)
            # Which facts the run asked for could be a message: only of a wide market is that what is sent.
            asked = seen.facts if limits is not None else ()
            answers = self.processes.ask(*told, moments, seed, asked, limits)
        return compared(run, answers), answers.walls


def unpredictable(run_hash: str) -> int:
    """A seed that no source can know: the run's hash, and chance."""
    return int.from_bytes(hashlib.sha256(run_hash.encode() + os.urandom(16)).digest()[:6], "big")


def affordable(run: Run) -> int:
    """How many decisions can be replayed in `SECONDS`, but at least `LEAST`."""
    once = typical_seconds(run.moments) + SECONDS_PER_NUMBER * run.market.close.size
    return max(LEAST, int(SECONDS / once))


def compared(run: Run, answers: Answers) -> tuple[Check, ...]:
    """The run's decisions beside the sealed processes' answers."""
    if answers.changed:
        what = "the waiting process was set otherwise while the run decided; leave other processes alone:"
        return (judged(KIND, "replay", [Offence(what, value=answers.changed)], ""),)
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
