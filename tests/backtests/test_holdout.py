"""A holdout in a run file: on page one, in the terminal, in metrics.json; and no choice goes by it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from backtests.commands.summary import print_held_out
from backtests.document.blocks import Bullets, Paragraph, Table, every_block
from backtests.metrics import metrics
from backtests.notebook import Study, run
from backtests.records import register
from backtests.settings.run_file import ConfigError, RunConfig, load, parse
from backtests.settings.sweep import SweepSettings
from backtests.sweeps import chosen
from backtests.sweeps.plan import plan
from backtests.sweeps.report import Sweep, page
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.walk_forward import walk_forward
from backtests.tearsheet.assembly import build
from datafeeds.market import Market
from tests.places import HOUSE

BEGINS = dt.date(2013, 7, 1)


@pytest.fixture(scope="module")
def study() -> Study:
    return run("blueprint", end="2014-12-31", engine="ledger", holdout=BEGINS)


def test_page_one_has_the_figures_side_by_side(study: Study) -> None:
    front = build(study).sections[0].blocks
    (table,) = (block for block in front if isinstance(block, Table))
    said = "Out of sample: parameters fixed before 2013-07-01, and what came from then to 2014-12-31"
    assert table.caption == said
    assert [column.label for column in table.columns[1:]] == [
        "Blueprint, before",
        "Cap-weighted universe, before",
        "Blueprint, after",
        "Cap-weighted universe, after",
    ]


def test_the_figures_are_those_of_runs_that_end_and_begin_there(study: Study) -> None:
    found = metrics(study)["holdout"]
    short = run("blueprint", end="2013-06-28", engine="ledger")
    before = found["before"]["books"][0]["performance"]
    assert before["cagr"] == pytest.approx(short.performances[0].cagr)
    assert before["sharpe"] == pytest.approx(short.performances[0].sharpe)
    equity = study.book.ledger.equity
    cut = int(np.searchsorted(study.sessions, np.datetime64(BEGINS)))
    after = found["after"]["books"][0]["performance"]["total_return"]
    assert after == pytest.approx(equity[-1] / equity[cut - 1] - 1)
    assert found["after"]["books"][1]["label"] == "Cap-weighted universe"


def test_the_terminal_has_them_too(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    print_held_out(Console(width=200), metrics(study)["holdout"])
    out = capsys.readouterr().out
    assert "Out of sample" in out
    assert "Sharpe ratio" in out


def test_a_run_without_one_says_nothing() -> None:
    bare = run("blueprint", end="2012-12-31", engine="ledger")
    assert metrics(bare)["holdout"] == {}
    assert not any(isinstance(block, Table) for block in build(bare).sections[0].blocks)


def test_a_run_that_ends_before_it_says_so() -> None:
    study = run("blueprint", end="2012-12-31", engine="ledger", holdout=BEGINS)
    limits = [block for block in every_block(build(study).sections[0].blocks) if isinstance(block, Bullets)]
    said = [item for block in limits for item in block.items]
    assert "The run ends on 2012-12-31, before 2013-07-01: nothing of it is held out." in said


def test_a_holdout_must_leave_something_before_it() -> None:
    content: dict[str, Any] = {"name": "x", "strategy": {"name": "CapWeighted"}, "start": BEGINS}
    with pytest.raises(ConfigError, match="start 2013-07-01 is not before holdout 2013-07-01"):
        parse({**content, "holdout": BEGINS}, "x.toml")


def test_the_ai_era_holds_out_what_came_after_2023() -> None:
    assert load(HOUSE / "backtests" / "runs" / "ai_era.toml").holdout == dt.date(2024, 1, 1)


@pytest.fixture
def base(tmp_path: Path) -> RunConfig:
    """A cap of each name is swept on two years, the second held out."""
    file = tmp_path / "held.toml"
    file.write_text(
        'name = "held"\nmarket = "sample"\nstart = 2012-01-03\nend = 2013-12-31\nholdout = 2013-01-02\n'
        '[strategy]\nname = "Capped"\nof = "CapWeighted"\nfreed = "cash"\n[strategy.caps]\nname = 0.1\n'
        '[[benchmarks]]\nname = "EqualWeighted"\n'
        '[sweep]\nrank_by = "total_return"\n[sweep.parameters]\nstrategy.caps.name = [0.01, 0.02, 0.04]\n'
        "[walk_forward]\ntrain_years = 0.5\ntest_years = 0.25\nembargo = 0\n"
    )
    return load(file)


def test_every_configuration_of_a_sweep_ends_before_the_holdout(base: RunConfig) -> None:
    assert {each.config.end for each in plan(base).configurations} == {dt.date(2013, 1, 1)}
    values = SweepSettings.model_validate({"parameters": {"holdout": ["2013-01-02"]}})
    with pytest.raises(ConfigError, match="holdout can't be swept"):
        plan(base.model_copy(update={"sweep": values}))


def test_a_sweep_chooses_before_the_holdout_and_scores_the_chosen_one_once(
    base: RunConfig, tmp_path: Path, sample: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[int] = []
    once = chosen.scored_once
    monkeypatch.setattr(
        "backtests.sweeps.sweep.scored_once",
        lambda planned, number, market: scored.append(number) or once(planned, number, market),
    )
    done = sweep(base, Workplace(tmp_path), market=sample)
    assert done.sessions[-1] == np.datetime64("2012-12-31")
    held = done.manifest["holdout"]
    best = int(done.finished["total_return"].idxmax())
    assert scored == [best]
    assert held["configuration"] == best
    assert held["after"]["last_session"] == "2013-12-31"
    assert held["before"]["books"][0]["performance"]["total_return"] == pytest.approx(
        done.table.loc[best, "total_return"]
    )
    sections = page(done).sections
    said = " ".join(block.text for block in sections[0].blocks if isinstance(block, Paragraph))
    assert "Chosen on the sessions before 2013-01-02 alone" in said
    again = sweep(base, Workplace(tmp_path), market=sample)
    assert scored == [best], "a finished sweep was scored again"
    assert isinstance(again, Sweep)


@pytest.mark.slow
def test_later_data_change_no_choice(base: RunConfig, tmp_path: Path, sample: Market) -> None:
    from dataclasses import replace

    cut = sample.index_of("2013-01-02")
    close = sample.close.copy()
    close[cut:] *= np.linspace(1, 3, len(close) - cut)[:, None]
    other = replace(sample, close=close, open=close, high=close, low=close, derived={}, hash="other")
    plain, changed = (
        sweep(base, Workplace(tmp_path / name), market=market)
        for name, market in (("plain", sample), ("other", other))
    )
    assert np.array_equal(plain.returns, changed.returns)
    assert plain.manifest["holdout"]["configuration"] == changed.manifest["holdout"]["configuration"]
    after = [each.manifest["holdout"]["after"]["books"][0]["performance"] for each in (plain, changed)]
    assert after[0]["total_return"] != after[1]["total_return"]


def test_a_walk_forward_ends_before_the_holdout(base: RunConfig, tmp_path: Path, sample: Market) -> None:
    found = walk_forward(base, Workplace(tmp_path), market=sample)
    assert found.ledger.sessions[-1] == np.datetime64("2012-12-31")
    assert found.unchosen.sessions[-1] == np.datetime64("2012-12-31")
    assert found.scored["configuration"] == found.chosen[-1]
    assert found.scored["after"]["last_session"] == "2013-12-31"
    assert register.known(sample, tmp_path)[1]["count"] > 3
