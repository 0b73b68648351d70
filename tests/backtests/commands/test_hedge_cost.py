"""What `backtest hedge-cost` prints."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from backtests.cli import app
from backtests.commands.hedge_cost import cost_lines, scenario_table, skew_statement, structure_table
from backtests.document.terminal import print_block
from backtests.options.surface import spread_cost


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["hedge-cost", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_both_structures_side_by_side() -> None:
    text = printed("--vix", "15.4", "--skew", "142", "--spot", "100", "--tenor", "30")
    cost = spread_cost(15.4, 142.0)
    for structure in (cost.outright, cost.spread):
        assert f"{structure.price:.4f}" in text
        assert f"{structure.break_even:.2f}" in text
        for scenario in structure.moves:
            assert f"{scenario.profit_at_expiry:+.3f}" in text
            assert f"{scenario.immediate_profit:+.3f}" in text
    for move in ("-2%", "-5%", "-10%", "-20%"):
        assert move in text
    assert f"costs {cost.ratio:.1%} of the outright put" in text
    assert "question of percentile, not of level" in text


def test_the_percentiles_where_a_history_is_known() -> None:
    history = pd.Series(
        [110.0, 120.0, 150.0] * 1000, index=pd.date_range("2010-01-01", periods=3000, freq="B")
    )
    assert skew_statement(142.0, history).startswith(
        "SKEW 142.0 is at the 67% percentile of the trailing 5 years and at the 67% percentile since 2010"
    )


def test_a_market_without_skew_says_so() -> None:
    done = CliRunner().invoke(app, ["hedge-cost", "--vix", "15", "--skew", "142", "--market", "sample"])
    assert done.exit_code != 0
    assert "no series 'skew'" in str(done.exception)


@pytest.mark.parametrize(("option", "value"), [("--tenor", "0"), ("--vix", "-1"), ("--short", "0.99")])
def test_what_makes_no_sense_is_refused(option: str, value: str) -> None:
    given = {"--vix": "15", "--skew": "142"} | {option: value}
    done = CliRunner().invoke(app, ["hedge-cost", *[word for pair in given.items() for word in pair]])
    assert done.exit_code != 0


def test_a_hedge_that_can_not_break_even_says_so() -> None:
    cost = spread_cost(60.0, 101.0, long_moneyness=1.3, short_moneyness=1.29, rate=-0.5)
    console = Console(width=200)
    with console.capture() as captured:
        print_block(console, structure_table(cost))
        print_block(console, scenario_table(cost))
    assert "none: it costs more than it can pay" in captured.get()


def test_a_raised_jump_is_told() -> None:
    assert cost_lines(spread_cost(15.4, 170.0))[1].startswith("The mean jump had to be raised")
