"""Which splits a price file is adjusted for beyond the listed ones, read from the prices themselves.

Prices downloaded later than their last session are adjusted for splits in between too, and filed share counts
are not. But US stocks trade in whole cents: where adjusted closes are whole cents only after multiplying by
some whole number, that number is the ratio of the splits that came later. This is a property of the file,
and each ratio carries the session from which the prices up to then show it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import BASIS_COLUMNS, Array, Dates, Finding, listed_factor

DECIMALS = np.datetime64("2001-04-09", "D")
"""Since this day all US stocks are quoted in cents (SEC order of 8 June 2000); before in sixteenths."""

BLOCK = 30
"""Sessions of one symbol that are judged together; blocks begin at its first session in cents."""

AGREEING = 3
"""Blocks in a row that must show another ratio before it is believed: a first ratio needs one."""

LARGEST = 60
"""Largest ratio that is tried."""

PILOT = (np.datetime64("2016-10-03", "D"), np.datetime64("2018-09-28", "D"))
"""The Tick Size Pilot, in which small companies were quoted in steps of five cents: prices that are whole
cents at a fifth of the ratio show no split then."""

FITTING = 0.96
"""Share of a block's closes that must be whole cents: now and then one is a midpoint of two quotes."""


def check_split_basis(
    sessions: Dates, symbols: tuple[str, ...], close: Array, splits: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Ratios of unlisted splits that prices are adjusted for, each from the session that shows it.

    Parameters
    ----------
    sessions, symbols, close
        As for `check_prices`; closes adjusted for splits, not for dividends.
    splits : DataFrame
        Columns symbol, date, ratio: the listed splits.

    Returns
    -------
    basis : DataFrame
        As `Market.basis`.
    findings : tuple of Finding
        One suspicion for each symbol with a row.
    """
    listed = listed_factor(sessions, symbols, splits)
    rows: list[tuple[str, np.datetime64, np.datetime64, float]] = []
    findings = []
    for column, symbol in enumerate(symbols):
        found = _steps(sessions, close[:, column], listed[:, column])
        rows += [(symbol, *step) for step in found]
        if found:
            said = ", ".join(f"by {ratio:g} from {known} on" for _, known, ratio in found)
            findings.append(
                Finding(
                    "suspicion",
                    "split basis",
                    f"the closes are whole cents only when multiplied {said}, as the closes up to then show: "
                    "they are adjusted for splits that the splits table does not list",
                    symbol=symbol,
                    date=str(found[0][1]),
                )
            )
    basis = pd.DataFrame(rows, columns=list(BASIS_COLUMNS))
    kinds = {"since": "datetime64[s]", "known": "datetime64[s]", "ratio": "float64"}
    return basis.astype(kinds), tuple(findings)


def _steps(sessions: Dates, close: Array, listed: Array) -> list[tuple[np.datetime64, np.datetime64, float]]:
    """Since when, known from when, and the ratio: each change for one symbol."""
    traded = np.flatnonzero(np.isfinite(close) & (sessions >= DECIMALS))
    blocks = traded[: len(traded) // BLOCK * BLOCK].reshape(-1, BLOCK)
    if not len(blocks):
        return []
    paid = close * listed
    steps: list[tuple[np.datetime64, np.datetime64, float]] = []
    for block, first, ratio in believed(block_ratios(paid[blocks])):
        known = sessions[blocks[block, -1]]
        if steps and PILOT[0] <= known <= PILOT[1] and ratio * 5 == steps[-1][2]:
            continue
        start = int(blocks[first, 0])
        # The split lies in the block before, whose last closes are whole cents at the new ratio already.
        for row in traded[(traded < start) & (traded >= start - BLOCK)][::-1]:
            if not whole_cents(paid[row] * ratio):
                break
            start = int(row)
        since = sessions[start] if steps else np.datetime64("NaT", "D")
        if not steps or ratio != steps[-1][2]:
            steps.append((since, known, float(ratio)))
    return steps


def whole_cents(dollars: Array) -> npt.NDArray[np.bool_]:
    """Which amounts are whole cents, up to the rounding of a file's prices.

    A 32-bit price is good to 6e-8 of itself, and sources round to six decimals, which is a hundredth of a
    cent after multiplying by 200. Amounts too large to be told apart by that are none.
    """
    cents = dollars * 100.0
    tolerance = 2e-7 * cents + 0.01
    fits: npt.NDArray[np.bool_] = (np.abs(cents - np.round(cents)) <= tolerance) & (tolerance < 0.1)
    return fits


def block_ratios(closes: Array) -> npt.NDArray[np.int64]:
    """Smallest whole number that makes the closes of each block whole cents.

    Parameters
    ----------
    closes : ndarray, shape (blocks, sessions)

    Returns
    -------
    ndarray of int, shape (blocks,)
        0 where none fits (prices adjusted for a spin-off, say) or nothing is decided.
    """
    by_itself = whole_cents(closes).mean(axis=1)
    found = np.where(by_itself > FITTING, 1, 0)
    open_blocks = np.flatnonzero(found == 0)
    if len(open_blocks):
        ratios = np.arange(2, LARGEST + 1, dtype=np.float64)
        scaled = closes[open_blocks, :, None] * ratios
        share = whole_cents(scaled).mean(axis=1)
        fits = share > FITTING
        first = np.argmax(fits, axis=1)
        # After a split of n for one, only one close in n is whole cents by itself. More are, where now and
        # then a price is quoted in parts of a cent, as under a dollar.
        decided = fits.any(axis=1) & (by_itself[open_blocks] < 1.0 / ratios[first] + 0.2)
        found[open_blocks] = np.where(decided, ratios[first], 0)
    return found


def believed(ratios: npt.NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Each change of what is believed, which is 1 before the first block.

    Returns
    -------
    list of (int, int, int)
        The block that settles it, the first of the blocks that agree, and the ratio.

    Examples
    --------
    >>> believed(np.array([0, 4, 4, 1, 4, 1, 1, 1, 1]))
    [(1, 1, 4), (7, 5, 1)]
    """
    changes: list[tuple[int, int, int]] = []
    current, run = 0, [(0, 0)]
    for block, ratio in enumerate(ratios.tolist()):
        if not ratio:
            continue
        run = [*run, (block, ratio)] if ratio == run[0][1] else [(block, ratio)]
        if ratio != current and (not current or len(run) >= AGREEING):
            if (current or 1) != ratio:
                changes.append((block, run[0][0], ratio))
            current = ratio
    return changes
