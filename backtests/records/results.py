"""A run's folder: written whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from backtests.analysis.significance import judged_trials
from backtests.document.pdf import Paper
from backtests.engine.books import Decision
from backtests.metrics import metrics
from backtests.options.overlay import hedge_lines
from backtests.records import archive, register
from backtests.records.chain import RecordError
from backtests.records.finished import ResultsError
from backtests.records.index import write_index
from backtests.result import Result
from backtests.settings.run_file import CASH
from backtests.tearsheet.assembly import build
from backtests.tearsheet.pages import writing_pages
from backtests.tearsheet.wording import headline
from backtests.withdrawals import withdrawals
from datafeeds.names import printable
from strategies.target import Hedge


def folder_name(result: Result) -> str:
    """``<name>-<first eight characters of the run's hash>``."""
    return f"{result.config.name}-{result.manifest['run_hash'][:8]}"


@dataclass(frozen=True)
class Written:
    """A run's folder, and what its ``metrics.json`` and ``manifest.json`` hold."""

    folder: Path
    metrics: Mapping[str, Any]
    manifest: Mapping[str, Any]


def write(result: Result, results: Path, paper: Paper = "a4") -> Written:
    """Write a run's folder below `results`.

    The run is added to the record of trials first, so that its tearsheet knows how often one tried. The
    folder is made under a temporary name and renamed when it is whole. An older folder of the same run is
    replaced only then. ``index.html`` is written anew.

    Parameters
    ----------
    result : Result
    results : Path
        Folder that holds one folder a run.
    paper : {"a4", "letter"}
        Of the PDF.

    Raises
    ------
    ResultsError
        If `results` can't be written to.
    """
    name = folder_name(result)
    try:
        with archive.draft(results, name) as place:
            stamps = {"trials": record_trial(result, results), "entries": archive.stamp(results)}
            recorded = result.recorded(stamps)
            numbers, manifest = _fill(place, recorded, paper)
            final = archive.publish(place, name)
            write_index(results)
    except RecordError as error:
        raise ResultsError(str(error)) from None
    return Written(final, numbers, manifest)


def record_trial(result: Result, results: Path) -> dict[str, Any]:
    """Add the run to the register of trials.

    Returns
    -------
    dict
        For the manifest: the register's summary, and what the trials ask of this run's lead over its first
        benchmark, or of its Sharpe ratio without one; see `Trials`.
    """
    register.adopt(results)
    register.record(result.market, register.of_result("run", result))
    tried, stamp = register.known(result.market, results)
    theirs = result.primary.ledger.equity if result.primary else None
    asked = judged_trials(tried.sharpes, tried.returns, tried.weeks, result.sessions, theirs)
    found = {"effective": asked.effective, "hurdle": asked.hurdle, "measured": asked.measured}
    return {**stamp, **found}


def _fill(folder: Path, result: Result, paper: Paper) -> tuple[dict[str, Any], dict[str, Any]]:
    began = time.perf_counter()
    with writing_pages(build(result), folder, paper):
        between = time.perf_counter()
        numbers = write_numbers(folder, result)
        between = time.perf_counter() - between
    tearsheet = time.perf_counter() - began - between
    config = result.config.model_dump(mode="python", exclude_none=True)
    _write_text(folder / "run.toml", tomli_w.dumps(config))
    _write_text(folder / "log.txt", "".join(printable(line) + "\n" for line in log_lines(result)))
    seconds = {**result.manifest.get("seconds", {}), "tearsheet": tearsheet}
    manifest = {**result.manifest, "headline": headline(result), "seconds": seconds}
    _write_json(folder / "manifest.json", manifest)
    return numbers, manifest


def write_numbers(folder: Path, result: Result) -> dict[str, Any]:
    """Write every file of a run that holds numbers and nothing else: what running it again must give.

    Returns
    -------
    dict
        What ``metrics.json`` holds.
    """
    ledger = result.book.ledger
    books = zip(result.labels, result.books, strict=True)
    returns = pd.DataFrame({label: book.ledger.returns for label, book in books})
    returns[CASH] = result.cash
    returns.rename_axis("session").to_parquet(folder / "returns.parquet")
    result.positions.to_parquet(folder / "positions.parquet")
    ledger.fills.to_parquet(folder / "fills.parquet", index=False)
    ledger.unfilled.to_parquet(folder / "unfilled.parquet", index=False)
    if ledger.hedge is not None:
        ledger.hedge.to_parquet(folder / "hedge.parquet", index=False)
    lines = [
        json.dumps({**_decision_record(decision), **({"withdrawn": withdrawn} if withdrawn else {})})
        for decision, withdrawn in zip(ledger.decisions, withdrawals(result), strict=True)
    ]
    _write_text(folder / "decisions.jsonl", "".join(line + "\n" for line in lines))
    numbers = metrics(result)
    _write_json(folder / "metrics.json", numbers)
    return numbers


def log_lines(result: Result) -> list[str]:
    """What a run has to tell beyond its numbers: findings in the data, and orders left unfilled."""
    market = result.market
    lines = [f"market {market.name}: {market.source}", f"market hash {market.hash}"]
    lines += [str(finding) for finding in market.findings]
    lines += [*result.manifest.get("unread", ()), *result.manifest.get("limits", ())]
    for book in result.books:
        ledger = book.ledger
        lines.append(
            f"{book.label}: {len(ledger.decisions)} decisions, {len(ledger.executions)} fills, "
            f"{len(ledger.endings)} orders left unfilled"
        )
        for row in ledger.unfilled.itertuples():
            lines.append(f"{book.label}: {row.session:%Y-%m-%d} {row.symbol} unfilled: {row.reason}")
        lines += [f"{book.label}: {line}" for line in hedge_lines(ledger.hedge)]
    return lines


def _decision_record(decision: Decision) -> dict[str, Any]:
    target = decision.target
    return {
        "session": str(decision.session),
        "weights": dict(target.weights),
        "cash": target.cash,
        "changes": [{"why": change.why, "weights": dict(change.weights)} for change in target.changes],
        "state": dict(target.state),
        "hedges": [_hedge_record(hedge) for hedge in target.hedges],
    }


def _hedge_record(hedge: Hedge) -> dict[str, Any]:
    structure = hedge.structure
    parameters = {"tenor": structure.tenor, "roll": structure.roll}
    legs = [{"moneyness": leg.moneyness, "quantity": leg.quantity} for leg in structure.legs]
    return {
        "structure": structure.name,
        "ratio": hedge.ratio,
        "budget_bps": hedge.budget_bps,
        **parameters,
        "legs": legs,
    }


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
