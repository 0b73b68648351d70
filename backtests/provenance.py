"""What a result depends on: the run file, the market's content, the code and its versions, as hashes."""

from __future__ import annotations

import hashlib
import inspect
import json
import marshal
import platform
from functools import cache
from importlib import metadata
from inspect import isfunction
from pathlib import Path
from typing import Any

from backtests.settings.run_file import RunConfig
from backtests.settings.strategies import class_named
from datafeeds.market import Market

PACKAGES = (
    "arch",
    "backtrader",
    "empyrical-reloaded",
    "exchange_calendars",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "skfolio",
    "statsmodels",
    "typst",
)
"""Packages whose versions the manifest records."""

SEED = 0
"""Of everything that is drawn at random, such as resampled histories."""


def manifest(config: RunConfig, market: Market) -> dict[str, Any]:
    """Where a result comes from: enough to run it again and to tell whether anything changed."""
    return {
        "run_hash": run_hash(config, market),
        "config": config.model_dump(mode="json", exclude_none=True),
        "market": {"name": market.name, "source": market.source, "hash": market.hash},
        "engine": config.engine,
        "code": {"version": metadata.version("style-rotation"), "hash": code_hash()},
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "seed": SEED,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def run_hash(config: RunConfig, market: Market) -> str:
    """SHA-256 over the run file, the market's content and the code: what a result depends on."""
    content = [config.model_dump(mode="json"), market.hash, code_hash(), *outside_code(config)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def trial_hash(config: RunConfig, market: Market) -> str:
    """SHA-256 over what can change the strategy's returns: what makes a run another trial.

    Names, benchmarks, scenarios, the engine and code outside the strategies don't count: changing them is no
    new attempt at finding something that works.
    """
    said = config.model_dump(
        mode="json", exclude={"name", "description", "market", "engine", "benchmarks", "scenarios"}
    )
    content = [said, market.hash, code_hash(("strategies",)), *outside_code(config)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def outside_code(config: RunConfig) -> list[str]:
    """SHA-256 of the source of each strategy of the run that is not part of this program, sorted."""
    classes = {class_named(choice.name) for choice in (config.strategy, *config.benchmarks)}
    sources = {source for cls in classes if (source := _outside_source(cls)) is not None}
    return sorted(hashlib.sha256(source).hexdigest() for source in sources)


def _outside_source(cls: type) -> bytes | None:
    """The file that holds `cls`, None within this program; a class without a file is its compiled methods."""
    try:
        file = Path(inspect.getfile(cls))
    except (OSError, TypeError):  # typed into a notebook or a prompt
        return b"".join(marshal.dumps(member.__code__) for member in vars(cls).values() if isfunction(member))
    return None if Path(__file__).parent.parent in file.parents else file.read_bytes()


@cache
def code_hash(packages: tuple[str, ...] = ("datafeeds", "strategies", "backtests")) -> str:
    """SHA-256 over the source files of `packages`."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
