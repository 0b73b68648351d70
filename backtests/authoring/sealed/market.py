"""A market that grows: what a run sends of its market up to a decision, and what a sealed process holds.

The sender gives what became public since the last decision, never more. The holder appends it, and may put a
false future behind it, made of nothing but the past it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from datafeeds.market import Array, Dates, Market, borrow_table, standard_tables, traded_factor

Future = Literal["absent", "shuffled", "scaled"]

FUTURES: tuple[Future, ...] = ("absent", "shuffled", "scaled")
"""What a sealed process holds behind today: nothing, its past in random order, or wild prices and figures."""

AHEAD = 252
"""Sessions of a false future."""

PRICES = ("open", "high", "low", "close", "volume", "dividend")

DATED = {"facts": "known", "series": "available"}
"""Tables of what becomes known by the day, and the column that says when."""

MADE_UP = 500
"""Rows of a false future of such a table."""

NAMES = ("column", "labels")
MEMBERS = ("kinds", "groups", "companies", "_membership_rows")
"""What a market works out from its symbols, and from its instruments."""

GROWN = ("mark", "traded_factor")
"""What a market works out session by session."""

_NEVER = np.datetime64("2200-01-01", "s")

_BLANK: dict[str, Any] = {"O": "", "f": np.nan, "i": 0, "M": _NEVER}
"""By kind of a column: what a row says of which only the name is known. Its day never comes."""


@dataclass(frozen=True, eq=False)
class News:
    """What became public since the last decision.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (new sessions,)
    next_session : datetime64[D]
        The exchange session after the last of them.
    rows : dict of str to ndarray, shape (new sessions, symbols)
        Prices by name.
    derived : dict of str to ndarray, shape (new sessions, ...)
        Facts that the run had worked out, as it saw them on those sessions.
    facts, series, splits, basis : dict of str to ndarray
        New rows, column by column.
    withdrawn : tuple of ndarray
        Places, among the figures sent so far, of those that were found wrong since, and the days of it.
    instruments : dict of str to ndarray
        The whole table as it is known today; empty if it was the same at the last decision.
    tables : dict of str to dict of str to ndarray
        New rows of the strategy's own tables.
    """

    sessions: Dates
    next_session: np.datetime64
    rows: dict[str, Array]
    derived: dict[str, Array]
    facts: dict[str, Any]
    series: dict[str, Any]
    splits: dict[str, Any]
    basis: dict[str, Any]
    withdrawn: tuple[Any, Any]
    instruments: dict[str, Any]
    tables: dict[str, dict[str, Any]]


class Sender:
    """Cuts one market at ever later decisions.

    Parameters
    ----------
    market : Market
    tables : mapping of str to DataFrame
        The strategy's own, whole.
    """

    def __init__(self, market: Market, tables: Mapping[str, pd.DataFrame]) -> None:
        self._market = market
        self._sent = 0
        # A figure known on a day counts from the session after; the others from the day they are public.
        self._facts = _Rows(market.facts, "known", "left")
        self._withdrawn = _days(market.facts, "withdrawn")[self._facts.order]
        self._series = _Rows(market.series, "available")
        self._basis = _Rows(market.basis, "known")
        self._tables = {name: _Rows(table, "available") for name, table in tables.items()}
        self._joined, self._left = (_days(market.instruments, name) for name in ("from", "to"))
        self._derived = dict(market.derived)

    def anew(self) -> Sender:
        """One that begins again with the first session."""
        again = copy(self)
        again._sent = 0
        return again

    @property
    def shape(self) -> dict[str, Any]:
        """What does not change with time: names, and how prices are adjusted."""
        market = self._market
        return {
            "name": market.name,
            "symbols": market.symbols,
            "calendar": market.calendar,
            "adjustment": market.adjustment,
            "closes_only": market.closes_only,
            "facts": sorted(market.facts["concept"].unique()),
            "series": sorted(market.series["series"].unique()),
            "stale_after": market.stale_after,
            "splits": (),
            "basis": (),
            **{f"table {name}": () for name in self._tables},
            "groups": market.groups,
        }

    def until(self, session: int) -> News:
        """What became public after the session of the last call, up to the close of `session`."""
        market = self._market
        rows = slice(self._sent, session + 1)
        before = market.sessions[self._sent - 1] if self._sent else None
        today = market.sessions[session]
        last = session + 1 == len(market.sessions)
        self._sent = session + 1
        return News(
            sessions=market.sessions[rows].copy(),
            next_session=market.next_session if last else market.sessions[session + 1],
            rows={name: getattr(market, name)[rows].copy() for name in PRICES},
            derived={name: values[rows].copy() for name, values in self._derived.items()},
            facts=_not_withdrawn(self._facts.between(before, today)),
            series=self._series.between(before, today),
            # Closes stand on the last split's basis, and so must share counts.
            splits=_columns(market.splits) if before is None else {},
            basis=self._basis.between(before, today),
            withdrawn=self._found_wrong(before, today),
            tables={name: table.between(before, today) for name, table in self._tables.items()},
            instruments=self._changed_members(before, today),
        )

    def _found_wrong(self, before: np.datetime64 | None, today: np.datetime64) -> tuple[Any, Any]:
        """Places, among the figures sent so far, of those found wrong since the last call, and the days."""
        sent, known = self._facts.count(before), self._facts.count(today)
        days = self._withdrawn[:known]
        wrong = days < today
        if before is not None:
            wrong[:sent] &= days[:sent] >= before
        return np.flatnonzero(wrong), days[wrong]

    def _changed_members(self, before: np.datetime64 | None, today: np.datetime64) -> dict[str, Any]:
        if before is not None:
            joined, left = self._joined, self._left
            if not (((before < joined) & (joined <= today)) | ((before <= left) & (left < today))).any():
                return {}
        return _columns(_members(self._market, today))


class _Rows:
    """A table as arrays, cut by the days on which its rows became public.

    Parameters
    ----------
    table : DataFrame
    day : str
        The column that says when.
    side : {"left", "right"}
        Whether a row of today is public today ("right") or on the next day.
    """

    def __init__(self, table: pd.DataFrame, day: str, side: Literal["left", "right"] = "right") -> None:
        days = _days(table, day)
        self.order = np.argsort(days, kind="stable")
        self._days, self._side = days[self.order], side
        self._columns: dict[str, Any] = {}
        self._words: dict[str, Any] = {}
        for name, column in table.items():
            if column.dtype == "str":  # each word once: millions of strings would be gigabytes
                codes, words = pd.factorize(column, use_na_sentinel=False)
                self._words[str(name)] = np.array(words, dtype=object)
                values = codes.astype(np.int32)
            else:
                values = column.to_numpy()
            self._columns[str(name)] = values[self.order]

    def count(self, day: np.datetime64 | None) -> int:
        """How many rows are public on `day`; None is before all days."""
        return 0 if day is None else int(np.searchsorted(self._days, day, self._side))

    def between(self, before: np.datetime64 | None, today: np.datetime64) -> dict[str, Any]:
        """Copies of the rows that became public after `before`, up to `today`."""
        new = slice(self.count(before), self.count(today))
        return {
            name: self._words[name][values[new]] if name in self._words else values[new].copy()
            for name, values in self._columns.items()
        }


def _not_withdrawn(figures: dict[str, Any]) -> dict[str, Any]:
    """`figures` without a word of when one is found wrong: that is told when it is."""
    return {**figures, "withdrawn": np.full(len(figures["withdrawn"]), np.datetime64("NaT", "s"))}


def _days(table: pd.DataFrame, column: str) -> Dates:
    return table[column].to_numpy().astype("datetime64[D]")


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """Columns as arrays of their own, since a slice of a frame may drag the whole frame along."""
    return {str(name): np.array(column, dtype=_kept(column)) for name, column in table.items()}


def _kept(column: pd.Series[Any]) -> Any:
    return object if column.dtype == "str" else column.dtype


def _frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """The table whose columns are `columns`."""
    return pd.DataFrame(
        {
            name: pd.array(values, dtype="str") if values.dtype == object else values
            for name, values in columns.items()
        }
    )


def _members(market: Market, today: np.datetime64) -> pd.DataFrame:
    """Instruments without a word of who joins or leaves later."""
    table = market.instruments
    later = _days(table, "from") > today
    ending = _days(table, "to") >= today
    joined, left = table["from"].to_numpy().copy(), table["to"].to_numpy().copy()
    joined[later] = _NEVER
    left[ending] = np.datetime64("NaT")
    known = table.assign(**{"from": joined, "to": left})
    known.loc[later, ["group", "sector", "industry"]] = ""
    # The first row of a symbol says of what kind it is.
    return known.iloc[np.argsort(later, kind="stable")]


class Holder:
    """A market as far as it is known, and a false future if one is wanted.

    Parameters
    ----------
    shape : dict
        As from `Sender.shape`.
    future : {"absent", "shuffled", "scaled"}
    seed : int
        Of what is drawn for a false future.
    """

    def __init__(self, shape: dict[str, Any], future: Future, seed: int) -> None:
        self._shape = shape
        self._future = future
        self._rng = np.random.default_rng(seed)
        self._known = 0
        self._sessions = _Column()
        self._columns: dict[str, _Column] = {}
        self._tables: dict[str, pd.DataFrame] = {}
        self._instruments = pd.DataFrame()
        self._borrow = borrow_table(None)
        self._last: dict[str, Any] = {}

    def take(self, news: News, *, from_filings: bool) -> Market:
        """The market with `news` added.

        Parameters
        ----------
        news : News
        from_filings : bool
            Whether derived facts are worked out here from the figures filed so far, instead of taken from
            the run.
        """
        self._known += len(news.sessions)
        ahead = 0 if self._future == "absent" else AHEAD
        self._sessions.put(news.sessions)
        symbols = self._shape["symbols"]
        splits, basis = self._table("splits", news.splits), self._table("basis", news.basis)
        arrays = {**news.rows, **{f"derived {name}": values for name, values in news.derived.items()}}
        arrays["mark"] = self._marked(news.rows["close"])
        arrays["traded_factor"] = traded_factor(news.sessions, symbols, splits, basis)
        for name, values in arrays.items():
            self._columns.setdefault(name, _Column()).put(values)
        if ahead:
            self._make_up()
        days = self._sessions.first(self._known + ahead)
        views = {name: column.first(self._known + ahead) for name, column in self._columns.items()}
        derived = {name[8:]: view for name, view in views.items() if name.startswith("derived ")}
        market = Market(
            name=self._shape["name"],
            source="",
            sessions=days,
            next_session=days[-1] + 1 if ahead else news.next_session,
            symbols=symbols,
            **{name: views[name] for name in PRICES},
            facts=self._table("facts", news.facts, news.withdrawn),
            series=self._table("series", news.series),
            splits=splits,
            basis=basis,
            stale_after=self._shape["stale_after"],
            instruments=self._members(news),
            borrow=self._borrow,
            calendar=self._shape["calendar"],
            adjustment=self._shape["adjustment"],
            closes_only=self._shape["closes_only"],
            hash="sealed",
            derived={} if from_filings else derived,
        )
        # As the market itself keeps them: worked out once where they don't change.
        grown = {name: views[name] for name in GROWN}
        for values in grown.values():
            values.setflags(write=False)
        lasting = NAMES if news.instruments else (*NAMES, *MEMBERS)
        kept = {key: self._last[key] for key in lasting if key in self._last}
        market.__dict__.update(kept, **grown)
        self._last = market.__dict__
        return market

    def _marked(self, close: Array) -> Array:
        before = self._columns["mark"].last() if "mark" in self._columns else np.full(close.shape[1], np.nan)
        marks = pd.DataFrame(np.vstack([before, close])).ffill().to_numpy()
        return np.ascontiguousarray(marks[1:])

    def _make_up(self) -> None:
        """Write a false future behind what is known; what becomes known later overwrites it."""
        day = self._sessions.last()
        self._sessions.put_ahead(day + 1 + np.arange(AHEAD).astype("timedelta64[D]"))
        taken = self._rng.integers(0, self._known, AHEAD)
        factors = 10.0 ** self._rng.uniform(-3, 3, (AHEAD, len(self._shape["symbols"])))
        for column in self._columns.values():
            past = column.first(self._known)[taken]
            if self._future == "scaled":
                past = past * (factors if past.ndim == 2 else factors[:, 0])
            column.put_ahead(past)

    def _table(
        self, name: str, rows: dict[str, Any], withdrawn: tuple[Any, Any] | None = None
    ) -> pd.DataFrame:
        """A table with new rows, and false ones behind them if they are wanted."""
        new = [_frame(rows)] if rows and len(next(iter(rows.values()))) else []
        if name in self._tables:
            new.insert(0, self._tables[name])
        else:
            new.insert(0, _frame(self._blanks(name, rows)))
        known = pd.concat(new, ignore_index=True) if len(new) > 1 else new[0]
        if withdrawn is not None and len(withdrawn[0]):
            places, days = withdrawn
            column = known["withdrawn"].to_numpy(copy=True)
            column[len(self._shape[name]) + places] = days
            known = known.assign(withdrawn=column)
        self._tables[name] = known
        if self._future == "absent" or name not in DATED:
            return known
        return pd.concat([known, self._made_up_rows(known, DATED[name])], ignore_index=True)

    def own_tables(self, news: News) -> dict[str, pd.DataFrame]:
        """The strategy's own tables with new rows."""
        return {name: self._table(f"table {name}", rows) for name, rows in news.tables.items()}

    def _blanks(self, name: str, like: dict[str, Any]) -> dict[str, Any]:
        """A row without a value for each name of which nothing is known yet."""
        names = self._shape[name]
        known = {"concept": names, "series": names, "fiscal_period": "FY"}
        return {
            key: np.full(len(names), known.get(key, _BLANK.get(values.dtype.kind, 0)), dtype=values.dtype)
            for key, values in like.items()
        }

    def _made_up_rows(self, known: pd.DataFrame, date: str) -> pd.DataFrame:
        """Rows of the past, dated later, their values exchanged or wild."""
        count = min(len(known), MADE_UP)
        drawn = self._rng.integers(0, len(known), count)
        days = 1 + np.sort(self._rng.integers(0, AHEAD, count))
        later = (self._sessions.last() + days.astype("timedelta64[D]")).astype("datetime64[s]")
        values = self._rng.permutation(known["value"].to_numpy()[drawn])
        if self._future == "scaled":
            values = values * 10.0 ** self._rng.uniform(-6, 6, count)
        never = np.full(count, np.datetime64("NaT", "s"))
        said = {"value": values, date: later, "filed": later, "withdrawn": never}
        rows = {
            name: said[name] if name in said else column.array.take(drawn) for name, column in known.items()
        }
        return pd.DataFrame(rows)

    def _members(self, news: News) -> pd.DataFrame:
        if news.instruments:
            known = pd.DataFrame(news.instruments)
            names = pd.DataFrame({"group": list(self._shape["groups"])})
            names = names.assign(symbol=self._shape["symbols"][-1], kind="stock", **{"from": _NEVER})
            whole = pd.concat([known, names], ignore_index=True)
            self._instruments = standard_tables(self._shape["symbols"], whole)["instruments"]
        return self._instruments


class _Column:
    """An array that grows by rows, with room behind."""

    def __init__(self) -> None:
        self.filled = 0
        self._room: Any = None

    def put(self, rows: Any) -> None:
        """Add rows for good."""
        self._fit(rows, len(rows))
        self._room[self.filled : self.filled + len(rows)] = rows
        self.filled += len(rows)

    def put_ahead(self, rows: Any) -> None:
        """Write rows behind the last; the next ones put overwrite them."""
        self._fit(rows, len(rows))
        self._room[self.filled : self.filled + len(rows)] = rows

    def first(self, count: int) -> Any:
        """The first `count` rows, those ahead included."""
        return self._room[:count]

    def last(self) -> Any:
        """The last row put for good."""
        return self._room[self.filled - 1]

    def _fit(self, rows: Any, count: int) -> None:
        needed = self.filled + count
        if self._room is None:
            self._room = np.empty((needed + AHEAD, *rows.shape[1:]), dtype=rows.dtype)
        elif len(self._room) < needed:
            grown = np.empty((2 * needed, *rows.shape[1:]), dtype=rows.dtype)
            grown[: self.filled] = self._room[: self.filled]
            self._room = grown
