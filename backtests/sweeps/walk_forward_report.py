"""What a walk-forward leaves: windows, returns, manifest and page."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from backtests.analysis import performance
from backtests.analysis.trading import trading
from backtests.document.palette import SERIES_LIGHT
from backtests.engine.books import Ledger
from backtests.provenance import manifest as run_manifest
from backtests.settings.sweep import WalkForwardSettings
from backtests.sweeps.heatmaps import NO_METADATA, SETTINGS, inline
from backtests.sweeps.measures import Measures, measures
from backtests.sweeps.page import Page, Section, Table
from backtests.sweeps.walk_forward import WalkForward, span
from backtests.sweeps.wording import LABELS, label, number, plain, short
from datafeeds.market import Array

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
    """Write ``<name>-walk-forward-<hash>`` below `results`, whole or not at all, and return it."""
    settings = _settings(found).model_dump_json()
    content = found.sweep.manifest["run_hash"] + settings
    digest = hashlib.sha256(content.encode()).hexdigest()
    final = results / f"{found.config.name}-walk-forward-{digest[:8]}"
    partial = results / f".{final.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        table_of(found).to_parquet(partial / WINDOWS)
        returns_of(found).to_parquet(partial / RETURNS)
        manifest = json.dumps(_manifest(found, digest), indent=2, default=str)
        (partial / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        (partial / PAGE).write_text(page(found).html(), encoding="utf-8", newline="\n")
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def _manifest(found: WalkForward, digest: str) -> dict[str, Any]:
    return {
        "kind": "walk-forward",
        **run_manifest(found.config, found.market),
        "run_hash": digest,
        "engine": found.sweep.manifest["engine"],
        "walk_forward": _settings(found).model_dump(mode="json"),
        "sweep": found.sweep.folder.name,
        "configurations": found.sweep.manifest["configurations"],
        "windows": len(found.choices),
        "trials": found.sweep.manifest["trials"],
    }


def page(found: WalkForward) -> Page:
    """What the walk-forward says, for a reader."""
    table = table_of(found)
    config, settings = found.config, _settings(found)
    ledger = found.ledger
    span = f"{ledger.sessions[1]} to {ledger.sessions[-1]}"
    return Page(
        "Walk-forward",
        f"{config.name}: {len(table)} choices by the past alone",
        f"{config.description or config.strategy.name}. Tested {span}.",
        [
            Section("What the choices earned", outcome(found), svg=_curves(found), table=_comparison(found)),
            Section("Did the choice stay the same?", tuple(stability(found))),
            Section("Windows", table=_window_table(found, table)),
            Section("How it was done", (_method(settings),)),
        ],
    )


def outcome(found: WalkForward) -> tuple[str, ...]:
    """Training against test, in words."""
    metric = _settings(found).metric
    whole = [choice for choice in found.choices if choice.window.is_whole] or list(found.choices)
    trained = float(np.mean([choice.trained.columns()[metric][choice.position] for choice in whole]))
    tested = float(np.mean([choice.tested.columns()[metric][choice.position] for choice in whole]))
    better = sum(choice.beat_median(metric) for choice in whole)
    tied = sum(choice.tied > 0 for choice in found.choices)
    cost = _yearly(found.sliced, found) - _yearly(_daily(found.ledger), found)
    count = len(found.configurations)
    return (
        f"In training the chosen configurations had an average {label(metric)} of "
        f"{number(trained, metric)}; in the tests that followed, {number(tested, metric)}. "
        f"In {better} of {len(whole)} tests the choice did better than the median of all {count} "
        f"configurations; by luck alone it would in about {len(whole) / 2:g}."
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
    returns = performance.returns_of(equity)
    sessions = found.ledger.sessions[first - 1 - offset : last + 1 - offset]
    return measures(returns[None], sessions, found.config.costs.cash_rate, annual=True)


def _yearly(returns: Array, found: WalkForward) -> float:
    sessions = found.ledger.sessions
    years = float((sessions[-1] - sessions[0]).astype(int)) / 365.25
    return float(np.prod(1.0 + returns[: len(sessions) - 1]) ** (1.0 / years) - 1.0)


def _daily(ledger: Ledger) -> Array:
    return performance.returns_of(ledger.equity)


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
        returns = _daily(ledger)[None]
        stats = measures(returns, ledger.sessions, found.config.costs.cash_rate).columns()
        traded = trading(ledger)
        rows.append(
            (
                name,
                *(number(float(stats[column][0]), column) for column in columns),
                number(traded.turnover, "turnover"),
                number(traded.cost_bps, "cost_bps"),
            )
        )
    head = ("Portfolio", *(LABELS[column] for column in (*columns, "turnover", "cost_bps")))
    return Table(head, rows, left=("Portfolio",))


def _window_table(found: WalkForward, table: pd.DataFrame) -> Table:
    settings = _settings(found)
    metric = settings.metric
    keys = found.sweep.keys
    compared = ("As good", f"{LABELS[metric]} in training", "in test", "median in test", "Rank in test")
    head = ("Training", "Test", *(short(key) for key in keys), *compared, "Return of the account")
    rows = []
    for row in table.to_dict("records"):
        cut = "" if row["whole"] else ", unfinished"
        rows.append(
            (
                f"{row['train_from']:%Y-%m-%d} to {row['train_to']:%Y-%m-%d}",
                f"{row['test_from']:%Y-%m-%d} to {row['test_to']:%Y-%m-%d}{cut}",
                *(plain(row[key]) for key in keys),
                str(row["tied"]),
                number(row[f"train_{metric}"], metric),
                number(row[f"test_{metric}"], metric),
                number(row[f"test_median_{metric}"], metric),
                f"{row['test_rank']:g} of {row['of']}",
                number(row["account_return"], "total_return"),
            )
        )
    return Table(head, rows, left=("Training", "Test"))


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
        "their length; averages leave an unfinished last window out."
    )


def _curves(found: WalkForward) -> str:
    """Growth of the three portfolios, and below it against the benchmark."""
    books = _books(found)
    dates = found.ledger.sessions.astype("datetime64[s]").astype(object)
    growth = {name: ledger.equity / ledger.equity[0] for name, ledger in books.items()}
    color = dict(zip(books, SERIES_LIGHT, strict=False))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9.0, 4.6 if found.benchmark else 3.2), layout="constrained")
        panels = figure.subplots(2 if found.benchmark else 1, 1, sharex=True, squeeze=False)[:, 0]
        for name in reversed(books):  # the chosen one on top
            panels[0].plot(dates, growth[name], color=color[name], linewidth=1.4, label=name)
        panels[0].set_yscale("log")
        panels[0].set_ylabel("Growth of 1, log scale")
        panels[0].legend(frameon=False, reverse=True)
        if found.benchmark:
            *ours, theirs = books
            for name in reversed(ours):
                relative = growth[name] / growth[theirs]
                panels[1].plot(dates, relative, color=color[name], linewidth=1.4)
            panels[1].axhline(1.0, color=color[theirs], linewidth=1.0)
            panels[1].set_ylabel("Against the benchmark")
        for panel in panels:
            _tidy(panel, found)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata=NO_METADATA)
    return inline(target.getvalue(), "Growth of the account that followed the choices", "curves")


def _tidy(panel: Any, found: WalkForward) -> None:
    for choice in found.choices:
        begin = found.sweep.sessions[choice.window.test_first].astype("datetime64[s]").astype(object)
        panel.axvline(begin, color="#8a939c", linewidth=0.5, linestyle=":")
    panel.yaxis.set_major_formatter(lambda value, position: f"{value:g}")
    panel.yaxis.set_minor_formatter(lambda value, position: f"{value:g}" if value < 10 else "")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
