"""What a book with shorts earned on either side, and what its loans cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtests.analysis.trading import COSTS
from backtests.engine.books import Ledger
from backtests.engine.rules import borrow_factors
from backtests.engine.terms import Account
from datafeeds.market import Market


@dataclass(frozen=True)
class Side:
    """What one side of a book earned, in money of the day; both and the interest add to the change of equity.

    Attributes
    ----------
    name : str
        ``"long"`` or ``"short"``.
    price : float
        Gain on prices before costs.
    dividends : float
        Received after withholding; below zero where they are owed.
    trading_costs : float
        Commission, spread and impact.
    borrow : float
        Fees for borrowed stock.
    """

    name: str
    price: float
    dividends: float
    trading_costs: float
    borrow: float

    @property
    def profit(self) -> float:
        """What is left."""
        return self.price + self.dividends - self.trading_costs - self.borrow


def loan_fees(ledger: Ledger, market: Market, account: Account) -> pd.Series[float]:
    """What borrowing each symbol cost; empty where nothing was sold short."""
    if not ledger.went_short:
        return pd.Series(dtype=float, name="borrow")
    marks = market.mark[account.first : account.last + 1]
    borrowed = np.where(ledger.positions < 0, -ledger.positions * np.nan_to_num(marks), 0.0)
    fees = (borrowed[:-1] * borrow_factors(market, account)[1:]).sum(axis=0)
    paid = np.flatnonzero(fees)
    return pd.Series(fees[paid], index=[ledger.symbols[place] for place in paid], name="borrow")


def sides(ledger: Ledger, market: Market) -> tuple[Side, Side]:
    """The long and the short side of a book.

    A fill belongs to the side that it opens, enlarges or closes: an order that crosses makes two.
    """
    first = market.index_of(ledger.sessions[0])
    positions, window = ledger.positions, slice(first, first + len(ledger.sessions))
    last = positions[-1] * np.nan_to_num(market.mark[window][-1])
    gross = np.zeros(positions.shape)
    gross[1:] = positions[:-1] * market.dividend[window][1:]
    owed = float(np.minimum(gross, 0.0).sum())
    fills, short = ledger.fills, _of_shorts(ledger)
    bought = fills["shares"].to_numpy(dtype=float) * fills["reference"].to_numpy(dtype=float)
    spent = fills[list(COSTS)].astype(float).to_numpy().sum(axis=1)
    fee = 0.0 if ledger.borrow is None else float(ledger.borrow.sum())
    return (
        Side(
            "long",
            float(np.maximum(last, 0.0).sum() - bought[~short].sum()),
            float(ledger.dividends.sum()) - owed,
            float(spent[~short].sum()),
            0.0,
        ),
        Side(
            "short",
            float(np.minimum(last, 0.0).sum() - bought[short].sum()),
            owed,
            float(spent[short].sum()),
            fee,
        ),
    )


def _of_shorts(ledger: Ledger) -> npt.NDArray[np.bool_]:
    """Whether each fill belongs to the short side, shape (fills,)."""
    held = dict.fromkeys(ledger.symbols, 0.0)
    found = np.zeros(len(ledger.fills), dtype=bool)
    names, sizes = ledger.fills["symbol"], ledger.fills["shares"].astype(float)
    for place, (symbol, shares) in enumerate(zip(names, sizes, strict=True)):
        before = held[symbol]
        found[place] = before < 0 or (before == 0 and shares < 0)
        held[symbol] = before + shares
    return found
