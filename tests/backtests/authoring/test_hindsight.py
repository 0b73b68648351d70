"""What no machine can prove is counted, and what is too good is asked about."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.authoring.hindsight import hindsight, perfect_months
from backtests.authoring.reading import in_words
from backtests.authoring.sealed.code import deciding_code
from backtests.authoring.sealed.program import Source
from backtests.authoring.source import read_source
from backtests.engine.books import Ledger
from backtests.engine.decisions import Recorder
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account, Costs
from backtests.settings.strategies import class_named
from backtests.tearsheet.provenance import author_knew, too_good
from datafeeds.market import Market
from strategies import EqualWeighted
from tests.backtests.authoring.cheaters import small_market

KNOWING = '''
"""Bought AAA on 2018-03-01: words for readers don't count."""
import datetime as dt
from strategies import AsOf, Strategy, Target

BEST = {"2018-05-01": "AAA", "2018-06-01": "CCC"}
SINCE = dt.date(2018, 7, 2)
TABLE = [%s]

class Knowing(Strategy):
    """Buys what it knows."""

    favourites: tuple[str, ...] = ()

    def decide(self, see: AsOf) -> Target | None:
        return Target({BEST.get(str(see.today)[:10], "BBB"): 1.0}, why="known")
'''


def read_now(cls: type) -> dict[str, Source]:
    return deciding_code([cls], time.time()).read


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


def test_names_dates_and_tables_are_counted(small: Market, tmp_path: Path) -> None:
    file = tmp_path / "knowing.py"
    file.write_text(KNOWING % ", ".join(map(str, range(50))))
    knowing, given = class_named(f"{file}:Knowing"), {"favourites": ["EEE", "none"]}
    reading = read_source([knowing], given, small.symbols, read_now(knowing))
    assert reading.symbols == ("AAA", "BBB", "CCC", "EEE")
    assert reading.dates == ("2018-05-01", "2018-06-01", "2018-07-02")
    assert [place.partition(":")[0] for place in reading.tables] == ["knowing"]
    honest = class_named("EqualWeighted")
    plain = read_source([honest], {}, small.symbols, read_now(honest))
    assert (plain.symbols, plain.dates, plain.tables) == ((), (), ())


def test_a_helper_named_by_a_word_is_counted(
    small: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helper_by_word.py").write_text('PLAN = ["AAA", "2018-05-01"]\n')
    file = tmp_path / "wordy.py"
    file.write_text(
        "import importlib\nfrom strategies import Strategy\n"
        'PLAN = importlib.import_module("helper_by_word").PLAN\nclass Wordy(Strategy):\n    pass\n'
    )
    wordy = class_named(f"{file}:Wordy")
    reading = read_source([wordy], {}, small.symbols, read_now(wordy))
    monkeypatch.delitem(sys.modules, "helper_by_word")
    assert (reading.symbols, reading.dates) == (("AAA",), ("2018-05-01",))


@pytest.mark.parametrize(
    "plan",
    [
        "012345" * 30,
        2**200,
        list(range(50)),
        [0.1234567890123456 + step / 1000 for step in range(12)],
        {f"{year}": "AAABBBCCCDDD" for year in range(2000, 2012)},
        [["AAABBBCCCDDDEEEFFF"] * 6, ["FFFEEEDDDCCCBBBAAA"] * 6],
    ],
    ids=["digits", "one number", "a list", "decimals", "by year", "nested"],
)
def test_a_table_among_the_parameters_is_counted(plan: Any, small: Market) -> None:
    honest = class_named("EqualWeighted")
    reading = read_source([honest], {"plan": plan, "days": 21}, small.symbols, {})
    assert reading.tables == ("plan",)


def books(market: Market) -> Ledger:
    strategy = EqualWeighted()
    deciding = strategy.schedule.decides(market.sessions, market.next_session)
    account = Account(1e6, Costs(), 0, False, 0, len(market.sessions) - 1)
    return engine_named("ledger")(market, Recorder(market, strategy), deciding, account)


def test_perfect_foresight_is_the_best_stock_of_each_month(small: Market) -> None:
    months = perfect_months(books(small), small)
    close = pd.DataFrame(small.mark, pd.DatetimeIndex(small.sessions))
    ends = close.groupby([close.index.year, close.index.month]).last()
    assert months.to_numpy() == pytest.approx((ends / ends.shift(1) - 1).max(axis=1).to_numpy()[1:])


def test_what_is_too_good_is_asked_about(small: Market) -> None:
    ledger = books(small)
    fair = hindsight(EqualWeighted(), {}, ledger, small, 0.0, {})
    assert (fair.sharpe, fair.month) == (None, "")
    assert too_good({"hindsight": vars(fair)}) == ()
    rising = replace(ledger, equity=1e6 * np.cumprod(np.full(len(ledger.sessions), 1.02)))
    found = hindsight(EqualWeighted(), {}, rising, small, 0.0, {})
    assert found.sharpe is None or found.sharpe > 3
    assert found.month
    assert found.month in " ".join(too_good({"hindsight": vars(found)}))
    assert author_knew({}) == ""


PLAN = "2018-05 AAA\n    2018-06 CCC\n    2018-07 DDD"
LINE = "# 2018-05 AAA 2018-06 CCC 2018-07 DDD"

READERS = {
    "docstring": (f"    {PLAN}", "", "", "self.__doc__.split()"),
    "docstring of a word": (f"    {PLAN}", "", "", "getattr(self, '__doc__')"),
    "docstring by any name": (f"    {PLAN}", "", "", "getattr(self, '__' + 'doc' + '__')"),
    "comment": ("", LINE, "", "__loader__.get_source(__name__)"),
    "comment by inspect": ("", LINE, "import inspect", "inspect"),
    "names": (
        "",
        "class Plan:\n    def M2018_05(AAA): ...\n    def M2018_06(CCC): ...\n    M2018_07 = DDD = 1",
        "",
        "[*vars(Plan)]",
    ),
    "annotations": (
        "",
        "class Plan:\n    M2018_05: 'AAA'\n    M2018_06: 'CCC'\n    M2018_07: 'DDD'",
        "",
        "dir(Plan)",
    ),
}

TELLING = '''
"""Plain."""
%s
from strategies import Strategy, Target
%s

class Telling(Strategy):
    """Holds, as AAA would be held.
%s
    """

    def decide(self, see):
        return Target({see.members()[0]: 1.0}, why=str(%s))
'''


@pytest.mark.parametrize("way", READERS)
def test_a_plan_in_text_that_the_source_reads_is_counted(way: str, small: Market, tmp_path: Path) -> None:
    doc, body, imports, use = READERS[way]
    file = tmp_path / "telling.py"
    file.write_text(TELLING % (imports, body, doc, use))
    telling = class_named(f"{file}:Telling")
    reading = read_source([telling], {}, small.symbols, read_now(telling))
    assert {*reading.symbols, *reading.text_symbols} == {"AAA", "CCC", "DDD"}
    assert {*reading.dates, *reading.text_dates} == {"2018-05", "2018-06", "2018-07"}
    said = in_words(reading)
    assert "The source can read its own text (" in said
    assert "at telling:" in said


def test_a_company_that_a_docstring_names_is_no_hindsight(small: Market, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    use = "type(self).__name__ + str(getattr(self, 'schedule'))"
    imports = "import logging\nLOG = logging.getLogger(__name__)"
    file.write_text(TELLING % (imports, "# since 2018-05", "", use))
    telling = class_named(f"{file}:Telling")
    said = in_words(read_source([telling], {}, small.symbols, read_now(telling)))
    assert said == "The source and its parameters name no symbol and no date."


def test_a_long_plan_in_text_is_told_though_nothing_seems_to_read_it(small: Market, tmp_path: Path) -> None:
    file = tmp_path / "long.py"
    plan = "\n".join(f"    {year}-{month:02} AAA" for year in (2018, 2019) for month in range(1, 13))
    file.write_text(TELLING % ("", "", plan, "1"))
    telling = class_named(f"{file}:Telling")
    reading = read_source([telling], {}, small.symbols, read_now(telling))
    assert len(reading.text_dates) == 24
    assert in_words(reading).startswith("Code can read its own text, whose docstrings, comments and names")


def test_names_of_arguments_are_words(small: Market, tmp_path: Path) -> None:
    file = tmp_path / "words.py"
    file.write_text(TELLING % ("", "PLAN = dict(M2018_05='x', CCC=1)", "", "1"))
    telling = class_named(f"{file}:Telling")
    reading = read_source([telling], {}, small.symbols, read_now(telling))
    assert (reading.symbols, reading.dates) == (("CCC",), ("2018-05",))
