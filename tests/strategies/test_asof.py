"""What a strategy sees ends at the decision moment."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market, MarketError
from strategies.asof import AsOf, Panel, once_a_session

SESSIONS = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-06-30"))


@pytest.fixture
def market():
    count = len(SESSIONS)
    close = pd.DataFrame(
        {"AAA": np.arange(1.0, count + 1), "BBB": 50.0, "IDX": 100.0, "NEW": np.nan}, index=SESSIONS
    )
    close.loc["2020-03-02":, "NEW"] = 7.0
    close.loc["2020-02-10", "BBB"] = np.nan
    rows = [
        ("AAA", "stock", "chips", "2020-02-03", "2020-03-31"),
        ("BBB", "stock", "banks", None, None),
        ("IDX", "index", "", None, None),
        ("NEW", "etf", "chips", None, None),
    ]
    columns = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]
    return Market.from_wide(
        "toy",
        close,
        instruments=pd.DataFrame(rows, columns=["symbol", "kind", "group", "from", "to"]),
        facts=pd.DataFrame([("AAA", "revenue", 2019, "FY", "2020-02-14", 400.0)], columns=columns),
        dividend=pd.DataFrame({"BBB": [0.0] * 4 + [1.0] + [0.0] * (count - 5)}, index=SESSIONS),
        series=pd.DataFrame(
            {
                "series": "oil",
                "date": SESSIONS[:-7],
                "available": SESSIONS[7:],
                "value": np.arange(count - 7.0),
            }
        ),
    )


def see(market, day, **settings):
    return AsOf(market, market.index_of(day), **settings)


def test_everything_ends_today(market):
    view = see(market, "2020-03-16")
    today = pd.Timestamp("2020-03-16")
    assert view.today == today
    for frame in (
        view.closes(10),
        view.returns(10),
        view.volumes(10),
        view.history("revenue_ttm", 10),
    ):
        assert len(frame) == 10
        assert frame.index[-1] == today
    assert len(view.closes(10_000)) == view.sessions_seen == view.since("1990-01-01")
    assert view.since("2020-03-16") == 1
    assert view.since("2020-03-17") == 0


def test_series_ends_with_what_was_available_not_with_what_was_dated(market):
    view = see(market, "2020-03-16")
    newest = view.series("oil", 3)
    assert newest.index[-1] == SESSIONS[market.index_of("2020-03-16") - 7]
    assert len(see(market, "2020-01-03").series("oil", 5)) == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.closes(5),
        lambda view: view.returns(5),
        lambda view: view.history("revenue_ttm", 5),
        lambda view: view.latest("revenue_ttm"),
        lambda view: view.series("oil", 5),
        lambda view: view.weights,
    ],
)
def test_answers_are_copies_that_reach_nothing_else(market, ask):
    view = see(market, "2020-03-16", weights=np.array([0.5, 0.2, 0.0, 0.0]))
    kept = [
        array.copy() for array in (market.close, market.mark, market.derived.get("revenue_ttm", np.zeros(0)))
    ]
    first = ask(view)
    untouched = first.copy()
    values = first.to_numpy(copy=False)
    base = values
    while isinstance(base.base, np.ndarray):
        base = base.base
    # The memory behind an answer holds the answer (and, for returns, one price more on the left), no more.
    assert base.size <= first.size + first.shape[-1]
    values = first.to_numpy(copy=False)
    values.setflags(write=True) if values.flags.owndata else None
    first.iloc[:] = -1.0
    again = ask(view)
    (pd.testing.assert_frame_equal if again.ndim == 2 else pd.testing.assert_series_equal)(again, untouched)
    for before, array in zip(kept, (market.close, market.mark), strict=False):
        np.testing.assert_array_equal(before, array)


def test_no_attribute_leads_to_the_market(market):
    view = see(market, "2020-03-16")
    assert not hasattr(view, "__dict__")
    reached = [getattr(view, name) for name in dir(view) if not name.startswith("__")]
    assert not [value for value in reached if isinstance(value, Market)]
    assert not [thing for thing in gc.get_referents(view) if isinstance(thing, Market | np.ndarray)]


def test_a_figure_reaches_a_strategy_the_session_after_its_filing(market):
    assert np.isnan(see(market, "2020-02-14").latest("revenue_ttm", symbols=["AAA"])["AAA"])
    assert see(market, "2020-02-18").latest("revenue_ttm", symbols=["AAA"])["AAA"] == 400


@pytest.mark.parametrize(
    ("ask", "nearest"),
    [
        (
            lambda view: view.latest("revenue_tm"),
            "no fact 'revenue_tm' in market 'toy'; did you mean 'revenue_ttm'?",
        ),
        (lambda view: view.history("Revenue", 5), "did you mean 'revenue'"),
        (lambda view: view.series("oill"), "no series 'oill' in market 'toy'; did you mean 'oil'?"),
        (lambda view: view.members("bank"), "no group 'bank' in market 'toy'; did you mean 'banks'?"),
        (
            lambda view: view.closes(5, symbols=["AAAA"]),
            "no symbol 'AAAA' in market 'toy'; did you mean 'AAA'?",
        ),
        (lambda view: view.closes(0), "at least 1"),
    ],
)
def test_unknown_names_suggest_the_nearest(market, ask, nearest):
    with pytest.raises(MarketError) as caught:
        ask(see(market, "2020-03-16"))
    assert nearest in str(caught.value)


def test_members_trade_and_belong_today(market):
    assert see(market, "2020-01-31").members() == ["BBB"]  # AAA belongs to nothing before February
    assert see(market, "2020-02-03").members("chips") == ["AAA"]
    assert see(market, "2020-03-31").members("chips") == ["AAA", "NEW"]
    assert see(market, "2020-04-01").members("chips") == ["NEW"]
    assert see(market, "2020-02-10").members("banks") == []  # no close that day
    assert see(market, "2020-03-16").members(kind="index") == ["IDX"]
    assert see(market, "2020-03-16").members(kind="etf") == ["NEW"]


@pytest.fixture(scope="module")
def dated():
    """A changes its industry, sector and company in February; B's row ended; C and D are said of later."""
    rows = [
        ("A", "New Sector", "New Industry", "NewCo", "2020-02-17", None),
        ("A", "Old Sector", "Old Industry", "OldCo", None, "2020-02-16"),
        ("B", "Old Sector", "Old Industry", "OldCo", None, "2020-01-31"),
        ("B", "Gone Sector", "Gone Industry", "GoneCo", None, "2020-01-10"),
        ("C", "Late Sector", "Late Industry", "LateCo", "2020-03-02", None),
        ("D", "Unlisted Sector", "Unlisted Industry", "", None, None),
    ]
    columns = ["symbol", "sector", "industry", "company", "from", "to"]
    close = pd.DataFrame(10.0, SESSIONS, list("ABCD"))
    close.loc[:"2020-03-13", "D"] = np.nan
    instruments = pd.DataFrame(rows, columns=columns).assign(kind="stock")
    return Market.from_wide("dated", close, instruments=instruments)


DATED = {
    "2020-01-02": (["A", "B"], [], {"A": "OldCo", "B": "OldCo", "C": "C", "D": "D"}),
    "2020-02-14": (["A"], [], {"A": "OldCo", "B": "OldCo", "C": "C", "D": "D"}),
    "2020-02-18": ([], ["A"], {"A": "NewCo", "B": "OldCo", "C": "C", "D": "D"}),
    "2020-03-02": ([], ["A"], {"A": "NewCo", "B": "OldCo", "C": "LateCo", "D": "D"}),
}
"""Members of the old and the new industry, and companies, by day."""


@pytest.mark.parametrize("day", DATED)
def test_industries_and_companies_are_those_of_the_day(dated, day):
    old, new, companies = DATED[day]
    for view in (see(dated, day), see(dated, day)):
        assert view.members(industries=["Old Industry"]) == old
        assert view.members(industries=(name for name in ["New Industry", "Typo"])) == new
        assert view.members(industries=["New Industry", "Old Industry"], kind="stock") == sorted([*old, *new])
        assert view.members(industries=[]) == view.members(kind="etf", industries=["Old Industry"]) == []
        assert view.companies("ABCD").to_dict() == companies
        assert view.arrays.companies("DCBA") == [*companies.values()][::-1]
    assert see(dated, day).companies([]).tolist() == []


@pytest.mark.parametrize(
    ("day", "sectors"),
    [
        ("2020-01-02", ("Gone Sector", "Old Sector")),
        ("2020-02-14", ("Old Sector",)),
        ("2020-02-18", ("New Sector",)),
        ("2020-03-02", ("Late Sector", "New Sector")),
        ("2020-03-16", ("Late Sector", "New Sector", "Unlisted Sector")),
    ],
)
def test_sectors_are_those_of_what_has_traded_by_the_day(dated, day, sectors):
    assert see(dated, day).sectors == sectors


def test_a_series_without_a_value_yet_is_known_by_its_name(market):
    view = see(market, str(SESSIONS[6].date()))
    assert (view.has_series("oil"), view.series("oil", 20).tolist()) == (False, [])
    nothing = replace(market, series=market.series.assign(value=np.nan), hash="")
    assert see(nothing, "2020-03-16").series("oil").empty


def test_returns_include_dividends_and_stand_still_without_a_bar(market):
    returns = see(market, "2020-02-12").returns(40, symbols=["BBB"])["BBB"]
    assert returns[SESSIONS[4]] == pytest.approx(1 / 50)
    assert returns["2020-02-10"] == 0.0


def test_weights_name_the_held(market):
    weights = see(market, "2020-03-16", weights=np.array([0.5, 0.0, 0.0, 0.25])).weights
    assert weights.to_dict() == {"AAA": 0.5, "NEW": 0.25}
    assert see(market, "2020-03-16").weights.empty


def test_has(market):
    view = see(market, "2020-01-02")
    assert not view.has("revenue_ttm")  # nothing is filed yet
    assert not view.has_series("oil")
    view = see(market, "2020-02-18")
    assert view.has("revenue_ttm")
    assert not view.has("price_to_sales")
    assert view.has_series("oil")
    assert not view.has_series("skew")
    assert view.groups == ("banks", "chips")


SYMBOLS = ["NEW", "AAA", "BBB"]


@pytest.mark.parametrize(
    ("plain", "framed"),
    [
        (lambda see: see.arrays.closes(20, SYMBOLS), lambda see: see.closes(20, symbols=SYMBOLS)),
        (lambda see: see.arrays.returns(500, SYMBOLS), lambda see: see.returns(500, symbols=SYMBOLS)),
        (
            lambda see: see.arrays.history("revenue_ttm", 30, SYMBOLS),
            lambda see: see.history("revenue_ttm", 30, symbols=SYMBOLS),
        ),
        (
            lambda see: see.arrays.latest("revenue_ttm", SYMBOLS),
            lambda see: see.latest("revenue_ttm", symbols=SYMBOLS),
        ),
        (lambda see: see.arrays.sessions(20), lambda see: see.closes(20).index),
    ],
)
def test_arrays_are_what_frames_hold_and_nobody_elses(market, plain, framed):
    view = see(market, "2020-03-16")
    array, frame = plain(view), framed(view)
    np.testing.assert_array_equal(array, frame.to_numpy())
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert base.size <= array.size + array.shape[-1]
    array[:] = array[0]
    np.testing.assert_array_equal(plain(view), frame.to_numpy())


@pytest.mark.parametrize("back", [0, 1, 19, 100_000])
def test_closes_of_one_session_are_a_row_of_the_frame_and_of_the_panel(market, back):
    view = see(market, "2020-03-16")
    today = market.index_of("2020-03-16")
    row = view.arrays.close(SYMBOLS, back=back)
    panel = Panel(market, np.array([today])).closes(back)
    np.testing.assert_array_equal(row, panel[0, market.columns_of(SYMBOLS)])
    if back <= today:
        np.testing.assert_array_equal(row, view.closes(back + 1, symbols=SYMBOLS).to_numpy()[0])
    row[:] = 0.0
    assert not (view.arrays.close(SYMBOLS, back=back) == 0.0).any()


def test_whoever_names_the_same_symbols_again_is_told_the_same_and_others_their_own(market):
    view, fewer = see(market, "2020-03-16"), Market.from_wide("fewer", pd.DataFrame({"BBB": 7.0}, SESSIONS))
    names = list(SYMBOLS)
    first = view.arrays.close(names)
    np.testing.assert_array_equal(view.arrays.close(iter(names)), first)
    names.reverse()
    np.testing.assert_array_equal(view.arrays.close(names), first[::-1])
    assert AsOf(fewer, 0).arrays.close(["BBB"]).tolist() == [7.0]
    assert view.arrays.close(["BBB"]).tolist() == [view.closes(1)["BBB"].iloc[0]]
    for wrong in (["BBB", "ABC"], ["ABC"]):
        with pytest.raises(MarketError, match="no symbol 'ABC'"):
            view.arrays.close(wrong)
    assert view.arrays.close([]).tolist() == []


def test_a_close_to_come_can_not_be_asked_for(market):
    with pytest.raises(MarketError, match="lies after the decision"):
        see(market, "2020-03-16").arrays.close(SYMBOLS, back=-1)


def test_what_was_asked_once_a_session_is_remembered_without_the_account(market):
    asked = []

    @once_a_session
    def dearest(view: AsOf, symbols: tuple[str, ...], sessions: int = 5) -> str:
        asked.append((view.today, view.weights.to_dict(), view.previous))
        return str(view.closes(sessions, symbols=symbols).iloc[-1].idxmax())

    for held in (0.5, 0.9):
        view = see(market, "2020-03-16", weights=np.array([held, 0.0, 0.0, 0.0]))
        assert dearest(view, ("AAA", "BBB")) == "AAA"
        assert dearest(view, ("BBB",)) == "BBB"
    assert len(asked) == 2
    assert all(weights == {} and previous is None for _, weights, previous in asked)
    assert dearest(see(market, "2020-01-06"), ("AAA", "BBB")) == "BBB"
    assert dearest(see(market, "2020-01-06"), ("AAA", "BBB"), sessions=1) == "BBB"
    assert len(asked) == 4
    with pytest.raises(TypeError, match="hash"):
        dearest(see(market, "2020-01-06"), ["AAA"])


def test_bars_and_dividends_stand_on_todays_split_basis_and_end_today():
    days = SESSIONS[:6]
    adjusted = pd.DataFrame({"AAA": [10.0, 11, 12, 13, 14, 15]}, index=days)
    splits = pd.DataFrame({"symbol": ["AAA", "AAA"], "date": days[[2, 5]], "ratio": [2.0, 10.0]})
    bars = {"open": adjusted - 0.5, "high": adjusted + 1, "low": adjusted - 1, "dividend": adjusted / 100}
    market = Market.from_wide("bars", adjusted, splits=splits, source="made", **bars)
    see = AsOf(market, 3)
    # The split of the sixth day is not known on the fourth: prices are ten times what they are adjusted to.
    assert see.opens(2)["AAA"].tolist() == [115, 125]
    assert see.highs(2)["AAA"].tolist() == [130, 140]
    assert see.lows(2)["AAA"].tolist() == [110, 120]
    assert see.dividends(2)["AAA"].tolist() == pytest.approx([1.2, 1.3])
    assert see.highs(10).index[-1] == see.today
    # The first two days were before the split of the third, which today's basis holds and theirs did not.
    assert see.closes(4)["AAA"].tolist() == [100, 110, 120, 130]
    assert see.traded_closes(4)["AAA"].tolist() == [200, 220, 120, 130]
