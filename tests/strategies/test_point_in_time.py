"""No decision depends on what came later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from strategies import Blueprint, CapWeighted, EqualWeighted, PriceWeighted, ValuationCut
from strategies.asof import AsOf

DATES = ("2011-03-31", "2015-12-31", "2018-09-28", "2020-03-31", "2022-06-30")


def poisoned(market, index, how):
    """The market with everything after session `index` made unrecognisable."""
    changed = {}
    for name in ("open", "high", "low", "close", "volume", "dividend"):
        array = getattr(market, name).copy()
        later = array[index + 1 :]
        if how == "shuffled":
            np.random.default_rng(7).shuffle(later, axis=0)
        else:
            later[:] = how
        changed[name] = array
    today = pd.Timestamp(market.sessions[index])
    facts, series = market.facts.copy(), market.series.copy()
    value = 1e9 if how == "shuffled" else how
    facts.loc[facts["filed"] >= today, "value"] = value
    series.loc[series["available"] > today, "value"] = value
    return replace(market, **changed, facts=facts, series=series, derived={}, hash="")


@pytest.mark.parametrize("how", [np.nan, 1e9, "shuffled"])
@pytest.mark.parametrize("date", DATES)
def test_poisoning_the_future_changes_no_decision(sample, date, how):
    index = sample.index_of(date)
    other = poisoned(sample, index, how)
    assert other.hash != sample.hash
    for strategy in (Blueprint(), ValuationCut(), CapWeighted(), EqualWeighted(), PriceWeighted()):
        previous = None
        for back in (120, 60, 0):
            see, blind = (AsOf(market, index - back, previous=previous) for market in (sample, other))
            target = strategy.decide(see)
            assert strategy.decide(blind) == target
            previous = target


def test_the_sample_shows_the_rule_at_work(sample):
    strategy = Blueprint()
    deciding = strategy.schedule.decides(sample.sessions, sample.next_session)
    previous, cut = None, {}
    for index in np.flatnonzero(deciding & (sample.sessions >= np.datetime64("2011-03-01"))):
        previous = strategy.decide(AsOf(sample, index, previous=previous))
        cut[str(sample.sessions[index])[:7]] = previous.state["rotation"]["cut"]
        assert sum(previous.weights.values()) <= 1 + 1e-9
    assert not any(cut[month] for month in cut if month < "2015-10")
    assert set(cut["2016-12"]) == {"NVDA"}  # at 11 times sales against a norm of 5
    assert cut["2016-12"]["NVDA"] == 1.0
    assert cut["2018-11"]["NVDA"] > cut["2018-12"]["NVDA"]  # the multiple fell, and the cut with it
    assert cut["2020-08"] == {"NVDA": 1.0, "AMD": 1.0}
    assert set(cut["2022-11"]) == {"NVDA"}
    assert 0.5 < cut["2022-11"]["NVDA"] < 0.6
