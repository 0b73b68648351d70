"""What is wrong with this data: errors stop the load, wrong figures are quarantined, the rest is reported.

A check is a small function; `FACT_CHECKS` and `PRICE_CHECKS` list them, and a new one is one entry. Nothing
is dropped in silence: each figure left out is one finding that names symbol, concept, period, filing date
and value, and says what it was compared with.

Quarantine looks at a company's whole history, later filings included. It only ever takes figures away, and a
reader on the day could have told most of them by what came before, but it is hindsight all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from datafeeds.market import Array, Dates, Finding, MarketError, exchange_sessions

SHARE_CONCEPTS = ("shares_outstanding", "diluted_shares")

PERIOD_PLACE = {"Q1": 0, "Q2": 1, "Q3": 2, "Q4": 3, "FY": 3}
"""Quarter of the fiscal year in which each period ends."""

SHARE_STEPS = ((2.0, 0.0), (4.0, 3.0), (8.0, 4.5), (30.0, 12.0))
"""How surprising a change in the share count is: up to this ratio, as much as leaving out so many figures.

Buybacks and ordinary issuance stay within twice. Mergers and conversions of share classes change a count
for good, so a step that lasts is believed when it explains more figures than it costs; one that goes back
is not. Beyond the last ratio nothing is believed: that is thousands or millions taken for units, or another
line of the report."""

REVENUE_STEPS = ((150.0, 0.0),)
"""As `SHARE_STEPS` for revenue. Cruise lines lost 99% of a quarter's revenue in 2020, so only more is
impossible."""

REVENUE_PER_SHARE = 20_000.0
"""Yearly dollars of revenue per share above which a count is doubted (NVR, among the highest, has some
3,000)."""

MOST_SHARES = 1e11
"""Share count, on today's split basis, above which a count is doubted (the most of any US listing is some
26 billion)."""

LABEL_MONTHS = 4
"""Months before a company's usual filing date at which a period's label is not believed."""

PRICE_JUMP = 3.0
"""Ratio of one close to the last above which, or below whose inverse, a jump is suspicious."""

STALE_SESSIONS = 10
"""Sessions in a row with an unchanged close that are suspicious."""

CENTS_SESSIONS = 60
"""Sessions whose closes show the split basis; see `check_split_basis`."""

Doubts = Mapping[int, str]
"""Row label to what is wrong with it."""


@dataclass(frozen=True)
class FactCheck:
    """A check of filed figures.

    Attributes
    ----------
    name : str
        As it stands in findings.
    doubts : callable
        From facts and splits to the rows that can't be used and why.
    """

    name: str
    doubts: Callable[[pd.DataFrame, pd.DataFrame], Doubts]


def check_facts(facts: pd.DataFrame, splits: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Separate the filed figures that can be used from those that can't.

    Parameters
    ----------
    facts : DataFrame
        Columns as `market.FACT_COLUMNS`; `period_end` and `accession` may be missing.
    splits : DataFrame
        Columns symbol, date, ratio.

    Returns
    -------
    kept : DataFrame
        The rows of `facts` that can be used, in their order, with dates as datetime64.
    findings : tuple of Finding
        One ``"quarantined"`` finding for every row left out.
    """
    kept = facts.reset_index(drop=True).copy()
    if kept.empty:
        return kept, ()
    for column in ("filed", "period_end"):
        if column in kept:
            kept[column] = pd.to_datetime(kept[column])
    dated = splits.assign(date=pd.to_datetime(splits["date"]))
    findings: list[Finding] = []
    for check in FACT_CHECKS:
        doubts = check.doubts(kept, dated)
        wrong = kept.index.isin(list(doubts))
        rows = kept[wrong]
        findings.extend(
            Finding(
                "quarantined",
                check.name,
                f"{row['concept']} of fiscal {row['fiscal_year']} {row['fiscal_period']} is "
                f"{_number(row['value'])}: {doubts[label]}; left out",
                symbol=row["symbol"],
                date=f"{row['filed']:%Y-%m-%d}",
            )
            for label, row in zip(rows.index.tolist(), rows.to_dict(orient="records"), strict=True)
        )
        kept = kept[~wrong]
    return kept.reset_index(drop=True), tuple(findings)


def not_finite(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Values that are not numbers."""
    return dict.fromkeys(facts.index[~np.isfinite(facts["value"])], "not a finite number")


def unknown_period(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Fiscal periods other than Q1 to Q4 and FY."""
    wrong = facts.index[~facts["fiscal_period"].isin(list(PERIOD_PLACE))]
    return dict.fromkeys(wrong, f"the fiscal period must be one of {', '.join(PERIOD_PLACE)}")


def filed_before_period_end(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Figures filed before the period that they describe was over."""
    if "period_end" not in facts:
        return {}
    early = facts[facts["filed"] < facts["period_end"]]
    return {
        label: f"filed before the period's end, {end:%Y-%m-%d}"
        for label, end in zip(early.index, early["period_end"], strict=True)
    }


def period_label(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Periods filed months before the company usually files them, unless the whole year is labelled so.

    A first quarter labelled as a fourth, or this year's quarters labelled as next year's, would enter the
    twelve trailing months of the wrong year. A company that labels a whole fiscal year a year ahead, its
    annual report included, is consistent with itself and stays.
    """
    table = facts[["symbol", "concept", "fiscal_year", "fiscal_period"]].copy()
    table["delay"] = facts["filed"].dt.year * 12 + facts["filed"].dt.month - 3 * _quarter(facts)
    usual = table.groupby(["symbol", "concept"])["delay"].transform("median")
    table["early"] = usual - table["delay"]
    annual = table[(table["fiscal_period"] == "FY") & (table["early"] >= LABEL_MONTHS)]
    ahead = set(zip(annual["symbol"], annual["concept"], annual["fiscal_year"], strict=True))
    early = table[table["early"] >= LABEL_MONTHS]
    return {
        int(label): f"filed {row.early:.0f} months earlier than this company's filings of such a period, "
        "so it describes another period"
        for label, row in zip(early.index, early.itertuples(index=False), strict=True)
        if row.fiscal_period == "Q4" or (row.symbol, row.concept, row.fiscal_year) not in ahead
    }


def share_count_not_positive(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Share counts of zero or less."""
    wrong = facts["concept"].isin(SHARE_CONCEPTS) & (facts["value"] <= 0)
    return dict.fromkeys(facts.index[wrong], "a share count is more than 0")


def negative_revenue(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Revenue below zero."""
    wrong = (facts["concept"] == "revenue") & (facts["value"] < 0)
    return dict.fromkeys(facts.index[wrong], "revenue is at least 0")


def share_count_scale(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Share counts that do not fit the company's own history, on one split basis."""
    yearly = facts[(facts["concept"] == "revenue") & (facts["fiscal_period"] == "FY")]
    revenue = yearly.groupby("symbol")["value"].median()
    counts = facts[facts["concept"].isin(SHARE_CONCEPTS)]
    if counts.empty:
        return {}
    carried = _on_last_basis(counts, splits)
    per_share = counts["symbol"].map(revenue) / carried
    doubts: dict[int, str] = {}
    for _, rows in _in_order(counts).groupby(["symbol", "concept"], sort=False):
        basis: Array = np.asarray(carried.loc[rows.index], dtype=np.float64)
        doubted = (per_share.loc[rows.index] > REVENUE_PER_SHARE).to_numpy() | (basis > MOST_SHARES)
        outside = ~consistent(basis, SHARE_STEPS, np.where(doubted, 0.9, 0.0))
        doubts |= _against_neighbours(rows, basis, outside, " on today's split basis")
    return doubts


def revenue_scale(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Revenue thousands of times its neighbours or a thousandth: quarters with quarters, years with years."""
    revenue = facts[(facts["concept"] == "revenue") & (facts["value"] > 0)]
    doubts: dict[int, str] = {}
    for _, rows in _in_order(revenue).groupby(["symbol", revenue["fiscal_period"] == "FY"], sort=False):
        values: Array = np.asarray(rows["value"], dtype=np.float64)
        outside = ~consistent(values, REVENUE_STEPS, np.zeros(len(values)))
        doubts |= _against_neighbours(rows, values, outside, "")
    return doubts


def revenue_line(facts: pd.DataFrame, splits: pd.DataFrame) -> Doubts:
    """Fiscal years that can't be the sum of their quarters.

    A year of less than half its first three quarters is a quarter, or another line, in the year's place. In a
    year of more than 4.5 times its first three quarters either the quarters or the year stand on another
    line: the year, if it is more than three times both neighbouring years, else the quarters.
    """
    revenue = facts[facts["concept"] == "revenue"]
    latest = _in_order(revenue).drop_duplicates(["symbol", "fiscal_year", "fiscal_period"], keep="last")
    table = latest.pivot(index=["symbol", "fiscal_year"], columns="fiscal_period", values="value")
    if not {"Q1", "Q2", "Q3", "FY"} <= set(table.columns):
        return {}
    years = table["FY"].dropna()
    by_symbol = years.groupby(level="symbol")
    before, after = by_symbol.shift(1).fillna(0.0), by_symbol.shift(-1).fillna(0.0)
    beside = before.where(before > after, after)
    three = table["Q1"] + table["Q2"] + table["Q3"]
    above = table["FY"] > 4.5 * three
    year_is_off = (table["FY"] < 0.5 * three) | (above & (table["FY"] > 3.0 * beside.reindex(table.index)))
    verdict = pd.DataFrame(
        {"three": three, "annual": table["FY"], "year": year_is_off, "quarters": above & ~year_is_off}
    )
    judged = revenue[["symbol", "fiscal_year", "fiscal_period"]].join(verdict, on=["symbol", "fiscal_year"])
    annual = judged["fiscal_period"] == "FY"
    wrong = judged[
        (annual & judged["year"]) | (judged["fiscal_period"].isin(["Q1", "Q2", "Q3"]) & judged["quarters"])
    ]
    return {
        label: f"the first three quarters add to {_number(quarters)}, the year is {_number(year)}"
        for label, quarters, year in zip(wrong.index, wrong["three"], wrong["annual"], strict=True)
    }


FACT_CHECKS: tuple[FactCheck, ...] = (
    FactCheck("not a number", not_finite),
    FactCheck("fiscal period", unknown_period),
    FactCheck("filed before period end", filed_before_period_end),
    FactCheck("period label", period_label),
    FactCheck("share count not positive", share_count_not_positive),
    FactCheck("negative revenue", negative_revenue),
    FactCheck("share count scale", share_count_scale),
    FactCheck("revenue scale", revenue_scale),
    FactCheck("revenue line", revenue_line),
)
"""Checks of filed figures in order; each sees what those before it kept."""


def consistent(
    values: Array, steps: tuple[tuple[float, float], ...], penalty: Array
) -> npt.NDArray[np.bool_]:
    """Find the part of a positive history that is consistent with itself.

    Keeps the figures for which the number left out, plus the surprise at each step between neighbours kept,
    plus the `penalty` of those kept is least (found by dynamic programming).

    Parameters
    ----------
    values : ndarray, shape (figures,)
        Positive figures in order of filing.
    steps : tuple of (float, float)
        Ratio up to which a step costs so much, ascending; beyond the last a step is impossible.
    penalty : ndarray, shape (figures,)
        Cost of keeping each figure; leaving one out costs 1.

    Returns
    -------
    ndarray of bool, shape (figures,)
    """
    count = len(values)
    ratios, costs = np.array(steps).T
    logs = np.log(values)
    thresholds = np.log(ratios)
    if count < 2 or (np.abs(np.diff(logs)).max() <= thresholds[0] and not penalty.any()):
        return np.ones(count, dtype=bool)
    costs = np.append(costs, np.inf)
    # Among equals the later figures are kept: errors get corrected, good figures do not turn bad.
    position = np.arange(count)
    best = position + penalty
    came_from = np.full(count, -1)
    for current in range(1, count):
        surprise = costs[np.searchsorted(thresholds, np.abs(logs[:current] - logs[current]))]
        cost = best[:current] + surprise + (current - 1 - position[:current]) + penalty[current]
        before = int(np.argmin(cost))
        if cost[before] < best[current]:
            best[current], came_from[current] = cost[before], before
    total = best + (count - 1 - position)
    current = int(count - 1 - np.argmin(total[::-1]))
    kept = np.zeros(count, dtype=bool)
    while current >= 0:
        kept[current] = True
        current = int(came_from[current])
    return kept


def _in_order(facts: pd.DataFrame) -> pd.DataFrame:
    """Facts in order of filing; of one day, in order of period."""
    return facts.iloc[np.lexsort((_quarter(facts), facts["filed"].to_numpy().astype(np.int64)))]


def _quarter(facts: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number of the fiscal quarter in which each fact's period ends."""
    place = np.asarray(facts["fiscal_period"].map(PERIOD_PLACE), dtype=np.int64)
    return np.asarray(facts["fiscal_year"], dtype=np.int64) * 4 + place


def _on_last_basis(counts: pd.DataFrame, splits: pd.DataFrame) -> pd.Series[float]:
    """Carry counts over every split that came after their filing."""
    carried = counts["value"].astype(np.float64)
    for symbol, date, ratio in zip(splits["symbol"], splits["date"], splits["ratio"], strict=True):
        before = (counts["symbol"] == symbol) & (counts["filed"] < date)
        carried = carried.where(~before, carried * float(ratio))
    return carried


def _against_neighbours(
    rows: pd.DataFrame, values: Array, outside: npt.NDArray[np.bool_], basis: str
) -> dict[int, str]:
    """Say what each row outside is compared with: the nearest kept figures before and after it."""
    kept = np.flatnonzero(~outside)
    labels = rows.index.tolist()
    doubts: dict[int, str] = {}
    for place in np.flatnonzero(outside).tolist():
        split = int(np.searchsorted(kept, place))
        beside = [int(near) for near in (*kept[split - 1 : split], *kept[split : split + 1])]
        compared = " and ".join(
            f"{_number(values[near])} ({rows['fiscal_year'].iloc[near]} {rows['fiscal_period'].iloc[near]}, "
            f"filed {rows['filed'].iloc[near]:%Y-%m-%d})"
            for near in beside
        )
        ratio = values[place] / values[beside[0]]
        size = f"{_size(ratio)} times" if ratio > 1 else f"one part in {_size(1 / ratio)} of"
        doubts[labels[place]] = (
            f"it stands at {_number(values[place])}{basis}, {size} the figures that agree, {compared}"
        )
    return doubts


def _number(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) and abs(value) >= 1 else f"{value:g}"


def _size(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def check_prices(sessions: Dates, symbols: tuple[str, ...], close: Array) -> tuple[Finding, ...]:
    """Look for what is wrong with prices.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (sessions,)
    symbols : tuple of str
    close : ndarray, shape (sessions, symbols)
        Closes, NaN where a symbol did not trade.

    Returns
    -------
    tuple of Finding
        Errors: dates that are not exchange sessions, sessions missing, twice or out of order, sessions
        without any price, prices that are not positive. Suspicions: jumps and stale closes. A note where
        every symbol lives to the end.
    """
    days: Dates = sessions.astype("datetime64[D]")
    return tuple(finding for check in PRICE_CHECKS for finding in check(days, symbols, close))


def raise_errors(name: str, findings: Iterable[Finding]) -> None:
    """Stop at data that cannot be used.

    Parameters
    ----------
    name : str
        Name of the market, for the message.
    findings : iterable of Finding

    Raises
    ------
    MarketError
        If any finding is an error, quoting the first ten.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f"\nand {len(errors) - 10} more" if len(errors) > 10 else ""
        quoted = "\n".join(str(finding) for finding in errors[:10])
        raise MarketError(f"market {name!r} cannot be used:\n{quoted}{more}")


def sessions_out_of_order(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Sessions that come twice or before an earlier one."""
    step = np.diff(sessions).astype(np.int64)
    twice = [
        Finding(
            "error", "duplicate session", "this session comes more than once; keep one row", date=str(day)
        )
        for day in sessions[1:][step == 0]
    ]
    return twice + [
        Finding("error", "session order", "this session comes after a later one; sort by date", date=str(day))
        for day in sessions[1:][step < 0]
    ]


def not_exchange_sessions(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Dates on which the exchange was closed, and sessions missing between the first and the last."""
    if not len(sessions):
        return [Finding("error", "no sessions", "there are no prices at all")]
    calendar = exchange_sessions(str(sessions.min()), str(sessions.max()))
    closed = [
        Finding(
            "error",
            "not a session",
            f"the New York Stock Exchange was closed on this {pd.Timestamp(day):%A}; remove the row",
            date=str(day),
        )
        for day in np.setdiff1d(sessions, calendar)
    ]
    return closed + [
        Finding(
            "error",
            "missing session",
            "the exchange was open but there are no prices; add them",
            date=str(day),
        )
        for day in np.setdiff1d(calendar, sessions)
    ]


def sessions_without_price(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Sessions on which no symbol has a close."""
    empty = ~np.isfinite(close).any(axis=1)
    return [
        Finding(
            "error",
            "session without price",
            "no symbol has a close; add prices or remove the date",
            date=str(day),
        )
        for day in sessions[empty]
    ]


def prices_not_positive(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Closes of zero or less."""
    return [
        Finding(
            "error",
            "price not positive",
            f"the close is {close[row, column]:g}; prices are more than 0",
            symbol=symbols[column],
            date=str(sessions[row]),
        )
        for row, column in zip(*(axis.tolist() for axis in np.nonzero(close <= 0)), strict=True)
    ]


def price_jumps(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Closes more than `PRICE_JUMP` times the last known one, or less than its inverse."""
    findings: list[Finding] = []
    for column, row, before in _changes(close):
        ratio = close[row, column] / close[before, column]
        findings.extend(
            Finding(
                "suspicion",
                "price jump",
                f"close {close[this, column]:g} after {close[last, column]:g} on {sessions[last]}: a split "
                "that is not adjusted for, a wrong price, or news",
                symbol=symbols[column],
                date=str(sessions[this]),
            )
            for this, last in zip(
                row[(ratio > PRICE_JUMP) | (ratio < 1 / PRICE_JUMP)],
                before[(ratio > PRICE_JUMP) | (ratio < 1 / PRICE_JUMP)],
                strict=True,
            )
        )
    return findings


def stale_prices(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Runs of `STALE_SESSIONS` and more sessions with the very same close, one finding a symbol."""
    findings: list[Finding] = []
    for column, row, before in _changes(close):
        same = np.concatenate(([False], close[row, column] == close[before, column], [False]))
        edges = np.flatnonzero(np.diff(same.astype(np.int8)))
        starts, lengths = edges[::2], edges[1::2] - edges[::2] + 1
        runs = np.flatnonzero(lengths >= STALE_SESSIONS)
        if len(runs):
            longest = runs[np.argmax(lengths[runs])]
            first = before[starts[longest]]
            findings.append(
                Finding(
                    "suspicion",
                    "stale price",
                    f"{len(runs)} times the close stays the same for {STALE_SESSIONS} sessions or more; the "
                    f"longest, at {close[first, column]:g}, for {lengths[longest]} sessions from this one",
                    symbol=symbols[column],
                    date=str(sessions[first]),
                )
            )
    return findings


def survivors_only(sessions: Dates, symbols: tuple[str, ...], close: Array) -> list[Finding]:
    """Whether every symbol still trades at the end, as in a list chosen with hindsight."""
    if len(sessions) < 2 or not np.isfinite(close[-1]).all():
        return []
    return [
        Finding(
            "note",
            "survivorship",
            f"all {len(symbols)} symbols trade to the last session: none was delisted, so results are "
            "biased upwards",
            date=str(sessions[-1]),
        )
    ]


PriceCheck = Callable[[Dates, tuple[str, ...], Array], list[Finding]]

PRICE_CHECKS: tuple[PriceCheck, ...] = (
    sessions_out_of_order,
    not_exchange_sessions,
    sessions_without_price,
    prices_not_positive,
    price_jumps,
    stale_prices,
    survivors_only,
)
"""Checks of prices in the order of their findings."""


def _changes(close: Array) -> Iterable[tuple[int, npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """For each column, the rows with a price and the row of the price before, from the second on."""
    traded = np.isfinite(close) & (close > 0)
    for column in range(close.shape[1]):
        rows = np.flatnonzero(traded[:, column])
        if len(rows) > 1:
            yield column, rows[1:], rows[:-1]


def check_split_basis(
    sessions: Dates, symbols: tuple[str, ...], close: Array, splits: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Find splits after the last session that prices are adjusted for but the table does not list.

    Prices downloaded later than their last session are adjusted for splits in between too. Filed share
    counts are not, and the market value would be off by the ratio. But US stocks trade in whole cents, so
    where a symbol's last `CENTS_SESSIONS` adjusted closes are whole cents only after multiplying by some
    whole number, that number is the ratio of the splits that came later.

    Parameters
    ----------
    sessions, symbols, close
        As for `check_prices`; closes adjusted for splits, not for dividends.
    splits : DataFrame
        Columns symbol, date, ratio.

    Returns
    -------
    splits : DataFrame
        With one row added for every ratio found beyond the listed splits, dated the day after the last
        session.
    findings : tuple of Finding
        One suspicion for each row added.
    """
    listed = splits.assign(date=pd.to_datetime(splits["date"]))
    day = pd.Timestamp(sessions[-1]) + pd.Timedelta(days=1)
    known = listed[listed["date"] >= day].groupby("symbol")["ratio"].prod()
    newest = listed[listed["date"] < day].groupby("symbol")["date"].max()
    added, findings = [], []
    for column, symbol in enumerate(symbols):
        last = np.datetime64(newest.get(symbol, pd.Timestamp(sessions[0])), "D")
        recent = close[max(len(sessions) - CENTS_SESSIONS, int(np.searchsorted(sessions, last))) :, column]
        later = whole_cents_ratio(recent[np.isfinite(recent)])
        ratio = later / float(known.get(symbol, 1.0))
        if later > 1 and ratio != 1.0:
            added.append((symbol, day, ratio))
            findings.append(
                Finding(
                    "suspicion",
                    "split basis",
                    f"the closes are whole cents only when multiplied by {later}, so they are adjusted for a "
                    f"later split that the splits table does not list; shares are carried by {ratio:g} to "
                    "match",
                    symbol=symbol,
                    date=str(sessions[-1]),
                )
            )
    extra = pd.DataFrame(added, columns=["symbol", "date", "ratio"])
    return (pd.concat([listed, extra], ignore_index=True) if added else listed), tuple(findings)


def whole_cents_ratio(close: Array, largest: int = 60) -> int:
    """Smallest whole number that makes all `close` whole cents, up to the precision of 32-bit prices.

    Parameters
    ----------
    close : ndarray, shape (sessions,)
    largest : int
        Largest ratio to try.

    Returns
    -------
    int
        1 if the closes are whole cents already, or if no ratio fits (prices adjusted for a spin-off, say).
    """
    if len(close) < CENTS_SESSIONS // 2:
        return 1
    cents = close[:, None] * np.arange(1, largest + 1) * 100.0
    # A 32-bit price is good to 6e-8 of itself; sources also round to six decimals.
    tolerance = 2e-7 * cents + 1e-4 * np.arange(1, largest + 1)
    whole = np.abs(cents - np.round(cents)) <= tolerance
    usable = tolerance.max(axis=0) < 0.1
    fits = np.flatnonzero(usable & (whole.mean(axis=0) > 0.98))
    ratio = int(fits[0]) + 1 if len(fits) else 1
    # After a split of n for one, only one close in n is whole cents by itself. More are, where now and then a
    # price is quoted in parts of a cent, as under a dollar or at the midpoint.
    return ratio if whole[:, 0].mean() < 1.0 / ratio + 0.2 else 1
