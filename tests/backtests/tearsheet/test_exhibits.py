"""What strategies bring for their own tearsheet."""

from backtests.document.blocks import Figure, Table, every_block
from backtests.notebook import run
from backtests.tearsheet import build


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
    assert [line.label for line in figure.chart.lines][:2] == ["ai hardware (median)", "norm"]
    blocks = every_block(section(sheet, "What hurts it").blocks)
    tables = [block for block in blocks if isinstance(block, Table)]
    first_cells = {row.cells[0].text for table in tables for row in table.rows}
    assert "4 June 2026, J&J as reported" in first_cells
    assert "technology leads" in first_cells


def test_a_strategy_that_names_nothing_has_neither():
    sheet = build(run("blueprint", strategy="EqualWeighted", end="2012-12-31"))
    assert "Valuation" not in [each.title for each in sheet.sections]
    assert "June 2026" not in repr(sheet.sections)
