"""Options beside the portfolio: what one unit of each hedge costs, is worth and pays, session by session.

An `Overlay` gives the prices; both engines keep their own books of what is held (rule 8 of
`backtests.engine.rules`). Prices follow from the market alone: closes of the underlying, VIX and SKEW as
known at that close, a rate and a dividend yield. They are computed once for each structure and kept with the
market.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from backtests.options.surface import KAPPA, YEAR, Greeks, Surface, calibrate, put_greeks, put_prices
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Array, Market
from datafeeds.names import unknown_name
from datafeeds.series import series_names, series_table
from datafeeds.validation import TomlTable
from strategies.expiries import monthly_expiries
from strategies.target import Hedge, StrategyError, Structure, Target

SLOTS = 8
"""Most different hedges (structure and budget) of one run."""

STALE_DAYS = 14
"""Calendar days after which a quote no longer counts: Cboe has no SKEW from 2000-09-20 to 2000-10-01."""

LEAST_DAYS = 90
"""Days of dividends from which on a trailing yield is known."""

MARK, ASK, RECEIVE, CLOSE, ALLOWANCE = range(5)
"""Planes of `Overlay.inputs`."""

HEDGE_COLUMNS = (
    "session",
    "structure",
    "units",
    "wanted",
    "limit",
    "premium",
    "spread",
    "payoff",
    "value",
    "decay",
    "pnl",
)
"""Columns of `Ledger.hedge`."""


class OverlayError(ValueError):
    """Options that can't be priced on this market, or too many of them; the message says what to do."""


class OverlaySettings(TomlTable):
    """The table ``[overlay]`` of a run file: what the options are written on, and at what prices.

    Attributes
    ----------
    underlying : str
        Symbol of the market whose closes the options settle on.
    half_spread : float
        Half the bid-ask spread as a share of the premium of each put.
    kappa : float
        Mean jump of the surface; see `backtests.options.surface.KAPPA`.
    rate : float or str
        Yearly rate as a fraction, or the name of a series in percent.
    dividend_yield : float or "trailing"
        Yearly yield of the underlying as a fraction, or what it paid in the 365 days before.
    vix, skew : str
        Names of the series.
    flat_volatility : bool
        Whether every strike is priced at VIX, as if there were no skew. Puts below the market are then far
        too cheap; for markets without SKEW.
    """

    underlying: Annotated[str, Field(min_length=1)] = "SPY"
    half_spread: Annotated[float, Field(ge=0, lt=1)] = 0.05
    kappa: Annotated[float, Field(gt=0, le=20)] = KAPPA
    rate: Annotated[float, Field(gt=-0.1, lt=1)] | str = "us2y"
    dividend_yield: Annotated[float, Field(ge=0, lt=1)] | Literal["trailing"] = "trailing"
    vix: str = "vix"
    skew: str = "skew"
    flat_volatility: bool = False


@dataclass(frozen=True, eq=False)
class UnitPrices:
    """One unit of a structure over the sessions of a market, each of shape (sessions,).

    The unit held on a session is the one bought at the latest roll on or before it.

    Attributes
    ----------
    mark : ndarray
        Middle price at the close, after the roll if there is one.
    ask : ndarray
        What buying costs; NaN where the structure is not rolled.
    receive : ndarray
        What the unit bought at the roll before brings in: its payoff if it expires, else its bid, never less
        than nothing; NaN where the structure is not rolled.
    expired : ndarray of bool
        Where `receive` is a payoff.
    forgone : ndarray
        By how much `receive` is below the middle price, half the bid-ask spread: 0 where the unit expires,
        NaN where the structure is not rolled.
    decay : ndarray
        Change of the middle price since the session before from the passing of time alone.
    close : ndarray
        Of the underlying.
    days : ndarray
        Calendar days from a roll to the next; NaN where the structure is not rolled.
    strikes : ndarray, shape (sessions, legs)
    expiry : ndarray of datetime64[D]
    """

    mark: Array
    ask: Array
    receive: Array
    expired: npt.NDArray[np.bool_]
    forgone: Array
    decay: Array
    close: Array
    days: Array
    strikes: Array
    expiry: npt.NDArray[np.datetime64]


class OptionMarket:
    """The surface of every session of a market, and prices of structures on it.

    Parameters
    ----------
    market : Market
    settings : OverlaySettings

    Attributes
    ----------
    surface : Surface
        NaN where VIX or SKEW is not known.
    vix, skew, close, rate, dividend_yield : ndarray, shape (sessions,)
        As known at each close.

    Raises
    ------
    OverlayError
        If the market lacks the underlying or a series.
    """

    def __init__(self, market: Market, settings: OverlaySettings) -> None:
        self.settings = settings
        self.sessions, self.calendar = market.sessions, market.calendar
        column = market.column.get(settings.underlying)
        if column is None:
            raise OverlayError(
                "overlay.underlying: "
                + unknown_name("symbol", settings.underlying, market.symbols, f"market {market.name!r}")
            )
        self.close = market.mark[:, column]
        self.vix = as_known(market, settings.vix, "overlay.vix")
        if settings.flat_volatility:
            self.skew = np.full(len(self.vix), 100.0)
        else:
            self.skew = as_known(market, settings.skew, "overlay.skew")
            self._skew = series_table(market, settings.skew)
            low = np.flatnonzero(self.skew < 100)
            if len(low):
                raise OverlayError(
                    f"series {settings.skew!r} is {self.skew[low[0]]:g} as known on "
                    f"{self.sessions[low[0]]}; the surface needs at least 100: mend the series, or "
                    "set overlay.flat_volatility = true"
                )
        self.surface: Surface = calibrate(self.vix, self.skew, settings.kappa)
        if isinstance(settings.rate, str):
            self.rate = as_known(market, settings.rate, "overlay.rate") / 100.0
        else:
            self.rate = np.full(len(self.close), settings.rate)
        if settings.dividend_yield == "trailing":
            self.dividend_yield = trailing_yield(market, column)
        else:
            self.dividend_yield = np.full(len(self.close), settings.dividend_yield)
        self.first_session = _first_known(market, settings)
        self.underlying_pays = bool(np.any(market.dividend[:, column] > 0))
        self.adjusted = market.adjustment == "total_return" and market.kinds[column] != "index"
        self._priced: dict[Structure, UnitPrices] = {}

    def unit_prices(self, structure: Structure) -> UnitPrices:
        """Prices of one unit, computed once."""
        if structure not in self._priced:
            self._priced[structure] = self._price(structure)
        return self._priced[structure]

    def skew_history(self) -> pd.Series[float]:
        """SKEW by date, each value once it is public; one constant value with flat volatility."""
        if self.settings.flat_volatility:
            return pd.Series([100.0], index=pd.DatetimeIndex(self.sessions[:1]))
        return pd.Series(self._skew.values, index=pd.DatetimeIndex(self._skew.available))

    def greeks(self, structure: Structure) -> Greeks:
        """Sensitivities of the unit held on each session, each of shape (sessions,); NaN before the first.

        Per unit of the underlying's forward; see `backtests.options.surface.Greeks`.
        """
        unit = self.unit_prices(structure)
        held = np.flatnonzero(~np.isnan(unit.mark))
        quantity = np.array([leg.quantity for leg in structure.legs])
        tenor = _years(self.sessions[held], unit.expiry[held])
        forward, discount = self._carry(held, held, tenor)
        found = put_greeks(self.surface.rows(held), forward, unit.strikes[held], tenor, discount)

        def spread(values: Array) -> Array:
            whole = np.full(len(self.close), np.nan)
            whole[held] = values @ quantity
            return whole

        return Greeks(spread(found.delta), spread(found.gamma), spread(found.vega), spread(found.theta))

    def puts_on(
        self,
        days: npt.NDArray[np.intp],
        spots: npt.NDArray[np.intp],
        strikes: Array,
        expiry: npt.NDArray[np.datetime64],
        at: npt.NDArray[np.datetime64],
    ) -> Array:
        """Puts on the surface of `days` with the closes of `spots`, seen from the dates `at`."""
        tenor = _years(at, expiry)
        forward, discount = self._carry(days, spots, tenor)
        return put_prices(self.surface.rows(days), forward, strikes, tenor, discount)

    def _carry(
        self, days: npt.NDArray[np.intp], spots: npt.NDArray[np.intp], tenor: Array
    ) -> tuple[Array, Array]:
        """Forward and discount factor."""
        carry = (self.rate[days] - self.dividend_yield[days]) * tenor
        forward: Array = self.close[spots] * np.exp(carry)
        return forward, np.exp(-self.rate[days] * tenor)

    def _price(self, structure: Structure) -> UnitPrices:
        count = len(self.sessions)
        moneyness = np.array([leg.moneyness for leg in structure.legs])
        quantity = np.array([leg.quantity for leg in structure.legs])
        expiries = self._expiries
        inside = np.flatnonzero(expiries <= self.sessions[-1])
        month = expiries[inside].astype("datetime64[M]").astype(np.int64) + 1
        turn = inside[month % structure.roll == 0]
        rolls = np.searchsorted(self.sessions, expiries[turn])

        every = np.arange(count)
        latest = np.searchsorted(rolls, every, side="right") - 1
        held = np.flatnonzero(latest >= 0)
        bought = rolls[latest[held]]
        ends = expiries[turn[latest[held]] + structure.tenor]
        strikes = np.full((count, len(moneyness)), np.nan)
        strikes[held] = moneyness * self.close[bought][:, None]
        expiry = np.full(count, np.datetime64("NaT", "D"), dtype="datetime64[D]")
        expiry[held] = ends
        puts = np.full((count, len(moneyness)), np.nan)
        puts[held] = self.puts_on(held, held, strikes[held], ends, self.sessions[held])
        mark = puts @ quantity

        ask, receive, forgone, days = (np.full(count, np.nan) for _ in range(4))
        half = self.settings.half_spread
        ask[rolls] = puts[rolls] @ (quantity * (1.0 + half * np.sign(quantity)))
        days[rolls] = (expiries[turn + structure.roll] - expiries[turn]).astype(np.float64)
        expired = np.zeros(count, dtype=np.bool_)
        receive[rolls[:1]] = forgone[rolls[:1]] = 0.0
        if len(rolls) > 1:
            later, sooner = rolls[1:], rolls[:-1]
            old_strikes, old_expiry = strikes[sooner], expiry[sooner]
            out = self.puts_on(later, later, old_strikes, old_expiry, self.sessions[later])
            expired[later] = old_expiry == self.sessions[later]
            bid = out @ (quantity * (1.0 - half * np.sign(quantity)))
            # Nobody pays to be rid of a spread: held to expiry it costs nothing more.
            receive[later] = np.where(expired[later], out @ quantity, np.maximum(bid, 0.0))
            forgone[later] = out @ quantity - receive[later]

        decay = np.zeros(count)
        kept = held[1:][held[1:] > 0]
        before = kept - 1
        older = self.puts_on(before, before, strikes[before], expiry[before], self.sessions[kept])
        decay[kept] = older @ quantity - mark[before]
        return UnitPrices(mark, ask, receive, expired, forgone, decay, self.close, days, strikes, expiry)

    @cached_property
    def _expiries(self) -> npt.NDArray[np.datetime64]:
        """Monthly expiries of the market's sessions and of more than two years after them."""
        last = self.sessions[-1]
        after = exchange_sessions(
            str(last + np.timedelta64(1, "D")), str(last + np.timedelta64(800, "D")), self.calendar
        )
        return monthly_expiries(np.concatenate([self.sessions, after]))

    def require(self, first: int, last: int) -> None:
        """Refuse sessions `first` to `last` unless everything is known on each.

        Raises
        ------
        OverlayError
            Naming the series and when it begins.
        """
        run = slice(first, last + 1)
        settings = self.settings
        known = {
            f"closes of {settings.underlying}": self.close,
            f"series {settings.vix!r}": self.vix,
            f"series {settings.skew!r}": self.skew,
            f"series {settings.rate!r}": self.rate,
        }
        for what, values in known.items():
            missing = np.flatnonzero(np.isnan(values[run]))
            if not len(missing):
                continue
            day = self.sessions[first + missing[0]]
            begins = self.first_session.get(what)
            since = f" (it begins on {begins})" if begins is not None else ""
            flat = "" if settings.flat_volatility else ", or set overlay.flat_volatility = true"
            remedy = flat if settings.skew in what else ""
            raise OverlayError(
                f"options can't be priced on {day}: {what} has no value of the last {STALE_DAYS} days"
                f"{since}, and {len(missing)} of the run's sessions lack one; run where it is known{remedy}"
            )

    def limits(self, first: int, last: int) -> tuple[str, ...]:
        """What a reader must know of the prices."""
        settings = self.settings
        lines = [
            f"Option prices are a model's, not quotes: calibrated to each day's {settings.vix.upper()}"
            + ("" if settings.flat_volatility else f" and {settings.skew.upper()}")
            + f", with a half-spread of {settings.half_spread:.1%} of the premium; units are fractional."
        ]
        if settings.flat_volatility:
            lines.append(
                "Options are priced at flat volatility (SKEW 100): puts below the market are cheaper than "
                "they ever were, so the hedge looks better than it can have been."
            )
        raised = int(self.surface.raised[first : last + 1].sum())
        if raised:
            lines.append(f"The surface's mean jump had to be raised on {raised} sessions to meet SKEW.")
        if settings.dividend_yield == "trailing" and not self.underlying_pays:
            lines.append(
                f"{settings.underlying} has no dividends in this market: its yield is taken as 0, so puts "
                "are a little too cheap."
            )
        if self.adjusted:
            lines.append(
                f"Closes of {settings.underlying} are adjusted for dividends: options settle on those, not "
                "on the price of the day."
            )
        return tuple(lines)


_MARKETS: WeakKeyDictionary[Market, dict[OverlaySettings, OptionMarket]] = WeakKeyDictionary()


def option_market(market: Market, settings: OverlaySettings) -> OptionMarket:
    """The surface of `market`, calibrated once for each `settings`."""
    kept = _MARKETS.setdefault(market, {})
    if settings not in kept:
        kept[settings] = OptionMarket(market, settings)
    return kept[settings]


class Overlay:
    """Prices of a run's hedges over all sessions of its market, as both engines read them.

    A hedge is registered when a target first names it: it takes the next slot, and its prices are filled
    into `inputs` in place.

    Parameters
    ----------
    price : callable
        Gives the `UnitPrices` of a structure.
    sessions : int
        Number of the market's sessions.
    options : OptionMarket, optional
        Where the prices come from, for analyses.
    limits : tuple of str
        What a reader must know of the prices.

    Attributes
    ----------
    inputs : ndarray, shape (5, SLOTS, sessions)
        Planes `MARK`, `ASK`, `RECEIVE`, `CLOSE` and `ALLOWANCE` (share of equity that a roll may spend).
        A session is a roll of a slot where its ask is not NaN.
    hedges : list of (Structure, budget)
        By slot.
    """

    def __init__(
        self,
        price: Callable[[Structure], UnitPrices],
        sessions: int,
        options: OptionMarket | None = None,
        limits: tuple[str, ...] = (),
    ) -> None:
        self._price = price
        self.inputs = np.full((5, SLOTS, sessions), np.nan)
        self.hedges: list[tuple[Structure, float | None]] = []
        self.options = options
        self.limits = limits

    def slot(self, hedge: Hedge) -> int:
        """Slot of a hedge, registered if it is new.

        Raises
        ------
        OverlayError
            If there are more than `SLOTS`.
        """
        key = hedge.structure, hedge.budget_bps
        if key in self.hedges:
            return self.hedges.index(key)
        if len(self.hedges) == SLOTS:
            raise OverlayError(
                f"{hedge.structure.name}: a run can hold {SLOTS} different hedges (structure and budget), "
                "and this would be one more; vary the ratio instead"
            )
        slot = len(self.hedges)
        unit = self._price(hedge.structure)
        budget = np.inf if hedge.budget_bps is None else hedge.budget_bps / 10_000.0
        allowance = np.where(np.isnan(unit.days), np.nan, np.inf)
        if np.isfinite(budget):
            allowance = budget * unit.days / YEAR
        for plane, values in zip(
            (MARK, ASK, RECEIVE, CLOSE, ALLOWANCE),
            (unit.mark, unit.ask, unit.receive, unit.close, allowance),
            strict=True,
        ):
            self.inputs[plane, slot] = values
        self.hedges.append(key)
        return slot

    def ratios(self, hedges: Iterable[Hedge]) -> Array:
        """Hedge ratio of each slot, shape (SLOTS,); a hedge named twice counts twice."""
        row = np.zeros(SLOTS)
        for hedge in hedges:
            row[self.slot(hedge)] += hedge.ratio
        return row

    def unit_prices(self, structure: Structure) -> UnitPrices:
        """Prices of one unit."""
        return self._price(structure)


def open_overlay(market: Market, settings: OverlaySettings, first: int, last: int) -> Overlay:
    """The overlay of a run that may use the sessions `first` to `last` of `market`.

    Raises
    ------
    OverlayError
        If something that prices need is not known on each of them.
    """
    options = option_market(market, settings)
    options.require(first, last)
    return Overlay(options.unit_prices, len(market.sessions), options, options.limits(first, last))


def target_row(target: Target, columns: npt.ArrayLike, symbols: int, overlay: Overlay | None) -> Array:
    """A target as engines read it: weights by column, then hedge ratios by slot where there is an overlay.

    Raises
    ------
    StrategyError
        If the target has a hedge and there is no overlay to price it.
    OverlayError
        If there are too many different hedges.
    """
    row = np.zeros(symbols)
    row[np.asarray(columns, dtype=np.intp)] = list(target.weights.values())
    if overlay is not None:
        return np.concatenate([row, overlay.ratios(target.hedges)])
    if target.hedges:
        raise StrategyError(
            f"the target hedges with a {target.hedges[0].structure.name}, but the run has no table [overlay] "
            "that says what options are written on"
        )
    return row


WANTED, ALLOWED, UNITS, PREMIUM, RECEIVED, VALUE = range(6)
"""Planes of what an engine records of its hedges, shape (6, SLOTS, sessions)."""


def hedge_table(
    overlay: Overlay, record: Array, sessions: npt.NDArray[np.datetime64], first: int
) -> pd.DataFrame:
    """What an engine recorded, as `Ledger.hedge` wants it.

    Parameters
    ----------
    overlay : Overlay
    record : ndarray, shape (6, SLOTS, sessions)
        Planes `WANTED`, `ALLOWED` (wanted, within the budget), `UNITS` held at the close, `PREMIUM` paid,
        `RECEIVED` and `VALUE` at the close.
    sessions : ndarray of datetime64[D]
        The run's sessions.
    first : int
        Position of the first of them in the market.
    """
    parts = []
    run = slice(first, first + len(sessions))
    for slot, (structure, _) in enumerate(overlay.hedges):
        wanted, allowed, units, premium, received, value = record[:, slot]
        before, value_before = (np.concatenate([[0.0], values[:-1]]) for values in (units, value))
        rows = np.flatnonzero((units > 0) | (before > 0) | (wanted > 0))
        unit = overlay.unit_prices(structure)
        rolled = ~np.isnan(unit.ask[run])
        limit = np.where(units < allowed, "cash", np.where(allowed < wanted, "budget", ""))
        # The decay of a unit that is not held may be unknown.
        decay = np.where(before > 0, before * unit.decay[run], 0.0)
        paid = np.where(premium > 0, premium - units * unit.mark[run], 0.0)
        spread = paid + np.where(rolled & (before > 0), before * unit.forgone[run], 0.0)
        columns = {
            "session": sessions.astype("datetime64[s]"),
            "structure": np.full(len(sessions), structure.name, dtype=object),
            "units": units,
            "wanted": wanted,
            "limit": np.where(wanted > 0, limit, "").astype(object),
            "premium": premium,
            "spread": spread,
            "payoff": received,
            "value": value,
            "decay": decay,
            "pnl": value - value_before + received - premium,
        }
        parts.append(pd.DataFrame({name: columns[name][rows] for name in HEDGE_COLUMNS}))
    words = {"structure": "str", "limit": "str"}
    if not parts:
        numbers: dict[str, str] = {name: "float64" for name in HEDGE_COLUMNS[2:] if name != "limit"}
        return pd.DataFrame(columns=list(HEDGE_COLUMNS)).astype(
            {"session": "datetime64[s]", **words, **numbers}
        )
    table = pd.concat(parts, ignore_index=True).astype(words)
    return table.sort_values("session", kind="stable", ignore_index=True)


def hedge_lines(hedge: pd.DataFrame | None) -> list[str]:
    """Purchases of `Ledger.hedge` that fell short of what was wanted, in words."""
    if hedge is None:
        return []
    short = hedge[hedge["limit"] != ""]
    return [
        f"{row.session:%Y-%m-%d} {row.structure} cut to {row.units:.6g} of {row.wanted:.6g} units: "
        f"{row.limit}"
        for row in short.itertuples()
    ]


def as_known(market: Market, name: str, key: str) -> Array:
    """Newest value of a series at each session's close, shape (sessions,); NaN where it is stale.

    Raises
    ------
    OverlayError
        If the market has no such series.
    """
    if name not in series_names(market):
        what = unknown_name("series", name, series_names(market), f"market {market.name!r}")
        other = {
            "overlay.skew": "; without SKEW set overlay.flat_volatility = true",
            "overlay.rate": "; or give a constant, such as overlay.rate = 0.02",
        }
        raise OverlayError(f"{key}: {what}{other.get(key, '')}")
    return series_table(market, name).at_close(market.sessions, stale_days=STALE_DAYS)


def trailing_yield(market: Market, column: int) -> Array:
    """Dividends of the 365 days to each session over its close, shape (sessions,).

    With fewer days known what was paid is scaled to a year; 0 with fewer than 90.
    """
    paid = np.concatenate([[0.0], np.cumsum(market.dividend[:, column])])
    start = np.searchsorted(market.sessions, market.sessions - np.timedelta64(365, "D"), side="right")
    total = paid[1:] - paid[start]
    days = np.minimum((market.sessions - market.sessions[0]).astype(np.float64), YEAR)
    known = days >= LEAST_DAYS
    year = np.where(known, total * YEAR / np.where(known, days, YEAR), 0.0)
    return year / market.mark[:, column]


def _first_known(market: Market, settings: OverlaySettings) -> dict[str, np.datetime64]:
    """When each series begins to be public."""
    begins = {}
    for name in (settings.vix, settings.skew, settings.rate):
        if isinstance(name, str) and name in series_names(market):
            available = series_table(market, name).available
            if len(available):
                begins[f"series {name!r}"] = available[0]
    return begins


def _years(at: npt.NDArray[np.datetime64], expiry: npt.NDArray[np.datetime64]) -> Array:
    return (expiry - at).astype(np.float64) / YEAR
