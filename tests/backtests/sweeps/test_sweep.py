"""Sweeps: the same outcome shared or not, here or elsewhere, in one go or in pieces."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from backtests.analysis.performance import performance, relative
from backtests.analysis.trading import trading
from backtests.engine.rules import simple_interest
from backtests.records import register
from backtests.records.results import record_trial
from backtests.runner import run
from backtests.settings.run_file import ConfigError, RunConfig, parse
from backtests.sweeps import execution
from backtests.sweeps.execution import Interrupted, Standing
from backtests.sweeps.report import Sweep, page
from backtests.sweeps.store import FINISHED, Store
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.tasks import Outcome, SweepError
from datafeeds.market import Array, Market
from strategies.asof import AsOf
from strategies.hedges import OutrightPut
from strategies.schedule import Daily
from strategies.strategy import Strategy
from strategies.target import Target

SESSIONS = 320


class Leaning(Strategy):
    """Holds more of what rose; does not look at the account."""

    schedule = Daily()
    window: int = 5
    share: float = 1.0
    calls: ClassVar[list[int]] = []

    def decide(self, see: AsOf) -> Target | None:
        self.calls.append(see.sessions_seen)
        if see.sessions_seen % 5:
            return None
        rose = see.closes(self.window).iloc[[0, -1]].pct_change().iloc[-1].clip(lower=0) + 0.01
        return Target(rose / rose.sum() * self.share, why="what rose")


class Banded(Strategy):
    """Rebalances only when the account has drifted: the decision depends on it."""

    schedule = Daily()
    band: float = 0.02

    def decide(self, see: AsOf) -> Target | None:
        names = see.members()
        held = see.weights.reindex(names).fillna(0.0)
        if see.previous is not None and (held - 1 / len(names)).abs().max() < self.band:
            return None
        return Target(pd.Series(1 / len(names), index=names), why="out of band")


class Fragile(Strategy):
    """Fails for some parameters."""

    divisor: int = 1

    def decide(self, see: AsOf) -> Target | None:
        return Target({see.members()[0]: 1 // self.divisor}, why="all in one")


@pytest.fixture(autouse=True)
def _no_trials_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(register.PLACE, str(tmp_path / "register" / "register.sqlite"))


def tried(market: Market) -> int:
    return len(sharpes(market))


def sharpes(market: Market) -> Array:
    """Of every trial on record."""
    found, _ = register.known(market, Path("no results"))
    return found.sharpes


@pytest.fixture(scope="module")
def market() -> Market:
    random = np.random.default_rng(4)
    days = pd.bdate_range("2018-01-01", periods=SESSIONS)
    walk = 50 * np.exp(np.cumsum(random.normal(0.0004, 0.02, (SESSIONS, 4)), axis=0))
    close = pd.DataFrame(walk, index=days, columns=list("ABCD"))
    return Market.from_wide("walks", close, open=close.shift(1).bfill(), volume=close * 1e4)


def config(strategy: str, parameters: dict[str, Any], **more: Any) -> RunConfig:
    table = {"parameters": parameters, **more.pop("sweep", {})}
    document = {"name": "test", "market": "walks", "strategy": {"name": strategy}, "sweep": table}
    return parse(
        document | {"benchmarks": [{"name": "EqualWeighted", "label": "Equal weights"}]} | more, "test.toml"
    )


LEANING = {
    "strategy.window": [3, 8],
    "costs.half_spread_bps": [0.0, 10.0],
    "costs.impact": [0.0, 0.5],
    "lag": [0, 2],
    "capital": [10_000, 1_000_000.0],
}


def test_every_configuration_is_measured_against_every_benchmark(market: Market, tmp_path: Path) -> None:
    beside = [{"name": "EqualWeighted"}, {"name": "BuyAndHold", "symbols": ["A"], "label": "Only A"}]
    swept = config("Leaning", {"strategy.window": [3, 8]}, benchmarks=beside)
    found = sweep(swept, Workplace(tmp_path), market=market)
    only = run(swept.model_copy(update={"sweep": None}), market=market).benchmarks[1].ledger
    for number in (0, 1):
        equity = np.append(1.0, np.cumprod(1 + found.returns[number]))
        numbers = relative(equity, only.equity, found.sessions)
        row = found.table.loc[number]
        assert row["excess_cagr against Only A"] == pytest.approx(numbers.excess_return)
        assert row["tracking_error against Only A"] == pytest.approx(numbers.tracking_error)
        assert row["worst_lead against Only A"] == pytest.approx(numbers.worst_lead)
    (section,) = (each for each in page(found).sections if each.key == "top")
    assert [block.caption for block in section.blocks] == [  # type: ignore[union-attr]
        "The best 2 by Sharpe ratio",
        "The best 2 against Only A",
    ]


@pytest.mark.slow
def test_shared_decisions_change_nothing(market: Market, tmp_path: Path) -> None:
    Leaning.calls.clear()
    shared = sweep(config("Leaning", LEANING), Workplace(tmp_path / "one"), market=market)
    asked = len(Leaning.calls)
    alone = sweep(config("Leaning", LEANING), Workplace(tmp_path / "two", share=False), market=market)
    assert asked == 2 * SESSIONS
    assert len(Leaning.calls) == asked + 32 * SESSIONS
    assert np.array_equal(shared.returns, alone.returns)
    pd.testing.assert_frame_equal(shared.table, alone.table, check_exact=True)
    assert len(np.unique(shared.returns, axis=0)) == 32


def test_a_strategy_that_looks_at_the_account_is_asked_each_time(market: Market, tmp_path: Path) -> None:
    swept = config("Banded", {"costs.half_spread_bps": [0.0, 100.0], "lag": [0, 3]})
    shared = sweep(swept, Workplace(tmp_path / "one"), market=market)
    alone = sweep(swept, Workplace(tmp_path / "two", share=False), market=market)
    assert np.array_equal(shared.returns, alone.returns)
    assert len(np.unique(shared.returns, axis=0)) == 4


@pytest.mark.parametrize("strategy", ["Leaning", "Banded"])
def test_each_row_is_the_run_of_its_parameters(strategy: str, market: Market, tmp_path: Path) -> None:
    parameters = {"costs.half_spread_bps": [5.0, 50.0], "costs.cash_rate": [0.0, 0.04], "lag": [1]}
    done = sweep(config(strategy, parameters), Workplace(tmp_path), market=market)
    for number, row in done.table.iterrows():
        document = {
            "name": "test",
            "strategy": {"name": strategy},
            "benchmarks": [{"name": "EqualWeighted"}],
            "costs": {"half_spread_bps": row["costs.half_spread_bps"], "cash_rate": row["costs.cash_rate"]},
            "lag": 1,
        }
        found = run(parse(document, "x"), market=market)  # on the event engine
        ledger, theirs = found.book.ledger, found.benchmarks[0].ledger
        stats = performance(ledger.equity, ledger.sessions, row["costs.cash_rate"])
        against = relative(ledger.equity, theirs.equity, ledger.sessions)
        traded = trading(ledger)
        assert np.array_equal(done.returns[number], ledger.returns)  # type: ignore[call-overload]
        expected = {
            "cagr": stats.cagr,
            "volatility": stats.volatility,
            "sharpe": stats.sharpe,
            "max_drawdown": stats.max_drawdown,
            "total_return": stats.total_return,
            "excess_cagr": against.excess_return,
            "information_ratio": against.information_ratio,
            "turnover": traded.turnover,
            "cost": traded.cost,
            "cost_bps": traded.cost_bps,
            "final_equity": ledger.equity[-1],
        }
        assert row[list(expected)].to_dict() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_event_engine_gives_the_same_table(market: Market, tmp_path: Path) -> None:
    parameters = {"strategy.window": [4], "lag": [0, 1]}
    by_ledger = sweep(config("Leaning", parameters), Workplace(tmp_path), market=market)
    by_event = sweep(
        config("Leaning", parameters, sweep={"engine": "event"}), Workplace(tmp_path), market=market
    )
    assert by_event.folder != by_ledger.folder
    assert np.array_equal(by_event.returns, by_ledger.returns)


class Insured(Strategy):
    """Shares, and puts on them."""

    moneyness: float = 0.95

    def decide(self, see: AsOf) -> Target | None:
        return Target({"A": 0.6}, why="shares").hedge(OutrightPut(self.moneyness), ratio=0.5, why="insured")


@pytest.mark.parametrize("engine", ["ledger", "event"])
def test_shared_hedges_change_nothing(engine: str, market: Market, tmp_path: Path) -> None:
    series = pd.DataFrame(
        [
            (name, day, day, value)
            for name, value in {"vix": 20.0, "skew": 130.0, "us2y": 2.0}.items()
            for day in market.sessions
        ],
        columns=["series", "date", "available", "value"],
    )
    frame = pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=market.symbols)
    priced = Market.from_wide("priced", frame, series=series)
    parameters = {"strategy.moneyness": [0.9, 0.97], "costs.half_spread_bps": [0.0, 9.0], "lag": [0, 1]}
    overlay = {"underlying": "A", "dividend_yield": 0.0}
    swept = config("Insured", parameters, overlay=overlay, capital=1e6, sweep={"engine": engine})
    shared = sweep(swept, Workplace(tmp_path / "one"), market=priced)
    alone = sweep(swept, Workplace(tmp_path / "two", share=False), market=priced)
    assert shared.manifest["failed"] == {}
    assert np.array_equal(shared.returns, alone.returns)
    assert len(np.unique(shared.returns, axis=0)) == 8


# Interruptions ---------------------------------------------------------------------------------------


class Stop:
    """Interrupts as Ctrl-C does, once so many configurations are done."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.seen: list[Standing] = []

    def __call__(self, standing: Standing) -> None:
        self.seen.append(standing)
        if standing.done >= self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("share", [True, False])
def test_shares_that_can_not_be_counted_fail_a_configuration(
    share: bool, market: Market, tmp_path: Path
) -> None:
    cents = replace(market, close=market.close * 1e-5, open=market.open * 1e-5, hash="")
    swept = config("Leaning", {"capital": [1e6, 9e14, 1e15]})
    done = sweep(swept, Workplace(tmp_path, share=share), market=cents)
    assert list(done.finished.index) == [0]
    failed = done.manifest["failed"]
    assert {number: error.split(":")[0] for number, error in failed.items()} == {
        "1": "OrderError",
        "2": "OrderError",
    }


class LateLooker(Leaning):
    """Looks at the account at its last decisions only."""

    def decide(self, see: AsOf) -> Target | None:
        target = super().decide(see)
        if target is None or see.sessions_seen < SESSIONS - 20:
            return target
        return target.scale({"A": float(see.weights.get("A", 0.0))}, why="by what is held")


def test_a_strategy_that_looks_at_the_account_late_is_asked_with_it(market: Market, tmp_path: Path) -> None:
    done = sweep(config("LateLooker", {"lag": [0]}), Workplace(tmp_path), market=market)
    document = {"name": "test", "strategy": {"name": "LateLooker"}}
    alone = run(parse(document, "x"), market=market).book.ledger
    assert np.array_equal(done.returns[0], alone.returns)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each outcome as it comes."""
    monkeypatch.setattr(execution, "BATCH", 0.0)


@pytest.mark.usefixtures("one_by_one")
def test_an_interrupted_sweep_goes_on_where_it_stopped(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = config("Leaning", {"strategy.window": [2, 3, 4, 5, 6, 7]})
    whole = sweep(swept, Workplace(tmp_path / "whole"), market=market)
    monkeypatch.setenv(register.PLACE, str(tmp_path / "fresh.sqlite"))
    place = Workplace(tmp_path / "pieces")
    with pytest.raises(Interrupted) as stop:
        sweep(swept, place, market=market, watch=Stop(2))
    assert (stop.value.done, stop.value.total) == (2, 6)
    assert [path for path in place.results.iterdir() if path.is_dir() and path.name[0] != "."] == []
    assert tried(market) == 2  # seen is tried

    Leaning.calls.clear()
    seen: list[Standing] = []
    done = sweep(swept, place, market=market, watch=seen.append)
    assert len(Leaning.calls) == 4 * SESSIONS
    assert [standing.done for standing in seen] == [2, 3, 4, 5, 6]
    assert seen[-1].best is not None
    assert seen[-1].best.number == whole.table["sharpe"].idxmax()
    assert seen[-1].score == whole.table["sharpe"].max()
    assert np.array_equal(done.returns, whole.returns)
    pd.testing.assert_frame_equal(done.table, whole.table, check_exact=True)
    assert tried(market) == 6


def test_a_whole_sweep_is_not_run_again(market: Market, tmp_path: Path) -> None:
    swept = config("Leaning", {"strategy.window": [2, 3]})
    done = sweep(swept, Workplace(tmp_path), market=market)
    Leaning.calls.clear()
    again = sweep(swept, Workplace(tmp_path), market=market)
    assert again.folder == done.folder
    assert Leaning.calls == []
    assert {path.name for path in done.folder.iterdir()} == {
        "table.parquet", "returns.npy", "sessions.npy", "manifest.json", "sweep.html"
    }  # fmt: skip


def test_a_whole_sweep_is_judged_anew_by_another_statistic(market: Market, tmp_path: Path) -> None:
    parameters = {"strategy.window": [2, 3, 4, 5], "strategy.share": [0.2, 1.0]}
    first = sweep(config("Leaning", parameters), Workplace(tmp_path), market=market)
    Leaning.calls.clear()
    other = config("Leaning", parameters, sweep={"rank_by": "volatility", "within": 0.5})
    judged = sweep(other, Workplace(tmp_path), market=market)
    assert Leaning.calls == []
    assert tried(market) == 8  # as many as before
    assert judged.folder == first.folder
    pd.testing.assert_frame_equal(judged.table, first.table, check_exact=True)
    assert np.array_equal(judged.returns, first.returns)
    assert judged.surroundings.best == first.table["volatility"].argmin() != first.surroundings.best
    assert (judged.surroundings.metric, judged.surroundings.within) == ("volatility", 0.5)
    assert "Best by Volatility a year" in (judged.folder / "sweep.html").read_text(encoding="utf-8")
    again = sweep(other, Workplace(tmp_path), market=market)
    assert again.manifest == json.loads(json.dumps(judged.manifest, default=str))


@pytest.mark.parametrize("seconds", [0.0, 60.0])
@pytest.mark.parametrize("stops", [None, KeyboardInterrupt, OSError])
def test_what_came_before_a_worker_fails_is_kept(
    seconds: float, stops: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "BATCH", seconds)
    came: list[int] = []

    def found() -> Iterator[list[Outcome]]:
        for number in range(3):
            yield [Outcome(number, {"sharpe": 1.0}, np.zeros(2))]
        if stops is not None:
            raise stops

    with pytest.raises(stops) if stops is not None else nullcontext():
        for batch in execution.batches(found()):
            came += [outcome.number for outcome in batch]
    assert came == [0, 1, 2]


@pytest.mark.usefixtures("one_by_one")
def test_a_row_cut_short_is_run_again(market: Market, tmp_path: Path) -> None:
    swept = config("Leaning", {"strategy.window": [2, 3, 4, 5]})
    place = Workplace(tmp_path)
    with pytest.raises(Interrupted):
        sweep(swept, place, market=market, watch=Stop(3))
    (file,) = tmp_path.glob(f".*/{FINISHED}")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE kept SET returns = substr(returns, 9) WHERE number = 1")
    Leaning.calls.clear()
    done = sweep(swept, place, market=market)
    assert len(Leaning.calls) == 2 * SESSIONS
    whole = sweep(swept, Workplace(tmp_path / "whole"), market=market)
    pd.testing.assert_frame_equal(done.table, whole.table, check_exact=True)


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_damaged_file_is_begun_anew(content: bytes, market: Market, tmp_path: Path) -> None:
    swept = config("Leaning", {"strategy.window": [2, 3, 4]})
    with pytest.raises(Interrupted):
        sweep(swept, Workplace(tmp_path), market=market, watch=Stop(2))
    next(tmp_path.glob(f".*/{FINISHED}")).write_bytes(content)
    Leaning.calls.clear()
    done = sweep(swept, Workplace(tmp_path), market=market)
    assert len(Leaning.calls) == 3 * SESSIONS
    assert np.isfinite(done.returns).all()


def test_rows_that_are_not_as_they_were_written_are_run_again(market: Market, tmp_path: Path) -> None:
    """A bit flipped anywhere in the file changes nothing in the end; SQLite itself would not notice most."""
    swept = config("Leaning", {"strategy.window": [2, 3, 4, 5, 6, 7]})
    whole = sweep(swept, Workplace(tmp_path / "whole"), market=market)
    with pytest.raises(Interrupted):
        sweep(swept, Workplace(tmp_path / "first"), market=market, watch=Stop(4))
    (kept,) = (tmp_path / "first").glob(f".*/{FINISHED}")
    content = kept.read_bytes()
    generator = np.random.default_rng(1)
    for trial, flips in enumerate((1, 1, 10, 10, 300, 3_000)):
        place = tmp_path / str(trial)
        shutil.copytree(tmp_path / "first", place)
        damaged = np.frombuffer(content, dtype=np.uint8).copy()
        damaged[generator.integers(100, len(damaged), flips)] ^= np.uint8(1 << trial)
        next(place.glob(f".*/{FINISHED}")).write_bytes(damaged.tobytes())
        done = sweep(swept, Workplace(place), market=market)
        pd.testing.assert_frame_equal(done.table, whole.table, check_exact=True)
        assert np.array_equal(done.returns, whole.returns)


def test_one_process_at_a_time(market: Market, tmp_path: Path) -> None:
    store = Store(tmp_path / "x", 3, market.sessions)
    with pytest.raises(SweepError, match="another process is running this sweep"):
        Store(tmp_path / "x", 3, market.sessions)
    store.close()
    Store(tmp_path / "x", 3, market.sessions).close()


# Failures --------------------------------------------------------------------------------------------


def test_a_failing_configuration_stops_nobody_else(market: Market, tmp_path: Path) -> None:
    done = sweep(config("Fragile", {"strategy.divisor": [1, 0, 2]}), Workplace(tmp_path), market=market)
    assert list(done.finished.index) == [0, 2]
    assert list(done.manifest["failed"]) == ["1"]
    assert "ZeroDivisionError" in done.manifest["failed"]["1"]
    assert np.isnan(done.returns[1]).all()
    assert "1 failed" in (done.folder / "sweep.html").read_text()


def test_a_sweep_without_a_survivor_says_why(market: Market, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"every configuration failed; number 0: .*ZeroDivisionError"):
        sweep(config("Fragile", {"strategy.divisor": [0]}), Workplace(tmp_path), market=market)
    lags = {"from": 0, "to": 250, "step": 1}
    hopeless = config("Fragile", {"lag": lags, "strategy.divisor": [0]})
    with pytest.raises(SweepError, match=r"configurations all failed; number 0: .*ZeroDivisionError"):
        sweep(hopeless, Workplace(tmp_path), market=market)


def test_a_market_in_memory_stays_in_its_process(market: Market, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="not opened by name"):
        sweep(config("Leaning", {"lag": [0]}), Workplace(tmp_path, workers=2), market=market)


# Processes -------------------------------------------------------------------------------------------


def sample(**more: Any) -> RunConfig:
    parameters = {"strategy.schedule": ["daily", "weekly", "monthly", "quarterly"], "lag": [0, 1]}
    return config("EqualWeighted", parameters, market="sample", start="2019-01-02", **more)


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return sweep(sample(), Workplace(tmp_path_factory.mktemp("here")))


def same(one: Sweep, other: Sweep) -> None:
    assert np.array_equal(one.returns, other.returns)
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)


def test_a_killed_worker_loses_nothing(in_process: Sweep, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(standing: Standing) -> None:
        from joblib.externals.loky import get_reusable_executor

        if standing.done and not killed:
            killed.append(next(iter(get_reusable_executor(reuse=True)._processes)))
            os.kill(killed[0], signal.SIGKILL)

    same(sweep(sample(), Workplace(tmp_path, workers=2), watch=kill_one), in_process)
    assert killed


@pytest.mark.slow
def test_the_command_survives_an_interrupt(in_process: Sweep, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        """
        name = "test"
        market = "sample"
        start = 2019-01-02
        strategy.name = "EqualWeighted"
        benchmarks = [{ name = "EqualWeighted", label = "Equal weights" }]
        [sweep.parameters]
        strategy.schedule = ["daily", "weekly", "monthly", "quarterly"]
        lag = [0, 1]
        """
    )
    program = "from backtests.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "sweep",
        str(file),
        "--workers",
        "2",
        "--results",
        str(tmp_path),
    ]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(f".*/{FINISHED}")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert re.search(r"Stopped: \d of 8 configurations are done and kept|Stopped before any", errors)
    assert "Traceback" not in errors
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert "8 configurations, 0 failed" in finished.stdout
    same(Sweep.read(next(tmp_path.glob("test-sweep-*"))), in_process)


def test_a_key_that_is_swept_cannot_be_set(tmp_path: Path) -> None:
    from backtests.commands.sweeps import config_of

    with pytest.raises(ConfigError, match=r"strategy\.norm_years is swept"):
        config_of("blueprint_sweep", ["strategy.norm_years=4"])


# The folder ------------------------------------------------------------------------------------------


def test_manifest_and_trials(market: Market, tmp_path: Path) -> None:
    done = sweep(config("Leaning", LEANING), Workplace(tmp_path), market=market)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert (manifest["kind"], manifest["configurations"], manifest["decision_groups"]) == ("sweep", 32, 2)
    assert manifest["market"]["hash"] == market.hash
    assert manifest["trials"]["count"] == 32
    assert register.verify(tmp_path).intact
    assert f'href="{done.folder.name}/sweep.html"' in (tmp_path / "index.html").read_text()
    returns = np.asarray(done.returns)
    expected = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    assert sharpes(market) == pytest.approx(expected)
    assert done.returns.shape == (32, len(done.sessions) - 1)


def test_a_run_and_a_sweep_leave_the_same_trial(market: Market, tmp_path: Path) -> None:
    swept = config("Leaning", {"strategy.window": [5]}, costs={"cash_rate": 0.05}, market="walks")
    done = sweep(swept, Workplace(tmp_path), market=market)
    (by_sweep,) = sharpes(market)
    excess = done.returns[0] - simple_interest(0.05, done.sessions)
    assert by_sweep == pytest.approx(excess.mean() / excess.std(ddof=1), rel=1e-12)
    result = run(
        parse({**swept.model_dump(exclude_none=True), "strategy": {"name": "Leaning", "window": 5}}, "x"),
        market=market,
    )
    record_trial(result, tmp_path)
    assert sharpes(market).tolist() == [by_sweep]


def test_the_page_stands_alone_and_escapes(market: Market, tmp_path: Path) -> None:
    swept = config(
        "Leaning",
        {"strategy.window": [2, 5], "strategy.share": [0.5, 0.9]},
        description="<script>alert(1)</script> $x_1$ & more",
    )
    page = (sweep(swept, Workplace(tmp_path), market=market).folder / "sweep.html").read_text()
    assert page.count("<script") == 1  # the page's own, allowed by its hash
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "url(http" not in page
    assert page.count('class="dense"') == 2  # one map of two parameters, and the best
    assert "neighbours" in page
