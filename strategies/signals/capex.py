"""The capital-expenditure boundary: spending that outgrows the software revenue it is meant to serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from strategies.asof import AsOf
from strategies.signals.quarters import Array, quarterly_history, row_medians
from strategies.signals.weights import listed

HYPERSCALERS = ("AMZN", "GOOGL", "META", "MSFT", "ORCL")
"""The five largest builders of data centres in the United States, by filed capital expenditure."""


@dataclass(frozen=True)
class CapexBoundary:
    """Whether spending has crossed the boundary.

    Attributes
    ----------
    crossed : bool or None
        None if unknown.
    spending_growth, software_growth : tuple of float
        Year on year at each of the latest quarter ends, oldest first.
    incremental_return : float
        Incremental return on invested capital, NaN if unknown.
    why : str
        The finding in words; if unknown, what is missing.
    """

    crossed: bool | None
    spending_growth: tuple[float, ...]
    software_growth: tuple[float, ...]
    incremental_return: float
    why: str


def incremental_return(profit_now: float, profit_before: float, invested: float, tax: float = 0.21) -> float:
    """Operating profit gained after tax, per dollar of capital spent to gain it.

    Parameters
    ----------
    profit_now, profit_before : float
        Operating income of the twelve trailing months, now and a year before.
    invested : float
        Capital expenditure of the year before.
    tax : float

    Returns
    -------
    float
        ``(profit_now - profit_before) * (1 - tax) / invested``, NaN where nothing was invested.

    Notes
    -----
    Incremental return on invested capital as in Mauboussin and Callahan, "Return on Invested Capital" (2022),
    with gross capital expenditure for the capital added.

    Examples
    --------
    >>> incremental_return(120.0, 100.0, 200.0)
    0.079
    """
    return (profit_now - profit_before) * (1.0 - tax) / invested if invested > 0 else float("nan")


def grows_faster(spending: Iterable[float], revenue: Iterable[float]) -> bool | None:
    """Whether spending outgrew revenue in every quarter; None if any growth is unknown."""
    pairs = np.array([tuple(spending), tuple(revenue)], dtype=np.float64)
    if pairs.size == 0 or not np.isfinite(pairs).all():
        return None
    return bool((pairs[0] > pairs[1]).all())


def capex_boundary(
    see: AsOf,
    spenders: tuple[str, ...] = HYPERSCALERS,
    software: str = "software",
    quarters: int = 2,
    cost_of_capital: float = 0.09,
) -> CapexBoundary:
    """Whether hyperscalers spend faster than software earns, at a return below the cost of capital.

    Crossed when the capital expenditure of `spenders` (sum of twelve trailing months) has grown faster, year
    on year, than the software group's median revenue for `quarters` quarters in a row, and their incremental
    return is below `cost_of_capital`. Where operating income is not filed the first condition alone decides,
    and the words say so.

    Parameters
    ----------
    see : AsOf
    spenders : tuple of str
        Those of them that trade today count.
    software : str
        Group whose revenue growth is compared.
    quarters : int
    cost_of_capital : float
        A year.

    Returns
    -------
    CapexBoundary
    """
    nothing: tuple[float, ...] = ()
    trading = [symbol for symbol in see.members(kind="stock") if symbol in spenders]
    if not trading:
        return CapexBoundary(None, nothing, nothing, float("nan"), "capex unknown: no spender trades today")
    for fact in ("capital_expenditure_ttm", "revenue_growth"):
        if not see.has(fact):
            return CapexBoundary(
                None, nothing, nothing, float("nan"), f"capex unknown: the market has no {fact}"
            )
    spent = quarterly_history(see, "capital_expenditure_ttm", quarters + 4, trading)
    total = np.where(np.isfinite(spent).all(axis=1), spent.sum(axis=1), np.nan)
    spending = total[4:] / np.where(total[:-4] > 0, total[:-4], np.nan) - 1.0
    members = see.members(software)
    earned = row_medians(quarterly_history(see, "revenue_growth", quarters, members))
    faster = grows_faster(spending, earned)
    growths = tuple(map(float, spending)), tuple(map(float, earned))
    if faster is None:
        return CapexBoundary(
            None, *growths, float("nan"), f"capex unknown: too few filings of {listed(trading)} or {software}"
        )
    gained = _gained(see, trading, float(total[-5]))
    words = (
        f"capital expenditure of {listed(trading)} {spending[-1]:+.0%}, software revenue {earned[-1]:+.0%}"
    )
    if not np.isfinite(gained):
        return CapexBoundary(faster, *growths, gained, f"{words}; return on it unknown")
    return CapexBoundary(
        faster and gained < cost_of_capital, *growths, gained, f"{words}; incremental return {gained:.1%}"
    )


def _gained(see: AsOf, symbols: list[str], invested: float) -> float:
    if not see.has("operating_income_ttm"):
        return float("nan")
    profit: Array = quarterly_history(see, "operating_income_ttm", 5, symbols).sum(axis=1)
    return incremental_return(float(profit[-1]), float(profit[0]), invested)
