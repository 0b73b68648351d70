"""The SEC's documents: the list of companies, and the company facts of one.

The SEC serves everything a company tagged in its reports as one JSON document
(``/api/xbrl/companyfacts/CIK##########.json``)::

    {"cik": 320193, "entityName": "Apple Inc.", "facts": {"us-gaap": {"Revenues": {"units": {"USD": [
        {"start": "2017-10-01", "end": "2018-09-29", "val": 265595000000, "accn": "0000320193-18-000145",
         "fy": 2018, "fp": "FY", "form": "10-K", "filed": "2018-11-05", "frame": "CY2018"}, ...]}}}}}

Every value of a report stands there, comparatives for earlier periods included, and `fy` and `fp` are those
of the *report*, not of the value; `frame` is often missing.

Values by class of shares are not in company facts, so companies that put several share classes on the cover
have no cover count. Nothing before 2009 was tagged. Amounts in other currencies than US dollars are left out
and reported.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from datafeeds.market import Finding, MarketError
from datafeeds.sources.edgar.concepts import CONCEPTS
from datafeeds.sources.transport import text_of

DATA_SITE = "https://data.sec.gov"
FILES_SITE = "https://www.sec.gov"

YEARLY_FORMS = frozenset({"10-K", "10-K405", "10-KSB", "20-F", "40-F"})
QUARTERLY_FORMS = frozenset({"10-Q", "10-QSB"})
TRANSITION_FORMS = frozenset({"10-KT", "10-QT"})
FORMS = YEARLY_FORMS | QUARTERLY_FORMS | TRANSITION_FORMS
"""Periodic reports, without the ``/A`` of amendments. Figures in registration statements, proxies and
recast 8-Ks are not taken: they are partial, or restated."""


@dataclass(frozen=True)
class Value:
    """One entry of company facts. `start` is None for a value at a date.

    A `foreign` value is in another currency than US dollars: it tells the fiscal years, and is no figure.
    """

    tag: str
    start: dt.date | None
    end: dt.date
    value: float
    accession: str
    form: str
    filed: dt.date
    fy: int | None
    fp: str
    foreign: bool


def facts_address(cik: int, site: str = DATA_SITE) -> str:
    """Where the company facts of the company with number `cik` are."""
    return f"{site}/api/xbrl/companyfacts/CIK{cik:010d}.json"


def tickers_address(site: str = FILES_SITE) -> str:
    """Where the list of tickers is."""
    return f"{site}/files/company_tickers.json"


def parse_json(body: bytes, place: str) -> Any:
    """A JSON document, gzipped or not.

    Parameters
    ----------
    body : bytes
    place : str
        File or address, for messages.

    Raises
    ------
    MarketError
        If it is a web page, cut short, or not JSON at all.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise MarketError(f"{place}: the compressed data are cut short or damaged: {error}") from None
    text = text_of(body, place, "JSON")
    try:
        return json.loads(text)
    except RecursionError:
        raise MarketError(f"{place}: nested too deeply to be company facts") from None
    except ValueError as error:
        raise MarketError(f"{place}: not JSON, or cut short: {error}") from None


@dataclass(frozen=True)
class Company:
    """A company in the SEC's list of tickers."""

    cik: int
    name: str


def companies(document: Any, place: str = "company_tickers.json") -> dict[str, Company]:
    """Ticker to company, from the SEC's ``company_tickers.json``.

    Parameters
    ----------
    document : object
        ``{"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}, ...}``.
    place : str
        File or address, for messages.

    Raises
    ------
    MarketError
        If it is something else.
    """
    entries = list(document.values()) if isinstance(document, dict) else document
    known: dict[str, Company] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            cik, ticker = entry.get("cik_str"), entry.get("ticker")
            if isinstance(cik, str) and re.fullmatch(r"[0-9]{1,10}", cik):
                cik = int(cik)
            if isinstance(ticker, str) and ticker and isinstance(cik, int) and not isinstance(cik, bool):
                known.setdefault(ticker.upper(), Company(cik, str(entry.get("title") or "")))
    if not known:
        raise MarketError(f"{place}: no tickers in it; the SEC has changed the file, or this is another one")
    return known


def entries(document: Any, symbol: str) -> tuple[str, list[Value], list[Finding]]:
    """The company's name, what it filed in periodic reports, and what of that could not be used.

    Raises
    ------
    MarketError
        If the document is not company facts.
    """
    if not isinstance(document, dict) or not isinstance(document.get("facts", {}), dict):
        found = (
            ", ".join(map(repr, list(document)[:5]))
            if isinstance(document, dict)
            else type(document).__name__
        )
        raise MarketError(
            f"{symbol}: not company facts: expected an object with 'facts' by taxonomy, "
            f"found {found or 'nothing'}"
        )
    facts: dict[str, Any] = document.get("facts", {})
    units = {tag: concept.unit for concept in CONCEPTS.values() for tag in concept.tags}
    values: list[Value] = []
    unreadable: Counter[str] = Counter()
    currencies: Counter[str] = Counter()
    for tag, unit in units.items():
        taxonomy, _, local = tag.rpartition(":")
        section = facts.get(taxonomy or "us-gaap")
        entry = section.get(local) if isinstance(section, dict) else None
        by_unit = entry.get("units") if isinstance(entry, dict) else None
        if not isinstance(by_unit, dict):
            continue
        for label, listed in by_unit.items():
            foreign = label != unit
            entries_in_unit = listed if isinstance(listed, list) else []
            if foreign:
                currencies[f"{label}"] += len(entries_in_unit)
                if unit != "USD" or not re.fullmatch("[A-Z]{3}", f"{label}"):
                    continue
            for item in entries_in_unit:
                value = _value(tag, item, foreign)
                if value is None:
                    unreadable[local] += not foreign
                elif value.form.removesuffix("/A") in FORMS:
                    values.append(value)
    findings = [
        Finding(
            "note",
            "unit",
            f"{count} values in {label} are left out; only US dollars and shares are used",
            symbol=symbol,
        )
        for label, count in sorted(currencies.items())
        if count
    ]
    unreadable = +unreadable
    if unreadable:
        listed_tags = ", ".join(f"{tag} ({count})" for tag, count in sorted(unreadable.items()))
        findings.append(
            Finding(
                "note",
                "unreadable",
                f"entries without usable date, value or form: {listed_tags}",
                symbol=symbol,
            )
        )
    title = document.get("entityName")
    return (title if isinstance(title, str) else ""), values, findings


def _value(tag: str, item: Any, foreign: bool) -> Value | None:
    if not isinstance(item, dict):
        return None
    end, filed = _date(item.get("end")), _date(item.get("filed"))
    start = _date(item.get("start"))
    number, accession, form = item.get("val"), item.get("accn"), item.get("form")
    if (
        end is None
        or filed is None
        or (start is None and item.get("start") is not None)
        or (start is not None and start > end)
        or not isinstance(accession, str)
        or not isinstance(form, str)
        or isinstance(number, bool)
        or not isinstance(number, (int, float))
    ):
        return None
    try:
        value = float(number)
    except OverflowError:
        return None
    if not math.isfinite(value):
        return None
    fy, fp = item.get("fy"), item.get("fp")
    return Value(
        tag=tag,
        start=start,
        end=end,
        value=value,
        accession=accession,
        form=form,
        filed=filed,
        fy=fy if isinstance(fy, int) and not isinstance(fy, bool) else None,
        fp=fp if isinstance(fp, str) else "",
        foreign=foreign,
    )


def _date(text: Any) -> dt.date | None:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        return None
    # Outside these years there were no such filings, and sums of dates could overflow.
    return date if 1980 <= date.year <= 2200 else None
