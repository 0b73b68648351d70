"""A table of the strategy's own: seen up to today, in the run and where the future is absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.authoring.sealed.replay import SealedProcesses
from backtests.engine.tables import tables_of
from backtests.provenance import run_hash
from backtests.settings.run_file import parse
from backtests.settings.strategies import build
from datafeeds.market import Market, MarketError
from strategies.asof import AsOf
from strategies.target import StrategyError
from tests.backtests.authoring.cheaters import SYMBOLS, small_market
from tests.backtests.authoring.test_check_strategy import replayed

SCORED = '''
from strategies import AsOf, Strategy, Target

class Scored(Strategy):
    """Hold the company whose newest score is highest."""

    schedule = "weekly"
    tables = {"scores": "scores.csv"}

    def decide(self, see: AsOf) -> Target | None:
        scores = see.table("scores").drop_duplicates("symbol", keep="last")
        if scores.empty:
            return None
        best = scores.loc[scores["score"].idxmax()]
        return Target({best["symbol"]: 1.0}, why=f"score {best['score']} of {best['available']:%Y-%m-%d}")
'''


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


@pytest.fixture(scope="module")
def processes() -> Iterator[SealedProcesses]:
    with SealedProcesses() as started:
        yield started


@pytest.fixture
def scored(tmp_path: Path) -> Any:
    (tmp_path / "scored.py").write_text(SCORED)
    days = pd.date_range("2018-02-01", periods=90, freq="8D")
    table = pd.DataFrame(
        {"symbol": [SYMBOLS[place * 5 % 6] for place in range(90)], "available": days, "score": range(90)}
    )
    table["score"] = table["score"] * 7 % 31
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "scores.csv", index=False)
    return build(f"{tmp_path / 'scored.py'}:Scored", {})


def test_a_table_is_seen_up_to_today(scored: Any, small: Market) -> None:
    whole = tables_of(scored)
    before = AsOf(small, small.index_of("2018-02-08"), tables=whole).table("scores")
    after = AsOf(small, small.index_of("2018-02-09"), tables=whole).table("scores")
    assert list(before["available"]) == [pd.Timestamp("2018-02-01")]
    assert list(after["available"]) == [pd.Timestamp("2018-02-01"), pd.Timestamp("2018-02-09")]
    with pytest.raises(MarketError, match="did you mean 'scores'"):
        AsOf(small, 300, tables=whole).table("score")


def test_it_reaches_the_sealed_processes_row_by_row(
    scored: Any, small: Market, processes: SealedProcesses
) -> None:
    report = replayed(scored, small, processes, 20)
    assert report.passed, report.failures
    assert report.sampled == 20


def test_its_content_is_part_of_the_run(scored: Any, small: Market, tmp_path: Path) -> None:
    config = parse({"name": "scored", "strategy": {"name": f"{tmp_path / 'scored.py'}:Scored"}}, "test")
    before = run_hash(config, small)
    with (tmp_path / "scores.csv").open("a") as file:
        file.write("AAA,2019-12-31,99\n")
    assert run_hash(config, small) != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("symbol,score\nAAA,1\n", "no column 'available'"),
        ("symbol,score,available\nAAA,1,2018-01-02\nBBB,2,soon\n", "scores.csv, line 3: available = 'soon'"),
        (None, "scores.csv: No such file or directory"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(
    content: str | None, said: str, scored: Any, tmp_path: Path
) -> None:
    file = tmp_path / "scores.csv"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(StrategyError, match=said):
        tables_of(scored)


AROUND = """
from strategies import Target
from strategies.strategy import Strategy
from strategies.wrapped import Wrapped

class Inner(Strategy):
    tables = {{"scores": "scores.csv"}}
    def decide(self, see):
        return Target({{}}, why=str(len(see.table("scores"))))

class Outer(Wrapped):
    tables = {{"scores": "{file}"}}
    of = Inner()
    def decide(self, see):
        return self.asked(see)
"""


def test_two_tables_of_one_name_are_refused_and_one_table_may_be_shared(tmp_path: Path) -> None:
    for name in ("scores", "other"):
        (tmp_path / f"{name}.csv").write_text("available\n2020-01-02\n")
    (tmp_path / "around.py").write_text(AROUND.format(file="other.csv"))
    with pytest.raises(
        StrategyError, match=r"Outer and Inner, .* a table 'scores': .*other\.csv and .*scores\.csv"
    ):
        tables_of(build(f"{tmp_path / 'around.py'}:Outer", {}))
    (tmp_path / "around.py").write_text(AROUND.format(file="../" + tmp_path.name + "/scores.csv"))
    assert list(tables_of(build(f"{tmp_path / 'around.py'}:Outer", {}))) == ["scores"]


def test_a_table_that_was_replaced_is_read_again_whatever_its_time_says(scored: Any, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    before, found = tables_of(scored)["scores"], file.stat()
    file.write_text(file.read_text().replace(",30", ",31"))
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert before["score"].max() == 30
    assert tables_of(scored)["scores"]["score"].max() == 31
