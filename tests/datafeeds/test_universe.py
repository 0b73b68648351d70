"""Universe files: what is accepted, and what a person is told about the rest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from datafeeds import universe
from datafeeds.market import INSTRUMENT_COLUMNS, MarketError
from datafeeds.universe import Member

SMALL = """
name = "mine"
sleeves = ["banks"]
ungrouped = ["AMZN"]

[groups.chips]
members = ["NVDA", { symbol = "ARM", from = 2023-09-14, name = "Arm" }]

[groups.banks]
sector = "Financials"
members = ["JPM"]

[benchmarks]
cap_weighted = "SPY"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_small_universe(tmp_path: Path) -> None:
    mine = universe.load(write(tmp_path, SMALL))
    assert mine.groups == ("chips", "banks", "cap_weighted")
    assert mine.symbols == ("NVDA", "ARM", "JPM", "AMZN", "SPY")
    assert mine.sleeves == ("banks",)
    assert mine.benchmarks == (("cap_weighted", "SPY"),)
    assert mine.member("ARM") == Member("ARM", "chips", name="Arm", start=dt.date(2023, 9, 14))
    assert mine.member("SPY").kind == "etf"
    assert mine.member("JPM").sector == "Financials"
    assert mine.group("chips") == ("NVDA", "ARM")


def test_instruments(tmp_path: Path) -> None:
    mine = universe.load(write(tmp_path, SMALL))
    table = mine.instruments(["ARM", "NVDA", "SPY"], {"NVDA": "NVIDIA CORP", "ARM": "not used"})
    assert list(table.columns) == list(INSTRUMENT_COLUMNS)
    assert table["symbol"].tolist() == ["NVDA", "ARM", "SPY"]
    assert table["name"].tolist() == ["NVIDIA CORP", "Arm", ""]
    assert table["from"].tolist() == ["", "2023-09-14", ""]


def test_symbols_of_one_company_say_so(tmp_path: Path) -> None:
    text = SMALL.replace('"NVDA",', '"NVDA", "GOOG", "GOOGL", { symbol = "BRK-B", company = "Berkshire" },')
    mine = universe.load(write(tmp_path, text))
    table = mine.instruments(numbers={"GOOG": 1652044, "GOOGL": 1652044, "BRK-B": 1067983})
    company = dict(zip(table["symbol"], table["company"], strict=True))
    assert company["GOOG"] == company["GOOGL"] == "CIK0001652044"
    assert company["BRK-B"] == "Berkshire"
    assert company["JPM"] == ""


def test_the_shipped_universe() -> None:
    era = universe.load("ai_era")
    assert era.groups == (
        "ai_hardware",
        "software",
        "financials",
        "healthcare",
        "small_cap",
        "cap_weighted",
        "dow",
        "nasdaq",
    )
    assert [len(era.group(name)) for name in ("software", "financials", "healthcare")] == [19, 25, 24]
    assert {"NVDA", "AVGO", "TSM", "SNDK"} <= set(era.group("ai_hardware"))
    assert dict(era.benchmarks) == {"cap_weighted": "SPY", "dow": "DIA", "nasdaq": "QQQ"}
    assert era.group("small_cap") == ("IWM",)
    assert set(era.sleeves) <= set(era.groups)
    assert era.member("TSM").shares_per_receipt == 5
    assert universe.names() == ("ai_era",)


def test_a_symbol_may_leave_and_come_back(tmp_path: Path) -> None:
    text = """
name = "mine"
[groups.chips]
members = [{ symbol = "X", to = 2010-01-01 }, { symbol = "X", from = 2012-01-01 }]
"""
    assert len(universe.load(write(tmp_path, text)).members) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a TOML file"),
        ("", "name is missing; groups is missing"),
        ('name = "x"\n[groups]\n', "groups"),
        ('name = "x"\n[group.chips]\nmembers = ["A"]\n', "did you mean 'groups'"),
        ('name = "x"\n[groups.chips]\nmember = ["A"]\n', r"\[groups.chips\]; did you mean 'members'"),
        (
            'name = "x"\n[groups.chips]\nmembers = [{ symbol = "A", form = 2020-01-01 }]\n',
            "did you mean 'from'",
        ),
        ('name = "x"\n[groups.chips]\nmembers = []\n', r"groups.chips.members = \[\]"),
        (
            'name = "x"\n[groups.chips]\nmembers = ["nvda"]\n',
            r"members\[0\].symbol = 'nvda': a symbol is capital letters",
        ),
        ('name = "x"\n[groups.chips]\nmembers = ["../x"]\n', "'../x': a symbol is capital"),
        ('name = "x"\n[groups.chips]\nmembers = [3]\n', r"members\[0\]"),
        (
            'name = "x"\n[groups.chips]\nmembers = ["CON"]\n',
            "groups.chips: CON can't be the name of a price file",
        ),
        ('name = "x"\n[groups.chips]\nkind = "stonk"\nmembers = ["A"]\n', "groups.chips.kind = 'stonk'"),
        ('name = "x"\n[groups.Chips]\nmembers = ["A"]\n', "names are lower-case"),
        (
            'name = "x"\n[groups.chips]\nmembers = [{ symbol = "A", from = 2021-01-01, to = 2020-01-01 }]\n',
            "A: from 2021-01-01 is after to 2020-01-01",
        ),
        ('name = "x"\n[groups.chips]\nmembers = ["A", "A"]\n', "A stands twice at the same time"),
        (
            'name = "x"\n[groups.a]\nmembers = ["A"]\n[groups.b]\nkind = "etf"\nmembers = ["A"]\n',
            "A is etf here and stock elsewhere",
        ),
        (
            'name = "x"\nsleeves = ["chip"]\n[groups.chips]\nmembers = ["A"]\n',
            "sleeves: no group 'chip'; did you mean",
        ),
        (
            'name = "x"\n[groups.chips]\nmembers = ["NVDA"]\n[benchmarks]\nchips = "NVDAA"\n',
            "benchmarks.chips: no symbol 'NVDAA' in the groups; did you mean 'NVDA'",
        ),
        (
            'name = "x"\n[groups.chips]\nmembers = ["A"]\n[benchmarks]\nidx = "spy"\n',
            "benchmarks.idx = 'spy'",
        ),
    ],
)
def test_what_a_person_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(MarketError, match=message) as caught:
        universe.load(path)
    assert str(caught.value).startswith(str(path))


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match="no universe 'ai_ear'; did you mean 'ai_era'"):
        universe.load("ai_ear")
    with pytest.raises(MarketError, match="no such file"):
        universe.load(tmp_path / "none.toml")
    mine = universe.load(write(tmp_path, SMALL))
    with pytest.raises(MarketError, match="no symbol 'NVDIA' in universe 'mine'; did you mean 'NVDA'"):
        mine.member("NVDIA")
    with pytest.raises(MarketError, match="no group 'bank' in universe 'mine'; did you mean 'banks'"):
        mine.group("bank")


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert universe.load(path).name == "mine"


def test_latin_letters_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'name = "caf\xe9"\n')
    with pytest.raises(MarketError, match="not a TOML file"):
        universe.load(path)
