"""A market that grows: what a run sends of its market up to a decision, and what a sealed process holds.

The sender gives what became public since the last decision, never more. The holder appends it, and may put a
false future behind it, made of nothing but the past it holds. Of a wide market, which is gigabytes, they keep
to what the strategy looked at in the run: its prices, its facts and the figures behind them, each as far back
as it was looked at. To look at anything else is then an offence: what is there and what is not could be a
message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.facts import MEDIAN, concepts_behind, fact, group_median, worked_out
from datafeeds.facts import names as names_of_facts
from datafeeds.market import (
    Array,
    Dates,
    DerivedFacts,
    Market,
    borrow_table,
    standard_tables,
    traded_factor,
)

if TYPE_CHECKING:  # no module of strategies may be imported before the doors close
    from strategies.asof import LookedAt

Future = Literal["absent", "shuffled", "scaled"]

FUTURES: tuple[Future, ...] = ("absent", "shuffled", "scaled")
"""What a sealed process holds behind today: nothing, its past in random order, or wild prices and figures."""

AHEAD = 252
"""Sessions of a false future."""

PRICES = ("open", "high", "low", "close", "volume", "dividend")

SLACK = 64
"""Sessions for which a holder has room at least, before it lets go of old ones."""

DATED = {"facts": "known", "series": "available"}
"""Tables of what becomes known by the day, and the column that says when."""

PIECE = 1 << 23
"""Bytes of prices and facts that are told at once."""

MADE_UP = 500
"""Rows of a false future of such a table."""

NAMES = ("column", "names", "labels", "concepts")
MEMBERS = ("kinds", "groups", "sectors", "_membership_rows")
"""What a market works out from its symbols, and from its instruments."""

GROWN = ("mark", "traded_factor")
"""What a market works out session by session."""

UNDECIDED = ("accession",)
"""Columns of figures on which no decision can rest."""

_NEVER = np.datetime64("2200-01-01", "s")

_BLANK: dict[str, Any] = {"O": "", "f": np.nan, "i": 0, "M": _NEVER}
"""By kind of a column: what a row says of which only the name is known. Its day never comes."""


@dataclass(frozen=True, eq=False)
class Words:
    """New rows of a column of words, each word told once: strings of millions of rows would be gigabytes.

    Attributes
    ----------
    codes : ndarray of int32, shape (new rows,)
        Places among the words told so far, those of `new` included. Numbers go up in the order in which words
        are first said, so they tell of none that comes later.
    new : ndarray of object
        Words that were not said before.
    """

    codes: npt.NDArray[np.int32]
    new: npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class News:
    """What became public since the last decision.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (new sessions,)
    next_session : datetime64[D]
        The exchange session after the last of them.
    rows : dict of str to ndarray, shape (new sessions, symbols)
        Closes, and the prices that are looked at, by name.
    derived : dict of str to ndarray, shape (new sessions, ...)
        Facts that were asked for before, and medians of them, as they were known on those sessions; of one
        that is told for the first time, on all sessions so far.
    facts, series, splits, basis : dict of str to ndarray or Words
        New rows, column by column.
    withdrawn : tuple of ndarray
        Places, among the figures sent so far, of those that were found wrong since, and the days of it.
    instruments : dict of str to ndarray
        The whole table as it is known today; empty if it was the same at the last decision.
    tables : dict of str to dict of str to ndarray or Words
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
    asked : collection of str
        Facts to be sent, and medians of them, where the market keeps them. Any other is worked out by who
        asks for it from the figures filed so far, until `also` says that it is asked for.
    limits : LookedAt, optional
        All that is sent; everything if not given.
    """

    def __init__(
        self,
        market: Market,
        tables: Mapping[str, pd.DataFrame],
        asked: Collection[str] = (),
        limits: LookedAt | None = None,
    ) -> None:
        self._market = market
        self._sent = 0
        self._limits = limits
        self._prices = [name for name in PRICES if limits is None or name in {"close", *limits.prices}]
        facts = market.facts.drop(columns=list(UNDECIDED))
        chosen = None if limits is None else _rows_of(facts, concepts_behind(limits.facts))
        # A figure known on a day counts from the session after; the others from the day they are public.
        self._facts = _Rows(facts, "known", "left", chosen)
        withdrawn = _days(facts, "withdrawn")[self._facts.order]
        self._wrong = np.flatnonzero(~np.isnat(withdrawn))
        self._found = withdrawn[self._wrong]
        self._series = _Rows(market.series, "available")
        self._basis = _Rows(market.basis, "known")
        self._tables = {name: _Rows(table, "available") for name, table in tables.items()}
        self._joined, self._left = (_days(market.instruments, name) for name in ("from", "to"))
        self._derived = {name: values for name, values in market.derived.items() if name in asked}
        self._told: set[str] = set()

    def anew(self) -> Sender:
        """One that begins again with the first session."""
        again = copy(self)
        again._sent, again._told, again._derived = 0, set(), self._derived.copy()
        return again

    def also(self, asked: Iterable[str]) -> None:
        """Send these facts, and medians of facts, from now on; names of none are passed over.

        Parameters
        ----------
        asked : iterable of str
            What the other side has asked for itself: what a run asks for could be a message.
        """
        for name in asked:
            of, median, group = name.partition(MEDIAN)
            known = of in names_of_facts(self._market) and (not median or group in self._market.groups)
            if known and name not in self._derived:
                self._derived[name] = worked_out(self._market, name)

    @property
    def limited(self) -> bool:
        """Whether only what was looked at is sent."""
        return self._limits is not None

    @property
    def figures(self) -> int:
        """Filed figures that there are to send."""
        return len(self._facts.order)

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
            "facts": sorted(market.concepts),
            "series": sorted(market.series["series"].unique()),
            "stale_after": market.stale_after,
            "splits": (),
            "basis": (),
            **{f"table {name}": () for name in self._tables},
            "groups": market.groups,
            "sectors": market.sectors,
            "limits": None if self._limits is None else vars(self._limits),
        }

    def pieces(self, session: int) -> Iterator[News]:
        """What `until` gives, in pieces of about `PIECE` bytes: years of prices are gigabytes."""
        wide = 8 * len(self._market.symbols) * (len(self._prices) + len(self._derived))
        step = max(1, PIECE // wide)
        yield from (self.until(stop) for stop in range(self._sent + step - 1, session, step))
        yield self.until(session)

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
            rows={name: getattr(market, name)[rows].copy() for name in self._prices},
            derived={name: values[self._untold(name, rows)].copy() for name, values in self._derived.items()},
            facts=_not_withdrawn(self._facts.between(before, today)),
            series=self._series.between(before, today),
            # Closes stand on the last split's basis, and so must share counts.
            splits=_columns(market.splits) if before is None else {},
            basis=self._basis.between(before, today),
            withdrawn=self._found_wrong(before, today),
            tables={name: table.between(before, today) for name, table in self._tables.items()},
            instruments=self._changed_members(before, today),
        )

    def _untold(self, name: str, rows: slice) -> slice:
        """Which rows of a fact are to be told with `rows`; it counts as told from then on."""
        if name in self._told:
            return rows
        self._told.add(name)
        return slice(rows.stop)

    def _found_wrong(self, before: np.datetime64 | None, today: np.datetime64) -> tuple[Any, Any]:
        """Places, among the figures sent so far, of those found wrong since the last call, and the days."""
        sent, known = self._facts.count(before), self._facts.count(today)
        wrong = (self._wrong < known) & (self._found < today)
        if before is not None:
            wrong &= (self._wrong >= sent) | (self._found >= before)
        return self._wrong[wrong], self._found[wrong]

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
    chosen : ndarray of int, optional
        The rows that count, in order; all if not given. Numbers are read where the table has them when they
        are told: the rows of a cached table need no place of their own.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        day: str,
        side: Literal["left", "right"] = "right",
        chosen: npt.NDArray[np.intp] | None = None,
    ) -> None:
        rows = np.arange(len(table)) if chosen is None else chosen
        days = _days(table, day)[rows]
        places = np.argsort(days, kind="stable")
        self.order = rows[places]
        self._days, self._side = days[places], side
        self._columns = {
            str(name): _spoken(column, self.order) if column.dtype == "str" else column.to_numpy()
            for name, column in table.items()
        }

    def count(self, day: np.datetime64 | None) -> int:
        """How many rows are public on `day`; None is before all days."""
        return 0 if day is None else int(np.searchsorted(self._days, day, self._side))

    def between(self, before: np.datetime64 | None, today: np.datetime64) -> dict[str, Any]:
        """Copies of the rows that became public after `before`, up to `today`."""
        start, stop = self.count(before), self.count(today)
        rows = self.order[start:stop]
        return {
            name: column.between(start, stop) if isinstance(column, _Spoken) else column[rows]
            for name, column in self._columns.items()
        }


@dataclass(frozen=True, eq=False)
class _Spoken:
    """A column of words in the order of the days on which its rows became public.

    Attributes
    ----------
    codes : ndarray of int32, shape (rows,)
        Places among `words`.
    words : ndarray of object
        In the order in which they are first said.
    first : ndarray of int
        Row that says each of them first.
    """

    codes: npt.NDArray[np.int32]
    words: npt.NDArray[np.object_]
    first: npt.NDArray[np.intp]

    def between(self, start: int, stop: int) -> Words:
        """Copies of the rows from `start` up to `stop`."""
        new = slice(*np.searchsorted(self.first, (start, stop)))
        return Words(self.codes[start:stop].copy(), self.words[new].copy())


def _spoken(column: pd.Series[Any], order: npt.NDArray[np.intp]) -> _Spoken:
    codes, words = pd.factorize(column, use_na_sentinel=False)
    codes, said = pd.factorize(codes[order])
    first = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return _Spoken(codes.astype(np.int32), np.array(words, dtype=object)[said], first)


def _not_withdrawn(figures: dict[str, Any]) -> dict[str, Any]:
    """`figures` without a word of when one is found wrong: that is told when it is."""
    return {**figures, "withdrawn": np.full(len(figures["withdrawn"]), np.datetime64("NaT", "s"))}


def _rows_of(facts: pd.DataFrame, concepts: Collection[str]) -> npt.NDArray[np.intp]:
    """Rows of the figures of `concepts`."""
    return np.flatnonzero(facts["concept"].isin(concepts).to_numpy())


def _days(table: pd.DataFrame, column: str) -> Dates:
    return table[column].to_numpy().astype("datetime64[D]")


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """Columns as arrays of their own, since a slice of a frame may drag the whole frame along."""
    return {str(name): np.array(column, dtype=_kept(column)) for name, column in table.items()}


def _kept(column: pd.Series[Any]) -> Any:
    return object if column.dtype == "str" else column.dtype


def _members(market: Market, today: np.datetime64) -> pd.DataFrame:
    """Instruments without a word of who joins or leaves later."""
    table = market.instruments
    later = _days(table, "from") > today
    ending = _days(table, "to") >= today
    joined, left = table["from"].to_numpy().copy(), table["to"].to_numpy().copy()
    joined[later] = _NEVER
    left[ending] = np.datetime64("NaT")
    known = table.assign(**{"from": joined, "to": left})
    known.loc[later, ["group", "sector", "industry", "company", "name"]] = ""
    return known


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
        self.next_session: np.datetime64 = _NEVER
        self._sessions = _Column()
        self._columns: dict[str, _Column] = {}
        self._let_go = 0
        self._tables: dict[str, _Table] = {}
        self._instruments = pd.DataFrame()
        self._borrow = borrow_table(None)
        self._given: Market | None = None
        self._lasting: dict[str, Any] = {}

    def add(self, news: News) -> None:
        """Keep `news`; the market given last is let go."""
        self._take_back()
        self.next_session = news.next_session
        self._sessions.put(news.sessions)
        splits, basis = self._put("splits", news.splits).frame(), self._put("basis", news.basis).frame()
        arrays = {**news.rows, **_derived_named(news.derived)}
        arrays["mark"] = self._marked(news.rows["close"])
        arrays["traded_factor"] = traded_factor(news.sessions, self._shape["symbols"], splits, basis)
        for name, values in arrays.items():
            if name not in self._columns:
                self._columns[name] = _Column(self._wanted(name))
            self._columns[name].put(values)
        self._let_go_of_old()
        figures = self._put("facts", news.facts)
        if len(news.withdrawn[0]):
            figures.withdraw(len(self._shape["facts"]) + news.withdrawn[0], news.withdrawn[1])
        self._put("series", news.series)
        for name, rows in news.tables.items():
            self._put(f"table {name}", rows)
        if news.instruments:
            self._instruments = self._members(news.instruments)
            for name in MEMBERS:
                self._lasting.pop(name, None)

    def market(self, *, from_filings: bool) -> Market:
        """The market as far as it is known.

        Parameters
        ----------
        from_filings : bool
            Whether derived facts are worked out here from the figures filed so far, instead of taken from
            the run.
        """
        self._take_back()
        ahead = 0 if self._future == "absent" else AHEAD
        if ahead:
            self._make_up()
        days = self._sessions.first(self._sessions.filled + ahead)[self._let_go :]
        views = {name: column.first(column.filled + ahead) for name, column in self._columns.items()}
        unseen = np.broadcast_to(np.nan, views["close"].shape)
        derived = {name[8:]: view for name, view in views.items() if name.startswith("derived ")}
        market = Market(
            name=self._shape["name"],
            source="",
            sessions=days,
            next_session=days[-1] + 1 if ahead else self.next_session,
            symbols=self._shape["symbols"],
            **{name: views.get(name, unseen) for name in PRICES},
            facts=self._tables["facts"].frame(),
            series=self._tables["series"].frame(),
            splits=self._tables["splits"].frame(),
            basis=self._tables["basis"].frame(),
            stale_after=self._shape["stale_after"],
            instruments=self._instruments,
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
        market.__dict__.update(self._lasting, **grown)
        if from_filings and self.limits is not None:
            looked_back = {name: sessions + ahead for name, sessions in self.limits["facts"].items()}
            market = _like(market, derived=_FromFilings(market, looked_back))
        self._given = market
        return market

    def _take_back(self) -> None:
        """Keep what the market given last worked out once and for all, and nothing else of it."""
        if self._given is not None:
            known = vars(self._given)
            self._lasting = {key: known[key] for key in (*NAMES, *MEMBERS) if key in known}
            self._given = None

    @property
    def limits(self) -> dict[str, Any] | None:
        """What a strategy may look at, by the attributes of `LookedAt`; None for everything."""
        limits: dict[str, Any] | None = self._shape["limits"]
        return limits

    @property
    def earlier(self) -> Dates:
        """Sessions before the first that `market` holds."""
        days: Dates = self._sessions.first(self._let_go).copy()
        return days

    def _wanted(self, name: str) -> int | None:
        """Rows of an array that a strategy may look at; None for all."""
        limits = self.limits
        if limits is None:
            return None
        if name in GROWN:  # facts are worked out from them, however far back
            return int(limits["sessions"])
        return int({**limits["prices"], **_derived_named(limits["facts"])}.get(name, 1))  # a close at least

    def _let_go_of_old(self) -> None:
        needed = None if self.limits is None else self.limits["sessions"]
        held = self._columns["close"].filled
        if needed is not None and held > needed + _slack(needed):
            for column in self._columns.values():
                column.let_go(held - needed)
            self._let_go += held - needed

    def own_tables(self) -> dict[str, pd.DataFrame]:
        """The strategy's own tables."""
        return {name[6:]: table.frame() for name, table in self._tables.items() if name.startswith("table ")}

    def _marked(self, close: Array) -> Array:
        before = self._columns["mark"].last() if "mark" in self._columns else np.full(close.shape[1], np.nan)
        marks = pd.DataFrame(np.vstack([before, close])).ffill().to_numpy()
        return np.ascontiguousarray(marks[1:])

    def _make_up(self) -> None:
        """Write a false future behind what is known; what becomes known later overwrites it."""
        day = self._sessions.last()
        self._sessions.put_ahead(day + 1 + np.arange(AHEAD).astype("timedelta64[D]"))
        held = self._columns["close"].filled
        taken = self._rng.integers(max(column.begun for column in self._columns.values()), held, AHEAD)
        factors = 10.0 ** self._rng.uniform(-3, 3, (AHEAD, len(self._shape["symbols"])))
        for column in self._columns.values():
            past = column.first(held)[taken]
            if self._future == "scaled":
                past = past * (factors if past.ndim == 2 else factors[:, 0])
            column.put_ahead(past)

        for name, date in DATED.items():
            self._make_up_rows(self._tables[name], date)

    def _put(self, name: str, rows: dict[str, Any]) -> _Table:
        """The table `name` with new rows."""
        if name not in self._tables:
            self._tables[name] = _Table(coded=name == "facts")
            self._tables[name].put(self._blanks(name, rows))
        table = self._tables[name]
        table.put(rows)
        return table

    def _blanks(self, name: str, like: dict[str, Any]) -> dict[str, Any]:
        """A row without a value for each name of which nothing is known yet."""
        names = self._shape[name]
        known = {"concept": names, "series": names, "fiscal_period": "FY"}
        kinds = {
            key: np.dtype(object) if isinstance(values, Words) else values.dtype
            for key, values in like.items()
        }
        return {
            key: np.full(len(names), known.get(key, _BLANK.get(kind.kind, 0)), dtype=kind)
            for key, kind in kinds.items()
        }

    def _make_up_rows(self, table: _Table, date: str) -> None:
        """Put rows of the past behind a table, dated later, their values exchanged or wild."""
        count = min(table.filled, MADE_UP)
        drawn = self._rng.integers(0, table.filled, count)
        days = 1 + np.sort(self._rng.integers(0, AHEAD, count))
        later = (self._sessions.last() + days.astype("timedelta64[D]")).astype("datetime64[s]")
        values = self._rng.permutation(table.drawn("value", drawn))
        if self._future == "scaled":
            values = values * 10.0 ** self._rng.uniform(-6, 6, count)
        never = np.full(count, np.datetime64("NaT", "s"))
        table.put_ahead(drawn, {"value": values, date: later, "filed": later, "withdrawn": never})

    def _members(self, instruments: dict[str, Any]) -> pd.DataFrame:
        known = pd.DataFrame(instruments)
        named = [pd.DataFrame({by: list(self._shape[f"{by}s"])}) for by in ("group", "sector")]
        names = pd.concat(named, ignore_index=True)
        names = names.assign(symbol=self._shape["symbols"][-1], kind="stock", **{"from": _NEVER})
        whole = pd.concat([known, names], ignore_index=True)
        return standard_tables(self._shape["symbols"], whole)["instruments"]


class _FromFilings(DerivedFacts):
    """Facts of a market, each worked out from its filings for the rows alone that are looked at.

    Places of the rows before them are never written, so they take up no memory where they are many.

    Parameters
    ----------
    market : Market
    looked_back : mapping of str to int
        The last rows that are looked at, by facts and medians.
    """

    def __init__(self, market: Market, looked_back: Mapping[str, int]) -> None:
        super().__init__()
        self._market = market
        self._looked_back = looked_back
        self._last: dict[int, Market] = {}

    def look_up(self, name: str) -> Array | None:
        """What is known of `name`, worked out now where it may be looked at; else None."""
        if name not in self and name in self._looked_back:
            self.keep(name, self._worked_out(name, self._looked_back[name]))
        return self.get(name)

    def _worked_out(self, name: str, count: int) -> Array:
        held = len(self._market.sessions)
        of, median, group = name.partition(MEDIAN)
        if median:
            found = group_median(_members_alone(self._market, group, min(count, held)), of, group)
        elif count > held // 2:
            return fact(self._market, name)
        else:
            if count not in self._last:
                self._last[count] = _last_rows(self._market, count)
            found = fact(self._last[count], name)
        whole = np.empty((held, *found.shape[1:]))
        whole[-len(found) :] = found
        return whole


def _last_rows(market: Market, count: int) -> Market:
    """The last `count` sessions of a market, those ahead included."""
    return _like(
        market,
        sessions=market.sessions[-count:],
        derived={},
        **{name: getattr(market, name)[-count:] for name in (*PRICES, *GROWN)},
    )


def _members_alone(market: Market, group: str, count: int) -> Market:
    """The last `count` sessions of a market and its symbols that are members of `group` then."""
    last = _last_rows(market, count)
    columns = np.flatnonzero(last.memberships(group).any(axis=0))
    symbols = tuple(market.symbols[column] for column in columns)
    tables = {name: getattr(market, name) for name in ("instruments", "facts", "splits", "basis")}
    unseen = np.broadcast_to(np.nan, (count, len(columns)))
    alone = _like(
        last,
        names=(),
        symbols=symbols,
        **{name: table[table["symbol"].isin(symbols)] for name, table in tables.items()},
        **dict.fromkeys(PRICES, unseen),
        **{name: getattr(last, name)[:, columns] for name in GROWN},
    )
    vars(alone)["concepts"] = market.concepts  # a fact exists though no member files it
    return alone


def _like(market: Market, names: Collection[str] = (*NAMES, *MEMBERS), **other: Any) -> Market:
    """`market` with `other` fields, and of what it has worked out `names` and what is `GROWN`."""
    made = replace(market, **{name: values for name, values in other.items() if name not in GROWN})
    known = vars(market)
    grown = {name: other.get(name, known[name]) for name in GROWN}
    vars(made).update({name: known[name] for name in names if name in known}, **grown)
    return made


def _derived_named(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts by the names of their columns."""
    return {f"derived {name}": each for name, each in facts.items()}


def _slack(sessions: int) -> int:
    """How many more than the `sessions` that are needed are held before old ones are let go."""
    return max(sessions // 8, SLACK)


class _Table:
    """A table that grows by rows, with room behind.

    Parameters
    ----------
    coded : bool
        Whether columns of words stay coded (as pandas' categories), which millions of rows want.
    """

    def __init__(self, coded: bool) -> None:
        self._coded = coded
        self._columns: dict[str, _Column] = {}
        self._words: dict[str, _Vocabulary] = {}
        self._ahead = 0
        self._made: pd.DataFrame | None = None

    @property
    def filled(self) -> int:
        """Rows put for good."""
        return next(iter(self._columns.values())).filled

    def put(self, rows: dict[str, Any]) -> None:
        """Add rows for good."""
        before = self.filled if self._columns else 0
        for name, values in rows.items():
            if isinstance(values, Words):
                values = self._vocabulary(name).received(values)
            elif values.dtype == object:
                values = self._vocabulary(name).codes(values)
            self._columns.setdefault(name, _Column()).put(values)
        if self._ahead or self.filled > before:
            self._made = None
        self._ahead = 0

    def put_ahead(self, drawn: Any, said: Mapping[str, Any]) -> None:
        """Repeat the rows `drawn` behind the last, with what is `said` in place of what they say."""
        for name, column in self._columns.items():
            column.put_ahead(said[name] if name in said else self.drawn(name, drawn))
        self._ahead = len(drawn)
        self._made = None

    def drawn(self, name: str, rows: Any) -> Any:
        """A column at `rows`; words as codes."""
        return self._columns[name].first(self.filled)[rows]

    def withdraw(self, rows: Any, days: Any) -> None:
        """Write the days on which figures were found wrong."""
        self._made = None
        self._columns["withdrawn"].first(self.filled)[rows] = days

    def frame(self) -> pd.DataFrame:
        """The table, rows ahead included; numbers are not copied, and one that did not change is kept."""
        if self._made is None:
            self._made = self._whole()
        return self._made.copy(deep=False)

    def _whole(self) -> pd.DataFrame:
        count = self.filled + self._ahead
        columns = {}
        for name, column in self._columns.items():
            values = column.first(count)
            columns[name] = self._words[name].read(values, self._coded) if name in self._words else values
        return pd.DataFrame(columns, copy=False)

    def _vocabulary(self, name: str) -> _Vocabulary:
        if name not in self._words:
            self._words[name] = _Vocabulary()
        return self._words[name]


class _Vocabulary:
    """Words by their codes here, and by the codes of who sends them."""

    def __init__(self) -> None:
        self._words: list[Any] = []
        self._code: dict[Any, int] = {}
        self._sent: list[int] = []
        self._strings = pd.array([], dtype="str")
        self._categories = pd.CategoricalDtype(pd.Index(self._words))

    def codes(self, words: Iterable[Any]) -> npt.NDArray[np.int32]:
        """Codes of `words`; new ones get one."""
        found = []
        for word in words:
            if word not in self._code:
                self._code[word] = len(self._words)
                self._words.append(word)
            found.append(self._code[word])
        return np.array(found, dtype=np.int32)

    def received(self, sent: Words) -> npt.NDArray[np.int32]:
        """Codes here of what was sent."""
        self._sent.extend(self.codes(sent.new).tolist())
        return np.array(self._sent, dtype=np.int32)[sent.codes]

    def read(self, codes: npt.NDArray[np.int32], coded: bool) -> Any:
        """The words of `codes`."""
        if len(self._strings) < len(self._words):
            self._strings = pd.array(np.array(self._words, dtype=object), dtype="str")
            self._categories = pd.CategoricalDtype(pd.Index(self._words))
        if coded:
            return pd.Categorical.from_codes(codes, dtype=self._categories, validate=False)
        return self._strings.take(codes)


class _Column:
    """An array that grows by rows, with room behind.

    Parameters
    ----------
    wanted : int, optional
        How many of the last rows are looked at; all if not given. Places of rows before them are never
        written in the room that they are moved to, so they take up no memory where it is a large one.

    Attributes
    ----------
    filled : int
        Rows put for good, those before `begun` included.
    begun : int
        The first row that is still there.
    """

    def __init__(self, wanted: int | None = None) -> None:
        self.filled = 0
        self._wanted = wanted
        self.begun = 0
        self._room: Any = None

    def put(self, rows: Any) -> None:
        """Add rows for good."""
        self.put_ahead(rows)
        self.filled += len(rows)
        if self._wanted is not None and self.filled - self.begun > self._wanted + _slack(self._wanted):
            self.let_go(0)

    def put_ahead(self, rows: Any) -> None:
        """Write rows behind the last; the next ones put overwrite them."""
        needed = self.filled + len(rows)
        if self._room is None:
            self._room = np.empty((needed + AHEAD, *rows.shape[1:]), dtype=rows.dtype)
        elif len(self._room) < needed:
            self._move(0, needed + needed // 2)
        self._room[self.filled : needed] = rows

    def first(self, count: int) -> Any:
        """The first `count` rows, those ahead included."""
        return self._room[:count]

    def last(self) -> Any:
        """The last row put for good."""
        return self._room[self.filled - 1]

    def let_go(self, count: int) -> None:
        """Drop the first `count` rows, and what of others is not wanted; who holds them keeps them."""
        if self._wanted is not None:
            self.begun = max(self.begun, self.filled - self._wanted)
        self._move(count, len(self._room))

    def _move(self, count: int, room: int) -> None:
        """Move all but the first `count` rows into a room of their own, for `room` rows."""
        moved = np.empty((room, *self._room.shape[1:]), dtype=self._room.dtype)
        self.begun = max(0, self.begun - count)
        self.filled -= count
        moved[self.begun : self.filled] = self._room[self.begun + count : self.filled + count]
        self._room = moved
