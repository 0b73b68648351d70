"""Company facts: periods, first filings, fallbacks, and the quirks that real documents have.

The documents are written by hand in the shape that the SEC describes for its company facts; companies in them
are invented unless a comment names a published figure.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datafeeds.market import MarketError
from datafeeds.sources.edgar import filings as first_filed
from datafeeds.sources.edgar.concepts import CONCEPTS
from datafeeds.sources.edgar.document import Company, companies, facts_address, parse_json, tickers_address
from datafeeds.sources.edgar.filings import Figure, Filings

REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"
CASH_FLOW = "NetCashProvidedByUsedInOperatingActivities"
DILUTED = "WeightedAverageNumberOfDilutedSharesOutstanding"
COVER = "dei:EntityCommonStockSharesOutstanding"


class Document:
    """Company facts, filled report by report."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def report(
        self,
        accession: str,
        form: str,
        filed: str,
        fy: int | None,
        fp: str | None,
        *entries: tuple[str, str | None, str, float],
        unit: str | None = None,
    ) -> Document:
        for tag, start, end, value in entries:
            taxonomy, _, local = tag.rpartition(":")
            kind = unit or ("shares" if "Shares" in tag or "SharesOutstanding" in tag else "USD")
            item: dict[str, Any] = {"end": end, "val": value, "accn": accession, "fy": fy, "fp": fp}
            item |= {"form": form, "filed": filed}
            if start is not None:
                item["start"] = start
            section = self.facts.setdefault(taxonomy or "us-gaap", {})
            entry = section.setdefault(local, {"label": local, "description": "", "units": {}})
            entry["units"].setdefault(kind, []).append(item)
        return self

    def read(self, **settings: Any) -> Filings:
        document = {"cik": 1, "entityName": "Example Corp", "facts": self.facts}
        return first_filed.filings("EX", [json.loads(json.dumps(document))], **settings)


def calendar_year(document: Document, year: int, revenue: float = 100.0, tag: str = REVENUE) -> Document:
    """A year of reports on time: quarters of `revenue` each, cash flow year to date at a tenth of it."""
    starts = ("01-01", "04-01", "07-01")
    ends = ("03-31", "06-30", "09-30")
    filed = ("05-01", "08-01", "11-01")
    for place in range(3):
        document.report(
            f"{year}-{place + 1}",
            "10-Q",
            f"{year}-{filed[place]}",
            year,
            f"Q{place + 1}",
            (tag, f"{year}-{starts[place]}", f"{year}-{ends[place]}", revenue),
            (tag, f"{year}-01-01", f"{year}-{ends[place]}", revenue * (place + 1)),
            (CASH_FLOW, f"{year}-01-01", f"{year}-{ends[place]}", revenue * (place + 1) / 10),
        )
    return document.report(
        f"{year}-K",
        "10-K",
        f"{year + 1}-02-20",
        year,
        "FY",
        (tag, f"{year}-01-01", f"{year}-12-31", revenue * 4),
        (CASH_FLOW, f"{year}-01-01", f"{year}-12-31", revenue * 4 / 10),
    )


def figure(filings: Filings, concept: str, year: int, period: str) -> Figure:
    found = [
        each
        for each in filings.figures
        if (each.concept, each.fiscal_year, each.fiscal_period) == (concept, year, period)
    ]
    assert len(found) == 1, f"{len(found)} figures of {concept} {year} {period}: {filings.figures}"
    return found[0]


def values(filings: Filings, concept: str) -> dict[str, float]:
    return {
        f"{each.fiscal_year} {each.fiscal_period}": each.value
        for each in filings.figures
        if each.concept == concept
    }


def checks(filings: Filings) -> list[str]:
    return [finding.check for finding in filings.findings]


def test_a_plain_year() -> None:
    filings = calendar_year(Document(), 2020).read()
    assert filings.name == "Example Corp"
    assert values(filings, "revenue") == {"2020 Q1": 100, "2020 Q2": 100, "2020 Q3": 100, "2020 FY": 400}
    second = figure(filings, "revenue", 2020, "Q2")
    assert second.filed == dt.date(2020, 8, 1)
    assert second.period_end == dt.date(2020, 6, 30)
    assert second.accession == "2020-2"


def test_the_table_has_the_columns_of_a_market_folder() -> None:
    table = calendar_year(Document(), 2020).read().table()
    assert list(table.columns) == [
        "symbol",
        "concept",
        "fiscal_year",
        "fiscal_period",
        "filed",
        "value",
        "period_end",
        "accession",
    ]
    assert table["filed"].is_monotonic_increasing
    assert set(table["symbol"]) == {"EX"}


def test_year_to_date_cash_flow_becomes_quarters_alone() -> None:
    filings = calendar_year(Document(), 2020).read()
    assert values(filings, "operating_cash_flow") == {
        "2020 Q1": 10,
        "2020 Q2": 10,
        "2020 Q3": 10,
        "2020 FY": 40,
    }
    assert figure(filings, "operating_cash_flow", 2020, "Q3").filed == dt.date(2020, 11, 1)


def test_a_difference_counts_from_the_later_of_its_two_filings() -> None:
    document = calendar_year(Document(), 2020)
    # No first quarter in 2021: it becomes known as a comparative, after the second.
    document.report("2021-2", "10-Q", "2021-08-01", 2021, "Q2", (CASH_FLOW, "2021-01-01", "2021-06-30", 30.0))
    document.report(
        "2022-1",
        "10-Q",
        "2022-05-01",
        2022,
        "Q1",
        (CASH_FLOW, "2022-01-01", "2022-03-31", 14.0),
        (CASH_FLOW, "2021-01-01", "2021-03-31", 12.0),
    )
    second = figure(document.read(), "operating_cash_flow", 2021, "Q2")
    assert second.value == 18.0
    assert second.filed == dt.date(2022, 5, 1)
    assert second.accession == "2022-1"
    assert second.period_end == dt.date(2021, 6, 30)


def test_a_difference_uses_the_year_to_date_as_first_filed() -> None:
    document = calendar_year(Document(), 2020)
    document.report(
        "2020-1A", "10-Q/A", "2020-09-15", 2020, "Q1", (CASH_FLOW, "2020-01-01", "2020-03-31", 1.0)
    )
    assert figure(document.read(), "operating_cash_flow", 2020, "Q2").value == 10.0


def test_a_restated_comparative_never_replaces_what_was_filed_first() -> None:
    document = calendar_year(calendar_year(Document(), 2020), 2021, revenue=120)
    document.report("late", "10-K", "2022-02-21", 2021, "FY", (REVENUE, "2020-01-01", "2020-12-31", 333.0))
    document.report("later", "10-Q", "2021-05-02", 2021, "Q1", (REVENUE, "2020-01-01", "2020-03-31", 77.0))
    filings = document.read()
    assert figure(filings, "revenue", 2020, "FY").value == 400
    assert figure(filings, "revenue", 2020, "Q1").value == 100
    assert figure(filings, "revenue", 2020, "FY").accession == "2020-K"


def test_an_amended_annual_report_does_not_replace_the_original() -> None:
    # Apple's fiscal 2009: 36,537 million filed on 2009-10-27, 42,905 million in the amendment of 2010-01-25.
    document = Document()
    document.report(
        "0001193125-09-214859",
        "10-K",
        "2009-10-27",
        2009,
        "FY",
        ("SalesRevenueNet", "2008-09-28", "2009-09-26", 36_537e6),
    )
    document.report(
        "0001193125-10-012091",
        "10-K/A",
        "2010-01-25",
        2009,
        "FY",
        ("SalesRevenueNet", "2008-09-28", "2009-09-26", 42_905e6),
    )
    original = figure(document.read(), "revenue", 2009, "FY")
    assert (original.value, original.filed) == (36_537e6, dt.date(2009, 10, 27))


def test_an_amendment_counts_where_it_is_the_first_with_data() -> None:
    document = Document().report(
        "x", "10-K/A", "2011-04-01", 2010, "FY", (REVENUE, "2010-01-01", "2010-12-31", 5.0)
    )
    assert figure(document.read(), "revenue", 2010, "FY").filed == dt.date(2011, 4, 1)


def test_fy_and_fp_of_a_comparative_are_not_believed() -> None:
    # Every entry of the report for 2021 says fy 2021, also those for 2019 and 2020.
    document = Document().report(
        "K",
        "10-K",
        "2022-02-20",
        2021,
        "FY",
        (REVENUE, "2019-01-01", "2019-12-31", 1.0),
        (REVENUE, "2020-01-01", "2020-12-31", 2.0),
        (REVENUE, "2021-01-01", "2021-12-31", 3.0),
    )
    assert values(document.read(), "revenue") == {"2019 FY": 1, "2020 FY": 2, "2021 FY": 3}


@pytest.mark.parametrize(("own_count", "label"), [(2023, 2023), (2024, 2024)])
def test_a_year_that_ends_in_january_has_the_number_that_the_company_gives_it(
    own_count: int, label: int
) -> None:
    document = Document()
    for back in range(3):
        document.report(
            f"K{back}",
            "10-K",
            f"{2024 - back}-03-01",
            own_count - back,
            "FY",
            (REVENUE, f"{2023 - back}-01-30", f"{2024 - back}-01-28", 10.0 - back),
        )
    assert figure(document.read(), "revenue", label, "FY").value == 10.0


def test_one_wrong_fy_does_not_move_the_years() -> None:
    document = Document()
    for year in range(2015, 2021):
        fy = 2019 if year == 2017 else year
        document.report(
            f"K{year}",
            "10-K",
            f"{year + 1}-02-20",
            fy,
            "FY",
            (REVENUE, f"{year}-01-01", f"{year}-12-31", year),
        )
    assert values(document.read(), "revenue") == {f"{year} FY": year for year in range(2015, 2021)}


def test_years_of_52_and_53_weeks() -> None:
    # Years that end on the Saturday nearest to 31 December, with one of 53 weeks.
    ends = ["2013-12-28", "2015-01-03", "2016-01-02", "2016-12-31", "2017-12-30"]
    document = Document()
    for number, (before, end) in enumerate(pairwise(ends)):
        first = dt.date.fromisoformat(before) + dt.timedelta(1)
        quarter = first + dt.timedelta(90)
        filed = dt.date.fromisoformat(end) + dt.timedelta(50)
        document.report(
            f"Q{number}",
            "10-Q",
            str(quarter + dt.timedelta(30)),
            2014 + number,
            "Q1",
            (REVENUE, str(first), str(quarter), 1.0 + number),
        )
        document.report(
            f"K{number}", "10-K", str(filed), 2014 + number, "FY", (REVENUE, str(first), end, 4.0 + number)
        )
    assert values(document.read(), "revenue") == {
        f"{2014 + number} {period}": base + number
        for number in range(4)
        for period, base in (("Q1", 1.0), ("FY", 4.0))
    }


def test_quarters_of_12_and_16_weeks() -> None:
    # Three quarters of 12 weeks and one of 16 or 17, as at a warehouse retailer.
    start = dt.date(2018, 9, 3)
    document = Document()
    for place in range(1, 4):
        first = start + dt.timedelta(weeks=12 * (place - 1))
        last = start + dt.timedelta(weeks=12 * place) - dt.timedelta(1)
        document.report(
            f"Q{place}",
            "10-Q",
            str(last + dt.timedelta(20)),
            2019,
            f"Q{place}",
            (REVENUE, str(first), str(last), 10.0 * place),
            (CASH_FLOW, str(start), str(last), 5.0 * place),
        )
    document.report(
        "K",
        "10-K",
        "2019-10-10",
        2019,
        "FY",
        (REVENUE, "2018-09-03", "2019-09-01", 110.0),
        (REVENUE, "2019-05-13", "2019-09-01", 50.0),
    )
    filings = document.read()
    assert values(filings, "revenue") == {
        "2019 Q1": 10,
        "2019 Q2": 20,
        "2019 Q3": 30,
        "2019 Q4": 50,
        "2019 FY": 110,
    }
    assert values(filings, "operating_cash_flow") == {"2019 Q1": 5, "2019 Q2": 5, "2019 Q3": 5}


def test_a_first_quarter_of_16_weeks() -> None:
    document = Document()
    start, weeks = dt.date(2019, 2, 3), (16, 28, 40)
    for place, count in enumerate(weeks, 1):
        last = start + dt.timedelta(weeks=count) - dt.timedelta(1)
        document.report(
            f"Q{place}",
            "10-Q",
            str(last + dt.timedelta(30)),
            2019,
            f"Q{place}",
            (CASH_FLOW, str(start), str(last), 7.0 * place),
        )
    assert values(document.read(), "operating_cash_flow") == {"2019 Q1": 7, "2019 Q2": 7, "2019 Q3": 7}


def test_a_year_still_running_is_known_by_its_quarters() -> None:
    document = calendar_year(Document(), 2020)
    document.report(
        "2021-1",
        "10-Q",
        "2021-05-01",
        2021,
        "Q1",
        (REVENUE, "2021-01-01", "2021-03-31", 130.0),
        (REVENUE, "2020-01-01", "2020-03-31", 100.0),
    )
    assert figure(document.read(), "revenue", 2021, "Q1").value == 130.0


def test_a_company_without_any_annual_report_yet() -> None:
    document = Document().report(
        "Q2",
        "10-Q",
        "2021-08-10",
        2021,
        "Q2",
        (REVENUE, "2021-04-01", "2021-06-30", 6.0),
        (REVENUE, "2021-01-01", "2021-06-30", 10.0),
    )
    assert values(document.read(), "revenue") == {"2021 Q2": 6.0}


def test_a_changed_fiscal_year_end_leaves_a_number_out_and_says_so() -> None:
    document = Document()
    for year in (2017, 2018, 2019):
        document.report(
            f"K{year}",
            "10-K",
            f"{year}-08-20",
            year,
            "FY",
            (REVENUE, f"{year - 1}-07-01", f"{year}-06-30", float(year)),
        )
    document.report("KT", "10-KT", "2020-02-20", 2019, "FY", (REVENUE, "2019-07-01", "2019-12-31", 50.0))
    calendar_year(document, 2020)
    document.report("x", "10-K", "2021-02-20", 2020, "FY", (REVENUE, "2019-01-01", "2019-12-31", 99.0))
    filings = document.read()
    annual = {key: value for key, value in values(filings, "revenue").items() if "FY" in key}
    assert annual == {"2016 FY": 2017, "2017 FY": 2018, "2018 FY": 2019, "2020 FY": 400}
    message = next(finding.message for finding in filings.findings if finding.check == "fiscal year")
    assert "2019-06-30" in message
    assert "2020-01-01" in message


def test_fiscal_years_never_overlap_though_a_date_is_mistyped() -> None:
    document = calendar_year(calendar_year(Document(), 2019), 2020)
    document.report(
        "typo", "10-K", "2021-03-01", 2020, "FY", ("GrossProfit", "2020-02-29", "2021-02-28", 1.0)
    )
    years = document.read().years
    assert [(year.number, year.end) for year in years] == [
        (2019, dt.date(2019, 12, 31)),
        (2020, dt.date(2020, 12, 31)),
    ]


# Tags


def one_report(*entries: tuple[str, float]) -> Filings:
    return (
        Document()
        .report(
            "K",
            "10-K",
            "2021-02-20",
            2020,
            "FY",
            *((tag, "2020-01-01", "2020-12-31", value) for tag, value in entries),
        )
        .read()
    )


@pytest.mark.parametrize(
    ("reported", "revenue"),
    [
        ([(REVENUE, 5.0)], 5.0),
        ([("SalesRevenueNet", 5.0)], 5.0),
        ([("Revenues", 5.0)], 5.0),
        # Published: Procter & Gamble fiscal 2014, General Mills fiscal 2024.
        ([("Revenues", 29.4), ("SalesRevenueNet", 83.062)], 83.062),
        ([("Revenues", 2.038), (REVENUE, 19.857)], 19.857),
        # Lending is in the total, not in contracts with customers.
        ([("Revenues", 158.0), (REVENUE, 145.0)], 158.0),
        ([("SalesRevenueGoodsNet", 3.0), ("SalesRevenueServicesNet", 2.0)], 5.0),
        ([("SalesRevenueGoodsNet", 3.0)], 3.0),
        # Banks: net of interest expense, else net interest + noninterest income; fees alone are not revenue.
        ([("RevenuesNetOfInterestExpense", 40.0), ("Revenues", 60.0)], 40.0),
        ([("InterestIncomeExpenseNet", 3.0), ("NoninterestIncome", 1.5), (REVENUE, 0.7)], 4.5),
        ([("InterestIncomeExpenseNet", 3.0), ("Revenues", 4.0)], 4.0),
        ([("ifrs-full:Revenue", 5.0)], 5.0),
    ],
)
def test_revenue_fallbacks(reported: list[tuple[str, float]], revenue: float) -> None:
    assert figure(one_report(*reported), "revenue", 2020, "FY").value == revenue


def test_a_change_of_tag_does_not_restate_the_past() -> None:
    document = calendar_year(Document(), 2017, tag="SalesRevenueNet")
    calendar_year(document, 2018, revenue=110)
    document.report("2018-K", "10-K", "2019-02-20", 2018, "FY", (REVENUE, "2017-01-01", "2017-12-31", 390.0))
    assert figure(document.read(), "revenue", 2017, "FY").value == 400


def test_gross_profit_from_revenue_and_cost_of_the_same_report() -> None:
    assert (
        figure(one_report((REVENUE, 10.0), ("CostOfRevenue", 6.0)), "gross_profit", 2020, "FY").value == 4.0
    )
    reported = one_report((REVENUE, 10.0), ("CostOfRevenue", 6.0), ("GrossProfit", 3.9))
    assert figure(reported, "gross_profit", 2020, "FY").value == 3.9


@pytest.mark.parametrize(
    ("tag", "concept"),
    [
        ("PaymentsToAcquireProductiveAssets", "capital_expenditure"),
        ("PaymentsOfDividends", "dividends_paid"),
        ("PaymentsForRepurchaseOfCommonStock", "share_repurchases"),
        ("ProfitLoss", "net_income"),
    ],
)
def test_other_fallbacks(tag: str, concept: str) -> None:
    assert figure(one_report((tag, 2.0)), concept, 2020, "FY").value == 2.0


# Shares


def test_cover_counts_go_under_the_period_of_their_report() -> None:
    document = calendar_year(Document(), 2020)
    document.report("2020-2", "10-Q", "2020-08-01", 2020, "Q2", (COVER, None, "2020-07-24", 1e9))
    document.report("2020-K", "10-K", "2021-02-20", 2020, "FY", (COVER, None, "2021-02-12", 1.1e9))
    filings = document.read()
    assert values(filings, "shares_outstanding") == {"2020 Q2": 1e9, "2020 FY": 1.1e9}
    assert figure(filings, "shares_outstanding", 2020, "Q2").period_end == dt.date(2020, 7, 24)


def test_an_impossible_share_count_is_kept_as_filed() -> None:
    # Seen in a real filing: millions taken for units, among counts of about 707 million.
    document = calendar_year(Document(), 2020)
    document.report(
        "2020-2", "10-Q", "2020-08-01", 2020, "Q2", (COVER, None, "2020-07-24", 707_555_106_000_000)
    )
    document.report("2020-3", "10-Q", "2020-11-01", 2020, "Q3", (COVER, None, "2020-10-24", 707_600_000))
    assert values(document.read(), "shares_outstanding") == {
        "2020 Q2": 707_555_106_000_000.0,
        "2020 Q3": 707.6e6,
    }


def test_the_balance_sheet_count_stands_in_for_the_cover() -> None:
    document = calendar_year(Document(), 2020)
    tag = "CommonStockSharesOutstanding"
    document.report(
        "2020-K",
        "10-K",
        "2021-02-20",
        2020,
        "FY",
        (tag, None, "2020-12-31", 900.0),
        (tag, None, "2019-12-31", 800.0),
    )
    assert values(document.read(), "shares_outstanding") == {"2020 FY": 900.0}


def test_a_cover_in_an_amendment_does_not_pass_for_the_next_quarter() -> None:
    document = calendar_year(Document(), 2020)
    document.report("2020-KA", "10-K/A", "2021-04-20", 2020, "FY", (COVER, None, "2021-03-31", 5.0))
    document.report(
        "2021-1",
        "10-Q",
        "2021-05-01",
        2021,
        "Q1",
        (REVENUE, "2021-01-01", "2021-03-31", 100.0),
        (COVER, None, "2021-04-20", 6.0),
    )
    assert values(document.read(), "shares_outstanding") == {"2021 Q1": 6.0}


def test_several_share_classes_leave_no_cover_count_and_it_is_said() -> None:
    document = calendar_year(Document(), 2020)
    document.report("2020-1", "10-Q", "2020-05-01", 2020, "Q1", (DILUTED, "2020-01-01", "2020-03-31", 700.0))
    filings = document.read()
    assert values(filings, "diluted_shares") == {"2020 Q1": 700.0}
    assert "no cover count" in checks(filings)


def test_average_shares_are_not_differenced() -> None:
    document = calendar_year(Document(), 2020)
    for place, end in ((1, "2020-03-31"), (2, "2020-06-30")):
        document.report(
            f"2020-{place}",
            "10-Q",
            f"2020-0{3 * place + 2}-01",
            2020,
            f"Q{place}",
            (DILUTED, "2020-01-01", end, 70.0),
        )
    assert values(document.read(), "diluted_shares") == {"2020 Q1": 70.0}


def test_receipts_divide_share_counts_only() -> None:
    document = calendar_year(Document(), 2020)
    document.report("2020-K", "10-K", "2021-02-20", 2020, "FY", (COVER, None, "2021-02-12", 25e9))
    filings = document.read(shares_per_receipt=5)
    assert values(filings, "shares_outstanding") == {"2020 FY": 5e9}
    assert figure(filings, "revenue", 2020, "FY").value == 400
    assert "depositary receipt" in checks(filings)


def test_balance_sheet_levels() -> None:
    document = calendar_year(Document(), 2020)
    document.report(
        "2020-K",
        "10-K",
        "2021-02-20",
        2020,
        "FY",
        ("Assets", None, "2020-12-31", 9.0),
        ("Assets", None, "2019-12-31", 8.0),
    )
    assert values(document.read(), "total_assets") == {"2020 FY": 9.0}


# Quirks


def test_duplicates_within_a_filing() -> None:
    document = calendar_year(Document(), 2020)
    for value in (1_234_000_000.0, 1_234_432_100.0, 1_234_432_100.0):
        document.report(
            "2020-K", "10-K", "2021-02-20", 2020, "FY", ("GrossProfit", "2020-01-01", "2020-12-31", value)
        )
    assert figure(document.read(), "gross_profit", 2020, "FY").value == 1_234_432_100.0


def test_other_currencies_and_units_are_left_out_and_reported() -> None:
    document = Document()
    document.report(
        "20F",
        "20-F",
        "2021-04-15",
        2020,
        "FY",
        ("ifrs-full:Revenue", "2020-01-01", "2020-12-31", 1e12),
        unit="TWD",
    )
    filings = document.read()
    assert filings.figures == ()
    assert any("TWD" in finding.message for finding in filings.findings)
    assert "no figures" in checks(filings)


def test_other_forms_are_not_taken() -> None:
    document = calendar_year(Document(), 2020)
    document.report("s1", "S-1", "2020-01-15", 2019, "FY", (REVENUE, "2020-01-01", "2020-03-31", 1.0))
    document.report("8k", "8-K", "2020-04-15", 2020, "Q1", (REVENUE, "2020-01-01", "2020-03-31", 2.0))
    assert figure(document.read(), "revenue", 2020, "Q1").value == 100


@pytest.mark.parametrize(
    "item",
    [
        {},
        None,
        "text",
        {
            "start": "2020-01-01",
            "end": "2020-12-31",
            "val": "12",
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-01-01",
            "end": "2020-12-31",
            "val": True,
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-01-01",
            "end": "2020-12-31",
            "val": 1,
            "accn": None,
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {"start": "2020-01-01", "end": "2020-12-31", "val": 1, "accn": "a", "form": "10-K"},
        {
            "start": "2020-01-01",
            "end": "0001-01-01",
            "val": 1,
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-13-01",
            "end": "2020-12-31",
            "val": 1,
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-12-31",
            "end": "2020-01-01",
            "val": 1,
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-01-01",
            "end": "2020-12-31",
            "val": 10**400,
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
        {
            "start": "2020-01-01",
            "end": "2020-12-31",
            "val": float("nan"),
            "accn": "a",
            "form": "10-K",
            "filed": "2021-02-20",
        },
    ],
)
def test_an_entry_that_cannot_be_read_is_counted_and_the_rest_stays(item: object) -> None:
    document = calendar_year(Document(), 2020)
    document.facts["us-gaap"][REVENUE]["units"]["USD"].insert(0, item)
    filings = first_filed.filings("EX", [{"facts": document.facts}])
    assert figure(filings, "revenue", 2020, "FY").value == 400
    assert any(finding.check == "unreadable" and REVENUE in finding.message for finding in filings.findings)


def test_frame_fy_and_fp_may_be_missing() -> None:
    document = calendar_year(Document(), 2020)
    for entry in document.facts["us-gaap"].values():
        for item in entry["units"]["USD"]:
            item["fy"] = item["fp"] = None
    assert set(values(document.read(), "revenue")) == {"2020 Q1", "2020 Q2", "2020 Q3", "2020 FY"}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"facts": {}},
        {"facts": {"us-gaap": None}},
        {"facts": {"us-gaap": {REVENUE: {}}}},
        {"facts": {"us-gaap": {REVENUE: {"units": {}}}}},
        {"facts": {"us-gaap": {REVENUE: {"units": {"USD": None}}}}},
    ],
)
def test_empty_facts_give_no_figures_and_say_so(document: dict[str, Any]) -> None:
    filings = first_filed.filings("EX", [document])
    assert filings.figures == ()
    assert checks(filings) == ["no figures"]
    assert filings.table().empty


@pytest.mark.parametrize("document", [None, [], 3, "facts", {"facts": []}, {"facts": "none"}])
def test_what_is_not_company_facts_is_refused(document: object) -> None:
    with pytest.raises(MarketError, match="EX: not company facts"):
        first_filed.filings("EX", [document])


def test_a_predecessor_adds_its_years() -> None:
    old, new = calendar_year(Document(), 2014), calendar_year(Document(), 2015, revenue=110)
    filings = first_filed.filings(
        "EX", [{"entityName": "New", "facts": new.facts}, {"entityName": "Old", "facts": old.facts}]
    )
    assert filings.name == "New"
    assert values(filings, "revenue")["2014 FY"] == 400
    assert values(filings, "revenue")["2015 FY"] == 440


# Reading


def test_gzipped_json_is_read() -> None:
    assert parse_json(gzip.compress(b'{"facts": {}}'), "x") == {"facts": {}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"<!DOCTYPE html><html><title>SEC.gov | Request Rate\n Threshold</title></html>",
            "SEC.gov . Request Rate Thr",
        ),
        (b'{"facts": {"us-ga', "not JSON, or cut short"),
        (b"", "not JSON, or cut short"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (gzip.compress(b'{"facts": {}}', mtime=0)[:-9], "cut short"),
        (b"[" * 200_000, "nested too deeply|not JSON"),
        (b"1" * 6000, "not JSON"),
    ],
    ids=["page", "cut short", "empty", "bytes", "cut archive", "deep", "long number"],
)
def test_a_body_that_is_not_json(body: bytes, message: str) -> None:
    with pytest.raises(MarketError, match=message) as caught:
        parse_json(body, "CIK1.json")
    assert str(caught.value).startswith("CIK1.json: ")


def test_the_list_of_companies() -> None:
    document = {
        "0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."},
        "1": {"cik_str": "1067983", "ticker": "BRK-B", "title": "BERKSHIRE HATHAWAY INC"},
        "2": {"cik_str": None, "ticker": "NONE"},
    }
    known = companies(document)
    assert known["AAPL"] == Company(320193, "Apple Inc.")
    assert known["BRK-B"].cik == 1067983
    assert set(known) == {"AAPL", "BRK-B"}


@pytest.mark.parametrize("document", [None, {}, [], {"0": {}}, "text"])
def test_a_list_without_companies_is_refused(document: object) -> None:
    with pytest.raises(MarketError, match="no tickers"):
        companies(document)


def test_addresses() -> None:
    assert facts_address(320193) == "https://data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json"
    assert tickers_address("http://x") == "http://x/files/company_tickers.json"


# Fuzzing

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
dates = st.dates(dt.date(1995, 1, 1), dt.date(2030, 1, 1)).map(str) | st.sampled_from(
    ["2020-01-01", "2020-03-31", "2020-06-30", "2020-12-31", "2021-12-31", "", "2020-02-30", "20200101"]
)
items = st.fixed_dictionaries(
    {
        "end": dates,
        "val": st.integers() | st.floats() | st.none(),
        "accn": st.sampled_from(["a", "b", "c"]),
        "fy": st.integers(-5, 3000) | st.none(),
        "fp": st.sampled_from(["Q1", "Q2", "Q3", "FY", None, ""]),
        "form": st.sampled_from(["10-K", "10-Q", "10-K/A", "10-KT", "20-F", "8-K", ""]),
        "filed": dates,
    },
    optional={"start": dates, "frame": st.text(max_size=4)},
)
tags = st.sampled_from(
    sorted({tag for concept in CONCEPTS.values() for tag in concept.tags if ":" not in tag})
)


@settings(deadline=None)
@given(json_values)
def test_any_json_gives_figures_or_a_market_error(document: Any) -> None:
    for place in (
        document,
        {"facts": document},
        {"facts": {"us-gaap": {REVENUE: {"units": {"USD": document}}}}},
    ):
        try:
            filings = first_filed.filings("EX", [place])
        except MarketError:
            continue
        assert isinstance(filings, Filings)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(
    st.dictionaries(tags, st.lists(items | json_values, max_size=12), max_size=4),
    st.sampled_from(["USD", "shares"]),
)
def test_any_entries_give_sound_figures(entries: dict[str, list[Any]], unit: str) -> None:
    facts = {"us-gaap": {tag: {"units": {unit: listed}} for tag, listed in entries.items()}}
    filings = first_filed.filings("EX", [{"facts": facts}])
    keys = [(each.concept, each.fiscal_year, each.fiscal_period) for each in filings.figures]
    assert len(keys) == len(set(keys))
    assert {each.fiscal_period for each in filings.figures} <= {"Q1", "Q2", "Q3", "Q4", "FY"}
    assert all(each.value == each.value for each in filings.figures)
    ends = [year.end for year in filings.years]
    assert ends == sorted(ends)
    numbers = [year.number for year in filings.years]
    assert numbers == sorted(set(numbers))
    filings.table()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_json_or_a_market_error(body: bytes) -> None:
    with contextlib.suppress(MarketError):
        parse_json(body, "x")


# Against a truth that is known


def month_end(year: int, month: int) -> dt.date:
    later = year * 12 + month
    return dt.date(later // 12, later % 12 + 1, 1) - dt.timedelta(1)


def saturday_near(year: int, month: int) -> dt.date:
    """The Saturday nearest to the 28th: years of 52 and 53 weeks."""
    middle = dt.date(year, month, 28)
    return middle + dt.timedelta((5 - middle.weekday() + 3) % 7 - 3)


def quarter_ends(year: int, month: int, weekly: bool) -> tuple[dt.date, list[dt.date]]:
    """First day of the fiscal year that ends in `month` of `year`, and the last days of its quarters."""
    if weekly:
        start = saturday_near(year - 1, month) + dt.timedelta(1)
        ends = [start + dt.timedelta(weeks=13 * place) - dt.timedelta(1) for place in (1, 2, 3)]
        return start, [*ends, saturday_near(year, month)]
    start = month_end(year - 1, month) + dt.timedelta(1)
    months = [(year - 1) * 12 + month - 1 + 3 * place for place in (1, 2, 3, 4)]
    return start, [month_end(each // 12, each % 12 + 1) for each in months]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.booleans(), st.sampled_from([0, -1]), st.randoms(use_true_random=False))
def test_what_was_filed_first_comes_back(month: int, weekly: bool, offset: int, chance: Any) -> None:
    """Any fiscal calendar, entries in any order, every comparative restated."""
    entries: dict[str, list[dict[str, Any]]] = {REVENUE: [], CASH_FLOW: []}
    truth: dict[tuple[str, int, str], tuple[float, str]] = {}

    def enter(
        tag: str, start: dt.date, end: dt.date, value: float, report: tuple[str, str, str, int, str]
    ) -> None:
        accession, form, filed, fy, fp = report
        entries[tag].append(
            {"start": str(start), "end": str(end), "val": value, "accn": accession, "form": form}
            | {"filed": filed, "fy": fy, "fp": fp}
        )

    before: tuple[list[dt.date], list[dt.date]] | None = None
    for year in range(2012, 2017):
        first, ends = quarter_ends(year, month, weekly)
        starts = [first, *(end + dt.timedelta(1) for end in ends[:3])]
        sales = [float(chance.randint(50, 150)) for _ in range(4)]
        number = year + offset
        for place in range(4):
            annual = place == 3
            period = "FY" if annual else f"Q{place + 1}"
            filed = str(ends[place] + dt.timedelta(chance.randint(25, 60)))
            report = (f"{year}-{place}", "10-K" if annual else "10-Q", filed, number, period)
            own = starts[0] if annual else starts[place]
            enter(REVENUE, own, ends[place], sum(sales) if annual else sales[place], report)
            enter(CASH_FLOW, first, ends[place], 2 * sum(sales[: place + 1]), report)
            truth["revenue", number, period] = (sum(sales) if annual else sales[place], filed)
            truth["operating_cash_flow", number, period] = (
                2 * (sum(sales) if annual else sales[place]),
                filed,
            )
            if before is not None:
                enter(REVENUE, before[0][0 if annual else place], before[1][place], 7.0, report)
                enter(CASH_FLOW, before[0][0], before[1][place], 9.0, report)
        before = (starts, ends)
    for listed in entries.values():
        chance.shuffle(listed)
    facts = {"us-gaap": {tag: {"units": {"USD": listed}} for tag, listed in entries.items()}}
    found = {
        (each.concept, each.fiscal_year, each.fiscal_period): (each.value, str(each.filed))
        for each in first_filed.filings("EX", [{"facts": facts}]).figures
    }
    assert found == truth


def test_a_filer_in_another_currency_keeps_its_share_count() -> None:
    document = Document()
    for year in (2021, 2022):
        revenue = ("ifrs-full:Revenue", f"{year}-01-01", f"{year}-12-31", 1.5e12)
        report = (f"{year}-F", "20-F", f"{year + 1}-04-15", year, "FY")
        document.report(*report, revenue, unit="TWD").report(*report, (COVER, None, f"{year}-12-31", 25e9))
    filings = document.read(shares_per_receipt=5)
    assert values(filings, "shares_outstanding") == {"2021 FY": 5e9, "2022 FY": 5e9}
    assert values(filings, "revenue") == {}
    said = [finding for finding in filings.findings if finding.check == "no dollars"]
    assert [(finding.severity, finding.symbol) for finding in said] == [("suspicion", "EX")]
    assert any("2 values in TWD" in finding.message for finding in filings.findings)


def test_amounts_in_another_currency_beside_dollars_change_nothing() -> None:
    plain = calendar_year(Document(), 2020).read()
    both = calendar_year(Document(), 2020)
    both.report(
        "2020-K", "10-K", "2021-02-20", 2020, "FY", (REVENUE, "2020-01-01", "2020-12-31", 3e3), unit="EUR"
    )
    assert both.read().figures == plain.figures
