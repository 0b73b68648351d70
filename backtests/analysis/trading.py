"""What trading cost and how much there was of it, from a ledger's fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from backtests.analysis.registry import Figures, Place, figures, metric
from backtests.analysis.span import span_in_years, spans_a_year
from backtests.engine.books import HOUSE_CALLS, Ledger

if TYPE_CHECKING:  # it takes time to import, which a metric's words do without
    import pandas as pd

    from datafeeds.market import Array

COSTS = ("commission", "spread", "impact")
"""What trading costs, as columns of `Ledger.fills`."""

OPTIONS = "options"
"""Half the bid-ask spread of options, which the books keep with the hedge."""

BORROW = "borrow"
"""Fees for borrowed stock, which the books of a margin account keep by session."""

LEDGER = "the run's ledger"
ALL_PLACES: tuple[Place, ...] = ("terminal", "compare", "sweep")


def trading(ledger: Ledger) -> Figures:
    """Turnover, costs and income of a ledger: every metric of the scope ``"trading"``.

    Money in the market's currency; `*_bps` in hundredths of a percent of average equity, a year, or over
    the run if it spans less than a year.
    """
    return figures("trading", spans_a_year(ledger.sessions), ledger)


def years_of(ledger: Ledger) -> float:
    """Years by which yearly figures are divided; 1 where nothing is annualised."""
    return span_in_years(ledger.sessions) if spans_a_year(ledger.sessions) else 1.0


def costs_by_session(ledger: Ledger, *kinds: str) -> Array:
    """Costs of the given kinds, or of all, in each session, in money, shape (sessions,)."""
    wanted = kinds or (*COSTS, OPTIONS, BORROW)
    rows = ledger.executions
    spent = sum((rows[kind] for kind in wanted if kind in COSTS), np.zeros(len(rows)))
    total = _by_session(ledger, spent)
    if BORROW in wanted and ledger.borrow is not None:
        total = total + ledger.borrow
    return total + ledger.hedge_total("spread") if OPTIONS in wanted else total


def paid(ledger: Ledger, *kinds: str) -> float:
    """Costs of the given kinds in money; of all kinds if none is given."""
    return float(costs_by_session(ledger, *kinds).sum())


def traded_after_building(ledger: Ledger) -> tuple[Array, Array]:
    """Purchases and sales of each session in money, without those that built the first portfolio.

    The first portfolio is built by the orders of the first decision: purchases up to the session at whose
    close the next one was made.

    Returns
    -------
    bought, sold : ndarray, shape (sessions,)
        Both positive.
    """
    rows = ledger.executions
    value = np.where(rows.said("order"), rows["shares"] * rows["price"], 0.0)
    bought, sold = (_by_session(ledger, np.maximum(side, 0.0)) for side in (value, -value))
    made = ledger.decisions
    until = made[1].session if len(made) > 1 else ledger.sessions[-1 if len(made) else 0]
    bought[: np.searchsorted(ledger.sessions, until, side="right")] = 0.0
    return bought, sold


def _by_session(ledger: Ledger, values: Array) -> Array:
    """Sums of a value of each fill, shape (sessions,)."""
    sums = np.bincount(ledger.executions.session, values, minlength=len(ledger.sessions))
    return sums.astype(np.float64)


@metric(
    "Turnover a year",
    "Lesser of all purchases and all sales in the run / average equity / years. One-sided; purchases by the "
    "first decision, which build the first portfolio, are not turnover; payments for delisted shares are not "
    "sales.",
    "SEC Form N-1A, item 13, over the run instead of a fiscal year",
    scope="trading",
    form="percent",
    short_term="Turnover in the run",
    shown=ALL_PLACES,
)
def turnover(ledger: Ledger) -> float:
    """One-sided turnover a year, as a fraction of average equity."""
    least = min(float(side.sum()) for side in traded_after_building(ledger))
    return least / float(ledger.equity.mean()) / years_of(ledger)


def _rate(*kinds: str) -> Callable[[Ledger], float]:
    """Costs of the given kinds a year, in hundredths of a percent of average equity."""
    return lambda ledger: paid(ledger, *kinds) / float(ledger.equity.mean()) / years_of(ledger) * 1e4


for _key, _term, _short, _formula, _source, _kinds in (
    (
        "cost_bps",
        "Cost drag a year (bps)",
        "Cost drag in the run (bps)",
        "(Commission + spread + impact + half-spread of options + fees for borrowed stock) / average equity "
        "/ years, in hundredths of a percent.",
        LEDGER,
        (),
    ),
    (
        "commission_bps",
        "Commission a year (bps)",
        "Commission in the run (bps)",
        "Commissions paid / average equity / years.",
        LEDGER,
        ("commission",),
    ),
    (
        "spread_bps",
        "Spread a year (bps)",
        "Spread in the run (bps)",
        "Half-spreads paid / average equity / years.",
        LEDGER,
        ("spread",),
    ),
    (
        "impact_bps",
        "Market impact a year (bps)",
        "Market impact in the run (bps)",
        "Price moved against the own orders x shares / average equity / years.",
        f"{LEDGER}; square-root law",
        ("impact",),
    ),
    (
        "options_bps",
        "Options' half-spread a year (bps)",
        "Options' half-spread in the run (bps)",
        "Half the bid-ask spread of the options bought and sold / average equity / years.",
        LEDGER,
        (OPTIONS,),
    ),
):
    metric(
        _term,
        _formula,
        _source,
        scope="trading",
        form="bps",
        group="cost",
        short_term=_short,
        shown=ALL_PLACES if _key == "cost_bps" else (),
        key=_key,
    )(_rate(*_kinds))


@metric(
    "Costs paid",
    "Commission + spread + impact + half-spread of options + fees for borrowed stock, money of the day, not "
    "compounded.",
    LEDGER,
    scope="trading",
    form="money",
    group="cost",
    shown=("sweep",),
)
def cost(ledger: Ledger) -> float:
    """Everything paid for trading."""
    return paid(ledger)


@metric(
    "Fees for borrowed stock a year (bps)",
    "Fees for the stocks that are sold short / average equity / years; actual/360 on the close before.",
    LEDGER,
    scope="trading",
    form="bps",
    group="short",
    short_term="Fees for borrowed stock in the run (bps)",
    shown=(),
    optional=True,
)
def borrow_bps(ledger: Ledger) -> float | None:
    """Fees a year, in hundredths of a percent of average equity; None where nothing was sold short."""
    return _rate(BORROW)(ledger) if ledger.went_short else None


@metric(
    "Gross exposure",
    "Mean over the closes of (longs + shorts without their sign) / equity.",
    LEDGER,
    scope="trading",
    form="percent",
    group="short",
    shown=(),
    optional=True,
)
def gross_exposure(ledger: Ledger) -> float | None:
    """Mean of all positions without their signs over equity; None where nothing was sold short."""
    if ledger.sold is None or not ledger.went_short:
        return None
    return float(((ledger.equity - ledger.cash + 2.0 * ledger.sold) / ledger.equity).mean())


@metric(
    "Net exposure",
    "Mean over the closes of (longs - shorts) / equity.",
    LEDGER,
    scope="trading",
    form="percent",
    group="short",
    shown=(),
    optional=True,
)
def net_exposure(ledger: Ledger) -> float | None:
    """Mean of all positions with their signs over equity; None where nothing was sold short."""
    return float(((ledger.equity - ledger.cash) / ledger.equity).mean()) if ledger.went_short else None


@metric(
    "Forced trades",
    "Fills by recalls of loans, margin calls and the closing of a lost account.",
    LEDGER,
    scope="trading",
    form="integer",
    group="short",
    shown=(),
    optional=True,
)
def forced(ledger: Ledger) -> int | None:
    """Fills that the house asked for; None where nothing was sold short."""
    return int(ledger.executions.said(*HOUSE_CALLS).sum()) if ledger.went_short else None


@metric(
    "Dividends received",
    "Cash dividends after withholding tax.",
    LEDGER,
    scope="trading",
    form="money",
    group="income",
    shown=(),
)
def dividends(ledger: Ledger) -> float:
    """Cash dividends."""
    return float(ledger.dividends.sum())


@metric(
    "Interest received", "Interest on cash.", LEDGER, scope="trading", form="money", group="income", shown=()
)
def interest(ledger: Ledger) -> float:
    """Interest on cash."""
    return float(ledger.interest.sum())


@metric(
    "Decisions",
    "Targets that the strategy gave; holding is not counted.",
    LEDGER,
    scope="trading",
    form="integer",
    group="orders",
    shown=("compare",),
)
def decisions(ledger: Ledger) -> int:
    """Targets given."""
    return len(ledger.decisions)


@metric(
    "Fills",
    "Executions of orders; payments for delisted shares not counted.",
    LEDGER,
    scope="trading",
    form="integer",
    group="orders",
    shown=("compare", "sweep"),
)
def fills(ledger: Ledger) -> int:
    """Executions of orders."""
    return int(ledger.executions.said("order").sum())


@metric(
    "Orders not or partly filled",
    "Orders that ended without all of their shares.",
    LEDGER,
    scope="trading",
    form="integer",
    group="orders",
    shown=(),
)
def unfilled(ledger: Ledger) -> int:
    """Orders that ended unfilled."""
    return len(ledger.endings)


@metric(
    "Delisting payments",
    "Positions closed at the last known close because the symbol stopped trading.",
    LEDGER,
    scope="trading",
    form="integer",
    group="orders",
    shown=(),
)
def delistings(ledger: Ledger) -> int:
    """Positions closed because trading ended."""
    return int(ledger.executions.said("delisting").sum())


@metric(
    "Equity at the end",
    "Cash and holdings at the last close.",
    LEDGER,
    scope="trading",
    form="money",
    group="orders",
    shown=("sweep",),
)
def final_equity(ledger: Ledger) -> float:
    """Equity at the last close."""
    return float(ledger.equity[-1])


def unfilled_by_reason(ledger: Ledger) -> pd.Series[int]:
    """Count the orders that ended without all of their shares by reason, most frequent first."""
    return ledger.unfilled["reason"].value_counts()
