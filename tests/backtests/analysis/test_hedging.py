"""What a hedge cost and whether it earned its keep, worked by hand and on a run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.analysis.hedging import (
    HedgeVerdict,
    Mixture,
    break_evens,
    cover,
    exposure,
    hedge_cost,
    sold_put,
    spread_history,
    verdict,
)
from backtests.engine.books import Ledger
from backtests.options.overlay import OptionMarket, OverlaySettings, option_market
from backtests.options.surface import spread_cost
from backtests.result import Result
from backtests.runner import run, without_hedge
from backtests.settings.run_file import parse
from backtests.tearsheet.assembly import build
from backtests.tearsheet.wording import hedge_sentence, sold_put_sentence
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.hedges import OutrightPut

CALM = {"hedged": 0.06, "unhedged": 0.08, "hedged_fall": -0.2, "unhedged_fall": -0.4}


def judged(by_fall: float, by_volatility: float, **others: float) -> HedgeVerdict:
    return HedgeVerdict(
        **(CALM | others), by_fall=Mixture(0.5, by_fall), by_volatility=Mixture(0.7, by_volatility)
    )


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (judged(0.05, 0.055), "yes"),
        (judged(0.05, 0.065), "unclear"),
        (judged(0.061, 0.065), "no"),
        (judged(0.06, 0.06), "no"),
        (judged(0.05, 0.05, hedged_fall=-0.45), "no"),
        (judged(0.05, 0.05, hedged=0.09), "yes"),
        (judged(0.05, 0.05, hedged=0.09, hedged_fall=-0.45), "no"),
    ],
)
def test_the_verdict_is_no_softer_than_the_numbers(found: HedgeVerdict, answer: str) -> None:
    assert found.answer == answer
    openings = {"yes": "The hedge earned", "unclear": "Whether", "no": "The hedge did not earn its keep"}
    assert hedge_sentence(found).startswith(openings[answer])
    assert f"{found.hedged_fall:.1%} instead of {found.unhedged_fall:.1%}" in hedge_sentence(found)


def test_the_verdict_in_words() -> None:
    assert hedge_sentence(judged(0.05, 0.065)) == (
        "Whether the hedge earned its keep depends on the measure: it cost 2.00% a year, and the deepest "
        "fall was -20.0% instead of -40.0%. The hedged portfolio returned 6.00% a year; holding less, with "
        "the rest in cash, returned 5.00% with as deep a fall (50% held) and 6.50% with the same volatility "
        "(70% held)."
    )
    assert "added 1.00% a year" in hedge_sentence(judged(0.05, 0.05, hedged=0.09))


def crash_market() -> Market:
    """Two years of calm with one crash to 70% within a month, in a fund that may be bought."""
    days = pd.DatetimeIndex(exchange_sessions("2018-01-02", "2019-12-31"))
    moves = np.random.default_rng(5).normal(0.0006, 0.006, len(days))
    crash = (days > "2018-08-17") & (days <= "2018-09-21")
    moves[crash] = 0.7 ** (1 / crash.sum()) - 1
    close = pd.DataFrame({"FUND": 100 * np.cumprod(1 + moves)}, index=days)
    quotes = {"vix": np.where(crash, 35.0, 14.0), "skew": np.linspace(115, 145, len(days)), "us2y": 2.0}
    tables = [
        pd.DataFrame({"series": name, "date": days, "available": days, "value": value})
        for name, value in quotes.items()
    ]
    return Market.from_wide("crash", close, series=pd.concat(tables))


OVERLAY = {"underlying": "FUND", "dividend_yield": 0.0}


def hedged(market: Market, **hedge: Any) -> Result:
    document = {
        "name": "crash",
        "market": "given",
        "capital": 1e6,
        "engine": "ledger",
        "fractional_shares": True,
        "strategy": {"name": "BuyAndHold", "symbols": ["FUND"]},
        "hedge": {"reserve": 0.03, **hedge},
        "overlay": OVERLAY,
        "benchmarks": [{"name": "BuyAndHold", "symbols": ["FUND"]}],
    }
    return run(parse(document, "run.toml"), market=market)


def books(**hedge: Any) -> tuple[Ledger, Ledger, OptionMarket]:
    market = crash_market()
    result = hedged(market, **hedge)
    return result.book.ledger, result.benchmarks[0].ledger, option_market(market, OverlaySettings(**OVERLAY))


@pytest.fixture(scope="module")
def outright() -> tuple[Ledger, Ledger, OptionMarket]:
    return books(structure="outright")


@pytest.fixture(scope="module")
def spread() -> tuple[Ledger, Ledger, OptionMarket]:
    return books(structure="spread")


def test_cost_adds_up(outright: tuple[Ledger, Ledger, OptionMarket]) -> None:
    ledger = outright[0]
    found = hedge_cost(ledger)
    before = np.concatenate([ledger.equity[:1], ledger.equity[:-1]])
    assert found.pnl == pytest.approx((ledger.hedge_total("pnl") / before).sum() / found.years)
    assert found.premium > 0
    assert found.payoff > 0
    assert 0 < found.spread < 0.06 * found.premium
    assert found.decay < 0
    # Decisions are monthly and the first roll comes before the first month's end.
    assert found.purchases == 24
    assert (found.short_of_cash, found.short_of_budget) == (0, 0)


def test_the_put_covers_the_crash_and_the_spread_only_part_of_it(
    outright: tuple[Ledger, Ledger, OptionMarket], spread: tuple[Ledger, Ledger, OptionMarket]
) -> None:
    whole, part = cover(*outright[:2])[0], cover(*spread[:2])[0]
    assert whole.fall.depth < -0.29
    assert whole.fall == part.fall
    # 30% down with a strike 5% down: a quarter comes back, less what the next, dear put lost once calm was
    # back. The spread's payoff ends ten points below its strike.
    assert whole.pnl == pytest.approx(0.22, abs=0.03)
    assert part.pnl == pytest.approx(0.08, abs=0.02)
    assert whole.hedged > part.hedged > whole.fall.depth
    assert whole.covered == pytest.approx(whole.pnl / -whole.fall.depth)


def test_what_the_sold_put_gave_back(
    outright: tuple[Ledger, Ledger, OptionMarket], spread: tuple[Ledger, Ledger, OptionMarket]
) -> None:
    ledger, _, options = spread
    found = sold_put(ledger, options)
    assert (found.rolls, found.struck, str(found.worst)) == (23, 1, "2018-09-21")
    assert found.worst_loss == pytest.approx(0.15 / 0.75, abs=0.03)
    assert ledger.hedge is not None
    bought = ledger.hedge[ledger.hedge["premium"] > 0].iloc[:-1]
    closes = options.close[np.searchsorted(options.sessions, bought["session"].to_numpy("datetime64[D]"))]
    assert 0 < found.received < float((bought["units"] * closes).sum()) * 0.01
    assert "1 of 23 months. The worst was the expiry of 2018-09-21" in sold_put_sentence(found)
    assert sold_put_sentence(sold_put(outright[0], options)) == "No put was sold."


def test_break_evens(spread: tuple[Ledger, Ledger, OptionMarket]) -> None:
    (found,) = break_evens(spread[0], spread[2])
    assert (found.structure, found.rolls, found.reached) == ("95/85% put spread", 23, 2)
    assert found.move == pytest.approx(-0.05 - found.cost, abs=1e-3)


def test_exposure_turns_against_a_fall(
    outright: tuple[Ledger, Ledger, OptionMarket], spread: tuple[Ledger, Ledger, OptionMarket]
) -> None:
    whole, part = (exposure(ledger, options) for ledger, _, options in (outright, spread))
    held = outright[0].hedge_total("units") > 0
    assert (whole.delta[held] <= 0).all()
    assert (whole.delta[~held] == 0).all()
    assert whole.delta.min() == pytest.approx(-1.0, abs=0.35)
    assert (whole.theta[held] <= 1e-12).mean() > 0.9
    assert np.abs(part.vega).max() < np.abs(whole.vega).max()


def test_spread_against_outright_through_time(outright: tuple[Ledger, Ledger, OptionMarket]) -> None:
    options = outright[2]
    found = spread_history(options, 0, len(options.sessions) - 1)
    assert len(found.sessions) == 24
    assert (found.percentile > 0.9).all()  # SKEW only rises here
    calm = found.skew[options.vix[np.searchsorted(options.sessions, found.sessions)] < 20]
    assert len(calm) == 23
    assert found.slope < -0.5
    first = int(np.searchsorted(options.sessions, found.sessions[0]))
    days = float(options.unit_prices(OutrightPut()).days[first])
    mid = spread_cost(14.0, found.skew[0], days=days, rate=0.02)
    put, sold = mid.outright.price, mid.outright.price - mid.spread.price
    assert found.ratio[0] == pytest.approx((1.05 * put - 0.95 * sold) / (1.05 * put), rel=1e-6)


def test_verdict_of_a_run(outright: tuple[Ledger, Ledger, OptionMarket]) -> None:
    ledger, unhedged, _ = outright
    found = verdict(ledger, unhedged)
    assert found.hedged_fall > found.unhedged_fall
    assert 0 < found.by_fall.share < 1
    growth = np.cumprod(1 + found.by_fall.share * (unhedged.equity[1:] / unhedged.equity[:-1] - 1))
    curve = np.concatenate([[1.0], growth])
    assert (curve / np.maximum.accumulate(curve) - 1).min() == pytest.approx(found.hedged_fall, abs=1e-9)
    assert verdict(unhedged, unhedged).by_fall.share == 1.0


def test_a_book_without_a_hedge_is_refused(outright: tuple[Ledger, Ledger, OptionMarket]) -> None:
    with pytest.raises(ValueError, match="no hedge"):
        hedge_cost(outright[1])


def test_the_tearsheet_has_a_section_where_there_is_a_hedge() -> None:
    market = crash_market()
    result = hedged(market, structure="spread")
    (section,) = [section for section in build(result).sections if section.key == "hedge"]
    words = repr(section)
    assert "Without the hedge: BuyAndHold." in words
    assert "earn" in words
    assert "1 of 23 months" in words
    assert "hedge-delta" in words
    alone = dataclasses.replace(result, unhedged=without_hedge([result.book], market, result.account))
    (section,) = [section for section in build(alone).sections if section.key == "hedge"]
    assert "the same decisions without options" in repr(section)
    first = build(result).sections[0]
    assert "Option prices are a model's, not quotes" in repr(first)
    bare = dataclasses.replace(result, book=result.benchmarks[0], benchmarks=(), unhedged=None)
    assert "hedge" not in [section.key for section in build(bare).sections]
