"""A market folder on disk: the format that everything else writes.

::

    prices.parquet|csv     symbol,date,open,high,low,close,volume[,dividend]  (or prices/SYMBOL.parquet|csv)
    facts.csv|parquet      symbol,concept,fiscal_year,fiscal_period,filed,value[,period_end,accession]
    estimates.csv|parquet  symbol,period,made,revenue[,source]
    splits.csv|parquet     symbol,date,ratio
    series.csv|parquet     series,date,available,value
    borrow.csv|parquet     symbol,date[,rate,available]
    instruments.csv|parquet  symbol,kind[,name,sector,industry,group,from,to,company]
    corrections.csv|parquet  symbol,concept,filed,value,reason[,fiscal_year,fiscal_period]
    source.json            {"source": "...", "adjustment": "split", ...}: see `folder.source`

Only prices are needed. A table of prices without `open` gives a market with closes only. Every defect is a
finding: errors stop the load, rows of facts and series that can't be used are quarantined, the rest is
reported.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.calendars import NEW_YORK, CalendarError, next_exchange_session
from datafeeds.checks import (
    EVER,
    Trading,
    check_prices,
    check_split_basis,
    chosen,
    of_calendar,
    raise_errors,
    verdicts_on,
)
from datafeeds.checks.bars import Bars, check_bars, shown_dividends, split_steps
from datafeeds.checks.facts import SHARE_CONCEPTS, Verdicts, in_order
from datafeeds.checks.tables import (
    check_borrow,
    check_instruments,
    check_series,
    check_splits,
    check_symbols,
    coverage,
    repeated_facts,
    reporting_gaps,
    share_classes,
    symbol_problem,
    timing_too_good,
    unknown_concepts,
    without_shares,
)
from datafeeds.facts import ESTIMATED_REVENUE, FLOWS
from datafeeds.folder.cells import ENDINGS, table_files
from datafeeds.folder.corrections import CORRECTION_TABLE, corrected
from datafeeds.folder.source import Source, read_source
from datafeeds.folder.tables import NO_DATE, Column, RawTable, findings_of, read_table
from datafeeds.index_members import indices_held
from datafeeds.market import (
    BASIS_COLUMNS,
    TOTAL_RETURN_LIMIT,
    Array,
    Dates,
    Finding,
    Market,
    MarketError,
    borrow_table,
    listed_factor,
    standard_tables,
)

SPLIT_COLUMNS = (
    *("split", "splits", "splitfactor", "split_factor", "split factor", "splitratio", "split_ratio"),
    *("split ratio", "stock splits", "stock_splits"),
)
"""Columns of other formats that say by what a price is not adjusted; every value must be 0 or 1."""

PRICE_COLUMNS = (
    Column("symbol"),
    Column("date", "date"),
    Column("open", "number", needed=False, blank=True),
    Column("high", "number", needed=False, blank=True),
    Column("low", "number", needed=False, blank=True),
    Column("close", "number", blank=True),
    Column("volume", "number", needed=False, blank=True),
    Column("dividend", "number", needed=False, blank=True),
    *(Column(name, "number", needed=False, blank=True) for name in SPLIT_COLUMNS),
)
FACT_TABLE = (
    Column("symbol"),
    Column("concept"),
    Column("fiscal_year", "whole"),
    Column("fiscal_period"),
    Column("filed", "date"),
    Column("value", "number", blank=True),
    Column("period_end", "date", needed=False, blank=True),
    Column("accession", needed=False, blank=True),
)
ESTIMATE_TABLE = (
    Column("symbol"),
    Column("period", "whole"),
    Column("made", "date"),
    Column("revenue", "number", blank=True),
    Column("source", needed=False, blank=True),
)
SPLIT_TABLE = (Column("symbol"), Column("date", "date"), Column("ratio", "number"))
SERIES_TABLE = (
    Column("series"),
    Column("date", "date"),
    Column("available", "date"),
    Column("value", "number", blank=True),
)
BORROW_TABLE = (
    Column("symbol"),
    Column("date", "date"),
    Column("rate", "number", needed=False, blank=True),
    Column("available", "number", needed=False, blank=True),
)
INSTRUMENT_TABLE = (
    Column("symbol"),
    Column("kind"),
    *(Column(name, needed=False, blank=True) for name in ("name", "sector", "industry", "group")),
    Column("from", "date", needed=False, blank=True),
    Column("to", "date", needed=False, blank=True),
    Column("company", needed=False, blank=True),
)
TABLES: Mapping[str, tuple[Column, ...]] = {
    "facts": FACT_TABLE,
    "estimates": ESTIMATE_TABLE,
    "splits": SPLIT_TABLE,
    "series": SERIES_TABLE,
    "borrow": BORROW_TABLE,
    "instruments": INSTRUMENT_TABLE,
    "corrections": CORRECTION_TABLE,
}
"""The tables beside prices, all of them optional."""

MOST_CELLS = 250_000_000
"""Symbols times sessions of a market that is held: some 40,000 US listings over 25 years."""

WITHOUT = {
    "facts": "nothing is known of valuations",
    "splits": "filed share counts are taken to stand on the basis of the prices",
    "series": "there is no volatility, yield or oil",
    "instruments": "every symbol is taken as a stock of no group",
}
"""What follows from a table's absence."""


@dataclass(frozen=True)
class Checked:
    """A market folder as read and checked.

    Attributes
    ----------
    path : Path
    findings : tuple of Finding
        Everything that the checks saw, errors first.
    market : Market or None
        None if there are errors beyond days of the calendar; those days are not among its sessions. It
        carries the same findings.
    """

    path: Path
    findings: tuple[Finding, ...]
    market: Market | None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a run."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def load_folder(path: Path | str, *, part: bool = False) -> Market:
    """Read and check a market folder, without any cache.

    Parameters
    ----------
    path : Path or str
    part : bool
        Whether the caller uses some of the sessions, and stops at days of the calendar that are wrong there.

    Raises
    ------
    MarketError
        If it can't be used, quoting the first errors.
    """
    checked = check_folder(path)
    raise_errors(Path(path).name, checked.findings, None if part else EVER)
    assert checked.market is not None
    return checked.market


def check_folder(path: Path | str) -> Checked:
    """Read a market folder and collect everything that is wrong with it.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    Checked

    Raises
    ------
    MarketError
        If there is no such folder.
    """
    folder = Path(path)
    require_folder(folder)
    reading = Reading(folder)
    market = reading.market()
    order = {"error": 0, "quarantined": 1, "suspicion": 2, "note": 3}
    findings = tuple(sorted(reading.findings, key=lambda finding: order[finding.severity]))
    return Checked(folder, findings, market)


def require_folder(folder: Path) -> None:
    """Refuse what is no folder.

    Raises
    ------
    MarketError
    """
    try:
        if folder.is_dir():
            list(folder.iterdir())
            return
        found = "is a file" if folder.exists() else "does not exist"
    except OSError as problem:
        found = f"can't be read: {(problem.strerror or str(problem)).lower()}"
    raise MarketError(
        f"market folder {str(folder)!r} {found}; a market is 'sample' or a folder with prices.parquet, "
        "prices.csv or prices/"
    )


def input_files(folder: Path) -> tuple[Path, ...]:
    """The files of a market folder that its market is made of, sorted."""
    files = [path for name in ("prices", *TABLES) for path in table_files(folder, name)]
    return tuple(sorted([*files, *(path for path in [folder / "source.json"] if path.is_file())]))


def _price_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in ENDINGS)


def unused_files(folder: Path) -> list[Finding]:
    """Files that look like a table of the folder and are none that is read: compressed, or in capitals."""
    read = set(input_files(folder))
    named = {"prices", *TABLES, "source"}
    there = [path for path in folder.iterdir() if path.name.split(".")[0].casefold() in named]
    if (folder / "prices").is_dir():
        there += (folder / "prices").iterdir()
    return [
        Finding(
            "suspicion",
            "file not used",
            f"{path.relative_to(folder)}: its name does not end in .csv or .parquet, in small letters, so it "
            "is not read; rename or unpack it",
        )
        for path in sorted(there)
        if path.is_file() and path not in read and not path.name.startswith(".")
    ]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of prices, whatever the files they came from."""

    code: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    values: dict[str, Array]
    symbols: list[str]


REUSED_SESSIONS, REUSED_RATIO = 40, 2.0
"""Sessions without a bar, and ratio of the closes around them, that make two companies of one symbol."""


@dataclass(frozen=True)
class _Second:
    """Another company under a symbol that one before it has left.

    Attributes
    ----------
    old, new : str
        The symbol, and what the second company is called.
    first : datetime64[D]
        Its first day.
    finding : Finding
    """

    old: str
    new: str
    first: np.datetime64
    finding: Finding

    def renamed(self, name: str, table: pd.DataFrame | None) -> pd.DataFrame | None:
        """A table of the folder in which the rows from the first day on are the second company's.

        Its splits are the first company's as well: whoever adjusted the prices under the symbol divided all.
        """
        column = {"facts": "filed", "splits": "date", "estimates": "made", "borrow": "date"}.get(name)
        if table is None or column is None:
            return table
        its = (table["symbol"] == self.old) & (table[column] >= pd.Timestamp(self.first))
        if name == "splits":
            return pd.concat([table, table[its].assign(symbol=self.new)], ignore_index=True)
        return table.assign(symbol=table["symbol"].mask(its, self.new))


def parted(rows: _Rows) -> tuple[_Rows, list[_Second]]:
    """Rows in which each company has its own symbol: one that trades again after long, elsewhere, is new."""
    close = rows.values["close"]
    order = np.lexsort((rows.day, rows.code))
    order = order[np.isfinite(close[order]) & (close[order] > 0)]
    code, day = rows.code[order], rows.day[order]
    session = np.searchsorted(np.unique(rows.day), day)
    away = (np.diff(session) - 1 >= REUSED_SESSIONS) & (np.diff(code) == 0)
    moved = np.abs(np.diff(np.log(close[order]))) > np.log(REUSED_RATIO)
    names = np.array(rows.symbols, dtype=object)[rows.code]
    found, taken = [], set(rows.symbols)
    for last in np.flatnonzero(away & moved).tolist():
        old = rows.symbols[code[last]]
        new = next(name for count in range(2, len(day) + 2) if (name := f"{old}.{count}") not in taken)
        taken.add(new)
        names[(rows.code == code[last]) & (rows.day >= day[last + 1])] = new
        before, after = (str(np.datetime64(int(each), "D")) for each in day[last : last + 2])
        found.append(
            _Second(
                names[order[last]],
                new,
                np.datetime64(after, "D"),
                Finding(
                    "suspicion",
                    "symbol used again",
                    f"no bar for {session[last + 1] - session[last] - 1} sessions from {before}, at "
                    f"{close[order[last]]:g}, to {after}, at {close[order[last + 1]]:g}: taken as another "
                    f"company, {new} here; the first ends on {before}",
                    symbol=old,
                    date=after,
                ),
            )
        )
    if not found:
        return rows, []
    symbols, codes = np.unique(names.astype(str), return_inverse=True)
    return replace(rows, code=codes.astype(np.int64), symbols=symbols.tolist()), found


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Arrays one after the other; the only one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Reading:
    """One pass over a market folder.

    Parameters
    ----------
    folder : Path
    kept : bool
        Whether `bars`, `filed` and `trading` are kept, for whoever repairs the folder: gigabytes.

    Attributes
    ----------
    findings : list of Finding
        What has been seen so far.
    bars : Bars or None
        The bars of the market, once they are known.
    filed : DataFrame or None
        Filed figures as the checks got them; column `ROW` says where each stands in its file.
    trading : Trading or None
        What their share counts were judged by.
    """

    def __init__(self, folder: Path, kept: bool = False) -> None:
        self.folder = folder
        self._kept = kept
        self.name = folder.resolve().name or "market"
        self.findings: list[Finding] = []
        self.bars: Bars | None = None
        self.filed: pd.DataFrame | None = None
        self.trading: Trading | None = None

    def report(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        self.findings.extend(findings)

    def error(self, check: str, message: str, **where: str) -> None:
        """Add an error."""
        self.findings.append(Finding("error", check, message, **where))

    def stopped(self) -> bool:
        """Whether there are errors beyond days of the calendar."""
        return any(finding.severity == "error" and not of_calendar(finding) for finding in self.findings)

    def market(self) -> Market | None:
        """The market, or None where errors stand in the way."""
        source, found = read_source(self.folder)
        self.report(found)
        self.report(unused_files(self.folder))
        rows = self._prices()
        tables = {name: self._table(name, columns) for name, columns in TABLES.items()}
        if rows is None:
            return None
        rows, second = parted(rows)
        for company in second:
            self.report([company.finding])
            tables = {name: company.renamed(name, table) for name, table in tables.items()}
        self._splits_in_prices(rows)
        symbols = tuple(rows.symbols)
        sessions, wide = self._wide(rows)
        del rows  # a gigabyte where the market is large
        if wide is None:
            return None
        closes_only = "open" not in wide
        bars = _bars(sessions, symbols, wide, tables["splits"])
        self.report(check_symbols(symbols))
        if not any(finding.check == "price cell" for finding in self.findings):
            self.report(check_prices(sessions, symbols, bars.close, source.calendar))
        if self.stopped():
            # What follows would drown the cause in its consequences.
            self._tables(tables, symbols)
            return None
        sessions, wide = self._of_exchange(sessions, wide)
        by_hand: tuple[str, ...] = ()
        if tables["corrections"] is not None:
            told = corrected(_or_empty(tables["facts"], FACT_TABLE), tables["corrections"], symbols)
            tables["facts"], by_hand = told.facts, told.limits
            self.report(told.findings)
        splits, instruments, facts, series = self._tables(tables, symbols)
        if not self._kept:
            # In the order in which they are judged, and held once: ten million take a gigabyte.
            tables["facts"], facts = None, in_order(facts)
        borrow, found = check_borrow(_or_empty(tables["borrow"], BORROW_TABLE), symbols)
        self.report(found)
        bars = _bars(sessions, symbols, wide, splits)
        del wide
        if source.dividends == "as_paid":
            bars = replace(bars, dividend=bars.dividend / listed_factor(sessions, symbols, splits))
        dividend, found = shown_dividends(bars)
        self.report(found)
        bars = replace(bars, dividend=dividend)
        suspected: tuple[Finding, ...] = ()
        if source.adjustment == "split":
            basis, suspected = check_split_basis(sessions, symbols, bars.close, splits)
            bars = replace(bars, basis=basis)
        self.report((*check_bars(bars), *suspected))
        bars = replace(bars)  # what the checks worked out of them is let go
        if source.adjustment == "total_return" and bars.dividend.any():
            self.error(
                "dividends counted twice",
                "source.json says adjustment = total_return, and there are dividends; remove one of them",
            )
        trading = Trading(sessions, symbols, np.isfinite(bars.close), bars.volume, splits, bars.basis)
        if self._kept:
            self.bars, self.filed, self.trading = bars, facts, trading
        judged = verdicts_on(facts, trading)
        del trading  # which worked out arrays as large as the prices
        kept = self._facts(facts, judged)
        del judged
        estimates = tables["estimates"]
        strange = set() if estimates is None else set(estimates["symbol"]) - set(symbols)
        if strange:
            text = f"estimates of {', '.join(sorted(strange)[:5])}, which have no prices, are left out"
            self.report([Finding("note", "unknown symbol", text)])
        used = len(kept)
        kept = with_estimates(kept, estimates, symbols)
        if self.stopped():
            return None
        self.report((*timing_too_good(facts, series), *unknown_concepts(facts, known_concepts())))
        count = len(facts)
        del facts
        traded = np.isfinite(bars.close)
        last = sessions[len(sessions) - 1 - np.argmax(traded[::-1], axis=0)]
        gaps = reporting_gaps(kept, dict(zip(symbols, last, strict=True)), source.stale_after)
        self.report(gaps)
        try:
            next_session = next_exchange_session(sessions[-1], source.calendar)
        except CalendarError as problem:
            self.error("calendar", str(problem))
            return None
        began = dict(zip(symbols, sessions[np.argmax(traded, axis=0)], strict=True))
        classes, found = share_classes(instruments, began)
        self.report(found)
        self.report(coverage(sessions, symbols, bars.close, instruments, kept))
        indices = indices_held(sessions, symbols, traded)
        self.report(Finding("note", "index members", held.by_year()) for held in indices)
        limits = (
            *by_hand,
            *source.limits,
            *_limits(bars, kept, instruments, source, closes_only),
            *(
                ()
                if source.currency or source.calendar == NEW_YORK
                else ("The folder does not say which currency its prices are in.",)
            ),
            *(() if source.source else ("The folder does not say where its numbers come from.",)),
            *map(str, indices),
            *self._days(),
            *self._gaps(count - used, count),
        )
        standard = standard_tables(symbols, classes, kept, splits, series, bars.basis)
        del kept
        return Market(
            name=self.name,
            source=source.source or f"market folder {self.name}; its source is not stated",
            sessions=sessions,
            next_session=next_session,
            symbols=symbols,
            calendar=source.calendar,
            currency=source.currency or ("USD" if source.calendar == NEW_YORK else ""),
            open=bars.open,
            high=bars.high,
            low=bars.low,
            close=bars.close,
            volume=bars.volume,
            dividend=bars.dividend,
            **standard,
            borrow=borrow_table(borrow),
            adjustment=source.adjustment,
            closes_only=closes_only,
            stale_after=source.stale_after,
            limits=limits,
            findings=tuple(self.findings),
        )

    def _facts(
        self, facts: pd.DataFrame, judged: tuple[pd.DataFrame, Verdicts, list[Finding]]
    ) -> pd.DataFrame:
        """Filed figures that can be used, each with the days from and to which it counts."""
        kept, found = chosen(*judged)
        self.report(found)
        self.report(without_shares(facts, kept))
        return kept

    def _days(self) -> tuple[str, ...]:
        """On which days prices and the calendar of the exchange differ, as a limit."""
        days = sorted(finding.date for finding in self.findings if of_calendar(finding))
        if not days:
            return ()
        many = f" and {len(days) - 1:,} more days" if len(days) > 1 else ""
        return (
            f"Prices and the calendar of the exchange differ on {days[0]}{many} outside of what was run.",
        )

    def _gaps(self, left_out: int, filed: int) -> tuple[str, ...]:
        """What the checks of filed figures left unknown, as a limit."""
        if not left_out:
            return ()
        lost = "".join(
            f" {finding.message[0].upper()}{finding.message[1:]}."
            for finding in self.findings
            if finding.check == "no share count"
        )
        return (f"{left_out:,} of {filed:,} filed figures can't be right and are left out.{lost}",)

    def _prices(self) -> _Rows | None:
        """Rows of all price files."""
        single = [path for path in (self.folder / f"prices{ending}" for ending in ENDINGS) if path.exists()]
        many = self.folder / "prices"
        if len(single) + many.is_dir() > 1:
            names = [path.name for path in single] + ["prices/"] * many.is_dir()
            self.error("prices", f"both {' and '.join(names)} are there; keep one of them")
            return None
        if single:
            table, found = read_table(single[0], single[0].name, PRICE_COLUMNS)
            self.report(found)
            if table is None:
                return None
            self.report(findings_of(table, "error", "price cell"))
            return self._rows_of([(table, None)])
        if not many.is_dir():
            self.error("prices", f"{self.folder.name} has neither prices.parquet nor prices.csv nor prices/")
            return None
        return self._many(many)

    def _many(self, many: Path) -> _Rows | None:
        """Rows of ``prices/SYMBOL.csv``; a `symbol` column is not needed there."""
        columns = (Column("symbol", needed=False), *PRICE_COLUMNS[1:])
        files = _price_files(many)
        if not files:
            self.error("prices", "prices/ holds no .csv or .parquet file")
            return None
        tables: list[tuple[RawTable, str | None]] = []
        stems: dict[str, str] = {}
        for path in files:
            file = f"prices/{path.name}"
            if path.stem in stems:
                self.error("prices", f"both {stems[path.stem]} and {file} are there; keep one of them")
                continue
            stems[path.stem] = file
            problem = symbol_problem(path.stem)
            if problem:
                self.error("symbol", f"{file}: the file is named after its symbol, which {problem}")
                continue
            table, found = read_table(path, file, columns)
            self.report(found)
            if table is None:
                continue
            self.report(findings_of(table, "error", "price cell"))
            strangers = (
                [word for word in table.words["symbol"].known if word and word != path.stem]
                if "symbol" in table.words
                else []
            )
            if strangers:
                self.error("symbol", f"{file}: also has rows of {strangers[0]!r}; one symbol a file")
            tables.append((table, path.stem))
        return self._rows_of(tables) if tables else None

    def _rows_of(self, tables: list[tuple[RawTable, str | None]]) -> _Rows | None:
        position: dict[str, int] = {}
        codes, days = [], []
        values: dict[str, list[Array]] = {column.name: [] for column in PRICE_COLUMNS[2:]}
        known = {name for table, _ in tables for name in table.numbers}
        for table, symbol in tables:
            if symbol is None:
                words = table.words["symbol"]
                places = np.array([position.setdefault(word, len(position)) for word in words.known])
                codes.append(places[words.codes] if len(places) else words.codes)
            else:
                place = position.setdefault(symbol, len(position))
                codes.append(np.full(table.size, place, dtype=np.int64))
            days.append(table.days["date"])
            for name in values:
                if name in known:
                    values[name].append(table.numbers.get(name, np.full(table.size, np.nan)))
        if self.stopped() and not sum(map(len, days)):
            return None
        # Blank symbols and dates are errors already; without them the rest can still be judged.
        code, day = _joined(codes), _joined(days)
        symbols = sorted(symbol for symbol in position if symbol)
        column = np.full(len(position), -1)
        for place, symbol in enumerate(symbols):
            column[position[symbol]] = place
        code = column[code] if len(code) else code
        usable = (code >= 0) & (day != NO_DATE)
        joined = {name: _joined(parts) for name, parts in values.items() if name in known}
        if not usable.all():
            code, day = code[usable], day[usable]
            joined = {name: numbers[usable] for name, numbers in joined.items()}
        used = np.bincount(code, minlength=len(symbols)) > 0
        if not used.all():
            code = (np.cumsum(used) - 1)[code]
            symbols = [symbol for symbol, has in zip(symbols, used, strict=True) if has]
        if not len(code):
            self.error("prices", "there are no rows of prices")
            return None
        return _Rows(code, day, joined, symbols)

    def _wide(self, rows: _Rows) -> tuple[Dates, dict[str, Array] | None]:
        """Sessions, and each column of the prices as an array of shape (sessions, symbols)."""
        first = int(rows.day.min())
        there = np.zeros(int(rows.day.max()) - first + 1, dtype=bool)
        there[rows.day - first] = True
        sessions = (np.flatnonzero(there) + first).astype("datetime64[D]")
        row = (np.cumsum(there) - 1)[rows.day - first]
        shape = (len(sessions), len(rows.symbols))
        backwards = (np.diff(rows.day) < 0) & (np.diff(rows.code) == 0)
        if backwards.any():
            concerned = np.unique(rows.code[1:][backwards])
            self.report(
                [
                    Finding(
                        "note",
                        "rows not in date order",
                        f"rows of {len(concerned)} symbols, {rows.symbols[concerned[0]]} among them, are not "
                        "in order of date; they were sorted",
                    )
                ]
            )
        if shape[0] * shape[1] > MOST_CELLS:
            gigabytes = shape[0] * shape[1] * 8 / 1e9
            self.error(
                "prices",
                f"{shape[1]:,} symbols over {shape[0]:,} sessions would take {gigabytes:,.0f} GB for each "
                "column; keep the symbols that are traded",
            )
            return sessions, None
        cell = row * shape[1] + rows.code
        owner = np.full(shape[0] * shape[1], -1)
        owner[cell] = np.arange(len(cell))
        self._repeated(rows, np.flatnonzero(owner[cell] != np.arange(len(cell))), owner[cell])
        wide = {}
        for name, numbers in rows.values.items():
            array = np.full(shape, np.nan)
            array.ravel()[cell] = numbers
            if np.isinf(numbers).any():
                at = int(np.flatnonzero(np.isinf(numbers))[0])
                self.error(
                    "price cell",
                    f"the {name} is infinite; leave the cell blank where it is not known",
                    symbol=rows.symbols[rows.code[at]],
                    date=str(sessions[row[at]]),
                )
            wide[name] = array
        return sessions, wide

    def _of_exchange(self, sessions: Dates, wide: dict[str, Array]) -> tuple[Dates, dict[str, Array]]:
        """Sessions that the exchange had and that have a price, and the prices of those."""
        wrong = [finding.date for finding in self.findings if of_calendar(finding)]
        keep = ~np.isin(sessions, np.array(wrong, dtype="datetime64[D]"))
        if keep.all():
            return sessions, wide
        return sessions[keep], {name: array[keep] for name, array in wide.items()}

    def _splits_in_prices(self, rows: _Rows) -> None:
        """Refuse a column of split factors that says the prices are not adjusted."""
        for name in SPLIT_COLUMNS:
            factor = np.nan_to_num(rows.values.pop(name, np.zeros(0)), nan=1.0)
            split = np.flatnonzero((factor != 0) & (factor != 1))
            if len(split):
                self.error(
                    "split not adjusted",
                    f"column {name} holds {factor[split[0]]:g}, so prices are as they were paid: divide "
                    "those before by it, multiply volumes, drop the column and list the split in splits.csv",
                    symbol=rows.symbols[rows.code[split[0]]],
                    date=str(rows.day[split[0]].astype("datetime64[D]")),
                )

    def _repeated(self, rows: _Rows, early: npt.NDArray[np.intp], owner: npt.NDArray[np.int64]) -> None:
        """Rows for a symbol and date that come again later."""
        if not len(early):
            return
        same = np.ones(len(early), dtype=bool)
        for numbers in rows.values.values():
            one, other = numbers[early], numbers[owner[early]]
            same &= (one == other) | (np.isnan(one) & np.isnan(other))
        for severity, which, what in (
            ("error", early[~same], "different rows for one date; keep the right one"),
            ("quarantined", early[same], "the same row again; one is kept"),
        ):
            for code in np.unique(rows.code[which]):
                mine = which[rows.code[which] == code]
                times = f"{len(mine)} dates, this the first: " if len(mine) > 1 else ""
                self.findings.append(
                    Finding(
                        severity,  # type: ignore[arg-type]
                        "duplicate date",
                        times + what,
                        symbol=rows.symbols[code],
                        date=str(rows.day[mine].min().astype("datetime64[D]")),
                    )
                )

    def _table(self, name: str, columns: tuple[Column, ...]) -> pd.DataFrame | None:
        """One of the optional tables, its unusable rows left out and reported; None if there is none."""
        there = [path for path in (self.folder / f"{name}{end}" for end in ENDINGS) if path.exists()]
        if len(there) > 1:
            self.error(name, f"both {there[0].name} and {there[1].name} are there; keep one of them")
            return None
        if not there and name not in WITHOUT:
            return None
        if not there:
            self.report([Finding("note", f"no {name}", f"{self.folder.name} has no {name}: {WITHOUT[name]}")])
            return None
        table, found = read_table(there[0], there[0].name, columns)
        loose = name in ("facts", "series", "estimates")
        if loose and table is not None:
            # A broken line of filed figures is left out like any other figure that can't be used.
            found = [
                Finding("quarantined", finding.check, finding.message + "; left out")
                if finding.severity == "error"
                else finding
                for finding in found
            ]
        self.report(found)
        if table is None:
            return None
        self.report(findings_of(table, "quarantined" if loose else "error", f"cell of {name}"))
        frame = table_frame(table)
        if name == "corrections":
            frame["place"] = [table.place(int(row)) for row in np.flatnonzero(~table.wrong_rows)]
        return frame

    def _tables(
        self, tables: dict[str, pd.DataFrame | None], symbols: tuple[str, ...]
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Splits, instruments, facts and series after their own checks."""
        splits, found = check_splits(_or_empty(tables["splits"], SPLIT_TABLE), symbols)
        self.report(found)
        instruments, found = check_instruments(tables["instruments"], symbols)
        self.report(found)
        facts, found = repeated_facts(_or_empty(tables.pop("facts"), FACT_TABLE), symbols)
        self.report(found)
        series, found = check_series(_or_empty(tables["series"], SERIES_TABLE))
        self.report(found)
        return splits, instruments, facts, series


def with_estimates(
    facts: pd.DataFrame, estimates: pd.DataFrame | None, symbols: tuple[str, ...]
) -> pd.DataFrame:
    """Filed facts, and estimates of a year's revenue as facts that were filed on the day they were made."""
    if estimates is None:
        return facts
    known = estimates[estimates["symbol"].isin(symbols) & (estimates["revenue"] > 0)]
    rows = pd.DataFrame(
        {
            "symbol": known["symbol"],
            "concept": ESTIMATED_REVENUE,
            "fiscal_year": known["period"].astype(np.int64),
            "fiscal_period": "FY",
            "filed": known["made"],
            "known": known["made"],
            "value": known["revenue"],
        }
    )
    return pd.concat([facts, rows], ignore_index=True)


ROW = "row"
"""Column that says where in its file a row of a table stands, from 0."""


def table_frame(table: RawTable) -> pd.DataFrame:
    """The rows of a table without wrong cells, and a column `ROW`."""
    columns: dict[str, Any] = {}
    keep = ~table.wrong_rows
    for name, words in table.words.items():
        # Taken from the different words: ten million strings of Python's would be written and read again.
        columns[name] = pd.array(list(words.known or ("",)), dtype="str").take(words.codes[keep])
    for name, days in table.days.items():
        columns[name] = days[keep].astype("datetime64[D]").astype("datetime64[s]")
    for name, numbers in table.numbers.items():
        kept = numbers[keep]
        columns[name] = kept.astype(np.int64) if name == "fiscal_year" and np.isfinite(kept).all() else kept
    return pd.DataFrame({**columns, ROW: np.flatnonzero(keep)})


def _or_empty(table: pd.DataFrame | None, columns: tuple[Column, ...]) -> pd.DataFrame:
    if table is not None:
        return table
    kinds = {"word": "str", "number": "float64", "whole": "int64", "date": "datetime64[s]"}
    return pd.DataFrame(
        {column.name: pd.Series([], dtype=kinds[column.kind]) for column in columns if column.needed}
    )


def _bars(
    sessions: Dates, symbols: tuple[str, ...], wide: dict[str, Array], splits: pd.DataFrame | None
) -> Bars:
    close = wide["close"]
    missing = np.full(close.shape, np.nan)
    opened = wide.get("open")
    return Bars(
        sessions,
        symbols,
        close if opened is None else opened,
        close if opened is None else wide.get("high", missing),
        close if opened is None else wide.get("low", missing),
        close,
        wide.get("volume", missing),
        np.nan_to_num(wide["dividend"]) if "dividend" in wide else np.zeros(close.shape),
        _or_empty(splits, SPLIT_TABLE),
        pd.DataFrame(columns=list(BASIS_COLUMNS)),
    )


@cache
def known_concepts() -> frozenset[str]:
    """Concepts that the program fetches, or derives something from."""
    fetched = Path(__file__).parents[1] / "sources" / "edgar" / "concepts.toml"
    known = frozenset(tomllib.loads(fetched.read_text(encoding="utf-8")))
    return known | FLOWS | {*SHARE_CONCEPTS, ESTIMATED_REVENUE}


USUAL_DELISTINGS = 0.04
"""Share of US listings that end in a year: CRSP counts some 7% in the 1990s and 2000s, half of them since."""

TOGETHER = 0.05
"""Share of all symbols that must end on one session for the feed to have stopped, and not the companies."""


def _survivorship(bars: Bars) -> Iterator[str]:
    """How many symbols ended, against how many would be usual; endings on one day are a feed that stopped."""
    count = len(bars.symbols)
    traded = np.isfinite(bars.close)
    last = len(bars.sessions) - 1 - np.argmax(traded[::-1], axis=0)
    ended = last[traded.any(axis=0) & (last < len(bars.sessions) - 1)]
    rows, together = np.unique(ended, return_counts=True)
    stopped = together >= max(3, TOGETHER * count)
    for row, many in zip(rows[stopped].tolist(), together[stopped].tolist(), strict=True):
        yield (
            f"{many} of {count} symbols end on {bars.sessions[row]}: the feed stopped there, they were not "
            "delisted; holdings are closed at that price all the same."
        )
    delisted = int(together[~stopped].sum())
    years = (bars.sessions[-1] - bars.sessions[0]).astype(int) / 365.25
    if delisted < 0.5 * USUAL_DELISTINGS * years * count:
        yield (
            f"{delisted or 'None'} of {count} symbols were delisted in {years:.0f} years (about "
            f"{USUAL_DELISTINGS:.0%} a year would be usual): they were chosen with hindsight, and results "
            "carry survivorship bias."
        )


def _limits(
    bars: Bars, facts: pd.DataFrame, instruments: pd.DataFrame, source: Source, closes_only: bool
) -> tuple[str, ...]:
    """What a reader must know before trusting a result on this market."""
    limits = list(_survivorship(bars))
    if instruments["group"].ne("").any() and not instruments["from"].notna().any():
        limits.append(
            "Group membership is not dated: today's members stand for the past, which is hindsight too."
        )
    if len(facts):
        limits.append(
            f"Filed figures begin on {facts['filed'].min():%Y-%m-%d}: nothing is known of valuations before."
        )
    if source.adjustment == "total_return":
        limits.append(f"{TOTAL_RETURN_LIMIT}.")
    elif steps := split_steps(bars):
        told = [
            f"{bars.symbols[column]} before {bars.sessions[row]} ({split.ratio:g} times)"
            for row, column, split in sorted(steps)
        ]
        more = f" and {len(told) - 5} more" if len(told) > 5 else ""
        limits.insert(
            0,
            f"Dividends seem not to be adjusted for splits and count too much: {', '.join(told[:5])}{more}; "
            "`backtest data check --repair` puts them right in a copy.",
        )
    elif source.dividends == "as_paid" and bars.dividend.any():
        limits.append("Dividends are given as paid; they were divided by the ratios of the splits since.")
    elif not bars.dividend.any():
        limits.append("There are no dividends: returns are price returns.")
    if closes_only:
        limits.append("There are closes only: orders fill at the next session's close.")
    if not np.isfinite(bars.volume).any():
        limits.append("There is no volume, so neither market impact nor a cap on participation is applied.")
    return tuple(limits)
