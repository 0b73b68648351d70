"""A new metric is one entry and one function: it is then seen everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import HOUSE

ADDED = """
from pathlib import Path
import sys
from backtests.analysis.performance import Track
from backtests.analysis.registry import metric
from backtests.engine.books import Ledger


@metric("Luckiest quarter", "Highest return of 63 sessions.", "this test", form="percent2")
def luckiest_quarter(track: Track) -> float:
    return float((track.equity[63:] / track.equity[:-63] - 1.0).max())


@metric("Closest call", "Least lead.", "this test", form="percent2", scope="relative")
def closest_call(ours: Track, theirs: Track) -> float:
    return float((ours.returns - theirs.returns).min())


@metric("Busiest day", "Most fills.", "this test", form="integer", scope="trading")
def busiest_day(ledger: Ledger) -> int:
    return int(ledger.fills["session"].value_counts().max())


from rich.console import Console

from backtests.commands.summary import summary_table
from backtests.metrics import metrics
from backtests.notebook import run
from backtests.records.compare import compare
from backtests.records.results import write
from backtests.sweeps.measures import row_of, table_metrics

place = Path(sys.argv[1])
folders = []
for name in ("EqualWeighted", "CapWeighted"):
    study = run("blueprint", strategy=name, end="2012-12-31", engine="ledger")
    folders.append(write(study, place).folder)
console = Console(record=True, width=200, file=open(place / "none", "w"))
console.print(summary_table(metrics(study)))
(place / "terminal.txt").write_text(console.export_text())
(place / "notebook.txt").write_text(study.stats().to_string())
(place / "compare.txt").write_text(compare(folders, place).read_text())
row = row_of(study.book.ledger, 0.0, {"first": study.daily[study.labels[1]]})
(place / "sweep.txt").write_text(str([(table_metrics()[name].term, value) for name, value in row.items()]))
print(folders[1])
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that shows metrics, written by a process in which three were added."""
    folder = tmp_path_factory.mktemp("seen")
    (folder / "added.py").write_text(ADDED)
    done = subprocess.run(
        [sys.executable, str(folder / "added.py"), str(folder)],
        cwd=HOUSE,
        env={"PYTHONPATH": str(HOUSE), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (folder / "run").write_text(done.stdout.strip())
    return folder


@pytest.mark.parametrize(
    ("key", "term"),
    [
        ("luckiest_quarter", "Luckiest quarter"),
        ("closest_call", "Closest call"),
        ("busiest_day", "Busiest day"),
    ],
)
def test_a_new_metric_is_seen_everywhere(place: Path, key: str, term: str) -> None:
    folder = Path((place / "run").read_text())
    for where in ("terminal.txt", "compare.txt", "sweep.txt", "index.html"):
        assert term in (place / where).read_text(), where
    page = (folder / "tearsheet.html").read_text()
    assert page.count(term) >= 2, "in a table and among the definitions"
    assert key in (place / "notebook.txt").read_text()
    numbers = json.loads((folder / "metrics.json").read_text())
    books = (numbers["strategy"], *numbers["benchmarks"])
    assert any(key in part for book in books for part in book.values() if isinstance(part, dict))
