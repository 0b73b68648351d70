"""The law of what is known: cutting the raw folder at a day changes nothing that was known up to that day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtests.tearsheet.provenance import rewound as said_of_rewinding
from datafeeds.calendars import exchange_sessions
from datafeeds.folder import rewind as rewinding
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.rewind import compared, cut_folder, promise, rewind
from datafeeds.market import MarketError
from datafeeds.sources.sample import sample_market, write_sample
from tests.datafeeds.folders import write_folder
from tests.places import SHARED

SESSIONS = exchange_sessions("2018-01-02", "2019-12-31")
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FUND")
PERIODS = ("Q1", "Q2", "Q3", "FY")
CONCEPTS = ("revenue", "shares_outstanding", "diluted_shares", "gross_profit")


def dirty_tables(seed: int, cents: bool) -> dict[str, pd.DataFrame]:
    """Tables of a market with what real ones have wrong with them."""
    random = np.random.default_rng(seed)
    prices, splits, facts = [], [], []
    for symbol in SYMBOLS:
        count = len(SESSIONS)
        adjusted = 40 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
        volume = np.round(2e6 * np.exp(random.normal(0, 0.4, count)))
        factor = np.ones(count)
        for ratio in random.choice([2.0, 4.0, 10.0, 0.1], random.integers(0, 3)):
            row = int(random.integers(0, count + 120))
            day = SESSIONS[row] if row < count else SESSIONS[-1] + np.timedelta64(row - count + 1, "D")
            factor[:row] *= ratio
            if random.random() < 0.6:
                splits.append((symbol, str(day), ratio))
        if cents:
            adjusted = np.round(adjusted * factor, 2) / factor
        dividend = np.where(random.random(count) < 0.02, adjusted * random.uniform(0, 0.15, count), 0.0)
        if random.random() < 0.3:
            dividend = dividend * factor
        begins, ends = int(random.integers(0, count)), int(random.integers(0, count + 400))
        present = (np.arange(count) >= begins // 2) & (np.arange(count) < max(ends, begins // 2 + 1))
        hole = int(random.integers(0, count))
        present[hole : hole + int(random.choice([0, 3, 30, 60]))] = False
        if random.random() < 0.2:
            adjusted[hole:] *= 3
        if symbol == "FUND":
            present[:] = True
        prices.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": SESSIONS.astype(str),
                    "open": adjusted,
                    "close": adjusted,
                    "volume": volume,
                    "dividend": dividend,
                }
            )[present]
        )
        level = 1e8
        for quarter in range(14):
            period, year = PERIODS[quarter % 4], 2016 + quarter // 4
            due = np.datetime64(f"{year}-05-05") + np.timedelta64(91 * (quarter % 4), "D")
            for concept in CONCEPTS:
                if random.random() < 0.15:
                    continue
                level *= float(random.choice([1.0, 1.01, 0.98, 1.3, 3.0], p=[0.5, 0.2, 0.2, 0.07, 0.03]))
                size = {"revenue": 1e9, "gross_profit": 4e8}.get(concept, level)
                wrong = float(random.choice([1.0, 1e-3, 1e3, 1e6, 40.0, -1.0], p=[0.85, *[0.03] * 5]))
                filed = due + np.timedelta64(int(random.integers(0, 20)), "D")
                label = year + int(random.choice([0, 1], p=[0.95, 0.05]))
                facts.append((symbol, concept, label, period, str(filed), size * wrong))
    instruments = pd.DataFrame(
        {
            "symbol": [*SYMBOLS, "AAA"],
            "kind": ["stock"] * 5 + ["etf", "stock"],
            "group": ["one", "one", "two", "two", "", "fund", "two"],
            "from": ["", "2018-06-01", "2019-03-01", "", "", "", "2019-01-02"],
            "to": ["2018-12-31", "", "", "2019-06-28", "", "", ""],
        }
    )
    days = pd.date_range("2017-12-01", "2019-12-20", freq="7D").strftime("%Y-%m-%d")
    late = pd.date_range("2017-12-08", periods=len(days), freq="7D").strftime("%Y-%m-%d")
    listed = pd.DataFrame(splits, columns=["symbol", "date", "ratio"])
    return {
        "prices": pd.concat(prices, ignore_index=True),
        "splits": listed.drop_duplicates(["symbol", "date"]),
        "facts": pd.DataFrame(
            facts, columns=["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]
        ),
        "series": pd.DataFrame({"series": "vix", "date": days, "available": late, "value": 15.0}),
        "instruments": instruments,
    }


def written(tables: dict[str, pd.DataFrame], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(30, len(SESSIONS) - 1))
def test_any_dirty_folder_cut_at_any_day(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cents: bool, row: int
) -> None:
    place = tmp_path_factory.mktemp("dirty")
    folder = written(dirty_tables(seed, cents), place / "whole")
    checked = check_folder(folder)
    assert checked.market is not None, checked.errors
    cut = check_folder(cut_folder(folder, SESSIONS[row], place / "cut")).market
    assert cut is not None
    figures, differences = compared(checked.market, cut)
    assert figures > 20
    assert not differences, "\n".join(map(str, differences))
    rebased = check_folder(cut_folder(folder, SESSIONS[row], place / "rebased", rebased=True)).market
    assert rebased is not None
    assert not compared(checked.market, rebased, 1e-9)[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


def test_a_small_folder_in_both_forms(folder: Path) -> None:
    days = [np.datetime64("2020-02-20"), np.datetime64("2020-03-10")]
    whole = load_folder(folder)
    found = [*rewind(folder, whole, days), *rewind(folder, whole, days, rebased=True)]
    assert [rewound.rebased for rewound in found] == [False, False, True, True]
    assert not any(rewound.differences for rewound in found)
    assert str(found[0]).startswith("2020-02-20, later rows cut: 0 of ")


def test_a_difference_is_named_by_date_symbol_and_figure(folder: Path, tmp_path: Path) -> None:
    whole = load_folder(folder)
    prices = pd.read_csv(folder / "prices.csv")
    prices.loc[(prices["symbol"] == "BBB") & (prices["date"] == "2020-02-05"), "close"] = 101.0
    other = write_folder(tmp_path / "other", prices)
    cut = load_folder(cut_folder(other, np.datetime64("2020-02-20"), tmp_path / "cut"))
    _, differences = compared(whole, cut)
    (close,) = [difference for difference in differences if difference.figure == "close"]
    assert (str(close.session), close.symbol, close.cut, close.count) == ("2020-02-05", "BBB", 101.0, 1)
    assert str(close).startswith("close, 2020-02-05 BBB: ")


def test_a_cut_keeps_the_kind_of_a_symbol_whose_membership_begins_later(folder: Path, tmp_path: Path) -> None:
    cut = cut_folder(folder, np.datetime64("2020-01-15"), tmp_path / "cut")
    table = pd.read_csv(cut / "instruments.csv", keep_default_na=False)
    row = table[table["symbol"] == "BBB"].iloc[0]
    assert (row["kind"], row["group"], row["from"]) == ("stock", "", "2020-01-16")


MOVES = """symbol,kind,name,sector,industry,group,from,to,company
AAA,stock,New Alpha,New Sector,New Industry,new,2020-02-15,,NewCo
AAA,stock,Alpha,Old Sector,Old Industry,old,,2020-02-14,OldCo
BBB,stock,Beta,Late Sector,Late Industry,late,2020-02-15,,BetaCo
SPY,etf,Fund,,,cap_weighted,,,
"""


def test_what_instruments_say_later_is_cut_and_differs_nowhere(folder: Path) -> None:
    (folder / "instruments.csv").write_text(MOVES, encoding="utf-8")
    days = [np.datetime64("2020-02-05"), np.datetime64("2020-02-18")]
    found = rewind(folder, load_folder(folder), days)
    assert [rewound.differences for rewound in found] == [(), ()]


@pytest.mark.parametrize(
    ("later", "figure"),
    [
        ("Old Sector", "sector"),
        ("Old Industry", "industry"),
        ("OldCo", "company"),
        ("SPY,etf", "kind"),
    ],
)
def test_another_word_of_an_instrument_is_found(
    folder: Path, tmp_path: Path, later: str, figure: str
) -> None:
    (folder / "instruments.csv").write_text(MOVES, encoding="utf-8")
    whole = load_folder(folder)
    other = "SPY,index" if figure == "kind" else "Other"
    (folder / "instruments.csv").write_text(MOVES.replace(later, other), encoding="utf-8")
    cut = load_folder(cut_folder(folder, np.datetime64("2020-02-05"), tmp_path / "cut"), part=True)
    _, differences = compared(whole, cut)
    assert [difference.figure for difference in differences] == [figure]
    symbol, was, said = ("SPY", "etf", "index") if figure == "kind" else ("AAA", later, "Other")
    assert str(differences[0]).startswith(
        f"{figure}, 2020-01-02 {symbol}: {was!r} with what came later, {said!r} without, and "
    )


def test_nothing_is_left_before_the_first_price(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MarketError, match="no prices up to 2019-06-03"):
        cut_folder(folder, np.datetime64("2019-06-03"), tmp_path / "cut")


SIX_DAYS = ("2010-06-30", "2013-11-15", "2016-02-29", "2017-12-29", "2020-03-23", "2022-08-31")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("embedded") / "sample")


def test_the_sample_as_a_folder_is_the_sample_and_keeps_the_promise(sample: Path) -> None:
    whole = load_folder(sample)
    figures, differences = compared(sample_market(), whole)
    assert figures > 50
    assert list(map(str, differences)) == []
    (rewound,) = rewind(sample, whole, [np.datetime64("2017-12-29")])
    assert list(map(str, rewound.differences)) == []


def test_a_large_folder_is_left_whole_and_the_page_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewinding, "LARGE", 10)
    whole = load_folder(folder)
    record = promise(folder, whole)
    assert record == {"left_whole": whole.close.size + len(whole.facts)}
    assert "was not cut at earlier days" in said_of_rewinding({"rewound": record})


@pytest.mark.slow
@pytest.mark.parametrize("rebased", [False, True])
def test_the_sample_at_six_days(sample: Path, rebased: bool) -> None:
    days = [np.datetime64(day) for day in SIX_DAYS]
    for rewound in rewind(sample, load_folder(sample), days, rebased=rebased):
        assert list(map(str, rewound.differences)) == [], rewound.day


REAL = SHARED / "market"
needs_folder = pytest.mark.skipif(not REAL.is_dir(), reason="no market folder beside the repository")


def differing(day: str) -> Iterator[str]:
    whole = load_folder(REAL)
    for rebased in (False, True):
        for rewound in rewind(REAL, whole, [np.datetime64(day)], rebased=rebased):
            yield from map(str, rewound.differences)


@needs_folder
def test_the_real_folder_at_one_day(tmp_path: Path) -> None:
    cut = load_folder(cut_folder(REAL, np.datetime64("2013-11-15"), tmp_path / "market"))
    figures, differences = compared(open_folder(REAL), cut)
    assert figures > 100
    assert list(map(str, differences)) == []


@needs_folder
@pytest.mark.slow
@pytest.mark.parametrize("day", SIX_DAYS)
def test_the_real_folder_at_six_days(day: str) -> None:
    assert list(differing(day)) == []
