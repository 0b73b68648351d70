"""Walk-forward: windows, choices by the past alone, and one account that follows them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.kernel import replay
from backtests.records import register
from backtests.runner import account_of, run
from backtests.settings.run_file import ConfigError, RunConfig, parse
from backtests.settings.sweep import WalkForwardSettings
from backtests.sweeps.sweep import Workplace
from backtests.sweeps.walk_forward import WalkForward, walk_forward
from backtests.sweeps.walk_forward_report import outcome, returns_of, stability, table_of, write
from backtests.sweeps.windows import Window, choose, windows
from datafeeds.market import Dates, Market
from strategies.asof import AsOf
from strategies.schedule import Daily
from strategies.strategy import Strategy
from strategies.target import Target


class Picks(Strategy):
    """All in one symbol, a little less each time it decides: what it holds depends on when it began."""

    symbol: str = "A"

    def decide(self, see: AsOf) -> Target | None:
        times = see.previous.state["times"] + 1 if see.previous else 0
        return Target({self.symbol: 0.99**times}, why="picked").remember(times=times)


class Drifting(Strategy):
    """Goes back to half and half when the account has drifted."""

    schedule = Daily()
    band: float = 0.05

    def decide(self, see: AsOf) -> Target | None:
        if see.previous is not None and abs(see.weights.get("A", 0.0) - 0.5) < self.band:
            return None
        return Target({"A": 0.5, "B": 0.5}, why="drifted")


def walks(seed: int = 3, years: int = 6) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2015-01-01", periods=261 * years)
    moves = random.normal(0.0003, 0.01, (len(days), 3))
    # Each symbol leads for two years, so that the choice must change.
    for place in range(3):
        moves[522 * place : 522 * (place + 1), place] += 0.002
    return pd.DataFrame(50 * np.exp(np.cumsum(moves, axis=0)), index=days, columns=list("ABC"))


def market_of(close: pd.DataFrame) -> Market:
    return Market.from_wide("walks", close, open=close.shift(1).bfill(), volume=close * 1e5)


@pytest.fixture(scope="module")
def market() -> Market:
    return market_of(walks())


def config(
    parameters: dict[str, Any] | None = None, strategy: str = "Picks", walk: dict[str, Any] | None = None
) -> RunConfig:
    document = {
        "name": "test",
        "strategy": {"name": strategy},
        "costs": {"half_spread_bps": 20.0},
        "benchmarks": [{"name": "EqualWeighted", "label": "All <of> them"}],
        "sweep": {"parameters": parameters or {"strategy.symbol": ["A", "B", "C"]}},
        "walk_forward": {"train_years": 1, "window": "rolling", "embargo": 5, **(walk or {})},
    }
    return parse(document, "test.toml")


def days(years: int) -> Dates:
    return np.arange("2015-01-01", f"{2015 + years}-01-01", dtype="datetime64[D]")


# Windows ---------------------------------------------------------------------------------------------


def test_anchored_windows() -> None:
    laid = windows(days(4), WalkForwardSettings(train_years=2, embargo=10))
    assert laid == (
        Window(1, 720, 731, 1095, True),
        Window(1, 1085, 1096, 1460, False),
    )


def test_rolling_windows_keep_their_length() -> None:
    laid = windows(days(5), WalkForwardSettings(window="rolling", train_years=2, embargo=0))
    assert [(each.train_first, each.train_last + 1) for each in laid] == [(1, 731), (365, 1096), (731, 1461)]


def test_tests_may_overlap() -> None:
    laid = windows(days(3), WalkForwardSettings(train_years=1, test_years=1, step_years=0.5))
    assert [str(days(3)[each.test_first]) for each in laid] == [
        "2016-01-01", "2016-07-01", "2017-01-01", "2017-07-01"
    ]  # fmt: skip
    assert [each.is_whole for each in laid] == [True, True, False, False]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_years": 4}, "train_years = 4 leaves nothing to test"),
        ({"train_years": 1, "embargo": 350}, "14 sessions to train on"),
    ],
)
def test_windows_that_do_not_fit_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        windows(days(3), WalkForwardSettings(**settings))


# Choices ---------------------------------------------------------------------------------------------


def test_only_training_decides() -> None:
    random = np.random.default_rng(0)
    returns = random.normal(0, 0.01, (5, len(days(3)) - 1))
    window = windows(days(3), WalkForwardSettings(train_years=1, embargo=20))[0]
    made = choose(returns, days(3), None, window, "sharpe")
    inside = returns[:, window.train_first - 1 : window.train_last]
    assert made.position == np.argmax(inside.mean(axis=1) / inside.std(axis=1))
    other = returns.copy()
    other[:, window.train_last :] = random.normal(0, 0.05, other[:, window.train_last :].shape)
    again = choose(other, days(3), None, window, "sharpe")
    assert again.position == made.position
    assert np.array_equal(again.trained.sharpe, made.trained.sharpe)
    assert not np.array_equal(again.tested.sharpe, made.tested.sharpe)


def test_among_equals_the_held_one_stays() -> None:
    returns = np.tile(np.random.default_rng(0).normal(0, 0.01, len(days(3)) - 1), (3, 1))
    window = windows(days(3), WalkForwardSettings(train_years=1))[0]
    assert choose(returns, days(3), None, window, "sharpe").position == 0
    made = choose(returns, days(3), None, window, "sharpe", held=2)
    assert (made.position, made.tied, made.rank, made.outdone) == (2, 2, 2.0, 0.5)
    rounded = returns * (1 + np.array([[0.0], [1e-14], [-1e-14]]))
    again = choose(rounded, days(3), None, window, "sharpe", held=2)
    assert (again.position, again.tied, again.rank, again.outdone) == (2, 2, 2.0, 0.5)


def test_luck_alone_outdoes_half() -> None:
    random = np.random.default_rng(5)
    window = windows(days(3), WalkForwardSettings(train_years=1))[0]
    outdone = []
    for _ in range(200):
        returns = random.normal(0, 0.01, (5, len(days(3)) - 1))
        returns[3:] = returns[2]  # three that are one
        outdone.append(choose(returns, days(3), None, window, "sharpe").outdone)
    assert np.mean(outdone) == pytest.approx(0.5, abs=0.06)


# The account -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(market: Market, tmp_path_factory: pytest.TempPathFactory) -> WalkForward:
    return walk_forward(config(), Workplace(tmp_path_factory.mktemp("walked")), market=market)


def test_the_account_follows_the_choices_at_their_cost(walked: WalkForward, market: Market) -> None:
    """Targets put together by hand from whole runs, kept by another path through the engine."""
    assert len(set(walked.chosen)) == 3
    targets: dict[int, dict[str, float]] = {}
    for place, choice in enumerate(walked.choices):
        begin = choice.window.test_first - 1
        end = walked.choices[place + 1].window.test_first - 1 if place + 1 < len(walked.choices) else 10**6
        symbol = "ABC"[walked.chosen[place]]
        whole = run(
            parse({"name": "x", "engine": "ledger", "strategy": {"name": "Picks", "symbol": symbol}}, "x"),
            market=market,
        )
        made = {market.index_of(each.session): each.target.weights for each in whole.book.ledger.decisions}
        is_new = place == 0 or walked.chosen[place] != walked.chosen[place - 1]
        if is_new:
            targets[begin] = dict(made[max(session for session in made if session <= begin)])
        targets |= {session: dict(weights) for session, weights in made.items() if begin <= session < end}
    rows = np.array([[weights.get(symbol, 0.0) for symbol in "ABC"] for weights in targets.values()])
    account = replace(account_of(walked.config, market), first=walked.choices[0].window.test_first - 1)
    expected = replay(market, rows, list(targets), account)
    assert np.array_equal(walked.ledger.equity, expected.equity)
    pd.testing.assert_frame_equal(walked.ledger.fills, expected.fills)


def test_switching_is_paid(walked: WalkForward) -> None:
    fills = walked.ledger.fills
    sold = fills[fills["shares"] < 0].groupby("session")["shares"].sum()
    switched = [
        walked.sweep.sessions[choice.window.test_first]
        for choice, one, other in zip(walked.choices[1:], walked.chosen, walked.chosen[1:], strict=False)
        if one != other
    ]
    assert set(pd.DatetimeIndex(switched)) <= set(sold.index)
    assert len(walked.sliced) == len(walked.ledger.equity) - 1
    assert np.prod(1 + walked.sliced) > walked.ledger.equity[-1] / walked.ledger.equity[0]


def test_the_future_changes_nothing_before_it(walked: WalkForward, tmp_path: Path) -> None:
    close = walks()
    cut = 261 * 4
    close.iloc[cut:] *= np.random.default_rng(9).uniform(0.5, 2.0, close.iloc[cut:].shape)
    other = walk_forward(config(), Workplace(tmp_path), market=market_of(close))
    before = cut - (walked.choices[0].window.test_first - 1)
    assert np.array_equal(walked.ledger.equity[:before], other.ledger.equity[:before])
    assert not np.array_equal(walked.ledger.equity[before:], other.ledger.equity[before:])


def test_an_account_that_is_looked_at_is_the_one_that_trades(market: Market, tmp_path: Path) -> None:
    swept = config({"strategy.band": [0.02, 0.3]}, "Drifting")
    found = walk_forward(swept, Workplace(tmp_path), market=market)
    drift = abs(found.ledger.weights(market)["A"] - 0.5)
    widest = max(0.02 if chosen == 0 else 0.3 for chosen in found.chosen)
    assert drift.iloc[2:].max() < widest + 0.03
    assert len(found.ledger.decisions) < len(found.ledger.sessions) / 2


def test_one_configuration_is_the_run_file(market: Market, tmp_path: Path) -> None:
    found = walk_forward(config({"strategy.symbol": ["A"]}), Workplace(tmp_path), market=market)
    assert np.array_equal(found.ledger.equity, found.unchosen.equity)
    assert stability(found)[0].startswith("The choice is stable. The chosen configuration changed 0 times")


# What is left ----------------------------------------------------------------------------------------


def test_the_folder(walked: WalkForward, tmp_path: Path) -> None:
    folder = write(walked, tmp_path)
    assert folder == write(walked, tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        "windows.parquet", "returns.parquet", "manifest.json", "walk-forward.html"
    }  # fmt: skip
    table = pd.read_parquet(folder / "windows.parquet")
    assert table["strategy.symbol"].tolist() == ["ABC"[chosen] for chosen in walked.chosen]
    assert (table["test_from"] > table["train_to"]).all()
    returns = pd.read_parquet(folder / "returns.parquet")
    assert list(returns) == ["walk_forward", "unchosen", "benchmark"]
    assert np.array_equal(returns["walk_forward"], walked.ledger.returns)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["kind"], manifest["configurations"]) == ("walk-forward", 3)
    assert f'href="{folder.name}/walk-forward.html"' in (tmp_path / "index.html").read_text()
    page = (folder / "walk-forward.html").read_text()
    assert "All &lt;of&gt; them" in page
    assert "<of>" not in page
    assert page.count("<svg class") == 2


def test_its_own_trial_counts_and_so_do_those_since_the_sweep(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(register.PLACE, str(tmp_path / "register.sqlite"))
    walked = walk_forward(config(), Workplace(tmp_path), market=market)
    swept = walked.sweep.manifest["trials"]["count"]
    register.record(market, [register.Trial("another", "run")])
    trials = json.loads((write(walked, tmp_path) / "manifest.json").read_text())["trials"]
    assert trials == register.known(market, tmp_path)[1]
    assert (swept, trials["count"]) == (3, 5)


def test_window_returns_compound_to_the_curve(walked: WalkForward) -> None:
    table = table_of(walked)
    assert np.prod(1 + table["account_return"]) == pytest.approx(
        np.prod(1 + returns_of(walked)["walk_forward"])
    )


def test_words(walked: WalkForward) -> None:
    assert stability(walked)[0].startswith("The choice is unstable")
    assert "symbol is wandering" in stability(walked)[1]
    assert "In the middle one of" in outcome(walked)[0]
    assert "took" in outcome(walked)[1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"costs.half_spread_bps": [1.0, 2.0]},
            r"costs.half_spread_bps is swept, but a walk-forward chooses",
        ),
        ({"strategy.symbol": ["A"], "lag": [0, 1]}, "lag is swept"),
    ],
)
def test_costs_are_no_choice(
    parameters: dict[str, Any], message: str, market: Market, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        walk_forward(config(parameters), Workplace(tmp_path), market=market)


def test_a_run_file_without_the_table_says_what_to_write(market: Market, tmp_path: Path) -> None:
    swept = config()
    bare = parse(swept.model_dump(exclude_none=True) | {"sweep": {"parameters": {"lag": [0]}}}, "x")
    with pytest.raises(ConfigError, match=r"no table \[walk_forward\]"):
        walk_forward(bare, Workplace(tmp_path), market=market)


def test_a_step_longer_than_the_test_is_refused() -> None:
    with pytest.raises(ConfigError, match="would have holes"):
        config(walk={"test_years": 1, "step_years": 2})
