"""Ask sealed processes what they would have decided, and compare."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd

from backtests.authoring.moments import Moment, drawn
from backtests.authoring.sealed.circumstances import circumstances
from backtests.authoring.sealed.market import FUTURES, Future, News, Sender
from backtests.authoring.sealed.program import Code, Library, Question, Setting, receive, send
from backtests.authoring.sealed.walls import Kind
from backtests.memory import trim
from datafeeds.market import Market
from strategies.asof import LookedAt

LARGEST_ANSWER = 1 << 26
"""Bytes."""

PATIENCE = 60.0
"""Seconds that a sealed process may take to load, and to decide once."""

PATIENCE_A_FIGURE = 5e-5
"""Seconds more for each filed figure: a decision may want every fact worked out, which takes a tenth."""

Answered = tuple[Moment, Mapping[str, Any]]

MISLED = 24
"""Decisions that are made where the future is false; where it is absent, all."""

REBUILT = 4
"""Decisions, evenly spread, at which derived facts are worked out anew from the figures filed by then."""

NUMBER = re.compile("[0-9]{1,3}")
"""A number of threads; a longer one could be a table."""

PROCESSORS = re.compile(
    "prescott|core2|penryn|dunnington|atom|nehalem|sandybridge|haswell|skylakex|cooperlake|sapphirerapids"
    "|opteron|opteron_sse3|barcelona|bobcat|bulldozer|piledriver|steamroller|excavator|zen|nano"
    "|armv8|armv8sve|a64fx|cortexa5[357]|cortexa7[23]|cortexx[12]|neoversen[12]|neoversev[12]",
    re.IGNORECASE,
)
"""Processors as OpenBLAS knows them (``OPENBLAS_CORETYPE`` in its ``README.md`` and ``dynamic.c``)."""

ARITHMETIC = {
    "OMP_NUM_THREADS": NUMBER,
    "OPENBLAS_NUM_THREADS": NUMBER,
    "MKL_NUM_THREADS": NUMBER,
    "NUMBA_NUM_THREADS": NUMBER,
    "OPENBLAS_L2_SIZE": re.compile("[0-9]{1,5}"),
    "OPENBLAS_CORETYPE": PROCESSORS,
}
"""All that a sealed process is told of this one's environment, and what it may say: the last bits of a sum of
products depend on it. Anything else could be a message."""


def arithmetic(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an `environment` sums depend on, where it says nothing else."""
    found = {name: environment.get(name, "") for name in ARITHMETIC}
    return {name: value for name, value in found.items() if ARITHMETIC[name].fullmatch(value)}


@dataclass(frozen=True)
class Answers:
    """What sealed processes said.

    Attributes
    ----------
    walls : tuple of str
        What closed files and network, the strongest first.
    made : mapping of str to sequence of (Moment, dict)
        By kind of future, moments with an answer each: ``target`` and ``decides``, or ``error``.
    failure : str
        Why there is no answer at all, or empty.
    changed : str
        What of the processes was set from outside while they waited, and so could have told them something.
    """

    walls: tuple[str, ...]
    made: Mapping[Future, Sequence[Answered]]
    failure: str = ""
    changed: str = ""


@dataclass(frozen=True)
class _Line:
    """A process that imports the libraries of `library`, and the way to it."""

    connection: socket.socket
    library: Library

    def fits(self, library: Library) -> bool:
        """Whether `library` differs by parts of the same libraries at most: no others can be opened."""
        ours, theirs = ((each.folders, each.compiles, each.zones) for each in (self.library, library))
        return ours == theirs


class SealedProcesses:
    """Processes that wait for a strategy and a market, started ahead since they take a second to start.

    Use it as a context: at its end no process is left.

    Parameters
    ----------
    without : tuple of str
        Walls to do without (`backtests.authoring.sealed.walls`), as on a machine that does not have them.
    """

    def __init__(self, without: tuple[Kind, ...] = ()) -> None:
        self._without = without
        self._place = tempfile.TemporaryDirectory(prefix="sealed-")
        self._control, theirs = socket.socketpair()
        root = str(Path(__file__).parents[3])
        program = (
            f"import gc, sys; gc.disable(); sys.path.append({root!r}); "  # what is imported stays
            "from backtests.authoring.sealed.program import main; "
            f"main({theirs.fileno()}, {circumstances()!r})"
        )
        place = self._place.name
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            cwd=place,
            env={"HOME": place, "TMPDIR": place, **arithmetic(os.environ)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self._control.settimeout(PATIENCE)
        self._ready: _Line | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()
        self._control.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._place.cleanup()

    def prepare(self, library: Library, code: Code) -> None:
        """Begin to import libraries for what `ask` will probably be asked; without it that takes longer.

        Parameters
        ----------
        library, code
            As of `ask`.
        """
        with suppress(OSError):  # `ask` will say it
            self._ready = self._fitting(library, code)

    def _drop(self) -> None:
        if self._ready is not None:
            self._ready.connection.close()
            self._ready = None

    def ask(
        self,
        market: Market,
        tables: Mapping[str, pd.DataFrame],
        library: Library,
        code: Code,
        recipe: dict[str, Any],
        moments: Sequence[Moment],
        seed: int,
        asked: Collection[str] = (),
        limits: LookedAt | None = None,
    ) -> Answers:
        """What the strategy decides at `moments` where the future is absent, and where it is false.

        Parameters
        ----------
        market, tables
            They are sent piece by piece, up to each moment.
        library, code
            What is imported before the doors close, and what may be imported after.
        recipe : dict
            The strategy, as `plain` says it.
        moments : sequence of Moment
            In order of time.
        seed : int
            Of the false futures.
        asked : collection of str
        limits : LookedAt, optional
            See `Sender`.
        """
        sender = Sender(market, tables, asked, limits)
        patience = PATIENCE + PATIENCE_A_FIGURE * sender.figures
        # Of a wide market each process holds hundreds of megabytes: one after the other.
        turns = [(future,) for future in FUTURES] if sender.limited else [FUTURES]
        walls: tuple[str, ...] = ()
        made: dict[Future, Sequence[Answered]] = {}
        try:
            for futures in turns:
                if sender.limited:
                    trim()
                with self._split(library, code, patience, futures) as ends:
                    stood, answers = _asked(ends, futures, sender.anew(), recipe, moments, seed)
                walls = walls or stood
                made.update(answers)
            return Answers(walls, made)
        except _ChangedError as error:
            return Answers((), {}, changed=str(error))
        except _NotLoadedError as error:
            return Answers((), {}, str(error))
        except TimeoutError:
            return Answers((), {}, f"no answer within {patience:,.0f} seconds")
        except (OSError, ValueError, RecursionError) as error:
            return Answers((), {}, f"the process ended ({type(error).__name__})")

    def _fitting(self, library: Library, code: Code) -> _Line:
        """A process that has imported libraries, or does so now, and waits."""
        ready, self._ready = self._ready, None
        if ready is not None and ready.fits(library):
            return ready
        if ready is not None:
            ready.connection.close()
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        line = _Line(ours, library)
        try:
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            self._tell(line, library, code)
        except OSError:  # the run was refused, and its processes ended
            ours.close()
            raise
        finally:
            theirs.close()
        return line

    def _tell(self, line: _Line, library: Library, code: Code) -> None:
        send(line.connection, pickle.dumps((replace(library, without=self._without), code)))

    @contextmanager
    def _split(
        self, library: Library, code: Code, patience: float, futures: Sequence[Future]
    ) -> Iterator[list[socket.socket]]:
        """Sockets to a fresh process for each of `futures`; no process is left."""
        line = self._fitting(library, code)
        pairs = [socket.socketpair() for _ in futures]
        children: list[int] = []
        try:
            self._tell(line, library, code)
            places = bytes(FUTURES.index(future) for future in futures)
            socket.send_fds(line.connection, [places], [theirs.fileno() for _, theirs in pairs])
            children = json.loads(receive(line.connection))
            if not children:
                raise ConnectionError("its libraries can't be imported")
            self._ready = line
            for ours, theirs in pairs:
                theirs.close()
                ours.settimeout(patience)
            yield [ours for ours, _ in pairs]
        finally:
            if self._ready is not line:
                line.connection.close()
            for ours, theirs in pairs:
                ours.close()
                theirs.close()
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)


def _asked(
    ends: Sequence[socket.socket],
    futures: Sequence[Future],
    sender: Sender,
    recipe: dict[str, Any],
    moments: Sequence[Moment],
    seed: int,
) -> tuple[tuple[str, ...], dict[Future, list[Answered]]]:
    """The walls and the answers of a process for each of `futures`; where it is absent, at every moment."""
    _send(ends, Setting(recipe, sender.shape, seed))
    fewer = drawn(moments, MISLED, seed)
    absent = [end for future, end in zip(futures, ends, strict=True) if future == "absent"]
    false = [end for end in ends if end not in absent]
    with ThreadPoolExecutor(1) as beside:
        misled = beside.submit(_walked, false, sender.anew(), fewer, 1)
        walls, made = _walked(absent, sender, moments, REBUILT)
        others, more = misled.result()
    return walls or others, dict(zip(futures, [*made, *more], strict=True))


class _ChangedError(Exception):
    """Something of a process was set from outside; the message says what."""


class _NotLoadedError(Exception):
    """A process could not load the strategy; the message says why."""


def _walked(
    ends: Sequence[socket.socket], sender: Sender, moments: Sequence[Moment], rebuilt: int
) -> tuple[tuple[str, ...], list[list[Answered]]]:
    """The walls of processes, and what they answer, decision by decision, up to the first that is none."""
    if not ends:
        return (), []
    walls = [_walls(end) for end in ends]
    made: list[list[Answered]] = [[] for _ in ends]
    fresh = set(np.linspace(0, len(moments) - 1, rebuilt).astype(int).tolist())
    for place, moment in enumerate(moments):
        question = Question(moment.session, moment.weights, moment.previous, place in fresh)
        _tell(ends, sender.pieces(moment.session), question)
        for answers, end in zip(made, ends, strict=True):
            answers.append((moment, _read(end)))
        if not sender.limited:
            sender.also(name for answers in made for name in _asked_for(answers[-1][1]))
        if any("target" not in answers[-1][1] for answers in made):
            break  # what comes after an error may follow from it
    return walls[0], made


def _asked_for(answer: Mapping[str, Any]) -> list[str]:
    """Facts that a process has asked for; what it says of that is taken as words alone."""
    asked = answer.get("asked")
    return [name for name in asked if isinstance(name, str)] if isinstance(asked, list) else []


def _walls(end: socket.socket) -> tuple[str, ...]:
    """What closed the files and the network of a process, once it has loaded the strategy."""
    answer = _read(end)
    if "changed" in answer:
        raise _ChangedError(answer["changed"])
    if "walls" not in answer:
        raise _NotLoadedError(answer.get("error", "the process ended while it loaded"))
    return tuple(answer["walls"])


def _tell(ends: Sequence[socket.socket], pieces: Iterator[News], question: Question) -> None:
    """Send one piece after the other, the last with the question; none is held while an answer is awaited."""
    news = next(pieces)
    for following in pieces:
        _send(ends, news)
        news = following
    _send(ends, news, question)


def _send(ends: Sequence[socket.socket], *messages: Any) -> None:
    contents = [pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL) for message in messages]
    for end in ends:
        send(end, *contents)


def _read(end: socket.socket) -> dict[str, Any]:
    answer = json.loads(receive(end, LARGEST_ANSWER, alone=True) or b"{}")
    return answer if isinstance(answer, dict) else {}
