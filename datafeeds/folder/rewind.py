"""A market folder as it stood on some day: the rows that came later are cut from a copy of it.

What is cut: prices after the day, figures filed after it, values of series available after it, what is said
of loans from later days on, memberships that begin after it, and symbols first traded after it. The split
table stays, because the prices stand on its basis; `rebased` gives the copy whose prices stand on the basis
of the day, as if downloaded then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds import facts as fundamentals
from datafeeds.folder.cache import entry_of
from datafeeds.folder.cells import read_cells, table_files, write_cells
from datafeeds.folder.layout import load_folder
from datafeeds.folder.source import read_source
from datafeeds.market import Array, Market, MarketError, standard_tables
from datafeeds.membership import Grouping
from datafeeds.regular import regular
from datafeeds.series import series_names, series_table

Cut = Callable[[pd.DataFrame], pd.DataFrame]


def cut_folder(folder: Path, day: np.datetime64, to: Path, *, rebased: bool = False) -> Path:
    """Write the copy of a market folder that ends on `day`.

    Parameters
    ----------
    folder : Path
    day : datetime64
    to : Path
        A new folder.
    rebased : bool
        Bring prices, volumes and dividends to the split basis of `day`, and leave later splits out. Dividends
        as they were paid stand on the basis of their own days and stay.

    Returns
    -------
    Path
        `to`.

    Raises
    ------
    MarketError
        If nothing is left, or a table can't be read.
    """
    last = pd.Timestamp(day)
    to.mkdir(parents=True)
    listed = table_files(folder, "splits")
    splits = read_cells(listed[0]) if listed else None
    later = None
    if rebased and splits is not None:
        after = splits[_days(splits["date"]) > last]
        later = _numbers(after["ratio"]).groupby(after["symbol"]).prod()
    paid = read_source(folder)[0].dividends == "as_paid"
    moved = ("open", "high", "low", "close", *(() if paid else ("dividend",)))
    symbols: set[str] = set()
    for path in table_files(folder, "prices"):
        prices = read_cells(path)
        prices = prices[_days(prices["date"]) <= last]
        own = (
            pd.Series(path.stem, index=prices.index)
            if "symbol" not in prices
            else prices["symbol"].astype(str)
        )
        if later is not None:
            factor = own.map(later).fillna(1.0).to_numpy(dtype=np.float64)
            for column in moved:
                if column in prices:
                    prices = prices.assign(**{column: _numbers(prices[column]) * factor})
            if "volume" in prices:
                prices = prices.assign(volume=_numbers(prices["volume"]) / factor)
        if len(prices):
            symbols |= set(own)
            write_cells(prices, to / path.relative_to(folder))
    if not symbols:
        raise MarketError(f"{folder} has no prices up to {day}; choose a later day")
    cuts: dict[str, Cut] = {
        "facts": lambda table: table[_days(table["filed"]) <= last],
        "series": lambda table: table[_days(table["available"]) <= last],
        "splits": lambda table: table[_days(table["date"]) <= last] if rebased else table,
        "instruments": lambda table: _instruments(table[table["symbol"].isin(symbols)], last),
        "corrections": lambda table: table[(_days(table["filed"]) <= last) & table["symbol"].isin(symbols)],
        "estimates": lambda table: table[_days(table["made"]) <= last],
        "borrow": lambda table: table[_days(table["date"]) <= last],
    }
    for name, cut in cuts.items():
        for path in table_files(folder, name):
            write_cells(cut(read_cells(path)), to / path.name)
    if (folder / "source.json").is_file():
        (to / "source.json").write_bytes((folder / "source.json").read_bytes())
    return to


NEVER = pd.Timestamp("2200-01-01")
"""The day from which nothing that is said of a mere name counts."""


def named_like(cut: Market, whole: Market) -> Market:
    """`cut` that has heard the names of series, facts, groups and sectors of `whole`, and no more of them.

    Names are known from the start, in a run and in its replay (docs/what-is-proved.md).
    """
    symbol, kind = cut.symbols[-1], str(cut.kinds[-1])
    belonging = [
        pd.DataFrame({by: sorted(set(getattr(whole, f"{by}s")) - set(getattr(cut, f"{by}s")))})
        for by in ("group", "sector")
    ]
    instruments = pd.concat(belonging).assign(symbol=symbol, kind=kind)
    instruments["from"] = NEVER
    facts = pd.DataFrame({"concept": sorted(whole.concepts - cut.concepts)})
    facts = facts.assign(symbol=symbol, fiscal_year=0, fiscal_period="FY", filed=NEVER, value=np.nan)
    series = pd.DataFrame({"series": sorted(set(whole.series["series"]) - set(cut.series["series"]))})
    series = series.assign(date=NEVER, available=NEVER, value=np.nan)
    tables = standard_tables(
        cut.symbols,
        _longer(cut.instruments, instruments),
        _longer(cut.facts, facts.assign(known=NEVER)),
        cut.splits,
        _longer(cut.series, series),
        cut.basis,
    )
    return replace(cut, **tables, derived={}, hash=f"{cut.hash} with names to come")


def _longer(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, names], ignore_index=True) if len(names) else table


def _instruments(table: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Instruments without what is said of later memberships; each symbol keeps its kind."""
    if "from" not in table:
        return table
    later = (_days(table["from"]) > last).to_numpy()
    begun = set(table["symbol"][~later])
    hidden = table[later & ~table["symbol"].isin(begun)].drop_duplicates("symbol")
    blank = {name: "" for name in ("name", "sector", "industry", "group", "to", "company") if name in table}
    hidden = hidden.assign(**blank, **{"from": f"{last + pd.Timedelta(days=1):%Y-%m-%d}"})
    return pd.concat([table[~later], hidden], ignore_index=True)


def _numbers(cells: pd.Series[float]) -> pd.Series[float]:
    return pd.to_numeric(cells, errors="coerce").astype(np.float64)


def _days(dates: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Dates of whatever form; what is none is never later."""
    return pd.to_datetime(dates, errors="coerce", format="ISO8601")


@dataclass(frozen=True)
class Difference:
    """The first number or word on which a market and its cut do not agree.

    Attributes
    ----------
    figure : str
    session : datetime64[D]
    symbol : str
        Empty for a number of the whole market.
    whole, cut : float or str
        What the whole folder says was known then, and what the cut one says.
    count : int
        Numbers or words of this figure that differ.
    """

    figure: str
    session: np.datetime64
    symbol: str
    whole: float | str
    cut: float | str
    count: int

    def __str__(self) -> str:
        where = " ".join(part for part in (str(self.session), self.symbol) if part)
        more = f", and {self.count - 1:,} more" if self.count > 1 else ""
        both = f"{_said(self.whole)} with what came later, {_said(self.cut)} without"
        return f"{self.figure}, {where}: {both}{more}"


def _said(value: float | str) -> str:
    return repr(value) if isinstance(value, str) else f"{value:.12g}"


@dataclass(frozen=True)
class Rewound:
    """What came of cutting a folder at one day.

    Attributes
    ----------
    day : datetime64[D]
    rebased : bool
    figures : int
        How many figures were compared, each on every session up to the day for every symbol.
    differences : tuple of Difference
        One for each figure that is not the same, none if the folder keeps the promise.
    """

    day: np.datetime64
    rebased: bool
    figures: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        form = "on the basis of that day" if self.rebased else "later rows cut"
        first = str(self.differences[0]) if self.differences else "nothing differs"
        return f"{self.day}, {form}: {len(self.differences)} of {self.figures} figures differ; {first}"


VERIFIED = 2
"""Days at which the folder of every verified run is cut."""

LARGE = 5_000_000
"""Closes and figures of a folder above which a run leaves it whole: to load it again, thrice, and to compare
every fact of it takes minutes and gigabytes."""

REBASED_TOLERANCE = 1e-9
"""Relative difference up to which numbers of a rebased copy agree: its prices were multiplied and rounded."""


def days_between(market: Market, count: int) -> list[np.datetime64]:
    """So many sessions that part the market's into stretches of equal length."""
    places = np.linspace(0, len(market.sessions) - 1, count + 2)[1:-1].astype(int)
    return list(market.sessions[places])


def promise(folder: Path, whole: Market) -> dict[str, Any]:
    """Whether a folder keeps the promise on `VERIFIED` days, as a record; worked out once for each content.

    Returns
    -------
    dict
        ``days``, ``figures`` (compared on each) and ``differences`` (sentences, none if the promise is kept);
        of a folder above `LARGE` that was not cut, ``left_whole``: its closes and figures.
    """
    entry = entry_of(whole)
    note = None if entry is None else entry / "rewound.json"
    with suppress(OSError, ValueError):
        if note is not None:
            known: dict[str, Any] = json.loads(regular(note).read_text(encoding="utf-8"))
            return known
    size = whole.close.size + len(whole.facts)
    if size > LARGE:
        return {"left_whole": size}
    days = days_between(whole, VERIFIED)
    found = [*rewind(folder, whole, days), *rewind(folder, whole, days[-1:], rebased=True)]
    record = {
        "days": [str(day) for day in days],
        "figures": found[0].figures,
        "differences": [str(rewound) for rewound in found if rewound.differences],
    }
    with suppress(OSError):
        if note is not None:
            draft = note.with_name(f".{uuid4().hex}.json")
            draft.write_text(json.dumps(record), encoding="utf-8")
            draft.replace(note)
    return record


def rewind(
    folder: Path, whole: Market, days: Iterable[np.datetime64], *, rebased: bool = False
) -> list[Rewound]:
    """Cut a folder at each of some days and compare all that a strategy could see by then.

    Parameters
    ----------
    folder : Path
    whole : Market
        The market of the folder.
    days : iterable of datetime64
    rebased : bool
        See `cut_folder`.

    Returns
    -------
    list of Rewound

    Raises
    ------
    MarketError
        If nothing is left of the folder on one of the days, or nothing comes after it.
    """
    asked, last = list(days), whole.sessions[-1]
    for day in asked:
        if day > last:
            raise MarketError(
                f"market {whole.name!r} ends on {last}: nothing is cut on {day}; choose an earlier day"
            )
    found = []
    with TemporaryDirectory() as place:
        for day in asked:
            copy = Path(place) / str(day) / folder.resolve().name
            cut = load_folder(cut_folder(folder, day, copy, rebased=rebased), part=True)
            figures, differences = compared(whole, cut, REBASED_TOLERANCE if rebased else 0.0)
            found.append(Rewound(day, rebased, figures, differences))
    return found


def compared(whole: Market, cut: Market, tolerance: float = 0.0) -> tuple[int, tuple[Difference, ...]]:
    """Compare what was known up to the last session of `cut` in both markets.

    Parameters
    ----------
    whole, cut : Market
        `cut` ends earlier, and may lack symbols that began later.
    tolerance : float
        Relative difference that is none; 0 for equal bit for bit.

    Returns
    -------
    figures : int
    differences : tuple of Difference
    """
    sessions = whole.sessions[: len(cut.sessions)]
    if not np.array_equal(sessions, cut.sessions):
        day = next(one for one in sessions if one not in set(cut.sessions.tolist()))
        return 1, (Difference("session", day, "", 1.0, 0.0, 1),)
    columns = whole.columns_of(cut.symbols)
    differences = []
    count = 0
    for (figure, ours), (_, theirs) in zip(_figures(whole, cut), _figures(cut, cut), strict=True):
        mine = ours[: len(sessions)]
        mine = mine[:, columns] if mine.ndim == 2 else mine
        same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        if tolerance:
            same |= np.abs(mine - theirs) <= tolerance * np.abs(theirs)
        count += 1
        if not same.all():
            first = np.argwhere(~same)[0]
            symbol = cut.symbols[first[1]] if mine.ndim == 2 else ""
            at = tuple(first)
            differences.append(
                Difference(
                    figure, sessions[first[0]], symbol, float(mine[at]), float(theirs[at]), int((~same).sum())
                )
            )
    for (figure, said), (_, without) in zip(_words(whole, cut), _words(cut, cut), strict=True):
        other = said != without
        count += 1
        if other.any():
            row, column = np.argwhere(other)[0]
            differences.append(
                Difference(
                    figure,
                    sessions[row],
                    cut.symbols[column],
                    str(said[row, column]),
                    str(without[row, column]),
                    int(other.sum()),
                )
            )
    return count, tuple(differences)


def _words(market: Market, until: Market) -> Iterator[tuple[str, npt.NDArray[np.object_]]]:
    """What a strategy can be told of the instruments of `until` up to its end, shape (sessions, symbols)."""
    columns = market.columns_of(until.symbols)
    sessions = until.sessions
    yield "kind", np.broadcast_to(market.kinds[columns].astype(object), (len(sessions), len(columns)))
    by: Grouping
    for by in ("sector", "industry"):
        names, codes = market.first_groups(sessions, by)
        yield by, np.array(names, dtype=object)[codes[:, columns]]
    yield "company", np.array([market.companies_on(index)[columns] for index in range(len(sessions))])


def _figures(market: Market, names_of: Market) -> Iterator[tuple[str, Array]]:
    """Every number that a strategy can be shown, on the basis of each day."""
    factor = market.traded_factor
    for name in ("open", "high", "low", "close", "dividend"):
        yield name, getattr(market, name) * factor
    yield "volume", market.volume / factor
    yield "taken as delisted", market.gone.astype(np.float64)
    groups = names_of.groups
    for group in groups:
        yield f"member of {group}", (market.memberships(group) & market.traded).astype(np.float64)
    facts = sorted(fundamentals.names(names_of))
    for name in facts:
        yield name, fundamentals.fact(market, name)
    for name in facts:
        for group in groups:
            yield f"median {name} of {group}", fundamentals.group_median(market, name, group)
    for name in series_names(names_of):
        yield name, series_table(market, name).at_close(market.sessions, stale_days=None)
