"""FRED's files: format, missing values, and when each value became public."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeeds.market import MarketError
from datafeeds.sources import fred


def lines(*rows: str, header: str = "observation_date,DGS10") -> str:
    return "\n".join((header, *rows)) + "\n"


@pytest.mark.parametrize("header", ["observation_date,DGS10", "DATE,DGS10", "\ufeffobservation_date,DGS10"])
def test_both_headers_and_both_ways_to_miss_a_value(header: str) -> None:
    table = fred.rows(
        lines("2024-01-04,4.0", "2024-01-02,3.95", "2024-01-03,.", "2024-01-01,", header=header), "us10y"
    )
    assert table.to_dict("records") == [
        {"series": "us10y", "date": "2024-01-02", "available": "2024-01-03", "value": 3.95},
        {"series": "us10y", "date": "2024-01-04", "available": "2024-01-05", "value": 4.0},
    ]


def test_windows_line_ends_and_blank_lines() -> None:
    table = fred.rows("observation_date,DGS10\r\n2024-01-02,3.95\r\n\r\n", "us10y")
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
    release = fred.RELEASES[series]
    assert str(fred.available(np.array([date], dtype="datetime64[D]"), release)[0]) == available


@settings(deadline=None)
@given(
    st.lists(st.dates(), min_size=1, max_size=20).map(
        lambda days: [day for day in days if 1971 < day.year < 2199]
    )
)
def test_nothing_is_public_before_its_date(days: list[object]) -> None:
    dates = np.array([str(day) for day in days] or ["2020-01-01"], dtype="datetime64[D]")
    for release in fred.RELEASES.values():
        known = fred.available(dates, release)
        assert (known > dates).all()
        assert np.is_busday(known).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header is ''"),
        ("<html>blocked</html>", "no longer gives this series"),
        ("observation_date,DGS2\n2024-01-02,1\n", "not 'observation_date,DGS10'"),
        (lines("2024-01-02,.", "2024-01-03,"), "no values at all"),
        (lines("2024-01-02,high"), "line 2: '2024-01-02', 'high'"),
        (lines("2024-01-02,1.0", "01/03/2024,1.0"), "line 3: '01/03/2024'"),
        (lines("2024-02-30,1.0"), "line 2"),
        (lines("2024-01-02,nan"), "not a finite number"),
        (lines("2024-01-02,1,2"), "3 values instead of 2"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(MarketError, match=message) as caught:
        fred.rows(text, "us10y")
    assert str(caught.value).startswith("FRED DGS10")


def test_addresses_and_names() -> None:
    assert fred.address("us10y") == "https://fred.stlouisfed.org/graph/fredgraph.csv?id=DGS10"
    assert fred.address("hy_oas", "http://x").endswith("?id=BAMLH0A0HYM2")
    assert list(fred.RELEASES) == ["us10y", "us2y", "us3m", "brent", "hy_oas"]


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_rows_or_a_market_error(text: str) -> None:
    for place in (text, "observation_date,DGS10\n" + text):
        try:
            table = fred.rows(place, "us10y")
        except MarketError:
            continue
        assert len(table)
