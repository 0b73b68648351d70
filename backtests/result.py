"""The outcome of a run: what was asked, the books of strategy and benchmarks, and their statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests import brought
from backtests.analysis import attribution, capacity, hedging, realism, shorts, steadiness, stress
from backtests.analysis import holdings as held
from backtests.analysis.exports import PyfolioInput, pyfolio_input
from backtests.analysis.factors import FactorRegression, Factors, factor_regression, factors_of
from backtests.analysis.holdings import Concentration, FallMakers, HoldingRisk, RuleChanges
from backtests.analysis.holdout import Holdout, held_out
from backtests.analysis.performance import Drawdown, drawdowns, performance, relative
from backtests.analysis.registry import Figures
from backtests.analysis.significance import LEAST_RETURNS, Significance, Trials, significance, trials_of
from backtests.analysis.span import sessions_a_year, spans_a_year
from backtests.analysis.steadiness import AverageMix, Steadiness
from backtests.analysis.trading import trading
from backtests.engine.books import Ledger, returns_of
from backtests.engine.failures import same
from backtests.engine.native_strategy import NativeStrategy
from backtests.engine.rules import interest_factors
from backtests.engine.terms import Account
from backtests.options.overlay import option_market
from backtests.provenance import SEED
from backtests.settings.run_file import RunConfig
from datafeeds.market import Array, Dates, Market
from strategies.exhibit import Exhibit
from strategies.hedges import Hedged
from strategies.strategy import Strategy
from strategies.target import Target


@dataclass(frozen=True, eq=False)
class Book:
    """One portfolio of a run.

    Attributes
    ----------
    label : str
        What readers see, such as ``"Blueprint"`` or ``"S&P 500"``.
    strategy : Strategy
        The decisions behind it.
    ledger : Ledger
        Its accounts.
    note : str
        What a reader must know about it (for a price index: that dividends are missing), or empty.
    """

    label: str
    strategy: Strategy
    ledger: Ledger
    note: str = ""


MEASURED = (
    *("luck", "risk", "predicted", "performances", "relatives", "tradings", "sizing"),
    *("attributions", "reruns", "fill_check", "hedge", "regression", "betas", "beta_outcomes", "holdings"),
    *("fall_makers", "falls", "profits", "costs", "rule_changes", "concentrations", "worst_windows"),
    *("average_mixes", "steadiness", "halves", "active_shares", "round_trips", "episodes"),
    *("weights", "last_weights", "factors", "daily", "equities", "cash"),
)
"""What follows from a run's books and market alone: neither from its manifest, nor from what the strategy
says when it is asked again. The dearest first."""


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run. Statistics are computed when first asked for, once.

    Attributes
    ----------
    config : RunConfig
    market : Market
    account : Account
        Capital, costs and sessions that all books share.
    book : Book
        The strategy's portfolio.
    benchmarks : tuple of Book
        In the run file's order; the first is the primary one. All share the strategy's sessions.
    manifest : mapping
        Provenance: run hash, market hash and source, code and package versions, engine, timings.
    unhedged : Book or None
        The same portfolio without its options; None where there are none.
    """

    config: RunConfig
    market: Market
    account: Account
    book: Book
    benchmarks: tuple[Book, ...]
    manifest: Mapping[str, Any]
    unhedged: Book | None = None

    def recorded(self, more: Mapping[str, Any]) -> Result:
        """The same run with `more` in its manifest; what was measured of its books is kept."""
        again = replace(self, manifest={**self.manifest, **more})
        again.__dict__.update((name, self.__dict__[name]) for name in MEASURED if name in self.__dict__)
        return again

    def measure(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Compute ahead what a tearsheet will ask for, without asking the strategy anything.

        Parameters
        ----------
        enough : callable
            Asked before each measurement whether to stop.
        """
        for name in MEASURED:
            if enough():
                return
            getattr(self, name)

    @property
    def books(self) -> tuple[Book, ...]:
        """The strategy's book, then the benchmarks'."""
        return (self.book, *self.benchmarks)

    @property
    def primary(self) -> Book | None:
        """The first benchmark."""
        return self.benchmarks[0] if self.benchmarks else None

    @property
    def sessions(self) -> Dates:
        """The run's sessions."""
        return self.book.ledger.sessions

    @property
    def annual(self) -> bool:
        """Whether statistics are annualised."""
        return spans_a_year(self.sessions)

    @property
    def periods(self) -> float:
        """Sessions by which a year is counted."""
        return sessions_a_year(self.sessions)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What readers see for each book, told apart where two have the same label."""
        seen: Counter[str] = Counter()
        labels = []
        for book in self.books:
            seen[book.label] += 1
            labels.append(f"{book.label} ({seen[book.label]})" if seen[book.label] > 1 else book.label)
        return tuple(labels)

    @cached_property
    def equities(self) -> Mapping[str, Array]:
        """Equity of each book at each close, by label."""
        return {label: book.ledger.equity for label, book in zip(self.labels, self.books, strict=True)}

    @cached_property
    def daily(self) -> Mapping[str, Array]:
        """Return of each book in each session after the first, by label."""
        return {label: returns_of(equity) for label, equity in self.equities.items()}

    @cached_property
    def cash(self) -> Array:
        """Return of cash in each session after the first."""
        return interest_factors(self.market, self.account)[1:]

    @property
    def positions(self) -> pd.DataFrame:
        """Shares held at each close, a column for each symbol ever held."""
        ledger = self.book.ledger
        held = np.flatnonzero(ledger.positions.any(axis=0))
        sessions = pd.DatetimeIndex(self.sessions, name="session")
        symbols = [ledger.symbols[place] for place in held]
        return pd.DataFrame(ledger.positions[:, held], index=sessions, columns=symbols)

    def to_pyfolio(self) -> PyfolioInput:
        """Returns, positions and transactions as pyfolio-reloaded takes them."""
        ledger = self.book.ledger
        theirs = self.primary.ledger.equity if self.primary else None
        return pyfolio_input(ledger.equity, self.positions, ledger.fills, self.market, theirs)

    def to_quantstats(self) -> tuple[pd.Series[float], pd.Series[float] | None]:
        """Returns and the first benchmark's, without a time zone, as ``quantstats.reports`` takes them."""
        given = self.to_pyfolio()
        ours, theirs = given.returns, given.benchmark
        return ours.tz_localize(None), None if theirs is None else theirs.tz_localize(None)

    @cached_property
    def performances(self) -> tuple[Figures, ...]:
        """Return and risk of each book, the strategy's first."""
        return tuple(performance(each, self.sessions, self.cash) for each in self.equities.values())

    @cached_property
    def relatives(self) -> tuple[Figures, ...]:
        """The strategy against each benchmark."""
        ours, *others = self.equities.values()
        return tuple(relative(ours, each, self.sessions, self.cash) for each in others)

    @cached_property
    def held_out(self) -> Holdout | str | None:
        """Both parts of a run with a holdout, or why it can't be told apart; None without one."""
        if self.config.holdout is None:
            return None
        return held_out(tuple(self.equities.values()), self.sessions, self.cash, self.config.holdout)

    @cached_property
    def tradings(self) -> tuple[Figures, ...]:
        """What each book traded, the strategy's first."""
        return tuple(trading(book.ledger) for book in self.books)

    @property
    def trials(self) -> Trials:
        """How often one tried on this market, as the manifest has it from the register."""
        said = self.manifest.get("trials", {})
        count = max(1, int(said.get("count", 1)))
        if "hurdle" in said:
            return Trials(count, said["effective"], said["hurdle"], said["measured"])
        sampling = 1.0 / max(len(self.sessions) - 2, 1)
        return trials_of(np.full(count, np.nan), sampling)

    @cached_property
    def survivors_only(self) -> bool:
        """Whether every stock of the market still trades at the end of the run."""
        stocks = np.asarray(self.market.kinds == "stock", dtype=np.bool_)
        return bool((self.market.last_bar[stocks] >= self.account.last).all())

    @cached_property
    def flattered(self) -> frozenset[str]:
        """Benchmarks held as one instrument, where every stock of the market is known to have survived."""
        if not self.survivors_only:
            return frozenset()
        single = (book.ledger.symbols_traded == 1 for book in self.books)
        return frozenset(label for label, alone in zip(self.labels, single, strict=True) if alone)

    @cached_property
    def significance(self) -> Significance | None:
        """Every test of luck; None where the run is too short or equity was lost."""
        return None if self.luck is None else self.luck.among(self.trials)

    @cached_property
    def luck(self) -> Significance | None:
        """The same, as if this run were the only trial."""
        ours, *others = self.equities.values()
        if len(self.sessions) <= LEAST_RETURNS or any((each <= 0).any() for each in (ours, *others)):
            return None
        return significance(
            ours,
            dict(zip(self.labels[1:], others, strict=True)),
            self.sessions,
            cash=self.cash,
            seed=SEED,
        )

    @cached_property
    def weights(self) -> pd.DataFrame:
        """The strategy's share of equity by session and symbol ever held."""
        return self.book.ledger.weights(self.market)

    @cached_property
    def last_weights(self) -> tuple[Mapping[str, float], ...]:
        """Share of equity by symbol at the last close, of each book."""
        marks = self.market.mark[self.account.last]
        found = []
        for book in self.books:
            shares = book.ledger.last_positions
            held = shares.nonzero()[0]
            values = shares[held] * marks[held] / book.ledger.equity[-1]
            symbols = (self.market.symbols[place] for place in held)
            found.append(dict(zip(symbols, values.tolist(), strict=True)))
        return tuple(found)

    @cached_property
    def episodes(self) -> tuple[stress.EpisodeOutcome, ...]:
        """What the named episodes of history did to each book."""
        return stress.episode_outcomes(self.equities, self.sessions)

    @cached_property
    def targets(self) -> Mapping[pd.Timestamp, Target]:
        """What the strategy decided, by session."""
        return {pd.Timestamp(each.session): each.target for each in self.book.ledger.decisions}

    @cached_property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """What the strategy brings for its own tearsheet."""
        return brought.exhibits_of(self.book.strategy, self.market, self.account.last, self.targets)

    @cached_property
    def own_limits(self) -> tuple[str, ...]:
        """What the strategy had to do without."""
        return brought.limits_of(self.book.strategy, self.market, self.account.last, self.targets)

    @cached_property
    def shocks(self) -> tuple[tuple[stress.ShockOutcome, ...], ...]:
        """What each scenario of the run file and of the strategy does to the last weights of each book."""
        market = self.market
        groups = stress.groups_today(market, self.account.last)
        shown = stress.shown_groups(market, self.account.last)
        own = stress.custom_scenarios(self.config.scenarios, market.groups, market.symbols)
        return tuple(
            tuple(stress.apply_scenario(scenario, weights, groups, shown) for weights in self.last_weights)
            for scenario in (*own, *brought.scenarios_of(self.book.strategy))
        )

    @cached_property
    def betas(self) -> tuple[stress.Beta, ...]:
        """How the strategy's last weights moved with what the usual shocks shake."""
        return stress.betas(self.last_weights[0], self.market, self.account.last)

    @cached_property
    def beta_outcomes(self) -> tuple[stress.BetaOutcome, ...]:
        """What the usual shocks would do to the strategy's last weights."""
        return stress.beta_outcomes(self.betas)

    @cached_property
    def holdings(self) -> pd.DataFrame:
        """Every symbol ever held."""
        return held.holdings(self.weights, self.book.ledger, self.market)

    @cached_property
    def concentrations(self) -> tuple[Concentration, Concentration]:
        """Concentration of the average and of the last weights."""
        average, last = self.weights.mean(), self.weights.iloc[-1]
        return (
            held.concentration(np.asarray(average, dtype=np.float64)),
            held.concentration(np.asarray(last, dtype=np.float64)),
        )

    @cached_property
    def round_trips(self) -> pd.DataFrame:
        """Positions from opening to closing."""
        return held.round_trips(self.book.ledger)

    @cached_property
    def falls(self) -> tuple[Drawdown, ...]:
        """The deepest drawdowns of the strategy."""
        return drawdowns(self.book.ledger.equity, self.sessions)[: held.TOP]

    @cached_property
    def fall_makers(self) -> tuple[FallMakers, ...]:
        """Who made each of them."""
        return held.fall_makers(self.book.ledger, self.market, self.falls)

    @cached_property
    def risk(self) -> HoldingRisk | None:
        """Ex-ante risk of the last holdings; against the first benchmark where it is no index."""
        ours, *others = (pd.Series(weights, dtype=float) for weights in self.last_weights)
        return held.risk_by_holding(ours, others[0] if others else None, self.market, self.account.last)

    @cached_property
    def predicted(self) -> pd.DataFrame:
        """Volatility predicted for each calendar year, and what came."""
        return held.predicted_and_realised(self.book.ledger, self.market, self.weights)

    @cached_property
    def rule_changes(self) -> RuleChanges:
        """What the decisions changed of the weights that they start from."""
        return held.rule_changes(self.book.ledger)

    @cached_property
    def fill_check(self) -> realism.FillCheck:
        """The strategy's fills against their bars."""
        return realism.fill_check(self.book.ledger, self.market)

    @cached_property
    def reruns(self) -> tuple[realism.Rerun, ...]:
        """The same decisions filled otherwise, the run as it was first; empty for native strategies."""
        ours, *others = self.books
        if any(isinstance(book.strategy, NativeStrategy) for book in self.books[:2]):
            return ()
        theirs = others[0].ledger if others else None
        return realism.reruns(ours.ledger, theirs, self.market, self.account)

    @cached_property
    def halves(self) -> Holdout | str:
        """The strategy and the first benchmark in both halves of the run, or why it can't be taken apart."""
        return steadiness.halves(tuple(self.equities.values())[:2], self.sessions, self.cash)

    @cached_property
    def steadiness(self) -> Steadiness | None:
        """On how few days and months the run rests; None where equity was lost."""
        ours, *others = self.equities.values()
        return steadiness.steadiness(ours, others[0] if others else None, self.sessions, self.cash)

    @cached_property
    def average_mixes(self) -> tuple[AverageMix | None, ...]:
        """The average weights of the strategy, and of the first benchmark, held all along."""
        return tuple(
            steadiness.average_mix(book.ledger, self.market, self.account) for book in self.books[:2]
        )

    @cached_property
    def worst_windows(self) -> tuple[stress.WorstWindow, ...]:
        """The worst month, quarter and year of each book."""
        return stress.worst_windows(self.equities, self.sessions)

    @cached_property
    def regimes(self) -> tuple[stress.Regime, ...]:
        """States of the market that it tells by itself, and those that the strategy names."""
        place = 1 if self.benchmarks else 0
        reference, name = self.books[place].ledger.equity, self.labels[place]
        leaders = brought.leaders_of(self.book.strategy)
        return stress.regimes_of(self.market, self.sessions, reference, name, leaders)

    @cached_property
    def regime_outcomes(self) -> tuple[tuple[stress.RegimeOutcome, ...], ...]:
        """What each book did in each regime."""
        return tuple(stress.regime_outcomes(self.daily, each.labels, self.periods) for each in self.regimes)

    @cached_property
    def attributions(self) -> tuple[attribution.BrinsonFachler, ...]:
        """Why the strategy differs from each benchmark, by group."""
        ours = self.book.ledger
        return tuple(attribution.attribute_groups(ours, book.ledger, self.market) for book in self.benchmarks)

    @cached_property
    def active_shares(self) -> tuple[pd.Series[float], ...]:
        """How unlike each benchmark the strategy was at each close."""
        ours = self.book.ledger
        return tuple(attribution.active_share_of(ours, book.ledger, self.market) for book in self.benchmarks)

    @cached_property
    def profits(self) -> pd.DataFrame:
        """Money gained or lost by symbol."""
        fees = shorts.loan_fees(self.book.ledger, self.market, self.account)
        return attribution.profit_by_symbol(self.book.ledger, self.market, fees)

    @cached_property
    def sides(self) -> tuple[shorts.Side, shorts.Side] | None:
        """The long and the short side of the strategy's book; None where nothing was sold short."""
        ledger = self.book.ledger
        return shorts.sides(ledger, self.market) if ledger.went_short else None

    @cached_property
    def costs(self) -> attribution.CostAttribution:
        """What trading took away, by year and symbol."""
        return attribution.cost_attribution(self.book.ledger)

    @cached_property
    def factors(self) -> Factors:
        """Factors that the market supplies."""
        return factors_of(self.market, self.sessions, self.cash)

    @cached_property
    def regression(self) -> FactorRegression | str:
        """The strategy's returns on the factors, or why there is no regression."""
        if not self.factors.returns:
            return "the market supplies no factors"
        try:
            ours = self.daily[self.labels[0]]
            return factor_regression(
                ours, self.factors.returns, cash=self.factors.cash, periods_a_year=self.periods
            )
        except ValueError as error:
            return str(error)

    @cached_property
    def sizing(self) -> capacity.Sizing:
        """How much money the strategy can carry."""
        lead = self.relatives[0].excess_return if self.relatives else None
        return capacity.sizing(self.book.ledger, self.market, self.account.costs, lead)

    @cached_property
    def hedge(self) -> hedging.HedgeReport | None:
        """What the options cost and paid; None where there are none."""
        if self.unhedged is None or self.config.overlay is None:
            return None
        options = option_market(self.market, self.config.overlay)
        parts = {
            label: book.ledger
            for label, book in zip(self.labels[1:], self.benchmarks, strict=True)
            if _is_part(self.book.strategy, book.strategy)
        }
        ours = self.book.ledger
        return hedging.hedge_report(ours, self.unhedged.ledger, options, self.cash, parts)


def _is_part(chooser: Strategy, other: Strategy) -> bool:
    """Whether a strategy is another one that chooses its hedge, with one of the choices."""
    return (
        isinstance(chooser, Hedged)
        and isinstance(other, Hedged)
        and chooser.structure == "choose" != other.structure
        and same(chooser.of, other.of)
    )


def is_hedged(ledger: Ledger) -> bool:
    """Whether options were held, wanted or settled in a book."""
    return ledger.hedge is not None and not ledger.hedge.empty
