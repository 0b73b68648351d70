"""Every way to peek is caught, and no honest strategy is accused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.authoring import CheckReport, check_strategy, sampled_lookahead
from backtests.authoring.poison import POISONS, Future, with_filings_delayed
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.runner import account_of
from backtests.settings.run_file import load
from backtests.settings.strategies import build, registered
from datafeeds.market import Market
from strategies import EqualWeighted
from strategies.asof import AsOf
from tests.backtests.authoring.cheaters import CARELESS, CHEATERS, SYMBOLS, Cheater, small_market, source_of
from tests.command import backtest


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small: Market) -> Path:
    """Prices of the future, for those who read files."""
    place = tmp_path_factory.mktemp("prices")
    table = pd.DataFrame(small.mark, pd.DatetimeIndex(small.sessions), list(small.symbols))
    table.to_csv(place / "prices.csv")
    return place


def planted(cheater: Cheater, folder: Path, tmp_path: Path) -> Any:
    file = tmp_path / "cheat.py"
    file.write_text(source_of(cheater, str(folder)))
    return build(f"{file}:Cheat", {})


def failing(report: CheckReport) -> set[str]:
    return {f"{check.kind}/{check.name}" for check in report.failures}


def checked(strategy: Any, market: Market, elsewhere: bool) -> CheckReport:
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    return check_strategy(strategy, market, account, decisions=10, elsewhere=elsewhere)


@pytest.mark.parametrize("name", {**CHEATERS, **CARELESS})
def test_each_way_to_peek_is_caught(name: str, small: Market, folder: Path, tmp_path: Path) -> None:
    cheater = {**CHEATERS, **CARELESS}[name]
    elsewhere = any("another process" in check for check in cheater.caught_by)
    report = checked(planted(cheater, folder, tmp_path), small, elsewhere)
    assert not report.passed
    assert set(cheater.caught_by) <= failing(report), failing(report)
    for check in report.failures:
        assert check.first is not None
        if check.kind == "look-ahead":
            assert check.first.date
            assert check.first.value


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
def test_no_shipped_strategy_is_accused(name: str, sample: Market) -> None:
    overrides = ["start=2014-03-03", "end=2019-06-28"]
    given: dict[str, Any] = {}
    if name == "Hedged":
        given = {"of": {"name": "EqualWeighted"}, "structure": "outright", "underlying": "SP500"}
        terms = "flat_volatility = true, rate = 0.02, dividend_yield = 0.02"
        overrides = ["start=2014-03-03", "end=2018-12-31", f"overlay={{underlying = 'SP500', {terms}}}"]
    account = account_of(load("valuation_cut", overrides), sample)
    report = check_strategy(build(name, given), sample, account, decisions=8, elsewhere=False)
    assert report.passed, report.failures
    assert report.sampled > 0


def test_another_process_agrees(sample: Market) -> None:
    account = account_of(load("blueprint", ["start=2019-01-02"]), sample)
    report = check_strategy(build("Blueprint", {}), sample, account, decisions=6)
    assert report.passed, report.failures
    assert "another process, hash seed and order" in [check.name for check in report.checks]


# The check of every run ------------------------------------------------------------------------------


def books(market: Market, strategy: Any, fractional: bool = False) -> Ledger:
    account = Account(1e6, Costs(), 0, fractional, 0, len(market.sessions) - 22)
    recorder = Recorder(market, strategy)
    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    ledger = engine_named("ledger")(market, recorder, deciding, account)
    return replace(ledger, decisions=tuple(recorder.decisions))


@pytest.mark.parametrize("fractional", [False, True])
def test_a_run_is_checked_on_a_sample(small: Market, fractional: bool) -> None:
    strategy = build("TargetVolatility", {"schedule": "weekly"})
    ledger = books(small, strategy, fractional)
    report = sampled_lookahead(small, strategy, ledger, sample=9, seed=3)
    assert report.passed, report.failures
    assert (report.sampled, report.decisions) == (9, len(ledger.decisions))
    assert report == sampled_lookahead(small, strategy, ledger, sample=9, seed=3)
    assert "none changed" in report.sentence()


def test_the_check_of_a_run_names_the_first_offence(small: Market, folder: Path, tmp_path: Path) -> None:
    strategy = planted(CHEATERS["shifted"], folder, tmp_path)
    report = sampled_lookahead(small, strategy, books(small, strategy))
    assert not report.passed
    assert report.sentence().startswith("LOOK-AHEAD CHECK FAILED: look-ahead, later data NaN: 2018-")
    record = json.loads(json.dumps(report.record()))
    first = record["checks"][1]["offences"][0]
    assert record["passed"] is False
    assert first["symbol"] in SYMBOLS
    assert first["value"].startswith("weight 1, then")


def test_nothing_to_check_is_no_pass(small: Market) -> None:
    ledger = replace(books(small, EqualWeighted(schedule="once")), decisions=())
    report = sampled_lookahead(small, EqualWeighted(), ledger)
    assert report.sentence() == "Look-ahead: not checked, for there was no decision to replay."
    assert [check.outcome for check in report.checks] == ["note"]


# The poison ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", POISONS)
def test_the_past_stays_and_the_future_goes(small: Market, poison: Any) -> None:
    future = Future(small, poison)
    for index in (400, 200):
        other = future.after(index)
        today = small.sessions[index]
        assert np.array_equal(other.close[: index + 1], small.close[: index + 1], equal_nan=True)
        assert np.array_equal(other.mark[: index + 1], small.mark[: index + 1], equal_nan=True)
        assert not np.array_equal(other.mark[index + 1 :], small.mark[index + 1 :])
        early = small.facts["filed"].to_numpy() < today
        assert other.facts[early].equals(small.facts[early])
        assert not other.facts[~early]["value"].equals(small.facts[~early]["value"])
        known = small.series["available"].to_numpy() <= today
        assert other.series[known].equals(small.series[known])
        for group in small.groups:
            for row in (0, index):
                assert np.array_equal(other.membership(group, row), small.membership(group, row))
    with pytest.raises(ValueError, match="go back in time"):
        future.after(300)


def test_filings_delayed_are_known_later(small: Market) -> None:
    later = with_filings_delayed(small, 5)
    row = small.facts[small.facts["symbol"] == "AAA"].iloc[8]
    first = int(np.searchsorted(small.sessions, np.datetime64(row["filed"], "D"), side="right"))

    def known(market: Market, index: int) -> float:
        return float(AsOf(market, index).latest("revenue", symbols=["AAA"])["AAA"])

    assert known(small, first) == row["value"]
    assert known(later, first + 4) != row["value"]
    assert known(later, first + 6) == row["value"]


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
