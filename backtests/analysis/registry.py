"""Every metric has one entry here: what computes it, what readers call it, how it is written, what it means.

A metric is a function under `metric`; terminal, tearsheet, comparison, index, sweep table, notebook and
``metrics.json`` read the entry, so a new one is one entry and one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Scope = Literal["portfolio", "relative", "trading", "luck"]
"""What a metric is computed from: a `Track`, the tracks of a portfolio and a benchmark, a `Ledger`, a
`Significance`."""

Place = Literal["terminal", "compare", "index", "sweep"]
"""Where a metric may be shown besides tearsheet, notebook and ``metrics.json``, which show all."""

Form = Literal["percent", "percent2", "number", "bps", "integer", "money", "date"]
"""How a metric is written; see `backtests.document.formats.formatted`."""

EVERYWHERE: tuple[Place, ...] = ("terminal", "compare", "index", "sweep")

UNITS: Mapping[Form, str] = MappingProxyType(
    {
        "percent": "fraction",
        "percent2": "fraction",
        "number": "number",
        "bps": "hundredths of a percent",
        "integer": "count",
        "money": "money",
        "date": "date",
    }
)

SHORT = (
    " A year has 252 sessions, 365 where every day is one. Under a year of data: per session, without the "
    "factor for a year."
)
"""What the definitions of annualised metrics add."""


@dataclass(frozen=True)
class Definition:
    """What a term means.

    Attributes
    ----------
    key : str
        Name under which it is found, such as ``"sharpe"``.
    term : str
        What readers see.
    formula : str
        How it is calculated, in words that can be checked.
    source : str
        Where the definition comes from.
    short_term : str
        What readers see when the run spans less than a year and nothing is annualised; empty if the same.
    """

    key: str
    term: str
    formula: str
    source: str
    short_term: str = ""

    def label(self, annual: bool) -> str:
        """What readers see, by whether statistics are annualised."""
        return self.term if annual or not self.short_term else self.short_term


@dataclass(frozen=True)
class Metric(Definition):
    """A statistic: a definition with what computes it.

    Attributes
    ----------
    scope : Scope
    form : Form
    group : str
        Metrics of one group stand together in a table.
    shown : tuple of Place
    compute : callable
        Takes what `scope` says; returns a number, a date, or None where there is none.
    stacked : bool
        Whether `compute` also takes tracks of many portfolios at once.
    optional : bool
        Whether tables leave it out where no book has it.
    """

    scope: Scope = "portfolio"
    form: Form = "number"
    group: str = ""
    shown: tuple[Place, ...] = EVERYWHERE
    compute: Callable[..., Any] = float
    stacked: bool = False
    optional: bool = False

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return UNITS[self.form]


METRICS: dict[str, Metric] = {}
"""Every metric by its key, in the order in which tables show them."""


def metric(
    term: str,
    formula: str,
    source: str,
    *,
    form: Form,
    scope: Scope = "portfolio",
    group: str = "",
    short_term: str = "",
    shown: tuple[Place, ...] = EVERYWHERE,
    stacked: bool = False,
    optional: bool = False,
    key: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function as a metric under `key`, or else its own name; see `Metric`."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        name = key or function.__name__
        METRICS[name] = Metric(
            name, term, formula, source, short_term, scope, form, group, shown, function, stacked, optional
        )
        return function

    return enter


def metrics(scope: Scope, place: Place | None = None) -> tuple[Metric, ...]:
    """Metrics of a scope, in order; only those shown in a place where one is given."""
    return tuple(
        each for each in METRICS.values() if each.scope == scope and (place is None or place in each.shown)
    )


@dataclass(frozen=True)
class Figures(Mapping[str, Any]):
    """Metrics of one scope by key, also as attributes: ``figures.sharpe``.

    Attributes
    ----------
    annual : bool
        Whether they are annualised: the run spans a year or more.
    values_by_key : mapping of str to float, int, datetime64 or None
        Ratios and returns as fractions, dates as sessions; None where a metric does not exist.
    """

    annual: bool
    values_by_key: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values_by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_key)

    def __len__(self) -> int:
        return len(self.values_by_key)

    def __getattr__(self, key: str) -> Any:
        if key == "values_by_key" or key not in self.values_by_key:
            raise AttributeError(f"no metric {key!r}")
        return self.values_by_key[key]


def figures(scope: Scope, annual: bool, *of: Any) -> Figures:
    """Compute every metric of a scope from what it takes."""
    return Figures(annual, {each.key: each.compute(*of) for each in metrics(scope)})
