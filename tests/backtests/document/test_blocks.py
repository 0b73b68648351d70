"""Blocks on the screen, live and in the terminal."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from backtests.document.blocks import (
    AreaChart,
    Beside,
    Cell,
    Check,
    Column,
    Details,
    Document,
    Figure,
    HeatMap,
    Line,
    LineChart,
    Marks,
    Paragraph,
    Row,
    Scorecard,
    Section,
    Table,
    lines,
)
from backtests.document.html import html
from backtests.document.live import DIGITS, chart_data, coded_values
from backtests.document.terminal import Terminal, print_block, print_sections

DATES = np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]")
RISING = np.linspace(1.0, 2.0, 10)


def figure(key: str, chart: LineChart | AreaChart) -> Figure:
    return Figure(key, chart, "A chart", "It rises.")


def page(*blocks: object) -> str:
    return html(Document("Page", "of blocks", (Section("only", "Only", blocks),)))  # type: ignore[arg-type]


def decoded(step: float, coded: list[int | None]) -> np.ndarray:
    """What the page's script makes of a line."""
    known = np.array([each is not None for each in coded], dtype=bool)
    values = np.full(len(coded), np.nan)
    values[known] = np.cumsum([each for each in coded if each is not None]) * step
    return values


@given(
    arrays(
        np.float64,
        some.integers(0, 40),
        elements=some.one_of(
            some.just(np.nan), some.floats(1e-6, 1e12), some.floats(-1e12, -1e-6), some.just(0.0)
        ),
    )
)
def test_coded_values_keep_five_digits_of_the_largest(values: np.ndarray) -> None:
    back = decoded(*coded_values(values))
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    assert np.array_equal(np.isnan(back), np.isnan(values))
    assert np.nanmax(np.abs(back - values), initial=0.0) <= largest * 10.0 ** (1 - DIGITS)


def test_charts_share_their_dates_and_no_text_ends_the_data() -> None:
    chart = LineChart(lines(("</script>", "b"), DATES, (RISING, RISING)), "multiple")
    shorter = LineChart(
        (Line("c", DATES[3:], RISING[3:]),), "number", marks=(Marks("m", DATES[5:6], RISING[5:6]),)
    )
    text = chart_data([figure("a", chart), figure("b", chart), figure("c", shorter)])
    assert "<" not in text
    content = json.loads(text)
    assert [content["charts"][key]["dates"] for key in "abc"] == [0, 0, 1]
    assert np.cumsum(content["dates"][0]).tolist() == DATES.astype(int).tolist()
    assert content["charts"]["a"]["lines"][0]["label"] == "</script>"
    marks = content["charts"]["c"]["lines"][1]
    assert [place for place, value in enumerate(marks["values"]) if value is not None] == [2]


def test_a_line_on_request_is_drawn_by_the_script_alone() -> None:
    asked = Line("asked for", DATES, RISING * 5, 1, on_request=True)
    plain = LineChart((Line("always", DATES, RISING),), "number")
    with_asked = LineChart((*plain.lines, asked), "number")
    one, other = page(figure("x", plain)), page(figure("x", with_asked))
    drawing = re.compile(r'<svg class="chart".*?</svg>', re.S)
    assert drawing.findall(one) == drawing.findall(other)
    assert other.count("<li hidden>") == 1
    assert json.loads(chart_data([figure("x", with_asked)]))["charts"]["x"]["lines"][1]["off"]


def test_a_page_without_charts_carries_no_chart_script() -> None:
    assert "uPlot" not in page(Paragraph("words"))


def test_charts_inside_other_blocks_are_found() -> None:
    chart = figure("inner", LineChart(lines(("a",), DATES, (RISING,)), "number"))
    document = Document("Page", "", (Section("only", "Only", (Details("more", (Beside((chart,)),)),)),))
    assert document.figures == (chart,)


def test_heat_maps_shade_from_low_to_high_and_frame_one_place() -> None:
    values = np.array([[0.0, 0.5], [np.nan, 1.0]])
    heat = HeatMap("Map", "years", "cut", ("1", "2"), ("a", "b"), values, "number", 0.0, 1.0, (1, 1))
    shades = [[cell.shade for cell in row.cells[1:]] for row in heat.table.rows]
    assert shades == [[0, 2], [0, 5]]
    shown = page(heat)
    assert "cut ↓ years →" in shown
    assert shown.count(" framed") == 1
    assert "–" in shown


def test_the_terminal_shows_words_tables_and_checks_and_leaves_the_rest_folded() -> None:
    table = Table("Numbers", (Column("", "left"), Column("value")), (Row.of("one", Cell(1.0, "number")),))
    heat = HeatMap("Map", "x", "", ("1",), ("",), np.array([[0.25]]), "percent", 0.0, 1.0)
    score = Scorecard("Checked", (Check("Books", "fail", "They differ [by 1]"),))
    blocks = (Paragraph("[bold]said"), Beside((table, heat)), score, Details("More", (Paragraph("hidden"),)))
    console = Terminal(width=100)
    with console.capture() as captured:
        print_sections(console, (Section("only", "Only", blocks),))
    said = captured.get()
    for part in (
        "[bold]said",
        "Numbers",
        "1.00",
        "25.0%",
        "fail  Books: They differ [by 1]",
        "More: on the page.",
    ):
        assert part in said
    assert "hidden" not in said


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail"])
def test_a_scorecard_says_its_outcomes_in_words(outcome: str) -> None:
    shown = page(Scorecard("Checked", (Check("Books", outcome, "said"),)))  # type: ignore[arg-type]
    assert re.search(rf"<b>. {outcome}</b>", shown)


def test_a_terminal_of_80_columns_breaks_no_word_that_fits() -> None:
    heads = ("Group", "Members", "Return", "Abnormal", "Std. error", "t", "Days -1 to +5", "Std. error")
    row = ("AI hardware", "2", "−7.06%", "4.27%", "3.33%", "1.28", "4.66%", "10.16%")
    other = ("Financials", *row[1:])
    rows = tuple(Row(tuple(Cell(text) for text in texts)) for texts in (row, other))
    table = Table("By group", tuple(Column(head) for head in heads), rows)
    stream = io.StringIO()
    print_block(Terminal(file=stream, width=80), table)
    shown = stream.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    for word in ("Financials", "hardware", "Abnormal", "Members", "10.16%"):
        assert word in shown
    assert "…" not in shown
    print_block(Terminal(file=stream, width=30), table)
    assert "…" not in stream.getvalue()
