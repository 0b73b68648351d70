"""Engines that cannot be installed beside this project run in environments of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.timing import figures
from benchmarks.workloads import CAPITAL, COMMISSION_BPS, Workload


@dataclass(frozen=True)
class Apart:
    """An engine in an environment of its own.

    Attributes
    ----------
    environment : Path
        A virtual environment.
    script : Path
        It imports nothing of this project, runs the saved workloads that it is given one after the other, and
        prints peak memory in MB, processor seconds and final equity of the last.
    """

    environment: Path
    script: Path

    def __call__(self, workload: Workload) -> float:
        """Final equity, as of every engine."""
        return self.measured(workload)[2]

    def measured(self, *workloads: Workload) -> tuple[float, float, float]:
        """Peak resident size in MB, seconds and final equity of the last workload, after the others."""
        with TemporaryDirectory() as folder:
            paths = [Path(folder) / f"workload-{place}.npz" for place in range(len(workloads))]
            for path, workload in zip(paths, workloads, strict=True):
                save(workload, path)
            python = str(self.environment / "bin" / "python")
            return figures([python, "-I", "-W", "ignore", str(self.script), *map(str, paths)])


def save(workload: Workload, path: Path) -> None:
    """Write a workload's prices, decisions and account as arrays."""
    market = workload.market
    bars = {field: getattr(market, field) for field in ("open", "high", "low", "close", "volume")}
    np.savez(
        path,
        sessions=workload.index.to_numpy().astype("datetime64[ns]"),
        symbols=np.array(market.symbols),
        decisions=workload.sessions,
        targets=workload.targets,
        capital=CAPITAL,
        rate=COMMISSION_BPS / 10_000.0,
        **bars,
    )
