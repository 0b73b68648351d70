"""Markets from frames: three shapes, and the checks of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests import Market as PublicMarket
from backtests import run
from datafeeds.calendars import exchange_sessions
from datafeeds.folder.frames import market_from_frames
from datafeeds.market import MarketError


@pytest.fixture
def closes() -> pd.DataFrame:
    sessions = pd.DatetimeIndex(exchange_sessions("2020-01-02", "2020-12-31"))
    steps = np.random.default_rng(1).normal(0.0005, 0.01, (len(sessions), 2))
    return pd.DataFrame(50 * np.exp(steps.cumsum(axis=0)), index=sessions, columns=["AAA", "BBB"])


def test_three_shapes_are_one_market(closes: pd.DataFrame) -> None:
    rows = closes.rename_axis(index="date", columns="symbol").stack().rename("close").reset_index()
    levels = pd.concat(dict.fromkeys(("Close", "Open", "High", "Low"), closes), axis=1)
    made = [market_from_frames(shape) for shape in (closes, rows, levels, levels.swaplevel(axis=1))]
    for market in made:
        assert market.symbols == ("AAA", "BBB")
        np.testing.assert_array_equal(market.close, closes.to_numpy())
    assert made[0].closes_only
    assert not made[2].closes_only


def test_a_symbol_may_begin_later(closes: pd.DataFrame) -> None:
    closes.iloc[:20, 1] = np.nan
    market = market_from_frames(closes)
    assert market.traded.sum(axis=0).tolist() == [len(closes), len(closes) - 20]


def test_other_tables_come_with_it(closes: pd.DataFrame) -> None:
    facts = pd.DataFrame(
        [("AAA", "revenue", 2019, "FY", pd.Timestamp("2020-02-20"), 1e9, pd.Timestamp("2019-12-31"))],
        columns=["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value", "period_end"],
    )
    instruments = pd.DataFrame(
        {"symbol": ["AAA", "BBB"], "kind": "stock", "group": ["ai_hardware", "software"]}
    )
    market = market_from_frames(closes, facts=facts, instruments=instruments, name="mine")
    assert market.name == "mine"
    assert market.facts["value"].tolist() == [1e9]
    assert market.groups == ("ai_hardware", "software")


def test_the_checks_of_a_folder_apply(closes: pd.DataFrame) -> None:
    with pytest.raises(MarketError, match=r"AAA.*2020-03-02"):
        market_from_frames(closes.assign(AAA=closes["AAA"].where(closes.index != "2020-03-02", -1.0)))
    with pytest.raises(MarketError, match="dates as index"):
        market_from_frames(closes.reset_index(drop=True))
    with pytest.raises(MarketError, match="two levels"):
        market_from_frames(pd.concat({"x": closes}, axis=1))


def test_a_run_takes_prices(closes: pd.DataFrame) -> None:
    result = run("blueprint", prices=closes, strategy="EqualWeighted", benchmarks=(), start=None)
    assert result.equity.index[-1] == closes.index[-1]
    assert result.config.market == "frames"
    with pytest.raises(ValueError, match="market or prices"):
        run("blueprint", prices=closes, market="sample")


def test_dividends_and_splits_of_yfinance_are_used(closes: pd.DataFrame) -> None:
    nothing = closes * 0.0
    paid, split = nothing.copy(), nothing.copy()
    paid.loc["2020-03-02", "AAA"], split.loc["2020-06-01", "BBB"] = 0.5, 2.0
    parts = {"Close": closes, "Adj Close": closes * 0.9, "Dividends": paid, "Stock Splits": split}
    market = market_from_frames(pd.concat(parts, axis=1))
    assert market.dividend.sum() == 0.5
    assert market.dividend[market.index_of("2020-03-02"), 0] == 0.5
    assert market.splits.astype(str).to_numpy().tolist() == [["BBB", "2020-06-01", "2.0"]]
    np.testing.assert_array_equal(market.close, closes.to_numpy())


def test_a_result_is_short_in_words_and_an_image_in_a_notebook(closes: pd.DataFrame, tmp_path: Path) -> None:
    market = PublicMarket.from_frames(closes, name="mine")
    result = run("blueprint", market=market, strategy="EqualWeighted", benchmarks=(), start=None)
    assert len(repr(result)) < 160
    assert "mine, 2020-01-02 to 2020-12-31: EqualWeighted" in repr(result)
    assert result.plot()._repr_png_().startswith(b"\x89PNG")
    folder = result.save(tmp_path / "results")
    saved = pd.read_parquet(folder / "positions.parquet")
    np.testing.assert_array_equal(result.positions, saved)
    assert list(result.positions) == list(saved) == ["AAA", "BBB"]
    assert (folder / "tearsheet.html").is_file()
    assert len(result.fills) == len(pd.read_parquet(folder / "fills.parquet"))
    first = result.decisions.iloc[0]
    assert first[["AAA", "BBB", "cash"]].tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert first["why"] != ""
