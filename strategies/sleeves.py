"""Where freed money goes: shares of it, floors in equity, and weights inside each sleeve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from strategies.asof import AsOf, once_a_session
from strategies.exhibit import Exhibit, Listing
from strategies.signals import (
    UNKNOWN,
    Ladder,
    cash_yield,
    listed,
    margin_power,
    payout_yield,
    preferred,
    universe,
    well_matched,
    yield_weights,
)
from strategies.target import Target

Sources = Mapping[str, Mapping[str, int]]
"""How many companies each source of a figure served, by what the figure is for."""

NEGLIGIBLE = 1e-12
"""Weight below which nothing was freed."""


class Sleeve(NamedTuple):
    """Where part of the money goes.

    Attributes
    ----------
    name : str
        As readers know it.
    share : float
        Its share of the freed weight.
    weights : mapping of str to float
        Weights inside the sleeve, adding to 1; empty if nothing in it trades.
    why : str
        How they came about.
    floor : float
        Share of equity that its members have at least, whatever is cut.
    members : tuple of str
        What counts towards the floor; nothing where the sleeve has no instruments of its own.
    sources : mapping of str to mapping of str to int
        How many companies each source of each figure behind the weights served.
    """

    name: str
    share: float
    weights: Mapping[str, float]
    why: str
    floor: float = 0.0
    members: tuple[str, ...] = ()
    sources: Sources = MappingProxyType({})


class Inside(NamedTuple):
    """What a `Sleeve` is whatever its share and floor, in its words."""

    weights: Mapping[str, float]
    why: str
    members: tuple[str, ...] = ()
    sources: Sources = MappingProxyType({})

    def sleeve(self, name: str, share: float, floor: float) -> Sleeve:
        """The sleeve that this is the inside of."""
        return Sleeve(name, share, self.weights, self.why, floor, self.members, self.sources)


@once_a_session
def financials_inside(see: AsOf, group: str, hardware: str, screened: bool) -> Inside:
    """Weights by what is paid to owners, among those whose liabilities match their assets."""
    banks = _receivers(see, group, hardware)
    screen = well_matched(see, banks) if screened and banks else None
    return _inside("match", screen, banks, "for a poor match", lambda kept: payout_yield(see, kept))


@once_a_session
def healthcare_inside(see: AsOf, group: str, hardware: str, screened: bool) -> Inside:
    """Weights by cash yield, among those with pricing power."""
    companies = _receivers(see, group, hardware)
    screen = margin_power(see, companies) if screened and companies else None
    lacking = "for lack of pricing power"
    return _inside("pricing power", screen, companies, lacking, lambda kept: cash_yield(see, kept))


@once_a_session
def small_caps_inside(see: AsOf, group: str, hardware: str) -> Inside:
    """The vehicle, where a group is named and trades; else the stocks outside hardware, all alike."""
    vehicle = _receivers(see, group, hardware) if group else ()
    if vehicle:
        return Inside(alike(vehicle), listed(vehicle), vehicle)
    outside = _without(see, hardware, universe(see))
    why = f"no small-cap vehicle trades, so {len(outside)} stocks outside AI hardware in equal weight"
    return Inside(alike(outside), why)


def _receivers(see: AsOf, group: str, hardware: str) -> tuple[str, ...]:
    """Members of `group` that may receive money: hardware never does."""
    return _without(see, hardware, see.members(group))


def _without(see: AsOf, group: str, symbols: Iterable[str]) -> tuple[str, ...]:
    """`symbols` without the members of `group`."""
    never = set(see.members(group))
    return tuple(symbol for symbol in symbols if symbol not in never)


def _inside(
    screened: str,
    screen: Ladder | None,
    symbols: tuple[str, ...],
    lacking: str,
    figure: Callable[[Sequence[str]], Ladder],
) -> Inside:
    """Weights by a figure among those that pass a screen, and the source of either, company by company."""
    kept = symbols if screen is None else preferred(screen)
    yields = figure(kept)
    weights = _weights(yields)
    why = f"{listed(kept)} in equal weight" if len(yields.known) < 2 else _most(weights)
    why = f"{why}; by {yields.words()}"
    sources = {"yield": _counted(yields)}
    if screen is None:
        return Inside(weights, why, symbols, MappingProxyType(sources))
    out = len(symbols) - len(kept)
    passed = f"; {out} passed over {lacking}" if out else ""
    why = f"{why}{passed}; screened by {screen.words()}"
    return Inside(weights, why, symbols, MappingProxyType({screened: _counted(screen), **sources}))


def _counted(ladder: Ladder) -> Mapping[str, int]:
    return MappingProxyType({source: len(who) for source, who in ladder.served.items()})


def sources_of(sleeves: Sequence[Sleeve]) -> dict[str, dict[str, int]]:
    """How many companies each source served today, by sleeve and figure, as JSON knows it."""
    return {
        f"{sleeve.name}: {figure}": dict(counts)
        for sleeve in sleeves
        for figure, counts in sleeve.sources.items()
        if counts
    }


def sources_exhibit(targets: Mapping[pd.Timestamp, Target]) -> Exhibit:
    """Which source served how many company-months, over the decisions that put money into a sleeve."""
    total: dict[str, Counter[str]] = {}
    asked = [target.state["sources"] for target in targets.values() if target.state.get("sources")]
    for sources in asked:
        for figure, counts in sources.items():
            total.setdefault(figure, Counter()).update(counts)
    title = "Where the sleeves' figures came from"
    if not total:
        return Exhibit(title, "No money went to a sleeve that is weighted by a figure.", looked_up=True)
    rows = tuple(
        (figure, source, count, count / counts.total())
        for figure, counts in total.items()
        for source, count in sorted(counts.items(), key=lambda each: (each[0] == UNKNOWN, -each[1]))
    )
    return Exhibit(
        title,
        "Each company is read from the best source that it has; the decision log names the source company by "
        "company.",
        table=Listing(
            f"Which source served, over {len(asked):,} decisions",
            (("Figure", "text"), ("Source", "text"), ("Company-months", "integer"), ("Share", "percent")),
            rows,
            "A company-month is one company at one decision. One that no source knows gets the equal share.",
        ),
        looked_up=True,
    )


def _weights(yields: Ladder) -> Mapping[str, float]:
    if len(yields.known) < 2:
        return alike(yields.symbols)
    weights = yield_weights(pd.Series(yields.values, index=list(yields.symbols)))
    return MappingProxyType(dict(zip(yields.symbols, weights.tolist(), strict=True)))


def alike(symbols: Iterable[str]) -> Mapping[str, float]:
    """The same weight for each of `symbols`, adding to 1."""
    names = list(symbols)
    return MappingProxyType(dict.fromkeys(names, 1.0 / len(names)) if names else {})


def times(weights: Mapping[str, float], share: float) -> dict[str, float]:
    """`weights`, each times `share`."""
    return {name: weight * share for name, weight in weights.items()}


def _most(weights: Mapping[str, float]) -> str:
    best = sorted((name for name, weight in weights.items() if weight > 0), key=lambda name: -weights[name])
    return f"most to {listed(best, most=3)}"


def with_floors(base: Target, sleeves: Sequence[Sleeve]) -> Target:
    """`base` with each sleeve at its floor at least; what is missing comes from the rest, pro rata."""
    lacking = {
        place: sleeve.floor - base.weight_of(sleeve.members)
        for place, sleeve in enumerate(sleeves)
        if sleeve.floor > 0 and len(sleeve.weights)
    }
    short = {place: gap for place, gap in lacking.items() if gap > NEGLIGIBLE}
    if not short:
        return base
    protected = {name for sleeve in sleeves if sleeve.floor > 0 for name in sleeve.members}
    rest = {name: weight for name, weight in base.weights.items() if name not in protected}
    total, needed = sum(rest.values()), sum(short.values())
    if total <= NEGLIGIBLE:
        return base
    given = min(needed, total)
    target = base.scale(
        dict.fromkeys(rest, 1.0 - given / total), why=f"{given:.2%} of equity, pro rata, to fill the floors"
    )
    for place, gap in short.items():
        sleeve = sleeves[place]
        target = target.add(
            times(sleeve.weights, gap * given / needed),
            why=f"{sleeve.name} to their floor of {sleeve.floor:.0%} of equity: {sleeve.why}",
        )
    return target


def funded(target: Target, freed: float, sleeves: Sequence[Sleeve]) -> Target:
    """`target` with the `freed` weight spread over the sleeves that have a member."""
    filled = [sleeve for sleeve in sleeves if sleeve.share > 0 and len(sleeve.weights)]
    total = sum(sleeve.share for sleeve in filled)
    for sleeve in filled:
        share = sleeve.share / total
        target = target.add(
            times(sleeve.weights, freed * share),
            why=f"{share:.0%} of the {freed:.2%} freed to {sleeve.name}: {sleeve.why}",
        )
    empty = [sleeve.name for sleeve in sleeves if sleeve.share > 0 and not len(sleeve.weights)]
    if empty:
        where = "shared by the others" if filled else "left in cash"
        target = target.note(f"nothing trades in {listed(empty)}: that part is {where}")
    return target
