"""The sections that a committee asks for, on a small market made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.analysis.realism import FillCheck
from backtests.document.blocks import (
    Block,
    Bullets,
    Document,
    Facts,
    Paragraph,
    Scorecard,
    Table,
    every_block,
)
from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import RunConfig
from backtests.tearsheet.assembly import build
from backtests.tearsheet.sections.checks import scorecard
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.benchmarks import EqualWeighted

SYMBOLS = ("CHIP", "SOFT", "BANK", "FUND", "IDX")
VALUE, BLEND = ("VALUE", "BLEND")


def made(volume: float | None = 1e6, series: pd.DataFrame | None = None, funds: bool = False) -> Market:
    """Five years of five symbols."""
    sessions = exchange_sessions("2015-01-02", "2020-12-31")
    rng = np.random.default_rng(7)
    shape = (len(sessions), len(SYMBOLS))
    common = rng.normal(0.0004, 0.01, (shape[0], 1))
    close = pd.DataFrame(
        50 * np.cumprod(1 + common + rng.normal(0.0, 0.006, shape), axis=0),
        index=pd.DatetimeIndex(sessions),
        columns=SYMBOLS,
    )
    groups = ["ai_hardware", "software", "financials", "factor" if funds else "healthcare", ""]
    kinds = ["stock"] * 3 + ["etf" if funds else "stock", "index" if funds else "stock"]
    return Market.from_wide(
        "made",
        close,
        volume=None if volume is None else pd.DataFrame(volume, index=close.index, columns=close.columns),
        open=None if volume is None else close,
        instruments=pd.DataFrame({"symbol": SYMBOLS, "kind": kinds, "group": groups}),
        series=series,
    )


def daily(market: Market, names: Mapping[str, Any]) -> pd.DataFrame:
    """Series known on their day."""
    dates = pd.DatetimeIndex(market.sessions)
    return pd.concat(
        pd.DataFrame({"series": name, "date": dates, "available": dates, "value": values})
        for name, values in names.items()
    )


class Led(EqualWeighted):
    """Names its leaders."""

    def leaders(self) -> Mapping[str, tuple[str, ...]]:
        return {"technology": ("ai_hardware", "software")}


def result_on(market: Market, manifest: Mapping[str, Any] | None = None, **settings: Any) -> Result:
    config = RunConfig(
        name="made",
        strategy={"name": "EqualWeighted"},
        benchmarks=({"name": "BuyAndHold", "label": "Chips", "symbols": ["CHIP"]}, {"name": "PriceWeighted"}),
        engine="ledger",
        **settings,
    )
    found = run(config, market=market)
    return replace(found, manifest={**found.manifest, **(manifest or {})})


def section(sheet: Document, key: str) -> list[Block]:
    """Every block of a section, those behind a summary too."""
    return list(every_block(next(each for each in sheet.sections if each.key == key).blocks))


def words(blocks: list[Block]) -> str:
    said: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            said.append(block.text)
        elif isinstance(block, Bullets):
            said += block.items
        elif isinstance(block, Facts):
            said += [f"{item.name}: {item.text}" for item in block.items]
        elif isinstance(block, Scorecard):
            said += [f"{check.outcome} {check.what}. {check.said}" for check in block.checks]
        elif isinstance(block, Table):
            said += [block.caption, block.note]
    return " ".join(said)


def table(blocks: list[Block], caption: str) -> Table:
    return next(block for block in blocks if isinstance(block, Table) and caption in block.caption)


def row(found: Table, label: str) -> list[str]:
    return next([cell.text for cell in each.cells] for each in found.rows if each.cells[0].text == label)


def test_luck_knows_the_number_of_trials() -> None:
    stamp = {
        "count": 40,
        "records": 44,
        "head": "ab",
        "variance": 0.02**2,
        "intact": True,
        "verdict": "Unbroken.",
    }
    market = made()
    sheet = build(result_on(market, {"trials": stamp}))
    assert "what the best of 40 worthless trials would show" in words(section(sheet, "summary"))
    assert "With 40 trials on this market" in words(section(sheet, "significance"))
    found = table(section(sheet, "significance"), "number of trials")
    assert row(found, "Trials on this market")[1] == "40"
    alone = table(section(build(result_on(market)), "significance"), "number of trials")
    term = "Probability after all trials"
    assert float(row(found, term)[1].rstrip("%")) < float(row(alone, term)[1].rstrip("%"))
    assert "40 trials on this market are recorded on this machine. Unbroken." in words(
        section(sheet, "significance")
    )


def test_a_broken_record_or_a_failed_check_is_a_warning_on_page_one() -> None:
    broken = {"count": 2, "intact": False, "verdict": "The record of trials can't be trusted: x."}
    looked = {"passed": False, "checks": [{"outcome": "fail", "name": "later data", "summary": "changed"}]}
    sheet = build(result_on(made(), {"trials": broken, "lookahead": looked}))
    said = words(section(sheet, "summary"))
    assert "fail Trials. 2 trials on this market" in said
    assert "The record of trials can't be trusted" in said
    assert "fail Sealed replay. Look-ahead check FAILED: later data: changed" in said
    first = section(sheet, "summary")[0]
    assert isinstance(first, Paragraph)
    assert first.text.startswith("Look-ahead check FAILED: later data: changed")
    passed = {"passed": True, "sampled": 12, "decisions": 70}
    fine = build(result_on(made(), {"lookahead": passed}))
    assert "Look-ahead check passed: 12 of 70 decisions made again without the future" in words(
        section(fine, "setup")
    )
    (card,) = [block for block in section(sheet, "summary") if isinstance(block, Scorecard)]
    assert {check.what: check.outcome for check in card.checks}["Sealed replay"] == "fail"


@pytest.mark.parametrize(
    ("known", "outside", "participation", "outcome"),
    [(10, 0, 0.1, "pass"), (10, 0, 0.61, "warn"), (0, 0, float("nan"), "warn"), (10, 1, 0.61, "fail")],
)
def test_a_fill_that_took_much_of_its_session_is_no_pass(
    known: int, outside: int, participation: float, outcome: str
) -> None:
    result = result_on(made())
    result.__dict__["fill_check"] = FillCheck(10, known, outside, 0, participation, participation)
    assert {check.what: check.outcome for check in scorecard(result).checks}["Fills"] == outcome


def test_page_one_says_what_a_reader_who_stops_there_must_know() -> None:
    sheet = build(result_on(made()))
    said = words(section(sheet, "summary"))
    for heading in ("What the rule changed", "Luck of the lead", "Worst case"):
        assert f"{heading}: " in said
    for check in ("Lead beyond luck", "Second engine", "Sealed replay", "Trials", "Fills", "Data", "Orders"):
        assert f" {check}. " in said
    assert "Hypothetical" in said
    further = words(section(sheet, "setup"))
    for question in (
        "What was run", "Did it win", "At what risk", "At what cost", "What hurts it", "Who checked",
        "How often tried",
    ):  # fmt: skip
        assert f"{question}: " in further
    assert "(gross)" in further
    assert "time-weighted" in further


def test_short_runs_test_nothing_and_annualise_nothing() -> None:
    market = made()
    sheet = build(result_on(market, start="2015-01-02", end="2015-01-20"))
    assert "Not tested" in words(section(sheet, "significance"))
    half = build(result_on(market, start="2015-01-02", end="2015-07-20"))
    said = words(section(half, "summary")) + words(section(half, "significance"))
    assert "a year" not in said.replace("less than a year", "")
    assert " a session" in said


def test_episodes_scenarios_and_regimes() -> None:
    market = made()
    extra = {
        "us10y": np.linspace(1, 3, len(market.sessions)),
        "vix": 15 + np.sin(np.arange(len(market.sessions))),
    }
    market = made(series=daily(market, extra))
    scenarios = {"AI winter": {"ai_hardware": -0.4, "BANK": 0.1, "rest": -0.05}}
    result = result_on(market, scenarios=scenarios)
    led = replace(result, book=replace(result.book, strategy=Led()))
    blocks = section(build(led), "stress")
    episodes = table(blocks, "named episodes")
    assert row(episodes, "Covid-19")[1:3] == ["2020-02-19", "2020-03-23"]
    shocks = table(blocks, "Shocks of one day")
    total = row(shocks, "AI winter")
    assert total[2] == "−40.00%"
    weights = result_on(market).book.ledger.weights(market).iloc[-1]
    by_hand = (
        -0.4 * weights["CHIP"]
        + 0.1 * weights["BANK"]
        - 0.05 * (weights["SOFT"] + weights["FUND"] + weights["IDX"])
    )
    assert float(total[1].replace("−", "-").rstrip("%")) == pytest.approx(by_hand * 100, abs=0.006)
    assert row(table(blocks, "contribute"), "AI hardware")[1].startswith("−")
    regimes = [each.cells[0].text for each in table(blocks, "by regime").rows]
    assert {"rates up", "high volatility", "low volatility", "technology leads"} <= set(regimes)
    assert "AI winter: from the run file: ai_hardware −40.0%, BANK +10.0%, the rest −5.0%." in words(blocks)


def test_attribution_adds_up() -> None:
    result = result_on(made())
    blocks = section(build(result), "attribution")
    assert "against PriceWeighted" in table(blocks, "Brinson-Fachler").caption
    assert "Chips is held as one instrument" in words(blocks)
    found = table(blocks, "The same against every benchmark")
    numbers = [float(each.cells[1].text.replace("−", "-").replace(",", "")) for each in found.rows[:6]]
    assert sum(numbers[:5]) == pytest.approx(numbers[5], abs=0.03)
    profits = table(blocks, "by symbol")
    total = sum(float(each.cells[-1].value) for each in profits.rows)  # type: ignore[arg-type]
    ledger = result.book.ledger
    assert total == pytest.approx(ledger.equity[-1] - ledger.equity[0])


def test_factors_are_those_that_the_market_has() -> None:
    nothing = words(section(build(result_on(made())), "attribution"))
    assert "neither Fama-French factors (series mkt_rf, smb, hml, rmw, cma, mom)" in nothing
    funds = section(build(result_on(made(funds=True))), "attribution")
    assert [each.cells[0].text for each in table(funds, "on factors").rows] == ["Alpha a year", "IDX", "FUND"]
    market = made()
    mean = np.nanmean(market.close[1:] / market.close[:-1] - 1, axis=1)
    noise = np.random.default_rng(1).normal(0, 0.5, len(market.sessions))
    supplied = made(series=daily(market, {"mkt_rf": np.append(0, mean) * 100, "smb": noise}))
    fitted = table(section(build(result_on(supplied)), "attribution"), "on factors")
    assert row(fitted, "mkt_rf")[1] == "1.00"
    assert row(fitted, "smb")[1] == "0.00"


def test_capacity_with_and_without_volume() -> None:
    sheet = build(result_on(made(), costs={"impact": 1.0}))
    blocks = section(sheet, "capacity")
    assert "5% of average daily volume" in words(blocks)
    impact = [float(each.cells[1].text) for each in table(blocks, "Market impact").rows]
    assert impact == sorted(impact)
    assert "can't be told" in words(section(build(result_on(made(volume=None))), "capacity"))


def test_gross_is_above_net_by_what_trading_cost() -> None:
    sheet = build(result_on(made(), costs={"commission_bps": 50.0}))
    found = table(section(sheet, "calendar"), "Gross and net")
    for each in found.rows:
        gross, net = (float(str(each.cells[place].value)) for place in (1, 2))
        assert gross >= net
    # The run begins inside January 2015, so 36 whole months are not there before the end of 2018.
    assert [each.cells[3].text == "–" for each in found.rows] == [True, True, True, False, False, False]


def test_books_with_the_same_label_are_told_apart() -> None:
    market = made()
    config = RunConfig(
        name="made",
        strategy={"name": "EqualWeighted"},
        benchmarks=({"name": "EqualWeighted"},),
        engine="ledger",
    )
    found = build(run(config, market=market))
    episodes = table(section(found, "stress"), "named episodes")
    assert [column.label for column in episodes.columns[3:]] == ["EqualWeighted", "EqualWeighted (2)"]


def test_halves_best_days_and_average_weights_stand_side_by_side() -> None:
    result = result_on(made())
    blocks = section(build(result), "steadiness")
    both = table(blocks, "Both halves")
    assert [each.cells[0].text for each in both.rows] == ["First half", "", "Second half", ""]
    first = result.equities[result.labels[0]][: len(result.sessions) // 2]
    years = (result.sessions[len(first) - 1] - result.sessions[0]).astype(int) / 365.25
    assert both.rows[0].cells[2].text == f"{(first[-1] / first[0]) ** (1 / years) - 1:.2%}".replace("-", "−")
    assert row(table(blocks, "without the best"), "As it was")[1] == both_growth(result, 0)
    mixes = table(blocks, "average weights")
    # Chips alone are their own average; what the strategy rebalances makes little difference.
    assert row(mixes, "Chips")[3] in ("0.00%", "−0.00%")
    assert row(mixes, "Lead")[1] == f"{float(result.relatives[0].excess_return):.2%}".replace("-", "−")
    assert "in the second half" in words(blocks)


def both_growth(result: Result, place: int) -> str:
    return f"{float(result.performances[place].cagr):.2%}".replace("-", "−")


def test_a_short_run_without_a_benchmark_says_what_it_can() -> None:
    config = RunConfig(
        name="alone", strategy={"name": "EqualWeighted"}, engine="ledger", start="2020-12-01", benchmarks=()
    )
    blocks = section(build(run(config, market=made())), "steadiness")
    assert "too short to be taken apart" in words(blocks)
    assert "known only afterwards" in words(blocks)
    assert not [block for block in blocks if isinstance(block, Table) and "halves" in block.caption]
