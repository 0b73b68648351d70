"""The reallocation blueprint: cut AI hardware above the software norm, put the money to work elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from datafeeds.names import unknown_name
from strategies.asof import AsOf
from strategies.benchmarks import Share, cap_weighted_target
from strategies.exhibit import Exhibit, Scenario
from strategies.june_2026 import JUNE_2026_SCENARIOS
from strategies.signals import (
    YEAR,
    Realignment,
    equal_weights,
    listed,
    pricing_power,
    quarterly_history,
    realignment,
    software_norm,
    universe,
    valuation_cut,
    yield_weights,
)
from strategies.strategy import Strategy, require_group
from strategies.target import StrategyError, Target
from strategies.valuation_exhibit import valuation_exhibit

GroupName = Annotated[str, Field(min_length=1)]
"""Name of a group of the market."""

Phase = Literal["watch", "rotated", "gliding", "settled"]
"""Where a rotation stands; see `Rotation`."""

MARGIN_QUARTERS = 20
"""Quarters over which pricing power is judged."""

NEGLIGIBLE = 1e-12
"""Weight below which nothing was freed."""


@dataclass(frozen=True)
class Valuation:
    """How dear hardware is today.

    Attributes
    ----------
    multiples : Series
        Price-to-sales of each hardware name, NaN where unknown.
    norm : float
        The software norm, NaN while too little of it is known.
    cut : Series
        Share that each name's multiple calls to cut, NaN where unknown.
    """

    multiples: pd.Series[float]
    norm: float
    cut: pd.Series[float]

    @property
    def known(self) -> dict[str, float]:
        """The cut of the names whose cut is known."""
        return {str(symbol): float(cut) for symbol, cut in self.cut.items() if cut >= 0}

    @property
    def gaps(self) -> tuple[str, ...]:
        """What could not be valued, as sentences without changing numbers."""
        if len(self.multiples) == 0:
            return ("no AI hardware trades today: nothing to cut",)
        if not np.isfinite(self.norm):
            return ("the software norm is not known yet: no cut by valuation",)
        unknown = self.multiples.index[self.multiples.isna()]
        return (f"price-to-sales unknown, so not cut: {listed(unknown)}",) if len(unknown) else ()

    @property
    def calm(self) -> str:
        """That nothing is dear, with the dearest name."""
        name = str(self.multiples.idxmax())
        return f"no cut: {name} at {self.multiples[name]:.1f} times sales, software norm {self.norm:.1f}"

    def priced(self, names: Iterable[str]) -> str:
        """What `names` sell for now."""
        known = {name: self.multiples.get(name, np.nan) for name in sorted(names)}
        multiples = listed(f"{name} at {multiple:.1f}" for name, multiple in known.items() if multiple >= 0)
        if not multiples or not np.isfinite(self.norm):
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
    """

    hardware: GroupName = "ai_hardware"
    software: GroupName = "software"
    norm_years: Annotated[int, Field(ge=1, le=30)] = 5
    norm_sessions: Annotated[int, Field(ge=1)] = YEAR
    max_cut: Annotated[float, Field(gt=0, le=1)] = 1.0

    def valuation(self, see: AsOf) -> Valuation:
        """How dear each hardware name is today."""
        require_group(see, "hardware", self.hardware)
        require_group(see, "software", self.software)
        multiples = see.latest("price_to_sales", group=self.hardware)
        norm = software_norm(see, self.norm_years, self.software, self.norm_sessions)
        return Valuation(multiples, norm, valuation_cut(multiples, norm, self.max_cut))

    def exhibits(self, see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Exhibit, ...]:
        """Price-to-sales against the norm; see `strategies.valuation_exhibit`."""
        return (
            valuation_exhibit(
                see, targets, self.hardware, self.software, self.norm_years, self.norm_sessions
            ),
        )

    def scenarios(self) -> tuple[Scenario, ...]:
        """The day behind the blueprint."""
        return JUNE_2026_SCENARIOS

    def leaders(self) -> Mapping[str, tuple[str, ...]]:
        """Technology: hardware and software together."""
        return {"technology": (self.hardware, self.software)}


class ValuationCut(HardwareValuation, Strategy):
    """Scale AI hardware down as its price-to-sales rises above the software norm.

    Step 1 of the blueprint alone. Cap-weighted universe; each hardware name is cut by
    ``clip(P/S / norm - 1, 0, max_cut)``. No cut is remembered: when a multiple falls, its weight is back.

    Attributes
    ----------
    hardware, software, norm_years, norm_sessions, max_cut
        See `HardwareValuation`.
    freed : {"rest", "cash"}
        Where the freed weight goes: pro rata to the stocks outside AI hardware, so that the result shows the
        choice of stocks at an unchanged exposure to the market; or to cash, which mixes in market timing.
    """

    freed: Literal["rest", "cash"] = "rest"

    def decide(self, see: AsOf) -> Target | None:
        """See `Strategy.decide`."""
        base = cap_weighted_target(see, universe(see))
        if base is None:
            return None
        valuation = self.valuation(see)
        cut = {name: share for name, share in valuation.known.items() if share > 0}
        target = _rotated(base, valuation, Rotation("rotated" if cut else "watch", cut), None)
        freed = _total(base) - _total(target)
        if self.freed == "rest" and freed > NEGLIGIBLE:
            rest = {name: weight for name, weight in base.weights.items() if name not in valuation.multiples}
            if rest:
                shares = pd.Series(rest) * (freed / sum(rest.values()))
                target = target.add(shares, why=f"the {freed:.2%} freed goes to the other stocks, pro rata")
        return _with_news(target, valuation.gaps, see.previous)


@dataclass(frozen=True)
class Rotation:
    """Where the rotation stands: what a blueprint remembers between two decisions.

    Attributes
    ----------
    phase : {"watch", "rotated", "gliding", "settled"}
        ``watch``: nothing is cut. It becomes ``rotated`` as soon as a name is dear. There a name's cut may
        rise and never falls, until growth is realigned: then ``gliding``, in which the cuts shrink by equal
        monthly steps. If realignment is lost on the way it is ``rotated`` again, from the cuts in force.
        After the last step it is ``settled``: dear or not, nothing is cut while growth stays realigned; then
        ``watch`` again.
    cut : mapping of str to float
        Share of each name that is cut now; names without a cut are absent.
    glide_start : mapping of str to float
        The cuts when the glide began.
    glide_since : str
        ISO date of the decision at which the glide began.
    """

    phase: Phase = "watch"
    cut: Mapping[str, float] = field(default_factory=dict)
    glide_start: Mapping[str, float] = field(default_factory=dict)
    glide_since: str = ""

    @classmethod
    def remembered(cls, previous: Target | None) -> Rotation:
        """The rotation that `previous` carries in its state; a fresh one if there is none."""
        state = previous.state.get("rotation") if previous is not None else None
        return cls(**state) if state else cls()

    def state(self) -> dict[str, Any]:
        """The rotation as JSON knows it."""
        return asdict(self)

    def next(
        self, called_for: Mapping[str, float], realigned: bool, today: pd.Timestamp, glide_months: int
    ) -> Rotation:
        """The rotation after one more decision.

        Parameters
        ----------
        called_for : mapping of str to float
            Cut that today's valuation calls for, of each name where it is known.
        realigned : bool
            Whether the realignment signal has held.
        today : Timestamp
            The decision session.
        glide_months : int
            Months from realignment until the cuts are gone; 0 lifts them at once.
        """
        if self.phase == "settled":
            return self if realigned else Rotation().next(called_for, False, today, glide_months)
        if self.phase == "watch" or not realigned:
            cut = higher_of(self.cut, called_for)
            return Rotation("rotated", cut) if cut else Rotation()
        if self.phase == "rotated":
            start = Rotation("gliding", self.cut, self.cut, today.date().isoformat())
            return start.next(called_for, True, today, glide_months)
        left = 1.0 - months_between(self.glide_since, today) / glide_months if glide_months else 0.0
        if left <= 0:
            return Rotation("settled")
        cut = {name: start * left for name, start in self.glide_start.items()}
        return Rotation("gliding", cut, self.glide_start, self.glide_since)


def higher_of(held: Mapping[str, float], called_for: Mapping[str, float]) -> dict[str, float]:
    """The higher of two cuts by name, names without a cut left out."""
    cuts = {name: max(held.get(name, 0.0), called_for.get(name, 0.0)) for name in {**held, **called_for}}
    return {name: cut for name, cut in cuts.items() if cut > 0}


def months_between(start: str | pd.Timestamp, end: pd.Timestamp) -> int:
    """Calendar months from `start` to `end`, by the calendar's page and not by the day."""
    first = pd.Timestamp(start)
    return 12 * (end.year - first.year) + end.month - first.month


@dataclass(frozen=True)
class Sleeve:
    """Where part of the freed money goes.

    Attributes
    ----------
    name : str
        As readers know it.
    share : float
        Its share of the freed weight.
    weights : Series
        Weights inside the sleeve, adding to 1; empty if nothing in it trades.
    why : str
        How they came about.
    """

    name: str
    share: float
    weights: pd.Series[float]
    why: str


class Blueprint(HardwareValuation, Strategy):
    """Move AI hardware above the software norm into financials, healthcare and small caps, until realigned.

    1. Cap-weighted universe; each hardware name is cut by ``clip(P/S / norm - 1, 0, max_cut)``.
    2. Of the freed weight 40% go to financials, by shareholder yield, and 30% to healthcare companies with
       pricing power, by free cash flow yield.
    3. 30% go to small caps: the vehicle in group `small_cap` where one trades, else all stocks outside AI
       hardware in equal weight.
    4. A cut is held, and may rise, until hardware's growth gap to software has been normal for two quarters;
       then it is lifted by equal steps over `glide_months`. See `Rotation`.

    Weights are worked out afresh at each decision from what is known then; only the `Rotation` is remembered.

    Attributes
    ----------
    hardware, software, norm_years, norm_sessions, max_cut
        See `HardwareValuation`.
    financials, healthcare, small_cap : str
        Names of the groups that receive the money. An empty `small_cap` means: always the equal-weight
        vehicle.
    financials_share, healthcare_share, small_cap_share : float
        Their shares of the freed weight; must add to 1. A sleeve without any member that trades leaves its
        share to the others.
    margin_screen : bool
        Whether healthcare companies known to lack pricing power are passed over.
    growth_quarters : int
        Quarters over which the growth gap is standardised.
    realign_quarters : int
        Consecutive quarters that the growth gap must be normal.
    realign_z : float
        Largest absolute z-score that counts as normal.
    glide_months : int
        Months over which cuts are lifted; 0 lifts them at once.
    """

    financials: GroupName = "financials"
    healthcare: GroupName = "healthcare"
    small_cap: str = "small_cap"
    financials_share: Share = 0.40
    healthcare_share: Share = 0.30
    small_cap_share: Share = 0.30
    margin_screen: bool = True
    growth_quarters: Annotated[int, Field(ge=4, le=80)] = 20
    realign_quarters: Annotated[int, Field(ge=1, le=20)] = 2
    realign_z: Annotated[float, Field(gt=0, le=10)] = 0.5
    glide_months: Annotated[int, Field(ge=0, le=120)] = 6

    def check(self) -> None:
        """See `Strategy.check`."""
        total = self.financials_share + self.healthcare_share + self.small_cap_share
        if abs(total - 1) > 1e-9:
            raise StrategyError(
                f"strategy.financials_share, strategy.healthcare_share and strategy.small_cap_share add to "
                f"{total:g}; they must add to 1"
            )
        for key in ("software", "financials", "healthcare", "small_cap"):
            if getattr(self, key) == self.hardware:
                raise StrategyError(f"strategy.{key} = {self.hardware!r} is strategy.hardware too")

    def decide(self, see: AsOf) -> Target | None:
        """See `Strategy.decide`."""
        self._require_sleeves(see)
        base = cap_weighted_target(see, universe(see))
        if base is None:
            return None
        valuation = self.valuation(see)
        before = Rotation.remembered(see.previous)
        signal = self.signal(see) if before.phase != "watch" else None
        realigned = signal is not None and signal.realigned
        after = before.next(valuation.known, realigned, see.today, self.glide_months)
        target = _rotated(base, valuation, after, signal)
        if after.cut:
            share, why = self.carried_out(see)
            target = _gated(base, target, after, share, why)
        freed = _total(base) - _total(target)
        if freed > NEGLIGIBLE:
            target = _funded(target, freed, self.sleeves(see))
        return _with_news(target, valuation.gaps, see.previous).remember(rotation=after.state())

    def signal(self, see: AsOf) -> Realignment:
        """Whether hardware's growth premium is back to normal."""
        return realignment(
            see,
            self.hardware,
            self.software,
            window=self.growth_quarters,
            quarters=self.realign_quarters,
            limit=self.realign_z,
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

    def _require_sleeves(self, see: AsOf) -> None:
        """Refuse sleeves that the market does not have, whether needed today or not."""
        if self.financials_share:
            require_group(see, "financials", self.financials)
        if self.healthcare_share:
            require_group(see, "healthcare", self.healthcare)
        if self.small_cap_share and self.small_cap and self.small_cap not in see.groups:
            raise StrategyError(
                f"strategy.small_cap = {self.small_cap!r}: "
                f"{unknown_name('group', self.small_cap, see.groups)} "
                "(leave it empty for the equal-weight vehicle)"
            )

    def _receivers(self, see: AsOf, group: str) -> list[str]:
        """Members of `group` that may receive money: hardware never does."""
        hardware = set(see.members(self.hardware))
        return [symbol for symbol in see.members(group) if symbol not in hardware]

    def _financials_sleeve(self, see: AsOf) -> Sleeve:
        if not self.financials_share:
            return Sleeve("financials", 0.0, equal_weights(()), "")
        weights, why = _by_yield(see, self._receivers(see, self.financials), "shareholder_yield")
        return Sleeve("financials", self.financials_share, weights, why)

    def _healthcare_sleeve(self, see: AsOf) -> Sleeve:
        if not self.healthcare_share:
            return Sleeve("healthcare", 0.0, equal_weights(()), "")
        companies = self._receivers(see, self.healthcare)
        screened, screen = _with_pricing_power(see, companies) if self.margin_screen else (companies, "")
        weights, why = _by_yield(see, screened, "free_cash_flow_yield")
        return Sleeve("healthcare", self.healthcare_share, weights, f"{why}{screen}")

    def _small_cap_sleeve(self, see: AsOf) -> Sleeve:
        vehicle = self._receivers(see, self.small_cap) if self.small_cap and self.small_cap_share else []
        if vehicle:
            return Sleeve("small caps", self.small_cap_share, equal_weights(vehicle), listed(vehicle))
        hardware = set(see.members(self.hardware))
        stocks = [symbol for symbol in universe(see) if symbol not in hardware]
        why = f"no small-cap vehicle trades, so {len(stocks)} stocks outside AI hardware in equal weight"
        return Sleeve("small caps", self.small_cap_share, equal_weights(stocks), why)


def _total(target: Target) -> float:
    return sum(target.weights.values())


def _rotated(base: Target, valuation: Valuation, rotation: Rotation, signal: Realignment | None) -> Target:
    """`base` with the rotation's cuts, each with its reason."""
    cut = {name: share for name, share in rotation.cut.items() if name in base.weights}
    if not cut:
        if rotation.phase == "settled" and signal is not None:
            return base.note(f"{signal.why}: nothing is cut")
        return base.note(valuation.calm) if valuation.known and not rotation.cut else base
    if rotation.phase == "gliding" and signal is not None:
        return base.scale(
            {name: 1 - share for name, share in cut.items()},
            why=f"{signal.why}, so cuts are lifted month by month since {rotation.glide_since}; "
            f"left: {_cuts(cut)}",
        )
    called_for = {name: share for name, share in cut.items() if valuation.known.get(name, -1.0) >= share}
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
            why=f"cuts held until growth realigns: {_cuts(held)}, {valuation.priced(held)}{until}",
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


def _funded(target: Target, freed: float, sleeves: tuple[Sleeve, ...]) -> Target:
    """`target` with the `freed` weight spread over the sleeves that have a member."""
    filled = [sleeve for sleeve in sleeves if sleeve.share > 0 and len(sleeve.weights)]
    total = sum(sleeve.share for sleeve in filled)
    for sleeve in filled:
        share = sleeve.share / total
        target = target.add(
            sleeve.weights * (freed * share),
            why=f"{share:.0%} of the {freed:.2%} freed to {sleeve.name}: {sleeve.why}",
        )
    empty = [sleeve.name for sleeve in sleeves if sleeve.share > 0 and not len(sleeve.weights)]
    if empty:
        where = "shared by the others" if filled else "left in cash"
        target = target.note(f"nothing trades in {listed(empty)}: that part is {where}")
    return target


def _by_yield(see: AsOf, symbols: list[str], fact: str) -> tuple[pd.Series[float], str]:
    """Weights by a yield inside a sleeve, and the reason."""
    words = fact.replace("_", " ")
    yields = see.latest(fact, symbols=symbols) if see.has(fact) else pd.Series(np.nan, index=symbols)
    known = [str(symbol) for symbol in yields.index[yields.notna()]]
    if len(known) < 2:
        of_whom = f" of all but {known[0]}" if known and len(symbols) > 1 else ""
        return equal_weights(symbols), f"{listed(symbols)} in equal weight, {words} unknown{of_whom}"
    weights = yield_weights(yields)
    unknown = [symbol for symbol in symbols if symbol not in known]
    best = weights[weights > 0].sort_values(ascending=False, kind="stable").index
    why = f"by {words}, most to {listed(map(str, best), most=3)}"
    return weights, f"{why}; equal share where unknown: {listed(unknown)}" if unknown else why


def _with_pricing_power(see: AsOf, companies: list[str]) -> tuple[list[str], str]:
    """`companies` without those known to lack pricing power, and a remark on the screen."""
    if not companies or not see.has("gross_margin"):
        return companies, "; pricing power unknown"
    power = pricing_power(quarterly_history(see, "gross_margin", MARGIN_QUARTERS, companies))
    kept = [company for company in companies if power[company] != 0]
    if not power.notna().any():
        return companies, "; pricing power unknown"
    if not kept:
        return companies, "; no company has pricing power, so none is passed over"
    out = len(companies) - len(kept)
    return kept, f"; {out} passed over for lack of pricing power" if out else ""


def _with_news(target: Target, notes: tuple[str, ...], previous: Target | None) -> Target:
    """`target` with the notes that were not made at the decision before, so that each is made once."""
    made = previous.state.get("noted", ()) if previous is not None else ()
    for note in notes:
        if note not in made:
            target = target.note(note)
    return target.remember(noted=list(notes))
