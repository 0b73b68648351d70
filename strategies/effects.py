"""What each cut freed, for how long, and what it cost or earned, name by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from strategies.asof import AsOf
from strategies.exhibit import Exhibit
from strategies.target import Target

Array = npt.NDArray[np.float64]
MONTHS_A_YEAR, SESSIONS_A_MONTH = 12, 21
NEGLIGIBLE = 1e-9
Period = tuple[float, int, float, float]
"""Weight taken out, sessions, own return, and that of what was bought instead."""


@dataclass(frozen=True)
class Effect:
    """What cutting one name did.

    Attributes
    ----------
    symbol : str
    freed : float
        Mean weight taken out of it while it was cut.
    months : float
        Of 21 sessions, in which it was cut.
    own, instead : float
        Its return while it was cut, and that of what the money bought instead; of the whole time.
    points : float
        What that came to for the portfolio, a year of the whole run, before costs; 0.01 is a point.
    """

    symbol: str
    freed: float
    months: float
    own: float
    instead: float
    points: float


def effects(see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> tuple[Effect, ...]:
    """What each cut of `targets` did until the session of `see`, the one that mattered most first.

    Parameters
    ----------
    see : AsOf
        As of the run's last session.
    targets : mapping of Timestamp to Target
        Decisions that remember the rotation, and at which step their base stood.

    Notes
    -----
    Between two decisions a name's effect is the weight taken out of it times the difference of the two
    returns, from close to close; fills a session later and drift between the decisions are left out.
    """
    dates = list(targets)
    if not any(_cut(target) for target in targets.values()):
        return ()
    sessions = see.since(dates[0])
    names = sorted({name for target in targets.values() for name in (*target.weights, *_base(target))})
    returns = see.returns(sessions, symbols=names)
    growth = np.vstack([np.ones(len(names)), np.cumprod(1 + np.nan_to_num(returns.to_numpy()), axis=0)])
    known = {name: place for place, name in enumerate(names)}
    days = [*np.searchsorted(returns.index, pd.DatetimeIndex(dates), side="right").tolist(), len(returns)]
    found: dict[str, list[Period]] = {}
    for place, target in enumerate(targets.values()):
        first, last = days[place], days[place + 1]
        base = _base(target)
        moved = growth[last] / growth[first] - 1.0
        bought = {name: weight - base.get(name, 0.0) for name, weight in target.weights.items()}
        bought = {name: weight for name, weight in bought.items() if weight > NEGLIGIBLE}
        total = sum(bought.values())
        gained = sum(weight * float(moved[known[name]]) for name, weight in bought.items())
        instead = gained / total if total else 0.0
        for name, weight in base.items():
            cut = weight - target.weights.get(name, 0.0)
            if cut > NEGLIGIBLE and name in _cut(target):
                found.setdefault(name, []).append((cut, last - first, float(moved[known[name]]), instead))
    years = max(len(returns), 1) / (MONTHS_A_YEAR * SESSIONS_A_MONTH)
    made = (_effect(name, periods, years) for name, periods in found.items())
    return tuple(sorted(made, key=lambda effect: -abs(effect.points)))


def _cut(target: Target) -> Mapping[str, float]:
    """Names that are cut, and by which share."""
    cut: Mapping[str, float] = target.state.get("rotation", {}).get("cut", {})
    return cut


def _base(target: Target) -> Mapping[str, float]:
    """Weights before the cuts."""
    weights: dict[str, float] = {}
    for change in target.changes[: int(target.state.get("base", 1))]:
        weights |= change.weights
    return weights


def _effect(symbol: str, periods: list[Period], years: float) -> Effect:
    table = np.array(periods, dtype=np.float64)
    cut, sessions, own, instead = table.T
    return Effect(
        symbol,
        float(np.average(cut, weights=np.maximum(sessions, 1e-9))),
        float(sessions.sum()) / SESSIONS_A_MONTH,
        float(np.prod(1 + own) - 1),
        float(np.prod(1 + instead) - 1),
        float((cut * (instead - own)).sum() / years),
    )


def effects_exhibit(see: AsOf, targets: Mapping[pd.Timestamp, Target]) -> Exhibit:
    """The effects in words, and what each name that was cut sold for."""
    found = effects(see, targets)
    title = "Cuts, name by name"
    if not found:
        return Exhibit(title, "Nothing was cut.")
    total = sum(effect.points for effect in found)
    lines = [
        f"{effect.symbol}: {effect.freed:.2%} of the portfolio for {effect.months:.0f} months; it returned "
        f"{effect.own:+.0%} meanwhile, what was bought instead {effect.instead:+.0%}: "
        f"{100 * effect.points:+.2f} points a year"
        for effect in found
    ]
    multiples = see.history("price_to_sales", see.since(min(targets)), symbols=[e.symbol for e in found[:4]])
    return Exhibit(
        title,
        f"Together {100 * total:+.2f} points a year before costs. " + "; ".join(lines) + ".",
        {str(symbol): multiples[symbol] for symbol in multiples},
        "Price-to-sales of the cut names that mattered most, logarithmic scale",
        log=True,
    )
