"""Share counts against one another and against trading volume, the one other number counted in shares.

A machine-readable share count sometimes stands in thousands, or on another line of the report, most often
shareholders' equity, for years on end: then it agrees with itself, and only something outside the filings
can tell. Yearly volume / shares is such a witness. In US listings it lies between a third and some twenty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.checks.facts import SHARE_CONCEPTS, Verdicts, groups, number, settle
from datafeeds.checks.history import NO_DAY, readings, step_costs
from datafeeds.facts import Split, splits_by_symbol
from datafeeds.market import Array, Dates, Finding, traded_factor

YEAR = 252
"""Sessions a year."""

QUARTER = 63
"""Sessions over which the volume beside a filing is taken."""

LEAST_TURNOVER = 0.2
"""Yearly volume / shares below which a count is doubted. The lowest of a US company with good figures is some
0.3; receipts of foreign companies and second share classes lie lower."""

HIGH_TURNOVER = 50.0
"""Yearly volume / shares above which a count, or the split basis of its prices, is suspicious."""

MOST_TURNOVER = 400.0
"""Yearly volume / shares above which a count is none."""

USUAL_TURNOVER = (0.3, 30.0)
"""Where a count's turnover must lie after its scale was mended."""

UNSTEADY = 0.007
"""Median change (in logarithms) from filing to filing above which counts that hardly trade are no share
counts. Counts of receipts hardly change; shareholders' equity moves by some percent each quarter."""

SHARE_STEPS = ((2.0, 0.0), (4.0, 2.5), (8.0, 4.0), (30.0, 11.5))
"""How surprising a change in the share count is where no volume is known: up to this ratio, as much as
leaving out so many figures.

Buybacks and ordinary issuance stay within twice. Mergers and conversions of share classes change a count
for good, so a step that lasts is believed when it explains more figures than it costs; one that goes back
is not. Beyond the last ratio nothing is believed: that is thousands or millions taken for units, or another
line of the report."""

UNSHOWN_STEPS = ((1.1, 0.0), (1.25, 0.25), (1.5, 0.5), *SHARE_STEPS[1:])
"""As `SHARE_STEPS` where the volume is known and does not change with the count. Counts of shares hold still
as no other line of a report does, so a run that moves by tenths each quarter is dearer than one that does
not."""

CONFIRMED = 0.4
"""Part of a step (in logarithms) that the volume must make with it to show it."""

SHOWN_STEPS = ((2.0, 0.0), (30.0, 1.0))
"""As `SHARE_STEPS` where the volume changes with the count, as it does in mergers and large issues: a great
step is believed when a second filing agrees."""

SCALES = (1e3, 1e6, 1e-3, 1e-6)
"""Thousands and millions taken for units, or units for them."""

LEAST_THOUSANDS = 10_000.0
"""Count below which it is not taken to be in thousands on the word of the volume alone."""

SAME_SCALE = 1.25
"""How near a count in thousands must come to the counts before it."""

REVENUE_PER_SHARE = 20_000.0
"""Yearly dollars of revenue per share above which a count is doubted (NVR, among the highest, has some
3,000)."""

MOST_SHARES = 1e11
"""Share count above which a count is doubted (the most of any US listing is some 26 billion)."""

DOUBTED = 0.9
"""Penalty of keeping a doubted count; leaving it out costs 1."""

NEVER = int(np.datetime64("2262-01-01", "D").astype(np.int64))

FEW_SESSIONS = 5
"""Sessions of trading that it takes to judge a count; one filed before is withheld until then."""


@dataclass(frozen=True, eq=False)
class Trading:
    """Volume, and what it takes to compare it with share counts.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    traded : ndarray of bool, shape (sessions, symbols)
        Whether there is a close.
    volume : ndarray, shape (sessions, symbols)
        Split-adjusted; NaN where unknown.
    splits, basis : DataFrame
        As `Market` has them.
    """

    sessions: Dates
    symbols: tuple[str, ...]
    traded: npt.NDArray[np.bool_]
    volume: Array
    splits: pd.DataFrame
    basis: pd.DataFrame

    @cached_property
    def known_splits(self) -> dict[str, tuple[Split, ...]]:
        """Each symbol's splits."""
        return splits_by_symbol(self.splits, self.basis)

    @cached_property
    def factor(self) -> Array:
        """What prices are multiplied by to stand on the basis of a session, shape (sessions, symbols)."""
        return traded_factor(self.sessions, self.symbols, self.splits, self.basis)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What is known on some day of one company's counts of one concept, in order of filing.

    Attributes
    ----------
    level : ndarray
        Logarithm of each count on the basis before every split.
    volume : ndarray
        Logarithm of the adjusted daily volume beside each; NaN where unknown.
    turnover : ndarray
        Volume a year / count, NaN where unknown.
    """

    level: Array
    volume: Array
    turnover: Array


def check_share_counts(facts: pd.DataFrame, verdicts: Verdicts, trading: Trading) -> list[Finding]:
    """Judge share counts by the counts before them, by volume and by revenue.

    Parameters
    ----------
    facts : DataFrame
        In order of filing, as `check_facts` returns them.
    verdicts : Verdicts
        Changed.
    trading : Trading

    Returns
    -------
    list of Finding
        A suspicion for each company whose whole company seems to change hands in days.
    """
    column = {symbol: place for place, symbol in enumerate(trading.symbols)}
    chosen = facts["concept"].isin(SHARE_CONCEPTS) & facts["symbol"].isin(trading.symbols)
    chosen &= verdicts.known != NO_DAY
    revenue = _yearly_revenue(facts, verdicts)
    findings = []
    for places in groups(facts[["symbol", "concept"]][chosen]):
        symbol = str(facts["symbol"].iloc[places[0]])
        counts = _Counts(
            facts, places, verdicts.known[places], trading, column[symbol], revenue.get(symbol, [])
        )
        counts.judge(verdicts)
        if high := counts.high_turnover(verdicts):
            findings.append(high)
    return findings


class _Counts:
    """One company's counts of one concept, in the order in which they can be judged."""

    def __init__(
        self,
        facts: pd.DataFrame,
        places: npt.NDArray[np.intp],
        known: npt.NDArray[np.int64],
        trading: Trading,
        column: int,
        revenue: list[tuple[int, float]],
    ) -> None:
        days = trading.sessions.astype(np.int64)
        traded = np.flatnonzero(trading.traded[:, column])[:FEW_SESSIONS]
        first = days[traded[-1]] if len(traded) == FEW_SESSIONS else NEVER
        judged = np.maximum(known, first)
        order = np.argsort(judged, kind="stable")
        places, self.judged = places[order], judged[order]
        self.facts, self.places, self.revenue = facts, places, revenue
        self.filed = facts["filed"].to_numpy()[places].astype("datetime64[D]").astype(np.int64)
        self.count = facts["value"].to_numpy()[places]
        self.splits = trading.known_splits.get(trading.symbols[column], ())
        # Median daily volume of the quarter before each count is judged, and the basis of that day.
        self.beside, self.factor = np.full(len(places), np.nan), np.ones(len(places))
        volume = trading.volume[:, column]
        filled = np.flatnonzero(volume > 0)
        shown = volume[filled]
        ends = np.searchsorted(days[filled], self.judged, side="right")
        for place, end in enumerate(ends.tolist()):
            if end >= FEW_SESSIONS:
                self.beside[place] = median(shown[max(end - QUARTER, 0) : end].tolist())
                self.factor[place] = trading.factor[filled[end - 1], column]

    def judge(self, verdicts: Verdicts) -> None:
        """Work the readings out in order of filing, and afresh whenever prices reveal a split."""
        begins = [-1, *sorted({split.known + 1 for split in self.splits if not split.listed})]
        days: list[int] = []
        after: list[tuple[int, ...]] = []
        for begin, end in zip(begins, [*begins[1:], np.iinfo(np.int64).max], strict=True):
            found, level, scales, whys = self._read(begin)
            inside = np.flatnonzero((self.judged > begin) & (self.judged <= end)).tolist()
            if begin >= 0 and (before := int(np.searchsorted(self.judged, begin, side="right"))):
                days.append(begin)
                after.append(found[before - 1])
            days += self.judged[inside].tolist()
            after += [found[order] for order in inside]
            for order in inside:
                self._tell(verdicts, order, found[order], level, scales[order], whys)
        settle(
            self.facts,
            self.places,
            self.judged,
            np.array(days, dtype=np.int64),
            after,
            verdicts,
            "share count scale",
            verdicts.value[self.places] * self._later_splits(),
        )

    def _later_splits(self) -> Array:
        """What counts are multiplied by to stand on the basis after every split, as words compare them."""
        factor = np.ones(len(self.filed))
        for split in self.splits:
            factor[self.filed < split.date] *= split.ratio
        return factor

    def _tell(
        self,
        verdicts: Verdicts,
        order: int,
        reading: tuple[int, ...],
        level: Array,
        scale: float,
        whys: dict[int, str],
    ) -> None:
        """What there is to say of one count when it is judged, and its value where its scale is mended."""
        place = int(self.places[order])
        if scale != 1.0:
            verdicts.value[place] = self.count[order] * scale
            verdicts.doubt(place, "share count scale", _off(scale))
            return
        if order in whys:
            verdicts.doubt(place, "share count against volume", whys[order])
        if reading and reading[-1] != order:
            gap = level[order] - level[reading[-1]]
            near = [each for each in SCALES if abs(gap + np.log(each)) <= np.log(SAME_SCALE)]
            if near:
                verdicts.mended[place] = (int(self.judged[order]), self.count[order] * near[0])
                verdicts.doubt(place, "share count scale", _off(near[0]))

    def _evidence(self, day: int) -> _Evidence:
        """What is known on `day` and does not hang on later filings."""
        level = np.log(self.count)
        for split in self.splits:
            if split.listed or split.known < day:
                level = level - np.log(split.ratio) * (self.filed >= split.date)
        with np.errstate(all="ignore"):
            turnover = YEAR * self.beside / self.factor / self.count
            return _Evidence(level, np.log(self.beside), turnover)

    def _read(self, day: int) -> tuple[list[tuple[int, ...]], Array, Array, dict[int, str]]:
        """Readings after each count with what is known at `day` beyond filings; levels, scales, doubts."""
        evidence = self._evidence(day)
        scales = np.array([self._thousand(*each) for each in enumerate(evidence.turnover.tolist())])
        level = evidence.level + np.log(scales)
        turnover = (evidence.turnover / scales).tolist()
        whys: dict[int, str] = {}
        hardly: list[int] = []

        def penalty(order: int, before: tuple[int, ...]) -> float:
            traded = turnover[order]
            if traded > MOST_TURNOVER:
                whys[order] = f"{traded:,.0f} times as many trade in a year, so it is no share count"
                return np.inf
            if traded < LEAST_TURNOVER:
                hardly.append(order)
                if len(hardly) <= 2 or float(np.median(np.abs(np.diff(level[hardly])))) > UNSTEADY:
                    why = "of it trades in a year, so it is another line of the report"
                    whys[order] = f"only {traded:.1%} {why}"
                    return np.inf
            return DOUBTED if np.isnan(traded) and self._dear(order, scales[order]) else 0.0

        def costs(order: int, start: int) -> Array:
            some = slice(start, order)
            return _step_costs(level[order] - level[some], evidence.volume[order] - evidence.volume[some])

        plain = _step_costs(np.diff(level), np.diff(evidence.volume)) == 0
        return readings(penalty, costs, np.append(False, plain)), level, scales, whys

    def _thousand(self, order: int, traded: float) -> float:
        """A thousand where only that makes the turnover of a count a usual one, else 1.

        A count in millions is too short a number to be told from a placeholder by that alone.
        """
        usual = USUAL_TURNOVER[0] <= traded / 1e3 <= USUAL_TURNOVER[1]
        return 1e3 if traded > MOST_TURNOVER and usual and self.count[order] >= LEAST_THOUSANDS else 1.0

    def _dear(self, order: int, scale: float) -> bool:
        """Whether too much revenue falls on a share, or there are more shares than any company has."""
        count = self.count[order] * scale
        known = [value for day, value in self.revenue if day <= self.judged[order]]
        return bool(count > MOST_SHARES or (known and known[-1] / count > REVENUE_PER_SHARE))

    def high_turnover(self, verdicts: Verdicts) -> Finding | None:
        """A suspicion where counts that are used change hands more often than once a week."""
        turnover = self._evidence(NEVER).turnover
        values = verdicts.value[self.places]
        with np.errstate(all="ignore"):
            turnover = turnover * self.count / values
        high = np.flatnonzero(verdicts.counts(self.places) & (turnover > HIGH_TURNOVER))
        if not len(high):
            return None
        first = self.facts.iloc[self.places[high[0]]]
        return Finding(
            "suspicion",
            "high turnover",
            f"{len(high)} counts of {first['concept']} trade more than {HIGH_TURNOVER:g} times a year, the "
            f"first, {number(first['value'])}, {turnover[high[0]]:,.0f} times: a wrong count, or prices "
            "adjusted for a split that is not listed",
            symbol=str(first["symbol"]),
            date=f"{first['filed']:%Y-%m-%d}",
        )


def _step_costs(steps: Array, moved: Array) -> Array:
    """What steps of counts cost beside what the volume moved, both in logarithms; NaN where it is unknown."""
    sizes = np.abs(steps)
    shown = moved * np.sign(steps) >= CONFIRMED * sizes
    table = step_costs(sizes, SHARE_STEPS)
    if np.isfinite(moved).any():
        table = np.where(np.isfinite(moved), step_costs(sizes, UNSHOWN_STEPS), table)
    return np.where(shown, np.minimum(table, step_costs(sizes, SHOWN_STEPS)), table)


def _off(scale: float) -> str:
    return f"off by a {'thousand' if scale in (1e3, 1e-3) else 'million'}"


def _yearly_revenue(facts: pd.DataFrame, verdicts: Verdicts) -> dict[str, list[tuple[int, float]]]:
    """By symbol: day from which each fiscal year's revenue counts, and the revenue, in order of filing."""
    found: dict[str, list[tuple[int, float]]] = {}
    annual = np.flatnonzero(((facts["concept"] == "revenue") & (facts["fiscal_period"] == "FY")).to_numpy())
    annual = annual[verdicts.counts(annual)]
    years = zip(verdicts.known[annual].tolist(), verdicts.value[annual].tolist(), strict=True)
    for symbol, year in zip(facts["symbol"].iloc[annual], years, strict=True):
        found.setdefault(str(symbol), []).append(year)
    return {symbol: sorted(years) for symbol, years in found.items()}
