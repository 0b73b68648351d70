"""A universe file (TOML): which symbols, in which groups, from when to when, and what to compare with.

A universe file looks like this::

    name = "ai_era"
    description = "AI hardware against software"
    sleeves = ["financials", "small_cap"]       # groups that may receive money

    [groups.ai_hardware]
    members = [
        "NVDA",
        { symbol = "ARM", from = 2023-09-14 },  # listed that day
    ]

    [groups.small_cap]
    kind = "etf"
    members = ["IWM"]

    [groups.index]
    members = "sp500"                           # each day's members: sp500, sp400, sp600, nasdaq100, dow30

    [benchmarks]
    cap_weighted = "SPY"                        # an ETF in a group of its own
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import ConfigDict, Field, field_validator, model_validator

from datafeeds.index_members import index_members
from datafeeds.market import INSTRUMENT_COLUMNS, MarketError
from datafeeds.names import unknown_name
from datafeeds.toml_files import find_toml, read_toml, toml_names
from datafeeds.validation import TomlTable, validated

UNIVERSES = Path(__file__).parent / "universes"

DEVICE_NAMES = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{port}{digit}" for port in ("COM", "LPT") for digit in range(1, 10)}
)
"""Names that Windows keeps for devices, so that ``prices/CON.csv`` can't be a file there."""

Kind = Literal["stock", "etf", "index"]
SYMBOL = r"^\^?[A-Z0-9][A-Z0-9.-]{0,14}$"
NAME = r"^[a-z][a-z0-9_]{0,39}$"
Symbol = Annotated[str, Field(pattern=SYMBOL)]
CompanyNumber = Annotated[int, Field(gt=0, lt=10**10)]
GroupName = Annotated[str, Field(pattern=NAME)]
PATTERNS = {
    SYMBOL: "a symbol is capital letters, digits, hyphens and dots only, as in 'BRK-B'",
    NAME: "names are lower-case letters, digits and underscores, as in 'ai_hardware'",
}


@dataclass(frozen=True)
class Member:
    """One symbol in one group.

    Attributes
    ----------
    symbol : str
        As Yahoo and the SEC write it, share classes with a hyphen: ``"BRK-B"``.
    group : str
        The group, empty for a symbol in none.
    kind : {"stock", "etf", "index"}
        Only stocks have figures filed with the SEC.
    name, sector, industry : str
        For readers; empty where the file does not say.
    start, stop : date or None
        First and last day in the group, both inclusive; None for open ends.
    cik : int or None
        The company's number at the SEC, for symbols that its current list of tickers lacks: delisted or
        renamed companies.
    company : str
        What the classes of one company's shares have in common; empty where the SEC's number tells.
    predecessors : tuple of int
        Numbers under which the same business filed before a reorganisation; their figures count too.
    shares_per_receipt : float
        Ordinary shares that one depositary receipt stands for; filed share counts are divided by it.
    """

    symbol: str
    group: str
    kind: Kind = "stock"
    name: str = ""
    sector: str = ""
    industry: str = ""
    start: dt.date | None = None
    stop: dt.date | None = None
    cik: int | None = None
    company: str = ""
    predecessors: tuple[int, ...] = ()
    shares_per_receipt: float = 1.0


@dataclass(frozen=True)
class Universe:
    """The symbols of a market folder.

    Attributes
    ----------
    name : str
    description : str
        One sentence.
    members : tuple of Member
        In the order of the file. A symbol may be in several groups, and twice in one at different times.
    sleeves : tuple of str
        Groups that may receive the money that a strategy frees.
    benchmarks : tuple of (str, str)
        Label and symbol of what to compare with; each symbol is also the only member of a group of that name.
    source : str
        The file that it was read from.
    """

    name: str
    description: str
    members: tuple[Member, ...]
    sleeves: tuple[str, ...] = ()
    benchmarks: tuple[tuple[str, str], ...] = ()
    source: str = ""

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol once, in the order of the file."""
        return tuple(dict.fromkeys(member.symbol for member in self.members))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Every group once, in the order of the file."""
        return tuple(dict.fromkeys(member.group for member in self.members if member.group))

    def group(self, name: str) -> tuple[str, ...]:
        """Symbols that ever belong to a group.

        Raises
        ------
        MarketError
            If there is no such group, naming the nearest.
        """
        if name not in self.groups:
            raise MarketError(unknown_name("group", name, self.groups, f"universe {self.name!r}"))
        return tuple(dict.fromkeys(member.symbol for member in self.members if member.group == name))

    def member(self, symbol: str) -> Member:
        """The first membership of a symbol.

        Raises
        ------
        MarketError
            If the universe does not have it, naming the nearest.
        """
        for member in self.members:
            if member.symbol == symbol:
                return member
        raise MarketError(unknown_name("symbol", symbol, self.symbols, f"universe {self.name!r}"))

    def instruments(
        self,
        symbols: Iterable[str] | None = None,
        names: Mapping[str, str] | None = None,
        numbers: Mapping[str, int] | None = None,
    ) -> pd.DataFrame:
        """The universe as the ``instruments.csv`` of a market folder.

        Parameters
        ----------
        symbols : iterable of str, optional
            Symbols to keep; all if not given.
        names : mapping, optional
            Names for symbols that the universe file does not name.
        numbers : mapping, optional
            Numbers at the SEC by symbol: symbols with the same one are one company.

        Returns
        -------
        DataFrame
            Columns `INSTRUMENT_COLUMNS`; `from` and `to` as ISO dates, empty for open ends.
        """
        kept = set(self.symbols if symbols is None else symbols)
        known = names or {}
        ciks = numbers or {}
        rows = [
            (
                member.symbol,
                member.kind,
                member.name or known.get(member.symbol, ""),
                member.sector,
                member.industry,
                member.group,
                member.start.isoformat() if member.start else "",
                member.stop.isoformat() if member.stop else "",
                member.company or (f"CIK{ciks[member.symbol]:010d}" if member.symbol in ciks else ""),
            )
            for member in self.members
            if member.symbol in kept
        ]
        return pd.DataFrame(rows, columns=list(INSTRUMENT_COLUMNS))


class _MemberTable(TomlTable):
    model_config = ConfigDict(str_strip_whitespace=True)

    symbol: Symbol
    name: str = ""
    sector: str = ""
    industry: str = ""
    start: dt.date | None = Field(default=None, alias="from")
    stop: dt.date | None = Field(default=None, alias="to")
    cik: CompanyNumber | None = None
    company: str = ""
    predecessors: tuple[CompanyNumber, ...] = ()
    shares_per_receipt: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _bare_symbol(cls, value: Any) -> Any:
        return {"symbol": value} if isinstance(value, str) else value


class _GroupTable(TomlTable):
    members: Annotated[tuple[_MemberTable, ...], Field(min_length=1)]
    kind: Kind = "stock"
    sector: str = ""
    description: str = ""

    @field_validator("members", mode="before")
    @classmethod
    def _members_of_an_index(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        stays = (stay for stay in index_members(given) if stay.symbol not in DEVICE_NAMES)
        return [{"symbol": stay.symbol, "from": stay.start, "to": stay.stop} for stay in stays]


class _UniverseFile(TomlTable):
    name: GroupName
    description: str = ""
    sleeves: tuple[str, ...] = ()
    groups: Annotated[dict[GroupName, _GroupTable], Field(min_length=1)]
    benchmarks: dict[GroupName, Symbol] = Field(default={})
    ungrouped: tuple[_MemberTable, ...] = ()


def load(universe: str | Path) -> Universe:
    """Read a universe file.

    Parameters
    ----------
    universe : str or Path
        Path of a TOML file, or the name of a universe that comes with the program (see `names`).

    Raises
    ------
    MarketError
        If the file does not exist or cannot be parsed, or a key, symbol or group is unknown or out of range;
        the message names the file and the key.
    """
    path = find(universe)
    return parse(read_toml(path, MarketError), str(path))


def find(universe: str | Path) -> Path:
    """Path of a universe file given by path or by name.

    Raises
    ------
    MarketError
        If there is none, naming the nearest.
    """
    return find_toml(universe, UNIVERSES, "universe", MarketError)


def names() -> tuple[str, ...]:
    """Names of the universes that come with the program."""
    return toml_names(UNIVERSES)


def parse(document: Mapping[str, Any], source: str) -> Universe:
    """Check a universe file's content.

    Parameters
    ----------
    document : mapping
        As read from TOML.
    source : str
        Name of the file, for messages.

    Raises
    ------
    MarketError
        Naming every key that is unknown, missing or out of range.
    """
    content = validated(_UniverseFile, document, source, "the universe file", MarketError, PATTERNS)
    members = [
        _member(table, group, entry.kind, entry.sector)
        for group, entry in content.groups.items()
        for table in entry.members
    ]
    members += [_member(table, "", "stock", "") for table in content.ungrouped]
    known = {member.symbol for member in members}
    for label, symbol in content.benchmarks.items():
        if label not in content.groups:
            members.append(Member(symbol, label, "etf"))
        elif symbol not in known:
            raise MarketError(
                f"{source}: benchmarks.{label}: {unknown_name('symbol', symbol, known, 'the groups')}"
            )
    for sleeve in content.sleeves:
        if sleeve not in content.groups:
            raise MarketError(f"{source}: sleeves: {unknown_name('group', sleeve, content.groups)}")
    _require_sound(members, source)
    return Universe(
        name=content.name,
        description=content.description,
        members=tuple(members),
        sleeves=content.sleeves,
        benchmarks=tuple(content.benchmarks.items()),
        source=source,
    )


def _member(table: _MemberTable, group: str, kind: Kind, sector: str) -> Member:
    return Member(
        symbol=table.symbol,
        group=group,
        kind=kind,
        name=table.name,
        sector=table.sector or sector,
        industry=table.industry,
        start=table.start,
        stop=table.stop,
        cik=table.cik,
        company=table.company,
        predecessors=table.predecessors,
        shares_per_receipt=table.shares_per_receipt,
    )


def _require_sound(members: Iterable[Member], source: str) -> None:
    """Refuse dates in the wrong order, overlapping memberships, two kinds of one symbol, device names."""
    seen: dict[tuple[str, str], list[Member]] = {}
    kinds: dict[str, Kind] = {}
    for member in members:
        where = f"{source}: groups.{member.group}" if member.group else f"{source}: ungrouped"
        if member.symbol.split(".")[0] in DEVICE_NAMES:
            raise MarketError(
                f"{where}: {member.symbol} can't be the name of a price file on Windows; leave it out"
            )
        if member.start and member.stop and member.start > member.stop:
            raise MarketError(f"{where}: {member.symbol}: from {member.start} is after to {member.stop}")
        if kinds.setdefault(member.symbol, member.kind) != member.kind:
            raise MarketError(
                f"{where}: {member.symbol} is {member.kind} here and {kinds[member.symbol]} elsewhere; "
                "choose one"
            )
        others = seen.setdefault((member.symbol, member.group), [])
        for other in others:
            if _overlap(member, other):
                raise MarketError(
                    f"{where}: {member.symbol} stands twice at the same time; remove one or part their dates"
                )
        others.append(member)


def _overlap(one: Member, other: Member) -> bool:
    return (one.start or dt.date.min) <= (other.stop or dt.date.max) and (other.start or dt.date.min) <= (
        one.stop or dt.date.max
    )
