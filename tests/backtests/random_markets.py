"""Random markets, accounts and decisions: small, realistic, with everything that can happen to an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from hypothesis import strategies as st

from backtests.engine.terms import Account, Costs, Margin
from backtests.options.overlay import SLOTS, Overlay, UnitPrices
from datafeeds.market import (
    BORROW_COLUMNS,
    FACT_COLUMNS,
    INSTRUMENT_COLUMNS,
    SERIES_COLUMNS,
    Array,
    Market,
    borrow_table,
)
from strategies.hedges import OutrightPut, PutSpread
from strategies.target import Hedge

LARGEST = 8
"""Most symbols of a random market."""

LONGEST = 60
"""Most sessions of a random market."""

_EMPTY_TABLES: dict[str, Any] = {
    "facts": pd.DataFrame(columns=list(FACT_COLUMNS)),
    "splits": pd.DataFrame(columns=["symbol", "date", "ratio"]),
}


@dataclass(frozen=True, eq=False)
class Scenario:
    """A market, an account, and what a strategy decides when.

    Attributes
    ----------
    market : Market
    account : Account
    targets : mapping of int to ndarray or None
        What is decided at the close of each decision session, by position in the market; None is to hold.
        The account's first session is always among them; some lie before or after the run.
    """

    market: Market
    account: Account
    targets: Mapping[int, Array | None]

    @property
    def deciding(self) -> npt.NDArray[np.bool_]:
        """Which sessions are decision sessions, shape (market sessions,)."""
        flags = np.zeros(len(self.market.sessions), dtype=np.bool_)
        flags[list(self.targets)] = True
        return flags

    def decide(self, session: int, weights: Array) -> Array | None:
        """The decision, whatever is held."""
        return self.targets[session]

    @property
    def decisions(self) -> tuple[Array, npt.NDArray[np.int64]]:
        """Targets and sessions of the decisions within the run that are not to hold."""
        made = {
            session: target
            for session, target in sorted(self.targets.items())
            if target is not None and self.account.first <= session <= self.account.last
        }
        slots = 0 if self.account.overlay is None else SLOTS
        rows = np.array(list(made.values())).reshape(len(made), len(self.market.symbols) + slots)
        return rows, np.array(list(made), dtype=np.int64)

    def __repr__(self) -> str:
        return (
            f"Scenario({self.market.name}: {self.market.close.shape}, {self.account}, {dict(self.targets)})"
        )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """A market with gaps, late listings, delistings, dividends, and volumes that are zero or unknown."""
    seed = draw(st.integers(0, 2**32 - 1))
    symbols = draw(st.integers(1, LARGEST))
    count = draw(st.integers(2, LONGEST))
    closes_only = draw(st.booleans())
    gaps = draw(st.sampled_from([0.0, 0.05, 0.4]))
    payouts = draw(st.sampled_from([0.0, 0.03, 0.3]))
    thin = draw(st.sampled_from([0.0, 0.1, 0.5]))
    late, ended = draw(st.booleans()), draw(st.booleans())
    wild = draw(st.sampled_from([0.01, 0.04, 0.2]))
    random = np.random.default_rng(seed)

    sessions = np.busday_offset("2020-01-01", np.arange(count + 1), roll="forward").astype("datetime64[D]")
    shape = (count, symbols)
    start = np.exp(random.uniform(np.log(2.0), np.log(200.0), symbols))
    walk = start * np.exp(np.cumsum(random.normal(0.0, wild, shape), axis=0))
    close = np.round(np.clip(walk, 0.5, 500.0), 2)
    open_ = np.round(np.clip(close * np.exp(random.normal(0.0, wild / 2, shape)), 0.5, 500.0), 2)
    dividend = np.where(
        random.random(shape) < payouts, np.round(close * random.uniform(0, 0.05, shape), 4), 0.0
    )
    volume = np.floor(np.exp(random.normal(random.uniform(2.0, 12.0, symbols), 1.0, shape)))
    volume[random.random(shape) < thin] = 0.0
    volume[random.random(shape) < thin / 2] = np.nan
    volume[:, random.random(symbols) < thin / 2] = np.nan
    if closes_only:
        open_ = close
        volume = np.full(shape, np.nan) if random.random() < 0.5 else volume

    absent = random.random(shape) < gaps
    rows = np.arange(count)[:, None]
    if late:
        absent |= rows < np.where(random.random(symbols) < 0.5, random.integers(0, count, symbols), 0)
    if ended:
        absent |= rows >= np.where(
            random.random(symbols) < 0.5, random.integers(1, count + 1, symbols), count
        )
    for array in (close, open_, volume):
        array[absent] = np.nan
    if not closes_only:
        open_[random.random(shape) < gaps / 4] = np.nan

    names = tuple(f"S{column}" for column in range(symbols))
    arrays = (open_, close, volume, dividend)
    return Market(
        name=f"random {seed}",
        source="random numbers",
        sessions=sessions[:-1],
        next_session=sessions[-1],
        symbols=names,
        open=open_,
        high=np.fmax(open_, close),
        low=np.fmin(open_, close),
        close=close,
        volume=volume,
        dividend=dividend,
        instruments=_instruments(names),
        series=_bills(sessions[:-1], random),
        closes_only=closes_only,
        # Market's own hash takes longer than a run, most of it for the tables, which are always alike.
        hash=sha256(repr((closes_only, names)).encode() + b"".join(map(bytes, arrays))).hexdigest(),
        **_EMPTY_TABLES,
    )


def _bills(sessions: npt.NDArray[np.datetime64], random: np.random.Generator) -> pd.DataFrame:
    """A yearly rate in percent, public a day late, at times below zero or stale."""
    kept = random.random(len(sessions)) < 0.8
    hole = random.integers(0, len(sessions))
    kept[hole : hole + random.integers(0, 25)] = False
    kept[0] = True
    dates = sessions[kept].astype("datetime64[s]")
    rows = ["bills"] * len(dates), dates, dates + np.timedelta64(1, "D"), random.normal(2, 2, len(dates))
    return pd.DataFrame(dict(zip(SERIES_COLUMNS, rows, strict=True)))


@lru_cache(maxsize=LARGEST)
def _instruments(names: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(dict.fromkeys(INSTRUMENT_COLUMNS, ""), index=range(len(names)))
    table["symbol"] = list(names)
    table["kind"] = "stock"
    for column in ("from", "to"):
        table[column] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[s]")
    return table


@st.composite
def costs(draw: st.DrawFn) -> Costs:
    """Costs from none to absurd."""
    return Costs(
        commission_bps=draw(st.sampled_from([0.0, 1.0, 7.5, 100.0, 1000.0])),
        commission_per_share=draw(st.sampled_from([0.0, 0.005, 0.7, 40.0])),
        half_spread_bps=draw(st.sampled_from([0.0, 2.0, 55.0, 1000.0])),
        impact=draw(st.sampled_from([0.0, 0.1, 1.0, 30.0])),
        max_participation=draw(st.sampled_from([0.0, 0.01, 0.1, 1.0])),
        dividend_withholding=draw(st.sampled_from([0.0, 0.15, 1.0])),
        participation_volume=draw(st.sampled_from(["known", "session"])),
        cash_rate=draw(st.sampled_from([0.0, 0.03, 0.5, "bills"])),
    )


@st.composite
def accounts(draw: st.DrawFn, sessions: int) -> Account:
    """An account that runs over a part of `sessions`, more often over all."""
    first = draw(st.one_of(st.just(0), st.integers(0, sessions - 1)))
    last = draw(st.one_of(st.just(sessions - 1), st.integers(first, sessions - 1)))
    return Account(
        capital=draw(st.sampled_from([50.0, 1_000.0, 99_999.99, 1e7])),
        costs=draw(costs()),
        lag=draw(st.integers(0, 3)),
        fractional_shares=draw(st.booleans()),
        first=first,
        last=last,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A market, an account, and decisions: often close together, unchanged, empty, or to hold."""
    market = draw(markets())
    count, symbols = market.close.shape
    account = draw(accounts(count))
    often = draw(st.sampled_from([0.05, 0.2, 0.7]))
    kinds = draw(
        st.lists(st.sampled_from(["mixed", "full", "one", "empty", "same", "hold"]), min_size=1, max_size=12)
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    decided = sorted({account.first, *np.flatnonzero(random.random(count) < often).tolist()})
    targets: dict[int, Array | None] = {}
    latest = np.zeros(symbols)
    for turn, session in enumerate(decided):
        target = _target(kinds[turn % len(kinds)], latest, random)
        targets[session] = target
        latest = latest if target is None else target
    return Scenario(market, account, targets)


@st.composite
def short_scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario whose decisions go short, in a market whose loans end, under mild and strict houses."""
    scenario = draw(scenarios())
    market, account = scenario.market, scenario.account
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    initial_long, initial_short = draw(st.sampled_from([(0.5, 0.5), (0.15, 0.2), (1.0, 1.0), (0.05, 0.05)]))
    kept = draw(st.sampled_from([0.4, 0.6, 1.0]))
    margin = Margin(
        initial_long=initial_long,
        initial_short=initial_short,
        maintenance_long=initial_long * kept,
        maintenance_short=initial_short * kept,
        loan_spread=draw(st.sampled_from([0.0, 0.02, 1.0])),
    )
    gross, mirrored = draw(st.sampled_from([0.5, 1.5, 2.0, 6.0])), draw(st.sampled_from([0.5, 1.0]))
    targets: dict[int, Array | None] = {}
    for session, weights in scenario.targets.items():
        if weights is None:
            targets[session] = None
            continue
        signs = np.where(random.random(len(weights)) < mirrored, -1.0, 1.0)
        row = weights * signs * random.uniform(0.3, gross)
        targets[session] = row / max(1.0, row.sum())
    return Scenario(
        replace(market, borrow=_loans(market, random, draw(st.sampled_from([0.0, 0.02, 0.3]))), hash=""),
        replace(
            account,
            costs=account.costs.model_copy(update={"borrow_rate": draw(st.sampled_from([0.0, 0.01, 3.0]))}),
            margin=margin,
            long_only=False,
        ),
        targets,
    )


def _loans(market: Market, random: np.random.Generator, often: float) -> pd.DataFrame:
    """What is said of loans, now and then, of a rate or of none."""
    sessions, columns = np.nonzero(random.random(market.close.shape) < often)
    rate = np.where(random.random(len(sessions)) < 0.7, random.exponential(0.2, len(sessions)), np.nan)
    names = np.array(market.symbols)[columns]
    said = names, market.sessions[sessions], rate, random.random(len(sessions)) < 0.6
    return borrow_table(pd.DataFrame(dict(zip(BORROW_COLUMNS, said, strict=True))))


def _target(kind: str, latest: Array, random: np.random.Generator) -> Array | None:
    symbols = len(latest)
    if kind == "hold":
        return None
    if kind == "same":
        return latest.copy()
    if kind == "empty":
        return np.zeros(symbols)
    if kind == "one":
        return np.where(np.arange(symbols) == random.integers(symbols), 1.0, 0.0)
    weights = random.exponential(size=symbols) * (random.random(symbols) < 0.7)
    if not weights.any():
        return weights
    weights *= (1.0 if kind == "full" else random.random()) / weights.sum()
    return weights


@st.composite
def hedged_scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario whose decisions hedge: book-keeping needs no surface, so options have random prices."""
    scenario = draw(scenarios())
    account = scenario.account
    count = len(scenario.market.sessions)
    overlay = Overlay(
        random_unit_prices(draw(st.integers(0, 2**32 - 1)), count, draw(st.sampled_from([0.1, 0.4, 1.0]))),
        count,
    )
    hedges = [
        Hedge(structure, 1.0, budget)
        for structure in (OutrightPut(), PutSpread(), OutrightPut(tenor=2, roll=1))
        for budget in (None, draw(st.sampled_from([0.0, 50.0, 5000.0])))
    ]
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest = draw(st.sampled_from([0.2, 1.5, 30.0]))
    targets: dict[int, Array | None] = {}
    for session, weights in scenario.targets.items():
        if weights is None:
            targets[session] = None
            continue
        named = [
            replace(hedge, ratio=float(random.uniform(0, largest)))
            for hedge in hedges
            if random.random() < 0.3
        ]
        targets[session] = np.concatenate([weights, overlay.ratios(named)])
    return Scenario(scenario.market, replace(account, overlay=overlay), targets)


def random_unit_prices(seed: int, sessions: int, often: float) -> Any:
    """A `price` function for an `Overlay` of `sessions`: free, worthless and dear options, rolled `often`."""
    random = np.random.default_rng(seed)
    close = np.exp(random.normal(4.0, 0.3, sessions))

    def price(structure: Any) -> UnitPrices:
        own = np.random.default_rng([seed, *repr(structure).encode()])
        rolls = own.random(sessions) < often

        def at_rolls(values: Array) -> Array:
            return np.where(rolls, values, np.nan)

        mark = close * own.exponential(0.05, sessions) * (own.random(sessions) < 0.9)
        return UnitPrices(
            mark=mark,
            ask=at_rolls(mark * 1.05),
            receive=at_rolls(close * own.exponential(0.1, sessions) * (own.random(sessions) < 0.5)),
            expired=rolls,
            forgone=at_rolls(np.zeros(sessions)),
            decay=-0.01 * mark,
            close=close,
            days=at_rolls(own.integers(1, 40, sessions).astype(np.float64)),
            strikes=np.tile(close[:, None], len(structure.legs)),
            expiry=np.full(sessions, np.datetime64("2030-01-18")),
        )

    return price
