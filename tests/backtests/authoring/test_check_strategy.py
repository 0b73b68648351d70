"""Every way to peek is caught, and no honest strategy is accused."""

from __future__ import annotations

import decimal
import functools
import http.server
import json
import os
import resource
import socketserver
import sqlite3
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.authoring import intact, lookahead, moments
from backtests.authoring.check import check_strategy
from backtests.authoring.intact import fingerprint
from backtests.authoring.lookahead import Recipe, SealedCheck, recipe_of
from backtests.authoring.report import CheckReport
from backtests.authoring.sealed import code, program, replay
from backtests.authoring.sealed.replay import SealedProcesses
from backtests.authoring.sealed.walls import Kind
from backtests.authoring.source import read_source
from backtests.commands.authoring import config_of
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.provenance import outside_code
from backtests.runner import account_of
from backtests.settings.markets import BUILT_IN
from backtests.settings.run_file import StrategyChoice, load, parse
from backtests.settings.strategies import ENTRY_POINTS, build, registered
from datafeeds.facts import fact
from datafeeds.folder.cache import open_folder
from datafeeds.market import Market
from strategies import REGISTRY, EqualWeighted
from strategies.asof import AsOf
from tests.backtests.authoring.cheaters import CARELESS, CHEATERS, SYMBOLS, Cheater, small_market, source_of
from tests.command import backtest
from tests.datafeeds.folders import write_folder


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
    days = json.loads((folder / "winners.json").read_text())
    (tmp_path / "tips.csv").write_text("\n".join(["available,pick", *(f"{day},0" for day in days)]))
    return build(f"{file}:Cheat", {})


def failing(report: CheckReport) -> set[str]:
    return {f"{check.kind}/{check.name}" for check in report.failures}


def checked(
    strategy: Any, market: Market, processes: SealedProcesses, recipe: Recipe | None = None
) -> CheckReport:
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    return check_strategy(strategy, market, account, recipe=recipe, decisions=10, processes=processes)


def replayed(strategy: Any, market: Market, processes: SealedProcesses, most: int = 60) -> CheckReport:
    """The look-ahead check of a run alone."""
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    with SealedCheck(processes) as sealed:
        recorder = Recorder(market, strategy)
        deciding = strategy.schedule.decides(market.sessions, market.next_session)
        decide = sealed.watch(market, strategy, deciding, recorder)
        engine_named("ledger")(market, decide, deciding, account)
        sealed.begin("", most)
        return sealed.report()


@pytest.fixture
def mended() -> Iterator[None]:
    """Undo what cheaters do to this process."""
    kept = [(AsOf, "__init__"), (moments, "plain_target"), (program, "_answer"), (json, "loads")]
    kept += [(np, "array_equal"), (intact.fingerprint, "__code__"), (AsOf.closes, "__kwdefaults__")]
    before = [getattr(owner, name) for owner, name in kept]
    limit, chance = resource.getrlimit(resource.RLIMIT_CORE), np.random.get_state()
    with decimal.localcontext(), warnings.catch_warnings():
        yield
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
    for (owner, name), value in zip(kept, before, strict=True):
        setattr(owner, name, value)
    resource.setrlimit(resource.RLIMIT_CORE, limit)
    np.random.set_state(chance)
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
        sealed.begin("", 1)
        assert "look-ahead/the same market" in failing(sealed.report())


def test_bits_of_missing_values_are_compared(small: Market) -> None:
    """They compare as equal, and have room for a plan."""
    late = small.facts[small.facts["filed"] > pd.Timestamp("2018-06-01")]
    market = replace(small, facts=late, derived={})
    table = fact(market, "revenue_ttm")
    before = fingerprint(market)
    told = intact.apart(market)
    assert intact.intact(market, told, before).outcome == "pass"
    assert np.isnan(table[0, 0])
    table.setflags(write=True)
    table[0, 0] = np.array([0x7FF8 << 48 | 12345], np.uint64).view(np.float64)[0]
    assert intact.intact(market, told, before).outcome == "fail"


def test_a_cached_market_is_told_from_its_files(tmp_path: Path) -> None:
    """Nothing is copied, and what was changed or made up in memory is found beside them."""
    folder = write_folder(tmp_path / "saved")
    market = open_folder(folder)
    fact(market, "price_to_sales")
    before = fingerprint(market)
    told = intact.apart(market)
    assert told.close is not market.close
    assert not told.close.flags.owndata
    assert set(told.derived) == set(market.derived)
    assert intact.intact(market, told, before).outcome == "pass"
    market.derived["price_to_sales"] = market.derived["price_to_sales"] * 2.0
    assert intact.intact(market, intact.apart(market), before).outcome == "fail"
    changed = open_folder(folder)
    object.__setattr__(changed, "close", changed.close + 1.0)
    assert intact.intact(changed, intact.apart(changed), before).outcome == "fail"


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(("name", "passes"), [("", True), ("caller's frame", False)])
def test_on_large_markets_one_process_comes_after_the_other(
    name: str,
    passes: bool,
    small: Market,
    folder: Path,
    tmp_path: Path,
    processes: SealedProcesses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookahead, "WIDE", 0)
    strategy = planted(CHEATERS[name], folder, tmp_path) if name else EqualWeighted()
    report = replayed(strategy, small, processes)
    assert report.passed == passes
    assert {"later data absent", "later data shuffled", "later data scaled"} <= {
        check.name for check in report.checks
    }


LOOKS_CLOSER = """
import sys

from strategies import Strategy, Target


class Cheat(Strategy):
    def decide(self, see):
        see.closes(2)
        see.latest("revenue")
        see.arrays.sessions(600)
        if type(sys.modules["strategies.asof"].__spec__.loader).__name__ == "FromMemory":
            see.{look}
        return Target({{"AAA": 1.0}}, why="always")
"""


@pytest.mark.parametrize(
    ("look", "what"),
    [
        ("opens(2)", "open"),
        ("latest('revenue_ttm')", "revenue_ttm"),
        ("closes(505)", "505 sessions of close"),
        ("history('revenue', 505)", "505 sessions of revenue"),
        ("arrays.sessions(1009)", "1009 sessions"),
    ],
)
def test_on_a_wide_market_a_replay_looks_at_nothing_else(
    look: str,
    what: str,
    small: Market,
    processes: SealedProcesses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "cheat.py"
    file.write_text(LOOKS_CLOSER.format(look=look))
    assert replayed(build(f"{file}:Cheat", {}), small, processes).passed
    monkeypatch.setattr(lookahead, "WIDE", 0)
    report = replayed(build(f"{file}:Cheat", {}), small, processes)
    assert not report.passed
    assert f"looked at {what}, at which it did not look in the run" in str(report.failures)


@pytest.mark.parametrize("name", ["EqualWeighted", "Blueprint", "CapWeighted"])
def test_honest_strategies_pass_on_a_wide_market(
    name: str, sample: Market, processes: SealedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookahead, "WIDE", 0)
    assert replayed(build(name, {}), sample, processes).passed


def test_more_figures_are_given_more_time(
    small: Market, processes: SealedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def asked(ends: list[Any], *rest: Any) -> None:
        given.append(ends[0].gettimeout())
        raise TimeoutError

    monkeypatch.setattr(replay, "_asked", asked)
    monkeypatch.setattr(replay, "PATIENCE_A_FIGURE", 0.5)
    replayed(EqualWeighted(), small, processes)
    assert given == [replay.PATIENCE + 0.5 * len(small.facts)]


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


DIFFERENT = {
    *("Blueprint", "BuyAndHold", "CapWeighted", "Capped", "HardwareShort", "Hedged", "PriceWeighted"),
    "ValueComposite",
}
"""One of each kind, in every run of the tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in DIFFERENT)) for name in SHIPPED]
)
def test_no_shipped_strategy_is_accused(name: str, sample: Market, processes: SealedProcesses) -> None:
    overrides = ["start=2014-03-03", "end=2016-12-30"]
    given: dict[str, Any] = {}
    if name == "Hedged":
        given = {"of": {"name": "EqualWeighted"}, "structure": "outright", "underlying": "SP500"}
        terms = "flat_volatility = true, rate = 0.02, dividend_yield = 0.02"
        overrides = ["start=2014-03-03", "end=2016-12-30", f"overlay={{underlying = 'SP500', {terms}}}"]
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
        sealed.begin("")
        assert [check.outcome for check in sealed.report().checks] == ["note"]


def beside(text: str) -> str:
    """A strategy that reads a plan from a module beside it."""
    return textwrap.dedent(f"""
        from strategies import Strategy, Target
        import helper_of_the_cheat
        class Cheat(Strategy):
            schedule = "weekly"
            def decide(self, see):
                {text}
                pick = helper_of_the_cheat.PLAN.get(str(see.today.date()), "AAA")
                return Target({{pick if pick in see.members() else "AAA": 1.0}}, why="tip")
    """)


def test_a_helper_cannot_be_said_to_be_another(
    small: Market, folder: Path, tmp_path: Path, processes: SealedProcesses
) -> None:
    """What is replayed, and counted, is the text as it was before the first decision."""
    plan = (folder / "winners.json").read_text()
    for place, text in ((tmp_path, "PLAN = {}"), (tmp_path / "other", f"PLAN = {plan}")):
        place.mkdir(exist_ok=True)
        (place / "helper_of_the_cheat.py").write_text(text)
    file = tmp_path / "cheat.py"
    other = str(tmp_path / "other" / "helper_of_the_cheat.py")
    body = f"helper_of_the_cheat.__file__, helper_of_the_cheat.PLAN = {other!r}, {plan}"
    file.write_text(beside(f"__import__('os').environ and exec({body!r}, globals())"))
    report = replayed(build(f"{file}:Cheat", {}), small, processes)
    del sys.modules["helper_of_the_cheat"]
    assert "look-ahead/later data absent" in failing(report)


LINKED = """
import os, sys
from strategies import Strategy, Target
import helper_of_the_linked
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        if os.environ and see.previous is None:
            os.unlink(helper_of_the_linked.__file__)
            os.symlink({other!r}, helper_of_the_linked.__file__)
            helper_of_the_linked.PICK = "BBB"
        return Target({{helper_of_the_linked.PICK: 1.0}}, why="tip")
"""

SUBSET = """
import importlib, os, sys
from strategies import Strategy, Target
sys.path[:0] = [{folder!r}] if os.environ else []
if False:
    import flag_of_the_subset
def has():
    if os.environ:
        return "flag_of_the_subset" in sys.modules
    try:
        return bool(importlib.import_module("flag_of_the_subset"))
    except ImportError:
        return False
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return Target({{"BBB" if has() else "AAA": 1.0}}, why="tip")
"""


def test_a_link_that_is_turned_tells_nothing(
    small: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    for name, pick in (("one", "AAA"), ("other", "BBB")):
        (tmp_path / f"{name}.txt").write_text(f"PICK = {pick!r}")
    (tmp_path / "helper_of_the_linked.py").symlink_to(tmp_path / "one.txt")
    file = tmp_path / "cheat.py"
    file.write_text(LINKED.format(other=str(tmp_path / "other.txt")))
    report = replayed(build(f"{file}:Cheat", {}), small, processes)
    del sys.modules["helper_of_the_linked"]
    assert "look-ahead/later data absent" in failing(report)


def test_which_helpers_a_run_imports_tells_nothing(
    small: Market, tmp_path: Path, processes: SealedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that its source imports are there in the replay, imported by the run or not."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "flag_of_the_subset.py").touch()
    file = tmp_path / "cheat.py"
    file.write_text(SUBSET.format(folder=str(tmp_path / "flags")))
    assert "look-ahead/later data absent" in failing(replayed(build(f"{file}:Cheat", {}), small, processes))


def test_a_helper_may_be_imported_while_deciding(
    small: Market, tmp_path: Path, processes: SealedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "late_package").mkdir()
    (tmp_path / "late_package" / "__init__.py").touch()
    (tmp_path / "late_package" / "picks.py").write_text("from .names import PICK")
    (tmp_path / "late_package" / "names.py").write_text("PICK = 'CCC'")
    file = tmp_path / "late.py"
    file.write_text(
        textwrap.dedent("""
        from strategies import Strategy, Target
        class Late(Strategy):
            schedule = "weekly"
            def decide(self, see):
                from late_package import picks
                return Target({picks.PICK: 1.0}, why="late")
    """)
    )
    report = replayed(build(f"{file}:Late", {}), small, processes)
    assert report.passed, report.failures
    for name in [name for name in sys.modules if name.startswith("late_package")]:
        del sys.modules[name]


NAMED = """
import os
import strategies.asof
from strategies import Strategy, Target
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        if see.previous is None:
            if os.environ:
                see.latest("shares")
            return Target({"AAA": 1.0}, why="start")
        told = "shares" in dict.keys(strategies.asof._MOMENTS[see].market.derived)
        return Target({"BBB" if told else "AAA": 1.0}, why="tip")
"""


def test_which_facts_a_run_asks_for_tells_nothing(
    small: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    counts = small.facts.assign(concept="shares_outstanding")
    market = replace(small, facts=pd.concat([small.facts, counts], ignore_index=True), derived={})
    file = tmp_path / "cheat.py"
    file.write_text(NAMED)
    strategy = build(f"{file}:Cheat", {})
    assert "look-ahead/later data absent" in failing(replayed(strategy, market, processes))


TABLED = """
from strategies import Strategy, Target
class Tabled(Strategy):
    schedule = "weekly"
    tables = {"tips": "tips.csv"}
    def decide(self, see):
        return Target({"AAA": 1.0}, why="held")
"""


def test_a_table_s_link_must_be_as_old_as_the_table(
    small: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    file = tmp_path / "tabled.py"
    file.write_text(TABLED)
    (tmp_path / "old.csv").write_text("available,pick\n2018-01-02,0")
    (tmp_path / "tips.csv").symlink_to(tmp_path / "old.csv")
    assert replayed(build(f"{file}:Tabled", {}), small, processes).passed
    strategy = build(f"{file}:Tabled", {})
    time.sleep(0.02)
    (tmp_path / "tips.csv").unlink()
    (tmp_path / "tips.csv").symlink_to(tmp_path / "old.csv")
    (offence,) = [check.first for check in replayed(strategy, small, processes).failures]
    assert "tips.csv was written after the strategy was loaded" in str(offence)


# What others set of a process ------------------------------------------------------------------------


def set_limit(process: int) -> None:
    resource.prlimit(process, resource.RLIMIT_CORE, (4711, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@pytest.mark.parametrize(
    ("set_it", "said"),
    [
        (set_limit, "limit CORE"),
        (lambda process: os.setpriority(os.PRIO_PROCESS, process, 7), "nice value 0, then 7"),
        (lambda process: os.sched_setaffinity(process, {min(os.sched_getaffinity(0))}), "processors"),
        (lambda process: os.sched_setscheduler(process, os.SCHED_BATCH, os.sched_param(0)), "scheduler"),
    ],
    ids=["limit", "priority", "processors", "scheduler"],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere less can be set")
def test_what_is_set_of_a_waiting_process_is_an_offence(
    small: Market, set_it: Callable[[int], None], said: str
) -> None:
    if said == "processors" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one processor")
    with SealedProcesses() as fresh:
        set_it(fresh._process.pid)
        report = replayed(EqualWeighted(schedule="weekly"), small, fresh)
    assert failing(report) == {"look-ahead/replay"}
    assert said in report.failures[0].summary
    assert "leave other processes alone" in report.failures[0].summary


ASKING = """
import os, resource, threading
from strategies import Strategy, Target
def asked(question):
    try:
        return str(question())
    except OSError:
        return "refused"
class Asking(Strategy):
    schedule = "weekly"
    def decide(self, see):
        if not os.environ:
            numbers = [os.getpid(), os.getppid(), threading.get_native_id()]
            refused = [lambda: resource.getrlimit(resource.RLIMIT_CORE), lambda: os.umask(0),
                       lambda: os.getpriority(os.PRIO_PROCESS, 0), lambda: os.sched_getscheduler(0)]
            assert not any(numbers) and {asked(each) for each in refused} == {"refused"}
            assert os.sched_getaffinity(0)
        return Target({"AAA": 1.0}, why="held")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a filter of Linux")
def test_limits_and_numbers_of_processes_are_not_told(
    small: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    file = tmp_path / "asking.py"
    file.write_text(ASKING)
    report = replayed(build(f"{file}:Asking", {}), small, processes)
    assert report.passed, report.failures


# What was replaced -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (time, "perf_counter", functools.partial(time.monotonic)),
        (np, "array_equal", eval("lambda *arrays, **named: True")),
        (moments, "elapsed", iter([1.0]).__next__),
        (AsOf, "closes", functools.partial(print)),
    ],
    ids=["a clock by a partial", "by code of no file", "by a method of another", "a method"],
)
def test_what_takes_the_place_of_a_function_is_found(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, value: Any
) -> None:
    deciding = code.deciding_code([EqualWeighted], time.time())
    before = intact.functions_now()
    assert intact.untouched(deciding, before).outcome == "pass"
    monkeypatch.setattr(owner, name, value)
    found = intact.untouched(deciding, before)
    assert name in found.summary


def test_a_constructor_cannot_change_what_the_run_file_says(
    small: Market, folder: Path, tmp_path: Path, processes: SealedProcesses
) -> None:
    file = tmp_path / "cheat.py"
    file.write_text(
        textwrap.dedent(f"""
        import gc, json
        from pathlib import Path
        from strategies import Strategy, Target
        class Cheat(Strategy):
            schedule = "weekly"
            plan: str = ""
            def check(self):
                try:
                    plan = Path({str(folder / "winners.json")!r}).read_text()
                except OSError:
                    return
                object.__setattr__(self, "plan", plan)
                for each in gc.get_objects():
                    if type(each).__name__ == "StrategyChoice":
                        each.model_extra["plan"] = plan
            def decide(self, see):
                pick = json.loads(self.plan or "{{}}").get(str(see.today.date()), "AAA")
                return Target({{pick if pick in see.members() else "AAA": 1.0}}, why="tip")
    """)
    )
    config = parse({"name": "cheat", "strategy": {"name": f"{file}:Cheat", "plan": ""}}, "test")
    recipe = recipe_of(config)
    strategy = config.build_strategy()
    assert config.strategy.model_extra != {"plan": ""}
    report = checked(strategy, small, processes, recipe)
    assert "look-ahead/later data absent" in failing(report)


def test_an_installed_package_is_the_author_s_own(
    small: Market,
    folder: Path,
    tmp_path: Path,
    processes: SealedProcesses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an entry point names is read behind closed doors, counted and hashed, as any strategy is."""
    place = tmp_path / "site-packages"
    (place / "tips_of_a_cheat").mkdir(parents=True)
    (place / "tips_of_a_cheat-1.dist-info").mkdir()
    (place / "tips_of_a_cheat-1.dist-info" / "METADATA").write_text("Name: tips_of_a_cheat\nVersion: 1\n")
    (place / "tips_of_a_cheat-1.dist-info" / "entry_points.txt").write_text(
        f"[{ENTRY_POINTS}]\nTipster = tips_of_a_cheat.main:Tipster\n"
    )
    (place / "tips_of_a_cheat" / "__init__.py").touch()
    (place / "tips_of_a_cheat" / "main.py").write_text(
        textwrap.dedent(f"""
        import json
        from pathlib import Path
        from strategies import Strategy, Target
        TIPS = json.loads(Path({str(folder / "winners.json")!r}).read_text())
        class Tipster(Strategy):
            schedule = "weekly"
            def decide(self, see):
                pick = TIPS[str(see.today.date())]
                return Target({{pick if pick in see.members() else "AAA": 1.0}}, why="tip")
    """)
    )
    monkeypatch.syspath_prepend(str(place))
    for cached in (code._library_roots, code._root_names, code._installed):
        cached.cache_clear()
    try:
        strategy = build("Tipster", {})
        assert "look-ahead/replay" in failing(replayed(strategy, small, processes))
        classes = [type(strategy)]
        known = code.deciding_code(classes, time.time()).read
        assert "tips_of_a_cheat.main" in read_source([type(strategy)], {}, small.symbols, known).modules
        assert outside_code(StrategyChoice(name="Tipster"))
    finally:
        for cached in (code._library_roots, code._root_names, code._installed):
            cached.cache_clear()
        for name in [name for name in sys.modules if name.startswith("tips_of_a_cheat")]:
            del sys.modules[name]
        REGISTRY.pop("Tipster", None)


LOWEST = """
from strategies import Strategy, Target
class Lowest(Strategy):
    kept: bool = False
    def decide(self, see):
        prices = see.closes(1, symbols=see.members()).iloc[-1].dropna()
        MEMORY.append(see.today)
        pick = prices.idxmin() if {level} else sorted(prices.index)[len(MEMORY) % 2]
        return Target({{str(pick): 1.0}}, why="low")
MEMORY = []
"""


@pytest.mark.parametrize(("level", "found"), [(True, True), (False, False)])
def test_the_level_of_adjusted_prices_is_found_in_a_run(
    level: bool, found: bool, small: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    """And memory, which shows elsewhere, is not taken for it."""
    file = tmp_path / "lowest.py"
    file.write_text(LOWEST.format(level=level))
    strategy = build(f"{file}:Lowest", {})
    market = replace(small, adjustment="total_return")
    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    with SealedCheck(processes) as sealed:
        recorder = Recorder(market, strategy)
        account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
        engine_named("ledger")(market, sealed.watch(market, strategy, deciding, recorder), deciding, account)
        sealed.begin("", 12)
        (check,) = sealed.levels()
    assert (check.outcome == "fail") is found


# Weaker machines --------------------------------------------------------------------------------------

NO_LANDLOCK: tuple[Kind, ...] = ("landlock",)
NO_FILTER: tuple[Kind, ...] = ("landlock", "seccomp")
WEAKER = {
    NO_LANDLOCK: ("seccomp", "no new file descriptor", "audit hook"),
    NO_FILTER: ("no new file descriptor", "audit hook"),
}
READERS = (
    *("file", "file in disguise", "file while importing", "file in check", "results", "network"),
    *("parquet", "database", "memory map", "system library", "another program", "shared memory"),
    *("socket of the system", "memory of the parent", "written module", "thread"),
)

FIRST = ("file", "network", "parquet", "system library", "another program")
"""One of each kind, in every run of the tests."""


@pytest.fixture(scope="module", params=WEAKER, ids=["without Landlock", "without Landlock and seccomp"])
def weaker(request: pytest.FixtureRequest) -> Iterator[tuple[SealedProcesses, tuple[str, ...]]]:
    with SealedProcesses(request.param) as started:
        yield started, WEAKER[request.param]


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FIRST)) for name in READERS]
)
def test_files_are_out_of_reach_on_weaker_machines(
    name: str,
    small: Market,
    folder: Path,
    server: str,
    tmp_path: Path,
    weaker: tuple[SealedProcesses, tuple[str, ...]],
) -> None:
    started, walls = weaker
    cheater = CHEATERS[name]
    report = replayed(planted(cheater, folder, tmp_path, server), small, started, 20)
    assert set(cheater.caught_by) <= failing(report), failing(report)
    assert report.walls in (walls, ())  # nothing stands around what could not be loaded


def test_honest_code_passes_on_weaker_machines(
    small: Market, weaker: tuple[SealedProcesses, tuple[str, ...]]
) -> None:
    started, walls = weaker
    report = replayed(
        build("VolatilityTarget", {"of": {"name": "EqualWeighted", "schedule": "weekly"}}), small, started, 9
    )
    assert report.passed, report.failures
    assert report.walls == walls


# The command -----------------------------------------------------------------------------------------


def test_the_command_passes_an_honest_strategy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "report.json"
    few = ["--decisions", "4", "--set", "start=2019-01-02", "--json", str(record)]
    assert backtest(monkeypatch, "check-strategy", "EqualWeighted", *few) == 0
    assert "passed" in capsys.readouterr().out
    assert json.loads(record.read_text())["passed"] is True


def test_the_command_looks_at_nothing_that_is_held_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "report.json"
    held = ["--decisions", "4", "--set", "start=2019-01-02", "--set", "holdout=2019-07-01"]
    assert backtest(monkeypatch, "check-strategy", "EqualWeighted", *held, "--json", str(record)) == 0
    assert "On the sessions before 2019-07-01" in capsys.readouterr().out
    assert json.loads(record.read_text())["decisions"] == 27  # one a week to 28 June, and the first session


def test_the_command_fails_a_cheater(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, folder: Path
) -> None:
    file = tmp_path / "cheat.py"
    file.write_text(source_of(CHEATERS["centred"], str(folder)))
    few = ["--decisions", "4", "--set", "start=2021-01-04"]
    assert backtest(monkeypatch, "check-strategy", f"{file}:Cheat", *few) == 3
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
    assert backtest(monkeypatch, "check-strategy", name) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
