"""Page one: what was run, did it win, at what cost, and what limits the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from backtests.analysis.definitions import METRICS
from backtests.analysis.registry import Figures
from backtests.document.blocks import (
    Block,
    Bullets,
    Cell,
    Column,
    Details,
    Fact,
    Facts,
    Highlight,
    Highlights,
    Paragraph,
    Row,
    Section,
    Signature,
    Table,
)
from backtests.engine.rules import terms_without_effect
from backtests.metrics import exhibit_words, holdout
from backtests.result import Result
from backtests.settings.run_file import RunConfig
from backtests.tearsheet import held_out
from backtests.tearsheet.listing import first_blocks
from backtests.tearsheet.provenance import caution, doubtful_benchmarks, lookahead, too_good, verification
from backtests.tearsheet.sections import growth
from backtests.tearsheet.sections.checks import scorecard
from backtests.tearsheet.wording import answers, costs_in_words, headline, money, page_one
from datafeeds.calendars import exchange_name
from datafeeds.market import Finding, Market

HYPOTHETICAL = (
    "Hypothetical performance: a simulation on past data, made with knowledge of that past. No money was "
    "invested, and results like these are no promise of future ones."
)
SURVIVED = (
    "Every stock here still trades at the end: those that failed were never among them, which lifts every "
    "portfolio of these stocks above what an investor could have had."
)
SIGNED = "I have read this page and what stands behind it, and take note of its limits."
SHOWN_LIMITS = 2
"""Limits on page one; the rest is folded."""

SHOWN_FINDINGS = 200
"""Findings listed in full; the rest is counted."""


def section(result: Result) -> Section:
    """Page one."""
    first = caution(result.manifest)
    limits = limits_of(result)
    blocks: list[Block] = [
        *([Paragraph(first, "warning")] if first else []),
        *(Paragraph(each, "warning") for each in too_good(result.manifest)),
        Paragraph(headline(result), "lead"),
        _highlights(result),
        growth.first_look(result),
        scorecard(result),
        *_own(result),
        *_held_out(result),
        Facts(tuple(Fact(heading, answer) for heading, answer in page_one(result))),
        Bullets("Limits", (HYPOTHETICAL, *limits[:SHOWN_LIMITS]), "warning"),
    ]
    if more := limits[SHOWN_LIMITS:]:
        blocks.append(Details(f"{len(more)} more limits", (Bullets("", more, "warning"),)))
    return Section("summary", "Summary", (*blocks, Signature(SIGNED)))


def _own(result: Result) -> Iterator[Block]:
    """What the strategy itself says of what it did, where it wants that on page one."""
    for exhibit in result.exhibits:
        if exhibit.first:
            yield from first_blocks(exhibit_words(exhibit))


def _held_out(result: Result) -> list[Block]:
    """Figures before and after the holdout began, if the run has one and reaches beyond it."""
    found = holdout(result)
    table = held_out.table(found) if found else None
    return [] if table is None else [table]


def setup_section(result: Result) -> Section:
    """What a reader asks next, what was run in full, and what the data checks found."""
    answered = tuple(Fact(question, answer) for question, answer in answers(result))
    return Section("setup", "What was run", (Facts(answered), _what_was_run(result), *_findings(result)))


def _highlights(result: Result) -> Highlights:
    chosen = ("cagr" if result.annual else "total_return", "volatility", "sharpe", "max_drawdown")
    items = [_highlight(result, result.performances, key) for key in chosen]
    items += [_highlight(result, result.tradings, key) for key in ("turnover", "cost_bps")]
    return Highlights(tuple(items))


def _highlight(result: Result, holders: tuple[Figures, ...], key: str) -> Highlight:
    ours, *others = (Cell(holder[key], METRICS[key].form) for holder in holders)
    beside = f"{result.primary.label} {others[0].text}" if result.primary else ""
    return Highlight(key, ours, beside)


def limits_of(result: Result) -> tuple[str, ...]:
    """What a reader must know: first what flatters the run as a whole, then what concerns a part."""
    market = result.market
    limits = [*doubtful_benchmarks(result.manifest), *result.manifest.get("benchmarks_ended", ())]
    limits += result.own_limits
    limits += [SURVIVED] if result.survivors_only else []
    limits += [result.held_out] if isinstance(result.held_out, str) else []
    limits += [*result.manifest.get("unread", ()), *market.limits, *result.manifest.get("limits", ())]
    limits.extend(f"{book.label}: {book.note}" for book in result.books if book.note)
    counts = Counter(finding.severity for finding in market.findings)
    if counts["quarantined"]:
        figures = "figure was" if counts["quarantined"] == 1 else "figures were"
        limits.append(f"{counts['quarantined']:,} suspicious {figures} left out of every calculation.")
    return tuple(dict.fromkeys(limits))


def _findings(result: Result) -> list[Block]:
    """Findings of the data checks: counted by check, then one by one."""
    findings = result.market.findings
    if not findings:
        return [Paragraph("The data checks found nothing.", "note")]
    counts = Counter((finding.severity, finding.check) for finding in findings)
    examples = {(finding.severity, finding.check): finding for finding in reversed(findings)}
    table = Table(
        f"What the data checks found: {len(findings):,} in all",
        (
            Column("Outcome", "left"),
            Column("Check", "left"),
            Column("Findings"),
            Column("The first of them", "left"),
        ),
        tuple(
            Row(
                (
                    Cell(severity),
                    Cell(check),
                    Cell(count, "integer"),
                    Cell(_where(examples[severity, check])),
                )
            )
            for (severity, check), count in counts.items()
        ),
        "Quarantined figures are left out of every calculation; suspicions and notes are only reported.",
    )
    lines = [str(finding) for finding in findings[:SHOWN_FINDINGS]]
    if len(findings) > SHOWN_FINDINGS:
        lines.append(f"and {len(findings) - SHOWN_FINDINGS:,} more, in the run's log")
    return [table, Details("Every finding", (Bullets("", tuple(lines)),), paper=False)]


def _where(finding: Finding) -> str:
    """Symbol, date and message of a finding."""
    where = " ".join(part for part in (finding.symbol, finding.date) if part)
    return f"{where}: {finding.message}" if where else finding.message


def _what_was_run(result: Result) -> Facts:
    sessions = result.sessions
    config, market, manifest = result.config, result.market, result.manifest
    parameters = ", ".join(f"{key} = {value}" for key, value in result.book.strategy.values().items())
    idle = dict.fromkeys(terms_without_effect(config.costs, market), 0.0)
    facts = [
        Fact("Strategy", type(result.book.strategy).__name__),
        Fact("Parameters", parameters),
        Fact("Benchmarks", ", ".join(book.label for book in result.benchmarks) or "none"),
        Fact("Market", f"{market.name}{': ' + market.source if market.source else ''}"),
        Fact("Prices", _prices(market)),
        Fact("Calendar", _calendar(market)),
        Fact("Currency", market.currency or "not stated"),
        Fact("Span", f"{sessions[0]} to {sessions[-1]}, {len(sessions):,} sessions"),
        Fact(
            "Starting capital",
            f"{money(config.capital, market.currency)}, {_shares(config)}",
        ),
        Fact("Costs", costs_in_words(config.costs.model_copy(update=idle), result.sides is not None)),
        Fact("Orders", _orders(config.lag, market.closes_only)),
        Fact("Engine", str(manifest.get("engine", config.engine))),
        Fact("Recomputed", verification(result.manifest)),
        Fact("Look-ahead", lookahead(result.manifest)),
        Fact("Run", short(manifest.get("run_hash", ""))),
        Fact("Market data", short(market.hash)),
    ]
    return Facts(tuple(fact for fact in facts if fact.text))


def short(digest: object) -> str:
    """Shorten a hash to its first twelve characters."""
    return str(digest)[:12]


def _calendar(market: Market) -> str:
    name = exchange_name(market.calendar)
    return f"{name[0].upper()}{name[1:]} ({market.calendar}), {market.sessions_a_year:.0f} sessions a year"


def _prices(market: Market) -> str:
    bars = "Closes only" if market.closes_only else "Open, high, low and close"
    if market.adjustment == "total_return":
        return (
            f"{bars}, adjusted for splits and dividends: dividends are inside the prices, not paid as cash."
        )
    return f"{bars}, adjusted for splits; dividends are paid as cash."


def _shares(config: RunConfig) -> str:
    return "fractional shares" if config.fractional_shares else "whole shares"


def _orders(lag: int, closes_only: bool) -> str:
    when = "close" if closes_only else "open"
    later = "next session" if lag == 0 else f"session {lag + 1} after it"
    return f"Decided at a close with what was public then, filled at the {when} of the {later}."
