"""The market as it was known at one moment: all that a strategy can see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds import facts as fundamentals
from datafeeds.market import Array, Dates, Market, MarketError
from datafeeds.names import unknown_name
from datafeeds.series import series_names, series_table

if TYPE_CHECKING:
    from strategies.target import Target

Priced = Literal["open", "high", "low", "close", "dividend"]
"""What is given a share, and so stands on a split basis."""

Asked = ParamSpec("Asked")
Said = TypeVar("Said")


@dataclass(frozen=True)
class LookedAt:
    """What strategies have looked at of a market, and over how many sessions at once, today included.

    Attributes
    ----------
    facts : mapping of str to int
        Sessions by fact, and by the names under which medians of facts are kept.
    prices : mapping of str to int
        Sessions by open, high, low, close, dividend and volume; closes always count.
    sessions : int
        Most of all.
    """

    facts: Mapping[str, int] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    sessions: int = 1

    def also(self, other: LookedAt) -> LookedAt:
        """All of both."""
        longest = max(self.sessions, other.sessions)
        return LookedAt(_longest(self.facts, other.facts), _longest(self.prices, other.prices), longest)

    def beyond(self, limits: LookedAt) -> str:
        """What of this lies beyond `limits`, in words; empty if nothing does."""
        more = [
            f"{sessions} sessions of {name}" if name in known else name
            for looked, known in ((self.facts, limits.facts), (self.prices, limits.prices))
            for name, sessions in sorted(looked.items())
            if sessions > known.get(name, 0)
        ]
        if not more and self.sessions > limits.sessions:
            more.append(f"{self.sessions} sessions")
        return ", ".join(more)

    def in_steps(self, step: int) -> LookedAt:
        """The same with every number of sessions raised to a multiple of `step`."""

        def raised(sessions: int) -> int:
            return step * -(-sessions // step)

        facts, prices = (
            {name: raised(sessions) for name, sessions in looked.items()}
            for looked in (self.facts, self.prices)
        )
        return LookedAt(facts, prices, raised(self.sessions))


def _longest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


class _Known:
    """What was found in a market so far: who asks next often asks the same.

    Attributes
    ----------
    looked_at : LookedAt
    said : dict
        What was said of it, by function, session and arguments.
    members : dict
        Columns that were asked for, by session, group, kinds and industries.
    companies : dict
        Company of each symbol, by session.
    named, columns : list of str, ndarray of int
        Symbols that were named last, and their columns.
    """

    __slots__ = ("columns", "companies", "looked_at", "members", "named", "said")

    def __init__(self) -> None:
        self.looked_at = LookedAt()
        self.said: dict[tuple[Any, ...], Any] = {}
        self.members: dict[tuple[Any, ...], npt.NDArray[np.intp]] = {}
        self.companies: dict[int, npt.NDArray[np.object_]] = {}
        self.named: list[str] = []
        self.columns = np.empty(0, dtype=np.intp)


class _Moment(NamedTuple):
    market: Market
    at: int
    weights: Array
    previous: Target | None
    tables: Mapping[str, pd.DataFrame]
    earlier: Dates
    known: _Known


@dataclass(frozen=True)
class _Decisions:
    market: Market
    at: npt.NDArray[np.intp]


MOST_REMEMBERED = 50_000
"""Answers that are kept for a market; beyond that it begins anew."""

_NO_SESSIONS: Dates = np.empty(0, dtype="datetime64[D]")

_KNOWN: WeakKeyDictionary[Market, _Known] = WeakKeyDictionary()

# The market stands outside the objects that strategies hold, so no attribute of theirs leads to it.
_MOMENTS: WeakKeyDictionary[AsOf, _Moment] = WeakKeyDictionary()
_ASKED_FOR_WEIGHTS: WeakSet[AsOf] = WeakSet()
_DECISIONS: WeakKeyDictionary[Panel, _Decisions] = WeakKeyDictionary()


class AsOf:
    """A market at the close of one session, with what was public then and nothing later.

    Everything returned is a fresh copy that ends at `today`; changing it changes nothing else.

    Parameters
    ----------
    market : Market
    index : int
        Position of the decision session among the market's sessions.
    weights : ndarray, shape (symbols,), optional
        The portfolio's weights at this close; zero if not given.
    previous : Target, optional
        What the strategy last asked for.
    tables : mapping of str to DataFrame, optional
        The strategy's own tables, whole: a column `available` says when each row became public.
    earlier : ndarray of datetime64[D], optional
        Sessions before the first that `market` holds, where it holds only the last ones.

    Examples
    --------
    >>> see.latest("price_to_sales", group="ai_hardware")  # doctest: +SKIP
    AMD    3.21
    Name: price_to_sales, dtype: float64
    """

    __slots__ = ("__weakref__",)

    def __init__(
        self,
        market: Market,
        index: int,
        weights: Array | None = None,
        previous: Target | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
        earlier: Dates = _NO_SESSIONS,
    ) -> None:
        held = np.zeros(len(market.symbols)) if weights is None else np.asarray(weights, dtype=np.float64)
        known = _known(market)
        _MOMENTS[self] = _Moment(market, index, held, previous, tables or {}, earlier, known)

    def __repr__(self) -> str:
        return f"AsOf({self.today:%Y-%m-%d})"

    @property
    def today(self) -> pd.Timestamp:
        """The decision session; its close is known."""
        moment = _MOMENTS[self]
        return pd.Timestamp(moment.market.sessions[moment.at])

    @property
    def sessions_seen(self) -> int:
        """How many sessions the market has had, today included."""
        moment = _MOMENTS[self]
        return len(moment.earlier) + moment.at + 1

    @property
    def sessions_a_year(self) -> float:
        """Sessions by which a year is counted: 252, or 365 on a market that trades every day."""
        return _MOMENTS[self].market.sessions_a_year

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that the market's instruments belong to at some time."""
        return _MOMENTS[self].market.groups

    @property
    def sectors(self) -> tuple[str, ...]:
        """Names of the sectors that symbols which have traded by now belong to today."""
        moment = _MOMENTS[self]
        return moment.market.sectors_on(moment.at)

    @property
    def previous(self) -> Target | None:
        """The last target that the strategy returned, or None at the first decision."""
        return _MOMENTS[self].previous

    @property
    def arrays(self) -> Arrays:
        """The same numbers without labels, for strategies that decide often."""
        return Arrays(self)

    @property
    def weights(self) -> pd.Series[float]:
        """Share of equity in each held symbol at today's close, after drift; the rest is cash."""
        _ASKED_FOR_WEIGHTS.add(self)
        moment = _MOMENTS[self]
        held = np.flatnonzero(moment.weights)
        return pd.Series(moment.weights[held], index=_labels(moment, held), name="weight", dtype=float)

    def members(
        self,
        group: str | None = None,
        *,
        kind: str | tuple[str, ...] = ("stock", "etf"),
        industries: Iterable[str] | None = None,
    ) -> list[str]:
        """Symbols that traded today and belong to `group` today.

        Parameters
        ----------
        group : str, optional
            Name of a group; all groups (and none) if not given.
        kind : str or tuple of str
            Kinds of instrument to include. Indices can't be bought and are left out unless asked for.
        industries : iterable of str, optional
            Only symbols that belong to these industries today, by their names in the market; none if it has
            none.

        Raises
        ------
        MarketError
            If no instrument ever belongs to `group`.
        """
        moment = _MOMENTS[self]
        wanted = None if industries is None else tuple(industries)
        columns = _members(moment.market, moment.known, moment.at, group, kind, wanted)
        found: list[str] = moment.market.names.take(columns).tolist()
        return found

    def companies(self, symbols: Iterable[str]) -> pd.Series[str]:
        """Company of each of these symbols today: the same for two classes of its shares.

        The symbol itself where no company has been named by today.
        """
        moment = _MOMENTS[self]
        columns = _named(moment, symbols)
        companies = _companies(moment).take(columns).astype(str)
        return pd.Series(companies, index=_labels(moment, columns), name="company")

    def sector_of(self, symbols: Iterable[str]) -> pd.Series[str]:
        """Sector that each of these symbols counts in today; empty for one that is in none."""
        moment = _MOMENTS[self]
        columns = _named(moment, symbols)
        today = moment.market.sessions[[moment.at]]
        names, places = moment.market.first_groups(today, "sector")
        found = np.array([*names[:-1], ""], dtype=str)[places[0, columns]]
        return pd.Series(found, index=_labels(moment, columns), name="sector")

    def has(self, fact: str) -> bool:
        """Whether `fact` is known today, for any symbol that has traded."""
        moment = _MOMENTS[self]
        if fact not in fundamentals.names(moment.market):
            return False
        known = np.isfinite(_fact(moment.market, fact)[moment.at])
        return bool((known & np.isfinite(moment.market.mark[moment.at])).any())

    def latest(
        self, fact: str, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.Series[float]:
        """Newest value of a filed or derived fact that was public at today's close.

        Parameters
        ----------
        fact : str
            A filed concept (``"revenue"``) or a derived fact (``"price_to_sales"``).
        group : str, optional
            Only members of this group.
        symbols : iterable of str, optional
            Only these symbols.

        Returns
        -------
        Series
            Indexed by symbol, NaN where nothing was known.
        """
        moment = _MOMENTS[self]
        columns = _columns(moment, group, symbols)
        return pd.Series(_latest(moment, fact, columns), index=_labels(moment, columns), name=fact)

    def history(
        self, fact: str, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """A fact over the trailing `sessions`, each row as it was known at that session's close.

        Share counts (`"shares"`) stand on today's split basis, as `closes` do.

        Returns
        -------
        DataFrame
            Rows are sessions ending today (fewer at the start of the data), columns are symbols.
        """
        moment = _MOMENTS[self]
        columns = _columns(moment, group, symbols)
        return _framed(moment, _history(moment, fact, sessions, columns), columns)

    def group_median(self, fact: str, sessions: int, group: str) -> pd.Series[float]:
        """Median of a fact over a group's members, for the trailing `sessions`.

        Each day's members and figures are those of that day, so a name counts neither before it joined nor
        after it left.

        Returns
        -------
        Series
            Sessions ending today; NaN where no member's figure was known.
        """
        moment = _MOMENTS[self]
        _require_group(moment.market, group)
        rows = _trailing(moment, sessions)
        return pd.Series(
            _group_median(moment.market, fact, group, sessions)[rows].copy(),
            index=pd.DatetimeIndex(moment.market.sessions[rows].copy(), name="session"),
            name=fact,
        )

    def closes(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Closes of the trailing `sessions`, NaN where a symbol did not trade.

        They stand on today's split basis: today's are the prices that were paid, earlier ones are adjusted
        for the splits up to today, and for none that came later.
        """
        return _bars(_MOMENTS[self], "close", sessions, group, symbols)

    def opens(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Opens of the trailing `sessions`, on the basis of `closes`; closes on a market of closes only."""
        return _bars(_MOMENTS[self], "open", sessions, group, symbols)

    def highs(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Highs of the trailing `sessions`, as `opens`."""
        return _bars(_MOMENTS[self], "high", sessions, group, symbols)

    def lows(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Lows of the trailing `sessions`, as `opens`."""
        return _bars(_MOMENTS[self], "low", sessions, group, symbols)

    def dividends(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Cash dividends a share on their ex-dates in the trailing `sessions`, on the basis of `closes`.

        All zero on a market whose closes are adjusted for dividends.
        """
        return _bars(_MOMENTS[self], "dividend", sessions, group, symbols)

    def traded_closes(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Closes of the trailing `sessions` as they were paid on each day, adjusted for no split."""
        moment = _MOMENTS[self]
        columns = _columns(moment, group, symbols)
        closes = _price_window(moment, "close", sessions, columns)
        paid = closes * _window(moment, moment.market.traded_factor, sessions, columns)
        return _framed(moment, paid, columns)

    def volumes(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Shares traded in the trailing `sessions`, on today's split basis; NaN where unknown."""
        moment = _MOMENTS[self]
        columns = _columns(moment, group, symbols)
        traded = _price_window(moment, "volume", sessions, columns)
        return _framed(moment, traded / moment.market.traded_factor[moment.at, columns], columns)

    def returns(
        self, sessions: int, *, group: str | None = None, symbols: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Daily total returns (close to close, dividends included) of the trailing `sessions`.

        A session without a bar has return 0 at the last known close; NaN before the first bar.
        """
        moment = _MOMENTS[self]
        columns = _columns(moment, group, symbols)
        return _framed(moment, _returns(moment, sessions, columns), columns)

    def series(self, name: str, values: int = 1) -> pd.Series[float]:
        """The last `values` numbers of a daily series that were available by today.

        Returns
        -------
        Series
            Indexed by the date that each number describes.

        Raises
        ------
        MarketError
            If the market has no series of that name.
        """
        moment = _MOMENTS[self]
        table = series_table(moment.market, name)
        known = table.count(moment.market.sessions[moment.at])
        start = max(0, known - values)
        return pd.Series(
            table.values[start:known].copy(),
            index=pd.DatetimeIndex(table.dates[start:known].copy()),
            name=name,
        )

    def has_series(self, name: str) -> bool:
        """Whether the market has a daily series of that name, with a value that is public today."""
        moment = _MOMENTS[self]
        if name not in series_names(moment.market):
            return False
        return series_table(moment.market, name).count(moment.market.sessions[moment.at]) > 0

    def table(self, name: str) -> pd.DataFrame:
        """The rows that were public by today of a table that the strategy declares in `Strategy.tables`.

        Returns
        -------
        DataFrame
            In order of `available`, the day on which each row became public.

        Raises
        ------
        MarketError
            If the strategy declares no table of that name.
        """
        tables = _MOMENTS[self].tables
        if name not in tables:
            raise MarketError(unknown_name("table", name, tables, "the strategy's tables"))
        rows = tables[name]
        return rows[rows["available"] <= self.today].reset_index(drop=True)

    def since(self, date: str | pd.Timestamp) -> int:
        """Number of sessions from `date` through today, for use as a length elsewhere.

        Examples
        --------
        >>> see.closes(see.since("2020-02-19"))  # doctest: +SKIP
        """
        moment = _MOMENTS[self]
        day = np.datetime64(pd.Timestamp(date).date(), "D")
        passed = np.concatenate([moment.earlier, moment.market.sessions[: moment.at + 1]])
        return len(passed) - int(np.searchsorted(passed, day, side="left"))


class Arrays:
    """What `AsOf` says as plain arrays: the same numbers, by the same words, without labels.

    A labelled frame takes ten times as long to make as the numbers in it. Everything is a fresh copy that
    ends at today; columns are in the order of the symbols that were asked for.

    Parameters
    ----------
    see : AsOf

    Examples
    --------
    >>> see.arrays.returns(21, symbols=["AMD", "MU"]).shape  # doctest: +SKIP
    (21, 2)
    """

    __slots__ = ("_see",)

    def __init__(self, see: AsOf) -> None:
        self._see = see

    def sessions(self, sessions: int) -> Dates:
        """The trailing `sessions`, today last."""
        moment = _MOMENTS[self._see]
        return moment.market.sessions[_trailing(moment, sessions)].copy()

    def latest(self, fact: str, symbols: Iterable[str]) -> Array:
        """As `AsOf.latest`, shape (symbols,)."""
        moment = _MOMENTS[self._see]
        return _latest(moment, fact, _named(moment, symbols))

    def companies(self, symbols: Iterable[str]) -> list[str]:
        """As `AsOf.companies`, in the order of `symbols`."""
        moment = _MOMENTS[self._see]
        named: list[str] = _companies(moment).take(_named(moment, symbols)).tolist()
        return named

    def history(self, fact: str, sessions: int, symbols: Iterable[str]) -> Array:
        """As `AsOf.history`, shape (sessions, symbols)."""
        moment = _MOMENTS[self._see]
        return _history(moment, fact, sessions, _named(moment, symbols))

    def closes(self, sessions: int, symbols: Iterable[str]) -> Array:
        """As `AsOf.closes`, shape (sessions, symbols)."""
        moment = _MOMENTS[self._see]
        return _prices(moment, "close", sessions, _named(moment, symbols))

    def close(self, symbols: Iterable[str], back: int = 0) -> Array:
        """Closes of one session, `back` sessions ago, on today's split basis, shape (symbols,).

        NaN where a symbol did not trade, and before the first session. As a row of `Panel.closes`.
        """
        moment = _MOMENTS[self._see]
        columns = _named(moment, symbols)
        _require_past(back)
        _look_back(moment.known, "close", back + 1)
        if back > moment.at:
            return np.full(len(columns), np.nan)
        market = moment.market
        closes: Array = market.close[moment.at - back].take(columns)
        closes *= market.traded_factor[moment.at].take(columns)
        return closes

    def returns(self, sessions: int, symbols: Iterable[str]) -> Array:
        """As `AsOf.returns`, shape (sessions, symbols); fewer at the start of the data."""
        moment = _MOMENTS[self._see]
        return _returns(moment, sessions, _named(moment, symbols))


class Panel:
    """A market at the closes of many decisions: a row a decision, a column a symbol.

    Each row holds what `AsOf` shows at that close, to the last bit, and nothing later. See
    `Strategy.decide_all`.

    Parameters
    ----------
    market : Market
    at : ndarray of int, shape (decisions,)
        Positions of the decision sessions among the market's sessions, increasing.

    Examples
    --------
    >>> rose = panel.closes() / panel.closes(back=126)  # doctest: +SKIP
    """

    __slots__ = ("__weakref__",)

    def __init__(self, market: Market, at: npt.NDArray[np.intp]) -> None:
        _DECISIONS[self] = _Decisions(market, at)

    def __len__(self) -> int:
        return len(_DECISIONS[self].at)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The columns."""
        return _DECISIONS[self].market.symbols

    @property
    def sessions(self) -> Dates:
        """The decision sessions, shape (decisions,)."""
        seen = _DECISIONS[self]
        return seen.market.sessions[seen.at]

    def closes(self, back: int = 0) -> Array:
        """Closes `back` sessions before each decision, on the split basis of its day.

        Returns
        -------
        ndarray, shape (decisions, symbols)
            NaN where a symbol did not trade, and before the first session.
        """
        seen = _DECISIONS[self]
        return _before(seen, seen.market.close, back) * seen.market.traded_factor[seen.at]

    def fact(self, name: str, back: int = 0) -> Array:
        """A filed or derived fact as it was known `back` sessions before each decision.

        Returns
        -------
        ndarray, shape (decisions, symbols)
            NaN where nothing was known. Share counts stand on the split basis of the decision's day.
        """
        seen = _DECISIONS[self]
        known = _before(seen, _fact(seen.market, name, back + 1), back)
        if name == "shares":
            factor = seen.market.traded_factor
            known *= _before(seen, factor, back) / factor[seen.at]
        return known

    def members(
        self, group: str | None = None, *, kind: str | tuple[str, ...] = ("stock", "etf")
    ) -> npt.NDArray[np.bool_]:
        """Whether each symbol is among `AsOf.members` at each decision, shape (decisions, symbols)."""
        market, at = _DECISIONS[self].market, _DECISIONS[self].at
        known = _known(market)
        inside = np.zeros((len(at), len(market.symbols)), dtype=np.bool_)
        for row, session in zip(inside, at.tolist(), strict=True):
            row[_members(market, known, session, group, kind)] = True
        return inside


def once_a_session(
    function: Callable[Concatenate[AsOf, Asked], Said],
) -> Callable[Concatenate[AsOf, Asked], Said]:
    """Remember what a function of the market says, since many configurations ask the same on the same day.

    It is called with a view that knows neither account nor last target nor the strategy's own tables, so its
    answer is the same whoever asks. Arguments must hash, and are given by position; answers are shared, so
    they must be of a kind that can't be changed: numbers, words, tuples, targets.

    Examples
    --------
    >>> @once_a_session
    ... def dearest(see: AsOf, group: str) -> str:
    ...     return str(see.latest("price_to_sales", group=group).idxmax())
    """

    @wraps(function)
    def asked(see: AsOf, /, *arguments: Asked.args, **named: Asked.kwargs) -> Said:
        moment = _MOMENTS[see]
        known = moment.known.said
        key = (function, moment.at, arguments, *named.items())
        if key not in known:
            if len(known) >= MOST_REMEMBERED:
                known.clear()
            see = AsOf(moment.market, moment.at, earlier=moment.earlier)
            known[key] = function(see, *arguments, **named)
        said: Said = known[key]
        return said

    return asked


def sector_names(see: AsOf) -> tuple[str, ...]:
    """Names of all sectors that the market knows at some time: for checks of parameters, as `AsOf.groups`."""
    return _MOMENTS[see].market.sectors


def read_account(see: AsOf) -> bool:
    """Whether anyone has looked at ``see.weights``: a decision that has not is the same for any account."""
    return see in _ASKED_FOR_WEIGHTS


def _columns(
    moment: _Moment,
    group: str | None,
    symbols: Iterable[str] | None,
    kind: str | tuple[str, ...] = ("stock", "etf"),
) -> npt.NDArray[np.intp]:
    """Columns of the named symbols, or of today's members of `group`."""
    if symbols is not None:
        return _named(moment, symbols)
    return _members(moment.market, moment.known, moment.at, group, kind)


def _known(market: Market) -> _Known:
    found = _KNOWN.get(market)
    if found is None:
        found = _KNOWN[market] = _Known()
    return found


def _named(moment: _Moment, symbols: Iterable[str]) -> npt.NDArray[np.intp]:
    """Columns of the named symbols; nobody may write to them."""
    names, known = list(symbols), moment.known
    if names != known.named:
        columns = moment.market.columns_of(names)
        columns.setflags(write=False)
        known.named, known.columns = names, columns
    return known.columns


def _companies(moment: _Moment) -> npt.NDArray[np.object_]:
    """Company of each symbol today, in column order; nobody may write to it."""
    found = moment.known.companies
    if moment.at not in found:
        found[moment.at] = moment.market.companies_on(moment.at)
    return found[moment.at]


def _members(
    market: Market,
    known: _Known,
    index: int,
    group: str | None,
    kind: str | tuple[str, ...],
    industries: tuple[str, ...] | None = None,
) -> npt.NDArray[np.intp]:
    """Columns of these kinds that traded on a session and belonged to all this then; looked up once."""
    found = known.members
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    key = (index, group, kinds, industries)
    if key not in found:
        if group is not None:
            _require_group(market, group)
        if len(found) >= MOST_REMEMBERED:
            found.clear()
        # A comparison each is five times as fast as np.isin, which sorts the words.
        chosen = np.logical_or.reduce([market.kinds == each for each in kinds]) & market.traded[index]
        chosen &= market.membership(group, index)
        if industries is not None:
            chosen &= market.in_industries(industries, index)
        found[key] = np.flatnonzero(chosen)
    return found[key]


def _labels(moment: _Moment, columns: npt.NDArray[np.intp]) -> pd.Index[Any]:
    return moment.market.labels[columns]


def _trailing(moment: _Moment, sessions: int) -> slice:
    if sessions < 1:
        raise MarketError(f"asked for {sessions} sessions; a look back needs at least 1")
    if sessions > moment.known.looked_at.sessions:
        _note(moment.known, LookedAt(sessions=sessions))
    return slice(max(0, moment.at + 1 - sessions), moment.at + 1)


def _require_group(market: Market, group: str) -> None:
    if group not in market.groups:
        raise MarketError(unknown_name("group", group, market.groups, f"market {market.name!r}"))


def _window(moment: _Moment, values: Array, sessions: int, columns: npt.NDArray[np.intp]) -> Array:
    # Picking columns copies, so nothing leads back to the market.
    copied: Array = values[_trailing(moment, sessions), columns]
    return copied


def _require_past(back: int) -> None:
    if back < 0:
        raise MarketError(f"asked for back = {back}: that lies after the decision; it must be at least 0")


def _before(seen: _Decisions, values: Array, back: int) -> Array:
    """A copy of the rows `back` sessions before each decision."""
    _require_past(back)
    rows: Array = values[np.maximum(seen.at - back, 0)]
    rows[seen.at < back] = np.nan
    return rows


def _latest(moment: _Moment, fact: str, columns: npt.NDArray[np.intp]) -> Array:
    values: Array = _fact(moment.market, fact)[moment.at, columns]
    return values


def _history(moment: _Moment, fact: str, sessions: int, columns: npt.NDArray[np.intp]) -> Array:
    known = _window(moment, _fact(moment.market, fact, sessions), sessions, columns)
    if fact == "shares":
        factor = moment.market.traded_factor
        known *= _window(moment, factor, sessions, columns) / factor[moment.at, columns]
    return known


def _prices(moment: _Moment, name: Priced, sessions: int, columns: npt.NDArray[np.intp]) -> Array:
    """Prices of the trailing sessions on today's split basis."""
    prices = _price_window(moment, name, sessions, columns)
    prices *= moment.market.traded_factor[moment.at, columns]
    return prices


def _returns(moment: _Moment, sessions: int, columns: npt.NDArray[np.intp]) -> Array:
    prices = _window(moment, moment.market.mark, sessions + 1, columns)
    paid = _price_window(moment, "dividend", sessions + 1, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        earned: Array = (prices[1:] + paid[1:]) / prices[:-1] - 1.0
    return earned


def _price_window(
    moment: _Moment, name: Priced | Literal["volume"], sessions: int, columns: npt.NDArray[np.intp]
) -> Array:
    _look_back(moment.known, name, sessions)
    return _window(moment, getattr(moment.market, name), sessions, columns)


def _framed(moment: _Moment, values: Array, columns: npt.NDArray[np.intp]) -> pd.DataFrame:
    """The values of the trailing sessions, with their labels."""
    rows = slice(moment.at + 1 - len(values), moment.at + 1)
    return pd.DataFrame(
        values,
        index=pd.DatetimeIndex(moment.market.sessions[rows].copy(), name="session"),
        columns=_labels(moment, columns),
    )


def _bars(
    moment: _Moment, name: Priced, sessions: int, group: str | None, symbols: Iterable[str] | None
) -> pd.DataFrame:
    columns = _columns(moment, group, symbols)
    return _framed(moment, _prices(moment, name, sessions, columns), columns)


def looked_at(market: Market) -> LookedAt:
    """What strategies have looked at of `market` so far."""
    return _known(market).looked_at


def _note(known: _Known, more: LookedAt) -> None:
    known.looked_at = known.looked_at.also(more)


def _look_back(known: _Known, price: str, sessions: int) -> None:
    """Note over how many sessions a price is looked at."""
    if sessions > known.looked_at.prices.get(price, 0):
        _note(known, LookedAt(prices={price: sessions}, sessions=sessions))


def _fact(market: Market, name: str, sessions: int = 1) -> Array:
    _ask(market, name, name, sessions)
    return fundamentals.fact(market, name)


def _group_median(market: Market, name: str, group: str, sessions: int) -> Array:
    _ask(market, name, fundamentals.median_name(name, group), sessions)
    return fundamentals.group_median(market, name, group)


def _ask(market: Market, name: str, kept_as: str, sessions: int) -> None:
    """See that a fact exists, and note over how many sessions what the market keeps of it is looked at."""
    known = _known(market)
    if sessions <= known.looked_at.facts.get(kept_as, 0):
        return
    names = fundamentals.names(market)
    if name not in names:
        raise MarketError(unknown_name("fact", name, names, f"market {market.name!r}"))
    _note(known, LookedAt(facts={kept_as: sessions}))
