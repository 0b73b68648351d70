"""Members of indices by date, against what is known of them from outside."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest

from datafeeds import universe
from datafeeds.calendars import exchange_sessions
from datafeeds.index_members import INDICES, held_by_year, index_members, indices_held, members_on
from datafeeds.market import MarketError


@pytest.mark.parametrize(
    ("index", "symbol", "day", "inside"),
    [
        # S&P Dow Jones Indices' announcements.
        ("sp500", "TSLA", "2020-12-18", False),
        ("sp500", "TSLA", "2020-12-21", True),
        ("sp500", "META", "2013-12-20", False),
        ("sp500", "META", "2013-12-23", True),  # as FB until June 2022
        ("sp500", "BRK-B", "2010-02-12", False),
        ("sp500", "BRK-B", "2010-02-16", True),
        ("sp500", "LEH", "2008-09-12", True),
        ("sp500", "LEH", "2008-09-16", False),
        ("dow30", "AAPL", "2015-03-18", False),
        ("dow30", "AAPL", "2015-03-19", True),
        ("dow30", "GE", "2018-06-25", True),
        ("dow30", "GE", "2018-06-26", False),
        ("nasdaq100", "TSLA", "2013-07-12", False),
        ("nasdaq100", "TSLA", "2013-07-15", True),
    ],
)
def test_who_was_a_member_when(index: str, symbol: str, day: str, inside: bool) -> None:
    assert (symbol in members_on(index, dt.date.fromisoformat(day))) == inside


@pytest.mark.parametrize("index", INDICES)
def test_stays_end_after_they_begin_and_never_overlap(index: str) -> None:
    stays = index_members(index)
    assert all(stay.stop is None or stay.start <= stay.stop for stay in stays)
    for before, after in pairwise(stays):
        if before.symbol == after.symbol:
            assert before.stop is not None
            assert before.stop < after.start


@pytest.mark.parametrize(("index", "size"), [("sp500", 500), ("dow30", 30), ("nasdaq100", 100)])
def test_an_index_has_its_size(index: str, size: int) -> None:
    for year in range(2010, 2026):
        assert size * 0.99 <= len(members_on(index, dt.date(year, 6, 30))) <= size * 1.1


def test_nothing_is_claimed_about_days_before_the_first_known() -> None:
    assert members_on("sp500", dt.date(2004, 12, 29)) == frozenset()


def test_an_unknown_index() -> None:
    with pytest.raises(MarketError, match="no index 'sp5000'; did you mean 'sp500'"):
        index_members("sp5000")


def test_a_universe_means_each_days_members() -> None:
    document = {"name": "index", "groups": {"large": {"members": "sp500"}}}
    members = universe.parse(document, "index.toml").members
    tesla = [member for member in members if member.symbol == "TSLA"]
    assert [(member.start, member.stop) for member in tesla] == [(dt.date(2020, 12, 21), None)]
    for index in INDICES:
        assert universe.parse({"name": "x", "groups": {"all": {"members": index}}}, "x.toml").symbols
    with pytest.raises(MarketError, match=r"groups\.large\.members = 'sp5': no index 'sp5'"):
        universe.parse({"name": "x", "groups": {"large": {"members": "sp5"}}}, "x.toml")


def test_the_share_of_a_years_members_that_a_market_holds() -> None:
    sessions = exchange_sessions("2010-01-04", "2012-12-31")
    dow = sorted(members_on("dow30", dt.date(2012, 12, 31)))
    traded = np.ones((len(sessions), len(dow)), dtype=bool)
    shares = held_by_year("dow30", sessions, tuple(dow), traded)
    # Kraft left for UnitedHealth in September 2012.
    assert shares == {
        2010: pytest.approx(29 / 30),
        2011: pytest.approx(29 / 30),
        2012: pytest.approx(29 / 30),
    }
    (held,) = indices_held(sessions, tuple(dow), traded)
    assert held.index == "dow30"
    assert str(held).startswith(
        "Of the Dow Jones Industrial Average's members 97% of 2012's are here, and 97% of"
    )
    assert "97% of 2011's" in held.by_year()
    assert indices_held(sessions, tuple(dow[:10]), traded[:, :10]) == ()
