"""Walk-forward: choose by the past, hold what was chosen, and keep the books of it as one account.

The choice goes by slices of whole runs, which is point-in-time: a run up to any moment uses only what was
known by then. A configuration could also be restarted at each window; but then a strategy with a memory (the
blueprint's cuts in force) would begin each test with an empty one, which nobody who had followed it would.

The tested curve is not stitched from slices. One account goes through all tests: when the choice changes, it
trades from the old portfolio to the new one, at the run's costs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backtests.authoring.sealed.replay import SealedProcesses
from backtests.engine.books import Decision, Ledger, returns_of
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.rules import interest_factors
from backtests.engine.second_opinion import engine_named
from backtests.engine.terms import Account
from backtests.options.overlay import Overlay, target_row
from backtests.records import register
from backtests.runner import account_of
from backtests.settings.markets import open_market
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.sweeps.chosen import scored_once
from backtests.sweeps.execution import Watch
from backtests.sweeps.plan import Plan, plan
from backtests.sweeps.report import Sweep
from backtests.sweeps.sealed import checked_again
from backtests.sweeps.sweep import Workplace, sweep
from backtests.sweeps.windows import Choice, choose, windows
from datafeeds.market import Array, Market
from strategies.strategy import Strategy
from strategies.target import Target


@dataclass(frozen=True, eq=False)
class WalkForward:
    """A finished walk-forward.

    Attributes
    ----------
    config : RunConfig
    market : Market
    sweep : Sweep
        The whole runs that the choices go by.
    configurations : tuple of int
        Number of each row of the choices' statistics.
    choices : tuple of Choice
        One a window.
    ledger : Ledger
        Books of the account that followed the choices. Its first session is the one before the first test.
    unchosen : Ledger
        Books of the run file as it stands, over the same sessions.
    benchmark : Ledger or None
        Books of the primary benchmark, bought at the same session.
    scored : mapping
        How the configuration that was chosen last did before and after the run file's holdout, which no
        choice has seen; empty without one. See `scored_once`.
    lookahead : mapping
        What came out when the choices were run again in sealed processes; empty if they were not.
    """

    config: RunConfig
    market: Market
    sweep: Sweep
    configurations: tuple[int, ...]
    choices: tuple[Choice, ...]
    ledger: Ledger
    unchosen: Ledger
    benchmark: Ledger | None
    scored: Mapping[str, Any]
    lookahead: Mapping[str, Any]

    @property
    def chosen(self) -> tuple[int, ...]:
        """Number of the configuration chosen in each window."""
        return tuple(self.configurations[choice.position] for choice in self.choices)

    @property
    def sliced(self) -> Array:
        """Returns of the choices as slices of their own runs: without the cost of switching."""
        returns = []
        for place, choice in enumerate(self.choices):
            first, last = span(self.choices, place)
            returns.append(self.sweep.returns[self.configurations[choice.position], first - 1 : last])
        return np.concatenate(returns)


def walk_forward(
    config: RunConfig,
    place: Workplace,
    *,
    market: Market | None = None,
    watch: Watch = lambda standing: None,
) -> WalkForward:
    """Run the sweep of a run file, choose in each window, and keep the books of what was chosen.

    All of it ends before the run file's holdout.

    Parameters
    ----------
    config : RunConfig
        With tables `[sweep]` and `[walk_forward]`.
    place : Workplace
    market : Market, optional
        As in `sweep`.
    watch : callable
        Told how far the sweep has come.

    Raises
    ------
    ConfigError
        If a table is missing, the windows don't fit, or something is swept that is no choice.
    Interrupted, SweepError
        As in `sweep`.
    """
    settings = config.walk_forward
    if settings is None:
        raise ConfigError(
            f"run file {config.name!r} has no table [walk_forward]: say how, for example train_years = 5"
        )
    planned = plan(config)
    _check_choices(planned)
    traded = open_market(config.market, part=True) if market is None else market
    known = planned.known
    account = account_of(known, traded)
    sessions = traded.sessions[account.first : account.last + 1]
    laid = windows(sessions, settings)
    done = sweep(config, place, market=market, watch=watch)
    numbers = done.finished.index.to_numpy()
    returns = done.returns if len(numbers) == len(done.table) else done.returns[numbers]
    whole = _benchmark(known, traded, account)
    theirs = None if whole is None else returns_of(whole.equity)
    cash = interest_factors(traded, account)[1:]
    choices: list[Choice] = []
    for window in laid:
        held = choices[-1].position if choices else None
        choices.append(choose(returns, sessions, theirs, window, settings.metric, cash, held))
    tested = replace(account, first=account.first + laid[0].test_first - 1)
    followed_numbers = [int(numbers[choice.position]) for choice in choices]
    chosen = [planned.strategies[number] for number in followed_numbers]
    begins = [account.first + choice.window.test_first - 1 for choice in choices]
    ledger = _followed(traded, account, tested, chosen, begins, planned)
    earned, cash = returns_of(ledger.equity), interest_factors(traded, tested)[1:]
    followed = register.of_returns("walk-forward", known, traded, ledger.sessions, earned, cash)
    way = f"walk-forward {planned.hash(traded)} {settings.model_dump_json()}"
    register.record(traded, [replace(followed, run=hashlib.sha256(way.encode()).hexdigest())])
    return WalkForward(
        config=config,
        market=traded,
        sweep=done,
        configurations=tuple(int(number) for number in numbers),
        choices=tuple(choices),
        ledger=ledger,
        unchosen=_followed(traded, account, tested, [config.build_strategy()], begins[:1], planned),
        benchmark=_benchmark(known, traded, tested),
        scored=scored_once(planned, followed_numbers[-1], traded),
        lookahead=_checked(planned, done, traded, followed_numbers) if place.check else {},
    )


def _checked(planned: Plan, done: Sweep, market: Market, numbers: Sequence[int]) -> dict[str, Any]:
    configs = {number: planned.configurations[number].config for number in numbers}
    returns = {number: done.returns[number] for number in numbers}
    with SealedProcesses() as processes:
        return checked_again(configs, returns, market, numbers, processes)


def span(choices: Sequence[Choice], place: int) -> tuple[int, int]:
    """First and last session in which a choice is followed: until the next one takes effect."""
    window = choices[place].window
    if place + 1 < len(choices):
        return window.test_first, choices[place + 1].window.test_first - 1
    return window.test_first, window.test_last


def _check_choices(planned: Plan) -> None:
    others = [key for key in planned.keys if key.split(".")[0] != "strategy"]
    if others:
        raise ConfigError(
            f"[sweep.parameters] {others[0]} is swept, but a walk-forward chooses among strategies: costs "
            "and the account are no choice; take it out"
        )


def _benchmark(config: RunConfig, market: Market, account: Account) -> Ledger | None:
    if not config.benchmarks:
        return None
    strategy = config.benchmarks[0].build("benchmarks[0]")
    account = account.held_by(strategy)
    deciding = decision_sessions(strategy, market)
    recorder = Recorder(market, strategy, may_hold_index=True, overlay=account.overlay)
    return engine_named("ledger")(market, recorder, deciding, account)


def _followed(
    market: Market,
    whole: Account,
    tested: Account,
    chosen: Sequence[Strategy],
    begins: Sequence[int],
    planned: Plan,
) -> Ledger:
    """Books of an account that follows each chosen strategy from the close of its session on."""
    engine = engine_named(planned.settings.engine)
    history = {strategy: _decided(market, strategy, whole) for strategy in dict.fromkeys(chosen)}
    for strategy in history:  # one that may go short makes it a margin account for all
        whole, tested = whole.held_by(strategy), tested.held_by(strategy)
    relay = Relay(market, dict(zip(begins, chosen, strict=True)), history, whole.overlay)
    ledger = engine(market, relay, relay.deciding, tested)
    return replace(ledger, decisions=tuple(relay.decisions))


def _decided(market: Market, strategy: Strategy, account: Account) -> tuple[Decision, ...]:
    """Return what a strategy decides in a whole run."""
    account = account.held_by(strategy)
    recorder = Recorder(market, strategy, overlay=account.overlay)
    deciding = decision_sessions(strategy, market)
    engine_named("ledger")(market, recorder, deciding, account)
    return tuple(recorder.decisions)


class Relay:
    """Decides as one strategy until the next takes over.

    A strategy takes over with the memory of its whole run, and its target of that day; where it does not
    decide that day, with its latest one.

    Parameters
    ----------
    market : Market
    takes_over : mapping of int to Strategy
        By position in the market of the session at whose close it does, in order. A strategy that follows
        itself just goes on.
    history : mapping of Strategy to sequence of Decision
        What each decided in its whole run.
    overlay : Overlay, optional
        The account's.

    Attributes
    ----------
    deciding : ndarray of bool, shape (sessions,)
        Sessions at which there is something to decide.
    decisions : list of Decision
    """

    def __init__(
        self,
        market: Market,
        takes_over: Mapping[int, Strategy],
        history: Mapping[Strategy, Sequence[Decision]],
        overlay: Overlay | None = None,
    ) -> None:
        self._market = market
        self._takes_over = takes_over
        self._history = history
        self._overlay = overlay
        self._strategy: Strategy | None = None
        self._recorder: Recorder | None = None
        self._scheduled = {strategy: decision_sessions(strategy, market) for strategy in history}
        self.deciding = self._flags()
        self.decisions: list[Decision] = []

    def __call__(self, session: int, weights: Array) -> Array | None:
        """Target row at the close of `session`; None to hold."""
        new = self._takes_over.get(session)
        if new is not None and new != self._strategy:
            return self._switch(new, session, weights)
        if new is not None and not self._scheduled[new][session]:
            return None
        return self._ask(session, weights)

    def _switch(self, strategy: Strategy, session: int, weights: Array) -> Array:
        today = self._market.sessions[session]
        past = [decision for decision in self._history[strategy] if decision.session < today]
        self._strategy = strategy
        self._recorder = Recorder(
            self._market,
            strategy,
            previous=past[-1].target if past else None,
            overlay=self._overlay,
        )
        target = self._ask(session, weights) if self._scheduled[strategy][session] else None
        if target is not None:
            return target
        latest = past[-1].target if past else Target({}, why="nothing is decided yet")
        if past:
            self.decisions.append(Decision(today, latest))
        columns = self._market.columns_of(latest.weights)
        return target_row(latest, columns, len(self._market.symbols), self._overlay)

    def _ask(self, session: int, weights: Array) -> Array | None:
        assert self._recorder is not None  # somebody takes over at the first session
        before = len(self._recorder.decisions)
        target = self._recorder(session, weights)
        self.decisions += self._recorder.decisions[before:]
        return target

    def _flags(self) -> npt.NDArray[np.bool_]:
        flags = np.zeros(len(self._market.sessions), dtype=np.bool_)
        begins = [*self._takes_over, len(flags)]
        for place, (begin, strategy) in enumerate(self._takes_over.items()):
            flags[begin : begins[place + 1]] = self._scheduled[strategy][begin : begins[place + 1]]
        flags[list(self._takes_over)] = True
        return flags
