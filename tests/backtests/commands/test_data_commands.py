"""`backtest data` as a user calls it, and runs on a market folder."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.commands import data
from backtests.document.html import html
from backtests.research.market_report import by_check, page, verdict
from backtests.rewound import first_difference, rewound_books
from backtests.runner import run
from backtests.settings.markets import open_market
from backtests.settings.run_file import load
from backtests.tearsheet.sections.summary import limits_of
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.market import DELISTED_AFTER, Finding, MarketError
from strategies.benchmarks import BuyAndHold
from strategies.target import StrategyError
from tests.command import backtest
from tests.datafeeds.folders import price_rows, write_folder
from tests.places import SHARED

FOLDER = SHARED / "market"
RUN_FILE = """
name = "held"
market = "{market}"
capital = 1_000_000
[strategy]
name = "BuyAndHold"
symbols = ["AAA", "SPY"]
[costs]
commission_bps = 0
half_spread_bps = 0
[[benchmarks]]
label = "SPY"
name = "BuyAndHold"
symbols = ["SPY"]
reinvest = true
schedule = "monthly"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = write_folder(tmp_path / "broken")
    rows = price_rows()
    rows.loc[0, "close"] = -1.0
    rows.to_csv(folder / "prices.csv", index=False)
    (folder / "facts.csv").write_text(
        "symbol,concept,fiscal_year,fiscal_period,filed,value\n<b>AAA</b>,revenue,2018,FY,2019-02-20,1e9\n"
    )
    return folder


def test_check_of_a_sound_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "data", "check", str(folder)) == 0
    said = capsys.readouterr().out
    assert f"{folder}: can be used; 0 quarantined, 0 suspicions" in said
    assert "note: span: 2020-01-02: 3 symbols over 62 sessions to 2020-03-31" in said


def test_check_of_a_broken_folder(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "data", "check", str(broken)) == 3
    said = capsys.readouterr().out
    assert "error: price not positive: AAA 2020-01-02: the close is -1" in said
    assert "<b>AAA</b>" in said
    assert "cannot be used, 1 errors; 1 quarantined" in said


def test_check_shows_some_or_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (folder / "facts.csv").open("a") as facts:
        for year in range(2001, 2009):
            facts.write(f"AAA,revenue,{year},Q9,{year + 1}-02-20,1e9,\n")
    assert backtest(monkeypatch, "data", "check", str(folder)) == 0
    said = capsys.readouterr().out
    assert said.count("quarantined: fiscal period: AAA") == 3
    assert "and 5 more; --all shows them" in said
    assert backtest(monkeypatch, "data", "check", str(folder), "--all") == 0
    assert capsys.readouterr().out.count("quarantined: fiscal period: AAA") == 8


@pytest.fixture
def run_file(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "held.toml"
    path.write_text(RUN_FILE.format(market=folder.as_posix()))
    return path


def test_a_rewind_compares_the_books_of_a_run_too(
    folder: Path, run_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("data", "rewind", str(folder), "--dates", "2020-02-20", "--run", str(run_file))
    assert backtest(monkeypatch, *arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [
        "2020-02-20, BuyAndHold: the same to the last bit",
        "2020-02-20, SPY: the same to the last bit",
    ]


def test_a_rewind_beyond_the_folders_days_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("data", "rewind", str(folder), "--dates")
    assert backtest(monkeypatch, *arguments, "2020-02-20,2030-01-01") == 1
    said = capsys.readouterr()
    assert "ends on 2020-03-31: nothing is cut on 2030-01-01; choose an earlier day" in said.err
    assert said.out == ""
    assert backtest(monkeypatch, *arguments, "2019-01-01") == 1
    assert "choose a later day" in capsys.readouterr().err
    assert backtest(monkeypatch, *arguments, "2020-03-31") == 0


ASKING = """
from strategies import Capped, BuyAndHold, Strategy, Target
class Asking(Strategy):
    \"\"\"Say what is known by names that begin later.\"\"\"
    schedule = "weekly"
    def decide(self, see):
        known = see.has_series("late"), see.series("late", 9).tolist(), see.has("assets"), see.sectors
        members = see.latest("assets", group="late").to_dict(), see.members(industries=["Late Industry"])
        Capped(BuyAndHold(symbols=["SPY"]), Late=0.5, late=0.5).decide(see)
        return Target({"SPY": 1.0}, why=f"{known} {members} {see.companies(['AAA', 'BBB']).to_dict()}")
"""


def test_a_rewound_run_knows_the_names_of_what_comes_later(folder: Path, tmp_path: Path) -> None:
    later = {
        "series": "late,2020-03-02,2020-03-02,7\n",
        "facts": "BBB,assets,2019,FY,2020-03-02,5,2019-12-31\n",
        "instruments": "AAA,stock,Alpha,Late,Late Industry,late,2020-03-02,,LateCo\n",
    }
    (folder / "instruments.csv").write_text(
        "symbol,kind,name,sector,industry,group,from,to,company\n"
        "AAA,stock,Alpha,Old,Old Industry,old,,2020-03-01,\n"
    )
    for name, row in later.items():
        with (folder / f"{name}.csv").open("a") as table:
            table.write(row)
    (tmp_path / "asking.py").write_text(ASKING)
    run_file = tmp_path / "asking.toml"
    run_file.write_text(
        f'name = "asking"\nmarket = "{folder.as_posix()}"\n'
        f'[strategy]\nname = "{tmp_path.as_posix()}/asking.py:Asking"\n'
        '[[benchmarks]]\nlabel = "SPY"\nname = "BuyAndHold"\nsymbols = ["SPY"]\n'
    )
    days = [np.datetime64("2020-02-20"), np.datetime64("2020-03-16")]
    found = list(rewound_books(str(run_file), folder, days))
    assert [same for _, same in found] == [True] * 4, found


def test_a_rewind_finds_the_first_difference_of_two_books(folder: Path, run_file: Path) -> None:
    config = load(str(run_file))
    whole = run(config, market=load_folder(folder)).book
    prices = pd.read_csv(folder / "prices.csv")
    later = prices["date"] >= "2020-02-14"
    prices.loc[later & (prices["symbol"] == "AAA"), ["open", "high", "low", "close"]] *= 1.01
    write_folder(folder, prices)
    other = run(config, market=load_folder(folder)).book
    assert first_difference(whole, whole) == ""
    assert first_difference(whole, other) == "equity differs from 2020-02-14 on"


def test_a_benchmark_that_ends_early_is_the_first_limit(folder: Path, run_file: Path) -> None:
    prices = price_rows()
    ended = (prices["symbol"] == "SPY") & (prices["date"] > "2020-03-02")
    write_folder(folder, prices[~ended])
    result = run(load(str(run_file)), market=load_folder(folder))
    (said,) = result.manifest["benchmarks_ended"]
    assert said.startswith("The benchmark SPY ends on 2020-03-02, 21 sessions before the run does on")
    assert limits_of(result)[0] == said
    sound = run(load(str(run_file)), market=load_folder(write_folder(folder)))
    assert sound.manifest["benchmarks_ended"] == []


@pytest.mark.parametrize("command", [("check",), ("report", "--html", "x.html")])
def test_no_folder(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert backtest(monkeypatch, "data", *command, str(tmp_path / "none")) == 1
    assert "does not exist; a market is 'sample' or a folder with" in capsys.readouterr().err


class Outline(HTMLParser):
    """Headings, number of pictures, and whether every element is closed."""

    VOID = frozenset(
        {"meta", "link", "br", "hr", "img", "input", "wbr", "path", "use", "rect", "line", "col"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.pictures += tag == "svg"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(document: str) -> Outline:
    parsed = Outline()
    parsed.feed(document)
    assert not parsed.open
    return parsed


def test_report_with_pictures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "pages" / "report.html"
    assert backtest(monkeypatch, "data", "report", str(folder), "--html", str(target)) == 0
    parsed = outline(target.read_text(encoding="utf-8"))
    text = " ".join(parsed.text)
    assert parsed.pictures >= 2
    assert "Number of symbols by session" in text
    assert "Median price-to-sales of each group" in text
    for part in ("Market small", "Data report", "ai_hardware", "survivorship", "Content hash"):
        assert part in text
    assert f"Report: {target}" in capsys.readouterr().out


def test_report_of_a_broken_folder_is_escaped(broken: Path) -> None:
    document = html(page(check_folder(broken)))
    assert "<b>AAA</b>" not in document
    text = " ".join(outline(document).text)
    assert "price not positive" in text
    assert "cannot be used, 1 errors" in text


def test_a_report_that_can_not_be_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "data", "report", str(folder), "--html", str(tmp_path)) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_findings_in_order(broken: Path) -> None:
    checked = check_folder(broken)
    severities = [severity for severity, _ in by_check(checked.findings)]
    assert severities == sorted(severities, key=["error", "quarantined", "suspicion", "note"].index)
    assert sum(map(len, by_check(checked.findings).values())) == len(checked.findings)
    assert verdict(checked).startswith("cannot be used")


def test_a_market_by_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = open_market(str(folder)).hash
    monkeypatch.chdir(folder.parent)
    for path in ("small", "./small", "../" + folder.parent.name + "/small"):
        assert open_market(path).hash == expected
    assert open_market("sample").name == "sample"
    with pytest.raises(MarketError, match="no market 'samples'; did you mean 'sample'"):
        open_market("samples")
    with pytest.raises(MarketError, match="does not exist"):
        open_market("markets/none")


def test_a_run_on_a_folder_with_dividends(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "held.toml").write_text(RUN_FILE.format(market="small"))
    config = load("held.toml")
    result = run(config, verify=True)
    assert result.manifest["verification"]["identical"]
    market = result.market
    spy = market.column["SPY"]
    ledger = result.benchmarks[0].ledger
    bought = int(1_000_000 / market.open[1, spy])
    dividend = bought * 0.5
    ex = market.index_of("2020-02-14")
    fills = ledger.fills
    later = fills[fills["session"] > pd.Timestamp(market.sessions[1])]
    # The dividend comes on the ex-date and is reinvested at the open after the end of its month.
    assert len(later) == 1
    assert later["session"].iloc[0] == pd.Timestamp("2020-03-02")
    cash = np.asarray(ledger.cash)
    assert cash[ex] - cash[ex - 1] == pytest.approx(dividend)
    assert cash[-1] < market.close[-1, spy]


def test_withholding_takes_its_share(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "held.toml").write_text(RUN_FILE.format(market="small"))
    gained = {}
    for rate in (0.0, 0.3):
        ledger = run(load("held.toml", [f"costs.dividend_withholding={rate}"])).book.ledger
        cash = np.asarray(ledger.cash)
        ex = open_market("small").index_of("2020-02-14")
        gained[rate] = cash[ex] - cash[ex - 1]
    assert gained[0.3] == pytest.approx(0.7 * gained[0.0])


def test_delisting_pays_the_last_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = price_rows()
    last = "2020-02-20"
    write_folder(tmp_path / "small", rows[~((rows["symbol"] == "AAA") & (rows["date"] > last))])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "held.toml").write_text(RUN_FILE.format(market="small"))
    result = run(load("held.toml"), verify=True)
    assert result.manifest["verification"]["identical"]
    fills = result.book.ledger.fills
    (closing,) = fills[fills["kind"] == "delisting"].to_dict(orient="records")
    market = result.market
    assert closing["price"] == market.close[market.index_of(last), market.column["AAA"]]
    assert closing["session"] == pd.Timestamp(market.sessions[market.index_of(last) + DELISTED_AFTER + 1])


def test_no_name_is_held_before_it_joined_or_after_it_left(folder: Path) -> None:
    config = load("blueprint", [f"market={json.dumps(str(folder))}"])
    config = config.model_copy(update={"start": None, "benchmarks": ()})
    choice = config.strategy.model_validate(
        {"name": "EqualWeighted", "group": "software", "schedule": "daily"}
    )
    result = run(config.model_copy(update={"strategy": choice}))
    market = result.market
    held = np.asarray(result.book.ledger.positions)[:, market.column["BBB"]] > 0
    inside = market.memberships("software")[:, market.column["BBB"]]
    # Orders fill one session after the decision.
    assert np.array_equal(held[1:], inside[:-1])
    assert not held[0]


def test_reinvesting_needs_a_schedule_and_everything_invested() -> None:
    with pytest.raises(StrategyError, match=r"give strategy\.schedule too"):
        BuyAndHold(symbols="SPY", reinvest=True)
    with pytest.raises(StrategyError, match="let them add to 1"):
        BuyAndHold(symbols=("SPY", "AAA"), weights=(0.5, 0.4), reinvest=True, schedule="monthly")
    assert BuyAndHold(symbols="SPY", reinvest=True, schedule="daily").values()["schedule"] == "daily"


def test_the_shipped_run_file() -> None:
    config = load("ai_era")
    assert config.market == "data/ai_era"
    assert config.build_strategy().values()["small_cap"] == "small_cap"
    assert [choice.label for choice in config.benchmarks][:2] == ["Cap-weighted universe", "S&P 500 (SPY)"]
    for position, benchmark in enumerate(config.benchmarks):
        benchmark.build(f"benchmarks[{position}]")


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="no market folder beside the repository")
def test_the_ai_era_on_a_real_market() -> None:
    result = run(load("ai_era", [f"market={json.dumps(str(FOLDER))}", "engine=ledger"]), verify=True)
    assert result.manifest["verification"]["identical"]
    equity = {book.label: np.asarray(book.ledger.equity) for book in (result.book, *result.benchmarks)}
    total = {label: curve[-1] / curve[0] for label, curve in equity.items()}
    # SPY with dividends from 2011-03-31 to 2023-12-29: 12.6% a year.
    assert total["S&P 500 (SPY)"] == pytest.approx(4.52, rel=0.01)
    assert total["Nasdaq 100 (QQQ)"] > total["S&P 500 (SPY)"] > total["Dow Jones (DIA)"]
    assert total["Blueprint"] == pytest.approx(total["Cap-weighted universe"], rel=0.2)


def test_a_download_says_what_came_and_what_is_suspicious(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetched(
        universe: object, folder: Path, start: object, contact: str, progress: Any
    ) -> SimpleNamespace:
        assert (folder, str(start), contact) == (tmp_path, "2020-01-02", "Jane jane@example.org")
        progress("prices of AAA", 1, 2)
        found = [Finding("note", "span", "one symbol"), Finding("suspicion", "gap", "ten days", symbol="AAA")]
        came = {"folder": folder, "symbols": ("AAA",), "sessions": 5, "figures": 3, "values": 2}
        return SimpleNamespace(findings=found, **came)

    monkeypatch.setattr(data, "fetch", fetched)
    data.fetch_command("ai_era", "2020-01-02", tmp_path, "Jane jane@example.org")
    said = capsys.readouterr().out
    assert said.startswith(
        "suspicion: gap: AAA: ten days\n1 symbols, 5 sessions, 3 filed figures, 2 values of series\n"
    )
    assert str(tmp_path) in said
