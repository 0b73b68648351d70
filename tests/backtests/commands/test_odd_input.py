"""Odd input ends with one sentence and the right exit status, never with a traceback or without an end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from operator import methodcaller
from pathlib import Path

import pytest

from backtests.engine.second_opinion import OrderError
from backtests.records.finished import find
from backtests.runner import run
from backtests.settings.run_file import load
from datafeeds.folder import layout
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.market import MarketError
from tests.command import backtest
from tests.datafeeds.folders import INSTRUMENTS, SERIES, price_rows, write_folder
from tests.places import HOUSE

RUN = 'name = "odd"\nmarket = "m"\nengine = "ledger"\n{top}\n[strategy]\nname = "EqualWeighted"\n{rest}\n'
BENCHMARK = '[[benchmarks]]\nname = "CapWeighted"\n'
DEEP = "[" * 20_000
DIGITS = "9" * 5_000


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a market folder `m`."""
    write_folder(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_statuses_are_part_of_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(monkeypatch, "--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    for status in ("0 done", "1 refused", "2 wrong usage", "3 done, and a check failed", "130 interrupted"):
        assert status in said
    assert backtest(monkeypatch, "--nonsense") == 2


@pytest.mark.parametrize(
    ("top", "rest", "said"),
    [
        (f"x = {DEEP}", "", "nested too deeply"),
        (f"capital = {DIGITS}", "", "Exceeds the limit"),
        (f"capital = 1e{DIGITS}", "", "capital = inf"),
        (".".join("a" * 5_000) + " = 1", "", "more than 200 points"),
        ('description = "\\ud800"', "", "not a Unicode scalar value"),
        ('description = "\\u001b[31m"', "", r"must not hold the character '\x1b'"),
        (f'description = "{"x" * 3_000}"', "", "at most 2000 characters"),
        (f'description = "{"x" * 10_000_000}"', "", "bytes, where files of this kind have 1,000,000 at most"),
        ("", f'{BENCHMARK}label = "\\u0007"', r"must not hold the character '\x07'"),
        ("", '[scenarios."\\u001b"]\nrest = -0.1', r"must not hold the character '\x1b'"),
        ("", 'group = "\\u001b[31m"', r"no group '\x1b[31m'"),
        ("", 'group = "[/red]"', "no group '[/red]'"),
        ('market = "~nosuchuser"', "", "there is no such user"),
        ('market = "\\u0000"', "", r"must not hold the character '\x00'"),
    ],
)
def test_run_files(
    top: str,
    rest: str,
    said: str,
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = RUN.format(top=top, rest=rest)
    if top.startswith("market"):
        text = text.replace('market = "m"\n', "")
    (there / "odd.toml").write_text(text, encoding="utf-8")
    assert backtest(monkeypatch, "run", "odd.toml") == 1
    error = capsys.readouterr().err
    assert said in error
    assert "\x1b[31m" not in error
    assert not (there / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "x\udcff"), 1, "is not UTF-8"),
        (("run", "/dev/zero"), 1, "/dev/zero: not a file"),
        (("event", "/dev/zero"), 1, "/dev/zero: not a file"),
        (("run", "blueprint", "--strategy", "pipe.py:X"), 1, "pipe.py: not a file"),
        (("data", "check", "~nosuchuser"), 1, "does not exist"),
        (("data", "report", "m", "--html", "/dev/null"), 1, "not written by this program"),
        (("data", "report", "m", "--html", "m/prices.csv"), 1, "not written by this program"),
        (("check-strategy", "EqualWeighted", "--seed=-1"), 2, "--seed"),
        (("check-strategy", "EqualWeighted", "--decisions", DIGITS), 2, "--decisions"),
        (("data", "fetch", "--from", DIGITS), 1, "write a year or a date"),
        (("hedge-cost", "--vix=1e308", "--skew=130"), 1, "VIX is 1e+308"),
        (("hedge-cost", "--vix=20", "--skew=1e308"), 1, "SKEW is 1e+308"),
        (("hedge-cost", "--vix=20", "--skew=130", "--rate=1e308"), 1, "rate is 1e+308"),
        (("hedge-cost", "--vix=20", "--skew=130", "--dividend-yield=-1e308"), 1, "dividend yield is -1e+308"),
        (("[/red]",), 2, "No such command"),
    ],
)
def test_command_lines(
    arguments: tuple[str, ...],
    status: int,
    said: str,
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.mkfifo(there / "pipe.py")
    assert backtest(monkeypatch, *arguments) == status
    assert said in capsys.readouterr().err


def test_a_working_directory_that_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert backtest(monkeypatch, "list") == 1
    assert "the working directory was deleted" in capsys.readouterr().err


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backtests.commands.listing.list_command", interrupted)
    assert backtest(monkeypatch, "list") == 130


def test_windows_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.platform", "win32")
        assert backtest(patched, "list") == 1
    assert "use WSL" in capsys.readouterr().err


def test_a_system_error_anywhere_is_one_sentence(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "m").mkdir(exist_ok=True)
    # No line of this file is on the way: one that is would be taken for an author's.
    monkeypatch.setattr("backtests.commands.data.check_folder", methodcaller("read_bytes"))
    assert backtest(monkeypatch, "data", "check", "m") == 1
    assert capsys.readouterr().err == "error: m: Is a directory\n"


@pytest.mark.parametrize(("unbuffered", "what"), [("", "schema"), ("1", "schema"), ("", "--help")])
def test_output_that_can_not_be_written(unbuffered: str, what: str) -> None:
    code = "from backtests.cli import main; main()"
    command = [sys.executable, "-c", code, what]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(HOUSE)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stderr) == (1, "")


def test_python_without_docstrings() -> None:
    code = "from backtests.cli import main; main()"
    environment = {**os.environ, "PYTHONOPTIMIZE": "2", "PYTHONPATH": str(HOUSE)}
    done = subprocess.run(
        [sys.executable, "-c", code, "list"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: PYTHONOPTIMIZE=2 takes away docstrings")


@pytest.mark.parametrize("name", ["prices.csv", "facts.csv", "source.json", "prices/AAA.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_in_a_folder(name: str, kind: str, there: Path) -> None:
    path = there / "m" / name
    if path.parent.name == "prices":
        (there / "m" / "prices.csv").unlink()
        path.parent.mkdir()
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    findings = check_folder(there / "m").findings
    assert [finding for finding in findings if finding.check in ("unreadable file", "source.json")]
    if name != "facts.csv":  # without which the rest can be used
        with pytest.raises(MarketError, match="cannot be used"):
            open_folder(there / "m")


def test_a_market_too_large_to_hold_is_refused_before_it_is_made(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_CELLS", 185)
    with pytest.raises(MarketError, match=r"3 symbols over 62 sessions would take 0 GB"):
        load_folder(there / "m")


def test_many_instruments_take_linear_time(there: Path) -> None:
    more = "".join(f"BBB,stock,Beta,,,g{number % 7},,\n" for number in range(20_000))
    (there / "m" / "instruments.csv").write_text(INSTRUMENTS + more)
    findings = [each for each in check_folder(there / "m").findings if each.check == "membership"]
    assert [each.message for each in findings] == [
        f"of g{number} more than once at the same time" for number in range(7)
    ]


def test_printed_findings_are_few(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"AAA,{year}-01-02,0\n" for year in range(1950, 2010))
    (there / "m" / "splits.csv").write_text("symbol,date,ratio\n" + rows)
    assert backtest(monkeypatch, "data", "check", "m") == 3
    said = capsys.readouterr().out
    assert said.count("error: split ratio: AAA") == 20
    assert "error: split ratio: and 40 more; --all shows them" in said
    assert backtest(monkeypatch, "data", "check", "m", "--all") == 3
    assert capsys.readouterr().out.count("error: split ratio: AAA") == 60


@pytest.mark.parametrize("engine", ["ledger", "event"])
def test_more_shares_than_can_be_counted(engine: str, there: Path) -> None:
    prices = price_rows()
    prices[["open", "high", "low", "close"]] = (prices[["open", "high", "low", "close"]] / 1e3).round(5)
    write_folder(there / "m", prices)
    text = RUN.format(top="capital = 1e15", rest="").replace('"ledger"', f'"{engine}"')
    (there / "odd.toml").write_text(text)
    with pytest.raises(
        OrderError, match=r"AAA 2020-01-03: an order of .*e\+16 shares at 0\.0\d+: beyond 2\^53"
    ):
        run(load("odd.toml", ["strategy={name='BuyAndHold', symbols=['AAA']}"]))


DAMAGES = {
    "empty": b"",
    "an empty table": b"{}",
    "a list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "digits": DIGITS.encode(),
    "binary": bytes(range(256)),
    "other types": b'{"market": 5, "strategy": {"performance": {"sharpe": []}}, "benchmarks": 7}',
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two runs."""
    place = tmp_path_factory.mktemp("finished")
    write_folder(place / "m")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        for name in ("odd", "other"):
            text = RUN.format(top="", rest=f'{BENCHMARK}label = "[/red]"').replace('"odd"', f'"{name}"')
            (place / f"{name}.toml").write_text(text)
            assert backtest(patched, "run", f"{name}.toml", "--no-verify") == 0
    return place / "results"


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json", "returns.parquet"])
def test_damaged_runs(name: str, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parent)
    path = find(finished, "odd") / name
    whole = path.read_bytes()
    # pyfolio takes long where it can go on, as without metrics.json it does.
    commands = [["show", "odd"], ["compare", "odd", "other"]] + [["pyfolio", "odd"]] * (
        name != "metrics.json"
    )
    try:
        for damage in DAMAGES.values():
            path.write_bytes(damage)
            for command in commands:
                assert backtest(monkeypatch, *command) in (0, 1)
        path.unlink()
        os.mkfifo(path)
        for command in commands:
            assert backtest(monkeypatch, *command) in (0, 1)
        path.unlink()
    finally:
        path.write_bytes(whole)


def test_a_damaged_run_does_not_stop_the_next(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backtests.records.index import write_index

    path = find(finished, "odd") / "metrics.json"
    whole = path.read_bytes()
    try:
        for damage in (b'{"strategy": 5}', DAMAGES["other types"]):
            path.write_bytes(damage)
            page = write_index(finished).read_text()
            assert f"be shown: {path.parent.name}." in page
            assert find(finished, "other").name in page
    finally:
        path.write_bytes(whole)


def test_control_characters_are_escaped_in_terminal_and_log(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "m" / "instruments.csv").write_text(INSTRUMENTS.replace("Alpha", "\x1b[31mAlpha"))
    late = SERIES.replace("vix,2020-01-03,2020-01-03", "\x1b[31mvix,2020-01-03,2020-01-02")
    (there / "m" / "series.csv").write_text(late)
    (there / "odd.toml").write_text(RUN.format(top="", rest=""))
    assert backtest(monkeypatch, "run", "odd.toml", "--no-verify") == 0
    printed = capsys.readouterr()
    assert "\x1b[31m" not in printed.out + printed.err
    log = (find(there / "results", "odd") / "log.txt").read_text()
    assert r"series \x1b[31mvix: 1 values are available before the date" in log
    assert "\x1b" not in log
    arguments = ("review", "odd", "--verdict", "approve", "--by", "[/red]\x1b[31m", "--note", "\x1b[31m[/x]")
    assert backtest(monkeypatch, *arguments) == 0
    said = capsys.readouterr().out
    assert r"[/red]\x1b[31m" in said


@pytest.mark.parametrize("source", ["\x1b[31mred", "\ud800"])
def test_a_source_that_no_page_could_show(source: str, there: Path) -> None:
    (there / "m" / "source.json").write_text(json.dumps({"source": source}))
    with pytest.raises(MarketError, match=r"source.json: source = ") as refused:
        load_folder(there / "m")
    str(refused.value).encode()
