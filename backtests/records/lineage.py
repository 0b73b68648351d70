"""Which markets are one: a nudged price, a folder cut short or renamed symbols make no new market.

A market leaves a sketch, monthly returns of up to `COLUMNS` of its symbols. Two are the same market if enough
columns of the smaller one move as some column of the other does, whatever they are called; where they share
too few months to tell, if name and source are the same and most symbols too.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datafeeds.market import Array, Market

COLUMNS = 128
"""Symbols in a sketch: the first by the hash of their names, so that a part of a market keeps its own."""

LEAST_MONTHS = 6
"""Months that two columns must share to be compared."""

NEAR = 0.002
"""Monthly returns that differ by less, and a hundredth of themselves, are the same: of dividends, say."""

ALIKE = 0.8
"""Share of months in which two columns that are the same move alike."""

ENOUGH = 0.25
"""Share of the smaller market's columns that make it the same market."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is remembered of a market.

    Attributes
    ----------
    name, source : str
    symbols : ndarray of str, shape (columns,)
    months : ndarray of datetime64[M], shape (months,)
    returns : ndarray, shape (months, columns)
        Of the last closes of each month; NaN where there is none.
    """

    name: str
    source: str
    symbols: npt.NDArray[np.str_]
    months: npt.NDArray[np.datetime64]
    returns: Array

    def covers(self, other: Sketch) -> bool:
        """Whether it shows all that `other` would."""
        return bool(np.isin(other.symbols, self.symbols).all() and np.isin(other.months, self.months).all())

    def content(self) -> bytes:
        """As bytes, half a number wide."""
        stream = io.BytesIO()
        months = self.months.astype(np.int64)
        np.savez_compressed(
            stream, symbols=self.symbols, months=months, returns=self.returns.astype(np.float16)
        )
        return stream.getvalue()


def sketch(market: Market) -> Sketch:
    """The sketch of a market."""
    ranked = sorted(market.symbols, key=_drawn)[:COLUMNS]
    months = market.sessions.astype("datetime64[M]")
    ends = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    closes = market.mark[ends][:, [market.column[symbol] for symbol in ranked]]
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = closes[1:] / closes[:-1] - 1.0
    return Sketch(market.name, market.source, np.array(ranked, dtype=np.str_), months[ends][1:], returns)


def _drawn(symbol: str) -> bytes:
    return hashlib.sha256(symbol.encode()).digest()


def read(name: str, source: str, content: bytes) -> Sketch | None:
    """A sketch from its bytes; None where they are none."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            months = kept["months"].astype("datetime64[M]")
            return Sketch(name, source, kept["symbols"], months, kept["returns"].astype(np.float64))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def same_market(one: Sketch, other: Sketch) -> bool:
    """Whether two sketches are of one market."""
    small, large = sorted((one, other), key=lambda each: len(each.symbols))
    _, here, there = np.intersect1d(small.months, large.months, return_indices=True)
    ours, theirs = small.returns[here], large.returns[there]
    known = [_is_among(column, theirs) for column in ours.T if _moves(column)]
    if known:
        return bool(np.mean(known) >= ENOUGH)
    shared = np.isin(small.symbols, large.symbols).mean() if len(small.symbols) else 0.0
    return (one.name, one.source) == (other.name, other.source) and bool(shared > 0.5)


def _moves(column: Array) -> bool:
    """Whether a column can be told from another."""
    finite = column[np.isfinite(column)]
    return len(finite) >= LEAST_MONTHS and bool(np.ptp(finite) > NEAR)


def _is_among(column: Array, others: Array) -> bool:
    """Whether a column moves as one of `others` does; all shape (months,) and (months, columns)."""
    apart = np.abs(others - column[:, None])
    shared = np.isfinite(apart)
    near = np.less_equal(
        apart, NEAR + 0.01 * np.abs(column[:, None]), where=shared, out=np.zeros_like(shared)
    )
    count = shared.sum(axis=0)
    return bool(((count >= LEAST_MONTHS) & (near.sum(axis=0) >= ALIKE * count)).any())
