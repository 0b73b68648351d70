"""What stands in a source besides its values, and whether the code can read it.

That is: docstrings, comments and names. A plan in a docstring is as good as one in a table to code that reads
its docstring. A company that a docstring gives as an example is none. Telling which it is would take
understanding the code, so both are said: by what it can read itself, and what stands there.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator
from contextlib import suppress

MIRRORS = frozenset(
    """
    __annotations__ __class__ __code__ __dataclass_fields__ __defaults__ __dict__ __doc__ __file__
    __globals__ __kwdefaults__ __loader__ __match_args__ __members__ __mro__ __name__ __qualname__
    __slots__ __spec__ __subclasses__ _field_defaults _fields _getframe _member_map_ _member_names_
    co_consts co_names co_varnames currentframe f_code f_globals f_locals get_annotations get_source
    get_type_hints getattr_static getmembers model_fields tb_frame
    """.split()  # noqa: SIM905
)
"""Attributes and functions that give code its own text."""

LISTING = frozenset({"__import__", "compile", "dir", "eval", "exec", "globals", "help", "locals", "vars"})
"""Built-in functions that do."""

BY_NAME = frozenset({"attrgetter", "delattr", "getattr", "hasattr", "methodcaller"})
"""Those that do where the name that they are given is no word in the source."""

LIBRARIES = frozenset(
    """
    ast dis enum gc importlib inspect linecache pkgutil pydoc symtable tokenize traceback
    """.split()  # noqa: SIM905
)
"""Modules that do."""

PLAN = 24
"""Dates in docstrings, comments and names from which they are told even where nothing seems to read them."""

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_/.]?(0[1-9]|1[0-2])(?:[-_/.]?([0-3]\d))?(?!\d)")
_WORD = re.compile(r"[A-Za-z]+(?:[.-][A-Za-z]+)?")
_PART = re.compile(r"[^_]+")


def mirrors(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """By what, and in which line, code can read its own text."""
    for node in ast.walk(tree):
        name = _mirror(node)
        if name:
            yield getattr(node, "lineno", 0), name


def _mirror(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="type")), attr="__name__"):
            return ""  # a class says its name in a reason
        case ast.Attribute(attr=name) if name in MIRRORS:
            return name
        case ast.Name(id=name) if name in MIRRORS | LISTING and name != "__name__":
            return name
        case ast.Constant(value=str(name)) if name in MIRRORS:
            return name
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in BY_NAME:
            place = 0 if name in ("attrgetter", "methodcaller") else 1
            return "" if len(args) > place and isinstance(args[place], ast.Constant) else name
        case ast.Import(names=names):
            return next((each.name for each in names if each.name.partition(".")[0] in LIBRARIES), "")
        case ast.ImportFrom(module=str(module), names=names):
            inside = (each.name for each in names if each.name in MIRRORS | BY_NAME)
            return module if module.partition(".")[0] in LIBRARIES else next(inside, "")
    return ""


def told_in_text(tree: ast.AST, text: str, symbols: Collection[str]) -> tuple[set[str], set[str]]:
    """Symbols and dates in the docstrings, comments and names of a source.

    Parameters
    ----------
    tree : AST
        Of `text`.
    text : str
    symbols : collection of str
        Of the market; one of a single letter is a word as well, and left out.
    """
    named: set[str] = set()
    dates: set[str] = set()
    known = {symbol for symbol in symbols if len(symbol) > 1}
    for prose in (*_docstrings(tree), *_comments(text)):
        named |= known.intersection(_WORD.findall(prose))
        dates |= set(dates_in(prose))
    for name in names_in(tree):
        named |= known.intersection([name, *_PART.findall(name)])
        dates |= set(dates_in(name))
    return named, dates


def dates_in(text: str) -> list[str]:
    """Dates and months in prose, or in a name such as ``M2020_05``."""
    return ["-".join(filter(None, parts)) for parts in _DATE.findall(text)]


def names_in(tree: ast.AST) -> Iterator[str]:
    """Every name that is given to something: functions, classes, arguments, attributes, variables."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def _docstrings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def _comments(text: str) -> Iterator[str]:
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string
