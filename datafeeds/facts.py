"""Filed figures and what follows from them, each as it was known at every session's close.

A figure filed on day *d* counts from the session after *d*. Everything here is built event by event: at each
filing date only the figures filed by then enter, so an amendment changes the value from its own date on and
never before.

Periods
-------
`fiscal_period` is Q1, Q2, Q3 or Q4 (that quarter alone) or FY. A quarter that was not filed is the fiscal
year less the other three, where all four are known. Other quarters are never guessed.

Twelve trailing months
----------------------
The twelve months that end with quarter *k* of fiscal year *y* are, whichever can be had first:

1. the fiscal year itself, if *k* is 4;
2. last fiscal year + this year's quarters so far - the same quarters a year ago;
3. the sum of the last four quarters.

If none can be had for the newest quarter, the newest older quarter (usually the last fiscal year) for which
one can is used, so the sum always covers twelve consecutive months. `LIFETIME` days after the first filing
of that quarter it becomes unknown.

Shares
------
Counts are as reported in the filing. `shares` carries them onto the split basis of the market's last session,
the basis of its split-adjusted closes, so that ``close * shares`` is the market capitalisation of each day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import log, prod
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Array, DerivedFacts, Market, MarketError
from datafeeds.names import unknown_name

LIFETIME = 456
"""Days after its first filing at which a figure becomes unknown: about 15 months.

A yearly report is replaced within 12 months, plus up to 3 for the filing to come; older than that, the
company has stopped filing, or stopped filing this line, and its figure no longer says what it earns
today."""

SPLIT_WINDOW = 45
"""Days around a split within which a filed share count may stand on either basis."""

FLOWS = frozenset(
    {
        "revenue",
        "cost_of_revenue",
        "gross_profit",
        "operating_income",
        "net_income",
        "operating_cash_flow",
        "capital_expenditure",
        "dividends_paid",
        "share_repurchases",
        "share_issuance",
        "interest_income",
        "interest_expense",
        "research_and_development",
    }
)
"""Concepts that add up over time, as opposed to levels such as share counts. Each has a ``_ttm`` fact.

Cash that leaves the company (capital expenditure, dividends, repurchases) is positive."""

ESTIMATED_REVENUE = "estimated_revenue"
"""Revenue that was expected of a fiscal year: consensus or guidance, known from the day after it was made."""

_PERIOD = {"Q1": 0, "Q2": 1, "Q3": 2, "Q4": 3, "FY": 4}


@dataclass(frozen=True)
class Events:
    """Values of one fact at the filings that changed it, symbol by symbol in order of filing.

    Attributes
    ----------
    column : ndarray of int, shape (events,)
        Position of the symbol among the market's columns.
    filed : ndarray of int, shape (events,)
        Filing day, in days since 1970.
    born : ndarray of int, shape (events,)
        Day on which the period was first filed; `LIFETIME` counts from it.
    value : ndarray, shape (events,)
    """

    column: npt.NDArray[np.int64]
    filed: npt.NDArray[np.int64]
    born: npt.NDArray[np.int64]
    value: Array


class Filed(NamedTuple):
    """One filed figure: its filing day, fiscal year, place in the year (4 is the whole year) and value."""

    day: int
    year: int
    place: int
    value: float
    concept: str


class Flow:
    """What one company has filed of one concept up to some day.

    Quarters are numbered ``4 * fiscal year + place``, the first quarter at place 0.
    """

    def __init__(self) -> None:
        self.quarters: dict[int, float] = {}
        self.years: dict[int, float] = {}
        self.first_filed: dict[int, int] = {}

    def file(self, figure: Filed) -> None:
        """Take in a figure; it replaces what was filed earlier for the same period."""
        if figure.place == 4:
            self.years[figure.year] = figure.value
        else:
            self.quarters[4 * figure.year + figure.place] = figure.value
        self.first_filed.setdefault(4 * figure.year + min(figure.place, 3), figure.day)

    def quarter(self, number: int) -> float | None:
        """The quarter alone: as filed, else the fiscal year less its other three quarters, else None."""
        filed = self.quarters.get(number)
        if filed is not None:
            return filed
        year = number // 4
        total = self.years.get(year)
        if total is None:
            return None
        others = [self.quarters.get(other) for other in range(4 * year, 4 * year + 4) if other != number]
        known = [value for value in others if value is not None]
        return total - sum(known) if len(known) == 3 else None

    def trailing(self, number: int) -> float | None:
        """The twelve months that end with quarter `number`, or None where they can't be had."""
        year, place = divmod(number, 4)
        if place == 3 and year in self.years:
            return self.years[year]
        before = self.years.get(year - 1)
        if before is not None and place < 3:
            gained = self.span(4 * year, place + 1)
            lost = self.span(4 * year - 4, place + 1)
            if gained is not None and lost is not None:
                return before + gained - lost
        return self.span(number - 3, 4)

    def span(self, start: int, count: int) -> float | None:
        """Sum of `count` quarters from `start` on, or None if one is unknown."""
        total = 0.0
        for number in range(start, start + count):
            value = self.quarter(number)
            if value is None:
                return None
            total += value
        return total

    def newest(self, reading: Callable[[int], float | None]) -> tuple[int, float] | None:
        """The newest quarter for which `reading` gives a value, and the value."""
        for number in sorted(self.first_filed, reverse=True)[:12]:
            value = reading(number)
            if value is not None:
                return number, value
        return None


def quarter_alone(flow: Flow) -> tuple[int, float] | None:
    """Newest quarter alone and its value."""
    return flow.newest(flow.quarter)


def trailing_twelve_months(flow: Flow) -> tuple[int, float] | None:
    """Newest quarter whose twelve trailing months are known, and their sum."""
    return flow.newest(flow.trailing)


def trailing_growth(flow: Flow) -> tuple[int, float] | None:
    """Twelve trailing months now / the twelve months before - 1, both from the figures known by then."""
    newest = flow.newest(flow.trailing)
    if newest is None:
        return None
    number, now = newest
    before = flow.trailing(number - 4)
    return number, now / before - 1.0 if before is not None and before > 0 else np.nan


def flow_events(market: Market, concept: str, reading: Callable[[Flow], tuple[int, float] | None]) -> Events:
    """Values of `reading` after each day on which a company filed `concept`."""
    column, filed, born, value = [], [], [], []
    for position, history in _histories(market, (concept,)):
        flow = Flow()
        for day, figures in _days(history):
            for figure in figures:
                flow.file(figure)
            newest = reading(flow)
            if newest is not None:
                column.append(position)
                filed.append(day)
                born.append(flow.first_filed[newest[0]])
                value.append(newest[1])
    return _events(column, filed, born, value)


def forward_growth_events(market: Market) -> Events:
    """Expected growth of revenue: the estimate of the fiscal year to come over the last one reported, less 1.

    An estimate counts from its own date, and becomes unknown `LIFETIME` days later if no other follows.
    """
    column, filed, born, value = [], [], [], []
    for position, history in _histories(market, ("revenue", ESTIMATED_REVENUE)):
        reported, expected, made = Flow(), Flow(), dict[int, int]()
        for day, figures in _days(history):
            for figure in figures:
                if figure.concept == ESTIMATED_REVENUE:
                    expected.file(figure)
                    made[figure.year] = day
                else:
                    reported.file(figure)
            last = max((year for year, sold in reported.years.items() if sold > 0), default=None)
            if last is None:
                continue
            # A year that was reported, without an estimate of the next, ends what is known.
            column.append(position)
            filed.append(day)
            born.append(made.get(last + 1, day))
            value.append(expected.years.get(last + 1, np.nan) / reported.years[last] - 1.0)
    return _events(column, filed, born, value)


def level_events(market: Market, concept: str) -> Events:
    """A level (such as a share count) of the newest period filed, after each day of filing."""
    column, filed, born, value = [], [], [], []
    for position, history in _histories(market, (concept,)):
        newest = -1
        first: dict[int, int] = {}
        for day, figures in _days(history):
            for figure in figures:
                number = _quarter_number(figure)
                first.setdefault(number, day)
                if number >= newest:
                    newest = number
                    column.append(position)
                    filed.append(day)
                    born.append(first[number])
                    value.append(figure.value)
    return _events(column, filed, born, value)


def share_events(market: Market) -> Events:
    """Shares on the split basis of the market's last session, after each day of filing.

    The cover page's count counts; where a period has none, its diluted average. The newest period filed
    wins, so an amended report of an older one does not displace it.
    """
    splits = _splits_by_symbol(market)
    column, filed, born, value = [], [], [], []
    for position, history in _histories(market, ("shares_outstanding", "diluted_shares")):
        ratios = splits.get(market.symbols[position], ())
        newest = -1
        from_cover = False
        first: dict[int, int] = {}
        current = np.nan
        for day, figures in _days(history):
            for figure in figures:
                number = _quarter_number(figure)
                first.setdefault(number, day)
                cover = figure.concept == "shares_outstanding"
                if number < newest or (number == newest and from_cover and not cover):
                    continue
                newest, from_cover = number, cover
                current = carried_count(figure.value, day, ratios, current)
                column.append(position)
                filed.append(day)
                born.append(first[number])
                value.append(current)
    return _events(column, filed, born, value)


def carried_count(count: float, day: int, splits: tuple[tuple[int, float], ...], previous: float) -> float:
    """A filed share count on the basis after every split in `splits`.

    A split is effective at the open of its date, so a count filed on that date or later normally stands on
    the new basis already, and one filed earlier is multiplied. But a report filed shortly before the date
    may anticipate the split (US GAAP restates for a split that comes before the report is issued: SEC Staff
    Accounting Bulletin Topic 4.C), and one filed shortly after it may quote a count from before. So within
    `SPLIT_WINDOW` days the basis that leaves the count nearer to the one known before is taken.

    Parameters
    ----------
    count : float
        Shares as filed.
    day : int
        Filing day, in days since 1970.
    splits : tuple of (int, float)
        Day and ratio (new shares per old) of every split of the symbol.
    previous : float
        The carried count known before this filing, NaN if there was none.

    Returns
    -------
    float
    """
    carried = count * prod(ratio for date, ratio in splits if date > day)
    if not (previous > 0 and count > 0):
        return carried
    for date, ratio in splits:
        if abs(date - day) <= SPLIT_WINDOW:
            other = carried / ratio if date > day else carried * ratio
            # Only when decisively nearer: ordinary issuance must not look like a split.
            if abs(log(other / previous)) < 0.5 * abs(log(carried / previous)):
                carried = other
    return carried


def as_known(market: Market, events: Events) -> Array:
    """Spread events over the sessions: each counts from the session after its filing.

    Returns
    -------
    ndarray, shape (sessions, symbols)
        NaN before the first filing and from `LIFETIME` days after the period's first filing on.
    """
    days = market.sessions.astype(np.int64)
    start = np.searchsorted(days, events.filed, side="right")
    stop = np.full(len(start), len(days))
    if len(start) > 1:
        stop[:-1] = np.where(events.column[1:] == events.column[:-1], start[1:], len(days))
    stop = np.minimum(stop, np.searchsorted(days, events.born + LIFETIME, side="right"))
    table = np.full((len(market.symbols), len(days)), np.nan)
    for position, first, last, value in zip(
        events.column.tolist(), start.tolist(), stop.tolist(), events.value.tolist(), strict=True
    ):
        table[position, first:last] = value
    return np.ascontiguousarray(table.T)


def market_cap(close: Array, shares: Array) -> Array:
    """Market capitalisation: last known close x shares, in dollars.

    Parameters
    ----------
    close : ndarray
        Last known split-adjusted close.
    shares : ndarray, same shape
        Shares on the same split basis.
    """
    return close * shares


def price_to_sales(capitalisation: Array, revenue: Array) -> Array:
    """Price-to-sales: market capitalisation / revenue of the twelve trailing months.

    Unknown where revenue is not positive. As in Damodaran's industry tables.
    """
    return capitalisation / _positive(revenue)


def free_cash_flow_yield(
    operating_cash_flow: Array, capital_expenditure: Array, capitalisation: Array
) -> Array:
    """Free cash flow yield: (operating cash flow - capital expenditure) / market capitalisation.

    Flows of the twelve trailing months.

    Without meaning for banks; see `shareholder_yield` for those.
    """
    return (operating_cash_flow - capital_expenditure) / _positive(capitalisation)


def shareholder_yield(
    capitalisation: Array, dividends: Array | None, repurchases: Array | None, issuance: Array | None
) -> Array:
    """Shareholder yield: (dividends + repurchases - issuance) / market capitalisation, twelve months.

    A company without dividends does not file the line, so one of dividends and repurchases may be missing and
    counts as nothing; where both are missing the yield is unknown.
    """
    paid = np.full(capitalisation.shape, np.nan) if dividends is None else dividends
    bought = np.full(capitalisation.shape, np.nan) if repurchases is None else repurchases
    sold = np.zeros(capitalisation.shape) if issuance is None else np.nan_to_num(issuance)
    known = np.isfinite(paid) | np.isfinite(bought)
    returned = np.nan_to_num(paid) + np.nan_to_num(bought) - sold
    return np.where(known, returned, np.nan) / _positive(capitalisation)


def gross_margin(gross_profit: Array, revenue: Array) -> Array:
    """Gross margin: gross profit / revenue, both over the twelve trailing months."""
    return gross_profit / _positive(revenue)


@dataclass(frozen=True)
class Derived:
    """How a derived fact comes about.

    Attributes
    ----------
    compute : callable
        From market to array of shape (sessions, symbols).
    needs : tuple of tuple of str
        Facts without which it does not exist: at least one of each inner tuple.
    """

    compute: Callable[[Market], Array]
    needs: tuple[tuple[str, ...], ...]


def _trailing(concept: str) -> Derived:
    return Derived(
        lambda market: as_known(market, flow_events(market, concept, trailing_twelve_months)), ((concept,),)
    )


def _from(function: Callable[..., Array], *inputs: str) -> Derived:
    return Derived(
        lambda market: function(*(fact(market, name) for name in inputs)), tuple((name,) for name in inputs)
    )


DERIVED: Mapping[str, Derived] = {
    **{f"{concept}_ttm": _trailing(concept) for concept in sorted(FLOWS)},
    "revenue_growth": Derived(
        lambda market: as_known(market, flow_events(market, "revenue", trailing_growth)), (("revenue",),)
    ),
    "forward_revenue_growth": Derived(
        lambda market: as_known(market, forward_growth_events(market)), (("revenue",), (ESTIMATED_REVENUE,))
    ),
    "shares": Derived(
        lambda market: as_known(market, share_events(market)), (("shares_outstanding", "diluted_shares"),)
    ),
    "market_cap": Derived(lambda market: market_cap(market.mark, fact(market, "shares")), (("shares",),)),
    "price_to_sales": _from(price_to_sales, "market_cap", "revenue_ttm"),
    "free_cash_flow_yield": _from(
        free_cash_flow_yield, "operating_cash_flow_ttm", "capital_expenditure_ttm", "market_cap"
    ),
    "shareholder_yield": Derived(
        lambda market: shareholder_yield(
            fact(market, "market_cap"),
            _fact_if_any(market, "dividends_paid_ttm"),
            _fact_if_any(market, "share_repurchases_ttm"),
            _fact_if_any(market, "share_issuance_ttm"),
        ),
        (("market_cap",), ("dividends_paid_ttm", "share_repurchases_ttm")),
    ),
    "gross_margin": _from(gross_margin, "gross_profit_ttm", "revenue_ttm"),
}
"""Every derived fact by name; a new one is one entry."""

_NAMES: WeakKeyDictionary[Market, frozenset[str]] = WeakKeyDictionary()


def names(market: Market) -> Collection[str]:
    """Facts that exist in `market`: the filed concepts, and the derived facts whose inputs it has."""
    known = _NAMES.get(market)
    if known is None:
        found = set(market.facts["concept"].unique())
        size = -1
        while size < len(found):
            size = len(found)
            found |= {
                name
                for name, derived in DERIVED.items()
                if all(any(need in found for need in choice) for choice in derived.needs)
            }
        known = _NAMES[market] = frozenset(found)
    return known


def fact(market: Market, name: str) -> Array:
    """A fact as it was known at every session's close.

    Parameters
    ----------
    market : Market
    name : str
        A filed concept or a derived fact. Of a concept that adds up over time (`FLOWS`) this is the newest
        quarter alone, NaN for a company that files fiscal years only (see the ``_ttm`` fact); of any other
        concept the value of the newest period filed.

    Returns
    -------
    ndarray, shape (sessions, symbols)
        Read-only; NaN where nothing was known. Kept for the life of the market.

    Raises
    ------
    MarketError
        If the market has no such fact, naming the nearest.
    """
    derived = cast(DerivedFacts, market.derived)
    array = derived.look_up(name)
    if array is None:
        if name not in names(market):
            raise MarketError(unknown_name("fact", name, names(market), f"market {market.name!r}"))
        if name in DERIVED:
            array = DERIVED[name].compute(market)
        elif name in FLOWS:
            array = as_known(market, flow_events(market, name, quarter_alone))
        else:
            array = as_known(market, level_events(market, name))
        array = derived.keep(name, array)
    return array


def group_median(market: Market, name: str, group: str) -> Array:
    """Median of a fact over the members of a group, each day's members and figures as they were known.

    Parameters
    ----------
    market : Market
    name : str
        A filed or derived fact.
    group : str

    Returns
    -------
    ndarray, shape (sessions,)
        NaN where no member's figure was known. Read-only; computed once a market.
    """
    key = f"{name} median of {group}"
    derived = cast(DerivedFacts, market.derived)
    medians = derived.look_up(key)
    if medians is None:
        belongs = market.memberships(group)
        columns = np.flatnonzero(belongs.any(axis=0))
        values = np.where(belongs[:, columns], fact(market, name)[:, columns], np.nan)
        medians = derived.keep(key, pd.DataFrame(values).median(axis=1).to_numpy())
    return medians


def _fact_if_any(market: Market, name: str) -> Array | None:
    return fact(market, name) if name in names(market) else None


def _positive(values: Array) -> Array:
    return np.where(values > 0, values, np.nan)


def _events(column: list[int], filed: list[int], born: list[int], value: list[float]) -> Events:
    return Events(
        np.array(column, dtype=np.int64),
        np.array(filed, dtype=np.int64),
        np.array(born, dtype=np.int64),
        np.array(value, dtype=np.float64),
    )


def _quarter_number(figure: Filed) -> int:
    return 4 * figure.year + min(figure.place, 3)


def _histories(market: Market, concepts: tuple[str, ...]) -> Iterator[tuple[int, list[Filed]]]:
    """Filed figures of `concepts`, symbol by symbol in order of filing."""
    facts = market.facts
    known = facts["symbol"].isin(market.symbols) & np.isfinite(facts["value"])
    rows = facts[facts["concept"].isin(concepts) & known]
    unknown = ~rows["fiscal_period"].isin(list(_PERIOD))
    if unknown.any():
        row = rows[unknown].iloc[0]
        raise MarketError(
            f"{market.name}: {row['symbol']} {row['concept']} filed {row['filed']:%Y-%m-%d} has fiscal "
            f"period {row['fiscal_period']!r}; it must be one of {', '.join(_PERIOD)}"
        )
    position = rows["symbol"].map(market.column).to_numpy(dtype=np.int64)
    day = rows["filed"].to_numpy().astype("datetime64[D]").astype(np.int64)
    year = rows["fiscal_year"].to_numpy(dtype=np.int64)
    place = rows["fiscal_period"].map(_PERIOD).to_numpy(dtype=np.int64)
    value = rows["value"].to_numpy(dtype=np.float64)
    concept = rows["concept"].to_numpy(dtype=object)
    order = np.lexsort((np.arange(len(rows)), day, position))
    figures = list(
        map(
            Filed,
            day[order].tolist(),
            year[order].tolist(),
            place[order].tolist(),
            value[order].tolist(),
            concept[order].tolist(),
        )
    )
    holders, starts = np.unique(position[order], return_index=True)
    bounds = [*starts.tolist(), len(figures)]
    for index, holder in enumerate(holders.tolist()):
        yield holder, figures[bounds[index] : bounds[index + 1]]


def _days(history: list[Filed]) -> Iterator[tuple[int, list[Filed]]]:
    """One symbol's figures day by day; within a day by period, cover counts last, else in table order."""
    start = 0
    while start < len(history):
        stop = start
        while stop < len(history) and history[stop].day == history[start].day:
            stop += 1
        figures = history[start:stop]
        figures.sort(key=lambda figure: (figure.year, figure.place, figure.concept))
        yield history[start].day, figures
        start = stop


def _splits_by_symbol(market: Market) -> dict[str, tuple[tuple[int, float], ...]]:
    table = market.splits.sort_values("date", kind="stable")
    days = table["date"].to_numpy().astype("datetime64[D]").astype(np.int64).tolist()
    by_symbol: dict[str, tuple[tuple[int, float], ...]] = {}
    for symbol, day, ratio in zip(table["symbol"], days, table["ratio"], strict=True):
        by_symbol[symbol] = (*by_symbol.get(symbol, ()), (day, float(ratio)))
    return by_symbol
