"""Cboe's index files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeeds.market import MarketError
from datafeeds.sources import cboe

VIX = """DATE,OPEN,HIGH,LOW,CLOSE
01/02/1990,17.240000,17.240000,17.240000,17.240000
01/03/1990,18.1,18.2,18.0,18.19
"""


def test_vix_takes_the_close_and_is_known_the_same_day() -> None:
    assert cboe.rows(VIX, "vix").to_dict("records") == [
        {"series": "vix", "date": "1990-01-02", "available": "1990-01-02", "value": 17.24},
        {"series": "vix", "date": "1990-01-03", "available": "1990-01-03", "value": 18.19},
    ]


def test_skew() -> None:
    table = cboe.rows("DATE,SKEW\r\n01/03/1990,123.34\r\n01/02/1990,126.09\r\n", "skew")
    assert table["date"].tolist() == ["1990-01-02", "1990-01-03"]
    assert table["value"].tolist() == [126.09, 123.34]


def test_words_before_the_header_blanks_and_repeated_dates() -> None:
    rows = ("01/02/1990,126.09", "01/03/1990,", "01/04/1990", "01/02/1990,126.10")
    text = "\n".join(("\ufeffCboe SKEW Index,", "", "Date , Skew", *rows))
    table = cboe.rows(text, "skew")
    assert table["value"].tolist() == [126.10]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no values"),
        ("<html>blocked</html>", "no values"),
        ("DATE,CLOSE\n", "no values"),
        ("DATE,OPEN\n01/02/1990,1\n", "the columns are DATE, OPEN"),
        ("DATE,CLOSE\n1990-01-02,17\n", "line 2: '1990-01-02', '17' is not a date MM/DD/YYYY"),
        ("DATE,CLOSE\n01/02/1990,17\n13/01/1990,17\n", "line 3"),
        ("DATE,CLOSE\n01/02/1990,-1\n", "more than 0"),
        ("DATE,CLOSE\n01/02/1990,inf\n", "more than 0"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(MarketError, match=message) as caught:
        cboe.rows(text, "vix")
    assert str(caught.value).startswith("VIX_History.csv")


def test_addresses() -> None:
    assert cboe.address("vix") == "https://cdn.cboe.com/api/global/us_indices/daily_prices/VIX_History.csv"
    assert cboe.address("skew", "http://x").endswith("/SKEW_History.csv")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_rows_or_a_market_error(text: str) -> None:
    for place in (text, "DATE,CLOSE\n" + text):
        try:
            table = cboe.rows(place, "vix")
        except MarketError:
            continue
        assert len(table)
