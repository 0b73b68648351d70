"""Every way to peek is caught, and no honest strategy is accused."""

from __future__ import annotations

import http.server
import json
import os
import resource
import socketserver
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.authoring import lookahead, moments
from backtests.authoring.check import check_strategy
from backtests.authoring.intact import fingerprint
from backtests.authoring.lookahead import SealedCheck
from backtests.authoring.report import CheckReport
from backtests.authoring.sealed import program
from backtests.authoring.sealed.replay import SealedProcesses
from backtests.commands.authoring import config_of
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.runner import account_of
from backtests.settings.markets import BUILT_IN
from backtests.settings.run_file import load
from backtests.settings.strategies import build, registered
from datafeeds.market import Market
from strategies import EqualWeighted
from strategies.asof import AsOf
from tests.backtests.authoring.cheaters import CARELESS, CHEATERS, SYMBOLS, Cheater, small_market, source_of
from tests.command import backtest


@pytest.fixture
def small() -> Market:
    return small_market()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices of the future, for those who read files."""
    small = small_market()
    place = tmp_path_factory.mktemp("prices")
    table = pd.DataFrame(small.mark, pd.DatetimeIndex(small.sessions), list(small.symbols))
    table.to_csv(place / "prices.csv")
    table.to_parquet(place / "prices.parquet")
    np.save(place / "mark.npy", small.mark)
    ahead = small.mark[np.minimum(np.arange(len(small.sessions)) + 5, len(small.sessions) - 1)]
    best = np.nanargmax(ahead / small.mark, axis=1)
    winners = {str(day): small.symbols[column] for day, column in zip(small.sessions, best, strict=True)}
    (place / "winners.json").write_text(json.dumps(winners))
    with sqlite3.connect(place / "winners.db") as database:
        database.execute("create table t (day text, pick text)")
        database.executemany("insert into t values (?, ?)", winners.items())
    for name in ("names", "links", "times"):
        (place / name).mkdir()
    for day, pick in winners.items():
        (place / "names" / f"{day}-{pick}").touch()
        (place / "links" / day).symlink_to(pick)
        (place / "times" / day).touch()
        os.utime(place / "times" / day, (small.symbols.index(pick),) * 2)
    return place


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that gives tips."""
    with socketserver.TCPServer(("127.0.0.1", 0), Tips) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/tip"
        serving.shutdown()


class Tips(http.server.BaseHTTPRequestHandler):
    """Says the name of a stock."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(SYMBOLS[2].encode())

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def processes() -> Iterator[SealedProcesses]:
    with SealedProcesses() as started:
        yield started


def planted(cheater: Cheater, folder: Path, tmp_path: Path, server: str = "") -> Any:
    file = tmp_path / "cheat.py"
    file.write_text(source_of(cheater, str(folder), server))
    return build(f"{file}:Cheat", {})


def failing(report: CheckReport) -> set[str]:
    return {f"{check.kind}/{check.name}" for check in report.failures}


def checked(strategy: Any, market: Market, processes: SealedProcesses) -> CheckReport:
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    return check_strategy(strategy, market, account, decisions=10, processes=processes)


def replayed(strategy: Any, market: Market, processes: SealedProcesses, most: int = 200) -> CheckReport:
    """The look-ahead check of a run alone."""
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    with SealedCheck(processes) as sealed:
        recorder = Recorder(market, strategy)
        deciding = strategy.schedule.decides(market.sessions, market.next_session)
        decide = sealed.watch(market, strategy, deciding, recorder)
        engine_named("ledger")(market, decide, deciding, account)
        sealed.begin(recorder.seconds, "", most)
        return sealed.report()


@pytest.fixture
def mended() -> Iterator[None]:
    """Undo what cheaters do to this process."""
    opened, plain, answer = AsOf.__init__, moments.plain_target, program._answer
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    yield
    resource.setrlimit(resource.RLIMIT_CORE, limit)
    AsOf.__init__ = opened  # type: ignore[method-assign]
    moments.plain_target, program._answer = plain, answer
    os.environ.pop("PLAN", None)
    vars(np).pop("plan", None)
    for name in [name for name in sys.modules if "plan_of_a_cheat" in name or len(name) > 100]:
        del sys.modules[name]


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("name", {**CHEATERS, **CARELESS})
def test_each_way_to_peek_is_caught(
    name: str, small: Market, folder: Path, server: str, tmp_path: Path, processes: SealedProcesses
) -> None:
    cheater = {**CHEATERS, **CARELESS}[name]
    alone = all(each.startswith("look-ahead/") for each in cheater.caught_by)
    report = (replayed if alone else checked)(planted(cheater, folder, tmp_path, server), small, processes)
    assert not report.passed
    assert set(cheater.caught_by) <= failing(report), failing(report)
    for check in report.failures:
        assert check.first is not None
        assert check.first.date or check.first.value or check.kind != "look-ahead"


@pytest.mark.usefixtures("mended")
def test_the_market_is_read_before_the_first_decision(
    small: Market, folder: Path, tmp_path: Path, processes: SealedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly it is read, a plan written by the first decision is not taken for what was there."""

    def slow(market: Market) -> str:
        time.sleep(0.5)
        return fingerprint(market)

    monkeypatch.setattr(lookahead, "fingerprint", slow)
    strategy = planted(CHEATERS["prices of the past"], folder, tmp_path)
    deciding = strategy.schedule.decides(small.sessions, small.next_session)
    with SealedCheck(processes) as sealed:
        decide = sealed.watch(small, strategy, deciding, Recorder(small, strategy))
        decide(int(np.flatnonzero(deciding)[0]), np.zeros(len(small.symbols)))
        sealed.begin(0.0, "", 1)
        assert "look-ahead/the same market" in failing(sealed.report())


def test_what_decide_is_given_leads_nowhere(small: Market) -> None:
    """`.base` of an array, attributes, slots and indexes: `AsOf` hands out copies that end today."""
    index = 300
    see = AsOf(small, index)
    assert not hasattr(see, "__dict__")
    frames = [see.closes(10_000), see.returns(10_000), see.volumes(10_000), see.history("revenue", 10_000)]
    for frame in frames:
        assert len(frame) <= see.sessions_seen
        assert frame.index[-1] == see.today
        array = frame.to_numpy()
        while array is not None:
            assert array.size <= see.sessions_seen * len(small.symbols)
            array = array.base
    assert see.series("fear", 10_000).index[-1] <= see.today - pd.Timedelta(days=10)


SHIPPED = sorted(name for name, cls in registered().items() if cls.__module__.startswith("strategies."))


SOLVING = "RiskParity"
"""Takes longer than all others together."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == SOLVING)) for name in SHIPPED]
)
def test_no_shipped_strategy_is_accused(name: str, sample: Market, processes: SealedProcesses) -> None:
    overrides = ["start=2014-03-03", "end=2019-06-28"]
    given: dict[str, Any] = {}
    if name == "Hedged":
        given = {"of": {"name": "EqualWeighted"}, "structure": "outright", "underlying": "SP500"}
        terms = "flat_volatility = true, rate = 0.02, dividend_yield = 0.02"
        overrides = ["start=2014-03-03", "end=2018-12-31", f"overlay={{underlying = 'SP500', {terms}}}"]
    account = account_of(load("valuation_cut", overrides), sample)
    report = check_strategy(build(name, given), sample, account, decisions=8, processes=processes)
    levels = {"look-ahead/price of one company scaled"} if name == "PriceWeighted" else set()
    assert failing(report) == levels, report.failures  # its weights are the level of adjusted prices
    assert report.sampled > 0


# The check of every run ------------------------------------------------------------------------------


def test_a_run_is_checked_on_a_sample(small: Market, processes: SealedProcesses) -> None:
    strategy = build("VolatilityTarget", {"of": {"name": "EqualWeighted", "schedule": "weekly"}})
    report = replayed(strategy, small, processes, 9)
    assert report.passed, report.failures
    assert report.sampled == 9
    assert report.seed != replayed(strategy, small, processes, 9).seed
    assert report.walls[-1]


def test_the_check_of_a_run_names_the_first_offence(
    small: Market, folder: Path, tmp_path: Path, processes: SealedProcesses
) -> None:
    report = replayed(planted(CHEATERS["shifted"], folder, tmp_path), small, processes)
    record = json.loads(json.dumps(report.record()))
    first = record["checks"][0]["offences"][0]
    assert record["passed"] is False
    assert first["date"] >= "2018-01-02"
    assert first["value"].endswith("a target") or first["value"].startswith("weight 1, then")


def test_nothing_to_check_is_no_pass(small: Market, processes: SealedProcesses) -> None:
    with SealedCheck(processes) as sealed:
        sealed.watch(small, EqualWeighted(), np.zeros(0, dtype=bool), Recorder(small, EqualWeighted()))
        sealed.begin(0.0, "")
        assert [check.outcome for check in sealed.report().checks] == ["note"]


# The command -----------------------------------------------------------------------------------------


def test_the_command_passes_an_honest_strategy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "report.json"
    few = ["--decisions", "4", "--set", "start=2019-01-02", "--json", str(record)]
    assert backtest(monkeypatch, "check-strategy", "EqualWeighted", *few) == 0
    assert "passed" in capsys.readouterr().out
    assert json.loads(record.read_text())["passed"] is True


def test_the_command_fails_a_cheater(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, folder: Path
) -> None:
    file = tmp_path / "cheat.py"
    file.write_text(source_of(CHEATERS["centred"], str(folder)))
    few = ["--decisions", "4", "--set", "start=2021-01-04"]
    assert backtest(monkeypatch, "check-strategy", f"{file}:Cheat", *few) == 1
    assert "fail" in capsys.readouterr().out


def test_a_strategy_is_checked_on_a_market_that_is_always_there() -> None:
    """`Blueprint` stands in a run file for a folder that must be downloaded first, too."""
    assert config_of("Blueprint", []).market in BUILT_IN


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Bluprint", "did you mean 'Blueprint'?"),
        ("nowhere/file.py:Class", "nowhere/file.py: No such file or directory"),
        ("golden_cross", "whether it looks ahead can't be checked"),
    ],
)
def test_mistakes_are_one_line(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "check-strategy", name) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
