"""The outcome of a run: what was asked, on what market, and the books of the strategy and its benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backtests.engine.books import Ledger
from backtests.settings.run_file import RunConfig
from datafeeds.market import Market
from strategies.strategy import Strategy


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
