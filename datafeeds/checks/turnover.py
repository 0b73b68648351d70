"""Share counts against trading volume, the one other number that is counted in shares.

A machine-readable share count sometimes stands on another line of the report, most often shareholders'
equity, for years on end: then it agrees with itself, and only something outside the filings can tell. Yearly
volume / shares is such a witness. In US listings it lies between a third and some twenty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.checks.facts import SHARE_CONCEPTS, in_order, number, on_last_basis
from datafeeds.market import Array, Dates, Finding

YEAR = 252
"""Sessions a year."""

QUARTER = 63
"""Sessions over which the volume beside a filing is taken."""

LEAST_TURNOVER = 0.2
"""Yearly volume / shares below which a count is doubted. The lowest of a US company with good figures is some
0.3; receipts of foreign companies and second share classes lie lower."""

UNSTEADY = 0.007
"""Median change (in logarithms) from filing to filing above which doubted counts are no share counts. Counts
of receipts hardly change; shareholders' equity moves by some percent each quarter."""

STEP = 1.5
"""Ratio of two counts in a row that must show in the volume too."""

CONFIRMED = 0.4
"""Part of a step (in logarithms) that the volume must make with it."""

STEADY = 0.02
"""Median change (in logarithms) from filing to filing up to which a run of counts is steady."""

STEADY_AT_LAST = 0.04
"""As `STEADY` for the last run, which has the benefit of the doubt: it is what the company files today."""

MERGER = 3.5
"""Ratio up to which a step between steady runs is believed even if the volume does not show it: mergers and
large issues make such."""

SPLIT_RATIOS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
"""Ratios of usual splits; reverse splits are their inverses."""

SPLIT_TOLERANCE = 0.04
"""How near a step must come to a ratio, in logarithms, to be a split that is not listed."""


@dataclass(frozen=True, eq=False)
class Volumes:
    """Daily volume, split-adjusted.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    volume : ndarray, shape (sessions, symbols)
        Shares on the basis of the last session; NaN where unknown.
    """

    sessions: Dates
    symbols: tuple[str, ...]
    volume: Array

    def beside(self, symbol: str, filed: Dates) -> Array:
        """Median daily volume of the quarter before each filing date, of the first quarter if before that.

        Returns
        -------
        ndarray, shape (dates,)
            NaN where nothing is known.
        """
        traded = self.volume[:, self.symbols.index(symbol)]
        known = np.flatnonzero(traded > 0)
        if len(known) < QUARTER:
            return np.full(len(filed), np.nan)
        sizes = traded[known]
        ends = np.maximum(np.searchsorted(self.sessions[known], filed), QUARTER)
        quarters = np.lib.stride_tricks.sliding_window_view(sizes, QUARTER)
        return np.asarray(np.median(quarters[ends - QUARTER], axis=1), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Counts:
    """One company's counts of one concept in order of filing."""

    symbol: str
    rows: pd.DataFrame
    basis: Array
    volume: Array

    @property
    def turnover(self) -> Array:
        return YEAR * self.volume / self.basis


def _counts(facts: pd.DataFrame, splits: pd.DataFrame, volumes: Volumes) -> Iterator[_Counts]:
    counts = facts[facts["concept"].isin(SHARE_CONCEPTS) & (facts["value"] > 0)]
    counts = counts[counts["symbol"].isin(volumes.symbols)]
    if counts.empty:
        return
    carried = on_last_basis(counts, splits)
    for (symbol, _), rows in in_order(counts).groupby(["symbol", "concept"], sort=True):
        filed = rows["filed"].to_numpy().astype("datetime64[D]")
        basis = np.asarray(carried.loc[rows.index], dtype=np.float64)
        yield _Counts(str(symbol), rows, basis, volumes.beside(str(symbol), filed))


def _moves(basis: Array) -> float:
    """Median change, in logarithms, from one count to the next."""
    return float(np.median(np.abs(np.diff(np.log(basis))))) if len(basis) > 1 else np.inf


def _finding(counts: _Counts, place: int, why: str) -> Finding:
    row = counts.rows.iloc[place]
    return Finding(
        "quarantined",
        "share count against volume",
        f"{row['concept']} of fiscal {row['fiscal_year']} {row['fiscal_period']} is {number(row['value'])}: "
        f"{why}; left out",
        symbol=counts.symbol,
        date=f"{row['filed']:%Y-%m-%d}",
    )


def counts_hardly_traded(
    facts: pd.DataFrame, splits: pd.DataFrame, volumes: Volumes
) -> tuple[pd.DataFrame, list[Finding]]:
    """Leave out counts of which so few trade that they can't be shares.

    Doubted is a count of which less than `LEAST_TURNOVER` trades in a year. It is left out if the doubted
    counts of the company move from filing to filing as no share count does; steady ones may be those of a
    receipt or a second class of shares, and stay.

    Parameters
    ----------
    facts, splits : DataFrame
        As for `check_facts`, with dates as datetime64 and labels 0, 1, ...
    volumes : Volumes

    Returns
    -------
    kept : DataFrame
        With labels 0, 1, ...
    findings : list of Finding
    """
    wrong: list[int] = []
    findings: list[Finding] = []
    for counts in _counts(facts, splits, volumes):
        doubted = np.flatnonzero(counts.turnover < LEAST_TURNOVER)
        if not len(doubted) or (len(doubted) > 2 and _moves(counts.basis[doubted]) <= UNSTEADY):
            continue
        wrong.extend(counts.rows.index[doubted].tolist())
        findings.extend(
            _finding(
                counts,
                place,
                f"only {counts.turnover[place]:.1%} of it trades in a year, so it is another line of the "
                "report",
            )
            for place in doubted.tolist()
        )
    return facts.drop(index=wrong).reset_index(drop=True), findings


def counts_off_level(
    facts: pd.DataFrame, splits: pd.DataFrame, volumes: Volumes
) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Leave out runs of counts that begin or end with a step that trading does not show.

    When a company issues or retires most of its shares, as in a merger, the volume changes with them. A step
    without that is a split that the table does not list (a usual ratio between two steady runs), or the
    beginning of figures from another line. Of several runs the last steady one is believed, then those
    that follow from it.

    Parameters
    ----------
    facts, splits, volumes
        As for `counts_hardly_traded`.

    Returns
    -------
    kept : DataFrame
    splits : DataFrame
        With the splits that were found.
    findings : list of Finding
    """
    wrong: list[int] = []
    found: list[tuple[str, pd.Timestamp, float]] = []
    findings: list[Finding] = []
    for counts in _counts(facts, splits, volumes):
        runs = _runs(counts)
        verdicts = _verdicts(counts, runs)
        for run, verdict in zip(runs, verdicts, strict=True):
            if verdict is None:
                wrong.extend(counts.rows.index[run].tolist())
                findings.extend(
                    _finding(
                        counts,
                        place,
                        f"it stands at {number(counts.basis[place])} on today's split basis, off the level "
                        "of the counts that agree, and the volume did not change with it",
                    )
                    for place in run.tolist()
                )
        steps = [
            (run, following, verdict / after)
            for (run, verdict), (following, after) in pairwise(
                (run, verdict) for run, verdict in zip(runs, verdicts, strict=True) if verdict is not None
            )
            if verdict != after
        ]
        for run, following, ratio in steps:
            first = pd.Timestamp(counts.rows["filed"].iloc[following[0]])
            before = f"{counts.rows['filed'].iloc[run[-1]]:%Y-%m-%d}"
            if (counts.symbol, first, ratio) in found:
                continue
            found.append((counts.symbol, first, ratio))
            findings.append(
                Finding(
                    "suspicion",
                    "split not listed",
                    f"the share count goes from {number(counts.basis[run[-1]])} (filed {before}) to "
                    f"{number(counts.basis[following[0]])}, and the volume stays: taken as a split of "
                    f"{ratio:g} new shares per old that the splits table does not list",
                    symbol=counts.symbol,
                    date=f"{first:%Y-%m-%d}",
                )
            )
    extra = pd.DataFrame(found, columns=["symbol", "date", "ratio"])
    listed = pd.concat([splits, extra], ignore_index=True) if found else splits
    return facts.drop(index=wrong).reset_index(drop=True), listed, findings


def _runs(counts: _Counts) -> list[npt.NDArray[np.intp]]:
    """Places of the counts, cut wherever they step and the volume does not."""
    steps = np.diff(np.log(counts.basis))
    with np.errstate(all="ignore"):
        shown = np.diff(np.log(counts.volume)) / steps
    cuts = np.flatnonzero((np.abs(steps) > np.log(STEP)) & (shown < CONFIRMED))
    return np.split(np.arange(len(counts.basis)), cuts + 1)


def _verdicts(counts: _Counts, runs: list[npt.NDArray[np.intp]]) -> list[float | None]:
    """For each run what its counts must be multiplied by to agree with the believed one; None: left out."""
    if len(runs) == 1:
        return [1.0]
    steady = [len(run) > 2 and _moves(counts.basis[run]) <= STEADY for run in runs]
    last_believed = len(runs[-1]) > 2 and _moves(counts.basis[runs[-1]]) <= STEADY_AT_LAST
    if not any(steady) and not last_believed:
        return [1.0] * len(runs)
    anchor = max(place for place in range(len(runs)) if steady[place] or last_believed)
    verdicts: list[float | None] = [None] * len(runs)
    verdicts[anchor] = 1.0
    for order in (range(anchor - 1, -1, -1), range(anchor + 1, len(runs))):
        step = -1 if order.step < 0 else 0
        near, factor = counts.basis[runs[anchor][0 if step else -1]], 1.0
        for place in order:
            run = runs[place]
            beside = counts.basis[run[-1 if step else 0]] * factor
            gap = float(np.log(near / beside))
            ratio = _usual_ratio(gap)
            if abs(gap) <= np.log(STEP):
                verdicts[place] = factor
            elif step and steady[place] and ratio is not None:
                factor *= ratio
                verdicts[place] = factor
            elif steady[place] and abs(gap) <= np.log(MERGER):
                verdicts[place] = factor
            else:
                continue
            near = counts.basis[run[0 if step else -1]] * factor
    return verdicts


def _usual_ratio(gap: float) -> float | None:
    """The ratio of a usual split or reverse split that makes a step of `gap` in logarithms, if any."""
    ratios = np.array([*SPLIT_RATIOS, *(1 / ratio for ratio in SPLIT_RATIOS)])
    nearest = int(np.argmin(np.abs(np.log(ratios) - gap)))
    return float(ratios[nearest]) if abs(np.log(ratios[nearest]) - gap) <= SPLIT_TOLERANCE else None
