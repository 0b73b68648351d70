"""The market: hash, membership, exchange calendar, marks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions, next_exchange_session
from datafeeds.market import Finding, Market, MarketError

SESSIONS = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-01-31"))


def build(**changes):
    close = pd.DataFrame({"AAA": np.arange(1.0, len(SESSIONS) + 1), "BBB": 5.0}, index=SESSIONS)
    tables = {
        "close": close,
        "instruments": pd.DataFrame({"symbol": ["AAA", "BBB"], "kind": "stock", "group": ["x", "y"]}),
        "facts": pd.DataFrame(
            [("AAA", "revenue", 2019, "FY", "2020-01-06", 4.0)],
            columns=["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"],
        ),
        "splits": pd.DataFrame({"symbol": ["AAA"], "date": ["2020-01-10"], "ratio": [2.0]}),
        "series": pd.DataFrame(
            {"series": ["vix"], "date": ["2020-01-02"], "available": ["2020-01-02"], "value": [12.0]}
        ),
    }
    tables.update(changes)
    return Market.from_wide("toy", tables.pop("close"), **tables)


def test_the_same_content_has_the_same_hash():
    assert build().hash == build().hash
    assert len(build().hash) == 64


def test_the_order_of_facts_does_not_matter_to_the_hash():
    rows = [
        ("AAA", "revenue", 2019, "Q1", "2020-01-06", 4.0),
        ("AAA", "revenue", 2019, "Q2", "2020-01-09", 5.0),
    ]
    columns = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]
    one, other = (pd.DataFrame(order, columns=columns) for order in (rows, rows[::-1]))
    assert build(facts=one).hash == build(facts=other).hash


def test_every_part_of_the_content_changes_the_hash():
    close = pd.DataFrame({"AAA": np.arange(1.0, len(SESSIONS) + 1), "BBB": 5.0}, index=SESSIONS)
    nudged = close.copy()
    nudged.iloc[3, 1] = np.nextafter(5.0, 6.0)
    columns = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]
    variants = [
        build(),
        build(close=nudged),
        build(close=close.rename(columns={"BBB": "BBC"}), instruments=None),
        build(close=close.iloc[:-1]),
        build(volume=pd.DataFrame(1.0, index=SESSIONS, columns=["AAA", "BBB"])),
        build(open=close),
        build(adjustment="total_return"),
        build(instruments=pd.DataFrame({"symbol": ["AAA"], "kind": "stock", "group": ["z"]})),
        build(facts=pd.DataFrame([("AAA", "revenue", 2019, "FY", "2020-01-07", 4.0)], columns=columns)),
        build(splits=pd.DataFrame({"symbol": ["AAA"], "date": ["2020-01-10"], "ratio": [3.0]})),
        build(series=None),
    ]
    assert len({variant.hash for variant in variants}) == len(variants)


def test_arrays_are_read_only():
    market = build()
    for array in (market.close, market.open, market.volume, market.dividend, market.mark, market.sessions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_membership_dates_are_inclusive():
    rows = [
        ("AAA", "stock", "x", "2020-01-06", "2020-01-10"),
        ("AAA", "stock", "y", "2020-01-13", None),
        ("BBB", "stock", "x", None, "2020-01-06"),
    ]
    market = build(instruments=pd.DataFrame(rows, columns=["symbol", "kind", "group", "from", "to"]))

    def members(group, day):
        return market.membership(group, market.index_of(day)).tolist()

    assert members("x", "2020-01-03") == [False, True]
    assert members("x", "2020-01-06") == [True, True]
    assert members("x", "2020-01-07") == [True, False]
    assert members("x", "2020-01-10") == [True, False]
    assert members("x", "2020-01-13") == [False, False]
    assert members(None, "2020-01-13") == [True, False]
    assert market.groups == ("x", "y")


@pytest.mark.parametrize(
    ("day", "is_session"),
    [
        ("2001-09-11", False),  # closed from that day on,
        ("2001-09-14", False),
        ("2001-09-17", True),  # to that Monday
        ("2012-10-29", False),  # hurricane Sandy
        ("2018-12-05", False),  # day of mourning for George H. W. Bush
        ("2021-06-18", True),
        ("2022-06-20", False),  # the first Juneteenth holiday
        ("2020-07-03", False),  # Independence Day observed
        ("2020-11-27", True),  # half a day
        ("2020-02-29", False),
    ],
)
def test_exchange_sessions(day, is_session):
    assert (np.datetime64(day) in exchange_sessions("2000-01-01", "2022-12-31")) is is_session


def test_exchange_sessions_include_both_ends():
    sessions = exchange_sessions("2019-12-31", "2020-01-02")
    assert sessions.astype(str).tolist() == ["2019-12-31", "2020-01-02"]
    assert len(exchange_sessions("2020-01-01", "2020-12-31")) == 253
    assert str(next_exchange_session(np.datetime64("2022-12-23"))) == "2022-12-27"
    assert str(build().next_session) == "2020-02-03"


def test_marks_carry_the_last_close_and_never_a_later_one():
    close = pd.DataFrame({"AAA": [np.nan, 2.0, np.nan, 4.0]}, index=SESSIONS[:4])
    market = build(close=close, instruments=None, facts=None, splits=None)
    np.testing.assert_array_equal(market.mark[:, 0], [np.nan, 2.0, 2.0, 4.0])
    assert market.last_bar.tolist() == [3]


def test_instruments_without_prices_are_named():
    with pytest.raises(MarketError, match="symbols without prices: ZZZ"):
        build(instruments=pd.DataFrame({"symbol": ["ZZZ"], "kind": "stock"}))


def test_findings_read_as_a_sentence():
    finding = Finding("quarantined", "share count scale", "too large; left out", "AMD", "2012-08-02")
    assert str(finding) == "quarantined: share count scale: AMD 2012-08-02: too large; left out"
