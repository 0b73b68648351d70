"""Every reader of what others wrote, as a function of bytes; it may refuse them with an error of ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backtests.records import archive
from backtests.records.chain import Chain, Entry, RecordError
from backtests.records.index import index
from backtests.research.events import EventError, load_event
from backtests.settings import run_file
from backtests.settings.run_file import ConfigError
from datafeeds import universe
from datafeeds.folder.layout import check_folder
from datafeeds.market import MarketError
from datafeeds.sources.daily_series import DAILY_SERIES
from datafeeds.sources.edgar.document import companies, parse_json
from datafeeds.sources.edgar.filings import filings
from datafeeds.sources.importers import FORMATS, import_files
from tests.datafeeds.folders import FACTS, INSTRUMENTS, SPLITS, price_rows, write_folder
from tests.datafeeds.folders import SERIES as SERIES_TABLE
from tests.places import HOUSE

Reader = Callable[[bytes, Path], None]
REFUSALS = (ConfigError, EventError, MarketError, RecordError)


def _run_file(content: bytes, place: Path) -> None:
    path = place / "run.toml"
    path.write_bytes(content)
    config = run_file.load(path)
    # What is accepted is whole: it says the same when it is written and read again.
    said = config.model_dump(mode="python", exclude_none=True)
    assert run_file.parse(said, "again").model_dump(mode="python", exclude_none=True) == said


def _universe(content: bytes, place: Path) -> None:
    path = place / "universe.toml"
    path.write_bytes(content)
    universe.load(path)


def _event(content: bytes, place: Path) -> None:
    path = place / "event.toml"
    path.write_bytes(content)
    load_event(path)


def _table(name: str) -> Reader:
    def read(content: bytes, place: Path) -> None:
        folder = place / "m"
        if not folder.exists():
            write_folder(folder)
        path = folder / name
        before = path.read_bytes()
        try:
            path.write_bytes(content)
            checked = check_folder(folder)
        finally:
            path.write_bytes(before)
        # Either a whole market or none, and then a reason.
        assert (checked.market is None) == bool(checked.errors)
        if checked.market is not None:
            market = checked.market
            assert market.close.shape == (len(market.sessions), len(market.symbols))
            assert not np.isinf(market.close).any()

    return read


def _company_facts(content: bytes, place: Path) -> None:
    figures = filings("AAA", [parse_json(content, "companyfacts")])
    assert np.isfinite(figures.table()["value"].astype(float)).all()


def _tickers(content: bytes, place: Path) -> None:
    assert companies(parse_json(content, "tickers"))


def _daily_series(content: bytes, place: Path) -> None:
    text = content.decode("utf-8", "replace")
    for each in DAILY_SERIES.values():
        try:
            assert np.isfinite(each.rows(text)["value"]).all()
        except MarketError:
            continue


def _imported(content: bytes, place: Path) -> None:
    path = place / "AAA.csv"
    path.write_bytes(content)
    for kind in FORMATS:
        try:
            import_files(kind, path, place / "imported")
        except MarketError:
            continue


def _manifest(content: bytes, place: Path) -> None:
    folder = place / "results" / "x-00000000"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_bytes(content)
    (folder / "metrics.json").write_bytes(content)
    index(place / "results")


def _record(content: bytes, place: Path) -> None:
    path = place / "records.sqlite"
    path.write_bytes(content)
    found = Chain(path, "entries").inspect()
    archive.problems(place, found)
    path.unlink()


def _entry(content: bytes, place: Path) -> None:
    path = place / "entry.sqlite"
    chain = Chain(path, "entries")
    if not path.exists():
        chain.append([Entry({"name": "x-00000000", "written": {}}), Entry({"name": "y"})])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE chain SET content = ? WHERE n = 1", (content.decode("utf-8", "replace"),))
    found = chain.inspect()
    assert found.problems
    archive.problems(place, found)


def _a_record() -> bytes:
    with TemporaryDirectory() as place:
        path = Path(place) / "records.sqlite"
        Chain(path, "entries", journal="DELETE").append(
            [Entry({"name": "x"}), Entry({"written": {"a": "b"}})]
        )
        return path.read_bytes()


_FACT = {
    "end": "2020-12-31",
    "start": "2020-01-01",
    "val": 1000000000,
    "accn": "0000000000-21-000001",
    "fy": 2020,
    "fp": "FY",
    "form": "10-K",
    "filed": "2021-02-20",
}
_COMPANY_FACTS = {
    "entityName": "Alpha",
    "facts": {"us-gaap": {"Revenues": {"units": {"USD": [_FACT, _FACT]}}}},
}
_MANIFEST = {
    "started": "2026-01-01T00:00:00+00:00",
    "market": {"name": "m", "hash": "0"},
    "verification": {"identical": True},
    "strategy": {"label": "X", "performance": {"sharpe": 1.0}, "trading": {}},
    "benchmarks": [{"label": "Y", "relative": {"beta": 1.0}}],
    "entries": {"records": 1, "head": "0" * 64},
}
_PRICES = price_rows().to_csv(index=False).encode()

READERS: dict[str, tuple[Reader, bytes]] = {
    "run file": (_run_file, (HOUSE / "backtests/runs/hedged_blueprint.toml").read_bytes()),
    "universe": (_universe, (HOUSE / "datafeeds/universes/ai_era.toml").read_bytes()),
    "event": (_event, b'name = "A day"\ndate = 2020-06-11\nbefore = 5\nafter = 5\ngroups = ["software"]\n'),
    "prices": (_table("prices.csv"), _PRICES[:3_000]),
    "facts": (_table("facts.csv"), FACTS.encode()),
    "splits": (_table("splits.csv"), SPLITS.encode()),
    "series": (_table("series.csv"), SERIES_TABLE.encode()),
    "instruments": (_table("instruments.csv"), INSTRUMENTS.encode()),
    "source": (_table("source.json"), b'{"source": "made up", "adjustment": "split", "limits": ["one"]}'),
    "company facts": (_company_facts, json.dumps(_COMPANY_FACTS).encode()),
    "tickers": (_tickers, b'{"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}}'),
    "daily series": (_daily_series, b"observation_date,DGS10\n2020-01-02,1.88\n2020-01-03,.\n"),
    "imported": (_imported, b"Date,Open,High,Low,Close,Adj Close,Volume\n2020-01-02,1,2,1,2,2,5\n"),
    "manifest": (_manifest, json.dumps(_MANIFEST).encode()),
    "record": (_record, _a_record()),
    "entry": (_entry, b'{"recorded": "2026-01-01T00:00:00+00:00", "name": "x", "written": {"a": "b"}}'),
}
"""By name: the reader, and something that it accepts."""


def read(name: str, content: bytes, place: Path) -> None:
    """Give a reader some bytes; what it may do is accept or refuse them, in words that can be told."""
    reader, _ = READERS[name]
    said = "accepted"
    try:
        reader(content, place)
    except REFUSALS as refused:
        said = str(refused)
    assert said.encode()
