"""European Black-Scholes-Merton greeks on the forward, for whole arrays.

With F = S e^{(r-q)T}, s the volatility and T in years:

    d1 = ln(F/K) / (s sqrt T) + s sqrt T / 2            d2 = d1 - s sqrt T
    delta = e^{-qT} N(d1)      (put: -e^{-qT} N(-d1))    per share
    gamma = e^{-qT} n(d1) / (S s sqrt T)                 per share per $1
    vega  = S e^{-qT} n(d1) sqrt T                       per 1.00 of volatility
    vanna = d delta / d s = -e^{-qT} n(d1) d2 / s        per 1.00 of volatility
    charm = d delta / d t, calendar time forward, per year
          = q delta - e^{-qT} n(d1) ((r-q) / (s sqrt T) - d2 / (2T))

Source: Haug, The Complete Guide to Option Pricing Formulas (2007), ch. 2, with charm's sign turned to time running
forward. Normal distribution: Hart (1968) algorithm 5666 as given by West, Better approximations to cumulative normal
functions (2005); it reuses the density's exponential, which is why it beats calling an error function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

INVERSE_SQRT_2PI = 0.3989422804014327
_NUMERATOR = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383,
    112.079291497871, 221.213596169931, 220.206867912376,
)  # fmt: skip
_DENOMINATOR = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461,
    296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip
_RATIONAL_LIMIT = 7.07106781186547


def _horner(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = coefficients[0] * x
    total += coefficients[1]
    for coefficient in coefficients[2:]:
        total *= x
        total += coefficient
    return total


def bell(x: Floats) -> Floats:
    """e^{-x²/2}, shape of `x`: the normal density without its constant 1/sqrt(2 pi)."""
    exponent = x * x
    exponent *= -0.5
    return np.exp(exponent, out=exponent)


def normal_cdf(x: Floats, bell_of_x: Floats) -> Floats:
    """N(x) for an array, given `bell(x)`; absolute error under 3e-16, relative under 1e-12 to x = -4 and 1e-8 to x = -37."""
    magnitude = np.abs(x)
    tail = _horner(_NUMERATOR, magnitude)
    tail /= _horner(_DENOMINATOR, magnitude)
    far = magnitude > _RATIONAL_LIMIT
    if far.any():
        distance = magnitude[far]
        fraction = distance + 4.0 / (distance + 0.65)
        for numerator in (3.0, 2.0, 1.0):
            fraction = distance + numerator / fraction
        tail[far] = INVERSE_SQRT_2PI / fraction
    tail *= bell_of_x
    return np.where(x < 0.0, tail, 1.0 - tail)


@dataclass(frozen=True, slots=True)
class Greeks:
    """Price and greeks per share, each an array of the contracts' shape; units in the module docstring."""

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    vanna: Floats
    charm: Floats


def greeks(
    spot: float | Floats,
    strike: Floats,
    years: float | Floats,
    iv: Floats,
    is_call: Bools,
    *,
    rate: float | Floats = 0.0,
    dividend_yield: float | Floats = 0.0,
) -> Greeks:
    """Greeks of every contract.

    Arrays broadcast against `strike`. `years` > 0 to the expiry instant (ACT/365), `iv` > 0 as a fraction (0.20 for
    20%), `rate` and `dividend_yield` continuously compounded per year. Inputs are not checked: a contract that has
    expired or has no volatility must have been dropped before (see `exposure.chain`).
    """
    root_years = np.sqrt(years)
    deviation = iv * root_years
    carry = np.subtract(rate, dividend_yield)
    d1 = np.log(spot / strike)
    d1 += carry * years
    d1 /= deviation
    d1 += 0.5 * deviation
    d2 = d1 - deviation
    bell_d1 = bell(d1)
    dividend_discount = np.exp(np.multiply(dividend_yield, years) * -1.0)
    density = INVERSE_SQRT_2PI * dividend_discount * bell_d1
    side = np.where(is_call, 1.0, -1.0)
    delta = side * dividend_discount * normal_cdf(side * d1, bell_d1)
    cash = side * strike * np.exp(np.multiply(rate, years) * -1.0) * normal_cdf(side * d2, bell(d2))
    return Greeks(
        price=spot * delta - cash,
        delta=delta,
        gamma=density / (spot * deviation),
        vega=spot * density * root_years,
        vanna=-density * d2 / iv,
        charm=dividend_yield * delta - density * (carry / deviation - d2 / (2.0 * years)),
    )
