"""Event studies: what a day did beyond the ordinary, who led, and what followed days like it.

Abnormal returns come from the market model (`strategies.signals.fitted_market_model`), estimated 280 to 31
sessions before the event. A group is one equal-weighted portfolio, so its standard error contains how its
members move together on the day. What followed similar days is compared with the same pattern of days put
elsewhere in the calendar, which keeps how those days cluster and how windows overlap.
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from backtests.research.dow import LEAST_MEMBERS, PriceWeightedDay, dow_members, price_weighted_day
from backtests.research.indices import (
    NoIndex,
    group_returns,
    index_returns,
    market_returns,
    session_returns,
)
from datafeeds.facts import fact, names
from datafeeds.market import Array, Market
from datafeeds.names import unknown_name
from datafeeds.series import series_names, series_table
from datafeeds.toml_files import read_toml
from datafeeds.validation import TomlTable, validated
from strategies.signals import ESTIMATION_FIRST, ESTIMATION_LAST, fitted_market_model, turbulence

HORIZONS = (1, 5, 21, 63)
"""Sessions after a similar day over which is looked."""

HARDWARE = "ai_hardware"
"""Group of the semiconductors, unless an event names another."""

DRAWS = 2000
"""Shifts of the calendar, at most."""


class EventError(ValueError):
    """An event that can't be studied; the message says what to change."""


class Signature(TomlTable):
    """The moves of a day, and how much of each makes another day like it.

    Attributes
    ----------
    dow, nasdaq : float
        Returns of the two indices.
    worst : float
        Lowest return among the members of `hardware`.
    share : float
        A day is like it where each of the three moved the same way by at least this share of it.
    hardware : str
        Group of the semiconductors.
    """

    dow: float
    nasdaq: float
    worst: float
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    hardware: str = HARDWARE

    def like(self, dow: Array, nasdaq: Array, worst: Array) -> npt.NDArray[np.intp]:
        """Sessions that are like it; unknown never counts as like.

        Parameters
        ----------
        dow, nasdaq, worst : ndarray, shape (sessions,)
        """
        pairs = ((dow, self.dow), (nasdaq, self.nasdaq), (worst, self.worst))
        alike = [np.sign(move) * moves >= self.share * abs(move) for moves, move in pairs]
        return np.flatnonzero(np.logical_and.reduce(alike) & np.isfinite(worst))

    def words(self) -> str:
        """What a day must have done to be like it."""
        least = (f"{self.share * move:+.2%}" for move in (self.dow, self.nasdaq, self.worst))
        dow, nasdaq, worst = least
        return (
            f"the Dow {dow} or beyond, the Nasdaq {nasdaq} or beyond, and the worst of {self.hardware} "
            f"{worst} or beyond: {self.share:.0%} of the day's own moves"
        )


class Event(TomlTable):
    """An event file.

    Attributes
    ----------
    name : str
        What the study is called, on its page and in the terminal.
    date : date
        The day itself; the session on it, or the next one.
    before, after : int
        Sessions of the window around the day.
    groups : tuple of str
        Groups to study; all of the market's if empty.
    market : str
        Group whose mean return is the market's; every stock in equal weight if the market lacks it.
    dow : tuple of str
        Members of the price-weighted index; those of the Dow on that date if empty.
    divisor : float, optional
        The index's divisor, for points.
    most : int
        Leaders and laggards to show.
    signature : Signature, optional
        What makes other days similar; the moves of the day itself if not given.
    """

    name: str = "event"
    date: dt.date
    before: Annotated[int, Field(ge=0, le=30)] = 1
    after: Annotated[int, Field(ge=0, le=63)] = 5
    groups: tuple[str, ...] = ()
    market: str = "cap_weighted"
    dow: tuple[str, ...] = ()
    divisor: Annotated[float, Field(gt=0)] | None = None
    most: Annotated[int, Field(ge=1, le=50)] = 8
    signature: Signature | None = None


def load_event(path: Path) -> Event:
    """Read an event file (TOML); its keys are the fields of `Event`.

    Raises
    ------
    EventError
        If it can't be read, or a key is unknown or out of range.
    """
    return parse_event(read_toml(path, EventError), str(path))


def parse_event(document: dict[str, Any], source: str) -> Event:
    """Check an event file's content; see `load_event`."""
    return validated(Event, document, source, "the event file", EventError)


@dataclass(frozen=True)
class Reported:
    """A figure of the event as it was published.

    Attributes
    ----------
    what : str
    change : float
        Return of the day, NaN where it is a level.
    words : str
        As published, with what is disputed.
    symbol, series : str
        Where a market may have its own record of it: the return of a symbol, or the value of a series.
    """

    what: str
    change: float
    words: str
    symbol: str = ""
    series: str = ""


_JUNE_2026 = tomllib.loads(Path(__file__).with_name("june_2026.toml").read_text(encoding="utf-8"))

JUNE_2026_DATE: dt.date = _JUNE_2026["date"]

JUNE_2026_REPORTED = tuple(Reported(**{"change": math.nan} | each) for each in _JUNE_2026["published"])
"""What was published about 2026-06-04. No price of that day is in the sample."""

_CHANGES = {each.what: each.change for each in JUNE_2026_REPORTED}

JUNE_2026_SIGNATURE = Signature(
    dow=_CHANGES["Dow Jones Industrial Average"],
    nasdaq=_CHANGES["Nasdaq Composite"],
    worst=_CHANGES["Broadcom"],
)


@dataclass(frozen=True)
class Own:
    """A market's own record of a published figure.

    Attributes
    ----------
    what : str
    change : float
        Return of the day, or relative change of a series from the value before; NaN where unknown.
    level : float
        Value of a series; NaN for a symbol.
    date : datetime64[D] or None
        The day that the record is of: the event's, or the latest before it that the market has.
    """

    what: str
    change: float = math.nan
    level: float = math.nan
    date: np.datetime64 | None = None


def own_record(market: Market, published: Reported, day: np.datetime64) -> Own:
    """What `market` itself has on record of a published figure."""
    if published.series in series_names(market):
        table = series_table(market, published.series).by_date()
        known = table.count(day)
        if known:
            before, now = table.values[max(known - 2, 0) : known][[0, -1]]
            change = float(now / before - 1.0) if known > 1 and before > 0 else math.nan
            return Own(published.what, change, float(now), table.dates[known - 1])
    index = market.index_of(day)
    if published.symbol in market.column and index > 0 and market.sessions[index] == day:
        change = float(session_returns(market)[index, market.column[published.symbol]])
        return Own(published.what, change, date=day)
    return Own(published.what)


@dataclass(frozen=True)
class Abnormal:
    """Abnormal return of one group or symbol.

    Attributes
    ----------
    name : str
    members : int
        With a return on the day.
    actual : float
        Return on the day.
    day, day_error : float
        Abnormal return on the day, and its standard error.
    window, window_error : float
        The same summed over the window around it.
    """

    name: str
    members: int
    actual: float
    day: float
    day_error: float
    window: float
    window_error: float

    @property
    def t(self) -> float:
        """The day's abnormal return in standard errors."""
        return self.day / self.day_error if self.day_error > 0 else float("nan")


def abnormal_return(
    name: str, returns: Array, market: Array, index: int, before: int, after: int, members: int = 1
) -> Abnormal:
    """Abnormal return around session `index`.

    Parameters
    ----------
    returns, market : ndarray, shape (sessions,)
    index, before, after : int
        The window reaches from `before` sessions before `index` to `after` after it, as far as there is data.

    Returns
    -------
    Abnormal
        NaN where the estimation window is too thin. Residuals are taken to be as large as the market's
        volatility known before each session (`turbulence`): a crisis in the estimation window then hides no
        event, and a turbulent day makes none. The window's error contains that of the estimated coefficients
        (Campbell, Lo and MacKinlay 1997, equation 4.4.13, with these weights).
    """
    nan = float("nan")
    actual = float(returns[index])
    first, last = index - ESTIMATION_FIRST, index - ESTIMATION_LAST + 1
    scale = turbulence(market)
    model = (
        fitted_market_model(returns[first:last], market[first:last], scale[first:last])
        if first >= 0
        else None
    )
    if model is None or not np.isfinite(actual):
        return Abnormal(name, members, actual, nan, nan, nan, nan)
    rows = slice(max(0, index - before), min(len(returns), index + after + 1))
    ours, theirs, sizes = returns[rows], market[rows], scale[rows]
    known = np.isfinite(ours) & np.isfinite(theirs)
    total = float(model.abnormal(ours[known], theirs[known]).sum())
    error = model.error_of_sum(theirs[known], sizes[known])
    today = float(market[index])
    return Abnormal(
        name,
        members,
        actual,
        model.abnormal(actual, today),
        model.error(today, float(scale[index])),
        total,
        error,
    )


@dataclass(frozen=True, eq=False)
class Indices:
    """One day of three indices over the same members.

    Attributes
    ----------
    members : int
    missing : tuple of str
        Members that the market lacks.
    price : PriceWeightedDay
    equal, cap : float
        Equal- and cap-weighted return; `cap` is NaN where market values are not known.
    """

    members: int
    missing: tuple[str, ...]
    price: PriceWeightedDay
    equal: float
    cap: float


def compare_indices(
    market: Market, returns: Array, index: int, members: Iterable[str], divisor: float | None = None
) -> Indices:
    """Price-, equal- and cap-weighted return of the same members on one day.

    Cap weights are those of the close before.
    """
    wanted = list(members)
    present = [
        symbol
        for symbol in wanted
        if symbol in market.column and np.isfinite(returns[index, market.column[symbol]])
    ]
    price = price_weighted_day(market, index, present, divisor)
    columns = market.columns_of(present)
    today = returns[index, columns]
    caps = (
        fact(market, "market_cap")[index - 1, columns]
        if "market_cap" in names(market)
        else np.full(len(today), np.nan)
    )
    known = np.isfinite(caps)
    cap = (
        float(today[known] @ caps[known] / caps[known].sum())
        if known.sum() > len(today) / 2
        else float("nan")
    )
    missing = tuple(symbol for symbol in wanted if symbol not in present)
    return Indices(len(present), missing, price, float(today.mean()), cap)


@dataclass(frozen=True)
class Aftermath:
    """What followed similar days over one horizon, beside ordinary days.

    Attributes
    ----------
    horizon : int
        Sessions after the day.
    days : int
        Similar days with a full horizon.
    mean : float
        Mean sum of what followed.
    ordinary : float
        Mean over all placements of the same pattern of days.
    low, high : float
        Where 95% of those placements lie.
    p_value : float
        Share of placements at least as far from `ordinary`, both sides; at least 1 / (placements + 1).
    """

    horizon: int
    days: int
    mean: float
    ordinary: float
    low: float
    high: float
    p_value: float


def aftermath(
    returns: Array, days: npt.NDArray[np.intp], horizon: int, draws: int = DRAWS, seed: int = 0
) -> Aftermath:
    """Compare what followed `days` with the same pattern of days shifted round the calendar.

    Parameters
    ----------
    returns : ndarray, shape (sessions,)
        Such as the Dow's less the Nasdaq's; NaN where unknown.
    days : ndarray of int
        The decision is at their close: the day's own return is not in the sum.
    horizon : int
    draws, seed : int
        Shifts, drawn without replacement; all of them if there are fewer.

    Returns
    -------
    Aftermath
        NaN without a day that has a full horizon. Days in part of the sample without returns count nowhere.

    Notes
    -----
    A circular shift keeps the distances between the days, and with them how their windows overlap; the
    placements are the distribution under no relation between the pattern and the returns (a circular block
    permutation, as in Politis and Romano 1992).
    """
    sums = forward_sums(returns, horizon)
    known = np.flatnonzero(np.isfinite(sums))
    nan = float("nan")
    place = np.full(len(sums), -1)
    place[known] = np.arange(len(known))
    places = place[days]
    places = places[places >= 0]
    if not len(places) or len(known) < 2:
        return Aftermath(horizon, 0, nan, nan, nan, nan, nan)
    values = sums[known]
    shifts = np.arange(1, len(known))
    if len(shifts) > draws:
        shifts = np.random.default_rng(seed).choice(shifts, size=draws, replace=False)
    means = values[(places[None, :] + shifts[:, None]) % len(known)].mean(axis=1)
    mean, ordinary = float(values[places].mean()), float(means.mean())
    # Equal sums taken in another order differ in the last bits; they count as equal.
    beyond = int((np.abs(means - ordinary) >= abs(mean - ordinary) - 1e-12).sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return Aftermath(
        horizon, len(places), mean, ordinary, float(low), float(high), (beyond + 1) / (len(means) + 1)
    )


def forward_sums(returns: Array, horizon: int) -> Array:
    """Sum of the `horizon` returns after each session; NaN where one is unknown or the data ends."""
    filled = np.concatenate([[0.0], np.cumsum(np.nan_to_num(returns))])
    gaps = np.concatenate([[0], np.cumsum(~np.isfinite(returns))])
    sums = np.full(len(returns), np.nan)
    count = len(returns) - horizon
    if count > 0:
        ends = np.arange(count) + horizon + 1
        starts = np.arange(count) + 1
        whole = gaps[ends] == gaps[starts]
        sums[:count] = np.where(whole, filled[ends] - filled[starts], np.nan)
    return sums


@dataclass(frozen=True, eq=False)
class Study:
    """An event study.

    Attributes
    ----------
    event : Event
    session : datetime64[D] or None
        The session studied; None where the market does not reach it.
    market_label : str
        What stands for the market in the model.
    groups : tuple of Abnormal
    leaders, laggards : tuple of Abnormal
        Symbols by their return on the day.
    indices : Indices or None
    signature : Signature or None
        What makes a day like it; None where its own moves are not known.
    similar : ndarray of datetime64[D]
        Earlier days with the signature.
    following : mapping of str to tuple of Aftermath
        By relative return: what followed those days.
    notes : tuple of str
        What could not be had, and why.
    own : tuple of Own
        The market's own record of what was published, where something was.
    """

    event: Event
    session: np.datetime64 | None
    market_label: str
    groups: tuple[Abnormal, ...]
    leaders: tuple[Abnormal, ...]
    laggards: tuple[Abnormal, ...]
    indices: Indices | None
    signature: Signature | None
    similar: npt.NDArray[np.datetime64]
    following: MappingProxyType[str, tuple[Aftermath, ...]]
    notes: tuple[str, ...]
    own: tuple[Own, ...]


def study(market: Market, event: Event, seed: int = 0) -> Study:
    """Study `event` on `market`.

    Parameters
    ----------
    market : Market
        If it ends before the event, only similar days are looked for, and a note says so.
    event : Event
    seed : int
        Of the shifts.

    Raises
    ------
    EventError
        If the event lies before the market begins, or a group does not exist.
    """
    day = np.datetime64(event.date, "D")
    for group in event.groups:
        if group not in market.groups:
            raise EventError(unknown_name("group", group, market.groups, f"market {market.name!r}"))
    if day < market.sessions[0]:
        raise EventError(f"{event.date} lies before market {market.name!r} begins ({market.sessions[0]})")
    returns = session_returns(market)
    label, whole = market_returns(market, returns, event.market)
    notes: list[str] = []
    index = int(np.searchsorted(market.sessions, day))
    reached = index < len(market.sessions)
    groups: tuple[Abnormal, ...] = ()
    leaders: tuple[Abnormal, ...] = ()
    laggards: tuple[Abnormal, ...] = ()
    indices = None
    if reached:
        if market.sessions[index] != day:
            notes.append(f"{event.date} is no session; studied: {market.sessions[index]}.")
        groups = tuple(_groups(market, returns, whole, index, event))
        leaders, laggards = _leaders(market, returns, whole, index, event)
        indices, note = _indices(market, returns, index, event)
        notes += [note] if note else []
    else:
        notes.append(
            f"Market {market.name!r} ends on {market.sessions[-1]}, before {event.date}: nothing of the day "
            "itself can be measured on it."
        )
    signature, days, following, missing = _history(market, returns, event, index, seed)
    published = JUNE_2026_REPORTED if event.date == JUNE_2026_DATE else ()
    return Study(
        event=event,
        session=market.sessions[index] if reached else None,
        market_label=label,
        groups=groups,
        leaders=leaders,
        laggards=laggards,
        indices=indices,
        signature=signature,
        similar=market.sessions[days],
        following=MappingProxyType(following),
        notes=(*notes, *missing),
        own=tuple(own_record(market, each, day) for each in published),
    )


def _groups(market: Market, returns: Array, whole: Array, index: int, event: Event) -> Iterable[Abnormal]:
    for group in event.groups or market.groups:
        if group == event.market:  # the market explains itself
            continue
        members = int((market.membership(group, index) & np.isfinite(returns[index])).sum())
        series = group_returns(market, returns, group)
        yield abnormal_return(group, series, whole, index, event.before, event.after, members)


def _leaders(
    market: Market, returns: Array, whole: Array, index: int, event: Event
) -> tuple[tuple[Abnormal, ...], tuple[Abnormal, ...]]:
    stocks = np.flatnonzero((market.kinds == "stock") & np.isfinite(returns[index]))
    order = stocks[np.argsort(-returns[index, stocks], kind="stable")]
    most = min(event.most, len(order) // 2)

    def rows(columns: npt.NDArray[np.intp]) -> tuple[Abnormal, ...]:
        return tuple(
            abnormal_return(
                market.symbols[column], returns[:, column], whole, index, event.before, event.after
            )
            for column in columns
        )

    return rows(order[:most]), rows(order[::-1][:most])


def _indices(market: Market, returns: Array, index: int, event: Event) -> tuple[Indices | None, str]:
    if index == 0:
        return None, "The first session has no return: no indices compared."
    given = list(event.dow) or dow_members(market.sessions[index])
    present = [symbol for symbol in given if symbol in market.column]
    if event.dow or len(present) >= LEAST_MEMBERS:
        return compare_indices(market, returns, index, given, event.divisor), ""
    stocks = [str(symbol) for symbol in np.array(market.symbols)[market.kinds == "stock"]]
    why = f"{len(present)} of the Dow's 30 members are in this market, too few for the Dow"
    return compare_indices(market, returns, index, stocks), f"{why}: compared over its {len(stocks)} stocks."


def _history(
    market: Market, returns: Array, event: Event, end: int, seed: int
) -> tuple[Signature | None, npt.NDArray[np.intp], dict[str, tuple[Aftermath, ...]], list[str]]:
    """The day's signature, similar days before session `end`, and what followed them."""
    nothing = np.array([], dtype=np.intp)
    try:
        dow_label, dow = index_returns(market, returns, "dow")
        nasdaq_label, nasdaq = index_returns(market, returns, "nasdaq")
    except NoIndex as error:
        return event.signature, nothing, {}, [f"No similar days: {error}."]
    hardware = event.signature.hardware if event.signature else HARDWARE
    if hardware not in market.groups:
        return event.signature, nothing, {}, [f"No similar days: no group {hardware!r}."]
    belongs = market.memberships(hardware) & np.isfinite(returns)
    worst = np.where(belongs.any(axis=1), np.where(belongs, returns, np.inf).min(axis=1), np.nan)
    signature = event.signature
    if signature is None and end < len(returns):
        moves = [float(each[end]) for each in (dow, nasdaq, worst)]
        if np.isfinite(moves).all():
            signature = Signature(dow=moves[0], nasdaq=moves[1], worst=moves[2])
    elif signature is None and event.date == JUNE_2026_DATE:
        signature = JUNE_2026_SIGNATURE
    if signature is None:
        return None, nothing, {}, ["No similar days: what the indices did on the day itself is not known."]
    days = signature.like(dow, nasdaq, worst)
    days = days[days < end]
    pairs = {"Dow less Nasdaq": dow - nasdaq}
    if {"small_cap", "cap_weighted"} <= set(market.groups):
        small, whole = (group_returns(market, returns, name) for name in ("small_cap", "cap_weighted"))
        pairs["Small caps less cap-weighted"] = small - whole
    pairs["Hardware less Dow"] = group_returns(market, returns, hardware) - dow
    following = {
        name: tuple(aftermath(pair[:end], days, horizon, seed=seed) for horizon in HORIZONS)
        for name, pair in pairs.items()
    }
    stands = f"For the Dow: {dow_label}. For the Nasdaq: {nasdaq_label}."
    return signature, days, following, [stands]
