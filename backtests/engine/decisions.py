"""Asking a strategy what to hold, session by session, and keeping the record."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Collection

import numpy as np

from backtests.engine.books import Decision
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
        see = AsOf(self._market, session, weights, self._previous, self._tables)
        try:
            target = self._strategy.decide(see)
        except (Exception, SystemExit) as error:
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
    refusal = isinstance(error, StrategyError) and not isinstance(error, ParameterError)
    own = type(error).__module__.split(".")[0] in ("backtests", "datafeeds", "strategies")
    if isinstance(error, ValueError) and own and not refusal:
        return error
    frames = traceback.extract_tb(error.__traceback__)[1:]
    file = inspect.getsourcefile(type(strategy))
    line = next(
        (frame for frame in reversed(frames) if frame.filename == file), frames[-1] if frames else None
    )
    where = f" at {line.filename}, line {line.lineno}" if line else ""
    said = " ".join(str(error).split())
    if refusal:
        return StrategyError(f"{type(strategy).__name__} on {today}{where}: {said}")
    return StrategyError(
        f"{type(strategy).__name__}.decide failed on {today}{where}: {type(error).__name__}"
        + (f": {said}" if said else "")
    )
