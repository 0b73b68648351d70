"""Every way to peek is caught, and no honest strategy is accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.account import Account, Costs
from backtests.authoring.check import check_strategy
from backtests.authoring.report import CheckReport
from backtests.named_strategies import build
from datafeeds.market import Market
from datafeeds.sample import sample_market
from tests.backtests.cheaters import CARELESS, CHEATERS, Cheater, small_market, source_of


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


@pytest.fixture(scope="module")
def sample() -> Market:
    return sample_market()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small: Market) -> Path:
    """Prices of the future, for those who read files."""
    place = tmp_path_factory.mktemp("prices")
    table = pd.DataFrame(small.mark, pd.DatetimeIndex(small.sessions), list(small.symbols))
    table.to_csv(place / "prices.csv")
    return place


def planted(cheater: Cheater, folder: Path, tmp_path: Path) -> Any:
    file = tmp_path / "cheat.py"
    file.write_text(source_of(cheater, str(folder)))
    return build(f"{file}:Cheat", {})


def failing(report: CheckReport) -> set[str]:
    return {f"{check.kind}/{check.name}" for check in report.failures}


def checked(strategy: Any, market: Market, elsewhere: bool) -> CheckReport:
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 22)
    return check_strategy(strategy, market, account, decisions=30, elsewhere=elsewhere)


@pytest.mark.parametrize("name", {**CHEATERS, **CARELESS})
def test_each_way_to_peek_is_caught(name: str, small: Market, folder: Path, tmp_path: Path) -> None:
    cheater = {**CHEATERS, **CARELESS}[name]
    elsewhere = any("another process" in check for check in cheater.caught_by)
    report = checked(planted(cheater, folder, tmp_path), small, elsewhere)
    assert not report.passed
    assert set(cheater.caught_by) <= failing(report), failing(report)
    for check in report.failures:
        assert check.first is not None
        if check.kind == "look-ahead":
            assert check.first.date
            assert check.first.value


def test_there_are_enough_ways_to_peek() -> None:
    assert len(CHEATERS) >= 12
