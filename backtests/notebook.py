"""Runs from Python: a run file's name, and what to change about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests import runner
from backtests.analysis.registry import Figures
from backtests.metrics import plain
from backtests.records import register
from backtests.result import Result
from backtests.settings import run_file as run_files
from datafeeds.folder.frames import market_from_frames
from datafeeds.market import Market
from strategies.strategy import Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Study(Result):
    """A result that answers questions with frames and figures."""

    @property
    def equity(self) -> pd.DataFrame:
        """Equity at each close, a column a book."""
        sessions = pd.DatetimeIndex(self.sessions, name="session")
        return pd.DataFrame(dict(self.equities), index=sessions)

    @property
    def returns(self) -> pd.DataFrame:
        """Return of each session after the first, net of costs, a column a book."""
        sessions = pd.DatetimeIndex(self.sessions[1:], name="session")
        return pd.DataFrame(dict(self.daily), index=sessions)

    def stats(self) -> pd.DataFrame:
        """Statistics by book: performance, trading, and the strategy relative to each benchmark.

        Returns
        -------
        DataFrame
            Rows are statistics under the names of ``metrics.json``, columns are books; numbers only.
        """
        relatives = (None, *self.relatives)
        columns = {
            label: {
                key: value
                for part in parts
                for key, value in plain(part or Figures(self.annual, {})).items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)
            }
            for label, *parts in zip(self.labels, self.performances, self.tradings, relatives, strict=True)
        }
        return pd.DataFrame(columns).astype(float)

    def plot(self) -> Figure:
        """Growth of 1 on a logarithmic scale, and the fall from the high so far, of every book.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib.figure import Figure  # half a second to import

        figure = Figure(figsize=(9, 6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        growth = self.equity / self.equity.iloc[0]
        for label, curve in growth.items():
            above.plot(curve.index, curve, label=label, linewidth=1)
            below.plot(curve.index, curve / curve.cummax() - 1, linewidth=1)
        above.set(yscale="log", ylabel="growth of 1")
        above.legend(frameon=False)
        below.set(ylabel="drawdown")
        return figure

    def _repr_html_(self) -> str:
        """The statistics, where a notebook shows the result."""
        table: str = self.stats().to_html(float_format="{:.4g}".format)
        return table


def run(
    file: str | Path = "blueprint",
    *,
    strategy: Strategy | str | None = None,
    market: Market | str | None = None,
    prices: pd.DataFrame | None = None,
    verify: bool = False,
    check: bool = False,
    **settings: Any,
) -> Study:
    """Run a run file, or a variation of it.

    Parameters
    ----------
    file : str or Path
        Name of a shipped run file, or path of one.
    strategy : Strategy or str, optional
        Instead of the file's: an instance, or a name with its default parameters.
    market : Market or str, optional
        Instead of the file's: a market, ``"sample"``, or the path of a market folder.
    prices : DataFrame, optional
        Prices to make a market of instead; see `datafeeds.folder.frames.market_from_frames`, which takes
        filed figures and groups too.
    verify, check : bool
        See `backtests.runner.run`.
    **settings
        Further keys of the run file: ``start="2015-01-02"``, ``lag=1``, ``costs={"commission_bps": 5}``,
        ``benchmarks=()``.

    Returns
    -------
    Study
        A `Result`; only the register of trials knows of it, `backtests.records.results.write` writes more.

    Examples
    --------
    >>> result = run("blueprint", start="2015-01-02", lag=1)  # doctest: +SKIP
    >>> result.stats()  # doctest: +SKIP
    """
    document: dict[str, Any] = run_files.load(file).model_dump(mode="python", exclude_none=True)
    if isinstance(strategy, Strategy):
        document["strategy"] = {"name": type(strategy).__name__, **strategy.values()}
    elif strategy is not None:
        document["strategy"] = {"name": strategy}
    if prices is not None and market is not None:
        raise run_files.ConfigError("give either market or prices")
    opened = market if isinstance(market, Market) else None
    opened = opened if prices is None else market_from_frames(prices)
    if opened is not None or market is not None:
        document["market"] = opened.name if opened is not None else market
    config = run_files.parse({**document, **settings}, str(file))
    study = Study(**vars(runner.run(config, market=opened, verify=verify, check=check)))
    register.record(study.market, register.of_result("notebook", study))
    return study
