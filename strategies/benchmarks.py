"""Portfolios to compare with: cap-, equal- and price-weighted, and buy-and-hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from strategies.asof import AsOf, once_a_session
from strategies.schedule import Daily, Once
from strategies.signals import cap_weights, equal_weights, fundamental_weights, listed, universe
from strategies.sleeves import alike
from strategies.strategy import Strategy, require_group
from strategies.target import StrategyError, Target

Group = Annotated[str, Field(min_length=1)] | None
"""Name of a group, or None for every stock."""


def _as_tuple(symbols: Any) -> Any:
    return (symbols,) if isinstance(symbols, str) else symbols


Symbols = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
"""Symbols; one alone may be written without brackets."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A share of equity."""


def _universe(see: AsOf, group: str | None) -> list[str]:
    """The stocks, or the members of `group`, that trade today."""
    if group is None:
        return universe(see)
    require_group(see, "group", group)
    return see.members(group)


class CapWeighted(Strategy):
    """Hold every stock in proportion to its market capitalisation.

    A stock whose market cap is not known yet (nothing filed) is left out, and the reason names it. While none
    is known the money stays in cash.

    Attributes
    ----------
    group : str, optional
        Only the stocks and funds of this group; every stock if not given.
    """

    group: Group = None

    def decide(self, see: AsOf) -> Target | None:
        """Every stock in proportion to what the market says it is worth today."""
        symbols = _universe(see, self.group)
        return cap_weighted_target(see, symbols)


def cap_weighted_target(see: AsOf, symbols: Iterable[str] | None = None) -> Target | None:
    """`symbols`, or every stock, in proportion to market cap, with a reason that names the unknown.

    Returns
    -------
    Target or None
        All cash where no market cap is known; None (hold) if something is held by then.
    """
    return _unless_nothing_is_known(see, _cap_weighted(see, None if symbols is None else tuple(symbols)))


def _unless_nothing_is_known(see: AsOf, target: Target) -> Target | None:
    """`target`, or None where it is all cash and something is held."""
    return None if not target.weights and see.previous is not None and see.previous.weights else target


@once_a_session
def _cap_weighted(see: AsOf, chosen: tuple[str, ...] | None) -> Target:
    symbols = universe(see) if chosen is None else chosen
    weights = {str(symbol): weight for symbol, weight in cap_weights(see, symbols).items()}
    if not weights:
        return Target({}, why="no market cap is known yet: all cash")
    why = f"market-cap weights of {len(weights)} stocks"
    unknown = sorted(set(symbols) - set(weights))
    if unknown:
        why += f"; market cap unknown, so left out: {listed(unknown)}"
    return Target(weights, why=why)


def fundamental_target(see: AsOf, symbols: Iterable[str] | None = None) -> Target | None:
    """`symbols`, or every stock, in proportion to the size of the business; see `fundamental_weights`.

    Returns
    -------
    Target or None
        As from `cap_weighted_target`.
    """
    return _unless_nothing_is_known(see, _fundamental(see, None if symbols is None else tuple(symbols)))


@once_a_session
def _fundamental(see: AsOf, chosen: tuple[str, ...] | None) -> Target:
    symbols = universe(see) if chosen is None else chosen
    weights, measures = fundamental_weights(see, symbols)
    if weights.empty:
        return Target({}, why="no company's size is known yet: all cash")
    why = f"weights of {len(weights)} stocks by {listed(measures)}, five-year averages"
    unknown = sorted(set(symbols) - set(weights.index))
    return Target(weights, why=f"{why}; unknown, so left out: {listed(unknown)}" if unknown else why)


def equal_target(symbols: list[str]) -> Target:
    """`symbols` in equal weight."""
    # One number for all and the market's own words: years of such targets are tens of megabytes.
    return Target(dict(alike(symbols)), why=f"equal weights of {len(symbols)} symbols")


class FundamentalWeighted(Strategy):
    """Hold every stock in proportion to the size of its business, whatever its price.

    Five-year averages of sales, cash flow, dividends with buybacks, and book value, each where it is filed
    (Arnott, Hsu and Moore 2005).

    Attributes
    ----------
    group : str, optional
        Only the stocks and funds of this group; every stock if not given.
    """

    group: Group = None

    def decide(self, see: AsOf) -> Target | None:
        """Every stock in proportion to what it sells, earns, pays and owns."""
        return fundamental_target(see, _universe(see, self.group))


class EqualWeighted(Strategy):
    """Hold every stock in equal weight.

    ``schedule="daily"`` rebalances each session, ``schedule="once"`` never again.

    Attributes
    ----------
    group : str, optional
        Only the stocks and funds of this group; every stock if not given.
    """

    group: Group = None

    def decide(self, see: AsOf) -> Target | None:
        """Every stock alike."""
        return equal_target(_universe(see, self.group))


class PriceWeighted(Strategy):
    """Hold one share of each stock, as the Dow Jones Industrial Average does.

    Weights are in proportion to price at the decision's close, and left to drift until a stock enters or
    leaves: one share of each needs no rebalancing. Bought at the next session's prices, the shares differ by
    that session's moves. Prices are those of the decision's day, on its split basis, as an index of
    that day saw them.

    Attributes
    ----------
    group : str, optional
        Only the stocks and funds of this group; every stock if not given.
    """

    group: Group = None

    def decide(self, see: AsOf) -> Target | None:
        """One share of each, unless that is what is held."""
        symbols = _universe(see, self.group)
        if not symbols:
            return Target({}, why="nothing trades today: all cash")
        if see.previous is not None and set(see.previous.weights) == set(symbols):
            return None
        prices = see.closes(1, symbols=symbols).iloc[-1]
        return Target(prices / prices.sum(), why=f"one share of each of {len(symbols)} symbols")


REINVEST_ABOVE = 0.001
"""Share of equity in cash above which `BuyAndHold` reinvests: less is the remainder of whole shares."""


class BuyAndHold(Strategy):
    """Buy once and let it drift.

    With ``reinvest=True`` and a schedule such as ``schedule="monthly"``, returns are total returns: cash that
    dividends and delistings have brought in buys more of what is held, in the proportions to which it has
    drifted.

    Attributes
    ----------
    symbols : tuple of str
        What to buy; indices too, such as ``"SP500"``. One symbol may be given as a word. If none is given:
        the stocks that trade when the run begins.
    weights : tuple of float
        Share of the capital for each of `symbols`, at most 1 together; equal if not given.
    group : str, optional
        Buy the stocks and funds of this group instead of `symbols`.
    reinvest : bool or "ex-date"
        Whether cash is put to work at each decision of the schedule, so that everything is always invested.
        What has no price at the start is then spread over the others. With ``"ex-date"`` the schedule is
        daily: a dividend is back at work at the open after its ex-date, and a fund loses nothing to waiting.
    """

    schedule = Once()
    symbols: Symbols = ()
    weights: tuple[Share, ...] = ()
    group: Group = None
    reinvest: bool | Literal["ex-date"] = False

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        if self.reinvest == "ex-date":
            object.__setattr__(self, "schedule", Daily())

    def check(self) -> None:
        """Refuse symbols named twice, and weights that don't fit them."""
        if len(set(self.symbols)) < len(self.symbols):
            raise StrategyError(f"strategy.symbols = {list(self.symbols)}: name each symbol once")
        if self.symbols and self.group is not None:
            raise StrategyError("strategy.group and strategy.symbols exclude one another: give one of them")
        if self.weights and len(self.weights) != len(self.symbols):
            raise StrategyError(
                f"strategy.weights has {len(self.weights)} numbers for {len(self.symbols)} symbols; "
                "give one for each of strategy.symbols"
            )
        if sum(self.weights) > 1 + 1e-9:
            raise StrategyError(
                f"strategy.weights add to {sum(self.weights):g}; they must add to at most 1, the rest is cash"
            )
        if self.reinvest == "ex-date" and self.schedule not in (Once(), Daily()):
            raise StrategyError(
                'strategy.reinvest = "ex-date" looks for dividends every session: leave strategy.schedule out'
            )
        if self.reinvest is True and self.schedule == Once():
            raise StrategyError(
                'strategy.reinvest needs decisions to reinvest at: give strategy.schedule too, as "monthly"'
            )
        if self.reinvest and self.weights and sum(self.weights) < 1 - 1e-9:
            raise StrategyError(
                f"strategy.weights add to {sum(self.weights):g}, which leaves cash, and strategy.reinvest "
                "leaves none: let them add to 1, or do without it"
            )

    def decide(self, see: AsOf) -> Target | None:
        """Buy at the first decision; after it put cash to work, or do nothing."""
        if see.previous is not None and see.previous.weights:
            return self._reinvested(see) if self.reinvest else None
        symbols = self.symbols or tuple(_universe(see, self.group))
        weights = self.weights or tuple(equal_weights(symbols))
        closes = see.closes(1, symbols=symbols).iloc[-1]
        wanted = dict(zip(symbols, weights, strict=True))
        bought = {symbol: weight for symbol, weight in wanted.items() if closes[symbol] > 0}
        absent = sorted(set(symbols) - set(bought))
        if self.reinvest and bought:
            total = sum(bought.values())
            bought = {symbol: weight / total for symbol, weight in bought.items()}
        target = Target(bought, why=f"buy and hold {listed(bought) or 'nothing'}")
        if not absent:
            return target
        where = "spread over the others" if self.reinvest and bought else "left in cash"
        return target.note(f"no price today, so {where}: {listed(absent)}")

    def _reinvested(self, see: AsOf) -> Target | None:
        """What is held, in the proportions of today, with the cash spread over it."""
        held = see.weights
        invested = float(held.sum())
        cash = 1.0 - invested
        if cash <= REINVEST_ABOVE or invested <= 0:
            return None
        return Target(held / invested, why=f"{cash:.2%} in cash, reinvested in what is held")


def adjusted_divisor(divisor: float, before: float, after: float) -> float:
    """The divisor of a price-weighted index that keeps its level through an event.

    Parameters
    ----------
    divisor : float
        Divisor until the event.
    before, after : float
        Sum of the members' prices at the close before the event, without and with it: a split divides a
        price, a new member's replaces another's.

    Returns
    -------
    float
        ``divisor * after / before``.

    Notes
    -----
    S&P Dow Jones Indices, *Index Mathematics Methodology*, price-weighted indices.

    Examples
    --------
    A two-for-one split of a 60 dollar stock among three:

    >>> adjusted_divisor(3.0, before=120.0, after=90.0)
    2.25
    """
    if not (divisor > 0 and before > 0 and after > 0):
        raise ValueError(f"divisor {divisor} and price sums {before}, {after} must be positive")
    return divisor * after / before
