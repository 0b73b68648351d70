"""Limits around any strategy: caps, risk, and how much is traded. What a limit changes, it gives reasons for.

They go around one another: ``TurnoverLimit(Capped(Blueprint(), name=0.05), most=0.2)``. A run file has them
in ``[strategy.limits]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from datafeeds.names import unknown_name
from strategies.asof import AsOf, sector_names
from strategies.benchmarks import CapWeighted
from strategies.exhibit import Exhibit
from strategies.signals import listed
from strategies.signals.quarters import Array
from strategies.target import TOLERANCE, ParameterError, Target
from strategies.wrapped import Inner, Wrapped, held

Part = Annotated[float, Field(gt=0, le=1)]
"""A share of equity above zero."""

Window = Annotated[int, Field(ge=20, le=1260)]
"""Sessions that a risk is measured over."""


class Capped(Wrapped):
    """Cap the weight of each name, each group and each sector, or of one of them by its name.

    What a cap frees goes to the other names in proportion to their weights, as far as their own caps leave
    room; what finds none stays in cash. Where the strategy inside says hold, what is held is cut back to the
    caps if it has drifted above them.

    Of a strategy that goes short each cap holds for the weights without their signs, and what it frees stays
    in cash.

    Attributes
    ----------
    caps : mapping of str to float
        Largest share of equity: `name` of each symbol, `group` of each group, `sector` of each sector, and
        any group's or sector's own name of that one. In Python they may be given one by one:
        ``Capped(Blueprint(), name=0.05, sector=0.3, ai_hardware=0.1)``.
    freed : {"others", "cash"}
        Where what is freed goes.
    """

    caps: Mapping[str, Part] = MappingProxyType({})
    freed: Literal["others", "cash"] = "others"

    def __init__(self, of: Any = None, /, **given: Any) -> None:
        caps = {key: given.pop(key) for key in list(given) if key not in self.parameters}
        table = given.pop("caps", {})
        if not isinstance(table, Mapping):
            raise ParameterError("caps", f" = {table!r}: write a table, as in caps = {{ name = 0.05 }}")
        for key in caps:
            if key in table and table[key] != caps[key]:
                raise ParameterError("caps", f": {key} is capped at {table[key]!r} and at {caps[key]!r}")
        super().__init__(of, **given, caps={**table, **caps})

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, within the caps."""
        decided = self.asked(see)
        target = decided if decided is not None else held(see)
        if target is None:
            return None
        names = list(target.weights)
        before = np.array(list(target.weights.values()), dtype=np.float64)
        bounds = self._bounds(see, names)
        weights, said = before.copy(), []
        for bound in bounds:
            weight = float(np.abs(weights[bound.places]).sum())
            if weight > bound.cap + TOLERANCE:
                weights[bound.places] *= bound.cap / weight
                said.append(f"{bound.what} {weight:.1%} to {bound.cap:.1%}")
        if not said:
            return decided
        if (before < 0).any():
            weights = np.where(weights < 0, weights, weights * _affordable(weights))
        elif self.freed == "others":
            weights = _filled(weights, float(before.sum()), bounds)
        left = float(before.sum() - weights.sum())
        where = f"; {left:.1%} stays in cash" if left > TOLERANCE else ""
        capped = dict(zip(names, weights.tolist(), strict=True))
        return target.put(capped, why=f"capped: {listed(said)}{where}")

    def _bounds(self, see: AsOf, symbols: list[str]) -> list[_Bound]:
        """Every cap on what it holds for of `symbols`: names, groups, sectors."""
        sectors = see.sector_of(symbols).tolist()
        inside: dict[str, list[int]] = {}
        for group in see.groups:
            members = set(see.members(group))
            inside[group] = [place for place, symbol in enumerate(symbols) if symbol in members]
        by_sector: dict[str, list[int]] = {str(sector): [] for sector in sorted(set(sectors) - {""})}
        for place, sector in enumerate(sectors):
            if sector:
                by_sector[str(sector)].append(place)
        known = ("name", "group", "sector", *inside, *sector_names(see))
        for key in self.caps:
            if key not in known:
                raise ParameterError("caps", f": {unknown_name('cap', key, known)}")
        found = []
        if "name" in self.caps:
            found += [_Bound(symbol, [place], self.caps["name"]) for place, symbol in enumerate(symbols)]
        for kind, parts in (("group", inside), ("sector", by_sector)):
            for key, places in parts.items():
                cap = min(self.caps.get(kind, 1.0), self.caps.get(key, 1.0))
                if places and cap < 1:
                    found.append(_Bound(f"{kind} {key}", places, cap))
        return found


@dataclass(frozen=True)
class _Bound:
    """A cap, its name, and the places of the weights that it holds for together."""

    what: str
    places: list[int]
    cap: float


def _affordable(weights: Array) -> float:
    """Share of the longs that equity and the proceeds of the shorts pay for."""
    longs = float(np.maximum(weights, 0.0).sum())
    paid = 1.0 - float(np.minimum(weights, 0.0).sum())
    return min(1.0, paid / longs) if longs > 0 else 1.0


def _filled(weights: Array, wanted: float, bounds: list[_Bound]) -> Array:
    """Raise `weights` alike to a sum of `wanted`, each until one of its caps holds it."""
    belongs = np.zeros((len(bounds), len(weights)), dtype=bool)
    for row, bound in enumerate(bounds):
        belongs[row, bound.places] = True
    caps = np.array([bound.cap for bound in bounds])

    def totals(kept: npt.NDArray[np.bool_]) -> Array:
        summed: Array = np.where(belongs & kept, weights, 0.0).sum(axis=1)
        return summed

    free = weights > 0
    for _ in range(len(bounds) + 1):
        full = totals(np.ones(len(weights), dtype=bool)) > caps - TOLERANCE
        free &= ~belongs[full].any(axis=0)
        growing = float(weights[free].sum())
        if not growing > 0:
            break
        parts = totals(free)
        rooms = (caps - totals(~free))[parts > 0] / parts[parts > 0]
        factor = min(rooms.min(initial=np.inf), (wanted - float(weights[~free].sum())) / growing)
        weights = np.where(free, weights * factor, weights)
        if weights.sum() > wanted - TOLERANCE:
            break
    return weights


class VolatilityTarget(Wrapped):
    """Scale down to cash while what the strategy inside wants is more volatile than a target.

    Volatility is that of the wanted weights over the trailing sessions, as if they had been held. There is no
    borrowing: below the target nothing changes. Where the strategy inside says hold, what is held is scaled
    down in the same way, and up again only when it decides.

    Attributes
    ----------
    target : float
        Volatility a year.
    sessions : int
        Over which it is measured.
    """

    target: Part = 0.12
    sessions: Window = 63

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, scaled to the volatility wanted."""
        decided = self.asked(see)
        target = decided if decided is not None else held(see)
        if target is None or not target.weights:
            return decided
        volatility = yearly_volatility(see, target.weights, self.sessions)
        if not volatility > 0:
            return target.scale(
                dict.fromkeys(target.weights, 0.0), why="volatility is not known yet: all cash"
            )
        if volatility <= self.target:
            return decided
        share = self.target / volatility
        why = f"volatility {volatility:.1%} against a target of {self.target:.1%}: {share:.0%} of it held"
        return target.scale(dict.fromkeys(target.weights, share), why=why)

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """The share invested at each decision, after what the strategy inside draws."""
        invested = pd.Series({session: target.gross for session, target in targets.items()})
        text = f"Of equity {invested.min():.0%} to {invested.max():.0%} was to be invested."
        own = Exhibit("Share invested", text, {"asked for": invested}, text, unit="percent")
        return (*super().exhibits(see, targets), own)


class TrackingErrorLimit(Wrapped):
    """Move towards a benchmark until the tracking error is within a limit.

    Tracking error is the yearly volatility of the differences in weight over the trailing sessions. It falls
    in proportion to the differences, so the way that is kept is the limit over what was found.

    Attributes
    ----------
    most : float
        Largest tracking error a year.
    benchmark : Strategy
        What is tracked, as it would decide today; in a run file its name, or a table like `of`.
    sessions : int
        Over which it is measured.
    """

    most: Part = 0.05
    benchmark: Inner = CapWeighted()
    sessions: Window = 252

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, as near to the benchmark as the limit asks."""
        decided = self.asked(see)
        target = decided if decided is not None else held(see)
        tracked = self.benchmark.decide(see)
        if target is None or tracked is None or not tracked.weights:
            return decided
        ours, theirs = _beside(target.weights, tracked.weights)
        error = yearly_volatility(see, ours - theirs, self.sessions)
        if not error > self.most:
            return decided
        share = self.most / error
        name = type(self.benchmark).__name__
        why = f"tracking error {error:.1%} to {name}, at most {self.most:.1%}: {share:.0%} of the way kept"
        return target.put(theirs + share * (ours - theirs), why=why)


class TurnoverLimit(Wrapped):
    """Go only part of the way where a decision would trade too much.

    Turnover is the greater of purchases and sales, as a share of equity. The first portfolio is built at
    once.

    Attributes
    ----------
    most : float
        Largest turnover of one decision.
    """

    most: Part = 0.25

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, or part of the way there."""
        target, now = self.asked(see), held(see)
        if target is None or now is None:
            return target
        wanted, have = _beside(target.weights, now.weights)
        change = wanted - have
        turnover = float(max(change.clip(lower=0).sum(), -change.clip(upper=0).sum()))
        if turnover <= self.most + TOLERANCE:
            return target
        share = self.most / turnover
        why = f"turnover {turnover:.1%} limited to {self.most:.1%}: {share:.0%} of the way"
        return target.put(have + share * change, why=why)


class NoTradeBand(Wrapped):
    """Leave alone what is near its target, and bring the rest only to the edge of the band.

    A symbol that is not wanted any more is sold whole.

    Attributes
    ----------
    width : float
        Distance of a weight from its target, as a share of equity, within which it is left as it is.
    """

    width: Part = 0.01

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, traded to the edge of the band."""
        target, now = self.asked(see), held(see)
        if target is None or now is None:
            return target
        wanted, have = _beside(target.weights, now.weights)
        lower, upper = wanted - self.width, wanted + self.width
        lower, upper = (
            lower.mask(wanted > 0, lower.clip(lower=0)),
            upper.mask(wanted < 0, upper.clip(upper=0)),
        )
        edge = have.clip(lower=lower, upper=upper)
        within = f"within {self.width:.1%} of its target"
        return _traded(target, edge.where(wanted != 0, 0.0), have, f"left alone {within}, or traded to there")


class MinimumTrade(Wrapped):
    """Leave out trades too small to be worth their cost.

    A symbol that is not wanted any more is sold whole.

    Attributes
    ----------
    least : float
        Smallest trade, as a share of equity.
    """

    least: Part = 0.001

    def decide(self, see: AsOf) -> Target | None:
        """What the strategy inside decides, without the small trades."""
        target, now = self.asked(see), held(see)
        if target is None or now is None:
            return target
        wanted, have = _beside(target.weights, now.weights)
        small = ((wanted - have).abs() < self.least) & (wanted != 0)
        return _traded(target, wanted.where(~small, have), have, f"trades below {self.least:.2%} left out")


LIMITS: Mapping[str, type[Wrapped]] = MappingProxyType(
    {
        "volatility": VolatilityTarget,
        "tracking_error": TrackingErrorLimit,
        "cap": Capped,
        "turnover": TurnoverLimit,
        "band": NoTradeBand,
        "minimum_trade": MinimumTrade,
    }
)
"""Limits by the names of a run file, the innermost first: what to hold, then how much of it to trade."""


def yearly_volatility(see: AsOf, weights: Mapping[str, float] | pd.Series[float], sessions: int) -> float:
    """Volatility a year of fixed weights over the trailing sessions; NaN with fewer than two returns.

    On a session on which some symbols had no price yet, the others stand for them.
    """
    held = pd.Series(dict(weights), dtype=float)
    returns = see.returns(sessions, symbols=held.index)
    size = held.abs()
    known = (returns.notna() * size).sum(axis=1)
    daily = (returns * held).sum(axis=1)[known > 0] * (size.sum() / known[known > 0])
    return float(daily.std() * see.sessions_a_year**0.5)


def _beside(
    ours: Mapping[str, float], theirs: Mapping[str, float]
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Two mappings of weights on the symbols of both."""
    symbols = list(dict.fromkeys([*ours, *theirs]))
    one, other = (pd.Series(dict(each), dtype=float).reindex(symbols).fillna(0.0) for each in (ours, theirs))
    return one, other


def _traded(target: Target, wanted: pd.Series[float], have: pd.Series[float], why: str) -> Target:
    """`target` at the weights of `wanted`, its purchases cut alike where they cost more than there is."""
    buys = (wanted - have).clip(lower=0)
    room = 1.0 - float(wanted.sum() - buys.sum())
    if buys.sum() > room:
        wanted = wanted - buys * (1 - room / float(buys.sum()))
    changed = [
        str(symbol) for symbol in wanted.index if symbol in target.put(wanted, why).changes[-1].weights
    ]
    return target.put(wanted, why=f"{why}: {listed(changed)}") if changed else target
