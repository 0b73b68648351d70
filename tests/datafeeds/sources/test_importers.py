"""Files as other programs write them, made here in their shapes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtests.cli import app
from datafeeds.folder.layout import check_folder
from datafeeds.market import Market, MarketError
from datafeeds.sources.importers import FORMATS, import_files

DAYS = ["2020-08-26", "2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"]
TRADED = [500.0, 504.0, 508.0, 129.0, 131.0]
"""Closes as traded: four new shares for one on 2020-08-31."""

ADJUSTED = [125.0, 126.0, 127.0, 129.0, 131.0]


def bars(
    closes: list[float], names: str = "open,high,low,close,volume", **columns: list[float]
) -> pd.DataFrame:
    given = dict.fromkeys(names.split(",")[:4], closes) | {names.split(",")[4]: [1000.0] * len(closes)}
    return pd.DataFrame({**given, **columns})


def imported(kind: str, folder: Path) -> Market:
    import_files(kind, folder / "in", folder / "market")
    checked = check_folder(folder / "market")
    assert checked.market is not None, checked.errors
    return checked.market


def write(folder: Path, name: str, text: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_text(text, encoding="utf-8")


def test_yahoo_csv(tmp_path: Path) -> None:
    names = "Open,High,Low,Close,Volume"
    table = bars(ADJUSTED, names, **{"Adj Close": ADJUSTED})
    table.insert(0, "Date", DAYS)
    text = table.to_csv(index=False) + "2020-09-02,null,null,null,null,null,null\n"
    write(tmp_path, "aapl.csv", text)
    market = imported("yahoo-csv", tmp_path)
    assert market.symbols == ("AAPL",)
    assert market.close[:, 0].tolist() == ADJUSTED
    said = " ".join(market.limits)
    assert "Adj Close is dropped: dividends are unknown, returns are price returns: AAPL" in said
    assert "rows without a date or a close are dropped" in said


@pytest.mark.parametrize("several", [True, False])
def test_yfinance(tmp_path: Path, several: bool) -> None:
    names = "Open,High,Low,Close,Volume"
    table = bars(ADJUSTED, names, **{"Adj Close": ADJUSTED, "Dividends": [0, 0, 0.2, 0, 0]})
    table["Stock Splits"] = [0, 0, 0, 4.0, 0]
    table.index = pd.DatetimeIndex(DAYS, name="Date").tz_localize("America/New_York")
    if several:
        table = pd.concat({"AAPL": table, "MSFT": table}, axis=1).swaplevel(axis=1)
        table.columns.names = ["Price", "Ticker"]
    write(tmp_path, "AAPL.csv", table.to_csv())
    market = imported("yfinance", tmp_path)
    assert market.symbols == (("AAPL", "MSFT") if several else ("AAPL",))
    assert market.close[:, 0].tolist() == ADJUSTED
    assert market.dividend[2, 0] == 0.2
    assert market.splits[["symbol", "ratio"]].to_numpy().tolist()[0] == ["AAPL", 4.0]


def test_yfinance_adjusted_for_dividends_is_refused(tmp_path: Path) -> None:
    table = bars(ADJUSTED, "Open,High,Low,Close,Volume")
    table.index = pd.Index(DAYS, name="Date")
    write(tmp_path, "AAPL.csv", table.to_csv())
    with pytest.raises(MarketError, match="auto_adjust=False"):
        import_files("yfinance", tmp_path / "in", tmp_path / "market")
    assert not (tmp_path / "market").exists()


def test_stooq(tmp_path: Path) -> None:
    rows = "\n".join(
        f"AAPL.US,D,{day.replace('-', '')},000000,{price},{price},{price},{price},1000,0"
        for day, price in zip(DAYS, ADJUSTED, strict=True)
    )
    head = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    write(tmp_path, "aapl.us.txt", head + rows + "\n")
    market = imported("stooq", tmp_path)
    assert market.symbols == ("AAPL",)
    assert market.adjustment == "total_return"
    assert [str(day) for day in market.sessions] == DAYS
    assert market.close[:, 0].tolist() == ADJUSTED


@pytest.mark.parametrize(
    ("kind", "dividend", "split", "extra"),
    [("tiingo", "divCash", "splitFactor", True), ("zipline-csvdir", "dividend", "split", False)],
)
def test_prices_as_traded_are_carried_over_splits(
    tmp_path: Path, kind: str, dividend: str, split: str, extra: bool
) -> None:
    table = bars(TRADED, **{dividend: [0, 0.82, 0, 0, 0], split: [1, 1, 1, 4.0, 1]})
    table.insert(0, "date", [f"{day}T00:00:00.000Z" for day in DAYS] if extra else DAYS)
    if extra:
        table = table.assign(adjClose=ADJUSTED)
    write(tmp_path, "AAPL.csv", table.to_csv(index=False))
    market = imported(kind, tmp_path)
    np.testing.assert_allclose(market.close[:, 0], ADJUSTED)
    np.testing.assert_allclose(market.volume[:, 0], [4000, 4000, 4000, 1000, 1000])
    assert market.dividend[1, 0] == pytest.approx(0.82 / 4)
    assert market.splits["date"].dt.strftime("%Y-%m-%d").tolist() == ["2020-08-31"]
    assert market.splits["ratio"].tolist() == [4.0]
    assert "prices as traded are carried over the splits in the file: AAPL" in market.limits


def test_fred_series_join_a_folder_of_prices(tmp_path: Path) -> None:
    write(tmp_path, "AAPL.csv", bars(ADJUSTED).assign(date=DAYS).to_csv(index=False))
    imported("zipline-csvdir", tmp_path)
    (tmp_path / "in" / "AAPL.csv").unlink()
    write(tmp_path, "DGS10.csv", "observation_date,DGS10,DGS2\n2020-08-27,0.74,0.1\n2020-08-28,.,0.2\n")
    market = imported("fred", tmp_path)
    rows = market.series.sort_values(["series", "date"]).astype(str)[["series", "date", "available", "value"]]
    assert rows.to_numpy().tolist() == [
        ["dgs10", "2020-08-27", "2020-08-28", "0.74"],
        ["dgs2", "2020-08-27", "2020-08-28", "0.1"],
        ["dgs2", "2020-08-28", "2020-08-31", "0.2"],
    ]
    assert market.symbols == ("AAPL",)


BARS_OF_ALPACA = [
    {"t": "2022-01-03T05:00:00Z", "o": 177.83, "h": 182.88, "l": 177.71, "c": 182.01, "v": 104487900,
     "n": 767542, "vw": 181.4},
    {"t": "2022-01-04T05:00:00Z", "o": 182.63, "h": 182.94, "l": 179.12, "c": 179.7, "v": 99310400,
     "n": 690000, "vw": 180.5},
]  # fmt: skip


@pytest.mark.parametrize("shape", ["several", "one", "csv", "long csv"])
def test_alpaca(tmp_path: Path, shape: str) -> None:
    table = pd.DataFrame(BARS_OF_ALPACA)
    if shape == "several":
        said = {"bars": {"AAPL": BARS_OF_ALPACA, "BRK.B": BARS_OF_ALPACA}, "next_page_token": "abc"}
        write(tmp_path, "bars.json", json.dumps(said))
    elif shape == "one":
        write(tmp_path, "bars.json", json.dumps({"symbol": "AAPL", "bars": BARS_OF_ALPACA}))
    elif shape == "csv":
        write(tmp_path, "aapl.csv", table.to_csv(index=False))
    else:
        long = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
        table = table.rename(columns=long | {"n": "trade_count", "vw": "vwap"}).assign(symbol="AAPL")
        table["timestamp"] = ["2022-01-03 05:00:00+00:00", "2022-01-04 05:00:00+00:00"]
        write(tmp_path, "aapl.csv", table.to_csv(index=False))
    market = imported("alpaca", tmp_path)
    assert market.symbols == (("AAPL", "BRK.B") if shape == "several" else ("AAPL",))
    assert market.close[:, 0].tolist() == [182.01, 179.7]
    assert market.sessions.astype(str).tolist() == ["2022-01-03", "2022-01-04"]
    assert market.volume[0, 0] == 104487900
    said = " ".join(market.limits)
    assert "vwap is dropped: AAPL" in said
    assert ("further pages" in said) == (shape == "several")


@pytest.mark.parametrize(
    ("kind", "head", "mean"),
    [
        ("stooq", "Date,Open,High,Low,Close,Vol,Volume", "volume"),
        ("yahoo-csv", "Date,Open,High,Low,Close,close,Volume", "close"),
        ("tiingo", "date,open,high,low,close,volume,divCash,splitFactor,split", "split"),
        ("alpaca", "t,o,h,l,c,close,v", "close"),
        ("zipline-csvdir", "date,open,high,low,close,<CLOSE>,volume", "close"),
        ("yfinance", "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Dividend", "dividend"),
    ],
)
def test_two_columns_that_mean_the_same_are_refused(tmp_path: Path, kind: str, head: str, mean: str) -> None:
    write(tmp_path, "AAPL.csv", f"{head}\n2022-01-03{',1' * head.count(',')}\n")
    with pytest.raises(MarketError, match=f"AAPL.*several columns mean {mean}; keep one of them"):
        import_files(kind, tmp_path / "in", tmp_path / "market")
    assert not (tmp_path / "market").exists()


def test_bars_of_less_than_a_day_are_refused(tmp_path: Path) -> None:
    hours = [{**BARS_OF_ALPACA[0], "t": f"2022-01-03T{hour}:00:00Z"} for hour in (15, 16)]
    write(tmp_path, "AAPL.json", json.dumps(hours))
    with pytest.raises(MarketError, match="2022-01-03 has several bars"):
        import_files("alpaca", tmp_path / "in", tmp_path / "market")


@pytest.mark.parametrize("factors", [True, False])
def test_lean(tmp_path: Path, factors: bool) -> None:
    # Apple paid 2.65 dollars ex 2012-08-09, and gave seven shares for one on 2014-06-09.
    lines = [
        "20120808 00:00,6194000,6237000,6170000,6198600,8739500",
        "20120809 00:00,6178500,6217200,6170000,6207300,7915800",
        "20140606 00:00,6499000,6514400,6444700,6455700,12497800",
        "20140609 00:00,927000,938800,917500,937000,75415000",
    ]
    (tmp_path / "usa" / "daily").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "usa" / "daily" / "aapl.zip", "w") as packed:
        packed.writestr("aapl.csv", "\n".join(lines) + "\n")
    if factors:
        (tmp_path / "usa" / "factor_files").mkdir()
        text = "19980102,0.9311149,0.142857\n20120808,0.9311149,0.142857\n20140606,0.9351125,0.142857\n"
        (tmp_path / "usa" / "factor_files" / "aapl.csv").write_text(text + "20501231,0.9351125,1\n")
    out = import_files("lean", tmp_path / "usa" / "daily", tmp_path / "market")
    table = out.prices["AAPL"]
    assert "prices are divided by 10,000: AAPL" in out.sentences()
    assert any("no factor file" in each for each in out.sentences()) != factors
    if factors:
        np.testing.assert_allclose(table["close"], [619.86 / 7, 620.73 / 7, 645.57 / 7, 93.70])
        assert table["dividend"][1] * 7 == pytest.approx(2.65, abs=0.001)
        assert table["dividend"][[0, 2, 3]].tolist() == [0, 0, 0]
        assert out.splits[0][["date", "ratio"]].to_numpy().tolist() == [["2014-06-09", 7.0]]
        assert table["volume"][[0, 3]].tolist() == [8739500 * 7, 75415000]
    else:
        assert table["close"].tolist() == [619.86, 620.73, 645.57, 93.70]


KEN_FRENCH = """This file was created by using the 202605 CRSP database.
The 1-month TBill rate data until 202405 are from Ibbotson Associates.

,Mkt-RF,SMB,HML,RF
20200826,    0.90,   -1.04,  -2.06,    0.00
20200827,    0.24,   -0.17,   1.39,  -99.99

  Annual Factors: January-December
,Mkt-RF,SMB,HML,RF
  2020,   23.66,   13.18, -46.67,    0.45

Copyright 2026 Eugene F. Fama and Kenneth R. French
"""


@pytest.mark.parametrize("packed", [True, False])
def test_ken_french(tmp_path: Path, packed: bool) -> None:
    write(tmp_path, "F-F_Research_Data_Factors_daily.csv", KEN_FRENCH)
    if packed:
        plain = tmp_path / "in" / "F-F_Research_Data_Factors_daily.csv"
        with zipfile.ZipFile(plain.with_suffix(".zip"), "w") as archive:
            archive.write(plain, plain.name)
        plain.unlink()
    out = import_files("ken-french", tmp_path / "in", tmp_path / "market")
    rows = pd.concat(out.series)
    assert rows.to_numpy().tolist() == [
        ["mkt_rf", "2020-08-26", "2020-10-26", 0.90],
        ["mkt_rf", "2020-08-27", "2020-10-27", 0.24],
        ["smb", "2020-08-26", "2020-10-26", -1.04],
        ["smb", "2020-08-27", "2020-10-27", -0.17],
        ["hml", "2020-08-26", "2020-10-26", -2.06],
        ["hml", "2020-08-27", "2020-10-27", 1.39],
        ["rf", "2020-08-26", "2020-10-26", 0.0],
    ]
    said = " ".join(out.sentences())
    assert "series are renamed: Mkt-RF to mkt_rf" in said
    assert "returns of -99.99 and -999 are missing ones and dropped: rf (1)" in said
    assert "further tables of the file are dropped: F-F_Research_Data_Factors_daily" in said


def test_monthly_factors_are_called_monthly(tmp_path: Path) -> None:
    write(tmp_path, "x.csv", "x\n\n,Mkt-RF,Lo 30\n192607,   2.89,  -2.55\n192608,   2.64,  -1.14\n")
    rows = pd.concat(import_files("ken-french", tmp_path / "in", tmp_path / "market").series)
    assert rows["series"].unique().tolist() == ["mkt_rf_monthly", "lo_30_monthly"]
    assert rows["date"].tolist()[:2] == ["1926-07-31", "1926-08-31"]


def test_prices_of_another_exchange_are_imported_with_its_calendar(tmp_path: Path) -> None:
    days = ["2022-06-01", "2022-06-06", "2022-06-07"]  # a bank holiday of four days
    names = "Open,High,Low,Close,Volume"
    table = bars([200.0, 201.0, 203.0], names)
    table.insert(0, "Date", days)
    write(tmp_path, "VOD.L.csv", table.to_csv(index=False))
    command = [
        "data",
        "import",
        str(tmp_path / "in"),
        "--from",
        "yahoo-csv",
        "--to",
        str(tmp_path / "market"),
    ]
    shown = CliRunner().invoke(app, [*command, "--calendar", "LSE", "--currency", "GBX"])
    assert shown.exit_code == 0, shown.output
    market = check_folder(tmp_path / "market").market
    assert market is not None
    assert (market.calendar, market.currency) == ("XLON", "GBX")
    assert CliRunner().invoke(app, command).exit_code == 3  # New York was open


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "<html>no</html>", "Date,Close\nsoon,3\n"])
def test_what_is_not_of_the_format_is_refused(tmp_path: Path, kind: str, text: str) -> None:
    write(tmp_path, "AAPL.csv", text)
    with pytest.raises(MarketError, match="AAPL"):
        import_files(kind, tmp_path / "in", tmp_path / "market")
    assert not (tmp_path / "market").exists()


def test_prices_from_elsewhere_are_not_replaced(tmp_path: Path) -> None:
    write(tmp_path, "AAPL.csv", bars(ADJUSTED).assign(date=DAYS).to_csv(index=False))
    (tmp_path / "market").mkdir()
    (tmp_path / "market" / "prices.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(MarketError, match="come from elsewhere"):
        import_files("zipline-csvdir", tmp_path / "in", tmp_path / "market")
    assert (tmp_path / "market" / "prices.csv").read_text(encoding="utf-8") == "mine"


def test_the_command_says_what_it_did_and_checks(tmp_path: Path) -> None:
    write(tmp_path, "AAPL.csv", bars(ADJUSTED).assign(date=DAYS).to_csv(index=False))
    command = [
        "data",
        "import",
        str(tmp_path / "in"),
        "--from",
        "zipline-csvdir",
        "--to",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 symbols" in result.output
    with pytest.raises(MarketError, match="no format 'yaho-csv'; did you mean 'yahoo-csv'"):
        import_files("yaho-csv", tmp_path / "in", tmp_path / "out")
