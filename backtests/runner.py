"""From a run file to the books of the strategy and its benchmarks."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Any

import numpy as np

from backtests.analysis.stress import StressError, custom_scenarios
from backtests.engine import compilation
from backtests.engine.books import Decide, Ledger
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.failures import same
from backtests.engine.native_strategy import UNCHECKED, NativeStrategy
from backtests.engine.rules import (
    cash_limits,
    interest_factors,
    lost_account,
    margin_limits,
    terms_without_effect,
)
from backtests.engine.second_opinion import OTHER, differences, engine_named, recomputed
from backtests.engine.terms import Account, Engine
from backtests.options.overlay import open_overlay
from backtests.provenance import manifest
from backtests.result import Book, Result, is_hedged
from backtests.settings.markets import BUILT_IN, open_market
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.settings.strategies import class_named
from datafeeds.checks import raise_errors
from datafeeds.market import Market
from strategies.hedges import Hedged
from strategies.strategy import Strategy
from strategies.target import StrategyError
from strategies.wrapped import parts_of

if TYPE_CHECKING:  # imported where it is used: it takes time
    from backtests.authoring.lookahead import SealedCheck
    from backtests.authoring.sealed.program import Source

Progress = Callable[[str], None]
"""Told what begins, in words."""


def run(
    config: RunConfig,
    *,
    market: Market | None = None,
    verify: bool = False,
    check: bool = False,
    progress: Progress = lambda what: None,
    meanwhile: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Run a strategy and its benchmarks on one market.

    Parameters
    ----------
    config : RunConfig
    market : Market, optional
        Used instead of opening ``config.market``.
    verify : bool
        Whether every book is recomputed by the other engine; the manifest says what came out.
    check : bool
        Whether the strategy's decisions, or a sample of them, are made again in sealed processes that never
        hold the future (`backtests.authoring.lookahead`); the manifest says whether one changed.
    progress : callable
        Told what begins.
    meanwhile : callable
        Given the result, which knows nothing of the check yet, where sealed processes have to be waited for
        and the market is not so large that one thing after the other is done with it.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        If the dates leave no sessions, or a strategy or parameter does not exist.
    MarketError, StrategyError
        If the data can't be used, or a strategy asks for what it can't have.
    """
    with ExitStack() as stack:
        sealed = None
        if check:
            # Takes a quarter of a second, which a sweep's runs do without.
            from backtests.authoring.lookahead import SealedCheck

            sealed = stack.enter_context(SealedCheck())
        compiling: list[Popen[bytes]] = []
        stack.callback(_end, compiling)
        return _run(config, market, verify, sealed, compiling, progress, meanwhile)


def _run(
    config: RunConfig,
    market: Market | None,
    verify: bool,
    sealed: SealedCheck | None,
    compiling: list[Popen[bytes]],
    progress: Progress,
    meanwhile: Callable[[Result], None],
) -> Result:
    clock = _Clock()
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    compiles = verify or config.engine == "ledger"
    if compiles:
        compiling += filter(None, [compilation.begin(compilation.CASH)])
    with clock("load"):
        progress(f"loading market {config.market}")
        traded = open_market(config.market, part=True) if market is None else market
    beside: dict[str, SealedCheck] = {}
    if sealed is not None:
        # Only where a run is checked.
        from backtests.authoring.benchmarks import own_benchmarks
        from backtests.authoring.lookahead import recipe_of

        sealed.expect(traded, recipe_of(config))
        beside = own_benchmarks(config, traded, sealed)
    _check_scenarios(config, traded)
    account = account_of(config, traded)
    label, *others = config.labels
    choices = [("strategy", label, "", config.build_strategy())]
    for position, (choice, label) in enumerate(zip(config.benchmarks, others, strict=True)):
        key = f"benchmarks[{position}]"
        choices.append((key, label, choice.note, choice.build(key)))
    if compiles and any(not strategy.long_only for *_, strategy in choices):
        compiling += filter(None, [compilation.begin(compilation.MARGIN)])
    native = isinstance(choices[0][-1], NativeStrategy)
    record = manifest(config, traded)
    if config.engine == "ledger":
        _finish(compiling, progress)
    books = []
    for key, label, note, strategy in choices:
        progress(f"running {label}")
        checked = None if native else sealed if key == "strategy" else beside.get(label)
        ledger = _ledger(key, config, traded, strategy, account, clock, checked, record["run_hash"])
        books.append(Book(label, strategy, ledger, note))
    record["benchmarks_ended"] = list(ended_benchmarks(books[1:], traded))
    record["unread"] = unread([book.strategy for book in books], traded, account)
    record["limits"] = [*cash_limits(traded, account), *margin_limits(books[0].ledger, traded, account)]
    if account.overlay is not None and account.overlay.hedges:
        record["limits"] += account.overlay.limits
    if native:
        record["not_recomputed"] = UNCHECKED
    elif verify:
        with clock("verify"):
            _finish(compiling, progress)
            progress(f"recomputing with the {OTHER[config.engine]} engine")
            record["verification"] = verification(books, traded, account, config.engine)
    if verify and market is None and config.market not in BUILT_IN:
        # Takes a tenth of a second, which a run on the embedded market does without.
        from datafeeds.folder.rewind import promise

        with clock("rewind"):
            progress("cutting the market folder at earlier days")
            record["rewound"] = promise(Path(config.market).expanduser(), traded)
    with clock("engine"):
        bare = without_hedge(books, traded, account)
    result = Result(
        config=config,
        market=traded,
        account=account,
        book=books[0],
        benchmarks=tuple(books[1:]),
        manifest=record,
        unhedged=bare,
    )
    if sealed is not None and not native:
        if not (sealed.done or sealed.wide):
            meanwhile(result)
        known = hindsight_of(config, books[0], traded, account, sealed.sources)
        progress("measuring, while decisions are made without the future")
        levels = sealed.levels() if traded.adjustment == "total_return" else ()
        result.measure(lambda: sealed.done or sealed.wide)
        with clock("look-ahead"):
            progress("waiting for the decisions made without the future")
            report = sealed.report()
            whole = replace(report, checks=(*report.checks, *levels))
            # As above.
            from backtests.authoring.benchmarks import unreplayed, with_benchmarks

            theirs = {label: check.report() for label, check in beside.items()}
            lookahead = with_benchmarks(whole, theirs, unreplayed(config))
        result = result.recorded({"hindsight": known, "lookahead": lookahead})
    return result.recorded({"started": started, "seconds": clock.seconds})


def unread(strategies: Sequence[Strategy], market: Market, account: Account) -> list[str]:
    """What a run sets that changes nothing, for what else it sets or for its market: a sentence each."""
    said = [text for each in strategies for part in parts_of(each) for text in part.unread().values()]
    said += account.unread(any(not each.long_only for each in strategies))
    return list(dict.fromkeys([*said, *terms_without_effect(account.costs, market).values()]))


def ended_benchmarks(benchmarks: Iterable[Book], market: Market) -> Iterator[str]:
    """What a reader must know of benchmarks of which nothing trades on the run's last session any more."""
    for book in benchmarks:
        end = book.ledger.sessions[-1]
        asked = {symbol for decision in book.ledger.decisions for symbol in decision.target.weights}
        traded = market.traded[:, [market.column[symbol] for symbol in asked]].any(axis=1)
        rows = np.flatnonzero(traded & (market.sessions <= end))
        if not len(rows) or (last := market.sessions[rows[-1]]) == end:
            continue
        missing = int(((market.sessions > last) & (market.sessions <= end)).sum())
        yield (
            f"The benchmark {book.label} ends on {last}, {missing:,} sessions before the run does on {end}: "
            "what is compared with it after that is compared with cash."
        )


def hindsight_of(
    config: RunConfig, book: Book, market: Market, account: Account, sources: Mapping[str, Source]
) -> dict[str, Any]:
    """What the author knew, and what is too good to be taken on trust, for the manifest."""
    from backtests.authoring.hindsight import hindsight  # only where a run is checked

    hedge = {} if config.hedge is None else config.hedge.said()
    given = {**config.strategy.said(), **{f"hedge.{key}": value for key, value in hedge.items()}}
    cash = interest_factors(market, account)[1:]
    return asdict(hindsight(book.strategy, given, book.ledger, market, cash, sources))


def _end(compiling: Iterable[Popen[bytes]]) -> None:
    """End what nobody waited for: the run was refused, or nothing is recomputed."""
    for process in compiling:
        if process.poll() is None:
            process.kill()
            process.wait()


def _finish(compiling: Iterable[Popen[bytes]], progress: Progress) -> None:
    for process in compiling:
        if process.poll() is None:
            progress(
                "compiling the ledger engine, once an installation: some five seconds, or ten with shorts"
            )
            process.wait()


def without_hedge(books: list[Book], market: Market, account: Account) -> Book | None:
    """The strategy's portfolio without its options, a note saying how it came about; None without options.

    Where the hedged strategy is itself a benchmark that is it; else the same decisions without options.
    """
    ours, *benchmarks = books
    if not is_hedged(ours.ledger):
        return None
    if isinstance(ours.strategy, Hedged):
        for book in benchmarks:
            if same(book.strategy, ours.strategy.of):
                return replace(book, note=f"Without the hedge: {book.label}.")
    decisions = tuple(
        replace(decision, target=replace(decision.target, hedges=())) for decision in ours.ledger.decisions
    )
    bare = replace(ours.ledger, decisions=decisions)
    ledger = recomputed(bare, market, replace(account, overlay=None), "ledger")
    return Book(
        "Without the hedge",
        ours.strategy,
        ledger,
        "Without the hedge: the same decisions without options. The cash kept for premiums is kept there "
        "too, so what it cost to hold is not counted; with the strategy itself as a benchmark it would be.",
    )


def _check_scenarios(config: RunConfig, market: Market) -> None:
    """Find out before the work is done whether the market knows every group and symbol of a scenario."""
    try:
        custom_scenarios(config.scenarios, market.groups, market.symbols)
    except StressError as error:
        raise ConfigError(f"[scenarios] {error}") from None


def verification(books: list[Book], market: Market, account: Account, engine: Engine) -> dict[str, Any]:
    """What comes out when the other engine keeps the books for the same decisions.

    Returns
    -------
    dict
        ``engine``: the engine that recomputed; ``identical``: whether every book is the same to the last
        bit; ``differences``: by book label, what differs.
    """
    other = OTHER[engine]
    found = [
        (book.label, differences(book.ledger, recomputed(book.ledger, market, account, other)))
        for book in books
        if not isinstance(book.strategy, NativeStrategy)
    ]
    return {
        "engine": other,
        "identical": not any(lines for _, lines in found),
        "differences": {label: lines for label, lines in found if lines},
    }


def account_of(config: RunConfig, market: Market) -> Account:
    """The account that `config` asks for, on the sessions of `market`.

    Raises
    ------
    ConfigError
        If the dates leave fewer than two sessions.
    MarketError
        If prices and the calendar of the exchange differ on a day of them.
    OverlayError
        If options can't be priced on one of them.
    """
    span = (str(config.start or market.sessions[0]), str(config.end or market.sessions[-1]))
    raise_errors(market.name, market.findings, span)
    first = 0 if config.start is None else market.index_of(str(config.start))
    if config.start is not None and (first < 0 or market.sessions[first] < config.start):
        first += 1
    last = len(market.sessions) - 1 if config.end is None else market.index_of(str(config.end))
    if last - first < 1:
        raise ConfigError(
            config.told(
                f"start = {config.start or 'the first'} and end = {config.end or 'the last'} leave no "
                f"sessions; market {market.name!r} has {market.sessions[0]} to {market.sessions[-1]}"
            )
        )
    overlay = None if config.overlay is None else open_overlay(market, config.overlay, first, last)
    terms = config.capital, config.costs, config.lag, config.fractional_shares
    return Account(*terms, first, last, overlay, config.margin)


def _ledger(
    key: str,
    config: RunConfig,
    market: Market,
    strategy: Strategy,
    account: Account,
    clock: _Clock,
    sealed: SealedCheck | None,
    run_hash: str,
) -> Ledger:
    if isinstance(strategy, NativeStrategy):
        return _native_ledger(key, config.engine, market, strategy, account, clock)
    account = account.held_by(strategy)
    recorder = Recorder(market, strategy, may_hold_index=key != "strategy", overlay=account.overlay)
    deciding = decision_sessions(strategy, market)
    engine = engine_named(config.engine)
    decide: Decide = recorder
    if sealed is not None:
        decide = sealed.watch(market, strategy, deciding, recorder)
    began = time.perf_counter()
    try:
        ledger = engine(market, decide, deciding, account)
    except StrategyError as error:
        raise ConfigError(config.told(f"[{key}] {error}")) from error
    if lost := lost_account(ledger):
        raise ConfigError(f"[{key}] {type(strategy).__name__}: {lost}")
    clock.add("decide", recorder.seconds)
    clock.add("engine", time.perf_counter() - began - recorder.seconds)
    if sealed is not None:
        sealed.begin(run_hash)
    return replace(ledger, decisions=tuple(recorder.decisions))


def _native_ledger(
    key: str, engine: Engine, market: Market, strategy: NativeStrategy, account: Account, clock: _Clock
) -> Ledger:
    if engine != "event":
        raise ConfigError(
            f'[{key}] {strategy.name} is a native backtrader strategy: it runs with engine = "event"'
        )
    from backtests.engine import native  # backtrader takes a second to import

    try:
        with clock("engine"):
            return native.run(market, strategy, class_named(strategy.name), account)
    except StrategyError as error:
        raise ConfigError(f"[{key}] {error}") from None


class _Clock:
    """Seconds spent in each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    @contextmanager
    def __call__(self, phase: str) -> Any:
        began = time.perf_counter()
        yield
        self.add(phase, time.perf_counter() - began)
