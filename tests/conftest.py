"""What every test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from datafeeds.market import Market

# `make test-slow` looks ten times as long; HYPOTHESIS_PROFILE=thorough a hundred times, for changes to the
# engines or to point-in-time rules.
settings.register_profile(
    "default", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("weekly", parent=settings.get_profile("default"), max_examples=400)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=4000)
settings.register_profile("brief", parent=settings.get_profile("default"), max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session", autouse=True)
def _markets_cached_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STYLE_ROTATION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _trials_recorded_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the user's register of trials; those of one module share one."""
    with pytest.MonkeyPatch.context() as patched:
        path = tmp_path_factory.mktemp("register") / "register.sqlite"
        patched.setenv("STYLE_ROTATION_REGISTER", str(path))
        yield path


@pytest.fixture(scope="session")
def sample(_markets_cached_apart: None) -> Market:
    """The embedded market; it is immutable, so one serves all."""
    from datafeeds.sources.sample import sample_market

    return sample_market()
