"""On which days a market trades: the calendars of ``exchange_calendars``, by their codes.

Building one takes a fifth of a second, so it is kept in the cache (`datafeeds.cache_home`) by its years, the
versions of packages and this code.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datafeeds.cache_home import keep, kept, name_for
from datafeeds.names import unknown_name

Dates = npt.NDArray[np.datetime64]

NEW_YORK = "XNYS"
ROUND_THE_CLOCK = "24/7"

SESSIONS_A_YEAR, DAYS_A_YEAR = 252.0, 365.0
"""By which daily returns are annualised: on exchanges by convention, and where every day is a session."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        NEW_YORK: "the New York Stock Exchange",
        ROUND_THE_CLOCK: "a market that never closes",
        "XLON": "the London Stock Exchange",
        "XPAR": "Euronext Paris",
        "XAMS": "Euronext Amsterdam",
        "XETR": "Xetra",
        "XSWX": "the Swiss exchange",
        "XMIL": "the exchange of Milan",
        "XMAD": "the exchange of Madrid",
        "XSTO": "the exchange of Stockholm",
        "XTSE": "the Toronto Stock Exchange",
        "XTKS": "the Tokyo Stock Exchange",
        "XHKG": "the exchange of Hong Kong",
        "XASX": "the Australian exchange",
    }
)
"""What readers see; also the calendars that unexplained days are compared with."""

TIME_ZONES = (
    "UTC",
    "America/New_York",
    "America/Toronto",
    "Asia/Hong_Kong",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Amsterdam",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Madrid",
    "Europe/Paris",
    "Europe/Rome",
    "Europe/Stockholm",
    "Europe/Zurich",
)
"""Where the exchanges of `NAMES` are."""

BEGINNINGS = (1960, 1990, 2000, 2010)
"""Years from which a calendar is built, the first that it can be built from."""


class CalendarError(ValueError):
    """A calendar that is not there, or does not reach far enough; the message says what to do."""


def calendar_named(name: str) -> str:
    """The code of a calendar by its code or another name for it.

    Raises
    ------
    CalendarError
        If there is none, naming the nearest.

    Examples
    --------
    >>> calendar_named("LSE"), calendar_named("24/7")
    ('XLON', '24/7')
    """
    if name in NAMES:
        return name
    # A fifteenth of a second to import: markets from the cache have their sessions.
    from exchange_calendars import get_calendar_names, resolve_alias

    known = get_calendar_names()
    if name not in known:
        codes = [*get_calendar_names(include_aliases=False)]
        raise CalendarError(
            unknown_name("calendar", name, codes, "exchange_calendars")
            + f'; "{ROUND_THE_CLOCK}" has every day'
        )
    return str(resolve_alias(name))


def exchange_name(calendar: str) -> str:
    """What readers see of a calendar."""
    return NAMES.get(calendar, f"the exchange {calendar}")


def sessions_a_year(calendar: str) -> float:
    """Sessions by which a year is counted: 365 where every day is one, else the usual 252."""
    return DAYS_A_YEAR if calendar == ROUND_THE_CLOCK else SESSIONS_A_YEAR


@lru_cache(maxsize=8)
def exchange_sessions(start: str, end: str, calendar: str = NEW_YORK) -> Dates:
    """Sessions of an exchange from `start` to `end`, both inclusive.

    Parameters
    ----------
    start, end : str
        ISO dates.
    calendar : str
        Code of a calendar of ``exchange_calendars``; New York's if not given.

    Returns
    -------
    ndarray of datetime64[D]
        Tz-naive session dates in order. Read-only.

    Raises
    ------
    CalendarError
        If there is no such calendar, or it is not known over the whole span.
    """
    first, last = np.datetime64(start, "D"), np.datetime64(end, "D")
    if calendar == ROUND_THE_CLOCK:
        every: Dates = np.arange(first, max(first, last + 1))
        every.setflags(write=False)
        return every
    sessions, since, until = _whole_calendar(calendar, min(1960, int(start[:4])), max(2040, int(end[:4])))
    if first < since or last > until:
        raise CalendarError(
            f"the calendar {calendar} is known from {since} to {until}, not from {start} to {end}"
        )
    return sessions[np.searchsorted(sessions, first) : np.searchsorted(sessions, last, side="right")]


def calendar_span(calendar: str) -> tuple[np.datetime64, np.datetime64]:
    """First and last day of which a calendar says whether it is a session."""
    if calendar == ROUND_THE_CLOCK:
        return np.datetime64("1900-01-01"), np.datetime64("2200-12-31")
    return _whole_calendar(calendar, BEGINNINGS[0], 2040)[1:]


class _Calendar(NamedTuple):
    """Sessions of whole years, and the days that they are known from and to."""

    sessions: Dates
    since: np.datetime64
    until: np.datetime64


@lru_cache(maxsize=16)
def _whole_calendar(calendar: str, first: int, last: int) -> _Calendar:
    """A calendar from the cache, or else as the library builds it.

    One of eighty years takes no longer to build than one of two weeks.
    """
    name = name_for(calendar, first, last, *map(metadata.version, MADE_BY), code=Path(__file__))
    if (days := kept(KIND, name)) is not None:
        known = np.frombuffer(days, dtype="<M8[D]")
        return _Calendar(known[2:], known[0], known[1])
    built = _built(calendar, first, last)
    keep(KIND, name, np.array([built.since, built.until, *built.sessions], dtype="<M8[D]").tobytes())
    return built


KIND = "calendars"

MADE_BY = ("exchange_calendars", "pandas", "numpy")
"""Packages on whose versions the sessions of a calendar depend, beside this file."""


def _built(calendar: str, first: int, last: int) -> _Calendar:
    """The sessions that the library knows."""
    # Takes a fifteenth of a second to import, which calendars and markets from the cache do without.
    from exchange_calendars.calendar_utils import get_calendar

    code = calendar_named(calendar)
    with warnings.catch_warnings():
        # exchange_calendars 4.13 uses a part of pandas that pandas 3.1 announces to change.
        warnings.simplefilter("ignore")
        if code == NEW_YORK:
            # As above; it needs no bounds.
            from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar

            built: Any = XNYSExchangeCalendar(start=f"{first}-01-01", end=f"{last}-12-31")
            since, until = f"{first}-01-01", f"{last}-12-31"
        else:
            try:
                kind = type(get_calendar(code))
            except (ValueError, NotImplementedError) as error:
                raise CalendarError(
                    f"the installed exchange_calendars can't build {code} ({error}); name an exchange with "
                    "the same holidays"
                ) from None
            since, until, built = _longest(kind, first, last)
    sessions: Dates = built.sessions.to_numpy().astype("datetime64[D]")
    sessions.setflags(write=False)
    return _Calendar(sessions, np.datetime64(since, "D"), np.datetime64(until, "D"))


def _longest(kind: Any, first: int, last: int) -> tuple[str, str, Any]:
    """The calendar from the first of `BEGINNINGS` that it is recorded for, to the last year it reaches."""
    least, most = _bound(kind.bound_min), _bound(kind.bound_max)
    until = min(f"{last}-12-31", most or "9999")
    for year in (first, *BEGINNINGS):
        since = max(f"{year}-01-01", least or "")
        try:
            return since, until, kind(start=since, end=until)
        except (ValueError, NotImplementedError):
            continue
    code = kind.__name__.removesuffix("ExchangeCalendar")
    raise CalendarError(
        f"the installed exchange_calendars can't build {code}; name an exchange with the same holidays"
    )


def _bound(bound: Any) -> str:
    try:
        day = bound()
    except NotImplementedError:
        return ""
    return "" if day is None else f"{day:%Y-%m-%d}"


def next_exchange_session(date: np.datetime64, calendar: str = NEW_YORK) -> np.datetime64:
    """The first session of an exchange after `date`.

    Raises
    ------
    CalendarError
        If the calendar does not reach so far.
    """
    day = np.timedelta64(1, "D")
    until = min(date + 31 * day, max(calendar_span(calendar)[1], date + day))
    later = exchange_sessions(str(date + day), str(until), calendar)
    if not len(later):
        raise CalendarError(f"the calendar {calendar} ends on {until}, without a session after {date}")
    return np.datetime64(later[0], "D")


def calendar_that_fits(days: Dates) -> str:
    """The first of `NAMES` whose sessions from the first to the last day are `days`; empty if none."""
    for name in NAMES:
        try:
            sessions = exchange_sessions(str(days.min()), str(days.max()), name)
        except CalendarError:
            continue
        if np.array_equal(sessions, days):
            return name
    return ""
