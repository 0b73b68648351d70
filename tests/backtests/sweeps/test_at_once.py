"""Decisions made all at once are those made one by one, or the configuration fails and says why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from backtests.analysis.trading import trading
from backtests.engine.terms import Account, Costs
from backtests.sweeps.at_once import AtOnce, decided_at_once, gives_all
from backtests.sweeps.measures import row_of
from backtests.sweeps.tasks import SharedDecisions
from datafeeds.market import Array, Market, MarketError
from strategies import AsOf, Capped, Panel, Strategy, StrategyError, Target

BACK = 126


class Risen(Strategy):
    """Hold the half of the stocks that rose most, in equal weight; nothing before there is a look back."""

    back: int = BACK

    def decide(self, see: AsOf) -> Target | None:
        names = see.members(kind="stock")
        closes = see.arrays.closes(self.back + 1, names)
        if len(closes) <= self.back:
            return None
        rise = closes[-1] / closes[0]
        held = np.argsort(-rise, kind="stable")[: int(np.isfinite(rise).sum()) // 2]
        return Target({names[place]: 1 / len(held) for place in held}, why="rose most")


class RisenAtOnce(Risen):
    """The same, with a way to say it all at once."""

    def decide(self, see: AsOf) -> Target | None:
        return super().decide(see)

    def decide_all(self, panel: Panel) -> Array:
        rise = panel.closes() / panel.closes(back=self.back)
        rise[~panel.members(kind="stock")] = np.nan
        count = np.isfinite(rise).sum(axis=1, keepdims=True) // 2
        order = np.argsort(np.argsort(-rise, axis=1, kind="stable"), axis=1, kind="stable")
        weights = np.where(order < count, 1 / np.maximum(count, 1), 0.0)
        weights[np.isnan(rise).all(axis=1)] = np.nan
        return weights


class OtherwiseAgain(RisenAtOnce):
    """Decides otherwise than what its parent says all at once."""

    def decide(self, see: AsOf) -> Target | None:
        return Target({}, why="nothing")


def account_on(market: Market) -> Account:
    costs = Costs(commission_bps=5.0, half_spread_bps=1.0)
    return Account(1e7, costs, 0, False, 100, len(market.sessions) - 1)


def test_books_and_figures_are_those_of_decisions_one_by_one(sample: Market) -> None:
    account = account_on(sample)
    shared = SharedDecisions(sample, RisenAtOnce(), may_hold_index=False)
    alone = SharedDecisions(sample, Risen(), may_hold_index=False).ledger(account, "ledger")
    for ledger in (shared.ledger(account, "ledger"), shared.ledger(account, "ledger")):
        assert isinstance(ledger.decisions, AtOnce)
        assert np.array_equal(ledger.equity, alone.equity)
        assert ledger.fills.equals(alone.fills)
        np.testing.assert_equal(row_of(ledger), row_of(alone))
        assert trading(ledger).decisions == trading(alone).decisions
    for one, other in zip(ledger.decisions, alone.decisions, strict=True):
        assert (one.session, one.target) == (other.session, other.target)  # reasons too
    assert [each.session for each in ledger.decisions[3:5]] == [each.session for each in alone.decisions[3:5]]


def test_the_event_engine_keeps_the_same_books(sample: Market) -> None:
    account = Account(1e7, Costs(), 0, False, 7_000, 7_600)
    shared = SharedDecisions(sample, RisenAtOnce(), may_hold_index=False)
    books = [shared.ledger(account, engine).equity for engine in ("event", "ledger", "event")]
    assert np.array_equal(books[0], books[1])
    assert np.array_equal(books[0], books[2])


class RisenOnLongRuns(RisenAtOnce):
    """Fails where there are few decisions."""

    def decide_all(self, panel: Panel) -> Array:
        if len(panel) < 60:
            raise ValueError("too few")
        return super().decide_all(panel)


def test_decisions_of_other_sessions_do_not_stand_in_for_those_that_failed(sample: Market) -> None:
    shared = SharedDecisions(sample, RisenOnLongRuns(), may_hold_index=False)
    shared.ledger(account_on(sample), "ledger")
    for _ in range(2):
        with pytest.raises(StrategyError, match="too few"):
            shared.ledger(Account(1e7, Costs(), 0, False, 7_000, 7_600), "ledger")


def test_a_class_that_decides_otherwise_is_asked_one_by_one() -> None:
    assert gives_all(RisenAtOnce())
    assert not gives_all(Risen())
    assert not gives_all(OtherwiseAgain())
    assert not gives_all(Capped(RisenAtOnce()))


Weights = Callable[[Panel], Array]


def even(panel: Panel) -> Array:
    """Equal weights of the stocks."""
    inside = panel.members(kind="stock")
    return inside / inside.sum(axis=1, keepdims=True)


def refusal(sample: Market, given: Weights, decide: Callable[[AsOf], Target | None] | None = None) -> str:
    """What is said of a strategy that gives these weights."""

    class Given(Strategy):
        def decide(self, see: AsOf) -> Target | None:
            names = see.members(kind="stock")
            return decide(see) if decide else Target(dict.fromkeys(names, 1 / len(names)), why="even")

        def decide_all(self, panel: Panel) -> Array:
            return given(panel)

    sessions = np.arange(200, 2_200, 20, dtype=np.int64)
    with pytest.raises((StrategyError, MarketError)) as refused:
        decided_at_once(sample, Given(), sessions)
    return str(refused.value)


def best_of_the_next_row(panel: Panel) -> Array:
    closes = panel.closes()
    rise = np.full(closes.shape, -np.inf)
    rise[:-1] = np.nan_to_num(closes[1:] / closes[:-1], nan=-np.inf)
    return (rise == rise.max(axis=1, keepdims=True)) / 1.0


def last_close_of_all(panel: Panel) -> Array:
    dear = np.nan_to_num(panel.closes()[-1])
    return np.tile(dear / dear.sum(), (len(panel), 1))


@pytest.mark.parametrize("cheater", [best_of_the_next_row, last_close_of_all])
def test_rows_that_know_later_rows_are_refused(sample: Market, cheater: Weights) -> None:
    assert "change with decisions that come later" in refusal(sample, cheater)


def test_what_lies_ahead_can_not_be_asked_for(sample: Market) -> None:
    assert "lies after the decision" in refusal(sample, lambda panel: panel.closes(back=-1))


def test_weights_that_decide_does_not_give_are_refused(sample: Market) -> None:
    said = refusal(sample, lambda panel: even(panel) * (1 - 2**-52))
    assert "must say the same to the last bit" in said
    assert "Given on 19" in said
    assert "(nan is to hold)" in refusal(
        sample, lambda panel: np.full((len(panel), len(panel.symbols)), np.nan)
    )


def test_a_decision_that_looks_at_the_account_is_refused(sample: Market) -> None:
    def banded(see: AsOf) -> Target | None:
        return Target({}, why=f"{len(see.weights)} held")

    assert "looks at the account" in refusal(sample, lambda panel: even(panel) * 0, banded)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda panel: even(panel)[:, :3], "gave shape (100, 3); decisions and symbols are (100, "),
        (lambda panel: 1 / 0, "test_at_once.py, line 179: ZeroDivisionError: division by zero"),
        (lambda panel: panel.fact("revenu"), "did you mean"),
        (lambda panel: panel.members("ai_hardwar"), "did you mean"),
    ],
)
def test_what_is_no_set_of_weights_is_refused(sample: Market, given: Weights, said: str) -> None:
    assert said in refusal(sample, given)


def only(symbol: str, weight: float) -> tuple[Weights, Callable[[AsOf], Target | None]]:
    """One symbol in every second decision, which is not among those compared; nothing in the others."""

    def given(panel: Panel) -> Array:
        weights = np.zeros((len(panel), len(panel.symbols)))
        chosen: npt.NDArray[np.bool_] = panel.sessions == np.datetime64("1991-06-05")
        weights[chosen, panel.symbols.index(symbol)] = weight
        return weights

    return given, lambda see: Target({}, why="nothing")


@pytest.mark.parametrize(
    ("symbol", "weight", "said"),
    [
        ("AAPL", -0.1, "may only be long"),
        ("AAPL", 1.1, "add to 1.1"),
        ("AAPL", np.nan, "must be finite numbers"),
        ("SP500", 0.5, "is an index and can't be bought"),
    ],
)
def test_what_one_decision_may_not_ask_for_many_may_not(
    sample: Market, symbol: str, weight: float, said: str
) -> None:
    sessions = np.arange(200, 2_200, 20, dtype=np.int64)
    assert np.datetime64("1991-06-05") in sample.sessions[sessions]
    assert said in refusal(sample, *only(symbol, weight))


def test_a_panel_shows_what_each_moment_shows(sample: Market) -> None:
    at = np.arange(50, len(sample.sessions), 211, dtype=np.intp)
    panel = Panel(sample, at)
    names = list(panel.symbols)
    assert len(panel) == len(at)
    for name in ("price_to_sales", "shares", "revenue_ttm"):
        now, before = panel.fact(name), panel.fact(name, back=60)
        for row, session in enumerate(at.tolist()):
            known = AsOf(sample, session).history(name, 61, symbols=names).to_numpy()
            assert np.array_equal(now[row], known[-1], equal_nan=True)
            assert session < 60 or np.array_equal(before[row], known[0], equal_nan=True)
            assert session >= 60 or np.isnan(before[row]).all()
    closes, earlier, group = panel.closes(), panel.closes(back=60), panel.members("ai_hardware")
    for row, session in enumerate(at.tolist()):
        see = AsOf(sample, session)
        shown = see.closes(61, symbols=names).to_numpy()
        assert np.array_equal(closes[row], shown[-1], equal_nan=True)
        assert session < 60 or np.array_equal(earlier[row], shown[0], equal_nan=True)
        assert [names[place] for place in np.flatnonzero(group[row])] == see.members("ai_hardware")
        assert panel.sessions[row] == see.today.to_datetime64().astype("datetime64[D]")
