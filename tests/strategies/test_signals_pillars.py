"""The pillars, SKEW's percentile and the style regime: what is read, when, and what if it can't be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.signals import (
    curve_pillar,
    discount_rate_pillar,
    oil_pillar,
    percentile_of,
    rate_betas,
    short_rate_pillar,
    skew_percentile,
    style_regime,
    style_states,
    thaw_pillar,
)

DAYS = pd.DatetimeIndex(exchange_sessions("2015-01-02", "2016-06-30"))


def market_with(
    series: dict[str, Any] | None = None,
    lag: int = 0,
    close: pd.DataFrame | None = None,
    groups: dict[str, str] | None = None,
) -> Market:
    """A market whose series have a value on every session, public `lag` calendar days later."""
    prices = pd.DataFrame({"A": 10.0, "B": 20.0}, index=DAYS) if close is None else close
    rows = [
        pd.DataFrame(
            {
                "series": name,
                "date": DAYS,
                "available": DAYS + pd.Timedelta(days=lag),
                "value": np.broadcast_to(np.asarray(values, dtype=float), len(DAYS)),
            }
        )
        for name, values in (series or {}).items()
    ]
    instruments = pd.DataFrame(
        {
            "symbol": list(prices.columns),
            "kind": "stock",
            "group": [(groups or {}).get(s, "") for s in prices],
        }
    )
    return Market.from_wide(
        "made by hand", prices, series=pd.concat(rows) if rows else None, instruments=instruments
    )


def last(market: Market) -> AsOf:
    return AsOf(market, len(market.sessions) - 1)


def path(start: float, end: float) -> np.ndarray:
    """Flat at `start`, then `end` over the last ten sessions."""
    values = np.full(len(DAYS), start)
    values[-10:] = end
    return values


def test_falling_oil_leans_for_the_rotation() -> None:
    reading = oil_pillar(last(market_with({"brent": path(100, 90)})))
    assert reading.lean == 1
    assert reading.value == pytest.approx(-0.10)
    assert oil_pillar(last(market_with({"brent": path(100, 120)}))).lean == -1
    assert oil_pillar(last(market_with({"brent": path(100, 101)}))).lean == 0


def test_oil_is_read_as_published() -> None:
    values = np.full(len(DAYS), 100.0)
    values[-3:] = 50.0
    assert oil_pillar(last(market_with({"brent": values}))).lean == 1
    assert oil_pillar(last(market_with({"brent": values}, lag=7))).lean == 0


def test_oil_falls_back_to_the_other_grade_and_says_so() -> None:
    reading = oil_pillar(last(market_with({"wti": path(100, 90)})))
    assert reading.lean == 1
    assert "wti" in reading.why


def test_a_price_below_zero_is_unknown_not_a_crash() -> None:
    reading = oil_pillar(last(market_with({"brent": path(20, -37)})))
    assert reading.lean is None
    assert "not positive" in reading.why


@pytest.mark.parametrize(
    ("pillar", "missing"),
    [
        (oil_pillar, "brent"),
        (discount_rate_pillar, "us10y"),
        (short_rate_pillar, "us3m"),
        (curve_pillar, "us10y"),
        (thaw_pillar, "vix"),
        (skew_percentile, "skew"),
    ],
)
def test_a_missing_series_is_unknown_in_words(pillar: Any, missing: str) -> None:
    reading = pillar(last(market_with()))
    assert reading.lean is None
    assert not reading.known
    assert np.isnan(reading.value)
    assert f"no series '{missing}'" in reading.why


def test_an_old_value_is_unknown() -> None:
    market = market_with({"us10y": path(3, 2)})
    kept = market.series[market.series["date"] < "2016-05-01"]
    old = Market.from_wide(
        "old", pd.DataFrame({"A": 10.0, "B": 20.0}, index=DAYS), series=kept, instruments=market.instruments
    )
    reading = discount_rate_pillar(last(old))
    assert reading.lean is None
    assert "newest value of us10y is of 2016-04-29" in reading.why


def test_a_ten_year_that_falls_alone_helps_the_discount_rate_and_hurts_the_banks() -> None:
    see = last(market_with({"us10y": path(3.0, 2.5), "us2y": path(1.0, 1.0)}))
    assert discount_rate_pillar(see).lean == 1
    assert curve_pillar(see).lean == -1
    assert short_rate_pillar(see).lean == 0  # floating debt is not relieved


def test_a_short_rate_that_falls_alone_steepens_the_curve() -> None:
    see = last(market_with({"us10y": path(3.0, 3.0), "us2y": path(1.0, 0.5)}))
    assert curve_pillar(see).lean == 1
    assert short_rate_pillar(see).lean == 1


def test_the_thaw_needs_both_a_calm_market_and_a_narrower_spread() -> None:
    def lean(vix: float, spread: np.ndarray) -> int | None:
        return thaw_pillar(last(market_with({"vix": vix, "hy_oas": spread}))).lean

    assert lean(15, path(5, 4)) == 1
    assert lean(25, path(5, 4)) == 0
    assert lean(15, path(4, 5)) == 0
    assert lean(25, path(4, 5)) == -1


def test_rate_betas_find_the_slope_that_was_put_in() -> None:
    generator = np.random.default_rng(3)
    changes = generator.normal(0, 0.05, len(DAYS))
    # The rest moves with the yield too, and the first with the rest.
    rest = generator.normal(0, 0.01, len(DAYS)) + 0.01 * changes
    returns = np.column_stack([0.04 * changes + 0.5 * rest, -0.02 * changes, rest])
    close = pd.DataFrame(100 * np.cumprod(1 + returns, axis=0), index=DAYS, columns=["A", "B", "C"])
    see = last(market_with({"us10y": 3 + np.cumsum(changes)}, close=close))
    betas = rate_betas(see, ["A", "B"], sessions=250)
    # A = 0.04 y + 0.5 r and B = -0.02 y, where the mean of all is m = (1.5 r + 0.02 y) / 3.
    assert betas.tolist() == pytest.approx([0.04 - 0.5 * 0.02 / 1.5, -0.02], abs=1e-9)
    assert rate_betas(last(market_with()), ["A"]).isna().all()


@given(st.floats(-1e3, 1e3), arrays(float, st.integers(1, 50), elements=st.floats(-1e3, 1e3)))
def test_a_percentile_is_a_share_and_ties_count_half(value: float, history: np.ndarray) -> None:
    share = percentile_of(value, history)
    assert 0 <= share <= 1
    assert share + percentile_of(-value, -history) == pytest.approx(1)


def test_the_same_skew_is_extreme_in_one_window_and_ordinary_in_another() -> None:
    low, high = np.full(1000, 115.0), np.full(1000, 142.0)
    assert percentile_of(141.0, np.concatenate([low, high])) == 0.5
    assert percentile_of(141.0, high) == 0.0
    assert percentile_of(141.0, low) == 1.0


walks = arrays(float, st.integers(1, 400), elements=st.floats(-0.05, 0.05)).map(
    lambda steps: np.exp(np.cumsum(steps))
)


@given(walks, st.integers(0, 399))
def test_a_regime_is_filtered_the_past_is_never_revised(price: np.ndarray, cut: int) -> None:
    whole = style_states(price, 5, 20)
    np.testing.assert_array_equal(style_states(price[: cut + 1], 5, 20), whole[: cut + 1])


def test_one_condition_alone_changes_no_regime() -> None:
    rise = np.linspace(1.0, 2.0, 300)
    dip = np.linspace(2.0, 1.9, 80)  # falls over the window, still above the mean
    fall = np.linspace(1.9, 1.0, 200)
    states = style_states(np.concatenate([rise, dip, fall]))
    assert np.isnan(states[198])
    assert (states[199:380] == 1).all()
    assert states[-1] == 0
    changes = np.flatnonzero(np.diff(states[199:]))
    assert len(changes) == 1


def test_a_style_regime_reads_two_groups() -> None:
    rising = 10 * 1.001 ** np.arange(len(DAYS))
    close = pd.DataFrame({"A": rising, "B": 20.0}, index=DAYS)
    see = last(market_with(close=close, groups={"A": "dow", "B": "nasdaq"}))
    regime = style_regime(see)
    assert regime.leading is True
    assert regime.momentum == pytest.approx(1.001**63 - 1)
    assert style_regime(see, "nasdaq", "dow").leading is False


def test_a_style_regime_says_what_is_missing() -> None:
    regime = style_regime(last(market_with()))
    assert regime.leading is None
    assert "no group 'dow'" in regime.why
    early = style_regime(AsOf(market_with(groups={"A": "dow", "B": "nasdaq"}), 50))
    assert early.leading is None
    assert "200 needed" in early.why
