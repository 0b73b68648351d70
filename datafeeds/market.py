"""The market: prices, filed figures and daily series, each with the date it became public."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, SupportsIndex, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.calendars import NEW_YORK, next_exchange_session, sessions_a_year
from datafeeds.membership import Grouping, Memberships
from datafeeds.names import printable, unknown_name

Array = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
Adjustment = Literal["split", "total_return"]
Severity = Literal["error", "quarantined", "suspicion", "note"]

INSTRUMENT_COLUMNS = ("symbol", "kind", "name", "sector", "industry", "group", "from", "to", "company")
FILED_COLUMNS = (
    "symbol",
    "concept",
    "fiscal_year",
    "fiscal_period",
    "filed",
    "value",
    "period_end",
    "accession",
)
"""What a filing says, as a market folder holds it."""

FACT_COLUMNS = (*FILED_COLUMNS, "known", "withdrawn")
"""What a market holds of it: the filing, and from when to when it counts."""

TOTAL_RETURN_LIMIT = (
    "Closes are adjusted for dividends, so the prices that were paid can't be had: price levels hold the "
    "dividends that came later, and past market values, and with them price-to-sales, of companies that pay "
    "dividends are understated"
)
"""What a reader of results on such a market must know, without its full stop."""

BASIS_COLUMNS = ("symbol", "since", "known", "ratio")
HASHED_ROWS = 1 << 19
"""Rows of a table that are hashed at once."""

DELISTED_AFTER = 10
"""Sessions without a bar, while others trade, after which a symbol counts as delisted. Trading halts are
shorter, with few exceptions."""

BORROW_COLUMNS = ("symbol", "date", "rate", "available")
SERIES_COLUMNS = ("series", "date", "available", "value")


class MarketError(ValueError):
    """Market data that cannot be used; the message says which file, symbol and date, and what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check saw in the data.

    Attributes
    ----------
    severity : {"error", "quarantined", "suspicion", "note"}
        ``error`` stops the load; ``quarantined`` figures are left out of every calculation;
        ``suspicion`` and ``note`` are reported only.
    check : str
        Name of the check, such as ``"share count scale"``.
    message : str
        What was found and what was done about it.
    symbol : str
        The symbol concerned, empty for the market as a whole.
    date : str
        ISO date concerned (filing date for facts, session for prices), or empty.
    """

    severity: Severity
    check: str
    message: str
    symbol: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "symbol", printable(self.symbol))

    def __str__(self) -> str:
        where = " ".join(part for part in (self.symbol, self.date) if part)
        return f"{self.severity}: {self.check}: {where + ': ' if where else ''}{self.message}"


class Tables(TypedDict):
    """The tables of a market; see `Market`."""

    instruments: pd.DataFrame
    facts: pd.DataFrame
    splits: pd.DataFrame
    series: pd.DataFrame
    basis: pd.DataFrame


class DerivedFacts(dict[str, Array]):
    """What was computed from a market's facts, by name, kept for the life of the market."""

    def look_up(self, name: str) -> Array | None:
        """What is known of `name`, or None."""
        return self.get(name)

    def keep(self, name: str, values: Array) -> Array:
        """Keep `values`, read-only from now on, and return what is kept."""
        values.setflags(write=False)
        self[name] = values
        return values


@dataclass(frozen=True, eq=False)
class Market:
    """Everything that is known about a market, immutable.

    Prices are arrays of shape (sessions, symbols), ``float64``, C order; NaN where a symbol did not trade.
    Open, high, low, close and volume are split-adjusted; `dividend` is cash per adjusted share, on the
    ex-date.

    Attributes
    ----------
    name : str
        Short name, as in ``market = "sample"``.
    source : str
        Where the numbers come from, one sentence.
    sessions : ndarray of datetime64[D], shape (sessions,)
        Exchange sessions in order, without gaps but those that `findings` has as errors.
    next_session : datetime64[D]
        The exchange session that follows the last one; tells whether the last session ends its month.
    symbols : tuple of str
        Column labels.
    open, high, low, close, volume, dividend : ndarray, shape (sessions, symbols)
    instruments : DataFrame
        Columns `INSTRUMENT_COLUMNS`; one row per symbol and membership interval (`from` and `to` inclusive,
        NaT for open ends).
    facts : DataFrame
        Columns `FACT_COLUMNS`; one row per filed figure, sorted by filing date. A figure counts from the
        session after `known` (the day it was filed, or the later day that confirmed it) up to the close of
        the day `withdrawn`, on which a later filing or price showed it wrong; NaT if none did. Shares are as
        reported on the day of filing.
    splits : DataFrame
        Columns symbol, date, ratio: new shares per old share, effective at the open of `date`. Prices are
        adjusted for all of them, those after the last session included.
    basis : DataFrame
        Columns `BASIS_COLUMNS`: splits that prices are adjusted for and `splits` lacks. From session `known`
        on, a symbol's closes, brought to the basis of their day by `splits`, are still to be multiplied by
        `ratio` to give the price that was paid. Where a ratio follows another, a split of their quotient
        took place on `since`, and could be known from `known` on.
    series : DataFrame
        Columns `SERIES_COLUMNS`; `available` is the date on which the value became public.
    calendar : str
        Code of the calendar of ``exchange_calendars`` that `sessions` are those of; ``"24/7"`` has every day.
    currency : str
        Code of what prices and money are in; empty where that is not stated.
    borrow : DataFrame
        Columns `BORROW_COLUMNS`: from the session of `date` on, whether a symbol can be borrowed to be sold
        short (1 or 0), and the yearly fee as a fraction of its value; NaN where only the other is known. A
        symbol of which nothing is said can be borrowed.
    adjustment : {"split", "total_return"}
        ``"total_return"`` when closes are also adjusted for dividends (then `dividend` is zero).
    closes_only : bool
        Whether only closes are known; orders then fill at the close.
    stale_after : int
        Days after the end of its period at which a filed figure no longer says what a company is today.
    limits : tuple of str
        What a reader must know before trusting a result; stands on the tearsheet's first page.
    findings : tuple of Finding
        What the checks saw while loading.
    hash : str
        SHA-256 of the content; loading the same data twice gives the same hash.
    """

    name: str
    source: str
    sessions: Dates
    next_session: np.datetime64
    symbols: tuple[str, ...]
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    dividend: Array
    instruments: pd.DataFrame
    facts: pd.DataFrame
    splits: pd.DataFrame
    series: pd.DataFrame
    basis: pd.DataFrame = field(default_factory=lambda: _table(None, BASIS_COLUMNS, ("since", "known")))
    calendar: str = NEW_YORK
    currency: str = "USD"
    borrow: pd.DataFrame = field(default_factory=lambda: borrow_table(None))
    adjustment: Adjustment = "split"
    closes_only: bool = False
    stale_after: int = 200
    limits: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    hash: str = ""
    derived: dict[str, Array] = field(default_factory=DerivedFacts, repr=False)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.symbols))
        for name in ("open", "high", "low", "close", "volume", "dividend"):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float64:
                raise MarketError(
                    f"{self.name}: {name} has shape {array.shape} {array.dtype}, expected {shape} float64"
                )
            array.setflags(write=False)
        self.sessions.setflags(write=False)
        if not isinstance(self.derived, DerivedFacts):
            object.__setattr__(self, "derived", DerivedFacts(self.derived))
        if not self.hash:
            object.__setattr__(self, "hash", self.content_hash())

    @classmethod
    def from_wide(
        cls,
        name: str,
        close: pd.DataFrame,
        *,
        open: pd.DataFrame | None = None,
        high: pd.DataFrame | None = None,
        low: pd.DataFrame | None = None,
        volume: pd.DataFrame | None = None,
        dividend: pd.DataFrame | None = None,
        instruments: pd.DataFrame | None = None,
        facts: pd.DataFrame | None = None,
        splits: pd.DataFrame | None = None,
        series: pd.DataFrame | None = None,
        borrow: pd.DataFrame | None = None,
        source: str = "",
        **settings: Any,
    ) -> Market:
        """Build a market from frames of shape (sessions, symbols), indexed by session.

        Parameters
        ----------
        name : str
            Short name of the market.
        close : DataFrame
            Closes; its index gives the sessions and its columns the symbols.
        open, high, low, volume, dividend : DataFrame, optional
            Same labels as `close`. Without `open` the market has closes only: open, high and low repeat
            the close and volume is NaN.
        instruments, facts, splits, series, borrow : DataFrame, optional
            Tables as described on `Market`; missing columns are filled with blanks. Symbols without a row in
            `instruments` are stocks of no group.
        source : str
            Where the numbers come from.
        **settings
            Further attributes of `Market`: calendar, currency, adjustment, limits, findings.

        Returns
        -------
        Market
        """
        symbols = tuple(str(symbol) for symbol in close.columns)
        sessions: Dates = close.index.to_numpy().astype("datetime64[D]")

        def matrix(frame: pd.DataFrame | None, default: Array) -> Array:
            if frame is None:
                return default
            aligned = frame.reindex(index=close.index, columns=close.columns)
            return np.ascontiguousarray(aligned.to_numpy(dtype=np.float64, copy=True))

        closes = np.ascontiguousarray(close.to_numpy(dtype=np.float64, copy=True))
        return cls(
            name=name,
            source=source,
            sessions=sessions,
            next_session=next_exchange_session(sessions[-1], settings.get("calendar", NEW_YORK)),
            symbols=symbols,
            open=matrix(open, closes),
            high=matrix(high, closes),
            low=matrix(low, closes),
            close=closes,
            volume=matrix(volume, np.full(closes.shape, np.nan)),
            dividend=np.nan_to_num(matrix(dividend, np.zeros(closes.shape))),
            **standard_tables(symbols, instruments, facts, splits, series),
            borrow=borrow_table(borrow),
            closes_only=open is None,
            **settings,
        )

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickle as the way to open it again, where whoever opened it has left one in ``pickled_as``."""
        # No field, so that a changed copy (dataclasses.replace) is not taken for the original.
        reopened: tuple[Any, ...] | None = self.__dict__.get("pickled_as")
        return super().__reduce_ex__(protocol) if reopened is None else reopened

    @property
    def sessions_a_year(self) -> float:
        """Sessions by which a year is counted on this market's calendar."""
        return sessions_a_year(self.calendar)

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Position of each symbol among the columns."""
        return {symbol: position for position, symbol in enumerate(self.symbols)}

    @cached_property
    def names(self) -> npt.NDArray[np.object_]:
        """The symbols as an array of Python's own words, to take from by column."""
        names = np.array(self.symbols, dtype=object)
        names.setflags(write=False)
        return names

    @cached_property
    def labels(self) -> pd.Index[Any]:
        """The symbols as an index; of Python objects, which is three times as fast to take from."""
        return pd.Index(self.symbols, dtype=object)

    @cached_property
    def traded(self) -> npt.NDArray[np.bool_]:
        """Whether each symbol has a close on each session, shape (sessions, symbols)."""
        return np.isfinite(self.close)

    @cached_property
    def mark(self) -> Array:
        """Last known close at each session, shape (sessions, symbols); NaN before the first."""
        latest = np.where(self.traded, np.arange(len(self.sessions))[:, None], 0)
        np.maximum.accumulate(latest, axis=0, out=latest)
        marks: Array = np.take_along_axis(self.close, latest, axis=0)
        marks.setflags(write=False)
        return marks

    @cached_property
    def fill_price(self) -> Array:
        """Price at which orders fill, shape (sessions, symbols): open, else close; NaN without a bar."""
        if self.closes_only:
            return self.close
        prices = np.where(np.isfinite(self.open) | ~self.traded, self.open, self.close)
        prices[~self.traded] = np.nan
        prices.setflags(write=False)
        return prices

    @cached_property
    def traded_factor(self) -> Array:
        """What a price is multiplied by to stand on the basis of a session, shape (sessions, symbols).

        As known at that session's close: the ratios of all later splits, listed ones and those that the
        prices up to then show (see `basis`). Volumes and share counts are divided by it. A total-return
        price stays short of what was paid by the dividends since.
        """
        factor = traded_factor(self.sessions, self.symbols, self.splits, self.basis)
        factor.setflags(write=False)
        return factor

    @cached_property
    def gone(self) -> npt.NDArray[np.bool_]:
        """Whether each symbol counts as delisted when a session opens, shape (sessions, symbols).

        It traded before and had no bar on the last `DELISTED_AFTER` sessions, while others had. If it trades
        again later that is another holding: another company under the same symbol, or the end of a long halt.
        """
        count = np.cumsum(self.traded, axis=0, dtype=np.int32)
        gone = np.zeros(self.traded.shape, dtype=bool)
        before, long_before = count[DELISTED_AFTER:-1], count[: -DELISTED_AFTER - 1]
        gone[DELISTED_AFTER + 1 :] = (before == long_before) & (before > 0)
        gone.setflags(write=False)
        return gone

    @cached_property
    def last_bar(self) -> npt.NDArray[np.int64]:
        """Index of each symbol's last session with a close, shape (symbols,); -1 if it never traded."""
        count = len(self.sessions)
        last = count - 1 - np.argmax(self.traded[::-1], axis=0)
        return np.where(self.traded.any(axis=0), last, -1).astype(np.int64)

    @cached_property
    def kinds(self) -> npt.NDArray[np.str_]:
        """Kind of each symbol (stock, etf, index), in column order."""
        first = self.instruments.drop_duplicates("symbol").set_index("symbol")["kind"]
        return first.reindex(list(self.symbols)).to_numpy(dtype=str)

    @cached_property
    def indices(self) -> frozenset[str]:
        """The symbols that are indices, which can't be bought."""
        return frozenset(self.labels[self.kinds == "index"])

    @property
    def companies(self) -> npt.NDArray[np.object_]:
        """Company of each symbol on the last session, in column order; see `companies_on`."""
        return self.companies_on(-1)

    def companies_on(self, index: int) -> npt.NDArray[np.object_]:
        """Company of each symbol on session `index`, in column order: what `instruments` says, else itself.

        Dated as memberships are; a symbol none of whose rows holds stays with the company it was last said
        to be of.
        """
        return self._membership_rows.companies(self.sessions[index])

    @cached_property
    def concepts(self) -> frozenset[str]:
        """What figures are filed of, such as ``"revenue"``."""
        return frozenset(self.facts["concept"].unique())

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups that some instrument belongs to at some time, sorted."""
        return tuple(sorted({group for group in self.instruments["group"] if group}))

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        """The sectors that some instrument belongs to at some time, sorted."""
        return tuple(sorted({str(sector) for sector in self.instruments["sector"] if sector}))

    def membership(self, group: str | None, index: int) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to `group` on session `index`, shape (symbols,).

        Membership is dated: it holds from the `from` date to the `to` date of a row in `instruments`, both
        inclusive. With ``group=None`` a symbol belongs if any of its rows holds.
        """
        return self._membership_rows.on(self.sessions[index], group)

    def memberships(self, group: str, sessions: Dates | None = None) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to `group` on each of `sessions`, shape (sessions, symbols).

        All of the market's sessions if none are given.
        """
        return self._membership_rows.through(self.sessions if sessions is None else sessions, group)

    def in_industries(self, industries: Iterable[str], index: int) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to any of `industries` on session `index`, shape (symbols,)."""
        return self._membership_rows.among(self.sessions[index], industries, "industry")

    def sectors_on(self, index: int) -> tuple[str, ...]:
        """The sectors that symbols belong to on session `index` that have traded by then, sorted."""
        began = np.isfinite(self.mark[index])
        return self._membership_rows.names(self.sessions[index], began, "sector")

    def first_groups(
        self, sessions: Dates, by: Grouping = "group"
    ) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
        """The one group that each symbol counts in on each session; see `Memberships.first`."""
        return self._membership_rows.first(sessions, by)

    @cached_property
    def _membership_rows(self) -> Memberships:
        return Memberships(self.instruments, self.column)

    def index_of(self, date: str | np.datetime64 | pd.Timestamp) -> int:
        """Index of the last session on or before `date`; -1 if there is none."""
        day = np.datetime64(pd.Timestamp(date).date(), "D")
        return int(np.searchsorted(self.sessions, day, side="right")) - 1

    def columns_of(self, symbols: Iterable[str]) -> npt.NDArray[np.intp]:
        """Positions of `symbols` among the columns.

        Raises
        ------
        MarketError
            For a symbol that the market does not have, naming the nearest.
        """
        names = list(symbols)
        try:
            return np.fromiter(map(self.column.__getitem__, names), dtype=np.intp, count=len(names))
        except KeyError:
            wrong = next(symbol for symbol in names if symbol not in self.column)
        raise MarketError(unknown_name("symbol", wrong, self.symbols, f"market {self.name!r}"))

    def content_hash(self) -> str:
        """SHA-256 of what this market holds now."""
        digest = hashlib.sha256()
        settings = (self.adjustment, self.closes_only, self.stale_after, str(self.next_session))
        digest.update(repr((self.symbols, *settings)).encode())
        if (self.calendar, self.currency) != (NEW_YORK, "USD"):  # else markets keep the hash they had
            digest.update(repr((self.calendar, self.currency)).encode())
        digest.update(self.sessions.astype("int64").tobytes())
        for array in (self.open, self.high, self.low, self.close, self.volume, self.dividend):
            digest.update(np.ascontiguousarray(array).data)
        borrow = (self.borrow,) if len(self.borrow) else ()
        for table in (self.instruments, self.facts, self.splits, self.series, self.basis, *borrow):
            # Each row has a hash of its own; of ten million at once it would take half a gigabyte.
            for start in range(0, len(table), HASHED_ROWS):
                rows = table.iloc[start : start + HASHED_ROWS]
                digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
        return digest.hexdigest()


def listed_factor(sessions: Dates, symbols: Iterable[str], splits: pd.DataFrame) -> Array:
    """Product of the ratios of all listed splits after each session, shape (sessions, symbols)."""
    column = {symbol: position for position, symbol in enumerate(symbols)}
    factor = np.ones((len(sessions), len(column)))
    days = splits["date"].to_numpy().astype("datetime64[D]")
    for symbol, day, ratio in zip(splits["symbol"], days, splits["ratio"], strict=True):
        if symbol in column:
            factor[: np.searchsorted(sessions, day), column[symbol]] *= float(ratio)
    return factor


def traded_factor(
    sessions: Dates, symbols: tuple[str, ...], splits: pd.DataFrame, basis: pd.DataFrame
) -> Array:
    """What prices are multiplied by to stand on the basis of a session, shape (sessions, symbols)."""
    unlisted = np.ones((len(sessions), len(symbols)))
    column = {symbol: position for position, symbol in enumerate(symbols)}
    days = basis["known"].to_numpy().astype("datetime64[D]")
    for symbol, day, ratio in zip(basis["symbol"], days, basis["ratio"], strict=True):
        unlisted[np.searchsorted(sessions, day) :, column[symbol]] = ratio
    return listed_factor(sessions, symbols, splits) * unlisted


def standard_tables(
    symbols: tuple[str, ...],
    instruments: pd.DataFrame | None = None,
    facts: pd.DataFrame | None = None,
    splits: pd.DataFrame | None = None,
    series: pd.DataFrame | None = None,
    basis: pd.DataFrame | None = None,
) -> Tables:
    """The four tables of a market in the form that `Market` keeps them: columns, types and order.

    Parameters
    ----------
    symbols : tuple of str
        The market's symbols.
    instruments, facts, splits, series, basis : DataFrame, optional
        Missing columns are filled with blanks, and a figure is known from its filing on; symbols without a
        row in `instruments` are stocks of no group.

    Returns
    -------
    Tables

    Raises
    ------
    MarketError
        If `instruments` names a symbol that is not among `symbols`.
    """
    return {
        "instruments": _instrument_table(instruments, symbols),
        "facts": _fact_table(facts),
        "splits": _table(splits, ("symbol", "date", "ratio"), dates=("date",)),
        "series": _table(series, SERIES_COLUMNS, dates=("date", "available")),
        "basis": _table(basis, BASIS_COLUMNS, dates=("since", "known")),
    }


def borrow_table(frame: pd.DataFrame | None) -> pd.DataFrame:
    """What is said of borrowing in the form that `Market` keeps it: in order of date."""
    source = pd.DataFrame(columns=list(BORROW_COLUMNS)) if frame is None else frame
    table = pd.DataFrame(index=source.index)
    table["symbol"] = source["symbol"].astype(str)
    table["date"] = pd.to_datetime(source["date"]).astype("datetime64[s]")
    table["rate"] = source["rate"].astype(np.float64) if "rate" in source else np.nan
    table["available"] = source["available"].astype(np.float64) if "available" in source else np.nan
    return table.sort_values(["date", "symbol"], kind="stable", ignore_index=True)


def _fact_table(frame: pd.DataFrame | None) -> pd.DataFrame:
    table = _table(frame, FACT_COLUMNS, dates=("filed", "period_end", "known", "withdrawn"))
    if frame is None or "known" not in frame:
        table["known"] = table["filed"]
    number = numbered(table[["filed", "symbol", "concept", "fiscal_year", "fiscal_period"]])
    return table.iloc[np.argsort(number, kind="stable")].reset_index(drop=True)


def numbered(keys: pd.DataFrame) -> npt.NDArray[np.int64]:
    """A number for each row: equal for equal rows, and in their order by the first column, then the next.

    Ten million rows are sorted, grouped and compared by it in a third of the time and memory that words take.
    """
    number = np.zeros(len(keys), dtype=np.int64)
    most = 1
    for name in keys:
        codes, values = pd.factorize(keys[name], sort=True)
        codes[codes < 0] = len(values)  # what is missing comes last
        if most * (len(values) + 1) >= 1 << 62:
            number, held = pd.factorize(number, sort=True)
            most = len(held)
        number, most = number * (len(values) + 1) + codes, most * (len(values) + 1)
    return number


def _table(frame: pd.DataFrame | None, columns: tuple[str, ...], dates: tuple[str, ...]) -> pd.DataFrame:
    """`frame` with exactly `columns`; dates as datetime64, blanks where a column is missing."""
    source = pd.DataFrame(columns=list(columns)) if frame is None else frame
    table = pd.DataFrame(index=source.index)
    for column in columns:
        if column in dates:
            values = source[column] if column in source else pd.Series(pd.NaT, index=source.index)
            table[column] = pd.to_datetime(values).astype("datetime64[s]")
        elif column in ("value", "ratio"):
            table[column] = source[column].astype(np.float64)
        elif column == "fiscal_year":
            table[column] = source[column].astype(np.int64)
        else:
            values = source[column] if column in source else pd.Series("", index=source.index)
            table[column] = (values.fillna("") if values.hasnans else values).astype(str)
    return table.reset_index(drop=True)


def _instrument_table(frame: pd.DataFrame | None, symbols: tuple[str, ...]) -> pd.DataFrame:
    table = _table(frame, INSTRUMENT_COLUMNS, dates=("from", "to"))
    known, listed = set(symbols), set(table["symbol"])
    strangers = [symbol for symbol in table["symbol"] if symbol not in known]
    if strangers:
        raise MarketError(
            f"instruments name symbols without prices: {', '.join(strangers[:5])}; "
            "add their prices or remove the rows"
        )
    missing = [symbol for symbol in symbols if symbol not in listed]
    if missing:
        extra = _table(pd.DataFrame({"symbol": missing, "kind": "stock"}), INSTRUMENT_COLUMNS, ("from", "to"))
        table = pd.concat([table, extra], ignore_index=True)
    order = {symbol: position for position, symbol in enumerate(symbols)}
    return table.sort_values("symbol", key=lambda column: column.map(order), kind="stable", ignore_index=True)
