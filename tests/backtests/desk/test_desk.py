"""Today's orders and what became of them: against the engine's own fills, and by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtests.cli import app
from backtests.desk.live_check import Fill, live_check, read_fills
from backtests.desk.orders import DeskError, as_csv, read_holdings, require_fresh, todays_orders
from backtests.desk.page import check_sentences, list_sentence, order_page
from backtests.desk.record import newest, of_session, record
from backtests.document.html import html
from backtests.runner import run
from backtests.settings.run_file import RunConfig, parse
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

SYMBOLS = ["AAA", "BBB", "CCC", "DDD"]


def market_to(last: str) -> Market:
    """Four stocks whose opens are the closes before, so that what is sized on a close fills at it."""
    days = pd.DatetimeIndex(exchange_sessions("2021-01-04", "2021-06-30"))
    random = np.random.default_rng(5)
    close = pd.DataFrame(60 * np.exp(random.normal(0, 0.03, (len(days), 4)).cumsum(axis=0)), days, SYMBOLS)
    opened = close.shift(1).fillna(60.0)
    volume = pd.DataFrame(random.integers(2_000, 9_000, close.shape).astype(float), days, SYMBOLS)
    return Market.from_wide("desk", close.loc[:last], open=opened.loc[:last], volume=volume.loc[:last])


def config_of(**settings: object) -> RunConfig:
    costs = {"commission_bps": 3, "commission_per_share": 0.01, "half_spread_bps": 5, "impact": 1.0}
    document = {"name": "desk", "market": "sample", "strategy": {"name": "EqualWeighted"}, "engine": "ledger"}
    return parse({**document, "costs": costs, **settings}, "desk.toml")


@pytest.mark.parametrize("participation", [0.0, 0.002])
def test_the_orders_are_those_that_the_backtest_fills(participation):
    """May's decision: from the book of that close, the list is what the engine trades on 1 June."""
    config = config_of()
    costs = config.costs.model_copy(update={"max_participation": participation})
    config = config.model_copy(update={"costs": costs})
    ledger = run(config, market=market_to("2021-06-30")).book.ledger
    at = int(np.searchsorted(ledger.sessions, np.datetime64("2021-05-28")))
    held = {s: float(n) for s, n in zip(SYMBOLS, ledger.positions[at], strict=True) if n}
    listed = todays_orders(config, market_to("2021-05-28"), held, float(ledger.cash[at]))
    assert listed.due
    assert (listed.session, listed.next_session) == ("2021-05-28", "2021-06-01")
    assert listed.equity == pytest.approx(ledger.equity[at])
    fills = ledger.fills[ledger.fills["session"] == "2021-06-01"]
    assert len(fills) == 4
    ours = {order.symbol: (1 if order.side == "buy" else -1) * order.shares for order in listed.orders}
    assert ours == dict(zip(fills["symbol"], fills["shares"], strict=True))
    costs_paid = (fills["price"] - fills["reference"]).abs() * fills["shares"].abs() + fills["commission"]
    estimated = {order.symbol: order.estimated_cost for order in listed.orders}
    for symbol, paid in zip(fills["symbol"], costs_paid, strict=True):
        assert estimated[symbol] == pytest.approx(paid, rel=1e-9)
    sides = [order.side for order in listed.orders]
    assert sides == sorted(sides, reverse=True)
    if participation:
        assert any(order.later > 0 for order in listed.orders)
        assert all(order.share_of_volume <= participation for order in listed.orders)


def test_the_first_orders_from_cash_and_what_is_not_wanted():
    market = market_to("2021-05-28")
    config = config_of(strategy={"name": "BuyAndHold", "symbols": ["AAA"]}, start=dt.date(2021, 5, 3))
    listed = todays_orders(config, market, {"BBB": 100}, 1_000.0)
    # It bought a month ago, and asks for nothing now.
    assert listed.orders == ()
    assert "holds" in listed.notes[0]
    config = config_of(strategy={"name": "EqualWeighted", "limits": {"cap": {"name": 0.2}}})
    listed = todays_orders(config, market, {}, 100_000.0)
    assert [order.side for order in listed.orders] == ["buy"] * 4
    assert listed.orders[0].reason.startswith("equal weights of 4 symbols; capped: AAA 25.0% to 20.0%")
    assert listed.orders[0].weight_wanted == pytest.approx(0.2)


def test_the_same_input_gives_the_same_bytes_and_one_record(tmp_path):
    market, config = market_to("2021-05-27"), config_of()
    made = [todays_orders(config, market, {"AAA": 50.0}, 5_000.0) for _ in range(2)]
    assert as_csv(made[0]) == as_csv(made[1])
    assert html(order_page(made[0])) == html(order_page(made[1]))
    assert not made[0].due
    assert "does not decide on 2021-05-27" in made[0].notes[-1]
    assert [record(tmp_path, each) for each in made] == [True, False]
    assert newest(tmp_path, "desk", "2021-06-01") == made[0]
    with pytest.raises(DeskError, match=r"no order list of 'desk' from before 2021-05-27"):
        newest(tmp_path, "desk", "2021-05-27")


def test_fills_are_compared_with_the_newest_list_of_the_session(tmp_path: Path):
    market, config = market_to("2021-05-28"), config_of()
    first, second, third = (todays_orders(config, market, {}, cash) for cash in (9e4, 8e4, 7e4))
    for listed in (first, second, third):
        assert record(tmp_path, listed)
        assert newest(tmp_path, "desk", "2021-06-01") == listed
    # What was listed before and is listed again is the newest again.
    assert [record(tmp_path, first) for _ in range(2)] == [True, False]
    assert newest(tmp_path, "desk", "2021-06-01") == first
    said = list_sentence(first, of_session(tmp_path, first), "2021-06-01")
    assert said.endswith("for the open of 2021-06-01; the newest of 3 lists of that session on record.")
    record(tmp_path, todays_orders(config, market_to("2021-05-27"), {}, 9e4))  # of an older session
    assert newest(tmp_path, "desk", "2021-06-01") == first


def test_a_lag_moves_the_session_that_orders_are_for(tmp_path: Path):
    """May's decision with two sessions of lag trades on 3 June, in the list as in the backtest."""
    config, later = config_of(lag=2), market_to("2021-06-30")
    ledger = run(config, market=later).book.ledger
    traded = {str(day)[:10] for day in ledger.fills["session"] if f"{day:%Y-%m}" == "2021-06"}
    listed = todays_orders(config, market_to("2021-05-28"), {}, 1e5)
    assert {listed.next_session} == traded == {"2021-06-03"}
    assert "2 sessions more (lag)" in " ".join(listed.notes)
    assert "for the open of 2021-06-03" in html(order_page(listed))
    # The list says which session it is for, whatever lag the run file has by now.
    fills = [Fill("AAA", "2021-06-04", listed.orders[0].shares, 60.0)]
    for known, opens in ((later, True), (market_to("2021-06-02"), False)):
        checked = live_check(listed, fills, config_of(), known)
        assert (checked.session, checked.opens) == ("2021-06-03", opens)
        assert checked.outcomes[0].sessions_late == 1
    assert live_check(listed, fills, config_of(), later).outcomes[0].reference == pytest.approx(
        later.fill_price[later.index_of("2021-06-03"), 0]
    )
    # A list of the next day is for 4 June: fills of 3 June are not its.
    record(tmp_path, listed)
    record(tmp_path, todays_orders(config, market_to("2021-06-01"), {}, 1e5))
    assert newest(tmp_path, "desk", "2021-06-03") == listed
    assert newest(tmp_path, "desk", "2021-06-04").session == "2021-06-01"
    assert "the first fill came before" in list_sentence(listed, [listed], "2021-06-02")


def test_a_lag_beyond_the_calendar_is_refused():
    market = replace(market_to("2021-05-28"), next_session=np.datetime64("2040-12-28"))
    with pytest.raises(DeskError, match="lag = 9: the calendar XNYS is known up to 2040-12-31"):
        todays_orders(config_of(lag=9), market, {}, 1e5)


def test_a_cap_on_the_sessions_own_volume_takes_what_is_known():
    market = market_to("2021-05-28")
    costs = {"max_participation": 0.002, "half_spread_bps": 5}
    known = todays_orders(config_of(costs=costs), market, {}, 1e5)
    own = todays_orders(config_of(costs={**costs, "participation_volume": "session"}), market, {}, 1e5)
    assert own.orders == known.orders
    assert all(order.later > 0 for order in own.orders)
    assert not known.notes
    assert "capped by the mean volume of the 21 sessions before" in own.notes[0]


def test_what_is_not_capped_or_capped_to_nothing_is_said():
    market = market_to("2021-05-28")
    costs = {"max_participation": 1e-6}
    none = todays_orders(config_of(costs=costs), market, {}, 1e5)
    assert none.orders == ()
    assert "nothing can be traded within the cap (max_participation = 1e-06): AAA, BBB, CCC" in none.notes[0]
    unknown = market.volume.copy()
    unknown[:, :2] = np.nan
    some = todays_orders(
        config_of(costs={"max_participation": 0.002}), replace(market, volume=unknown), {}, 1e5
    )
    assert some.notes == ("Not capped (max_participation = 0.002), since no volume is known: AAA, BBB.",)
    unknown = np.full_like(unknown, np.nan)
    every = todays_orders(
        config_of(costs={"max_participation": 0.002}), replace(market, volume=unknown), {}, 1e5
    )
    assert every.notes[0].startswith("Nothing is capped (max_participation = 0.002)")


def test_fills_of_another_market_are_refused(tmp_path: Path):
    market, config = market_to("2021-05-28"), config_of()
    listed = todays_orders(config, market, {}, 1e5)
    record(tmp_path, listed)
    fills = [Fill("AAA", "2021-06-01", 5, 60.0)]
    with pytest.raises(DeskError, match="made on market 'desk', not on 'other'"):
        live_check(listed, fills, config, replace(market_to("2021-06-30"), name="other"))
    with pytest.raises(DeskError, match="were made on market 'desk', not on 'other'; say --market"):
        newest(tmp_path, "desk", "2021-06-01", "other")
    assert newest(tmp_path, "desk", "2021-06-01", "desk") == listed
    elsewhere = replace(listed, market="other")
    record(tmp_path, elsewhere)
    assert newest(tmp_path, "desk", "2021-06-01", "desk") == listed
    days = pd.DatetimeIndex(market.sessions)
    fewer = Market.from_wide("desk", pd.DataFrame({"AAA": 60.0, "AAB": 60.0}, days))
    with pytest.raises(DeskError, match="orders of 2021-05-28: no symbol 'BBB'"):
        live_check(listed, fills, config, fewer)


@pytest.mark.parametrize(("day", "fresh"), [("2021-06-02", True), ("2021-06-03", False)])
def test_stale_data_is_refused(day, fresh):
    market = market_to("2021-05-27")  # 28 May and 1 June have closed before 2 June
    if fresh:
        require_fresh(market, dt.date.fromisoformat(day))
        return
    with pytest.raises(DeskError, match="ends on 2021-05-27: 3 sessions have closed since"):
        require_fresh(market, dt.date.fromisoformat(day))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,count\nAAA,1\n", "no 'shares'; its first line must be symbol,shares"),
        ("symbol,shares\nAAA,some\n", "line 2: shares = 'some': write a number"),
        ("symbol,shares\nAAA,1\nAAA,2\n", "line 3: AAA is there twice"),
    ],
)
def test_holdings_that_cannot_be_read(tmp_path, text, message):
    file = tmp_path / "holdings.csv"
    file.write_text(text)
    with pytest.raises(DeskError, match=message):
        read_holdings(file)


def test_an_unknown_symbol_and_an_empty_account():
    with pytest.raises(DeskError, match="no symbol 'AAB'"):
        todays_orders(config_of(), market_to("2021-05-28"), {"AAB": 1.0}, 0.0)
    with pytest.raises(DeskError, match="worth nothing"):
        todays_orders(config_of(), market_to("2021-05-28"), {}, 0.0)


def test_fills_beside_what_the_backtest_assumes():
    config = config_of(costs={"half_spread_bps": 5, "commission_bps": 0, "commission_per_share": 0.01})
    later = market_to("2021-06-30")
    listed = todays_orders(config, market_to("2021-05-28"), {}, 100_000.0)
    shares = {order.symbol: order.shares for order in listed.orders}
    opened = later.fill_price[later.index_of("2021-06-01")]
    fills = [
        Fill("AAA", "2021-06-01", shares["AAA"], opened[0] * 1.0012, 2.0),
        Fill("BBB", "2021-06-01", 100, opened[1], 1.0),
        Fill("BBB", "2021-06-03", shares["BBB"] - 100, opened[1] * 1.001),
        Fill("CCC", "2021-06-01", 7, opened[2]),
        Fill("ZZZ", "2021-06-01", 7, 1.0),
    ]
    checked = live_check(listed, fills, config, later)
    first, second, third, fourth = checked.outcomes
    assert checked.session == "2021-06-01"
    assert first.slippage_bps == pytest.approx(12)
    assert first.assumed_bps == pytest.approx(5)
    assert (first.commission, first.missed, first.sessions_late) == (2.0, 0.0, 0)
    assert first.assumed_commission == pytest.approx(0.01 * shares["AAA"])
    assert (second.filled, second.sessions_late) == (shares["BBB"], 2)
    assert third.missed == shares["CCC"] - 7
    assert (fourth.price, fourth.filled, fourth.sessions_late) == (None, 0, None)
    said = " ".join(check_sentences(checked))
    assert "Not filled in full: CCC, DDD. Late: BBB." in said
    assert "not ordered: ZZZ" in said
    # Before the next session is in the market, the decision's close stands for its open.
    early = live_check(listed, fills[:1], config, market_to("2021-05-28"))
    assert not early.opens
    assert early.outcomes[0].reference == listed.orders[0].price


def test_the_commands_on_the_embedded_market(tmp_path):
    holdings, fills = tmp_path / "holdings.csv", tmp_path / "fills.csv"
    holdings.write_text("symbol,shares\nAAPL,100\nNVDA,50\n")
    run_file = tmp_path / "mine.toml"
    run_file.write_text('name = "mine"\nstart = 2022-10-03\n[strategy]\nname = "EqualWeighted"\n')
    place = ["--results", str(tmp_path / "results")]
    today = ["today", str(run_file), "--holdings", str(holdings), "--cash", "50000", *place]
    refused = CliRunner().invoke(app, today)
    assert isinstance(refused.exception, DeskError)
    made = CliRunner().invoke(app, [*today, "--stale"])
    assert made.exit_code == 0, made.output
    (folder,) = (tmp_path / "results" / "orders").iterdir()
    table = pd.read_csv(folder / "orders.csv")
    assert set(table["side"]) == {"buy", "sell"}
    assert "Order list" in (folder / "orders.html").read_text()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = CliRunner().invoke(app, [*today, "--stale"])
    assert "on record already" in again.output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    first = table.iloc[0]
    fills.write_text(f"symbol,date,shares,price\n{first.symbol},2022-12-29,{first.shares},{first.price}\n")
    assert read_fills(fills)[0].commission == 0
    checked = CliRunner().invoke(app, ["live-check", str(run_file), "--fills", str(fills), *place])
    assert checked.exit_code == 0, checked.output
    assert "Not filled in full" in checked.output
    assert f"Compared with {folder.name}, for the open of 2022-12-29." in checked.output


def test_fills_that_cannot_be_read(tmp_path: Path):
    file = tmp_path / "fills.csv"
    for row, message in (("AAA,1 June,5,6", "date = '1 June'"), ("AAA,2021-06-01,5,0", "price = '0'")):
        file.write_text(f"symbol,date,shares,price\n{row}\n")
        with pytest.raises(DeskError, match=message):
            read_fills(file)
