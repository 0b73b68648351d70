"""The tables `[sweep]` and `[walk_forward]` of a run file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from datafeeds.names import unknown_name
from datafeeds.validation import TomlTable, problems_in

Finite = Annotated[float, Field(allow_inf_nan=False)]
Number = Annotated[int, Field(strict=True)] | Finite
RankedBy = Literal[
    "sharpe", "cagr", "total_return", "max_drawdown", "volatility", "excess_cagr", "information_ratio"
]
"""What configurations are ranked by. Higher is better, except for volatility."""

DISTRIBUTIONS = ("uniform", "log_uniform", "integers", "normal")

MOST_STEPS = 100_000
"""No range has more values; a larger one is a mistyped step."""


class Values(TomlTable):
    """Values that are listed.

    Attributes
    ----------
    values : tuple
        Each is tried in a grid, or drawn with equal chance.
    """

    values: Annotated[tuple[Any, ...], Field(min_length=1)]

    def listed(self) -> tuple[Any, ...]:
        """Every value."""
        return self.values

    def at(self, share: float) -> Any:
        """The value at a share of the list, in [0, 1)."""
        values = self.listed()
        return values[min(int(share * len(values)), len(values) - 1)]

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        texts = [repr(value) for value in self.values]
        twice = sorted({text for text in texts if texts.count(text) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} more than once")
        return self


class Range(TomlTable):
    """Evenly spaced numbers, both ends included where the step meets them.

    Attributes
    ----------
    start, to, step : int or float
        In the run file `start` is called ``from``. Whole numbers give whole numbers.
    """

    model_config = ConfigDict(populate_by_name=True)

    start: Number = Field(alias="from")
    to: Number
    step: Number

    def listed(self) -> tuple[int | float, ...]:
        """Every number, without the dust that adding fractions leaves."""
        start, to, step = (Decimal(str(number)) for number in (self.start, self.to, self.step))
        whole = all(isinstance(number, int) for number in (self.start, self.to, self.step))
        numbers = [start + place * step for place in range(int((to - start) / step) + 1)]
        return tuple(int(number) if whole else float(number) for number in numbers)

    def at(self, share: float) -> int | float:
        """The number at a share of the range, in [0, 1)."""
        numbers = self.listed()
        return numbers[min(int(share * len(numbers)), len(numbers) - 1)]

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if self.step <= 0:
            raise ValueError(f"step = {self.step} must be positive")
        if self.to < self.start:
            raise ValueError(f"from = {self.start} is above to = {self.to}")
        if (self.to - self.start) / self.step > MOST_STEPS:
            raise ValueError(f"step = {self.step} makes more than {MOST_STEPS} values")
        return self


class Bounded(TomlTable):
    """A distribution between two bounds.

    Attributes
    ----------
    distribution : {"uniform", "log_uniform", "integers"}
        Of integers both bounds can be drawn.
    start, to : float
        In the run file `start` is called ``from``.
    """

    model_config = ConfigDict(populate_by_name=True)

    distribution: Literal["uniform", "log_uniform", "integers"]
    start: Number = Field(alias="from")
    to: Number

    def at(self, share: float) -> int | float:
        """The quantile at `share`, in [0, 1)."""
        if self.distribution == "uniform":
            return float(self.start + share * (self.to - self.start))
        if self.distribution == "log_uniform":
            low, high = math.log(self.start), math.log(self.to)
            return min(max(math.exp(low + share * (high - low)), float(self.start)), float(self.to))
        return int(self.start) + int(share * (int(self.to) - int(self.start) + 1))

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if self.to <= self.start:
            raise ValueError(f"from = {self.start} must be below to = {self.to}")
        if self.distribution == "log_uniform" and self.start <= 0:
            raise ValueError(f"from = {self.start} must be above 0 for log_uniform")
        if self.distribution == "integers" and not (isinstance(self.start, int) and isinstance(self.to, int)):
            raise ValueError("from and to must be whole numbers for integers")
        return self


class Normal(TomlTable):
    """A normal distribution, cut off at bounds where they are given.

    Attributes
    ----------
    distribution : {"normal"}
    mean, sd : float
        Of the normal before it is cut off.
    start, to : float, optional
        In the run file `start` is called ``from``.
    """

    model_config = ConfigDict(populate_by_name=True)

    distribution: Literal["normal"]
    mean: Finite
    sd: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    start: Finite | None = Field(default=None, alias="from")
    to: Finite | None = None

    def at(self, share: float) -> float:
        """The quantile at `share`, in [0, 1)."""
        normal = NormalDist(self.mean, self.sd)
        low = 0.0 if self.start is None else normal.cdf(self.start)
        high = 1.0 if self.to is None else normal.cdf(self.to)
        inside = min(max(low + share * (high - low), 1e-12), 1.0 - 1e-12)
        value = normal.inv_cdf(inside)
        value = value if self.start is None else max(value, self.start)
        return value if self.to is None else min(value, self.to)

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.start is not None and self.to is not None and self.to <= self.start:
            raise ValueError(f"from = {self.start} must be below to = {self.to}")
        return self


Domain = Values | Range | Bounded | Normal
"""What a parameter may be."""


def _domain(key: str, given: Any) -> Domain:
    if isinstance(given, Values | Range | Bounded | Normal):
        return given
    if isinstance(given, list | tuple):
        return _checked(key, Values, {"values": tuple(given)})
    if isinstance(given, Mapping) and "distribution" in given:
        name = given["distribution"]
        if name not in DISTRIBUTIONS:
            raise ValueError(f"{key}: {unknown_name('distribution', str(name), DISTRIBUTIONS)}")
        return _checked(key, Normal if name == "normal" else Bounded, given)
    if isinstance(given, Mapping) and {"from", "to", "step"} & set(given):
        return _checked(key, Range, given)
    raise ValueError(
        f"{key} = {given!r}: write a list, a range {{from, to, step}} or a distribution "
        '{distribution = "uniform", from, to}'
    )


def _checked(key: str, model: type[Domain], given: Mapping[str, Any]) -> Domain:
    try:
        return model(**given)
    except ValidationError as error:
        raise ValueError(f"{key}: {problems_in(error, model, key)}") from None


def _is_domain(given: Any) -> bool:
    return not isinstance(given, Mapping) or bool({"distribution", "from", "step"} & set(given))


def _flat(table: Any, before: str = "") -> dict[str, Any]:
    """Dotted keys: TOML reads ``strategy.norm_years = [3, 5]`` as a table in a table."""
    if not isinstance(table, Mapping):
        raise ValueError("must be a table of parameters")
    found: dict[str, Any] = {}
    for name, given in table.items():
        key = f"{before}{name}"
        found.update({key: given} if _is_domain(given) else _flat(given, f"{key}."))
    return found


def _parameters(given: Any) -> dict[str, Domain]:
    domains = {key: _domain(key, domain) for key, domain in _flat(given).items()}
    if not domains:
        raise ValueError("names no parameter to sweep")
    return domains


class SweepSettings(TomlTable):
    """Table `[sweep]`: which configurations to try.

    Attributes
    ----------
    method : {"grid", "random", "latin_hypercube"}
        Every combination, independent draws, or draws that fill the space evenly.
    samples : int
        Draws of the latter two.
    seed : int
        The same seed gives the same draws.
    rank_by : RankedBy
        What "best" means.
    within : float
        A neighbour belongs to the plateau if it is that share of the best or less below it.
    engine : {"ledger", "event"}
        Which engine keeps the books; they are the same either way.
    parameters : dict of str to Domain
        Values by dotted key, as ``--set`` addresses them.
    """

    method: Literal["grid", "random", "latin_hypercube"] = "grid"
    samples: Annotated[int, Field(ge=1, le=10_000_000)] = 100
    seed: Annotated[int, Field(ge=0)] = 0
    rank_by: RankedBy = "sharpe"
    within: Annotated[float, Field(ge=0, le=1)] = 0.1
    engine: Literal["ledger", "event"] = "ledger"
    parameters: Annotated[dict[str, Domain], BeforeValidator(_parameters)]


class WalkForwardSettings(TomlTable):
    """Table `[walk_forward]`: how to choose by the past and test on what came after.

    Attributes
    ----------
    window : {"anchored", "rolling"}
        Whether training begins at the run's start, or `train_years` before each test.
    train_years, test_years : float
        Years before the first test, and of each test; whole months.
    step_years : float, optional
        Years from one choice to the next; `test_years` if not given. A shorter step ends each test's part
        of the stitched curve where the next begins.
    embargo : int
        Sessions left out between training and test.
    metric : RankedBy
        What the choice goes by.
    """

    window: Literal["anchored", "rolling"] = "anchored"
    train_years: Annotated[float, Field(ge=1 / 12, le=100)] = 5.0
    test_years: Annotated[float, Field(ge=1 / 12, le=100)] = 1.0
    step_years: Annotated[float, Field(ge=1 / 12, le=100)] | None = None
    embargo: Annotated[int, Field(ge=0, le=2520)] = 21
    metric: RankedBy = "sharpe"

    @property
    def months(self) -> tuple[int, int, int]:
        """Training, test and step in months."""
        step = self.test_years if self.step_years is None else self.step_years
        return round(12 * self.train_years), round(12 * self.test_years), round(12 * step)

    @model_validator(mode="after")
    def _without_holes(self) -> Self:
        if self.step_years is not None and self.step_years > self.test_years:
            raise ValueError(
                f"step_years = {self.step_years:g} is longer than test_years = {self.test_years:g}: "
                "the stitched curve would have holes"
            )
        return self
