"""The register of trials counts every configuration once, and does not shrink quietly."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.notebook import run
from backtests.records import register as tested
from backtests.records.chain import RecordError
from backtests.runner import run as run_config
from backtests.settings.run_file import parse
from datafeeds.market import Market


def walk(seed: int, name: str = "market", symbols: str = "ABCDEFGH", sessions: int = 500) -> Market:
    """A market of random walks; those of one seed begin alike."""
    steps = np.random.default_rng(seed).normal(0.0004, 0.02, (1000, 26))[:sessions, : len(symbols)]
    days = pd.bdate_range("2018-01-01", periods=sessions)
    close = pd.DataFrame(50 * np.exp(np.cumsum(steps, axis=0)), index=days, columns=list(symbols))
    return Market.from_wide(name, close, open=close, volume=close * 1e4)


MARKETS = {name: walk(seed, name) for seed, name in enumerate(("market", "other", "third", "old"))}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five trials on one market, one on another, and a run that saw the first three."""
    monkeypatch.setenv(tested.PLACE, str(tmp_path / "register.sqlite"))
    results = tmp_path / "results"
    for number in range(3):
        record("market", f"run{number}", 0.01 * number)
    keep(results, "blueprint-abc", {"trials": stamp("market", results)})
    record("market", "run3", math.nan)
    record("other", "run0", 0.5)
    record("market", "run4", 0.04)
    return results


def record(market: str, run: str, sharpe: float) -> None:
    tested.record(MARKETS[market], [tested.Trial(run, "run", sharpe)])


def tried(market: str | Market) -> tested.Tried:
    found, _ = tested.known(MARKETS[market] if isinstance(market, str) else market, Path("no results"))
    return found


def stamp(market: str, results: Path) -> dict[str, Any]:
    return tested.known(MARKETS[market], results)[1]


def keep(results: Path, name: str, manifest: object) -> None:
    (results / name).mkdir(parents=True)
    (results / name / "manifest.json").write_text(json.dumps(manifest))


def problems(results: Path) -> tuple[str, ...]:
    return tested.verify(results).problems


def test_counts_and_sharpes(results: Path) -> None:
    assert stamp("market", results)["count"] == 5
    assert stamp("other", results)["count"] == 1
    assert stamp("third", results)["count"] == 0
    found = tried("market").sharpes
    assert found[[0, 1, 2, 4]] == pytest.approx([0, 0.01, 0.02, 0.04])
    assert np.isnan(found[3])
    verdict = tested.verify(results)
    assert verdict.intact, verdict.problems
    assert verdict.sentence() == "The register of 6 trials on this machine is unbroken."


def test_the_same_configuration_is_one_trial(results: Path) -> None:
    record("market", "run0", 0.0)
    assert stamp("market", results)["records"] == 8
    # Another result of the same configuration is kept, and still one trial.
    record("market", "run0", 0.07)
    assert (stamp("market", results)["count"], stamp("market", results)["records"]) == (5, 9)
    assert tried("market").sharpes[0] == 0.07


def test_beginning_anew_shows_by_the_manifests(results: Path) -> None:
    for path in results.parent.glob("register.sqlite*"):
        path.unlink()
    record("market", "fresh", 0.1)
    (said,) = problems(results)
    assert said == "the register was begun anew since run blueprint-abc, which has seen 4 entries"


def test_an_earlier_copy_shows_by_the_manifests(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tested.place()
    copy = path.read_bytes()
    record("market", "run5", 0.1)
    keep(results, "later-abc", {"trials": stamp("market", results)})
    path.write_bytes(copy)
    (said,) = problems(results)
    assert said == "the register has lost or changed trials that run later-abc has seen (9 then)"


def test_another_register_is_no_crime(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tested.PLACE, str(results.parent / "shared.sqlite"))
    record("market", "run0", 0.1)
    found = tested.verify(results)
    assert found.intact
    assert "1 run here stands in another register." in found.sentence()


def test_manifests_that_say_nothing_of_trials_are_left_alone(results: Path) -> None:
    keep(results, "old", {})
    keep(results, "bad", {"trials": 3})
    keep(results, ".draft", 5)
    keep(results, "odd", {})
    (results / "odd" / "manifest.json").write_text("not json")
    assert problems(results) == (
        "the manifest of bad has no head of the register",
        "the manifest of odd can't be read",
    )


def test_a_manifest_with_another_number(results: Path) -> None:
    path = results / "blueprint-abc" / "manifest.json"
    stamp = json.loads(path.read_text())["trials"]
    path.write_text(json.dumps({"trials": {**stamp, "records": 2}}))
    assert problems(results) == ("run blueprint-abc has seen 2 entries where the register has 4",)


def test_a_foreign_entry_is_no_end(results: Path) -> None:
    with closing(sqlite3.connect(tested.place())) as database, database:
        for content in ("{}", '{"recorded": "2020", "market": "market", "run": 3}', "nonsense"):
            database.execute("INSERT INTO chain (content, attachment) VALUES (?, x'')", (content,))
    record("market", "run5", 0.1)
    assert stamp("market", results)["count"] == 6
    assert not tested.verify(results).intact


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"no database" * 500,
        lambda content: content.replace(b"CREATE TABLE", b"CREATE TABL\xf8"),
        lambda content: content.replace(b"content TEXT", b"cantent TEXT"),
        lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
        lambda content: b"",
    ],
    ids=["garbage", "no text", "another table", "pages lost", "emptied"],
)
def test_damage_is_said_and_no_end_of_later_runs(results: Path, damage: Callable[[bytes], bytes]) -> None:
    place = tested.place()
    place.write_bytes(damage(place.read_bytes()))
    for number in (7, 8):
        record("market", f"run{number}", 0.1)
    assert tried("market").runs == ("run7", "run8")
    found = stamp("market", results)
    assert not found["intact"]
    assert "the register was begun anew since run blueprint-abc" in found["verdict"]


def test_what_can_not_be_recorded(results: Path) -> None:
    with pytest.raises(RecordError, match="JSON"):
        tested.record(MARKETS["third"], [tested.Trial("run", "run", 0.1, {"when": object()})])
    assert stamp("third", results)["count"] == 0


# What is one market ----------------------------------------------------------------------------------


def with_closes(
    market: Market, change: Callable[[pd.DataFrame], pd.DataFrame], name: str = "market"
) -> Market:
    close = change(
        pd.DataFrame(market.close, index=pd.DatetimeIndex(market.sessions), columns=market.symbols)
    )
    return Market.from_wide(name, close, open=close, volume=close * 0 + 1e6)


def nudged(close: pd.DataFrame) -> pd.DataFrame:
    close.iloc[300, 2] *= 1.0001
    return close


SAME: dict[str, Callable[[Market], Market]] = {
    "a nudged price": lambda market: with_closes(market, nudged),
    "another name": lambda market: with_closes(market, nudged, "fresh"),
    "cut at the end": lambda market: with_closes(market, lambda close: close.iloc[:250]),
    "cut at the beginning": lambda market: with_closes(market, lambda close: close.iloc[250:]),
    "a month of it": lambda market: with_closes(market, lambda close: close.iloc[:25]),
    "half the symbols": lambda market: with_closes(market, lambda close: close.iloc[:, ::2]),
    "one symbol": lambda market: with_closes(market, lambda close: close[["D"]]),
    "other units": lambda market: with_closes(market, lambda close: close * 3.7),
    "renamed symbols": lambda market: with_closes(market, lambda close: close.add_prefix("X"), "fresh"),
    "noise in every price": lambda market: with_closes(
        market, lambda close: close * (1 + np.random.default_rng(1).normal(0, 3e-4, close.shape))
    ),
    "more symbols": lambda market: walk(0, symbols="ABCDEFGHIJKLMNOPQRST", sessions=500),
    "another volume": lambda market: replace(market, volume=market.volume * 2, derived={}, hash=""),
}


@pytest.mark.parametrize("changed", SAME.values(), ids=SAME)
def test_a_market_changed_a_little_keeps_its_count(
    changed: Callable[[Market], Market], results: Path
) -> None:
    market = changed(walk(0))
    assert market.hash != MARKETS["market"].hash
    tested.record(market, [tested.Trial("new", "run", 0.1)])
    assert len(tried(market).runs) == 6
    assert len(tried("market").runs) == 6
    assert len(tried("other").runs) == 1


def test_markets_that_share_little_count_apart(results: Path) -> None:
    both = walk(7)
    close = pd.DataFrame(both.close, index=pd.DatetimeIndex(both.sessions), columns=both.symbols)
    close["A"] = MARKETS["market"].close[:, 0]
    market = Market.from_wide("walks", close, open=close, volume=close * 1e4)
    tested.record(market, [tested.Trial("new", "run", 0.1)])
    assert len(tried(market).runs) == 1
    assert len(tried("market").runs) == 5


def test_a_market_that_joins_two_makes_them_one(results: Path) -> None:
    first, second = MARKETS["market"], MARKETS["other"]
    close = pd.DataFrame(
        np.hstack([first.close, second.close]),
        index=pd.DatetimeIndex(first.sessions),
        columns=list("ABCDEFGHIJKLMNOP"),
    )
    tested.record(
        Market.from_wide("both", close, open=close, volume=close * 1e4), [tested.Trial("new", "run", 0.1)]
    )
    assert len(tried("market").runs) == len(tried("other").runs) == 6  # run0 on both is one configuration


# What is kept of a trial -----------------------------------------------------------------------------


def test_weekly_returns_stand_side_by_side(results: Path) -> None:
    market = MARKETS["third"]
    whole = run("blueprint", market=market, strategy="EqualWeighted", benchmarks=())
    late = run("blueprint", market=market, strategy="EqualWeighted", benchmarks=(), start="2019-01-02")
    tested.record(market, [tested.Trial("claim x", "claim")])
    found = tried(market)
    assert found.kinds == ("notebook", "notebook", "claim")
    assert (np.diff(found.weeks) == np.timedelta64(7, "D")).all()
    assert (found.weeks.astype("datetime64[D]").astype(int) % 7 == 1).all()  # Fridays
    for row, study in enumerate((whole, late)):
        equity = study.equity.iloc[:, 0]
        weekly = np.log(equity.resample("W-FRI").last()).diff().dropna()
        ours = pd.Series(found.returns[row], index=found.weeks).dropna()
        both = pd.concat([weekly, ours], axis=1, sort=True).dropna()
        assert len(both) >= len(weekly) - 1 > 40
        assert np.allclose(both.iloc[:, 0], both.iloc[:, 1], rtol=1e-3, atol=1e-6)
        assert ours.sum() == pytest.approx(np.log(equity.iloc[-1] / equity.iloc[0]), abs=1e-3)
    assert np.isnan(found.returns[2]).all()
    assert np.isnan(found.sharpes[2])


def test_hedges_and_variants_that_stand_beside_count_as_many(results: Path) -> None:
    market = MARKETS["third"]
    beside = [{"name": "BuyAndHold", "label": symbol, "symbols": [symbol]} for symbol in "AB"]
    run("blueprint", market=market, strategy="EqualWeighted", benchmarks=beside)
    assert len(tried(market).runs) == 1  # what one compares with is not tried
    held = {"name": "BuyAndHold", "symbols": ["C"]}
    document = {"name": "x", "market": "walks", "strategy": held, "benchmarks": beside, "engine": "ledger"}
    result = run_config(parse(document, "x"), market=market)
    tested.record(market, tested.of_result("run", result))
    assert len(tried(market).runs) == 4


# The first edition -----------------------------------------------------------------------------------


def old_record(results: Path, market: str, sharpes: list[float | None]) -> list[str]:
    """A record as version 0.1 wrote it, and the hash of each line."""
    previous, lines, heads = "0" * 64, [], []
    for number, sharpe in enumerate(sharpes, start=1):
        line = {"n": number, "previous": previous, "market": market, "run": f"r{number}", "sharpe": sharpe}
        line |= {"name": "sweep", "recorded": "2026-01-05T10:00:00+00:00"}
        previous = line["hash"] = hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps(line))
        heads.append(previous)
    results.mkdir(exist_ok=True)
    (results / "trials.jsonl").write_text("".join(line + "\n" for line in lines))
    (results / "trials.head").write_text(f"{len(lines)} {previous}\n")
    return heads


def test_the_record_of_the_first_edition_is_taken_over_once(results: Path) -> None:
    heads = old_record(results, MARKETS["old"].hash, [0.1, None, 0.3])
    keep(results, "ancient-abc", {"trials": {"count": 2, "records": 2, "head": heads[1]}})
    for _ in range(2):
        tested.adopt(results)
        said = stamp("old", results)
        assert (said["count"], said["since"], said["intact"]) == (3, "2026-01-05", True)
    assert np.array_equal(tried("old").sharpes, [0.1, np.nan, 0.3], equal_nan=True)
    keep(results, "later-abc", {"trials": stamp("old", results)})
    assert not problems(results)
    assert sorted(path.name for path in results.glob("trials.*")) == ["trials.jsonl.migrated"]
    keep(results, "forged-abc", {"trials": {"count": 2, "records": 2, "head": "f" * 64}})
    assert len(problems(results)) == 1


@pytest.mark.parametrize("damage", ["changed", "cut", "torn", "no head"])
def test_what_was_wrong_with_an_old_record_stays_wrong(results: Path, damage: str) -> None:
    old_record(results, MARKETS["old"].hash, [0.1, 0.2, 0.3])
    path = results / "trials.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    if damage == "changed":
        path.write_text("".join(lines).replace("0.2", "0.1"))
    elif damage == "cut":
        path.write_text("".join(lines[:2]))
    elif damage == "torn":
        path.write_text("".join(lines)[:-30])
    else:
        (results / "trials.head").unlink()
    tested.adopt(results)
    (said,) = problems(results)
    assert "was not whole when it was taken over" in said
    assert stamp("old", results)["count"] >= 2
