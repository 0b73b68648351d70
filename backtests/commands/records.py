"""What the commands about finished runs print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from backtests.document.terminal import Terminal, working
from backtests.records import reviews
from backtests.records.compare import compare
from backtests.records.finished import find
from backtests.records.index import write_index
from backtests.records.pyfolio_sheet import write_pyfolio
from backtests.records.reproduce import reproduce


def reproduce_command(run: str, results: Path) -> bool:
    """Run a finished run again and print what differs; True if nothing does."""
    with working("starting") as say:
        found = reproduce(find(results, run), say)
    console = Terminal()
    for note in found.notes:
        console.print(f"Note: {note}")
    for each in found.comparisons:
        outcome = f"{each.count:,} differ" if each.count else "identical"
        console.print(f"{each.file}: {each.numbers:,} values, {outcome}")
        for line in each.differences:
            console.print(f"  {line}")
    console.print(found.sentence())
    return found.identical


def compare_command(runs: Sequence[str], results: Path) -> None:
    """Write the page that shows runs side by side."""
    page = compare([find(results, run) for run in runs], results)
    Terminal().print(f"Comparison: {page}", soft_wrap=True)


def pyfolio_command(run: str, results: Path) -> None:
    """Write pyfolio's pages into a run's folder."""
    sheet = write_pyfolio(find(results, run))
    Terminal().print(f"pyfolio: {sheet}", soft_wrap=True)


def review_command(run: str, verdict: str, by: str, note: str, results: Path) -> None:
    """Record a review and list it in the index."""
    if verdict not in ("approve", "reject"):
        raise reviews.ReviewError(f"--verdict {verdict!r}: write approve or reject")
    folder = find(results, run)
    said = reviews.review(folder, cast(reviews.Verdict, verdict), by, note)
    listed = write_index(folder.resolve().parent)
    console = Terminal()
    console.print(f"{said.run}: {said.sentence(folder.resolve().parent)}", soft_wrap=True)
    console.print(reviews.record_sentence(folder.resolve().parent))
    console.print(f"Index: {listed}", soft_wrap=True)
