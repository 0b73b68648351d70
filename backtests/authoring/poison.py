"""Markets whose future is replaced: the past is the same to the last bit, and all that comes later is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Array, Dates, Market

Poison = Literal["NaN", "1e9", "shuffled"]

POISONS: tuple[Poison, ...] = ("NaN", "1e9", "shuffled")

PRICES = ("open", "high", "low", "close", "volume", "dividend")

_NEVER = np.datetime64("2200-01-01", "D")

_OF_INSTRUMENTS = ("column", "kinds", "groups", "_membership_rows")
"""What a market works out from its instruments, and keeps."""


class Future:
    """One market again and again, what comes after an ever earlier session replaced.

    Prices, filed figures, series, splits and memberships are replaced. The derived facts that `market` has
    worked out by now are replaced in place of being worked out again, which would take most of the time;
    that they don't depend on later filings is for `rebuilt_figures` to show.

    Going back in time, each array is copied once and each of its rows replaced once.

    Parameters
    ----------
    market : Market
    poison : {"NaN", "1e9", "shuffled"}
        What stands in the future: nothing, a huge number, or rows of the true future in random order.
    seed : int
    """

    def __init__(self, market: Market, poison: Poison, seed: int = 0) -> None:
        self._market = market
        self._poison = poison
        self._rng = np.random.default_rng(seed)
        self._true: dict[str, Array] = {name: getattr(market, name) for name in (*PRICES, "mark")}
        self._true |= {f"derived {name}": array for name, array in market.derived.items()}
        self._arrays = {name: array.copy() for name, array in self._true.items()}
        self._intact = len(market.sessions)
        self._dates = {
            name: getattr(market, table)[column].to_numpy().astype("datetime64[D]")
            for name, table, column in (
                ("facts", "facts", "filed"),
                ("series", "series", "available"),
                ("splits", "splits", "date"),
                ("from", "instruments", "from"),
                ("to", "instruments", "to"),
            )
        }

    def after(self, session: int) -> Market:
        """The market with everything after the close of `session` replaced.

        Earlier markets of this future change with it: use one, then ask for the next, going back.
        """
        if session + 1 > self._intact:
            raise ValueError(f"session {session} is gone already; go back in time")
        rows = np.arange(session + 1, self._intact)
        if len(rows):
            taken = self._rng.integers(session + 1, len(self._market.sessions), len(rows))
            for name, array in self._arrays.items():
                array[rows] = self._instead(self._true[name][taken])
        self._intact = session + 1
        return self._assembled(self._market.sessions[session])

    def _assembled(self, today: np.datetime64) -> Market:
        market = self._market
        views = {name: array.view() for name, array in self._arrays.items()}
        for view in views.values():
            view.setflags(write=False)
        held = self._dates["from"] > today
        ending = self._dates["to"] >= today
        dated = bool(held.any() or ending.any())
        prices: dict[str, Any] = {name: views[name] for name in PRICES}
        other = replace(
            market,
            **prices,
            facts=self._table(market.facts, "value", self._dates["facts"] >= today),
            series=self._table(market.series, "value", self._dates["series"] > today),
            splits=self._table(market.splits, "ratio", self._dates["splits"] > today),
            instruments=self._memberships(held, ending) if dated else market.instruments,
            derived={name: views[f"derived {name}"] for name in market.derived},
            hash=f"{market.hash} {self._poison} after {today}",
        )
        # Kept by the market like its other cached properties, here without working them out again.
        other.__dict__["mark"] = views["mark"]
        if not dated:
            other.__dict__.update(
                {key: market.__dict__[key] for key in _OF_INSTRUMENTS if key in market.__dict__}
            )
        return other

    def _instead(self, values: Array) -> Array | float:
        """What stands for `values`, which are drawn from the true future."""
        return {"NaN": np.nan, "1e9": 1e9}.get(self._poison, values)

    def _table(self, table: pd.DataFrame, column: str, later: npt.NDArray[np.bool_]) -> pd.DataFrame:
        if not later.any():
            return table
        values = table[column].to_numpy(dtype=np.float64, copy=True)
        values[later] = self._instead(self._rng.choice(values[later], int(later.sum())))
        return table.assign(**{column: values})

    def _memberships(self, held: npt.NDArray[np.bool_], ending: npt.NDArray[np.bool_]) -> pd.DataFrame:
        """Instruments of whose later joining and leaving nothing true is said."""
        table = self._market.instruments
        symbols = table["symbol"].to_numpy(dtype=object, copy=True)
        symbols[held] = self._rng.choice(np.array(self._market.symbols, dtype=object), int(held.sum()))
        start, stop = self._dates["from"].copy(), self._dates["to"].copy()
        start[held] = _NEVER
        stop[ending] = np.datetime64("NaT", "D")
        dates = {"from": start.astype("datetime64[s]"), "to": stop.astype("datetime64[s]")}
        # The first row of a symbol says of what kind it is, so rows that hold come first.
        return table.assign(symbol=symbols, **dates).iloc[np.argsort(held, kind="stable")]


def poisoned(market: Market, session: int, poison: Poison, seed: int = 0) -> Market:
    """`market` with everything after the close of `session` replaced, derived facts to be worked out anew.

    Splits stay: closes are adjusted for later ones too, and share counts must stand on the same basis.
    """
    other = Future(replace(market, derived={}), poison, seed).after(session)
    return replace(other, splits=market.splits)


def with_filings_delayed(market: Market, sessions: int) -> Market:
    """`market` with every figure filed that many sessions later."""
    filed = market.facts["filed"].to_numpy().astype("datetime64[D]")
    return replace(
        market,
        facts=market.facts.assign(filed=_later(filed, market.sessions, sessions)),
        derived={},
        hash=f"{market.hash} filings {sessions} sessions later",
    )


def _later(dates: Dates, sessions: Dates, count: int) -> pd.Series[pd.Timestamp]:
    """The session `count` after each of `dates`; beyond the last session it is in the far future."""
    position = np.searchsorted(sessions, dates, side="left") + count
    beyond = np.append(sessions, _NEVER)
    return pd.Series(beyond[np.minimum(position, len(sessions))].astype("datetime64[s]"))


def unlike(true: Mapping[str, Array], other: Mapping[str, Array], rows: int) -> list[tuple[str, int]]:
    """Arrays whose first `rows` rows are not the same in both, with the first row that is not."""
    found = []
    for name, array in true.items():
        ours, theirs = array[:rows], other[name][:rows]
        differs = ~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
        if differs.any():
            found.append((name, int(np.argmax(differs.reshape(rows, -1).any(axis=1)))))
    return found
