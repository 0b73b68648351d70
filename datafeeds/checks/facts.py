"""Filed figures that can't be used: each is quarantined, and one finding says why.

A check is a small function; `FACT_CHECKS` lists them, and a new one is one entry. Nothing is dropped in
silence: each figure left out is one finding that names symbol, concept, period, filing date and value, and
says what it was compared with.

Quarantine looks at a company's whole history, later filings included. It only ever takes figures away, and a
reader on the day could have told most of them by what came before, but it is hindsight all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Array, Finding

SHARE_CONCEPTS = ("shares_outstanding", "diluted_shares")

PERIOD_PLACE = {"Q1": 0, "Q2": 1, "Q3": 2, "Q4": 3, "FY": 3}
"""Quarter of the fiscal year in which each period ends."""

SHARE_STEPS = ((2.0, 0.0), (4.0, 3.0), (8.0, 4.5), (30.0, 12.0))
"""How surprising a change in the share count is: up to this ratio, as much as leaving out so many figures.

Buybacks and ordinary issuance stay within twice. Mergers and conversions of share classes change a count
for good, so a step that lasts is believed when it explains more figures than it costs; one that goes back
is not. Beyond the last ratio nothing is believed: that is thousands or millions taken for units, or another
line of the report."""

REVENUE_STEPS = ((150.0, 0.0),)
"""As `SHARE_STEPS` for revenue. Cruise lines lost 99% of a quarter's revenue in 2020, so only more is
impossible."""

REVENUE_PER_SHARE = 20_000.0
"""Yearly dollars of revenue per share above which a count is doubted (NVR, among the highest, has some
3,000)."""

MOST_SHARES = 1e11
"""Share count, on today's split basis, above which a count is doubted (the most of any US listing is some
26 billion)."""

LABEL_MONTHS = 4
"""Months before a company's usual filing date at which a period's label is not believed."""

Doubts = Mapping[int, str]
"""Row label to what is wrong with it."""


@dataclass(frozen=True)
class FactCheck:
    """A check of filed figures.

    Attributes
    ----------
    name : str
        As it stands in findings.
    doubts : callable
        From facts and splits to the rows that can't be used and why.
    """

    name: str
    doubts: Callable[[pd.DataFrame, pd.DataFrame], Doubts]


def check_facts(facts: pd.DataFrame, splits: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Separate the filed figures that can be used from those that can't.

    Parameters
    ----------
    facts : DataFrame
        Columns as `market.FACT_COLUMNS`; `period_end` and `accession` may be missing.
    splits : DataFrame
        Columns symbol, date, ratio.

    Returns
    -------
    kept : DataFrame
        The rows of `facts` that can be used, in their order, with dates as datetime64.
    findings : tuple of Finding
        One ``"quarantined"`` finding for every row left out.
    """
    kept = facts.reset_index(drop=True).copy()
    if kept.empty:
        return kept, ()
    for column in ("filed", "period_end"):
        if column in kept:
            kept[column] = pd.to_datetime(kept[column])
    dated = splits.assign(date=pd.to_datetime(splits["date"]))
    findings: list[Finding] = []
    for check in FACT_CHECKS:
        doubts = check.doubts(kept, dated)
        wrong = kept.index.isin(list(doubts))
        rows = kept[wrong]
        findings.extend(
            Finding(
                "quarantined",
                check.name,
                f"{row['concept']} of fiscal {row['fiscal_year']} {row['fiscal_period']} is "
                f"{number(row['value'])}: {doubts[label]}; left out",
                symbol=row["symbol"],
                date=f"{row['filed']:%Y-%m-%d}",
            )
            for label, row in zip(rows.index.tolist(), rows.to_dict(orient="records"), strict=True)
        )
        kept = kept[~wrong]
    return kept.reset_index(drop=True), tuple(findings)


def not_finite(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Values that are not numbers."""
    return dict.fromkeys(facts.index[~np.isfinite(facts["value"])], "not a finite number")


def unknown_period(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Fiscal periods other than Q1 to Q4 and FY."""
    wrong = facts.index[~facts["fiscal_period"].isin(list(PERIOD_PLACE))]
    return dict.fromkeys(wrong, f"the fiscal period must be one of {', '.join(PERIOD_PLACE)}")


def filed_before_period_end(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Figures filed before the period that they describe was over."""
    if "period_end" not in facts:
        return {}
    early = facts[facts["filed"] < facts["period_end"]]
    return {
        label: f"filed before the period's end, {end:%Y-%m-%d}"
        for label, end in zip(early.index, early["period_end"], strict=True)
    }


def period_label(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Periods filed months before the company usually files them, unless the whole year is labelled so.

    A first quarter labelled as a fourth, or this year's quarters labelled as next year's, would enter the
    twelve trailing months of the wrong year. A company that labels a whole fiscal year a year ahead, its
    annual report included, is consistent with itself and stays.
    """
    table = facts[["symbol", "concept", "fiscal_year", "fiscal_period"]].copy()
    table["delay"] = facts["filed"].dt.year * 12 + facts["filed"].dt.month - 3 * _quarter(facts)
    usual = table.groupby(["symbol", "concept"])["delay"].transform("median")
    table["early"] = usual - table["delay"]
    annual = table[(table["fiscal_period"] == "FY") & (table["early"] >= LABEL_MONTHS)]
    ahead = set(zip(annual["symbol"], annual["concept"], annual["fiscal_year"], strict=True))
    early = table[table["early"] >= LABEL_MONTHS]
    return {
        int(label): f"filed {row.early:.0f} months earlier than this company's filings of such a period, "
        "so it describes another period"
        for label, row in zip(early.index, early.itertuples(index=False), strict=True)
        if row.fiscal_period == "Q4" or (row.symbol, row.concept, row.fiscal_year) not in ahead
    }


def share_count_not_positive(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Share counts of zero or less."""
    wrong = facts["concept"].isin(SHARE_CONCEPTS) & (facts["value"] <= 0)
    return dict.fromkeys(facts.index[wrong], "a share count is more than 0")


def negative_revenue(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Revenue below zero."""
    wrong = (facts["concept"] == "revenue") & (facts["value"] < 0)
    return dict.fromkeys(facts.index[wrong], "revenue is at least 0")


def share_count_scale(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Share counts that do not fit the company's own history, on one split basis."""
    yearly = facts[(facts["concept"] == "revenue") & (facts["fiscal_period"] == "FY")]
    revenue = yearly.groupby("symbol")["value"].median()
    counts = facts[facts["concept"].isin(SHARE_CONCEPTS)]
    if counts.empty:
        return {}
    carried = on_last_basis(counts, splits)
    per_share = counts["symbol"].map(revenue) / carried
    doubts: dict[int, str] = {}
    for _, rows in in_order(counts).groupby(["symbol", "concept"], sort=False):
        basis: Array = np.asarray(carried.loc[rows.index], dtype=np.float64)
        doubted = (per_share.loc[rows.index] > REVENUE_PER_SHARE).to_numpy() | (basis > MOST_SHARES)
        outside = ~consistent(basis, SHARE_STEPS, np.where(doubted, 0.9, 0.0))
        doubts |= _against_neighbours(rows, basis, outside, " on today's split basis")
    return doubts


def revenue_scale(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Revenue thousands of times its neighbours or a thousandth: quarters with quarters, years with years."""
    revenue = facts[(facts["concept"] == "revenue") & (facts["value"] > 0)]
    doubts: dict[int, str] = {}
    for _, rows in in_order(revenue).groupby(["symbol", revenue["fiscal_period"] == "FY"], sort=False):
        values: Array = np.asarray(rows["value"], dtype=np.float64)
        outside = ~consistent(values, REVENUE_STEPS, np.zeros(len(values)))
        doubts |= _against_neighbours(rows, values, outside, "")
    return doubts


def revenue_line(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Fiscal years that can't be the sum of their quarters.

    A year of less than half its first three quarters is a quarter, or another line, in the year's place. In a
    year of more than 4.5 times its first three quarters either the quarters or the year stand on another
    line: the year, if it is more than three times both neighbouring years, else the quarters.
    """
    revenue = facts[facts["concept"] == "revenue"]
    latest = in_order(revenue).drop_duplicates(["symbol", "fiscal_year", "fiscal_period"], keep="last")
    table = latest.pivot(index=["symbol", "fiscal_year"], columns="fiscal_period", values="value")
    if not {"Q1", "Q2", "Q3", "FY"} <= set(table.columns):
        return {}
    years = table["FY"].dropna()
    by_symbol = years.groupby(level="symbol")
    before, after = by_symbol.shift(1).fillna(0.0), by_symbol.shift(-1).fillna(0.0)
    beside = before.where(before > after, after)
    three = table["Q1"] + table["Q2"] + table["Q3"]
    above = table["FY"] > 4.5 * three
    year_is_off = (table["FY"] < 0.5 * three) | (above & (table["FY"] > 3.0 * beside.reindex(table.index)))
    verdict = pd.DataFrame(
        {"three": three, "annual": table["FY"], "year": year_is_off, "quarters": above & ~year_is_off}
    )
    judged = revenue[["symbol", "fiscal_year", "fiscal_period"]].join(verdict, on=["symbol", "fiscal_year"])
    annual = judged["fiscal_period"] == "FY"
    wrong = judged[
        (annual & judged["year"]) | (judged["fiscal_period"].isin(["Q1", "Q2", "Q3"]) & judged["quarters"])
    ]
    return {
        label: f"the first three quarters add to {number(quarters)}, the year is {number(year)}"
        for label, quarters, year in zip(wrong.index, wrong["three"], wrong["annual"], strict=True)
    }


FACT_CHECKS: tuple[FactCheck, ...] = (
    FactCheck("not a number", not_finite),
    FactCheck("fiscal period", unknown_period),
    FactCheck("filed before period end", filed_before_period_end),
    FactCheck("period label", period_label),
    FactCheck("share count not positive", share_count_not_positive),
    FactCheck("negative revenue", negative_revenue),
    FactCheck("share count scale", share_count_scale),
    FactCheck("revenue scale", revenue_scale),
    FactCheck("revenue line", revenue_line),
)
"""Checks of filed figures in order; each sees what those before it kept."""


def consistent(
    values: Array, steps: tuple[tuple[float, float], ...], penalty: Array
) -> npt.NDArray[np.bool_]:
    """Find the part of a positive history that is consistent with itself.

    Keeps the figures for which the number left out, plus the surprise at each step between neighbours kept,
    plus the `penalty` of those kept is least (found by dynamic programming).

    Parameters
    ----------
    values : ndarray, shape (figures,)
        Positive figures in order of filing.
    steps : tuple of (float, float)
        Ratio up to which a step costs so much, ascending; beyond the last a step is impossible.
    penalty : ndarray, shape (figures,)
        Cost of keeping each figure; leaving one out costs 1.

    Returns
    -------
    ndarray of bool, shape (figures,)
    """
    count = len(values)
    ratios, costs = np.array(steps).T
    logs = np.log(values)
    thresholds = np.log(ratios)
    if count < 2 or (np.abs(np.diff(logs)).max() <= thresholds[0] and not penalty.any()):
        return np.ones(count, dtype=bool)
    costs = np.append(costs, np.inf)
    # Among equals the later figures are kept: errors get corrected, good figures do not turn bad.
    position = np.arange(count)
    best = position + penalty
    came_from = np.full(count, -1)
    for current in range(1, count):
        surprise = costs[np.searchsorted(thresholds, np.abs(logs[:current] - logs[current]))]
        cost = best[:current] + surprise + (current - 1 - position[:current]) + penalty[current]
        before = int(np.argmin(cost))
        if cost[before] < best[current]:
            best[current], came_from[current] = cost[before], before
    total = best + (count - 1 - position)
    current = int(count - 1 - np.argmin(total[::-1]))
    kept = np.zeros(count, dtype=bool)
    while current >= 0:
        kept[current] = True
        current = int(came_from[current])
    return kept


def in_order(facts: pd.DataFrame) -> pd.DataFrame:
    """Facts in order of filing; of one day, in order of period."""
    return facts.iloc[np.lexsort((_quarter(facts), facts["filed"].to_numpy().astype(np.int64)))]


def _quarter(facts: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number of the fiscal quarter in which each fact's period ends."""
    place = np.asarray(facts["fiscal_period"].map(PERIOD_PLACE), dtype=np.int64)
    return np.asarray(facts["fiscal_year"], dtype=np.int64) * 4 + place


def on_last_basis(counts: pd.DataFrame, splits: pd.DataFrame) -> pd.Series[float]:
    """Carry counts over every split that came after their filing."""
    carried = counts["value"].to_numpy(dtype=np.float64, copy=True)
    filed = counts["filed"].to_numpy()
    places = counts.reset_index(drop=True).groupby("symbol").indices
    for symbol, date, ratio in zip(splits["symbol"], splits["date"].to_numpy(), splits["ratio"], strict=True):
        rows = places.get(symbol, np.zeros(0, dtype=np.intp))
        carried[rows[filed[rows] < date]] *= float(ratio)
    return pd.Series(carried, index=counts.index)


def _against_neighbours(
    rows: pd.DataFrame, values: Array, outside: npt.NDArray[np.bool_], basis: str
) -> dict[int, str]:
    """Say what each row outside is compared with: the nearest kept figures before and after it."""
    kept = np.flatnonzero(~outside)
    labels = rows.index.tolist()
    doubts: dict[int, str] = {}
    for place in np.flatnonzero(outside).tolist():
        split = int(np.searchsorted(kept, place))
        beside = [int(near) for near in (*kept[split - 1 : split], *kept[split : split + 1])]
        compared = " and ".join(
            f"{number(values[near])} ({rows['fiscal_year'].iloc[near]} {rows['fiscal_period'].iloc[near]}, "
            f"filed {rows['filed'].iloc[near]:%Y-%m-%d})"
            for near in beside
        )
        ratio = values[place] / values[beside[0]]
        size = f"{_size(ratio)} times" if ratio > 1 else f"one part in {_size(1 / ratio)} of"
        doubts[labels[place]] = (
            f"it stands at {number(values[place])}{basis}, {size} the figures that agree, {compared}"
        )
    return doubts


def number(value: float) -> str:
    """A figure as findings write it."""
    return f"{value:,.0f}" if np.isfinite(value) and abs(value) >= 1 else f"{value:g}"


def _size(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
