"""A run file (TOML): what to run, on what market, at what cost, against which benchmarks."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backtests.account import Costs
from datafeeds.names import unknown_name
from strategies.base import Strategy, StrategyError, strategy_named

Engine = Literal["event"]
RUNS = Path(__file__).parent / "runs"


class ConfigError(ValueError):
    """A run file that can't be used; the message names the file and the key."""


class StrategyChoice(BaseModel):
    """Which strategy, with which parameters: any further key is a parameter of the strategy."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

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
            return strategy_named(self.name)(**(self.model_extra or {}))
        except StrategyError as error:
            raise ConfigError(f"[{key}] {error}") from None


class BenchmarkChoice(StrategyChoice):
    """A strategy to compare with, under a label that readers see."""

    label: str = ""
    note: str = ""


class RunConfig(BaseModel):
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
    capital : float
        Cash at the start.
    engine : {"event"}
    lag : int
        Sessions of delay between a decision and its orders, beyond the next session.
    fractional_shares : bool
        Whole shares unless true.
    strategy : StrategyChoice
    benchmarks : tuple of BenchmarkChoice
        The first is the primary one.
    costs : Costs
        The same for the strategy and every benchmark.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$")]
    description: str = ""
    market: str = "sample"
    start: dt.date | None = None
    end: dt.date | None = None
    capital: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1_000_000.0
    engine: Engine = "event"
    lag: Annotated[int, Field(ge=0, le=252)] = 0
    fractional_shares: bool = False
    strategy: StrategyChoice
    benchmarks: tuple[BenchmarkChoice, ...] = ()
    costs: Costs = Costs()
