"""Members of stock indices by date, offline, and how many of them a market has.

The S&P 500 since the end of 2004, the S&P 400 since November 2011 and the S&P 600 since March 2021 come out
of the package ``pitindex`` (MIT), the Nasdaq 100 since 2006 and the Dow since November 1999 out of
``index-constitution`` (MIT); both were made from Wikipedia's lists. Nothing is claimed about earlier days.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import index_constitution
import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import MarketError
from datafeeds.names import unknown_name

INDICES = {
    "sp500": "S&P 500",
    "sp400": "S&P 400",
    "sp600": "S&P 600",
    "nasdaq100": "Nasdaq 100",
    "dow30": "Dow Jones Industrial Average",
}
"""Name in universe files to name for readers."""

TICKER = re.compile(r"[A-Z][A-Z0-9.]{0,9}")
"""Other entries are scraps of the pages that the lists were made from."""

DOW_SIZE = 30
DOW_SINCE = dt.date(1999, 11, 1)

LEAST_HELD = 0.4
"""Share of an index's newest members that a market holds, from which it is measured against the index."""


@dataclass(frozen=True)
class Membership:
    """A stay in an index.

    Attributes
    ----------
    symbol : str
        Under the name of today where it was only renamed; share classes with a hyphen.
    start : date
        First day.
    stop : date or None
        Last day; None for a member today.
    """

    symbol: str
    start: dt.date
    stop: dt.date | None


@lru_cache(maxsize=len(INDICES))
def index_members(index: str) -> tuple[Membership, ...]:
    """Every stay in an index, in order of symbol and date.

    Raises
    ------
    MarketError
        For an index that is not in `INDICES`, or a package that is not installed.
    """
    if index not in INDICES:
        raise MarketError(unknown_name("index", index, INDICES))
    stays = _from_changes(index) if index.startswith("sp") else _from_intervals(index)
    listed = (
        replace(stay, symbol=stay.symbol.replace(".", "-")) for stay in stays if TICKER.fullmatch(stay.symbol)
    )
    members: list[Membership] = []
    for stay in sorted(listed, key=lambda stay: (stay.symbol, stay.start)):
        before = members[-1] if members and members[-1].symbol == stay.symbol else None
        if before is None or (before.stop is not None and before.stop < stay.start):
            members.append(stay)
        else:  # the lists confuse two companies that had one symbol
            stops = (before.stop, stay.stop)
            members[-1] = replace(before, stop=None if None in stops else max(filter(None, stops)))
    return tuple(members)


def _from_changes(index: str) -> Iterator[Membership]:
    try:
        data = files("pitindex.data")
    except ModuleNotFoundError:
        raise MarketError(f"members of the {INDICES[index]} need a package: pip install pitindex") from None
    seed, changes = (
        list(csv.DictReader((data / f"{index}_{part}.csv").read_text(encoding="utf-8").splitlines()))
        for part in ("seed", "changes")
    )
    since = {row["ticker"]: dt.date.fromisoformat(row["effective_date"]) for row in seed}
    for row in sorted(changes, key=lambda row: (row["date"], row["action"] == "added")):
        symbol, day = row["ticker"], dt.date.fromisoformat(row["date"])
        renamed = re.match(r"rename → ([\w.]+)", row["reason"] or "")
        if row["action"] == "added":
            since.setdefault(symbol, day)
        elif symbol in since and renamed:
            since[renamed.group(1)] = since.pop(symbol)
        elif symbol in since and since[symbol] < day:
            yield Membership(symbol, since.pop(symbol), day - dt.timedelta(days=1))
        else:
            since.pop(symbol, None)
    for symbol, day in since.items():
        yield Membership(symbol, day, None)


def _from_intervals(index: str) -> Iterator[Membership]:
    table = index_constitution.history(index)
    for symbol, start, out in zip(table["symbol"], table["opt-in"], table["opt-out"], strict=True):
        stop = None if pd.isna(out) else out.date() - dt.timedelta(days=1)
        if stop is None or stop >= DOW_SINCE:
            yield Membership(symbol, max(start.date(), DOW_SINCE), stop)


def members_on(index: str, day: dt.date) -> frozenset[str]:
    """Symbols in an index on a day; empty before its first known day."""
    return frozenset(
        stay.symbol
        for stay in index_members(index)
        if stay.start <= day and (stay.stop is None or day <= stay.stop)
    )


def held_by_year(
    index: str, sessions: npt.NDArray[np.datetime64], symbols: tuple[str, ...], traded: npt.NDArray[np.bool_]
) -> dict[int, float]:
    """Share of an index's members of each year's first session that have a price on it.

    Parameters
    ----------
    index : str
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    traded : ndarray of bool, shape (sessions, symbols)

    Returns
    -------
    dict
        By year, without years before the index's first known day.
    """
    years = sessions.astype("datetime64[Y]")
    shares = {}
    for row in np.flatnonzero(np.r_[True, years[1:] != years[:-1]]).tolist():
        day = sessions[row].astype("datetime64[D]").item()
        members = members_on(index, day)
        if members:
            held = sum(symbol in members for symbol, has in zip(symbols, traded[row], strict=True) if has)
            shares[day.year] = held / len(members)
    return shares


@dataclass(frozen=True)
class Held:
    """How much of an index a market holds.

    Attributes
    ----------
    index : str
        Key of `INDICES`.
    shares : dict of int to float
        Share of the members of each year's first session that have a price on it, by year.
    """

    index: str
    shares: dict[int, float]

    def __str__(self) -> str:
        """Sentence for the page's limits: the newest year against the year of which least is here."""
        last, least = max(self.shares), min(self.shares, key=lambda year: self.shares[year])
        return (
            f"Of the {INDICES[self.index]}'s members {self.shares[last]:.0%} of {last}'s are here, and "
            f"{self.shares[least]:.0%} of {least}'s: those that failed, were bought or fell out of it are "
            "missing, so results are biased upwards."
        )

    def by_year(self) -> str:
        """Sentence for the check of a folder: every year."""
        years = ", ".join(f"{share:.0%} of {year}'s" for year, share in self.shares.items())
        return f"of the {INDICES[self.index]}'s members on each year's first session are here: {years}"


def indices_held(
    sessions: npt.NDArray[np.datetime64], symbols: tuple[str, ...], traded: npt.NDArray[np.bool_]
) -> tuple[Held, ...]:
    """The indices of which a market holds a good part of the newest members, and how much by year.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    traded : ndarray of bool, shape (sessions, symbols)
    """
    if len(symbols) < LEAST_HELD * DOW_SIZE:
        return ()  # too few for any index; spares small folders the reading
    held = (Held(index, held_by_year(index, sessions, symbols, traded)) for index in INDICES)
    return tuple(each for each in held if each.shares and each.shares[max(each.shares)] >= LEAST_HELD)
