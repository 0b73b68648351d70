"""What trading cost and how much there was of it, from a ledger's fills."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from backtests.analysis.span import span_in_years, spans_a_year
from backtests.engine.books import Ledger


@dataclass(frozen=True)
class Trading:
    """Trading of one portfolio. Money in the market's currency; `*_bps` in hundredths of a percent.

    Attributes
    ----------
    turnover : float
        One-sided, a year (over the run if it spans less than a year), as a fraction of average equity.
    cost_bps, commission_bps, spread_bps, impact_bps : float
        A year (over the run if it spans less than a year), of average equity.
    cost : float
        Everything paid for trading.
    fills, delistings, unfilled, decisions : int
    dividends, interest : float
        Cash received.
    """

    turnover: float
    cost_bps: float
    commission_bps: float
    spread_bps: float
    impact_bps: float
    cost: float
    fills: int
    delistings: int
    unfilled: int
    decisions: int
    dividends: float
    interest: float


def trading(ledger: Ledger) -> Trading:
    """Turnover, costs and income of a ledger.

    Parameters
    ----------
    ledger : Ledger

    Returns
    -------
    Trading
    """
    orders = ledger.fills[ledger.fills["kind"] == "order"]
    value = (orders["shares"] * orders["price"]).astype(float)
    purchases, sales = float(value[value > 0].sum()), float(value[value < 0].abs().sum())
    equity = float(ledger.equity.mean())
    years = span_in_years(ledger.sessions) if spans_a_year(ledger.sessions) else 1.0
    paid = {
        kind: float(ledger.fills[kind].astype(float).sum()) for kind in ("commission", "spread", "impact")
    }
    return Trading(
        turnover=min(purchases, sales) / equity / years,
        cost_bps=sum(paid.values()) / equity / years * 1e4,
        commission_bps=paid["commission"] / equity / years * 1e4,
        spread_bps=paid["spread"] / equity / years * 1e4,
        impact_bps=paid["impact"] / equity / years * 1e4,
        cost=sum(paid.values()),
        fills=len(orders),
        delistings=len(ledger.fills) - len(orders),
        unfilled=len(ledger.unfilled),
        decisions=len(ledger.decisions),
        dividends=float(ledger.dividends.sum()),
        interest=float(ledger.interest.sum()),
    )


def unfilled_by_reason(ledger: Ledger) -> pd.Series[int]:
    """Count the orders that ended without all of their shares by reason, most frequent first."""
    return ledger.unfilled["reason"].value_counts()
