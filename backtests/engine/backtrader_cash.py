"""A cash account on the event engine: its broker, and the strategy that carries targets to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import backtrader as bt
import numpy as np

from backtests.engine import rules
from backtests.engine.backtrader_hedges import HedgeBook
from backtests.engine.terms import Account
from datafeeds.market import Array, Market


class EngineError(RuntimeError):
    """The engine broke one of its own rules: a fault in this program, never in the run file."""


class CostScheme(bt.CommInfoBase):  # type: ignore[misc]
    """Commission as `backtests.engine.rules.commission` defines it."""

    params = (("rate", 0.0), ("per_share", 0.0), ("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return rules.commission(abs(size), price, self.p.rate, self.p.per_share)


class SessionOrder(bt.Order):  # type: ignore[misc]
    """An order that is filled as it is sent.

    It is made without the fifteen parameters and the times of day that an order needs while it waits, which
    took half of a run's time.
    """

    p = SimpleNamespace(simulated=False)

    @classmethod
    def sent(cls, data: Any, size: float) -> SessionOrder:
        """Make a market order in `data`; `size` is negative for a sell."""
        order = cls.__new__(cls)  # calling the class would look up the parameters
        order.ref = next(cls.refbasis)
        order.data, order.size = data, size
        order.ordtype, order.exectype = cls.Buy if size > 0 else cls.Sell, cls.Market
        order.status = cls.Accepted
        order.executed = bt.order.OrderData(remsize=size)
        return order


class SessionBroker(bt.brokers.BackBroker):  # type: ignore[misc]
    """Backtrader's broker, filling on sending and valuing with NumPy."""

    def prepare(self, market: Market, account: Account, datas: list[Any]) -> None:
        """Take the starting cash and the cost scheme; positions stand in column order."""
        self._market = market
        self._first = account.first
        self._column = {data: column for column, data in enumerate(datas)}
        self._paid = CostScheme(
            rate=account.costs.commission_rate, per_share=account.costs.commission_per_share
        )
        self._free = CostScheme()
        self._settling: Any = None
        self.shares = np.zeros(len(datas))
        self.average = np.zeros(len(datas))
        self._hedge_value = 0.0
        self.cash: float
        self.set_cash(account.capital)

    def getcommissioninfo(self, data: Any) -> Any:
        """The run's costs; none while a delisted symbol is settled."""
        return self._free if data is self._settling else self._paid

    def receive(self, amount: float) -> None:
        """Add to cash what does not come from an order: dividends, interest, options."""
        self.cash += amount

    def settle(self, data: Any, price: float) -> SessionOrder:
        """Close the position in a delisted symbol at its last close, `price`, without costs."""
        self._settling = data
        try:
            return self.fill(data, -self.getposition(data).size, price)
        finally:
            self._settling = None

    def fill(self, data: Any, size: float, price: float) -> SessionOrder:
        """Execute an order over `size` shares, signed, at the price that it was sized on."""
        order = SessionOrder.sent(data, size)
        self._execute(order, ago=0, price=price)
        if order.status != order.Completed:
            raise EngineError(
                f"{data._name}: order over {size} shares was not filled: {order.getstatusname()}"
            )
        position = self.positions[data]
        column = self._column[data]
        self.shares[column] = position.size
        self.average[column] = position.price
        return order

    def notify(self, order: Any) -> None:
        """Tell nobody: an order is filled when `fill` returns, and whoever sent it reads it then.

        Notices would keep every order, and the trades made of it, until the run ends.
        """

    def _ococheck(self, order: Any) -> None:
        """No order cancels another."""

    def next(self) -> None:
        """Nothing is pending: value the holdings."""
        self._get_value()

    def holdings(self, start: int, stop: int) -> Array:
        """Value of the present holdings at the closes of the run's sessions `start` to `stop` (excluded).

        Returns
        -------
        ndarray, shape (stop - start,)
            Summed over columns as backtrader sums: first what was paid plus nothing gained, then the gain.
        """
        held = np.flatnonzero(self.shares)
        marks = self._market.mark[self._first + start : self._first + stop, held]
        value = self.shares[held] * marks
        gain = self.shares[held] * (marks - self.average[held])
        terms = np.empty((stop - start, 2 * len(held) + 1))
        terms[:, 0] = 0.0
        terms[:, 1::2] = value - gain
        terms[:, 2::2] = gain
        total: Array = np.cumsum(terms, axis=1)[:, -1]
        return total

    def mark_hedge(self, value: float) -> None:
        """Take the worth of the options at today's close into the account's."""
        self._hedge_value = value
        self._get_value()

    def _get_value(self, datas: Any = None, lever: bool = False) -> float:
        if datas is not None:
            value: float = super()._get_value(datas=datas, lever=lever)
            return value
        session = len(self.cerebro.datas[0]) - 1
        held = float(self.holdings(session, session + 1)[0])
        self._valuemkt = self._valuemktlever = held
        self._value = self._valuelever = self.cash + held + self._hedge_value
        return float(self._value)


class Quote(NamedTuple):
    """What an order costs: shares (signed), price before and after costs, commission in money, impact."""

    column: int
    size: float
    reference: float
    price: float
    fee: float
    impact: float


class Rebalancer(bt.Strategy):  # type: ignore[misc]
    """Carries targets to the broker: keeps the books of one run while backtrader executes."""

    params = (("market", None), ("account", None), ("decide", None), ("deciding", None))

    def __init__(self) -> None:
        market: Market = self.p.market
        self.account: Account = self.p.account
        self.window = slice(self.account.first, self.account.last + 1)
        count = self.account.last + 1 - self.account.first
        self.traded = rules.tradable(market)[self.window]
        self.fill_price, self.marks = market.fill_price[self.window], market.mark[self.window]
        self.priced = -1
        self.known = rules.last_known(market, self.account.first)
        costs = self.account.costs
        # What no cost asks for is no array: on a wide market each is as large as its prices.
        self.volume = self.volatility = self.average_volume = np.broadcast_to(np.nan, self.marks.shape)
        if costs.max_participation > 0:
            volume = rules.worked_out(market, rules.PARTICIPATION_VOLUME[costs.participation_volume])
            self.volume = volume[self.window]
        self.payments = market.dividend[self.window]
        self.gone = market.gone[self.window]
        self.growth = rules.interest_factors(market, self.account)
        if costs.impact > 0:
            volatility, average_volume = rules.impact_inputs(market)
            self.volatility, self.average_volume = volatility[self.window], average_volume[self.window]
        self.deciding = self.p.deciding[self.window].copy()
        self.deciding[0] = True
        self.equity, self.cash = np.zeros(count), np.zeros(count)
        self.dividends, self.interest = np.zeros(count), np.zeros(count)
        self.fills: list[tuple[Any, ...]] = []
        self.unfilled: list[tuple[Any, ...]] = []
        self.coming: dict[int, Array] = {}
        self.weights = np.zeros(len(market.symbols))
        self.open = np.zeros(len(market.symbols), dtype=bool)
        overlay = self.account.overlay
        self.hedges = None if overlay is None else HedgeBook(overlay, self.broker, self.account.first, count)

    def prices_on(self, session: int) -> Array:
        """Price at which each symbol's orders fill; the last close before, where it does not trade."""
        if self.priced != session:
            known = self.marks[session - 1] if session else self.known
            self.prices = np.where(self.traded[session], self.fill_price[session], known)
            self.priced = session
        return self.prices

    def _getminperstatus(self) -> int:
        """How many bars the feeds lack before the first decision: all stand on the same."""
        self._minperstatus = self._minperiods[0] - len(self.data)
        return int(self._minperstatus)

    # What happens when -----------------------------------------------------------------------------

    def next_busy(self, session: int) -> int:
        """The next session after `session` on which something can happen; the session count if none."""
        count = len(self.equity)
        if session + 1 >= count or self.open.any():
            return session + 1
        ahead = np.flatnonzero(self.deciding[session + 1 :])
        busy: int = min([count, *self.coming, *(ahead[:1] + session + 1).tolist()])
        if self.hedges is not None:
            busy = min(busy, self.hedges.next_roll(session))
        held = np.flatnonzero(self.broker.shares)
        if len(held):
            ended = np.flatnonzero(self.gone[session + 1 : busy, held].any(axis=1))
            busy = min([busy, *(ended[:1] + session + 1).tolist()])
            paying = np.flatnonzero(self.payments[session + 1 : busy, held].any(axis=1))
            busy = min([busy, *(paying[:1] + session + 1).tolist()])
        return busy

    def idle(self, start: int, stop: int) -> None:
        """Fill in the books of the sessions `start` to `stop` (excluded), on which only interest accrues."""
        for session in range(start, stop):
            self._accrue(session)
            self.cash[session] = self.broker.cash
        if stop > start:
            self.equity[start:stop] = self.cash[start:stop] + self.broker.holdings(start, stop)
            if self.hedges is not None:
                self.equity[start:stop] += self.hedges.values(start, stop)

    def next_open(self) -> None:
        """Interest, dividends, delistings, forced trades, new targets, then orders: rules 1 to 5, and 9."""
        session = len(self.data) - 1
        self._accrue(session)
        self._pay_dividends(session)
        self._settle_delisted(session)
        self._force(session)
        if session in self.coming:
            self._replace_orders(session, self.coming.pop(session))
        if self.open.any():
            self._fill_orders(session)

    def prenext_open(self) -> None:
        """The first session has nothing to open with: no cash has been at work yet."""

    def next(self) -> None:
        """Close of the session: mark, roll the hedge, and decide if it is time: rules 6 to 8."""
        session = len(self.data) - 1
        if self.hedges is not None:
            self.hedges.roll(session, float(self.broker.holdings(session, session + 1)[0]))
            self.broker.mark_hedge(float(self.hedges.values(session, session + 1)[0]))
        self.cash[session] = self.broker.cash
        self.equity[session] = self.broker.getvalue()
        if self.deciding[session]:
            held = self.broker.shares != 0
            weights = np.zeros(len(held))
            weights[held] = self.broker.shares[held] * self.marks[session][held] / self.equity[session]
            self._ask(session, weights)

    def _ask(self, session: int, weights: Array) -> None:
        target = self.p.decide(self.account.first + session, weights)
        fills_on = session + 1 + self.account.lag
        if target is not None and fills_on < len(self.equity):
            self.coming[fills_on] = target

    def stop(self) -> None:
        """Orders that are still open end with the run."""
        last = len(self.equity) - 1
        for column in np.flatnonzero(self.open).tolist():
            self._leave(last, column, "run ended")

    # The rules ---------------------------------------------------------------------------------------

    def _accrue(self, session: int) -> None:
        earned = self.broker.cash * self.growth[session]
        self.broker.receive(earned)
        self.interest[session] = earned

    def _pay_dividends(self, session: int) -> None:
        kept = 1.0 - self.account.costs.dividend_withholding
        for column in np.flatnonzero((self.broker.shares != 0) & (self.payments[session] > 0)).tolist():
            paid = float(self.broker.shares[column]) * float(self.payments[session, column])
            paid = paid * kept if paid > 0.0 else paid  # a short owes all of it
            self.broker.receive(paid)
            self.dividends[session] += paid

    def _settle_delisted(self, session: int) -> None:
        concerned = self.gone[session] & ((self.broker.shares != 0) | self.open)
        for column in np.flatnonzero(concerned).tolist():
            if self.broker.shares[column] != 0:
                price = float(self.marks[session - 1, column])
                order = self.broker.settle(self.datas[column], price)
                self._record(session, column, order, price, 0.0, 0.0, "delisting")
            if self.open[column]:
                self._leave(session, column, "delisted")

    def _force(self, session: int) -> None:
        """Rule 9, of which a cash account knows nothing."""

    def _replace_orders(self, session: int, target: Array) -> None:
        for column in np.flatnonzero(self.open).tolist():
            self._leave(session, column, "superseded")
        self.weights = target[: len(self.open)]
        if self.hedges is not None:
            self.hedges.ratio = target[len(self.open) :].copy()
        self.open = (self.weights != 0) | (self.broker.shares != 0)
        for column in np.flatnonzero(self.open & self.gone[session]).tolist():
            self._leave(session, column, "delisted")

    def _fill_orders(self, session: int) -> None:
        prices = self.prices_on(session)
        equity = self.broker.cash + self._worth(prices)
        fractional = self.account.fractional_shares
        selling = False
        buys: list[tuple[int, float, bool]] = []
        for column in np.flatnonzero(self.open).tolist():
            price = float(prices[column])
            if np.isnan(price):
                continue
            held = float(self.broker.shares[column])
            wanted = rules.wanted_shares(float(self.weights[column]), equity, price, fractional)
            if not self.traded[session, column]:
                selling |= wanted < held
                continue
            size = rules.capped_shares(
                abs(wanted - held),
                float(self.volume[session, column]),
                self.account.costs.max_participation,
                fractional,
            )
            capped = size < abs(wanted - held)
            if wanted > held:
                buys.append((column, size, capped))
                continue
            if size > 0:
                self._send(session, self._quote(session, column, -size))
            self.open[column] = capped
            selling |= capped
        self._buy(session, buys, selling)

    def _buy(self, session: int, buys: list[tuple[int, float, bool]], selling: bool) -> None:
        """Send the buys, scaled to the cash at hand; `buys` holds column, size, and whether it was capped."""
        quotes = [self._quote(session, column, size) for column, size, _ in buys]
        needed = 0.0
        for quote in quotes:
            needed += quote.size * quote.price + quote.fee
        cash = float(self.broker.cash)
        short = needed > cash
        for quote, (column, size, capped) in zip(quotes, buys, strict=True):
            if short:
                size = size * (cash / needed)
                if not self.account.fractional_shares:
                    size = float(np.floor(size))
                quote = self._quote(session, column, size)
            step = 0
            while quote.size > 0 and not self.broker.cash - quote.size * quote.price - quote.fee >= 0.0:
                size = rules.shrunk_shares(quote.size, step, self.account.fractional_shares)
                quote = self._quote(session, column, size)
                step += 1
            if quote.size > 0:
                self._send(session, quote)
            self.open[column] = capped or (short and selling)

    def _quote(self, session: int, column: int, size: float) -> Quote:
        """What an order over `size` shares, signed, costs."""
        costs, reference = self.account.costs, float(self.prices_on(session)[column])
        volatility, volume = float(self.volatility[session, column]), self.average_volume[session, column]
        price, fee, impact = rules.quoted(size, reference, costs, volatility, float(volume))
        return Quote(column, size, reference, price, fee, impact)

    def _send(self, session: int, quote: Quote, kind: str = "order") -> None:
        order = self.broker.fill(self.datas[quote.column], quote.size, quote.price)
        spread = self.account.costs.half_spread
        self._record(session, quote.column, order, quote.reference, spread, quote.impact, kind)

    def _worth(self, prices: Array) -> float:
        held = np.flatnonzero(self.broker.shares)
        terms = np.concatenate([[0.0], self.broker.shares[held] * prices[held]])
        return float(np.cumsum(terms)[-1])

    # The record --------------------------------------------------------------------------------------

    def _record(
        self, session: int, column: int, order: Any, reference: float, spread: float, impact: float, kind: str
    ) -> None:
        done = order.executed
        # `done.price` is an average over executions; dividing by the size again would cost its last bit.
        price = done.exbits[-1].price
        value = abs(done.size) * reference
        self.fills.append(
            (session, column, done.size, price, reference, done.comm, value * spread, value * impact, kind)
        )

    def _leave(self, session: int, column: int, reason: str) -> None:
        self.unfilled.append((session, column, float(self.weights[column]), reason))
        self.open[column] = False
