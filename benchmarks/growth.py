"""How processor time grows with each size, as exponents: 1 is in proportion, 0 does not matter.

python -m benchmarks.growth
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from backtests.document.html import write_html
from backtests.records import register
from backtests.records.index import write_index
from backtests.records.results import write
from backtests.runner import run
from backtests.settings.run_file import RunConfig
from backtests.tearsheet.assembly import build
from benchmarks.peers import OneByOne, asked, over_commissions
from benchmarks.timing import seconds
from benchmarks.workloads import CAPITAL, random_walks, twenty_stocks
from datafeeds.sources.sample import sample_market

TURNS = 3
LONG = 10.0
"""Seconds after which a size has been measured long enough."""


@dataclass(frozen=True)
class Growth:
    """Work of one kind at several sizes.

    Attributes
    ----------
    what : str
    sizes : sequence of int
    make : callable
        From a size and an empty folder to the work, prepared: only the call is timed.
    """

    what: str
    sizes: Sequence[int]
    make: Callable[[int, Path], Callable[[], Any]]


def exponent(sizes: Sequence[int], spent: Sequence[float]) -> float:
    """Slope of log time over log size between the two largest sizes."""
    return math.log(spent[-1] / spent[-2]) / math.log(sizes[-1] / sizes[-2])


def by_symbols(count: int, place: Path) -> Callable[[], Any]:
    """Ten years of monthly decisions."""
    return partial(asked, random_walks(count, 2010, 2019), OneByOne())


def by_years(count: int, place: Path) -> Callable[[], Any]:
    """Monthly decisions on 300 symbols."""
    return partial(asked, random_walks(300, 2020 - count, 2019), OneByOne())


def by_decisions(a_year: int, place: Path) -> Callable[[], Any]:
    """Ten years of 300 symbols."""
    schedule = {12: "monthly", 52: "weekly", 252: "daily"}[a_year]
    return partial(asked, random_walks(300, 2010, 2019), OneByOne(schedule=schedule))


def _config(benchmarks: int) -> RunConfig:
    chosen = [
        {"name": "BuyAndHold", "label": f"Only {symbol}", "symbols": [symbol]}
        for symbol in twenty_stocks().market.symbols[:benchmarks]
    ]
    return RunConfig.model_validate(
        {
            "name": "growth",
            "engine": "ledger",
            "capital": CAPITAL,
            "strategy": {"name": "EqualWeighted"},
            "benchmarks": chosen,
        }
    )


def by_benchmarks(count: int, place: Path) -> Callable[[], Any]:
    """A run of 33 years on the ledger engine and its page."""

    def work() -> None:
        write_html(build(run(_config(count))), place / "tearsheet.html")

    return work


def by_configurations(count: int, place: Path) -> Callable[[], Any]:
    """Accounts of one strategy on twenty stocks, each with its books and statistics."""
    return partial(over_commissions, twenty_stocks(), [1.0 + step / count for step in range(count)])


def by_trials(count: int, place: Path) -> Callable[[], Any]:
    """What a run asks of the register: all trials of its market, and whether the chain is unbroken."""
    market = sample_market()
    generator = np.random.default_rng(count)
    trials = [
        register.Trial(
            f"{number:016x}", "sweep", 0.05, {"name": "made up"}, 2_000, generator.normal(0, 0.02, 600)
        )
        for number in range(count)
    ]

    def work() -> None:
        with _register(place / "register.sqlite"):
            register.known(market, place)

    with _register(place / "register.sqlite"):
        register.record(market, trials)
    return work


def by_folders(count: int, place: Path) -> Callable[[], Any]:
    """The index of a results folder, which checks every manifest."""
    with _register(place / "register.sqlite"):
        first = write(run(_config(1)), place).folder
        for copy in range(count - 1):
            shutil.copytree(first, place / f"growth-{copy:08x}")

    def work() -> None:
        with _register(place / "register.sqlite"):
            write_index(place)

    return work


def _register(path: Path) -> Any:
    """The register of trials at `path`, in place of the user's: a context."""
    return patch.dict(os.environ, {register.PLACE: str(path)})


GROWTHS = (
    Growth("symbols, 10 years, monthly", (100, 300, 1_000, 3_000), by_symbols),
    Growth("years, 300 symbols, monthly", (5, 10, 20, 30), by_years),
    Growth("decisions a year, 300 symbols, 10 years", (12, 52, 252), by_decisions),
    Growth("benchmarks of a run of 33 years, page included", (1, 3, 10), by_benchmarks),
    Growth("configurations that share decisions, 33 years", (100, 1_000, 10_000), by_configurations),
    Growth("trials in the register, what a run asks of it", (1_000, 10_000, 100_000), by_trials),
    Growth("result folders, the index", (10, 100, 1_000), by_folders),
)


def measured(growth: Growth) -> list[float]:
    """Processor seconds at each size: the least of `TURNS`, of fewer where they take long."""
    found = []
    for size in growth.sizes:
        taken: list[float] = []
        with tempfile.TemporaryDirectory() as place:
            work = growth.make(size, Path(place))
            while len(taken) < TURNS and sum(taken) < LONG:
                taken.append(seconds(work))
        found.append(min(taken))
    return found


def table() -> list[str]:
    """The lines of the results page."""
    lines = ["| what grows | sizes | processor seconds | exponent at the end |", "|---|---|---|---:|"]
    for growth in GROWTHS:
        spent = measured(growth)
        sizes = ", ".join(f"{size:,}" for size in growth.sizes)
        taken = ", ".join(f"{each:.3g}" for each in spent)
        lines.append(f"| {growth.what} | {sizes} | {taken} | {exponent(growth.sizes, spent):.2f} |")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    table()
