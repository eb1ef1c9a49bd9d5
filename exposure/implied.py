"""Implied volatility of single contracts, and the at-the-money volatility of chains."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from exposure.dealer import AtTheMoneyCurve
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats, bell, normal_cdf

if TYPE_CHECKING:
    from exposure.stack import Stack

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
        step = deviation - error / np.maximum(forward * bell_d1 * INVERSE_SQRT_2PI, 1e-300)
        following = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if np.all(np.abs(following - deviation) <= 1e-13 * deviation):
            deviation = following
            break
        deviation = following
    at_the_edge = (deviation < 1.01 * _LOWEST_DEVIATION) | (deviation > 0.99 * _HIGHEST_DEVIATION)
    return np.where(at_the_edge, np.nan, deviation)


def at_the_money_curves(stack: Stack) -> list[AtTheMoneyCurve]:
    """For each chain the volatility of each expiry at its forward: linear between the call at or above it and the put below it.

    Both are out of the money, where a quote is volatility and little else. None where an expiry lacks one of them.
    """
    forward, strike, iv = stack.forward, stack.strike, stack.iv
    bounds = np.searchsorted(stack.run, np.arange(2 * len(forward) + 1))
    # Strikes ascend within a run, so that the number below the forward is the place of the first at or above it.
    below = np.concatenate(([0], np.cumsum(strike < forward[stack.run >> 1])))
    at_forward = bounds[:-1] + below[bounds[1:]] - below[bounds[:-1]]
    call, put = at_forward[0::2], at_forward[1::2] - 1
    bracketed = np.flatnonzero((call < bounds[1::2]) & (put >= bounds[1::2]))
    call, put = call[bracketed], put[bracketed]
    share = (forward[bracketed] - strike[put]) / (strike[call] - strike[put])
    found: list[float | None] = [None] * len(forward)
    for expiry, between in zip(bracketed.tolist(), ((1.0 - share) * iv[put] + share * iv[call]).tolist(), strict=True):
        found[expiry] = between
    years, first = stack.years.tolist(), stack.first.tolist()
    return [AtTheMoneyCurve(tuple(years[start:stop]), tuple(found[start:stop])) for start, stop in pairwise(first)]
