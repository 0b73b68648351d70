"""Definitions of every statistic, and where the run came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.analysis.definitions import Definition
from backtests.document.blocks import Fact, Facts, Glossary, Paragraph, Section
from backtests.result import Result
from backtests.tearsheet.provenance import lookahead, rewound, trials_on_record, verification

TOLD = ("verification", "lookahead", "rewound", "hindsight", "trials", "seconds", "started")
"""Entries of the manifest that are told in sentences, or differ each time the same run is made."""


def glossary_section(definitions: tuple[Definition, ...]) -> Section:
    """Every definition used in the document."""
    return Section("definitions", "Definitions", (Glossary(definitions),))


def section(result: Result) -> Section:
    """List the manifest, flat."""
    manifest = result.manifest
    kept = {key: value for key, value in manifest.items() if key not in TOLD}
    facts = tuple(Fact(name, text) for name, text in flat(kept))
    shown = Facts(facts) if facts else Paragraph("The run has no manifest.", "note")
    told = (verification(manifest), lookahead(manifest), rewound(manifest), trials_on_record(manifest))
    said = " ".join(filter(None, told))
    note = Paragraph(
        "When it ran and how long each step took stands in manifest.json: the same run gives the same "
        "document.",
        "note",
    )
    return Section("provenance", "Provenance", (Paragraph(said), shown, note))


def flat(entries: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Name and text of every entry of a nested mapping, names joined by spaces."""
    found: list[tuple[str, str]] = []
    for key, value in entries.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            found += flat(value, name)
        elif isinstance(value, (list, tuple)) and any(isinstance(each, Mapping) for each in value):
            found += flat({str(place): each for place, each in enumerate(value, start=1)}, name)
        elif isinstance(value, (list, tuple)):
            found.append((name, ", ".join(str(each) for each in value)))
        else:
            found.append((name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return found
