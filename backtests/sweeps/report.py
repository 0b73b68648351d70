"""What a finished sweep leaves: table, returns, manifest and page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from backtests.analysis.significance import overfitting_probability
from backtests.document.blocks import Beside, Block, Column, Document, Paragraph, Row, Section, Table
from backtests.document.formats import typeset
from backtests.document.html import write_html
from backtests.provenance import manifest as run_manifest
from backtests.records import archive
from backtests.settings.sweep import RankedBy
from backtests.sweeps.heatmaps import axis, effects, slices
from backtests.sweeps.measures import against, ranking, table_metrics
from backtests.sweeps.plan import Plan
from backtests.sweeps.plateau import Plateau, plateau
from backtests.sweeps.store import RETURNS, SESSIONS, Store
from backtests.sweeps.tasks import Outcome
from backtests.sweeps.wording import cell, label, listed, plain, short, title
from backtests.tearsheet import held_out
from backtests.tearsheet.provenance import caution
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
    def metric(self) -> RankedBy:
        """What "best" means."""
        metric: RankedBy = self.manifest["sweep"]["rank_by"]
        return metric

    @property
    def finished(self) -> pd.DataFrame:
        """The table without failed configurations."""
        return self.table[self.table["final_equity"].notna()]

    @cached_property
    def surroundings(self) -> Plateau:
        """The plateau around the best finished configuration; rows count finished ones only."""
        settings = self.manifest["sweep"]
        return plateau(*_finished(self), self.metric, settings["within"], settings["method"] == "grid")

    @cached_property
    def overfitting(self) -> str:
        """What cross-validation says about choosing the best; empty where it can't be said."""
        _, _, returns = _finished(self)
        if len(returns) < 2 or returns.shape[1] < LEAST_SESSIONS:
            return ""
        if returns.size > MOST_NUMBERS:
            return "The probability of overfitting is not worked out here: too many returns for one go."
        return overfitting_sentence(overfitting_probability(np.asarray(returns).T, blocks=BLOCKS))

    def recorded(self, folder: Path, more: Mapping[str, Any]) -> Self:
        """The same in `folder`, with `more` in its manifest; what was measured is kept."""
        again = copy(self)
        again.__dict__.update(folder=folder, manifest={**self.manifest, **more})
        return again

    def outcomes(self) -> Iterator[Outcome]:
        """The finished configurations, as they came from their runs."""
        statistics = self.finished.drop(columns=self.keys)
        for number, row in zip(statistics.index.tolist(), statistics.to_dict("records"), strict=True):
            statistic = {str(name): value for name, value in row.items()}
            yield Outcome(number, statistic, np.asarray(self.returns[number]))

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        """Open a sweep's folder."""
        return cls(
            folder=folder,
            table=archive.read_parquet(folder / TABLE),
            manifest=archive.read_json(folder / MANIFEST),
            **_arrays(folder),
        )


def _arrays(folder: Path) -> dict[str, Any]:
    return {
        "returns": np.load(folder / RETURNS, mmap_mode="r"),
        "sessions": np.load(folder / SESSIONS),
    }


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
    _, *others = plan.base.labels[1:] or ("",)
    columns = [*table_metrics(), *(column for label in others for column in against(label).values())]
    statistics = pd.DataFrame.from_dict(dict(rows), orient="index", columns=columns)
    return parameters.join(statistics.astype(np.float64)).rename_axis("configuration")


def drafted(plan: Plan, market: Market, store: Store) -> Sweep:
    """What a finished store says, in its own folder, before anything was checked.

    Its manifest says where the sweep comes from and what it covered.
    """
    manifest = {
        "kind": "sweep",
        **run_manifest(plan.base, market),
        "run_hash": plan.hash(market),
        "engine": plan.settings.engine,
        "sweep": plan.asked,
        "configurations": len(plan.configurations),
        "decision_groups": len(plan.groups()),
        "failed": {str(number): error for number, error in sorted(store.errors.items())},
    }
    return Sweep(
        folder=store.folder, table=table_of(plan, store.rows), manifest=manifest, **_arrays(store.folder)
    )


def write(sweep: Sweep) -> None:
    """Write table, manifest and page beside the returns that its folder holds."""
    sweep.table.to_parquet(sweep.folder / TABLE)
    content = json.dumps(sweep.manifest, indent=2, default=str) + "\n"
    (sweep.folder / MANIFEST).write_text(content, encoding="utf-8")
    write_html(page(sweep), sweep.folder / PAGE)


def page(sweep: Sweep) -> Document:
    """What the sweep says, for a reader."""
    config, settings = sweep.manifest["config"], sweep.manifest["sweep"]
    count, failed = sweep.manifest["configurations"], sweep.manifest["failed"]
    parameters, values, _ = _finished(sweep)
    around = sweep.surroundings
    best = sweep.finished.index[around.best]
    said: list[Block] = [
        *([Paragraph(first, "warning")] if (first := caution(sweep.manifest)) else []),
        Paragraph(
            f"Best by {title(sweep.metric)}: configuration {best} with "
            f"{listed(sweep.table.loc[best, sweep.keys].to_dict())}.",
            "lead",
        ),
        Paragraph(around.sentence()),
        Paragraph(
            f"{count:,} configurations were tried: the best of so many looks good by luck alone. Count them "
            "all when judging it."
        ),
    ]
    said += [Paragraph(sweep.overfitting)] if sweep.overfitting else []
    said += [Paragraph(each, "warning") for each in sweep.manifest.get("unread", ())]
    said += chosen_blocks(sweep.manifest.get("holdout", {}))
    if failed:
        said.append(Paragraph(f"{len(failed)} failed, first: {next(iter(failed.values()))}", "warning"))
    is_grid = settings["method"] == "grid"
    note = (
        f"{'Every other parameter as in the best' if is_grid else 'Median over all other parameters'}; the "
        "frame marks the best configuration's place. The pairs with the widest range, on one scale, which "
        "spans at least a tenth of the largest value: what looks flat is flat."
    )
    order = ranking(values, sweep.metric)
    maps = slices(parameters, values, sweep.metric, around.best, is_grid)
    return Document(
        title=config.get("description") or config["strategy"]["name"],
        subtitle=f"{count:,} configuration{'s' if count != 1 else ''}, "
        f"{sweep.sessions[0]} to {sweep.sessions[-1]}",
        sections=(
            Section("best", "Best, and what is around it", tuple(said)),
            Section("slices", "What two parameters do together", (Paragraph(note, "note"), Beside(maps))),
            Section("effects", "What each parameter does", (_effect_table(parameters, values, around),)),
            Section("top", "The best", (_top_table(sweep, order), *_beside_others(sweep, order))),
        ),
        kind="Sweep",
        wide=True,
    )


def chosen_blocks(scored: Mapping[str, Any]) -> list[Block]:
    """What the chosen configuration did before and after the holdout; nothing for a run without one."""
    if not scored:
        return []
    beside = held_out.table(scored)
    said = Paragraph(chosen_sentence(scored))
    if beside is None:
        return [said]
    # Pages of sweeps define no terms.
    return [said, replace(beside, rows=tuple(replace(row, term="") for row in beside.rows))]


def chosen_sentence(scored: Mapping[str, Any]) -> str:
    """That the choice saw nothing from the holdout on, and how the chosen one did there."""
    return (
        f"Chosen on the sessions before {scored['begins']} alone; configuration {scored['configuration']} "
        f"was then scored once on what came after. {typeset(held_out.sentence(scored))}"
    )


def _finished(sweep: Sweep) -> tuple[pd.DataFrame, Array, Array]:
    known = sweep.finished
    parameters = known[sweep.keys].reset_index(drop=True)
    rows = known.index.to_numpy()
    returns = sweep.returns if len(known) == len(sweep.table) else sweep.returns[rows]
    return parameters, known[sweep.metric].to_numpy(dtype=np.float64), returns


def _effect_table(parameters: pd.DataFrame, values: Array, around: Plateau) -> Table:
    axes = [axis(parameters[key]) for key in parameters]
    rows = tuple(
        Row.of(
            short(key),
            cell(low, around.metric),
            cell(high, around.metric),
            plain(parameters[key].iloc[around.best]),
        )
        for key, (low, high) in effects(axes, values).items()
    )
    return Table(
        f"Medians of the {label(around.metric)} over the values of each parameter",
        (Column("Parameter", "left"), Column("Lowest"), Column("Highest"), Column("Value of the best")),
        rows,
    )


def _top_table(sweep: Sweep, order: Any) -> Table:
    shown = [sweep.metric, *(column for column in table_metrics() if column != sweep.metric)]
    best = sweep.finished.iloc[order[:TOP]]
    rows = tuple(
        Row.of(
            str(number),
            *(plain(record[key]) for key in sweep.keys),
            *(cell(record[column], column) for column in shown),
        )
        for number, record in zip(best.index, best.to_dict("records"), strict=True)
    )
    return Table(
        f"The best {len(rows)} by {label(sweep.metric)}",
        (
            Column("No.", "left"),
            *(Column(short(key)) for key in sweep.keys),
            *(Column(title(column), strong=column == sweep.metric) for column in shown),
        ),
        rows,
        dense=True,
    )


def _beside_others(sweep: Sweep, order: Any) -> tuple[Table, ...]:
    """The best against each further benchmark; nothing without one."""
    best = sweep.finished.iloc[order[:TOP]]
    names = against("")
    lead = names["excess_cagr"]
    labels = [column.removeprefix(lead) for column in best if column.startswith(lead)]
    return tuple(
        Table(
            f"The best {len(best)} against {label}",
            (
                Column("No.", "left"),
                *(Column(short(key)) for key in sweep.keys),
                *(Column(title(name)) for name in names),
            ),
            tuple(
                Row.of(
                    str(number),
                    *(plain(record[key]) for key in sweep.keys),
                    *(cell(record[column], name) for name, column in against(label).items()),
                )
                for number, record in zip(best.index, best.to_dict("records"), strict=True)
            ),
            dense=True,
        )
        for label in labels
    )
