"""Runs from Python: a run file's name, and what to change about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests import runner
from backtests.analysis.registry import Figures
from backtests.metrics import plain
from backtests.provenance import typed_alike
from backtests.records import register
from backtests.result import Result
from backtests.settings import run_file as run_files
from backtests.settings import strategies as named_strategies
from datafeeds.folder.frames import market_from_frames
from datafeeds.market import Market as AnyMarket
from strategies.strategy import Strategy
from strategies.target import StrategyError

if TYPE_CHECKING:
    from backtests.figure import ShownFigure


class Market(AnyMarket):
    """A market of your own data, for ``run(market=...)``."""

    @classmethod
    def from_frames(cls, prices: pd.DataFrame, **tables: Any) -> AnyMarket:
        """Make a market of frames, with the checks, repairs and limits that a folder of them would get.

        Parameters
        ----------
        prices : DataFrame
            Rows of symbol, date and close, or closes by date and symbol, or two levels of columns.
        **tables
            ``facts``, ``splits``, ``series``, ``instruments``, ``calendar`` and the rest of
            `datafeeds.folder.frames.market_from_frames`.

        Examples
        --------
        >>> closes = pd.DataFrame({"AAA": [1.0, 1.1]}, index=pd.to_datetime(["2020-01-02", "2020-01-03"]))
        >>> Market.from_frames(closes).symbols
        ('AAA',)
        """
        return market_from_frames(prices, **tables)


@dataclass(frozen=True, eq=False, repr=False)
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

    @property
    def fills(self) -> pd.DataFrame:
        """What the strategy traded: session, symbol, shares, price and costs, a row a fill."""
        return self.book.ledger.fills.copy()

    @property
    def decisions(self) -> pd.DataFrame:
        """What the strategy asked for: a row a decision, target weights by symbol, cash and the reasons."""
        targets = self.targets
        weights = pd.DataFrame([dict(target.weights) for target in targets.values()], dtype=float).fillna(0.0)
        weights.index = pd.DatetimeIndex(list(targets), name="session")
        weights["cash"] = [target.cash for target in targets.values()]
        weights["why"] = ["; ".join(step.why for step in target.changes) for target in targets.values()]
        return weights

    def save(self, results: Path | str = "results") -> Path:
        """Write the run's folder with its tearsheet, as the command line does.

        Parameters
        ----------
        results : Path or str
            Folder that holds one folder a run.

        Returns
        -------
        Path
            The folder that was written; ``backtest show`` and ``compare`` find it by its name.
        """
        # Half a second for what draws pages and prints PDF.
        from backtests.records.results import write

        return write(self, Path(results)).folder

    def plot(self) -> ShownFigure:
        """Growth of 1 on a logarithmic scale, and the fall from the high so far, of every book.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it as an image.
        """
        from backtests.figure import growth_figure  # half a second for matplotlib

        return growth_figure(self.equity)

    def __repr__(self) -> str:
        span = f"{self.sessions[0]} to {self.sessions[-1]}"
        books = []
        for label, numbers in zip(self.labels, self.performances, strict=True):
            figure = numbers.total_return if numbers.cagr is None else numbers.cagr
            books.append(f"{label} {figure:+.1%}")
        unit = "a year" if self.annual else "in all"
        return f"<Study {self.config.name} on {self.market.name}, {span}: {', '.join(books)} {unit}>"

    def _repr_html_(self) -> str:
        """The statistics, where a notebook shows the result."""
        table: str = self.stats().to_html(float_format="{:.4g}".format)
        return table


def run(
    file: str | Path = "blueprint",
    *,
    strategy: Strategy | str | None = None,
    market: AnyMarket | str | None = None,
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
        Instead of the file's: an instance, or a name with its default parameters. The file's limits and its
        hedge go around it, as they are the account's rules; ``hedge=None`` takes the hedge away.
    market : Market or str, optional
        Instead of the file's: a market, ``"sample"``, or the path of a market folder.
    prices : DataFrame, optional
        Prices to make a market of instead; `Market.from_frames` takes filed figures, groups and more too.
    verify, check : bool
        See `backtests.runner.run`.
    **settings
        Further keys of the run file: ``start="2015-01-02"``, ``lag=1``, ``costs={"commission_bps": 5}``,
        ``benchmarks=()``. A table changes the keys that it has and leaves the file's others as they are.

    Returns
    -------
    Study
        A `Result`; only the register of trials knows of it until `Study.save` writes its folder.

    Examples
    --------
    >>> result = run("blueprint", start="2015-01-02", lag=1)  # doctest: +SKIP
    >>> result.stats()  # doctest: +SKIP
    """
    named_strategies.read_again()
    document: dict[str, Any] = run_files.load(file).model_dump(mode="python", exclude_none=True)
    if isinstance(strategy, Strategy):
        run_files.put_instead(document, _named(strategy))
    elif strategy is not None:
        run_files.put_instead(document, {"name": strategy})
    if prices is not None and market is not None:
        raise run_files.ConfigError("give either market or prices")
    opened = market if isinstance(market, AnyMarket) else None
    opened = opened if prices is None else market_from_frames(prices)
    if opened is not None or market is not None:
        document["market"] = opened.name if opened is not None else market
    config = run_files.parse(run_files.merged(document, settings), str(file))
    result = runner.run(config, market=opened, verify=verify, check=check)
    study = Study(**{each.name: getattr(result, each.name) for each in fields(Result)})
    study.__dict__.update(vars(result))  # what a checked run has measured already
    register.record(study.market, register.of_result("notebook", study))
    return study


def _named(strategy: Strategy) -> dict[str, Any]:
    """How a run file writes a strategy that was made in Python.

    Raises
    ------
    StrategyError
        If its name means another class, or a parameter has the name of another key of that table.
    """
    cls = type(strategy)
    found = named_strategies.class_named(cls.__name__)
    if found is not cls and not typed_alike(found, cls):
        again = (
            "the cell that defines it was run again, so make the strategy anew"
            if found.__module__ == cls.__module__
            else "call one of the two otherwise, or give the path of its file"
        )
        raise StrategyError(
            f"{cls.__name__} now means a class of {found.__module__}, and this strategy is of a class of "
            f"this name in {cls.__module__} that it replaced: {again}"
        )
    for key in ("name", "limits"):
        if key in cls.parameters:
            raise StrategyError(f"{cls.__name__}.{key}: [strategy] means something else by it; rename it")
    return {"name": cls.__name__, **strategy.values()}
