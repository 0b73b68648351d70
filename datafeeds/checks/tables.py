"""What is wrong with the tables beside prices: symbols, splits, instruments, filed figures, series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from datafeeds.checks.facts import PERIOD_PLACE, SHARE_CONCEPTS, quarters
from datafeeds.facts import USUAL_DELAY, YEAR_LESS_QUARTER
from datafeeds.market import INSTRUMENT_COLUMNS, Array, Dates, Finding, numbered
from datafeeds.names import unknown_name

KINDS = ("stock", "etf", "index")

DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{port}{digit}" for port in ("COM", "LPT") for digit in range(1, 10)}
)
"""Names that Windows keeps for devices; ``prices/CON.csv`` can't be a file there."""

LARGEST_SPLIT = 10_000.0
"""New shares per old (or old per new) above which a ratio is no ratio."""

LARGEST_FIGURE = 1e18
"""Size above which a filed figure is no figure, in any currency."""

KNOWN_AT_CLOSE = frozenset({"vix", "vix9d", "vix3m", "vix6m", "vvix", "skew", "gold", "dollar"})
"""Series that are prices of the day, or worked out from them, and so known at its close."""

FIRST_YEAR, LAST_YEAR = 1950, 2100
"""Fiscal years that are believed."""

LONGEST_GAPS = 3
"""How many gaps between reports a finding names."""

SHOWN = 8
"""How many names a finding lists."""

_CLASS = re.compile(r"[\s,]*(?:\((?:class|series) [a-z]\)|\b(?:class|series) [a-z]\b)", re.IGNORECASE)

_SYMBOL = re.compile(r"\^?[A-Za-z0-9][A-Za-z0-9.=_-]{0,23}")

Result = tuple[pd.DataFrame, list[Finding]]


def symbol_problem(symbol: str) -> str:
    """Why `symbol` can't be a symbol, or nothing.

    Files and links are named after symbols, so one must be a safe name on every system.

    Examples
    --------
    >>> symbol_problem("BRK-B"), symbol_problem("CON")
    ('', 'Windows keeps for a device; write CON.US, say')
    """
    if not symbol:
        return "is empty"
    if symbol.split(".")[0].upper() in DEVICES and "." not in symbol:
        return f"Windows keeps for a device; write {symbol}.US, say"
    if not _SYMBOL.fullmatch(symbol) or ".." in symbol or symbol.endswith("."):
        return "may hold letters, digits, '.', '-', '_' and '=' only, 24 at most"
    return ""


def check_symbols(symbols: Iterable[str]) -> list[Finding]:
    """Symbols that can't be one, and symbols that differ in case only."""
    findings: list[Finding] = []
    folded: dict[str, str] = {}
    for symbol in symbols:
        problem = symbol_problem(symbol)
        if problem:
            findings.append(Finding("error", "symbol", f"{symbol[:40]!r} {problem}"))
        other = folded.setdefault(symbol.upper(), symbol)
        if other != symbol:
            findings.append(
                Finding("error", "symbol", f"{other!r} and {symbol!r} differ in case only; write one of them")
            )
    return findings


def _names(names: Iterable[str]) -> str:
    """Some names in a row."""
    rest = sorted(set(names))
    more = f" and {len(rest) - SHOWN} more" if len(rest) > SHOWN else ""
    return ", ".join(name if name.isprintable() and name else repr(name) for name in rest[:SHOWN]) + more


DEAREST_LOAN = 10.0
"""Largest yearly fee for a stock loan, as a fraction of its value, that is believed."""


def _strangers(table: pd.DataFrame, symbols: tuple[str, ...], what: str) -> Result:
    """`table` without rows of symbols that have no prices."""
    strange = ~table["symbol"].isin(symbols)
    if not strange.any():
        return table, []
    names = table["symbol"][strange]
    hints = [unknown_name("symbol", name, symbols) for name in sorted(set(names))[:SHOWN]]
    guess = next((f" ({hint})" for hint in hints if "did you mean" in hint), "")
    finding = Finding(
        "quarantined",
        "unknown symbol",
        f"{what}: {int(strange.sum()):,} rows of {names.nunique()} symbols without prices are left out: "
        f"{_names(names)}{guess}",
    )
    return table[~strange], [finding]


def check_splits(splits: pd.DataFrame, symbols: tuple[str, ...]) -> Result:
    """Splits with possible ratios, each once."""
    table, findings = _strangers(splits, symbols, "splits")
    ratio = table["ratio"]
    wrong = ~((ratio > 1 / LARGEST_SPLIT) & (ratio < LARGEST_SPLIT))
    findings.extend(
        Finding(
            "error",
            "split ratio",
            f"{value:g} is no ratio of new shares to old; a two-for-one split is 2, one for ten 0.1",
            symbol=symbol,
            date=f"{date:%Y-%m-%d}",
        )
        for symbol, date, value in zip(
            table["symbol"][wrong], table["date"][wrong], ratio[wrong], strict=True
        )
    )
    again = table.duplicated(["symbol", "date"], keep="first")
    differing = again & ~table.duplicated(["symbol", "date", "ratio"], keep="first")
    for label in table.index[again]:
        findings.append(
            Finding(
                "error" if differing[label] else "quarantined",
                "duplicate split",
                "listed with two ratios; keep the right one"
                if differing[label]
                else "listed twice; one is kept",
                symbol=table["symbol"][label],
                date=f"{table['date'][label]:%Y-%m-%d}",
            )
        )
    return table[~again & ~wrong].reset_index(drop=True), findings


def check_borrow(borrow: pd.DataFrame, symbols: tuple[str, ...]) -> Result:
    """Loans with possible fees, one for each symbol and date."""
    table, findings = _strangers(borrow, symbols, "borrow")
    table = table.assign(**{name: np.nan for name in ("rate", "available") if name not in table})
    checks = (
        (
            "rate",
            table["rate"].notna() & ~table["rate"].between(0, DEAREST_LOAN),
            "is no yearly fee as a fraction of the value borrowed: 3% is 0.03",
        ),
        (
            "available",
            table["available"].notna() & ~table["available"].isin((0, 1)),
            "is neither 1 (can be borrowed from that date) nor 0 (can't)",
        ),
        ("date", table.duplicated(["symbol", "date"], keep="first"), "comes twice; keep the right row"),
    )
    wrong = np.zeros(len(table), dtype=bool)
    for column, which, said in checks:
        wrong |= which.to_numpy(dtype=bool)
        for _, row in table[which].iterrows():
            value = f"{row[column]:%Y-%m-%d}" if column == "date" else f"{row[column]:g}"
            text = f"{column} {value} {said}"
            found = Finding("error", "borrow", text, symbol=row["symbol"], date=f"{row['date']:%Y-%m-%d}")
            findings.append(found)
    return table[~wrong].reset_index(drop=True), findings


def check_instruments(instruments: pd.DataFrame | None, symbols: tuple[str, ...]) -> Result:
    """Instruments with a known kind and possible dates."""
    columns = INSTRUMENT_COLUMNS
    if instruments is None:
        table = pd.DataFrame({"symbol": list(symbols), "kind": "stock"})
        return _completed(table, columns), []
    table, findings = _strangers(_completed(instruments, columns), symbols, "instruments")
    table = table.reset_index(drop=True)
    rows = list(zip(table["symbol"], table["kind"], table["group"], table["from"], table["to"], strict=True))
    kinds: dict[str, str] = {}
    for symbol, kind, group, start, stop in rows:
        if kind not in KINDS:
            findings.append(Finding("error", "kind", unknown_name("kind", kind, KINDS), symbol=symbol))
        elif kinds.setdefault(symbol, kind) != kind:
            findings.append(
                Finding("error", "kind", f"both {kinds[symbol]} and {kind}; write one of them", symbol=symbol)
            )
        if start > stop:
            findings.append(
                Finding(
                    "error",
                    "membership",
                    f"of {group or 'no group'} from {start:%Y-%m-%d} to {stop:%Y-%m-%d}: it ends before it "
                    "begins",
                    symbol=symbol,
                )
            )
    findings.extend(
        Finding(
            "suspicion",
            "membership",
            f"of {group or 'no group'} more than once at the same time",
            symbol=symbol,
        )
        for symbol, group in _overlapping(table)
    )
    absent = [symbol for symbol in symbols if symbol not in kinds]
    if absent:
        findings.append(
            Finding(
                "suspicion",
                "no instrument",
                f"{len(absent)} symbols are not among the instruments and taken as stocks of no group: "
                f"{_names(absent)}",
            )
        )
    return table, findings


def _overlapping(instruments: pd.DataFrame) -> list[tuple[str, str]]:
    """Symbol and group of memberships that begin before an earlier one of the same has ended."""
    dated = instruments.sort_values(["symbol", "group", "from"], na_position="first")
    ends = dated["to"].fillna(pd.Timestamp.max.floor("s")).astype(np.int64)
    ended = ends.groupby([dated["symbol"], dated["group"]]).cummax().shift()
    again = dated.duplicated(["symbol", "group"])
    begins = dated["from"].fillna(pd.Timestamp.min.ceil("s")).astype(np.int64)
    both = dated[again & (begins <= ended)]
    return list(dict.fromkeys(zip(both["symbol"], both["group"], strict=True)))


def share_classes(instruments: pd.DataFrame, began: Mapping[str, np.datetime64]) -> Result:
    """Instruments whose `company` is filled in where the name says that it is a class of shares.

    "Alphabet Inc. (Class A)" and "Alphabet Inc. (Class C)" are one company, of which every filing tells the
    whole. A company that the table names stays. A name without a class is that company from the day on which
    one with a class is there.

    Parameters
    ----------
    instruments : DataFrame
    began : mapping of str to datetime64
        The session on which each symbol first traded.
    """
    plain = instruments["name"].str.replace(_CLASS, "", regex=True).str.strip()
    classed = (instruments["kind"] == "stock") & (plain != instruments["name"]) & (plain != "")
    blank = (instruments["company"] == "") & (instruments["kind"] == "stock")
    meant = blank & plain.isin(plain[classed & blank])
    there = pd.to_datetime(instruments["symbol"].map(began)).astype("datetime64[s]")
    start = pd.to_datetime(instruments["from"]).astype("datetime64[s]")
    there = there.where(~(start > there), start)
    shown = there[classed & blank].groupby(plain[classed & blank]).min()
    since = pd.Series(shown.reindex(plain).to_numpy(), index=instruments.index)
    table = instruments.assign(company=instruments["company"].mask(meant, plain))
    return _begun(table, since, meant & ~classed & (since > there)), [
        Finding(
            "note",
            "share classes",
            f"{_names(own['symbol'])} are taken as classes of one company, {company}, which cap weights "
            "count once; name companies in a column company if they are not",
        )
        for company, own in table[meant].groupby("company", sort=True)
        if own["symbol"].nunique() > 1
    ]


def _begun(table: pd.DataFrame, since: pd.Series[pd.Timestamp], late: pd.Series[bool]) -> pd.DataFrame:
    """`table` with a row more for each of the `late` ones, whose company is known from `since` on."""
    if not late.any():
        return table
    day_before = since - pd.Timedelta(days=1)
    begins, ends = (pd.to_datetime(table[name]).astype("datetime64[s]") for name in ("from", "to"))
    earlier = table[late].assign(company="", to=ends.where(ends < since, day_before))
    later = table.assign(**{"from": begins.mask(late, since), "to": ends})
    later = later[~(late & (ends < since))]
    return pd.concat([earlier, later]).sort_index(kind="stable").reset_index(drop=True)


def _completed(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """`table` with all `columns`, blank where it has none."""
    completed = table.copy()
    for column in columns:
        if column not in completed:
            dated = column in ("from", "to")
            completed[column] = pd.Series(
                pd.NaT if dated else "", index=table.index, dtype="datetime64[s]" if dated else "str"
            )
    return completed[list(columns)]


def repeated_facts(facts: pd.DataFrame, symbols: tuple[str, ...]) -> Result:
    """Filed figures of symbols with prices, each once, of possible size and year."""
    table, findings = _strangers(facts, symbols, "facts")
    table = table.reset_index(drop=True)
    year_off = (table["fiscal_year"] < FIRST_YEAR) | (table["fiscal_year"] > LAST_YEAR)
    with np.errstate(invalid="ignore"):
        size_off = np.isfinite(table["value"]) & (table["value"].abs() > LARGEST_FIGURE)
    for wrong, what in ((year_off, "fiscal year"), (size_off, "value")):
        findings.extend(
            Finding(
                "quarantined",
                "impossible figure",
                f"{row['concept']} of fiscal {row['fiscal_year']} {row['fiscal_period']} is "
                f"{row['value']:g}: the {what} is not possible; left out",
                symbol=row["symbol"],
                date=f"{row['filed']:%Y-%m-%d}",
            )
            for row in table[wrong].to_dict(orient="records")
        )
    if (off := year_off | size_off).any():
        table = table[~off]
    key = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed"]
    # Nearly all differ in what one number a row can tell; only the others are compared cell by cell.
    alike = table[pd.Series(numbered(table[key]), index=table.index).duplicated(keep=False)]
    again = alike.duplicated([*key, "value"], keep="first")
    if again.any():
        findings.append(
            Finding(
                "quarantined",
                "duplicate figure",
                f"facts: {int(again.sum()):,} rows repeat another and are left out, of "
                f"{_names(alike['symbol'][again])}",
            )
        )
        table, alike = table.drop(index=alike.index[again]), alike[~again]
    conflicting = alike[alike.duplicated(key, keep=False)]
    if len(conflicting):
        first = conflicting.iloc[0]
        findings.append(
            Finding(
                "suspicion",
                "two values on one day",
                f"facts: {len(conflicting[key].drop_duplicates()):,} figures are filed twice on one day with "
                f"different values; the later row counts (first: {first['concept']} of fiscal "
                f"{first['fiscal_year']} {first['fiscal_period']})",
                symbol=first["symbol"],
                date=f"{first['filed']:%Y-%m-%d}",
            )
        )
    return table.reset_index(drop=True), findings


def check_series(series: pd.DataFrame) -> Result:
    """Daily numbers that are finite and were not available before their own date."""
    findings: list[Finding] = []
    early = series["available"] < series["date"]
    unknown = ~np.isfinite(series["value"])
    again = series.duplicated(["series", "date", "available"], keep="last") & ~early & ~unknown
    for check, wrong, why in (
        ("available too early", early, "are available before the date that they describe"),
        ("no value", unknown, "have no finite value"),
        ("duplicate value", again, "come again for the same date; the last is kept"),
    ):
        # A blank is how most sources write a holiday; it says nothing and nothing is lost.
        severity = "note" if check == "no value" else "quarantined"
        for name, rows in series[wrong].groupby("series", sort=True):
            findings.append(
                Finding(
                    severity,  # type: ignore[arg-type]
                    check,
                    f"series {name}: {len(rows):,} values {why}; left out",
                    date=f"{rows['date'].iloc[0]:%Y-%m-%d}",
                )
            )
    return series[~(early | unknown | again)].reset_index(drop=True), findings


USUAL_LAG = 10
"""Median days from the end of a period to its filing below which filing dates are doubted: the fastest of
large companies take two weeks."""


def timing_too_good(facts: pd.DataFrame, series: pd.DataFrame) -> list[Finding]:
    """Filing dates that are period ends in disguise, and series that are public on the day they describe.

    Parameters
    ----------
    facts, series : DataFrame
        After their checks.
    """
    findings = []
    if "period_end" in facts:
        lag = (facts["filed"] - facts["period_end"]).dt.days.dropna()
        if len(lag) and lag.median() < USUAL_LAG:
            findings.append(
                Finding(
                    "suspicion",
                    "timing too good",
                    f"half of the figures are filed within {lag.median():.0f} days of their period: "
                    "period ends seem to stand for filing dates, and decisions know figures weeks too early",
                )
            )
    for name, rows in series.groupby("series", sort=True):
        at_once = (rows["available"] == rows["date"]).mean()
        if at_once == 1.0 and str(name) not in KNOWN_AT_CLOSE:
            findings.append(
                Finding(
                    "suspicion",
                    "timing too good",
                    f"every value of series {name} is available on the date that it describes; statistics "
                    "are published later, only prices are known at their close",
                )
            )
    return findings


def reporting_gaps(facts: pd.DataFrame, last: Mapping[str, np.datetime64], stale_after: int) -> list[Finding]:
    """Quarters (or years, where only those are filed) for which a company's revenue is missing.

    Trailing revenue stands still over a gap until it is stale, and is unknown then.

    Parameters
    ----------
    facts : DataFrame
        Filed figures that count at some time.
    last : mapping of str to datetime64[D]
        Last session of each symbol.
    stale_after : int
        See `Market`.

    Returns
    -------
    list of Finding
        A note for each company with gaps, the longest first.
    """
    sold = facts[(facts["concept"] == "revenue") & facts["fiscal_period"].isin(list(PERIOD_PLACE))]
    assumed = sold["filed"] - pd.Timedelta(days=USUAL_DELAY)
    ends = sold["period_end"].fillna(assumed) if "period_end" in sold else assumed
    sold = sold.assign(number=quarters(sold), ended=ends)
    on = "on" if "period_end" in sold and sold["period_end"].notna().all() else "about"
    findings = []
    first = sold.groupby(["symbol", "number"], sort=True)["ended"].min().reset_index()
    for symbol, ended in first.groupby("symbol", sort=True)["ended"]:
        numbers = first["number"].loc[ended.index].to_numpy()
        gaps = np.diff(numbers)
        # A year alone is followed by the next, a quarter by a quarter.
        usual = np.where(np.append(False, gaps[:-1] < 4)[: len(gaps)], 1, 4)
        steps = [
            (ended.iloc[place], ended.iloc[place + 1]) for place in np.flatnonzero(gaps > usual).tolist()
        ]
        told = [
            (
                (after - before).days,
                f"between the periods that end {on} {before:%Y-%m-%d} and {after:%Y-%m-%d}",
            )
            for before, after in steps
        ]
        silent = int((last[str(symbol)] - np.datetime64(ended.iloc[-1], "D")).astype(int))
        yearly = len(numbers) < 2 or numbers[-1] - numbers[-2] >= 4
        if silent > stale_after + yearly * YEAR_LESS_QUARTER:
            told.append((silent, f"after the period that ends {on} {ended.iloc[-1]:%Y-%m-%d}"))
        if told:
            longest = sorted(told, reverse=True)[:LONGEST_GAPS]
            listed = ", ".join(f"{where} ({days} days)" for days, where in longest)
            more = f" and {len(told) - LONGEST_GAPS} more times" if len(told) > LONGEST_GAPS else ""
            findings.append(
                Finding("note", "reporting gap", f"no revenue is known {listed}{more}", symbol=str(symbol))
            )
    return findings


def unknown_concepts(facts: pd.DataFrame, known: Iterable[str]) -> list[Finding]:
    """Concepts that nothing is derived from, with the nearest that something is."""
    names = sorted(known)
    strange = sorted(set(facts["concept"].unique()) - set(names))
    said = [unknown_name("concept", name, names) for name in strange]
    near = [what for what in said if "did you mean" in what]
    others = [name for name, what in zip(strange, said, strict=True) if what not in near]
    findings = [
        Finding("suspicion", "unknown concept", f"facts: {what}; used by its name only") for what in near
    ]
    if others:
        what = f"facts: nothing is derived from {_names(others)}; used by name only"
        findings.append(Finding("note", "unknown concept", what))
    return findings


def without_shares(filed: pd.DataFrame, kept: pd.DataFrame) -> list[Finding]:
    """Companies that filed share counts of which none could be kept.

    Parameters
    ----------
    filed, kept : DataFrame
        Filed figures before and after their checks.
    """
    before = set(filed["symbol"][filed["concept"].isin(SHARE_CONCEPTS)])
    lost = before - set(kept["symbol"][kept["concept"].isin(SHARE_CONCEPTS)])
    if not lost:
        return []
    return [
        Finding(
            "suspicion",
            "no share count",
            f"no share count of {_names(lost)} could be kept, so their market value is never known",
        )
    ]


def coverage(
    sessions: Dates,
    symbols: tuple[str, ...],
    close: Array,
    instruments: pd.DataFrame,
    facts: pd.DataFrame,
) -> list[Finding]:
    """Notes on what there is: the span, stocks without filed figures, and each group's members.

    Parameters
    ----------
    sessions, symbols, close
        As `Market` has them.
    instruments, facts : DataFrame
        After their checks.
    """
    kinds = instruments.drop_duplicates("symbol").set_index("symbol")["kind"]
    stocks = [symbol for symbol in symbols if kinds.get(symbol, "stock") == "stock"]
    filed = set(facts["symbol"].unique())
    findings = [
        Finding(
            "note",
            "span",
            f"{len(symbols)} symbols over {len(sessions):,} sessions to {sessions[-1]}, "
            f"{int(np.isfinite(close).sum()):,} bars; {len(facts):,} filed figures of {len(filed)} symbols",
            date=str(sessions[0]),
        )
    ]
    without = [symbol for symbol in stocks if symbol not in filed]
    if without and len(facts):
        findings.append(
            Finding(
                "suspicion",
                "no filed figures",
                f"{len(without)} of {len(stocks)} stocks have none, so nothing is known of their value: "
                f"{_names(without)}",
            )
        )
    first: dict[str, np.datetime64] = {
        symbol: sessions[rows[0]]
        for column, symbol in enumerate(symbols)
        if len(rows := np.flatnonzero(np.isfinite(close[:, column])))
    }
    for group, belonging in instruments[instruments["group"] != ""].groupby("group", sort=True):
        members = sorted(set(belonging["symbol"]))
        late = [
            f"{symbol} {first[symbol]}" for symbol in members if first.get(symbol, sessions[0]) > sessions[0]
        ]
        known = [symbol for symbol in members if symbol in filed]
        dated = int((belonging["from"].notna() | belonging["to"].notna()).sum())
        trading = f"; first traded later: {_names(late)}" if late else ""
        findings.append(
            Finding(
                "note",
                "group",
                f"{group}: {len(members)} members, {len(known)} with filed figures, {dated} with dated "
                f"membership{trading}",
            )
        )
    return findings
