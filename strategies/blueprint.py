"""The reallocation blueprint: cut AI hardware above the software norm, put the money to work elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import pandas as pd
from pydantic import Field

from datafeeds.names import unknown_name
from strategies.asof import AsOf, once_a_session
from strategies.benchmarks import Share, cap_weighted_target, equal_target, fundamental_target
from strategies.effects import effects_exhibits
from strategies.exhibit import Exhibit, Scenario
from strategies.june_2026 import JUNE_2026_SCENARIOS
from strategies.phases import Rotation, positive
from strategies.signals import (
    YEAR,
    Exit,
    Realignment,
    Terms,
    forward_limits,
    known_cuts,
    listed,
    realignment,
    software_norm,
    universe,
)
from strategies.sleeves import (
    NEGLIGIBLE,
    Sleeve,
    financials_inside,
    funded,
    healthcare_inside,
    small_caps_inside,
    sources_exhibit,
    sources_of,
    with_floors,
)
from strategies.strategy import ReadWith, Strategy, require_group
from strategies.target import StrategyError, Target
from strategies.valuation_exhibit import norm_line, valuation_exhibit

GroupName = Annotated[str, Field(min_length=1)]
"""Name of a group of the market."""

Base = Literal["cap", "equal", "fundamental"]
"""Weights from which hardware is cut: market value, all alike, or the size of the business."""


@dataclass(frozen=True)
class Valuation:
    """How dear hardware is today.

    Attributes
    ----------
    multiples : mapping of str to float
        Price-to-sales of each hardware name, NaN where unknown.
    norm : float
        The software norm, NaN while too little of it is known.
    cut : mapping of str to float
        Share that each name's multiple calls to cut; names without a known multiple are left out.
    """

    multiples: Mapping[str, float]
    norm: float
    cut: Mapping[str, float]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What could not be valued, as sentences without changing numbers."""
        if len(self.multiples) == 0:
            return ("no AI hardware trades today: nothing to cut",)
        if not math.isfinite(self.norm):
            return ("the software norm is not known yet: no cut by valuation",)
        unknown = [name for name, multiple in self.multiples.items() if math.isnan(multiple)]
        return (f"price-to-sales unknown, so not cut: {listed(unknown)}",) if unknown else ()

    @property
    def calm(self) -> str:
        """That nothing is dear, with the dearest name."""
        name = max(self.cut, key=self.multiples.__getitem__)
        return f"no cut: {name} at {self.multiples[name]:.1f} times sales, software norm {self.norm:.1f}"

    def priced(self, names: Iterable[str]) -> str:
        """What `names` sell for now."""
        known = {name: self.multiples.get(name, math.nan) for name in sorted(names)}
        multiples = listed(f"{name} at {multiple:.1f}" for name, multiple in known.items() if multiple >= 0)
        if not multiples or not math.isfinite(self.norm):
            return "valuation now unknown"
        return f"now {multiples} (times sales; norm {self.norm:.1f})"

    def sentence(self, cut: Mapping[str, float]) -> str:
        """Why `cut` is what it is, dearest names first."""
        dearest = sorted(cut, key=lambda symbol: -self.multiples.get(symbol, 0.0))
        if len(dearest) == 1:
            name = dearest[0]
            return (
                f"{name} at {self.multiples[name]:.1f} times sales against a software norm of "
                f"{self.norm:.1f}: cut {percent(cut[name])}"
            )
        names = listed(f"{name} at {self.multiples[name]:.1f} cut {percent(cut[name])}" for name in dearest)
        return f"against a software norm of {self.norm:.1f} times sales: {names}"


class HardwareValuation:
    """The parameters and the reading that both strategies share.

    Attributes
    ----------
    hardware, software : str
        Names of the groups that are compared.
    norm_years : int
        Length of the window behind the software norm, in years.
    norm_sessions : int
        Sessions of it that must be known before anything is cut.
    max_cut : float
        Largest share of a holding that is cut.
    base : {"cap", "equal", "fundamental"}
        Weights from which hardware is cut: by market value, all alike, or by the size of the business (see
        `strategies.signals.fundamental_weights`).
    """

    base: Base = "cap"
    hardware: GroupName = "ai_hardware"
    software: GroupName = "software"
    norm_years: Annotated[int, Field(ge=1, le=30)] = 5
    norm_sessions: Annotated[int, Field(ge=1)] = YEAR
    max_cut: Annotated[float, Field(gt=0, le=1)] = 1.0

    def valuation(self, see: AsOf) -> Valuation:
        """How dear each hardware name is today."""
        require_group(see, "hardware", self.hardware)
        require_group(see, "software", self.software)
        multiples = _multiples(see, self.hardware)
        norm = software_norm(see, self.norm_years, self.software, self.norm_sessions)
        return Valuation(multiples, norm, known_cuts(multiples, norm, self.max_cut))

    def base_target(self, see: AsOf) -> Target | None:
        """The portfolio before any cut; None (hold) or all cash where it can't be told."""
        match self.base:
            case "equal":
                return equal_target(universe(see))
            case "fundamental":
                return fundamental_target(see)
            case _:
                return cap_weighted_target(see)

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """Price-to-sales against the norm; see `strategies.valuation_exhibit`."""
        return (
            valuation_exhibit(
                see, targets, self.hardware, self.software, self.norm_years, self.norm_sessions
            ),
        )

    def scenarios(self) -> tuple[Scenario, ...]:
        """A fall of hardware by a round 40%, and the day behind the blueprint."""
        fall = Scenario(
            "AI hardware down 40%",
            groups={self.hardware: -0.4},
            notes=("AI hardware down 40%: a round number for the whole group, nothing else moving.",),
        )
        return (fall, *JUNE_2026_SCENARIOS)

    def leaders(self) -> Mapping[str, tuple[str, ...]]:
        """Technology: hardware and software together."""
        return {"technology": (self.hardware, self.software)}


class ValuationCut(HardwareValuation, Strategy):
    """Scale AI hardware down as its price-to-sales rises above the software norm.

    Step 1 of the blueprint alone. Each hardware name is cut by ``clip(P/S / norm - 1, 0, max_cut)``. No cut
    is remembered: when a multiple falls, its weight is back.

    Attributes
    ----------
    base, hardware, software, norm_years, norm_sessions, max_cut
        As in `HardwareValuation`.
    freed : {"rest", "cash"}
        Where the freed weight goes: pro rata to the stocks outside AI hardware, so that the result shows the
        choice of stocks at an unchanged exposure to the market; or to cash, which mixes in market timing.
    """

    freed: Literal["rest", "cash"] = "rest"

    def decide(self, see: AsOf) -> Target | None:
        """The base with each hardware name cut by what it costs today."""
        base = self.base_target(see)
        if base is None:
            return None
        valuation = self.valuation(see)
        cut = positive(valuation.cut)
        target = _rotated(base, valuation, Rotation("rotated" if cut else "watch", cut), None)
        freed = _total(base) - _total(target)
        if self.freed == "rest" and freed > NEGLIGIBLE:
            rest = {name: weight for name, weight in base.weights.items() if name not in valuation.multiples}
            if rest:
                shares = pd.Series(rest) * (freed / sum(rest.values()))
                target = target.add(shares, why=f"the {freed:.2%} freed goes to the other stocks, pro rata")
        return _with_news(target, valuation.gaps, see.previous).remember(noted=list(valuation.gaps))


class Blueprint(HardwareValuation, Strategy):
    """Move AI hardware above the software norm into financials, healthcare and small caps, until realigned.

    1. From the base, each hardware name is cut by ``clip(P/S / norm - 1, 0, max_cut)``. A sleeve that the
    base
       holds less of than its floor is filled up first, from everything else.
    2. Of the freed weight 40% go to financials whose liabilities match their assets, by what they pay to
    their
       owners, and 30% to healthcare companies with pricing power, by cash yield; each from the best source
       that the market has (`strategies.signals.ladders`), which the reasons name.
    3. 30% go to small caps: the vehicle in group `small_cap` where one trades, else all stocks outside AI
       hardware in equal weight.
    4. Cuts are in force until hardware's premium is realigned, for two quarters, measured on the names that
       are cut, by what is cut of them; then they are lifted by equal steps over `glide_months`.

    Weights are worked out afresh at each decision from what is known then; only the `Rotation` is remembered.

    Attributes
    ----------
    base, hardware, software, norm_years, norm_sessions, max_cut
        As in `HardwareValuation`.
    financials, healthcare, small_cap : str
        Names of the groups that receive the money. An empty `small_cap` means: always the equal-weight
        vehicle.
    financials_share, healthcare_share, small_cap_share : float
        Their shares of the freed weight; must add to 1. A sleeve without any member that trades leaves its
        share to the others.
    financials_floor, healthcare_floor, small_cap_floor : float
        Share of equity that each has at least, cut or no cut.
    match_screen : bool
        Whether financials known to match their assets worse than the median are passed over.
    margin_screen : bool
        Whether healthcare companies known to lack pricing power are passed over.
    exit : {"level", "z", "one_sided", "norm"}
        How realignment is told; see `strategies.signals.realignment.Terms`.
    realign_points : float
        Gap of growth, as a fraction, that counts as level; read with ``exit = "level"``.
    realign_z : float
        z-score within which a gap counts as normal; read with ``exit = "z"`` or ``"one_sided"``.
    growth_quarters : int
        Quarters over which the growth gap is standardised; read with ``exit = "z"`` or ``"one_sided"``.
    realign_quarters : int
        Consecutive quarters in which it must hold.
    least_reporting : int
        Companies on each side that must have reported.
    ratchet : bool
        Whether a cut may only rise until realignment; else it follows the valuation both ways.
    glide_months : int
        Months over which cuts are lifted; 0 lifts them at once.
    """

    read_with: ClassVar[ReadWith] = MappingProxyType(
        {
            "realign_points": {"exit": ("level",)},
            "realign_z": {"exit": ("z", "one_sided")},
            "growth_quarters": {"exit": ("z", "one_sided")},
        }
    )

    financials: GroupName = "financials"
    healthcare: GroupName = "healthcare"
    small_cap: str = "small_cap"
    financials_share: Share = 0.40
    healthcare_share: Share = 0.30
    small_cap_share: Share = 0.30
    financials_floor: Share = 0.0
    healthcare_floor: Share = 0.0
    small_cap_floor: Share = 0.0
    match_screen: bool = True
    margin_screen: bool = True
    exit: Exit = "level"
    realign_points: Annotated[float, Field(ge=0, le=10)] = 0.05
    realign_z: Annotated[float, Field(gt=0, le=10)] = 0.5
    growth_quarters: Annotated[int, Field(ge=4, le=80)] = 20
    realign_quarters: Annotated[int, Field(ge=1, le=20)] = 2
    least_reporting: Annotated[int, Field(ge=1, le=50)] = 3
    ratchet: bool = False
    glide_months: Annotated[int, Field(ge=0, le=120)] = 6

    def check(self) -> None:
        """Refuse shares that don't add to 1, floors that leave nothing, and sleeves of hardware."""
        total = self.financials_share + self.healthcare_share + self.small_cap_share
        if abs(total - 1) > 1e-9:
            raise StrategyError(
                f"strategy.financials_share, strategy.healthcare_share and strategy.small_cap_share add to "
                f"{total:g}; they must add to 1"
            )
        floors = self.financials_floor + self.healthcare_floor + self.small_cap_floor
        if floors > 1 + 1e-9:
            raise StrategyError(
                f"strategy.financials_floor, strategy.healthcare_floor and strategy.small_cap_floor add to "
                f"{floors:g}, more than all of equity"
            )
        for key in ("software", "financials", "healthcare", "small_cap"):
            if getattr(self, key) == self.hardware:
                raise StrategyError(f"strategy.{key} = {self.hardware!r} is strategy.hardware too")

    def decide(self, see: AsOf) -> Target | None:
        """The base, its floors filled, hardware cut by what it costs, and the money put to work."""
        self._require_sleeves(see)
        base = self.base_target(see)
        if base is None:
            return None
        sleeves: tuple[Sleeve, ...] = ()
        if self._floors:
            sleeves = self.sleeves(see)
            base = with_floors(base, sleeves)
        valuation = self.valuation(see)
        before = Rotation.remembered(see.previous)
        signal = self.signal(see, base, before) if before.phase != "watch" else None
        realigned = signal is not None and signal.realigned
        after = before.next(valuation.cut, realigned, see.today, self.glide_months, self.ratchet)
        target = _rotated(base, valuation, after, signal)
        if after.cut:
            share, why = self.carried_out(see)
            target = _gated(base, target, after, share, why)
        freed = _total(base) - _total(target)
        if freed > NEGLIGIBLE:
            sleeves = sleeves or self.sleeves(see)
            target = funded(target, freed, sleeves)
        notes = (*valuation.gaps, *self._stand_ins(see))
        # What stands before step `base` is what the portfolio would be without the cuts.
        return _with_news(target, notes, see.previous).remember(
            noted=list(notes),
            rotation=after.state(),
            base=len(base.changes),
            sources=sources_of(sleeves),
        )

    def signal(self, see: AsOf, base: Target, before: Rotation) -> Realignment:
        """Whether the premium of what is cut (of all hardware, once nothing is) is back to normal."""
        held = base.weights
        measured = {name: held[name] * cut for name, cut in before.cut.items() if name in held}
        if not measured:
            measured = {name: held[name] for name in see.members(self.hardware) if name in held}
        return realignment(see, measured, self.software, self.terms)

    @cached_property
    def terms(self) -> Terms:
        """What counts as realigned."""
        return Terms(
            exit=self.exit,
            points=self.realign_points,
            limit=self.realign_z,
            window=self.growth_quarters,
            quarters=self.realign_quarters,
            least=self.least_reporting,
            norm_years=self.norm_years,
            norm_sessions=self.norm_sessions,
        )

    def carried_out(self, see: AsOf) -> tuple[float, str]:
        """Share of the rotation's cuts that is carried out today, and why; all of them unless overridden."""
        return 1.0, ""

    def sleeves(self, see: AsOf) -> tuple[Sleeve, ...]:
        """Where freed money goes today."""
        return (
            self._financials_sleeve(see),
            self._healthcare_sleeve(see),
            self._small_cap_sleeve(see),
        )

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """Price-to-sales against the norm, what each cut cost or earned, and what the sleeves went by."""
        own = super().exhibits(see, targets)
        if not targets or not see.has("price_to_sales"):
            return own
        norm = norm_line(see, self.software, self.norm_years, self.norm_sessions)
        return (*own, *effects_exhibits(see, targets, norm), sources_exhibit(targets))

    def limits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[str, ...]:
        """That trailing growth stood in for forward growth, and how often, where estimates are missing."""
        if self.exit == "norm" or not targets:
            return ()
        return forward_limits(see, see.since(min(targets)), self.hardware)

    @property
    def _floors(self) -> float:
        return self.financials_floor + self.healthcare_floor + self.small_cap_floor

    def _stand_ins(self, see: AsOf) -> tuple[str, ...]:
        """What stands in for what the rule asks for."""
        if self.exit == "norm" or _has_estimates(see):
            return ()
        return ("no estimates of revenue: trailing growth stands in for forward revenue growth",)

    def _require_sleeves(self, see: AsOf) -> None:
        """Refuse sleeves that the market does not have, whether needed today or not."""
        if self.financials_share or self.financials_floor:
            require_group(see, "financials", self.financials)
        if self.healthcare_share or self.healthcare_floor:
            require_group(see, "healthcare", self.healthcare)
        small = self.small_cap_share or self.small_cap_floor
        if small and self.small_cap and self.small_cap not in see.groups:
            raise StrategyError(
                f"strategy.small_cap = {self.small_cap!r}: "
                f"{unknown_name('group', self.small_cap, see.groups)} "
                "(leave it empty for the equal-weight vehicle)"
            )

    def _financials_sleeve(self, see: AsOf) -> Sleeve:
        share, floor = self.financials_share, self.financials_floor
        if not share and not floor:
            return Sleeve("financials", 0.0, {}, "")
        inside = financials_inside(see, self.financials, self.hardware, self.match_screen)
        return inside.sleeve("financials", share, floor)

    def _healthcare_sleeve(self, see: AsOf) -> Sleeve:
        share, floor = self.healthcare_share, self.healthcare_floor
        if not share and not floor:
            return Sleeve("healthcare", 0.0, {}, "")
        inside = healthcare_inside(see, self.healthcare, self.hardware, self.margin_screen)
        return inside.sleeve("healthcare", share, floor)

    def _small_cap_sleeve(self, see: AsOf) -> Sleeve:
        share, floor = self.small_cap_share, self.small_cap_floor
        if not share and not floor:
            return Sleeve("small caps", 0.0, {}, "")
        return small_caps_inside(see, self.small_cap, self.hardware).sleeve("small caps", share, floor)


@once_a_session
def _multiples(see: AsOf, hardware: str) -> Mapping[str, float]:
    """Price-to-sales of each hardware name today, NaN where unknown."""
    names = see.members(hardware)
    known = see.arrays.latest("price_to_sales", names)
    return MappingProxyType(dict(zip(names, known.tolist(), strict=True)))


@once_a_session
def _has_estimates(see: AsOf) -> bool:
    """Whether forward growth is known today, of anybody."""
    return see.has("forward_revenue_growth")


def _total(target: Target) -> float:
    return sum(target.weights.values())


def _rotated(base: Target, valuation: Valuation, rotation: Rotation, signal: Realignment | None) -> Target:
    """`base` with the rotation's cuts, each with its reason."""
    cut = {name: share for name, share in rotation.cut.items() if name in base.weights}
    if not cut:
        if rotation.phase == "settled" and signal is not None:
            return base.note(f"{signal.why}: nothing is cut")
        return base.note(valuation.calm) if valuation.cut and not rotation.cut else base
    if rotation.phase == "gliding" and signal is not None:
        return base.scale(
            {name: 1 - share for name, share in cut.items()},
            why=f"{signal.why}, so cuts are lifted month by month since {rotation.glide_since}; "
            f"left: {_cuts(cut)}",
        )
    called_for = {name: share for name, share in cut.items() if valuation.cut.get(name, -1.0) >= share}
    held = {name: share for name, share in cut.items() if name not in called_for}
    target = base
    if called_for:
        target = target.scale(
            {name: 1 - share for name, share in called_for.items()}, why=valuation.sentence(called_for)
        )
    if held:
        until = f"; {signal.why}" if signal is not None else ""
        target = target.scale(
            {name: 1 - share for name, share in held.items()},
            why=f"cuts held until realigned: {_cuts(held)}, {valuation.priced(held)}{until}",
        )
    return target


def _gated(base: Target, target: Target, rotation: Rotation, share: float, why: str) -> Target:
    """`target`, or `base` with only `share` of the rotation's cuts where that is less than all."""
    if share < 1:
        return base.scale({name: 1 - share * cut for name, cut in rotation.cut.items()}, why=why)
    return target.note(why) if why else target


def percent(share: float) -> str:
    """A share in words: whole percents, with one decimal below 1%.

    Examples
    --------
    >>> percent(0.333), percent(0.004)
    ('33%', '0.4%')
    """
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _cuts(cut: Mapping[str, float]) -> str:
    """The cuts in words, deepest first."""
    deepest = sorted(cut, key=lambda name: -cut[name])
    return listed(f"{name} cut {percent(cut[name])}" for name in deepest)


def _with_news(target: Target, notes: tuple[str, ...], previous: Target | None) -> Target:
    """`target` with the notes that were not made at the decision before, so that each is made once."""
    made = previous.state.get("noted", ()) if previous is not None else ()
    for note in notes:
        if note not in made:
            target = target.note(note)
    return target
