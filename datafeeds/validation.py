"""Documents checked against a model, and what is wrong with them in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from datafeeds.names import unknown_name

Model = TypeVar("Model", bound=BaseModel)


def validated(
    model: type[Model],
    document: Mapping[str, Any],
    source: str,
    what: str,
    error: type[ValueError],
    patterns: Mapping[str, str] | None = None,
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
    """
    try:
        return model.model_validate(document)
    except ValidationError as problems:
        raise error(f"{source}: {problems_in(problems, model, what, patterns)}") from None


def problems_in(
    error: ValidationError, model: type[BaseModel], what: str, patterns: Mapping[str, str] | None = None
) -> str:
    """Sentence for what pydantic found: each key with what it holds, the nearest for unknown ones."""
    sentences: dict[str, list[str]] = {}
    for problem in error.errors():
        subject, predicate = _problem(problem, model, what, patterns or {})
        sentences.setdefault(subject, []).append(predicate)
    # A value that fits no branch of a union is one problem, not one for each branch.
    return "; ".join(
        subject + " or ".join([first, *(each.removeprefix("Input should be ") for each in others)])
        for subject, (first, *others) in sentences.items()
    )


def _problem(problem: Any, model: type[BaseModel], what: str, patterns: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong, and why, to be read one after the other."""
    key, table, known = _place(model, [part for part in problem["loc"] if part != "[key]"])
    message: str = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "extra_forbidden":
            place = f"[{table}]" if table else what
            return unknown_name("key", str(problem["loc"][-1]), known, place), ""
        case "missing":
            return f"{key} is missing", ""
        case "value_error" if isinstance(problem["input"], Mapping):
            return f"[{key}] {message}" if key else message, ""
        case "too_short":
            message = "lists no value"
        case "string_pattern_mismatch":
            message = patterns.get(problem["ctx"]["pattern"], message)
    return f"{key} = {problem['input']!r}: ", message


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
