"""What hurts: named episodes of history, shocks of one day, the worst stretches, and regimes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.attribution import symbol_returns
from backtests.analysis.exposure import named_groups
from backtests.analysis.factors import factor_regression
from backtests.analysis.performance import NOISE, drawdown_series
from backtests.analysis.span import sessions_a_year
from backtests.analysis.through_time import rolling_volatility
from backtests.engine.books import returns_of
from datafeeds.calendars import SESSIONS_A_YEAR
from datafeeds.market import Array, Dates, Market
from datafeeds.membership import NO_GROUP
from datafeeds.names import unknown_name
from datafeeds.series import series_names, series_table
from strategies.exhibit import Scenario

Labels = npt.NDArray[np.object_]
RATES = ("us10y", "us2y")
"""Series that tell whether rates rise, the first that the market has."""

VIX = "vix"
TRAILING = 63
"""Sessions of trailing volatility where there is no index of it, and of trailing return."""

KNOWN = 0.8
"""Share of the sessions on which an index must be known to be used."""

UNKNOWN = ""
"""Regime label of a session for which too little was known."""


class StressError(ValueError):
    """A scenario that can't be applied; the message names the key and what to do."""


# --- Episodes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Episode:
    """A named stretch of market history.

    Attributes
    ----------
    name : str
    start : str
        ISO date whose close is the base: the last one before the episode, or the index's peak.
    end : str
        ISO date of its last close, or the index's trough.
    source : str
        What happened, and where the dates come from.
    rally : bool
        Whether the market rose: whoever holds less of what leads is hurt by missing it.
    """

    name: str
    start: str
    end: str
    source: str
    rally: bool = False


def _episodes() -> tuple[Episode, ...]:
    text = (Path(__file__).parent / "episodes.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["episode"]
    return tuple(
        Episode(**{**entry, "start": str(entry["start"]), "end": str(entry["end"])}) for entry in entries
    )


EPISODES = _episodes()
"""Episodes in the order of their start. Dates are closes; compare with the run's own sessions."""


@dataclass(frozen=True)
class EpisodeOutcome:
    """What an episode did to the strategy and its benchmarks.

    Attributes
    ----------
    episode : Episode
    start, end : datetime64[D]
        First and last close used.
    whole : bool
        Whether the run covers the episode from start to end; otherwise figures are for the part it covers.
    returns : mapping of str to float
        Return from the first close to the last, by label.
    drawdowns : mapping of str to float
        Maximum drawdown between them, by label.
    """

    episode: Episode
    start: np.datetime64
    end: np.datetime64
    whole: bool
    returns: Mapping[str, float]
    drawdowns: Mapping[str, float]


def episode_outcomes(
    equities: Mapping[str, Array], sessions: Dates, episodes: Iterable[Episode] = EPISODES
) -> tuple[EpisodeOutcome, ...]:
    """Return and drawdown in each episode that the run covers, at least in part.

    Parameters
    ----------
    equities : mapping of str to ndarray, shape (sessions,)
        Equity of the strategy and the benchmarks, by label.
    sessions : ndarray of datetime64[D], shape (sessions,)
    episodes : iterable of Episode

    Returns
    -------
    tuple of EpisodeOutcome
        Episodes of which the run covers fewer than two closes are left out.
    """
    found = []
    for episode in episodes:
        start, end = np.datetime64(episode.start, "D"), np.datetime64(episode.end, "D")
        # The base is the last close on or before the start; a run that begins later has only a part.
        first = max(int(np.searchsorted(sessions, start, side="right")) - 1, 0)
        last = int(np.searchsorted(sessions, end, side="right")) - 1
        if last <= first:
            continue
        span = slice(first, last + 1)
        found.append(
            EpisodeOutcome(
                episode=episode,
                start=sessions[first],
                end=sessions[last],
                whole=bool(sessions[0] <= start and end <= sessions[-1]),
                returns={label: float(each[last] / each[first] - 1) for label, each in equities.items()},
                drawdowns={
                    label: float(drawdown_series(each[span]).min()) for label, each in equities.items()
                },
            )
        )
    return tuple(found)


# --- Scenarios ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShockOutcome:
    """What a scenario does to a portfolio.

    Attributes
    ----------
    scenario : Scenario
    total : float
        Return of the portfolio.
    by_symbol, by_group : mapping of str to float
        Contribution to it, worst first. A symbol without a group counts under ``"no group"``.
    guessed : float
        Weight shocked by `Scenario.rest` for want of anything closer.
    """

    scenario: Scenario
    total: float
    by_symbol: Mapping[str, float]
    by_group: Mapping[str, float]
    guessed: float


def custom_scenarios(
    shocks: Mapping[str, Mapping[str, float]], groups: Iterable[str], symbols: Iterable[str]
) -> tuple[Scenario, ...]:
    """Scenarios from a run file: a name, then a shock by group or symbol.

    Parameters
    ----------
    shocks : mapping of str to mapping of str to float
        For example ``{"AI winter": {"ai_hardware": -0.4, "MSFT": -0.1, "rest": -0.05}}``. What is not named
        gets the shock of ``"rest"``, or none.
    groups, symbols : iterable of str
        What the market knows. A name that is both means the group.

    Raises
    ------
    StressError
        For a key that is neither, with the nearest that is; for a shock below -100%.
    """
    known_groups, known_symbols = set(groups), set(symbols)
    scenarios = []
    for name, entries in shocks.items():
        for key in entries:
            if key != "rest" and key not in known_groups and key not in known_symbols:
                known = known_groups | known_symbols
                raise StressError(f"scenario {name!r}: {unknown_name('group or symbol', key, known)}")
        scenarios.append(
            Scenario(
                name=name,
                symbols={
                    key: shock
                    for key, shock in entries.items()
                    if key in known_symbols and key not in known_groups
                },
                groups={key: shock for key, shock in entries.items() if key in known_groups},
                rest=float(entries.get("rest", 0.0)),
                notes=("From the run file.",),
            )
        )
    return tuple(scenarios)


def apply_scenario(
    scenario: Scenario,
    weights: Mapping[str, float],
    groups: Mapping[str, str],
    shown: Mapping[str, str] | None = None,
) -> ShockOutcome:
    """Return of a portfolio in a scenario.

    Parameters
    ----------
    scenario : Scenario
    weights : mapping of str to float
        Share of equity by symbol; the rest is cash, which does not move.
    groups : mapping of str to str
        Group of each symbol; missing or empty for none.
    shown : mapping of str to str, optional
        Group under which each symbol's contribution is shown, where that is another.

    Returns
    -------
    ShockOutcome
    """
    by_symbol: dict[str, float] = {}
    by_group: dict[str, float] = {}
    guessed = 0.0
    for symbol, weight in weights.items():
        if weight == 0:
            continue
        group = groups.get(symbol, "") or NO_GROUP
        shock = scenario.symbols.get(symbol, scenario.groups.get(group))
        if shock is None:
            shock = scenario.rest
            guessed += weight
        by_symbol[symbol] = weight * shock
        place = group if shown is None else shown.get(symbol, group)
        by_group[place] = by_group.get(place, 0.0) + weight * shock

    def ordered(parts: dict[str, float]) -> Mapping[str, float]:
        return MappingProxyType(dict(sorted(parts.items(), key=lambda part: part[1])))

    return ShockOutcome(scenario, sum(by_symbol.values()), ordered(by_symbol), ordered(by_group), guessed)


def groups_today(market: Market, index: int) -> dict[str, str]:
    """Group of each symbol on session `index`; the first by row where there are several, missing where none.

    Membership is dated, `from` and `to` inclusive.
    """
    return _groups_of(market, market.first_groups(market.sessions[index : index + 1]))


def shown_groups(market: Market, index: int) -> dict[str, str]:
    """The same as readers are shown them: those of ``"other"`` in their sector."""
    return _groups_of(market, named_groups(market, market.sessions[index : index + 1]))


def _groups_of(market: Market, groups: tuple[tuple[str, ...], npt.NDArray[np.intp]]) -> dict[str, str]:
    names, codes = groups
    held = {symbol: names[code] for symbol, code in zip(market.symbols, codes[0].tolist(), strict=True)}
    return {symbol: group for symbol, group in held.items() if group != NO_GROUP}


# --- Shocks by beta -------------------------------------------------------------------------------


@dataclass(frozen=True)
class FactorShock:
    """A move of something that portfolios hang on.

    Attributes
    ----------
    name : str
    factor : str
        ``"market"``, ``"rates"``, ``"oil"`` or ``"group:NAME"``.
    size : float
        A return, or percentage points of a yield.
    source : str
        Where the size comes from.
    """

    name: str
    factor: str
    size: float
    source: str


def _shocks() -> tuple[FactorShock, ...]:
    text = (Path(__file__).parent / "shocks.toml").read_text(encoding="utf-8")
    return tuple(FactorShock(**entry) for entry in tomllib.loads(text)["shock"])


SHOCKS = _shocks()
"""Tried on every portfolio."""

OIL = ("brent", "wti")
"""Series of the price of oil, the first that the market has."""

WEEK = 5
BETA_SESSIONS = 1260
"""Sessions before the last one that betas are measured over, in steps of five."""


@dataclass(frozen=True)
class Beta:
    """How far a portfolio of the last weights moved with a factor.

    Attributes
    ----------
    factor, of : str
        The factor, and what stands for it.
    value, error : float
        Move a unit of the factor, and its standard error, robust to autocorrelation.
    observations : int
        Weeks.
    """

    factor: str
    of: str
    value: float
    error: float
    observations: int

    def reverse(self, loss: float) -> float:
        """Move of the factor that would lose `loss` (a positive share); NaN where the beta is none."""
        return -loss / self.value if self.value else float("nan")


@dataclass(frozen=True)
class BetaOutcome:
    """What a shock would do to the last weights, by beta.

    Attributes
    ----------
    shock : FactorShock
    beta : Beta
    """

    shock: FactorShock
    beta: Beta

    @property
    def total(self) -> float:
        """Expected return; never below a total loss."""
        return max(self.beta.value * self.shock.size, -1.0)

    @property
    def error(self) -> float:
        """Standard error of it, from that of the beta."""
        return self.beta.error * abs(self.shock.size)


def betas(
    weights: Mapping[str, float], market: Market, last: int, shocks: Iterable[FactorShock] = SHOCKS
) -> tuple[Beta, ...]:
    """Betas of a portfolio of constant weights to every factor of the shocks that the market has.

    Parameters
    ----------
    weights : mapping of str to float
        Share of equity by symbol; the rest is cash, which does not move.
    market : Market
    last : int
        Position of the last session.
    shocks : iterable of FactorShock
    """
    first = max(0, last - BETA_SESSIONS)
    steps = np.arange(last, first - 1, -WEEK)[::-1]
    symbols = list(weights)
    if len(steps) < 2 * LEAST_WEEKS or not symbols:
        return ()
    held = np.array([weights[symbol] for symbol in symbols])
    daily = np.nan_to_num(symbol_returns(market, market.sessions[steps[0] : last + 1], symbols)) @ held
    weekly = np.expm1(np.log1p(daily).reshape(-1, WEEK).sum(axis=1))
    found = []
    for factor in dict.fromkeys(shock.factor for shock in shocks):
        moves, name = _moves(factor, market, steps)
        known = np.isfinite(moves)
        if known.sum() < LEAST_WEEKS or moves[known].std() < NOISE:
            continue
        fit = factor_regression(weekly, {factor: moves})
        found.append(Beta(factor, name, float(fit.coefficients[1]), float(fit.errors[1]), fit.observations))
    return tuple(found)


LEAST_WEEKS = 52


def _moves(factor: str, market: Market, steps: npt.NDArray[np.intp]) -> tuple[Array, str]:
    """Weekly moves of a factor, NaN where unknown, and what stands for it."""
    have, sessions = series_names(market), market.sessions[steps]
    nothing = np.full(len(steps) - 1, np.nan)
    if factor == "rates":
        name = next((each for each in RATES if each in have), "")
        return (np.diff(_known(market, name, sessions)), name) if name else (nothing, "")
    if factor == "oil":
        name = next((each for each in OIL if each in have), "")
        if not name:
            return nothing, ""
        price = _known(market, name, sessions)
        with np.errstate(invalid="ignore"):
            return np.where(price[:-1] > 0, price[1:] / price[:-1] - 1.0, np.nan), name
    symbols = _standing_for(factor, market, market.sessions[steps[-1]])
    if not symbols:
        return nothing, ""
    window = market.sessions[steps[0] : steps[-1] + 1]
    daily = pd.DataFrame(symbol_returns(market, window, symbols)).mean(axis=1).fillna(0.0).to_numpy()
    weekly: Array = np.expm1(np.log1p(daily).reshape(-1, WEEK).sum(axis=1))
    return weekly, symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols in equal weight"


def _standing_for(factor: str, market: Market, day: np.datetime64) -> list[str]:
    """Symbols whose mean return stands for the market, or for a group."""
    if factor.startswith("group:"):
        group = factor.removeprefix("group:")
        belongs = market.memberships(group, np.array([day]))[0] if group in market.groups else []
        return [market.symbols[place] for place in np.flatnonzero(belongs)]
    kinds = np.asarray(market.kinds)
    for kind in ("index", "stock"):
        symbols = [market.symbols[place] for place in np.flatnonzero(kinds == kind)]
        if symbols:
            return symbols[:1] if kind == "index" else symbols
    return []


def beta_outcomes(found: Iterable[Beta], shocks: Iterable[FactorShock] = SHOCKS) -> tuple[BetaOutcome, ...]:
    """What each shock would do, where its factor is known."""
    by_factor = {each.factor: each for each in found}
    return tuple(BetaOutcome(shock, by_factor[shock.factor]) for shock in shocks if shock.factor in by_factor)


# --- Worst windows --------------------------------------------------------------------------------


@dataclass(frozen=True)
class WorstWindow:
    """The worst stretch of a given length for one portfolio, and what the others did in it.

    Attributes
    ----------
    label : str
        Whose worst stretch it is.
    sessions : int
        Its length.
    start, end : datetime64[D]
        The close it starts from and its last close.
    returns : mapping of str to float
        Return over it, by label.
    """

    label: str
    sessions: int
    start: np.datetime64
    end: np.datetime64
    returns: Mapping[str, float]


def stretches(periods: float) -> dict[int, str]:
    """Sessions of a month, a quarter and a year, where a year has so many, and what they are called.

    Examples
    --------
    >>> list(stretches(252)), list(stretches(365))
    ([21, 63, 252], [30, 91, 365])
    """
    return {int(periods / parts): name for parts, name in ((12, "month"), (4, "quarter"), (1, "year"))}


def worst_windows(
    equities: Mapping[str, Array], sessions: Dates, lengths: Iterable[int] | None = None
) -> tuple[WorstWindow, ...]:
    """Worst rolling stretches of each portfolio.

    Parameters
    ----------
    equities : mapping of str to ndarray, shape (sessions,)
        By label.
    sessions : ndarray of datetime64[D], shape (sessions,)
    lengths : iterable of int
        In sessions; a month, a quarter and a year if not given. Those longer than the run are left out.

    Returns
    -------
    tuple of WorstWindow
        By length, then in the order of `equities`.
    """
    found = []
    for length in lengths or stretches(sessions_a_year(sessions)):
        if length >= len(sessions):
            continue
        rolling = {label: each[length:] / each[:-length] - 1 for label, each in equities.items()}
        for label, values in rolling.items():
            worst = int(values.argmin())
            found.append(
                WorstWindow(
                    label=label,
                    sessions=length,
                    start=sessions[worst],
                    end=sessions[worst + length],
                    returns={other: float(series[worst]) for other, series in rolling.items()},
                )
            )
    return tuple(found)


# --- Regimes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegimeOutcome:
    """What one portfolio did in one regime.

    Attributes
    ----------
    regime, label : str
        Name of the regime and of the portfolio.
    sessions : int
    total_return : float
        Compound return of the sessions in the regime.
    annual_return, annual_volatility : float or None
        A year; None where the regime has fewer sessions than a year: nothing is annualised then.
    """

    regime: str
    label: str
    sessions: int
    total_return: float
    annual_return: float | None
    annual_volatility: float | None


def regime_outcomes(
    returns: Mapping[str, Array], labels: Labels, periods: float = SESSIONS_A_YEAR
) -> tuple[RegimeOutcome, ...]:
    """Return and volatility of each portfolio in each regime.

    Parameters
    ----------
    returns : mapping of str to ndarray, shape (periods,)
        Session returns, by label.
    labels : ndarray of str, shape (periods,)
        Regime of each session as it was known before it; empty where unknown, which is left out.
    periods : float
        Sessions a year; from so many on, a regime's figures are a year's.

    Returns
    -------
    tuple of RegimeOutcome
        By regime in order of first appearance, then in the order of `returns`.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    found = []
    for regime in dict.fromkeys(labels.tolist()):
        if regime == UNKNOWN:
            continue
        inside = labels == regime
        count = int(inside.sum())
        for label, values in returns.items():
            if len(values) != len(labels):
                raise ValueError(
                    f"{label!r} has {len(values)} returns but there are {len(labels)} regime labels"
                )
            part = values[inside]
            growth = float(np.log1p(part).sum())
            enough = count >= periods
            found.append(
                RegimeOutcome(
                    regime=str(regime),
                    label=label,
                    sessions=count,
                    total_return=float(np.expm1(growth)),
                    annual_return=float(np.expm1(growth * periods / count)) if enough else None,
                    annual_volatility=float(part.std(ddof=1) * np.sqrt(periods)) if enough else None,
                )
            )
    return tuple(found)


def rate_regime(rate: Array, window: int = 63) -> Labels:
    """``"rates up"`` or ``"rates down"``: the rate against what it was `window` sessions earlier.

    Parameters
    ----------
    rate : ndarray, shape (sessions,)
        As known at each close.
    window : int

    Returns
    -------
    ndarray of str, shape (sessions - 1,)
        Label of each session after the first, known at the close before it. No change counts as down.
    """
    change = np.full(len(rate), np.nan)
    change[window:] = rate[window:] - rate[:-window]
    return _labels(change, "rates up", "rates down")


def volatility_regime(volatility: Array, window: int = 1260) -> Labels:
    """``"high volatility"`` or ``"low volatility"``: against the median of the trailing `window` sessions.

    Parameters
    ----------
    volatility : ndarray, shape (sessions,)
        An index such as the VIX as known at each close, or a trailing volatility.
    window : int
        A fifth of it is enough to begin with.

    Returns
    -------
    ndarray of str, shape (sessions - 1,)
        Label of each session after the first, known at the close before it. The median itself counts as low.
    """
    series = pd.Series(volatility)
    median = series.rolling(window, min_periods=max(1, window // 5)).median()
    return _labels((series - median).to_numpy(), "high volatility", "low volatility")


def leadership_regime(name: str, leader: Array, market: Array, window: int = 63) -> Labels:
    """``"<name> leads"`` or ``"<name> lags"``: its trailing return against the market's.

    Parameters
    ----------
    name : str
        Who leads or lags.
    leader, market : ndarray, shape (sessions,)
        Prices or equity at each close, such as those of a sector and of an index.
    window : int
        Sessions of trailing return.

    Returns
    -------
    ndarray of str, shape (sessions - 1,)
        Label of each session after the first, known at the close before it. A tie counts as lagging.
    """
    ahead = np.full(len(market), np.nan)
    ahead[window:] = leader[window:] / leader[:-window] - market[window:] / market[:-window]
    return _labels(ahead, f"{name} leads", f"{name} lags")


@dataclass(frozen=True, eq=False)
class Regime:
    """What state the market was in, session by session.

    Attributes
    ----------
    kind : {"rates", "index", "volatility", "leadership"}
        Direction of a rate; level of a volatility index; trailing volatility of a portfolio; lead of groups.
    of : str
        Name of the series, of the portfolio, or of the groups.
    labels : ndarray of str, shape (sessions - 1,)
        As known at the close before; empty where unknown.
    """

    kind: Literal["rates", "index", "volatility", "leadership"]
    of: str
    labels: Labels


def regimes_of(
    market: Market,
    sessions: Dates,
    reference: Array,
    name: str,
    leaders: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Regime, ...]:
    """Every regime that `market` tells on `sessions`, those without a known session left out.

    Parameters
    ----------
    market : Market
    sessions : ndarray of datetime64[D], shape (sessions,)
    reference : ndarray, shape (sessions,)
        Equity against which leadership is told, and whose volatility serves where there is no index.
    name : str
        Its label.
    leaders : mapping of str to tuple of str, optional
        Groups, under the name by which they lead or lag, equally weighted each session.
    """
    have = series_names(market)
    found = []
    # What the folder knows from before the run counts: a median of five years needs them.
    past = market.sessions[: market.index_of(sessions[-1]) + 1]
    run = slice(len(past) - len(sessions), None)
    rate = next((each for each in RATES if each in have), "")
    if rate:
        found.append(Regime("rates", rate, rate_regime(_known(market, rate, past))[run]))
    index = _known(market, VIX, past) if VIX in have else np.full(len(past), np.nan)
    if np.isfinite(index[run]).mean() >= KNOWN and not _stale(index):
        found.append(Regime("index", VIX, volatility_regime(index)[run]))
    else:
        trailing = np.append(np.nan, rolling_volatility(returns_of(reference), TRAILING))
        found.append(Regime("volatility", name, volatility_regime(trailing)))
    for leader, groups in (leaders or {}).items():
        growth = _groups_growth(market, sessions, groups)
        if growth is not None:
            labels = leadership_regime(leader, growth, reference)
            found.append(Regime("leadership", " and ".join(groups), labels))
    return tuple(each for each in found if (each.labels != UNKNOWN).any())


def _known(market: Market, name: str, sessions: Dates) -> Array:
    return series_table(market, name).at_close(sessions, stale_days=None)


def _stale(index: Array) -> bool:
    """Whether the index has stopped moving: it ends long before the run."""
    last = index[-TRAILING:]
    return bool(len(last) > 1 and np.ptp(last) == 0)


def _groups_growth(market: Market, sessions: Dates, groups: tuple[str, ...]) -> Array | None:
    """Growth of 1 in the members of the groups, equally weighted each session; None where there are none."""
    members = np.any([market.memberships(group, sessions) for group in groups], axis=0)
    columns = np.flatnonzero(members.any(axis=0))
    if not len(columns):
        return None
    returns = symbol_returns(market, sessions, [market.symbols[column] for column in columns])
    inside = np.where(members[:-1, columns], returns, np.nan)
    mean = pd.DataFrame(inside).mean(axis=1).fillna(0.0).to_numpy()
    growth: Array = np.cumprod(np.append(1.0, 1.0 + mean))
    return growth


def _labels(signal: Array, above: str, below: str) -> Labels:
    """`above` where the close before had a positive signal, `below` where not, empty where it was unknown."""
    before = signal[:-1]
    named = np.where(before > 0, above, below).astype(object)
    named[np.isnan(before)] = UNKNOWN
    return named
