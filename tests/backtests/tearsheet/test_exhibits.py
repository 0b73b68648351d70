"""What strategies bring for their own tearsheet."""

import json

import numpy as np
import pytest

from backtests.document.blocks import Bullets, Facts, Figure, Paragraph, Table, every_block
from backtests.document.legend import legend
from backtests.document.live import chart_data
from backtests.metrics import exhibit_words
from backtests.notebook import run
from backtests.tearsheet.assembly import build
from backtests.tearsheet.listing import first_blocks
from strategies.exhibit import Exhibit, Listing
from strategies.target import StrategyError


def section(sheet, title):
    return next(each for each in sheet.sections if each.title == title)


def test_an_example_draws_its_own_chart():
    sheet = build(run("target_volatility", end="2012-12-31"))
    (figure,) = section(sheet, "Share invested").blocks
    assert isinstance(figure, Figure)
    assert [line.label for line in figure.chart.lines] == ["asked for"]
    assert "was to be invested" in figure.alt


def test_the_blueprint_brings_its_chart_its_shocks_and_its_regimes():
    sheet = build(run("blueprint", end="2015-12-31"))
    (figure,) = section(sheet, "Valuation").blocks
    assert [line.label for line in figure.chart.lines][:2] == ["AI hardware (median)", "norm"]
    blocks = every_block(section(sheet, "What hurts it").blocks)
    tables = [block for block in blocks if isinstance(block, Table)]
    first_cells = {row.cells[0].text for table in tables for row in table.rows}
    assert "4 June 2026, J&J as reported" in first_cells
    assert "technology leads" in first_cells


def test_the_cuts_stand_on_page_one_and_the_charts_by_name_open():
    sheet = build(run("blueprint", start="2015-01-02", end="2016-12-30"))
    front = sheet.sections[0].blocks
    (table,) = (block for block in front if isinstance(block, Table))
    assert [row.cells[0].text for row in table.rows] == ["NVDA"]
    assert any(isinstance(block, Paragraph) and "The rule cut NVDA, on" in block.text for block in front)
    facts = [fact.name for block in front if isinstance(block, Facts) for fact in block.items]
    assert "What the rule changed" not in facts
    own = section(sheet, "Cuts, name by name")
    figure = next(block for block in own.blocks if isinstance(block, Figure))
    assert figure.chart.shade.label == "cut"
    assert figure.chart.shade.spans
    shade = legend(figure.chart)[-1]
    assert (shade.label, shade.shape) == ("cut", "area")
    drawn = json.loads(chart_data([figure]))["charts"][figure.key]
    begin, end = drawn["shade"][0]
    assert np.datetime64(int(begin), "D") == figure.chart.shade.spans[0][0]
    assert end > begin


def test_page_one_names_the_stand_in_for_forward_growth():
    sheet = build(run("blueprint", end="2012-12-31"))
    limits = next(block for block in sheet.sections[0].blocks if isinstance(block, Bullets))
    assert any("Forward revenue growth, which the rule asks for, is missing" in item for item in limits.items)


def test_of_a_long_table_page_one_has_the_first_rows():
    columns = (("Name", "text"), ("Points", "points"))
    rows = tuple((f"N{number}", float(number)) for number in range(9))
    words = exhibit_words(Exhibit("T", "Said.", table=Listing("All", columns, rows, "note"), first=True))
    said, table = first_blocks(words)
    assert said.text == "Said."
    assert len(table.rows) == 3
    assert table.caption == "All: the first 3, 6 more further on"
    assert table.rows[2].cells[1].text == "+2.00"


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(StrategyError, match="has 1 cells for 2 columns"):
        Listing("All", (("Name", "text"), ("Points", "points")), (("A",),))


def test_a_strategy_that_names_nothing_has_neither():
    sheet = build(run("blueprint", strategy="EqualWeighted", end="2012-12-31"))
    assert "Valuation" not in [each.title for each in sheet.sections]
    assert "June 2026" not in repr(sheet.sections)
