"""Capacity and cost growth, worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.analysis import capacity as tested
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Ledger, Rows
from backtests.engine.rules import LARGEST_IMPACT, impact_fraction, impact_inputs
from backtests.tearsheet.wording import capacity_sentence, impact_sentence
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

SESSIONS = exchange_sessions("2019-06-03", "2020-06-30")


@pytest.fixture(scope="module")
def market() -> Market:
    random = np.random.default_rng(1)
    close = pd.DataFrame(
        100 * np.cumprod(1 + random.normal(0, 0.02, (len(SESSIONS), 3)), axis=0),
        index=pd.DatetimeIndex(SESSIONS),
        columns=["A", "B", "C"],
    )
    volume = close * 0 + [100_000.0, 20_000.0, np.nan]
    return Market.from_wide("small", close, open=close, volume=volume)


def ledger_of(rows: list[tuple[int, str, float, str]], equity: float = 1e6) -> Ledger:
    """A ledger with these fills (session, symbol, shares, kind), at a price of 100."""
    fills = [
        (day, "ABC".index(symbol), shares, 100.0, 100.0, 1.0, 2.0, 0.0, kind)
        for day, symbol, shares, kind in rows
    ]
    count = len(SESSIONS)
    steady = np.full(count, equity)
    steady[200:] = 2 * equity
    zeros = np.zeros(count)
    done, left = Rows.of(FILL_COLUMNS, fills), Rows.of(UNFILLED_COLUMNS, [])
    return Ledger(SESSIONS, ("A", "B", "C"), steady, zeros, zeros, zeros, done, left, ())


ROWS = [
    (30, "A", 1000.0, "order"),
    (30, "A", 500.0, "order"),
    (60, "B", 400.0, "order"),
    (220, "B", -800.0, "order"),
    (230, "A", -1500.0, "delisting"),
]


def test_trades(market: Market) -> None:
    found = tested.trades_of(ledger_of(ROWS), market)
    # Two fills of one symbol in one session are one trade; the delisting is none.
    assert found.participation == pytest.approx([0.015, 0.02, 0.04])
    assert found.value == pytest.approx([150_000, 40_000, 80_000])
    assert found.equity == pytest.approx([1e6, 1e6, 2e6])
    assert found.year.tolist() == [2019, 2019, 2020]
    volatility, _ = impact_inputs(market)
    assert found.volatility == pytest.approx(volatility[[30, 60, 220], [0, 1, 1]])


def test_capacity_by_hand(market: Market) -> None:
    found = tested.capacity(
        tested.trades_of(ledger_of(ROWS), market), capital=1e6, participation=0.1, share=0.7
    )
    # 0.15 + 0.04 of 0.27 million is 70%: the quantile is B's first trade, the largest its second.
    assert found.starting_capital == pytest.approx(1e6 * 0.1 / 0.02)
    assert found.largest_trade == pytest.approx(1e6 * 0.1 / 0.04)
    first, second = found.years
    assert (first.year, first.trades, second.year, second.trades) == (2019, 2, 2020, 1)
    assert first.equity == pytest.approx(1e6 * 0.1 / 0.015)
    assert first.largest == pytest.approx(1e6 * 0.1 / 0.02)
    assert second.equity == second.largest == pytest.approx(2e6 * 0.1 / 0.04)
    assert found.unknown == 0
    assert "starting capital of 5.0 million" in capacity_sentence(found)
    assert "trades of 2020 the limit is an equity of 5.0 million" in capacity_sentence(found)


def test_capital_at_the_limit_is_at_the_limit(market: Market) -> None:
    """Scaled to its capacity, the run's largest trade takes just the participation."""
    trades = tested.trades_of(ledger_of(ROWS), market)
    found = tested.capacity(trades, 1e6, 0.05, share=1.0)
    assert found.starting_capital == found.largest_trade
    scale = found.largest_trade / 1e6
    bigger = ledger_of([(day, symbol, shares * scale, kind) for day, symbol, shares, kind in ROWS])
    assert tested.trades_of(bigger, market).participation.max() == pytest.approx(0.05)


def test_unknown_volume_is_said(market: Market) -> None:
    found = tested.capacity(tested.trades_of(ledger_of([*ROWS, (60, "C", 2700.0, "order")]), market), 1e6)
    assert found.unknown == pytest.approx(0.5)
    assert "unknown for 50%" in capacity_sentence(found)
    blind = tested.capacity(tested.trades_of(ledger_of([(60, "C", 10.0, "order")]), market), 1e6)
    assert math.isnan(blind.starting_capital)
    assert "can't be told" in capacity_sentence(blind)
    # Before the second session no volume is known either.
    early = tested.trades_of(ledger_of([(0, "A", 10.0, "order")]), market)
    assert not early.known.any()


def test_no_trades(market: Market) -> None:
    ledger = ledger_of([])
    trades = tested.trades_of(ledger, market)
    found = tested.capacity(trades, 1e6)
    assert (found.starting_capital, found.years, found.unknown) == (math.inf, (), 0)
    assert "no trades" in capacity_sentence(found)
    assert tested.cost_growth(trades, ledger)[0].impact_rate == 0
    assert tested.break_even_capital(trades, ledger, 0.01) == math.inf


@pytest.mark.parametrize(("participation", "share"), [(0.0, 0.9), (0.1, 0.0), (0.1, 1.1)])
def test_unusable_limits(market: Market, participation: float, share: float) -> None:
    trades = tested.trades_of(ledger_of(ROWS), market)
    with pytest.raises(ValueError, match="participation above 0"):
        tested.capacity(trades, 1e6, participation, share)


def test_cost_growth_is_that_of_the_engines(market: Market) -> None:
    ledger = ledger_of(ROWS)
    trades = tested.trades_of(ledger, market)
    years = (SESSIONS[-1] - SESSIONS[0]).astype(int) / 365.25
    volatility, volume = impact_inputs(market)
    sizes = tested.cost_growth(trades, ledger, impact=0.7, multiples=(1, 4, 1e9))
    for size, multiple in zip(sizes, (1, 4, 1e9), strict=True):
        lost = sum(
            impact_fraction(shares * multiple, 0.7, volatility[day, column], volume[day, column])
            * shares
            * 100
            / equity
            for day, column, shares, equity in (
                (30, 0, 1500, 1e6),
                (60, 1, 400, 1e6),
                (220, 1, 800, 2e6),
            )
        )
        assert size.impact_rate == pytest.approx(lost / years)
        assert size.capital == 1e6 * multiple
    assert sizes[1].impact_rate == pytest.approx(2 * sizes[0].impact_rate)
    assert (sizes[0].capped, sizes[2].capped) == (0, 1)
    assert sizes[2].impact_rate == pytest.approx(LARGEST_IMPACT * (0.15 + 0.04 + 0.04) / years)


def test_break_even(market: Market) -> None:
    ledger = ledger_of(ROWS)
    trades = tested.trades_of(ledger, market)
    found = tested.break_even_capital(trades, ledger, lead=0.002)
    (at_it,) = tested.cost_growth(trades, ledger, multiples=(found / 1e6,))
    assert at_it.impact_rate == pytest.approx(0.002)
    # Far out some trades are cut off and others are not.
    far = tested.break_even_capital(trades, ledger, lead=0.105)
    (at_it,) = tested.cost_growth(trades, ledger, multiples=(far / 1e6,))
    assert 0 < at_it.capped < 1
    assert at_it.impact_rate == pytest.approx(0.105)
    assert tested.break_even_capital(trades, ledger, lead=0.3) == math.inf
    assert tested.break_even_capital(trades, ledger, lead=-0.1) == 0
    assert tested.break_even_capital(trades, ledger, lead=0.1, impact=0) == math.inf


def test_growth_in_words(market: Market) -> None:
    ledger = ledger_of(ROWS)
    sizes = tested.cost_growth(tested.trades_of(ledger, market), ledger, multiples=(1, 1e3, 1e6))
    text = impact_sentence(sizes, 2.5e7)
    assert "at 1.0 million, " in text
    assert "at 1.0 billion, " in text
    assert "at 1.0 trillion; a starting capital of 25.0 million would eat the whole lead" in text
    assert "no lead" in impact_sentence(sizes, 0)
    assert "no size" in impact_sentence([replace(sizes[0], capital=900)], math.inf)
