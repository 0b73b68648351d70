"""Fiscal years of a company, from the periods that its reports are about.

A fiscal year is an annual period (345 to 380 days, so 52 and 53 weeks) that a yearly report ends with.
Comparatives fill in years without a report of their own, and a year still running begins where the
year-to-date figures of its quarterly reports begin. Years never overlap; the better attested stands. What
fits no year (the months between an old and a new fiscal year end) belongs to none.

A year's number is the one the company uses in most of its reports (`fy`, taken for the period that the
report is about), counted without gaps through years that follow one another. Across a change of fiscal year
end one number at least is skipped, by moving the years before the change down if needed, so that adjacent
numbers always mean adjacent years and nothing that adds up four quarters can mix two calendars.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datafeeds.sources.edgar.concepts import CONCEPTS
from datafeeds.sources.edgar.document import QUARTERLY_FORMS, TRANSITION_FORMS, YEARLY_FORMS, Value

YEAR_DAYS = (345, 380)
QUARTER_DAYS = (75, 130)
SLACK = dt.timedelta(days=15)
"""How far the dates of a period may lie from those of its fiscal year."""

DAY = dt.timedelta(days=1)


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


@dataclass(frozen=True)
class Period:
    """Where a period lies: quarters of its fiscal year that it begins after and ends with, 0 to 4."""

    year: FiscalYear
    begin: int
    end: int


def placed(start: dt.date, end: dt.date, years: Sequence[FiscalYear]) -> Period | None:
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
        return Period(year, begin, finish)
    return None


def _quarter_mark(fraction: float) -> int | None:
    """Quarters at a point of the year; those of 12 and 16 weeks end up to 0.07 away from the even marks."""
    mark = round(4 * fraction)
    return mark if 0 <= mark <= 4 and abs(fraction - mark / 4) < 0.095 else None


def ended_period(end: dt.date, years: Sequence[FiscalYear]) -> tuple[int, str] | None:
    """Fiscal year and period that end on a day."""
    for year in years:
        if year.start < end <= year.end + SLACK:
            mark = _quarter_mark(((end - year.start).days + 1) / ((year.end - year.start).days + 1))
            if mark in (1, 2, 3):
                return year.number, f"Q{mark}"
            if mark == 4:
                return year.number, "FY"
    return None
