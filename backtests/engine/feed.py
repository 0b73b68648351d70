"""A market as backtrader data feeds, aligned to sessions and loaded in bulk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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


LINES = ("open", "high", "low", "close", "volume")

BLOCK = 64
"""Symbols whose bars are taken out of a market at once: one by one, each number costs a line of memory."""


class SessionFeed(bt.feed.DataBase):  # type: ignore[misc]
    """One symbol over some sessions of a market.

    Every feed has a bar for every session, so none runs ahead of another, and feeds may share one bar index.
    On a session without a real bar all prices repeat the last close and volume is 0; the engine knows from
    the market which bars are real. `bars` holds a line each by name, shape (sessions,).
    """

    params = (("bars", None), ("index", None))

    def preload(self) -> None:
        """Let the lines stand on `bars`."""
        for place, name in enumerate(self.getlinealiases()):
            if name in self.p.bars:
                if self.p.index is not None:
                    self.lines.lines[place] = IndexedLine(self.p.index)
                # Indexing the buffer gives Python's own floats, as backtrader's arrays do, without a copy.
                self.lines.lines[place].array = self.p.bars[name].data
        self.home()

    def release(self) -> None:
        """Let go of the bars: Cerebro and its feeds name each other, and Python finds that out much later."""
        self.p.bars = None
        for line in self.lines.lines:
            line.array = ()

    def _load(self) -> bool:
        """No bars besides the preloaded ones."""
        return False


def _ordinals(market: Market) -> Array:
    """Sessions as backtrader counts days: the proleptic Gregorian ordinal."""
    return market.sessions.astype("datetime64[D]").astype(np.float64) + EPOCH_ORDINAL


def _bars(market: Market, rows: slice, columns: Sequence[int]) -> dict[str, Array]:
    """Lines of some symbols by name, shape (symbols, sessions)."""

    def lines(values: Array) -> Array:
        return np.ascontiguousarray(values[rows, columns].T)

    bar, mark = market.traded[rows, columns].T, lines(market.mark)

    def known(values: Array) -> Array:
        own = lines(values)
        return np.where(bar & np.isfinite(own), own, mark)

    return {
        "open": np.where(bar, lines(market.fill_price), mark),
        "high": known(market.high),
        "low": known(market.low),
        "close": mark,
        "volume": np.nan_to_num(lines(market.volume)),
    }


def feeds(
    market: Market,
    first: int,
    last: int,
    columns: Sequence[int],
    index: BarIndex | None = None,
    *,
    whole: bool = True,
) -> list[Any]:
    """One feed for each of `columns`, in their order.

    Parameters
    ----------
    market : Market
    first, last : int
        Positions of the first and last session, `last` included.
    columns : sequence of int
        Positions of the symbols.
    index : BarIndex, optional
        On which all feeds stand; without one each moves alone, as backtrader's own do.
    whole : bool
        Whether there are bars to read. For who takes every price from the market itself the last known
        closes stand in for all lines, and take no room.

    Returns
    -------
    list of SessionFeed
    """
    rows = slice(first, last + 1)
    same = {"datetime": _ordinals(market)[rows], "openinterest": np.zeros(last + 1 - first)}
    made = []
    for begin in range(0, len(columns), BLOCK):
        some = columns[begin : begin + BLOCK]
        block = _bars(market, rows, some) if whole else {}
        for place, column in enumerate(some):
            if whole:
                bars = {name: lines[place] for name, lines in block.items()}
            else:  # a view of one column; of several it would be a copy as large as the prices
                bars = dict.fromkeys(LINES, market.mark[rows, column])
            made.append(SessionFeed(bars={**same, **bars}, index=index, name=market.symbols[column]))
    return made
