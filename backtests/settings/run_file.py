"""A run file (TOML): what to run, on what market, at what cost, against which benchmarks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, model_validator

from backtests.engine.failures import authors_code
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.terms import HOUSE, Costs, Engine, Margin
from backtests.options.overlay import OverlaySettings
from backtests.settings import strategies as named_strategies
from backtests.settings.sweep import SweepSettings, WalkForwardSettings
from datafeeds.toml_files import find_toml, parsed, read_toml, toml_names
from datafeeds.validation import TomlTable, validated
from strategies.hedges import Hedged
from strategies.limits import LIMITS
from strategies.strategy import Strategy
from strategies.target import ParameterError, StrategyError
from strategies.wrapped import Wrapped

Shock = Annotated[float, Field(ge=-1)]
MOST_CAPITAL = 1e15
"""A larger account is a mistyped number, and share counts would no longer be exact."""

CASH = "interest on cash"
"""No book has this label: it names what cash earned where a run's returns are kept."""

RUNS = Path(__file__).parent.parent / "runs"


class ConfigError(ValueError):
    """A run file that can't be used; the message names the file and the key."""


def _refuse_inside(parameters: Mapping[str, Any], told: str) -> None:
    """Refuse a table that names what it is put around, which the file's structure has said."""
    if "of" in parameters:
        raise ValueError(f"of = {parameters['of']!r}: {told}; take of out")


def _limiting(parameters: dict[str, Any]) -> dict[str, Any]:
    _refuse_inside(parameters, "what is limited is the strategy that the limits belong to")
    return parameters


Limit = Annotated[dict[str, Any], AfterValidator(_limiting)]
"""Parameters of a limit, without what it is put around."""


class LimitChoices(TomlTable):
    """Limits around a strategy, each a table of its parameters; the first that is listed here is innermost.

    Attributes
    ----------
    volatility : table
        See `VolatilityTarget`.
    tracking_error : table
        See `TrackingErrorLimit`.
    cap : table
        See `Capped`.
    turnover : table
        See `TurnoverLimit`.
    band : table
        See `NoTradeBand`.
    minimum_trade : table
        See `MinimumTrade`.
    """

    volatility: Limit | None = None
    tracking_error: Limit | None = None
    cap: Limit | None = None
    turnover: Limit | None = None
    band: Limit | None = None
    minimum_trade: Limit | None = None

    def given(self) -> Iterator[tuple[str, type[Wrapped], dict[str, Any]]]:
        """Those that are set: key, class and parameters, the innermost first."""
        for key, cls in LIMITS.items():
            parameters = getattr(self, key)
            if parameters is not None:
                yield key, cls, parameters

    def build(self, strategy: Strategy, where: str) -> Strategy:
        """Return the strategy within its limits; `where` is the strategy's place in the run file."""
        if isinstance(strategy, NativeStrategy):
            raise ConfigError(
                f"[{where}.limits] {strategy.name} sends its own orders: no limit can reach them"
            )
        for key, cls, parameters in self.given():
            place = f"{where}.limits.{key}"
            try:
                with authors_code(f"{type(strategy).__name__}, limited,", type(strategy), refusing=True):
                    strategy = cls(strategy, **parameters)
            except ParameterError as error:
                raise ConfigError(f"[{place}] {place}.{error.key}{error.problem}") from None
            except StrategyError as error:
                raise ConfigError(f"[{place}] {error}") from None
        return strategy


class StrategyChoice(TomlTable):
    """Which strategy, with which parameters: any further key is a parameter of the strategy.

    Attributes
    ----------
    name : str
        A class in `strategies/`, `path/to/file.py:Class`, or `package.module:Class`.
    limits : LimitChoices, optional
        Limits around it.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    limits: LimitChoices | None = None

    def build(self, key: str) -> Strategy:
        """The strategy itself.

        Parameters
        ----------
        key : str
            Where the choice stands in the run file, for messages: ``"strategy"``, ``"benchmarks[2]"``.

        Raises
        ------
        ConfigError
            For an unknown strategy or parameter, or a value out of range.
        """
        try:
            strategy = named_strategies.build(self.name, dict(self.model_extra or {}))
        except StrategyError as error:
            raise ConfigError(f"[{key}] {error}") from None
        return strategy if self.limits is None else self.limits.build(strategy, key)

    def said(self) -> dict[str, Any]:
        """Every parameter that the run file gives, those of limits with theirs."""
        limits = () if self.limits is None else self.limits.given()
        return {**(self.model_extra or {}), **{f"limits.{key}": given for key, _, given in limits}}

    @property
    def class_label(self) -> str:
        """What readers see of it: its class, and whether it has limits."""
        return named_strategies.label_of(self.name) + (", limited" if self.limits is not None else "")


class BenchmarkChoice(StrategyChoice):
    """A strategy to compare with, under a label that readers see.

    Attributes
    ----------
    label : str
        The strategy's name if not given; no two books have the same.
    note : str
        A sentence for the tearsheet.
    """

    label: Annotated[str, Field(max_length=100)] = ""
    note: Annotated[str, Field(max_length=2000)] = ""


class HedgeChoice(TomlTable):
    """A hedge around whatever the strategy decides: any key is a parameter of `strategies.hedges.Hedged`.

    All but ``of``: what is hedged is ``[strategy]``.
    """

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _around_the_strategy(self) -> Self:
        _refuse_inside(self.said(), "what is hedged is [strategy]")
        return self

    def said(self) -> dict[str, Any]:
        """Every parameter that the run file gives."""
        return dict(self.model_extra or {})

    def build(self, strategy: Strategy) -> Strategy:
        """Return the strategy, hedged.

        Raises
        ------
        ConfigError
            For an unknown parameter, or a value out of range.
        """
        try:
            with authors_code(f"{type(strategy).__name__}, hedged,", type(strategy), refusing=True):
                return Hedged(strategy, **self.said())
        except ParameterError as error:
            raise ConfigError(f"[hedge] hedge.{error.key}{error.problem}") from None
        except StrategyError as error:
            raise ConfigError(f"[hedge] {error}") from None


class RunConfig(TomlTable):
    """Everything that a run depends on, besides the market's content and the code.

    Attributes
    ----------
    name : str
        Short name; the results folder begins with it.
    description : str
        One sentence for the tearsheet.
    market : str
        ``"sample"`` or the path of a market folder.
    start, end : date, optional
        First and last session; the market's own if not given.
    holdout : date, optional
        From this date on data are held out: parameters are fixed on what was known before, and what came
        after is scored apart. What parameters are chosen by sees the sessions before it alone: sweeps,
        walk-forwards, ablations and `check-strategy`.
    capital : float
        Cash at the start.
    engine : {"event", "ledger"}
        Backtrader, or the compiled kernel: the same books either way.
    lag : int
        Sessions of delay between a decision and its orders, beyond the next session.
    fractional_shares : bool
        Whole shares unless true.
    strategy : StrategyChoice
    benchmarks : tuple of BenchmarkChoice
        The first is the primary one.
    costs : Costs
        The same for the strategy and every benchmark.
    margin : Margin
        What the house asks of a strategy that may go short.
    overlay : OverlaySettings, optional
        What options are written on and at what prices; needed as soon as a strategy hedges.
    hedge : HedgeChoice, optional
        Puts a hedge around the strategy, not the benchmarks.
    scenarios : dict of str to dict of str to float
        Shocks of one day for the stress section, by name, then by group or symbol; ``"rest"`` for the rest.
    sweep, walk_forward : SweepSettings, WalkForwardSettings, optional
        Which configurations to try, and how to choose among them. A run does not depend on them, so they are
        no part of its record.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$")]
    description: Annotated[str, Field(max_length=2000)] = ""
    market: str = "sample"
    start: dt.date | None = None
    end: dt.date | None = None
    holdout: dt.date | None = None
    capital: Annotated[float, Field(gt=0, le=MOST_CAPITAL)] = 1_000_000.0
    engine: Engine = "event"
    lag: Annotated[int, Field(ge=0, le=252)] = 0
    fractional_shares: bool = False
    strategy: StrategyChoice
    benchmarks: tuple[BenchmarkChoice, ...] = ()
    costs: Costs = Costs()
    margin: Margin = HOUSE
    overlay: OverlaySettings | None = None
    hedge: HedgeChoice | None = None
    scenarios: dict[str, dict[str, Shock]] = Field(default={})
    sweep: SweepSettings | None = Field(default=None, exclude=True)
    walk_forward: WalkForwardSettings | None = Field(default=None, exclude=True)

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    def told(self, problem: str) -> str:
        """What is wrong, with the option of the command line that it came from, if it came from one."""
        for key, origin in self._origins.items():
            table, _, name = key.rpartition(".")
            value = origin.partition("=")[2].strip("\"' ")
            if f"{key} = " in problem or (table and (f"'{name}'" in problem or f"'{value}'" in problem)):
                return f"{origin}: {problem.removeprefix(f'[{table}] ')}"
        return problem

    @property
    def labels(self) -> tuple[str, ...]:
        """What readers see of the strategy and of each benchmark, by which their books are told apart."""
        strategy = self.strategy.class_label + (", hedged" if self.hedge else "")
        return strategy, *(each.label or each.class_label for each in self.benchmarks)

    @property
    def reaches_holdout(self) -> bool:
        """Whether sessions are held out of what a choice may go by."""
        return self.holdout is not None and (self.end is None or self.end >= self.holdout)

    @property
    def before_holdout(self) -> RunConfig:
        """The run up to its holdout, which is all that a choice may go by; without one, the run itself."""
        if self.holdout is None or not self.reaches_holdout:
            return self
        return self.model_copy(update={"end": self.holdout - dt.timedelta(days=1)})

    @property
    def built_benchmarks(self) -> dict[str, Strategy]:
        """The benchmarks by the labels that readers see, the primary one first."""
        _, *labels = self.labels
        built = (each.build(f"benchmarks[{place}]") for place, each in enumerate(self.benchmarks))
        return dict(zip(labels, built, strict=True))

    def build_strategy(self) -> Strategy:
        """The strategy that the run file names, with its hedge."""
        try:
            strategy = self.strategy.build("strategy")
            if self.hedge is None:
                return strategy
            if not strategy.long_only:
                raise ConfigError(
                    f"[hedge] {self.strategy.class_label} may go short, and such a strategy can't hold "
                    "options: its margin would not know them; take [hedge] out, or hedge with a short"
                )
            return self.hedge.build(strategy)
        except ConfigError as error:
            raise ConfigError(self.told(str(error))) from None


def load(run: str | Path, overrides: Iterable[str] = (), strategy: str = "") -> RunConfig:
    """Read a run file.

    Parameters
    ----------
    run : str or Path
        Path of a TOML file, or the name of a run file that comes with the program.
    overrides : iterable of str
        ``key=value`` pairs that replace keys of the file, with dots between tables:
        ``strategy.norm_years=7``. Values are TOML; what is not TOML is taken as text.
    strategy : str, optional
        Another one instead of the file's, with its defaults and under its own name and no description; see
        `put_instead`.

    Raises
    ------
    ConfigError
        If the file does not exist or cannot be parsed, or a key is unknown or out of range.
    """
    path = find(run)
    document = read_toml(path, ConfigError)
    named_strategies.locate(document, path.parent)
    origins = {}
    overrides = list(overrides)
    if strategy:
        _refuse_two_strategies(strategy, overrides)
        put_instead(document, {"name": strategy})
        document |= {"name": named_strategies.snake_case(named_strategies.label_of(strategy))}
        document.pop("description", None)
        origins["strategy"] = f"--strategy {strategy}"
    origins |= {override_key(document, override): f"--set {override}" for override in overrides}
    return parse(document, str(path), origins)


def _refuse_two_strategies(strategy: str, overrides: Iterable[str]) -> None:
    for override in overrides:
        key, _, text = override.partition("=")
        named = _value(text) if key.strip() == "strategy.name" else strategy
        if key.strip() == "strategy" or named != strategy:
            raise ConfigError(
                f"--set {override} and --strategy {strategy} contradict one another: give one of them"
            )


def put_instead(document: dict[str, Any], choice: Mapping[str, Any]) -> None:
    """Put another strategy into a run file's `document`, with neither parameter of the file's own.

    The file's limits and its hedge go around it: they are the account's rules, not the strategy's.
    """
    before = document.get("strategy")
    limits = before.get("limits") if isinstance(before, Mapping) else None
    document["strategy"] = {**choice, **({} if limits is None else {"limits": limits})}


def merged(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with `changes`; of a table that both have, the keys that the change leaves out stay."""
    found = dict(document)
    for key, value in changes.items():
        before = found.get(key)
        table = isinstance(before, Mapping) and isinstance(value, Mapping)
        found[key] = merged(before, value) if table else value  # type: ignore[arg-type]
    return found


def overrides_of(settings: Iterable[str], **options: str | None) -> list[str]:
    """What `--set` and options of their own replace in a run file, as ``key=value`` pairs.

    Parameters
    ----------
    settings : iterable of str
        What `--set` says.
    **options : str, optional
        What each option that is named like a key says; None where it is not given.

    Raises
    ------
    ConfigError
        If two of them give one key different values.
    """
    given = [(f"--set {each}", *each.partition("=")[::2]) for each in settings]
    given += [(f"--{key} {text}", key, json.dumps(text)) for key, text in options.items() if text]
    said: dict[str, tuple[str, Any]] = {}
    for origin, key, text in given:
        before, value = said.setdefault(key.strip(), (origin, _value(text)))
        if value != _value(text):
            raise ConfigError(f"{before} and {origin} contradict one another: give one of them")
    return [*settings, *(f"{key}={json.dumps(text)}" for key, text in options.items() if text)]


def find(run: str | Path) -> Path:
    """Path of a run file given by path or by name.

    Raises
    ------
    ConfigError
        If there is none, naming the nearest.
    """
    return find_toml(run, RUNS, "run file", ConfigError)


def names() -> tuple[str, ...]:
    """Names of the run files that come with the program."""
    return toml_names(RUNS)


def parse(document: Mapping[str, Any], source: str, origins: Mapping[str, str] | None = None) -> RunConfig:
    """Check a run file's content.

    Parameters
    ----------
    document : mapping
        As read from TOML.
    source : str
        Name of the file, for messages.
    origins : mapping, optional
        What gave a dotted key its value instead of the file: ``{"lag": "--set lag=2"}``.

    Raises
    ------
    ConfigError
        Naming every key that is unknown, missing or out of range.
    """
    config = validated(RunConfig, document, source, "the run file", ConfigError, origins=origins)
    config._origins.update(origins or {})
    if config.start and config.end and config.start >= config.end:
        raise ConfigError(f"{source}: start {config.start} is not before end {config.end}")
    if config.start and config.holdout and config.start >= config.holdout:
        raise ConfigError(f"{source}: start {config.start} is not before holdout {config.holdout}")
    for place, label in enumerate(config.labels):
        if label == CASH:
            raise ConfigError(f"{source}: no book can have the label {CASH!r}, which names another column")
        if label in config.labels[:place]:
            raise ConfigError(
                f"{source}: benchmarks[{place - 1}].label = {label!r}: another book has this label; "
                "give each its own"
            )
    if config.hedge is not None and config.overlay is None:
        raise ConfigError(
            f"{source}: [hedge] needs a table [overlay] that says what options are written on, such as "
            'underlying = "SPY"'
        )
    return config


def override_key(document: dict[str, Any], override: str) -> str:
    """Put the ``key=value`` of `override` into a run file's `document`; the dotted key."""
    key, separator, text = override.partition("=")
    key = key.strip()
    if not separator or not key:
        raise ConfigError(f"--set {override!r}: write key=value, for example strategy.norm_years=7")
    value = _value(text)
    *tables, name = key.split(".")
    place = document
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {override!r}: {table} is not a table that --set can reach")
    place[name] = value
    return key


def _value(text: str) -> Any:
    """A value as `--set` writes it: TOML, or else text."""
    try:
        return parsed(f"value = {text}")["value"]
    except ValueError:
        return text
