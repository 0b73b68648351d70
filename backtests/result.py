"""The outcome of a run: what was asked, on what market, and the books of the strategy and its benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.config import RunConfig
from backtests.ledger import Ledger
from datafeeds.market import Market
from strategies.base import Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Book:
    """One portfolio of a run.

    Attributes
    ----------
    label : str
        What readers see, such as ``"Blueprint"`` or ``"S&P 500"``.
    strategy : Strategy
        The decisions behind it.
    ledger : Ledger
        Its accounts.
    note : str
        What a reader must know about it (for a price index: that dividends are missing), or empty.
    """

    label: str
    strategy: Strategy
    ledger: Ledger
    note: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Attributes
    ----------
    config : RunConfig
    market : Market
    book : Book
        The strategy's portfolio.
    benchmarks : tuple of Book
        In the run file's order; the first is the primary one. All share the strategy's sessions.
    manifest : mapping
        Provenance: run hash, market hash and source, code and package versions, engine, timings.
    """

    config: RunConfig
    market: Market
    book: Book
    benchmarks: tuple[Book, ...]
    manifest: Mapping[str, Any]

    @property
    def books(self) -> tuple[Book, ...]:
        """The strategy's book, then the benchmarks'."""
        return (self.book, *self.benchmarks)

    @property
    def equity(self) -> pd.DataFrame:
        """Equity at each close, a column a book."""
        sessions = pd.DatetimeIndex(self.book.ledger.sessions, name="session")
        return pd.DataFrame({book.label: book.ledger.equity for book in self.books}, index=sessions)

    @property
    def returns(self) -> pd.DataFrame:
        """Return of each session after the first, net of costs, a column a book."""
        returns = pd.DataFrame({book.label: book.ledger.returns for book in self.books})
        return returns.rename_axis("session")

    def stats(self) -> pd.DataFrame:
        """Statistics by book: performance, trading, and the strategy relative to each benchmark.

        Returns
        -------
        DataFrame
            Rows are statistics under the names of ``metrics.json``, columns are books; numbers only.
        """
        from backtests.analysis.performance import metrics

        found = metrics(self)
        columns = {}
        for book in (found["strategy"], *found["benchmarks"]):
            parts = (book["performance"], book["trading"], book.get("relative", {}))
            columns[book["label"]] = {
                name: value
                for part in parts
                for name, value in part.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)
            }
        return pd.DataFrame(columns).astype(float)

    def plot(self) -> Figure:
        """Growth of 1 on a logarithmic scale, and the fall from the high so far, of every book.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib.figure import Figure

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
