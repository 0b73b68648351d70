"""Figures that companies filed with the SEC, from its company facts, each as first filed.

The SEC serves everything a company tagged in its reports as one JSON document
(``/api/xbrl/companyfacts/CIK##########.json``)::

    {"cik": 320193, "entityName": "Apple Inc.", "facts": {"us-gaap": {"Revenues": {"units": {"USD": [
        {"start": "2017-10-01", "end": "2018-09-29", "val": 265595000000, "accn": "0000320193-18-000145",
         "fy": 2018, "fp": "FY", "form": "10-K", "filed": "2018-11-05", "frame": "CY2018"}, ...]}}}}}

Every value of a report stands there, comparatives for earlier periods included, and `fy` and `fp` are those
of the *report*, not of the value; `frame` is often missing. So periods are derived here from `start` and
`end`.

First filed
-----------
Reports are taken in order of filing. For each concept and period the first report
that has it decides, under whatever tag; a comparative or an amendment (10-K/A, 10-Q/A) filed later never
replaces it. Within a report the rules of `CONCEPTS` choose among tags.

Fiscal years
------------
A fiscal year is an annual period (345 to 380 days, so 52 and 53 weeks) that a
yearly report ends with. Comparatives fill in years without a report of their own, and a year still running
begins where the year-to-date figures of its quarterly reports begin. Years never overlap; the better
attested stands. What fits no year (the months between an old and a new fiscal year end) is left out and
reported.

A year's number is the one the company uses in most of its reports (`fy`, taken for the period that the
report is about), counted without gaps through years that follow one another. Across a change of fiscal year
end one number at least is skipped, by moving the years before the change down if needed, so that adjacent
numbers always mean adjacent years and nothing that adds up four quarters can mix two calendars.

Quarters
--------
A period that begins with the year and one about a quarter long are told apart by length
and place in the year (quarters of 12 and 16 weeks included). A quarter of which only the year to date was
filed, as in cash flow statements, is the difference between that and the year to date one quarter earlier,
as both were first filed; it counts from the later of the two filings and carries its accession number.
Fourth quarters are not derived here.

What is not there
-----------------
Values by class of shares are not in company facts, so companies that
put several share classes on the cover have no cover count; diluted average shares stand in. Nothing before
2009 was tagged. Amounts in other currencies than US dollars are left out and reported.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import pandas as pd

from datafeeds.market import FACT_COLUMNS, Finding, MarketError

DATA_SITE = "https://data.sec.gov"
FILES_SITE = "https://www.sec.gov"

Kind = Literal["flow", "average", "level", "cover"]
Reported = Mapping[str, float]
"""Tag to value, of one report and one period."""
Rule = Callable[[Reported], float | None]

YEARLY_FORMS = frozenset({"10-K", "10-K405", "10-KSB", "20-F", "40-F"})
QUARTERLY_FORMS = frozenset({"10-Q", "10-QSB"})
TRANSITION_FORMS = frozenset({"10-KT", "10-QT"})
FORMS = YEARLY_FORMS | QUARTERLY_FORMS | TRANSITION_FORMS
"""Periodic reports, without the ``/A`` of amendments. Figures in registration statements, proxies and
recast 8-Ks are not taken: they are partial, or restated."""

YEAR_DAYS = (345, 380)
QUARTER_DAYS = (75, 130)
SLACK = dt.timedelta(days=15)
"""How far the dates of a period may lie from those of its fiscal year."""

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Concept:
    """What a concept of `facts.csv` is made of.

    Attributes
    ----------
    kind : {"flow", "average", "level", "cover"}
        ``flow`` adds up over time, ``average`` describes a period without adding up, ``level`` holds at a
        date, ``cover`` is counted for the cover page, days or weeks after the period's end.
    unit : str
        Unit in company facts: ``"USD"`` or ``"shares"``.
    tags : tuple of str
        Every tag that the rule looks at.
    rule : callable
        From the tags of one report and period to the value, None if it can't be had.
    """

    kind: Kind
    unit: str
    tags: tuple[str, ...]
    rule: Rule


def first_of(*tags: str) -> Rule:
    """Rule: the first of `tags` that was reported."""
    return lambda reported: next((reported[tag] for tag in tags if tag in reported), None)


def total_of(*tags: str) -> Rule:
    """Rule: the sum of `tags` if all were reported."""
    return lambda reported: (
        sum(reported[tag] for tag in tags) if all(tag in reported for tag in tags) else None
    )


REVENUE_TAGS = ("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax", "SalesRevenueNet")
GOODS_AND_SERVICES = ("SalesRevenueGoodsNet", "SalesRevenueServicesNet")
BANK_REVENUE = ("InterestIncomeExpenseNet", "NoninterestIncome")
OTHER_REVENUE_TAGS = (
    "RevenueFromContractWithCustomerIncludingAssessedTax",
    "SalesRevenueGoodsNet",
    "SalesRevenueServicesNet",
    "RegulatedAndUnregulatedOperatingRevenue",
    "ifrs-full:Revenue",
)
COST_TAGS = (
    "CostOfRevenue",
    "CostOfGoodsAndServicesSold",
    "CostOfGoodsSold",
    "CostOfServices",
    "ifrs-full:CostOfSales",
)


def revenue(reported: Reported) -> float | None:
    """Revenue of one report and period.

    In this order: revenue net of interest expense (banks and brokers); net interest income + noninterest
    income where both are reported (other banks, whose contract revenue is only their fees); the *largest*
    of total revenues, revenue from contracts and net sales; goods + services; other tags.

    The largest, because each of the three is at times also used for a part of the business: Procter &
    Gamble reports 29.4 billion as total revenues and 83.1 billion as net sales in one filing, General Mills
    2.0 billion and 19.9 billion from contracts, while Ford's revenue from contracts lacks its lending.
    """
    if "RevenuesNetOfInterestExpense" in reported:
        return reported["RevenuesNetOfInterestExpense"]
    bank = total_of(*BANK_REVENUE)(reported)
    if bank is not None:
        return bank
    totals = [reported[tag] for tag in REVENUE_TAGS if tag in reported]
    if totals:
        return max(totals)
    both = total_of(*GOODS_AND_SERVICES)(reported)
    return both if both is not None else first_of(*OTHER_REVENUE_TAGS)(reported)


def gross_profit(reported: Reported) -> float | None:
    """Gross profit as reported, else revenue - cost of revenue from the same report."""
    if "GrossProfit" in reported:
        return reported["GrossProfit"]
    if "ifrs-full:GrossProfit" in reported:
        return reported["ifrs-full:GrossProfit"]
    sales, cost = revenue(reported), first_of(*COST_TAGS)(reported)
    return sales - cost if sales is not None and cost is not None else None


_ALL_REVENUE_TAGS = tuple(
    dict.fromkeys(
        (
            "RevenuesNetOfInterestExpense",
            *BANK_REVENUE,
            *REVENUE_TAGS,
            *GOODS_AND_SERVICES,
            *OTHER_REVENUE_TAGS,
        )
    )
)


def _dollars(kind: Kind, *tags: str) -> Concept:
    return Concept(kind, "USD", tags, first_of(*tags))


CONCEPTS: Mapping[str, Concept] = {
    "revenue": Concept("flow", "USD", _ALL_REVENUE_TAGS, revenue),
    "cost_of_revenue": _dollars("flow", *COST_TAGS),
    "gross_profit": Concept(
        "flow", "USD", ("GrossProfit", "ifrs-full:GrossProfit", *COST_TAGS, *_ALL_REVENUE_TAGS), gross_profit
    ),
    "operating_income": _dollars("flow", "OperatingIncomeLoss"),
    "net_income": _dollars(
        "flow",
        "NetIncomeLoss",
        "NetIncomeLossAvailableToCommonStockholdersBasic",
        "ProfitLoss",
        "ifrs-full:ProfitLossAttributableToOwnersOfParent",
        "ifrs-full:ProfitLoss",
    ),
    "operating_cash_flow": _dollars(
        "flow",
        "NetCashProvidedByUsedInOperatingActivities",
        "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
        "ifrs-full:CashFlowsFromUsedInOperatingActivities",
    ),
    "capital_expenditure": _dollars(
        "flow",
        "PaymentsToAcquirePropertyPlantAndEquipment",
        "PaymentsToAcquireProductiveAssets",
        "PaymentsToAcquireOtherPropertyPlantAndEquipment",
        "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities",
    ),
    "dividends_paid": _dollars(
        "flow", "PaymentsOfDividendsCommonStock", "PaymentsOfDividends", "PaymentsOfOrdinaryDividends"
    ),
    "share_repurchases": _dollars(
        "flow", "PaymentsForRepurchaseOfCommonStock", "PaymentsForRepurchaseOfEquity"
    ),
    "share_issuance": _dollars(
        "flow",
        "ProceedsFromIssuanceOfCommonStock",
        "ProceedsFromIssuanceOfSharesUnderIncentiveAndShareBasedCompensationPlansIncludingStockOptions",
        "ProceedsFromStockOptionsExercised",
    ),
    "research_and_development": _dollars(
        "flow",
        "ResearchAndDevelopmentExpense",
        "ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost",
    ),
    "interest_income": _dollars(
        "flow", "InterestAndDividendIncomeOperating", "InterestAndFeeIncomeLoansAndLeases"
    ),
    "interest_expense": _dollars(
        "flow", "InterestExpense", "InterestExpenseOperating", "InterestExpenseNonoperating"
    ),
    "diluted_shares": Concept(
        "average",
        "shares",
        (
            "WeightedAverageNumberOfDilutedSharesOutstanding",
            "WeightedAverageNumberOfShareOutstandingBasicAndDiluted",
            "WeightedAverageNumberOfSharesOutstandingBasic",
        ),
        first_of(
            "WeightedAverageNumberOfDilutedSharesOutstanding",
            "WeightedAverageNumberOfShareOutstandingBasicAndDiluted",
            "WeightedAverageNumberOfSharesOutstandingBasic",
        ),
    ),
    "shares_outstanding": Concept(
        "cover",
        "shares",
        ("dei:EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding"),
        first_of("dei:EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding"),
    ),
    "total_assets": _dollars("level", "Assets", "ifrs-full:Assets"),
    "stockholders_equity": _dollars(
        "level",
        "StockholdersEquity",
        "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest",
        "ifrs-full:EquityAttributableToOwnersOfParent",
    ),
    "long_term_debt": _dollars("level", "LongTermDebt", "LongTermDebtNoncurrent"),
    "goodwill": _dollars("level", "Goodwill"),
}
"""Concept of `facts.csv` to the tags it is made of (``us-gaap`` unless a taxonomy is given). Cash that
leaves the company (capital expenditure, dividends, repurchases) is positive, as tagged."""


@dataclass(frozen=True)
class Value:
    """One entry of company facts. `start` is None for a value at a date."""

    tag: str
    start: dt.date | None
    end: dt.date
    value: float
    accession: str
    form: str
    filed: dt.date
    fy: int | None
    fp: str


@dataclass(frozen=True)
class FiscalYear:
    """A fiscal year of one company.

    Attributes
    ----------
    number : int
        As the company counts.
    start, end : date
        First and last day; `end` is only expected where no yearly report has come yet.
    """

    number: int
    start: dt.date
    end: dt.date


@dataclass(frozen=True)
class Figure:
    """One row of `facts.csv`; see `market.FACT_COLUMNS`."""

    symbol: str
    concept: str
    fiscal_year: int
    fiscal_period: str
    filed: dt.date
    value: float
    period_end: dt.date
    accession: str


@dataclass(frozen=True)
class Filings:
    """What one company has filed.

    Attributes
    ----------
    name : str
        The company's name at the SEC.
    figures : tuple of Figure
        By filing date, concept and period.
    years : tuple of FiscalYear
        In order.
    findings : tuple of Finding
        What was left out, and what a reader should know.
    """

    name: str
    figures: tuple[Figure, ...]
    years: tuple[FiscalYear, ...]
    findings: tuple[Finding, ...]

    def table(self) -> pd.DataFrame:
        """The figures as a frame with columns `market.FACT_COLUMNS`; dates as ISO text."""
        rows = [
            (
                figure.symbol,
                figure.concept,
                figure.fiscal_year,
                figure.fiscal_period,
                figure.filed.isoformat(),
                figure.value,
                figure.period_end.isoformat(),
                figure.accession,
            )
            for figure in self.figures
        ]
        return pd.DataFrame(rows, columns=list(FACT_COLUMNS))


def facts_address(cik: int, site: str = DATA_SITE) -> str:
    """Where the company facts of the company with number `cik` are."""
    return f"{site}/api/xbrl/companyfacts/CIK{cik:010d}.json"


def tickers_address(site: str = FILES_SITE) -> str:
    """Where the list of tickers is."""
    return f"{site}/files/company_tickers.json"


def parse_json(body: bytes, place: str) -> Any:
    """A JSON document, gzipped or not.

    Parameters
    ----------
    body : bytes
    place : str
        File or address, for messages.

    Raises
    ------
    MarketError
        If it is a web page, cut short, or not JSON at all.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise MarketError(f"{place}: the compressed data are cut short or damaged: {error}") from None
    try:
        text = body.decode("utf-8-sig")
        if text.lstrip()[:1] == "<":
            raise MarketError(f"{place}: a web page instead of JSON: {page_summary(text)!r}")
        return json.loads(text)
    except UnicodeDecodeError:
        raise MarketError(f"{place}: not UTF-8 text") from None
    except RecursionError:
        raise MarketError(f"{place}: nested too deeply to be company facts") from None
    except ValueError as error:
        raise MarketError(f"{place}: not JSON, or cut short: {error}") from None


def page_summary(text: str) -> str:
    """Title, or first words, of a web page."""
    title = re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL)
    words = title.group(1) if title else re.sub(r"<[^>]*>", " ", text[:2_000])
    return " ".join(words.split())[:120]


@dataclass(frozen=True)
class Company:
    """A company in the SEC's list of tickers."""

    cik: int
    name: str


def companies(document: Any, place: str = "company_tickers.json") -> dict[str, Company]:
    """Ticker to company, from the SEC's ``company_tickers.json``.

    Parameters
    ----------
    document : object
        ``{"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}, ...}``.
    place : str
        File or address, for messages.

    Raises
    ------
    MarketError
        If it is something else.
    """
    entries = list(document.values()) if isinstance(document, dict) else document
    known: dict[str, Company] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            cik, ticker = entry.get("cik_str"), entry.get("ticker")
            if isinstance(cik, str) and re.fullmatch(r"[0-9]{1,10}", cik):
                cik = int(cik)
            if isinstance(ticker, str) and ticker and isinstance(cik, int) and not isinstance(cik, bool):
                known.setdefault(ticker.upper(), Company(cik, str(entry.get("title") or "")))
    if not known:
        raise MarketError(f"{place}: no tickers in it; the SEC has changed the file, or this is another one")
    return known


def filings(symbol: str, documents: Iterable[Any], shares_per_receipt: float = 1.0) -> Filings:
    """Figures of one company as first filed.

    Parameters
    ----------
    symbol : str
        The symbol that the figures go under.
    documents : iterable of object
        Company facts as parsed from JSON: the company's own first, then those of its predecessors.
    shares_per_receipt : float
        Filed share counts are divided by it; see `universe.Member`.

    Returns
    -------
    Filings
        Without figures if there are none that can be used.

    Raises
    ------
    MarketError
        If a document is not company facts.
    """
    name = ""
    values: list[Value] = []
    findings: list[Finding] = []
    for document in documents:
        title, found, notes = _entries(document, symbol)
        name = name or title
        values.extend(found)
        findings.extend(notes)
    reports = _reports(values)
    years = fiscal_years(values)
    figures: dict[tuple[str, int, str], Figure] = {}
    missed: Counter[str] = Counter()
    for concept, definition in CONCEPTS.items():
        for figure in _first_filed(symbol, concept, definition, reports, years, missed):
            figures.setdefault((concept, figure.fiscal_year, figure.fiscal_period), figure)
    if shares_per_receipt != 1.0:
        figures = {key: _per_receipt(figure, shares_per_receipt) for key, figure in figures.items()}
        findings.append(
            _finding(
                symbol, "depositary receipt", f"filed share counts are divided by {shares_per_receipt:g}"
            )
        )
    findings.extend(_remarks(symbol, figures.values(), years, missed))
    ordered = sorted(
        figures.values(), key=lambda each: (each.filed, each.concept, each.fiscal_year, each.fiscal_period)
    )
    return Filings(name, tuple(ordered), years, tuple(findings))


def _finding(symbol: str, check: str, message: str) -> Finding:
    return Finding("note", check, message, symbol=symbol)


def _remarks(
    symbol: str, figures: Iterable[Figure], years: Sequence[FiscalYear], missed: Mapping[str, int]
) -> Iterator[Finding]:
    concepts = {figure.concept for figure in figures}
    if not concepts:
        yield Finding("suspicion", "no figures", "no figure in US dollars could be used", symbol=symbol)
    elif "shares_outstanding" not in concepts:
        yield _finding(
            symbol,
            "no cover count",
            "the cover page's share count is not in company facts (several classes of shares?); "
            "diluted average shares stand in"
            + ("" if "diluted_shares" in concepts else ", but there are none either"),
        )
    for before, after in pairwise(years):
        if after.start - before.end > SLACK:
            yield _finding(
                symbol,
                "fiscal year",
                f"fiscal {before.number} ends {before.end} and fiscal {after.number} begins {after.start}: "
                "figures of the time between are left out",
            )
    if missed:
        parts = ", ".join(f"{count} of {concept}" for concept, count in sorted(missed.items()))
        yield _finding(symbol, "period", f"values whose period fits no quarter or year are left out: {parts}")


def _per_receipt(figure: Figure, ratio: float) -> Figure:
    if CONCEPTS[figure.concept].unit != "shares":
        return figure
    return replace(figure, value=figure.value / ratio)


# Reading the document


def _entries(document: Any, symbol: str) -> tuple[str, list[Value], list[Finding]]:
    if not isinstance(document, dict) or not isinstance(document.get("facts", {}), dict):
        found = (
            ", ".join(map(repr, list(document)[:5]))
            if isinstance(document, dict)
            else type(document).__name__
        )
        raise MarketError(
            f"{symbol}: not company facts: expected an object with 'facts' by taxonomy, "
            f"found {found or 'nothing'}"
        )
    facts: dict[str, Any] = document.get("facts", {})
    units = {tag: concept.unit for concept in CONCEPTS.values() for tag in concept.tags}
    values: list[Value] = []
    unreadable: Counter[str] = Counter()
    currencies: Counter[str] = Counter()
    for tag, unit in units.items():
        taxonomy, _, local = tag.rpartition(":")
        section = facts.get(taxonomy or "us-gaap")
        entry = section.get(local) if isinstance(section, dict) else None
        by_unit = entry.get("units") if isinstance(entry, dict) else None
        if not isinstance(by_unit, dict):
            continue
        for label, listed in by_unit.items():
            if label != unit:
                currencies[f"{label}"] += len(listed) if isinstance(listed, list) else 0
                continue
            for item in listed if isinstance(listed, list) else []:
                value = _value(tag, item)
                if value is None:
                    unreadable[local] += 1
                elif value.form.removesuffix("/A") in FORMS:
                    values.append(value)
    findings = [
        _finding(
            symbol, "unit", f"{count} values in {label} are left out; only US dollars and shares are used"
        )
        for label, count in sorted(currencies.items())
        if count
    ]
    if unreadable:
        listed_tags = ", ".join(f"{tag} ({count})" for tag, count in sorted(unreadable.items()))
        findings.append(
            _finding(symbol, "unreadable", f"entries without usable date, value or form: {listed_tags}")
        )
    title = document.get("entityName")
    return (title if isinstance(title, str) else ""), values, findings


def _value(tag: str, item: Any) -> Value | None:
    if not isinstance(item, dict):
        return None
    end, filed = _date(item.get("end")), _date(item.get("filed"))
    start = _date(item.get("start"))
    number, accession, form = item.get("val"), item.get("accn"), item.get("form")
    if (
        end is None
        or filed is None
        or (start is None and item.get("start") is not None)
        or (start is not None and start > end)
        or not isinstance(accession, str)
        or not isinstance(form, str)
        or isinstance(number, bool)
        or not isinstance(number, (int, float))
    ):
        return None
    try:
        value = float(number)
    except OverflowError:
        return None
    if not math.isfinite(value):
        return None
    fy, fp = item.get("fy"), item.get("fp")
    return Value(
        tag=tag,
        start=start,
        end=end,
        value=value,
        accession=accession,
        form=form,
        filed=filed,
        fy=fy if isinstance(fy, int) and not isinstance(fy, bool) else None,
        fp=fp if isinstance(fp, str) else "",
    )


def _date(text: Any) -> dt.date | None:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        return None
    # Outside these years there were no such filings, and sums of dates could overflow.
    return date if 1980 <= date.year <= 2200 else None


# Reports and fiscal years


@dataclass(frozen=True)
class _Report:
    """One filing: its values by period, and the last day of the period it is about."""

    accession: str
    filed: dt.date
    form: str
    end: dt.date | None
    by_period: Mapping[tuple[dt.date | None, dt.date], Reported]


def _reports(values: Iterable[Value]) -> list[_Report]:
    """Reports in order of filing, originals before amendments of the same day."""
    grouped: dict[str, list[Value]] = defaultdict(list)
    for value in values:
        grouped[value.accession].append(value)
    reports = []
    for accession, group in grouped.items():
        filed = min(value.filed for value in group)
        periods: dict[tuple[dt.date | None, dt.date], dict[str, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for value in group:
            periods[value.start, value.end][value.tag].append(value.value)
        reports.append(
            _Report(
                accession,
                filed,
                group[0].form,
                _own_end(group),
                {
                    period: {tag: _most_exact(several) for tag, several in tags.items()}
                    for period, tags in periods.items()
                },
            )
        )
    return sorted(reports, key=lambda report: (report.filed, report.form.endswith("/A"), report.accession))


def _own_end(group: Sequence[Value]) -> dt.date | None:
    """Last day of the period that a report is about: the latest one of a flow or average.

    None where there is no such value, as in an amendment that only repeats the cover page.
    """
    return max(
        (value.end for value in group if value.start is not None and value.end <= value.filed), default=None
    )


def _most_exact(values: Sequence[float]) -> float:
    """Of one value given several times in a report, the least rounded; where they disagree, the first."""
    first = values[0]
    same = [value for value in values if math.isclose(value, first, rel_tol=0.005)]
    return min(same, key=_trailing_zeros)


def _trailing_zeros(value: float) -> int:
    digits = f"{value:.0f}"
    return len(digits) - len(digits.rstrip("0"))


@dataclass(frozen=True)
class _Candidate:
    rank: int
    support: int
    start: dt.date
    end: dt.date


def fiscal_years(values: Iterable[Value]) -> tuple[FiscalYear, ...]:
    """Fiscal years of a company, in order.

    Parameters
    ----------
    values : iterable of Value
        Everything it filed.

    Returns
    -------
    tuple of FiscalYear
        Without overlap; see the module's description of how they are found and numbered.
    """
    flow_tags = {tag for concept in CONCEPTS.values() if concept.kind == "flow" for tag in concept.tags}
    reports: dict[str, list[Value]] = defaultdict(list)
    for value in values:
        if value.start is not None and value.end <= value.filed and value.tag in flow_tags:
            reports[value.accession].append(value)
    own: Counter[tuple[dt.date, dt.date]] = Counter()
    compared: Counter[tuple[dt.date, dt.date]] = Counter()
    running: Counter[tuple[dt.date, dt.date]] = Counter()
    votes: list[tuple[dt.date, int]] = []
    for group in reports.values():
        form = group[0].form.removesuffix("/A")
        last = max(value.end for value in group)
        if group[0].fy is not None and form not in TRANSITION_FORMS:
            votes.append((last, group[0].fy))
        if form in YEARLY_FORMS:
            annual = [value for value in group if YEAR_DAYS[0] <= _days(value) <= YEAR_DAYS[1]]
            for value in annual:
                assert value.start is not None
                counter = (
                    own if value.end == last and value.filed - value.end <= dt.timedelta(400) else compared
                )
                counter[value.start, value.end] += 1
        elif form in QUARTERLY_FORMS:
            begin = _running_start(group)
            if begin is not None:
                running[begin, begin + dt.timedelta(364)] += 1
    candidates = [
        _Candidate(rank, support, start, end)
        for rank, counter in enumerate((own, compared, running))
        for (start, end), support in counter.items()
    ]
    accepted: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda each: (each.rank, -each.support, each.end, each.start)):
        if all(
            min(candidate.end, other.end) - max(candidate.start, other.start) + DAY <= SLACK
            for other in accepted
        ):
            accepted.append(candidate)
    return _numbered(sorted(accepted, key=lambda each: each.start), votes)


def _days(value: Value) -> int:
    assert value.start is not None
    return (value.end - value.start).days + 1


def _running_start(group: Sequence[Value]) -> dt.date | None:
    """First day of the fiscal year that a quarterly report is about: where its year-to-date figures begin."""
    last = max(value.end for value in group)
    longest = max((value for value in group if value.end == last), key=_days)
    quarters = {"Q1": 1, "Q2": 2, "Q3": 3}.get(longest.fp)
    span = _days(longest)
    if quarters is None:
        # Half a year or three quarters are to date by their length; a single quarter could be any.
        quarters = next((count for count in (2, 3) if abs(span - 91 * count) <= 15), None)
    if quarters is None or abs(span - 91 * quarters) > 7 * quarters + 14:
        return None
    return longest.start


def _numbered(periods: Sequence[_Candidate], votes: Iterable[tuple[dt.date, int]]) -> tuple[FiscalYear, ...]:
    runs: list[list[_Candidate]] = []
    for period in periods:
        if runs and period.start - runs[-1][-1].end <= SLACK:
            runs[-1].append(period)
        else:
            runs.append([period])
    years: list[FiscalYear] = []
    following: tuple[int, dt.date] | None = None
    for run in reversed(runs):
        counted = Counter(
            number - place
            for end, number in votes
            for place, period in enumerate(run)
            if period.start < end <= period.end + SLACK and abs(number - _natural(period.end)) <= 1
        )
        first = counted.most_common(1)[0][0] if counted else _natural(run[-1].end) - len(run) + 1
        if following is not None:
            first = min(first, following[0] - 1 - len(run))
        years = [
            FiscalYear(first + place, period.start, period.end) for place, period in enumerate(run)
        ] + years
        following = (first, run[0].start)
    return tuple(years)


def _natural(end: dt.date) -> int:
    """Calendar year of a fiscal year's end; one that ends in the first days of January counts as December."""
    return (end - dt.timedelta(days=7)).year


# From reports to figures


@dataclass(frozen=True)
class _Period:
    """Where a period lies: quarters of its fiscal year that it begins after and ends with, 0 to 4."""

    year: FiscalYear
    begin: int
    end: int


def _placed(start: dt.date, end: dt.date, years: Sequence[FiscalYear]) -> _Period | None:
    """The quarter, year to date or year that a period is, None if it is none of them."""
    for year in years:
        if start < year.start - SLACK or end > year.end + SLACK:
            continue
        length = (year.end - year.start).days + 1
        begin = _quarter_mark((start - year.start).days / length)
        finish = _quarter_mark(((end - year.start).days + 1) / length)
        days = (end - start).days + 1
        if begin is None or finish is None or finish <= begin:
            continue
        if finish - begin == 1 and not QUARTER_DAYS[0] <= days <= QUARTER_DAYS[1]:
            continue
        if finish - begin == 4 and abs(days - length) > 10:
            continue
        return _Period(year, begin, finish)
    return None


def _quarter_mark(fraction: float) -> int | None:
    """Quarters at a point of the year; those of 12 and 16 weeks end up to 0.07 away from the even marks."""
    mark = round(4 * fraction)
    return mark if 0 <= mark <= 4 and abs(fraction - mark / 4) < 0.095 else None


@dataclass(frozen=True)
class _First:
    value: float
    filed: dt.date
    accession: str
    end: dt.date


def _first_filed(
    symbol: str,
    concept: str,
    definition: Concept,
    reports: Sequence[_Report],
    years: Sequence[FiscalYear],
    missed: Counter[str],
) -> Iterator[Figure]:
    """Figures of one concept, each as first filed."""
    if definition.kind in ("level", "cover"):
        yield from _levels(symbol, concept, definition, reports, years)
        return
    firsts: dict[tuple[int, int, int], _First] = {}
    for report in reports:
        for (start, end), reported in report.by_period.items():
            value = definition.rule(reported) if start is not None else None
            if value is None or start is None:
                continue
            period = _placed(start, end, years)
            if period is None:
                missed[concept] += 1
            else:
                key = (period.year.number, period.begin, period.end)
                firsts.setdefault(key, _First(value, report.filed, report.accession, end))
    alone: dict[tuple[int, int], _First] = {
        (year, 5 if finish - begin == 4 else finish): first
        for (year, begin, finish), first in firsts.items()
        if finish - begin in (1, 4)
    }
    if definition.kind == "flow":
        for (year, finish), first in _differences(firsts):
            known = alone.get((year, finish))
            if known is None or first.filed < known.filed:
                alone[year, finish] = first
    for (year, place), first in alone.items():
        period_name = "FY" if place == 5 else f"Q{place}"
        yield Figure(symbol, concept, year, period_name, first.filed, first.value, first.end, first.accession)


def _differences(firsts: Mapping[tuple[int, int, int], _First]) -> Iterator[tuple[tuple[int, int], _First]]:
    """Second and third quarters as the year to date less the year to date a quarter earlier."""
    for (year, begin, finish), longer in firsts.items():
        shorter = firsts.get((year, 0, finish - 1))
        if begin == 0 and finish in (2, 3) and shorter is not None:
            later = max(longer, shorter, key=lambda first: (first.filed, first.end))
            yield (
                (year, finish),
                _First(longer.value - shorter.value, later.filed, later.accession, longer.end),
            )


def _levels(
    symbol: str, concept: str, definition: Concept, reports: Sequence[_Report], years: Sequence[FiscalYear]
) -> Iterator[Figure]:
    """A level goes under the period that its report is about; comparatives of earlier dates are not taken."""
    for report in reports:
        if report.end is None:
            continue
        period = _ended_period(report.end, years)
        if period is None:
            continue
        year, name = period
        rule_input: dict[str, float] = {}
        dates: dict[str, dt.date] = {}
        for (start, end), reported in sorted(report.by_period.items(), key=lambda item: item[0][1]):
            if start is not None or abs(end - report.end) > (
                dt.timedelta(200) if definition.kind == "cover" else SLACK
            ):
                continue
            for tag in definition.tags:
                # Sorted by date, so the latest stays; balance sheet dates only count near the period's end.
                if tag in reported and (tag.startswith("dei:") or abs(end - report.end) <= SLACK):
                    rule_input[tag], dates[tag] = reported[tag], end
        value = definition.rule(rule_input)
        if value is not None:
            date = next(dates[tag] for tag in definition.tags if tag in dates)
            yield Figure(symbol, concept, year, name, report.filed, value, date, report.accession)


def _ended_period(end: dt.date, years: Sequence[FiscalYear]) -> tuple[int, str] | None:
    """Fiscal year and period that end on a day."""
    for year in years:
        if year.start < end <= year.end + SLACK:
            mark = _quarter_mark(((end - year.start).days + 1) / ((year.end - year.start).days + 1))
            if mark in (1, 2, 3):
                return year.number, f"Q{mark}"
            if mark == 4:
                return year.number, "FY"
    return None
