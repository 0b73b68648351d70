"""FRED's and Cboe's files: format, missing values, and when each value became public."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeeds.market import MarketError
from datafeeds.sources.daily_series import DAILY_SERIES
from datafeeds.sources.download import Sites


def rows(text: str, series: str) -> pd.DataFrame:
    return DAILY_SERIES[series].rows(text)


def lines(*rows: str, header: str = "observation_date,DGS10") -> str:
    return "\n".join((header, *rows)) + "\n"


@pytest.mark.parametrize("header", ["observation_date,DGS10", "DATE,DGS10", "\ufeffobservation_date,DGS10"])
def test_both_headers_and_both_ways_to_miss_a_value(header: str) -> None:
    table = rows(
        lines("2024-01-04,4.0", "2024-01-02,3.95", "2024-01-03,.", "2024-01-01,", header=header), "us10y"
    )
    assert table.to_dict("records") == [
        {"series": "us10y", "date": "2024-01-02", "available": "2024-01-03", "value": 3.95},
        {"series": "us10y", "date": "2024-01-04", "available": "2024-01-05", "value": 4.0},
    ]


def test_windows_line_ends_and_blank_lines() -> None:
    table = rows("observation_date,DGS10\r\n2024-01-02,3.95\r\n\r\n", "us10y")
    assert table["value"].tolist() == [3.95]


@pytest.mark.parametrize(
    ("series", "date", "available"),
    [
        ("us10y", "2024-01-05", "2024-01-08"),  # a Friday: published on Monday
        ("us2y", "2023-10-06", "2023-10-10"),  # Columbus Day between
        ("us3m", "2024-07-03", "2024-07-05"),  # Independence Day between
        ("hy_oas", "2008-09-01", "2008-09-02"),  # a value for Labor Day itself
        ("hy_oas", "2024-03-30", "2024-04-01"),  # a value for a Saturday
        ("brent", "2024-01-02", "2024-01-10"),  # a Tuesday: out on Wednesday of the next week
        ("brent", "2023-12-24", "2024-01-02"),  # New Year's Day between
    ],
)
def test_when_a_value_became_public(series: str, date: str, available: str) -> None:
    known = DAILY_SERIES[series].available(np.array([date], dtype="datetime64[D]"))
    assert str(known[0]) == available


@settings(deadline=None)
@given(
    st.lists(st.dates(), min_size=1, max_size=20).map(
        lambda days: [day for day in days if 1971 < day.year < 2199]
    )
)
def test_nothing_is_public_before_its_date(days: list[object]) -> None:
    dates = np.array([str(day) for day in days] or ["2020-01-01"], dtype="datetime64[D]")
    for series in DAILY_SERIES.values():
        known = series.available(dates)
        if series.site == "cboe":
            assert (known == dates).all()
        else:
            assert (known > dates).all()
            assert np.is_busday(known).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no values"),
        ("<html>blocked</html>", "no values"),
        ("observation_date,DGS2\n2024-01-02,1\n", "DGS10 is needed: the address no longer gives this series"),
        (lines("2024-01-02,.", "2024-01-03,"), "no values"),
        (lines("2024-01-02,high"), "line 2: '2024-01-02', 'high'"),
        (lines("2024-01-02,1.0", "01/03/2024,1.0"), "line 3: '01/03/2024'"),
        (lines("2024-02-30,1.0"), "line 2"),
        (lines("2024-01-02,nan"), "not a finite number"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(MarketError, match=message) as caught:
        rows(text, "us10y")
    assert str(caught.value).startswith("us10y")


def test_addresses_and_names() -> None:
    site = Sites(cboe="http://x")
    assert site.address(DAILY_SERIES["us10y"]) == "https://fred.stlouisfed.org/graph/fredgraph.csv?id=DGS10"
    assert site.address(DAILY_SERIES["vix"]) == "http://x/api/global/us_indices/daily_prices/VIX_History.csv"
    assert list(DAILY_SERIES) == ["us10y", "us2y", "us3m", "brent", "hy_oas", "vix", "skew"]


@pytest.mark.parametrize(
    ("series", "header"), [("us10y", "observation_date,DGS10\n"), ("vix", "DATE,CLOSE\n")]
)
@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_gives_rows_or_a_market_error(series: str, header: str, text: str) -> None:
    for place in (text, header + text):
        try:
            table = rows(place, series)
        except MarketError:
            continue
        assert len(table)


# Cboe

VIX = """DATE,OPEN,HIGH,LOW,CLOSE
01/02/1990,17.240000,17.240000,17.240000,17.240000
01/03/1990,18.1,18.2,18.0,18.19
"""


def test_vix_takes_the_close_and_is_known_the_same_day() -> None:
    assert rows(VIX, "vix").to_dict("records") == [
        {"series": "vix", "date": "1990-01-02", "available": "1990-01-02", "value": 17.24},
        {"series": "vix", "date": "1990-01-03", "available": "1990-01-03", "value": 18.19},
    ]


def test_skew() -> None:
    table = rows("DATE,SKEW\r\n01/03/1990,123.34\r\n01/02/1990,126.09\r\n", "skew")
    assert table["date"].tolist() == ["1990-01-02", "1990-01-03"]
    assert table["value"].tolist() == [126.09, 123.34]


def test_words_before_the_header_blanks_and_repeated_dates() -> None:
    days = ("01/02/1990,126.09", "01/03/1990,", "01/04/1990", "01/02/1990,126.10")
    text = "\n".join(("\ufeffCboe SKEW Index,", "", "Date , Skew", *days))
    table = rows(text, "skew")
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
        ("DATE,CLOSE\n01/02/1990,inf\n", "not a finite number"),
    ],
)
def test_an_index_file_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(MarketError, match=message) as caught:
        rows(text, "vix")
    assert str(caught.value).startswith("vix")
