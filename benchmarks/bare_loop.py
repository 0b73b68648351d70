"""The least that this workload takes: a numba loop without features, a lower bound for the kernel.

Whole shares, next-session fills, one commission; no dividends, delistings, gaps, caps or record of fills. Its
equity is the kernel's to the last bit, so both add in backtrader's order.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def bare_loop(fill, close, targets, sessions, cash, rate):  # type: ignore[no-untyped-def]
    """Equity at each close for target weights decided at the close of `sessions`."""
    count, symbols = close.shape
    shares, average, change = np.zeros(symbols), np.zeros(symbols), np.zeros(symbols)
    equity = np.empty(count)
    order = 0
    for session in range(count):
        if order < len(sessions) and sessions[order] + 1 == session:
            worth = 0.0
            for column in range(symbols):
                worth += shares[column] * fill[session, column]
            worth = cash + worth
            for column in range(symbols):
                price = fill[session, column]
                size = np.floor(targets[order, column] * worth / price) - shares[column]
                change[column] = size
                if size < 0.0:
                    sold = -size
                    cash += sold * average[column] + sold * (price - average[column])
                    cash -= sold * rate * price
                    shares[column] -= sold
                    if shares[column] == 0.0:
                        average[column] = 0.0
            needed = 0.0
            for column in range(symbols):
                if change[column] > 0.0:
                    price = fill[session, column]
                    needed += change[column] * price + change[column] * rate * price
            scale = cash / needed if needed > cash else 1.0
            for column in range(symbols):
                if change[column] > 0.0:
                    price = fill[session, column]
                    size = np.floor(change[column] * scale)
                    cash -= size * price
                    cash -= size * rate * price
                    held = shares[column]
                    if size > 0.0:
                        shares[column] = held + size
                        average[column] = (
                            (average[column] * held + size * price) / shares[column] if held else price
                        )
            order += 1
        worth = 0.0
        for column in range(symbols):
            if shares[column] != 0.0:
                gain = shares[column] * (close[session, column] - average[column])
                worth += shares[column] * close[session, column] - gain
                worth += gain
        equity[session] = cash + worth
    return equity
