"""What a sealed process holds at each decision: the run's market up to today, and nothing of it behind."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from backtests.authoring.sealed import market as growing
from backtests.authoring.sealed.market import (
    AHEAD,
    PIECE,
    PRICES,
    SLACK,
    Future,
    Holder,
    News,
    Sender,
    Words,
)
from datafeeds.facts import DERIVED, concepts_behind, fact, median_name, names, worked_out
from datafeeds.market import Market
from datafeeds.series import series_names, series_table
from strategies.asof import AsOf, LookedAt, looked_at
from tests.backtests.authoring.cheaters import small_market

TABLE = pd.DataFrame(
    {
        "word": ["one", "other"] * 100,
        "score": np.arange(200.0),
        "available": pd.date_range("2018-01-01", periods=200, freq="3D").astype("datetime64[s]"),
    }
)

NEVER = pd.Timestamp("2200-01-01")
"""Day of the rows that stand for a name of which nothing is known yet."""


@pytest.fixture(scope="module", params=["small", "sample"])
def market(request: pytest.FixtureRequest, sample: Market) -> Market:
    return small_market() if request.param == "small" else sample


def sessions(market: Market) -> list[int]:
    return [*range(20, len(market.sessions) - 1, len(market.sessions) // 9), len(market.sessions) - 1]


def public(table: pd.DataFrame, day: str, last: np.datetime64, *, today: bool) -> pd.DataFrame:
    days = table[day].to_numpy().astype("datetime64[D]")
    return table[days <= last if today else days < last]


def taken(holder: Holder, news: News, *, from_filings: bool = False) -> Market:
    holder.add(news)
    return holder.market(from_filings=from_filings)


@pytest.mark.parametrize("future", get_args(Future))
@pytest.mark.parametrize("piece", [PIECE, 1 << 18], ids=["whole", "in pieces"])
def test_it_holds_the_past_to_the_last_bit(
    market: Market, future: Future, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "PIECE", piece)
    sender = Sender(market, {"scores": TABLE})
    holder = Holder(sender.shape, future, seed=3)
    for session in sessions(market):
        for news in sender.pieces(session):
            holder.add(news)
        held, own = holder.market(from_filings=False), holder.own_tables()
        today = market.sessions[session]
        until = slice(session + 1)
        for name in (*PRICES, "mark", "traded_factor"):
            assert getattr(held, name)[until].tobytes() == getattr(market, name)[until].tobytes(), name
        assert np.array_equal(held.sessions[until], market.sessions[until])
        assert len(held.sessions) == session + 1 + AHEAD * (future != "absent")
        facts = public(market.facts, "known", today, today=False)
        rows = ["symbol", "concept", "fiscal_year", "fiscal_period", "value"]
        known = held.facts[held.facts["known"].to_numpy().astype("datetime64[D]") < today]
        assert sorted(map(tuple, known[rows].to_numpy())) == sorted(map(tuple, facts[rows].to_numpy()))
        for name in series_names(market):
            if series_table(market, name).available[0] <= today:
                whole, cut = series_table(market, name), series_table(held, name)
                count = int((whole.available <= today).sum())
                assert np.array_equal(cut.values[:count], whole.values[:count])
        for group in market.groups:
            assert np.array_equal(held.membership(group, session), market.membership(group, session))
        assert own["scores"].equals(public(TABLE, "available", today, today=True).reset_index(drop=True))


@pytest.mark.parametrize("future", ["shuffled", "scaled"])
def test_what_stands_behind_today_is_false(sample: Market, future: Future) -> None:
    sender = Sender(sample, {})
    holder = Holder(sender.shape, future, seed=3)
    session = sample.index_of("2018-06-29")
    for each in (session - 700, session):
        held = taken(holder, sender.until(each))
    behind = held.close[session + 1 :]
    assert not np.array_equal(behind, sample.close[session + 1 : session + 1 + AHEAD], equal_nan=True)
    later = held.facts["known"].between(pd.Timestamp(sample.sessions[session]), NEVER, inclusive="neither")
    assert later.any()
    assert held.facts["withdrawn"][later].isna().all()


def test_a_figure_found_wrong_later_is_not_known_to_be_wrong_before(sample: Market) -> None:
    withdrawn = sample.facts["withdrawn"].copy()
    place = int(np.flatnonzero(sample.facts["known"] > pd.Timestamp("2012-01-01"))[0])
    found = sample.sessions[sample.index_of(sample.facts["known"][place]) + 300]
    withdrawn[place] = pd.Timestamp(found)
    market = Market(
        **{
            **{name: getattr(sample, name) for name in sample.__dataclass_fields__},
            "facts": sample.facts.assign(withdrawn=withdrawn),
            "derived": {},
        }
    )
    sender = Sender(market, {})
    holder = Holder(sender.shape, "absent", seed=1)
    day = market.index_of(found)
    before = taken(holder, sender.until(day), from_filings=True)
    assert not (before.facts["withdrawn"] < NEVER).any()
    after = taken(holder, sender.until(day + 1), from_filings=True)
    assert (after.facts["withdrawn"] < NEVER).sum() == 1


def test_facts_are_worked_out_from_what_is_filed_by_today(sample: Market) -> None:
    whole = fact(sample, "revenue_ttm")
    sender = Sender(sample, {})
    holder = Holder(sender.shape, "absent", seed=1)
    for session in (3_000, 5_000):
        held = taken(holder, sender.until(session), from_filings=True)
        assert fact(held, "revenue_ttm").tobytes() == whole[: session + 1].tobytes()


def test_facts_that_were_asked_for_are_sent_and_others_worked_out(sample: Market) -> None:
    whole = {name: fact(sample, name) for name in ("price_to_sales", "market_cap")}
    sender = Sender(sample, {}, {"price_to_sales"})
    holder = Holder(sender.shape, "absent", seed=1)
    news = sender.until(3_000)
    assert set(news.derived) == {"price_to_sales"}
    held = taken(holder, news)
    for name, values in whole.items():
        assert fact(held, name).tobytes() == values[:3_001].tobytes()


def test_a_fact_is_sent_whole_once_it_is_asked_for(sample: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the run has not asked for it: what a run asks for could be a message."""
    monkeypatch.setattr(growing, "PIECE", 1 << 18)
    market = replace(sample, derived={}, hash="nothing worked out")
    median = median_name("price_to_sales", sample.groups[0])
    whole = {name: worked_out(sample, name) for name in ("market_cap", median)}
    sender = Sender(market, {})
    holder = Holder(sender.shape, "absent", seed=1)
    assert not taken(holder, sender.until(2_000)).derived
    sender.also(["market_cap", "no such fact", median, "revenue median of nothing"])
    for session in (3_000, 3_001):
        for news in sender.pieces(session):
            holder.add(news)
        held = holder.market(from_filings=False)
        assert {*held.derived} == {*whole}
        for name, values in whole.items():
            assert held.derived[name].tobytes() == values[: session + 1].tobytes()
    assert not sender.anew().until(10).derived.keys() - whole.keys()


@pytest.mark.parametrize("future", get_args(Future))
@pytest.mark.parametrize("looked_back", [1, 300])
def test_it_lets_go_of_what_nobody_looked_at(sample: Market, future: Future, looked_back: int) -> None:
    seen = LookedAt({"price_to_sales": looked_back}, {"open": looked_back, "close": looked_back}, looked_back)
    whole = fact(sample, "price_to_sales")
    sender = Sender(sample, {}, seen.facts, seen)
    holder = Holder(sender.shape, future, seed=3)
    for session in sessions(sample):
        for news in sender.pieces(session):
            holder.add(news)
        earlier = len(holder.earlier)
        assert holder.earlier.tolist() == sample.sessions[:earlier].tolist()
        for from_filings in (False, True):
            held = holder.market(from_filings=from_filings)
            until = session + 1 - earlier
            assert held.sessions[:until].tolist() == sample.sessions[earlier : session + 1].tolist()
            assert min(looked_back, session + 1) <= until <= looked_back + max(looked_back // 8, SLACK)
            rows = slice(until - min(looked_back, until), until)
            same = slice(earlier + rows.start, session + 1)
            for name in ("open", "close", "mark", "traded_factor"):
                assert getattr(held, name)[rows].tobytes() == getattr(sample, name)[same].tobytes(), name
            assert np.isnan(held.volume).all()
            assert fact(held, "price_to_sales")[rows].tobytes() == whole[same].tobytes()
        said = set(held.facts.loc[held.facts["symbol"] != "", "concept"])
        assert said <= {"revenue", "shares_outstanding", "diluted_shares"}
        assert held.concepts == sample.concepts
        before, day = AsOf(sample, session), session - earlier
        after = AsOf(held, day, earlier=holder.earlier)
        assert after.sessions_seen == before.sessions_seen
        assert after.since("1990-06-01") == before.since("1990-06-01")
        assert after.opens(looked_back).equals(before.opens(looked_back))


@pytest.mark.parametrize("future", get_args(Future))
def test_each_thing_is_held_as_far_back_as_it_was_looked_at(sample: Market, future: Future) -> None:
    median = median_name("price_to_sales", "software")
    facts = {"price_to_sales": 1, "shares": 80, "free_cash_flow_yield": 700, "revenue_ttm": 650, median: 600}
    seen = LookedAt(facts, {"close": 90}, 700)
    whole = {name: worked_out(sample, name) for name in facts}
    sender = Sender(sample, {}, facts, seen)
    holder = Holder(sender.shape, future, seed=3)
    for session in sessions(sample):
        for news in sender.pieces(session):
            holder.add(news)
        for from_filings in (False, True):
            held = holder.market(from_filings=from_filings)
            until = session + 1 - len(holder.earlier)
            for name, count in facts.items():
                rows = min(count, session + 1)
                ours = worked_out(held, name)[until - rows : until]
                assert len(worked_out(held, name)) == len(held.sessions)
                assert ours.tobytes() == whole[name][session + 1 - rows : session + 1].tobytes(), name
            rows = min(90, session + 1)
            assert (
                held.close[until - rows : until].tobytes()
                == sample.close[session + 1 - rows :][:rows].tobytes()
            )
            assert not looked_at(held).beyond(seen)
    known = holder._columns
    assert known["close"].filled - known["close"].begun < 90 + 2 * SLACK
    assert known["derived free_cash_flow_yield"].filled - known["derived free_cash_flow_yield"].begun >= 700


def test_a_median_is_worked_out_before_its_group_has_members(sample: Market) -> None:
    joining = sample.instruments["group"] == "software"
    later = sample.instruments["from"].mask(joining, pd.Timestamp("2010-01-04"))
    market = replace(
        sample, instruments=sample.instruments.assign(**{"from": later}), derived={}, hash="later"
    )
    median = median_name("price_to_sales", "software")
    seen = LookedAt({median: 90}, {}, 90)
    sender = Sender(market, {}, seen.facts, seen)
    holder = Holder(sender.shape, "absent", seed=3)
    for session, known in ((1_500, 0), (len(market.sessions) - 1, 90)):
        for news in sender.pieces(session):
            holder.add(news)
        ours = worked_out(holder.market(from_filings=True), median)[-90:]
        assert ours.tobytes() == worked_out(market, median)[session - 89 : session + 1].tobytes()
        assert np.isfinite(ours).sum() == known


def test_what_was_looked_at_is_raised_to_steps_and_never_less() -> None:
    seen = LookedAt({"revenue": 1, "shares": 505}, {"close": 504}, 506).also(LookedAt({"shares": 2}))
    assert seen.in_steps(504) == LookedAt({"revenue": 504, "shares": 1008}, {"close": 504}, 1008)
    assert not seen.beyond(seen.in_steps(504))
    assert LookedAt({"shares": 600}).beyond(seen) == "600 sessions of shares"
    assert LookedAt(prices={"open": 1}).beyond(seen) == "open"
    assert LookedAt(sessions=507).beyond(seen) == "507 sessions"


def test_a_fact_rests_on_no_other_concepts(sample: Market) -> None:
    for name in sorted(set(DERIVED) & set(names(sample))):
        few = sample.facts[sample.facts["concept"].isin(concepts_behind([name]))]
        alone = replace(sample, facts=few.reset_index(drop=True), derived={}, hash="few")
        assert fact(alone, name).tobytes() == fact(sample, name).tobytes(), name


def test_words_are_numbered_as_they_are_first_said(sample: Market) -> None:
    """Numbers that jump would tell of words to come."""
    sender = Sender(sample, {"scores": TABLE})
    said: dict[str, int] = {}
    for session in sessions(sample):
        for name, column in sender.until(session).facts.items():
            if isinstance(column, Words):
                said[name] = said.get(name, 0) + len(column.new)
                assert column.codes.max(initial=-1) < said[name]
    assert said["symbol"] > 10


def test_a_sender_begins_again(sample: Market) -> None:
    sender = Sender(sample, {})
    first = sender.until(500)
    again = sender.anew().until(500)
    assert first.rows["close"].tobytes() == again.rows["close"].tobytes()
    assert len(sender.until(501).sessions) == 1


def test_pieces_are_small_and_miss_nothing(sample: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "PIECE", 1 << 18)
    sender = Sender(sample, {})
    pieces = [*sender.pieces(3_000), *sender.pieces(3_001), *sender.pieces(5_000)]
    assert len(pieces) > 10
    assert max(sum(values.nbytes for values in piece.rows.values()) for piece in pieces) <= 1 << 18
    assert np.concatenate([piece.sessions for piece in pieces]).tolist() == sample.sessions[:5_001].tolist()
