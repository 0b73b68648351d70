"""Figures with a ladder of sources: the best that each company has, and which one it was.

The blueprint's sleeves and the claims about them read companies through these functions alone, so that what
is traded is what was tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from strategies.asof import AsOf
from strategies.signals.pillars import rate_betas
from strategies.signals.quality import expense_beta, matching_score, pricing_power, steadiness
from strategies.signals.quarters import quarterly_history
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
    values : Series
        By symbol, NaN where no source has it.
    rungs : Series of str
        Name of the source, empty where there is none.
    """

    values: pd.Series[float]
    rungs: pd.Series[str]

    @property
    def known(self) -> list[str]:
        """Symbols with a number."""
        return [str(symbol) for symbol in self.values.index[self.values.notna()]]

    @property
    def served(self) -> dict[str, list[str]]:
        """Whom each source served, in the order of the companies; those whom none knows under `UNKNOWN`."""
        names = self.rungs.where(self.rungs != "", UNKNOWN)
        sources = sorted(dict.fromkeys(names), key=lambda name: name == UNKNOWN)
        return {str(source): [str(who) for who in names.index[names == source]] for source in sources}

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


Source = Callable[[AsOf, list[str]], "pd.Series[float] | None"]
"""From companies to what one source knows of them; None where the market lacks the source."""


def laddered(see: AsOf, symbols: Sequence[str], *rungs: tuple[str, Source]) -> Ladder:
    """For each of `symbols` the first of `rungs` that knows it; each is asked about those still unknown."""
    values = pd.Series(np.nan, index=list(symbols), dtype=float)
    names = pd.Series("", index=list(symbols), dtype=object)
    for name, source in rungs:
        unknown = [str(symbol) for symbol in values.index[values.isna()]]
        found = source(see, unknown) if unknown else None
        if found is not None:
            known = found.dropna()
            values[known.index] = known
            names[known.index] = name
    return Ladder(values, names)


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
    assets = see.latest("total_assets", symbols=companies)
    share = see.latest("long_term_debt", symbols=companies) / assets.where(assets > 0)
    return [str(symbol) for symbol in share.index[share >= share.median()]]


def _fact(name: str) -> Source:
    return lambda see, symbols: see.latest(name, symbols=symbols) if see.has(name) else None


def _dividends_and_count(see: AsOf, symbols: list[str]) -> pd.Series[float] | None:
    shrunk = count_shrinkage(see, symbols)
    return None if shrunk is None else dividend_yield(see, symbols) + shrunk


def earnings_yield(see: AsOf, symbols: Sequence[str]) -> pd.Series[float] | None:
    """Net income of the twelve trailing months over market value; None where the market lacks either."""
    if not (see.has("net_income_ttm") and see.has("market_cap")):
        return None
    caps = see.latest("market_cap", symbols=symbols)
    return (see.latest("net_income_ttm", symbols=symbols) / caps).where(caps > 0)


def _gross_power(see: AsOf, companies: list[str]) -> pd.Series[float] | None:
    if not see.has("gross_margin"):
        return None
    return pricing_power(quarterly_history(see, "gross_margin", MARGIN_QUARTERS, companies))


def _net_steadiness(see: AsOf, companies: list[str]) -> pd.Series[float] | None:
    if not (see.has("net_income_ttm") and see.has("revenue_ttm")):
        return None
    revenue = quarterly_history(see, "revenue_ttm", MARGIN_QUARTERS, companies)
    income = quarterly_history(see, "net_income_ttm", MARGIN_QUARTERS, companies)
    return steadiness((income / revenue).where(revenue > 0))


def _filed_match(see: AsOf, banks: list[str]) -> pd.Series[float]:
    return _upper_half(matching_score(matching_traits(see, banks)))


def _priced_match(see: AsOf, banks: list[str]) -> pd.Series[float]:
    return _upper_half(-rate_betas(see, banks, "us2y").abs())


def dividend_yield(see: AsOf, symbols: Sequence[str]) -> pd.Series[float]:
    """Cash dividends of the last 252 sessions over the newest close; unknown with less history.

    A market of closes that are adjusted for dividends has none: everything is unknown there.
    """
    closes = see.closes(YEAR + 1, symbols=symbols)
    if len(closes) <= YEAR:
        return pd.Series(np.nan, index=list(symbols), dtype=float)
    before = closes.ffill().shift(1)
    paid = ((1.0 + see.returns(YEAR, symbols=symbols)) * before - closes).iloc[1:]
    paid = paid.where(paid > 1e-6 * before.iloc[1:], 0.0)
    total = (paid.sum() / closes.iloc[-1]).where(closes.iloc[0].notna())
    return total if (total > 0).any() else total * np.nan


def count_shrinkage(see: AsOf, symbols: Sequence[str]) -> pd.Series[float] | None:
    """Share of the split-adjusted share count that a year has taken away; negative where it grew.

    None without share counts in the market; unknown beyond `MERGER`.
    """
    if not see.has("shares"):
        return None
    shares = see.history("shares", YEAR + 1, symbols=symbols)
    if len(shares) <= YEAR:
        return None
    shrunk = 1.0 - shares.iloc[-1] / shares.iloc[0]
    return shrunk.where(shrunk.abs() <= MERGER)


def matching_traits(see: AsOf, banks: Sequence[str]) -> pd.DataFrame:
    """What is filed of a bank's match of liabilities to assets, a column a trait, each the more the better.

    ``-|income beta - expense beta|`` from quarterly interest over assets, and the negatives of the concepts
    ``deposit_beta``, ``unrealised_loss_ratio`` (over tangible equity) and of the size of ``one_year_gap``,
    where a market has them.
    """
    traits = pd.DataFrame(index=list(banks))
    for name in ("deposit_beta", "unrealised_loss_ratio", "one_year_gap"):
        if see.has(name):
            values = see.latest(name, symbols=banks)
            traits[name] = -(values.abs() if name == "one_year_gap" else values)
    rate = next((name for name in POLICY_RATES if see.has_series(name)), None)
    if rate is None or not all(map(see.has, ("interest_income", "interest_expense", "total_assets"))):
        return traits
    assets = quarterly_history(see, "total_assets", MARGIN_QUARTERS, banks)
    income = quarterly_history(see, "interest_income", MARGIN_QUARTERS, banks) / assets
    expense = quarterly_history(see, "interest_expense", MARGIN_QUARTERS, banks) / assets
    policy = quarterly_series(see, rate, MARGIN_QUARTERS) / 400.0
    gap = {bank: expense_beta(income[bank], policy) - expense_beta(expense[bank], policy) for bank in banks}
    traits["beta gap"] = -pd.Series(gap, dtype=float).abs()
    return traits


def quarterly_series(see: AsOf, name: str, quarters: int) -> pd.Series[float]:
    """A daily series at the latest quarter ends, oldest first, as far as it is public today."""
    before_next_weekday = see.today + pd.offsets.BDay(1) - pd.Timedelta(days=1)
    ends = pd.date_range(end=before_next_weekday, periods=quarters, freq="QE")
    values = see.series(name, 70 * (quarters + 1)).sort_index()
    values = values[~values.index.duplicated(keep="last")]
    return pd.Series(values.reindex(ends, method="ffill").to_numpy())


def _upper_half(scores: pd.Series[float]) -> pd.Series[float]:
    return (scores >= scores.median()).astype(float).where(scores.notna())


def preferred(screen: Ladder) -> list[str]:
    """Those that a screen does not know to fail; all of them if none would be left."""
    symbols = [str(symbol) for symbol in screen.values.index]
    return [symbol for symbol in symbols if screen.values[symbol] != 0] or symbols
