"""Asking a strategy what to hold, session by session, and keeping the record."""

from __future__ import annotations

import time
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from backtests.engine.books import Decision
from backtests.engine.failures import authors_code, failure
from backtests.engine.lines import is_own, written_at
from backtests.engine.tables import tables_of
from backtests.options.overlay import Overlay, target_row
from datafeeds.market import Array, Market, MarketError
from strategies.asof import AsOf, read_account
from strategies.strategy import Strategy, refuse_beyond
from strategies.target import ParameterError, StrategyError, Target


class Recorder:
    """Calls a strategy with the market as of each decision session and records its targets.

    Parameters
    ----------
    market : Market
    strategy : Strategy
    may_hold_index : bool
        Whether a target may name an index: benchmarks may, a portfolio can't buy one.
    previous : Target, optional
        What the strategy asked for last, if it has been deciding before.
    overlay : Overlay, optional
        Prices the hedges that targets name.

    Attributes
    ----------
    decisions : list of Decision
    read_account : bool
        Whether any decision has looked at the portfolio's weights, or there is an overlay (a hedge's slot is
        its own). If not, the same decisions hold for any account.
    seconds : float
        Time spent in the strategy.
    """

    def __init__(
        self,
        market: Market,
        strategy: Strategy,
        *,
        may_hold_index: bool = False,
        previous: Target | None = None,
        overlay: Overlay | None = None,
    ) -> None:
        self._market = market
        self._strategy = strategy
        self._may_hold_index = may_hold_index
        self._previous = previous
        self._overlay = overlay
        self._tables = tables_of(strategy)
        self.decisions: list[Decision] = []
        self.read_account = overlay is not None
        self.seconds = 0.0

    def __call__(self, session: int, weights: Array) -> Array | None:
        """The strategy's target at the close of `session`; None to hold.

        Returns
        -------
        ndarray or None, shape (symbols,) or, with an overlay, (symbols + slots,)
            Weights, then hedge ratios.

        Raises
        ------
        StrategyError
            If the strategy raises anything, or would end the program, or returns something else than a Target
            or None, or weights of symbols that the market does not have or that can't be bought.
        """
        began = time.perf_counter()
        try:  # it sees what the program shows it, if it has not put something else in its place
            see = AsOf(self._market, session, weights, self._previous, self._tables)
            target = self._strategy.decide(see)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise failed(self._strategy, self._market.sessions[session], error) from error
        self.seconds += time.perf_counter() - began
        self.read_account |= read_account(see)
        if target is None:
            return None
        today = self._market.sessions[session]
        if type(target) is not Target:  # a subclass could say one thing now and another when it is checked
            raise StrategyError(
                f"{type(self._strategy).__name__}.decide returned {type(target).__name__} on {today}; "
                "it must return a Target, or None to hold"
            )
        with authors_code(type(self._strategy).__name__, type(self._strategy), f"on {today}", refusing=True):
            refuse_beyond(self._strategy, target, today)
            row = self._row(target, today)
        self._previous = target
        self.decisions.append(Decision(today, target))
        return row

    def _row(self, target: Target, today: np.datetime64) -> Array:
        market = self._market
        try:
            columns = market.columns_of(target.weights)
            if not self._may_hold_index:
                refuse_index(market, target.weights)
        except (MarketError, StrategyError) as error:
            raise StrategyError(f"{type(self._strategy).__name__} on {today}: {error}") from None
        return target_row(target, columns, len(market.symbols), self._overlay)


def refuse_index(market: Market, bought: Collection[str]) -> None:
    """Refuse to buy an index.

    Raises
    ------
    StrategyError
        Naming the first of the symbols that is one.
    """
    if not market.indices.isdisjoint(bought):
        symbol = next(each for each in bought if each in market.indices)
        raise StrategyError(f"{symbol} is an index and can't be bought; hold a fund instead")


def failed(strategy: Strategy, today: np.datetime64, error: BaseException) -> Exception:
    """What to raise when `decide` has raised `error`: one paragraph with class, session and line.

    Refusals of the program's own, such as of an unknown fact, say what to do already: they stay as they are,
    and those of a target, which don't know whose it is, get class, session and line.
    """
    cls = type(strategy)
    if isinstance(error, Exception) and is_own(error):
        if isinstance(error, ParameterError) or not isinstance(error, StrategyError):
            return error
        return failure(error, cls.__name__, cls, f"on {today}")
    return failure(error, f"{cls.__name__}.decide", cls, f"on {today}")


def decision_sessions(strategy: Strategy, market: Market) -> npt.NDArray[np.bool_]:
    """Which sessions of `market` the schedule of a strategy decides at, shape (sessions,); a copy.

    Raises
    ------
    StrategyError
        If the schedule fails, or gives something else than a truth value for each session.
    """
    cls = type(strategy)
    with authors_code(f"{cls.__name__}.schedule", cls):
        schedule = strategy.schedule
    kind = type(schedule)
    name = f"{cls.__name__}: {kind.__name__}.decides"
    with authors_code(name, kind):
        flags = np.array(schedule.decides(market.sessions, market.next_session))
    if flags.dtype != np.bool_ or flags.shape != market.sessions.shape:
        where = written_at(getattr(kind, "decides", None))
        raise StrategyError(
            f"{name}{where} gave {flags.dtype} of shape {flags.shape}; it must give a truth value for each "
            f"session, bool of shape {market.sessions.shape}"
        )
    return flags
