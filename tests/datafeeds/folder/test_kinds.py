"""Kinds of wrong folders that gave a wrong result, or a traceback, without a word."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from datafeeds import facts as fundamentals
from datafeeds.calendars import exchange_sessions
from datafeeds.folder.layout import Checked, check_folder, load_folder
from datafeeds.folder.rewind import rewind
from datafeeds.market import Finding
from tests.datafeeds.folders import SESSIONS, price_rows, write_folder


def found(checked: Checked, check: str) -> list[Finding]:
    return [finding for finding in checked.findings if finding.check == check]


def flat(symbol: str, days: np.ndarray, close: np.ndarray | float) -> pd.DataFrame:
    """Bars of one price a day."""
    price = np.broadcast_to(close, len(days))
    bars = dict.fromkeys(("open", "high", "low", "close"), price)
    return pd.DataFrame({"symbol": symbol, "date": days.astype(str), **bars, "volume": 1e6, "dividend": 0.0})


def bare(folder: Path, prices: pd.DataFrame, splits: str = "") -> Checked:
    folder.mkdir()
    prices.to_csv(folder / "prices.csv", index=False)
    if splits:
        (folder / "splits.csv").write_text(f"symbol,date,ratio\n{splits}\n", encoding="utf-8")
    return check_folder(folder)


@pytest.mark.parametrize("name", ["BBB.CSV", "BBB.csv.gz", "BBB.txt"])
def test_price_files_that_are_not_read_are_named(tmp_path: Path, name: str) -> None:
    prices = price_rows()
    (tmp_path / "prices").mkdir()
    for symbol, rows in prices.groupby("symbol"):
        rows.drop(columns="symbol").to_csv(tmp_path / "prices" / f"{symbol}.csv", index=False)
    whole = tmp_path / "prices" / "BBB.csv"
    body = whole.read_bytes()
    whole.unlink()
    (tmp_path / "prices" / name).write_bytes(gzip.compress(body) if name.endswith("gz") else body)
    (finding,) = found(check_folder(tmp_path), "file not used")
    assert f"prices/{name}" in finding.message


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize("price", [5e-324, 1e-12])
def test_a_price_too_small_to_be_one_is_an_error(tmp_path: Path, column: str, price: float) -> None:
    prices = price_rows()
    prices.loc[3, column] = price
    (finding,) = found(check_folder(write_folder(tmp_path, prices)), f"{column} not possible")
    assert (finding.severity, finding.symbol, finding.date) == ("error", "AAA", str(SESSIONS[3]))


@pytest.mark.parametrize("column", ["symbol", "date", "close"])
def test_columns_of_structs_are_refused(tmp_path: Path, column: str) -> None:
    table = pa.Table.from_pandas(price_rows(), preserve_index=False)
    nested = pa.array([{"v": "1"}] * table.num_rows)
    table = table.set_column(table.column_names.index(column), column, nested)
    pyarrow.parquet.write_table(table, tmp_path / "prices.parquet")
    (finding,) = check_folder(tmp_path).errors
    assert f"column {column} holds struct" in finding.message


@pytest.mark.parametrize("mark", ["[", '{"a":'])
def test_deep_json_is_one_error(tmp_path: Path, mark: str) -> None:
    write_folder(tmp_path)
    (tmp_path / "source.json").write_text(mark * 100_000, encoding="utf-8")
    (finding,) = check_folder(tmp_path).errors
    assert "nested too deeply" in finding.message


@pytest.mark.parametrize("control", ["\x1b[31m", "\x07", "\x9b2J", "\u202e"])
def test_findings_hold_no_control_characters(tmp_path: Path, control: str) -> None:
    write_folder(tmp_path)
    with (tmp_path / "series.csv").open("a", encoding="utf-8") as series:
        series.write(f"{control}vix,2020-01-07,2020-01-06,13\n")
    (finding,) = found(check_folder(tmp_path), "available too early")
    assert control not in str(finding)
    assert repr(control)[1:-1] in str(finding)


@pytest.mark.parametrize("header", ["splitFactor", "Split Ratio", "Stock Splits", "splits"])
def test_a_split_in_a_column_of_the_prices_is_not_passed_over(tmp_path: Path, header: str) -> None:
    prices = price_rows().assign(**{header: 1.0})
    prices.loc[9, header] = 7.0
    (finding,) = found(check_folder(write_folder(tmp_path, prices)), "split not adjusted")
    assert (finding.severity, finding.symbol) == ("error", "AAA")


def paying(ratio: float) -> tuple[pd.DataFrame, np.ndarray, int, str]:
    """Prices with a dividend a quarter, larger before a split; paying rows, split row, table of splits."""
    days = exchange_sessions("2018-01-02", "2020-12-31")
    prices = flat("DIV", days, 25 + 0.1 * (np.arange(len(days)) % 7))
    split, paid = int(np.searchsorted(days, np.datetime64("2019-07-01"))), np.arange(20, len(days), 63)
    prices.loc[paid, "dividend"] = np.where(paid < split, 0.2 * ratio, 0.2)
    return prices, paid, split, f"DIV,{days[split]},{ratio}"


SAID = {"source": "made up", "dividends": "as_paid"}


@pytest.mark.parametrize("ratio", [4.0, 2.0, 0.1])
def test_dividends_that_are_not_on_the_basis_of_prices(tmp_path: Path, ratio: float) -> None:
    prices, paid, split, splits = paying(ratio)
    checked = bare(tmp_path / "m", prices, splits)
    (finding,) = found(checked, "dividends not split-adjusted")
    assert (finding.severity, finding.symbol, finding.date) == ("suspicion", "DIV", prices["date"][split])
    assert prices["date"][paid[0]] in finding.message
    assert checked.market is not None
    assert f"DIV before {prices['date'][split]} ({ratio:g} times)" in checked.market.limits[0]
    # A word in the folder, and not what later dividends show, brings them to the basis of the prices.
    (tmp_path / "m" / "source.json").write_text(json.dumps(SAID), encoding="utf-8")
    said = check_folder(tmp_path / "m")
    assert not found(said, "dividends not split-adjusted")
    assert said.market is not None
    np.testing.assert_allclose(said.market.dividend[paid, 0], 0.2)


@pytest.mark.parametrize("said", [None, SAID])
@pytest.mark.parametrize("day", ["2019-03-29", "2019-08-30", "2020-01-31"])
def test_later_dividends_change_no_earlier_one(tmp_path: Path, said: dict[str, str] | None, day: str) -> None:
    """Before the split, with no dividend after it, and with enough of them to show the basis."""
    prices, _, _, splits = paying(4.0)
    bare(tmp_path / "m", prices, splits)
    if said:
        (tmp_path / "m" / "source.json").write_text(json.dumps(said), encoding="utf-8")
    whole = load_folder(tmp_path / "m")
    for rebased in (False, True):
        (rewound,) = rewind(tmp_path / "m", whole, [np.datetime64(day)], rebased=rebased)
        assert not rewound.differences, str(rewound)


def test_adjusted_dividends_stay(tmp_path: Path) -> None:
    days = exchange_sessions("2018-01-02", "2020-12-31")
    prices = flat("DIV", days, 25 + 0.1 * (np.arange(len(days)) % 7))
    paid = np.arange(20, len(days), 63)
    prices.loc[paid, "dividend"] = 0.2
    checked = bare(tmp_path / "m", prices, f"DIV,{days[300]},4")
    assert not found(checked, "dividends not split-adjusted")


def test_dividends_that_are_not_adjusted_for_a_split_that_is_not_listed_either(tmp_path: Path) -> None:
    """Closes before the split are quarters of cents, so prices are adjusted for it."""
    prices, _, split, _ = paying(4.0)
    cents = np.round(25 + 0.01 * (np.arange(len(prices)) % 97), 2)
    for column in ("open", "high", "low", "close"):
        prices[column] = np.where(np.arange(len(prices)) < split, (4 * cents + 0.01) / 4, cents)
    (finding,) = found(bare(tmp_path / "m", prices), "dividends not split-adjusted")
    assert (finding.symbol, finding.date) == ("DIV", prices["date"][split])
    assert "list the split in splits.csv" in finding.message
    # A cut to a quarter without any split shows nothing but itself.
    assert not found(bare(tmp_path / "cut", paying(4.0)[0]), "dividends not split-adjusted")


def test_a_price_that_falls_with_the_dividends_is_suspected_to_be_a_split(tmp_path: Path) -> None:
    """Volume, the other witness, holds still here."""
    prices, _, split, _ = paying(4.0)
    prices.loc[: split - 1, ["open", "high", "low", "close"]] *= 4
    (finding,) = found(bare(tmp_path / "m", prices), "split not listed")
    assert (finding.symbol, finding.date) == ("DIV", prices["date"][split])
    assert "dividends go from about 0.8 to 0.2" in finding.message


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("stale_after", True, "must be a number"),
        ("stale_after", 0, "greater than or equal to 1"),
        ("dividends", "paid", "'adjusted' or 'as_paid'"),
        ("limits", "none", "limits"),
    ],
)
def test_what_the_folder_says_of_itself_is_checked(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    write_folder(tmp_path)
    (tmp_path / "source.json").write_text(json.dumps({"source": "x", key: value}), encoding="utf-8")
    (finding,) = check_folder(tmp_path).errors
    assert finding.message.startswith(f"source.json: {key} = ")
    assert told in finding.message


def test_a_folder_says_when_its_figures_are_stale(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "source.json").write_text(json.dumps({"source": "x", "stale_after": 120}), encoding="utf-8")
    market = load_folder(tmp_path)
    sold = fundamentals.fact(market, "revenue_ttm")[:, market.column["BBB"]]
    # Only fiscal years are filed, this one to 2018-12-31: a year less a quarter, and 120 days.
    assert sold[market.index_of("2020-01-29")] == 5e8
    assert np.isnan(sold[market.index_of("2020-01-30")])
    (tmp_path / "source.json").write_text(json.dumps({"source": "x", "stale_afer": 20}), encoding="utf-8")
    (finding,) = found(check_folder(tmp_path), "source.json")
    assert "did you mean 'stale_after'" in finding.message


@pytest.mark.parametrize("columns", [("close", "volume"), ("high", "low")])
@pytest.mark.parametrize("bars", [True, False])
def test_swapped_columns_are_an_error(tmp_path: Path, columns: tuple[str, str], bars: bool) -> None:
    one, other = columns
    prices = price_rows().rename(columns={one: other, other: one})
    if not bars and one == "close":
        prices = prices.drop(columns=["open", "high", "low"])
    errors = check_folder(write_folder(tmp_path, prices)).errors
    assert {error.symbol for error in errors} == {"AAA", "BBB", "SPY"}
    assert all("swapped" in error.message for error in errors)


@pytest.mark.parametrize(
    ("names", "companies"),
    [
        (("Both Inc. (Class A)", "Both Inc. (Class C)"), ["Both Inc.", "Both Inc.", "SPY"]),
        (("Both Inc., Class B", "Both Inc."), ["Both Inc.", "Both Inc.", "SPY"]),
        (("World Class Inc.", "World Inc."), ["AAA", "BBB", "SPY"]),
    ],
)
def test_two_classes_of_shares_are_one_company_by_their_names(
    tmp_path: Path, names: tuple[str, str], companies: list[str]
) -> None:
    write_folder(tmp_path)
    rows = "\n".join(f'{symbol},stock,"{name}"' for symbol, name in zip(("AAA", "BBB"), names, strict=True))
    (tmp_path / "instruments.csv").write_text(f"symbol,kind,name\n{rows}\nSPY,etf,Fund\n", encoding="utf-8")
    checked = check_folder(tmp_path)
    assert checked.market is not None
    assert checked.market.companies.tolist() == companies
    assert len(found(checked, "share classes")) == (companies[0] == companies[1])


@pytest.mark.parametrize(
    ("dated", "begins"), [("2020-02-03", "2020-01-02"), ("", "2020-02-03"), (None, "2020-02-03")]
)
def test_a_name_without_a_class_tells_of_no_class_to_come(
    tmp_path: Path, dated: str | None, begins: str
) -> None:
    prices = price_rows()
    write_folder(tmp_path, prices[(prices["symbol"] != "BBB") | (prices["date"] >= begins)])
    rows = [("AAA", "stock", "Both, Inc.", "old", ""), ("BBB", "stock", "Both, Inc. (Class B)", "", dated)]
    table = pd.DataFrame(
        [*rows, ("SPY", "etf", "Fund", "", "")], columns=["symbol", "kind", "name", "group", "from"]
    )
    table = table.drop(columns="from") if dated is None else table
    table.to_csv(tmp_path / "instruments.csv", index=False)
    market = load_folder(tmp_path)
    day = market.index_of("2020-02-03")
    assert market.companies_on(day - 1).tolist() == ["AAA", "BBB" if dated else "Both, Inc.", "SPY"]
    assert market.companies_on(day).tolist() == ["Both, Inc.", "Both, Inc.", "SPY"]
    assert market.memberships("old")[:, 0].all()
    assert any("membership" in limit for limit in market.limits) == (not dated)
    days = [np.datetime64("2020-01-31"), np.datetime64("2020-02-03"), np.datetime64("2020-03-02")]
    assert [str(found.differences) for found in rewind(tmp_path, market, days)] == ["()"] * 3


def test_concepts_that_nothing_is_derived_from_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    rows = "AAA,revenu,2019,FY,2020-02-20,1e9,\nAAA,headcount,2019,FY,2020-02-20,1e3,\n"
    with (tmp_path / "facts.csv").open("a", encoding="utf-8") as facts:
        facts.write(rows)
    near, other = found(check_folder(tmp_path), "unknown concept")
    assert (near.severity, other.severity) == ("suspicion", "note")
    assert "did you mean 'revenue'" in near.message
    assert "headcount" in other.message


def yearly_payer(falls: tuple[float, ...], noise: float) -> tuple[pd.DataFrame, np.ndarray]:
    """A dividend of 8% of the price each March, on which the price falls by some share."""
    days = exchange_sessions("2014-01-02", f"{2013 + len(falls)}-12-31")
    paid = np.array(
        [int(np.searchsorted(days, np.datetime64(f"{2014 + year}-03-17"))) for year in range(len(falls))]
    )
    moves = np.where(np.arange(len(days)) % 2, noise, -noise)
    moves[paid] = np.log1p(-np.array(falls))
    close = 50 * np.exp(np.cumsum(moves))
    prices = flat("PAY", days, close)
    prices.loc[paid, "dividend"] = 0.08 * close[paid - 1]
    return prices, paid


@pytest.mark.parametrize(
    ("falls", "noise", "kept"),
    [
        ((0.08, 0.08, 0.01), 0.003, [True, True, True]),  # the third is the stock's habit, whatever the price
        ((0.045, 0.0), 0.003, [True, False]),  # half of it shows; nothing shows
        ((0.01, -0.01), 0.025, [True, True]),  # a usual day of this stock hides it
        ((0.0, 0.0, 0.0), 0.003, [False, False, False]),  # what was never paid is no habit
    ],
)
def test_a_large_dividend_stays_where_the_price_or_the_habit_shows_it(
    tmp_path: Path, falls: tuple[float, ...], noise: float, kept: list[bool]
) -> None:
    prices, paid = yearly_payer(falls, noise)
    market = bare(tmp_path / "m", prices).market
    assert market is not None
    assert (market.dividend[paid, 0] > 0).tolist() == kept


QUARTER_ENDS = ("03-31", "06-30", "09-30", "12-31")


def reports(years: range, periods: tuple[str, ...], without: set[tuple[int, str]]) -> str:
    """Revenue of AAA, filed forty days after each period."""
    rows = ["symbol,concept,fiscal_year,fiscal_period,filed,value,period_end"]
    for year in years:
        for period in periods:
            end = np.datetime64(f"{year}-{QUARTER_ENDS[3 if period == 'FY' else int(period[1]) - 1]}")
            if (year, period) not in without:
                value = 4_000 if period == "FY" else 1_000
                rows.append(f"AAA,revenue,{year},{period},{end + np.timedelta64(40, 'D')},{value},{end}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("periods", "without", "told"),
    [
        (("Q1", "Q2", "Q3", "FY"), set(), ""),
        (("FY",), set(), ""),
        (("Q1", "Q2", "Q3", "FY"), {(2017, "Q1")}, "end on 2016-12-31 and 2017-06-30 (181 days)"),
        (("FY",), {(2017, "FY")}, "end on 2016-12-31 and 2018-12-31 (730 days)"),
        (
            ("Q1", "Q2", "Q3", "FY"),
            {(2019, "Q2"), (2019, "Q3"), (2019, "FY")},
            "ends on 2019-03-31 (366 days)",
        ),
    ],
)
def test_reports_that_are_missing_are_listed(
    tmp_path: Path, periods: tuple[str, ...], without: set[tuple[int, str]], told: str
) -> None:
    write_folder(tmp_path)
    (tmp_path / "facts.csv").write_text(reports(range(2015, 2020), periods, without), encoding="utf-8")
    said = found(check_folder(tmp_path), "reporting gap")
    assert [finding.symbol for finding in said] == ["AAA"] * bool(told)
    assert not told or told in said[0].message


@pytest.mark.parametrize("after", [200.0, 2.0])
def test_a_symbol_used_again_is_another_holding(tmp_path: Path, after: float) -> None:
    days = exchange_sessions("2023-01-03", "2023-09-29")
    prices = pd.concat([flat("TWX", days[:30], 10.0), flat("TWX", days[90:], after), flat("OKK", days, 50.0)])
    checked = bare(tmp_path / "m", prices)
    (finding,) = found(checked, "symbol used again")
    assert (finding.symbol, finding.date) == ("TWX", str(days[90]))
    market = checked.market
    assert market is not None
    assert market.symbols == ("OKK", "TWX", "TWX.2")
    assert np.isnan(market.close[30:, 1]).all()
    assert (market.close[90:, 2] == after).all()


@pytest.mark.parametrize("rebased", [False, True])
def test_a_split_of_the_second_company_under_a_symbol(tmp_path: Path, rebased: bool) -> None:
    """A feed divides all earlier prices under the symbol, the first company's as well."""
    days = exchange_sessions("2023-01-03", "2023-09-29")
    prices = pd.concat([flat("TWX", days[:30], 10.0), flat("TWX", days[90:], 200.0), flat("OKK", days, 50.0)])
    market = bare(tmp_path / "m", prices, f"TWX,{days[120]},2").market
    assert market is not None
    np.testing.assert_array_equal(market.traded_factor[29], [1, 2, 2])
    for row in (20, 100, 150):
        (rewound,) = rewind(tmp_path / "m", market, [days[row]], rebased=rebased)
        assert not rewound.differences, str(rewound)


@pytest.mark.parametrize(("sessions", "after"), [(8, 200.0), (60, 11.0)])
def test_a_halt_is_no_other_company(tmp_path: Path, sessions: int, after: float) -> None:
    days = exchange_sessions("2023-01-03", "2023-09-29")
    again = flat("TWX", days[30 + sessions :], after)
    checked = bare(tmp_path / "m", pd.concat([flat("TWX", days[:30], 10.0), again, flat("OKK", days, 50.0)]))
    assert checked.market is not None
    assert checked.market.symbols == ("OKK", "TWX")
