"""A result becomes a document: every section, in order."""

from __future__ import annotations

from backtests.analysis.definitions import DEFINITIONS, METRICS, TERMS, Definition
from backtests.document.blocks import Block, Document, Highlights, Section, Table, every_block
from backtests.result import Result
from backtests.tearsheet.layout import laid_out
from backtests.tearsheet.sections import (
    attribution,
    calendar,
    capacity,
    costs,
    decisions,
    drawdowns,
    exhibits,
    growth,
    hedge,
    holdings,
    provenance,
    realism,
    shorts,
    significance,
    steadiness,
    stress,
    summary,
    verdict,
)
from strategies.strategy import summary_of


def build(result: Result) -> Document:
    """Assemble the tearsheet of a finished run.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Document
        Independent of its rendering; the same result gives the same document.

    Raises
    ------
    ValueError
        If the run has fewer than two sessions.
    """
    sections = (
        summary.section(result),
        summary.setup_section(result),
        verdict.section(result),
        significance.section(result),
        growth.section(result),
        growth.rolling_section(result),
        calendar.section(result),
        steadiness.section(result),
        stress.section(result),
        attribution.section(result),
        holdings.section(result),
        *exhibits.sections(result),
        drawdowns.section(result),
        *hedge.sections(result),
        *shorts.sections(result),
        costs.section(result),
        realism.section(result),
        capacity.section(result),
        decisions.section(result),
    )
    terms = _terms(sections)
    used = {key: DEFINITIONS[key] for key in (*METRICS, *TERMS) if key in terms}
    return Document(
        title=_title(result),
        subtitle=result.config.description or summary_of(type(result.book.strategy)),
        sections=laid_out(
            (*sections, provenance.glossary_section(_ordered(used)), provenance.section(result))
        ),
        definitions=used,
        footer=_footer(result),
        annual=result.annual,
        kind="Tearsheet",
    )


def _title(result: Result) -> str:
    against = f" against {result.primary.label}" if result.primary else ""
    return f"{result.book.label}{against}"


def _footer(result: Result) -> str:
    manifest, market = result.manifest, result.market
    run = summary.short(manifest.get("run_hash", ""))
    return " · ".join(
        part
        for part in (
            result.config.name,
            f"run {run}" if run else "",
            f"data {market.name} {summary.short(market.hash)}",
        )
        if part
    )


def _ordered(definitions: dict[str, Definition]) -> tuple[Definition, ...]:
    return tuple(definitions.values())


def _terms(sections: tuple[Section, ...]) -> set[str]:
    """Keys of every definition that a section refers to."""
    blocks = every_block(block for section in sections for block in section.blocks)
    return {term for block in blocks for term in _terms_of(block)} - {""}


def _terms_of(block: Block) -> list[str]:
    match block:
        case Table():
            return [*(column.term for column in block.columns), *(row.term for row in block.rows)]
        case Highlights():
            return [item.term for item in block.items]
        case _:
            return []
