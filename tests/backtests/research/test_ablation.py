"""Ablation: which runs there are, and that they differ by what was switched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backtests.research.ablation import ablate, elements_of, markdown, variants
from backtests.settings.run_file import ConfigError, load
from datafeeds.sources.sample import sample_market
from strategies import RotationRegime
from tests.command import backtest

SHORT = ["start=2020-06-01", "end=2021-06-30"]


def test_each_alone_and_all_but_each() -> None:
    names = RotationRegime.ELEMENTS
    every = variants(names)
    assert len(every) == 2 * len(names) + 2
    assert every[0].on == ()
    assert {each.on for each in every[1 : len(names) + 1]} == {(name,) for name in names}
    for name, each in zip(names, every[-len(names) :], strict=True):
        assert set(each.on) == set(names) - {name}


def test_a_strategy_without_elements_is_refused() -> None:
    with pytest.raises(ConfigError, match="Blueprint has nothing to switch"):
        elements_of(load("blueprint"))


def test_shipped_run_files_start_with_everything_off() -> None:
    for name in ("ablation", "ablation_folder"):
        strategy = load(name).build_strategy()
        assert not any(getattr(strategy, element) for element in RotationRegime.ELEMENTS)


def test_an_ablation_of_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RotationRegime, "ELEMENTS", ("thaw", "dow_nasdaq"))
    outcomes = ablate(load("ablation", SHORT), sample_market())
    by_label = {outcome.label: outcome for outcome in outcomes}
    assert list(by_label) == [
        "plain",
        "thaw alone",
        "dow_nasdaq alone",
        "all",
        "all but thaw",
        "all but dow_nasdaq",
        "Cap-weighted universe",
    ]
    plain = by_label["plain"]
    assert np.isnan(plain.lead)
    # The sample's VIX has ended, so the thaw is unknown and tilts nothing.
    assert by_label["thaw alone"].cagr == plain.cagr
    assert np.isnan(by_label["thaw alone"].lead)
    gated = by_label["dow_nasdaq alone"]
    assert gated.cagr != plain.cagr
    assert gated.low <= gated.lead <= gated.high
    assert by_label["all"].cagr == gated.cagr == by_label["all but thaw"].cagr
    page = markdown(outcomes, "An ablation")
    assert page.count("\n|") == len(outcomes) + 2


def test_an_ablation_ends_before_the_holdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(RotationRegime, "ELEMENTS", ("dow_nasdaq",))
    monkeypatch.setenv("COLUMNS", "200")
    market = sample_market()
    held = ablate(load("ablation", [*SHORT, "holdout=2021-01-01"]), market)
    ended = ablate(load("ablation", [SHORT[0], "end=2020-12-31"]), market)
    np.testing.assert_equal([vars(each) for each in held], [vars(each) for each in ended])
    assert held != ablate(load("ablation", SHORT), market)
    text = tmp_path / "ablation.md"
    settings = [part for setting in (*SHORT, "holdout=2021-01-01") for part in ("--set", setting)]
    assert backtest(monkeypatch, "ablation", "ablation", *settings, "--text", str(text)) == 0
    for said in (capsys.readouterr().out, text.read_text()):
        assert "dow_nasdaq, on the sessions before 2021-01-01 alone" in said


def test_the_command_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(RotationRegime, "ELEMENTS", ("dow_nasdaq",))
    monkeypatch.setenv("COLUMNS", "200")
    text = tmp_path / "ablation.md"
    settings = [part for setting in SHORT for part in ("--set", setting)]
    assert backtest(monkeypatch, "ablation", "ablation", *settings, "--text", str(text)) == 0
    assert "all but dow_nasdaq" in capsys.readouterr().out
    assert "| plain |" in text.read_text()
