"""Broken market folders: each defect gives one clear line that says where, and nothing else is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datafeeds.checks import of_calendar
from datafeeds.folder.layout import Checked, check_folder, load_folder
from datafeeds.market import MarketError
from tests.datafeeds.folders import FACTS, INSTRUMENTS, SERIES, SPLITS, price_rows, write_folder

sys.path.pop(0)

Breaking = Callable[[Path], object]


@dataclass(frozen=True)
class Broken:
    """What is done to a sound folder, and the one line that must come of it.

    `says` are parts of the message; `lines` is how many findings of that severity there are in all.
    """

    label: str
    breaking: Breaking
    severity: str
    says: tuple[str, ...]
    lines: int = 1


def write(name: str, content: str | bytes) -> Breaking:
    body = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(body)


def append(name: str, row: str) -> Breaking:
    def apply(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as text:
            text.write(row + "\n")

    return apply


def line(name: str, number: int, change: Callable[[str], str]) -> Breaking:
    """Change one line of a file, counted from 1."""

    def apply(folder: Path) -> None:
        path = folder / name
        lines = path.read_text(encoding="utf-8").split("\n")
        lines[number - 1] = change(lines[number - 1])
        path.write_text("\n".join(lines), encoding="utf-8")

    return apply


def prices(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Breaking:
    return lambda folder: change(price_rows()).to_csv(folder / "prices.csv", index=False)


def cell(column: str, row: int, value: object) -> Breaking:
    """Set one cell of the prices; row 0 is AAA on 2020-01-02, line 2 of the file."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows[column] = rows[column].astype(object)
        rows.loc[row, column] = value
        return rows

    return prices(change)


def from_row(column: str, row: int, factor: float) -> Breaking:
    """Multiply AAA's prices from one row on."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        for name in ("open", "high", "low", "close"):
            rows.loc[row : len(rows) // 3 - 1, name] *= factor
        return rows

    return prices(change)


def parquet(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Breaking:
    def apply(folder: Path) -> None:
        (folder / "prices.csv").unlink()
        change(price_rows()).to_parquet(folder / "prices.parquet")

    return apply


def parquet_bytes(body: bytes) -> Breaking:
    def apply(folder: Path) -> None:
        (folder / "prices.csv").unlink()
        (folder / "prices.parquet").write_bytes(body)

    return apply


def symbol_file(name: str, header: str = "date,close", row: str = "2020-01-02,1") -> Breaking:
    """Prices of one symbol in a file of its own."""

    def apply(folder: Path) -> None:
        (folder / "prices.csv").unlink()
        (folder / "prices").mkdir()
        (folder / "prices" / name).write_text(f"{header}\n{row}\n")

    return apply


def folder_in_place_of(name: str) -> Breaking:
    def apply(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return apply


def dated(name: str, old: str, new: str) -> Breaking:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


def facts_row(row: str) -> Breaking:
    return append("facts.csv", row)


ERRORS = [
    # Files
    Broken("no prices", lambda f: (f / "prices.csv").unlink(), "error", ("neither prices.parquet",)),
    Broken("empty file", write("prices.csv", ""), "error", ("prices.csv: is empty",)),
    Broken("only empty lines", write("prices.csv", "\n\n \n"), "error", ("prices.csv: is empty",)),
    Broken("header only", write("prices.csv", "symbol,date,close\n"), "error", ("no rows of prices",)),
    Broken(
        "UTF-16", write("prices.csv", "symbol,date".encode("utf-16")), "error", ("UTF-16", "save it as UTF-8")
    ),
    Broken(
        "Latin-1",
        write("instruments.csv", INSTRUMENTS.replace("Alpha", "Café").encode("latin-1")),
        "error",
        ("instruments.csv: line 2 is not UTF-8 (byte 0xe9)",),
    ),
    Broken(
        "NUL bytes", line("prices.csv", 5, lambda text: text + "\0"), "error", ("line 5 holds a NUL byte",)
    ),
    Broken(
        "a folder in place of a file", folder_in_place_of("prices.csv"), "error", ("prices.csv: is a folder",)
    ),
    Broken(
        "two forms of prices", lambda f: price_rows().to_parquet(f / "prices.parquet"), "error", ("keep one",)
    ),
    Broken(
        "two forms of facts",
        lambda f: pd.DataFrame({"a": [1]}).to_parquet(f / "facts.parquet"),
        "error",
        ("both facts.parquet and facts.csv",),
        1,
    ),
    Broken(
        "an empty folder of prices",
        lambda f: ((f / "prices.csv").unlink(), (f / "prices").mkdir()),
        "error",
        ("prices/ holds no .csv",),
    ),
    Broken("no Parquet", parquet_bytes(b"PAR1 it is not"), "error", ("not a Parquet file",)),
    Broken("an empty Parquet file", parquet_bytes(b""), "error", ("not a Parquet file",)),
    Broken("source.json is no JSON", write("source.json", "{"), "error", ("source.json: is not JSON",)),
    Broken("source.json is a list", write("source.json", "[]"), "error", ("holds no table",)),
    Broken(
        "unknown adjustment",
        write("source.json", '{"source":"x","adjustment":"both"}'),
        "error",
        ("'both'", "'split' or 'total_return'"),
    ),
    Broken(
        "total return with dividends",
        write("source.json", '{"source":"x","adjustment":"total_return"}'),
        "error",
        ("dividends counted twice",),
    ),
    Broken(
        "facts in UTF-16",
        write("facts.csv", FACTS.encode("utf-16")),
        "error",
        ("facts.csv: is UTF-16",),
    ),
    # Shape
    Broken(
        "a column missing",
        prices(lambda rows: rows.drop(columns="close")),
        "error",
        ("prices.csv: no column 'close'",),
    ),
    Broken(
        "a misnamed column",
        prices(lambda rows: rows.rename(columns={"date": "day"})),
        "error",
        ("no column 'date'", "'day'"),
    ),
    Broken(
        "a column twice",
        line("prices.csv", 1, lambda text: text.replace("open", "close")),
        "error",
        ("column 'close' comes twice",),
    ),
    Broken(
        "semicolons",
        write("prices.csv", "symbol;date;close\nAAA;2020-01-02;1\n"),
        "error",
        ("separated by ';', write commas",),
    ),
    Broken(
        "a cell too many",
        append("prices.csv", "AAA,2020-01-02,1,1,1,1,1,0,9"),
        "error",
        ("prices.csv line 188: 9 cells where the header has 8",),
    ),
    Broken(
        "a row cut short", append("prices.csv", "AAA,2020-01"), "error", ("2 cells where the header has 8",)
    ),
    Broken(
        "a quotation mark that is open",
        line("instruments.csv", 3, lambda text: text.replace('c."', "c.")),
        "error",
        ("instruments.csv: line 3 has a quotation mark that is not closed",),
    ),
    Broken(
        "series without availability",
        write("series.csv", "series,date,value\nvix,2020-01-02,12\n"),
        "error",
        ("series.csv: no column 'available'",),
    ),
    # Cells of prices
    Broken(
        "a word for a number",
        cell("close", 3, "n.a.!"),
        "error",
        ("column close: is not a number", "line 5: 'n.a.!'"),
    ),
    Broken("thousands separated", cell("volume", 3, "1,234"), "error", ("column volume", "'1,234'")),
    Broken("a comma for a point", cell("close", 3, "50,25"), "error", ("column close", "'50,25'")),
    Broken(
        "a day before the month", cell("date", 0, "02/01/2020"), "error", ("is not a date", "'02/01/2020'")
    ),
    Broken("a month in words", cell("date", 0, "2 Jan 2020"), "error", ("year-month-day", "'2 Jan 2020'")),
    Broken(
        "a day that does not exist", cell("date", 0, "2020-02-30"), "error", ("is not a date", "'2020-02-30'")
    ),
    Broken("a time of day", cell("date", 0, "2020-01-02 16:00:00"), "error", ("is not a date", "16:00")),
    Broken("seconds since 1970", cell("date", 0, "1577923200"), "error", ("is not a date", "'1577923200'")),
    Broken("a date far away", cell("date", 0, "9999-12-31"), "error", ("before 1900 or after 2099",)),
    Broken("a blank date", cell("date", 0, ""), "error", ("column date: is blank (line 2: '')",)),
    Broken("a blank symbol", cell("symbol", 0, ""), "error", ("column symbol: is blank (line 2: '')",)),
    Broken("an infinite price", cell("close", 0, "inf"), "error", ("the close is infinite",)),
    Broken("a huge price", cell("close", 0, 1e300), "error", ("close not possible", "1e+300")),
    Broken("a price of zero", cell("close", 0, 0.0), "error", ("price not positive", "AAA 2020-01-02")),
    Broken("a negative price", cell("low", 0, -4.0), "error", ("low negative", "-4")),
    Broken("a negative volume", cell("volume", 0, -4), "error", ("volume negative",)),
    Broken("a huge volume", cell("volume", 0, 1e20), "error", ("volume not possible",)),
    Broken("a negative dividend", cell("dividend", 5, -0.1), "error", ("dividend negative",)),
    # Sessions
    Broken(
        "a Saturday",
        append("prices.csv", "AAA,2020-03-28,50,50,50,50,1,0"),
        "error",
        ("not a session", "Saturday", "2020-03-28"),
    ),
    Broken(
        "a session missing",
        prices(lambda rows: rows[rows["date"] != "2020-02-04"]),
        "error",
        ("missing session", "2020-02-04"),
    ),
    Broken(
        "a session without a close",
        prices(lambda rows: rows.assign(close=rows["close"].where(rows["date"] != "2020-02-04"))),
        "error",
        ("session without price", "2020-02-04"),
    ),
    Broken(
        "two rows for one date",
        append("prices.csv", "AAA,2020-01-02,51,51,51,51,1,0"),
        "error",
        ("duplicate date", "AAA 2020-01-02", "different rows"),
    ),
    # Symbols
    Broken(
        "a path for a symbol",
        prices(lambda rows: rows.replace({"symbol": {"AAA": "../x"}})),
        "error",
        ("symbol: '../x' may hold letters",),
    ),
    Broken(
        "a device for a symbol",
        prices(lambda rows: rows.replace({"symbol": {"AAA": "CON"}})),
        "error",
        ("'CON' Windows keeps for a device",),
    ),
    Broken(
        "a very long symbol",
        prices(lambda rows: rows.replace({"symbol": {"AAA": "A" * 99}})),
        "error",
        ("24 at most",),
    ),
    Broken(
        "symbols that differ in case",
        prices(lambda rows: rows.replace({"symbol": {"AAA": "bbb"}})),
        "error",
        ("differ in case only",),
    ),
    Broken("a file named after a device", symbol_file("CON.csv"), "error", ("prices/CON.csv", "device")),
    Broken(
        "another symbol in a file",
        symbol_file("AAA.csv", "symbol,date,close", "BBB,2020-01-02,1"),
        "error",
        ("also has rows of 'BBB'",),
    ),
    Broken(
        "a file that is empty among many",
        symbol_file("AAA.csv", "", ""),
        "error",
        ("prices/AAA.csv: is empty",),
    ),
    # Parquet
    Broken(
        "Parquet: numbers for symbols",
        parquet(lambda rows: rows.assign(symbol=7)),
        "error",
        ("column symbol holds int64; text",),
    ),
    Broken(
        "Parquet: numbers for dates",
        parquet(lambda rows: rows.assign(date=20200102)),
        "error",
        ("column date holds int64; dates",),
    ),
    Broken(
        "Parquet: truth for prices",
        parquet(lambda rows: rows.assign(close=True)),
        "error",
        ("column close holds bool; numbers",),
    ),
    Broken(
        "Parquet: words for prices",
        parquet(lambda rows: rows.assign(close="dear")),
        "error",
        ("row 1: 'dear'", "183 more"),
    ),
    Broken(
        "Parquet: a time of day",
        parquet(lambda rows: rows.assign(date=pd.Timestamp("2020-01-02 16:00"))),
        "error",
        ("has a time of day",),
        2,
    ),
    Broken(
        "Parquet: no symbols",
        parquet(lambda rows: rows.drop(columns="symbol")),
        "error",
        ("prices.parquet: no column 'symbol'",),
    ),
    # Splits and instruments
    Broken(
        "a split of nothing",
        append("splits.csv", "AAA,2020-02-03,0"),
        "error",
        ("split ratio", "0 is no ratio"),
    ),
    Broken(
        "a split in words", append("splits.csv", "AAA,2020-02-03,2:1"), "error", ("column ratio", "'2:1'")
    ),
    Broken("a split with two ratios", append("splits.csv", "AAA,2019-06-03,3"), "error", ("two ratios",)),
    Broken(
        "prices not adjusted for a split",
        lambda f: (from_row("close", 22, 0.25)(f), append("splits.csv", "AAA,2020-02-04,4")(f)),
        "error",
        ("split not adjusted", "divided by 4"),
    ),
    Broken(
        "prices adjusted twice",
        lambda f: (from_row("close", 22, 4.0)(f), append("splits.csv", "AAA,2020-02-04,4")(f)),
        "error",
        ("split adjusted twice",),
    ),
    Broken(
        "an unknown kind",
        dated("instruments.csv", "AAA,stock", "AAA,stonk"),
        "error",
        ("no kind 'stonk'; did you mean 'stock'?",),
    ),
    Broken(
        "two kinds", append("instruments.csv", "AAA,etf,,,,other,,"), "error", ("AAA: both stock and etf",)
    ),
    Broken(
        "membership that ends before it begins",
        dated("instruments.csv", "2020-02-28", "2020-01-28"),
        "error",
        ("membership", "BBB", "from 2020-02-03 to 2020-01-28"),
    ),
    Broken(
        "a membership in words",
        dated("instruments.csv", "2020-02-28", "today"),
        "error",
        ("column to: is not a date", "'today'"),
    ),
]

QUARANTINED = [
    Broken(
        "a figure that is no number",
        facts_row("AAA,revenue,2017,FY,2018-02-20,lots,"),
        "quarantined",
        ("facts.csv, column value", "'lots'", "the row is left out"),
    ),
    Broken(
        "a figure left blank",
        facts_row("AAA,revenue,2017,FY,2018-02-20,,"),
        "quarantined",
        ("not a finite number",),
    ),
    Broken(
        "a figure filed on no date",
        facts_row("AAA,revenue,2017,FY,soon,9e8,"),
        "quarantined",
        ("column filed", "'soon'"),
    ),
    Broken(
        "half a fiscal year",
        facts_row("AAA,revenue,2017.5,FY,2018-02-20,9e8,"),
        "quarantined",
        ("column fiscal_year: is not a whole number", "2017.5"),
    ),
    Broken(
        "a fiscal year far away",
        facts_row("AAA,revenue,20170,FY,2018-02-20,9e8,"),
        "quarantined",
        ("the fiscal year is not possible",),
    ),
    Broken(
        "a fifth quarter", facts_row("AAA,revenue,2017,Q5,2018-02-20,9e8,"), "quarantined", ("fiscal period",)
    ),
    Broken(
        "filed before its period ended",
        facts_row("AAA,revenue,2017,FY,2017-11-20,9e8,2017-12-31"),
        "quarantined",
        ("filed before the end of its period",),
    ),
    Broken(
        "an impossible figure",
        facts_row("AAA,revenue,2017,FY,2018-02-20,1e30,"),
        "quarantined",
        ("the value is not possible",),
    ),
    Broken(
        "shares in millions of millions",
        facts_row("AAA,shares_outstanding,2019,Q3,2019-11-05,41000000000000,"),
        "note",
        ("share count scale", "41,000,000,000,000", "taken as 41,000,000"),
        lines=0,
    ),
    Broken(
        "a negative share count",
        facts_row("AAA,shares_outstanding,2019,Q3,2019-11-05,-5,"),
        "quarantined",
        ("a share count is more than 0",),
    ),
    Broken(
        "negative revenue",
        facts_row("AAA,revenue,2019,Q3,2019-11-05,-5,"),
        "quarantined",
        ("negative revenue",),
    ),
    Broken(
        "facts of a company without prices",
        facts_row("AAB,revenue,2017,FY,2018-02-20,9e8,"),
        "quarantined",
        ("1 rows of 1 symbols without prices", "AAB", "did you mean 'AAA'?"),
    ),
    Broken(
        "the same figure again",
        facts_row("AAA,revenue,2019,FY,2020-02-20,1100000000,2019-12-31"),
        "quarantined",
        ("1 rows repeat another",),
    ),
    Broken("a fact cut short", facts_row("AAA,revenue"), "quarantined", ("facts.csv line 8: 2 cells",)),
    Broken(
        "a value available before its date",
        append("series.csv", "vix,2020-01-07,2020-01-06,13"),
        "quarantined",
        ("series vix: 1 values are available before the date",),
    ),
    Broken(
        "a value without availability",
        append("series.csv", "vix,2020-01-07,,13"),
        "quarantined",
        ("column available: is blank",),
    ),
    Broken(
        "a value twice",
        append("series.csv", "vix,2020-01-03,2020-01-03,14.5"),
        "quarantined",
        ("series vix: 1 values come again",),
    ),
    Broken(
        "instruments without prices",
        append("instruments.csv", "ZZZ,stock,,,,other,,"),
        "quarantined",
        ("instruments: 1 rows of 1 symbols without prices", "ZZZ"),
    ),
    Broken("a split twice", append("splits.csv", "AAA,2019-06-03,2"), "quarantined", ("listed twice",)),
    Broken(
        "the same row of prices again",
        prices(lambda rows: pd.concat([rows, rows.tail(1)])),
        "quarantined",
        ("SPY 2020-03-31: the same row again",),
    ),
    Broken(
        "a dividend that prices do not show",
        cell("dividend", 30, 10.0),
        "quarantined",
        ("dividend not in prices", "10 a share"),
    ),
]

SUSPICIONS = [
    Broken("a high that is too low", cell("high", 7, 1.0), "suspicion", ("price order", "AAA 2020-01-13")),
    Broken(
        "a price that stands still",
        prices(
            lambda rows: rows.assign(
                close=rows["close"].mask((rows.index >= 5) & (rows.index < 25), 50.0),
                high=60.0 + rows["close"],
                low=1.0,
            )
        ),
        "suspicion",
        ("stale price", "AAA"),
    ),
    Broken(
        "a jump as of a split",
        from_row("close", 22, 0.5),
        "suspicion",
        ("unexplained jump", "AAA 2020-02-04", "news"),
        0,
    ),
    Broken("a gap", prices(lambda rows: rows.drop(index=range(5, 15))), "suspicion", ("gap", "of 10 after")),
    Broken(
        "a symbol without instrument",
        dated("instruments.csv", "SPY,etf,Fund,,,cap_weighted,,\n", ""),
        "suspicion",
        ("taken as stocks of no group: SPY",),
        2,
    ),
    Broken(
        "two members at once",
        append("instruments.csv", "BBB,stock,,,,software,2020-02-10,"),
        "suspicion",
        ("of software more than once at the same time",),
    ),
    Broken(
        "two values on one day",
        facts_row("AAA,revenue,2019,FY,2020-02-20,1200000000,2019-12-31"),
        "suspicion",
        ("1 figures are filed twice on one day",),
    ),
]

NOTES = [
    Broken(
        "a column that is not used",
        prices(lambda rows: rows.rename(columns={"dividend": "dividends"})),
        "note",
        ("'dividends'", "did you mean 'dividend'?"),
        0,
    ),
    Broken("no facts", lambda f: (f / "facts.csv").unlink(), "note", ("nothing is known of valuations",), 0),
    Broken("no instruments", lambda f: (f / "instruments.csv").unlink(), "note", ("a stock of no group",), 0),
    Broken(
        "a holiday in a series",
        append("series.csv", "vix,2020-01-20,2020-01-20,"),
        "note",
        ("series vix: 1 values have no finite value",),
        0,
    ),
    Broken("rows out of order", prices(lambda rows: rows.iloc[::-1]), "note", ("rows of 3 symbols",), 0),
]

ALL = [*ERRORS, *QUARANTINED, *SUSPICIONS, *NOTES]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return check_folder(write_folder(tmp_path_factory.mktemp("sound") / "market"))


@pytest.mark.parametrize("broken", ALL, ids=[broken.label for broken in ALL])
def test_one_clear_line(broken: Broken, tmp_path: Path, sound: Checked) -> None:
    folder = write_folder(tmp_path / "market")
    broken.breaking(folder)
    checked = check_folder(folder)
    found = [finding for finding in checked.findings if finding.severity == broken.severity]
    told = [finding for finding in found if all(part in str(finding) for part in broken.says)]
    assert len(told) == 1, "\n".join(map(str, checked.findings))
    assert "\n" not in str(told[0])
    if broken.lines:
        assert len(found) == broken.lines, "\n".join(map(str, found))
    # Runs beside a day that is wrong can use the folder.
    assert (checked.market is None) == any(not of_calendar(error) for error in checked.errors)
    if broken.severity != "error":
        assert not checked.errors
        assert checked.market is not None
        assert checked.market.findings
        unlost(checked, sound, broken)
    else:
        with pytest.raises(MarketError, match="cannot be used") as refused:
            load_folder(folder)
        assert any(part in str(refused.value) for part in broken.says)


def unlost(checked: Checked, sound: Checked, broken: Broken) -> None:
    """Whatever is left out, the good rows beside it are still there."""
    assert checked.market is not None
    assert sound.market is not None
    if broken.severity == "quarantined":
        assert len(checked.market.facts) == len(sound.market.facts)
        assert len(checked.market.series) == len(sound.market.series)
        assert np.array_equal(checked.market.close, sound.market.close)


def test_there_are_many() -> None:
    assert len(ALL) >= 90
    assert len({broken.label for broken in ALL}) == len(ALL)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "market")
    line("prices.csv", 3, lambda text: text.replace("2020-01-03", "soon"))(folder)
    append("splits.csv", "AAA,2020-02-03,0")(folder)
    dated("instruments.csv", "AAA,stock", "AAA,stonk")(folder)
    facts_row("AAA,revenue,2017,Q5,2018-02-20,9e8,")(folder)
    write("source.json", "{")(folder)
    checked = check_folder(folder)
    assert len(checked.errors) == 4
    with pytest.raises(MarketError) as refused:
        load_folder(folder)
    message = str(refused.value)
    for part in ("soon", "0 is no ratio", "stonk", "source.json"):
        assert part in message


def test_a_great_many_errors_are_counted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "market")
    cell_rows = price_rows()
    cell_rows["close"] = -cell_rows["close"]
    cell_rows.to_csv(folder / "prices.csv", index=False)
    with pytest.raises(MarketError) as refused:
        load_folder(folder)
    message = str(refused.value)
    assert len(message.split("\n")) == 12
    assert "more" in message.split("\n")[-1]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_must_not_be_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "market")
    (folder / "prices.csv").chmod(0)
    (error,) = check_folder(folder).errors
    assert "prices.csv: can't be read: permission denied" in error.message


def test_untouched_tables_stay(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "market")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    check_folder(folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert before[folder / "splits.csv"].decode() == SPLITS
    assert before[folder / "series.csv"].decode() == SERIES
