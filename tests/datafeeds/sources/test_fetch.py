"""Downloading into a market folder, from a local server that serves documents in the sources' shapes."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datafeeds import facts as fundamentals
from datafeeds import universe
from datafeeds.market import Market, MarketError
from datafeeds.sources import yahoo
from datafeeds.sources.assembly import Fetched
from datafeeds.sources.download import Sites
from datafeeds.sources.fetch import fetch
from datafeeds.sources.raw import write_whole
from datafeeds.sources.transport import Unreachable
from datafeeds.universe import Universe
from tests.datafeeds.sources.server import Answer, Server

NOW = dt.datetime(2024, 6, 12, 3, 0, tzinfo=dt.UTC)
START = dt.date(2024, 6, 6)
CONTACT = "Jane Roe jane.roe@example.com"
MINE = {
    "name": "mine",
    "groups": {"chips": {"members": ["NVDA", {"symbol": "OLD", "cik": 77, "predecessors": [78]}]}},
    "benchmarks": {"cap_weighted": "SPY"},
}


def company_facts(revenue: float = 100.0, name: str = "Nvidia Example Corp", year: int = 2023) -> bytes:
    def entry(start: str, end: str, value: float, form: str, filed: str, fp: str) -> dict[str, Any]:
        return {"start": start, "end": end, "val": value, "accn": f"{form}-{fp}", "fy": year, "fp": fp} | {
            "form": form,
            "filed": filed,
        }

    revenues = [
        entry(f"{year}-01-01", f"{year}-03-31", revenue, "10-Q", f"{year}-05-01", "Q1"),
        entry(f"{year}-01-01", f"{year}-12-31", 4 * revenue, "10-K", f"{year + 1}-02-20", "FY"),
    ]
    cover = {"end": f"{year + 1}-02-10", "val": 1000, "accn": "10-K-FY", "fy": year, "fp": "FY"} | {
        "form": "10-K",
        "filed": f"{year + 1}-02-20",
    }
    facts = {
        "us-gaap": {"Revenues": {"units": {"USD": revenues}}},
        "dei": {"EntityCommonStockSharesOutstanding": {"units": {"shares": [cover]}}},
    }
    return json.dumps({"cik": 1, "entityName": name, "facts": facts}).encode()


TICKERS = json.dumps(
    {
        "0": {"cik_str": 1045810, "ticker": "NVDA", "title": "NVIDIA CORP"},
        "1": {"cik_str": 884394, "ticker": "SPY", "title": "SPDR S&P 500 ETF TRUST"},
    }
).encode()
FRED_IDS = ("DGS10", "DGS2", "DGS3MO", "DCOILBRENTEU", "BAMLH0A0HYM2")
TICKERS_PATH = "/files/company_tickers.json"
NVDA_PATH = "/api/xbrl/companyfacts/CIK0001045810.json"
OLD_PATH = "/api/xbrl/companyfacts/CIK0000000077.json"
OLDER_PATH = "/api/xbrl/companyfacts/CIK0000000078.json"
VIX_PATH = "/api/global/us_indices/daily_prices/VIX_History.csv"
SKEW_PATH = "/api/global/us_indices/daily_prices/SKEW_History.csv"


def fred_path(identifier: str) -> str:
    return f"/graph/fredgraph.csv?id={identifier}"


@pytest.fixture
def sources(server: Server) -> Server:
    """A server with everything that the universe `MINE` needs."""
    server.serve(TICKERS_PATH, Answer(TICKERS))
    server.serve(NVDA_PATH, Answer(gzip.compress(company_facts()), headers={"Content-Encoding": "gzip"}))
    server.serve(OLD_PATH, Answer(company_facts(50, "Old Example Inc")))
    server.serve(OLDER_PATH, Answer(company_facts(40, "Older Example Inc", year=2022)))
    for identifier in FRED_IDS:
        text = f"observation_date,{identifier}\n2024-06-06,4.0\n2024-06-07,.\n2024-06-10,4.2\n"
        server.serve(fred_path(identifier), Answer(text.encode(), kind="application/csv"))
    server.serve(VIX_PATH, Answer(b"DATE,OPEN,HIGH,LOW,CLOSE\n06/10/2024,1,1,1,12.74\n", kind="text/csv"))
    server.serve(SKEW_PATH, Answer(b"DATE,SKEW\n06/10/2024,142.1\n", kind="binary/octet-stream"))
    return server


def history(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
    dates = ["2023-06-01", "2024-06-06", "2024-06-07", "2024-06-10", "2024-06-11", "2024-06-12"]
    index = pd.DatetimeIndex(dates, name="Date").tz_localize("America/New_York")
    price = np.arange(10.0, 16.0)
    columns = dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close"), price)
    return pd.DataFrame(
        {
            **columns,
            "Volume": 1000,
            "Dividends": [0, 0, 0.01, 0, 0, 0],
            "Stock Splits": [2.0, 0, 0, 10.0, 0, 0] if symbol == "NVDA" else 0.0,
        },
        index=index,
    )


def sites(server: Server) -> Sites:
    return Sites(server.address, server.address, server.address, server.address)


def mine(**changes: Any) -> Universe:
    return universe.parse(MINE | changes, "mine.toml")


def run(server: Server, folder: Path, **settings: Any) -> Fetched:
    defaults: dict[str, Any] = {
        "contact": CONTACT,
        "sites": sites(server),
        "history": history,
        "now": NOW,
    }
    return fetch(settings.pop("universe", mine()), folder, START, **(defaults | settings))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "raw" not in path.parts
    }


def messages(fetched: Fetched) -> str:
    return "\n".join(map(str, fetched.findings))


# The folder


def test_a_market_folder(sources: Server, tmp_path: Path) -> None:
    fetched = run(sources, tmp_path / "market")
    assert fetched.symbols == ("NVDA", "OLD", "SPY")
    assert sorted(contents(tmp_path / "market")) == [
        "facts.csv",
        "instruments.csv",
        "prices/NVDA.csv",
        "prices/OLD.csv",
        "prices/SPY.csv",
        "series.csv",
        "source.json",
        "splits.csv",
    ]
    prices = pd.read_csv(tmp_path / "market/prices/NVDA.csv")
    # From the first day asked for to the last session that is over in New York, at 23:00 the day before.
    assert prices["date"].tolist() == ["2024-06-06", "2024-06-07", "2024-06-10", "2024-06-11"]
    assert prices["close"].tolist() == [11.0, 12.0, 13.0, 14.0]
    assert prices["dividend"].tolist() == [0.0, 0.01, 0.0, 0.0]
    splits = pd.read_csv(tmp_path / "market/splits.csv")
    # The split before the first price is kept: it carries share counts filed earlier.
    assert splits["date"].tolist() == ["2023-06-01", "2024-06-10"]
    facts = pd.read_csv(tmp_path / "market/facts.csv")
    assert set(facts["symbol"]) == {"NVDA", "OLD"}
    old = facts[
        (facts["symbol"] == "OLD") & (facts["concept"] == "revenue") & (facts["fiscal_period"] == "FY")
    ]
    assert old[["fiscal_year", "value"]].to_numpy().tolist() == [[2022, 160], [2023, 200]]
    instruments = pd.read_csv(tmp_path / "market/instruments.csv")
    assert instruments["name"].tolist()[:2] == ["Nvidia Example Corp", "Old Example Inc"]
    assert instruments["company"].tolist()[:2] == ["CIK0001045810", "CIK0000000077"]
    series = pd.read_csv(tmp_path / "market/series.csv")
    assert sorted(set(series["series"])) == ["brent", "hy_oas", "skew", "us10y", "us2y", "us3m", "vix"]
    assert (fetched.sessions, fetched.figures, fetched.values) == (4, len(facts), len(series))


def test_the_folder_says_where_its_numbers_come_from(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    source = json.loads((tmp_path / "source.json").read_text(encoding="utf-8"))
    assert source["universe"] == "mine"
    assert source["adjustment"] == "split"
    assert source["companies"]["OLD"] == {"cik": [77, 78], "name": "Old Example Inc", "figures": 5}
    assert source["sessions"] == {"first": "2024-06-06", "last": "2024-06-11", "count": 4}
    assert any("DGS10" in each["from"] for each in source["sources"])
    assert source["written"] == "2024-06-12T03:00:00+00:00"
    manifest = json.loads((tmp_path / "raw/manifest.json").read_text(encoding="utf-8"))
    assert manifest["edgar/CIK0001045810.json"]["address"] == sources.address + NVDA_PATH
    assert manifest["edgar/CIK0001045810.json"]["fetched"] == "2024-06-12T03:00:00+00:00"


def test_the_tables_make_a_market(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    close = pd.DataFrame(
        {
            path.stem: pd.read_csv(path, index_col="date", parse_dates=["date"])["close"]
            for path in sorted((tmp_path / "prices").glob("*.csv"))
        }
    )
    market = Market.from_wide(
        "mine",
        close,
        instruments=pd.read_csv(tmp_path / "instruments.csv", dtype=str, keep_default_na=False),
        facts=pd.read_csv(tmp_path / "facts.csv"),
        splits=pd.read_csv(tmp_path / "splits.csv"),
        series=pd.read_csv(tmp_path / "series.csv"),
    )
    # 400 of revenue, 1,000 shares filed before a split of ten for one, a close of 14.
    assert fundamentals.fact(market, "price_to_sales")[-1, 0] == pytest.approx(14 * 10_000 / 400)


def test_progress_goes_from_nothing_to_all(sources: Server, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    run(sources, tmp_path, progress=lambda *step: steps.append(step))
    done = [step[1] for step in steps]
    assert done == sorted(done)
    assert steps[-1][1] == steps[-1][2]
    assert "NVDA: prices" in {step[0] for step in steps}


def test_the_contact_goes_to_the_sec_only(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    agents = dict(sources.requests)
    assert agents[NVDA_PATH] == agents[TICKERS_PATH] == CONTACT
    assert agents[VIX_PATH] == agents[fred_path("DGS10")] == "style-rotation"


def test_funds_alone_need_neither_contact_nor_the_sec(sources: Server, tmp_path: Path) -> None:
    funds = mine(groups={"small_cap": {"kind": "etf", "members": ["IWM"]}})
    fetched = run(sources, tmp_path, universe=funds, contact="")
    assert fetched.symbols == ("IWM", "SPY")
    assert fetched.figures == 0
    assert sources.asked("companyfacts") == sources.asked("company_tickers") == 0


@pytest.mark.parametrize(
    "contact", ["", "   ", "Jane Roe", "jane@example.com\r\nX-Evil: 1", "jané@example.com", "a@" + 200 * "b"]
)
def test_without_a_usable_contact_nothing_is_asked(sources: Server, tmp_path: Path, contact: str) -> None:
    with pytest.raises(MarketError, match="the SEC wants to know who asks"):
        run(sources, tmp_path / "market", contact=contact)
    assert sources.requests == []
    assert not (tmp_path / "market").exists()


def test_days_in_the_wrong_order(sources: Server, tmp_path: Path) -> None:
    with pytest.raises(MarketError, match="the first day, 2024-06-06, is after the last, 2024-01-01"):
        run(sources, tmp_path, end=dt.date(2024, 1, 1))


def test_an_end_cuts_prices_figures_and_series_but_not_splits(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path, end=dt.date(2024, 6, 7))
    assert pd.read_csv(tmp_path / "prices/NVDA.csv")["date"].iloc[-1] == "2024-06-07"
    assert pd.read_csv(tmp_path / "series.csv")["date"].max() == "2024-06-06"
    assert pd.read_csv(tmp_path / "splits.csv")["date"].iloc[-1] == "2024-06-10"


# Going on where it stopped


def test_what_is_complete_is_not_fetched_again(sources: Server, tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        asked.append(symbol)
        return history(symbol, start, stop)

    run(sources, tmp_path, history=counting)
    first, before = len(sources.requests), contents(tmp_path)
    run(sources, tmp_path, history=counting, now=NOW + dt.timedelta(minutes=5))
    assert len(sources.requests) == first
    assert asked == ["NVDA", "OLD", "SPY"]
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"source.json"}


def test_a_day_later_everything_is_fetched_again(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    first = len(sources.requests)
    run(sources, tmp_path, now=NOW + dt.timedelta(days=1, minutes=1))
    assert len(sources.requests) == 2 * first
    run(sources, tmp_path, now=NOW + dt.timedelta(days=1, minutes=2), max_age=dt.timedelta(0))
    assert len(sources.requests) == 3 * first


def test_an_earlier_start_fetches_the_prices_again(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    starts: list[dt.date] = []

    def noting(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        starts.append(start)
        return history(symbol, start, stop)

    settings = {
        "contact": CONTACT,
        "sites": sites(sources),
        "history": noting,
        "now": NOW,
    }
    fetch(mine(), tmp_path, dt.date(2023, 6, 1), **settings)
    assert starts == [dt.date(2023, 6, 1) - dt.timedelta(500)] * 3
    assert pd.read_csv(tmp_path / "prices/NVDA.csv")["date"].iloc[0] == "2023-06-01"


def test_an_interrupted_download_goes_on(sources: Server, tmp_path: Path) -> None:
    good = sources.answers[OLD_PATH]
    sources.serve(OLD_PATH, Answer(status=503))
    with pytest.raises(
        Unreachable, match=r"503.*5 attempts.*existing data untouched.*run the same command again"
    ):
        run(sources, tmp_path)
    assert contents(tmp_path) == {}
    sources.serve(OLD_PATH, *good)
    assert run(sources, tmp_path).symbols == ("NVDA", "OLD", "SPY")
    assert sources.asked("CIK0001045810") == 1


def test_a_damaged_response_on_disk_is_fetched_again(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    path = tmp_path / "raw/edgar/CIK0001045810.json.gz"
    path.write_bytes(path.read_bytes()[:50])
    run(sources, tmp_path)
    assert sources.asked("CIK0001045810") == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"edgar/CIK0001045810.json": 3}'])
def test_a_damaged_manifest_means_fetching_again(sources: Server, tmp_path: Path, text: str) -> None:
    run(sources, tmp_path)
    (tmp_path / "raw/manifest.json").write_text(text, encoding="utf-8")
    run(sources, tmp_path)
    assert sources.asked("CIK0001045810") == 2


# Failures


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_offline_leaves_existing_data_untouched(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    before = contents(tmp_path)
    nowhere = closed_port()
    with pytest.raises(Unreachable) as caught:
        run(
            sources,
            tmp_path,
            sites=Sites(nowhere, nowhere, nowhere, nowhere),
            now=NOW + dt.timedelta(days=7),
            end=dt.date(2024, 6, 10),
        )
    message = str(caught.value)
    assert message.startswith(f"can't reach {nowhere.removeprefix('http://')}: ")
    assert "existing data untouched" in message
    assert contents(tmp_path) == before


def test_yahoo_offline(sources: Server, tmp_path: Path) -> None:
    def offline(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        raise ConnectionError("could not resolve host")

    with pytest.raises(Unreachable, match=r"can't reach Yahoo: could not resolve host \(5 attempts\)"):
        run(sources, tmp_path, history=offline)


def test_yahoo_asks_to_wait_and_is_asked_again(sources: Server, tmp_path: Path) -> None:
    refusals = [yahoo.TooManyRequests("too many requests")] * 2

    def busy(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        if refusals:
            raise refusals.pop()
        return history(symbol, start, stop)

    assert len(run(sources, tmp_path, history=busy).symbols) == 3


def test_without_yfinance_nothing_is_written(
    sources: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yfinance", None)
    with pytest.raises(MarketError, match="pip install"):
        run(sources, tmp_path, history=yahoo.history)
    assert contents(tmp_path) == {}


def test_a_symbol_that_nobody_knows_is_left_out_and_named(sources: Server, tmp_path: Path) -> None:
    def picky(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        if symbol == "NVDAA":
            raise yahoo.NoPrices("Yahoo has no prices for 'NVDAA'")
        return history(symbol, start, stop)

    fetched = run(
        sources, tmp_path, universe=mine(groups={"chips": {"members": ["NVDA", "NVDAA"]}}), history=picky
    )
    assert fetched.symbols == ("NVDA", "SPY")
    assert "did you mean 'NVDA'" in messages(fetched)
    assert "NVDAA" not in pd.read_csv(tmp_path / "instruments.csv")["symbol"].tolist()


def test_a_stock_that_the_sec_does_not_list(sources: Server, tmp_path: Path) -> None:
    fetched = run(sources, tmp_path, universe=mine(groups={"chips": {"members": ["NVDB"]}}))
    assert fetched.symbols == ("NVDB", "SPY")
    assert "no symbol 'NVDB' in the SEC's list of companies; did you mean 'NVDA'" in messages(fetched)
    assert "cik in the universe file" in messages(fetched)


def test_a_company_without_company_facts_is_reported_and_not_asked_again(
    sources: Server, tmp_path: Path
) -> None:
    del sources.answers[OLD_PATH]
    del sources.answers[OLDER_PATH]
    assert "OLD: the SEC has none under number 77, 78" in messages(run(sources, tmp_path))
    run(sources, tmp_path)
    assert sources.asked("CIK0000000077") == 1


def test_none_of_the_symbols_has_prices(sources: Server, tmp_path: Path) -> None:
    def nothing(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        return history(symbol, start, stop).iloc[:0]

    with pytest.raises(MarketError, match="none of the 3 symbols has prices; nothing was written"):
        run(sources, tmp_path, history=nothing)
    assert contents(tmp_path) == {}


def test_a_delisted_symbol_keeps_what_is_known_of_it(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)

    def delisted(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        if symbol == "OLD":
            raise yahoo.NoPrices("Yahoo has no prices for 'OLD'")
        return history(symbol, start, stop)

    fetched = run(sources, tmp_path, history=delisted, now=NOW + dt.timedelta(days=2))
    assert "OLD" in fetched.symbols
    assert "no prices for 'OLD'; what was fetched on 2024-06-12 stays" in messages(fetched)
    assert len(pd.read_csv(tmp_path / "prices/OLD.csv")) == 5


def test_prices_adjusted_for_dividends_are_reported(sources: Server, tmp_path: Path) -> None:
    def adjusted(symbol: str, start: dt.date, stop: dt.date) -> pd.DataFrame:
        frame = history(symbol, start, stop)
        return frame.drop(columns="Adj Close") if symbol == "OLD" else frame

    fetched = run(sources, tmp_path, history=adjusted)
    assert "auto_adjust=False; nothing was fetched before" in messages(fetched)
    assert fetched.symbols == ("NVDA", "SPY")


def test_a_web_page_in_place_of_a_series_leaves_the_old_one(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    before = (tmp_path / "series.csv").read_bytes()
    page = Answer(b"<html><title>Down for repairs</title></html>", kind="text/html; charset=utf-8")
    sources.serve(VIX_PATH, page)
    # The same without saying so, as some hosts do.
    sources.serve(fred_path("DGS2"), replace(page, kind="text/csv"))
    fetched = run(sources, tmp_path, now=NOW + dt.timedelta(days=2))
    assert messages(fetched).count("a web page instead of data: 'Down for repairs'; what was fetched on") == 2
    assert (tmp_path / "series.csv").read_bytes() == before


def test_a_series_that_is_no_longer_served_stays(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    before = (tmp_path / "series.csv").read_bytes()
    (tmp_path / "raw/manifest.json").unlink()
    del sources.answers[SKEW_PATH]
    fetched = run(sources, tmp_path)
    assert "skew can't be had; what the folder has of it stays" in messages(fetched)
    assert (tmp_path / "series.csv").read_bytes() == before


def test_years_that_a_source_stops_serving_stay(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    later = b"observation_date,BAMLH0A0HYM2\n2024-06-10,4.3\n2024-06-11,4.4\n"
    sources.serve(fred_path("BAMLH0A0HYM2"), Answer(later, kind="text/csv"))
    run(sources, tmp_path, now=NOW + dt.timedelta(days=2))
    series = pd.read_csv(tmp_path / "series.csv")
    spread = series[series["series"] == "hy_oas"]
    assert spread["date"].tolist() == ["2024-06-06", "2024-06-10", "2024-06-11"]
    assert spread["value"].tolist() == [4.0, 4.3, 4.4]


def test_a_series_that_begins_after_the_prices_is_reported(sources: Server, tmp_path: Path) -> None:
    settings = {
        "contact": CONTACT,
        "sites": sites(sources),
        "history": history,
        "now": NOW,
    }
    fetched = fetch(mine(), tmp_path, dt.date(2023, 6, 1), **settings)
    assert "hy_oas begins on 2024-06-06, after 2023-06-01" in messages(fetched)
    assert "short series" not in messages(run(sources, tmp_path))


def test_a_symbol_taken_out_of_the_universe_leaves_the_folder(sources: Server, tmp_path: Path) -> None:
    run(sources, tmp_path)
    run(sources, tmp_path, universe=mine(groups={"chips": {"members": ["NVDA"]}}))
    assert sorted(path.name for path in (tmp_path / "prices").iterdir()) == ["NVDA.csv", "SPY.csv"]


def test_a_folder_with_other_data_is_left_alone(sources: Server, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(MarketError, match="holds files that do not come from here"):
        run(sources, tmp_path)
    (tmp_path / "source.json").write_text('{"universe": "theirs"}', encoding="utf-8")
    with pytest.raises(MarketError, match="holds universe 'theirs', not 'mine'; choose another folder"):
        run(sources, tmp_path)
    (tmp_path / "source.json").write_text("broken", encoding="utf-8")
    with pytest.raises(MarketError, match="holds data from elsewhere"):
        run(sources, tmp_path)
    with pytest.raises(MarketError, match="not a folder"):
        run(sources, tmp_path / "prices.csv")
    assert (tmp_path / "prices.csv").read_text(encoding="utf-8") == "mine"
    assert sources.requests == []


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "facts.csv"
    write_whole(path, b"old")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:1])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
