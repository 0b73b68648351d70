"""What goes to pyfolio and quantstats, and that pyfolio finds there what we do."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.notebook import Study, run
from backtests.records.finished import ResultsError
from backtests.records.pyfolio_sheet import read_input, write_pyfolio
from backtests.records.results import write


@pytest.fixture(scope="module")
def study() -> Study:
    return run("blueprint", end="2014-12-31", engine="ledger")


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(study, tmp_path_factory.mktemp("results")).folder


def test_statistics_of_pyfolio_equal_ours(study: Study) -> None:
    given = study.to_pyfolio()
    with warnings.catch_warnings():
        # pyfolio warns that zipline is absent, not needed here, and calls what pandas 4 will drop.
        warnings.simplefilter("ignore")
        from pyfolio.timeseries import perf_stats

        theirs = perf_stats(given.returns, factor_returns=given.benchmark)
    ours, against = study.performances[0], study.relatives[0]
    assert theirs["Annual volatility"] == pytest.approx(ours.volatility)
    assert theirs["Sharpe ratio"] == pytest.approx(ours.sharpe)
    assert theirs["Sortino ratio"] == pytest.approx(ours.sortino)
    assert theirs["Max drawdown"] == pytest.approx(ours.max_drawdown)
    assert theirs["Cumulative returns"] == pytest.approx(ours.total_return)
    assert theirs["Daily value at risk"] < 0
    assert theirs["Alpha"] == pytest.approx(against.alpha)
    assert theirs["Beta"] == pytest.approx(against.beta)
    # pyfolio annualises growth by 252 sessions a year, we by the calendar.
    years = len(given.returns) / 252
    assert theirs["Annual return"] == pytest.approx((1 + ours.total_return) ** (1 / years) - 1)


def test_positions_and_transactions_add_to_the_equity(study: Study) -> None:
    given, ledger = study.to_pyfolio(), study.book.ledger
    assert given.positions.sum(axis=1).to_numpy() == pytest.approx(ledger.equity[1:])
    assert given.positions["cash"].to_numpy() == pytest.approx(ledger.cash[1:], abs=1e-3)
    assert given.returns.index.equals(given.positions.index)
    assert str(given.returns.index.tz) == "UTC"
    held = given.transactions.groupby("symbol")["amount"].sum()
    last = pd.Series(ledger.positions[-1], index=list(ledger.symbols))
    assert held.to_numpy() == pytest.approx(last[held.index].to_numpy())


def test_quantstats_gets_returns_without_a_time_zone(study: Study) -> None:
    ours, theirs = study.to_quantstats()
    assert theirs is not None
    assert ours.index.tz is None
    assert ours.index.equals(theirs.index)
    assert float(np.prod(1 + ours)) - 1 == pytest.approx(study.performances[0].total_return)


def test_a_folder_gives_what_the_result_does(study: Study, folder: Path) -> None:
    given, read = study.to_pyfolio(), read_input(folder)
    assert read.returns.to_numpy() == pytest.approx(given.returns.to_numpy())
    assert read.positions.to_numpy() == pytest.approx(given.positions.to_numpy(), abs=1e-2)
    assert read.transactions["price"].to_numpy() == pytest.approx(given.transactions["price"].to_numpy())
    with pytest.raises(ResultsError, match="not a finished run"):
        read_input(folder / "nothing")


def test_positions_are_not_valued_at_prices_that_came_since(study: Study, folder: Path) -> None:
    close = study.market.close.copy()
    close[-1] *= 2
    changed = replace(study.market, close=close, hash="")
    assert changed.hash != study.market.hash
    then, now = study.market.hash[:12], changed.hash[:12]
    with pytest.raises(ResultsError, match=f"ran on market data {then}, .*'sample' is {now} now. Run it"):
        read_input(folder, changed)


@pytest.mark.slow
def test_the_sheet_is_written(folder: Path) -> None:
    sheet = write_pyfolio(folder)
    assert sheet.name == "pyfolio.pdf"
    assert sheet.read_bytes().startswith(b"%PDF")
