"""Forward and rate of each expiry from put-call parity.

C - P = e^{-rT} (F - K) holds for European options and, near the money, well enough for American ones. Each forward is the
spread-weighted median of K + (C - P) e^{rT} over the strikes nearest the money, so that one bad quote does not move it. The
rate is one smooth curve, fitted on European expiries beyond a month (where the slope of C - P in K is e^{-rT}) and held flat to
the front; American names take the configured flat rate, because early exercise bends their slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from exposure.greeks import Bools, Floats

_NEAREST_PAIRS = 7
_MIN_YEARS_FOR_RATE = 25 / 365
_MIN_PAIRS_FOR_RATE = 10
_PLAUSIBLE_RATES = (-0.02, 0.20)


@dataclass(frozen=True, slots=True)
class ParityPairs:
    """Strikes at which the call and the put both have a two-sided quote, arrays of shape (pairs,) sorted by term.

    `term` points into the expiries, `call_minus_put` is the difference of the mids in dollars, `spread` the sum of both
    bid-ask spreads in dollars.
    """

    term: NDArray[np.int64]
    strike: Floats
    call_minus_put: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class ForwardCurve:
    """Per expiry, shape (expiries,): years to expiry, forward in dollars, rate per year, and where the forward came from.

    `same_day` marks expiries on the Eastern date of the quotes.
    """

    years: Floats
    forward: Floats
    rate: Floats
    from_parity: Bools
    same_day: Bools
    refused: int = 0
    """Expiries whose quotes gave a forward too far from spot to be one."""
    rate_from_parity: bool = False
    """Whether the rates are those of the quotes; else they are the configured flat rate, or a model's."""


def fit_forwards(
    spot: float,
    years: Floats,
    same_day: Bools,
    pairs: ParityPairs,
    *,
    european: bool,
    flat_rate: float,
) -> ForwardCurve:
    """Forward and rate of each expiry; `years` > 0 ascending. Without usable pairs the forward is spot at the flat rate."""
    bounds = np.searchsorted(pairs.term, np.arange(len(years) + 1))
    fitted = _rate_curve(spot, years, pairs, bounds) if european else None
    rate = np.full(len(years), flat_rate) if fitted is None else fitted
    forward = spot * np.exp(rate * years)
    from_parity = np.zeros(len(years), dtype=bool)
    refused = 0
    for term, (start, stop) in enumerate(pairwise(bounds)):
        if start == stop:
            continue
        candidate = _parity_forward(
            pairs.strike[start:stop],
            pairs.call_minus_put[start:stop],
            pairs.spread[start:stop],
            float(np.exp(rate[term] * years[term])),
        )
        if _is_plausible(candidate, spot, float(years[term])):
            forward[term] = candidate
            from_parity[term] = True
        else:
            refused += 1
    return ForwardCurve(years, forward, rate, from_parity, same_day, refused, rate_from_parity=fitted is not None)


def _parity_forward(strike: Floats, call_minus_put: Floats, spread: Floats, growth: float) -> float:
    nearest = np.argsort(np.abs(call_minus_put), kind="stable")[:_NEAREST_PAIRS]
    return _weighted_median(strike[nearest] + call_minus_put[nearest] * growth, _trust(spread[nearest]))


def _trust(spread: Floats) -> Floats:
    """A weight for each quote: tighter is more, up to the median spread, so that one locked market cannot outvote the rest."""
    return np.asarray(1.0 / (np.maximum(spread, _median(spread)) + 0.01))


def _median(values: Floats) -> float:
    """numpy's own median takes ten times as long on the handful of values of one expiry, of which there are thousands."""
    ordered = np.sort(values)
    return float(0.5 * (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]))


def _weighted_median(value: Floats, weight: Floats) -> float:
    order = np.argsort(value, kind="stable")
    cumulative = np.cumsum(weight[order])
    return float(value[order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])


def _is_plausible(forward: float, spot: float, years: float) -> bool:
    """A forward further from spot than borrow, dividends and stale prints explain is a bad quote, not a forward."""
    return bool(forward > 0 and abs(np.log(forward / spot)) <= 0.03 + 0.15 * years)


def _rate_curve(spot: float, years: Floats, pairs: ParityPairs, bounds: NDArray[np.intp]) -> Floats | None:
    """A straight line in time through the slopes of C - P, weighted by how well each expiry pins its own; flat outside.

    None where no expiry lives long enough and has pairs enough to say.
    """
    at, found, weight = [], [], []
    for term, (start, stop) in enumerate(pairwise(bounds)):
        if years[term] < _MIN_YEARS_FOR_RATE:
            continue
        near = np.abs(pairs.strike[start:stop] / spot - 1.0) < 0.25
        if np.count_nonzero(near) < _MIN_PAIRS_FOR_RATE:
            continue
        strike, difference = pairs.strike[start:stop][near], pairs.call_minus_put[start:stop][near]
        slope, slope_error = _robust_slope(strike, difference, _trust(pairs.spread[start:stop][near]))
        if slope >= 0.0:
            continue
        implied = -np.log(-slope) / years[term]
        if _PLAUSIBLE_RATES[0] < implied < _PLAUSIBLE_RATES[1]:
            at.append(years[term])
            found.append(implied)
            weight.append((years[term] / max(slope_error, 1e-6)) ** 2)
    if not at:
        return None
    x, y, w = np.array(at), np.array(found), np.array(weight)
    mean_x, mean_y = np.average(x, weights=w), np.average(y, weights=w)
    variance = np.average((x - mean_x) ** 2, weights=w)
    tilt = np.average((x - mean_x) * (y - mean_y), weights=w) / variance if len(at) > 2 and variance > 0 else 0.0
    return np.asarray(mean_y + tilt * (np.clip(years, x.min(), x.max()) - mean_x))


def _robust_slope(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted least squares with one pass that forgets outliers; the slope and its standard error."""
    for _ in range(2):
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        moment = float(np.sum(weight * (x - mean_x) ** 2))
        slope = float(np.sum(weight * (x - mean_x) * (y - mean_y))) / moment
        residual = y - mean_y - slope * (x - mean_x)
        weight = np.where(np.abs(residual) > 4.0 * np.median(np.abs(residual)) + 1e-9, 0.0, weight)
    error = np.sqrt(np.average(residual**2, weights=weight) / moment * float(weight.max()))
    return slope, float(error)
