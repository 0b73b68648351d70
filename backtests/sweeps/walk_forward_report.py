"""What a walk-forward leaves: windows, returns, manifest and page."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.analysis.trading import trading
from backtests.document.blocks import (
    Block,
    Column,
    Document,
    Figure,
    LineChart,
    Marks,
    Paragraph,
    Row,
    Section,
    Table,
    lines,
)
from backtests.document.formats import formatted
from backtests.document.html import write_html
from backtests.engine.books import Ledger
from backtests.engine.books import returns_of as daily_returns
from backtests.engine.rules import cash_returns
from backtests.provenance import manifest as run_manifest
from backtests.records import archive, register
from backtests.records.index import write_index
from backtests.settings.sweep import WalkForwardSettings
from backtests.sweeps.measures import Measures, measures
from backtests.sweeps.report import chosen_blocks
from backtests.sweeps.walk_forward import WalkForward, span
from backtests.sweeps.wording import cell, label, number, plain, short, title
from backtests.tearsheet.provenance import caution
from datafeeds.market import Array, Dates

WINDOWS, RETURNS, MANIFEST, PAGE = "windows.parquet", "returns.parquet", "manifest.json", "walk-forward.html"
STEADY = 2 / 3
"""Share of windows with the same value from which on a parameter is called steady."""


def table_of(found: WalkForward) -> pd.DataFrame:
    """One row a window: dates, the chosen parameters, and how they did in training and test."""
    sessions = found.sweep.sessions
    metric = _settings(found).metric
    rows = []
    for place, (choice, chosen) in enumerate(zip(found.choices, found.chosen, strict=True)):
        window = choice.window
        first, last = span(found.choices, place)
        account = _account_measures(found, first, last)
        rows.append(
            {
                "train_from": sessions[window.train_first],
                "train_to": sessions[window.train_last],
                "test_from": sessions[window.test_first],
                "test_to": sessions[window.test_last],
                "whole": window.is_whole,
                "configuration": chosen,
                **found.sweep.table.loc[chosen, found.sweep.keys].to_dict(),
                f"train_{metric}": choice.trained.columns()[metric][choice.position],
                f"test_{metric}": choice.tested.columns()[metric][choice.position],
                "tied": choice.tied,
                "test_rank": choice.rank,
                "of": len(found.configurations),
                f"test_median_{metric}": float(np.nanmedian(choice.tested.columns()[metric])),
                "account_return": float(account.total_return[0]),
                "account_sharpe": float(account.sharpe[0]),
                "account_max_drawdown": float(account.max_drawdown[0]),
            }
        )
    table = pd.DataFrame(rows).rename_axis("window")
    dates = ["train_from", "train_to", "test_from", "test_to"]
    return table.astype(dict.fromkeys(dates, "datetime64[s]"))


def returns_of(found: WalkForward) -> pd.DataFrame:
    """Daily returns of the account that followed the choices, of the run file as it is, of the benchmark."""
    table = pd.DataFrame({"walk_forward": found.ledger.returns, "unchosen": found.unchosen.returns})
    if found.benchmark is not None:
        table["benchmark"] = found.benchmark.returns
    return table.rename_axis("session")


def write(found: WalkForward, results: Path) -> Path:
    """Write ``<name>-walk-forward-<hash>`` below `results`, whole or not at all, and return it.

    ``index.html`` is written anew.
    """
    settings = _settings(found).model_dump_json()
    content = found.sweep.manifest["run_hash"] + settings
    digest = hashlib.sha256(content.encode()).hexdigest()
    name = f"{found.config.name}-walk-forward-{digest[:8]}"
    with archive.draft(results, name) as place:
        table_of(found).to_parquet(place / WINDOWS)
        returns_of(found).to_parquet(place / RETURNS)
        _, trials = register.known(found.market, results)
        manifest = json.dumps(_manifest(found, digest, trials), indent=2, default=str)
        (place / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        write_html(page(found), place / PAGE)
        final = archive.publish(place, name)
    write_index(results)
    return final


def _manifest(found: WalkForward, digest: str, trials: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "walk-forward",
        **run_manifest(found.config, found.market),
        "run_hash": digest,
        "engine": found.sweep.manifest["engine"],
        "walk_forward": _settings(found).model_dump(mode="json"),
        "sweep": found.sweep.folder.name,
        "configurations": found.sweep.manifest["configurations"],
        "windows": len(found.choices),
        "trials": dict(trials),
        **({"holdout": dict(found.scored)} if found.scored else {}),
        **({"lookahead": dict(found.lookahead)} if found.lookahead else {}),
    }


def page(found: WalkForward) -> Document:
    """What the walk-forward says, for a reader."""
    table = table_of(found)
    config, ledger = found.config, found.ledger
    first, *more = outcome(found)
    verdict, *each = stability(found)
    warning = caution({"lookahead": found.lookahead})
    earned: tuple[Block, ...] = (
        *([Paragraph(warning, "warning")] if warning else []),
        Paragraph(first, "lead"),
        *map(Paragraph, more),
        *_curves(found),
        _comparison(found),
        *chosen_blocks(found.scored),
    )
    return Document(
        title=config.description or config.strategy.name,
        subtitle=f"{len(table)} choices by the past alone, tested {ledger.sessions[1]} to "
        f"{ledger.sessions[-1]}",
        sections=(
            Section("earned", "What the choices earned", earned),
            Section("stability", "Did the choice stay the same?", tuple(map(Paragraph, (verdict, *each)))),
            Section("windows", "Windows", (_window_table(found, table),)),
            Section("method", "How it was done", (Paragraph(_method(_settings(found))),)),
        ),
        kind="Walk-forward",
    )


def outcome(found: WalkForward) -> tuple[str, ...]:
    """Training against test, in words."""
    metric = _settings(found).metric
    whole = [choice for choice in found.choices if choice.window.is_whole] or list(found.choices)
    trained = float(np.median([choice.trained.columns()[metric][choice.position] for choice in whole]))
    tested = float(np.median([choice.tested.columns()[metric][choice.position] for choice in whole]))
    outdone = float(np.mean([choice.outdone for choice in whole]))
    tied = sum(choice.tied > 0 for choice in found.choices)
    cost = _yearly(found.sliced, found) - _yearly(daily_returns(found.ledger.equity), found)
    count = len(found.configurations)
    return (
        f"In the middle one of {len(whole)} windows the chosen configuration had a {label(metric)} of "
        f"{number(trained, metric)} in training; in the middle one of the tests that followed, "
        f"{number(tested, metric)}."
        + (
            f" In the tests the choice outdid {outdone:.0%} of the other {count - 1} configurations on "
            "average, those as good counted by half; by luck alone it would outdo half."
            if count > 1
            else ""
        )
        + (
            f" In {tied} of {len(found.choices)} windows several were exactly as good in training; then the "
            "one already held stays, or the first in the grid is taken."
            if tied
            else ""
        ),
        f"Buying in from cash, the session after the first choice, and switching between configurations "
        f"{'took' if cost >= 0 else 'gave'} {abs(cost):.2%} a year against running all of them all the time; "
        "the curve includes that.",
    )


def stability(found: WalkForward) -> list[str]:
    """Whether the chosen parameters stayed the same, in words: first all together, then one by one."""
    chosen = found.sweep.table.loc[list(found.chosen), found.sweep.keys]
    count = len(chosen)
    if count == 1:
        return ["There is one window only, so nothing can change."]
    switches = sum(one != other for one, other in itertools.pairwise(found.chosen))
    sentences = []
    steady = 0
    for key in found.sweep.keys:
        values = [plain(value) for value in chosen[key]]
        value, times = Counter(values).most_common(1)[0]
        changes = sum(one != other for one, other in itertools.pairwise(values))
        steady += times / count >= STEADY
        word = "steady" if times / count >= STEADY else "wandering"
        sentences.append(
            f"{short(key)} is {word}: {value} in {times} of {count} windows, "
            f"{changes} change{'s' * (changes != 1)}."
        )
    verdict = (
        "The choice is stable"
        if steady == len(sentences)
        else "The choice is unstable: the past keeps pointing elsewhere"
        if steady == 0
        else "The choice is stable in part"
    )
    often = f"{switches} time{'s' * (switches != 1)}"
    return [f"{verdict}. The chosen configuration changed {often} in {count} windows.", *sentences]


def _settings(found: WalkForward) -> WalkForwardSettings:
    settings = found.config.walk_forward
    if settings is None:
        raise ValueError("a walk-forward has a table [walk_forward]")
    return settings


def _account_measures(found: WalkForward, first: int, last: int) -> Measures:
    """Statistics of the account between two of the run's sessions, annualised whatever the length."""
    offset = found.choices[0].window.test_first - 1
    equity = found.ledger.equity[first - 1 - offset : last + 1 - offset]
    sessions = found.ledger.sessions[first - 1 - offset : last + 1 - offset]
    return measures(daily_returns(equity)[None], sessions, _cash(found, sessions), annual=True)


def _cash(found: WalkForward, sessions: Dates) -> Array:
    """Return of cash in each of `sessions` after the first."""
    return cash_returns(found.market, sessions, found.config.costs.cash_rate)[1:]


def _yearly(returns: Array, found: WalkForward) -> float:
    sessions = found.ledger.sessions
    years = float((sessions[-1] - sessions[0]).astype(int)) / 365.25
    return float(np.prod(1.0 + returns[: len(sessions) - 1]) ** (1.0 / years) - 1.0)


def _books(found: WalkForward) -> dict[str, Ledger]:
    books = {"Chosen by the past": found.ledger, "Run file as it is": found.unchosen}
    if found.benchmark is not None:
        choice = found.config.benchmarks[0]
        books[choice.label or choice.name] = found.benchmark
    return books


def _comparison(found: WalkForward) -> Table:
    columns = ("sharpe", "cagr", "total_return", "max_drawdown", "volatility")
    rows = []
    for name, ledger in _books(found).items():
        returns = daily_returns(ledger.equity)[None]
        stats = measures(returns, ledger.sessions, _cash(found, ledger.sessions)).columns()
        traded = trading(ledger)
        rows.append(
            Row.of(
                name,
                *(cell(float(stats[column][0]), column) for column in columns),
                cell(traded.turnover, "turnover"),
                cell(traded.cost_bps, "cost_bps"),
            )
        )
    heads = (Column(title(column)) for column in (*columns, "turnover", "cost_bps"))
    return Table("The account beside what nobody chose", (Column("Portfolio", "left"), *heads), tuple(rows))


def _window_table(found: WalkForward, table: pd.DataFrame) -> Table:
    metric = _settings(found).metric
    keys = found.sweep.keys
    rows = tuple(
        Row.of(
            f"{row['train_from']:%Y-%m-%d} to {row['train_to']:%Y-%m-%d}",
            f"{row['test_from']:%Y-%m-%d} to {row['test_to']:%Y-%m-%d}"
            f"{'' if row['whole'] else ', unfinished'}",
            *(plain(row[key]) for key in keys),
            str(row["tied"]),
            cell(row[f"train_{metric}"], metric),
            cell(row[f"test_{metric}"], metric),
            cell(row[f"test_median_{metric}"], metric),
            f"{row['test_rank']:g} of {row['of']}",
            cell(row["account_return"], "total_return"),
        )
        for row in table.to_dict("records")
    )
    compared = ("As good", f"{title(metric)} in training", "in test", "median in test", "Rank in test")
    return Table(
        "Every window, with what was chosen",
        (
            Column("Training", "left"),
            Column("Test", "left"),
            *(Column(short(key)) for key in keys),
            *map(Column, (*compared, "Return of the account")),
        ),
        rows,
        dense=True,
    )


def _method(settings: WalkForwardSettings) -> str:
    train, test, step = settings.months
    training = (
        f"all sessions since the run's start, at least {train} months"
        if settings.window == "anchored"
        else f"the {train} months before the test"
    )
    embargo = f", less an embargo of {settings.embargo} sessions" if settings.embargo else ""
    return (
        f"Each choice goes by {label(settings.metric)} over {training}{embargo}; it is followed for {step} "
        f"months and tested over {test}. Training looks at slices of whole runs: each uses only what was "
        "known at the time, and keeps a strategy's memory. The curve is one account that trades from one "
        "chosen portfolio to the next at the run's costs. Ratios of single windows are annualised whatever "
        "their length; an unfinished last window does not count for the middle one."
    )


def _curves(found: WalkForward) -> tuple[Figure, ...]:
    """Growth of the portfolios and, where there is a benchmark, the first two against it."""
    books = _books(found)
    dates = found.ledger.sessions
    growth = {name: ledger.equity / ledger.equity[0] for name, ledger in books.items()}
    drawn = lines(tuple(growth), dates, tuple(growth.values()))
    begins = found.sweep.sessions[[choice.window.test_first for choice in found.choices]]
    places = np.searchsorted(dates, begins)
    chosen = Marks("a choice begins", begins, drawn[0].values[places])
    ends = ", ".join(f"{line.label} {formatted(float(line.values[-1]), 'multiple')}" for line in drawn)
    growth_figure = Figure(
        "growth",
        LineChart(drawn, "multiple", log=True, rule=1.0, marks=(chosen,)),
        "Growth of 1, logarithmic scale",
        f"Growth of 1 to {dates[-1]}: {ends}.",
    )
    if found.benchmark is None:
        return (growth_figure,)
    *ours, theirs = drawn
    relative = tuple(replace(line, values=line.values / theirs.values) for line in ours)
    ahead = ", ".join(f"{line.label} {formatted(float(line.values[-1]), 'multiple')}" for line in relative)
    return (
        growth_figure,
        Figure(
            "relative",
            LineChart(relative, "multiple", rule=1.0),
            f"Growth over that of {theirs.label}: rising is winning",
            f"Growth over that of {theirs.label} to {dates[-1]}: {ahead}.",
        ),
    )
