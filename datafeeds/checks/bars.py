"""What is wrong with bars beyond their closes: order of prices, gaps, dividends, splits, jumps, endings.

A check is a small function from `Bars` to findings; `BAR_CHECKS` lists them, and a new one is one entry.
Suspicions come one a symbol, with how many and the most telling; only what would make a result wrong for
certain is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.facts import Split, splits_by_symbol
from datafeeds.market import Array, Dates, Finding

PRICE_LIMIT = 1e12
"""Price above which a number is no price. Funds that lose by design reach some 1e9 when adjusted for their
reverse splits."""

LEAST_PRICE = 1e-6
"""Price up to which a number is no price: a share at a ten-thousandth of a cent."""

VOLUME_LIMIT = 1e14
"""Shares a day above which a number is no volume."""

POSSIBLE = {
    **dict.fromkeys(("open", "high", "low", "close"), (LEAST_PRICE, PRICE_LIMIT)),
    "volume": (-1.0, VOLUME_LIMIT),
    "dividend": (-1e-300, PRICE_LIMIT),
}
"""Between what each number of a bar lies, ends excluded."""

ORDER_TOLERANCE = 1e-4
"""Part of the price by which a low may stand above, or a high below, the open and close: adjusted prices are
rounded one by one."""

GAP_SESSIONS = 6
"""Sessions without a bar between two bars that make a gap."""

SPLIT_MATCH = 0.1
"""How near, in logarithms, a jump must come to a listed split to be that split, not adjusted for."""

UNLISTED_MATCH = 0.03
"""How near, in logarithms, a jump must come to a ratio of 2 or more to be a split that is not listed. A split
of 3 for 2 can't be told from bad news, after which volume rises as well."""

VOLUME_SESSIONS = 20
"""Sessions on either side of a jump whose median volumes are compared."""

VOLUME_MATCH = 0.35
"""How near, in logarithms, the change of volume must come to the inverse of the jump of a split."""

SMALLEST_SPLIT = 1.4
"""Ratio (or inverse) below which a listed split can't be told from a day's news."""

JUMP = 0.35
"""Overnight change, in logarithms, that is reported when neither a split nor a dividend explains it (down 30%
or up 42%)."""

LARGE_DIVIDEND = 0.05
"""Share of the price above which a dividend must show in it."""

EX_SESSIONS = 2
"""Sessions around its ex-date within which a dividend may show in the price."""

USUAL_MOVE = 4.0
"""Daily standard deviations within which a price may still hide a dividend."""

HABIT, HABITUAL = 2, 1.5
"""Earlier dividends that make a habit, and how many times the largest of them is still within it."""

BESIDE_SPLIT, DIVIDEND_MATCH = 4, 0.25
"""Dividends on either side of a split that are compared, and how near, in logarithms, their ratio must come
to that of the split to show that those before are not adjusted for it."""

DIVIDEND_LIMIT = 0.5
"""Share of the price above which a dividend is doubted whatever the price did."""

MANY = 15
"""Rows of one fault above which it may be that of a whole column."""

SHOWN = 3
"""How many events a finding names."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Prices and what goes with them; arrays of shape (sessions, symbols).

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    open, high, low, close, volume, dividend : ndarray
        As `Market` has them.
    splits, basis : DataFrame
        As `Market` has them.
    """

    sessions: Dates
    symbols: tuple[str, ...]
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    dividend: Array
    splits: pd.DataFrame
    basis: pd.DataFrame

    @cached_property
    def before(self) -> Array:
        """Last known close before each session; NaN before the first."""
        traded = np.isfinite(self.close) & (self.close > 0)
        rows = np.where(traded, np.arange(len(self.sessions))[:, None], -1)
        np.maximum.accumulate(rows, axis=0, out=rows)
        rows = np.vstack([np.full((1, rows.shape[1]), -1), rows[:-1]])
        known = np.take_along_axis(self.close, np.maximum(rows, 0), axis=0)
        return np.where(rows >= 0, known, np.nan)

    @cached_property
    def overnight(self) -> Array:
        """Logarithm of the open (the close where no open is known) over the last known close."""
        first = np.where(np.isfinite(self.open), self.open, self.close)
        with np.errstate(all="ignore"):
            return np.log(first / self.before)

    @cached_property
    def daily(self) -> Array:
        """Logarithm of the close over the last known close."""
        with np.errstate(all="ignore"):
            return np.log(self.close / self.before)

    def usual(self, row: int, column: int) -> float:
        """Usual daily move of a symbol up to a session: a deviation that outliers leave alone."""
        moves = self.daily[: row + 1, column]
        known = moves[np.isfinite(moves)]
        return 1.4826 * float(np.median(np.abs(known))) if len(known) else 0.0

    @cached_property
    def swapped(self) -> npt.NDArray[np.bool_]:
        """Whether each symbol's closes seem to be its volumes, shape (symbols,)."""
        found = np.zeros(len(self.symbols), dtype=np.bool_)
        for column in range(len(found)):
            rows = np.flatnonzero(np.isfinite(self.close[:, column]) & np.isfinite(self.volume[:, column]))
            close, volume = self.close[rows, column], self.volume[rows, column]
            if len(rows) > MANY and np.median(close) > np.median(volume):
                found[column] = (close == np.floor(close)).all() and (volume != np.floor(volume)).mean() > 0.5
        return found

    @cached_property
    def known_splits(self) -> list[tuple[int, int, Split]]:
        """Row (the first session from its date on) and column of each split within the sessions."""
        column = {symbol: place for place, symbol in enumerate(self.symbols)}
        found = [
            (int(np.searchsorted(self.sessions.astype(np.int64), split.date)), column[symbol], split)
            for symbol, splits in splits_by_symbol(self.splits, self.basis).items()
            if symbol in column
            for split in splits
        ]
        return [each for each in found if each[0] < len(self.sessions)]

    @cached_property
    def listed_splits(self) -> list[tuple[int, int, float]]:
        """Row, column and ratio of each split within the sessions that the table lists."""
        return [(row, column, split.ratio) for row, column, split in self.known_splits if split.listed]


BarCheck = Callable[[Bars], list[Finding]]


def check_bars(bars: Bars) -> tuple[Finding, ...]:
    """Look for what is wrong with bars, dividends and splits.

    Returns
    -------
    tuple of Finding
        Errors: prices that are not positive finite numbers of a possible size, negative dividends, listed
        splits that prices are not adjusted for. Suspicions and notes: everything else.
    """
    return tuple(finding for check in BAR_CHECKS for finding in check(bars))


def _events(bars: Bars, wrong: npt.NDArray[np.bool_]) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Columns with something wrong and the rows of it."""
    return [(int(column), np.flatnonzero(wrong[:, column])) for column in np.flatnonzero(wrong.any(axis=0))]


def _times(count: int, first: str) -> str:
    return f"{first}" if count == 1 else f"{count:,} times, first {first}"


def impossible_numbers(bars: Bars) -> list[Finding]:
    """Prices, volumes and dividends that no listing can have."""
    findings: list[Finding] = []
    for name, (least, most) in POSSIBLE.items():
        values: Array = getattr(bars, name)
        wrong = (values <= least) | (values >= most)
        for column, rows in _events(bars, wrong):
            value = values[rows[0], column]
            about = (
                "not possible"
                if abs(value) >= most or value > 0
                else "negative"
                if value < 0
                else "not positive"
            )
            findings.append(
                Finding(
                    "error",
                    f"{name} {about}",
                    _times(len(rows), f"the {name} is {value:g}") + "; correct it or leave the cell blank",
                    symbol=bars.symbols[column],
                    date=str(bars.sessions[rows[0]]),
                )
            )
    return findings


def prices_out_of_order(bars: Bars) -> list[Finding]:
    """Bars whose high is not the highest or whose low is not the lowest."""
    with np.errstate(invalid="ignore"):
        slack = ORDER_TOLERANCE * np.abs(bars.close)
        wrong = bars.high < bars.low - slack
        for price in (bars.open, bars.close):
            wrong |= (price > bars.high + slack) | (price < bars.low - slack)
    findings = []
    for column, rows in _events(bars, wrong & ~bars.swapped):
        row = rows[0]
        bar = " ".join(
            f"{name} {getattr(bars, name)[row, column]:g}" for name in ("open", "high", "low", "close")
        )
        traded = int(np.isfinite(bars.close[:, column]).sum())
        most = len(rows) > max(MANY, 0.5 * traded)
        findings.append(
            Finding(
                "error" if most else "suspicion",
                "price order",
                "the high is not the highest or the low not the lowest: "
                + _times(len(rows), bar)
                + ("; columns seem to be swapped" if most else ""),
                symbol=bars.symbols[column],
                date=str(bars.sessions[row]),
            )
        )
    return findings


def close_for_volume(bars: Bars) -> list[Finding]:
    """Closes that are whole numbers beside smaller volumes that are not: each in the other's column."""
    findings = []
    for column in np.flatnonzero(bars.swapped):
        row = np.flatnonzero(np.isfinite(bars.close[:, column]) & np.isfinite(bars.volume[:, column]))[0]
        findings.append(
            Finding(
                "error",
                "columns swapped",
                f"all closes are whole numbers, the first {bars.close[row, column]:g}, and volumes are not, "
                f"the first {bars.volume[row, column]:g}: columns close and volume seem to be swapped",
                symbol=bars.symbols[column],
                date=str(bars.sessions[row]),
            )
        )
    return findings


def gaps(bars: Bars) -> list[Finding]:
    """Runs of `GAP_SESSIONS` and more sessions without a bar between two bars of a symbol."""
    findings = []
    for column, symbol in enumerate(bars.symbols):
        rows = np.flatnonzero(np.isfinite(bars.close[:, column]))
        missing = np.diff(rows) - 1
        long = np.flatnonzero(missing >= GAP_SESSIONS)
        if len(long):
            longest = long[np.argmax(missing[long])]
            change = bars.close[rows[longest + 1], column] / bars.close[rows[longest], column] - 1.0
            findings.append(
                Finding(
                    "suspicion",
                    "gap",
                    f"{len(long)} gaps of {GAP_SESSIONS} sessions or more; the longest of "
                    f"{missing[longest]} after this session, with a change of {change:+.0%} across it: a "
                    "halt, missing data, or two companies under one symbol",
                    symbol=symbol,
                    date=str(bars.sessions[rows[longest]]),
                )
            )
    return findings


def splits_not_adjusted(bars: Bars) -> list[Finding]:
    """Listed splits on whose date the price still jumps by their ratio."""
    findings = []
    for row, column, ratio in bars.listed_splits:
        size = abs(np.log(ratio))
        jump = bars.overnight[row, column]
        if size < np.log(SMALLEST_SPLIT) or not np.isfinite(jump):
            continue
        if abs(jump + np.log(ratio)) < min(SPLIT_MATCH, size / 3):
            findings.append(
                Finding(
                    "error",
                    "split not adjusted",
                    f"{ratio:g} new shares per old, and the price goes from {bars.before[row, column]:g} to "
                    f"{bars.before[row, column] * np.exp(jump):g}: prices before must be divided by "
                    f"{ratio:g}, volumes multiplied",
                    symbol=bars.symbols[column],
                    date=str(bars.sessions[row]),
                )
            )
        elif abs(jump - np.log(ratio)) < min(SPLIT_MATCH, size / 3):
            findings.append(
                Finding(
                    "error",
                    "split adjusted twice",
                    f"{ratio:g} new shares per old, and the price goes the wrong way, from "
                    f"{bars.before[row, column]:g} to {bars.before[row, column] * np.exp(jump):g}: the split "
                    "is taken out twice or the ratio is upside down",
                    symbol=bars.symbols[column],
                    date=str(bars.sessions[row]),
                )
            )
    return findings


def split_steps(bars: Bars) -> list[tuple[int, int, Split]]:
    """Splits on which dividends fall by the split's ratio, as where those before are not adjusted for it.

    Returns
    -------
    list of (int, int, Split)
        Row and column of each, latest first.
    """
    dividend = bars.dividend.copy()
    found = []
    for row, column, split in sorted(bars.known_splits, reverse=True):
        size, levels = abs(np.log(split.ratio)), _dividend_levels(dividend[:, column], row)
        if levels is None or size < np.log(SMALLEST_SPLIT):
            continue
        old, new = levels
        if abs(np.log(old / new) - np.log(split.ratio)) <= min(DIVIDEND_MATCH, size / 3):
            dividend[:row, column] /= split.ratio
            found.append((row, column, split))
    return found


def _dividend_levels(dividend: Array, row: int) -> tuple[float, float] | None:
    """Usual dividend before a row and from it on; None where too few are known."""
    before, after = (side[side > 0] for side in (dividend[:row], dividend[row:]))
    if min(len(before), len(after)) < HABIT:
        return None
    return float(np.median(before[-BESIDE_SPLIT:])), float(np.median(after[:BESIDE_SPLIT]))


def dividends_not_adjusted(bars: Bars) -> list[Finding]:
    """Dividends before a split that are as many times those after it as there are new shares per old.

    Prices before a split are divided by its ratio; where dividends are not, they count too much. Only
    dividends paid after the split show it, so nothing is changed: what was credited before they were known
    would hang on them. The folder has to say it (``"dividends": "as_paid"`` in ``source.json``).
    """
    findings = []
    for row, column, split in split_steps(bars):
        dividend = bars.dividend[:, column]
        paid = np.flatnonzero(dividend > 0)
        first, last, after = paid[0], paid[paid < row][-1], paid[paid >= row][0]
        remedy = "" if split.listed else "list the split in splits.csv, and then "
        findings.append(
            Finding(
                "suspicion",
                "dividends not split-adjusted",
                f"dividends from {bars.sessions[first]} to {bars.sessions[last]} fall from about "
                f"{dividend[last]:g} to {dividend[after]:g} (from {bars.sessions[after]} on) with the "
                f"{'' if split.listed else 'unlisted '}split of {split.ratio:g} for 1, so those before count "
                f"{split.ratio:g} times too much: {remedy}write "
                '"dividends": "as_paid" in source.json, or repair the folder (backtest data check --repair)',
                symbol=bars.symbols[column],
                date=str(bars.sessions[row]),
            )
        )
    return findings


def shown_dividends(bars: Bars) -> tuple[Array, list[Finding]]:
    """Dividends, the large ones only where and when the price shows them.

    Sources sometimes enter the value of a spun-off company as a dividend and take it out of earlier prices
    too. Credited, it would be counted twice. So a dividend of more than `LARGE_DIVIDEND` of the price is
    withheld until the price has fallen by half of it, and left out if it has not `EX_SESSIONS` sessions after
    the ex-date. One of a size that the stock has paid before needs no proof.

    Returns
    -------
    dividend : ndarray, shape (sessions, symbols)
    findings : list of Finding
        A ``"quarantined"`` finding for each that is left out, a note for each that comes later.
    """
    with np.errstate(all="ignore"):
        share = bars.dividend / bars.before
    dividend = bars.dividend.copy()
    findings = []
    for column, rows in _events(bars, share > LARGE_DIVIDEND):
        for row in rows.tolist():
            paid = share[:row, column][dividend[:row, column] > 0]
            if len(paid) >= HABIT and share[row, column] <= HABITUAL * paid.max():
                continue
            fall = -float(np.log1p(-min(float(share[row, column]), 0.99)))
            # A fall of half the dividend, or one so small that a usual day hides it.
            least = fall - max(USUAL_MOVE * bars.usual(row, column), 0.5 * fall)
            near = bars.daily[max(row - EX_SESSIONS, 0) : row + EX_SESSIONS + 1, column]
            falls = np.flatnonzero(-np.nan_to_num(near) >= least)
            if least <= 0 or (len(falls) and falls[0] <= min(row, EX_SESSIONS)):
                continue
            dividend[row, column] = 0.0
            said = (
                f"{bars.dividend[row, column]:g} a share is {share[row, column]:.0%} of the price before, "
                f"{bars.before[row, column]:g}, and the price, {bars.close[row, column]:g}, does not fall"
            )
            if len(falls):
                shown = max(row - EX_SESSIONS, 0) + int(falls[0])
                dividend[shown, column] += bars.dividend[row, column]
                said += f" before {bars.sessions[shown]}: credited then"
            else:
                said += ": a wrong number, or a spin-off that prices are adjusted for already; left out"
            findings.append(
                Finding(
                    "note" if len(falls) else "quarantined",
                    "dividend not in prices",
                    said,
                    symbol=bars.symbols[column],
                    date=str(bars.sessions[row]),
                )
            )
    return dividend, findings


def large_dividends(bars: Bars) -> list[Finding]:
    """Dividends that are a great part of the price, whatever the price did."""
    with np.errstate(all="ignore"):
        share = bars.dividend / bars.before
    return [
        Finding(
            "suspicion",
            "large dividend",
            f"{bars.dividend[row, column]:g} a share is {share[row, column]:.0%} of the price before, "
            f"{bars.before[row, column]:g}: a spin-off or a wrong number",
            symbol=bars.symbols[column],
            date=str(bars.sessions[row]),
        )
        for column, rows in _events(bars, share > DIVIDEND_LIMIT)
        for row in rows.tolist()
    ]


def dividends_on_most_rows(bars: Bars) -> list[Finding]:
    """A dividend on every third session or more: another number in its column."""
    paid = (bars.dividend > 0).sum(axis=0)
    traded = np.isfinite(bars.close).sum(axis=0)
    return [
        Finding(
            "error",
            "dividend on most rows",
            f"{paid[column]:,} of {traded[column]:,} sessions have a dividend: the column holds another "
            "number, or a yearly rate on every row; keep the cash of ex-dates alone",
            symbol=bars.symbols[column],
        )
        for column in np.flatnonzero((paid > MANY) & (paid > traded / 3)).tolist()
    ]


def dividends_adjusted_already(bars: Bars) -> list[Finding]:
    """Whether prices seem adjusted for the dividends that the table has too, which would count them twice.

    On average a stock opens lower by about its dividend. Over many dividends the mean of overnight change /
    dividend is about -1 if prices carry them and about 0 if they are taken out already.
    """
    with np.errstate(all="ignore"):
        share = bars.dividend / bars.before
    at = (share > 0.002) & (share < LARGE_DIVIDEND) & np.isfinite(bars.overnight)
    count = int(at.sum())
    if count < 200:
        return []
    # Weighted by size squared: least squares of change on dividend through the origin.
    drop = float(-(bars.overnight[at] * share[at]).sum() / (share[at] ** 2).sum())
    if drop > 0.4:
        return []
    return [
        Finding(
            "suspicion",
            "dividends counted twice",
            f"over {count:,} dividends prices open lower by only {drop:.0%} of them: prices seem adjusted "
            "for dividends already; leave the dividend column out and state adjustment = total_return",
        )
    ]


def unexplained_jumps(bars: Bars) -> list[Finding]:
    """Overnight jumps that neither a split nor a dividend explains: spin-offs, new symbols, news."""
    explained = np.zeros(bars.close.shape, dtype=bool)
    for row, column, _ in bars.listed_splits:
        explained[row, column] = True
    with np.errstate(all="ignore"):
        drop = np.log1p(-np.minimum(np.nan_to_num(bars.dividend / bars.before), 0.99))
    left = bars.overnight - drop
    findings = []
    for column, rows in _events(bars, (np.abs(left) > JUMP) & ~explained):
        strongest = rows[np.argsort(-np.abs(left[rows, column]), kind="stable")]
        shown = ", ".join(
            f"{np.expm1(left[row, column]):+.0%} on {bars.sessions[row]}{_like_split(left[row, column])}"
            for row in strongest[:SHOWN]
        )
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        findings.append(
            Finding(
                "suspicion",
                "unexplained jump",
                f"the price opens elsewhere than it closed, without split or dividend: {shown}{more}; news, "
                "a spin-off, a change of symbol, or a split that is not listed",
                symbol=bars.symbols[column],
                date=str(bars.sessions[rows[0]]),
            )
        )
    return findings


def unlisted_splits(bars: Bars) -> list[Finding]:
    """Jumps near the inverse of a usual ratio with which volume moves the other way, or dividends along."""
    listed = {(row, column) for row, column, _ in bars.listed_splits}
    with np.errstate(invalid="ignore"):
        jumps = np.argwhere(np.abs(bars.overnight) > JUMP)
    findings = []
    for row, column in jumps.tolist():
        move = float(bars.overnight[row, column])
        ratio = _usual_ratio(move)
        if (row, column) in listed or ratio < 2 or abs(np.log(ratio) - abs(move)) > UNLISTED_MATCH:
            continue
        witness = _volume_moves(bars.volume[:, column], row, move) or _dividends_move(
            bars.dividend[:, column], row, move
        )
        if witness:
            findings.append(
                Finding(
                    "suspicion",
                    "split not listed",
                    f"the price opens {np.expm1(move):+.0%}{_split_words(ratio, move)}, and {witness}: if it "
                    "is one, adjust prices and list it in splits.csv",
                    symbol=bars.symbols[column],
                    date=str(bars.sessions[row]),
                )
            )
    return findings


def _volume_moves(volume: Array, row: int, move: float) -> str:
    """How volume stays moved the other way as a price jumps; empty if it does not."""
    around = (volume[max(row - VOLUME_SESSIONS, 0) : row], volume[row + 1 : row + 1 + VOLUME_SESSIONS])
    before, after = (side[side > 0] for side in around)
    if min(len(before), len(after)) < VOLUME_SESSIONS // 2:
        return ""
    times = float(np.median(after) / np.median(before))
    moved = abs(np.log(times) + move) < min(VOLUME_MATCH, abs(move) / 2)
    return f"volume is {times:.2g} times that before" if moved else ""


def _dividends_move(dividend: Array, row: int, move: float) -> str:
    """How dividends stay moved with a price that jumps; empty if they do not."""
    levels = _dividend_levels(dividend, row)
    if levels is None or abs(np.log(levels[1] / levels[0]) - move) > min(DIVIDEND_MATCH, abs(move) / 3):
        return ""
    return f"dividends go from about {levels[0]:g} to {levels[1]:g}"


def _like_split(move: float) -> str:
    """A remark where a jump comes very near to that of a usual split."""
    ratio = _usual_ratio(move)
    return _split_words(ratio, move) if abs(np.log(ratio) - abs(move)) <= 0.01 else ""


def _usual_ratio(move: float) -> float:
    """The usual split ratio nearest to a jump, in logarithms."""
    ratios = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50])
    return float(ratios[np.argmin(np.abs(np.log(ratios) - abs(move)))])


def _split_words(ratio: float, move: float) -> str:
    return f" (as a split of {ratio:g} for 1)" if move < 0 else f" (as a reverse split of 1 for {ratio:g})"


def symbols_that_end(bars: Bars) -> list[Finding]:
    """Symbols whose last bar comes before the market's last session, and symbols without any bar."""
    findings = []
    for column, symbol in enumerate(bars.symbols):
        rows = np.flatnonzero(np.isfinite(bars.close[:, column]))
        if not len(rows):
            findings.append(
                Finding(
                    "suspicion",
                    "no prices",
                    "the symbol has rows but no close: it never trades",
                    symbol=symbol,
                )
            )
        elif rows[-1] < len(bars.sessions) - 1:
            findings.append(
                Finding(
                    "note",
                    "ends early",
                    f"the last bar, at {bars.close[rows[-1], column]:g}: taken as delisted, a position is "
                    "closed at that price",
                    symbol=symbol,
                    date=str(bars.sessions[rows[-1]]),
                )
            )
    return findings


BAR_CHECKS: tuple[BarCheck, ...] = (
    impossible_numbers,
    prices_out_of_order,
    close_for_volume,
    gaps,
    splits_not_adjusted,
    large_dividends,
    dividends_on_most_rows,
    dividends_not_adjusted,
    dividends_adjusted_already,
    unexplained_jumps,
    unlisted_splits,
    symbols_that_end,
)
"""Checks of bars in the order of their findings."""
