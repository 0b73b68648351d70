"""An engine in an environment of its own is looked for there and is given the workload as arrays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.apart import Apart
from benchmarks.peers import PEERS, Peer
from benchmarks.workloads import CAPITAL, Workload, random_walks

STAND_IN = """
import sys
import numpy as np
for path in sys.argv[1:]:
    saved = np.load(path)
    shares = saved["capital"] * saved["targets"][0] / saved["open"][saved["decisions"][0] + 1]
    print("anything else")
    print(len(saved["symbols"]), float(saved["rate"]), float(shares @ saved["close"][-1]))
"""
"""Buys once, for nothing, and says how many symbols there are and what the commission is."""


@pytest.fixture
def apart(tmp_path: Path) -> Apart:
    """A stand-in in an environment with a single package."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    package = tmp_path / "lib" / "python3" / "site-packages" / "zipline_reloaded-3.2.1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Name: zipline-reloaded\nVersion: 3.2.1\n", encoding="utf-8")
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN, encoding="utf-8")
    return Apart(tmp_path, script)


def test_figures_are_of_the_last_workload(apart: Apart) -> None:
    few, workload = (Workload("", random_walks(count, 2019, 2019)) for count in (2, 4))
    market, first = workload.market, workload.sessions[0]
    bought = CAPITAL * workload.targets[0] / market.open[first + 1]
    assert apart.measured(few, workload) == (4, 0.0005, pytest.approx(bought @ market.close[-1], rel=1e-12))
    assert apart(workload) == apart.measured(workload)[2]


def test_packages_are_looked_for_in_that_environment(apart: Apart) -> None:
    assert run.missing(["zipline-reloaded", "pandas"], apart.environment) == ["pandas"]
    assert run.missing(["pandas"]) == []
    assert run.missing(["zipline-reloaded"], apart.environment / "absent") == ["zipline-reloaded"]


def test_page_names_what_is_measured_apart_and_what_is_absent(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = ("zipline-reloaded",)
    absent = Apart(apart.environment / "absent", apart.script)
    peers = (PEERS[0], Peer("there", apart, needs, slow=True), Peer("gone", absent, needs, slow=True))
    monkeypatch.setattr(run, "PEERS", peers)
    measured, _, _, _, not_measured, _ = run.installed()
    assert measured.endswith("; in an environment of its own zipline-reloaded 3.2.1.")
    assert not_measured == "Not installed, so not measured: gone."
    assert run.present(peers) == list(peers[:2])


def test_engines_in_another_environment_are_slow_ones() -> None:
    assert all(peer.slow for peer in PEERS if peer.environment)
