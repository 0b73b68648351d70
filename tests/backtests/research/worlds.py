"""Small markets in which a claim is true, or in which nothing of the kind goes on, to be tested on.

A world is made of daily returns that are drawn, a relation that is put in or left out, and whatever makes the
claim hard to judge besides: betas, persistent conditions, common factors, prices that move the ratio they are
part of. `TRUE` in a world says whether the relation is put in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

Array = np.ndarray[Any, np.dtype[np.float64]]
World = Callable[[np.random.Generator, bool], Market]
WORLDS: dict[str, World] = {}
YEARS = 252


@lru_cache(maxsize=8)
def days(start: str, count: int) -> pd.DatetimeIndex:
    """The first `count` sessions from `start`."""
    first = int(start[:4])
    return pd.DatetimeIndex(exchange_sessions(start, f"{first + count // 250 + 2}-12-31"))[:count]


@dataclass
class Stage:
    """What a world consists of: returns by symbol, what each symbol is, facts and series."""

    sessions: pd.DatetimeIndex
    returns: dict[str, Array] = field(default_factory=dict)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    facts: dict[str, dict[str, Array]] = field(default_factory=dict)
    series: dict[str, Array] = field(default_factory=dict)

    def put(
        self,
        symbol: str,
        returns: Array,
        group: str = "",
        sector: str = "",
        industry: str = "",
        kind: str = "stock",
    ) -> None:
        """Add a symbol."""
        self.returns[symbol] = returns
        self.rows[symbol] = {"group": group, "sector": sector, "industry": industry, "kind": kind}

    def state(self, fact: str, values: Mapping[str, Any]) -> None:
        """State a fact of some symbols at every close, as it is known there."""
        self.facts.setdefault(fact, {}).update(values)

    def market(self) -> Market:
        """The market; every stated fact is also put down as filed, so that the market says it has it."""
        count = len(self.sessions)
        symbols = list(self.returns)
        steps = np.column_stack([self.returns[symbol] for symbol in symbols])
        close = pd.DataFrame(100 * np.cumprod(1 + np.maximum(steps, -0.95), axis=0), self.sessions, symbols)
        instruments = pd.DataFrame([{"symbol": symbol} | self.rows[symbol] for symbol in symbols])
        filed = pd.DataFrame(
            {
                "symbol": symbols[0],
                "concept": list(self.facts),
                "fiscal_year": 1999,
                "fiscal_period": "FY",
                "filed": "2000-01-03",
                "value": 1.0,
            }
        )
        rows = [
            pd.DataFrame({"series": name, "date": self.sessions, "available": self.sessions, "value": values})
            for name, values in self.series.items()
        ]
        market = Market.from_wide(
            "a world",
            close,
            facts=filed if len(filed) else None,
            instruments=instruments,
            series=pd.concat(rows) if rows else None,
        )
        for fact, values in self.facts.items():
            array = np.full((count, len(symbols)), np.nan)
            for symbol, value in values.items():
                array[:, symbols.index(symbol)] = value
            array.setflags(write=False)
            market.derived[fact] = array
        return market


def stage(count: int, start: str = "2000-01-03") -> Stage:
    return Stage(days(start, count))


def world(key: str) -> Callable[[World], World]:
    """Put a world down for the claim of that key."""

    def put(made: World) -> World:
        WORLDS[key] = made
        return made

    return put


def noise(generator: np.random.Generator, count: int, size: float) -> Array:
    return generator.normal(0.0, size, count)


def persistent(generator: np.random.Generator, count: int, memory: float, size: float) -> Array:
    """A first-order autoregression with standard deviation `size`."""
    shocks = noise(generator, count, size * (1 - memory**2) ** 0.5)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks))


def walk(generator: np.random.Generator, count: int, size: float) -> Array:
    return np.cumsum(noise(generator, count, size))


def regimes(generator: np.random.Generator, count: int, length: float) -> Array:
    """Two states, 0 and 1, each lasting `length` sessions on average."""
    return np.cumsum(generator.random(count) < 1 / length) % 2.0


def before(values: Array) -> Array:
    """What was known at the close before."""
    return np.concatenate([values[:1] * 0, values[:-1]])


def market_returns(generator: np.random.Generator, count: int) -> Array:
    """A market with calm and turbulent times."""
    volatility = 0.009 * np.exp(persistent(generator, count, 0.99, 0.35))
    return 0.0003 + volatility * generator.standard_normal(count)


def with_market(generator: np.random.Generator, count: int, start: str = "2000-01-03") -> tuple[Stage, Array]:
    made = stage(count, start)
    whole = market_returns(generator, count)
    made.put("SPY", whole, "cap_weighted", kind="etf")
    return made, whole


def put_group(
    made: Stage,
    generator: np.random.Generator,
    name: str,
    common: Array,
    members: int = 3,
    own: float = 0.008,
    **more: str,
) -> list[str]:
    symbols = [f"{name[:3].upper()}{number}" for number in range(members)]
    for symbol in symbols:
        made.put(symbol, common + noise(generator, len(common), own), name, **more)
    return symbols


def put_receivers(made: Stage, generator: np.random.Generator, common: Array) -> None:
    for name in ("financials", "healthcare"):
        put_group(made, generator, name, common)
    made.put("IWM", common, "small_cap", kind="etf")


# --- Valuation ------------------------------------------------------------------------------------


@world("hardware_above_software")
def dear_hardware(generator: np.random.Generator, true: bool) -> Market:
    """Hardware above anything software sold for, or below."""
    count = 600
    made, whole = with_market(generator, count, "2024-01-02")
    for name, usual in (("software", 9.0), ("ai_hardware", 16.0 if true else 7.0)):
        for symbol in put_group(made, generator, name, whole, 5):
            level = usual * np.exp(noise(generator, 1, 0.1) + persistent(generator, count, 0.99, 0.05))
            made.state("price_to_sales", {symbol: level})
    return made.market()


@world("gap_predicts")
def gap(generator: np.random.Generator, true: bool) -> Market:
    """A multiple that hardware's own returns move, which falls back or by which nothing follows."""
    count = 20 * YEARS
    made, whole = with_market(generator, count)
    news, own = noise(generator, count, 0.008), noise(generator, count, 0.008)
    level = np.zeros(count)
    relative = np.zeros(count)
    for day in range(1, count):
        relative[day] = news[day] - (0.008 * level[day - 1] if true else 0.0)
        level[day] = 0.999 * level[day - 1] + 0.4 * news[day] + own[day]
    hardware = put_group(made, generator, "ai_hardware", whole + relative)
    software = put_group(made, generator, "software", whole)
    made.state("price_to_sales", dict.fromkeys(hardware, 8.0 * np.exp(level)) | dict.fromkeys(software, 8.0))
    return made.market()


@world("dear_names_lag")
def dear_names(generator: np.random.Generator, true: bool) -> Market:
    """Names above the norm that fall behind, or don't."""
    count = 10 * YEARS
    made, whole = with_market(generator, count)
    for symbol in put_group(made, generator, "software", whole) + put_group(made, generator, "", whole, 8):
        made.state("price_to_sales", {symbol: 8.0})
    for number in range(5):
        multiple = 8.0 * np.exp(persistent(generator, count, 0.995, 0.4))
        drag = -0.0012 * (before(multiple) > 8.0) if true else 0.0
        made.put(f"HW{number}", whole + drag + noise(generator, count, 0.012), "ai_hardware")
        made.state("price_to_sales", {f"HW{number}": multiple})
    made.state("market_cap", dict.fromkeys(made.returns, 1.0))
    return made.market()


@world("spending_boundary")
def spending(generator: np.random.Generator, true: bool) -> Market:
    """Spending that outgrows software for years at a time."""
    count = 20 * YEARS
    made, whole = with_market(generator, count)
    fast = regimes(generator, count, 2 * YEARS)
    capital = np.exp(np.cumsum(np.where(fast > 0, 0.3, 0.0) / YEARS))
    growth = np.full(count, np.nan)
    growth[YEARS:] = capital[YEARS:] / capital[:-YEARS] - 1
    above = np.nan_to_num(growth) > 0.1
    drag = -0.0021 * before(above.astype(float)) if true else 0.0
    put_group(made, generator, "ai_hardware", whole + drag + noise(generator, count, 0.006), own=0.003)
    for symbol in put_group(made, generator, "software", whole):
        made.state("revenue_growth", {symbol: 0.1})
    for symbol in ("AMZN", "GOOGL", "META"):
        made.put(symbol, whole + noise(generator, count, 0.01))
        made.state("capital_expenditure_ttm", {symbol: capital})
    return made.market()


# --- Contagion ------------------------------------------------------------------------------------


def semiconductors(generator: np.random.Generator, infected: float, after: float) -> Market:
    """Twelve companies with a common industry and news of their own, which infects the others or doesn't."""
    count = 10 * YEARS
    made, whole = with_market(generator, count)
    industry = 0.011 * np.exp(persistent(generator, count, 0.99, 0.3)) * generator.standard_normal(count)
    news = generator.normal(0.0, 0.10, (count, 12)) * (generator.random((count, 12)) < 4 / YEARS)
    bad = (news < -0.11).any(axis=1)
    lasting = np.convolve(before(bad.astype(float)), np.ones(21))[:count] > 0
    common = 1.2 * whole + industry + infected * bad + after * lasting
    for number in range(12):
        own = noise(generator, count, 0.015) + news[:, number]
        made.put(f"HW{number}", common * generator.uniform(0.7, 1.3) + own, "ai_hardware")
    return made.market()


@world("shock_spreads")
def contagion(generator: np.random.Generator, true: bool) -> Market:
    return semiconductors(generator, -0.012 if true else 0.0, 0.0)


@world("shock_goes_on")
def lasting_contagion(generator: np.random.Generator, true: bool) -> Market:
    return semiconductors(generator, 0.0, -0.0055 if true else 0.0)


# --- Pillars --------------------------------------------------------------------------------------


@world("oil_helps")
def oil(generator: np.random.Generator, true: bool) -> Market:
    """Oil that moves with the market; the receivers have a beta of 1.3."""
    count = 16 * YEARS
    made, whole = with_market(generator, count)
    moves = 0.5 * whole + noise(generator, count, 0.02)
    made.series["brent"] = 60 * np.exp(np.cumsum(moves))
    put_receivers(
        made, generator, 1.3 * whole - (0.12 if true else 0.0) * moves + noise(generator, count, 0.005)
    )
    return made.market()


@world("oil_predicts")
def oil_ahead(generator: np.random.Generator, true: bool) -> Market:
    """Receivers that follow oil's fall with a delay, or don't."""
    count = 16 * YEARS
    made, whole = with_market(generator, count)
    moves = noise(generator, count, 0.02)
    made.series["brent"] = 60 * np.exp(np.cumsum(moves))
    month = np.convolve(moves, np.ones(21))[:count]
    drift = -0.012 * before(month) if true else 0.0
    put_receivers(made, generator, whole + drift + noise(generator, count, 0.005))
    return made.market()


def yields(generator: np.random.Generator, true: bool, made: Stage, whole: Array) -> tuple[Array, Array]:
    """A 10-year yield that rises with the market, and what it does to a style with a beta of 1.3."""
    count = len(whole)
    changes = 1.5 * whole + noise(generator, count, 0.05)
    made.series["us10y"] = 4 + np.cumsum(changes)
    return changes, 1.3 * whole - (0.03 if true else 0.0) * changes + noise(generator, count, 0.004)


@world("small_on_yield")
def small_yield(generator: np.random.Generator, true: bool) -> Market:
    made, whole = with_market(generator, 16 * YEARS)
    made.put("IWM", yields(generator, true, made, whole)[1], "small_cap", kind="etf")
    return made.market()


@world("growth_on_yield")
def growth_yield(generator: np.random.Generator, true: bool) -> Market:
    made, whole = with_market(generator, 16 * YEARS)
    made.put("QQQ", yields(generator, true, made, whole)[1], "nasdaq", kind="etf")
    made.put("DIA", 0.9 * whole + noise(generator, len(whole), 0.002), "dow", kind="etf")
    return made.market()


@world("banks_on_yield")
def bank_yield(generator: np.random.Generator, true: bool) -> Market:
    made, whole = with_market(generator, 16 * YEARS)
    common = yields(generator, true, made, whole)[1]
    put_group(
        made, generator, "financials", common, own=0.003, sector="Financials", industry="Diversified Banks"
    )
    return made.market()


@world("floating_debt")
def debt(generator: np.random.Generator, true: bool) -> Market:
    """Two rates that move together; only the short one matters where the claim is not true."""
    made, whole = with_market(generator, 16 * YEARS)
    count = len(whole)
    level = noise(generator, count, 0.04)
    long, short = level + noise(generator, count, 0.03), level + noise(generator, count, 0.03)
    made.series |= {"us10y": 4 + np.cumsum(long), "us2y": 3 + np.cumsum(short)}
    moved = long if true else short
    made.put("IWM", 1.2 * whole - 0.04 * moved + noise(generator, count, 0.005), "small_cap", kind="etf")
    return made.market()


@world("margins_on_yield")
def margins(generator: np.random.Generator, true: bool) -> Market:
    """Banks whose share of interest kept follows the yield, or its own way."""
    count = 24 * YEARS
    made, whole = with_market(generator, count)
    level = 4 + persistent(generator, count, 0.998, 1.2)
    made.series["us10y"] = level
    late = np.concatenate([np.full(63, level[0]), level[:-63]])
    year = pd.Series(late).rolling(YEARS, min_periods=1).mean().to_numpy()
    for symbol in put_group(made, generator, "financials", whole, 6):
        kept = 0.6 - (0.05 * year if true else 0.0) + persistent(generator, count, 0.998, 0.03)
        made.state("interest_income_ttm", {symbol: 100.0})
        made.state("interest_expense_ttm", {symbol: 100 * (1 - kept)})
    return made.market()


@world("thaw")
def banking(generator: np.random.Generator, true: bool) -> Market:
    count = 16 * YEARS
    made, whole = with_market(generator, count)
    vix = 19 * np.exp(persistent(generator, count, 0.99, 0.3))
    spread = 5 + persistent(generator, count, 0.995, 1.0)
    made.series |= {"vix": vix, "hy_oas": spread}
    narrower = np.concatenate([np.zeros(21), spread[21:] - spread[:-21]])
    drift = 0.0028 * before(((vix < 20) & (narrower < 0)).astype(float)) if true else 0.0
    common = 1.3 * whole + drift + noise(generator, count, 0.006)
    put_group(
        made, generator, "financials", common, sector="Financials", industry="Investment Banking & Brokerage"
    )
    return made.market()


# --- Companies' own figures -----------------------------------------------------------------------


@world("matched_banks")
def matched(generator: np.random.Generator, true: bool) -> Market:
    """Half of the banks don't mind rates; they do better, or no better."""
    count = 6 * YEARS
    made, whole = with_market(generator, count)
    changes = noise(generator, count, 0.06)
    made.series["us2y"] = 3 + np.cumsum(changes)
    for number in range(10):
        exposed = 0.05 * (number % 2)
        drift = 0.0016 if true and not exposed else 0.0
        made.put(
            f"B{number}", whole + exposed * changes + drift + noise(generator, count, 0.01), "financials"
        )
    put_group(made, generator, "", whole, 4)
    return made.market()


def ranked(generator: np.random.Generator, true: bool, group: str, fact: str) -> Market:
    """Ten companies whose yield foretells what they do, or doesn't."""
    count = 8 * YEARS
    made, whole = with_market(generator, count)
    for number in range(10):
        earned = 0.05 + persistent(generator, count, 0.995, 0.02)
        drift = 0.04 * before(earned - 0.05) if true else 0.0
        made.put(f"C{number}", whole + drift + noise(generator, count, 0.01), group)
        made.state(fact, {f"C{number}": earned})
    return made.market()


@world("shareholder_yield")
def payout(generator: np.random.Generator, true: bool) -> Market:
    return ranked(generator, true, "financials", "shareholder_yield")


@world("free_cash_flow_yield")
def free_cash(generator: np.random.Generator, true: bool) -> Market:
    return ranked(generator, true, "healthcare", "free_cash_flow_yield")


@world("strong_margins")
def strong(generator: np.random.Generator, true: bool) -> Market:
    """High and steady margins, or low and unsteady ones."""
    count = 10 * YEARS
    made, whole = with_market(generator, count)
    for number in range(10):
        power = number % 2
        level = (0.7 if power else 0.4) + persistent(generator, count, 0.98, 0.01 if power else 0.08)
        drift = 0.0012 * power if true else 0.0
        made.put(f"C{number}", whole + drift + noise(generator, count, 0.01), "healthcare")
        made.state("gross_margin", {f"C{number}": level})
    return made.market()


@world("healthcare_defends")
def defence(generator: np.random.Generator, true: bool) -> Market:
    """A low beta either way; one that is lower in falls where the claim is true."""
    count = 16 * YEARS
    made, whole = with_market(generator, count)
    month = np.convolve(whole, np.ones(21))[:count]
    beta = np.where(month < 0, 0.25, 0.95) if true else 0.6
    put_group(made, generator, "healthcare", beta * whole + noise(generator, count, 0.004), own=0.004)
    return made.market()


# --- Style ----------------------------------------------------------------------------------------


@world("equal_when_concentrated")
def concentration(generator: np.random.Generator, true: bool) -> Market:
    """Five companies that outgrow twenty others and fall back, by chance or once they are too large."""
    count = 33 * YEARS
    made = stage(count, "1990-01-02")
    whole = market_returns(generator, count)
    lead = noise(generator, count, 0.003)
    growing = np.arange(count) // (2 * YEARS) % 2
    level, high, extreme, seen = 0.0, np.inf, 0.0, [0.0]
    for day in range(count):
        if day % 21 == 0:
            seen.append(level)
            high = float(np.quantile(seen, 0.8)) if len(seen) > 24 else np.inf
        if true:
            extreme += (float(level > high) - extreme) / YEARS
            lead[day] += 0.0016 * growing[day] - 0.0045 * extreme
        level += lead[day]
    for number in range(25):
        large = number < 5
        own = whole + (lead if large else 0.0) + noise(generator, count, 0.003)
        made.put(f"C{number}", own)
        made.state("market_cap", {f"C{number}": (10.0 if large else 2.0) * np.cumprod(1 + own)})
    return made.market()


def rotations(generator: np.random.Generator, follows: float, sessions: int, fall: float) -> Market:
    """Days on which the Dow rises and the Nasdaq falls, with or without something that follows."""
    count = 20 * YEARS
    made, whole = with_market(generator, count)
    dow = whole + noise(generator, count, 0.003)
    nasdaq = whole + noise(generator, count, 0.009)
    hardware = nasdaq + noise(generator, count, 0.012)
    chosen = (dow > 0.01) & (nasdaq < 0) & (hardware < -fall)
    lasting = np.convolve(before(chosen.astype(float)), np.ones(sessions))[:count] > 0
    shift = follows * lasting
    if fall:
        hardware = hardware - shift
    else:
        dow = dow + shift
    again = (dow > 0.01) & (nasdaq < 0)
    made.put("DIA", dow, "dow", kind="etf")
    made.put("QQQ", np.where(again & ~chosen & (shift != 0), whole, nasdaq), "nasdaq", kind="etf")
    made.put(
        "HW",
        np.where(chosen & (fall > 0), np.minimum(hardware, -0.051), np.maximum(hardware, -0.049)),
        "ai_hardware",
    )
    return made.market()


@world("rotation_persists")
def lasting_rotation(generator: np.random.Generator, true: bool) -> Market:
    return rotations(generator, 0.0035 if true else 0.0, 21, 0.0)


@world("hardware_lags_on")
def lagging_hardware(generator: np.random.Generator, true: bool) -> Market:
    return rotations(generator, 0.0035 if true else 0.0, 63, 0.008)


def momentum(generator: np.random.Generator, true: bool) -> Array:
    """A relative return whose drift lasts for a year and more, or that has none."""
    count = 20 * YEARS
    drift = 0.0011 * (2 * regimes(generator, count, 1.5 * YEARS) - 1) if true else 0.0
    return drift + noise(generator, count, 0.006)


@world("dow_momentum")
def dow_trend(generator: np.random.Generator, true: bool) -> Market:
    made, whole = with_market(generator, 20 * YEARS)
    made.put("DIA", whole + momentum(generator, true), "dow", kind="etf")
    made.put("QQQ", whole, "nasdaq", kind="etf")
    return made.market()


@world("small_momentum")
def small_trend(generator: np.random.Generator, true: bool) -> Market:
    made, whole = with_market(generator, 20 * YEARS)
    made.put("IWM", whole + momentum(generator, true), "small_cap", kind="etf")
    return made.market()


# --- Hedging --------------------------------------------------------------------------------------


@world("skew_extreme")
def skew_level(generator: np.random.Generator, true: bool) -> Market:
    """142 far above what SKEW usually is, or in the midst of it."""
    count = 24 * YEARS
    made, _ = with_market(generator, count)
    made.series["skew"] = (120.0 if true else 138.0) + persistent(generator, count, 0.97, 7.0)
    return made.market()


@world("skew_drawdown")
def falls(generator: np.random.Generator, true: bool) -> Market:
    """A market that falls after an extreme SKEW, or whose falls come by themselves."""
    count = 24 * YEARS
    made = stage(count)
    skew = 125 + persistent(generator, count, 0.98, 8.0)
    rank = pd.Series(skew).rolling(5 * YEARS, min_periods=252).rank(pct=True).to_numpy()
    drift = -0.0075 * before((rank > 0.9).astype(float)) if true else 0.0
    made.put("SPY", market_returns(generator, count) + drift, "cap_weighted", kind="etf")
    made.series["skew"] = skew
    return made.market()


@world("spreads_cheaper")
def spreads(generator: np.random.Generator, true: bool) -> Market:
    """SKEW beside a VIX that goes its own way; without the relation SKEW says next to nothing."""
    count = 24 * YEARS
    made, _ = with_market(generator, count)
    own = persistent(generator, count, 0.98, 8.0)
    made.series["skew"] = 122 + (own if true else 0.02 * own)
    made.series["vix"] = 18 * np.exp(persistent(generator, count, 0.98, 0.2))
    return made.market()


# --- The whole, and the day -----------------------------------------------------------------------


@world("blueprint_beats")
def whole_rule(generator: np.random.Generator, true: bool) -> Market:
    """Hardware that grows dear and falls, or grows dear and nothing follows."""
    count = 8 * YEARS
    made, market = with_market(generator, count, "2010-06-01")
    for group, members in (("software", 3), ("financials", 3), ("healthcare", 3)):
        for symbol in put_group(made, generator, group, market, members, own=0.004):
            made.state("price_to_sales", {symbol: 8.0})
            made.state("market_cap", {symbol: 1.0})
            made.state("revenue_growth", {symbol: 0.1})
    made.put("IWM", market + noise(generator, count, 0.003), "small_cap", kind="etf")
    for number in range(3):
        multiple = 8.0 * np.exp(0.3 + persistent(generator, count, 0.995, 0.3))
        drag = -0.0025 * before(np.clip(multiple / 8.0 - 1, 0, 1)) if true else 0.0
        symbol = f"HW{number}"
        made.put(symbol, market + drag + noise(generator, count, 0.008), "ai_hardware")
        made.state("price_to_sales", {symbol: multiple})
        made.state("market_cap", {symbol: 2.0})
        made.state("revenue_growth", {symbol: 0.1 + persistent(generator, count, 0.99, 0.2)})
    return made.market()


def stretch(
    generator: np.random.Generator, drift: float, start: str, count: int
) -> tuple[Stage, Array, Array]:
    made, whole = with_market(generator, count, start)
    return made, whole, drift + noise(generator, count, 0.005)


@world("technology_won")
def technology(generator: np.random.Generator, true: bool) -> Market:
    made, whole, lead = stretch(generator, 0.0009 if true else 0.0, "2009-01-02", 2200)
    put_group(made, generator, "ai_hardware", whole + lead, own=0.004)
    put_receivers(made, generator, whole)
    return made.market()


@world("receivers_protected")
def protection(generator: np.random.Generator, true: bool) -> Market:
    made, whole, lead = stretch(generator, 0.0018 if true else 0.0, "2000-01-03", 760)
    put_receivers(made, generator, whole + lead)
    put_group(made, generator, "ai_hardware", whole)
    # One that left, so that hindsight is no reason to set the estimate aside.
    return made.market()


@world("johnson_and_johnson")
def the_day(generator: np.random.Generator, true: bool) -> Market:
    count = 620
    made, whole = with_market(generator, count, "2024-01-02")
    own = whole + noise(generator, count, 0.01)
    own[made.sessions.get_loc("2026-06-04")] = (
        0.046 if true else 0.0221
    ) + 0.001 * generator.standard_normal()
    made.put("JNJ", own)
    return made.market()
