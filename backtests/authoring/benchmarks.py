"""Benchmarks whose class is somebody's own: they are made to decide again like the strategy.

A benchmark that reads the future in order to lose makes any strategy look good. Those that come with the
program need no replay: everybody can read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from backtests.authoring.lookahead import SealedCheck, recipe_of_choice
from backtests.authoring.report import CheckReport
from backtests.authoring.sealed.code import are_shipped
from backtests.settings.run_file import BenchmarkChoice, RunConfig
from backtests.settings.strategies import class_named, names_in
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import StrategyError


def own_benchmarks(config: RunConfig, market: Market, sealed: SealedCheck) -> dict[str, SealedCheck]:
    """A check for each benchmark of a class of somebody's own, by its label; call it before they are made.

    Parameters
    ----------
    config : RunConfig
    market : Market
    sealed : SealedCheck
        That of the strategy, which has been told what to expect: it goes first.
    """
    found = {}
    for label, choice, classes in _named(config):
        if classes and not are_shipped(classes) and all(issubclass(cls, Strategy) for cls in classes):
            found[label] = sealed.follow()
            found[label].expect(market, recipe_of_choice(choice))
    return found


def unreplayed(config: RunConfig) -> tuple[str, ...]:
    """Labels of benchmarks of somebody's own whose decisions nobody can make again: native strategies."""
    return tuple(
        label
        for label, _, classes in _named(config)
        if any(not issubclass(cls, Strategy) and _is_strangers(cls) for cls in classes)
    )


def _named(config: RunConfig) -> Iterator[tuple[str, BenchmarkChoice, list[type]]]:
    """Each benchmark's label, and the classes that it names."""
    for label, choice in zip(config.labels[1:], config.benchmarks, strict=True):
        yield label, choice, _classes(choice)


def _classes(choice: BenchmarkChoice) -> list[type]:
    """The classes that a run file names; none where one does not exist, which is refused when it is made."""
    with suppress(StrategyError):
        return [class_named(name) for name in names_in(choice.name, choice.model_extra or {})]
    return []


def _is_strangers(cls: type) -> bool:
    return not cls.__module__.startswith("backtests.")


def with_benchmarks(
    report: CheckReport, benchmarks: Mapping[str, CheckReport], left: tuple[str, ...]
) -> dict[str, Any]:
    """The report of a run's strategy for the manifest, with what came out for its benchmarks.

    Returns
    -------
    dict
        As `CheckReport.record`; ``benchmarks`` says by label whether a benchmark passed, and how many of its
        decisions were made again, or that they could not be. One that fails fails the run's check.
    """
    failures = tuple(
        replace(check, name=f"the benchmark {label}, {check.name}")
        for label, each in benchmarks.items()
        for check in each.failures
    )
    said: dict[str, Any] = {
        label: {"passed": each.passed, "decisions": each.decisions, "sampled": each.sampled}
        | {"checks": [asdict(check) for check in each.failures]}
        for label, each in benchmarks.items()
    }
    said |= {label: {"passed": None} for label in left}
    record = replace(report, checks=(*report.checks, *failures)).record()
    return {**record, "benchmarks": said} if said else record
