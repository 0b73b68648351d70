"""Frames in the shape of yfinance's, made by hand, into rows of a market folder."""

from __future__ import annotations

import datetime as dt
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datafeeds.market import MarketError
from datafeeds.sources import yahoo

DATES = ["2024-06-06", "2024-06-07", "2024-06-10", "2024-06-11"]


def frame(dates: list[str] | None = None, **columns: Any) -> pd.DataFrame:
    index = pd.DatetimeIndex(dates or DATES, name="Date").tz_localize("America/New_York")
    count = len(index)
    base: dict[str, Any] = {
        "Open": [10.0 + row for row in range(count)],
        "High": [11.0 + row for row in range(count)],
        "Low": [9.0 + row for row in range(count)],
        "Close": [10.5 + row for row in range(count)],
        "Adj Close": [10.4 + row for row in range(count)],
        "Volume": [1000 + row for row in range(count)],
        "Dividends": 0.0,
        "Stock Splits": 0.0,
    }
    return pd.DataFrame(base | columns, index=index)


def test_plain_rows() -> None:
    history = yahoo.prices(frame(Dividends=[0, 0.1, 0, 0], **{"Stock Splits": [0, 0, 10.0, 0]}), "NVDA")
    assert list(history.table.columns) == list(yahoo.PRICE_COLUMNS)
    assert history.table["date"].tolist() == DATES
    assert history.table["close"].tolist() == [10.5, 11.5, 12.5, 13.5]
    assert history.table["dividend"].tolist() == [0, 0.1, 0, 0]
    assert history.splits.to_dict("records") == [{"symbol": "NVDA", "date": "2024-06-10", "ratio": 10.0}]
    assert history.findings == ()


def test_the_date_is_that_of_the_exchange() -> None:
    # Midnight in New York is the same day there and another hour in UTC, before and after the clocks change.
    history = yahoo.prices(frame(["2024-03-08", "2024-03-11"]), "X")
    assert history.table["date"].tolist() == ["2024-03-08", "2024-03-11"]


def test_an_index_of_text_as_read_back_from_csv() -> None:
    text = frame()
    text.index = pd.Index([str(moment) for moment in text.index])
    pd.testing.assert_frame_equal(yahoo.prices(text, "X").table, yahoo.prices(frame(), "X").table)


def test_rows_without_a_close_are_left_out_and_their_dividend_moves() -> None:
    nan = np.nan
    history = yahoo.prices(
        frame(
            Open=[1, nan, 3, 4],
            High=[1, nan, 3, 4],
            Low=[1, nan, 3, 4],
            Close=[1, nan, 3, 4],
            Dividends=[0, 0.5, 0, 0],
        ),
        "X",
    )
    assert history.table["date"].tolist() == ["2024-06-06", "2024-06-10", "2024-06-11"]
    assert history.table["dividend"].tolist() == [0, 0.5, 0]
    assert [finding.check for finding in history.findings] == ["dividend without price"]
    assert "moved to 2024-06-10" in history.findings[0].message


def test_a_dividend_after_the_last_price_is_reported() -> None:
    history = yahoo.prices(frame(Close=[1, 2, 3, np.nan], Dividends=[0, 0, 0, 0.5]), "X")
    assert history.table["dividend"].sum() == 0
    assert "left out" in history.findings[0].message


def test_a_repeated_last_row_counts_once_and_the_last_wins() -> None:
    twice = frame(["2024-06-10", "2024-06-11", "2024-06-11"], Close=[1, 2, 2.5], Dividends=[0, 0.2, 0.2])
    history = yahoo.prices(twice, "X")
    assert history.table["close"].tolist() == [1, 2.5]
    assert history.table["dividend"].tolist() == [0, 0.2]


def test_a_repeated_last_row_without_price_does_not_win() -> None:
    twice = frame(["2024-06-10", "2024-06-11", "2024-06-11"], Close=[1, 2, np.nan])
    assert yahoo.prices(twice, "X").table["close"].tolist() == [1, 2]


def test_rows_are_sorted_and_cut_but_splits_are_all_kept() -> None:
    shuffled = frame(**{"Stock Splits": [2.0, 0, 0, 4.0]}, Dividends=[1.0, 0, 0, 1.0]).iloc[::-1]
    history = yahoo.prices(shuffled, "X", dt.date(2024, 6, 7), dt.date(2024, 6, 10))
    assert history.table["date"].tolist() == ["2024-06-07", "2024-06-10"]
    assert history.table["dividend"].tolist() == [0, 0]
    assert history.splits["ratio"].tolist() == [2.0, 4.0]
    assert history.findings == ()


def test_missing_actions_are_none() -> None:
    history = yahoo.prices(frame().drop(columns=["Dividends", "Stock Splits"]), "X")
    assert history.table["dividend"].tolist() == [0] * 4
    assert history.splits.empty


def test_two_levels_of_columns() -> None:
    single = frame()
    for names in ([(name, "X") for name in single], [("X", name) for name in single]):
        double = single.copy()
        double.columns = pd.MultiIndex.from_tuples(names)
        pd.testing.assert_frame_equal(yahoo.prices(double, "X").table, yahoo.prices(single, "X").table)
        with pytest.raises(MarketError, match="no columns for 'Y'"):
            yahoo.prices(double, "Y")


def test_capital_gains_are_reported() -> None:
    history = yahoo.prices(frame(**{"Capital Gains": [0, 0.3, 0, 0]}), "VTI")
    assert [finding.check for finding in history.findings] == ["capital gains"]


def test_prices_adjusted_for_dividends_are_refused() -> None:
    with pytest.raises(MarketError, match=r"X: no column Adj Close.*auto_adjust=False"):
        yahoo.prices(frame().drop(columns="Adj Close"), "X")


def test_missing_columns_are_named() -> None:
    with pytest.raises(MarketError, match="no column High, Volume"):
        yahoo.prices(frame().drop(columns=["High", "Volume"]), "X")


@pytest.mark.parametrize("empty", [frame().iloc[:0], frame(Close=np.nan)])
def test_no_prices(empty: pd.DataFrame) -> None:
    with pytest.raises(yahoo.NoPrices, match="no prices for 'NVDAA'"):
        yahoo.prices(empty, "NVDAA")


def test_an_index_without_dates() -> None:
    broken = frame()
    broken.index = pd.Index(["a", "b", "c", "d"])
    with pytest.raises(MarketError, match="X: the index does not hold dates"):
        yahoo.prices(broken, "X")


# The download itself, with yfinance replaced


def stub(monkeypatch: pytest.MonkeyPatch, history: Any) -> SimpleNamespace:
    module = SimpleNamespace(
        config=SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True)),
        Ticker=lambda symbol: SimpleNamespace(history=history),
    )
    monkeypatch.setitem(sys.modules, "yfinance", module)
    return module


def failing(name: str, base: type[Exception] = Exception) -> Any:
    def history(**arguments: Any) -> pd.DataFrame:
        raise type(name, (base,), {})("told")

    return history


def test_yfinance_is_asked_for_unadjusted_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def history(**arguments: Any) -> pd.DataFrame:
        asked.update(arguments)
        return frame()

    module = stub(monkeypatch, history)
    yahoo.history("X", dt.date(2024, 1, 1), dt.date(2024, 7, 1))
    assert asked["auto_adjust"] is False
    assert asked["actions"] is True
    assert (asked["start"], asked["end"]) == ("2024-01-01", "2024-07-01")
    assert module.config.debug.hide_exceptions is False


@pytest.mark.parametrize(
    ("name", "base", "expected"),
    [
        ("YFRateLimitError", Exception, yahoo.TooManyRequests),
        ("YFPricesMissingError", Exception, yahoo.NoPrices),
        ("YFTzMissingError", Exception, yahoo.NoPrices),
        ("YFDataException", Exception, OSError),
        ("DNSError", OSError, OSError),
        ("AttributeError", AttributeError, AttributeError),
    ],
)
def test_what_yfinance_raises(
    monkeypatch: pytest.MonkeyPatch, name: str, base: type[Exception], expected: type[Exception]
) -> None:
    stub(monkeypatch, failing(name, base))
    with pytest.raises(expected, match=r"told|requests"):
        yahoo.history("X", dt.date(2024, 1, 1), dt.date(2024, 7, 1))


def test_without_yfinance_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(MarketError, match=r"pip install 'style-rotation\[live\]'"):
        yahoo.history("X", dt.date(2024, 1, 1), dt.date(2024, 7, 1))
