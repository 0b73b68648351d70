"""Everything that the sections need, computed once from a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from backtests.analysis.performance import Performance, Relative, performance, relative
from backtests.analysis.significance import LEAST_RETURNS, Significance, significance
from backtests.analysis.span import spans_a_year
from backtests.analysis.stress import (
    SCENARIOS,
    EpisodeOutcome,
    ShockOutcome,
    apply_scenario,
    custom_scenarios,
    episode_outcomes,
    groups_today,
)
from backtests.analysis.trading import Trading, trading
from backtests.document.blocks import Column
from backtests.result import Book, Result
from datafeeds.market import Array, Dates


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

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What readers see for each book, told apart where two have the same label."""
        seen: Counter[str] = Counter()
        labels = []
        for book in self.books:
            seen[book.label] += 1
            labels.append(f"{book.label} ({seen[book.label]})" if seen[book.label] > 1 else book.label)
        return tuple(labels)

    @cached_property
    def equities(self) -> Mapping[str, Array]:
        """Equity of each book at each close, by label."""
        return {label: book.ledger.equity for label, book in zip(self.labels, self.books, strict=True)}

    @property
    def trials(self) -> int | None:
        """How often one tried on this market; None where no record was kept."""
        count = self.result.manifest.get("trials", {}).get("count")
        return None if count is None else max(1, int(count))

    @cached_property
    def significance(self) -> Significance | None:
        """Every test of luck; None where the run is too short or equity was lost."""
        ours, *others = self.equities.values()
        if len(self.sessions) <= LEAST_RETURNS or any((each <= 0).any() for each in (ours, *others)):
            return None
        manifest = self.result.manifest
        return significance(
            ours,
            dict(zip(self.labels[1:], others, strict=True)),
            self.sessions,
            cash_rate=self.result.config.costs.cash_rate,
            trials=self.trials or 1,
            trial_variance=manifest.get("trials", {}).get("variance"),
            seed=int(manifest.get("seed", 0)),
        )

    @cached_property
    def episodes(self) -> tuple[EpisodeOutcome, ...]:
        """What the named episodes of history did to each book."""
        return episode_outcomes(self.equities, self.sessions)

    @cached_property
    def shocks(self) -> tuple[tuple[ShockOutcome, ...], ...]:
        """What each scenario does to the last weights of each book."""
        market = self.result.market
        groups = groups_today(market, market.index_of(self.sessions[-1]))
        own = custom_scenarios(self.result.config.scenarios, market.groups, market.symbols)
        return tuple(
            tuple(apply_scenario(scenario, weights, groups) for weights in self.last_weights)
            for scenario in (*own, *SCENARIOS)
        )

    @cached_property
    def last_weights(self) -> tuple[Mapping[str, float], ...]:
        """Share of equity by symbol at the last close, of each book."""
        market = self.result.market
        marks = market.mark[market.index_of(self.sessions[-1])]
        found = []
        for book in self.books:
            shares = book.ledger.positions[-1]
            held = shares.nonzero()[0]
            values = shares[held] * marks[held] / book.ledger.equity[-1]
            found.append(dict(zip((market.symbols[place] for place in held), values.tolist(), strict=True)))
        return tuple(found)


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
