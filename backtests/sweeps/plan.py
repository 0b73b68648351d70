"""From the table `[sweep]` to the configurations to run."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtests.engine.native_strategy import NativeStrategy
from backtests.provenance import code_hash, made_of, outside_code
from backtests.settings.run_file import ConfigError, RunConfig, StrategyChoice, parse
from backtests.settings.sweep import Domain, Range, SweepSettings, Values
from datafeeds.market import Array, Market
from datafeeds.names import unknown_name
from strategies.strategy import Strategy
from strategies.wrapped import parts_of

ACCOUNT_KEYS = ("capital", "costs", "fractional_shares", "lag")
"""Keys that decisions don't depend on, unless a strategy looks at the account."""

FIXED = (
    "name",
    "description",
    "market",
    "start",
    "end",
    "holdout",
    "engine",
    "benchmarks",
    "sweep",
    "walk_forward",
)
"""Keys that all configurations must share, so that their returns stand side by side."""

MOST = 1_000_000
"""A grid of more configurations is a mistake."""


@dataclass(frozen=True)
class Configuration:
    """One point of a sweep.

    Attributes
    ----------
    number : int
        Its row in the table and in the array of returns, from 0.
    parameters : mapping of str to object
        The swept values by dotted key.
    config : RunConfig
        The run that they make, without its sweep.
    """

    number: int
    parameters: Mapping[str, Any]
    config: RunConfig

    @property
    def words(self) -> str:
        """The parameters as a reader writes them."""
        return ", ".join(f"{key} = {value!r}" for key, value in self.parameters.items())


@dataclass(frozen=True)
class Plan:
    """What a sweep will run.

    Attributes
    ----------
    base : RunConfig
        The run file.
    settings : SweepSettings
    configurations : tuple of Configuration
    strategies : tuple of Strategy
        Each configuration's, built and checked.
    """

    base: RunConfig
    settings: SweepSettings
    configurations: tuple[Configuration, ...]
    strategies: tuple[Strategy, ...]

    @property
    def known(self) -> RunConfig:
        """What is swept: nothing from the holdout on."""
        return self.base.before_holdout

    @property
    def keys(self) -> tuple[str, ...]:
        """Dotted keys that are swept."""
        return tuple(self.settings.parameters)

    @property
    def asked(self) -> Any:
        """The table `[sweep]` as a manifest says it: what to run, and what "best" and "near it" mean."""
        return self.settings.model_dump(mode="json", by_alias=True)

    def hash(self, market: Market) -> str:
        """SHA-256 over what the outcome depends on: configurations, market and code."""
        content = [
            self.base.model_dump(mode="json"),
            self.settings.model_dump(mode="json", exclude={"within", "rank_by"}),
            market.hash,
            code_hash(),
            *outside_code(self.base.strategy, *self.base.benchmarks, *self._choices()),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def _choices(self) -> Iterator[StrategyChoice]:
        """A choice for each set of classes that a configuration decides with."""
        met = set()
        for configuration, strategy in zip(self.configurations, self.strategies, strict=True):
            choice = configuration.config.strategy
            if (classes := made_of(choice, strategy)) not in met:
                met.add(classes)
                yield choice

    @property
    def unread(self) -> tuple[str, ...]:
        """Which parameters are swept though no configuration reads them, a sentence each."""
        found = []
        for key in self.keys:
            table, _, name = key.rpartition(".")
            known = [
                part
                for strategy in self.strategies
                for part in parts_of(strategy)
                if table in ("strategy", "hedge") and name in part.parameters
            ]
            whys = [part.why_unread(name) for part in known]
            if whys and all(whys):
                found.append(f"{key} is swept and changes nothing: {whys[0]}.")
        return tuple(found)

    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the configurations that may share their decisions, in order of the first of each."""
        together: dict[Any, list[int]] = {}
        for configuration, strategy in zip(self.configurations, self.strategies, strict=True):
            swept = {
                key: repr(value)
                for key, value in configuration.parameters.items()
                if key.split(".")[0] not in (*ACCOUNT_KEYS, "strategy")
            }
            together.setdefault((strategy, *sorted(swept.items())), []).append(configuration.number)
        return tuple(tuple(numbers) for numbers in together.values())


def plan(base: RunConfig) -> Plan:
    """Work out and check every configuration of a sweep; each ends before the run file's holdout.

    Parameters
    ----------
    base : RunConfig
        With a table `[sweep]`.

    Raises
    ------
    ConfigError
        Without that table; if a key can't be swept, a grid has a distribution, or a configuration is not a
        valid run, naming its keys and values.
    """
    settings = base.sweep
    if settings is None:
        raise ConfigError(
            f"run file {base.name!r} has no table [sweep]: say what to try, for example "
            "[sweep.parameters] strategy.norm_years = [3, 5, 7]"
        )
    for key in settings.parameters:
        _check_key(key)
    document = base.before_holdout.model_dump(mode="python", exclude_none=True) | {"engine": settings.engine}
    configurations, strategies = [], []
    for number, values in enumerate(_points(settings)):
        parameters = dict(zip(settings.parameters, values, strict=True))
        configuration, strategy = _checked(number, parameters, document)
        configurations.append(configuration)
        strategies.append(strategy)
    _ = base.built_benchmarks  # refused here rather than in every process
    return Plan(base, settings, tuple(configurations), tuple(strategies))


def _check_key(key: str) -> None:
    root = key.split(".")[0]
    if root in FIXED:
        raise ConfigError(
            f"[sweep.parameters] {key} can't be swept: configurations are compared session by session "
            "on one market"
        )
    if root not in RunConfig.model_fields:
        known = [name for name in RunConfig.model_fields if name not in FIXED]
        raise ConfigError(f"[sweep.parameters] {unknown_name('key', root, known, 'the run file')}")


def _checked(
    number: int, parameters: dict[str, Any], document: dict[str, Any]
) -> tuple[Configuration, Strategy]:
    changed = dict(document)
    words = ", ".join(f"{key} = {value!r}" for key, value in parameters.items())
    for key, value in parameters.items():
        _place(changed, document, key, value)
    config = parse(changed, f"[sweep] configuration {number} ({words})")
    try:
        strategy = config.build_strategy()
    except ConfigError as error:
        raise ConfigError(f"[sweep] configuration {number} ({words}): {error}") from None
    if isinstance(strategy, NativeStrategy):
        raise ConfigError(
            f"[sweep] {config.strategy.name} is a backtrader strategy, which keeps its decisions to itself; "
            "a sweep needs a strategy that returns targets"
        )
    return Configuration(number, parameters, config), strategy


def _place(changed: dict[str, Any], document: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key of `changed`, whose tables may still be those of `document`."""
    root, *rest = key.split(".")
    if not rest:
        changed[root] = value
        return
    if changed.get(root) is document.get(root):
        changed[root] = copy.deepcopy(document.get(root, {}))
    place = changed[root]
    *tables, name = rest
    for table in tables:
        place = place.setdefault(table, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise ConfigError(f"[sweep.parameters] {key}: {root} is not a table that a dotted key can reach")
    place[name] = value


def _points(settings: SweepSettings) -> Iterator[tuple[Any, ...]]:
    domains = settings.parameters
    if settings.method == "grid":
        return _grid(domains)
    return _drawn(settings)


def _grid(domains: Mapping[str, Domain]) -> Iterator[tuple[Any, ...]]:
    values, count = [], 1
    for key, domain in domains.items():
        if not isinstance(domain, Values | Range):
            raise ConfigError(
                f"[sweep.parameters] {key} is a distribution, and a grid needs a list or a range; "
                'set method = "random" or "latin_hypercube"'
            )
        values.append(domain.listed())
        count *= len(values[-1])
    if count > MOST:
        raise ConfigError(
            f"[sweep] the grid has {count:,} configurations, more than {MOST:,}; "
            'take fewer values, or method = "latin_hypercube" with samples'
        )
    return itertools.product(*values)


def _drawn(settings: SweepSettings) -> Iterator[tuple[Any, ...]]:
    """Draw configurations, each once: from short lists the same one may come twice."""
    seen = set()
    for row in _shares(settings):
        values = tuple(
            domain.at(float(share)) for domain, share in zip(settings.parameters.values(), row, strict=True)
        )
        if repr(values) not in seen:
            seen.add(repr(values))
            yield values


def _shares(settings: SweepSettings) -> Array:
    """Points in the unit cube, shape (samples, parameters)."""
    if settings.method == "random":
        random = np.random.default_rng(settings.seed)
        return random.random((settings.samples, len(settings.parameters)))
    from scipy.stats import qmc  # six tenths of a second to import; a grid does without

    cube = qmc.LatinHypercube(len(settings.parameters), rng=np.random.default_rng(settings.seed))
    points: Array = cube.random(settings.samples)
    return points
