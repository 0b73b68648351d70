"""Small market folders for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.calendars import exchange_sessions

SESSIONS = exchange_sessions("2020-01-02", "2020-03-31")
SYMBOLS = ("AAA", "BBB", "SPY")


def price_rows(seed: int = 1) -> pd.DataFrame:
    """Rows of three symbols over one quarter, in whole cents."""
    generator = np.random.default_rng(seed)
    tables = []
    for place, symbol in enumerate(SYMBOLS):
        moves = generator.normal(0.0005, 0.01, len(SESSIONS))
        close = np.round(50 * (place + 1) * np.exp(np.cumsum(moves)), 2)
        opened = np.round(close * (1 + generator.normal(0, 0.002, len(SESSIONS))), 2)
        tables.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": SESSIONS.astype(str),
                    "open": opened,
                    "high": np.maximum(opened, close) + 0.25,
                    "low": np.minimum(opened, close) - 0.25,
                    "close": close,
                    "volume": generator.integers(100_000, 200_000, len(SESSIONS)),
                    "dividend": 0.0,
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    table.loc[(table["symbol"] == "SPY") & (table["date"] == "2020-02-14"), "dividend"] = 0.5
    return table


NO_SPLITS = pd.DataFrame(
    {
        "symbol": pd.Series([], dtype=str),
        "date": pd.Series([], dtype="datetime64[s]"),
        "ratio": pd.Series([], dtype=float),
    }
)
NO_BASIS = pd.DataFrame(
    {
        "symbol": pd.Series([], dtype=str),
        "since": pd.Series([], dtype="datetime64[s]"),
        "known": pd.Series([], dtype="datetime64[s]"),
        "ratio": pd.Series([], dtype=float),
    }
)


FACTS = """symbol,concept,fiscal_year,fiscal_period,filed,value,period_end
AAA,revenue,2018,FY,2019-02-20,1000000000,2018-12-31
AAA,revenue,2019,FY,2020-02-20,1100000000,2019-12-31
AAA,shares_outstanding,2018,FY,2019-02-20,20000000,2018-12-31
AAA,shares_outstanding,2019,FY,2020-02-20,41000000,2019-12-31
BBB,revenue,2018,FY,2019-02-25,500000000,2018-12-31
BBB,shares_outstanding,2018,FY,2019-02-25,30000000,2018-12-31
"""
SPLITS = "symbol,date,ratio\nAAA,2019-06-03,2\n"
SERIES = """series,date,available,value
vix,2020-01-02,2020-01-02,12.47
vix,2020-01-03,2020-01-03,14.02
us10y,2020-01-02,2020-01-03,1.88
"""
INSTRUMENTS = """symbol,kind,name,sector,industry,group,from,to
AAA,stock,Alpha,Information Technology,Semiconductors,ai_hardware,,
BBB,stock,"Beta, Inc.",Information Technology,Systems Software,software,2020-02-03,2020-02-28
SPY,etf,Fund,,,cap_weighted,,
"""


def write_folder(folder: Path, prices: pd.DataFrame | None = None) -> Path:
    """A market folder of CSV files without any defect."""
    folder.mkdir(parents=True, exist_ok=True)
    (prices if prices is not None else price_rows()).to_csv(folder / "prices.csv", index=False)
    for name, text in (
        ("facts", FACTS),
        ("splits", SPLITS),
        ("series", SERIES),
        ("instruments", INSTRUMENTS),
    ):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "source.json").write_text('{"source": "made up"}', encoding="utf-8")
    return folder
