"""Implied volatility of single contracts, and the at-the-money volatility of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exposure.greeks import Bools, Floats, bell, normal_cdf

if TYPE_CHECKING:
    from exposure.chain import Chain

_LOWEST_DEVIATION = 1e-4
_HIGHEST_DEVIATION = 8.0
_STEPS = 60


def implied_volatility(price: Floats, forward: Floats, strike: Floats, years: Floats, rate: Floats, is_call: Bools) -> Floats:
    """Black volatility that reprices each contract, a fraction per year; NaN where the price is outside its bounds.

    Arrays of shape (contracts,): `price` in dollars today, `forward` and `strike` in dollars, `years` > 0. The search runs on
    the out-of-the-money side (parity removes the intrinsic value), by Newton steps kept inside a bracket, so that it cannot
    leave the root; a price of no more than its intrinsic value has no volatility.
    """
    undiscounted = price * np.exp(rate * years)
    intrinsic = np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    cap = np.minimum(forward, strike)
    target = undiscounted - intrinsic
    solvable = np.isfinite(target) & (target > 1e-9 * cap) & (target < cap) & (years > 0)
    result = np.full(len(target), np.nan)
    if solvable.any():
        deviation = _solve(target[solvable], forward[solvable], strike[solvable])
        result[solvable] = deviation / np.sqrt(years[solvable])
    return result


def _solve(target: Floats, forward: Floats, strike: Floats) -> Floats:
    """Total deviation (volatility times the root of time) of undiscounted out-of-the-money prices; NaN if outside."""
    moneyness = np.log(forward / strike)
    side = np.where(moneyness <= 0.0, 1.0, -1.0)
    low, high = np.full(len(target), _LOWEST_DEVIATION), np.full(len(target), _HIGHEST_DEVIATION)
    deviation = np.clip(np.sqrt(2.0 * np.abs(moneyness)) + 0.05, _LOWEST_DEVIATION, _HIGHEST_DEVIATION)
    for _ in range(_STEPS):
        d1 = moneyness / deviation + 0.5 * deviation
        d2 = d1 - deviation
        bell_d1 = bell(d1)
        value = side * (forward * normal_cdf(side * d1, bell_d1) - strike * normal_cdf(side * d2, bell(d2)))
        error = value - target
        high = np.where(error > 0.0, deviation, high)
        low = np.where(error > 0.0, low, deviation)
        step = deviation - error / np.maximum(forward * bell_d1 * 0.3989422804014327, 1e-300)
        following = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if np.all(np.abs(following - deviation) <= 1e-13 * deviation):
            deviation = following
            break
        deviation = following
    at_the_edge = (deviation < 1.01 * _LOWEST_DEVIATION) | (deviation > 0.99 * _HIGHEST_DEVIATION)
    return np.where(at_the_edge, np.nan, deviation)


def at_the_money_iv(chain: Chain, tenor_days: float = 30.0) -> float | None:
    """At-the-money-forward volatility at one tenor, a fraction, or None where the chain does not bracket it.

    Linear in total variance between the two expiries around the tenor, linear in volatility between the two strikes around each
    forward, out-of-the-money side. A tenor before the first expiry takes the first expiry's volatility.
    """
    years = chain.curve.years
    tenor = tenor_days / 365.0
    after = int(np.searchsorted(years, tenor))
    if after == len(years):
        return None
    later = _term_iv(chain, after)
    if after == 0 or years[after] == tenor:
        return later
    sooner = _term_iv(chain, after - 1)
    if later is None or sooner is None:
        return later if sooner is None else None
    share = (tenor - years[after - 1]) / (years[after] - years[after - 1])
    variance = (1.0 - share) * sooner**2 * years[after - 1] + share * later**2 * years[after]
    return float(np.sqrt(variance / tenor))


def _term_iv(chain: Chain, term: int) -> float | None:
    """Volatility of one expiry at its forward, from the strikes on either side; None where one side is empty."""
    start, stop = np.searchsorted(chain.term, [term, term + 1])
    forward = float(chain.curve.forward[term])
    strike, is_call, iv = chain.strike[start:stop], chain.is_call[start:stop], chain.iv[start:stop]
    above, below = is_call & (strike >= forward), ~is_call & (strike < forward)
    if not above.any() or not below.any():
        return None
    upper, lower = int(np.flatnonzero(above)[0]), int(np.flatnonzero(below)[-1])
    share = (forward - strike[lower]) / (strike[upper] - strike[lower])
    return float((1.0 - share) * iv[lower] + share * iv[upper])
