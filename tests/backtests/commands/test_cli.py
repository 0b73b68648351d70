"""The command as a user calls it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from backtests.commands.summary import summary_table
from backtests.records.finished import find
from backtests.settings.run_file import load, overrides_of
from strategies import EqualWeighted, Hedged, TurnoverLimit
from tests.command import backtest
from tests.places import HOUSE

SHORT = ["--set", "start=2020-06-01", "--set", "end=2021-03-31"]
FILES = {
    "decisions.jsonl",
    "fills.parquet",
    "log.txt",
    "manifest.json",
    "metrics.json",
    "positions.parquet",
    "returns.parquet",
    "run.toml",
    "tearsheet.html",
    "tearsheet.pdf",
    "unfilled.parquet",
}


def folders(results: Path) -> list[Path]:
    """Every folder below the results, hidden ones too."""
    return [path for path in results.iterdir() if path.is_dir()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run of the blueprint."""
    results = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert backtest(monkeypatch, "run", "blueprint", *SHORT, "--results", str(results)) == 0
    (folder,) = folders(results)
    return folder


def test_a_run_writes_its_folder_whole(finished: Path) -> None:
    assert finished.name.startswith("blueprint-")
    assert {path.name for path in finished.iterdir()} == FILES
    manifest = json.loads((finished / "manifest.json").read_text())
    assert finished.name == f"blueprint-{manifest['run_hash'][:8]}"
    assert manifest["verification"]["identical"]
    assert set(manifest["seconds"]) >= {"load", "decide", "engine", "verify"}
    returns = pd.read_parquet(finished / "returns.parquet")
    assert returns.columns[0] == "Blueprint"
    assert str(returns.index[0].date()) == "2020-06-02"
    decisions = [json.loads(line) for line in (finished / "decisions.jsonl").read_text().splitlines()]
    assert decisions[0]["session"] == "2020-06-01"
    assert all(decision["changes"][0]["why"] for decision in decisions)


def test_the_written_run_file_runs_again_to_the_same_hash(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert backtest(monkeypatch, "run", str(finished / "run.toml"), "--results", str(tmp_path)) == 0
    (again,) = folders(tmp_path)
    assert again.name == finished.name
    for name in ("metrics.json", "decisions.jsonl", "run.toml"):
        assert (again / name).read_bytes() == (finished / name).read_bytes()


def test_running_again_replaces_the_folder_only_when_whole(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = finished.parent

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    before = (finished / "metrics.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("backtests.tearsheet.pages.write_html", fail)
        assert backtest(patched, "run", "blueprint", *SHORT, "--results", str(results)) == 1
    assert [path.name for path in folders(results)] == [finished.name]
    assert (finished / "metrics.json").read_bytes() == before
    assert backtest(monkeypatch, "run", "blueprint", *SHORT, "--results", str(results)) == 0
    assert [path.name for path in folders(results)] == [finished.name]


def test_engines_give_the_same_metrics(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["run", "blueprint", *SHORT, "--engine", "ledger", "--results", str(tmp_path)]
    assert backtest(monkeypatch, *arguments) == 0
    (other,) = folders(tmp_path)
    assert (other / "metrics.json").read_bytes() == (finished / "metrics.json").read_bytes()


def test_show_prints_the_summary(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "show", "blueprint", "--results", str(finished.parent)) == 0
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    assert words.startswith("After costs, Blueprint returned")
    # What was cut comes before the numbers.
    assert (
        words.index("The rule cut AMD and NVDA")
        < words.index("What each cut cost or earned")
        < words.index("Sharpe")
    )
    assert "identical to the last bit" in printed
    assert "tearsheet.html" in printed


def test_show_imports_nothing_that_runs(finished: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backtests.commands.summary import show_command\n"
        f"show_command({finished.name!r}, Path({str(finished.parent)!r}))\n"
        "heavy = {'backtrader', 'jinja2', 'matplotlib', 'numba', 'pandas', 'pyarrow', 'strategies'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]", done.stderr


def test_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest(monkeypatch, "list") == 0
    printed = capsys.readouterr().out
    for name in ("Blueprint", "CapWeighted", "sample", "valuation_cut"):
        assert name in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "bluprint"], "no run file 'bluprint'; did you mean 'blueprint'?"),
        (["run", "blueprint", "--set", "strategy.norm_yaers=3"], "did you mean 'norm_years'?"),
        (["run", "blueprint", "--set", "strategy.norm_years=0"], "strategy.norm_years = 0"),
        (["run", "blueprint", "--set", "strategy.hardware=ai_hardwre"], "did you mean 'ai_hardware'?"),
        (["run", "blueprint", "--set", "strategy.financials_share=0.9"], "must add to 1"),
        (["run", "blueprint", "--set", "start=2031-01-01"], "leave no sessions"),
        (["run", "blueprint", "--market", "smaple"], "did you mean 'sample'?"),
        (["run", "blueprint", "--engine", "evnt"], "engine = 'evnt'"),
        (["show", "nothing"], "no result 'nothing'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert backtest(monkeypatch, *arguments, "--results", str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "setting",
    [
        "strategy.norm_yaers=3",
        "strategy.norm_years=0",
        "strategy.hardware=ai_hardwre",
        "start=2031-01-01",
        "lag=-1",
        "nonsense=1",
        "costs.commission_bps=much",
        "nothing",
    ],
)
def test_what_set_gave_is_told_with_set(
    setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert backtest(monkeypatch, "run", "blueprint", "--set", setting, "--results", str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "--set" in said
    assert setting in said
    assert "[strategy]" not in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ('Target({"AMD": 1.7}, why="all")', "add to 1.700000 (170.0% of equity)"),
        ('Target({"AMD": -0.5}, why="short")', "weight of AMD is -0.5 (-50.0% of equity)"),
        ('Target({"AMD": 0.5})', "needs a reason"),
        ('{}["AMD"]', "KeyError: 'AMD'"),
    ],
)
def test_errors_of_a_decision_say_whose_when_and_where(
    target: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from strategies import Strategy, Target\n\n\nclass Wrong(Strategy):\n"
        f'    """Fail."""\n\n    def decide(self, see):\n        return {target}\n'
    )
    chosen = ["--strategy", f"{file}:Wrong", "--set", "start=2020-01-02", "--set", "benchmarks=[]"]
    assert backtest(monkeypatch, "run", "blueprint", *chosen, "--results", str(tmp_path / "results")) == 1
    told = capsys.readouterr().err.strip()
    assert "\n" not in told
    # What a target may be depends on the strategy, so that it is refused once it was decided.
    where = "may only be long" if "short" in target else f"{file}, line 8"
    for part in ("Wrong", "2020-01-02", where, said):
        assert part in told
    assert "Traceback" not in told


def test_help_imports_nothing_slow() -> None:
    code = "import sys, backtests.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"pandas", "numpy", "numba", "backtrader", "matplotlib"} & set(loaded.split())


def test_a_label_that_looks_like_markup_is_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    label = 'benchmarks=[{label="[/red]", name="CapWeighted"}]'
    arguments = ["run", "valuation_cut", *SHORT, "--set", label, "--results", str(tmp_path)]
    assert backtest(monkeypatch, *arguments) == 0
    assert "[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option", ["--vix", "--skew", "--spot", "--tenor", "--long", "--rate", "--dividend-yield"]
)
@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_of_the_command_line_are_finite(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, number: str
) -> None:
    assert backtest(monkeypatch, "hedge-cost", "--vix=20", "--skew=130", f"{option}={number}") == 2
    assert f"Invalid value for '{option}'" in capsys.readouterr().err


def test_the_name_of_a_run_wins_over_the_beginning_of_anothers(tmp_path: Path) -> None:
    for name in ("blueprint-0a1b2c3d", "blueprint_sweep-00000000", "blueprint-hedged-11111111"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}", encoding="utf-8")
    assert find(tmp_path, "blueprint").name == "blueprint-0a1b2c3d"
    with pytest.raises(ValueError, match="give more of it"):
        find(tmp_path, "blue")


def test_the_name_of_a_folder_in_full_opens_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("mini-8ae5515d", "mini-8ae5515d-2", "mini-8ae5515d-10", "mini-walk-forward-00000000", "8ae-1")
    for place in (tmp_path / "results", tmp_path):
        for name in names:
            (place / name).mkdir(parents=True)
            (place / name / "manifest.json").write_text("{}", encoding="utf-8")
    results = tmp_path / "results"
    monkeypatch.chdir(tmp_path)  # where folders of the same names stand, which --results did not mean
    for name in names:
        assert find(results, name) == results / name
        assert find(results, f"results/{name}") == Path("results", name)
    with pytest.raises(ValueError, match=r"'mini' fits mini-8ae5515d, mini-8ae5515d-10, mini-8ae5515d-2;"):
        find(results, "mini")
    with pytest.raises(ValueError, match="fits mini-8ae5515d, "):
        find(results, "mini-8ae55")
    assert find(results, "mini-walk-forward") == results / "mini-walk-forward-00000000"
    assert find(results, "mini-w") == results / "mini-walk-forward-00000000"
    with pytest.raises(ValueError, match="no result ''"):
        find(results, "")


def test_the_version_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"style-rotation {version('style-rotation')}\n"


def summary_at_eighty_columns(labels: tuple[str, ...]) -> str:
    numbers = {"performance": {"cagr": -0.1234, "total_return": 12.345}}
    first, *books = ({"label": label, **numbers} for label in labels)
    span = {"first_session": "2011-03-01", "last_session": "2022-12-28", "annual": True}
    console = Console(width=80, file=StringIO(), force_terminal=False)
    console.print(summary_table({"strategy": first, "benchmarks": books, **span}))
    said: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= 80 for line in said.splitlines())
    return said


@pytest.mark.parametrize(
    "labels",
    [
        (
            "Cap-weighted universe",
            "Equal-weighted universe",
            "Price-weighted universe",
            "S&P 500 (price index)",
        ),
        (
            "Cap-weighted universe",
            "S&P 500 (SPY)",
            "Equal-weighted universe",
            "Dow Jones (DIA)",
            "Nasdaq 100 (QQQ)",
        ),
    ],
)
def test_a_summary_is_read_at_eighty_columns(labels: tuple[str, ...]) -> None:
    said = summary_at_eighty_columns(("Blueprint", *labels))
    head = said.split("Return a year")[0]
    words = re.split(r"[\s-]", " ".join(labels))  # a hyphen may end a line, the inside of a word may not
    assert all(word in head for word in ["Blueprint", *words]), said
    assert "−12.34%" in said
    assert "A:" not in said


def test_labels_too_long_for_eighty_columns_stand_in_a_key() -> None:
    labels = tuple(f"Extraordinarily{number} diversified" for number in range(6))
    said = summary_at_eighty_columns(labels)
    assert all(f"{letter}: {label}" in said for letter, label in zip("ABCDEF", labels, strict=True))
    (head,) = [line for line in said.splitlines() if line.split() == list("ABCDEF")]
    (row,) = [line for line in said.splitlines() if line.startswith(" Return a year (CAGR)")]
    assert row.count("−12.34%") == 6
    # Each letter ends where the numbers below it do.
    assert [match.end() for match in re.finditer("[A-F]", head)] == [m.end() for m in re.finditer("%", row)]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("run blueprint --set market=A --market B", "--set market=A and --market B"),
        ("check-strategy Blueprint --set market=A --market B", "--set market=A and --market B"),
        ("sweep blueprint_sweep --set market=A --market B", "--set market=A and --market B"),
        ("run blueprint --set engine=event --engine ledger", "--set engine=event and --engine ledger"),
        ("run blueprint --set lag=1 --set lag=2", "--set lag=1 and --set lag=2"),
        ("run blueprint --set strategy.name=A --strategy B", "--set strategy.name=A and --strategy B"),
        ("sweep blueprint_sweep --workers 2 --cluster tcp://x", "--workers 2 and --cluster tcp://x"),
        ("walk-forward blueprint_sweep --workers 2 --cluster x", "--workers 2 and --cluster x"),
    ],
)
def test_options_that_contradict_one_another_are_refused(
    command: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, *command.split()) == 1
    assert f"error: {told} contradict one another: give one of them" in capsys.readouterr().err


def test_another_strategy_keeps_the_limits_and_the_hedge_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\ndescription = 'Mine.'\n[strategy]\nname = 'Blueprint'\nnorm_years = 7\n"
        "[strategy.limits.turnover]\nmost = 0.1\n[overlay]\n[hedge]\nratio = 0.5\n"
    )
    config = load(file, strategy="EqualWeighted")
    assert config.build_strategy() == Hedged(TurnoverLimit(EqualWeighted(), most=0.1), ratio=0.5)
    assert (config.name, config.description) == ("equal_weighted", "")
    assert load(file, overrides_of(["lag=2"], market="sample", engine=None), "EqualWeighted").lag == 2
    assert overrides_of(["market=A"], market="A") == ["market=A", 'market="A"']
