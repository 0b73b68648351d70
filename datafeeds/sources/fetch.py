"""Download a universe into a market folder: prices, filed figures, and daily series.

Two steps. First every response is stored as it came, under ``raw/`` in the folder; what is stored and fresh
is not fetched again, so an interrupted download goes on where it stopped. Then the folder's tables are made
from what is stored. Nothing is replaced before all of it could be read, and all of it is replaced at once, so
whatever ends the program leaves the folder as it was or as it shall be. Other files in the folder stay.

    raw/manifest.json           what was fetched when, and from where
    raw/yahoo/NVDA.csv.gz       a frame as yfinance returned it
    raw/edgar/CIK0001045810.json.gz, raw/edgar/company_tickers.json.gz
    raw/fred/us10y.csv.gz, raw/cboe/vix.csv.gz
    prices/NVDA.csv, splits.csv, facts.csv, series.csv, instruments.csv
    source.json                 where the numbers come from, and what a reader should know about them
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

from datafeeds.market import MarketError
from datafeeds.sources import yahoo
from datafeeds.sources.assembly import Assembly, Fetched
from datafeeds.sources.download import PUBLIC_SITES, Download, Progress, Sites
from datafeeds.sources.raw import Raw
from datafeeds.sources.switch import finish, replace_files
from datafeeds.sources.transport import PATIENCE, Patience, Unreachable
from datafeeds.universe import Universe

SESSION_OVER = 18
"""Hour in New York from which a day's prices are final."""


def fetch(
    universe: Universe,
    folder: Path,
    start: dt.date,
    contact: str = "",
    progress: Progress | None = None,
    *,
    end: dt.date | None = None,
    max_age: dt.timedelta = dt.timedelta(days=1),
    sites: Sites = PUBLIC_SITES,
    history: yahoo.History = yahoo.history,
    patience: Patience = PATIENCE,
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
    finish(folder)
    _require_ours(folder, universe)
    download = Download(
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
        known = download.run(universe, start)
        download.progress("writing the market folder", download.steps - 1, download.steps)
        fetched, files = Assembly(universe, folder, start, last, known, download).files()
        replace_files(folder, files)
    except Unreachable as error:
        raise Unreachable(
            f"{error}; existing data untouched: {folder} is as it was. What was downloaded so far is kept; "
            "run the same command again to go on"
        ) from None
    except OSError as error:
        raise MarketError(f"{folder}: can't be written: {error.strerror or error}; it is as it was") from None
    download.progress("done", download.steps, download.steps)
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
            f"{given}: the SEC wants to know who asks for its data: give a name and an e-mail address with "
            "--contact or in STYLE_ROTATION_CONTACT, for example 'Jane Roe jane.roe@example.com'"
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
