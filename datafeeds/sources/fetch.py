"""Download a universe into a market folder: prices, filed figures, and daily series.

Two steps. First every response is stored as it came, under ``raw/`` in the folder, with a manifest of what
was fetched when; what is stored and fresh is not fetched again, so an interrupted download goes on where it
stopped. Then the folder's tables are made from what is stored. Nothing is replaced before all of it could
be read, and each file is written beside the old one and renamed, so a failure leaves the folder as it was.

    raw/manifest.json           what was fetched when, and from where
    raw/yahoo/NVDA.csv.gz       a frame as yfinance returned it
    raw/edgar/CIK0001045810.json.gz, raw/edgar/company_tickers.json.gz
    raw/fred/us10y.csv.gz, raw/cboe/vix.csv.gz
    prices/NVDA.csv, splits.csv, facts.csv, series.csv, instruments.csv
    source.json                 where the numbers come from, and what a reader should know about them

The hosts are asked slowly: the SEC eight times a second at most (it allows ten), others twice. Refusals for
the moment (429, 5xx, timeouts, broken connections) are tried again after waits that double, or after the
time that the host asks for.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import hashlib
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from datafeeds.market import FACT_COLUMNS, SERIES_COLUMNS, Finding, MarketError
from datafeeds.names import unknown_name
from datafeeds.sources import cboe, edgar, fred, yahoo
from datafeeds.universe import Member, Universe

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and how many there are."""

DAYS_BEFORE = 500
"""Days before the first price from which splits are wanted: share counts filed then still count."""

SESSION_OVER = 18
"""Hour in New York from which a day's prices are final."""

LIMITS = (
    "The universe was chosen with today's knowledge; symbols that failed are missing unless they were added.",
    "Prices and dividends are Yahoo's, which may revise them and adjusts for some spin-offs as for splits.",
    "Filed figures begin in 2009, when companies began to tag them.",
    "Each filed figure is as first filed; later restatements are not used.",
    "Companies with several classes of shares on the cover have no cover count; diluted averages stand in.",
    "Daily series are as published now; revisions made since are in them.",
    "Since April 2026 FRED serves three years of the high-yield spread only.",
)


class Unreachable(MarketError):  # noqa: N818  (reads as what it says)
    """A host that can't be reached now; asking again later may help."""


class NotThere(MarketError):  # noqa: N818  (reads as what it says)
    """An address that the host does not have."""


class Unreadable(MarketError):  # noqa: N818  (reads as what it says)
    """A response that is not what the address should give."""


class TryAgain(Exception):  # noqa: N818  (reads as what it says)
    """One attempt failed for the moment; `wait` is the time that the host asks for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Sites:
    """Where the sources are; other addresses are for mirrors and tests."""

    tickers: str = edgar.FILES_SITE
    facts: str = edgar.DATA_SITE
    fred: str = fred.SITE
    cboe: str = cboe.SITE


@dataclass(frozen=True)
class Patience:
    """How often and how slowly to ask again.

    Attributes
    ----------
    attempts : int
        How often to ask in all.
    first : float
        Seconds before the second attempt, on average; each further wait is twice as long. A random part,
        half to one and a half, keeps programs that failed together from asking together.
    longest : float
        Longest wait that is granted to a host that asks for one, in seconds.
    timeout : float
        Seconds without an answer after which an attempt has failed.
    """

    attempts: int = 5
    first: float = 1.0
    longest: float = 120.0
    timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def call(self, place: str, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it does not raise `TryAgain`.

        Parameters
        ----------
        place : str
            Host, for messages.
        attempt : callable

        Raises
        ------
        Unreachable
            After the last attempt, or if the host asks to wait longer than `longest`.
        """
        for number in range(1, self.attempts + 1):
            try:
                return attempt()
            except TryAgain as error:
                if number == self.attempts:
                    raise Unreachable(f"can't reach {place}: {error} ({number} attempts)") from None
                if error.wait is not None and error.wait > self.longest:
                    raise Unreachable(
                        f"can't reach {place}: {error}; it asks to wait {error.wait:.0f} seconds"
                    ) from None
                wait = self.first * 2.0 ** (number - 1) * (0.5 + self.chance())
                self.sleep(wait if error.wait is None else error.wait)
        raise AssertionError("attempts is at least 1")


@dataclass
class Pace:
    """Keeps calls to one host at least `interval` seconds apart."""

    interval: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    free_at: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Wait for one's turn."""
        now = self.clock()
        if now < self.free_at:
            self.sleep(self.free_at - now)
        self.free_at = max(now, self.free_at) + self.interval


def read(
    address: str, check: Callable[[bytes], object], *, agent: str, patience: Patience, pace: Pace
) -> bytes:
    """Read what is at an address.

    Parameters
    ----------
    address : str
    check : callable
        Raises MarketError for a body that is not what it should be; such a body is asked for again, since
        it may have been cut short.
    agent : str
        Who asks (User-Agent).
    patience : Patience
    pace : Pace

    Returns
    -------
    bytes
        The body, uncompressed.

    Raises
    ------
    Unreachable
        If the host can't be reached or refuses for the moment, after all attempts.
    NotThere
        If the host does not have the address.
    Unreadable
        If what comes is a web page or fails `check`, or the host refuses for another reason.
    """
    host = urllib.parse.urlsplit(address).netloc
    problem: list[MarketError] = []

    def attempt() -> bytes:
        pace.wait()
        problem.clear()
        body, kind = _response(address, host, agent, patience.timeout)
        if "html" in kind:
            page = edgar.page_summary(body.decode("utf-8", errors="replace"))
            raise Unreadable(f"{address}: a web page instead of data: {page!r}")
        try:
            check(body)
        except MarketError as error:
            problem.append(error)
            raise TryAgain(str(error)) from None
        return body

    try:
        return patience.call(host, attempt)
    except Unreachable:
        if problem:
            raise Unreadable(str(problem[0])) from None
        raise


def _response(address: str, host: str, agent: str, timeout: float) -> tuple[bytes, str]:
    """Body, uncompressed, and content type."""
    request = urllib.request.Request(address, headers={"User-Agent": agent, "Accept-Encoding": "gzip"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            body: bytes = response.read()
            kind = str(response.headers.get("Content-Type") or "").lower()
    except urllib.error.HTTPError as error:
        with error:
            _refuse(error, address, host)
    except urllib.error.URLError as error:
        raise TryAgain(str(error.reason)) from None
    except http.client.IncompleteRead:
        raise TryAgain("the connection closed in the middle of the response") from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain(str(error) or type(error).__name__) from None
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise TryAgain(f"the compressed response is damaged: {error}") from None
    return body, kind


def _refuse(error: urllib.error.HTTPError, address: str, host: str) -> None:
    """Raise what an HTTP status means."""
    answer = f"{error.code} {error.reason}".strip()
    if error.code in (408, 429) or error.code >= 500:
        raise TryAgain(f"it answers {answer}", _retry_after(error.headers.get("Retry-After"))) from None
    if error.code in (404, 410):
        raise NotThere(f"{address}: {answer}") from None
    if error.code == 403 and host.endswith("sec.gov"):
        raise Unreachable(
            f"{address}: {answer}: the SEC refuses; it does so for ten minutes after too many requests, "
            "and to programs whose contact it does not accept"
        ) from None
    raise Unreadable(f"{address}: {answer}") from None


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header: a number of seconds or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


# What is stored


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Raw:
    """Responses as they came, and a manifest of what was fetched when.

    Parameters
    ----------
    folder : Path
        The market folder; responses go under its ``raw/``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "raw"
        self._manifest = self.folder / "manifest.json"
        self.entries: dict[str, dict[str, Any]] = {}
        try:
            entries = json.loads(self._manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # Without a readable manifest everything is fetched again.
            entries = {}
        if isinstance(entries, dict):
            self.entries = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}

    def fresh(self, name: str, key: str, since: dt.datetime) -> bool:
        """Whether a response with the same `key` was stored, or found not to exist, after `since`."""
        entry = self.entries.get(name)
        if entry is None or entry.get("key") != key:
            return False
        try:
            fetched = dt.datetime.fromisoformat(str(entry.get("fetched")))
        except ValueError:
            return False
        if fetched.tzinfo is None or fetched <= since:
            return False
        return bool(entry.get("absent")) or self.body(name) is not None

    def keep(self, name: str, body: bytes | None, address: str, key: str, now: dt.datetime) -> None:
        """Store a response; None for something that does not exist."""
        entry: dict[str, Any] = {"address": address, "key": key, "fetched": now.isoformat(timespec="seconds")}
        if body is None:
            entry["absent"] = True
        else:
            packed = gzip.compress(body, mtime=0)
            write_whole(self._path(name), packed)
            entry |= {"bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
        self.entries[name] = entry
        text = json.dumps(self.entries, indent=1, sort_keys=True)
        write_whole(self._manifest, text.encode())

    def body(self, name: str) -> bytes | None:
        """A stored response, None if there is none or it was damaged since."""
        try:
            packed = self._path(name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(packed).hexdigest() != self.entries.get(name, {}).get("sha256"):
            return None
        return gzip.decompress(packed)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.gz"


# The download


@dataclass(frozen=True)
class Item:
    """One thing to download.

    Attributes
    ----------
    name : str
        Where it is stored under ``raw/``, without ``.gz``.
    what : str
        For progress and messages: ``"NVDA: prices"``.
    address : str
        Where it comes from.
    key : str
        What it was asked for with; stored responses with another key are not used.
    body : callable
        Downloads it.
    symbol : str
        The symbol concerned, empty for series.
    """

    name: str
    what: str
    address: str
    key: str
    body: Callable[[], bytes]
    symbol: str = ""


@dataclass(frozen=True)
class Fetched:
    """What a download left in the folder.

    Attributes
    ----------
    folder : Path
    symbols : tuple of str
        Symbols with prices.
    sessions : int
        Distinct dates among the prices.
    figures : int
        Rows of ``facts.csv``.
    values : int
        Rows of ``series.csv``.
    findings : tuple of Finding
        What is missing or was left out; severity ``"suspicion"`` where a reader should act.
    """

    folder: Path
    symbols: tuple[str, ...]
    sessions: int
    figures: int
    values: int
    findings: tuple[Finding, ...]


def fetch(
    universe: Universe,
    folder: Path,
    start: dt.date,
    contact: str = "",
    progress: Progress | None = None,
    *,
    end: dt.date | None = None,
    max_age: dt.timedelta = dt.timedelta(days=1),
    sites: Sites = Sites(),
    history: yahoo.History = yahoo.history,
    patience: Patience = Patience(),
    now: dt.datetime | None = None,
) -> Fetched:
    """Download a universe into a market folder, or bring one up to date.

    Parameters
    ----------
    universe : Universe
    folder : Path
        The market folder; made if it does not exist.
    start : date
        First day of prices. Filed figures and daily series are kept from their beginning.
    contact : str
        Name and e-mail address of who asks; the SEC wants both. Sent to the SEC only.
    progress : callable, optional
        See `Progress`.
    end : date, optional
        Last day of prices, filings and series; the last session that is over if not given.
    max_age : timedelta
        What was fetched within this time is complete and not fetched again. Zero fetches everything.
    sites : Sites
        Where the sources are.
    history : callable
        How prices are downloaded; see `yahoo.history`.
    patience : Patience
        How often to ask again.
    now : datetime, optional
        The present, with a time zone.

    Returns
    -------
    Fetched

    Raises
    ------
    MarketError
        If the folder holds something else, the contact is missing, a host can't be reached or refuses, or
        no symbol has prices. The folder's tables are then as before; what was downloaded is kept for the
        next try.
    """
    present = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    last = end or _last_day(present)
    if start > last:
        raise MarketError(f"no prices to fetch: the first day, {start}, is after the last, {last}")
    agent = _agent(contact, universe)
    folder = Path(folder)
    _require_ours(folder, universe)
    download = _Download(
        Raw(folder),
        present,
        present - max_age,
        patience,
        sites,
        agent,
        history,
        progress or (lambda *_: None),
    )
    try:
        known = download.tickers(universe)
        items = _items(universe, known, start, present, download)
        total = len(items) + 2
        for done, item in enumerate(items):
            download.get(item, done + 1, total)
    except Unreachable as error:
        raise Unreachable(
            f"{error}; existing data untouched: {folder} is as it was. What was downloaded so far is kept; "
            "run the same command again to go on"
        ) from None
    download.progress("writing the market folder", total - 1, total)
    fetched = _write(universe, folder, start, last, known, download)
    download.progress("done", total, total)
    return fetched


def _last_day(present: dt.datetime) -> dt.date:
    local = present.astimezone(ZoneInfo("America/New_York"))
    return local.date() if local.hour >= SESSION_OVER else local.date() - dt.timedelta(days=1)


def _agent(contact: str, universe: Universe) -> str:
    """User-Agent for the SEC.

    Raises
    ------
    MarketError
        If the SEC has to be asked and `contact` does not say who asks.
    """
    text = contact.strip()
    if not any(member.kind == "stock" for member in universe.members):
        return ""
    if "@" not in text or not (text.isascii() and text.isprintable()) or len(text) > 200:
        given = f"contact is {contact!r}" if text else "contact is missing"
        raise MarketError(
            f"{given}: the SEC wants to know who asks for its data: give a name and an e-mail address, "
            "for example 'Jane Roe jane.roe@example.com'"
        )
    return text


def _require_ours(folder: Path, universe: Universe) -> None:
    """Refuse a folder whose data come from elsewhere: they would be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MarketError(f"{folder}: not a folder; choose another")
    source = folder / "source.json"
    if source.is_file():
        try:
            holder = json.loads(source.read_text(encoding="utf-8")).get("universe")
        except (ValueError, AttributeError):
            holder = None
        if holder != universe.name:
            raise MarketError(
                f"{folder}: holds {f'universe {holder!r}' if holder else 'data from elsewhere'}, "
                f"not {universe.name!r}; choose another folder"
            )
    elif any(path.name != "raw" for path in folder.iterdir()):
        raise MarketError(f"{folder}: holds files that do not come from here; choose an empty or new folder")


@dataclass
class _Download:
    raw: Raw
    now: dt.datetime
    since: dt.datetime
    patience: Patience
    sites: Sites
    agent: str
    history: yahoo.History
    progress: Progress
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        # www.sec.gov and data.sec.gov are one: the SEC counts requests by who asks.
        self.sec_pace = Pace(0.125, self.patience.sleep)
        self.paces: dict[str, Pace] = {}

    def from_web(self, address: str, check: Callable[[bytes], object], sec: bool = False) -> bytes:
        host = urllib.parse.urlsplit(address).netloc
        pace = self.sec_pace if sec else self.paces.setdefault(host, Pace(0.5, self.patience.sleep))
        agent = self.agent if sec else "style-rotation"
        return read(address, check, agent=agent, patience=self.patience, pace=pace)

    def from_yahoo(self, symbol: str, start: dt.date, stop: dt.date) -> bytes:
        pace = self.paces.setdefault("yahoo", Pace(0.5, self.patience.sleep))

        def attempt() -> pd.DataFrame:
            pace.wait()
            try:
                return self.history(symbol, start, stop)
            except OSError as error:
                raise TryAgain(str(error) or type(error).__name__) from None

        frame = self.patience.call("Yahoo", attempt)
        try:
            yahoo.prices(frame, symbol)
        except yahoo.NoPrices:
            raise
        except MarketError as error:
            raise Unreadable(str(error)) from None
        return frame.to_csv().encode()

    def get(self, item: Item, done: int, total: int) -> None:
        """Download what is not there yet; what can't be had is reported, and the rest goes on."""
        self.progress(item.what, done, total)
        if self.raw.fresh(item.name, item.key, self.since):
            return
        try:
            body: bytes | None = item.body()
        except (NotThere, yahoo.NoPrices) as error:
            if self.raw.body(item.name) is not None:
                # A delisted symbol disappears at the source; what is known of it must not.
                self._stays(item, error)
                return
            body = None
        except Unreadable as error:
            self._stays(item, error)
            return
        self.raw.keep(item.name, body, item.address, item.key, self.now)

    def _stays(self, item: Item, error: MarketError) -> None:
        when = self.raw.entries.get(item.name, {}).get("fetched")
        kept = f"what was fetched on {str(when)[:10]} stays" if when else "nothing was fetched before"
        self.findings.append(Finding("suspicion", "download", f"{error}; {kept}", symbol=item.symbol))

    def tickers(self, universe: Universe) -> dict[str, edgar.Company]:
        """The SEC's list of companies; empty if the universe has no stocks."""
        if not self.agent:
            return {}
        address = edgar.tickers_address(self.sites.tickers)

        def check(body: bytes) -> object:
            return edgar.companies(edgar.parse_json(body, address), address)

        item = Item(
            "edgar/company_tickers.json",
            "list of companies",
            address,
            "",
            lambda: self.from_web(address, check, sec=True),
        )
        self.get(item, 0, len(universe.symbols))
        body = self.raw.body(item.name)
        if body is None:
            raise MarketError(
                f"{address}: the list of companies can't be had: {self.findings[-1:] or 'not there'}"
            )
        return edgar.companies(edgar.parse_json(body, address), address)


def _ciks(member: Member, known: Mapping[str, edgar.Company]) -> tuple[int, ...]:
    """Numbers at the SEC: the company's own, then its predecessors'; empty if it is not known."""
    company = known.get(member.symbol)
    own = member.cik or (company.cik if company else None)
    return () if own is None else (own, *member.predecessors)


def _facts_name(cik: int) -> str:
    return f"edgar/CIK{cik:010d}.json"


def _items(
    universe: Universe,
    known: Mapping[str, edgar.Company],
    start: dt.date,
    present: dt.datetime,
    download: _Download,
) -> list[Item]:
    first = start - dt.timedelta(days=DAYS_BEFORE)
    stop = present.date() + dt.timedelta(days=1)
    items = [
        Item(
            f"yahoo/{symbol}.csv",
            f"{symbol}: prices",
            "Yahoo Finance, through yfinance",
            f"from {first}",
            partial(download.from_yahoo, symbol, first, stop),
            symbol,
        )
        for symbol in universe.symbols
    ]
    asked: set[int] = set()
    for symbol in universe.symbols:
        member = universe.member(symbol)
        for cik in _ciks(member, known) if member.kind == "stock" else ():
            if cik not in asked:
                asked.add(cik)
                items.append(_facts_item(symbol, cik, download))
    items += [
        _series_item("fred", series, fred.address(series, download.sites.fred), fred.rows, download)
        for series in fred.RELEASES
    ]
    items += [
        _series_item("cboe", series, cboe.address(series, download.sites.cboe), cboe.rows, download)
        for series in cboe.INDICES
    ]
    return items


def _facts_item(symbol: str, cik: int, download: _Download) -> Item:
    address = edgar.facts_address(cik, download.sites.facts)

    def check(body: bytes) -> object:
        return edgar.parse_json(body, address)

    return Item(
        _facts_name(cik),
        f"{symbol}: filed figures",
        address,
        "",
        lambda: download.from_web(address, check, sec=True),
        symbol,
    )


def _series_item(
    source: str, series: str, address: str, rows: Callable[[str, str], pd.DataFrame], download: _Download
) -> Item:
    def check(body: bytes) -> object:
        return rows(_text(body, address), series)

    return Item(
        f"{source}/{series}.csv",
        f"{series}: daily series",
        address,
        "",
        lambda: download.from_web(address, check),
    )


def _text(body: bytes, place: str) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MarketError(f"{place}: not UTF-8 text") from None
    if text.lstrip()[:1] == "<":
        raise MarketError(f"{place}: a web page instead of data: {edgar.page_summary(text)!r}")
    return text


# The folder


@dataclass(frozen=True)
class _Company:
    ciks: tuple[int, ...]
    name: str
    figures: int


def _write(
    universe: Universe,
    folder: Path,
    start: dt.date,
    last: dt.date,
    known: Mapping[str, edgar.Company],
    download: _Download,
) -> Fetched:
    """Make the folder's tables from what is stored, then write them all."""
    findings = download.findings
    prices: dict[str, pd.DataFrame] = {}
    splits: list[pd.DataFrame] = []
    for symbol in universe.symbols:
        history = _stored_prices(symbol, start, last, known, download)
        if history is not None:
            prices[symbol] = history.table
            splits.append(history.splits)
            findings.extend(history.findings)
    if not prices:
        raise MarketError(
            f"{folder}: none of the {len(universe.symbols)} symbols has prices; nothing was written"
        )
    companies: dict[str, _Company] = {}
    facts: list[pd.DataFrame] = []
    for symbol in prices:
        member = universe.member(symbol)
        if member.kind == "stock":
            company, table = _stored_facts(member, last, known, download)
            companies[symbol] = company
            facts.append(table)
    series = _stored_series(folder, start, last, download)
    tables = {
        **{f"prices/{symbol}.csv": table for symbol, table in prices.items()},
        "splits.csv": _joined(splits, ("symbol", "date", "ratio")),
        "facts.csv": _joined(facts, FACT_COLUMNS),
        "series.csv": series,
        "instruments.csv": universe.instruments(
            prices, {symbol: company.name for symbol, company in companies.items()}
        ),
    }
    sessions = {date for table in prices.values() for date in table["date"]}
    for name, table in tables.items():
        write_whole(folder / name, table.to_csv(index=False, lineterminator="\n").encode())
    for path in (folder / "prices").glob("*.csv"):
        if path.stem not in universe.symbols:
            path.unlink()
    fetched = Fetched(
        folder,
        tuple(prices),
        len(sessions),
        len(tables["facts.csv"]),
        len(series),
        tuple(findings),
    )
    note = _source(universe, fetched, min(sessions), max(sessions), companies, download)
    write_whole(folder / "source.json", (json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode())
    return fetched


def _joined(tables: list[pd.DataFrame], columns: Iterable[str]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _stored_prices(
    symbol: str, start: dt.date, last: dt.date, known: Mapping[str, edgar.Company], download: _Download
) -> yahoo.Prices | None:
    body = download.raw.body(f"yahoo/{symbol}.csv")
    absent = download.raw.entries.get(f"yahoo/{symbol}.csv", {}).get("absent")
    hint = ""
    if known and symbol not in known:
        hint = "; " + unknown_name("symbol", symbol, known, "the SEC's list of companies")
    if body is None or absent:
        download.findings.append(
            Finding(
                "suspicion",
                "no prices",
                f"Yahoo does not have this symbol; it is left out{hint}",
                symbol=symbol,
            )
        )
        return None
    frame = pd.read_csv(BytesIO(body), index_col=0)
    history = yahoo.prices(frame, symbol, start, last)
    if history.table.empty:
        download.findings.append(
            Finding("suspicion", "no prices", f"none from {start} to {last}; it is left out", symbol=symbol)
        )
        return None
    return history


def _stored_facts(
    member: Member, last: dt.date, known: Mapping[str, edgar.Company], download: _Download
) -> tuple[_Company, pd.DataFrame]:
    symbol = member.symbol
    ciks = _ciks(member, known)
    nothing = pd.DataFrame(columns=list(FACT_COLUMNS))
    title = known[symbol].name if symbol in known else ""
    if not ciks:
        nearest = unknown_name("symbol", symbol, known, "the SEC's list of companies")
        download.findings.append(
            Finding(
                "suspicion",
                "unknown symbol",
                f"{nearest}; if it was delisted or renamed, give its number at the SEC as "
                "cik in the universe file",
                symbol=symbol,
            )
        )
        return _Company((), title, 0), nothing
    bodies = {cik: download.raw.body(_facts_name(cik)) for cik in ciks}
    documents = [
        edgar.parse_json(body, edgar.facts_address(cik)) for cik, body in bodies.items() if body is not None
    ]
    missing = [cik for cik, body in bodies.items() if body is None]
    if missing:
        download.findings.append(
            Finding(
                "suspicion",
                "no company facts",
                f"the SEC has none under number {', '.join(map(str, missing))}",
                symbol=symbol,
            )
        )
    if not documents:
        return _Company(ciks, title, 0), nothing
    try:
        filed = edgar.filings(symbol, documents, member.shares_per_receipt)
    except MarketError as error:
        download.findings.append(Finding("suspicion", "download", str(error), symbol=symbol))
        return _Company(ciks, title, 0), nothing
    download.findings.extend(filed.findings)
    table = filed.table()
    table = table[table["filed"] <= last.isoformat()]
    return _Company(ciks, filed.name or title, len(table)), table


def _stored_series(folder: Path, start: dt.date, last: dt.date, download: _Download) -> pd.DataFrame:
    """Every series, each with the values from before its present beginning that the folder has already.

    FRED may serve only the last years of a series, as it does since April 2026 for the spread of ICE BofA.
    """
    before = _earlier_series(folder)
    tables = []
    readers = [("fred", series, fred.rows) for series in fred.RELEASES]
    readers += [("cboe", series, cboe.rows) for series in cboe.INDICES]
    for source, series, rows in readers:
        body = download.raw.body(f"{source}/{series}.csv")
        known = before[before["series"] == series]
        if body is not None:
            table = rows(_text(body, series), series)
            earlier = known[known["date"] < table["date"].iloc[0]]
            first = str((earlier if len(earlier) else table)["date"].iloc[0])
            if first > (start + dt.timedelta(days=7)).isoformat():
                download.findings.append(
                    Finding(
                        "suspicion", "short series", f"{series} begins on {first}, after {start}", date=first
                    )
                )
            tables.append(earlier)
            tables.append(table[table["date"] <= last.isoformat()])
        else:
            tables.append(known)
            download.findings.append(
                Finding("suspicion", "no series", f"{series} can't be had; what the folder has of it stays")
            )
    return _joined(tables, SERIES_COLUMNS)


def _earlier_series(folder: Path) -> pd.DataFrame:
    path = folder / "series.csv"
    if not path.is_file():
        return pd.DataFrame(columns=list(SERIES_COLUMNS))
    try:
        table = pd.read_csv(
            StringIO(path.read_text(encoding="utf-8")), dtype={"series": str, "date": str, "available": str}
        )
        return table[list(SERIES_COLUMNS)]
    except (ValueError, KeyError) as error:
        raise MarketError(f"{path}: can't be read: {error}; repair or remove it") from None


def _source(
    universe: Universe,
    fetched: Fetched,
    first: str,
    last: str,
    companies: Mapping[str, _Company],
    download: _Download,
) -> dict[str, Any]:
    """What ``source.json`` says."""
    when = sorted(str(entry.get("fetched")) for entry in download.raw.entries.values())
    return {
        "name": universe.name,
        "universe": universe.name,
        "description": universe.description,
        "source": (
            "Prices, dividends and splits from Yahoo; figures as first filed with the SEC; yields, the "
            "high-yield spread and oil from FRED; VIX and SKEW from Cboe"
        ),
        "written": download.now.isoformat(timespec="seconds"),
        "downloaded": {"first": when[0], "last": when[-1]},
        "adjustment": "split",
        "sessions": {"first": first, "last": last, "count": fetched.sessions},
        "sources": [
            {"what": "prices, dividends, splits", "from": "Yahoo Finance, through yfinance"},
            {"what": "filed figures", "from": f"{download.sites.facts}/api/xbrl/companyfacts/"},
            {"what": "numbers of companies", "from": edgar.tickers_address(download.sites.tickers)},
            *(
                {
                    "what": series,
                    "from": fred.address(series, download.sites.fred),
                    "publisher": release.publisher,
                }
                for series, release in fred.RELEASES.items()
            ),
            *(
                {"what": series, "from": cboe.address(series, download.sites.cboe), "publisher": "Cboe"}
                for series in cboe.INDICES
            ),
        ],
        "companies": {
            symbol: {"cik": list(company.ciks), "name": company.name, "figures": company.figures}
            for symbol, company in companies.items()
        },
        "limits": list(LIMITS),
        "findings": [str(finding) for finding in fetched.findings],
    }
