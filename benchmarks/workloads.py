"""The workloads that every engine runs: the same prices, the same decisions, the same costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Array, Market
from datafeeds.sources.sample import sample_market
from strategies import AsOf, Monthly, Panel, Strategy, Target

LOOKBACK = 126
"""Sessions behind the return that stocks are ranked by."""

LOOKBACKS = range(20, 220, 2)
"""Of the sweep."""

COMMISSION_BPS = 5.0
CAPITAL = 10_000_000.0


@dataclass(frozen=True, eq=False)
class Workload:
    """Each month, hold the half of the symbols with the best 126-session return, in equal weight.

    Decided at the close of a month's last session, filled at the next open, 5 bps commission, whole shares.
    """

    name: str
    market: Market
    lookback: int = LOOKBACK

    def undecided(self, lookback: int = LOOKBACK) -> Workload:
        """The same, with the decisions still to be made."""
        return replace(self, lookback=lookback)

    @cached_property
    def sessions(self) -> npt.NDArray[np.int64]:
        """Decision sessions with a full look-back, as positions in the market."""
        deciding = Monthly().decides(self.market.sessions, self.market.next_session)
        decided = np.flatnonzero(deciding)
        return decided[decided >= self.lookback]

    @cached_property
    def targets(self) -> Array:
        """Target weights, shape (decisions, symbols)."""
        close = self.market.close
        return best_half(close[self.sessions] / close[self.sessions - self.lookback])

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """The sessions as pandas wants them."""
        return pd.DatetimeIndex(self.market.sessions)

    def frame(self, field: str) -> pd.DataFrame:
        """Open, high, low, close or volume as a frame."""
        return pd.DataFrame(getattr(self.market, field), self.index, list(self.market.symbols))


def best_half(rise: Array) -> Array:
    """Equal weights of the better half of each row, shape (decisions, symbols); NaN is worst."""
    half = rise.shape[1] // 2
    best = np.argsort(-rise, axis=1, kind="stable")[:, :half]
    weights = np.zeros(rise.shape)
    np.put_along_axis(weights, best, 1.0 / half, axis=1)
    return weights


class BestHalf(Strategy):
    """The workload's rule, as a strategy class."""

    lookback: int = LOOKBACK

    def decide(self, see: AsOf) -> Target | None:
        """The better half, once there is a look back."""
        symbols = see.members(kind="stock")
        if see.sessions_seen <= self.lookback:
            return None
        rise = see.arrays.close(symbols) / see.arrays.close(symbols, back=self.lookback)
        half = len(symbols) // 2
        best = np.argsort(-rise, kind="stable")[:half]
        return Target({symbols[place]: 1.0 / half for place in best.tolist()}, why="rose most")

    def decide_all(self, panel: Panel) -> Array:
        """The same of all decisions."""
        before = panel.closes(back=self.lookback)
        weights = best_half(panel.closes() / before)
        weights[np.isnan(before).all(axis=1)] = np.nan
        return weights


def twenty_stocks() -> Workload:
    """The 20 stocks of the sample that traded on all 8,313 sessions; with closes only, at which orders fill.

    The bare loop knows no session without a price.
    """
    market = sample_market()
    closes = pd.DataFrame(market.close, pd.DatetimeIndex(market.sessions), list(market.symbols))
    closes = closes.loc[:, market.kinds == "stock"].dropna(axis=1)
    volume = closes * 0 + 1e9
    bars = Market.from_wide("twenty", closes, open=closes, high=closes, low=closes, volume=volume)
    return Workload("20 symbols x 8,313 sessions", bars)


def five_hundred_symbols() -> Workload:
    """500 random walks with opens, over 2,516 sessions."""
    market = random_walks(500, 2010, 2019)
    return Workload(f"500 symbols x {len(market.sessions):,} sessions", market)


def random_walks(count: int, first: int, last: int) -> Market:
    """Random walks with opens, from the year `first` through the year `last`."""
    sessions = pd.DatetimeIndex(exchange_sessions(f"{first}-01-01", f"{last}-12-31"))
    generator = np.random.default_rng(count)
    names = [f"S{number:03d}" for number in range(count)]
    steps = generator.normal(0.0003, 0.02, (len(sessions), count)).cumsum(axis=0)
    close = pd.DataFrame(50.0 * np.exp(steps), sessions, names)
    gap = np.exp(generator.normal(0.0, 0.004, close.shape))
    open_ = close.shift(1, fill_value=50.0) * gap
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    volume = close * 0 + 1e9
    return Market.from_wide("walks", close, open=open_, high=high, low=low, volume=volume)
