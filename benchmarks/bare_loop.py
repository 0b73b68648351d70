"""The least that this workload takes: a numba loop without features, a lower bound for the kernel.

Whole shares, next-session fills, one commission; no dividends, delistings, gaps, caps or record of fills.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def bare_loop(fill, close, targets, sessions, cash, rate):  # type: ignore[no-untyped-def]
    """Equity at each close for target weights decided at the close of `sessions`."""
    count, symbols = close.shape
    shares = np.zeros(symbols)
    equity = np.empty(count)
    order = 0
    for session in range(count):
        if order < len(sessions) and sessions[order] + 1 == session:
            worth = cash
            for column in range(symbols):
                worth += shares[column] * fill[session, column]
            needed = 0.0
            for column in range(symbols):
                price = fill[session, column]
                change = np.floor(targets[order, column] * worth / price) - shares[column]
                if change < 0.0:
                    cash += -change * price * (1.0 - rate)
                    shares[column] += change
                else:
                    needed += change * price * (1.0 + rate)
            scale = cash / needed if needed > cash else 1.0
            for column in range(symbols):
                price = fill[session, column]
                change = np.floor(targets[order, column] * worth / price) - shares[column]
                if change > 0.0:
                    change = np.floor(change * scale)
                    cash -= change * price * (1.0 + rate)
                    shares[column] += change
            order += 1
        total = cash
        for column in range(symbols):
            if shares[column] != 0.0:
                total += shares[column] * close[session, column]
        equity[session] = total
    return equity
