"""An engine by name, and a second opinion on what it returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from backtests.engine.books import Decide, Ledger
from backtests.engine.terms import Account, Engine
from backtests.options.overlay import target_row
from datafeeds.market import Array, Market

Run = Callable[[Market, Decide, npt.NDArray[np.bool_], Account], Ledger]

OTHER: dict[Engine, Engine] = {"event": "ledger", "ledger": "event"}
"""Which engine checks which."""

COMPARED = ("equity", "cash", "dividends", "interest")
"""Arrays of a ledger that must be the same to the last bit, besides what became of orders."""


EXACT = float(1 << 53)
"""Up to here every whole number is a float of its own."""


class OrderError(ValueError):
    """An order that no account can mean; the message names it."""


def engine_named(name: Engine) -> Run:
    """The `run` function of an engine.

    What is returned raises `OrderError` for books of more whole shares than can be counted.
    """
    if name == "ledger":
        from backtests.engine.kernel import run as engine  # numba: a fifth of a second to import
    else:
        from backtests.engine.backtrader import run as engine  # backtrader: a fifth

    def run(market: Market, decide: Decide, deciding: npt.NDArray[np.bool_], account: Account) -> Ledger:
        ledger = engine(market, decide, deciding, account)
        refuse_uncountable(ledger, account)
        return ledger

    return run


def refuse_uncountable(ledger: Ledger, account: Account) -> None:
    """Refuse books of more whole shares than can be counted.

    Raises
    ------
    OrderError
        Naming symbol, date and size of the first such order.
    """
    beyond = np.flatnonzero(np.abs(ledger.executions["shares"]) > EXACT)
    if len(beyond) and not account.fractional_shares:
        fill = ledger.fills.iloc[beyond[0]]
        raise OrderError(
            f"{fill['symbol']} {fill['session']:%Y-%m-%d}: an order of {abs(fill['shares']):.3g} shares at "
            f"{fill['reference']:g}: beyond 2^53 whole shares can't be counted; set less capital, or look at "
            "the price"
        )


def recomputed(ledger: Ledger, market: Market, account: Account, engine: Engine) -> Ledger:
    """The books that `engine` keeps for the decisions of `ledger`, in an account that may do what its did."""
    if ledger.borrow is not None:
        account = replace(account, overlay=None, long_only=False)
    targets: dict[int, Array] = {}
    for decision in ledger.decisions:
        target = decision.target
        columns = market.columns_of(target.weights)
        row = target_row(target, columns, len(market.symbols), account.overlay)
        targets[market.index_of(decision.session)] = row
    deciding = np.zeros(len(market.sessions), dtype=bool)
    deciding[list(targets)] = True
    return engine_named(engine)(market, lambda session, weights: targets.get(session), deciding, account)


def differences(one: Ledger, other: Ledger) -> list[str]:
    """What differs between two ledgers, in words; empty if they are the same to the last bit."""
    found = []
    # What is held follows from the fills: where these are the same there is nothing more to compare.
    filled = one.executions.same(other.executions)
    for name in COMPARED if filled else (*COMPARED, "positions"):
        ours, theirs = getattr(one, name), getattr(other, name)
        differs = ours != theirs
        if differs.any():
            first = int(np.argmax(differs.reshape(len(ours), -1).any(axis=1)))
            found.append(f"{name} differs on {int(differs.sum())} values, first on {one.sessions[first]}")
    for name in ("borrow", "sold"):
        ours, theirs = getattr(one, name), getattr(other, name)
        if (ours is None) != (theirs is None) or (ours is not None and not np.array_equal(ours, theirs)):
            found.append(f"{name} differs")
    if not filled:
        found.append("fills differ")
    if not one.endings.same(other.endings):
        found.append("unfilled differ")
    hedges = [ledger.hedge for ledger in (one, other) if ledger.hedge is not None]
    if len(hedges) == 1 or (hedges and not hedges[0].equals(hedges[1])):
        found.append("hedge differ")
    return found
