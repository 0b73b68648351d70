"""pyfolio's full tear sheet of a finished run, written beside ours."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from backtests.analysis.exports import PyfolioInput, pyfolio_input
from backtests.records import archive
from backtests.records.finished import ResultsError, reading
from backtests.settings.markets import open_market
from backtests.settings.run_file import CASH, parse
from datafeeds.extras import not_installed
from datafeeds.market import Market

SHEET = "pyfolio.pdf"


def write_pyfolio(folder: Path, market: Market | None = None) -> Path:
    """Write pyfolio's pages as ``pyfolio.pdf`` into a run's folder and return its path.

    Parameters
    ----------
    folder : Path
    market : Market, optional
        Instead of the one that the run's manifest names.

    Raises
    ------
    ResultsError
        If the folder holds no run, its market is not what it was, or pyfolio is not installed.
    """
    pages = figures(read_input(folder, market))
    from matplotlib.backends.backend_pdf import PdfPages  # half a second to import

    target = folder / SHEET
    with PdfPages(target) as pdf:
        for figure in pages:
            pdf.savefig(figure, bbox_inches="tight")
    return target


def read_input(folder: Path, market: Market | None = None) -> PyfolioInput:
    """What pyfolio takes, from the files of a run; its market only values what was held.

    Raises
    ------
    ResultsError
        If the folder holds no run, or the market's data is not what it ran on.
    """
    with reading(folder):
        manifest = archive.read_json(folder / "manifest.json")
        returns, positions, fills = (
            archive.read_parquet(folder / f"{name}.parquet") for name in ("returns", "positions", "fills")
        )
        returns = returns.drop(columns=CASH, errors="ignore")
        config = parse(manifest["config"], str(folder / "manifest.json"))
        ran_on = str(manifest["market"]["hash"])
    equity = [
        config.capital * np.cumprod(np.append(1.0, 1.0 + returns.iloc[:, place].to_numpy(dtype=np.float64)))
        for place in range(min(2, returns.shape[1]))
    ]
    traded = open_market(config.market, part=True) if market is None else market
    if traded.hash != ran_on:
        raise ResultsError(
            f"{folder}: its positions can't be valued: it ran on market data {ran_on[:12]}, and market "
            f"{traded.name!r} is {traded.hash[:12]} now. Run it again"
        )
    return pyfolio_input(equity[0], positions, fills, traded, equity[1] if len(equity) > 1 else None)


def figures(given: PyfolioInput) -> list[Any]:
    """Every page of pyfolio's full tear sheet, the table of its statistics first."""
    import matplotlib as mpl  # with pyfolio a second to import

    with (
        warnings.catch_warnings(),
        mpl.rc_context({"backend": "agg"}),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        # pyfolio warns that zipline is absent, which is not needed here, and calls what pandas will drop.
        warnings.simplefilter("ignore")
        # A second to import, of which both warn.
        from matplotlib.figure import Figure

        try:
            from pyfolio import tears, timeseries  # as above
        except ImportError:
            raise ResultsError(not_installed("backtest pyfolio", "pyfolio-reloaded", "pyfolio")) from None

        stats = timeseries.perf_stats(given.returns, factor_returns=given.benchmark)
        page = Figure(figsize=(8, 10))
        axes = page.subplots()
        axes.axis("off")
        cells = [[str(name), f"{float(value):.4f}"] for name, value in stats.items()]
        axes.table(cells, colLabels=["pyfolio", "statistic"], loc="upper center")
        found = [page]
        beside = {"benchmark_rets": given.benchmark, "return_fig": True}
        found.append(
            tears.create_returns_tear_sheet(given.returns, given.positions, given.transactions, **beside)
        )
        interesting = tears.create_interesting_times_tear_sheet(given.returns, **beside)
        found += [interesting] if interesting is not None else []
        if given.positions.shape[1] > 1:
            found.append(
                tears.create_position_tear_sheet(
                    given.returns, given.positions, estimate_intraday=False, return_fig=True
                )
            )
        if len(given.transactions):
            found.append(
                tears.create_txn_tear_sheet(
                    given.returns,
                    given.positions,
                    given.transactions,
                    estimate_intraday=False,
                    return_fig=True,
                )
            )
    return found
