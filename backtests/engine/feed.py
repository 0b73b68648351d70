"""A market as backtrader data feeds, aligned to sessions and loaded in bulk."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

import backtrader as bt
import numpy as np

from datafeeds.market import Array, Market

EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class BarIndex:
    """The bar that a set of feeds stands on.

    Attributes
    ----------
    position : int
        -1 before the first.
    """

    def __init__(self) -> None:
        self.position = -1


class IndexedLine(bt.LineBuffer):  # type: ignore[misc]
    """A line that stands wherever its `BarIndex` does: moving that moves every line, in one step."""

    def __init__(self, index: BarIndex) -> None:
        self._index = index
        super().__init__()

    # Backtrader sets both when a line is made; after that only the index moves.
    idx = property(lambda line: line._index.position, lambda line, value: None)
    lencount = property(lambda line: line._index.position + 1, lambda line, value: None)

    def datetime(self, ago: int = 0, tz: Any = None, naive: bool = True) -> dt.datetime:
        """Moment of a bar; every order of a session asks for the same."""
        moment: dt.datetime = _moment(self[ago], tz, naive)
        return moment


_moment = lru_cache(maxsize=64)(bt.num2date)


class SessionFeed(bt.feed.DataBase):  # type: ignore[misc]
    """One symbol over the sessions `first` to `last` of a market.

    Every feed has a bar for every session, so none runs ahead of another, and feeds may share one bar index.
    On a session without a real bar all prices repeat the last close and volume is 0; the engine knows from
    the market which bars are real. Loading takes whole columns instead of reading bar after bar.
    """

    params = (("market", None), ("column", 0), ("first", 0), ("last", 0), ("index", None))

    def preload(self) -> None:
        """Fill the lines from the market's columns."""
        market, column = self.p.market, self.p.column
        rows = slice(self.p.first, self.p.last + 1)
        bar = market.traded[rows, column]
        mark = market.mark[rows, column]

        def known(values: Array) -> Array:
            return np.where(bar & np.isfinite(values[rows, column]), values[rows, column], mark)

        self._fill("datetime", _ordinals(market)[rows])
        self._fill("open", np.where(bar, market.fill_price[rows, column], mark))
        self._fill("high", known(market.high))
        self._fill("low", known(market.low))
        self._fill("close", mark)
        self._fill("volume", np.nan_to_num(market.volume[rows, column]))
        self._fill("openinterest", np.zeros(len(mark)))
        self.home()

    def _fill(self, name: str, values: Array) -> None:
        place = self.getlinealiases().index(name)
        if self.p.index is not None:
            self.lines.lines[place] = IndexedLine(self.p.index)
        # Indexing the buffer gives Python's own floats, as backtrader's arrays do, without a copy.
        self.lines.lines[place].array = np.ascontiguousarray(values, dtype=np.float64).data

    def _load(self) -> bool:
        """No bars besides the preloaded ones."""
        return False


def _ordinals(market: Market) -> Array:
    """Sessions as backtrader counts days: the proleptic Gregorian ordinal."""
    return market.sessions.astype("datetime64[D]").astype(np.float64) + EPOCH_ORDINAL


def feeds(market: Market, first: int = 0, last: int | None = None) -> list[Any]:
    """One feed per symbol, in column order, on one bar index.

    Parameters
    ----------
    market : Market
    first, last : int
        Positions of the first and last session, `last` included; the whole market if not given.

    Returns
    -------
    list of SessionFeed
    """
    end, index = len(market.sessions) - 1 if last is None else last, BarIndex()
    return [
        SessionFeed(market=market, column=column, first=first, last=end, index=index, name=symbol)
        for column, symbol in enumerate(market.symbols)
    ]
