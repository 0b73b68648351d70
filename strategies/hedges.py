"""Puts and put spreads as plain specifications, how to choose and size them, and any strategy hedged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from strategies.asof import AsOf
from strategies.benchmarks import Share
from strategies.signals.skewness import OBSERVATIONS, percentile_of
from strategies.strategy import ReadWith, require_group
from strategies.target import TOLERANCE, Leg, ParameterError, StrategyError, Structure, Target
from strategies.wrapped import Wrapped, parts_of

ALL = 1_000_000
"""More values than any daily series has."""

LEAST_SESSIONS = 60
"""Fewest daily returns that a beta is measured on."""


@dataclass(frozen=True)
class OutrightPut:
    """A put, bought at each roll.

    Attributes
    ----------
    moneyness : float
        Strike over the underlying's close on the day it is bought.
    tenor : int
        Monthly expiries from the purchase to expiry.
    roll : int
        Monthly expiries from one purchase to the next; the put is sold then if it has not expired.
    """

    moneyness: float = 0.95
    tenor: int = 1
    roll: int = 1

    def __post_init__(self) -> None:
        _check_moneyness("moneyness", self.moneyness)
        _check_months(self.tenor, self.roll)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The put."""
        return (Leg(self.moneyness, 1.0),)

    @property
    def name(self) -> str:
        """What readers see."""
        return f"{100 * self.moneyness:g}% put{_months(self.tenor, self.roll)}"


@dataclass(frozen=True)
class PutSpread:
    """A put bought and a lower one sold, at each roll: cheaper, and the far tail is given back.

    Attributes
    ----------
    long, short : float
        Strikes of the put bought and of the put sold, over the underlying's close on the day.
    tenor, roll : int
        See `OutrightPut`.
    """

    long: float = 0.95
    short: float = 0.85
    tenor: int = 1
    roll: int = 1

    def __post_init__(self) -> None:
        _check_moneyness("long", self.long)
        _check_moneyness("short", self.short)
        _check_months(self.tenor, self.roll)
        if self.short >= self.long:
            raise StrategyError(
                f"the put sold (short = {self.short:g}) must lie below the put bought (long = {self.long:g})"
            )

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The put bought, then the put sold."""
        return (Leg(self.long, 1.0), Leg(self.short, -1.0))

    @property
    def name(self) -> str:
        """What readers see."""
        return f"{100 * self.long:g}/{100 * self.short:g}% put spread{_months(self.tenor, self.roll)}"


def _check_moneyness(key: str, moneyness: float) -> None:
    if not 0.2 <= moneyness <= 2.0:
        raise StrategyError(
            f"{key} = {moneyness:g}: a strike lies between 0.2 and 2 times the close; 0.95 is 5% below it"
        )


def _check_months(tenor: int, roll: int) -> None:
    if not 1 <= roll <= tenor <= 24:
        raise StrategyError(
            f"tenor = {tenor}, roll = {roll}: months between 1 and 24, and a roll no later than expiry"
        )


def _months(tenor: int, roll: int) -> str:
    if (tenor, roll) == (1, 1):
        return ""
    return f", {tenor} months" + (f" rolled after {roll}" if roll != tenor else "")


@dataclass(frozen=True)
class SkewStanding:
    """Where today's SKEW stands in its own past.

    Attributes
    ----------
    value : float
        SKEW as last known.
    trailing, full : float
        Share of the values of the trailing `years`, and of all known, below it; ties count half.
    years : int
    since : Timestamp
        Date of the first value known.
    """

    value: float
    trailing: float
    full: float
    years: int
    since: pd.Timestamp

    def __str__(self) -> str:
        return (
            f"SKEW {self.value:.1f} is at the {self.trailing:.0%} percentile of the trailing "
            f"{self.years} years and at the {self.full:.0%} percentile since {self.since:%Y}"
        )


def skew_standing(see: AsOf, years: int = 5, series: str = "skew") -> SkewStanding | None:
    """Where SKEW stands today; None while nothing of it is known.

    A level says little: 142 is the 92nd percentile since 1990 and the 53rd since 2021. Hence both.
    """
    history = see.series(series, ALL) if see.has_series(series) else pd.Series(dtype=float)
    if history.empty:
        return None
    return standing_of(float(history.iloc[-1]), history, years)


def standing_of(value: float, history: pd.Series[float], years: int = 5) -> SkewStanding:
    """Where `value` stands in `history`, a series of SKEW by date that is not empty."""
    return SkewStanding(
        value=value,
        trailing=percentile_of(value, history.iloc[-OBSERVATIONS * years :]),
        full=percentile_of(value, history),
        years=years,
        since=pd.Timestamp(history.index[0]),
    )


def chosen_structure(
    see: AsOf,
    *,
    threshold: float = 0.75,
    outright: OutrightPut | None = None,
    spread: PutSpread | None = None,
    years: int = 5,
    series: str = "skew",
) -> tuple[Structure, str]:
    """The spread while SKEW is high for its trailing years, else the outright put.

    Parameters
    ----------
    see : AsOf
    threshold : float
        Trailing percentile above which the put sold is dear enough to give the tail back for it.
    outright, spread : OutrightPut, PutSpread, optional
        The two to choose from; the defaults if not given.
    years : int
        Length of the trailing window.
    series : str
        Name of the series.

    Returns
    -------
    structure : OutrightPut or PutSpread
    why : str
        With both percentiles.
    """
    put, put_spread = outright or OutrightPut(), spread or PutSpread()
    standing = skew_standing(see, years, series)
    if standing is None:
        return put, f"series {series!r} is not known, so no spread"
    if standing.trailing > threshold:
        return put_spread, f"{standing}; above {threshold:.0%} of the trailing, so the spread"
    return put, f"{standing}; not above {threshold:.0%} of the trailing, so the outright put"


def portfolio_beta(
    see: AsOf, weights: Mapping[str, float], underlying: str = "SPY", sessions: int = 252
) -> float:
    """Beta of a portfolio with today's `weights` to `underlying`, cash included at zero.

    Parameters
    ----------
    see : AsOf
    weights : mapping of str to float
        Share of equity by symbol.
    underlying : str
    sessions : int
        Length of the regression in daily returns. Where a symbol did not trade yet, its beta is that of the
        sessions since.

    Returns
    -------
    float
        NaN while fewer than 60 returns of the underlying are known. A symbol with fewer than 60 counts with
        a beta of 1.
    """
    symbols = list(weights)
    returns = see.returns(sessions, symbols=list(dict.fromkeys([*symbols, underlying])))
    market = returns[underlying].to_numpy(dtype=np.float64)
    if np.isfinite(market).sum() < LEAST_SESSIONS:
        return float("nan")
    total = 0.0
    for symbol in symbols:
        own = returns[symbol].to_numpy(dtype=np.float64)
        known = np.isfinite(own) & np.isfinite(market)
        beta = 1.0
        if known.sum() >= LEAST_SESSIONS and market[known].var() > 0:
            beta = float(np.cov(own[known], market[known])[0, 1] / market[known].var(ddof=1))
        total += weights[symbol] * beta
    return total


def group_weight(see: AsOf, weights: Mapping[str, float], groups: Iterable[str]) -> float:
    """Share of equity in today's members of `groups`, each symbol counted once."""
    members = {symbol for group in groups for symbol in see.members(group)}
    return sum(weight for symbol, weight in weights.items() if symbol in members)


Moneyness = Annotated[float, Field(ge=0.2, le=2.0)]
Months = Annotated[int, Field(ge=1, le=24)]


class Hedged(Wrapped):
    """Put a hedge around whatever another strategy decides.

    The other strategy is asked as if there were no hedge; its weights leave `reserve` of equity in cash, and
    the hedge is chosen and sized anew at each decision. Where it says hold, what is held keeps its
    proportions and the reserve is filled up again. One that decides only once is not asked again.

    Attributes
    ----------
    of : Strategy
        The strategy to hedge; in a run file its name, or a table with `name` and parameters.
    structure : {"choose", "outright", "spread"}
        Which puts; ``"choose"`` takes the spread while SKEW is above `threshold`, see `chosen_structure`.
    moneyness : float
        Strike of the put bought, over the close.
    short : float
        Strike of the put that a spread sells; read unless ``structure = "outright"``.
    tenor, roll : int
        Monthly expiries to expiry, and between purchases.
    threshold : float
        Trailing percentile of SKEW; read with ``structure = "choose"``.
    skew_years : int
        Years of that percentile.
    ratio : float
        Notional hedged, as a multiple of what `ratio_by` says.
    ratio_by : {"invested", "beta", "technology"}
        All that is invested, that times its beta to `underlying`, or the part of it in `technology`.
    underlying : str
        What the beta is measured against; read with ``ratio_by = "beta"``.
    technology : tuple of str
        The groups of concentrated technology; read with ``ratio_by = "technology"``.
    budget_bps : float, optional
        Most that may be spent on premiums, in hundredths of a percent of equity a year.
    reserve : float
        Share of equity kept in cash for premiums.
    """

    read_with: ClassVar[ReadWith] = MappingProxyType(
        {
            "short": {"structure": ("choose", "spread")},
            "threshold": {"structure": ("choose",)},
            "underlying": {"ratio_by": ("beta",)},
            "technology": {"ratio_by": ("technology",)},
        }
    )

    structure: Literal["choose", "outright", "spread"] = "choose"
    moneyness: Moneyness = 0.95
    short: Moneyness = 0.85
    tenor: Months = 1
    roll: Months = 1
    threshold: Share = 0.75
    skew_years: Annotated[int, Field(ge=1, le=40)] = 5
    ratio: Annotated[float, Field(ge=0, le=10)] = 1.0
    ratio_by: Literal["invested", "beta", "technology"] = "invested"
    underlying: Annotated[str, Field(min_length=1)] = "SPY"
    technology: tuple[str, ...] = ("ai_hardware", "software")
    budget_bps: Annotated[float, Field(ge=0, le=10_000)] | None = None
    reserve: Annotated[float, Field(ge=0, lt=1)] = 0.02

    def check(self) -> None:
        """Refuse a hedge of a hedge, and parameters that contradict one another."""
        if any(isinstance(part, Hedged) for part in parts_of(self.of)):
            raise ParameterError("of", " is hedged already")
        self._outright()
        if self.structure != "outright":
            self._spread()

    def decide(self, see: AsOf) -> Target | None:
        """What the hedged strategy decides, with the structure beside it."""
        if self.ratio_by == "technology":
            for group in self.technology:
                require_group(see, "technology", group)
        target = self.asked(see) or self._held(see)
        if target is None:
            return None
        structure, why = self._structure(see)
        ratio, sized = self._ratio(see, target)
        if not ratio > 0:
            return target.note(f"no hedge: {sized}")
        return target.hedge(
            structure, f"{why}; {sized}", ratio=ratio, reserve=self.reserve, budget_bps=self.budget_bps
        )

    def _held(self, see: AsOf) -> Target | None:
        """What is held, in its proportions and to the extent wanted before; None where nothing was."""
        before = see.previous
        held = see.weights
        if before is None or held.empty:
            return None
        extent = sum(before.weights.values())
        if extent > 1 - self.reserve - TOLERANCE:
            extent = 1.0  # all but the reserve, which comes off again
        why = "held as it has drifted, and the cash for premiums filled up"
        return Target(held * (extent / float(held.sum())), why=why, state=before.state)

    def _outright(self) -> OutrightPut:
        return OutrightPut(self.moneyness, self.tenor, self.roll)

    def _spread(self) -> PutSpread:
        return PutSpread(self.moneyness, self.short, self.tenor, self.roll)

    def _structure(self, see: AsOf) -> tuple[Structure, str]:
        """What to buy, and why."""
        if self.structure == "choose":
            return chosen_structure(
                see,
                threshold=self.threshold,
                outright=self._outright(),
                spread=self._spread(),
                years=self.skew_years,
            )
        standing = skew_standing(see, self.skew_years)
        chosen = self._outright() if self.structure == "outright" else self._spread()
        return chosen, str(standing) if standing else "SKEW is not known"

    def _ratio(self, see: AsOf, target: Target) -> tuple[float, str]:
        """Notional as a share of what is invested, and how it came about."""
        invested = sum(target.weights.values())
        if not invested > 0:
            return 0.0, "0% invested"
        if self.ratio_by == "technology":
            weight = group_weight(see, target.weights, self.technology) / invested
            return self.ratio * weight, f"{weight:.1%} of it in {', '.join(self.technology)}"
        if self.ratio_by == "beta":
            beta = portfolio_beta(see, target.weights, self.underlying)
            if not np.isfinite(beta):
                return self.ratio, f"beta to {self.underlying} is not known yet, so 1"
            return self.ratio * max(beta, 0.0) / invested, f"beta {beta:.2f} to {self.underlying}"
        return self.ratio, f"{invested:.0%} invested"
