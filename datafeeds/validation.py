"""Documents checked against a model, and what is wrong with them in words."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic.fields import FieldInfo

from datafeeds.names import unknown_name


class TomlTable(BaseModel):
    """A table of a TOML file: no unknown keys, and every value of the kind that it is written as."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="wrap")
    @classmethod
    def _as_written(cls, given: Any, read: Callable[[Any], Any]) -> Any:
        found = read(given)
        problem = miswritten(given, found)
        if problem:
            raise ValueError(problem)
        return found


def miswritten(given: Any, found: Any) -> str:
    """Say why a value is not to be taken for what it was read as; empty if it is.

    Parameters
    ----------
    given : object
        As written: ``"yes"``.
    found : object
        What pydantic makes of it: True.

    Examples
    --------
    >>> miswritten(True, 1.0)
    'must be a number, without quotes'
    >>> miswritten(2, 2.0)
    ''
    """
    if isinstance(found, bool):
        return "" if isinstance(given, bool) else "must be true or false, without quotes"
    if isinstance(found, float) and not math.isfinite(found):
        return "must be a finite number"
    if isinstance(found, (int, float)):
        return "must be a number, without quotes" if isinstance(given, (bool, str)) else ""
    if isinstance(found, dt.date):
        return "must be a date, as in 2015-01-02" if isinstance(given, (int, float)) else ""
    if isinstance(found, str):
        control = re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", found)
        return f"must not hold the character {control.group()!r}" if control else ""
    if isinstance(found, Mapping) and isinstance(given, Mapping):
        if problem := next((text for key in found if (text := miswritten(key, key))), ""):
            return problem
        return next((text for key in given if (text := miswritten(given[key], found.get(key)))), "")
    if isinstance(found, (tuple, list)) and isinstance(given, (tuple, list)):
        return next((text for each in zip(given, found, strict=False) if (text := miswritten(*each))), "")
    return ""


Model = TypeVar("Model", bound=BaseModel)

LONGEST = 80
"""Letters of a value that a message quotes."""


def validated(
    model: type[Model],
    document: Mapping[str, Any],
    source: str,
    what: str,
    error: type[ValueError],
    patterns: Mapping[str, str] | None = None,
    origins: Mapping[str, str] | None = None,
) -> Model:
    """A document as a model.

    Parameters
    ----------
    model : type
    document : mapping
        As read from TOML.
    source : str
        Name of the file, for messages.
    what : str
        What the file is: ``"the run file"``.
    error : exception class
        Raised with the file's name and every key that is unknown, missing or out of range.
    patterns : mapping, optional
        What is said of a text that does not match a regular expression.
    origins : mapping, optional
        Where else than from the file a dotted key has its value from.
    """
    try:
        return model.model_validate(document)
    except ValidationError as problems:
        found = _sentences(problems, model, what, patterns or {})
        places: dict[str, list[str]] = {}
        for key, sentence in found:
            given = (
                text for name, text in (origins or {}).items() if _within(key, name) or _within(name, key)
            )
            origin = next(given, source)
            places.setdefault(origin, []).append(sentence)
        lines = (f"{place}: {'; '.join(sentences)}" for place, sentences in places.items())
        raise error("; ".join(lines)) from None


def _within(key: str, name: str) -> bool:
    """Whether a key is `name`, or stands in it."""
    return key == name or key.startswith((f"{name}.", f"{name}["))


def problems_in(error: ValidationError, model: type[BaseModel], what: str) -> str:
    """Sentence for what pydantic found: each key with what it holds, the nearest for unknown ones."""
    return "; ".join(sentence for _, sentence in _sentences(error, model, what, {}))


def _sentences(
    error: ValidationError, model: type[BaseModel], what: str, patterns: Mapping[str, str]
) -> list[tuple[str, str]]:
    """A key and what is wrong with it."""
    found: dict[tuple[str, str], list[str]] = {}
    for problem in error.errors():
        key, subject, predicate = _problem(problem, model, what, patterns)
        found.setdefault((key, subject), []).append(predicate)
    # A value that fits no branch of a union is one problem, not one for each branch.
    return [
        (key, subject + " or ".join([first, *(each.removeprefix("Input should be ") for each in others)]))
        for (key, subject), (first, *others) in found.items()
    ]


def _problem(
    problem: Any, model: type[BaseModel], what: str, patterns: Mapping[str, str]
) -> tuple[str, str, str]:
    """A key, and a sentence about it in two parts: its subject, and what is wrong with it."""
    key, table, known = _place(model, [part for part in problem["loc"] if part != "[key]"])
    message: str = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            place = f"[{table}]" if table else what
            return key, unknown_name("key", str(problem["loc"][-1]), known, place), ""
        case "missing":
            return key, f"{key} is missing", ""
        case "value_error" if isinstance(problem["input"], Mapping):
            return key, f"[{key}] {message}" if key else message, ""
        case "too_short":
            message = "lists no value"
        case "string_pattern_mismatch":
            message = patterns.get(problem["ctx"]["pattern"], message)
    return key, f"{key} = {_written(problem['input'])}: ", message


def _written(value: Any) -> str:
    """A value as a person wrote it, cut short."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _place(model: type[BaseModel], location: Sequence[str | int]) -> tuple[str, str, list[str]]:
    """The key at a location, the table that it stands in, and the keys that the table knows.

    Branches of unions, which pydantic counts among a location's parts, are left out.
    """
    keys = [""]
    annotation: Any = model
    known: list[str] = []
    for last, part in enumerate(location, 1 - len(location)):
        known = [name for each in _models(annotation) for name in _fields(each)] or known
        inner = _inner(annotation, part)
        if isinstance(part, int):
            keys.append(f"{keys[-1]}[{part}]")
        elif inner is not None or (last == 0 and _models(annotation)):
            keys.append(f"{keys[-1]}.{part}" if keys[-1] else part)
        annotation = annotation if inner is None else inner
    return keys[-1], keys[-2] if len(keys) > 1 else "", known


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [each for each in _members(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]


def _members(annotation: Any) -> Iterator[Any]:
    """Members of a union, or the annotation itself, without what `Annotated` adds."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) is None or get_origin(annotation) in (dict, tuple, list):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _members(each)


def _inner(annotation: Any, part: str | int) -> Any:
    """Annotation of a part of a document, None where there is no such part."""
    for model in _models(annotation):
        if part in _fields(model):
            return _fields(model)[str(part)].annotation
    for each in _members(annotation):
        if get_origin(each) is dict and isinstance(part, str):
            return get_args(each)[1]
        if get_origin(each) in (tuple, list) and isinstance(part, int):
            return get_args(each)[0]
    return None
