"""What is wrong with filed figures, and from which day that could be known.

Each figure gets a verdict that holds from a day on, and rests only on what was filed and traded by then: a
figure that nothing speaks against is used from its filing; one that contradicts the figures before it is
withheld until later ones confirm it; one that a later filing shows wrong is used until that day. Nothing is
dropped in silence: each figure that is not simply used is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.checks.history import NO_DAY, intervals, readings, step_costs
from datafeeds.market import Array, Finding, numbered

SHARE_CONCEPTS = ("shares_outstanding", "diluted_shares")

PERIOD_PLACE = {"Q1": 0, "Q2": 1, "Q3": 2, "Q4": 3, "FY": 3}
"""Quarter of the fiscal year in which each period ends."""

YEARS_BEHIND, YEARS_AHEAD = 3, 1
"""Fiscal years that a label may lie before, or after, the year of its filing."""

REVENUE_STEPS = ((150.0, 0.0),)
"""How surprising a change in revenue is: up to this ratio, as much as leaving out so many figures. Cruise
lines lost 99% of a quarter's revenue in 2020, so only more is impossible."""

LABEL_MONTHS = 4
"""Months before a company's usual filing date at which a period's label is not believed."""

LABELS = 3
"""Earlier filings that it takes to know when a company usually files."""

BY_HAND = "by_hand"
"""Column that says of which figures a person decided; the checks don't overrule it."""

IMPOSSIBLE = ("not a number", "fiscal period", "share count not positive", "negative revenue")
"""Checks of single figures that no person's word overrules either."""

Day = int
"""Days since 1970."""

Days = Day | npt.NDArray[np.int64]
Places = int | npt.NDArray[np.intp]


@dataclass
class Verdicts:
    """What is known of each figure, by its place in the table; begins with every figure used when filed.

    Attributes
    ----------
    known, withdrawn : ndarray of int
        Day from which a figure counts, and from which it no longer does; `NO_DAY` for never.
    value : ndarray
        What it is taken to be.
    mended : dict of int to (int, float)
        Of figures that the others contradict by exactly a thousand or a million: the day from which the
        mended value counts in their place, and the value.
    why : dict of int to str
        What speaks against it.
    check : dict of int to str
        The check that found it.
    """

    known: npt.NDArray[np.int64]
    withdrawn: npt.NDArray[np.int64]
    value: Array
    mended: dict[int, tuple[Day, float]] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    check: dict[int, str] = field(default_factory=dict)

    def doubt(self, place: int, check: str, why: str) -> None:
        """Say what speaks against a figure."""
        self.why[place], self.check[place] = why, check

    def never(self, place: int, check: str, why: str) -> None:
        """A figure that can't be right whatever comes."""
        self.known[place] = NO_DAY
        self.doubt(place, check, why)

    def during(self, places: Places, start: Days, stop: Days) -> None:
        """Figures count from `start` to `stop` at most."""
        begun, ended = self.known[places], self.withdrawn[places]
        never = (begun == NO_DAY) | (np.asarray(start) == NO_DAY)
        self.known[places] = np.where(never, NO_DAY, np.maximum(begun, start))
        both = np.where(ended == NO_DAY, stop, np.minimum(ended, stop))
        self.withdrawn[places] = np.where(np.asarray(stop) == NO_DAY, ended, both)

    def decided(self, place: int, filed: Day, value: float) -> None:
        """A figure that a person decided on: used when filed, whatever the checks say."""
        self.known[place], self.withdrawn[place], self.value[place] = filed, NO_DAY, value
        self.mended.pop(place, None)
        self.why.pop(place, None)
        self.check.pop(place, None)

    def in_order_known(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Figures that are known some time, in the order in which they become known."""
        known = places[self.known[places] != NO_DAY]
        ordered: npt.NDArray[np.intp] = known[np.lexsort((known, self.known[known]))]
        return ordered

    def counts(self, places: npt.NDArray[np.intp] | slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Whether figures count at any time."""
        start, stop = self.known[places], self.withdrawn[places]
        counting: npt.NDArray[np.bool_] = (start != NO_DAY) & ((stop == NO_DAY) | (start < stop))
        return counting


def check_facts(facts: pd.DataFrame) -> tuple[pd.DataFrame, Verdicts]:
    """Judge filed figures by themselves and by one another, share counts' size left aside.

    Parameters
    ----------
    facts : DataFrame
        Columns as `market.FACT_COLUMNS`; `period_end` and `accession` may be missing.

    Returns
    -------
    ordered : DataFrame
        The figures in order of filing, with labels 0, 1, ... and dates as datetime64.
    verdicts : Verdicts
        By the places in `ordered`.
    """
    ordered = in_order(facts)
    if ordered.empty:
        return ordered, Verdicts(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    filed = days_of(ordered["filed"])
    never = np.full(len(ordered), NO_DAY)
    verdicts = Verdicts(filed.copy(), never, ordered["value"].to_numpy(float, copy=True))
    for place, check, why in own_faults(ordered):
        verdicts.never(place, check, why)
    period_labels(ordered, filed, verdicts)
    revenue_scale(ordered, verdicts)
    revenue_lines(ordered, verdicts)
    return ordered, verdicts


def own_faults(facts: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Figures that no other figure is needed to doubt: place, name of the check, and why."""
    value, concept = facts["value"].to_numpy(), facts["concept"]
    year = facts["fiscal_year"].to_numpy()
    filed_in = facts["filed"].dt.year.to_numpy()
    ahead = year - filed_in
    faults: list[tuple[str, npt.NDArray[np.bool_], str]] = [
        ("not a number", ~np.isfinite(value), "not a finite number"),
        (
            "fiscal period",
            ~facts["fiscal_period"].isin(list(PERIOD_PLACE)).to_numpy(),
            f"the fiscal period must be one of {', '.join(PERIOD_PLACE)}",
        ),
        (
            "fiscal year",
            (ahead > YEARS_AHEAD) | (ahead < -YEARS_BEHIND),
            "the fiscal year is far from the year of the filing",
        ),
        (
            "share count not positive",
            concept.isin(SHARE_CONCEPTS).to_numpy() & (value <= 0),
            "a share count is more than 0",
        ),
        ("negative revenue", (concept == "revenue").to_numpy() & (value < 0), "revenue is at least 0"),
    ]
    if "period_end" in facts:
        early = (facts["filed"] < facts["period_end"]).to_numpy()
        faults.append(("filed before period end", early, "filed before the end of its period"))
    for check, wrong, why in faults:
        for place in np.flatnonzero(wrong).tolist():
            yield place, check, why


def period_labels(facts: pd.DataFrame, filed: npt.NDArray[np.int64], verdicts: Verdicts) -> None:
    """Periods filed months before the company has usually filed them, unless the whole year is labelled so.

    A first quarter labelled as a fourth, or this year's quarters labelled as next year's, would enter the
    twelve trailing months of the wrong year. A company that labels a whole fiscal year a year ahead is
    consistent with itself: its quarters are withheld until the annual report says the same.
    """
    months = facts["filed"].dt.year.to_numpy() * 12 + facts["filed"].dt.month.to_numpy()
    delay = months - 3 * quarters(facts)
    year = facts["fiscal_year"].to_numpy()
    for places in groups(facts[["symbol", "concept"]][verdicts.known != NO_DAY]):
        own = delay[places]
        if own.max() - own.min() < LABEL_MONTHS:
            continue
        period = dict(zip(places.tolist(), facts["fiscal_period"].iloc[places], strict=True))
        annual_filed: dict[int, Day] = {}
        waiting: list[tuple[int, int]] = []
        for order, place in enumerate(places.tolist()):
            usual = float(np.median(own[:order])) if order >= LABELS else float(own[order])
            early = usual - own[order]
            if early < LABEL_MONTHS:
                continue
            if period[place] == "FY":
                annual_filed[int(year[place])] = int(filed[place])
            else:
                waiting.append((place, int(early)))
        for place, early in waiting:
            confirmed = annual_filed.get(int(year[place]), NO_DAY) if period[place] != "Q4" else NO_DAY
            verdicts.during(place, confirmed, NO_DAY)
            verdicts.doubt(
                place,
                "period label",
                f"filed {early} months earlier than this company has filed such a period, so it describes "
                "another period",
            )


def revenue_scale(facts: pd.DataFrame, verdicts: Verdicts) -> None:
    """Revenue thousands of times its neighbours or a thousandth: quarters with quarters, years with years."""
    value = facts["value"].to_numpy()
    usable = (facts["concept"] == "revenue").to_numpy() & (value > 0)
    chosen = facts[usable]
    annual = chosen["fiscal_period"] == "FY"
    for places in groups(pd.DataFrame({"symbol": chosen["symbol"], "annual": annual})):
        places = verdicts.in_order_known(places)
        days = verdicts.known[places]
        levels = np.log(value[places])
        if not len(places) or np.ptp(levels) <= np.log(REVENUE_STEPS[0][0]):
            continue
        plain = step_costs(np.abs(np.diff(levels, prepend=levels[0])), REVENUE_STEPS) == 0
        after = readings(lambda place, before: 0.0, partial(_revenue_costs, levels), plain)
        settle(facts, places, days, days, after, verdicts, "revenue scale", value[places])


def _revenue_costs(levels: Array, place: int, start: int) -> Array:
    return step_costs(np.abs(levels[start:place] - levels[place]), REVENUE_STEPS)


def revenue_lines(facts: pd.DataFrame, verdicts: Verdicts) -> None:
    """Fiscal years that can't be the sum of their quarters.

    A year of less than half its first three quarters is a quarter, or another line, in the year's place. In a
    year of more than 4.5 times its first three quarters either the quarters or the year stand on another
    line: the year, if it is more than three times the year before, else the quarters, which are withdrawn.
    Where the year before is not known the year is withheld until the next one bears it out.
    """
    place = verdicts.in_order_known(np.flatnonzero((facts["concept"] == "revenue").to_numpy()))
    known = np.maximum(verdicts.known, 0)
    first: dict[tuple[str, int], dict[str, int]] = {}
    filed, value = facts.iloc[place], facts["value"].to_numpy()
    named = zip(filed["symbol"], filed["fiscal_year"].tolist(), filed["fiscal_period"], strict=True)
    for one, (symbol, year, period) in zip(place.tolist(), named, strict=True):
        first.setdefault((symbol, year), {}).setdefault(period, one)
    for (symbol, year), filings in first.items():
        if not {"Q1", "Q2", "Q3", "FY"} <= set(filings):
            continue
        three = [filings[name] for name in ("Q1", "Q2", "Q3")]
        annual, added = filings["FY"], float(value[three].sum())
        if 0.5 * added <= value[annual] <= 4.5 * added:
            continue
        judged = int(known[[*three, annual]].max())
        why = f"the first three quarters add to {number(added)}, the year is {number(value[annual])}"
        before = first.get((symbol, year - 1), {}).get("FY")
        if before is not None and known[before] > judged:
            before = None
        following = first.get((symbol, year + 1), {}).get("FY")
        wrong_quarters = NO_DAY
        if value[annual] < 0.5 * added or (before is not None and value[annual] > 3.0 * value[before]):
            confirmed = NO_DAY
        elif before is not None:
            confirmed = wrong_quarters = judged
        elif following is not None and value[annual] <= 3.0 * value[following]:
            confirmed = wrong_quarters = max(judged, int(known[following]))
        else:
            confirmed = NO_DAY
        if wrong_quarters == NO_DAY or confirmed != judged:
            if known[annual] < judged:
                # The quarters came later and showed the year wrong.
                verdicts.during(annual, int(known[annual]), judged)
            else:
                verdicts.during(annual, confirmed, NO_DAY)
            verdicts.doubt(annual, "revenue line", why)
        if wrong_quarters != NO_DAY:
            for one in three:
                verdicts.during(one, int(known[one]), max(wrong_quarters, int(known[one])))
                verdicts.doubt(one, "revenue line", why)


def settle(
    facts: pd.DataFrame,
    places: npt.NDArray[np.intp],
    judged: npt.NDArray[np.int64],
    days: npt.NDArray[np.int64],
    after: list[tuple[int, ...]],
    verdicts: Verdicts,
    check: str,
    values: Array,
) -> None:
    """Turn the readings of one history into verdicts.

    Parameters
    ----------
    facts : DataFrame
    places : ndarray of int, shape (figures,)
        Where the history's figures stand in `facts`.
    judged : ndarray of int, shape (figures,)
        Day on which each figure can be judged; used from then on it is worth no word.
    days : ndarray of int, shape (readings,)
    after : list of tuple of int
        Readings of the history, each from its day on.
    verdicts : Verdicts
        Changed.
    check : str
    values : ndarray, shape (figures,)
        What figures are compared by.
    """
    known, withdrawn = intervals(days, after, len(places))
    verdicts.during(places, known, withdrawn)
    for order in np.flatnonzero((known != judged) | (withdrawn != NO_DAY)).tolist():
        place = int(places[order])
        if place not in verdicts.why:
            verdicts.doubt(place, check, _against(facts, places, after[-1], order, values))


def _against(
    facts: pd.DataFrame, places: npt.NDArray[np.intp], kept: tuple[int, ...], order: int, values: Array
) -> str:
    """What a figure is compared with: the nearest kept figures before and after it."""
    others = [other for other in kept if other != order]
    beside = [*[other for other in others if other < order][-1:], *[o for o in others if o > order][:1]]
    if not beside:
        return f"it stands at {number(values[order])}, and nothing agrees with it"
    compared = " and ".join(
        f"{number(values[near])} ({facts['fiscal_year'].iloc[places[near]]} "
        f"{facts['fiscal_period'].iloc[places[near]]}, filed {facts['filed'].iloc[places[near]]:%Y-%m-%d})"
        for near in beside
    )
    ratio = values[order] / values[beside[0]]
    size = f"{_size(ratio)} times" if ratio > 1 else f"one part in {_size(1 / ratio)} of"
    return f"it stands at {number(values[order])}, {size} the figures that agree, {compared}"


def verdict_findings(facts: pd.DataFrame, verdicts: Verdicts) -> list[Finding]:
    """One finding for each figure that is not simply used from its filing on."""
    findings, counts = [], verdicts.counts()
    for place in sorted(verdicts.why):
        row = facts.iloc[place]
        start, stop = int(verdicts.known[place]), int(verdicts.withdrawn[place])
        severity, told = "quarantined", "left out"
        if counts[place] or place in verdicts.mended:
            if place in verdicts.mended:
                mended = number(verdicts.mended[place][1])
                severity, told = "note", f"taken as {mended}"
            elif stop != NO_DAY:
                told = f"used until {_date(stop)}, which showed it"
            elif verdicts.value[place] != row["value"]:
                severity, told = "note", f"taken as {number(verdicts.value[place])}"
            elif start != NO_DAY:
                severity, told = "note", f"withheld until {_date(start)}, which bore it out"
        findings.append(
            Finding(
                severity,  # type: ignore[arg-type]
                verdicts.check[place],
                f"{row['concept']} of fiscal {row['fiscal_year']} {row['fiscal_period']} is "
                f"{number(row['value'])}: {verdicts.why[place]}; {told}",
                symbol=row["symbol"],
                date=f"{row['filed']:%Y-%m-%d}",
            )
        )
    return findings


def used(facts: pd.DataFrame, verdicts: Verdicts) -> pd.DataFrame:
    """The figures that count at some time, with `known`, `withdrawn` and the value that is taken."""
    counts = verdicts.counts()
    known, withdrawn, value = verdicts.known, verdicts.withdrawn, verdicts.value
    if verdicts.mended or not counts.all():
        # All rows at once: ten million are a gigabyte each time they are copied.
        days, values = zip(*verdicts.mended.values(), strict=True) if verdicts.mended else ((), ())
        rows = np.concatenate([np.flatnonzero(counts), np.array([*verdicts.mended], dtype=np.int64)])
        facts = facts.iloc[rows].reset_index(drop=True)
        known = np.concatenate([known[counts], np.array(days, dtype=np.int64)])
        withdrawn = np.concatenate([withdrawn[counts], np.full(len(days), NO_DAY)])
        value = np.concatenate([value[counts], np.array(values, dtype=np.float64)])
    return facts.assign(value=value, known=_dates(known), withdrawn=_dates(withdrawn))


def _dates(days: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    return days.astype("datetime64[D]").astype("datetime64[s]")


def in_order(facts: pd.DataFrame) -> pd.DataFrame:
    """Facts in order of filing, of one day in order of period; with dates as datetime64, labels 0, 1, ..."""
    table = facts.reset_index(drop=True)
    for column in ("filed", "period_end"):
        if column in table and table[column].dtype.kind != "M":  # else it would be copied
            table[column] = pd.to_datetime(table[column])
    if table.empty:
        return table.assign(filed=pd.to_datetime(table["filed"]))
    number = quarters(table)
    order = np.argsort(days_of(table["filed"]) * (np.ptp(number) + 1) + number - number.min(), kind="stable")
    if (np.diff(order) == 1).all():
        return table
    return table.iloc[order].reset_index(drop=True)


def quarters(facts: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number of the fiscal quarter in which each fact's period ends; the year's first where unknown."""
    codes, words = pd.factorize(facts["fiscal_period"])
    place = np.array([PERIOD_PLACE.get(word, 0) for word in words] + [0], dtype=np.int64)[codes]
    return np.asarray(facts["fiscal_year"], dtype=np.int64) * 4 + place


def days_of(dates: pd.Series[pd.Timestamp]) -> npt.NDArray[np.int64]:
    """Dates as days since 1970."""
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def groups(keys: pd.DataFrame) -> Iterator[npt.NDArray[np.intp]]:
    """Labels of the rows of each group of equal rows, in order."""
    if len(keys):
        group = numbered(keys)
        order = np.argsort(group, kind="stable")
        labels = keys.index.to_numpy(dtype=np.intp)[order]
        yield from np.split(labels, np.flatnonzero(np.diff(group[order])) + 1)


def number(value: float) -> str:
    """A figure as findings write it."""
    return f"{value:,.0f}" if np.isfinite(value) and abs(value) >= 1 else f"{value:g}"


def _size(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _date(day: Day) -> str:
    return str(np.datetime64(day, "D"))
