"""What is wrong with closes: errors stop the load, the rest is reported.

A check is a small function; `PRICE_CHECKS` lists them, and a new one is one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.calendars import (
    NEW_YORK,
    CalendarError,
    calendar_that_fits,
    exchange_name,
    exchange_sessions,
)
from datafeeds.market import Array, Dates, Finding

PRICE_JUMP = 3.0
"""Ratio of one close to the last above which, or below whose inverse, a jump is suspicious."""

STALE_SESSIONS = 10
"""Sessions in a row with an unchanged close that are suspicious."""


CALENDAR = ("not a session", "missing session", "session without price")
"""Checks of days rather than of prices: a run that holds none of those days can do without them."""


def of_calendar(finding: Finding) -> bool:
    """Whether an error concerns one day of the exchange's calendar only."""
    return finding.check in CALENDAR


def check_prices(
    sessions: Dates, symbols: tuple[str, ...], close: Array, calendar: str = NEW_YORK
) -> tuple[Finding, ...]:
    """Look for what is wrong with prices.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    close : ndarray, shape (sessions, symbols)
        Closes, NaN where a symbol did not trade.
    calendar : str
        Code of the calendar whose sessions they should be.

    Returns
    -------
    tuple of Finding
        Errors: dates that are not exchange sessions, sessions missing, twice or out of order, sessions
        without any price, prices that are not positive. Suspicions: jumps and stale closes. A note where
        every symbol lives to the end.
    """
    days: Dates = sessions.astype("datetime64[D]")
    ordered = sessions_out_of_order(days, symbols, close)
    held = not_exchange_sessions(days, calendar)
    return (
        *ordered,
        *held,
        *(finding for check in PRICE_CHECKS for finding in check(days, symbols, close)),
    )


def sessions_out_of_order(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Sessions that come twice or before an earlier one."""
    step = np.diff(sessions).astype(np.int64)
    twice = [
        Finding(
            "error", "duplicate session", "this session comes more than once; keep one row", date=str(day)
        )
        for day in sessions[1:][step == 0]
    ]
    return twice + [
        Finding("error", "session order", "this session comes after a later one; sort by date", date=str(day))
        for day in sessions[1:][step < 0]
    ]


FOREIGN = 3
"""Days too many, and days missing, from which on prices may be those of another exchange."""


def not_exchange_sessions(sessions: Dates, calendar: str = NEW_YORK) -> list[Finding]:
    """Dates on which the exchange was closed, and sessions missing between the first and the last."""
    if not len(sessions):
        return [Finding("error", "no sessions", "there are no prices at all")]
    today = np.datetime64("today", "D")
    future = sessions[sessions > today]
    if len(future):
        return [
            Finding(
                "error",
                "date after today",
                f"{len(future):,} dates lie after today, {today}, this one first: correct or remove the rows",
                date=str(future.min()),
            )
        ]
    try:
        expected = exchange_sessions(str(sessions.min()), str(sessions.max()), calendar)
    except CalendarError as problem:
        return [Finding("error", "calendar", f"{problem}; leave out the rows of other days")]
    closed, missing = np.setdiff1d(sessions, expected), np.setdiff1d(expected, sessions)
    findings = [
        Finding(
            "error",
            "not a session",
            f"{exchange_name(calendar)} was closed on this {pd.Timestamp(day):%A}; remove the row",
            date=str(day),
        )
        for day in closed
    ]
    findings += [
        Finding(
            "error",
            "missing session",
            "the exchange was open but there are no prices; add them",
            date=str(day),
        )
        for day in missing
    ]
    return [*_of_another_exchange(sessions, calendar, closed, missing), *findings]


def _of_another_exchange(sessions: Dates, calendar: str, closed: Dates, missing: Dates) -> list[Finding]:
    """Say which calendar prices follow instead, where many of their days are wrong."""
    weekends = pd.DatetimeIndex(closed).day_of_week > 4
    if len(closed) < FOREIGN or (len(missing) < FOREIGN and not weekends.any()):
        return []
    other = calendar_that_fits(sessions)
    if not other:
        return []
    return [
        Finding(
            "suspicion",
            "another calendar",
            f"{len(closed) + len(missing)} days differ from {exchange_name(calendar)}; they are the sessions "
            f'of {exchange_name(other)}: write "calendar": "{other}" into source.json',
        )
    ]


def sessions_without_price(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Sessions on which no symbol has a close."""
    empty = ~np.isfinite(close).any(axis=1)
    return [
        Finding(
            "error",
            "session without price",
            "no symbol has a close; add prices or remove the date",
            date=str(day),
        )
        for day in sessions[empty]
    ]


def prices_not_positive(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Closes of zero or less."""
    return [
        Finding(
            "error",
            "price not positive",
            f"the close is {close[row, column]:g}; prices are more than 0",
            symbol=symbols[column],
            date=str(sessions[row]),
        )
        for row, column in zip(*(axis.tolist() for axis in np.nonzero(close <= 0)), strict=True)
    ]


def price_jumps(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Closes more than `PRICE_JUMP` times the last known one, or less than its inverse."""
    findings: list[Finding] = []
    for column, row, before in _changes(close):
        with np.errstate(over="ignore"):
            ratio = close[row, column] / close[before, column]
        findings.extend(
            Finding(
                "suspicion",
                "price jump",
                f"close {close[this, column]:g} after {close[last, column]:g} on {sessions[last]}: a split "
                "that is not adjusted for, a wrong price, or news",
                symbol=symbols[column],
                date=str(sessions[this]),
            )
            for this, last in zip(
                row[(ratio > PRICE_JUMP) | (ratio < 1 / PRICE_JUMP)],
                before[(ratio > PRICE_JUMP) | (ratio < 1 / PRICE_JUMP)],
                strict=True,
            )
        )
    return findings


def stale_prices(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Runs of `STALE_SESSIONS` and more sessions with the very same close, one finding a symbol."""
    findings: list[Finding] = []
    for column, row, before in _changes(close):
        same = np.concatenate(([False], close[row, column] == close[before, column], [False]))
        edges = np.flatnonzero(np.diff(same.astype(np.int8)))
        starts, lengths = edges[::2], edges[1::2] - edges[::2] + 1
        runs = np.flatnonzero(lengths >= STALE_SESSIONS)
        if len(runs):
            longest = runs[np.argmax(lengths[runs])]
            first = before[starts[longest]]
            findings.append(
                Finding(
                    "suspicion",
                    "stale price",
                    f"{len(runs)} times the close stays the same for {STALE_SESSIONS} sessions or more; the "
                    f"longest, at {close[first, column]:g}, for {lengths[longest]} sessions from this one",
                    symbol=symbols[column],
                    date=str(sessions[first]),
                )
            )
    return findings


def survivors_only(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Whether every symbol still trades at the end, as in a list chosen with hindsight."""
    if len(sessions) < 2 or not np.isfinite(close[-1]).all():
        return []
    return [
        Finding(
            "note",
            "survivorship",
            f"all {len(symbols)} symbols trade to the last session: none was delisted, so results are "
            "biased upwards",
            date=str(sessions[-1]),
        )
    ]


PriceCheck = Callable[[Dates, tuple[str, ...], Array], list[Finding]]

PRICE_CHECKS: tuple[PriceCheck, ...] = (
    sessions_without_price,
    prices_not_positive,
    price_jumps,
    stale_prices,
    survivors_only,
)
"""Checks of prices in the order of their findings."""


def _changes(close: Array) -> Iterable[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """For each column, the rows with a price and the row of the price before, from the second on."""
    traded = np.isfinite(close) & (close > 0)
    for column in range(close.shape[1]):
        rows = np.flatnonzero(traded[:, column])
        if len(rows) > 1:
            yield column, rows[1:], rows[:-1]
