"""The command `list`."""

from __future__ import annotations

from backtests.document.blocks import Column, Row, Table
from backtests.document.terminal import Terminal, print_block
from backtests.engine.failures import described
from backtests.settings import run_file as run_files
from backtests.settings.markets import BUILT_IN
from backtests.settings.strategies import broken_modules, registered
from strategies.strategy import Strategy, summary_of
from strategies.target import StrategyError


def list_command() -> None:
    """Print strategies, markets and run files."""
    console = Terminal()
    rows = tuple(Row.of(name, summary_of(each), _defaults(each)) for name, each in registered().items())
    columns = tuple(Column(label, "left") for label in ("strategy", "what it does", "parameters"))
    print_block(console, Table("Strategies", columns, rows))
    for problem in broken_modules():
        console.print(f"Can't be imported: {problem}", style="red")
    console.print("Markets: " + ", ".join(BUILT_IN))
    console.print("Run files: " + ", ".join(run_files.names()))


def _defaults(strategy: type[Strategy]) -> str:
    try:
        return ", ".join(f"{key}={described(getattr(strategy, key))}" for key in strategy.parameters)
    except StrategyError as error:
        return str(error)
