"""The tearsheet as a document and as a file, on a small market made by hand."""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from backtests.document.blocks import (
    AreaChart,
    Bullets,
    Details,
    Facts,
    Figure,
    Glossary,
    Highlights,
    Line,
    LineChart,
    Paragraph,
    Scorecard,
    Table,
    every_block,
)
from backtests.document.figures import log_ticks, thinned, year_ticks
from backtests.document.formats import formatted
from backtests.document.html import html, write_html
from backtests.document.svg import inline_svg, standalone_svg
from backtests.engine.books import FILL_COLUMNS, UNFILLED_COLUMNS, Decision, Ledger, Rows
from backtests.engine.terms import Account
from backtests.result import Book, Result
from backtests.settings.run_file import RunConfig
from backtests.tearsheet.assembly import build
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Finding, Market
from strategies.strategy import Strategy
from strategies.target import Target

SYMBOLS = ("CHIP", "SOFT", "BANK", "DRUG", "LOOSE")
GROUPS = ("ai_hardware", "software", "financials", "healthcare", "")
EVIL = "<script>alert(1)</script>"


class Fixed(Strategy):
    """Hold what the fixture wrote into the ledger."""

    name: str = "fixed"


@pytest.fixture(scope="module")
def market():
    sessions = exchange_sessions("2015-01-02", "2019-12-31")
    rng = np.random.default_rng(42)
    returns = rng.normal([0.0010, 0.0006, 0.0002, 0.0003, 0.0001], 0.012, (len(sessions), len(SYMBOLS)))
    close = pd.DataFrame(
        50 * np.cumprod(1 + returns, axis=0), index=pd.DatetimeIndex(sessions), columns=SYMBOLS
    )
    instruments = pd.DataFrame({"symbol": SYMBOLS, "kind": "stock", "group": GROUPS})
    return Market.from_wide(
        "made",
        close,
        instruments=instruments,
        source="random numbers",
        limits=("Made up: proves nothing.",),
        findings=(Finding("quarantined", "share count scale", "a thousand times its neighbours", "CHIP"),),
    )


def ledger_of(market, weights, sessions=None, every=21):
    """Rebalance to `weights` at every 21st close, filled at the next close with a commission of 1 bp."""
    sessions = market.sessions if sessions is None else sessions
    first = market.index_of(sessions[0])
    close = market.close[first : first + len(sessions)]
    shares, cash = np.zeros(len(SYMBOLS)), 1_000_000.0
    equity, money, fills, decisions = [], [], [], []
    target = None
    for row, session in enumerate(sessions):
        if target is not None:
            wanted = np.floor(target * (cash + shares @ close[row]) * 0.999 / close[row])
            for column in np.flatnonzero(wanted != shares):
                traded, price = wanted[column] - shares[column], close[row, column]
                paid = abs(traded) * price * 1e-4
                cash -= traded * price + paid
                fills.append((row, column, traded, price, price, paid, 0.0, 0.0, "order"))
            shares, target = wanted, None
        equity.append(cash + shares @ close[row])
        money.append(cash)
        if weights and row % every == 0:
            tilt = dict(weights)
            tilt["CHIP"] *= 0.5 if (row // every) % 2 else 1.0
            chosen = Target(weights, why="base weights").scale(
                {"CHIP": tilt["CHIP"] / weights["CHIP"]}, why=EVIL
            )
            decisions.append(Decision(session, chosen))
            target = np.array([chosen.weights.get(symbol, 0.0) for symbol in SYMBOLS])
    return Ledger(
        sessions=sessions,
        symbols=SYMBOLS,
        equity=np.array(equity),
        cash=np.array(money),
        dividends=np.zeros(len(sessions)),
        interest=np.zeros(len(sessions)),
        executions=Rows.of(FILL_COLUMNS, fills),
        endings=Rows.of(UNFILLED_COLUMNS, [(len(sessions) - 1, SYMBOLS.index("BANK"), 0.1, "no bar <b>")]),
        decisions=tuple(decisions),
    )


def result_of(market, ours, *others, **settings):
    config = RunConfig(name="by-hand", strategy={"name": "Fixed"}, **settings)
    labels = ("Plain index", "Second", "Third")
    first = market.index_of(ours.sessions[0])
    return Result(
        config=config,
        market=market,
        account=Account(config.capital, config.costs, 0, False, first, first + len(ours.sessions) - 1),
        book=Book("Tilted", Fixed(), ours),
        benchmarks=tuple(Book(label, Fixed(), each) for label, each in zip(labels, others, strict=False)),
        manifest={"run_hash": "ab" * 32, "engine": "event", "seconds": {"load": 0.25}},
    )


MIXED = {"CHIP": 0.3, "SOFT": 0.3, "BANK": 0.2, "DRUG": 0.1, "LOOSE": 0.05}
CHIPS = {"CHIP": 0.9}
LOSERS = {"CHIP": 0.01, "LOOSE": 0.9}


@pytest.fixture(scope="module")
def result(market):
    return result_of(market, *(ledger_of(market, each) for each in (MIXED, CHIPS, LOSERS)))


@pytest.fixture(scope="module")
def page(result):
    return html(build(result))


def blocks_of(sheet):
    def opened(block):
        return (
            [block, *(deep for inner in block.blocks for deep in opened(inner))]
            if isinstance(block, Details)
            else [block]
        )

    return [each for section in sheet.sections for block in section.blocks for each in opened(block)]


def words(sheet):
    """What page one and the facts about the run say."""
    said = []
    for block in every_block(block for section in sheet.sections[:2] for block in section.blocks):
        match block:
            case Paragraph():
                said.append(block.text)
            case Bullets():
                said += block.items
            case Facts():
                said += (item.text for item in block.items)
            case Scorecard():
                said += (check.said for check in block.checks)
    return " ".join(said)


def test_sections_and_their_ids(result):
    sheet = build(result)
    keys = [section.key for section in sheet.sections]
    assert keys == [
        "summary", "setup", "verdict", "significance", "growth", "rolling", "calendar",
        "steadiness", "stress", "attribution", "weights", "drawdowns", "costs", "realism", "capacity",
        "decisions", "definitions", "provenance",
    ]  # fmt: skip
    figures = [block.key for block in blocks_of(sheet) if isinstance(block, Figure)]
    assert len(set(figures)) == len(figures)


def test_tables_are_whole(result):
    for block in blocks_of(build(result)):
        if isinstance(block, Table):
            assert all(len(row.cells) == len(block.columns) for row in block.rows), block.caption


def test_every_statistic_shown_has_a_definition_in_the_glossary(result):
    sheet = build(result)
    glossary = next(block for block in blocks_of(sheet) if isinstance(block, Glossary))
    defined = {definition.key for definition in glossary.definitions}
    for block in blocks_of(sheet):
        if isinstance(block, Highlights):
            assert {item.term for item in block.items} <= defined
        if isinstance(block, Table) and block.columns[0].label == "Statistic":
            assert all(row.term in defined for row in block.rows), block.caption


def test_first_screen_says_what_limits_it(result, page):
    said = words(build(result))
    assert "Hypothetical performance" in said
    assert "Made up: proves nothing." in page
    assert "1 suspicious figure was left out of every calculation" in page
    assert "Not recomputed by a second engine." in page
    assert "Look-ahead: not checked." in page
    assert "could be luck" not in page


def test_verification_is_repeated(result):
    identical = {"engine": "ledger", "identical": True, "differences": {}}
    verified = replace(result, manifest={**result.manifest, "verification": identical})
    assert "Recomputed by an independent engine (ledger): identical to the last bit." in html(build(verified))
    other = {"engine": "ledger", "identical": False, "differences": {"Tilted": ["equity from 2016-01-04"]}}
    assert "NOT the same. Tilted: equity from 2016-01-04" in words(
        build(replace(result, manifest={**result.manifest, "verification": other}))
    )


def test_verdict_when_it_wins_and_when_it_loses(market):
    chips, mixed, losers = (ledger_of(market, each) for each in (CHIPS, MIXED, LOSERS))
    by_growth = sorted((chips, mixed, losers), key=lambda ledger: ledger.equity[-1])
    won = words(build(result_of(market, by_growth[2], by_growth[0], by_growth[1])))
    lost = words(build(result_of(market, by_growth[0], by_growth[2], by_growth[1])))
    same = words(build(result_of(market, mixed, mixed)))
    assert re.search(r"After costs, Tilted returned \S+% a year from 2015-01-02 to 2019-12-31", won)
    assert re.search(r"[\d.]+ points a year more than Plain index \(\S+%\)\. It beat Plain index(,|;)", won)
    assert "It beat Second by" in won
    assert re.search(r"points a year less than Plain index \(\S+%\)\. It did not beat Plain index\.", lost)
    assert "It trailed Second by" in lost
    assert "It hurt most against Plain index in" in lost
    assert "about the same as Plain index" in same
    assert "It beat" not in same
    assert "hardly differed from Plain index" in same


def test_short_run_is_not_annualised(market):
    sessions = market.sessions[:150]
    ours, theirs = (ledger_of(market, each, sessions) for each in (MIXED, CHIPS))
    sheet = build(result_of(market, ours, theirs))
    page = html(sheet)
    assert "in total, over less than a year" in words(sheet)
    assert "nothing is annualised" in page
    shown = re.sub(r"<[^>]+>", " ", page[page.index('id="verdict"') : page.index('id="growth"')])
    assert "Volatility a session" in shown
    assert "Volatility a year" not in shown
    assert "Sharpe ratio, a session" in shown


def test_run_of_two_sessions(market):
    sessions = market.sessions[:2]
    page = html(
        build(result_of(market, ledger_of(market, MIXED, sessions), ledger_of(market, CHIPS, sessions)))
    )
    assert "too short for rolling statistics" in page


def test_run_without_benchmarks(market):
    sheet = build(result_of(market, ledger_of(market, MIXED)))
    assert "No benchmark was run" in words(sheet)
    assert "against each benchmark" not in html(sheet)


def test_run_without_fills(market):
    sheet = build(result_of(market, ledger_of(market, {}), ledger_of(market, CHIPS)))
    page = html(sheet)
    assert "It never traded" in words(sheet)
    assert "Nothing was ever held" in page
    assert "The strategy gave no target." in page


def test_every_text_is_escaped(market, result):
    evil = replace(
        result,
        book=replace(result.book, label=EVIL, note=EVIL),
        market=replace(market, limits=(EVIL,), source=EVIL, findings=(Finding("note", EVIL, EVIL),)),
        manifest={EVIL: EVIL},
        config=result.config.model_copy(update={"description": f'"{EVIL}'}),
    )
    page = html(build(evil))
    assert page.count("<script>") == 3  # the page's own, uPlot, and what tells it what to draw
    assert page.count("<script") == 4  # and the charts' numbers
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert 'title=""' not in page
    assert "no bar &lt;b&gt;" in page


def test_file_is_self_contained(page, result, tmp_path):
    assert not re.search(r"https?:", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    assert len(page.encode()) < 1_500_000
    target = write_html(build(result), tmp_path / "tearsheet.html")
    assert target.read_text(encoding="utf-8") == page


def test_only_its_own_script_may_run(page):
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}\"" in page
    assert not re.search(r"\son[a-z]+=", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert not any(re.search(r"\beval\(|new Function", script) for script in scripts)


def test_same_result_gives_the_same_bytes(result, page):
    assert html(build(result)) == page


def test_no_warnings(result):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html(build(result))


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.refs, self.levels = [], [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if "id" in named:
            self.ids.append(named["id"])
        self.refs += [named[key] for key in ("aria-labelledby", "popovertarget") if key in named]
        self.refs += [named["href"][1:] for key in ("href",) if key in named]
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))


def test_ids_are_unique_and_references_lead_somewhere(page):
    outline = Outline()
    outline.feed(page)
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.refs) <= set(outline.ids)
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))


def test_decision_log_has_moves_and_reasons(page, result):
    log = page[page.index('id="decisions"') : page.index('id="definitions"')]
    assert log.count('scope="row"') == len(result.book.ledger.decisions)
    assert "base weights" in log
    assert re.search(r"CHIP 0\.0% → 30\.0%", log)
    assert log.index("2019:") < log.index("2015:")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.12345, "percent", "12.3%"),
        (-0.12345, "percent2", "−12.35%"),
        (-0.0001, "percent", "0.0%"),
        (0.05, "signed", "+5.0%"),
        (-1234567.0, "money", "−1,234,567"),
        (float("nan"), "number", "–"),
        (float("inf"), "number", "–"),
        (None, "percent", "–"),
        (np.datetime64("2020-03-23"), "date", "2020-03-23"),
        (np.datetime64("NaT", "D"), "date", "–"),
        ("A-B", "text", "A-B"),
        (2.889, "multiple", "2.89×"),
        (247.42, "multiple", "247×"),
    ],
)
def test_formats(value, form, text):
    assert formatted(value, form) == text


def test_thinning_keeps_the_extremes():
    values = np.cumsum(np.random.default_rng(0).normal(size=8300))
    values[4000:4100] = np.nan
    kept = thinned(values, 1200)
    assert len(kept) <= 1500
    assert kept[0] == 0
    assert kept[-1] == 8299
    assert np.nanmax(values[kept]) == np.nanmax(values)
    assert np.nanmin(values[kept]) == np.nanmin(values)
    assert np.isnan(values[kept]).any()
    assert len(thinned(np.zeros(8300), 1200)) <= 1300


def test_ticks():
    _, labels = year_ticks(np.datetime64("1990-01-02"), np.datetime64("2022-12-28"))
    assert labels == ["1995", "2000", "2005", "2010", "2015", "2020"]
    _, months = year_ticks(np.datetime64("2020-01-02"), np.datetime64("2020-08-28"))
    assert months[0] == "2020-02"
    assert log_ticks(0.9, 6.1) == [1, 2, 5]
    assert log_ticks(0.5, 300.0) == [1, 3, 10, 30, 100, 300]


def test_svg_takes_its_colours_from_the_page_and_keeps_its_numbers():
    dates = np.arange("2019-01-01", "2022-01-01", dtype="datetime64[D]")
    line = Line("x", dates, np.linspace(0.95, 1.05, len(dates)))
    markup = inline_svg(Figure("beta", LineChart((line,), "number", rule=1.0), "", ""))
    assert "var(--series-0)" in markup
    assert "0.98" in markup
    assert "xmlns" not in markup
    assert 'aria-labelledby="beta-alt"' in markup
    area = AreaChart(
        (replace(line, values=np.full(len(dates), 0.4)), replace(line, values=np.full(len(dates), 0.6)))
    )
    assert standalone_svg(area) == standalone_svg(area)
