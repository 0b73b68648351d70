"""The list of runs: `results/index.html`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backtests.analysis.definitions import metrics
from backtests.analysis.registry import Metric
from backtests.document.blocks import Block, Cell, Column, Document, Paragraph, Row, Section, Table
from backtests.document.formats import Value
from backtests.document.html import html
from backtests.records import archive, register, reviews
from backtests.records.reviews import Review

INDEX = "index.html"


@dataclass(frozen=True)
class Listed:
    """A folder below the results.

    Attributes
    ----------
    folder : Path
    manifest : mapping
    metrics : mapping
        Empty for a sweep.
    """

    folder: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def link(self, *names: str) -> str:
        """Relative path of the first of `names` that the folder has, or empty."""
        found = next((name for name in names if (self.folder / name).is_file()), "")
        return f"{quote(self.folder.name)}/{quote(found)}" if found else ""


def write_index(results: Path) -> Path:
    """Write the list of everything below `results` anew and return its path."""
    target = results / INDEX
    archive.write_file(target, html(index(results)))
    return target


def index(results: Path) -> Document:
    """The list of runs, sweeps and reviews as a document."""
    found = listed(results)
    said = reviews.read(results)
    runs, broken = _rows((each for each in found if each.metrics), lambda run: _run(run, said, results))
    others, unread = _rows((each for each in found if not each.metrics), _other)
    blocks: list[Block] = [_runs(runs)] if runs else [Paragraph("There are no runs yet.")]
    if names := [*broken, *unread]:
        blocks.append(Paragraph(f"Damaged, so that they can't be shown: {', '.join(names)}."))
    sections = [Section("runs", "Runs", tuple(blocks))]
    if others:
        sections.append(Section("sweeps", "Sweeps and walks forward", (_others(others),)))
    if said:
        sections.append(Section("reviews", "Reviews", (_reviews(said, results),)))
    verdicts = (register.verify(results).sentence(), reviews.record_sentence(results))
    sections.append(
        Section("records", "Records", tuple(Paragraph(sentence) for sentence in verdicts if sentence))
    )
    return Document(
        title="Results",
        subtitle="Every run in this folder, latest first. Hypothetical: simulations on past data.",
        sections=tuple(sections),
        kind="Index",
        wide=True,
    )


def listed(results: Path) -> list[Listed]:
    """Every whole folder with a manifest, latest first; one that can't be read is left out."""
    found = []
    for path in results.glob("[!.]*/manifest.json"):
        try:
            manifest = archive.read_json(path)
            numbers = _json(path.with_name("metrics.json"))
            started = str(manifest.get("started", ""))
            found.append((started, path.parent.name, Listed(path.parent, manifest, numbers)))
        except (ValueError, AttributeError):
            continue
    return [each for _, _, each in sorted(found, key=lambda entry: entry[:2], reverse=True)]


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = archive.read_json(path) if path.is_file() else {}
    return content


def _rows(found: Iterable[Listed], made: Callable[[Listed], Row]) -> tuple[tuple[Row, ...], list[str]]:
    """A row for each, and the names of those whose files hold something else."""
    rows, broken = [], []
    for each in found:
        try:
            row = made(each)
            for cell in row.cells:
                str(cell.text)  # numbers are written here
            rows.append(row)
        except (ValueError, LookupError, TypeError, AttributeError):
            broken.append(each.folder.name)
    return tuple(rows), broken


def _runs(runs: tuple[Row, ...]) -> Table:
    return Table(
        f"{len(runs):,} run{'s' if len(runs) != 1 else ''}",
        (
            Column("Run", "left"),
            Column("Strategy", "left"),
            Column("Market", "left"),
            Column("From", "left"),
            Column("To", "left"),
            *(Column(each.term) for each in _shown()),
            Column("Reviews", "left"),
            Column("Verified", "left"),
            Column("Look-ahead", "left"),
            Column("PDF", "left"),
        ),
        runs,
        "Against the first benchmark where it takes one. Verified: recomputed by the other engine, identical "
        "to the last bit.",
    )


def _shown() -> tuple[Metric, ...]:
    return (
        *metrics("portfolio", "index"),
        *metrics("relative", "index"),
        *metrics("trading", "index"),
    )


def _run(run: Listed, said: tuple[Review, ...], results: Path) -> Row:
    numbers, manifest = run.metrics, run.manifest
    ours = numbers.get("strategy", {})
    first = (numbers.get("benchmarks") or [{}])[0]
    values = {**ours.get("performance", {}), **ours.get("trading", {}), **first.get("relative", {})}
    mine = [each.sentence(results) for each in said if each.run == run.folder.name]
    pdf = run.link("tearsheet.pdf")
    return Row(
        (
            Cell(f"{_mark(manifest)}{run.folder.name}", link=run.link("tearsheet.html")),
            Cell(str(ours.get("label", ""))),
            Cell(str(manifest.get("market", {}).get("name", ""))),
            Cell(str(numbers.get("first_session", ""))),
            Cell(str(numbers.get("last_session", ""))),
            *(Cell(values.get(each.key), each.form) for each in _shown()),
            Cell("; ".join(mine) or "none"),
            Cell(_verified(manifest)),
            Cell(_looked(manifest)),
            Cell("PDF" if pdf else "", link=pdf),
        )
    )


def _verified(manifest: Mapping[str, Any]) -> str:
    said = manifest.get("verification")
    if said is None:
        return "no"
    return "identical" if said.get("identical") else "NOT THE SAME"


def _mark(manifest: Mapping[str, Any]) -> str:
    return "LOOK-AHEAD CHECK FAILED: " if _looked(manifest) == "FAILED" else ""


def _looked(manifest: Mapping[str, Any]) -> str:
    said = manifest.get("lookahead")
    if said is None:
        return "not checked"
    return "passed" if said.get("passed") else "FAILED"


def _other(found: Listed) -> Row:
    pages = sorted(path.name for path in found.folder.glob("*.html"))
    count: Value = found.manifest.get("configurations")
    return Row(
        (
            Cell(f"{_mark(found.manifest)}{found.folder.name}", link=found.link(*pages)),
            Cell(str(found.manifest.get("kind", ""))),
            Cell(str(found.manifest.get("market", {}).get("name", ""))),
            Cell(count, "integer"),
        )
    )


def _others(others: tuple[Row, ...]) -> Table:
    return Table(
        "What was searched",
        (
            Column("Folder", "left"),
            Column("Kind", "left"),
            Column("Market", "left"),
            Column("Configurations"),
        ),
        others,
    )


def _reviews(said: tuple[Review, ...], results: Path) -> Table:
    rows = []
    for each in reversed(said):
        there = (results / each.run / "tearsheet.html").is_file()
        changed = ", ".join(each.changed(results))
        rows.append(
            Row(
                (
                    Cell(each.recorded[:16].replace("T", " ")),
                    Cell(each.run, link=f"{quote(each.run)}/tearsheet.html" if there else ""),
                    Cell(each.verdict),
                    Cell(each.by),
                    Cell(each.note),
                    Cell(f"changed: {changed}" if changed else "as reviewed"),
                )
            )
        )
    return Table(
        "What reviewers said, latest first",
        (
            Column("When (UTC)", "left"),
            Column("Run", "left"),
            Column("Verdict", "left"),
            Column("By", "left"),
            Column("Note", "left"),
            Column("Documents", "left"),
        ),
        tuple(rows),
    )
