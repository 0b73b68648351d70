"""Charts that a process of their own draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from backtests.document import svg
from backtests.document.blocks import AreaChart, Details, Document, Figure, Line, LineChart, Section
from backtests.document.drawing import DrawingProcess
from backtests.document.svg import content_hash, size_of, standalone_svg

DATES = np.arange("2019-01-01", "2022-01-01", dtype="datetime64[D]")
LINE = Line("x", DATES, np.linspace(0.95, 1.05, len(DATES)))
GROWTH = Figure("growth", LineChart((LINE,), "number", rule=1.0), "", "")
WEIGHTS = Figure("weights", AreaChart((replace(LINE, values=np.full(len(DATES), 0.4)),)), "", "", small=True)
DOCUMENT = Document(
    title="",
    subtitle="",
    sections=(Section("first", "First", (GROWTH, Details("More", (WEIGHTS,)))),),
    definitions={},
    footer="",
)


@pytest.fixture(autouse=True)
def _nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is drawn in a test is forgotten after it."""
    svg._DRAWN.clear()
    monkeypatch.setattr(svg, "_AHEAD", {})
    yield
    svg._DRAWN.clear()


def again(figure: Figure) -> Figure:
    """A figure of the same content."""
    return replace(figure, chart=replace(figure.chart))


def test_they_are_the_same_to_the_last_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [standalone_svg(figure.chart, size_of(figure)) for figure in (GROWTH, WEIGHTS)]
    with DrawingProcess() as drawing:
        drawing.begin(DOCUMENT)
        drawing.finish()
    monkeypatch.setattr(svg, "draw", None)  # nothing is drawn here any more
    figures = [again(figure) for figure in (GROWTH, WEIGHTS)]
    assert [standalone_svg(figure.chart, size_of(figure)) for figure in figures] == here


def test_another_chart_is_drawn_where_it_is_wanted() -> None:
    with DrawingProcess() as drawing:
        drawing.begin(DOCUMENT)
        drawing.finish()
    other = replace(LINE, values=LINE.values + 1e-12)
    assert len({content_hash(LineChart((each,), "number"), (560, 250)) for each in (LINE, other)}) == 2
    before = dict(svg._AHEAD)
    assert (
        standalone_svg(LineChart((replace(LINE, values=2 * LINE.values),), "number")) not in before.values()
    )
    assert standalone_svg(GROWTH.chart, (300, 200)) not in before.values()


@pytest.mark.parametrize("when", ["before", "after"])
def test_without_the_process_they_are_drawn_here(when: str) -> None:
    with DrawingProcess() as drawing:
        if when == "after":
            drawing.begin(DOCUMENT)
        drawing._process.kill()
        drawing._process.wait()
        if when == "before":
            drawing.begin(DOCUMENT)
        drawing.finish()
    assert not svg._AHEAD
    assert "<svg" in standalone_svg(GROWTH.chart)


def test_no_process_is_left() -> None:
    with DrawingProcess() as drawing:
        assert drawing._process.poll() is None
    assert drawing._process.returncode is not None
    with DrawingProcess() as drawing:
        drawing.begin(DOCUMENT)  # and nobody asks for it
    assert drawing._process.returncode is not None
