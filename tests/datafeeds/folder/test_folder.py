"""A market folder is read as it stands, in every form that the format allows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datafeeds import facts as fundamentals
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.tables import Column, read_table
from datafeeds.market import MarketError
from datafeeds.series import series_names
from tests.datafeeds.folders import FACTS, INSTRUMENTS, SESSIONS, SYMBOLS, price_rows, write_folder

sys.path.pop(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


def test_a_sound_folder(folder: Path) -> None:
    checked = check_folder(folder)
    market = checked.market
    assert market is not None
    assert {finding.severity for finding in checked.findings} == {"note"}
    assert market.name == "small"
    assert market.source == "made up"
    assert market.symbols == SYMBOLS
    assert np.array_equal(market.sessions, SESSIONS)
    assert market.adjustment == "split"
    assert not market.closes_only
    rows = price_rows()
    for name in ("open", "high", "low", "close", "volume", "dividend"):
        wide = rows.pivot(index="date", columns="symbol", values=name)
        assert np.array_equal(getattr(market, name), wide.to_numpy(dtype=float)), name
    assert list(market.groups) == ["ai_hardware", "cap_weighted", "software"]
    assert list(market.kinds) == ["stock", "stock", "etf"]
    assert len(market.facts) == 6
    assert set(series_names(market)) == {"vix", "us10y"}
    assert market.hash == load_folder(folder).hash


def test_total_return_of_a_cash_dividend_and_market_value(folder: Path) -> None:
    market = load_folder(folder)
    day = market.index_of("2020-02-14")
    assert market.dividend[day, 2] == 0.5
    assert market.dividend.sum() == 0.5
    day = market.index_of("2020-02-21")  # the session after the filing of 2020-02-20
    assert fundamentals.fact(market, "shares")[day, 0] == 41e6
    # The count filed before the split of June 2019 stands on twice as many shares.
    assert fundamentals.fact(market, "shares")[day - 2, 0] == 40e6
    assert fundamentals.fact(market, "price_to_sales")[day, 0] == pytest.approx(
        market.close[day, 0] * 41e6 / 1.1e9
    )


def test_membership_is_dated(folder: Path) -> None:
    market = load_folder(folder)
    member = market.memberships("software")[:, 1]
    inside = (market.sessions >= np.datetime64("2020-02-03")) & (
        market.sessions <= np.datetime64("2020-02-28")
    )
    assert np.array_equal(member, inside)
    for day in range(len(market.sessions)):
        assert market.membership("software", day)[1] == inside[day]


def as_parquet(folder: Path) -> None:
    table = price_rows().astype({"date": "datetime64[s]"})
    table.to_parquet(folder / "prices.parquet")
    (folder / "prices.csv").unlink()


def as_parquet_of_days(folder: Path) -> None:
    table = pa.Table.from_pandas(price_rows().assign(date=pd.to_datetime(price_rows()["date"]).dt.date))
    pa.parquet.write_table(table, folder / "prices.parquet")
    (folder / "prices.csv").unlink()


def as_parquet_in_new_york(folder: Path) -> None:
    dates = pd.to_datetime(price_rows()["date"]).dt.tz_localize("America/New_York")
    price_rows().assign(date=dates).to_parquet(folder / "prices.parquet")
    (folder / "prices.csv").unlink()


def as_parquet_of_words(folder: Path) -> None:
    price_rows().astype(str).to_parquet(folder / "prices.parquet")
    (folder / "prices.csv").unlink()


def one_a_symbol(folder: Path) -> None:
    (folder / "prices").mkdir()
    for symbol, rows in price_rows().groupby("symbol"):
        rows.drop(columns="symbol").to_csv(folder / "prices" / f"{symbol}.csv", index=False)
    (folder / "prices.csv").unlink()


def one_a_symbol_mixed(folder: Path) -> None:
    (folder / "prices").mkdir()
    for place, (symbol, rows) in enumerate(price_rows().groupby("symbol")):
        if place:
            rows.to_parquet(folder / "prices" / f"{symbol}.parquet")
        else:
            rows.to_csv(folder / "prices" / f"{symbol}.csv", index=False)
    (folder / "prices.csv").unlink()


def edit(change: Callable[[bytes], bytes], name: str = "prices.csv") -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def tables_as_parquet(folder: Path) -> None:
    for name in ("facts", "splits", "series", "instruments"):
        pd.read_csv(folder / f"{name}.csv").to_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.csv").unlink()


def backwards(folder: Path) -> None:
    price_rows().iloc[::-1].to_csv(folder / "prices.csv", index=False)


FORMS: dict[str, Callable[[Path], None]] = {
    "parquet with timestamps": as_parquet,
    "parquet with days": as_parquet_of_days,
    "parquet with zoned timestamps": as_parquet_in_new_york,
    "parquet with text only": as_parquet_of_words,
    "one file a symbol": one_a_symbol,
    "one file a symbol, both kinds": one_a_symbol_mixed,
    "byte-order mark": edit(lambda body: b"\xef\xbb\xbf" + body),
    "Windows line ends": edit(lambda body: body.replace(b"\n", b"\r\n")),
    "old Macintosh line ends": edit(lambda body: body.replace(b"\n", b"\r")),
    "no line end at the end": edit(lambda body: body.rstrip(b"\n")),
    "empty lines": edit(lambda body: body.replace(b"\n", b"\n\n")),
    "capitals and spaces in the header": edit(
        lambda body: body.replace(b"symbol,date,open", b"Symbol, Date ,OPEN", 1)
    ),
    "quoted cells": edit(lambda body: body.replace(b"AAA,", b'"AAA",')),
    "days without hyphens": edit(lambda body: body.replace(b"2020-", b"2020").replace(b"-", b"")),
    "times of midnight": edit(
        lambda body: b"\n".join(
            line if number == 0 else line.replace(b",2020-", b",2020-", 1)[:14] + b" 00:00:00" + line[14:]
            for number, line in enumerate(body.splitlines())
        )
    ),
    "rows backwards": backwards,
    "further columns": edit(
        lambda body: b"\n".join(
            line + (b",adj_close" if number == 0 else b",1.0")
            for number, line in enumerate(body.splitlines())
        )
    ),
    "tables as Parquet": tables_as_parquet,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_market(form: str, folder: Path) -> None:
    expected = load_folder(folder).hash
    FORMS[form](folder)
    assert load_folder(folder).hash == expected


def test_closes_alone_make_a_market(tmp_path: Path) -> None:
    folder = tmp_path / "closes"
    folder.mkdir()
    price_rows()[["symbol", "date", "close"]].to_csv(folder / "prices.csv", index=False)
    market = load_folder(folder)
    assert market.closes_only
    assert np.isnan(market.volume).all()
    assert np.array_equal(market.open, market.close)
    said = " ".join(market.limits)
    for limit in ("closes only", "no volume", "does not say where", "survivorship", "no dividends"):
        assert limit in said


def test_a_delisted_symbol_ends_the_survivorship_note(tmp_path: Path) -> None:
    rows = price_rows()
    folder = write_folder(
        tmp_path / "market", rows[~((rows["symbol"] == "BBB") & (rows["date"] > "2020-03-02"))]
    )
    market = load_folder(folder)
    assert not any("survivorship" in limit for limit in market.limits)
    (finding,) = [finding for finding in market.findings if finding.check == "ends early"]
    assert (finding.symbol, finding.date) == ("BBB", "2020-03-02")


def test_blank_cells_are_sessions_without_a_trade(tmp_path: Path) -> None:
    rows = price_rows()
    rows.loc[3, ["open", "high", "low", "close", "volume"]] = np.nan
    market = load_folder(write_folder(tmp_path / "market", rows))
    assert np.isnan(market.close[3, 0])
    assert market.traded.sum() == len(rows) - 1


def test_words_that_look_like_missing_numbers_are_symbols(tmp_path: Path) -> None:
    rows = price_rows().replace({"symbol": {"AAA": "NA", "BBB": "NAN"}})
    folder = tmp_path / "market"
    folder.mkdir()
    rows.to_csv(folder / "prices.csv", index=False)
    assert load_folder(folder).symbols == ("NA", "NAN", "SPY")


def test_source_states_adjustment_and_limits(folder: Path) -> None:
    (folder / "source.json").write_text('{"source": "a vendor", "limits": ["Nothing before 2020."]}')
    market = load_folder(folder)
    assert market.source == "a vendor"
    assert market.limits[0] == "Nothing before 2020."
    rows = price_rows().drop(columns="dividend")
    rows.to_csv(folder / "prices.csv", index=False)
    (folder / "source.json").write_text('{"source": "a vendor", "adjustment": "total_return"}')
    assert load_folder(folder).adjustment == "total_return"


@pytest.mark.parametrize("path", ["", "/nowhere/at/all", "file.csv"])
def test_what_is_no_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("x")
    with pytest.raises(MarketError, match=r"does not exist|is a file|neither"):
        load_folder(tmp_path / path if path else tmp_path)


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["AAA", "2020-01-02", "1.5", "-1", "1e400", "nan", '"', '""', ",", "\n", "\r", "\ufeff"]),
    st.floats().map(repr),
)


@given(st.lists(st.lists(CELLS, max_size=9).map(",".join), max_size=8), st.booleans())
def test_any_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], known: bool
) -> None:
    header = ["symbol,date,open,high,low,close,volume,dividend"] if known else []
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    folder.mkdir(exist_ok=True)
    body = "\n".join(header + lines).encode("utf-8", "surrogatepass")
    (folder / "prices.csv").write_bytes(body)
    checked = check_folder(folder)
    assert (checked.market is None) == bool(checked.errors)
    for finding in checked.errors:
        assert finding.message


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    folder = write_folder(tmp_path_factory.getbasetemp() / "bytes")
    (folder / "facts.csv").write_bytes(FACTS.encode() + body)
    (folder / "instruments.csv").write_bytes(INSTRUMENTS.encode() + body)
    checked = check_folder(folder)
    assert (checked.market is None) == bool(checked.errors)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["AAA", "BBB", "x"]),
        st.one_of(st.dates().map(str), st.sampled_from(["", "01/02/2020", "2020-02-30"])),
        st.one_of(st.floats().map(repr), st.sampled_from(["", "1,000", "abc", "١٢"])),
    ),
    max_size=20,
)


@given(ROWS)
def test_no_row_is_lost(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    quoted = [",".join(f'"{cell}"' for cell in row) for row in rows]
    path.write_text("\n".join(["symbol,date,value", *quoted]) + "\n", encoding="utf-8")
    columns = (Column("symbol"), Column("date", "date"), Column("value", "number"))
    table, findings = read_table(path, "rows.csv", columns)
    assert not findings
    assert table is not None
    assert table.size == len(rows)
    for place, (symbol, date, value) in enumerate(rows):
        assert table.words["symbol"].array()[place] == symbol
        if not table.wrong_rows[place]:
            assert str(table.days["date"][place].astype("datetime64[D]")) == date
            assert table.numbers["value"][place] == float(value)
    for cells in table.wrong:
        assert table.place(int(cells.rows[0])) == f"line {cells.rows[0] + 2}"


@pytest.mark.parametrize(
    ("price", "volume", "said"),
    [
        (0.5, 2.0, "as a split of 2 for 1"),
        (10.0, 0.1, "as a reverse split of 1 for 10"),
        (0.5, 1.0, ""),
        (0.5, 0.5, ""),
        (0.5, 8.0, ""),
    ],
)
def test_a_jump_with_volume_moving_the_other_way_is_a_split_that_is_not_listed(
    folder: Path, price: float, volume: float, said: str
) -> None:
    rows = price_rows()
    after = (rows["symbol"] == "BBB") & (rows["date"] >= "2020-02-14")
    rows.loc[after, ["open", "high", "low", "close"]] *= price
    rows["volume"] = rows["volume"].astype(float)
    rows.loc[after, "volume"] *= volume
    findings = check_folder(write_folder(folder, rows)).findings
    found = [finding for finding in findings if finding.check == "split not listed"]
    assert [(finding.symbol, finding.date) for finding in found] == [("BBB", "2020-02-14")] * bool(said)
    assert all(said in finding.message for finding in found)
