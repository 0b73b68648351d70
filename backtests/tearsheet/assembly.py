"""A result becomes a document: every section, in order."""

from __future__ import annotations

from backtests.analysis.definitions import DEFINITIONS, Definition
from backtests.document.blocks import Block, Details, Document, Highlights, Section, Table
from backtests.result import Result
from backtests.tearsheet.material import Material, material_of
from backtests.tearsheet.sections import (
    attribution,
    calendar,
    capacity,
    costs,
    decisions,
    drawdowns,
    growth,
    hedge,
    holdings,
    provenance,
    significance,
    stress,
    summary,
    valuation,
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
    material = material_of(result)
    sections = (
        summary.section(material),
        summary.setup_section(material),
        verdict.section(material),
        significance.section(material),
        growth.section(material),
        growth.rolling_section(material),
        calendar.section(material),
        stress.section(material),
        attribution.section(material),
        holdings.section(material),
        valuation.section(material),
        drawdowns.section(material),
        *hedge.sections(material),
        costs.section(material),
        capacity.section(material),
        decisions.section(material),
    )
    used = {key: DEFINITIONS[key] for key in DEFINITIONS if key in _terms(sections)}
    return Document(
        title=_title(material),
        subtitle=result.config.description or summary_of(type(result.book.strategy)),
        sections=(*sections, provenance.glossary_section(_ordered(used)), provenance.section(material)),
        definitions=used,
        footer=_footer(material),
        annual=material.annual,
        kind="Tearsheet",
    )


def _title(material: Material) -> str:
    against = f" against {material.primary.label}" if material.primary else ""
    return f"{material.result.book.label}{against}"


def _footer(material: Material) -> str:
    manifest, market = material.result.manifest, material.result.market
    run = summary.short(manifest.get("run_hash", ""))
    return " · ".join(
        part
        for part in (
            material.result.config.name,
            f"run {run}" if run else "",
            f"market {market.name} {summary.short(market.hash)}",
        )
        if part
    )


def _ordered(definitions: dict[str, Definition]) -> tuple[Definition, ...]:
    return tuple(definitions.values())


def _terms(sections: tuple[Section, ...]) -> set[str]:
    """Keys of every definition that a section refers to."""
    return {term for part in sections for block in part.blocks for term in _terms_of(block)} - {""}


def _terms_of(block: Block) -> list[str]:
    match block:
        case Table():
            return [*(column.term for column in block.columns), *(row.term for row in block.rows)]
        case Highlights():
            return [item.term for item in block.items]
        case Details():
            return [term for inner in block.blocks for term in _terms_of(inner)]
        case _:
            return []
