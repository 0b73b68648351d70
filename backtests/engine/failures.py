"""An author's code, called: whatever it raises becomes one paragraph with class, file and line."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from backtests.engine.lines import is_own, line_of, lines_of, replaced, said_by
from strategies.target import StrategyError


@contextmanager
def authors_code(name: str, cls: type, moment: str = "", *, refusing: bool = False) -> Iterator[None]:
    """Call an author's code in the block; all that it raises, but an interruption, becomes a `StrategyError`.

    A strategy may raise anything, and may ask to end the program: neither is to end it without a word.

    Parameters
    ----------
    name : str
        What is called, for readers: ``"Momentum.exhibits"``.
    cls : type
        The author's class, in whose file the line is looked for.
    moment : str
        When, for readers: ``"on 2020-01-31"``.
    refusing : bool
        Whether errors of the program's own, which say what to do already, stay as they are.

    Raises
    ------
    StrategyError
        In one paragraph: what was called, where it failed, and what was raised.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if refusing and is_own(error):
            raise
        raise failure(error, name, cls, moment) from error


def described(thing: object) -> str:
    """``repr`` of an author's object.

    Raises
    ------
    StrategyError
        As in `authors_code`.
    """
    cls = type(thing)
    with authors_code(f"{cls.__name__}.__repr__", cls):
        return str(repr(thing))


def same(one: object, other: object) -> bool:
    """Whether two objects of authors' are equal; raises as `described` does."""
    cls = type(one)
    with authors_code(f"{cls.__name__}.__eq__", cls):
        return bool(one == other)


def failure(error: BaseException, name: str, cls: type, moment: str = "") -> StrategyError:
    """What to raise when code of `cls` has raised `error`; see `authors_code`."""
    line = line_of(error, cls)
    when = f" {moment}" if moment else ""
    where = f" at {line[0]}, line {line[1]}" if line else ""
    said = said_by(error)
    if line is None and (changed := replaced()):
        said = f"{said}; {changed}"
    if is_own(error):
        return StrategyError(f"{name}{when}{where}: {said}")
    kind = type(error).__name__
    return StrategyError(f"{name} failed{when}{where}: {kind}" + (f": {said}" if said else ""))


def problem_in(error: BaseException, name: str) -> str:
    """Say in one line what went wrong in somebody's code while it was imported, and where."""
    said = f"{type(error).__name__}: {said_by(error)}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [line for line in lines_of(error) if not line[0].startswith("<") and line[0] != __file__]
    ours = [line for line in lines if "site-packages" not in line[0] and line[0] != importlib.__file__]
    return f"{ours[-1][0]}:{ours[-1][1]}: {said}" if ours else f"{name}: {said}"
