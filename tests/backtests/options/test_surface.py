"""The skewed option surface: outside values, independent pricers, and no arbitrage."""

from __future__ import annotations

import gzip
import logging
import math
import subprocess
import sys
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special

from backtests.options.surface import (
    KAPPA,
    KAPPA_STEP,
    VIX_TENOR,
    YEAR,
    Surface,
    SurfaceError,
    calibrate,
    implied_volatility,
    put_greeks,
    put_prices,
    spread_cost,
)
from strategies.expiries import monthly_expiries
from tests.places import ANSWERS as ANSWERS_FOLDER
from tests.places import HOUSE, SHARED

ANSWERS = tomllib.loads((ANSWERS_FOLDER / "skewed_surface.toml").read_text())
MARKET = SHARED / "market"

VIX = st.floats(9.0, 90.0)
SKEW = st.floats(101.0, 170.0)
DAYS = st.integers(1, 120)


def kappa_of(jump: float, vix: float) -> float:
    return jump / (vix / 100.0 * math.sqrt(VIX_TENOR))


def surface_of(row: dict) -> Surface:
    return calibrate(row["vix"], row["skew"], row.get("kappa") or kappa_of(row["jump"], row["vix"]))


def one_day(surface: Surface, tenor: float) -> tuple[float, float, float, float]:
    """Drift, variance, expected jumps and mean jump over the tenor, of the first day."""
    jump, jumps = float(surface.jump[0]), float(surface.intensity[0]) * tenor
    variance = float(surface.sigma[0]) ** 2 * tenor
    return -variance / 2 - jumps * (1 / (1 + jump) - 1), variance, jumps, jump


def gil_pelaez_put(surface: Surface, forward: float, strike: float, tenor: float) -> float:
    """Undiscounted put by inverting the characteristic function with Gauss-Legendre panels."""
    drift, variance, jumps, jump = one_day(surface, tenor)

    def transform(u: np.ndarray) -> np.ndarray:
        exponent = 1j * u * drift - variance * u * u / 2 + jumps * (1 / (1 + 1j * u * jump) - 1)
        return np.exp(exponent)

    nodes, weights = special.roots_legendre(32)
    edges = np.linspace(0.0, 8.0 / math.sqrt(variance), 400)
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half + half * nodes).ravel()
    weight = (half * weights).ravel()
    k = math.log(strike / forward)
    below = 0.5 - np.sum(weight * (np.exp(-1j * u * k) * transform(u)).imag / u) / math.pi
    share = transform(u - 1j)
    below_share = 0.5 - np.sum(weight * (np.exp(-1j * u * k) * share).imag / u) / math.pi
    return float(strike * below - forward * below_share)


def density(surface: Surface, log_returns: np.ndarray, tenor: float) -> np.ndarray:
    """Density of the log return to expiry: the second derivative of the put by its strike."""
    strikes = np.exp(log_returns)
    return put_greeks(surface, 1.0, strikes, tenor).gamma / strikes


# --- outside values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ANSWERS["model"], ids=["kappa 1.5", "jump .08"])
def test_the_reference_rows(row):
    surface, tenor = surface_of(row), row["days"] / YEAR
    discount = math.exp(-row["rate"] * tenor)
    assert surface.intensity[0] == pytest.approx(row["intensity"], abs=1e-8)
    assert surface.sigma[0] == pytest.approx(row["sigma"], abs=1e-8)
    puts = put_prices(surface, 100.0, row["strikes"], tenor, discount)
    np.testing.assert_allclose(puts[0], row["puts"], rtol=0, atol=1e-6)
    strikes = row["volatility_strikes"]
    puts = put_prices(surface, 100.0, strikes, tenor, discount)
    volatilities = 100.0 * implied_volatility(puts, 100.0, strikes, tenor, discount)[0]
    np.testing.assert_allclose(volatilities, row["volatilities"], rtol=0, atol=row["volatility_tolerance"])


def test_the_gil_pelaez_value():
    row = ANSWERS["model"][1]
    answer, tenor = ANSWERS["gil_pelaez"], row["days"] / YEAR
    discount = math.exp(-row["rate"] * tenor)
    put = put_prices(surface_of(row), 100.0, answer["strike"], tenor, discount)[0, 0]
    assert put == pytest.approx(answer["put"], abs=1e-8)


def test_spread_over_outright_falls_as_skew_rises():
    answer = ANSWERS["spread_ratio"]
    kappa = kappa_of(answer["jump"], answer["vix"])
    ratios = [spread_cost(answer["vix"], skew, kappa=kappa).ratio for skew in answer["skew"]]
    np.testing.assert_allclose(ratios, answer["ratio"], rtol=0, atol=5.1e-4)
    assert ratios == sorted(ratios, reverse=True)


@pytest.mark.parametrize("row", ANSWERS["black_scholes"], ids=lambda row: row["source"])
def test_black_scholes_anchors_at_skew_100(row):
    years, rate = row["years"], row["rate"]
    forward = row["spot"] * math.exp((rate - row["dividend_yield"]) * years)
    surface, discount = calibrate(100.0 * row["volatility"], 100.0), math.exp(-rate * years)
    put = put_prices(surface, forward, row["strike"], years, discount)[0, 0]
    parity = discount * (forward - row["strike"]) if row["kind"] == "call" else 0.0
    assert put + parity == pytest.approx(row["price"], abs=1e-6)


@pytest.mark.parametrize("row", ANSWERS["black_scholes"], ids=lambda row: row["source"])
def test_quantlib_and_vollib_agree_with_the_anchors(row):
    ql = pytest.importorskip("QuantLib")
    from vollib.black_scholes_merton import black_scholes_merton

    years, rate, volatility = row["years"], row["rate"], row["volatility"]
    forward = row["spot"] * math.exp((rate - row["dividend_yield"]) * years)
    kind = {"call": ql.Option.Call, "put": ql.Option.Put}[row["kind"]]
    discount = math.exp(-rate * years)
    quantlib = ql.blackFormula(kind, row["strike"], forward, volatility * math.sqrt(years), discount)
    vollib = black_scholes_merton(
        row["kind"][0], row["spot"], row["strike"], years, rate, volatility, row["dividend_yield"]
    )
    assert quantlib == pytest.approx(row["price"], abs=1e-6)
    assert vollib == pytest.approx(row["price"], abs=1e-6)


# --- calibration ----------------------------------------------------------------------------------------


@given(vix=VIX, skew=SKEW)
@example(vix=90.0, skew=170.0)
@example(vix=9.0, skew=101.0)
def test_the_surface_has_the_variance_swap_and_the_skewness_it_was_asked_for(vix, skew):
    surface = calibrate(vix, skew)
    drift, variance, jumps, jump = one_day(surface, VIX_TENOR)
    assert -2 * (drift - jumps * jump) == pytest.approx((vix / 100) ** 2 * VIX_TENOR, rel=1e-12)
    skewness = -6 * jumps * jump**3 / (variance + 2 * jumps * jump**2) ** 1.5
    assert 100 - 10 * skewness == pytest.approx(skew, abs=1e-9)
    assert surface.jump[0] == pytest.approx(surface.kappa[0] * vix / 100 * math.sqrt(VIX_TENOR), rel=1e-14)
    assert jumps > 0
    assert variance >= 0


@given(vix=VIX, skew=SKEW)
@example(vix=90.0, skew=170.0)
@example(vix=9.0, skew=170.0)
def test_kappa_is_raised_by_the_fewest_steps_of_five_percent(vix, skew):
    surface = calibrate(vix, skew)
    steps = math.log(surface.kappa[0] / KAPPA) / math.log(KAPPA_STEP)
    assert steps == pytest.approx(round(steps), abs=1e-9)
    assert bool(surface.raised[0]) == (round(steps) > 0)
    if surface.raised[0]:
        kappa = surface.kappa[0] / KAPPA_STEP
        jump = kappa * vix / 100 * math.sqrt(VIX_TENOR)
        # A step before: the skewness at the most jumps that leave a variance at all is still too small.
        most = (1 + jump) / (2 * kappa**2)
        skewness = 6 * most * jump**3 / (2 * most * jump**2) ** 1.5
        assert 100 + 10 * skewness < skew


def test_infeasible_days_are_recorded_and_logged(caplog):
    with caplog.at_level(logging.INFO, logger="backtests.options.surface"):
        surface = calibrate([16.0, 9.0, 90.0, 16.0], [142.0, 170.0, 170.0, 101.0])
    assert surface.raised.tolist() == [False, True, True, False]
    assert surface.kappa[[0, 3]].tolist() == [KAPPA, KAPPA]
    assert "2 of 4 days" in caplog.text
    assert f"{surface.kappa.max():.3f}" in caplog.text


def test_nothing_is_logged_where_nothing_was_raised(caplog):
    with caplog.at_level(logging.INFO, logger="backtests.options.surface"):
        calibrate([16.0, 20.0], 110.0)
    assert not caplog.records


def test_a_day_without_quotes_stays_unknown():
    surface = calibrate([16.0, np.nan, 16.0], [142.0, 142.0, np.nan])
    puts = put_prices(surface, 100.0, [95.0, 85.0], VIX_TENOR)
    assert np.isfinite(puts[0]).all()
    assert np.isnan(puts[1:]).all()


def test_rows_select_days():
    surface = calibrate([16.0, 20.0, 30.0], [142.0, 120.0, 110.0])
    assert len(surface) == 3
    later = surface.rows(slice(1, None))
    np.testing.assert_array_equal(later.vix, [20.0, 30.0])
    np.testing.assert_array_equal(
        put_prices(later, 100.0, 95.0, VIX_TENOR), put_prices(surface, 100.0, 95.0, VIX_TENOR)[1:]
    )


@pytest.mark.parametrize(
    ("vix", "skew", "kappa", "message"),
    [
        ([16.0, 0.0], 120.0, 1.5, "VIX is 0 at position 1"),
        (-16.0, 120.0, 1.5, "VIX is -16"),
        (np.inf, 120.0, 1.5, "VIX is inf"),
        (16.0, 99.0, 1.5, "SKEW is 99 .*needs at least 100"),
        (16.0, np.inf, 1.5, "SKEW is inf"),
        (16.0, 120.0, 0.0, "kappa is 0"),
        (np.full((2, 2), 16.0), 120.0, 1.5, "one number a day"),
    ],
)
def test_calibration_refuses(vix, skew, kappa, message):
    with pytest.raises(SurfaceError, match=message):
        calibrate(vix, skew, kappa)


# --- pricing --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(vix=VIX, skew=SKEW, days=DAYS, rate=st.floats(0.0, 0.09))
@example(vix=9.0, skew=170.0, days=1, rate=0.0)
@example(vix=90.0, skew=170.0, days=120, rate=0.05)
@example(vix=90.0, skew=101.0, days=120, rate=0.05)
def test_no_arbitrage(vix, skew, days, rate):
    surface, tenor = calibrate(vix, skew), days / YEAR
    discount, forward = math.exp(-rate * tenor), 100.0
    strikes = np.concatenate(
        [np.linspace(20.0, 85.0, 27), np.linspace(85.25, 115.0, 120), [130.0, 160.0, 220.0]]
    )
    puts = put_prices(surface, forward, strikes, tenor, discount)[0]
    slopes = np.diff(puts) / np.diff(strikes)
    assert slopes.min() >= -1e-12
    assert slopes.max() <= discount + 1e-12
    assert np.diff(puts).min() >= -1e-12
    assert np.diff(slopes).min() >= -1e-10
    assert (puts >= discount * np.maximum(strikes - forward, 0) - 1e-11).all()
    assert (puts <= discount * strikes).all()
    assert (density(surface, np.log(strikes / forward), tenor) >= 0).all()
    falls = np.linspace(-12.0 * math.sqrt(tenor) * vix / 100, one_day(surface, tenor)[0], 200)
    assert (density(surface, falls, tenor) > 0).all()


@pytest.mark.parametrize(
    ("vix", "skew", "days"), [(16, 142, 30), (12, 150, 90), (60, 130, 7), (20, 105, 120)]
)
def test_the_density_has_mass_one_mean_one_and_the_prices_second_derivative(vix, skew, days):
    surface, tenor = calibrate(vix, skew), days / YEAR
    x = np.linspace(-6.0, 1.5, 150_001)
    at = density(surface, x, tenor)[0]
    assert np.trapezoid(at, x) == pytest.approx(1.0, abs=1e-9)
    assert np.trapezoid(at * np.exp(x), x) == pytest.approx(1.0, abs=1e-9)
    put = np.trapezoid(at * np.maximum(95.0 - 100.0 * np.exp(x), 0.0), x)
    assert put_prices(surface, 100.0, 95.0, tenor)[0, 0] == pytest.approx(put, abs=1e-6)


def test_thirty_day_moments_of_the_density_are_the_quotes():
    surface = calibrate(16.0, 142.0)
    x = np.linspace(-3.0, 0.3, 330_001)
    at = density(surface, x, VIX_TENOR)[0]
    mean = np.trapezoid(at * x, x)
    variance = np.trapezoid(at * (x - mean) ** 2, x)
    third = np.trapezoid(at * (x - mean) ** 3, x)
    assert 100 * math.sqrt(-2 * mean / VIX_TENOR) == pytest.approx(16.0, abs=1e-6)
    assert 100 - 10 * third / variance**1.5 == pytest.approx(142.0, abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(vix=VIX, skew=SKEW, days=DAYS)
def test_series_and_gil_pelaez_agree(vix, skew, days):
    surface, tenor = calibrate(vix, skew), days / YEAR
    strikes = np.array([60.0, 85.0, 95.0, 99.0, 100.0, 101.0, 120.0])
    series = put_prices(surface, 100.0, strikes, tenor)[0]
    if surface.sigma[0] * math.sqrt(tenor) < 0.05 * surface.jump[0]:
        return  # almost no diffusion: inversion needs too many terms
    inverted = [gil_pelaez_put(surface, 100.0, strike, tenor) for strike in strikes]
    np.testing.assert_allclose(series, inverted, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("vix", "skew", "days"), [(16, 120, 30), (30, 115, 60), (16, 105, 120)])
def test_quantlib_blacks_averaged_over_the_jumps_agree(vix, skew, days):
    """Given its jumps the forward is lognormal: average QuantLib's Black prices over them."""
    ql = pytest.importorskip("QuantLib")
    surface, tenor = calibrate(vix, skew), days / YEAR
    _, variance, jumps, jump = one_day(surface, tenor)
    carry = 100.0 * math.exp(-jumps * (1 / (1 + jump) - 1))
    deviation = math.sqrt(variance)
    put = math.exp(-jumps) * ql.blackFormula(ql.Option.Put, 95.0, carry, deviation)
    probability = math.exp(-jumps)
    for count in range(1, 25):
        probability *= jumps / count
        nodes, weights = special.roots_genlaguerre(120, count - 1)
        falls = carry * np.exp(-jump * nodes)
        black = [ql.blackFormula(ql.Option.Put, 95.0, max(fall, 1e-300), deviation) for fall in falls]
        put += probability * float(np.dot(weights, black)) / math.gamma(count)
    assert put_prices(surface, 100.0, 95.0, tenor)[0, 0] == pytest.approx(put, abs=1e-5)


@settings(deadline=None)
@given(vix=VIX, days=DAYS, strike=st.floats(60.0, 150.0))
def test_skew_to_100_is_black_scholes(vix, days, strike):
    from vollib.black import undiscounted_black

    tenor = days / YEAR
    black = undiscounted_black(100.0, strike, vix / 100.0, tenor, "p")
    assert put_prices(calibrate(vix, 100.0), 100.0, strike, tenor)[0, 0] == pytest.approx(black, abs=1e-10)
    near = put_prices(calibrate(vix, 100.0 + 1e-6), 100.0, strike, tenor)[0, 0]
    assert near == pytest.approx(black, abs=1e-6)


def test_shapes_broadcast_days_by_strikes():
    surface = calibrate([16.0, 20.0, 30.0], 130.0)
    forward, tenor, discount = (
        np.array([100.0, 90.0, 80.0]),
        np.array([10.0, 20.0, 30.0]) / YEAR,
        [0.99, 0.98, 1.0],
    )
    grid = put_prices(surface, forward, [95.0, 85.0], tenor, discount)
    assert grid.shape == (3, 2)
    own = put_prices(surface, forward, 0.95 * forward[:, None], tenor, discount)
    assert own.shape == (3, 1)
    for day in range(3):
        alone = put_prices(
            surface.rows(slice(day, day + 1)), forward[day], [95.0, 85.0], tenor[day], discount[day]
        )
        np.testing.assert_allclose(grid[day], alone[0], rtol=1e-12)


def test_at_expiry_the_price_is_the_payoff():
    puts = put_prices(calibrate(16.0, 142.0), 90.0, [80.0, 90.0, 95.0], 0.0)
    np.testing.assert_allclose(puts[0], [0.0, 0.0, 5.0], atol=1e-9)


def test_with_hardly_any_diffusion_the_series_still_prices():
    base = calibrate(16.0, 142.0)
    surface = Surface(**{**vars(base), "sigma": np.array([1e-9])})
    strikes = np.array([80.0, 90.0, 95.0, 100.0, 105.0])
    puts = put_prices(surface, 100.0, strikes, VIX_TENOR)[0]
    assert (np.diff(np.diff(puts) / np.diff(strikes)) >= -1e-12).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tenor": -0.1}, "tenor is -0.1"),
        ({"tenor": np.inf}, "tenor is inf"),
        ({"forward": 0.0}, "forward is 0"),
        ({"strikes": [95.0, -1.0]}, "strike is -1 at position 1"),
        ({"strikes": np.full((3, 1), 95.0)}, r"strikes has 3 days, the surface has 2"),
        ({"strikes": np.full((1, 1, 1), 95.0)}, "shape"),
        ({"forward": np.full((2, 2), 95.0)}, "one number a day"),
        ({"tenor": 20.0}, "loses digits"),
    ],
)
def test_pricing_refuses(arguments, message):
    usual = {"forward": 100.0, "strikes": 95.0, "tenor": VIX_TENOR}
    with pytest.raises(SurfaceError, match=message):
        put_prices(calibrate([16.0, 20.0], 130.0), **(usual | arguments))


def test_implied_volatility_is_unknown_where_no_volatility_gives_the_price():
    strikes = np.array([95.0, 105.0, 95.0, 95.0])
    volatility = implied_volatility([[0.0, 5.0, 95.0, 1.0]], 100.0, strikes, VIX_TENOR)
    assert np.isnan(volatility[0, :3]).all()
    assert volatility[0, 3] > 0


# --- Greeks ---------------------------------------------------------------------------------------------


def test_greeks_are_the_slopes_of_the_price():
    surface = calibrate([16.0, 30.0], [142.0, 115.0])
    strikes, tenor, discount = (
        np.array([[95.0, 85.0]]),
        np.array([30.0, 45.0]) / YEAR,
        np.array([0.997, 0.99]),
    )
    greeks = put_greeks(surface, 100.0, strikes, tenor, discount)
    bump = 1e-3
    up = put_prices(surface, 100.0 + bump, strikes, tenor, discount)
    middle = put_prices(surface, 100.0, strikes, tenor, discount)
    down = put_prices(surface, 100.0 - bump, strikes, tenor, discount)
    np.testing.assert_allclose(greeks.delta, (up - down) / (2 * bump), atol=1e-8)
    np.testing.assert_allclose(greeks.gamma, (up - 2 * middle + down) / bump**2, atol=1e-6)
    after = put_prices(surface, 100.0, strikes, tenor - 1 / YEAR, discount ** (1 - 1 / YEAR / tenor))
    np.testing.assert_allclose(greeks.theta, after - middle, atol=1e-12)
    dearer = put_prices(calibrate(surface.vix + 0.5, surface.skew), 100.0, strikes, tenor, discount)
    cheaper = put_prices(calibrate(surface.vix - 0.5, surface.skew), 100.0, strikes, tenor, discount)
    np.testing.assert_allclose(greeks.vega, dearer - cheaper, rtol=2e-3)


def test_black_scholes_greeks():
    from vollib.black.greeks import analytical

    greeks = put_greeks(calibrate(20.0, 100.0), 100.0, 95.0, VIX_TENOR)
    arguments = ("p", 100.0, 95.0, VIX_TENOR, 0.0, 0.20)
    assert greeks.delta[0, 0] == pytest.approx(analytical.delta(*arguments), abs=1e-9)
    assert greeks.gamma[0, 0] == pytest.approx(analytical.gamma(*arguments), abs=1e-9)
    assert greeks.vega[0, 0] == pytest.approx(analytical.vega(*arguments), abs=1e-6)
    assert greeks.theta[0, 0] == pytest.approx(analytical.theta(*arguments), rel=0.02)


@settings(deadline=None, max_examples=50)
@given(vix=VIX, skew=SKEW, days=DAYS)
def test_greeks_have_the_signs_of_a_put(vix, skew, days):
    strikes = np.array([70.0, 85.0, 95.0, 100.0, 110.0])
    greeks = put_greeks(calibrate(vix, skew), 100.0, strikes, days / YEAR, 0.99)
    assert (greeks.delta <= 0).all()
    assert (greeks.delta >= -0.99).all()
    assert (greeks.gamma >= 0).all()
    assert np.isfinite(greeks.vega).all()


def test_on_the_last_day_theta_is_what_is_left_of_the_time_value():
    surface = calibrate(16.0, 142.0)
    greeks = put_greeks(surface, 100.0, [95.0, 105.0], 1 / YEAR)
    now = put_prices(surface, 100.0, [95.0, 105.0], 1 / YEAR)
    np.testing.assert_allclose(greeks.theta, [[0.0, 5.0]] - now, atol=1e-12)


# --- what a hedge costs ---------------------------------------------------------------------------------


def test_spread_cost_adds_up():
    cost = spread_cost(15.4, 142.0, spot=200.0, days=30.0, rate=0.04, dividend_yield=0.01)
    surface, tenor = calibrate(15.4, 142.0), 30 / YEAR
    forward = 200.0 * math.exp(0.03 * tenor)
    puts = put_prices(surface, forward, [190.0, 170.0], tenor, math.exp(-0.04 * tenor))[0]
    assert cost.forward == pytest.approx(forward)
    assert cost.outright.price == pytest.approx(puts[0])
    assert cost.spread.price == pytest.approx(puts[0] - puts[1])
    assert cost.ratio == pytest.approx(1 - puts[1] / puts[0])
    assert (cost.outright.long_strike, cost.outright.short_strike) == (190.0, None)
    assert (cost.spread.long_strike, cost.spread.short_strike) == (190.0, 170.0)
    assert cost.outright.break_even == pytest.approx(190.0 - puts[0])
    assert cost.spread.break_even > cost.outright.break_even
    assert (cost.outright.largest_payoff, cost.spread.largest_payoff) == (190.0, 20.0)
    assert [move.move for move in cost.spread.moves] == [-0.02, -0.05, -0.10, -0.20]
    assert [move.at_expiry for move in cost.outright.moves] == pytest.approx([0.0, 0.0, 10.0, 30.0])
    assert [move.at_expiry for move in cost.spread.moves] == pytest.approx([0.0, 0.0, 10.0, 20.0])
    for hedge in (cost.outright, cost.spread):
        for move in hedge.moves:
            assert move.profit_at_expiry == pytest.approx(move.at_expiry - hedge.price)
            assert move.immediate_profit == pytest.approx(move.immediate - hedge.price)
            assert move.immediate >= hedge.price
    assert not cost.raised
    assert spread_cost(15.4, 170.0).raised


def test_spread_cost_scales_with_the_spot():
    small, large = spread_cost(15.4, 142.0, spot=100.0), spread_cost(15.4, 142.0, spot=5000.0)
    assert large.spread.price == pytest.approx(50.0 * small.spread.price)
    assert large.ratio == pytest.approx(small.ratio)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"short_moneyness": 0.95}, "must lie below"),
        ({"short_moneyness": -0.1}, "must lie below"),
        ({"spot": 0.0}, "spot is 0"),
        ({"moves": (-1.0,)}, "above -1"),
        ({"days": -1.0}, "tenor"),
        ({"skew": 90.0}, "SKEW"),
    ],
)
def test_spread_cost_refuses(arguments, message):
    with pytest.raises(SurfaceError, match=message):
        spread_cost(**({"vix": 15.4, "skew": 142.0} | arguments))


# --- speed ----------------------------------------------------------------------------------------------


def test_eight_thousand_days_take_well_under_half_a_second():
    random = np.random.default_rng(5)
    vix, skew = random.uniform(9, 90, 8000), random.uniform(101, 170, 8000)
    start = time.perf_counter()
    surface = calibrate(vix, skew)
    calibrated = time.perf_counter()
    put_prices(surface, 100.0, np.full((8000, 1), 95.0), VIX_TENOR)
    priced = time.perf_counter()
    assert calibrated - start < 0.25
    assert priced - calibrated < 0.5


def test_importing_loads_numpy_and_nothing_heavier():
    code = (
        "import sys, backtests.options.surface\n"
        "print(sorted({'scipy', 'vollib', 'pandas', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


# --- Cboe's put protection index ------------------------------------------------------------------------


def sp500() -> pd.Series:
    """Closes of the S&P 500 (price index), from the file in skfolio's wheel."""
    package = find_spec("skfolio")
    if package is None or package.origin is None:
        pytest.skip("skfolio is not installed")
    path = Path(package.origin).parent / "datasets" / "data" / "sp500_index.csv.gz"
    with gzip.open(path, "rt") as file:
        return pd.read_csv(file, index_col=0, parse_dates=True)["SP500"]


def sp500_total_return(closes: pd.Series, spy: pd.DataFrame, per_share: dict[str, float]) -> pd.Series:
    """Reinvest dividends: the year's total by calendar days before 2000, SPY's on its ex-dates after."""
    days = closes.index.to_series().diff().dt.days.fillna(0.0)
    yearly = closes.index.year.astype(str).map(per_share).to_numpy(dtype=np.float64)
    spread_out = yearly * days / 365.0 / closes.shift(1)
    paid = (spy["dividend"] / spy["close"].shift(1)).reindex(closes.index)
    dividends = spread_out.where(np.isfinite(yearly), paid).fillna(0.0)
    return (1.0 + closes.pct_change().fillna(0.0) + dividends).cumprod()


def put_protection(
    closes: np.ndarray,
    total_return: np.ndarray,
    puts: np.ndarray,
    strikes: np.ndarray,
    half_spread: float,
) -> float:
    """Growth of one put held per index unit from roll to roll, the premium taken from the units."""
    growth = total_return[1:] / total_return[:-1] * closes[:-1]
    payoff = np.maximum(strikes - closes[1:], 0.0)
    return float(np.prod((growth + payoff) / (closes[:-1] + puts * (1.0 + half_spread))))


@pytest.fixture(scope="module")
def pput() -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    if not MARKET.exists():
        pytest.skip("needs ../shared/market")
    closes = sp500()
    prices = pd.read_parquet(
        MARKET / "prices.parquet",
        columns=["symbol", "date", "close", "dividend"],
        filters=[("symbol", "==", "SPY")],
    )
    spy = prices.set_index(pd.DatetimeIndex(prices["date"]))
    series = pd.read_csv(MARKET / "series.csv", parse_dates=["date"]).pivot(
        index="date", columns="series", values="value"
    )
    quotes = series[["vix", "skew", "us2y"]].ffill().reindex(closes.index, method="ffill")
    return closes, sp500_total_return(closes, spy, ANSWERS["sp500_dividends"]), quotes


def test_the_total_return_is_the_published_one(pput):
    _, total_return, _ = pput
    yearly = 100.0 * total_return.groupby(total_return.index.year).last().pct_change()
    for year, published in ANSWERS["sp500_total_return"].items():
        assert yearly[int(year)] == pytest.approx(published, abs=0.3), year


def annual_pput(
    pput: tuple[pd.Series, pd.Series, pd.DataFrame], half_spread: float, skewed: bool = True
) -> float:
    closes, total_return, quotes = pput
    answer = ANSWERS["pput"]
    rolls = pd.DatetimeIndex(
        monthly_expiries(closes.loc[str(answer["first"]) : str(answer["last"])].index.to_numpy())
    )
    bought = quotes.loc[rolls[:-1]]
    tenor = np.diff(rolls.to_numpy()).astype("timedelta64[D]").astype(np.float64) / YEAR
    rate = bought["us2y"].to_numpy() / 100.0
    dividends = total_return / closes
    year_ago = rolls[:-1] - pd.Timedelta(days=365)
    trailing = np.log(
        dividends.loc[rolls[:-1]].to_numpy() / dividends.reindex(year_ago, method="ffill").to_numpy()
    )
    dividend_yield = np.where(np.isfinite(trailing), trailing, ANSWERS["sp500_dividends"]["1990"] / 350.0)
    at = closes.loc[rolls].to_numpy()
    surface = calibrate(bought["vix"].to_numpy(), bought["skew"].to_numpy() if skewed else 100.0)
    forward = at[:-1] * np.exp((rate - dividend_yield) * tenor)
    strikes = 0.95 * at[:-1]
    puts = put_prices(surface, forward, strikes[:, None], tenor, np.exp(-rate * tenor))[:, 0]
    growth = put_protection(at, total_return.loc[rolls].to_numpy(), puts, strikes, half_spread)
    return 100.0 * (growth ** (365.25 / (rolls[-1] - rolls[0]).days) - 1.0)


def test_cboe_put_protection_index(pput):
    """S&P 500 with dividends, 5% out-of-the-money puts rolled on third Fridays at the close."""
    answer = ANSWERS["pput"]
    after_costs = annual_pput(pput, answer["half_spread"])
    before_costs = annual_pput(pput, 0.0)
    assert after_costs == pytest.approx(answer["annual_return"], abs=answer["tolerance"])
    assert before_costs == pytest.approx(answer["model_without_costs"], abs=0.15)
    assert after_costs < before_costs
    # Without the skew the puts are too cheap.
    assert annual_pput(pput, 0.0, skewed=False) > before_costs + 0.5
