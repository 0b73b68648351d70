"""Tables of a strategy's own: files beside it, each row with the day on which it became public."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

from backtests.stamp import Stamp, stamp_of
from datafeeds.regular import NotAFileError, regular
from strategies.strategy import Strategy
from strategies.target import StrategyError
from strategies.wrapped import parts_of

PUBLIC = "available"
"""The column that says when a row became public: it is seen from that day's close on."""


def table_files(cls: type) -> dict[str, Path]:
    """Files of the tables that a strategy class declares, relative to the file it is written in."""
    files: dict[str, Path] = {}
    for base in reversed(cls.__mro__):
        home = getattr(sys.modules.get(base.__module__), "__file__", None)
        declared = vars(base).get("tables", {})
        if not isinstance(declared, Mapping) or not all(isinstance(file, str) for file in declared.values()):
            raise StrategyError(
                f"{base.__name__}.tables = {type(declared).__name__}: it must map names to files, "
                'such as {"ratings": "ratings.csv"}'
            )
        for name, file in declared.items():
            files[str(name)] = Path(home or ".").parent / file
    return files


def tables_of(strategy: Strategy) -> Mapping[str, pd.DataFrame]:
    """The tables that a strategy declares, and those of the strategies inside it, whole.

    Returns
    -------
    mapping of str to DataFrame
        Rows in order of `PUBLIC`.

    Raises
    ------
    StrategyError
        If a file does not exist, a row does not say when it became public, or two strategies mean different
        files by one name.
    """
    files: dict[str, Path] = {}
    declared: dict[str, type] = {}
    for part in reversed(list(parts_of(strategy))):
        for name, file in table_files(type(part)).items():
            other, cls = files.setdefault(name, file), declared.setdefault(name, type(part))
            if other.resolve() != file.resolve():
                raise StrategyError(
                    f"{type(part).__name__} and {cls.__name__}, which are parts of one strategy, both have "
                    f"a table {name!r}: {file} and {other}; give one of the two another name"
                )
    return tables_in(files)


def tables_in(files: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """The tables in `files`, as `tables_of` says."""
    found = {}
    for name, file in files.items():
        try:
            regular(file)
            found[name] = _read(file, stamp_of(file))
        except NotAFileError as error:
            raise StrategyError(f"{error}; tables = {{{name!r}: ...}} names it") from None
        except OSError as error:
            raise StrategyError(f"{file}: {error.strerror}; tables = {{{name!r}: ...}} names it") from None
    return found


@lru_cache(maxsize=16)
def _read(file: Path, changed: Stamp) -> pd.DataFrame:
    """The table in `file`; `changed` tells an edited file from the one read before."""
    try:
        table = pd.read_csv(file)
    except ValueError as error:
        raise StrategyError(f"{file}: {error}") from None
    if PUBLIC not in table:
        columns = ", ".join(map(str, table.columns))
        raise StrategyError(
            f"{file}: has columns {columns} and no column {PUBLIC!r}: say of each row on which day it became "
            "public, as 2020-01-31"
        )
    days = pd.to_datetime(table[PUBLIC], format="%Y-%m-%d", errors="coerce")
    wrong = days.isna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise StrategyError(f"{file}, line {row + 2}: {PUBLIC} = {table[PUBLIC][row]!r}: write 2020-01-31")
    whole = table.assign(**{PUBLIC: days.astype("datetime64[s]")})
    return whole.sort_values(PUBLIC, kind="stable", ignore_index=True)
