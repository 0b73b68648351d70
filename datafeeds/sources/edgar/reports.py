"""Reports of one company, in order of filing, each with its values by period."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from datafeeds.sources.edgar.concepts import Reported
from datafeeds.sources.edgar.document import Value


@dataclass(frozen=True)
class Report:
    """One filing: its values by period, and the last day of the period it is about."""

    accession: str
    filed: dt.date
    form: str
    end: dt.date | None
    by_period: Mapping[tuple[dt.date | None, dt.date], Reported]


def reports_of(values: Iterable[Value]) -> list[Report]:
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
        for value in (each for each in group if not each.foreign):
            periods[value.start, value.end][value.tag].append(value.value)
        reports.append(
            Report(
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
