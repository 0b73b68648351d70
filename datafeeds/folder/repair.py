"""A repaired copy of a market folder: what can be put right without a person's word, each with its line.

What the loader leaves out or mends whenever it reads the folder is left out or mended for good, so that the
copy leads to the same decisions. What stops the loader and can't be right whatever comes (a price on a
holiday, a date after today, a negative volume) is dropped. Dividends that are not adjusted for a split are
divided by its ratio. Where two values compete, or where a person has to look (different rows for one date,
prices that are not adjusted for a split), the copy stays as it was.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from shutil import rmtree

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.calendars import exchange_name, exchange_sessions
from datafeeds.checks import Trading, judged_facts, verdicts_on
from datafeeds.checks.bars import POSSIBLE, split_steps
from datafeeds.checks.facts import BY_HAND, own_faults
from datafeeds.checks.tables import check_borrow, check_series, check_splits, repeated_facts
from datafeeds.folder.cells import read_cells, table_files, write_cells
from datafeeds.folder.layout import (
    PRICE_COLUMNS,
    ROW,
    TABLES,
    Checked,
    Reading,
    check_folder,
    input_files,
    require_folder,
    table_frame,
)
from datafeeds.folder.source import FILE, read_source
from datafeeds.folder.tables import NO_DATE, Column, RawTable, read_table
from datafeeds.market import Finding, MarketError

LIST = "repairs.csv"
"""File of the copy that lists what was done."""

ROUNDS = 3
"""How often the copy is read again: one figure put right may show another wrong."""

DROPPED = "row dropped"

BAR_COLUMNS = (Column("symbol", needed=False), *PRICE_COLUMNS[1:])


@dataclass(frozen=True)
class Repair:
    """One thing that was changed.

    Attributes
    ----------
    file : str
    row : int
        Row of the table in the folder's file, from 1, the header not counted.
    symbol, date : str
        Symbol (or series) and date (of the filing, for facts) of the row.
    column : str
        Empty where the whole row is concerned.
    was, now : str
        The cell before and after.
    why : str
    """

    file: str
    row: int
    symbol: str
    date: str
    column: str
    was: str
    now: str
    why: str

    def __str__(self) -> str:
        what = f"{self.column} {self.was or 'blank'}" if self.column else ""
        where = (self.file, f"row {self.row}", self.symbol, self.date, what)
        return f"{' '.join(part for part in where if part)}: {self.now or 'blank'} ({self.why})"


@dataclass(frozen=True)
class Repaired:
    """A repaired copy.

    Attributes
    ----------
    folder : Path
    repairs : tuple of Repair
        None if nothing could be repaired; there is no copy then.
    checked : Checked
        The copy as checked, or the folder itself.
    """

    folder: Path
    repairs: tuple[Repair, ...]
    checked: Checked


def repair_folder(folder: Path, target: Path) -> Repaired:
    """Write a repaired copy of a market folder; the folder itself is not touched.

    Parameters
    ----------
    folder : Path
    target : Path
        Must not be there yet.

    Raises
    ------
    MarketError
        If `target` is there, lies in `folder` or can't be written.
    """
    require_folder(folder)
    if target.exists() or target.is_symlink():
        raise MarketError(f"{target} is there already; name a folder that is not")
    if folder.resolve() in target.resolve().parents:
        raise MarketError(f"{target} lies in {folder}; name a folder outside of it")
    draft = Path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.draft-", dir=target.parent))
        draft.chmod(0o755)
        for path in input_files(folder):
            copy = draft / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
        done = list(_repaired(draft))
        if not done:
            return Repaired(folder, (), check_folder(folder))
        _say(draft, folder, done)
        draft.rename(target)
    except OSError as problem:
        raise MarketError(f"{target}: can't be written: {problem.strerror or problem}") from None
    finally:
        if draft.name and draft.is_dir():
            rmtree(draft)
    return Repaired(target, tuple(done), check_folder(target))


def _say(copy: Path, folder: Path, done: list[Repair]) -> None:
    """List the repairs, and count them on page one."""
    with (copy / LIST).open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(field.name for field in fields(Repair))
        rows.writerows(map(astuple, done))
    path = copy / FILE
    if read_source(copy)[1]:
        return
    said = json.loads(path.read_text(encoding="utf-8-sig")) if path.exists() else {}
    limit = f"This is a repaired copy of {folder.resolve().name}: {len(done):,} repairs, listed in {LIST}."
    said["limits"] = [*said.get("limits", []), limit]
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _repaired(folder: Path) -> Iterator[Repair]:
    """Repair a folder in place."""
    rows: Rows = {}
    calendar = read_source(folder)[0].calendar
    for path in table_files(folder, "prices"):
        yield from _changed(folder, path, rows, BAR_COLUMNS, partial(_bar_repairs, calendar))
    symbols = _symbols(folder)
    by_hand = _by_hand(folder)
    for name, columns in TABLES.items():
        for path in table_files(folder, name) if name != "corrections" else ():
            yield from _changed(folder, path, rows, columns, partial(_rows_left_out, name, symbols, by_hand))
    for _ in range(ROUNDS):
        reading = Reading(folder, kept=True)
        if reading.market() is None:
            return
        done = [*_figures(folder, rows, reading), *_dividends(folder, rows, reading)]
        yield from done
        if not done:
            return


Rows = dict[Path, npt.NDArray[np.intp]]
"""Of each file, where the rows that are left stood in the folder's file."""


class _Edit:
    """Changes to one file, by row of its table."""

    def __init__(self, folder: Path, path: Path, rows: Rows, table: RawTable) -> None:
        self.path, self.table = path, table
        self.file = path.relative_to(folder).as_posix()
        if path.suffix == ".csv" and table.ragged:
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(line for at, line in enumerate(lines, 1) if at not in table.ragged))
        self.cells = read_cells(path)
        self.names = {str(name).strip().casefold(): name for name in self.cells.columns}
        self.rows = rows
        self.rows.setdefault(path, np.arange(len(self.cells)))
        self.repairs: list[Repair] = []
        self.dropped: dict[int, str] = {}
        for line in sorted(table.ragged):
            why = f"line {line} has more or fewer cells than the header"
            self.repairs.append(Repair(self.file, line - 1, "", "", "", "", DROPPED, why))

    def text(self, row: int, column: str) -> str:
        """A cell as it stands; empty where there is no such column."""
        return str(self.cells[self.names[column]].iloc[row]) if column in self.names else ""

    def _repair(self, row: int, column: str, now: str, why: str) -> Repair:
        symbol = self.text(row, "symbol") or self.text(row, "series") or self.path.stem
        date = next((text for name in ("filed", "date", "made") if (text := self.text(row, name))), "")[:10]
        was = self.text(row, column) if column else ""
        first = int(self.rows[self.path][row]) + 1
        return Repair(self.file, first, symbol, date, column, was, now, why)

    def drop(self, rows: npt.NDArray[np.intp], why: str) -> None:
        """Leave rows out."""
        for row in rows.tolist():
            if row not in self.dropped:
                self.dropped[row] = why

    def put(self, row: int, column: str, value: float | None, why: str) -> None:
        """Write a number, or blank, into a cell."""
        text = "" if value is None else f"{value:.0f}" if value == np.floor(value) else repr(float(value))
        self.repairs.append(self._repair(row, column, text, why))
        name = self.names[column]
        if self.cells[name].dtype.kind in "iu":
            self.cells[name] = self.cells[name].astype(np.float64)
        written = text if self.cells[name].dtype.kind not in "f" else np.nan if value is None else value
        self.cells.loc[self.cells.index[row], name] = written

    def finish(self) -> list[Repair]:
        """Write the file, and tell what was done to it."""
        self.repairs += [self._repair(row, "", DROPPED, why) for row, why in sorted(self.dropped.items())]
        if self.repairs:
            write_cells(self.cells.drop(index=self.cells.index[list(self.dropped)]), self.path)
            self.rows[self.path] = np.delete(self.rows[self.path], list(self.dropped))
        return self.repairs


def _changed(
    folder: Path,
    path: Path,
    rows: Rows,
    columns: tuple[Column, ...],
    repair: Callable[[RawTable, _Edit], None],
) -> list[Repair]:
    """Repairs of one file; none where it can't be read as a table at all."""
    table, found = read_table(path, path.name, columns)
    if table is None or (columns is BAR_COLUMNS and any(finding.severity == "error" for finding in found)):
        return []
    edit = _Edit(folder, path, rows, table)
    if len(edit.cells) == table.size:
        repair(table, edit)
    return edit.finish()


def _bar_repairs(calendar: str, table: RawTable, edit: _Edit) -> None:
    """Bars without what no bar can be."""
    for cells in table.wrong:
        if cells.column not in ("symbol", "date", "close"):
            for row in cells.rows.tolist():
                edit.put(row, cells.column, None, cells.why)
    for name, (least, most) in POSSIBLE.items():
        values = table.numbers.get(name, np.zeros(0))
        wrong = np.flatnonzero((values <= least) | (values >= most))
        if name == "close":
            edit.drop(wrong, "no close can be that")
        else:
            for row in wrong.tolist():
                edit.put(row, name, None, f"no {name} can be that")
    day = table.days["date"]
    known = np.flatnonzero(day != NO_DATE)
    if not len(known):
        return
    dates = day[known].astype("datetime64[D]")
    today = np.datetime64("today", "D")
    edit.drop(known[dates > today], f"lies after today, {today}")
    past = dates[dates <= today]
    sessions = exchange_sessions(str(past.min()), str(past.max()), calendar) if len(past) else past
    edit.drop(known[~np.isin(dates, sessions)], f"{exchange_name(calendar)} was closed")
    rows = pd.DataFrame({**table.numbers, "date": day})
    if "symbol" in table.words:
        rows["symbol"] = table.words["symbol"].codes
    again = rows.duplicated(keep="first").to_numpy() & ~table.wrong_rows
    edit.drop(np.flatnonzero(again), "the same row again")


def _symbols(folder: Path) -> set[str]:
    """Symbols that have prices."""
    found: set[str] = set()
    for path in table_files(folder, "prices"):
        cells = read_cells(path)
        name = next((name for name in cells.columns if str(name).strip().casefold() == "symbol"), None)
        found |= {path.stem} if name is None else set(cells[name].astype(str).str.strip())
    return found


Figure = tuple[str, str, str]
"""Symbol, concept and date of filing."""


def _by_hand(folder: Path) -> set[Figure]:
    """Figures that a person decided on, which stay as they are."""
    found: set[Figure] = set()
    for path in table_files(folder, "corrections"):
        table, _ = read_table(path, path.name, TABLES["corrections"])
        if table is not None:
            found |= set(_names_of(table_frame(table)))
    return found


def _names_of(figures: pd.DataFrame) -> list[Figure]:
    """What each row of a table of figures is called by."""
    filed = figures["filed"].dt.strftime("%Y-%m-%d")
    return list(zip(figures["symbol"], figures["concept"], filed, strict=True))


def _rows_left_out(name: str, symbols: set[str], by_hand: set[Figure], table: RawTable, edit: _Edit) -> None:
    """Rows of an optional table that the loader leaves out whenever it reads them."""
    if name in ("facts", "series", "estimates"):
        for cells in table.wrong:
            edit.drop(cells.rows, f"column {cells.column}: {cells.why}")
    frame = table_frame(table)
    if "symbol" in frame:
        strange = ~frame["symbol"].isin(symbols)
        edit.drop(frame[ROW][strange].to_numpy(), "there are no prices of this symbol")
        frame = frame[~strange]
    if name == "facts" and by_hand:
        frame = frame[[figure not in by_hand for figure in _names_of(frame)]]
    checks: dict[str, Callable[[], tuple[pd.DataFrame, list[Finding]]]] = {
        "facts": lambda: repeated_facts(frame, tuple(symbols)),
        "splits": lambda: check_splits(frame, tuple(symbols)),
        "series": lambda: check_series(frame),
        "borrow": lambda: check_borrow(frame, tuple(symbols)),
    }
    if name in checks and len(frame):
        kept, found = checks[name]()
        if not any(finding.severity == "error" for finding in found):
            left_out = np.setdiff1d(frame[ROW].to_numpy(), kept[ROW].to_numpy())
            told = {finding.check for finding in found if finding.severity in ("quarantined", "note")}
            edit.drop(left_out, " or ".join(sorted(told)))


def _figures(folder: Path, places: Rows, reading: Reading) -> list[Repair]:
    """Filed figures that are wrong by themselves, and those off by a thousand or a million."""
    files = table_files(folder, "facts")
    assert reading.filed is not None
    assert reading.trading is not None
    if not files or reading.filed.empty:
        return []
    ordered, verdicts, _ = verdicts_on(reading.filed, reading.trading)
    by_hand = ordered[BY_HAND].to_numpy() if BY_HAND in ordered else np.zeros(len(ordered), dtype=bool)
    faults = {place: why for place, _, why in own_faults(ordered) if not by_hand[place]}
    values = {place: value for place, (_, value) in verdicts.mended.items()}
    changed = np.flatnonzero((verdicts.value != ordered["value"]) & np.isfinite(verdicts.value))
    values |= {place: float(verdicts.value[place]) for place in changed.tolist()}
    values = {place: value for place, value in values.items() if place not in faults and not by_hand[place]}
    mended = ordered.assign(value=ordered["value"].where(~ordered.index.isin(values), pd.Series(values)))
    before, after = (_uses(facts, reading.trading) for facts in (ordered, mended))

    def repair(table: RawTable, edit: _Edit) -> None:
        rows = ordered[ROW].to_numpy()
        for place, why in faults.items():
            edit.drop(rows[[place]], why)
        for place, value in values.items():
            history = (ordered["symbol"].iloc[place], ordered["concept"].iloc[place])
            if before.get(history) == after.get(history):
                edit.put(int(rows[place]), "value", value, verdicts.why[place])

    return _changed(folder, files[0], places, TABLES["facts"], repair)


def _uses(facts: pd.DataFrame, trading: Trading) -> dict[tuple[str, str], set[tuple[float, ...]]]:
    """By symbol and concept: row, value and days from and to which each figure counts."""
    kept, _ = judged_facts(facts, trading)
    days = [kept[name].to_numpy().astype("datetime64[D]").astype(np.int64) for name in ("known", "withdrawn")]
    found: dict[tuple[str, str], set[tuple[float, ...]]] = {}
    for symbol, concept, *use in zip(
        kept["symbol"], kept["concept"], kept[ROW], kept["value"], *days, strict=True
    ):
        found.setdefault((symbol, concept), set()).add(tuple(use))
    return found


def _dividends(folder: Path, places: Rows, reading: Reading) -> list[Repair]:
    """Dividends that are in the prices already, and those that are not adjusted for a split."""
    bars = reading.bars
    assert bars is not None
    days = bars.sessions.astype(np.int64)
    unpaid = {
        (finding.symbol, int(np.datetime64(finding.date, "D").astype(np.int64))): finding.message
        for finding in reading.findings
        if (finding.check, finding.severity) == ("dividend not in prices", "quarantined")
    }
    steps = [(bars.symbols[column], int(days[row]), split.ratio) for row, column, split in split_steps(bars)]
    if not unpaid and not steps:
        return []

    def repair(table: RawTable, edit: _Edit) -> None:
        dividend, day = table.numbers.get("dividend"), table.days["date"]
        if dividend is None:
            return
        stem = np.full(table.size, edit.path.stem, dtype=object)
        symbol = table.words["symbol"].array() if "symbol" in table.words else stem
        for row in np.flatnonzero(dividend > 0).tolist():
            if why := unpaid.get((symbol[row], int(day[row]))):
                edit.put(row, "dividend", None, why)
                continue
            after = [ratio for name, split, ratio in steps if name == symbol[row] and day[row] < split]
            if after:
                ratio = float(np.prod(after))
                why = f"not adjusted for splits of {ratio:g} for 1"
                edit.put(row, "dividend", dividend[row] / ratio, why)

    found = [_changed(folder, path, places, BAR_COLUMNS, repair) for path in table_files(folder, "prices")]
    return [each for repairs in found for each in repairs]
