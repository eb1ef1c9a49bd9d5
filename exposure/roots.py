"""Every sign change of a function on a grid, refined. All brackets are refined together, one evaluation of arrays a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exposure.greeks import Bools, Floats

_STEPS = 100
_TOLERANCE = 1e-12
# Far from every strike a gamma underflows; what is left there is noise, not a side of the market.
_DUST = 1e-12
_NEAR_MISS_POINTS = 9


def sign_changes(
    curve: Callable[[Floats], Floats],
    grid: Floats,
    values: Floats,
    closer: Floats | None = None,
    *,
    sketch: Callable[[Floats], Floats] | None = None,
    gross: float = 0.0,
) -> Floats:
    """Where `curve` changes sign between neighbours of `grid` (ascending), ascending, to 1e-12 of the grid's largest magnitude.

    `curve` maps an array of shape (points,) to one of the same shape; `values` is it on `grid`, `closer` are further points to
    look at. A `sketch` is a cheaper curve that says where on those it is worth asking the exact one, which alone decides. Values
    below 1e-12 of the largest, or of `gross` (the size of what cancels in a value), are no sign. Where the curve comes close to 0
    without changing sign it is looked at again more finely, so that a pair of roots between two points is not missed. A curve
    that touches 0 and turns back has no root there.
    """
    seen = _Seen(grid, values, np.ones(len(grid), dtype=bool))
    if closer is not None:
        seen = seen.joined(closer, sketch or curve, exact=sketch is None)
    seen = seen.joined(_near_misses(seen.at, seen.value), sketch or curve, exact=sketch is None)
    while True:
        dust = _DUST * float(np.max(np.abs(seen.value), initial=gross))
        told = np.flatnonzero(np.abs(seen.value) > dust)
        change = np.flatnonzero(np.diff(np.sign(seen.value[told])) != 0)
        low, high = told[change], told[change + 1]
        ends = np.union1d(low, high)
        unsure = ends[~seen.exact[ends]]
        if len(unsure) == 0:
            break
        seen.value[unsure] = curve(seen.at[unsure])
        seen.exact[unsure] = True
    if len(change) == 0:
        return np.zeros(0)
    return _refined(curve, seen.at[low], seen.at[high], seen.value[low], seen.value[high])


@dataclass(frozen=True, slots=True)
class _Seen:
    """Points ascending, the curve at each, and whether that is exact; arrays of one shape."""

    at: Floats
    value: Floats
    exact: Bools

    def joined(self, more: Floats, curve: Callable[[Floats], Floats], *, exact: bool) -> _Seen:
        if len(more) == 0:
            return self
        together = np.concatenate([self.at, more])
        order = np.argsort(together, kind="stable")
        known = np.concatenate([self.exact, np.full(len(more), exact)])
        return _Seen(together[order], np.concatenate([self.value, curve(more)])[order], known[order])


def _near_misses(at: Floats, value: Floats) -> Floats:
    """Points inside the gaps beside every minimum of |value| that keeps its sign but is low enough to dip below 0 in between.

    What lies within a gap deviates from its ends by no more than they differ from one another, on a grid fine enough to show the
    shape of the curve.
    """
    size, sign = np.abs(value), np.sign(value)
    before, here, after = size[:-2], size[1:-1], size[2:]
    lowest = (here <= before) & (here <= after) & (2.0 * here <= np.maximum(before, after))
    middle = np.flatnonzero(lowest & (sign[1:-1] == sign[:-2]) & (sign[1:-1] == sign[2:]))
    low, centre, high = at[middle], at[middle + 1], at[middle + 2]
    share = np.linspace(0.0, 1.0, _NEAR_MISS_POINTS + 2)[1:-1, None]
    return np.concatenate([low + share * (centre - low), centre + share * (high - centre)]).ravel()


def _refined(curve: Callable[[Floats], Floats], low: Floats, high: Floats, at_low: Floats, at_high: Floats) -> Floats:
    """Regula falsi with the Illinois weights, halving every third step so that no shape of curve can stall it."""
    low, high, at_low, at_high = low.copy(), high.copy(), at_low.copy(), at_high.copy()
    tolerance = _TOLERANCE * float(max(np.max(np.abs(low)), np.max(np.abs(high))))
    side = np.zeros(len(low))
    for step in range(_STEPS):
        open_ones = np.flatnonzero(high - low > tolerance)
        if len(open_ones) == 0:
            break
        a, b, fa, fb = low[open_ones], high[open_ones], at_low[open_ones], at_high[open_ones]
        guess = 0.5 * (a + b) if step % 3 == 2 else a - fa * (b - a) / (fb - fa)
        guess = np.clip(guess, a + 0.4 * tolerance, b - 0.4 * tolerance)
        found = curve(guess)
        moves_low = np.sign(found) == np.sign(fa)
        exact = found == 0.0
        # Illinois: an end that stays for a second time counts half.
        again = np.where(moves_low, 1.0, -1.0) == side[open_ones]
        low[open_ones] = np.where(moves_low | exact, guess, a)
        high[open_ones] = np.where(moves_low & ~exact, b, guess)
        at_low[open_ones] = np.where(moves_low, found, np.where(again, 0.5 * fa, fa))
        at_high[open_ones] = np.where(moves_low, np.where(again, 0.5 * fb, fb), found)
        side[open_ones] = np.where(moves_low, 1.0, -1.0)
    return 0.5 * (low + high)
