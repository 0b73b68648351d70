"""Files as other programs write them, made here in their shapes."""

from __future__ import annotations

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
