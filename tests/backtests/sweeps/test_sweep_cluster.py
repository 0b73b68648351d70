"""The same sweep on a Dask cluster, one of whose workers dies."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.settings.run_file import ConfigError, parse
from backtests.sweeps.execution import Standing
from backtests.sweeps.sweep import Workplace, sweep

RUN: dict[str, Any] = {
    "name": "test",
    "start": "2019-01-02",
    "strategy": {"name": "EqualWeighted"},
    "benchmarks": [{"name": "CapWeighted"}],
    "sweep": {
        "parameters": {
            "strategy.schedule": ["daily", "weekly", "monthly", "quarterly"],
            "strategy.group": ["other", "healthcare", "financials"],
            "lag": [0, 1],
        }
    },
}


def test_dask_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install 'style-rotation\[cluster\]'"):
        sweep(parse(RUN, "x"), Workplace(tmp_path, cluster="tcp://127.0.0.1:1"))


# Dask's own threads end after pytest has looked for warnings.
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_what_this_machine_gives(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = sweep(parse(RUN, "x"), Workplace(tmp_path / "here"))
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address=None,
    ) as cluster:
        there = sweep(parse(RUN, "x"), Workplace(tmp_path / "there", cluster=cluster.scheduler_address))
    assert np.array_equal(there.returns, here.returns)
    pd.testing.assert_frame_equal(there.table, here.table, check_exact=True)


@pytest.mark.slow
# Dask warns of its own processes when one is killed.
@pytest.mark.filterwarnings("ignore")
def test_a_killed_cluster_worker_loses_nothing(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = sweep(parse(RUN, "x"), Workplace(tmp_path / "here"))
    killed: list[int] = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:

        def kill_one(standing: Standing) -> None:
            if standing.done and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        place = Workplace(tmp_path / "there", cluster=cluster.scheduler_address)
        there = sweep(parse(RUN, "x"), place, watch=kill_one)
    assert killed
    assert there.manifest["failed"] == {}
    assert np.array_equal(there.returns, here.returns)
    pd.testing.assert_frame_equal(there.table, here.table, check_exact=True)


def test_no_scheduler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("backtests.sweeps.cluster.SECONDS_TO_CONNECT", 1)
    with pytest.raises(ConfigError, match="no Dask scheduler answers there"):
        sweep(parse(RUN, "x"), Workplace(tmp_path, cluster="tcp://127.0.0.1:9"))
