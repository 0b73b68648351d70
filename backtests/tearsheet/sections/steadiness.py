"""Was it earned evenly: by halves, without the best days and months, and by its average weights."""

from __future__ import annotations

from backtests.analysis.definitions import METRICS
from backtests.analysis.holdout import Holdout, Part
from backtests.analysis.steadiness import AverageMix, Steadiness
from backtests.document.blocks import Block, Cell, Column, Paragraph, Row, Section, Table
from backtests.document.formats import typeset
from backtests.result import Result
from backtests.tearsheet.wording import best_days_sentence, halves_sentence, mix_sentence

COMPARED = ("cagr", "sharpe", "max_drawdown")
SHORT = ("total_return", "max_drawdown")
"""What is compared where a half spans less than a year, so that nothing is annualised."""


def section(result: Result) -> Section:
    """Halves, the best days and months, and the average mix."""
    halves, steady = result.halves, result.steadiness
    said = [halves_sentence(result)]
    blocks: list[Block] = []
    if not isinstance(halves, str):
        blocks.append(_halves(result, halves))
    if steady is not None and len(steady.without) > 1:
        said.append(best_days_sentence(result, steady))
        blocks.append(_without(result, steady))
    mixes = tuple(each for each in result.average_mixes if each is not None)
    if len(mixes) == len(result.average_mixes):
        said.append(mix_sentence(result, mixes))
        blocks.append(_mixes(result, mixes))
    words = " ".join(part for part in said if part)
    return Section(
        "steadiness", "Was it earned evenly?", (*([Paragraph(typeset(words))] if words else ()), *blocks)
    )


def _halves(result: Result, found: Holdout) -> Table:
    parts = {"First half": found.before, "Second half": found.after}
    annual = all(part.performances[0].annual for part in parts.values())
    keys = COMPARED if annual else SHORT
    leads = annual and bool(result.benchmarks)
    return Table(
        f"Both halves of the run: to {found.before.last}, and from then on",
        (
            Column("Half", "left"),
            Column("Portfolio", "left"),
            *(Column("", term=key) for key in keys),
            *([Column("Lead", term="excess_return")] if leads else []),
        ),
        tuple(
            Row(
                (
                    Cell(name if place == 0 else ""),
                    Cell(label),
                    *(Cell(numbers[key], METRICS[key].form) for key in keys),
                    *([_lead(part, place)] if leads else []),
                ),
                group=place == 0,
            )
            for name, part in parts.items()
            for place, (label, numbers) in enumerate(zip(result.labels[:2], part.performances, strict=True))
        ),
        "" if annual else "A half spans less than a year, so nothing is annualised.",
    )


def _lead(part: Part, place: int) -> Cell:
    return Cell("") if place else Cell(part.relatives[0]["excess_return"], METRICS["excess_return"].form)


def _without(result: Result, found: Steadiness) -> Table:
    label, others = result.labels[0], result.labels[1:2]
    unit = " a year" if result.annual else ""
    totals = {"days": f"of {found.days:,} days", "months": f"of {found.months:,} months"}
    rows = []
    for place, each in enumerate(found.without):
        first = place > 0 and each.unit != found.without[place - 1].unit
        name = f"Without the best {each.count} {totals[each.unit]}" if each.count else "As it was"
        numbers = (each.ours, each.theirs, each.lead)[: 1 + 2 * len(others)]
        rows.append(Row((Cell(name), *(Cell(value, "percent2") for value in numbers)), group=first))
    return Table(
        f"Return{unit} without the best days and months",
        (
            Column("Left out", "left"),
            Column(label, strong=True),
            *(Column(other) for other in others),
            *([Column("Lead", term="lead_without_best")] if others else []),
        ),
        tuple(rows),
        f"Each without its own best{', the lead without those in which it gained most' if others else ''}. "
        "Days left out earn what cash did, those of the lead what the benchmark did.",
    )


def _mixes(result: Result, mixes: tuple[AverageMix, ...]) -> Table:
    numbers = [(label, each.growth, each.held) for label, each in zip(result.labels, mixes, strict=False)]
    if len(mixes) > 1:
        ours, theirs = mixes
        numbers.append(("Lead", ours.growth - theirs.growth, ours.held - theirs.held))
    return Table(
        "Its average weights, held all along",
        (
            Column("Portfolio", "left"),
            Column("As it was"),
            Column("Average weights, held", term="average_mix"),
            Column("Added by changing weights", term="timing"),
        ),
        tuple(
            Row(
                (Cell(label), *(Cell(each, "percent2") for each in (whole, held, whole - held))),
                group=label == "Lead",
            )
            for label, whole, held in numbers
        ),
        f"{'A year' if result.annual else 'In total'}, after the same costs. Averages are known only "
        "afterwards and weigh most what has risen: nobody could have held them."
        f"{' Both have that advantage, so it is the last line that counts.' if len(mixes) > 1 else ''}",
    )
