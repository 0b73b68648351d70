"""What hurts: named episodes of history, shocks of one day, the worst stretches, and regimes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.performance import SESSIONS_A_YEAR, drawdown_series
from datafeeds.market import Array, Dates, Market
from datafeeds.membership import NO_GROUP
from datafeeds.names import unknown_name

Labels = npt.NDArray[np.object_]
UNKNOWN = ""
"""Regime label of a session for which too little was known."""

LEAST_SESSIONS = 252
"""Sessions from which on figures of a regime are annualised."""


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
        Whether the market rose: a strategy that cuts technology is hurt by missing it.
    """

    name: str
    start: str
    end: str
    source: str
    rally: bool = False


_PEAK_TROUGH = "S&P 500 closes, peak to trough"

EPISODES: tuple[Episode, ...] = (
    Episode("Crash of 1987", "1987-10-13", "1987-10-19", "Black Monday; Brady Commission report (1988)"),
    Episode("Gulf war", "1990-07-16", "1990-10-11", f"Invasion of Kuwait and recession; {_PEAK_TROUGH}"),
    Episode(
        "Bond rout of 1994", "1994-02-02", "1994-04-04", f"Fed tightening from 1994-02-04; {_PEAK_TROUGH}"
    ),
    Episode("Asian crisis", "1997-10-07", "1997-10-27", f"Hong Kong dollar attacked; {_PEAK_TROUGH}"),
    Episode("Russia and LTCM", "1998-07-17", "1998-08-31", f"Russian default of 1998-08-17; {_PEAK_TROUGH}"),
    Episode(
        "Dot-com boom", "1998-10-08", "2000-03-10", "Nasdaq Composite closes, trough to peak", rally=True
    ),
    Episode("Dot-com bust", "2000-03-24", "2002-10-09", _PEAK_TROUGH),
    Episode(
        "11 September 2001", "2001-09-10", "2001-09-21", "Last close before the attacks to the S&P 500's low"
    ),
    Episode(
        "Quant quake", "2007-08-03", "2007-08-09", "Khandani and Lo (2007): unwinding of factor portfolios"
    ),
    Episode("Financial crisis", "2007-10-09", "2009-03-09", _PEAK_TROUGH),
    Episode(
        "Recovery of 2009", "2009-03-09", "2010-04-23", "S&P 500 closes, trough to next peak", rally=True
    ),
    Episode(
        "Flash crash and euro crisis", "2010-04-23", "2010-07-02", f"2010-05-06 included; {_PEAK_TROUGH}"
    ),
    Episode("US downgrade", "2011-07-07", "2011-08-08", f"S&P took AAA away on 2011-08-05; {_PEAK_TROUGH}"),
    Episode(
        "Taper tantrum", "2013-05-21", "2013-06-24", f"Bernanke's testimony of 2013-05-22; {_PEAK_TROUGH}"
    ),
    Episode("Yuan devaluation", "2015-08-10", "2015-08-25", f"Devaluation of 2015-08-11; {_PEAK_TROUGH}"),
    Episode("Oil and China, winter 2016", "2015-12-31", "2016-02-11", "Year end to the S&P 500's low"),
    Episode(
        "Volatility spike of 2018",
        "2018-01-26",
        "2018-02-08",
        f"Short-volatility products fell; {_PEAK_TROUGH}",
    ),
    Episode("Fourth quarter of 2018", "2018-09-20", "2018-12-24", _PEAK_TROUGH),
    Episode("Covid-19", "2020-02-19", "2020-03-23", _PEAK_TROUGH),
    Episode(
        "Lockdown technology rally",
        "2020-03-23",
        "2020-09-02",
        "S&P 500 trough to the peak before September",
        rally=True,
    ),
    Episode("Vaccine rotation", "2020-11-06", "2020-11-10", "Pfizer's trial result of 2020-11-09"),
    Episode("Rate rise of 2022", "2022-01-03", "2022-10-12", _PEAK_TROUGH),
    Episode("AI rally of 2023", "2022-12-30", "2023-07-31", "Year end to the S&P 500's peak", rally=True),
    Episode("Silicon Valley Bank", "2023-03-08", "2023-03-13", "Failed on 2023-03-10 (FDIC)"),
    Episode("Yen carry unwinding", "2024-07-31", "2024-08-05", "Bank of Japan's rise of 2024-07-31"),
    Episode("DeepSeek", "2025-01-24", "2025-01-27", "Nvidia fell 17% on 2025-01-27"),
    Episode("Tariffs of 2025", "2025-02-19", "2025-04-08", _PEAK_TROUGH),
    Episode(
        "4 June 2026", "2026-06-03", "2026-06-04", "Dow +1.73%, Broadcom -12.6%: the day behind the blueprint"
    ),
)
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


def episodes_sentence(outcomes: Iterable[EpisodeOutcome], strategy: str, benchmark: str) -> str:
    """In how many episodes the strategy did better than a benchmark, and where it was hurt most.

    Parameters
    ----------
    outcomes : iterable of EpisodeOutcome
    strategy, benchmark : str
        Labels.
    """
    known = [each for each in outcomes if each.whole]
    if not known:
        return "The run covers none of the named episodes from start to end."
    better = sum(each.returns[strategy] > each.returns[benchmark] for each in known)
    worst = min(known, key=lambda each: each.returns[strategy])
    behind = min(known, key=lambda each: each.returns[strategy] - each.returns[benchmark])
    lag = behind.returns[strategy] - behind.returns[benchmark]
    missed = (
        f"it fell furthest behind in {behind.episode.name} ({lag * 100:+.1f} points)"
        if lag < 0
        else "it fell behind in none"
    )
    return (
        f"In {better} of {len(known)} named episodes {strategy} did better than {benchmark}; its worst was "
        f"{worst.episode.name} ({worst.returns[strategy]:+.1%}, {benchmark} "
        f"{worst.returns[benchmark]:+.1%}), and {missed}."
    )


# --- Scenarios ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """Returns of one day to apply to a portfolio.

    Attributes
    ----------
    name : str
    symbols : mapping of str to float
        Shock by symbol; goes before its group's.
    groups : mapping of str to float
        Shock by group.
    rest : float
        Shock of a symbol in neither. Cash is never shocked.
    notes : tuple of str
        Where each number comes from and what is disputed.
    """

    name: str
    symbols: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, float] = field(default_factory=dict)
    rest: float = 0.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", MappingProxyType(dict(self.symbols)))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))
        for key, shock in (*self.symbols.items(), *self.groups.items(), ("rest", self.rest)):
            if not np.isfinite(shock) or shock < -1:
                raise StressError(f"scenario {self.name!r}: shock of {key} is {shock}; it must be -1 or more")


_JUNE_NOTES = (
    "ai_hardware: Broadcom's -12.6% for the whole group. One company's fall; the Nasdaq Composite lost "
    "0.09%, so this overstates what the group as a whole lost.",
    "software, nasdaq: Nasdaq Composite -0.09%.",
    "financials: mean of Goldman Sachs +4.9% and JPMorgan +3.3%. Leaders of the day; the sector rose less.",
    "small_cap: Russell 2000 +1.4%.",
    "dow, cap_weighted and everything else: Dow +1.73% (874.86 points to 51,561.93). No move of the S&P 500 "
    "is on record here.",
    "AVGO, GS, JPM, UNH and JNJ: their own moves.",
)

JUNE_2026 = Scenario(
    name="4 June 2026, J&J as reported",
    symbols={"AVGO": -0.126, "GS": 0.049, "JPM": 0.033, "UNH": 0.052, "JNJ": 0.046},
    groups={
        "ai_hardware": -0.126,
        "software": -0.0009,
        "nasdaq": -0.0009,
        "financials": (0.049 + 0.033) / 2,
        "healthcare": (0.052 + 0.046) / 2,
        "small_cap": 0.014,
        "small_caps": 0.014,
        "dow": 0.0173,
        "cap_weighted": 0.0173,
    },
    rest=0.0173,
    notes=(
        *_JUNE_NOTES,
        "healthcare: mean of UnitedHealth +5.2% and Johnson & Johnson +4.6% as reported on the day; three "
        "price records show +2.21% (see the other scenario).",
    ),
)
"""The shocks of 2026-06-04 by group, with Johnson & Johnson at the +4.6% that was reported."""

JUNE_2026_PRICE_RECORD = replace(
    JUNE_2026,
    name="4 June 2026, J&J by price records",
    symbols={**JUNE_2026.symbols, "JNJ": 0.0221},
    groups={**JUNE_2026.groups, "healthcare": (0.052 + 0.0221) / 2},
    notes=(
        *_JUNE_NOTES,
        "healthcare: mean of UnitedHealth +5.2% and Johnson & Johnson +2.21% as in three price records; "
        "+4.6% was reported on the day (see the other scenario).",
    ),
)
"""The same with Johnson & Johnson at the +2.21% of three price records."""

SCENARIOS: tuple[Scenario, ...] = (JUNE_2026, JUNE_2026_PRICE_RECORD)


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

    def sentence(self) -> str:
        """Say it in words."""
        if not self.by_group:
            return f"{self.scenario.name}: the portfolio holds only cash and would not move."
        worst, best = next(iter(self.by_group.items())), list(self.by_group.items())[-1]
        ends = f"worst {worst[0]} ({worst[1] * 100:+.2f} points)"
        if len(self.by_group) > 1:
            ends += f", best {best[0]} ({best[1] * 100:+.2f} points)"
        guessed = (
            f"; {self.guessed:.0%} of it was shocked by the rule for the rest" if self.guessed > 0 else ""
        )
        return f"{self.scenario.name}: today's weights would return {self.total:+.2%}; {ends}{guessed}."


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
    scenario: Scenario, weights: Mapping[str, float], groups: Mapping[str, str]
) -> ShockOutcome:
    """Return of a portfolio in a scenario.

    Parameters
    ----------
    scenario : Scenario
    weights : mapping of str to float
        Share of equity by symbol; the rest is cash, which does not move.
    groups : mapping of str to str
        Group of each symbol; missing or empty for none.

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
        by_group[group] = by_group.get(group, 0.0) + weight * shock

    def ordered(parts: dict[str, float]) -> Mapping[str, float]:
        return MappingProxyType(dict(sorted(parts.items(), key=lambda part: part[1])))

    return ShockOutcome(scenario, sum(by_symbol.values()), ordered(by_symbol), ordered(by_group), guessed)


def groups_today(market: Market, index: int) -> dict[str, str]:
    """Group of each symbol on session `index`; the first by row where there are several, missing where none.

    Membership is dated, `from` and `to` inclusive.
    """
    names, codes = market.first_groups(market.sessions[index : index + 1])
    held = {symbol: names[code] for symbol, code in zip(market.symbols, codes[0].tolist(), strict=True)}
    return {symbol: group for symbol, group in held.items() if group != NO_GROUP}


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


def worst_windows(
    equities: Mapping[str, Array], sessions: Dates, lengths: Iterable[int] = (21, 63, 252)
) -> tuple[WorstWindow, ...]:
    """Worst rolling stretches of each portfolio.

    Parameters
    ----------
    equities : mapping of str to ndarray, shape (sessions,)
        By label.
    sessions : ndarray of datetime64[D], shape (sessions,)
    lengths : iterable of int
        In sessions; those longer than the run are left out.

    Returns
    -------
    tuple of WorstWindow
        By length, then in the order of `equities`.
    """
    found = []
    for length in lengths:
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
        A year; None where the regime has fewer than `LEAST_SESSIONS` sessions: nothing is annualised then.
    """

    regime: str
    label: str
    sessions: int
    total_return: float
    annual_return: float | None
    annual_volatility: float | None


def regime_outcomes(returns: Mapping[str, Array], labels: Labels) -> tuple[RegimeOutcome, ...]:
    """Return and volatility of each portfolio in each regime.

    Parameters
    ----------
    returns : mapping of str to ndarray, shape (periods,)
        Session returns, by label.
    labels : ndarray of str, shape (periods,)
        Regime of each session as it was known before it; empty where unknown, which is left out.

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
            enough = count >= LEAST_SESSIONS
            found.append(
                RegimeOutcome(
                    regime=str(regime),
                    label=label,
                    sessions=count,
                    total_return=float(np.expm1(growth)),
                    annual_return=float(np.expm1(growth * SESSIONS_A_YEAR / count)) if enough else None,
                    annual_volatility=float(part.std(ddof=1) * np.sqrt(SESSIONS_A_YEAR)) if enough else None,
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


def leadership_regime(technology: Array, market: Array, window: int = 63) -> Labels:
    """``"technology leads"`` or ``"technology lags"``: its trailing return against the market's.

    Parameters
    ----------
    technology, market : ndarray, shape (sessions,)
        Prices or equity at each close, such as a technology fund and an index.
    window : int
        Sessions of trailing return.

    Returns
    -------
    ndarray of str, shape (sessions - 1,)
        Label of each session after the first, known at the close before it. A tie counts as lagging.
    """
    ahead = np.full(len(market), np.nan)
    ahead[window:] = technology[window:] / technology[:-window] - market[window:] / market[:-window]
    return _labels(ahead, "technology leads", "technology lags")


def regimes_sentence(outcomes: Iterable[RegimeOutcome], strategy: str, benchmark: str) -> str:
    """In which regimes the strategy was ahead of a benchmark and in which behind.

    Parameters
    ----------
    outcomes : iterable of RegimeOutcome
    strategy, benchmark : str
        Labels.
    """
    known = {(each.regime, each.label): each for each in outcomes}
    lines = []
    for regime, label in known:
        if label != strategy or (regime, benchmark) not in known:
            continue
        ours, theirs = known[regime, strategy], known[regime, benchmark]
        if ours.annual_return is None or theirs.annual_return is None:
            lead, unit = ours.total_return - theirs.total_return, f"over {ours.sessions} sessions"
        else:
            lead, unit = ours.annual_return - theirs.annual_return, "a year"
        side = "ahead" if lead > 0 else "behind"
        lines.append(f"{regime}: {side} by {abs(lead) * 100:.1f} points {unit}")
    if not lines:
        return "No regime could be told from the data."
    return f"{strategy} against {benchmark} by regime: {'; '.join(lines)}."


def _labels(signal: Array, above: str, below: str) -> Labels:
    """`above` where the close before had a positive signal, `below` where not, empty where it was unknown."""
    before = signal[:-1]
    named = np.where(before > 0, above, below).astype(object)
    named[np.isnan(before)] = UNKNOWN
    return named
