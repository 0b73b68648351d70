"""Ablation: each element of a strategy on alone, and all of them but one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from backtests.analysis.performance import performance
from backtests.analysis.span import sessions_a_year
from backtests.analysis.trading import trading
from backtests.document.blocks import Cell, Column, Row, Table
from backtests.engine.books import returns_of
from backtests.records import register
from backtests.research.claims import inference
from backtests.result import Book
from backtests.runner import run
from backtests.settings.run_file import ConfigError, RunConfig
from datafeeds.market import Array, Market
from strategies.strategy import strategy_named


@dataclass(frozen=True)
class Variant:
    """One run of an ablation.

    Attributes
    ----------
    label : str
    on : tuple of str
        Elements that are on; all others are off.
    """

    label: str
    on: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a variant did.

    Attributes
    ----------
    label : str
    cagr, sharpe, max_drawdown, turnover : float
    lead, low, high : float
        Mean return a year above the plain strategy, and its 95% interval; NaN for the plain one, and where
        the two don't differ.
    """

    label: str
    cagr: float
    sharpe: float
    max_drawdown: float
    turnover: float
    lead: float
    low: float
    high: float


def variants(elements: Iterable[str]) -> tuple[Variant, ...]:
    """Plain, each element alone, all, and all but each.

    Examples
    --------
    >>> [variant.label for variant in variants(("oil", "curve"))]
    ['plain', 'oil alone', 'curve alone', 'all', 'all but oil', 'all but curve']
    """
    every = tuple(elements)
    return (
        Variant("plain", ()),
        *(Variant(f"{element} alone", (element,)) for element in every),
        Variant("all", every),
        *(
            Variant(f"all but {element}", tuple(other for other in every if other != element))
            for element in every
        ),
    )


def elements_of(config: RunConfig) -> tuple[str, ...]:
    """What can be switched on and off in the run file's strategy.

    Raises
    ------
    ConfigError
        If the strategy declares no elements.
    """
    strategy = strategy_named(config.strategy.name)
    elements: tuple[str, ...] = getattr(strategy, "ELEMENTS", ())
    if not elements:
        raise ConfigError(
            f"strategy {config.strategy.name} has nothing to switch: it needs a class attribute ELEMENTS "
            "that names its boolean parameters, as RotationRegime has"
        )
    return elements


def ablate(
    config: RunConfig, market: Market, progress: Callable[[str], None] = lambda what: None
) -> tuple[Outcome, ...]:
    """Run every variant and the run file's first benchmark; all of it ends before the run file's holdout.

    Parameters
    ----------
    config : RunConfig
    market : Market
    progress : callable
        Told which variant runs.

    Returns
    -------
    tuple of Outcome
        In the order of `variants`, then the benchmark.

    Raises
    ------
    ConfigError
        If the strategy declares no elements.
    """
    elements = elements_of(config)
    known = config.before_holdout
    plain: Book | None = None
    outcomes = []
    for variant in variants(elements):
        progress(variant.label)
        switches = {element: element in variant.on for element in elements}
        choice = known.strategy.model_copy(update=switches)
        benchmarks = known.benchmarks[:1] if plain is None else ()
        result = run(known.model_copy(update={"strategy": choice, "benchmarks": benchmarks}), market=market)
        register.record(market, register.of_result("ablation", result))
        first = plain is None
        if plain is None:
            plain, beside = result.book, result.benchmarks
        outcomes.append(_outcome(variant.label, result.book, None if first else plain, result.cash))
    return (*outcomes, *(_outcome(book.label, book, plain, result.cash) for book in beside))


def _outcome(label: str, book: Book, plain: Book | None, cash: Array) -> Outcome:
    ledger = book.ledger
    measured = performance(ledger.equity, ledger.sessions, cash)
    lead = inference.NOTHING
    if plain is not None:
        daily = returns_of(ledger.equity) - returns_of(plain.ledger.equity)
        if np.abs(daily).max() > 0:
            lead = inference.mean(daily, lags=21).times(sessions_a_year(ledger.sessions))
    turnover = trading(ledger).turnover
    return Outcome(
        label,
        np.nan if measured.cagr is None else measured.cagr,
        measured.sharpe,
        measured.max_drawdown,
        turnover,
        lead.value,
        lead.low,
        lead.high,
    )


COLUMNS = ("Variant", "CAGR", "Sharpe", "Max drawdown", "Turnover", "Above plain, bp a year", "95% interval")


def cells(outcome: Outcome) -> tuple[str, ...]:
    """One row as text."""
    known = np.isfinite(outcome.lead)
    return (
        outcome.label,
        f"{outcome.cagr:.2%}",
        f"{outcome.sharpe:.3f}",
        f"{outcome.max_drawdown:.2%}",
        f"{outcome.turnover:.1%}",
        f"{outcome.lead * 1e4:+.1f}" if known else "–",
        f"{outcome.low * 1e4:+.1f} to {outcome.high * 1e4:+.1f}" if known else "",
    )


def table(outcomes: Iterable[Outcome], caption: str) -> Table:
    """The ablation as a table."""
    columns = tuple(Column(label, "left" if label == "Variant" else "right") for label in COLUMNS)
    rows = tuple(Row(tuple(Cell(text) for text in cells(outcome))) for outcome in outcomes)
    return Table(
        caption,
        columns,
        rows,
        "Above plain: mean of the daily difference x sessions a year, Newey-West errors with 21 lags; a dash "
        "where the curves are the same. Not adjusted for the number of variants.",
    )


def markdown(outcomes: Iterable[Outcome], caption: str) -> str:
    """The ablation as Markdown."""
    lines = [f"## {caption}", "", "| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * 6 + "|"]
    lines += ["| " + " | ".join(cells(outcome)) + " |" for outcome in outcomes]
    return "\n".join(lines) + "\n"
