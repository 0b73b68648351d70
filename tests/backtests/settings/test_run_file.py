"""Run files: what is accepted, and what a person is told about the rest."""

from __future__ import annotations

import datetime as dt
import os
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
        ("capital = true\n" + MINIMAL, "capital = true: must be a number"),
        ("capital = '5'\n" + MINIMAL, "capital = '5': must be a number"),
        ("lag = true\n" + MINIMAL, "lag = true: must be a number"),
        ("fractional_shares = 'yes'\n" + MINIMAL, "fractional_shares = 'yes': must be true or false"),
        ("fractional_shares = 1\n" + MINIMAL, "fractional_shares = 1: must be true or false"),
        ("start = 0\n" + MINIMAL, "start = 0: must be a date"),
        ("capital = 1e19\n" + MINIMAL, "capital = 1e+19"),
        (f"capital = {'9' * 5000}\n" + MINIMAL, "not a TOML file: Exceeds the limit"),
        (MINIMAL + f"[scenarios]\na = {'[' * 3000}", "nested too deeply"),
        (MINIMAL + "[costs]\nimpact = nan", "costs.impact = nan"),
        (MINIMAL + "[overlay]\nkappa = inf", "overlay.kappa = inf"),
        (MINIMAL + "[scenarios]\ncrash = { tech = true }", "[scenarios] must be a number"),
        (f"description = '{'x' * 1_000_000}'\n" + MINIMAL, "where files of this kind have 1,000,000 at most"),
        (
            MINIMAL + "[[benchmarks]]\nname = 'EqualWeighted'",
            "benchmarks[0].label = 'EqualWeighted': another",
        ),
        (
            MINIMAL + "[[benchmarks]]\nname = 'CapWeighted'\n[[benchmarks]]\nname = 'CapWeighted'",
            "benchmarks[1].label = 'CapWeighted': another book has this label",
        ),
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
        ("strategy.gruop=software", "no parameter 'gruop' in strategy EqualWeighted"),
        ("strategy.group=7", "strategy.group = 7"),
    ],
)
def test_strategy_problems_name_what_gave_the_value(tmp_path: Path, extra: str, message: str) -> None:
    run = config.load(write(tmp_path, MINIMAL), [extra])
    with pytest.raises(ConfigError) as caught:
        run.build_strategy()
    assert f"--set {extra}: " in str(caught.value)
    assert message in str(caught.value)


def test_problems_of_the_files_own_parameters_name_the_table(tmp_path: Path) -> None:
    run = config.load(write(tmp_path, MINIMAL + "gruop = 'software'\n"), ["lag=1"])
    with pytest.raises(ConfigError, match=r"^\[strategy\] no parameter 'gruop' in strategy EqualWeighted"):
        run.build_strategy()


@pytest.mark.parametrize(
    ("override", "message"),
    [("costs", "write key=value"), ("=3", "write key=value"), ("name.x=1", "is not a table")],
)
def test_override_problems(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(write(tmp_path, MINIMAL), [override])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["capital=-5"], "--set capital=-5: capital = -5: "),
        (["costs.impact=nan"], "--set costs.impact=nan: costs.impact = nan: "),
        (["lag=1", "costs.fee=1"], "--set costs.fee=1: no key 'fee' in [costs]"),
        (["costs=3"], "--set costs=3: costs = 3: "),
        (["scenarios.a.b=true"], "--set scenarios.a.b=true: [scenarios] must be a number"),
        (
            ["strategy.name=Blueprint", "strategy.norm_years=true"],
            "norm_years = true: must not be true or false",
        ),
    ],
)
def test_what_set_gave_is_named_by_set(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, MINIMAL), overrides).build_strategy()
    assert message in str(caught.value)
    assert "mine.toml" not in str(caught.value)


def test_a_problem_of_the_file_is_told_apart_from_one_of_set(tmp_path: Path) -> None:
    path = write(tmp_path, "lag = -1\n" + MINIMAL)
    with pytest.raises(ConfigError) as caught:
        config.load(path, ["capital=0"])
    assert f"{path}: lag = -1: " in str(caught.value)
    assert "--set capital=0: capital = 0: " in str(caught.value)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'blueprint'"):
        config.load("blueprnt")
    with pytest.raises(ConfigError, match="no such file"):
        config.load("nowhere/at_all.toml")


@pytest.mark.parametrize("place", ["", "pipe"])
def test_what_is_no_regular_file(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    if place:
        os.mkfifo(path)
    with pytest.raises(ConfigError, match="not a file"):
        config.load(path)


def test_a_home_that_nobody_has() -> None:
    with pytest.raises(MarketError, match="there is no such user"):
        open_market("~nosuchuser/x")


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[overlay]\n[hedge]\nof = 'BuyAndHold'",
            "[hedge] of = 'BuyAndHold': what is hedged is [strategy]; take of out",
        ),
        *(
            (
                f"[strategy.limits.{limit}]\nof = 'BuyAndHold'",
                f"[strategy.limits.{limit}] of = 'BuyAndHold': ",
            )
            for limit in config.LimitChoices.model_fields
        ),
        (
            "[[benchmarks]]\nname = 'CapWeighted'\nlimits.band.of = 'BuyAndHold'",
            "[benchmarks[0].limits.band] of = 'BuyAndHold': what is limited is the strategy that the limits",
        ),
        ("[strategy.limits.cap]\ncaps = 3", "strategy.limits.cap.caps = 3: write a table"),
        (
            "[strategy.limits.cap]\nname = 0.1\ncaps.name = 0.2",
            "strategy.limits.cap.caps: name is capped at 0.2 and at 0.1",
        ),
        ("[strategy.limits.band]\nself = 3", "no parameter 'self' in strategy NoTradeBand"),
    ],
)
def test_what_a_limit_or_a_hedge_goes_around_is_not_for_its_table_to_say(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(write(tmp_path, MINIMAL + text)).build_strategy()
    assert message in str(refused.value)


def test_what_is_said_of_strategy_limits_and_hedge_stands_side_by_side(tmp_path: Path) -> None:
    text = MINIMAL + "schedule = 'weekly'\nlimits.band.width = 0.1\n[overlay]\n[hedge]\nschedule = 'daily'"
    run = config.load(write(tmp_path, text))
    assert run.strategy.said() == {"schedule": "weekly", "limits.band": {"width": 0.1}}
    assert run.hedge is not None
    assert run.hedge.said() == {"schedule": "daily"}
