"""Running configurations that may share their decisions: the work of one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from backtests.engine.books import Decide, Decision, Ledger, returns_of
from backtests.engine.decisions import Recorder, decision_sessions
from backtests.engine.lines import said_by
from backtests.engine.rules import asked_at, interest_factors, lost_account
from backtests.engine.second_opinion import engine_named, refuse_uncountable
from backtests.engine.terms import Account, Engine
from backtests.memory import collect_seldom
from backtests.provenance import code_hash
from backtests.runner import account_of
from backtests.settings.markets import open_market
from backtests.sweeps.at_once import decided_at_once, gives_all
from backtests.sweeps.measures import row_of
from backtests.sweeps.plan import Configuration
from datafeeds.market import Array, Market
from strategies.strategy import Strategy
from strategies.target import StrategyError

_Targets = tuple[npt.NDArray[np.int64], Array]
"""Positions of the decision sessions, and a row of weights for each."""


class SweepError(ValueError):
    """A sweep that can't go on; the message says why and what to do."""


@dataclass(frozen=True)
class Task:
    """Configurations of one strategy, for one process.

    Attributes
    ----------
    strategy : Strategy
        The same parameters in all of them.
    benchmarks : mapping of str to Strategy
        By label, the primary one first.
    configurations : tuple of Configuration
        They differ in their account only.
    market_hash, code : str
        What the outcome must come from.
    share : bool
        Whether decisions are shared; only a test of that says no.
    """

    strategy: Strategy
    benchmarks: Mapping[str, Strategy]
    configurations: tuple[Configuration, ...]
    market_hash: str
    code: str
    share: bool = True


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one configuration.

    Attributes
    ----------
    number : int
    row : dict of str to float
        Its statistics by column; empty if it failed.
    returns : ndarray, shape (sessions - 1,)
        Daily returns net of costs.
    error : str
        Why it failed, or empty.
    """

    number: int
    row: dict[str, float]
    returns: Array
    error: str = ""


def run_here(task: Task, market: str) -> list[Outcome]:
    """Run a task on a market that this process opens once.

    Raises
    ------
    SweepError
        If this process has other data or other code than the one that made the plan.
    """
    outcomes = run_task(task, _opened(market))
    _settle()
    return outcomes


def run_task(task: Task, market: Market) -> list[Outcome]:
    """Run a task; a strategy that fails makes a failed outcome and stops nobody else.

    Raises
    ------
    SweepError
        As in `run_here`.
    """
    if market.hash != task.market_hash or code_hash() != task.code:
        what = "data" if market.hash != task.market_hash else "code"
        raise SweepError(
            f"a worker has other {what} than the process that planned the sweep: make them the same (was a "
            "file changed just now?) and run again"
        )
    outcomes = []
    shared: SharedDecisions | None = None
    for configuration in task.configurations:
        try:
            if shared is None or not task.share:
                shared = SharedDecisions(market, task.strategy, may_hold_index=False)
            outcomes.append(_outcome(configuration, shared, task, market))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a strategy that ends the program must end no worker
            outcomes.append(_failed(configuration, error))
    return outcomes


def _failed(configuration: Configuration, error: BaseException) -> Outcome:
    return Outcome(configuration.number, {}, np.empty(0), f"{type(error).__name__}: {said_by(error)}")


class SharedDecisions:
    """Ledgers of one strategy under several accounts, asking it once if that is enough.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    may_hold_index : bool
        Whether it may hold an index, as benchmarks may.
    """

    def __init__(self, market: Market, strategy: Strategy, *, may_hold_index: bool) -> None:
        self._market = market
        self._strategy = strategy
        self._may_hold_index = may_hold_index
        self._deciding = decision_sessions(strategy, market)
        self._targets: _Targets | None = None
        self._asked: Account | None = None
        self._decisions: Sequence[Decision] = ()

    def ledger(self, account: Account, engine: Engine) -> Ledger:
        """The books under `account`.

        They are replayed from the targets of the first account, if it covered the same sessions and no
        decision looked at what was held; else the strategy is asked again.
        """
        account = account.held_by(self._strategy)
        if self._targets is None or self._asked is None or not _comparable(self._asked, account):
            self._asked, self._targets = account, None  # of another account's none are left if this one fails
            if account.overlay is None:
                self._targets = self._decided_alone(account)
        if self._targets is None:
            return self._decided_beside(account, engine)
        # Targets name hedges by their slots in the overlay that they were decided with.
        priced = replace(account, overlay=self._asked.overlay)
        return replace(_replayed(self._market, self._targets, priced, engine), decisions=self._decisions)

    def _decided_alone(self, account: Account) -> _Targets | None:
        """Make all decisions before any books are kept, which then need not stop at each.

        None if one of them must know what is held, or fails: it is made again with an account then.
        """
        sessions = asked_at(self._deciding, account)
        if gives_all(self._strategy):
            made = decided_at_once(
                self._market, self._strategy, sessions, may_hold_index=self._may_hold_index
            )
            self._decisions = made
            return made.sessions, made.weights
        recorder = Recorder(self._market, self._strategy, may_hold_index=self._may_hold_index)
        kept: dict[int, Array] = {}
        decide, nothing = _keeping(recorder, kept), np.zeros(len(self._market.symbols))
        for session in sessions.tolist():
            try:
                decide(session, nothing)
            except Exception:
                return None
            if recorder.read_account:
                return None
        self._decisions = tuple(recorder.decisions)
        return _as_arrays(kept)

    def _decided_beside(self, account: Account, engine: Engine) -> Ledger:
        """The books of decisions that are made while they are kept."""
        recorder = Recorder(
            self._market, self._strategy, may_hold_index=self._may_hold_index, overlay=account.overlay
        )
        kept: dict[int, Array] = {}
        ledger = engine_named(engine)(self._market, _keeping(recorder, kept), self._deciding, account)
        self._targets = None if recorder.read_account else _as_arrays(kept)
        self._decisions = tuple(recorder.decisions)
        return replace(ledger, decisions=self._decisions)


def _as_arrays(targets: Mapping[int, Array]) -> _Targets:
    return np.array(list(targets), dtype=np.int64), np.array(list(targets.values()))


def _comparable(one: Account, other: Account) -> bool:
    """Whether two accounts cover the same sessions, both with options or both without."""
    spans = (one.first, one.last) == (other.first, other.last)
    return spans and (one.overlay is None) == (other.overlay is None)


def _keeping(decide: Decide, made: dict[int, Array]) -> Decide:
    """`decide`, with each target kept in `made` by session."""

    def kept(session: int, weights: Array) -> Array | None:
        target = decide(session, weights)
        if target is not None:
            made[session] = target
        return target

    return kept


def _replayed(market: Market, targets: _Targets, account: Account, engine: Engine) -> Ledger:
    sessions, rows = targets
    if engine == "ledger" and len(sessions):
        from backtests.engine.kernel import replay  # numba: half a second; the event engine does without

        ledger = replay(market, rows, sessions, account)
        refuse_uncountable(ledger, account)
        return ledger
    deciding = np.zeros(len(market.sessions), dtype=np.bool_)
    deciding[sessions] = True
    given = dict(zip(sessions.tolist(), rows, strict=True))
    return engine_named(engine)(market, lambda session, weights: given.get(session), deciding, account)


def _outcome(configuration: Configuration, shared: SharedDecisions, task: Task, market: Market) -> Outcome:
    config = configuration.config
    account = account_of(config, market)
    ledger = shared.ledger(account, config.engine)
    if lost := lost_account(ledger):
        raise StrategyError(lost)
    theirs = {label: _benchmark_of(market, each, account) for label, each in task.benchmarks.items()}
    row = row_of(ledger, interest_factors(market, account)[1:], theirs)
    return Outcome(configuration.number, row, returns_of(ledger.equity))


@cache
def _settle() -> None:
    """Once a process, when all is imported and the market there."""
    collect_seldom()


@lru_cache(maxsize=2)
def _opened(market: str) -> Market:
    return open_market(market, part=True)


@lru_cache(maxsize=8)
def _benchmark_books(market: Market, benchmark: Strategy) -> SharedDecisions:
    return SharedDecisions(market, benchmark, may_hold_index=True)


def _benchmark_of(market: Market, benchmark: Strategy, account: Account) -> Array:
    """Returns of the benchmark; remembered for accounts that only differ in their own overlay."""
    try:
        return _benchmark_returns(market, benchmark, replace(account, overlay=None))
    except StrategyError:
        if account.overlay is None:
            raise
    hedged = SharedDecisions(market, benchmark, may_hold_index=True)
    return returns_of(hedged.ledger(account, "ledger").equity)


@lru_cache(maxsize=256)
def _benchmark_returns(market: Market, benchmark: Strategy, account: Account) -> Array:
    """Returns of the benchmark under the same account; by the compiled engine, as the books are the same."""
    equity = _benchmark_books(market, benchmark).ledger(account, "ledger").equity
    return returns_of(equity)
