"""Where total net gamma changes sign: every root in a range round spot, the nearest, and how far to trust it.

The flip is a practitioner's construction. It is looked for on a grid of at least 241 spots, finer wherever a contract's gamma is
narrower than a few steps of the grid and tall enough to matter (strikes that expire the same day), and each sign change is then
refined. Source: this project's methodology, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from exposure.dealer import SignPair
from exposure.greeks import Floats
from exposure.holdings import Holdings
from exposure.profile import DEFAULT_WIDTH, GRID_POINTS, gross_gex, net_gex_profile, plain_grid, points_at_narrow_strikes
from exposure.roots import sign_changes


class FlipStatus(StrEnum):
    """What is known of a root: a sign change, one of a pair closer than a strike step, or no sign change in the range."""

    FOUND = "found"
    NONE_IN_RANGE = "none_in_range"
    UNSTABLE = "unstable"


@dataclass(frozen=True, slots=True)
class Root:
    """One sign change of total net GEX; `at` is a spot in dollars, or a shock as a fraction for a basket."""

    at: float
    unstable: bool = False
    """Within one strike step of another root, so that one contract's quote decides whether it exists."""


@dataclass(frozen=True, slots=True)
class ZeroGamma:
    """All sign changes in a range, ascending, and the one nearest to where the market is."""

    status: FlipStatus
    """Of the nearest root, or `none_in_range`."""
    nearest: float | None
    """Spot in dollars (shock as a fraction for a basket); None, never 0, without a root."""
    roots: tuple[Root, ...]
    low: float
    """Lower end of the range that was searched."""
    high: float

    @staticmethod
    def of(roots: Sequence[float], *, here: float, step: float, low: float, high: float) -> ZeroGamma:
        """Judge `roots` (ascending): `here` is where the market is, `step` the distance below which two roots are unstable."""
        gaps = np.diff(roots, prepend=-np.inf, append=np.inf)
        judged = tuple(
            Root(at, bool(min(before, after) <= step)) for at, before, after in zip(roots, gaps, gaps[1:], strict=False)
        )
        if not judged:
            return ZeroGamma(FlipStatus.NONE_IN_RANGE, None, (), low, high)
        nearest = min(judged, key=lambda root: abs(root.at - here))
        return ZeroGamma(FlipStatus.UNSTABLE if nearest.unstable else FlipStatus.FOUND, nearest.at, judged, low, high)


def zero_gamma(holdings: Holdings, signs: SignPair, *, width: float = DEFAULT_WIDTH, points: int = GRID_POINTS) -> ZeroGamma:
    """Every spot within `width` (a fraction) of today's at which total net GEX under `signs` changes sign.

    `points` is the size of the grid before it is made finer. Raises ValueError unless 0 < width < 1.
    """
    spots = plain_grid(holdings.spot * (1.0 - width), holdings.spot * (1.0 + width), points)
    return zero_gamma_on(holdings, signs, spots, net_gex_profile(holdings, signs, spots))


def zero_gamma_on(holdings: Holdings, signs: SignPair, spots: Floats, profile: Floats) -> ZeroGamma:
    """The same for the range of a grid of `spots` (ascending, dollars) on which `profile` is known."""
    roots = sign_changes(
        lambda at: net_gex_profile(holdings, signs, at),
        spots,
        profile,
        points_at_narrow_strikes(holdings, signs, spots, profile),
        gross=gross_gex(holdings),
    )
    step = holdings.strike_step(holdings.spot)
    return ZeroGamma.of(roots.tolist(), here=holdings.spot, step=step, low=float(spots[0]), high=float(spots[-1]))
