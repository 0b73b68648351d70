"""Figures of one company as first filed.

Reports are taken in order of filing. For each concept and period the first report that has it decides, under
whatever tag; a comparative or an amendment (10-K/A, 10-Q/A) filed later never replaces it. Within a report
the rules of ``concepts.toml`` choose among tags.

A period that begins with the year and one about a quarter long are told apart by length and place in the
year (quarters of 12 and 16 weeks included). A quarter of which only the year to date was filed, as in cash
flow statements, is the difference between that and the year to date one quarter earlier, as both were first
filed; it counts from the later of the two filings and carries its accession number. Fourth quarters are not
derived here. What fits no fiscal year is left out and reported.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from datafeeds.market import FILED_COLUMNS, Finding
from datafeeds.sources.edgar.concepts import CONCEPTS, Concept
from datafeeds.sources.edgar.document import Value, entries
from datafeeds.sources.edgar.fiscal_years import SLACK, FiscalYear, ended_period, fiscal_years, placed
from datafeeds.sources.edgar.reports import Report, reports_of


@dataclass(frozen=True)
class Figure:
    """One row of `facts.csv`; see `market.FILED_COLUMNS`."""

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
        """The figures as a frame with columns `market.FILED_COLUMNS`; dates as ISO text."""
        table = pd.DataFrame(map(astuple, self.figures), columns=list(FILED_COLUMNS))
        return table.assign(**{name: table[name].map(dt.date.isoformat) for name in ("filed", "period_end")})


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
        title, found, notes = entries(document, symbol)
        name = name or title
        values.extend(found)
        findings.extend(notes)
    reports = reports_of(values)
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
    if figures and not any(CONCEPTS[concept].unit == "USD" for concept, *_ in figures):
        findings.append(
            Finding(
                "suspicion",
                "no dollars",
                "no amount is in US dollars: share counts are kept, revenue and price-to-sales stay unknown",
                symbol=symbol,
            )
        )
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
    reports: Sequence[Report],
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
            value = definition.value(reported) if start is not None else None
            if value is None or start is None:
                continue
            period = placed(start, end, years)
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
    symbol: str, concept: str, definition: Concept, reports: Sequence[Report], years: Sequence[FiscalYear]
) -> Iterator[Figure]:
    """A level goes under the period that its report is about; comparatives of earlier dates are not taken."""
    for report in reports:
        if report.end is None:
            continue
        period = ended_period(report.end, years)
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
        value = definition.value(rule_input)
        if value is not None:
            date = next(dates[tag] for tag in definition.tags if tag in dates)
            yield Figure(symbol, concept, year, name, report.filed, value, date, report.accession)
