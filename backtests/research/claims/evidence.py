"""A market as the claims look at it: returns by group, series as known, months, forward sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backtests.research.claims.inference import LEAST, Estimate
from backtests.research.claims.measurement import Measurement, Unit
from backtests.research.events import forward_sums
from backtests.research.indices import (
    Index,
    NoIndex,
    group_returns,
    index_returns,
    mean_return,
    session_returns,
)
from datafeeds.facts import fact, group_median, names
from datafeeds.market import Array, Market
from datafeeds.series import SeriesTable, series_names, series_table
from strategies.signals.reading import STALE_DAYS

MONTH = 21
"""Sessions in a month."""

Positions = npt.NDArray[np.intp]


class Missing(ValueError):  # noqa: N818  (not an error: the finding then is "can't tell")
    """What a claim needs and the market lacks, in words."""


@dataclass(frozen=True)
class Evidence:
    """What a market has to say. Everything is as known at each session's close.

    Parameters
    ----------
    market : Market
    """

    market: Market

    @cached_property
    def returns(self) -> Array:
        """Total return of each symbol in each session, shape (sessions, symbols)."""
        return session_returns(self.market)

    @cached_property
    def months(self) -> Positions:
        """The last session of each whole month."""
        month = np.append(self.market.sessions, self.market.next_session).astype("datetime64[M]")
        return np.flatnonzero(month[:-1] != month[1:])

    def monthly(self, returns: Array) -> Array:
        """Sum of the daily returns of each whole month, shape (months,); NaN where one is unknown."""
        sums = np.cumsum(np.concatenate([[0.0], np.nan_to_num(returns)]))
        gaps = np.cumsum(np.concatenate([[0], ~np.isfinite(returns)]))
        ends = self.months + 1
        starts = np.concatenate([[0], ends])[:-1]
        return np.where(gaps[ends] == gaps[starts], sums[ends] - sums[starts], np.nan)

    def group(self, name: str) -> Array:
        """Equal-weighted return of a group's members of each day.

        Raises
        ------
        Missing
            If the market has no such group.
        """
        self.require_groups(name)
        return group_returns(self.market, self.returns, name)

    def require_groups(self, *groups: str) -> None:
        """Raise `Missing` for a group that the market lacks."""
        absent = [group for group in groups if group not in self.market.groups]
        if absent:
            raise Missing(f"the market has no group {', '.join(absent)}")

    def fact(self, name: str) -> Array:
        """A fact as known at every close, shape (sessions, symbols).

        Raises
        ------
        Missing
            If nothing of the kind is filed in the market.
        """
        if name not in names(self.market):
            raise Missing(f"the market has no {name.removesuffix('_ttm').replace('_', ' ')}")
        return fact(self.market, name)

    def median(self, name: str, group: str) -> Array:
        """Median of a fact over a group's members of each day."""
        self.require_groups(group)
        self.fact(name)
        return group_median(self.market, name, group)

    def belongs(self, group: str) -> npt.NDArray[np.bool_]:
        """Whether each symbol belongs to a group on each session."""
        self.require_groups(group)
        return self.market.memberships(group)

    @cached_property
    def stocks(self) -> npt.NDArray[np.bool_]:
        """Which symbols are stocks."""
        return np.asarray(self.market.kinds == "stock", dtype=np.bool_)

    @cached_property
    def survivors_only(self) -> bool:
        """Whether every stock still trades on the last session."""
        return bool((self.market.last_bar[self.stocks] == len(self.market.sessions) - 1).all())

    @cached_property
    def equal(self) -> Array:
        """Equal-weighted return of all stocks."""
        return group_returns(self.market, self.returns, "")

    @cached_property
    def caps(self) -> Array:
        """Market value of each stock as known at each close, NaN for others."""
        return np.where(self.stocks, self.fact("market_cap"), np.nan)

    @cached_property
    def cap_weighted(self) -> Array:
        """Return of all stocks with a known market value, weighted by that of the close before."""
        weights = np.full(self.returns.shape, np.nan)
        weights[1:] = self.caps[:-1]
        known = np.isfinite(weights) & np.isfinite(self.returns)
        total = np.where(known, weights, 0.0).sum(axis=1)
        gained = np.where(known, weights * np.nan_to_num(self.returns), 0.0).sum(axis=1)
        return np.where(total > 0, gained / np.where(total > 0, total, 1.0), np.nan)

    def standing_for(self, index: Index) -> tuple[str, Array]:
        """Returns of a market index, or of what stands in for it, with a name that says so.

        Parameters
        ----------
        index : {"market", "dow", "nasdaq", "small"}
        """
        try:
            return index_returns(self.market, self.returns, index)
        except NoIndex as error:
            raise Missing(str(error)) from None

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        """Sectors that the market's stocks belong to."""
        table = self.market.instruments
        return tuple(sorted(set(table.loc[table["kind"] == "stock", "sector"]) - {""}))

    def sector(self, name: str, industry: str = "") -> Array:
        """Equal-weighted return of the stocks of a sector, or of one industry in it."""
        return mean_return(self.returns, np.broadcast_to(self.in_sector(name, industry), self.returns.shape))

    def in_sector(self, name: str, industry: str = "") -> npt.NDArray[np.bool_]:
        """Which symbols are stocks of a sector (and industry), shape (symbols,).

        Raises
        ------
        Missing
            If there is none.
        """
        table = self.market.instruments
        rows = table[(table["sector"] == name) & (table["kind"] == "stock")]
        if industry:
            rows = rows[rows["industry"].str.contains(industry, regex=False)]
        if rows.empty:
            raise Missing(f"the market has no stock in {industry or name}")
        return np.isin(np.array(self.market.symbols), rows["symbol"])

    def series(self, name: str) -> Array:
        """A daily series as known at each close; NaN before it begins and once it is stale.

        Raises
        ------
        Missing
            If the market has no such series.
        """
        return self._series(name).at_close(self.market.sessions, stale_days=STALE_DAYS)

    def series_on_day(self, name: str) -> Array:
        """A daily series by the day that each value describes, whenever it was published.

        For explanations of what moved together, never for a rule: some values are public only days later.
        """
        return self._series(name).by_date().at_close(self.market.sessions, stale_days=STALE_DAYS)

    def _series(self, name: str) -> SeriesTable:
        if name not in series_names(self.market):
            raise Missing(f"the market has no series {name}")
        return series_table(self.market, name)

    def oil(self) -> str:
        """Name of the oil series that the market has."""
        for name in ("brent", "wti"):
            if name in series_names(self.market):
                return name
        raise Missing("the market has no oil price")

    def trailing(self, returns: Array, sessions: int) -> Array:
        """Sum of the last `sessions` returns at each session."""
        sums = np.full(len(returns), np.nan)
        ahead = forward_sums(returns, sessions)
        sums[sessions:] = ahead[: len(ahead) - sessions]
        return sums

    def span(self, *conditions: Array) -> str:
        """First and last session at which all of these are known."""
        whole = np.all([np.isfinite(values) for values in conditions], axis=0)
        rows = np.flatnonzero(whole)
        if not len(rows):
            return "no common span"
        sessions = self.market.sessions
        return f"{sessions[rows[0]].astype('datetime64[M]')} to {sessions[rows[-1]].astype('datetime64[M]')}"

    def finding(self, data: str, estimate: Estimate, note: str = "") -> Measurement:
        """A finding from an estimate; "can't tell" where there are too few observations."""
        if not np.isfinite(estimate.value):
            return Measurement.unknown(
                f"{data}: {estimate.count} observations, fewer than the {LEAST} needed"
            )
        return Measurement(
            f"{data}; {estimate.count:,} observations",
            estimate.value,
            estimate.low,
            estimate.high,
            estimate.p_value,
            note=note,
        )


def shown(values: Iterable[float], unit: Unit) -> tuple[str, ...]:
    """Numbers of one row as readers see them: as many decimals as the largest needs, a dash for unknown."""
    numbers = list(values)
    largest = max((abs(value) for value in numbers if np.isfinite(value)), default=0.0)
    if unit == "percent":
        form = "{:+.2%}" if largest < 0.02 else "{:+.1%}"
    else:
        form = "{:+.4f}" if largest < 0.1 else "{:+.3f}"
    return tuple(
        form.format(value).replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "–" for value in numbers
    )
