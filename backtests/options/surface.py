"""Option prices on a skewed surface that the day's VIX and SKEW pin down.

Model: the log return to expiry is ``X = c + N(0, s2) - J`` with `J` a compound Poisson sum of exponential
jumps (Kou, "A jump-diffusion model for option pricing", Management Science 2002, with down-jumps only). Its
30-day variance swap is VIX squared and its 30-day skewness is SKEW's. The density is a mixture of positive
ones at every SKEW, so prices are free of arbitrage; a Gram-Charlier density at SKEW 142 is negative in
places.

Prices are Kou's own sum over the number of jumps. Every term is a normal distribution convolved with an
Erlang one, by a two-term recursion: exact to rounding, without a truncation range, some twenty terms.

Arrays of days come first: a :class:`Surface` has shape (days,), prices have shape (days, strikes). Time is in
years of 365 days, volatility and intensity are per year, VIX and SKEW are quoted as Cboe quotes them.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datafeeds.market import Array

YEAR = 365.0
"""Days in a year of the surface."""

VIX_TENOR = 30.0 / YEAR
"""The horizon of VIX and SKEW, in years."""

KAPPA = 1.5
"""Mean jump in units of VIX's 30-day standard deviation, before it has to be raised."""

KAPPA_STEP = 1.05
"""Factor by which kappa grows until the day's VIX and SKEW can be met."""

LARGEST_RATIO = 6.0
"""Standard deviation of the diffusion over the mean jump up to which the sum over jumps is exact within 1e-9.

Its recursion loses digits beyond. With the usual kappa the ratio is 0.7 at 30 days and 2.3 at a year.
"""

LARGEST_QUOTE = 1_000.0
"""A larger VIX or SKEW is a mistyped number, and kappa would have to grow for ever to meet it."""

_SMALLEST_DEVIATION = 1e-12

_log = logging.getLogger(__name__)


class SurfaceError(ValueError):
    """The surface can't be calibrated or priced; the message says on which input and what to do."""


@dataclass(frozen=True)
class Surface:
    """The calibrated model, one row a day.

    Attributes
    ----------
    vix, skew : ndarray, shape (days,)
        The quotes calibrated to, VIX in percent.
    kappa : ndarray, shape (days,)
        Mean jump in units of VIX's 30-day standard deviation, as used.
    raised : ndarray of bool, shape (days,)
        Where kappa had to be raised above what was asked.
    intensity : ndarray, shape (days,)
        Expected number of jumps per year.
    sigma : ndarray, shape (days,)
        Volatility of the diffusion, per square root of a year.
    jump : ndarray, shape (days,)
        Mean size of a jump (eta), as a fall of the log price.
    """

    vix: Array
    skew: Array
    kappa: Array
    raised: npt.NDArray[np.bool_]
    intensity: Array
    sigma: Array
    jump: Array

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.vix)

    def rows(self, index: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Surface:
        """Return the days that `index` selects, in its order."""
        return Surface(*(getattr(self, column.name)[index] for column in fields(self)))


@dataclass(frozen=True)
class Greeks:
    """Sensitivities of puts, each of shape (days, strikes).

    Attributes
    ----------
    delta : ndarray
        Change of the price per unit of the forward. Multiply by forward / spot for the spot's.
    gamma : ndarray
        Change of `delta` per unit of the forward.
    vega : ndarray
        Change of the price per point of VIX, SKEW and kappa unchanged.
    theta : ndarray
        Change of the price over the next calendar day, forward, VIX and SKEW unchanged.
    """

    delta: Array
    gamma: Array
    vega: Array
    theta: Array


@dataclass(frozen=True)
class SpotMove:
    """What a hedge is worth after the spot has moved.

    Attributes
    ----------
    move : float
        Relative move of the spot; -0.05 is a fall of five percent.
    at_expiry : float
        Value at expiry.
    profit_at_expiry : float
        `at_expiry` minus the price paid.
    immediate : float
        Value the moment after, VIX and SKEW unchanged (in a real fall VIX rises: a lower bound for the
        outright put).
    immediate_profit : float
        `immediate` minus the price paid.
    """

    move: float
    at_expiry: float
    profit_at_expiry: float
    immediate: float
    immediate_profit: float


@dataclass(frozen=True)
class PricedHedge:
    """A hedge bought today: an outright put, or a put spread.

    Attributes
    ----------
    long_strike : float
        Strike of the put bought.
    short_strike : float or None
        Strike of the put sold; None for the outright put.
    price : float
        Premium, in the spot's money.
    implied_volatility : float
        Black volatility of the put bought, as a fraction.
    break_even : float
        Spot at expiry at which the payoff returns the premium; NaN where no spot does.
    largest_payoff : float
        Payoff at a spot of zero.
    moves : tuple of SpotMove
    """

    long_strike: float
    short_strike: float | None
    price: float
    implied_volatility: float
    break_even: float
    largest_payoff: float
    moves: tuple[SpotMove, ...]


@dataclass(frozen=True)
class SpreadCost:
    """Outright put and put spread, side by side, on one day's surface.

    Attributes
    ----------
    vix, skew, spot, forward : float
    days : float
        Calendar days to expiry.
    kappa : float
        As used; see `raised`.
    raised : bool
        Whether kappa had to be raised for VIX and SKEW to be met.
    outright, spread : PricedHedge
    ratio : float
        Price of the spread over the price of the outright put.
    """

    vix: float
    skew: float
    spot: float
    forward: float
    days: float
    kappa: float
    raised: bool
    outright: PricedHedge
    spread: PricedHedge
    ratio: float


def calibrate(vix: npt.ArrayLike, skew: npt.ArrayLike, kappa: npt.ArrayLike = KAPPA) -> Surface:
    """Calibrate the model to each day's VIX and SKEW, in closed form.

    With ``V = VIX^2 T``, jumps of mean ``eta = kappa sqrt(V)`` and `l` of them expected in 30 days, the
    variance swap gives ``s2 = V - 2 l eta^2 / (1 + eta)`` and the skewness
    ``6 l eta^3 / (s2 + 2 l eta^2)^1.5 = m`` with ``m = (SKEW - 100) / 10``. Dividing by ``V^1.5`` turns the
    second into ``r^3 - r + h = 0`` with ``h = m sqrt(V) / (3 (1 + eta))`` and ``l = m / (6 (kappa r)^3)``;
    the largest of its three real roots is the one that goes to 1 as the skewness vanishes. Where there is
    none, or `s2` would be negative, kappa grows by steps of five percent; how often is logged and stands in
    `Surface.raised`.

    Parameters
    ----------
    vix : array_like, shape (days,)
        VIX in percent.
    skew : array_like, shape (days,)
        Cboe SKEW, at least 100. 100 gives Black-Scholes at VIX.
    kappa : array_like, shape (days,) or scalar
        Where kappa starts. For a fixed mean jump pass it divided by VIX's 30-day standard deviation.

    Returns
    -------
    Surface
        NaN on days on which VIX or SKEW is NaN.

    Raises
    ------
    SurfaceError
        If VIX or kappa is not positive, a quote is above 1,000, or SKEW is below 100: down-jumps alone can't
        make a positive skewness.
    """
    quotes = np.broadcast_arrays(*(np.atleast_1d(quote) for quote in (vix, skew, kappa)))
    days_vix, days_skew, asked = (np.array(quote, dtype=np.float64) for quote in quotes)
    if days_vix.ndim != 1:
        raise SurfaceError(f"vix and skew must be one number a day, not arrays of shape {days_vix.shape}")
    large_vix, large_skew = days_vix > LARGEST_QUOTE, days_skew > LARGEST_QUOTE
    _refuse("VIX", days_vix, (days_vix <= 0) | large_vix, "it must be a positive number of percent, to 1,000")
    _refuse("SKEW", days_skew, (days_skew < 100) | large_skew, "the surface needs at least 100, to 1,000")
    _refuse("kappa", asked, ~(asked > 0) | np.isinf(asked), "it must be positive")

    deviation = days_vix / 100.0 * math.sqrt(VIX_TENOR)
    skewness = (days_skew - 100.0) / 10.0
    used = asked.copy()
    jumps, variance = _jumps_and_variance(deviation, skewness, used)
    infeasible = np.flatnonzero(~(variance >= 0.0) & ~np.isnan(deviation + skewness))
    while infeasible.size:
        used[infeasible] *= KAPPA_STEP
        jumps[infeasible], variance[infeasible] = _jumps_and_variance(
            deviation[infeasible], skewness[infeasible], used[infeasible]
        )
        infeasible = infeasible[~(variance[infeasible] >= 0.0)]

    raised = used > asked
    if raised.any():
        _log.info(
            "kappa raised on %d of %d days, at most to %.3f, for VIX and SKEW to be met",
            np.count_nonzero(raised),
            len(raised),
            used[raised].max(),
        )
    return Surface(
        vix=days_vix,
        skew=days_skew,
        kappa=used,
        raised=raised,
        intensity=jumps / VIX_TENOR,
        sigma=np.sqrt(variance / VIX_TENOR),
        jump=used * deviation,
    )


def put_prices(
    surface: Surface,
    forward: npt.ArrayLike,
    strikes: npt.ArrayLike,
    tenor: npt.ArrayLike,
    discount: npt.ArrayLike = 1.0,
) -> Array:
    """Prices of European puts.

    The put is ``discount * (strike * P(X < k) - forward * Q(X < k))`` with ``k = log(strike / forward)``;
    under the share measure `Q` the log return is of the same family.

    Parameters
    ----------
    surface : Surface, shape (days,)
    forward : array_like, shape (days,) or scalar
        Forward price at expiry.
    strikes : array_like, shape (days, strikes), (strikes,) or scalar
        One dimension means the same strikes each day. For one strike a day pass ``strike[:, None]``.
    tenor : array_like, shape (days,) or scalar
        Years of 365 days to expiry. At 0 the price is the payoff.
    discount : array_like, shape (days,) or scalar
        Present value of 1 paid at expiry.

    Returns
    -------
    ndarray, shape (days, strikes)
        NaN on days on which the surface is NaN.

    Raises
    ------
    SurfaceError
        If a tenor, forward or strike is outside its range, shapes do not match, or the sum would lose digits
        (see `LARGEST_RATIO`).
    """
    row = _Rows(surface, forward, strikes, tenor, discount)
    below, _ = _below(row.log_strike - row.drift, row.variance, row.jumps, row.jump)
    below_share, _ = row.share_measure()
    # Far out of the money the two terms cancel to rounding; a price is never negative.
    return np.maximum(row.discount * (row.strikes * below - row.forward * below_share), 0.0)


def put_greeks(
    surface: Surface,
    forward: npt.ArrayLike,
    strikes: npt.ArrayLike,
    tenor: npt.ArrayLike,
    discount: npt.ArrayLike = 1.0,
    vix_bump: float = 0.01,
) -> Greeks:
    """Sensitivities of European puts; the other parameters and errors as for :func:`put_prices`.

    Delta and gamma are exact; vega is a central difference over `vix_bump` points of VIX with kappa held
    (raised on both sides alike where one side needs it); theta is the price a day nearer to expiry minus the
    price.
    """
    row = _Rows(surface, forward, strikes, tenor, discount)
    below_share, density_share = row.share_measure()

    sides = [calibrate(surface.vix + bump, surface.skew, surface.kappa) for bump in (vix_bump, -vix_bump)]
    kappa = np.maximum(sides[0].kappa, sides[1].kappa)
    up, down = (
        put_prices(calibrate(side.vix, side.skew, kappa), forward, strikes, tenor, discount) for side in sides
    )

    years = np.asarray(tenor, dtype=np.float64)
    nearer = np.maximum(years - 1.0 / YEAR, 0.0)
    share_left = np.divide(nearer, years, out=np.zeros_like(years), where=years > 0)
    nearer_discount = np.asarray(discount, dtype=np.float64) ** share_left
    tomorrow = put_prices(surface, forward, strikes, nearer, nearer_discount)
    return Greeks(
        delta=-row.discount * below_share,
        gamma=row.discount * density_share / row.forward,
        vega=(up - down) / (2.0 * vix_bump),
        theta=tomorrow - put_prices(surface, forward, strikes, tenor, discount),
    )


def implied_volatility(
    puts: npt.ArrayLike,
    forward: npt.ArrayLike,
    strikes: npt.ArrayLike,
    tenor: npt.ArrayLike,
    discount: npt.ArrayLike = 1.0,
) -> Array:
    """Black volatility of put prices, by vollib ("Let's be rational", Jaeckel 2015).

    Parameters
    ----------
    puts : array_like, shape (days, strikes)
    forward, strikes, tenor, discount : array_like
        As for :func:`put_prices`.

    Returns
    -------
    ndarray, shape (days, strikes)
        As a fraction a year; NaN where the price is at or outside its bounds, and no volatility gives it.
    """
    # vollib takes a third of a second to import, and pricing does without it.
    from vollib.black.implied_volatility import implied_volatility as black_volatility
    from vollib.helpers.exceptions import PriceIsAboveMaximum, PriceIsBelowIntrinsic

    def one(put: float, at_forward: float, strike: float, years: float) -> float:
        if not max(strike - at_forward, 0.0) < put < strike or not years > 0.0:
            return math.nan
        try:
            return float(black_volatility(put, at_forward, strike, 0.0, years, "p"))
        except (PriceIsAboveMaximum, PriceIsBelowIntrinsic):
            return math.nan

    undiscounted = np.asarray(puts, dtype=np.float64) / _column(discount)
    volatility = np.frompyfunc(one, 4, 1)(undiscounted, _column(forward), _strikes(strikes), _column(tenor))
    return np.asarray(volatility, dtype=np.float64)


def spread_cost(
    vix: float,
    skew: float,
    spot: float = 100.0,
    days: float = 30.0,
    long_moneyness: float = 0.95,
    short_moneyness: float = 0.85,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
    kappa: float = KAPPA,
    moves: tuple[float, ...] = (-0.02, -0.05, -0.10, -0.20),
) -> SpreadCost:
    """Compare an outright put with a put spread on one day's surface.

    Parameters
    ----------
    vix, skew : float
        As for :func:`calibrate`.
    spot : float
        Price of the underlying.
    days : float
        Calendar days to expiry.
    long_moneyness, short_moneyness : float
        Strikes of the put bought and of the put sold, over spot.
    rate, dividend_yield : float
        Per year, continuously compounded.
    kappa : float
        As for :func:`calibrate`.
    moves : tuple of float
        Relative moves of the spot for the table of moves.

    Returns
    -------
    SpreadCost

    Raises
    ------
    SurfaceError
        If an input is outside its range, or the put sold is not below the put bought.
    """
    if not 0 < short_moneyness < long_moneyness:
        raise SurfaceError(
            f"the put sold ({short_moneyness:g}) must lie below the put bought ({long_moneyness:g}), "
            "both above 0"
        )
    for name, value, least, most in (
        ("spot", spot, 1e-6, 1e12),
        ("the tenor in days", days, 1, 3_650),
        ("the strike of the put sold", short_moneyness, 0.01, 10),
        ("the strike of the put bought", long_moneyness, 0.01, 10),
        ("rate", rate, -1, 1),
        ("dividend yield", dividend_yield, -1, 1),
    ):
        if not least <= value <= most:
            raise SurfaceError(f"{name} is {value:g}; it must lie between {least:g} and {most:g}")
    if any(not move > -1 for move in moves):
        raise SurfaceError("a move must be above -1: the spot can't fall by all it is worth")
    surface = calibrate(vix, skew, kappa)
    tenor = days / YEAR
    carry, discount = math.exp((rate - dividend_yield) * tenor), math.exp(-rate * tenor)
    strikes = np.array([long_moneyness, short_moneyness]) * spot
    spots = spot * (1.0 + np.array([0.0, *moves]))
    repeated = surface.rows(np.zeros(len(spots), dtype=np.intp))
    values = put_prices(repeated, spots * carry, strikes, tenor, discount)
    payoffs = np.maximum(strikes - spots[:, None], 0.0)
    volatility = float(implied_volatility(values[:1], spot * carry, strikes, tenor, discount)[0, 0])

    def hedge(short_strike: float | None, immediate: Array, at_expiry: Array) -> PricedHedge:
        price, long_strike = float(immediate[0]), float(strikes[0])
        largest = long_strike - (short_strike or 0.0)
        return PricedHedge(
            long_strike=long_strike,
            short_strike=short_strike,
            price=price,
            implied_volatility=volatility,
            break_even=long_strike - price if price <= largest else math.nan,
            largest_payoff=largest,
            moves=tuple(
                SpotMove(move, float(late), float(late) - price, float(now), float(now) - price)
                for move, late, now in zip(moves, at_expiry[1:], immediate[1:], strict=True)
            ),
        )

    outright = hedge(None, values[:, 0], payoffs[:, 0])
    spread = hedge(float(strikes[1]), values[:, 0] - values[:, 1], payoffs[:, 0] - payoffs[:, 1])
    return SpreadCost(
        vix=vix,
        skew=skew,
        spot=spot,
        forward=spot * carry,
        days=days,
        kappa=float(surface.kappa[0]),
        raised=bool(surface.raised[0]),
        outright=outright,
        spread=spread,
        ratio=spread.price / outright.price if outright.price > 0 else math.nan,
    )


class _Rows:
    """Inputs of the pricers, checked and broadcast: days down, strikes across."""

    def __init__(
        self,
        surface: Surface,
        forward: npt.ArrayLike,
        strikes: npt.ArrayLike,
        tenor: npt.ArrayLike,
        discount: npt.ArrayLike,
    ) -> None:
        self.forward, self.discount, self.strikes = _column(forward), _column(discount), _strikes(strikes)
        years = _column(tenor)
        _refuse("tenor", years, (years < 0) | np.isinf(years), "it must be at least 0 and finite")
        _refuse("forward", self.forward, self.forward <= 0, "it must be positive")
        _refuse("strike", self.strikes, self.strikes <= 0, "it must be positive")
        columns = {
            "forward": self.forward,
            "tenor": years,
            "discount": self.discount,
            "strikes": self.strikes,
        }
        for name, column in columns.items():
            if column.shape[0] not in (1, len(surface)):
                raise SurfaceError(
                    f"{name} has {column.shape[0]} days, the surface has {len(surface)}; "
                    "for one strike a day pass strike[:, None]"
                )
        self.jump = surface.jump[:, None]
        self.jumps = surface.intensity[:, None] * years
        self.variance = surface.sigma[:, None] ** 2 * years
        self.drift = -0.5 * self.variance + self.jumps * self.jump / (1.0 + self.jump)
        self.log_strike = np.log(self.strikes / self.forward)

    def share_measure(self) -> tuple[Array, Array]:
        """Distribution and density at the strike, with the underlying as the unit of account."""
        return _below(
            self.log_strike - self.drift - self.variance,
            self.variance,
            self.jumps / (1.0 + self.jump),
            self.jump / (1.0 + self.jump),
        )


def _jumps_and_variance(deviation: Array, skewness: Array, kappa: Array) -> tuple[Array, Array]:
    """Jumps expected in 30 days and the diffusion's variance; NaN where the skewness can't be met."""
    jump = kappa * deviation
    h = skewness * deviation / (3.0 * (1.0 + jump))
    with np.errstate(invalid="ignore"):
        root = 2.0 / math.sqrt(3.0) * np.cos(np.arccos(-1.5 * math.sqrt(3.0) * h) / 3.0)
    jumps = skewness / (6.0 * (kappa * root) ** 3)
    return jumps, deviation**2 - 2.0 * jumps * jump**2 / (1.0 + jump)


def _below(x: Array, variance: Array, jumps: Array, jump: Array) -> tuple[Array, Array]:
    """Distribution and density at `x` of a centred normal minus a compound Poisson sum of exponentials.

    With `n` jumps the distribution is that with one fewer plus `jump` times the density, and the densities
    obey the recursion of the repeated integrals of the normal distribution (Abramowitz and Stegun 7.2.5).
    """
    # scipy.special takes a quarter of a second to import, and `calibrate` does without it.
    from scipy.special import log_ndtr, ndtr, pdtrc  # type: ignore[import-untyped,unused-ignore]

    deviation = np.sqrt(np.maximum(variance, _SMALLEST_DEVIATION**2))
    ratio = deviation / jump
    if np.nanmax(ratio, initial=0.0) > LARGEST_RATIO:
        raise SurfaceError(
            f"the diffusion is {np.nanmax(ratio):.3g} times the mean jump, more than {LARGEST_RATIO:g}, "
            "where the sum loses digits; use a larger kappa or a shorter tenor"
        )
    u = x / deviation
    shift = x / jump + ratio**2
    normal = _normal_density(u)
    below, at = np.array(ndtr(u)), np.exp(-jumps) * normal / deviation

    largest = float(np.nanmax(jumps, initial=0.0))
    term = np.exp(shift - 0.5 * ratio**2 + log_ndtr(-(u + ratio)))
    before = normal / ratio
    probability, count = np.exp(-jumps), 1
    while pdtrc(count - 1, largest) > 1e-17:
        probability = probability * jumps / count
        below = below + pdtrc(count - 1, jumps) * term
        at = at + probability * term / jump
        term, before = (ratio**2 * before - shift * term) / count, term
        count += 1
    return below, np.maximum(at, 0.0)


def _normal_density(x: Array) -> Array:
    density_at: Array = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return density_at


def _column(values: npt.ArrayLike) -> Array:
    """One value a day as a column."""
    array: Array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1:
        raise SurfaceError(
            f"forward, tenor and discount are one number a day, not arrays of shape {array.shape}"
        )
    return array[:, None]


def _strikes(values: npt.ArrayLike) -> Array:
    array: Array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if array.ndim != 2:
        raise SurfaceError(f"strikes must have shape (days, strikes), not {array.shape}")
    return array


def _refuse(name: str, values: Array, wrong: npt.NDArray[Any], why: str) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong.ravel())[0])
        raise SurfaceError(f"{name} is {values.ravel()[first]:g} at position {first}; {why}")
