"""Figures with a ladder of sources: the best that each company has, and which one it was.

The blueprint's sleeves and the claims about them read companies through these functions alone, so that what
is traded is what was tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.pillars import rate_betas
from strategies.signals.quality import expense_beta, matching_score, median, pricing_power, steadiness
from strategies.signals.quarters import Array, quarterly_history
from strategies.signals.valuation import YEAR

MARGIN_QUARTERS = 20
"""Quarters over which margins, and what a bank passes on, are judged."""

MERGER = 0.25
"""A year's change of a share count beyond this is a merger or an offering, not a buyback."""

MOST_NAMED = 6
"""Companies that are named one by one though the commonest source served them."""

UNKNOWN = "unknown"
"""What stands for the source of those of whom no source knows anything."""

POLICY_RATES = ("us3m", "us2y")
"""Series that a bank's interest follows, the first that the market has."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """One number a company, from the first source that has it.

    Attributes
    ----------
    symbols : tuple of str
    values : ndarray, shape (symbols,)
        NaN where no source has it.
    rungs : tuple of str
        Name of each symbol's source, empty where there is none.
    """

    symbols: tuple[str, ...]
    values: Array
    rungs: tuple[str, ...]

    @cached_property
    def known(self) -> list[str]:
        """Symbols with a number."""
        return [who for who, value in zip(self.symbols, self.values, strict=True) if not np.isnan(value)]

    @cached_property
    def served(self) -> dict[str, list[str]]:
        """Whom each source served, in the order of the companies; those whom none knows under `UNKNOWN`."""
        found: dict[str, list[str]] = {}
        for who, source in zip(self.symbols, self.rungs, strict=True):
            found.setdefault(source or UNKNOWN, []).append(who)
        return dict(sorted(found.items(), key=lambda item: item[0] == UNKNOWN))

    def words(self) -> str:
        """Which source served whom, by name: ``"dividends and count (BAC, JPM); unknown (BX)"``.

        Of many companies those are named that the commonest source did not serve.
        """
        served = self.served
        if not served:
            return "nobody"
        commonest = max(served, key=lambda source: len(served[source]))
        many = len(served[commonest]) > MOST_NAMED
        rest = f"{'all' if len(served) == 1 else 'the other'} {len(served[commonest])}"
        return "; ".join(
            f"{source} ({rest if many and source == commonest else ', '.join(who)})"
            for source, who in served.items()
        )


Source = Callable[[AsOf, list[str]], "Array | None"]
"""From companies to what one source knows of them, in their order; None where the market lacks the source."""


def laddered(see: AsOf, symbols: Sequence[str], *rungs: tuple[str, Source]) -> Ladder:
    """For each of `symbols` the first of `rungs` that knows it; each is asked about those still unknown."""
    names = [str(symbol) for symbol in symbols]
    values = np.full(len(names), np.nan)
    served = [""] * len(names)
    for name, source in rungs:
        unknown = np.flatnonzero(np.isnan(values)).tolist()
        found = source(see, [names[place] for place in unknown]) if unknown else None
        if found is None:
            continue
        for place, value in zip(unknown, found.tolist(), strict=True):
            if value == value:  # not NaN
                values[place], served[place] = value, name
    return Ladder(tuple(names), values, tuple(served))


def payout_yield(see: AsOf, symbols: Sequence[str]) -> Ladder:
    """What a company pays its owners in a year over what it is worth.

    Filed dividends and net repurchases; else a year's dividends per share over the price, plus the shrinkage
    of the split-adjusted share count; else the dividends alone.
    """
    return laddered(
        see,
        symbols,
        ("filed dividends and repurchases", _fact("shareholder_yield")),
        ("dividends per share and share count", _dividends_and_count),
        ("dividends per share", dividend_yield),
    )


def cash_yield(see: AsOf, symbols: Sequence[str]) -> Ladder:
    """Free cash flow over market value; else earnings over market value."""
    return laddered(
        see,
        symbols,
        ("free cash flow yield", _fact("free_cash_flow_yield")),
        ("earnings yield", earnings_yield),
    )


def margin_power(see: AsOf, companies: Sequence[str]) -> Ladder:
    """Whether a company sets its prices: 1 if so, 0 if not.

    A gross margin that is high and steady over 20 quarters (`pricing_power`); else a net margin that is
    steady (`steadiness`). Each company is compared with those that have the same source.
    """
    return laddered(
        see, companies, ("gross margin", _gross_power), ("steadiness of the net margin", _net_steadiness)
    )


def well_matched(see: AsOf, banks: Sequence[str]) -> Ladder:
    """Whether a bank's liabilities match its assets: 1 if at least as well as the median bank, else 0.

    `matching_score` of what is filed (`matching_traits`); else the size of the share's own rate beta on the
    2-year yield, small being matched. Each bank is compared with those that have the same source.
    """
    return laddered(see, banks, ("filed interest", _filed_match), ("rate beta of the share", _priced_match))


def leveraged(see: AsOf, companies: Sequence[str]) -> list[str]:
    """The more indebted half: long-term debt over assets at or above the median of those that file both."""
    if not (see.has("long_term_debt") and see.has("total_assets")):
        return []
    share = see.arrays.latest("long_term_debt", companies) / _positive(
        see.arrays.latest("total_assets", companies)
    )
    above = np.flatnonzero(share >= median(share))
    return [str(companies[place]) for place in above.tolist()]


def _fact(name: str) -> Source:
    return lambda see, symbols: see.arrays.latest(name, symbols) if see.has(name) else None


def _dividends_and_count(see: AsOf, symbols: list[str]) -> Array | None:
    shrunk = count_shrinkage(see, symbols)
    return None if shrunk is None else dividend_yield(see, symbols) + shrunk


def earnings_yield(see: AsOf, symbols: Sequence[str]) -> Array | None:
    """Net income of the twelve trailing months over market value; None where the market lacks either."""
    if not (see.has("net_income_ttm") and see.has("market_cap")):
        return None
    earned: Array = see.arrays.latest("net_income_ttm", symbols) / _positive(
        see.arrays.latest("market_cap", symbols)
    )
    return earned


def _gross_power(see: AsOf, companies: list[str]) -> Array | None:
    if not see.has("gross_margin"):
        return None
    return pricing_power(quarterly_history(see, "gross_margin", MARGIN_QUARTERS, companies))


def _net_steadiness(see: AsOf, companies: list[str]) -> Array | None:
    if not (see.has("net_income_ttm") and see.has("revenue_ttm")):
        return None
    revenue = quarterly_history(see, "revenue_ttm", MARGIN_QUARTERS, companies)
    income = quarterly_history(see, "net_income_ttm", MARGIN_QUARTERS, companies)
    return steadiness(income / _positive(revenue))


def _filed_match(see: AsOf, banks: list[str]) -> Array:
    return _upper_half(matching_score(matching_traits(see, banks)))


def _priced_match(see: AsOf, banks: list[str]) -> Array:
    return _upper_half(-np.abs(rate_betas(see, banks, "us2y").to_numpy()))


def dividend_yield(see: AsOf, symbols: Sequence[str]) -> Array:
    """Cash dividends of the last 252 sessions over the newest close; unknown with less history.

    A market of closes that are adjusted for dividends has none: everything is unknown there.

    Returns
    -------
    ndarray, shape (symbols,)
    """
    closes = see.arrays.closes(YEAR + 1, symbols)
    if len(closes) <= YEAR:
        return np.full(len(symbols), np.nan)
    before = _filled(closes)[:-1]
    paid = (1.0 + see.arrays.returns(YEAR, symbols)) * before - closes[1:]
    paid = np.where(paid > 1e-6 * before, paid, 0.0)
    total = np.where(np.isnan(closes[0]), np.nan, paid.sum(axis=0) / closes[-1])
    return total if (total > 0).any() else total * np.nan


def _filled(closes: Array) -> Array:
    """Each close carried on to the sessions without one."""
    latest = np.where(np.isnan(closes), 0, np.arange(len(closes))[:, None])
    np.maximum.accumulate(latest, axis=0, out=latest)
    return np.take_along_axis(closes, latest, axis=0)


def count_shrinkage(see: AsOf, symbols: Sequence[str]) -> Array | None:
    """Share of the split-adjusted share count that a year has taken away; negative where it grew.

    None without share counts in the market; unknown beyond `MERGER`.
    """
    if not see.has("shares"):
        return None
    shares = see.arrays.history("shares", YEAR + 1, symbols)
    if len(shares) <= YEAR:
        return None
    shrunk = 1.0 - shares[-1] / shares[0]
    return np.where(np.abs(shrunk) <= MERGER, shrunk, np.nan)


def matching_traits(see: AsOf, banks: Sequence[str]) -> Array:
    """What is filed of a bank's match of liabilities to assets, a column a trait, each the more the better.

    ``-|income beta - expense beta|`` from quarterly interest over assets, and the negatives of the concepts
    ``deposit_beta``, ``unrealised_loss_ratio`` (over tangible equity) and of the size of ``one_year_gap``,
    where a market has them.

    Returns
    -------
    ndarray, shape (banks, traits)
    """
    traits = []
    for name in ("deposit_beta", "unrealised_loss_ratio", "one_year_gap"):
        if see.has(name):
            values = see.arrays.latest(name, banks)
            traits.append(-(np.abs(values) if name == "one_year_gap" else values))
    rate = next((name for name in POLICY_RATES if see.has_series(name)), None)
    if rate is not None and all(map(see.has, ("interest_income", "interest_expense", "total_assets"))):
        assets = quarterly_history(see, "total_assets", MARGIN_QUARTERS, banks)
        income = quarterly_history(see, "interest_income", MARGIN_QUARTERS, banks) / assets
        expense = quarterly_history(see, "interest_expense", MARGIN_QUARTERS, banks) / assets
        policy = quarterly_series(see, rate, MARGIN_QUARTERS) / 400.0
        gaps = [
            expense_beta(income[:, bank], policy) - expense_beta(expense[:, bank], policy)
            for bank in range(len(banks))
        ]
        traits.append(-np.abs(np.array(gaps)))
    return np.column_stack(traits) if traits else np.empty((len(banks), 0))


def quarterly_series(see: AsOf, name: str, quarters: int) -> Array:
    """A daily series at the latest quarter ends, oldest first, as far as it is public today.

    Returns
    -------
    ndarray, shape (quarters,)
    """
    before_next_weekday = see.today + pd.offsets.BDay(1) - pd.Timedelta(days=1)
    ends = pd.date_range(end=before_next_weekday, periods=quarters, freq="QE")
    values = see.series(name, 70 * (quarters + 1)).sort_index()
    values = values[~values.index.duplicated(keep="last")]
    return np.asarray(values.reindex(ends, method="ffill"), dtype=np.float64)


def _positive(values: Array) -> Array:
    return np.where(values > 0, values, np.nan)


def _upper_half(scores: Array) -> Array:
    """1 for those at or above the median, 0 for those below, NaN for the unknown."""
    return np.where(np.isnan(scores), np.nan, scores >= median(scores))


def preferred(screen: Ladder) -> list[str]:
    """Those that a screen does not know to fail; all of them if none would be left."""
    kept = [who for who, passes in zip(screen.symbols, screen.values, strict=True) if passes != 0]
    return kept or list(screen.symbols)
