"""The commands `new-strategy` and `check-strategy`."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from backtests.authoring.check import check_strategy
from backtests.authoring.lookahead import recipe_of
from backtests.authoring.report import CheckReport
from backtests.authoring.scaffold import new_strategy, new_strategy_here
from backtests.commands.pages import MARK, write_page
from backtests.document.terminal import Terminal, working
from backtests.engine.native_strategy import UNCHECKED, NativeStrategy
from backtests.provenance import trial_hash
from backtests.records import register
from backtests.runner import account_of
from backtests.settings import run_file as run_files
from backtests.settings.markets import BUILT_IN, open_market
from backtests.settings.run_file import ConfigError, RunConfig
from backtests.settings.strategies import class_named, label_of, snake_case
from datafeeds.market import Market

STYLE = {"pass": "green", "fail": "bold red", "note": "cyan"}


def new_strategy_command(name: str, into_here: bool = False) -> None:
    """Write the files and say what to do with them."""
    here = Path.cwd()
    files = new_strategy_here(name, here) if into_here else new_strategy(name)
    run, check = (files[2].name, f"{files[0].name}:{name}") if into_here else (files[2].stem, name)
    console = Terminal()
    for what, path in zip(("strategy", "test", "run file"), files, strict=True):
        shown = path.relative_to(here) if here in path.parents else path
        console.print(f"{what:>9}  {shown}")
    console.print(f"\nRun it:    backtest run {run}")
    console.print(f"Check it:  backtest check-strategy {check}")


def check_strategy_command(
    name: str, market: str | None, settings: list[str], decisions: int, seed: int, record: Path | None
) -> bool:
    """Check a strategy, print the report, and say whether it passed."""
    config = config_of(name, run_files.overrides_of(settings, market=market))
    recipe = recipe_of(config)  # before the strategy is made, which might change what the file says
    strategy = config.build_strategy()
    if isinstance(strategy, NativeStrategy):
        raise ConfigError(f"{label_of(config.strategy.name)} can't be checked: {UNCHECKED}")
    traded = open_market(config.market, part=True)
    held_out = config.reaches_holdout
    config = _begun(config.before_holdout, traded)
    console = Terminal()
    if held_out:
        console.print(f"On the sessions before {config.holdout}, from which on the run file holds data out.")
    with working("opening the market") as say:
        report = check_strategy(
            strategy,
            traded,
            account_of(config, traded),
            recipe=recipe,
            decisions=decisions,
            seed=seed,
            progress=say,
        )
    register.record(traded, [register.Trial(trial_hash(config, traded), "check-strategy")])
    console.print(report_table(report))
    failed = len(report.failures)
    said = ("passed", "green") if report.passed else (f"{failed} of {len(report.checks)} failed", "bold red")
    sampled = f"{report.sampled} of {report.decisions} decisions replayed, seed {report.seed}: "
    console.print(Text.assemble(sampled, said))
    if report.walls:
        walls = ", ".join(report.walls)
        console.print(f"Files and network were closed meanwhile, by {walls}.")
    if record is not None:
        write_page(record, json.dumps({"program": MARK, **report.record()}, indent=2) + "\n")
    return report.passed


def config_of(name: str, overrides: list[str]) -> RunConfig:
    """The run that a strategy is checked in: a run file, or one that names the strategy, or a bare one.

    Of run files that name it, the first on a built-in market is taken, or else the first.

    Raises
    ------
    ConfigError
        If there is no such run file or strategy.
    """
    if name.endswith(".toml") or name in run_files.names():
        return run_files.load(name, overrides)
    class_named(name)
    shipped = {each: run_files.load(each) for each in run_files.names()}
    naming = [each for each, config in shipped.items() if config.strategy.name == name]
    if naming:  # rather one on a market that is always there
        return run_files.load(min(naming, key=lambda each: shipped[each].market not in BUILT_IN), overrides)
    document: dict[str, Any] = {"name": snake_case(label_of(name)), "strategy": {"name": name}}
    for override in overrides:
        run_files.override_key(document, override)
    return run_files.parse(document, name)


def _begun(config: RunConfig, market: Market) -> RunConfig:
    """Where no start is given: a year after the first figure was filed, so that most decisions see some."""
    if config.start is not None or market.facts.empty:
        return config
    start = (market.facts["filed"].min() + pd.DateOffset(years=1)).date()
    last = min(market.sessions[-1].astype(object), config.end or dt.date.max)
    return config.model_copy(update={"start": start}) if start < last else config


def report_table(report: CheckReport) -> Table:
    """Every check with its outcome in colour."""
    table = Table(title=Text(f"{report.strategy} on {report.market}"), title_justify="left")
    for column in ("check", "what was tried", "", "what came out"):
        table.add_column(column, overflow="fold")
    previous = ""
    for check in report.checks:
        more = f" (and {check.count - 1} more)" if check.count > 1 else ""
        kind = check.kind if check.kind != previous else ""
        outcome = Text(check.outcome, STYLE[check.outcome])
        table.add_row(kind, check.name, outcome, f"{check.summary}{more}")
        previous = check.kind
    return table
