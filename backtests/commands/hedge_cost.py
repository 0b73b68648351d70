"""The command `hedge-cost`: an outright put and a put spread, priced side by side."""

from __future__ import annotations

import math

import pandas as pd

from backtests.document.blocks import Column, Row, Table
from backtests.document.terminal import Terminal, print_block
from backtests.options.surface import PricedHedge, SpreadCost
from backtests.settings.markets import open_market
from datafeeds.market import Market, MarketError
from datafeeds.series import series_table
from strategies.hedges import standing_of


def hedge_cost_command(cost: SpreadCost, market: str | None) -> None:
    """Print what the two structures cost, and where this SKEW stands in a market's history."""
    history = None if market is None else skew_history(open_market(market))
    console = Terminal()
    for line in cost_lines(cost):
        console.print(line)
    print_block(console, structure_table(cost))
    print_block(console, scenario_table(cost))
    console.print(skew_statement(cost.skew, history))


def skew_statement(skew: float, history: pd.Series[float] | None) -> str:
    """Where a SKEW stands, or how to find out.

    Parameters
    ----------
    skew : float
    history : Series, optional
        SKEW by date, not empty.
    """
    if history is None:
        return (
            f"Whether SKEW {skew:g} is high is a question of percentile, not of level: --market FOLDER, with "
            "a series skew, tells (142, for one, is the 92nd percentile since 1990 and the 53rd since 2021)."
        )
    return f"{standing_of(skew, history)} (to {history.index[-1]:%Y-%m-%d})."


def skew_history(market: Market, name: str = "skew") -> pd.Series[float]:
    """SKEW of a market by date.

    Raises
    ------
    MarketError
        If the market has no such series.
    """
    table = series_table(market, name)
    if not len(table.values):
        raise MarketError(f"series {name!r} of market {market.name!r} is empty")
    return pd.Series(table.values, index=pd.DatetimeIndex(table.dates))


def cost_lines(cost: SpreadCost) -> list[str]:
    """What the figures rest on, and what they come to, one sentence a line."""
    spread, outright = cost.spread, cost.outright
    lines = [
        f"VIX {cost.vix:g}, SKEW {cost.skew:g}, spot {cost.spot:g}, forward {cost.forward:.2f}, "
        f"{cost.days:g} days to expiry. Model prices at the middle of the market; an offer is dearer.",
    ]
    if cost.raised:
        lines.append(f"The mean jump had to be raised (kappa {cost.kappa:.3f}) for VIX and SKEW to be met.")
    if math.isfinite(cost.ratio):
        lines.append(
            f"The spread costs {cost.ratio:.1%} of the outright put; the put sold brings in the other "
            f"{1 - cost.ratio:.1%} and gives back every fall below {spread.short_strike:g}, where the spread "
            f"pays {spread.largest_payoff:g} at most."
        )
    if outright.price > 0 and spread.price > 0:
        lines.append(
            f"Largest payoff over price: spread {spread.largest_payoff / spread.price:.1f} times; the "
            "outright put's has no such cap before the spot is worth nothing."
        )
    return lines


def structure_table(cost: SpreadCost) -> Table:
    """Prices and break-evens."""
    pair = (cost.outright, cost.spread)
    yearly = (f"{each.price / cost.spot * 365 / cost.days:.2%}" for each in pair)
    sold = ("none" if each.short_strike is None else f"{each.short_strike:g}" for each in pair)
    rows = (
        Row.of("put bought, strike", *(f"{each.long_strike:g}" for each in pair)),
        Row.of("put sold, strike", *sold),
        Row.of("implied volatility, put bought", *(f"{each.implied_volatility:.1%}" for each in pair)),
        Row.of("price", *(f"{each.price:.4f}" for each in pair)),
        Row.of("price, share of spot", *(f"{each.price / cost.spot:.3%}" for each in pair)),
        Row.of("bought monthly, a year", *yearly),
        Row.of("break-even at expiry", *(_break_even(each, cost.spot) for each in pair)),
        Row.of("largest payoff", *(f"{each.largest_payoff:g}" for each in pair)),
    )
    return Table("Today", (Column("", "left"), Column("outright put"), Column("put spread")), rows)


def scenario_table(cost: SpreadCost) -> Table:
    """Profit after each move of the spot, at expiry and the moment after."""
    heads = ("spot moves", "outright, at expiry", "spread, at expiry", "outright, at once", "spread, at once")
    rows = tuple(
        Row.of(
            f"{ours.move:+.0%}",
            f"{ours.profit_at_expiry:+.3f}",
            f"{theirs.profit_at_expiry:+.3f}",
            f"{ours.immediate_profit:+.3f}",
            f"{theirs.immediate_profit:+.3f}",
        )
        for ours, theirs in zip(cost.outright.moves, cost.spread.moves, strict=True)
    )
    return Table(
        "Profit, premium paid (at once: VIX and SKEW unchanged, so a lower bound for the outright put)",
        tuple(map(Column, heads)),
        rows,
    )


def _break_even(hedge: PricedHedge, spot: float) -> str:
    if math.isnan(hedge.break_even):
        return "none: it costs more than it can pay"
    return f"{hedge.break_even:.2f} ({hedge.break_even / spot - 1:+.1%})"
