"""Implied volatility of single contracts, and the at-the-money volatility of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exposure.dealer import AtTheMoneyCurve
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats, bell, normal_cdf

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
        step = deviation - error / np.maximum(forward * bell_d1 * INVERSE_SQRT_2PI, 1e-300)
        following = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if np.all(np.abs(following - deviation) <= 1e-13 * deviation):
            deviation = following
            break
        deviation = following
    at_the_edge = (deviation < 1.01 * _LOWEST_DEVIATION) | (deviation > 0.99 * _HIGHEST_DEVIATION)
    return np.where(at_the_edge, np.nan, deviation)


def at_the_money_curve(chain: Chain) -> AtTheMoneyCurve:
    """Volatility of each expiry at its forward: linear between the call at or above it and the put below it.

    Both are out of the money, where a quote is volatility and little else. None where an expiry lacks one of them.
    """
    forward = chain.curve.forward
    terms = np.arange(len(forward))
    calls, puts = np.flatnonzero(chain.is_call), np.flatnonzero(~chain.is_call)
    # Within one right a chain is sorted by (expiry, strike), so one search over this pair finds every expiry's neighbour.
    above = _first_at_or_above(chain.term[calls], chain.strike[calls], terms, forward)
    below = _first_at_or_above(chain.term[puts], chain.strike[puts], terms, forward) - 1
    curve: list[float | None] = []
    for term, upper, lower in zip(terms.tolist(), above.tolist(), below.tolist(), strict=True):
        call = calls[upper] if upper < len(calls) and chain.term[calls[upper]] == term else None
        put = puts[lower] if lower >= 0 and chain.term[puts[lower]] == term else None
        curve.append(None if call is None or put is None else _between(chain, int(put), int(call), float(forward[term])))
    return AtTheMoneyCurve(tuple(chain.curve.years.tolist()), tuple(curve))


def _first_at_or_above(term: NDArray[np.int64], strike: Floats, terms: NDArray[np.intp], level: Floats) -> NDArray[np.intp]:
    """For each of `terms`, where in the columns sorted by (term, strike) the first strike at or above its level would stand."""
    beyond = 1.0 + 2.0 * max(float(strike.max(initial=0.0)), float(level.max(initial=0.0)))
    return np.searchsorted(term * beyond + strike, terms * beyond + level)


def _between(chain: Chain, put: int, call: int, forward: float) -> float:
    share = (forward - chain.strike[put]) / (chain.strike[call] - chain.strike[put])
    return float((1.0 - share) * chain.iv[put] + share * chain.iv[call])
