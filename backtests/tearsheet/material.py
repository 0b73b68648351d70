"""Everything that the sections need, computed once from a result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from backtests.analysis.performance import Performance, Relative, performance, relative
from backtests.analysis.span import spans_a_year
from backtests.analysis.trading import Trading, trading
from backtests.result import Book, Result
from backtests.tearsheet.content import Column, Dash
from datafeeds.market import Dates

DASHES: tuple[Dash, ...] = ("solid", "dashed", "dotted", "dashdot", "longdash", "sparse")


@dataclass(frozen=True, eq=False)
class Material:
    """A result and its statistics.

    Attributes
    ----------
    result : Result
    performances : tuple of Performance
        One a book, the strategy's first.
    relatives : tuple of Relative
        The strategy against each benchmark.
    tradings : tuple of Trading
        One a book, the strategy's first.
    """

    result: Result
    performances: tuple[Performance, ...]
    relatives: tuple[Relative, ...]
    tradings: tuple[Trading, ...]

    @property
    def books(self) -> tuple[Book, ...]:
        """The strategy's book, then the benchmarks'."""
        return self.result.books

    @property
    def sessions(self) -> Dates:
        """The run's sessions."""
        return self.result.book.ledger.sessions

    @property
    def annual(self) -> bool:
        """Whether statistics are annualised."""
        return spans_a_year(self.sessions)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """The strategy's share of equity by session and symbol ever held."""
        return self.result.book.ledger.weights(self.result.market)

    @property
    def primary(self) -> Book | None:
        """The first benchmark."""
        return self.result.benchmarks[0] if self.result.benchmarks else None

    @property
    def columns(self) -> tuple[Column, ...]:
        """A table's column for each book."""
        return tuple(Column(label, strong=position == 0) for position, label in enumerate(self.labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """What readers see for each book."""
        return tuple(book.label for book in self.books)


def material_of(result: Result) -> Material:
    """Compute the statistics of `result`.

    Raises
    ------
    ValueError
        If the run has fewer than two sessions.
    """
    cash_rate = result.config.costs.cash_rate
    ours = result.book.ledger
    return Material(
        result=result,
        performances=tuple(
            performance(book.ledger.equity, book.ledger.sessions, cash_rate) for book in result.books
        ),
        relatives=tuple(
            relative(ours.equity, book.ledger.equity, ours.sessions, cash_rate) for book in result.benchmarks
        ),
        tradings=tuple(trading(book.ledger) for book in result.books),
    )
