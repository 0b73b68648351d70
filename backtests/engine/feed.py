"""A market as backtrader data feeds, aligned to sessions and loaded in bulk."""

from __future__ import annotations

import datetime as dt
from array import array
from typing import Any

import backtrader as bt
import numpy as np

from datafeeds.market import Array, Market

EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class SessionFeed(bt.feed.DataBase):  # type: ignore[misc]
    """One symbol over the sessions `first` to `last` of a market.

    Every feed has a bar for every session, so feeds share one bar index and none runs ahead of another.
    On a session without a real bar all prices repeat the last close and volume is 0; the engine knows from
    the market which bars are real. Loading copies whole columns instead of reading bar after bar.
    """

    params = (("market", None), ("column", 0), ("first", 0), ("last", 0))

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
        line = getattr(self.lines, name)
        line.array = array("d", np.ascontiguousarray(values, dtype=np.float64).tobytes())
        line.idx = len(values) - 1
        line.lencount = len(values)

    def _load(self) -> bool:
        """No bars besides the preloaded ones."""
        return False


def _ordinals(market: Market) -> Array:
    """Sessions as backtrader counts days: the proleptic Gregorian ordinal."""
    return market.sessions.astype("datetime64[D]").astype(np.float64) + EPOCH_ORDINAL


def feeds(market: Market, first: int = 0, last: int | None = None) -> list[Any]:
    """One feed per symbol, in column order.

    Parameters
    ----------
    market : Market
    first, last : int
        Positions of the first and last session, `last` included; the whole market if not given.

    Returns
    -------
    list of SessionFeed
    """
    end = len(market.sessions) - 1 if last is None else last
    return [
        SessionFeed(market=market, column=column, first=first, last=end, name=symbol)
        for column, symbol in enumerate(market.symbols)
    ]
