"""Kinds of wrong folders that gave a wrong result, or a traceback, without a word."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from datafeeds.folder.layout import Checked, check_folder
from datafeeds.market import Finding, exchange_sessions
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


@pytest.mark.parametrize("ratio", [4.0, 2.0, 0.1])
def test_dividends_that_are_not_on_the_basis_of_prices_are_divided(tmp_path: Path, ratio: float) -> None:
    days = exchange_sessions("2018-01-02", "2020-12-31")
    prices = flat("DIV", days, 25 + 0.1 * (np.arange(len(days)) % 7))
    split = int(np.searchsorted(days, np.datetime64("2019-07-01")))
    paid = np.arange(20, len(days), 63)
    prices.loc[paid, "dividend"] = np.where(paid < split, 0.2 * ratio, 0.2)
    checked = bare(tmp_path / "m", prices, f"DIV,{days[split]},{ratio}")
    (finding,) = found(checked, "dividends not split-adjusted")
    assert finding.symbol == "DIV"
    assert str(days[paid[0]]) in finding.message
    assert checked.market is not None
    np.testing.assert_allclose(checked.market.dividend[paid, 0], 0.2)


def test_adjusted_dividends_stay(tmp_path: Path) -> None:
    days = exchange_sessions("2018-01-02", "2020-12-31")
    prices = flat("DIV", days, 25 + 0.1 * (np.arange(len(days)) % 7))
    paid = np.arange(20, len(days), 63)
    prices.loc[paid, "dividend"] = 0.2
    checked = bare(tmp_path / "m", prices, f"DIV,{days[300]},4")
    assert not found(checked, "dividends not split-adjusted")


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


@pytest.mark.parametrize(("sessions", "after"), [(8, 200.0), (60, 11.0)])
def test_a_halt_is_no_other_company(tmp_path: Path, sessions: int, after: float) -> None:
    days = exchange_sessions("2023-01-03", "2023-09-29")
    again = flat("TWX", days[30 + sessions :], after)
    checked = bare(tmp_path / "m", pd.concat([flat("TWX", days[:30], 10.0), again, flat("OKK", days, 50.0)]))
    assert checked.market is not None
    assert checked.market.symbols == ("OKK", "TWX")
