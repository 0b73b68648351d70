"""A real market folder with the errors that real filings have; skipped where it is not at hand."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from datafeeds import facts as fundamentals
from datafeeds.checks import Trading, judged_facts
from datafeeds.folder.cache import open_folder
from datafeeds.market import Finding, Market, standard_tables
from tests.places import SHARED

FOLDER = SHARED / "market"
FIGURES = SHARED / "reference" / "sec_figures.csv"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no market folder beside the repository")

MILLION = 1e6

HAND_CHECKED = [
    # symbol, concept, fiscal year, period, value as it stands, what it is and what would be right
    ("AXP", "diluted_shares", 2019, "Q1", 843, "in millions: 843 million"),
    ("KO", "diluted_shares", 2018, "Q1", 4_306, "in millions: 4,306 million"),
    ("MRK", "diluted_shares", 2012, "FY", 3_076, "in millions: 3,076 million"),
    ("TXN", "diluted_shares", 2011, "Q1", 1_194, "in millions: 1,194 million"),
    ("GLW", "diluted_shares", 2012, "Q2", 1_518, "in millions: 1,518 million"),
    ("MDT", "diluted_shares", 2011, "Q3", 1_078, "in millions: 1,078 million"),
    ("NVDA", "diluted_shares", 2011, "FY", 588_684, "in thousands: 588.684 million"),
    ("CCL", "diluted_shares", 2022, "Q3", 1_185_000, "in thousands: 1,185 million"),
    ("COP", "diluted_shares", 2013, "FY", 1_239_803, "in thousands: 1,239.803 million"),
    ("TER", "diluted_shares", 2023, "Q3", 164_050, "in thousands: 164.05 million"),
    ("EOG", "diluted_shares", 2011, "Q3", 269_292, "in thousands: 269.292 million"),
    ("MRK", "diluted_shares", 2010, "Q1", 6_900_000, "the effect of dilution alone: some 3,130 million"),
    ("APP", "diluted_shares", 2013, "Q3", -56_191_000, "negative, and of another company"),
    ("GOOGL", "diluted_shares", 2022, "FY", 256_144 * MILLION, "stockholders' equity: 13,159 million"),
    ("GOOGL", "diluted_shares", 2018, "FY", 177_628 * MILLION, "stockholders' equity: 703 million"),
    ("V", "diluted_shares", 2022, "FY", 35_581 * MILLION, "equity: 2,136 million"),
    ("MO", "diluted_shares", 2016, "FY", 12_773 * MILLION, "stockholders' equity: 1,952 million"),
    ("PANW", "diluted_shares", 2019, "FY", 1_586.3 * MILLION, "stockholders' equity: 94.5 million"),
    ("AMAT", "revenue", 2014, "Q4", 2_190 * MILLION, "filed in February 2014: the first quarter"),
    ("BK", "revenue", 2020, "Q1", 1_570 * MILLION, "another line: 4,108 million"),
    ("HL", "revenue", 2011, "Q2", 49_000, "another line: 118 million"),
]
"""Figures whose error is plain from the company's reports, or from neighbours a thousand times as large."""

SHOWN_LATER = [
    # symbol, day and wrong count that is still believed then, day and right count that is taken then
    ("CRWD", "2021-03-19", 871.874 * MILLION, "2021-12-03", 228.293 * MILLION),
    ("PINS", "2021-02-08", 2_242.371 * MILLION, "2021-11-05", 691.853 * MILLION),
    ("OKTA", "2021-03-05", 694.043 * MILLION, "2022-06-06", 155.875 * MILLION),
]
"""Stockholders' equity in the place of every count that these companies had filed: nothing speaks against it
until two or three counts of another size have come."""

RIGHT = [
    ("NVDA", "diluted_shares", 2023, "Q3", 2_499 * MILLION),
    ("AAPL", "revenue", 2022, "FY", 394_328 * MILLION),
    ("AAPL", "diluted_shares", 2022, "FY", 16_325.819 * MILLION),
    ("MSFT", "revenue", 2022, "FY", 198_270 * MILLION),
    ("MSFT", "diluted_shares", 2022, "FY", 7_540 * MILLION),
    ("JPM", "diluted_shares", 2015, "FY", 3_732.8 * MILLION),
]
"""Figures of the same reports that must stay."""

MEDIANS = {
    "2015-12-31": (3.1, 6.0),
    "2018-12-31": (3.0, 8.5),
    "2020-12-31": (6.8, 16.4),
    "2021-12-31": (6.5, 19.3),
    "2022-12-30": (3.3, 9.0),
    "2023-12-29": (5.5, 13.3),
}
"""Median price-to-sales of hardware and of software as published with the folder."""


@pytest.fixture(scope="module")
def market() -> Market:
    return open_folder(FOLDER)


@pytest.fixture(scope="module")
def filed() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "facts.csv", parse_dates=["filed"])


def rows(table: pd.DataFrame, symbol: str, concept: str, year: int, period: str) -> pd.DataFrame:
    return table[
        (table["symbol"] == symbol)
        & (table["concept"] == concept)
        & (table["fiscal_year"] == year)
        & (table["fiscal_period"] == period)
    ]


@pytest.mark.parametrize(
    ("symbol", "concept", "year", "period", "value", "what"),
    HAND_CHECKED,
    ids=[f"{case[0]} {case[1]} {case[2]} {case[3]}" for case in HAND_CHECKED],
)
def test_wrong_figures_are_left_out(
    symbol: str,
    concept: str,
    year: int,
    period: str,
    value: float,
    what: str,
    market: Market,
    filed: pd.DataFrame,
) -> None:
    there = rows(filed, symbol, concept, year, period)
    assert np.isclose(there["value"], value, rtol=1e-4).any(), f"{there['value'].tolist()}: {what}"
    kept = rows(market.facts[market.facts["withdrawn"].isna()], symbol, concept, year, period)
    assert not np.isclose(kept["value"], value, rtol=1e-4).any(), what
    told = [
        finding
        for finding in market.findings
        if finding.symbol == symbol and finding.message.startswith(f"{concept} of fiscal {year} {period}")
    ]
    assert told


@pytest.mark.parametrize(("symbol", "before", "wrong", "after", "right"), SHOWN_LATER)
def test_a_wrong_line_is_believed_until_it_is_shown_wrong(
    symbol: str, before: str, wrong: float, after: str, right: float, market: Market
) -> None:
    shares = fundamentals.fact(market, "shares")[:, market.column[symbol]]
    assert shares[market.index_of(before)] == pytest.approx(wrong)
    assert shares[market.index_of(after)] == pytest.approx(right)


@pytest.mark.parametrize(("symbol", "concept", "year", "period", "value"), RIGHT)
def test_right_figures_stay(
    symbol: str, concept: str, year: int, period: str, value: float, market: Market
) -> None:
    assert np.isclose(rows(market.facts, symbol, concept, year, period)["value"], value, rtol=1e-3).any()


def test_every_figure_that_is_not_simply_used_has_its_line(market: Market, filed: pd.DataFrame) -> None:
    told = Counter(
        (finding.symbol, finding.date, finding.message.split(" is ")[0])
        for finding in market.findings
        if " of fiscal " in finding.message
    )
    assert set(told.values()) == {1}
    left_out = {"left out" in f.message for f in market.findings if f.severity == "quarantined"}
    assert left_out == {True, False}
    key = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed"]
    used = market.facts[key].drop_duplicates()
    figures = [finding.message for finding in market.findings if " of fiscal " in finding.message]
    never = sum(message.endswith("left out") for message in figures)
    assert len(filed) - len(used) == never
    assert 300 < never < 900


@pytest.mark.skipif(not FIGURES.is_file(), reason="no reference figures beside the repository")
def test_good_figures_of_twenty_companies_stay(market: Market, filed: pd.DataFrame) -> None:
    """Good is what another collection of the same filings says too: the same revenue, a count within 8%."""
    other = pd.read_csv(FIGURES).drop_duplicates(["symbol", "concept", "fiscal_year", "fiscal_period"])
    other["concept"] = other["concept"].replace("shares_outstanding", "diluted_shares")
    key = ["symbol", "concept", "fiscal_year", "fiscal_period"]
    both = filed.merge(other[[*key, "value"]], on=key, suffixes=("", "_other"))
    near = np.where(both["concept"] == "revenue", 5e-4, 0.08)
    good = both[
        both["concept"].isin(["revenue", "diluted_shares"])
        & (np.abs(both["value"] / both["value_other"] - 1) < near)
    ]
    assert len(good) > 1_700
    kept = market.facts[market.facts["withdrawn"].isna()][[*key, "filed", "value", "known"]]
    found = good.merge(kept, on=[*key, "filed", "value"], how="left")
    assert found["known"].isna().mean() < 0.005  # lost
    assert (found["known"] > found["filed"]).mean() < 0.005  # withheld for a while


def test_no_market_value_is_absurd(market: Market) -> None:
    """By the end of 2023 nobody was worth more than Apple, nor sold at 100 times a billion of sales."""
    value = fundamentals.fact(market, "market_cap")
    assert np.nanmax(value) < 3.2e12
    multiple = np.nan_to_num(fundamentals.fact(market, "price_to_sales"))
    large = np.nan_to_num(fundamentals.fact(market, "revenue_ttm")) > 1e9
    absurd = (large & (multiple > 100)).sum(axis=0)
    # Four companies filed equity as their count for quarters on end, and nothing showed it then.
    assert {market.symbols[column] for column in np.flatnonzero(absurd)} == {"NOW", "PANW", "PINS", "TSLA"}
    assert absurd.sum() < 0.002 * large.sum()


def medians(market: Market, day: str) -> tuple[float, float]:
    row = market.index_of(day)
    return tuple(  # type: ignore[return-value]
        float(fundamentals.group_median(market, "price_to_sales", group)[row])
        for group in ("ai_hardware", "software")
    )


@pytest.fixture(scope="module")
def as_published(market: Market, filed: pd.DataFrame) -> Market:
    """The market as the published medians see it: without volume, and figures living for fifteen months."""
    nothing = np.full(market.close.shape, np.nan)
    trading = Trading(market.sessions, market.symbols, market.traded, nothing, market.splits, market.basis)
    facts, _ = judged_facts(filed[filed["symbol"].isin(market.symbols)], trading)
    tables = standard_tables(market.symbols, facts=facts)
    return replace(market, facts=tables["facts"], stale_after=500, derived={}, hash="as published")


@pytest.mark.parametrize("day", MEDIANS)
def test_published_medians(day: str, as_published: Market) -> None:
    assert medians(as_published, day) == pytest.approx(MEDIANS[day], rel=0.06)


def test_published_multiples_of_nvidia(market: Market) -> None:
    multiple = fundamentals.fact(market, "price_to_sales")[:, market.column["NVDA"]]
    found = [multiple[market.index_of(day)] for day in ("2021-12-31", "2022-12-30", "2023-12-29")]
    assert found == pytest.approx([31, 13, 27], rel=0.03)


def test_medians_after_all_checks(market: Market) -> None:
    """Hardware's agree. Software's of 2018 to 2021 are lower: the published ones, 16.4 at the end of 2020,
    count Okta at 225 times sales and Palo Alto Networks at 74, whose equity was read as a share count."""
    found = {day: medians(market, day) for day in MEDIANS}
    for day, (hardware, _) in MEDIANS.items():
        assert found[day][0] == pytest.approx(hardware, rel=0.06)
    assert [found[day][1] for day in MEDIANS] == pytest.approx([6.0, 7.9, 12.2, 18.1, 9.2, 13.7], rel=0.02)


def test_spin_offs_are_not_counted_twice(market: Market) -> None:
    """Danaher's Fortive, July 2016: prices are adjusted for it, and the table has its value as a dividend."""
    row, column = market.index_of("2016-07-05"), market.column["DHR"]
    assert market.dividend[row, column] == 0.0
    assert market.dividend[market.index_of("2016-06-22") :, column].max() < 1.0
    told = [finding for finding in market.findings if finding.check == "dividend not in prices"]
    assert ("DHR", "2016-07-05") in {(finding.symbol, finding.date) for finding in told}
    # Altria's Philip Morris, March 2008, is in the price and stays.
    assert market.dividend[market.index_of("2008-03-31"), market.column["MO"]] > 50


def test_unlisted_splits_are_read_from_prices(market: Market) -> None:
    last = market.basis.drop_duplicates("symbol", keep="last").set_index("symbol")["ratio"]
    for symbol, ratio in {"NVDA": 10, "AVGO": 10, "SMCI": 10, "LRCX": 10, "WMT": 3, "MA": 1}.items():
        assert last[symbol] == ratio, symbol
    # Mastercard's ten for one of 2014-01-22 is not in the table: found, dated and known within months.
    split = market.basis[market.basis["symbol"] == "MA"].iloc[-1]
    assert split["since"] == pd.Timestamp("2014-01-22")
    assert split["since"] < split["known"] < pd.Timestamp("2014-08-01")
    price = market.close * market.traded_factor
    assert price[market.index_of("2013-12-31"), market.column["MA"]] == pytest.approx(835.46, abs=0.01)
    assert price[market.index_of("2023-12-29"), market.column["NVDA"]] == pytest.approx(495.22, abs=0.01)


def test_limits_are_stated(market: Market) -> None:
    said = " ".join(market.limits)
    for limit in (
        "survivorship",
        "not dated",
        "does not say where",
        "nothing is known of valuations before",
        "No share count of",
    ):
        assert limit in said


def test_what_was_found(market: Market) -> None:
    counts = Counter(finding.severity for finding in market.findings)
    assert counts["error"] == 0
    assert counts["suspicion"] < 250
    assert len(market.symbols) == 343
    assert all(isinstance(finding, Finding) for finding in market.findings)


def test_opening_again_takes_milliseconds(market: Market) -> None:
    best = min(_seconds() for _ in range(5))
    assert best < 0.25  # some 15 ms on an idle machine


def _seconds() -> float:
    began = time.perf_counter()
    open_folder(FOLDER)
    return time.perf_counter() - began
