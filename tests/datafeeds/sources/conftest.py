"""For tests of what asks other machines: a server on this one, and no waiting."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from tests.datafeeds.sources.server import Server


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited, without the part that chance adds."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    return asked


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()
