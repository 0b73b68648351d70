"""What a universe needs from each source, downloaded into the store of responses.

The hosts are asked slowly: the SEC eight times a second at most (it allows ten), others twice.
"""

from __future__ import annotations

import datetime as dt
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from datafeeds.market import Finding, MarketError
from datafeeds.sources import yahoo
from datafeeds.sources.daily_series import DAILY_SERIES, DailySeries
from datafeeds.sources.edgar import document as edgar
from datafeeds.sources.raw import Raw
from datafeeds.sources.transport import NotThere, Pace, Patience, TryAgain, Unreadable, read, text_of
from datafeeds.universe import Member, Universe

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and how many there are."""

DAYS_BEFORE = 500
"""Days before the first price from which splits are wanted: share counts filed then still count."""


@dataclass(frozen=True)
class Sites:
    """Where the sources are; other addresses are for mirrors and tests."""

    tickers: str = edgar.FILES_SITE
    facts: str = edgar.DATA_SITE
    fred: str = "https://fred.stlouisfed.org"
    cboe: str = "https://cdn.cboe.com"

    def address(self, series: DailySeries) -> str:
        """Where the file of a series is."""
        return f"{getattr(self, series.site)}{series.path}"


PUBLIC_SITES = Sites()


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
    body : callable
        Downloads it.
    key : str
        What it was asked for with; stored responses with another key are not used.
    symbol : str
        The symbol concerned, empty for series.
    """

    name: str
    what: str
    address: str
    body: Callable[[], bytes]
    key: str = ""
    symbol: str = ""


def prices_name(symbol: str) -> str:
    """Name of the stored prices of a symbol."""
    return f"yahoo/{symbol}.csv"


def facts_name(cik: int) -> str:
    """Name of the stored company facts of the company with number `cik`."""
    return f"edgar/CIK{cik:010d}.json"


def series_rows(series: DailySeries, body: bytes) -> pd.DataFrame:
    """Rows of ``series.csv`` from a response; MarketError if it is not what it should be."""
    return series.rows(text_of(body, series.name))


def company_numbers(member: Member, known: Mapping[str, edgar.Company]) -> tuple[int, ...]:
    """Numbers at the SEC: the company's own, then its predecessors'; empty if it is not known."""
    company = known.get(member.symbol)
    own = member.cik or (company.cik if company else None)
    return () if own is None else (own, *member.predecessors)


@dataclass
class Download:
    """One download: what is stored and fresh is not fetched again, so it goes on where it stopped.

    Attributes
    ----------
    raw : Raw
        Where responses are stored.
    now : datetime
        The present.
    since : datetime
        What was stored after it is fresh.
    patience : Patience
    sites : Sites
    agent : str
        Who asks the SEC; empty if it need not be asked.
    history : callable
        How prices are downloaded; see `yahoo.history`.
    progress : callable
    findings : list of Finding
        What could not be had.
    steps : int
        Steps in all, for `progress`: two more than things to download.
    """

    raw: Raw
    now: dt.datetime
    since: dt.datetime
    patience: Patience
    sites: Sites
    agent: str
    history: yahoo.History
    progress: Progress
    findings: list[Finding] = field(default_factory=list)
    steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        # www.sec.gov and data.sec.gov are one: the SEC counts requests by who asks.
        self._sec_pace = Pace(0.125)
        self._paces: dict[str, Pace] = {}

    def run(self, universe: Universe, start: dt.date) -> dict[str, edgar.Company]:
        """Download everything that a universe needs, prices from `start`.

        Returns
        -------
        dict
            The SEC's list of companies by ticker; empty if the universe has no stocks.

        Raises
        ------
        Unreachable
            If a host can't be reached; what was downloaded before is stored.
        MarketError
            If the list of companies can't be had.
        """
        self.steps = len(universe.symbols)
        known = self._tickers() if self.agent else {}
        items = list(self._items(universe, known, start))
        self.steps = len(items) + 2
        for done, item in enumerate(items, 1):
            self._get(item, done)
        return known

    def _tickers(self) -> dict[str, edgar.Company]:
        address = edgar.tickers_address(self.sites.tickers)

        def companies(body: bytes) -> dict[str, edgar.Company]:
            return edgar.companies(edgar.parse_json(body, address), address)

        item = Item(
            "edgar/company_tickers.json",
            "list of companies",
            address,
            lambda: self._from_web(address, companies, sec=True),
        )
        self._get(item, 0)
        body = self.raw.body(item.name)
        if body is None:
            raise MarketError(
                f"{address}: the list of companies can't be had: {self.findings[-1:] or 'not there'}"
            )
        return companies(body)

    def _items(
        self, universe: Universe, known: Mapping[str, edgar.Company], start: dt.date
    ) -> Iterator[Item]:
        first = start - dt.timedelta(days=DAYS_BEFORE)
        stop = self.now.date() + dt.timedelta(days=1)
        for symbol in universe.symbols:
            yield Item(
                prices_name(symbol),
                f"{symbol}: prices",
                "Yahoo Finance, through yfinance",
                partial(self._from_yahoo, symbol, first, stop),
                f"from {first}",
                symbol,
            )
        owners: dict[int, str] = {}
        for member in map(universe.member, universe.symbols):
            for cik in company_numbers(member, known) if member.kind == "stock" else ():
                owners.setdefault(cik, member.symbol)
        for cik, symbol in owners.items():
            address = edgar.facts_address(cik, self.sites.facts)
            check = partial(edgar.parse_json, place=address)
            yield Item(
                facts_name(cik),
                f"{symbol}: filed figures",
                address,
                partial(self._from_web, address, check, sec=True),
                symbol=symbol,
            )
        for series in DAILY_SERIES.values():
            address = self.sites.address(series)
            yield Item(
                series.stored,
                f"{series.name}: daily series",
                address,
                partial(self._from_web, address, partial(series_rows, series)),
            )

    def _from_web(self, address: str, check: Callable[[bytes], object], sec: bool = False) -> bytes:
        host = urllib.parse.urlsplit(address).netloc
        pace = self._sec_pace if sec else self._paces.setdefault(host, Pace(0.5))
        agent = self.agent if sec else "style-rotation"
        return read(address, check, agent=agent, patience=self.patience, pace=pace)

    def _from_yahoo(self, symbol: str, start: dt.date, stop: dt.date) -> bytes:
        pace = self._paces.setdefault("yahoo", Pace(0.5))

        def attempt() -> pd.DataFrame:
            pace.wait()
            try:
                return self.history(symbol, start, stop)
            except OSError as error:
                raise TryAgain(str(error) or type(error).__name__) from None

        frame = self.patience.call("Yahoo", attempt)
        try:
            yahoo.prices(frame, symbol)
        except NotThere:
            raise
        except MarketError as error:
            raise Unreadable(str(error)) from None
        return frame.to_csv().encode()

    def _get(self, item: Item, done: int) -> None:
        """Download what is not there yet; what can't be had is reported, and the rest goes on."""
        self.progress(item.what, done, self.steps)
        if self.raw.fresh(item.name, item.key, self.since):
            return
        try:
            body: bytes | None = item.body()
        except NotThere as error:
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
