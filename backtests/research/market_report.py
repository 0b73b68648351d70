"""What is in a market folder and what is wrong with it, as a page with pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from backtests.document.blocks import (
    Block,
    Bullets,
    Cell,
    Column,
    Details,
    Document,
    Fact,
    Facts,
    Figure,
    Line,
    LineChart,
    Paragraph,
    Row,
    Section,
    Table,
    lines,
)
from datafeeds import facts as fundamentals
from datafeeds.checks import of_calendar
from datafeeds.folder.layout import Checked
from datafeeds.market import Finding, Market
from datafeeds.names import named
from datafeeds.series import series_names

SEVERITIES = {
    "error": "Errors: a run stops here",
    "quarantined": "Quarantined: left out of every calculation",
    "suspicion": "Suspicions: used as they are, look at them",
    "note": "Notes",
}
"""Headings by severity, worst first."""

LISTED = 2000
"""Findings of one severity that the page lists."""

MULTIPLES_OF = 6
"""Groups drawn in one picture."""


def verdict(checked: Checked) -> str:
    """One sentence on whether the folder can be used."""
    counts = Counter(str(finding.severity) for finding in checked.findings)
    rest = ", ".join(
        f"{counts[severity]:,} {word}"
        for severity, word in (
            ("quarantined", "quarantined"),
            ("suspicion", "suspicions"),
            ("note", "notes"),
        )
    )
    days = sorted(finding.date for finding in checked.findings if of_calendar(finding))
    if checked.market is not None and days:
        more = f" and {len(days) - 1:,} more days" if len(days) > 1 else ""
        return f"can be used by runs that leave out {days[0]}{more}; {rest}"
    if counts["error"]:
        return f"cannot be used, {counts['error']:,} errors; {rest}"
    return f"can be used; {rest}"


def by_check(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Findings by severity and check, worst severity first, then in order of appearance."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for severity in SEVERITIES:
        for finding in findings:
            if finding.severity == severity:
                groups.setdefault((severity, finding.check), []).append(finding)
    return groups


def page(checked: Checked) -> Document:
    """The report as a document; `backtests.document.html` renders it."""
    market = checked.market
    sections = [Section("overview", "Overview", tuple(_overview(checked)))]
    if market is not None:
        sections.append(Section("coverage", "Coverage", tuple(_coverage(market))))
        if multiples := _multiples(market):
            sections.append(Section("multiples", "Price-to-sales", (multiples,)))
    sections += [
        Section(severity, heading, tuple(_listed(severity, checked.findings)))
        for severity, heading in SEVERITIES.items()
        if any(finding.severity == severity for finding in checked.findings)
    ]
    name = market.name if market is not None else checked.path.resolve().name
    return Document(
        title=f"Market {name}",
        subtitle=verdict(checked),
        sections=tuple(sections),
        footer=f"Market {market.hash[:12]}" if market is not None else "",
        kind="Data report",
    )


def _overview(checked: Checked) -> Iterator[Block]:
    market = checked.market
    if market is None:
        yield Paragraph("The folder can't be used; the errors below say what to mend.", tone="warning")
    else:
        stocks = int((market.kinds == "stock").sum())
        yield Facts(
            (
                Fact("Source", market.source),
                Fact("Sessions", f"{len(market.sessions):,}, {market.sessions[0]} to {market.sessions[-1]}"),
                Fact("Symbols", f"{len(market.symbols)}, {stocks} of them stocks"),
                Fact(
                    "Filed figures", f"{len(market.facts):,} of {market.facts['symbol'].nunique()} companies"
                ),
                Fact("Series", ", ".join(sorted(series_names(market))) or "none"),
                Fact("Prices", "split-adjusted" if market.adjustment == "split" else "total return"),
                Fact("Content hash", market.hash),
            )
        )
        if market.limits:
            yield Bullets("What limits a result on this market", market.limits, tone="warning")
    yield findings_table(checked.findings)


def findings_table(findings: Iterable[Finding]) -> Table:
    """Findings and symbols concerned, counted by check."""
    rows = tuple(
        Row.of(
            severity,
            check,
            Cell(len(found), "integer"),
            Cell(len({each.symbol for each in found if each.symbol}) or None, "integer"),
        )
        for (severity, check), found in by_check(findings).items()
    )
    return Table(
        "Findings by check",
        (Column("Severity", "left"), Column("Check", "left"), Column("Findings"), Column("Symbols")),
        rows,
    )


def _coverage(market: Market) -> Iterator[Block]:
    traded = market.traded.sum(axis=1).astype(np.float64)
    known = [Line("with a price", market.sessions, traded)]
    if "market_cap" in fundamentals.names(market):
        valued = np.isfinite(fundamentals.fact(market, "market_cap")) & market.traded
        known.append(
            Line(
                "with a known market value",
                market.sessions,
                valued.sum(axis=1).astype(np.float64),
                1,
                "dashed",
            )
        )
    yield Figure(
        "symbols",
        LineChart(tuple(known), "integer", rule=0.0),
        "Number of symbols by session.",
        f"{int(traded[0])} symbols have a price on the first session, {int(traded[-1])} on the last.",
    )
    if market.groups:
        yield Table(
            "Groups",
            (
                Column("Group", "left"),
                Column("Members"),
                Column("With filed figures"),
                Column("Trading at the start"),
                Column("Trading at the end"),
            ),
            tuple(_group_row(market, group) for group in market.groups),
        )


def _group_row(market: Market, group: str) -> Row:
    members = set(market.instruments.loc[market.instruments["group"] == group, "symbol"])
    belongs = market.memberships(group) & market.traded
    return Row(
        (
            Cell(named(group)),
            Cell(len(members), "integer"),
            Cell(len(members & set(market.facts["symbol"])), "integer"),
            Cell(int(belongs[0].sum()), "integer"),
            Cell(int(belongs[-1].sum()), "integer"),
        )
    )


def _multiples(market: Market) -> Figure | None:
    """Median price-to-sales of the groups that have one."""
    if "price_to_sales" not in fundamentals.names(market):
        return None
    monthly = np.flatnonzero(np.diff(market.sessions.astype("datetime64[M]").astype(np.int64), append=0) != 0)
    drawn = []
    for group in market.groups:
        medians = fundamentals.group_median(market, "price_to_sales", group)[monthly]
        if np.isfinite(medians).any():
            drawn.append((group, medians))
    if not drawn:
        return None
    shown = drawn[:MULTIPLES_OF]
    names, values = [named(group) for group, _ in shown], [medians for _, medians in shown]
    known = lines(names, market.sessions[monthly], values)
    last = ", ".join(f"{name} {_latest(each):.1f}" for name, each in zip(names, values, strict=True))
    return Figure(
        "price-to-sales",
        LineChart(known, "multiple"),
        "Median price-to-sales of each group's members, month by month, as it was known then. A jump that no "
        "market explains is a wrong figure.",
        f"The latest medians: {last}.",
    )


def _latest(values: np.ndarray) -> float:
    return float(pd.Series(values).dropna().iloc[-1])


def _listed(severity: str, findings: Iterable[Finding]) -> Iterator[Block]:
    chosen = [finding for finding in findings if finding.severity == severity]
    columns = (
        Column("Check", "left"),
        Column("Symbol", "left"),
        Column("Date", "left"),
        Column("What", "left"),
    )
    rows = tuple(
        Row((Cell(finding.check), Cell(finding.symbol), Cell(finding.date), Cell(finding.message)))
        for finding in chosen[:LISTED]
    )
    more = len(chosen) - len(rows)
    note = f"{more:,} more; backtest data check --all prints them." if more else ""
    table = Table(f"{len(chosen):,} findings", columns, rows, note)
    yield table if len(rows) <= Table.LONG else Details(f"Show all {len(chosen):,}", (table,))
