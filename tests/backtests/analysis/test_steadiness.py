"""How evenly a return was earned, against sums made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtests.analysis.holdout import Holdout
from backtests.analysis.steadiness import average_mix, best, fewest, halves, steadiness
from backtests.engine.kernel import replay
from backtests.engine.terms import Account, Costs
from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

SESSIONS = exchange_sessions("2019-01-02", "2020-12-31")
DAYS = len(SESSIONS) - 1
YEARS = (np.datetime64("2020-12-31") - np.datetime64("2019-01-02")).astype(int) / 365.25
NOTHING = np.zeros(DAYS)


def grown(*days: tuple[int, float]) -> np.ndarray:
    """Equity of 1 that changes on the given days after the first session alone."""
    returns = np.zeros(DAYS)
    for day, value in days:
        returns[day] = value
    return np.append(1.0, np.cumprod(1 + returns))


def test_days_are_taken_away_by_hand() -> None:
    # Six days in different months earn 1%, 2%, ... 6%; nothing else happens.
    ours = grown(*((30 * place, place / 100) for place in range(1, 7)))
    found = steadiness(ours, None, SESSIONS, NOTHING)
    assert found is not None
    assert (found.days, found.months) == (DAYS, 24)
    by = {(each.unit, each.count): each.ours for each in found.without}
    assert by["days", 0] == pytest.approx((1.01 * 1.02 * 1.03 * 1.04 * 1.05 * 1.06) ** (1 / YEARS) - 1)
    assert by["days", 5] == pytest.approx(1.01 ** (1 / YEARS) - 1)
    assert by["days", 10] == pytest.approx(0.0)
    assert list(by) == [("days", 0), ("days", 5), ("days", 10), ("days", 20)]
    assert found.return_days == 6
    assert found.lead_days is None
    assert np.isnan(found.without[0].lead)


def test_months_are_taken_away_whole() -> None:
    sessions = exchange_sessions("2017-01-03", "2020-12-31")
    months = sessions[1:].astype("datetime64[M]")
    # Two days of one month gain 10% and lose 5%; one day of each of two more months gains 3%.
    returns = np.zeros(len(months))
    for month, earned in {"2018-03": (0.10, -0.05), "2019-07": (0.03,), "2020-05": (0.03,)}.items():
        at = np.flatnonzero(months == np.datetime64(month))
        returns[at[: len(earned)]] = earned
    found = steadiness(np.append(1.0, np.cumprod(1 + returns)), None, sessions, np.zeros(len(months)))
    assert found is not None
    by = {(each.unit, each.count): each.ours for each in found.without}
    assert by["months", 3] == pytest.approx(0.0)
    assert ("months", 6) not in by
    years = (sessions[-1] - sessions[0]).astype(int) / 365.25
    assert by["days", 0] == pytest.approx((1.10 * 0.95 * 1.03**2) ** (1 / years) - 1)


def test_the_lead_is_without_the_days_on_which_it_was_made() -> None:
    # Both earn 5% on one day; the strategy alone earns 2% on another and loses 1% on a third.
    ours, theirs = grown((50, 0.05), (100, 0.02), (200, -0.01)), grown((50, 0.05))
    found = steadiness(ours, theirs, SESSIONS, NOTHING)
    assert found is not None
    whole, without = found.without[:2]
    base = 1.05 ** (1 / YEARS)
    assert whole.lead == pytest.approx((1.05 * 1.02 * 0.99) ** (1 / YEARS) - base)
    assert without.lead == pytest.approx((1.05 * 0.99) ** (1 / YEARS) - base)
    assert without.theirs == pytest.approx(0.0)
    assert (found.return_days, found.lead_days) == (2, 1)


def test_days_left_out_earn_what_cash_did() -> None:
    cash = np.full(DAYS, 0.0001)
    ours = np.append(1.0, np.cumprod(1 + np.where(np.arange(DAYS) < 5, 0.02, cash)))
    found = steadiness(ours, None, SESSIONS, cash)
    assert found is not None
    assert found.without[1].ours == pytest.approx(1.0001 ** (DAYS / YEARS) - 1)
    assert found.return_days == 5


def test_what_lost_everything_has_no_days_to_leave_out() -> None:
    assert steadiness(np.append(grown()[:-1], 0.0), None, SESSIONS, NOTHING) is None


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-0.2, 0.2, allow_subnormal=False)))
def test_one_day_fewer_leaves_something(gains: np.ndarray) -> None:
    count = fewest(gains)
    if count is None:
        assert gains.sum() <= 1e-12
        return
    assert gains.sum() - best(gains, count) <= 1e-9
    assert gains.sum() - best(gains, count - 1) > -1e-9


def test_halves_share_the_middle_close() -> None:
    ours = grown((100, 0.10), (400, -0.05))
    found = halves((ours,), SESSIONS, NOTHING)
    assert isinstance(found, Holdout)
    assert found.before.last == found.after.first
    middle = np.searchsorted(SESSIONS, found.before.last)
    assert abs(2 * middle - DAYS) <= 2
    assert found.before.performances[0].total_return == pytest.approx(0.10)
    assert found.after.performances[0].max_drawdown == pytest.approx(-0.05)
    assert isinstance(halves((ours[:30],), SESSIONS[:30], NOTHING[:29]), str)


# The average mix -------------------------------------------------------------------------------------


def market(end: str | None = None) -> Market:
    """A stock that doubles evenly and one that stands still, perhaps only to `end`."""
    still = np.full(len(SESSIONS), 10.0)
    if end is not None:
        still[np.datetime64(end) < SESSIONS] = np.nan
    close = pd.DataFrame(
        {"UP": 10 * 2 ** (np.arange(DAYS + 1) / DAYS), "STILL": still}, index=pd.DatetimeIndex(SESSIONS)
    )
    return Market.from_wide("two", close, open=close.copy())


ACCOUNT = Account(1e6, Costs(), 0, True, 0, DAYS)


def test_what_never_changes_its_weights_is_its_own_average() -> None:
    ends = np.flatnonzero(np.diff(SESSIONS.astype("datetime64[M]").astype(int)))
    decided = np.append(0, ends)
    ledger = replay(market(), np.tile([0.5, 0.5], (len(decided), 1)), decided, ACCOUNT)
    found = average_mix(ledger, market(), ACCOUNT)
    assert found is not None
    # Drift within a month lifts the average a little above one half of what rises.
    assert found.timing == pytest.approx(0.0, abs=2e-3)
    assert found.growth == pytest.approx(ledger.equity[-1] ** (1 / YEARS) / 1e6 ** (1 / YEARS) - 1)


def test_changing_the_weights_is_worth_what_the_average_does_not_earn() -> None:
    half = len(SESSIONS) // 2
    # All in what stands still, then all in what rises: the average holds half of each throughout.
    ledger = replay(market(), np.array([[0.0, 1.0], [1.0, 0.0]]), [0, half], ACCOUNT)
    found = average_mix(ledger, market(), ACCOUNT)
    assert found is not None
    mixed = replay(
        market(),
        np.tile([0.5, 0.5], (24, 1)),
        np.append(0, np.flatnonzero(np.diff(SESSIONS.astype("datetime64[M]").astype(int)))),
        ACCOUNT,
    )
    assert found.held == pytest.approx((mixed.equity[-1] / 1e6) ** (1 / YEARS) - 1, abs=2e-3)
    # An even doubling over the span, and half of the time in it: the square root of two.
    assert found.growth == pytest.approx(2 ** (0.5 / YEARS) - 1, abs=2e-3)


def test_the_share_of_what_no_longer_trades_is_spread_over_the_rest() -> None:
    ended = market("2019-12-31")
    ledger = replay(ended, np.array([[0.5, 0.5]]), [0], ACCOUNT)
    found = average_mix(ledger, ended, ACCOUNT)
    assert found is not None
    # What ended paid its last price, which stays in cash: less is invested than its average all along.
    assert found.held > found.growth


def test_options_and_shorts_have_no_average() -> None:
    ledger = replay(market(), np.array([[0.5, 0.5]]), [0], ACCOUNT)
    with_options = replace(ledger, hedge=pd.DataFrame({"session": [pd.Timestamp("2019-02-01")]}))
    assert average_mix(with_options, market(), ACCOUNT) is None
    none = replay(market(), np.array([[0.0, 0.0]]), [0], ACCOUNT)
    assert average_mix(none, market(), ACCOUNT) is None
