"""A run taken apart at the date from which its data are held out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from backtests.analysis.holdout import Holdout, held_out
from datafeeds.calendars import exchange_sessions

SESSIONS = exchange_sessions("2019-01-02", "2021-12-31")


def test_each_part_is_scored_on_its_own_sessions() -> None:
    later = np.flatnonzero(np.datetime64("2020-07-01") <= SESSIONS)[0]
    daily = np.where(np.arange(len(SESSIONS)) < later, 0.001, -0.001)
    daily[0] = 0.0
    ours = np.cumprod(1 + daily)
    flat = np.ones(len(SESSIONS))
    found = held_out((ours, flat), SESSIONS, np.zeros(len(SESSIONS) - 1), dt.date(2020, 7, 1))
    assert isinstance(found, Holdout)
    # The first later return is that of the first held-out session, over the last close before it.
    assert found.before.last == found.after.first == np.datetime64("2020-06-30")
    assert found.before.performances[0].total_return == pytest.approx(1.001 ** (later - 1) - 1)
    assert found.after.performances[0].total_return == pytest.approx(0.999 ** (len(SESSIONS) - later) - 1)
    assert found.after.relatives[0].excess_return < 0 < found.before.relatives[0].excess_return
    whole = (1 + found.before.performances[0].total_return) * (1 + found.after.performances[0].total_return)
    assert whole == pytest.approx(ours[-1])


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        (dt.date(2022, 1, 1), "ends on 2021-12-31, before 2022-01-01: nothing of it is held out"),
        (dt.date(2021, 12, 20), "9 sessions from 2021-12-20: too few"),
        (dt.date(2019, 1, 10), "6 sessions before 2019-01-10: too few"),
    ],
)
def test_what_cannot_be_taken_apart_is_said(begins: dt.date, said: str) -> None:
    equity = np.linspace(1, 2, len(SESSIONS))
    found = held_out((equity,), SESSIONS, np.zeros(len(SESSIONS) - 1), begins)
    assert isinstance(found, str)
    assert said in found
