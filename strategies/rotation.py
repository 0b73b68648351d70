"""The blueprint with its sleeves tilted by the pillars and its cuts gated by the style regime."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field

from strategies.asof import AsOf
from strategies.benchmarks import Share
from strategies.blueprint import Blueprint, percent
from strategies.signals import (
    Reading,
    capex_boundary,
    curve_pillar,
    discount_rate_pillar,
    guidance_shock,
    leveraged,
    listed,
    oil_pillar,
    short_rate_pillar,
    style_regime,
    thaw_pillar,
)
from strategies.sleeves import Sleeve, alike, times
from strategies.strategy import ReadWith

Threshold = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
"""Smallest change that counts."""


TRANSPORT = (
    "Air Freight & Logistics",
    "Cargo Ground Transportation",
    "Marine Transportation",
    "Passenger Airlines",
    "Passenger Ground Transportation",
    "Rail Transportation",
)
MANUFACTURING = (
    "Agricultural & Farm Machinery",
    "Automobile Manufacturers",
    "Automotive Parts & Equipment",
    "Building Products",
    "Construction Machinery & Heavy Transportation Equipment",
    "Electrical Components & Equipment",
    "Industrial Conglomerates",
    "Industrial Machinery & Supplies & Components",
)
REGIONAL_BANKS = ("Regional Banks",)
"""Industries that the source analysis names as beneficiaries, as GICS sub-industries (MSCI and S&P, 2023)."""

BENEFICIARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"oil": TRANSPORT + MANUFACTURING, "discount rate": REGIONAL_BANKS, "curve": REGIONAL_BANKS}
)
"""Who gains, by the name of a pillar's reading; leveraged small caps besides, see `RELIEVED`."""

RELIEVED = ("discount rate", "short rate")
"""Pillars that relieve companies in debt: the more indebted half of the small-cap group's stocks gains."""


_PILLARS = dict.fromkeys(("oil", "rates", "short_rate", "curve", "thaw"), (True,))
_GATES = dict.fromkeys(("dow_nasdaq", "small_large", "capex", "guidance", "floating_debt"), (True,))


class PillarTilt(Blueprint):
    """The blueprint with more of the freed money going to the sleeve that the pillars favour.

    Each pillar that is on belongs to one sleeve: oil, the discount rate and the short rate to small caps, the
    yield curve and the investment-banking thaw to financials. A sleeve's share is multiplied by
    ``1 + strength * (mean lean of its known pillars)`` and the shares are brought back to a total of 1. A
    pillar that can't be read tilts nothing, and the reason says so. Of a sleeve whose pillars lean for it,
    `beneficiary_share` goes to the industries that these name (`BENEFICIARIES`) where the market has them,
    and where rates have fallen to the more indebted half of the small-cap stocks (`RELIEVED`); a fund has
    none to pick. With every pillar off this is the plain `Blueprint`.

    Attributes
    ----------
    oil : bool
        Brent (or WTI) has fallen over `pillar_window` values: more to small caps.
    rates : bool
        The 10-year yield has fallen: more to small caps.
    short_rate : bool
        The short rate, on which floating debt resets, has fallen: more to small caps.
    curve : bool
        The curve has steepened: more to financials.
    thaw : bool
        VIX is below `calm_vix` and the high-yield spread has narrowed: more to financials.
    strength : float
        Largest relative change of a sleeve's share, between 0 and 1.
    beneficiary_share : float
        Part of a favoured sleeve that goes to the industries its pillars name, in equal weight.
    pillar_window : int
        Values of a series over which changes are taken; read, as the two above, with a pillar that is on.
    oil_change : float
        Relative change of oil that counts, as a fraction; read with `oil`.
    rate_change : float
        Change of a yield or of the slope that counts, in percentage points; read with a pillar of either.
    calm_vix : float
        VIX below which the thaw is possible; read with `thaw`.
    """

    read_with: ClassVar[ReadWith] = MappingProxyType(
        {
            **Blueprint.read_with,
            **dict.fromkeys(("strength", "beneficiary_share", "pillar_window"), _PILLARS),
            "oil_change": {"oil": (True,)},
            "rate_change": dict.fromkeys(("rates", "short_rate", "curve"), (True,)),
            "calm_vix": {"thaw": (True,)},
        }
    )

    oil: bool = True
    rates: bool = True
    short_rate: bool = True
    curve: bool = True
    thaw: bool = True
    strength: Share = 0.5
    beneficiary_share: Share = 0.5
    pillar_window: Annotated[int, Field(ge=1, le=252)] = 20
    oil_change: Threshold = 0.05
    rate_change: Threshold = 0.10
    calm_vix: Annotated[float, Field(gt=0, le=200)] = 20.0

    def pillars(self, see: AsOf) -> dict[str, list[Reading]]:
        """Today's reading of each pillar that is on, by the sleeve that it tilts."""
        window = self.pillar_window
        small: list[Reading] = []
        banks: list[Reading] = []
        if self.oil:
            small.append(oil_pillar(see, window=window, least=self.oil_change))
        if self.rates:
            small.append(discount_rate_pillar(see, window=window, least=self.rate_change))
        if self.short_rate:
            small.append(short_rate_pillar(see, window=window, least=self.rate_change))
        if self.curve:
            banks.append(curve_pillar(see, window=window, least=self.rate_change))
        if self.thaw:
            banks.append(thaw_pillar(see, window=window, calm=self.calm_vix))
        return {"small caps": small, "financials": banks}

    def sleeves(self, see: AsOf) -> tuple[Sleeve, ...]:
        """Where freed money goes today, tilted."""
        pillars = self.pillars(see)
        found = []
        for sleeve in super().sleeves(see):
            readings = pillars.get(sleeve.name, [])
            found.append(tilted(self._with_beneficiaries(see, sleeve, readings), readings, self.strength))
        return tuple(found)

    def _with_beneficiaries(self, see: AsOf, sleeve: Sleeve, readings: list[Reading]) -> Sleeve:
        """`sleeve` with part of it in the industries that the pillars which lean for it name."""
        favoured = [name for each in readings if each.lean == 1 for name in BENEFICIARIES.get(each.name, ())]
        hardware = set(see.members(self.hardware))
        stocks = see.members(kind="stock", industries=favoured) if favoured else []
        if sleeve.name == "small caps" and any(each.lean == 1 and each.name in RELIEVED for each in readings):
            small = see.members(self.small_cap, kind="stock") if self.small_cap else []
            stocks = [*stocks, *(name for name in leveraged(see, small) if name not in stocks)]
        chosen = [symbol for symbol in stocks if symbol not in hardware]
        if not chosen or not self.beneficiary_share or not len(sleeve.weights):
            return sleeve
        part = self.beneficiary_share
        kept, given = times(sleeve.weights, 1 - part), times(alike(chosen), part)
        mixed = {name: kept.get(name, 0.0) + given.get(name, 0.0) for name in sorted({*kept, *given})}
        return sleeve._replace(weights=mixed, why=f"{sleeve.why}; {percent(part)} of it to {listed(chosen)}")


def tilted(sleeve: Sleeve, pillars: list[Reading], strength: float) -> Sleeve:
    """`sleeve` with its share multiplied by ``1 + strength * (mean lean of the known pillars)``."""
    if not pillars or not sleeve.share:
        return sleeve
    leans = [reading.lean for reading in pillars if reading.lean is not None]
    factor = 1.0 + strength * sum(leans) / len(leans) if leans else 1.0
    words = "; ".join(reading.why for reading in pillars)
    return sleeve._replace(share=sleeve.share * factor, why=f"{sleeve.why}; share x {factor:.2f} ({words})")


class RotationRegime(PillarTilt):
    """The blueprint whose cuts are carried out only while the style regime favours the rotation.

    Five gates: the regime of Dow over Nasdaq, that of small companies over large ones (see
    `strategies.signals.style_regime`), whether hyperscalers spend faster than software earns
    (`capex_boundary`), whether hardware had a guidance shock lately (`guidance_shock`), and whether the short
    rate, on which floating debt resets, has not risen (`short_rate_pillar`). The share of the cuts that is
    carried out runs from `off_share`, when no gate is open, to 1, when all that are known are. What the
    rotation remembers is not touched: when a gate opens again, the cuts are back. A gate that can't be read
    does not count, and the reason says so. With every gate and pillar off this is the plain `Blueprint`.

    Attributes
    ----------
    dow_nasdaq : bool
        Whether the regime of `dow` over `nasdaq` gates.
    small_large : bool
        Whether the regime of `small` over `large` gates.
    capex : bool
        Whether the capital-expenditure boundary gates: the cuts are carried out once it is crossed.
    guidance : bool
        Whether guidance shocks gate: the cuts are carried out for `shock_sessions` after one in hardware.
    floating_debt : bool
        Whether floating debt gates: the cuts are carried out unless the short rate has risen.
    shock_sessions : int
        Sessions for which a guidance shock counts; read with `guidance`.
    dow, nasdaq, small, large : str
        Names of the groups whose relative price is read, each its members in equal weight; empty for every
        stock. Read with the gate of their pair.
    style_window : int
        Sessions of the change that must be above zero; read with either pair's gate.
    style_trend : int
        Sessions of the mean that the relative price must stand above; read with either pair's gate.
    off_share : float
        Share of the cuts that is carried out when no gate is open; read with any gate.
    oil, rates, short_rate, curve, thaw
        See `PillarTilt`; off here unless asked for.
    """

    ELEMENTS: ClassVar[tuple[str, ...]] = (
        "oil",
        "rates",
        "short_rate",
        "curve",
        "thaw",
        "dow_nasdaq",
        "small_large",
        "capex",
        "guidance",
        "floating_debt",
    )
    """What an ablation switches on and off."""

    read_with: ClassVar[ReadWith] = MappingProxyType(
        {
            **PillarTilt.read_with,
            "pillar_window": {**PillarTilt.read_with["pillar_window"], "floating_debt": (True,)},
            "rate_change": {**PillarTilt.read_with["rate_change"], "floating_debt": (True,)},
            "shock_sessions": {"guidance": (True,)},
            "dow": {"dow_nasdaq": (True,)},
            "nasdaq": {"dow_nasdaq": (True,)},
            "small": {"small_large": (True,)},
            "large": {"small_large": (True,)},
            "style_window": {"dow_nasdaq": (True,), "small_large": (True,)},
            "style_trend": {"dow_nasdaq": (True,), "small_large": (True,)},
            "off_share": _GATES,
        }
    )

    oil: bool = False
    rates: bool = False
    short_rate: bool = False
    curve: bool = False
    thaw: bool = False
    dow_nasdaq: bool = True
    small_large: bool = True
    capex: bool = False
    guidance: bool = False
    floating_debt: bool = False
    shock_sessions: Annotated[int, Field(ge=1, le=252)] = 63
    dow: str = "dow"
    nasdaq: str = "nasdaq"
    small: str = "small_cap"
    large: str = "cap_weighted"
    style_window: Annotated[int, Field(ge=1, le=1260)] = 63
    style_trend: Annotated[int, Field(ge=2, le=2520)] = 200
    off_share: Share = 0.0

    def gates(self, see: AsOf) -> list[tuple[bool | None, str]]:
        """Whether each gate is open today, None where it can't be read, and why."""
        pairs = [(self.dow, self.nasdaq)] if self.dow_nasdaq else []
        pairs += [(self.small, self.large)] if self.small_large else []
        regimes = [style_regime(see, *pair, self.style_window, self.style_trend) for pair in pairs]
        gates = [(regime.leading, regime.why) for regime in regimes]
        if self.capex:
            boundary = capex_boundary(see, software=self.software)
            gates.append((boundary.crossed, boundary.why))
        if self.guidance:
            shock = guidance_shock(see, self.hardware, self.shock_sessions)
            gates.append((shock.seen, shock.why))
        if self.floating_debt:
            rate = short_rate_pillar(see, window=self.pillar_window, least=self.rate_change)
            gates.append((None if rate.lean is None else rate.lean >= 0, rate.why))
        return gates

    def carried_out(self, see: AsOf) -> tuple[float, str]:
        """The mean of what the gates that can be read allow."""
        gates = self.gates(see)
        known = [state for state, _ in gates if state is not None]
        why = "; ".join(words for _, words in gates)
        if not known:
            return 1.0, f"{why}: the cuts are not gated" if gates else ""
        share = self.off_share + (1.0 - self.off_share) * sum(known) / len(known)
        return share, f"{why}: {percent(share)} of the cuts carried out"
