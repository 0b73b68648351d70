"""Names and data of tests may not hold time, order or hash: workers would collect different tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.places import HOUSE


def collected(hash_seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=HOUSE,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.slow
def test_every_worker_collects_the_same_tests() -> None:
    first = collected("1")
    assert len(first) > 1000
    assert first == collected("2")
