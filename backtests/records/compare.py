"""Finished runs side by side, as one page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from backtests.analysis.definitions import METRICS, metrics
from backtests.analysis.performance import Track, correlation, drawdown_series, performance
from backtests.analysis.registry import Figures, Scope
from backtests.analysis.span import spans_a_year
from backtests.document.blocks import (
    Cell,
    Column,
    Document,
    Figure,
    LineChart,
    Paragraph,
    Row,
    Section,
    Table,
    lines,
)
from backtests.document.html import write_html
from backtests.engine.books import returns_of
from backtests.records import archive
from backtests.records.finished import ResultsError, reading
from backtests.settings.run_file import CASH
from backtests.tearsheet.sections.provenance import flat
from datafeeds.market import Array, Dates


@dataclass(frozen=True, eq=False)
class Finished:
    """A run as it stands in its folder.

    Attributes
    ----------
    folder : Path
    manifest, metrics : mapping
    returns : Series
        Of the strategy, by session.
    cash : Series
        What its cash earned, by session.
    """

    folder: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    returns: pd.Series[float]
    cash: pd.Series[float]

    @property
    def label(self) -> str:
        """Name of the folder: two runs of one run file differ by their hash."""
        return self.folder.resolve().name

    @property
    def closes(self) -> Dates:
        """The first session, then that of each return."""
        first = np.datetime64(self.metrics["first_session"], "D")
        return np.append(first, self.returns.index.to_numpy().astype("datetime64[D]"))


def read(folder: Path) -> Finished:
    """Open a run's folder.

    Raises
    ------
    ResultsError
        If it holds no run.
    """
    with reading(folder):
        manifest, metrics = (archive.read_json(folder / f"{name}.json") for name in ("manifest", "metrics"))
        returns = archive.read_parquet(folder / "returns.parquet")
        if CASH not in returns:
            raise ResultsError(
                f"{folder}: returns.parquet has no column {CASH!r}; an earlier version wrote it: run it again"
            )
        return Finished(folder, manifest, metrics, returns.iloc[:, 0], returns[CASH])


def compare(folders: Sequence[Path], results: Path) -> Path:
    """Write a page that shows runs side by side and return its path.

    Parameters
    ----------
    folders : sequence of Path
        Two or more.
    results : Path
        Folder that the page is written to.

    Raises
    ------
    ResultsError
        For fewer than two different runs, one that can't be read, or runs that share no sessions.
    """
    runs = [read(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]
    if len(runs) < 2:
        raise ResultsError("comparing takes two different runs or more")
    names = " ".join(run.label for run in runs)
    digest = hashlib.sha256(names.encode()).hexdigest()[:8]
    with reading(results):
        page = comparison(runs, results)
    return write_html(page, results / f"compare-{digest}.html")


def comparison(runs: Sequence[Finished], results: Path) -> Document:
    """The page as a document."""
    sessions, equities, cash = common_growth(runs)
    found = [
        performance(each, sessions, returns_of(saved)) for each, saved in zip(equities, cash, strict=True)
    ]
    sections = (
        Section(
            "summary",
            "Side by side",
            (Paragraph(_best(runs, found), "lead"), *_warnings(runs), _common(runs, found)),
        ),
        Section("growth", "Growth and drawdown", _figures(runs, sessions, equities)),
        Section(
            "own", "Each over its own span", (_own(runs, results), _correlated(runs, sessions, equities))
        ),
        Section("settings", "What was set differently", (_settings(runs),)),
    )
    scopes: tuple[Scope, ...] = ("portfolio", "relative", "trading")
    used = {each.key for scope in scopes for each in metrics(scope, "compare")}
    return Document(
        title=f"{len(runs)} runs side by side",
        subtitle=f"{sessions[0]} to {sessions[-1]}, the span that all share. Hypothetical: simulations.",
        sections=sections,
        definitions={key: each for key, each in METRICS.items() if key in used},
        footer=" · ".join(run.label for run in runs),
        annual=spans_a_year(sessions),
        kind="Comparison",
    )


def common_growth(runs: Sequence[Finished]) -> tuple[Dates, list[Array], list[Array]]:
    """Sessions that all runs share, and the growth of 1 over them: of each strategy, and of its cash alone.

    Raises
    ------
    ResultsError
        If they share fewer than two.
    """
    shared = runs[0].closes
    for run in runs[1:]:
        shared = np.intersect1d(shared, run.closes)
    if len(shared) < 2:
        spans = "; ".join(f"{run.label}: {run.closes[0]} to {run.closes[-1]}" for run in runs)
        raise ResultsError(f"the runs share no sessions: {spans}")

    def grown(run: Finished, returns: pd.Series[float]) -> Array:
        growth = np.cumprod(np.append(1.0, 1.0 + returns.to_numpy(dtype=np.float64)))
        inside = growth[np.searchsorted(run.closes, shared)]
        return np.asarray(inside / inside[0])

    return shared, [grown(run, run.returns) for run in runs], [grown(run, run.cash) for run in runs]


def _best(runs: Sequence[Finished], found: Sequence[Figures]) -> str:
    order = sorted(range(len(runs)), key=lambda place: -found[place].total_return)
    first, last = order[0], order[-1]
    growth = Cell(found[first].total_return, "percent").text, Cell(found[last].total_return, "percent").text
    return f"{runs[first].label} returned most ({growth[0]}), {runs[last].label} least ({growth[1]})."


def _warnings(runs: Sequence[Finished]) -> list[Paragraph]:
    said = []
    for what, values in (
        ("data", {run.manifest.get("market", {}).get("hash") for run in runs}),
        ("code", {run.manifest.get("code", {}).get("hash") for run in runs}),
        ("spans", {(run.metrics["first_session"], run.metrics["last_session"]) for run in runs}),
    ):
        if len(values) > 1:
            said.append(f"They were made with different {what}.")
    said.append(
        "Whoever picks the best of several runs picks luck too; each tearsheet says how often one tried."
    )
    return [Paragraph(" ".join(said), "warning")]


def _columns(runs: Sequence[Finished]) -> tuple[Column, ...]:
    return tuple(Column(run.label) for run in runs)


def _common(runs: Sequence[Finished], found: Sequence[Figures]) -> Table:
    return Table(
        "Return and risk after costs, over the same sessions",
        (Column("Statistic", "left"), *_columns(runs)),
        tuple(
            Row(
                (
                    Cell(each.label(found[0].annual)),
                    *(Cell(numbers[each.key], each.form) for numbers in found),
                ),
                term=each.key,
            )
            for each in metrics("portfolio", "compare")
        ),
        "Sharpe ratios subtract what cash earned in each run.",
    )


def _figures(runs: Sequence[Finished], sessions: Dates, equities: list[Array]) -> tuple[Figure, Figure]:
    labels = tuple(run.label for run in runs)
    ends = ", ".join(
        f"{label} {Cell(float(each[-1]), 'multiple').text}"
        for label, each in zip(labels, equities, strict=True)
    )
    falls = [drawdown_series(each) for each in equities]
    worst = ", ".join(
        f"{label} {Cell(float(each.min()), 'percent').text}"
        for label, each in zip(labels, falls, strict=True)
    )
    return (
        Figure(
            "equity",
            LineChart(lines(labels, sessions, equities), "multiple", log=True, rule=1.0),
            "Growth of 1 after costs, logarithmic scale",
            f"At the end: {ends}.",
        ),
        Figure(
            "drawdown",
            LineChart(lines(labels, sessions, falls), "percent", rule=0.0),
            "Drawdown: equity below its high so far",
            f"Deepest: {worst}.",
        ),
    )


def _own(runs: Sequence[Finished], results: Path) -> Table:
    def row(label: str, cells: Sequence[Cell], term: str = "", group: bool = False) -> Row:
        return Row((Cell(label), *cells), term, group)

    def benchmark(run: Finished) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (run.metrics.get("benchmarks") or [{}])[0]
        return found

    rows = [
        row("Tearsheet", [_link(run, results) for run in runs]),
        row("From", [Cell(run.metrics["first_session"]) for run in runs]),
        row("To", [Cell(run.metrics["last_session"]) for run in runs]),
        row("Strategy", [Cell(run.metrics["strategy"]["label"]) for run in runs]),
        row("First benchmark", [Cell(benchmark(run).get("label", "none")) for run in runs]),
    ]
    sources: tuple[tuple[Scope, list[Mapping[str, Any]]], ...] = (
        ("relative", [benchmark(run).get("relative", {}) for run in runs]),
        ("trading", [run.metrics["strategy"]["trading"] for run in runs]),
    )
    rows += [
        row(each.term, [Cell(values.get(each.key), each.form) for values in of], each.key, place == 0)
        for scope, of in sources
        for place, each in enumerate(metrics(scope, "compare"))
    ]
    return Table(
        "As each run has it, against its own first benchmark",
        (Column("Statistic", "left"), *_columns(runs)),
        tuple(rows),
    )


def _link(run: Finished, results: Path) -> Cell:
    """A link to the tearsheet where the page can reach it."""
    beside = run.folder.resolve().parent == results.resolve()
    return Cell("open", link=f"{quote(run.label)}/tearsheet.html") if beside else Cell("elsewhere")


def _correlated(runs: Sequence[Finished], sessions: Dates, equities: list[Array]) -> Table:
    tracks = [Track.of(each, sessions) for each in equities]
    return Table(
        "Correlation of session returns",
        (Column("Run", "left"), *_columns(runs)),
        tuple(
            Row((Cell(run.label), *(Cell(correlation(ours, theirs), "number") for theirs in tracks)))
            for run, ours in zip(runs, tracks, strict=True)
        ),
    )


def _settings(runs: Sequence[Finished]) -> Table | Paragraph:
    """Keys of the run files that differ."""
    said = [dict(flat(run.manifest.get("config", {}))) for run in runs]
    said = [
        {**each, "market data": str(run.manifest.get("market", {}).get("hash", ""))[:12]}
        for each, run in zip(said, runs, strict=True)
    ]
    keys = [
        key
        for key in dict.fromkeys(key for each in said for key in each)
        if len({each.get(key) for each in said}) > 1
    ]
    if not keys:
        return Paragraph("Nothing: the run files and the data are the same.")
    return Table(
        "Keys of the run files that differ",
        (Column("Key", "left"), *(Column(run.label, "left") for run in runs)),
        tuple(Row((Cell(key), *(Cell(each.get(key, "not set")) for each in said))) for key in keys),
    )
