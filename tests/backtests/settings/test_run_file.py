"""Run files: what is accepted, and what a person is told about the rest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from backtests.settings import run_file as config
from backtests.settings.markets import open_market
from backtests.settings.run_file import ConfigError
from datafeeds.market import MarketError

MINIMAL = """
name = "mine"
[strategy]
name = "EqualWeighted"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults(tmp_path: Path) -> None:
    run = config.load(write(tmp_path, MINIMAL))
    assert run.market == "sample"
    assert run.start is None
    assert run.lag == 0
    assert not run.fractional_shares
    assert run.build_strategy() == type(run.build_strategy())()


def test_overrides_are_toml_and_reach_into_tables(tmp_path: Path) -> None:
    overrides = ["start=2015-01-02", "costs.commission_bps=3", "strategy.schedule=daily", "name=other"]
    run = config.load(write(tmp_path, MINIMAL), overrides)
    assert run.start == dt.date(2015, 1, 2)
    assert run.costs.commission_bps == 3.0
    assert run.name == "other"
    assert run.strategy.model_extra == {"schedule": "daily"}


@pytest.mark.parametrize("name", config.names())
def test_shipped_run_files_are_valid(name: str) -> None:
    run = config.load(name)
    assert run.name == name
    run.build_strategy()
    for position, benchmark in enumerate(run.benchmarks):
        benchmark.build(f"benchmarks[{position}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a TOML file"),
        ("name = 'x'", "strategy is missing"),
        (MINIMAL.replace('"mine"', '"../x"'), "name = '../x'"),
        ("capitol = 5\n" + MINIMAL, "no key 'capitol' in the run file; did you mean 'capital'?"),
        ("capital = -5\n" + MINIMAL, "capital = -5"),
        ("capital = inf\n" + MINIMAL, "capital"),
        ("start = 2020-01-02\nend = 2019-01-02\n" + MINIMAL, "start 2020-01-02 is not before end 2019-01-02"),
        ("start = 'soon'\n" + MINIMAL, "start = 'soon'"),
        ("engine = 'evnt'\n" + MINIMAL, "engine = 'evnt'"),
        (
            MINIMAL + "[costs]\ncomission_bps = 1",
            "no key 'comission_bps' in [costs]; did you mean 'commission_bps'?",
        ),
        (MINIMAL + "[costs]\nmax_participation = 1.5", "costs.max_participation = 1.5"),
        (MINIMAL + "[[benchmarks]]\nlabel = 'x'", "benchmarks[0].name is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("strategy.name=EqualWeihted", "no strategy 'EqualWeihted'; did you mean 'EqualWeighted'?"),
        ("strategy.gruop=software", "[strategy] no parameter 'gruop' in strategy EqualWeighted"),
        ("strategy.group=7", "strategy.group = 7"),
    ],
)
def test_strategy_problems_name_the_table(tmp_path: Path, extra: str, message: str) -> None:
    run = config.load(write(tmp_path, MINIMAL), [extra])
    with pytest.raises(ConfigError) as caught:
        run.build_strategy()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [("costs", "write key=value"), ("=3", "write key=value"), ("name.x=1", "is not a table")],
)
def test_override_problems(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(write(tmp_path, MINIMAL), [override])


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'blueprint'"):
        config.load("blueprnt")
    with pytest.raises(ConfigError, match="no such file"):
        config.load("nowhere/at_all.toml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match="not a TOML file"):
        config.load(path)


def test_a_market_that_was_not_downloaded_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        MarketError, match=r"'data/ai_era' is not there yet: `make data`.*--market PATH"
    ) as caught:
        open_market(config.load("ai_era").market)
    assert "\n" not in str(caught.value)
