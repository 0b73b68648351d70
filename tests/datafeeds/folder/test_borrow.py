"""The table of stock loans: what is read, refused, cut and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backtests.engine import rules
from backtests.engine.terms import Account, Costs
from datafeeds.folder.cache import open_folder
from datafeeds.folder.layout import check_folder, load_folder
from datafeeds.folder.rewind import cut_folder

DAYS = ("2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09", "2020-01-10")
SAID = "symbol,date,rate,available\nAAA,2020-01-08,0.36,1\nAAA,2020-01-10,,0\n"


def folder(place: Path, said: str = SAID) -> Path:
    made = place / "lent"
    made.mkdir()
    rows = "".join(f"{symbol},{day},10\n" for symbol in ("AAA", "BBB") for day in DAYS)
    (made / "prices.csv").write_text("symbol,date,close\n" + rows, encoding="utf-8")
    (made / "borrow.csv").write_text(said, encoding="utf-8")
    return made


def test_a_row_holds_from_its_date_on_and_a_blank_says_nothing_new(tmp_path: Path) -> None:
    market = load_folder(folder(tmp_path))
    assert rules.borrowable(market)[:, 0].tolist() == [True, True, True, True, False]
    assert rules.borrowable(market)[:, 1].all()
    account = Account(1.0, Costs(borrow_rate=0.036), 0, False, 0, 4, long_only=False)
    factors = rules.borrow_factors(market, account)
    # Charged at the rate of the close before: 3.6% a year until Wednesday, 36% from then on.
    assert factors[:, 0] == pytest.approx([0.0, 1e-4, 1e-4, 1e-3, 1e-3])
    assert factors[:, 1] == pytest.approx([0.0, 1e-4, 1e-4, 1e-4, 1e-4])


def test_a_market_with_loans_is_another_market_and_the_cache_keeps_them(tmp_path: Path) -> None:
    made = folder(tmp_path)
    market, kept = load_folder(made), open_folder(made)
    assert kept.hash == market.hash == open_folder(made).hash
    assert np.array_equal(rules.borrowable(open_folder(made)), rules.borrowable(market))
    (made / "borrow.csv").unlink()
    assert load_folder(made).hash != market.hash


def test_a_folder_cut_earlier_does_not_know_of_later_loans(tmp_path: Path) -> None:
    made = folder(tmp_path)
    cut = load_folder(cut_folder(made, np.datetime64("2020-01-09"), tmp_path / "cut"))
    assert rules.borrowable(cut).all()
    assert cut.borrow["rate"].tolist() == [0.36]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("AAA,2020-01-08,36,1", ("rate 36", "3% is 0.03")),
        ("AAA,2020-01-08,-0.1,1", ("rate -0.1",)),
        ("AAA,2020-01-08,0.1,2", ("available 2", "neither 1")),
        ("AAA,2020-01-08,0.1,1\nAAA,2020-01-08,0.2,1", ("comes twice",)),
    ],
)
def test_what_can_not_be_is_an_error_that_names_symbol_and_date(
    tmp_path: Path, row: str, words: tuple[str, ...]
) -> None:
    checked = check_folder(folder(tmp_path, f"symbol,date,rate,available\n{row}\n"))
    (error,) = (finding for finding in checked.errors if finding.check == "borrow")
    assert str(error).startswith("error: borrow: AAA 2020-01-08: ")
    assert all(word in error.message for word in words)
