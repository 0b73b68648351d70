"""A margin account on the event engine: shorts, what they cost, and what the house asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from backtests.engine import rules
from backtests.engine.backtrader_cash import Rebalancer, SessionBroker
from datafeeds.market import Array


class MarginBroker(SessionBroker):
    """Backtrader's broker for an account whose positions and cash may be below zero."""

    def _execute(
        self,
        order: Any,
        ago: int | None = None,
        price: float | None = None,
        cash: float | None = None,
        position: Any = None,
        dtcoc: float | None = None,
    ) -> None:
        """Backtrader's own; it opens nothing on a loan, so that is done here with the same arithmetic."""
        held, size = self.positions[order.data], order.executed.remsize
        opens = not held.size or (held.size > 0) == (size > 0)
        fee = self.getcommissioninfo(order.data).getcommission(size, price)
        left = float(self.cash) - size * price - fee
        if not opens or left >= 0.0:
            super()._execute(order, ago=ago, price=price, cash=cash, position=position, dtcoc=dtcoc)
            return
        moment = order.data.datetime
        held.update(size, price, moment.datetime())
        held.adjbase, self.cash = price, left
        none = 0.0
        order.execute(
            moment[0], size, price, 0, none, none, size, size * price, fee, none, none, held.size, held.price
        )

    def holdings(self, start: int, stop: int) -> Array:
        """As in a cash account; a short's value is added at once, as backtrader does."""
        held = np.flatnonzero(self.shares)
        marks = self._market.mark[self._first + start : self._first + stop, held]
        value = self.shares[held] * marks
        gain = np.where(self.shares[held] > 0, self.shares[held] * (marks - self.average[held]), 0.0)
        terms = np.empty((stop - start, 2 * len(held) + 1))
        terms[:, 0] = 0.0
        terms[:, 1::2] = value - gain
        terms[:, 2::2] = gain
        total: Array = np.cumsum(terms, axis=1)[:, -1]
        return total


@dataclass
class Intent:
    """What an order does today: shares that close and that open, without sign, and what became of it."""

    column: int
    buys: bool
    closing: float
    opening: float
    capped: bool
    refused: bool
    cut: bool = False
    stays: bool = False

    @property
    def size(self) -> float:
        """All of its shares, signed."""
        return self.closing + self.opening if self.buys else -(self.closing + self.opening)


class MarginRebalancer(Rebalancer):
    """Carries targets to a broker that lends."""

    def __init__(self) -> None:
        super().__init__()
        market = self.p.market
        self.loan = rules.loan_factors(market, self.account)
        self.fees = rules.borrow_factors(market, self.account)
        self.available = rules.borrowable(market)[self.window]
        self.borrow, self.sold = np.zeros((2, len(self.equity)))
        self.called = self.closed = False

    def next_busy(self, session: int) -> int:
        """Every session on which anything is held or owed: loans cost by the day, and the house looks."""
        if self.broker.shares.any() or self.broker.cash < 0.0:
            return session + 1
        return super().next_busy(session)

    def next(self) -> None:
        """Close of the session: mark, see whether the margin is kept, and decide if it is time."""
        session = len(self.data) - 1
        self.cash[session] = self.broker.cash
        equity = self.equity[session] = self.broker.getvalue()
        held = np.flatnonzero(self.broker.shares)
        values = self.broker.shares[held] * self.marks[session][held]
        margin, required = self.account.margin, 0.0
        for value in values.tolist():
            required += rules.margin_required(value, margin.maintenance_long, margin.maintenance_short)
            self.sold[session] -= min(value, 0.0)
        self.closed = self.closed or not equity > 0.0
        self.called = equity < required
        if self.deciding[session]:
            weights = np.zeros(len(self.broker.shares))
            if equity > 0.0:
                weights[held] = values / equity
            self._ask(session, weights)

    # The rules ---------------------------------------------------------------------------------------

    def _accrue(self, session: int) -> None:
        factor = self.growth[session]
        if self.broker.cash < 0.0:
            factor += self.loan[session]
        earned = self.broker.cash * factor
        self.broker.receive(earned)
        self.interest[session] = earned
        self._pay_for_loans(session)

    def _pay_for_loans(self, session: int) -> None:
        for column in np.flatnonzero(self.broker.shares < 0).tolist():
            value = -float(self.broker.shares[column]) * float(self.marks[session - 1, column])
            fee = value * float(self.fees[session, column])
            self.broker.receive(-fee)
            self.borrow[session] += fee

    def _force(self, session: int) -> None:
        shares = self.broker.shares
        if self.closed:
            for column in np.flatnonzero(self.open).tolist():
                self._leave(session, column, "account closed")
            for column in np.flatnonzero((shares != 0) & self.traded[session]).tolist():
                self._send(session, self._quote(session, column, -float(shares[column])), "closed out")
            return
        recalled = (shares < 0) & ~self.available[session - 1] & self.traded[session]
        for column in np.flatnonzero(recalled).tolist():
            self._send(session, self._quote(session, column, -float(shares[column])), "recall")
        if self.called:
            self._meet_call(session)

    def _meet_call(self, session: int) -> None:
        shares, fractional = self.broker.shares, self.account.fractional_shares
        required = self._required(session, shares)
        share = rules.kept_share(float(self.broker.cash + self._worth(self.prices_on(session))), required)
        for column in np.flatnonzero((shares != 0) & self.traded[session]).tolist() if share < 1.0 else ():
            held = float(shares[column])
            change = rules.kept_shares(held, share, fractional) - held
            if change != 0.0:
                self._send(session, self._quote(session, column, change), "margin call")

    def _required(self, session: int, shares: Array) -> float:
        """Equity that must stand behind `shares` at the session's fill prices, at the initial rates."""
        margin, total = self.account.margin, 0.0
        for column in np.flatnonzero(self.broker.shares).tolist():
            value = float(shares[column]) * float(self.prices_on(session)[column])
            total += rules.margin_required(value, margin.initial_long, margin.initial_short)
        return total

    def _replace_orders(self, session: int, target: Array) -> None:
        if not self.closed:
            super()._replace_orders(session, target)
            return
        for column in np.flatnonzero(self.open).tolist():
            self._leave(session, column, "superseded")
        self.weights = target
        for column in np.flatnonzero(self.weights != 0).tolist():
            self._leave(session, column, "account closed")

    def _fill_orders(self, session: int) -> None:
        equity = float(self.broker.cash + self._worth(self.prices_on(session)))
        equity = equity if equity > 0.0 else 0.0
        waiting, intents = self._intents(session, equity)
        self._keep_margin(session, equity, intents)
        for intent in intents:
            intent.stays = intent.capped or (intent.cut and waiting)
            if not intent.buys:
                self._send_parts(session, intent)
        self._send_buys(session, [intent for intent in intents if intent.buys], waiting)
        for intent in intents:
            self.open[intent.column] = intent.stays
            if not intent.stays and (intent.refused or intent.cut):
                self._leave(
                    session, intent.column, "can't be borrowed" if intent.refused else "initial margin"
                )

    def _intents(self, session: int, equity: float) -> tuple[bool, list[Intent]]:
        """Today's orders, and whether one that frees money stays open."""
        waiting, found = False, []
        for column in np.flatnonzero(self.open).tolist():
            price, held = float(self.prices_on(session)[column]), float(self.broker.shares[column])
            if np.isnan(price):
                continue
            fractional = self.account.fractional_shares
            wanted = rules.signed_shares(float(self.weights[column]), equity, price, fractional)
            if not self.traded[session, column]:
                waiting |= wanted < held or (wanted > held and held < 0)
                continue
            refused = wanted < min(held, 0.0) and not bool(self.available[session, column])
            wanted = min(held, 0.0) if refused else wanted
            size = rules.capped_shares(
                abs(wanted - held),
                float(self.volume[session, column]),
                self.account.costs.max_participation,
                fractional,
            )
            capped, buys = size < abs(wanted - held), wanted > held
            waiting |= capped and (not buys or held < 0)
            closing = min(size, abs(held)) if (held > 0 and not buys) or (held < 0 and buys) else 0.0
            found.append(Intent(column, buys, closing, size - closing, capped, refused))
        return waiting, found

    def _keep_margin(self, session: int, equity: float, intents: list[Intent]) -> None:
        """Scale what opens to the initial margin."""
        margin, costs, opened = self.account.margin, 0.0, 0.0
        left = self.broker.shares.copy()
        for intent in intents:
            if not abs(intent.size) > 0:
                continue
            quote = self._quote(session, intent.column, intent.size)
            size = abs(quote.size)
            cost = size * abs(quote.price - quote.reference) + quote.fee
            costs += cost * (intent.closing / size)
            opened += cost * (intent.opening / size)
            value = intent.opening * quote.reference if intent.buys else -(intent.opening * quote.reference)
            opened += rules.margin_required(value, margin.initial_long, margin.initial_short)
            left[intent.column] += intent.closing if intent.buys else -intent.closing
        share = rules.opened_share(equity - costs - self._required(session, left), opened)
        for intent in intents:
            if share < 1.0 and intent.opening > 0:
                intent.opening, intent.cut = self._scaled(intent.opening, share), True

    def _scaled(self, size: float, share: float) -> float:
        return size * share if self.account.fractional_shares else float(np.floor(size * share))

    def _send_parts(self, session: int, intent: Intent) -> None:
        """Send what closes and then what opens, at the price of the whole."""
        whole = self._quote(session, intent.column, intent.size)
        sign = 1.0 if intent.buys else -1.0
        for part in (intent.closing, intent.opening):
            if part > 0:
                self._send(session, whole._replace(size=sign * part))

    def _send_buys(self, session: int, buys: list[Intent], waiting: bool) -> None:
        covers = needed = 0.0
        for intent in buys:
            if intent.size > 0:
                quote = self._quote(session, intent.column, intent.size)
                money = quote.size * quote.price + quote.fee
                covers += money * (intent.closing / quote.size)
                needed += money * (intent.opening / quote.size)
        room = float(self.broker.cash) - covers
        share = rules.opened_share(room, needed)
        for intent in buys:
            if needed > room and intent.opening > 0:
                intent.opening = self._scaled(intent.opening, share)
                intent.stays |= waiting
            if intent.closing > 0:
                whole = self._quote(session, intent.column, intent.size)
                self._send(session, whole._replace(size=intent.closing))
            self._open_long(session, intent)

    def _open_long(self, session: int, intent: Intent) -> None:
        step = 0
        costs = self.account.costs
        while intent.opening > 0:
            quote = self._quote(session, intent.column, intent.size)._replace(size=intent.opening)
            fee = rules.commission(quote.size, quote.price, costs.commission_rate, costs.commission_per_share)
            if self.broker.cash - quote.size * quote.price - fee >= 0.0:
                self._send(session, quote)
                return
            intent.opening = rules.shrunk_shares(intent.opening, step, self.account.fractional_shares)
            step += 1
