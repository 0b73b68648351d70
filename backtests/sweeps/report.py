"""What a finished sweep leaves: table, returns, manifest and page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.analysis.significance import overfitting_probability
from backtests.provenance import manifest as run_manifest
from backtests.settings.sweep import Metric
from backtests.sweeps.heatmaps import axis, effects, heatmaps
from backtests.sweeps.measures import ranking
from backtests.sweeps.page import Page, Section, Table
from backtests.sweeps.plan import Plan
from backtests.sweeps.plateau import Plateau, plateau
from backtests.sweeps.store import RETURNS, SESSIONS, Store
from backtests.sweeps.wording import LABELS, listed, number, plain, short
from backtests.tearsheet.wording import overfitting_sentence
from datafeeds.market import Array, Dates, Market

TABLE, MANIFEST, PAGE = "table.parquet", "manifest.json", "sweep.html"
TOP = 25
"""Configurations on the page."""

BLOCKS = 16
"""Blocks of the overfitting test."""

MOST_NUMBERS = 200_000_000
"""Returns beyond which the overfitting test, which holds several copies of them, is left out."""

LEAST_SESSIONS = 20 * BLOCKS
"""Returns that it takes to speak of overfitting."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep, as it stands in its folder.

    Attributes
    ----------
    folder : Path
    table : DataFrame
        A row each configuration, by number: the swept parameters under their dotted keys, then statistics.
    returns : ndarray, shape (configurations, sessions - 1)
        Daily returns net of costs, memory-mapped; NaN for a failed configuration.
    sessions : ndarray of datetime64[D], shape (sessions,)
        ``returns[:, i]`` is that of ``sessions[i + 1]``.
    manifest : mapping
    """

    folder: Path
    table: pd.DataFrame
    returns: Array
    sessions: Dates
    manifest: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        """Dotted keys of the swept parameters."""
        return list(self.manifest["sweep"]["parameters"])

    @property
    def metric(self) -> Metric:
        """What "best" means."""
        metric: Metric = self.manifest["sweep"]["rank_by"]
        return metric

    @property
    def finished(self) -> pd.DataFrame:
        """The table without failed configurations."""
        return self.table[self.table["final_equity"].notna()]

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        """Open a sweep's folder."""
        return cls(
            folder=folder,
            table=pd.read_parquet(folder / TABLE),
            returns=np.load(folder / RETURNS, mmap_mode="r"),
            sessions=np.load(folder / SESSIONS),
            manifest=json.loads((folder / MANIFEST).read_text(encoding="utf-8")),
        )


def table_of(plan: Plan, rows: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    """Parameters and statistics of each configuration; NaN statistics where there is no row."""
    parameters = pd.DataFrame(
        [dict(each.parameters) for each in plan.configurations], columns=list(plan.keys)
    )
    for key in parameters:
        values = parameters[key]
        words = {type(value) for value in values}
        if not (words <= {bool} or words <= {int, float} or words <= {str}):
            # A column of a Parquet file has one type.
            parameters[key] = [plain(value) for value in values]
    statistics = pd.DataFrame.from_dict(dict(rows), orient="index", columns=list(LABELS))
    return parameters.join(statistics.astype(np.float64)).rename_axis("configuration")


def manifest_of(plan: Plan, market: Market, store: Store, seconds: float, trials: Mapping[str, Any]) -> Any:
    """Where a sweep comes from, what it covered and how often it tried."""
    return {
        "kind": "sweep",
        **run_manifest(plan.base, market),
        "run_hash": plan.hash(market),
        "engine": plan.settings.engine,
        "sweep": plan.settings.model_dump(mode="json", by_alias=True),
        "configurations": len(plan.configurations),
        "decision_groups": len(plan.groups()),
        "failed": {str(number): error for number, error in sorted(store.errors.items())},
        "trials": dict(trials),
        "seconds": {"sweep": seconds},
    }


def write(folder: Path, plan: Plan, market: Market, store: Store, seconds: float, trials: Any) -> None:
    """Write table, manifest and page beside the returns that the store holds."""
    table_of(plan, store.rows).to_parquet(folder / TABLE)
    content = manifest_of(plan, market, store, seconds, trials)
    (folder / MANIFEST).write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(Sweep.read(folder)).html(), encoding="utf-8", newline="\n")


def page(sweep: Sweep) -> Page:
    """What the sweep says, for a reader."""
    config = sweep.manifest["config"]
    count, failed = sweep.manifest["configurations"], sweep.manifest["failed"]
    span = f"{sweep.sessions[0]} to {sweep.sessions[-1]}"
    title = f"{config['name']}: {count:,} configuration{'s' if count != 1 else ''}"
    found = Page("Sweep", title, f"{config.get('description') or config['strategy']['name']}. {span}.")
    parameters, values, returns = _finished(sweep)
    around = surroundings(sweep)
    best = sweep.finished.index[around.best]
    texts = [
        f"Best by {LABELS[sweep.metric]}: configuration {best} with "
        f"{listed(sweep.table.loc[best, sweep.keys].to_dict())}.",
        around.sentence(),
        f"{count:,} configurations were tried: the best of so many looks good by luck alone. Count them all "
        "when judging it.",
    ]
    texts += [overfitting] if (overfitting := _overfitting(returns)) else []
    texts += [f"{len(failed)} failed, first: {next(iter(failed.values()))}"] if failed else []
    found.sections.append(Section("Best, and what is around it", tuple(texts)))
    maps = heatmaps(parameters, values, sweep.metric, around.best)
    note = (
        "Median over all other parameters; the frame marks the place of the best configuration. All maps "
        "share one scale, which spans at least a tenth of the largest value: what looks flat is flat."
    )
    found.sections.append(Section("What two parameters do together", (note,), svg=maps))
    found.sections.append(
        Section("What each parameter does", table=_effect_table(parameters, values, sweep.metric, around))
    )
    found.sections.append(
        Section(f"The best {min(TOP, len(values))}", table=_top_table(sweep, ranking(values, sweep.metric)))
    )
    return found


def surroundings(sweep: Sweep) -> Plateau:
    """The plateau around the best finished configuration; rows count finished ones only."""
    settings = sweep.manifest["sweep"]
    return plateau(*_finished(sweep), sweep.metric, settings["within"], settings["method"] == "grid")


def _finished(sweep: Sweep) -> tuple[pd.DataFrame, Array, Array]:
    known = sweep.finished
    parameters = known[sweep.keys].reset_index(drop=True)
    rows = known.index.to_numpy()
    returns = sweep.returns if len(known) == len(sweep.table) else sweep.returns[rows]
    return parameters, known[sweep.metric].to_numpy(dtype=np.float64), returns


def _overfitting(returns: Array) -> str:
    """What cross-validation says about choosing the best; empty where it can't be said."""
    if len(returns) < 2 or returns.shape[1] < LEAST_SESSIONS:
        return ""
    if returns.size > MOST_NUMBERS:
        return "The probability of overfitting is not worked out here: there are too many returns for one go."
    return overfitting_sentence(overfitting_probability(np.asarray(returns).T, blocks=BLOCKS))


def _effect_table(parameters: pd.DataFrame, values: Array, metric: Metric, around: Plateau) -> Table:
    axes = {key: axis(parameters[key]) for key in parameters}
    head = ("Parameter", f"{LABELS[metric]}, lowest median", "highest median", "value of the best")
    body = [
        (
            key,
            number(low, metric),
            number(high, metric),
            plain(parameters[key].iloc[around.best]),
        )
        for key, (low, high) in effects(list(axes.values()), values).items()
    ]
    return Table(head, body, left=("Parameter",))


def _top_table(sweep: Sweep, order: Any) -> Table:
    shown = [sweep.metric, *(column for column in LABELS if column != sweep.metric)]
    head = ("No.", *(short(key) for key in sweep.keys), *(LABELS[column] for column in shown))
    body = []
    for row in sweep.finished.iloc[order[:TOP]].itertuples():
        record = dict(zip(sweep.table.columns, row[1:], strict=True))
        cells = [plain(record[key]) for key in sweep.keys]
        body.append((str(row[0]), *cells, *(number(record[column], column) for column in shown)))
    return Table(head, body)
