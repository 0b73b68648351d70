"""A market folder's tables, made from stored responses."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from datafeeds.market import FILED_COLUMNS, SERIES_COLUMNS, Finding, MarketError
from datafeeds.names import unknown_name
from datafeeds.sources import yahoo
from datafeeds.sources.daily_series import DAILY_SERIES
from datafeeds.sources.download import Download, company_numbers, facts_name, prices_name, series_rows
from datafeeds.sources.edgar import document as edgar
from datafeeds.sources.edgar.filings import filings
from datafeeds.universe import Member, Universe

LIMITS = (
    "The universe was chosen with today's knowledge; symbols that failed are missing unless they were added.",
    "Prices and dividends are Yahoo's, which may revise them and adjusts for some spin-offs as for splits.",
    "Filed figures begin in 2009, when companies began to tag them.",
    "Each filed figure is as first filed; later restatements are not used.",
    "Companies with several classes of shares on the cover have no cover count; diluted averages stand in.",
    "Daily series are as published now; revisions made since are in them.",
    "Since April 2026 FRED serves three years of the high-yield spread only.",
)


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


@dataclass(frozen=True)
class _Company:
    ciks: tuple[int, ...]
    name: str
    figures: pd.DataFrame


@dataclass(frozen=True)
class Assembly:
    """Makes a market folder's files from what a download stored.

    Attributes
    ----------
    universe : Universe
    folder : Path
        The market folder, whose series may reach back further than what is served today.
    start, last : date
        First day of prices; last day of prices, filings and series.
    known : mapping
        The SEC's list of companies by ticker.
    download : Download
        Its findings grow by what is missing or left out.
    """

    universe: Universe
    folder: Path
    start: dt.date
    last: dt.date
    known: Mapping[str, edgar.Company]
    download: Download

    def files(self) -> tuple[Fetched, dict[str, bytes]]:
        """What the folder will hold, and its files by name.

        Raises
        ------
        MarketError
            If no symbol has prices, or the series of the folder can't be read.
        """
        histories = {
            symbol: history
            for symbol in self.universe.symbols
            if (history := self._prices(symbol)) is not None
        }
        if not histories:
            raise MarketError(
                f"{self.folder}: none of the {len(self.universe.symbols)} symbols has prices; "
                "nothing was written"
            )
        companies = {
            symbol: self._company(member)
            for symbol in histories
            if (member := self.universe.member(symbol)).kind == "stock"
        }
        names = {symbol: company.name for symbol, company in companies.items()}
        numbers = {symbol: company.ciks[0] for symbol, company in companies.items() if company.ciks}
        facts = _joined([company.figures for company in companies.values()], FILED_COLUMNS)
        series = self._series()
        tables = {
            **{f"prices/{symbol}.csv": history.table for symbol, history in histories.items()},
            "splits.csv": _joined(
                [history.splits for history in histories.values()], ("symbol", "date", "ratio")
            ),
            "facts.csv": facts,
            "series.csv": series,
            "instruments.csv": self.universe.instruments(histories, names, numbers),
        }
        sessions = sorted({date for history in histories.values() for date in history.table["date"]})
        fetched = Fetched(
            self.folder,
            tuple(histories),
            len(sessions),
            len(facts),
            len(series),
            tuple(self.download.findings),
        )
        note = self._source(fetched, sessions, companies)
        return fetched, {
            **{
                name: table.to_csv(index=False, lineterminator="\n").encode()
                for name, table in tables.items()
            },
            "source.json": (json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode(),
        }

    def _suspect(self, check: str, message: str, symbol: str = "", date: str = "") -> None:
        self.download.findings.append(Finding("suspicion", check, message, symbol=symbol, date=date))

    def _unlisted(self, symbol: str) -> str:
        return unknown_name("symbol", symbol, self.known, "the SEC's list of companies")

    def _prices(self, symbol: str) -> yahoo.Prices | None:
        name = prices_name(symbol)
        body = self.download.raw.body(name)
        if body is None or self.download.raw.entries[name].get("absent"):
            hint = "; " + self._unlisted(symbol) if self.known and symbol not in self.known else ""
            self._suspect("no prices", f"Yahoo does not have this symbol; it is left out{hint}", symbol)
            return None
        history = yahoo.prices(pd.read_csv(BytesIO(body), index_col=0), symbol, self.start, self.last)
        if history.table.empty:
            self._suspect("no prices", f"none from {self.start} to {self.last}; it is left out", symbol)
            return None
        self.download.findings.extend(history.findings)
        return history

    def _company(self, member: Member) -> _Company:
        symbol = member.symbol
        ciks = company_numbers(member, self.known)
        title = self.known[symbol].name if symbol in self.known else ""
        without = _Company(ciks, title, pd.DataFrame(columns=list(FILED_COLUMNS)))
        if not ciks:
            self._suspect(
                "unknown symbol",
                f"{self._unlisted(symbol)}; if it was delisted or renamed, give its number at the SEC as "
                "cik in the universe file",
                symbol,
            )
            return without
        bodies = {cik: self.download.raw.body(facts_name(cik)) for cik in ciks}
        missing = ", ".join(str(cik) for cik, body in bodies.items() if body is None)
        if missing:
            self._suspect("no company facts", f"the SEC has none under number {missing}", symbol)
        documents = [
            edgar.parse_json(body, edgar.facts_address(cik))
            for cik, body in bodies.items()
            if body is not None
        ]
        if not documents:
            return without
        try:
            filed = filings(symbol, documents, member.shares_per_receipt)
        except MarketError as error:
            self._suspect("download", str(error), symbol)
            return without
        self.download.findings.extend(filed.findings)
        table = filed.table()
        return _Company(ciks, filed.name or title, table[table["filed"] <= self.last.isoformat()])

    def _series(self) -> pd.DataFrame:
        """Every series, each with the values of the folder from before its present beginning.

        FRED may serve only the last years of one, as it does since April 2026 for the spread of ICE BofA.
        """
        before = self._earlier_series()
        tables = []
        for series in DAILY_SERIES.values():
            body = self.download.raw.body(series.stored)
            earlier = before[before["series"] == series.name]
            if body is None:
                self._suspect("no series", f"{series.name} can't be had; what the folder has of it stays")
                tables.append(earlier)
                continue
            table = series_rows(series, body)
            earlier = earlier[earlier["date"] < table["date"].iloc[0]]
            first = str((earlier if len(earlier) else table)["date"].iloc[0])
            if first > (self.start + dt.timedelta(days=7)).isoformat():
                message = f"{series.name} begins on {first}, after {self.start}"
                self._suspect("short series", message, date=first)
            tables += [earlier, table[table["date"] <= self.last.isoformat()]]
        return _joined(tables, SERIES_COLUMNS)

    def _earlier_series(self) -> pd.DataFrame:
        path = self.folder / "series.csv"
        if not path.is_file():
            return pd.DataFrame(columns=list(SERIES_COLUMNS))
        try:
            text = StringIO(path.read_text(encoding="utf-8"))
            table = pd.read_csv(text, dtype={"series": str, "date": str, "available": str})
            return table[list(SERIES_COLUMNS)]
        except (ValueError, KeyError) as error:
            raise MarketError(f"{path}: can't be read: {error}; repair or remove it") from None

    def _source(
        self, fetched: Fetched, sessions: Sequence[str], companies: Mapping[str, _Company]
    ) -> dict[str, Any]:
        """What ``source.json`` says."""
        when = sorted(str(entry.get("fetched")) for entry in self.download.raw.entries.values())
        sites = self.download.sites
        return {
            "name": self.universe.name,
            "universe": self.universe.name,
            "description": self.universe.description,
            "source": (
                "Prices, dividends and splits from Yahoo; figures as first filed with the SEC; yields, the "
                "high-yield spread and oil from FRED; VIX and SKEW from Cboe"
            ),
            "written": self.download.now.isoformat(timespec="seconds"),
            "downloaded": {"first": when[0], "last": when[-1]},
            "adjustment": "split",
            "sessions": {"first": sessions[0], "last": sessions[-1], "count": len(sessions)},
            "sources": [
                {"what": "prices, dividends, splits", "from": "Yahoo Finance, through yfinance"},
                {"what": "filed figures", "from": f"{sites.facts}/api/xbrl/companyfacts/"},
                {"what": "numbers of companies", "from": edgar.tickers_address(sites.tickers)},
                *(
                    {"what": series.name, "from": sites.address(series), "publisher": series.publisher}
                    for series in DAILY_SERIES.values()
                ),
            ],
            "companies": {
                symbol: {"cik": list(company.ciks), "name": company.name, "figures": len(company.figures)}
                for symbol, company in companies.items()
            },
            "limits": list(LIMITS),
            "findings": [str(finding) for finding in fetched.findings],
        }


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _joined(tables: list[pd.DataFrame], columns: Iterable[str]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
