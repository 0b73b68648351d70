"""Filed figures and what follows from them, each as it was known at every session's close.

A figure known on day *d* counts from the session after *d*. Everything here is built event by event: at each
date only the figures known by then enter, so an amendment changes the value from its own date on and never
before.

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
one can is used, so the sum always covers twelve consecutive months.

Age
---
`Market.stale_after` days after the period it ends (`YEAR_LESS_QUARTER` more where only fiscal years are
filed) a figure is stale, and unknown. See `age`.

Shares
------
Counts are as reported in the filing. `shares` carries them onto the split basis of each session, so that the
price paid that day times shares is the market capitalisation of that day.

Verdicts
--------
A figure counts from the day on which it is `known` to the day on which it is `withdrawn` (see
`Market.facts`); what is derived at a session rests on the figures that count then.
"""

from __future__ import annotations

from bisect import insort, insort_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from math import log, prod
from operator import attrgetter
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Array, Dates, DerivedFacts, Market, MarketError
from datafeeds.names import unknown_name

YEAR_LESS_QUARTER = 274
"""Days by which figures live longer where a company files fiscal years only: its next report is due a year
after the period, not a quarter."""

TOGETHER = 256
"""Symbols whose figures and days are laid out at once: of thousands they are as large as the fact itself."""

USUAL_DELAY = 45
"""Days before its filing at which a period is taken to have ended where the table does not say."""

NEVER = np.datetime64("2262-01-01", "D")
"""The day on which a figure is withdrawn that is not."""

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

MEDIAN = " median of "

_PERIOD = {"Q1": 0, "Q2": 1, "Q3": 2, "Q4": 3, "FY": 4}


@dataclass(frozen=True)
class Events:
    """Values of one fact at the filings that changed it, symbol by symbol in order of filing.

    Attributes
    ----------
    column : ndarray of int, shape (events,)
        Position of the symbol among the market's columns.
    day : ndarray of int, shape (events,)
        Day, in days since 1970; the value counts from the session after it.
    ended : ndarray of int, shape (events,)
        Day on which the period of the value ended.
    stale : ndarray of int, shape (events,)
        Last day on which the value is believed.
    value : ndarray, shape (events,)
        NaN where nothing is known any more.
    """

    column: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    ended: npt.NDArray[np.int64]
    stale: npt.NDArray[np.int64]
    value: Array


class Filed(NamedTuple):
    """One filed figure.

    Attributes
    ----------
    filed, known, withdrawn : int
        Days since 1970: of the filing, from when the figure counts, and from when it no longer does.
    ended : int
        Last day of the period that it describes, or what is assumed for it.
    year, place : int
        Fiscal year, and quarter from 0; 4 is the whole year.
    number : int
        Of the quarter with which the period ends: four times the fiscal year, and its place.
    value : float
    concept : str
    """

    filed: int
    known: int
    withdrawn: int
    ended: int
    year: int
    place: int
    number: int
    value: float
    concept: str


class Flow:
    """What one company has filed of one concept, as far as it counts on some day.

    Quarters are numbered ``4 * fiscal year + place``, the first quarter at place 0.
    """

    def __init__(self) -> None:
        self.quarters: dict[int, float] = {}
        self.years: dict[int, float] = {}
        self.ended: dict[int, int] = {}
        self._numbers: list[int] = []
        self._figures: dict[tuple[int, int], list[Filed]] = {}

    def file(self, figure: Filed) -> None:
        """Take in a figure; of those for one period the last filed counts."""
        figures = self._figures.setdefault((figure.year, figure.place), [])
        insort(figures, figure, key=_day_of_filing)
        self._put(figure, figures[-1].value)
        if figure.number not in self.ended:
            insort(self._numbers, figure.number)
        self.ended[figure.number] = min(figure.ended, self.ended.get(figure.number, figure.ended))

    def withdraw(self, figure: Filed) -> None:
        """Take a figure out again; the one filed before it for the same period counts, if there is one."""
        figures = self._figures[figure.year, figure.place]
        figures.remove(figure)
        self._put(figure, figures[-1].value if figures else None)

    def _put(self, figure: Filed, value: float | None) -> None:
        values, key = self.quarters, 4 * figure.year + figure.place
        if figure.place == 4:
            values, key = self.years, figure.year
        if value is None:
            del values[key]
        else:
            values[key] = value

    def quarterly(self, number: int) -> bool:
        """Whether the company files quarters around quarter `number`, and not fiscal years only."""
        return any(near in self.quarters for near in range(number - 4, number + 1))

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
        for number in self._numbers[:-13:-1]:
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
    """Values of `reading` after each day on which what counts of `concept` changed."""
    events = _Events(market)
    for position, history in _histories(market, (concept,)):
        flow = Flow()
        for day, entering, leaving in _days(history):
            for figure in entering:
                flow.file(figure)
            for figure in leaving:
                flow.withdraw(figure)
            newest = reading(flow)
            if newest is None:
                events.nothing(position, day)
            else:
                number, value = newest
                events.add(position, day, flow.ended[number], flow.quarterly(number), value)
    return events.arrays()


def forward_growth_events(market: Market) -> Events:
    """Expected growth of revenue: the estimate of the fiscal year to come over the last one reported, less 1.

    An estimate is stale as long after it was made as a yearly figure is after its period.
    """
    events = _Events(market)
    for position, history in _histories(market, ("revenue", ESTIMATED_REVENUE)):
        reported, expected, made = Flow(), dict[int, float](), dict[int, int]()
        for day, entering, leaving in _days(history):
            for figure in entering:
                if figure.concept == ESTIMATED_REVENUE:
                    expected[figure.year], made[figure.year] = figure.value, day
                else:
                    reported.file(figure)
            for figure in leaving:
                if figure.concept != ESTIMATED_REVENUE:
                    reported.withdraw(figure)
            last = max((year for year, sold in reported.years.items() if sold > 0), default=None)
            if last is None or last + 1 not in expected:
                events.nothing(position, day)
            else:
                growth = expected[last + 1] / reported.years[last] - 1.0
                events.add(position, day, made[last + 1], False, growth)
    return events.arrays()


def level_events(market: Market, concept: str) -> Events:
    """A level (such as a share count) of the newest period that counts, after each day that changed it."""
    events = _Events(market)
    for position, history in _histories(market, (concept,)):
        counting: list[Filed] = []
        for day, entering, leaving in _days(history):
            counting = _changed(counting, entering, leaving)
            if not counting:
                events.nothing(position, day)
            else:
                newest = counting[-1]
                events.add(position, day, newest.ended, _files_quarters(counting, newest), newest.value)
    return events.arrays()


def share_events(market: Market) -> Events:
    """Shares on the split basis of each day, after each day that changed them.

    The cover page's count counts; where a period has none, its diluted average. The newest period filed
    wins, so an amended report of an older one does not displace it.
    """
    events = _Events(market)
    splits = splits_by_symbol(market.splits, market.basis)
    for position, history in _histories(market, ("shares_outstanding", "diluted_shares")):
        own = splits.get(market.symbols[position], ())
        moves = {day: (entering, leaving) for day, entering, leaving in _days(history)}
        counting: list[Filed] = []
        current: Filed | None = None
        shares = before = np.nan
        last = -1
        for day in sorted({*moves, *(split.known for split in own)}):
            entering, leaving = moves.get(day, ((), ()))
            counting = _changed(counting, entering, leaving)
            gained = prod(split.ratio for split in own if last < split.known <= day)
            shares, before, last = shares * gained, before * gained, day
            if not counting:
                events.nothing(position, day)
                shares, current = np.nan, None
                continue
            if counting[-1] is not current:
                current, before = counting[-1], shares
            past = tuple(split for split in own if split.known <= day)
            shares = carried_count(current.value, current.filed, past, before)
            events.add(position, day, current.ended, _files_quarters(counting, current), shares)
    return events.arrays()


class Split(NamedTuple):
    """A split.

    Attributes
    ----------
    date : int
        The day from whose open on it holds, in days since 1970.
    ratio : float
        New shares per old.
    known : int
        It can be known at sessions after this day; of a listed split, the one before its date.
    """

    date: int
    ratio: float
    known: int

    @property
    def listed(self) -> bool:
        """Whether the table has it, and not the prices alone."""
        return self.known < self.date


def splits_by_symbol(splits: pd.DataFrame, basis: pd.DataFrame) -> dict[str, tuple[Split, ...]]:
    """Each symbol's splits: those listed, and those that its prices reveal (see `Market.basis`)."""
    found: dict[str, list[Split]] = {}
    days = splits["date"].to_numpy().astype("datetime64[D]").astype(np.int64).tolist()
    for symbol, day, ratio in zip(splits["symbol"], days, splits["ratio"], strict=True):
        found.setdefault(symbol, []).append(Split(day, float(ratio), day - 1))
    ratios: dict[str, float] = {}
    since = basis["since"].to_numpy().astype("datetime64[D]")
    known = basis["known"].to_numpy().astype("datetime64[D]").astype(np.int64).tolist()
    for symbol, date, day, ratio in zip(basis["symbol"], since, known, basis["ratio"], strict=True):
        if not np.isnat(date):
            split = Split(int(date.astype(np.int64)), ratios[symbol] / ratio, day - 1)
            found.setdefault(symbol, []).append(split)
        ratios[symbol] = float(ratio)
    return {symbol: tuple(sorted(splits)) for symbol, splits in found.items()}


def carried_count(count: float, filed: int, splits: tuple[Split, ...], before: float) -> float:
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
    filed : int
        Filing day, in days since 1970.
    splits : tuple of Split
        The symbol's splits up to the day of the result.
    before : float
        The count known before this filing, carried to the same day; NaN if there was none.

    Returns
    -------
    float
    """
    carried = count * prod(split.ratio for split in splits if split.date > filed)
    if not (before > 0 and count > 0):
        return carried
    for split in splits:
        if abs(split.date - filed) <= SPLIT_WINDOW:
            other = carried / split.ratio if split.date > filed else carried * split.ratio
            # Only when decisively nearer: ordinary issuance must not look like a split.
            if abs(log(other / before)) < 0.5 * abs(log(carried / before)):
                carried = other
    return carried


def as_known(market: Market, events: Events) -> Array:
    """Spread events over the sessions: each counts from the session after its day.

    Returns
    -------
    ndarray, shape (sessions, symbols)
        NaN before the first filing and where the newest figure is stale.
    """
    return _spread(market, events, events.value)


def _spread(market: Market, events: Events, values: Array) -> Array:
    days = market.sessions.astype(np.int64)
    start = np.searchsorted(days, events.day, side="right")
    stop = np.full(len(start), len(days))
    if len(start) > 1:
        stop[:-1] = np.where(events.column[1:] == events.column[:-1], start[1:], len(days))
    stop = np.minimum(stop, np.searchsorted(days, events.stale, side="right"))
    spread = np.empty((len(days), len(market.symbols)))
    for begin in range(0, len(market.symbols), TOGETHER):
        some = slice(*np.searchsorted(events.column, (begin, begin + TOGETHER)))
        table = np.full((min(TOGETHER, len(market.symbols) - begin), len(days)), np.nan)
        for position, first, last, value in zip(
            (events.column[some] - begin).tolist(),
            start[some].tolist(),
            stop[some].tolist(),
            values[some].tolist(),
            strict=True,
        ):
            table[position, first:last] = value
        spread[:, begin : begin + TOGETHER] = table.T
    return spread


def market_cap(close: Array, shares: Array) -> Array:
    """Market capitalisation: last known close x shares, in dollars, both on one split basis."""
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
    also : tuple of str
        Facts that count where they exist.
    """

    compute: Callable[[Market], Array]
    needs: tuple[tuple[str, ...], ...]
    also: tuple[str, ...] = ()


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
    "market_cap": Derived(
        lambda market: market_cap(market.mark * market.traded_factor, fact(market, "shares")), (("shares",),)
    ),
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
        ("share_issuance_ttm",),
    ),
    "gross_margin": _from(gross_margin, "gross_profit_ttm", "revenue_ttm"),
}
"""Every derived fact by name; a new one is one entry."""

_NAMES: WeakKeyDictionary[Market, frozenset[str]] = WeakKeyDictionary()


def names(market: Market) -> Collection[str]:
    """Facts that exist in `market`: the filed concepts, and the derived facts whose inputs it has."""
    known = _NAMES.get(market)
    if known is None:
        found = set(market.concepts)
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


def concepts_behind(facts: Iterable[str]) -> frozenset[str]:
    """The filed concepts that facts, or medians by their names, are worked out from."""
    found: set[str] = set()
    waiting = list(facts)
    while waiting:
        name = waiting.pop().partition(MEDIAN)[0]
        derived = DERIVED.get(name)
        if derived is None:
            found.add(name)
        else:
            waiting += [*chain.from_iterable(derived.needs), *derived.also]
    return frozenset(found)


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


AGED: Mapping[str, tuple[str, ...]] = {
    "market_cap": ("shares",),
    "price_to_sales": ("shares", "revenue_ttm"),
    "free_cash_flow_yield": ("shares", "operating_cash_flow_ttm", "capital_expenditure_ttm"),
    "gross_margin": ("gross_profit_ttm", "revenue_ttm"),
}
"""Derived facts that are as old as the oldest of others."""


def age(market: Market, name: str) -> Array:
    """Days from the end of the period that a fact rests on to each session, shape (sessions, symbols).

    Parameters
    ----------
    market : Market
    name : str
        A filed concept, its ``_ttm`` fact, ``"shares"``, ``"revenue_growth"`` or one of `AGED`.

    Raises
    ------
    MarketError
        If the age of `name` is not known, naming the nearest.
    """
    if name in AGED:
        oldest: Array = np.maximum.reduce([age(market, each) for each in AGED[name]])
        return oldest
    concept = name.removesuffix("_ttm")
    if name == "shares":
        events = share_events(market)
    elif name == "revenue_growth":
        events = flow_events(market, "revenue", trailing_growth)
    elif concept in FLOWS:
        events = flow_events(market, concept, trailing_twelve_months if concept != name else quarter_alone)
    elif name in market.concepts:
        events = level_events(market, name)
    else:
        raise MarketError(unknown_name("fact", name, [*AGED, *names(market)], f"market {market.name!r}"))
    ended = _spread(market, events, events.ended.astype(np.float64))
    days: Array = market.sessions.astype(np.int64)[:, None] - ended
    return days


def median_name(name: str, group: str) -> str:
    """The name under which a market keeps `group_median`."""
    return f"{name}{MEDIAN}{group}"


def is_median(name: str) -> bool:
    """Whether `name` is one of `median_name`."""
    return MEDIAN in name


def worked_out(market: Market, name: str) -> Array:
    """A fact, or a median by its name."""
    of, median, group = name.partition(MEDIAN)
    return group_median(market, of, group) if median else fact(market, name)


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
    key = median_name(name, group)
    derived = cast(DerivedFacts, market.derived)
    medians = derived.look_up(key)
    if medians is None:
        # A company may file before its shares trade.
        belongs = market.memberships(group) & np.isfinite(market.mark)
        columns = np.flatnonzero(belongs.any(axis=0))
        values = np.where(belongs[:, columns], fact(market, name)[:, columns], np.nan)
        medians = derived.keep(key, pd.DataFrame(values).median(axis=1).to_numpy())
    return medians


def _fact_if_any(market: Market, name: str) -> Array | None:
    return fact(market, name) if name in names(market) else None


def _positive(values: Array) -> Array:
    return np.where(values > 0, values, np.nan)


class _Events:
    """Collects events symbol by symbol, in order of day."""

    def __init__(self, market: Market) -> None:
        self._lives = {True: market.stale_after, False: market.stale_after + YEAR_LESS_QUARTER}
        self._rows: list[tuple[int, int, int, int, float]] = []

    def add(self, position: int, day: int, ended: int, quarterly: bool, value: float) -> None:
        """`value` counts from the session after `day`, until it is stale."""
        self._rows.append((position, day, ended, ended + self._lives[quarterly], value))

    def nothing(self, position: int, day: int) -> None:
        """From the session after `day` nothing is known."""
        self._rows.append((position, day, day, day, np.nan))

    def arrays(self) -> Events:
        """The events."""
        column, day, ended, stale, value = zip(*self._rows, strict=True) if self._rows else ((),) * 5
        return Events(
            np.array(column, dtype=np.int64),
            np.array(day, dtype=np.int64),
            np.array(ended, dtype=np.int64),
            np.array(stale, dtype=np.int64),
            np.array(value, dtype=np.float64),
        )


_day_of_filing = attrgetter("filed")


def _by_period(figure: Filed) -> tuple[int, bool, int]:
    """By its period; of one period the cover count comes last, and of that the last filed."""
    return figure.number, figure.concept == "shares_outstanding", figure.filed


def _changed(counting: list[Filed], entering: Sequence[Filed], leaving: Sequence[Filed]) -> list[Filed]:
    """The figures that count after a day, the newest last; of two alike the one that came first is last."""
    for figure in entering:
        insort_left(counting, figure, key=_by_period)
    return [figure for figure in counting if figure not in leaving] if leaving else counting


def _files_quarters(counting: list[Filed], newest: Filed) -> bool:
    """Whether one of the figures of the last year is of a quarter alone."""
    recent = takewhile(lambda figure: figure.number >= newest.number - 4, reversed(counting))
    return any(figure.place < 4 for figure in recent)


def _histories(market: Market, concepts: tuple[str, ...]) -> Iterator[tuple[int, list[Filed]]]:
    """Figures of `concepts` that count some time, symbol by symbol in order of filing."""
    filing = _filing(market)
    chosen = np.concatenate([filing.rows.get(concept, _NO_ROWS) for concept in concepts])
    chosen = chosen[np.lexsort((chosen, filing.column[chosen]))]
    unknown = ~market.facts["fiscal_period"].iloc[chosen].isin(list(_PERIOD)).to_numpy()
    if unknown.any():
        row = market.facts.iloc[chosen[unknown][0]]
        raise MarketError(
            f"{market.name}: {row['symbol']} {row['concept']} filed {row['filed']:%Y-%m-%d} has fiscal "
            f"period {row['fiscal_period']!r}; it must be one of {', '.join(_PERIOD)}"
        )
    holders, first = np.unique(filing.column[chosen], return_index=True)
    borders = [*first.tolist(), len(chosen)]
    for begin in range(0, len(holders), TOGETHER):
        some = borders[begin : begin + TOGETHER + 1]
        figures = _figures(market.facts.iloc[chosen[some[0] : some[-1]]])
        for holder, start, stop in zip(holders[begin:].tolist(), some, some[1:], strict=False):
            own = figures[start - some[0] : stop - some[0]]
            own.sort(
                key=lambda figure: (figure.known, figure.filed, figure.year, figure.place, figure.concept)
            )
            yield holder, own


def _figures(rows: pd.DataFrame) -> list[Filed]:
    """Rows of `Market.facts`, each as a figure."""

    def day(column: str, blank: Dates) -> list[int]:
        dates = rows[column].to_numpy().astype("datetime64[D]")
        return list(np.where(np.isnat(dates), blank, dates).astype(np.int64).tolist())

    filed: Dates = rows["filed"].to_numpy().astype("datetime64[D]")
    years = rows["fiscal_year"].to_numpy(dtype=np.int64)
    places = rows["fiscal_period"].map(_PERIOD).to_numpy(dtype=np.int64)
    return list(
        map(
            Filed,
            day("filed", filed),
            day("known", filed),
            day("withdrawn", np.full(len(rows), NEVER)),
            day("period_end", filed - np.timedelta64(USUAL_DELAY, "D")),
            years.tolist(),
            places.tolist(),
            (4 * years + np.minimum(places, 3)).tolist(),
            rows["value"].tolist(),
            rows["concept"].tolist(),
        )
    )


@dataclass(frozen=True, eq=False)
class _Filing:
    """Where a market's figures stand.

    Attributes
    ----------
    column : ndarray of int, shape (figures,)
        Position of each figure's symbol among the market's columns.
    rows : mapping of str to ndarray of int
        Figures of each concept that count some time.
    """

    column: npt.NDArray[np.int32]
    rows: Mapping[str, npt.NDArray[np.intp]]


_NO_ROWS = np.empty(0, dtype=np.intp)

_FILING: WeakKeyDictionary[Market, _Filing] = WeakKeyDictionary()


def _filing(market: Market) -> _Filing:
    """Looked up once a market: to find one concept among ten million figures takes longer than to use it."""
    known = _FILING.get(market)
    if known is None:
        facts = market.facts
        codes, symbols = pd.factorize(facts["symbol"])
        column = np.array([market.column.get(symbol, -1) for symbol in symbols] or [-1], dtype=np.int32)[
            codes
        ]
        usable = (column >= 0) & np.isfinite(facts["value"].to_numpy()) & facts["known"].notna().to_numpy()
        codes, concepts = pd.factorize(facts["concept"])
        codes[~usable] = len(concepts)
        order = np.argsort(codes, kind="stable")
        borders = np.searchsorted(codes[order], np.arange(len(concepts) + 1))
        rows = {
            str(concept): order[begin:end]
            for concept, begin, end in zip(concepts, borders, borders[1:], strict=False)
        }
        known = _FILING[market] = _Filing(column, rows)
    return known


def _days(history: list[Filed]) -> Iterator[tuple[int, list[Filed], list[Filed]]]:
    """Day by day the figures that begin to count, and those that no longer do."""
    last = int(NEVER.astype(np.int64))
    entering: dict[int, list[Filed]] = {}
    leaving: dict[int, list[Filed]] = {}
    for figure in history:
        entering.setdefault(figure.known, []).append(figure)
        if figure.withdrawn < last:
            leaving.setdefault(figure.withdrawn, []).append(figure)
    for day in sorted({*entering, *leaving}):
        yield day, entering.get(day, []), leaving.get(day, [])
