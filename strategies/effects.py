"""What each cut freed, for how long, and what it cost or earned, name by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from strategies.asof import AsOf
from strategies.exhibit import Exhibit, Listing, Unit
from strategies.signals.weights import listed
from strategies.target import Target

Array = npt.NDArray[np.float64]
MONTHS_A_YEAR, SESSIONS_A_MONTH = 12, 21
NEGLIGIBLE = 1e-9
Period = tuple[float, int, float, float]
"""Weight taken out, sessions, own return, and that of what was bought instead."""

Spell = tuple[pd.Timestamp, pd.Timestamp]
"""First and last day of a stretch of time."""


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
    spells : tuple of (Timestamp, Timestamp)
        First and last day of each stretch in which it was cut.
    own, instead : float
        Its return while it was cut, and that of what the money bought instead; of the whole time.
    points : float
        What that came to for the portfolio, a year of the whole run, before costs; 0.01 is a point.
    """

    symbol: str
    freed: float
    months: float
    spells: tuple[Spell, ...]
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
    spells: dict[str, list[Spell]] = {}
    ends = [*dates[1:], see.today]
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
                mine = spells.setdefault(name, [])
                goes_on = mine and mine[-1][1] == dates[place]
                mine.append((mine.pop()[0] if goes_on else dates[place], ends[place]))
    years = max(len(returns), 1) / (MONTHS_A_YEAR * SESSIONS_A_MONTH)
    made = (_effect(name, periods, spells[name], years) for name, periods in found.items())
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


def _effect(symbol: str, periods: list[Period], spells: list[Spell], years: float) -> Effect:
    table = np.array(periods, dtype=np.float64)
    cut, sessions, own, instead = table.T
    return Effect(
        symbol,
        float(np.average(cut, weights=np.maximum(sessions, 1e-9))),
        float(sessions.sum()) / SESSIONS_A_MONTH,
        tuple(spells),
        float(np.prod(1 + own) - 1),
        float(np.prod(1 + instead) - 1),
        float((cut * (instead - own)).sum() / years),
    )


TITLE = "Cuts, name by name"
MOST_CHARTS = 6
LEVEL = 0.005
"""Points a year that are called the same."""

COLUMNS: tuple[tuple[str, Unit], ...] = (
    ("Cut", "text"),
    ("When", "text"),
    ("Months", "integer"),
    ("Weight freed", "percent2"),
    ("Its return", "signed"),
    ("Bought instead", "signed"),
    ("Points a year", "points"),
)


def effects_exhibits(
    see: AsOf, targets: Mapping[pd.Timestamp, Target], norm: pd.Series[float]
) -> tuple[Exhibit, ...]:
    """What each cut did, in words and a table, and a chart of what each name sold for against the norm.

    Parameters
    ----------
    see, targets
        As for `effects`.
    norm : Series
        The software norm by session.

    Returns
    -------
    tuple of Exhibit
        The table first; then the names of which most was freed, weight times time, `MOST_CHARTS` at most.
    """
    found = effects(see, targets)
    if not found:
        return (Exhibit(TITLE, "The rule cut nothing.", first=True),)
    largest = sorted(found, key=lambda effect: -effect.freed * effect.months)[:MOST_CHARTS]
    multiples = see.history("price_to_sales", see.since(min(targets)), symbols=[e.symbol for e in largest])
    return (
        Exhibit(TITLE, _words(found, targets), table=_table(found), first=True),
        *(_chart(effect, multiples[effect.symbol], norm) for effect in largest),
    )


def _words(found: Sequence[Effect], targets: Mapping[pd.Timestamp, Target]) -> str:
    total = 100 * sum(effect.points for effect in found)
    cutting = sum(bool(_cut(target)) for target in targets.values())
    did = "better" if total >= LEVEL else "worse" if total <= -LEVEL else "about as well"
    most = ", ".join(f"{effect.symbol} {100 * effect.points:+.2f}" for effect in found[:2])
    symbols = [effect.symbol for effect in found]
    names = " and ".join(symbols) if len(symbols) < 3 else listed(symbols, most=4)
    return (
        f"The rule cut {names}, on {cutting:,} of "
        f"{len(targets):,} decisions. The money did {did} elsewhere: {total:+.2f} points a year before costs "
        f"({most})."
    )


def _table(found: Sequence[Effect]) -> Listing:
    rows = tuple(
        (
            effect.symbol,
            _when(effect.spells),
            effect.months,
            effect.freed,
            effect.own,
            effect.instead,
            100 * effect.points,
        )
        for effect in found
    )
    return Listing(
        "What each cut cost or earned",
        COLUMNS,
        rows,
        "Weight freed: mean while it was cut, of the portfolio. Returns: over the time in which it was cut. "
        "Points a year: weight freed x (bought instead - its return), by decision, before costs.",
    )


def _when(spells: Sequence[Spell]) -> str:
    """First and last month, and in how many spells."""
    span = f"{spells[0][0]:%Y-%m} to {spells[-1][1]:%Y-%m}"
    return f"{span}, {len(spells)} spells" if len(spells) > 1 else span


def _chart(effect: Effect, multiples: pd.Series[float], norm: pd.Series[float]) -> Exhibit:
    symbol = effect.symbol
    line = norm.reindex(multiples.index)
    both = multiples.notna() & line.notna()
    above = (
        f"above the norm on {(multiples[both] > line[both]).mean():.0%} of the sessions" if both.any() else ""
    )
    return Exhibit(
        TITLE,
        f"{symbol} was {above or 'never valued'}; cut {_when(effect.spells)}.",
        {symbol: multiples, "norm": line},
        f"{symbol}: price-to-sales, and the software norm (logarithmic)",
        log=True,
        shaded=effect.spells,
        shade="cut",
    )
