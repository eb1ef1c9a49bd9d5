"""Where the summed gamma of several names changes sign in a common shock.

Fifty names with strikes that expire within minutes have thousands of gammas too narrow for the grid of shocks. To look closely at
each would reprice every contract of every name there, so the total is first sketched: what is wide is interpolated from the grid,
what is narrow is repriced. Only where the sketch changes sign is the whole repriced, and that decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exposure.dealer import SignPair
from exposure.greeks import Floats
from exposure.holdings import Holdings
from exposure.profile import GRID_POINTS, gross_gex, is_narrow, net_gex_profile, points_at_narrow_strikes
from exposure.roots import sign_changes
from exposure.zero_gamma import ZeroGamma, zero_gamma_on


@dataclass(frozen=True, slots=True)
class Profiled:
    """One name's holdings and their net GEX on the grid of shocks that roots are looked for on."""

    holdings: Holdings
    signs: SignPair
    beta: float
    grid: Floats
    """Shocks as fractions, evenly spaced, ascending; the same for every name of a basket."""
    profile: Floats
    """$ of delta per 1% move, shape of `grid`."""

    @staticmethod
    def over(holdings: Holdings, signs: SignPair, beta: float, shocks: Floats) -> Profiled:
        """From the first to the last of `shocks` (ascending), at each of which the spot has to stay above 0."""
        grid = np.linspace(shocks[0], shocks[-1], max(GRID_POINTS, len(shocks)))
        return Profiled(holdings, signs, beta, grid, net_gex_profile(holdings, signs, _spots(holdings, beta, grid)))

    def net_gex(self, shocks: Floats) -> Floats:
        """Shape of `shocks`, $ of delta per 1% move."""
        return net_gex_profile(self.holdings, self.signs, _spots(self.holdings, self.beta, shocks))

    def own_flip(self) -> ZeroGamma:
        """In dollars of its own spot, over the spots that the shocks span; `none_in_range` where the beta is 0."""
        spot = self.holdings.spot
        if self.beta == 0.0:
            return ZeroGamma.of((), here=spot, step=0.0, low=spot, high=spot)
        spots, profile = self._by_spot(self.profile)
        return zero_gamma_on(self.holdings, self.signs, spots, profile)

    def narrow_part(self) -> Profiled | None:
        """What the grid could step over, with its own profile; None where there is nothing of the kind."""
        if self.beta == 0.0 or len(self.holdings) == 0:
            return None
        narrow = is_narrow(self.holdings, self._by_spot(self.profile)[0])
        if not narrow.any():
            return None
        part = self.holdings.keeping(narrow)
        return Profiled(part, self.signs, self.beta, self.grid, net_gex_profile(part, self.signs, self._grid_spots()))

    def narrow_shocks(self, total: Floats, factor: float) -> Floats:
        """Shocks at which a narrow gamma, times `factor`, could turn the sign of `total` (shape of the grid)."""
        if factor == 0.0:
            return np.zeros(0)
        spots, by_spot = self._by_spot(total)
        closer = points_at_narrow_strikes(self.holdings, self.signs, spots, by_spot, share=factor)
        return (closer / self.holdings.spot - 1.0) / self.beta

    def _grid_spots(self) -> Floats:
        return _spots(self.holdings, self.beta, self.grid)

    def _by_spot(self, values: Floats) -> tuple[Floats, Floats]:
        """The grid as spots and `values` on it, both in ascending order of spot."""
        spots = self._grid_spots()
        return (spots, values) if self.beta > 0.0 else (spots[::-1], values[::-1])


def _spots(holdings: Holdings, beta: float, shocks: Floats) -> Floats:
    return holdings.spot * (1.0 + beta * shocks)


def common_flip(names: Sequence[Profiled], factors: Sequence[float], step: float) -> ZeroGamma:
    """Sign changes of Σ factor · net GEX; the roots are shocks as fractions, and unstable within `step` of one another."""
    pairs = list(zip(names, factors, strict=True))
    grid = names[0].grid
    total = np.sum([factor * one.profile for one, factor in pairs], axis=0)
    narrow = [(part, factor) for one, factor in pairs if factor != 0.0 and (part := one.narrow_part())]
    wide = total - np.sum([factor * part.profile for part, factor in narrow], axis=0)

    def sketch(shocks: Floats) -> Floats:
        return interpolated(grid, wide, shocks) + _total(narrow, shocks)

    roots = sign_changes(
        lambda shocks: _total(pairs, shocks),
        grid,
        total,
        np.unique(np.concatenate([np.zeros(0), *(part.narrow_shocks(total, factor) for part, factor in narrow)])),
        sketch=sketch,
        gross=math.fsum(factor * gross_gex(one.holdings) for one, factor in pairs),
    )
    return ZeroGamma.of(roots.tolist(), here=0.0, step=step, low=float(grid[0]), high=float(grid[-1]))


def _total(pairs: Sequence[tuple[Profiled, float]], shocks: Floats) -> Floats:
    return np.asarray(np.sum([factor * one.net_gex(shocks) for one, factor in pairs], axis=0), dtype=np.float64)


def interpolated(grid: Floats, values: Floats, at: Floats) -> Floats:
    """The cubic through the four points of an evenly spaced `grid` (ascending, at least four) round each of `at`, its shape."""
    place = (at - grid[0]) / (grid[1] - grid[0])
    first = np.clip(np.floor(place).astype(np.int64) - 1, 0, len(grid) - 4)
    t = place - first
    return np.asarray(
        -values[first] * (t - 1.0) * (t - 2.0) * (t - 3.0) / 6.0
        + values[first + 1] * t * (t - 2.0) * (t - 3.0) / 2.0
        - values[first + 2] * t * (t - 1.0) * (t - 3.0) / 2.0
        + values[first + 3] * t * (t - 1.0) * (t - 2.0) / 6.0
    )
