"""A new strategy in one command, and strategies that live elsewhere."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

import strategies
from backtests.authoring.scaffold import HOUSE, ScaffoldError, new_strategy, new_strategy_here, snake_case
from backtests.provenance import outside_code, run_hash
from backtests.settings import strategies as named_strategies
from backtests.settings.run_file import ConfigError, StrategyChoice, load, parse
from backtests.settings.strategies import broken_modules, build, class_named, label_of, read_again, registered
from datafeeds.sources.sample import sample_market
from strategies.asof import AsOf
from strategies.strategy import REGISTRY
from strategies.target import StrategyError
from tests.backtests.authoring.cheaters import small_market
from tests.command import backtest

FOLDERS = ("strategies", "tests/strategies", "backtests/runs")

HALF = '''
from strategies import AsOf, Once, Strategy, Target

class Half(Strategy):
    """Keep half the money in the first stock."""
    schedule = Once()
    share: float = 0.5
    def decide(self, see: AsOf) -> Target | None:
        return Target({see.members(kind="stock")[0]: self.share}, why="half")

class NoStrategy:
    pass
'''


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of its own, whose strategies count as the program's."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    path = [*strategies.__path__, str(tmp_path / "strategies")]
    monkeypatch.setattr(strategies, "__path__", path)
    known, modules = dict(REGISTRY), set(sys.modules)
    yield tmp_path
    named_strategies._BROKEN.clear()
    REGISTRY.clear()
    REGISTRY.update(known)
    for name in set(sys.modules) - modules:
        if name.startswith("strategies."):
            del sys.modules[name]


@pytest.fixture
def half(tmp_path: Path) -> Path:
    file = tmp_path / "half.py"
    file.write_text(HALF)
    return file


def files_in(house: Path) -> list[str]:
    return sorted(str(path.relative_to(house)) for path in house.rglob("*") if path.is_file())


# Scaffolding -----------------------------------------------------------------------------------------


def test_a_new_strategy_runs_at_once(house: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, _, run_file = new_strategy("MomentumCut", house)
    assert files_in(house) == [
        "backtests/runs/momentum_cut.toml",
        "strategies/momentum_cut.py",
        "tests/strategies/test_momentum_cut.py",
    ]
    assert "MomentumCut" in registered()
    results = tmp_path / "results"
    short = ["--set", "start=2021-06-01", "--set", "end=2022-03-31"]
    assert backtest(monkeypatch, "run", str(run_file), *short, "--results", str(results)) == 0
    (folder,) = results.glob("momentum_cut-*")
    assert (folder / "tearsheet.html").exists()


def test_what_is_written_is_clean(house: Path) -> None:
    files = new_strategy("MomentumCut", house)
    settings = ["--config", str(HOUSE / "ruff.toml")]
    # Elsewhere ruff knows neither that tests go without docstrings nor which packages are the house's.
    for command in (["check", "--ignore", "D103,I001"], ["format", "--check"]):
        asked = [sys.executable, "-m", "ruff", *command, *settings, *map(str, files[:2])]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert len(files[0].read_text().splitlines()) < 60


def test_the_written_test_passes(house: Path) -> None:
    _, test, _ = new_strategy("MomentumCut", house)
    registered()
    names: dict[str, object] = {}
    exec(compile(test.read_text(), str(test), "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 3
    sample = sample_market()
    for each in tests:
        each(sample)  # type: ignore[operator]


def test_the_template_is_neutral(house: Path) -> None:
    text = new_strategy("CalmStocks", house)[0].read_text()
    assert "Hold every stock in equal weight" in text
    assert "rise" not in text


def test_into_the_current_folder(
    house: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = tmp_path_factory.mktemp("own")
    monkeypatch.chdir(own)
    assert backtest(monkeypatch, "new-strategy", "CalmStocks", "--here") == 0
    assert files_in(own) == ["calm_stocks.py", "calm_stocks.toml", "test_calm_stocks.py"]
    assert "backtest check-strategy calm_stocks.py:CalmStocks" in capsys.readouterr().out
    assert files_in(house) == []
    short = ["--set", "start=2021-06-01", "--set", "end=2022-03-31"]
    assert backtest(monkeypatch, "run", "calm_stocks.toml", *short) == 0
    assert "Held at the end: " in capsys.readouterr().out
    compile((own / "test_calm_stocks.py").read_text(), "test", "exec")
    with pytest.raises(ScaffoldError, match="exists already"):
        new_strategy_here("CalmStocks", own)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("momentum_cut", "such as MomentumCut"),
        ("momentum cut", "such as MomentumCut"),
        ("9Lives", "CamelCase"),
        ("Über", "CamelCase"),
        ("../Escape", "CamelCase"),
        ("MOMENTUM", "CamelCase"),
        ("", "CamelCase"),
        ("For", "word of the language"),
        ("Match", "word of the language"),
        ("Random", "module of Python's own"),
        ("Exception", "built into Python"),
        ("Blueprint", "there is Blueprint already"),
        ("BluePrint", "there is Blueprint already"),
        ("Target", "there is Target already"),
        ("RiskParity", "there is RiskParity already"),
    ],
)
def test_names_that_can_not_be_used_write_nothing(name: str, message: str, house: Path) -> None:
    with pytest.raises(ScaffoldError, match=message):
        new_strategy(name, house)
    assert files_in(house) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_in_the_way_is_left_alone(folder: str, house: Path) -> None:
    name = {"strategies": "steady.py", "tests/strategies": "test_steady.py"}.get(folder, "steady.toml")
    (house / folder / name).write_text("mine")
    with pytest.raises(ScaffoldError, match="exists already"):
        new_strategy("Steady", house)
    assert files_in(house) == [f"{folder}/{name}"]


def test_a_failure_halfway_leaves_nothing(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def full(self: Path, *arguments: object, **named: object) -> object:
        if self.suffix == ".toml":
            raise OSError(28, "No space left on device", str(self))
        return real(self, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ScaffoldError, match="No space left on device; nothing was written"):
        new_strategy("Steady", house)
    assert files_in(house) == []


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="writes into a checkout"):
        new_strategy("Steady", tmp_path)


def test_module_names() -> None:
    assert snake_case("MomentumCut") == "momentum_cut"
    assert snake_case("VIXTiming") == "vix_timing"
    assert snake_case("Top10") == "top10"


def test_a_broken_file_stops_nobody_else(house: Path) -> None:
    (house / "strategies" / "draft.py").write_text("x = 1\nthis is no Python\n")
    assert class_named("Blueprint").__name__ == "Blueprint"
    (problem,) = broken_modules()
    assert "draft.py:2: SyntaxError" in problem
    with pytest.raises(StrategyError, match=r"no strategy 'Draft'.*draft.py:2: SyntaxError"):
        class_named("Draft")


# Strategies elsewhere --------------------------------------------------------------------------------


def test_a_strategy_by_path(half: Path) -> None:
    before = dict(REGISTRY)
    strategy = build(f"{half}:Half", {"share": 0.25})
    assert strategy.values()["share"] == 0.25
    assert before == REGISTRY
    assert class_named(f"{half}:Half") is class_named(f"{half}:Half")
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    assert label_of(f"{half}:Half") == "Half"


def test_a_strategy_by_path_travels(half: Path) -> None:
    market = small_market()
    strategy = build(f"{half}:Half", {})
    assert pickle.loads(pickle.dumps(strategy)).decide(AsOf(market, 5)) == strategy.decide(AsOf(market, 5))


def test_a_changed_file_is_read_again(half: Path) -> None:
    first = build(f"{half}:Half", {})
    half.write_text(HALF.replace("0.5", "0.75"))
    second = build(f"{half}:Half", {})
    assert (first.values()["share"], second.values()["share"]) == (0.5, 0.75)


def test_a_path_in_a_run_file_is_relative_to_it(half: Path) -> None:
    file = half.parent / "half.toml"
    file.write_text('name = "half"\n[strategy]\nname = "half.py:Half"\nshare = 0.1\n')
    config = load(file)
    assert config.build_strategy().values()["share"] == 0.1
    before = run_hash(config, small_market())
    half.write_text(HALF + "# changed\n")
    assert len(outside_code(config.strategy)) == 1
    assert run_hash(config, small_market()) != before


def test_a_strategy_of_the_house_by_module() -> None:
    config = parse({"name": "x", "strategy": {"name": "strategies.blueprint:Blueprint"}}, "here")
    assert type(config.build_strategy()).__name__ == "Blueprint"
    assert outside_code(config.strategy) == []


def test_an_installed_package_offers_strategies(half: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(half.parent))
    point = SimpleNamespace(name="InstalledHalf", value="half:Half")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    known = dict(REGISTRY)
    try:
        assert class_named("InstalledHalf").__name__ == "Half"
        with pytest.raises(StrategyError, match="did you mean 'InstalledHalf'"):
            class_named("InstaledHalf")
    finally:
        sys.modules.pop("half", None)
        REGISTRY.clear()
        REGISTRY.update(known)


@pytest.mark.parametrize(
    ("code", "cls", "message"),
    [
        (HALF, "Halff", "did you mean 'Half'"),
        (HALF, "NoStrategy", "neither a Strategy nor a backtrader strategy"),
        (HALF, "Strategy", "neither a Strategy nor a backtrader strategy"),
        ("import nothing_like_this", "Half", r"half.py:1: ModuleNotFoundError"),
        ("x = 1\n\nx / 0\n", "Half", r"half.py:3: ZeroDivisionError"),
        ("x = 1\ndef broken(:\n", "Half", r"half.py:2: SyntaxError"),
    ],
)
def test_mistakes_in_a_file_are_named(code: str, cls: str, message: str, half: Path) -> None:
    half.write_text(code)
    config = parse({"name": "x", "strategy": {"name": f"{half}:{cls}"}}, "here")
    with pytest.raises(ConfigError, match=message):
        config.build_strategy()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.py:Half", "missing.py: No such file"),
        ("no.such.module:Half", "no module 'no.such.module'"),
        ("Bluprint", "did you mean 'Blueprint'"),
    ],
)
def test_names_that_lead_nowhere(name: str, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        class_named(name)


def test_run_with_another_strategy(half: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    short = ["--set", "start=2021-06-01", "--set", "end=2022-03-31", "--set", "strategy.share=0.2"]
    results = tmp_path / "results"
    arguments = ["run", "valuation_cut", "--strategy", f"{half}:Half", *short, "--results", str(results)]
    assert backtest(monkeypatch, *arguments) == 0
    (folder,) = results.glob("half-*")
    assert '"Half"' in (folder / "metrics.json").read_text()


def test_a_changed_helper_is_read_again_by_the_next_run_and_until_then_hashed_as_it_was(half: Path) -> None:
    helper = half.parent / "half_helper.py"
    helper.write_text("SHARE = 0.5")
    half.write_text(HALF + "import half_helper\n")
    name = f"{half}:Half"

    def shares() -> float:
        return sys.modules[class_named(name).__module__].half_helper.SHARE  # type: ignore[no-any-return]

    first, before = shares(), outside_code(StrategyChoice(name=name))
    helper.write_text("SHARE = 0.7")  # of the same length, maybe in the same second
    assert (first, shares()) == (0.5, 0.5)
    assert outside_code(StrategyChoice(name=name)) == before
    read_again()
    assert shares() == 0.7
    assert outside_code(StrategyChoice(name=name)) != before
    same = class_named(name)
    read_again()
    assert class_named(name) is same


def test_what_is_hashed_of_a_file_is_what_is_run(half: Path) -> None:
    half.write_text(HALF)
    for share in ("0.6", "0.7", "0.8"):  # each of the same length, maybe in the same second
        half.write_text(HALF.replace("0.5", share))
        assert build(f"{half}:Half", {}).values()["share"] == float(share)
