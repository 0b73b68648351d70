"""What the blueprint adds to its own tearsheet."""

import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.blueprint import Blueprint
from strategies.target import Target
from strategies.valuation_exhibit import changed_cuts


@pytest.fixture(scope="module")
def filed():
    """Two companies with filed sales, one dear."""
    sessions = exchange_sessions("2015-01-02", "2018-12-31")
    quarters = pd.date_range("2014-02-01", "2018-12-31", freq="QS-FEB")
    facts = pd.DataFrame(
        [
            (symbol, concept, date.year, f"Q{date.quarter}", date, value, date - pd.Timedelta(days=32))
            for symbol, sales in (("CHIP", 20.0), ("SOFT", 60.0))
            for date in quarters
            for concept, value in (("revenue", sales), ("shares_outstanding", 10.0))
        ],
        columns=["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value", "period_end"],
    )
    close = pd.DataFrame(50.0, index=pd.DatetimeIndex(sessions), columns=["CHIP", "SOFT"])
    groups = pd.DataFrame({"symbol": ["CHIP", "SOFT"], "kind": "stock", "group": ["ai_hardware", "software"]})
    return Market.from_wide("filed", close, instruments=groups, facts=facts)


def targets_of(market, *kept):
    """Decisions a quarter apart that keep shares of CHIP."""
    days = pd.DatetimeIndex(market.sessions[::63])
    return {
        day: Target({"CHIP": 0.5, "SOFT": 0.5}, why="base").scale({"CHIP": share}, why="cut")
        for day, share in zip(days, kept, strict=False)
    }


def test_the_chart_has_the_median_the_norm_and_the_changed_cuts(filed):
    targets = targets_of(filed, 1.0, 0.5, 0.5, 1.0)
    exhibit, *_ = Blueprint().exhibits(AsOf(filed, len(filed.sessions) - 1), targets)
    assert list(exhibit.series) == ["AI hardware (median)", "norm"]
    assert exhibit.series["norm"].iloc[-1] == pytest.approx(50 * 10 / (4 * 60.0))
    assert exhibit.series["AI hardware (median)"].index[0] == min(targets)
    assert list(exhibit.marks) == [list(targets)[1], list(targets)[3]]
    assert "was above the norm on 100.0%" in exhibit.text


def test_it_says_why_it_is_missing(filed):
    bare = Market.from_wide(
        "bare", pd.DataFrame(1.0, index=pd.DatetimeIndex(filed.sessions), columns=["CHIP"])
    )
    exhibit, *_ = Blueprint().exhibits(AsOf(bare, 100), targets_of(filed, 1.0))
    assert not exhibit.series
    assert "filed figures are missing" in exhibit.text
    (undecided,) = Blueprint().exhibits(AsOf(filed, 100), {})
    assert "nothing was decided" in undecided.text


def test_a_group_that_was_never_held_changes_no_cut(filed):
    assert len(changed_cuts(targets_of(filed, 1.0, 0.5), ["OTHER"])) == 0
