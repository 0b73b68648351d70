"""The hedge book of the event engine: rule 8, in Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from backtests.engine import rules
from backtests.options.overlay import (
    ALLOWANCE,
    ALLOWED,
    ASK,
    CLOSE,
    MARK,
    PREMIUM,
    RECEIVE,
    RECEIVED,
    UNITS,
    VALUE,
    WANTED,
    Overlay,
)
from datafeeds.market import Array


class HedgeBook:
    """Options held beside the portfolio, paid for out of the broker's cash.

    Parameters
    ----------
    overlay : Overlay
    broker : SessionBroker
    first, sessions : int
        Position of the run's first session in the market, and how many there are.

    Attributes
    ----------
    ratio, units : ndarray, shape (SLOTS,)
        Hedge ratio that the target in effect asks for, and units held.
    record : ndarray, shape (6, SLOTS, sessions)
        See `backtests.options.overlay.hedge_table`.
    """

    def __init__(self, overlay: Overlay, broker: Any, first: int, sessions: int) -> None:
        # Not a copy: the prices of a hedge that a later target names are written into the same memory.
        self._inputs = overlay.inputs[:, :, first : first + sessions]
        self._broker = broker
        slots = overlay.inputs.shape[1]
        self.ratio, self.units = np.zeros((2, slots))
        self.record = np.zeros((6, slots, sessions))

    def next_roll(self, session: int) -> int:
        """The next session on which a hedge is bought or settled; the session count if there is none."""
        concerned = (self.ratio > 0) | (self.units > 0)
        rolls = ~np.isnan(self._inputs[ASK, concerned, session + 1 :]).all(axis=0)
        ahead = np.flatnonzero(rolls) if concerned.any() else np.empty(0)
        return int(ahead[0]) + session + 1 if len(ahead) else self._inputs.shape[2]

    def roll(self, session: int, worth: float) -> None:
        """Settle what is held, then buy what the target in effect asks for; `worth` is that of the shares."""
        rolls = ~np.isnan(self._inputs[ASK, :, session])
        for slot in np.flatnonzero(rolls & (self.units > 0)).tolist():
            received = float(self.units[slot] * self._inputs[RECEIVE, slot, session])
            self._broker.receive(received)
            self.record[RECEIVED, slot, session] = received
            self.units[slot] = 0.0
        equity = float(self._broker.cash) + worth
        for slot in np.flatnonzero(rolls & (self.ratio > 0)).tolist():
            self._buy(slot, session, equity, worth)

    def _buy(self, slot: int, session: int, equity: float, worth: float) -> None:
        ask, close, allowance = self._inputs[[ASK, CLOSE, ALLOWANCE], slot, session].tolist()
        cash = float(self._broker.cash)
        wanted = rules.hedge_units(float(self.ratio[slot]), worth, close)
        allowed = rules.payable_units(wanted, ask, allowance * equity)
        units, step = rules.payable_units(allowed, ask, cash), 0
        while units > 0 and cash - units * ask < 0.0:
            units = rules.shrunk_shares(units, step, True)
            step += 1
        self._broker.receive(-(units * ask))
        self.units[slot] = units
        self.record[[WANTED, ALLOWED, PREMIUM], slot, session] = wanted, allowed, units * ask

    def values(self, start: int, stop: int) -> Array:
        """Worth of what is held at the closes of the run's sessions `start` to `stop` (excluded)."""
        total = np.zeros(stop - start)
        for slot in np.flatnonzero(self.units > 0).tolist():
            value = self.units[slot] * self._inputs[MARK, slot, start:stop]
            self.record[UNITS, slot, start:stop] = self.units[slot]
            self.record[VALUE, slot, start:stop] = value
            total += value
        return total
