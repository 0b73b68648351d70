"""One table file, CSV or Parquet, as typed columns, and everything in it that is not what it should be.

A value that can't be understood never becomes a guess: its row is named, with what stands there and what
should. Dates are ISO dates (``2024-03-28``, ``20240328``, or either with a time of midnight); a date such as
``03/04/2024`` has two readings and is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from datafeeds.market import Array, Finding
from datafeeds.names import unknown_name

Kind = Literal["word", "number", "whole", "date"]

FIRST_DAY = int(np.datetime64("1900-01-01", "D").astype(np.int64))
LAST_DAY = int(np.datetime64("2100-01-01", "D").astype(np.int64))
"""Days since 1970 between which dates are believed."""

NO_DATE = int(np.iinfo(np.int64).min)
"""A blank date, as NumPy writes NaT."""

BLANKS = frozenset({"", "na", "n/a", "nan", "nat", "none", "null", "-"})
"""What stands for a missing number or date, in any case. Never for a word: NA and NAN are symbols."""

EXAMPLES = 3
"""How many cells a finding quotes."""

LONGEST_QUOTE = 40
"""Characters of a cell that a finding quotes."""

_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Column:
    """A column that a table may have.

    Attributes
    ----------
    name : str
    kind : {"word", "number", "whole", "date"}
    needed : bool
        Whether the table is of no use without the column.
    blank : bool
        Whether a cell may be blank.
    """

    name: str
    kind: Kind = "word"
    needed: bool = True
    blank: bool = False


@dataclass(frozen=True, eq=False)
class Words:
    """A column of words, each different word once.

    Attributes
    ----------
    codes : ndarray of int64, shape (rows,)
        Position of each row's word in `known`.
    known : tuple of str
        The different words, in order of appearance; blanks are ``""``.
    """

    codes: npt.NDArray[np.int64]
    known: tuple[str, ...]

    def array(self) -> npt.NDArray[np.object_]:
        """The words row by row."""
        return np.array(self.known or ("",), dtype=object)[self.codes]


@dataclass(frozen=True, eq=False)
class Wrong:
    """Cells of one column that are not what they should be, for one reason.

    Attributes
    ----------
    column : str
    rows : ndarray of int, shape (cells,)
    why : str
        What is wrong and what to do, after "column x: ...".
    found : callable
        From a row to the cell as it stands in the file.
    """

    column: str
    rows: npt.NDArray[np.intp]
    why: str
    found: Callable[[int], str]


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as read.

    Attributes
    ----------
    file : str
        Name of the file inside its folder.
    size : int
        Number of rows.
    numbers : dict of str to ndarray, shape (rows,)
        Columns of numbers; NaN where blank or wrong.
    days : dict of str to ndarray of int64, shape (rows,)
        Columns of dates as days since 1970; `NO_DATE` where blank or wrong.
    words : dict of str to Words
    wrong : tuple of Wrong
        Cells that are not what they should be, blanks where there may be none included.
    path : Path
    """

    file: str
    size: int
    numbers: dict[str, Array]
    days: dict[str, npt.NDArray[np.int64]]
    words: dict[str, Words]
    wrong: tuple[Wrong, ...]
    path: Path
    ragged: frozenset[int] = field(default_factory=frozenset)

    @cached_property
    def wrong_rows(self) -> npt.NDArray[np.bool_]:
        """Which rows have a wrong cell, shape (rows,)."""
        marked = np.zeros(self.size, dtype=bool)
        for cells in self.wrong:
            marked[cells.rows] = True
        return marked

    @cached_property
    def _lines(self) -> npt.NDArray[np.int64]:
        """Line of the file on which each row stands (CSV)."""
        lines = []
        with self.path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            header = True
            for cells in reader:
                if not cells:
                    continue
                if not header and reader.line_num not in self.ragged:
                    lines.append(reader.line_num)
                header = False
        return np.array(lines, dtype=np.int64)

    def place(self, row: int) -> str:
        """Where a row stands, in words: ``"line 7"`` of a CSV file, ``"row 5"`` of another."""
        if self.path.suffix == ".csv":
            try:
                return f"line {self._lines[row]}"
            except (csv.Error, IndexError):
                pass
        return f"row {row + 1}"

    def sentence(self, cells: Wrong) -> str:
        """What is wrong with some cells, and the first of them."""
        first = ", ".join(
            f"{self.place(int(row))}: {quoted(cells.found(int(row)))}" for row in cells.rows[:EXAMPLES]
        )
        count = len(cells.rows)
        more = f" and {count - EXAMPLES:,} more" if count > EXAMPLES else ""
        return f"{self.file}, column {cells.column}: {cells.why} ({first}{more})"


def quoted(text: str) -> str:
    """A cell as messages show it: in quotation marks, unprintable characters escaped, not too long."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "...")


def read_table(path: Path, file: str, columns: tuple[Column, ...]) -> tuple[RawTable | None, list[Finding]]:
    """Read a table.

    Parameters
    ----------
    path : Path
        A file that ends in ``.csv`` or ``.parquet``.
    file : str
        Its name for messages.
    columns : tuple of Column
        What the table may have; further columns are named in a note and left aside.

    Returns
    -------
    table : RawTable or None
        None if the file can't be read as a table at all.
    findings : list of Finding
        Errors: a file that can't be read, is empty, is not UTF-8, has columns missing or twice, or rows
        with too many or too few cells. Notes: columns that are not used. Cells that can't be understood are
        in ``table.wrong``, for the caller to judge.
    """
    findings: list[Finding] = []

    def error(message: str) -> None:
        findings.append(Finding("error", "unreadable file", f"{file}: {message}"))

    try:
        if not path.is_file():  # a pipe or a device would never end
            error(f"is a {'folder' if path.is_dir() else 'pipe or device'}; a file of that name is expected")
            return None, findings
        body = path.read_bytes() if path.suffix == ".csv" else b""
    except OSError as problem:
        error(f"can't be read: {(problem.strerror or str(problem)).lower()}")
        return None, findings
    ragged: list[tuple[int, int, int]] = []
    if path.suffix == ".csv":
        why = _not_text(body)
        if why:
            error(why)
            return None, findings
        try:
            raw = _parsed(body, ragged)
            present = raw.column_names
        except pa.ArrowInvalid as problem:
            error(f"is not a table of comma-separated values: {problem}")
            return None, findings
    else:
        try:
            # Given as a file, lest a folder name with "=" become a column; as one of Arrow's own, since it
            # may abort or hang as the program ends where its threads have read one of Python's.
            with pa.OSFile(str(path)) as source:
                raw, present = _parquet(source, columns)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
            error(f"is not a Parquet file that can be read: {_first_line(problem)}")
            return None, findings
    for line, expected, actual in ragged[:EXAMPLES]:
        findings.append(
            Finding(
                "error",
                "row with wrong number of cells",
                f"{file} line {line}: {actual} cells where the header has {expected}; quote cells that hold "
                "commas",
            )
        )
    if len(ragged) > EXAMPLES:
        findings.append(
            Finding(
                "error",
                "row with wrong number of cells",
                f"{file}: {len(ragged) - EXAMPLES:,} more rows with another number of cells than the header",
            )
        )
    names = _header(present, file, columns, findings)
    if any(finding.severity == "error" and finding.check == "columns" for finding in findings):
        return None, findings
    reading = _Reading(file, raw.num_rows)
    for column in columns:
        if column.name in names:
            reading.take(column, raw.column(names[column.name]))
    findings.extend(reading.findings)
    if reading.findings:
        return None, findings
    table = RawTable(
        file,
        raw.num_rows,
        reading.numbers,
        reading.days,
        reading.words,
        tuple(reading.wrong),
        path,
        frozenset(line for line, _, _ in ragged),
    )
    return table, findings


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n")[0]


def _not_text(body: bytes) -> str:
    """Why `body` is no CSV text in UTF-8, or nothing."""
    if not body.strip():
        return "is empty; a header and rows are expected"
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16; save it as UTF-8"
    if b"\0" in body:
        line = body.count(b"\n", 0, body.index(b"\0")) + 1
        return f"line {line} holds a NUL byte, so it is damaged or no text; save it as UTF-8 text"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = body.count(b"\n", 0, problem.start) + 1
        return f"line {line} is not UTF-8 (byte 0x{body[problem.start]:02x}); save the file as UTF-8"
    if b'"' in body:
        # One pair of quotation marks must not swallow the rest of the file.
        marks = np.frombuffer(body, dtype=np.uint8)
        ends = np.append(np.flatnonzero(marks == ord("\n")), len(marks))
        quotes = np.searchsorted(np.flatnonzero(marks == ord('"')), ends)
        odd = np.flatnonzero(np.diff(quotes, prepend=0) % 2)
        if len(odd):
            return f"line {odd[0] + 1} has a quotation mark that is not closed on the line; close it"
    return ""


def _parsed(body: bytes, ragged: list[tuple[int, int, int]]) -> pa.Table:
    """A CSV as columns of text; rows with another number of cells than the header go to `ragged`."""

    def skip(row: Any) -> str:
        ragged.append((int(row.number or 0), int(row.expected_columns), int(row.actual_columns)))
        return "skip"

    text = body[3:] if body.startswith(b"\xef\xbb\xbf") else body
    # One block for small files: a header alone, and every row, is then parsed by one pass.
    read = pyarrow.csv.ReadOptions(
        use_threads=False, autogenerate_column_names=False, block_size=max(1 << 20, min(len(text), 1 << 24))
    )
    first = next((line for line in text[: 1 << 16].splitlines() if line.strip()), b"")
    header = next(csv.reader([first.decode("utf-8", "replace")]), [])
    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        read_options=read,
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    )


def _parquet(source: Any, columns: tuple[Column, ...]) -> tuple[pa.Table, list[str]]:
    """The columns of a Parquet file that are asked for, and the names of all."""
    schema = pyarrow.parquet.read_schema(source)
    kinds = {column.name: column.kind for column in columns}
    asked = [name for name in schema.names if name.strip().casefold() in kinds]
    # Only text can be read as a dictionary; a column of anything else is refused by its type later.
    words = [
        field.name
        for field in schema
        if kinds.get(field.name.strip().casefold()) == "word" and not pa.types.is_nested(field.type)
    ]
    source.seek(0)
    whole = pyarrow.parquet.ParquetFile(source, read_dictionary=words).read(columns=asked)
    return whole, list(schema.names)


def _header(
    present: list[str], file: str, columns: tuple[Column, ...], findings: list[Finding]
) -> dict[str, str]:
    """For each column that the table may have, its name as the file writes it."""
    names: dict[str, str] = {}
    twice: list[str] = []
    for written in present:
        name = written.strip().casefold()
        if name in names or present.count(written) > 1:
            twice.append(name)
        names.setdefault(name, written)
    known = [column.name for column in columns]
    findings.extend(
        Finding("error", "columns", f"{file}: column {name!r} comes twice; keep one")
        for name in dict.fromkeys(twice)
        if name in known
    )
    missing = [column.name for column in columns if column.needed and column.name not in names]
    if missing:
        separator = next((mark for mark in ";\t|" if len(present) == 1 and mark in present[0]), "")
        hint = f"; columns are separated by {separator!r}, write commas" if separator else ""
        listed = ", ".join(map(quoted, present[:12]))
        findings.append(
            Finding(
                "error",
                "columns",
                f"{file}: no column {', '.join(map(repr, missing))}; its columns are {listed}{hint}",
            )
        )
    elif spare := [name for name in names if name not in known and name]:
        optional = [column.name for column in columns if column.name not in names]
        hints = [unknown_name("column", name, optional) for name in spare if optional]
        guess = next((hint for hint in hints if "did you mean" in hint), "")
        findings.append(
            Finding(
                "note",
                "columns not used",
                f"{file}: {', '.join(map(quoted, spare[:12]))}" + (f"; {guess}" if guess else ""),
            )
        )
    return {name: written for name, written in names.items() if name in known}


class _Reading:
    """Turns columns of Arrow data into typed columns, and keeps what could not be understood."""

    def __init__(self, file: str, size: int) -> None:
        self.file = file
        self.size = size
        self.numbers: dict[str, Array] = {}
        self.days: dict[str, npt.NDArray[np.int64]] = {}
        self.words: dict[str, Words] = {}
        self.wrong: list[Wrong] = []
        self.findings: list[Finding] = []

    def take(self, column: Column, data: pa.ChunkedArray) -> None:
        """Read one column."""
        kind = data.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if data.null_count == len(data):
            # A column of blanks has whatever type its writer liked.
            data, kind = pa.chunked_array([pa.nulls(len(data), pa.string())]), pa.string()
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
        try:
            if column.kind == "word" and text:
                self._take_words(column, data)
            elif column.kind in ("number", "whole") and (text or _is_number(kind)):
                self._take_numbers(column, data, text)
            elif column.kind == "date" and (text or pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
                self._take_dates(column, data, text)
            else:
                expected = {"word": "text", "date": "dates"}.get(column.kind, "numbers")
                self._refuse(f"column {column.name} holds {kind}; {expected} are expected")
        except (pa.ArrowException, UnicodeDecodeError) as problem:
            self._refuse(f"column {column.name} can't be read: {_first_line(problem)}")

    def _refuse(self, message: str) -> None:
        self.findings.append(Finding("error", "columns", f"{self.file}: {message}"))

    def _take_words(self, column: Column, data: pa.ChunkedArray) -> None:
        codes, values = _encoded(data)
        known: dict[str, int] = {}
        stripped = [known.setdefault((value or "").strip(), len(known)) for value in values]
        rows = np.array([*stripped, known.setdefault("", len(known))], dtype=np.int64)[codes]
        self.words[column.name] = Words(rows, tuple(known))
        if not column.blank:
            self._blank(column, np.flatnonzero(rows == known[""]))

    def _take_numbers(self, column: Column, data: pa.ChunkedArray, text: bool) -> None:
        if text:
            values, bad, found = _numbers_of_text(data)
            self._cells(column, bad, "is not a number; write digits with a point, as in 1234.5", found)
        else:
            if pa.types.is_dictionary(data.type):
                data = data.cast(data.type.value_type)
            values = np.array(
                pc.fill_null(data.cast(pa.float64(), safe=False), np.nan).to_numpy(), dtype=np.float64
            )
        if column.kind == "whole":
            broken = np.flatnonzero(np.isfinite(values) & (values != np.floor(values)))
            original = values.copy()
            self._cells(column, broken, "is not a whole number", lambda row: f"{original[row]:g}")
            values[broken] = np.nan
        self.numbers[column.name] = values
        if not column.blank:
            known_bad = np.zeros(self.size, dtype=bool)
            for cells in self.wrong:
                if cells.column == column.name:
                    known_bad[cells.rows] = True
            self._blank(column, np.flatnonzero(np.isnan(values) & ~known_bad))

    def _take_dates(self, column: Column, data: pa.ChunkedArray, text: bool) -> None:
        if text:
            codes, values = _encoded(data)
            parsed = [_day(value) for value in values]
            days = np.array([*(NO_DATE if day is None else day for day in parsed), NO_DATE])[codes]
            bad = np.array([*(day is None for day in parsed), False])[codes]
            impossible = np.flatnonzero(bad)
            written = [*values, ""]
            self._cells(
                column,
                impossible,
                "is not a date; write year-month-day, as in 2024-03-28",
                lambda row: written[codes[row]] or "",
            )
        else:
            if pa.types.is_dictionary(data.type):
                data = data.cast(data.type.value_type)
            days, times = _days_of_times(data)
            self._cells(
                column,
                times,
                "has a time of day; daily data have dates",
                lambda row: str(data[row].as_py()),
            )
            bad = np.zeros(self.size, dtype=bool)
            bad[times] = True
            days[times] = NO_DATE
        far = np.flatnonzero((days != NO_DATE) & ((days < FIRST_DAY) | (days >= LAST_DAY)))
        shown = days.copy()
        self._cells(
            column,
            far,
            "lies before 1900 or after 2099",
            lambda row: str(np.datetime64(int(shown[row]), "D")),
        )
        days[far] = NO_DATE
        self.days[column.name] = days
        if not column.blank:
            bad[far] = True
            self._blank(column, np.flatnonzero((days == NO_DATE) & ~bad))

    def _blank(self, column: Column, rows: npt.NDArray[np.intp]) -> None:
        self._cells(column, rows, "is blank", lambda row: "")

    def _cells(
        self, column: Column, rows: npt.NDArray[np.intp], why: str, found: Callable[[int], str]
    ) -> None:
        if len(rows):
            self.wrong.append(Wrong(column.name, rows, why, found))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _encoded(data: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """Code of each row's value and the different values; a null has the code after the last."""
    encoded = data if pa.types.is_dictionary(data.type) else pc.dictionary_encode(data)
    whole = encoded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], pa.dictionary(pa.int32(), pa.string()))
    values = whole.dictionary.to_pylist()
    codes = pc.fill_null(whole.indices.cast(pa.int64()), len(values))
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64), values


def _numbers_of_text(
    data: pa.ChunkedArray,
) -> tuple[Array, npt.NDArray[np.intp], Callable[[int], str]]:
    """Numbers, the rows that are none, and what stands there."""
    try:
        # The common case: every cell is a number.
        fast = data.cast(pa.large_string() if pa.types.is_dictionary(data.type) else data.type)
        values = fast.cast(pa.float64())
        if values.null_count == 0:
            return np.array(values.to_numpy(), dtype=np.float64), np.zeros(0, dtype=np.intp), str
    except pa.ArrowInvalid:
        pass
    codes, words = _encoded(data)
    parsed = [written_number(word) for word in words]
    numbers = np.array([*(np.nan if value is None else value for value in parsed), np.nan])[codes]
    bad = np.flatnonzero(np.array([*(value is None for value in parsed), False])[codes])
    written = [*words, ""]
    return numbers, bad, lambda row: written[codes[row]] or ""


def written_number(text: str | None) -> float | None:
    """The number that `text` writes, NaN for a blank, None if it is none."""
    word = (text or "").strip()
    if word.casefold() in BLANKS:
        return float("nan")
    if word.casefold().lstrip("+-") in ("inf", "infinity"):
        return float(word)
    return float(word) if word.isascii() and _NUMBER.fullmatch(word) else None


def _day(text: str | None) -> int | None:
    """Days since 1970 of the date that `text` writes, `NO_DATE` for a blank, None if it is none."""
    word = (text or "").strip()
    if word.casefold() in BLANKS:
        return NO_DATE
    match = _DATE.fullmatch(word) if word.isascii() else None
    if match is None:
        return None
    try:
        return int(np.datetime64("-".join(match.groups()), "D").astype(np.int64))
    except ValueError:
        return None


def _days_of_times(data: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Days since 1970 of dates or of times at midnight, and the rows with another time of day."""
    kind = data.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        data = pc.local_timestamp(data)
    if pa.types.is_timestamp(kind):
        unit = data.type.unit
        ticks = pc.fill_null(data.cast(pa.int64()), NO_DATE).to_numpy()
        a_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        days = np.where(ticks == NO_DATE, NO_DATE, ticks // a_day)
        return days, np.flatnonzero((ticks != NO_DATE) & (ticks % a_day != 0))
    if pa.types.is_date64(kind):
        data = data.cast(pa.date32())
    days = pc.fill_null(data.cast(pa.int32()).cast(pa.int64()), NO_DATE).to_numpy().copy()
    return days, np.zeros(0, dtype=np.intp)


def findings_of(table: RawTable, severity: Literal["error", "quarantined"], check: str) -> Iterator[Finding]:
    """One finding for each column and reason with wrong cells."""
    end = "" if severity == "error" else "; the row is left out"
    for cells in table.wrong:
        count = len(cells.rows)
        rows = end if count == 1 else f"; {count:,} rows are left out" if end else ""
        yield Finding(severity, check, table.sentence(cells) + rows)
